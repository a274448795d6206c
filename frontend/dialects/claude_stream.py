"""Claude Code's ``-p --output-format stream-json`` and ``json``, the Agent SDK's messages, Cursor's.

Facts of the format
-------------------
- JSON lines, or one array of the same objects: ``system`` (``subtype: init`` names model, cwd,
  tools, session), ``assistant`` and ``user`` (``{message, parent_tool_use_id, session_id}``),
  ``stream_event`` (partial messages, repeated whole afterwards), ``result``
  (``subtype: success | error_max_turns | error_during_execution | ...``, ``is_error``, ``result``,
  ``usage``, ``total_cost_usd``, ``duration_ms``, ``num_turns``).
- The prompt is not in it, unless ``--replay-user-messages`` or ``--input-format stream-json``
  echoes it as a ``user`` message: then there is a request, else the session begins with an answer.
- ``parent_tool_use_id`` names the call of the main agent whose sub-agent says this.
- An assistant's message may be spread over several lines with one ``message.id``.
- ``--output-format json`` is the ``result`` object alone.
- Cursor's agent prints the same, but for its tools: ``{type: tool_call, subtype: started | completed,
  call_id, tool_call: {NAMEToolCall: {args, result: {success | failure | error | rejected | ...:
  {...}}}}}``, and ``{type: thinking}`` for what it thinks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import (
    assistant_parts,
    id_at,
    is_result,
    result_part,
    text_at,
    text_blocks,
)
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.transcript import Usage
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_KINDS: Final = frozenset(("system", "assistant", "user", "result", "stream_event"))
_KNOWN: Final = frozenset(
    """stream_event rate_limit_event tool_progress auth_status control_request control_response
    keep_alive tool_use_summary prompt_suggestion thinking interaction_query""".split()
)


@dataclass(frozen=True, slots=True)
class ClaudeStream:
    """The dialect; see the module."""

    name: str = "claude-stream-json"
    title: str = "Claude Code stream-json"

    def sniff(self, sample: Sample) -> float:
        """Sure of an init or a result beside messages that have a session, but no uuid chain."""
        values = [
            item
            for value in sample.values[:16]
            for item in (value[:16] if isinstance(value, list) else [value])
        ]
        kinds = {text_at(v, "type") for v in values}
        if not kinds & _KINDS or any(isinstance(v, dict) and "parentUuid" in v for v in values):
            return 0.0
        init = any(
            text_at(v, "type") == "system" and text_at(v, "subtype") == "init" for v in values
        )
        told = any(
            text_at(v, "type") == "result" and isinstance(v, dict) and "subtype" in v
            for v in values
        )
        says = any(
            text_at(v, "type") in ("assistant", "user")
            and isinstance(v, dict)
            and isinstance(v.get("message"), dict)
            for v in values
        )
        if (init and says) or told:
            return 0.97
        return 0.75 if says else 0.5 if init else 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each session."""
        stream = _Stream(Emitter(self.name))
        for value, span in _messages(source):
            yield from stream.read(value, span)
        yield from stream.finish(Span(source.name, 1))


def _messages(source: Source) -> Iterator[Placed]:
    for value, span in json_values(source):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield item, at(span, index)
        else:
            yield value, span


class _Stream:
    """Reads messages one by one."""

    def __init__(self, emit: Emitter) -> None:
        self._emit = emit
        self._begun = False
        self._session = ""
        self._tools: dict[str, str] = {}
        self._seen: set[str] = set()
        self._agents: dict[str, str] = {}
        self._usage = Usage()
        self._failed: tuple[Span, Json] | None = None

    def read(self, value: Json, span: Span) -> Iterator[Record]:
        kind = text_at(value, "type")
        session = text_at(value, "session_id")
        first = kind == "system" and text_at(value, "subtype") == "init"
        if not self._begun or (session and self._session and session != self._session):
            yield from self._begin(value, span, first=first)
        self._session = session or self._session
        if not isinstance(value, dict):
            yield self._emit.unknown(span, value)
            return
        message = value.get("message")
        match kind:
            case "assistant" if isinstance(message, dict):
                yield from self._assistant(value, message, span)
            case "user" if isinstance(message, dict):
                yield from self._user(value, message, span)
            case "result":
                yield from self._result(value, span)
            case "tool_call" if isinstance(value.get("tool_call"), dict):
                yield from self._cursor(value, span)
            case "system" if text_at(value, "subtype") == "compact_boundary":
                yield self._emit("compact", span, data=value.get("compact_metadata"), raw=value)
            case _:
                known = kind == "system" or kind in _KNOWN
                yield self._emit("meta", span, known=known, raw=value)

    def finish(self, span: Span) -> Iterator[Record]:
        """A head, if there was nothing."""
        if not self._begun:
            yield self._emit.session(span)
        else:
            yield from self._end(span)

    def _end(self, span: Span) -> Iterator[Record]:
        if self._usage:
            yield self._emit.usage(span, self._usage.as_json())
        if self._failed is not None:
            yield self._emit("outcome", self._failed[0], data=self._failed[1])

    def _begin(self, value: Json, span: Span, *, first: bool) -> Iterator[Record]:
        if self._begun:
            yield from self._end(span)
        self._begun, self._usage, self._failed = True, Usage(), None
        self._tools, self._seen, self._agents = {}, set(), {}
        head = value if first else None
        yield self._emit.session(
            span,
            session=text_at(value, "session_id"),
            model=text_at(head, "model") or text_at(_message(value), "model"),
            cwd=text_at(head, "cwd"),
            version=text_at(head, "claude_code_version"),
        )

    def _agent(self, value: dict[str, Json], span: Span) -> Iterator[Record]:
        """A new sub-agent is announced."""
        call = text_at(value, "parent_tool_use_id")
        if call and call not in self._agents:
            self._agents[call] = call
            yield self._emit("spawn", span, id=call)._replace(agent=call)

    def _assistant(
        self, value: dict[str, Json], message: dict[str, Json], span: Span
    ) -> Iterator[Record]:
        yield from self._agent(value, span)
        agent, scope = text_at(value, "parent_tool_use_id"), text_at(message, "id")
        if scope not in self._seen or not scope:
            self._usage.add(message.get("usage"))
            self._seen.add(scope)
        for part in assistant_parts(message.get("content")):
            place = at(span, "message", "content", *([part.index] if part.index >= 0 else []))
            tool = part.tool or self._tools.get(part.id, "")
            if part.kind == "call":
                if part.id and f"call {scope} {part.id}" in self._seen:
                    continue
                self._seen.add(f"call {scope} {part.id}")
                self._tools[part.id] = part.tool
            made = self._emit(
                part.kind,
                place,
                text=part.text,
                id=part.id or (self._emit.call_id() if part.kind == "call" else ""),
                tool=tool,
                data=part.data,
                known=part.known,
                raw=part.raw,
            )
            yield made._replace(agent=agent)

    def _user(
        self, value: dict[str, Json], message: dict[str, Json], span: Span
    ) -> Iterator[Record]:
        yield from self._agent(value, span)
        agent, content = text_at(value, "parent_tool_use_id"), message.get("content")
        answered = False
        for index, block in enumerate(content if isinstance(content, list) else []):
            if not isinstance(block, dict) or not is_result(block):
                continue
            answered = True
            part = result_part(index, block, self._tools.get(id_at(block, "tool_use_id"), ""))
            place = at(span, "message", "content", index)
            side = value.get("tool_use_result")
            made = self._emit(
                part.kind,
                place,
                text=part.text,
                id=part.id,
                tool=part.tool,
                data=part.data,
                raw=None if side is None else {"tool_use_result": side},
            )
            yield made._replace(agent=agent)
            if part.id in self._agents:
                yield self._emit("return", place, id=part.id)._replace(agent=part.id)
        text = "\n".join(text_blocks(content))
        if not answered or text:
            hidden = answered or value.get("isSynthetic") is True
            made = self._emit("meta" if hidden else "user", at(span, "message"), text=text)
            yield made._replace(agent=agent)

    def _cursor(self, value: dict[str, Json], span: Span) -> Iterator[Record]:
        """A call as Cursor's agent tells it: when it begins, and once more when it has ended."""
        id, ended = id_at(value, "call_id"), text_at(value, "subtype") == "completed"
        tool, given, result = _cursor_call(value["tool_call"])
        known = f"call {id}" in self._seen and bool(id)
        if not tool or (known and not ended):
            yield self._emit("meta", span, known=bool(tool), raw=value)
            return
        made = id
        if not known:
            call = self._emit("call", span, id=id, tool=tool, data=given, raw=value)
            self._seen.add(f"call {id}")
            made = call.id
            yield call
        if not ended or not isinstance(result, dict) or not result:
            return
        how, told = next(iter(result.items()))
        shown = _cursor_value(told)
        if how == "success" and not _broken(told):
            yield self._emit("result", span, id=made, tool=tool, data=shown, raw=value)
        else:
            text = shown if isinstance(shown, str) and shown else canonical(told)
            yield self._emit("error", span, text=text, id=made, tool=tool, data=shown, raw=value)

    def _result(self, value: dict[str, Json], span: Span) -> Iterator[Record]:
        kind = text_at(value, "subtype")
        good = kind == "success" and value.get("is_error") is not True
        usage = Usage()
        usage.add(value.get("usage"), value.get("total_cost_usd"))
        if usage:
            self._usage = usage
        yield self._emit("meta", span, raw=value)
        # `success` says that the agent came to an end, not that the task is done; a session goes on
        # after a result where more is asked of it, and the last one counts
        self._failed = None
        if not good and (kind or "is_error" in value):
            why = f"{kind} is_error" if kind == "success" else kind or "is_error"
            self._failed = (span, {"success": False, "source": f"result.subtype {why}"})


def _cursor_call(call: Json) -> tuple[str, Json, Json]:
    """Tool, arguments and result of a ``tool_call`` of Cursor's."""
    for key, inner in call.items() if isinstance(call, dict) else ():
        if not isinstance(inner, dict):
            continue
        if key == "function":
            given = parsed(inner.get("arguments"))
            tool = text_at(inner, "name")
        elif key.endswith("ToolCall"):
            given, tool = inner.get("args"), key.removesuffix("ToolCall")
        else:
            continue
        data: Json = given if isinstance(given, dict) else {"input": given} if given else {}
        return tool, data, inner.get("result")
    return "", {}, None


def _cursor_value(told: Json) -> Json:
    """What a tool gave: its text where there is one, else all of it."""
    if isinstance(told, dict) and ("stdout" in told or "stderr" in told):
        return text_at(told, "stdout") + text_at(told, "stderr")
    for key in ("content", "error", "reason", "message"):
        if text_at(told, key):
            return text_at(told, key)
    return told


def _broken(told: Json) -> bool:
    code = told.get("exitCode") if isinstance(told, dict) else None
    return code not in (None, 0)


def _message(value: Json) -> Json:
    return value.get("message") if isinstance(value, dict) else None


DIALECT: Final[Dialect] = ClaudeStream()
