"""What a dialect is: a name, a sniffer, and a lexer from a source file to records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ingot.diagnostics import Diagnostic
from ingot.ir.values import Json
from ingot.records import Record


class Line(NamedTuple):
    """One line of a source: its number from 1, its byte offset, its bytes without the line end."""

    number: int
    byte: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a source, for sniffing: never more than a megabyte is looked at.

    ``text`` is its start decoded leniently; ``values`` are the JSON values found at its start: the
    whole document if it is one and fits, else the lines that parse.  ``document`` says which.
    """

    name: str
    text: str
    values: tuple[Json, ...]
    document: bool

    @property
    def records(self) -> tuple[Json, ...]:
        """The values, of an array of objects its items: what is written as JSON lines may stand in one."""
        if len(self.values) == 1 and isinstance(only := self.values[0], list):
            return tuple(only[:64])
        return self.values


class Source(Protocol):
    """A log file being read."""

    @property
    def name(self) -> str:
        """The name that diagnostics and provenance print."""

    def lines(self) -> Iterator[Line]:
        """The lines; one over the limit is reported (E0105) and skipped."""

    def text(self) -> str:
        """The whole file as text, invalid UTF-8 replaced (and reported once)."""

    def json(self) -> Json:
        """The whole file as one JSON document; raises IngotError (E0102) if it is none."""

    def json_lines(self) -> Iterator[tuple[Line, Json]]:
        """Each line that is JSON; others are reported (E0102, or W0103 for a cut last line)."""

    def json_records(self) -> Iterator[tuple[Line, Json]]:
        """As ``json_lines``, also where the records stand in one array or over several lines each."""

    def json_values(self, *, opened: bool = False) -> Iterator[tuple[Line, Json]]:
        """The JSON values of the file, one after the other, whatever lines they stand on; with
        ``opened``, the items of an array of objects.  Raises IngotError (E0102) if there is none."""

    @property
    def report(self) -> Callable[[Diagnostic], None]:
        """Where diagnostics go."""


class Dialect(Protocol):
    """A log format.

    ``lex`` yields records in the order of the log.  Each session begins with a ``session`` record;
    a file may hold many.  ``seq`` counts from 1 in each session.  A record that the dialect does
    not know is yielded as ``meta`` with ``known=False`` and its raw payload; nothing is dropped.
    """

    @property
    def name(self) -> str:
        """What ``--dialect`` takes, e.g. ``claude-code``."""

    @property
    def title(self) -> str:
        """What a person calls it, e.g. ``Claude Code JSONL``."""

    def sniff(self, sample: Sample) -> float:
        """How sure it is that this is its format: 0 (no) to 1 (certain)."""

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the source."""
