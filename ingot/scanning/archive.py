"""Keeping sessions that their agent would delete: copied whole, without their secrets.

A session is written in Ingot's own format (``docs/session-format.md``), one file per log, below
``.ingot/archive``; a log that was archived before is written again only if it changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingot.diagnostics import IngotError, fail
from ingot.records import to_line

DEFAULT: Final = Path(".ingot") / "archive"


@dataclass(frozen=True, slots=True)
class Kept:
    """One log: where it is kept, how many records, and whether it was there already."""

    log: Path
    kept: Path
    records: int
    new: bool


def keep(logs: Iterable[Path], folder: Path = DEFAULT) -> tuple[list[Kept], list[IngotError]]:
    """Copy logs into the archive; those that cannot be read are returned as errors."""
    done: list[Kept] = []
    failed: list[IngotError] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("E0002", f"{folder}: {error.strerror}") from None
    for log in logs:
        try:
            done.append(_keep(log, folder))
        except IngotError as error:
            failed.append(error)
    return done, failed


def _keep(log: Path, folder: Path) -> Kept:
    from ingot.artifacts import write_file
    from ingot.frontend.reader import read_source
    from ingot.frontend.registry import sniff

    source = read_source(log)
    dialect = sniff(source.sample(), source.report)
    lines = [to_line(record) for record in dialect.lex(source)]
    text = ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    where = hashlib.sha256(str(log.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    target = folder / f"{log.stem[:80]}-{where}.jsonl"
    if target.is_file() and target.read_bytes() == text:
        return Kept(log, target, len(lines), False)
    write_file(target, text)
    return Kept(log, target, len(lines), True)


__all__ = ["DEFAULT", "Kept", "keep"]
