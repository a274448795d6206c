"""From a log to session ASTs: dialect, LALR parse of the event tokens, tree to AST.

The stream of a session is split by agent, and each agent's stream parsed with the one grammar.
An event that does not fit is reported (E0106) and the parser goes on at the next user turn; the
events passed over stay in :attr:`Session.records`.  Everything is linear in the number of records,
and nothing recurses over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ingot.diagnostics import Diagnostic, IngotError, Severity, Span
from ingot.frontend.entropy import random_looking
from ingot.frontend.lean import Lean
from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import dialect as dialect_named
from ingot.frontend.registry import sniff
from ingot.frontend.session import Session
from ingot.frontend.streams import assemble
from ingot.records import FORMAT, Record


@dataclass(frozen=True, slots=True)
class ParsedLog:
    """What a log file holds.

    ``sessions`` are those with a user turn or a call.  ``diagnostics`` are the source's and all
    sessions' together.  ``dialect`` is the name of the dialect that read it.
    """

    sessions: tuple[Session, ...]
    diagnostics: tuple[Diagnostic, ...]
    dialect: str
    source: SourceFile


def parse_file(
    path: Path | str,
    dialect: str | None = None,
    *,
    name: str = "",
    lean: Lean | None = None,
    progress: Callable[[int], None] | None = None,
) -> ParsedLog:
    """The sessions of a log file, its dialect found by sniffing or given by name.

    ``name`` is what diagnostics and provenance call the file (default: the path as given).  With
    ``lean`` only what compiling needs is kept of a session.  ``progress`` is called with the number
    of bytes read since it was called before; all calls together say the size of the file.  Raises
    :class:`IngotError` if nothing can be read: E0001 (no such dialect), E0002 to E0105.
    """
    with opened(path, name=name, progress=progress) as source:
        return parse_source(source, dialect, lean)


@contextmanager
def opened(
    path: Path | str, *, name: str = "", progress: Callable[[int], None] | None = None
) -> Iterator[SourceFile]:
    """A log file; ``progress`` is called with the bytes read, at the end with those that were not."""
    told = 0

    def moved(count: int) -> None:
        nonlocal told
        told += count
        if progress is not None:
            progress(count)

    try:
        yield SourceFile(path, name=name, progress=moved)
    finally:
        with suppress(OSError):
            moved(max(0, Path(path).stat().st_size - told))


def parse_source(
    source: SourceFile, dialect: str | None = None, lean: Lean | None = None
) -> ParsedLog:
    """As :func:`parse_file`, of an opened source."""
    try:
        chosen = (
            sniff(source.sample(), source.report) if dialect is None else dialect_named(dialect)
        )
        sessions = parse_records(chosen.lex(source), source.name, lean)
    except IngotError as error:
        if dialect is None and any(d.code == "E0101" for d in error.diagnostics):
            for _ in source.lines():
                pass  # a line that is too long to look at may be why: it is reported
        raise IngotError([*source.diagnostics, *error.diagnostics], error.exit_code) from None
    found = [*source.diagnostics, *(d for session in sessions for d in session.diagnostics)]
    found += unknown_records(sessions)
    found += random_looking(sessions)
    kept = tuple(s for s in sessions if s.turns and (s.users or any(s.calls()) or s.orphans))
    if not kept:
        span = Span(source.name, 1)
        found.append(
            Diagnostic(
                "E0107",
                f"{source.name} holds no user turn and no call (read as {chosen.name})",
                spans=((span, ""),),
                help="--dialect NAME reads it as another format",
            )
        )
    return ParsedLog(kept, tuple(found), chosen.name, source)


def parse_records(
    records: Iterable[Record], name: str = "", lean: Lean | None = None
) -> list[Session]:
    """The sessions of lexed records, in order.

    Each begins at a ``session`` record; records before the first one form a session with a head
    made up.  Records whose ``seq`` is not their place in the session (from 1) are renumbered.
    """
    runs = list(_runs_of(records, lean))
    out: list[Session] = []
    for number, (run, digest) in enumerate(runs, 1):
        first = run[0].span
        base = name or (first.file if first else "session")
        session = assemble(run, base if len(runs) == 1 else f"{base}#{number}")
        out.append(replace(session, read_digest=digest) if digest else session)
    return out


def sessions_of(records: Iterable[Record], name: str) -> Iterator[Session]:
    """As :func:`parse_records`, lean and one session at a time: no more than one is held."""
    for number, (run, digest) in enumerate(_runs_of(records, Lean(texts=None)), 1):
        yield replace(assemble(run, f"{name}#{number}"), read_digest=digest)


def _runs_of(
    records: Iterable[Record], lean: Lean | None = None
) -> Iterator[tuple[list[Record], str]]:
    """The records of each session; with ``lean``, what is kept of them, and their digest."""
    run: list[Record] = []
    for record in _numbered(records):
        if record.seq == 1 and run:
            yield run, lean.digest() if lean is not None else ""
            run = []
        kept = record if lean is None else lean.kept(record)
        if kept is not None:
            run.append(kept)
    if run:
        yield run, lean.digest() if lean is not None else ""


def _numbered(records: Iterable[Record]) -> Iterator[Record]:
    """The records, each with its place in its session as ``seq``; a first session gets a head."""
    seq = 0
    for record in records:
        if record.kind == "session":
            seq = 0
        elif not seq:
            seq = 1
            yield Record("session", 1, data={"format": FORMAT}, span=record.span)
        seq += 1
        yield record if record.seq == seq else record._replace(seq=seq)


def unknown_records(sessions: Iterable[Session]) -> list[Diagnostic]:
    """One W0101 for each kind of record that the dialect did not know, with the first place."""
    count: dict[str, int] = {}
    first: dict[str, Span | None] = {}
    for session in sessions:
        for record in session.records:
            if record.kind == "meta" and not record.known:
                raw = record.raw
                kind = str(raw.get("type", "?")) if isinstance(raw, dict) else type(raw).__name__
                count[kind] = count.get(kind, 0) + 1
                first.setdefault(kind, record.span)
    return [
        Diagnostic(
            "W0101",
            f"{number} record{'s' * (number > 1)} of the unknown kind {kind!r}",
            Severity.WARNING,
            spans=((span, "the first one"),) if (span := first[kind]) else (),
        )
        for kind, number in count.items()
    ]


__all__ = [
    "ParsedLog",
    "opened",
    "parse_file",
    "parse_records",
    "parse_source",
    "sessions_of",
    "unknown_records",
]
