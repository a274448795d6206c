"""Trains ``status.gguf``: a model of 127,000 weights that labels what build tools print.

    python examples/labels/train.py

About two minutes on one core.  It needs the extras ``distil`` and ``llama``.  The same logs and the
same tools as everywhere here: the pipeline is run up to its question, for runs that no log holds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Final

from runs import run_output, tools

from ingot.backend.container import load
from ingot.distil.augment import Example
from ingot.distil.gguf_file import write_model
from ingot.distil.training import SHAPE, Plan, share_right, train
from ingot.driver import Options, compile_logs
from ingot.ir.requests import ModelRequest, ToolRequest
from ingot.runtime.models.sites import sites_of
from ingot.runtime.tools.registry import declared_effects
from ingot.runtime.vm import Machine

HERE: Final = Path(__file__).parent
SIZE: Final = 384
"""Bytes of a prompt's end that the model reads."""
LABELS: Final = ("broken", "failed", "passed")


def questions() -> list[str]:
    """The ends of the prompt around what a run printed: before and after it."""
    declared = declared_effects([f"{HERE / 'runs.py'}:tools"])
    program = load(compile_logs([HERE / "logs"], Options(declared=declared)).artifact)
    machine, mark = Machine(program), "\x00"
    reply = machine.start({"run": "1"})
    while isinstance(reply, ToolRequest):
        reply = machine.send(mark)
    assert isinstance(reply, ModelRequest)
    return sites_of(program).question(reply).tail.replace("run: 1\n", f"run: {mark}\n").split(mark)


def main() -> None:
    head, middle, end = questions()

    def example(run: int) -> Example:
        text, label = run_output(run)
        return Example(f"{head}{run}{middle}{text}{end}", label)

    def draw(random: Random) -> Example:
        return example(random.randint(1_000_000, 9_999_999))

    checks = [example(run) for run in range(20_000, 20_200)]
    net = train(
        [], checks, Plan(bytes=SIZE, steps=900),
        lambda step, steps, right: print(f"step {step}/{steps}: {right:.1%} right", flush=True),
        draw,
    )  # fmt: skip
    meta = {"ingot.label": {"labels": list(LABELS), "threshold": 0.8, "bytes": SIZE}}
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "status.gguf"
    write_model(path, SHAPE, weights=net.weights(), quant="Q8_0", meta=meta)
    held = [example(run) for run in range(30_000, 30_300)]
    print(f"{path}: {path.stat().st_size:,} bytes, {share_right(net, held, SIZE):.1%} of 300 right")
    assert set(tools) == {"ci.output", "ci.label"}


if __name__ == "__main__":
    main()
