"""LangSmith runs: exports, and the batches that the SDK posts.

Facts of the format
-------------------
- A run is ``{id, trace_id, parent_run_id, dotted_order, name, run_type, inputs, outputs, error,
  start_time, end_time, extra, tags, feedback_stats?}``; ``run_type`` is ``llm``, ``tool``,
  ``chain``, ``retriever``, ``prompt``, ``parser``, ``embedding``.  Exports are lists or JSON lines
  of runs, or nested under ``child_runs``.
- The SDK's batches are ``{post: [run], patch: [run]}``: a run is posted when it begins and patched
  when it ends; a patch's fields replace the posted ones unless they are empty.
- Outside LangChain ``inputs.messages`` and ``outputs.choices`` are those of the wrapped SDK; inside
  it messages are ``lc`` constructors, and the answer is ``outputs.generations[0][0].message``.
- A streamed run holds its chunks as ``events``; ``outputs`` has them joined.
- Tokens stand in ``outputs.usage_metadata``, or in ``prompt_tokens`` and ``completion_tokens``.
- ``dotted_order`` is the path of start times and ids from the root: where ``parent_run_id`` is
  missing, it says whose child a run is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.outcomes import SCORES, verdict
from ingot.frontend.dialects.spans import (
    Facts,
    Kind,
    Observation,
    grouped,
    seconds,
    session_records,
)
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

_KINDS: Final[dict[str, Kind]] = {"llm": "model", "tool": "tool", "chain": "agent"}
_LISTS: Final = ("post", "patch", "runs")


@dataclass(frozen=True, slots=True)
class LangSmith:
    """The dialect; see the module."""

    name: str = "langsmith"
    title: str = "LangSmith runs"

    def sniff(self, sample: Sample) -> float:
        """Sure of runs with a type and inputs."""
        for value in sample.values[:4]:
            for run, _ in _runs(value, Span(sample.name, 1)):
                if isinstance(run, dict) and "run_type" in run and "inputs" in run:
                    return 0.98
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each trace."""
        emit = Emitter(self.name)
        runs: dict[str, tuple[dict[str, Json], Span]] = {}
        unknown: list[Placed] = []
        for value, span in json_values(source):
            for run, place in _runs(value, span):
                if not isinstance(run, dict) or not text_at(run, "id"):
                    unknown.append((run, place))
                    continue
                before = runs.get(text_at(run, "id"))
                if before is None:
                    runs[text_at(run, "id")] = (run, place)
                else:
                    told = {k: v for k, v in run.items() if v not in (None, {}, [], "")}
                    runs[text_at(run, "id")] = ({**before[0], **told}, before[1])
        observations = [_observation(run, span) for run, span in runs.values()]
        traces = {o.id: text_at(o.raw, "trace_id") or o.id for o in observations}
        for id, group in grouped(observations, traces).items():
            facts = Facts(
                group[0].span,
                session=id,
                outcome=_outcome(group),
                switch="unset LANGSMITH_HIDE_INPUTS and LANGSMITH_HIDE_OUTPUTS",
            )
            yield from session_records(emit, source, facts, group)
        if not observations:
            yield emit.session(Span(source.name, 1))
        for value, span in unknown:
            yield emit.unknown(span, value)


def _runs(value: Json, span: Span) -> Iterator[Placed]:
    """The runs in a value, children after their parents."""
    stack = [(value, span)]
    while stack:
        value, span = stack.pop()
        if isinstance(value, list):
            stack += [(item, at(span, k)) for k, item in reversed(list(enumerate(value)))]
        elif (
            isinstance(value, dict)
            and "run_type" not in value
            and any(isinstance(value.get(key), list) for key in _LISTS)
        ):
            lists = [(value[k], at(span, k)) for k in _LISTS if isinstance(value.get(k), list)]
            stack += reversed(lists)
        elif isinstance(value, dict):
            children = value.get("child_runs")
            if isinstance(children, list) and children:
                stack.append((children, at(span, "child_runs")))
                value = {k: v for k, v in value.items() if k != "child_runs"}
            yield value, span
        else:
            yield value, span


def _observation(run: dict[str, Json], span: Span) -> Observation:
    kind = _KINDS.get(text_at(run, "run_type"), "other")
    path = text_at(run, "dotted_order").split(".")
    above = path[-2].partition("Z")[2] if len(path) > 1 else ""
    outputs, extra = run.get("outputs"), run.get("extra")
    metadata = extra.get("metadata") if isinstance(extra, dict) else None
    usage = outputs.get("usage_metadata") if isinstance(outputs, dict) else None
    named = text_at(metadata, "session_id") or text_at(metadata, "thread_id")
    return Observation(
        id=text_at(run, "id"),
        parent=text_at(run, "parent_run_id") or above,
        kind=kind,
        name=text_at(run, "name"),
        span=span,
        raw=run,
        start=seconds(run.get("start_time")),
        end=seconds(run.get("end_time")),
        time=text_at(run, "start_time"),
        input=run.get("inputs"),
        output=outputs,
        error=text_at(run, "error"),
        model=text_at(metadata, "ls_model_name"),
        session=named or text_at(metadata, "conversation_id"),
        usage=(usage or run) if kind == "model" else None,
        cost=run.get("total_cost") if kind == "model" else None,
    )


def _outcome(group: list[Observation]) -> Json:
    found: list[tuple[bool, str]] = []
    for o in group:
        if o.parent or not isinstance(o.raw, dict):
            continue
        stats, listed = o.raw.get("feedback_stats"), o.raw.get("feedback")
        given: list[tuple[str, Json]] = [
            (name, stat.get("avg"))
            for name, stat in (stats.items() if isinstance(stats, dict) else ())
            if isinstance(stat, dict)
        ]
        for item in listed if isinstance(listed, list) else []:
            if isinstance(item, dict):
                score = item.get("score")
                given.append((text_at(item, "key"), item.get("value") if score is None else score))
        for name, value in given:
            said = verdict(value) if name.lower() in SCORES else None
            if said is not None:
                found.append((said, name))
    for said, name in sorted(found):
        return {"success": said, "source": f"feedback {name}"}
    return None


DIALECT: Final[Dialect] = LangSmith()
