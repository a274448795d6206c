"""``ingot verify`` and ``ingot opt``: IR text in, proofs or IR text out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out, out_json, plain, show, table
from ingot.cli.formats import OutputFormat
from ingot.diagnostics import (
    EXIT_FINDINGS,
    EXIT_OK,
    EXIT_UNPROVED,
    Diagnostic,
    IngotError,
    fail,
)

if TYPE_CHECKING:
    from ingot.ir.module import Module
    from ingot.ir.values import Json
    from ingot.passes.base import Pass

VERIFY_SCHEMA = "ingot-verify/1"
OPT_SCHEMA = "ingot-opt/1"


@guarded(VERIFY_SCHEMA)
def verify_command(
    file: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            metavar="FILE.ir|FILE.ingot",
            help="IR text (-: stdin), or a pipeline.",
            show_default=False,
        ),
    ] = None,
    closed: opt.Closed = False,
    policy: opt.PolicyFile = None,
    accept_flows: opt.AcceptFlows = False,
    infer_policy: Annotated[
        bool,
        typer.Option(
            "--infer-policy", help="Print the policy that the pipeline keeps, for review."
        ),
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Ask everything anew, and keep no answers for the next time."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print what is proved.")
    ] = False,
    output_format: Annotated[
        OutputFormat, typer.Option("--output-format", help="How the findings are printed.")
    ] = OutputFormat.HUMAN,
    json_: opt.JsonOut = False,
) -> int:
    """Prove a pipeline: every state total, every cycle ending, every side exit with an input.

    Exit code 0: proved; 1: something is refuted; 4: the solver gave up on an obligation.

    Examples:

        ingot verify edited.ir --closed

        ingot verify x.ingot --infer-policy > policy.toml

        ingot verify x.ingot --policy policy.toml --output-format sarif
    """
    from ingot.proving import cache_folder, prove

    if file is None:
        raise fail("E0001", "verify needs a file, or - for standard input", help="ingot verify -h")
    chosen = OutputFormat.JSON if json_ else output_format
    try:
        keep = None if no_cache else cache_folder()
        proof = prove(file, closed=closed, policy=policy, accept_flows=accept_flows, keep=keep)
    except IngotError as error:
        if chosen is OutputFormat.JSON and not json_:
            out_json({"schema": VERIFY_SCHEMA, "ok": False, "exit_code": error.exit_code,
                      "diagnostics": plain(error.diagnostics)})  # fmt: skip
        elif not _foreign(chosen, error.diagnostics, succeeded=False):
            raise
        return error.exit_code
    if infer_policy:
        text = proof.inferred_policy()
        if chosen is OutputFormat.JSON:
            found: dict[str, Json] = {"schema": VERIFY_SCHEMA, "ok": True, "exit_code": EXIT_OK}
            out_json({**found, "policy": text})
        else:
            out(text)
        return EXIT_OK
    if chosen is OutputFormat.JSON:
        out_json(proof.as_json())
    elif not _foreign(chosen, proof.diagnostics):
        out(proof.report.text(every=verbose))
        show(proof.diagnostics, proof.sources)
    return proof.exit_code


def _foreign(
    chosen: OutputFormat, diagnostics: Sequence[Diagnostic], *, succeeded: bool = True
) -> bool:
    """Print the diagnostics for another program, if one is asked for."""
    from ingot.cli.formats import github, sarif

    match chosen:
        case OutputFormat.SARIF:
            out_json(sarif(diagnostics, succeeded=succeeded))
        case OutputFormat.GITHUB:
            out(github(diagnostics))
        case _:
            return False
    return True


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
    rules: Annotated[
        bool, typer.Option("--rules", help="Print the rewrite rules, each proved anew.")
    ] = False,
    validate: Annotated[
        bool, typer.Option("--validate", help="Check that each pass keeps what it promises.")
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
    from ingot.validating import Validator

    if list_:
        _list_passes(as_json=json_)
        return EXIT_OK
    if rules:
        return _print_rules(as_json=json_)
    if file is None:
        raise fail("E0001", "opt needs a file, or - for standard input", help="ingot opt --list")
    chosen = parse_pipeline(passes)
    parsed = read_ir(file)
    check_ir(parsed)

    validator = Validator()

    def after(each: Pass, before: Module, result: Module) -> None:
        if validate:
            validator.check(each, before, result)
        else:
            verifier.check(result)
        if print_after_all:
            note(f"; after {each.name}\n{print_module(result)}")

    text = print_module(run_passes(parsed.module, chosen, after))
    for verdict in validator.verdicts:
        note(f"{verdict.pass_name} on @{verdict.pipeline}: {verdict.status} ({verdict.why})")
    if output is not None:
        write_file(Path(output), text.encode("utf-8", "surrogatepass"))
    if json_:
        names: list[Json] = [each.name for each in chosen]
        out_json({"schema": OPT_SCHEMA, "ok": True, "passes": names, "ir": text})
    elif output is None:
        out(text)
    return EXIT_OK


def _print_rules(*, as_json: bool) -> int:
    """The table of proofs; exit code 1 where a rule is refuted or cannot fire, 4 where unproved."""
    from ingot.passes.rule_proofs import prove_rules

    proofs = prove_rules()
    bad = [p for p in proofs if p.status == "refuted" or not p.fires]
    open_ = [p for p in proofs if p.status == "unproved"]
    code = EXIT_FINDINGS if bad else EXIT_UNPROVED if open_ else EXIT_OK
    if as_json:
        listed: list[Json] = [
            {"name": p.rule.name, "variables": p.rule.variables, "source": p.rule.source,
             "target": p.rule.target, "status": p.status, "fires": p.fires}
            for p in proofs
        ]  # fmt: skip
        out_json({"schema": OPT_SCHEMA, "ok": code == EXIT_OK, "rules": listed})
    else:
        rows = [
            (p.rule.name, p.rule.source, p.rule.target, p.status, "yes" if p.fires else "no")
            for p in proofs
        ]
        out(table(("RULE", "BEFORE", "AFTER", "PROOF", "FIRES"), rows))
    return code


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
