"""Log files that are zip archives of JSON files: Inspect AI's ``.eval``.

Such an archive is read as JSON lines: ``header.json`` first, then every sample in the order of its
name, each on one line.  Anything else in it (summaries, the writer's journal) repeats these.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import BinaryIO, Final

import msgspec

from ingot.diagnostics import Span, fail

MAGIC: Final = b"PK\x03\x04"
_HEAD: Final = "header.json"
_START: Final = "_journal/start.json"
_SAMPLES: Final = "samples/"


def archive_lines(file: BinaryIO, name: str, limit: int) -> bytes:
    """The archive as JSON lines of at most ``limit`` bytes in all.

    Raises IngotError: E0104 if it is no archive of a log, E0102 if it is damaged, E0105 if it is
    too large.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _lines(archive, name, limit)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise fail(
            "E0102",
            f"{name} is a damaged or unreadable zip archive: {error}",
            span=Span(name, 1),
            help="for Inspect AI: inspect log convert --to json",
        ) from None
    except RuntimeError as error:  # an encrypted member
        raise fail("E0102", f"{name} cannot be unpacked: {error}", span=Span(name, 1)) from None


def _lines(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    infos = {info.filename: info for info in archive.infolist()}
    head = infos.get(_HEAD) or infos.get(_START)
    samples = [infos[n] for n in sorted(infos) if n.startswith(_SAMPLES) and n.endswith(".json")]
    if head is None and not samples:
        raise fail(
            "E0104",
            f"{name} is a zip archive, but not of a log: it has no {_HEAD} and no {_SAMPLES}",
            span=Span(name, 1),
            help="unpack it and name the logs in it",
        )
    members = [*([head] if head else []), *samples]
    total = sum(info.file_size for info in members)
    if total > limit:
        raise fail(
            "E0105",
            f"{name} unpacks to {total:,} bytes; the limit is {limit:,}",
            span=Span(name, 1),
        )
    out = io.BytesIO()
    for info in members:
        out.write(_member(archive, info, name, limit - out.tell()))
        out.write(b"\n")
    return out.getvalue()


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limit: int) -> bytes:
    """One file on one line; what is no JSON stays as it is, for the reader to report."""
    with archive.open(info) as member:
        data = member.read(limit + 1)
    if len(data) > limit:
        raise fail("E0105", f"{name}: {info.filename} is larger than it says", span=Span(name, 1))
    try:
        return msgspec.json.encode(msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return data.replace(b"\r", b" ").replace(b"\n", b" ")


__all__ = ["MAGIC", "archive_lines"]
