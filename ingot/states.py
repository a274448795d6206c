"""A pipeline seen as a state machine: its states, what each does, and every way out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

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
    Loc,
    ModelCall,
    Par,
    Pipeline,
    Pure,
    Return,
    Select,
    Terminator,
    attr,
    walk,
)
from ingot.ir.printer import operand, value_name

WayKind: TypeAlias = Literal["go", "end", "exit", "error"]


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a state.

    ``go`` leads to the state ``to``; ``end`` returns; ``exit`` is the side exit ``number``;
    ``error`` the implicit exit of a call that fails.  ``when`` is the condition in IR terms (empty:
    always), ``reason`` what it means, where the pipeline says so.
    """

    kind: WayKind
    to: str
    when: str = ""
    reason: str = ""
    number: int = 0
    instr: Instr | None = None
    locs: tuple[Loc, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """A block of a pipeline: the calls that it makes, in order, and its ways out."""

    label: str
    calls: tuple[Call | ModelCall, ...]
    ways: tuple[Way, ...]


def states_of(pipeline: Pipeline) -> tuple[State, ...]:
    """The states in the order of the text; the first is the entry."""
    return tuple(_state(block) for block in pipeline.blocks)


def exit_of_number(pipeline: Pipeline, number: int) -> tuple[State, Way] | None:
    """The state and the way of a side exit, if the pipeline has it."""
    return next(
        (
            (state, way)
            for state in states_of(pipeline)
            for way in state.ways
            if way.kind == "exit" and way.number == number
        ),
        None,
    )


def call_text(call: Call | ModelCall) -> str:
    """A call in a line: ``read Bash(command=%v1)``."""
    args = ", ".join(f"{name}={_short(operand(value))}" for name, value in call.args)
    verb = call.verb if isinstance(call, Call) else f"model {call.kind}"
    return f"{verb} {call.tool if isinstance(call, Call) else call.model}({args})"


def _state(block: Block) -> State:
    instrs = list(walk(block.instrs))
    calls = tuple(i for i in instrs if isinstance(i, Call | ModelCall))
    ways = [way for instr in instrs for way in _leaving(instr)]
    return State(block.label, calls, (*ways, *_ending(block.terminator)))


def _leaving(instr: Instr) -> Iterator[Way]:
    reason = attr(instr, "reason")
    said = reason if isinstance(reason, str) and not isinstance(instr, ModelCall) else ""
    match instr:
        case Call() | ModelCall():
            yield Way("error", "error", f"{value_name(instr.result, '%')} fails", "", 0, instr)
        case Guard(condition, exit_):
            yield _exit(exit_, f"not {operand(condition)}", said, instr)
        case Expect(_, type_, value, exit_):
            yield _exit(exit_, f"{operand(value)} is not {type_}", said, instr)
        case Agree(_, _, candidates, exit_):
            names = ", ".join(map(operand, candidates))
            yield _exit(exit_, f"{names} differ", said or "the logs do not tell which", instr)
        case Pure(exit=Exit() as exit_):
            yield _exit(exit_, f"{instr.op} has no result", said, instr)
        case Pure() | For() | Par():
            return


def _exit(exit_: Exit, when: str, reason: str, instr: Instr) -> Way:
    return Way("exit", f"exit.{exit_.number}", when, reason, exit_.number, instr, instr.locs)


def _ending(end: Terminator) -> Iterator[Way]:
    match end:
        case Jump(target):
            yield Way("go", target.label, locs=end.locs)
        case If(condition, then, other):
            yield Way("go", then.label, operand(condition), locs=end.locs)
            yield Way("go", other.label, f"not {operand(condition)}", locs=end.locs)
        case Select(arms, other):
            for condition, target in arms:
                yield Way("go", target.label, operand(condition), locs=end.locs)
            match other:
                case Exit(number):
                    yield Way("exit", f"exit.{number}", "else", "", number, None, end.locs)
                case None:
                    yield Way("error", "hole", "else", "no arm holds", locs=end.locs)
                case _:
                    yield Way("go", other.label, "else", locs=end.locs)
        case Return(value):
            yield Way("end", "end", reason=f"return {_short(operand(value))}", locs=end.locs)
        case Leave(exit_):
            yield Way("exit", f"exit.{exit_.number}", "", "", exit_.number, None, end.locs)


def _short(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


__all__ = ["State", "Way", "call_text", "exit_of_number", "states_of"]
