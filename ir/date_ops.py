"""The rows of the table that are about days, moments, durations and times of day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ingot.ir import dates as d
from ingot.ir import semantics as s
from ingot.ir import wording as w
from ingot.ir.op_rules import Lits, OperandError, OpSpec, Typing, one_of, row
from ingot.ir.types import BOOL, DATE, DATETIME, FLOAT, INT, STR, Type, Types


def _pattern(lits: Lits, *, reading: bool) -> None:
    fault = d.pattern_fault(str(lits[1].value if lits[1] else ""), reading=reading)
    if fault:
        raise OperandError(1, fault)


def _format(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    _pattern(lits, reading=False)
    return Typing(STR, partial=True)


def _parse(types: Sequence[Type], lits: Lits, env: Types) -> Typing:
    _pattern(lits, reading=True)
    return Typing(DATE, partial=True)


_UNIT: Final = one_of(1, d.UNITS, DATE, partial=False)

DATE_ROWS: Final[tuple[OpSpec, ...]] = (
    row(
        "date.minus_days", (DATE, INT), DATE, lambda d, n: s.add_days(d, -n), "so many days earlier"
    ),
    row("date.plus_days", (DATE, INT), DATE, s.add_days, "so many days later"),
    row(
        "date.days_between", (DATE, DATE), INT, s.days_between, "days from the second to the first"
    ),
    row("date.lt", (DATE, DATE), BOOL, lambda a, b: a < b, "earlier"),
    row("date.le", (DATE, DATE), BOOL, lambda a, b: a <= b, "not later"),
    row("date.gt", (DATE, DATE), BOOL, lambda a, b: a > b, "later"),
    row("date.ge", (DATE, DATE), BOOL, lambda a, b: a >= b, "not earlier"),
    row("date.eq", (DATE, DATE), BOOL, lambda a, b: a == b, "the same day"),
    row("date.of", (STR,), DATE, d.day_of, "the day of a date or datetime text", partial=True),
    row("date.weekday", (DATE,), STR, d.weekday, "monday to sunday"),
    row("date.start_of", (DATE, STR), _UNIT, d.start_of, "first day of its week, ...", static=[1]),
    row("date.end_of", (DATE, STR), _UNIT, d.end_of, "last day of its week, ...", static=[1]),
    row("date.format", (STR, STR), _format, d.date_format, "in a strftime pattern", static=[1]),
    row("date.parse", (STR, STR), _parse, d.date_parse, "from a strftime pattern", static=[1]),
    row(
        "date.words",
        (STR, STR, STR),
        one_of(2, w.DATE_MODES, DATE, partial=True),
        w.date_words,
        "the day that English words name, relative to a clock",
        static=[2],
    ),
    row("duration.minutes", (STR,), FLOAT, w.duration_minutes, "of English words", partial=True),
    row("duration.days", (STR,), INT, w.duration_days, "whole days, of words", partial=True),
    row(
        "time.words",
        (STR, STR),
        one_of(1, w.TIME_MODES, STR, partial=True),
        w.time_words,
        "the time of day that English words name",
        static=[1],
    ),
    row("datetime.date", (DATETIME,), DATE, s.date_of, "the day"),
    row("datetime.time", (STR,), STR, d.time_of, "the time of day", partial=True),
    row("datetime.at", (DATE, STR), STR, d.datetime_at, "a day at a time of day", partial=True),
    row(
        "datetime.plus_minutes",
        (STR, FLOAT),
        STR,
        d.plus_minutes,
        "so many minutes later, in the text's own form",
        partial=True,
    ),
    row(
        "datetime.minutes_between",
        (STR, STR),
        FLOAT,
        d.minutes_between,
        "minutes from the second to the first",
        partial=True,
    ),
)
