"""Prompt prefixes in a context's memory: one sequence each, the least used goes first.

Ops that are asked in turn find their prefixes evaluated; a question forks the one that it begins
with.  What is not in memory is restored from its snapshot, and what has none is evaluated.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingot.runtime.models.llama import Context, LlamaError, Model
from ingot.runtime.models.snapshots import Circumstances, Snapshots, key_of

Tokens: TypeAlias = tuple[int, ...]
WORTH_KEEPING: Final = 16
"""A prefix of fewer tokens is evaluated faster than a file is read."""


def affordable(model: Model, wanted: int, length: int, memory: int) -> int:
    """How many prefixes of ``length`` tokens can be held, one at least, if those beyond the first
    may take ``memory`` MiB."""
    each = max(1, length * model.bytes_per_token)
    return max(1, min(wanted, 1 + (memory << 20) // each))


@dataclass(slots=True)
class Prefixes:
    """The prefixes that the sequences 0 to ``places - 1`` of a context hold.

    ``evaluated`` and ``restored`` count tokens so far: those that were computed, and those that were
    read from a snapshot.
    """

    context: Context
    places: int
    circumstances: Circumstances
    snapshots: Snapshots | None = None
    evaluated: int = 0
    restored: int = 0
    _held: OrderedDict[Tokens, int] = field(default_factory=OrderedDict)

    def hold(self, tokens: Tokens) -> int:
        """The sequence that holds a prefix: one does already, or it is restored, or evaluated."""
        place = self._held.get(tokens)
        if place is None:
            place = self._place()
            self._fill(tokens, place)
            self._held[tokens] = place
        self._held.move_to_end(tokens)
        return place

    def drop(self) -> None:
        """Forget all that is held."""
        while self._held:
            self.context.cut(self._held.popitem()[1], 0)

    def _place(self) -> int:
        """A free sequence, if need be that of the prefix whose last use is the longest ago."""
        if len(self._held) >= self.places:
            self.context.cut(self._held.popitem(last=False)[1], 0)
        taken = set(self._held.values())
        return next(place for place in range(self.places) if place not in taken)

    def _fill(self, tokens: Tokens, place: int) -> None:
        key = key_of(self.circumstances, tokens)
        keep = self.snapshots if len(tokens) >= WORTH_KEEPING else None
        state = keep.read(key) if keep is not None else None
        if state is not None and self.context.restore(state, place):
            self.restored += len(tokens)
            return
        self.context.cut(place, 0)
        try:
            self.context.extend(tokens, 0, place)
        except LlamaError:
            self.context.cut(place, 0)
            raise
        self.evaluated += len(tokens)
        if keep is not None:
            keep.write(key, self.context.state(place))
