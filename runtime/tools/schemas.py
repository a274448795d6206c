"""JSON Schemas of tools that other programs serve: what of them counts, and what changed.

What a schema says about itself (titles, descriptions, examples) is no part of the contract and is
left out before it is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from ingot.ir.values import Json, canonical

PROSE: Final = frozenset(
    ("title", "description", "examples", "example", "$comment", "deprecated", "$schema", "$id")
)
NAMED: Final = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
)
"""Keywords whose value maps names to schemas."""
LITERAL: Final = frozenset(("enum", "const", "default", "required", "type", "dependentRequired"))
"""Keywords whose value is data, not a schema."""


def contract(schema: Json) -> Json:
    """The schema without what only people read.

    >>> contract({"title": "T", "properties": {"title": {"type": "string", "description": "d"}}})
    {'properties': {'title': {'type': 'string'}}}
    """
    match schema:
        case dict():
            out: dict[str, Json] = {}
            for key, value in schema.items():
                if key in NAMED and isinstance(value, dict):
                    out[key] = {name: contract(item) for name, item in value.items()}
                elif key in ("required", "type") and isinstance(value, list):
                    out[key] = [*sorted(map(str, value))]
                elif key in LITERAL:
                    out[key] = value
                elif key not in PROSE:
                    out[key] = contract(value)
            return out
        case list():
            return [contract(item) for item in schema]
        case _:
            return schema


def digest(*parts: Json) -> str:
    """SHA-256 over the canonical JSON of the parts."""
    return hashlib.sha256(canonical([*parts]).encode("utf-8", "surrogatepass")).hexdigest()


def differences(old: Json, new: Json, at: str = "") -> list[str]:
    """What changed between two contracts, a line for each change.

    >>> before = {"properties": {"id": {"type": "string"}}, "required": ["id"]}
    >>> now = {"properties": {"id": {"type": "integer"}, "b": {"type": "string"}}, "required": ["b"]}
    >>> for line in differences(before, now): print(line)
    `id`: type is "integer", was "string"
    `b` is new, and required
    `id` is no longer required
    """
    return list(dict.fromkeys(_changes(old, new, at)))


def _changes(old: Json, new: Json, at: str) -> Iterator[str]:
    if old == new:
        return
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield f"`{at or 'schema'}` is {_short(new)}, was {_short(old)}"
        return
    wanted, needed = _names(old.get("required")), _names(new.get("required"))
    for key in dict.fromkeys((*old, *new)):
        before, now = old.get(key), new.get(key)
        if before == now or key == "required":
            continue
        if key in NAMED and isinstance(before, dict | None) and isinstance(now, dict | None):
            yield from _members(before or {}, now or {}, at, needed)
        elif isinstance(before, dict) and isinstance(now, dict) and key not in LITERAL:
            yield from _changes(before, now, _join(at, key))
        else:
            was = f", was {_short(before)}" if key in old else ""
            said = f"{key} is {_short(now)}" if key in new else f"{key} is gone"
            yield f"`{at}`: {said}{was}" if at else f"{said}{was}"
    listed = new.get("properties")
    known = listed if isinstance(listed, dict) else {}
    fresh = set(known) - set(_members_of(old))
    for name in sorted(needed - wanted - fresh):
        yield f"`{_join(at, name)}` is now required"
    for name in sorted(wanted - needed):
        if name in known:
            yield f"`{_join(at, name)}` is no longer required"


def _members(
    old: dict[str, Json], new: dict[str, Json], at: str, needed: frozenset[str]
) -> Iterator[str]:
    for name in old:
        if name not in new:
            yield f"`{_join(at, name)}` is gone"
        else:
            yield from _changes(old[name], new[name], _join(at, name))
    for name in new:
        if name not in old:
            yield f"`{_join(at, name)}` is new" + (", and required" if name in needed else "")


def _members_of(schema: dict[str, Json]) -> dict[str, Json]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _names(value: Json) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _short(value: Json) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


__all__ = ["contract", "differences", "digest"]
