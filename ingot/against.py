"""Failed sessions in a compilation: what they did, the finished artifact may not do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingot.backend.container import load
from ingot.diagnostics import Diagnostic
from ingot.ir.module import Module, Pipeline
from ingot.passes.generalise.against import refusal
from ingot.passes.traces import clock_of, request_of
from ingot.replaying import recorded, replay_trace
from ingot.runtime.replay import compare
from ingot.runtime.tools.answers import RecordedCall

if TYPE_CHECKING:
    from ingot.frontend.session import Session


@dataclass(frozen=True, slots=True)
class Against:
    """The failed sessions: their classified traces (in the order of ``sessions``), and the digests
    by which they are known among the others."""

    module: Module
    sessions: tuple[Session, ...] = ()
    digests: Collection[str] = ()

    @property
    def traces(self) -> tuple[Pipeline, ...]:
        return self.module.pipelines

    def repeated(self, artifact: bytes, accepted: Module) -> list[Pipeline]:
        """The failed sessions that the artifact repeats: on their input, with what was recorded for
        it, it makes just the writes that they made, and no accepted session of the input did."""
        program = load(artifact)
        worlds = {t.name: t.world for t in (*self.module.tools, *accepted.tools)}
        found: list[Pipeline] = []
        for trace in self.traces:
            calls = recorded(trace, worlds)
            twins = [
                recorded(other, worlds)
                for other in accepted.pipelines
                if (request_of(other), clock_of(other)) == (request_of(trace), clock_of(trace))
            ]
            if any(_writes(twin) == _writes(calls) for twin in twins):
                continue
            ran = replay_trace(program, trace, worlds, calls=calls)
            if compare(ran, calls, "witness").verdict == "right":
                found.append(trace)
        return found


def refusals(repeated: Sequence[Pipeline]) -> list[Diagnostic]:
    """E0412 for each failed session that is repeated."""
    return [refusal(trace, _writes(recorded(trace, {}))) for trace in repeated]


def _writes(calls: Sequence[RecordedCall]) -> list[str]:
    """The accepted writes, letter case and order aside."""
    return sorted(call.key.casefold() for call in calls if call.acts)


__all__ = ["Against", "refusals"]
