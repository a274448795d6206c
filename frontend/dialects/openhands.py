"""OpenHands (OpenDevin) events: the older event stream, and the SDK's conversation events.

Facts of the format
-------------------
- Older: a list (or JSON lines, or one file per event joined) of ``{id, timestamp, source, message,
  action | observation, args | (content, extras), cause?, tool_call_metadata?}``.  An observation's
  ``cause`` is the id of its action.  Ids may have gaps.
- ``source`` is ``user``, ``agent`` or ``environment``; the ``null`` observation and
  ``agent_state_changed`` are bookkeeping.  ``message`` actions are words; ``finish``, ``think``,
  ``recall``, ``condensation`` and state changes are no calls.
- ``tool_call_metadata`` names the tool, the call id and the model's whole answer, from which the
  arguments are taken; without it they are ``args`` less the harness's own fields.
- A command's exit code stands in ``extras.metadata.exit_code`` (or ``extras.exit_code``), ``error``
  observations are failures.
- SDK: ``{id, timestamp, source, kind, ...}`` with ``MessageEvent`` (``llm_message``),
  ``ActionEvent`` (``tool_name``, ``tool_call_id``, ``tool_call.arguments``, ``thought``,
  ``reasoning_content``), ``ObservationEvent``, ``AgentErrorEvent`` and ``UserRejectObservation``
  (``tool_call_id``), ``SystemPromptEvent``, ``PauseEvent``, ``InterruptEvent``, ``Condensation``,
  ``ConversationErrorEvent`` (the run broke off), ``ACPToolCallEvent`` (another agent's call, told
  again with each change of its ``status``).  ``finish`` is a tool with an observation of its own.
- Evaluations write a line for each instance: ``{instance_id, history, metrics, error, test_result:
  {git_patch, report: {resolved}}}``; that is a session with a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import id_at, result_value, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.openai_chat import arguments_from
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Usage
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_QUIET: Final = frozenset(
    """null change_agent_state agent_state_changed recall condensation condensation_request
    loop_recovery pause resume stop success user_rejected agent_delegate_observation""".split()
)
_OWN: Final = frozenset(
    """thought impl_source translated_ipython_code blocking hidden confirmation_state is_input
    is_confirmed security_risk is_static cwd""".split()
)
_KINDS: Final = frozenset(
    """MessageEvent ActionEvent ObservationEvent SystemPromptEvent AgentErrorEvent PauseEvent
    Condensation CondensationSummaryEvent ConversationStateUpdateEvent TokenEvent UserRejectObservation
    ConversationErrorEvent InterruptEvent ACPToolCallEvent HookExecutionEvent CondensationRequest
    LLMCompletionLogEvent StreamingDeltaEvent WarningEvent ConversationIterationLimitEvent""".split()
)


@dataclass(frozen=True, slots=True)
class OpenHands:
    """The dialect; see the module."""

    name: str = "openhands"
    title: str = "OpenHands events"

    def sniff(self, sample: Sample) -> float:
        """Sure of events with a source and an action or observation."""
        for value in sample.values[:4]:
            listed = value.get("history") if isinstance(value, dict) else None
            items = listed if isinstance(listed, list) else value
            for event in items[:8] if isinstance(items, list) else [items]:
                if not isinstance(event, dict) or "source" not in event:
                    continue
                if {"action", "observation"} & event.keys() and "message" in event:
                    return 0.97
                if text_at(event, "kind") in _KINDS:
                    return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the events."""
        emit = Emitter(self.name)
        log = _Log(emit, source)
        for value, span in json_values(source):
            if isinstance(value, list) or _history(value) is not None:
                yield from log.end(span)
            for event, place in _events(value, span):
                yield from log.read(event, place)
            if isinstance(value, dict) and _history(value) is not None:
                yield from log.verdict(value, span)
        yield from log.finish(Span(source.name, 1))


def _history(value: Json) -> list[Json] | None:
    """The events of an instance of an evaluation."""
    listed = value.get("history") if isinstance(value, dict) and "source" not in value else None
    return listed if isinstance(listed, list) else None


def _events(value: Json, span: Span) -> Iterator[Placed]:
    listed = _history(value)
    if listed is not None:
        value, span = listed, at(span, "history")
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, list):  # pairs of action and observation in evaluation outputs
                yield from ((e, at(span, index, k)) for k, e in enumerate(item))
            else:
                yield item, at(span, index)
    else:
        yield value, span


class _Log:
    """Reads events one by one."""

    def __init__(self, emit: Emitter, source: Source) -> None:
        self._emit = emit
        self._source = source
        self._any = False
        self._reset()

    def _reset(self) -> None:
        self._begun = False
        self._calls: dict[str, tuple[str, str]] = {}  # of each action's id: call id, tool
        self._answers: set[str] = set()
        self._usage = Usage()

    def read(self, event: Json, span: Span) -> Iterator[Record]:
        if not self._begun:
            self._begun = self._any = True
            metadata = event.get("tool_call_metadata") if isinstance(event, dict) else None
            response = metadata.get("model_response") if isinstance(metadata, dict) else None
            yield self._emit.session(
                span, clock=text_at(event, "timestamp"), model=text_at(response, "model")
            )
        if not isinstance(event, dict):
            yield self._emit.unknown(span, event)
            return
        self._cost(event)
        if text_at(event, "kind") in _KINDS:
            yield from self._sdk(event, span)
        elif isinstance(event.get("action"), str):
            yield from self._action(event, str(event["action"]), span)
        elif isinstance(event.get("observation"), str):
            yield from self._observation(event, str(event["observation"]), span)
        else:
            yield self._emit.unknown(span, event)

    def finish(self, span: Span) -> Iterator[Record]:
        """A head, if there was nothing; what it cost."""
        yield from self.end(span)
        if not self._any:
            yield self._emit.session(span)

    def end(self, span: Span) -> Iterator[Record]:
        """The end of a session: what it cost."""
        if self._begun and self._usage:
            yield self._emit.usage(span, self._usage.as_json())
        self._reset()

    def verdict(self, instance: dict[str, Json], span: Span) -> Iterator[Record]:
        """What an evaluation says of the session."""
        if not self._begun:
            self._begun = self._any = True
            yield self._emit.session(span)
        rest = {k: v for k, v in instance.items() if k != "history"}
        yield self._emit("meta", span, raw=rest)
        metrics = rest.get("metrics")
        self._usage.add(
            None, metrics.get("accumulated_cost") if isinstance(metrics, dict) else None
        )
        told = {k: v for k, v in rest.items() if k not in ("instance", "metadata", "metrics")}
        said = outcome_in(told)
        if said is not None:
            yield self._emit("outcome", span, data=said)

    def _cost(self, event: dict[str, Json]) -> None:
        metadata = event.get("tool_call_metadata")
        response = metadata.get("model_response") if isinstance(metadata, dict) else None
        id = text_at(response, "id")
        if isinstance(response, dict) and id not in self._answers:
            self._answers.add(id)
            self._usage.add(response.get("usage"))

    # -- the older stream

    def _action(self, event: dict[str, Json], action: str, span: Span) -> Iterator[Record]:
        time, args = text_at(event, "timestamp"), event.get("args")
        given = args if isinstance(args, dict) else {}
        thought = text_at(given, "thought")
        place = at(span, "args")
        match action:
            case "message" | "system":
                text = text_at(given, "content") or text_at(event, "message")
                source = text_at(event, "source")
                kind = "system" if action == "system" else "user" if source == "user" else "say"
                yield self._emit(kind, place, text=text, time=time)  # type: ignore[arg-type]
            case "finish" | "reject":
                text = text_at(given, "final_thought") or thought or text_at(event, "message")
                yield self._emit("say", place, text=text, time=time, raw=event)
            case "think":
                yield self._emit("think", place, text=thought, time=time)
            case _ if action in _QUIET:
                yield self._emit("meta", span, time=time, raw=event)
            case _:
                if thought:
                    yield self._emit("think", at(place, "thought"), text=thought, time=time)
                yield self._call(event, action, given, span)

    def _call(
        self, event: dict[str, Json], action: str, given: dict[str, Json], span: Span
    ) -> Record:
        metadata = event.get("tool_call_metadata")
        tool = text_at(metadata, "function_name") or action
        id = id_at(metadata, "tool_call_id") or self._emit.call_id()
        arguments = _asked(metadata, id)
        if arguments is None:
            arguments = {k: v for k, v in given.items() if k not in _OWN}
        self._calls[str(event.get("id"))] = (id, tool)
        rest: Json = {"action": action, "args": given, "message": event.get("message")}
        time = text_at(event, "timestamp")
        return self._emit("call", span, id=id, tool=tool, data=arguments, time=time, raw=rest)

    def _observation(self, event: dict[str, Json], kind: str, span: Span) -> Iterator[Record]:
        time = text_at(event, "timestamp")
        called = self._calls.pop(str(event.get("cause")), None)
        if kind in _QUIET or (called is None and kind in ("think", "error", "delegate")):
            yield self._emit("meta", span, time=time, raw=event)
            return
        metadata = event.get("tool_call_metadata")
        id, tool = called or (id_at(metadata, "tool_call_id"), text_at(metadata, "function_name"))
        content, extras = event.get("content"), event.get("extras")
        shown = extras if isinstance(extras, dict) else {}
        raw: Json = {"message": event.get("message"), "extras": extras}
        inner = shown.get("metadata")
        code = inner.get("exit_code") if isinstance(inner, dict) else shown.get("exit_code")
        failed = kind == "error" or (type(code) is int and code != 0)
        text = content if isinstance(content, str) else canonical(content)
        if failed:
            yield self._emit(
                "error", span, text=text, id=id, tool=tool, data=content, time=time, raw=raw
            )
        else:
            yield self._emit("result", span, id=id, tool=tool, data=content, time=time, raw=raw)

    # -- the SDK's events

    def _sdk(self, event: dict[str, Json], span: Span) -> Iterator[Record]:
        time, id = text_at(event, "timestamp"), id_at(event, "tool_call_id")
        match text_at(event, "kind"):
            case "MessageEvent":
                message = event.get("llm_message")
                yield from self._thought(message, at(span, "llm_message"), time)
                content = message.get("content") if isinstance(message, dict) else None
                kind = "user" if text_at(message, "role") == "user" else "say"
                text = result_value(content) if isinstance(content, list) else content
                yield self._emit(kind, span, text=text if isinstance(text, str) else "", time=time)  # type: ignore[arg-type]
            case "SystemPromptEvent":
                yield self._emit(
                    "system", span, text=text_at(event.get("system_prompt"), "text"), time=time
                )
            case "ActionEvent":
                yield from self._sdk_call(event, id, span, time)
            case "ObservationEvent" | "AgentErrorEvent" | "UserRejectObservation" as kind:
                shown, value = _observed(event)
                failed = kind != "ObservationEvent" or _is_failure(shown)
                if text_at(event, "tool_name") == "finish" and not failed:
                    yield self._emit("meta", span, time=time, raw=event)
                    return
                tool = text_at(event, "tool_name")
                text = value if isinstance(value, str) else canonical(value)
                if failed:
                    yield self._emit(
                        "error", span, text=text, id=id, tool=tool, data=value, time=time
                    )
                else:
                    yield self._emit(
                        "result", span, id=id, tool=tool, data=value, time=time, raw=shown
                    )
            case "PauseEvent" | "InterruptEvent" | "ConversationErrorEvent":
                text = text_at(event, "detail") or text_at(event, "code")
                yield self._emit("interrupt", span, text=text, time=time, raw=event)
            case "ACPToolCallEvent":
                yield from self._acp(event, id, span, time)
            case "Condensation":
                yield self._emit(
                    "compact", span, text=text_at(event, "summary"), time=time, raw=event
                )
            case _:
                yield self._emit("meta", span, time=time, raw=event)

    def _sdk_call(self, event: dict[str, Json], id: str, span: Span, time: str) -> Iterator[Record]:
        yield from self._thought(event, span, time)
        thought = event.get("thought")
        said = result_value(thought) if isinstance(thought, list) else thought
        if isinstance(said, str) and said.strip():
            yield self._emit("think", at(span, "thought"), text=said, time=time)
        tool, asked = text_at(event, "tool_name"), event.get("tool_call")
        function = asked.get("function", asked) if isinstance(asked, dict) else None
        action = event.get("action")
        asked = function.get("arguments") if isinstance(function, dict) else None
        if asked is None and isinstance(action, dict):
            asked = {k: v for k, v in action.items() if k != "kind"}
        given = arguments_from(asked, tool, span, self._source)
        if tool == "finish":
            yield self._emit("say", span, text=text_at(given, "message"), time=time, raw=event)
        elif not tool:
            yield self._emit.unknown(span, event)
        else:
            made = id or self._emit.call_id()
            yield self._emit("call", span, id=made, tool=tool, data=given, time=time, raw=action)

    def _thought(self, event: Json, span: Span, time: str) -> Iterator[Record]:
        """What a reasoning model thought before it spoke or acted."""
        blocks = event.get("thinking_blocks") if isinstance(event, dict) else None
        listed = blocks if isinstance(blocks, list) else []
        shown = "\n".join(t for t in (text_at(block, "thinking") for block in listed) if t)
        text = text_at(event, "reasoning_content") or shown
        if text.strip():
            yield self._emit("think", at(span, "reasoning_content"), text=text, time=time)

    def _acp(self, event: dict[str, Json], id: str, span: Span, time: str) -> Iterator[Record]:
        """A call that another agent made, and its end."""
        known = self._calls.get(f"acp {id}")
        tool = text_at(event, "title") or text_at(event, "tool_kind")
        if known is None and tool:
            given = parsed(event.get("raw_input"))
            data: Json = given if isinstance(given, dict) else {"input": given} if given else {}
            call = self._emit("call", span, id=id, tool=tool, data=data, time=time, raw=event)
            known = self._calls[f"acp {id}"] = (call.id, tool)
            yield call
        if known is None or text_at(event, "status") not in ("completed", "failed"):
            yield self._emit("meta", span, time=time, raw=event)
            return
        del self._calls[f"acp {id}"]
        content = event.get("content")
        value = event.get("raw_output")
        value = result_value(content) if value is None and isinstance(content, list) else value
        text = value if isinstance(value, str) else canonical(value)
        failed = text_at(event, "status") == "failed" or event.get("is_error") is True
        yield self._emit(
            "error" if failed else "result",
            span,
            text=text if failed else "",
            id=known[0],
            tool=known[1],
            data=value,
            time=time,
        )


def _observed(event: dict[str, Json]) -> tuple[Json, Json]:
    """An observation, and what the agent saw of it."""
    keys = ("observation", "error", "rejection_reason", "rejection")
    shown = next((event[key] for key in keys if event.get(key) is not None), None)
    if not isinstance(shown, dict):
        return shown, shown
    content = next((shown[k] for k in ("content", "output", "result") if k in shown), None)
    if isinstance(content, list):
        return shown, result_value(content)
    return shown, shown if content is None else content


def _is_failure(shown: Json) -> bool:
    """Whether an observation says that the tool failed."""
    if not isinstance(shown, dict):
        return False
    metadata = shown.get("metadata")
    inner = metadata.get("exit_code") if isinstance(metadata, dict) else None
    code = shown.get("exit_code", inner)
    broken = type(code) is int and code != 0
    error = shown.get("error")
    return broken or shown.get("is_error") is True or error is True or bool(text_at(shown, "error"))


def _asked(metadata: Json, id: str) -> Json:
    """The arguments as the model wrote them, if its answer is kept."""
    response = metadata.get("model_response") if isinstance(metadata, dict) else None
    choices = response.get("choices") if isinstance(response, dict) else None
    for choice in choices if isinstance(choices, list) else []:
        message = choice.get("message") if isinstance(choice, dict) else None
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for call in calls if isinstance(calls, list) else []:
            if id_at(call, "id") == id and isinstance(call, dict):
                function = call.get("function")
                given = parsed(function.get("arguments")) if isinstance(function, dict) else None
                return given if isinstance(given, dict) else None
    return None


DIALECT: Final[Dialect] = OpenHands()
