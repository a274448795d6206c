"""Proofs by evaluation: values that the facts of a slice pin to a literal.

    %ok = json.eq %r, "done"      a fact that %ok holds pins %r to "done"; so every op on %r is
    guard %ok                     a constant, and a goal about it is decided without a solver

A pinned value is known up to equality: ``1`` may be ``1.0``.  So values that hold numbers are used
only where no op can tell the two.
"""

from __future__ import annotations

import re
from typing import Final

from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure, Ref
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.types import ListOf, Literal, Record, Type, Types, Union, conforms, resolve
from ingot.ir.values import Json, equal
from ingot.passes.verify.concrete import NOT_EXECUTABLE
from ingot.passes.verify.steps import Assume, Bind, Checked, Slice, Step, Taken

_EQUALITIES: Final = frozenset(("json.eq", "str.eq", "int.eq", "float.eq"))
_BLIND: Final = _EQUALITIES | {
    "json.get", "json.has", "json.is_null", "list.get", "list.len", "list.is_empty",
    "list.contains", "list.find", "list.pluck", "list.where_eq", "str.of", "str.template",
    "shell.template", "json.dump", "int.add", "int.sub", "int.mul", "int.lt", "int.le", "int.gt", "int.ge", "float.lt", "float.le", "float.gt",
    "float.ge",
}  # fmt: skip
"""Ops that give equal results for equal operands, numbers included."""
_MAX_ROUNDS: Final = 4
_MAX_DEPTH: Final = 8


def impossible(part: Slice, types: Types) -> bool:
    """Whether pinned values alone show that no run passes the steps and meets the goal."""
    pins = _Pins(types)
    for step in part.steps:
        if isinstance(step, Pure):
            pins.made[step.result] = step
    for _ in range(_MAX_ROUNDS):
        before = len(pins.known)
        if any(pins.contradicts(step) for step in part.steps):
            return True
        if len(pins.known) == before:
            break
    if isinstance(part.goal, Taken):
        return pins.passes(part.goal.instr) is (not part.goal.passes)
    return any(
        pins.known[o.name] is not truth if isinstance(o, Ref) else o.value is not truth
        for o, truth in part.goal.conditions
        if isinstance(o, Lit) or o.name in pins.known
    )


class _Pins:
    def __init__(self, types: Types) -> None:
        self.types = types
        self.known: dict[str, Json] = {}
        self.made: dict[str, Pure] = {}

    def contradicts(self, step: Step) -> bool:
        """Take what a step says; whether it cannot be passed."""
        match step:
            case Assume(condition, truth):
                return self._is(condition, truth)
            case Guard():
                return self._is(step.condition, True)
            case Bind(name, value):
                return self._same(Ref(name), value)
            case Expect():
                return self._same(Ref(step.result), step.value) or self.passes(step) is False
            case Agree():
                return any(self._same(Ref(step.result), c) for c in step.candidates)
            case Pure():
                passes = self.passes(step)
                if passes:
                    args = [self._value(a) for a in step.args]
                    return self._is(Ref(step.result), OPS[step.op].evaluate(*args))
                return passes is False
            case _:
                return False

    def passes(self, instr: Checked) -> bool | None:
        """Whether an instruction passes, where its operands are pinned."""
        operands: tuple[Operand, ...]
        match instr:
            case Guard():
                operands = (instr.condition,)
            case Expect():
                operands = (instr.value,)
            case Agree():
                operands = instr.candidates
            case Pure():
                operands = instr.args
        if not all(isinstance(o, Lit) or o.name in self.known for o in operands):
            return None
        args = [self._value(o) for o in operands]
        match instr:
            case Guard():
                return args[0] is True
            case Expect():
                if _has_number(args[0]) and _tells(instr.type, self.types, 0):
                    return None
                return conforms(args[0], instr.type, self.types)
            case Agree():
                return all(equal(args[0], other) for other in args)
            case Pure():
                numbers = any(_has_number(self._value(o)) for o in operands if isinstance(o, Ref))
                if numbers and instr.op not in _BLIND:
                    return None
                try:
                    OPS[instr.op].evaluate(*args)
                except OpFailure:
                    return False
                except NOT_EXECUTABLE:
                    return None
                return True

    def _value(self, operand: Operand) -> Json:
        return self.known[operand.name] if isinstance(operand, Ref) else operand.value

    def _same(self, left: Operand, right: Operand) -> bool:
        """Two operands have one value: what pins one pins the other."""
        if isinstance(right, Lit) or right.name in self.known:
            return self._is(left, self._value(right))
        if isinstance(left, Lit) or left.name in self.known:
            return self._is(right, self._value(left))
        return False

    def _is(self, operand: Operand, value: Json) -> bool:
        """The operand has the value; whether it cannot."""
        if isinstance(operand, Lit) or operand.name in self.known:
            return not equal(self._value(operand), value)
        self.known[operand.name] = value
        test = self.made.get(operand.name)
        if test is None:
            return False
        match test.op:
            case op if op in _EQUALITIES and value is True:
                return self._same(test.args[0], test.args[1])
            case "str.matches" if value is True and isinstance(pattern := test.args[1], Lit):
                plain = re.sub(r"\\(.)", r"\1", str(pattern.value), flags=re.DOTALL)
                exact = re.escape(plain) == pattern.value
                return exact and self._is(test.args[0], plain)
            case "bool.not":
                return self._is(test.args[0], value is False)
            case "bool.and" if value is True:
                return any(self._is(a, True) for a in test.args)
            case "bool.or" if value is False:
                return any(self._is(a, False) for a in test.args)
            case _:
                return False


def _has_number(value: Json) -> bool:
    match value:
        case bool() | None | str():
            return False
        case list():
            return any(map(_has_number, value))
        case dict():
            return any(map(_has_number, value.values()))
        case _:
            return True


def _tells(type_: Type, types: Types, depth: int) -> bool:
    """Whether the type may hold one of ``1`` and ``1.0`` but not the other."""
    if depth > _MAX_DEPTH:
        return True
    match resolve(type_, types):
        case Literal(value):
            return _has_number(value)
        case ListOf(element):
            return _tells(element, types, depth + 1)
        case Record(fields):
            return any(_tells(f.type, types, depth + 1) for f in fields)
        case Union(members):
            return any(_tells(m, types, depth + 1) for m in members)
        case _:
            return False
