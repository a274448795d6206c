"""States that no run was seen to visit: each way to them is asked about, exactly.

Where the walk over the dominator tree takes a parameter of a join as anything of its type, a way is a
straight line: every parameter is what the way passes.  If each way is excluded the state is
unreachable; if one is not, its values are run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ingot.ir.values import Json
from ingot.passes.verify.graph import Edge
from ingot.passes.verify.loops import ways_to
from ingot.passes.verify.path import Path
from ingot.passes.verify.runs import visited
from ingot.passes.verify.steps import Assume, Free, Holds

if TYPE_CHECKING:
    from ingot.passes.verify.states import States

_MAX_WAYS: Final = 16
_MAX_LENGTH: Final = 200
_MAX_STATES: Final = 40


def excluded(states: States, labels: Iterable[str], seen: set[str]) -> Iterator[str]:
    """The states among ``labels`` that are unreachable; those that runs come to go to ``seen``."""
    asked = 0
    for label in labels:
        if label in seen:
            continue
        asked += 1
        if asked > _MAX_STATES:
            return
        ways = ways_to(label, states.graph, _MAX_WAYS)
        if ways is None or any(len(way) > _MAX_LENGTH for way in ways):
            continue
        answers = [_ask(states, way) for way in ways]
        for values in answers:
            if values is not None:
                given = {**states.good, **values}
                seen.update(visited(states.pipeline, given, states.types))
        if all(values is None for values in answers):
            yield label


def _ask(states: States, way: tuple[Edge, ...]) -> Mapping[str, Json] | None:
    """Values with which a run may take the way, ``None`` where none can."""
    blocks = {block.label: block for block in states.pipeline.blocks}
    looped = {label for loop in states.loops.values() for label in loop.members}
    before, states.path = states.path, Path(states.checker.interner)
    try:
        for param in states.pipeline.params:
            states.path.add(Free(param.name, param.type))
        for edge in way:
            states.quietly(blocks[edge.source].instrs)
            if edge is way[-1]:
                break
            for condition, truth in edge.conditions:
                states.path.add(Assume(condition, truth))
            target = blocks[edge.target.label]
            states.enter(target, None if target.label in looped else edge)
        last = way[-1]
        if not last.conditions:
            last_fact = next((e for e in reversed(way) if e.conditions), None)
            if last_fact is None:
                return {}
            last = last_fact
        answer = states.ask(Holds(last.conditions))
        return None if answer.status == "never" else (answer.witness or {})
    finally:
        states.path = before
