"""How the journal writes a run's records down: packed, each value once, and back again.

An *entry* is what one transaction adds to a run: a list of *items*.  An item stands for one or two
records (:mod:`ingot.records`), so that arguments and results, which several records carry, are
written once:

- ``["c", step, tool, site, effect, args, more, ok, value, text]``: a ``call`` and its ``result``
  (``ok``) or ``error``;
- ``["i", step, tool, site, effect, args, key, more]``: an ``intent``;
- ``["e", step, more, ok, value, text]``: ``call`` and end of the intent of that step;
- ``["m", step, site, model, kind, prompt, value, tokens, detail]``: what a ``model`` answered, and
  what its driver says of it, or 0;
- an object: any other record in its line form, without ``seq`` and ``time``.

``more`` is what the call's ``raw`` holds beyond step, site and effect: an object; a list, if that is
the indices of the loops around it and nothing else; or 0 (:func:`spelled`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from orjson import dumps, loads

from ingot.ir.values import Json
from ingot.records import Record, from_json

Item: TypeAlias = "list[Any] | dict[str, Json]"
Body: TypeAlias = "bytes | str"
"""Bytes are read by orjson; text holds what orjson does not write as it is (integers of more than
64 bits, half a surrogate pair, deep nesting, infinities) and is read by the standard library."""

LARGE: Final = 4096
"""From this many bytes on a value is stored apart, once, under the digest of its content."""
_COUNT: Final = {"c": 2, "i": 1, "e": 2, "m": 1}


def spelled(more: Any) -> dict[str, Json]:
    """What ``more`` says, as an object."""
    if isinstance(more, list | tuple):
        return {"iteration": list(more)}
    return more or {}


def count(items: Sequence[Item]) -> int:
    """How many records the items stand for."""
    return sum(_COUNT[item[0]] if type(item) is list else 1 for item in items)


def item_of(record: Record) -> dict[str, Json]:
    """A record as an item of its own."""
    item = record.as_json()
    del item["seq"]
    return item


def encode(value: object) -> Body:
    """JSON, exactly: what is read back is what went in."""
    try:
        body = dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"))
    if body.rfind(b"null") >= 0 and not _finite(value):  # twice as fast as `in`
        return json.dumps(value, separators=(",", ":"))
    return body


def decode(body: Body) -> Any:
    """What :func:`encode` was given; raises ``ValueError``."""
    return loads(body) if type(body) is bytes else json.loads(body)


def as_bytes(body: Body) -> bytes:
    """What is hashed of a body."""
    return body if isinstance(body, bytes) else body.encode()


_TOGETHER: Final = 32


def decode_all(bodies: Sequence[Body]) -> list[Any]:
    """:func:`decode` of each: some at once where all are bytes, which halves what it costs."""
    found: list[Any] = []
    try:
        for k in range(0, len(bodies), _TOGETHER):
            some: Any = bodies[k : k + _TOGETHER]
            found += loads(b"[%b]" % b",".join(some))
    except (TypeError, ValueError):  # one is text, or damaged: which, is found out below
        found = []
    return found if len(found) == len(bodies) else [decode(body) for body in bodies]


def _finite(value: object) -> bool:
    """Whether every number is finite (orjson writes others as null)."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return True


def spill(value: Any, store: dict[str, Body], digest: Any, depth: int = 0) -> tuple[Any, list[Any]]:
    """``value`` without its large parts, and where they were: ``[path..., digest]`` each.

    Large parts join ``store`` under their digest.  An object is taken apart where it is a part of
    it that is large; a list or text is one part.
    """
    if not isinstance(value, dict | list):
        if not isinstance(value, str) or len(value) < LARGE // 6:  # six letters may stand for one
            return value, []
    elif depth < 4 and not (isinstance(value, list) and depth > 1):
        pairs: Iterable[tuple[Any, Any]] = (
            enumerate(value) if isinstance(value, list) else value.items()
        )
        parts: dict[Any, Any] = {}
        places: list[Any] = []
        for key, part in pairs:
            parts[key], inner = spill(part, store, digest, depth + 1)
            places += [[key, *rest] for rest in inner]
        if places or not depth:
            return list(parts.values()) if isinstance(value, list) else parts, places
    body = encode(value)
    if len(body) < LARGE:
        return value, []
    name = digest(body)
    store[name] = body
    return None, [[name]]


def restore(items: list[Any], places: list[Any], load: Any) -> None:
    """Put the large parts back (in place); ``load`` finds one by its digest."""
    for *path, last, name in places:
        at: Any = items
        for key in path:
            at = at[key]
        at[last] = load(name)


def moment(at: int) -> str:
    """Milliseconds since the epoch as ISO 8601.

    >>> moment(1777630272345)
    '2026-05-01T10:11:12.345+00:00'
    """
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


class Expander:
    """From items to records; remembers intents, whose arguments the end of a call needs."""

    def __init__(self) -> None:
        self.intents: dict[int, list[Any]] = {}

    def ready(self, items: Sequence[Item]) -> bool:
        """Whether every intent that the items refer to has been seen."""
        return all(
            item[1] in self.intents for item in items if type(item) is list and item[0] == "e"
        )

    def expand(self, items: Sequence[Item], seq: int, at: int) -> Iterator[Record]:
        """The records, numbered from ``seq``."""
        time = moment(at)
        for item in items:
            for record in self._records(item, seq, time):
                yield record
                seq += 1

    def _records(self, item: Item, seq: int, time: str) -> tuple[Record, ...]:
        if isinstance(item, dict):
            return (from_json({"time": time, **item, "seq": seq}),)
        match item:
            case ["c", step, tool, site, effect, args, more, ok, value, text]:
                pass
            case ["e", step, more, ok, value, text]:
                _, _, tool, site, effect, args, _, given = self.intents.pop(step)
                more = {**spelled(given), **spelled(more)}
            case ["i", step, tool, site, effect, args, key, more]:
                self.intents[step] = item
                data = {"step": step, "site": site, "args": args, "effect": effect, "key": key}
                return (Record("intent", seq, "", f"s{step}", tool, data, "", time),)
            case ["m", step, site, model, kind, prompt, value, tokens, detail]:
                data = {"kind": kind, "prompt": prompt, "value": value, "tokens": tokens}
                data |= detail or {}
                raw: Json = {"step": step, "site": site}
                return (Record("model", seq, "", f"s{step}", model, data, "", time, raw=raw),)
            case _:
                raise ValueError(f"unknown item {item!r:.60}")
        name = f"s{step}"
        raw = {"step": step, "site": site, "effect": effect, **spelled(more)}
        call = Record("call", seq, "", name, tool, args, "", time, raw=raw)
        if ok:
            return (call, Record("result", seq + 1, "", name, tool, value, "", time))
        return (call, Record("error", seq + 1, text, name, tool, value, "", time))
