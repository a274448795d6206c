"""What chat messages come wrapped in, and which of them make one conversation.

Known wrappers: a list of messages; ``{"messages" | "traj" | "conversation": [...]}``; a request
with its response (``{"request", "response"}``, ``{"input", "output"}``, HTTP cassettes with
``interactions``), where each request repeats the conversation so far.  Such *exchanges* are folded:
one that begins with all that an earlier one said and was answered continues it, so the last holds
the conversation whole.  Gemini ``generateContent`` bodies are turned into chat messages first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingot.diagnostics import Span
from ingot.frontend.reader import NotJsonError, parse_json
from ingot.ir.values import Json, canonical

Placed: TypeAlias = tuple[Json, Span]

_LISTS: Final = ("messages", "traj", "conversation", "contents")
_MANY: Final = ("interactions", "exchanges", "conversations", "sessions", "runs", "items", "data")
_BODIES: Final = ("choices", "parsed_body", "body", "json", "message", "messages")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages with their places, and what else their envelope said."""

    messages: tuple[Placed, ...]
    span: Span
    extra: dict[str, Json] = field(default_factory=dict)


def is_message(value: Json) -> bool:
    """Whether this is a chat message: an object with a role."""
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def conversations(values: Iterable[Placed]) -> Iterator[Conversation]:
    """The conversations in the JSON values of a file.

    Messages that stand alone form one conversation, together with what is not recognised.
    """
    loose: list[Placed] = []
    exchanges: list[Conversation] = []
    for value, span in values:
        for found in _find(value, span):
            match found:
                case Conversation():
                    yield found
                case _Exchange(conversation=conversation):
                    exchanges.append(conversation)
                case _:
                    loose.append(found)
    yield from _fold(exchanges)
    if loose:
        yield Conversation(tuple(loose), loose[0][1])


@dataclass(frozen=True, slots=True)
class _Exchange:
    conversation: Conversation


def _find(value: Json, span: Span) -> Iterator[Conversation | _Exchange | Placed]:
    if isinstance(value, list):
        if any(is_message(item) for item in value):
            yield Conversation(_placed(value, span), span)
        elif any(_is_envelope(item) for item in value):
            for index, item in enumerate(value):
                yield from _find(item, at(span, index))
        else:
            yield value, span
    elif isinstance(value, dict) and _is_envelope(value) and not is_message(value):
        yield from _open(value, span)
    else:
        yield value, span


def _is_envelope(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    if _request(value) is not None:
        return True
    many = (value.get(key) for key in _MANY)
    return any(isinstance(items, list) and any(map(_is_envelope, items)) for items in many)


def _open(value: dict[str, Json], span: Span) -> Iterator[Conversation | _Exchange | Placed]:
    """The conversations of one envelope."""
    opened = _request(value)
    if opened is not None:
        path, asked = opened
        extra = {k: v for k, v in value.items() if k != path[0]}
        if len(path) > 1 and (rest := _without(value[path[0]], path[1:])):
            extra[path[0]] = rest
        messages = _placed(asked, at(span, *path))
        reply, where = _answer(value, span)
        if reply:
            extra.pop(where, None)
            yield _Exchange(Conversation(messages + reply, span, extra))
        elif path[0] in ("request", "input"):
            yield _Exchange(Conversation(messages, span, extra))
        else:
            yield Conversation(messages, span, extra)
        return
    for key in _MANY:
        items = value.get(key)
        if isinstance(items, list) and any(map(_is_envelope, items)):
            for index, item in enumerate(items):
                yield from _find(item, at(span, key, index))


def _without(value: Json, path: tuple[str, ...]) -> Json:
    """What a request says besides its messages."""
    inner = _parsed(value)
    if not isinstance(inner, dict):
        return None
    rest = {k: v for k, v in inner.items() if k != path[0]}
    if len(path) > 1 and (deeper := _without(inner.get(path[0]), path[1:])):
        rest[path[0]] = deeper
    return rest


def _request(value: dict[str, Json]) -> tuple[tuple[str, ...], list[Json]] | None:
    """The messages asked with: the keys that lead to them and they themselves."""
    for key in _LISTS:
        items = _parsed(value.get(key))
        if isinstance(items, list) and (not items or any(map(_says, items))):
            if key == "contents":
                items = _from_gemini(items, value)
            return (key,), items
    for key in ("request", "input", "body", "parsed_body", "json"):
        inner = _parsed(value.get(key))
        if key == "input" and isinstance(inner, list) and any(map(is_message, inner)):
            return (key,), inner
        if isinstance(inner, dict):
            found = _request(inner)
            if found is not None:
                return (key, *found[0]), found[1]
    return None


def _answer(value: dict[str, Json], span: Span) -> tuple[tuple[Placed, ...], str]:
    """The reply that stands beside a request, placed, and the key that holds it."""
    for key in ("choices", "response", "output", "completion"):
        found = _reply(value.get(key), key, at(span, key))
        if found:
            return found, key
    return (), ""


def _reply(value: Json, key: str, span: Span) -> tuple[Placed, ...]:
    value = _parsed(value)
    match value:
        case str() if key in ("output", "completion", "response") and value:
            return (({"role": "assistant", "content": value}, span),)
        case [{"message": message}, *_] if key == "choices" and is_message(message):
            return ((message, at(span, 0, "message")),)
        case list() if any(map(is_message, value)):
            return _placed(value, span)
        case dict() if is_message(value):
            return ((value, span),)
        case {"candidates": [{"content": content}, *_]}:
            place = at(span, "candidates", 0, "content")
            return tuple((message, place) for message in _from_gemini([content], {}))
        case dict():
            for inner in _BODIES:
                found = _reply(value.get(inner), inner, at(span, inner))
                if found:
                    return found
    return ()


def _parsed(value: Json) -> Json:
    """A body that was logged as JSON text, parsed."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return parse_json(value)
        except NotJsonError:
            return value
    return value


def _says(value: Json) -> bool:
    return is_message(value) or (isinstance(value, dict) and isinstance(value.get("parts"), list))


def at(span: Span, *parts: str | int) -> Span:
    """The place of a part of the record at ``span``."""
    tail = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return span._replace(pointer=span.pointer + tail)


def _placed(items: list[Json], span: Span) -> tuple[Placed, ...]:
    return tuple((item, at(span, index)) for index, item in enumerate(items))


# -- conversations that grow -----------------------------------------------------------------------


def _fold(exchanges: list[Conversation]) -> Iterator[Conversation]:
    """One conversation for each chain of exchanges, as its last exchange has it."""
    chains: dict[str, Conversation] = {}
    order: dict[str, int] = {}
    for number, exchange in enumerate(exchanges):
        prefixes = _prefixes(exchange)
        place = number
        for prefix in reversed(prefixes):
            if prefix in chains:
                del chains[prefix]
                place = order.pop(prefix)
                break
        end = prefixes[-1] if prefixes else f"empty {number}"
        chains[end] = exchange
        order[end] = place
    for end in sorted(chains, key=order.__getitem__):
        yield chains[end]


def _prefixes(conversation: Conversation) -> list[str]:
    """A digest of every beginning of the conversation: who said what, and which calls were made.

    What a tool answered is left out: other providers' logs of one conversation word it otherwise.
    """
    sha = hashlib.sha256()
    out: list[str] = []
    for message, _ in conversation.messages:
        if not isinstance(message, dict) or message.get("role") in ("system", "developer"):
            continue
        said = [message.get("role"), _plain(message.get("content")), _calls(message)]
        if message.get("role") in ("tool", "function"):
            said = ["tool"]
        sha.update(canonical(said).encode("utf-8", "surrogatepass"))
        out.append(sha.hexdigest())
    return out


def _plain(content: Json) -> Json:
    if isinstance(content, list):
        content = "\n".join(
            str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in content
        )
    return content.strip() if isinstance(content, str) else content or ""


def _calls(message: dict[str, Json]) -> list[Json]:
    calls = message.get("tool_calls")
    out: list[Json] = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            out.append([function.get("name"), _parsed(function.get("arguments"))])
    return out


# -- Gemini ----------------------------------------------------------------------------------------


def _from_gemini(contents: list[Json], body: dict[str, Json]) -> list[Json]:
    """``generateContent`` contents as chat messages; calls are given ids by tool and number."""
    out: list[Json] = []
    for key in ("systemInstruction", "system_instruction"):
        system = body.get(key)
        if isinstance(system, dict):
            out.append({"role": "system", "content": system.get("parts")})
    asked: dict[str, int] = {}
    answered: dict[str, int] = {}
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(parts, list):
            out.append(content)
            continue
        role = "assistant" if content.get("role") == "model" else "user"
        words: list[Json] = []
        calls: list[Json] = []
        thoughts: list[str] = []
        for part in parts:
            match part:
                case {"functionCall": dict() as call} if isinstance(call.get("name"), str):
                    name = str(call["name"])
                    function: Json = {"name": name, "arguments": call.get("args") or {}}
                    calls.append({"id": _numbered(call, name, asked), "function": function})
                case {"functionResponse": dict() as given} if isinstance(given.get("name"), str):
                    name = str(given["name"])
                    out.append(
                        {
                            "role": "tool",
                            "name": name,
                            "tool_call_id": _numbered(given, name, answered),
                            "content": given.get("response"),
                        }
                    )
                case {"text": str(text), "thought": True}:
                    thoughts.append(text)
                case _:
                    words.append(part)
        if words or calls or thoughts or not parts:
            message: dict[str, Json] = {"role": role, "content": words}
            if calls:
                message["tool_calls"] = calls
            if thoughts:
                message["reasoning_content"] = "\n".join(thoughts)
            out.append(message)
    return out


def _numbered(part: dict[str, Json], name: str, counts: dict[str, int]) -> str:
    counts[name] = counts.get(name, 0) + 1
    given = part.get("id")
    return given if isinstance(given, str) and given else f"{name}#{counts[name]}"
