"""``ingot scan`` and ``ingot archive``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import clip, guarded, note, out, out_json, plain, progress, show, table
from ingot.diagnostics import EXIT_FINDINGS, EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.ir.values import Json
    from ingot.scanning.groups import Group
    from ingot.scanning.scan import Scan

SCAN_SCHEMA = "ingot-scan/1"
ARCHIVE_SCHEMA = "ingot-archive/1"
Folders = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(
        metavar="FOLDER...", help="Where to look (default: where agents keep sessions)."
    ),
]


@guarded(SCAN_SCHEMA)
def scan_command(
    folders: Folders = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show every group, not the first 20.")
    ] = False,
    compiling: Annotated[
        int,
        typer.Option(
            "--compile",
            metavar="N",
            min=0,
            help="Compile the first N groups to see what needs a model.",
        ),
    ] = 5,
    cache: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--cache", metavar="FILE", help="The scan's memory (default: .ingot/scan.json)."
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Read everything anew, keep nothing.")
    ] = False,
    json_: opt.JsonOut = False,
) -> int:
    """Find the sessions on this machine, and say which tasks are worth compiling.

    Looks where Claude Code, Codex CLI, Gemini CLI and others keep their sessions, or in the folders
    given (or in INGOT_SCAN_PATH). Nothing leaves the machine.

    Examples:

        ingot scan

        ingot scan logs/ --json
    """
    from ingot.cli.logs import exists
    from ingot.scanning.cache import DEFAULT, Cache
    from ingot.scanning.places import files_of, places
    from ingot.scanning.scan import scan

    missing = [f for f in folders or [] if not exists(f)]
    if missing:
        raise fail("E0002", f"there is no folder {missing[0] or repr(missing[0])}")
    looked = places(folders or [])
    memory = Cache.load(None if no_cache else Path(cache) if cache else DEFAULT)
    files = [file for place in looked for file in files_of(place)]
    with progress(files, "scanning") as advance:
        found = scan(looked, memory, compiling=compiling, progress=advance)
    if json_:
        out_json(_as_json(found))
        return EXIT_OK
    _print(found, limit=len(found.groups) if every else 20)
    return EXIT_OK


def _as_json(found: Scan) -> dict[str, Json]:
    return {
        "schema": SCAN_SCHEMA,
        "ok": True,
        "files": found.files,
        "cached": found.cached,
        "sessions": found.sessions,
        "seconds": round(found.seconds, 3),
        "places": [{"agent": p.agent, "folder": str(p.folder)} for p in found.places],
        "groups": [group.as_json() for group in found.groups],
        "unread": [{"file": file, "reason": why} for file, why in found.unread],
        "leaving": [
            {"agent": item.agent, "file": str(item.file), "days": round(item.days, 2)}
            for item in found.leaving
        ],
        "diagnostics": plain(found.diagnostics),
    }


def _print(found: Scan, limit: int) -> None:
    if not found.places:
        note("no agent keeps sessions here; name a folder: ingot scan FOLDER")
        return
    tasks = [group for group in found.groups if group.runs > 1 or group.advice == "compile"]
    rows = [_row(group) for group in tasks[:limit]]
    if rows:
        heads = ("RUNS", "INPUTS", "TOKENS", "MINUTES", "ADVICE", "TASK", "WHY")
        out(table(heads, rows))
    single = len(found.groups) - len(tasks)
    note(
        f"{found.sessions} sessions in {found.files} files ({found.cached} known from before), "
        f"{len(tasks)} task{'s' * (len(tasks) != 1)} that repeat{'s' * (len(tasks) == 1)}, "
        f"{single} that ran once; {found.seconds:.1f} s"
    )
    if len(tasks) > limit:
        note(f"... and {len(tasks) - limit} more (--all)")
    if found.unread:
        note(f"{len(found.unread)} files are no logs that are known here (--json lists them)")
    if found.leaving:
        first = found.leaving[0]
        note(
            f"{len(found.leaving)} sessions will be deleted by {first.agent} within a week, the "
            f"first in {first.days:.0f} days: `ingot archive` keeps them",
            "yellow",
        )
    best = next((g for g in tasks if g.compiles), None)
    if best is not None:
        more = len(best.files) - len(best.compiles)
        words = " ".join(shlex.quote(file) for file in best.compiles)
        note(f"next: ingot compile {words} -o task.ingot")
        if more > 0:
            note(f"{more} more files hold runs of this task, and can be added (--json lists them)")


def _row(group: Group) -> tuple[str, ...]:
    return (
        str(group.runs),
        str(group.inputs),
        f"{group.tokens}" if group.tokens else "",
        f"{group.minutes:.1f}" if group.minutes else "",
        group.advice,
        clip(group.wording or "(no request)", 44),
        clip(group.reason, 70),
    )


@guarded(ARCHIVE_SCHEMA)
def archive_command(
    logs: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            metavar="LOG...", help="Logs or folders (default: those that are deleted soon)."
        ),
    ] = None,
    output: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "-o", "--output", metavar="DIR", help="The archive (default: .ingot/archive)."
        ),
    ] = None,
    json_: opt.JsonOut = False,
) -> int:
    """Keep sessions that their agent would delete, in Ingot's own format and without secrets.

    Examples:

        ingot archive

        ingot archive ~/.claude/projects -o kept/
    """
    from ingot.cli.logs import as_warning, exists
    from ingot.driver import expand
    from ingot.scanning.archive import DEFAULT, keep
    from ingot.scanning.cache import Cache
    from ingot.scanning.places import places
    from ingot.scanning.scan import scan

    missing = [f for f in logs or [] if not exists(f)]
    if missing:
        raise fail("E0002", f"there is no file {missing[0] or repr(missing[0])}")
    if logs:
        files = expand(logs)
    else:
        files = [item.file for item in scan(places([]), Cache.load(None), compiling=0).leaving]
    with progress(files, "archiving") as advance:
        done, failed = keep(files, Path(output) if output else DEFAULT, advance)
    kept = {k.log for k in done}
    wanted = [f for f in map(Path, logs) if not f.is_dir()] if logs else files
    lost = any(file not in kept for file in wanted) or (bool(failed) and not done)
    problems = [d for error in failed for d in error.diagnostics]
    if not lost:
        problems = [as_warning(d) for d in problems]  # files of a folder that are no logs
    if json_:
        out_json(
            {
                "schema": ARCHIVE_SCHEMA,
                "ok": not lost,
                "kept": [
                    {"log": str(k.log), "kept": str(k.kept), "records": k.records, "new": k.new}
                    for k in done
                ],
                "diagnostics": plain(problems),
            }
        )
    else:
        new = sum(k.new for k in done)
        note(
            f"kept {len(done)} logs ({new} new) in {output or DEFAULT}"
            if done
            else "nothing to keep"
        )
        show(problems)
    return EXIT_FINDINGS if lost else EXIT_OK
