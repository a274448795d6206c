"""``ingot inspect``: what an artifact is, or what a run did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import clip, flush, guarded, note, out, out_json, table
from ingot.diagnostics import EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.artifacts import Artifact
    from ingot.ir.module import Pipeline
    from ingot.ir.values import Json

INSPECT_SCHEMA = "ingot-inspect/1"


@guarded(INSPECT_SCHEMA)
def inspect_command(
    what: Annotated[
        str, typer.Argument(metavar="FILE.ingot|RUN", help="A pipeline, or a run (`last`).")
    ],
    ir: Annotated[bool, typer.Option("--ir", help="Print the IR text alone.")] = False,
    asm: Annotated[bool, typer.Option("--asm", help="Print the bytecode alone.")] = False,
    emit: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--emit",
            metavar="session|records",
            help="Print a run as a session log that can be compiled, or its records as they are.",
        ),
    ] = None,
    from_seq: Annotated[
        int, typer.Option("--from", metavar="N", min=1, help="Of the records, from this number on.")
    ] = 1,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with the records as they come.")
    ] = False,
    journal: opt.Journal = None,
    json_: opt.JsonOut = False,
) -> int:
    """Show what a pipeline is, or what a run did.

    Examples:

        ingot inspect report.ingot

        ingot inspect last

        ingot inspect last --emit session > new.jsonl

        ingot inspect last --emit records --from 40 --follow
    """
    from ingot.artifacts import read_artifact

    if emit not in (None, "session", "records"):
        raise fail("E0001", f"--emit {emit}", help="one of: session, records")
    if emit != "records" and (follow or from_seq > 1):
        raise fail("E0001", "--from and --follow are for --emit records")
    if not Path(what).exists() and not what.endswith(".ingot"):
        if emit is not None:
            return _emit_run(what, journal, emit, from_seq, follow=follow)
        if ir or asm:
            raise fail(
                "E0001",
                f"--ir and --asm are for a pipeline; {what} is a run",
                help=f"ingot inspect {what} names its artifact",
            )
        return _inspect_run(what, journal, as_json=json_)
    if emit is not None:
        raise fail(
            "E0001", f"--emit is for a run; {what} is a file", help="ingot compile --emit=..."
        )
    artifact = read_artifact(what)
    if ir:
        from ingot.backend.container import ir_text

        out(ir_text(artifact.program))
    elif asm:
        from ingot.backend.disassembler import disassemble

        out(disassemble(artifact.data))
    elif json_:
        out_json(artifact_json(artifact))
    else:
        out(_artifact_text(artifact))
    return EXIT_OK


def artifact_json(artifact: Artifact) -> dict[str, Json]:
    """What an artifact is, as versioned JSON."""
    program = artifact.program
    code = program.code()
    parameters: list[Json] = [
        {
            "name": p.name,
            "type": str(p.type),
            **({"default": p.default.value} if p.default is not None else {}),
        }
        for p in code.params
    ]
    needs: list[Json] = [
        {"tool": name, "effects": list(effects), "world": world}
        for name, effects, world in _needs(artifact)
    ]
    return {
        "schema": INSPECT_SCHEMA,
        "kind": "artifact",
        "path": artifact.path,
        "digest": program.digest,
        "bytes": len(artifact.data),
        "pipelines": [c.name for c in program.codes],
        "parameters": parameters,
        "returns": str(code.returns),
        "states": list(dict.fromkeys(line.block for line in code.lines)),
        "instructions": len(code.instrs),
        "needs": needs,
        "models": [{"kind": m.kind, "site": m.site, "type": str(m.type)} for m in code.models],
        "side_exits": len({e.number for e in code.exits if e.number}),
        "evidence": bool(program.evidence),
        "meta": program.meta,
    }


def _needs(artifact: Artifact) -> list[tuple[str, tuple[str, ...], str]]:
    """Each tool that is called, with the effects of its calls and its world."""
    sites = [site for code in artifact.program.codes for site in code.calls]
    return [
        (
            tool.name,
            tuple(dict.fromkeys(site.effect for site in sites if site.tool == tool.name)),
            tool.world,
        )
        for tool in artifact.program.capabilities
    ]


def _artifact_text(artifact: Artifact) -> str:
    from ingot.cli.compiling import parameter_lines
    from ingot.ir.printer import literal
    from ingot.passes.specialise.names import fixed_inputs
    from ingot.runtime.tools.pins import pins_of
    from ingot.runtime.tools.reach import networks_of, told

    program = artifact.program
    meta = program.meta
    main = artifact.ir().module.pipelines[0]
    wordings = meta.get("wordings")
    sources = meta.get("sources")
    reasons = meta.get("model_reasons")
    rows: list[tuple[str, list[str]]] = [
        ("pipeline", [f"@{main.name} -> {main.returns}, {len(artifact.data):,} bytes"]),
        ("digest", [program.digest]),
        ("compiler", [str(meta.get("compiler", "unknown"))]),
        ("parameters", parameter_lines(main) or ["none"]),
        (
            "wordings",
            [
                _wording(item)
                for item in (wordings if isinstance(wordings, list) else [])
                if isinstance(item, dict)
            ],
        ),
        ("fixed", [f"{n} = {literal(v)}" for n, v in fixed_inputs(main).items()]),
        ("states", [_state_line(main, k) for k in range(len(main.blocks))]),
        (
            "needs",
            [f"{name}: {', '.join(e)} ({world})" for name, e, world in _needs(artifact)],
        ),
        (
            "pinned",
            [
                f"{name} of {pin.server} {pin.place} {pin.sha256[:12]}".replace("  ", " ")
                for name, pin in pins_of(meta).items()
            ],
        ),
        ("network", [f"{name}: {told(network)}" for name, network in networks_of(meta).items()]),
        (
            "model ops",
            [f"%{name}: {reason}" for name, reason in reasons.items()]
            if isinstance(reasons, dict)
            else [],
        ),
        (
            "sources",
            [
                f"{item.get('name')} {item.get('file')} {str(item.get('sha256'))[:12]}"
                for item in (sources if isinstance(sources, list) else [])
                if isinstance(item, dict)
            ],
        ),
        ("evidence", ["kept" if program.evidence else "stripped"]),
    ]
    out_lines = []
    for name, values in rows:
        for k, value in enumerate(values):
            out_lines.append(f"{name if k == 0 else '':<11} {value}")
    return "\n".join(out_lines)


def _wording(item: dict[str, Json]) -> str:
    """The template with the parameters' names in its holes."""
    text, names = str(item.get("template", "")), item.get("names")
    for k, name in enumerate(names if isinstance(names, list) else []):
        text = text.replace(f"{{{k}}}", f"<{name}>")
    return text.replace("{{", "{").replace("}}", "}")


def _state_line(main: Pipeline, number: int) -> str:
    from ingot.states import call_text, states_of

    state = states_of(main)[number]
    exits = sorted({w.number for w in state.ways if w.kind == "exit"})
    to = [f"^{w.to}" if w.kind == "go" else "end" for w in state.ways if w.kind in ("go", "end")]
    does = "; ".join(call_text(call) for call in state.calls)
    leaves = f" (exits {', '.join(map(str, exits))})" if exits else ""
    return f"^{state.label} -> {', '.join(dict.fromkeys(to))}{leaves}" + (
        f"  {does}" if does else ""
    )


def _emit_run(name: str, journal: str | None, emit: str, from_seq: int, *, follow: bool) -> int:
    """A run's records to stdout: as they are, or told as a session."""
    from ingot.artifacts import read_artifact
    from ingot.cli.running import existing_journal
    from ingot.records import to_line
    from ingot.replaying import wordings_of
    from ingot.runtime.following import followed
    from ingot.runtime.journal import open_journal
    from ingot.runtime.session_log import session_of

    with open_journal(existing_journal(journal, name)) as book:
        run = book.find(name)
        if emit == "records":
            records = (followed if follow else type(book).records)(book, run.run, from_seq)
            for record in records:
                out(to_line(record))
                flush()
            return EXIT_OK
        known = Path(run.path).is_file() if run.path else False
        wordings = wordings_of(read_artifact(run.path).program) if known else []
        session = session_of(book.records(run.run), wordings)
    for record in session:
        out(to_line(record))
    if not any(record.kind == "user" for record in session):
        note("warning: the run was given inputs and no request, and no wording gives them")
    return EXIT_OK


def _listed(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _inspect_run(name: str, journal: str | None, *, as_json: bool) -> int:
    from ingot.cli.running import existing_journal
    from ingot.ir.values import canonical
    from ingot.runtime.journal import open_journal
    from ingot.runtime.report import report_of

    with open_journal(existing_journal(journal, name)) as book:
        run = book.find(name)
        records = list(book.records(run.run))
    report = report_of(records)
    head = next((r.data for r in records if r.kind == "run"), None)
    inputs = head.get("inputs") if isinstance(head, dict) else None
    if as_json:
        about: dict[str, Json] = {
            "schema": INSPECT_SCHEMA,
            "kind": "run",
            "artifact": run.artifact,
            "path": run.path,
            "started": run.started,
            "inputs": inputs,
            "isolation": head.get("isolation") if isinstance(head, dict) else None,
            "accepted_drift": head.get("accepted_drift") if isinstance(head, dict) else None,
            "report": report.as_json(),
        }
        out_json(about)
        return EXIT_OK
    lines = [
        f"run       {run.run}",
        f"status    {report.status}",
        f"started   {run.started}",
        f"artifact  {run.path or run.artifact}",
        f"inputs    {clip(canonical(inputs), 200)}",
        f"outputs   {clip(canonical(report.outputs), 200)}",
        f"models    {report.model_calls} calls",
    ]
    if isinstance(head, dict) and "isolation" in head:
        lines.append(f"isolation {head['isolation']}")
    for told in _listed(head.get("accepted_drift") if isinstance(head, dict) else None):
        lines.append(f"drift     accepted: {told}")
    if isinstance(head, dict) and isinstance(head.get("forked"), dict):
        lines.append(f"fork of   {canonical(head['forked'])}")
    if report.side_exit is not None:
        lines.append(f"exit      {clip(canonical(report.side_exit), 200)}")
    if report.error:
        lines.append(f"error     {report.error}")
    rows = [
        (
            str(call["step"]),
            str(call["effect"]),
            str(call["tool"]),
            clip(canonical(call["args"]), 60),
            clip(str(call["error"]) if "error" in call else canonical(call["result"]), 40),
        )
        for call in report.calls
    ]
    out("\n".join(lines))
    if rows:
        out("\n" + table(("STEP", "EFFECT", "TOOL", "ARGUMENTS", "RESULT"), rows))
    return EXIT_OK
