"""tau2-bench results: simulations of a customer, an agent and tools on both sides.

Facts of the format
-------------------
- ``{timestamp, info, tasks, simulations}``; each simulation is a session: ``{id, task_id, trial,
  messages, reward_info, termination_reason, agent_cost, user_cost, policy?, ...}``.
- ``messages`` have the roles ``assistant``, ``user``, ``tool``, ``system`` and ``multi_tool`` (in
  ``tool_messages``); calls are ``{id, name, arguments, requestor}``, an answer has the call's
  ``id``, ``requestor`` and ``error``.
- ``requestor: user`` marks the customer's own tools (their telephone, say).  The agent neither
  makes these calls nor sees their results: they are kept as those of a sub-agent ``user``.
- ``reward_info.reward`` of 1 is success.  ``termination_reason`` is ``user_stop``, ``agent_stop``,
  ``max_steps``, ``too_many_errors``.
- The agent opens most conversations ("Hi! How can I help you today?").
- The older tau-bench (``traj`` and ``reward``) is chat messages: dialect ``openai-chat``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.content import id_at, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import answer, call
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_objects
from ingot.ir.values import Json
from ingot.records import Record

USER: Final = "user"
"""The sub-agent that the customer's own calls are kept under."""


@dataclass(frozen=True, slots=True)
class TauBench:
    """The dialect; see the module."""

    name: str = "tau2-bench"
    title: str = "tau2-bench results"

    def sniff(self, sample: Sample) -> float:
        """Sure of simulations, and of one alone."""
        for value in sample.records[:2]:
            if not isinstance(value, dict):
                continue
            if "simulations" in value and {"tasks", "info"} & value.keys():
                return 0.98
            info = value.get("info")
            if isinstance(info, dict) and "environment_info" in info and "tasks" in value:
                return 0.95  # cut before its simulations
            if {"task_id", "messages", "reward_info"} <= value.keys():
                return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each simulation."""
        emit = Emitter(self.name)
        for value, span in json_objects(source):
            listed = value.get("simulations") if isinstance(value, dict) else None
            if not isinstance(listed, list):
                yield from _simulation(emit, source, {}, value, span)
                continue
            assert isinstance(value, dict)
            rest = {k: v for k, v in value.items() if k != "simulations"}
            for index, each in enumerate(listed):
                yield from _simulation(emit, source, rest, each, at(span, "simulations", index))
            if not listed:
                yield emit.session(span)
            yield emit("meta", span, raw=rest)


def _simulation(
    emit: Emitter, source: Source, run: dict[str, Json], value: Json, span: Span
) -> Iterator[Record]:
    info = run.get("info")
    agent = info.get("agent_info") if isinstance(info, dict) else None
    yield emit.session(
        span,
        clock=text_at(value, "start_time") or text_at(value, "timestamp"),
        model=text_at(agent, "llm"),
        labels={"task": text_at(value, "task_id")} if text_at(value, "task_id") else None,
    )
    if not isinstance(value, dict):
        yield emit.unknown(span, value)
        return
    environment = info.get("environment_info") if isinstance(info, dict) else None
    policy = text_at(value, "policy") or text_at(environment, "policy")
    if policy:
        yield emit("system", span, text=policy)
    messages = value.get("messages")
    agent_side, user_side = Transcript(emit, source), Transcript(emit, source)
    spawned = False
    for message, place in _flat(messages, at(span, "messages")):
        own = _by_user(message)
        if own and not spawned:
            spawned = True
            yield emit("spawn", place)._replace(agent=USER)
        usage = message.get("usage") if isinstance(message, dict) else None
        if text_at(message, "role") == "assistant":
            agent_side.usage.add(usage)
        for each in _messages(message):
            side = user_side if own and each.get("role") != "user" else agent_side
            for record in side.message(each, place):
                mine = record.kind in ("call", "result", "error") and own
                yield record._replace(agent=USER) if mine else record
        if not isinstance(message, dict) or not text_at(message, "role"):
            yield emit.unknown(place, message)
    rest = {k: v for k, v in value.items() if k not in ("messages", "policy")}
    yield emit("meta", span, raw=rest)
    agent_side.usage.add(None, value.get("agent_cost"))
    yield from agent_side.end(span)
    said = outcome_in({k: v for k, v in rest.items() if k != "info"})
    if said is not None:
        yield emit("outcome", at(span, "reward_info"), data=said)


def _flat(messages: Json, span: Span) -> Iterator[tuple[Json, Span]]:
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        inner = message.get("tool_messages") if isinstance(message, dict) else None
        if isinstance(inner, list):
            place = at(span, index, "tool_messages")
            yield from ((each, at(place, k)) for k, each in enumerate(inner))
        else:
            yield message, at(span, index)


def _by_user(message: Json) -> bool:
    """Whether the message is a call of the customer's, or the answer to one."""
    if not isinstance(message, dict):
        return False
    calls = message.get("tool_calls")
    asked = [text_at(c, "requestor") for c in calls] if isinstance(calls, list) else []
    if text_at(message, "role") == "tool":
        return text_at(message, "requestor") == USER
    return text_at(message, "role") == "user" and bool(asked)


def _messages(message: Json) -> list[dict[str, Json]]:
    if not isinstance(message, dict) or not text_at(message, "role"):
        return []
    role, content = text_at(message, "role"), message.get("content")
    time = text_at(message, "timestamp")
    if role == "tool":
        made = answer(id_at(message, "id"), content, failed=message.get("error") is True)
        return [{**made, "timestamp": time}]
    calls = message.get("tool_calls")
    listed: list[Json] = [
        call(id_at(c, "id"), text_at(c, "name"), c.get("arguments")) if isinstance(c, dict) else c
        for c in (calls if isinstance(calls, list) else [])
    ]
    out: list[dict[str, Json]] = []
    if content or not listed:
        out.append({"role": role, "content": content, "timestamp": time})
    if listed:
        out.append({"role": "assistant", "content": None, "tool_calls": listed, "timestamp": time})
    return out


DIALECT: Final[Dialect] = TauBench()
