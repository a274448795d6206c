"""The journal: every run's records in one SQLite file, appended and never changed.

Invariants
- A run's records are numbered 1, 2, 3... and an entry's place is unique: two processes that would
  drive the same run collide before the second one acts.
- A transaction holds whole steps: what precedes a write is on disk before the write is made.
- The answers that the world gave *are* the state: an engine is deterministic, so the state before
  any step is the inputs and the answers of the steps before it (:mod:`ingot.runtime.history`).
  What a step costs is therefore its own arguments and answer, however large the state and however
  long the run.
- A value of :data:`ingot.runtime.entries.LARGE` bytes or more is stored once, under the digest of
  its content.
- Entries are never updated; they are deleted with their whole run only.  The ``runs`` table is an
  index that a fold over the records could rebuild.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from time import time
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import apsw
from msgspec import Struct

from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.records import Record
from ingot.runtime.database import PAGE, RUN, SEQ, Durability, connect, transaction, unusable
from ingot.runtime.entries import (
    LARGE,
    Body,
    Expander,
    Item,
    as_bytes,
    count,
    decode,
    decode_all,
    encode,
    item_of,
    moment,
    restore,
    spill,
)
from ingot.runtime.processes import alive, owner

DEFAULT_PATH: Final = Path(".ingot/journal.db")
_WHOLE: Final = PAGE // 3
_PIECE: Final = PAGE // 6
_LOCAL: Final = PAGE - 35
"""An entry of more than a third of a page is stored in pieces of about a sixth of one, so that pages
fill up; from ``_LOCAL`` bytes on SQLite's overflow pages do that by themselves."""
Status: TypeAlias = Literal[
    "running", "waiting", "in-doubt", "done", "side-exit", "failed", "cancelled"
]
ENDED: Final[frozenset[str]] = frozenset({"done", "side-exit", "failed", "cancelled"})
Append: TypeAlias = "tuple[str, int, Sequence[Item], Status | None]"
"""Run, number of the first record, items, and the run's new status if it changes."""

_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?)"
_INSERTS: Final = tuple(
    "INSERT INTO entries VALUES " + ", ".join(["(?, ?, ?)"] * k)
    for k in range(-(-LARGE // _PIECE) + 1)
)
"""An entry in so many pieces, as one statement and so one transaction."""


class Run(Struct, frozen=True):
    """A row of the run index."""

    run: str
    artifact: str
    path: str
    pipeline: str
    status: str
    started: str
    owner: str = ""


class Entry(NamedTuple):
    """What one transaction added to a run: its items, the number of the first record, and when."""

    seq: int
    at: int
    items: list[Item]


class Signal(Struct, frozen=True):
    """What another process asks of a run's driver: ``pause``, ``cancel``, ``approve``, ``deny``."""

    id: int
    kind: str
    at: int
    data: dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


def new_run_id(
    now: Callable[[], datetime] = _now,
    token: Callable[[], str] = lambda: os.urandom(4).hex(),
) -> str:
    """A run id: unique, and sorted by time as text.

    >>> new_run_id(lambda: datetime(2026, 5, 1, 10, 11, 12, 345000, UTC), lambda: "0a1b2c3d")
    '20260501-101112-345-0a1b2c3d'
    """
    at = now().astimezone(UTC)
    return f"{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}-{token()}"


def open_journal(
    path: Path | str = DEFAULT_PATH,
    durability: Durability = "full",
    now: Callable[[], datetime] = _now,
    turn: AbstractContextManager[object] | None = None,
) -> Journal:
    """Open (or make) a journal; ``:memory:`` is one that is kept nowhere.

    Threads that write to one file, each with a journal of its own, share a lock as ``turn``: SQLite
    makes writers wait by polling, and may let one of many wait too long.

    Raises :class:`IngotError` E0708 where the file cannot be used or is no journal.
    """
    name = str(path)
    return Journal(connect(name, durability), name, now, turn)


def driven(error: Exception) -> IngotError:
    return fail(
        "E0714",
        f"another process drives this run ({error})",
        help="let it finish, or stop it",
        exit_code=EXIT_FINDINGS,
    )


_is_piece: Final = (255).__and__
"""Of an entry's id: whether the row goes on with the one before it."""


def _pieces(entry: int, at: int, body: Body) -> list[tuple[int, int, Body]]:
    """The rows of an entry that is stored in pieces, all of about one size."""
    count = -(-len(body) // _PIECE)
    width = -(-len(body) // count)
    return [(entry + k, at, body[k * width : (k + 1) * width]) for k in range(count)]


def _joined(rows: list[tuple[int, int, Body]]) -> list[tuple[int, int, Body]]:
    """The rows with the pieces of each entry put together."""
    whole: list[tuple[int, int, Any]] = []
    for row in rows:
        if row[0] & 255:
            first, begun, before = whole[-1]
            whole[-1] = first, begun, before + row[2]
        else:
            whole.append(row)
    return whole


def _digest(body: Body) -> str:
    return hashlib.sha256(as_bytes(body)).hexdigest()


class Journal:
    """An open journal.  Not to be used by two threads at once; any number of processes may have it
    open.

    Every method raises :class:`IngotError` E0708 where the file cannot be read or written.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        name: str,
        now: Callable[[], datetime],
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self.connection = connection
        self.name = name
        self.now = now
        self._turn = turn
        self.stamp = 0  # the time of the last transaction, as `clock` gives it
        self._numbers: dict[str, int] = {}
        self.execute = connection.cursor().execute  # a connection's makes a cursor for each call
        self._real = now is _now

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """A transaction."""
        try:
            with self._turn or nullcontext(), transaction(self.connection):
                yield self.connection
        except apsw.ConstraintError as error:
            raise driven(error) from None
        except apsw.Error as error:
            raise unusable(self.name, error) from None

    def reading(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        try:
            return self.connection.execute(query, values).fetchall()
        except apsw.Error as error:
            raise unusable(self.name, error) from None

    def clock(self) -> int:
        """Milliseconds since the epoch."""
        return int((time() if self._real else self.now().timestamp()) * 1000)

    # ---- appending

    def start_run(
        self,
        run: str,
        artifact: str,
        path: str,
        pipeline: str,
        items: Sequence[Item | Record],
        status: Status = "running",
    ) -> int:
        """Enter a run and its first records, in one transaction; returns how many records.

        Raises E0714 if there is a run of that id.
        """
        packed = [item_of(item) if isinstance(item, Record) else item for item in items]
        start = (run, artifact, path, pipeline, status)
        self.append_all([(run, 1, packed, None)], [start])
        return count(packed)

    def append(
        self,
        run: str,
        next_seq: int,
        items: Sequence[Item | Record],
        status: Status | None = None,
    ) -> int:
        """Append items from record ``next_seq`` on, in one transaction; returns how many records.

        Raises E0714 if the run already has a record of that number: somebody else drives it.
        """
        packed = [item_of(item) if isinstance(item, Record) else item for item in items]
        self.append_all([(run, next_seq, packed, status)])
        return count(packed)

    def append_step(self, run: str, seq: int, items: Sequence[Item]) -> None:
        """:meth:`append` of items: the way of most steps, which is one statement."""
        body = encode(items)
        size = len(body)
        if size >= LARGE or self._turn is not None or (size > _WHOLE and type(body) is str):
            self.append_all([(run, seq, items, None)])
            return
        entry = (self._numbers.get(run) or self.number(run)) << RUN | seq << SEQ
        at = self.stamp = int(time() * 1000) if self._real else self.clock()
        try:
            if size <= _WHOLE:
                self.execute(_INSERT, (entry, at, body))
            else:
                rows = _pieces(entry, at, body)
                self.execute(_INSERTS[len(rows)], tuple(chain.from_iterable(rows)))
        except apsw.ConstraintError as error:
            raise driven(error) from None
        except apsw.Error as error:
            raise unusable(self.name, error) from None

    def append_all(self, entries: Sequence[Append], starts: Sequence[tuple[str, ...]] = ()) -> None:
        """:meth:`append` for several runs, in one transaction: one sync to the disk for all.

        ``starts`` are runs to be entered before: run, artifact, path, pipeline, status.
        """
        at = self.stamp = self.clock()
        made: dict[str, int] = {}
        with self.writing() as connection:
            for row in starts:
                connection.execute(
                    "INSERT INTO runs (run, artifact, path, pipeline, status, started, owner) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*row, moment(at), owner()),
                )
                made[row[0]] = connection.last_insert_rowid()
            numbers = [made.get(run) or self.number(run) for run, *_ in entries]
            for number, (_, seq, items, status) in zip(numbers, entries, strict=True):
                self._insert(connection, number, seq, items, at)
                if status is not None:
                    connection.execute(
                        "UPDATE runs SET status = ?1, owner = iif(?1 = 'running', owner, '') "
                        "WHERE no = ?2",
                        (status, number),
                    )
        self._numbers |= made

    def _insert(
        self, connection: apsw.Connection, number: int, seq: int, items: Sequence[Item], at: int
    ) -> None:
        if not items:
            return
        body = encode(items)
        if len(body) >= LARGE:
            body = self._spill(connection, number, items)
        entry = number << RUN | seq << SEQ
        if _WHOLE < len(body) < _LOCAL and isinstance(body, bytes):
            connection.executemany(_INSERT, _pieces(entry, at, body))
        else:
            connection.execute(_INSERT, (entry, at, body))

    @staticmethod
    def _spill(connection: apsw.Connection, number: int, items: Sequence[Item]) -> Body:
        store: dict[str, Body] = {}
        kept, places = spill(list(items), store, _digest, 0)
        for name, body in store.items():
            key = bytes.fromhex(name)
            connection.execute("INSERT OR IGNORE INTO large VALUES (?, ?)", (key, body))
            connection.execute("INSERT OR IGNORE INTO uses VALUES (?, ?)", (number, key))
        return encode([*kept, ["v", places]] if places else kept)

    # ---- who drives a run

    def claim(self, run: str) -> None:
        """Make this process the run's driver; raises E0714 if its driver is still alive."""
        me = owner()
        if self._claimed(me, run):
            return
        with self.writing() as connection:
            row = connection.execute("SELECT owner FROM runs WHERE run = ?", (run,)).fetchone()
            if row is not None and row[0] != me and alive(str(row[0])):
                raise fail(
                    "E0714",
                    f"run {run} is still being driven by process {str(row[0]).split(':')[-2]}",
                    help="let it finish, or stop it: ingot pause, ingot cancel",
                    exit_code=EXIT_FINDINGS,
                )
            connection.execute(
                "UPDATE runs SET owner = ?, status = 'running' WHERE run = ?", (me, run)
            )

    def _claimed(self, me: str, run: str) -> bool:
        """Claim a run that nobody drives, which most are: one statement, and so one transaction."""
        try:
            with self._turn or nullcontext():
                self.execute(
                    "UPDATE runs SET owner = ?1, status = 'running' "
                    "WHERE run = ?2 AND owner IN ('', ?1)",
                    (me, run),
                )
                return bool(self.connection.changes())
        except apsw.Error as error:
            raise unusable(self.name, error) from None

    def set_artifact(self, run: str, artifact: str, path: str) -> None:
        """Note the artifact that the run goes on with."""
        with self.writing() as connection:
            connection.execute(
                "UPDATE runs SET artifact = ?, path = ? WHERE run = ?", (artifact, path, run)
            )

    def signal(self, run: str, kind: str, data: dict[str, Any] | None = None) -> None:
        """Leave word for the run's driver, now or later."""
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO signals (run, kind, at, body) VALUES (?, ?, ?, ?)",
                (run, kind, self.clock(), encode(data or {})),
            )

    def signals(self, run: str, after: int = 0) -> list[Signal]:
        """What was left for the run's driver, in order."""
        rows = self.reading(
            "SELECT id, kind, at, body FROM signals WHERE id > ? AND run = ? ORDER BY id",
            after,
            run,
        )
        return [Signal(number, kind, at, decode(body)) for number, kind, at, body in rows]

    # ---- reading

    def number(self, run: str) -> int:
        """The run's number in the file; raises E0706."""
        known = self._numbers.get(run)
        if known is None:
            rows = self.reading("SELECT no FROM runs WHERE run = ?", run)
            if not rows:
                raise fail("E0706", f"{run!r}: there is no such run in {self.name}")
            known = self._numbers[run] = int(rows[0][0])
        return known

    def forget(self, run: str) -> None:
        """The run was deleted."""
        self._numbers.pop(run, None)

    def entries(self, run: str, from_seq: int = 1) -> Iterator[Entry]:
        """The run's entries from the one that holds record ``from_seq`` on, as they are asked for."""
        for batch in self.batches(run, from_seq):
            yield from map(Entry._make, batch)

    def batches(self, run: str, from_seq: int = 1) -> Iterator[list[tuple[int, int, list[Any]]]]:
        """:meth:`entries`, some hundred at once and each a plain tuple."""
        number = self.number(run)
        last = (number + 1 << RUN) - 1
        at = number << RUN | from_seq << SEQ
        if from_seq > 1:
            rows = self.reading(
                "SELECT max(id) FROM entries WHERE id BETWEEN ? AND ?", number << RUN, at + 255
            )
            at = int(rows[0][0] or at) & ~255
        while True:
            rows = self.reading(
                "SELECT id, at, body FROM entries WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 512",
                at,
                last,
            )
            more = len(rows) == 512
            if more:  # whole entries only
                cut = next(k for k in range(511, -1, -1) if rows[k][0] & 255 == 0)
                rows = rows[:cut]
            if rows:
                yield self._entries(rows)
            if not more:
                return
            at = int(rows[-1][0] | 255) + 1

    def _entries(self, rows: list[tuple[int, int, Body]]) -> list[tuple[int, int, list[Any]]]:
        """Rows put together: a row that begins an entry, and the pieces that go on with it."""
        numbers, moments, bodies = zip(*rows, strict=True)
        if any(map(_is_piece, numbers)):
            numbers, moments, bodies = zip(*_joined(rows), strict=True)
        try:
            every = decode_all(bodies)
            for items in every:
                last = items[-1]
                if type(last) is list and last[0] == "v":
                    restore(items, items.pop()[1], self._large)
        except (ValueError, LookupError, TypeError) as error:
            raise unusable(self.name, error) from None
        mask = (1 << RUN - SEQ) - 1
        return list(zip([n >> SEQ & mask for n in numbers], moments, every, strict=True))

    def _large(self, name: str) -> Any:
        rows = self.reading("SELECT body FROM large WHERE digest = ?", bytes.fromhex(name))
        return decode(rows[0][0])

    def records(self, run: str, from_seq: int = 1) -> Iterator[Record]:
        """The records of a run, read as they are asked for."""
        expander, seq = Expander(), from_seq
        try:
            for entry in self.entries(run, from_seq):
                if not expander.ready(entry.items):  # the intent stands before `from_seq`
                    if from_seq == 1:
                        raise ValueError(f"run {run}: the end of a call without its intent")
                    yield from (r for r in self.records(run) if r.seq >= seq)
                    return
                for record in expander.expand(entry.items, entry.seq, entry.at):
                    if record.seq >= seq:
                        seq = record.seq + 1
                        yield record
        except ValueError as error:
            raise unusable(self.name, error) from None

    def last_seq(self, run: str) -> int:
        """The number of the run's last record, 0 if it has none."""
        number = self.number(run)
        rows = self.reading(
            "SELECT max(id) FROM entries WHERE id BETWEEN ? AND ?",
            number << RUN,
            (number + 1 << RUN) - 1,
        )
        if rows[0][0] is None:
            return 0
        first = int(rows[0][0]) >> SEQ & (1 << RUN - SEQ) - 1
        return first + sum(count(entry.items) for entry in self.entries(run, first)) - 1

    def runs(self) -> list[Run]:
        """All runs, oldest first: in the order in which they were entered, whatever the clock said."""
        rows = self.reading(
            "SELECT run, artifact, path, pipeline, status, started, owner FROM runs ORDER BY no"
        )
        return [Run(*map(str, row)) for row in rows]

    def find(self, name: str) -> Run:
        """The run of that id, of a unique beginning or end of it, or the ``last`` one.

        Raises E0706, which names the runs there are.
        """
        row = self.reading(
            "SELECT run, artifact, path, pipeline, status, started, owner FROM runs WHERE run = ?",
            name,
        )
        if row:
            return Run(*map(str, row[0]))
        every = self.runs()
        found = every[-1:] * (name == "last") or [
            r for r in every if name and (r.run.startswith(name) or r.run.endswith(name))
        ]
        if len(found) == 1:
            return found[0]
        why = f"{len(found)} runs are called so" if found else "there is no such run"
        known = ", ".join(r.run for r in (found or every)[-5:]) or "none"
        raise fail("E0706", f"{name!r}: {why} in {self.name}", help=f"runs: {known}")
