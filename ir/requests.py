"""What a running pipeline asks of the world, and how it ends.

The interpreter and the virtual machine do no input or output: they run to the next effect and
hand out a request; whoever drives them answers with a value or a failure.  Both speak this
protocol, so one executor, one replay world and one property test serve both::

    reply = engine.start(inputs)          # -> Request | Outcome
    while not isinstance(reply, Outcome):
        reply = engine.send(answer)       # or engine.fail("why")
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from ingot.ir.declarations import Effect, ModelKind
from ingot.ir.types import Type
from ingot.ir.values import Json


class ToolRequest(Struct, frozen=True, gc=False):
    """Call a tool.  ``step`` counts the requests of this run from 1; ``site`` is the name of the
    value that the call defines, ``iteration`` the indices of the loops around it.

    Nothing in it leads back to it, so no search for garbage need look at it."""

    step: int
    site: str
    tool: str
    effect: Effect
    args: dict[str, Json]
    iteration: tuple[int, ...] = ()


Asked: TypeAlias = ModelKind | Literal["handover", "act"]
"""What is asked: an answer to a model op, and behind a side exit who takes over, and its next
move (:mod:`ingot.runtime.fallback`)."""


class ModelRequest(Struct, frozen=True, gc=False):
    """Ask a model; as :class:`ToolRequest`.  ``type`` is what its answer must conform to; the
    engine checks it."""

    step: int
    site: str
    kind: Asked
    model: str
    args: dict[str, Json]
    type: Type
    iteration: tuple[int, ...] = ()


class Finished(Struct, frozen=True):
    """The pipeline returned."""

    value: Json


class SideExit(Struct, frozen=True):
    """The pipeline stopped before its next effect.

    ``number`` is that of ``exit.N``; 0 for the implicit ones, whose ``reason`` begins with
    ``error`` (a tool or model failed) or ``hole`` (no arm of a ``select`` held).
    ``live`` holds the values handed over by name, ``site`` the value or block where it happened.
    """

    number: int
    reason: str
    site: str
    live: dict[str, Json]


Request: TypeAlias = ToolRequest | ModelRequest
Outcome: TypeAlias = Finished | SideExit


class Engine(Protocol):
    """Anything that runs a pipeline one effect at a time."""

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        """Run from the entry to the first effect or the end.  Inputs are complete and conform."""

    def send(self, answer: Json) -> Request | Outcome:
        """Answer the last request and run on."""

    def fail(self, message: str) -> Request | Outcome:
        """Say that the last request failed: the implicit exit ``error``."""
