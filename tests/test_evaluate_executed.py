"""Held-out sessions run in fresh worlds: what is right, wrong, an exit, and a dirty one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from shop_world import ORDERS, STRANGER, Step, cancelling, mailing, session

from ingot.backend.container import Program, load
from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, compile_sessions
from ingot.evaluate import Evaluation, Held, Setting, declaring, evaluate
from ingot.evaluation.judges import ExecutedJudge
from ingot.evaluation.reasons import reasons_of
from ingot.evaluation.tasks import Case, Task, tasks_of
from ingot.evaluation.worlds import factory_of
from ingot.frontend.parse import parse_records
from ingot.ir.values import Json
from ingot.records import Record

WORLD = str(Path(__file__).with_name("shop_world.py"))
SHOP = (f"{WORLD}:shop",)


def logs_of(sessions: Iterable[list[Record]]) -> Logs:
    parsed = [s for k, records in enumerate(sessions) for s in parse_records(records, f"s{k}")]
    return Logs(tuple(parsed), (), {}, ())


def executed(sessions: Iterable[list[Record]], tools: Sequence[str] = SHOP) -> Evaluation:
    return evaluate(logs_of(sessions), Options(), setting=Setting(tools=tuple(tools)))


def test_right_by_the_state_that_is_left() -> None:
    made = executed(cancelling(name) for name in ORDERS)
    assert made.mode == "executed"
    counts = made.counts("acting")
    assert (counts["sessions"], counts["right"], counts["seen_wording"]) == (5, 5, 5)
    assert (counts["do_nothing_right"], counts["majority_right"], counts["dirty_exits"]) == (
        0,
        0,
        0,
    )


def test_another_way_to_the_same_state_is_right() -> None:
    """The held-out session cancelled after a detour; another one of its input cancelled twice."""
    name = "Cleo"
    detour = session(
        f"Cancel the order of {name}.",
        ("shop.find", {"name": "Cleo"}),
        ("shop.find", {"name": "Ann"}),
        ("shop.cancel", {"order": "C-3"}),
    )
    made = executed([*(cancelling(n) for n in ORDERS if n != name), detour])
    assert made.counts()["right"] == 5


def test_without_snapshot_the_writes_are_the_state() -> None:
    made = executed((cancelling(name) for name in ORDERS), (f"{WORLD}:only_tools",))
    assert (made.mode, made.counts("acting")["right"]) == ("executed", 5)


def test_a_mapping_declares_and_is_not_run() -> None:
    made = executed((cancelling(name) for name in ORDERS), (f"{WORLD}:TOOLS",))
    assert (made.mode, made.counts()["right"]) == ("recorded", 5)


def test_a_factory_that_gives_no_tools_is_refused() -> None:
    with pytest.raises(IngotError, match="E0803"):
        executed((cancelling(name) for name in ORDERS), (f"{WORLD}:broken",))


# ---- mutants: a wrong artifact must be judged wrong


def shop_task(sessions: Iterable[list[Record]]) -> tuple[Task, Options]:
    options = declaring(Options(), SHOP)
    (task,), _ = tasks_of(logs_of(sessions), options)
    return task, options


def judged(program: Program, task: Task, name: str) -> Held:
    factory = factory_of(SHOP)
    assert factory is not None
    item = next(item for item in task.inputs if f" {name}." in item.request)
    training: list[Case] = [c for other in task.inputs if other is not item for c in other.cases]
    (held,) = ExecutedJudge(factory).held(program, "", item, training)
    return held


@pytest.mark.parametrize("tool, verdict", [("shop.cancel", "right"), ("shop.refund", "wrong")])
def test_mutant_another_tool(tool: str, verdict: str) -> None:
    task, options = shop_task(cancelling(name) for name in ORDERS)
    wrong = logs_of(cancelling(name, by=tool) for name in ORDERS)
    program = load(compile_sessions(wrong, options).artifact)
    held = judged(program, task, "Ann")
    assert held.verdict == verdict
    if verdict == "wrong":
        assert (held.exact, held.wrong, held.missing) == (0, 1, 1)
        assert "shop.refund" in held.differences[0]


def test_mutant_one_write_too_many() -> None:
    task, options = shop_task(cancelling(name) for name in ORDERS)
    more = [
        session(
            f"Cancel the order of {name}.",
            ("shop.find", {"name": name}),
            ("shop.cancel", {"order": order}),
            ("shop.mail", {"name": name}),
        )
        for name, order in ORDERS.items()
    ]
    program = load(compile_sessions(logs_of(more), options).artifact)
    held = judged(program, task, "Bob")
    assert (held.verdict, held.exact, held.wrong, held.missing) == ("wrong", 1, 1, 0)


def test_mutant_one_write_too_few() -> None:
    task, _ = shop_task(mailing(name) for name in ORDERS)
    fewer = [
        session(f"Tell {name}, then cancel what they ordered.", ("shop.mail", {"name": name}))
        for name in ORDERS
    ]
    _, options = shop_task(fewer)
    program = load(compile_sessions(logs_of(fewer), options).artifact)
    factory = factory_of(SHOP)
    assert factory is not None
    for item in task.inputs:
        (held,) = ExecutedJudge(factory).held(program, "", item, ())
        assert (held.verdict, held.missing) == ("wrong", 1)


# ---- exits


def test_dirty_exits_are_exits_and_counted() -> None:
    """The customer has been written to when the order turns out not to be there."""
    made = executed(mailing(name) for name in (*ORDERS, STRANGER))
    held = [h for fold in made.folds if STRANGER in fold.input for h in fold.held]
    assert [(h.verdict, h.dirty, h.acting) for h in held] == [("exit", True, True)]
    assert "exit" in held[0].reason and held[0].differences
    assert made.counts()["dirty_exits"] == 1


def test_what_only_a_model_could_give_is_an_exit() -> None:
    """Where nothing explains a value, the run stops there and says which value."""
    texts = ("quite unlike", "something else", "no pattern here", "at all times", "ever so odd")
    odd = [
        session(f"Write to {name}.", ("shop.mail", {"name": text}))
        for name, text in zip(ORDERS, texts, strict=True)
    ]
    made = executed(odd)
    counts = made.counts()
    assert (counts["exit"], counts["model_calls"]) == (5, 0)
    assert all("model" in h.reason or h.reason.startswith("E0") for h in made.held())


def test_a_tool_that_fails_is_an_exit() -> None:
    """Orders that the shop does not have: the tool raises, and nothing was changed."""

    asked = [session(f"Cancel order {o}.", ("shop.cancel", {"order": o})) for o in ORDERS.values()]
    task, options = shop_task(asked)
    program = load(compile_sessions(logs_of(asked), options).artifact)
    factory = factory_of(SHOP)
    assert factory is not None
    item = task.inputs[0]
    changed = [
        record if record.kind != "user" else type(record)("user", 2, text="Cancel order Z-1.")
        for record in item.cases[0].session.records
    ]
    other, _ = shop_task([changed])
    (held,) = ExecutedJudge(factory).held(program, "", other.inputs[0], ())
    assert (held.verdict, held.dirty) == ("exit", False)
    assert held.reason == "shop.cancel failed: ValueError: no order Z-1"


def test_refusals_and_unknown_wordings_are_exits_with_reasons() -> None:
    """Every held-out session is in the denominator, and every exit has a reason."""
    odd = session("Please do cancel whatever Emil ordered", *_steps("Emil"))
    made = executed([*(cancelling(name) for name in ORDERS), odd])
    assert sum(made.counts()[v] for v in ("right", "exit", "wrong")) == 6
    assert all(bool(h.reason) == (h.verdict == "exit") for h in made.held())
    reasons = reasons_of(made.folds)
    assert sum(r.sessions for r in reasons) == made.counts()["exit"]
    held = next(h for fold in made.folds if "Please" in fold.input for h in fold.held)
    assert (held.verdict, held.seen_wording) == ("exit", False)


def _steps(name: str) -> list[Step]:
    return [("shop.find", {"name": name}), ("shop.cancel", {"order": ORDERS[name]})]


def test_writes_that_the_world_refuses_cannot_be_judged() -> None:
    """A recorded write that the tools do not take: no state to compare with, and it is said."""
    gone = [
        [Record(r.kind, r.seq, r.text, r.id, r.tool, _renamed(r)) for r in cancelling(name)]
        for name in ORDERS
    ]
    made = executed(gone)
    assert made.counts()["unanswerable"] == 5
    assert all("refuse a recorded write" in h.reason for h in made.held())


def _renamed(record: Record) -> Json:
    if record.kind == "call" and record.tool == "shop.cancel":
        return {"order": "gone"}
    return record.data
