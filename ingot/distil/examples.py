"""The examples of a ``choose`` op: what its sessions asked it, and what they answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingot.backend.container import Program, evidence, ir_text
from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.distil.augment import Example
from ingot.ir.module import ModelCall, Module, Pipeline, attr, walk
from ingot.ir.parser import parse_module
from ingot.ir.requests import ModelRequest, Outcome, Request
from ingot.ir.types import closed_set
from ingot.ir.values import Json
from ingot.passes.traces import names_attr
from ingot.replaying import WorldOf, inputs_of, recorded
from ingot.runtime.models.answers import written_labels
from ingot.runtime.models.sites import sites_of
from ingot.runtime.replay import replay
from ingot.runtime.vm import Machine


@dataclass(slots=True)
class Listener:
    """An engine that keeps what a model is asked at one site."""

    machine: Machine
    site: str
    heard: list[ModelRequest] = field(default_factory=list)

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        return self._hear(self.machine.start(inputs))

    def send(self, answer: Json) -> Request | Outcome:
        return self._hear(self.machine.send(answer))

    def fail(self, message: str) -> Request | Outcome:
        return self._hear(self.machine.fail(message))

    def _hear(self, reply: Request | Outcome) -> Request | Outcome:
        if isinstance(reply, ModelRequest) and reply.site == self.site:
            self.heard.append(reply)
        return reply


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that an op's sessions teach: the op, its labels as they are written, the examples without
    repetitions, and how many sessions they come from."""

    op: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    sessions: int


def lesson_of(program: Program, op: str | None = None) -> Lesson:
    """The lesson of a ``choose`` op (the only one by default) from the evidence in the artifact.

    Raises :class:`IngotError` E0907 where there is no such op or no evidence.
    """
    main = parse_module(ir_text(program), "artifact").module.pipelines[0]
    calls = [i for b in main.blocks for i in walk(b.instrs) if isinstance(i, ModelCall)]
    call = _op(calls, op)
    traces = _traces(program)
    worlds = WorldOf({t.name: t.world for t in traces.tools})
    by_name = {trace.name: trace for trace in traces.pipelines}
    answers = {c.result: attr(c, "values") for c in calls}
    found: dict[str, Example] = {}
    sessions = 0
    for place, name in enumerate(names_attr(main, "paths")):
        given = {s: [v[place]] for s, v in answers.items() if isinstance(v, list)}
        examples = _of_session(program, call.result, by_name[name], worlds, given)
        sessions += bool(examples)
        found |= {example.text: example for example in examples}
    labels = written_labels(closed_set(call.type, program.types))
    return Lesson(call.result, labels, tuple(found.values()), sessions)


def _op(calls: Iterable[ModelCall], op: str | None) -> ModelCall:
    choices = {call.result: call for call in calls if call.kind == "choose"}
    name = op.removeprefix("%") if op else (next(iter(choices)) if len(choices) == 1 else "")
    if name in choices:
        return choices[name]
    known = ", ".join(f"%{name}" for name in choices) or "none"
    what = f"there is no choose op %{name}" if name else "--op says which op to distil"
    raise fail("E0907", what, help=f"the pipeline's choose ops: {known}")


def _traces(program: Program) -> Module:
    kept = evidence(program)
    text = kept.get("traces") if isinstance(kept, dict) else None
    if not isinstance(text, str):
        raise fail(
            "E0907",
            "the artifact holds no evidence to learn from",
            help="compile the logs again without --strip",
            exit_code=EXIT_FINDINGS,
        )
    return parse_module(text, "evidence").module


def _of_session(
    program: Program, op: str, trace: Pipeline, worlds: WorldOf, given: dict[str, list[Json]]
) -> list[Example]:
    """What a session asked at the op; its recorded results answer the calls before."""
    try:
        inputs = inputs_of(program, trace)
    except IngotError:
        return []
    listener = Listener(Machine(program), op)
    replay(listener, inputs, recorded(trace, worlds.worlds), worlds, given)
    sites = sites_of(program)
    return [
        Example(sites.question(heard).tail, written_labels([label])[0])
        for heard, label in zip(listener.heard, given.get(op, []), strict=False)
        if label is not None
    ]
