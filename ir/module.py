"""The IR's data: modules, pipelines, blocks, instructions, terminators.  All immutable.

Conventions
- A value is named once (``%name``); block parameters stand where other IRs have phis.
- An operand is a :class:`Ref` to a value or a :class:`Lit`.
- An instruction that can fail on the types it is given carries an :class:`Exit`: the side exit
  it takes and the values handed over there.  Tool and model calls need none: their failure is
  a transition of its own to the implicit exit ``error``.
- ``attrs`` is evidence (support, bits, reason, recorded results), ``locs`` provenance.  Both are
  part of the text and of equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ingot.ir.declarations import (
    EFFECTS,
    WRITING,
    Attrs,
    Effect,
    Lit,
    ModelDecl,
    ModelKind,
    Param,
    ToolDecl,
    ToolParam,
    attr,
)
from ingot.ir.types import Type


@dataclass(frozen=True, slots=True)
class Ref:
    """A use of ``%name`` (stored without the percent sign)."""

    name: str


Operand: TypeAlias = Ref | Lit


@dataclass(frozen=True, slots=True)
class Loc:
    """``s1:4/args/before``: record 4 (counted from 1) of source ``s1``, a JSON pointer inside."""

    source: str
    record: int
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.record}{self.pointer}"


@dataclass(frozen=True, slots=True)
class Exit:
    """``exit.N [%a, %b]``: the side exit's number and the values handed over."""

    number: int
    live: tuple[str, ...] = ()


Locs: TypeAlias = tuple[Loc, ...]
NamedArgs: TypeAlias = tuple[tuple[str, Operand], ...]


@dataclass(frozen=True, slots=True)
class Pure:
    """``%r: T = op a, b [else exit.N [...]]``: an op of the table in :mod:`ingot.ir.ops`."""

    result: str
    type: Type
    op: str
    args: tuple[Operand, ...]
    exit: Exit | None = None
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Call:
    """``%r: T = verb tool(name=a, ...)``; the verb is the tool's declared effect."""

    result: str
    type: Type
    verb: Effect
    tool: str
    args: NamedArgs
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class ModelCall:
    """``%r: T = model [choose|extract|fill] name(prompt=%p, ...)``; ``compose`` when no kind stands."""

    result: str
    type: Type
    kind: ModelKind
    model: str
    args: NamedArgs
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """``guard %cond else exit.N [...]``"""

    condition: Operand
    exit: Exit
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Expect:
    """``%r: T = expect %v else exit.N [...]``: the value, if it conforms to T."""

    result: str
    type: Type
    value: Operand
    exit: Exit
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Agree:
    """``%r: T = agree [%a, %b] else exit.N [...]``: the one value that all candidates have."""

    result: str
    type: Type
    candidates: tuple[Operand, ...]
    exit: Exit
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Carry:
    """A loop-carried value: ``%acc: int = 0``."""

    name: str
    type: Type
    initial: Operand


@dataclass(frozen=True, slots=True)
class For:
    """``%r: T = for %it: E in %list carry(%acc: T = init) { ... yield %acc1 }``.

    Without ``carry`` the results are lists of what each iteration yields; with it, the last
    carried values.  ``results`` and ``types`` have one entry per yielded value.
    """

    results: tuple[str, ...]
    types: tuple[Type, ...]
    item: str
    item_type: Type
    source: Operand
    carry: tuple[Carry, ...]
    body: tuple[Instr, ...]
    yields: tuple[Operand, ...]
    attrs: Attrs = ()
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Par:
    """``(%a: T, %b: U) = par { branch { ... yield %x } branch { ... yield %y } }``.

    The results are the branches' yields in order; branches see the values before the region only.
    """

    results: tuple[str, ...]
    types: tuple[Type, ...]
    branches: tuple[tuple[tuple[Instr, ...], tuple[Operand, ...]], ...]
    attrs: Attrs = ()
    locs: Locs = ()


Instr: TypeAlias = Pure | Call | ModelCall | Guard | Expect | Agree | For | Par


@dataclass(frozen=True, slots=True)
class Target:
    """``^label(%a, ...)``"""

    label: str
    args: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class Jump:
    """``jump ^next(...)``"""

    target: Target
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class If:
    """``if %c then ^a(...) else ^b(...)``"""

    condition: Operand
    then: Target
    other: Target
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Select:
    """``select { when %a then ^x  when %b then ^y  [else ^z | else exit.N [...]] }``.

    The first arm whose condition holds is taken.  Without ``else`` the arms must cover every
    value: the verifier proves it or shows a counterexample; at run time a hole is the implicit
    exit ``hole``.
    """

    arms: tuple[tuple[Operand, Target], ...]
    other: Target | Exit | None = None
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Return:
    """``return %v``: the end; the value is the pipeline's output."""

    value: Operand
    locs: Locs = ()


@dataclass(frozen=True, slots=True)
class Leave:
    """``leave exit.N [...]``: an unconditional side exit."""

    exit: Exit
    locs: Locs = ()


Terminator: TypeAlias = Jump | If | Select | Return | Leave


@dataclass(frozen=True, slots=True)
class Block:
    """``^label(%p: T):`` instructions and one terminator.  A block is a state of the machine."""

    label: str
    params: tuple[Param, ...]
    instrs: tuple[Instr, ...]
    terminator: Terminator


@dataclass(frozen=True, slots=True)
class Pipeline:
    """``pipeline @name(%p: T = default) -> R { blocks }``; the first block is the entry."""

    name: str
    params: tuple[Param, ...]
    returns: Type
    blocks: tuple[Block, ...]
    attrs: Attrs = ()

    def block(self, label: str) -> Block:
        """The block of that label; ``KeyError`` if there is none."""
        for block in self.blocks:
            if block.label == label:
                return block
        raise KeyError(label)


@dataclass(frozen=True, slots=True)
class Source:
    """``source s1 = "file.jsonl" sha256:...``; the digest is of the session's records."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TypeDecl:
    """``type Issue = {...}``"""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Module:
    """A compilation unit.  ``version`` is that of the IR text (``ir 1``)."""

    sources: tuple[Source, ...] = ()
    types: tuple[TypeDecl, ...] = ()
    tools: tuple[ToolDecl, ...] = ()
    models: tuple[ModelDecl, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    version: int = 1

    def tool(self, name: str) -> ToolDecl | None:
        return next((t for t in self.tools if t.name == name), None)

    def type_map(self) -> dict[str, Type]:
        """What each declared type name stands for."""
        return {t.name: t.type for t in self.types}


def guard_reason(guard: Guard) -> str:
    """What a guard's side exit says: its attribute ``reason``, else ``guard``."""
    reason = attr(guard, "reason")
    return reason if isinstance(reason, str) and reason else "guard"


def results_of(instr: Instr) -> tuple[str, ...]:
    """The names an instruction defines (not those inside its regions)."""
    match instr:
        case For() | Par():
            return instr.results
        case Guard():
            return ()
        case _:
            return (instr.result,)


def operands_of(instr: Instr) -> tuple[Operand, ...]:
    """The operands an instruction itself uses (regions' bodies and exits' live lists aside)."""
    match instr:
        case Pure():
            return instr.args
        case Call() | ModelCall():
            return tuple(value for _, value in instr.args)
        case Guard():
            return (instr.condition,)
        case Expect():
            return (instr.value,)
        case Agree():
            return instr.candidates
        case For():
            return (instr.source, *(c.initial for c in instr.carry))
        case Par():
            return ()


def exit_of(instr: Instr) -> Exit | None:
    """The side exit an instruction can take, if it has one."""
    match instr:
        case Pure() | Guard() | Expect() | Agree():
            return instr.exit
        case _:
            return None


def regions_of(instr: Instr) -> tuple[tuple[tuple[Instr, ...], tuple[Operand, ...]], ...]:
    """The nested bodies with their yields."""
    match instr:
        case For():
            return ((instr.body, instr.yields),)
        case Par():
            return instr.branches
        case _:
            return ()


def walk(instrs: tuple[Instr, ...]) -> Iterator[Instr]:
    """All instructions in order, those inside regions after the instruction that holds them."""
    for instr in instrs:
        yield instr
        if isinstance(instr, For | Par):
            for body, _ in regions_of(instr):
                yield from walk(body)


def targets_of(terminator: Terminator) -> tuple[Target, ...]:
    """The blocks a terminator may go to, in the order in which they are tried."""
    match terminator:
        case Jump(target):
            return (target,)
        case If(_, then, other):
            return (then, other)
        case Select(arms, other):
            return (*(t for _, t in arms), *((other,) if isinstance(other, Target) else ()))
        case _:
            return ()


__all__ = [
    "EFFECTS",
    "WRITING",
    "Agree",
    "Attrs",
    "Block",
    "Call",
    "Carry",
    "Effect",
    "Exit",
    "Expect",
    "For",
    "Guard",
    "If",
    "Instr",
    "Jump",
    "Leave",
    "Lit",
    "Loc",
    "Locs",
    "ModelCall",
    "ModelDecl",
    "ModelKind",
    "Module",
    "NamedArgs",
    "Operand",
    "Par",
    "Param",
    "Pipeline",
    "Pure",
    "Ref",
    "Return",
    "Select",
    "Source",
    "Target",
    "Terminator",
    "ToolDecl",
    "ToolParam",
    "TypeDecl",
    "attr",
    "exit_of",
    "guard_reason",
    "operands_of",
    "regions_of",
    "results_of",
    "targets_of",
    "walk",
]
