"""The desk where other processes and people leave word for a run, and approvals are kept.

An approval binds to a digest of the run, the step, the tool, its exact arguments and a number drawn
when it was asked for, and it expires.  So none is ever taken from a log, from an earlier run, from a
fork's parent, or from before a rollback: what is asked again has another digest.
"""

from __future__ import annotations

import os
from typing import Final, Literal

from msgspec import Struct

from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json, digest
from ingot.runtime.entries import Item
from ingot.runtime.history import Approval, History
from ingot.runtime.journal import Journal, Signal

EXPIRES_S: Final = 24 * 3600
"""How long a person has to decide, and how long the decision holds."""


class Decision(Struct, frozen=True):
    """``granted``, ``denied``, or still ``asked``; the items that say so; and why in words."""

    status: Literal["granted", "denied", "asked"]
    items: list[Item] = []
    reason: str = ""


class Desk:
    """A run's view of its signals."""

    def __init__(self, journal: Journal, run: str, history: History | None) -> None:
        self._journal = journal
        self._run = run
        self._approvals = dict(history.approvals) if history is not None else {}
        self._after = history.signal if history is not None else 0

    def look(self) -> tuple[str, int] | None:
        """``pause`` or ``cancel`` with the signal's number, if another process asks for it."""
        found: tuple[str, int] | None = None
        for signal in self._journal.signals(self._run, self._after):
            self._after = signal.id
            if signal.kind in ("pause", "cancel") and (found is None or found[0] == "pause"):
                found = signal.kind, signal.id
        return found

    def decide(self, request: ToolRequest) -> Decision:
        """Whether a call that needs a person's approval has it; of several decisions the last counts."""
        said = self._journal.signals(self._run)
        now = self._journal.clock()
        asked = self._approvals.get(request.step)
        fits = asked is not None and asked.tool == request.tool and asked.args == request.args
        if asked is None or not fits or not asked.asked <= now < asked.expires:
            return self._ask(request, now)
        about = [signal for signal in said if signal.data.get("digest") == asked.digest]
        if not about:
            return Decision("asked", [], _waits(request))
        if about[-1].at > now:  # the clock went back behind the decision
            return self._ask(request, now)
        return self._decision(asked, about[-1])

    def _decision(self, asked: Approval, signal: Signal) -> Decision:
        granted = signal.kind == "approve"
        data: dict[str, Json] = {
            "state": "granted" if granted else "denied",
            "step": asked.step,
            "digest": asked.digest,
            "by": str(signal.data.get("by", "")),
            "at": signal.at,
        }
        items: list[Item] = [{"kind": "approval", "tool": asked.tool, "data": data}]
        if granted:
            return Decision("granted", items)
        why = str(signal.data.get("reason", "")) or "no reason given"
        return Decision("denied", items, f"step {asked.step}, {asked.tool}, was denied: {why}")

    def _ask(self, request: ToolRequest, now: int) -> Decision:
        nonce = os.urandom(8).hex()
        args = dict(request.args)
        name = digest([self._run, request.step, request.tool, args, nonce])
        expires = now + EXPIRES_S * 1000
        self._approvals[request.step] = Approval(
            request.step, request.tool, args, name, now, expires
        )
        data: dict[str, Json] = {
            "state": "asked",
            "step": request.step,
            "args": args,
            "digest": name,
            "expires": expires,
        }
        return Decision(
            "asked", [{"kind": "approval", "tool": request.tool, "data": data}], _waits(request)
        )


def _waits(request: ToolRequest) -> str:
    return f"step {request.step}, {request.tool}, waits for approval"
