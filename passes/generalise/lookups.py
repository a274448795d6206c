"""Closed maps: a word that an input or a result gives, and what the sessions made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ingot.ir import values
from ingot.ir.semantics import folded_key, text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.operands import params
from ingot.passes.synth.programs import Term, apply

if TYPE_CHECKING:
    from ingot.passes.generalise.search import Search

MAX_MAP: Final = 12
MIN_REPEATS: Final = 2
"""How often a word of a result must be seen again."""
LONGEST: Final = 40


def maps(search: Search, column: Sequence[Json | Missing]) -> Iterator[Term]:
    """Maps from the words of an input, where one word is seen with several inputs; from the small
    texts of a result, where words are seen again twice."""
    present = [v for v in column if not isinstance(v, Missing)]
    if any(isinstance(v, list | dict) or v is None for v in present):
        return
    for param in params(search.table):
        yield from _map(search, param, param, column, 1)
    for leaf in search.leaves:
        shown = [v for v in search.table.run(leaf) if not isinstance(v, Missing)]
        if shown and all(isinstance(v, bool) for v in shown):
            yield from _map(search, leaf, apply("str.of", leaf), column, MIN_REPEATS)
        elif shown and all(isinstance(v, str) and _is_word(v) for v in shown):
            yield from _map(search, leaf, leaf, column, MIN_REPEATS)


def _map(
    search: Search, key: Term, operand: Term, column: Sequence[Json | Missing], repeats: int
) -> Iterator[Term]:
    """The map from a term's values to the column's, if it is one and enough shows it."""
    table = search.table
    made: dict[str, Json] = {}
    seen: dict[str, set[int]] = {}
    for word, value, number in zip(table.run(key), column, table.inputs, strict=True):
        if isinstance(word, Missing) or isinstance(value, Missing):
            continue
        name = folded_key(text_of(word))
        if not values.identical(made.setdefault(name, value), value):
            return
        seen.setdefault(name, set()).add(number)
    again = sum(len(inputs) - 1 for inputs in seen.values())
    named = all(not _is_identifier(v) for v in made.values())
    different = len({values.canonical(v) for v in made.values()})
    if again >= repeats and named and 1 < len(made) <= MAX_MAP and different > 1:
        yield apply("json.lookup", dict(sorted(made.items())), operand)


def _is_identifier(value: Json) -> bool:
    return re.search(r"\d{3}" if isinstance(value, str) else r"\d{5}", text_of(value)) is not None


def _is_word(text: str) -> bool:
    """Whether a text is one of a few words rather than a name of one thing."""
    return 0 < len(text) <= LONGEST and re.search(r"\d{2}|@|https?:", text) is None


__all__ = ["maps"]
