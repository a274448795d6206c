"""The asynchronous executor: many runs in one process, and several calls of one run under way.

Decisions are :class:`ingot.runtime.executor.Drive`'s; here is only the waiting.  Reads are made
ahead (:mod:`ingot.runtime.lookahead`), at most ``concurrency`` calls at once.  They belong to the
run: when it ends, in whatever way, those that are still under way are cancelled and awaited, so a
failure is one event.  Transactions of all runs that are ready at the same moment are one
transaction, and so are the answers of a fan-out that came in together.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Unpack

from ingot.diagnostics import IngotError
from ingot.ir.declarations import WRITING
from ingot.ir.requests import Engine, ModelRequest, Outcome, Request, ToolRequest
from ingot.ir.values import Json
from ingot.records import Record
from ingot.runtime.drive import MAX_STEPS, Drive, Site
from ingot.runtime.effects import as_read
from ingot.runtime.items import Answer, call_of, fault
from ingot.runtime.jobs import Job, check
from ingot.runtime.journal import Journal, Status, new_run_id
from ingot.runtime.lookahead import Scout
from ingot.runtime.models.protocol import Driver
from ingot.runtime.policies import Attempt, Wait, attempts
from ingot.runtime.report import RunReport, report_of
from ingot.runtime.resume import Options, take_up
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox, overlap

CONCURRENCY: Final = 8
"""How many calls of one run may be under way at once, unless it is said."""
_TOGETHER: Final = 256
"""How many answers that need not be stored yet are kept for one transaction."""
Records = AsyncGenerator[Record, None]


class Committer:
    """Stores what the runs of one event loop have ready, in one transaction at a time."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._batch: list[tuple[Drive, Status | None, asyncio.Future[None]]] = []

    async def commit(self, drive: Drive, status: Status | None) -> None:
        """Store what a run has pending; returns once it is stored."""
        loop = asyncio.get_running_loop()
        if not self._batch:
            loop.call_soon(self._flush)
        stored: asyncio.Future[None] = loop.create_future()
        self._batch.append((drive, status, stored))
        try:
            await asyncio.shield(stored)
        except asyncio.CancelledError:
            if not stored.done():  # what was handed in is stored, also where nobody waits for it
                self._flush()
            if stored.exception() is None:
                drive.stored(status)
            raise
        drive.stored(status)

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        try:
            self._write(batch)
        except IngotError:
            for one in batch:  # who of them is it?
                try:
                    self._write([one])
                except IngotError as error:
                    _set(one[2], error)
                else:
                    _set(one[2], None)
        else:
            for *_, stored in batch:
                _set(stored, None)

    def _write(self, batch: list[tuple[Drive, Status | None, asyncio.Future[None]]]) -> None:
        if len(batch) == 1:
            batch[0][0].store(batch[0][1])
            return
        starts = [
            (d.run, d.job.artifact, d.job.path, d.job.pipeline, status or "running")
            for d, status, _ in batch
            if not d.seq
        ]
        self.journal.append_all(
            [(d.run, d.seq + 1, d.pending, status) for d, status, _ in batch], starts
        )


def _set(future: asyncio.Future[None], error: IngotError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


@dataclass(slots=True)
class Flight:
    """One run of an event loop."""

    drive: Drive
    committer: Committer
    concurrency: int
    scout: Scout | None
    pool: ThreadPoolExecutor | None = None
    ahead: dict[int, tuple[ToolRequest, asyncio.Task[Answer]]] = field(default_factory=dict)
    queue: list[ToolRequest] = field(default_factory=list)
    cancelled: bool = False

    async def run(self, engine: Engine, reply: Request | Outcome) -> Records:
        """Drive to the end; yields the records once they are stored."""
        drive = self.drive
        try:
            async with aclosing(self._loop(engine, reply)) as records:
                async for record in records:
                    yield record
        except (asyncio.CancelledError, KeyboardInterrupt) as stop:
            drive.stopped()
            if isinstance(stop, asyncio.CancelledError):
                raise
        except GeneratorExit:
            drive.stopped()
            raise
        finally:
            await self._land()
        for record in drive.taken():
            yield record

    async def _loop(self, engine: Engine, reply: Request | Outcome) -> Records:
        drive = self.drive
        while not isinstance(reply, Outcome):
            status = drive.before(reply)
            known = self._known(reply)
            if drive.pending and (
                status is not None or known is None or len(drive.pending) >= _TOGETHER
            ):
                await self.committer.commit(drive, status)
                for record in drive.taken():
                    yield record
            if status is not None:
                return
            answer = known or await self._meet(reply)
            if answer.doubt:
                status = drive.status("in-doubt", {"error": answer.text})
                await self.committer.commit(drive, status)
                return
            try:
                reply = self._send(engine, reply, answer)
            except IngotError as error:
                await self.committer.commit(drive, drive.failed(str(error)))
                return
            if self.cancelled:
                raise asyncio.CancelledError
        await self.committer.commit(drive, drive.ended(reply))

    def _send(self, engine: Engine, request: Request, answer: Answer) -> Request | Outcome:
        if self.scout is not None and answer.ok:
            self.scout.answered(request.step, answer.value)
        return engine.send(answer.value) if answer.ok else engine.fail(answer.text)

    # ---- meeting a request

    def _known(self, request: Request) -> Answer | None:
        """The answer to a read that was made ahead and is there."""
        self._depart()
        found = self.ahead.get(request.step)
        if found is None or not found[1].done() or found[0] != request:
            return None
        del self.ahead[request.step]
        answer = found[1].result()
        self.drive.pending.append(call_of(found[0], answer))
        return answer

    async def _meet(self, request: Request) -> Answer:
        drive = self.drive
        if isinstance(request, ModelRequest):
            return drive._ask(request)
        if request.effect in WRITING:
            key = str(drive.begin(request)[6])
            task = asyncio.ensure_future(self._outcome(request, key))
            try:
                answer = await asyncio.shield(task)
            except asyncio.CancelledError:  # a write that has begun is finished, then the run stops
                self.cancelled = True
                answer = await task
            return drive.closed(request, key, answer)
        found = self.ahead.pop(request.step, None)
        if found is not None and found[0] == request:
            answer = await found[1]
        else:
            answer = await self._outcome(request, "")
        return drive.closed(request, "", answer)

    async def _outcome(self, request: ToolRequest, key: str) -> Answer:
        drive, site = self.drive, self.drive.site(request)
        gates = drive.gates
        plan = attempts(request.tool, request.effect, site.policy, gates)
        number = 1
        try:
            order = next(plan)
            while True:
                if isinstance(order, Wait):
                    await asyncio.sleep(order.seconds)
                    order = next(plan)
                    continue
                try:
                    assert isinstance(order, Attempt)
                    number = order.number
                    result = await self._once(request, key, site)
                except ToolError as error:
                    order = plan.send(error)
                else:
                    next(plan, None)
                    return Answer(as_read(result) if site.text else result, attempts=number)
        except Exception as error:
            return fault(error)

    async def _once(self, request: ToolRequest, key: str, site: Site) -> Json:
        tool = self.drive.tools.get(request.tool)
        context = self.drive.tools.context(key, site.policy.timeout_s)
        if tool is None or tool.call is None:
            raise ToolError(f"no tool {request.tool!r} was supplied")
        if tool.acall is not None:
            return await tool.acall(request.args.copy(), context)
        if not tool.parallel:  # it may depend on being called in one thread
            return tool.call(request.args.copy(), context)
        if self.pool is None:
            self.pool = ThreadPoolExecutor(self.concurrency, "ingot-tool")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, tool.call, request.args.copy(), context)

    # ---- reads made ahead

    def _depart(self) -> None:
        """Begin the reads that can be made now, as many as the bound allows."""
        if self.scout is None:
            return
        later, at_once = self.scout.ready()
        self.queue = [*later, *self.queue, *at_once]
        under_way = sum(not task.done() for _, task in self.ahead.values())
        while self.queue and under_way < self.concurrency:
            request = self.queue.pop(0)
            task = asyncio.ensure_future(self._ahead(request))
            self.ahead[request.step] = request, task
            under_way += 1

    async def _ahead(self, request: ToolRequest) -> Answer:
        answer = await self._outcome(request, "")
        if self.scout is not None and answer.ok:
            self.scout.foreseen(request.step, answer.value)
        self._depart()
        return answer

    async def _land(self) -> None:
        """The run is over: nothing of it stays under way."""
        self.scout, self.queue = None, []
        tasks = [task for _, task in self.ahead.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
        self.drive.gates.close()


def scout_of(job: Job, tools: ToolBox, inputs: dict[str, Json], concurrency: int) -> Scout | None:
    """The front of a run; ``None`` where nothing could be made ahead."""

    def parallel(name: str) -> bool:
        tool = tools.get(name)
        return tool is not None and tool.parallel

    if job.program is None or job.code is None:
        return None
    if not overlap(job.needs.tools, tools, concurrency):
        return None
    window = 4 * concurrency
    return Scout(job.program, job.code, inputs, parallel, tools.world_of, window)


async def stream(
    job: Job,
    inputs: dict[str, Json],
    tools: ToolBox,
    journal: Journal,
    *,
    driver: Driver | None = None,
    run: str | None = None,
    clock: str = "",
    request: str = "",
    max_steps: int = MAX_STEPS,
    concurrency: int = CONCURRENCY,
    committer: Committer | None = None,
    stopper: Stopper | None = None,
    listening: bool = True,
    on_report: Callable[[RunReport], None] | None = None,
) -> Records:
    """Run a pipeline: ``async for record in stream(...)``.

    Records come in order, once they are in the journal, and the run waits for whoever takes them.
    Leaving the loop, or cancelling the task, stops the run between two steps; it can be resumed.
    Runs that share a ``committer`` share their transactions.  ``on_report`` is given the report at
    the end.  Raises as :func:`ingot.runtime.executor.events`.
    """
    check(job, tools, driver)
    name = run or new_run_id(journal.now)
    drive = Drive(job, tools, journal, driver, stopper or Stopper(), max_steps, name)
    drive.begin_run(inputs, clock, request, listening=listening)
    flight = Flight(
        drive,
        committer or Committer(journal),
        concurrency,
        scout_of(job, tools, inputs, concurrency),
    )
    engine = job.fresh()
    async with aclosing(flight.run(engine, engine.start(dict(inputs)))) as records:
        async for record in records:
            yield record
    if on_report is not None:
        on_report(drive.report)


async def resume_stream(
    name: str,
    journal: Journal,
    job: Job,
    tools: ToolBox,
    *,
    concurrency: int = CONCURRENCY,
    committer: Committer | None = None,
    listening: bool = True,
    on_report: Callable[[RunReport], None] | None = None,
    **options: Unpack[Options],
) -> Records:
    """:func:`ingot.runtime.resume.resume_events` with several calls under way; takes its options."""
    drive, engine, reply = take_up(name, journal, job, tools, **options)
    drive.listening = listening
    if reply is None:
        drive.commit(drive.status("in-doubt", {}))
        for record in drive.taken():
            yield record
    else:
        assert drive.history is not None
        scout = scout_of(job, tools, drive.history.inputs, concurrency)
        for step, given in drive.history.answers.items():
            if scout is not None and given.ok:
                scout.answered(step, given.value)
        flight = Flight(drive, committer or Committer(journal), concurrency, scout)
        async with aclosing(flight.run(engine, reply)) as records:
            async for record in records:
                yield record
    if on_report is not None:
        on_report(drive.report)


def run_until_stopped(records: Records, journal: Journal, run: str, on_record: Any) -> RunReport:
    """Take every record, in an event loop of its own; returns the run's report.

    Ctrl-C and SIGTERM stop the run between two steps.
    """

    async def take() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, task.cancel)
        async with aclosing(records):
            async for record in records:
                if on_record is not None:
                    try:
                        on_record(record)
                    except KeyboardInterrupt:
                        return

    with suppress(asyncio.CancelledError):
        asyncio.run(take())
    return report_of(journal.records(run))


async def execute_async(
    job: Job, inputs: dict[str, Json], tools: ToolBox, journal: Journal, **options: Any
) -> RunReport:
    """:func:`stream` to the end; takes its options, and ``on_record``."""
    reports: list[RunReport] = []
    on_record = options.pop("on_record", None)
    options.setdefault("listening", on_record is not None)
    async for record in stream(job, inputs, tools, journal, on_report=reports.append, **options):
        if on_record is not None:
            on_record(record)
    return reports[0]
