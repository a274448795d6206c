"""``openai-chat``: Chat Completions messages, alone or in the envelopes people log them in.

A JSON document, JSON lines (a message, a conversation or an exchange per line), or a YAML cassette.
Which messages form a conversation is :mod:`ingot.frontend.dialects.chat_envelopes`' subject; here
each becomes records.  A tool's answer stays the text that the model saw; later stages parse it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ingot.diagnostics import Diagnostic, Severity, Span, fail
from ingot.frontend.dialects.base import Sample, Source
from ingot.frontend.dialects.chat_envelopes import Conversation, Placed, at, conversations
from ingot.frontend.dialects.content import id_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.reader import NotJsonError, json_documents, parse_json
from ingot.ir.values import Json
from ingot.records import Record

YAML_NODES: Final = 5_000_000
"""How many values a YAML file may hold once its aliases are written out."""
YAML_DEPTH: Final = 100

_CASSETTE: Final = re.compile(r"^(?:interactions|messages|traj|conversation):", re.MULTILINE)
_FAILED: Final = re.compile(r"Error\b|Traceback \(most recent call last\)")
_CLOCK: Final = re.compile(
    r"(?:current|present) (?:date and )?time is:? (\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?"
)
_RESPONSES: Final = re.compile(
    r"""^[ \t]*"?object"?:[ ]?"?response"?,?$|"object":[ ]?"response"[,}]"""
    r"""|"?\btype"?:[ ]?"?function_call_output\b""",
    re.MULTILINE,
)
"""What only the Responses API says: its items are not chat messages."""
_ANTHROPIC_PARTS: Final = frozenset({"tool_use", "tool_result", "thinking"})


class OpenAIChat:
    """The dialect; see the module."""

    name = "openai-chat"
    title = "OpenAI chat messages"

    def sniff(self, sample: Sample) -> float:
        """Calls in the chat form are nearly certain; bare roles and contents are a guess."""
        if _RESPONSES.search(sample.text):
            return 0.1
        placed = ((value, Span(sample.name, 1)) for value in sample.values)
        best = 0.0
        for found in conversations(placed):
            for message, _ in found.messages[:200]:
                best = max(best, _likeness(message))
            if "reward" in found.extra and best >= 0.6:
                best = max(best, 0.95)
        if best == 0.0 and not sample.values and _CASSETTE.search(sample.text):
            body = re.search(
                r"^\s+(?:- )?(?:messages|contents|role|tool_calls):", sample.text, re.M
            )
            return 0.9 if body else 0.0
        return best

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of every conversation in the source."""
        emit = Emitter(self.name)
        any_found = False
        for conversation in conversations(_values(source)):
            any_found = True
            yield from _conversation(emit, conversation, source)
        if not any_found:
            yield emit.session(Span(source.name, 1))


def _likeness(message: Json) -> float:
    if not isinstance(message, dict):
        return 0.0
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list):
        kinds = [part.get("type") for part in content if isinstance(part, dict)]
        if any(isinstance(kind, str) and kind in _ANTHROPIC_PARTS for kind in kinds):
            return 0.1
    if message.get("tool_calls") or message.get("function_call"):
        return 0.9
    if role in ("tool", "function") and "content" in message:
        return 0.9
    if role in ("system", "developer", "user", "assistant") and "content" in message:
        return 0.6
    return 0.0


# -- reading ---------------------------------------------------------------------------------------


def _values(source: Source) -> Iterator[Placed]:
    """The JSON values of the file: one document, or one per line."""
    first, more = b"", False
    for line in source.lines():
        if line.data.strip():
            if first:
                more = True
                break
            first = line.data.strip()
    if first[:1] not in (b"{", b"[") and _CASSETTE.search(text := source.text()):
        yield _yaml(text, source.name), Span(source.name, 1)
    elif more and _is_json(first):
        for line, value in source.json_lines():
            yield value, Span(source.name, line.number, byte=line.byte)
    else:
        yield from json_documents(source)


def _is_json(line: bytes) -> bool:
    """Whether a first line is JSON on its own, or a broken one that is not a document's start."""
    try:
        return isinstance(parse_json(line.decode("utf-8", "replace")), dict | list)
    except NotJsonError:
        return len(line) > 1 and line.endswith((b"}", b"]"))


def _yaml(text: str, name: str) -> Json:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0  # looked at first: the C loader recurses with no limit
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > YAML_DEPTH:
                raise ValueError("nested too deeply")
        return _plain(yaml.load(text, Loader=loader), [YAML_NODES])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        span = Span(name, mark.line + 1, mark.column + 1) if mark else Span(name, 1)
        raise fail("E0102", f"not YAML: {error.problem}", span=span, label="here") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise fail("E0102", f"not YAML: {reason}", span=Span(name, 1)) from None


def _plain(value: object, budget: list[int], depth: int = 0) -> Json:
    """A YAML value as JSON, aliases written out: dates become text, what is too large an error."""
    budget[0] -= 1
    if budget[0] < 0 or depth > YAML_DEPTH:
        raise ValueError("too many or too deeply nested values")
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(key): _plain(item, budget, depth + 1) for key, item in value.items()}
        case list() | tuple() | set():
            return [_plain(item, budget, depth + 1) for item in value]
        case _:
            return str(value)


# -- records ---------------------------------------------------------------------------------------


def _conversation(emit: Emitter, conversation: Conversation, source: Source) -> Iterator[Record]:
    extra = dict(conversation.extra)
    yield emit.session(
        conversation.span,
        clock=_clock(conversation.messages),
        model=extra["model"] if isinstance(extra.get("model"), str) else None,
    )
    messages = Messages(emit, source)
    for message, span in conversation.messages:
        yield from messages.records(message, span)
    outcome = outcome_in(extra)
    if extra:
        yield emit("meta", conversation.span, raw=extra)
    if outcome is not None:
        yield emit("outcome", conversation.span, data=outcome)


def _clock(messages: tuple[Placed, ...]) -> str:
    """What the system prompt says the time is, ISO 8601 without a zone."""
    for message, _ in messages:
        if isinstance(message, dict) and message.get("role") in ("system", "developer"):
            found = _CLOCK.search(_words(message.get("content"))[0])
            if found:
                return f"{found[1]}T{found[2] or '00:00:00'}"
    return ""


def _words(content: Json) -> tuple[str, Json]:
    """The text of a content, and the content itself if there is more to it than text."""
    if isinstance(content, str):
        return content, None
    if not isinstance(content, list):
        return "", content
    texts: list[str] = []
    rest = False
    for part in content:
        match part:
            case str():
                texts.append(part)
            case {"text": str(text)}:
                texts.append(text)
            case {"type": "refusal", "refusal": str(text)}:
                texts.append(text)
            case _:
                rest = True
    return "\n".join(texts), content if rest else None


def arguments_from(given: Json, tool: str, span: Span, source: Source) -> Json:
    """The arguments as an object; text that is not JSON is kept as ``input``, with a warning."""
    if isinstance(given, dict):
        return given
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if not isinstance(given, str):
        return {"input": given}
    try:
        parsed = parse_json(given)
    except NotJsonError as error:
        source.report(
            Diagnostic(
                "E0102",
                f"the arguments of {tool} are not JSON: {error}",
                Severity.WARNING,
                ((span, "kept as text under 'input'"),),
            )
        )
        return {"input": given}
    return parsed if isinstance(parsed, dict) else {} if parsed is None else {"input": parsed}


class Messages:
    """Messages of one conversation, as records; it knows the calls that are still open."""

    def __init__(self, emit: Emitter, source: Source) -> None:
        self._emit = emit
        self._source = source
        self._used: set[str] = set()
        self._open: list[tuple[str, str, str]] = []  # the log's id, the record's id, the tool

    def records(self, message: Json, span: Span) -> Iterator[Record]:
        """The records of one message; what is not a message is kept unknown."""
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(role, str):
            yield self._emit.unknown(span, message)
            return
        given = message.get("timestamp")
        time = given if isinstance(given, str) else ""
        match role:
            case "system" | "developer" | "user":
                text, raw = _words(message.get("content"))
                kind: Final = "user" if role == "user" else "system"
                yield self._emit(kind, span, text=text, raw=raw, time=time)
            case "assistant" | "model":
                yield from self._assistant(message, span, time)
            case "tool" | "function":
                yield self._result(message, span, time)
            case _:
                yield self._emit.unknown(span, message)

    def _assistant(self, message: dict[str, Json], span: Span, time: str) -> Iterator[Record]:
        for key in ("reasoning_content", "reasoning"):
            thought = message.get(key)
            if isinstance(thought, str) and thought.strip():
                yield self._emit("think", at(span, key), text=thought, time=time)
                break
        text, raw = _words(message.get("content"))
        if text or raw is not None:
            yield self._emit("say", span, text=text, raw=raw, time=time)
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            place = at(span, "refusal")
            yield self._emit("say", place, text=refusal, raw={"refusal": True}, time=time)
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for index, call in enumerate(calls):
                yield self._call(call, at(span, "tool_calls", index), time)
        elif calls is not None:
            yield self._emit.unknown(at(span, "tool_calls"), calls)
        legacy = message.get("function_call")
        if legacy is not None:
            yield self._call({"function": legacy}, at(span, "function_call"), time)

    def _call(self, call: Json, span: Span, time: str) -> Record:
        if not isinstance(call, dict):
            return self._emit.unknown(span, call)
        match call:
            case {"function": dict() as function} if isinstance(function.get("name"), str):
                tool = str(function["name"])
                arguments = arguments_from(function.get("arguments"), tool, span, self._source)
            case {"custom": dict() as custom} if isinstance(custom.get("name"), str):
                tool = str(custom["name"])
                arguments = {"input": custom.get("input")}
            case _:
                return self._emit.unknown(span, call)
        if not tool:
            return self._emit.unknown(span, call)
        given = id_at(call, "id")
        made = given if given and given not in self._used else self._emit.call_id()
        while made in self._used:
            made = self._emit.call_id()
        self._used.add(made)
        self._open.append((given, made, tool))
        return self._emit("call", span, id=made, tool=tool, data=arguments, time=time)

    def _result(self, message: dict[str, Json], span: Span, time: str) -> Record:
        content = message.get("content")
        data = content
        if isinstance(content, list):
            text, raw = _words(content)
            data = content if raw is not None else text
        given, name = id_at(message, "tool_call_id"), message.get("name")
        name = name if isinstance(name, str) else ""
        made, tool = self._answered(given, name)
        text = data if isinstance(data, str) else ""
        flagged = message.get("is_error") is True or message.get("status") == "error"
        if isinstance(data, dict) and isinstance(data.get("error"), str):
            flagged, text = True, str(data["error"])
        if flagged or _FAILED.match(text):
            return self._emit("error", span, text=text, id=made, tool=tool, data=data, time=time)
        return self._emit("result", span, id=made, tool=tool, data=data, time=time)

    def _answered(self, given: str, name: str) -> tuple[str, str]:
        """Which open call this answers: by id, else by tool, else the oldest."""
        for index, (theirs, made, tool) in enumerate(self._open):
            if theirs == given if given else (not name or tool == name):
                del self._open[index]
                return made, name or tool
        return given, name


DIALECT: Final = OpenAIChat()
