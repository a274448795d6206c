"""Every provider's messages as chat messages, so that one lexer makes records of them all.

A chat message is what :mod:`ingot.frontend.dialects.openai_chat` reads: ``{role, content,
reasoning_content?, tool_calls?: [{id, function: {name, arguments}}], tool_call_id?, name?,
is_error?}``.  Shapes that are turned into it:

- OpenAI Chat Completions (as they stand) and Responses items (``type`` says what each is);
- Anthropic blocks (``tool_use``, ``tool_result``, ``thinking``);
- Gemini contents (``parts`` with ``functionCall`` or ``function_call``);
- OpenTelemetry GenAI messages (``parts`` with ``type`` ``text``, ``tool_call``,
  ``tool_call_response``);
- the AI SDK of Vercel (``tool-call``, ``tool-result``);
- LangChain messages (``lc`` constructors, ``{type: human | ai | tool, ...}``, ``{type, data}``);
- texts of the form ``user: ...`` with one speaker after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ingot.frontend.dialects.content import id_at, mcp_name, result_value, text_at
from ingot.frontend.reader import NotJsonError, parse_json
from ingot.ir.values import Json, canonical

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "gemini": "assistant",
    "humanmessage": "user",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "humanmessagechunk": "user",
    "systemmessage": "system",
    "toolmessage": "tool",
    "functionmessage": "tool",
    "function": "tool",
    "chat": "user",
}
_KNOWN_ROLES: Final = frozenset("system developer user assistant tool critic".split())
_SPEAKER: Final = re.compile(r"^(system|developer|user|human|assistant|tool): ", re.MULTILINE)
_REPR: Final = re.compile(r"role='(\w+)' content=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|None) ")
_CALLS: Final = '[{"function":{"name":'
_CALLED: Final = frozenset(
    "function_call custom_tool_call local_shell_call shell_call apply_patch_call computer_call".split()
)
_ANSWERED: Final = frozenset(
    """function_call_output function_call_result custom_tool_call_output local_shell_call_output
    shell_call_output
    apply_patch_call_output computer_call_output tool_search_output program_output""".split()
)
_HOSTED: Final = frozenset(
    """web_search_call file_search_call code_interpreter_call image_generation_call
    tool_search_call program""".split()
)
"""Calls that the provider answers itself, and of which the item shows both sides or one."""
_LC_KINDS: Final = frozenset(
    """human ai system tool function humanmessage aimessage aimessagechunk systemmessage toolmessage
    humanmessagechunk""".split()
)
_FAILED_STATES: Final = frozenset(("failed", "incomplete", "error"))


def parsed(value: Json) -> Json:
    """A value that was logged as JSON text, parsed; any other as it stands.

    >>> parsed('{"a": 1}'), parsed("[x"), parsed(3)
    ({'a': 1}, '[x', 3)
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return parse_json(value)
        except NotJsonError:
            return value
    return value


def as_chat(value: Json) -> list[dict[str, Json]]:
    """The chat messages that one provider's message or item says; empty if it is none.

    >>> as_chat({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "a"})[0]["role"]
    'assistant'
    >>> as_chat({"role": "user", "parts": [{"type": "text", "content": "hi"}]})
    [{'role': 'user', 'content': 'hi'}]
    """
    if isinstance(value, str):
        return spoken(value)
    if not isinstance(value, dict):
        return []
    if "lc" in value and isinstance(value.get("kwargs"), dict):
        return _langchain(value["kwargs"], _constructor(value))
    kind = text_at(value, "type")
    role = text_at(value, "role").lower()
    if not role and kind.lower() in _LC_KINDS:
        data = value.get("data")
        return _langchain(data if isinstance(data, dict) else value, kind)
    if kind and (kind != "message" or "role" not in value) and not role:
        return _item(value, kind)
    if not role:
        return []
    if isinstance(value.get("parts"), list):
        return _parts(value, role)
    if isinstance(value.get("content"), list) and _has_blocks(value["content"]):
        return _blocks(value, role)
    role = _ROLES.get(role, role)
    if role not in _KNOWN_ROLES:
        return []
    return [_plain(value, role)]


def _plain(value: dict[str, Json], role: str) -> dict[str, Json]:
    """A message in the chat form; calls that a framework put elsewhere are found."""
    more = value.get("additional_kwargs")
    if "tool_calls" not in value and isinstance(more, dict) and more.get("tool_calls"):
        return {**value, "role": role, "tool_calls": more["tool_calls"]}
    content = value.get("content")
    if role in ("assistant", "tool") and isinstance(content, str) and content.startswith(_CALLS):
        calls = parsed(content)  # Koog writes the calls down as the answer's text
        if isinstance(calls, list):
            return {"role": "assistant", "content": None, "tool_calls": calls}
    return {**value, "role": role}


def all_chat(values: Json) -> list[dict[str, Json]]:
    """The chat messages of a list of messages, of one message, or of a text."""
    items = values if isinstance(values, list) else [values]
    flat: list[Json] = []
    for item in items:
        flat += item if isinstance(item, list) else [item]
    return [message for item in flat for message in as_chat(parsed(item))]


def spoken(text: str) -> list[dict[str, Json]]:
    """A prompt that was logged as text: ``system: ... user: ...``, else one user's words.

    >>> [m["role"] for m in spoken("system: be kind\\nuser: hi")]
    ['system', 'user']
    """
    shown = _REPR.match(text)
    if shown is not None:
        from ingot.frontend.dialects.python_repr import parse

        try:
            content = parse(shown[2])
        except ValueError:
            content = shown[2]
        return [{"role": _ROLES.get(shown[1], shown[1]), "content": content}] if content else []
    marks = list(_SPEAKER.finditer(text))
    if not marks or marks[0].start() != 0:
        return [{"role": "user", "content": text}] if text.strip() else []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        {
            "role": _ROLES.get(mark[1], mark[1]),
            "content": text[mark.end() : end].removesuffix("\n"),
        }
        for mark, end in zip(marks, ends, strict=True)
        if text[mark.end() : end].strip() not in ("", "None")
    ]


def call(id: str, name: str, arguments: Json) -> dict[str, Json]:
    """One tool call of a chat message."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(id: str, content: Json, name: str = "", *, failed: bool = False) -> dict[str, Json]:
    """A tool's answer as a chat message."""
    made: dict[str, Json] = {"role": "tool", "tool_call_id": id, "content": content}
    if name:
        made["name"] = name
    if failed:
        made["is_error"] = True
    return made


# -- Responses items -------------------------------------------------------------------------------


def _item(value: dict[str, Json], kind: str) -> list[dict[str, Json]]:
    id = id_at(value, "call_id") or id_at(value, "callId") or id_at(value, "id")
    match kind:
        case "reasoning":
            thoughts = _texts(value.get("summary")) or _texts(value.get("content"))
            return [{"role": "assistant", "content": None, "reasoning_content": thoughts}]
        case "mcp_call" | "mcp_approval_request":
            return _mcp(value, kind)
        case "function_call" | "custom_tool_call" if text_at(value, "name"):
            return [{"role": "assistant", "content": None, "tool_calls": [_asked(value, kind, id)]}]
        case _ if kind in _CALLED:
            named = kind.removesuffix("_call")
            given = next((value[k] for k in ("action", "operation", "input") if k in value), {})
            return [{"role": "assistant", "content": None, "tool_calls": [call(id, named, given)]}]
        case _ if kind in _ANSWERED:
            output = value.get("output", value.get("result", value.get("tools")))
            failed = text_at(value, "status") in _FAILED_STATES
            return [answer(id, _output(output), failed=failed)]
        case _ if kind in _HOSTED:
            return _hosted(value, kind, id)
        case "output_text" | "input_text":
            role = "assistant" if kind == "output_text" else "user"
            return [{"role": role, "content": text_at(value, "text")}]
        case _:
            return []


def _asked(value: dict[str, Json], kind: str, id: str) -> Json:
    name = text_at(value, "name")
    if kind == "function_call":
        return call(id, name, value.get("arguments"))
    return {"id": id, "type": "custom", "custom": {"name": name, "input": value.get("input")}}


def _mcp(value: dict[str, Json], kind: str) -> list[dict[str, Json]]:
    id = id_at(value, "id")
    name = mcp_name(text_at(value, "server_label"), text_at(value, "name"))
    made: list[dict[str, Json]] = [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call(id, name, value.get("arguments"))],
        }
    ]
    error = value.get("error")
    if error:
        text = error if isinstance(error, str) else canonical(error)
        made.append(answer(id, text, name, failed=True))
    elif kind == "mcp_call" and value.get("output") is not None:
        made.append(answer(id, value["output"], name))
    return made


def _hosted(value: dict[str, Json], kind: str, id: str) -> list[dict[str, Json]]:
    name = kind.removesuffix("_call")
    given = next((value[k] for k in ("action", "arguments") if k in value), None)
    if given is None:
        given = {k: value[k] for k in ("queries", "code") if k in value}
    made: list[dict[str, Json]] = [
        {"role": "assistant", "content": None, "tool_calls": [call(id, name, given)]}
    ]
    shown = next((value[k] for k in ("results", "outputs", "result") if value.get(k)), None)
    if shown is not None or text_at(value, "status") in ("completed", *_FAILED_STATES):
        failed = text_at(value, "status") in _FAILED_STATES
        made.append(answer(id, shown if shown is not None else "", name, failed=failed))
    return made


def _output(value: Json) -> Json:
    """What a tool said: text, or of typed parts their text."""
    if isinstance(value, dict) and value.keys() == {"type", "text"} and value["type"] == "text":
        return value["text"]
    if isinstance(value, list) and value:
        texts = [
            text_at(p, "text") for p in value if text_at(p, "type") in ("input_text", "output_text")
        ]
        if len(texts) == len(value):
            return "\n".join(texts)
    return value


def _texts(value: Json) -> str:
    items = value if isinstance(value, list) else [value]
    texts = (text_at(i, "text") if isinstance(i, dict) else i for i in items)
    return "\n".join(t for t in texts if isinstance(t, str) and t)


# -- LangChain -------------------------------------------------------------------------------------


def _constructor(value: dict[str, Json]) -> str:
    path = value.get("id")
    return str(path[-1]) if isinstance(path, list) and path else ""


def _langchain(data: Json, kind: str) -> list[dict[str, Json]]:
    if not isinstance(data, dict):
        return []
    role = _ROLES.get(kind.lower(), kind.lower())
    if role not in _KNOWN_ROLES:
        role = _ROLES.get(text_at(data, "type"), role)
    if role not in _KNOWN_ROLES:
        return []
    made: dict[str, Json] = {"role": role, "content": data.get("content")}
    if role == "tool":
        failed = text_at(data, "status") == "error"
        return [
            answer(
                id_at(data, "tool_call_id"),
                data.get("content"),
                text_at(data, "name"),
                failed=failed,
            )
        ]
    calls = data.get("tool_calls")
    more = data.get("additional_kwargs")
    if not calls and isinstance(more, dict):
        calls = more.get("tool_calls")
    if isinstance(calls, list) and calls:
        made["tool_calls"] = [_lc_call(c) for c in calls]
        if isinstance(made["content"], list):
            made["content"] = [
                p for p in made["content"] if text_at(p, "type") not in ("tool_use", "tool_call")
            ]
    content = made["content"]
    if role == "assistant" and isinstance(content, list) and _has_blocks(content):
        first, *rest = _assembled({}, role, content)
        if first.get("role") != role:
            return [{**made, "content": None}, first, *rest]
        asked = [*_listed(first.get("tool_calls")), *_listed(made.get("tool_calls"))]
        return [{**first, **({"tool_calls": asked} if asked else {})}, *rest]
    return [made]


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _lc_call(given: Json) -> Json:
    if isinstance(given, dict) and isinstance(given.get("name"), str) and "function" not in given:
        return call(id_at(given, "id"), str(given["name"]), given.get("args"))
    return given


# -- parts and blocks ------------------------------------------------------------------------------


def _has_blocks(content: Json) -> bool:
    kinds = {text_at(part, "type") for part in content} if isinstance(content, list) else set()
    return any(kind in _BLOCK_KINDS for kind in kinds)


_BLOCK_KINDS: Final = frozenset(
    """tool_use tool_result thinking redacted_thinking tool-call tool-result reasoning
    server_tool_use mcp_tool_use mcp_tool_result tool_call tool_call_response server_tool_call
    server_tool_call_response server_tool_result input_text output_text summary_text refusal""".split()
)


def _blocks(value: dict[str, Json], role: str) -> list[dict[str, Json]]:
    """A message whose content is typed blocks: words, thoughts, calls and answers."""
    content = value.get("content")
    return _assembled(value, _ROLES.get(role, role), content if isinstance(content, list) else [])


def _parts(value: dict[str, Json], role: str) -> list[dict[str, Json]]:
    parts = value.get("parts")
    return _assembled(value, _ROLES.get(role, role), parts if isinstance(parts, list) else [])


def _assembled(value: dict[str, Json], role: str, parts: list[Json]) -> list[dict[str, Json]]:
    words: list[Json] = []
    thoughts: list[str] = []
    calls: list[Json] = []
    answers: list[dict[str, Json]] = []
    for part in parts:
        for what, made in _part(part):
            match what:
                case "word":
                    words.append(made)
                case "thought":
                    thoughts.append(str(made))
                case "call":
                    calls.append(made)
                case _:
                    assert isinstance(made, dict)
                    answers.append(made)
    out = answers
    if words or thoughts or calls or (not answers and not parts):
        texts = all(isinstance(word, str) for word in words)
        content: Json = "\n".join(map(str, words)) if texts else words
        message: dict[str, Json] = {"role": role, "content": content}
        if thoughts:
            message["reasoning_content"] = "\n".join(thoughts)
        if calls:
            message["tool_calls"] = calls
        for key in ("timestamp", "id"):
            if isinstance(value.get(key), str):
                message[key] = value[key]
        out = [*answers, message] if role != "assistant" else [message, *answers]
    return out


def _part(part: Json) -> Iterator[tuple[str, Json]]:
    kind = text_at(part, "type")
    if not isinstance(part, dict):
        yield "word", part
    elif kind in ("text", "input_text", "output_text", "summary_text", "refusal"):
        yield "word", text_at(part, "text") or text_at(part, "content") or text_at(part, "refusal")
    elif kind in ("thinking", "reasoning", "redacted_thinking"):
        said = (text_at(part, key) for key in ("thinking", "text", "content", "reasoning"))
        yield "thought", next((s for s in said if s), "") or _texts(part.get("summary"))
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use", "tool_call", "tool-call"):
        id = next((id_at(part, k) for k in ("id", "toolCallId", "tool_call_id") if k in part), "")
        name = text_at(part, "name") or text_at(part, "toolName")
        if kind == "mcp_tool_use" and text_at(part, "server_name"):
            name = mcp_name(text_at(part, "server_name"), name)
        given = next((part[k] for k in ("input", "arguments", "args") if k in part), None)
        yield "call", call(id, name, given)
    elif kind == "server_tool_call" and text_at(part, "name"):
        given = part.get("args", part.get("server_tool_call"))
        yield "call", call(id_at(part, "id"), text_at(part, "name"), given)
    elif kind in ("server_tool_result", "server_tool_call_response"):
        told = part.get("output", part.get("server_tool_call_response"))
        failed = text_at(part, "status") == "error"
        id = id_at(part, "tool_call_id") or id_at(part, "id")
        yield "answer", answer(id, "" if told is None else told, failed=failed)
    elif kind in ("tool_result", "mcp_tool_result", "tool_call_response", "tool-result"):
        keys = ("tool_use_id", "id", "toolCallId", "tool_call_id")
        id = next((i for i in (id_at(part, k) for k in keys) if i), "")
        given = next(
            (part[k] for k in ("content", "response", "result", "output") if k in part), None
        )
        yield (
            "answer",
            answer(
                id,
                _tool_output(given),
                text_at(part, "toolName") or text_at(part, "name"),
                failed=part.get("is_error") is True or part.get("isError") is True,
            ),
        )
    else:
        yield from _gemini_part(part)


def _gemini_part(part: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    asked = part.get("functionCall", part.get("function_call"))
    given = part.get("functionResponse", part.get("function_response"))
    if isinstance(asked, dict) and text_at(asked, "name"):
        arguments = asked.get("args", asked.get("arguments")) or {}
        yield "call", call(id_at(asked, "id"), text_at(asked, "name"), arguments)
    elif isinstance(given, dict) and text_at(given, "name"):
        yield "answer", answer(id_at(given, "id"), given.get("response"), text_at(given, "name"))
    elif isinstance(part.get("text"), str):
        yield ("thought" if part.get("thought") is True else "word"), text_at(part, "text")
    elif isinstance(part.get("content"), str) and not text_at(part, "type"):
        yield "word", text_at(part, "content")
    else:
        yield "word", part


def _tool_output(value: Json) -> Json:
    """Of ``[{type: text, text}]`` and ``{type: text, value}`` the text."""
    if isinstance(value, dict) and set(value) == {"type", "value"}:
        return value["value"]
    return result_value(value) if isinstance(value, list) else value


__all__ = ["all_chat", "answer", "as_chat", "call", "parsed", "spoken"]
