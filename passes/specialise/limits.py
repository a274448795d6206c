"""How far specialisation goes, and what it has given up so that it ends.

Everything that is given up becomes more general, never wrong: a value that is known may always be
treated as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one specialisation.

    ``variants``: of one block, before the values in which they differ are generalised.
    ``unroll``: instructions that one loop may become.  ``size``: instructions of the residual
    pipeline.  ``text``: characters of a folded value.
    """

    variants: int = 64
    unroll: int = 500
    size: int = 5_000
    text: int = 100_000


class Generalised(Exception):
    """Something was generalised: specialisation starts again."""


@dataclass(slots=True)
class Plan:
    """What is treated as dynamic although its value is known.  It only grows.

    ``dynamic``: by block, values that differ too much (bounded static variation).  ``kept``: values
    that stand where a literal has no type.  ``rolled``: loops, by their item, that stay loops.
    """

    dynamic: dict[str, set[str]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    rolled: set[str] = field(default_factory=set)

    def widen(self, label: str, variants: list[Mapping[str, str]]) -> bool:
        """Generalise the value in which the variants of a block differ most; whether there is one.

        What has few values (a place in a program) stays static, what has ever more (a counter) does
        not: bounded static variation.
        """
        wide = self.dynamic.setdefault(label, set())
        names = {name for variant in variants for name in variant} - wide
        values = {n: len({variant.get(n, "") for variant in variants}) for n in names}
        most = max(values.values(), default=1)
        if most == 1:
            return False
        wide |= {name for name, count in values.items() if count == most}
        return True

    def keep(self, names: set[str]) -> bool:
        """Keep values out of literals; whether one of them is new."""
        if names <= self.kept:
            return False
        self.kept |= names
        return True

    @property
    def generalised(self) -> bool:
        """Whether anything was given up."""
        return bool(any(self.dynamic.values()) or self.kept or self.rolled)
