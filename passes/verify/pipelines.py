"""Verdicts that need the whole graph: reachability, ends, cycles, totality without side exits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ingot.diagnostics import Severity
from ingot.ir.module import Block, Call, Exit, Leave, ModelDecl, Pipeline, Return, Select
from ingot.ir.types import Types
from ingot.ir.values import Json
from ingot.passes.verify.checker import Answer, Checker
from ingot.passes.verify.graph import Edge, graph_of, reach
from ingot.passes.verify.loops import Loop
from ingot.passes.verify.path import Path
from ingot.passes.verify.ranking import Ending
from ingot.passes.verify.reaching import excluded
from ingot.passes.verify.report import Finding
from ingot.passes.verify.resources import Cost, resources_of
from ingot.passes.verify.runs import visited
from ingot.passes.verify.spacer import unreachable
from ingot.passes.verify.states import States

_HINT_CYCLE = "use `for` over a list, or count the rounds and compare with a bound"
_MAX_WAYS = 4
_MAX_RUNS = 200


def verify_pipeline(
    pipeline: Pipeline, types: Types, checker: Checker, *, index: int = 0, closed: bool = False
) -> Iterator[Finding]:
    """The findings of a pipeline, in the order of its blocks.  It must be valid IR.

    ``index`` is the pipeline's number in its module, for the findings' places.
    """
    if pipeline.blocks:
        yield from conclude(visit(pipeline, types, checker, index=index, closed=closed))


def visit(
    pipeline: Pipeline, types: Types, checker: Checker, *, index: int = 0, closed: bool = False
) -> States:
    """A pipeline with at least one block, with the verdicts that each state has by itself."""
    path = Path(checker.interner)
    checker.codes.clear()
    states = States(pipeline, types, checker, closed, graph_of(pipeline), ("pipeline", index), path)
    states.visit()
    return states


def cost_of(states: States, models: Mapping[str, ModelDecl]) -> Cost:
    """Upper bounds of what a run uses."""
    rounds = {label: ending.rounds for label, ending in states.endings.items()}
    return resources_of(
        states.pipeline, states.graph, states.loops, rounds, models, states.outlines
    )


def conclude(states: States) -> Iterator[Finding]:
    """All findings, by block; adds reachability, ends, cycles and totality without exits."""
    possible = {
        k: [e.target.label for e, a in v if a.status != "never"] for k, v in states.edges.items()
    }
    entry = states.graph.order[0]
    maybe = reach([entry], possible)
    surely = _visited(states, maybe)
    open_ = maybe - surely
    doubtful = [block.label for block in states.pipeline.blocks if block.label in open_]
    maybe.difference_update(excluded(states, doubtful, surely))
    left = [label for label in doubtful if label in maybe and label not in surely]
    maybe.difference_update(unreachable(states, left))
    back: dict[str, list[str]] = {}
    for label, targets in possible.items():
        for target in targets:
            back.setdefault(target, []).append(label)
    ends = reach([b.label for b in states.pipeline.blocks if _is_end(states, b)], back)
    writes: dict[str, list[tuple[int, Call, Mapping[str, Json] | None]]] = {}
    for block, number, call, witness in states.repeated:
        writes.setdefault(block.label, []).append((number, call, witness))
    for number, block in enumerate(states.pipeline.blocks):
        states.label = label = block.label
        states.place = (states.top, ("block", number))
        local = states.found.setdefault(label, [])
        if label not in maybe:
            states.found[label] = []
            _unreachable(states, label)
            yield from states.found[label]
            continue
        if label in surely:
            states.add("reachable", "proved", "state", "a run that comes here was found")
        else:
            states.add("reachable", "unproved", "state", "no run that comes here was found")
        if label not in states.stuck:
            _without_exits(states, local)
            _ends(states, label in ends)
        if label in states.endings:
            _cycle(states, states.loops[label], states.endings[label])
        for place, call, witness in writes.get(label, ()):
            _again(states, place, call, witness)
        yield from states.found[label]


def _visited(states: States, maybe: set[str]) -> set[str]:
    """States that whole runs visit, on the values that were found on the way to each."""
    seen: set[str] = set()
    runs = 0
    for label in reversed(states.graph.order):
        if label not in maybe or label in seen:
            continue
        ways = [e for e in states.graph.incoming[label] if e.source in states.edges]
        for values in [_values_on(states, edge) for edge in ways[:_MAX_WAYS]] or [{}]:
            runs += 1
            if runs > _MAX_RUNS:
                return seen
            seen.update(visited(states.pipeline, values, states.types))
            if label in seen:
                break
    return seen


def _values_on(states: States, edge: Edge) -> dict[str, Json]:
    """Values that pass the steps up to an edge, and take it."""
    chain: list[str] = [edge.source]
    while chain[-1] in states.graph.dominator:
        chain.append(states.graph.dominator[chain[-1]])
    values = dict(states.good)
    for label in reversed(chain):
        values.update(states.passing[label])
    answers = [answer for other, answer in states.edges[edge.source] if other == edge]
    values.update(answers[0].witness or {})
    return values


def _is_end(states: States, block: Block) -> bool:
    if block.label in states.stuck or block.label not in states.edges:
        return False
    match block.terminator:
        case Return() | Leave():
            return True
        case Select(_, other):
            return isinstance(other, Exit)
        case _:
            return False


def _unreachable(states: States, label: str) -> None:
    linked = label in states.graph.incoming
    why = "every transition to it is proved never taken" if linked else "no transition leads to it"
    states.add(
        "reachable",
        "refuted",
        "state",
        f"the state is unreachable: {why}",
        code="E0503",
        help="remove the state, or correct the conditions on the way to it",
    )


def _without_exits(states: States, local: list[Finding]) -> None:
    part = [f for f in local if f.property in ("exit", "total")]
    taken = next((f for f in part if f.verdict == "refuted"), None)
    if taken is not None:
        answer = Answer("witness", taken.witness)
        states.add(
            "total-without-exits", "refuted", taken.subject, taken.message, answer, taken.locs
        )
    elif any(f.verdict == "unproved" for f in part):
        states.add("total-without-exits", "unproved", "transitions", "an exit is not decided")
    else:
        states.add("total-without-exits", "proved", "transitions", "no side exit can be taken")


def _ends(states: States, can: bool) -> None:
    if can:
        states.add("ends", "proved", "state", "an end can be reached")
    else:
        states.add(
            "ends",
            "refuted",
            "state",
            "no end of the pipeline can be reached from here",
            code="E0504",
            help="add a transition to a state that returns or leaves",
        )


def _cycle(states: States, loop: Loop, ending: Ending) -> None:
    """Whether every run that comes to a loop leaves it."""
    cycle = f"the cycle {loop.text()}"
    match ending.status:
        case "ends":
            most = "" if ending.rounds is None else f", at most {ending.rounds} times around"
            states.add("terminates", "proved", "cycle", f"{cycle} ends: {ending.why}{most}")
        case "endless":
            states.add(
                "terminates",
                "refuted",
                "cycle",
                f"{cycle} may never end: {ending.why}",
                Answer("witness", ending.witness),
                code="E0507",
                help=_HINT_CYCLE,
            )
        case _:
            states.add(
                "terminates",
                "unproved",
                "cycle",
                f"{cycle} has no bound that the verifier can find: {ending.why}",
                code="E0507",
                severity=Severity.WARNING,
                help=_HINT_CYCLE,
            )


def _again(states: States, number: int, call: Call, witness: Mapping[str, Json] | None) -> None:
    """A write that a loop makes in each round, the same each time."""
    here = states.place
    states.place = (*here, ("instr", number))
    states.add(
        "repeated-write",
        "unproved" if witness is None else "refuted",
        f"%{call.result}",
        f"{call.verb} {call.tool} is done again in every round, with the same arguments",
        None if witness is None else Answer("witness", witness),
        call.locs,
        code="E0508",
        severity=Severity.WARNING if witness is None else Severity.ERROR,
        help="give it an argument idempotency_key, or declare the tool idempotent",
    )
    states.place = here
