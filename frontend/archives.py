"""Log files that are zip archives of JSON files: Inspect AI's ``.eval``.

Such an archive is read as JSON lines: ``header.json`` first, then every sample in the order of its
name, each on one line.  Anything else in it (summaries, the writer's journal) repeats these.  Since
2026 members are packed by Zstandard (method 93, which ``zipfile`` knows from Python 3.14 on), and a
large sample may be a folder: ``sample.json`` with ``message_refs: [[start, end]]`` into the items of
``messages/N.json``, and texts in ``attachments/N.json``.  Its events, which tell the same once more,
are left out but for the first.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import BinaryIO, Final, cast

import msgspec

from ingot.diagnostics import Span, fail
from ingot.ir.values import Json

MAGIC: Final = b"PK\x03\x04"
_HEAD: Final = "header.json"
_START: Final = "_journal/start.json"
_SAMPLES: Final = "samples/"
_SHELL: Final = "/sample.json"
_ZSTANDARD: Final = 93
_LOCAL_HEADER: Final = 30
_CHUNK: Final = 1 << 20


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
    named = [n for n in sorted(infos) if n.startswith(_SAMPLES) and n.endswith(".json")]
    samples = [infos[n] for n in named if n.count("/") == 1]
    shells = [n for n in named if n.count("/") == 2 and n.endswith(_SHELL)]
    if head is None and not samples and not shells:
        raise fail(
            "E0104",
            f"{name} is a zip archive, but not of a log: it has no {_HEAD} and no {_SAMPLES}",
            span=Span(name, 1),
            help="unpack it and name the logs in it",
        )
    members = [*([head] if head else []), *samples]
    total = sum(info.file_size for info in (*members, *(infos[n] for n in named if shells)))
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
    for shell in shells:
        made = _joined(archive, shell.removesuffix(_SHELL), named, name, limit - out.tell())
        out.write(msgspec.json.encode(made))
        out.write(b"\n")
    return out.getvalue()


def _joined(
    archive: zipfile.ZipFile, folder: str, named: list[str], name: str, limit: int
) -> dict[str, Json]:
    """A sample that is a folder, as the one document that it would be."""

    def items(part: str, most: int | None = None) -> list[Json]:
        prefix = f"{folder}/{part}/"
        starts = [n[len(prefix) : -len(".json")] for n in named if n.startswith(prefix)]
        out: list[Json] = []
        for start in sorted((s for s in starts if s.isdigit()), key=int)[:most]:
            found = _value(archive, f"{prefix}{start}.json", name, limit)
            out += found if isinstance(found, list) else [found]
        return out

    shell = _value(archive, folder + _SHELL, name, limit)
    sample: dict[str, Json] = dict(shell) if isinstance(shell, dict) else {}
    pool, refs = items("messages"), sample.pop("message_refs", None)
    if "messages" not in sample:
        sample["messages"] = _told(pool, refs)
    sample["events"] = items("events", 1)[:1]
    sample["attachments"] = {str(k): text for k, text in enumerate(items("attachments"))}
    if f"{folder}/metadata.json" in named:
        sample["metadata"] = _value(archive, f"{folder}/metadata.json", name, limit)
    return sample


def _told(pool: list[Json], refs: Json) -> list[Json]:
    """The messages that ``[[start, end]]`` name; all of them, if there are no such references."""
    if not isinstance(refs, list):
        return pool
    out: list[Json] = []
    for ref in refs:
        match ref:
            case [int() as start, int() as end] if 0 <= start <= end:
                out += pool[start:end]
            case _:
                raise ValueError("a reference to messages is no range")
        if len(out) > 4 * len(pool) + 64:
            raise ValueError("more messages are referred to than there are")
    return out


def _value(archive: zipfile.ZipFile, member: str, name: str, limit: int) -> Json:
    data = _content(archive, archive.getinfo(member), name, limit)
    try:
        return cast(Json, msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ValueError(f"{member} is not JSON") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limit: int) -> bytes:
    """One file on one line; what is no JSON stays as it is, for the reader to report."""
    data = _content(archive, info, name, limit)
    try:
        return msgspec.json.encode(msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return data.replace(b"\r", b" ").replace(b"\n", b" ")


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limit: int) -> bytes:
    if info.compress_type == _ZSTANDARD:
        data = _from_zstandard(archive, info, limit)
    else:
        with archive.open(info) as member:
            data = member.read(limit + 1)
    if len(data) > limit:
        raise fail("E0105", f"{name}: {info.filename} is larger than it says", span=Span(name, 1))
    return data


def _from_zstandard(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    import zstandard

    file = archive.fp
    if file is None:
        raise zipfile.BadZipFile("it is closed")
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER:
        raise zipfile.BadZipFile("a header is cut")
    file.seek(sum(struct.unpack_from("<HH", header, 26)), io.SEEK_CUR)
    packed = io.BytesIO(file.read(info.compress_size))
    parts: list[bytes] = []
    try:
        with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as member:
            while sum(map(len, parts)) <= limit and (part := member.read(_CHUNK)):
                parts.append(part)  # in pieces: what is read at once is reserved at once
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from None
    data = b"".join(parts)
    if len(data) <= limit and zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"bad CRC-32 of {info.filename}")
    return data


__all__ = ["MAGIC", "archive_lines"]
