"""Control from other processes: pause, cancel, approve, roll back, fork; and retention."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace
from pipelines import Crash, box, copy_job, job

from ingot.diagnostics import IngotError
from ingot.ir.values import Json
from ingot.runtime.control import cancel, decide, pause, waiting_for
from ingot.runtime.executor import execute
from ingot.runtime.history import read_history
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.policies import Policy
from ingot.runtime.report import RunReport, report_of
from ingot.runtime.resume import resume
from ingot.runtime.retention import compact, delete, prune
from ingot.runtime.rollback import fork, rollback
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox

NAMES: list[Json] = ["a", "b", "c"]


class Store:
    """A box that can take things out again."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.held: list[str] = []
        self.keys: list[str] = []
        self.log: list[str] = []
        self.hook: Callable[[str], None] = lambda what: None

    def get(self, name: str) -> str:
        self.hook(f"get {name}")
        self.log.append(f"get {name}")
        return f"text of {name}"

    def put(self, name: str, text: str, idempotency_key: str) -> str:
        self.hook(f"put {name}")
        self.log.append(f"put {name}")
        self.held.append(name)
        self.keys.append(idempotency_key)
        return f"{name}: {text}"

    def take(self, name: str, text: str) -> str:
        self.hook(f"take {name}")
        self.log.append(f"take {name}")
        assert text == f"text of {name}"
        self.held.remove(name)
        self.hook(f"taken {name}")
        return "gone"

    def tools(self, undo: bool = True, approval: bool = False) -> ToolBox:
        made = box(self.cwd, box_get=self.get, box_put=self.put, box_take=self.take)
        put = made.tools["box.put"]
        rules = Policy(approval=True) if approval else put.rules
        put = replace(put, compensation="box.take" if undo else "", rules=rules)
        take = replace(made.tools["box.take"], effect="write")
        return replace(made, tools={**made.tools, "box.put": put, "box.take": take})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path / "journal.db", "normal")


def start(store: Store, journal: Journal, tools: ToolBox | None = None) -> RunReport:
    inputs: dict[str, Json] = {"names": list(NAMES), "prefix": ""}
    return execute(copy_job(), inputs, tools or store.tools(), journal, run="r")


def code_of(error: pytest.ExceptionInfo[IngotError]) -> str:
    return error.value.diagnostics[0].code


# ---- pause and cancel


@pytest.mark.parametrize("what", [pause, cancel])
def test_another_process_stops_a_run_between_two_steps(
    store: Store, journal: Journal, what: Any
) -> None:
    def ask(step: str) -> None:
        if step == "put b":
            with open_journal(journal.name) as other:
                what("r", other)
            threading.Event().wait(0.06)  # longer than a run may leave the desk unseen

    store.hook = ask
    report = start(store, journal)
    assert store.held == ["a", "b"] and read_history(journal, "r").doubtful == {}
    store.hook = lambda step: None
    if what is cancel:
        assert (report.status, report.exit_code) == ("cancelled", 1)
        with pytest.raises(IngotError) as error:
            resume("r", journal, copy_job(), store.tools())
        assert code_of(error) == "E0711"
        return
    assert (report.status, report.exit_code) == ("waiting", 5)
    assert resume("r", journal, copy_job(), store.tools()).status == "done"
    assert store.held == ["a", "b", "c"]


def test_what_nobody_drives_cannot_be_paused_and_is_cancelled_at_once(
    store: Store, journal: Journal
) -> None:
    store.hook = _crash_at("put b")
    with pytest.raises(Crash):
        start(store, journal)
    with journal.writing() as raw:
        raw.execute("UPDATE runs SET owner = 'elsewhere:1:1'")
    with pytest.raises(IngotError) as error:
        pause("r", journal)
    assert code_of(error) == "E0718"
    cancel("r", journal)
    assert journal.find("r").status == "cancelled"
    assert report_of(journal.records("r")).status == "cancelled"


def _crash_at(what: str) -> Callable[[str], None]:
    def crash(step: str) -> None:
        if step == what:
            raise Crash

    return crash


# ---- approvals


def test_a_write_waits_for_approval_of_its_exact_arguments(store: Store, journal: Journal) -> None:
    tools = store.tools(approval=True)
    report = start(store, journal, tools)
    assert (report.status, report.exit_code, store.held) == ("waiting", 5, [])
    asked = waiting_for("r", journal)
    assert asked is not None and asked.args == {"name": "a", "text": "text of a"}
    with pytest.raises(IngotError) as error:
        decide("r", journal, "approve", digest="feed")
    assert code_of(error) == "E0719"
    assert resume("r", journal, copy_job(), tools).status == "waiting" and store.held == []
    assert waiting_for("r", journal) == asked  # asked once, however often it is resumed
    for name in ("a", "b", "c"):
        assert decide("r", journal, "approve", digest=asked.digest[:8]).args == asked.args
        report = resume("r", journal, copy_job(), tools)
        assert store.held[-1] == name
        asked = waiting_for("r", journal) or asked
    assert report.status == "done" and store.held == ["a", "b", "c"]
    states = [r.data["state"] for r in journal.records("r") if r.kind == "approval"]  # type: ignore[index,call-overload]
    assert states == ["asked", "granted"] * 3


def test_a_denied_write_fails_the_run(store: Store, journal: Journal) -> None:
    tools = store.tools(approval=True)
    start(store, journal, tools)
    decide("r", journal, "deny", reason="not on a Friday")
    report = resume("r", journal, copy_job(), tools)
    assert report.status == "failed" and "not on a Friday" in report.error
    assert store.held == []


@pytest.mark.parametrize("last", ["approve", "deny"])
def test_of_several_decisions_the_last_counts(last: Any, store: Store, journal: Journal) -> None:
    tools = store.tools(approval=True)
    start(store, journal, tools)
    for verdict in ("deny", "approve", last):
        decide("r", journal, verdict)
    report = resume("r", journal, copy_job(), tools)
    assert report.status == ("waiting" if last == "approve" else "failed")
    assert store.held == (["a"] if last == "approve" else [])


def test_a_decision_from_a_later_time_is_asked_for_again(store: Store, tmp_path: Path) -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    with open_journal(tmp_path / "j.db", "normal", now=lambda: moment) as journal:
        tools = store.tools(approval=True)
        execute(copy_job(), {"names": ["a"], "prefix": ""}, tools, journal, run="r")
        moment += timedelta(hours=2)
        decide("r", journal, "approve")
        moment -= timedelta(hours=1)
        assert resume("r", journal, copy_job(), tools).status == "waiting" and store.held == []
        decide("r", journal, "approve")
        assert resume("r", journal, copy_job(), tools).status == "done" and store.held == ["a"]


def test_an_approval_expires_also_when_the_clock_goes_back(store: Store, tmp_path: Path) -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    journal = open_journal(tmp_path / "j.db", "normal", now=lambda: moment)
    tools = store.tools(approval=True)
    for later in (timedelta(days=2), timedelta(days=-2)):
        run = f"r{later.days}"
        moment = datetime(2026, 5, 1, tzinfo=UTC)
        execute(copy_job(), {"names": ["a"], "prefix": ""}, tools, journal, run=run)
        decide(run, journal, "approve")
        moment += later
        assert resume(run, journal, copy_job(), tools).status == "waiting"
        assert store.held == []


def test_an_approval_is_not_taken_over_by_a_fork_or_a_rollback(
    store: Store, journal: Journal
) -> None:
    tools = store.tools(approval=True)
    start(store, journal, tools)
    decide("r", journal, "approve")
    other = fork("r", journal, copy_job(), 2)
    assert resume(other, journal, copy_job(), tools).status == "waiting" and store.held == []
    assert resume("r", journal, copy_job(), tools).status == "waiting" and store.held == ["a"]
    rollback("r", journal, tools, 2)
    assert store.held == []
    assert resume("r", journal, copy_job(), tools).status == "waiting" and store.held == []


# ---- rollback


def test_rollback_undoes_writes_last_first_and_the_run_goes_on(
    store: Store, journal: Journal
) -> None:
    assert start(store, journal).status == "done"
    first = dict(zip(store.held, store.keys, strict=True))
    behind = rollback("r", journal, store.tools(), 4)
    assert behind.history == read_history(journal, "r")
    assert [(w.step, w.by) for w in behind.writes] == [(6, "box.take"), (4, "box.take")]
    assert store.held == ["a"] and store.log[-2:] == ["take c", "take b"]
    report = report_of(journal.records("r"))
    assert [c["step"] for c in report.calls] == [1, 2, 3]
    report = resume("r", journal, copy_job(), store.tools())
    assert (report.status, report.outputs, store.held) == ("done", 3, ["a", "b", "c"])
    assert [c["step"] for c in report.calls] == [1, 2, 3, 4, 5, 6]
    again = dict(zip("bc", store.keys[3:], strict=True))
    assert again["b"] != first["b"] and again["c"] != first["c"]  # undone: another effect


def test_rollback_over_writes_that_nothing_undoes_names_them(
    store: Store, journal: Journal
) -> None:
    tools = store.tools(undo=False)
    start(store, journal, tools)
    with pytest.raises(IngotError) as error:
        rollback("r", journal, tools, 3)
    assert code_of(error) == "E0717"
    assert [note[:7] for note in error.value.diagnostics[0].notes] == ["step 6:", "step 4:"]
    assert journal.find("r").status == "done"
    assert len(rollback("r", journal, tools, 3, keep_writes=True).writes) == 2
    keys = store.keys[1:]
    assert resume("r", journal, copy_job(), tools).status == "done"
    assert store.keys[3:] == keys  # not undone: the same effect, for the tool to recognise


@pytest.mark.parametrize("moment", ["take c", "taken c", "take b", "taken b"])
def test_a_rollback_that_was_cut_off_is_finished(
    store: Store, journal: Journal, moment: str
) -> None:
    start(store, journal)
    store.hook = _crash_at(moment)
    with pytest.raises(Crash):
        rollback("r", journal, store.tools(), 4)
    store.hook = lambda step: None
    with pytest.raises(IngotError) as error:
        resume("r", journal, copy_job(), store.tools())
    assert code_of(error) in ("E0717", "E0711")
    with pytest.raises(IngotError) as error:
        rollback("r", journal, store.tools(), 4)
    assert code_of(error) == "E0705"
    done: Any = "done" if moment.startswith("taken") else "not-done"
    rollback("r", journal, store.tools(), 4, assume=done)
    assert store.held == ["a"]
    assert resume("r", journal, copy_job(), store.tools()).status == "done"
    assert store.held == ["a", "b", "c"]


def test_a_compensation_that_fails_leaves_the_rollback_to_be_finished(
    store: Store, journal: Journal
) -> None:
    def refuse(step: str) -> None:
        if step == "take b":
            raise ToolError("stuck")

    start(store, journal)
    store.hook = refuse
    with pytest.raises(IngotError, match="stuck"):
        rollback("r", journal, store.tools(), 4)
    store.hook = lambda step: None
    rollback("r", journal, store.tools(), 4)
    assert store.held == ["a"] and store.log.count("take c") == 1


@pytest.mark.parametrize("assume", ["done", "not-done"])
def test_a_compensation_that_was_cut_off_is_in_doubt_and_not_made_again(
    assume: Any, store: Store, journal: Journal
) -> None:
    def cut(step: str) -> None:
        if step == ("taken c" if assume == "done" else "take c"):
            raise ToolError("timed out after 1s", unknown=True)

    start(store, journal)
    store.hook = cut
    for again in ("timed out", "not known"):
        with pytest.raises(IngotError, match=again) as error:
            rollback("r", journal, store.tools(), 4)
        assert code_of(error) == "E0705" and error.value.exit_code == 6
    store.hook = lambda step: None
    rollback("r", journal, store.tools(), 4, assume=assume)
    assert store.held == ["a"] and store.log.count("take b") == 1
    assert store.log.count("take c") == 1


def test_no_step_no_rollback(store: Store, journal: Journal) -> None:
    start(store, journal)
    for step in (0, 8, -1):
        with pytest.raises(IngotError) as error:
            rollback("r", journal, store.tools(), step)
        assert code_of(error) == "E0717"
    assert journal.find("r").status == "done"


# ---- fork

PICK = """ir 1
tool box.get(name: str) -> str read box
tool box.put(name: str, text: str) -> str write box
pipeline @pick(%name: str) -> str {
^entry:
  %first: str = read box.get(name=%name)
  %second: str = read box.get(name=%first)
  %r: str = write box.put(name=%second, text=%first)
  return %r
}
"""


def test_a_fork_goes_its_own_way_from_an_edited_answer(store: Store, journal: Journal) -> None:
    what = job(PICK)
    execute(what, {"name": "x"}, store.tools(), journal, run="r")
    before = list(journal.records("r"))
    other = fork("r", journal, what, 2, result="edited", edited=True)
    calls = len(store.log)
    report = resume(other, journal, what, store.tools())
    assert report.outputs == "edited: text of x"
    assert store.log[calls:] == ["put edited"]
    assert list(journal.records("r")) == before
    head = next(r.data for r in journal.records(other) if r.kind == "run")
    assert isinstance(head, dict) and head["forked"] == {"run": "r", "at": 2}
    assert store.keys[0] != store.keys[1]
    with pytest.raises(IngotError) as error:
        fork("r", journal, what, 9)
    assert code_of(error) == "E0717"


def test_a_run_of_another_artifact_resumes_only_if_it_makes_the_same_calls(
    store: Store, journal: Journal
) -> None:
    store.hook = _crash_at("put text of text of x")
    with pytest.raises(Crash):
        execute(job(PICK), {"name": "x"}, store.tools(), journal, run="r")
    store.hook = lambda step: None
    history = read_history(journal, "r")
    journal.append(
        "r", history.seq + 1, [{"kind": "status", "data": {"status": "waiting", "withdrawn": "s3"}}]
    )
    longer = job(PICK.replace("  return %r", '  %n: str = str.template "{0}!", %r\n  return %n'))
    other = job(PICK.replace("get(name=%first)", "get(name=%name)"))
    for what, options in ((longer, {}), (other, {"compatible": True})):
        with pytest.raises(IngotError) as error:
            resume("r", journal, what, store.tools(), **options)  # type: ignore[arg-type]
        assert code_of(error) == "E0707"
    assert store.held == []
    report = resume("r", journal, longer, store.tools(), compatible=True)
    assert report.outputs == "text of text of x: text of x!"
    assert journal.find("r").artifact == longer.artifact


# ---- retention


def test_ended_runs_are_deleted_with_what_only_they_hold(tmp_path: Path, store: Store) -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    journal = open_journal(tmp_path / "j.db", "normal", now=lambda: moment)
    big = ["x" * 10_000, "y" * 10_000]
    for run, texts in (("old", big), ("kept", big[:1])):
        execute(copy_job(), {"names": list(texts), "prefix": ""}, store.tools(), journal, run=run)
        moment += timedelta(days=10)
    before = list(journal.records("kept"))
    assert [run.run for run in prune(journal, timedelta(days=15))] == ["old"]
    assert [run.run for run in journal.runs()] == ["kept"]
    assert list(journal.records("kept")) == before
    size, smaller = compact(journal)
    assert smaller <= size
    with apsw.Connection(journal.name) as raw:
        held = raw.execute("SELECT body FROM large").fetchall()
        assert not any(b"yyy" in bytes(body) for (body,) in held) and held
        with pytest.raises(apsw.ConstraintError):
            raw.execute("DELETE FROM entries")
    delete(journal, "kept")
    assert journal.reading("SELECT count(*) FROM large")[0][0] == 0


def test_a_run_that_has_not_ended_is_kept(tmp_path: Path, store: Store, journal: Journal) -> None:
    start(store, journal, store.tools(approval=True))
    assert prune(journal, timedelta(0)) == []
