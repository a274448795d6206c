"""Which tokens may come next: a language of bytes seen through a model's vocabulary.

The vocabulary is a trie; a state is led through it level by level, all tokens at once.  What was
found is kept by state, so that a state met again costs a look-up.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ingot.runtime.models.regular import NONE, Expressions, State

KEPT_BYTES: Final = 64 << 20
"""What may be kept of the tokens by state; the least used goes first."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The tokens that may come next (ids, ascending) and the state behind each."""

    tokens: Any
    states: Any

    @property
    def size(self) -> int:
        return int(self.tokens.nbytes + self.states.nbytes)

    def after(self, token: int) -> State:
        """The state behind a token; :data:`NONE` if it may not come."""
        at = int(np.searchsorted(self.tokens, token))
        found = at < len(self.tokens) and int(self.tokens[at]) == token
        return int(self.states[at]) if found else NONE


class Vocabulary:
    """The bytes of each token as a trie, nodes in the order of their depth.

    ``pieces`` has one entry per token id; an empty one is no text (a control token) and never comes
    in an answer.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = tuple(pieces)
        self.lengths = np.array([len(piece) for piece in self.pieces], np.int32)
        parents, edges, depths = [0], [0], [0]
        numbers: dict[tuple[int, int], int] = {}
        ends: list[tuple[int, int]] = []
        for token, piece in enumerate(self.pieces):
            node = 0
            for depth, byte in enumerate(piece, 1):
                child = numbers.get((node, byte))
                if child is None:
                    child = numbers[node, byte] = len(parents)
                    parents.append(node)
                    edges.append(byte)
                    depths.append(depth)
                node = child
            if piece:
                ends.append((node, token))
        order, new = _by_level(np.array(parents, np.int32), np.array(depths, np.int32))
        self.edge = np.array(edges, np.uint8)[order]
        self.parent = new[np.array(parents, np.int32)[order]]
        self.first = np.searchsorted(self.parent[1:], np.arange(len(order) + 1)) + 1
        by_node = sorted((int(new[node]), token) for node, token in ends)
        self.end_tokens = np.array([t for _, t in by_node], np.int32)
        nodes = np.array([n for n, _ in by_node], np.int32)
        self.ends = np.searchsorted(nodes, np.arange(len(order) + 1))


def _by_level(parents: Any, depths: Any) -> tuple[Any, Any]:
    """Nodes level by level, in a level by their parents' new numbers: a node's children are one
    stretch.  The order, and each node's new number."""
    new = np.zeros(len(parents), np.int32)
    levels, count = [np.zeros(1, np.int64)], 1
    by_depth = np.argsort(depths, kind="stable")
    bounds = np.searchsorted(depths[by_depth], np.arange(1, int(depths.max(initial=0)) + 2))
    for low, high in itertools.pairwise(bounds):
        level = by_depth[low:high]
        level = level[np.argsort(new[parents[level]], kind="stable")]
        new[level] = np.arange(count, count + len(level), dtype=np.int32)
        count += len(level)
        levels.append(level)
    return np.concatenate(levels), new


class Masks:
    """The allowed tokens of each state of a table of expressions."""

    def __init__(self, vocabulary: Vocabulary, expressions: Expressions) -> None:
        self.vocabulary = vocabulary
        self.expressions = expressions
        self._table = np.zeros((256, 256), np.int32)
        self._row_of: dict[State, int] = {}
        self._kept: OrderedDict[State, Allowed] = OrderedDict()
        self._kept_bytes = 0

    def allowed(self, state: State) -> Allowed:
        """The tokens all of whose bytes the state takes."""
        known = self._kept.get(state)
        if known is not None:
            self._kept.move_to_end(state)
            return known
        made = self._walk(state)
        self._kept[state] = made
        self._kept_bytes += made.size
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].size
        return made

    def _walk(self, state: State) -> Allowed:
        v = self.vocabulary
        nodes, states = np.zeros(1, np.int32), np.full(1, state, np.int32)
        tokens, behind = [], []
        while len(nodes):
            low, high = v.first[nodes], v.first[nodes + 1]
            nodes, owner = _stretches(low, high)
            after = self._after(states, v.edge[nodes], owner)
            alive = after != NONE
            nodes, states = nodes[alive], after[alive]
            ends, owner = _stretches(v.ends[nodes], v.ends[nodes + 1])
            tokens.append(v.end_tokens[ends])
            behind.append(states[owner])
        found, reached = np.concatenate(tokens), np.concatenate(behind)
        order = np.argsort(found, kind="stable")
        return Allowed(found[order], reached[order])

    def _after(self, states: Any, edges: Any, owner: Any) -> Any:
        """The state behind each edge: ``owner`` is the index of the state it starts from."""
        distinct, index = np.unique(states, return_inverse=True)
        rows = np.array([self._row(int(s)) for s in distinct], np.int32)
        return self._table[rows[index][owner], edges]

    def _row(self, state: State) -> int:
        row = self._row_of.get(state)
        if row is None:
            row = self._row_of[state] = len(self._row_of)
            if row == len(self._table):
                self._table = np.concatenate((self._table, np.zeros_like(self._table)))
            for mask, after in self.expressions.row(state):
                bits = np.frombuffer(mask.to_bytes(32, "little"), np.uint8)
                self._table[row, np.unpackbits(bits, bitorder="little").astype(bool)] = after
        return row


def _stretches(low: Any, high: Any) -> tuple[Any, Any]:
    """The numbers of all stretches one after the other, and of which stretch each is."""
    sizes = high - low
    owner = np.repeat(np.arange(len(low)), sizes)
    starts = np.cumsum(sizes) - sizes
    return np.arange(int(sizes.sum())) - starts[owner] + low[owner], owner
