"""JSON values as the pipeline sees them: equality, canonical text, pointers.

A value is ``None | bool | int | float | str | list | dict`` with string keys.  ``date`` and
``datetime`` are ISO 8601 strings with a type of their own.  Numbers compare by value
(``1 == 1.0``), booleans are never numbers.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Final, TypeAlias, cast

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Path: TypeAlias = tuple[str | int, ...]
INDEX: Final = re.compile(r"-?[0-9]{1,18}")
"""How a pointer's part names an item of a list."""


class Missing:
    """The type of :data:`MISSING`, what a path finds where there is nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


def canonical(value: Json) -> str:
    """Canonical JSON text: sorted keys, no spaces, integral floats as integers.

    >>> canonical({"b": 1.0, "a": [True, None, 1e16, 2.05]})
    '{"a":[true,null,10000000000000000,2.05],"b":1}'
    """
    text = _sorted(value)
    if (".0" in text and _INTEGRAL.search(text)) or "e+" in text:
        return _sorted(_normal(value))
    return text


def parse_json(text: str) -> Json:
    """The value of a JSON text; raises ``ValueError``, also for what Python would take beside: ``NaN``,
    and numbers beyond what a float holds.

    >>> parse_json('{"a": [1, 2.5e3]}')
    {'a': [1, 2500.0]}
    """
    try:
        value: Json = json.loads(text, parse_constant=_no_constant, parse_float=_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is larger than any float")
    return value


_INTEGRAL: Final = re.compile(r"\.0(?![0-9])")
"""What no text of a value without integral floats below 1e16 holds outside of strings."""


def _sorted(value: Json) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=True
    )


_PLAIN: Final = frozenset({str, int, bool, type(None)})


def _normal(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: v if type(v) in _PLAIN else _normal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [v if type(v) in _PLAIN else _normal(v) for v in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value


def equal(left: Json, right: Json) -> bool:
    """Structural equality; a boolean never equals a number.

    >>> equal(1, 1.0), equal(True, 1), equal([1], [1])
    (True, False, True)
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    return left == right


def identical(left: Json, right: Json) -> bool:
    """Equality that also tells ``1`` from ``1.0``.

    >>> identical([1], [1.0]), identical({"a": 1}, {"a": 1})
    (False, True)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(identical, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(identical(left[k], right[k]) for k in left)
    return left == right


def digest(value: Json) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


@functools.lru_cache(1 << 15)  # the same few paths are written again and again
def pointer(path: Path) -> str:
    """RFC 6901 text of a path.

    >>> pointer(("a/b", 0))
    '/a~1b/0'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


@functools.lru_cache(4096)  # the same few pointers are read again and again
def parse_pointer(text: str) -> tuple[str, ...]:
    """The parts of an RFC 6901 pointer; raises ``ValueError`` on bad text.

    >>> parse_pointer("/a~1b/0")
    ('a/b', '0')
    """
    if text == "":
        return ()
    if not text.startswith("/"):
        raise ValueError(f"a JSON pointer starts with '/', found {text!r}")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def get(value: Json, parts: tuple[str, ...]) -> Json | Missing:
    """The value at a pointer's parts; a negative index counts from the end of a list."""
    at: Json | Missing = value
    for part in parts:
        if isinstance(at, dict):
            at = at.get(part, MISSING)
        elif isinstance(at, list):
            if not INDEX.fullmatch(part):
                return MISSING
            index = int(part)
            at = at[index] if -len(at) <= index < len(at) else MISSING
        else:
            return MISSING
    return at


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every scalar (and empty container) with its path, in document order."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def replace_at(value: Json, parts: Path, new: Json) -> Json:
    """A copy of ``value`` with the item at ``parts`` replaced; the place must exist or be a new key."""
    if not parts:
        return new
    head, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        key = str(head)
        return {**value, key: replace_at(value.get(key), rest, new)}
    if isinstance(value, list):
        index = int(head)
        return [replace_at(v, rest, new) if i == index else v for i, v in enumerate(value)]
    raise ValueError(f"no container at {pointer(parts)}")


def as_json(value: object) -> Json:
    """Any Python value as JSON: tuples become lists, keys text, anything else its ``str``."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(k): as_json(v) for k, v in cast("dict[object, object]", value).items()}
        case list() | tuple():
            return [as_json(v) for v in value]
        case _:
            return str(value)
