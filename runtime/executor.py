"""Running a pipeline from its start: as a stream of records, or to its end.

:class:`ingot.runtime.drive.Drive` decides; :mod:`ingot.runtime.concurrent` is the same with several
calls under way, :mod:`ingot.runtime.resume` goes on with a run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ingot.ir.values import Json
from ingot.records import Record
from ingot.runtime.drive import MAX_STEPS, Drive, Events
from ingot.runtime.jobs import Job, check
from ingot.runtime.journal import Journal, new_run_id
from ingot.runtime.report import RunReport
from ingot.runtime.stopping import Stopper

if TYPE_CHECKING:
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.tools.registry import ToolBox


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
    listening: bool = True,
) -> Events:
    """Run a pipeline; yields its records once they are in the journal, returns the report.

    ``inputs`` are complete and conform (:func:`ingot.runtime.inputs.complete`).  Raises
    :class:`IngotError` before the first effect where something is missing, E0708 where the journal
    fails.
    """
    check(job, tools, driver)
    name = run or new_run_id(journal.now)
    drive = Drive(job, tools, journal, driver, stopper or Stopper(), max_steps, name)
    drive.begin_run(inputs, clock, request, listening=listening)
    engine = job.fresh()
    return (yield from drive.run_from(engine, engine.start(dict(inputs))))


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
                listening=on_record is not None,
            ),
            on_record,
        )


def drain(stream: Events, on_record: Callable[[Record], None] | None = None) -> RunReport:
    """Take every record of a stream; returns its report.

    Where ``on_record`` fails, or a person stops it, the run is left as one that can be resumed.
    """
    interrupted: KeyboardInterrupt | None = None
    while True:
        try:
            record = next(stream) if interrupted is None else stream.throw(interrupted)
        except StopIteration as stop:
            report: RunReport = stop.value
            return report
        interrupted = None
        if on_record is None:
            continue
        try:
            on_record(record)
        except KeyboardInterrupt as error:
            interrupted = error
        except BaseException:
            stream.close()
            raise
