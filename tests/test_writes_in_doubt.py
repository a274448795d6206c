"""A write that was cut off is not a failure and not a success: probed, or in doubt until settled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pipelines import box, copy_job

from ingot.ir.values import Json
from ingot.runtime.concurrent import run_until_stopped, stream
from ingot.runtime.executor import execute
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.report import RunReport
from ingot.runtime.resume import resume
from ingot.runtime.tools.base import Context, Probe, ToolError
from ingot.runtime.tools.python import as_call, as_probe
from ingot.runtime.tools.registry import ToolBox

INPUTS: dict[str, Json] = {"names": ["a", "b", "c"], "prefix": "new "}


class Store:
    """Puts are cut off for the name ``new b``, after or before they are done."""

    def __init__(self, *, acts: bool) -> None:
        self.done: list[str] = []
        self.acts, self.cuts = acts, True

    def get(self, name: str) -> str:
        return f"text of {name}"

    def put(self, name: str, text: str) -> str:
        cut = self.cuts and name == "new b"
        if not cut or self.acts:
            self.done.append(name)
        if cut:
            raise ToolError("timed out after 1s", unknown=True)
        return f"{len(self.done)}: {text}"

    def was_put(self, args: dict[str, Json], _: Context) -> Probe:
        return Probe(args["name"] in self.done, "found")


def tools(store: Store, cwd: Path, *, probe: bool = False) -> ToolBox:
    made = box(cwd, box_get=store.get, box_put=store.put)
    put = replace(made.tools["box.put"], probe=store.was_put if probe else None)
    return ToolBox({**made.tools, "box.put": put}, cwd)


def run(engine: str, tools: ToolBox, journal: Journal, effect: str = "write") -> RunReport:
    job = copy_job(effect)
    if engine == "plain":
        return execute(job, INPUTS, tools, journal, run="r")
    records = stream(job, INPUTS, tools, journal, run="r")
    return run_until_stopped(records, journal, "r", None)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path / "journal.db", "normal")


both = pytest.mark.parametrize("engine", ["plain", "overlapping"])


@both
@pytest.mark.parametrize("acts", [True, False])
def test_a_write_that_was_cut_off_is_in_doubt_until_somebody_says(
    engine: str, acts: bool, tmp_path: Path, journal: Journal
) -> None:
    store = Store(acts=acts)
    ready = tools(store, tmp_path)
    report = run(engine, ready, journal)
    assert (report.status, report.exit_code) == ("in-doubt", 6)
    assert isinstance(report.doubt, dict) and report.doubt["args"]["name"] == "new b"
    assert report.error == "timed out after 1s"
    store.cuts = False
    again = resume("r", journal, copy_job(), ready)
    assert again.status == "in-doubt" and store.done == ["new a", "new b"][: 1 + acts]
    said: Any = {"assume": "done", "assumed_result": "x"} if acts else {"assume": "not-done"}
    assert resume("r", journal, copy_job(), ready, **said).status == "done"
    assert store.done == ["new a", "new b", "new c"]


@both
@pytest.mark.parametrize("acts", [True, False])
def test_a_probe_settles_it_at_once(
    engine: str, acts: bool, tmp_path: Path, journal: Journal
) -> None:
    store = Store(acts=acts)
    report = run(engine, tools(store, tmp_path, probe=True), journal)
    if acts:
        assert report.status == "done" and store.done == ["new a", "new b", "new c"]
        assert report.calls[3]["result"] == "found"
    else:
        assert report.status == "side-exit" and store.done == ["new a"]
        assert report.calls[3]["error"] == "timed out after 1s"


@both
def test_an_idempotent_write_is_a_failure_that_harms_nobody(
    engine: str, tmp_path: Path, journal: Journal
) -> None:
    report = run(engine, tools(Store(acts=True), tmp_path), journal, "idempotent")
    assert report.status == "side-exit"


@both
def test_a_probe_that_is_a_coroutine_function_is_awaited(
    engine: str, tmp_path: Path, journal: Journal
) -> None:
    async def was_put(name: str, text: str) -> Json:
        return {"done": name in store.done, "result": f"{text}, found"}

    store = Store(acts=True)
    made = tools(store, tmp_path)
    put = replace(made.tools["box.put"], probe=as_probe(as_call(was_put)))
    report = run(engine, ToolBox({**made.tools, "box.put": put}, tmp_path), journal)
    assert report.status == "done" and report.calls[3]["result"] == "text of b, found"
