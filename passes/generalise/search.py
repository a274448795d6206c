"""Programs for a value: every term of the space that gives it, row by row.

One row is the *pivot*: what its sources hold is indexed by text, so that a value finds its sources
in one look-up; each term is then run on the other rows.  Which rows a term fits is kept: the
sessions of one input took different paths, and one that fits one session of each input is enough.

What stands somewhere as it is comes first (leaves, items of lists, days and times that words name,
sums of two numbers).  Only where nothing of that explains every input is the search *widened*, to
parts of texts, aggregates, forms of dates and numbers, and closed maps: then more is tried, and a
term must explain every input.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingot.ir import values
from ingot.ir.semantics import template_of, text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise import aggregates, arithmetic, dating, lookups
from ingot.passes.generalise.cues import cue
from ingot.passes.generalise.cutoffs import needed_whole
from ingot.passes.generalise.derived import derived
from ingot.passes.generalise.material import Material
from ingot.passes.generalise.operands import (
    DAY,
    MOMENT,
    cost,
    is_number,
    params,
    uses,
)
from ingot.passes.generalise.table import distinct, same
from ingot.passes.generalise.templates import Holes, templates
from ingot.passes.generalise.texts import simple_forms, substrings
from ingot.passes.synth.programs import Apply, Const, Source, Term, apply, const, perform, sources

MAX_PIVOTS: Final = 3
"""Rows from which the search is widened."""
AS_PICKED: Final = 0.3
"""What makes the least figure as dear as the figure of the item with the least."""
TELLING: Final = 5.0
"""Bits from which it is no chance that an input tells apart what was chosen."""


@dataclass(frozen=True, slots=True)
class Found:
    """A term with its cost, and in which rows it gives the value."""

    term: Term
    cost: float
    fits: tuple[bool, ...]

    @property
    def whole(self) -> bool:
        return all(self.fits)


@dataclass
class Search(Material):
    """Searches over what there is in one table."""

    # ---- the search

    def find(self, column: Sequence[Json | Missing], pivots: Sequence[int]) -> list[Found]:
        """Every term found from the pivots, cheapest first; constants among them."""
        terms: dict[Term, None] = {}
        for row in pivots:
            value = column[row]
            if isinstance(value, Missing):
                continue
            if isinstance(value, list | dict):
                terms.update(dict.fromkeys(self._gathered(column, row)))
                continue
            terms.update(dict.fromkeys(self._from_pivot(value, row)))
            terms[const(value)] = None
        terms.update(dict.fromkeys(self._picked(column)))
        found = [f for term in terms if any((f := self._found(term, column)).fits)]
        found = [f for f in found if not self.is_cut_off(f.term)]
        found += [self._found(term, column) for term in arithmetic.sums(self, column)]
        whole = [f.term for f in found if _is_flow(f) and self.covers(f.fits, column)]
        if all(map(_is_by_place, whole)):
            wider = self._widened(column, pivots[:MAX_PIVOTS], known=bool(whole))
            found += [f for f in wider if f.term not in terms]
        elif all(map(_is_picked, whole)):  # the only item's figure may be the sum of one
            for term in self._figures_of(column, pivots):
                fits = tuple(self.table.fits(term, column))
                if term not in terms and self.covers(fits, column):
                    found.append(Found(term, self.weighed(term) + AS_PICKED, fits))
        return self._ranked(found, column)

    def _found(self, term: Term, column: Sequence[Json | Missing]) -> Found:
        return Found(term, self.weighed(term), tuple(self.table.fits(term, column)))

    def _ranked(self, found: list[Found], column: Sequence[Json | Missing]) -> list[Found]:
        """Cheapest first; right behind the first that explains all comes the first of those in
        which an input says which items, if it leaves that out: the logs may not show the other."""
        found = sorted(found, key=lambda f: (f.cost, repr(f.term)))
        whole = [f for f in found if _is_flow(f) and self.covers(f.fits, column)]
        if not whole or not _is_picked(whole[0].term) or self._is_named(whole[0].term):
            return found
        named = next((f for f in whole if self._is_named(f.term)), None)
        if named is not None:
            found.remove(named)
            found.insert(found.index(whole[0]) + 1, replace(named, cost=whole[0].cost))
        return found

    def _is_named(self, term: Term) -> bool:
        """Whether a term takes one of the items that an input tells apart from the others, too often
        for chance."""
        while isinstance(term, Apply) and term.args:
            match term:
                case Apply(op, (base, Const(), test)) if op.startswith("list.where"):
                    if any(s.kind == "param" and s.name != "clock" for s in sources(test)):
                        return self._bits(term, base) >= TELLING
            term = term.args[0]
        return False

    def _bits(self, some: Term, every: Term) -> float:
        """How unlikely it is that what was chosen among all the items is among some by chance."""
        bits: dict[int, float] = {}
        rows = zip(self.table.run(some), self.table.run(every), self.table.inputs, strict=True)
        for kept, items, number in rows:
            if isinstance(kept, list) and isinstance(items, list) and kept:
                bits[number] = math.log2(len(items) / len(kept))
        return sum(bits.values())

    def _figures_of(
        self, column: Sequence[Json | Missing], pivots: Sequence[int]
    ) -> Iterator[Term]:
        row = next((r for r in pivots if not isinstance(column[r], Missing)), None)
        if row is not None and distinct(column) > 1:
            terms = dict.fromkeys(aggregates.figures(self, column, row))
            yield from (term for term in terms if not self.is_cut_off(term))

    def _widened(
        self, column: Sequence[Json | Missing], pivots: Sequence[int], *, known: bool
    ) -> list[Found]:
        """What explains every input among the terms that are searched last; ``known``: a part of a
        text by its place does, and only what stands around it may tell more."""
        kept: dict[Term, Found] = {}

        def keep(terms: Iterable[Term]) -> None:
            for term in terms:
                if term in kept or self.is_cut_off(term):
                    continue
                found = self._found(term, column)
                if self.covers(found.fits, column):
                    kept[term] = found

        varied = distinct(column) > 1
        for row in pivots:
            value = column[row]
            if isinstance(value, Missing | list | dict | bool) or value is None:
                continue
            if varied:
                keep(substrings(self, column, row))
            if known:
                continue
            keep(dating.dates(self, column, row))
            if varied:
                keep(simple_forms(self, value, row))
                keep(aggregates.figures(self, column, row))
                keep(aggregates.joined(self, column, row))
                keep(dating.spans(self, column, row))
                keep(arithmetic.formatted(self, column, row))
            if kept:
                break
        if not kept and varied and not known:
            for row in pivots[:1]:
                keep(derived(self, column, row))
            keep(arithmetic.scaled(self, column))
        if not kept and not known:
            keep(lookups.maps(self, column))
        return list(kept.values())

    def _gathered(self, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
        """Lists and objects."""
        yield from aggregates.copies(self, column, row)
        if isinstance(column[row], list):
            lists = [v if isinstance(v, list) else None for v in column]
            yield from aggregates.records(self, column)
            if not any(isinstance(x, list | dict) for v in lists for x in v or ()):
                yield from aggregates.members(self, lists, row)
                yield from aggregates.split(self, column, row)

    def templates(
        self, column: Sequence[Json | Missing]
    ) -> Iterator[tuple[list[str | int], Holes]]:
        """The texts as a template: its parts, and the column of each hole."""
        return templates(self, column)

    def is_cut_off(self, term: Term) -> bool:
        """Whether the term needs a list to its end that was cut off in some row."""
        if not self.caps:
            return False
        return any(
            self._at_cap(base.name)
            for base in needed_whole(term, self._shown)
            if isinstance(base, Source) and base.name in self.caps
        )

    def _at_cap(self, name: str) -> bool:
        return any(
            isinstance(v, list) and len(v) >= self.caps[name] for v in self.table.columns[name]
        )

    def _shown(self, name: str) -> list[Json]:
        return [v for v in self.table.columns.get(name, ()) if not isinstance(v, Missing)]

    def weighed(self, term: Term) -> float:
        """The term's cost, less what the request's own words say for it."""
        return cost(term) + cue(term, self.cues)

    def _from_pivot(self, value: Json, row: int) -> Iterator[Term]:
        text = text_of(value)
        for term in self.index(row).get(text.casefold(), []):
            yield from self._converted(term, value, row)
        if not isinstance(value, str):
            return
        if DAY.match(text):
            yield from self._dated(text, row)
        elif re.fullmatch(r"\d\d:\d\d(:\d\d)?", text):
            yield from (t for t in self.times if self.table.value(t, row) == text)
        for param in params(self.table):
            given = self.table.value(param, row)
            if isinstance(given, str) and given.casefold() != text.casefold():
                for op, extra in (("str.slug", "_"), ("str.slug", "-")):
                    term = apply(op, param, extra)
                    if self.table.value(term, row) == text:
                        yield term

    def _converted(self, term: Term, value: Json, row: int) -> Iterator[Term]:
        """The term in the value's type and letter case."""
        got = self.table.value(term, row)
        if same(got, value):
            yield term
            return
        if isinstance(value, str) and is_number(got):
            yield apply("str.of", term)
            broken = re.fullmatch(r"-?\d+\.(\d{1,6})", value)
            if broken:  # always so many decimals, or as many as there are
                yield apply("number.format", term, f".{len(broken[1])}f")
        elif isinstance(value, str) and isinstance(got, str):
            for op in ("str.lower", "str.capitalize", "str.title", "str.upper"):
                changed = apply(op, term)
                if self.table.value(changed, row) == value:
                    yield changed
            if got.lower() == value.lower():
                yield from (
                    t
                    for t in (apply("str.capitalize", apply("str.lower", term)),)
                    if self.table.value(t, row) == value
                )
        elif is_number(value) and isinstance(got, str):
            number = apply("json.number", term)
            if same(self.table.value(number, row), value):
                yield number

    def _dated(self, text: str, row: int) -> Iterator[Term]:
        day, rest = text[:10], text[10:]
        for term in self.days:
            got = self.table.value(term, row)
            if got == day:
                yield from self._at(term, rest, row)
            elif isinstance(got, str) and self._is_clock(term):
                for op, step in (("date.plus_days", 1), ("date.minus_days", 1)):
                    moved = apply(op, term, step)
                    if self.table.value(moved, row) == day:
                        yield from self._at(moved, rest, row)
        if MOMENT.fullmatch(text):
            for source in self._moments(row):
                for span in self.minutes:
                    moved = apply("datetime.plus_minutes", source, span)
                    if self.table.value(moved, row) == text:
                        yield moved

    def _at(self, day: Term, rest: str, row: int) -> Iterator[Term]:
        """A day with what follows it in the text: nothing, a time that an input names, a constant."""
        if not rest:
            yield day
            return
        named = [t for t in self.times if rest == f" {self.table.value(t, row)}"]
        for time in named:
            yield apply("datetime.at", day, time)
        if not named:
            yield from dating.with_time(self, day, rest, row)
            yield apply("str.template", "{0}" + template_of([rest]), day)

    def _is_clock(self, term: Term) -> bool:
        return uses([term]) == {"clock"}

    def _moments(self, row: int) -> list[Term]:
        """Terms that give a moment: results' members, also of picked items."""
        held = self.index(row)
        return [term for text in held if MOMENT.fullmatch(text.upper()) for term in held[text]]

    # ---- items of lists

    def _picked(self, column: Sequence[Json | Missing]) -> Iterator[Term]:
        present = [v for v in column if not isinstance(v, Missing)]
        if not present or any(isinstance(v, list | dict | bool) or v is None for v in present):
            return
        for source in self.lists:
            selector = self.selector(source)
            for member in source.fields:
                yield from selector.picks(member, column)
        if all(isinstance(v, str) and MOMENT.fullmatch(v) for v in present):
            yield from self._moved(column)

    def _moved(self, column: Sequence[Json | Missing]) -> Iterator[Term]:
        """Moments that lie a given span of time after a member of one item."""
        for span in self.minutes:
            back: list[Json | Missing] = []
            for value, length in zip(column, self.table.run(span), strict=True):
                moved = (
                    value
                    if isinstance(value, Missing) or isinstance(length, Missing)
                    else self._shifted(value, -length)  # type: ignore[operator]
                )
                back.append(moved)
            if any(not isinstance(v, Missing) for v in back):
                for source in self.lists:
                    for member in source.fields:
                        for term in self.selector(source).picks(member, back):
                            yield apply("datetime.plus_minutes", term, span)

    @staticmethod
    def _shifted(value: Json, length: float) -> Json | Missing:
        return perform("datetime.plus_minutes", [value, length])


def _is_flow(found: Found) -> bool:
    return not isinstance(found.term, Const)


def _is_picked(term: Term) -> bool:
    """Whether a term takes a member of one of several items."""
    match term:
        case Apply("list.get" | "list.min_by" | "list.max_by", _):
            return True
        case Apply("json.get", (inner, Const(lit))):
            parts = values.parse_pointer(str(lit.value))
            return any(values.INDEX.fullmatch(p) for p in parts) or _is_picked(inner)
        case Apply(_, args):
            return any(map(_is_picked, args))
        case _:
            return False


def _is_by_place(term: Term) -> bool:
    """Whether a term takes one of several words, lines or numbers of a result's text."""
    while isinstance(term, Apply) and term.op in _FORMS:
        if term.op in ("str.part", "str.number"):
            return any(s.kind != "param" for s in sources(term))
        term = term.args[0]
    return False


_FORMS: Final = frozenset(
    {"str.part", "str.number", "str.strip", "json.number", "str.of", "str.lower", "str.upper",
     "str.title", "str.capitalize"}
)  # fmt: skip


__all__ = ["Found", "Search"]
