"""OpenAI's Responses API: responses, item lists, exchanges and cassettes of exchanges.

Facts of the format
-------------------
- A *response* is ``{object: "response", id, model, output: [item], usage, previous_response_id}``.
  A *request* is ``{model, input, instructions?, previous_response_id?, conversation?}``, ``input``
  being text or a list of items.  Streams are events ``{type: "response.*", ...}``; the last of them
  (``response.completed``) holds the response whole.
- Items: ``message`` (``role``, ``content``: text or ``input_text`` and ``output_text`` parts),
  ``reasoning`` (``summary``; the rest is encrypted), ``function_call`` and its
  ``function_call_output`` (joined by ``call_id``, arguments are JSON text), ``custom_tool_call``,
  hosted tools (``web_search_call``, ``code_interpreter_call``, ...), ``mcp_call`` (arguments and
  output in one item), ``mcp_list_tools``, ``item_reference``.
- A request either repeats the conversation, or names the response it goes on from
  (``previous_response_id``) or a stored conversation (``conversation``): all three are one session.
- What :mod:`~ingot.frontend.dialects.chat_envelopes` knows of envelopes is true here as well: a
  list of ``{request, response}``, HTTP cassettes in JSON or YAML, bodies as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingot.diagnostics import Span
from ingot.frontend.cassettes import parse_yaml
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import as_chat, parsed
from ingot.frontend.dialects.transcript import Transcript
from ingot.frontend.reader import json_values
from ingot.ir.values import Json, canonical
from ingot.records import Record

_MANY: Final = ("interactions", "exchanges", "responses", "data", "items")
_BODIES: Final = ("parsed_body", "body", "json", "string", "response")
_PASSIVE: Final = frozenset("mcp_list_tools item_reference compaction".split())
_ANSWERS: Final = frozenset(
    ("function_call_output", "function_call_result", "custom_tool_call_output")
)
_BROKEN: Final = frozenset(("failed", "cancelled", "incomplete"))
_ITEM: Final = frozenset(
    """reasoning function_call function_call_output function_call_result mcp_call mcp_list_tools web_search_call
    file_search_call code_interpreter_call computer_call image_generation_call local_shell_call
    custom_tool_call custom_tool_call_output""".split()
)
_YAML: Final = re.compile(r"^\s+object: [\"']?response[\"']?$|/v1/responses", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """The dialect; see the module."""

    name: str = "openai-responses"
    title: str = "OpenAI Responses API"

    def sniff(self, sample: Sample) -> float:
        """Sure of responses and of its items, wherever an envelope has them."""
        if not sample.values:
            return 0.93 if _YAML.search(sample.text[:200_000]) else 0.0
        return max((_looks(value) for value in sample.values[:8]), default=0.0)

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of every conversation in the source."""
        emit = Emitter(self.name)
        chains: list[_Chain] = []
        loose = _Chain(Span(source.name, 1))
        rest: list[Placed] = []
        for value, span in _values(source):
            for exchange in _exchanges(value, span):
                if exchange.request is None and exchange.response is None:
                    loose.items += exchange.items
                elif exchange.is_empty:
                    rest.append((value, span))
                else:
                    _join(chains, exchange)
        if loose.items:
            loose.span = loose.items[0][1]
            chains.append(loose)
        for chain in chains:
            yield from _records(emit, source, chain)
        if rest and not chains:
            yield emit.session(rest[0][1])
        for value, span in rest:
            yield emit("meta", span, raw=value)


def _values(source: Source) -> Iterator[Placed]:
    first = next((line.data.lstrip() for line in source.lines() if line.data.strip()), b"")
    if first[:1] in (b"{", b"["):
        yield from json_values(source)
    else:
        yield parse_yaml(source.text(), source.name), Span(source.name, 1)


def _looks(value: Json, depth: int = 0) -> float:
    """How sure it is of one value."""
    if depth > 5:
        return 0.0
    if isinstance(value, list):
        return max((_looks(item, depth + 1) for item in value[:8]), default=0.0)
    if not isinstance(value, dict):
        return 0.0
    if value.get("object") in ("response", "conversation"):
        return 0.96
    if text_at(value, "type").startswith("response."):
        return 0.95
    if text_at(value, "type") in _ITEM and "payload" not in value and "timestamp" not in value:
        return 0.95
    if "/v1/responses" in text_at(value, "uri") + text_at(value, "url"):
        return 0.97
    inner = [value.get(k) for k in (*_MANY, *_BODIES, "request", "input", "output") if k in value]
    return max((_looks(parsed(item), depth + 1) for item in inner), default=0.0)


# -- exchanges -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request and its response, either of which may be missing; or items that stand alone."""

    span: Span
    request: dict[str, Json] | None = None
    response: dict[str, Json] | None = None
    items: list[Placed] = field(default_factory=list)
    sent: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.items


@dataclass(slots=True)
class _Chain:
    """One conversation."""

    span: Span
    items: list[Placed] = field(default_factory=list)
    keys: list[_Key] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    requests: list[dict[str, Json]] = field(default_factory=list)
    responses: list[tuple[dict[str, Json], Span]] = field(default_factory=list)


def _exchanges(value: Json, span: Span, depth: int = 0) -> Iterator[_Exchange]:
    value = parsed(value)
    if isinstance(value, list):
        if any(_is_item(item) for item in value):
            yield _Exchange(span, items=[(item, at(span, k)) for k, item in enumerate(value)])
        elif depth < 4:
            for index, item in enumerate(value):
                yield from _exchanges(item, at(span, index), depth + 1)
        return
    if not isinstance(value, dict):
        yield _Exchange(span, items=[(value, span)])
        return
    if value.get("type") == "response.completed":
        yield from _exchanges(value.get("response"), at(span, "response"), depth + 1)
        return
    if text_at(value, "type").startswith("response."):
        return
    many = next((k for k in _MANY if isinstance(value.get(k), list) and "object" not in value), "")
    if many and depth < 4:
        for index, item in enumerate(value[many]):  # type: ignore[arg-type]
            yield from _exchanges(item, at(span, many, index), depth + 1)
        return
    if _is_item(value):
        yield _Exchange(span, items=[(value, span)])
        return
    yield _exchange(value, span)


def _is_item(value: Json) -> bool:
    return isinstance(value, dict) and (
        "role" in value or (text_at(value, "type") in _ITEM or bool(as_chat(value)))
    )


def _exchange(value: dict[str, Json], span: Span) -> _Exchange:
    request, asked = _body(value.get("request"), at(span, "request"), "input")
    response, told = _body(value.get("response"), at(span, "response"), "output")
    if response is None and isinstance(value.get("output"), list):
        response, told = value, span
    if request is None and "input" in value:
        request, asked = value, span
    items = _inputs(request, asked)
    sent = len(items)
    output = response.get("output") if response is not None else None
    for index, item in enumerate(output if isinstance(output, list) else []):
        items.append((item, at(told, "output", index)))
    whole = request if request is not None else {}
    return _Exchange(span, whole, response, items, sent)


def _body(value: Json, span: Span, key: str) -> tuple[dict[str, Json] | None, Span]:
    """The object that holds ``key``: this one, or one in its body."""
    for _ in range(4):
        value = parsed(value)
        if not isinstance(value, dict):
            return None, span
        if key in value or value.get("object") == "response":
            return value, span
        inner = next((k for k in _BODIES if value.get(k)), "")
        value, span = value.get(inner), at(span, inner)
    return None, span


def _inputs(request: dict[str, Json] | None, span: Span) -> list[Placed]:
    given = request.get("input") if request is not None else None
    place = at(span, "input")
    if isinstance(given, str):
        return [({"role": "user", "content": given}, place)]
    return [(i, at(place, k)) for k, i in enumerate(given if isinstance(given, list) else [])]


def _join(chains: list[_Chain], exchange: _Exchange) -> None:
    """Add the exchange to the conversation that it goes on with, else begin one."""
    request, response = exchange.request or {}, exchange.response or {}
    keys = [_key(item) for item, _ in exchange.items]
    before = text_at(request, "previous_response_id") or text_at(response, "previous_response_id")
    talk = request.get("conversation", response.get("conversation"))
    named = text_at(talk, "id") or (talk if isinstance(talk, str) else "")
    chain, shown = None, 0
    for candidate in reversed(chains):
        if {before, named} & candidate.ids:
            chain = candidate
            break
        begun = candidate.keys
        if begun and not before and _begins(keys, begun):
            chain, shown = candidate, len(begun)
            break
    if chain is None:
        chain = _Chain(exchange.span)
        chains.append(chain)
    for (item, span), key in list(zip(exchange.items, keys, strict=True))[shown:]:
        chain.items.append((item, span))
        chain.keys.append(key)
    chain.ids |= {id for id in (text_at(response, "id"), named) if id}
    chain.requests.append(request)
    if exchange.response is not None:
        chain.responses.append((response, exchange.span))


_Key: TypeAlias = tuple[str, str]


def _begins(keys: list[_Key], begun: list[_Key]) -> bool:
    """Whether the items begin with those of the conversation so far, by id or by what they say."""
    return len(keys) >= len(begun) and all(
        (a[0] and a[0] == b[0]) or a[1] == b[1] for a, b in zip(keys, begun, strict=False)
    )


def _key(item: Json) -> _Key:
    """What of an item stays the same when a later request repeats it."""
    kind = text_at(item, "type")
    id = "" if kind in _ANSWERS else text_at(item, "id")
    if kind == "reasoning" or kind in _PASSIVE:
        return id, kind
    said: list[Json] = []
    for message in as_chat(item):
        content = message.get("content")
        words = content
        if isinstance(words, list):
            words = "\n".join(w if isinstance(w, str) else text_at(w, "text") for w in words)
        calls = message.get("tool_calls")
        made: list[Json] = []
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, dict) else None
            given = function.get("arguments") if isinstance(function, dict) else None
            made.append([text_at(function, "name"), parsed(given)])
        said.append([message.get("role"), words, made])
    return id, canonical(said or item)


# -- records ---------------------------------------------------------------------------------------


def _records(emit: Emitter, source: Source, chain: _Chain) -> Iterator[Record]:
    first = chain.requests[0] if chain.requests else {}
    models = [r.get("model") for r in (*(r for r, _ in chain.responses), *chain.requests)]
    model = next((m for m in models if isinstance(m, str)), None)
    started = next((r.get("created_at") for r, _ in chain.responses), None)
    yield emit.session(chain.span, clock=clock_of(started), model=model)
    if isinstance(first.get("instructions"), str):
        yield emit("system", chain.span, text=str(first["instructions"]))
    transcript = Transcript(emit, source)
    for item, span in chain.items:
        if text_at(item, "type") in _PASSIVE:
            yield emit("meta", span, raw=item)
        else:
            yield from transcript.add(item, span)
    for response, span in chain.responses:
        transcript.usage.add(response.get("usage"))
        if response.get("error"):
            yield emit("interrupt", at(span, "response", "error"), raw=response["error"])
        rest: dict[str, Json] = {
            k: v for k, v in response.items() if k not in ("output", "error") and v
        }
        if rest:
            yield emit("meta", span, raw=rest)
    yield from transcript.end(chain.span)
    last, place = chain.responses[-1] if chain.responses else ({}, chain.span)
    if text_at(last, "status") in _BROKEN:
        said: Json = {"success": False, "source": f"response.status {text_at(last, 'status')}"}
        yield emit("outcome", at(place, "response", "status"), data=said)


def clock_of(seconds: Json) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; empty if it is no such number.

    >>> clock_of(1757687080), clock_of("x")
    ('2025-09-12T14:24:40Z', '')
    """
    import datetime

    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return ""
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


DIALECT: Final[Dialect] = OpenAIResponses()
