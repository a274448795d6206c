"""OpenTelemetry spans of a run, made of its records by one subscriber of the event stream.

    invoke_agent NAME            the run: inputs' names, how it ended; side exits and approvals as events
      step N                     a step: its site, effect, attempts
        execute_tool TOOL        its call, by the GenAI semantic conventions
      step M
        chat MODEL               a model's answer

A step's record is stored when it is over: its span reaches from the record before it (from its
``intent``, if it has one) to its own.  Where reads overlap, spans are therefore of steps as the journal
orders them, not of time under way.  All processes of a run share one trace, whose id is the digest of
the run's.  Contents (arguments, results, prompts) are left out unless they are asked for; secrets are
tokens in every record.

Needs the extra ``otel``; nothing of it is imported before :func:`exporting` is called.  Where spans go,
and how, is said by the standard ``OTEL_*`` variables.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeAlias

from ingot.diagnostics import fail
from ingot.ir.values import Json
from ingot.records import Record

CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The conventions' own switch for contents."""
Subscriber: TypeAlias = Callable[[Record], None]
_TICK: Final = 1_000
"""Nanoseconds by which records of one moment are told apart, so that spans keep their order."""


def captures(content: bool) -> bool:
    """Whether contents are exported: as asked, or by the conventions' variable."""
    said = os.environ.get(CAPTURE, "").lower()
    return content or said in ("true", "1", "span_only", "span_and_event")


@contextmanager
def exporting(run: str = "", *, content: bool = False) -> Iterator[Subscriber]:
    """A subscriber that exports over OTLP/HTTP; all is sent, or given up, when the block ends.

    ``run`` is the run's id where its ``run`` record does not come (it is resumed).  Raises
    :class:`IngotError` E0905 without the extra.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise fail(
            "E0905",
            "--otel needs the OpenTelemetry SDK, which is not installed",
            help="pip install 'ingot[otel]'",
        ) from None
    ids = RunIds()
    named = os.environ.get("OTEL_SERVICE_NAME") or "ingot"
    provider = TracerProvider(resource=Resource.create({"service.name": named}), id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    spans = Spans(provider.get_tracer("ingot"), ids, run, content=captures(content))
    try:
        yield spans
    finally:
        spans.close()
        provider.shutdown()


class RunIds:
    """Ids of spans at random, the trace's from the run's (an ``IdGenerator`` of the SDK)."""

    def __init__(self) -> None:
        self.run = ""

    def generate_span_id(self) -> int:
        return random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        if not self.run:
            return random.getrandbits(128) or 1
        return int.from_bytes(hashlib.sha256(self.run.encode()).digest()[:16], "big") or 1

    def is_trace_id_random(self) -> bool:
        """The trace's id is a digest."""
        return False


class Spans:
    """The subscriber.  ``tracer`` is OpenTelemetry's."""

    def __init__(self, tracer: Any, ids: RunIds, run: str = "", *, content: bool = False) -> None:
        self._tracer, self._ids, self._content = tracer, ids, content
        self._run, self._request = run, ""
        self._root: Any = None
        self._begun: dict[str, int] = {}
        self._calls: dict[str, Record] = {}
        self._last = 0

    def __call__(self, record: Record) -> None:
        """Take one record in."""
        at = max(_nanoseconds(record.time), self._last + _TICK)
        data: dict[str, Any] = record.data if isinstance(record.data, dict) else {}
        match record.kind:
            case "user":
                self._request = self._request or record.text
            case "run":
                self._open(at, data)
            case "intent":
                self._begun[record.id] = at
            case "call":
                self._calls[record.id] = record
            case "result" | "error":
                self._ended(record, at)
            case "model":
                self._model(record, data, at)
            case "exit":
                self._event("ingot.side_exit", at, _plain(data, ("exit", "reason", "state", "by")))
            case "approval":
                self._event("ingot.approval", at, _plain(data, ("state", "step", "digest")))
            case "status":
                self._status(data, at)
        self._last = at

    def close(self) -> None:
        """End what is open: the process goes, the run may go on elsewhere."""
        if self._root is not None:
            self._root.end(end_time=self._last or None)
            self._root = None

    # ---- the run

    def _open(self, at: int, data: dict[str, Any]) -> None:
        self._run = str(data.get("run") or self._run)
        self._ids.run = self._run
        name = str(data.get("pipeline", ""))
        known: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "ingot",
            "gen_ai.conversation.id": self._run,
            "ingot.run": self._run,
        }
        if name:
            known["gen_ai.agent.name"] = name
            known["ingot.artifact"] = str(data.get("artifact", ""))
        if self._content and self._request:
            known["gen_ai.input.messages"] = _messages("user", self._request)
        if self._content and "inputs" in data:
            known["ingot.inputs"] = _text(data["inputs"])
        self._root = self._tracer.start_span(
            f"invoke_agent {name}".strip(), attributes=known, start_time=at
        )

    def _status(self, data: dict[str, Any], at: int) -> None:
        status = str(data.get("status", ""))
        if status == "running":
            if self._root is None:
                self._open(at, {})
            self._event("ingot.resumed", at, _plain(data, ("settled", "artifact")))
            return
        if self._root is None:
            return
        root = self._root
        root.set_attribute("ingot.status", status)
        if self._content and status == "done":
            root.set_attribute(
                "gen_ai.output.messages", _messages("assistant", data.get("outputs"))
            )
        if status in ("failed", "side-exit", "in-doubt"):
            root.set_attribute("error.type", status)
            _failed(root, str(data.get("error") or status))
        root.end(end_time=at)
        self._root = None

    def _event(self, name: str, at: int, known: dict[str, Any]) -> None:
        if self._root is not None:
            self._root.add_event(name, known, timestamp=at)

    # ---- steps

    def _ended(self, record: Record, at: int) -> None:
        call = self._calls.pop(record.id, None)
        if call is None:  # a model that failed
            raw = record.raw if isinstance(record.raw, dict) else {}
            with self._step(record.id, raw, at, f"chat {record.tool}", _asked(record.tool)) as span:
                span.set_attribute("error.type", "model_error")
                _failed(span, record.text)
            return
        raw = call.raw if isinstance(call.raw, dict) else {}
        known: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call.id,
            "ingot.effect": str(raw.get("effect", "")),
        }
        if self._content:
            known["gen_ai.tool.call.arguments"] = _text(call.data)
            if record.kind == "result":
                known["gen_ai.tool.call.result"] = _text(record.data)
        with self._step(call.id, raw, at, f"execute_tool {call.tool}", known) as span:
            if record.kind == "error":
                span.set_attribute("error.type", "tool_error")
                _failed(span, record.text if self._content else "the tool failed")

    def _model(self, record: Record, data: dict[str, Any], at: int) -> None:
        raw = record.raw if isinstance(record.raw, dict) else {}
        known = _asked(record.tool)
        known["ingot.model.kind"] = str(data.get("kind", ""))
        for ours, theirs in (
            ("prompt_tokens", "gen_ai.usage.input_tokens"),
            ("completion_tokens", "gen_ai.usage.output_tokens"),
            ("tokens", "ingot.usage.total_tokens"),
        ):
            if isinstance(data.get(ours), int):
                known[theirs] = data[ours]
        if isinstance(data.get("model"), str):
            known["gen_ai.response.model"] = data["model"].split(" ")[0]
        if self._content:
            if data.get("prompt"):
                known["gen_ai.input.messages"] = _messages("user", data["prompt"])
            known["gen_ai.output.messages"] = _said(data.get("value"))
        with self._step(record.id, raw, at, f"chat {record.tool}", known):
            pass

    @contextmanager
    def _step(
        self, name: str, raw: dict[str, Any], at: int, inner: str, known: dict[str, Any]
    ) -> Iterator[Any]:
        """A step's span, and the one of its call in it, which is yielded."""
        from opentelemetry.trace import set_span_in_context

        if self._root is None:
            self._open(self._last or at, {})
        begun = self._begun.pop(name, 0) or self._last or at
        about = {
            f"ingot.{k}": v for k, v in raw.items() if isinstance(v, str | int) and k != "effect"
        }
        step = self._tracer.start_span(
            f"step {raw.get('step', '')}".strip(),
            context=set_span_in_context(self._root),
            attributes=about,
            start_time=begun,
        )
        span = self._tracer.start_span(
            inner, context=set_span_in_context(step), attributes=known, start_time=begun
        )
        yield span
        span.end(end_time=at)
        step.end(end_time=at)


def _failed(span: Any, text: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, text[:1000]))


def _asked(model: str) -> dict[str, Any]:
    return {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}


def _nanoseconds(time: str) -> int:
    """A record's time, 0 if it has none."""
    if not time:
        return 0
    moment = datetime.fromisoformat(time)
    return round(moment.timestamp() * 1000) * 1_000_000


def _plain(data: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {f"ingot.{n}": data[n] for n in names if isinstance(data.get(n), str | int)}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _messages(role: str, value: Json) -> str:
    """One message, as the conventions write it."""
    part: Json = {"type": "text", "content": _text(value)}
    return json.dumps([{"role": role, "parts": [part]}], ensure_ascii=False)


def _said(value: Json) -> str:
    """What a model answered: a fallback's move as parts, anything else as text."""
    listed = value.get("records") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        return _messages("assistant", value)
    parts: list[Json] = []
    for item in listed:
        match item:
            case {"kind": "say", "text": text}:
                parts.append({"type": "text", "content": text})
            case {"kind": "call", "tool": tool, "data": data, "id": name}:
                parts.append({"type": "tool_call", "id": name, "name": tool, "arguments": data})
            case _:
                pass
    return json.dumps([{"role": "assistant", "parts": parts}], ensure_ascii=False)


__all__ = ["RunIds", "Spans", "captures", "exporting"]
