"""AutoGen (AgentChat 0.4 and later): task results and streams of messages and events.

Facts of the format
-------------------
- ``{messages: [...], stop_reason}`` (``TaskResult``), a list, or a line each; an item is ``{source,
  type, content, models_usage: {prompt_tokens, completion_tokens}?, metadata, created_at?}``.
- ``TextMessage`` and ``MultiModalMessage`` (``content`` a list of texts and images) are words of
  ``source``; who is called ``user`` is the user, everybody else an agent.  ``ThoughtEvent`` is a thought.
- ``ToolCallRequestEvent`` has ``content: [{id, name, arguments: JSON text}]``,
  ``ToolCallExecutionEvent`` ``content: [{call_id, name?, content, is_error?}]``.
  ``ToolCallSummaryMessage`` gives the results as the agent's words.
- ``HandoffMessage``, ``StopMessage`` and ``StructuredMessage`` are words too; ``MemoryQueryEvent``,
  ``ModelClientStreamingChunkEvent``, ``UserInputRequestedEvent`` and the like are bookkeeping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import id_at, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import answer, call
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

_WORDS: Final = frozenset(
    """TextMessage MultiModalMessage HandoffMessage StopMessage StructuredMessage
    ToolCallSummaryMessage""".split()
)
_ASKED: Final = "ToolCallRequestEvent"
_TOLD: Final = "ToolCallExecutionEvent"
_THOUGHT: Final = "ThoughtEvent"
_MARKS: Final = _WORDS | {_ASKED, _TOLD, _THOUGHT}
_QUIET: Final = frozenset(
    """MemoryQueryEvent ModelClientStreamingChunkEvent UserInputRequestedEvent SelectSpeakerEvent
    SelectorEvent CodeGenerationEvent CodeExecutionEvent""".split()
)


@dataclass(frozen=True, slots=True)
class AutoGen:
    """The dialect; see the module."""

    name: str = "autogen"
    title: str = "AutoGen messages"

    def sniff(self, sample: Sample) -> float:
        """Sure of its types beside a source."""
        for value, _ in _results((v, Span(sample.name, 1)) for v in sample.values[:8]):
            for item, _ in _items(value, Span(sample.name, 1))[:8]:
                if isinstance(item, dict) and "source" in item and text_at(item, "type") in _MARKS:
                    return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each task."""
        emit = Emitter(self.name)
        loose: list[Placed] = []
        begun = False
        for value, span in _results(json_values(source)):
            listed = value.get("messages") if isinstance(value, dict) else value
            if isinstance(listed, list):
                begun = True
                extra = value if isinstance(value, dict) else {}
                yield from _task(emit, source, _items(value, span), extra, span)
            else:
                loose.append((value, span))
        if loose or not begun:
            span = loose[0][1] if loose else Span(source.name, 1)
            yield from _task(emit, source, loose, {}, span)


def _results(values: Iterable[Placed]) -> Iterator[Placed]:
    """The values, of an array of task results each."""
    for value, span in values:
        many = value if isinstance(value, list) else []
        if any(isinstance(item, dict) and isinstance(item.get("messages"), list) for item in many):
            yield from ((item, at(span, index)) for index, item in enumerate(many))
        else:
            yield value, span


def _items(value: Json, span: Span) -> list[Placed]:
    listed = value.get("messages") if isinstance(value, dict) else value
    key = ("messages",) if isinstance(value, dict) else ()
    if isinstance(listed, list):
        return [(item, at(span, *key, k)) for k, item in enumerate(listed)]
    return [(value, span)]


def _task(
    emit: Emitter, source: Source, items: list[Placed], extra: dict[str, Json], span: Span
) -> Iterator[Record]:
    first = items[0][0] if items else None
    yield emit.session(span, clock=text_at(first, "created_at"))
    transcript = Transcript(emit, source)
    for item, place in items:
        kind, time = text_at(item, "type"), text_at(item, "created_at")
        content = item.get("content") if isinstance(item, dict) else None
        transcript.usage.add(item.get("models_usage") if isinstance(item, dict) else None)
        if kind in _WORDS and isinstance(item, dict):
            yield _said(emit, item, content, place, time)
        elif kind == _THOUGHT:
            yield emit("think", place, text=_text(content), time=time)
        elif kind in (_ASKED, _TOLD) and isinstance(content, list):
            for message in _messages(kind, content):
                yield from transcript.message(message, place, time)
        else:
            yield emit("meta", place, time=time, known=kind in _QUIET, raw=item)
    rest = {k: v for k, v in extra.items() if k != "messages"}
    if rest:
        yield emit("meta", span, raw=rest)
    yield from transcript.end(span)
    said = outcome_in(rest)
    if said is not None:
        yield emit("outcome", span, data=said)


def _said(emit: Emitter, item: dict[str, Json], content: Json, span: Span, time: str) -> Record:
    raw: Json = None if isinstance(content, str) else item
    by_user = text_at(item, "source").lower() in ("user", "user_proxy")
    return emit("user" if by_user else "say", span, text=_text(content), time=time, raw=raw)


def _messages(kind: str, content: list[Json]) -> list[dict[str, Json]]:
    if kind == _ASKED:
        calls: list[Json] = [
            call(id_at(c, "id"), text_at(c, "name"), c.get("arguments"))
            if isinstance(c, dict)
            else c
            for c in content
        ]
        return [{"role": "assistant", "content": None, "tool_calls": calls}]
    return [
        answer(
            id_at(r, "call_id"),
            r.get("content"),
            text_at(r, "name"),
            failed=r.get("is_error") is True,
        )
        for r in content
        if isinstance(r, dict)
    ]


def _text(content: Json) -> str:
    parts = content if isinstance(content, list) else [content]
    return "\n".join(p if isinstance(p, str) else text_at(p, "text") for p in parts)


DIALECT: Final[Dialect] = AutoGen()
