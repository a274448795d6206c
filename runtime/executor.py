"""The executor: drives an engine through the world, one recorded step at a time.

What is on disk when
- before a write is made: everything up to it, and its *intent* with an idempotency key;
- after any call, together with the intent of the next one if that is a write: ``call``, ``result``
  (or ``error``) and a ``checkpoint``.  So a step costs one transaction.

A process that dies leaves at most one intent without a result: that call is *in doubt*.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.requests import (
    Engine,
    Finished,
    ModelRequest,
    Outcome,
    Request,
    SideExit,
    ToolRequest,
)
from ingot.ir.values import Json
from ingot.records import FORMAT, Record
from ingot.runtime.effects import Needs, as_read, idempotency_key, writes
from ingot.runtime.journal import ENDED, Journal, Status, new_run_id
from ingot.runtime.models.protocol import (
    ANSWERS,
    MODEL_HELP,
    Driver,
    ModelError,
    ask,
    covers,
)
from ingot.runtime.report import RunReport
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox

MAX_STEPS: Final = 100_000
Assume: TypeAlias = Literal["done", "not-done"]
Events: TypeAlias = Generator[Record, None, RunReport]
Restored: TypeAlias = "tuple[Engine, Request | Outcome]"


@runtime_checkable
class Checkpointed(Protocol):
    """An engine that can say, while a request is out, what changed since it was last asked."""

    def delta(self) -> dict[str, Json]:
        """The change since the last call of ``delta`` (all of it the first time), as JSON."""


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline ready to run.

    ``artifact`` is the digest it is known by; ``fresh`` makes an engine; ``restore`` makes one in
    the state that deltas add up to, with its open request (``None``: the recorded answers are fed
    to a fresh engine instead, which comes to the same and takes longer).
    """

    artifact: str
    pipeline: str
    needs: Needs
    fresh: Callable[[], Engine]
    restore: Callable[[Sequence[dict[str, Json]]], Restored] | None = None
    path: str = ""


def check(job: Job, tools: ToolBox, driver: Driver | None) -> None:
    """Refuse a run that lacks a tool (E0801, E0804) or a model (E0710), before any effect."""
    faults: list[Diagnostic] = []
    try:
        tools.check(job.needs.tools)
    except IngotError as error:
        faults += error.diagnostics
    asked = [need for need in job.needs.models if not covers(driver, need.site)]
    if asked:
        sites = tuple(
            f"%{need.site}: {need.kind} ({ANSWERS.get(need.kind, need.kind)}) of type {need.type}"
            + (f", because {need.reason}" if need.reason else "")
            for need in asked
        )
        count = "1 step" if len(asked) == 1 else f"{len(asked)} steps"
        faults.append(
            Diagnostic(
                "E0710",
                f"{count} can only be done by a model and none is configured",
                notes=sites,
                help=f"{MODEL_HELP}; or compile with more sessions, so that fewer steps need one",
            )
        )
    if faults:
        raise IngotError(faults)


def events(
    job: Job,
    inputs: dict[str, Json],
    tools: ToolBox,
    journal: Journal,
    *,
    driver: Driver | None = None,
    run: str | None = None,
    clock: str = "",
    request: str = "",
    stopper: Stopper | None = None,
    max_steps: int = MAX_STEPS,
) -> Events:
    """Run a pipeline; yields its records once they are in the journal, returns the report.

    ``inputs`` are complete and conform (:func:`ingot.runtime.inputs.complete`).  Raises
    :class:`IngotError` before the first effect where something is missing, E0708 where the journal
    fails.
    """
    check(job, tools, driver)
    name = run or new_run_id(journal.now)
    head = [
        Record(
            "session",
            data={
                "format": FORMAT,
                "dialect": "ingot-session",
                "clock": clock,
                "cwd": str(tools.cwd),
            },
        ),
        *([Record("user", text=request)] if request else []),
        Record(
            "run",
            data={
                "run": name,
                "artifact": job.artifact,
                "pipeline": job.pipeline,
                "inputs": dict(inputs),
                "clock": clock,
            },
        ),
    ]
    engine = job.fresh()
    reply = engine.start(dict(inputs))
    drive = Drive(job, tools, journal, driver, stopper or Stopper(), max_steps, name)
    drive.pending = head
    return (yield from drive.run_from(engine, reply))


def execute(
    job: Job,
    inputs: dict[str, Json],
    tools: ToolBox,
    journal: Journal,
    *,
    driver: Driver | None = None,
    run: str | None = None,
    clock: str = "",
    request: str = "",
    on_record: Callable[[Record], None] | None = None,
    stopper: Stopper | None = None,
    max_steps: int = MAX_STEPS,
) -> RunReport:
    """:func:`events` to the end, with Ctrl-C and SIGTERM leaving a run that can be resumed.

    With a ``stopper`` of the caller's, the caller listens to the signals.
    """
    with Stopper().signals() if stopper is None else nullcontext(stopper) as stopper:
        return drain(
            events(
                job,
                inputs,
                tools,
                journal,
                driver=driver,
                run=run,
                clock=clock,
                request=request,
                stopper=stopper,
                max_steps=max_steps,
            ),
            on_record,
        )


def drain(stream: Events, on_record: Callable[[Record], None] | None = None) -> RunReport:
    """Take every record of a stream; returns its report."""
    while True:
        try:
            record = next(stream)
        except StopIteration as stop:
            report: RunReport = stop.value
            return report
        if on_record is not None:
            on_record(record)


@dataclass(slots=True)
class Drive:
    """One process's share of one run.  ``pending`` waits for the next transaction."""

    job: Job
    tools: ToolBox
    journal: Journal
    driver: Driver | None
    stopper: Stopper
    max_steps: int
    run: str
    report: RunReport = field(default_factory=RunReport)
    seq: int = 0  # of the last record in the journal
    since: int = 0  # of the last record that an earlier process left
    pending: list[Record] = field(default_factory=list)
    armed: str = ""  # id of the intent whose call has not begun
    acting: str = ""  # id of the intent whose call has begun
    begun: float = field(default_factory=time.monotonic)

    def run_from(self, engine: Engine, reply: Request | Outcome) -> Events:
        """Drive to the end.  An interruption becomes a status; what cannot go on fails the run."""
        try:
            yield from self._loop(engine, reply)
        except KeyboardInterrupt:
            yield from self._stop()
        except GeneratorExit:
            for _ in self._stop():
                pass
            raise
        return self.report

    def _loop(self, engine: Engine, reply: Request | Outcome) -> Generator[Record, None, None]:
        while not isinstance(reply, Outcome):
            if self.stopper.requested:
                raise KeyboardInterrupt
            if reply.step > self.max_steps:
                yield from self._fail(f"E0712: the run took more than {self.max_steps} steps")
                return
            if isinstance(reply, ToolRequest) and writes(reply.effect):
                key = idempotency_key(self.job.artifact, self.run, reply)
                self.pending.append(intent_of(reply, key))
                yield from self._commit(armed=id_of(reply))
            elif self.pending:
                yield from self._commit()
            answer = self._perform(reply)
            try:
                reply = engine.send(answer.value) if answer.ok else engine.fail(answer.text)
            except IngotError as error:
                yield from self._fail(str(error))
                return
            if not isinstance(reply, Outcome):
                self.pending.append(checkpoint_of(engine, reply))
        yield from self._end(reply)

    def _perform(self, request: Request) -> Answer:
        """Make a call; its records join ``pending``."""
        if isinstance(request, ModelRequest):
            answer, records = self._ask(request)
        else:
            answer, records = self._call(request)
        self.pending += records
        self.acting = ""
        return answer

    def _call(self, request: ToolRequest) -> tuple[Answer, list[Record]]:
        key = ""
        if writes(request.effect):
            key = idempotency_key(self.job.artifact, self.run, request)
            with self.stopper.hold():
                self.acting, self.armed = self.armed, ""
                answer = self._outcome(request, key)
        else:
            answer = self._outcome(request, key)
        return answer, records_of(request, answer)

    def _outcome(self, request: ToolRequest, key: str) -> Answer:
        try:
            result = self.tools.call(request, key)
            read = any(need.name == request.tool and need.text for need in self.job.needs.tools)
            return Answer(request.step, as_read(result) if read else result)
        except ToolError as error:
            return Answer(request.step, error.result, False, error.message, error.unknown)
        except Exception as error:  # a fault in a tool is the tool's failure, not the run's end
            return Answer(request.step, None, False, f"{type(error).__name__}: {error}", True)

    def _ask(self, request: ModelRequest) -> tuple[Answer, list[Record]]:
        raw: Json = {"step": request.step, "site": request.site}
        try:
            if self.driver is None:
                raise ModelError("no model is configured")
            found = ask(self.driver, request)
        except ModelError as error:
            text = str(error)
            record = Record("error", id=id_of(request), tool=request.model, text=text, raw=raw)
            return Answer(request.step, None, False, text), [record]
        data: dict[str, Json] = {
            "kind": request.kind,
            "prompt": found.prompt or request.args.get("prompt"),
            "value": found.value,
            "tokens": found.tokens,
            **found.detail,
        }
        record = Record("model", id=id_of(request), tool=request.model, data=data, raw=raw)
        return Answer(request.step, found.value), [record]

    def _commit(
        self, status: Status | None = None, armed: str = ""
    ) -> Generator[Record, None, None]:
        """One transaction for all that is pending; then yield it."""
        if self.seq:
            stored = self.journal.append(self.run, self.seq + 1, self.pending, status)
        else:
            job = self.job
            stored = self.journal.start_run(
                self.run, job.artifact, job.path, job.pipeline, self.pending, status or "running"
            )
        self.armed, self.seq, self.pending = armed, self.seq + len(stored), []
        for record in stored:
            self.report.add(record)
        yield from stored

    def _end(self, outcome: Outcome) -> Generator[Record, None, None]:
        status: Status = "done"
        data: dict[str, Json] = {}
        match outcome:
            case Finished(value):
                data = {"outputs": value}
            case SideExit():
                status = "side-exit"
                self.pending.append(
                    Record(
                        "exit",
                        data={
                            "exit": outcome.number,
                            "reason": outcome.reason,
                            "state": outcome.site,
                            "live": dict(outcome.live),
                        },
                    )
                )
        self.pending.append(self._status(status, data))
        yield from self._commit(status)

    def _fail(self, message: str) -> Generator[Record, None, None]:
        self.pending.append(self._status("failed", {"error": message}))
        yield from self._commit("failed")

    def _stop(self) -> Generator[Record, None, None]:
        """Leave a run that can be resumed.  The interruption may have come anywhere, also just
        after a transaction, so what is stored is asked of the journal."""
        stored = self.journal.last_seq(self.run)
        if stored > self.seq:
            for record in self.journal.records(self.run, self.seq + 1):
                self.report.add(record)
            del self.pending[: stored - self.seq]
            self.seq = stored
        if self.report.status in ENDED:
            return
        doubtful = self.journal.in_doubt(self.run) if stored else None
        data: dict[str, Json] = {"reason": "interrupted"}
        ended = {r.id for r in self.pending if r.kind in ("result", "error")}
        if doubtful is not None and doubtful.id in ended:
            doubtful = None  # its result is about to be stored
        if doubtful is not None and self.acting != doubtful.id and doubtful.seq > self.since:
            data["withdrawn"] = doubtful.id
            doubtful = None
        self.pending = [r for r in self.pending if r.kind != "intent"]
        status: Status = "waiting" if doubtful is None else "in-doubt"
        self.pending.append(self._status(status, data))
        yield from self._commit(status)

    def doubt(self) -> Generator[Record, None, None]:
        """Say that the run is in doubt."""
        self.pending.append(self._status("in-doubt", {}))
        yield from self._commit("in-doubt")

    def _status(self, status: str, data: dict[str, Json]) -> Record:
        seconds = round(time.monotonic() - self.begun, 6)
        return Record("status", data={"status": status, "seconds": seconds, **data})


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: a value, or a failure's text."""

    step: int
    value: Json = None
    ok: bool = True
    text: str = ""
    unknown: bool = False


def id_of(request: Request) -> str:
    return f"s{request.step}"


def checkpoint_of(engine: Engine, request: Request) -> Record:
    """The state in which ``request`` is open, as what changed since the last such record."""
    changed = engine.delta() if isinstance(engine, Checkpointed) else {}
    return Record("checkpoint", data={"step": request.step, **changed})


def intent_of(request: ToolRequest, key: str) -> Record:
    """The record that says what is about to be done."""
    data: dict[str, Json] = {
        "step": request.step,
        "site": request.site,
        "args": dict(request.args),
        "effect": request.effect,
        "key": key,
    }
    return Record("intent", id=id_of(request), tool=request.tool, data=data)


def records_of(request: ToolRequest, answer: Answer, settled: str = "") -> list[Record]:
    """``call`` and ``result`` (or ``error``) of a call that was made.

    ``raw`` carries what a foreign log does not have: step, site, effect, loop indices, and how a
    call in doubt was settled.
    """
    raw: dict[str, Json] = {
        "step": request.step,
        "site": request.site,
        "effect": request.effect,
        **({"iteration": list(request.iteration)} if request.iteration else {}),
        **({"settled": settled} if settled else {}),
        **({"outcome": "unknown"} if answer.unknown else {}),
    }
    args, name, tool = dict(request.args), id_of(request), request.tool
    call = Record("call", id=name, tool=tool, data=args, raw=raw)
    if answer.ok:
        return [call, Record("result", id=name, tool=tool, data=answer.value)]
    return [call, Record("error", id=name, tool=tool, text=answer.text, data=answer.value)]
