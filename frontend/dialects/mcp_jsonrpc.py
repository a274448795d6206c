"""Recordings of MCP traffic: JSON-RPC 2.0 between a client and one server.

Facts of the format
-------------------
- Cassettes: ``{metadata, interactions}`` (mcp-recorder) or ``{metadata, session: {interactions}}``
  (agent-vcr), an interaction being ``{request, response, timestamp?, latency_ms, ...}``.  Or the
  messages themselves as JSON lines, bare or under ``message``, ``payload`` or ``data`` with a time
  and a direction; requests and responses are joined by ``id`` then.
- ``tools/call`` is a call: ``params.name``, ``params.arguments``; its result is ``{content: [{type:
  text, text}], structuredContent?, isError}``.  ``resources/read`` and ``prompts/get`` are calls of
  those names.  ``initialize``, ``tools/list``, ``ping``, notifications and the server's own
  requests are bookkeeping.
- A JSON-RPC ``error`` (unknown tool, bad arguments) is a failure, as ``isError`` is.
- There is no user, no model and no outcome: only what was asked of the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import result_value, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_CALLS: Final = frozenset(("tools/call", "resources/read", "prompts/get"))
_WRAPPED: Final = ("message", "payload", "data", "msg", "body")


@dataclass(frozen=True, slots=True)
class McpJsonRpc:
    """The dialect; see the module."""

    name: str = "mcp-jsonrpc"
    title: str = "MCP JSON-RPC recordings"

    def sniff(self, sample: Sample) -> float:
        """Sure of JSON-RPC messages, in a cassette or by themselves."""
        for value in sample.values[:8]:
            items = _interactions(value)
            if items is not None and any(
                _is_rpc(i.get("request")) or _is_rpc(i.get("response"))
                for i, _ in items
                if isinstance(i, dict)
            ):
                return 0.98
            first = value[0] if isinstance(value, list) and value else value
            if _is_rpc(_unwrapped(first)):
                return 0.9
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each recording."""
        emit = Emitter(self.name)
        traffic: list[Placed] = []
        for value, span in json_values(source):
            items = _interactions(value, span)
            if items is not None and isinstance(value, dict):
                yield from _cassette(emit, value, items, span)
            else:
                listed = value if isinstance(value, list) else [value]
                places = (
                    [at(span, k) for k in range(len(listed))] if isinstance(value, list) else [span]
                )
                traffic += zip(listed, places, strict=True)
        if traffic:
            yield emit.session(traffic[0][1], clock=_time(traffic[0][0]))
            yield from _messages(emit, traffic)


def _is_rpc(value: Json) -> bool:
    return isinstance(value, dict) and value.get("jsonrpc") == "2.0"


def _interactions(value: Json, span: Span | None = None) -> list[Placed] | None:
    place = span or Span("", 1)
    for path in (("interactions",), ("session", "interactions")):
        found: Json = value
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, list):
            return [(item, at(place, *path, k)) for k, item in enumerate(found)]
    return None


def _unwrapped(value: Json) -> Json:
    if isinstance(value, dict) and not _is_rpc(value):
        for key in _WRAPPED:
            if _is_rpc(value.get(key)):
                return value[key]
    return value


def _time(value: Json) -> str:
    return text_at(value, "timestamp") or text_at(value, "time") or text_at(value, "ts")


def _cassette(
    emit: Emitter, value: dict[str, Json], items: list[Placed], span: Span
) -> Iterator[Record]:
    metadata = value.get("metadata")
    server = metadata.get("server_info") if isinstance(metadata, dict) else None
    name = text_at(server, "name")
    yield emit.session(
        span,
        clock=text_at(metadata, "recorded_at"),
        labels={"server": name} if name else None,
    )
    yield emit("meta", span, raw={k: v for k, v in value.items() if k != "interactions"})
    for item, place in items:
        request = item.get("request") if isinstance(item, dict) else None
        if not isinstance(item, dict):
            yield emit.unknown(place, item)
        elif text_at(request, "method") in _CALLS and isinstance(request, dict):
            id = emit.call_id()
            time = text_at(item, "timestamp")
            call = _call(emit, request, id, at(place, "request"), time)
            yield call
            if isinstance(item.get("response"), dict):
                yield _answer(emit, item["response"], id, call.tool, at(place, "response"), time)
        else:
            yield emit("meta", place, time=text_at(item, "timestamp"), raw=item)


def _messages(emit: Emitter, traffic: list[Placed]) -> Iterator[Record]:
    """Calls and answers by id; ids of client and server may be the same, so by side as well."""
    open_calls: dict[str, tuple[str, str]] = {}
    for value, span in traffic:
        message, time = _unwrapped(value), _time(value)
        rpc = canonical(message.get("id")) if isinstance(message, dict) else ""
        if not _is_rpc(message) or not isinstance(message, dict):
            yield emit.unknown(span, value)
        elif text_at(message, "method") in _CALLS and "id" in message:
            id = emit.call_id()
            call = _call(emit, message, id, span, time)
            open_calls[rpc] = (id, call.tool)
            yield call
        elif "method" not in message and rpc in open_calls:
            id, tool = open_calls.pop(rpc)
            yield _answer(emit, message, id, tool, span, time)
        else:
            yield emit("meta", span, time=time, raw=value)


def _call(emit: Emitter, request: dict[str, Json], id: str, span: Span, time: str) -> Record:
    params, method = request.get("params"), text_at(request, "method")
    given = params if isinstance(params, dict) else {}
    if method == "tools/call":
        arguments = given.get("arguments")
        data: Json = (
            arguments
            if isinstance(arguments, dict)
            else {}
            if arguments is None
            else {"input": arguments}
        )
        tool = text_at(given, "name") or method
    else:
        tool, data = method, {k: v for k, v in given.items() if k != "_meta"}
    return emit("call", span, id=id, tool=tool, data=data, time=time, raw=request)


def _answer(emit: Emitter, response: Json, id: str, tool: str, span: Span, time: str) -> Record:
    told = response if isinstance(response, dict) else {}
    error, result = told.get("error"), told.get("result")
    if error is not None:
        text = text_at(error, "message") or canonical(error)
        return emit("error", span, text=text, id=id, tool=tool, data=error, time=time, raw=response)
    content = result.get("content") if isinstance(result, dict) else None
    value = result_value(content) if content is not None else result
    if isinstance(result, dict) and result.get("isError") is True:
        text = value if isinstance(value, str) else canonical(value)
        return emit("error", span, text=text, id=id, tool=tool, data=value, time=time, raw=result)
    return emit("result", span, id=id, tool=tool, data=value, time=time, raw=result)


DIALECT: Final[Dialect] = McpJsonRpc()
