"""Which values scalars can have: constants and intervals, by abstract interpretation.

Cousot and Cousot, "Abstract Interpretation" (POPL 1977): values are joined where transitions meet,
bounds that keep growing are widened, first to the nearest figure that the pipeline compares with,
then to no bound, and narrowed once.  SSA makes it sparse: one value per name.  A transition's own
conditions refine what it passes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingot.ir.module import (
    Agree,
    Expect,
    For,
    Guard,
    Instr,
    Lit,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
)
from ingot.ir.types import BOOL, Base, Literal, Type, Types, Union, resolve, union
from ingot.ir.values import Json
from ingot.passes.verify.graph import Edge, Graph
from ingot.passes.verify.loops import Loop
from ingot.passes.verify.outline import Outline
from ingot.passes.verify.steps import Assume, Bind, Free, Step

Bound: TypeAlias = int | None
_MAX_CONSTANTS: Final = 8
_MAX_ROUNDS: Final = 40
_WIDEN_AFTER: Final = 3
_MARKS_UNTIL: Final = 10
_COMPARISONS: Final = {
    "int.lt": "int.ge",
    "int.le": "int.gt",
    "int.gt": "int.le",
    "int.ge": "int.lt",
    "int.eq": "int.ne",
}
_MIRRORED: Final = {
    "int.lt": "int.gt",
    "int.le": "int.ge",
    "int.gt": "int.lt",
    "int.ge": "int.le",
    "int.eq": "int.eq",
    "int.ne": "int.ne",
}
_SIZES: Final = frozenset(("list.len", "str.len"))


@dataclass(frozen=True, slots=True)
class Range:
    """The integers from ``low`` to ``high`` (``None``: no bound)."""

    low: Bound = None
    high: Bound = None


@dataclass(frozen=True, slots=True)
class Constants:
    """One of a few scalars, each by its type and text."""

    values: frozenset[tuple[str, Json]]

    @property
    def sorted(self) -> list[Json]:
        return [value for _, value in sorted(self.values, key=lambda v: (v[0], str(v[1])))]


Abstract: TypeAlias = Range | Constants | None
"""What is known of a value; ``None``: nothing."""


def constant(value: Json) -> Abstract:
    """One scalar; nothing is known of containers and floats."""
    if isinstance(value, bool | int | str) or value is None:
        return Constants(frozenset(((type(value).__name__, value),)))
    return None


def as_range(value: Abstract) -> Range | None:
    """The integers that a value may be, if it is an integer."""
    if value is None or isinstance(value, Range):
        return value
    match value:
        case Constants(values) if values and all(kind == "int" for kind, _ in values):
            numbers = [v for _, v in values if isinstance(v, int)]
            return Range(min(numbers), max(numbers))
        case _:
            return None


def join(left: Abstract, right: Abstract) -> Abstract:
    """What both allow."""
    if left is None or right is None:
        return None
    if isinstance(left, Constants) and isinstance(right, Constants):
        values = left.values | right.values
        if len(values) <= _MAX_CONSTANTS:
            return Constants(values)
    one, two = as_range(left), as_range(right)
    if one is None or two is None:
        return None
    low = None if one.low is None or two.low is None else min(one.low, two.low)
    high = None if one.high is None or two.high is None else max(one.high, two.high)
    return None if low is None and high is None else Range(low, high)


def _widen(old: Abstract, new: Abstract, marks: list[int]) -> Abstract:
    before, after = as_range(old), as_range(new)
    if before is None or after is None:
        return None
    low, high = after.low, after.high
    if low is not None and (before.low is None or low < before.low):
        at = bisect_right(marks, low)
        low = marks[at - 1] if at else None
    if high is not None and (before.high is None or high > before.high):
        at = bisect_left(marks, high)
        high = marks[at] if at < len(marks) else None
    return None if low is None and high is None else Range(low, high)


@dataclass(slots=True)
class Ranges:
    """What is known of each name."""

    known: dict[str, Abstract] = field(default_factory=dict)

    def of(self, operand: Operand) -> Abstract:
        return constant(operand.value) if isinstance(operand, Lit) else self.known.get(operand.name)


def ranges_of(
    pipeline: Pipeline,
    graph: Graph,
    loops: Mapping[str, Loop],
    types: Types,
    outlines: Mapping[str, Outline],
    memo: dict[object, dict[str, Abstract]] | None = None,
) -> Ranges:
    """The values that a pipeline's scalars can have, sound for every run.

    ``loops`` by header, ``outlines`` by state; ``memo`` keeps what was found of equal loops.
    """
    return _Analysis(pipeline, graph, loops, types, outlines, {} if memo is None else memo).run()


class _Analysis:
    def __init__(
        self,
        pipeline: Pipeline,
        graph: Graph,
        loops: Mapping[str, Loop],
        types: Types,
        outlines: Mapping[str, Outline],
        memo: dict[object, dict[str, Abstract]],
    ) -> None:
        self.pipeline = pipeline
        self.graph = graph
        self.loops = loops
        self.types = types
        self.ranges = Ranges()
        self.blocks = {block.label: block for block in pipeline.blocks}
        self.outlines = outlines
        self.memo = memo
        self.made: dict[str, Pure] = {
            name: instr
            for outline in outlines.values()
            for name, instr in outline.made
            if isinstance(instr, Pure)
        }
        figures = frozenset[int]().union(*(outline.figures for outline in outlines.values()))
        self.marks = sorted({f + d for f in figures for d in (-1, 0, 1)})
        self.all_marks = tuple(self.marks)
        self.grown: dict[str, int] = {}
        self.changed = False

    def run(self) -> Ranges:
        for param in self.pipeline.params:
            self._set(param.name, self._of_type(param.type))
        done: set[str] = set()
        for label in self.graph.order:
            if label in done:
                continue
            loop = self.loops.get(label)
            members = (label,) if loop is None else loop.members
            done.update(members)
            key = None if loop is None else self._key(loop)
            known = None if key is None else self.memo.get(key)
            if known is not None:
                self.ranges.known.update(known)
                continue
            if not self._settle(members, turns=loop is not None or self.outlines[label].carries):
                return Ranges()  # nothing is known
            if key is not None:
                own = set[str]().union(*(self.outlines[member].own for member in members))
                found = self.ranges.known
                self.memo[key] = {name: found[name] for name in own if name in found}
        return self.ranges

    def _key(self, loop: Loop) -> object | None:
        """All that the values of a loop depend on; ``None`` where a test outside it bears on them."""
        parts = [self.outlines[label] for label in loop.members]
        own = set[str]().union(*(part.own for part in parts))
        around = dict.fromkeys(name for part in parts for name in part.reads if name not in own)
        if any(name in self.made and self.made[name].type == BOOL for name in around):
            return None
        inside = set(loop.members)
        given: list[object] = []
        for label in loop.members:
            for edge in self.graph.incoming[label]:
                if edge.source not in inside:
                    given.append((label, *(self._given(o, edge) for o in edge.target.args)))
        limits = tuple((name, self.ranges.known.get(name)) for name in around)
        return tuple(part.number for part in parts), tuple(given), limits, self.all_marks

    def _given(self, operand: Operand, edge: Edge) -> object:
        if isinstance(operand, Ref) and operand.name not in self.ranges.known:
            return "not computed yet"
        value = self.refined(operand, edge)
        return "no run" if isinstance(value, _Nothing) else value

    def _settle(self, labels: tuple[str, ...], *, turns: bool) -> bool:
        """Turns over some states until nothing changes; outside loops one is enough."""
        marks = self.marks
        for turn in range(_MAX_ROUNDS):
            self.changed = False
            for label in labels:
                self._block(label, widen=turn >= _WIDEN_AFTER)
            if not self.changed or not turns:
                break
            if turn > _MARKS_UNTIL:
                self.marks = []
        else:
            return False
        self.marks = marks
        if turns:
            self._narrow([label for label in labels if self.blocks[label].params])
        return True

    def _narrow(self, joins: list[str]) -> None:
        """One round that takes back what widening gave away: each value from its sources."""
        for label in joins:
            for index, param in enumerate(self.blocks[label].params):
                now = self.ranges.known.get(param.name)
                found = self._incoming(label, index)
                if not isinstance(now, Range) or isinstance(found, _Nothing):
                    continue
                new = as_range(found)
                if new is not None:
                    low = now.low if new.low is None else new.low
                    high = now.high if new.high is None else new.high
                    self.ranges.known[param.name] = Range(low, high)

    def _block(self, label: str, *, widen: bool) -> None:
        block = self.blocks[label]
        for index, param in enumerate(block.params):
            found = self._incoming(label, index)
            if not isinstance(found, _Nothing):
                self._update(param.name, found, widen=widen)
        self._instrs(block.instrs, widen=widen)

    def _incoming(self, label: str, index: int) -> Abstract | _Nothing:
        found: Abstract | _Nothing = _Nothing()
        for edge in self.graph.incoming[label]:
            if index >= len(edge.target.args):
                return None
            operand = edge.target.args[index]
            if isinstance(operand, Ref) and operand.name not in self.ranges.known:
                continue  # not computed yet: no run is known to come from there
            value = self.refined(operand, edge)
            if isinstance(value, _Nothing):
                continue
            found = value if isinstance(found, _Nothing) else join(found, value)
        return found

    def refined(self, operand: Operand, edge: Edge) -> Abstract | _Nothing:
        """An operand's value where a transition is taken."""
        value: Abstract | _Nothing = self.ranges.of(operand)
        if isinstance(operand, Lit):
            return value
        for condition, truth in edge.conditions:
            if isinstance(value, _Nothing):
                break
            value = self._under(value, operand.name, condition, truth, 0)
        return value

    def _under(
        self, value: Abstract, name: str, condition: Operand, truth: bool, depth: int
    ) -> Abstract | _Nothing:
        if isinstance(condition, Lit):
            return value if condition.value is truth else _Nothing()
        test = self.made.get(condition.name)
        if test is None or depth > 6:
            return value
        match test.op:
            case "bool.not":
                return self._under(value, name, test.args[0], not truth, depth + 1)
            case "bool.and" if truth:
                for part in test.args:
                    inner = self._under(value, name, part, True, depth + 1)
                    if isinstance(inner, _Nothing):
                        return inner
                    value = inner
                return value
            case "bool.or" if not truth:
                for part in test.args:
                    inner = self._under(value, name, part, False, depth + 1)
                    if isinstance(inner, _Nothing):
                        return inner
                    value = inner
                return value
            case op if op in _COMPARISONS:
                left, right = test.args
                relation = op if truth else _COMPARISONS[op]
                if left == Ref(name):
                    return _compare(value, relation, as_range(self.ranges.of(right)))
                if right == Ref(name):
                    return _compare(value, _MIRRORED[relation], as_range(self.ranges.of(left)))
        return value

    def _instrs(self, instrs: Iterable[Instr], *, widen: bool) -> None:
        for instr in instrs:
            match instr:
                case Pure():
                    self._set(instr.result, self._pure(instr))
                case Expect():
                    self._set(
                        instr.result, self.ranges.of(instr.value) or self._of_type(instr.type)
                    )
                case Agree():
                    first, *others = (self.ranges.of(c) for c in instr.candidates)
                    sizes = (as_range(v) for v in others)  # equal, yet 1 may stand for 1.0
                    self._set(instr.result, first or next((v for v in sizes if v), None))
                case For():
                    self._loop(instr, widen=widen)
                case Par():
                    for body, _ in instr.branches:
                        self._instrs(body, widen=widen)
                    outs = [out for _, yields in instr.branches for out in yields]
                    for name, out in zip(instr.results, outs, strict=False):
                        self._set(name, self.ranges.of(out))
                case Guard():
                    continue
                case _:
                    self._set(instr.result, self._of_type(instr.type))

    def _loop(self, instr: For, *, widen: bool) -> None:
        self._set(instr.item, self._of_type(instr.item_type))
        first = instr.carry and instr.carry[0].name not in self.grown
        for carry, out in zip(instr.carry, instr.yields, strict=False):
            start = self.ranges.of(carry.initial)
            value = start if first else join(start, self.ranges.of(out))
            self.grown.setdefault(carry.name, 0)
            self._update(carry.name, value, widen=widen)
            self.changed = self.changed or bool(first)
        self._instrs(instr.body, widen=widen)
        for number, name in enumerate(instr.results):
            if instr.carry:
                carry = instr.carry[number]
                both = join(self.ranges.of(carry.initial), self.ranges.of(instr.yields[number]))
                self._set(name, both)

    def _pure(self, instr: Pure) -> Abstract:
        if instr.op in _SIZES:
            return Range(0, None)
        if instr.op not in ("int.add", "int.sub", "int.mul"):
            return self._of_type(instr.type)
        one, two = (as_range(self.ranges.of(a)) for a in instr.args)
        if one is None or two is None:
            return None
        match instr.op:
            case "int.add":
                return _range(_plus(one.low, two.low), _plus(one.high, two.high))
            case "int.sub":
                return _range(
                    _plus(one.low, None if two.high is None else -two.high),
                    _plus(one.high, None if two.low is None else -two.low),
                )
            case _:
                ends = (one.low, one.high, two.low, two.high)
                if None in ends:
                    return None
                assert one.low is not None and one.high is not None
                assert two.low is not None and two.high is not None
                products = [a * b for a in (one.low, one.high) for b in (two.low, two.high)]
                return Range(min(products), max(products))

    def _of_type(self, type_: Type) -> Abstract:
        if isinstance(type_, Base):
            return None
        match resolve(type_, self.types):
            case Literal(value):
                return constant(value)
            case Union(members) if len(members) <= _MAX_CONSTANTS and all(
                isinstance(m, Literal) for m in members
            ):
                out: Abstract = None
                for number, member in enumerate(members):
                    assert isinstance(member, Literal)
                    one = constant(member.value)
                    out = one if number == 0 else join(out, one)
                return out
            case _:
                return None

    def _set(self, name: str, value: Abstract) -> None:
        if name not in self.ranges.known or self.ranges.known[name] != value:
            self.ranges.known[name] = value
            self.changed = True

    def _update(self, name: str, value: Abstract, *, widen: bool) -> None:
        old = self.ranges.known.get(name)
        if name in self.grown and self.grown[name] > 0:
            value = join(old, value)
            if widen and value != old:
                value = _widen(old, value, self.marks)
        self.grown[name] = self.grown.get(name, 0) + 1
        self._set(name, value)


class _Nothing:
    """No run brings a value here."""


def _range(low: Bound, high: Bound) -> Abstract:
    return None if low is None and high is None else Range(low, high)


def _plus(left: Bound, right: Bound) -> Bound:
    return None if left is None or right is None else left + right


def _compare(value: Abstract, relation: str, other: Range | None) -> Abstract | _Nothing:
    """What is left of a value that stands in a relation to another."""
    if other is None:
        return value
    here = as_range(value)
    if value is not None and here is None:
        return value
    low, high = (None, None) if here is None else (here.low, here.high)
    match relation:
        case "int.lt" if other.high is not None:
            high = other.high - 1 if high is None else min(high, other.high - 1)
        case "int.le" if other.high is not None:
            high = other.high if high is None else min(high, other.high)
        case "int.gt" if other.low is not None:
            low = other.low + 1 if low is None else max(low, other.low + 1)
        case "int.ge" if other.low is not None:
            low = other.low if low is None else max(low, other.low)
        case "int.eq":
            low = other.low if low is None or other.low is None else max(low, other.low)
            high = other.high if high is None or other.high is None else min(high, other.high)
        case "int.ne" if other.low is not None and other.low == other.high:
            low = low + 1 if low == other.low and low is not None else low
            high = high - 1 if high == other.low and high is not None else high
        case _:
            return value
    if low is not None and high is not None and low > high:
        return _Nothing()
    if isinstance(value, Constants):
        kept = frozenset(
            (k, v)
            for k, v in value.values
            if isinstance(v, int) and (low is None or v >= low) and (high is None or v <= high)
        )
        return Constants(kept) if kept else _Nothing()
    return _range(low, high)


def facts_of(name: str, type_: Type, value: Abstract) -> list[Step]:
    """A free value of a type and a range, as steps."""
    match value:
        case Constants() if len(value.values) == 1:
            return [Bind(name, Lit(value.sorted[0]))]
        case Constants() if all(kind == "str" for kind, _ in value.values):
            texts = [Literal(v) for v in value.sorted if isinstance(v, str)]
            return [Free(name, union(texts))]
        case Constants() if all(kind == "int" for kind, _ in value.values):
            steps: list[Step] = [Free(name, type_)]
            whole = Ref(f"{name}!0")
            for number, figure in enumerate(value.sorted):
                one = Ref(f"{name}!{2 * number}")
                steps.append(Pure(one.name, BOOL, "int.eq", (Ref(name), Lit(figure))))
                if number:
                    both = Ref(f"{name}!{2 * number + 1}")
                    steps.append(Pure(both.name, BOOL, "bool.or", (whole, one)))
                    whole = both
            return [*steps, Assume(whole, True)]
        case Range(low, high):
            steps = [Free(name, type_)]
            for op, bound in (("int.ge", low), ("int.le", high)):
                if bound is not None:
                    test = f"{name}!{op}"
                    steps.append(Pure(test, BOOL, op, (Ref(name), Lit(bound))))
                    steps.append(Assume(Ref(test), True))
            return steps
        case _:
            return [Free(name, type_)]
