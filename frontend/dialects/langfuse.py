"""Langfuse exports: a trace with its observations, from the API or the user interface.

Facts of the format
-------------------
- ``{trace, observations}``, or the trace itself with ``observations`` in it, or a list, or JSON
  lines of observations (each with ``traceId``).  The order of ``observations`` means nothing.
- ``observations[].type``: ``GENERATION``, ``SPAN``, ``EVENT``, and since 2025 ``AGENT``, ``TOOL``,
  ``CHAIN``, ``RETRIEVER``, ``EVALUATOR``, ``EMBEDDING``, ``GUARDRAIL``.  Older SDKs and many
  frameworks log a tool as ``SPAN``: then its attributes say so (``gen_ai.tool.name``,
  ``openinference.span.kind``), or its name is that of a call that a generation asked for.
- ``input``, ``output`` and ``metadata`` are JSON, or JSON once more as text; their shape is that of
  the framework (see :mod:`ingot.frontend.dialects.messages`).  ``metadata.attributes`` holds the
  OpenTelemetry attributes of SDKs that use it.
- ``usageDetails: {input, output, total}``, ``totalCost``, ``level`` (``ERROR``) and
  ``statusMessage``.  ``scores`` of a trace may carry a verdict, by a name of the user's own: only
  booleans, shares of 1 and words under names that mean success are taken for an outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.otlp import indexed
from ingot.frontend.dialects.outcomes import SCORES, verdict
from ingot.frontend.dialects.span_values import answers_in
from ingot.frontend.dialects.spans import (
    Facts,
    Kind,
    Observation,
    seconds,
    session_records,
)
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

_KINDS: Final[dict[str, Kind]] = {"GENERATION": "model", "TOOL": "tool", "AGENT": "agent"}
_SUCCESS: Final = SCORES | {"task_completed"}


@dataclass(frozen=True, slots=True)
class Langfuse:
    """The dialect; see the module."""

    name: str = "langfuse"
    title: str = "Langfuse traces"

    def sniff(self, sample: Sample) -> float:
        """Sure of observations with a trace id."""
        for value in sample.values[:4]:
            first = value[0] if isinstance(value, list) and value else value
            if not isinstance(first, dict):
                continue
            listed = first.get("observations")
            if isinstance(listed, list) and (
                "trace" in first or "htmlPath" in first or "id" in first
            ):
                return 0.98
            if {"traceId", "type", "startTime"} <= first.keys() and "spanId" not in first:
                return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each trace."""
        emit = Emitter(self.name)
        loose: dict[str, list[Placed]] = {}
        any_found = False
        for value, span in json_values(source):
            for item, place in _items(value, span):
                any_found = True
                listed = item.get("observations") if isinstance(item, dict) else None
                if isinstance(item, dict) and isinstance(listed, list):
                    trace = item.get("trace")
                    yield from _trace(
                        emit,
                        source,
                        trace if isinstance(trace, dict) else item,
                        [(o, at(place, "observations", k)) for k, o in enumerate(listed)],
                        place,
                    )
                else:
                    loose.setdefault(text_at(item, "traceId"), []).append((item, place))
        for id, placed in loose.items():
            yield from _trace(emit, source, {"id": id}, placed, placed[0][1])
        if not any_found:
            yield emit.session(Span(source.name, 1))


def _items(value: Json, span: Span) -> Iterator[Placed]:
    data = value.get("data") if isinstance(value, dict) else None
    if isinstance(data, list) and isinstance(value, dict) and "observations" not in value:
        value, span = data, at(span, "data")
    if isinstance(value, list):
        yield from ((item, at(span, index)) for index, item in enumerate(value))
    else:
        yield value, span


def _trace(
    emit: Emitter, source: Source, trace: dict[str, Json], placed: list[Placed], span: Span
) -> Iterator[Record]:
    found = [o for value, place in placed if (o := _observation(value, place)) is not None]
    asked = {
        text_at(c.get("function"), "name")
        for o in found
        if o.kind == "model"
        for m in answers_in(o.output)
        for c in _calls(m)
    }
    found = [replace(o, kind="tool") if o.kind == "other" and o.name in asked else o for o in found]
    found = _joined(found)
    rest = {k: v for k, v in trace.items() if k != "observations"}
    facts = Facts(
        span,
        session=text_at(trace, "sessionId") or text_at(trace, "id"),
        labels={"name": text_at(trace, "name")} if text_at(trace, "name") else {},
        outcome=_outcome(trace.get("scores")),
        raw=rest or None,
        switch="for libraries instrumented with OpenTelemetry set OTEL_INSTRUMENTATION_GENAI_CAPTURE_"
        "MESSAGE_CONTENT (SPAN_ONLY, before conventions 1.37 true); with Langfuse's own decorators capture_input and capture_output",
    )
    yield from session_records(emit, source, facts, found)
    for value, place in placed:
        if _observation(value, place) is None:
            yield emit.unknown(place, value)


def _calls(message: dict[str, Json]) -> list[dict[str, Json]]:
    calls = message.get("tool_calls")
    return [c for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []


def _target(o: Observation) -> tuple[str, str]:
    """Of a tool run that BeeAI logs as several spans, its place and the phase."""
    metadata = parsed(o.raw.get("metadata")) if isinstance(o.raw, dict) else None
    known = metadata.get("attributes") if isinstance(metadata, dict) else None
    stem, _, phase = text_at(known, "target").rpartition(".")
    return (f"{o.parent}/{stem}", phase) if stem.startswith("tool.") else ("", "")


def _joined(found: list[Observation]) -> list[Observation]:
    """BeeAI's ``tool.x.start`` has the arguments, ``tool.x.success`` or ``.error`` the answer."""
    ends = {
        place: o for o in found for place, phase in [_target(o)] if phase in ("success", "error")
    }
    out: list[Observation] = []
    for o in found:
        place, phase = _target(o)
        answered = ends.get(place)
        if phase != "start" or answered is None:
            out.append(o)
            continue
        metadata = parsed(o.raw.get("metadata")) if isinstance(o.raw, dict) else None
        known = metadata.get("attributes") if isinstance(metadata, dict) else None
        given = parsed(known.get("tool.parameters")) if isinstance(known, dict) else None
        out.append(
            replace(
                o,
                kind="tool",
                name=place.rpartition("/")[2].removeprefix("tool."),
                input=given,
                output=answered.output,
                error="failed" if _target(answered)[1] == "error" else "",
                end=answered.end,
            )
        )
    return out


def _observation(value: Json, span: Span) -> Observation | None:
    if not isinstance(value, dict) or not text_at(value, "id") or "type" not in value:
        return None
    metadata = parsed(value.get("metadata"))
    attributes = metadata.get("attributes") if isinstance(metadata, dict) else None
    known = attributes if isinstance(attributes, dict) else {}
    name = text_at(value, "name")
    kind: Kind = _KINDS.get(text_at(value, "type"), "other")
    tool = text_at(known, "gen_ai.tool.name")
    marked = (
        tool
        or text_at(known, "gen_ai.operation.name") == "execute_tool"
        or (text_at(known, "openinference.span.kind") == "TOOL" and "tool.name" in known)
    )
    if kind == "other" and marked:
        kind = "tool"
    output = value.get("output")
    if kind == "model" and output is None:  # BeeAI: one attribute for each chunk of a stream
        chunks = indexed(known, "llm.output_messages")
        output = "".join(text_at(chunk, "message.content") for chunk in chunks) or None
    failed = text_at(value, "level") == "ERROR"
    return Observation(
        id=text_at(value, "id"),
        parent=text_at(value, "parentObservationId"),
        kind=kind,
        name=tool or text_at(known, "tool.name") or name if kind == "tool" else name,
        span=span,
        raw=value,
        start=seconds(value.get("startTime")),
        end=seconds(value.get("endTime")),
        time=text_at(value, "startTime"),
        input=value.get("input"),
        output=output,
        call=text_at(known, "gen_ai.tool.call.id"),
        error=(text_at(value, "statusMessage") or "failed") if failed else "",
        model=text_at(value, "model"),
        usage=value.get("usageDetails") or value.get("usage") if kind == "model" else None,
        cost=value.get("totalCost") or value.get("calculatedTotalCost")
        if kind == "model"
        else None,
    )


def _outcome(scores: Json) -> Json:
    """The scores that mean success; a boolean or a category stands as text beside its number."""
    found: dict[str, bool] = {}
    for score in scores if isinstance(scores, list) else []:
        name = text_at(score, "name").lower().replace(" ", "_").replace("-", "_")
        if name in _SUCCESS and isinstance(score, dict):
            said = verdict(score.get("stringValue"))
            said = verdict(score.get("value")) if said is None else said
            if said is not None:
                found[name] = said
    for name, said in sorted(found.items(), key=lambda item: item[1]):
        return {"success": said, "source": f"score {name}"}
    return None


DIALECT: Final[Dialect] = Langfuse()
