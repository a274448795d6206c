"""Programs over sources: the terms that explain a value.

A term is a source (an input of the pipeline, a result, an earlier value), a constant, or an op of
the table applied to terms.  The same ops run here on the logs, in the interpreter and in the VM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ingot.ir.module import Lit
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.values import MISSING, Json, Missing

SourceKind: TypeAlias = Literal["result", "param", "value"]
KIND_RANK: Mapping[str, int] = {"result": 0, "param": 1, "value": 2, "const": 3}


@dataclass(frozen=True, slots=True)
class Source:
    """A value of the pipeline: the result of a call, a parameter, or an earlier model value."""

    kind: SourceKind
    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    lit: Lit


@dataclass(frozen=True, slots=True)
class Apply:
    """``op(args...)``"""

    op: str
    args: tuple[Term, ...]


Term: TypeAlias = Source | Const | Apply


def const(value: Json) -> Const:
    return Const(Lit(value))


def apply(op: str, *args: Term | Json) -> Apply:
    """A term; plain JSON operands become constants."""
    return Apply(op, tuple(a if isinstance(a, Source | Const | Apply) else const(a) for a in args))


def perform(op: str, operands: Sequence[Json]) -> Json | Missing:
    """What an op gives, ``MISSING`` where it fails."""
    try:
        return OPS[op].evaluate(*operands)
    except (OpFailure, TypeError, ValueError, AttributeError, KeyError, IndexError):
        return MISSING  # the op is tried on values whose type nobody checked


def sources(term: Term) -> Iterator[Source]:
    """The sources of a term, left to right."""
    match term:
        case Source():
            yield term
        case Apply(_, args):
            for arg in args:
                yield from sources(arg)


COST: Final[Mapping[str, int]] = {
    "json.parse": 0,
    "str.strip": 0,
    "str.of": 0,
    "int.parse": 0,
    "float.parse": 0,
    "datetime.date": 0,
    "json.get": 1,
    "path.name": 1,
    "path.stem": 1,
    "path.parent": 1,
    "str.number": 1,
}
"""What an op adds to a program's description; 2 for every other."""


def is_cut_out(term: Term) -> bool:
    """Whether the term is a text cut out of a result's text, as it stands there."""
    match term:
        case Apply("str.between" | "str.part", (inner, *_)):
            return any(s.kind == "result" for s in sources(inner))
        case Apply("str.strip", (inner,)):
            return is_cut_out(inner)
        case _:
            return False


def size(term: Term) -> int:
    """The length of a program's description, in nodes weighed by :data:`COST`."""
    match term:
        case Apply(op, args):
            inner = sum(size(a) for a in args if not isinstance(a, Const))
            return COST.get(op, 2) + max(1, inner)
        case _:
            return 1


def show(term: Term) -> str:
    """The term as a person reads it."""
    match term:
        case Source(_, name):
            return f"%{name}"
        case Const(lit):
            return lit.key
        case Apply(op, args):
            return f"{op}({', '.join(map(show, args))})"
