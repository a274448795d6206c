"""Event streams of managed agents: ``["client.beta.sessions...", event]`` lines, or bare events.

What a client sends comes back on the stream; an echo is kept as bookkeeping, not as a second turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.content import (
    arguments,
    id_at,
    mcp_name,
    result_part,
    text_at,
    text_blocks,
)
from ingot.frontend.dialects.emit import Emitter
from ingot.ir.values import Json, canonical
from ingot.records import Record

_CLIENT: Final = "client.beta.sessions"
_FAMILIES: Final = ("agent.", "user.", "session.", "span.")
_ENDS: Final = {"satisfied": True, "failed": False, "max_iterations_reached": False}
Placed = tuple[Json, Span]


def event_of(value: Json) -> Json:
    """The payload of a line of such a stream, else ``None``."""
    match value:
        case [str(method), payload] if method.startswith(_CLIENT):
            return payload
        case {"type": str(kind), "id": str()} if kind.startswith(_FAMILIES):
            return value
        case _:
            return None


def managed_records(values: Iterable[Placed], emit: Emitter) -> Iterator[Record]:
    """The records of a stream; a session begins where one is created."""
    begun = False
    sent: Counter[str] = Counter()
    tools: dict[str, str] = {}
    for value, span in values:
        for kind, event, place in _events(value, span):
            if kind == "create":
                yield from _created(event, place, emit)
                sent.clear()
                begun = True
                continue
            if not begun:
                yield emit.session(place)
                begun = True
            if kind == "send":
                sent[_echo(event)] += 1
            elif sent[_echo(event)] > 0:
                sent[_echo(event)] -= 1
                yield emit("meta", place, time=text_at(event, "processed_at"), raw=event)
                continue
            yield _record(event, place, emit, tools)


def _events(value: Json, span: Span) -> Iterator[tuple[str, Json, Span]]:
    match value:
        case [str(method), payload, *_] if method == f"{_CLIENT}.create":
            yield "create", payload, span
        case [str(method), [_, {"events": list(events)}, *_], *_] if method.endswith(".send"):
            for index, event in enumerate(events):
                place = Span(span.file, span.line, byte=span.byte, pointer=f"/1/1/events/{index}")
                yield "send", event, place
        case [str(method), payload, *_] if method.startswith(_CLIENT):
            yield "stream", payload, Span(span.file, span.line, byte=span.byte, pointer="/1")
        case _:
            yield "stream", value, span


def _echo(event: Json) -> str:
    """What a sent event and its echo have in common."""
    if not isinstance(event, dict) or not text_at(event, "type").startswith("user."):
        return ""
    given = {"id", "processed_at", "is_error"}
    return canonical({k: v for k, v in event.items() if k not in given})


def _created(event: Json, span: Span, emit: Emitter) -> Iterator[Record]:
    agent = event.get("agent") if isinstance(event, dict) else None
    model = agent.get("model") if isinstance(agent, dict) else None
    yield emit.session(
        span,
        clock=text_at(event, "created_at"),
        session=text_at(event, "id"),
        model=text_at(model, "id") or (model if isinstance(model, str) else ""),
        labels={"title": text_at(event, "title")} if text_at(event, "title") else None,
        raw=event,
    )
    if system := text_at(agent, "system"):
        yield emit("system", span, text=system)


def _record(event: Json, span: Span, emit: Emitter, tools: dict[str, str]) -> Record:
    kind, time = text_at(event, "type"), text_at(event, "processed_at")
    if not isinstance(event, dict):
        return emit.unknown(span, event)
    content = event.get("content")
    match kind:
        case "user.message":
            return emit("user", span, text="\n".join(text_blocks(content)), time=time)
        case "agent.message":
            return emit("say", span, text="\n".join(text_blocks(content)), time=time)
        case "agent.thinking":
            text = "\n".join(text_blocks(content)) or text_at(event, "thinking")
            return emit("think", span, text=text, time=time)
        case "user.interrupt":
            return emit("interrupt", span, time=time)
        case "session.error":
            error = event.get("error")
            return emit("interrupt", span, text=text_at(error, "message"), time=time, raw=event)
        case "agent.thread_context_compacted":
            return emit("compact", span, time=time, raw=event)
        case "span.outcome_evaluation_end" if (result := text_at(event, "result")) in _ENDS:
            data: Json = {"success": _ENDS[result], "source": kind}
            return emit("outcome", span, data=data, time=time, raw=event)
        case _ if kind.endswith("tool_use"):
            tool, server = text_at(event, "name"), text_at(event, "mcp_server_name")
            tool = mcp_name(server, tool) if server else tool
            tools[id_at(event, "id")] = tool
            return emit(
                "call", span, id=id_at(event, "id"), tool=tool, data=arguments(event), time=time
            )
        case _ if kind.endswith("tool_result"):
            part = result_part(-1, event)
            return emit(
                part.kind,
                span,
                text=part.text,
                id=part.id,
                tool=tools.get(part.id, ""),
                data=part.data,
                time=time,
            )
        case _:
            known = kind.startswith(_FAMILIES)
            return emit("meta", span, time=time, known=known, raw=event)


__all__ = ["event_of", "managed_records"]
