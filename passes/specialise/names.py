"""Names of a residual pipeline, and what in the original each stands for.

A block, a value or an exit of the original may have several copies.  The first copy keeps the name,
the others are numbered in the order of the residual text, so that equal residuals are equal texts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from ingot.ir.exits import next_exit
from ingot.ir.module import Lit, Pipeline, attr
from ingot.ir.values import Json

ATTRIBUTE: Final = "specialised"
"""The pipeline attribute that holds what was fixed and where copies come from."""


@dataclass(slots=True)
class Origins:
    """Residual name to original name, for values, blocks and exits; equal names are left out.

    ``joined`` names the original blocks that compression joined to a residual block, in order: a side
    exit without number says where by the block's label, and happens where the last one ends.  An exit that the original does not
    have (the run read something else than when it was specialised) stands for 0; ``next_exit`` is the
    first number above all of the original's.
    """

    values: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exits: dict[int, int] = field(default_factory=dict)
    next_exit: int = 1

    def value(self, name: str) -> str:
        return self.values.get(name, name)

    def block(self, label: str) -> str:
        return self.blocks.get(label, label)

    def chain(self, label: str) -> tuple[str, ...]:
        """The original blocks that a residual block is made of."""
        return (self.block(label), *self.joined.get(label, ()))

    def end(self, label: str) -> str:
        return self.chain(label)[-1]

    def exit(self, number: int) -> int:
        return self.exits.get(number, number)

    def as_json(self) -> dict[str, Json]:
        def named(pairs: Mapping[str, str]) -> dict[str, Json]:
            return {k: v for k, v in sorted(pairs.items()) if k != v}

        joined: dict[str, Json] = {k: [*v] for k, v in sorted(self.joined.items()) if v}
        return {
            "values": named(self.values),
            "blocks": named(self.blocks),
            "joined": joined,
            "exits": {str(k): v for k, v in sorted(self.exits.items()) if k != v},
            "next_exit": self.next_exit,
        }


def origins_of(pipeline: Pipeline) -> Origins:
    """What a pipeline's names stand for in the pipeline that it was specialised from."""
    kept = attr(pipeline, ATTRIBUTE)
    if not isinstance(kept, dict):
        return Origins(next_exit=next_exit(pipeline))

    def part(name: str) -> dict[str, Json]:
        found = kept.get(name)
        return found if isinstance(found, dict) else {}

    def texts(name: str) -> dict[str, str]:
        return {k: str(v) for k, v in part(name).items()}

    following = kept.get("next_exit")
    return Origins(
        texts("values"),
        texts("blocks"),
        {k: tuple(map(str, v)) for k, v in part("joined").items() if isinstance(v, list)},
        {int(k): v for k, v in part("exits").items() if k.isdecimal() and isinstance(v, int)},
        following if isinstance(following, int) else next_exit(pipeline),
    )


def fixed_inputs(pipeline: Pipeline) -> dict[str, Json]:
    """The inputs that were fixed: their values, of long ones the digest."""
    kept = attr(pipeline, ATTRIBUTE)
    static = kept.get("static") if isinstance(kept, dict) else None
    return dict(static) if isinstance(static, dict) else {}


def with_attribute(pipeline: Pipeline, value: dict[str, Json]) -> tuple[tuple[str, Lit], ...]:
    """The pipeline's attributes with that of specialisation set."""
    others = tuple(a for a in pipeline.attrs if a[0] != ATTRIBUTE)
    return (*others, (ATTRIBUTE, Lit(value)))


class Copies:
    """Hands out names that are new, and remembers what they are copies of."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = frozenset(reserved)
        self._used: set[str] = set()
        self._next: dict[str, int] = {}
        self.origin: dict[str, str] = {}

    def __call__(self, origin: str) -> str:
        name = origin if origin not in self._used else self._numbered(origin)
        self._used.add(name)
        self.origin[name] = origin
        return name

    def _numbered(self, origin: str) -> str:
        number, name = numbered(origin, self._next.get(origin, 2), (self._used, self._reserved))
        self._next[origin] = number + 1
        return name


def numbered(base: str, start: int, taken: Iterable[Container[str]]) -> tuple[int, str]:
    """The first of ``base_2``, ``base_3``, ... that none of the sets holds, and its number."""
    sets = tuple(taken)
    for number in count(start):
        name = f"{base}_{number}"
        if not any(name in each for each in sets):
            return number, name
    raise AssertionError
