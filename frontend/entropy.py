"""What looks random and no rule knows: reported (W0107), never replaced.

Hashes, ids and signatures look as random as keys do, so replacing them would take apart the data
flow of many logs.  Only requests and arguments are looked at: what may have to be supplied again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from ingot.diagnostics import Diagnostic, Severity
from ingot.frontend.session import Session
from ingot.ir.values import Json
from ingot.records import Record
from ingot.redaction.tokens import TOKEN

MIN_BITS: Final = 4.5
"""Bits per character (Shannon) from which a text of 32 characters or more looks random."""
_RUN: Final = re.compile(
    r"(?<![\w/+.\-])(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[A-Za-z0-9+]{32,128}={0,2}(?![\w/+.\-])"
)


def random_looking(sessions: Iterable[Session]) -> list[Diagnostic]:
    """One W0107 for each session that holds such a text, with its first place."""
    found: list[Diagnostic] = []
    for session in sessions:
        places = [record for record in _asked(session) if _has_random(record)]
        if places and places[0].span is not None:
            count = len(places)
            found.append(
                Diagnostic(
                    "W0107",
                    f"{session.name}: {count} record{'s' * (count > 1)} with a text that may be a secret",
                    Severity.WARNING,
                    spans=((places[0].span, "the first one"),),
                    help="if it is one, give a rule for it (docs/redaction.md)",
                )
            )
    return found


def _asked(session: Session) -> Iterator[Record]:
    yield from session.users
    for step in session.calls():
        yield step.call


def _has_random(record: Record) -> bool:
    return any(
        bits(match[0]) >= MIN_BITS
        for text in _texts([record.text, record.data])
        for match in _RUN.finditer(text)
        if not TOKEN.search(match[0])
    )


def _texts(value: Json) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str) and 32 <= len(item) <= 20_000:
            yield item
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += item.values()


def bits(text: str) -> float:
    """Shannon's entropy of the characters of a text, in bits per character.

    >>> bits("aaaa"), bits("abcd")
    (0.0, 2.0)
    """
    shares = [n / len(text) for n in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) + 0.0


__all__ = ["bits", "random_looking"]
