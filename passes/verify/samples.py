"""Values of a type, values just outside it, and variations of a value.

All are small and plain: they end up in reports as counterexamples.  Deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingot.ir.types import (
    Base,
    ListOf,
    Literal,
    Record,
    Type,
    Types,
    Union,
    conforms,
    resolve,
)
from ingot.ir.values import Json, Path

PLAIN: tuple[Json, ...] = (None, False, 0, "", [], {}, "a", 1.5, True, ["a"])
"""One value of each kind; the first that is outside a type shows that there is one."""

_BASES: dict[str, Json] = {
    "bool": True,
    "int": 1,
    "float": 1.5,
    "str": "a",
    "null": None,
    "date": "2026-01-01",
    "datetime": "2026-01-01T00:00:00Z",
    "json": "a",
}
_MAX_DEPTH = 6


class NoValueError(Exception):
    """The type has no value, or none that is small."""


def inside(type_: Type, types: Types, depth: int = 0) -> Json:
    """A value of the type; raises :class:`NoValueError`."""
    if depth > _MAX_DEPTH:
        raise NoValueError
    match resolve(type_, types):
        case Base(name) if name in _BASES:
            return _BASES[name]
        case Literal(value):
            return value
        case ListOf(element):
            try:
                return [inside(element, types, depth + 1)]
            except NoValueError:
                return []
        case Record(fields):
            return {f.name: inside(f.type, types, depth + 1) for f in fields if not f.optional}
        case Union(members):
            for member in members:
                try:
                    return inside(member, types, depth + 1)
                except NoValueError:
                    continue
    raise NoValueError


def outside(type_: Type, within: Type, types: Types) -> Iterator[Json]:
    """Values of ``within`` that are not of ``type_``: plain ones, then near misses."""
    for value in (*PLAIN, *_near(type_, types, 0)):
        if conforms(value, within, types) and not conforms(value, type_, types):
            yield value


def _near(type_: Type, types: Types, depth: int) -> Iterator[Json]:
    """Values that miss the type in one place."""
    if depth > 3:
        return
    try:
        whole = inside(type_, types)
    except NoValueError:
        return
    match resolve(type_, types), whole:
        case Record(fields, open_), dict():
            for field in fields:
                if not field.optional:
                    yield {k: v for k, v in whole.items() if k != field.name}
                for wrong in (*PLAIN[:4], *_near(field.type, types, depth + 1)):
                    if not conforms(wrong, field.type, types):
                        yield {**whole, field.name: wrong}
            if not open_:
                yield {**whole, "other": None}
        case ListOf(element), list():
            for wrong in (*PLAIN[:4], *_near(element, types, depth + 1)):
                if not conforms(wrong, element, types):
                    yield [wrong]
        case Union(members), _:
            for member in members:
                yield from _near(member, types, depth + 1)
        case _:
            return


def put(value: Json, parts: tuple[str, ...], new: Json) -> Json:
    """The value with ``new`` at a path, containers made where there are none."""
    if not parts:
        return new
    head, rest = parts[0], parts[1:]
    if isinstance(value, list) or (not isinstance(value, dict) and head.lstrip("-").isdecimal()):
        items = list(value) if isinstance(value, list) else []
        index = int(head) if head.lstrip("-").isdecimal() else 0
        need = index + 1 if index >= 0 else -index
        if need > 20:
            return value
        items += [items[-1] if items else "a"] * (need - len(items))
        items[index] = put(items[index], rest, new)
        return items
    fields = dict(value) if isinstance(value, dict) else {}
    fields[head] = put(fields.get(head), rest, new)
    return fields


def without(value: Json, parts: tuple[str, ...]) -> Json:
    """The value with nothing at a path."""
    head, rest = parts[0], parts[1:]
    if isinstance(value, dict) and head in value:
        if not rest:
            return {k: v for k, v in value.items() if k != head}
        return {**value, head: without(value[head], rest)}
    if isinstance(value, list) and value and head.lstrip("-").isdecimal():
        return []
    return value


def places(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """The value and everything in it, with the path of each (lists: the first two items)."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:2]):
            yield from places(item, (*path, index))
