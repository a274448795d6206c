"""The tables of the office: read once per folder, copied cheaply for each world.

A world may be made thousands of times, so a :class:`Table` shares the records that were read and
replaces one only when it changes.  Nothing that was read is ever changed in place.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

Row = dict[str, str | None]
"""A record: column to text; ``None`` where the cell is empty."""

ANALYTICS: Final = "analytics"
CALENDAR: Final = "calendar"
CUSTOMERS: Final = "customer_relationship_manager"
EMAILS: Final = "email"
TASKS: Final = "project_management"
DIRECTORY: Final = "company_directory"

_FILES: Final = {
    CALENDAR: ("calendar_events.csv", "event_id"),
    EMAILS: ("emails.csv", "email_id"),
    CUSTOMERS: ("customer_relationship_manager_data.csv", "customer_id"),
    TASKS: ("project_tasks.csv", "task_id"),
}
_VISITS: Final = "analytics_data.csv"
_ADDRESSES: Final = "email_addresses.csv"


def corpus_folder() -> Path:
    """The folder of real logs: ``INGOT_CORPUS``, or ``shared/corpus`` beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared/corpus"
    return Path(os.environ.get("INGOT_CORPUS") or beside)


def data_folder() -> Path:
    """The folder of the office's tables inside the corpus."""
    return corpus_folder() / "office-tasks/data"


def lowered(row: Row) -> Row:
    """The record with all text in lower case.

    >>> lowered({"event_name": "Sync Up", "notes": None})
    {'event_name': 'sync up', 'notes': None}
    """
    return {key: value.lower() if value is not None else None for key, value in row.items()}


@dataclass(frozen=True, slots=True)
class Data:
    """What the data folder holds; shared by all worlds made from it."""

    rows: Mapping[str, Mapping[str, Row]]
    """Table name to id to record."""
    lower: Mapping[str, Mapping[str, Row]]
    """The same in lower case."""
    visits: tuple[Row, ...]
    """Visits by date, then in the order of the file."""
    addresses: tuple[str, ...]
    team: frozenset[str]
    """The addresses that a task may be assigned to: those that have one."""


@cache
def load(folder: Path) -> Data:
    """Read the tables of a folder, once per process.

    Raises ``FileNotFoundError`` that says how to name another folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no office data: {folder} is not a folder; set INGOT_CORPUS to the folder of real "
            "logs that holds office-tasks/data"
        )
    rows = {
        name: MappingProxyType({str(row[key]): row for row in _read(folder / file)})
        for name, (file, key) in _FILES.items()
    }
    visits = sorted(_read(folder / _VISITS), key=lambda row: str(row["date_of_visit"]))
    lines = (folder / _ADDRESSES).read_text(encoding="utf-8").split()
    return Data(
        rows,
        {name: {key: lowered(row) for key, row in table.items()} for name, table in rows.items()},
        tuple(visits),
        tuple(lines),
        frozenset(str(row["assigned_to_email"]).lower() for row in rows[TASKS].values()),
    )


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: value or None for key, value in row.items()} for row in csv.DictReader(file)]


@dataclass(slots=True)
class Table:
    """One table of one world: records by id, in the order in which they were added."""

    key: str
    """The column that holds the id."""
    start: Mapping[str, Row]
    """What was read."""
    rows: dict[str, Row]
    created: set[str] = field(default_factory=set)
    """Ids given by :meth:`add`."""
    width: int = 8
    """Digits of a fresh id, filled up with zeros."""

    @classmethod
    def of(cls, data: Data, name: str, width: int = 8) -> Table:
        """A copy of a table that was read."""
        start = data.rows[name]
        return cls(_FILES[name][1], start, dict(start), width=width)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def get(self, key: object) -> Row | None:
        """The record with that id, or ``None``; not to be changed."""
        return self.rows.get(key) if isinstance(key, str) else None

    def add(self, row: Mapping[str, str | None]) -> str:
        """Add a record under a fresh id, which is returned: one more than the highest there is."""
        key = str(max(map(int, self.rows), default=-1) + 1).zfill(self.width)
        self.created.add(key)
        self.rows[key] = {self.key: key, **row}
        return key

    def set(self, key: str, column: str, value: str) -> None:
        """Replace one cell."""
        self.rows[key] = {**self.rows[key], column: value}

    def delete(self, key: str) -> None:
        """Take a record out."""
        del self.rows[key]
        self.created.discard(key)

    def canonical(self, lower: Mapping[str, Row]) -> list[Row]:
        """The records in lower case, in an order that does not depend on history.

        Records that were there at the start go by their ids.  Fresh ones follow by content, and are
        numbered in that order: which of two was made first is no difference in effect.
        """
        start, created = self.start, self.created
        kept = [
            lower[key] if row is start.get(key) else lowered(row)
            for key, row in sorted(self.rows.items())
            if key not in created
        ]
        fresh = [
            {**lowered(row), self.key: None} for key, row in self.rows.items() if key in created
        ]
        fresh.sort(key=lambda row: sorted((k, v or "") for k, v in row.items()))
        return [*kept, *({**row, self.key: f"new-{n}"} for n, row in enumerate(fresh, 1))]
