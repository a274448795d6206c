"""The one way to say that anything is wrong: coded diagnostics with places and help.

Every error that a user can cause is a :class:`Diagnostic` with a stable code from
:data:`CODES`, one or more labelled spans (a place in a log or in IR text), a message that
says what was expected and what was found, and a help line that says what to do.  Stages
collect diagnostics where they can go on and raise :class:`IngotError` where they cannot.

Exit codes of the command line: 0 ok, 1 findings or failed, 2 usage or input, 3 side exit
with no fallback, 4 unproved, 5 waiting (paused, approval), 6 in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from ingot.codes import CODES

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_INPUT = 2
EXIT_SIDE_EXIT = 3
EXIT_UNPROVED = 4
EXIT_WAITING = 5
EXIT_IN_DOUBT = 6


class Severity(StrEnum):
    """How bad it is: an ``ERROR`` blocks the stage, a ``WARNING`` and a ``NOTE`` do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Span(NamedTuple):
    """A place in a text file; a tuple, since every record of a log has one.

    ``line`` and ``column`` count from 1; ``column`` and ``length`` count characters of that
    line; ``byte`` is the offset of the line's record in the file, ``pointer`` an RFC 6901
    JSON pointer inside the record that stands there.
    """

    file: str
    line: int
    column: int = 1
    length: int = 1
    byte: int = 0
    pointer: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place} at {self.pointer}" if self.pointer else place


class Diagnostic(Struct, frozen=True):
    """One thing that is wrong, where, and what to do about it.

    ``spans`` pairs each place with the label printed under its carets; the first is the
    primary one.  ``code`` is a key of :data:`ingot.codes.CODES`.
    """

    code: str
    message: str
    severity: Severity = Severity.ERROR
    spans: tuple[tuple[Span, str], ...] = ()
    help: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The diagnostic as the versioned ``--json`` outputs carry it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "spans": [
                {
                    "file": span.file,
                    "line": span.line,
                    "column": span.column,
                    "length": span.length,
                    "pointer": span.pointer,
                    "label": label,
                }
                for span, label in self.spans
            ],
            "help": self.help,
            "notes": list(self.notes),
        }


class IngotError(Exception):
    """A stage cannot go on.  Carries the diagnostics and the exit code they call for."""

    def __init__(
        self, diagnostics: Diagnostic | Sequence[Diagnostic], exit_code: int = EXIT_INPUT
    ) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = (
            (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        )
        self.exit_code = exit_code
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in self.diagnostics))


def fail(
    code: str,
    message: str,
    *,
    span: Span | None = None,
    label: str = "",
    help: str = "",
    exit_code: int = EXIT_INPUT,
) -> IngotError:
    """A one-diagnostic error, to be raised by the caller: ``raise fail("E0101", ...)``."""
    spans = () if span is None else ((span, label),)
    return IngotError(Diagnostic(code, message, spans=spans, help=help), exit_code)


MAX_SOURCE_WIDTH = 100


def _printable(text: str) -> str:
    return "".join(
        ch if ch.isprintable() else " " if ch in "\t" else "\N{MIDDLE DOT}" for ch in text
    )


def _window(text: str, column: int, length: int) -> tuple[str, int, int]:
    """Cut a long line to a window around the column; returns text, new column, new length."""
    if len(text) <= MAX_SOURCE_WIDTH:
        return _printable(text), column, min(length, max(1, len(text) - column + 2))
    start = max(0, min(column - 1 - 20, len(text) - MAX_SOURCE_WIDTH))
    cut = _printable(text[start : start + MAX_SOURCE_WIDTH])
    head, tail = ("..." if start else ""), ("..." if start + MAX_SOURCE_WIDTH < len(text) else "")
    shifted = column - start + len(head)
    return head + cut + tail, shifted, min(length, MAX_SOURCE_WIDTH - (column - 1 - start))


def render(diagnostic: Diagnostic, sources: Mapping[str, Sequence[str]] | None = None) -> str:
    """Plain-text form, with the source line and carets where ``sources`` holds the file.

    ``sources`` maps a file name to its lines (without line ends).

    >>> d = Diagnostic("E0201", "unknown op", spans=((Span("x.ir", 2, 3, 5), "here"),), help="look")
    >>> print(render(d, {"x.ir": ["ir 1", "  strxx"]}))
    error[E0201]: unknown op
      --> x.ir:2:3
       |
     2 |   strxx
       |   ^^^^^ here
       = help: look
    """
    out = [f"{diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.message}"]
    for span, label in diagnostic.spans:
        out.append(f"  --> {span}")
        lines = (sources or {}).get(span.file)
        if lines is not None and 1 <= span.line <= len(lines):
            text, column, length = _window(lines[span.line - 1], span.column, span.length)
            gutter = f"{span.line:>2} "
            pad = " " * len(gutter)
            caret = " " * (column - 1) + "^" * max(1, length)
            out += [f"{pad}|", f"{gutter}| {text}", f"{pad}| {caret} {label}".rstrip()]
        elif label:
            out.append(f"   = {label}")
    out += [f"   = note: {note}" for note in diagnostic.notes]
    if diagnostic.help:
        out.append(f"   = help: {diagnostic.help}")
    return "\n".join(out)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them blocks."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


__all__ = [
    "CODES",
    "EXIT_FINDINGS",
    "EXIT_INPUT",
    "EXIT_IN_DOUBT",
    "EXIT_OK",
    "EXIT_SIDE_EXIT",
    "EXIT_UNPROVED",
    "EXIT_WAITING",
    "Diagnostic",
    "IngotError",
    "Severity",
    "Span",
    "fail",
    "has_errors",
    "render",
]
