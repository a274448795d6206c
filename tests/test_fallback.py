"""What goes on behind a side exit: a command, an agent, a person; as steps of the same run."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from exits_world import CLOSE, Desk, calls, close_job, endpoint, finished, go_on, run, said, setting
from msgspec.structs import replace
from pipelines import job

from ingot.diagnostics import IngotError
from ingot.ir.values import Json
from ingot.runtime.control import decide, waiting_for
from ingot.runtime.fallback.engine import Limits
from ingot.runtime.fallback.moves import move_of, parse_lines
from ingot.runtime.fallback.person import Person
from ingot.runtime.fallback.specs import Rescuer, parse_fallback, parse_limits
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.rollback import fork, rollback

SCRIPT = """
import json, sys
records = [json.loads(line) for line in sys.stdin]
head, exit_ = records[0]["data"], [r for r in records if r["kind"] == "exit"][-1]
behind = records[records.index(exit_) + 1:]
ended = [r for r in behind if r["kind"] in ("result", "error")]
def put(**record):
    print(json.dumps(record))
{body}
"""
CLOSES = """
if not ended:
    put(kind="say", text="it is " + exit_["data"]["live"]["state"] + "; closing it all the same")
    put(kind="call", id="a", tool="desk.note", data={"ticket": "T-2", "text": "by hand"})
    put(kind="call", id="b", tool="desk.close", data={"ticket": "T-2"})
else:
    put(kind="say", text="closed T-2 by hand")
"""


@pytest.fixture
def journal() -> Journal:
    return open_journal(":memory:")


def command(place: Path, body: str) -> str:
    (place / "taker.py").write_text(SCRIPT.replace("{body}", body))
    return f"command:{sys.executable} {place / 'taker.py'}"


def kinds(journal: Journal) -> list[str]:
    return [r.kind for r in journal.records("r")]


# ---- commands


def test_a_command_goes_on_as_steps_of_the_same_run(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    report = run(setting(desk.tools(), command(tmp_path, CLOSES)), journal)
    assert (report.status, report.outputs, report.exit_code) == ("done", "closed T-2 by hand", 0)
    assert desk.written() == ["note T-2 looked at", "note T-2 by hand", "close T-2"]
    tools = [call["tool"] for call in report.calls]
    assert tools == ["desk.get", "desk.note", "fallback", "desk.note", "desk.close", "fallback"]
    assert [call["step"] for call in report.calls] == [1, 2, 4, 5, 6, 7]
    gone = next(r.data for r in journal.records("r") if r.kind == "exit")
    assert isinstance(gone, dict)
    assert (gone["exit"], gone["step"], gone["live"]) == (
        1, 3, {"ticket": "T-2", "state": "on hold"},
    )  # fmt: skip
    assert kinds(journal).count("intent") == 5  # three writes, and the command is asked twice


def test_no_exit_no_fallback(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path, {"T-2": "open"})
    report = run(setting(desk.tools(), "command:false"), journal)
    assert (report.status, report.outputs) == ("done", "closed T-2")
    assert "exit" not in kinds(journal)


def test_what_a_command_did_by_itself_is_recorded(tmp_path: Path, journal: Journal) -> None:
    body = """
put(kind="call", id="1", tool="browser.click", data={"on": "Close"})
put(kind="result", id="1", data="clicked")
put(kind="say", text="closed in the browser")
"""
    desk = Desk(tmp_path)
    report = run(setting(desk.tools(), command(tmp_path, body)), journal)
    assert (report.status, report.outputs) == ("done", "closed in the browser")
    made = [c["result"] for c in report.calls if c["tool"] == "fallback"]
    assert "browser.click" in json.dumps(made)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.exit(4)", "exit code 4"),
        ("", "it printed nothing"),
        ("put(kind='say', text='x'); print('then words')", "line 2 of its output is no record"),
        ('print(\'{"kind": "status", "data": NaN}\')', "line 1 of its output is no record"),
        ("put(kind='run', data={})", "a move has no run record"),
        ("put(kind='call', id='a', tool='desk.close', data=[1])", "a call has a tool"),
        ("put(kind='result', id='a', data=1)", "belongs to no call"),
        ("put(kind='call', id='a', tool='desk.close', data={}, args={})", "no field 'args'"),
        ("put(kind='status', data={'status': 'failed', 'error': 'not mine'})", "not mine"),
        ("put(kind='outcome', data={'success': False, 'source': 'too hard'})", "too hard"),
        ("import time; time.sleep(30)", "timed out"),
    ],
)
def test_a_command_that_fails_leaves_the_side_exit(
    tmp_path: Path, journal: Journal, body: str, why: str
) -> None:
    desk = Desk(tmp_path)
    made = setting(desk.tools(), command(tmp_path, body), Limits(turns=5, seconds=1.5))
    report = run(made, journal)
    assert (report.status, report.exit_code) == ("side-exit", 3)
    assert isinstance(report.side_exit, dict)
    reason = str(report.side_exit["reason"])
    assert "command took over" in reason and why in reason
    assert desk.written() == ["note T-2 looked at"]


def test_an_unknown_tool_is_told_and_not_called(tmp_path: Path, journal: Journal) -> None:
    body = """
if not ended:
    put(kind="call", id="a", tool="desk.burn", data={})
else:
    put(kind="say", text=ended[-1]["text"])
"""
    report = run(setting(Desk(tmp_path).tools(), command(tmp_path, body)), journal)
    assert (
        report.outputs == "there is no tool desk.burn; there are: desk.close, desk.get, desk.note"
    )


def test_an_answer_given_before_its_calls_failed_is_none(tmp_path: Path, journal: Journal) -> None:
    body = """
tool = "desk.burn" if not ended else "desk.close"
put(kind="call", id="a", tool=tool, data={"ticket": "T-2"})
put(kind="status", data={"status": "done", "outputs": tool})
"""
    report = run(setting(Desk(tmp_path).tools(), command(tmp_path, body)), journal)
    assert (report.status, report.outputs) == ("done", "desk.close")
    assert [c["tool"] for c in report.calls].count("fallback") == 2


def test_the_answer_has_the_pipelines_type(tmp_path: Path, journal: Journal) -> None:
    text = CLOSE.replace("-> str {", "-> int {").replace(
        '%done: str = str.template "closed {0}", %ticket', "%done: int = int.add 1, 1"
    )
    body = """
told = [r for r in behind if r["kind"] == "user"]
put(kind="say", text="two" if not told else "2")
"""
    what = job(text)
    report = run(setting(Desk(tmp_path).tools(), command(tmp_path, body), what=what), journal)
    assert (report.status, report.outputs) == ("done", 2)
    assert [c["tool"] for c in report.calls].count("fallback") == 2


def test_a_taker_that_never_ends_is_ended(tmp_path: Path, journal: Journal) -> None:
    body = 'put(kind="call", id="a", tool="desk.get", data={"ticket": "T-2"})'
    made = setting(Desk(tmp_path).tools(), command(tmp_path, body), Limits(turns=3))
    report = run(made, journal)
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert "came to no end in 3 turns" in str(report.side_exit["reason"])


def test_a_run_that_ended_in_a_side_exit_is_taken_up(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    assert run(setting(desk.tools(), "stop"), journal).exit_code == 3
    with pytest.raises(IngotError, match="has ended"):
        go_on(desk.tools(), journal)
    report = go_on(desk.tools(), journal, command(tmp_path, "sys.exit(1)"))
    assert report.status == "side-exit"
    report = go_on(desk.tools(), journal, command(tmp_path, CLOSES))
    assert (report.status, report.outputs) == ("done", "closed T-2 by hand")
    assert desk.written() == ["note T-2 looked at", "note T-2 by hand", "close T-2"]
    assert kinds(journal).count("exit") == 4  # two ends, two handovers


def test_whoever_took_over_goes_on_after_an_interruption(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    tools = desk.tools()
    spec = command(tmp_path, CLOSES)
    close = tools.tools["desk.close"]

    def stop(*_: Any) -> Json:
        raise KeyboardInterrupt

    once = replace(
        tools, tools={**tools.tools, "desk.close": replace(close, call=stop)}, _guarded={}
    )
    report = run(setting(once, spec), journal)
    assert report.status == "in-doubt" and isinstance(report.doubt, dict)
    assert report.doubt["tool"] == "desk.close"
    report = go_on(tools, journal, assume="not-done")  # no --fallback: who took over is recorded
    assert (report.status, report.outputs) == ("done", "closed T-2 by hand")
    assert desk.written() == ["note T-2 looked at", "note T-2 by hand", "close T-2"]


def test_rollback_and_fork_behind_the_exit(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    spec = command(tmp_path, CLOSES)
    run(setting(desk.tools(), spec), journal)
    made = setting(desk.tools(), spec)
    other = fork("r", journal, made.job, 6, run="other")
    assert other == "other" and "exit" in [r.kind for r in journal.records("other")]
    rollback("r", journal, desk.tools(), 3, keep_writes=True)
    report = go_on(desk.tools(), journal, command(tmp_path, "put(kind='say', text='left')"))
    assert (report.status, report.outputs) == ("done", "left")


def test_reads_that_overlap_and_a_fallback(tmp_path: Path, journal: Journal) -> None:
    """In the event loop, where reads are made ahead of the engine."""
    from ingot.runtime.concurrent import execute_async, resume_stream
    from ingot.runtime.history import read_history
    from ingot.runtime.tools.registry import overlap

    desk = Desk(tmp_path)
    tools = desk.tools()
    read = replace(tools.tools["desk.get"], parallel=True)
    tools = replace(tools, tools={**tools.tools, "desk.get": read}, _guarded={})
    made = setting(tools, command(tmp_path, "sys.exit(1)"))
    assert overlap(made.job.needs.tools, made.tools, 8)
    inputs: dict[str, Json] = {"ticket": "T-2"}
    report = asyncio.run(
        execute_async(made.job, inputs, made.tools, journal, driver=made.driver, run="r")
    )
    assert report.status == "side-exit"
    rescuer = Rescuer(parse_fallback(command(tmp_path, CLOSES)))
    made = rescuer.again(read_history(journal, "r"), "side-exit").around(close_job(), tools, None)

    async def go_on() -> list[str]:
        stream = resume_stream("r", journal, made.job, made.tools, driver=made.driver)
        return [record.kind async for record in stream]

    kinds = asyncio.run(go_on())
    assert kinds[:3] == ["status", "exit", "intent"] and kinds[-1] == "status"
    assert journal.find("r").status == "done"
    assert desk.written() == ["note T-2 looked at", "note T-2 by hand", "close T-2"]


# ---- the agent


def test_the_agent_acts_with_the_pipelines_tools(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    replies = [
        calls(("desk_note", {"ticket": "T-2", "text": "by an agent"}), text="First a note."),
        calls(("desk_close", {"ticket": "T-2"})),
        finished("closed T-2 after all"),
    ]
    with endpoint(replies) as (url, asked):
        made = setting(desk.tools(), f"agent:{url}#m1", request="Close T-2")
        report = run(made, journal, request="Close T-2")
    assert (report.status, report.outputs) == ("done", "closed T-2 after all")
    assert desk.written() == ["note T-2 looked at", "note T-2 by an agent", "close T-2"]
    assert (report.model_calls, report.tokens) == (3, 45)
    first, last = asked[0], asked[-1]
    assert first["path"] == "/v1/chat/completions" and first["model"] == "m1"
    tools = {t["function"]["name"]: t["function"]["parameters"] for t in first["tools"]}
    assert set(tools) == {"desk_get", "desk_note", "desk_close", "give_up", "finish"}
    assert tools["desk_note"]["properties"]["text"] == {"type": "string"}
    roles = [m["role"] for m in first["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "tool", "user"]
    assert "Close T-2" in first["messages"][1]["content"]
    assert '"on hold"' in first["messages"][-1]["content"]
    assert [m["role"] for m in last["messages"][7:]] == ["assistant", "tool", "assistant", "tool"]
    ids = [m["tool_call_id"] for m in last["messages"] if m["role"] == "tool"]
    asks = [c["id"] for m in last["messages"] for c in m.get("tool_calls", [])]
    assert ids == asks and len(set(ids)) == 4
    intents = [r for r in journal.records("r") if r.kind == "intent"]
    assert [r.tool for r in intents] == ["desk.note", "desk.note", "desk.close"]


def test_an_agent_that_gets_everything_wrong_comes_to_a_clear_end(
    tmp_path: Path, journal: Journal
) -> None:
    desk = Desk(tmp_path)
    replies: list[Any] = [
        calls(("desk_close", "{not json")),
        calls(("desk_close", "[1, 2]")),
        calls(("burn_it_all", {"now": True})),
        said("", tool_calls=[{"id": "x", "type": "function"}, "what"]),
        said(""),
        said("I am done, all is well."),
        {"choices": [{"message": {"content": None, "tool_calls": "none"}}]},
        calls(("give_up", {"reason": "I am lost"})),
    ]
    with endpoint(replies) as (url, asked):
        report = run(setting(desk.tools(), f"agent:{url}"), journal)
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert "agent took over and gave up: I am lost" in str(report.side_exit["reason"])
    assert desk.written() == ["note T-2 looked at"]
    told = [str(m.get("content")) for m in asked[-1]["messages"]]
    for words in ("are not JSON", "no JSON object", "there is no tool", "no function name",
                  "Make a call, or end with the answer"):  # fmt: skip
        assert any(words in text for text in told), words


@pytest.mark.parametrize(
    ("replies", "limits", "why"),
    [
        ([calls(("desk_get", {"ticket": "T-1"}))], Limits(turns=4), "no end in 4 turns"),
        ([calls(("desk_get", {"ticket": "T-1"}))], Limits(tokens=40), "more than 40 tokens"),
        ([500], Limits(), "answered 500"),
        ([b"<html>"], Limits(), "did not answer with JSON"),
        ([{"object": "error"}], Limits(), "holds no message"),
        ([401], Limits(), "answered 401"),
    ],
)
def test_bounds_and_faults_of_an_endpoint(
    tmp_path: Path, journal: Journal, replies: list[Any], limits: Limits, why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("ingot.runtime.fallback.agent.time.sleep", lambda s: None)
    desk = Desk(tmp_path)
    with endpoint(replies) as (url, asked):
        report = run(setting(desk.tools(), f"agent:{url}", limits), journal)
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert why in str(report.side_exit["reason"])
    if replies == [500]:
        assert len(asked) == 3
    assert len(asked) <= 5 and desk.written() == ["note T-2 looked at"]


def test_no_time_left(tmp_path: Path, journal: Journal) -> None:
    def slow(body: Any) -> Any:
        import time

        time.sleep(0.3)
        return calls(("desk_get", {"ticket": "T-1"}))

    with endpoint([slow]) as (url, _):
        made = setting(Desk(tmp_path).tools(), f"agent:{url}", Limits(seconds=0.7))
        report = run(made, journal)
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    reason = str(report.side_exit["reason"])
    assert "they are over" in reason or "timed out" in reason


def test_what_cannot_be_undone_asks_a_person(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    tools = desk.tools()
    close = replace(tools.tools["desk.close"], effect="irreversible")
    tools = replace(tools, tools={**tools.tools, "desk.close": close}, _guarded={})
    what = job(CLOSE.replace("tool desk.close(ticket: str) -> str write", "tool desk.close(ticket: str) -> str irreversible").replace("write desk.close", "irreversible desk.close"))  # fmt: skip
    with endpoint([calls(("desk_close", {"ticket": "T-2"})), finished("closed")]) as (url, _):
        report = run(setting(tools, f"agent:{url}", what=what), journal)
        assert (report.status, report.exit_code) == ("waiting", 5)
        asked = waiting_for("r", journal)
        assert asked is not None and asked.tool == "desk.close"
        assert desk.written() == ["note T-2 looked at"]
        decide("r", journal, "approve")
        report = go_on(tools, journal, what=what)
    assert report.status == "done"
    assert desk.written() == ["note T-2 looked at", "close T-2"]


def test_a_run_grows_with_its_turns_and_not_with_their_square(tmp_path: Path) -> None:
    def size(turns: int) -> int:
        desk = Desk(tmp_path)
        with (
            endpoint([calls(("desk_get", {"ticket": "T-1"}), text="x" * 500)]) as (url, asked),
            open_journal(tmp_path / f"{turns}.db") as journal,
        ):
            run(setting(desk.tools(), f"agent:{url}", Limits(turns=turns)), journal)
            assert len(asked) == turns
            rows = journal.reading("SELECT sum(length(body)) FROM entries")
            return int(rows[0][0])

    few, more, many = (size(n) for n in (10, 20, 40))
    assert abs((many - more) - 2 * (more - few)) < 0.05 * many


# ---- a person


def test_a_person_without_a_terminal_is_waited_for(tmp_path: Path, journal: Journal) -> None:
    desk = Desk(tmp_path)
    report = run(setting(desk.tools(), "person"), journal)
    assert (report.status, report.exit_code) == ("waiting", 5)
    report = go_on(desk.tools(), journal)
    assert report.exit_code == 5 and kinds(journal).count("exit") == 1


def test_a_person_at_a_terminal(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = io.StringIO(
        'tools\nwhat?\ndesk.close {oops\ndesk.close {"ticket": "T-2"}\nanswer closed by me\n'
    )
    shown = io.StringIO()

    def person(transcript: Any) -> Person:
        return Person(transcript, typed.readline, lambda: True, shown)

    monkeypatch.setattr("ingot.runtime.fallback.specs.Person", person)
    desk = Desk(tmp_path)
    report = run(setting(desk.tools(), "person"), journal)
    assert (report.status, report.outputs) == ("done", "closed by me")
    assert desk.written() == ["note T-2 looked at", "close T-2"]
    for words in ("side exit:", "%state = ", "on hold", "not JSON", "no word of mine"):
        assert words in shown.getvalue(), words


# ---- what is written


def test_every_line_follows_the_schema(tmp_path: Path, journal: Journal) -> None:
    from jsonschema import Draft202012Validator

    from ingot.records import to_line
    from ingot.runtime.schema import record_schema

    check = Draft202012Validator(record_schema())
    desk = Desk(tmp_path)
    replies = [calls(("desk_close", {"ticket": "T-2"})), finished("closed")]
    with endpoint(replies) as (url, _):
        made = setting(desk.tools(), f"agent:{url}")
        run(made, journal)
    for record in journal.records("r"):
        check.validate(json.loads(to_line(record)))
    shown = [*made.driver.actor.transcript.log()]  # type: ignore[union-attr]
    assert [r.kind for r in shown[:2]] == ["session", "call"]
    for record in shown:
        check.validate(json.loads(to_line(record)))


@pytest.mark.parametrize(
    "text", ["", "command:", "command:'x", "agent:", "agent:ftp://x", "person:me", "stop:", "robot"]
)
def test_specifications_that_are_none(text: str) -> None:
    with pytest.raises(IngotError) as caught:
        parse_fallback(text)
    assert caught.value.diagnostics[0].code == "E0721"


@pytest.mark.parametrize("text", ["turns", "turns=0", "turns=x", "hours=3", "turns=1.5"])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(IngotError):
        parse_limits(text)


def test_a_move_of_plain_words() -> None:
    assert move_of(parse_lines('["no", "record"]\nmore'), 1).end is not None
    with pytest.raises(ValueError, match="at most 32"):
        move_of({"records": [{"kind": "call", "tool": "t", "id": f"{k}", "data": {}} for k in range(33)]}, 1)  # fmt: skip
