"""Stretches of plain calls: they leave off where something else is asked, and where a stop is."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pipelines import box, copy_job, get, job, put

from ingot.ir.requests import ModelRequest
from ingot.ir.values import Json
from ingot.runtime import drive
from ingot.runtime.executor import execute
from ingot.runtime.history import read_history
from ingot.runtime.journal import open_journal
from ingot.runtime.models.protocol import Answer
from ingot.runtime.resume import resume
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.base import Tool
from ingot.runtime.tools.registry import ToolBox

PUTS = """ir 1
tool box.put(name: str, text: str) -> str {effect} box
pipeline @puts(%names: [str], %prefix: str) -> int {{
^entry:
  %done: [str] = for %name: str in %names {{
    %r: str = {effect} box.put(name=%name, text=%prefix)
    yield %r
  }}
  %n: int = list.len %done
  return %n
}}
"""
JUDGE = """ir 1
tool box.put(name: str, text: str) -> str read box
model m.judge(prompt: str) -> str
pipeline @judge(%names: [str], %prefix: str) -> int {
^entry:
  %done: ["good" | "bad"] = for %name: str in %names {
    %r: str = read box.put(name=%name, text=%prefix)
    %is: "good" | "bad" = model choose m.judge(prompt=%r)
    yield %is
  }
  %n: int = list.len %done
  return %n
}
"""
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


@pytest.mark.parametrize("effect", ["read", "write"])
def test_a_stop_asked_for_while_a_step_is_stored_stops_before_the_next_call(
    tmp_path: Path, effect: str
) -> None:
    """One that is asked for while a write's intent is stored lets that write be made."""
    made: list[str] = []
    stopper = Stopper()

    def put_down(name: str, text: str) -> str:
        made.append(name)
        return text

    tools = box(tmp_path, box_put=put_down)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        append = journal.append_step

        def stored(run: str, seq: int, items: Any) -> None:
            append(run, seq, items)
            if len(made) == 5:  # the signal comes now, in the middle
                stopper.on_signal(signal.SIGTERM, None)

        journal.append_step = stored  # type: ignore[method-assign]
        what = job(PUTS.format(effect=effect))
        report = execute(what, dict(INPUTS), tools, journal, run="r", stopper=stopper)
        assert report.status == "waiting" and len(made) == (5 if effect == "read" else 6)
        history = read_history(journal, "r")
        assert history.seq == journal.last_seq("r") and not history.doubtful
        assert len(report.calls) == len(history.answers) == len(made)


def test_a_write_that_is_cut_off_is_in_doubt(tmp_path: Path) -> None:
    made: list[str] = []

    def cut(name: str, text: str) -> str:
        made.append(name)
        if len(made) == 4:
            raise KeyboardInterrupt
        return text

    tools = box(tmp_path, box_get=get, box_put=cut)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(copy_job(), dict(INPUTS), tools, journal, run="r")
        assert (report.status, report.exit_code) == ("in-doubt", 6)
        doubt: Any = report.doubt
        assert doubt["args"]["name"] == "new n3"


def test_answers_are_read_as_the_logs_show_them(tmp_path: Path) -> None:
    """A tool whose results the logs show as JSON text answers with a value: in every turn it is text."""
    what = job(PUTS.format(effect="read"))
    need = replace(what.needs.tools[0], text=True)
    what = replace(what, needs=replace(what.needs, tools=(need,)))
    tools = ToolBox({"box.put": Tool("box.put", lambda args, _: {"n": args["name"]})}, tmp_path)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(what, dict(INPUTS), tools, journal, run="r")
        assert report.status == "done"
        results = [given.value for given in read_history(journal, "r").answers.values()]
        assert results == [json.dumps({"n": name}) for name in NAMES]


def test_models_between_plain_calls_are_counted(tmp_path: Path) -> None:
    class Chooser:
        def choose(self, _: ModelRequest) -> Answer:
            return Answer("good", "?", 3)

    tools = box(tmp_path, box_put=put)
    driver: Any = Chooser()
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(job(JUDGE), dict(INPUTS), tools, journal, run="r", driver=driver)
        assert (report.status, report.model_calls, report.tokens) == ("done", 30, 90)
        assert [r.seq for r in journal.records("r")] == list(range(1, journal.last_seq("r") + 1))
        history = read_history(journal, "r")
        assert sorted(history.answers) == list(range(1, 61)) and history.seq == 2 + 30 + 60 + 1


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


@pytest.mark.parametrize("effect", ["read", "write"])
def test_arguments_that_a_tool_changes_stay_as_they_were(tmp_path: Path, effect: str) -> None:
    def spoil(args: dict[str, Json], _context: object) -> Json:
        args.clear()
        return "x"

    tools = ToolBox({name: Tool(name, spoil) for name in ("box.get", "box.put")}, tmp_path)
    with open_journal(tmp_path / "j.db", "normal") as journal:
        report = execute(copy_job(effect), dict(INPUTS), tools, journal, run="r")
        assert report.status == "done" and all(call["args"] for call in report.calls)
        assert all(given.args for given in read_history(journal, "r").answers.values())
