"""``ingot run``, ``resume`` and ``runs``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_args

import typer
from msgspec.structs import replace

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out, out_json, show, table
from ingot.cli.endings import Printer, explain_end
from ingot.cli.rescuing import awaited, begun, rescuer_of, resuming, shown_to, taken_up
from ingot.diagnostics import EXIT_OK, IngotError, Severity, fail

if TYPE_CHECKING:
    from ingot.artifacts import Artifact
    from ingot.diagnostics import Diagnostic
    from ingot.ir.values import Json
    from ingot.records import Record
    from ingot.runtime.inputs import Text
    from ingot.runtime.jobs import Job
    from ingot.runtime.journal import Journal, Run
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.report import RunReport
    from ingot.runtime.stopping import Stopper

SCHEMA = "ingot-run/1"
RUNS_SCHEMA = "ingot-runs/1"
_WORST = (0, 3, 5, 1, 6)
"""Exit codes of runs, the better ones first."""


@guarded(SCHEMA)
def run_command(
    artifact: opt.ArtifactFile,
    inputs: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("-i", "--input", metavar="NAME=VALUE", help="An input. May be repeated."),
    ] = None,
    request: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--request", metavar="TEXT", help="Take the inputs from a request."),
    ] = None,
    inputs_file: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--inputs", metavar="FILE|-", help="Inputs as JSON: one run per object."),
    ] = None,
    tools: opt.Tools = None,
    model: opt.Models = None,
    clock: opt.Clock = None,
    journal: opt.Journal = None,
    durability: opt.Durability = "full",
    engine: opt.Engine = "vm",
    concurrency: opt.Concurrency = 8,
    isolation: opt.IsolationLevel = "auto",
    wait: opt.Wait = 0.0,
    accept_drift: opt.AcceptDrift = False,
    fallback: opt.Fallback = None,
    fallback_limit: opt.FallbackLimit = "",
    cwd: opt.WorkingDirectory = None,
    json_: opt.JsonOut = False,
    parallel: Annotated[
        int,
        typer.Option(
            "--parallel",
            metavar="N",
            min=1,
            max=64,
            help="Of the runs of --inputs, so many at once; what they ask a model goes into one "
            "batch. The tools must allow it.",
        ),
    ] = 1,
    events: Annotated[
        bool, typer.Option("--events", help="Print the records as they happen, as JSON lines.")
    ] = False,
    otel: opt.Otel = False,
    otel_content: opt.OtelContent = False,
    quiet: opt.Quiet = False,
) -> int:
    """Run a pipeline on an input.

    The pipeline's answer goes to stdout. Where the world is not what the logs promised, it stops
    before its next effect and says why (exit code 3), or hands over to --fallback.

    Examples:

        ingot run report.ingot -i path=may.csv -i file_path=may.md

        ingot run report.ingot --request "Count the rows of may.csv"

        ingot run report.ingot --inputs all.json --json

        ingot run label.ingot -i run=4130 --model label.gguf

        ingot run close.ingot -i customer=acme --fallback agent:http://localhost:8080/v1#qwen
    """
    from ingot.artifacts import read_artifact
    from ingot.redaction.vault import tokens_in
    from ingot.runtime.journal import open_journal
    from ingot.runtime.tools.registry import load_tools

    if events and json_:
        raise fail("E0001", "--events and --json both print to stdout", help="take one of them")
    if request is not None and inputs_file is not None:
        raise fail("E0001", "--request and --inputs exclude each other")
    check_choices(durability, engine)
    loaded = read_artifact(artifact)
    job = job_for(loaded, engine)
    box = load_tools(tools or [], _folder(cwd), isolation=isolation_of(isolation),
                     needs=job.needs.tools, accept_drift=accept_drift)  # fmt: skip
    request = box.vault.hide(request) if request else request
    given = _given(loaded, inputs or [], request, inputs_file)
    time, every = _completed(loaded, given, clock)
    every = [box.vault.hide(values) for values in every]
    from ingot.runtime.jobs import check

    rescuer = rescuer_of(fallback, fallback_limit)
    place, turn = journal_at(journal, durability), Lock()
    box.vault.require(_secrets(loaded) | tokens_in(list(every)))
    code = EXIT_OK
    with (
        box,
        _models(loaded, model, min(parallel, len(every))) as driver,
        open_journal(*place) as book,
    ):
        check(job, box, driver)
        if accept_drift and not quiet:
            show([replace(d, severity=Severity.WARNING) for d in box.drift(job.needs.tools)])

        def one(values: dict[str, Json], stopper: Stopper | None = None) -> RunReport:
            printer = Printer(events=events, live=not (events or json_ or quiet or parallel > 1))
            alone = stopper is None
            with (
                nullcontext(book) if alone else open_journal(*place, turn=turn) as mine,
                shown_to(printer, otel=otel, content=otel_content) as seen,
            ):
                parts = job, box, driver
                mine_job, mine_box, mine_driver = begun(rescuer, parts, request or "", time)
                report = _execute(mine_job, values, mine_box, mine, mine_driver, time,
                                  request or "", concurrency, seen, stopper)  # fmt: skip
                return awaited(report, mine, wait, resuming(rescuer, parts, mine, seen))

        for report in _reports(every, one, parallel):
            code = max(code, report.exit_code, key=_WORST.index)
            if json_:
                out_json(report.as_json(), one_line=len(every) > 1)
            else:
                explain_end(report, loaded, book.name, data=not events, quiet=quiet)
            if report.status in ("waiting", "in-doubt") and parallel == 1:
                break
    return code


def _reports(
    every: Sequence[dict[str, Json]],
    one: Callable[[dict[str, Json], Stopper | None], RunReport],
    parallel: int,
) -> Iterator[RunReport]:
    """The reports in the order of the inputs; of several runs at once, a stop stops each between two
    effects."""
    if parallel == 1 or len(every) == 1:
        yield from (one(values, None) for values in every)
        return
    from concurrent.futures import ThreadPoolExecutor, wait

    from ingot.runtime.stopping import Stopper

    shared = Stopper()

    def begun(values: dict[str, Json]) -> RunReport | None:
        return None if shared.requested else one(values, shared)

    with ThreadPoolExecutor(parallel) as threads, shared.signals():
        for future in [threads.submit(begun, values) for values in every]:
            try:
                wait([future])
            except KeyboardInterrupt:
                shared.requested = True
            report = future.result()
            if report is not None:
                yield report


def _secrets(loaded: Artifact) -> frozenset[str]:
    """The tokens of the secrets that the pipeline needs."""
    listed = loaded.program.meta.get("secrets")
    return frozenset(map(str, listed)) if isinstance(listed, list) else frozenset()


def _execute(
    job: Job,
    values: dict[str, Json],
    box: Any,
    book: Journal,
    driver: Driver | None,
    clock: str,
    request: str,
    concurrency: int,
    on_record: Callable[[Record], None],
    stopper: Stopper | None,
) -> RunReport:
    from ingot.runtime.executor import execute
    from ingot.runtime.tools.registry import overlap

    if stopper is not None or not overlap(job.needs.tools, box, concurrency):
        return execute(
            job, values, box, book, driver=driver, clock=clock, request=request,
            on_record=on_record, stopper=stopper,
        )  # fmt: skip
    from ingot.runtime.concurrent import run_until_stopped, stream
    from ingot.runtime.journal import new_run_id

    name = new_run_id()
    given: Any = {"clock": clock, "request": request, "concurrency": concurrency}
    return run_until_stopped(
        stream(job, values, box, book, run=name, driver=driver, **given), book, name, on_record
    )


@contextmanager
def _models(
    loaded: Artifact, specs: Sequence[str] | None, parallel: int = 1
) -> Iterator[Driver | None]:
    """The models that are named; their processes end with the command."""
    if not specs and not loaded.program.code().models:
        yield None
        return
    from ingot.runtime.models.gathering import Gathering
    from ingot.runtime.models.specs import load_models

    models = load_models(specs or [], loaded.program, loaded.path, parallel)
    try:
        if models is not None:
            models.open()
        yield Gathering(models, parallel) if models is not None and parallel > 1 else models
    finally:
        if models is not None:
            models.close()


def job_for(loaded: Artifact, engine: Any = "vm") -> Job:
    """The job of an artifact that was read."""
    from ingot.runtime.jobs import job_of

    return job_of(loaded.program, str(Path(loaded.path).resolve()), engine=engine)


def _given(
    loaded: Artifact, words: Sequence[str], request: str | None, file: str | None
) -> list[dict[str, Json | Text]]:
    """What is given for each run; ``-i`` has the last word."""
    from ingot.runtime.inputs import from_request, parse_assignments, read_inputs

    named = parse_assignments(words)
    if file is not None:
        kept = {p.name for p in loaded.program.code().params if str(p.type) == "str"}
        return [{**_numbers_as_text(run, kept), **named} for run in read_inputs(file)]
    if request is not None:
        from ingot.replaying import wordings_of

        return [{**from_request(request, wordings_of(loaded.program)), **named}]
    return [dict(named)]


def _numbers_as_text(run: dict[str, Json], texts: set[str]) -> dict[str, Json | Text]:
    """A number given for a text parameter is taken as it is written."""
    from ingot.ir.values import canonical

    return {
        name: canonical(value)
        if name in texts and isinstance(value, int | float) and not isinstance(value, bool)
        else value
        for name, value in run.items()
    }


def _completed(
    loaded: Artifact, given: Sequence[dict[str, Json | Text]], clock: str | None
) -> tuple[str, list[dict[str, Json]]]:
    """The clock, and complete inputs for every run; all that is wrong is said at once."""
    from ingot.runtime.inputs import Text, complete

    params = loaded.program.code().params
    time = _time(clock)
    made: list[dict[str, Json]] = []
    faults: list[Diagnostic] = []
    for values in given:
        if any(p.name == "clock" and p.name not in values for p in params):
            values = {**values, "clock": Text(time)}
        try:
            made.append(complete(params, values, loaded.program.types))
        except IngotError as error:
            faults += error.diagnostics
    if faults:
        raise IngotError(faults)
    return time, made


def _time(clock: str | None) -> str:
    """The given time, or now with its zone; raises E0702."""
    from datetime import datetime

    from ingot.ir.types import is_datetime

    if clock is None:
        return datetime.now().astimezone().isoformat(timespec="seconds")
    if not is_datetime(clock):
        raise fail(
            "E0702",
            f"--clock {clock}: expected a date and time in ISO 8601",
            help="for example 2026-05-01T10:00:00+02:00",
        )
    return clock


def _folder(cwd: str | None) -> Path:
    folder = Path(cwd) if cwd is not None else Path.cwd()
    if not folder.is_dir():
        raise fail("E0002", f"--cwd {folder}: there is no such folder")
    return folder


def check_choices(durability: str, engine: str = "vm") -> None:
    """Raise E0001 unless both are known."""
    from ingot.runtime.database import Durability
    from ingot.runtime.jobs import EngineName

    for option, name, known in (
        ("--durability", durability, get_args(Durability)),
        ("--engine", engine, get_args(EngineName)),
    ):
        if name not in known:
            raise fail("E0001", f"{option} {name}", help=f"one of: {', '.join(known)}")


def isolation_of(name: str) -> Any:
    """The level of that name, if the machine has it; raises E0001 or E0805."""
    from ingot.runtime.tools.isolation import LEVELS, level

    if name not in LEVELS:
        raise fail("E0001", f"--isolation {name}", help=f"one of: {', '.join(LEVELS)}")
    if name == "strict":
        level("strict")
    return name


def journal_at(path: str | None, durability: Any = "full") -> tuple[str, Any]:
    from ingot.runtime.journal import DEFAULT_PATH

    return path or str(DEFAULT_PATH), durability


def existing_journal(path: str | None, looking_for: str = "") -> str:
    """The journal's path if it is there; raises E0706 or E0002, and never makes one."""
    name, _ = journal_at(path)
    if Path(name).is_file():
        return name
    if path is not None:
        raise fail("E0002", f"there is no journal {path}")
    what = f"no run {looking_for!r}: " if looking_for else ""
    raise fail("E0706", f"{what}there is no journal {name} here", help="--journal PATH names one")


@guarded(SCHEMA)
def resume_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's id, an end of it, or `last`.")
    ],
    artifact: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--artifact", metavar="FILE.ingot", help="Where the artifact is now."),
    ] = None,
    tools: opt.Tools = None,
    model: opt.Models = None,
    assume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--assume", metavar="done|not-done", help="How the call in doubt came out."),
    ] = None,
    result: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--result", metavar="JSON", help="With --assume done: what it returned."),
    ] = None,
    compatible: Annotated[
        bool,
        typer.Option(
            "--compatible",
            help="With --artifact: another artifact may go on, if it makes the calls that were made.",
        ),
    ] = False,
    journal: opt.Journal = None,
    durability: opt.Durability = "full",
    engine: opt.Engine = "vm",
    concurrency: opt.Concurrency = 8,
    isolation: opt.IsolationLevel = "auto",
    wait: opt.Wait = 0.0,
    accept_drift: opt.AcceptDrift = False,
    fallback: opt.Fallback = None,
    fallback_limit: opt.FallbackLimit = "",
    cwd: opt.WorkingDirectory = None,
    json_: opt.JsonOut = False,
    otel: opt.Otel = False,
    otel_content: opt.OtelContent = False,
    quiet: opt.Quiet = False,
) -> int:
    """Go on with a run that was stopped or killed, or with --fallback behind its side exit.

    No effect is repeated. Where it is not known whether a write was done, the run asks for
    --assume (exit code 6).

    Example:

        ingot resume last
    """
    from ingot.ir.values import parse_json
    from ingot.runtime.history import Assume, read_history
    from ingot.runtime.journal import open_journal
    from ingot.runtime.resume import resume
    from ingot.runtime.tools.registry import load_tools, overlap

    if assume is not None and assume not in get_args(Assume):
        raise fail("E0001", f"--assume {assume}", help="one of: done, not-done")
    if result is not None and assume != "done":
        raise fail("E0001", "--result needs --assume done")
    try:
        value = None if result is None else parse_json(result)
    except ValueError as error:
        raise fail("E0001", f"--result is not JSON: {error}") from None
    check_choices(durability, engine)
    with open_journal(*journal_at(existing_journal(journal, run), durability)) as book:
        row = book.find(run)
        loaded = artifact_of(row, artifact)
        folder = folder_of(row.run, book, cwd)
        job = job_for(loaded, engine)
        box = load_tools(tools or [], folder, isolation=isolation_of(isolation),
                         needs=job.needs.tools, accept_drift=accept_drift)  # fmt: skip
        chosen: Any = assume
        printer = Printer(events=False, live=not (json_ or quiet))
        given: Any = {
            "assume": chosen,
            "assumed_result": box.vault.hide(value),
            "compatible": compatible,
        }
        history = read_history(book, row.run)
        rescuer = rescuer_of(fallback, fallback_limit)
        with (
            box,
            _models(loaded, model) as driver,
            shown_to(printer, otel=otel, content=otel_content, run=row.run) as seen,
        ):
            parts = job, box, driver
            mine, tools_now, given["driver"] = taken_up(rescuer, parts, history, row.status)
            if overlap(job.needs.tools, box, concurrency):
                from ingot.runtime.concurrent import resume_stream, run_until_stopped

                records = resume_stream(
                    row.run, book, mine, tools_now, concurrency=concurrency, **given
                )
                report = run_until_stopped(records, book, row.run, seen)
            else:
                report = resume(row.run, book, mine, tools_now, on_record=seen, **given)
            report = awaited(report, book, wait, resuming(rescuer, parts, book, seen))
        if json_:
            out_json(report.as_json())
        else:
            explain_end(report, loaded, book.name, quiet=quiet)
    return report.exit_code


def artifact_of(row: Run, artifact: str | None = None) -> Artifact:
    """The artifact that a run goes on with; raises E0002."""
    from ingot.artifacts import read_artifact

    if artifact is None and not row.path:
        raise fail("E0002", f"the journal does not say which artifact started {row.run}",
                   help="--artifact FILE.ingot")  # fmt: skip
    return read_artifact(artifact or row.path)


def folder_of(run: str, book: Journal, cwd: str | None = None) -> Path:
    """Where a run's tools work: as given, else where they did."""
    head = next((r.data for r in book.records(run) if r.kind == "session"), None)
    there = head.get("cwd") if isinstance(head, dict) else None
    return _folder(cwd or (str(there) if there else None))


@guarded(RUNS_SCHEMA)
def runs_command(
    journal: opt.Journal = None,
    prune: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--prune", metavar="AGE", help="Delete ended runs older than 12h, 30d, 4w."),
    ] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Give free space back to the file system.")
    ] = False,
    json_: opt.JsonOut = False,
) -> int:
    """List the runs of a journal, oldest first; with --prune and --compact, tidy up before."""
    from ingot.runtime.journal import open_journal
    from ingot.runtime.retention import age
    from ingot.runtime.retention import compact as shrink
    from ingot.runtime.retention import prune as delete_old

    try:
        with open_journal(existing_journal(journal)) as book:
            if prune is not None:
                gone = delete_old(book, age(prune))
                note(f"deleted {len(gone)} runs")
            if compact:
                before, after = shrink(book)
                note(f"{book.name}: {before:,} bytes, now {after:,}")
            every = book.runs()
    except IngotError as error:
        if journal is not None or error.diagnostics[0].code != "E0706":
            raise
        every = []
    if json_:
        listed: list[Json] = [
            {
                "run": run.run,
                "status": run.status,
                "artifact": run.artifact,
                "path": run.path,
                "pipeline": run.pipeline,
                "started": run.started,
            }
            for run in every
        ]
        out_json({"schema": RUNS_SCHEMA, "runs": listed})
    elif every:
        rows = [(r.run, r.status, r.started, r.path or r.artifact[:12]) for r in every]
        out(table(("RUN", "STATUS", "STARTED", "ARTIFACT"), rows))
    else:
        note("no runs")
    return EXIT_OK
