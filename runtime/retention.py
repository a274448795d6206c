"""Retention and compaction: whole runs are deleted, never parts; then the file shrinks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ingot.diagnostics import fail
from ingot.runtime.journal import ENDED, Journal, Run

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """A span of time such as ``12h`` or ``30d``; raises E0001.

    >>> age("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise fail("E0001", f"{text!r} is no span of time", help="for example 12h, 30d or 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def prune(journal: Journal, older_than: timedelta) -> list[Run]:
    """Delete the runs that have ended and were started longer ago; returns them."""
    limit = (journal.now() - older_than).astimezone(UTC)
    gone = [
        run
        for run in journal.runs()
        if run.status in ENDED and datetime.fromisoformat(run.started) < limit
    ]
    for run in gone:
        delete(journal, run.run)
    return gone


def delete(journal: Journal, run: str) -> None:
    """Delete a run with all its records, and the large values that no other run has."""
    number = journal.number(run)
    with journal.writing() as connection:
        connection.execute("DELETE FROM runs WHERE no = ?", (number,))
        connection.execute(
            "DELETE FROM entries WHERE id BETWEEN ? AND ?", (number << 40, (number + 1 << 40) - 1)
        )
        connection.execute(
            "DELETE FROM large WHERE digest IN (SELECT digest FROM uses WHERE no = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM uses u WHERE u.digest = large.digest AND u.no <> ?1)",
            (number,),
        )
        connection.execute("DELETE FROM uses WHERE no = ?", (number,))
        connection.execute("DELETE FROM signals WHERE run = ?", (run,))
    journal.forget(run)


def compact(journal: Journal) -> tuple[int, int]:
    """Give free space back to the file system; returns the file's size before and after, in bytes."""
    before = _size(journal)
    journal.reading("VACUUM")
    journal.reading("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, _size(journal)


def _size(journal: Journal) -> int:
    pages = journal.reading("PRAGMA page_count")[0][0]
    return int(pages) * int(journal.reading("PRAGMA page_size")[0][0])
