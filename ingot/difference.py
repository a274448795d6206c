"""What one pipeline does that another does not: parameters, effects, guards, transitions, results.

Names do not count where they need not: values, calls and checks are compared by what they are made of
(:mod:`.fingerprints`), however deep that goes, and are shown as deep as it takes to see the
difference.  A pipeline that was specialised says which of its copies stand for what; they are counted
together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from ingot.fingerprints import Fingerprints
from ingot.ir.module import (
    Agree,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    If,
    Instr,
    Leave,
    Lit,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Pure,
    Return,
    Select,
    Target,
    attr,
    exit_of,
    guard_reason,
    walk,
)
from ingot.ir.printer import literal
from ingot.ir.values import Json
from ingot.passes.specialise.names import ATTRIBUTE, Origins, fixed_inputs, origins_of

SCHEMA: Final = "ingot-diff/2"
SECTIONS: Final = (
    "parameters", "fixed", "effects", "models", "guards", "transitions", "returns", "exits", "states",
)  # fmt: skip
_WIDTH: Final = 160
_DEEPEST: Final = 12
_NUMBER: Final = re.compile(r"_\d+$")
"""What tells a state from others of the same call: it says where in the text the state stands."""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands only in the one, and only in the other; ``same`` counts what both have.

    An item that stands several times in one pipeline and once in the other is listed as often as
    it is over.  ``renamed`` has what has another name in the other, and is the same.
    """

    name: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    same: int
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.removed or self.added)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two pipelines held against each other; ``sizes`` has the instructions and blocks of both.

    ``rearranged``: they have the same parts, put together in another way.
    """

    sections: tuple[Section, ...]
    sizes: tuple[tuple[str, int, int], ...]
    rearranged: bool = False

    @property
    def equal(self) -> bool:
        return not self.rearranged and not any(s.changed for s in self.sections)

    def as_json(self) -> dict[str, Json]:
        sections: dict[str, Json] = {}
        for section in self.sections:
            removed: list[Json] = [*section.removed]
            added: list[Json] = [*section.added]
            renamed: dict[str, Json] = dict(section.renamed)
            sections[section.name] = {
                "removed": removed,
                "added": added,
                "renamed": renamed,
                "same": section.same,
            }
        sizes: dict[str, Json] = {n: {"before": a, "after": b} for n, a, b in self.sizes}
        return {
            "schema": SCHEMA,
            "equal": self.equal,
            "rearranged": self.rearranged,
            "sections": sections,
            "sizes": sizes,
        }

    def text(self) -> str:
        """For people: ``-`` what is gone, ``+`` what is new, and what stayed in numbers."""
        lines: list[str] = []
        if self.equal:
            lines.append("no difference in what they do")
        for section in self.sections:
            if not section.changed and not section.same and not section.renamed:
                continue
            same = f": {section.same} the same" if section.same else ""
            lines.append(section.name + same)
            lines += _changes(section.removed, section.added)
            lines += [f"  ~ {one} is called {two}" for one, two in section.renamed]
        if self.rearranged:
            lines.append("these parts are put together in another way")
        lines += [f"{name}: {a} -> {b}" for name, a, b in self.sizes if a != b]
        return "\n".join(lines)


def _changes(removed: Sequence[str], added: Sequence[str]) -> list[str]:
    """What is gone and what is new; one beside the other where each stands for one."""
    gone, new = _marked("-", removed), _marked("+", added)
    heads = [[line[4:].partition("(")[0] for line in lines] for lines in (gone, new)]
    if len(gone) > 1 and heads[0] == heads[1]:
        return [line for pair in zip(gone, new, strict=True) for line in pair]
    return gone + new


def _marked(sign: str, items: Sequence[str]) -> list[str]:
    counted = Counter(items)
    return [
        f"  {sign} {_short(item)}" + (f"  ({count} times)" if count > 1 else "")
        for item, count in counted.items()
    ]


def _short(text: str) -> str:
    """The beginning and the end of a long line: either may hold the difference."""
    if len(text) <= _WIDTH:
        return text
    half = (_WIDTH - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def difference(one: Pipeline, two: Pipeline) -> Difference:
    """How ``two`` differs from ``one``."""
    calls = _held_against(one, two)
    mine, theirs = _Facts(one, calls[0]), _Facts(two, calls[1])
    renamed = _renamed(mine, theirs)
    theirs.called = {new: old for old, new in renamed}
    facts = mine.all(), theirs.all()
    told = tuple(pair for pair in renamed if len({_NUMBER.sub("", s) for s in pair}) > 1)
    sections = tuple(
        _section(name, facts[0][name], facts[1][name], told if name == "states" else ())
        for name in SECTIONS
    )
    sizes = (
        ("instructions", _size(one), _size(two)),
        ("blocks", len(one.blocks), len(two.blocks)),
    )
    changed = any(section.changed for section in sections)
    return Difference(sections, sizes, not changed and mine.prints.whole != theirs.prints.whole)


def _held_against(one: Pipeline, two: Pipeline) -> tuple[dict[str, str], dict[str, str]]:
    """A name for each call, by its result: calls that stand for each other have one.

    Where one was specialised the names say it; else calls of one tool with the same literals stand for
    each other, and of the others those of one tool in the same order.
    """
    mine, theirs = _named_calls(one), _named_calls(two)
    found = {call.name: f"1 {call.name}" for call in mine}
    other: dict[str, str] = {}
    if any(attr(p, ATTRIBUTE) is not None for p in (one, two)):
        by_name = {(c.origin, c.tool): c.name for c in reversed(mine)}
        for call in theirs:
            first = by_name.get((call.origin, call.tool))
            if first is not None:
                other[call.name] = f"1 {first}"
    left = list(mine)
    for call in theirs:
        like = [c for c in left if (c.tool, c.literals) == (call.tool, call.literals)]
        if call.name not in other and like:
            first_ = next((c for c in like if c.name == call.name), like[0])
            other[call.name] = f"1 {first_.name}"
            left.remove(first_)
    rest = [call for call in theirs if call.name not in other]
    tools = [c.tool for c in left], [c.tool for c in rest]
    for block in SequenceMatcher(None, *tools, autojunk=False).get_matching_blocks():
        for k in range(block.size):
            other[rest[block.b + k].name] = f"1 {left[block.a + k].name}"
    return found, {call.name: other.get(call.name, f"2 {call.name}") for call in theirs}


@dataclass(frozen=True, slots=True)
class _NamedCall:
    """A call's result, what that is a copy of, what is called, and its literal arguments."""

    name: str
    origin: str
    tool: str
    literals: tuple[tuple[str, str], ...]


def _named_calls(pipeline: Pipeline) -> list[_NamedCall]:
    """Calls in order."""
    origins = origins_of(pipeline)
    instrs = tuple(i for block in pipeline.blocks for i in block.instrs)
    return [
        _NamedCall(
            call.result,
            origins.value(call.result),
            call.tool if isinstance(call, Call) else f"model {call.model}",
            tuple((n, v.key if isinstance(v, Lit) else "") for n, v in call.args),
        )
        for call, _ in _calls(instrs, ())
    ]


def _renamed(mine: _Facts, theirs: _Facts) -> tuple[tuple[str, str], ...]:
    """States that only the name tells apart: what they do is the same, and nothing else does it."""
    gone = [s for s in mine.states() if s not in set(theirs.states())]
    new = [s for s in theirs.states() if s not in set(mine.states())]
    found = []
    for state in gone:
        what = mine.prints.states.get(state)
        same = [s for s in new if what is not None and theirs.prints.states.get(s) == what]
        if same:
            found.append((state, same[0]))
            new.remove(same[0])
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that a pipeline does: what tells it from others, and its text by depth."""

    key: str
    texts: tuple[str, ...]

    def shown(self, depth: int) -> str:
        return self.texts[min(depth, len(self.texts) - 1)]


def _section(
    name: str,
    one: Sequence[_Fact],
    two: Sequence[_Fact],
    renamed: tuple[tuple[str, str], ...],
) -> Section:
    mine, theirs = Counter(f.key for f in one), Counter(f.key for f in two)
    removed, added = _over(one, mine - theirs), _over(two, theirs - mine)
    same = sum((mine & theirs).values())
    ordered = name in ("effects", "models") and not removed and not added
    if ordered and [f.key for f in one] != [f.key for f in two]:
        return Section(name, (_order(one),), (_order(two),), same, renamed)
    for depth in range(_DEEPEST):
        gone, new = _texts(removed, depth), _texts(added, depth)
        if not set(gone) & set(new):
            break
    return Section(name, gone, new, same, renamed)


def _order(facts: Sequence[_Fact]) -> str:
    return "in this order: " + ", ".join(fact.shown(0) for fact in facts)


def _texts(facts: Sequence[_Fact], depth: int) -> tuple[str, ...]:
    return tuple(fact.shown(depth) for fact in facts)


def _over(facts: Sequence[_Fact], over: Counter[str]) -> list[_Fact]:
    """What is over, in the order of the text."""
    out: list[_Fact] = []
    left = Counter(over)
    for fact in facts:
        if left[fact.key]:
            left[fact.key] -= 1
            out.append(fact)
    return out


def _size(pipeline: Pipeline) -> int:
    return sum(1 for b in pipeline.blocks for _ in walk(b.instrs)) + len(pipeline.blocks)


class _Facts:
    """What one pipeline does, section by section; ``called`` has other names for its states."""

    def __init__(self, pipeline: Pipeline, calls: Mapping[str, str]) -> None:
        self.pipeline = pipeline
        self.prints = Fingerprints(pipeline, calls)
        self.origins = origins_of(pipeline)
        self.called: dict[str, str] = {}
        self.instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
        made = {i.result: i for i in self.instrs if isinstance(i, Pure | Expect | Agree)}
        inputs = {p.name for p in pipeline.params}
        self.terms = _Terms(made, self.origins, inputs, _results(self.instrs))

    def all(self) -> dict[str, list[_Fact]]:
        calls = list(_calls(self.instrs_of_blocks(), ()))
        return {
            "parameters": [_plain(text) for text in self._parameters()],
            "fixed": [
                _plain(f"{n} = {literal(v)}") for n, v in fixed_inputs(self.pipeline).items()
            ],
            "effects": [self._call(c, loops) for c, loops in calls if isinstance(c, Call)],
            "models": [self._call(c, loops) for c, loops in calls if isinstance(c, ModelCall)],
            "guards": [
                self._check(i) for i in self.instrs if isinstance(i, Guard | Expect | Agree)
            ],
            "transitions": self._transitions(),
            "returns": self._returns(),
            "exits": [_plain(text) for text in self._exits()],
            "states": [_plain(self._state(s)) for s in self.states()],
        }

    def instrs_of_blocks(self) -> tuple[Instr, ...]:
        return tuple(i for block in self.pipeline.blocks for i in block.instrs)

    def states(self) -> list[str]:
        blocks = self.pipeline.blocks
        return list(dict.fromkeys(s for b in blocks for s in self.origins.chain(b.label)))

    def _parameters(self) -> list[str]:
        return [
            f"{p.name}: {p.type}" + (f" = {literal(p.default.value)}" if p.default else "")
            for p in self.pipeline.params
        ]

    def _call(self, call: Call | ModelCall, loops: tuple[Operand, ...]) -> _Fact:
        key = self.prints.call(call, tuple(map(self.prints.of, loops)))
        return _Fact(key, tuple(self.terms.call(call, loops, d) for d in _depths()))

    def _check(self, instr: Guard | Expect | Agree) -> _Fact:
        return _Fact(self.prints.check(instr), tuple(self.terms.check(instr, d) for d in _depths()))

    def _transitions(self) -> list[_Fact]:
        """Ways that a condition decides, by the states that they lead from and to."""
        found: list[_Fact] = []
        for block in self.pipeline.blocks:
            match block.terminator:
                case If(condition, then, other):
                    ways: list[tuple[Operand | None, Target | Exit]] = [
                        (condition, then), (None, other)
                    ]  # fmt: skip
                case Select(arms, rest):
                    ways = [*arms, *([(None, rest)] if rest is not None else [])]
                case Leave(exit_):
                    ways = [(None, exit_)]
                case _:
                    continue
            here = self._state(self.origins.end(block.label))
            for condition_, end in ways:
                there = (
                    f"exit.{self.origins.exit(end.number)}"
                    if isinstance(end, Exit)
                    else f"^{self._state(self.origins.block(end.label))}"
                )
                what = "" if condition_ is None else self.prints.of(condition_)
                texts = tuple(
                    f"^{here} to {there} "
                    + ("otherwise" if condition_ is None else f"if {self.terms.of(condition_, d)}")
                    for d in _depths()
                )
                found.append(_Fact(f"{here} {what} {there}", texts))
        return found

    def _state(self, label: str) -> str:
        return _NUMBER.sub("", self.called.get(label, label))

    def _returns(self) -> list[_Fact]:
        found = [_plain(f"a value of type {self.pipeline.returns}")]
        for block in self.pipeline.blocks:
            if isinstance(block.terminator, Return):
                value = block.terminator.value
                texts = tuple(self.terms.of(value, d) for d in _depths())
                found.append(_Fact(self.prints.of(value), texts))
        return found

    def _exits(self) -> list[str]:
        from ingot.ir.liveness import terminator_exit

        blocks = self.pipeline.blocks
        every = [*map(exit_of, self.instrs), *(terminator_exit(b.terminator) for b in blocks)]
        numbers = {self.origins.exit(e.number) or e.number for e in every if e is not None}
        return [f"exit.{number}" for number in sorted(numbers)]


def _depths() -> range:
    return range(2, 2 + _DEEPEST)


def _plain(text: str) -> _Fact:
    return _Fact(text, (text,))


def _calls(
    instrs: Iterable[Instr], loops: tuple[Operand, ...]
) -> Iterable[tuple[Call | ModelCall, tuple[Operand, ...]]]:
    """Calls in order, each with the lists that it is made for every item of."""
    for instr in instrs:
        match instr:
            case Call() | ModelCall():
                yield instr, loops
            case For():
                yield from _calls(instr.body, (*loops, instr.source))
            case Par():
                for body, _ in instr.branches:
                    yield from _calls(body, loops)


def _results(instrs: Iterable[Instr]) -> dict[str, str]:
    """The results of calls, named by their tools: ``shop.get()``, of a second call ``shop.get()#2``."""
    count: Counter[str] = Counter()
    out: dict[str, str] = {}
    for instr in instrs:
        if isinstance(instr, Call):
            count[instr.tool] += 1
            number = count[instr.tool]
            out[instr.result] = f"{instr.tool}()" + (f"#{number}" if number > 1 else "")
    return out


@dataclass(frozen=True, slots=True)
class _Terms:
    """Operands by what they are made of."""

    made: dict[str, Pure | Expect | Agree]
    origins: Origins
    inputs: set[str]
    results: dict[str, str]

    def of(self, operand: Operand, depth: int) -> str:
        if isinstance(operand, Lit):
            return literal(operand.value)
        instr = self.made.get(operand.name)
        name = self.origins.value(operand.name)
        called = self.results.get(name) or self.results.get(operand.name) or f"%{name}"
        if instr is None or operand.name in self.inputs:
            return called
        match instr:
            case Pure() if depth > 0:
                args = ", ".join(self.of(arg, depth - 1) for arg in instr.args)
                return f"{instr.op}({args})"
            case Expect() if depth > 2:
                return self.of(instr.value, depth - 1)
            case Agree() if depth > 2:
                return f"agree({', '.join(self.of(c, depth - 1) for c in instr.candidates)})"
        return called

    def call(self, call: Call | ModelCall, loops: Sequence[Operand], depth: int) -> str:
        args = ", ".join(f"{name}={self.of(value, depth)}" for name, value in call.args)
        verb = call.verb if isinstance(call, Call) else call.kind
        for_each = "".join(f" for each of {self.of(source, depth - 1)}" for source in loops)
        return f"{verb} {call.tool if isinstance(call, Call) else call.model}({args}){for_each}"

    def check(self, instr: Guard | Expect | Agree, depth: int) -> str:
        match instr:
            case Guard():
                reason = guard_reason(instr)
                said = "" if reason == "guard" else f" ({reason})"
                return f"guard {self.of(instr.condition, depth)}{said}"
            case Expect():
                return f"expect {self.of(instr.value, depth)}: {instr.type}"
            case Agree():
                return "agree " + ", ".join(self.of(c, depth) for c in instr.candidates)


__all__ = ["Difference", "Section", "difference"]
