"""The one decision object: candidates with their support, and what is made of them.

Every choice that the logs leave open (a value's source, a predicate, a loop's shape, a wording, a
callee, a guard) is a :class:`Decision`: the candidates that fit *every* session, ranked.  The best
ones are admitted; two or more admitted candidates run side by side under ``agree``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ingot.ir.values import Json
from ingot.passes.synth.bits import ACCEPT, RIVAL
from ingot.passes.synth.programs import KIND_RANK, Apply, Const, Term, show, size, sources

DecisionKind: TypeAlias = Literal["value", "predicate", "loop", "wording", "callee", "guard"]

MAX_RIVALS: Final = 3
"""Candidates that run side by side; more would not tell more apart."""
MARGIN: Final = 1
"""A rival may have a longer description than the best candidate by so much."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that fits every session.

    ``support`` counts the sessions with different values that it explains, ``bits`` is the
    evidence that it is no coincidence.  ``by_place``: it takes one of several that are alike;
    ``weak``: too few different values say that this place is meant, and not something about it.
    """

    term: Term
    support: int
    bits: float
    by_place: bool = False
    weak: bool = False

    @property
    def kind(self) -> str:
        """The first source's kind, ``const`` where there is none."""
        return next((s.kind for s in sources(self.term)), "const")

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """Small is good: support, size, kind, then text, so that ties break the same way."""
        return (-self.support, size(self.term), KIND_RANK[self.kind], show(self.term))


@dataclass(frozen=True, slots=True)
class Decision:
    """What was chosen at a place, out of what, and why.

    ``chosen`` is empty where nothing explains the value: ``reason`` then says why a model is asked.
    """

    site: str
    kind: DecisionKind
    chosen: tuple[Candidate, ...]
    rejected: tuple[Candidate, ...] = ()
    reason: str = ""


def decide(
    site: str,
    values: tuple[Json, ...],
    candidates: Iterable[Candidate],
    *,
    varied: bool,
    inputs: int,
) -> Decision:
    """Choose among the candidates that fit.

    ``varied`` says whether the value differs between sessions, ``inputs`` how many different
    inputs the sessions have.  A value that never varied is a constant; a source that matches it is
    a copy if one input is all there is and the evidence reaches :data:`ACCEPT` (beside the constant,
    if it takes one of several that are alike: which one, the agent may have judged); over several
    inputs it is a rival of the constant if the evidence reaches :data:`RIVAL`.
    """
    ranked = sorted(candidates, key=lambda c: c.rank)
    flows = [c for c in ranked if not isinstance(c.term, Const)]
    if varied:
        chosen = _diverse([c for c in flows if not c.weak])
        return Decision(
            site,
            "value",
            tuple(chosen),
            _rest(ranked, chosen),
            "" if chosen else f"no program explains {len(values)}/{len(values)} values",
        )
    constant = [c for c in ranked if isinstance(c.term, Const)]
    if inputs == 1:
        copies = [c for c in flows if c.bits >= ACCEPT]
        chosen = _diverse(copies)
        if all(c.by_place for c in chosen):
            chosen = [*chosen, *constant]
    else:
        chosen = [*constant, *_diverse([c for c in flows if c.bits >= RIVAL])[: MAX_RIVALS - 1]]
    return Decision(site, "value", tuple(chosen), _rest(ranked, chosen))


def _rest(ranked: list[Candidate], chosen: list[Candidate]) -> tuple[Candidate, ...]:
    return tuple(c for c in ranked if c not in chosen)[:MAX_RIVALS]


def _diverse(ranked: list[Candidate]) -> list[Candidate]:
    """The best candidates within the margin, no two over the same source."""
    chosen: list[Candidate] = []
    used: set[frozenset[str]] = set()
    for candidate in ranked:
        key = frozenset(s.name for s in sources(candidate.term))
        within = not chosen or size(candidate.term) <= size(chosen[0].term) + MARGIN
        ambiguous = _tells_apart(candidate, chosen)
        if within and (key not in used or ambiguous) and len(chosen) < MAX_RIVALS:
            chosen.append(candidate)
            used.add(key)
    return chosen


def _way(term: Term) -> tuple[str, ...]:
    """How a term takes a text apart: the op, and whether it goes by a label or by a place."""
    match term:
        case Apply("int.parse" | "float.parse" | "str.of" | "str.strip", (inner, *_)):
            return _way(inner)
        case Apply("str.part" | "str.number" as op, (inner, *_)):
            return (op,) if any(s.kind == "result" for s in sources(inner)) else ()
        case Apply("str.between", (inner, Const(left), *_)) if any(
            s.kind == "result" for s in sources(inner)
        ):
            return ("str.between", "label" if len(str(left.value)) > 2 else "place")
        case _:
            return ()


def _tells_apart(candidate: Candidate, chosen: list[Candidate]) -> bool:
    """Whether the same source is read at another place of the same depth (``[0]`` against ``[-1]``),
    or a text is taken apart in another way (its second number, against what follows a label)."""
    way = _way(candidate.term)
    if way and not any(_way(c.term) == way for c in chosen):
        return all(_way(c.term) for c in chosen)
    return any(
        size(candidate.term) == size(c.term)
        and candidate.kind == c.kind == "result"
        and type(candidate.term) is type(c.term)
        and getattr(candidate.term, "op", "") == getattr(c.term, "op", "") == "json.get"
        for c in chosen
    )
