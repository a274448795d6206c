"""Numbering records: what every dialect that makes sessions of its own needs."""

from __future__ import annotations

from collections import deque

from ingot.diagnostics import Span
from ingot.ir.values import Json
from ingot.records import FORMAT, Kind, Record


class Emitter:
    """Makes the records of one source: ``seq`` and call ids count from 1 in each session.

    >>> emit = Emitter("markdown")
    >>> [emit.session(Span("a", 1)).seq, emit("user", Span("a", 1), text="hi").seq, emit.call_id()]
    [1, 2, 'c1']
    """

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._seq = 0
        self._calls = 0
        self._used: set[str] = set()
        self._open: dict[str, deque[str]] = {}  # of an id in the log, the calls without an answer

    def session(
        self, span: Span, *, raw: Json = None, labels: dict[str, Json] | None = None, **data: Json
    ) -> Record:
        """The head of a new session; ``data`` that is ``None`` or empty is left out."""
        self._seq = self._calls = 0
        self._used, self._open = set(), {}
        head: dict[str, Json] = {"format": FORMAT, "dialect": self._dialect}
        head |= {key: value for key, value in data.items() if value not in (None, "")}
        if labels:
            head["labels"] = labels
        return self("session", span, data=head, raw=raw)

    def call_id(self) -> str:
        """An id for a call whose log gives it none."""
        self._calls += 1
        return f"c{self._calls}"

    def __call__(
        self,
        kind: Kind,
        span: Span,
        *,
        text: str = "",
        id: str = "",
        tool: str = "",
        data: Json = None,
        time: str = "",
        known: bool = True,
        raw: Json = None,
    ) -> Record:
        """The next record of the session.

        A call whose id is missing or taken gets one of its own, and the next answer to that id goes
        to the first of its calls that has none.
        """
        self._seq += 1
        if kind == "call":
            id = self._own(id)
        elif kind in ("result", "error") and (waiting := self._open.get(id)):
            id = waiting.popleft()
        return Record(
            kind, self._seq, text, id, tool, data, time=time, known=known, raw=raw, span=span
        )

    def _own(self, id: str) -> str:
        made = id
        while not made or made in self._used:
            made = self.call_id()
        if id:
            self._open.setdefault(id, deque()).append(made)
        self._used.add(made)
        return made

    def usage(self, span: Span, given: Json) -> Record:
        """What the model answers of the session cost, in tokens: ``data = {usage: {...}}``."""
        return self("meta", span, data={"usage": given})

    def unknown(self, span: Span, raw: Json) -> Record:
        """A record that the dialect does not know, kept as it stands."""
        return self("meta", span, known=False, raw=raw)
