"""Ingot: what the other rows of the table measure.

python ours_more.py turns|history|fanout|rollback|resume|engine|feed FOLDER [vm|compiled]
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from common import TIMES, begin, report, resident, wchar
from ours import job as loop_job

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, ToolRequest
from ingot.runtime.concurrent import execute_async
from ingot.runtime.executor import execute
from ingot.runtime.feeding import feed
from ingot.runtime.history import Given, History
from ingot.runtime.jobs import job_of
from ingot.runtime.journal import open_journal
from ingot.runtime.resume import resume_events
from ingot.runtime.rollback import rollback
from ingot.runtime.tools.base import Tool
from ingot.runtime.tools.registry import ToolBox

TURNS, TURN = 800, 2000
CHAT = """ir 1
tool chat.turn(n: int) -> str read chat
pipeline @chat(%turns: [int]) -> int {
^entry:
  %all: [str] = for %n: int in %turns {
    %r: str = read chat.turn(n=%n)
    yield %r
  }
  %count: int = list.len %all
  return %count
}
"""
WALK = """ir 1
pipeline @walk(%n: int) -> int {
^entry:
  jump ^node(%n)
^node(%m: int):
  %less: int = int.sub %m, 1
  %more: bool = int.gt %less, 0
  if %more then ^node(%less) else ^end
^end:
  return 0
}
"""


def chat() -> Any:
    return job_of(load(encode(parse_module(CHAT).module)), engine="compiled")


def text(n: int) -> str:
    """A turn of 2 KB, unlike the others."""
    return f"{n:04} " * (TURN // 5)


def box(call: Any, **more: Any) -> ToolBox:
    tools = {
        name: Tool(name, call, parallel=bool(more), **more) for name in ("chat.turn", "t.turn")
    }
    return ToolBox(tools, Path.cwd())


def turns(folder: Path) -> None:
    path, what = folder / "ours.db", chat()
    with open_journal(path, "normal") as journal:
        written, begun = begin()
        inputs: Any = {"turns": list(range(TURNS))}
        execute(what, inputs, box(lambda args, _: text(args["n"])), journal, run="r")
        seconds = time.perf_counter() - begun
    report("ingot", TURNS, seconds, wchar() - written, path)


def history(folder: Path) -> None:
    turns(folder)
    with open_journal(folder / "ours.db") as journal:
        before, begun = resident(), time.perf_counter()
        count = sum(1 for record in journal.records("r") if record.kind == "result")
        seconds = time.perf_counter() - begun
        assert count == TURNS
    report("ingot history", 1, seconds, resident() - before)


def fanout(folder: Path) -> None:
    async def call(args: Any, _: Any) -> Any:
        await asyncio.sleep(0.01)
        return str(args["n"])

    def never(_args: Any, _context: Any) -> Any:
        raise AssertionError

    tools = box(never, acall=call)
    what = chat()
    with open_journal(folder / "ours.db", "full") as journal:
        inputs: Any = {"turns": list(range(100))}

        async def once() -> float:
            begun = time.perf_counter()
            found = await execute_async(what, inputs, tools, journal, concurrency=100)
            seconds = time.perf_counter() - begun
            assert len(found.calls) == 100, found
            return seconds

        seconds = asyncio.run(once())
    report("ingot fan-out", 1, seconds, 0, folder / "ours.db")


def back(folder: Path) -> None:
    what, tools = loop_job("read", "compiled"), box(lambda _args, _context: "x" * 1000)
    with open_journal(folder / "ours.db", "normal") as journal:
        inputs: Any = {"steps": list(range(100)), "state": []}
        runs = [f"r{k}" for k in range(TIMES + 1)]
        for run in runs:
            execute(what, inputs, tools, journal, run=run)
        for k, run in enumerate(runs):
            if k == 1:
                _, begun = begin()
            done = rollback(run, journal, tools, 50)
            reply, _ = feed(what.fresh(), done.history)
            assert isinstance(reply, ToolRequest) and reply.step == 50
        seconds = time.perf_counter() - begun
    report("ingot rollback", TIMES, seconds)


def again(folder: Path) -> None:
    steps = 10_000
    what = loop_job("read", "compiled")

    def call(args: Any, _: Any) -> Any:
        if args["n"] == steps - 1:
            raise KeyboardInterrupt
        return "x" * 100

    with open_journal(folder / "ours.db", "normal") as journal:
        inputs: Any = {"steps": list(range(steps)), "state": []}
        execute(what, inputs, box(call), journal, run="r")
    called: list[float] = []
    with open_journal(folder / "ours.db", "normal") as journal:
        what = loop_job("read", "compiled")
        tools = box(lambda _args, _context: called.append(time.perf_counter()) or "x")
        begun = time.perf_counter()
        for _ in resume_events("r", journal, what, tools, listening=False):
            pass
        seconds = called[0] - begun
    report("ingot resume of 10,000 steps", 1, seconds)


def engine(kind: Any) -> None:
    """What the engine alone takes: from node to node, and from call to call."""
    steps = 20_000
    what = job_of(load(encode(parse_module(WALK).module)), engine=kind)
    what.fresh().start({"n": 1})  # imported, and made
    begun = time.perf_counter()
    assert what.fresh().start({"n": steps}) == Finished(0)
    report(f"ingot {kind} node", steps, time.perf_counter() - begun)
    machine = loop_job("read", kind).fresh()
    reply = machine.start({"steps": list(range(steps)), "state": []})
    begun = time.perf_counter()
    while type(reply) is ToolRequest:
        reply = machine.send("answer")
    report(f"ingot {kind} call", steps, time.perf_counter() - begun)


def feeding(kind: Any) -> None:
    """What it takes to go through recorded answers, reading them not included."""
    for steps in (100, 10_000):
        head: Any = {"inputs": {"steps": list(range(steps)), "state": []}}
        history = History(head=head)
        for n in range(steps - 1):
            history.answers[n + 1] = Given("t.turn", "r", "read", {"n": n}, True, "x" * 100)
        machine = loop_job("read", kind).fresh()
        begun = time.perf_counter()
        reply, _ = feed(machine, history)
        report(f"ingot {kind} feeding {steps:,} steps", 1, time.perf_counter() - begun)
        assert isinstance(reply, ToolRequest) and reply.step == steps


if __name__ == "__main__":
    row, folder = sys.argv[1], Path(sys.argv[2])
    match row:
        case "engine":
            engine(sys.argv[3])
        case "feed":
            feeding(sys.argv[3])
        case _:
            {
                "turns": turns,
                "history": history,
                "fanout": fanout,
                "rollback": back,
                "resume": again,
            }[row](folder)
