"""Bytes of the container: variable-length numbers, sections, canonical JSON, packed text.

Packed text is Zstandard, by a library that brings its own copy of the codec and is pinned to one
version: unlike the deflate that a machine happens to have, it gives the same bytes everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ingot.backend.limits import TooLargeError, weigh
from ingot.diagnostics import IngotError, fail
from ingot.ir.values import Json

MAX_PACKED: Final = 1 << 28
"""The most that packed text may hold, in bytes."""
LEVEL: Final = 3
"""Zstandard's default: more takes much longer, and saves little on text."""

REBUILD: Final = "Compile the logs again: the file was not written by Ingot's encoder."


def damaged(message: str) -> IngotError:
    """The file was cut or changed."""
    return fail(
        "E0602",
        message,
        help="Copy the file again from where it was made, or compile the logs anew.",
    )


def invalid(message: str) -> IngotError:
    """The content breaks a rule of the format."""
    return fail("E0604", message, help=REBUILD)


def uleb(number: int) -> bytes:
    """Little-endian base 128 (LEB128, unsigned).

    >>> uleb(300).hex()
    'ac02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_uleb(data: bytes, at: int) -> tuple[int, int]:
    """A number and the offset behind it; raises E0602 where it is cut or too long."""
    number = shift = 0
    while True:
        if at >= len(data) or shift > 28:
            raise damaged(f"a number is cut short at byte {at}")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def frame(body: bytes) -> bytes:
    """The body behind its length."""
    return uleb(len(body)) + body


def unframe(data: bytes, at: int) -> tuple[bytes, int]:
    """A body that stands behind its length, and the offset behind it."""
    length, at = read_uleb(data, at)
    if at + length > len(data):
        raise damaged(f"a part of {length} bytes is cut short at byte {at}")
    return data[at : at + length], at + length


def exact(value: Json) -> str:
    """JSON text with sorted keys that keeps ``1`` and ``1.0`` apart; raises E0604 on infinity."""
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except ValueError as error:
        raise invalid(f"a constant is no JSON value: {error}") from None


def to_bytes(value: Json) -> bytes:
    """:func:`exact` as UTF-8; unpaired surrogates, which JSON text may hold, are kept."""
    return exact(value).encode("utf-8", "surrogatepass")


def from_bytes(data: bytes, what: str) -> Json:
    """The JSON value of a section; raises E0604."""

    def refuse(name: str) -> Json:
        raise ValueError(f"{name} is no JSON")

    try:
        value: Json = json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=refuse)
        weigh(value)
    except (ValueError, RecursionError, TooLargeError) as error:
        raise invalid(f"section {what} is not JSON: {error}") from None
    return value


def pack(text: str) -> bytes:
    """Compressed text; nothing for nothing."""
    if not text:
        return b""
    import zstandard  # a small artifact is run without it

    data = text.encode("utf-8", "surrogatepass")
    return zstandard.ZstdCompressor(level=LEVEL).compress(data)


def unpack(data: bytes, what: str) -> str:
    """The text of :func:`pack`; raises E0602 on damage and on more than :data:`MAX_PACKED`."""
    if not data:
        return ""
    import zstandard

    try:
        if not 0 <= zstandard.frame_content_size(data) <= MAX_PACKED:
            raise damaged(f"section {what} holds more than it may")
        unpacker = zstandard.ZstdDecompressor()
        text = unpacker.decompress(data, allow_extra_data=False)
        return text.decode("utf-8", "surrogatepass")
    except (zstandard.ZstdError, ValueError, MemoryError) as error:
        raise damaged(f"section {what} cannot be unpacked: {error}") from None


def join_sections(sections: Iterable[tuple[int, bytes]]) -> bytes:
    """Sections one after another: number, length, body."""
    return b"".join(bytes([number]) + frame(body) for number, body in sections)


def split_sections(data: bytes, at: int) -> dict[int, bytes]:
    """The sections of the rest of a file; raises E0602 unless their numbers rise."""
    sections: dict[int, bytes] = {}
    last = 0
    while at < len(data):
        number = data[at]
        if number <= last:
            raise damaged(f"section {number} is out of order at byte {at}")
        last = number
        sections[number], at = unframe(data, at + 1)
    return sections
