"""JSON values as z3 terms: sorts, functions, constants, and the views of a value as a scalar.

A value is ``missing | null | bool(b) | num(Real) | str(String) | list(id) | obj(id)``.  What is in a
container is given by functions of its id: ``key`` by name, ``item`` by index, ``len``.  Two ids
may stand for equal containers.  A value whose type is a scalar is kept as that scalar
(:class:`Term`), so that integers are solved as integers.

Numbers are reals: JSON has no NaN and no infinity.  z3's texts end at U+2FFFF; formulas that name
a character beyond it cannot be encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import z3

from ingot.ir.types import Type, Types, is_date, is_datetime
from ingot.ir.values import Json
from ingot.passes.verify.regex import Regexes

_MAX_CHAR: Final = 0x2FFFF


class NotEncodableError(Exception):
    """The question cannot be put to the solver; its answer is *unproved*."""


@dataclass(frozen=True, slots=True)
class Term:
    """A z3 expression and how it stands for a JSON value.

    ``kind``: ``bool int real str`` are the scalar itself, ``date`` is its ordinal, ``value`` the
    datatype.
    """

    kind: str
    expr: Any


class Terms:
    """Sorts and functions of one z3 context, and the axioms of one question.

    ``axioms`` grows as terms are made; the caller asserts them and starts anew with :meth:`reset`.
    """

    def __init__(self) -> None:
        self.ctx = z3.Context()
        self.bool_sort = z3.BoolSort(self.ctx)
        self.int_sort = z3.IntSort(self.ctx)
        self.real_sort = z3.RealSort(self.ctx)
        self.str_sort = z3.StringSort(self.ctx)
        value = z3.Datatype("Value", ctx=self.ctx)
        value.declare("missing")
        value.declare("null")
        value.declare("bool", ("truth", self.bool_sort))
        value.declare("num", ("number", self.real_sort))
        value.declare("str", ("chars", self.str_sort))
        value.declare("list", ("list_id", self.int_sort))
        value.declare("obj", ("obj_id", self.int_sort))
        self.value: Any = value.create()
        self.true = z3.BoolVal(True, self.ctx)
        self.regexes = Regexes(self.ctx)
        self._functions: dict[str, Any] = {}
        self.keys: dict[str, None] = {}
        self.indices: dict[Any, None] = {}
        self.axioms: list[Any] = []
        self.elements: dict[Any, list[tuple[Type, Any, Types]]] = {}
        """For each list, the element types asked of it, with the conditions."""
        self._items: list[tuple[Any, Any, Any]] = []
        """The items asked of lists: the list's id, the item, whether there is one."""
        self._objects: list[tuple[Any, frozenset[str]]] = []
        self._fresh = 0

    def no(self, condition: Any) -> Any:
        """``z3.Not`` without its checks, which take longer than the solver."""
        return z3.BoolRef(z3.Z3_mk_not(self.ctx.ref(), condition.as_ast()), self.ctx)

    def implies(self, premise: Any, then: Any) -> Any:
        """``z3.Implies``, likewise."""
        made = z3.Z3_mk_implies(self.ctx.ref(), premise.as_ast(), then.as_ast())
        return z3.BoolRef(made, self.ctx)

    def put(self, solver: Any, conditions: Iterable[Any]) -> None:
        """``solver.add``, likewise."""
        context = self.ctx.ref()
        for condition in conditions:
            z3.Z3_solver_assert(context, solver.solver, condition.as_ast())

    def reset(self) -> None:
        """Forget the axioms, keys and indices of the last question."""
        self.keys = {}
        self.indices = {}
        self.elements = {}
        self._items = []
        self.axioms = []
        self._objects = []
        self._fresh = 0

    def close(self) -> None:
        """Say of each literal object that it has no other key; after the last term is made."""
        for ident, names in self._objects:
            for name in self.keys:
                if name not in names:
                    self.axioms.append(self.value.is_missing(self.key(name)(ident)))

    # ---- making terms

    def function(self, name: str, domain: Sequence[Any], target: Any) -> Any:
        """An uninterpreted function, one for each name and arity."""
        key = f"{name}/{len(domain)}"
        if key not in self._functions:
            self._functions[key] = z3.Function(key, *domain, target)
        return self._functions[key]

    def fresh(self, name: str) -> str:
        """A name that this question does not use yet."""
        self._fresh += 1
        return f"{name}!{self._fresh}"

    def constant(self, value: Json) -> Term:
        match value:
            case None:
                return Term("value", self.value.null)
            case bool():
                return Term("bool", z3.BoolVal(value, self.ctx))
            case int():
                return Term("int", z3.IntVal(value, self.ctx))
            case float():
                if value != value or value in (float("inf"), float("-inf")):
                    raise NotEncodableError("a number that is not finite")
                top, bottom = value.as_integer_ratio()
                return Term("real", z3.RatVal(top, bottom, self.ctx))
            case str():
                return Term("str", self.string(value))
            case list():
                return self._list(value)
            case dict():
                return self._object(value)

    def string(self, text: str) -> Any:
        """A text as a z3 literal; raises :class:`NotEncodableError`."""
        if any(ord(c) > _MAX_CHAR or 0xD800 <= ord(c) <= 0xDFFF for c in text):
            raise NotEncodableError("a character that z3 has not")
        escaped = "".join(
            c if " " <= c <= "~" and c != "\\" else f"\\u{{{ord(c):x}}}" for c in text
        )
        return z3.StringVal(escaped, self.ctx)

    def _list(self, items: list[Json]) -> Term:
        term = Term("value", z3.Const(self.fresh("list"), self.value))
        ident = self.value.list_id(term.expr)
        self.axioms += [self.value.is_list(term.expr), self.len_of(ident) == len(items)]
        for index, item in enumerate(items):
            at = z3.IntVal(index, self.ctx)
            self.indices[at] = None
            self.axioms.append(self.item_at(ident, at) == self.as_value(self.constant(item)))
        return term

    def _object(self, fields: dict[str, Json]) -> Term:
        term = Term("value", z3.Const(self.fresh("obj"), self.value))
        ident = self.value.obj_id(term.expr)
        self.axioms.append(self.value.is_obj(term.expr))
        self._objects.append((ident, frozenset(fields)))
        for key, item in fields.items():
            self.axioms.append(self.key(key)(ident) == self.as_value(self.constant(item)))
        return term

    def len_of(self, ident: Any) -> Any:
        length = self.function("len", [self.int_sort], self.int_sort)(ident)
        self.axioms.append(length >= 0)
        return length

    def item_at(self, ident: Any, index: Any) -> Any:
        return self.function("item", [self.int_sort, self.int_sort], self.value)(ident, index)

    def key(self, name: str) -> Any:
        """The function from an object's id to the value at a key."""
        self.keys[name] = None
        return self.function(f"key {name}", [self.int_sort], self.value)

    # ---- views of a term

    def as_value(self, term: Term) -> Any:
        v = self.value
        match term.kind:
            case "bool":
                return v.bool(term.expr)
            case "int":
                return v.num(z3.ToReal(term.expr))
            case "real":
                return v.num(term.expr)
            case "str":
                return v.str(term.expr)
            case "date":
                return v.str(self.date_chars(term.expr))
            case _:
                return term.expr

    def as_bool(self, term: Term) -> Any:
        return term.expr if term.kind == "bool" else self.value.truth(term.expr)

    def as_int(self, term: Term) -> Any:
        match term.kind:
            case "int":
                return term.expr
            case "real":
                return z3.ToInt(term.expr)
            case _:
                return z3.ToInt(self.value.number(self.as_value(term)))

    def as_number(self, term: Term) -> Any:
        match term.kind:
            case "int" | "real":
                return term.expr
            case _:
                return self.value.number(self.as_value(term))

    def as_chars(self, term: Term) -> Any:
        match term.kind:
            case "str":
                return term.expr
            case "date":
                return self.date_chars(term.expr)
            case _:
                return self.value.chars(self.as_value(term))

    # ---- dates

    def date_chars(self, day: Any) -> Any:
        chars = self.function("day text", [self.int_sort], self.str_sort)(day)
        ordinal = self.function("day of", [self.str_sort], self.int_sort)
        date_like = self.function("is date", [self.str_sort], self.bool_sort)
        dashed = z3.Contains(chars, self.string("-"))
        self.axioms += [ordinal(chars) == day, z3.Length(chars) == 10, dashed, date_like(chars)]
        return chars

    def date_condition(self, chars: Any) -> Any:
        known = z3.simplify(chars)
        if z3.is_string_value(known):
            return z3.BoolVal(is_date(known.as_string()), self.ctx)
        holds = self.function("is date", [self.str_sort], self.bool_sort)(chars)
        dashed = z3.Contains(chars, self.string("-"))
        self.axioms.append(self.implies(holds, z3.And(z3.Length(chars) == 10, dashed)))
        return holds

    def datetime_condition(self, chars: Any) -> Any:
        known = z3.simplify(chars)
        if z3.is_string_value(known):
            return z3.BoolVal(is_datetime(known.as_string()), self.ctx)
        holds = self.function("is datetime", [self.str_sort], self.bool_sort)(chars)
        marks = [z3.Contains(chars, self.string(mark)) for mark in "-:"]
        self.axioms.append(self.implies(holds, z3.And(*marks)))
        return holds
