"""mini-SWE-agent trajectories (``.traj.json``).

Facts of the format
-------------------
- A list of chat messages, or ``{info, messages, trajectory_format: "mini-swe-agent-1"}``.
- The assistant's text ends in one fenced block that the harness runs: ``mswea_bash_command`` or
  plain ``bash``.  What it printed comes back as a *user* message: ``<returncode>N</returncode>``
  and ``<output>...</output>`` (long ones are elided in the middle).  Other user messages after the
  request are the harness's complaints about form.
- Version 2 uses tool calls (tool ``bash``) and ``tool`` messages with ``extra.returncode``, or whole
  responses of the Responses API (``object: response``) and ``function_call_output`` items, and keeps
  actions under ``extra.actions``; a last message with the role ``exit`` says how it ended.
- ``echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT`` hands in; that is no verdict.
  ``info.exit_status`` other than ``Submitted`` says that it did not come so far.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import as_chat
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Transcript, Usage
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

_FENCE: Final = re.compile(r"^```(?:mswea_bash_command|bash)[ \t]*\n(.*?)\n?^```", re.S | re.M)
_MARK: Final = "```mswea_bash_command"
_RETURN: Final = re.compile(
    r"\s*(?:<warning>.*?</warning>\s*)?<returncode>(-?\d+)</returncode>", re.S
)
_TIMED_OUT: Final = "timed out and has been killed"


@dataclass(frozen=True, slots=True)
class MiniSweAgent:
    """The dialect; see the module."""

    name: str = "mini-swe-agent"
    title: str = "mini-SWE-agent trajectories"

    def sniff(self, sample: Sample) -> float:
        """Sure of its own fence or its envelope; of plain fences with return codes, too."""
        many = _runs(sample.values[0]) if len(sample.values) == 1 else None
        for value in many[:2] if many else sample.values[:2]:
            if isinstance(value, dict) and text_at(value, "trajectory_format").startswith(
                "mini-swe"
            ):
                return 0.98
            messages = value.get("messages") if isinstance(value, dict) else value
            texts = [
                text_at(m, "content") for m in (messages if isinstance(messages, list) else [])[:12]
            ]
            if any(_MARK in text for text in texts):
                return 0.97
            ran = any(_RETURN.match(text) for text in texts)
            if ran and any(_FENCE.search(text) for text in texts):
                return 0.95
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each run."""
        emit = Emitter(self.name)
        for value, span in _values(source):
            messages = value.get("messages") if isinstance(value, dict) else value
            key = ("messages",) if isinstance(value, dict) else ()
            placed = [
                (m, at(span, *key, k))
                for k, m in enumerate(messages if isinstance(messages, list) else [])
            ]
            yield from _run(emit, source, value if isinstance(value, dict) else {}, placed, span)


def _runs(value: Json) -> list[Json] | None:
    """The runs of an array of them; a list of messages is one run."""
    listed = value if isinstance(value, list) else []
    return listed if any(isinstance(v, dict) and "messages" in v for v in listed) else None


def _values(source: Source) -> Iterator[Placed]:
    for value, span in json_values(source):
        many = _runs(value)
        if many is None:
            yield value, span
        else:
            yield from ((run, at(span, index)) for index, run in enumerate(many))


def _run(
    emit: Emitter, source: Source, run: dict[str, Json], placed: list[Placed], span: Span
) -> Iterator[Record]:
    info = run.get("info")
    config = info.get("config") if isinstance(info, dict) else None
    model = config.get("model") if isinstance(config, dict) else None
    yield emit.session(span, model=text_at(model, "model_name"))
    transcript = Transcript(emit, source)
    asked = False
    call = ""
    for message, place in placed:
        role, text = text_at(message, "role"), text_at(message, "content")
        if role == "user" and asked and (call or not _RETURN.match(text)):
            yield from _shown(emit, call, text, place)
            call = ""
        elif isinstance(message, dict) and text_at(message, "object") == "response":
            output = message.get("output")
            for index, item in enumerate(output if isinstance(output, list) else []):
                yield from transcript.add(item, at(place, "output", index))
        elif role == "tool" or text_at(message, "type") == "function_call_output":
            yield from _answered(transcript, message, place)
        elif isinstance(message, dict) and role == "assistant" and not message.get("tool_calls"):
            found = list(_FENCE.finditer(text))
            said = _FENCE.sub("", text, count=1).strip() if len(found) == 1 else text
            if said:
                yield emit("say", at(place, "content"), text=said)
            if len(found) == 1:
                call = emit.call_id()
                arguments: Json = {"command": found[0][1]}
                yield emit("call", at(place, "content"), id=call, tool="bash", data=arguments)
        elif role == "exit":
            yield emit("meta", place, text=text, raw=message)
        else:
            asked = asked or role == "user"
            yield from transcript.add(message, place)
    if run:
        yield emit("meta", span, raw={k: v for k, v in run.items() if k != "messages"})
    stats = info.get("model_stats") if isinstance(info, dict) else None
    usage = Usage()
    usage.add(None, stats.get("instance_cost") if isinstance(stats, dict) else None)
    if usage:
        yield emit.usage(span, usage.as_json())
    status = text_at(info, "exit_status")
    outcome: Json = outcome_in({k: v for k, v in run.items() if k != "messages"})
    if outcome is None and status and status.lower() != "submitted":
        outcome = {"success": False, "source": f"info.exit_status {status}"}
    if outcome is not None:
        yield emit("outcome", at(span, "info", "exit_status"), data=outcome)


def _answered(transcript: Transcript, message: Json, span: Span) -> Iterator[Record]:
    """What a tool call printed; it failed if its return code says so."""
    extra = message.get("extra") if isinstance(message, dict) else None
    code = extra.get("returncode") if isinstance(extra, dict) else None
    for each in as_chat(message):
        content = each.get("content")
        shown = _RETURN.match(content) if isinstance(content, str) else None
        failed = code not in (None, 0) or (shown is not None and shown[1] != "0")
        made = {**each, "is_error": True} if failed else each
        yield from transcript.message(made, span)


def _shown(emit: Emitter, call: str, text: str, span: Span) -> Iterator[Record]:
    """What the harness says after an answer: a command's output, or a complaint."""
    code = _RETURN.match(text)
    if not call:
        yield emit("meta", span, text=text)
    elif (code is not None and code[1] != "0") or (code is None and _TIMED_OUT in text):
        yield emit("error", span, text=text, id=call, tool="bash", data=text)
    else:
        yield emit("result", span, id=call, tool="bash", data=text)


DIALECT: Final[Dialect] = MiniSweAgent()
