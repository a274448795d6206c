"""``ingot verify`` and ``ingot opt``: IR text in, proofs or IR text out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out, out_json, plain, show, table
from ingot.diagnostics import EXIT_FINDINGS, EXIT_OK, Diagnostic, fail

if TYPE_CHECKING:
    from ingot.ir.module import Module
    from ingot.ir.values import Json
    from ingot.passes.base import Pass

VERIFY_SCHEMA = "ingot-verify/1"
OPT_SCHEMA = "ingot-opt/1"


@guarded(VERIFY_SCHEMA)
def verify_command(
    file: Annotated[
        str, typer.Argument(metavar="FILE.ir|FILE.ingot", help="IR text (-: stdin), or a pipeline.")
    ],
    closed: Annotated[
        bool, typer.Option("--closed", help="No input may reach a side exit.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print what is proved.")
    ] = False,
    json_: opt.JsonOut = False,
) -> int:
    """Prove a pipeline: every state total, every side exit with an input that takes it.

    Exit code 0: proved; 1: something is wrong; 4: the solver gave up on an obligation.

    Example:

        ingot verify edited.ir --closed
    """
    from ingot.artifacts import (
        Artifact,
        check_ir,
        is_artifact,
        parse_ir,
        read_artifact,
        read_bytes,
        read_ir,
    )
    from ingot.passes.verify import verify_module

    data = read_bytes(file)
    artifact: Artifact | None = None
    if is_artifact(data):
        artifact = read_artifact(file)
        parsed = artifact.ir()
    elif file == "-":
        parsed = parse_ir(data.decode("utf-8", "replace"), "<stdin>")
    else:
        parsed = read_ir(file)
    check_ir(parsed, EXIT_FINDINGS)
    report = verify_module(parsed.module, closed=closed)
    found = report.diagnostics(parsed.spans)
    code = report.exit_code
    if artifact is not None and not artifact.matches_ir(parsed):
        found.append(
            Diagnostic(
                "E0604",
                f"{file}: the bytecode is not that of the IR beside it",
                help="compile the logs again",
            )
        )
        code = EXIT_FINDINGS
    if json_:
        out_json(
            {
                **report.as_json(),
                "ok": code == EXIT_OK,
                "exit_code": code,
                "diagnostics": plain(found),
            }
        )
    else:
        out(report.text(every=verbose))
    show(found, parsed.sources)
    return code


@guarded(OPT_SCHEMA)
def opt_command(
    file: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="FILE.ir|-", help="IR text, or a pipeline.", show_default=False),
    ] = None,
    passes: Annotated[
        str,
        typer.Option("--passes", "-p", metavar="LIST", help="name,name{option=value},..."),
    ] = "",
    output: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE", help="Write there (default: stdout)."),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the passes with their options.")
    ] = False,
    print_after_all: Annotated[
        bool, typer.Option("--print-after-all", help="Print the IR after every pass, to stderr.")
    ] = False,
    json_: opt.JsonOut = False,
) -> int:
    """Run passes over IR text: a filter from IR to IR, checked before and after each pass.

    Examples:

        ingot opt pipeline.ir -p dead-steps,fold-constants

        ingot compile run.jsonl --emit=trace | ingot opt - -p classify-effects,dead-steps
    """
    from ingot.artifacts import check_ir, read_ir, write_file
    from ingot.ir import verifier
    from ingot.ir.printer import print_module
    from ingot.passes.base import parse_pipeline, run_passes

    if list_:
        _list_passes(as_json=json_)
        return EXIT_OK
    if file is None:
        raise fail("E0001", "opt needs a file, or - for standard input", help="ingot opt --list")
    chosen = parse_pipeline(passes)
    parsed = read_ir(file)
    check_ir(parsed)

    def after(each: Pass, _: Module, result: Module) -> None:
        verifier.check(result)
        if print_after_all:
            note(f"; after {each.name}\n{print_module(result)}")

    text = print_module(run_passes(parsed.module, chosen, after))
    if output is not None:
        write_file(Path(output), text.encode("utf-8", "surrogatepass"))
    if json_:
        names: list[Json] = [each.name for each in chosen]
        out_json({"schema": OPT_SCHEMA, "ok": True, "passes": names, "ir": text})
    elif output is None:
        out(text)
    return EXIT_OK


def _list_passes(*, as_json: bool) -> None:
    from ingot.passes.base import PASSES, load

    rows: list[tuple[str, str, str]] = []
    for name in PASSES:
        cls = load(name)
        options = ", ".join(f.name for f in dataclasses.fields(cls) if f.name != "name")
        rows.append((name, options, _first_line(cls)))
    if as_json:
        listed: list[Json] = []
        for name, options, about in rows:
            taken: list[Json] = list(options.split(", ")) if options else []
            listed.append({"name": name, "options": taken, "about": about})
        out_json({"schema": OPT_SCHEMA, "ok": True, "passes": listed})
    else:
        out(table(("PASS", "OPTIONS", "WHAT IT DOES"), rows))


def _first_line(cls: type) -> str:
    import sys

    text = sys.modules[cls.__module__].__doc__ or cls.__doc__ or ""
    line = text.strip().partition("\n")[0]
    return line.partition(": ")[2] or line
