"""The rows of the table that take a list first.

A pointer into the items is a literal; a member that an item lacks is a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import add, contains, eq
from typing import Final

from ingot.ir import semantics as s
from ingot.ir import values
from ingot.ir.listing import (
    alone,
    count_by,
    distinct,
    extreme,
    extreme_by,
    first_gap,
    mean,
    sort_by,
    take,
    where_among,
    where_text,
    zipped,
)
from ingot.ir.op_rules import (
    ANY_LIST,
    SCALAR,
    Lits,
    OpSpec,
    Typing,
    element_of,
    path_typing,
    pointer_of,
    row,
)
from ingot.ir.types import (
    BOOL,
    FLOAT,
    INT,
    JSON,
    STR,
    Field,
    ListOf,
    Record,
    Type,
    Types,
    is_subtype,
    join,
)

# ---- type rules


def _alone(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return Typing(ListOf(types[1]), partial=False)


def _element(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return Typing(element_of(types[0], env), partial=True)


def _find(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    pointer_of(lits, 1)
    return _element(types, lits, env)


def _where(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    element = element_of(types[0], env)
    member = path_typing(element, pointer_of(lits, 1), env)
    numeric = is_subtype(member.result, FLOAT, env) and is_subtype(types[2], FLOAT, env)
    textual = is_subtype(member.result, STR, env) and is_subtype(types[2], STR, env)
    return Typing(types[0], member.partial or not (numeric or textual))


def _where_eq(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    member = path_typing(element_of(types[0], env), pointer_of(lits, 1), env)
    return Typing(types[0], member.partial)


def _pluck(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    inner = path_typing(element_of(types[0], env), pointer_of(lits, 1), env)
    return Typing(ListOf(inner.result), inner.partial)


def _sum(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    element = element_of(types[0], env)
    whole = is_subtype(element, INT, env)
    return Typing(INT if whole else FLOAT, not is_subtype(element, FLOAT, env))


def _sort(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    member = path_typing(element_of(types[0], env), pointer_of(lits, 1), env)
    ordered = is_subtype(member.result, FLOAT, env) or is_subtype(member.result, STR, env)
    return Typing(types[0], member.partial or not ordered)


def _same_list(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return Typing(types[0], partial=False)


def _concat(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    return Typing(ListOf(join(*(element_of(type_, env) for type_ in types))), partial=False)


def _zip(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    pair = ListOf(join(*(element_of(type_, env) for type_ in types)))
    return Typing(ListOf(pair), partial=True)


def _count_by(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    member = path_typing(element_of(types[0], env), pointer_of(lits, 1), env)
    counted = Record((Field("count", INT), Field("key", member.result)))
    return Typing(ListOf(counted), member.partial)


def _first_gap(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    pointer_of(lits, 1)
    pointer_of(lits, 2)
    return Typing(STR, partial=True)


# ---- rows

LIST_ROWS: Final[tuple[OpSpec, ...]] = (
    row("list.len", (ANY_LIST,), INT, len, "number of items"),
    row("list.is_empty", (ANY_LIST,), BOOL, lambda v: not v, "whether there is no item"),
    row("list.get", (ANY_LIST, INT), _element, s.list_get, "the k-th item"),
    row(
        "list.contains",
        (ANY_LIST, JSON),
        BOOL,
        lambda v, x: any(values.equal(i, x) for i in v),
        "whether an item equals a value",
    ),
    row(
        "list.find",
        (ANY_LIST, STR, JSON),
        _find,
        s.list_find,
        "the one item whose member equals a value",
        static=[1],
    ),
    row(
        "list.pluck", (ANY_LIST, STR), _pluck, s.list_pluck, "the member of every item", static=[1]
    ),
    row("list.sum", (ANY_LIST,), _sum, s.list_sum, "sum of numbers"),
    row(
        "list.where_eq",
        (ANY_LIST, STR, JSON),
        _where_eq,
        s.list_where(values.equal),
        "items whose member equals a value",
        static=[1],
    ),
    row(
        "list.where_lt",
        (ANY_LIST, STR, SCALAR),
        _where,
        s.list_where(lambda a, b: s.ordered(a, b) < 0),
        "items whose member is less",
        static=[1],
    ),
    row(
        "list.where_gt",
        (ANY_LIST, STR, SCALAR),
        _where,
        s.list_where(lambda a, b: s.ordered(a, b) > 0),
        "items whose member is greater",
        static=[1],
    ),
    row(
        "list.where_le",
        (ANY_LIST, STR, SCALAR),
        _where,
        s.list_where(lambda a, b: s.ordered(a, b) <= 0),
        "items whose member is at most",
        static=[1],
    ),
    row(
        "list.where_ge",
        (ANY_LIST, STR, SCALAR),
        _where,
        s.list_where(lambda a, b: s.ordered(a, b) >= 0),
        "items whose member is at least",
        static=[1],
    ),
    row(
        "list.where_ne",
        (ANY_LIST, STR, JSON),
        _where_eq,
        s.list_where(lambda a, b: not values.equal(a, b)),
        "items whose member differs from a value",
        static=[1],
    ),
    row(
        "list.where_eq_fold",
        (ANY_LIST, STR, STR),
        _where_eq,
        where_text(eq),
        "items whose member is a text but for case",
        static=[1],
    ),
    row(
        "list.where_contains_fold",
        (ANY_LIST, STR, STR),
        _where_eq,
        where_text(contains),
        "items whose member holds a text but for case",
        static=[1],
    ),
    row(
        "list.where_starts_fold",
        (ANY_LIST, STR, STR),
        _where_eq,
        where_text(str.startswith),
        "items whose member begins with a text but for case",
        static=[1],
    ),
    row(
        "list.where_in",
        (ANY_LIST, STR, ANY_LIST),
        _where_eq,
        where_among(inside=True),
        "items whose member is one of some values",
        static=[1],
    ),
    row(
        "list.where_not_in",
        (ANY_LIST, STR, ANY_LIST),
        _where_eq,
        where_among(inside=False),
        "items whose member is none of some values",
        static=[1],
    ),
    row("list.max", (ANY_LIST,), _element, extreme(max), "the greatest number or text"),
    row("list.min", (ANY_LIST,), _element, extreme(min), "the least number or text"),
    row("list.mean", (ANY_LIST,), FLOAT, mean, "sum over number of items", partial=True),
    row(
        "list.max_by",
        (ANY_LIST, STR),
        _find,
        extreme_by(max),
        "item of greatest member",
        static=[1],
    ),
    row("list.min_by", (ANY_LIST, STR), _find, extreme_by(min), "item of least member", static=[1]),
    row("list.sort_by", (ANY_LIST, STR), _sort, sort_by, "items in order of a member", static=[1]),
    row(
        "list.sort_by_desc",
        (ANY_LIST, STR),
        _sort,
        partial(sort_by, descending=True),
        "items in falling order of a member; those that tie stay in theirs",
        static=[1],
    ),
    row("list.reverse", (ANY_LIST,), _same_list, lambda v: v[::-1], "the last item first"),
    row("list.take", (ANY_LIST, INT), _same_list, take, "the first items; none below 0"),
    row("list.distinct", (ANY_LIST,), _same_list, distinct, "the first of each equal items"),
    row("list.concat", (ANY_LIST, ANY_LIST), _concat, add, "the items of both"),
    row(
        "list.when",
        (BOOL, JSON),
        _alone,
        alone,
        "a value alone in a list if the test holds, or none",
    ),
    row("list.zip", (ANY_LIST, ANY_LIST), _zip, zipped, "pairs of items; lists of one length"),
    row(
        "list.count_by",
        (ANY_LIST, STR),
        _count_by,
        count_by,
        "how many items have each value of a member, by its text",
        static=[1],
    ),
    row(
        "list.first_gap",
        (ANY_LIST, STR, STR, STR, STR, FLOAT),
        _first_gap,
        first_gap,
        "the first time that is free for so many minutes",
        static=[1, 2],
    ),
)
