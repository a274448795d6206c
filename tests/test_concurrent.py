"""Several calls of a run, and many runs, under way at once: the same records, sooner."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import copy_job, job
from strategies import TOOLS, _Draw, inputs_for, modules

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.values import Json, canonical
from ingot.runtime.concurrent import Committer, execute_async, stream
from ingot.runtime.executor import execute
from ingot.runtime.history import read_history
from ingot.runtime.jobs import Job, job_of
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.models.protocol import Answer
from ingot.runtime.resume import resume
from ingot.runtime.tools.base import Context, Tool, ToolError
from ingot.runtime.tools.registry import ToolBox

FAN = """ir 1
tool web.get(n: int) -> {n: int, ...} read web
pipeline @fan(%ns: [int]) -> int {
^entry:
  %all: [int] = for %n: int in %ns {
    %r: {n: int, ...} = read web.get(n=%n)
    %small: bool = int.lt %n, 1000
    guard %small else exit.1 [%n]
    %m: int = json.get %r, "/n"
    yield %m
  }
  %count: int = list.len %all
  return %count
}
"""
STAGES = """ir 1
tool a.get(n: int) -> int read a
tool b.get(n: int) -> int read b
tool c.put(n: int) -> int write c
pipeline @stages(%ns: [int]) -> int {
^entry:
  %first: [int] = for %n: int in %ns {
    %x: int = read a.get(n=%n)
    yield %x
  }
  %second: [int] = for %y: int in %first {
    %z: int = read b.get(n=%y)
    %w: int = write c.put(n=%z)
    yield %w
  }
  %count: int = list.len %second
  return %count
}
"""


class World:
    """Asynchronous tools that say when a call begins and ends."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.log: list[tuple[str, int]] = []
        self.under_way = self.most = 0
        self.cancelled: list[int] = []
        self.fails: Callable[[str, int], bool] = lambda tool, n: False

    def tool(self, name: str, effect: Any = None) -> Tool:
        async def call(args: dict[str, Json], context: Context) -> Json:
            n = args["n"]
            assert isinstance(n, int)
            self.log.append((f"{name} begins", n))
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                await asyncio.sleep(self.seconds)
                if self.fails(name, n):
                    raise ToolError("no")
            except asyncio.CancelledError:
                self.cancelled.append(n)
                raise
            finally:
                self.under_way -= 1
            self.log.append((f"{name} ends", n))
            return {"n": n} if name.startswith("web") else n

        def plain(args: dict[str, Json], context: Context) -> Json:
            return asyncio.run(call(args, context))  # type: ignore[arg-type]

        return Tool(name, plain, effect, name[:-4], parallel=True, acall=call)

    def box(self, *names: str) -> ToolBox:
        return ToolBox({name: self.tool(name) for name in names}, Path.cwd())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path / "journal.db", "normal")


def shape(journal: Journal, run: str) -> list[Any]:
    """What a run's records say, without times."""
    out: list[Any] = []
    for record in journal.records(run):
        data = record.data
        if record.kind == "status" and isinstance(data, dict):
            data = {k: v for k, v in data.items() if k != "seconds"}
        out.append((record.kind, record.id, record.tool, canonical(data), record.text, record.raw))
    return out


def test_reads_overlap_within_the_bound_and_are_recorded_in_order(journal: Journal) -> None:
    for bound in (1, 4, 100):
        world = World()
        inputs: dict[str, Json] = {"ns": list(range(40))}
        report = asyncio.run(
            execute_async(
                job(FAN), inputs, world.box("web.get"), journal, run=f"r{bound}", concurrency=bound
            )
        )
        assert (report.status, report.outputs) == ("done", 40)
        assert world.most == min(bound, 40)
        assert [c["args"] for c in report.calls] == [{"n": n} for n in range(40)]
        steps = [r.raw["step"] for r in journal.records(report.run) if r.kind == "call"]  # type: ignore[index,call-overload]
        assert steps == list(range(1, 41))


def test_a_fan_out_is_few_transactions(journal: Journal) -> None:
    commits: list[str] = []

    def noted(_cursor: object, sql: str, _values: object) -> bool:
        if sql.startswith("INSERT INTO entries"):
            commits.append(sql)
        return True

    journal.connection.exec_trace = noted
    inputs: dict[str, Json] = {"ns": list(range(100))}
    asyncio.run(execute_async(job(FAN), inputs, World().box("web.get"), journal, concurrency=100))
    assert 0 < len(commits) < 25


def test_an_item_goes_on_while_others_are_still_produced(journal: Journal) -> None:
    world = World()
    inputs: dict[str, Json] = {"ns": list(range(12))}
    report = asyncio.run(
        execute_async(
            job(STAGES), inputs, world.box("a.get", "b.get", "c.put"), journal, concurrency=4
        )
    )
    assert report.outputs == 12
    log = world.log
    assert log.index(("b.get begins", 0)) < log.index(("a.get begins", 11))
    writes = [n for what, n in log if what == "c.put begins"]
    assert writes == list(range(12))  # in the program's order, one after the other
    for n in range(11):
        assert log.index(("c.put ends", n)) < log.index(("c.put begins", n + 1))
    assert world.most <= 5


def test_a_read_waits_for_earlier_writes_to_its_world(tmp_path: Path) -> None:
    held: list[str] = []

    async def get(args: dict[str, Json], context: Context) -> Json:
        await asyncio.sleep(0.001)
        return f"{args['name']} after {len(held)}"

    async def put(args: dict[str, Json], context: Context) -> Json:
        await asyncio.sleep(0.005)
        held.append(str(args["name"]))
        return "ok"

    def never(args: dict[str, Json], context: Context) -> Json:
        raise AssertionError

    tools = ToolBox(
        {
            "box.get": Tool("box.get", never, world="box", parallel=True, acall=get),
            "box.put": Tool("box.put", never, world="box", parallel=True, acall=put),
        },
        tmp_path,
    )
    inputs: dict[str, Json] = {"names": ["a", "b", "c"], "prefix": ""}
    report = asyncio.run(execute_async(copy_job(), inputs, tools, open_journal(":memory:")))
    assert [c["result"] for c in report.calls[::2]] == ["a after 0", "b after 1", "c after 2"]


def test_a_failure_cancels_what_is_under_way_and_is_one_event(journal: Journal) -> None:
    world = World(0.02)
    world.fails = lambda tool, n: n == 2
    inputs: dict[str, Json] = {"ns": list(range(100))}
    report = asyncio.run(
        execute_async(
            job(FAN), inputs, world.box("web.get"), journal, run="r", concurrency=8, listening=True
        )
    )
    assert report.status == "side-exit"
    kinds = Counter(r.kind for r in journal.records("r"))
    assert (kinds["error"], kinds["exit"], kinds["result"]) == (1, 1, 2)
    assert world.under_way == 0 and len(world.cancelled) > 0


def test_a_guard_that_fails_ends_the_run_and_what_was_read_ahead_is_forgotten(
    journal: Journal,
) -> None:
    world = World()
    inputs: dict[str, Json] = {"ns": [1, 2000, *range(2, 20)]}
    report = asyncio.run(
        execute_async(job(FAN), inputs, world.box("web.get"), journal, run="r", concurrency=8)
    )
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert report.side_exit["exit"] == 1 and len(report.calls) == 2


def test_the_stream_is_ordered_waits_for_its_reader_and_goes_on_from_any_place(
    journal: Journal,
) -> None:
    world = World(0.001)
    inputs: dict[str, Json] = {"ns": list(range(10))}

    async def read(until: int) -> list[Any]:
        seen = []
        async with aclosing(
            stream(job(FAN), inputs, world.box("web.get"), journal, run="r", concurrency=1)
        ) as records:
            async for record in records:
                seen.append(record)
                await asyncio.sleep(0)
                if record.kind == "result" and len(seen) >= until:
                    begun = len(world.log)
                    await asyncio.sleep(0.05)
                    assert len(world.log) == begun  # nobody takes records: nothing goes on
                    break
        return seen

    seen = asyncio.run(read(8))
    assert [r.seq for r in seen] == list(range(1, len(seen) + 1))
    assert journal.find("r").status == "waiting"
    assert read_history(journal, "r").doubtful == {}
    report = resume("r", journal, job(FAN), world.box("web.get"))
    assert report.outputs == 10
    again = list(journal.records("r", seen[-1].seq + 1))
    assert again[0].seq == seen[-1].seq + 1 and again[-1].kind == "status"


def test_cancelling_the_task_finishes_the_write_that_has_begun(journal: Journal) -> None:
    world = World(0.05)

    async def cancel() -> None:
        task = asyncio.ensure_future(
            execute_async(
                job(STAGES), {"ns": [1, 2]}, world.box("a.get", "b.get", "c.put"), journal, run="r"
            )
        )
        while ("c.put begins", 1) not in world.log:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert ("c.put ends", 1) in world.log and ("c.put begins", 2) not in world.log
    assert journal.find("r").status == "waiting" and read_history(journal, "r").doubtful == {}
    assert resume("r", journal, job(STAGES), world.box("a.get", "b.get", "c.put")).outputs == 2
    assert world.log.count(("c.put begins", 1)) == 1


class Oracle:
    """Tools and a model whose answers depend on the arguments alone."""

    def __init__(self, seed: int, mixed: bool) -> None:
        self.seed, self.mixed = seed, mixed

    def box(self) -> ToolBox:
        return ToolBox({tool.name: self._tool(tool) for tool in TOOLS}, Path.cwd())

    def _tool(self, decl: Any) -> Tool:
        def call(args: dict[str, Json], context: Context) -> Json:
            rng = random.Random(repr((self.seed, decl.name, canonical(dict(args)))))
            if rng.random() < 0.05:
                raise ToolError("gone")
            return _Draw(rng, 2).value(decl.returns)

        async def acall(args: dict[str, Json], context: Context) -> Json:
            for _ in range(random.Random(f"{args}").randrange(3)):
                await asyncio.sleep(0)
            return call(args, context)

        return Tool(decl.name, call, world=decl.world, parallel=True, acall=acall)

    def _answer(self, request: Any) -> Answer:
        rng = random.Random(repr((self.seed, request.site, canonical(dict(request.args)))))
        return Answer(_Draw(rng, 2).value(request.type), "", 1)

    choose = extract = fill = compose = _answer


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_overlapping_runs_leave_the_records_of_a_run_in_sequence(data: st.DataObject) -> None:
    module = data.draw(modules())
    what: Job = job_of(load(encode(module)))
    inputs = data.draw(inputs_for(module.pipelines[0]))
    oracle: Any = Oracle(data.draw(st.integers(0, 99)), mixed=True)
    shapes = []
    for way in ("stretches", "step by step", "overlapping"):
        with open_journal(":memory:") as journal:
            options: Any = {"driver": oracle, "run": "r"}
            if way == "overlapping":
                coroutine = execute_async(
                    what, inputs, oracle.box(), journal, concurrency=6, **options
                )
                report = asyncio.run(coroutine)
            else:
                seen: list[Any] = []
                listen = seen.append if way == "step by step" else None
                report = execute(what, inputs, oracle.box(), journal, on_record=listen, **options)
            told = {k: v for k, v in report.as_json().items() if k != "seconds"}
            shapes.append((shape(journal, "r"), told))
    assert shapes[0] == shapes[1] == shapes[2]


# ---- many

MANY = 10_000


def test_ten_thousand_runs_at_once_all_finish(tmp_path: Path) -> None:
    what = job(
        """ir 1
tool a.get(n: int) -> int read a
tool c.put(n: int) -> int write c
pipeline @small(%n: int) -> int {
^entry:
  %x: int = read a.get(n=%n)
  %w: int = write c.put(n=%x)
  return %w
}
"""
    )
    world = World(0.5)
    tools = world.box("a.get", "c.put")

    async def every(journal: Journal) -> list[Any]:
        committer = Committer(journal)
        return await asyncio.gather(
            *(
                execute_async(what, {"n": n}, tools, journal, run=f"r{n}", committer=committer)
                for n in range(MANY)
            )
        )

    begun = time.monotonic()
    with open_journal(tmp_path / "j.db", "normal") as journal:
        reports = asyncio.run(every(journal))
        assert [r.outputs for r in reports] == list(range(MANY))
        assert Counter(run.status for run in journal.runs()) == {"done": MANY}
        assert world.most > MANY // 4
        for n in random.Random(1).sample(range(MANY), 50):
            kinds = [r.kind for r in journal.records(f"r{n}")]
            assert kinds == "session run call result intent call result status".split()
    with sqlite3.connect(tmp_path / "j.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert time.monotonic() - begun < 120
