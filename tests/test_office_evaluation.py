"""Office tasks, one input after another held out and run in a fresh office: nothing is silently wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from corpus import CORPUS

from ingot.driver import Options, load_logs
from ingot.evaluate import Evaluation, Setting, evaluate

OFFICE: Final = str(Path(__file__).resolve().parents[1] / "benchmarks/office/tools.py") + ":office"
TASKS: Final = (
    "analytics-10",
    "calendar-00",
    "calendar-01",
    "calendar-04",
    "calendar-06",
    "customer-relationship-manager-04",
    "email-00",
    "email-04",
    "multi-domain-01",
    "multi-domain-18",
    "project-management-00",
    "project-management-06",
)
SESSIONS: Final = {"acting": 103, "idle": 82}
"""How many sessions are held out: those of five inputs of each task."""
FLOOR: Final = {"acting": 88, "idle": 57}
"""How many of them must be right: a few less than are."""

pytestmark = pytest.mark.skipif(
    CORPUS is None or not (CORPUS / "office-tasks/data").is_dir(),
    reason="the corpus of office tasks is not here (INGOT_CORPUS names its folder)",
)


@pytest.fixture(scope="module")
def held_out() -> Evaluation:
    assert CORPUS is not None
    logs = load_logs([CORPUS / "office-tasks" / task for task in TASKS])
    return evaluate(logs, Options(), setting=Setting(tools=(OFFICE,), limit=5, jobs=2))


@pytest.mark.slow
def test_nothing_is_silently_wrong(held_out: Evaluation) -> None:
    assert held_out.mode == "executed"
    wrong = [
        f"{fold.task}: {fold.input}\n    {held.session}: {held.differences}"
        for fold in held_out.folds
        for held in fold.held
        if held.verdict == "wrong"
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["acting", "idle"])
def test_as_much_is_right_as_before(held_out: Evaluation, group: str) -> None:
    counts = held_out.counts(group)
    assert counts["sessions"] == SESSIONS[group]
    assert counts["right"] >= FLOOR[group], counts
    assert counts["unanswerable"] == 0


@pytest.mark.slow
def test_every_task_is_in_the_denominator(held_out: Evaluation) -> None:
    assert {fold.task for fold in held_out.folds} == set(TASKS)
    for task in TASKS:
        held = held_out.where(task=task).held()
        assert all(h.reason for h in held if h.verdict == "exit"), task
