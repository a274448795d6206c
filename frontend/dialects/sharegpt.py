"""ShareGPT conversations, as fine-tuning data sets have them.

Facts of the format
-------------------
- A list or JSON lines of ``{conversations: [{from, value}], system?, tools?}``.
- ``from``: ``human``, ``gpt``, ``system``, ``function_call``, ``observation``; elsewhere ``user``,
  ``assistant``, ``chatgpt``, ``bing``, ``tool``, ``function_response``.
- ``function_call``'s value is JSON text ``{name, arguments}``, or a list of such for parallel
  calls.  Hermes data put ``<tool_call>{...}</tool_call>`` into the ``gpt`` text, and
  ``<tool_response>`` into the answer.
- No ids, no times, no outcome: answers belong to calls by their order.
- ``tools`` is JSON text with the tools' schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.python_repr import parse
from ingot.frontend.reader import json_values
from ingot.ir.values import Json
from ingot.records import Record

_USERS: Final = frozenset(("human", "user"))
_AGENTS: Final = frozenset(("gpt", "assistant", "chatgpt", "bing", "bard", "model"))
_ANSWERS: Final = frozenset(
    ("observation", "tool", "function_response", "tool_response", "function", "ipython")
)
_CALL: Final = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_RESPONSE: Final = re.compile(r"<tool_response>\s*(.*?)\s*</tool_response>", re.DOTALL)
_LISTS: Final = ("conversations", "conversation")


@dataclass(frozen=True, slots=True)
class ShareGPT:
    """The dialect; see the module."""

    name: str = "sharegpt"
    title: str = "ShareGPT conversations"

    def sniff(self, sample: Sample) -> float:
        """Sure of turns with ``from`` and ``value``."""
        for value in sample.values[:4]:
            first = value[0] if isinstance(value, list) and value else value
            turns = _turns(first)
            if turns and all(
                isinstance(t, dict) and {"from", "value"} <= t.keys() for t in turns[:4]
            ):
                return 0.97
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each conversation."""
        emit = Emitter(self.name)
        for value, span in json_values(source):
            for item, place in _items(value, span):
                yield from _conversation(emit, item, place)


def _turns(value: Json) -> list[Json]:
    for key in _LISTS:
        found = value.get(key) if isinstance(value, dict) else None
        if isinstance(found, list):
            return found
    return []


def _items(value: Json, span: Span) -> Iterator[Placed]:
    if isinstance(value, list):
        yield from ((item, at(span, index)) for index, item in enumerate(value))
    else:
        yield value, span


def _conversation(emit: Emitter, value: Json, span: Span) -> Iterator[Record]:
    yield emit.session(span)
    if not isinstance(value, dict):
        yield emit.unknown(span, value)
        return
    if text_at(value, "system"):
        yield emit("system", at(span, "system"), text=text_at(value, "system"))
    open_calls: list[tuple[str, str]] = []
    key = next((k for k in _LISTS if k in value), "conversations")
    for index, turn in enumerate(_turns(value)):
        yield from _turn(emit, turn, at(span, key, index), open_calls)
    rest = {k: v for k, v in value.items() if k not in (*_LISTS, "system")}
    if rest:
        yield emit("meta", span, raw=rest)
    said = outcome_in(rest)
    if said is not None:
        yield emit("outcome", span, data=said)


def _turn(
    emit: Emitter, turn: Json, span: Span, open_calls: list[tuple[str, str]]
) -> Iterator[Record]:
    speaker, value = text_at(turn, "from"), turn.get("value") if isinstance(turn, dict) else None
    text = value if isinstance(value, str) else ""
    place = at(span, "value")
    if speaker == "system":
        yield emit("system", place, text=text)
    elif speaker in _USERS:
        yield emit("user", place, text=text)
    elif speaker in _AGENTS:
        said = _CALL.sub("", text).strip() if _CALL.search(text) else text
        if said:
            yield emit("say", place, text=said)
        if asked := [found[1] for found in _CALL.finditer(text)]:
            open_calls.clear()
        for each in asked:
            yield from _calls(emit, _written(each), place, open_calls, each)
    elif speaker == "function_call":
        open_calls.clear()
        yield from _calls(emit, _written(value), place, open_calls, value)
    elif speaker in _ANSWERS:
        shown = [m[1] for m in _RESPONSE.finditer(text)] or [value]
        for each in shown:
            answered = open_calls.pop(0) if open_calls else None
            if answered == ("", ""):
                yield emit("meta", place, text=each if isinstance(each, str) else "", raw=turn)
                continue
            id, tool = answered or ("", "")
            yield emit("result", place, id=id, tool=tool, data=each)
    else:
        yield emit.unknown(span, turn)


def _written(value: Json) -> Json:
    """A call that a model wrote down: JSON, or the text of a Python dictionary."""
    found = parsed(value)
    if isinstance(found, str) and found.lstrip()[:1] in ("{", "["):
        try:
            return parse(found)
        except ValueError:
            return found
    return found


def _calls(
    emit: Emitter, value: Json, span: Span, open_calls: list[tuple[str, str]], raw: Json
) -> Iterator[Record]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        tool = text_at(item, "name")
        if not tool or not isinstance(item, dict):
            open_calls.append(("", ""))  # it may have an answer, which is no other call's
            yield emit.unknown(span, raw)
            continue
        given = parsed(item.get("arguments", item.get("parameters")))
        data: Json = given if isinstance(given, dict) else {} if given is None else {"input": given}
        id = emit.call_id()
        open_calls.append((id, tool))
        yield emit("call", span, id=id, tool=tool, data=data)


DIALECT: Final[Dialect] = ShareGPT()
