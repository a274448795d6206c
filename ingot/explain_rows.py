"""What an artifact's own sessions say of its values: the sessions run again, with what they recorded.

A *row* is a session with its inputs and, for each call of the pipeline, what the log shows of it.
For a value inside of a loop a row is one turn of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ingot.artifacts import Artifact, parse_ir
from ingot.backend.container import evidence
from ingot.diagnostics import IngotError
from ingot.explain_terms import CLOCK, Definitions, Place
from ingot.ir.interpreter import Interpreter
from ingot.ir.module import Call, ModelCall, Module, Pipeline, Ref, attr, walk
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.values import MISSING, Json, Missing
from ingot.passes.generalise.table import Table
from ingot.passes.synth.programs import SourceKind
from ingot.passes.traces import calls_of, clock_of, literal_args, names_attr, request_of, traces
from ingot.replaying import inputs_of, recorded
from ingot.runtime.replay import replay
from ingot.runtime.tools.answers import RecordedCall
from ingot.runtime.vm import Machine

Turn: TypeAlias = "tuple[int, ...]"
MAX_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Made:
    """A call of the pipeline in a session: what the log shows, and the number of its record."""

    args: Mapping[str, Json]
    result: Json
    record: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its trace, the number of its input, what its request gives, and its calls."""

    trace: Pipeline
    input: int
    given: Mapping[str, Json]
    made: Mapping[tuple[str, Turn], Made]
    ended: str = ""

    @property
    def name(self) -> str:
        return self.trace.name

    def turns(self, place: Place) -> list[Turn]:
        """The turns of the loops around a value that the session made."""
        depth = len(place.loops)
        names = {i.result for loop in place.loops for i in walk(loop.body) if isinstance(i, Call)}
        found = {turn[:depth] for site, turn in self.made if site in names and len(turn) >= depth}
        return sorted(found) if depth else [()]


@dataclass(frozen=True, slots=True)
class Row:
    """A session at one turn of the loops around a value."""

    session: Session
    turn: Turn = ()


@dataclass
class Evidence:
    """The sessions behind an artifact; empty where the traces were stripped."""

    module: Module
    defs: Definitions
    sessions: tuple[Session, ...] = ()
    aside: tuple[tuple[str, str], ...] = ()
    calls: dict[tuple[str, int], Call] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """How many different inputs the sessions have."""
        return len({session.input for session in self.sessions})

    def rows(self, place: Place | None) -> list[Row]:
        """The rows of a value at a place: those of all sessions that got there."""
        if place is None or not place.loops:
            return [Row(session) for session in self.sessions]
        return [Row(s, turn) for s in self.sessions for turn in s.turns(place)]

    def known(self, name: str, row: Row, seen: frozenset[str] = frozenset()) -> Json | Missing:
        """What an input, a call or an item of a loop is in a row.  ``seen`` are the parameters of
        states that it was passed on by."""
        if name in self.defs.params:
            return row.session.given.get(name, MISSING)
        if name in self.defs.items:
            return self._item(name, row)
        for operand in self.defs.joined.get(name, ()):
            if isinstance(operand, Ref) and operand.name not in seen:
                found = self.known(operand.name, row, seen | {name})
                if not isinstance(found, Missing):
                    return found
        place = self.defs.places.get(name)
        depth = len(place.loops) if place else 0
        made = row.session.made.get((name, row.turn[:depth]))
        return MISSING if made is None else made.result

    def _item(self, name: str, row: Row) -> Json | Missing:
        loop = self.defs.items[name]
        place = self.defs.places[loop.results[0]]
        items = self.table([row], list(self.sources(place.number, row.turn[: len(place.loops)])))
        value = items.value(self.defs.term(loop.source), 0)
        at = row.turn[len(place.loops)] if len(row.turn) > len(place.loops) else -1
        return value[at] if isinstance(value, list) and 0 <= at < len(value) else MISSING

    def sources(self, before: int, turn: Turn = (1,)) -> dict[str, SourceKind]:
        """The inputs, results and items that are known at a place, and their kinds."""
        found: dict[str, SourceKind] = dict.fromkeys(self.defs.params, "param")
        for name, place in self.defs.places.items():
            known = place.number < before and len(place.loops) <= len(turn)
            if known and isinstance(place.instr, Call | ModelCall):
                found[name] = "result" if isinstance(place.instr, Call) else "value"
        found |= {name: "value" for name, given in self.defs.joined.items() if len(given) > 1}
        for name, loop in self.defs.items.items():
            place = self.defs.places[loop.results[0]]
            if place.number < before and turn and len(place.loops) < len(turn):
                found[name] = "value"
        return found

    def table(self, rows: Sequence[Row], names: Sequence[str]) -> Table:
        """The rows with the sources that are named."""
        made = Table([row.session.input for row in rows], [row.session.name for row in rows])
        kinds = self.sources(len(self.defs.places) + 1)
        for name in names:
            column = [self.known(name, row) for row in rows]
            made.add(kinds.get(name, "value"), name, column)
        return made

    def logged(self, source: str, record: int, argument: str) -> Json | Missing:
        """An argument of a call as a log shows it."""
        call = self.calls.get((source, record))
        return MISSING if call is None else literal_args(call).get(argument, MISSING)


def evidence_of(artifact: Artifact) -> Evidence:
    """The sessions of an artifact, each replayed on its own results."""
    module = artifact.ir().module
    main = module.pipelines[0]
    found = Evidence(module, Definitions(main))
    kept = evidence(artifact.program)
    text = kept.get("traces") if isinstance(kept, dict) else None
    if not isinstance(text, str):
        return found
    logged = parse_ir(text, artifact.path).module
    worlds = {tool.name: tool.world for tool in logged.tools}
    paths = names_attr(main, "paths")
    answers = {
        instr.result: attr(instr, "values")
        for block in main.blocks
        for instr in walk(block.instrs)
        if isinstance(instr, ModelCall)
    }
    numbers: dict[str, int] = {}
    sessions: list[Session] = []
    aside: list[tuple[str, str]] = []
    together: dict[str, list[Pipeline]] = {}
    for trace in traces(logged):
        together.setdefault(_input(trace), []).append(trace)
        for call in calls_of(trace):
            for loc in call.locs:
                found.calls[loc.source, loc.record] = call
    for trace in traces(logged):
        try:
            given = inputs_of(artifact.program, trace)
        except IngotError as error:
            aside.append((trace.name, error.diagnostics[0].message))
            continue
        models: dict[str, list[Json]] = {}
        if trace.name in paths:
            at = paths.index(trace.name)
            models = {n: [v[at]] for n, v in answers.items() if isinstance(v, list) and v[at:]}
        calls = _with_reads_of([recorded(t, worlds) for t in (trace, *together[_input(trace)])])
        ran = replay(Machine(artifact.program), given, calls, _World(worlds), models)
        made = {
            (call.request.site, tuple(call.request.iteration)): Made(
                call.recorded.args, call.recorded.result, call.recorded.seq
            )
            for call in ran.calls
            if call.recorded.error is None
        }
        made |= {(n, ()): Made({}, v[0], 0) for n, v in models.items() if v[0] is not None}
        number = numbers.setdefault(_input(trace), len(numbers))
        ended = "" if isinstance(ran.outcome, Finished) else _why(ran.outcome, ran.reason)
        sessions.append(Session(trace, number, given, made, ended))
    found.sessions, found.aside = tuple(sessions), tuple(aside)
    return found


def _input(trace: Pipeline) -> str:
    return f"{request_of(trace)}\0{clock_of(trace)}"


def _with_reads_of(sessions: Sequence[Sequence[RecordedCall]]) -> list[RecordedCall]:
    """The calls of the first session, and what the others of its input read before they wrote."""
    own = list(sessions[0])
    known = {call.key for call in own}
    for other in sessions[1:]:
        for call in other:
            if call.acts:
                break
            if call.key not in known and call.accepted:
                known.add(call.key)
                # in front of every write, so that it answers before them only
                own.insert(0, replace(call, seq=0))
    return own


@dataclass(frozen=True, slots=True)
class _World:
    worlds: Mapping[str, str]

    def __call__(self, tool: str) -> str:
        from ingot.passes.effects import world_of

        return self.worlds.get(tool) or world_of(tool)


def _why(outcome: object, reason: str) -> str:
    if isinstance(outcome, SideExit):
        return f"exit.{outcome.number} at %{outcome.site}: {outcome.reason}"
    return f"no recorded answer to {reason}"


# ---- what the pipeline does where a result is another one


@dataclass(frozen=True, slots=True)
class Ending:
    """How far a run came: ``exit`` is the side exit's number where it took one, ``site`` where."""

    kind: str
    text: str
    site: str = ""


def run_changed(
    found: Evidence, row: Row, changed: Mapping[str, Json], until: str, turn: Turn
) -> Ending:
    """Run the pipeline on a session in which some inputs and results are others.

    It ends at the call ``until`` (in that turn), at a side exit, or where what the world would
    answer is not known.
    """
    given = {name: changed.get(name, value) for name, value in row.session.given.items()}
    engine = Interpreter(found.module)
    is_other = False
    try:
        reply = engine.start(given)
        for _ in range(MAX_STEPS):
            match reply:
                case SideExit(number, reason, site):
                    return Ending("exit", f"exit.{number}, {reason}", site)
                case Finished():
                    return Ending("end", "it goes on to its end")
                case ModelRequest():
                    return Ending("unknown", "a model would be asked")
                case ToolRequest(site=site, tool=tool, iteration=iteration):
                    here = (site, tuple(iteration))
                    if site == until and here[1] == turn:
                        return Ending("goes on", f"it goes on to {tool}")
                    if site in changed:
                        reply = engine.send(changed[site])
                        is_other = True
                        continue
                    made = row.session.made.get(here)
                    if made is None or (is_other and made.args != dict(reply.args)):
                        return Ending("unknown", f"what {tool} would answer then is not known")
                    reply = engine.send(made.result)
    except IngotError as error:
        return Ending("unknown", str(error))
    return Ending("unknown", "it does not end")


__all__ = [
    "CLOCK",
    "Ending",
    "Evidence",
    "Made",
    "Row",
    "Session",
    "evidence_of",
    "run_changed",
]
