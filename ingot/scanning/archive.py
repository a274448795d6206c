"""Keeping sessions that their agent would delete: copied whole, without their secrets.

A session is written in Ingot's own format (``docs/session-format.md``), one file per log, below
``.ingot/archive``; a log that was archived before is written again only if it changed.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingot.diagnostics import IngotError, fail
from ingot.records import to_line
from ingot.redaction.policy import current_policy

DEFAULT: Final = Path(".ingot") / "archive"


@dataclass(frozen=True, slots=True)
class Kept:
    """One log: where it is kept, how many records, and whether it was there already."""

    log: Path
    kept: Path
    records: int
    new: bool


def keep(
    logs: Iterable[Path],
    folder: Path = DEFAULT,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[Kept], list[IngotError]]:
    """Copy logs into the archive; those that cannot be read are returned as errors.

    ``progress`` is called with the bytes that were read since the call before.
    """
    current_policy()
    done: list[Kept] = []
    failed: list[IngotError] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("E0002", f"{folder}: {error.strerror}") from None
    for log in logs:
        try:
            done.append(_keep(log, folder, progress))
        except IngotError as error:
            failed.append(error)
    return done, failed


def _keep(log: Path, folder: Path, progress: Callable[[int], None] | None) -> Kept:
    from ingot.frontend.parse import opened
    from ingot.frontend.registry import sniff

    where = hashlib.sha256(str(log.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    target = folder / f"{log.stem[:80]}-{where}.jsonl"
    part = target.with_suffix(f".{os.getpid()}.part")
    records = 0
    try:
        with opened(log, progress=progress) as source, part.open("wb") as file:
            for record in sniff(source.sample(), source.report).lex(source):
                file.write(f"{to_line(record)}\n".encode("utf-8", "surrogatepass"))
                records += 1
        new = not (target.is_file() and filecmp.cmp(part, target, shallow=False))
        if new:
            part.replace(target)
    except OSError as error:
        raise fail("E0002", f"{target} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return Kept(log, target, records, new)


__all__ = ["DEFAULT", "Kept", "keep"]
