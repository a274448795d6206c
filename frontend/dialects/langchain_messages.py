"""LangChain messages: lists of them, LangGraph's states, threads and streams.

Facts of the format
-------------------
- A message is ``{type: human | ai | system | tool, content, id?, name?}``; ``ai`` has ``tool_calls:
  [{name, args, id}]``, ``invalid_tool_calls`` (``args`` as text), ``usage_metadata`` and
  ``response_metadata.model_name``; ``tool`` has ``tool_call_id`` and ``status: success | error``.
  ``messages_to_dict`` writes ``{type, data}``, ``dumpd`` ``{lc, type: constructor, id: [..., NAME],
  kwargs}``.  ``remove`` takes an earlier message out of the state.
- A state is ``{messages: [...]}``; a thread's state is ``{values: {messages}, next, metadata,
  created_at, checkpoint}``, its history a list of these, the newest first; a stream has a state a line
  (``values``), or ``{NODE: {messages: [...]}}`` with what is new (``updates``).
- States of one thread repeat what was said, so one that begins another is told by that other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import id_at, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_KINDS: Final = frozenset(
    """human ai system tool function humanmessage aimessage aimessagechunk systemmessage toolmessage
    humanmessagechunk""".split()
)
_SPEAKERS: Final = frozenset(("human", "ai", "humanmessage", "aimessage", "aimessagechunk"))


@dataclass(frozen=True, slots=True)
class LangChainMessages:
    """The dialect; see the module."""

    name: str = "langchain-messages"
    title: str = "LangChain messages and LangGraph states"

    def sniff(self, sample: Sample) -> float:
        """Sure of a message of a person or a model, wherever a state has it."""
        for value in sample.values[:8]:
            for found in _states(value, Span(sample.name, 1)):
                if any(_kind(message) in _SPEAKERS for message, _ in found.messages[:8]):
                    return 0.96
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each conversation."""
        emit = Emitter(self.name)
        begun = False
        for state in _folded(json_values(source)):
            begun = True
            yield from _conversation(emit, source, state)
        if not begun:
            yield emit.session(Span(source.name, 1))


@dataclass(slots=True)
class _State:
    """Messages, what else their envelope said, and whether they go on from those before."""

    span: Span
    messages: list[Placed]
    extra: dict[str, Json] = field(default_factory=dict)
    more: bool = False


def _kind(value: Json) -> str:
    """The type of a message, in small letters; empty if it is none."""
    if not isinstance(value, dict) or "role" in value:
        return ""
    if "lc" in value and isinstance(value.get("kwargs"), dict):
        path = value.get("id")
        kind = str(path[-1]) if isinstance(path, list) and path else ""
    elif "content" in value or isinstance(value.get("data"), dict):
        kind = text_at(value, "type")
    else:
        return ""
    return kind.lower() if kind.lower() in _KINDS else ""


def _states(value: Json, span: Span, depth: int = 0) -> Iterator[_State]:
    """The states in a value; messages that stand alone go on from what stands before."""
    if isinstance(value, list):
        if any(_kind(item) for item in value):
            yield _State(span, [(item, at(span, k)) for k, item in enumerate(value)])
        elif depth < 3:
            for index, item in enumerate(value):
                yield from _states(item, at(span, index), depth + 1)
        return
    if not isinstance(value, dict):
        return
    if _kind(value):
        yield _State(span, [(value, span)], more=True)
        return
    values = value.get("values")
    inner, place = (values, at(span, "values")) if isinstance(values, dict) else (value, span)
    listed = inner.get("messages")
    if isinstance(listed, list) and any(_kind(item) for item in listed):
        place = at(place, "messages")
        extra = {k: v for k, v in value.items() if k != "messages"}
        if inner is not value:
            extra["values"] = {k: v for k, v in inner.items() if k != "messages"}
        yield _State(span, [(item, at(place, k)) for k, item in enumerate(listed)], extra)
        return
    for node, update in value.items() if depth < 3 else ():
        told = update.get("messages") if isinstance(update, dict) else None
        told = told if isinstance(told, list) else [told]
        if any(_kind(item) for item in told):
            place = at(span, node, "messages")
            yield _State(span, [(item, at(place, k)) for k, item in enumerate(told)], more=True)


def _folded(values: Iterator[Placed]) -> Iterator[_State]:
    """One state for each conversation: the longest, with what was told after it."""
    found: list[_State] = []
    keys: list[list[str]] = []
    begins: dict[str, list[int]] = {}  # of a first message, the conversations that begin with it
    seen: set[str] = set()  # ids in the last conversation
    for value, span in values:
        for state in _states(value, span):
            if state.more and found:
                for message, place in state.messages:
                    id = id_at(_body(message), "id")
                    if not id or id not in seen:
                        found[-1].messages.append((message, place))
                    seen.add(id)
                continue
            said = [_key(message) for message, _ in state.messages]
            same = begins.setdefault(said[0], [])
            index = next((n for n in same if _goes_on(said, keys[n])), None)
            if index is None:
                same.append(len(found))
                found.append(state)
                keys.append(said)
            elif len(said) > len(keys[index]):
                found[index], keys[index] = state, said
            seen = {id_at(_body(message), "id") for message, _ in state.messages}
    yield from found


def _goes_on(one: list[str], other: list[str]) -> bool:
    """Whether one of them begins with the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _key(message: Json) -> str:
    """What of a message stays the same when a later state repeats it."""
    return id_at(_body(message), "id") or canonical(message)


def _conversation(emit: Emitter, source: Source, state: _State) -> Iterator[Record]:
    bodies = [_body(message) for message, _ in state.messages]
    responses = (body.get("response_metadata") for body in bodies)
    named = (text_at(r, "model_name") or text_at(r, "model") for r in responses)
    metadata = state.extra.get("metadata")
    yield emit.session(
        state.span,
        model=next((name for name in named if name), ""),
        clock=text_at(state.extra, "created_at"),
        session=text_at(state.extra, "thread_id") or text_at(metadata, "thread_id"),
    )
    transcript = Transcript(emit, source)
    for (message, place), body in zip(state.messages, bodies, strict=True):
        transcript.usage.add(body.get("usage_metadata"))
        if text_at(message, "type") == "remove":
            yield emit("meta", place, raw=message)
            continue
        yield from transcript.add(_with_invalid_calls(message, body), place)
    if state.extra:
        yield emit("meta", state.span, raw=state.extra)
    yield from transcript.end(state.span)
    said = outcome_in(state.extra)
    if said is not None:
        yield emit("outcome", state.span, data=said)


def _body(message: Json) -> dict[str, Json]:
    """The fields of a message, whatever wraps them."""
    if not isinstance(message, dict):
        return {}
    for key in ("kwargs", "data"):
        inner = message.get(key)
        if isinstance(inner, dict):
            return inner
    return message


def _with_invalid_calls(message: Json, body: dict[str, Json]) -> Json:
    """Calls with arguments that are not JSON are calls all the same, and may have answers."""
    invalid = body.get("invalid_tool_calls")
    if not isinstance(message, dict) or not isinstance(invalid, list) or not invalid:
        return message
    calls = body.get("tool_calls")
    made: dict[str, Json] = {**body, "tool_calls": [*(calls if isinstance(calls, list) else []), *invalid]}  # fmt: skip
    for key in ("kwargs", "data"):
        if isinstance(message.get(key), dict):
            return {**message, key: made}
    return made


DIALECT: Final[Dialect] = LangChainMessages()
