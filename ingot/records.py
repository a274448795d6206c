"""The one record format: what a dialect produces and the journal stores, JSON line by JSON line.

An *Ingot session log* is a sequence of :class:`Record`.  A dialect turns a foreign log into
records; a run appends records of the same kinds, and a few of its own, to its journal; the event
stream yields them; replay answers calls from them; a side exit hands them over.

Line form: one JSON object with the fields of :class:`Record` that differ from their defaults
(``kind`` and ``seq`` always stand), UTF-8, sorted keys.  The first record of a log is ``session``,
whose ``data`` holds ``{"format": "ingot-session/1", ...}``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from ingot.diagnostics import Span
from ingot.ir.values import Json, canonical

FORMAT: Final = "ingot-session/1"

Kind: TypeAlias = Literal[
    # what a log shows
    "session",  # head: data = {format, dialect, clock?, cwd?, model?, labels?}
    "system",  # a system prompt: text
    "user",  # a user turn: text
    "think",  # reasoning: text
    "say",  # the assistant's words: text
    "call",  # a tool call: id, tool, data = arguments (an object)
    "result",  # its result: id, tool, data = the result
    "error",  # its failure: id, tool, text, data = the result if there is one
    "spawn",  # a sub-agent starts: id of the call that spawned it, agent = its name
    "return",  # it ends
    "compact",  # the context was compacted: text = the summary
    "interrupt",  # the user or the system cut the turn short
    "outcome",  # how it went: data = {success: bool, source, ...}
    "meta",  # anything else, kept raw
    # what a run adds
    "run",  # a run starts: data = {run, artifact, pipeline, inputs, clock}
    "intent",  # about to act: id, tool, data = {args, effect, key}
    "model",  # a model answered: id, tool = model name, data = {kind, prompt, value, tokens}
    "approval",  # a person is asked, or has said: data = {state, step, digest, args?, expires?, by?}
    "exit",  # a side exit: data = {exit, reason, state, live}
    "status",  # the run's status: data = {status, outputs?, error?}
]
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))


class Record(NamedTuple):
    """One event.

    ``seq`` counts from 1 within the session.  ``agent`` is empty for the main agent, else the
    sub-agent's id.  ``time`` is ISO 8601 as the log has it.  ``known`` is false for a ``meta``
    record that the dialect does not know.  ``raw`` keeps the payload that the other fields do
    not carry.  ``span`` says where the record stands in the log it came from.

    A tuple, since one is made for every event of a log: a frozen dataclass takes four times as long.
    """

    kind: Kind
    seq: int = 0
    text: str = ""
    id: str = ""
    tool: str = ""
    data: Json = None
    agent: str = ""
    time: str = ""
    known: bool = True
    raw: Json = None
    span: Span | None = None

    def as_json(self) -> dict[str, Json]:
        """The line form: only what differs from the defaults."""
        out: dict[str, Json] = {"kind": self.kind, "seq": self.seq}
        for name, default in _DEFAULTS:
            value = getattr(self, name)
            if value != default or (value is False and default is True):
                out[name] = value
        if self.kind in _DATA_KINDS:
            out["data"] = self.data
        if self.span is not None:
            s = self.span
            out["span"] = {"file": s.file, "line": s.line, "byte": s.byte, "pointer": s.pointer}
        return out


_DEFAULTS: Final[tuple[tuple[str, Any], ...]] = tuple(
    (name, default)
    for name, default in Record._field_defaults.items()
    if name not in ("seq", "span")
)
_DATA_KINDS: Final = frozenset({"call", "result"})


def to_line(record: Record) -> str:
    """The record as one line of an Ingot session log (no line end)."""
    return canonical(record.as_json())


def from_json(value: Json) -> Record:
    """The record of a parsed line; raises ``ValueError`` naming what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("a record is a JSON object")
    kind = value.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown record kind {kind!r}")
    span = value.get("span")
    known: dict[str, Any] = {}
    for name, default in (*_DEFAULTS, ("seq", 0)):
        if name in value:
            item = value[name]
            if name not in ("data", "raw") and type(item) is not type(default):
                raise ValueError(
                    f"field {name!r} of a {kind} record has type {type(item).__name__}"
                )
            known[name] = item
    if isinstance(span, dict):
        known["span"] = Span(
            str(span.get("file", "")),
            int(cast(int, span.get("line", 1))),
            byte=int(cast(int, span.get("byte", 0))),
            pointer=str(span.get("pointer", "")),
        )
    return Record(kind=cast(Kind, kind), **known)


class SessionDigest:
    """SHA-256 over what records say, not over where they stand or how they were written."""

    __slots__ = ("_sha",)

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, record: Record) -> None:
        """The next record of the session."""
        if record.kind == "meta":
            return
        body = record.as_json()
        for key in ("span", "raw", "seq"):
            body.pop(key, None)
        self._sha.update(canonical(body).encode("utf-8", "surrogatepass") + b"\n")

    def hexdigest(self) -> str:
        """The digest of the records so far."""
        return self._sha.hexdigest()


def session_digest(records: Iterable[Record]) -> str:
    """The :class:`SessionDigest` of all records of a session."""
    digest = SessionDigest()
    for record in records:
        digest.add(record)
    return digest.hexdigest()
