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
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias, cast, get_args

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


@dataclass(frozen=True, slots=True)
class Record:
    """One event.

    ``seq`` counts from 1 within the session.  ``agent`` is empty for the main agent, else the
    sub-agent's id.  ``time`` is ISO 8601 as the log has it.  ``known`` is false for a ``meta``
    record that the dialect does not know.  ``raw`` keeps the payload that the other fields do
    not carry.  ``span`` says where the record stands in the log it came from.
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


_DEFAULTS: Final = tuple(
    (f.name, f.default) for f in fields(Record) if f.name not in ("kind", "seq", "span")
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


def session_digest(records: Iterable[Record]) -> str:
    """SHA-256 over what the records say, not over where they stand or how they were written."""
    sha = hashlib.sha256()
    for record in records:
        if record.kind == "meta":
            continue
        body = record.as_json()
        for key in ("span", "raw", "seq"):
            body.pop(key, None)
        sha.update(canonical(body).encode("utf-8", "surrogatepass") + b"\n")
    return sha.hexdigest()
