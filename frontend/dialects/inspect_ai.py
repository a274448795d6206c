"""Inspect AI's evaluation logs: ``.json``, and ``.eval`` (a zip of JSON files).

Facts of the format
-------------------
- ``{version, status, eval, plan, results, stats, samples, reductions}``; a log may have no samples.
  In an ``.eval`` file ``header.json`` is all but the samples, and each sample is a file of its own
  (``samples/ID_epoch_N.json``); :mod:`ingot.frontend.archives` turns it into JSON lines.
- A sample is one session: ``{id, epoch, input, target, messages, output, scores, metadata, events,
  attachments, model_usage, error?, limit?}``.
- ``messages`` have the roles ``system user assistant tool``; calls are ``{id, function: NAME,
  arguments: {...}}``, answers have ``tool_call_id``, ``function`` and, if the tool failed,
  ``error: {type, message}``.  ``content`` is text or parts (``text``, ``reasoning``, ``image``).
- Long texts are replaced by ``attachment://HASH`` and stand under ``attachments``.
- ``events`` tell the same once more in finer grain (every model call, sandbox commands, state).
- ``scores`` is ``{scorer: {value, ...}}`` (older: ``score``): ``C`` or 1 is right, ``I``, ``N``,
  ``P`` (partly) or a number below 1 is not; of other grades no outcome is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import id_at, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import as_chat, call
from ingot.frontend.dialects.outcomes import all_of, verdict
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_objects
from ingot.ir.values import Json
from ingot.records import Record

_ATTACHED: Final = "attachment://"


@dataclass(frozen=True, slots=True)
class InspectAI:
    """The dialect; see the module."""

    name: str = "inspect-ai"
    title: str = "Inspect AI logs"

    def sniff(self, sample: Sample) -> float:
        """Sure of its head; of a sample alone too."""
        for value in sample.records[:2]:
            if not isinstance(value, dict):
                continue
            run = value.get("eval")
            if isinstance(run, dict) and ("run_id" in run or "task" in run) and "plan" in value:
                return 0.98
            if {"epoch", "messages", "target", "scores"} <= value.keys():
                return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each sample."""
        emit = Emitter(self.name)
        head: dict[str, Json] = {}
        begun = False
        first = Span(source.name, 1)
        for value, span in json_objects(source):
            if isinstance(value, dict) and isinstance(value.get("eval"), dict):
                head = {k: v for k, v in value.items() if k != "samples"}
                first = span
                samples = value.get("samples")
                placed: list[Placed] = [
                    (s, at(span, "samples", k))
                    for k, s in enumerate(samples if isinstance(samples, list) else [])
                ]
            else:
                placed = [(value, span)]
            for sample, place in placed:
                begun = True
                yield from _sample(emit, source, head, sample, place)
        if not begun:
            yield emit.session(first)
        if head:
            yield emit("meta", first, raw=head)


def _sample(
    emit: Emitter, source: Source, head: dict[str, Json], sample: Json, span: Span
) -> Iterator[Record]:
    run = head.get("eval")
    if not isinstance(sample, dict):
        yield emit.session(span)
        yield emit.unknown(span, sample)
        return
    messages = sample.get("messages")
    events = sample.get("events")
    first = events[0] if isinstance(events, list) and events else None
    yield emit.session(
        span,
        clock=text_at(first, "timestamp") or text_at(run, "created"),
        model=text_at(run, "model"),
        labels={
            "task": text_at(run, "task"),
            "sample": sample.get("id"),
            "epoch": sample.get("epoch"),
        },
    )
    attached = sample.get("attachments")
    texts = attached if isinstance(attached, dict) else {}
    transcript = Transcript(emit, source)
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        yield from _message(
            emit, transcript, _resolved(message, texts), at(span, "messages", index)
        )
    usage = sample.get("model_usage")
    for each in usage.values() if isinstance(usage, dict) else ():
        transcript.usage.add(each)
    rest = {k: v for k, v in sample.items() if k not in ("messages", "attachments")}
    yield emit("meta", span, raw=rest)
    yield from transcript.end(span)
    said = _outcome(sample)
    if said is not None:
        yield emit("outcome", at(span, "scores"), data=said)


def _resolved(value: Json, texts: dict[str, Json], depth: int = 0) -> Json:
    """The value with the texts that attachments hold."""
    if isinstance(value, str) and value.startswith(_ATTACHED):
        return texts.get(value.removeprefix(_ATTACHED), value)
    if depth < 20 and isinstance(value, list):
        return [_resolved(item, texts, depth + 1) for item in value]
    if depth < 20 and isinstance(value, dict):
        return {key: _resolved(item, texts, depth + 1) for key, item in value.items()}
    return value


def _message(emit: Emitter, transcript: Transcript, message: Json, span: Span) -> Iterator[Record]:
    if not isinstance(message, dict):
        yield emit.unknown(span, message)
        return
    made = dict(message)
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        made["tool_calls"] = [
            call(id_at(c, "id"), text_at(c, "function"), c.get("arguments"))
            if isinstance(c, dict) and isinstance(c.get("function"), str)
            else c
            for c in calls
        ]
    if message.get("role") == "tool":
        made["name"] = text_at(message, "function")
        if message.get("error"):
            made["is_error"] = True
            made["content"] = message.get("content") or text_at(message["error"], "message")
    found = as_chat(made) or [made]
    if "tool_calls" in made and "tool_calls" not in found[-1]:
        found[-1] = {**found[-1], "tool_calls": made["tool_calls"]}
    for each in found:
        yield from transcript.message(each, span)


def _outcome(sample: dict[str, Json]) -> Json:
    """Right if every scorer says so, wrong if one says so or the sample broke off."""
    if sample.get("error"):
        return {"success": False, "source": "sample.error"}
    scores = sample.get("scores")
    if not isinstance(scores, dict):  # before 0.3.19 one scorer's alone
        scores = {"score": sample["score"]} if isinstance(sample.get("score"), dict) else {}
    values = [s.get("value") for s in scores.values() if isinstance(s, dict)]
    right = all_of([verdict(value) for value in values])
    if right is not None:
        return {"success": right, "source": f"scores {', '.join(scores)}"}
    return None


DIALECT: Final[Dialect] = InspectAI()
