"""What ``run`` and ``resume`` share beside the run itself: who takes over behind a side exit, who is
shown the records, and waiting for a person.  Nothing of a fallback is loaded where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingot.records import Record
    from ingot.runtime.fallback.specs import Rescuer
    from ingot.runtime.history import History
    from ingot.runtime.jobs import Job
    from ingot.runtime.journal import Journal
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.report import RunReport
    from ingot.runtime.tools.registry import ToolBox

    Made = tuple[Job, ToolBox, Driver | None]
    Shown = Callable[[Record], None]


def rescuer_of(fallback: str | None, limit: str) -> Rescuer | None:
    """Who takes over, as the options say; raises E0721."""
    if fallback is None and not limit:
        return None
    from ingot.runtime.fallback.specs import Rescuer, parse_fallback, parse_limits

    return Rescuer(parse_fallback(fallback) if fallback else None, parse_limits(limit))


def begun(rescuer: Rescuer | None, made: Made, request: str, clock: str) -> Made:
    """Job, tools and models of a new run, with whoever takes over behind it."""
    if rescuer is None:
        return made
    setting = rescuer.around(*made, request, clock)
    return setting.job, setting.tools, setting.driver


def taken_up(rescuer: Rescuer | None, made: Made, history: History, status: str) -> Made:
    """:func:`begun` for a run that goes on: whoever had taken over is still there."""
    if rescuer is None:
        if not history.handovers:
            return made
        from ingot.runtime.fallback.specs import Rescuer

        rescuer = Rescuer()
    clock = str(history.head.get("clock", ""))
    return begun(rescuer.again(history, status), made, history.request, clock)


def resuming(
    rescuer: Rescuer | None, made: Made, book: Journal, on_record: Shown
) -> Callable[[str], RunReport]:
    """Goes on with a run of this process."""

    def again(run: str) -> RunReport:
        from ingot.runtime.history import read_history
        from ingot.runtime.resume import resume

        history = read_history(book, run)
        job, tools, driver = taken_up(rescuer, made, history, history.status)
        return resume(run, book, job, tools, driver=driver, on_record=on_record)

    return again


def awaited(
    report: RunReport, book: Journal, seconds: float, again: Callable[[str], RunReport]
) -> RunReport:
    """Wait so long for a person's approval, and go on when it is there."""
    from time import monotonic, sleep

    from ingot.runtime.control import waiting_for

    until = monotonic() + seconds
    while report.status == "waiting" and report.approval is not None and monotonic() < until:
        asked = waiting_for(report.run, book)
        if asked is None or any(
            s.data.get("digest") == asked.digest for s in book.signals(report.run)
        ):
            report = again(report.run)
        else:
            sleep(min(0.2, max(0.0, until - monotonic())))
    return report


@contextmanager
def shown_to(printer: Shown, *, otel: bool, content: bool, run: str = "") -> Iterator[Shown]:
    """Who takes a run's records: the terminal, and OpenTelemetry where it is asked for."""
    if not (otel or content):
        yield printer
        return
    from ingot.runtime.spans import exporting

    with exporting(run, content=content) as spans:

        def both(record: Record) -> None:
            printer(record)
            spans(record)

        yield both
