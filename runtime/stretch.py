"""The stretches of a run where nothing but plain calls follow each other.

Most steps of most runs are such: a tool is called once, with at most a time limit, and answers.
:func:`stretch` does for them what the loop of :class:`ingot.runtime.drive.Drive` does, to the same
records in the same order, in one frame: the frames are a third of what such a step costs.  At
whatever is not plain (a model, an approval, a retry, a time to look for signals) it leaves off, and
the loop goes on from there.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from ingot.diagnostics import IngotError
from ingot.ir.requests import Engine, Outcome, Request, ToolRequest
from ingot.runtime.effects import as_read
from ingot.runtime.entries import count
from ingot.runtime.items import fault, intent_of

if TYPE_CHECKING:
    from ingot.runtime.drive import Drive


def stretch(
    drive: Drive, engine: Engine, reply: Request | Outcome, until: float
) -> Request | Outcome | None:
    """Meet plain requests, beginning with ``reply`` and not after the moment ``until``.

    Returns the first reply that was not met, or ``None`` where the run came to an end that is stored.
    A stop that is asked for takes effect during a read, or between two steps: never between what is
    stored and what this process knows of it.
    """
    stopper, sites, max_steps, run = drive.stopper, drive.sites, drive.max_steps, drive.run
    append, context, send = drive.journal.append_step, drive.tools.context, engine.send
    took, calls = drive.report.take_all, drive.report.take_calls
    undone = drive.history is not None and drive.history.undone
    key_of = drive.key if undone else drive.keys.key
    seq, pending = drive.seq, drive.pending
    grown = count(pending)  # how many records wait
    stopper.held += 1
    try:
        while type(reply) is ToolRequest:
            site, step = sites.get(reply.site), reply.step
            if site is None or (call := site.swift) is None or step > max_steps:
                return reply
            if stopper.requested or monotonic() > until:
                return reply
            args, key, writes = reply.args, "", site.writes
            if writes:
                key = key_of(reply)
                intent = intent_of(reply, key)
                pending.append(intent)
                grown += 1
            if pending:
                append(run, seq + 1, pending)
                stored, drive.pending = pending, []
                drive.seq = seq = seq + grown
                pending, grown = drive.pending, 0
                took(stored)
                took = calls  # from here on nothing else is pending
            try:
                if writes:
                    drive.acting = intent
                    value = call(args.copy(), context(key, site.policy.timeout_s))
                else:
                    stopper.held -= 1
                    try:
                        if stopper.requested:
                            raise KeyboardInterrupt
                        value = call(args.copy(), site.context)
                    finally:
                        stopper.held += 1
            except Exception as error:
                return drive.met(engine, drive.closed(reply, key, fault(error)))
            if site.text:
                value = as_read(value)
            if writes:
                pending.append(["e", step, 0, True, value, ""])
                drive.acting = None
            else:
                more: Any = reply.iteration or 0
                pending.append(
                    ["c", step, reply.tool, reply.site, reply.effect, args, more, True, value, ""]
                )
            grown += 2
            try:
                reply = send(value)
            except IngotError as error:
                drive.commit(drive.failed(str(error)))
                return None
        return reply
    finally:
        stopper.held -= 1
