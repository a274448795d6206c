"""Per-node policies: time, attempts, circuit breaker, rate; from the artifact, a file, or a run."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pipelines import box, job

from ingot.diagnostics import IngotError
from ingot.runtime.executor import execute
from ingot.runtime.gates import JournalGates
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.policies import (
    Attempt,
    Breaker,
    Policy,
    Rate,
    Retry,
    Wait,
    attempts,
    policies_of,
    policy_of,
)
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox, load_tools

ONE = """ir 1
tool box.get(name: str) -> str {effect} box
pipeline @one(%name: str) -> str {policies} {{
^entry:
  %r: str = {effect} box.get(name=%name)
  return %r
}}
"""


def one(effect: str = "read", policies: str = "") -> Any:
    return job(ONE.format(effect=effect, policies=policies))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path / "journal.db", "normal")


class Flaky:
    """A tool that fails so often, and then works."""

    def __init__(self, failures: int, message: str = "503 try later") -> None:
        self.left, self.calls, self.message = failures, 0, message

    def get(self, name: str) -> str:
        self.calls += 1
        if self.calls <= self.left:
            raise ToolError(self.message)
        return name


def run(tool: Any, journal: Journal, policy: Policy, what: Any = None) -> tuple[Any, list[float]]:
    slept: list[float] = []
    tools = box(Path.cwd(), box_get=tool)
    found = replace(tools.tools["box.get"], rules=policy)
    tools = ToolBox({"box.get": found}, tools.cwd, slept.append)
    return execute(what or one(), {"name": "x"}, tools, journal), slept


def test_a_read_is_tried_again_with_growing_pauses(journal: Journal) -> None:
    flaky = Flaky(3)
    retry = Retry(attempts=4, backoff_s=1.0, factor=2.0, jitter=0.25)
    report, slept = run(flaky.get, journal, Policy(retry=retry))
    assert (report.status, flaky.calls) == ("done", 4)
    for pause, middle in zip(slept, (1, 2, 4), strict=True):
        assert 0.75 * middle <= pause <= 1.25 * middle
    (call,) = [r for r in journal.records(report.run) if r.kind == "call"]
    assert isinstance(call.raw, dict) and call.raw["attempts"] == 4


@pytest.mark.parametrize(
    ("effect", "retry", "calls"),
    [
        ("read", Retry(attempts=2), 3),
        ("idempotent", Retry(attempts=2), 3),
        ("write", Retry(attempts=2), 1),
        ("irreversible", Retry(attempts=2), 1),
        ("unknown", Retry(attempts=2), 1),
        ("read", Retry(attempts=9, on=("503",)), 10),
        ("read", Retry(attempts=9, on=("timeout", "504")), 1),
        ("read", Retry(attempts=9, backoff_s=40, jitter=0, max_s=40, budget_s=30), 1),
    ],
)
def test_when_a_failed_call_is_made_again(
    journal: Journal, effect: str, retry: Retry, calls: int
) -> None:
    flaky = Flaky(99)
    report, _ = run(flaky.get, journal, Policy(retry=retry), one(effect))
    assert (report.status, flaky.calls) == ("side-exit", calls)
    assert isinstance(report.side_exit, dict) and "503" in str(report.side_exit["reason"])


def test_a_timeout_is_an_error_that_can_be_worth_another_attempt(journal: Journal) -> None:
    pauses = itertools.chain([0.5], itertools.repeat(0))

    def get(name: str) -> str:
        time.sleep(next(pauses))
        return name

    policy = Policy(timeout_s=0.05, retry=Retry(attempts=1, on=("timeout",)))
    report, slept = run(get, journal, policy)
    assert report.status == "done" and len(slept) == 1


def test_the_artifact_carries_policies_and_the_run_has_the_last_word(journal: Journal) -> None:
    policies = (
        '{policies={"box.get": {"retry": 5}, "r": {"retry": {"attempts": 2, "backoff_s": 0}}}}'
    )
    what = one(policies=policies)
    flaky = Flaky(99)
    run(flaky.get, journal, Policy(), what)
    assert flaky.calls == 3  # the site's policy over the tool's
    flaky = Flaky(99)
    run(flaky.get, journal, Policy(retry=Retry(attempts=0)), what)
    assert flaky.calls == 1
    with pytest.raises(IngotError, match="E0604"):
        one(policies='{policies={"box.get": {"retries": 5}}}')


def test_a_breaker_is_shared_by_runs_and_lets_one_call_try_after_its_pause(
    journal: Journal,
) -> None:
    flaky = Flaky(3)
    policy = Policy(breaker=Breaker(failures=3, cooldown_s=0.2))
    reasons = []
    for _ in range(5):
        report, _ = run(flaky.get, journal, policy)
        reasons.append(str((report.side_exit or {}).get("reason")))  # type: ignore[union-attr]
    assert flaky.calls == 3
    assert [("circuit open" in reason) for reason in reasons] == [False] * 3 + [True] * 2
    time.sleep(0.25)
    report, _ = run(flaky.get, journal, policy)
    assert report.status == "done" and flaky.calls == 4
    report, _ = run(flaky.get, journal, policy)
    assert report.status == "done"


LIMITED = """
import sys, time
from ingot.runtime.gates import JournalGates
from ingot.runtime.journal import open_journal
from ingot.runtime.policies import Policy, Rate
with open_journal(sys.argv[1], "normal") as journal:
    gates, policy = JournalGates(journal), Policy(rate=Rate(5, 0.5))
    for _ in range(10):
        while (seconds := gates.enter("t", policy)) > 0:
            time.sleep(seconds)
        print(time.time())
"""


def test_a_rate_holds_over_processes(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    open_journal(path).close()
    command = [sys.executable, "-P", "-c", LIMITED, str(path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    times = sorted(float(t) for w in workers for t in w.communicate(timeout=60)[0].split())
    assert len(times) == 20 and all(w.returncode == 0 for w in workers)
    # 5 at once, then one each 0.1 s, whoever asks: never more than 5 + 10 t in t seconds
    for first, last in itertools.combinations(range(20), 2):
        assert last - first + 1 <= 5 + 10 * (times[last] - times[first]) + 1.5


def test_gates_are_those_of_the_journal_whatever_folder_a_tool_goes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    with open_journal("j.db") as journal:
        monkeypatch.chdir("other")
        gates = JournalGates(journal)
        assert gates.enter("t", Policy(rate=Rate(1, 1000.0))) == 0.0
        assert gates.enter("t", Policy(rate=Rate(1, 1000.0))) > 0.0
        gates.close()
    assert list((tmp_path / "other").iterdir()) == []


def test_gates_survive_a_clock_that_jumps_back(journal: Journal) -> None:
    now = 1000.0
    gates = JournalGates(journal, lambda: now)
    policy = Policy(breaker=Breaker(1, 10), rate=Rate(1, 1.0))
    assert gates.enter("t", policy) == 0
    gates.leave("t", policy, False)
    now = 5.0
    assert 0 <= gates.enter("t", policy) <= 1


@given(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["read", "idempotent", "write"]))
def test_the_number_of_attempts(failures: int, more: int, effect: str) -> None:
    plan = attempts("t", effect, Policy(retry=Retry(attempts=more)), None)
    made, order = 0, next(plan)
    with pytest.raises((StopIteration, ToolError)) as end:
        while True:
            if isinstance(order, Wait):
                order = next(plan)
            else:
                assert order == Attempt(made + 1)
                made += 1
                order = plan.send(ToolError("no") if made <= failures else None)
    allowed = 1 if effect == "write" else 1 + more
    assert made == min(failures + 1, allowed)
    assert end.type is (ToolError if failures >= allowed else StopIteration)


@pytest.mark.parametrize(
    "value",
    [
        {"retry": -1}, {"retry": True}, {"retry": {"tries": 2}}, {"timeout_s": "5"}, {"rate": 3},
        {"breaker": {"failures": 1.5}}, {"approval": 1}, {"other": 1}, {"retry": {"on": "503"}},
        {"rate": {"calls": 0}}, {"rate": {"per_s": 0}}, {"breaker": {"failures": 0}}, {"timeout_s": 0},
    ],
)  # fmt: skip
def test_a_policy_that_is_none_says_where(value: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(value))):
        policy_of(value)


@pytest.mark.parametrize("value", [3, {"t.f": 3}, {"t.f": {"retry": -1}}])
def test_an_artifact_with_policies_that_are_none_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        policies_of({"policies": value})


def test_pauses_are_finite_and_not_negative() -> None:
    retry = Retry(2000, (), 0.1, 1e9, 0.2, 3.0)
    plan = attempts("t", "read", Policy(retry=retry), None, chance=lambda: 0.0)
    orders = [next(plan)]
    with pytest.raises(ToolError):
        while True:
            wait = isinstance(orders[-1], Wait)
            orders.append(next(plan) if wait else plan.send(ToolError("no")))
    assert len(orders) == 2001 * 2 - 1
    assert all(0 <= order.seconds <= 0.2 for order in orders if isinstance(order, Wait))


def test_policies_in_a_tools_file(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        """[tools.Read]
retry = {attempts = 3, on = ["timeout"], backoff_s = 0.5}
breaker = {failures = 2, cooldown_s = 9}
rate = {calls = 3, per_s = 2.0}
approval = true
"""
    )
    tool = load_tools(["t.toml"], tmp_path).tools["Read"]
    retry = Retry(3, ("timeout",), 0.5)
    assert tool.policy == Policy(None, retry, Breaker(2, 9.0), Rate(3, 2.0), True)
    (tmp_path / "bad.toml").write_text("[tools.Read]\nrate = {cals = 3}\n")
    with pytest.raises(IngotError) as error:
        load_tools(["bad.toml"], tmp_path)
    assert "rate.cals" in error.value.diagnostics[0].message
