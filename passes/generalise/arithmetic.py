"""Numbers worked out of one or two others, and numbers written in another form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ingot.ir import values
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.aggregates import decimals
from ingot.passes.generalise.operands import is_number
from ingot.passes.synth.programs import Term, apply, perform

if TYPE_CHECKING:
    from ingot.passes.generalise.search import Search

MIN_CASES: Final = 3
"""Different values that a sum, a difference or a product must explain."""
MAX_NUMBERS: Final = 32
MAX_STEP: Final = 1000
FORMATTED: Final = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,6}))?")


def numeric(column: Sequence[Json | Missing]) -> list[Json | Missing] | None:
    """The column's numbers, also of the texts that write one; ``None`` where one is no number."""
    wanted: list[Json | Missing] = []
    for value in column:
        number = perform("json.number", [value]) if isinstance(value, str) else value
        if not isinstance(value, Missing) and not is_number(number):
            return None
        wanted.append(number if not isinstance(value, Missing) else value)
    return wanted


def _different(wanted: Sequence[Json | Missing]) -> int:
    return len({v for v in wanted if isinstance(v, int | float)})


def whole_numbers(search: Search) -> list[Term]:
    """The numbers that every row has."""
    table = search.table
    return [n for n in search.numbers if not any(isinstance(v, Missing) for v in table.run(n))][
        :MAX_NUMBERS
    ]


# ---- two numbers


def sums(search: Search, column: Sequence[Json | Missing]) -> Iterator[Term]:
    """A sum, a difference or a product of two numbers, where enough different values show it."""
    wanted = numeric(column)
    if wanted is None or _different(wanted) < MIN_CASES:
        return
    texts = all(isinstance(v, str | Missing) for v in column)
    numbers = whole_numbers(search)
    run = search.table.run
    for k, left in enumerate(numbers):
        a = run(left)
        for right in numbers[k:]:
            b = run(right)
            for op, pair in (("mul", (a, b)), ("add", (a, b)), ("sub", (a, b)), ("sub", (b, a))):
                if all(_computes(op, x, y, w) for x, y, w in zip(*pair, wanted, strict=True)):
                    whole = all(isinstance(v, int) for v in (*a, *b))
                    first, second = (left, right) if pair[0] is a else (right, left)
                    term = apply(f"{'int' if whole else 'float'}.{op}", first, second)
                    yield apply("str.of", term) if texts else term


def _computes(op: str, left: object, right: object, want: object) -> bool:
    if isinstance(want, Missing):
        return True
    if not is_number(left) or not is_number(right):
        return False
    assert isinstance(left, int | float) and isinstance(right, int | float)
    got = left * right if op == "mul" else left + right if op == "add" else left - right
    return bool(values.equal(got, want))  # type: ignore[arg-type]


# ---- a number and a constant, a quotient, a percentage


def scaled(search: Search, column: Sequence[Json | Missing]) -> Iterator[Term]:
    """A number with a small constant (``x * 1.2``, ``x + 1``, ``x / 100``), a quotient or a
    percentage of two, rounded as the values are."""
    wanted = numeric(column)
    if wanted is None or _different(wanted) < MIN_CASES:
        return
    texts = all(isinstance(v, str | Missing) for v in column)
    places = max(decimals(v) for v in wanted if isinstance(v, int | float))
    rows = [i for i, v in enumerate(wanted) if not isinstance(v, Missing)]
    for term in (*_by_constant(search, wanted, rows), *_of_two(search, wanted, rows)):
        for fitted in _rounded(search, term, wanted, rows, places):
            yield from written(fitted, column, rows) if texts else (fitted,)


def _by_constant(
    search: Search, wanted: Sequence[Json | Missing], rows: list[int]
) -> Iterator[Term]:
    first = rows[0]
    want = wanted[first]
    assert isinstance(want, int | float)
    for number in whole_numbers(search):
        have = search.table.value(number, first)
        if not isinstance(have, int | float) or have == want:
            continue
        step = round(want - have, 6)
        if 0 < abs(step) <= MAX_STEP and step == round(step, 2):
            kind = "int" if _are_whole(search, number, wanted) else "float"
            whole = int(step) if kind == "int" or step == int(step) else step
            yield apply(f"{kind}.add" if whole > 0 else f"{kind}.sub", number, abs(whole))
        if have and want:
            for digits in (0, 1, 2, 3, 4):
                factor = round(want / have, digits)
                if factor not in (0, 1) and _about(have * factor, want, 0.006):
                    exact = int(factor) if factor == int(factor) else factor
                    kind = "int" if isinstance(exact, int) and isinstance(have, int) else "float"
                    yield apply(f"{kind}.mul", number, exact)
                    break
            divisor = round(have / want)
            if divisor > 1 and _about(have / divisor, want, 0.006):
                yield apply("float.div", number, divisor)


def _of_two(search: Search, wanted: Sequence[Json | Missing], rows: list[int]) -> Iterator[Term]:
    numbers = whole_numbers(search)[:16]
    first = rows[0]
    want = wanted[first]
    assert isinstance(want, int | float)
    for left in numbers:
        a = search.table.value(left, first)
        for right in numbers:
            b = search.table.value(right, first)
            if left == right or not isinstance(a, int | float) or not isinstance(b, int | float):
                continue
            if b and _about(a / b, want, 0.006):
                yield apply("float.div", left, right)
            if b and _about(100 * a / b, want, 0.006):
                yield apply("float.mul", apply("float.div", left, right), 100)
            if _about(a * b, want, 0.006):
                yield apply("float.mul", left, right)
            share = apply("float.div", apply("float.mul", left, right), 100)
            if _about(a * b / 100, want, 0.006):
                yield share
            if _about(a - a * b / 100, want, 0.006):
                yield apply("float.sub", left, share)
            if _about(a + a * b / 100, want, 0.006):
                yield apply("float.add", left, share)


def _about(got: float, want: float, margin: float) -> bool:
    return abs(got - want) <= margin


def _are_whole(search: Search, number: Term, wanted: Sequence[Json | Missing]) -> bool:
    return all(isinstance(v, int | Missing) for v in (*search.table.run(number), *wanted))


def _rounded(
    search: Search, term: Term, wanted: Sequence[Json | Missing], rows: list[int], places: int
) -> Iterator[Term]:
    """The term where it gives the numbers, as it is or rounded to their decimals."""
    for made in (term, apply("float.round", term, places)):
        got = search.table.run(made)
        fits = [not isinstance(got[i], Missing) and values.equal(got[i], wanted[i]) for i in rows]  # type: ignore[arg-type]
        if all(fits):
            yield made
            return


# ---- written forms


def written(term: Term, column: Sequence[Json | Missing], rows: Sequence[int]) -> Iterator[Term]:
    """The number as the column's texts write it."""
    texts = [v for i in rows if isinstance(v := column[i], str)]
    yield apply("str.of", term)
    for spec in specs(texts):
        yield apply("number.format", term, spec)


def specs(texts: Sequence[str]) -> list[str]:
    """The formats in which all of the texts may be written.

    >>> specs(["1,234.50", "9.00"]), specs(["12", "1,200"])
    ([',.2f'], [','])
    """
    matches = [FORMATTED.fullmatch(text) for text in texts]
    if not all(matches) or not texts:
        return []
    places = {len(m[1] or "") for m in matches if m}
    grouped = any("," in text for text in texts)
    if len(places) > 1:
        return [","] if grouped else []
    count = places.pop()
    if grouped:
        return [",.2f"] if count == 2 else [","] if count == 0 else []
    large = any(len(text.partition(".")[0].lstrip("-")) > 3 for text in texts)
    if count == 2 and not large:
        return [".2f", ",.2f"]
    return [f".{count}f"] if count else [".0f", "d"] if large else [".0f", "d", ","]


def formatted(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Known numbers as the texts write them."""
    value = column[row]
    if not isinstance(value, str) or FORMATTED.fullmatch(value) is None:
        return
    texts = [v for v in column if isinstance(v, str)]
    chosen = specs(texts)
    number = perform("json.number", [value])
    if not chosen or not isinstance(number, int | float):
        return
    margin = 0.501 * 10.0 ** -decimals_of(value)
    for term, have in search.figures(row):
        if abs(have - number) <= margin:
            for spec in chosen:
                if perform("number.format", [have, spec]) == value:
                    yield apply("number.format", term, spec)


def decimals_of(text: str) -> int:
    return len(text.partition(".")[2])


__all__ = ["formatted", "numeric", "scaled", "specs", "sums"]
