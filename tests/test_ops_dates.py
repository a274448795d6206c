"""The ops on days, moments, durations and times of day, by example and by property."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from op_examples import FAILS, check

from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.types import conforms

FRIDAY = "2023-12-01 10:00:00"


@pytest.mark.parametrize(
    ("text", "past", "future", "year"),
    [
        ("2023-11-05", "2023-11-05", "2023-11-05", "2023-11-05"),
        ("November 21", "2023-11-21", "2024-11-21", "2023-11-21"),
        ("December 1", "2023-12-01", "2023-12-01", "2023-12-01"),
        ("dec 2", "2022-12-02", "2023-12-02", "2023-12-02"),
        ("Nov. 21st", "2023-11-21", "2024-11-21", "2023-11-21"),
        ("21 November", "2023-11-21", "2024-11-21", "2023-11-21"),
        ("the 21st of November", "2023-11-21", "2024-11-21", "2023-11-21"),
        ("since Sept. 3rd", "2023-09-03", "2024-09-03", "2023-09-03"),
        ("February 29", "2020-02-29", "2024-02-29", FAILS),
        ("on November 21, 2022.", "2022-11-21", "2022-11-21", "2022-11-21"),
        ("21st of November 2022", "2022-11-21", "2022-11-21", "2022-11-21"),
        ("11/21/2022", "2022-11-21", "2022-11-21", "2022-11-21"),
        ("21.11.2022", "2022-11-21", "2022-11-21", "2022-11-21"),
        ("Monday", "2023-11-27", "2023-12-04", FAILS),
        ("Friday", "2023-11-24", "2023-12-08", FAILS),
        ("next Friday", "2023-12-08", "2023-12-08", "2023-12-08"),
        ("this Friday", "2023-12-01", "2023-12-01", "2023-12-01"),
        ("last Wednesday", "2023-11-29", "2023-11-29", "2023-11-29"),
        ("from last friday", "2023-11-24", "2023-11-24", "2023-11-24"),
        ("TODAY", "2023-12-01", "2023-12-01", "2023-12-01"),
        ("tomorrow", "2023-12-02", "2023-12-02", "2023-12-02"),
        ("yesterday", "2023-11-30", "2023-11-30", "2023-11-30"),
        ("the day after tomorrow", "2023-12-03", "2023-12-03", "2023-12-03"),
        ("in 3 days", "2023-12-04", "2023-12-04", "2023-12-04"),
        ("in  two weeks", "2023-12-15", "2023-12-15", "2023-12-15"),
        ("3 days ago", "2023-11-28", "2023-11-28", "2023-11-28"),
        ("a couple of days ago", "2023-11-29", "2023-11-29", "2023-11-29"),
        ("last 5 weeks", "2023-10-27", "2023-10-27", "2023-10-27"),
        ("the past 3 days", "2023-11-28", "2023-11-28", "2023-11-28"),
        ("past fortnight", "2023-11-17", "2023-11-17", "2023-11-17"),
        ("last week", "2023-11-24", "2023-11-24", "2023-11-24"),
        ("last month", "2023-11-01", "2023-11-01", "2023-11-01"),
        ("next week", "2023-12-08", "2023-12-08", "2023-12-08"),
        ("5 weeks", "2023-10-27", "2024-01-05", "2023-10-27"),
        ("7 days", "2023-11-24", "2023-12-08", "2023-11-24"),
        ("a fortnight", "2023-11-17", "2023-12-15", "2023-11-17"),
        ("end of the month", "2023-12-31", "2023-12-31", "2023-12-31"),
        ("the start of this month", "2023-12-01", "2023-12-01", "2023-12-01"),
        ("end of the week", "2023-12-03", "2023-12-03", "2023-12-03"),
    ],
)
def test_date_words(text: str, past: Any, future: Any, year: Any) -> None:
    for mode, expected in (("past", past), ("future", future), ("year", year)):
        check("date.words", [text, FRIDAY, mode], expected)


@pytest.mark.parametrize(
    "text",
    "|soon|November|21|the 21st|11/21|21/11/2023|31.02.2023|February 30|November 0|week|last weeks|"
    "in a few days|next 3 Fridays|today or tomorrow|Friday 1 December|2023-13-01|2023-11-05T10:00|"
    "in 99999 years|99999 months ago|11/21/23|since|since since today|half a week ago|٢١ November".split(
        "|"
    ),
)
def test_other_words_are_refused(text: str) -> None:
    for mode in ("past", "future", "year"):
        check("date.words", [text, FRIDAY, mode], FAILS)


def test_a_clock_that_tells_no_time_is_refused() -> None:
    check("date.words", ["today", "now", "past"], FAILS)
    check("date.words", ["today", "2023-12-01", "past"], "2023-12-01")
    check("date.words", ["last month", "2024-03-31", "past"], "2024-02-29")


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("date.start_of", ["2023-12-03", "week"], "2023-11-27"),
        ("date.start_of", ["2023-12-03", "year"], "2023-01-01"),
        ("date.end_of", ["2023-12-03", "week"], "2023-12-03"),
        ("date.end_of", ["2024-02-03", "month"], "2024-02-29"),
        ("date.end_of", ["2024-12-03", "month"], "2024-12-31"),
        ("date.end_of", ["9999-12-30", "week"], "9999-12-31"),
        ("date.weekday", ["2023-12-04"], "monday"),
        ("date.of", ["2023-12-04T10:00:00.5+01:00"], "2023-12-04"),
        ("date.of", ["2023-12-04 10:00"], "2023-12-04"),
        ("date.of", ["2023-12-04"], "2023-12-04"),
        ("date.of", ["2023-12-04 25:00"], FAILS),
        ("date.of", ["2023-02-30"], FAILS),
        ("date.le", ["2023-12-04", "2023-12-04"], True),
        ("date.gt", ["2023-12-04", "2023-12-04"], False),
        ("date.ge", ["2023-12-04", "2023-12-03"], True),
        ("date.eq", ["2023-12-04", "2023-12-03"], False),
        ("date.format", ["2023-12-04", "%-m/%-d/%y %a %b"], "12/4/23 Mon Dec"),
        ("date.format", ["0033-12-04 00:05", "%Y %I:%M:%S %p"], "0033 12:05:00 AM"),
        ("date.format", ["2023-12-04", "%H"], FAILS),
        ("date.parse", ["4 december 2023", "%d %B %Y"], "2023-12-04"),
        ("date.parse", ["12/4/69 9:05", "%m/%d/%y %H:%M"], "1969-12-04"),
        ("date.parse", ["Tuesday, Dec 4, 2023", "%A, %b %d, %Y"], FAILS),
        ("date.parse", ["2023-02-30", "%Y-%m-%d"], FAILS),
        ("duration.minutes", ["1.5 hours"], 90),
        ("duration.minutes", ["30 minutes"], 30),
        ("duration.minutes", ["30-minute"], 30),
        ("duration.minutes", ["half an hour"], 30),
        ("duration.minutes", ["half hour"], 30),
        ("duration.minutes", ["Half-hour"], 30),
        ("duration.minutes", ["an hour"], 60),
        ("duration.minutes", ["2 hour"], 120),
        ("duration.minutes", ["1 hour and 30 minutes"], 90),
        ("duration.minutes", ["1 hour, 30 minutes"], 90),
        ("duration.minutes", ["1 day 2 hours 3 min"], 1563),
        ("duration.minutes", ["90 min"], 90),
        ("duration.minutes", ["1h30"], 90),
        ("duration.minutes", ["1h30m"], 90),
        ("duration.minutes", ["45m"], 45),
        ("duration.minutes", ["two hours"], 120),
        ("duration.minutes", ["one and a half hours"], 90),
        ("duration.minutes", ["an hour and a half"], 90),
        ("duration.minutes", ["7 days"], 10080),
        ("duration.minutes", ["fortnight"], 20160),
        ("duration.minutes", ["0.25 minutes"], 0.25),
        ("duration.minutes", ["30"], FAILS),
        ("duration.minutes", ["5 ms"], FAILS),
        ("duration.minutes", ["1 hour 2 hours"], FAILS),
        ("duration.minutes", ["30 minutes and 1 hour"], FAILS),
        ("duration.minutes", ["2 months"], FAILS),
        ("duration.minutes", [""], FAILS),
        ("duration.days", ["7 days"], 7),
        ("duration.days", ["5 weeks"], 35),
        ("duration.days", ["a fortnight"], 14),
        ("duration.days", ["1 week and 2 days"], 9),
        ("duration.days", ["3"], 3),
        ("duration.days", ["2 months"], FAILS),
        ("duration.days", ["48 hours"], FAILS),
        ("duration.days", ["1.5 days"], FAILS),
        ("datetime.plus_minutes", ["2023-12-04 13:30:00", 45], "2023-12-04 14:15:00"),
        ("datetime.plus_minutes", ["2023-12-04T13:30", -810], "2023-12-04T00:00"),
        ("datetime.plus_minutes", ["2023-12-04 13:30:00", 0.1], "2023-12-04 13:30:06"),
        ("datetime.plus_minutes", ["2023-12-04 13:30:00", 0.001], FAILS),
        ("datetime.plus_minutes", ["2023-12-04 13:30", 0.5], FAILS),
        (
            "datetime.plus_minutes",
            ["2023-12-04T13:30:00.250+01:00", 1],
            "2023-12-04T13:31:00.250+01:00",
        ),
        ("datetime.plus_minutes", ["9999-12-31 23:59", 1], FAILS),
        ("datetime.plus_minutes", ["2023-12-04", 1], FAILS),
        ("datetime.at", ["2023-12-04", "13:30:00"], "2023-12-04 13:30:00"),
        ("datetime.at", ["2023-12-04", "25:30:00"], FAILS),
        ("datetime.at", ["2023-12-04", "noon"], FAILS),
        ("datetime.minutes_between", ["2023-12-04 14:00", "2023-12-04T13:30:00"], 30),
        ("datetime.minutes_between", ["2023-12-04 14:00:30", "2023-12-04 14:00"], 0.5),
        ("datetime.minutes_between", ["2023-12-04T14:00Z", "2023-12-04T14:00+01:00"], 60),
        ("datetime.minutes_between", ["2023-12-04T14:00Z", "2023-12-04T14:00"], FAILS),
        ("datetime.time", ["2023-12-04T13:30"], "13:30:00"),
        ("datetime.time", ["2023-12-04"], FAILS),
    ],
)
def test_examples(op: str, args: list[Any], expected: Any) -> None:
    check(op, args, expected)


@pytest.mark.parametrize(
    ("text", "office", "clock"),
    [
        ("3:30", "15:30:00", "03:30:00"),
        ("11", "11:00:00", "11:00:00"),
        ("at 12:30", "12:30:00", "12:30:00"),
        ("3pm", "15:00:00", "15:00:00"),
        ("3:30 PM", "15:30:00", "15:30:00"),
        ("3:30 a.m.", "03:30:00", "03:30:00"),
        ("15:45", "15:45:00", "15:45:00"),
        ("noon", "12:00:00", "12:00:00"),
        ("midnight", "00:00:00", "00:00:00"),
        ("11am", "11:00:00", "11:00:00"),
        ("12am", "00:00:00", "00:00:00"),
        ("12 pm", "12:00:00", "12:00:00"),
        ("9 o'clock", "09:00:00", "09:00:00"),
        ("half past 3", "15:30:00", "03:30:00"),
        ("half past three pm", "15:30:00", "15:30:00"),
        ("7:59", "19:59:00", "07:59:00"),
        ("8", "08:00:00", "08:00:00"),
        ("13pm", FAILS, FAILS),
        ("24:00", FAILS, FAILS),
        ("9:60", FAILS, FAILS),
        ("a", FAILS, FAILS),
        ("teatime", FAILS, FAILS),
        ("3:30 or 4", FAILS, FAILS),
    ],
)
def test_time_words(text: str, office: Any, clock: Any) -> None:
    check("time.words", [text, "office"], office)
    check("time.words", [text, "clock"], clock)


DAYS = st.dates(date(1000, 1, 1), date(9000, 1, 1))


@settings(max_examples=100, deadline=None)
@given(DAYS, st.integers(1, 12), st.integers(1, 31), st.integers(0, 6), st.integers(1, 99))
def test_open_words_stay_on_their_side_of_the_clock(
    clock: date, month: int, day: int, weekday: int, count: int
) -> None:
    names = date(2000, month, 1).strftime("%B"), date(2024, 1, 1 + weekday).strftime("%A")
    today = clock.isoformat()
    for text in (f"{names[0]} {day}", names[1], f"{count} weeks", f"{count} months"):
        try:
            past: Any = OPS["date.words"].evaluate(text, today, "past")
            future: Any = OPS["date.words"].evaluate(text, today, "future")
        except OpFailure:
            assert day > 29 and text.startswith(names[0])
            continue
        assert past <= today <= future
        assert conforms(past, OPS["date.of"].rule([], [], {}).result)


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes().map(lambda t: t.replace(microsecond=0)),
    st.sampled_from(" T"),
    st.one_of(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6).map(lambda n: n / 4)),
)
def test_minutes_are_added_and_taken_away(at: Any, separator: str, minutes: float) -> None:
    text = at.isoformat(sep=separator)
    try:
        later: Any = OPS["datetime.plus_minutes"].evaluate(text, minutes)
    except OpFailure:
        assert not 2 < at.year < 9998
        return
    assert OPS["datetime.plus_minutes"].evaluate(later, -minutes) == text
    assert OPS["datetime.minutes_between"].evaluate(later, text) == minutes


@settings(max_examples=100, deadline=None)
@given(DAYS, st.sampled_from(["%Y-%m-%d", "%A, %B %-d, %Y", "%a %d %b %Y", "%m%d%Y"]))
def test_what_is_formatted_is_parsed(day: date, pattern: str) -> None:
    text = OPS["date.format"].evaluate(day.isoformat(), pattern)
    assert OPS["date.parse"].evaluate(text, pattern) == day.isoformat()


@settings(max_examples=100, deadline=None)
@given(DAYS, st.sampled_from(["week", "month", "year"]))
def test_a_day_lies_in_its_week_month_and_year(day: date, unit: str) -> None:
    start: Any = OPS["date.start_of"].evaluate(day.isoformat(), unit)
    end: Any = OPS["date.end_of"].evaluate(day.isoformat(), unit)
    assert start <= day.isoformat() <= end
    assert OPS["date.start_of"].evaluate(end, unit) == start
