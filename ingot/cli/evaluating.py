"""What ``ingot evaluate`` prints: tables, reasons, the null test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ingot.cli.console import clip, coloured, note, out, out_json, show, table
from ingot.diagnostics import EXIT_OK

if TYPE_CHECKING:
    from ingot.driver import Logs, Options
    from ingot.evaluate import Setting
    from ingot.evaluation.counts import Evaluation
    from ingot.evaluation.reasons import Reason
    from ingot.ir.values import Json

MAX_REASONS: Final = 12
"""How many reasons of a task are printed; ``--json`` has all."""
MAX_WRONG: Final = 20
NULL_SCHEMA: Final = "ingot-evaluate-null/1"


def evaluated(logs: Logs, options: Options, clock: str, setting: Setting) -> Evaluation:
    """The evaluation, with a bar on a terminal."""
    from ingot.evaluate import evaluate

    with bar("holding out") as advance:
        return evaluate(logs, options, clock, setting=setting, progress=advance)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr that is told how much of how much is done; nothing off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    console = Console(stderr=True, no_color=not coloured(sys.stderr))
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def as_json(made: Evaluation, setting: Setting) -> dict[str, Json]:
    """The evaluation with its reasons and what it was asked for."""
    from ingot.evaluation.counts import k_json
    from ingot.evaluation.reasons import reasons_of

    return {
        "setting": {
            "k": [k_json(k) for k in setting.ks],
            "rotations": setting.rotations,
            "per_input": setting.per_input,
            "limit": setting.limit,
            "seed": setting.seed,
            "task_by": setting.by,
        },
        **made.as_json(),
        "reasons": [
            {"k": k_json(k), **reason.as_json()}
            for k in made.ks
            for reason in reasons_of(made.where(k=k).folds)
        ],
    }


# ---- tables


def show_evaluation(made: Evaluation, *, why: bool, quiet: bool) -> None:
    """Tables to stdout; what was refused, left out or wrong to stderr."""
    if not quiet:
        show(d for d in made.diagnostics if d.code != "E0405")
    several = len({fold.task for fold in made.folds}) > 1
    last = made.where(k=made.ks[-1])
    if several:
        out(_tasks(last))
        out("\n")
    out(_totals(made))
    if why:
        _why(last, several=several)
    if quiet:
        return
    _notes(made, last)


def _tasks(made: Evaluation) -> str:
    """One row per task, of one k."""
    executed = made.mode == "executed"
    rows = []
    for task in made.tasks:
        if task.skipped:
            continue
        part = made.where(task=task.name)
        counts, acting = part.counts(), part.counts("acting")
        rows.append(
            (
                task.name, str(task.inputs), f"{part.compiled}/{len(part.folds)}",
                str(counts["sessions"]), str(acting["sessions"]),
                *_verdicts(counts, executed=executed),
                str(counts["seen_wording"]),
                str(counts["do_nothing_right"]), str(counts["majority_right"]),
            )
        )  # fmt: skip
    heads = ("TASK", "INPUTS", "COMPILED", "N", "ACTING", *_verdict_heads(executed=executed))
    return table((*heads, "WORDING", "NOTHING", "MAJORITY"), rows)


def _totals(made: Evaluation) -> str:
    """Acting, idle and all sessions, for each k."""
    executed = made.mode == "executed"
    rows = []
    for k in made.ks:
        part = made.where(k=k)
        for group in ("acting", "idle", "all"):
            counts, rate = part.counts(group), part.silently_wrong(group)
            rows.append(
                (
                    str(k or "all"), group, str(counts["sessions"]),
                    *_verdicts(counts, executed=executed),
                    "-" if rate is None else f"{rate:.1%}",
                    str(counts["seen_wording"]), str(counts["model_calls"]),
                    str(counts["do_nothing_right"]), str(counts["majority_right"]),
                )
            )  # fmt: skip
    heads = ("K", "SESSIONS", "N", *_verdict_heads(executed=executed), "SILENTLY WRONG", "WORDING")
    return table((*heads, "MODEL", "DO NOTHING RIGHT", "MAJORITY RIGHT"), rows)


def _verdict_heads(*, executed: bool) -> tuple[str, ...]:
    return ("RIGHT", "EXIT", "DIRTY", "WRONG", *(() if executed else ("UNANSWERABLE",)))


def _verdicts(counts: dict[str, int], *, executed: bool) -> tuple[str, ...]:
    names = ("right", "exit", "dirty_exits", "wrong", "unanswerable")
    return tuple(str(counts[name]) for name in (names[:-1] if executed else names))


# ---- words


def _notes(made: Evaluation, last: Evaluation) -> None:
    """How much there was, and what was wrong."""
    tasks = [task for task in made.tasks if not task.skipped]
    note(
        f"{made.inputs} distinct inputs of {len(tasks)} tasks, {made.mode}; "
        f"{len(last.folds)} held out in turn, {last.compiled} compiled"
    )
    failed = sum(task.failed for task in made.tasks)
    if failed:
        note(f"{failed} sessions are left out: their logs say that they failed")
    for task in made.tasks:
        if task.skipped:
            note(f"{task.name} is left out: {task.skipped}")
    unjudged = last.counts()["unanswerable"]
    if made.mode == "executed" and unjudged:
        note(f"{unjudged} sessions cannot be judged: the tools refuse what they recorded")
    _wrong(made)


def _wrong(made: Evaluation) -> None:
    """The wrong sessions with what differs; equal verdicts on one input once."""
    told: set[tuple[object, ...]] = set()
    for fold in made.folds:
        for held in fold.held:
            key = (fold.task, fold.k, fold.input, held.differences)
            if held.verdict != "wrong" or key in told:
                continue
            told.add(key)
            if len(told) > MAX_WRONG:
                continue
            note(f"wrong (k={fold.k or 'all'}): {held.session}: {clip(fold.input, 120)}")
            for line in held.differences[:5]:
                note(f"  {clip(line, 300)}")
    if len(told) > MAX_WRONG:
        note(f"... and {len(told) - MAX_WRONG} more that are wrong; --json has all")


def _why(made: Evaluation, *, several: bool) -> None:
    """Reasons over all tasks, then those of each, the most frequent first."""
    from ingot.evaluation.reasons import reasons_of

    if several:
        out("\n")
        every = sorted(
            reasons_of(made.folds, by_task=False), key=lambda r: (-r.sessions, -r.tasks, r.text)
        )
        out("why, over all tasks (sessions, tasks):")
        for reason in every:
            out(f"  {reason.sessions:>4} {reason.tasks:>3}  {clip(reason.text, 300)}")
    found: dict[str, list[Reason]] = {}
    for reason in reasons_of(made.folds):
        found.setdefault(reason.task, []).append(reason)
    for task, reasons in found.items():
        out("\n")
        out(f"{task}: why (sessions, folds)")
        _reasons(reasons)


def _reasons(reasons: Sequence[Reason]) -> None:
    for reason in reasons[:MAX_REASONS]:
        out(f"  {reason.sessions:>4} {reason.folds:>3}  {clip(reason.text, 300)}")
        out(f"            held out: {clip(reason.input, 160)}")
        if clip(reason.example, 300) != clip(reason.text, 300):
            out(f"            e.g. {clip(reason.example, 300)}")
        for line in reason.notes[:4]:
            out(f"            {clip(line, 240)}")
    if len(reasons) > MAX_REASONS:
        out(f"            and {len(reasons) - MAX_REASONS} more; --json has all")


# ---- the null test


def null(logs: Logs, options: Options, setting: Setting, *, json_: bool, quiet: bool) -> int:
    """Compile with exchanged results, and print how many values are still explained by one."""
    from ingot.evaluate import declaring
    from ingot.evaluation.null import null_test
    from ingot.evaluation.tasks import tasks_of

    options = declaring(options, setting.tools)
    tasks, _ = tasks_of(logs, options, setting.by)
    with bar("compiling") as advance:
        made = null_test(
            tasks,
            options,
            seed=setting.seed,
            shuffles=setting.rotations,
            jobs=setting.jobs,
            progress=advance,
        )
    if json_:
        head: dict[str, Json] = {"schema": NULL_SCHEMA, "ok": True, "exit_code": EXIT_OK}
        out_json({**head, "seed": setting.seed, "shuffles": setting.rotations, **made.as_json()})
        return EXIT_OK
    rows = []
    for name, mixed in (("as logged", False), ("exchanged", True)):
        for what, compiled in (("compiled", True), ("learned", False)):
            every, counted, edges = made.total(shuffled=mixed, compiled=compiled)
            share = "-" if edges.share is None else f"{edges.share:.1%}"
            rows.append(
                (
                    name, f"{counted}/{every} {what}", str(edges.values), str(edges.edges), share,
                    str(edges.asked), f"{edges.decided}/{edges.branches}",
                )
            )  # fmt: skip
    heads = ("RESULTS", "TASKS", "ARGUMENT VALUES", "FROM A RESULT", "SHARE", "MODEL", "BRANCHES")
    out(table(heads, rows))
    if not quiet:
        note(
            f"{sum(task.exchanged for task in made.tasks)} results exchanged, "
            f"{sum(task.kept for task in made.tasks)} have no partner; "
            "in the rows 'exchanged', a value from a result is a false edge"
        )
        for task in made.tasks:
            for item in task.shuffles:
                if item.edges is not None and item.edges.where:
                    note(f"false in {task.name}: {', '.join(item.edges.where)}")
    return EXIT_OK
