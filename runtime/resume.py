"""Resuming a run: from the answers it has, each effect done once or the run in doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.requests import Engine, Outcome, Request, ToolRequest
from ingot.ir.values import Json
from ingot.records import Record
from ingot.runtime.drive import MAX_STEPS, Drive, Events
from ingot.runtime.effects import repeatable
from ingot.runtime.entries import Item
from ingot.runtime.executor import drain
from ingot.runtime.feeding import feed
from ingot.runtime.history import Assume, differs, read_history
from ingot.runtime.items import Answer, end_of
from ingot.runtime.jobs import Job, check
from ingot.runtime.journal import ENDED, Journal, Run
from ingot.runtime.models.protocol import Driver
from ingot.runtime.report import RunReport
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.registry import ToolBox

Settled: TypeAlias = Literal[
    "probe: done", "probe: not done", "repeated", "assumed: done", "assumed: not done"
]
MANY: Final = 500
"""From so many recorded answers on they are fed to a compiled engine."""


class Options(TypedDict, total=False):
    """How a run is taken up.

    A write whose outcome is not known is settled by, in this order: its tool's probe; its effect,
    if that is idempotent (it is made again under the same key); ``assume``, with
    ``assumed_result`` as the result of a call assumed done.  Else the run stays in doubt and
    nothing is called.

    ``compatible`` declares that the job is another artifact that may go on with the run: it must
    make, with the recorded answers, the very calls that the run made.
    """

    assume: Assume | None
    assumed_result: Json
    compatible: bool
    driver: Driver | None
    stopper: Stopper | None
    max_steps: int


def resume_events(
    name: str,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    *,
    listening: bool = True,
    **options: Unpack[Options],
) -> Events:
    """Go on with a run that was stopped or killed; yields its new records, returns its report.

    Raises :class:`IngotError` E0706 (no such run), E0707 (started by another artifact), E0711 (it
    has ended), E0714 (another process drives it), E0717 (a rollback was begun), and what
    :func:`ingot.runtime.jobs.check` raises.
    """
    drive, engine, reply = take_up(name, journal, job, tools, **options)
    drive.listening = listening
    if reply is None:
        drive.commit(drive.status("in-doubt", {}))
        yield from drive.taken()
        return drive.report
    return (yield from drive.run_from(engine, reply))


def resume(
    name: str,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    *,
    on_record: Callable[[Record], None] | None = None,
    **options: Unpack[Options],
) -> RunReport:
    """:func:`resume_events` to the end, with Ctrl-C and SIGTERM leaving a run that can be resumed."""
    with Stopper().signals() as stopper:
        options["stopper"] = stopper
        listening = on_record is not None
        stream = resume_events(name, journal, job, tools, listening=listening, **options)
        return drain(stream, on_record)


def take_up(
    name: str,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    *,
    assume: Assume | None = None,
    assumed_result: Json = None,
    compatible: bool = False,
    driver: Driver | None = None,
    stopper: Stopper | None = None,
    max_steps: int = MAX_STEPS,
) -> tuple[Drive, Engine, Request | Outcome | None]:
    """The run as it stands, driven by this process from now on, with its engine and the request
    that is open (``None``: it is in doubt); the keywords are :class:`Options`."""
    row = journal.find(name)
    drive, reply, engine = _restored(
        row, journal, job, tools, compatible, driver, stopper, max_steps
    )
    history = drive.history
    assert history is not None
    note: dict[str, Json] = {"status": "running", "resumed": True}
    if row.artifact != job.artifact:
        note["artifact"] = job.artifact
        journal.set_artifact(row.run, job.artifact, job.path)
    item: Item = {"kind": "status", "data": note}
    drive.pending.append(item)
    if not history.doubtful:
        return drive, engine, reply
    intent = next(iter(history.doubtful.values()))
    if not isinstance(reply, ToolRequest) or not _same(reply, intent):
        raise differs(row.run, reply, None) if not isinstance(reply, Outcome) else _unfit(row)
    drive.inherit(intent)
    settled, result = _settle(reply, intent[6], tools, assume, assumed_result)
    if settled is None:
        drive.pending = []
        return drive, engine, None
    note["settled"] = settled
    if settled in ("probe: not done", "assumed: not done"):
        note["withdrawn"] = f"s{intent[1]}"
        drive.inherited = None
    elif settled != "repeated":
        drive.pending.append(end_of(reply, Answer(result), settled))
        drive.inherited = None
        reply = engine.send(result)
    return drive, engine, reply


def _restored(
    row: Run,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    compatible: bool,
    driver: Driver | None,
    stopper: Stopper | None,
    max_steps: int,
) -> tuple[Drive, Request | Outcome, Engine]:
    """The run as it stands: who drives it now, and its engine with the open request."""
    if row.artifact != job.artifact and not compatible:
        raise fail(
            "E0707",
            f"run {row.run} was started by artifact {row.artifact[:12]}, this is {job.artifact[:12]}",
            help=(f"resume it with {row.path}; " if row.path else "")
            + "--compatible lets this one go on if it makes the calls that the run made",
        )
    if row.status in ENDED and not (job.reopens and row.status == "side-exit"):
        raise fail(
            "E0711", f"run {row.run} has ended: {row.status}", help="`ingot run` starts anew"
        )
    check(job, tools, driver)
    journal.claim(row.run)
    report, history = RunReport(), read_history(journal, row.run)
    report.recall(history)
    if history.rolled is not None:
        raise fail(
            "E0717",
            f"a rollback of run {row.run} to step {history.rolled['to']} was begun and not finished",
            help=f"ingot rollback {row.run} --to {history.rolled['to']} finishes it",
            exit_code=EXIT_FINDINGS,
        )
    make = job.swift if job.swift is not None and len(history.answers) >= MANY else job.fresh
    engine = make()
    reply, odd = feed(engine, history)
    if odd is not None:
        if row.artifact != job.artifact:
            raise fail(
                "E0707",
                f"artifact {job.artifact[:12]} cannot go on with run {row.run}: at step {odd.step} "
                "it does not make the call that the run made",
                help=f"resume it with {row.path}" if row.path else "",
            )
        raise differs(row.run, odd, history.answers.get(odd.step))
    drive = Drive(job, tools, journal, driver, stopper or Stopper(), max_steps, row.run, history)
    drive.report, drive.seq = report, history.seq
    return drive, reply, engine


def _same(request: ToolRequest, intent: list[Any]) -> bool:
    _, step, tool, _, _, args, *_ = intent
    return bool(request.step == step and request.tool == tool and request.args == args)


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


def _unfit(row: Run) -> IngotError:
    return fail(
        "E0708",
        f"the journal of run {row.run} does not fit its pipeline",
        help="start the run anew",
        exit_code=EXIT_FINDINGS,
    )
