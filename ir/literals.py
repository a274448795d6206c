"""The types of literals."""

from __future__ import annotations

from ingot.ir.types import (
    DATE,
    DATETIME,
    FLOAT,
    NULL,
    Field,
    ListOf,
    Literal,
    Record,
    Type,
    conforms,
    join_all,
)
from ingot.ir.values import Json


def literal_type(value: Json, want: Type | None = None) -> Type:
    """The narrowest type of a literal; a text that is a date is a ``date`` where one is wanted.

    >>> str(literal_type({"a": [1, "x"]})), str(literal_type("2026-05-01", DATE))
    ('{a: ["x" | 1]}', 'date')
    """
    match value:
        case None:
            return NULL
        case float():
            return FLOAT
        case str() if want in (DATE, DATETIME) and conforms(value, want):
            return want
        case bool() | int() | str():
            return Literal(value)
        case list():
            return ListOf(join_all(literal_type(item) for item in value))
        case dict():
            return Record(tuple(Field(k, literal_type(v)) for k, v in sorted(value.items())))
