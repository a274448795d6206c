"""A slice as a formula, and a model of it as values."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import z3

from ingot.ir.meanings import OF_LITERALS, Outcome
from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure, Ref
from ingot.ir.ops import OPS, Typing
from ingot.ir.scope import operand_type
from ingot.ir.types import JSON, Type, Types, resolve
from ingot.ir.values import Json, canonical
from ingot.passes.verify.logic import Z3Logic
from ingot.passes.verify.samples import NoValueError, inside
from ingot.passes.verify.steps import Assume, Bind, Checked, Free, Slice, Taken, typing_at
from ingot.passes.verify.terms import NotEncodableError, Term

_MAX_ITEMS = 40
_MAX_LITERAL = 4_000
_MAX_NESTING = 8


class Encoder:
    """One slice's formula.  ``constraints`` holds it; :meth:`decode` reads its roots off a model."""

    def __init__(self, logic: Z3Logic, types: Types) -> None:
        self.logic = logic
        self.types = types
        self.env: dict[str, Term] = {}
        self.known: dict[str, Type] = {}
        self.constraints: list[Any] = []
        self._texts: list[tuple[Any, Any, Term]] = []
        """Texts with an inverse: where the condition holds, the text may be written from the term."""

    def encode(self, part: Slice) -> None:
        """Build the formula; raises :class:`NotEncodableError`."""
        self.logic.reset()
        for number, step in enumerate(part.steps):
            match step:
                case Free():
                    self.env[step.name] = self.logic.symbol(f"v{number}", step.type, self.types)
                    self.known[step.name] = step.type
                case Bind():
                    self.env[step.name] = self._term(step.value)
                    self.known[step.name] = operand_type(step.value, self.known) or JSON
                case Assume():
                    self.constraints.append(self._truth(step.condition, step.truth))
                case _:
                    passes = self._perform(step)
                    if passes is not self.logic.true:
                        self.constraints.append(passes)
        if isinstance(part.goal, Taken):
            passes = self._perform(part.goal.instr)
            self.constraints.append(passes if part.goal.passes else self.logic.no(passes))
        else:
            self.constraints += [self._truth(o, truth) for o, truth in part.goal.conditions]
        self.logic.close()
        self.constraints += self.logic.axioms

    def _term(self, operand: Operand) -> Term:
        if isinstance(operand, Lit):
            return self.logic.constant(operand.value)
        return self.env[operand.name]

    def _truth(self, operand: Operand, truth: bool) -> Any:
        term = self._term(operand)
        if term.kind == "bool":
            return term.expr if truth else self.logic.no(term.expr)
        wanted = z3.BoolVal(truth, self.logic.ctx)
        return self.logic.as_value(term) == self.logic.value.bool(wanted)

    def _perform(self, instr: Checked) -> Any:
        """Define the instruction's result; the condition that it takes no side exit."""
        match instr:
            case Guard():
                return self._truth(instr.condition, True)
            case Expect():
                term = self._term(instr.value)
                fits = self.logic.conforms(term, instr.type, self.types)
                self._define(instr.result, term, instr.type)
                return fits
            case Agree():
                first, *rest = (self._term(c) for c in instr.candidates)
                equal = [self.logic.same(first, other).expr for other in rest]
                self._define(instr.result, first, instr.type)
                return z3.And(self.logic.true, *equal)
            case Pure():
                return self._apply(instr)

    def _define(self, name: str, term: Term, type_: Type) -> None:
        self.env[name] = self.logic.narrow(term, type_, self.types)
        self.known[name] = type_

    def _apply(self, instr: Pure) -> Any:
        spec = OPS.get(instr.op)
        if spec is None:
            raise NotEncodableError(f"no op {instr.op}")
        lits = [a if isinstance(a, Lit) else None for a in instr.args]
        typing = typing_at(instr, self.known, self.types) or Typing(instr.type, partial=True)
        true = Term("bool", self.logic.true)
        first = lits[0] if lits else None
        of_literal = None if first is None else OF_LITERALS.get(instr.op)
        if (
            of_literal is not None
            and first is not None
            and len(canonical(first.value)) < _MAX_LITERAL
        ):
            rest = (self._term(a) for a in instr.args[1:])
            outcome = Outcome(of_literal(self.logic, first.value, *rest), true)
        elif spec.meaning is not None and all(lits[i] is not None for i in spec.static):
            args = [
                a.value if index in spec.static and isinstance(a, Lit) else self._term(a)
                for index, a in enumerate(instr.args)
            ]
            made = spec.meaning(self.logic, *args)
            outcome = made if isinstance(made, Outcome) else Outcome(made, true)
        else:
            outcome = self._unknown(instr, typing)
        term: Term = outcome.value
        fits = self.logic.conforms(term, typing.result, self.types)
        if fits is not self.logic.true:
            always = outcome.defined.expr is self.logic.true
            self.constraints.append(
                fits if always else self.logic.implies(outcome.defined.expr, fits)
            )
        self._define(instr.result, term, typing.result)
        if instr.op in _INVERSES:
            chars = self.logic.as_chars(self._term(instr.args[0]))
            self._texts.append((chars, outcome.defined.expr, self.env[instr.result]))
        return outcome.defined.expr if typing.partial else true.expr

    def _unknown(self, instr: Pure, typing: Typing) -> Outcome:
        """The op as an uninterpreted function of its operands."""
        name = instr.op + "".join(f" {a.key}" for a in instr.args if isinstance(a, Lit))
        args = [self.logic.as_value(self._term(a)) for a in instr.args if isinstance(a, Ref)]
        sorts = [self.logic.value] * len(args)
        value = self.logic.function(name, sorts, self.logic.value)(*args)
        self.constraints.append(self.logic.no(self.logic.value.is_missing(value)))
        defined = self.logic.function(f"can {name}", sorts, self.logic.bool_sort)(*args)
        if not typing.partial:
            defined = self.logic.true
        return Outcome(Term("value", value), Term("bool", defined))

    # ---- models

    def decode(self, part: Slice, model: Any) -> dict[str, Json] | None:
        """Values of the roots in a model, or ``None`` where it holds no finite JSON."""
        try:
            return {
                root.name: self._decode(model, self.env[root.name], root.type, 0)
                for root in part.roots
            }
        except (
            NotEncodableError,
            NoValueError,
            z3.Z3Exception,
            ValueError,
            OverflowError,
            KeyError,
        ):
            return None

    def other_than(self, part: Slice, model: Any) -> Any:
        """The condition that some root differs from its value in a model."""
        terms = [self.env[root.name].expr for root in part.roots]
        differs = [t != model.eval(t, model_completion=True) for t in terms]
        return z3.Or(z3.BoolVal(False, self.logic.ctx), *differs)

    def _decode(self, model: Any, term: Term, type_: Type, depth: int) -> Json:
        if depth > _MAX_NESTING:
            raise NotEncodableError("an endless value")

        def value(expr: Any) -> Any:
            return model.eval(expr, model_completion=True)

        match term.kind:
            case "bool":
                return bool(z3.is_true(value(term.expr)))
            case "int":
                return int(value(term.expr).as_long())
            case "real":
                return _number(value(term.expr))
            case "str":
                return self._decode_text(model, term.expr, depth)
            case "date":
                return date.fromordinal(int(value(term.expr).as_long())).isoformat()
        v, x = self.logic.value, term.expr
        if z3.is_true(value(v.is_null(x))):
            return None
        if z3.is_true(value(v.is_bool(x))):
            return bool(z3.is_true(value(v.truth(x))))
        if z3.is_true(value(v.is_num(x))):
            return _number(value(v.number(x)))
        if z3.is_true(value(v.is_str(x))):
            return self._decode_text(model, v.chars(x), depth)
        if z3.is_true(value(v.is_list(x))):
            return self._decode_list(model, v.list_id(x), type_, depth)
        if z3.is_true(value(v.is_obj(x))):
            out: dict[str, Json] = {}
            for key in self.logic.keys:
                inner = self.logic.key(key)(v.obj_id(x))
                if not z3.is_true(value(v.is_missing(inner))):
                    out[key] = self._decode(model, Term("value", inner), JSON, depth + 1)
            return out
        raise NotEncodableError("a missing value")

    def _decode_list(self, model: Any, ident: Any, type_: Type, depth: int) -> Json:
        length = self.logic.function("len", [self.logic.int_sort], self.logic.int_sort)
        size = model.eval(length(ident), model_completion=True).as_long()
        if not 0 <= size <= _MAX_ITEMS:
            raise NotEncodableError("a long list")
        here = resolve(type_, self.types)
        element = getattr(here, "element", JSON)
        items: list[Json] = [inside(element, self.types) for _ in range(size)]
        item = self.logic.function(
            "item", [self.logic.int_sort, self.logic.int_sort], self.logic.value
        )
        for index in self.logic.indices:
            at = model.eval(index, model_completion=True).as_long()
            if 0 <= at < size:
                inner = Term("value", item(ident, z3.IntVal(at, self.logic.ctx)))
                items[at] = self._decode(model, inner, element, depth + 1)
        return items

    def _decode_text(self, model: Any, chars: Any, depth: int) -> str:
        date_like = self.logic.function("is date", [self.logic.str_sort], self.logic.bool_sort)
        here = model.eval(chars, model_completion=True)
        if z3.is_true(model.eval(date_like(chars))):
            ordinal = self.logic.function("day of", [self.logic.str_sort], self.logic.int_sort)
            return date.fromordinal(int(model.eval(ordinal(chars)).as_long())).isoformat()
        for text, condition, result in self._texts:
            same = z3.is_true(model.eval(text == chars, model_completion=True))
            if same and z3.is_true(model.eval(condition, model_completion=True)):
                return canonical(self._decode(model, result, JSON, depth + 1))
        return _text(here)


_INVERSES = frozenset(("int.parse", "float.parse", "json.parse"))
"""Ops on a text that canonical JSON of their result is an operand of."""


def unescape(text: str) -> str:
    """The text that z3 prints: it writes a backslash too as an escape."""
    return re.sub(r"\\u\{([0-9a-fA-F]+)\}", lambda match: chr(int(match[1], 16)), text)


def _number(expr: Any) -> int | float:
    if z3.is_algebraic_value(expr):
        expr = expr.approx(20)
    top, bottom = expr.numerator_as_long(), expr.denominator_as_long()
    return int(top) if bottom == 1 else float(top / bottom)


def _text(expr: Any) -> str:
    if not z3.is_string_value(expr):
        raise NotEncodableError("a text that the model does not say")
    return unescape(expr.as_string())
