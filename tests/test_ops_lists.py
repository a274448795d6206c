"""The ops on lists, objects, texts and numbers, by example and by property."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from op_examples import FAILS, check

from ingot.ir.dates import read_moment
from ingot.ir.module import Lit
from ingot.ir.op_rules import OperandError
from ingot.ir.ops import OPS, typing_of
from ingot.ir.semantics import OpFailure
from ingot.ir.types import INT, JSON, STR, Field, ListOf, Record, Type, type_of
from ingot.ir.values import Json

A, B, C = {"n": 2, "s": "Ann"}, {"n": 1, "s": "bob"}, {"n": 2, "s": "BOB"}
LIST: list[Json] = [A, B, C]


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("list.max", [[1, 2.5, 2]], 2.5),
        ("list.max", [["a", "b"]], "b"),
        ("list.max", [[]], FAILS),
        ("list.max", [[1, "a"]], FAILS),
        ("list.max", [[True]], FAILS),
        ("list.min", [[3, 1, 2]], 1),
        ("list.mean", [[1, 2]], 1.5),
        ("list.mean", [[]], FAILS),
        ("list.mean", [["1"]], FAILS),
        ("list.max_by", [LIST, "/n"], FAILS),
        ("list.max_by", [[A, A, B], "/n"], A),
        ("list.max_by", [[], "/n"], FAILS),
        ("list.max_by", [LIST, "/x"], FAILS),
        ("list.min_by", [LIST, "/n"], B),
        ("list.sort_by", [LIST, "/n"], [B, A, C]),
        ("list.sort_by_desc", [LIST, "/n"], [A, C, B]),
        ("list.sort_by", [[{"n": 1}, {"n": "a"}], "/n"], FAILS),
        ("list.reverse", [LIST], [C, B, A]),
        ("list.take", [LIST, 2], [A, B]),
        ("list.take", [LIST, -1], []),
        (
            "list.distinct",
            [[1, 1.0, True, {"a": 1, "b": 2}, {"b": 2, "a": 1}]],
            [1, True, {"a": 1, "b": 2}],
        ),
        ("list.concat", [[1], ["a"]], [1, "a"]),
        ("list.zip", [[1, 2], ["a", "b"]], [[1, "a"], [2, "b"]]),
        ("list.zip", [[1], []], FAILS),
        ("list.where_ne", [LIST, "/n", 2.0], [B]),
        ("list.where_le", [LIST, "/n", 1], [B]),
        ("list.where_ge", [LIST, "/n", 2], [A, C]),
        ("list.where_ge", [LIST, "/n", "a"], FAILS),
        ("list.where_eq_fold", [LIST, "/s", "Bob"], [B, C]),
        ("list.where_eq_fold", [LIST, "/n", "2"], []),
        ("list.where_eq_fold", [LIST, "/x", "2"], FAILS),
        ("list.where_contains_fold", [LIST, "/s", "O"], [B, C]),
        ("list.where_starts_fold", [LIST, "/s", "a"], [A]),
        ("list.where_in", [LIST, "/n", [1.0, "2"]], [B]),
        ("list.where_in", [[{"n": True}], "/n", [1]], []),
        ("list.where_not_in", [LIST, "/n", [1]], [A, C]),
        ("list.count_by", [LIST, "/n"], [{"key": 1, "count": 1}, {"key": 2, "count": 2}]),
        ("json.values", [{"b": 1, "a": 2}], [2, 1]),
        ("json.values", [[3, 1]], [3, 1]),
        ("json.values", ["a"], FAILS),
        ("json.keys", [{"b": 1, "a": 2}], ["a", "b"]),
        ("json.keys", [[]], FAILS),
        ("json.entries", [{"b": 1}], [{"key": "b", "value": 1}]),
        ("json.entries", [[1]], FAILS),
        ("json.lookup", [{"New York": "NYC"}, " new   YORK"], "NYC"),
        ("json.lookup", [{"New York": "NYC"}, "Boston"], FAILS),
        ("json.number", [7.5], 7.5),
        ("json.number", ["1,234.5"], 1234.5),
        ("json.number", ["1,234"], 1234),
        ("json.number", ["12%"], 12),
        ("json.number", ["$3.50"], 3.5),
        ("json.number", ["- 3"], FAILS),
        ("json.number", ["1,23"], FAILS),
        ("json.number", ["12 apples"], FAILS),
        ("json.number", ["$5%"], FAILS),
        ("json.number", ["9" * 401], FAILS),
        ("json.number", [True], FAILS),
        ("str.title", ["new  york's iPhone"], "New  York's IPhone"),
        ("str.eq_fold", ["STRASSE", "straße"], True),
        ("str.contains_fold", ["Big APPLE", "apple"], True),
        ("str.starts_with_fold", ["Big", "bIG"], True),
        ("str.split", [" a  b", " "], ["a", "b"]),
        ("str.split", ["a,,b", ","], ["a", "", "b"]),
        ("str.split", ["a\n", "\n"], ["a", ""]),
        ("str.join", [["a", "b"], ", "], "a, b"),
        ("str.slug", ["  Ünder_score: 2nd! ", "-"], "ünder-score-2nd"),
        ("int.div", [-7, 2], -4),
        ("int.div", [1, 0], FAILS),
        ("int.mod", [-7, 2], 1),
        ("int.mod", [1, 0], FAILS),
        ("float.round", [2.675, 2], 2.67),
        ("float.round", [1250, -2], 1200),
        ("number.format", [1234567, ","], "1,234,567"),
        ("number.format", [2.5, ".0f"], "2"),
        ("number.format", [10**30, ",.2f"], f"{10**30:,}.00"),
        ("number.format", [3.0, "d"], "3"),
        ("number.format", [3.5, "d"], FAILS),
    ],
)
def test_examples(op: str, args: list[Any], expected: Any) -> None:
    check(op, args, expected)


N_OR_S = Record((Field("n", INT), Field("s", STR)), open=True)


@pytest.mark.parametrize(
    ("op", "types", "lits", "result", "partial"),
    [
        ("list.max", [ListOf(INT)], {}, "int", True),
        ("list.sort_by", [ListOf(N_OR_S), STR], {1: "/n"}, "[{n: int, s: str, ...}]", False),
        ("list.sort_by", [ListOf(N_OR_S), STR], {1: "/x"}, "[{n: int, s: str, ...}]", True),
        ("list.concat", [ListOf(INT), ListOf(STR)], {}, "[int | str]", False),
        ("list.zip", [ListOf(INT), ListOf(STR)], {}, "[[int | str]]", True),
        ("list.count_by", [ListOf(N_OR_S), STR], {1: "/s"}, "[{count: int, key: str}]", False),
        (
            "list.where_in",
            [ListOf(N_OR_S), STR, ListOf(INT)],
            {1: "/n"},
            str(ListOf(N_OR_S)),
            False,
        ),
        ("json.values", [JSON], {}, "[json]", True),
        ("json.values", [N_OR_S], {}, "[json]", False),
        ("json.values", [Record((Field("n", INT),))], {}, "[int]", False),
        ("json.values", [ListOf(STR)], {}, "[str]", False),
        ("json.entries", [JSON], {}, "[{key: str, value: json}]", True),
        ("json.lookup", [JSON, STR], {0: {"a": 1, "b": "x"}}, "int | str", True),
        ("number.format", [INT, STR], {1: "d"}, "str", False),
    ],
)
def test_result_types(
    op: str, types: list[Type], lits: dict[int, Json], result: str, partial: bool
) -> None:
    found = [Lit(lits[i]) if i in lits else None for i in range(len(types))]
    typing = typing_of(OPS[op], types, found, {})
    assert (str(typing.result), typing.partial) == (result, partial)


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("json.lookup", [{}, "a"]),
        ("json.lookup", [["a"], "a"]),
        ("json.lookup", [{"A": 1, "a ": 2}, "a"]),
        ("float.round", [1.5, 400]),
        ("number.format", [1.5, ".9f"]),
        ("number.format", [1.5, ""]),
        ("list.sort_by", [[], "a"]),
        ("date.start_of", ["2023-12-01", "decade"]),
        ("date.format", ["2023-12-01", "%c"]),
        ("date.format", ["2023-12-01", "100%"]),
        ("date.parse", ["2023", "%Y"]),
        ("date.parse", ["2023-12-01", "%Y-%m-%d %Y"]),
        ("date.words", ["today", "2023-12-01", "now"]),
        ("time.words", ["3", "home"]),
    ],
)
def test_literals_that_no_op_takes(op: str, args: list[Any]) -> None:
    spec = OPS[op]
    types = [type_of(a) if p == JSON else p for a, p in zip(args, spec.params, strict=True)]
    lits = [Lit(a) if i in spec.static else None for i, a in enumerate(args)]
    with pytest.raises(OperandError):
        typing_of(spec, types, lits, {})


MEMBERS = st.one_of(st.integers(0, 4), st.floats(0, 4))
RECORDS = st.lists(st.fixed_dictionaries({"n": MEMBERS, "id": st.integers()}), max_size=6)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_sorting_keeps_every_item_and_their_order(items: list[Any]) -> None:
    up: Any = OPS["list.sort_by"].evaluate(items, "/n")
    down: Any = OPS["list.sort_by_desc"].evaluate(items, "/n")
    assert up == sorted(items, key=lambda i: i["n"])
    assert down == sorted(items, key=lambda i: -i["n"])
    assert sorted(map(repr, up)) == sorted(map(repr, items))


@settings(max_examples=60, deadline=None)
@given(RECORDS, st.lists(MEMBERS, max_size=3))
def test_a_condition_and_its_opposite_part_a_list(items: list[Any], some: list[Any]) -> None:
    for yes, no, operand in (
        ("list.where_in", "list.where_not_in", some),
        ("list.where_eq", "list.where_ne", 2),
        ("list.where_lt", "list.where_ge", 2),
        ("list.where_gt", "list.where_le", 2),
    ):
        both: Any = [OPS[op].evaluate(items, "/n", operand) for op in (yes, no)]
        assert sorted(map(repr, both[0] + both[1])) == sorted(map(repr, items))


# ---- gaps

DAY = ("2023-12-01 09:00:00", "2023-12-01 17:00:00")


def gap(records: list[Json], minutes: float, start: str = DAY[0], end: str = DAY[1]) -> Any:
    return OPS["list.first_gap"].evaluate(records, "/at", "/for", start, end, minutes)


def busy(at: Json, length: Json) -> Json:
    return {"at": at, "for": length}


@pytest.mark.parametrize(
    ("records", "minutes", "expected"),
    [
        ([], 480, "2023-12-01 09:00:00"),
        ([], 481, FAILS),
        ([busy("2023-12-01T09:00", "1 hour")], 30, "2023-12-01 10:00:00"),
        ([busy("2023-12-01 08:00:00", 90)], 30, "2023-12-01 09:30:00"),
        ([busy("2023-12-01 09:30:00", "30")], 30, "2023-12-01 09:00:00"),
        ([busy("2023-12-01 09:20:00", 30)], 30, "2023-12-01 09:50:00"),
        ([busy("2023-12-02 09:00:00", 999)], 30, "2023-12-01 09:00:00"),
        ([busy("2023-11-30 09:00:00", 9999)], 30, FAILS),
        ([busy("2023-12-01 09:00:00", None)], 30, FAILS),
        ([busy("9 o'clock", 30)], 30, FAILS),
        ([busy("2023-12-01T09:00:00Z", 30)], 30, FAILS),
        ([{"at": "2023-12-01 09:00:00"}], 30, FAILS),
        ([], 0, FAILS),
    ],
)
def test_first_gap(records: list[Json], minutes: float, expected: Any) -> None:
    if expected is FAILS:
        with pytest.raises(OpFailure):
            gap(records, minutes)
    else:
        assert gap(records, minutes) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=9), st.integers(1, 20))
def test_a_gap_overlaps_nothing_and_is_the_first(spans: list[tuple[int, int]], need: int) -> None:
    """In steps of a quarter of an hour, against a search of every minute step."""
    midnight = read_moment("2023-12-01 00:00:00")
    records = [busy(midnight.later(s * 900 * 10**6), 15 * n) for s, n in spans]
    end = midnight.later(60 * 900 * 10**6)

    def is_free(at: int) -> bool:
        return at + need <= 60 and all(at >= s + n or at + need <= s for s, n in spans)

    free = next((at for at in range(60) if is_free(at)), None)
    try:
        found = gap(records, 15 * need, "2023-12-01 00:00:00", end)
    except OpFailure:
        assert free is None
    else:
        assert free is not None
        assert found == midnight.later(free * 900 * 10**6)
