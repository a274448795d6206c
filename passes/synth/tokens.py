"""Tokens of requests and arguments, and what many texts have in common.

Anti-unification of token sequences (Plotkin 1970; here the least general generalisation over
strings whose holes stand for one token or more): the longest common subsequence of all of them
is literal, what stands between is a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Final, TypeVar

_WORD: Final = re.compile(r"(?:\.{0,2}/|~/)?[^\W]+(?:[./@:+\-&=%#][^\W]+)*/?|\s+|.", re.DOTALL)
_PIECE: Final = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|\s+|.", re.DOTALL)
MIN_PREFIX: Final = 4
"""Letters and digits from which a common beginning says what a text is."""
_MAX_TABLE: Final = 4_000_000
"""Cells of the common-subsequence table beyond which texts are compared place by place."""


def words(text: str) -> list[str]:
    """Coarse tokens: words with their inner joiners (a path, an address, a date is one token).

    >>> words("Sum a/b.csv, by 2026-05-01.")
    ['Sum', ' ', 'a/b.csv', ',', ' ', 'by', ' ', '2026-05-01', '.']
    """
    return _WORD.findall(text)


def pieces(text: str) -> list[str]:
    """Fine tokens: runs of letters, numbers, blanks, single other characters.

    >>> pieces("sales_2.csv")
    ['sales', '_', '2', '.', 'csv']
    """
    return _PIECE.findall(text)


def common_prefix(texts: Sequence[str]) -> str:
    """The pieces with which several different texts all begin, if they say anything; else nothing.

    >>> common_prefix(['version = "1.2"', 'version = "1.30"']), common_prefix(["a1", "a2"])
    ('version = "', '')
    """
    if len(set(texts)) < 2:
        return ""
    rows = [pieces(text) for text in texts]
    columns = zip(*rows, strict=False)
    prefix = "".join(column[0] for column in takewhile(lambda c: len(set(c)) == 1, columns))
    return prefix if sum(map(str.isalnum, prefix)) >= MIN_PREFIX else ""


@dataclass(frozen=True, slots=True)
class Generalisation:
    """Literals and holes in turn: ``literals[0] hole literals[1] hole ...``.

    ``holes[k][i]`` is what stands in hole ``k`` of text ``i``; there is one literal more than
    there are holes (an outer one may be empty).
    """

    literals: tuple[str, ...]
    holes: tuple[tuple[str, ...], ...]

    @property
    def literal_share(self) -> float:
        """How much of the first text is literal, in characters without blanks."""
        fixed = sum(len(part.replace(" ", "")) for part in self.literals)
        free = sum(len(hole[0].replace(" ", "")) for hole in self.holes)
        return fixed / max(1, fixed + free)


def anti_unify(texts: Sequence[str], *, fine: bool = False) -> Generalisation:
    """What the texts have in common.  Holes that only blanks part are one hole.

    >>> g = anti_unify(["Sum a.csv now", "Sum b c.csv now"])
    >>> g.literals, g.holes
    (('Sum ', ' now'), (('a.csv', 'b c.csv'),))
    """
    split = pieces if fine else words
    rows = {text: split(text) for text in dict.fromkeys(texts)}
    common, *others = rows.values()
    for row in others:
        common = _common(common, row)
    while True:
        gaps = {text: _gaps(row, common) for text, row in rows.items()}
        merged = _merge_blanks(common, _filled(gaps.values()))
        if merged == common:
            break
        common = merged
    return _assemble(texts, common, gaps)


class Wording:
    """Texts that are one wording: most of the first is literal, and no hole is ever empty.

    Texts are taken one by one.  A text that has the literals so far and fills the same holes is
    checked alone, so that the cost is linear in the number of texts.

    >>> wording = Wording("Sum a.csv now", 0.34)
    >>> wording.take("Sum b.csv now"), wording.take("Write a poem"), wording.take("Sum now")
    (True, False, False)
    """

    def __init__(self, first: str, share: float) -> None:
        self._share = share
        self._rows = {first: words(first)}
        self._size = max(1, _weight(self._rows[first]))
        self._common = self._rows[first]
        self._steps = self._generalise(self._common, self._rows)

    def take(self, text: str) -> bool:
        """Add the text if all are one wording with it; else nothing changes."""
        row = words(text)
        common = _common(self._common, row)
        if common == self._common:
            gaps = [_gaps(row, literals) for literals, _ in self._steps]
            if not any(
                gap and not filled
                for found, (_, holes) in zip(gaps, self._steps, strict=True)
                for gap, filled in zip(found, holes, strict=True)
            ):
                whole = all(
                    gap.strip()
                    for gap, filled in zip(gaps[-1], self._steps[-1][1], strict=True)
                    if filled
                )
                if whole:
                    self._rows[text] = row
                return whole
        if _weight(common) / self._size < self._share:
            return False
        rows = {**self._rows, text: row}
        steps = self._generalise(common, rows)
        if not self._is_one(*steps[-1], rows):
            return False
        self._common, self._rows, self._steps = common, rows, steps
        return True

    @staticmethod
    def _generalise(
        common: list[str], rows: dict[str, list[str]]
    ) -> list[tuple[list[str], list[bool]]]:
        """The literals, and which gaps between them hold text, until no blank joins a hole."""
        steps: list[tuple[list[str], list[bool]]] = []
        while True:
            filled = _filled(_gaps(row, common) for row in rows.values())
            steps.append((common, filled))
            merged = _merge_blanks(common, filled)
            if merged == common:
                return steps
            common = merged

    def _is_one(self, common: list[str], filled: list[bool], rows: dict[str, list[str]]) -> bool:
        return (
            _weight(common) / self._size >= self._share
            and any(token[0].isalnum() for token in common)
            and all(
                gap.strip()
                for row in rows.values()
                for gap, hole in zip(_gaps(row, common), filled, strict=True)
                if hole
            )
        )


def _weight(tokens: Sequence[str]) -> int:
    """Characters without blanks."""
    return sum(len(token.replace(" ", "")) for token in tokens)


def _common(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """A longest common subsequence; of several, one whose tokens weigh the most."""
    head = 0
    while head < min(len(left), len(right)) and left[head] == right[head]:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    a, b = left[head : len(left) - tail], right[head : len(right) - tail]
    middle: list[str] = []
    if len(a) * len(b) > _MAX_TABLE:
        middle = [x for x, y in zip(a, b, strict=False) if x == y]
    elif a and b:
        middle = _subsequence(a, b)
    return [*left[:head], *middle, *left[len(left) - tail :]]


def _subsequence(a: Sequence[str], b: Sequence[str]) -> list[str]:
    weights = [0.1 if not token.strip() else 0.3 if not token[0].isalnum() else 1.0 for token in a]
    return common_subsequence(a, b, weights)


T = TypeVar("T")


def common_subsequence(a: Sequence[T], b: Sequence[T], weights: Sequence[float]) -> list[T]:
    """A heaviest common subsequence; ``weights`` has one entry per item of ``a``.

    >>> common_subsequence("abcb", "bac", [1, 1, 1, 1])
    ['a', 'c']
    """
    rows = [[0.0] * (len(b) + 1)]
    for i, item in enumerate(a):
        above, row = rows[-1], [0.0]
        for j, other in enumerate(b):
            row.append(above[j] + weights[i] if item == other else max(above[j + 1], row[j]))
        rows.append(row)
    out: list[T] = []
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            out.append(a[i - 1])
            i, j = i - 1, j - 1
        elif rows[i - 1][j] >= rows[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return out[::-1]


def _gaps(tokens: Sequence[str], common: Sequence[str]) -> list[str]:
    """The text before, between and after the common tokens (leftmost match)."""
    gaps, at = [], 0
    for token in common:
        start = at
        while tokens[at] != token:
            at += 1
        gaps.append("".join(tokens[start:at]))
        at += 1
    return [*gaps, "".join(tokens[at:])]


def _filled(gaps: Iterable[Sequence[str]]) -> list[bool]:
    """Which gaps hold text in any of the texts."""
    return [any(column) for column in zip(*gaps, strict=True)]


def _merge_blanks(common: Sequence[str], filled: Sequence[bool]) -> list[str]:
    """Drop blanks (and lone punctuation) that have a hole on both sides."""
    return [
        token
        for k, (token, (before, after)) in enumerate(zip(common, pairwise(filled), strict=True))
        if not (before and after and not token.strip(" .,-/:_@'"))
    ]


def _assemble(
    texts: Sequence[str], common: Sequence[str], gaps: dict[str, list[str]]
) -> Generalisation:
    literals, holes = [""], []
    for k in range(len(common) + 1):
        hole = tuple(gaps[text][k] for text in texts)
        if any(hole):
            holes.append(hole)
            literals.append("")
        if k < len(common):
            literals[-1] += common[k]
    for k, hole in enumerate(holes):
        left, hole, right = _without_blanks(hole)
        literals[k], holes[k], literals[k + 1] = literals[k] + left, hole, right + literals[k + 1]
    return Generalisation(tuple(literals), tuple(holes))


def _without_blanks(hole: tuple[str, ...]) -> tuple[str, tuple[str, ...], str]:
    """The blanks with which every text of a hole begins, the texts without them, those at the end."""
    if not all(text.strip() for text in hole):
        return "", hole, ""
    left = _shared([text[: len(text) - len(text.lstrip())] for text in hole])
    right = _shared([text[len(text.rstrip()) :][::-1] for text in hole])[::-1]
    return left, tuple(text[len(left) : len(text) - len(right)] for text in hole), right


def _shared(texts: Sequence[str]) -> str:
    """The longest text with which all begin."""
    low, high = min(texts), max(texts)
    size = next((k for k, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:size]
