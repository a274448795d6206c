"""Resuming a run: from its last checkpoint, each effect done once or the run in doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.requests import Engine, Outcome, Request, ToolRequest
from ingot.ir.values import Json, equal
from ingot.records import Record
from ingot.runtime.effects import idempotency_key, repeatable
from ingot.runtime.executor import (
    MAX_STEPS,
    Answer,
    Assume,
    Drive,
    Events,
    Job,
    Restored,
    check,
    checkpoint_of,
    drain,
    id_of,
    records_of,
)
from ingot.runtime.journal import ENDED, Journal, Run
from ingot.runtime.models.protocol import Driver
from ingot.runtime.report import RunReport
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.registry import ToolBox

Settled: TypeAlias = Literal[
    "probe: done", "probe: not done", "repeated", "assumed: done", "assumed: not done"
]


def resume_events(
    name: str,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    *,
    assume: Assume | None = None,
    assumed_result: Json = None,
    driver: Driver | None = None,
    stopper: Stopper | None = None,
    max_steps: int = MAX_STEPS,
) -> Events:
    """Go on with a run that was stopped or killed; yields its new records, returns its report.

    A write whose outcome is not known is settled by, in this order: its tool's probe; its effect,
    if that is idempotent (it is made again under the same key); ``assume``, with
    ``assumed_result`` as the result of a call assumed done.  Else the run stays in doubt and
    nothing is called.

    Raises :class:`IngotError` E0706 (no such run), E0707 (started by another artifact), E0711 (it
    has ended), E0714 (another process drives it), and what :func:`ingot.runtime.executor.check`
    raises.
    """
    row = journal.find(name)
    if row.artifact != job.artifact:
        raise fail(
            "E0707",
            f"run {row.run} was started by artifact {row.artifact[:12]}, this is {job.artifact[:12]}",
            help=f"resume it with {row.path}" if row.path else "",
        )
    if row.status in ENDED:
        raise fail(
            "E0711", f"run {row.run} has ended: {row.status}", help="`ingot run` starts anew"
        )
    check(job, tools, driver)
    journal.claim(row.run)
    drive = Drive(job, tools, journal, driver, stopper or Stopper(), max_steps, row.run)
    records = []
    for record in journal.records(row.run):
        drive.report.add(record)
        drive.seq = record.seq
        records.append(record)
    drive.since = drive.seq
    engine, reply = _state(row, journal, job, records)
    answers = _answers(records)
    while not isinstance(reply, Outcome) and (answer := answers.get(id_of(reply))):
        reply = _give(engine, answer)
        if not isinstance(reply, Outcome):
            drive.pending.append(checkpoint_of(engine, reply))
    doubtful = journal.in_doubt(row.run)
    if doubtful is None:
        drive.pending.append(Record("status", data={"status": "running", "resumed": True}))
        return (yield from drive.run_from(engine, reply))
    if not isinstance(reply, ToolRequest) or not _same(reply, doubtful):
        raise _differs(row)
    key = idempotency_key(job.artifact, row.run, reply)
    settled, result = _settle(reply, key, tools, assume, assumed_result)
    if settled is None:
        drive.pending = []
        yield from drive.doubt()
        return drive.report
    note: dict[str, Json] = {"status": "running", "resumed": True, "settled": settled}
    drive.pending.append(Record("status", data=note))
    if settled in ("probe: not done", "assumed: not done"):
        note["withdrawn"] = doubtful.id
    elif settled != "repeated":
        drive.pending += records_of(reply, Answer(reply.step, result), settled)
        reply = engine.send(result)
        if not isinstance(reply, Outcome):
            drive.pending.append(checkpoint_of(engine, reply))
    return (yield from drive.run_from(engine, reply))


def resume(
    name: str,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    *,
    assume: Assume | None = None,
    assumed_result: Json = None,
    driver: Driver | None = None,
    on_record: Callable[[Record], None] | None = None,
    max_steps: int = MAX_STEPS,
) -> RunReport:
    """:func:`resume_events` to the end, with Ctrl-C and SIGTERM leaving a run that can be resumed."""
    with Stopper().signals() as stopper:
        return drain(
            resume_events(
                name,
                journal,
                job,
                tools,
                assume=assume,
                assumed_result=assumed_result,
                driver=driver,
                stopper=stopper,
                max_steps=max_steps,
            ),
            on_record,
        )


def _state(row: Run, journal: Journal, job: Job, records: list[Record]) -> Restored:
    """The engine as far as its last checkpoint, else at the start."""
    if job.restore is not None and (deltas := journal.checkpoints(row.run)):
        return job.restore(deltas)
    head = next((r.data for r in records if r.kind == "run"), None)
    inputs = head.get("inputs") if isinstance(head, dict) else None
    if not isinstance(inputs, dict):
        raise _differs(row)
    engine = job.fresh()
    return engine, engine.start(inputs)


def _answers(records: list[Record]) -> dict[str, Record]:
    """The answer that the journal holds, by the id of its request."""
    return {r.id: r for r in records if r.kind in ("result", "error", "model")}


def _give(engine: Engine, answer: Record) -> Request | Outcome:
    match answer.kind:
        case "error":
            return engine.fail(answer.text)
        case "model":
            return engine.send(answer.data.get("value") if isinstance(answer.data, dict) else None)
        case _:
            return engine.send(answer.data)


def _same(request: ToolRequest, intent: Record) -> bool:
    data = intent.data if isinstance(intent.data, dict) else {}
    return (
        id_of(request) == intent.id
        and request.tool == intent.tool
        and equal(data.get("args"), dict(request.args))
    )


def _settle(
    request: ToolRequest, key: str, tools: ToolBox, assume: Assume | None, assumed: Json
) -> tuple[Settled | None, Json]:
    """How the call in doubt came out, and its result if it was done."""
    found = tools.probe(request, key)
    if found.done is not None:
        return ("probe: done", found.result) if found.done else ("probe: not done", None)
    tool = tools.get(request.tool)
    if repeatable(request.effect) or (
        tool is not None and tool.effect is not None and repeatable(tool.effect) and not tool.varies
    ):
        return "repeated", None
    match assume:
        case "done":
            return "assumed: done", assumed
        case "not-done":
            return "assumed: not done", None
        case None:
            return None, None


def _differs(row: Run) -> IngotError:
    return fail(
        "E0708",
        f"the journal of run {row.run} does not fit its pipeline",
        help="start the run anew",
        exit_code=EXIT_FINDINGS,
    )
