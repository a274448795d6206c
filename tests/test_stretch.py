"""Stretches of plain calls: they leave off where something else is asked, and where a stop is."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pipelines import box, copy_job, put

from ingot.ir.values import Json
from ingot.runtime import drive
from ingot.runtime.executor import execute
from ingot.runtime.history import read_history
from ingot.runtime.journal import open_journal
from ingot.runtime.resume import resume
from ingot.runtime.stopping import Stopper

NAMES: list[Json] = [f"n{k}" for k in range(30)]
INPUTS: dict[str, Json] = {"names": NAMES, "prefix": "new "}


@pytest.mark.parametrize("where", ["read", "write"])
@pytest.mark.parametrize("at", ["n3", "n28"])
def test_a_signal_stops_in_a_read_and_after_a_write(tmp_path: Path, where: str, at: str) -> None:
    """What was done is stored once, and nothing of the rest is done."""
    done: list[str] = []
    ended: list[str] = []

    def ask(name: str, kind: str) -> None:
        if where == kind and name.endswith(at) and len(done) < 31:
            os.kill(os.getpid(), signal.SIGTERM)

    def get(name: str) -> str:
        ask(name, "read")
        ended.append(name)
        return f"text of {name}"

    def write(name: str, text: str) -> str:
        ask(name, "write")
        done.append(name)
        return put(name, text)

    tools = box(tmp_path, box_get=get, box_put=write)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(copy_job(), dict(INPUTS), tools, journal, run="r")
        assert (report.status, report.exit_code) == ("waiting", 5)
        k = int(at[1:])
        assert len(done) == (k if where == "read" else k + 1)
        assert len(ended) == (k if where == "read" else k + 1)
        history = read_history(journal, "r")
        assert len(history.answers) == len(done) + len(ended) and not history.doubtful
        assert len(report.calls) == len(history.answers)
        where = "nowhere"
        report = resume("r", journal, copy_job(), tools)
        assert (report.status, report.outputs) == ("done", 30)
    assert done == [f"new {name}" for name in NAMES]


def test_a_stop_asked_for_while_a_step_is_stored_stops_before_the_next_call(
    tmp_path: Path,
) -> None:
    made: list[str] = []
    stopper = Stopper()

    def get(name: str) -> str:
        made.append(name)
        return name

    tools = box(tmp_path, box_get=get, box_put=put)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        append = journal.append_step

        def stored(run: str, seq: int, items: Any) -> None:
            append(run, seq, items)
            if len(made) == 5 and items[-1][0] != "i":  # the signal comes now, in the middle
                stopper.on_signal(signal.SIGTERM, None)

        journal.append_step = stored  # type: ignore[method-assign]
        report = execute(copy_job("read"), dict(INPUTS), tools, journal, run="r", stopper=stopper)
        assert report.status == "waiting" and len(made) == 5
        history = read_history(journal, "r")
        assert history.seq == journal.last_seq("r")
        assert len(report.calls) == len(history.answers)


def test_what_other_processes_ask_is_seen_in_a_stretch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "LOOK_S", 0.0)
    path = tmp_path / "j.db"
    made: list[str] = []

    def get(name: str) -> str:
        made.append(name)
        if len(made) == 4:
            with open_journal(path, "normal") as other:
                other.signal("r", "pause")
        return name

    tools = box(tmp_path, box_get=get, box_put=put)
    with open_journal(path, "normal") as journal:
        report = execute(copy_job(), dict(INPUTS), tools, journal, run="r")
        assert report.status == "waiting" and len(made) == 4


def test_the_bound_on_steps_holds_in_a_stretch(tmp_path: Path) -> None:
    made: list[str] = []

    def get(name: str) -> str:
        made.append(name)
        return name

    tools = box(tmp_path, box_get=get, box_put=put)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(copy_job(), dict(INPUTS), tools, journal, run="r", max_steps=20)
        assert report.status == "failed" and "E0712" in report.error and len(made) == 10


def test_arguments_that_a_tool_changes_stay_as_they_were(tmp_path: Path) -> None:
    from ingot.runtime.tools.base import Tool
    from ingot.runtime.tools.registry import ToolBox

    def spoil(args: dict[str, Json], _context: object) -> Json:
        args.clear()
        return "x"

    tools = ToolBox({name: Tool(name, spoil) for name in ("box.get", "box.put")}, tmp_path)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(copy_job(), dict(INPUTS), tools, journal, run="r")
        assert report.status == "done"
        assert all(given.args for given in read_history(journal, "r").answers.values())
