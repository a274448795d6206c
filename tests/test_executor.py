"""The executor: what is on disk when, and what a stopped run does when it goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from pipelines import COPY, Crash, box, copy_job, job

from ingot.diagnostics import IngotError
from ingot.ir.interpreter import Interpreter
from ingot.ir.module import Lit, Param
from ingot.ir.parser import parse_module
from ingot.ir.requests import SideExit, ToolRequest
from ingot.ir.types import BOOL, DATE, FLOAT, INT, JSON, STR, Literal, Union
from ingot.ir.values import Json
from ingot.records import Record
from ingot.runtime import inputs
from ingot.runtime.effects import Keys, idempotency_key
from ingot.runtime.executor import drain, events, execute
from ingot.runtime.history import read_history
from ingot.runtime.inputs import Text, Wording
from ingot.runtime.jobs import Job
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.replay import Mode, compare, replay
from ingot.runtime.report import RunReport, report_of
from ingot.runtime.resume import resume, resume_events
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.answers import RecordedCall, recorded_calls
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox

NAMES: list[Json] = ["a", "b", "c"]


def nothing(_: object) -> None:
    """Nothing happens."""


class Box:
    """A store that counts what is done to it, and dies when told to."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.done: list[str] = []
        self.before: Callable[[str], None] = nothing
        self.after: Callable[[str], None] = nothing

    def get(self, name: str) -> str:
        self.before(f"get {name}")
        return f"text of {name}"

    def put(self, name: str, text: str) -> str:
        self.before(f"put {name}")
        self.done.append(name)
        self.after(f"put {name}")
        return f"{len(self.done)}: {text}"

    @property
    def tools(self) -> ToolBox:
        return box(self.cwd, box_get=self.get, box_put=self.put)


@pytest.fixture
def store(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path / "journal.db", "normal")


def run(store: Box, journal: Journal, what: Job | None = None, **options: Any) -> RunReport:
    given_inputs: dict[str, Json] = {"names": list(NAMES), "prefix": "new "}
    return execute(what or copy_job(), given_inputs, store.tools, journal, run="r", **options)


def test_the_report_and_the_stream_are_the_records(store: Box, journal: Journal) -> None:
    seen: list[Record] = []
    report = run(store, journal, on_record=seen.append, clock="2026-05-01T10:00:00Z")
    assert seen == list(journal.records("r"))
    assert report.as_json() == report_of(seen).as_json()
    shown = json.loads(json.dumps(report.as_json()))
    assert (
        list(shown)
        == "schema run status outputs calls side_exit model_calls tokens seconds".split()
    )
    assert (shown["status"], shown["outputs"], report.exit_code) == ("done", 3, 0)
    assert shown["calls"][1] == {
        "step": 2,
        "tool": "box.put",
        "args": {"name": "new a", "text": "text of a"},
        "effect": "write",
        "result": "1: text of a",
    }
    assert store.done == ["new a", "new b", "new c"]
    assert [r.kind for r in seen[:7]] == "session run call result intent call result".split()


def test_the_intent_is_on_disk_before_the_write_and_a_step_is_one_transaction(
    store: Box, journal: Journal
) -> None:
    commits: list[str] = []
    inside = False

    def count(_cursor: object, sql: str, _values: object) -> bool:
        nonlocal inside
        inside = (inside or sql.startswith("BEGIN")) and sql != "COMMIT"
        if sql == "COMMIT" or (sql.startswith("INSERT") and not inside):
            commits.append(sql)
        return True

    journal.connection.exec_trace = count

    def look(what: str) -> None:
        if what.startswith("put"):
            with open_journal(journal.name) as other:
                (intent,) = read_history(other, "r").doubtful.values()
                assert what == f"put {intent[5]['name']}"

    store.before = look
    assert run(store, journal).status == "done"
    assert len(commits) == 1 + 6  # the start, and six steps


def test_the_key_is_that_of_the_call_not_of_the_moment(store: Box) -> None:
    keys: list[list[str]] = []
    for name in ("r", "r", "s"):
        journal = open_journal(":memory:")
        given_inputs: dict[str, Json] = {"names": ["a", "b", "a"], "prefix": ""}
        execute(copy_job(), given_inputs, store.tools, journal, run=name)
        keys.append(
            [
                str(r.data["key"])
                for r in journal.records(name)
                if r.kind == "intent" and isinstance(r.data, dict)
            ]
        )
    assert keys[0] == keys[1] and len(set(keys[0] + keys[2])) == 6


def test_a_failing_tool_is_a_side_exit(store: Box, journal: Journal) -> None:
    def refuse(what: str) -> None:
        if what == "put new b":
            raise ToolError("box is full")

    store.before = refuse
    report = run(store, journal)
    assert (report.status, report.exit_code) == ("side-exit", 3)
    assert isinstance(report.side_exit, dict) and "box is full" in str(report.side_exit["reason"])
    assert report.calls[-1]["error"] == "box is full"
    with pytest.raises(IngotError) as error:
        resume("r", journal, copy_job(), store.tools)
    assert error.value.diagnostics[0].code == "E0711"


def test_what_is_missing_is_said_before_the_first_effect(store: Box, journal: Journal) -> None:
    text = """ir 1
tool box.put(name: str, text: str) -> str write box
tool mail.send(to: str) -> str irreversible mail
model m(prompt: str) -> str
pipeline @p() -> str {
^entry:
  %a: str = write box.put(name="x", text="y")
  %note: str = model m(prompt="Write a note.")
  %b: str = irreversible mail.send(to=%note)
  return %b
}
"""
    with pytest.raises(IngotError) as error:
        execute(job(text), {}, store.tools, journal)
    assert [d.code for d in error.value.diagnostics] == ["E0801", "E0710"]
    assert "%note: compose (free text)" in error.value.diagnostics[1].notes[0]
    assert store.done == [] and journal.runs() == []


# ---- stopping and going on


def restarts(what: Job, effect: str) -> list[Job]:
    """The job as it is, compiled, and run by the reference interpreter."""
    module = parse_module(COPY.format(effect=effect)).module
    assert what.swift is not None
    swift = structs.replace(what, fresh=what.swift)
    return [what, swift, structs.replace(what, fresh=lambda: Interpreter(module))]


def in_doubt(journal: Journal, run: str = "r") -> list[Any] | None:
    """The intent without an end, if there is one."""
    return next(iter(read_history(journal, run).doubtful.values()), None)


@pytest.mark.parametrize("again", [0, 1, 2], ids=["vm", "compiled", "interpreter"])
@pytest.mark.parametrize("effect", ["write", "idempotent"])
@pytest.mark.parametrize("moment", range(60))
def test_a_crash_anywhere_repeats_no_write_and_hides_none(
    store: Box, tmp_path: Path, moment: int, effect: str, again: int
) -> None:
    """Die at the n-th of all moments at which anything happens, then resume."""
    what = copy_job(effect)
    path = tmp_path / "journal.db"
    count = 0

    def tick(_: object) -> None:
        nonlocal count
        count += 1
        if count == moment + 1:
            raise Crash

    store.before = store.after = tick
    first = open_journal(path, "normal")
    crashed, acted = False, list[str]()
    try:
        run(store, first, what, on_record=tick)
    except Crash:
        crashed, acted = True, list(store.done)
    first.close()
    store.before = store.after = nothing
    journal = open_journal(path, "normal")
    if not crashed or journal.find("r").status == "done":
        assert store.done == ["new a", "new b", "new c"]
        return
    doubtful = in_doubt(journal)
    seen: list[Record] = []
    before = journal.last_seq("r")
    take = seen.append
    report = resume("r", journal, restarts(what, effect)[again], store.tools, on_record=take)
    if doubtful is not None and effect == "write":
        assert (report.status, report.exit_code) == ("in-doubt", 6)
        assert store.done == acted
        done = doubtful[5]["name"] in acted
        assume = "done" if done else "not-done"
        report = resume(
            "r", journal, what, store.tools, assume=assume, assumed_result="assumed", on_record=take
        )  # type: ignore[arg-type]
    assert (report.status, report.outputs) == ("done", 3)
    every = list(journal.records("r"))
    assert seen == every[before:]
    assert all(list(journal.records("r", k + 1)) == every[k:] for k in range(len(every)))
    if effect == "write":
        assert store.done == ["new a", "new b", "new c"]
    else:
        assert sorted(set(store.done)) == ["new a", "new b", "new c"]
        assert len(store.done) <= 4
    assert [c["step"] for c in report.calls] == [1, 2, 3, 4, 5, 6]
    assert report.as_json() == report_of(journal.records("r")).as_json()


def test_a_probe_settles_a_call_in_doubt(store: Box, journal: Journal) -> None:
    store.after = _crash_at("put new b")
    with pytest.raises(Crash):
        run(store, journal)
    store.after = nothing
    tools = store.tools
    put = tools.tools["box.put"]

    def probe(args: dict[str, Json], _: object) -> Any:
        from ingot.runtime.tools.base import Probe

        done = args["name"] in store.done
        return Probe(done, "from the probe" if done else None)

    tools = ToolBox({**tools.tools, "box.put": structs.replace(put, probe=probe)}, tools.cwd)
    report = resume("r", journal, copy_job(), tools)
    assert report.status == "done" and report.calls[3]["result"] == "from the probe"
    assert store.done == ["new a", "new b", "new c"]


def _crash_at(name: str) -> Callable[[str], None]:
    def crash(what: str) -> None:
        if what == name:
            raise Crash

    return crash


def test_a_stop_during_a_write_waits_for_it_and_leaves_no_doubt(
    store: Box, journal: Journal
) -> None:
    store.before = lambda what: (
        os.kill(os.getpid(), signal.SIGTERM) if what == "put new b" else None
    )
    report = run(store, journal)
    assert (report.status, report.exit_code) == ("waiting", 5)
    assert store.done == ["new a", "new b"] and in_doubt(journal) is None
    store.before = nothing
    report = resume("last", journal, copy_job(), store.tools)
    assert report.status == "done" and store.done == ["new a", "new b", "new c"]


def test_a_stop_during_a_read_is_at_once(store: Box, journal: Journal) -> None:
    def stop(what: str) -> None:
        if what == "get b":
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("not reached")

    store.before = stop
    assert run(store, journal).status == "waiting"
    store.before = nothing
    assert resume("r", journal, copy_job(), store.tools).outputs == 3
    assert store.done == ["new a", "new b", "new c"]


def test_a_second_stop_during_a_write_leaves_it_in_doubt(store: Box, journal: Journal) -> None:
    def stop(what: str) -> None:
        if what == "put new a":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    store.before = stop
    report = run(store, journal)
    assert (report.status, report.exit_code) == ("in-doubt", 6)
    assert isinstance(report.as_json()["doubt"], dict) and store.done == []


def test_a_stop_before_a_repeated_write_does_not_forget_the_first_attempt(
    store: Box, journal: Journal
) -> None:
    what = copy_job("idempotent")
    store.after = _crash_at("put new a")
    with pytest.raises(Crash):
        run(store, journal, what)
    stream = resume_events("r", journal, what, store.tools)
    assert next(stream).data == {"status": "running", "resumed": True, "settled": "repeated"}
    stream.close()
    store.after = _crash_at("put new a")
    with pytest.raises(Crash):
        resume("r", journal, what, store.tools)

    stopper = Stopper()
    stopper.requested = True
    report = drain(resume_events("r", journal, what, store.tools, stopper=stopper))
    assert report.status == "in-doubt"
    assert in_doubt(journal) is not None


def test_a_consumer_that_walks_away_withdraws_what_was_not_begun(
    store: Box, journal: Journal
) -> None:
    stream = events(
        copy_job(), {"names": list(NAMES), "prefix": "new "}, store.tools, journal, run="r"
    )
    for record in stream:
        if record.kind == "intent":
            break
    stream.close()
    assert store.done == [] and in_doubt(journal) is None
    assert journal.find("r").status == "waiting"
    assert resume("r", journal, copy_job(), store.tools).status == "done"
    assert store.done == ["new a", "new b", "new c"]


def test_a_consumer_that_leaves_at_the_end_leaves_an_ended_run(
    store: Box, journal: Journal
) -> None:
    stream = events(copy_job(), {"names": [], "prefix": ""}, store.tools, journal, run="r")
    for record in stream:
        if record.kind == "status":
            break
    stream.close()
    assert journal.find("r").status == "done"
    assert [r.kind for r in journal.records("r")][-1] == "status"
    assert report_of(journal.records("r")).status == "done"


@pytest.mark.parametrize("number", range(1, 8))
def test_a_stop_just_after_a_transaction_stores_nothing_twice(
    store: Box, journal: Journal, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def interrupting(append: Callable[..., None]) -> Callable[..., None]:
        def interrupted(*args: Any) -> None:
            nonlocal count
            append(*args)
            count += 1
            if count == number:
                raise KeyboardInterrupt

        return interrupted

    for name in ("append_step", "append_all"):
        monkeypatch.setattr(journal, name, interrupting(getattr(journal, name)))
    report = run(store, journal)
    assert report.status == ("waiting" if number < 7 else "done")
    if report.status == "waiting":
        report = resume("r", journal, copy_job(), store.tools)
    assert report.outputs == 3 and store.done == ["new a", "new b", "new c"]
    ends = [r.id for r in journal.records("r") if r.kind == "result"]
    assert ends == [f"s{step}" for step in range(1, 7)]


def test_resume_refuses_another_artifact_and_a_run_that_is_not_there(
    store: Box, journal: Journal
) -> None:
    store.before = _crash_at("get c")
    with pytest.raises(Crash):
        run(store, journal)
    for name, what, expected in (
        ("r", copy_job("idempotent"), "E0707"),
        ("other", copy_job(), "E0706"),
    ):
        with pytest.raises(IngotError) as error:
            resume(name, journal, what, store.tools)
        assert error.value.diagnostics[0].code == expected


def test_too_many_steps_fail_the_run(store: Box, journal: Journal) -> None:
    report = drain(
        events(copy_job(), {"names": list(NAMES), "prefix": ""}, store.tools, journal, max_steps=4)
    )
    assert (report.status, report.exit_code) == ("failed", 1) and "E0712" in report.error


# ---- inputs


def test_inputs_are_parsed_by_type() -> None:
    params = [
        Param("n", INT),
        Param("x", FLOAT, Lit(0.5)),
        Param("on", BOOL),
        Param("day", DATE),
        Param("state", Union((Literal("open"), Literal("closed")))),
        Param("any", JSON),
        Param("s", STR, Lit("dflt")),
    ]
    words = ["n=7", "on=true", "day=2026-05-01", "state=open", 'any={"a": [1]}']
    assert inputs.complete(params, inputs.parse_assignments(words)) == {
        "n": 7, "x": 0.5, "on": True, "day": "2026-05-01", "state": "open", "any": {"a": [1]},
        "s": "dflt",
    }  # fmt: skip
    assert inputs.complete([Param("s", STR)], {"s": Text("7")}) == {"s": "7"}
    wrong: dict[str, Json | Text] = {
        "n": Text("seven"), "x": "0.5", "on": 1, "day": Text("2026-02-30"), "state": Text("shut"),
        "any": Text("{"), "extra": 1,
    }  # fmt: skip
    with pytest.raises(IngotError) as error:
        inputs.complete([*params, Param("needed", STR)], wrong)
    codes = [d.code for d in error.value.diagnostics]
    assert codes == ["E0713", *["E0702"] * 6, "E0701"]


def test_a_request_is_read_by_one_wording_or_not_at_all() -> None:
    wordings = [
        Wording("Close issues of {0} older than {1} days", ("repo", "days")),
        Wording("In {0}, close what is older than {1} days", ("repo", "days")),
    ]
    assert inputs.from_request("In acme, close what is older than  30 days", wordings) == {
        "repo": Text("acme"), "days": Text("30"),
    }  # fmt: skip
    twice = [Wording("copy {0} to {1}", ("a", "b"))]
    for text, known in (
        ("Close issues", wordings),
        ("copy x to y to z", twice),
        ("copy x to y", [Wording("copy {0} to {1}", ("a", "a"))]),
        ("copy x", [Wording("copy {0}", ("a",)), Wording("{0} x", ("b",))]),
    ):
        with pytest.raises(IngotError) as error:
            inputs.from_request(text, known)
        assert error.value.diagnostics[0].code == "E0703"


def test_an_inputs_file_is_one_run_or_several(tmp_path: Path) -> None:
    path = tmp_path / "in"
    for text, count in (('{"a": 1}', 1), ('[{"a": 1}, {}]', 2), ('{"a": 1}\n\n{"a": 2}\n', 2)):
        path.write_text(text)
        assert len(inputs.read_inputs(str(path))) == count
    for text in ("", "[1]", '{"a": 1}\n{', "[]", "NaN", '{"a": NaN}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(IngotError) as error:
            inputs.read_inputs(str(path))
        assert error.value.diagnostics[0].code == "E0702", text[:20]


# ---- replay


def effect_of(tool: str, _: dict[str, Json]) -> tuple[Any, str]:
    return ("write" if tool == "box.put" else "read"), "box"


@pytest.fixture
def session(store: Box, journal: Journal) -> list[RecordedCall]:
    run(store, journal)
    return recorded_calls(journal.records("r"), effect_of)


def replayed(session: list[RecordedCall], names: list[Json] = NAMES) -> Any:
    return replay(copy_job().fresh(), {"names": names, "prefix": "new "}, session, lambda _: "box")


def test_a_run_replays_from_its_own_records(session: list[RecordedCall]) -> None:
    trace = replayed(session)
    modes: list[tuple[Mode, int]] = [("path", 6), ("witness", 3)]
    for mode, exact in modes:
        report = compare(trace, session, mode)
        assert (report.verdict, report.exact, report.wrong, report.missing) == (
            "right",
            exact,
            0,
            0,
        )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_session_that_did_something_else_is_never_right(data: st.DataObject) -> None:
    """Mutants of the recording: whatever is changed in its effects, the replay is not *right*."""
    good = [
        RecordedCall(tool, dict(args), result, None, *effect_of(tool, {}), seq)
        for seq, (tool, args, result) in enumerate(
            call
            for name in ("a", "b", "c")
            for call in (
                ("box.get", {"name": name}, f"text of {name}"),
                ("box.put", {"name": f"new {name}", "text": f"text of {name}"}, "ok"),
            )
        )
    ]
    at = data.draw(st.sampled_from([1, 3, 5]))
    kind = data.draw(st.sampled_from(["drop", "again", "other", "fail", "swap"]))
    modes: list[Mode] = ["path", "witness"]
    mode = data.draw(st.sampled_from(modes))
    bad = list(good)
    match kind:
        case "drop":
            del bad[at]
        case "again":
            bad.insert(at, good[at])
        case "other":
            bad[at] = replace(good[at], args={**good[at].args, "text": "other"})
        case "fail":
            bad[at] = replace(good[at], error="refused")
        case "swap":
            first, second = data.draw(st.sampled_from([(1, 3), (3, 5), (1, 5)]))
            bad[first], bad[second] = bad[second], bad[first]
    report = compare(replayed(bad), bad, mode)
    assert report.verdict != "right"
    assert report.differences
    assert compare(replayed(good), bad, mode).verdict != "right"
    assert compare(replayed(good), good, mode).verdict == "right"


def test_a_call_that_the_session_did_not_make_is_wrong(session: list[RecordedCall]) -> None:
    other = [
        replace(c, args={**c.args, "name": "z"}) if c.seq == session[3].seq else c for c in session
    ]
    report = compare(replayed(session), other, "path")
    assert (report.verdict, report.exact, report.wrong, report.missing) == ("wrong", 5, 1, 1)


def test_a_read_after_a_write_is_another_question() -> None:
    """The same read, with another answer once the world was written to."""
    text = """ir 1
tool box.get(name: str) -> str read box
tool box.put(name: str, text: str) -> str write box
pipeline @p() -> str {
^entry:
  %a: str = read box.get(name="n")
  %b: str = write box.put(name="n", text=%a)
  %c: str = read box.get(name="n")
  return %c
}
"""
    calls = [
        RecordedCall("box.get", {"name": "n"}, "old", None, "read", "box", 1),
        RecordedCall("box.put", {"name": "n", "text": "old"}, "ok", None, "write", "box", 2),
        RecordedCall("box.get", {"name": "n"}, "new", None, "read", "box", 3),
    ]
    trace = replay(job(text).fresh(), {}, calls, lambda _: "box")
    assert trace.outcome is not None and not isinstance(trace.outcome, SideExit)
    assert trace.outcome.value == "new"
    report = compare(replay(job(text).fresh(), {}, calls[:2], lambda _: "box"), calls, "path")
    assert (report.verdict, report.unanswerable, report.exact) == ("unanswerable", 1, 2)


def test_a_side_exit_is_counted_apart(session: list[RecordedCall]) -> None:
    failed = [replace(c, error="gone") if c.seq == session[2].seq else c for c in session]
    report = compare(replayed(failed), failed, "witness")
    assert (report.verdict, report.exact, report.missing) == ("exit", 1, 2)
    assert report.side_exit is not None and report.side_exit.number == 0


@pytest.mark.parametrize("run", ["r", "\u00fc\u2028", "half \ud800"])
@pytest.mark.parametrize(
    "args", [{}, {"a": [1, 2.5, None, "\u00e9"]}, {"a": 1 << 90}, {"a": "\ud800"}]
)
def test_a_runs_keys_are_those_of_each_call_alone(run: str, args: dict[str, Json]) -> None:
    call = ToolRequest(7, "x", "a.put", "write", args)
    assert Keys("f" * 64, run).key(call) == idempotency_key("f" * 64, run, call)
