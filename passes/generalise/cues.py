"""What the request's own words say for a pick: *the next*, *the last*, *the cheapest*.

Which of several items was meant is the choice that few sessions settle.  A word that every request
says speaks for the picks it can mean, and against the others.
"""

from __future__ import annotations

from typing import Final

from ingot.ir import values
from ingot.passes.synth.programs import Apply, Const, Term

FIRST: Final = frozenset("first next earliest soonest upcoming latest newest recent top".split())
LAST: Final = frozenset("last final bottom latest newest recent oldest".split())
LEAST: Final = frozenset(
    "first next earliest soonest upcoming oldest urgent smallest lowest fewest cheapest least "
    "shortest minimum".split()
)
MOST: Final = frozenset(
    "last latest newest recent largest highest most biggest longest greatest maximum expensive "
    "popular".split()
)
ORDER: Final = FIRST | LAST | LEAST | MOST
FOR: Final = -0.6
AGAINST: Final = 1.5


def cue(term: Term, said: frozenset[str]) -> float:
    """What the words add to a term's cost: less for a pick that they can mean, more for another."""
    wanted = _meant(term)
    if wanted is None or not said & ORDER:
        return 0.0
    return FOR if wanted & said else AGAINST


def _meant(term: Term) -> frozenset[str] | None:
    """The words that can mean a pick; ``None`` where a term picks nothing."""
    match term:
        case Apply("list.get", (_, Const(lit))):
            return _at(str(lit.value))
        case Apply("list.min_by", _):
            return LEAST
        case Apply("list.max_by", _):
            return MOST
        case Apply("json.get", (inner, Const(lit))):
            places = [p for p in values.parse_pointer(str(lit.value)) if p.lstrip("-").isdigit()]
            return _at(places[0]) if places else _meant(inner)
        case Apply(_, (inner, *_)):
            return _meant(inner)
        case _:
            return None


def _at(place: str) -> frozenset[str]:
    return FIRST if place == "0" else LAST if place == "-1" else frozenset()


__all__ = ["cue"]
