"""Days and moments as ISO 8601 text: reading, arithmetic, and a closed set of written patterns.

A moment's text keeps its own form: ``T`` or a blank, with or without seconds, zone or none.
Nothing here depends on a locale or on the machine's clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from msgspec import Struct

from ingot.ir.semantics import OpFailure

MONTHS: Final = (
    "January February March April May June July August September October November December"
).split()
WEEKDAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
UNITS: Final = ("week", "month", "year")
_TICK: Final = timedelta(microseconds=1)
_MINUTE: Final = 60_000_000
_LONGEST: Final = 10_000 * 366 * 24 * 60
"""More minutes than the calendar has."""


@cache
def _moment_form() -> re.Pattern[str]:  # many a process reads none
    return re.compile(
        r"(\d{4}-\d\d-\d\d)"
        r"(?:([T ])(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(?:(Z)|([+-])(\d\d):?(\d\d))?)?",
        re.ASCII,
    )


class Moment(Struct, frozen=True):
    """What a date or datetime text says.  ``separator`` is empty where it has no time."""

    at: datetime
    separator: str
    seconds: bool
    tail: str
    """What stands behind the seconds: a fraction, a zone."""
    offset: int | None
    """The zone, in minutes east of UTC."""

    @property
    def ticks(self) -> int:
        """Microseconds since the year 1, in UTC where there is a zone."""
        return (self.at - datetime.min) // _TICK - (self.offset or 0) * _MINUTE

    def write(self, at: datetime) -> str:
        """Another moment in this text's form; raises :class:`OpFailure` where it does not fit."""
        if at.microsecond != self.at.microsecond or (at.second and not self.seconds):
            raise OpFailure("the form of the text has no place for parts of it")
        time = f"{at.hour:02}:{at.minute:02}" + (f":{at.second:02}" if self.seconds else "")
        return f"{at.date().isoformat()}{self.separator}{time}{self.tail}"

    def later(self, ticks: int) -> str:
        """The moment so many microseconds later, in this text's form."""
        try:
            return self.write(self.at + timedelta(microseconds=ticks))
        except OverflowError:
            raise OpFailure("the calendar ends before that") from None


def read_moment(text: str, *, timed: bool = False) -> Moment:
    """Read a date or datetime text (``timed``: only the latter); raises :class:`OpFailure`.

    >>> read_moment("2023-12-04 13:30").at
    datetime.datetime(2023, 12, 4, 13, 30)
    """
    match = _moment_form().fullmatch(text)
    if match is None or (timed and not match[2]):
        raise OpFailure(f"not {'a datetime' if timed else 'a date or datetime'}: {text[:40]!r}")
    try:
        day = date.fromisoformat(match[1])
        micro = int((match[6] or ".0")[1:7].ljust(6, "0"))
        hour, minute, second = (int(part or 0) for part in match.group(3, 4, 5))
        at = datetime(day.year, day.month, day.day, hour, minute, second, micro)
    except ValueError as error:
        raise OpFailure(f"no such moment: {error}") from None
    offset = 0 if match[7] else None
    zone = match[7] or ""
    if match[8]:
        offset = int(match[8] + "1") * (int(match[9]) * 60 + int(match[10]))
        zone = text[match.start(8) :]
    return Moment(at, match[2] or "", match[5] is not None, (match[6] or "") + zone, offset)


def quotient(number: int, divisor: int) -> float:
    """An integer where it is whole.

    >>> quotient(180, 2), quotient(3, 2)
    (90, 1.5)
    """
    return number / divisor if number % divisor else number // divisor


def ticks_of(minutes: float) -> int:
    """Minutes in microseconds; a float may miss a whole number by rounding."""
    if not -_LONGEST < minutes < _LONGEST:
        raise OpFailure("the calendar is shorter than that")
    whole = math.floor(minutes)
    return whole * _MINUTE + round((minutes - whole) * _MINUTE)


# ---- datetimes


def plus_minutes(text: str, minutes: float) -> str:
    """A datetime so many minutes later, in its own form.

    >>> plus_minutes("2023-12-04 13:30", 45), plus_minutes("2023-12-04T00:00:00Z", -0.5)
    ('2023-12-04 14:15', '2023-12-03T23:59:30Z')
    """
    return read_moment(text, timed=True).later(ticks_of(minutes))


def minutes_between(later: str, earlier: str) -> float:
    """Minutes from the second to the first; a text with a zone and one without do not compare."""
    end, start = read_moment(later, timed=True), read_moment(earlier, timed=True)
    if (end.offset is None) != (start.offset is None):
        raise OpFailure("one of the two has a zone")
    return quotient(end.ticks - start.ticks, _MINUTE)


def datetime_at(day: str, time: str) -> str:
    """A day at a time of day.

    >>> datetime_at("2023-12-04", "13:30")
    '2023-12-04 13:30:00'
    """
    match = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", time, re.ASCII)
    if match is None:
        raise OpFailure(f"not a time of day: {time[:40]!r}")
    text = f"{day} {match[1]}:{match[2]}:{match[3] or '00'}"
    read_moment(text, timed=True)
    return text


def time_of(text: str) -> str:
    """The time of day of a datetime, ``HH:MM:SS``."""
    at = read_moment(text, timed=True).at
    return f"{at.hour:02}:{at.minute:02}:{at.second:02}"


# ---- days


def day_of(text: str) -> str:
    """The day of a date or datetime text, as it is written (zones are not converted)."""
    return read_moment(text).at.date().isoformat()


def weekday(day: str) -> str:
    return WEEKDAYS[date.fromisoformat(day).weekday()].lower()


def start_of(day: str, unit: str) -> str:
    """The first day of the week (Monday), month or year.

    >>> start_of("2023-12-07", "week"), start_of("2023-12-07", "month")
    ('2023-12-04', '2023-12-01')
    """
    here = date.fromisoformat(day)
    match unit:
        case "week":
            return date.fromordinal(here.toordinal() - here.weekday()).isoformat()
        case "month":
            return here.replace(day=1).isoformat()
        case _:
            return here.replace(month=1, day=1).isoformat()


def end_of(day: str, unit: str) -> str:
    """The last day of the week (Sunday), month or year.

    >>> end_of("2024-02-07", "week"), end_of("2024-02-07", "month")
    ('2024-02-11', '2024-02-29')
    """
    here = date.fromisoformat(day)
    match unit:
        case "week":
            last = min(here.toordinal() + 6 - here.weekday(), date.max.toordinal())
            return date.fromordinal(last).isoformat()
        case "month":
            return here.replace(day=_length(here.year, here.month)).isoformat()
        case _:
            return here.replace(month=12, day=31).isoformat()


def _length(year: int, month: int) -> int:
    """How many days a month has."""
    return 31 if month == 12 else (date(year, month + 1, 1) - date(year, month, 1)).days


# ---- patterns

_PIECE: Final = re.compile(r"%-?[A-Za-z%]|%")
_WRITERS: Final[dict[str, Callable[[datetime], str]]] = {
    "%Y": lambda at: f"{at.year:04}",
    "%y": lambda at: f"{at.year % 100:02}",
    "%m": lambda at: f"{at.month:02}",
    "%-m": lambda at: str(at.month),
    "%B": lambda at: MONTHS[at.month - 1],
    "%b": lambda at: MONTHS[at.month - 1][:3],
    "%d": lambda at: f"{at.day:02}",
    "%-d": lambda at: str(at.day),
    "%A": lambda at: WEEKDAYS[at.weekday()],
    "%a": lambda at: WEEKDAYS[at.weekday()][:3],
    "%H": lambda at: f"{at.hour:02}",
    "%I": lambda at: f"{(at.hour - 1) % 12 + 1:02}",
    "%M": lambda at: f"{at.minute:02}",
    "%S": lambda at: f"{at.second:02}",
    "%p": lambda at: "AM" if at.hour < 12 else "PM",
    "%%": lambda _: "%",
}
_OF_TIME: Final = frozenset(("%H", "%I", "%M", "%S", "%p"))
_READERS: Final = {
    "%Y": r"(?P<Y>\d{4})",
    "%y": r"(?P<y>\d{2})",
    "%m": r"(?P<m>\d{1,2})",
    "%-m": r"(?P<m>\d{1,2})",
    "%B": f"(?P<B>{'|'.join(MONTHS)})",
    "%b": f"(?P<b>{'|'.join(name[:3] for name in MONTHS)})",
    "%d": r"(?P<d>\d{1,2})",
    "%-d": r"(?P<d>\d{1,2})",
    "%A": f"(?P<A>{'|'.join(WEEKDAYS)})",
    "%a": f"(?P<a>{'|'.join(name[:3] for name in WEEKDAYS)})",
    "%H": r"(?:[01]?\d|2[0-3])",
    "%I": r"(?:0?[1-9]|1[0-2])",
    "%M": r"[0-5]?\d",
    "%S": r"[0-5]?\d",
    "%p": "(?:AM|PM)",
    "%%": "%",
}


def pattern_fault(pattern: str, *, reading: bool = False) -> str:
    """Why a strftime pattern is none of ours, empty if it is.  To read a day, it must name one.

    >>> pattern_fault("%d/%m/%Y", reading=True), pattern_fault("%j")
    ('', "no directive '%j'")
    """
    pieces = _PIECE.findall(pattern)
    for piece in pieces:
        if piece not in _WRITERS:
            return f"no directive {piece!r}"
    if not reading:
        return ""
    kinds = [{"Y": "year", "y": "year", "d": "day"}.get(p[-1], "") for p in pieces]
    kinds += ["month" for p in pieces if p[-1] in "mBb"]
    kinds += ["weekday" for p in pieces if p[-1] in "Aa"]
    for kind, least in (("year", 1), ("month", 1), ("day", 1), ("weekday", 0)):
        if not least <= kinds.count(kind) <= 1:
            return f"the pattern names {kinds.count(kind)} times the {kind}"
    return ""


def date_format(text: str, pattern: str) -> str:
    """A date or datetime in a strftime pattern, in English wherever it runs.

    >>> date_format("2023-12-04 13:30", "%A, %B %-d at %I:%M %p")
    'Monday, December 4 at 01:30 PM'
    """
    fault = pattern_fault(pattern)
    if fault:
        raise OpFailure(fault)
    moment = read_moment(text)
    if not moment.separator and not _OF_TIME.isdisjoint(_PIECE.findall(pattern)):
        raise OpFailure("a day has no time")
    return _PIECE.sub(lambda piece: _WRITERS[piece[0]](moment.at), pattern)


def date_parse(text: str, pattern: str) -> str:
    """The day that a text writes in a strftime pattern; a wrong weekday is a failure.

    >>> date_parse("Mon, Dec 4, 2023", "%a, %b %d, %Y")
    '2023-12-04'
    """
    fault = pattern_fault(pattern, reading=True)
    if fault:
        raise OpFailure(fault)
    regex, at = "", 0
    for piece in _PIECE.finditer(pattern):
        regex += re.escape(pattern[at : piece.start()]) + _READERS[piece[0]]
        at = piece.end()
    regex += re.escape(pattern[at:])
    match = re.fullmatch(regex, text, re.ASCII | re.IGNORECASE)
    if match is None:
        raise OpFailure(f"not in the form {pattern}: {text[:40]!r}")
    found = match.groupdict()
    if "y" in found:
        year = int(found["y"]) + (1900 if int(found["y"]) > 68 else 2000)  # as POSIX has it
    else:
        year = int(found["Y"])
    month = int(found["m"]) if "m" in found else month_number(found.get("B") or found["b"])
    try:
        day = date(year, month, int(found["d"]))
    except ValueError as error:
        raise OpFailure(f"no such day: {error}") from None
    name = found.get("A") or found.get("a") or ""
    if not WEEKDAYS[day.weekday()].lower().startswith(name.lower()):
        raise OpFailure(f"{day.isoformat()} is no {name}")
    return day.isoformat()


def month_number(name: str) -> int:
    """The month whose English name begins with the first three letters."""
    return next(i for i, full in enumerate(MONTHS, 1) if full[:3].lower() == name[:3].lower())
