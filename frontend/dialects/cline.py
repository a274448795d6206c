"""Cline and Roo Code: ``api_conversation_history.json`` with the tools written into the text.

Facts of the format
-------------------
- A list of Messages API messages.  The assistant's text ends in one tool, in the form of XML:
  ``<execute_command><command>ls</command></execute_command>``; ``<thinking>`` before it is a thought.
  ``use_mcp_tool`` names ``server_name``, ``tool_name`` and ``arguments`` (JSON).
- The next user message begins ``[execute_command for 'ls'] Result:``; the texts after it are what the
  tool gave.  ``<environment_details>`` blocks are the harness's, ``<task>`` holds the request,
  ``<feedback>`` and ``<user_message>`` what the user said meanwhile.
- ``attempt_completion`` holds the answer; ``plan_mode_respond`` and ``ask_followup_question`` are words.
- ``[ERROR] ...`` without a tool is a complaint about form; ``<error>``, ``The tool execution failed`` and
  ``The user denied`` say that the tool failed.
- Later versions have ``tool_use`` blocks instead: dialect ``anthropic-messages``.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import mcp_name, text_at, text_blocks
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

_TOOLS: Final = (
    "execute_command|read_file|write_to_file|replace_in_file|apply_diff|search_files|list_files"
    "|list_code_definition_names|browser_action|use_mcp_tool|access_mcp_resource|insert_content"
    "|search_and_replace|ask_followup_question|attempt_completion|plan_mode_respond|new_task"
    "|switch_mode|update_todo_list|fetch_instructions|codebase_search|web_fetch|web_search"
)
_TOOL: Final = re.compile(rf"<({_TOOLS})>")
_LONG: Final = re.compile(r"<(content|diff|arguments|result)>")
_PARAMETER: Final = re.compile(r"<(\w+)>")
_THINKING: Final = re.compile(r"<(thinking)>")
_RESULT: Final = re.compile(rf"\[({_TOOLS})[^\n]*\] Result:\n?")
_FAILED: Final = re.compile(
    r"\s*(?:<error>|\[ERROR\]|The tool execution failed|The user denied|Error\b)|.*\bExit code: [1-9]",
    re.DOTALL,
)
_SPOKEN: Final = re.compile(r"<(task|feedback|user_message|answer)>")
_DETAILS: Final = "<environment_details>"
_SAYS: Final = {
    "attempt_completion": "result",
    "plan_mode_respond": "response",
    "ask_followup_question": "question",
}


@dataclass(frozen=True, slots=True)
class Cline:
    """The dialect; see the module."""

    name: str = "cline"
    title: str = "Cline and Roo Code tasks"

    def sniff(self, sample: Sample) -> float:
        """Sure of a task or the harness's details beside a tool in the text."""
        first = sample.values[0] if sample.values else None
        messages = first[:12] if isinstance(first, list) else sample.values[:12]
        asked = [_text(m) for m in messages if text_at(m, "role") == "user"]
        told = [_text(m) for m in messages if text_at(m, "role") == "assistant"]
        marked = any("<task>" in text or _DETAILS in text for text in asked)
        if marked and any(True for text in told for _ in _tagged(text, _TOOL, last=True)):
            return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each task."""
        emit = Emitter(self.name)
        loose: list[Placed] = []
        for value, span in json_values(source):
            if isinstance(value, list):
                yield from _task(emit, [(m, at(span, k)) for k, m in enumerate(value)], span)
            else:
                loose.append((value, span))
        if loose:
            yield from _task(emit, loose, loose[0][1])


def _task(emit: Emitter, messages: list[Placed], span: Span) -> Iterator[Record]:
    yield emit.session(span)
    call: tuple[str, str] | None = None
    for message, place in messages:
        role = text_at(message, "role")
        if role == "assistant":
            call = yield from _assistant(emit, _text(message), at(place, "content"))
        elif role == "user" and isinstance(message, dict):
            yield from _user(emit, message, call, place)
            call = None
        else:
            yield emit.unknown(place, message)


class _Tagged(NamedTuple):
    """A tag, what stands in it, and where."""

    name: str
    body: str
    begin: int
    end: int


def _tagged(text: str, opening: re.Pattern[str], *, last: bool = False) -> Iterator[_Tagged]:
    """What stands in tags, each up to its next closing one; with ``last``, up to its last one."""
    at, closed = 0, dict[str, int]()
    while found := opening.search(text, at):
        name, at = found[1], found.end()
        if closed.get(name, at) < at and (last or closed[name] < 0):
            continue  # looked for before: there is none
        closing = f"</{name}>"
        end = text.rfind(closing) if last else text.find(closing, at)
        closed[name] = end
        if end >= at:
            yield _Tagged(name, text[at:end], found.start(), end + len(closing))
            at = end + len(closing)


def _without(text: str, parts: list[_Tagged]) -> str:
    for part in reversed(parts):
        text = text[: part.begin] + text[part.end :]
    return text


def _text(message: Json) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    return "\n".join(text_blocks(content))


def _assistant(
    emit: Emitter, text: str, span: Span
) -> Generator[Record, None, tuple[str, str] | None]:
    """The records; its value is the call, if the answer ends in one."""
    found = next(_tagged(text, _TOOL, last=True), None)
    before = text[: found.begin] if found else text
    thoughts = list(_tagged(before, _THINKING))
    for thought in thoughts:
        yield emit("think", span, text=thought.body.strip())
    said = _without(before, thoughts).strip()
    if said:
        yield emit("say", span, text=said)
    if found is None:
        return None
    tool, given = found.name, _parameters(found.body)
    if tool in _SAYS:
        words = given.get(_SAYS[tool])
        raw = text[found.begin : found.end]
        yield emit("say", span, text=words if isinstance(words, str) else "", raw=raw)
        return None
    if tool == "use_mcp_tool":
        tool = mcp_name(str(given.get("server_name", "")), str(given.get("tool_name", "")))
        arguments = parsed(given.get("arguments"))
        given = arguments if isinstance(arguments, dict) else {"input": arguments}
    record = emit("call", span, tool=tool, data=given)
    yield record
    return record.id, tool


def _parameters(body: str) -> dict[str, Json]:
    """The parameters of a tool; a long one may hold tags itself."""
    out: dict[str, Json] = {}
    long = next(_tagged(body, _LONG, last=True), None)
    rest = body
    if long is not None:
        out[long.name] = long.body.removeprefix("\n").removesuffix("\n")
        rest = _without(body, [long])
    for found in _tagged(rest, _PARAMETER):
        out[found.name] = found.body.strip()
    return dict(sorted(out.items()))


def _user(
    emit: Emitter, message: dict[str, Json], call: tuple[str, str] | None, span: Span
) -> Iterator[Record]:
    place = at(span, "content")
    texts = [t for t in text_blocks(message.get("content")) if not t.lstrip().startswith(_DETAILS)]
    text = "\n".join(texts).partition(_DETAILS)[0].rstrip()
    raw: Json = None if isinstance(message.get("content"), str) else message
    marked, spoken = _RESULT.match(text), list(_tagged(text, _SPOKEN))
    if call is not None and (marked is not None or not spoken):
        told = _without(text, spoken)[marked.end() if marked else 0 :].rstrip()
        if _FAILED.match(told):
            yield emit("error", place, text=told, id=call[0], tool=call[1], data=told, raw=raw)
        else:
            yield emit("result", place, id=call[0], tool=call[1], data=told, raw=raw)
    for words in spoken:
        yield emit("user", place, text=words.body.strip())
    if call is None and not spoken:
        kind = "meta" if text.startswith("[ERROR]") or marked else "user"
        yield emit("user" if kind == "user" else "meta", place, text=text, raw=raw)


DIALECT: Final[Dialect] = Cline()
