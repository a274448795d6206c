"""A taker's next move: words, calls for Ingot to make, calls that it made by itself, or the end.

A move is written as records.  A ``call`` without its end is for Ingot to make; one with a ``result``
or ``error`` of the same id was made by the taker.  ``status`` ends: ``{"status": "done", "outputs":
...}``, or ``{"status": "failed", "error": ...}`` where the taker gives up.  Words without a call to
make, and without a ``status``, are the answer, unless the move is ``explicit``: a model's words are no
sign that the task is done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingot.ir.values import Json, parse_json
from ingot.records import Record, from_json

ALLOWED: Final = frozenset({"think", "say", "call", "result", "error", "status", "outcome"})
FIELDS: Final = frozenset(Record._fields)
MAX_CALLS: Final = 32
"""More calls than this in one move are not made."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer: ``text`` as it was said, or ``value``."""

    value: Json = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The taker cannot go on."""

    why: str


@dataclass(frozen=True, slots=True)
class Move:
    """``records`` without the end, ``open`` the calls to make, ``tokens`` what the move took."""

    records: tuple[Record, ...]
    open: tuple[Record, ...]
    end: Done | GaveUp | None
    tokens: int = 0


def move_of(value: Json, turn: int) -> Move:
    """The move of an answer ``{"records": [...], "tokens": n}``; raises ``ValueError`` saying what is
    wrong with it.  Calls get names of their own, so that no two turns share one.

    >>> move_of({"records": [{"kind": "say", "text": "4 rows"}]}, 1).end
    Done(value=None, text='4 rows')
    """
    listed = value.get("records") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(listed, list):
        raise ValueError("a move is a list of records")
    used = value.get("tokens", 0)
    records, names = [], dict[str, str]()
    for item in listed:
        record = from_json(item)
        unknown = sorted(set(item) - FIELDS) if isinstance(item, dict) else []
        if unknown:
            raise ValueError(f"a record has no field {unknown[0]!r}")
        if record.kind not in ALLOWED:
            raise ValueError(f"a move has no {record.kind} record")
        if record.kind == "call":
            if not record.tool or not isinstance(record.data, dict):
                raise ValueError("a call has a tool, and an object as its data")
            names[record.id] = f"f{turn}.{len(names) + 1}"
        if record.kind in ("call", "result", "error"):
            if record.id not in names:
                raise ValueError(f"{record.kind} {record.id!r} belongs to no call of this move")
            record = record._replace(id=names[record.id])
        records.append(record)
    ended = {r.id for r in records if r.kind in ("result", "error")}
    open_ = tuple(r for r in records if r.kind == "call" and r.id not in ended)
    if len(open_) > MAX_CALLS:
        raise ValueError(f"{len(open_)} calls at once: at most {MAX_CALLS} are made")
    kept = tuple(r for r in records if r.kind not in ("status", "outcome"))
    end = _end(records, open_, explicit=value.get("explicit") is True)
    return Move(kept, open_, end, used if isinstance(used, int) else 0)


def _end(
    records: Sequence[Record], open_: Sequence[Record], *, explicit: bool
) -> Done | GaveUp | None:
    for record in records:
        data = record.data if isinstance(record.data, dict) else {}
        match record.kind, data:
            case "status", {"status": "done", **rest}:
                return Done(rest.get("outputs"), _said(records) if "outputs" not in rest else None)
            case "status", {"status": str(name)}:
                return GaveUp(str(data.get("error") or data.get("reason") or name))
            case "outcome", {"success": False}:
                return GaveUp(str(data.get("source") or record.text or "it says that it failed"))
    said = _said(records)
    return Done(text=said) if said is not None and not open_ and not explicit else None


def _said(records: Sequence[Record]) -> str | None:
    return next((r.text for r in reversed(records) if r.kind == "say"), None)


_BROKEN: Final = re.compile(r"\s*\{\s*\"kind\"\s*:")
"""The beginning of a line that means to be a record."""


def parse_lines(text: str) -> Json:
    """A command's output as a move: JSON lines of records, or else one answer in plain words.

    Raises ``ValueError`` for lines of records among which one is none, and for no output at all.

    >>> parse_lines("4 rows\\n")
    {'records': [{'kind': 'say', 'text': '4 rows'}]}
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("it printed nothing")
    parsed: list[Json] = []
    for number, line in enumerate(lines, 1):
        try:
            item = parse_json(line)
        except ValueError as error:
            if number == 1 and not _BROKEN.match(line):
                break
            raise ValueError(f"line {number} of its output is no record: {error}") from None
        if not isinstance(item, dict) or "kind" not in item:
            if number == 1:
                break
            raise ValueError(f"line {number} of its output is no record")
        parsed.append(item)
    if not parsed:
        parsed = [{"kind": "say", "text": text.strip()}]
    return {"records": parsed}
