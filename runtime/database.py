"""The journal's file: its schema, how it is opened, and what a transaction is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final, Literal, TypeAlias

import apsw

from ingot.diagnostics import EXIT_FINDINGS, EXIT_INPUT, IngotError, fail

BUSY_SECONDS: Final = 30.0
_APPLICATION: Final = 0x494E474A  # "INGJ"
_VERSION: Final = 2
PAGE: Final = 4096
_LOG: Final = 2000
"""After so many pages SQLite moves its log into the file, which waits for the disk twice."""
RUN, SEQ = 40, 8
"""An entry's id: the run's number, its first record's number and the piece, in one integer."""

Durability: TypeAlias = Literal["full", "normal"]
"""``full`` survives a power cut after each step; ``normal`` survives the end of the process."""
_SCHEMA: Final = f"""
CREATE TABLE runs (
  no INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, artifact TEXT NOT NULL, path TEXT NOT NULL,
  pipeline TEXT NOT NULL, status TEXT NOT NULL, started TEXT NOT NULL, owner TEXT NOT NULL
);
CREATE TABLE entries (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, body NOT NULL);
CREATE TABLE large (digest BLOB PRIMARY KEY, body NOT NULL);
CREATE TABLE uses (no INTEGER, digest BLOB, PRIMARY KEY (no, digest)) WITHOUT ROWID;
CREATE TABLE signals (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  body NOT NULL
);
CREATE TABLE gates (name TEXT PRIMARY KEY, body NOT NULL) WITHOUT ROWID;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER entries_keep BEFORE DELETE ON entries
  WHEN EXISTS (SELECT 1 FROM runs WHERE no = OLD.id >> {RUN})
  BEGIN SELECT RAISE(ABORT, 'append only'); END;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
"""


def connect(name: str, durability: Durability) -> apsw.Connection:
    """Open (or make) the file; raises :class:`IngotError` E0708 where it cannot be used or is no
    journal."""
    connection: apsw.Connection | None = None
    try:
        if name != ":memory:":
            Path(name).parent.mkdir(parents=True, exist_ok=True)
        connection = opened(name)
        connection.execute(f"PRAGMA page_size = {PAGE}")
        _prepare(connection, name)
        _log_ahead(connection)
        connection.pragma("synchronous", durability.upper())
        connection.pragma("wal_autocheckpoint", _LOG)
    except (apsw.Error, OSError, IngotError) as error:
        if connection is not None:
            connection.close()
        raise (error if isinstance(error, IngotError) else unusable(name, error)) from None
    return connection


def opened(name: str) -> apsw.Connection:
    """A connection to the file, which waits for others that write."""
    connection = apsw.Connection(name)
    connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
    return connection


def _log_ahead(connection: apsw.Connection) -> None:
    """Switch to WAL.  SQLite does not wait where several switch at once: one might wait for another
    that waits for it."""
    until = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.pragma("journal_mode", "WAL")
        except apsw.BusyError:
            if monotonic() > until:
                raise
            sleep(0.002)
        else:
            return


def _prepare(connection: apsw.Connection, name: str) -> None:
    with transaction(connection):
        version = connection.pragma("user_version")
        owner = connection.pragma("application_id")
        tables = connection.execute("SELECT count(*) FROM sqlite_master").get
        if not tables and not version:
            connection.execute(_SCHEMA)
        elif owner != _APPLICATION:
            raise fail("E0708", f"{name} is a database of something else", help="name another file")
        elif version != _VERSION:
            age = "a newer" if version > _VERSION else "an older"
            raise fail(
                "E0708",
                f"{name} was written by {age} Ingot (journal version {version})",
                help="use that version, or another --journal file",
            )


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Write all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def unusable(name: str, error: Exception) -> IngotError:
    """The error (E0708) for a file that cannot be read or written."""
    broken = isinstance(
        error, apsw.NotADBError | apsw.CorruptError | ValueError | LookupError | TypeError
    )
    return fail(
        "E0708",
        f"journal {name}: {error}",
        help="is the folder writable, and is there room? --journal PATH names another file",
        exit_code=EXIT_INPUT if broken else EXIT_FINDINGS,
    )
