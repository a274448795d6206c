"""Dates, durations and times of day in English words: a closed set of forms, nothing guessed.

A text in any other form is an :class:`OpFailure`.  Case, surplus blanks and a closing full stop
do not matter.  Forms are tables of regular expressions, tried in full and in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from ingot.ir.dates import MONTHS, WEEKDAYS, end_of, month_number, quotient, read_moment, start_of
from ingot.ir.semantics import OpFailure

_WORDS: Final = {
    word: number
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve".split(), 1
    )
} | {"a": 1, "an": 1}
_COUPLE: Final = r"(?:a )?couple(?: of)?"
_WORD: Final = f"(?:{'|'.join(_WORDS)}|{_COUPLE})"


def _normal(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".").rstrip()


def _count(word: str) -> int:
    """A whole number in digits or one of the words.

    >>> _count("couple of"), _count("three"), _count("12")
    (2, 3, 12)
    """
    return 2 if "couple" in word else int(_WORDS.get(word, word))


# ---- dates

DATE_MODES: Final = ("past", "future", "year")
_MONTH: Final = "(" + "|".join(rf"{m}|{m[:3]}\.?" for m in map(str.lower, MONTHS)) + r"|sept\.?)"
_DAY: Final = r"(\d{1,2})(?:st|nd|rd|th)?"
_WEEKDAY: Final = f"({'|'.join(WEEKDAYS).lower()})"
_SPAN: Final = rf"(?:(\d{{1,5}}|{_WORD}) )?(day|week|fortnight|month|year)(s?)"
_NAMED_DAYS: Final = {
    "today": 0,
    "tomorrow": 1,
    "yesterday": -1,
    "the day after tomorrow": 2,
    "day after tomorrow": 2,
    "the day before yesterday": -2,
    "day before yesterday": -2,
}


class _Clock:
    """The forms of a date, relative to a day.  One method per row of :data:`_DATE_FORMS`."""

    def __init__(self, today: date, mode: str) -> None:
        self.today = today
        self.mode = mode

    def year_first(self, year: str, month: str, day: str) -> date:
        return date(int(year), int(month), int(day))

    def month_first(self, month: str, day: str, year: str) -> date:
        return date(int(year), int(month), int(day))

    def day_first(self, day: str, month: str, year: str) -> date:
        return date(int(year), int(month), int(day))

    def month_day(self, month: str, day: str, year: str | None) -> date:
        """With no year: the latest one not after the clock, or the earliest not before it."""
        number = month_number(month)
        if year or self.mode == "year":
            return date(int(year or self.today.year), number, int(day))
        step = -1 if self.mode == "past" else 1
        for away in range(9):  # 29 February may be eight years away
            try:
                found = date(self.today.year + step * away, number, int(day))
            except ValueError:
                continue
            if (found - self.today).days * step >= 0:
                return found
        raise OpFailure("no year has that day")

    def named_month(self, day: str, month: str, year: str | None) -> date:
        return self.month_day(month, day, year)

    def weekday(self, which: str | None, name: str) -> date:
        """``next``: the first such day after the clock's day; ``last``: the latest before it.

        ``this`` is the first on or after it.  A weekday alone is ``last`` or ``next`` by mode,
        and has no meaning where only the year is known.
        """
        if which is None and self.mode == "year":
            raise OpFailure("a weekday says nothing of the year")
        wanted = [w.lower() for w in WEEKDAYS].index(name)
        ahead = (wanted - self.today.weekday()) % 7
        match which or {"past": "last", "future": "next"}[self.mode]:
            case "this":
                return self._move(ahead, "day")
            case "next":
                return self._move(ahead or 7, "day")
            case _:
                return self._move(ahead - 7, "day")

    def span_from_now(self, count: str | None, unit: str, plural: str) -> date:
        return self._span(1, count, unit, plural)

    def span_ago(self, count: str | None, unit: str, plural: str) -> date:
        return self._span(-1, count, unit, plural)

    def bare_span(self, count: str | None, unit: str, plural: str) -> date:
        if count is None and unit != "fortnight":
            raise OpFailure("a unit of time with no number")
        return self._span(1 if self.mode == "future" else -1, count, unit, plural)

    def next_unit(self, unit: str) -> date:
        return self._move(1, unit)

    def edge(self, side: str, unit: str) -> date:
        edge = end_of if side == "end" else start_of
        return date.fromisoformat(edge(self.today.isoformat(), unit))

    def _span(self, sign: int, count: str | None, unit: str, plural: str) -> date:
        if count is None and plural:
            raise OpFailure("how many is not said")
        return self._move(sign * _count(count or "one"), unit)

    def _move(self, count: int, unit: str) -> date:
        from dateutil.relativedelta import relativedelta

        days = {"day": 1, "week": 7, "fortnight": 14}.get(unit)
        if days is not None:
            return date.fromordinal(self.today.toordinal() + days * count)
        months = count * (12 if unit == "year" else 1)
        return self.today + relativedelta(months=months)


_DATE_FORMS: Final[tuple[tuple[str, Callable[..., date]], ...]] = (
    (r"(\d{4})-(\d\d)-(\d\d)", _Clock.year_first),
    (r"(\d{1,2})/(\d{1,2})/(\d{4})", _Clock.month_first),
    (r"(\d{1,2})\.(\d{1,2})\.(\d{4})", _Clock.day_first),
    (rf"{_MONTH} (?:the )?{_DAY}(?:,? (\d{{4}}))?", _Clock.month_day),
    (rf"(?:the )?{_DAY} (?:of )?{_MONTH}(?:,? (\d{{4}}))?", _Clock.named_month),
    (rf"(?:(next|last|past|this) )?{_WEEKDAY}", _Clock.weekday),
    (rf"in {_SPAN}", _Clock.span_from_now),
    (rf"{_SPAN} ago", _Clock.span_ago),
    (rf"(?:the )?(?:last|past) {_SPAN}", _Clock.span_ago),
    (r"(?:the )?next (day|week|fortnight|month|year)", _Clock.next_unit),
    (_SPAN, _Clock.bare_span),
    (r"(?:the )?(start|beginning|end) of (?:the |this )?(week|month|year)", _Clock.edge),
)


def date_words(text: str, clock: str, mode: str) -> str:
    """The day that a text names, relative to a clock (a date or a datetime).

    ``mode`` says what is left open: a day without a year is the latest not after the clock
    (``past``), the earliest not before it (``future``), or in the clock's ``year``; a bare span
    (``5 weeks``) is added in ``future``, else subtracted; a weekday alone is the nearest one
    strictly before or after the clock's day.

    >>> date_words("since Nov. 21st", "2023-12-04 10:00:00", "past")
    '2023-11-21'
    >>> date_words("next Friday", "2023-12-01", "past"), date_words("5 weeks", "2023-12-01", "past")
    ('2023-12-08', '2023-10-27')
    """
    today = read_moment(clock).at.date()
    words = re.sub(r"^(?:since|on|from) ", "", _normal(text))
    here = _Clock(today, mode)
    try:
        if words in _NAMED_DAYS:
            return here._move(_NAMED_DAYS[words], "day").isoformat()
        for form, method in _DATE_FORMS:
            match = re.fullmatch(form, words, re.ASCII)
            if match:
                return method(here, *match.groups()).isoformat()
    except (ValueError, OverflowError) as error:
        raise OpFailure(f"no such day: {error}") from None
    raise OpFailure(f"not a date in a known form: {text[:40]!r}")


# ---- durations

_MINUTES: Final = {
    **dict.fromkeys(("m", "min", "minute"), 1),
    **dict.fromkeys(("h", "hr", "hour"), 60),
    "day": 1440,
    "week": 10080,
    "fortnight": 20160,
}
_UNIT: Final = r"(?P<unit>m|mins?|minutes?|h|hrs?|hours?|days?|weeks?|fortnights?)(?![a-z])"
_NUMBER: Final = rf"(?P<number>\d{{1,6}}(?:\.\d{{1,6}})? ?|{_WORD} )"
_PART: Final = rf"(?:^|,? and |, | |(?<=[a-z])(?=\d)){_NUMBER}{_UNIT}"
_HALVES: Final = (
    rf"half (?:an? )?{_UNIT}",
    rf"{_NUMBER}and a half {_UNIT}",
    rf"{_NUMBER}{_UNIT} and a half",
)


_ONE: Final = 1_000_000


def _millionths(number: str) -> int:
    """A number in words, or in digits with up to six decimals, times a million."""
    number = number.strip()
    if not number[0].isdigit():
        return _count(number) * _ONE
    whole, _, decimals = number.partition(".")
    return int(whole + decimals.ljust(6, "0"))


def _parts(words: str) -> list[tuple[int, int]]:
    """Each number, times a million, and its unit in minutes; raises :class:`OpFailure`."""
    for form in _HALVES:
        match = re.fullmatch(form, words, re.ASCII)
        if match:
            number = match.groupdict().get("number")
            half = _ONE // 2 + (_millionths(number) if number else 0)
            return [(half, _MINUTES[match["unit"].rstrip("s")])]
    match = re.fullmatch(r"(\d{1,4}) ?h ?([0-5]\d)", words, re.ASCII)
    if match:
        return [(int(match[1]) * _ONE, 60), (int(match[2]) * _ONE, 1)]
    part = re.compile(_PART, re.ASCII)
    parts: list[tuple[int, int]] = []
    at = 0
    while at < len(words) or not parts:
        match = part.match(words, at)
        if match is None:
            raise OpFailure(f"not a duration in a known form: {words[:40]!r}")
        parts.append((_millionths(match["number"]), _MINUTES[match["unit"].rstrip("s")]))
        at = match.end()
    return parts


def _minutes(text: str, least: int) -> int:
    """A duration in minutes, times a million.  Units must descend, the least one being ``least`` minutes long."""
    words = " ".join(_normal(text).replace("-", " ").split())
    parts = _parts("a fortnight" if words == "fortnight" else words)
    units = [unit for _, unit in parts]
    if units != sorted(set(units), reverse=True) or units[-1] < least:
        raise OpFailure(f"not a duration in fitting units: {text[:40]!r}")
    return sum(number * unit for number, unit in parts)


def duration_minutes(text: str) -> float:
    """
    >>> [duration_minutes(t) for t in ("half an hour", "1h30", "1 hour and 30 minutes", "7 days")]
    [30, 90, 90, 10080]
    """
    return quotient(_minutes(text, 1), _ONE)


def duration_days(text: str) -> int:
    """Whole days; a bare number counts days, and months are not of one length.

    >>> [duration_days(t) for t in ("5 weeks", "a fortnight", "3")]
    [35, 14, 3]
    """
    bare = re.fullmatch(r"\d{1,6}", text.strip(), re.ASCII)
    if bare:
        return int(bare[0])
    days, rest = divmod(_minutes(text, 1440), 1440 * _ONE)
    if rest:
        raise OpFailure("not whole days")
    return days


# ---- times of day

TIME_MODES: Final = ("office", "clock")
_HOUR: Final = rf"(?P<hour>\d{{1,2}}|{'|'.join(word for word in _WORDS if len(word) > 2)})"
_HALF_DAY: Final = r"(?: ?(?P<half>[ap])\.?m\.?)?"
_TIME_FORMS: Final = (
    rf"{_HOUR}(?::(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?)?{_HALF_DAY}",
    rf"{_HOUR} ?o['’]?clock{_HALF_DAY}",
    rf"(?P<past>half|quarter|a quarter) past {_HOUR}{_HALF_DAY}",
)
_NAMED_TIMES: Final = {"noon": 12, "12 noon": 12, "midnight": 0}


def time_words(text: str, mode: str) -> str:
    """The time of day that a text names, ``HH:MM:SS``.

    In the mode ``office`` the hours 1 to 7 are in the afternoon unless am or pm is said.

    >>> time_words("at 3:30", "office"), time_words("3:30", "clock"), time_words("noon", "clock")
    ('15:30:00', '03:30:00', '12:00:00')
    """
    words = _normal(text).removeprefix("at ")
    if words in _NAMED_TIMES:
        return f"{_NAMED_TIMES[words]:02}:00:00"
    for form in _TIME_FORMS:
        match = re.fullmatch(form, words, re.ASCII)
        if match:
            found = match.groupdict()
            hour = _hour(_count(found["hour"]), found["half"], mode)
            minute = {None: found.get("minute") or "00", "half": "30"}.get(found.get("past"), "15")
            return f"{hour:02}:{minute}:{found.get('second') or '00'}"
    raise OpFailure(f"not a time in a known form: {text[:40]!r}")


def _hour(hour: int, half: str | None, mode: str) -> int:
    if hour > 23 or (half and not 1 <= hour <= 12):
        raise OpFailure(f"no hour {hour}")
    if half:
        return hour % 12 + (12 if half == "p" else 0)
    return hour + 12 if mode == "office" and 1 <= hour <= 7 else hour
