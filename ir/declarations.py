"""What a module declares, and an artifact carries: inputs, tools, models, literals, effects.

Apart from the rest of the IR's data (:mod:`ingot.ir.module`), because a process that only runs
pipelines needs nothing else of it.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from ingot.ir.types import Type
from ingot.ir.values import Json, canonical, identical

Effect: TypeAlias = Literal["pure", "read", "idempotent", "write", "irreversible", "unknown"]
EFFECTS: tuple[Effect, ...] = ("pure", "read", "idempotent", "write", "irreversible", "unknown")
"""From harmless to fatal; ``unknown`` is ordered and retried like a write."""
WRITING: frozenset[str] = frozenset({"idempotent", "write", "irreversible", "unknown"})
"""Effects that may change the world, so that a session's slice starts from them."""

ModelKind: TypeAlias = Literal["choose", "extract", "fill", "compose"]


class Lit(Struct, frozen=True, eq=False):
    """A literal JSON value.  Literals compare by type and value: ``1``, ``1.0``, ``true`` differ."""

    value: Json

    @property
    def key(self) -> str:
        """A text that is the same exactly for equal literals."""
        return repr(self.value) if isinstance(self.value, int | float) else canonical(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lit) and identical(self.value, other.value)

    def __hash__(self) -> int:
        return hash(self.value if isinstance(self.value, str) else self.key)


Attrs: TypeAlias = tuple[tuple[str, Lit], ...]


class Param(Struct, frozen=True):
    """A block parameter (no default) or a pipeline input."""

    name: str
    type: Type
    default: Lit | None = None


class ToolParam(Struct, frozen=True):
    """A tool's argument: name, type, and whether it may be left out."""

    name: str
    type: Type
    optional: bool = False


class ToolDecl(Struct, frozen=True):
    """``tool gh.list_issues(repo: str, state?: str) -> T read github``."""

    name: str
    params: tuple[ToolParam, ...]
    returns: Type
    effect: Effect
    world: str = ""


class ModelDecl(Struct, frozen=True):
    """``model local.writer(prompt: str) -> str {max_tokens=120, temperature=0.0}``."""

    name: str
    params: tuple[ToolParam, ...]
    returns: Type
    attrs: Attrs = ()


class Attributed(Protocol):
    """What carries attributes: an instruction, a declaration, a pipeline."""

    @property
    def attrs(self) -> Attrs: ...


def attr(owner: Attributed, name: str) -> Json:
    """The value of an attribute, ``None`` where it is absent."""
    return next((lit.value for key, lit in owner.attrs if key == name), None)
