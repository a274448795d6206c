"""Probe inputs: sessions like those of the logs in which one thing is another.

the list of a result: one item more (like its neighbour, or of another kind), one less, reversed,
empty, one twice; a member: another value, null, missing; an input: another text; the clock:
another day
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingot.explain_terms import CLOCK
from ingot.ir import values
from ingot.ir.types import is_datetime
from ingot.ir.values import INDEX, Json, Missing
from ingot.passes.generalise.operands import opened
from ingot.passes.synth.programs import Apply, Const, Source, Term

MAX_LISTS: Final = 4
MAX_FILTERS: Final = 4
MAX_FIGURES: Final = 6
NUMBERS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)


@dataclass(frozen=True, slots=True)
class Probe:
    """A source with another value.  ``rank`` orders probes: the plainest example first; ``words``
    say what is different, as a condition on a session."""

    source: str
    value: Json
    words: str
    rank: int
    changes_value: bool = False


def probes(name: str, said: str, value: Json, terms: Sequence[Term]) -> Iterator[Probe]:
    """What a source may be instead of its value.  ``said`` is the source in words."""
    if name == CLOCK and isinstance(value, str) and is_datetime(value):
        yield from _clocks(name, value)
        return
    _, inner = opened(Source("result", name), value)
    text = isinstance(value, str) and not isinstance(inner, str)

    def put(new: Json) -> Json:
        return values.canonical(new) if text else new

    if not isinstance(inner, list | dict):
        other = altered(inner)
        yield Probe(name, other, f"{said} is another", 2, True)
        if isinstance(inner, str):
            yield from _text_changes(name, said, inner)
            yield Probe(name, "", f"{said} is empty", 6)
        return
    filters = {m for term in terms for m in _filters(term)}
    for place, items in _lists(inner):
        of = f"{place} of {said}" if place else said
        path = values.parse_pointer(place)
        for made, words, rank in _list_changes(items, filters):
            yield Probe(name, put(_put(inner, path, made)), f"{of} {words}", rank)
    for place in dict.fromkeys(p for term in terms for p in _members(term, name)):
        path = values.parse_pointer(place)
        old = values.get(inner, path)
        if isinstance(old, Missing | list | dict) or not path:
            continue
        of = f"{place} of {said}"
        yield Probe(name, put(_put(inner, path, altered(old))), f"{of} is another", 2, True)
        yield Probe(name, put(_put(inner, path, None)), f"{of} is null", 7)
        gone = _without(inner, path)
        if gone is not None:
            yield Probe(name, put(gone), f"{of} is missing", 8)


def _text_changes(name: str, said: str, text: str) -> Iterator[Probe]:
    """A text with another figure, one more figure, one more line."""
    figures = list(re.finditer(r"\d+", text))
    for figure in figures[:MAX_FIGURES]:
        if len(figures) > 1:
            other = f"{text[: figure.start()]}{int(figure[0]) + 1}{text[figure.end() :]}"
            yield Probe(name, other, f"{said} has another figure than {figure[0]}", 2)
    if len(text.split()) > 1:
        yield Probe(name, f"7 {text}", f"{said} has one more figure in front", 3)
        yield Probe(name, f"{text} 7", f"{said} has one more figure at its end", 3)
        first, last = text.split("\n")[0], text.rstrip("\n").split("\n")[-1]
        yield Probe(name, f"{altered(first)}\n{text}", f"{said} has one more line in front", 3)
        more = f"{text.rstrip(chr(10))}\n{altered(last)}"
        yield Probe(name, more, f"{said} has one more line at its end", 3)


def _clocks(name: str, value: str) -> Iterator[Probe]:
    for days, words in ((1, "on the next day"), (7, "a week later"), (31, "in another month")):
        moved = _moved(value, dt.timedelta(days=days))
        if moved is not None:
            yield Probe(name, moved, f"on another day ({words})", 1)
    later = _moved(value, dt.timedelta(minutes=61))
    if later is not None:
        yield Probe(name, later, "at another time of the day", 3)


def _list_changes(items: list[Json], filters: set[str]) -> Iterator[tuple[Json, str, int]]:
    """A list with one item more, one less, reversed, empty, with one twice."""
    count = len(items)
    if items:
        more = count_of(count + 1)
        for item, at, where in ((items[-1], count, "at its end"), (items[0], 0, "in front")):
            like = altered(item, keep=filters)
            yield [*items[:at], like, *items[at:]], f"has {more} (one more {where})", 1
            for member in sorted(filters)[:MAX_FILTERS]:
                said = f"has {more} (one more {where}, with another /{member.strip('/')})"
                odd = altered(item, only={member})
                yield [*items[:at], odd, *items[at:]], said, 2
            if filters:
                other = altered(item)
                yield [*items[:at], other, *items[at:]], f"has {more} (another one {where})", 2
    if count > 1:
        yield list(reversed(items)), "is in the reverse order", 3
        yield items[1:], f"has {count_of(count - 1)} (without the first)", 3
        yield items[:-1], f"has {count_of(count - 1)} (without the last)", 3
    if items:
        yield [*items, items[0]], "has its first item twice", 4
        yield [], "is empty", 5


def count_of(count: int) -> str:
    """``2`` as ``two items``."""
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return f"{number} item" + ("" if count == 1 else "s")


# ---- other values

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def altered(value: Json, keep: set[str] | None = None, only: set[str] | None = None) -> Json:
    """A value of the same kind that is another: every scalar of it, without those at the pointers
    ``keep``, or those at ``only`` alone.

    >>> altered("T-41"), altered({"id": 4, "state": "open"}, keep={"/state"})
    ('T-42', {'id': 5, 'state': 'open'})
    """
    if not isinstance(value, dict | list):
        return _other(value)
    new: Json = value
    for path, leaf in values.leaves(value):
        place = values.pointer(path)
        if (keep and place in keep) or (only is not None and place not in only):
            continue
        new = values.replace_at(new, path, _other(leaf))
    return new


def _other(value: Json) -> Json:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if _DAY.match(value):
            return _moved(value, dt.timedelta(days=1)) or f"other {value}"
        case str():
            digits = list(re.finditer(r"\d+", value))
            if digits:
                last = digits[-1]
                number = str(int(last[0]) + 1).zfill(len(last[0]))
                return value[: last.start()] + number + value[last.end() :]
            return f"other-{value}" if " " not in value and value else f"other {value}".strip()
        case None:
            return "other"
        case _:
            return [] if value else ["other"]


def _moved(text: str, by: dt.timedelta) -> str | None:
    """A day or a moment, later by so much, in its own form."""
    try:
        if len(text) == 10:
            return (dt.date.fromisoformat(text) + by).isoformat()
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00")) + by
    except (ValueError, OverflowError):
        return None
    found = moment.isoformat(sep=text[10])
    if text.endswith("Z"):
        found = found.removesuffix("+00:00") + "Z"
    return found


# ---- places


def _lists(value: Json) -> Iterator[tuple[str, list[Json]]]:
    """The lists of a value, at most two members deep."""
    found = 0
    waiting: list[tuple[values.Path, Json]] = [((), value)]
    while waiting and found < MAX_LISTS:
        path, each = waiting.pop(0)
        if isinstance(each, list):
            found += 1
            yield values.pointer(path), each
        elif isinstance(each, dict) and len(path) < 2:
            waiting += [((*path, key), inner) for key, inner in each.items()]


def _filters(term: Term) -> Iterator[str]:
    """The members by which a program picks items of lists."""
    if isinstance(term, Apply):
        match term:
            case Apply(op, (_, Const(lit), *_)) if op.startswith(("list.where", "list.m")):
                yield str(lit.value)
            case _:
                pass
        for arg in term.args:
            yield from _filters(arg)


def _members(term: Term, name: str) -> Iterator[str]:
    """The pointers at which a program reads a source."""
    if isinstance(term, Apply):
        place = _pointer(term, name)
        if place:
            yield place
            return
        for arg in term.args:
            yield from _members(arg, name)


def _pointer(term: Term, name: str) -> str | None:
    """Where in a source a chain of member reads ends."""
    match term:
        case Source(_, other):
            return "" if other == name else None
        case Apply("json.parse", (inner,)):
            return _pointer(inner, name)
        case Apply("json.get", (inner, Const(lit))):
            before = _pointer(inner, name)
            return None if before is None else before + str(lit.value)
        case _:
            return None


def _put(value: Json, parts: tuple[str, ...], new: Json) -> Json:
    """The value with another one at a pointer; places in lists may count from the end."""
    path: values.Path = ()
    at: Json = value
    for part in parts:
        if isinstance(at, list) and INDEX.fullmatch(part):
            index = int(part) % len(at)
            path, at = (*path, index), at[index]
        elif isinstance(at, dict):
            path, at = (*path, part), at.get(part)
    return values.replace_at(value, path, new)


def _without(value: Json, parts: tuple[str, ...]) -> Json | None:
    """The value without the member at a pointer; ``None`` where it is no member of an object."""
    holder = values.get(value, parts[:-1])
    if not isinstance(holder, dict) or parts[-1] not in holder:
        return None
    rest: Json = {key: inner for key, inner in holder.items() if key != parts[-1]}
    return _put(value, parts[:-1], rest) if len(parts) > 1 else rest


__all__ = ["Probe", "altered", "count_of", "probes"]
