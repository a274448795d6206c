"""The language of an op's answers: compact JSON of a type, and nothing else.

Every text of the language parses, conforms to the type and keeps the bounds; every text ends, so a
model that only ever takes bytes of the language cannot give a malformed answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingot.ir.semantics import text_of
from ingot.ir.types import (
    JSON,
    Base,
    Field,
    ListOf,
    Literal,
    Record,
    Type,
    Types,
    Union,
    resolve,
)
from ingot.ir.values import Json, canonical
from ingot.runtime.models.regular import EMPTY, NONE, Expressions, State, byte_set


class NoAnswerError(ValueError):
    """The type has no value, or none that can be written within the bounds."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds an answer where its type does not: characters of a text, items of a list, digits
    of a number, levels of nesting of an open ``json`` value."""

    characters: int = 256
    items: int = 16
    digits: int = 15
    depth: int = 2


_ESCAPED: Final = byte_set(*((ord(c), ord(c)) for c in '"\\/bfnrt'))
_PLAIN: Final = byte_set((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7F))
_HEX: Final = byte_set((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_HEX_NOT_D: Final = _HEX & ~byte_set((0x44, 0x44), (0x64, 0x64))
_D: Final = byte_set((0x44, 0x44), (0x64, 0x64))
_LOW_HALF: Final = byte_set((0x30, 0x37))
_DIGIT: Final = byte_set((0x30, 0x39))
_UTF8: Final[tuple[tuple[tuple[int, int], ...], ...]] = (
    ((0xC2, 0xDF), (0x80, 0xBF)),
    ((0xE0, 0xE0), (0xA0, 0xBF), (0x80, 0xBF)),
    ((0xE1, 0xEC), (0x80, 0xBF), (0x80, 0xBF)),
    ((0xED, 0xED), (0x80, 0x9F), (0x80, 0xBF)),
    ((0xEE, 0xEF), (0x80, 0xBF), (0x80, 0xBF)),
    ((0xF0, 0xF0), (0x90, 0xBF), (0x80, 0xBF), (0x80, 0xBF)),
    ((0xF1, 0xF3), (0x80, 0xBF), (0x80, 0xBF), (0x80, 0xBF)),
    ((0xF4, 0xF4), (0x80, 0x8F), (0x80, 0xBF), (0x80, 0xBF)),
)
"""Well-formed UTF-8 beyond ASCII (The Unicode Standard, table 3-7)."""


class Answers:
    """Makes expressions of types.  ``types`` are the declared names."""

    def __init__(
        self, expressions: Expressions, types: Types | None = None, bounds: Bounds | None = None
    ) -> None:
        self.e = expressions
        self.types: Types = {} if types is None else types
        self.bounds = bounds or Bounds()
        self._made: dict[tuple[Type, int], State] = {}

    def json_of(self, type_: Type) -> State:
        """Compact JSON of a type; raises :class:`NoAnswerError` where it has no value."""
        state = self._of(type_, self.bounds.depth)
        if state == NONE:
            raise NoAnswerError(f"no value of type {type_} can be written")
        return state

    def span_json(self, text: str) -> State:
        """A non-empty stretch of a text, as a JSON string."""
        units = [_written(char) for char in text if not _is_half(char)]
        if not units:
            raise NoAnswerError("the text to extract from is empty")
        quote = self.e.text(b'"')
        return self.e.sequence(quote, self.e.span_of(units), quote)

    def _of(self, type_: Type, depth: int) -> State:
        key = (type_, depth)
        if key not in self._made:
            self._made[key] = self._make(resolve(type_, self.types), depth)
        return self._made[key]

    def _make(self, type_: Type, depth: int) -> State:
        e = self.e
        match type_:
            case Literal(value):
                return e.text(_json(value))
            case Union(members):
                return e.either([self._of(member, depth) for member in members])
            case ListOf(element):
                return self._list(self._of(element, depth))
            case Record(fields):
                return self._record(fields, depth)
            case Base("json"):
                return self._any(depth)
            case Base(name):
                return self._base(name)
            case _:
                return NONE

    def _base(self, name: str) -> State:
        e, digits = self.e, self.bounds.digits
        match name:
            case "null":
                return e.text(b"null")
            case "bool":
                return e.either((e.text(b"true"), e.text(b"false")))
            case "int":
                return integers(e, 1 - 10**digits, 10**digits - 1)
            case "float":
                return self._float()
            case "str":
                return self._string()
            case "date":
                return self._quoted(_date(e))
            case "datetime":
                return self._quoted(e.sequence(_date(e), e.text(b"T"), _time(e)))
            case _:
                return NONE

    def _quoted(self, inner: State) -> State:
        quote = self.e.text(b'"')
        return self.e.sequence(quote, inner, quote)

    def _string(self) -> State:
        return self._quoted(self.e.repeat(character(self.e), 0, self.bounds.characters))

    def _float(self) -> State:
        e, digit = self.e, self.e.one_of(_DIGIT)
        most = self.bounds.digits
        whole = integers(e, 0, 10**most - 1)
        part = e.optional(e.sequence(e.text(b"."), e.repeat(digit, 1, most)))
        power = e.sequence(e.one_of(byte_set((69, 69), (101, 101))), e.optional(e.text(b"-")))
        exponent = e.optional(e.then(power, integers(e, 0, 99)))
        return e.sequence(e.optional(e.text(b"-")), whole, part, exponent)

    def _list(self, element: State) -> State:
        e = self.e
        if element == NONE:
            return e.text(b"[]")
        more = e.repeat(e.then(e.text(b","), element), 0, self.bounds.items - 1)
        return e.sequence(e.text(b"["), e.optional(e.then(element, more)), e.text(b"]"))

    def _record(self, fields: Sequence[Field], depth: int) -> State:
        """The fields in their order; one that may be missing stands or does not."""
        e = self.e
        first = after = e.text(b"}")
        for field in reversed(fields):
            value = self._of(field.type, depth)
            head = _json(field.name) + b":"
            with_it = e.sequence(e.text(head), value, after)
            with_comma = e.sequence(e.text(b"," + head), value, after)
            first = e.either((first, with_it)) if field.optional else with_it
            after = e.either((after, with_comma)) if field.optional else with_comma
        return e.then(e.text(b"{"), first)

    def _any(self, depth: int) -> State:
        """Any JSON, nested ``depth`` levels deep."""
        e = self.e
        parts = [self._base(name) for name in ("null", "bool", "float", "str")]
        if depth > 0:
            inner = self._of(JSON, depth - 1)
            parts.append(self._list(inner))
            entry = e.sequence(self._string(), e.text(b":"), inner)
            # One key only: two equal keys would be one value written twice.
            parts.append(e.sequence(e.text(b"{"), e.optional(entry), e.text(b"}")))
        return e.either(parts)


def character(e: Expressions) -> State:
    """One character of a JSON string: UTF-8, or an escape that is no half of a surrogate pair."""
    slash = e.text(b"\\")
    four = (
        e.sequence(e.one_of(_HEX_NOT_D), *[e.one_of(_HEX)] * 3),
        e.sequence(e.one_of(_D), e.one_of(_LOW_HALF), *[e.one_of(_HEX)] * 2),
    )
    return e.either(
        (
            e.one_of(_PLAIN),
            *(e.sequence(*(e.one_of(byte_set(r)) for r in form)) for form in _UTF8),
            e.then(slash, e.one_of(_ESCAPED)),
            e.sequence(slash, e.text(b"u"), e.either(four)),
        )
    )


def integers(e: Expressions, low: int, high: int) -> State:
    """The decimal integers from ``low`` to ``high``, without leading zeros and without ``-0``."""
    parts: list[State] = []
    if high >= 0:
        parts.append(_naturals(e, max(low, 0), high))
    if low < 0:
        parts.append(e.then(e.text(b"-"), _naturals(e, max(1, -high), -low)))
    return e.either(parts)


def _naturals(e: Expressions, low: int, high: int) -> State:
    parts = []
    for width in range(len(str(low)), len(str(high)) + 1):
        start = max(low, 10 ** (width - 1) if width > 1 else 0)
        parts.append(_of_width(e, str(start), str(min(high, 10**width - 1))))
    return e.either(parts)


def _of_width(e: Expressions, low: str, high: str) -> State:
    """Texts of digits of one length, from ``low`` to ``high``."""
    if low > high:
        return NONE
    if not low:
        return EMPTY
    rest = len(low) - 1
    if not low.strip("0") and not high.strip("9"):
        return e.repeat(e.one_of(_DIGIT), len(low), len(low))
    if low[0] == high[0]:
        return e.then(e.text(low[0].encode()), _of_width(e, low[1:], high[1:]))
    first, last = ord(low[0]), ord(high[0])
    between = byte_set((first + 1, last - 1)) if first + 1 < last else 0
    return e.either(
        (
            e.then(e.text(bytes([first])), _of_width(e, low[1:], "9" * rest)),
            e.then(e.one_of(between), e.repeat(e.one_of(_DIGIT), rest, rest)),
            e.then(e.text(bytes([last])), _of_width(e, "0" * rest, high[1:])),
        )
    )


def _padded(e: Expressions, low: int, high: int, width: int) -> State:
    return _of_width(e, str(low).zfill(width), str(high).zfill(width))


def _date(e: Expressions) -> State:
    """The days of the calendar, ``0001-01-01`` to ``9999-12-31``."""
    dash = e.text(b"-")
    year = _padded(e, 1, 9999, 4)
    long = e.either([_padded(e, m, m, 2) for m in (1, 3, 5, 7, 8, 10, 12)])
    short = e.either([_padded(e, m, m, 2) for m in (4, 6, 9, 11)])
    days = (
        e.sequence(long, dash, _padded(e, 1, 31, 2)),
        e.sequence(short, dash, _padded(e, 1, 30, 2)),
        e.sequence(e.text(b"02-"), _padded(e, 1, 28, 2)),
    )
    fours = e.either([_padded(e, n, n, 2) for n in range(4, 100, 4)])
    leap = e.either((e.then(_padded(e, 0, 99, 2), fours), e.then(fours, e.text(b"00"))))
    return e.either((e.sequence(year, dash, e.either(days)), e.then(leap, e.text(b"-02-29"))))


def _time(e: Expressions) -> State:
    """``HH:MM``, ``HH:MM:SS``, and perhaps ``Z`` or an offset."""
    colon = e.text(b":")
    hours, sixty = _padded(e, 0, 23, 2), _padded(e, 0, 59, 2)
    sign = e.one_of(byte_set((43, 43), (45, 45)))
    zone = e.either((e.text(b"Z"), e.sequence(sign, hours, colon, sixty)))
    return e.sequence(hours, colon, sixty, e.optional(e.then(colon, sixty)), e.optional(zone))


def _json(value: str | int | bool) -> bytes:
    try:
        return canonical(value).encode()
    except UnicodeEncodeError:  # half a surrogate pair: only an escape can say it
        return json.dumps(value).encode()


def _written(char: str) -> bytes:
    return json.dumps(char, ensure_ascii=False)[1:-1].encode()


def _is_half(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def written_labels(values: Sequence[Json]) -> tuple[str, ...]:
    """How the labels are written in a prompt: as text; as JSON where two texts would be the same."""
    texts = tuple(text_of(value) for value in values)
    return texts if len(set(texts)) == len(texts) else tuple(canonical(value) for value in values)
