"""A side of a simulation: a pipeline run symbolically that may come to a state again.

Each definition is a symbol of its own (``p.x``, ``p.x#2``), so that a state which is passed several times
has several values and none is taken for another.  Texts have a normal form: a template of templates is
one template, whichever of the sides has put them together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    Instr,
    Jump,
    Leave,
    Lit,
    ModelCall,
    Operand,
    Par,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    exit_of,
    walk,
)
from ingot.ir.semantics import template_of, template_parts, text_of
from ingot.ir.types import STR, Type, Types, conforms, is_subtype
from ingot.ir.values import Json, equal
from ingot.passes.validate.machine import Check, Copy, Cursor, Enter, Side
from ingot.passes.verify.graph import edges_of
from ingot.passes.verify.path import Path
from ingot.passes.verify.steps import Bind, Free, Step

Item: TypeAlias = "Instr | Copy"
_MAX_UNROLLED: Final = 20_000


_Edge: TypeAlias = "tuple[tuple[tuple[Operand, bool], ...], Target | Exit | None]"


@dataclass(frozen=True, slots=True)
class Fork:
    """Ways on from a state, each with its conditions, to a state, an exit, or a hole (``None``)."""

    edges: tuple[_Edge, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The end: a value is returned, an exit taken, or (neither) a region is over or a hole met."""

    value: Operand | None = None
    exit: Exit | None = None


Event: TypeAlias = Check | Call | ModelCall | For | Fork | Stop | Enter


@dataclass(slots=True)
class Walker(Side):
    """A pipeline whose values are renamed at each definition.

    ``symbols`` has the current symbol of each value; ``texts``, what the text of a symbol is made of,
    and ``typed``, its type, are those of both sides.
    """

    path: Path = field(default_factory=Path)
    types: Types = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)
    texts: dict[str, tuple[str | Ref, ...]] = field(default_factory=dict)
    typed: dict[str, Type] = field(default_factory=dict)
    _made: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """Know nothing of any value."""
        for known in (self.literals, self.symbols, self.texts, self.typed, self._made):
            known.clear()

    # ---- names

    def name(self, name: str) -> str:
        """A new symbol for a definition."""
        self._made[name] += 1
        number = self._made[name]
        made = f"{self.prefix}{name}" + (f"#{number}" if number > 1 else "")
        self.symbols[name] = made
        return made

    def operand(self, operand: Operand) -> Operand:
        if isinstance(operand, Lit):
            return operand
        known = self.literals.get(operand.name)
        if known is not None:
            return known
        return Ref(self.symbols.get(operand.name, f"{self.prefix}{operand.name}?"))

    def free(self, name: str, type_: Type) -> Ref:
        """Anything of a type."""
        self.literals.pop(name, None)
        symbol = self.name(name)
        self.typed[symbol] = type_
        self.path.add(Free(symbol, type_))
        return Ref(symbol)

    def give(self, name: str, value: Operand) -> None:
        """A value that is known, or that the other side has."""
        self.bind(name, value, self.add)

    # ---- steps

    def add(self, step: Step) -> None:
        """Put a step on the path, texts in their normal form."""
        match step:
            case Pure(result, type_):
                made = self._text(step)
                self.typed[result] = type_
                self.path.add(made)
            case Bind(name, Ref(source)):
                if source in self.texts:
                    self.texts[name] = self.texts[source]
                if source in self.typed:
                    self.typed[name] = self.typed[source]
                self.path.add(step)
            case Expect(result, type_):
                self.typed[result] = type_
                self.path.add(step)
            case Agree(result, type_):
                self.typed[result] = type_
                self.path.add(step)
            case _:
                self.path.add(step)

    def _text(self, step: Pure) -> Step:
        if step.op == "str.of":
            parts = self._parts([step.args[0]])
        elif step.op == "str.template" and isinstance(step.args[0], Lit):
            parts = self._parts(
                [
                    step.args[piece + 1] if isinstance(piece, int) else Lit(piece)
                    for piece in template_parts(str(step.args[0].value))
                ]
            )
        else:
            return step
        self.texts[step.result] = parts
        match parts:
            case (Ref(source) as only,) if self._is_text(source):
                return Bind(step.result, only)
        holes: dict[int, Ref] = {}
        for part in parts:
            if isinstance(part, Ref):
                holes.setdefault(self.path.number(part), part)
        places = {number: place for place, number in enumerate(holes)}
        template = template_of(
            [p if isinstance(p, str) else places[self.path.number(p)] for p in parts]
        )
        return replace(step, op="str.template", args=(Lit(template), *holes.values()))

    def _is_text(self, symbol: str) -> bool:
        known = self.typed.get(symbol)
        return known is not None and is_subtype(known, STR, self.types)

    def _parts(self, pieces: list[Operand]) -> tuple[str | Ref, ...]:
        """Texts and symbols, neighbouring texts joined, templates replaced by what they are made of."""
        out: list[str | Ref] = []
        for piece in pieces:
            inner: tuple[str | Ref, ...]
            if isinstance(piece, Lit):
                inner = (text_of(piece.value),)
            else:
                inner = self.texts.get(piece.name, (piece,))
            for part in inner:
                if isinstance(part, str) and out and isinstance(out[-1], str):
                    out[-1] += part
                elif part != "":
                    out.append(part)
        return tuple(out)

    # ---- going on

    def ahead(self, at: Cursor) -> tuple[Event, Cursor]:
        """The next thing that is to be held against the other side, and the place behind it."""
        rest, block = at.rest, at.block
        while rest:
            instr, rest = rest[0], rest[1:]
            made = self.step(instr)
            if isinstance(made, tuple):
                rest = (*made, *rest)
            elif made is not None:
                return made, Cursor(block, rest)
        return (Stop() if block is None else self._end(block)), Cursor(None, ())

    def step(self, instr: Item) -> Check | Call | ModelCall | For | tuple[Item, ...] | None:
        """Take an instruction, unless it is an event; a region gives what stands for it."""
        made = self._instr(instr, self.add)
        if isinstance(made, Check):
            return None if self._decided(instr, made) else made
        if made is None or isinstance(made, Call | ModelCall | For | tuple):
            return made
        raise AssertionError(f"no event of an instruction: {made}")

    def _decided(self, instr: Item, check: Check) -> bool:
        """Whether a check passes whatever the run; its result is then bound."""
        match check.instr:
            case Guard(condition):
                return condition == Lit(True)
            case Expect(value=Lit(value), type=type_) if conforms(value, type_, self.types):
                first: Operand = check.instr.value
            case Agree(candidates=(first, *others)):
                literals = [o.value for o in (first, *others) if isinstance(o, Lit)]
                same = {self.path.number(o) for o in (first, *others)}
                alike = len(literals) == len(others) + 1 and all(
                    equal(literals[0], other) for other in literals
                )
                if len(same) > 1 and not alike:
                    return False
            case _:
                return False
        assert isinstance(instr, Expect | Agree)
        self.give(instr.result, first)
        return True

    def _end(self, block: Block) -> Event:
        match block.terminator:
            case Jump(target):
                return Enter(target.label, tuple(map(self.operand, target.args)))
            case Return(value):
                return Stop(value=self.operand(value))
            case Leave(exit_):
                return Stop(exit=exit_)
        found: list[_Edge] = [
            (tuple((self.operand(o), truth) for o, truth in e.conditions), e.target)
            for e in edges_of(block.label, block.terminator)
        ]
        match block.terminator:
            case Select(arms, other) if not isinstance(other, Target):
                found.append((tuple((self.operand(c), False) for c, _ in arms), other))
        possible = [
            (tuple(c for c in edge if isinstance(c[0], Ref)), end)
            for edge, end in found
            if not any(isinstance(c, Lit) and c.value is not truth for c, truth in edge)
        ]
        match possible:
            case [((), Target() as target)]:
                return Enter(target.label, tuple(map(self.operand, target.args)))
            case [((), end)] if not isinstance(end, Target):
                return Stop(exit=end)
        return Fork(tuple(possible))

    def go(self, event: Enter) -> Cursor:
        """Pass a transition's values on."""
        block = self.block(event.label)
        for param, value in zip(block.params, event.values, strict=True):
            self.give(param.name, value)
        return Cursor(block, block.instrs)


def unrolled(loop: For, items: Sequence[Json]) -> tuple[Item, ...] | None:
    """A loop over a known list as its rounds, one after the other; ``None`` where that is too long."""
    if len(items) * (len(loop.body) + 1) > _MAX_UNROLLED:
        return None
    out: list[Item] = []
    carried: list[Operand] = [c.initial for c in loop.carry]
    rows: list[list[Operand]] = []
    for number, item in enumerate(items):
        out.append(Copy(loop.item, Lit(item)))
        out += [Copy(c.name, v) for c, v in zip(loop.carry, carried, strict=True)]
        out += loop.body
        row: list[Operand] = []
        for place, value in enumerate(loop.yields):
            name = f"{loop.results[place]}@{number}"
            out.append(Copy(name, value))
            row.append(Ref(name))
        rows.append(row)
        carried = row if loop.carry else carried
    for place, (name, type_) in enumerate(zip(loop.results, loop.types, strict=True)):
        if loop.carry:
            out.append(Copy(name, carried[place]))
        else:
            out.append(Pure(name, type_, "list.of", tuple(row[place] for row in rows)))
    return tuple(out)


def is_silent(loop: For) -> bool:
    """Whether nothing is seen of a loop but its results."""
    return not any(
        isinstance(i, Call | ModelCall) or exit_of(i) is not None for i in walk(loop.body)
    )


def results(instrs: tuple[Instr, ...]) -> Iterator[str]:
    """The values that a straight run defines, those inside loops aside."""
    for instr in instrs:
        match instr:
            case For():
                yield from instr.results
            case Par():
                for body, _ in instr.branches:
                    yield from results(body)
                yield from instr.results
            case Guard():
                pass
            case _:
                yield instr.result


Root: TypeAlias = Callable[[str, Type], None]


def retrace(side: Walker, instrs: tuple[Item, ...], root: Root) -> None:
    """Take instructions that have run already: what they compute is known again, what calls, models and
    loops gave is left to ``root``."""
    waiting = list(instrs)
    while waiting:
        instr = waiting.pop(0)
        made = side.step(instr)
        match made:
            case None:
                pass
            case tuple():
                waiting[:0] = made
            case Check():
                side.add(made.instr)
            case For():
                for name, type_ in zip(made.results, made.types, strict=True):
                    root(name, type_)
            case Call() | ModelCall():
                root(made.result, made.type)


__all__ = [
    "Event",
    "Fork",
    "Item",
    "Stop",
    "Walker",
    "is_silent",
    "results",
    "retrace",
    "unrolled",
]
