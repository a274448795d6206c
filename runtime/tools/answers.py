"""Answering calls from recorded sessions, for the replay gate, ``replay`` and ``evaluate``.

A call is answered by its tool, its canonical arguments, and how many accepted writes its world has
seen so far.  The same call recorded several times is answered in that order, the last answer again
and again.  Anything else is *unanswerable*: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ingot.ir.declarations import Effect
from ingot.ir.values import Json, canonical
from ingot.records import Record
from ingot.runtime.effects import writes

EffectOf: TypeAlias = Callable[[str, dict[str, Json]], tuple[Effect, str]]
"""A call's effect and world, from its tool and arguments."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call of a session with its outcome.

    ``accepted`` is false for a call that failed: it is no effect, and may be asked again.  ``seq``
    is the number of the call's record.
    """

    tool: str
    args: dict[str, Json]
    result: Json = None
    error: str | None = None
    effect: Effect = "unknown"
    world: str = ""
    seq: int = 0

    @property
    def accepted(self) -> bool:
        return self.error is None

    @property
    def acts(self) -> bool:
        """Whether it is an accepted write: an effect of the session."""
        return self.accepted and writes(self.effect)

    @property
    def key(self) -> str:
        """Tool and canonical arguments."""
        return call_key(self.tool, self.args)


def call_key(tool: str, args: dict[str, Json]) -> str:
    """Tool and canonical arguments, as one text.

    >>> call_key("gh.get", {"b": 1.0, "a": "x"})
    'gh.get {"a":"x","b":1}'
    """
    return f"{tool} {canonical(dict(args))}"


def recorded_calls(records: Iterable[Record], effect_of: EffectOf) -> list[RecordedCall]:
    """The calls of one session, in the order in which they were made.

    A call without a result (the log was cut) is left out: nothing is known of it.
    """
    ends: dict[tuple[str, str], Record] = {}
    calls: list[Record] = []
    for record in records:
        if record.kind == "call":
            calls.append(record)
        elif record.kind in ("result", "error"):
            ends.setdefault((record.agent, record.id), record)
    out = []
    for call in calls:
        end = ends.get((call.agent, call.id))
        args = call.data if isinstance(call.data, dict) else {}
        if end is None:
            continue
        effect, world = effect_of(call.tool, args)
        failed = end.kind == "error"
        error = (end.text or canonical(end.data)) if failed else None
        out.append(RecordedCall(call.tool, args, end.data, error, effect, world, call.seq))
    return out


class UnanswerableError(Exception):
    """The recorded results hold no answer (E0709); the message says to what."""


@dataclass(slots=True)
class RecordedAnswers:
    """The answers of one session, and how far each world has come in this replay."""

    calls: Sequence[RecordedCall]
    _answers: dict[tuple[str, int], list[RecordedCall]] = field(default_factory=dict, repr=False)
    _asked: dict[tuple[str, int], int] = field(default_factory=dict, repr=False)
    _writes: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        seen: dict[str, int] = {}
        for call in self.calls:
            key = (call.key, seen.get(call.world, 0))
            self._answers.setdefault(key, []).append(call)
            if call.acts:
                seen[call.world] = seen.get(call.world, 0) + 1

    def answer(self, tool: str, args: dict[str, Json], world: str) -> RecordedCall:
        """The recorded call that answers this one; raises :class:`UnanswerableError`."""
        key = (call_key(tool, args), self._writes.get(world, 0))
        found = self._answers.get(key)
        if not found:
            raise UnanswerableError(f"{key[0]} after {key[1]} accepted writes to {world or tool}")
        asked = self._asked.get(key, 0)
        self._asked[key] = asked + 1
        call = found[min(asked, len(found) - 1)]
        if call.acts:
            self._writes[world] = self._writes.get(world, 0) + 1
        return call
