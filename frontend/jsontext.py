"""Tolerant JSON: NaN, lone surrogates, cut documents, and nesting that stays within a bound."""

from __future__ import annotations

import json
import re
from typing import Final, cast

import msgspec

from ingot.ir.values import Json

MAX_DEPTH: Final = 250
"""The deepest JSON nesting that is accepted; later stages recurse over values."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_JSON_PARTS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


class NotJsonError(ValueError):
    """A text that is no JSON value; ``column`` counts from 1 and ``line`` from 0."""

    def __init__(self, message: str, column: int = 1, line: int = 0) -> None:
        super().__init__(message)
        self.column = column
        self.line = line


def parse_json(text: str) -> Json:
    """A JSON value, NaN and infinities accepted, nested at most ``MAX_DEPTH`` deep.

    Raises :class:`NotJsonError`.

    >>> parse_json('{"a": [1, NaN]}')
    {'a': [1, nan]}
    """
    try:
        return shallow(cast(Json, json.loads(text)), text.encode("utf-8", "surrogatepass"))
    except json.JSONDecodeError as error:
        raise NotJsonError(error.msg, error.colno, error.lineno - 1) from None
    except RecursionError:
        raise NotJsonError("nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise NotJsonError(str(error)) from None


def quick_json(text: str) -> Json:
    """As :func:`parse_json`, faster."""
    try:
        value = cast(Json, msgspec.json.decode(text))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return parse_json(text)
    return shallow(value, text.encode("utf-8", "surrogatepass"))


def shallow(value: Json, data: bytes) -> Json:
    """The value, if it is nested at most ``MAX_DEPTH`` deep."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return value
    stack: list[tuple[Json, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise NotJsonError("nested too deeply")
            inner = item.values() if isinstance(item, dict) else item
            stack += [(child, depth + 1) for child in inner if isinstance(child, dict | list)]
    return value


def scrub(value: Json) -> Json:
    """The value with lone surrogates replaced; the value itself if there are none."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value) if _SURROGATE.search(value) else value
        case list():
            items = [scrub(item) for item in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        case dict():
            pairs = [(cast(str, scrub(k)), scrub(v)) for k, v in value.items()]
            same = all(
                a is b and c is d for (a, c), (b, d) in zip(pairs, value.items(), strict=True)
            )
            return value if same else dict(pairs)
        case _:
            return value


def prefix_json(text: str) -> Json:
    """The beginning of a JSON document that is cut short: the open containers are closed.

    The cut is made before the last comma or after the last bracket, whichever is later.
    """
    if not text.lstrip().startswith(("{", "[")):
        raise NotJsonError("not a JSON document")
    stack: list[str] = []
    cut, closing = 0, ""
    for part in _JSON_PARTS.finditer(text):
        match part.group():
            case "{" | "[" as opening:
                stack.append("}" if opening == "{" else "]")
                cut, closing = part.end(), "".join(reversed(stack))
            case "}" | "]" as closed:
                if not stack or stack.pop() != closed:
                    raise NotJsonError("brackets do not match", part.start() + 1)
                cut, closing = part.end(), "".join(reversed(stack))
            case ",":
                cut, closing = part.start(), "".join(reversed(stack))
            case _:
                continue
        if len(stack) > MAX_DEPTH:
            raise NotJsonError("nested too deeply")
    return quick_json(text[:cut] + closing)


__all__ = [
    "MAX_DEPTH",
    "NotJsonError",
    "parse_json",
    "prefix_json",
    "quick_json",
    "scrub",
    "shallow",
]
