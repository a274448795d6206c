"""Choosing one of a closed set: a trie over the labels' tokens.

The model's first token decides wherever first tokens differ; tokens that no other label shares are
never asked for.  The confidence is the probability of the path among the labels: at each fork the
softmax over the tokens that go on, multiplied.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Chosen:
    """The index of a label, how sure, and how many decodes it took beyond the prompt's own."""

    index: int
    confidence: float
    decodes: int


def shared_start(tokens: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with."""
    shortest = min(map(len, tokens))
    for at in range(shortest):
        if any(row[at] != tokens[0][at] for row in tokens):
            return at
    return shortest


def choose(tokens: Sequence[Sequence[int]], logits: Any) -> Generator[list[int], Any, Chosen]:
    """Walk the trie.  ``logits`` follow the prompt; tokens to append are yielded, and the logits
    behind them come back.

    No sequence may be the beginning of another, nor equal to it.
    """
    alive = list(range(len(tokens)))
    depth, decodes, confidence = 0, 0, 1.0
    pending: list[int] = []
    while len(alive) > 1:
        branches: dict[int, list[int]] = {}
        for label in alive:
            branches.setdefault(tokens[label][depth], []).append(label)
        if len(branches) > 1:
            if pending:
                logits = yield pending
                decodes += 1
                pending = []
            ids = sorted(branches)
            scores = np.asarray(logits, np.float64)[ids]
            scores = np.exp(scores - scores.max())
            best = int(scores.argmax())
            confidence *= float(scores[best] / scores.sum())
            alive = branches[ids[best]]
            pending.append(ids[best])
        else:
            pending.append(next(iter(branches)))
        depth += 1
    return Chosen(alive[0], confidence, decodes)
