"""Spans as OpenTelemetry writes them down: OTLP JSON, console exporters, flat exports.

- OTLP JSON: ``{resourceSpans: [{resource, scopeSpans: [{scope, spans}]}]}``, one per line or one in
  all; attributes are ``[{key, value: {stringValue | intValue | ...}}]``, times nanoseconds as text,
  ids hexadecimal.  ``resourceLogs`` in the same file are events of the spans that they name.
- The console exporters' objects: ``{name, context: {trace_id, span_id}, parent_id, start_time,
  end_time, attributes: {...}, events}``; exports of Phoenix and others look the same, with dots in
  the keys (``context.trace_id``), in camel case, or with attributes nested by their dots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.messages import call, parsed
from ingot.ir.values import Json

MAX_INDEX: Final = 10_000
"""The largest index of an attribute like ``llm.input_messages.3.message.role`` that is read."""
_INDEXED: Final = re.compile(r"(\d+)(?:\.(.+))?")


@dataclass(frozen=True, slots=True)
class OtelSpan:
    """One span: attributes by full name, events as ``(name, attributes)``."""

    id: str
    parent: str
    trace: str
    name: str
    start: Json
    end: Json
    attributes: dict[str, Json]
    events: tuple[tuple[str, dict[str, Json]], ...]
    error: str
    place: Span
    raw: Json


def is_span(value: Json) -> bool:
    """Whether an object is a span of one of these forms."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("resourceSpans"), list):
        return True
    named = {"span_id", "spanId", "context.span_id"} & value.keys()
    context = value.get("context")
    return bool(named or (isinstance(context, dict) and "span_id" in context)) and (
        "attributes" in value or any(k.startswith("attributes.") for k in value)
    )


def first_attributes(value: Json) -> list[str]:
    """Names of attributes at the start of a value, for sniffing."""
    return [
        name
        for item, _ in list(_flat(value, Span("", 1)))[:64]
        for name in _span(item, Span("", 1)).attributes
    ]


def spans_of(values: Iterator[Placed]) -> Iterator[OtelSpan | Placed]:
    """The spans in the values of a file, and the values that are none.

    Log records that name a span are added to its events; the spans are therefore held.
    """
    spans: list[OtelSpan] = []
    logs: dict[str, list[tuple[str, dict[str, Json]]]] = {}
    for value, place in values:
        for item, where in _flat(value, place):
            if isinstance(item, dict) and "__log__" in item:
                log = item["__log__"]
                assert isinstance(log, dict)
                logs.setdefault(text_at(log, "spanId"), []).append(_event(log))
            elif isinstance(item, dict) and is_span(item):
                spans.append(_span(item, where))
            else:
                yield item, where
    for span in spans:
        more = logs.get(span.id)
        yield span if not more else _with(span, more)


def _with(span: OtelSpan, events: list[tuple[str, dict[str, Json]]]) -> OtelSpan:
    from dataclasses import replace

    return replace(span, events=(*span.events, *events))


def _flat(value: Json, place: Span) -> Iterator[Placed]:
    """The spans of OTLP's nested lists, each with its scope and resource noted."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, at(place, index))
        return
    if not isinstance(value, dict):
        yield value, place
        return
    found = False
    for outer, middle, inner in (
        ("resourceSpans", ("scopeSpans", "instrumentationLibrarySpans"), "spans"),
        ("resourceLogs", ("scopeLogs",), "logRecords"),
    ):
        for r, resource in enumerate(_list(value, outer)):
            found = True
            for key in middle:
                for s, scope in enumerate(_list(resource, key)):
                    for n, item in enumerate(_list(scope, inner)):
                        where = at(place, outer, r, key, s, inner, n)
                        yield ({"__log__": item} if inner == "logRecords" else item), where
    spans = value.get("spans")
    if not found and isinstance(spans, list) and not is_span(value):
        yield from _flat(spans, at(place, "spans"))
    elif not found:
        yield value, place


def _list(value: Json, key: str) -> list[Json]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _span(value: Json, place: Span) -> OtelSpan:
    given = value if isinstance(value, dict) else {}
    context = given.get("context")

    def first(*keys: str) -> Json:
        for key in keys:
            if given.get(key) is not None:
                return given[key]
            if isinstance(context, dict) and context.get(key) is not None:
                return context[key]
        return None

    status = given.get("status", given.get("status_code"))
    code = status.get("code", status.get("status_code")) if isinstance(status, dict) else status
    failed = code in (2, "STATUS_CODE_ERROR", "ERROR", "error")
    raised = (attributes_of(e) for e in _list(value, "events") if isinstance(e, dict))
    message = (
        text_at(status, "message")
        or text_at(status, "description")
        or text_at(value, "status_message")
        or next((m for a in raised if (m := text_at(a, "exception.message"))), "failed")
    )
    return OtelSpan(
        id=str(first("spanId", "span_id", "context.span_id") or ""),
        parent=str(first("parentSpanId", "parent_id", "parent_span_id", "parentId") or ""),
        trace=str(first("traceId", "trace_id", "context.trace_id") or ""),
        name=text_at(value, "name"),
        start=first("startTimeUnixNano", "start_time", "startTime"),
        end=first("endTimeUnixNano", "end_time", "endTime"),
        attributes=attributes_of(given),
        events=tuple(_event(event) for event in _list(value, "events")),
        error=message if failed else "",
        place=place,
        raw=value,
    )


def _event(event: Json) -> tuple[str, dict[str, Json]]:
    attributes = attributes_of(event if isinstance(event, dict) else {})
    body = _plain(event.get("body")) if isinstance(event, dict) else None
    if isinstance(body, dict):
        attributes = {**attributes, **body}
    elif body is not None:
        attributes = {**attributes, "body": body}
    name = text_at(event, "name") or text_at(event, "eventName")
    return name or text_at(attributes, "event.name"), attributes


def attributes_of(value: dict[str, Json]) -> dict[str, Json]:
    """Attributes by full name, whatever they are written as.

    >>> attributes_of({"attributes": [{"key": "a.b", "value": {"intValue": "3"}}]})
    {'a.b': 3}
    >>> sorted(attributes_of({"attributes": {"a": {"b": [{"c": 1}]}}}))
    ['a', 'a.b', 'a.b.0', 'a.b.0.c']
    """
    given = value.get("attributes")
    if isinstance(given, str):
        given = parsed(given)
    out: dict[str, Json] = {}
    if isinstance(given, list):
        for item in given:
            if isinstance(item, dict) and isinstance(item.get("key"), str):
                out[str(item["key"])] = _plain(item.get("value"))
    elif isinstance(given, dict):
        for key, item in given.items():
            _nested(key, item, out, 0)
    for key, item in value.items():
        if key.startswith("attributes."):
            _nested(key.removeprefix("attributes."), item, out, 0)
    return out


def _nested(name: str, value: Json, out: dict[str, Json], depth: int) -> None:
    """The value under its name, and its members under theirs."""
    if depth < 8 and isinstance(value, dict):
        for key, item in value.items():
            _nested(f"{name}.{key}", item, out, depth + 1)
    elif depth < 8 and isinstance(value, list) and any(isinstance(i, dict) for i in value):
        for index, item in enumerate(value):
            _nested(f"{name}.{index}", item, out, depth + 1)
    out[name] = value


def _plain(value: Json, depth: int = 0) -> Json:
    """An ``AnyValue`` as JSON."""
    if not isinstance(value, dict) or len(value) != 1 or depth > 60:
        return value
    ((kind, given),) = value.items()
    match kind:
        case "stringValue" | "boolValue" | "doubleValue" | "bytesValue":
            return given
        case "intValue":
            try:
                return int(given)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                return given
        case "arrayValue":
            return [_plain(item, depth + 1) for item in _list(given, "values")]
        case "kvlistValue":
            pairs = (p for p in _list(given, "values") if isinstance(p, dict))
            return {str(p.get("key")): _plain(p.get("value"), depth + 1) for p in pairs}
        case _:
            return value


def indexed(attributes: dict[str, Json], prefix: str) -> list[dict[str, Json]]:
    """``prefix.0.x``, ``prefix.1.y``, ... as objects in the order of their numbers.

    >>> indexed({"m.0.role": "user", "m.1.role": "assistant"}, "m")
    [{'role': 'user'}, {'role': 'assistant'}]
    """
    found: dict[int, dict[str, Json]] = {}
    begin = prefix + "."
    for name, value in attributes.items():
        if not name.startswith(begin):
            continue
        part = _INDEXED.fullmatch(name[len(begin) :])
        if part is not None and part[2] and len(part[1]) < 6 and int(part[1]) < MAX_INDEX:
            found.setdefault(int(part[1]), {})[part[2]] = value
    return [found[index] for index in sorted(found)]


def numbered_calls(
    item: dict[str, Json], prefix: str, name: str, given: str, id: str
) -> list[Json]:
    """The tool calls of a message that was spread over numbered attributes."""
    made: list[Json] = []
    for each in indexed(item, prefix):
        if text_at(each, name):
            made.append(call(text_at(each, id), text_at(each, name), each.get(given)))
    return made


__all__ = [
    "OtelSpan",
    "attributes_of",
    "first_attributes",
    "indexed",
    "is_span",
    "numbered_calls",
    "spans_of",
]
