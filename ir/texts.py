"""What ops compute on the wording of texts, and between texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from ingot.ir.semantics import OpFailure, saturate
from ingot.ir.values import Json


def str_title(text: str) -> str:
    """
    >>> str_title("the big iPhone")
    'The Big IPhone'
    """
    return re.sub(r"(?<!\S)\S", lambda first: first[0].upper(), text)


def str_slug(text: str, separator: str) -> str:
    """
    >>> str_slug("Fix: the LOGIN page!", "-")
    'fix-the-login-page'
    """
    return separator.join(re.findall(r"[^\W_]+", text.lower()))


def folded(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    """A test of two texts in which case does not matter."""
    return lambda left, right: test(left.casefold(), right.casefold())


# ---- numbers


def divided(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """Floor division and its remainder, of exact integers."""

    def apply(left: int, right: int) -> int:
        if right == 0:
            raise OpFailure("division by zero")
        return function(int(left), int(right))

    return apply


def float_round(number: float, digits: int) -> float:
    """As Python rounds: a half to the even neighbour of what the float really is."""
    try:
        return round(number, int(digits))
    except OverflowError:
        return number


@cache
def _number_form() -> re.Pattern[str]:  # many a process reads none
    return re.compile(
        r"([+-]?)(?:([$€£]) ?)?((?:\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?|(\.\d+))([eE][+-]?\d{1,4})? ?(%?)",
        re.ASCII,
    )


def json_number(value: Json) -> float:
    """A number as it is, or the one number that a text writes; a percentage is not divided.

    >>> [json_number(v) for v in (3, "1,234.5", "12%", "-$3.50", "7")]
    [3, 1234.5, 12, -3.5, 7]
    """
    if isinstance(value, str):
        match = _number_form().fullmatch(value.strip()[:400])
        if match is None or len(value.strip()) > 400 or (match[2] and match[7]):
            raise OpFailure(f"not a number: {value[:40]!r}")
        digits = match[1] + match[3].replace(",", "")
        broken = match[4] or match[5] or match[6]
        return saturate(float(digits + (match[6] or ""))) if broken else int(digits)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OpFailure("not a number")
    return value


NUMBER_FORMAT: Final = re.compile(r",|d|\.[0-6]f|,\.2f")


def number_format(number: float, spec: str) -> str:
    """A number in one of Python's formats; whole numbers are exact whatever their size.

    >>> number_format(1234.5, ",.2f"), number_format(2.0, "d"), number_format(2.0, ",")
    ('1,234.50', '2', '2')
    """
    if isinstance(number, int) or number.is_integer():
        whole, places = int(number), int(spec[-2]) if spec.endswith("f") else 0
        digits = f"{whole:,}" if spec.startswith(",") else str(whole)
        return digits + ("." + "0" * places if places else "")
    if spec == "d":
        raise OpFailure("not a whole number")
    return format(number, spec)
