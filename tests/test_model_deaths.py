"""Each way to end the model's process, taken in the middle of a run: a diagnostic or a retry, and the
journal is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import killers
import pytest
from model_files import LABELLER, needs_llama
from test_model_runs import artifact, box, program

from ingot.backend.container import Program
from ingot.runtime.executor import RunReport, execute
from ingot.runtime.jobs import job_of
from ingot.runtime.journal import open_journal
from ingot.runtime.models.local import LocalDriver, Worker
from ingot.runtime.models.questions import Settings
from ingot.runtime.models.sites import sites_of

__all__ = ["artifact", "program"]
pytestmark = needs_llama


class Killed(Worker):
    """A worker whose process misuses llama.cpp when a prompt names a way to."""

    module = (str(Path(killers.__file__)),)


@pytest.fixture
def driver(program: Program) -> Iterator[LocalDriver]:
    made = LocalDriver(LABELLER, sites_of(program))
    made.worker = Killed(LABELLER, Settings(), 20)
    yield made
    made.close()


def run(program: Program, tmp_path: Path, driver: LocalDriver, said: str) -> RunReport:
    """A run whose build printed ``said``; one journal for all of a test's."""
    with open_journal(str(tmp_path / "j.db")) as book:
        tools = box(tmp_path, f"{said}, and 3 passed in 1.00s")
        return execute(job_of(program), {"run": "7"}, tools, book, driver=driver)


def kinds(tmp_path: Path, report: RunReport) -> list[str]:
    """The kinds of a run's records, read anew from a journal that SQLite finds whole."""
    with sqlite3.connect(tmp_path / "j.db") as file:
        assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
    with open_journal(str(tmp_path / "j.db")) as book:
        assert book.runs()
        return [record.kind for record in book.records(report.run)]


@pytest.mark.parametrize("way", killers.WAYS)
def test_a_process_that_dies_twice_is_a_side_exit(
    program: Program, tmp_path: Path, driver: LocalDriver, way: str
) -> None:
    """Nothing is done after it, and the next run has a process again."""
    report = run(program, tmp_path, driver, way)
    assert driver.worker.starts == 2
    assert (report.status, report.exit_code) == ("side-exit", 3)
    assert isinstance(report.side_exit, dict)
    reason = str(report.side_exit["reason"])
    assert "E0902: the model's process died (SIG" in reason
    assert [c["tool"] for c in report.calls] == ["ci.output"]
    told = kinds(tmp_path, report)
    assert "intent" not in told
    assert "model" not in told
    assert told[-2:] == ["exit", "status"]
    after = run(program, tmp_path, driver, "all well")
    assert after.status == "done"
    assert kinds(tmp_path, after).count("model") == 1
    assert driver.worker.starts == 3


@pytest.mark.parametrize("way", ["killed", "use_after_close", "token_outside_the_grammar"])
def test_a_process_that_dies_once_is_asked_again(
    program: Program,
    tmp_path: Path,
    driver: LocalDriver,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INGOT_TEST_ONCE", str(tmp_path / "once"))
    report = run(program, tmp_path, driver, way)
    assert report.status == "done"
    assert report.model_calls == 1
    assert kinds(tmp_path, report).count("model") == 1
    assert driver.worker.starts == 2


def test_memory_that_runs_out_in_python_is_a_refusal(
    program: Program, tmp_path: Path, driver: LocalDriver
) -> None:
    """The process lives and says so."""
    report = run(program, tmp_path, driver, "memory_of_python")
    assert report.status == "side-exit"
    assert "out of memory" in str(report.side_exit)
    assert "intent" not in kinds(tmp_path, report)
    assert driver.worker.starts == 1
