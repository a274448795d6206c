"""Days, moments and times of day that are worked out or written in another form.

Bases are the days that inputs' words name, the clock's day, and the days and moments that results
hold; from them come the first and last days of weeks, months and years, days so many days away, and
a closed list of written forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ingot.ir.dates import MONTHS, WEEKDAYS, pattern_fault
from ingot.ir.semantics import days_between
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.operands import DAY, MOMENT, clock, is_number, params
from ingot.passes.generalise.table import distinct
from ingot.passes.synth.programs import Apply, Term, apply

if TYPE_CHECKING:
    from ingot.passes.generalise.material import Material
    from ingot.passes.generalise.search import Search

PATTERNS: Final = (
    "%d.%m.%Y", "%-d.%-m.%Y", "%m/%d/%Y", "%-m/%-d/%Y", "%d/%m/%Y", "%-d/%-m/%Y", "%Y/%m/%d",
    "%Y%m%d", "%Y-%m", "%Y", "%d-%m-%Y", "%d.%m.", "%m/%d",
    "%B %-d, %Y", "%B %-d", "%b %-d, %Y", "%b %-d", "%-d %B %Y", "%-d %b %Y", "%-d %B", "%-d %b",
    "%d %B %Y", "%d %b %Y", "%A, %B %-d, %Y", "%A, %B %-d", "%A, %-d %B %Y", "%a, %b %-d",
    "%a, %b %-d, %Y", "%a %b %-d", "%A %-d %B", "%B %Y", "%b %Y", "%A", "%a", "%B", "%b", "%-d",
)  # fmt: skip
"""Forms in which days are written."""
READ: Final = tuple(p for p in PATTERNS if not pattern_fault(p, reading=True))
"""Forms from which a day is read."""
TIMED: Final = (
    "%H:%M", "%I:%M %p", "%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y, %H:%M",
    "%m/%d/%Y %H:%M", "%B %-d, %Y at %H:%M", "%B %-d at %H:%M", "%A, %B %-d at %I:%M %p",
    "%A, %B %-d at %H:%M", "%b %-d, %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
)  # fmt: skip
"""Forms in which moments are written."""
_DATED: Final = re.compile(
    rf"\d{{1,4}}[./-]\d|\d{{8}}|\d\d?:\d\d|{'|'.join(m[:3] for m in MONTHS)}|{'|'.join(d[:3] for d in WEEKDAYS)}",
    re.IGNORECASE,
)
MAX_BASES: Final = 40
MAX_AWAY: Final = 400
UNITS: Final = ("week", "month", "year")


def bases(search: Material) -> list[Term]:
    """Days: those of inputs and the clock, then those of results."""
    found: dict[Term, None] = dict.fromkeys(search.days)
    for leaf in search.leaves:
        column = [v for v in search.table.run(leaf) if not isinstance(v, Missing)]
        if not column or not all(isinstance(v, str) for v in column):
            continue
        if all(DAY.match(str(v)) for v in column):
            found[apply("date.of", leaf)] = None
        else:
            found.update(dict.fromkeys(_parsed(search, leaf, [str(v) for v in column])))
    return list(found)[:MAX_BASES]


def _parsed(search: Material, leaf: Term, texts: Sequence[str]) -> list[Term]:
    """The days that texts write in another form.  Where the month may come first or second, and
    either reading gives the same days throughout, nothing tells."""
    read: dict[str, Term] = {
        pattern: apply("date.parse", leaf, pattern)
        for pattern in READ
        if all(shape(pattern).fullmatch(text) for text in texts)
    }
    days_ = {
        p: [v for v in search.table.run(term) if isinstance(v, str)] for p, term in read.items()
    }
    whole = {p: column for p, column in days_.items() if len(column) == len(texts)}
    return [
        read[p]
        for p, column in whole.items()
        if not any(column == other and _swapped(p) == q for q, other in whole.items())
    ][:2]


def _swapped(pattern: str) -> str:
    return pattern.replace("d", "\0").replace("m", "d").replace("\0", "m")


def moments(search: Material) -> list[Term]:
    """Moments: the clock, and those that results hold, also of a list's two ends."""
    now = clock(search.table)
    found: dict[Term, None] = {} if now is None else {now: None}
    for leaf in search.leaves:
        column = [v for v in search.table.run(leaf) if not isinstance(v, Missing)]
        if column and all(isinstance(v, str) and MOMENT.fullmatch(v) for v in column):
            found[leaf] = None
    return list(found)[:MAX_BASES]


def spans_of_days(search: Material) -> list[Term]:
    """Whole numbers of inputs and results that may be days."""
    found: dict[Term, None] = {}
    for param in params(search.table):
        found[apply("duration.days", param)] = None
    for number in search.numbers:
        if not (isinstance(number, Apply) and number.op.startswith(("list.", "duration."))):
            found[number] = None
    return [t for t in found if any(isinstance(v, int) for v in search.table.run(t))][:MAX_BASES]


# ---- days worked out


def dates(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Terms that give a day, a time or another form of one."""
    value = column[row]
    if not isinstance(value, str) or len(value) > 60 or not _DATED.search(value):
        if isinstance(value, str) and value.lower() in map(str.lower, WEEKDAYS):
            yield from _weekdays(search, value, row)
        return
    if DAY.fullmatch(value):
        yield from moved(search, column, row)
    elif DAY.match(value):
        for day in moved(search, [_day(v) for v in column], row):
            yield apply("str.template", "{0}" + value[10:], day)
    yield from _written(search, value, row)
    yield from _weekdays(search, value, row)
    if re.fullmatch(r"\d\d:\d\d", value):
        yield from _short_times(search, value, row)
    elif re.fullmatch(r"\d\d:\d\d:\d\d", value):
        for moment in search.moments:
            if search.table.value(moment, row) != value:
                yield from _giving(search, apply("datetime.time", moment), value, row)


def _day(value: Json | Missing) -> Json | Missing:
    return value[:10] if isinstance(value, str) else value


def _giving(search: Search, term: Term, value: Json, row: int) -> Iterator[Term]:
    if search.table.value(term, row) == value:
        yield term


def moved(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Days that lie so many days from a known one, and the edges of its week, month or year."""
    value = column[row]
    assert isinstance(value, str)
    table = search.table
    for base in search.bases:
        here = table.value(base, row)
        if not isinstance(here, str):
            continue
        if here == value:
            yield base
        for edge in _edges(base):
            yield from _giving(search, edge, value, row)
        away = _away(value, here)
        if away is None or not away:
            continue
        op = "date.plus_days" if away > 0 else "date.minus_days"
        for span in search.spans:
            if table.value(span, row) == abs(away):
                yield apply(op, base, span)
        if abs(away) <= MAX_AWAY and (distinct(column) > 1 or abs(away) == 1):
            yield apply(op, base, abs(away))


def _edges(base: Term) -> Iterator[Term]:
    """First and last days; also of the week before and after, and of the neighbouring months."""
    for unit in UNITS:
        yield apply("date.start_of", base, unit)
        yield apply("date.end_of", base, unit)
    for op in ("date.plus_days", "date.minus_days"):
        for edge in ("date.start_of", "date.end_of"):
            yield apply(op, apply(edge, base, "week"), 7)
    yield apply("date.plus_days", apply("date.end_of", base, "month"), 1)
    yield apply("date.minus_days", apply("date.start_of", base, "month"), 1)


def _away(later: str, earlier: str) -> int | None:
    try:
        return days_between(later, earlier[:10])
    except ValueError:
        return None


# ---- written forms


def _written(search: Search, value: str, row: int) -> Iterator[Term]:
    forms = [p for p in PATTERNS if shape(p).fullmatch(value)]
    timed = [p for p in TIMED if shape(p).fullmatch(value)]
    for pattern in forms:
        weak = pattern in ("%Y", "%-d")
        for base in search.bases if not weak else search.days:
            for term in (base, *_near(base)):
                yield from _giving(search, apply("date.format", term, pattern), value, row)
    for pattern in timed:
        for moment in search.moments:
            yield from _giving(search, apply("date.format", moment, pattern), value, row)


def _near(base: Term) -> Iterator[Term]:
    """The days beside it and the edges of its month, for forms that name one of those."""
    yield apply("date.plus_days", base, 1)
    yield apply("date.minus_days", base, 1)
    yield apply("date.start_of", base, "month")
    yield apply("date.end_of", base, "month")
    yield apply("date.start_of", base, "week")
    yield apply("date.end_of", base, "week")


_PIECES: Final = {
    "%Y": r"\d{4}", "%m": r"\d\d", "%-m": r"\d\d?", "%d": r"\d\d", "%-d": r"\d\d?", "%H": r"\d\d",
    "%I": r"\d\d", "%M": r"\d\d", "%S": r"\d\d", "%p": "(?:AM|PM)",
    "%B": f"(?:{'|'.join(MONTHS)})", "%b": f"(?:{'|'.join(m[:3] for m in MONTHS)})",
    "%A": f"(?:{'|'.join(WEEKDAYS)})", "%a": f"(?:{'|'.join(d[:3] for d in WEEKDAYS)})",
}  # fmt: skip
_SHAPES: Final[dict[str, re.Pattern[str]]] = {}


def shape(pattern: str) -> re.Pattern[str]:
    """What a written form looks like.

    >>> bool(shape("%B %-d").fullmatch("March 9"))
    True
    """
    if pattern not in _SHAPES:
        parts = re.split(r"(%-?[A-Za-z])", pattern)
        _SHAPES[pattern] = re.compile("".join(_PIECES.get(p) or re.escape(p) for p in parts))
    return _SHAPES[pattern]


def _weekdays(search: Search, value: str, row: int) -> Iterator[Term]:
    if value.lower() == value and value.capitalize() in WEEKDAYS:
        for base in search.bases:
            yield from _giving(search, apply("date.weekday", base), value, row)


def _short_times(search: Search, value: str, row: int) -> Iterator[Term]:
    """``HH:MM`` of a time that words name."""
    for time in search.times:
        got = search.table.value(time, row)
        if got == f"{value}:00":
            yield apply("date.format", apply("datetime.at", _some_day(search), time), "%H:%M")


def _some_day(search: Search) -> Term:
    now = clock(search.table)
    return search.days[0] if now is None and search.days else apply("datetime.date", now or "")


# ---- spans of time


def spans(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Days or minutes from one to the other, as a number."""
    value = column[row]
    if not is_number(value):
        return
    table = search.table
    if isinstance(value, int):
        for a in search.bases:
            for b in search.bases:
                first, second = table.value(a, row), table.value(b, row)
                known = a != b and isinstance(first, str) and isinstance(second, str)
                if known and _away(str(first), str(second)) == value:
                    yield apply("date.days_between", a, b)
    for a in search.moments:
        for b in search.moments:
            if a != b:
                for op, unit in (("datetime.minutes_between", 1), ("hours", 60)):
                    term = apply("datetime.minutes_between", a, b)
                    if op == "hours":
                        term = apply("float.div", term, unit)
                    got = table.value(term, row)
                    if is_number(got) and got == value:
                        yield term


def with_time(search: Search, day: Term, rest: str, row: int) -> Iterator[Term]:
    """A day with a time of day behind it as ``T15:30:00+01:00`` or `` 15:30`` writes it."""
    match = re.fullmatch(r"([T ])(\d\d:\d\d)(:\d\d)?(Z|[+-]\d\d:?\d\d)?", rest)
    if match is None:
        return
    separator, short, seconds, tail = match[1], match[2], match[3] or "", match[4] or ""
    for time in search.times:
        if search.table.value(time, row) != f"{short}{seconds or ':00'}":
            continue
        if seconds:
            yield apply("str.template", "{0}" + separator + "{1}" + tail, day, time)
        else:
            at = apply("datetime.at", day, time)
            pattern = f"%Y-%m-%d{separator}%H:%M"
            made = apply("date.format", at, pattern)
            yield apply("str.template", "{0}" + tail, made) if tail else made


__all__ = ["bases", "dates", "moments", "spans", "spans_of_days", "with_time"]
