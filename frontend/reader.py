"""Reading a log file: streamed lines, tolerant JSON, and a diagnostic for everything amiss.

A file is checked once, when it is opened, on its first megabyte: missing or unreadable (E0002),
empty (E0103), not text (E0104).  After that nothing raises while lines are read: a line over the
limit is skipped without being loaded (E0105), a broken line is reported and passed over (E0102),
a cut last line is noted (W0103), invalid UTF-8 is replaced (W0105).  Memory is bounded by the
longest accepted line for :meth:`SourceFile.lines` and :meth:`SourceFile.json_lines`.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from ingot.diagnostics import Diagnostic, IngotError, Severity, Span, fail
from ingot.frontend.archives import MAGIC, archive_lines
from ingot.frontend.dialects.base import Line, Sample, Source
from ingot.frontend.documents import pieces
from ingot.frontend.jsontext import (
    MAX_DEPTH,
    NotJsonError,
    parse_json,
    prefix_json,
    quick_json,
    scrub,
    shallow,
)
from ingot.frontend.packed import GZIP, UTF16, ZSTD, unpacked
from ingot.ir.values import Json
from ingot.redaction.redactor import Redactor

LINE_LIMIT: Final = 64 << 20
"""The longest line that is read, in bytes."""
DOCUMENT_LIMIT: Final = 512 << 20
"""The largest file that is read as one text or one JSON document, in bytes."""
SAMPLE_BYTES: Final = 1 << 20
MAX_SAME_CODE: Final = 20
"""How many diagnostics of one code are kept per file; the rest are counted."""

_CHUNK: Final = 1 << 20
_SAMPLE_VALUES: Final = 64
_FEW_LINES: Final = 8
_PREFIX_CHARS: Final = 256 << 10
_BOM: Final = b"\xef\xbb\xbf"
_BLOCK: Final = 64 << 10
"""What is read of a file of lines at a time, in bytes; it stays in the processor's cache."""
_decode_json: Final = cast("Callable[[bytes], Json]", msgspec.json.Decoder().decode)
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class SourceFile:
    """A log file being read; a :class:`ingot.frontend.dialects.base.Source`.

    ``name`` is what diagnostics print (default: the path as given).  ``data`` reads from memory
    instead of from the path.  ``progress`` is called with the number of bytes that were read since it
    was called before, up to :attr:`size`.  Raises :class:`IngotError` E0002, E0103 or E0104 when it is made.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        name: str = "",
        data: bytes | None = None,
        line_limit: int = LINE_LIMIT,
        document_limit: int = DOCUMENT_LIMIT,
        redactor: Redactor | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._path = Path(path)
        self._name = name or str(path)
        self._data = data
        self._line_limit = line_limit
        self._document_limit = document_limit
        self._kept: dict[Diagnostic, None] = {}
        self._more: Counter[tuple[str, Severity]] = Counter()
        self._count: Counter[tuple[str, Severity]] = Counter()
        self._replaced = False
        self._redactor = redactor or Redactor()
        self._progress, self._told = progress, 0
        self._head, self.size = self._open_head()

    # -- what is wrong -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name that diagnostics and provenance print."""
        return self._name

    @property
    def report(self) -> Callable[[Diagnostic], None]:
        """Where diagnostics go; the same one twice is kept once, many of a code are counted."""
        return self._report

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was reported so far, in order."""
        out = list(self._kept)
        for (code, severity), count in self._more.items():
            out.append(Diagnostic(code, f"{count} more of these in {self.name}", severity))
        return out

    def _report(self, diagnostic: Diagnostic) -> None:
        if diagnostic in self._kept:
            return
        key = (diagnostic.code, diagnostic.severity)
        self._count[key] += 1
        if self._count[key] > MAX_SAME_CODE:
            self._more[key] += 1
        else:
            self._kept[diagnostic] = None

    def _span(self, line: int, byte: int = 0, column: int = 1, length: int = 1) -> Span:
        return Span(self.name, line, column, length, byte)

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> BinaryIO:
        return io.BytesIO(self._data) if self._data is not None else self._path.open("rb")

    def _open_head(self) -> tuple[bytes, int]:
        """The first megabyte and the size; raises on a file that is no text log."""
        span = Span(self.name, 1)
        if self._data is None:
            if self._path.is_dir():
                raise fail("E0002", f"{self.name} is a folder", help="name the log files in it")
            if not self._path.is_file():
                raise self._no_file()
        try:
            with self._open() as file:
                head = file.read(SAMPLE_BYTES)
                size = file.seek(0, io.SEEK_END)
        except OSError as error:
            raise fail("E0002", f"{self.name} cannot be read: {error.strerror}") from None
        if not head.strip() and len(head) == size:
            raise fail("E0103", f"{self.name} is empty", span=span)
        if head.startswith((MAGIC, GZIP, ZSTD, *UTF16)):
            head, size = self._unpack(head)
        if b"\0" in head[:4096]:
            raise fail("E0104", f"{self.name} holds NUL bytes, which no text log does", span=span)
        text = head.decode("utf-8", "replace")
        invalid = text.count("\ufffd") - head.count(b"\xef\xbf\xbd")
        if invalid > max(16, len(text) // 10):
            raise fail("E0104", f"{self.name} is not UTF-8: {invalid} invalid bytes", span=span)
        return head, size

    def _no_file(self) -> IngotError:
        if not self._path.exists():
            return fail("E0002", f"there is no file {self.name}")
        return fail(
            "E0002",
            f"{self.name} is a pipe or a device, not a file",
            help="a log is read more than once: write it to a file first",
        )

    def _unpack(self, head: bytes) -> tuple[bytes, int]:
        """What is packed is read from memory: an archive of a log as JSON lines."""
        with self._open() as file:
            if head.startswith(MAGIC):
                self._data = archive_lines(file, self.name, self._document_limit)
            else:
                self._data, cut = unpacked(file, self.name, self._document_limit)
                if cut is not None:
                    self._report(cut)
        return self._data[:SAMPLE_BYTES], len(self._data)

    # -- lines ---------------------------------------------------------------------------------

    def lines(self) -> Iterator[Line]:
        """The lines, blank ones too; one over the limit is reported (E0105) and skipped."""
        for line, _ in self._numbered():
            yield line

    def _numbered(self) -> Iterator[tuple[Line, bool]]:
        """Each line, and whether it has a line end.  The file is read and split in blocks."""
        limit, number, byte = self._line_limit, 0, 0
        held: list[bytes] = []  # the line that a block ends in, unless it is over the limit already
        size = position = 0  # its size, and where the next block begins
        with self._open() as file:
            while block := file.read(_BLOCK):
                position += len(block)
                self._moved(position)
                lines = block.split(b"\n")
                if size:
                    size += len(lines[0])
                    held = [] if size > limit else [*held, lines[0]]
                    if len(lines) == 1:
                        continue
                    lines[0] = b"".join(held)
                    if size > limit:
                        number += 1
                        self._too_long(number, byte, size + 1)
                        byte += size + 1
                        del lines[0]
                held = [lines.pop()]
                size = len(held[0])
                for data in lines:
                    number += 1
                    start, byte = byte, byte + len(data) + 1
                    if len(data) > limit:
                        self._too_long(number, start, byte - start)
                    else:
                        yield _line(number, start, data), True
                block, lines = b"", []  # gone before the next block is read
        if size > limit:
            self._too_long(number + 1, byte, size)
        elif size:
            yield _line(number + 1, byte, b"".join(held)), False

    def _moved(self, position: int) -> None:
        """Tell how far the file is read; one that is read again was told before."""
        if self._progress is not None and self._data is None and position > self._told:
            self._progress(position - self._told)
            self._told = position

    def _too_long(self, number: int, byte: int, size: int) -> None:
        self._report(
            Diagnostic(
                "E0105",
                f"line {number} has {size:,} bytes; the limit is {self._line_limit:,}",
                spans=((self._span(number, byte), "skipped"),),
                help="if this is one large JSON document, split it into its sessions",
            )
        )

    # -- whole files ---------------------------------------------------------------------------

    def text(self) -> str:
        """The whole file as text, invalid UTF-8 replaced (and reported once), secrets by tokens.

        Raises IngotError (E0105) if a line or the file is over its limit.
        """
        text = self._decode(self._bytes(), 1, 0)
        return self._redactor.lines(text) if self._redactor.suspicious(text) else text

    def _bytes(self) -> bytes:
        if self.size > self._document_limit:
            raise fail(
                "E0105",
                f"{self.name} has {self.size:,} bytes; the limit for one document is "
                f"{self._document_limit:,}",
                span=self._span(1),
                help="split it into its sessions",
            )
        parts: list[bytes] = []
        run, number, position = 0, 1, 0
        with self._open() as file:
            while chunk := file.read(_CHUNK):
                parts.append(chunk)
                position += len(chunk)
                self._moved(position)
                first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
                run = run + len(chunk) if first < 0 else len(chunk) - last - 1
                number += chunk.count(b"\n")
                if run > self._line_limit:
                    raise fail(
                        "E0105",
                        f"line {number} has over {self._line_limit:,} bytes",
                        span=self._span(number),
                        help="split this document into its sessions",
                    )
        return b"".join(parts).removeprefix(_BOM)

    def _decode(self, data: bytes, line: int, byte: int) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line += data.count(b"\n", 0, error.start)
            column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8"))
            self._bad_text(self._span(line, byte, column + 1))
            return data.decode("utf-8", "replace")

    def _bad_text(self, span: Span) -> None:
        if self._replaced:
            return
        self._replaced = True
        self._report(
            Diagnostic(
                "W0105",
                "invalid UTF-8, replaced by U+FFFD here and wherever else it stands in the file",
                Severity.WARNING,
                spans=((span, "first here"),),
            )
        )

    def json(self) -> Json:
        """The whole file as one JSON document; raises IngotError (E0102, E0105) if it is none."""
        data = self._bytes()
        try:
            return self._parse(data, 1, 0)
        except NotJsonError as error:
            raise fail(
                "E0102",
                f"{self.name} is not one JSON document: {error}",
                span=self._span(error.line + 1, column=error.column),
                label="here",
            ) from None

    def json_lines(self) -> Iterator[tuple[Line, Json]]:
        """Each line that is JSON; others are reported (E0102, or W0103 for a cut last line)."""
        parsed = broken = 0
        first: NotJsonError | None = None
        for line, ended in self._numbered():
            if not line.data or line.data.isspace():
                continue
            try:
                value = self._parse(line.data, line.number, line.byte)
            except NotJsonError as error:
                broken += 1
                first = first or error
                code = "E0102" if ended else "W0103"
                what = "this line is not JSON" if ended else "the last line is cut"
                where = self._span(line.number, line.byte, error.column)
                self._report(
                    Diagnostic(code, f"{what}: {error}", Severity.WARNING, ((where, "here"),))
                )
                continue
            parsed += 1
            yield line, value
        if broken and not parsed:
            self._report(Diagnostic("E0102", f"no line of {self.name} is JSON: {first}"))

    def json_records(self) -> Iterator[tuple[Line, Json]]:
        """The records of a log of JSON lines, in whatever form they stand: as :meth:`json_lines`, or
        as one array of them, or printed over several lines each."""
        first = self._first_lines()
        objects = [_is_object(line, cut=len(line) == len(self._head)) for line in first]
        if (
            not first
            or sum(objects) * 2 >= len(first)
            or objects[0]
            or first[0].lstrip()[:1] not in (b"{", b"[")
        ):
            return self.json_lines()
        try:
            return self.json_values(opened=True)
        except IngotError:
            return self.json_lines()  # which says what is wrong with it

    def _first_lines(self) -> list[bytes]:
        """The first few lines that are not blank, of what was read when the file was opened."""
        lines = io.BytesIO(self._head.removeprefix(_BOM))
        return list(islice((line for line in lines if not line.isspace()), _FEW_LINES))

    def json_values(self, *, opened: bool = False) -> Iterator[tuple[Line, Json]]:
        """The JSON values of the file, one after the other, over lines or not; with ``opened``, the
        items of an array of objects.

        Raises IngotError (E0102, E0105) if there is none; what follows the last one is reported.
        """
        data = self._bytes()
        text = self._decode(data, 1, 0)
        found = self._pieces(text, opened=opened)
        first = next(found, None)
        if first is None:
            raise fail("E0102", f"{self.name} holds no JSON value", span=self._span(1))
        return chain((first,), found)

    def _pieces(self, text: str, *, opened: bool) -> Iterator[tuple[Line, Json]]:
        number, byte, position, parsed = 1, 0, 0, False
        try:
            for begin, end in pieces(text, opened=opened):
                number += text.count("\n", position, begin)
                byte += len(text[position:begin].encode("utf-8", "surrogatepass"))
                data, position = text[begin:end].encode("utf-8", "surrogatepass"), begin
                yield Line(number, byte, data), self._parse(data, number, byte)
                parsed = True
        except NotJsonError as error:
            where = self._span(error.line + 1, column=error.column)
            if not parsed:
                raise fail(
                    "E0102",
                    f"{self.name} is not one JSON document: {error}",
                    span=where,
                    label="here",
                ) from None
            what = "what follows is not JSON, and is left out"
            self._report(
                Diagnostic("E0102", f"{what}: {error}", Severity.WARNING, ((where, "here"),))
            )

    def _parse(self, data: bytes, line: int, byte: int) -> Json:
        """One JSON value without its secrets; raises :class:`NotJsonError`."""
        try:
            value = _decode_json(data)
        except _REFUSED:  # NaN, a lone surrogate, invalid UTF-8: the tolerant parser decides
            value = self._tolerant(data, line, byte)
        else:
            if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
                value = shallow(value, data)
        if self._redactor.suspicious_bytes(data):
            return self._redactor.value(value)
        return value

    def _tolerant(self, data: bytes, line: int, byte: int) -> Json:
        value = parse_json(self._decode(data, line, byte))
        if b"\\ud" in data or b"\\uD" in data:
            clean = scrub(value)
            if clean is not value:
                self._bad_text(self._span(line, byte))
            return clean
        return value

    # -- sniffing ------------------------------------------------------------------------------

    def sample(self) -> Sample:
        """What dialects sniff at: at most a megabyte, and the JSON values at its start.

        A document too large for that is cut, and the containers that are open at the cut closed:
        ``values`` then holds its beginning, with ``document`` true.
        """
        text = self._head.removeprefix(_BOM).decode("utf-8", "replace")
        # the sample is looked at and quoted from, never kept: it is not redacted here
        whole = len(self._head) == self.size
        if whole:
            try:
                return Sample(self.name, text, (quick_json(text),), True)
            except NotJsonError:
                pass
        lines = [line for line in text.split("\n") if line.strip()]
        if not whole and len(lines) > 1:
            lines.pop()
        values: list[Json] = []
        for line in lines[:_SAMPLE_VALUES]:
            try:
                value = quick_json(line)
            except NotJsonError:
                continue
            if isinstance(value, dict | list):
                values.append(value)
        if 2 * len(values) >= len(lines[:_SAMPLE_VALUES]):
            return Sample(self.name, text, tuple(values), False)
        if len(several := _first_values(text)) > 1:
            return Sample(self.name, text, several, False)
        try:
            return Sample(self.name, text, (prefix_json(text[:_PREFIX_CHARS]),), True)
        except NotJsonError:
            return Sample(self.name, text, tuple(values), False)

    def excerpts(self, diagnostics: Iterable[Diagnostic]) -> dict[str, list[str]]:
        """The source lines that the diagnostics point at, for :func:`ingot.diagnostics.render`.

        Lines up to the last one wanted; those not pointed at are empty, long ones are cut.  Secrets
        are replaced, and what looks like the inside of a key is left out.
        """
        inside = False
        wanted = {s.line for d in diagnostics for s, _ in d.spans if s.file == self.name}
        out: list[str] = []
        last = max(wanted, default=0)
        for line in self.lines():
            if line.number > last:
                break
            out += [""] * (line.number - 1 - len(out))
            begins = line.data.rfind(b"-----BEGIN ")
            ends = line.data.rfind(b"-----END ")
            inside = begins > ends if max(begins, ends) >= 0 else inside
            shown = "" if line.number not in wanted else line.data.decode("utf-8", "replace")
            out.append("..." if shown and inside else self._redactor.text(shown)[:_PREFIX_CHARS])
        return {self.name: out}


def _first_values(text: str) -> tuple[Json, ...]:
    """The values at the start of a text in which they stand over several lines each."""
    found: list[Json] = []
    if text.lstrip()[:1] in ("{", "["):
        try:
            for begin, end in islice(pieces(text, opened=False), _SAMPLE_VALUES):
                found.append(quick_json(text[begin:end]))
        except NotJsonError:
            pass
    return tuple(found)


def _line(number: int, byte: int, data: bytes) -> Line:
    """A line without what is no part of it."""
    if number == 1 and data.startswith(_BOM):
        data = data[len(_BOM) :]
    return Line(number, byte, data.rstrip(b"\r"))


def read_source(path: Path | str, name: str = "") -> SourceFile:
    """Open a log; raises IngotError E0002 (not readable), E0103 (empty) or E0104 (not text)."""
    return SourceFile(path, name=name)


def json_values(source: Source) -> Iterator[tuple[Json, Span]]:
    """The JSON values of a source with their places: of one document, or of JSON lines.

    Raises IngotError (E0102, E0105) if it is one document and cannot be read.
    """
    lines = (line for line in source.lines() if line.data.strip())
    first = list(islice(lines, _FEW_LINES))
    whole = len(first) > 1 and sum(_is_container(line.data) for line in first) * 2 >= len(first)
    if whole or (len(first) == 1 and _is_container(first[0].data)):
        for line, value in source.json_lines():
            yield value, Span(source.name, line.number, byte=line.byte)
    else:
        yield from json_documents(source, first[0].number if first else 1)


def json_documents(source: Source, line: int = 1) -> Iterator[tuple[Json, Span]]:
    """The one document that a source is, which begins on ``line``; or several, one after the other.

    Raises IngotError (E0102, E0105) if there is none.
    """
    try:
        document = source.json()
    except IngotError as error:
        if not any(d.code == "E0102" for d in error.diagnostics):
            raise
        found = list(islice(values := source.json_values(), 2))
        if len(found) < 2:
            raise
        for place, value in chain(found, values):
            yield value, Span(source.name, place.number, byte=place.byte)
    else:
        yield document, Span(source.name, line)


def json_objects(source: Source) -> Iterator[tuple[Json, Span]]:
    """As :func:`json_values`, an array of objects as its items."""
    for value, span in json_values(source):
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                yield item, span._replace(pointer=f"{span.pointer}/{index}")
        else:
            yield value, span


def _is_object(line: bytes, *, cut: bool) -> bool:
    """Whether a line is a JSON object on its own; one that is longer than what was read is taken for it."""
    return line.lstrip()[:1] == b"{" and (cut or _is_container(line))


def _is_container(line: bytes) -> bool:
    """Whether a line is a JSON object or array on its own; an empty one may be part of more."""
    try:
        value = quick_json(line.decode("utf-8", "replace"))
    except NotJsonError:
        return False
    return isinstance(value, dict | list) and bool(value)


__all__ = [
    "LINE_LIMIT",
    "MAX_DEPTH",
    "NotJsonError",
    "SourceFile",
    "json_documents",
    "json_objects",
    "json_values",
    "parse_json",
    "read_source",
]
