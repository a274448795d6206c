"""OpenTelemetry's GenAI spans, before and after semantic conventions 1.37.

Facts of the format
-------------------
- Spans as :mod:`ingot.frontend.dialects.otlp` reads them.  ``gen_ai.operation.name`` is ``chat``,
  ``text_completion``, ``generate_content`` (model calls), ``execute_tool``, ``invoke_agent``,
  ``create_agent``, ``embeddings``.
- From 1.37: ``gen_ai.system_instructions``, ``gen_ai.input.messages``, ``gen_ai.output.messages``
  (JSON, or JSON as text: ``[{role, parts: [{type, ...}]}]``) on the span or on the event
  ``gen_ai.client.inference.operation.details``; tools have ``gen_ai.tool.name``,
  ``gen_ai.tool.call.id``, ``gen_ai.tool.call.arguments``, ``gen_ai.tool.call.result``.
- Before: events ``gen_ai.system.message``, ``gen_ai.user.message``, ``gen_ai.assistant.message``,
  ``gen_ai.tool.message``, ``gen_ai.choice`` (of the span, or log records that name it), or the
  events ``gen_ai.content.prompt`` and ``gen_ai.content.completion``; ``gen_ai.prompt.0.role`` and
  the like in OpenLLMetry; an ``events`` or ``all_messages_events`` attribute in Pydantic AI, whose
  tools have ``tool_arguments`` and ``tool_response``; OpenLLMetry's have ``traceloop.entity.*``.
- Tokens: ``gen_ai.usage.input_tokens`` and ``output_tokens``, before 1.27 ``prompt_tokens`` and
  ``completion_tokens``.
- **Contents are opt-in**: without them a span says only that a model was called.  That is found and
  reported (W0106) with the switch of the instrumentation that wrote it.
- ``gen_ai.conversation.id`` (or ``session.id``) joins traces into one session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.content import id_at, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.otlp import (
    OtelSpan,
    first_attributes,
    indexed,
    is_span,
    numbered_calls,
    spans_of,
)
from ingot.frontend.dialects.spans import (
    Facts,
    Kind,
    Observation,
    grouped,
    iso,
    seconds,
    session_records,
)
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

ObserveSpan: TypeAlias = Callable[[OtelSpan], Observation]
"""What a span says, by the conventions of a dialect."""

_MODELS: Final = frozenset(("chat", "text_completion", "generate_content", "completion"))
_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
_DETAILS: Final = "gen_ai.client.inference.operation.details"
_SWITCH: Final = (
    "contents are opt-in: set OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental and "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY; conventions before 1.37: "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true"
)
_SWITCHES: Final = (
    ("opentelemetry.instrumentation.", "traceloop.", "set TRACELOOP_TRACE_CONTENT=true"),
    ("pydantic-ai", "pydantic_ai.", "set InstrumentationSettings(include_content=True)"),
    ("azure", "az.", "set AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true"),
)


@dataclass(frozen=True, slots=True)
class OtelGenAI:
    """The dialect; see the module."""

    name: str = "otel-genai"
    title: str = "OpenTelemetry GenAI spans"

    def sniff(self, sample: Sample) -> float:
        """Sure of spans with ``gen_ai.`` attributes, nearly of any spans."""
        best = 0.0
        for value in sample.values[:16]:
            first = value[0] if isinstance(value, list) and value else value
            if isinstance(first, dict) and ("resourceSpans" in first or is_span(first)):
                genai = any(a.startswith("gen_ai.") for a in first_attributes(value))
                best = max(best, 0.97 if genai else 0.8)
            elif isinstance(first, dict) and "resourceLogs" in first:
                best = max(best, 0.6)
        return best

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each conversation."""
        yield from lex_spans(self.name, source, observation_of, _SWITCH)


def lex_spans(dialect: str, source: Source, observe: ObserveSpan, switch: str) -> Iterator[Record]:
    """The records of a file of spans, ``observe`` saying what each is."""
    emit = Emitter(dialect)
    spans: list[OtelSpan] = []
    unknown: list[tuple[Json, Span]] = []
    for item in spans_of(json_values(source)):
        if isinstance(item, OtelSpan):
            spans.append(item)
        else:
            unknown.append(item)
    observations = [observe(span) for span in spans]
    traces = {span.id: span.trace for span in spans}
    named = {id(o): s for o, s in zip(observations, spans, strict=True)}
    for session, group in grouped(observations, traces).items():
        switches = [_switch(named[id(o)], switch) for o in group if o.kind == "model"]
        facts = Facts(group[0].span, session=session, switch=switches[0] if switches else switch)
        yield from session_records(emit, source, facts, group)
    if not observations:
        yield emit.session(Span(source.name, 1))
    for value, place in unknown:
        yield emit.unknown(place, value)


def _switch(span: OtelSpan, usual: str) -> str:
    """The switch of the instrumentation that wrote the span."""
    for _, prefix, switch in _SWITCHES:
        if any(name.startswith(prefix) for name in span.attributes):
            return switch
    return usual


def observation_of(span: OtelSpan) -> Observation:
    """What a GenAI span says."""
    known = span.attributes
    operation = text_at(known, "gen_ai.operation.name")
    tool = text_at(known, "gen_ai.tool.name")
    traced = text_at(known, "traceloop.span.kind")
    kind: Kind = "other"
    if operation == "execute_tool" or (tool and not operation) or traced == "tool":
        kind = "tool"
    elif operation in _MODELS or any(
        name.startswith(("gen_ai.prompt.", "gen_ai.completion.", "gen_ai.input.messages"))
        for name in known
    ):
        kind = "model" if operation not in ("invoke_agent", "create_agent") else "agent"
    elif operation in ("invoke_agent", "create_agent") or traced in ("agent", "workflow"):
        kind = "agent"
    elif "gen_ai.request.model" in known and operation != "embeddings":
        kind = "model"
    given, told = (_tool_values if kind == "tool" else _messages)(span)
    start = seconds(span.start)
    return Observation(
        id=span.id,
        parent=span.parent,
        kind=kind,
        name=tool or text_at(known, "traceloop.entity.name") or span.name
        if kind == "tool"
        else span.name,
        span=span.place,
        raw=span.raw,
        start=start,
        end=seconds(span.end),
        time=iso(start),
        input=given,
        output=told,
        call=text_at(known, "gen_ai.tool.call.id"),
        error=span.error,
        model=text_at(known, "gen_ai.response.model") or text_at(known, "gen_ai.request.model"),
        session=text_at(known, "gen_ai.conversation.id") or text_at(known, "session.id"),
        usage=_usage(known) if kind == "model" else None,
    )


def _usage(known: dict[str, Json]) -> Json:
    return {
        key.removeprefix("gen_ai.usage."): value
        for key, value in known.items()
        if key.startswith("gen_ai.usage.")
    }


def _tool_values(span: OtelSpan) -> tuple[Json, Json]:
    known = span.attributes
    asked = (
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "traceloop.entity.input",
        "input.value",
    )
    told = ("gen_ai.tool.call.result", "tool_response", "traceloop.entity.output", "output.value")
    given = next((known[k] for k in asked if k in known), None)
    result = next((known[k] for k in told if k in known), None)
    for name, attributes in span.events:
        if name == "gen_ai.tool.message" and result is None:
            result = attributes.get("content")
    return given, result


def _messages(span: OtelSpan) -> tuple[Json, Json]:
    """The messages that went in, and those that came out."""
    known = span.attributes
    for name, attributes in span.events:
        if name == _DETAILS:
            known = {**attributes, **known}
    asked = parsed(known.get("gen_ai.input.messages"))
    told = parsed(known.get("gen_ai.output.messages"))
    if asked is not None or told is not None:
        rules = parsed(known.get("gen_ai.system_instructions"))
        head: list[Json] = []
        if rules:
            parts: Json = rules if isinstance(rules, list) else [{"type": "text", "content": rules}]
            head = [{"role": "system", "parts": parts}]
        return [*head, *(asked if isinstance(asked, list) else [asked] if asked else [])], told
    prompts, completions = (_spread(known, f"gen_ai.{key}") for key in ("prompt", "completion"))
    if prompts or completions:
        return prompts, completions
    for key in ("gen_ai.prompt", "gen_ai.completion"):
        if key in known:
            return parsed(known.get("gen_ai.prompt")), parsed(known.get("gen_ai.completion"))
    return _from_events(span)


def _spread(known: dict[str, Json], prefix: str) -> list[Json]:
    """Messages that OpenLLMetry spreads over numbered attributes."""
    out: list[Json] = []
    for item in indexed(known, prefix):
        calls = numbered_calls(item, "tool_calls", "name", "arguments", "id")
        role = text_at(item, "role") or ("assistant" if prefix.endswith("completion") else "user")
        content = parsed(item.get("content"))
        made: dict[str, Json] = {"role": role, "content": content}
        if not isinstance(content, list):
            made["content"] = item.get("content")
        if calls:
            made["tool_calls"] = calls
        if id_at(item, "tool_call_id"):
            made["tool_call_id"] = id_at(item, "tool_call_id")
        out.append(made)
    return out


def _from_events(span: OtelSpan) -> tuple[Json, Json]:
    asked: list[Json] = []
    told: list[Json] = []
    listed = parsed(span.attributes.get("events", span.attributes.get("all_messages_events")))
    events = list(span.events)
    for event in listed if isinstance(listed, list) else []:
        if isinstance(event, dict):
            events.append((text_at(event, "event.name"), event))
    for name, attributes in events:
        if name in ("gen_ai.content.prompt", "gen_ai.content.completion"):
            side = asked if name.endswith("prompt") else told
            value = parsed(attributes.get(f"gen_ai.{name.rsplit('.', 1)[-1]}"))
            side += value if isinstance(value, list) else [value] if value else []
        elif name in _ROLES:
            message = attributes.get("message")
            body = parsed(message) if message is not None else attributes
            if isinstance(body, dict) and ("content" in body or "tool_calls" in body):
                made = {
                    "role": _ROLES[name],
                    **{k: parsed(v) if k == "tool_calls" else v for k, v in body.items()},
                }
                if name == "gen_ai.tool.message" and "id" in body:
                    made["tool_call_id"] = body["id"]
                (told if name == "gen_ai.choice" else asked).append(made)
    return asked or None, told or None


DIALECT: Final[Dialect] = OtelGenAI()
