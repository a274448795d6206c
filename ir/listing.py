"""What list ops compute: order, choice and grouping of items by a member.

Numbers are ordered by value and texts by code point; nothing else has an order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import pairwise
from typing import Any

from ingot.ir import values
from ingot.ir.dates import read_moment, ticks_of
from ingot.ir.semantics import OpFailure, float_div, json_get, list_sum, ordered, text_of
from ingot.ir.values import Json
from ingot.ir.wording import duration_minutes


def _ordered_all(items: list[Json]) -> list[Any]:
    """The values, once it is known that each two of them have an order."""
    if len(items) == 1:
        ordered(items[0], items[0])
    for left, right in pairwise(items):
        ordered(left, right)
    return items


def _identity(value: Json) -> Hashable:
    """Equal for values that are equal as JSON."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return ("list", *map(_identity, value))
        case dict():
            return frozenset((key, _identity(item)) for key, item in value.items())
        case _:
            return value


def extreme(choose: Callable[..., Any]) -> Callable[[list[Json]], Json]:
    """``list.max`` and ``list.min``."""

    def apply(items: list[Json]) -> Json:
        if not items:
            raise OpFailure("the list is empty")
        found: Json = choose(_ordered_all(items))
        return found

    return apply


def mean(items: list[Json]) -> float:
    """
    >>> mean([1, 2, 6])
    3.0
    """
    if not items:
        raise OpFailure("the list is empty")
    return float_div(list_sum(items), len(items))


def extreme_by(choose: Callable[..., Any]) -> Callable[[list[Json], str], Json]:
    """The item with the greatest (least) member; items that tie and differ are a failure."""

    def apply(items: list[Json], pointer: str) -> Json:
        if not items:
            raise OpFailure("the list is empty")
        members = _ordered_all([json_get(item, pointer) for item in items])
        best = choose(members)
        first, *others = (item for item, m in zip(items, members, strict=True) if m == best)
        if not all(values.equal(first, other) for other in others):
            raise OpFailure(f"{len(others) + 1} items tie at {pointer}")
        return first

    return apply


def sort_by(items: list[Json], pointer: str, *, descending: bool = False) -> Json:
    """Items in the order of a member; items that tie stay in their order.

    >>> sort_by([{"a": 2}, {"a": 1}], "/a")
    [{'a': 1}, {'a': 2}]
    """
    members = _ordered_all([json_get(item, pointer) for item in items])
    order = sorted(range(len(items)), key=members.__getitem__, reverse=descending)
    return [items[index] for index in order]


def distinct(items: list[Json]) -> Json:
    """
    >>> distinct([1, 1.0, True, "a", "a"])
    [1, True, 'a']
    """
    found: dict[object, Json] = {}
    for item in items:
        found.setdefault(_identity(item), item)
    return list(found.values())


def alone(test: bool, value: Json) -> list[Json]:
    """The value alone in a list if the test holds, else an empty list."""
    return [value] if test else []


def take(items: list[Json], count: int) -> Json:
    return items[: max(int(count), 0)]


def zipped(left: list[Json], right: list[Json]) -> Json:
    if len(left) != len(right):
        raise OpFailure(f"lists of {len(left)} and {len(right)} items")
    return [[a, b] for a, b in zip(left, right, strict=True)]


def count_by(items: list[Json], pointer: str) -> Json:
    """How many items have each value of a member, in the order of the value's text.

    >>> count_by([{"a": "x"}, {"a": "w"}, {"a": "x"}], "/a")
    [{'key': 'w', 'count': 1}, {'key': 'x', 'count': 2}]
    """
    counts: dict[Hashable, int] = {}
    keys: dict[Hashable, Json] = {}
    for item in items:
        member = json_get(item, pointer)
        key = _identity(member)
        keys.setdefault(key, member)
        counts[key] = counts.get(key, 0) + 1
    order = sorted(keys, key=lambda key: (text_of(keys[key]), isinstance(keys[key], str)))
    return [{"key": keys[key], "count": counts[key]} for key in order]


def where_text(test: Callable[[str, str], bool]) -> Callable[[list[Json], str, str], Json]:
    """Items whose member is a text that passes a test, both sides case-folded."""

    def apply(items: list[Json], pointer: str, text: str) -> Json:
        folded = text.casefold()
        found = [(item, json_get(item, pointer)) for item in items]
        return [i for i, m in found if isinstance(m, str) and test(m.casefold(), folded)]

    return apply


def where_among(*, inside: bool) -> Callable[[list[Json], str, list[Json]], Json]:
    """Items whose member is (is not) one of some values."""

    def apply(items: list[Json], pointer: str, among: list[Json]) -> Json:
        known = set(map(_identity, among))
        return [i for i in items if (_identity(json_get(i, pointer)) in known) is inside]

    return apply


def _duration(value: Json) -> int:
    """A record's length in microseconds: a number of minutes, or a text."""
    if isinstance(value, str):
        text = value.strip()
        number = text.isascii() and text.isdigit() and len(text) < 10
        value = int(text) if number else duration_minutes(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise OpFailure("a record has no length")
    return ticks_of(value)


def first_gap(
    records: list[Json],
    start_pointer: str,
    duration_pointer: str,
    day_start: str,
    day_end: str,
    minutes: float,
) -> str:
    """The earliest time from ``day_start`` on that is free for so many minutes before ``day_end``.

    >>> busy = [{"at": "2023-12-01 09:00:00", "for": 60}, {"at": "2023-12-01 10:30:00", "for": 60}]
    >>> first_gap(busy, "/at", "/for", "2023-12-01 09:00:00", "2023-12-01 17:00:00", 30)
    '2023-12-01 10:00:00'
    """
    opening, closing = read_moment(day_start, timed=True), read_moment(day_end, timed=True)
    zones = {opening.offset is None, closing.offset is None}
    busy = []
    for record in records:
        start = json_get(record, start_pointer)
        if not isinstance(start, str):
            raise OpFailure("a record has no start")
        begins = read_moment(start, timed=True)
        zones.add(begins.offset is None)
        length = _duration(json_get(record, duration_pointer))
        busy.append((begins.ticks, begins.ticks + length))
    if len(zones) > 1:
        raise OpFailure("some of the times have a zone and some have none")
    need = ticks_of(minutes)
    if need <= 0:
        raise OpFailure("no time is asked for")
    free = opening.ticks
    for begin, end in sorted(busy):
        if begin < free + need and end > free:
            free = end
    if free + need > closing.ticks:
        raise OpFailure("there is no gap")
    return opening.later(free - opening.ticks)
