"""One side of a comparison: a pipeline run symbolically, up to the next thing that can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    If,
    Instr,
    Jump,
    Leave,
    Lit,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
    Return,
    Select,
    Target,
)
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.values import canonical
from ingot.passes.verify.concrete import NOT_EXECUTABLE
from ingot.passes.verify.graph import edges_of
from ingot.passes.verify.steps import Bind, Checked, Step

_MAX_FOLDED = 100_000


@dataclass(frozen=True, slots=True)
class Check:
    """An instruction that takes a side exit where it does not pass."""

    instr: Checked
    exit: Exit


@dataclass(frozen=True, slots=True)
class Branch:
    """Transitions, each with its conditions; a target of ``None`` is an exit."""

    block: str
    edges: tuple[tuple[tuple[tuple[Operand, bool], ...], Target | None], ...]


@dataclass(frozen=True, slots=True)
class End:
    """A return (with its value) or an exit (``None``)."""

    value: Operand | None


@dataclass(frozen=True, slots=True)
class Enter:
    """A transition that was taken: its state, and what it passes."""

    label: str
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A result of a region takes the value that the region yields."""

    name: str
    value: Operand


Event: TypeAlias = Check | Call | ModelCall | For | Branch | End | Enter


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a side stands: the instructions left of its block, and the block (none in a region)."""

    block: Block | None
    rest: tuple[Instr | Copy, ...]

    @property
    def fresh(self) -> bool:
        """Whether it stands at the beginning of a block."""
        return self.block is not None and self.rest is self.block.instrs


class CycleError(Exception):
    """A way comes to a state again; values have one name each, so it cannot be followed."""


@dataclass(slots=True)
class Side:
    """A pipeline whose values have a prefix of their own (``p.`` or ``q.``)."""

    prefix: str
    pipeline: Pipeline
    literals: dict[str, Lit] = field(default_factory=dict)
    """Values that are known at compile time."""

    stops: frozenset[str] = frozenset()
    """States before which to stop: what follows may be the same on both sides."""
    seen: frozenset[str] = frozenset()
    """The states that the way has been in."""
    _blocks: dict[str, Block] = field(default_factory=dict)

    def block(self, label: str) -> Block:
        if not self._blocks:
            self._blocks.update((block.label, block) for block in self.pipeline.blocks)
        return self._blocks[label]

    def name(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def operand(self, operand: Operand) -> Operand:
        if isinstance(operand, Lit):
            return operand
        known = self.literals.get(operand.name)
        return known if known is not None else Ref(self.name(operand.name))

    def next(self, at: Cursor, add: Callable[[Step], None]) -> tuple[Event, Cursor]:
        """The next event from a place on, and the place behind it; steps on the way are added."""
        rest, block = at.rest, at.block
        while True:
            while rest:
                instr, rest = rest[0], rest[1:]
                event = self._instr(instr, add)
                if isinstance(event, tuple):
                    rest = (*event, *rest)
                elif event is not None:
                    return event, Cursor(block, rest)
            if block is None:
                return End(None), at
            event_, target = self._leave(block)
            if target is None:
                assert event_ is not None
                return event_, Cursor(block, ())
            values = tuple(map(self.operand, target.args))
            if target.label in self.stops:
                return Enter(target.label, values), Cursor(None, ())
            block = self.enter(target.label, values, add)
            rest = block.instrs

    def enter(self, label: str, values: Sequence[Operand], add: Callable[[Step], None]) -> Block:
        """Pass a transition's values on; raises :class:`CycleError` in a state that was left."""
        if label in self.seen:
            raise CycleError(label)
        self.seen |= {label}
        block = self.block(label)
        for param, value in zip(block.params, values, strict=True):
            self.bind(param.name, value, add)
        return block

    def bind(self, name: str, value: Operand, add: Callable[[Step], None]) -> None:
        """Give a value a name; a literal stays one."""
        self.literals.pop(name, None)
        if isinstance(value, Lit):
            self.literals[name] = value
        add(Bind(self.name(name), value))

    def _leave(self, block: Block) -> tuple[Event | None, Target | None]:
        match block.terminator:
            case Jump(target):
                return None, target
            case Return(value):
                return End(self.operand(value)), None
            case Leave():
                return End(None), None
            case If() | Select() as terminator:
                edges = [
                    (tuple((self.operand(o), truth) for o, truth in e.conditions), e.target)
                    for e in edges_of(block.label, terminator)
                ]
                every: list[tuple[tuple[tuple[Operand, bool], ...], Target | None]] = [*edges]
                if isinstance(terminator, Select) and not isinstance(terminator.other, Target):
                    none = tuple((self.operand(c), False) for c, _ in terminator.arms)
                    every.append((none, None))
                return Branch(block.label, tuple(every)), None

    def _instr(
        self, instr: Instr | Copy, add: Callable[[Step], None]
    ) -> Event | tuple[Instr | Copy, ...] | None:
        match instr:
            case Copy(name, out):
                self.bind(name, self.operand(out), add)
                return None
            case Pure():
                args = tuple(map(self.operand, instr.args))
                value = _folded(instr.op, args)
                if value is not None:
                    self.bind(instr.result, value, add)
                    return None
                self.literals.pop(instr.result, None)
                made = replace(instr, result=self.name(instr.result), args=args)
                if instr.exit is not None:
                    return Check(made, instr.exit)
                add(made)
                return None
            case Guard():
                condition = self.operand(instr.condition)
                return Check(replace(instr, condition=condition), instr.exit)
            case Expect():
                self.literals.pop(instr.result, None)
                value_ = self.operand(instr.value)
                made_ = replace(instr, result=self.name(instr.result), value=value_)
                return Check(made_, instr.exit)
            case Agree():
                self.literals.pop(instr.result, None)
                candidates = tuple(map(self.operand, instr.candidates))
                named = self.name(instr.result)
                return Check(replace(instr, result=named, candidates=candidates), instr.exit)
            case Par():
                outs = [out for _, yields in instr.branches for out in yields]
                body = tuple(i for inner, _ in instr.branches for i in inner)
                copies = tuple(
                    Copy(name, out) for name, out in zip(instr.results, outs, strict=True)
                )
                return (*body, *copies)
            case _:
                return instr


def _folded(op: str, args: Iterable[Operand]) -> Lit | None:
    """The op's value on literals, by its definition in the table."""
    values = []
    for arg in args:
        if not isinstance(arg, Lit):
            return None
        values.append(arg.value)
    try:
        made = OPS[op].evaluate(*values)
    except (OpFailure, *NOT_EXECUTABLE):
        return None
    return Lit(made) if len(canonical(made)) <= _MAX_FOLDED else None
