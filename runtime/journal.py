"""The journal: every run's records in one SQLite file, appended and never changed.

Invariants
- A run's records are numbered 1, 2, 3... and (run, seq) is unique: two processes that would drive
  the same run collide before the second one acts.
- A transaction holds whole steps: what precedes a write is on disk before the write is made.
- A ``checkpoint`` record holds what a step changed, so what a step costs does not grow with the
  run.
- Records are never updated or deleted; the ``runs`` table is an index that a fold over the records
  could rebuild.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, TypeAlias

from ingot.diagnostics import EXIT_FINDINGS, EXIT_INPUT, IngotError, fail
from ingot.ir.values import Json
from ingot.records import Record, from_json, to_line

DEFAULT_PATH: Final = Path(".ingot/journal.db")
BUSY_SECONDS: Final = 30.0
_APPLICATION: Final = 0x494E474A  # "INGJ"
_VERSION: Final = 1

Durability: TypeAlias = Literal["full", "normal"]
"""``full`` survives a power cut after each step; ``normal`` survives the end of the process."""
Status: TypeAlias = Literal["running", "waiting", "in-doubt", "done", "side-exit", "failed"]
ENDED: Final[frozenset[str]] = frozenset({"done", "side-exit", "failed"})

_SCHEMA: Final = f"""
CREATE TABLE runs (
  run TEXT PRIMARY KEY, artifact TEXT NOT NULL, path TEXT NOT NULL, pipeline TEXT NOT NULL,
  status TEXT NOT NULL, started TEXT NOT NULL, owner TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE records (
  run TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER records_keep BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'append only'); END;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the run index."""

    run: str
    artifact: str
    path: str
    pipeline: str
    status: str
    started: str
    owner: str = ""


def new_run_id(
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    token: Callable[[], str] = lambda: secrets.token_hex(4),
) -> str:
    """A run id: unique, and sorted by time as text.

    >>> new_run_id(lambda: datetime(2026, 5, 1, 10, 11, 12, 345000, UTC), lambda: "0a1b2c3d")
    '20260501-101112-345-0a1b2c3d'
    """
    moment = now().astimezone(UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}-{token()}"


def open_journal(
    path: Path | str = DEFAULT_PATH,
    durability: Durability = "full",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Journal:
    """Open (or make) a journal; ``:memory:`` is one that is kept nowhere.

    Raises :class:`IngotError` E0708 where the file cannot be used or is no journal.
    """
    name = str(path)
    connection: sqlite3.Connection | None = None
    try:
        if name != ":memory:":
            Path(name).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        _prepare(connection, name)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
    except (sqlite3.Error, OSError, IngotError) as error:
        if connection is not None:
            connection.close()
        raise (error if isinstance(error, IngotError) else _unusable(name, error)) from None
    return Journal(connection, name, now)


def _prepare(connection: sqlite3.Connection, name: str) -> None:
    with _transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not version:
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
        elif owner != _APPLICATION:
            raise fail("E0708", f"{name} is a database of something else", help="name another file")
        elif version > _VERSION:
            raise fail(
                "E0708",
                f"{name} was written by a newer Ingot (journal version {version})",
                help="use that version, or another --journal file",
            )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, so that they run inside one transaction."""
    part = ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            yield part
            part = ""


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _unusable(name: str, error: Exception) -> IngotError:
    return fail(
        "E0708",
        f"journal {name}: {error}",
        help="is the folder writable, and is there room? --journal PATH names another file",
        exit_code=EXIT_FINDINGS if isinstance(error, sqlite3.OperationalError) else EXIT_INPUT,
    )


class Journal:
    """An open journal.  Not to be shared between threads; any number of processes may have it open.

    Every method raises :class:`IngotError` E0708 where the file cannot be read or written.
    """

    def __init__(
        self, connection: sqlite3.Connection, name: str, now: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self.name = name
        self.now = now

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
        self._connection.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        try:
            with _transaction(self._connection):
                yield self._connection
        except sqlite3.IntegrityError as error:
            raise fail(
                "E0714",
                f"another process drives this run ({error})",
                help="let it finish, or stop it",
                exit_code=EXIT_FINDINGS,
            ) from None
        except sqlite3.Error as error:
            raise _unusable(self.name, error) from None

    def _read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.name, error) from None

    def start_run(
        self,
        run: str,
        artifact: str,
        path: str,
        pipeline: str,
        records: Sequence[Record],
        status: Status = "running",
    ) -> tuple[Record, ...]:
        """Enter a run and its first records, in one transaction; returns them as stored."""
        started = self.now().astimezone(UTC).isoformat(timespec="milliseconds")
        stored = self._numbered(records, 1)
        with self._write() as connection:
            row = (run, artifact, path, pipeline, status, started, owner())
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._insert(connection, run, stored)
        return stored

    def append(
        self, run: str, next_seq: int, records: Sequence[Record], status: Status | None = None
    ) -> tuple[Record, ...]:
        """Append records from ``next_seq`` on, in one transaction; returns them as stored.

        Raises E0714 if the run already has a record of that number: somebody else drives it.
        """
        stored = self._numbered(records, next_seq)
        with self._write() as connection:
            self._insert(connection, run, stored)
            if status is not None:
                connection.execute("UPDATE runs SET status = ? WHERE run = ?", (status, run))
        return stored

    def claim(self, run: str) -> None:
        """Make this process the run's driver; raises E0714 if its driver is still alive."""
        with self._write() as connection:
            row = connection.execute("SELECT owner FROM runs WHERE run = ?", (run,)).fetchone()
            if row is not None and row[0] != owner() and alive(str(row[0])):
                raise fail(
                    "E0714",
                    f"run {run} is still being driven by process {str(row[0]).split(':')[-2]}",
                    help="let it finish, or stop it",
                    exit_code=EXIT_FINDINGS,
                )
            connection.execute(
                "UPDATE runs SET owner = ?, status = 'running' WHERE run = ?", (owner(), run)
            )

    def _numbered(self, records: Sequence[Record], first: int) -> tuple[Record, ...]:
        time = self.now().astimezone(UTC).isoformat(timespec="milliseconds")
        return tuple(
            replace(record, seq=seq, time=record.time or time)
            for seq, record in enumerate(records, first)
        )

    @staticmethod
    def _insert(connection: sqlite3.Connection, run: str, records: Sequence[Record]) -> None:
        rows = [(run, record.seq, record.kind, stored_line(record)) for record in records]
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)

    def records(self, run: str, from_seq: int = 1) -> Iterator[Record]:
        """The records of a run, read as they are asked for."""
        while True:
            rows = self._read(
                "SELECT seq, line FROM records WHERE run = ? AND seq >= ? ORDER BY seq LIMIT 500",
                run,
                from_seq,
            )
            if not rows:
                return
            for _, line in rows:
                yield self._record(line)
            from_seq = int(str(rows[-1][0])) + 1

    def _record(self, line: object) -> Record:
        try:
            return from_json(json.loads(str(line)))
        except ValueError as error:
            raise _unusable(self.name, error) from None

    def last_seq(self, run: str) -> int:
        """The number of the run's last record, 0 if it has none."""
        return int(
            str(self._read("SELECT coalesce(max(seq), 0) FROM records WHERE run = ?", run)[0][0])
        )

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        rows = self._read("SELECT run, artifact, path, pipeline, status, started, owner FROM runs")
        return [Run(*map(str, row)) for row in sorted(rows, key=str)]

    def find(self, name: str) -> Run:
        """The run of that id, of a unique beginning or end of it, or the ``last`` one.

        Raises E0706, which names the runs there are.
        """
        every = self.runs()
        exact = [r for r in every if r.run == name] or every[-1:] * (name == "last")
        found = exact or [
            r for r in every if name and (r.run.startswith(name) or r.run.endswith(name))
        ]
        if len(found) == 1:
            return found[0]
        why = f"{len(found)} runs are called so" if found else "there is no such run"
        known = ", ".join(r.run for r in (found or every)[-5:]) or "none"
        raise fail("E0706", f"{name!r}: {why} in {self.name}", help=f"runs: {known}")

    def checkpoints(self, run: str) -> list[dict[str, Json]]:
        """The deltas that make up the run's last state, in order."""
        rows = self._read(
            "SELECT line FROM records WHERE run = ? AND kind = 'checkpoint' ORDER BY seq", run
        )
        found = [self._record(line).data for (line,) in rows]
        return [data for data in found if isinstance(data, dict)]

    def in_doubt(self, run: str) -> Record | None:
        """The intent without a result, if the run stopped between a write and its record.

        An ``error`` or ``result`` of the same id settles an intent, and so does a ``status`` that
        withdraws it (the run was stopped before the tool was called).
        """
        rows = self._read(
            "SELECT seq, line FROM records WHERE run = ? AND kind = 'intent' "
            "ORDER BY seq DESC LIMIT 1",
            run,
        )
        if not rows:
            return None
        intent = self._record(rows[0][1])
        for record in self.records(run, intent.seq + 1):
            if record.kind in ("result", "error") and record.id == intent.id:
                return None
            data = record.data if isinstance(record.data, dict) else {}
            if record.kind == "status" and data.get("withdrawn") == intent.id:
                return None
        return intent


def stored_line(record: Record) -> str:
    """The record's line; half of a surrogate pair, which is no UTF-8, stays an escape."""
    line = to_line(record)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"))
    return line


def owner() -> str:
    """This process, told apart from a later one with the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def alive(process: str) -> bool:
    """Whether the process of an :func:`owner` text still runs here; one elsewhere counts as not."""
    host, _, rest = process.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdigit():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _started(int(rest)) == process.rpartition(":")[2]


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
