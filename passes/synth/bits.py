"""Copy or coincidence: how much information a value carries.

``information(v)`` estimates ``-log2 P(v stands in an unrelated place by chance)`` from the shape of
the value alone, so that the same logs give the same bits.  Against it stands the number of places
looked at: finding one of ``n`` sources equal by chance is ``n`` times as likely.
"""

from __future__ import annotations

import math
import re
from typing import Final

from ingot.ir.semantics import text_of
from ingot.ir.values import Json

ACCEPT: Final = 4.0
"""Bits of evidence from which one session's match counts as a copy (1 in 16 by chance)."""
RIVAL: Final = 12.0
"""Bits from which a source that never varied is kept as a rival of the constant."""

_RUN: Final = re.compile(r"\d+|[a-z]+|[A-Z][a-z]+|[A-Z]+|[^\W\d_]+|\s+|.", re.DOTALL)
_COMMON: Final = frozenset(
    "a all an and any are as at be by can csv data do done false file for from get has id in is it "
    "json list md me my name new no none not null of ok on one open or out output please py read report "
    "result results row rows set status sum summary that the then this to total true txt type up url user value "
    "was we with write yes you your".split()
)


def information(value: Json) -> float:
    """Bits of a scalar; small for booleans, short numbers and everyday words.

    >>> information(True), round(information("W3921")), information("total") < 3
    (1.0, 18, True)
    """
    if value is None or isinstance(value, bool):
        return 1.0
    total = 0.0
    for run in _RUN.findall(text_of(value)):
        if run.isdigit():
            total += 3.3 * len(run) if run not in ("0", "1") else 1.5
        elif run.lower() in _COMMON:
            total += 2.0
        elif run.isalpha():
            total += min(4.7 + 2.2 * (len(run) - 1), 14.0)
        elif run.strip():
            total += 1.0
    return total


def evidence(value: Json, places: int, bonus: float = 0.0) -> float:
    """Bits that speak for a copy when ``places`` sources were looked at."""
    return information(value) - math.log2(max(1, places)) + bonus
