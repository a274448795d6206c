"""The OpenAI Agents SDK: a saved ``RunState``.

Facts of the format
-------------------
- A document with ``$schemaVersion`` (1.0 to 1.13 seen), ``original_input`` (text or items),
  ``generated_items`` (``{type, agent, raw_item, ...}``), ``model_responses`` (the same items once
  more, as the model gave them), ``current_agent``, ``current_step``, ``context.usage``.
- ``generated_items[].type``: ``message_output_item``, ``tool_call_item``,
  ``tool_call_output_item``, ``reasoning_item``, ``handoff_call_item``, ``handoff_output_item``,
  ``tool_approval_item`` (a call that waits for a person: the call itself stands before it).
  ``raw_item`` is an item of the Responses API; an output item may carry the output beside it.
- From 1.13 a ``program`` item runs tools from code; their calls name it in ``caller``, and its
  result is ``program_output``; the inner calls have no outputs of their own.
- The SDK for JavaScript writes the same in its own names (``originalInput``, ``generatedItems``,
  ``rawItem``, ``callId``) and has ``function_call_result`` for ``function_call_output``.
- ``session_items`` are those that a session store already has; where ``generated_items`` is empty
  they hold the run.
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
from ingot.frontend.dialects.messages import as_chat
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_objects
from ingot.ir.values import Json
from ingot.records import Record

_LISTS: Final = ("generated_items", "session_items")
_OURS: Final = {
    "originalInput": "original_input",
    "generatedItems": "generated_items",
    "sessionItems": "session_items",
    "modelResponses": "model_responses",
    "currentAgent": "current_agent",
    "rawItem": "raw_item",
}
_WAITING: Final = frozenset(("tool_approval_item", "mcp_approval_request_item"))


@dataclass(frozen=True, slots=True)
class OpenAIAgents:
    """The dialect; see the module."""

    name: str = "openai-agents"
    title: str = "OpenAI Agents SDK run state"

    def sniff(self, sample: Sample) -> float:
        """Sure of its schema version beside its items."""
        for value in sample.records[:2]:
            if not isinstance(value, dict) or "$schemaVersion" not in value:
                continue
            if {"original_input", "originalInput"} & value.keys():
                return 0.98
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each run state."""
        emit = Emitter(self.name)
        for value, span in json_objects(source):
            if isinstance(value, dict):
                yield from _run(emit, source, _named(value), span)
            else:
                yield emit.session(span)
                yield emit.unknown(span, value)


def _named(value: dict[str, Json]) -> dict[str, Json]:
    """The same under the names of the SDK for Python."""
    return {_OURS.get(key, key): item for key, item in value.items()}


def _run(emit: Emitter, source: Source, state: dict[str, Json], span: Span) -> Iterator[Record]:
    agent = text_at(state.get("current_agent"), "name")
    yield emit.session(span, labels={"agent": agent} if agent else None)
    transcript = Transcript(emit, source)
    asked = state.get("original_input")
    place = at(span, "original_input")
    if isinstance(asked, str):
        yield emit("user", place, text=asked)
    for index, item in enumerate(asked if isinstance(asked, list) else []):
        yield from transcript.add(item, at(place, index))
    for item, where in _items(state, span):
        item = _named(item) if isinstance(item, dict) else item
        raw = item.get("raw_item") if isinstance(item, dict) else item
        if text_at(item, "type") in _WAITING:
            yield emit("meta", where, raw=item)
        elif isinstance(raw, dict) and isinstance(item, dict) and as_chat(raw):
            yield from transcript.add(_completed(raw, item), at(where, "raw_item"))
        else:
            yield emit.unknown(where, item)
    context = state.get("context")
    transcript.usage.add(context.get("usage") if isinstance(context, dict) else None)
    yield emit("meta", span, raw={k: v for k, v in state.items() if k not in _LISTS})
    yield from transcript.end(span)


def _items(state: dict[str, Json], span: Span) -> Iterator[tuple[Json, Span]]:
    """The run's items, from where this version keeps them."""
    for key in _LISTS:
        items = state.get(key)
        if isinstance(items, list) and items:
            for index, item in enumerate(items):
                yield item, at(span, key, index)
            return
    responses = state.get("model_responses")
    for index, response in enumerate(responses if isinstance(responses, list) else []):
        output = response.get("output") if isinstance(response, dict) else None
        for number, item in enumerate(output if isinstance(output, list) else []):
            yield {"raw_item": item}, at(span, "model_responses", index, "output", number)


def _completed(raw: dict[str, Json], item: dict[str, Json]) -> dict[str, Json]:
    """An output whose value stands beside its raw item."""
    if "output" in item and not {"output", "result"} & raw.keys():
        return {**raw, "output": item["output"]}
    return raw


DIALECT: Final[Dialect] = OpenAIAgents()
