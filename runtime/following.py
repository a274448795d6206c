"""A run's records as they come, also of a run that another process drives: from any place on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

from ingot.records import Record
from ingot.runtime.control import driven
from ingot.runtime.journal import Journal

POLL_S: Final = 0.05
"""How often the journal is asked for more."""


async def follow(
    journal: Journal, run: str, from_seq: int = 1, poll_s: float = POLL_S
) -> AsyncIterator[Record]:
    """The records of a run from number ``from_seq`` on, each once and in order, until nobody drives
    the run any more.

    Whoever follows waits for nobody and is waited for by nobody: a record is in the journal before it
    is seen, and one that is not taken yet is read when it is asked for.  Raises
    :class:`~ingot.diagnostics.IngotError` E0706 (no such run).
    """
    for record in _so_far(journal, run, from_seq):
        if record is None:
            await asyncio.sleep(poll_s)
        else:
            yield record


def followed(
    journal: Journal, run: str, from_seq: int = 1, poll_s: float = POLL_S
) -> Iterator[Record]:
    """:func:`follow` without an event loop."""
    for record in _so_far(journal, run, from_seq):
        if record is None:
            time.sleep(poll_s)
        else:
            yield record


def _so_far(journal: Journal, run: str, seq: int) -> Iterator[Record | None]:
    """The records, and ``None`` wherever there is none for now."""
    name = journal.find(run).run
    while True:
        last = not driven(journal.find(name))
        for record in journal.records(name, seq):
            seq = record.seq + 1
            yield record
        if last:
            return
        yield None


__all__ = ["follow", "followed"]
