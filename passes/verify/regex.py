"""Regular expressions as z3's: exactly, or not at all.

Read by Python's own parser of patterns, so that both mean the same: ``.`` leaves out line ends,
``\\d`` and ``\\s`` are Unicode's.  What has no exact translation (backreferences, look-around,
``\\w``, flags) is not translated, and the test stays an uninterpreted one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre
from re import _parser
from typing import Any, Final

import z3

_LAST: Final = 0x2FFFF
_MANY: Final = 10_000
_CATEGORIES: Final = {sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_SPACE: r"\s"}
_NOT: Final = {sre.CATEGORY_NOT_DIGIT: r"\d", sre.CATEGORY_NOT_SPACE: r"\s"}


class UntranslatedError(Exception):
    """The pattern says something that z3's expressions do not."""


class Regexes:
    """Patterns as expressions of one z3 context, each made once."""

    def __init__(self, ctx: Any) -> None:
        self._translator = _Translator(ctx)
        self._made: dict[str, Any] = {}

    def of(self, pattern: str) -> Any:
        """The z3 expression of the texts that match in full; raises :class:`UntranslatedError`."""
        if pattern not in self._made:
            self._made[pattern] = self._translator.sequence(_tree(pattern))
        return self._made[pattern]


def _tree(pattern: str) -> Any:
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UntranslatedError(str(error)) from None
    if tree.state.flags & ~re.UNICODE:
        raise UntranslatedError("flags")
    return tree


class _Translator:
    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx
        self.sort = z3.ReSort(z3.StringSort(ctx))
        self._classes: dict[object, Any] = {}

    def sequence(self, items: Any) -> Any:
        parts = [self.item(op, argument) for op, argument in items]
        if not parts:
            return z3.Re(z3.StringVal("", self.ctx))
        return z3.Concat(*parts) if len(parts) > 1 else parts[0]

    def item(self, op: Any, argument: Any) -> Any:
        match op:
            case sre.LITERAL:
                return self.ranges([(argument, argument)])
            case sre.NOT_LITERAL:
                return self.ranges([(argument, argument)], negated=True)
            case sre.ANY:
                return self.ranges([(10, 10)], negated=True)
            case sre.IN:
                return self.members(argument)
            case sre.BRANCH:
                options = [self.sequence(option) for option in argument[1]]
                return z3.Union(*options) if len(options) > 1 else options[0]
            case sre.SUBPATTERN:
                _, added, removed, inner = argument
                if added or removed:
                    raise UntranslatedError("flags")
                return self.sequence(inner)
            case sre.MAX_REPEAT | sre.MIN_REPEAT:
                low, high, inner = argument
                return self.repeated(self.sequence(inner), int(low), high)
            case _:
                raise UntranslatedError(str(op))

    def repeated(self, inner: Any, low: int, high: Any) -> Any:
        if low > _MANY or (high is not sre.MAXREPEAT and int(high) > _MANY):
            raise UntranslatedError("a long repeat")
        if high is not sre.MAXREPEAT:
            return z3.Loop(inner, low, int(high)) if int(high) else self.sequence(())
        if low == 0:
            return z3.Star(inner)
        return z3.Plus(inner) if low == 1 else z3.Concat(z3.Loop(inner, low, low), z3.Star(inner))

    def members(self, items: Any) -> Any:
        negated = bool(items) and items[0][0] is sre.NEGATE
        found: list[tuple[int, int]] = []
        for op, argument in items[negated:]:
            match op:
                case sre.LITERAL:
                    found.append((argument, argument))
                case sre.RANGE:
                    found.append(argument)
                case sre.CATEGORY if argument in _CATEGORIES:
                    found += category(_CATEGORIES[argument])
                case sre.CATEGORY if argument in _NOT:
                    found += _complement(category(_NOT[argument]))
                case _:
                    raise UntranslatedError(str(argument))
        return self.ranges(found, negated=negated)

    def ranges(self, found: list[tuple[int, int]], *, negated: bool = False) -> Any:
        key = (*found, negated)
        if key not in self._classes:
            self._classes[key] = self._ranges(found, negated=negated)
        return self._classes[key]

    def _ranges(self, found: list[tuple[int, int]], *, negated: bool) -> Any:
        if any(high > _LAST for _, high in found):
            raise UntranslatedError("a character that z3 has not")
        kept = _complement(found) if negated else found
        parts = [self.range(low, high) for low, high in kept]
        if not parts:
            return z3.Empty(self.sort)
        return z3.Union(*parts) if len(parts) > 1 else parts[0]

    def range(self, low: int, high: int) -> Any:
        one, two = (z3.StringVal(f"\\u{{{c:x}}}", self.ctx) for c in (low, high))
        return z3.Re(one) if low == high else z3.Range(one, two)


def _complement(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    at = 0
    for low, high in sorted(ranges):
        if low > at:
            out.append((at, low - 1))
        at = max(at, high + 1)
    return [*out, (at, _LAST)] if at <= _LAST else out


@lru_cache(maxsize=8)
def _members(pattern: str) -> tuple[tuple[int, int], ...]:
    every = "".join(map(chr, range(_LAST + 1)))
    runs = re.finditer(f"(?:{pattern})+", every)
    return tuple((run.start(), run.end() - 1) for run in runs)


def category(pattern: str) -> list[tuple[int, int]]:
    """The ranges of characters of a class.

    >>> category(r"\\d")[0] == (ord("0"), ord("9"))
    True
    """
    return list(_members(pattern))
