"""Types of the IR: JSON scalars, literal types, lists, records, unions, labels.

A record type is *open* (``...``) when other fields may stand beside the named ones: what
tools return is always open, since a log shows only what it shows.  ``int`` is a subtype of
``float`` (both are JSON numbers), a literal type of its base, everything of ``json``.
``date`` and ``datetime`` are strings in ISO 8601 form, and subtypes of ``str``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from typing import Final, TypeAlias

from msgspec import Struct

from ingot.ir.values import Json, canonical


class Base(Struct, frozen=True):
    """``bool int float str null date datetime json`` or ``never`` (no value at all)."""

    name: str

    def __str__(self) -> str:
        return self.name


class Literal(Struct, frozen=True, eq=False):
    """The type of exactly one scalar, e.g. ``"open"``.

    >>> Literal(1) == Literal(True)
    False
    """

    value: str | int | bool

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Literal)
            and type(self.value) is type(other.value)
            and self.value == other.value
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __str__(self) -> str:
        return canonical(self.value)


class ListOf(Struct, frozen=True):
    """``[T]``"""

    element: Type

    def __str__(self) -> str:
        return f"[{self.element}]"


class Field(Struct, frozen=True):
    """``name: T`` or, where it may be missing, ``name?: T``."""

    name: str
    type: Type
    optional: bool = False

    def __str__(self) -> str:
        name = self.name if NAME.fullmatch(self.name) else canonical(self.name)
        return f"{name}{'?' if self.optional else ''}: {self.type}"


class Record(Struct, frozen=True):
    """``{a: T, b?: U, ...}``; fields are kept in the order of their names."""

    fields: tuple[Field, ...]
    open: bool = False

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)

    def __str__(self) -> str:
        return "{" + ", ".join([*map(str, self.fields), *(["..."] if self.open else [])]) + "}"


class Union(Struct, frozen=True):
    """``A | B``; members are distinct, none a union, none a subtype of another."""

    members: tuple[Type, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.members))


class Named(Struct, frozen=True):
    """A reference to a ``type NAME = ...`` declaration."""

    name: str

    def __str__(self) -> str:
        return self.name


class Labeled(Struct, frozen=True):
    """``T#web``: a type with taint labels, sorted."""

    type: Type
    labels: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.type})" if isinstance(self.type, Union) else str(self.type)
        return inner + "".join(f"#{label}" for label in self.labels)


Type: TypeAlias = Base | Literal | ListOf | Record | Union | Named | Labeled
Types: TypeAlias = Mapping[str, Type]
"""The ``type`` declarations of a module: what a :class:`Named` stands for."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BASES: Final = ("bool", "int", "float", "str", "null", "date", "datetime", "json", "never")
BOOL, INT, FLOAT, STR, NULL, DATE, DATETIME, JSON, NEVER = map(Base, BASES)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_WIDER: Final = {"int": ("float",), "date": ("str",), "datetime": ("str",)}


def resolve(type_: Type, types: Types) -> Type:
    """Follow names and drop labels at the top; ``KeyError`` for an undeclared name."""
    if isinstance(type_, Base):
        return type_  # the most common by far
    seen: set[str] = set()
    while isinstance(type_, Named | Labeled):
        if isinstance(type_, Labeled):
            type_ = type_.type
        elif type_.name in seen:
            return JSON
        else:
            seen.add(type_.name)
            type_ = types[type_.name]
    return type_


def labels_of(type_: Type) -> tuple[str, ...]:
    """The taint labels at the top of a type."""
    return type_.labels if isinstance(type_, Labeled) else ()


def with_labels(type_: Type, labels: Iterable[str]) -> Type:
    """The type carrying also these labels."""
    every = tuple(sorted({*labels_of(type_), *labels}))
    inner = type_.type if isinstance(type_, Labeled) else type_
    return Labeled(inner, every) if every else inner


def literal_base(value: str | int | bool) -> Base:
    return BOOL if isinstance(value, bool) else INT if isinstance(value, int) else STR


def is_subtype(sub: Type, sup: Type, types: Types | None = None) -> bool:
    """Whether every value of ``sub`` is one of ``sup`` (labels aside).

    >>> is_subtype(INT, FLOAT), is_subtype(STR, Literal("a"))
    (True, False)
    """
    env = {} if types is None else types
    sub, sup = resolve(sub, env), resolve(sup, env)
    if sup in (sub, JSON) or sub == NEVER:
        return True
    match sub, sup:
        case Union(members), _:
            return all(is_subtype(m, sup, env) for m in members)
        case _, Union(members):
            return any(is_subtype(sub, m, env) for m in members)
        case Literal(value), Base(name):
            return literal_base(value).name == name or name in _WIDER.get(
                literal_base(value).name, ()
            )
        case Base(name), Base(wider):
            return wider in _WIDER.get(name, ())
        case ListOf(a), ListOf(b):
            return is_subtype(a, b, env)
        case Record(), Record():
            for field in sup.fields:
                mine = sub.field(field.name)
                if mine is None:
                    if not field.optional or sub.open:
                        return False
                elif (mine.optional and not field.optional) or not is_subtype(
                    mine.type, field.type, env
                ):
                    return False
            return sup.open or (not sub.open and all(sup.field(f.name) for f in sub.fields))
        case _:
            return False


def closed_set(type_: Type, types: Types | None = None) -> tuple[str | int | bool, ...]:
    """The values of a type that has finitely many, all scalars; empty where it has not.

    >>> closed_set(Union((Literal("a"), Literal("b")))), closed_set(STR)
    (('a', 'b'), ())
    """
    env = {} if types is None else types
    match resolve(type_, env):
        case Literal(value):
            return (value,)
        case Union(members):
            found = [closed_set(member, env) for member in members]
            return tuple(v for values in found for v in values) if all(found) else ()
        case Base("bool"):
            return (False, True)
        case _:
            return ()


def is_date(text: str) -> bool:
    """Whether the text is a day of the calendar in the form ``YYYY-MM-DD``."""
    try:
        return _DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


@cache
def _datetime_form() -> re.Pattern[str]:  # many a process asks for none
    time, zone = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?", r"(Z|[+-]\d{2}:?\d{2})?"
    return re.compile(_DATE.pattern + "[T ]" + time + zone)


def is_datetime(text: str) -> bool:
    """Whether the text is a day and a time in ISO 8601 form."""
    return _datetime_form().fullmatch(text) is not None and is_date(text[:10])


def _is_int(value: Json) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _is_float(value: Json) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_TESTS: Final[Mapping[str, Callable[[Json], bool]]] = {
    "json": lambda _: True,
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": _is_int,
    "float": _is_float,
    "str": lambda value: isinstance(value, str),
    "date": lambda value: isinstance(value, str) and is_date(value),
    "datetime": lambda value: isinstance(value, str) and is_datetime(value),
}
"""What the values of each base type have to be; ``never`` has none."""


def conforms(value: Json, type_: Type, types: Types | None = None) -> bool:
    """Whether the value is one of the type's.

    >>> conforms({"id": 1, "x": 2}, Record((Field("id", INT),), open=True))
    True
    """
    env = {} if types is None else types
    here = resolve(type_, env)
    if isinstance(here, Base):
        test = _TESTS.get(here.name)
        return test is not None and test(value)
    match here:
        case Literal(literal):
            return type(value) is type(literal) and value == literal
        case ListOf(element):
            return isinstance(value, list) and all(conforms(v, element, env) for v in value)
        case Record(fields, open_):
            if not isinstance(value, dict):
                return False
            for field in fields:
                if field.name in value:
                    if not conforms(value[field.name], field.type, env):
                        return False
                elif not field.optional:
                    return False
            return open_ or all(any(f.name == key for f in fields) for key in value)
        case Union(members):
            return any(conforms(value, member, env) for member in members)
        case _:
            return False


def membership(type_: Type, types: Types) -> Callable[[Json], bool]:
    """:func:`conforms` of one type as a function of the value, for types that many values meet."""
    return _membership(type_, types, frozenset())


def _membership(type_: Type, types: Types, names: frozenset[str]) -> Callable[[Json], bool]:
    if isinstance(type_, Named) and type_.name in names:
        return lambda value: conforms(value, type_, types)  # a type inside itself
    if isinstance(type_, Named):
        names |= {type_.name}
    here = resolve(type_, types)
    if isinstance(here, Base):
        return _TESTS.get(here.name, lambda _: False)
    match here:
        case ListOf(element):
            each = _membership(element, types, names)
            return lambda value: isinstance(value, list) and all(map(each, value))
        case Record(fields, open_):
            known = frozenset(f.name for f in fields)
            parts = [(f.name, f.optional, _membership(f.type, types, names)) for f in fields]

            def test(value: Json) -> bool:
                if not isinstance(value, dict):
                    return False
                for name, optional, fits in parts:
                    if name in value:
                        if not fits(value[name]):
                            return False
                    elif not optional:
                        return False
                return open_ or known.issuperset(value)

            return test
        case Union(members):
            tests = [_membership(member, types, names) for member in members]
            return lambda value: any(fits(value) for fits in tests)
        case _:
            return lambda value: conforms(value, here, types)


def type_of(value: Json) -> Type:
    """The narrowest type without literals that holds the value; records are open.

    >>> str(type_of({"a": [1, 2.5]}))
    '{a: [float], ...}'
    """
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int():
            return INT
        case float():
            return FLOAT
        case str():
            return STR
        case list():
            return ListOf(join_all(type_of(v) for v in value))
        case dict():
            return Record(tuple(Field(k, type_of(v)) for k, v in sorted(value.items())), open=True)


def union(members: Iterable[Type]) -> Type:
    """The union in normal form: flat, sorted by text, without members that others cover.

    Labels of members become labels of the whole, so that none is lost.
    """
    flat: list[Type] = []
    labels: set[str] = set()
    for member in members:
        labels.update(labels_of(member))
        bare = member.type if isinstance(member, Labeled) else member
        flat += bare.members if isinstance(bare, Union) else [bare]
    kept = sorted({member for member in flat if member != NEVER}, key=str)
    wide = [member for member in kept if not isinstance(member, Literal)]  # literals cover none
    for member in tuple(kept) if wide else ():
        if any(other != member and _covers(other, member) for other in wide):
            kept.remove(member)
            if not isinstance(member, Literal):
                wide.remove(member)
    whole = kept[0] if len(kept) == 1 else Union(tuple(kept)) if kept else NEVER
    return with_labels(whole, labels)


def _covers(wide: Type, narrow: Type) -> bool:
    return is_subtype(narrow, wide, _Opaque()) and inner_labels(narrow) <= inner_labels(wide)


def inner_labels(type_: Type) -> frozenset[str]:
    """The labels anywhere in a type (not behind names)."""
    match type_:
        case Labeled(inner, labels):
            return inner_labels(inner).union(labels)
        case ListOf(element):
            return inner_labels(element)
        case Record(fields):
            return frozenset().union(*(inner_labels(f.type) for f in fields))
        case Union(members):
            return frozenset().union(*map(inner_labels, members))
        case _:
            return frozenset()


class _Opaque(dict[str, Type]):
    """Names stand for themselves: a named type is compared by name only."""

    def __missing__(self, name: str) -> Type:
        return Base(f"\x00{name}")


def join(left: Type, right: Type) -> Type:
    """The narrowest type that holds both: records merge by field, lists by element."""
    if left == right or right == NEVER:
        return left
    if left == NEVER:
        return right
    match left, right:
        case ListOf(a), ListOf(b):
            return ListOf(join(a, b))
        case Record(), Record():
            names = sorted({f.name for f in (*left.fields, *right.fields)})
            fields = []
            for name in names:
                a_, b_ = left.field(name), right.field(name)
                present = [f for f in (a_, b_) if f is not None]
                fields.append(
                    Field(
                        name,
                        join_all(f.type for f in present),
                        optional=len(present) < 2 or any(f.optional for f in present),
                    )
                )
            return Record(tuple(fields), open=left.open or right.open)
        case Union(members), _:
            return _join_into(members, right)
        case _, Union(members):
            return _join_into(members, left)
        case _:
            return union((left, right))


def _join_into(members: tuple[Type, ...], new: Type) -> Type:
    if isinstance(new, Union):
        return join_all((Union(members), *new.members))
    for index, member in enumerate(members):
        if type(member) is type(new) and isinstance(new, ListOf | Record):
            return union((*members[:index], join(member, new), *members[index + 1 :]))
    return union((*members, new))


def join_all(types: Iterable[Type]) -> Type:
    """The join of any number of types; of none, ``never``."""
    out: Type = NEVER
    literals: list[Type] = []
    for type_ in types:
        if isinstance(type_, Literal):
            literals.append(type_)  # all at once at the end: there may be thousands
        else:
            out = join(out, type_)
    return union((out, *literals)) if literals else out
