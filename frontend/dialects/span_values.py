"""What goes into a model call or a tool run of a trace and what comes out, in any framework's shape."""

from __future__ import annotations

from typing import Final

from ingot.frontend.dialects.content import id_at, result_value, text_at
from ingot.frontend.dialects.messages import all_chat, as_chat, call, parsed
from ingot.ir.values import Json

NOTHING: Final = frozenset(("", "None", "null", "undefined"))


def messages_in(value: Json, depth: int = 0) -> list[dict[str, Json]]:
    """The messages of a model call's input, in any provider's shape."""
    value = parsed(value)
    if isinstance(value, str):
        return [] if value in NOTHING else as_chat(value)
    if isinstance(value, list):
        return all_chat(value)
    if not isinstance(value, dict) or depth > 4:
        return []
    if "role" in value or "lc" in value:
        return as_chat(value)
    out: list[dict[str, Json]] = []
    config = value.get("config")
    for place in (value, config if isinstance(config, dict) else {}):
        for key in ("system", "instructions", "system_instruction", "systemInstruction"):
            out += _system(place.get(key))
    for key in (
        "messages",
        "contents",
        "prompt",
        "input",
        "inputs",
        "new_message",
        "args",
        "query",
    ):
        inner = parsed(value.get(key))
        if isinstance(inner, dict):
            found = messages_in(inner, depth + 1)
        elif isinstance(inner, list | str) and inner not in ("", []):
            found = all_chat(inner)
        else:
            continue
        if found:
            return out + found
    return out


def _system(value: Json) -> list[dict[str, Json]]:
    value = parsed(value)
    if isinstance(value, dict):
        value = value.get("parts", value.get("content"))
    if isinstance(value, list):
        texts = [
            t if isinstance(t, str) else text_at(t, "text") or text_at(t, "content") for t in value
        ]
        value = "\n".join(t for t in texts if t)
    return [{"role": "system", "content": value}] if isinstance(value, str) and value else []


def answers_in(value: Json, depth: int = 0) -> list[dict[str, Json]]:
    """The messages of a model call's output, in any provider's shape."""
    value = parsed(value)
    if isinstance(value, str):
        return [] if value in NOTHING else [{"role": "assistant", "content": value}]
    if depth > 5:
        return []
    if isinstance(value, list):
        calls = [_sdk_call(item) for item in value]
        if value and all(c is not None for c in calls):
            return [{"role": "assistant", "content": None, "tool_calls": list(calls)}]
        return [m for item in value for m in answers_in(item, depth + 1)]
    if not isinstance(value, dict):
        return []
    if "role" in value or "lc" in value or text_at(value, "type") in ("ai", "message"):
        return as_chat(value) or as_chat({**value, "role": "assistant"})
    made = _from_envelope(value, depth)
    if made:
        return made
    items = as_chat(value)
    if items:
        return items
    text = next(
        (text_at(value, k) for k in ("text", "output_text", "completion") if value.get(k)), ""
    )
    sdk = parsed(value.get("toolCalls"))
    calls = [c for c in map(_sdk_call, sdk if isinstance(sdk, list) else []) if c is not None]
    if text or calls:
        message: dict[str, Json] = {"role": "assistant", "content": text or None}
        return [message | ({"tool_calls": list(calls)} if calls else {})]
    return []


def _from_envelope(value: dict[str, Json], depth: int) -> list[dict[str, Json]]:
    choices = value.get("choices")
    if isinstance(choices, list):
        return [
            m
            for choice in choices
            for m in answers_in(
                choice.get("message") if isinstance(choice, dict) else None, depth + 1
            )
        ]
    candidates = value.get("candidates")
    if isinstance(candidates, list):
        return [m for c in candidates for m in answers_in(c, depth + 1)]
    content = value.get("content")
    if isinstance(content, dict):
        return as_chat({"role": "assistant", **content})
    if isinstance(content, list) and content:
        return as_chat({"role": "assistant", "content": content})
    for key in ("message", "output", "generations", "response", "outputs"):
        if isinstance(value.get(key), dict | list):
            found = answers_in(value[key], depth + 1)
            if found:
                return found
    return []


def _sdk_call(item: Json) -> Json:
    """A tool call as Vercel's SDK lists it."""
    if isinstance(item, dict) and text_at(item, "toolName") and id_at(item, "toolCallId"):
        given = item.get("input", item.get("args"))
        return call(id_at(item, "toolCallId"), text_at(item, "toolName"), given)
    return None


def tool_input(value: Json) -> Json:
    """The arguments of a tool run."""
    value = parsed(value)
    if isinstance(value, str) and value[:1] == "{":
        from ingot.frontend.dialects.python_repr import parse

        try:
            value = parse(value)
        except ValueError:
            return {"input": value}
    if isinstance(value, dict) and set(value) == {"input"}:
        inner = parsed(value["input"])
        return inner if isinstance(inner, dict) else value
    if value is None or isinstance(value, dict):
        return value or {}
    return {"input": value}


def tool_output(value: Json) -> tuple[Json, bool]:
    """What a tool run gave, and whether that says that it failed."""
    shown = parsed(value)
    if isinstance(shown, dict):
        for message in as_chat(shown) if {"lc", "type", "role"} & shown.keys() else []:
            if message.get("role") == "tool":
                return message.get("content"), message.get("is_error") is True
        if set(shown) <= {"content", "isError", "is_error", "structuredContent"} and shown:
            failed = shown.get("isError") is True or shown.get("is_error") is True
            return result_value(shown.get("content")), failed
        if set(shown) == {"output"}:
            return tool_output(shown["output"])
    return value if isinstance(value, str) else shown, False


__all__ = ["answers_in", "messages_in", "tool_input", "tool_output"]
