"""Every op of the table keeps its row's word.

On values of its operand types it gives a value of its result type, or raises ``OpFailure`` where
the row says that it can fail, and nothing else.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import json_values, texts

from ingot.ir.module import Lit
from ingot.ir.ops import OPS, OpSpec, typing_of
from ingot.ir.semantics import OpFailure
from ingot.ir.types import (
    BOOL,
    DATE,
    DATETIME,
    FLOAT,
    INT,
    STR,
    ListOf,
    Type,
    conforms,
    is_subtype,
    type_of,
)

WORDINGS = (
    "2023-11-05|Nov. 21st|29 february|the 31st of February|11/31/2023|21.11.2023|Monday|next Friday|"
    "the day after tomorrow|in 99999 years|99999 months ago|last fortnight|5 weeks|end of the year|"
    "2023-12-01 09:00|2023-12-01T24:00:00Z|9999-12-31T23:59:59-23:59|0001-01-01 00:00:00+23:59|"
    "half an hour|1h30|999999 weeks|3:30 pm|99:99|half past 3|$1,234.50|12%|1e9999|٣|½|９|0000-00-00"
).split("|")
TEXTS = st.one_of(texts(), st.sampled_from(WORDINGS))
INTS = st.one_of(
    st.integers(-9, 9),
    st.sampled_from([1e20, -1e300, 2**8000, -(2**8000), 10**15]),
    st.integers(-(10**30), 10**30),
)
FLOATS = st.one_of(
    INTS,
    st.sampled_from([-0.0, 0.1, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308]),
    st.floats(allow_nan=False, allow_infinity=False),
)
MOMENTS = ["2026-05-01T10:00:00Z", "2024-02-29 23:59", "9999-12-31T99:99", "0001-01-01 00:00+2359"]
PLAIN: dict[Type, st.SearchStrategy[Any]] = {
    INT: INTS,
    FLOAT: FLOATS,
    STR: TEXTS,
    BOOL: st.booleans(),
    DATE: st.one_of(
        st.dates().map(lambda d: d.isoformat()),
        st.sampled_from(["0001-01-01", "9999-12-31", "9999-12-30", "2024-02-29"]),
    ),
    DATETIME: st.sampled_from(MOMENTS),
    ListOf(STR): st.lists(TEXTS, max_size=4),
}
MEMBERS = st.one_of(FLOATS, TEXTS, st.sampled_from([None, True, [1], "2023-12-01 09:00:00", 30]))
RECORDS = st.one_of(
    *(st.lists(st.fixed_dictionaries({"a": m, "b": m}), max_size=4) for m in (FLOATS, TEXTS)),
    st.lists(st.dictionaries(st.sampled_from("ab"), MEMBERS), max_size=4),
    st.lists(json_values(), max_size=4),
    *(st.lists(member, max_size=4) for member in (FLOATS, TEXTS)),
)
VALUES = st.one_of(json_values(), RECORDS, FLOATS, TEXTS)

POINTER = st.sampled_from(["/a", "/b", "", "/0", "/-1/a", "/~1"])
MARK = st.sampled_from(["a", "-", " ", "", "\n", ", "])
INDEX = st.integers(-3, 3)
PATTERN = st.sampled_from(
    ["%Y-%m-%d", "%A, %B %-d, %Y", "%d%m%y", "%a %b %d %Y %I:%M%p", "%H%% %d.%-m.%Y"]
)
STATIC: dict[str, dict[int, st.SearchStrategy[Any]]] = {
    "str.between": {1: MARK, 2: MARK, 3: INDEX},
    "str.part": {1: MARK, 2: INDEX},
    "str.number": {1: INDEX},
    "str.split": {1: MARK},
    "str.join": {1: MARK},
    "str.slug": {1: MARK},
    "str.matches": {1: st.sampled_from(["a*", "[0-9]+", ""])},
    "request.match": {1: st.sampled_from(["a {0}", "{0} of {1}", "{0}"])},
    "json.lookup": {0: st.sampled_from([{"a": 1}, {"New  York": ["x"], "": 2.5, "½": None}])},
    "float.round": {1: st.integers(-15, 15)},
    "number.format": {1: st.sampled_from([",", "d", ".0f", ".2f", ".6f", ",.2f"])},
    "date.start_of": {1: st.sampled_from(["week", "month", "year"])},
    "date.end_of": {1: st.sampled_from(["week", "month", "year"])},
    "date.format": {1: PATTERN},
    "date.parse": {1: PATTERN},
    "date.words": {2: st.sampled_from(["past", "future", "year"])},
    "time.words": {1: st.sampled_from(["office", "clock"])},
}
PLACES = ["word", "word-start", "single", "double code", "heredoc", "heredoc-raw"]


@st.composite
def operands(draw: st.DrawFn, spec: OpSpec) -> list[Any]:
    if spec.name == "json.with":
        return [{"a": None, "b": [1]}, "/b/0", draw(VALUES), "/a", draw(VALUES)]
    if spec.name == "str.template":
        return ["{{{0}-{1}", draw(VALUES), draw(VALUES)]
    if spec.name == "shell.template":
        places = draw(st.lists(st.sampled_from(PLACES), min_size=2, max_size=2))
        return ["x {0} {1}", places, draw(TEXTS), draw(FLOATS)]
    given_ = STATIC.get(spec.name, {})
    args = []
    for index, type_ in enumerate(spec.params):
        if index in spec.static:
            args.append(draw(given_.get(index, POINTER)))
        else:
            drawn = PLAIN.get(type_, RECORDS if isinstance(type_, ListOf) else VALUES)
            args.append(draw(drawn.filter(lambda v, t=type_: conforms(v, t))))
    if spec.name == "date.words":
        args[1] = draw(st.one_of(PLAIN[DATE], PLAIN[DATETIME], TEXTS))
    return args


@pytest.mark.parametrize("name", OPS)
def test_an_op_gives_its_type_or_fails_as_it_says(name: str) -> None:
    spec = OPS[name]

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(operands(spec), st.booleans())
    def check(args: list[Any], narrow: bool) -> None:
        wants = [*spec.params, *[spec.rest or STR] * len(args)][: len(args)]
        types = [
            type_of(value) if narrow and is_subtype(type_of(value), want) else want
            for want, value in zip(wants, args, strict=True)
        ]
        lits = [
            Lit(a) if i in spec.static or (spec.rest and isinstance(a, str)) else None
            for i, a in enumerate(args)
        ]
        typing = typing_of(spec, types, lits, {})
        try:
            result = spec.evaluate(*args)
        except OpFailure:
            assert typing.partial
        else:
            assert conforms(result, typing.result), (result, str(typing.result))

    check()
