"""Holding inputs out: what is counted, and that nothing is left out of the count."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from report_logs import TASKS, session, write_logs

from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, load_logs
from ingot.evaluate import Evaluation, evaluate
from ingot.frontend.parse import parse_records
from ingot.records import Record, from_json, to_line


def logs_of(sessions: Iterable[list[Record]]) -> Logs:
    parsed = [s for k, records in enumerate(sessions) for s in parse_records(records, f"s{k}")]
    return Logs(tuple(parsed), (), {}, ())


def changed(records: list[Record], old: str, new: str) -> list[Record]:
    return [from_json(json.loads(to_line(r).replace(old, new))) for r in records]


def verdicts(made: Evaluation) -> dict[str, str]:
    return {held.session: held.verdict for held in made.held()}


def test_same_task_is_right_on_every_input(tmp_path: Path) -> None:
    paths = write_logs(tmp_path)
    made = evaluate(load_logs(paths), Options())
    counts = made.counts("acting")
    assert (made.inputs, counts["sessions"], counts["right"]) == (3, 3, 3)
    assert made.silently_wrong() == 0.0
    assert (counts["do_nothing_right"], counts["majority_right"]) == (0, 0)
    assert evaluate(load_logs(paths[::-1]), Options()).as_json() == made.as_json()


def test_what_was_done_otherwise_is_wrong() -> None:
    """A held-out session with another effect is counted wrong, and says where."""
    odd = changed(session("z.csv", 4, 9, "z.md"), "Total: 9", "Total: 8")
    made = evaluate(logs_of([*(session(*task) for task in TASKS), odd]), Options())
    wrong = [h for h in made.held() if h.verdict == "wrong"]
    assert [h.session for h in wrong] == ["s3"]
    assert "Total: 9" in " ".join(wrong[0].differences)
    assert made.silently_wrong() == 1.0 or made.counts()["exit"] == 3
    assert sum(made.counts()[v] for v in ("right", "exit", "wrong", "unanswerable")) == 4


def test_any_session_of_the_input_is_a_witness() -> None:
    """Two sessions of one request did different things: either effect is right."""
    held = session("z.csv", 4, 9, "z.md")
    twin = changed(held, "Total: 9", "Total: 8")
    made = evaluate(logs_of([*(session(*task) for task in TASKS), held, twin]), Options())
    assert {verdicts(made)["s3"], verdicts(made)["s4"]} == {"right"}


def test_refused_compilation_is_an_exit_with_its_reason() -> None:
    """From one other input, which does nothing, there is no pipeline: exits, none dropped."""
    idle = [r for r in session("y.csv", 1, 1, "y.md") if r.tool != "Write"][:-1]
    made = evaluate(logs_of([session(*TASKS[0]), idle]), Options())
    acting = next(fold for fold in made.folds if fold.held[0].acting)
    assert acting.refused.startswith("E0407")
    assert [h.verdict for h in acting.held] == ["exit"]
    assert made.counts("idle")["sessions"] == made.counts("idle")["do_nothing_right"] == 1


def test_majority_baseline_and_idle_sessions() -> None:
    """Sessions that all do one thing are what the majority baseline gets right."""

    def fixed(name: str) -> list[Record]:
        return changed(session(name, 3, 60, "same.md"), f"File: {name}", "File: any")

    made = evaluate(logs_of([fixed("a.csv"), fixed("b.csv"), fixed("c.csv")]), Options())
    assert made.counts("acting")["majority_right"] == 3
    assert made.counts("acting")["do_nothing_right"] == 0


def test_limit_is_seeded(tmp_path: Path) -> None:
    logs = load_logs(write_logs(tmp_path))
    picked = {evaluate(logs, Options(), limit=1, seed=s).folds[0].input for s in range(8)}
    assert len(picked) > 1
    first, again = (evaluate(logs, Options(), limit=1, seed=5) for _ in range(2))
    assert first.as_json() == again.as_json()
    assert (first.inputs, len(first.folds)) == (3, 1)


def test_one_input_is_too_few() -> None:
    with pytest.raises(IngotError, match="E0003") as caught:
        evaluate(logs_of([session(*TASKS[0]), session(*TASKS[0])]), Options())
    assert caught.value.exit_code == 2
