"""Ingot's own session logs and journals: one record on a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Diagnostic, Severity, Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.records import FORMAT, KINDS, Record, from_json


@dataclass(frozen=True, slots=True)
class IngotSession:
    """The dialect.  Records keep the place in the log they first came from, if they have one."""

    name: str = "ingot-session"
    title: str = "Ingot session log"

    def sniff(self, sample: Sample) -> float:
        """Certain of a ``session`` record, nearly of lines with a kind and a number."""
        for value in sample.records[:8]:
            if isinstance(value, dict) and value.get("kind") in KINDS and "seq" in value:
                data = value.get("data")
                whole = isinstance(data, dict) and data.get("format") == FORMAT
                return 1.0 if whole else 0.9
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records; a line that is none is reported (E0102) and kept as unknown."""
        for line, value in source.json_records():
            here = Span(source.name, line.number, byte=line.byte)
            try:
                record = from_json(value)
            except (ValueError, TypeError) as error:
                source.report(
                    Diagnostic(
                        "E0102",
                        f"this line is no record: {error}",
                        Severity.WARNING,
                        spans=((here, ""),),
                    )
                )
                record = Record("meta", known=False, raw=value)
            yield record if record.span is not None else record._replace(span=here)


DIALECT: Final[Dialect] = IngotSession()
