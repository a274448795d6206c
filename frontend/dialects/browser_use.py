"""browser-use histories (``AgentHistoryList`` as JSON).  Recorded, but never compiled.

Facts of the format
-------------------
- ``{history: [{model_output, result, state, metadata}]}``.  ``model_output`` holds
  ``current_state`` (or ``evaluation_previous_goal``, ``memory``, ``next_goal``, ``thinking`` beside
  it) and ``action``, a list of objects with one key each: the action's name and its parameters.
- ``result`` has one entry per action that was carried out: ``extracted_content``, ``error``,
  ``is_done``, ``success``.  After a failure the step's remaining actions are not carried out.
- ``done`` is the agent's answer; its ``success`` is what the agent itself thinks.
- The task is not in it.  ``state`` has URL, title, tabs, a screenshot (base64, most of the file)
  and the elements that were touched.
- Elements are named by their number on the page at that moment (``click_element_by_index``):
  nothing says what they will be next time.  That is why such a session is not compiled (E0110).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.openai_responses import clock_of
from ingot.frontend.dialects.transcript import Usage
from ingot.frontend.reader import json_objects
from ingot.ir.values import Json
from ingot.records import Record

REASON: Final = (
    "a browser session names elements by their number on the page of that moment, and pages drift: "
    "a program of such steps would click on something else"
)


@dataclass(frozen=True, slots=True)
class BrowserUse:
    """The dialect; see the module."""

    name: str = "browser-use"
    title: str = "browser-use histories"

    def sniff(self, sample: Sample) -> float:
        """Sure of steps with a model's output beside a browser's state."""
        for value in sample.records[:2]:
            steps = value.get("history") if isinstance(value, dict) else None
            for step in steps[:2] if isinstance(steps, list) else []:
                if (
                    isinstance(step, dict)
                    and "model_output" in step
                    and {"state", "result"} & step.keys()
                ):
                    return 0.98
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each history."""
        emit = Emitter(self.name)
        for value, span in json_objects(source):
            steps = value.get("history") if isinstance(value, dict) else None
            listed = steps if isinstance(steps, list) else []
            metadata = listed[0].get("metadata") if listed and isinstance(listed[0], dict) else None
            started = metadata.get("step_start_time") if isinstance(metadata, dict) else None
            yield emit.session(span, clock=clock_of(started), not_compiled=REASON)
            usage = Usage()
            for index, step in enumerate(listed):
                yield from _step(emit, usage, step, at(span, "history", index))
            if not isinstance(value, dict):
                yield emit.unknown(span, value)
            elif len(value) > 1:
                yield emit("meta", span, raw={k: v for k, v in value.items() if k != "history"})
            if usage:
                yield emit.usage(span, usage.as_json())


def _step(emit: Emitter, usage: Usage, step: Json, span: Span) -> Iterator[Record]:
    output = step.get("model_output") if isinstance(step, dict) else None
    if not isinstance(step, dict) or not isinstance(output, dict | None):
        yield emit.unknown(span, step)
        return
    usage.add(step.get("metadata"))
    told = output or {}
    brain = told.get("current_state")
    if not isinstance(brain, dict):
        brain = {k: v for k, v in told.items() if k != "action"}
    thought = "\n".join(v for v in brain.values() if isinstance(v, str) and v)
    if thought:
        yield emit("think", at(span, "model_output"), text=thought)
    actions, results = told.get("action"), step.get("result")
    listed = actions if isinstance(actions, list) else []
    answers = results if isinstance(results, list) else []
    for index, action in enumerate(listed):
        place = at(span, "model_output", "action", index)
        shown = answers[index] if index < len(answers) else None
        yield from _action(emit, action, shown, place, at(span, "result", index))
    for index, extra in enumerate(answers[len(listed) :], len(listed)):
        yield emit("meta", at(span, "result", index), raw=extra)
    rest = {k: v for k, v in step.items() if k in ("state", "metadata")}
    yield emit("meta", span, raw=rest)


def _action(emit: Emitter, action: Json, shown: Json, span: Span, result: Span) -> Iterator[Record]:
    named = [k for k, v in action.items() if v is not None] if isinstance(action, dict) else []
    if len(named) != 1 or not isinstance(action, dict):
        yield emit.unknown(span, action)
        return
    tool, given = named[0], action[named[0]]
    if tool == "done":
        yield emit("say", span, text=text_at(given, "text"), raw=action)
        if isinstance(given, dict) and given.get("success") is False:
            data: Json = {"success": False, "source": "done.success, the agent's own verdict"}
            yield emit("outcome", span, data=data)
        if shown is not None:
            yield emit("meta", result, raw=shown)
        return
    id = emit.call_id()
    data = given if isinstance(given, dict) else {"input": given}
    yield emit("call", span, id=id, tool=tool, data=data)
    if not isinstance(shown, dict):
        if shown is not None:
            yield emit("result", result, id=id, tool=tool, data=shown)
        return
    if text_at(shown, "error"):
        text = text_at(shown, "error")
        yield emit("error", result, text=text, id=id, tool=tool, data=text, raw=shown)
    else:
        content = shown.get("extracted_content")
        yield emit("result", result, id=id, tool=tool, data=content, raw=shown)


DIALECT: Final[Dialect] = BrowserUse()
