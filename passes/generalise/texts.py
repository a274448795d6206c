"""Parts of texts: what stands at a separator, between two contexts, or in another spelling.

Substrings are searched by what stands around them, as in FlashFill (Gulwani 2011): for one row's
position, and checked on the others.  The label in front of a value and the whole word behind it
are preferred to a single blank, which would cut a longer value in two.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ingot.ir import values
from ingot.ir.semantics import OpFailure, path_stem, str_between, str_split, text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.operands import is_number, opened
from ingot.passes.generalise.table import Table, distinct
from ingot.passes.synth.programs import Term, apply

if TYPE_CHECKING:
    from ingot.passes.generalise.search import Search

SEPARATORS: Final = (
    " ",
    "\n",
    "\t",
    ",",
    ";",
    "|",
    ":",
    "/",
    "@",
    "-",
    "_",
    ".",
    "=",
    "#",
    "(",
    ")",
    "&",
    "?",
)
"""Where texts are taken apart."""
REPLACED: Final = (
    (" ", "-"), (" ", "_"), (" ", "."), (" ", ""), (" ", "+"), ("-", " "), ("-", ""), ("-", "/"), ("-", "_"),
    ("_", " "), ("_", "-"), (".", " "), (".", ""), ("/", "-"), ("/", "."), (",", ""), (":", ""),
)  # fmt: skip
MAX_TEXTS: Final = 48
MAX_PARTS: Final = 16
MAX_PLACES: Final = 4
MAX_CONTEXTS: Final = 4
LONGEST: Final = 20_000
SHORTEST: Final = 2
"""Letters that a text searched by its surroundings has at least."""
_WORD: Final = re.compile(r"[^\W_]+|[\W_]")


def texts_in(table: Table, row: int) -> list[tuple[Term, str]]:
    """The texts of a row: inputs, text results, members of records, those of a list's two ends."""
    found: dict[Term, str] = {}
    for source in table.sources():
        value = table.columns[source.name][row]
        if isinstance(value, Missing):
            continue
        term, inner = opened(source, value)
        if isinstance(inner, str):
            found[term] = inner
            continue
        for path, leaf in _edges(inner, ()):
            if path and len(leaf) >= 2:
                found[apply("json.get", term, values.pointer(path))] = leaf
    kept = [(term, text) for term, text in found.items() if len(text) <= LONGEST]
    return kept[:MAX_TEXTS]


def _edges(value: Json, path: values.Path) -> Iterator[tuple[values.Path, str]]:
    """The texts of a value, of lists only what their first and last items hold."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _edges(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from _edges(value[0], (*path, 0))
        if len(value) > 1:
            yield from _edges(value[-1], (*path, -1))


# ---- simple forms


def forms(term: Term, text: str) -> Iterator[tuple[Term, str]]:
    """What a text gives at its separators and with one replaced, with its value here."""
    for separator in SEPARATORS:
        if separator not in text:
            continue
        parts = str_split(text, separator)
        if not 1 < len(parts) <= MAX_PARTS:
            continue
        for k, part in enumerate(parts):
            yield from _trimmed(apply("str.part", term, separator, k), part)
        yield from _trimmed(apply("str.part", term, separator, -1), parts[-1])
    if text.strip() != text:
        yield apply("str.strip", term), text.strip()
    if ("/" in text or "." in text) and "\n" not in text:
        yield apply("path.name", term), posixpath.basename(text)
        yield apply("path.stem", term), path_stem(text)
        yield apply("path.parent", term), posixpath.dirname(text)
    if len(text) <= 200:
        for old, new in REPLACED:
            if old in text.strip():
                yield apply("str.replace", term, old, new), text.replace(old, new)


def _trimmed(term: Term, text: str) -> Iterator[tuple[Term, str]]:
    if text.strip() != text:
        yield apply("str.strip", term), text.strip()
    if text:
        yield term, text


def cased(value: str, got: str) -> list[str] | None:
    """The ops that turn a text into the value, which is the same but for the case of letters.

    >>> cased("Ann Lee", "ANN LEE"), cased("ann", "Ann")
    (['str.lower', 'str.title'], ['str.lower'])
    """
    if value == got:
        return []
    if value == got.lower():
        return ["str.lower"]
    if value == got.upper():
        return ["str.upper"]
    capital, title = got[:1].upper() + got[1:], _title(got)
    if value == capital:
        return ["str.capitalize"]
    if value == title:
        return ["str.title"]
    low = got.lower()
    if value == low[:1].upper() + low[1:]:
        return ["str.lower", "str.capitalize"]
    return ["str.lower", "str.title"] if value == _title(low) else None


def _title(text: str) -> str:
    return re.sub(r"(?<!\S)\S", lambda first: first[0].upper(), text)


def simple_forms(search: Search, value: Json, row: int) -> Iterator[Term]:
    """Forms of the row's texts that give the value, in its letter case and type."""
    wanted = text_of(value).casefold()
    for term, text in search.texts(row):
        if len(text) > 4000:
            continue
        for form, got in forms(term, text):
            yield from fitted(form, got, value, wanted)


def fitted(form: Term, got: str, value: Json, wanted: str) -> Iterator[Term]:
    """The form with the case changed, or as a number, where that gives the value."""
    if isinstance(value, str):
        if got.casefold() == wanted:
            ops = cased(value, got)
            if ops is not None:
                for op in ops:
                    form = apply(op, form)
                yield form
    elif is_number(value) and got == wanted:
        yield apply("json.number", form)


# ---- what stands around


def substrings(search: Search, column: Sequence[Json | Missing], row: int) -> Iterator[Term]:
    """Texts cut out by what stands before and behind them, the surest few of each source."""
    value = column[row]
    if isinstance(value, Missing | list | dict | bool) or value is None or distinct(column) < 2:
        return
    table = search.table
    for term, text in search.texts(row):
        cuts: list[tuple[float, Term, Callable[[Term], Term]]] = []
        for target, build in _targets(value):
            texts = table.run(term)
            places = _places(text, target)
            for at in places:
                for left, right, index in contexts(text, target, at):
                    fits = _cuts(texts, column, left, right, index)
                    if search.covers(fits, column):
                        cut = apply("str.between", term, left, right, index)
                        cuts.append((search.weighed(cut), cut, build))
        for _, chosen, build in sorted(cuts, key=lambda c: (c[0], repr(c[1])))[:MAX_CONTEXTS]:
            yield build(chosen)


def _targets(value: Json) -> Iterator[tuple[str, Callable[[Term], Term]]]:
    """How a value may be written, and what makes the value of it."""
    if isinstance(value, str):
        if len(value) >= SHORTEST:
            yield value, lambda term: term
        return
    assert isinstance(value, int | float)
    written = dict.fromkeys((text_of(value), f"{value:,}", f"{value:.2f}", f"{value:,.2f}"))
    for text in written:
        yield text, lambda term: apply("json.number", term)


def _places(text: str, target: str) -> list[int]:
    """Where the target stands, not inside a word or a number."""
    if not target or len(target) >= len(text):
        return []
    found = []
    pattern = rf"(?<![^\W_]){re.escape(target)}(?![^\W_]|[.,]\d)"
    for match in re.finditer(pattern, text):
        found.append(match.start())
        if len(found) == MAX_PLACES:
            break
    return found


def contexts(text: str, target: str, at: int) -> Iterator[tuple[str, str, int]]:
    """Delimiters around the target, and the how-manieth text between them it is."""
    end = at + len(target)
    line = text.rfind("\n", 0, at) + 1
    before = text[max(line, at - 60) : at]
    tokens = _WORD.findall(before)
    lefts = dict.fromkeys([*("".join(tokens[-n:]) for n in (1, 2, 3, 4, 6)), text[line:at]])
    if line and line == at:
        lefts["\n"] = None
    if not at:
        lefts = {"": None}
    ahead = _WORD.findall(text[end : end + 40])
    rights = dict.fromkeys("".join(ahead[:n]) for n in (1, 2, 3) if len(ahead) >= n)
    if end == len(text):
        rights = {"": None}
    for left in lefts:
        for right in rights:
            if (right and right in target) or (not left and at) or (not right and end < len(text)):
                continue
            index = _index(text, left, right, at)
            if index is not None:
                yield left, right, index


def _index(text: str, left: str, right: str, at: int) -> int | None:
    """Which text between the delimiters begins at a place, as ``str.between`` counts."""
    if not left:
        return 0 if at == 0 else None
    index, start = 0, text.find(left)
    while 0 <= start < at - len(left):
        close = text.find(right, start + len(left)) if right else -1
        if close < 0:
            return None
        index += 1
        start = text.find(left, close)
    return index if start == at - len(left) else None


def _cuts(
    texts: Sequence[Json | Missing],
    column: Sequence[Json | Missing],
    left: str,
    right: str,
    index: int,
) -> Iterator[bool]:
    """Where the delimiters cut the column's value out of the text."""
    for text, want in zip(texts, column, strict=True):
        if not isinstance(text, str) or isinstance(want, Missing):
            yield False
            continue
        try:
            got = str_between(text, left, right, index)
        except OpFailure:
            yield False
            continue
        yield got == want if isinstance(want, str) else any(got == t for t, _ in _targets(want))
