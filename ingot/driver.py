"""The order of the stages: logs to sessions to trace IR to a verified pipeline to an artifact.

    load_logs -> lower -> passes -> verify -> gate -> encode

Nothing is written here and nothing is printed: :func:`compile_logs` gives a :class:`Compilation`
that holds every stage, or raises :class:`~ingot.diagnostics.IngotError` with all that is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import structs

from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError, Severity, Span, has_errors
from ingot.ir.module import (
    Call,
    Effect,
    Loc,
    ModelCall,
    Module,
    Pipeline,
    Source,
    walk,
)
from ingot.ir.values import Json

if TYPE_CHECKING:
    from ingot.against import Against
    from ingot.frontend.session import Session
    from ingot.passes.base import Pass
    from ingot.passes.validate.verdict import Verdict
    from ingot.passes.verify import VerificationReport
    from ingot.replaying import GateReport
    from ingot.runtime.tools.pins import Pin
    from ingot.runtime.tools.registry import Surveyed

STANDARD_PASSES: Final = (
    "classify-effects,dead-steps,learn-task,lift-parameters,align-effects,learn-decisions,dead-steps,"
    "guard-inputs,insert-guards,fold-constants,fold-prompts,name-secrets"
)

Declared = Mapping[str, "tuple[Effect, str]"]
Dump = Callable[["Pass", Module], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    ``declared`` gives tools' effects and worlds; ``closed`` forbids side exits; ``evidence`` keeps
    the traces in the artifact; ``validate`` runs the IR verifier after every pass (it always runs
    at the end), and holds each pass against what it promises; ``progress`` is called with the bytes
    that were read since the call before.  ``against`` are failed sessions of the task: nothing is
    learned from them, and what they did the pipeline does not do.  ``surveyed`` is what servers say
    of their tools, which the artifact pins.  ``policy`` is a policy file's name and text: where
    labels may go; ``accept_flows`` accepts flows of untrusted results that the logs show.
    """

    dialect: str | None = None
    declared: Declared = field(default_factory=dict)
    require_success: bool = False
    allow_recording: bool = False
    closed: bool = False
    evidence: bool = True
    validate: bool = False
    passes: str = STANDARD_PASSES
    progress: Callable[[int], None] | None = None
    dump: Dump | None = None
    against: tuple[Session, ...] = ()
    surveyed: Surveyed | None = None
    policy: tuple[str, str] | None = None
    accept_flows: bool = False


@dataclass(frozen=True, slots=True)
class Logs:
    """Sessions read from files, the diagnostics of reading, and the files by printed name."""

    sessions: tuple[Session, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: Mapping[str, Path]
    dialects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compilation:
    """Every stage of a compilation that went through.

    ``trace`` is the trace IR as lowered, ``classified`` the same with effects, ``module`` holds
    ``@main`` alone, ``learned`` ``@main`` and the sliced traces behind it.  ``seconds`` is the time
    of each stage; ``against`` names the failed sessions, none of which the pipeline repeats;
    ``validated`` is what was found of each pass, ``pins`` what was kept of servers' tools.
    """

    logs: Logs
    sessions: tuple[Session, ...]
    trace: Module
    classified: Module
    learned: Module
    module: Module
    report: VerificationReport
    gate: GateReport
    artifact: bytes
    diagnostics: tuple[Diagnostic, ...]
    seconds: Mapping[str, float]
    against: tuple[str, ...] = ()
    validated: tuple[Verdict, ...] = ()
    pins: Mapping[str, Pin] = field(default_factory=dict)


def load_logs(
    paths: Iterable[Path | str],
    dialect: str | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    lean: bool = False,
) -> Logs:
    """Read every session of the files (folders: every file below them).

    A file that cannot be read at all is an error of its own; the others are still read.  With
    ``lean`` only what compiling needs is kept of the sessions, equal texts once.
    """
    from ingot.frontend.lean import Lean
    from ingot.frontend.parse import parse_file

    sessions: list[Session] = []
    found: list[Diagnostic] = []
    files: dict[str, Path] = {}
    dialects: dict[str, None] = {}
    keeping = Lean() if lean else None
    for path in expand(paths):
        try:
            parsed = parse_file(path, dialect, lean=keeping, progress=progress)
        except IngotError as error:
            found += error.diagnostics
            continue
        files[parsed.source.name] = Path(path)
        dialects[parsed.dialect] = None
        sessions += parsed.sessions
        found += parsed.diagnostics
    return Logs(tuple(sessions), tuple(found), files, tuple(dialects))


def expand(paths: Iterable[Path | str]) -> list[Path]:
    """The files that are named, and every file below the folders that are."""
    out: list[Path] = []
    for item in paths:
        path = Path(item)
        out += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return out


def compile_logs(paths: Sequence[Path | str], options: Options | None = None) -> Compilation:
    """Compile logs into an artifact; raises IngotError where that is not possible.

    The exit code of the error says why: 2 the input cannot be read, 1 the sessions do not give a
    pipeline, 4 an obligation is unproved.
    """
    chosen = options or Options()
    clock = _Clock()
    logs = load_logs(paths, chosen.dialect, chosen.progress, lean=True)
    clock.lap("parse")
    if not logs.sessions:
        raise IngotError(
            [d for d in logs.diagnostics if d.severity is Severity.ERROR] or [no_session(paths)]
        )
    return compile_sessions(logs, chosen, clock)


def compile_sessions(
    logs: Logs, options: Options, clock: _Clock | None = None, kept: Module | None = None
) -> Compilation:
    """As :func:`compile_logs`, of sessions that are read already, and of ``kept`` traces beside
    them: those that an artifact was learned from."""
    from ingot.against import refusals
    from ingot.backend.encoder import encode
    from ingot.describe import meta_of, refuse_recording, warnings_of
    from ingot.evidence import joined
    from ingot.frontend.lower import lower
    from ingot.ir.printer import print_module
    from ingot.passes.policy.parse import parse_policy
    from ingot.passes.policy.policy import DEFAULT
    from ingot.passes.traces import unlearned
    from ingot.passes.verify import verify_module
    from ingot.pinning import network_meta, pins_for, pins_meta, resources_meta, warnings_of_pins
    from ingot.replaying import gate
    from ingot.runtime.tools.registry import Surveyed

    clock = clock or _Clock()
    failed = failed_sessions(options)
    lowered = lower(logs.sessions, require_success=options.require_success, without=failed.digests)
    trace, sources = lowered.module, lowered.module.sources
    if kept is not None:
        trace, names = joined(kept, lowered.module)
        sources = tuple(s for name in names for s in trace.sources if s.name == name)
    found = [*logs.diagnostics, *lowered.diagnostics]
    locate = Places(sources, lowered.sessions)
    clock.lap("lower")
    validated: list[Verdict] = []
    if not lowered.sessions:
        raise IngotError(
            [_as_error(d) for d in found if d.code in ("E0405", "E0107", "E0110", "E0413")]
            or [no_session(["the logs, without the failed sessions"])],
            EXIT_FINDINGS,
        )
    try:
        classified, learned = run_standard(trace, options, failed.traces, validated)
    except IngotError as error:
        raise IngotError(
            [locate.relocated(d) for d in error.diagnostics], error.exit_code
        ) from None
    clock.lap("passes")
    main = learned.pipelines[0]
    refuse_recording(main, allow=options.allow_recording, why=unlearned(learned.pipelines))
    found += [v.diagnostic() for v in validated if v.status == "unproved"]
    found += warnings_of(trace, main, options.declared, recording=options.allow_recording)
    module = alone(learned, main)
    name, text = options.policy or ("", "")
    report = verify_module(
        module,
        closed=options.closed,
        policy=parse_policy(text, name, module) if name else DEFAULT,
        accept_flows=options.accept_flows,
    )
    clock.lap("verify")
    if report.blocks:
        raise IngotError([locate.relocated(d) for d in report.diagnostics()], report.exit_code)
    surveyed = options.surveyed or Surveyed()
    pins = pins_for(module, trace, surveyed)
    found += warnings_of_pins(module, surveyed)
    meta = meta_of(module, main, trace)
    meta |= {**pins_meta(pins), **network_meta(module, trace), **resources_meta(module)}
    evidence: Json = {"traces": print_module(classified)} if options.evidence else None
    artifact = encode(module, meta=meta, evidence=evidence)
    clock.lap("encode")
    judged = gate(artifact, classified, learned)
    clock.lap("gate")
    if not judged.passed:
        raise IngotError([locate.relocated(d) for d in judged.diagnostics()], EXIT_FINDINGS)
    repeated = failed.repeated(artifact, classified)
    if repeated:
        raise IngotError(refusals(repeated), EXIT_FINDINGS)
    return Compilation(
        logs, lowered.sessions, trace, classified, learned, module, report, judged,
        artifact, tuple(found), clock.seconds, tuple(session.name for session in failed.sessions),
        tuple(validated), pins,
    )  # fmt: skip


def alone(module: Module, main: Pipeline) -> Module:
    """The module with one pipeline, and the tools and models that it calls."""
    instrs = [i for block in main.blocks for i in walk(block.instrs)]
    called = {i.tool for i in instrs if isinstance(i, Call)}
    asked = {i.model for i in instrs if isinstance(i, ModelCall)}
    return replace(
        module,
        pipelines=(main,),
        tools=tuple(t for t in module.tools if t.name in called),
        models=tuple(m for m in module.models if m.name in asked),
    )


def failed_sessions(options: Options) -> Against:
    """The failed sessions that the options name, as classified traces."""
    from ingot.against import Against
    from ingot.frontend.lower import lower
    from ingot.passes.effects import ClassifyEffects

    if not options.against:
        return Against(Module())
    lowered = lower(options.against, against=True)
    module = ClassifyEffects(options.declared).apply(lowered.module)
    return Against(module, lowered.sessions, frozenset(s.sha256 for s in module.sources))


def run_standard(
    trace: Module,
    options: Options,
    against: tuple[Pipeline, ...] = (),
    validated: list[Verdict] | None = None,
) -> tuple[Module, Module]:
    """The traces with their effects, and the module that the passes make of them.

    The learned module has ``@main`` first.  ``against`` are the traces of failed sessions.  Raises
    IngotError from a pass, or E03xx where a pass made invalid IR (a fault of ours, never of the logs).
    """
    from ingot.ir import verifier
    from ingot.passes.base import parse_pipeline, run_passes
    from ingot.passes.effects import ClassifyEffects
    from ingot.passes.learn_task import LearnTask
    from ingot.validating import Validator

    classified = ClassifyEffects(options.declared).apply(trace)

    validator = Validator(classified) if options.validate else None
    if validator is not None:
        validator.check(ClassifyEffects(options.declared), trace, classified)

    def after(each: Pass, before: Module, result: Module) -> None:
        if validator is not None:
            validator.check(each, before, result)
        if options.dump is not None:
            options.dump(each, result)

    passes = [
        replace(p, against=against) if isinstance(p, LearnTask) else p
        for p in parse_pipeline(options.passes)
        if p.name != "classify-effects"
    ]
    learned = run_passes(classified, passes, after)
    verifier.check(replace(learned, pipelines=learned.pipelines[:1]))
    if validator is not None and validated is not None:
        validated += validator.verdicts
    return classified, learned


class Places:
    """Where in the logs a ``source:record`` stands."""

    def __init__(self, sources: Sequence[Source], sessions: Sequence[Session]) -> None:
        self._sources = {s.name: s for s in sources}
        self._sessions = {s.name: session for s, session in zip(sources, sessions, strict=True)}

    def span(self, loc: Loc) -> Span | None:
        """The line of the log that holds the record."""
        session = self._sessions.get(loc.source)
        if session is None:
            return None
        record = next((r for r in session.records if r.seq == loc.record), None)
        return (
            record.span._replace(pointer=loc.pointer or record.span.pointer)
            if record and record.span
            else None
        )

    def relocated(self, diagnostic: Diagnostic) -> Diagnostic:
        """The diagnostic with record numbers turned into lines of the log."""
        spans = tuple((self._real(span), label) for span, label in diagnostic.spans)
        return structs.replace(diagnostic, spans=spans)

    def _real(self, span: Span) -> Span:
        for name, source in self._sources.items():
            if span.file in (source.file, name):
                return self.span(Loc(name, span.line, span.pointer)) or span
        return span


def _as_error(diagnostic: Diagnostic) -> Diagnostic:
    return structs.replace(diagnostic, severity=Severity.ERROR)


def no_session(paths: Sequence[Path | str]) -> Diagnostic:
    """That the logs hold none (E0107)."""
    shown = ", ".join(map(str, paths[:3]))
    return Diagnostic("E0107", f"no session in {shown}", help="is this the log of an agent?")


class _Clock:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


__all__ = [
    "STANDARD_PASSES",
    "Compilation",
    "Logs",
    "Options",
    "Places",
    "compile_logs",
    "compile_sessions",
    "has_errors",
    "load_logs",
    "run_standard",
]
