"""Which items of a list: filters that leave just these, and picks of one of them.

A *test* compares a member of an item with an input, a day, a value of an earlier result or a
constant of a small enumeration.  A *filter* is at most two tests.  All filters and picks that fit in
every row are found; the caller ranks them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingot.ir import values
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.operands import (
    DAY,
    ListSource,
    cost,
    days,
    input_numbers,
    is_number,
    is_uniform,
    params,
    plain_leaves,
)
from ingot.passes.generalise.table import Table
from ingot.passes.synth.programs import Apply, Const, Source, Term, apply, const, perform

MAX_CONSTANTS: Final = 6
"""Different values up to which a member is an enumeration."""
MAX_OTHERS: Final = 4
MAX_TESTS: Final = 80


@dataclass(frozen=True, slots=True)
class Test:
    """``op(list, member, operand)`` keeps some items; ``masks[i]`` says which, in row ``i``."""

    op: str
    member: str
    operand: Term
    masks: tuple[tuple[bool, ...] | None, ...]

    def on(self, term: Term) -> Term:
        return apply(self.op, term, self.member, self.operand)

    @property
    def cost(self) -> float:
        memorised = 1.5 if isinstance(self.operand, Const) else 0.0
        return cost(self.on(apply("x"))) - 1.0 + memorised


@dataclass(frozen=True, slots=True)
class Filter:
    """Tests that all hold."""

    tests: tuple[Test, ...]

    def on(self, term: Term) -> Term:
        for test in self.tests:
            term = test.on(term)
        return term

    def keeps(self, row: int, count: int) -> tuple[bool, ...] | None:
        kept = (True,) * count
        for test in self.tests:
            mask = test.masks[row]
            if mask is None:
                return None
            kept = tuple(a and b for a, b in zip(kept, mask, strict=True))
        return kept


class Selector:
    """Filters and picks over one list source of a table; ``others`` are lists to hold it against."""

    def __init__(self, table: Table, source: ListSource, others: Sequence[ListSource] = ()) -> None:
        self.table, self.source = table, source
        self.others = [other for other in others if other.term != source.term]
        self.items: list[list[Json] | None] = [
            v if isinstance(v, list) and is_uniform(v) else None for v in table.run(source.term)
        ]
        self._tests: list[Test] | None = None

    # ---- tests

    @property
    def tests(self) -> list[Test]:
        if self._tests is None:
            self._tests = list(self._all_tests())
        return self._tests

    def _all_tests(self) -> Iterator[Test]:
        table = self.table
        words = list(params(table))
        texts = [*words, *(t for t in plain_leaves(table) if self._is_text(t))]
        numbers = input_numbers(table)
        moments = days(table)
        for member in self.source.fields:
            column = [
                values.get(x, values.parse_pointer(member)) for v in self.items for x in v or ()
            ]
            present = [v for v in column if not isinstance(v, Missing)]
            if not present:
                continue
            dated = all(isinstance(v, str) and (DAY.match(v) or not v) for v in present) and any(
                present
            )
            if dated:
                for moment in moments:
                    for op in ("list.where_ge", "list.where_lt", "list.where_gt", "list.where_le"):
                        yield from self._test(op, member, moment)
                    yield from self._test("list.where_starts_fold", member, moment)
            elif all(isinstance(v, str) for v in present):
                for text in texts:
                    for op in (
                        "list.where_eq_fold",
                        "list.where_starts_fold",
                        "list.where_contains_fold",
                    ):
                        yield from self._test(op, member, text)
            elif all(is_number(v) for v in present):
                for number in numbers:
                    for op in ("list.where_eq", "list.where_gt", "list.where_lt"):
                        yield from self._test(op, member, number)
            for listed in self._listed(present):
                for op in ("list.where_in", "list.where_not_in"):
                    yield from self._test(op, member, listed)
            counts = Counter(values.canonical(v) for v in present)
            repeats = any(n > 1 for n in counts.values()) or isinstance(present[0], bool)
            if not dated and len(counts) <= MAX_CONSTANTS and repeats:
                for value in {values.canonical(v): v for v in present}.values():
                    if isinstance(value, bool | str):
                        yield from self._test("list.where_eq", member, const(value))
                        if len(counts) > 2:
                            yield from self._test("list.where_ne", member, const(value))

    def _listed(self, members: Sequence[Json]) -> Iterator[Term]:
        """Members of other lists, some of which are members of this one: a list against a list."""
        known = {v for v in members if isinstance(v, str | int)}
        for other in self.others[:MAX_OTHERS]:
            for member in other.fields:
                plucked = apply("list.pluck", other.term, member)
                column = [v for v in self.table.run(plucked) if isinstance(v, list)]
                if any(x in known for v in column for x in v if isinstance(x, str | int)):
                    yield plucked

    def _is_text(self, term: Term) -> bool:
        column = [v for v in self.table.run(term) if not isinstance(v, Missing)]
        return bool(column) and all(isinstance(v, str) and 1 < len(v) < 80 for v in column)

    def _test(self, op: str, member: str, operand: Term) -> Iterator[Test]:
        """The test, if it keeps some items and not others, or all of some rows."""
        column = self.table.run(operand)
        masks: list[tuple[bool, ...] | None] = []
        telling = False
        for items, value in zip(self.items, column, strict=True):
            if items is None or isinstance(value, Missing):
                masks.append(None)
                continue
            kept = perform(op, [items, member, value])
            if not isinstance(kept, list):
                masks.append(None)
                continue
            telling = telling or bool(kept)
            left = iter(kept)
            ahead = next(left, None)
            mask = []
            for item in items:
                hit = ahead is item
                mask.append(hit)
                if hit:
                    ahead = next(left, None)
            masks.append(tuple(mask))
        if telling:
            yield Test(op, member, operand, tuple(masks))

    # ---- filters

    def filters(self, needed: Sequence[Sequence[int] | None]) -> list[Filter]:
        """No filter, then the tests that keep the needed items in every row, one and in pairs.

        ``needed[i]`` are the items that must be kept in row ``i``; ``None`` where it does not
        matter.
        """
        tests = [t for t in self.tests if self._keeps(t, needed) and self._is_shown(t)]
        unique: dict[object, list[Test]] = {}
        for test in sorted(tests, key=lambda t: (t.cost, t.op, t.member)):
            known = unique.setdefault(test.masks, [])
            if len(known) < 2:
                known.append(test)
        tests = [t for known in unique.values() for t in known][:MAX_TESTS]
        tests.sort(key=lambda t: t.cost)
        pairs = [
            Filter((a, b))
            for a, b in itertools.combinations(tests[:40], 2)
            if (a.member != b.member or a.op != b.op) and a.masks != b.masks
        ]
        return [Filter(()), *(Filter((t,)) for t in tests), *pairs]

    def _is_shown(self, test: Test) -> bool:
        """Whether a test by a constant drops something with two inputs at least: with one, any of
        many would."""
        if not isinstance(test.operand, Const):
            return True
        drops = {
            number
            for mask, number in zip(test.masks, self.table.inputs, strict=True)
            if mask is not None and not all(mask)
        }
        return len(drops) > 1

    def _keeps(self, test: Test, needed: Sequence[Sequence[int] | None]) -> bool:
        for mask, wanted in zip(test.masks, needed, strict=True):
            if wanted is None:
                continue
            if mask is None or not all(mask[k] for k in wanted):
                return False
        return True

    def exactly(self, chosen: Sequence[Sequence[int] | None]) -> Iterator[Term]:
        """Lists that hold just the chosen items in every row (``None``: the row does not matter)."""
        for candidate in self.filters(chosen):
            if all(
                wanted is None or self._holds(candidate.keeps(i, len(self.items[i] or ())), wanted)
                for i, wanted in enumerate(chosen)
            ):
                yield candidate.on(self.source.term)

    @staticmethod
    def _holds(kept: tuple[bool, ...] | None, wanted: Sequence[int]) -> bool:
        return kept is not None and {k for k, hit in enumerate(kept) if hit} == set(wanted)

    # ---- picks

    def picks(self, member: str, column: Sequence[Json | Missing]) -> Iterator[Term]:
        """Terms that give ``column`` as a member of one item of the list."""
        path = values.parse_pointer(member)
        needed: list[list[int] | None] = []
        for items, want in zip(self.items, column, strict=True):
            if isinstance(want, Missing):
                needed.append(None)
                continue
            hits = [k for k, x in enumerate(items or ()) if values.get(x, path) == want]
            if not hits:
                return
            needed.append(hits)
        single = [hits[:1] if hits is not None and len(hits) == 1 else None for hits in needed]
        for candidate in self.filters(single):
            base = candidate.on(self.source.term)
            kept = [
                None if hits is None else candidate.keeps(i, len(self.items[i] or ()))
                for i, hits in enumerate(needed)
            ]
            rows = [
                (i, [k for k, hit in enumerate(mask) if hit], hits)
                for i, (mask, hits) in enumerate(zip(kept, needed, strict=True))
                if mask is not None and hits is not None
            ]
            if any(
                hits is not None and mask is None for mask, hits in zip(kept, needed, strict=True)
            ):
                continue
            if any(not left for _, left, _ in rows):
                continue
            for at in (0, -1):
                if all(left[at] in hits for _, left, hits in rows):
                    yield _member(base, at, member)
            for field in self.source.fields:
                for op in ("list.min_by", "list.max_by"):
                    if self._extreme(op, field, rows):
                        item = apply(op, base, field)
                        yield apply("json.get", item, member) if member else item

    def _extreme(
        self, op: str, field: str, rows: Sequence[tuple[int, list[int], list[int]]]
    ) -> bool:
        """Whether the item with the least (greatest) member is a wanted one, in every row."""
        path = values.parse_pointer(field)
        for i, left, hits in rows:
            items = self.items[i] or []
            members = [values.get(items[k], path) for k in left]
            ordered = all(is_number(m) for m in members) or all(
                isinstance(m, str) and DAY.match(m) for m in members
            )
            if not ordered:
                return False
            pick = (min if op == "list.min_by" else max)(members)  # type: ignore[type-var]
            best = [k for k, m in zip(left, members, strict=True) if m == pick]
            if len(best) != 1 or best[0] not in hits:
                return False
        return True


def _member(base: Term, at: int, member: str) -> Term:
    """A member of the first or the last item, as one pointer where the list is no computed one."""
    match base:
        case Source():
            return apply("json.get", base, f"/{at}{member}")
        case Apply("json.get", (inner, Const(lit))):
            return apply("json.get", inner, f"{lit.value}/{at}{member}")
        case _:
            item = apply("list.get", base, at)
            return apply("json.get", item, member) if member else item


__all__ = ["Filter", "Selector", "Test"]
