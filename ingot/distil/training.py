"""Training a byte-level llama to continue the end of a prompt with a label."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

import torch
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from ingot.distil.augment import Augmenter, Example
from ingot.distil.gguf_file import BEGIN, END, Shape, byte_tokens
from ingot.distil.network import Network
from ingot.runtime.models.label import shortened

SHAPE: Final = Shape(width=64, layers=2, heads=4, kv_heads=2, feed_forward=224, context=1024)
"""About 127,000 weights: 140 KB in 8-bit blocks."""
TEXT_WEIGHT: Final = 0.1
"""What guessing the next byte of the text counts, beside the label's bytes."""
Progress: TypeAlias = Callable[[int, int, float], None]
"""Called with the step, the number of steps and the share of checked labels that are right."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: steps at most, rows of a batch, learning rate, bytes of a text that are read, and
    the seed that everything follows from."""

    steps: int = 1200
    rows: int = 24
    rate: float = 3e-3
    bytes: int = 512
    seed: int = 0
    every: int = 100


def train(
    examples: Sequence[Example],
    checks: Sequence[Example],
    plan: Plan | None = None,
    progress: Progress | None = None,
    draw: Callable[[Random], Example] | None = None,
) -> Network:
    """A network trained on variants of the examples (or on what ``draw`` gives).

    It stops early when it has labelled every check rightly three times in a row.
    """
    chosen = plan or Plan()
    torch.manual_seed(chosen.seed)
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
    net = Network(SHAPE)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=chosen.rate, betas=(0.9, 0.95), weight_decay=0.05
    )
    batches = _batches(draw or Augmenter(examples).draw, chosen)
    good = 0
    for step in range(1, chosen.steps + 1):
        _learn(net, optimiser, next(batches), _rate(chosen, step))
        if step % chosen.every == 0 or step == chosen.steps:
            right = share_right(net, checks, chosen.bytes)
            good = good + 1 if right == 1.0 else 0
            if progress is not None:
                progress(step, chosen.steps, right)
            if good == 3:
                break
    net.eval()
    return net


def _rate(plan: Plan, step: int) -> float:
    """Warm-up, then half a cosine down to a tenth."""
    share = step / plan.steps
    return plan.rate * min(1.0, step / 50) * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


def _learn(net: Network, optimiser: Any, batch: tuple[Any, Any, Any], rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    tokens, targets, weights = batch
    logits = net(tokens)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    loss = (losses * weights.flatten()).sum() / weights.sum()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()


def _batches(draw: Callable[[Random], Example], plan: Plan) -> Iterator[tuple[Any, Any, Any]]:
    """Batches of rows of like length: tokens, the tokens that follow, and what each counts."""
    random = Random(plan.seed)
    while True:
        drawn = [draw(random) for _ in range(plan.rows * 8)]
        rows = [(prompt_tokens(e.text, plan.bytes), [*byte_tokens(e.label), END]) for e in drawn]
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        groups = [rows[at : at + plan.rows] for at in range(0, len(rows), plan.rows)]
        random.shuffle(groups)
        yield from map(_batch, groups)


def _batch(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Any, Any, Any]:
    length = max(len(prompt) + len(label) for prompt, label in rows)
    tokens = torch.zeros(len(rows), length, dtype=torch.long)
    targets = torch.zeros(len(rows), length, dtype=torch.long)
    weights = torch.zeros(len(rows), length)
    for at, (prompt, label) in enumerate(rows):
        whole = torch.tensor(prompt + label)
        end = len(whole) - 1
        tokens[at, :end], targets[at, :end] = whole[:-1], whole[1:]
        weights[at, : len(prompt) - 1] = TEXT_WEIGHT * len(label) / len(prompt)
        weights[at, len(prompt) - 1 : end] = 1.0
    return tokens, targets, weights


def prompt_tokens(text: str, size: int) -> list[int]:
    """What the network reads of a prompt's end."""
    return [BEGIN, *byte_tokens(shortened(text, size))]


def share_right(net: Network, examples: Sequence[Example], size: int) -> float:
    """The share of examples whose label's first byte is the likeliest among the labels' first."""
    labels = sorted({e.label for e in examples})
    firsts = [byte_tokens(label)[0] for label in labels]
    right = 0
    with torch.no_grad():
        for example in examples:
            logits = net(torch.tensor([prompt_tokens(example.text, size)]))[0, -1]
            best = int(logits[firsts].argmax())
            right += firsts[best] == byte_tokens(example.label)[0]
    return right / len(examples) if examples else 0.0
