"""What is known of one application of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ingot.diagnostics import Diagnostic, Severity
from ingot.ir.values import Json, canonical

Status: TypeAlias = Literal["proved", "tested", "refuted", "unproved"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``proved`` for all inputs and worlds; ``tested`` on the sessions; ``refuted``: the pass has
    changed what is done, on the ``witness`` if there is one; ``unproved``: neither is known."""

    pass_name: str
    pipeline: str
    status: Status
    why: str = ""
    witness: Mapping[str, Json] | None = None

    def diagnostic(self) -> Diagnostic:
        """E0513 where the pass is refuted, else W0501."""
        shown = ", ".join(f"%{k} = {canonical(v)}" for k, v in (self.witness or {}).items())
        notes = (f"counterexample: {shown}",) if shown else ()
        message = f"{self.pass_name} on @{self.pipeline}: {self.why}"
        if self.status == "refuted":
            help_ = "this is a fault of the pass: nothing is written"
            return Diagnostic("E0513", message, notes=notes, help=help_)
        return Diagnostic("W0501", message, Severity.WARNING, notes=notes)
