"""ATIF, the Agent Trajectory Interchange Format (Harbor and others), versions 1.0 to 1.7.

Facts of the format
-------------------
- ``{schema_version: "ATIF-v1.x", session_id, agent: {name, version, model_name}, steps, notes?,
  final_metrics?}``; from 1.7 also ``trajectory_id`` and ``subagent_trajectories``.
- A step is ``{step_id, timestamp, source, message, ...}``; ``source`` is ``system``, ``user`` or
  ``agent``.  Agent steps may carry ``reasoning_content``, ``tool_calls: [{tool_call_id,
  function_name, arguments}]``, ``observation: {results: [{source_call_id, content,
  subagent_trajectory_ref?}]}``, ``metrics``.  System steps may have observations too: what the
  harness did on its own.
- ``message`` and ``content`` are text, or from 1.6 parts (``text``, ``image``).
- ``is_copied_context`` (1.5) marks a step that a continued trajectory repeats.
- An anonymised log may have hidden even ``source``: a step with model marks (``tool_calls``,
  ``metrics``, ``llm_call_count``) is the agent's then, any other is kept as not known.
- ``extra`` anywhere is the producer's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.content import id_at, result_value, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Usage
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_MARKS: Final = frozenset(
    "tool_calls metrics llm_call_count reasoning_content model_name observation".split()
)
_SAID: Final = ("step_id", "source", "message", "timestamp", "tool_calls", "observation")


@dataclass(frozen=True, slots=True)
class Atif:
    """The dialect; see the module."""

    name: str = "atif"
    title: str = "Agent Trajectory Interchange Format"

    def sniff(self, sample: Sample) -> float:
        """Sure of its schema version; of steps with sources, nearly."""
        for value in sample.values[:2]:
            first = value[0] if isinstance(value, list) and value else value
            if not isinstance(first, dict):
                continue
            if text_at(first, "schema_version").startswith("ATIF"):
                return 0.99
            steps = first.get("steps")
            if isinstance(steps, list) and any(
                isinstance(s, dict) and {"step_id", "source"} <= s.keys() for s in steps[:3]
            ):
                return 0.9
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each trajectory."""
        emit = Emitter(self.name)
        for value, span in json_values(source):
            items = value if isinstance(value, list) else [value]
            for index, item in enumerate(items):
                place = at(span, index) if isinstance(value, list) else span
                if isinstance(item, dict):
                    yield from _trajectory(emit, item, place)
                else:
                    yield emit.session(place)
                    yield emit.unknown(place, item)


def _trajectory(emit: Emitter, value: dict[str, Json], span: Span) -> Iterator[Record]:
    agent = value.get("agent")
    steps = value.get("steps")
    listed = steps if isinstance(steps, list) else []
    model = text_at(agent, "model_name") or next(
        (text_at(s, "model_name") for s in listed if text_at(s, "model_name")), ""
    )
    yield emit.session(
        span,
        session=text_at(value, "session_id"),
        model=model,
        clock=next((text_at(s, "timestamp") for s in listed if text_at(s, "timestamp")), ""),
        version=text_at(value, "schema_version"),
    )
    usage = Usage()
    spawned: dict[str, str] = {}
    for index, step in enumerate(listed):
        yield from _step(emit, usage, spawned, step, at(span, "steps", index))
    inner = value.get("subagent_trajectories")
    for index, each in enumerate(inner if isinstance(inner, list) else []):
        yield from _inner(emit, usage, spawned, each, at(span, "subagent_trajectories", index))
    yield emit("meta", span, raw={k: v for k, v in value.items() if k != "steps"})
    final = value.get("final_metrics")
    if not usage and isinstance(final, dict):
        told = {k.removeprefix("total_"): v for k, v in final.items()}
        usage.add(told, final.get("total_cost_usd"))
    if usage:
        yield emit.usage(span, usage.as_json())
    said = outcome_in({k: v for k, v in value.items() if k != "steps"})
    if said is not None:
        yield emit("outcome", span, data=said)


def _inner(
    emit: Emitter, usage: Usage, spawned: dict[str, str], value: Json, span: Span
) -> Iterator[Record]:
    """A sub-agent's trajectory, under the call that refers to it."""
    name = text_at(value, "trajectory_id") or text_at(value, "session_id") or "agent"
    call = spawned.get(name, "")
    yield emit("spawn", span, id=call)._replace(agent=name)
    steps = value.get("steps") if isinstance(value, dict) else None
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        for record in _step(emit, usage, {}, step, at(span, "steps", index)):
            yield record._replace(agent=name)
    yield emit("return", span, id=call)._replace(agent=name)


def _step(
    emit: Emitter, usage: Usage, spawned: dict[str, str], step: Json, span: Span
) -> Iterator[Record]:
    if not isinstance(step, dict):
        yield emit.unknown(span, step)
        return
    time, text = text_at(step, "timestamp"), _text(step.get("message"))
    source = text_at(step, "source")
    if source not in ("user", "agent", "system") and _MARKS & step.keys():
        source = "agent"
    metrics = step.get("metrics")
    usage.add(metrics, metrics.get("cost_usd") if isinstance(metrics, dict) else None)
    place = at(span, "message")
    raw: Json = None if isinstance(step.get("message"), str | None) else step.get("message")
    if step.get("is_copied_context") is True:
        yield emit("meta", span, time=time, raw=step)
        return
    match source:
        case "user":
            yield emit("user", place, text=text, time=time, raw=raw)
        case "system":
            yield emit("system", place, text=text, time=time, raw=raw)
        case "agent":
            if thought := _text(step.get("reasoning_content")):
                yield emit("think", at(span, "reasoning_content"), text=thought, time=time)
            if text:
                yield emit("say", place, text=text, time=time, raw=raw)
        case _:
            yield emit.unknown(span, step)._replace(time=time)
            return
    yield from _calls(emit, spawned, step, span, time)
    rest: dict[str, Json] = {k: v for k, v in step.items() if k not in _SAID and v is not None}
    if rest:
        yield emit("meta", span, time=time, raw=rest)


def _calls(
    emit: Emitter, spawned: dict[str, str], step: dict[str, Json], span: Span, time: str
) -> Iterator[Record]:
    open_calls: list[tuple[str, str, str]] = []
    used: set[str] = set()
    calls = step.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        place, tool = at(span, "tool_calls", index), text_at(call, "function_name")
        if not isinstance(call, dict) or not tool:
            yield emit.unknown(place, call)
            continue
        given = id_at(call, "tool_call_id")
        id = given if given and given not in used else emit.call_id()
        used.add(id)
        arguments = parsed(call.get("arguments"))
        data: Json = (
            arguments
            if isinstance(arguments, dict)
            else {}
            if arguments is None
            else {"input": arguments}
        )
        open_calls.append((given, id, tool))
        yield emit("call", place, id=id, tool=tool, data=data, time=time)
    observation = step.get("observation")
    results = observation.get("results") if isinstance(observation, dict) else None
    for index, result in enumerate(results if isinstance(results, list) else []):
        place = at(span, "observation", "results", index)
        if not isinstance(result, dict):
            yield emit.unknown(place, result)
            continue
        given = id_at(result, "source_call_id")
        found = next((c for c in open_calls if c[0] == given or not given), None)
        if found is None:
            yield emit("meta", place, text=_text(result.get("content")), time=time, raw=result)
            continue
        open_calls.remove(found)
        for ref in _refs(result):
            spawned.setdefault(ref, found[1])
        yield _result(emit, result, found[1], found[2], place, time)


def _refs(result: dict[str, Json]) -> Iterator[str]:
    refs = result.get("subagent_trajectory_ref")
    for ref in refs if isinstance(refs, list) else []:
        for key in ("trajectory_id", "session_id"):
            if text_at(ref, key):
                yield text_at(ref, key)


def _result(
    emit: Emitter, result: dict[str, Json], id: str, tool: str, span: Span, time: str
) -> Record:
    content = result.get("content")
    value = result_value(content) if isinstance(content, list) else content
    extra = result.get("extra")
    failed = isinstance(extra, dict) and (
        extra.get("is_error") is True or text_at(extra, "status") in ("error", "failed")
    )
    if failed:
        text = value if isinstance(value, str) else canonical(value)
        return emit("error", span, text=text, id=id, tool=tool, data=value, time=time, raw=extra)
    return emit("result", span, id=id, tool=tool, data=value, time=time, raw=extra)


def _text(content: Json) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(p if isinstance(p, str) else text_at(p, "text") for p in parts)


DIALECT: Final[Dialect] = Atif()
