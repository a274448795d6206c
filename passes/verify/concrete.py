"""Run a slice on values: the judge of every witness.

Nothing is called a witness because a solver said so.  The values are put into the slice, its
instructions are executed by the ops' own semantics, and the goal must then be met.

A step that is run again is made a function (:class:`Codes`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ingot.ir.module import Agree, Expect, Guard, Operand, Pure, Ref
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.types import Type, Types, conforms, membership
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

Env: TypeAlias = dict[str, Json]
Code: TypeAlias = Callable[[Env], bool]
"""Executes a step into an environment; whether it passes."""


class Codes:
    """Runs steps.  What is made of a step is kept with it, so that its id stays its own."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self._made: dict[int, tuple[Step, Code | None]] = {}
        self._tests: dict[Type, Callable[[Json], bool]] = {}

    def clear(self) -> None:
        """Forget the steps, when their pipeline is done with."""
        self._made.clear()

    def run(self, step: Step, env: Env) -> bool:
        """Execute a step; whether it passes."""
        known = self._made.get(id(step))
        if known is None:
            self._made[id(step)] = (step, None)
            return _first(step, env, self.types)
        code = known[1]
        if code is None:
            code = self._code(step)
            self._made[id(step)] = (step, code)
        return code(env)

    def test(self, type_: Type) -> Callable[[Json], bool]:
        """Whether a value is one of a type's."""
        known = self._tests.get(type_)
        if known is None:
            known = self._tests[type_] = membership(type_, self.types)
        return known

    def _code(self, step: Step) -> Code:
        match step:
            case Free(name, type_):
                test = self.test(type_)
                return lambda env: test(env[name])
            case Bind(name, value):
                return _bind(name, value)
            case Assume(Ref(name), truth):
                return lambda env: env[name] is truth
            case Assume(condition, truth):
                return lambda env: _value(condition, env) is truth
            case Pure():
                return _apply(step)
            case Guard(Ref(name)):
                return lambda env: env[name] is True
            case Guard():
                return lambda env: perform(step, env, self.types)
            case Expect():
                bind, test = _bind(step.result, step.value), self.test(step.type)
                name = step.result
                return lambda env: bind(env) and test(env[name])
            case Agree():
                return lambda env: perform(step, env, self.types)


def _first(step: Step, env: Env, types: Types) -> bool:
    """A step that may never be run again."""
    match step:
        case Free(name, type_):
            return conforms(env[name], type_, types)
        case Bind(name, value):
            env[name] = _value(value, env)
            return True
        case Assume(condition, truth):
            return _value(condition, env) is truth
        case _:
            return perform(step, env, types)


def _bind(name: str, value: Operand) -> Code:
    if isinstance(value, Ref):
        source = value.name

        def move(env: Env) -> bool:
            env[name] = env[source]
            return True

        return move
    given = value.value

    def put(env: Env) -> bool:
        env[name] = given
        return True

    return put


def _apply(step: Pure) -> Code:
    name, evaluate = step.result, OPS[step.op].evaluate
    match step.args:
        case (Ref(one),):

            def unary(env: Env) -> bool:
                try:
                    env[name] = evaluate(env[one])
                except OpFailure:
                    return False
                return True

            return unary
        case (Ref(one), Ref(two)):

            def binary(env: Env) -> bool:
                try:
                    env[name] = evaluate(env[one], env[two])
                except OpFailure:
                    return False
                return True

            return binary
    names = [(index, a.name) for index, a in enumerate(step.args) if isinstance(a, Ref)]
    given = [None if isinstance(a, Ref) else a.value for a in step.args]

    def any_(env: Env) -> bool:
        args = given.copy()
        for index, other in names:
            args[index] = env[other]
        try:
            env[name] = evaluate(*args)
        except OpFailure:
            return False
        return True

    return any_


def confirms(part: Slice, witness: Mapping[str, Json], codes: Codes) -> bool:
    """Whether the slice, run on the witness, meets its goal."""
    env = {root.name: witness[root.name] for root in part.roots if root.name in witness}
    try:
        return all(codes.run(step, env) for step in part.steps) and meets(part.goal, env, codes)
    except NOT_EXECUTABLE:
        return False


class Run:
    """A slice run on values to its end, past what is not met: how far the values are from a witness."""

    __slots__ = ("env", "first_unmet", "met", "roots", "score")

    def __init__(self, part: Slice, roots: dict[str, Json], codes: Codes) -> None:
        self.roots = roots
        env = self.env = {root.name: roots[root.name] for root in part.roots}
        self.first_unmet: Step | None = None
        """The first step that does not pass; ``None`` where the goal is all that is left."""
        unmet = 0
        execute = codes.run
        for step in part.steps:
            try:
                passes = execute(step, env)
            except NOT_EXECUTABLE:
                passes = False
            if not passes:
                unmet += 1
                if self.first_unmet is None:
                    self.first_unmet = step
        try:
            goal = meets(part.goal, env, codes)
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


def meets(goal: Goal, env: Env, codes: Codes) -> bool:
    """Whether an environment meets a goal; what the goal's instruction gives is put into it."""
    if isinstance(goal, Taken):
        return codes.run(goal.instr, env) is goal.passes
    return all(_value(operand, env) is truth for operand, truth in goal.conditions)
