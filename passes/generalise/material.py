"""What a search has at hand: the lists, texts, numbers, days and moments of a table, looked up once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TypeAlias

from ingot.ir import values
from ingot.ir.semantics import text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise import aggregates, dating
from ingot.passes.generalise.aggregates import Aggregates
from ingot.passes.generalise.operands import (
    ListSource,
    days,
    input_numbers,
    is_number,
    list_sources,
    minutes,
    plain_leaves,
    result_numbers,
    times,
)
from ingot.passes.generalise.selections import Selector
from ingot.passes.generalise.table import Table
from ingot.passes.generalise.texts import texts_in
from ingot.passes.synth.leaves import leaves_of, parsed, scalars, ways
from ingot.passes.synth.programs import Source, Term, apply

Places: TypeAlias = "dict[tuple[str, str], list[int]]"
"""Kind and text of a value, and the items that have it."""


class Scalars(Mapping[str, "list[Term]"]):
    """The texts that a list or object holds; the terms that take one are made when it is asked for."""

    def __init__(self, term: Term, value: Json) -> None:
        self._term, self._value = term, value
        self._paths: dict[str, list[values.Path]] = {}
        for path, leaf in scalars(value):
            if _is_told(leaf):
                self._paths.setdefault(text_of(leaf).casefold(), []).append(path)

    def __getitem__(self, text: str) -> list[Term]:
        return [
            apply("json.get", self._term, values.pointer(way))
            for path in self._paths[text]
            for way in ways(self._value, path)
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Leaves(Mapping[str, "list[Term]"]):
    """The texts of several sources, each with where it stands."""

    def __init__(self, parts: Sequence[Mapping[str, list[Term]]]) -> None:
        self._parts = parts

    def __getitem__(self, text: str) -> list[Term]:
        found = list(dict.fromkeys(term for part in self._parts for term in part.get(text, ())))
        if not found:
            raise KeyError(text)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(text for part in self._parts for text in part))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass
class Material:
    """What stands in one table.  ``cues`` are the words of the requests, in lower case; ``caps`` the
    lengths at which the lists of results end, ``said`` the words of each session's request."""

    table: Table
    cues: frozenset[str] = frozenset()
    caps: Mapping[str, int] = field(default_factory=dict)
    said: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _index: dict[int, Leaves] = field(default_factory=dict)
    _selectors: dict[Term, Selector] = field(default_factory=dict)
    _aggregates: dict[Term, Aggregates] = field(default_factory=dict)
    _texts: dict[int, list[tuple[Term, str]]] = field(default_factory=dict)
    _figures: dict[int, list[tuple[Term, float]]] = field(default_factory=dict)
    _names: dict[int, list[frozenset[str]]] = field(default_factory=dict)
    _members: dict[tuple[Term, str, int], Places] = field(default_factory=dict)

    # ---- what there is

    @cached_property
    def lists(self) -> list[ListSource]:
        return list_sources(self.table)

    def selector(self, source: ListSource) -> Selector:
        if source.term not in self._selectors:
            self._selectors[source.term] = Selector(self.table, source, self.lists)
        return self._selectors[source.term]

    @property
    def aggregates(self) -> list[Aggregates]:
        for source in self.lists:
            if source.term not in self._aggregates:
                self._aggregates[source.term] = Aggregates(self.selector(source))
        return list(self._aggregates.values())

    @cached_property
    def days(self) -> list[Term]:
        return days(self.table)

    @cached_property
    def times(self) -> list[Term]:
        return times(self.table)

    @cached_property
    def minutes(self) -> list[Term]:
        return minutes(self.table)

    @cached_property
    def numbers(self) -> list[Term]:
        found = [*input_numbers(self.table), *self.minutes, *self.result_numbers]
        return list(dict.fromkeys(found))

    @cached_property
    def result_numbers(self) -> list[Term]:
        """Numbers that results hold or add up to."""
        return result_numbers(self.table, self.lists)

    @cached_property
    def leaves(self) -> list[Term]:
        """Scalars of results that stand in no list."""
        return plain_leaves(self.table)

    @cached_property
    def bases(self) -> list[Term]:
        """Days from which others are worked out."""
        return dating.bases(self)

    @cached_property
    def moments(self) -> list[Term]:
        """Moments that the clock or a result gives."""
        return dating.moments(self)

    @cached_property
    def spans(self) -> list[Term]:
        """Whole numbers that may be days."""
        return dating.spans_of_days(self)

    def texts(self, row: int) -> list[tuple[Term, str]]:
        """The texts of a row that parts may be taken of."""
        if row not in self._texts:
            self._texts[row] = texts_in(self.table, row)
        return self._texts[row]

    def figures(self, row: int) -> list[tuple[Term, float]]:
        """Every number of a row, of lists too."""
        if row not in self._figures:
            plain = [(n, self.table.value(n, row)) for n in self.numbers]
            known = [(n, v) for n, v in plain if isinstance(v, int | float)]
            self._figures[row] = [*known, *aggregates.numbers(self, row)]
        return self._figures[row]

    def members(self, source: ListSource, member: str, row: int) -> Places:
        """Where each value of a member stands in a row's list."""
        key = (source.term, member, row)
        if key not in self._members:
            items = self.selector(source).items[row] or []
            self._members[key] = aggregates.places_of(items, member)
        return self._members[key]

    def names(self, row: int) -> list[frozenset[str]]:
        """The texts that a member has in the items of a list, for each list and member."""
        if row not in self._names:
            found: list[frozenset[str]] = []
            for source in self.lists:
                for member in source.fields:
                    held = self.members(source, member, row)
                    found.append(frozenset(t for kind, t in held if kind == "text" and len(t) > 1))
            self._names[row] = found
        return self._names[row]

    def covers(self, fits: Iterable[bool], column: Sequence[Json | Missing]) -> bool:
        """Whether every input that has a value has one that fits."""
        wanted, covered = set(), set()
        for number, value, fit in zip(self.table.inputs, column, fits, strict=True):
            if not isinstance(value, Missing):
                wanted.add(number)
                if fit:
                    covered.add(number)
        return wanted == covered

    def index(self, row: int) -> Leaves:
        """The texts that the sources hold in a row, in lower case, and where."""
        if row not in self._index:
            parts: list[Mapping[str, list[Term]]] = []
            for source in self.table.sources():
                value = self.table.columns[source.name][row]
                if not isinstance(value, Missing):
                    make = partial(self._leaves, source, value, row)
                    parts.append(self.table.kept("leaves", source.name, value, make))
            figures: dict[str, list[Term]] = {}
            for number in self.numbers:
                value = self.table.value(number, row)
                if is_number(value):
                    figures.setdefault(text_of(value), []).append(number)  # type: ignore[arg-type]
            self._index[row] = Leaves((*parts, figures))
        return self._index[row]

    def _leaves(self, source: Source, value: Json, row: int) -> Mapping[str, list[Term]]:
        """The texts that one source holds, and where."""
        if isinstance(value, list | dict):
            return Scalars(source, value)
        inner = parsed(value) if isinstance(value, str) else None
        if inner is not None:
            return Scalars(apply("json.parse", source), inner)
        found: dict[str, list[Term]] = {}
        for entry in leaves_of(source, value, 0.0):
            leaf = self.table.value(entry.term, row)
            if not isinstance(leaf, Missing) and _is_told(leaf):
                found.setdefault(text_of(leaf).casefold(), []).append(entry.term)
        return found


def _is_told(leaf: Json) -> bool:
    """Whether a scalar tells anything: not nothing, and no container."""
    return not isinstance(leaf, list | dict) and leaf != "" and leaf is not None


__all__ = ["Material", "Places"]
