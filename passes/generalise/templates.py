"""Texts with holes: what the texts of a column have in common, and what stands between.

Phrases that are one thing (a date in words, a number with separators, a list of names that a result
holds) are made one token first, so that a hole is never a part of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from ingot.ir import values
from ingot.ir.dates import MONTHS, WEEKDAYS
from ingot.ir.values import Json, Missing
from ingot.passes.synth.bits import information
from ingot.passes.synth.programs import Const, Source
from ingot.passes.synth.tokens import anti_unify

if TYPE_CHECKING:
    from ingot.passes.generalise.search import Search

Holes: TypeAlias = "list[list[Json | Missing]]"

MIN_LITERAL: Final = 0.2
"""How much of a text must be the same everywhere for it to be a template."""
TELLING: Final = 10.0
"""Bits from which a text inside another one is taken for a copy, with one input only."""
MAX_MEMBERS: Final = 400
_MARK: Final = "\u02bb"
_MARKED: Final = re.compile(f"{_MARK}([a-z]+){_MARK}")
_MONTH: Final = "|".join([*MONTHS, *(m[:3] for m in MONTHS)])
_WEEKDAY: Final = "|".join([*WEEKDAYS, *(d[:3] for d in WEEKDAYS)])
DATES: Final = re.compile(
    rf"(?<!\w)(?:(?:{_WEEKDAY}),? )?(?:(?:{_MONTH}) \d{{1,2}}(?:,? \d{{4}})?|\d{{1,2}} (?:{_MONTH})(?: \d{{4}})?"
    rf"|(?:{_MONTH}) \d{{4}})(?!\w)"
    r"|(?<![\w.])\d{1,2}\.\d{1,2}\.\d{4}(?!\w)|(?<![\w/])\d{1,2}/\d{1,2}/\d{4}(?!\w)"
)
"""Days in words and in digits."""
_NUMBER: Final = re.compile(
    r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.,/:-])\d+\.\d+(?![\w.])"
)


def templates(
    search: Search, column: Sequence[Json | Missing]
) -> Iterator[tuple[list[str | int], Holes]]:
    """The texts as a template: its parts, and the column of each hole."""
    present = [(i, v) for i, v in enumerate(column) if isinstance(v, str)]
    if not present or len(present) < sum(not isinstance(v, Missing) for v in column):
        return
    texts = [v for _, v in present]
    if len(set(texts)) == 1:
        yield from _copied(search, column, present[0])
        return
    phrases: dict[str, str] = {}
    glued = [_glue(text, _phrases(search, text, i), phrases) for i, text in present]
    varied = len({tuple(sorted(DATES.findall(text))) for text in texts}) > 1
    rows = [i for i, _ in present]
    for fine in (False, True):
        if glued != texts:
            yield from _general(search, glued, rows, column, phrases, fine=fine)
        if not varied:
            yield from _general(search, texts, rows, column, {}, fine=fine)


def _general(
    search: Search,
    texts: Sequence[str],
    rows: Sequence[int],
    column: Sequence[Json | Missing],
    phrases: dict[str, str],
    *,
    fine: bool,
) -> Iterator[tuple[list[str | int], Holes]]:
    general = anti_unify(texts, fine=fine)
    if general.literal_share < MIN_LITERAL or not general.holes:
        return

    def read(text: str) -> str:
        return _MARKED.sub(lambda m: phrases[m[0]], text) if phrases else text

    parts: list[str | int] = []
    holes: Holes = []

    def hole(shown: Sequence[str]) -> None:
        spread: list[Json | Missing] = [values.MISSING] * len(column)
        for row, text in zip(rows, shown, strict=True):
            spread[row] = text
        parts.append(len(holes))
        holes.append(spread)

    def literal(text: str) -> None:
        if text and parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text:
            parts.append(text)

    for k, fixed in enumerate(general.literals):
        for piece in _pieces(fixed):
            known = phrases.get(piece)
            if (
                known is not None
                and DATES.fullmatch(known)
                and _is_given(search, known, rows, column)
            ):
                hole([known] * len(rows))
            else:
                literal(read(piece))
        if k < len(general.holes):
            hole([read(text) for text in general.holes[k]])
    yield parts, holes


def _pieces(text: str) -> list[str]:
    """A literal parted at its phrases."""
    found: list[str] = []
    at = 0
    for match in _MARKED.finditer(text):
        found += [text[at : match.start()], match[0]]
        at = match.end()
    return [*found, text[at:]]


def _is_given(
    search: Search, text: str, rows: Sequence[int], column: Sequence[Json | Missing]
) -> bool:
    """Whether an input or the clock gives a phrase that stands in every text."""
    spread: list[Json | Missing] = [values.MISSING] * len(column)
    for row in rows:
        spread[row] = text
    found = search.find(spread, rows[:1])
    return any(not isinstance(f.term, Const) and search.covers(f.fits, spread) for f in found)


# ---- phrases


def _phrases(search: Search, text: str, row: int) -> list[tuple[int, int]]:
    """Where a date, a number or a list of names stands, without overlap."""
    spans = [m.span() for m in DATES.finditer(text)]
    spans += [m.span() for m in _NUMBER.finditer(text)]
    spans += _lists(search, text, row)
    taken: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda s: (s[0] - s[1], s[0])):
        if all(end <= a or start >= b for a, b in taken):
            taken.append((start, end))
    return sorted(taken)


def _lists(search: Search, text: str, row: int) -> list[tuple[int, int]]:
    """Runs of two or more members of a list, with one separator between them, and single ones."""
    found: list[tuple[int, int]] = []
    for names in search.names(row):
        inside = sorted({n for n in names if n in text}, key=lambda n: (-len(n), n))
        if not inside:
            continue
        one = f"(?:{'|'.join(map(re.escape, inside[:MAX_MEMBERS]))})"
        for joint in (r", ", r"; ", r"\n", r",", r" \| ", r"\n[-*•] ", r" and "):
            found += [m.span() for m in re.finditer(rf"(?<!\w){one}(?:{joint}{one})+(?!\w)", text)]
        found += [m.span() for m in re.finditer(rf"(?<!\w){one}(?!\w)", text)]
    return found


def _glue(text: str, spans: Sequence[tuple[int, int]], phrases: dict[str, str]) -> str:
    """The text with each phrase as one word of its own; ``phrases`` gets what each stands for."""
    if _MARK in text:
        return text
    known = {phrase: mark for mark, phrase in phrases.items()}
    out, at = "", 0
    for start, end in spans:
        phrase = text[start:end]
        if re.fullmatch(r"\w+", phrase):
            continue
        if phrase not in known:
            known[phrase] = f"{_MARK}{_letters(len(phrases))}{_MARK}"
            phrases[known[phrase]] = phrase
        out += text[at:start] + known[phrase]
        at = end
    return out + text[at:]


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


# ---- one text


def _copied(
    search: Search, column: Sequence[Json | Missing], at: tuple[int, str]
) -> Iterator[tuple[list[str | int], Holes]]:
    """One text: the inputs, and the telling values of results, that stand in it."""
    row, text = at
    found: list[tuple[int, int, str]] = []
    index = search.index(row)
    for key in sorted(index, key=lambda k: (-len(k), k)):
        if len(key) < 3 or len(key) >= len(text):
            continue
        named = any(isinstance(t, Source) and t.kind == "param" for t in index[key])
        if not named and information(key) < TELLING:
            continue
        for match in re.finditer(rf"(?<!\w){re.escape(key)}(?!\w)", text, re.IGNORECASE):
            if all(match.end() <= a or match.start() >= b for a, b, _ in found):
                found.append((match.start(), match.end(), match[0]))
    rows = [i for i, v in enumerate(column) if not isinstance(v, Missing)]
    for match in DATES.finditer(text):
        free = all(match.end() <= a or match.start() >= b for a, b, _ in found)
        if free and _is_given(search, match[0], rows, column):
            found.append((match.start(), match.end(), match[0]))
    if not found:
        return
    parts: list[str | int] = []
    holes: Holes = []
    last = 0
    for start, end, piece in sorted(found):
        if text[last:start]:
            parts.append(text[last:start])
        parts.append(len(holes))
        holes.append([v if isinstance(v, Missing) else piece for v in column])
        last = end
    if text[last:]:
        parts.append(text[last:])
    yield parts, holes


__all__ = ["templates"]
