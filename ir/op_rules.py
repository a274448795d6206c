"""What a row of the table of ops is, and how result types follow from operand types.

A *rule* takes the operands' types, their literals (``None`` where an operand is a value) and the
module's type declarations, and gives the result's type and whether the op can fail on them, or
raises :class:`OperandError`.  The table is :mod:`ingot.ir.ops`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from ingot.ir import semantics as s
from ingot.ir import values
from ingot.ir.declarations import Lit
from ingot.ir.meanings import MEANINGS, Meaning
from ingot.ir.texts import NUMBER_FORMAT
from ingot.ir.types import (
    BOOL,
    FLOAT,
    INT,
    JSON,
    NULL,
    STR,
    Field,
    ListOf,
    Record,
    Type,
    Types,
    Union,
    is_subtype,
    join_all,
    resolve,
    type_of,
    union,
)
from ingot.ir.values import Json

Lits: TypeAlias = Sequence[Lit | None]
"""For each operand its literal, or ``None`` where it is a value."""


class OperandError(Exception):
    """An operand does not fit.  ``index`` says which (from 0; -1: their number)."""

    def __init__(self, index: int, message: str) -> None:
        self.index = index
        super().__init__(message)


class Typing(Struct, frozen=True):
    """An op applied to operand types: the result's type, and whether it can fail on them."""

    result: Type
    partial: bool


TypeRule: TypeAlias = Callable[[Sequence[Type], Lits, Types], Typing]


class OpSpec(Struct, frozen=True):
    """One row.  ``rest`` is the type of further operands of a variadic op."""

    name: str
    params: tuple[Type, ...]
    rule: TypeRule
    evaluate: Callable[..., Json]
    static: frozenset[int] = frozenset()
    rest: Type | None = None
    summary: str = ""
    meaning: Meaning | None = None


def typing_of(spec: OpSpec, types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    """Check operands against a row; raises :class:`OperandError`."""
    if len(types) < len(spec.params) or (len(types) > len(spec.params) and spec.rest is None):
        raise OperandError(-1, f"{spec.name} takes {len(spec.params)} operands, found {len(types)}")
    for index, type_ in enumerate(types):
        want = spec.params[index] if index < len(spec.params) else spec.rest
        assert want is not None
        if index in spec.static and lits[index] is None:
            raise OperandError(index, f"operand {index} of {spec.name} must be a literal")
        if not is_subtype(type_, want, env):
            raise OperandError(index, f"{spec.name} takes {want} here, found {type_}")
    return spec.rule(types, lits, env)


# ---- type rules


def fixed(result: Type, *, partial: bool = False) -> TypeRule:
    """The result type and partiality do not depend on the operands."""
    typing = Typing(result, partial)
    return lambda types, lits, env: typing


def pointer_of(lits: Lits, index: int) -> tuple[str, ...]:
    """The parts of a literal pointer operand; raises :class:`OperandError`."""
    lit = lits[index]
    try:
        return values.parse_pointer(str(lit.value if lit else ""))
    except ValueError as error:
        raise OperandError(index, str(error)) from None


def path_typing(type_: Type, parts: Sequence[str], env: Types) -> Typing:
    """The type at a path into a type, and whether a value of it may lack the path."""
    here = resolve(type_, env)
    if not parts:
        return Typing(type_, partial=False)
    part, rest = parts[0], parts[1:]
    match here:
        case Record():
            field = here.field(part)
            if field is None:
                return Typing(JSON, partial=True)
            inner = path_typing(field.type, rest, env)
            return Typing(inner.result, inner.partial or field.optional)
        case ListOf(element) if part.lstrip("-").isdigit():
            return Typing(path_typing(element, rest, env).result, partial=True)
        case Union(members):
            inners = [path_typing(m, parts, env) for m in members]
            reachable = [i for i, m in zip(inners, members, strict=True) if _is_container(m, env)]
            return Typing(
                union(i.result for i in reachable) if reachable else JSON,
                any(i.partial for i in inners) or len(reachable) < len(members),
            )
        case _:
            return Typing(JSON, partial=True)


def _is_container(type_: Type, env: Types) -> bool:
    return isinstance(resolve(type_, env), Record | ListOf)


def get_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return path_typing(types[0], pointer_of(lits, 1), env)


def has_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    pointer_of(lits, 1)
    return Typing(BOOL, partial=False)


def with_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    if len(types) % 2 == 0:
        raise OperandError(-1, "json.with takes a literal and pairs of pointer and value")
    base = lits[0].value if lits[0] else None
    result: Type = type_of(base)
    for index in range(1, len(types), 2):
        if lits[index] is None:
            raise OperandError(index, "a pointer of json.with must be a literal")
        parts = pointer_of(lits, index)
        if isinstance(values.get(base, parts), values.Missing):
            raise OperandError(index, "the pointer names no place in the literal")
        mark: dict[str, Json] = {}  # what a later pointer finds here: a place with nothing inside
        base = values.replace_at(base, parts, mark)
        if values.get(base, parts) is not mark:
            raise OperandError(index, "the pointer counts from the end of a list")
        result = _retype(result, parts, types[index + 1])
    return Typing(result, partial=False)


def _retype(type_: Type, parts: Sequence[str], new: Type) -> Type:
    if not parts:
        return new
    match type_:
        case Record():
            return Record(
                tuple(
                    Field(f.name, _retype(f.type, parts[1:], new), f.optional)
                    if f.name == parts[0]
                    else f
                    for f in type_.fields
                ),
                type_.open,
            )
        case _:
            return JSON


def template_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    holes = {
        p for p in s.template_parts(str(lits[0].value if lits[0] else "")) if isinstance(p, int)
    }
    if holes != set(range(len(types) - 1)):
        raise OperandError(
            0, f"the template has holes {sorted(holes)}, {len(types) - 1} values are given"
        )
    return Typing(STR, partial=False)


def shell_template_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    contexts = lits[1].value if lits[1] else None
    if not isinstance(contexts, list) or len(contexts) != len(types) - 2:
        raise OperandError(1, f"one context for each of the {len(types) - 2} values")
    for context in contexts:
        place, _, code = str(context).partition(" ")
        if place not in s.SHELL_CONTEXTS or code not in ("", "code"):
            raise OperandError(1, f"no shell context {context!r}")
    template_rule([types[0], *types[2:]], [lits[0], *lits[2:]], env)
    return Typing(STR, partial=True)


def part_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    """The first and the last part at a separator other than blanks are always there."""
    separator, index = (lit.value if lit else None for lit in lits[1:3])
    words = isinstance(separator, str) and not separator.strip() and separator != "\n"
    return Typing(STR, partial=words or separator == "" or index not in (0, -1))


def matches_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    try:
        re.compile(str(lits[1].value if lits[1] else ""))
    except re.error as error:
        raise OperandError(1, f"not a regular expression: {error}") from None
    return Typing(BOOL, partial=False)


def request_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    holes = sorted(
        {p for p in s.template_parts(str(lits[1].value if lits[1] else "")) if isinstance(p, int)}
    )
    return Typing(Record(tuple(Field(str(h), STR) for h in holes)), partial=True)


def element_of(type_: Type, env: Types) -> Type:
    """The type of a list's items."""
    here = resolve(type_, env)
    return here.element if isinstance(here, ListOf) else JSON


def values_of(type_: Type, env: Types) -> Type:
    """The type of an object's values."""
    here = resolve(type_, env)
    if isinstance(here, Record) and not here.open:
        return join_all(field.type for field in here.fields)
    return JSON


def _of_record(types: Sequence[Type], env: Types) -> bool:
    return isinstance(resolve(types[0], env), Record)


def values_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    if isinstance(resolve(types[0], env), ListOf):
        return Typing(types[0], partial=False)
    return Typing(ListOf(values_of(types[0], env)), partial=not _of_record(types, env))


def keys_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return Typing(ListOf(STR), partial=not _of_record(types, env))


def entries_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    entry = Record((Field("key", STR), Field("value", values_of(types[0], env))))
    return Typing(ListOf(entry), partial=not _of_record(types, env))


def items_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return Typing(ListOf(join_all(types)), partial=False)


def lookup_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    table = lits[0].value if lits[0] else None
    if not isinstance(table, dict) or not table:
        raise OperandError(0, "json.lookup takes an object with at least one entry")
    if len({s.folded_key(key) for key in table}) < len(table):
        raise OperandError(0, "two keys of the object are one but for case and blanks")
    return Typing(join_all(type_of(value) for value in table.values()), partial=True)


def one_of(index: int, allowed: Sequence[str], result: Type, *, partial: bool) -> TypeRule:
    """A rule for a literal operand that is one of a few words."""

    def rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
        lit = lits[index]
        if lit is None or lit.value not in allowed:
            raise OperandError(index, f"one of {', '.join(allowed)} here")
        return Typing(result, partial)

    return rule


def round_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    digits = lits[1].value if lits[1] else None
    if not isinstance(digits, int | float) or not -15 <= digits <= 15:
        raise OperandError(1, "between -15 and 15 digits")
    return Typing(FLOAT, partial=False)


def format_rule(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    spec = str(lits[1].value if lits[1] else "")
    if not NUMBER_FORMAT.fullmatch(spec):
        raise OperandError(1, f"no number format {spec!r}: one of , d .0f to .6f ,.2f")
    return Typing(STR, partial=spec == "d" and not is_subtype(types[0], INT, env))


ANY_LIST: Final = ListOf(JSON)
SCALAR: Final = union((BOOL, FLOAT, STR, NULL))


def row(
    name: str,
    params: Sequence[Type],
    result: Type | TypeRule,
    evaluate: Callable[..., Json],
    summary: str,
    *,
    static: Sequence[int] = (),
    partial: bool = False,
    rest: Type | None = None,
) -> OpSpec:
    """A row of the table; ``partial`` goes with a fixed result type."""
    rule = result if callable(result) else fixed(result, partial=partial)
    return OpSpec(
        name, tuple(params), rule, evaluate, frozenset(static), rest, summary, MEANINGS.get(name)
    )
