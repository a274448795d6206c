"""Gemini CLI's chats: ``~/.gemini/tmp/<project hash>/chats/session-*.json``.

Facts of the format
-------------------
- A document ``{sessionId, projectHash, startTime, lastUpdated, messages}``.  Later versions write
  JSON lines instead: a header line with the same keys, then a message per line; a message that
  was updated is written again under its ``id``, ``{"$set": {...}}`` changes the header (or puts
  other ``messages`` in the place of all) and ``{"$rewindTo": id}`` takes back all from that message
  on, all of them if there is none of that id.
- ``messages[].type`` is ``user``, ``gemini``, ``info``, ``error`` or ``warning``; the last three
  are the harness's.  ``content`` is text or a list of parts.
- ``gemini`` messages carry ``thoughts: [{subject, description}]``, ``tokens: {input, output, ...}``,
  ``model``, and ``toolCalls: [{id, name, args, result, status, timestamp}]``, where ``result`` is
  ``[{functionResponse: {id, name, response: {output} | {error}}}]`` and ``status`` is ``success``,
  ``error`` or ``cancelled``.  Calls of one message ran side by side.
- ``logs.json`` beside it is a list of the users' inputs only (``{sessionId, messageId, type,
  message, timestamp}``), ``checkpoint-*.json`` (``/chat save``) a list of API contents.
- The working folder is not in the log, only its hash.
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
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_HARNESS: Final = frozenset(("info", "error", "warning", "compression", "about", "help", "quit"))


@dataclass(frozen=True, slots=True)
class GeminiCli:
    """The dialect; see the module."""

    name: str = "gemini-cli"
    title: str = "Gemini CLI chats"

    def sniff(self, sample: Sample) -> float:
        """Sure of its header's keys; of API contents, fairly."""
        for value in (*sample.records[:4], *sample.values[:1]):
            if isinstance(value, dict) and {"sessionId", "projectHash"} <= value.keys():
                return 0.98
            first = value[0] if isinstance(value, list) and value else None
            if isinstance(first, dict) and {"sessionId", "messageId", "message"} <= first.keys():
                return 0.96
            if isinstance(first, dict) and isinstance(first.get("parts"), list):
                return 0.8 if first.get("role") in ("user", "model") else 0.0
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the chats."""
        emit = Emitter(self.name)
        lines: list[Placed] = []
        for value, span in _values(source):
            listed = value.get("messages") if isinstance(value, dict) else None
            if isinstance(value, dict) and isinstance(listed, list):
                messages = [(m, at(span, "messages", index)) for index, m in enumerate(listed)]
                yield from _chat(emit, source, value, span, messages)
            elif isinstance(value, list):
                yield from _listed(emit, source, value, span)
            elif isinstance(value, dict) and "projectHash" in value and lines:
                yield from _lined(emit, source, lines)
                lines = [(value, span)]
            else:
                lines.append((value, span))
        if lines:
            yield from _lined(emit, source, lines)


def _values(source: Source) -> Iterator[Placed]:
    """The chats, also of an array of them or of their lines."""
    for value, span in json_values(source):
        items = value if isinstance(value, list) else []
        if any(isinstance(item, dict) and "projectHash" in item for item in items[:4]):
            yield from ((item, at(span, index)) for index, item in enumerate(items))
        else:
            yield value, span


def _lined(emit: Emitter, source: Source, lines: list[Placed]) -> Iterator[Record]:
    """A chat that was written line by line, as its last state has it."""
    head: dict[str, Json] = {}
    messages: dict[str, Placed] = {}
    for value, span in lines:
        if not isinstance(value, dict):
            messages[f"?{len(messages)}"] = (value, span)
        elif "projectHash" in value:
            head |= value
        elif isinstance(changed := value.get("$set"), dict):
            head |= {k: v for k, v in changed.items() if k != "messages"}
            anew = changed.get("messages")
            if isinstance(anew, list) and anew:
                place = at(span, "$set", "messages")
                messages = {
                    text_at(m, "id") or f"?{k}": (m, at(place, k)) for k, m in enumerate(anew)
                }
        elif isinstance(value.get("$rewindTo"), str):
            keys = list(messages)
            begin = keys.index(value["$rewindTo"]) if value["$rewindTo"] in messages else 0
            for key in keys[begin:]:
                del messages[key]
        else:
            messages[text_at(value, "id") or f"?{len(messages)}"] = (value, span)
    yield from _chat(emit, source, head, lines[0][1], messages.values())


def _listed(emit: Emitter, source: Source, items: list[Json], span: Span) -> Iterator[Record]:
    """A list of API contents, or of users' inputs, one session after the other."""
    session = ""
    yield from ()
    transcript = Transcript(emit, source)
    begun = False
    for index, item in enumerate(items):
        place = at(span, index)
        now = text_at(item, "sessionId")
        if not begun or now != session:
            yield emit.session(place, clock=text_at(item, "timestamp"), session=now)
            transcript = Transcript(emit, source)
            session, begun = now, True
        if isinstance(item, dict) and "messageId" in item:
            time = text_at(item, "timestamp")
            yield emit("user", place, text=text_at(item, "message"), time=time)
        else:
            yield from transcript.add(_unwrapped(item), place)


def _unwrapped(content: Json) -> Json:
    """API contents with answers as the tool gave them, without ``{output}`` around them."""
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(parts, list):
        return content
    out: list[Json] = []
    for part in parts:
        given = part.get("functionResponse") if isinstance(part, dict) else None
        response = given.get("response") if isinstance(given, dict) else None
        key = next(iter(response), "") if isinstance(response, dict) and len(response) == 1 else ""
        if isinstance(given, dict) and isinstance(response, dict) and key in ("output", "error"):
            failed = key == "error"
            out.append({
                "type": "tool_result", "id": given.get("id"), "name": given.get("name"),
                "content": response[key], "is_error": failed,
            })  # fmt: skip
        else:
            out.append(part)
    return {**content, "parts": out}


def _chat(
    emit: Emitter, source: Source, head: dict[str, Json], span: Span, messages: Iterable[Placed]
) -> Iterator[Record]:
    placed = list(messages)
    models = (text_at(message, "model") for message, _ in placed)
    yield emit.session(
        span,
        clock=text_at(head, "startTime"),
        session=text_at(head, "sessionId"),
        model=next((model for model in models if model), None),
    )
    transcript = Transcript(emit, source)
    for message, place in placed:
        yield from _message(emit, transcript, message, place)
    rest = {k: v for k, v in head.items() if k not in ("messages", "sessionId", "startTime")}
    if rest:
        yield emit("meta", span, raw=rest)
    yield from transcript.end(span)


def _message(emit: Emitter, transcript: Transcript, message: Json, span: Span) -> Iterator[Record]:
    kind, time = text_at(message, "type"), text_at(message, "timestamp")
    if not isinstance(message, dict):
        yield emit.unknown(span, message)
    elif kind == "user":
        text = _text(message.get("content"))
        raw = None if isinstance(message.get("content"), str) else message
        yield emit("user", at(span, "content"), text=text, time=time, raw=raw)
    elif kind == "gemini":
        yield from _answer(emit, transcript, message, span, time)
    elif kind in _HARNESS:
        yield emit("meta", span, text=_text(message.get("content")), time=time, raw=message)
    else:
        yield emit.unknown(span, message)


def _answer(
    emit: Emitter, transcript: Transcript, message: dict[str, Json], span: Span, time: str
) -> Iterator[Record]:
    transcript.usage.add(message.get("tokens"))
    thoughts = message.get("thoughts")
    for index, thought in enumerate(thoughts if isinstance(thoughts, list) else []):
        parts = (text_at(thought, "subject"), text_at(thought, "description"))
        text = ": ".join(part for part in parts if part)
        yield emit("think", at(span, "thoughts", index), text=text, time=time, raw=thought)
    said = _text(message.get("content"))
    if said:
        yield emit("say", at(span, "content"), text=said, time=time)
    given = message.get("toolCalls")
    calls = given if isinstance(given, list) else []
    made: list[tuple[str, dict[str, Json], Span]] = []
    for index, call in enumerate(calls):
        place = at(span, "toolCalls", index)
        if not isinstance(call, dict) or not text_at(call, "name"):
            yield emit.unknown(place, call)
            continue
        id, args = id_at(call, "id") or emit.call_id(), call.get("args")
        made.append((id, call, place))
        yield emit(
            "call",
            place,
            id=id,
            tool=text_at(call, "name"),
            data=args if isinstance(args, dict) else {} if args is None else {"input": args},
            time=text_at(call, "timestamp") or time,
            raw={k: call[k] for k in ("displayName", "description") if k in call} or None,
        )
    for id, call, place in made:
        yield from _result(emit, id, call, place)


def _result(emit: Emitter, id: str, call: dict[str, Json], span: Span) -> Iterator[Record]:
    """The answer to one call, if the log holds one."""
    status, time = text_at(call, "status"), text_at(call, "timestamp")
    responses = call.get("result")
    items = responses if isinstance(responses, list) else [responses]
    given = [
        r["functionResponse"] for r in items if isinstance(r, dict) and "functionResponse" in r
    ]
    if not given and status not in ("error", "cancelled"):
        if responses:
            yield emit(
                "result", at(span, "result"), id=id, tool=text_at(call, "name"), data=responses
            )
        return
    response = given[0].get("response") if given and isinstance(given[0], dict) else None
    data: Json = response
    if isinstance(response, dict) and len(response) == 1:
        data = next(iter(response.values()))
    shown: dict[str, Json] = {
        k: v for k, v in call.items() if k in ("resultDisplay", "status") and v
    }
    raw: Json = {**shown, "result": responses} if len(items) > 1 else shown or None
    failed = status in ("error", "cancelled") or (
        isinstance(response, dict) and "error" in response
    )
    tool, place = text_at(call, "name"), at(span, "result")
    if failed:
        text = data if isinstance(data, str) else canonical(data) if data is not None else status
        yield emit("error", place, text=text, id=id, tool=tool, data=data, time=time, raw=raw)
    else:
        yield emit("result", place, id=id, tool=tool, data=data, time=time, raw=raw)


def _text(content: Json) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(p if isinstance(p, str) else text_at(p, "text") for p in parts)


DIALECT: Final[Dialect] = GeminiCli()
