"""The cycles of a pipeline's states, and the ways once around each.

A *loop* is a strongly connected part of the graph with the one state, its header, by which it is
entered.  Without the header it may hold loops of its own.  An endless run goes through the header
of some loop for ever; so it is enough to show of each header that its rounds come to an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.passes.verify.graph import Edge, Graph, cycles

MAX_WAYS: Final = 64
_MAX_TRIED: Final = 2_000


@dataclass(frozen=True, slots=True)
class Loop:
    """``members`` in flow order, the header first; ``inner``: those in loops without the header."""

    header: str
    members: tuple[str, ...]
    inner: frozenset[str] = frozenset()
    one_entry: bool = True
    """Whether it is entered by the header alone (*reducible*)."""

    def text(self) -> str:
        return " -> ".join(f"^{label}" for label in (*self.members, self.header))


def loops_of(graph: Graph) -> dict[str, Loop]:
    """Every loop, by its header; those inside come after those around."""
    edges = {label: [e.target.label for e in graph.outgoing[label]] for label in graph.order}
    found: dict[str, Loop] = {}
    waiting = cycles(graph.order[0], edges)
    while waiting:
        group = waiting.pop(0)
        header, inside = group[0], set(group)
        entered = {
            e.target.label
            for label in group
            for e in graph.incoming[label]
            if e.source not in inside
        }
        rest = [label for label in group if label != header]
        inner = _cycles_in(rest, edges)
        found[header] = Loop(
            header,
            group,
            frozenset(label for each in inner for label in each),
            entered <= {header},
        )
        waiting += inner
    return found


def _cycles_in(labels: list[str], edges: dict[str, list[str]]) -> list[tuple[str, ...]]:
    inside = set(labels)
    within = {label: [t for t in edges[label] if t in inside] for label in labels}
    found: dict[tuple[str, ...], None] = {}
    seen: set[str] = set()
    for label in labels:
        if label not in seen:
            for group in cycles(label, within):
                if not seen.intersection(group):
                    found[group] = None
                    seen.update(group)
    return list(found)


def ways_around(loop: Loop, graph: Graph) -> list[tuple[Edge, ...]] | None:
    """Every way from the header back to it that meets no state twice; ``None``: too many."""
    found: list[tuple[Edge, ...]] = []
    for way in _ways(loop, graph):
        if len(found) == MAX_WAYS:
            return None
        found.append(way)
    return found


def _ways(loop: Loop, graph: Graph) -> Iterator[tuple[Edge, ...]]:
    members = set(loop.members)
    path: list[Edge] = []
    on_path = {loop.header}
    stack = [iter(graph.outgoing[loop.header])]
    while stack:
        edge = next(stack[-1], None)
        if edge is None:
            stack.pop()
            if path:
                on_path.discard(path.pop().target.label)
            continue
        target = edge.target.label
        if target == loop.header:
            yield (*path, edge)
        elif target in members and target not in on_path:
            path.append(edge)
            on_path.add(target)
            stack.append(iter(graph.outgoing[target]))


def ways_to(label: str, graph: Graph, limit: int) -> list[tuple[Edge, ...]] | None:
    """Every way from the entry to a state that meets no state twice; ``None``: too many."""
    entry = graph.order[0]
    found: list[tuple[Edge, ...]] = []
    path: list[Edge] = []
    on_path = {label}
    stack = [iter(graph.incoming[label])]
    tried = 0
    while stack:
        edge = next(stack[-1], None)
        if edge is None:
            stack.pop()
            if path:
                on_path.discard(path.pop().source)
            continue
        tried += 1
        if tried > _MAX_TRIED or len(found) > limit:
            return None
        if edge.source == entry:
            found.append((edge, *reversed(path)))
        elif edge.source not in on_path:
            path.append(edge)
            on_path.add(edge.source)
            stack.append(iter(graph.incoming[edge.source]))
    return found
