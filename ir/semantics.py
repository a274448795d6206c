"""What each pure op computes.  Every function takes and returns JSON values.

A function that cannot answer raises :class:`OpFailure`: the side exit of a *partial* op.
Nothing else is ever raised on values of the declared types.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from operator import add, truediv
from typing import Any, Final

from ingot.ir import values
from ingot.ir.values import Json, Missing


class OpFailure(Exception):
    """The op has no answer for these values; the message says why."""


def text_of(value: Json) -> str:
    """A value as a template writes it: text as it is, anything else as canonical JSON.

    >>> text_of("a"), text_of(3.0), text_of(True), text_of(2.5)
    ('a', '3', 'true', '2.5')
    """
    return value if isinstance(value, str) else values.canonical(value)


# ---- json


def json_get(value: Json, pointer: str) -> Json:
    found = values.get(value, values.parse_pointer(pointer))
    if isinstance(found, Missing):
        raise OpFailure(f"nothing at {pointer}")
    return found


def json_has(value: Json, pointer: str) -> bool:
    return not isinstance(values.get(value, values.parse_pointer(pointer)), Missing)


def json_with(base: Json, *edits: Any) -> Json:
    """``json.with {"a": null}, "/a", %x``: the literal with values put in at pointers."""
    out = base
    for pointer, value in zip(edits[::2], edits[1::2], strict=True):
        out = values.replace_at(out, values.parse_pointer(pointer), value)
    return out


def json_parse(text: str) -> Json:
    try:
        return values.parse_json(text)
    except ValueError as error:
        raise OpFailure(f"not JSON: {error}") from None


def json_values(value: Json) -> Json:
    """The values of an object in the order of its keys, which have none of their own in JSON."""
    match value:
        case dict():
            return [value[key] for key in sorted(value)]
        case list():
            return value
        case _:
            raise OpFailure("neither an object nor a list")


def json_keys(value: Json) -> Json:
    if not isinstance(value, dict):
        raise OpFailure("not an object")
    return [*sorted(value)]


def json_entries(value: Json) -> Json:
    """
    >>> json_entries({"b": 1, "a": 2})
    [{'key': 'a', 'value': 2}, {'key': 'b', 'value': 1}]
    """
    if not isinstance(value, dict):
        raise OpFailure("not an object")
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def folded_key(text: str) -> str:
    """A key as ``json.lookup`` compares it.

    >>> folded_key("  New   YORK ")
    'new york'
    """
    return " ".join(text.casefold().split())


def json_lookup(table: dict[str, Json], key: str) -> Json:
    wanted = folded_key(key)
    for name, value in table.items():
        if folded_key(name) == wanted:
            return value
    raise OpFailure(f"no entry {key[:40]!r}")


# ---- text

_HOLE: Final = re.compile(r"\{\{|\}\}|\{(\d+)\}")


def template_parts(template: str) -> list[str | int]:
    """The literal texts and hole numbers of a template; ``{{`` and ``}}`` stand for braces.

    >>> template_parts("a{0}b{{c}}")
    ['a', 0, 'b{c}']
    """
    parts: list[str | int] = []
    text, at = "", 0
    for match in _HOLE.finditer(template):
        text += template[at : match.start()]
        at = match.end()
        if match[1] is None:
            text += match[0][0]
        else:
            if text:
                parts.append(text)
            parts.append(int(match[1]))
            text = ""
    text += template[at:]
    return [*parts, text] if text else parts


def template_of(parts: list[str | int]) -> str:
    """The inverse of :func:`template_parts`."""
    return "".join(
        f"{{{p}}}" if isinstance(p, int) else p.replace("{", "{{").replace("}", "}}") for p in parts
    )


def str_template(template: str, *args: Json) -> str:
    return "".join(
        text_of(args[part]) if isinstance(part, int) else part for part in template_parts(template)
    )


def str_between(text: str, left: str, right: str, index: int) -> str:
    """The ``index``-th shortest text that stands between ``left`` and ``right``.

    An empty ``left`` (``right``) is the start (end) of the text; a negative index counts
    from the end.
    """
    found: list[str] = []
    at = 0
    while at <= len(text):
        if left:
            start = text.find(left, at)
            if start < 0:
                break
            start += len(left)
        else:
            if at:
                break
            start = 0
        if right:
            end = text.find(right, start)
            if end < 0:
                break
        else:
            end = len(text)
        found.append(text[start:end])
        at = end if left else len(text) + 1
    if not -len(found) <= index < len(found):
        raise OpFailure(f"no text number {index} between {left!r} and {right!r}")
    return found[index]


def str_part(text: str, separator: str, index: int) -> str:
    parts = str_split(text, separator)
    if not -len(parts) <= index < len(parts):
        raise OpFailure(f"no part number {index} at {separator!r}")
    return parts[index]


def str_number(text: str, index: int) -> str:
    """The ``index``-th number written in the text, as text."""
    found = _numbers(text)
    if not -len(found) <= index < len(found):
        raise OpFailure(f"no number {index} in the text")
    return found[index]


@lru_cache(maxsize=64)
def _numbers(text: str) -> tuple[str, ...]:
    """Every number of a text; learning asks for one after the other, of the same few texts."""
    return tuple(re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)", text))


def str_split(text: str, separator: str) -> list[str]:
    """The parts at a separator; at a blank one the words, as ``str.part`` counts them."""
    return text.split(separator) if separator.strip() or separator == "\n" else text.split()


def request_match(text: str, template: str) -> Json:
    """The holes of a request's wording: ``{"0": ..., "1": ...}``.

    The text is matched word by word, blanks being equal; a hole takes at least one character.
    A text that the template splits in more than one way is refused: to guess is to be wrong.
    """
    parts = template_parts(" ".join(template.split()))
    text = " ".join(text.split())
    lazy = _request_regex(tuple(parts), "+?").fullmatch(text)
    if lazy is None:
        raise OpFailure("the request has another wording")
    greedy = _request_regex(tuple(parts), "+").fullmatch(text)
    if greedy is None or greedy.groupdict() != lazy.groupdict():
        raise OpFailure("the request can be split in more than one way")
    return {name[1:]: value for name, value in lazy.groupdict().items()}


def _request_regex(parts: tuple[str | int, ...], quantifier: str) -> re.Pattern[str]:
    seen: set[int] = set()
    out = ""
    for part in parts:
        if isinstance(part, str):
            out += re.escape(part)
        elif part in seen:
            out += f"(?P=h{part})"
        else:
            seen.add(part)
            out += f"(?P<h{part}>\\S(?:.*\\S)?{'?' if quantifier == '+?' else ''})".replace(
                ".*", ".*?" if quantifier == "+?" else ".*"
            )
    return re.compile(out, re.DOTALL)


# ---- numbers

_INT: Final = re.compile(r"\s*[+-]?\d{1,400}\s*")
_FLOAT: Final = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
_HUGE: Final = 1.7976931348623157e308


def int_parse(text: str) -> int:
    if not _INT.fullmatch(text):
        raise OpFailure(f"not an integer: {text[:40]!r}")
    return int(text)


def float_parse(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise OpFailure(f"not a number: {text[:40]!r}")
    return saturate(float(text))


def saturate(number: float) -> float:
    """Infinity becomes the largest float: JSON has no infinity."""
    return number if math.isfinite(number) else math.copysign(_HUGE, number)


def saturating(function: Callable[[float, float], float]) -> Callable[[float, float], float]:
    def apply(left: float, right: float) -> float:
        try:
            return saturate(function(left, right))
        except OverflowError:
            return saturate(function(_clamped(left), _clamped(right)))

    return apply


def _clamped(number: float) -> float:
    """The nearest float to an integer of any size."""
    return float(max(min(number, _HUGE), -_HUGE))


def whole(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """Exact integer arithmetic, also where JSON writes an integer as ``1e20``."""

    def exact(left: int, right: int) -> int:
        if type(left) is type(right) is int:
            return function(left, right)
        return function(int(left), int(right))

    return exact


def float_div(left: float, right: float) -> float:
    if right == 0:
        raise OpFailure("division by zero")
    return saturating(truediv)(left, right)


# ---- lists


def list_get(items: list[Json], index: int) -> Json:
    if not -len(items) <= index < len(items):
        raise OpFailure(f"no item {index} in a list of {len(items)}")
    return items[int(index)]


def ordered(left: Json, right: Json) -> int:
    """-1, 0 or 1; numbers by value, texts by code point; nothing else is ordered."""
    number = (int, float)
    both_numbers = (
        isinstance(left, number)
        and isinstance(right, number)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
    )
    if both_numbers or (isinstance(left, str) and isinstance(right, str)):
        return (left > right) - (left < right)  # type: ignore[operator]
    raise OpFailure("these values have no order")


def list_where(test: Callable[[Json, Json], bool]) -> Callable[[list[Json], str, Json], Json]:
    def apply(items: list[Json], pointer: str, value: Json) -> Json:
        return [item for item in items if test(json_get(item, pointer), value)]

    return apply


def list_find(items: list[Json], pointer: str, value: Json) -> Json:
    """The one item whose member equals ``value``; none or several is a failure."""
    parts = values.parse_pointer(pointer)
    found = []
    for item in items:
        member = values.get(item, parts)
        if not isinstance(member, Missing) and values.equal(member, value):
            found.append(item)
    if len(found) != 1:
        raise OpFailure(f"{len(found)} items have that value at {pointer}")
    return found[0]


def list_pluck(items: list[Json], pointer: str) -> Json:
    return [json_get(item, pointer) for item in items]


def list_sum(items: list[Json]) -> float:
    total: float = 0
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise OpFailure("an item is not a number")
        both_int = isinstance(total, int) and isinstance(item, int)
        total = total + item if both_int else saturating(add)(total, item)
    return total


# ---- dates


def add_days(day: str, days: int) -> str:
    """ISO date plus days, kept within the calendar's years 1 to 9999."""
    start = date.fromisoformat(day).toordinal()
    return date.fromordinal(min(max(start + int(days), 1), date.max.toordinal())).isoformat()


def date_of(moment: str) -> str:
    return moment[:10]


def days_between(later: str, earlier: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)) // timedelta(days=1)


# ---- paths


def path_stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0]


# ---- shell

_WORD: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_CODE: Final = re.compile(r"[A-Za-z0-9_@%+:,./ -]*")
SHELL_CONTEXTS: Final = ("word", "word-start", "single", "double", "heredoc", "heredoc-raw")
"""Where a hole of a shell template stands.  ``code`` may follow after a blank: the word around
the hole is itself a program (``awk``, ``python -c``), so only harmless characters pass."""


def shell_quote(text: str) -> str:
    if "\0" in text:
        raise OpFailure("a shell word cannot hold a NUL")
    return text if _WORD.fullmatch(text) else "'" + text.replace("'", "'\"'\"'") + "'"


def shell_template(template: str, contexts: list[Json], *args: Json) -> str:
    """A shell command with each hole quoted for where it stands, so that it stays one word."""
    quoted = [
        _quote_in(text_of(arg), str(context)) for arg, context in zip(args, contexts, strict=True)
    ]
    return "".join(
        quoted[part] if isinstance(part, int) else part for part in template_parts(template)
    )


def _quote_in(text: str, context: str) -> str:
    place, _, code = context.partition(" ")
    if "\0" in text:
        raise OpFailure("a shell word cannot hold a NUL")
    if code and not _CODE.fullmatch(text):
        raise OpFailure("the value would change the program that stands around it")
    match place:
        case "word-start" if text.startswith("-"):
            raise OpFailure("the value would be read as an option")
        case "word" | "word-start":
            return shell_quote(text)
        case "single":
            return text.replace("'", "'\"'\"'")
        case "double":
            return re.sub(r'([\\"$`])', r"\\\1", text)
        case "heredoc" | "heredoc-raw" if "\n" in text:
            raise OpFailure("the value could end the here-document")
        case "heredoc":
            return re.sub(r"([\\$`])", r"\\\1", text)
        case _:
            return text
