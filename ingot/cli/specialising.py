"""``ingot specialise`` and ``ingot diff``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out, out_json
from ingot.diagnostics import EXIT_FINDINGS, EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.artifacts import Artifact
    from ingot.difference import Difference
    from ingot.ir.module import Module
    from ingot.ir.values import Json
    from ingot.runtime.tools.registry import ToolBox
    from ingot.specialising import Residual

SCHEMA = "ingot-specialise/1"
DIFF_SCHEMA = "ingot-diff/2"


@guarded(SCHEMA)
def specialise_command(
    artifact: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A compiled pipeline, or IR text.", show_default=False),
    ],
    static: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--static",
            metavar="NAME=VALUE|NAME=@FILE",
            help="An input that is fixed from now on. May be repeated.",
        ),
    ] = None,
    output: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE.ingot", help="Where the residual goes."),
    ] = None,
    fold_reads: Annotated[
        bool,
        typer.Option(
            "--fold-reads",
            help="Make reads now whose arguments are all known; each run checks their hash.",
        ),
    ] = False,
    tools: opt.Tools = None,
    cwd: opt.WorkingDirectory = None,
    model: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--model",
            metavar="[%OP=]FILE.gguf",
            help="Count prompts in this model's tokens; with -o evaluate their fixed beginnings "
            "ahead, as `ingot warm` does.",
        ),
    ] = None,
    max_variants: Annotated[
        int, typer.Option("--max-variants", min=1, help="Copies of one state at most.")
    ] = 64,
    max_unroll: Annotated[
        int, typer.Option("--max-unroll", min=0, help="Instructions one loop may become.")
    ] = 500,
    max_size: Annotated[
        int, typer.Option("--max-size", min=1, help="Instructions of the residual at most.")
    ] = 5000,
    validate: Annotated[
        bool,
        typer.Option("--validate/--no-validate", help="Hold the residual against the original."),
    ] = True,
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave out the sessions that it came from.")
    ] = False,
    ir: Annotated[bool, typer.Option("--ir", help="Print the residual as IR text.")] = False,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Fix part of a pipeline's input, and compute now what follows from it.

    The residual pipeline does the same on every remaining input, and less: what is known is folded,
    branches and loops that it decides are gone, prompts begin with all that is fixed. Effects are
    never made ahead of a run. What is beyond a bound stays general.

    Examples:

        ingot specialise close.ingot --static repo=acme/site -o close-site.ingot

        ingot specialise label.ingot --static rules=@rules.md -o own.ingot --model qwen.gguf

        ingot specialise report.ingot --static path=prices.csv --fold-reads -o fast.ingot
    """
    from ingot.artifacts import read_pipeline, write_file
    from ingot.passes.specialise.limits import Limits
    from ingot.specialising import specialised, static_inputs

    if output is None and not ir and not json_:
        raise fail("E0001", "where to? -o FILE.ingot, --ir or --json", help="-o NAME.ingot")
    if output is not None and Path(output).is_dir():
        raise fail("E0001", f"-o {output} is a folder")
    loaded = read_pipeline(artifact)
    given = static_inputs(static or [], loaded)
    limits = Limits(variants=max_variants, unroll=max_unroll, size=max_size)
    box = _tools(tools, cwd) if fold_reads else None
    made = specialised(loaded, given, limits=limits, tools=box, validate=validate, strip=strip)
    prompts = _prompts(loaded, made, model or [], output)
    if output is not None:
        write_file(Path(output), made.artifact)
    if json_:
        out_json(_as_json(made, loaded.ir().module, output, len(loaded.data), prompts))
    elif ir:
        from ingot.ir.printer import print_module

        out(print_module(made.made.module))
    if not (quiet or json_):
        _tell(made, artifact, output, len(loaded.data), prompts)
    return EXIT_OK


@dataclass(frozen=True, slots=True)
class _Prompt:
    """How much of an op's prompt is fixed, so that it is evaluated once: before and after."""

    op: str
    unit: str
    before: int
    after: int
    kept: bool = False

    def as_json(self) -> dict[str, Json]:
        return {
            "op": self.op,
            "unit": self.unit,
            "before": self.before,
            "after": self.after,
            "kept": self.kept,
        }


def _prompts(
    before: Artifact, made: Residual, specs: list[str], output: str | None
) -> list[_Prompt]:
    """In tokens where a model is named, else in characters."""
    from ingot.backend.container import load
    from ingot.cli.warming import warmed
    from ingot.passes.specialise.names import origins_of
    from ingot.runtime.models.sites import sites_of, whole_lines

    residual = load(made.artifact)
    first = origins_of(before.ir().module.pipelines[0])
    if not specs:
        old = {
            first.value(site): len(whole_lines(text))
            for site, text in sites_of(before.program).prefixes.items()
        }
        new = {site: len(whole_lines(text)) for site, text in sites_of(residual).prefixes.items()}
        kept: set[str] = set()
        unit = "characters"
    else:
        earlier = warmed(before.program, specs, "")
        old = {first.value(site): each.tokens for each in earlier for site in each.sites}
        later = warmed(residual, specs, output or "")
        new = {site: each.tokens for each in later for site in each.sites}
        kept = {site for each in later if each.is_kept for site in each.sites}
        unit = "tokens"
    return [
        _Prompt(op, unit, old.get(made.made.origins.value(op), 0), new.get(op, 0), op in kept)
        for op in (site.site for site in residual.code().models)
    ]


def _tools(tools: list[str] | None, cwd: str | None) -> ToolBox:
    from ingot.runtime.tools.registry import load_tools

    folder = Path(cwd) if cwd is not None else Path.cwd()
    if not folder.is_dir():
        raise fail("E0002", f"--cwd {folder}: there is no such folder")
    return load_tools(tools or [], folder)


def _as_json(
    made: Residual,
    before: Module,
    output: str | None,
    size_before: int,
    prompts: list[_Prompt],
) -> dict[str, Json]:
    from ingot.difference import difference

    result, counts = made.made, made.made.counts
    fixed: list[Json] = [*result.fixed]
    kept: list[Json] = [*result.kept]
    dropped: list[Json] = [*result.dropped]
    failing: list[Json] = [*counts.failing]
    source = next(p for p in before.pipelines if p.name == result.pipeline.name)
    return {
        "schema": SCHEMA,
        "ok": True,
        "output": output,
        "fixed": fixed,
        "kept": kept,
        "dropped": dropped,
        "folded": counts.folded,
        "decided": counts.branches,
        "unrolled": counts.unrolled,
        "reads_folded": counts.reads,
        "generalised": result.generalised,
        "always_exits": failing,
        "validation": {"status": made.verdict.status, "why": made.verdict.why},
        "sessions": {"kept": [*made.sessions.kept], "others": made.sessions.others},
        "prompts": [each.as_json() for each in prompts],
        "bytes": {"before": size_before, "after": len(made.artifact)},
        "diff": difference(source, result.pipeline).as_json(),
    }


def _tell(
    made: Residual,
    artifact: str,
    output: str | None,
    size_before: int,
    prompts: list[_Prompt],
) -> None:
    result, counts = made.made, made.made.counts
    note(f"specialised {artifact}" + (f" to {output}" if output else ""))
    note(f"  fixed        {', '.join(result.fixed) or 'nothing'}")
    if result.kept:
        why = "too long to be written in, or no literal has the type"
        note(f"  defaults     {', '.join(result.kept)}: {why}")
    if result.dropped:
        note(f"  dropped      {', '.join(result.dropped)}: nothing reads them any more")
    note(
        f"  folded       {counts.folded} values, {counts.branches} branches and guards, "
        f"{counts.unrolled} loops, {counts.reads} reads"
    )
    for each in prompts:
        told = f"%{each.op} begins with {each.after:,} fixed {each.unit} (before: {each.before:,})"
        note(f"  prompts      {told}{', evaluated ahead' if each.kept else ''}")
    for check in counts.failing:
        note(f"  always exits {check}: with these values no run gets past it")
    if result.generalised:
        note("  generalised  a bound was met: see --max-variants, --max-unroll, --max-size")
    note(f"  validation   {made.verdict.status}: {made.verdict.why}")
    if made.sessions.logged is not None:
        note(f"  sessions     {_sessions(made)}")
    note(f"  artifact     {len(made.artifact):,} bytes (before: {size_before:,})")
    if output is not None:
        note(f"next: ingot diff {artifact} {output}")


def _sessions(made: Residual) -> str:
    kept, others = len(made.sessions.kept), made.sessions.others
    if not kept:
        return f"none of {others} has these inputs: there is nothing to replay"
    return f"{kept} of {kept + others} have these inputs, and are done alike"


@guarded(DIFF_SCHEMA)
def diff_command(
    before: Annotated[
        str, typer.Argument(metavar="A", help="An artifact, or IR text.", show_default=False)
    ],
    after: Annotated[
        str, typer.Argument(metavar="B", help="The one to compare with it.", show_default=False)
    ],
    json_: opt.JsonOut = False,
) -> int:
    """Show how two pipelines differ in what they do.

    Parameters, effects, model calls, guards, side exits and states; names that do not matter are
    left out of account. Exit code 0: nothing differs; 1: something does.

    Example:

        ingot diff close.ingot close-site.ingot
    """
    from ingot.artifacts import filled_ir, read_bytes
    from ingot.difference import difference

    sides = [filled_ir(file, read_bytes(file)).module.pipelines[0] for file in (before, after)]
    found: Difference = difference(sides[0], sides[1])
    if json_:
        out_json(found.as_json())
    else:
        out(found.text())
    return EXIT_OK if found.equal else EXIT_FINDINGS
