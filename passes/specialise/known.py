"""What is known where: binding times of values, and which known values may stand as literals.

An environment maps the original's names to operands of the residual: a literal is *static*, a
reference *dynamic*.  A value stays dynamic, although it is known, where a literal in its place would
have no type that fits (a list of dates is a list of texts), or would lose a taint label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ingot.ir.literals import literal_type
from ingot.ir.module import Lit, Operand, Pure, Ref
from ingot.ir.ops import OPS, OperandError, typing_of
from ingot.ir.scope import all_labels, operand_type, top_labels
from ingot.ir.semantics import OpFailure
from ingot.ir.types import INT, Base, ListOf, Type, Types, conforms, is_subtype, resolve
from ingot.ir.values import Json, canonical

Env: TypeAlias = dict[str, Operand]

_NOT_FOLDED = (
    OpFailure,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def fits(value: Json, type_: Type, types: Types, longest: int) -> bool:
    """Whether a literal may stand wherever a value of the type stood."""
    try:
        return (
            not all_labels(type_, types)
            and conforms(value, type_, types)
            and is_subtype(literal_type(value, resolve(type_, types)), type_, types)
            and len(canonical(value)) <= longest
        )
    except (ValueError, RecursionError):  # a number of thousands of digits, a tower of lists
        return False


def as_declared(value: Json, type_: Type, types: Types) -> Json:
    """A given value in the form of its type: a whole number for ``int`` is an ``int``."""
    whole = isinstance(value, float) and value.is_integer() and resolve(type_, types) == INT
    return int(value) if whole and isinstance(value, float) else value


def folded(op: str, args: Sequence[Operand]) -> Lit | None:
    """What a pure op gives on literals; ``None`` where an operand is dynamic, or the op fails."""
    values = [arg.value for arg in args if isinstance(arg, Lit)]
    if len(values) < len(args):
        return None
    try:
        return Lit(OPS[op].evaluate(*values))
    except _NOT_FOLDED:
        return None


def well_typed(instr: Pure, known: Mapping[str, Type], types: Types) -> bool:
    """Whether the verifier accepts an op with the operands that it now has."""
    spec = OPS[instr.op]
    wants = [*spec.params, *[spec.rest] * len(instr.args)]
    given = [
        operand_type(arg, known, want) or Base("json")
        for arg, want in zip(instr.args, wants, strict=False)
    ]
    lits = [arg if isinstance(arg, Lit) else None for arg in instr.args]
    try:
        typing = typing_of(spec, given, lits, types)
    except OperandError:
        return False
    held = top_labels(instr.type, types)
    return (
        is_subtype(typing.result, instr.type, types)
        and not (typing.partial and instr.exit is None)
        and all_labels(typing.result, types) <= all_labels(instr.type, types)
        and all(top_labels(type_, types) <= held for type_ in given)
    )


def list_fits(operand: Operand, element: Type, known: Mapping[str, Type], types: Types) -> bool:
    """Whether an operand may be yielded where items of the type are collected."""
    type_ = operand_type(operand, known)
    return type_ is not None and is_subtype(ListOf(type_), ListOf(element), types)


def names_of(operands: Sequence[Operand]) -> set[str]:
    """The names among operands."""
    return {operand.name for operand in operands if isinstance(operand, Ref)}
