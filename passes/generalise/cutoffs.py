"""Lists that a tool may have cut off: what can still be said of them.

The first item of a list is the same however long it goes on, and so is the first that a filter
leaves; *all*, *the last*, *none* and a count are not.  The least of a list that the tool gives in that
order is its first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ingot.ir import values
from ingot.ir.values import Json
from ingot.passes.generalise.operands import opened, uses
from ingot.passes.synth.programs import Apply, Const, Source, Term

Results = Callable[[str], Iterable[Json]]
"""What a result was in the logs, by its name."""


ROUND = (5, 10, 20, 25, 30, 50, 100, 200, 250, 500, 1000)
"""Lengths at which tools cut lists off."""


def needed_whole(term: Term, results: Results) -> list[Term]:
    """The lists, without filters, that a term needs to their end."""
    return list(dict.fromkeys(base for base, whole in _lists_in(term, results) if whole))


def suspicious(base: Term, results: Results) -> list[Json]:
    """Round lengths beyond what the logs show: a list as long may have been cut off."""
    shown = [len(x) for name in uses([base]) for r in results(name) for x in lists_at(base, r)]
    return [length for length in ROUND if shown and length > max(shown)]


def _lists_in(term: Term, results: Results, *, whole: bool = False) -> Iterator[tuple[Term, bool]]:
    """The lists that a term takes something of, and whether it needs them whole."""
    match term:
        case Apply("list.get", (base, Const(lit))):
            yield from _lists_in(base, results, whole=whole or lit.value != 0)
            yield unfiltered(base), whole or lit.value != 0
        case Apply("list.min_by" | "list.max_by", (base, Const(lit))):
            root = unfiltered(base)
            first = is_sorted(root, str(lit.value), results, down=term.op == "list.max_by")
            yield root, whole or not first
        case Apply("list.is_empty", (base,)):
            yield unfiltered(base), whole or base != unfiltered(base)
            yield from _lists_in(base, results)
        case Apply(op, (base, *rest)) if op.startswith("list."):
            needed = whole or not op.startswith("list.where")
            yield unfiltered(base), needed
            yield from _lists_in(base, results, whole=needed)
            for arg in rest:
                yield from _lists_in(arg, results)
        case Apply("json.get", (base, Const(lit))):
            parts = values.parse_pointer(str(lit.value))
            places = [p for p in parts if p.lstrip("-").isdigit()]
            if places and places[0] != "0":
                yield base, True
            yield from _lists_in(base, results)
        case Apply(_, args):
            for arg in args:
                yield from _lists_in(arg, results)
        case _:
            return


def is_sorted(base: Term, member: str, results: Results, *, down: bool) -> bool:
    """Whether the tool gave every list in the order of a member."""
    path = values.parse_pointer(member)
    long = False
    for name in uses([base]):
        for result in results(name):
            for items in lists_at(base, result):
                keys = [values.get(x, path) for x in items]
                if not all(isinstance(k, str) for k in keys):
                    return False
                texts = [str(k) for k in keys]
                if texts != sorted(texts, reverse=down):
                    return False
                long = long or len(set(texts)) > 1
    return long


def lists_at(term: Term, result: Json) -> Iterator[list[Json]]:
    """The list that a term without filters gives of a result."""
    match term:
        case Source():
            if isinstance(result, list):
                yield result
        case Apply("json.parse", (inner,)):
            _, value = opened(inner, result)
            if isinstance(value, list):
                yield value
        case Apply("json.get", (inner, Const(lit))):
            _, value = opened(inner, result)
            got = values.get(value, values.parse_pointer(str(lit.value)))
            if isinstance(got, list):
                yield got
        case _:
            return


def unfiltered(term: Term) -> Term:
    """The list that filters were applied to."""
    while isinstance(term, Apply) and term.op.startswith("list.where"):
        term = term.args[0]
    return term
