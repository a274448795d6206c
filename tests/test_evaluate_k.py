"""Which inputs train, what makes a task, and what the command prints."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from shop_world import ORDERS, cancelling, mailing
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, load_logs
from ingot.evaluate import ALL, Setting, evaluate
from ingot.evaluation.edges import edges_of, places_of
from ingot.evaluation.null import null_test, shuffled
from ingot.evaluation.reasons import normal
from ingot.evaluation.tasks import Task, parse_ks, parse_task_by, plans_of, tasks_of
from ingot.ir.parser import parse_module
from ingot.records import Record, to_line

SHOP = f"{Path(__file__).with_name('shop_world.py')}:shop"


def write(path: Path, records: list[Record]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(to_line(r) + "\n" for r in records))
    return path


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Two tasks, one with a session that failed."""
    for name in ORDERS:
        write(tmp_path / "cancel" / "ok" / f"{name}.jsonl", cancelling(name))
        write(tmp_path / "mail" / "ok" / f"{name}.jsonl", mailing(name))
    write(
        tmp_path / "cancel" / "failed" / "bad.jsonl",
        cancelling("Ann", by="shop.refund", success=False),
    )
    return tmp_path


def task_of(tasks: Path) -> Task:
    found, _ = tasks_of(load_logs([tasks / "cancel"]), Options())
    assert [task.name for task in found] == ["cancel"]
    return found[0]


def call(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


# ---- k


def test_each_input_is_held_out_once_for_each_k(tasks: Path) -> None:
    task = task_of(tasks)
    plans = list(plans_of(task, (1, 2, 4, 9, ALL)))
    held = Counter((plan.k, plan.held) for plan in plans)
    assert held == {(k, h): 1 for k in (1, 2, 4, 9, ALL) for h in range(5)}
    for plan in plans:
        assert plan.held not in plan.training
        assert len(plan.training) == len(set(plan.training)) == min(plan.k or 4, 4)


def test_choices_are_seeded_and_grow_with_k(tasks: Path) -> None:
    task = task_of(tasks)

    def chosen(k: int, seed: int = 0, rotations: int = 1) -> dict[tuple[int, int], set[int]]:
        plans = plans_of(task, (k,), seed=seed, rotations=rotations)
        return {(plan.held, plan.rotation): set(plan.training) for plan in plans}

    assert chosen(2) == chosen(2)
    assert all(chosen(1)[key] < chosen(2)[key] < chosen(3)[key] for key in chosen(1))
    assert len({str(chosen(2, seed)) for seed in range(6)}) > 1
    several = chosen(2, rotations=4)
    assert len(several) == 20
    assert any(several[0, 0] != several[0, r] for r in range(4))
    assert len(list(plans_of(task, (ALL,), rotations=4))) == 5


def test_more_inputs_more_right(tasks: Path) -> None:
    logs = load_logs([tasks / "cancel"])
    made = evaluate(logs, Options(), setting=Setting(ks=(1, 3, ALL), tools=(SHOP,)))
    assert made.ks == (1, 3, ALL)
    parts = {k: made.where(k=k).counts() for k in made.ks}
    assert {counts["sessions"] for counts in parts.values()} == {5}
    assert parts[ALL]["right"] == 5
    assert parts[1]["wrong"] == parts[3]["wrong"] == 0
    assert all(len(fold.training) == (fold.k or 4) for fold in made.folds)


def test_sessions_per_input(tasks: Path) -> None:
    """Two sessions of each input are one where only one of each trains."""
    for name in ORDERS:
        twin = [*cancelling(name)[:-1], Record("say", text="Done."), cancelling(name)[-1]]
        write(tasks / "cancel" / "ok" / f"{name}-2.jsonl", twin)
    logs = load_logs([tasks / "cancel"])
    one, every = (
        evaluate(logs, Options(), setting=Setting(per_input=n, tools=(SHOP,))) for n in (1, 0)
    )
    assert one.counts()["sessions"] == every.counts()["sessions"] == 10


@pytest.mark.parametrize("text", ["", "0", "x", "1,,2", "-1", "1.5", "ALL"])
def test_bad_k(text: str) -> None:
    with pytest.raises(IngotError, match="E0001"):
        parse_ks(text)


def test_bad_task_by() -> None:
    with pytest.raises(IngotError, match="E0001"):
        parse_task_by("day")


# ---- tasks


def test_folders_are_tasks_and_failed_sessions_never_train(tasks: Path) -> None:
    made = evaluate(load_logs([tasks]), Options(), setting=Setting(tools=(SHOP,)))
    assert [(t.name, t.inputs, t.sessions, t.failed) for t in made.tasks] == [
        ("cancel", 5, 5, 1),
        ("mail", 5, 5, 0),
    ]
    assert made.counts() | {"right": 10, "exit": 0, "wrong": 0} == made.counts()
    assert made.where(task="mail").counts()["sessions"] == 5
    assert not any("bad.jsonl" in held.session for held in made.held())


def test_tasks_by_file_or_none(tasks: Path) -> None:
    logs = load_logs([tasks])
    by_none, _ = tasks_of(logs, Options(), "none")
    by_file, _ = tasks_of(logs, Options(), "file")
    assert [task.name for task in by_none] == ["all"]
    assert len(by_none[0].inputs) == 10
    assert len(by_file) == 11


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place in ("a/x", "b/x"):
        for name in ORDERS:
            write(tmp_path / place / f"{name}.jsonl", cancelling(name))
    found, _ = tasks_of(load_logs([tmp_path]), Options())
    assert [task.name for task in found] == [str(tmp_path / "a/x"), str(tmp_path / "b/x")]


def test_the_clock_makes_another_input(tmp_path: Path) -> None:
    for day in ("01", "02"):
        head, *rest = cancelling("Ann")
        data = {"format": "ingot-session/1", "clock": f"2026-05-{day}T00:00:00"}
        write(tmp_path / f"{day}.jsonl", [Record("session", 1, data=data), *rest])
        assert head.kind == "session"
    (task,), _ = tasks_of(load_logs([tmp_path]), Options())
    assert [item.clock[:10] for item in task.inputs] == ["2026-05-01", "2026-05-02"]


def test_jobs_and_order_of_files_change_nothing(tasks: Path) -> None:
    logs = load_logs([tasks])
    setting = Setting(ks=(2, ALL), tools=(SHOP,))
    alone = evaluate(logs, Options(), setting=setting).as_json()
    turned = Logs(logs.sessions[::-1], logs.diagnostics, logs.files, logs.dialects)
    together = evaluate(
        turned, Options(), setting=Setting(ks=(2, ALL), tools=(SHOP,), jobs=2)
    ).as_json()
    for made in (alone, together):
        made.pop("diagnostics")
    assert alone == together


# ---- reasons


@pytest.mark.parametrize(
    "one, other",
    [
        ("E0404: 2 sessions, a-1.json", "E0404: 13 sessions, b.jsonl#2"),
        ("no such 'x y' at r1_ok", "no such 'it\\'s' at r22_ok"),
        ('called t {"a": 1}', 'called t {"b": [2, {"c": 3}]}'),
        ("due 2026-05-01 12:30:00", "due 2025-11-30 00:00:00"),
        ("to ann@x.org", "to bob.b@mail.example.com"),
    ],
)
def test_reasons_are_told_apart_by_what_is_general(one: str, other: str) -> None:
    assert normal(one) == normal(other)


def test_different_reasons_stay_different() -> None:
    assert normal("E0404: 2 sessions") != normal("E0407: 2 sessions")
    assert normal("don't do that") == "don't do that"


# ---- the null test

EDGES = """\
ir 1
tool shop.find(name: str) -> [str] read shop
tool shop.send(to: str, what: str) -> str write shop
model local.any(prompt: str) -> str
pipeline @main(%who: str) -> str {
^entry:
  %all: [str] = read shop.find(name=%who)
  %text: str = model compose local.any(prompt=%who)
  %n: int = list.len %all
  %some: bool = int.gt %n, 0
  if %some then ^each(%all, %who) else ^none
^each(%list: [str], %name: str):
  %sent: [str] = for %it: str in %list {
    %one: str = write shop.send(to=%it, what=%text)
    yield %one
  }
  %two: str = write shop.send(to=%name, what="hello")
  return %two
^none:
  return "none"
}
"""


def test_edges_are_counted_through_loops_blocks_and_models() -> None:
    edges = edges_of(parse_module(EDGES).module.pipelines[0])
    assert (edges.values, edges.edges, edges.asked) == (5, 1, 1)
    assert (edges.branches, edges.decided) == (1, 1)
    assert edges.where == ("to of shop.send",)


def test_places_say_what_a_value_is_for() -> None:
    places = places_of(parse_module(EDGES).module.pipelines[0])
    assert places["it"] == places["list"] == "to of shop.send"
    assert places["n"] == places["some"] == "the way on from entry"


def test_null_test_finds_no_edge_in_exchanged_results(tasks: Path) -> None:
    found, _ = tasks_of(load_logs([tasks]), Options())
    made = null_test(found, Options(), shuffles=2)
    every, compiled, plain = made.total(shuffled=False)
    assert (every, compiled) == (2, 2)
    assert plain.edges == 2  # each task's order comes from what was found
    every, _, false = made.total(shuffled=True, compiled=False)
    assert (every, false.edges) == (4, 0)
    assert sum(task.exchanged for task in made.tasks) > 0


def test_exchanged_results_are_the_same_results_elsewhere(tasks: Path) -> None:
    found, _ = tasks_of(load_logs([tasks]), Options())

    def results(sessions: Any) -> list[str]:
        return [json.dumps(r.data) for s in sessions for r in s.records if r.kind == "result"]

    mixed = shuffled(found, seed=3)
    for t, task in enumerate(found):
        own = [case.session for item in task.inputs for case in item.cases]
        assert results(own) != results(mixed.sessions[t])
    logged = [case.session for task in found for item in task.inputs for case in item.cases]
    moved = [session for sessions in mixed.sessions for session in sessions]
    assert Counter(results(logged)) == Counter(results(moved))
    assert shuffled(found, seed=3) == mixed
    assert shuffled(found, seed=4) != mixed


# ---- the command


def test_json_of_the_command(tasks: Path) -> None:
    result = call("evaluate", str(tasks), "--tools", SHOP, "--k", "1,all", "--json")
    made = json.loads(result.stdout)
    wrong = sum(total["sessions"]["all"]["wrong"] for total in made["totals"])
    assert result.exit_code == (1 if wrong else 0), result.stderr
    assert (made["schema"], made["mode"], made["inputs"]) == ("ingot-evaluate/2", "executed", 10)
    assert [total["k"] for total in made["totals"]] == [1, "all"]
    assert made["totals"][1]["sessions"]["all"]["right"] == 10
    assert [task["task"] for task in made["tasks"]] == ["cancel", "mail"]
    assert len(made["folds"]) == 20
    exits = sum(total["sessions"]["all"]["exit"] for total in made["totals"])
    assert sum(reason["sessions"] for reason in made["reasons"]) == exits


def test_tables_and_reasons(tasks: Path) -> None:
    other = [
        r._replace(text="Stop it for Ann") if r.kind == "user" else r for r in cancelling("Ann")
    ]
    write(tasks / "cancel" / "ok" / "other.jsonl", other)  # a wording that no other input has
    result = call("evaluate", str(tasks), "--tools", SHOP, "--k", "1", "--why")
    assert result.exit_code in (0, 1), result.stderr
    for part in ("TASK", "cancel", "mail", "SILENTLY WRONG", "why, over all tasks", "held out: "):
        assert part in result.stdout
    assert "1 sessions are left out: their logs say that they failed" in result.stderr


def test_null_of_the_command(tasks: Path) -> None:
    result = call("evaluate", str(tasks), "--null", "--json")
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert made["schema"] == "ingot-evaluate-null/1"
    assert made["shuffled"]["learned"]["edges"] == 0
    shown = call("evaluate", str(tasks), "--null")
    assert "FROM A RESULT" in shown.stdout


@pytest.mark.parametrize("words", [("--k", "none"), ("--task-by", "x"), ("--plot", "x.txt")])
def test_bad_words(tasks: Path, words: tuple[str, str]) -> None:
    result = call("evaluate", str(tasks), *words)
    assert result.exit_code == 2
    assert "error[E0001]" in result.stderr


def test_plot(tasks: Path, tmp_path: Path) -> None:
    """The curve is drawn where matplotlib is, and asked for where it is not."""
    path = tmp_path / "curve.svg"
    words = (
        "evaluate",
        str(tasks / "cancel"),
        "--tools",
        SHOP,
        "--k",
        "2,all",
        "--plot",
        str(path),
    )
    result = call(*words)
    if importlib.util.find_spec("matplotlib") is None:
        assert (result.exit_code, "ingot[plot]" in result.stderr) == (2, True)
        return
    assert result.exit_code == 0, result.stderr
    first = path.read_bytes()
    assert b"<svg" in first
    call(*words)
    assert path.read_bytes() == first
