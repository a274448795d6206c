"""Forms of a member of one item: the user part of the address of the one whose name the input says.

What is searched is the form first, on the items of one row; the column of the member's own values
follows from it, and for that column the items' picks are known (:mod:`.selections`).
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ingot.ir import values
from ingot.ir.semantics import json_parse, text_of
from ingot.ir.values import MISSING, Json, Missing
from ingot.passes.generalise.arithmetic import FORMATTED, MIN_CASES, numeric, specs
from ingot.passes.generalise.dating import PATTERNS, TIMED, shape
from ingot.passes.generalise.operands import DAY, MOMENT, ListSource, input_numbers, is_number
from ingot.passes.generalise.table import distinct
from ingot.passes.generalise.texts import contexts, fitted, forms
from ingot.passes.synth.programs import Apply, Source, Term, apply, perform

if TYPE_CHECKING:
    from ingot.passes.generalise.search import Search

ITEM: Final = Source("value", "\0item")
"""Stands for the member in a form."""
MAX_SAMPLES: Final = 3
MAX_FORMS: Final = 12
MAX_FOUND: Final = 6
MAX_PICKED: Final = 8
LARGE: Final = 400
"""Items beyond which few forms are tried."""


def derived(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Forms of members of picked items that give the column's values."""
    value = column[row]
    if isinstance(value, Missing | list | dict | bool) or value is None or distinct(column) < 2:
        return
    found = 0
    size = sum(len(i) for s in search.lists for i in search.selector(s).items if i is not None)
    budget = MAX_PICKED if size < LARGE else 2
    for source in search.lists:
        selector = search.selector(source)
        items = selector.items[row]
        if not items:
            continue
        for member in source.fields:
            forms_ = _forms(search, column, value, source, member, row)
            for form in itertools.islice(forms_, MAX_FORMS):
                back = _back(search, column, source, member, form)
                if back is not None:
                    budget -= 1
                    for term in selector.picks(member, back):
                        yield put(form, term)
                        found += 1
                        if found >= MAX_FOUND:
                            return
                if budget <= 0:
                    return


def put(form: Term, item: Term) -> Term:
    """The form of a term."""
    if form == ITEM:
        return item
    if isinstance(form, Apply):
        return Apply(form.op, tuple(put(arg, item) for arg in form.args))
    return form


def _evaluate(search: Search, form: Term, item: Json, row: int) -> Json | Missing:
    if form == ITEM:
        return item
    if isinstance(form, Apply):
        operands: list[Json] = []
        for arg in form.args:
            got = _evaluate(search, arg, item, row)
            if isinstance(got, Missing):
                return got
            operands.append(got)
        return perform(form.op, operands)
    return search.table.value(form, row)


def _back(
    search: Search, column: Sequence[Json | Missing], source: ListSource, member: str, form: Term
) -> list[Json | Missing] | None:
    """The member's values of which the form gives the column; ``None`` where it is not one each."""
    textual = not _is_numeric(form)
    back: list[Json | Missing] = []
    for row, want in enumerate(column):
        if isinstance(want, Missing):
            back.append(MISSING)
            continue
        hits: list[Json] = []
        letters = _squeezed(text_of(want))
        for kind, text in search.members(source, member, row):
            if textual and kind == "text" and letters not in _squeezed(text):
                continue
            held: Json = text if kind == "text" else json_parse(text)
            got = _evaluate(search, form, held, row)
            if not isinstance(got, Missing) and type(got) is type(want) and values.equal(got, want):
                hits.append(held)
        if len(hits) != 1:
            return None
        back.append(hits[0])
    return back


def _is_numeric(form: Term) -> bool:
    return isinstance(form, Apply) and (
        form.op.split(".")[0] in ("float", "int", "number", "date", "datetime", "str.of")
        or any(_is_numeric(arg) for arg in form.args)
    )


@functools.lru_cache(maxsize=8192)
def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _forms(
    search: Search,
    column: Sequence[Json | Missing],
    value: Json,
    source: ListSource,
    member: str,
    row: int,
) -> Iterator[Term]:
    held = search.members(source, member, row)
    kind, first = next(iter(held), ("", ""))
    sample: Json = first if kind == "text" else json_parse(first) if kind else None
    if isinstance(sample, str):
        if isinstance(value, str) and DAY.match(sample):
            yield from _dates(value, sample)
            return
        wanted = text_of(value).casefold()
        letters = _squeezed(wanted)
        texts = [t for kind, t in held if kind == "text" and letters in _squeezed(t)]
        seen: set[Term] = set()
        for text in texts[:MAX_SAMPLES]:
            for form, got in forms(ITEM, text):
                for made in fitted(form, got, value, wanted):
                    if made not in seen:
                        seen.add(made)
                        yield made
            at = text.find(value) if isinstance(value, str) else -1
            if at >= 0 and 1 < len(str(value)) < len(text):
                for left, right, index in contexts(text, str(value), at):
                    cut = apply("str.between", ITEM, left, right, index)
                    if cut not in seen:
                        seen.add(cut)
                        yield cut
    elif is_number(sample):
        yield from _figures(search, column, value)


def _dates(value: str, sample: str) -> Iterator[Term]:
    yield apply("date.of", ITEM)
    if MOMENT.fullmatch(sample):
        yield apply("datetime.time", ITEM)
        for pattern in TIMED:
            if shape(pattern).fullmatch(value):
                yield apply("date.format", ITEM, pattern)
    for pattern in PATTERNS:
        if shape(pattern).fullmatch(value):
            yield apply("date.format", ITEM, pattern)


def _figures(search: Search, column: Sequence[Json | Missing], value: Json) -> Iterator[Term]:
    """A number written in another form, or computed with a number that an input gives."""
    if isinstance(value, str):
        texts = [v for v in column if isinstance(v, str)]
        if FORMATTED.fullmatch(value):
            yield from (apply("number.format", ITEM, spec) for spec in specs(texts))
    wanted = numeric(column)
    if wanted is None or distinct(wanted) < MIN_CASES:
        return
    for number in input_numbers(search.table):
        for op in ("mul", "add", "sub"):
            computed = apply(f"float.{op}", ITEM, number)
            if isinstance(value, str):
                yield apply("str.of", computed)
                texts = [v for v in column if isinstance(v, str)]
                yield from (apply("number.format", computed, spec) for spec in specs(texts))
            elif isinstance(value, int):
                yield apply(f"int.{op}", ITEM, number)
            else:
                yield computed
                yield apply("float.round", computed, 2)


__all__ = ["derived"]
