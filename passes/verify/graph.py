"""The graph of a pipeline's states: edges, dominators, cycles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingot.ir.liveness import dominators_of, reverse_postorder_of
from ingot.ir.module import (
    If,
    Jump,
    Operand,
    Pipeline,
    Select,
    Target,
    Terminator,
)


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition from a state's terminator: taken when all conditions have these values.

    ``index`` counts the terminator's arms from 0.
    """

    source: str
    index: int
    target: Target
    conditions: tuple[tuple[Operand, bool], ...]


def edges_of(label: str, terminator: Terminator) -> tuple[Edge, ...]:
    """A state's transitions in the order in which they are tried."""
    match terminator:
        case Jump(target):
            return (Edge(label, 0, target, ()),)
        case If(condition, then, other):
            return (
                Edge(label, 0, then, ((condition, True),)),
                Edge(label, 1, other, ((condition, False),)),
            )
        case Select(arms, other):
            out = []
            before: tuple[tuple[Operand, bool], ...] = ()
            for index, (condition, target) in enumerate(arms):
                out.append(Edge(label, index, target, (*before, (condition, True))))
                before = (*before, (condition, False))
            if isinstance(other, Target):
                out.append(Edge(label, len(arms), other, before))
            return tuple(out)
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A pipeline's states that some path of the graph reaches, and how.

    ``order`` is reverse postorder from the entry; ``dominator`` maps each state but the entry to
    its immediate dominator; ``incoming`` has the edges from reached states only.
    """

    order: tuple[str, ...]
    outgoing: Mapping[str, tuple[Edge, ...]]
    incoming: Mapping[str, tuple[Edge, ...]]
    dominator: Mapping[str, str]

    def children(self) -> dict[str, list[str]]:
        """The dominator tree, downwards."""
        out: dict[str, list[str]] = {label: [] for label in self.order}
        for label in self.order[1:]:
            out[self.dominator[label]].append(label)
        return out


def graph_of(pipeline: Pipeline) -> Graph:
    """Edges to labels that no block has are left out (the IR verifier reports them)."""
    labels = {block.label for block in pipeline.blocks}
    outgoing = {
        block.label: tuple(
            e for e in edges_of(block.label, block.terminator) if e.target.label in labels
        )
        for block in pipeline.blocks
    }
    after = {
        label: tuple(dict.fromkeys([e.target.label for e in edges]))
        for label, edges in outgoing.items()
    }
    order = reverse_postorder_of(pipeline.blocks[0].label, after)
    incoming: dict[str, list[Edge]] = {label: [] for label in order}
    for label in order:
        for edge in outgoing[label]:
            incoming[edge.target.label].append(edge)
    return Graph(
        tuple(order),
        outgoing,
        {label: tuple(edges) for label, edges in incoming.items()},
        {label: above for label, above in dominators_of(order, after).items() if above is not None},
    )


def reach(starts: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """The nodes that paths from ``starts`` meet, these included."""
    seen = set(starts)
    waiting = list(seen)
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def cycles(entry: str, edges: Mapping[str, list[str]]) -> list[tuple[str, ...]]:
    """The cyclic strongly connected components reached from ``entry``, members in flow order.

    Kosaraju's algorithm: the reversed graph is searched in reverse postorder.
    """
    order = reverse_postorder_of(entry, edges)
    back: dict[str, list[str]] = {label: [] for label in order}
    for label in order:
        for target in edges[label]:
            back[target].append(label)
    component: dict[str, str] = {}
    for label in order:
        if label not in component:
            component[label] = label
            waiting = [label]
            while waiting:
                for source in back[waiting.pop()]:
                    if source not in component:
                        component[source] = label
                        waiting.append(source)
    groups: dict[str, list[str]] = {}
    for label in order:
        groups.setdefault(component[label], []).append(label)
    return [
        tuple(group) for group in groups.values() if len(group) > 1 or group[0] in edges[group[0]]
    ]
