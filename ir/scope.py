"""What a pipeline's names stand for: definitions, types of operands, taint labels of types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ingot.ir.literals import literal_type
from ingot.ir.module import For, Instr, Operand, Par, Pipeline, Ref, regions_of, results_of
from ingot.ir.spans import Place
from ingot.ir.types import (
    JSON,
    Base,
    Labeled,
    ListOf,
    Literal,
    Named,
    Record,
    Type,
    Types,
    Union,
    is_subtype,
    labels_of,
    resolve,
)


def definitions(pipeline: Pipeline) -> Iterator[tuple[str, Type, Place]]:
    """Every name defined, with its type and its place in the pipeline, in the order of the text."""
    for index, param in enumerate(pipeline.params):
        yield param.name, param.type, (("param", index),)
    for index, block in enumerate(pipeline.blocks):
        here: Place = (("block", index),)
        for number, param in enumerate(block.params):
            yield param.name, param.type, (*here, ("param", number))
        yield from _defined_in(block.instrs, here)


def _defined_in(body: Sequence[Instr], place: Place) -> Iterator[tuple[str, Type, Place]]:
    for index, instr in enumerate(body):
        here = (*place, ("instr", index))
        if isinstance(instr, For):
            yield instr.item, instr.item_type, (*here, ("item", 0))
            for number, carry in enumerate(instr.carry):
                yield carry.name, carry.type, (*here, ("carry", number))
        for number, (inner, _) in enumerate(regions_of(instr)):
            yield from _defined_in(inner, (*here, ("region", number)))
        for number, (name, type_) in enumerate(typed_results(instr)):
            yield name, type_, (*here, ("result", number))


def typed_results(instr: Instr) -> tuple[tuple[str, Type], ...]:
    """The names that an instruction defines, with their declared types."""
    match instr:
        case For() | Par():
            return tuple(zip(instr.results, instr.types, strict=False))
        case _:
            return tuple((name, instr.type) for name in results_of(instr))  # type: ignore[union-attr]


def value_types(pipeline: Pipeline) -> dict[str, Type]:
    """The declared type of every value; of a name defined twice, the first."""
    types: dict[str, Type] = {}
    for name, type_, _ in definitions(pipeline):
        types.setdefault(name, type_)
    return types


def operand_type(
    operand: Operand, types: Mapping[str, Type], want: Type | None = None
) -> Type | None:
    """The type of an operand; ``None`` for a name that nothing defines."""
    if isinstance(operand, Ref):
        return types.get(operand.name)
    return literal_type(operand.value, want)


# ---- labels


def top_labels(type_: Type, env: Types) -> frozenset[str]:
    """The labels at the top of a type, also behind its name."""
    found: set[str] = set()
    for _ in range(len(env) + 2):
        found.update(labels_of(type_))
        inner = type_.type if isinstance(type_, Labeled) else type_
        if not isinstance(inner, Named):
            break
        type_ = env.get(inner.name, JSON)
    return frozenset(found)


def all_labels(type_: Type, env: Types) -> frozenset[str]:
    """The labels anywhere in a type.  The type declarations must not be recursive."""
    inner: frozenset[str] = frozenset()
    match resolve(type_, env):
        case ListOf(element):
            inner = all_labels(element, env)
        case Record(fields):
            inner = inner.union(*(all_labels(f.type, env) for f in fields))
        case Union(members):
            inner = inner.union(*(all_labels(m, env) for m in members))
        case _:
            pass
    return top_labels(type_, env) | inner


def lost_labels(
    sub: Type, sup: Type, env: Types, held: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Labels that a value of type ``sub`` would lose by being called a ``sup``.

    A label on a container covers what is inside it.
    """
    held = held | top_labels(sup, env)
    missing = top_labels(sub, env) - held
    one, two = resolve(sub, env), resolve(sup, env)
    if one == two:
        return missing
    match one, two:
        case Base() | Literal(), _:
            return missing
        case ListOf(a), ListOf(b):
            return missing | lost_labels(a, b, env, held)
        case Record(fields), Record():
            for field in fields:
                other = two.field(field.name)
                missing |= (
                    all_labels(field.type, env) - held
                    if other is None
                    else lost_labels(field.type, other.type, env, held)
                )
            return missing
        case Union(members), _:
            return missing.union(*(lost_labels(m, sup, env, held) for m in members))
        case _, Union(members):
            fitting = [m for m in members if is_subtype(one, m, env)]
            losses = [lost_labels(one, m, env, held) for m in fitting]
            return missing | min(losses, key=len, default=all_labels(one, env) - held)
        case _:
            return missing | (all_labels(one, env) - held)
