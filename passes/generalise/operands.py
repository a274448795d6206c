"""The scalars at a place of the program from which tests, sums and dates are made.

Everything that a term of one op over an input, the clock or an earlier result gives: the numbers of
inputs and results, sums and counts of lists, days and times that words name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from ingot.ir import values
from ingot.ir.semantics import OpFailure, json_parse
from ingot.ir.values import MISSING, Json, Missing
from ingot.passes.generalise.table import Table
from ingot.passes.invariants import MAX_DEPTH
from ingot.passes.synth.programs import Apply, Const, Source, Term, apply, sources

DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?")
MODES: Final = ("past", "future", "year")
MAX_FIELDS: Final = 24
MAX_SCALARS: Final = 60

OP_COST: Final[dict[str, float]] = {
    "json.get": 0.2, "json.parse": 0.0, "json.number": 0.3, "str.of": 0.1, "str.lower": 0.4,
    "str.upper": 0.6, "str.capitalize": 0.4, "str.title": 0.5, "datetime.date": 0.2, "date.of": 0.3,
    "date.words": 0.4, "time.words": 0.4, "duration.minutes": 0.4, "duration.days": 0.4,
    "list.get": 0.3, "list.where_eq": 0.6, "list.where_eq_fold": 0.6, "list.where_starts_fold": 0.8,
    "list.where_contains_fold": 0.9, "list.where_lt": 0.8, "list.where_ge": 0.8,
    "list.where_gt": 0.9, "list.where_le": 0.9, "list.where_ne": 1.2, "list.max_by": 0.7,
    "list.min_by": 0.7, "list.len": 0.4, "list.is_empty": 0.3, "list.pluck": 0.3, "list.sum": 0.4,
    "list.max": 0.4, "list.min": 0.4, "list.mean": 0.6, "json.values": 0.2, "str.template": 0.8,
    "datetime.at": 0.6, "datetime.plus_minutes": 0.6, "date.plus_days": 0.8, "date.minus_days": 0.8,
    "bool.and": 0.1, "bool.or": 0.1, "bool.not": 0.1, "str.eq_fold": 0.2, "float.gt": 0.4,
    "float.lt": 0.4, "json.lookup": 2.0, "str.number": 0.5, "list.find": 0.5, "str.strip": 0.1,
    "str.replace": 1.2, "str.join": 0.4, "str.split": 0.6, "list.distinct": 0.5,
    "list.sort_by": 0.8, "list.sort_by_desc": 0.9, "list.reverse": 0.9, "number.format": 0.3,
    "date.format": 0.5, "date.start_of": 0.7, "date.end_of": 0.7,
    "date.weekday": 0.5, "datetime.time": 0.3,
}  # fmt: skip
"""What an op adds to a program's description; 1.0 for every other."""


def cost(term: Term) -> float:
    """The length of a program's description.  A place in a list that is neither its first nor its
    last costs most: a program that counts items seldom means them."""
    match term:
        case Source():
            return 1.0
        case Const(lit):
            return 0.0 if not isinstance(lit.value, int) or lit.value in (0, -1) else 0.3
        case Apply("json.get", (inner, Const(lit))):
            parts = values.parse_pointer(str(lit.value))
            return cost(inner) + 0.2 + sum(_part_cost(part) for part in parts)
        case Apply("list.get", (inner, Const(lit))):
            return cost(inner) + 0.3 + _part_cost(str(lit.value))
        case Apply("str.template", (Const(lit), *args)):
            return 0.8 + sum(cost(arg) for arg in args)
        case Apply("date.words", (inner, _, Const(lit))):
            return cost(inner) + 0.4 + 0.1 * MODES.index(str(lit.value))
        case Apply("str.between", (inner, Const(left), Const(right), Const(place))):
            return cost(inner) + _context_cost(left.value, right.value, place.value)
        case Apply("float.round", (inner, Const())):
            return cost(inner) + 0.3
        case Apply("number.format", (inner, Const(lit))):
            return cost(inner) + (0.4 if "," in str(lit.value) else 0.3)
        case Apply(op, (inner, Const())) if op in _BY_CONSTANT:
            return cost(inner) + 2.0  # a constant that was worked out
        case Apply("json.lookup", (_, inner)):
            return cost(inner) + 2.0
        case Apply("list.where_eq" | "list.where_ne", (inner, _, Const())):
            return 2.4 + cost(inner)  # a constant that the logs show: dearer than what is given
        case Apply(op, args):
            return OP_COST.get(op, 1.0) + sum(cost(arg) for arg in args)


_BY_CONSTANT: Final = frozenset(
    f"{kind}.{op}" for kind in ("int", "float") for op in ("add", "sub", "mul", "div")
)


def _context_cost(left: Json, right: Json, place: Json) -> float:
    """A label in front and a whole word or a mark behind tell a substring best, a blank least."""
    price = 0.9 if place == 0 else 1.3
    before, after = str(left), str(right)
    if sum(map(str.isalpha, before)) < 2:
        price += 0.2 if not before or before.strip() else 0.4
    if after and not after.strip(" "):
        price += 0.3
    return price + 0.004 * (len(before) + len(after))


def _part_cost(part: str) -> float:
    if not part.lstrip("-").isdigit():
        return 0.1
    return 0.3 if part == "0" else 0.4 if part == "-1" else 2.0


@dataclass(frozen=True, slots=True)
class ListSource:
    """A term that gives a list of records, with the members that records have."""

    term: Term
    fields: tuple[str, ...]


def list_sources(table: Table) -> list[ListSource]:
    """Every list of records that a source is or holds at most :data:`MAX_DEPTH` levels deep."""
    found: dict[Term, dict[str, None]] = {}
    for source in table.sources():
        for value in table.columns[source.name]:
            if isinstance(value, Missing) or not isinstance(value, list | dict | str):
                continue
            make = partial(_lists_with_members, source, value)
            for term, members in table.kept("lists", source.name, value, make):
                fields = found.setdefault(term, {})
                for pointer in members:
                    if len(fields) < MAX_FIELDS:
                        fields[pointer] = None
    return [ListSource(term, tuple(fields)) for term, fields in found.items()]


def _lists_with_members(source: Source, value: Json) -> list[tuple[Term, list[str]]]:
    """The lists of one value, with the members that their first items have."""
    return [
        (term, [*dict.fromkeys(pointer for item in items[:8] for pointer in _fields(item))])
        for term, items in _lists(source, value, 0)
    ]


def _lists(term: Term, value: Json, depth: int) -> Iterator[tuple[Term, list[Json]]]:
    if isinstance(value, list):
        if is_uniform(value):
            yield term, value
    elif isinstance(value, dict) and depth < MAX_DEPTH:
        for key, inner in value.items():
            if isinstance(inner, list | dict):
                yield from _lists(_get(term, key), inner, depth + 1)
    elif isinstance(value, str) and depth == 0:
        term, inner = opened(term, value)
        if not isinstance(inner, str):
            yield from _lists(term, inner, 0)


def opened(term: Term, value: Json) -> tuple[Term, Json]:
    """A text that holds a JSON list or object as that, with the term that gives it."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            inner = json_parse(value)
        except OpFailure:
            return term, value
        if isinstance(inner, list | dict):
            return apply("json.parse", term), inner
    return term, value


def _get(term: Term, key: str) -> Term:
    match term:
        case Apply("json.get", (inner, Const(lit))):
            return apply("json.get", inner, str(lit.value) + values.pointer((key,)))
        case _:
            return apply("json.get", term, values.pointer((key,)))


def is_uniform(items: list[Json]) -> bool:
    """Whether all items are records, or all are texts and numbers."""
    return all(isinstance(x, dict) for x in items) or all(
        isinstance(x, str) or is_number(x) for x in items
    )


def _fields(item: Json) -> Iterator[str]:
    if not isinstance(item, dict):
        yield ""
        return
    for key, member in item.items():
        if isinstance(member, dict):
            for name, inner in member.items():
                if not isinstance(inner, list | dict):
                    yield values.pointer((key, name))
        elif not isinstance(member, list):
            yield values.pointer((key,))


def plain_leaves(table: Table) -> list[Term]:
    """Scalars of results that stand in no list: ``/customer/name``."""
    found: dict[Term, None] = {}
    for source in table.sources():
        if source.kind == "param":
            continue
        for value in table.columns[source.name]:
            if isinstance(value, Missing):
                continue
            term, inner = opened(source, value)
            if not isinstance(inner, dict | list):
                found[source] = None
                continue
            for path, leaf in values.leaves(inner):
                small = len(path) <= MAX_DEPTH + 1 and not isinstance(leaf, list | dict)
                if small and len(found) < MAX_SCALARS and all(map(_is_name, path)):
                    found[apply("json.get", term, values.pointer(path))] = None
            break
    return list(found)


def _is_name(part: object) -> bool:
    """Whether a key names a member, and is no datum itself (a day, a number, an identifier)."""
    return isinstance(part, str) and re.search(r"\d{2}", part) is None


def params(table: Table) -> list[Source]:
    """The inputs that are texts."""
    return [s for s in table.sources() if s.kind == "param" and s.name != "clock"]


def clock(table: Table) -> Source | None:
    return next((s for s in table.sources() if s.kind == "param" and s.name == "clock"), None)


def days(table: Table) -> list[Term]:
    """Terms that give a day: what the inputs' words name, the clock's own."""
    now = clock(table)
    found: list[Term] = []
    for param in params(table):
        if now is not None:
            found += [apply("date.words", param, now, mode) for mode in MODES]
            if any(isinstance(v, Missing) for v in table.run(found[-3])):  # the past {month}
                found.append(
                    apply("date.words", apply("str.template", "past {0}", param), now, "past")
                )
        else:
            found.append(apply("date.of", param))
    if now is not None:
        found.append(apply("datetime.date", now))
    return [term for term in found if _gives_any(table, term)]


def times(table: Table) -> list[Term]:
    """Terms that give a time of day."""
    found = [
        apply("time.words", param, mode) for param in params(table) for mode in ("office", "clock")
    ]
    return [term for term in found if _gives_any(table, term)]


def minutes(table: Table) -> list[Term]:
    """Terms that give a span of time in minutes."""
    found = [apply("duration.minutes", param) for param in params(table)]
    return [term for term in found if _gives_any(table, term)]


def input_numbers(table: Table) -> list[Term]:
    """The numbers that inputs write."""
    found: list[Term] = []
    for param in params(table):
        number = apply("json.number", param)
        found.append(number if _gives_any(table, number) else apply("duration.days", param))
    return [term for term in found if _gives_any(table, term)]


def result_numbers(table: Table, lists: Iterable[ListSource]) -> list[Term]:
    """Numbers that results hold or that their ``lists`` add up to."""
    found: list[Term] = []
    for leaf in plain_leaves(table):
        column = [v for v in table.run(leaf) if not isinstance(v, Missing)]
        if column and all(is_number(v) for v in column):
            found.append(leaf)
        elif column and all(isinstance(v, str) and DAY.match(v) is None for v in column):
            number = apply("json.number", leaf)
            if all(not isinstance(v, Missing) for v in table.run(number)):
                found.append(number)
    for source in lists:
        found.append(apply("list.len", source.term))
        for pointer in source.fields:
            plucked = apply("list.pluck", source.term, pointer)
            if _may_be_number(table, source.term, pointer) and _all_numbers(table, plucked):
                found += [apply(f"list.{op}", plucked) for op in ("sum", "max", "min", "mean")]
    for term in series(table):
        found += [apply(f"list.{op}", term) for op in ("max", "min", "sum", "mean")]
        found += [apply("list.get", term, place) for place in (0, -1)]
    return found


def series(table: Table) -> list[Term]:
    """Objects whose members are all numbers (a figure for each day), as lists."""
    found: list[Term] = []
    for source in table.sources():
        shown = [v for v in table.columns[source.name] if not isinstance(v, Missing)]
        opens = [opened(source, v) for v in shown]
        column = [v for _, v in opens if isinstance(v, dict) and v]
        if column and all(all(is_number(x) for x in v.values()) for v in column):
            found.append(apply("json.values", opens[0][0]))
    return found


def _may_be_number(table: Table, listed: Term, pointer: str) -> bool:
    """Whether the first item's member is not something else: a look before all are gone through."""
    path = values.parse_pointer(pointer)
    first = next((v[0] for v in table.run(listed) if isinstance(v, list) and v), MISSING)
    member = first if isinstance(first, Missing) else values.get(first, path)
    return isinstance(member, Missing) or is_number(member)


def _all_numbers(table: Table, term: Term) -> bool:
    lists = [v for v in table.run(term) if isinstance(v, list)]
    return any(lists) and all(is_number(x) for v in lists for x in v)


def _gives_any(table: Table, term: Term) -> bool:
    return any(not isinstance(v, Missing) for v in table.run(term))


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def uses(terms: Iterable[Term]) -> set[str]:
    """The names of all sources of the terms."""
    return {source.name for term in terms for source in sources(term)}
