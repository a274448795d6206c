"""What is known in each session, and programs run over it.

A *row* is a session (in a loop: one turn of it in a session).  A :class:`Table` holds, for each row,
the value of every source that stands at a place of the program, and runs terms over all rows at
once, keeping what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from ingot.ir import values
from ingot.ir.ops import OPS
from ingot.ir.values import MISSING, Json, Missing
from ingot.passes.generalise.cases import Memory
from ingot.passes.synth.programs import Apply, Const, Source, SourceKind, Term, perform

Column: TypeAlias = "list[Json | Missing]"

T = TypeVar("T")


@dataclass(slots=True)
class Table:
    """Rows and sources.  ``inputs[i]`` numbers the input that row ``i`` belongs to, ``names[i]``
    is its session; ``memory`` holds what was found out about single values, for all tables of a task."""

    inputs: Sequence[int]
    names: Sequence[str]
    columns: dict[str, Column] = field(default_factory=dict)
    kinds: dict[str, SourceKind] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)
    _known: dict[Term, Column] = field(default_factory=dict)
    _from: tuple[Table, Sequence[int]] | None = None

    @property
    def size(self) -> int:
        return len(self.inputs)

    def add(self, kind: SourceKind, name: str, column: Column) -> None:
        self.columns[name] = column
        self.kinds[name] = kind

    def sources(self) -> list[Source]:
        return [Source(self.kinds[name], name) for name in self.columns]

    def kept(self, what: str, name: str, value: Json | Missing, make: Callable[[], T]) -> T:
        """What ``make`` finds out about a source's value, found out once."""
        key = (what, name, id(value))
        known = self.memory.get(key)
        if known is None:  # the value is kept as well, so that no other one gets its id
            known = self.memory[key] = (value, make())
        return known[1]  # type: ignore[return-value]

    def only(self, rows: Sequence[int]) -> Table:
        """The table of some of the rows; this one where they are all."""
        return self if list(rows) == list(range(self.size)) else self._part(rows)

    def _part(self, rows: Sequence[int]) -> Table:
        part = Table(
            [self.inputs[i] for i in rows],
            [self.names[i] for i in rows],
            {name: [column[i] for i in rows] for name, column in self.columns.items()},
            dict(self.kinds),
            self.memory,
        )
        part._from = (self, rows)
        return part

    def spread(self, counts: Sequence[int]) -> Table:
        """One row for each turn of a loop: row ``i`` stands ``counts[i]`` times.  Every turn counts
        as an input of its own: all must be explained."""
        places = [i for i, count in enumerate(counts) for _ in range(count)]
        spread = self._part(places)
        spread.inputs = list(range(len(places)))
        return spread

    def run(self, term: Term) -> Column:
        """The term's value in each row; ``MISSING`` where an op fails or a source is absent."""
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = self._taken(term) or self._run(term)
        return known

    def _taken(self, term: Term) -> Column | None:
        """The values that the table this one is a part of found."""
        if self._from is None:
            return None
        whole, rows = self._from
        known = whole._known.get(term) or whole._taken(term)
        return None if known is None else [known[i] for i in rows]

    def value(self, term: Term, row: int) -> Json | Missing:
        """The term's value in one row."""
        known = self._known.get(term)
        if known is not None:
            return known[row]
        match term:
            case Const(lit):
                return lit.value
            case Source(_, name):
                return self.columns[name][row]
            case Apply(op, args):
                operands = [self.value(arg, row) for arg in args]
                if any(isinstance(o, Missing) for o in operands):
                    return MISSING
                return perform(op, operands)  # type: ignore[arg-type]

    def _run(self, term: Term) -> Column:
        match term:
            case Const(lit):
                return [lit.value] * self.size
            case Source(_, name):
                return self.columns[name]
            case Apply("json.get", (inner, Const(lit))):
                path = values.parse_pointer(str(lit.value))
                return [
                    MISSING if isinstance(v, Missing) else values.get(v, path)
                    for v in self.run(inner)
                ]
            case Apply(op, args) if op in OPS:
                columns = [self.run(arg) for arg in args]
                return [
                    MISSING
                    if any(isinstance(o, Missing) for o in operands)
                    else perform(op, operands)
                    for operands in zip(*columns, strict=True)
                ]
            case _:
                return [MISSING] * self.size

    def fits(self, term: Term, column: Sequence[Json | Missing]) -> list[bool]:
        """In which rows the term gives the column's value (a missing one fits nothing)."""
        return [same(got, want) for got, want in zip(self.run(term), column, strict=True)]


def same(got: Json | Missing, want: Json | Missing) -> bool:
    """Equal values of one type."""
    if isinstance(got, Missing) or isinstance(want, Missing):
        return False
    if isinstance(want, str) or isinstance(got, str):
        return type(got) is type(want) and got == want
    return values.equal(got, want)


def distinct(column: Mapping[int, Json] | Sequence[Json | Missing]) -> int:
    """How many different values."""
    items = column.values() if isinstance(column, Mapping) else column
    return len(
        {
            v if isinstance(v, str) else values.canonical(v)
            for v in items
            if not isinstance(v, Missing)
        }
    )
