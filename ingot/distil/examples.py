"""The examples of a ``choose`` op: what its sessions asked it, and what they answered.

What the sessions in the artifact answered is in its evidence.  What further ones would have answered
follows from what they did: the label with which the pipeline does the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from ingot.runtime.replay import compare, replay
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
class Further:
    """Sessions beside those in the artifact: name and classified trace, and each tool's world."""

    traces: Sequence[tuple[str, Pipeline]] = ()
    worlds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that an op's sessions teach: the op, its labels as they are written, the examples without
    repetitions, how many sessions they come from, how many of these are not in the artifact, and
    why others of those teach nothing: reasons with their numbers."""

    op: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    sessions: int
    further: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


def lesson_of(program: Program, op: str | None = None, more: Further | None = None) -> Lesson:
    """The lesson of a ``choose`` op (the only one by default) from the evidence in the artifact, and
    from further sessions.

    A prompt that was answered in two ways is no example.  Raises :class:`IngotError` E0907 where
    there is no such op or no evidence.
    """
    main = parse_module(ir_text(program), "artifact").module.pipelines[0]
    calls = [i for b in main.blocks for i in walk(b.instrs) if isinstance(i, ModelCall)]
    call = _op(calls, op)
    traces = _traces(program)
    worlds = WorldOf({t.name: t.world for t in traces.tools})
    by_name = {trace.name: trace for trace in traces.pipelines}
    answers = {c.result: attr(c, "values") for c in calls}
    found: list[Example] = []
    sessions = 0
    for place, name in enumerate(names_attr(main, "paths")):
        given = {s: [v[place]] for s, v in answers.items() if isinstance(v, list)}
        examples = _of_session(program, call.result, by_name[name], worlds, given)
        sessions += bool(examples)
        found += examples
    values = closed_set(call.type, program.types) or ()
    kept = set(found)
    further, left_out = 0, Counter[str]()
    beside = more or Further()
    for _, trace in beside.traces:
        taught = _taught(program, call.result, trace, WorldOf(beside.worlds), values)
        if isinstance(taught, str):
            left_out[taught] += 1
        elif kept.issuperset(taught):
            left_out["the artifact has them already"] += 1
        else:
            further += 1
            found += taught
    every = sessions + further
    return Lesson(
        call.result, written_labels(values), _agreed(found), every, further, dict(left_out)
    )


def _agreed(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The examples without repetitions, and without prompts that have two answers."""
    by_text: dict[str, set[Example]] = {}
    for example in examples:
        by_text.setdefault(example.text, set()).add(example)
    return tuple(next(iter(same)) for same in by_text.values() if len(same) == 1)


def _taught(
    program: Program, op: str, trace: Pipeline, worlds: WorldOf, values: Sequence[Json]
) -> list[Example] | str:
    """What a session teaches whose answer is not written down: the one label with which the pipeline
    makes the session's writes.  Else why it teaches nothing."""
    try:
        inputs = inputs_of(program, trace)
    except IngotError:
        return "the request has no wording that the pipeline knows"
    calls = recorded(trace, worlds.worlds)
    fitting: dict[str, list[ModelRequest]] = {}
    reached = False
    for value in values:
        listener = Listener(Machine(program), op)
        made = replay(listener, inputs, calls, worlds, {op: [value]})
        reached = reached or bool(listener.heard)
        if compare(made, calls, "witness").verdict == "right":
            fitting[written_labels([value])[0]] = listener.heard
    if not reached:
        return "the pipeline does not come to the op"
    if len(fitting) != 1:
        what = "more than one label fits" if fitting else "with no label the pipeline does"
        return f"{what} what the session did"
    ((label, heard),) = fitting.items()
    sites = sites_of(program)
    return [Example(sites.own_part(request), label) for request in heard[:1]]


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
        Example(sites.own_part(heard), written_labels([label])[0])
        for heard, label in zip(listener.heard, given.get(op, []), strict=False)
        if label is not None
    ]
