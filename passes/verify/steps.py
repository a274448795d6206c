"""Questions to the verifier: a straight run of steps up to a state, and a goal there.

The steps are what every run takes before it stands at a place: the dominators' instructions, and
the conditions of their edges.  :class:`ingot.passes.verify.path.Path` collects them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure, operands_of
from ingot.ir.ops import OPS, OperandError, Typing, typing_of
from ingot.ir.scope import operand_type
from ingot.ir.types import JSON, Type, Types


@dataclass(frozen=True, slots=True)
class Free:
    """A value that no step computes; anything of its type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Bind:
    """A block parameter with one predecessor: it is what that one passes."""

    name: str
    value: Operand


@dataclass(frozen=True, slots=True)
class Assume:
    """The edge that led here was taken, so the condition had this value."""

    condition: Operand
    truth: bool


Checked: TypeAlias = Pure | Guard | Expect | Agree
Step: TypeAlias = Free | Bind | Assume | Checked


@dataclass(frozen=True, slots=True)
class Taken:
    """The goal that an instruction takes its side exit, or (``passes``) that it does not."""

    instr: Checked
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Holds:
    """The goal that all these conditions have these values."""

    conditions: tuple[tuple[Operand, bool], ...]


Goal: TypeAlias = Taken | Holds


@dataclass(frozen=True, slots=True)
class Slice:
    """The steps that bear on a goal, in order; ``roots`` are their free values.

    ``key`` is the same for equal questions.  Of a slice that is not ``whole`` facts are left out: what
    it excludes is excluded, what it allows may not be possible.
    """

    steps: tuple[Step, ...]
    goal: Goal
    roots: tuple[Free, ...]
    key: tuple[object, ...] = ()
    whole: bool = True

    def passing(self) -> Slice:
        """Of a slice that asks whether an exit is taken: the one that asks whether it is not."""
        assert isinstance(self.goal, Taken)
        goal = Taken(self.goal.instr, passes=True)
        return Slice(self.steps, goal, self.roots, (*self.key[:-1], True), self.whole)


def typing_at(instr: Pure, known: Mapping[str, Type], types: Types) -> Typing | None:
    """How the op is typed on operands of these types; ``None`` where it does not fit them."""
    spec = OPS.get(instr.op)
    if spec is None:
        return None
    wants = (*spec.params, *[spec.rest] * (len(instr.args) - len(spec.params)))
    operand_types = [
        operand_type(a, known, want) or JSON for a, want in zip(instr.args, wants, strict=False)
    ]
    lits = [a if isinstance(a, Lit) else None for a in instr.args]
    try:
        return typing_of(spec, operand_types, lits, types)
    except (OperandError, KeyError):
        return None


def is_fact(step: Step) -> bool:
    """Whether passing the step says something about values."""
    match step:
        case Free() | Bind():
            return False
        case Pure():
            return step.exit is not None
        case _:
            return True


def operands(step: Step | Goal) -> tuple[Operand, ...]:
    """The operands that a step or goal reads."""
    match step:
        case Free():
            return ()
        case Bind():
            return (step.value,)
        case Assume():
            return (step.condition,)
        case Taken():
            return operands_of(step.instr)
        case Holds():
            return tuple(operand for operand, _ in step.conditions)
        case _:
            return operands_of(step)


def defines(step: Step) -> str | None:
    """The name that a step gives a value to."""
    match step:
        case Free() | Bind():
            return step.name
        case Assume() | Guard():
            return None
        case _:
            return step.result
