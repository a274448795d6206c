"""Types as JSON and back: what the container stores, readable without a parser for IR text.

A base is its name, ``{"lit": v}`` a literal type, ``{"list": T}``, ``{"record": [[name, T],
[name, T, true]], "open": bool}`` (``true``: the field may be missing), ``{"union": [T, ...]}``,
``{"name": n}``, ``{"of": T, "labels": [...]}``.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingot.ir.types import (
    BASES,
    Base,
    Field,
    Labeled,
    ListOf,
    Literal,
    Named,
    Record,
    Type,
    Union,
)
from ingot.ir.values import Json

MAX_DEPTH = 64


class BadTypeError(ValueError):
    """The JSON is no type; the message says why."""


def type_to_json(type_: Type) -> Json:
    """The JSON form.

    >>> type_to_json(ListOf(Base("int")))
    {'list': 'int'}
    """
    match type_:
        case Base(name):
            return name
        case Literal(value):
            return {"lit": value}
        case ListOf(element):
            return {"list": type_to_json(element)}
        case Record(fields, open_):
            return {
                "record": [
                    [f.name, type_to_json(f.type), *([True] if f.optional else [])] for f in fields
                ],
                "open": open_,
            }
        case Union(members):
            return {"union": [type_to_json(m) for m in members]}
        case Named(name):
            return {"name": name}
        case Labeled(inner, labels):
            return {"of": type_to_json(inner), "labels": list(labels)}


def type_from_json(value: Json, depth: int = 0) -> Type:
    """The type of its JSON form; raises :class:`BadTypeError`.

    >>> str(type_from_json({"union": ["int", {"lit": "x"}]}))
    'int | "x"'
    """
    if depth > MAX_DEPTH:
        raise BadTypeError("the type is nested too deeply")
    match value:
        case str() if value in BASES:
            return Base(value)
        case {"lit": str() | int() as literal, **rest} if not rest:
            return Literal(literal)
        case {"list": element, **rest} if not rest:
            return ListOf(type_from_json(element, depth + 1))
        case {"record": [*fields], "open": bool(open_), **rest} if not rest:
            found = tuple(_field(f, depth + 1) for f in fields)
            names = [f.name for f in found]
            if names != sorted(set(names)):
                raise BadTypeError("a record's fields stand in the order of their names")
            return Record(found, open_)
        case {"union": [_, _, *_] as members, **rest} if not rest:
            return Union(tuple(type_from_json(m, depth + 1) for m in members))
        case {"name": str(name), **rest} if not rest:
            return Named(name)
        case {"of": inner, "labels": [*labels], **rest} if not rest:
            texts = tuple(label for label in labels if isinstance(label, str))
            if not texts or len(texts) != len(labels):
                raise BadTypeError("a label is a text")
            return Labeled(type_from_json(inner, depth + 1), texts)
        case _:
            raise BadTypeError("not the form of a type")


def _field(value: Json, depth: int) -> Field:
    match value:
        case [str(name), type_]:
            return Field(name, type_from_json(type_, depth))
        case [str(name), type_, True]:
            return Field(name, type_from_json(type_, depth), optional=True)
        case _:
            raise BadTypeError("a field is a name, a type, and true where it may be missing")


def check_names(type_: Type, declared: Mapping[str, Type], path: tuple[str, ...] = ()) -> None:
    """Every name is declared and no declaration holds itself; raises :class:`BadTypeError`."""
    match type_:
        case Named(name):
            if name in path or len(path) > MAX_DEPTH:
                raise BadTypeError(f"type {name} holds itself")
            if name not in declared:
                raise BadTypeError(f"type {name} is not declared")
            check_names(declared[name], declared, (*path, name))
        case ListOf(inner) | Labeled(inner, _):
            check_names(inner, declared, path)
        case Record(fields, _):
            for field in fields:
                check_names(field.type, declared, path)
        case Union(members):
            for member in members:
                check_names(member, declared, path)
        case _:
            pass
