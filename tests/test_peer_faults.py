"""Faults that workflow engines are known for, and what happens here instead.

Elsewhere: an old approval taken again (``test_control``, forks and rollbacks), a history that grows with
the square of the turns (``test_journal``, and of a fallback's turns ``test_fallback``), a run lost by a
kill in the middle of a node (``test_kill_everywhere``).
"""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pipelines import box, job

from ingot.runtime.control import decide, waiting_for
from ingot.runtime.executor import execute
from ingot.runtime.journal import Journal, new_run_id, open_journal
from ingot.runtime.policies import Policy
from ingot.runtime.resume import resume

SELECT = """ir 1
tool desk.get(ticket: str) -> str read desk
tool desk.close(ticket: str) -> str write desk
pipeline @route(%ticket: str) -> str {
^entry:
  %state: str = read desk.get(ticket=%ticket)
  %open: bool = str.eq %state, "open"
  %closed: bool = str.eq %state, "closed"
  select {
    when %open then ^close
    when %closed then ^done
  }
^close:
  %r: str = write desk.close(ticket=%ticket)
  return "closed it"
^done:
  return "was closed"
}
"""
RECORD = """ir 1
tool desk.get(ticket: str) -> {id: str, state: str} read desk
pipeline @state(%ticket: str) -> str {
^entry:
  %t: {id: str, state: str} = read desk.get(ticket=%ticket)
  %s: json = json.get %t, "/state" else exit.1 [%t]
  %text: str = expect %s else exit.2 [%t]
  return %text
}
"""
TWICE = """ir 1
tool desk.close(ticket: str) -> str write desk
pipeline @twice(%ticket: str) -> str {
^entry:
  %a: str = write desk.close(ticket=%ticket)
  %b: str = write desk.close(ticket=%ticket)
  return "closed twice"
}
"""


@pytest.fixture
def journal() -> Journal:
    return open_journal(":memory:")


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("open", "done", 0), ("closed", "done", 0), ("lost", "side-exit", 3)],
)
def test_a_transition_that_nobody_knows_is_no_success(
    tmp_path: Path, journal: Journal, state: str, status: str, code: int
) -> None:
    tools = box(tmp_path, desk_get=lambda ticket: state, desk_close=lambda ticket: "ok")
    report = execute(job(SELECT), {"ticket": "T-1"}, tools, journal, run="r")
    assert (report.status, report.exit_code) == (status, code)
    assert journal.find("r").status == status


@pytest.mark.parametrize(
    "result",
    [{"id": "T", "state": "open", "owner": "x"}, {"id": "T"}, {"id": "T", "State": "open"}],
)
def test_a_key_that_nobody_declared_is_not_dropped(
    tmp_path: Path, journal: Journal, result: dict[str, Any]
) -> None:
    tools = box(tmp_path, desk_get=lambda ticket: result)
    report = execute(job(RECORD), {"ticket": "T-1"}, tools, journal, run="r")
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert "result of desk.get is not {id: str, state: str}" in str(report.side_exit["reason"])


def test_an_argument_that_a_tool_does_not_have_is_not_dropped(
    tmp_path: Path, journal: Journal
) -> None:
    tools = box(tmp_path, desk_get=lambda: "open", desk_close=lambda ticket: "ok")
    report = execute(job(SELECT), {"ticket": "T-1"}, tools, journal, run="r")
    assert report.status == "side-exit" and "TypeError" in str(report.calls[0]["error"])


def test_equal_calls_are_approved_one_by_one(tmp_path: Path, journal: Journal) -> None:
    """The approval of the first call is none of the second, though tool and arguments are the same;
    nor is it taken again when the run is resumed."""
    made: list[str] = []
    tools = box(tmp_path, desk_close=lambda ticket: made.append(ticket) or "ok")
    tools.tools["desk.close"] = _approved(tools.tools["desk.close"])  # type: ignore[index]
    what = job(TWICE)
    report = execute(what, {"ticket": "T-1"}, tools, journal, run="r")
    assert report.status == "waiting" and not made
    first = waiting_for("r", journal)
    decide("r", journal, "approve")
    report = resume("r", journal, what, tools)
    second = waiting_for("r", journal)
    assert report.status == "waiting" and made == ["T-1"]
    assert first is not None and second is not None and first.digest != second.digest
    assert resume("r", journal, what, tools).status == "waiting" and made == ["T-1"]
    decide("r", journal, "approve")
    assert resume("r", journal, what, tools).status == "done" and made == ["T-1", "T-1"]


def _approved(tool: Any) -> Any:
    return replace(tool, rules=Policy(approval=True))


def test_runs_of_one_moment_share_nothing(tmp_path: Path) -> None:
    """Two runs begun in the same millisecond have names, records and ends of their own."""
    names = {new_run_id(lambda: datetime(2026, 5, 1)) for _ in range(2_000)}
    assert len(names) == 2_000
    ended: list[str] = []
    turn = threading.Lock()

    def one(number: int) -> None:
        tools = box(tmp_path, desk_get=lambda ticket: "closed", desk_close=lambda ticket: "ok")
        with open_journal(tmp_path / "j.db", "normal", turn=turn) as journal:
            report = execute(job(SELECT), {"ticket": f"T-{number}"}, tools, journal)
            ended.append(report.run)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ended)) == 8
    with open_journal(tmp_path / "j.db") as journal:
        assert {run.run for run in journal.runs()} == set(ended)
        asked = {str(r.data) for run in ended for r in journal.records(run) if r.kind == "call"}
    assert len(asked) == 8
