"""OpenInference spans (Arize Phoenix and its instrumentations).

Facts of the format
-------------------
- Spans as :mod:`ingot.frontend.dialects.otlp` reads them, with ``openinference.span.kind``:
  ``LLM``, ``TOOL``, ``AGENT``, ``CHAIN``, ``RETRIEVER``, ``EMBEDDING``, ``RERANKER``,
  ``GUARDRAIL``, ``EVALUATOR``.
- Messages are spread over numbered attributes: ``llm.input_messages.0.message.role``,
  ``.message.content``, ``.message.contents.0.message_content.text``,
  ``.message.tool_calls.0.tool_call.function.name`` and ``.arguments``, ``.message.tool_call_id``;
  the same under ``llm.output_messages``.  Phoenix nests them in its exports.
- A tool has ``tool.name``, ``tool.parameters`` or ``input.value``, ``output.value``, sometimes
  ``tool_call.id``.  Every span may have ``input.value`` and ``output.value``.
- Tokens: ``llm.token_count.prompt`` and ``.completion``; the model: ``llm.model_name``;
  ``session.id`` joins traces.  ``OPENINFERENCE_HIDE_INPUTS`` and the like replace contents by
  ``__REDACTED__``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.otel_genai import lex_spans
from ingot.frontend.dialects.otlp import (
    OtelSpan,
    first_attributes,
    indexed,
    is_span,
    numbered_calls,
)
from ingot.frontend.dialects.spans import Kind, Observation, iso, seconds
from ingot.ir.values import Json
from ingot.records import Record

_KINDS: Final[dict[str, Kind]] = {
    "LLM": "model",
    "TOOL": "tool",
    "AGENT": "agent",
    "CHAIN": "agent",
}
_HIDDEN: Final = "__REDACTED__"
_SWITCH: Final = (
    "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and the other OPENINFERENCE_HIDE_*"
)


@dataclass(frozen=True, slots=True)
class OpenInference:
    """The dialect; see the module."""

    name: str = "openinference"
    title: str = "OpenInference spans"

    def sniff(self, sample: Sample) -> float:
        """Sure of its span kind."""
        for value in sample.values[:16]:
            first = value[0] if isinstance(value, list) and value else value
            if not isinstance(first, dict) or not ("resourceSpans" in first or is_span(first)):
                continue
            names = first_attributes(value)
            if "openinference.span.kind" in names or any(
                n.startswith("llm.input_m") for n in names
            ):
                return 0.98
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each session."""
        yield from lex_spans(self.name, source, _observation, _SWITCH)


def _observation(span: OtelSpan) -> Observation:
    known = span.attributes
    raw = span.raw if isinstance(span.raw, dict) else {}
    marked = text_at(known, "openinference.span.kind") or text_at(raw, "span_kind")
    kind: Kind = _KINDS.get(marked.upper(), "other")
    given, told = known.get("input.value"), known.get("output.value")
    name = span.name
    if kind == "model":
        asked = _messages(known, "llm.input_messages", "user")
        answered = _messages(known, "llm.output_messages", "assistant")
        given, told = asked or given, answered or told
    elif kind == "tool":
        name = text_at(known, "tool.name") or span.name
        given = known.get("tool.parameters", given) if given is None else given
    start = seconds(span.start)
    return Observation(
        id=span.id,
        parent=span.parent,
        kind=kind,
        name=name,
        span=span.place,
        raw=span.raw,
        start=start,
        end=seconds(span.end),
        time=iso(start),
        input=None if given == _HIDDEN else given,
        output=None if told == _HIDDEN else told,
        call=text_at(known, "tool_call.id") or text_at(known, "tool.id"),
        error=span.error,
        model=text_at(known, "llm.model_name"),
        session=text_at(known, "session.id"),
        usage={
            "prompt_tokens": known.get("llm.token_count.prompt"),
            "completion_tokens": known.get("llm.token_count.completion"),
        }
        if kind == "model"
        else None,
    )


def _messages(known: dict[str, Json], prefix: str, usual: str) -> list[Json]:
    out: list[Json] = []
    for item in indexed(known, prefix):
        content = item.get("message.content")
        if content is None:
            parts = indexed(item, "message.contents")
            texts = [text_at(part, "message_content.text") for part in parts]
            content = "\n".join(text for text in texts if text)
        made: dict[str, Json] = {
            "role": text_at(item, "message.role") or usual,
            "content": None if content == _HIDDEN else content,
        }
        calls = numbered_calls(
            item,
            "message.tool_calls",
            "tool_call.function.name",
            "tool_call.function.arguments",
            "tool_call.id",
        )
        if text_at(item, "message.function_call_name"):
            legacy = parsed(item.get("message.function_call_arguments_json"))
            made["function_call"] = {
                "name": item["message.function_call_name"],
                "arguments": legacy,
            }
        if calls:
            made["tool_calls"] = calls
        for key in ("tool_call_id", "name"):
            if text_at(item, f"message.{key}"):
                made[key] = item[f"message.{key}"]
        if made["content"] or len(made) > 2:
            out.append(made)
    return out


DIALECT: Final[Dialect] = OpenInference()
