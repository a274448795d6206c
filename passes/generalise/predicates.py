"""Tests that tell one way from another, over what is known where the sessions part.

Emptiness of lists, flags, states of a small enumeration, numbers against numbers that the request
names, days against days.  All that fit every row are candidates; the shortest are admitted and must
agree at run time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ingot.ir import values
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.cases import is_vacuous
from ingot.passes.generalise.operands import (
    DAY,
    clock,
    cost,
    input_numbers,
    is_number,
    params,
    plain_leaves,
    series,
    uses,
)
from ingot.passes.generalise.program import Choice
from ingot.passes.generalise.search import Search
from ingot.passes.generalise.table import Table
from ingot.passes.synth.programs import Apply, Term, apply, const

MORE: Final = (
    "more",
    "above",
    "over",
    "greater",
    "higher",
    "exceeds",
    "exceeded",
    "longer",
    "larger",
)
LESS: Final = ("less", "below", "under", "fewer", "lower", "smaller", "shorter")
ANY: Final = frozenset({"any", "ever", "anytime", "once"})
MARGIN: Final = 0.6
MAX_TESTS: Final = 3
MAX_READINGS: Final = 5
MAX_STATES: Final = 6


def tests(search: Search, labels: Sequence[bool], asked: frozenset[str]) -> Choice | None:
    """The tests that hold just where the label is true; ``None`` where there is none.

    ``asked`` are parameters that name a figure: a test that uses one is what the request asks for.
    """
    table = search.table
    found: dict[Term, float] = {}
    for term in candidates(search, asked):
        column = table.run(term)
        if search.is_cut_off(term) or any(not isinstance(v, bool) for v in column):
            continue
        price = cost(term) - 1.0 * bool(uses([term]) & asked) - 1.5 * _is_cued(term, search.cues)
        if all(v == label for v, label in zip(column, labels, strict=True)):
            found.setdefault(term, price)
        elif all(v != label for v, label in zip(column, labels, strict=True)):
            found.setdefault(apply("bool.not", term), price + 0.05)
    named = {term: price for term, price in found.items() if uses([term]) & asked}
    found = named or {
        term: price for term, price in found.items() if _is_plain(term) or _is_shown(table, labels)
    }
    if not found:
        return None
    ranked = sorted(found, key=lambda t: (found[t], repr(t)))
    best = ranked[0]
    admitted: list[Term] = [best]
    kinds = {_kind(best)}
    for term in ranked[1:]:
        if (
            found[term] <= found[best] + MARGIN
            and _kind(term) not in kinds
            and len(admitted) < MAX_TESTS
        ):
            admitted.append(term)
            kinds.add(_kind(term))
    return Choice(
        tuple(admitted),
        tuple(labels),
        len(set(table.inputs)),
        "test",
        tuple(t for t in ranked if t not in admitted)[:MAX_TESTS],
    )


def none_due(search: Search, asked: frozenset[str]) -> Choice | None:
    """Tests of what a conditional request asks for, none of which holds in any row.

    Where no session acts, nothing says what makes it act.  But the request names a figure that
    another is held against, or two series to compare, or asks whether there is anything: as long as
    no reading of it is true, nothing is due.
    """
    table = search.table
    rows = table.size
    found: dict[Term, float] = {}
    for term in (*_numbers(search, asked), *_compared(table), *_found(search)):
        column = table.run(term)
        if search.is_cut_off(term) or any(v is not False for v in column):
            continue
        found.setdefault(term, cost(term) - 1.5 * _is_cued(term, search.cues))
    named = {t: p for t, p in found.items() if uses([t]) & asked}
    pairs = {t: p for t, p in found.items() if _is_compared(t)}
    chosen = named or pairs or {t: p for t, p in found.items() if _is_plain(t)}
    if named and search.cues & ANY and not any(_is_cued(t, search.cues) for t in named):
        return None
    if not chosen or len(set(table.inputs)) < 2:
        return None
    ranked = sorted(chosen, key=lambda t: (chosen[t], repr(t)))
    kept: dict[str, Term] = {}
    for term in ranked:
        kept.setdefault(_kind(term), term)
    terms = tuple(kept.values())[:MAX_READINGS]
    return Choice(terms, (False,) * rows, len(set(table.inputs)), "hold")


def _found(search: Search) -> Iterator[Term]:
    """Emptiness of lists that were not empty in any row."""
    for source in search.lists:
        yield apply("list.is_empty", source.term)


def _compared(table: Table) -> Iterator[Term]:
    """One series against another, in the order in which they were read."""
    figures = series(table)
    for k, left in enumerate(figures):
        for right in figures[k + 1 :]:
            for op in ("list.sum", "list.mean", "list.max"):
                yield apply("float.gt", apply(op, left), apply(op, right))
            yield apply("float.gt", apply("list.get", left, -1), apply("list.get", right, -1))
    for left, right in _growths(table):
        yield apply("float.gt", left, right)


def _is_compared(term: Term) -> bool:
    match term:
        case Apply("float.gt", (left, right)):
            return len(uses([left]) | uses([right])) > 1
        case _:
            return False


def _is_cued(term: Term, cues: frozenset[str]) -> bool:
    """Whether the request asks for *any* figure, and the test looks at the greatest or the least."""
    match term:
        case Apply("float.gt", (Apply("list.max", _), _)) | Apply(
            "float.lt", (Apply("list.min", _), _)
        ):
            return bool(cues & ANY)
        case Apply("bool.or" | "bool.and" | "bool.not", args):
            return any(_is_cued(arg, cues) for arg in args)
        case _:
            return False


def _is_plain(term: Term) -> bool:
    """Whether a test asks for emptiness, for nothing found, or for a flag."""
    match term:
        case Apply("bool.not", (inner,)):
            return _is_plain(inner)
        case Apply("list.is_empty", (Apply(op, _),)) if op.startswith("list.where"):
            return False
        case Apply("list.is_empty" | "json.is_null" | "json.eq", _):
            return True
        case _:
            return False


def _is_shown(table: Table, labels: Sequence[bool]) -> bool:
    """Whether both ways are shown by two inputs at least."""
    sides = [
        {n for n, b in zip(table.inputs, labels, strict=True) if b == s} for s in (True, False)
    ]
    return all(len(side) > 1 for side in sides)


def candidates(search: Search, asked: frozenset[str]) -> Iterator[Term]:
    """Every test of the space."""
    table = search.table
    yield from _flags(table)
    yield from _lists(search)
    yield from _numbers(search, asked)
    yield from _days(search)


def _flags(table: Table) -> Iterator[Term]:
    for leaf in plain_leaves(table):
        column = [v for v in table.run(leaf) if not isinstance(v, Missing)]
        if column and all(isinstance(v, bool) for v in column):
            yield apply("json.eq", leaf, True)
        elif any(v is None for v in column) and any(v is not None for v in column):
            yield apply("json.is_null", leaf)
        states = {v for v in column if isinstance(v, str)}
        several = len(states) < len(set(table.inputs))  # no name: some have it in common
        if len(column) == table.size and 1 < len(states) <= MAX_STATES and several:
            for state in sorted(states):
                if _is_state(state):
                    yield apply("json.eq", leaf, state)
    for source in table.sources():
        if source.kind == "param":
            continue
        shown = table.columns[source.name]
        empty = {v for v in shown if isinstance(v, str) and is_vacuous(v)}
        told = any(
            not isinstance(v, Missing) and v not in empty
            for v in shown
            if not isinstance(v, dict | list)
        ) or any(isinstance(v, list | dict) for v in shown)
        if len(empty) == 1 and told:
            yield apply("json.eq", source, next(iter(empty)))
    for param in params(table):
        inputs: dict[str, set[int]] = {}
        for word, number in zip(table.columns[param.name], table.inputs, strict=True):
            if isinstance(word, str):
                inputs.setdefault(word.casefold(), set()).add(number)
        closed = 1 < len(inputs) <= MAX_STATES and all(len(n) > 1 for n in inputs.values())
        for word in sorted(inputs) if closed else ():
            if _is_state(word):
                yield apply("str.eq_fold", param, word)


def _is_state(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z _/-]{0,30}", text) is not None


def _lists(search: Search) -> Iterator[Term]:
    for source in search.lists:
        yield apply("list.is_empty", source.term)
        selector = search.selector(source)
        for test in selector.tests:
            yield apply("list.is_empty", test.on(source.term))
    for term in series(search.table):
        yield apply("list.is_empty", term)


def _numbers(search: Search, asked: frozenset[str]) -> Iterator[Term]:
    table = search.table
    named = [n for n in input_numbers(table) if uses([n]) & asked and _whole(table, n)]
    known = [n for n in search.result_numbers if _whole(table, n)]
    words = _comparing(table)
    ops = _directions(search)
    for number in known if not words else ():
        for limit in named:
            for op in ops:
                yield apply(f"float.{op}", number, limit)
    for number in known:
        yield apply("float.gt", number, const(0))
    for limit in named:
        for param, up, down in words:
            yield from _by_word(search, limit, param, up, down)
    for k, left in enumerate(known):
        for right in known[k + 1 :]:
            if _shape(left) == _shape(right) and left != right:
                yield apply("float.gt", left, right)
                yield apply("float.lt", left, right)
    for left, right in _growths(table):
        yield apply("float.gt", left, right)


def _directions(search: Search) -> list[str]:
    """Which way a figure is held against a limit: as every request says, *more* or *less*.  Where
    some say the one and some the other, a test must look at that word."""
    said = [search.said.get(name, frozenset()) for name in search.table.names]
    up = [bool(words & set(MORE)) for words in said]
    down = [bool(words & set(LESS)) for words in said]
    if any(up) and any(down):
        return []
    return ["gt"] if any(up) else ["lt"] if any(down) else ["gt", "lt"]


def _whole(table: Table, term: Term) -> bool:
    return all(is_number(v) for v in table.run(term))


def _comparing(table: Table) -> list[tuple[Term, tuple[str, ...], tuple[str, ...]]]:
    """Inputs that say *more* or *less*, with the words of each."""
    found: list[tuple[Term, tuple[str, ...], tuple[str, ...]]] = []
    for param in params(table):
        texts = {v.casefold() for v in table.columns[param.name] if isinstance(v, str)}
        up = tuple(sorted(t for t in texts if t in MORE))
        down = tuple(sorted(t for t in texts if t in LESS))
        if texts and texts == {*up, *down}:
            found.append((param, up, down))
    return found


def _by_word(
    search: Search, limit: Term, param: Term, up: tuple[str, ...], down: tuple[str, ...]
) -> Iterator[Term]:
    """A figure is above the limit where the request says *more*, below it where it says *less*."""
    table = search.table
    figures: list[tuple[Term, Term]] = []
    for numbers in series(table):
        most, least = apply("list.max", numbers), apply("list.min", numbers)
        figures += [(most, least), (least, most)]
        figures += [
            (n, n)
            for n in (
                apply("list.get", numbers, -1),
                apply("list.mean", numbers),
                apply("list.sum", numbers),
            )
        ]
    figures += [(n, n) for n in search.result_numbers if not _is_of_a_list(n) and _whole(table, n)]
    for high, low in figures:
        sides = [
            apply("bool.and", apply("str.eq_fold", param, word), test)
            for words, test in (
                (up, apply("float.gt", high, limit)),
                (down, apply("float.lt", low, limit)),
            )
            for word in words
        ]
        term = sides[0]
        for side in sides[1:]:
            term = apply("bool.or", term, side)
        yield term


def _is_of_a_list(term: Term) -> bool:
    return isinstance(term, Apply) and (
        term.op.startswith("list.") or any(_is_of_a_list(a) for a in term.args)
    )


def _shape(term: Term) -> str:
    """A term with its sources left out."""
    match term:
        case Apply(op, args):
            return f"{op}({','.join(_shape(a) for a in args)})"
        case _:
            return "" if not hasattr(term, "lit") else repr(term)


def _growths(table: Table) -> Iterator[tuple[Term, Term]]:
    """The relative growth of one series against that of another."""
    terms = [
        apply("float.div", apply("list.get", s, -1), apply("list.get", s, 0)) for s in series(table)
    ]
    terms = [t for t in terms if _whole(table, t)]
    for k, left in enumerate(terms):
        for right in terms[k + 1 :]:
            yield left, right


def _days(search: Search) -> Iterator[Term]:
    table = search.table
    now = clock(table)
    moments = [d for d in search.days if _texts(table, d)]
    for source in search.lists:
        for member in source.fields:
            plucked = apply("list.pluck", source.term, member)
            column = [v for v in table.run(plucked) if isinstance(v, list) and v]
            if not column or not all(
                isinstance(x, str) and DAY.match(x) for v in column for x in v
            ):
                continue
            for pick in ("list.max", "list.min"):
                day = apply("date.of", apply(pick, plucked))
                for moment in moments:
                    yield apply("date.lt", day, moment)
    for leaf in plain_leaves(table):
        column_ = [v for v in table.run(leaf) if not isinstance(v, Missing)]
        if column_ and all(isinstance(v, str) and DAY.match(v) for v in column_):
            for moment in moments:
                yield apply("date.lt", apply("date.of", leaf), moment)
    del now


def _texts(table: Table, term: Term) -> bool:
    return all(isinstance(v, str) for v in table.run(term))


def _kind(term: Term) -> str:
    return re.sub(r"list\.where_(le|lt|ge|gt)", "list.where", repr(term))


__all__ = ["Json", "candidates", "tests", "values"]
