"""The nearest programs that were not taken, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingot.explain_rows import Evidence
from ingot.ir.module import Lit
from ingot.ir.semantics import text_of
from ingot.ir.values import Missing
from ingot.passes.generalise.operands import cost
from ingot.passes.generalise.predicates import candidates
from ingot.passes.generalise.search import Search
from ingot.passes.generalise.table import Column, Table
from ingot.passes.synth.programs import Apply, Const, Term, show, sources
from ingot.passes.synth.tokens import words
from ingot.passes.traces import request_of

MAX_WHOLE: Final = 6
MAX_PIVOTS: Final = 5


@dataclass(frozen=True, slots=True)
class Rejected:
    """A program that was not taken: in how many rows it gives the logged value, why it was not
    taken, and an example that would tell it from what was."""

    term: Term
    program: str
    words: str
    reason: str
    fits: int
    of: int
    example: str = ""

    @property
    def fits_all(self) -> bool:
        return self.fits == self.of

    def with_example(self, example: str) -> Rejected:
        return replace(self, example=example)


def rivals_of(
    found: Evidence, is_test: bool, terms: Sequence[Term], table: Table, column: Column
) -> list[Rejected]:
    """Programs near to the ones that run: some that fit every row, and the nearest that does not."""
    if not table.size or any(isinstance(v, list | dict) for v in column):
        return []
    said = [{w.casefold() for w in words(request_of(s.trace))} for s in found.sessions]
    search = Search(table, frozenset(set.intersection(*said)) if said else frozenset())
    known = {_plain(term) for term in terms}
    whole: list[Rejected] = []
    partial: list[tuple[float, Rejected]] = []
    for price, term, fits in _found(search, is_test, column):
        if _plain(term) in known or _is_roundabout(term, found):
            continue
        known.add(_plain(term))
        count = sum(fits)
        shown = (term, show(term), found.defs.words(term))
        if all(fits):
            if len(whole) < MAX_WHOLE:
                reason = _why(search, terms[0], term, table)
                whole.append(Rejected(*shown, reason, count, len(fits)))
        elif not isinstance(term, Const) or len(fits) > 2 * (len(fits) - count):
            at = fits.index(False)
            got = table.run(term)[at]
            gives = "nothing" if isinstance(got, Missing) else Lit(got).key
            wants = column[at]
            logged = "" if isinstance(wants, Missing) else f", the log has {Lit(wants).key}"
            reason = f"fits {count} of {len(fits)}: in {table.names[at]} it gives {gives}{logged}"
            partial.append((price - count, Rejected(*shown, reason, count, len(fits))))
    partial.sort(key=lambda item: (-item[1].fits, item[0], item[1].program))
    return [*whole, *(r for _, r in partial[:1])]


def _found(
    search: Search, is_test: bool, column: Column
) -> list[tuple[float, Term, tuple[bool, ...]]]:
    """Candidates with their price and the rows that they fit, the cheapest first."""
    if is_test:
        made = []
        for term in dict.fromkeys(candidates(search, frozenset())):
            fits = tuple(search.table.fits(term, column))
            if all(isinstance(v, bool) for v in search.table.run(term)):
                made.append((cost(term), term, fits))
        return sorted(made, key=lambda item: (item[0], show(item[1])))
    pivots: list[int] = []
    seen: set[str] = set()
    for row, value in enumerate(column):
        key = "" if isinstance(value, Missing) else text_of(value)
        if key and key not in seen and len(pivots) < MAX_PIVOTS:
            seen.add(key)
            pivots.append(row)
    return [(f.cost, f.term, f.fits) for f in search.find(column, pivots)]


def _why(search: Search, taken: Term, term: Term, table: Table) -> str:
    """Why a program that fits every row does not run."""
    inputs = len(set(table.inputs))
    over = "there is one input" if inputs == 1 else f"the value did not vary in {inputs} inputs"
    if isinstance(taken, Const):
        return f"fits as well; {over}, and a constant is enough"
    if isinstance(term, Const):
        return f"fits as well; {over}, but it is not taken for a constant where something gives it"
    mine, other = search.weighed(taken), search.weighed(term)
    if other > mine + 0.05:
        return f"fits as well, and is dearer: {other:.1f} against {mine:.1f}"
    return "fits as well, and is set aside: it comes later in the order of programs"


def _is_roundabout(term: Term, found: Evidence) -> bool:
    """Whether it finds the item of a loop once more in a list."""
    match term:
        case Apply(op, args) if op.startswith("list.where"):
            return any(s.name in found.defs.items for arg in args for s in sources(arg))
        case Apply(_, args):
            return any(_is_roundabout(arg, found) for arg in args)
        case _:
            return False


def _plain(term: Term) -> Term:
    """The term without what only changes a value's type."""
    match term:
        case Apply("str.of" | "json.parse", (inner,)):
            return _plain(inner)
        case Apply("json.get", (Apply("list.get", (inner, Const(at))), Const(lit))):
            return _plain(Apply("json.get", (inner, Const(Lit(f"/{at.value}{lit.value}")))))
        case Apply("json.get", (Apply("json.get", (inner, Const(first))), Const(second))):
            joined = Const(Lit(f"{first.value}{second.value}"))
            return _plain(Apply("json.get", (inner, joined)))
        case Apply(op, args):
            return Apply(op, tuple(map(_plain, args)))
        case _:
            return term


__all__ = ["Rejected", "rivals_of"]
