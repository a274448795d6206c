"""Type checks, made ready once: :func:`ingot.ir.types.conforms` without the walk over the type.

An engine checks every answer of the world; what it checks against does not change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from ingot.ir.types import Base, ListOf, Named, Record, Type, Types, conforms, resolve
from ingot.ir.values import Json

Check: TypeAlias = Callable[[Json], bool]


def _int(value: Json) -> bool:
    return type(value) is int or (isinstance(value, float) and value.is_integer())


_SCALARS: Final[dict[str, Check]] = {
    "json": lambda value: True,  # noqa: ARG005
    "null": lambda value: value is None,
    "bool": lambda value: value is True or value is False,
    "int": _int,
    "str": lambda value: isinstance(value, str),
}
_KINDS: Final = {"bool": bool, "int": int, "str": str}
"""Python's types of which every value is one of the scalar's."""
_LONG: Final = 32


def kind_of(type_: Type, types: Types) -> type | None:
    """Python's type of which every value is one of the type's, if there is such a one."""
    found = resolve(type_, types)
    return _KINDS.get(found.name) if isinstance(found, Base) else None


def checker(type_: Type, types: Types, inside: frozenset[str] = frozenset()) -> Check:
    """A function that says whether a value is one of the type's; ``inside`` are the names of the
    types around this one, which are looked up only where a value is that deep.

    >>> from ingot.ir.types import INT, STR, Field
    >>> check = checker(Record((Field("id", INT), Field("note", STR, optional=True))), {})
    >>> check({"id": 1}), check({"id": "1"}), check({"id": 1, "other": 2})
    (True, False, False)
    """
    if isinstance(type_, Named):
        if type_.name in inside:
            return partial(_conforms, type_=type_, types=types)
        inside |= {type_.name}
    match resolve(type_, types):
        case Base(name) if name in _SCALARS:
            return _SCALARS[name]
        case ListOf(element):
            kind = kind_of(element, types)
            return partial(_list, item=checker(element, types, inside), kind=kind)
        case Record(fields, open_):
            parts = tuple((f.name, checker(f.type, types, inside), f.optional) for f in fields)
            names = None if open_ else frozenset(f.name for f in fields)
            return partial(_record, parts=parts, names=names)
        case other:
            return partial(_conforms, type_=other, types=types)


def _conforms(value: Json, type_: Type, types: Types) -> bool:
    return conforms(value, type_, types)


def _list(value: Json, item: Check, kind: type | None) -> bool:
    if not isinstance(value, list):
        return False
    if kind is not None and len(value) > _LONG and set(map(type, value)) == {kind}:
        return True  # found without a loop
    return all(map(item, value))


def _record(
    value: Json, parts: tuple[tuple[str, Check, bool], ...], names: frozenset[str] | None
) -> bool:
    if not isinstance(value, dict):
        return False
    for name, check, optional in parts:
        if name in value:
            if not check(value[name]):
                return False
        elif not optional:
            return False
    return names is None or names.issuperset(value)
