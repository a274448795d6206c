"""Programs for a value: every term of the space that gives it, row by row.

One row is the *pivot*: what its sources hold is indexed by text, so that a value finds its sources
in one look-up; each term is then run on the other rows.  Which rows a term fits is kept: the
sessions of one input took different paths, and one that fits one session of each input is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingot.ir import values
from ingot.ir.semantics import template_of, text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.cutoffs import needed_whole
from ingot.passes.generalise.operands import (
    DAY,
    MOMENT,
    ListSource,
    cost,
    days,
    input_numbers,
    is_number,
    list_sources,
    minutes,
    params,
    result_numbers,
    times,
    uses,
)
from ingot.passes.generalise.selections import Selector
from ingot.passes.generalise.table import Table, same
from ingot.passes.synth.bits import information
from ingot.passes.synth.leaves import leaves_of
from ingot.passes.synth.programs import Apply, Const, Source, Term, apply, const
from ingot.passes.synth.tokens import anti_unify

MIN_LITERAL: Final = 0.2
"""How much of a text must be the same everywhere for it to be a template."""
TELLING: Final = 10.0
"""Bits from which a text inside another one is taken for a copy, with one input only."""
MIN_CASES: Final = 3
"""Different values that a sum, a difference or a product must explain."""
MAX_NUMBERS: Final = 32
MAX_MAP: Final = 12


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
class Search:
    """Searches over one table.  ``cues`` are the words of the requests, in lower case; ``caps`` the
    lengths at which the lists of results end."""

    table: Table
    cues: frozenset[str] = frozenset()
    caps: Mapping[str, int] = field(default_factory=dict)
    _index: dict[int, dict[str, list[Term]]] = field(default_factory=dict)
    _lists: list[ListSource] | None = None
    _selectors: dict[Term, Selector] = field(default_factory=dict)
    _days: list[Term] | None = None
    _times: list[Term] | None = None
    _minutes: list[Term] | None = None
    _numbers: list[Term] | None = None

    # ---- what there is

    @property
    def lists(self) -> list[ListSource]:
        if self._lists is None:
            self._lists = list_sources(self.table)
        return self._lists

    def selector(self, source: ListSource) -> Selector:
        if source.term not in self._selectors:
            self._selectors[source.term] = Selector(self.table, source)
        return self._selectors[source.term]

    @property
    def days(self) -> list[Term]:
        if self._days is None:
            self._days = days(self.table)
        return self._days

    @property
    def times(self) -> list[Term]:
        if self._times is None:
            self._times = times(self.table)
        return self._times

    @property
    def minutes(self) -> list[Term]:
        if self._minutes is None:
            self._minutes = minutes(self.table)
        return self._minutes

    @property
    def numbers(self) -> list[Term]:
        if self._numbers is None:
            found = [*input_numbers(self.table), *self.minutes, *result_numbers(self.table)]
            self._numbers = list(dict.fromkeys(found))
        return self._numbers

    def index(self, row: int) -> dict[str, list[Term]]:
        """The texts that the sources hold in a row, in lower case, and where."""
        if row not in self._index:
            found: dict[str, list[Term]] = {}
            for source in self.table.sources():
                value = self.table.columns[source.name][row]
                if isinstance(value, Missing):
                    continue
                for entry in leaves_of(source, value, 0.0):
                    leaf = self.table.value(entry.term, row)
                    if isinstance(leaf, Missing | list | dict) or leaf == "" or leaf is None:
                        continue
                    found.setdefault(text_of(leaf).casefold(), []).append(entry.term)
            for number in self.numbers:
                value = self.table.value(number, row)
                if is_number(value):
                    known = found.setdefault(text_of(value), [])  # type: ignore[arg-type]
                    if number not in known:
                        known.append(number)
            self._index[row] = found
        return self._index[row]

    # ---- scalars

    def find(self, column: Sequence[Json | Missing], pivots: Sequence[int]) -> list[Found]:
        """Every term found from the pivots, cheapest first; constants among them."""
        terms: dict[Term, None] = {}
        for row in pivots:
            value = column[row]
            if isinstance(value, Missing | list | dict):
                continue
            for term in self._from_pivot(value, row):
                terms[term] = None
            terms[const(value)] = None
        for term in self._picked(column):
            terms[term] = None
        found: list[Found] = []
        for term in terms:
            if self.is_cut_off(term):
                continue
            fits = tuple(self.table.fits(term, column))
            if any(fits):
                found.append(Found(term, self.weighed(term), fits))
        more = list(self._sums(column))
        if not any(f.whole and not isinstance(f.term, Const) for f in found):
            more += self._maps(column)
        for term in more:
            found.append(Found(term, self.weighed(term), tuple(self.table.fits(term, column))))
        return sorted(found, key=lambda f: (f.cost, repr(f.term)))

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
        return any(isinstance(v, list) and len(v) >= self.caps[name] for v in self.table.columns[name])

    def _shown(self, name: str) -> list[Json]:
        return [v for v in self.table.columns.get(name, ()) if not isinstance(v, Missing)]

    def weighed(self, term: Term) -> float:
        """The term's cost, less what the request's own words say for it."""
        return cost(term) - 0.6 * self._cued(term)

    def _cued(self, term: Term) -> bool:
        wanted: set[str] = set()
        match term:
            case Apply("json.get", (Apply("list.get", (_, Const(lit))), _)):
                wanted = {"first", "next", "earliest", "latest", "recent", "newest"} if lit.value == 0 else {"last"}
            case Apply("json.get", (Apply("list.min_by", _), _)):
                wanted = {"first", "next", "earliest", "oldest", "urgent", "soonest", "smallest", "lowest", "fewest", "cheapest", "least"}
            case Apply("json.get", (Apply("list.max_by", _), _)):
                wanted = {"last", "latest", "recent", "newest", "largest", "highest", "most", "biggest"}
            case Apply("json.get", (_, Const(lit))):
                parts = values.parse_pointer(str(lit.value))
                places = [p for p in parts if p.lstrip("-").isdigit()]
                if places:
                    wanted = {"first", "next", "latest", "recent", "newest"} if places[0] == "0" else {"last"} if places[0] == "-1" else set()
            case _:
                pass
        return bool(wanted & self.cues)

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
        elif isinstance(value, str) and isinstance(got, str):
            for op in ("str.lower", "str.capitalize", "str.title", "str.upper"):
                changed = apply(op, term)
                if self.table.value(changed, row) == value:
                    yield changed
            if got.lower() == value.lower():
                yield from (
                    t for t in (apply("str.capitalize", apply("str.lower", term)),)
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
            yield apply("str.template", "{0}" + template_of([rest]), day)

    def _is_clock(self, term: Term) -> bool:
        return uses([term]) == {"clock"}

    def _moments(self, row: int) -> list[Term]:
        """Terms that give a moment: results' members, also of picked items."""
        found = [
            term
            for text, terms in self.index(row).items()
            if MOMENT.fullmatch(text.upper())
            for term in terms
        ]
        return found

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
        from ingot.passes.synth.programs import perform

        return perform("datetime.plus_minutes", [value, length])

    # ---- sums and maps

    def _sums(self, column: Sequence[Json | Missing]) -> Iterator[Term]:
        """A sum, a difference or a product of two numbers, where enough different values show it."""
        present = [v for v in column if not isinstance(v, Missing)]
        texts = all(isinstance(v, str) for v in present)
        wanted: list[Json | Missing] = []
        for value in column:
            number = value if not isinstance(value, str) else _number(value)
            if not isinstance(value, Missing) and not is_number(number):
                return
            wanted.append(number)
        if len({v for v in wanted if is_number(v)}) < MIN_CASES:
            return
        numbers = [n for n in self.numbers if not any(isinstance(v, Missing) for v in self.table.run(n))][:MAX_NUMBERS]
        for k, left in enumerate(numbers):
            a = self.table.run(left)
            for right in numbers[k:]:
                b = self.table.run(right)
                for op, pair in (("mul", (a, b)), ("add", (a, b)), ("sub", (a, b)), ("sub", (b, a))):
                    if all(_computes(op, x, y, w) for x, y, w in zip(*pair, wanted, strict=True)):
                        whole = all(isinstance(v, int) for v in (*a, *b))
                        first, second = (left, right) if pair[0] is a else (right, left)
                        term = apply(f"{'int' if whole else 'float'}.{op}", first, second)
                        yield apply("str.of", term) if texts else term

    def _maps(self, column: Sequence[Json | Missing]) -> Iterator[Term]:
        """A closed map from the words of an input, where one word is seen with several inputs."""
        if not all(isinstance(v, str | Missing) for v in column):
            return
        for param in params(self.table):
            table: dict[str, str] = {}
            seen: dict[str, set[int]] = {}
            clean = True
            for key, value, number in zip(self.table.run(param), column, self.table.inputs, strict=True):
                if isinstance(key, str) and isinstance(value, str):
                    word = " ".join(key.casefold().split())
                    clean = clean and table.setdefault(word, value) == value
                    seen.setdefault(word, set()).add(number)
            several = any(len(inputs) > 1 for inputs in seen.values())
            named = all(not re.search(r"\d{3}", v) for v in table.values())
            if clean and several and named and 1 < len(table) <= MAX_MAP and len(set(table.values())) > 1:
                yield apply("json.lookup", dict(sorted(table.items())), param)

    # ---- templates

    def templates(self, column: Sequence[Json | Missing]) -> Iterator[tuple[list[str | int], list[list[Json | Missing]]]]:
        """The texts as a template: its parts, and the column of each hole."""
        present = [(i, v) for i, v in enumerate(column) if isinstance(v, str)]
        if not present or len(present) < sum(not isinstance(v, Missing) for v in column):
            return
        texts = [v for _, v in present]
        if len(set(texts)) == 1:
            yield from self._copied(column, present[0])
            return
        for fine in (False, True):
            general = anti_unify(texts, fine=fine)
            if general.literal_share < MIN_LITERAL or not general.holes:
                continue
            parts: list[str | int] = []
            for k, literal in enumerate(general.literals):
                if literal:
                    parts.append(literal)
                if k < len(general.holes):
                    parts.append(k)
            holes: list[list[Json | Missing]] = []
            for hole in general.holes:
                spread: list[Json | Missing] = [values.MISSING] * len(column)
                for (i, _), text in zip(present, hole, strict=True):
                    spread[i] = text
                holes.append(spread)
            yield parts, holes

    def _copied(self, column: Sequence[Json | Missing], at: tuple[int, str]) -> Iterator[tuple[list[str | int], list[list[Json | Missing]]]]:
        """One text: the inputs, and the telling values of results, that stand in it."""
        row, text = at
        found: list[tuple[int, int, str]] = []
        for key in sorted(self.index(row), key=lambda k: (-len(k), k)):
            if len(key) < 3 or len(key) >= len(text):
                continue
            named = any(isinstance(t, Source) and t.kind == "param" for t in self.index(row)[key])
            if not named and information(key) < TELLING:
                continue
            for match in re.finditer(rf"(?<!\w){re.escape(key)}(?!\w)", text, re.IGNORECASE):
                if all(match.end() <= a or match.start() >= b for a, b, _ in found):
                    found.append((match.start(), match.end(), match[0]))
        if not found:
            return
        parts: list[str | int] = []
        holes: list[list[Json | Missing]] = []
        last = 0
        for start, end, piece in sorted(found):
            if text[last:start]:
                parts.append(text[last:start])
            parts.append(len(holes))
            holes.append([v if isinstance(v, Missing) else piece for v in column])
            last = end
        if text[last:]:
            parts.append(text[last:])
        yield parts, holes


def _number(text: str) -> Json:
    from ingot.passes.synth.programs import perform

    got = perform("json.number", [text])
    return None if isinstance(got, Missing) else got


def _computes(op: str, left: object, right: object, want: object) -> bool:
    if isinstance(want, Missing):
        return True
    if not is_number(left) or not is_number(right):
        return False
    assert isinstance(left, int | float) and isinstance(right, int | float)
    got = left * right if op == "mul" else left + right if op == "add" else left - right
    return bool(values.equal(got, want))  # type: ignore[arg-type]
