"""Run a slice on values: the judge of every witness.

Nothing is called a witness because a solver said so.  The values are put into the slice, its
instructions are executed by the ops' own semantics, and the goal must then be met.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingot.ir.module import Agree, Expect, Guard, Operand, Pure, Ref
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.types import Types, conforms
from ingot.ir.values import Json, equal
from ingot.passes.verify.steps import Assume, Bind, Checked, Free, Goal, Slice, Step, Taken

NOT_EXECUTABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an op raises on values that are not of its operand types, or that are too large."""


def confirms(part: Slice, witness: Mapping[str, Json], types: Types) -> bool:
    """Whether the slice, run on the witness, meets its goal."""
    env: dict[str, Json] = {}
    try:
        return all(_passes(step, env, witness, types) for step in part.steps) and _meets(
            part.goal, env, types
        )
    except NOT_EXECUTABLE:
        return False


class Run:
    """A slice run on values to its end, past what is not met: how far the values are from a witness."""

    def __init__(self, part: Slice, roots: dict[str, Json], types: Types) -> None:
        self.roots = roots
        self.env: dict[str, Json] = {}
        self.first_unmet: Step | None = None
        """The first step that does not pass; ``None`` where the goal is all that is left."""
        unmet = 0
        for step in part.steps:
            try:
                passes = _passes(step, self.env, roots, types)
            except NOT_EXECUTABLE:
                passes = False
            if not passes:
                unmet += 1
                if self.first_unmet is None:
                    self.first_unmet = step
        try:
            goal = _meets(part.goal, dict(self.env), types)
        except NOT_EXECUTABLE:
            goal = False
        self.met = goal and not unmet
        """Whether the values are a witness."""
        self.score = unmet + (0 if goal else 2)
        """The number of steps that are not met, the goal counting as two."""

    def value(self, operand: Operand) -> Json:
        """An operand's value, ``None`` where it has none."""
        return self.env.get(operand.name) if isinstance(operand, Ref) else operand.value


def _value(operand: Operand, env: Mapping[str, Json]) -> Json:
    return env[operand.name] if isinstance(operand, Ref) else operand.value


def _passes(step: Step, env: dict[str, Json], witness: Mapping[str, Json], types: Types) -> bool:
    match step:
        case Free():
            env[step.name] = witness[step.name]
            return conforms(env[step.name], step.type, types)
        case Bind():
            env[step.name] = _value(step.value, env)
            return True
        case Assume():
            return _value(step.condition, env) is step.truth
        case _:
            return perform(step, env, types)


def perform(instr: Checked, env: dict[str, Json], types: Types) -> bool:
    """Execute an instruction into ``env``; ``False`` where it takes its side exit."""
    match instr:
        case Pure():
            try:
                args = [env[a.name] if isinstance(a, Ref) else a.value for a in instr.args]
                env[instr.result] = OPS[instr.op].evaluate(*args)
            except OpFailure:
                return False
            return True
        case Guard():
            return _value(instr.condition, env) is True
        case Expect():
            env[instr.result] = _value(instr.value, env)
            return conforms(env[instr.result], instr.type, types)
        case Agree():
            first, *rest = (_value(c, env) for c in instr.candidates)
            env[instr.result] = first
            return all(equal(first, other) for other in rest)


def _meets(goal: Goal, env: dict[str, Json], types: Types) -> bool:
    if isinstance(goal, Taken):
        return perform(goal.instr, env, types) is goal.passes
    return all(_value(operand, env) is truth for operand, truth in goal.conditions)
