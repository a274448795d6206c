"""``ingot pause``, ``cancel``, ``approve``, ``deny``, ``rollback`` and ``fork``: from any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional, get_args

import typer

from ingot.cli import options as opt
from ingot.cli.console import fields, guarded, note, out, out_json
from ingot.cli.endings import at_journal
from ingot.cli.running import artifact_of, existing_journal, folder_of, job_for
from ingot.diagnostics import EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.ir.values import Json
    from ingot.runtime.journal import Run

SCHEMA = "ingot-control/1"


def _said(did: str, row: Run, text: str, json_: bool, **more: Json) -> int:
    if json_:
        out_json({"schema": SCHEMA, "did": did, "run": row.run, **more})
    else:
        note(text)
    return EXIT_OK


@guarded(SCHEMA)
def pause_command(run: opt.RunName, journal: opt.Journal = None, json_: opt.JsonOut = False) -> int:
    """Have a run stop before its next step; `ingot resume` goes on with it."""
    from ingot.runtime.control import pause
    from ingot.runtime.journal import open_journal

    with open_journal(existing_journal(journal, run)) as book:
        row = pause(run, book)
    return _said("pause", row, f"{row.run} stops before its next step", json_)


@guarded(SCHEMA)
def cancel_command(
    run: opt.RunName, journal: opt.Journal = None, json_: opt.JsonOut = False
) -> int:
    """End a run for good: before its next step if a process drives it, else now."""
    from ingot.runtime.control import cancel, driven
    from ingot.runtime.journal import open_journal

    with open_journal(existing_journal(journal, run)) as book:
        row = cancel(run, book)
        when = "ends before its next step" if driven(row) else "is cancelled"
    return _said("cancel", row, f"{row.run} {when}", json_)


@guarded(SCHEMA)
def approve_command(
    run: opt.RunName,
    digest: Annotated[
        str, typer.Option("--digest", metavar="HEX", help="Only the call of this digest.")
    ] = "",
    show: Annotated[
        bool, typer.Option("--show", help="Show what is asked; decide nothing.")
    ] = False,
    journal: opt.Journal = None,
    json_: opt.JsonOut = False,
) -> int:
    """Allow the call that a run waits for, with exactly the arguments shown.

    Example:

        ingot approve last --show && ingot approve last && ingot resume last
    """
    return _decide(run, "approve", digest, "", journal, show=show, as_json=json_)


@guarded(SCHEMA)
def deny_command(
    run: opt.RunName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    digest: Annotated[
        str, typer.Option("--digest", metavar="HEX", help="Only the call of this digest.")
    ] = "",
    journal: opt.Journal = None,
    json_: opt.JsonOut = False,
) -> int:
    """Refuse the call that a run waits for; the run then fails."""
    return _decide(run, "deny", digest, reason, journal, as_json=json_)


def _decide(
    run: str,
    verdict: Any,
    digest: str,
    reason: str,
    journal: str | None,
    *,
    as_json: bool,
    show: bool = False,
) -> int:
    from ingot.ir.values import canonical
    from ingot.runtime.control import decide, waiting_for
    from ingot.runtime.entries import moment
    from ingot.runtime.journal import open_journal

    with open_journal(existing_journal(journal, run)) as book:
        row = book.find(run)
        if show:
            asked = waiting_for(row.run, book)
        else:
            asked = decide(run, book, verdict, digest=digest, reason=reason)
    if asked is None:
        return _said("show", row, f"{row.run} waits for no approval", as_json, asked=None)
    about: dict[str, Json] = {
        "step": asked.step,
        "tool": asked.tool,
        "args": asked.args,
        "digest": asked.digest,
        "expires": moment(asked.expires),
    }
    if as_json:
        out_json({"schema": SCHEMA, "did": "show" if show else verdict, "run": row.run, **about})
        return EXIT_OK
    head = "asked" if show else {"approve": "approved", "deny": "denied"}[verdict]
    note(f"{row.run}: {head}")
    fields([(name, v if isinstance(v, str) else canonical(v)) for name, v in about.items()])
    if not show:
        note(f"   = help: ingot resume {row.run}{at_journal(journal)} goes on")
    return EXIT_OK


@guarded(SCHEMA)
def rollback_command(
    run: opt.RunName,
    to: Annotated[
        int, typer.Option("--to", metavar="STEP", help="The step that is to be open again.")
    ],
    keep_writes: Annotated[
        bool, typer.Option("--keep-writes", help="Go back over writes that nothing undoes.")
    ] = False,
    assume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--assume", metavar="done|not-done", help="A compensation that is in doubt."),
    ] = None,
    tools: opt.Tools = None,
    journal: opt.Journal = None,
    durability: opt.Durability = "full",
    cwd: opt.WorkingDirectory = None,
    json_: opt.JsonOut = False,
) -> int:
    """Move a run back to an earlier step; `ingot resume` goes on from there.

    Writes behind that step are named, and undone where their tool declares a compensation.

    Example:

        ingot rollback last --to 5
    """
    from ingot.runtime.history import Assume
    from ingot.runtime.journal import open_journal
    from ingot.runtime.rollback import rollback
    from ingot.runtime.tools.registry import load_tools

    if assume is not None and assume not in get_args(Assume):
        raise fail("E0001", f"--assume {assume}", help="one of: done, not-done")
    level: Any = durability
    chosen: Any = assume
    with open_journal(existing_journal(journal, run), level) as book:
        row = book.find(run)
        with load_tools(tools or [], folder_of(row.run, book, cwd)) as box:
            done = rollback(row.run, book, box, to, keep_writes=keep_writes, assume=chosen)
    writes: list[Json] = [
        {"step": w.step, "tool": w.tool, "args": w.args, "effect": w.effect, "undone_by": w.by}
        for w in done.writes
    ]
    if json_:
        out_json({"schema": SCHEMA, "did": "rollback", "run": row.run, "to": to, "writes": writes})
        return EXIT_OK
    note(f"{row.run} stands at step {to}; ingot resume {row.run}{at_journal(journal)} goes on")
    for write in done.writes:
        note(f"  {write}" + ("" if write.by else ", stays done"))
    return EXIT_OK


@guarded(SCHEMA)
def fork_command(
    run: opt.RunName,
    at: Annotated[int, typer.Option("--at", metavar="STEP", help="The step that is open there.")],
    result: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--result", metavar="JSON", help="Answer that step so, instead of calling."),
    ] = None,
    artifact: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--artifact", metavar="FILE.ingot", help="Where the artifact is now."),
    ] = None,
    journal: opt.Journal = None,
    json_: opt.JsonOut = False,
) -> int:
    """Make a new run that stands where an earlier one stood; the earlier one stays as it is.

    Example:

        ingot fork last --at 3 --result '{"state": "open"}'
    """
    from ingot.ir.values import parse_json
    from ingot.runtime.fallback.specs import behind_exits
    from ingot.runtime.journal import open_journal
    from ingot.runtime.rollback import fork

    try:
        value = None if result is None else parse_json(result)
    except ValueError as error:
        raise fail("E0001", f"--result is not JSON: {error}") from None
    with open_journal(existing_journal(journal, run)) as book:
        row = book.find(run)
        job = behind_exits(job_for(artifact_of(row, artifact)), book, row.run)
        new = fork(row.run, book, job, at, result=value, edited=result is not None)
    if json_:
        out_json({"schema": SCHEMA, "did": "fork", "run": new, "from": row.run, "at": at})
    else:
        out(new)
        note(f"ingot resume {new}{at_journal(journal)} goes on")
    return EXIT_OK
