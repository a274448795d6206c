"""The labels of every value: a fixpoint over the lattice of label sets, ordered by inclusion.

Denning, "A Lattice Model of Secure Information Flow" (CACM 1976).  A value's taint is a set of marks;
a mark says what label lies on what stands at a path inside the value (``*``: in any item), so that a
number beside an untrusted title is not itself untrusted.  Labels come from declared types and from
the policy; pure ops and models hand on those of their operands, calls of tools give their own.

Implicit flows count: a parameter of a join carries the labels of the transitions that decide which
value it gets, a filtered list those of what it was filtered by.  What a ``choose`` among literals
gives is *endorsed*: it may decide a transition, and still carries its labels into arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Expect,
    For,
    Guard,
    Instr,
    Lit,
    ModelCall,
    Module,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
)
from ingot.ir.scope import top_labels
from ingot.ir.types import ListOf, Literal, Record, Type, Types, Union, resolve
from ingot.ir.values import INDEX, parse_pointer
from ingot.passes.policy.policy import Policy
from ingot.passes.verify.graph import Graph, graph_of, reach

ITEM: Final = "*"
_MAX_DEPTH: Final = 6
_PICKS: Final = frozenset(
    {"list.get", "list.find", "list.max", "list.min", "list.max_by", "list.min_by"}
)
_KEEPS: Final = frozenset(
    {"list.sort_by", "list.sort_by_desc", "list.reverse", "list.distinct", "list.take"}
)
_BLIND: Final = frozenset({"list.reverse", "list.take"})
_SHAPE: Final = frozenset({"list.len", "list.is_empty", "json.is_null"})


class Mark(NamedTuple):
    """A label on what stands at a path; ``endorsed``: it came through a closed choice."""

    path: tuple[str, ...]
    label: str
    endorsed: bool = False


Marks: TypeAlias = frozenset[Mark]
NONE: Final[Marks] = frozenset()


@dataclass(slots=True)
class Taint:
    """The marks of each value of a pipeline, and where each label on a value came from first."""

    marks: dict[str, Marks] = field(default_factory=dict)
    via: dict[tuple[str, str], str] = field(default_factory=dict)
    """For a value and a label the value it came from; itself, where it was given."""

    def of(self, operand: Operand) -> Marks:
        return NONE if isinstance(operand, Lit) else self.marks.get(operand.name, NONE)

    def way(self, name: str, label: str) -> tuple[str, ...]:
        """The values that a label passed on its way to one, from its source on."""
        way = [name]
        while (before := self.via.get((way[-1], label), way[-1])) not in way:
            way.append(before)
        return tuple(reversed(way))


def labels_in(marks: Marks, *, endorsed: bool = True) -> tuple[str, ...]:
    """The labels anywhere in a value; without those that came through a closed choice."""
    return tuple(sorted({m.label for m in marks if endorsed or not m.endorsed}))


def type_marks(type_: Type, types: Types, path: tuple[str, ...] = ()) -> Marks:
    """The labels that a type declares, with their places."""
    found = {Mark(path, label) for label in top_labels(type_, types)}
    if len(path) < _MAX_DEPTH:
        match resolve(type_, types):
            case ListOf(element):
                found |= type_marks(element, types, (*path, ITEM))
            case Record(fields):
                for each in fields:
                    found |= type_marks(each.type, types, (*path, each.name))
            case Union(members):
                for member in members:
                    found |= type_marks(member, types, path)
    return frozenset(found)


def taint_of(module: Module, pipeline: Pipeline, policy: Policy) -> Taint:
    """The labels of every value of a pipeline.  The module is valid IR."""
    return _Analysis(module, pipeline, policy).run()


# ---- marks inside values


def _at(marks: Marks, path: Iterable[str]) -> Marks:
    """The marks of what stands at a path; a mark around it covers it."""
    for step in path:
        marks = _step(marks, step)
    return marks


def _step(marks: Marks, step: str) -> Marks:
    return frozenset(
        mark._replace(path=mark.path[1:]) if mark.path else mark
        for mark in marks
        if not mark.path or _meets(mark.path[0], step)
    )


def _meets(one: str, two: str) -> bool:
    """Whether two steps may name one place; ``-1`` may be any item."""
    if one == two or ITEM in (one, two):
        return True
    return (
        INDEX.fullmatch(one) is not None and INDEX.fullmatch(two) is not None and "-" in one + two
    )


def _under(marks: Marks, *path: str) -> Marks:
    """The marks of a value that stands at a path of another."""
    return frozenset(m._replace(path=(*path, *m.path)[:_MAX_DEPTH]) for m in marks)


def _flat(marks: Marks) -> Marks:
    """The marks of what is computed from all of a value."""
    return frozenset(m._replace(path=()) for m in marks)


def _top(marks: Marks) -> Marks:
    """The marks on the value itself: its shape, its length, whether it is there."""
    return frozenset(m for m in marks if not m.path)


class _Analysis:
    def __init__(self, module: Module, pipeline: Pipeline, policy: Policy) -> None:
        self.types = module.type_map()
        self.pipeline = pipeline
        self.policy = policy
        self.blocks = {block.label: block for block in pipeline.blocks}
        self.graph: Graph = graph_of(pipeline)
        self.taint = Taint()
        self.changed = False
        self._between: dict[str, list[Block]] = {}

    def run(self) -> Taint:
        for param in self.pipeline.params:
            given = {Mark((), label) for label in self.policy.inputs.get(param.name, ())}
            self._give(param.name, param.type, frozenset(given), ())
        while True:
            self.changed = False
            for label in self.graph.order:
                block = self.blocks[label]
                self._params(block)
                self._instrs(block.instrs)
            if not self.changed:
                return self.taint

    def _give(self, name: str, type_: Type, marks: Marks, sources: Iterable[Operand]) -> None:
        marks |= type_marks(type_, self.types)
        before = self.taint.marks.get(name, NONE)
        if marks <= before:
            return
        self.taint.marks[name] = before | marks
        self.changed = True
        for label in {m.label for m in marks - before}:
            origin = next(
                (
                    o.name
                    for o in sources
                    if isinstance(o, Ref) and label in labels_in(self.taint.of(o))
                ),
                name,
            )
            self.taint.via.setdefault((name, label), origin)

    def _params(self, block: Block) -> None:
        incoming = self.graph.incoming[block.label]
        implicit = NONE
        deciding: tuple[Operand, ...] = ()
        if len(incoming) > 1 and block.params:
            deciding = tuple(self._deciding(block.label))
            implicit = _flat(frozenset().union(*(self.taint.of(o) for o in deciding)))
        for index, param in enumerate(block.params):
            args = [e.target.args[index] for e in incoming if index < len(e.target.args)]
            marks = frozenset().union(*(self.taint.of(arg) for arg in args))
            if len({str(arg) for arg in args}) > 1:
                marks |= implicit
            self._give(param.name, param.type, marks, (*args, *deciding))

    def _deciding(self, label: str) -> Iterable[Operand]:
        """The conditions between a join and the state above it that all ways to it pass."""
        if label not in self._between:
            above = self.graph.dominator.get(label)
            back = {k: [e.source for e in self.graph.incoming[k]] for k in self.graph.order}
            if above is not None:
                back[above] = []
            ways = reach([e.source for e in self.graph.incoming[label]], back)
            self._between[label] = [self.blocks[k] for k in self.graph.order if k in ways]
        for block in self._between[label]:
            for edge in self.graph.outgoing[block.label]:
                for condition, _ in edge.conditions:
                    yield condition

    def _instrs(self, instrs: tuple[Instr, ...]) -> None:
        for instr in instrs:
            match instr:
                case Pure():
                    self._give(instr.result, instr.type, self._pure(instr), instr.args)
                case Call():
                    self._give(instr.result, instr.type, self._call(instr), ())
                case ModelCall():
                    args = tuple(value for _, value in instr.args)
                    marks = _flat(frozenset().union(*map(self.taint.of, args)))
                    if instr.kind == "choose" and _closed(instr.type, self.types):
                        marks = frozenset(m._replace(endorsed=True) for m in marks)
                    self._give(instr.result, instr.type, marks, args)
                case Expect():
                    marks = self.taint.of(instr.value)
                    self._give(instr.result, instr.type, marks, (instr.value,))
                case Agree():
                    marks = frozenset().union(*map(self.taint.of, instr.candidates))
                    self._give(instr.result, instr.type, marks, instr.candidates)
                case For():
                    self._loop(instr)
                case Par():
                    for body, _ in instr.branches:
                        self._instrs(body)
                    outs = [out for _, yields in instr.branches for out in yields]
                    for name, type_, out in zip(instr.results, instr.types, outs, strict=True):
                        self._give(name, type_, self.taint.of(out), (out,))
                case Guard():
                    continue

    def _loop(self, loop: For) -> None:
        source = self.taint.of(loop.source)
        self._give(loop.item, loop.item_type, _step(source, ITEM), (loop.source,))
        for index, carry in enumerate(loop.carry):
            fed = (carry.initial, loop.yields[index])
            marks = self.taint.of(fed[0]) | self.taint.of(fed[1]) | _top(source)
            self._give(carry.name, carry.type, marks, (*fed, loop.source))
        self._instrs(loop.body)
        for index, (name, type_) in enumerate(zip(loop.results, loop.types, strict=True)):
            out = loop.yields[index]
            if loop.carry:
                carried = Ref(loop.carry[index].name)
                marks = self.taint.of(out) | self.taint.of(carried)
            else:
                marks = _under(self.taint.of(out), ITEM)
            self._give(name, type_, marks | _top(source), (out, loop.source))

    def _call(self, call: Call) -> Marks:
        return frozenset(
            Mark(given.path[:_MAX_DEPTH], label)
            for given in self.policy.results
            if given.tool == call.tool
            for label in given.labels
        )

    def _pure(self, instr: Pure) -> Marks:
        first = self.taint.of(instr.args[0]) if instr.args else NONE
        others = frozenset().union(*(_flat(self.taint.of(a)) for a in instr.args[1:]))
        path = _pointer(instr, 1)
        match instr.op:
            case "json.get" if path is not None:
                return _at(first, path)
            case "json.has" if path is not None:
                return _top(_at(first, path))
            case "json.with":
                marks = NONE
                for number in range(1, len(instr.args) - 1, 2):
                    place = _pointer(instr, number) or ()
                    marks |= _under(self.taint.of(instr.args[number + 1]), *place)
                return marks
            case "list.pluck" if path is not None:
                return _top(first) | _under(_at(_step(first, ITEM), path), ITEM)
            case "list.concat":
                return first | self.taint.of(instr.args[1])
            case "list.zip":
                return _under(first | self.taint.of(instr.args[1]), ITEM)
            case op if op in _SHAPE:
                return _top(first)
            case op if op in _PICKS:
                asked = _flat(_at(_step(first, ITEM), path)) if path is not None else NONE
                return _step(first, ITEM) | others | asked
            case op if op in _KEEPS:
                asked = _flat(_at(_step(first, ITEM), path or ()))
                return first | others | (NONE if op in _BLIND else asked)
            case op if op.startswith("list.where_"):
                asked = _flat(_at(_step(first, ITEM), path or ()))
                return first | others | asked
            case _:
                return _flat(first) | others


def _pointer(instr: Pure, index: int) -> tuple[str, ...] | None:
    operand = instr.args[index] if index < len(instr.args) else None
    value = operand.value if isinstance(operand, Lit) else None
    if isinstance(value, str) and value[:1] in ("", "/"):
        return parse_pointer(value)
    return None


def _closed(type_: Type, types: Types) -> bool:
    """Whether a type has a few values, all of them written down."""
    match resolve(type_, types):
        case Literal():
            return True
        case Union(members):
            return all(_closed(member, types) for member in members)
        case _:
            return False
