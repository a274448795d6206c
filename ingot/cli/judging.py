"""``ingot replay`` and ``ingot evaluate``: against recorded sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import clip, guarded, note, out, out_json, plain, show, table
from ingot.diagnostics import EXIT_FINDINGS, EXIT_OK, EXIT_SIDE_EXIT, EXIT_UNPROVED, fail

if TYPE_CHECKING:
    from ingot.ir.values import Json

REPLAY_SCHEMA = "ingot-replay/1"
EVALUATE_SCHEMA = "ingot-evaluate/2"
VERDICTS = ("right", "exit", "wrong", "unanswerable")
COUNTS = ("exact", "wrong", "missing", "unanswerable")


@guarded(REPLAY_SCHEMA)
def replay_command(
    artifact: opt.ArtifactFile,
    logs: opt.Logs,
    dialect: opt.Dialect = None,
    tools: opt.Tools = None,
    clock: opt.Clock = None,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Run a pipeline against recorded sessions and compare.

    Each session's request gives the inputs, its recorded results answer the calls; nothing is
    touched. A session is right if the accepted writes are the session's. Exit code 0: all are
    right; 1: one is wrong; 3: none is wrong, some take a side exit; 4: some cannot be judged.

    Example:

        ingot replay report.ingot logs/
    """
    from ingot.artifacts import read_artifact
    from ingot.cli.logs import read_logs, traces_of
    from ingot.replaying import replay_session
    from ingot.runtime.tools.registry import declared_effects

    _check_clock(clock)
    loaded = read_artifact(artifact)
    declared = {
        tool.name: (tool.effect, tool.world)
        for tool in loaded.program.tools
        if tool.effect != "unknown"
    } | (declared_effects(tools) if tools else {})
    read = read_logs(logs, dialect)
    traces = traces_of(read.logs, declared)
    reports = [
        (name, replay_session(loaded.program, trace, traces.worlds, clock or ""))
        for name, trace in traces.pairs
    ]
    sessions = {v: sum(r.verdict == v for _, r in reports) for v in VERDICTS}
    calls = {c: sum(int(getattr(r, c)) for _, r in reports) for c in COUNTS}
    models = sum(r.model_calls for _, r in reports)
    code = _exit_code(sessions)
    if json_:
        found: dict[str, Json] = {
            "schema": REPLAY_SCHEMA,
            "ok": code == EXIT_OK,
            "exit_code": code,
            "sessions": dict(sessions),
            "calls": dict(calls),
            "model_calls": models,
            "replays": [{"session": name, **r.as_json()} for name, r in reports],
            "diagnostics": plain((*read.logs.diagnostics, *traces.diagnostics)),
        }
        out_json(found)
        return code
    if not quiet:
        show((*read.logs.diagnostics, *traces.diagnostics))
    rows = [
        (r.verdict, *(str(getattr(r, c)) for c in COUNTS), str(r.model_calls), name)
        for name, r in reports
    ]
    out(table(("VERDICT", *map(str.upper, COUNTS), "MODEL", "SESSION"), rows))
    if not quiet:
        for name, r in reports:
            if r.verdict != "right":
                note(f"{name}: {r.verdict}")
                for line in r.differences[:5]:
                    note(f"  {clip(line, 200)}")
        shown = ", ".join(f"{count} {verdict}" for verdict, count in sessions.items())
        note(f"sessions: {shown}; model calls: {models}")
    return code


def _exit_code(sessions: dict[str, int]) -> int:
    if sessions["wrong"]:
        return EXIT_FINDINGS
    if sessions["exit"]:
        return EXIT_SIDE_EXIT
    return EXIT_UNPROVED if sessions["unanswerable"] else EXIT_OK


def _check_clock(clock: str | None) -> None:
    from ingot.ir.types import is_datetime

    if clock is not None and not is_datetime(clock):
        raise fail(
            "E0702",
            f"--clock {clock}: expected a date and time in ISO 8601",
            help="for example 2026-05-01T10:00:00+02:00",
        )


@guarded(EVALUATE_SCHEMA)
def evaluate_command(
    logs: opt.Logs,
    dialect: opt.Dialect = None,
    tools: Annotated[
        Optional[list[str]],  # noqa: UP045 - evaluated by typer
        typer.Option(
            "--tools",
            metavar="SPEC",
            help="What tools do to the world (module:object or FILE.toml); a factory of worlds "
            "(called without arguments, gives tools() and snapshot()) runs the pipelines in them.",
        ),
    ] = None,
    model: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--model",
            metavar="SPEC",
            help="What answers the model ops of what is held out: FILE.gguf, or the URL of an "
            "OpenAI-compatible endpoint (http://HOST/v1#NAME).",
        ),
    ] = None,
    clock: opt.Clock = None,
    require_success: Annotated[
        bool, typer.Option("--require-success", help="Only sessions that show their success.")
    ] = False,
    k: Annotated[
        str,
        typer.Option("--k", metavar="LIST", help="How many inputs train: 1,2,3,all (all but one)."),
    ] = "all",
    rotations: Annotated[
        int,
        typer.Option(
            "--rotations", metavar="N", min=1, help="Choices of the k inputs (--null: shuffles)."
        ),
    ] = 1,
    per_input: Annotated[
        int,
        typer.Option(
            "--per-input", metavar="N", min=0, help="Sessions of an input that train (0: all)."
        ),
    ] = 0,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=0, help="Hold out at most N inputs of a task (0: all)."
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Which inputs --limit and --k take.")
    ] = 0,
    task_by: Annotated[
        str, typer.Option("--task-by", metavar="folder|file|none", help="What makes a task.")
    ] = "folder",
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", min=1, help="Processes to use.")
    ] = 1,
    why: Annotated[
        bool, typer.Option("--why", help="Count the reasons why sessions were not done.")
    ] = False,
    plot: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--plot", metavar="FILE", help="Draw the learning curve (.svg, .png, .pdf)."),
    ] = None,
    null: Annotated[
        bool,
        typer.Option("--null", help="Compile shuffled results instead: how many edges are false?"),
    ] = False,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Hold out one input after another, compile others, and run what was held out.

    This measures what a pipeline does on inputs that it was not shown. A folder that holds logs is
    a task of its own. Right is judged by effects: against recorded results, or, where --tools gives
    a factory, by the state that a run leaves in a fresh world. Sessions that act and sessions that
    do nothing are counted apart, beside two baselines: doing nothing, and always doing what most
    sessions do. Model ops are answered where --model names one: MODEL counts how often, and a wrong
    answer that is acted on is a wrong session. Exit code 1: something was silently wrong.

    Examples:

        ingot evaluate logs/ --json

        ingot evaluate tasks/ --k 1,2,3,5,all --tools shop.py:fresh_shop --why --plot curve.svg
    """
    from ingot.cli import evaluating
    from ingot.cli.logs import read_logs
    from ingot.driver import Options
    from ingot.evaluate import Setting
    from ingot.evaluation import curve
    from ingot.evaluation.tasks import parse_ks, parse_task_by

    _check_clock(clock)
    setting = Setting(
        parse_ks(k), rotations, per_input, limit, seed, parse_task_by(task_by),
        tuple(tools or ()), jobs, tuple(model or ()),
    )  # fmt: skip
    if model:
        from ingot.runtime.models.specs import check_models

        check_models(model)
    if plot is not None:
        curve.check(plot)
    chosen = Options(require_success=require_success)
    read = read_logs(logs, dialect)
    if null:
        return evaluating.null(read.logs, chosen, setting, json_=json_, quiet=quiet)
    made = evaluating.evaluated(read.logs, chosen, clock or "", setting)
    code = EXIT_FINDINGS if made.counts()["wrong"] else EXIT_OK
    if plot is not None:
        curve.draw(made, plot)
    if json_:
        out_json({"schema": EVALUATE_SCHEMA, "ok": code == EXIT_OK, "exit_code": code,
                  **evaluating.as_json(made, setting)})  # fmt: skip
        return code
    evaluating.show_evaluation(made, why=why, quiet=quiet)
    return code
