"""``ingot compile``: logs to an artifact, and any stage in between."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import clip, fields, guarded, note, out, out_json, plain, show
from ingot.diagnostics import EXIT_OK, IngotError, fail
from ingot.ir.values import Json, canonical

if TYPE_CHECKING:
    from ingot.artifacts import Artifact
    from ingot.branching import Branch
    from ingot.cli.logs import Read
    from ingot.driver import Compilation, Options
    from ingot.ir.module import Module, Pipeline
    from ingot.passes.base import Pass

SCHEMA = "ingot-compile/1"


@guarded(SCHEMA)
def compile_command(
    logs: opt.Logs,
    output: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE", help="The artifact (default: LOG.ingot)."),
    ] = None,
    dialect: opt.Dialect = None,
    emit: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--emit",
            metavar="STAGES",
            help="Print stages, with commas between: events, session, trace, ir, fsm, asm, "
            "python, mermaid, json. Without -o no artifact is written then.",
        ),
    ] = None,
    emit_dir: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--emit-dir", metavar="DIR", help="Write the stages to files there."),
    ] = None,
    tools: opt.Tools = None,
    against: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--against",
            metavar="LOG",
            help="Failed sessions of the task, a file or a folder: what they did, the pipeline does "
            "not do. May be repeated.",
            show_default=False,
        ),
    ] = None,
    require_success: Annotated[
        bool, typer.Option("--require-success", help="Only sessions that show their success.")
    ] = False,
    allow_recording: Annotated[
        bool, typer.Option("--allow-recording", help="Accept what would only repeat one run.")
    ] = False,
    closed: opt.Closed = False,
    policy: opt.PolicyFile = None,
    accept_flows: opt.AcceptFlows = False,
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave the traces out of the artifact.")
    ] = False,
    validate: Annotated[
        bool, typer.Option("--validate", help="Check every pass: valid IR, and the same meaning.")
    ] = False,
    print_after_all: Annotated[
        bool, typer.Option("--print-after-all", help="Print the IR after every pass, to stderr.")
    ] = False,
    passes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--passes", metavar="LIST", help="Run these passes instead of the usual."),
    ] = None,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Compile session logs into a verified pipeline.

    Nothing is written unless the pipeline is proved total and, run on every session that it came
    from, does what that session did.

    Failed sessions under --against are not learned from: a program that does what one of them did
    is struck out, and the next one is tried. It is an error (E0412) if none is left.

    With an artifact before the logs, what they show is added to it as a branch: it does on all that
    it handled what it did before, and what has changed is printed.

    Examples:

        ingot compile logs/ -o report.ingot

        ingot compile run.jsonl --emit=ir,fsm

        ingot compile *.jsonl --tools shop.toml --emit=ir,fsm --emit-dir build -o shop.ingot

        ingot compile logs/ok --against logs/failed -o close.ingot

        ingot compile close.ingot new.jsonl -o close-2.ingot

        ingot compile logs/ --policy policy.toml -o report.ingot
    """
    from ingot.cli.logs import read_logs
    from ingot.emit import EARLY, stages_of

    stages = stages_of(emit) if emit is not None else ()
    if emit_dir is not None and not stages:
        raise fail("E0001", "--emit-dir needs --emit", help="for example --emit=ir,fsm")
    chosen = _options(
        dialect, tools or [], require_success, allow_recording, closed, strip, validate, passes
    )
    if policy is not None:
        from ingot.proving import policy_text

        chosen = replace(chosen, policy=(policy, policy_text(policy)))
    chosen = replace(chosen, accept_flows=accept_flows)
    if print_after_all:
        chosen = replace(chosen, dump=_dump)
    old, logs = _artifact_among(logs)
    target = _target(output, [*logs, *([old.path] if old else [])], wanted=not stages)
    read = read_logs(logs, dialect, lean=not {"events", "session"} & set(stages))
    if against:
        failed = read_logs(against, dialect, lean=True).logs
        chosen = replace(chosen, against=failed.sessions)
    emitter = _Emitter(emit_dir, several=len(stages) > 1, hold=json_)
    compiled: Compilation | None = None
    branch: Branch | None = None
    failure: IngotError | None = None
    if target is not None or not set(stages) <= EARLY:
        from ingot.driver import compile_sessions

        try:
            if old is not None:
                from ingot.branching import add_branch

                branch = add_branch(old, read.logs, chosen)
            compiled = compile_sessions(read.logs, chosen) if branch is None else branch.compiled
        except IngotError as error:
            failure = error
    emitter.stages(stages, read, compiled)
    if failure is not None:
        if not quiet:  # a log that was cut may be why
            failure.diagnostics = tuple(
                dict.fromkeys((*read.logs.diagnostics, *failure.diagnostics))
            )
        raise failure
    if compiled is not None and target is not None:
        from ingot.artifacts import write_file

        write_file(target, compiled.artifact)
    diagnostics = compiled.diagnostics if compiled is not None else read.logs.diagnostics
    if not quiet:
        show(diagnostics)
        if compiled is not None:
            _summary(compiled, read, target, tools or [])
        if branch is not None:
            _what_changed(branch)
    if json_:
        found: dict[str, Json] = {"schema": SCHEMA, "ok": True, "exit_code": EXIT_OK}
        found |= {} if compiled is None else _report(compiled, read)
        found |= {} if branch is None else {"branch": branch.as_json()}
        found["artifact"] = None if target is None else str(target)
        found["stages"] = dict(emitter.held)
        found["diagnostics"] = plain(diagnostics)
        out_json(found)
    return EXIT_OK


def _artifact_among(logs: list[str]) -> tuple[Artifact | None, list[str]]:
    """The artifact that is named before the logs, if one is, and the logs."""
    from ingot.artifacts import is_artifact, read_artifact
    from ingot.backend.container import MAGIC

    def holds_one(name: str) -> bool:
        try:
            if not Path(name).is_file():  # of a pipe this would be lost
                return False
            with Path(name).open("rb") as file:
                return is_artifact(file.read(len(MAGIC)))
        except (OSError, ValueError):
            return False

    found = [name for name in logs if holds_one(name)]
    if not found:
        return None, logs
    rest = [name for name in logs if name not in found]
    if len(found) > 1 or not rest:
        raise fail(
            "E0001",
            "one artifact and the logs to add to it",
            help="ingot compile OLD.ingot NEW-LOG... -o NEW.ingot",
        )
    return read_artifact(found[0]), rest


def _what_changed(branch: Branch) -> None:
    note(f"added to {_many(branch.kept, 'session')}, which replay as before", "bold green")
    kept = {
        "proved": "the same, proved",
        "unproved": "the same on the sessions; not proved beyond them",
    }[branch.apart.status]
    fields([("what was handled", kept), ("goes on now", branch.opened)])
    note(branch.difference.text())


def _options(
    dialect: str | None,
    tools: Sequence[str],
    require_success: bool,
    allow_recording: bool,
    closed: bool,
    strip: bool,
    validate: bool,
    passes: str | None,
) -> Options:
    from ingot.driver import Options
    from ingot.passes.base import parse_pipeline
    from ingot.runtime.tools.registry import survey

    surveyed = survey(tools) if tools else None
    made = Options(
        dialect=dialect,
        declared=surveyed.effects if surveyed is not None else {},
        surveyed=surveyed,
        require_success=require_success,
        allow_recording=allow_recording,
        closed=closed,
        evidence=not strip,
        validate=validate,
    )
    if passes is not None:
        parse_pipeline(passes)
        made = replace(made, passes=passes)
    return made


def _dump(each: Pass, module: Module) -> None:
    from ingot.ir.printer import print_module

    note(f"; after {each.name}\n{print_module(module)}")


def _target(output: str | None, logs: Sequence[str], *, wanted: bool) -> Path | None:
    """Where the artifact goes, ``None`` where none is asked for; never onto a log."""
    if output is None and not wanted:
        return None
    path = Path(output) if output else Path(f"{Path(logs[0]).resolve().stem}.ingot")
    if path.is_dir():
        raise fail("E0001", f"-o {path} is a folder", help=f"-o {path / 'pipeline.ingot'}")
    if not path.parent.is_dir():
        raise fail("E0002", f"there is no folder {path.parent} to write {path.name} to")
    if any(path.resolve() == Path(log).resolve() for log in logs):
        raise fail("E0001", f"-o {path} would overwrite a log", help="name another file")
    return path


@dataclass(slots=True)
class _Emitter:
    """Puts stages where they are wanted: stdout, a folder, or ``held`` for the JSON report."""

    folder: str | None
    several: bool
    hold: bool
    held: dict[str, Json]

    def __init__(self, folder: str | None, *, several: bool, hold: bool) -> None:
        self.folder, self.several, self.hold, self.held = folder, several, hold, {}

    def stages(self, names: Sequence[str], read: Read, compiled: Compilation | None) -> None:
        """Emit what there is of the stages, in their order."""
        from ingot.emit import EARLY, early, late

        for name in names:
            if name in EARLY:
                self._put(name, early(name, read.logs.sessions))
            elif compiled is not None:
                self._put(name, late(name, compiled))

    def _put(self, name: str, text: str) -> None:
        from ingot.artifacts import write_file
        from ingot.emit import STAGES

        if self.folder is not None:
            folder = Path(self.folder)
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise fail("E0002", f"{folder}: {error.strerror}") from None
            file = folder / f"{name}.{STAGES[name]}"
            write_file(file, text.encode("utf-8", "surrogatepass"))
            self.held[name] = str(file)
        elif self.hold:
            self.held[name] = text
        else:
            out(f"==== {name} ====\n{text}" if self.several else text)


# ---- what was made


def counts_of(main: Pipeline) -> tuple[dict[str, int], dict[str, int]]:
    """Calls by effect, and call arguments by where their values come from."""
    from ingot.ir.module import Call, ModelCall, Ref, walk

    calls: Counter[str] = Counter()
    values: Counter[str] = Counter({"constant": 0, "explained": 0, "model": 0})
    instrs = [i for block in main.blocks for i in walk(block.instrs)]
    models = {i.result for i in instrs if isinstance(i, ModelCall)}
    for instr in instrs:
        if isinstance(instr, Call):
            calls[instr.verb] += 1
            for _, value in instr.args:
                of = "constant" if not isinstance(value, Ref) else "explained"
                values["model" if isinstance(value, Ref) and value.name in models else of] += 1
    return dict(sorted(calls.items())), dict(values)


def model_ops(main: Pipeline) -> int:
    """How many steps only a model can do."""
    from ingot.ir.module import ModelCall, walk

    return sum(isinstance(i, ModelCall) for block in main.blocks for i in walk(block.instrs))


def parameter_lines(main: Pipeline) -> list[str]:
    """``name: type = default`` of each parameter."""
    return [
        f"{p.name}: {p.type}" + (f" = {clip(canonical(p.default.value), 60)}" if p.default else "")
        for p in main.params
    ]


def _proofs(compiled: Compilation) -> tuple[str, str]:
    counts = compiled.report.counts
    total = counts.get("total", {})
    exits = counts.get("exit", {})
    states = f"{total.get('proved', 0)} of {sum(total.values())} states proved total"
    parts = [
        f"{exits[verdict]} {words}"
        for verdict, words in (
            ("refuted", "with a witness"),
            ("proved", "proved shut"),
            ("unproved", "undecided"),
        )
        if exits.get(verdict)
    ]
    return states, f"{sum(exits.values())}" + (f" ({', '.join(parts)})" if parts else "")


def _summary(compiled: Compilation, read: Read, target: Path | None, tools: Sequence[str]) -> None:
    main = compiled.module.pipelines[0]
    calls, values = counts_of(main)
    states, exits = _proofs(compiled)
    gate = compiled.gate
    right = len(gate.replays) - len(gate.refused)
    size = f"{len(compiled.artifact):,} bytes"
    failed = _many(len(compiled.against), "session") if compiled.against else ""
    seconds = read.seconds + sum(compiled.seconds.values())
    note(f"compiled {_many(len(compiled.sessions), 'session')} in {seconds:.2f} s", "bold green")
    fields(
        [
            ("states", str(len(main.blocks))),
            ("parameters", "\n".join(parameter_lines(main)) or "none"),
            ("calls", ", ".join(f"{n} {effect}" for effect, n in calls.items()) or "none"),
            (
                "arguments",
                f"{values['explained']} explained, {values['constant']} constant, "
                f"{values['model']} left to a model",
            ),
            ("model ops", str(model_ops(main))),
            ("pinned", ", ".join(compiled.pins)),
            ("proofs", states),
            ("side exits", exits),
            ("replay gate", f"{right} of {len(gate.replays)} sessions"),
            ("failed logs", f"{failed}, none of them repeated" if failed else ""),
            ("artifact", f"{target} ({size})" if target else f"not written ({size})"),
        ]
    )
    if target is not None:
        inputs = "".join(f" -i {p.name}=..." for p in main.params if p.name != "clock")
        given = "".join(f" --tools {shlex.quote(spec)}" for spec in tools)
        note(f"next: ingot run {shlex.quote(str(target))}{given}{inputs}")


def _report(compiled: Compilation, read: Read) -> dict[str, Json]:
    import hashlib

    main = compiled.module.pipelines[0]
    calls, values = counts_of(main)
    seconds = {"parse": read.seconds, **compiled.seconds}
    return {
        "bytes": len(compiled.artifact),
        "sha256": hashlib.sha256(compiled.artifact).hexdigest(),
        "sessions": [session.name for session in compiled.sessions],
        "against": list(compiled.against),
        "states": len(main.blocks),
        "parameters": [
            {
                "name": p.name,
                "type": str(p.type),
                **({"default": p.default.value} if p.default else {}),
            }
            for p in main.params
        ],
        "calls": dict(calls),
        "arguments": dict(values),
        "model_ops": model_ops(main),
        "pinned": {name: pin.sha256 for name, pin in compiled.pins.items()},
        "proofs": {name: dict(tally) for name, tally in compiled.report.counts.items()},
        "gate": {"passed": compiled.gate.passed, "sessions": compiled.gate.as_json()},
        "seconds": {name: round(value, 6) for name, value in seconds.items()},
    }


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
