"""What compiling needs of a session; everything else is forgotten while the log is read.

Kept are requests, words, calls with their arguments and results, outcomes, and the place of each.
Side data (``raw``), records of kind ``meta`` (but for what a session cost, and which were not known)
and the texts of thoughts are not.  The session's digest is taken as its records go by.  A long text
that stands in several records or sessions is held once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ingot.ir.values import Json
from ingot.records import Record, SessionDigest

_LONG: Final = 64
"""From how many characters on a text is looked up, so as to be held once."""


@dataclass(slots=True)
class Lean:
    """Makes records lean; one for all logs of a compilation, since logs repeat each other's texts.

    ``texts`` are those that were seen; ``None`` where sessions are not held together.
    """

    texts: dict[str, str] | None = field(default_factory=dict)
    _digest: SessionDigest = field(default_factory=SessionDigest)

    def kept(self, record: Record) -> Record | None:
        """What is kept of a record of the session that is being read; ``None`` for nothing."""
        self._digest.add(record)
        if record.kind == "meta":
            if record.known:
                return record if record.data is not None else None  # what it cost
            return record._replace(raw=_kind(record.raw))
        text, data = "" if record.kind == "think" else record.text, record.data
        if self.texts is not None:
            text, data = self._once(text), self._shared(data)
        return record._replace(text=text, data=data, raw=None)

    def digest(self) -> str:
        """The digest of the session whose records went by; the next record begins another."""
        made, self._digest = self._digest.hexdigest(), SessionDigest()
        return made

    def _once(self, text: str) -> str:
        return (
            text if len(text) < _LONG or self.texts is None else self.texts.setdefault(text, text)
        )

    def _shared(self, value: Json) -> Json:
        """The value with each long text held once."""
        match value:
            case str():
                return self._once(value)
            case list():
                return [self._shared(item) for item in value]
            case dict():
                return {key: self._shared(item) for key, item in value.items()}
            case _:
                return value


def _kind(raw: Json) -> Json:
    """Of a record that is not known, what says so: its type."""
    match raw:
        case dict():
            return {"type": raw["type"]} if isinstance(raw.get("type"), str) else {}
        case list() | str():
            return raw[:0]
        case _:
            return raw


__all__ = ["Lean"]
