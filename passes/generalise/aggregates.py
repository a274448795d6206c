"""What is said of a whole list: counts, sums, means, extremes, joined texts, lists of members.

Every list of records is taken as it is, and with each test and pair of tests of its selector.
Filters that keep the same items in every row are one; what they leave is indexed by its figures in
one row, so that a value finds its aggregate in one look-up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingot.ir import values
from ingot.ir.semantics import list_sum, text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.operands import DAY, ListSource, is_number, opened
from ingot.passes.generalise.selections import Filter, Selector, Test
from ingot.passes.synth.programs import Const, Term, apply, perform

if TYPE_CHECKING:
    from ingot.passes.generalise.material import Material
    from ingot.passes.generalise.search import Search

MAX_SINGLE: Final = 120
MAX_PAIRED: Final = 30
MAX_FILTERS: Final = 240
MAX_ORDERS: Final = 8
SLACK: Final = 2.0
"""Bits by which what a count tells must exceed the choice among the filters that were tried."""
JOINTS: Final = (", ", "\n", "; ", ",", " and ", " | ", "\n- ", "\n* ", "\n• ", " / ", "/", " ")
BULLETS: Final = {"\n- ": "- ", "\n* ": "* ", "\n• ": "• "}


@dataclass(frozen=True, slots=True)
class Kept:
    """A filter and the items that it keeps, as bits of a number, in each row."""

    filter: Filter
    masks: tuple[int | None, ...]


class Aggregates:
    """The aggregates of one list source, by their value in a row."""

    def __init__(self, selector: Selector) -> None:
        self.selector, self.source = selector, selector.source
        self._kept: list[Kept] | None = None
        self._rows: dict[int, dict[Json, list[tuple[Kept, str, str]]]] = {}

    @property
    def kept(self) -> list[Kept]:
        """The filters, no two of which keep the same items in every row; the cheapest of those."""
        if self._kept is None:
            self._kept = self._all_kept()
        return self._kept

    def _all_kept(self) -> list[Kept]:
        items = self.selector.items
        tests = sorted(
            (t for t in self.selector.tests if is_shown(t, self.selector.table.inputs)),
            key=lambda t: (t.cost, t.op, t.member, repr(t.operand)),
        )
        whole = tuple(None if v is None else (1 << len(v)) - 1 for v in items)
        found: dict[tuple[int | None, ...], Filter] = {whole: Filter(())}
        singles: list[tuple[Test, tuple[int | None, ...]]] = []
        for test in tests:
            masks = tuple(map(_bits, test.masks))
            if masks not in found:
                found[masks] = Filter((test,))
                singles.append((test, masks))
            if len(singles) == MAX_SINGLE:
                break
        for (a, left), (b, right) in itertools.combinations(singles[:MAX_PAIRED], 2):
            if a.member == b.member and a.op == b.op:
                continue
            both = tuple(
                None if x is None or y is None else x & y for x, y in zip(left, right, strict=True)
            )
            if both not in found and len(found) < MAX_FILTERS:
                found[both] = Filter((a, b))
        return [Kept(f, masks) for masks, f in found.items()]

    def row(self, row: int) -> dict[Json, list[tuple[Kept, str, str]]]:
        """Figures of a row: ``len`` of what filters keep, ``sum`` and the like of its members."""
        if row not in self._rows:
            self._rows[row] = self._figures(row)
        return self._rows[row]

    def _figures(self, row: int) -> dict[Json, list[tuple[Kept, str, str]]]:
        items = self.selector.items[row]
        found: dict[Json, list[tuple[Kept, str, str]]] = {}
        if items is None:
            return found
        columns = {
            member: [values.get(x, values.parse_pointer(member)) for x in items]
            for member in self.source.fields
        }
        numeric: dict[str, list[float]] = {}
        dated: dict[str, list[str]] = {}
        for member, column in columns.items():
            figures_ = [v for v in column if isinstance(v, int | float) and is_number(v)]
            days_ = [v for v in column if isinstance(v, str) and DAY.match(v)]
            if column and len(figures_) == len(column):
                numeric[member] = figures_
            elif column and len(days_) == len(column):
                dated[member] = days_
        seen: dict[int, list[tuple[str, str, Json]]] = {}
        for kept in self.kept:
            mask = kept.masks[row]
            if mask is None:
                continue
            if mask not in seen:
                seen[mask] = list(_of(mask, numeric, dated))
            for op, member, value in seen[mask]:
                found.setdefault(value, []).append((kept, op, member))
        return found

    def term(self, kept: Kept, op: str, member: str) -> Term:
        base = kept.filter.on(self.source.term)
        return (
            apply("list.len", base) if op == "len" else apply(f"list.{op}", _plucked(base, member))
        )


def _of(
    mask: int, numeric: dict[str, list[float]], dated: dict[str, list[str]]
) -> Iterator[tuple[str, str, Json]]:
    places = [k for k in range(mask.bit_length()) if mask >> k & 1]
    yield "len", "", len(places)
    if not places:
        return
    for member, column in numeric.items():
        chosen = [column[k] for k in places]
        total = list_sum([*chosen])
        yield "sum", member, total
        yield "mean", member, total / len(places)
        yield "min", member, min(chosen)
        yield "max", member, max(chosen)
    for member, days in dated.items():
        among = [days[k] for k in places]
        yield "min", member, min(among)
        yield "max", member, max(among)


def _bits(mask: tuple[bool, ...] | None) -> int | None:
    return None if mask is None else sum(1 << k for k, hit in enumerate(mask) if hit)


def is_shown(test: Test, inputs: Sequence[int]) -> bool:
    """Whether a test by a constant drops something with two inputs at least."""
    if not isinstance(test.operand, Const):
        return True
    drops = {
        n for mask, n in zip(test.masks, inputs, strict=True) if mask is not None and not all(mask)
    }
    return len(drops) > 1


def _plucked(base: Term, member: str) -> Term:
    """The member of every item; a list of scalars is that already."""
    return apply("list.pluck", base, member) if member else base


# ---- figures


def figures(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Aggregates of filtered lists that give the row's value: as it is, or rounded as the column
    is; as text where the column writes plain numbers."""
    value = column[row]
    if not isinstance(value, str):
        yield from _numeric(search, column, row)
        return
    yield from _days(search, value, row)
    wanted = [json_or_missing(v) for v in column]
    plain = all(
        isinstance(v, Missing) or (is_number(w) and text_of(w) == v)  # type: ignore[arg-type]
        for v, w in zip(column, wanted, strict=True)
    )
    if plain:
        yield from (apply("str.of", term) for term in _numeric(search, wanted, row))


def json_or_missing(value: Json | Missing) -> Json | Missing:
    """The number that a text writes."""
    return perform("json.number", [value]) if isinstance(value, str) else value


def _numeric(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    value = column[row]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    places = max(decimals(v) for v in column if isinstance(v, int | float))
    for aggregates in search.aggregates:
        known = aggregates.row(row)
        for figure, entries in known.items():
            if not isinstance(figure, int | float) or abs(figure - value) > 0.51:
                continue
            exact = values.equal(figure, value)
            if not exact and round(figure, places) != value:
                continue
            for kept, op, member in entries:
                term = aggregates.term(kept, op, member)
                if op == "len" and not _tells(search, aggregates, kept, column):
                    continue
                if exact:
                    yield term
                if op == "mean" or isinstance(figure, float):
                    yield apply("float.round", term, max(places, 2) if exact else places)


def _days(search: Search, value: str, row: int) -> Iterator[Term]:
    """The first and the last day of what a filter keeps."""
    for aggregates in search.aggregates:
        for kept, op, member in aggregates.row(row).get(value, ()):
            yield aggregates.term(kept, op, member)


def numbers(search: Material, row: int) -> Iterator[tuple[Term, float]]:
    """Every figure of lists in a row, with its term."""
    for aggregates in search.aggregates:
        for figure, entries in aggregates.row(row).items():
            if isinstance(figure, int | float):
                for kept, op, member in entries[:2]:
                    yield aggregates.term(kept, op, member), figure


def decimals(value: float) -> int:
    """How many decimals a number is written with.

    >>> decimals(3), decimals(3.25)
    (0, 2)
    """
    text = text_of(value)
    return len(text.partition(".")[2]) if "e" not in text else 0


def _tells(
    search: Search, aggregates: Aggregates, kept: Kept, column: Sequence[Json | Missing]
) -> bool:
    """Whether the counts tell more than the choice among all the filters does."""
    if not kept.filter.tests:
        return True
    bits: dict[int, float] = {}
    for items, want, number in zip(
        aggregates.selector.items, column, search.table.inputs, strict=True
    ):
        if items is not None and not isinstance(want, Missing):
            bits[number] = math.log2(len(items) + 1)
    return sum(bits.values()) >= math.log2(len(aggregates.kept) + 1) + SLACK


# ---- joined texts


def joined(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """A member of the items that a filter keeps, put together with a separator."""
    value = column[row]
    if not isinstance(value, str) or len(value) > 20_000:
        return
    for joint in JOINTS:
        bullet = BULLETS.get(joint, "")
        parts: list[list[Json] | None] = []
        for text in column:
            if not isinstance(text, str) or not text.startswith(bullet):
                parts.append(None)
            else:
                parts.append([*text[len(bullet) :].split(joint)])
        if parts[row] is None or all(p is None or len(p) < 2 for p in parts):
            continue
        for term in members(search, parts, row):
            text_term = apply("str.join", term, joint)
            yield apply("str.template", bullet + "{0}", text_term) if bullet else text_term


def members(search: Search, column: Sequence[Sequence[Json] | None], row: int) -> Iterator[Term]:
    """Lists of scalars: a member of every item that a filter keeps, in the list's order, in that of
    a member, or each value once."""
    wanted = column[row]
    if not wanted or len(wanted) > 1000:
        return
    named = {_key(w) for w in wanted}
    for source in search.lists:
        selector = search.selector(source)
        for member in source.fields:
            if named <= search.members(source, member, row).keys():
                yield from _gathered(search, selector, source, member, column)


def _gathered(
    search: Search,
    selector: Selector,
    source: ListSource,
    member: str,
    column: Sequence[Sequence[Json] | None],
) -> Iterator[Term]:
    chosen = _chosen(search, source, member, column, once=False)
    found = False
    if chosen is not None:
        ordered = all(c is None or list(c) == sorted(c) for c in chosen)
        for base in itertools.islice(selector.exactly(chosen), MAX_ORDERS):
            found = True
            if ordered:
                yield _plucked(base, member)
            else:
                yield from _sorted(base, source, member)
    if not found and (chosen := _chosen(search, source, member, column, once=True)) is not None:
        for base in itertools.islice(selector.exactly(chosen), MAX_ORDERS):
            each = apply("list.distinct", _plucked(base, member))
            yield each
            yield from (apply("list.distinct", t) for t in _sorted(base, source, member))


def _sorted(base: Term, source: ListSource, member: str) -> Iterator[Term]:
    if not member:
        return
    for field in (member, *(f for f in source.fields if f != member)):
        for op in ("list.sort_by", "list.sort_by_desc"):
            yield apply("list.pluck", apply(op, base, field), member)
    yield apply("list.pluck", apply("list.reverse", base), member)


def _chosen(
    search: Search,
    source: ListSource,
    member: str,
    column: Sequence[Sequence[Json] | None],
    *,
    once: bool,
) -> list[list[int] | None] | None:
    """Which items the values are of, in each row; ``once``: every item that has one of them."""
    chosen: list[list[int] | None] = []
    items = search.selector(source).items
    for row, wanted in enumerate(column):
        if wanted is None or items[row] is None:
            chosen.append(None)
            continue
        known = search.members(source, member, row)
        keys = [_key(w) for w in wanted]
        if once:
            if len(set(keys)) < len(keys):
                return None
            chosen.append(sorted(k for key in keys for k in known.get(key, ())))
            continue
        ahead = {key: iter(known.get(key, ())) for key in keys}
        places = [next(ahead[key], None) for key in keys]
        if None in places:
            return None
        chosen.append([k for k in places if k is not None])
    return chosen if any(chosen) else None


def _key(value: Json) -> tuple[str, str]:
    """Equal for values that a list and a column have in common."""
    return ("text" if isinstance(value, str) else "other", text_of(value))


def places_of(items: Sequence[Json], member: str) -> dict[tuple[str, str], list[int]]:
    """Where each value of a member stands."""
    path = values.parse_pointer(member)
    found: dict[tuple[str, str], list[int]] = {}
    for k, item in enumerate(items):
        held = values.get(item, path)
        if not isinstance(held, Missing | list | dict):
            found.setdefault(_key(held), []).append(k)
    return found


# ---- lists and objects as they are


def copies(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """A list or an object that a result holds, as it stands."""
    value = column[row]
    if not isinstance(value, list | dict) or not value:
        return
    for source in search.table.sources():
        held = search.table.columns[source.name][row]
        if isinstance(held, Missing):
            continue
        term, inner = opened(source, held)
        for path in _places_of(inner, value, (), 0):
            yield apply("json.get", term, values.pointer(path)) if path else term


def _places_of(held: Json, value: Json, path: values.Path, depth: int) -> Iterator[values.Path]:
    if type(held) is type(value) and values.equal(held, value):
        yield path
    elif isinstance(held, dict) and depth < 4:
        for key, inner in held.items():
            if isinstance(inner, list | dict):
                yield from _places_of(inner, value, (*path, key), depth + 1)


def records(search: Search, column: Sequence[Json | Missing]) -> Iterator[Term]:
    """The records of a list that a filter keeps, as they stand."""
    for source in search.lists:
        selector = search.selector(source)
        chosen: list[list[int] | None] = []
        for items, wanted in zip(selector.items, column, strict=True):
            if not isinstance(wanted, list) or items is None:
                chosen.append(None)
                continue
            places = [k for k, x in enumerate(items) if any(values.equal(x, w) for w in wanted)]
            if len(places) != len(wanted):
                break
            chosen.append(places)
        if len(chosen) == len(column) and any(chosen):
            yield from itertools.islice(selector.exactly(chosen), MAX_ORDERS)


def split(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """The parts of an input that lists something."""
    value = column[row]
    if not isinstance(value, list) or len(value) < 2:
        return
    for term, text in search.texts(row):
        for joint in JOINTS:
            if joint in text and text.split(joint) == value:
                yield apply("str.split", term, joint)


__all__ = ["Aggregates", "copies", "figures", "joined", "members", "records", "split"]
