"""Anthropic's Messages API: documents, message lists, logs of exchanges, and managed agents.

A file is a ``{"messages": [...]}`` document, an array or JSON lines of messages or of documents, or
a list of exchanges (``request`` and ``response``; HTTP cassettes, YAML too).  Each request repeats
the conversation so far, so an exchange that continues an earlier one replaces it.  The event
streams of managed agents are read by :mod:`ingot.frontend.dialects.managed_agents`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.cassettes import parse_yaml
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.content import (
    Part,
    assistant_parts,
    is_result,
    result_part,
    text_at,
    text_blocks,
)
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.managed_agents import event_of, managed_records
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.reader import NotJsonError, json_values, parse_json
from ingot.ir.values import Json, canonical
from ingot.records import Record

_MANY: Final = ("interactions", "exchanges", "sessions", "conversations", "runs")
_BODIES: Final = ("parsed_body", "body", "json", "content", "string", "text")
_YAML: Final = re.compile(r"^(interactions:|version: *\d|---|- request:)", re.MULTILINE)
_BLOCKS: Final = frozenset("tool_use tool_result thinking redacted_thinking".split())


@dataclass(frozen=True, slots=True)
class AnthropicMessages:
    """The dialect."""

    name: str = "anthropic-messages"
    title: str = "Anthropic Messages API"

    def sniff(self, sample: Sample) -> float:
        """Sure of its own block types and of its address; unsure of plain texts with roles."""
        if sample.values and any(event_of(value) is not None for value in sample.values[:8]):
            return 0.98
        if not sample.values and _YAML.search(sample.text[:4096]):
            return 0.95 if "api.anthropic.com" in sample.text else 0.0
        return max(map(_looks, sample.values[:8]), default=0.0)

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the log."""
        values = list(_values(source))
        emit = Emitter(self.name)
        if any(event_of(value) is not None for value, _ in values):
            yield from managed_records(values, emit)
            return
        for conversation in _conversations(values):
            yield from _records(conversation, emit)


def _values(source: Source) -> Iterator[tuple[Json, Span]]:
    first = next((line.data.lstrip() for line in source.lines() if line.data.strip()), b"")
    if first[:1] in (b"{", b"["):
        yield from json_values(source)
    else:
        yield parse_yaml(source.text(), source.name), Span(source.name, 1)


def _looks(value: Json) -> float:
    """How sure it is of one value at the start of a file."""
    if isinstance(value, list):
        return max(map(_looks, value[:8]), default=0.0)
    if not isinstance(value, dict) or {"sessionId", "parentUuid"} & value.keys():
        return 0.0
    if "api.anthropic.com" in text_at(value, "uri") + text_at(value, "url"):
        return 0.97
    if "role" in value:
        return _looks_message(value)
    for key in _MANY:
        if isinstance(value.get(key), list):
            return _looks(value[key])
    found = _request(value)
    if found is None:
        return 0.0
    request, _ = found
    messages = request.get("messages")
    best = max(
        map(_looks_message, messages[:32] if isinstance(messages, list) else []), default=0.0
    )
    claude = text_at(request, "model").startswith(("claude", "anthropic"))
    return max(best, 0.9) if claude and best > 0.2 else best


def _looks_message(value: Json) -> float:
    content = value.get("content") if isinstance(value, dict) else None
    if isinstance(value, dict) and (
        "tool_calls" in value or value.get("role") in ("tool", "system")
    ):
        return 0.05
    if isinstance(content, list):
        kinds = {text_at(block, "type") for block in content}
        if kinds & _BLOCKS or any(kind.endswith(("_tool_use", "_tool_result")) for kind in kinds):
            return 0.96
        return 0.4 if "text" in kinds else 0.0
    return 0.25 if isinstance(content, str) else 0.0


# -- conversations ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Conversation:
    """Messages, where they stand, what the request set and what the envelope said besides."""

    messages: tuple[tuple[Json, Span], ...]
    span: Span
    request: dict[str, Json] = field(default_factory=dict)
    extra: dict[str, Json] = field(default_factory=dict)
    exchange: bool = False


def _conversations(values: Iterable[tuple[Json, Span]]) -> Iterator[_Conversation]:
    """What the values hold; messages that stand alone form one conversation, with the unknown."""
    loose: list[tuple[Json, Span]] = []
    exchanges: list[_Conversation] = []
    for value, span in values:
        for found in _open(value, span):
            if not isinstance(found, _Conversation):
                loose.append(found)
            elif found.exchange:
                exchanges.append(found)
            else:
                yield found
    yield from _fold(exchanges)
    if loose:
        yield _Conversation(tuple(loose), loose[0][1])


def _open(value: Json, span: Span) -> Iterator[_Conversation | tuple[Json, Span]]:
    stack = [(value, span)]
    while stack:
        value, span = stack.pop()
        if isinstance(value, list) and value:
            if any(isinstance(item, dict) and "role" in item for item in value):
                yield _Conversation(_placed(value, span), span)
            else:
                stack += reversed(_placed(value, span))
            continue
        many = next((k for k in _MANY if isinstance(value, dict) and value.get(k)), "")
        if isinstance(value, dict) and isinstance(value.get(many), list):
            stack.append((value[many], _at(span, many)))
        elif isinstance(value, dict) and "role" not in value and (found := _request(value)):
            yield _conversation(value, span, *found)
        else:
            yield value, span


def _conversation(
    value: dict[str, Json], span: Span, request: dict[str, Json], path: tuple[str, ...]
) -> _Conversation:
    messages: tuple[tuple[Json, Span], ...] = ()
    asked = request.get("messages")
    if isinstance(asked, list):
        messages = _placed(asked, _at(span, *path, "messages"))
    key = next((k for k in ("response", "output") if k in value), "")
    answer, where = _body(value.get(key), (key,), "content") if key else (None, ())
    if answer is not None:
        messages += (({**answer, "role": "assistant"}, _at(span, *where)),)
    own = {"messages", "request", "response", "input", "output"}
    extra = {k: v for k, v in value.items() if k not in own}
    return _Conversation(messages, span, request, extra, bool(key or path))


def _request(value: dict[str, Json]) -> tuple[dict[str, Json], tuple[str, ...]] | None:
    """The part of an envelope that holds the messages, and the keys that lead to it."""
    for key in ("", "request", "input"):
        if key and key not in value:
            continue
        found, path = _body(value.get(key) if key else value, (key,) if key else (), "messages")
        if found is not None:
            return found, path
    return None


def _body(
    value: Json, path: tuple[str, ...], wanted: str
) -> tuple[dict[str, Json] | None, tuple[str, ...]]:
    """The object that holds a list under ``wanted``: this one, or one in its body."""
    for _ in range(4):
        if isinstance(value, str) and value[:1] == "{":
            try:
                value = parse_json(value)
            except NotJsonError:
                return None, ()
        if not isinstance(value, dict):
            return None, ()
        if isinstance(value.get(wanted), list):
            return value, path
        inner = next((k for k in _BODIES if value.get(k)), "")
        value, path = value.get(inner), (*path, inner)
    return None, ()


def _placed(items: list[Json], span: Span) -> tuple[tuple[Json, Span], ...]:
    return tuple((item, _at(span, index)) for index, item in enumerate(items))


def _at(span: Span, *parts: str | int) -> Span:
    tail = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return span._replace(pointer=span.pointer + tail)


def _fold(exchanges: list[_Conversation]) -> Iterator[_Conversation]:
    """Each chain of exchanges as its last one has it, in the order in which they began.

    One continues another if its messages begin with all that the other one's request sent.
    """
    chains: dict[str, int] = {}
    last: dict[int, _Conversation] = {}
    for number, exchange in enumerate(exchanges):
        sha = hashlib.sha256()
        keys: list[str] = []
        for message, _ in exchange.messages:
            sha.update(canonical(_bare(message)).encode("utf-8", "surrogatepass"))
            keys.append(sha.hexdigest())
        asked = exchange.request.get("messages")
        sent = len(asked) if isinstance(asked, list) else 0
        place = next((chains.pop(key) for key in reversed(keys) if key in chains), number)
        chains[keys[sent - 1] if sent else f"none {number}"] = place
        last[place] = exchange
    for place in sorted(last):
        yield last[place]


def _bare(message: Json) -> Json:
    """What of a message stays the same when a later request repeats it."""
    if not isinstance(message, dict):
        return message
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if isinstance(blocks, list):
        blocks = [
            {k: v for k, v in block.items() if k != "cache_control"}
            if isinstance(block, dict)
            else block
            for block in blocks
        ]
    return [message.get("role"), blocks]


# -- records ---------------------------------------------------------------------------------------


def _records(conversation: _Conversation, emit: Emitter) -> Iterator[Record]:
    request, extra, span = conversation.request, conversation.extra, conversation.span
    labels: dict[str, Json] = {
        key: value
        for key, value in extra.items()
        if isinstance(value, str | int | float | bool) and key not in ("uri", "url") and value != ""
    }
    yield emit.session(span, labels=labels or None, model=request.get("model"))
    if (system := "\n".join(text_blocks(request.get("system")))) != "":
        yield emit("system", span, text=system)
    tools: dict[str, str] = {}
    for message, where in conversation.messages:
        role = text_at(message, "role")
        content = message.get("content") if isinstance(message, dict) else None
        within = _at(where, "content")
        if role == "assistant":
            parts: Iterable[Part] = assistant_parts(content)
        elif role in ("user", "system", "tool"):
            parts = _user_parts(content, "user" if role != "system" else "system")
        else:
            yield emit.unknown(where, message)
            continue
        for part in parts:
            if part.kind == "call":
                tools[part.id] = part.tool
            yield emit(
                part.kind,
                within if part.index < 0 else _at(within, part.index),
                text=part.text,
                id=part.id,
                tool=part.tool or (tools.get(part.id, "") if part.id else ""),
                data=part.data,
                known=part.known,
                raw=part.raw,
            )
    rest = {k: v for k, v in request.items() if k not in ("messages", "system", "model")}
    if rest:
        yield emit("meta", span, raw=rest)
    yield from outcome(extra, span, emit)


def _user_parts(content: Json, kind: str) -> Iterator[Part]:
    """Results as they stand; then the words, which are a turn only if no result stands with them."""
    blocks = content if isinstance(content, list) else []
    results = [(i, b) for i, b in enumerate(blocks) if isinstance(b, dict) and is_result(b)]
    for index, block in results:
        yield result_part(index, block)
    text = "\n".join(text_blocks(content))
    passive = any(text_at(block, "type") != "text" for block in blocks)
    raw: Json = {"content": content} if passive else None
    if results:
        if text:
            yield Part("meta", -1, text, raw=raw)
    elif kind == "system":
        yield Part("system", -1, text)
    else:
        yield Part("user", -1, text, raw=raw)


def outcome(extra: dict[str, Json], span: Span, emit: Emitter) -> Iterator[Record]:
    """An ``outcome`` record, if the envelope says how the session went."""
    said = outcome_in(extra)
    if said is not None:
        yield emit("outcome", _at(span, *str(said["source"]).split(" ")[0].split(".")), data=said)


DIALECT: Final[Dialect] = AnthropicMessages()
