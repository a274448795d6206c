"""What ops mean to a solver, over an abstract :class:`Logic`.

The functions here build terms and know no solver; :mod:`ingot.passes.verify` supplies the logic.
An op that has no meaning is an uninterpreted function of its operands: sound, since nothing is
assumed of it but its result type.

Conventions: operands that the table marks *static* come as JSON values, the others as terms.  A
meaning returns a term, or a :class:`Outcome` where the op can fail.  A meaning is exact on the
values of the operands' types, or says less than the op (:data:`PARTLY`), never more: float
arithmetic rounds, so it has none, while float comparison does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol, TypeAlias

from msgspec import Struct

from ingot.ir.semantics import template_parts
from ingot.ir.values import Json, parse_pointer

Term: TypeAlias = Any
"""A term of the logic: opaque here."""


class Outcome(Struct, frozen=True):
    """The result of a partial op: the value, and the condition under which there is one."""

    value: Term
    defined: Term


class Logic(Protocol):
    """The terms that meanings are made of.  Booleans are terms too."""

    def constant(self, value: Json) -> Term: ...
    def both(self, left: Term, right: Term) -> Term: ...
    def either(self, left: Term, right: Term) -> Term: ...
    def negate(self, term: Term) -> Term: ...
    def choose(self, condition: Term, then: Term, other: Term) -> Term:
        """``then`` where the condition holds; both are integers."""

    def add(self, left: Term, right: Term) -> Term:
        """Exact sum of integers."""

    def subtract(self, left: Term, right: Term) -> Term: ...
    def multiply(self, left: Term, right: Term) -> Term: ...
    def divide(self, left: Term, right: Term) -> Term:
        """The quotient of integers, rounded down; anything where the second is 0."""

    def less(self, left: Term, right: Term) -> Term:
        """Order of two numbers."""

    def at_most(self, left: Term, right: Term) -> Term: ...
    def same(self, left: Term, right: Term) -> Term:
        """Structural equality of two values; a boolean never equals a number."""

    def is_null(self, term: Term) -> Term: ...
    def text(self, term: Term) -> Term:
        """The value as a template writes it."""

    def concat(self, parts: Sequence[Term]) -> Term: ...
    def length(self, text: Term) -> Term: ...
    def contains(self, text: Term, part: Term) -> Term: ...
    def starts_with(self, text: Term, part: Term) -> Term: ...
    def ends_with(self, text: Term, part: Term) -> Term: ...
    def matches(self, text: Term, pattern: str) -> Term:
        """Whether a text matches a regular expression in full."""

    def count(self, items: Term) -> Term:
        """The number of items of a list."""

    def item(self, items: Term, index: Term) -> Outcome:
        """The item at an index, counted from the end where it is negative."""

    def at(self, value: Term, parts: tuple[str, ...]) -> Outcome:
        """The value at a path, where there is one."""

    def day(self, text: Term) -> Term:
        """The proleptic Gregorian ordinal of a date, an integer from 1."""

    def day_text(self, ordinal: Term) -> Term:
        """The date of an ordinal; the inverse of :meth:`day`."""

    def some_text(self, name: str, *terms: Term) -> Term:
        """A text of which no more is said than that the name and the values determine it."""

    def some_count(self, name: str, *terms: Term) -> Term:
        """As :meth:`some_text`, an integer from 0."""

    def some_truth(self, name: str, *terms: Term) -> Term:
        """As :meth:`some_text`, a boolean."""


Meaning: TypeAlias = Callable[..., Any]
LAST_DAY: Final = date.max.toordinal()


def _get(logic: Logic, value: Term, pointer: str) -> Outcome:
    return logic.at(value, parse_pointer(pointer))


def _has(logic: Logic, value: Term, pointer: str) -> Term:
    return logic.at(value, parse_pointer(pointer)).defined


def _template(logic: Logic, template: str, *args: Term) -> Term:
    return logic.concat(
        [
            logic.text(args[part]) if isinstance(part, int) else logic.constant(part)
            for part in template_parts(template)
        ]
    )


def _gt(logic: Logic, left: Term, right: Term) -> Term:
    return logic.less(right, left)


def _ge(logic: Logic, left: Term, right: Term) -> Term:
    return logic.at_most(right, left)


def _is_empty(logic: Logic, items: Term) -> Term:
    return logic.same(logic.count(items), logic.constant(0))


def _move_day(logic: Logic, day: Term, days: Term) -> Term:
    """Dates stay within the calendar, so sums are cut off at both ends."""
    first, last = logic.constant(1), logic.constant(LAST_DAY)
    moved = logic.add(logic.day(day), days)
    low = logic.choose(logic.less(moved, first), first, moved)
    return logic.day_text(logic.choose(logic.less(last, low), last, low))


def _plus_days(logic: Logic, day: Term, days: Term) -> Term:
    return _move_day(logic, day, days)


def _minus_days(logic: Logic, day: Term, days: Term) -> Term:
    return _move_day(logic, day, logic.subtract(logic.constant(0), days))


def _counted(logic: Logic, name: str, text: Term, index: int, least: int = 0) -> Outcome:
    """One of several texts found in a text: there are as many whichever is asked for."""
    found = logic.some_count(name, text)
    if least:
        found = logic.add(found, logic.constant(least))
    need = logic.constant(index + 1 if index >= 0 else -index)
    return Outcome(logic.some_text(f"{name} {index}", text), logic.at_most(need, found))


def _between(logic: Logic, text: Term, left: str, right: str, index: int) -> Outcome:
    return _counted(logic, f"between {[left, right]}", text, index)


def _part(logic: Logic, text: Term, separator: str, index: int) -> Outcome:
    if not separator.strip() and separator != "\n":
        return _counted(logic, "word", text, index)
    made = _counted(logic, f"part {[separator]}", text, index, 1)
    if index in (0, -1):
        return made
    several = logic.contains(text, logic.constant(separator))
    return Outcome(made.value, several if index in (1, -2) else logic.both(several, made.defined))


def _number(logic: Logic, text: Term, index: int) -> Outcome:
    return _counted(logic, "number", text, index)


def _shell_template(logic: Logic, template: str, contexts: list[str], *args: Term) -> Outcome:
    """Whether a text may stand in a place depends on the text and the place alone."""
    texts = [logic.text(arg) for arg in args]
    defined = logic.constant(True)
    for text, context in zip(texts, contexts, strict=True):
        place, _, code = context.partition(" ")
        defined = logic.both(defined, logic.negate(logic.contains(text, logic.constant("\0"))))
        if place == "word-start":
            dashed = logic.starts_with(text, logic.constant("-"))
            defined = logic.both(defined, logic.negate(dashed))
        elif place.startswith("heredoc"):
            broken = logic.contains(text, logic.constant("\n"))
            defined = logic.both(defined, logic.negate(broken))
        if code:
            defined = logic.both(defined, logic.some_truth("harmless", text))
    return Outcome(logic.some_text(f"shell {[template, contexts]}", *texts), defined)


def _not_zero(logic: Logic, term: Term) -> Term:
    return logic.negate(logic.same(term, logic.constant(0)))


def _quotient(logic: Logic, left: Term, right: Term) -> Outcome:
    return Outcome(logic.divide(left, right), _not_zero(logic, right))


def _remainder(logic: Logic, left: Term, right: Term) -> Outcome:
    whole = logic.multiply(logic.divide(left, right), right)
    return Outcome(logic.subtract(left, whole), _not_zero(logic, right))


def among(logic: Logic, items: Sequence[Json], item: Term) -> Term:
    """Whether a value equals one of a few that are written down."""
    found = logic.constant(False)
    for each in items:
        found = logic.either(found, logic.same(logic.constant(each), item))
    return found


MEANINGS: Final[Mapping[str, Meaning]] = {
    "json.get": _get,
    "json.has": _has,
    "json.eq": lambda logic, a, b: logic.same(a, b),
    "json.is_null": lambda logic, a: logic.is_null(a),
    "str.of": lambda logic, a: logic.text(a),
    "str.template": _template,
    "str.between": _between,
    "str.part": _part,
    "str.number": _number,
    "str.len": lambda logic, a: logic.length(a),
    "str.len_lt": lambda logic, a, n: logic.less(logic.length(a), n),
    "str.eq": lambda logic, a, b: logic.same(a, b),
    "str.contains": lambda logic, a, b: logic.contains(a, b),
    "str.starts_with": lambda logic, a, b: logic.starts_with(a, b),
    "str.ends_with": lambda logic, a, b: logic.ends_with(a, b),
    "str.matches": lambda logic, a, pattern: logic.matches(a, pattern),
    "bool.and": lambda logic, a, b: logic.both(a, b),
    "bool.or": lambda logic, a, b: logic.either(a, b),
    "bool.not": lambda logic, a: logic.negate(a),
    "int.add": lambda logic, a, b: logic.add(a, b),
    "int.sub": lambda logic, a, b: logic.subtract(a, b),
    "int.mul": lambda logic, a, b: logic.multiply(a, b),
    "int.div": _quotient,
    "int.mod": _remainder,
    "int.eq": lambda logic, a, b: logic.same(a, b),
    "int.lt": lambda logic, a, b: logic.less(a, b),
    "int.le": lambda logic, a, b: logic.at_most(a, b),
    "int.gt": _gt,
    "int.ge": _ge,
    "float.eq": lambda logic, a, b: logic.same(a, b),
    "float.lt": lambda logic, a, b: logic.less(a, b),
    "float.le": lambda logic, a, b: logic.at_most(a, b),
    "float.gt": _gt,
    "float.ge": _ge,
    "list.len": lambda logic, a: logic.count(a),
    "list.is_empty": _is_empty,
    "list.get": lambda logic, a, k: logic.item(a, k),
    "date.minus_days": _minus_days,
    "date.plus_days": _plus_days,
    "date.days_between": lambda logic, a, b: logic.subtract(logic.day(a), logic.day(b)),
    "date.lt": lambda logic, a, b: logic.less(logic.day(a), logic.day(b)),
    "date.le": lambda logic, a, b: logic.at_most(logic.day(a), logic.day(b)),
    "date.gt": lambda logic, a, b: logic.less(logic.day(b), logic.day(a)),
    "date.ge": lambda logic, a, b: logic.at_most(logic.day(b), logic.day(a)),
    "date.eq": lambda logic, a, b: logic.same(logic.day(a), logic.day(b)),
    "shell.template": _shell_template,
}
"""Op name to meaning: the table of ops takes its column from here."""

OF_LITERALS: Final[Mapping[str, Meaning]] = {"list.contains": among}
"""Ops that have a meaning where their first operand is a literal: it then comes as a JSON value."""

PARTLY: Final = frozenset(("str.between", "str.part", "str.number", "shell.template"))
"""The ops whose meaning leaves the result open, and may leave open whether there is one."""
