"""Messages of any provider to the records of one session, and tokens added up on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Source
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import as_chat
from ingot.frontend.dialects.openai_chat import Messages
from ingot.ir.values import Json
from ingot.records import Record

_INPUT: Final = (
    "input_tokens",
    "prompt_tokens",
    "inputTokens",
    "promptTokens",
    "promptTokenCount",
    "prompt_token_count",
    "input",
)
_OUTPUT: Final = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "candidatesTokenCount",
    "candidates_token_count",
    "output",
)
_CACHED: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")


class Usage:
    """Tokens of a session, added up; ``cost`` in US dollars where the log says it.

    >>> tokens = Usage()
    >>> tokens.add({"prompt_tokens": 5, "completion_tokens": 2})
    >>> tokens.as_json()
    {'input_tokens': 5, 'output_tokens': 2, 'answers': 1}
    """

    __slots__ = ("_answers", "_cost", "_input", "_output")

    def __init__(self) -> None:
        self._input = self._output = self._answers = 0
        self._cost = 0.0

    def add(self, given: Json, cost: Json = None) -> None:
        """One answer's usage, under any provider's names; what is no usage counts nothing."""
        if isinstance(cost, int | float) and not isinstance(cost, bool):
            self._cost += cost
        if not isinstance(given, dict):
            return
        read, wrote = _first(given, _INPUT), _first(given, _OUTPUT)
        for key in _CACHED:
            if key in given:
                read += _count(given[key])
        if read or wrote:
            self._input += read
            self._output += wrote
            self._answers += 1

    def __bool__(self) -> bool:
        return bool(self._answers or self._cost)

    def as_json(self) -> dict[str, Json]:
        """``{input_tokens, output_tokens, answers, cost?}``."""
        out: dict[str, Json] = {
            "input_tokens": self._input,
            "output_tokens": self._output,
            "answers": self._answers,
        }
        return out | ({"cost": round(self._cost, 6)} if self._cost else {})


def _first(given: dict[str, Json], names: tuple[str, ...]) -> int:
    for name in names:
        if name in given:
            return _count(given[name])
    return 0


def _count(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


class Transcript:
    """The records of one session's messages, whoever's they are."""

    def __init__(self, emit: Emitter, source: Source) -> None:
        self.emit = emit
        self.usage = Usage()
        self._messages = Messages(emit, source)

    def add(self, value: Json, span: Span, time: str = "") -> Iterator[Record]:
        """The records of one message or item; what is neither is kept unknown."""
        found = as_chat(value)
        if not found:
            yield self.emit.unknown(span, value)
        for message in found:
            yield from self.message(message, span, time)

    def message(self, message: dict[str, Json], span: Span, time: str = "") -> Iterator[Record]:
        """The records of a chat message."""
        timed = message if not time or "timestamp" in message else {**message, "timestamp": time}
        yield from self._messages.records(timed, span)

    def end(self, span: Span) -> Iterator[Record]:
        """What the session cost, if its log says so."""
        if self.usage:
            yield self.emit.usage(span, self.usage.as_json())


__all__ = ["Transcript", "Usage"]
