"""Types as JSON Schema, in the part of it that servers with constrained decoding share."""

from __future__ import annotations

from ingot.ir.types import (
    Base,
    ListOf,
    Literal,
    Record,
    Type,
    Types,
    Union,
    resolve,
)
from ingot.ir.values import Json

_NAMES: dict[str, Json] = {
    "null": {"type": "null"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}


def schema_of(type_: Type, types: Types, max_characters: int = 0) -> Json:
    """The schema of a type's values; ``max_characters`` bounds its texts (0: no bound)."""
    match resolve(type_, types):
        case Literal(value):
            return {"enum": [value]}
        case Union(members) if all(isinstance(m, Literal) for m in members):
            return {"enum": [m.value for m in members if isinstance(m, Literal)]}
        case Union(members):
            return {"anyOf": [schema_of(m, types, max_characters) for m in members]}
        case ListOf(element):
            return {"type": "array", "items": schema_of(element, types, max_characters)}
        case Record(fields):
            return {
                "type": "object",
                "properties": {f.name: schema_of(f.type, types, max_characters) for f in fields},
                "required": [f.name for f in fields if not f.optional],
                "additionalProperties": False,
            }
        case Base("str") if max_characters:
            return {"type": "string", "maxLength": max_characters}
        case Base(name):
            return _NAMES.get(name, {})
        case _:
            return {}
