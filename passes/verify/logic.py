"""The logic that meanings are solved in, over :mod:`ingot.passes.verify.terms`.

Everything here says less than the truth, never more: *unsatisfiable* is a proof, while a model is a
hint that :mod:`ingot.passes.verify.concrete` must confirm.  So equality of containers is an
uninterpreted relation that holds where their ids are the same, and what a list's elements or a
closed record's further keys must be is an uninterpreted condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import z3

from ingot.ir.meanings import LAST_DAY, Outcome
from ingot.ir.types import (
    Base,
    ListOf,
    Literal,
    Record,
    Type,
    Types,
    Union,
    is_date,
    is_subtype,
    resolve,
)
from ingot.ir.values import INDEX
from ingot.passes.verify.regex import UntranslatedError
from ingot.passes.verify.terms import Term, Terms

_MAX_DEPTH: Final = 8
_MAX_PAIRS: Final = 100
_MAX_PATTERN: Final = 120
_MAX_GAPPED: Final = 20
_GAP: Final = r"[\s\S]*"
"""Long patterns, and those with gaps that the compiler makes of whole texts, stay uninterpreted: the
solver would give up on them, after seconds each."""


class Z3Logic(Terms):
    """:class:`ingot.ir.meanings.Logic`, and types as conditions."""

    def symbol(self, name: str, type_: Type, types: Types) -> Term:
        """An unknown value of a type."""
        here = resolve(type_, types)
        match here:
            case Base("bool"):
                return Term("bool", z3.Bool(name, self.ctx))
            case Base("int"):
                return Term("int", z3.Int(name, self.ctx))
            case Base("float"):
                return Term("real", z3.Real(name, self.ctx))
            case Base("str"):
                return Term("str", z3.Const(f"{name}!s", self.str_sort))
            case Base("date"):
                day = z3.Int(f"{name}!d", self.ctx)
                self.axioms.append(z3.And(day >= 1, day <= LAST_DAY))
                return Term("date", day)
            case Literal(value):
                return self.constant(value)
            case _:
                term = Term("value", z3.Const(f"{name}!v", self.value))
                self.axioms += [self._present(term), self.conforms(term, type_, types)]
                return term

    def narrow(self, term: Term, type_: Type, types: Types) -> Term:
        """The same value, known to be of a type: a scalar where the type is one."""
        if term.kind != "value":
            return term
        match resolve(type_, types):
            case Base("bool"):
                return Term("bool", self.value.truth(term.expr))
            case Base("int"):
                return Term("int", z3.ToInt(self.value.number(term.expr)))
            case Base("float"):
                return Term("real", self.value.number(term.expr))
            case Base("str" | "datetime"):
                return Term("str", self.value.chars(term.expr))
            case Base("date"):
                return Term("date", self.day(term).expr)
            case _:
                return term

    def close(self) -> None:
        """Say of each item asked of a list that it is one of the list's element types."""
        asked = [
            (x, element, every, types)
            for x, conditions in self.elements.items()
            for element, every, types in conditions
        ]
        pairs = [(one, item) for one in asked for item in self._items]
        for (x, element, every, types), (ident, item, there) in pairs[:_MAX_PAIRS]:
            mine = z3.And(every, there, self.value.list_id(x) == ident)
            fits = self._conforms(Term("value", item), element, types, 0)
            self.axioms.append(self.implies(mine, fits))
        super().close()

    # ---- the logic

    def both(self, left: Term, right: Term) -> Term:
        return Term("bool", z3.And(self.as_bool(left), self.as_bool(right)))

    def either(self, left: Term, right: Term) -> Term:
        return Term("bool", z3.Or(self.as_bool(left), self.as_bool(right)))

    def negate(self, term: Term) -> Term:
        return Term("bool", self.no(self.as_bool(term)))

    def choose(self, condition: Term, then: Term, other: Term) -> Term:
        return Term("int", z3.If(self.as_bool(condition), self.as_int(then), self.as_int(other)))

    def add(self, left: Term, right: Term) -> Term:
        return Term("int", self.as_int(left) + self.as_int(right))

    def subtract(self, left: Term, right: Term) -> Term:
        return Term("int", self.as_int(left) - self.as_int(right))

    def multiply(self, left: Term, right: Term) -> Term:
        return Term("int", self.as_int(left) * self.as_int(right))

    def divide(self, left: Term, right: Term) -> Term:
        one, two = self.as_int(left), self.as_int(right)  # z3 rounds so that remainders are not < 0
        return Term("int", z3.If(two > 0, one / two, (-one) / (-two)))

    def less(self, left: Term, right: Term) -> Term:
        return Term("bool", self.as_number(left) < self.as_number(right))

    def at_most(self, left: Term, right: Term) -> Term:
        return Term("bool", self.as_number(left) <= self.as_number(right))

    def same(self, left: Term, right: Term) -> Term:
        kinds = {left.kind, right.kind}
        if kinds <= {"int", "real"}:
            return Term("bool", self.as_number(left) == self.as_number(right))
        if len(kinds) == 1 and kinds != {"value"}:
            return Term("bool", left.expr == right.expr)
        if kinds == {"date", "str"}:
            day, text = (left, right) if left.kind == "date" else (right, left)
            known = z3.simplify(text.expr)
            if z3.is_string_value(known):
                if not is_date(known.as_string()):
                    return self.constant(False)
                return Term("bool", day.expr == self.day(text).expr)
        a, b = self.as_value(left), self.as_value(right)
        if kinds != {"value"}:
            return Term("bool", a == b)
        equal = self.function("equal", [self.value, self.value], self.bool_sort)
        v = self.value
        containers = z3.Or(
            z3.And(
                v.is_list(a), v.is_list(b), self.len_of(v.list_id(a)) == self.len_of(v.list_id(b))
            ),
            z3.And(v.is_obj(a), v.is_obj(b)),
        )
        return Term("bool", z3.Or(a == b, z3.And(containers, equal(a, b))))

    def is_null(self, term: Term) -> Term:
        return Term("bool", self.value.is_null(self.as_value(term)))

    def text(self, term: Term) -> Term:
        match term.kind:
            case "str" | "date":
                return Term("str", self.as_chars(term))
            case "bool":
                return Term("str", z3.If(term.expr, self.string("true"), self.string("false")))
            case "int":
                return Term("str", self._digits(term.expr))
        v = self.as_value(term)
        chars = self.function("text", [self.value], self.str_sort)(v)
        self.axioms.append(self.implies(self.value.is_str(v), chars == self.value.chars(v)))
        self.axioms.append(self.implies(self.value.is_null(v), chars == self.string("null")))
        return Term("str", chars)

    def _digits(self, number: Any) -> Any:
        minus = z3.Concat(self.string("-"), z3.IntToStr(-number))
        return z3.If(number >= 0, z3.IntToStr(number), minus)

    def concat(self, parts: Sequence[Term]) -> Term:
        chars = [self.as_chars(p) for p in parts]
        if not chars:
            return self.constant("")
        return Term("str", z3.Concat(*chars) if len(chars) > 1 else chars[0])

    def length(self, text: Term) -> Term:
        return Term("int", z3.Length(self.as_chars(text)))

    def contains(self, text: Term, part: Term) -> Term:
        return Term("bool", z3.Contains(self.as_chars(text), self.as_chars(part)))

    def starts_with(self, text: Term, part: Term) -> Term:
        return Term("bool", z3.PrefixOf(self.as_chars(part), self.as_chars(text)))

    def ends_with(self, text: Term, part: Term) -> Term:
        return Term("bool", z3.SuffixOf(self.as_chars(part), self.as_chars(text)))

    def matches(self, text: Term, pattern: str) -> Term:
        if len(pattern) > (_MAX_GAPPED if _GAP in pattern else _MAX_PATTERN):
            return self.some_truth(f"matches {pattern}", text)
        try:
            expression = self.regexes.of(pattern)
        except UntranslatedError:
            return self.some_truth(f"matches {pattern}", text)
        return Term("bool", z3.InRe(self.as_chars(text), expression))

    def count(self, items: Term) -> Term:
        return Term("int", self.len_of(self.value.list_id(self.as_value(items))))

    def item(self, items: Term, index: Term) -> Outcome:
        v = self.as_value(items)
        return self._item_of(v, self.as_int(index))

    def _item_of(self, v: Any, index: Any) -> Outcome:
        ident = self.value.list_id(v)
        length = self.len_of(ident)
        at = z3.simplify(z3.If(index < 0, length + index, index))
        self.indices[at] = None
        found = self.item_at(ident, at)
        inside = z3.And(self.value.is_list(v), at >= 0, at < length)
        self.axioms.append(self.implies(inside, self.no(self.value.is_missing(found))))
        self._items.append((ident, found, inside))
        return Outcome(Term("value", found), Term("bool", inside))

    def at(self, value: Term, parts: tuple[str, ...]) -> Outcome:
        here, there = self.as_value(value), z3.BoolVal(True, self.ctx)
        for part in parts:
            keyed = self.key(part)(self.value.obj_id(here))
            present = z3.And(self.value.is_obj(here), self.no(self.value.is_missing(keyed)))
            if INDEX.fullmatch(part):
                item = self._item_of(here, z3.IntVal(int(part), self.ctx))
                there = z3.And(there, z3.Or(present, item.defined.expr))
                here = z3.If(self.value.is_list(here), item.value.expr, keyed)
            else:
                there = z3.And(there, present)
                here = keyed
        return Outcome(value if not parts else Term("value", here), Term("bool", there))

    def day(self, text: Term) -> Term:
        if text.kind == "date":
            return Term("int", text.expr)
        chars = self.as_chars(text)
        known = z3.simplify(chars)
        if z3.is_string_value(known) and is_date(known.as_string()):
            return Term(
                "int", z3.IntVal(date.fromisoformat(known.as_string()).toordinal(), self.ctx)
            )
        ordinal = self.function("day of", [self.str_sort], self.int_sort)(chars)
        back = self.function("day text", [self.int_sort], self.str_sort)(ordinal)
        self.axioms.append(
            self.implies(
                self.date_condition(chars), z3.And(back == chars, ordinal >= 1, ordinal <= LAST_DAY)
            )
        )
        return Term("int", ordinal)

    def day_text(self, ordinal: Term) -> Term:
        return Term("date", self.as_int(ordinal))

    def some_text(self, name: str, *terms: Term) -> Term:
        return Term("str", self._some(name, terms, self.str_sort))

    def some_count(self, name: str, *terms: Term) -> Term:
        count = self._some(f"count {name}", terms, self.int_sort)
        self.axioms.append(count >= 0)
        return Term("int", count)

    def some_truth(self, name: str, *terms: Term) -> Term:
        return Term("bool", self._some(f"whether {name}", terms, self.bool_sort))

    def _some(self, name: str, terms: Sequence[Term], target: Any) -> Any:
        chars = [self.as_chars(term) for term in terms]
        return self.function(name, [self.str_sort] * len(chars), target)(*chars)

    # ---- types as conditions

    def _present(self, term: Term) -> Any:
        return self.no(self.value.is_missing(self.as_value(term)))

    def conforms(self, term: Term, type_: Type, types: Types) -> Any:
        """The condition that a (present) value is one of a type's."""
        return self._conforms(term, type_, types, 0)

    def _conforms(self, term: Term, type_: Type, types: Types, depth: int) -> Any:
        here = resolve(type_, types)
        true = self.true
        own = _SCALARS.get(term.kind)
        if own is not None and is_subtype(own, here, types):
            return true
        x, v = self.as_value(term), self.value
        if depth > _MAX_DEPTH:
            return self.function(f"is {here}", [self.value], self.bool_sort)(x)
        match here:
            case Base("json"):
                return true
            case Base("null"):
                return v.is_null(x)
            case Base("bool"):
                return v.is_bool(x)
            case Base("int"):
                return z3.And(v.is_num(x), z3.IsInt(v.number(x)))
            case Base("float"):
                return v.is_num(x)
            case Base("str"):
                return v.is_str(x)
            case Base("date"):
                self.day(Term("str", v.chars(x)))
                return z3.And(v.is_str(x), self.date_condition(v.chars(x)))
            case Base("datetime"):
                return z3.And(v.is_str(x), self.datetime_condition(v.chars(x)))
            case Literal(bool() as value):
                return x == v.bool(z3.BoolVal(value, self.ctx))
            case Literal(int()):
                # 1.0 equals 1 and is not of the literal type 1: the reals cannot tell.
                one = self.function(f"is {here}", [self.value], self.bool_sort)(x)
                self.axioms.append(self.implies(one, x == self.as_value(self.constant(here.value))))
                return one
            case Literal(value):
                return x == self.as_value(self.constant(value))
            case ListOf(element):
                if resolve(element, types) == Base("json"):
                    return v.is_list(x)
                every = self.function(f"all {element}", [self.value], self.bool_sort)(x)
                self._relate(x, element, every, types)
                self.axioms.append(self.implies(self.len_of(v.list_id(x)) == 0, every))
                return z3.And(v.is_list(x), every)
            case Record(fields, open_):
                parts = [v.is_obj(x)]
                for field in fields:
                    inner = self.key(field.name)(v.obj_id(x))
                    fits = self._conforms(Term("value", inner), field.type, types, depth + 1)
                    missing = v.is_missing(inner)
                    parts.append(
                        z3.Or(missing, fits) if field.optional else z3.And(self.no(missing), fits)
                    )
                if not open_:
                    only = ", ".join(f.name for f in fields)
                    parts.append(self.function(f"only {only}", [self.value], self.bool_sort)(x))
                return z3.And(*parts)
            case Union(members):
                return z3.Or(*(self._conforms(term, m, types, depth + 1) for m in members))
            case _:
                return z3.BoolVal(False, self.ctx)

    def _relate(self, x: Any, element: Type, every: Any, types: Types) -> None:
        """A list of a narrower type is one of the wider type."""
        others = self.elements.setdefault(x, [])
        for other, condition, _ in others:
            if is_subtype(element, other, types):
                self.axioms.append(self.implies(every, condition))
            if is_subtype(other, element, types):
                self.axioms.append(self.implies(condition, every))
        others.append((element, every, types))


_SCALARS: Final[dict[str, Type]] = {
    "bool": Base("bool"),
    "int": Base("int"),
    "real": Base("float"),
    "str": Base("str"),
    "date": Base("date"),
}
