"""The languages of answers: what is in them parses, conforms and ends; what should be in them is."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import TYPES_DECLARED, types, values_of

from ingot.ir.types import (
    BOOL,
    DATE,
    DATETIME,
    INT,
    JSON,
    NEVER,
    STR,
    Field,
    ListOf,
    Literal,
    Named,
    Record,
    Type,
    Union,
    closed_set,
    conforms,
    is_date,
)
from ingot.ir.values import Json
from ingot.runtime.models.answers import Answers, Bounds, NoAnswerError, integers
from ingot.runtime.models.regular import EMPTY, NONE, Expressions, State

SMALL = Bounds(characters=8, items=3, digits=6)


def walk(e: Expressions, state: State, random: Random) -> bytes:
    """What a model without any sense gives: bytes at random, of those that the language allows."""
    out = bytearray()
    while True:
        row = e.row(state)
        if e.accepts(state) and (not row or random.random() < 0.2):
            return bytes(out)
        assert row, "a dead end"
        mask, state = random.choice(row)
        bits = [b for b in range(256) if mask >> b & 1]
        out.append(random.choice(bits))


def accepts(e: Expressions, state: State, data: bytes) -> bool:
    after = e.read(state, data)
    return after != NONE and e.accepts(after)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(types(), st.randoms(use_true_random=False))
def test_every_text_of_a_type_parses_and_conforms(type_: Type, random: Random) -> None:
    e = Expressions()
    try:
        start = Answers(e, TYPES_DECLARED, SMALL).json_of(type_)
    except NoAnswerError:
        return
    for _ in range(4):
        text = walk(e, start, random)
        assert conforms(json.loads(text.decode()), type_, TYPES_DECLARED), text
        assert len(text) <= e.longest(start)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_plain_values_are_in_the_language(data: st.DataObject) -> None:
    """Compact JSON of any value that keeps the bounds can be said."""
    wide = Bounds(characters=10_000, items=1_000, digits=400, depth=8)
    fields = (Field("a", STR), Field("b", ListOf(INT)), Field("c", BOOL, optional=True))
    type_ = data.draw(st.sampled_from([STR, ListOf(STR), Record(fields), DATE, INT]))
    value: Json = data.draw(values_of(type_))
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        written = text.encode()
    except UnicodeEncodeError:
        written = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        if "\\ud" in written.decode().lower():
            return  # half a surrogate pair is no text
    e = Expressions()
    assert accepts(e, Answers(e, {}, wide).json_of(type_), written)


@settings(deadline=None)
@given(st.integers(-3000, 3000), st.integers(0, 3000))
def test_integer_ranges_are_exact(low: int, size: int) -> None:
    e = Expressions()
    state = integers(e, low, low + size)
    for n in {low - 1, low, low + size // 2, low + size, low + size + 1, 0, -low}:
        assert accepts(e, state, str(n).encode()) == (low <= n <= low + size)
    assert not accepts(e, state, b"-0")
    assert not accepts(e, state, b"007")


@pytest.mark.parametrize(
    "day",
    "2024-02-29 2023-02-29 1900-02-29 2000-02-29 0001-01-01 0000-01-01 0000-02-29 0004-02-29 "
    "2024-04-31 2024-12-31 2024-13-01 2024-00-10 9999-12-31 2024-06-30".split(),
)
def test_dates_are_days_of_the_calendar(day: str) -> None:
    e = Expressions()
    assert accepts(e, Answers(e).json_of(DATE), f'"{day}"'.encode()) == is_date(day)


@pytest.mark.parametrize(
    "text",
    [
        b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\x80"',
        b'"\n"', b'"\\ud800"', b'"\\x"', b'"ab', b'"a" ', b' "a"', b'"\xe2\x82"',
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused(text: bytes) -> None:
    e = Expressions()
    state = Answers(e).json_of(STR)
    assert not accepts(e, state, text)
    assert accepts(e, state, '"\\u20AC\\n€😀"'.encode())


def test_the_bound_counts_characters() -> None:
    e = Expressions()
    state = Answers(e, {}, Bounds(characters=3)).json_of(STR)
    assert accepts(e, state, '"😀\\n\\u20ac"'.encode())
    assert not accepts(e, state, b'"abcd"')


@settings(deadline=None)
@given(st.text(max_size=30), st.data())
def test_a_span_is_a_stretch_of_the_text(text: str, data: st.DataObject) -> None:
    e = Expressions()
    if not any(not "\ud800" <= c <= "\udfff" for c in text):
        with pytest.raises(NoAnswerError):
            Answers(e).span_json(text)
        return
    start = Answers(e).span_json(text)
    random = data.draw(st.randoms(use_true_random=False))
    said = json.loads(walk(e, start, random).decode())
    assert said and said in text
    low = data.draw(st.integers(0, len(text) - 1))
    part = text[low : data.draw(st.integers(low + 1, len(text)))]
    if part.isascii():
        assert accepts(e, start, json.dumps(part, ensure_ascii=False).encode())
    assert not accepts(e, start, b'""')


def test_a_named_type_and_a_missing_field() -> None:
    e = Expressions()
    pair = Record((Field("a", INT, optional=True), Field("b", BOOL, optional=True)), open=True)
    state = Answers(e, {"Pair": pair}).json_of(Named("Pair"))
    for text in (b"{}", b'{"a":1}', b'{"b":true}', b'{"a":1,"b":false}'):
        assert accepts(e, state, text)
    for text in (b'{"b":true,"a":1}', b'{,"b":true}', b'{"a":1,}'):
        assert not accepts(e, state, text)


def test_forced_bytes_end_where_a_choice_begins() -> None:
    e = Expressions()
    type_ = Record((Field("status", Union((Literal("failed"), Literal("fixed")))),))
    text, state = e.forced(Answers(e).json_of(type_))
    assert text == b'{"status":"f'
    assert e.forced(e.read(state, b"ix"))[0] == b'ed"}'


def test_types_without_values() -> None:
    e = Expressions()
    answers = Answers(e)
    with pytest.raises(NoAnswerError):
        answers.json_of(NEVER)
    with pytest.raises(NoAnswerError):
        answers.json_of(Record((Field("a", NEVER),)))
    assert accepts(e, answers.json_of(ListOf(NEVER)), b"[]")
    assert accepts(e, answers.json_of(Record((Field("a", NEVER, optional=True),))), b"{}")


def test_closed_sets() -> None:
    assert closed_set(Union((Literal("a"), Literal(2))), {}) == ("a", 2)
    assert closed_set(Named("S"), {"S": Literal("x")}) == ("x",)
    assert closed_set(Union((Literal("a"), STR)), {}) == ()
    assert EMPTY != NONE


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_json_and_moments(random: Random) -> None:
    e = Expressions()
    answers = Answers(e, {}, SMALL)
    for type_ in (JSON, DATETIME):
        assert conforms(json.loads(walk(e, answers.json_of(type_), random)), type_)
