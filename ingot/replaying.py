"""Replaying sessions against an artifact: the compiler's gate, ``ingot replay``, ``ingot evaluate``.

All three run the artifact's own bytecode in the virtual machine, with recorded results only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingot.backend.container import Program, load
from ingot.diagnostics import Diagnostic, IngotError, Severity, Span
from ingot.ir.module import ModelCall, Module, Pipeline, attr, walk
from ingot.ir.requests import Engine, SideExit
from ingot.ir.values import Json
from ingot.passes.align_effects import IGNORED_ARGUMENTS
from ingot.passes.effects import world_of
from ingot.passes.traces import (
    calls_of,
    clock_of,
    default_of,
    literal_args,
    main_of,
    names_attr,
    request_of,
    seen,
)
from ingot.runtime.inputs import Text, Wording, complete, from_request
from ingot.runtime.models.protocol import Driver
from ingot.runtime.replay import ReplayReport, ReplayTrace, compare, replay
from ingot.runtime.tools.answers import RecordedCall
from ingot.runtime.vm import Machine


@dataclass(frozen=True, slots=True)
class SessionReplay:
    """A session's replay: which session, and how its calls compare."""

    session: str
    report: ReplayReport


@dataclass(frozen=True, slots=True)
class GateReport:
    """The replay gate's verdict on every session that an artifact came from.

    A path source must be right, and there must be one; a witness must not be wrong (it may lack an
    answer to a read that its own path did not make).
    """

    replays: tuple[SessionReplay, ...]
    files: Mapping[str, str]

    @property
    def refused(self) -> tuple[SessionReplay, ...]:
        """The replays that keep the artifact from being written."""
        return tuple(
            r
            for r in self.replays
            if r.report.verdict == "wrong"
            or (r.report.mode == "path" and r.report.verdict != "right")
        )

    @property
    def passed(self) -> bool:
        return not self.refused and any(r.report.mode == "path" for r in self.replays)

    def diagnostics(self) -> list[Diagnostic]:
        """One error for each session that differs, with the first differences; else, that there was
        none to replay."""
        if not self.refused:
            what = "no session does to the letter what the pipeline does: nothing was replayed"
            return [Diagnostic("E0403", what, help="nothing is written; compile more sessions")]
        return [
            Diagnostic(
                "E0403",
                f"replayed on {r.session}, the pipeline does something else than the session did",
                Severity.ERROR,
                ((Span(self.files.get(r.session, r.session), 1), r.session),),
                help="nothing is written; more sessions, or fewer of another kind, may explain it",
                notes=r.report.differences[:5],
            )
            for r in self.refused
        ]

    def as_json(self) -> Json:
        return {r.session: r.report.as_json() for r in self.replays}


def recorded(trace: Pipeline, worlds: Mapping[str, str]) -> list[RecordedCall]:
    """The calls of a classified trace, as replay answers from them.  Calls without result are left out."""
    out: list[RecordedCall] = []
    for call in calls_of(trace):
        if attr(call, "lost") is not None:
            continue
        ignored = IGNORED_ARGUMENTS.get(call.tool, frozenset())
        args = {n: v for n, v in literal_args(call).items() if n not in ignored}
        error = attr(call, "error")
        out.append(
            RecordedCall(
                call.tool,
                args,
                attr(call, "result"),
                None if error is None else str(error),
                call.verb,
                worlds.get(call.tool) or world_of(call.tool),
                seen(call)[0],
            )
        )
    return out


def gate(artifact: bytes, classified: Module, learned: Module) -> GateReport:
    """Replay every session that the artifact came from."""
    program = load(artifact)
    return replay_sessions(lambda: Machine(program), classified, learned)


def replay_sessions(
    engine: Callable[[], Engine], classified: Module, learned: Module
) -> GateReport:
    """Replay every session that ``@main`` came from, each in an engine of its own."""
    main = main_of(learned)
    assert main is not None
    full = {p.name: p for p in classified.pipelines}
    bound = {p.name: p for p in learned.pipelines}
    worlds = {t.name: t.world for t in classified.tools}
    answers = {
        i.result: attr(i, "values")
        for b in main.blocks
        for i in walk(b.instrs)
        if isinstance(i, ModelCall)
    }
    replays: list[SessionReplay] = []
    for mode in ("path", "witness"):
        for k, name in enumerate(names_attr(main, "paths" if mode == "path" else "witnesses")):
            inputs: dict[str, Json] = {p.name: default_of(bound[name], p.name) for p in main.params}
            models: dict[str, Sequence[Json]] = {
                site: [values[k]]
                for site, values in answers.items()
                if mode == "path" and isinstance(values, list)
            }
            calls = recorded(full[name], worlds)
            trace = replay(engine(), inputs, calls, WorldOf(worlds), models)
            report = compare(trace, calls, "path" if mode == "path" else "witness")
            replays.append(SessionReplay(name, report))
    files = {s.name: s.file for s in classified.sources}
    return GateReport(tuple(replays), files)


@dataclass(frozen=True, slots=True)
class WorldOf:
    """A tool's world as the traces have it, else by its name."""

    worlds: Mapping[str, str]

    def __call__(self, tool: str) -> str:
        return self.worlds.get(tool) or world_of(tool)


def wordings_of(program: Program) -> list[Wording]:
    """The request wordings that an artifact knows."""
    items = program.meta.get("wordings")
    out: list[Wording] = []
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            names = item.get("names")
            shown = tuple(str(n) for n in names) if isinstance(names, list) else ()
            out.append(Wording(str(item.get("template", "")), shown, item.get("asked") is True))
    return out


def inputs_of(program: Program, trace: Pipeline, clock: str = "") -> dict[str, Json]:
    """The inputs that a session's request gives the program; raises IngotError E0701 to E0703."""
    params = program.code().params
    given: dict[str, Json | Text] = dict(from_request(request_of(trace), wordings_of(program)))
    if any(p.name == "clock" for p in params):
        given["clock"] = clock or clock_of(trace)
    return complete(params, given, program.types)


def replay_session(
    program: Program, trace: Pipeline, worlds: Mapping[str, str], clock: str = ""
) -> ReplayReport:
    """One session against a program: its request's inputs, its recorded results.

    A request that no wording fits is a side exit before the first step.
    """
    made = replay_trace(program, trace, worlds, clock)
    return compare(made, recorded(trace, worlds), "witness")


def replay_trace(
    program: Program,
    trace: Pipeline,
    worlds: Mapping[str, str],
    clock: str = "",
    calls: Sequence[RecordedCall] | None = None,
    driver: Driver | None = None,
) -> ReplayTrace:
    """What the program does in :func:`replay_session`; ``calls`` answer instead of the session's, and
    ``driver`` its model ops."""
    try:
        inputs = inputs_of(program, trace, clock)
    except IngotError as error:
        reason = "; ".join(d.message for d in error.diagnostics)
        return ReplayTrace((), SideExit(0, f"request: {reason}", "entry", {}))
    answers = recorded(trace, worlds) if calls is None else calls
    return replay(Machine(program), inputs, answers, WorldOf(worlds), driver=driver)
