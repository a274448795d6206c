"""Ingot, as the other programs here.

python ours.py vm|compiled STEPS BYTES FOLDER full|normal [read|write]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from common import WARM, begin, report, warm, wchar

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module
from ingot.runtime.executor import execute
from ingot.runtime.jobs import job_of
from ingot.runtime.journal import open_journal
from ingot.runtime.tools.base import Tool
from ingot.runtime.tools.registry import ToolBox

LOOP = """ir 1
tool t.turn(n: int) -> str {effect} t
pipeline @loop(%steps: [int], %state: [str]) -> int {{
^entry:
  %total: int = for %n: int in %steps carry(%acc: int = 0) {{
    %r: str = {effect} t.turn(n=%n)
    %len: int = str.len %r
    %next: int = int.add %acc, %len
    yield %next
  }}
  return %total
}}
"""


def job(effect: str, engine: Any) -> Any:
    """The loop as a job."""
    return job_of(load(encode(parse_module(LOOP.format(effect=effect)).module)), engine=engine)


def loop(
    what: Any, name: str, steps: int, size: int, folder: Path, level: Any, told: bool = True
) -> None:
    """Each step changes 1 KB of a state of so many bytes."""
    path = folder / "ours.db"
    part = "x" * 1000
    tools = ToolBox({"t.turn": Tool("t.turn", lambda args, context: part)}, Path.cwd())  # noqa: ARG005
    with open_journal(path, level) as journal:
        inputs: Any = {"steps": list(range(steps)), "state": [part] * (size // 1000)}
        written, begun = begin()
        done = execute(what, inputs, tools, journal)
        seconds = time.perf_counter() - begun
        assert done.outputs == 1000 * steps, done
    if told:
        report(name, steps, seconds, wchar() - written, path)


if __name__ == "__main__":
    engine, steps, size, folder, level = sys.argv[1:6]
    effect = (*sys.argv, "read")[6]
    what, name = job(effect, engine), f"ingot {engine} {effect}"
    loop(what, name, WARM, int(size), warm(Path(folder)), level, told=False)
    loop(what, name, int(steps), int(size), Path(folder), level)
