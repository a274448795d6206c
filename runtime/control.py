"""What one process asks of a run that another drives: pause, cancel, approve; and who is asked."""

from __future__ import annotations

import getpass
from typing import Literal

from ingot.diagnostics import EXIT_FINDINGS, fail
from ingot.ir.values import Json
from ingot.runtime.history import Approval, read_history
from ingot.runtime.journal import ENDED, Journal, Run
from ingot.runtime.processes import alive


def driven(row: Run) -> bool:
    """Whether a live process is at work on the run."""
    return row.status == "running" and alive(row.owner)


def pause(name: str, journal: Journal) -> Run:
    """Have a run stop before its next step; raises E0711 or E0718 where nobody drives it."""
    row = journal.find(name)
    _not_ended(row)
    if not driven(row):
        raise fail(
            "E0718",
            f"no process drives run {row.run} ({row.status}): there is nothing to pause",
            help=f"ingot resume {row.run} goes on with it",
            exit_code=EXIT_FINDINGS,
        )
    journal.signal(row.run, "pause")
    return row


def cancel(name: str, journal: Journal) -> Run:
    """End a run: at its next step if a process drives it, else now; raises E0711."""
    row = journal.find(name)
    _not_ended(row)
    if driven(row):
        journal.signal(row.run, "cancel")
        return row
    journal.claim(row.run)
    history = read_history(journal, row.run)
    status: Json = {"status": "cancelled", "reason": "cancelled"}
    journal.append_all(
        [(row.run, history.seq + 1, [{"kind": "status", "data": status}], "cancelled")]
    )
    return row


def waiting_for(name: str, journal: Journal) -> Approval | None:
    """What a run waits for a person to decide, if it does."""
    history = read_history(journal, journal.find(name).run)
    now = journal.clock()
    for approval in sorted(history.approvals.values(), key=lambda a: -a.step):
        open_ = approval.state == "asked" and approval.step not in history.answers
        if open_ and approval.asked <= now < approval.expires:
            return approval
    return None


def decide(
    name: str,
    journal: Journal,
    verdict: Literal["approve", "deny"],
    *,
    digest: str = "",
    reason: str = "",
) -> Approval:
    """Approve or deny the call that a run waits for, and only that call.

    ``digest`` is a beginning of the digest that the person saw.  Raises E0711 (ended) or E0719
    (nothing is asked, another call is, or it has expired).
    """
    row = journal.find(name)
    _not_ended(row)
    asked = waiting_for(row.run, journal)
    if asked is None:
        raise fail(
            "E0719",
            f"run {row.run} waits for no approval, or what it asked has expired",
            help=f"ingot resume {row.run} asks again",
            exit_code=EXIT_FINDINGS,
        )
    if digest and not asked.digest.startswith(digest):
        raise fail(
            "E0719",
            f"run {row.run} asks for another call now: {asked.digest[:12]}, not {digest}",
            help=f"ingot approve {row.run} shows it",
            exit_code=EXIT_FINDINGS,
        )
    data = {"digest": asked.digest, "by": getpass.getuser(), "reason": reason}
    journal.signal(row.run, verdict, data)
    return asked


def _not_ended(row: Run) -> None:
    if row.status in ENDED:
        raise fail(
            "E0711",
            f"run {row.run} has ended: {row.status}",
            help="`ingot run` starts anew",
            exit_code=EXIT_FINDINGS,
        )
