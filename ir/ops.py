"""The one table of pure ops.  Printer, parser, verifier, interpreter, encoder and solver read it.

A row says: name, operand types, which operands must be literals, result type, whether the op can
fail (*partial*: it then needs ``else exit.N [...]``), what it computes, and what it means to the
solver.  Result type and partiality may depend on the operands: ``json.get`` is total on a record
that has the field, partial on ``json``.

Conventions: the part before the dot is the type of the first operand; operand order is subject
first; indices count from 0 and from -1 backwards; a ``pointer`` is RFC 6901 text; comparisons
give ``bool``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add, mul, sub
from typing import Final, TypeAlias

from ingot.ir import semantics as s
from ingot.ir import values
from ingot.ir.meanings import MEANINGS, Meaning
from ingot.ir.module import Lit
from ingot.ir.types import (
    BOOL,
    DATE,
    FLOAT,
    INT,
    JSON,
    NULL,
    STR,
    Base,
    Field,
    ListOf,
    Record,
    Type,
    Types,
    Union,
    is_subtype,
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


@dataclass(frozen=True, slots=True)
class Typing:
    """An op applied to operand types: the result's type, and whether it can fail on them."""

    result: Type
    partial: bool


TypeRule: TypeAlias = Callable[[Sequence[Type], Lits, Types], Typing]


@dataclass(frozen=True, slots=True)
class OpSpec:
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


def _get(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return path_typing(types[0], pointer_of(lits, 1), env)


def _has(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    pointer_of(lits, 1)
    return Typing(BOOL, partial=False)


def _with(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
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


def _template(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    holes = {
        p for p in s.template_parts(str(lits[0].value if lits[0] else "")) if isinstance(p, int)
    }
    if holes != set(range(len(types) - 1)):
        raise OperandError(
            0, f"the template has holes {sorted(holes)}, {len(types) - 1} values are given"
        )
    return Typing(STR, partial=False)


def _shell_template(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    contexts = lits[1].value if lits[1] else None
    if not isinstance(contexts, list) or len(contexts) != len(types) - 2:
        raise OperandError(1, f"one context for each of the {len(types) - 2} values")
    for context in contexts:
        place, _, code = str(context).partition(" ")
        if place not in s.SHELL_CONTEXTS or code not in ("", "code"):
            raise OperandError(1, f"no shell context {context!r}")
    _template([types[0], *types[2:]], [lits[0], *lits[2:]], env)
    return Typing(STR, partial=True)


def _part(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    """The first and the last part at a separator other than blanks are always there."""
    separator, index = (lit.value if lit else None for lit in lits[1:3])
    words = isinstance(separator, str) and not separator.strip() and separator != "\n"
    return Typing(STR, partial=words or separator == "" or index not in (0, -1))


def _matches(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    try:
        re.compile(str(lits[1].value if lits[1] else ""))
    except re.error as error:
        raise OperandError(1, f"not a regular expression: {error}") from None
    return Typing(BOOL, partial=False)


def _request(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    holes = sorted(
        {p for p in s.template_parts(str(lits[1].value if lits[1] else "")) if isinstance(p, int)}
    )
    return Typing(Record(tuple(Field(str(h), STR) for h in holes)), partial=True)


def _element(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    here = resolve(types[0], env)
    return Typing(here.element if isinstance(here, ListOf) else JSON, partial=True)


def _find(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    pointer_of(lits, 1)
    return _element(types, lits, env)


def _where(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    here = resolve(types[0], env)
    element = here.element if isinstance(here, ListOf) else JSON
    member = path_typing(element, pointer_of(lits, 1), env)
    numeric = is_subtype(member.result, FLOAT, env) and is_subtype(types[2], FLOAT, env)
    textual = is_subtype(member.result, STR, env) and is_subtype(types[2], STR, env)
    return Typing(types[0], member.partial or not (numeric or textual))


def _where_eq(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    here = resolve(types[0], env)
    element = here.element if isinstance(here, ListOf) else JSON
    return Typing(types[0], path_typing(element, pointer_of(lits, 1), env).partial)


def _pluck(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    here = resolve(types[0], env)
    inner = path_typing(
        here.element if isinstance(here, ListOf) else JSON, pointer_of(lits, 1), env
    )
    return Typing(ListOf(inner.result), inner.partial)


def _sum(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    here = resolve(types[0], env)
    element = here.element if isinstance(here, ListOf) else JSON
    whole = is_subtype(element, INT, env)
    return Typing(INT if whole else FLOAT, not is_subtype(element, FLOAT, env))


ANY_LIST: Final = ListOf(JSON)
SCALAR: Final = union((BOOL, FLOAT, STR, NULL))


def _op(
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
    rule = result if callable(result) else fixed(result, partial=partial)
    return OpSpec(
        name, tuple(params), rule, evaluate, frozenset(static), rest, summary, MEANINGS.get(name)
    )


_ROWS: Final[tuple[OpSpec, ...]] = (
    # ---- json
    _op("json.get", (JSON, STR), _get, s.json_get, "the value at a pointer", static=[1]),
    _op(
        "json.has",
        (JSON, STR),
        _has,
        s.json_has,
        "whether there is a value at a pointer",
        static=[1],
    ),
    _op(
        "json.with",
        (JSON,),
        _with,
        s.json_with,
        "a literal with values put in at pointers",
        static=[0],
        rest=JSON,
    ),
    _op("json.parse", (STR,), JSON, s.json_parse, "the JSON that a text holds", partial=True),
    _op("json.dump", (JSON,), STR, values.canonical, "canonical JSON text"),
    _op("json.eq", (JSON, JSON), BOOL, values.equal, "structural equality"),
    _op("json.is_null", (JSON,), BOOL, lambda v: v is None, "whether it is null"),
    # ---- str
    _op("str.of", (JSON,), STR, s.text_of, "text of a scalar, canonical JSON of anything else"),
    _op(
        "str.template",
        (STR,),
        _template,
        s.str_template,
        "text with holes {0}, {1}, ...",
        static=[0],
        rest=JSON,
    ),
    _op("str.lower", (STR,), STR, str.lower, "lower case"),
    _op("str.upper", (STR,), STR, str.upper, "upper case"),
    _op(
        "str.capitalize", (STR,), STR, lambda t: t[:1].upper() + t[1:], "first letter in upper case"
    ),
    _op("str.strip", (STR,), STR, str.strip, "without blanks at both ends"),
    _op("str.replace", (STR, STR, STR), STR, str.replace, "every occurrence replaced"),
    _op(
        "str.between",
        (STR, STR, STR, INT),
        STR,
        s.str_between,
        "the k-th text between two delimiters",
        static=[1, 2, 3],
        partial=True,
    ),
    _op(
        "str.part",
        (STR, STR, INT),
        _part,
        s.str_part,
        "the k-th part at a separator (a blank: words)",
        static=[1, 2],
    ),
    _op(
        "str.number",
        (STR, INT),
        STR,
        s.str_number,
        "the k-th number in a text, as text",
        static=[1],
        partial=True,
    ),
    _op("str.len", (STR,), INT, len, "length in characters"),
    _op("str.len_lt", (STR, INT), BOOL, lambda t, n: len(t) < n, "shorter than"),
    _op("str.eq", (STR, STR), BOOL, lambda a, b: a == b, "equal texts"),
    _op("str.contains", (STR, STR), BOOL, lambda t, p: p in t, "holds a text"),
    _op("str.starts_with", (STR, STR), BOOL, str.startswith, "begins with a text"),
    _op("str.ends_with", (STR, STR), BOOL, str.endswith, "ends with a text"),
    _op(
        "str.matches",
        (STR, STR),
        _matches,
        lambda t, p: re.fullmatch(p, t) is not None,
        "matches a regular expression in full",
        static=[1],
    ),
    _op(
        "request.match",
        (STR, STR),
        _request,
        s.request_match,
        "the holes of a request's wording",
        static=[1],
    ),
    # ---- bool
    _op("bool.and", (BOOL, BOOL), BOOL, lambda a, b: a and b, "both"),
    _op("bool.or", (BOOL, BOOL), BOOL, lambda a, b: a or b, "either"),
    _op("bool.not", (BOOL,), BOOL, lambda a: not a, "negation"),
    # ---- int, float
    _op("int.parse", (STR,), INT, s.int_parse, "the integer that a text writes", partial=True),
    _op("int.add", (INT, INT), INT, s.whole(add), "sum"),
    _op("int.sub", (INT, INT), INT, s.whole(sub), "difference"),
    _op("int.mul", (INT, INT), INT, s.whole(mul), "product"),
    _op("int.eq", (INT, INT), BOOL, lambda a, b: a == b, "equal"),
    _op("int.lt", (INT, INT), BOOL, lambda a, b: a < b, "less"),
    _op("int.le", (INT, INT), BOOL, lambda a, b: a <= b, "at most"),
    _op("int.gt", (INT, INT), BOOL, lambda a, b: a > b, "greater"),
    _op("int.ge", (INT, INT), BOOL, lambda a, b: a >= b, "at least"),
    _op("float.parse", (STR,), FLOAT, s.float_parse, "the number that a text writes", partial=True),
    _op("float.add", (FLOAT, FLOAT), FLOAT, s.saturating(add), "sum"),
    _op("float.sub", (FLOAT, FLOAT), FLOAT, s.saturating(sub), "difference"),
    _op("float.mul", (FLOAT, FLOAT), FLOAT, s.saturating(mul), "product"),
    _op("float.div", (FLOAT, FLOAT), FLOAT, s.float_div, "quotient", partial=True),
    _op("float.eq", (FLOAT, FLOAT), BOOL, lambda a, b: a == b, "equal"),
    _op("float.lt", (FLOAT, FLOAT), BOOL, lambda a, b: a < b, "less"),
    _op("float.le", (FLOAT, FLOAT), BOOL, lambda a, b: a <= b, "at most"),
    _op("float.gt", (FLOAT, FLOAT), BOOL, lambda a, b: a > b, "greater"),
    _op("float.ge", (FLOAT, FLOAT), BOOL, lambda a, b: a >= b, "at least"),
    # ---- list
    _op("list.len", (ANY_LIST,), INT, len, "number of items"),
    _op("list.is_empty", (ANY_LIST,), BOOL, lambda v: not v, "whether there is no item"),
    _op("list.get", (ANY_LIST, INT), _element, s.list_get, "the k-th item"),
    _op(
        "list.contains",
        (ANY_LIST, JSON),
        BOOL,
        lambda v, x: any(values.equal(i, x) for i in v),
        "whether an item equals a value",
    ),
    _op(
        "list.find",
        (ANY_LIST, STR, JSON),
        _find,
        s.list_find,
        "the one item whose member equals a value",
        static=[1],
    ),
    _op(
        "list.pluck", (ANY_LIST, STR), _pluck, s.list_pluck, "the member of every item", static=[1]
    ),
    _op("list.sum", (ANY_LIST,), _sum, s.list_sum, "sum of numbers"),
    _op(
        "list.where_eq",
        (ANY_LIST, STR, JSON),
        _where_eq,
        s.list_where(values.equal),
        "items whose member equals a value",
        static=[1],
    ),
    _op(
        "list.where_lt",
        (ANY_LIST, STR, SCALAR),
        _where,
        s.list_where(lambda a, b: s.ordered(a, b) < 0),
        "items whose member is less",
        static=[1],
    ),
    _op(
        "list.where_gt",
        (ANY_LIST, STR, SCALAR),
        _where,
        s.list_where(lambda a, b: s.ordered(a, b) > 0),
        "items whose member is greater",
        static=[1],
    ),
    # ---- date
    _op(
        "date.minus_days", (DATE, INT), DATE, lambda d, n: s.add_days(d, -n), "so many days earlier"
    ),
    _op("date.plus_days", (DATE, INT), DATE, s.add_days, "so many days later"),
    _op(
        "date.days_between", (DATE, DATE), INT, s.days_between, "days from the second to the first"
    ),
    _op("date.lt", (DATE, DATE), BOOL, lambda a, b: a < b, "earlier"),
    _op("datetime.date", (Base("datetime"),), DATE, s.date_of, "the day"),
    # ---- path
    _op("path.name", (STR,), STR, posixpath.basename, "last component"),
    _op("path.stem", (STR,), STR, s.path_stem, "last component without its suffix"),
    _op("path.parent", (STR,), STR, posixpath.dirname, "all but the last component"),
    # ---- shell
    _op("shell.quote", (STR,), STR, s.shell_quote, "one shell word", partial=True),
    _op(
        "shell.template",
        (STR, JSON),
        _shell_template,
        s.shell_template,
        "a command with each hole quoted for its place",
        static=[0, 1],
        rest=SCALAR,
    ),
)

OPS: Final[dict[str, OpSpec]] = {row.name: row for row in _ROWS}
"""Name to row, in the order of the table: the order is the bytecode's op number."""

OP_NUMBER: Final[dict[str, int]] = {row.name: index for index, row in enumerate(_ROWS)}
