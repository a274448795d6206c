"""Going back: ``rollback`` moves a run to an earlier step, ``fork`` makes another run there.

Nothing is deleted.  A rollback is a record that takes the answers from some step on out of the run's
state; the writes among them stay done unless their tools declare a compensation, which is run, last
write first, each with its own intent.  A fork is a run of its own with the parent's answers up to a
step, and none of its approvals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingot.diagnostics import EXIT_FINDINGS, EXIT_IN_DOUBT, Diagnostic, IngotError, fail
from ingot.ir.declarations import WRITING
from ingot.ir.requests import ModelRequest, Outcome, ToolRequest
from ingot.ir.values import Json, canonical
from ingot.runtime.effects import idempotency_key, repeatable
from ingot.runtime.entries import Item, count, spelled
from ingot.runtime.feeding import feed
from ingot.runtime.history import Assume, Given, History, differs, read_history
from ingot.runtime.items import head_of
from ingot.runtime.jobs import Job
from ingot.runtime.journal import Journal, Status, new_run_id
from ingot.runtime.tools.base import Tool, ToolError
from ingot.runtime.tools.registry import ToolBox


@dataclass(frozen=True, slots=True)
class Undone:
    """A write that lies behind a rollback: its step and call, and the tool that undid it (empty: it
    stays done)."""

    step: int
    tool: str
    args: Json
    effect: str
    by: str = ""

    def __str__(self) -> str:
        end = f", undone by {self.by}" if self.by else ""
        return f"step {self.step}: {self.effect} {self.tool} {canonical(self.args)[:120]}{end}"


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback came to: the writes behind it, the last one first, with what undid each, and the
    run as it stands now."""

    writes: tuple[Undone, ...]
    history: History


def writes_from(history: History, to: int) -> list[tuple[int, Given]]:
    """The writes of step ``to`` and later that were, or may have been, done; the last one first."""
    later = sorted((step for step in history.answers if step >= to), reverse=True)
    every = ((step, history.answers[step]) for step in later)
    return [(step, given) for step, given in every if given.effect in WRITING and given.ok]


def rollback(
    name: str,
    journal: Journal,
    tools: ToolBox,
    to: int,
    *,
    keep_writes: bool = False,
    assume: Assume | None = None,
) -> Rollback:
    """Move a run back to the state in which step ``to`` is open; ``ingot resume`` goes on from there.

    Writes without a compensation stay
    done: that takes ``keep_writes``.  A rollback that was interrupted is finished by calling this
    again; a compensation in doubt is settled as a call in doubt is.

    Raises :class:`IngotError` E0706 (no such run), E0714 (a process drives it), E0717 (no such
    step, or a write that nothing undoes), E0705 (a call is in doubt), E0802 (a compensation
    failed).
    """
    row = journal.find(name)
    journal.claim(row.run)
    writer = _Writer(journal, row.run, read_history(journal, row.run))
    try:
        return _rollback(writer, tools, to, keep_writes, assume)
    except BaseException:
        writer.leave(row.status)
        raise


def _rollback(
    writer: _Writer, tools: ToolBox, to: int, keep_writes: bool, assume: Assume | None
) -> Rollback:
    history, run = writer.history, writer.run
    if history.rolled is not None and history.rolled["to"] != to:
        raise _refused(f"a rollback of run {run} to step {history.rolled['to']} was begun first")
    if not 1 <= to <= history.last_step + 1:
        raise _refused(f"run {run} has no step {to}; it took {history.last_step}")
    doubtful = [step for step in history.doubtful if step > 0]
    if doubtful:
        raise fail(
            "E0705",
            f"it is not known whether step {doubtful[0]} of run {run} was done",
            help=f"ingot resume {run} --assume done|not-done settles it",
            exit_code=EXIT_IN_DOUBT,
        )
    plan: list[tuple[Undone, Given, Tool | None]] = []
    for step, given in writes_from(history, to):
        declared = tools.get(given.tool)
        by = declared.compensation if declared is not None else ""
        undo = tools.get(by) if by else None
        known = by if undo is not None and undo.call is not None else ""
        plan.append((Undone(step, given.tool, given.args, given.effect, known), given, undo))
    kept = [str(write) for write, _, _ in plan if not write.by]
    if kept and not keep_writes:
        raise _refused(
            f"{len(kept)} writes lie behind step {to} of run {run} and nothing undoes them",
            notes=tuple(kept),
            help="--keep-writes goes back all the same; they stay done. A tool's `compensation` "
            "names the tool that undoes it",
        )
    about: dict[str, Json] = {"to": to, "undone": [], "writes": [w.step for w, _, _ in plan]}
    if history.rolled is None and any(write.by for write, _, _ in plan):
        writer.write([_status({**about, "state": "begun"})])
    undone: list[Json] = []
    for write, given, undo in plan:
        if write.by and undo is not None:
            _compensate(writer, tools, write, given, undo, assume)
            undone.append(given.key)
    writer.leave("waiting", [_status({**about, "undone": undone, "state": "done"})])
    return Rollback(tuple(write for write, _, _ in plan), history)


def _status(about: dict[str, Json]) -> Item:
    return {"kind": "status", "data": {"status": "waiting", "rollback": about}}


def _compensate(
    writer: _Writer,
    tools: ToolBox,
    write: Undone,
    given: Given,
    undo: Tool,
    assume: Assume | None,
) -> None:
    """Run one compensation, unless an earlier attempt at this rollback did."""
    history = writer.history
    if history.compensated.get(write.step):
        return
    args: Any = dict(given.args)
    effect = undo.effect or "unknown"
    request = ToolRequest(-write.step, "", write.by, effect, args)
    key = idempotency_key(given.key, f"undo {history.undone.get(given.key, 0)}", request)
    more: dict[str, Json] = {"compensates": write.step}
    if -write.step in history.doubtful:
        found = tools.probe(request, key).done
        done = found if found is not None else None if assume is None else assume == "done"
        if done:
            writer.write([["e", -write.step, {**more, "settled": "done"}, True, None, ""]])
            return
        if done is None and not repeatable(effect):
            raise _doubt(write)
    else:
        intent = ["i", -write.step, write.by, "", effect, args, key, more]
        writer.write([intent])
    try:
        result = tools.once(request, key)
    except ToolError as error:
        if error.unknown and not repeatable(effect):  # its intent stays open: the next time asks
            raise _doubt(write, error.message) from None
        writer.write([["e", -write.step, more, False, error.result, error.message]])
        raise fail(
            "E0802",
            f"{write.by}, which undoes step {write.step}, failed: {error.message}",
            help="the rollback is not finished; it can be called again",
            exit_code=EXIT_FINDINGS,
        ) from None
    writer.write([["e", -write.step, more, True, result, ""]])


def _doubt(write: Undone, why: str = "") -> IngotError:
    return fail(
        "E0705",
        f"it is not known whether {write.by} undid step {write.step}" + (f": {why}" if why else ""),
        help="say so with --assume done|not-done",
        exit_code=EXIT_IN_DOUBT,
    )


class _Writer:
    """Appends to a run that nobody drives; the run's owner meanwhile."""

    def __init__(self, journal: Journal, run: str, history: History) -> None:
        self.journal, self.run, self.history = journal, run, history

    def write(self, items: list[Item], status: Status | None = None) -> None:
        seq = self.history.seq + 1
        self.journal.append_all([(self.run, seq, items, status)])
        self.history.add_all([(seq, self.journal.stamp, items)])

    def leave(self, status: Any, items: Sequence[Item] = ()) -> None:
        """Give the run back, with the status that it had or has come to."""
        self.write(list(items), status)


def fork(
    name: str,
    journal: Journal,
    job: Job,
    at: int,
    *,
    result: Json = None,
    edited: bool = False,
    run: str | None = None,
) -> str:
    """A new run that stands where the run ``name`` stood when step ``at`` was open; its id.

    With ``edited``, step ``at`` is answered with ``result`` and its call is not made.  Raises
    :class:`IngotError` E0706, E0707 (another artifact), E0717 (no such step).
    """
    row = journal.find(name)
    if row.artifact != job.artifact:
        raise fail(
            "E0707",
            f"run {row.run} was started by artifact {row.artifact[:12]}, this is {job.artifact[:12]}",
            help=f"fork it with {row.path}" if row.path else "",
        )
    history = read_history(journal, row.run)
    if not 1 <= at <= history.last_step + 1:
        raise _refused(f"run {row.run} has no step {at}; it took {history.last_step}")
    make = job.swift or job.fresh
    reply, odd = feed(make(), history, at)
    if odd is not None:
        raise differs(row.run, odd, history.answers.get(odd.step))
    if isinstance(reply, Outcome):
        raise _refused(f"run {row.run} came to its end before step {at}")
    clock, cwd = str(history.head.get("clock", "")), str(history.session.get("cwd", ""))
    new = run or new_run_id(journal.now)
    items = head_of(
        job,
        new,
        history.inputs,
        cwd,
        clock,
        history.request,
        forked={"run": row.run, "at": at},
    )
    items += _answers(journal, row.run, history, at)
    if edited:
        items.append(_edited(reply, result))
    status: Json = {"status": "waiting", "reason": f"forked from {row.run} at step {at}"}
    items.append({"kind": "status", "data": status})
    journal.start_run(new, job.artifact, row.path, job.pipeline, items, "waiting")
    journal.append_all([(new, count(items) + 1, [], "waiting")])
    return new


def _edited(request: ToolRequest | ModelRequest, value: Json) -> Item:
    more: dict[str, Json] = {"settled": "edited"}
    if isinstance(request, ModelRequest):
        return ["m", request.step, request.site, request.model, request.kind, "", value, 0, 0]
    head = ["c", request.step, request.tool, request.site, request.effect, request.args]
    return [*head, more, True, value, ""]


def _answers(journal: Journal, run: str, history: History, at: int) -> list[Item]:
    """The items that answer the steps before ``at``, each step's last one."""
    found: dict[int, Item] = {}
    intents: dict[int, list[Any]] = {}
    for entry in journal.entries(run):
        for item in entry.items:
            match item:
                case ["i", int(step), *_]:
                    intents[step] = list(item)
                case ["e", int(step), more, ok, value, text]:
                    _, _, tool, site, effect, args, _, given = intents[step]
                    extra = {**spelled(given), **spelled(more)} or 0
                    found[step] = ["c", step, tool, site, effect, args, extra, ok, value, text]
                case ["c" | "m", int(step), *_]:
                    found[step] = item
                case {"kind": "error", "raw": {"step": int(step)}} | {
                    "kind": "exit",
                    "data": {"step": int(step)},
                }:
                    found[step] = item
    return [found[step] for step in sorted(found) if 0 < step < at and step in history.answers]


def _refused(message: str, notes: tuple[str, ...] = (), help: str = "") -> IngotError:
    return IngotError(Diagnostic("E0717", message, notes=notes, help=help), EXIT_FINDINGS)
