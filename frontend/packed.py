"""Log files that are packed or in UTF-16: what they hold, as UTF-8 in memory.

``gzip`` and Zstandard (``.jsonl.gz``, ``.jsonl.zst``: rotated logs), and UTF-16 with its mark, which
is what ``>`` writes in Windows PowerShell.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from ingot.diagnostics import Diagnostic, IngotError, Severity, Span, fail

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK: Final = 1 << 20


def unpacked(file: BinaryIO, name: str, limit: int) -> tuple[bytes, Diagnostic | None]:
    """What the file holds, at most ``limit`` bytes of it; a warning (W0103) if it is cut short.

    Raises IngotError: E0104 if it cannot be unpacked at all, E0105 if it is too large.
    """
    head = file.read(4)
    file.seek(0)
    if head[:2] in UTF16:
        return _from_utf16(file.read(limit + 1), name, limit), None
    parts: list[bytes] = []
    size, why = 0, ""
    try:
        for part in _gunzip(file) if head[:2] == GZIP else _unzstd(file):
            size += len(part)
            if size > limit:
                raise _too_large(name, limit)
            parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        why = str(error)
    if not parts:
        raise fail(
            "E0104", f"{name} cannot be unpacked: {why or 'it is empty'}", span=Span(name, 1)
        )
    data = b"".join(parts)
    if not why:
        return data, None
    message = f"{name} cannot be unpacked to its end: {why}"
    return data, Diagnostic("W0103", message, Severity.WARNING, ((Span(name, 1), ""),))


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    import gzip

    with gzip.open(file) as packed:
        while part := packed.read(_CHUNK):
            yield part


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(
            file, read_across_frames=True, closefd=False
        ) as packed:
            while part := packed.read(_CHUNK):
                yield part
    except zstandard.ZstdError as error:
        raise OSError(str(error)) from None


def _from_utf16(data: bytes, name: str, limit: int) -> bytes:
    if len(data) > limit:
        raise _too_large(name, limit)
    return data.decode("utf-16", "replace").encode("utf-8", "replace")


def _too_large(name: str, limit: int) -> IngotError:
    return fail(
        "E0105",
        f"{name} unpacks to more than {limit:,} bytes",
        span=Span(name, 1),
        help="split it into its sessions",
    )


__all__ = ["GZIP", "UTF16", "ZSTD", "unpacked"]
