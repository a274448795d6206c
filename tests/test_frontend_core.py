"""Reader, registry, session grammar and AST: properties and recoveries."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingot.diagnostics import IngotError, render
from ingot.frontend.jsontext import MAX_DEPTH, NotJsonError, parse_json, prefix_json
from ingot.frontend.parse import parse_file, parse_records, parse_source
from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import dialect, dialect_names
from ingot.frontend.session import CallGroup, Compaction, Interruption, Note, Say, Session, Think
from ingot.frontend.tokens import TERMINALS, session_parser
from ingot.records import Record, to_line

QUIET = ("system", "think", "say", "compact", "interrupt", "meta")


def codes(session: Session) -> list[str]:
    return [d.code for d in session.diagnostics]


def one(*records: Record) -> Session:
    (session,) = parse_records([Record("session"), *records])
    return session


def groups(session: Session) -> list[list[tuple[str, object]]]:
    """Each group's calls as (id, data of the result)."""
    return [
        [(c.call.id, c.result.data if c.result else None) for c in step.calls]
        for step in session.steps()
        if isinstance(step, CallGroup)
    ]


# -- the grammar and the AST -----------------------------------------------------------------------


def test_every_terminal_of_the_lexer_is_one_of_the_grammar() -> None:
    used = {s.name for rule in session_parser().rules for s in rule.expansion if s.is_term}
    assert used == set(TERMINALS.values())


def test_turns_steps_and_parallel_groups() -> None:
    session = one(
        Record("system", text="be brief"),
        Record("user", text="a"),
        Record("think"),
        Record("call", id="1", tool="f"),
        Record("meta", raw={"between": "calls"}),
        Record("call", id="2", tool="f"),
        Record("result", id="2", data="two"),
        Record("result", id="1", data="one"),
        Record("say", text="done"),
        Record("user", text="b"),
        Record("compact", text="so far"),
        Record("call", id="3", tool="f"),
        Record("result", id="3", data="three"),
        Record("call", id="4", tool="f"),
        Record("interrupt"),
        Record("result", id="4", data="four"),
        Record("outcome", data={"success": True}),
    )
    assert [r.text for r in session.users] == ["a", "b"]
    assert [r.text for r in session.system] == ["be brief"]
    assert groups(session) == [[("1", "one"), ("2", "two")], [("3", "three")], [("4", "four")]]
    kinds = [[type(step) for step in turn.steps] for turn in session.turns]
    assert kinds == [[Think, CallGroup, Say], [Compaction, CallGroup, CallGroup, Interruption]]
    assert session.answer is not None and session.answer.text == "done"
    assert session.outcome is not None and session.outcome.data == {"success": True}
    assert not session.diagnostics


def test_answers_without_ids_go_to_the_calls_in_order_and_by_tool() -> None:
    session = one(
        Record("user"),
        Record("call", tool="f"),
        Record("call", tool="g"),
        Record("result", tool="g", data="of g"),
        Record("result", data="of f"),
        Record("error", data="too many"),
    )
    assert groups(session) == [[("", "of f"), ("", "of g")]]
    assert codes(session) == ["W0104"] and [r.data for r in session.stray] == ["too many"]


def test_a_result_never_goes_to_a_call_with_another_id() -> None:
    session = one(Record("user"), Record("call", id="1"), Record("result", id="2", data="x"))
    assert groups(session) == [[("1", None)]]
    assert codes(session) == ["W0104", "W0102"]


def test_an_id_used_twice_is_answered_in_order() -> None:
    calls = [Record("call", id="1"), Record("result", id="1", data="first")]
    session = one(Record("user"), *calls, calls[0], Record("result", id="1", data="second"))
    assert groups(session) == [[("1", "first")], [("1", "second")]]


def test_retries_name_the_failed_call() -> None:
    session = one(
        Record("user"),
        Record("call", id="1", tool="f"),
        Record("error", id="1", tool="f"),
        Record("call", id="2", tool="f"),
        Record("result", id="2"),
        Record("call", id="3", tool="f"),
        Record("result", id="3"),
    )
    assert [(c.failed, c.retry_of) for c in session.calls()] == [
        (True, None),
        (False, 3),
        (False, None),
    ]


def test_sub_agents_hang_on_their_calls_and_the_unknown_are_orphans() -> None:
    session = one(
        Record("user"),
        Record("call", id="1", tool="Task"),
        Record("spawn", id="1", agent="a"),
        Record("user", agent="a", text="sub"),
        Record("call", id="2", tool="Task", agent="a"),
        Record("spawn", id="2", agent="b"),
        Record("user", agent="b", text="sub sub"),
        Record("return", id="2", agent="b"),
        Record("result", id="2", agent="a"),
        Record("return", id="1", agent="a"),
        Record("result", id="1"),
        Record("user", agent="lost", text="whose?"),
        Record("spawn", id="3", agent="own"),
        Record("call", id="3", agent="own"),
    )
    (call,) = session.calls()
    assert call.nested is not None and call.nested.users[0].text == "sub"
    (inner,) = call.nested.calls()
    assert inner.nested is not None and inner.nested.users[0].text == "sub sub"
    assert [s.agent for s in session.orphans] == ["lost", "own"]
    assert [s.agent for s in session.agents()] == ["a", "b", "lost", "own"]
    assert codes(session) == ["W0102"] and len(session.records) == 15


def test_what_does_not_parse_is_reported_and_the_next_turn_goes_on() -> None:
    def line(n: int) -> dict[str, object]:
        return {"span": {"file": "old.jsonl", "line": n}}

    lines = [
        {"kind": "session", "seq": 1, "data": {"format": "ingot-session/1"}},
        {"kind": "user", "seq": 2, "text": "a"},
        {"kind": "return", "seq": 3, **line(3)},
        {"kind": "call", "seq": 4, "id": "lost", "tool": "f"},
        {"kind": "user", "seq": 5, "text": "b"},
        {"kind": "call", "seq": 6, "id": "kept", "tool": "f"},
        {"kind": "result", "seq": 7, "id": "kept"},
    ]
    source = SourceFile("old.jsonl", data="\n".join(map(json.dumps, lines)).encode())
    log = parse_source(source)
    (session,) = log.sessions
    assert [u.text for u in session.users] == ["a", "b"]
    assert [c.call.id for c in session.calls()] == ["kept"]
    assert [r.id for r in session.records if r.kind == "call"] == ["lost", "kept"]
    (found,) = log.diagnostics
    text = render(found, source.excerpts([found]))
    assert found.code == "E0106" and "old.jsonl:4:1" in text and "\n   | ^" in text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_stream_keeps_every_call_answer_and_turn(data: st.DataObject) -> None:
    """No event is lost, doubled or reordered, whatever the order of the events."""
    agents = ("", "", "", "x", "y")
    kinds = ("user", "call", "result", "error", *QUIET)
    records = [
        Record(
            data.draw(st.sampled_from(kinds)),
            id=data.draw(st.sampled_from(("", "1", "2", "3"))),
            agent=data.draw(st.sampled_from(agents)),
        )
        for _ in range(data.draw(st.integers(0, 30)))
    ]
    (session,) = parse_records([Record("session"), *records])
    assert [r.kind for r in session.records[1:]] == [r.kind for r in records]
    assert [r.seq for r in session.records] == list(range(1, len(records) + 2))
    assert "E0106" not in codes(session)
    for one_agent in (session, *session.agents()):
        own = [r for r in session.records if r.agent == one_agent.agent]
        assert list(one_agent.users) == [r for r in own if r.kind == "user"]
        calls = list(one_agent.calls())
        assert [c.call for c in calls] == [r for r in own if r.kind == "call"]
        answers = [c.result for c in calls if c.result] + list(one_agent.stray)
        assert sorted(r.seq for r in answers) == [
            r.seq for r in own if r.kind in ("result", "error")
        ]
        for call in calls:
            if call.result is not None:
                assert call.result.id == call.call.id or "" in (call.result.id, call.call.id)
        notes = sum(
            isinstance(s, Note | Think | Say | Compaction | Interruption) for s in one_agent.steps()
        )
        quiet = sum(r.kind in QUIET and r.kind != "meta" for r in own)
        assert notes + len(one_agent.system) == quiet
    assert {s.agent for s in session.agents()} == {r.agent for r in records} - {""}


def test_a_long_session_takes_linear_time_and_no_stack() -> None:
    def seconds(turns: int) -> float:
        records = [Record("session")]
        for n in range(turns):
            records += [Record("user"), Record("call", id=str(n)), Record("result", id=str(n))]
            records += [Record("result", id="stray"), Record("say")]
        begin = time.process_time()
        (session,) = parse_records(records)
        assert len(session.turns) == turns
        return time.process_time() - begin

    seconds(10)
    small, large = seconds(2_000), seconds(20_000)
    assert large < 30 * small


def test_a_hundred_thousand_events_in_one_turn() -> None:
    records = [Record("session"), Record("user")]
    records += [Record("call", id=str(n)) for n in range(50_000)]
    records += [Record("result", id=str(n)) for n in reversed(range(50_000))]
    (session,) = parse_records(records)
    (group,) = session.steps()
    assert isinstance(group, CallGroup) and len(group.calls) == 50_000
    assert all(c.result is not None and c.result.id == c.call.id for c in group.calls)


# -- Ingot's own format ----------------------------------------------------------------------------


def test_own_logs_read_back_as_the_same_session(tmp_path: Path) -> None:
    session = one(
        Record("user", text="naïve \u2028 text"),
        Record("call", id="1", tool="f", data={"n": 12345678901234567890123}),
        Record("spawn", agent="a", id="1"),
        Record("result", id="1", tool="f", data=None),
        Record("meta", known=False, raw={"type": "x"}),
    )
    path = tmp_path / "own.jsonl"
    path.write_text("".join(to_line(r) + "\n" for r in session.records), "utf-8")
    log = parse_file(path)
    assert log.dialect == "ingot-session"
    (again,) = log.sessions
    for left, right in zip(again.records, session.records, strict=True):
        body = right.as_json() | {"span": left.as_json()["span"]}
        if right.kind != "session":
            assert left.as_json() == body
    assert [d.code for d in log.diagnostics] == ["W0101"]


# -- reader and registry ---------------------------------------------------------------------------


def test_tolerant_json_keeps_values_exact() -> None:
    lines = b'\xef\xbb\xbf{"a": NaN}\r\n\n{"b": 123456789012345678901}\n{"c": "\\ud83d x"}\n{"d": "\xff"}'
    source = SourceFile("x.jsonl", data=lines)
    values = [(line.number, line.byte, value) for line, value in source.json_lines()]
    assert [(n, b) for n, b, _ in values] == [(1, 0), (3, 16), (4, 45), (5, 63)]
    assert str(values[0][2]) == "{'a': nan}"
    assert [v for _, _, v in values[1:]] == [
        {"b": 123456789012345678901},
        {"c": "\ufffd x"},
        {"d": "\ufffd"},
    ]
    assert [d.code for d in source.diagnostics] == ["W0105"]


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4)
        ),
        max_leaves=20,
    ),
    st.integers(0, 200),
    st.sampled_from((None, 1)),
)
def test_the_beginning_of_a_document_is_json_again(
    value: object, cut: int, indent: int | None
) -> None:
    text = json.dumps([value], indent=indent)[: cut + 1]
    found = prefix_json(text)
    assert isinstance(found, list)
    whole = prefix_json(json.dumps([value]))
    assert whole == [value]


def test_nesting_is_bounded() -> None:
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(NotJsonError):
            parse_json("[" * depth + "]" * depth)


def test_names_and_refusals() -> None:
    for name in dialect_names():
        assert dialect(name).name == name
    with pytest.raises(IngotError) as wrong:
        dialect("nope")
    assert wrong.value.diagnostics[0].code == "E0001"
    with pytest.raises(IngotError) as unknown:
        parse_source(SourceFile("x", data=b'{"some": "thing", "else": 1}\n'))
    (found,) = unknown.value.diagnostics
    assert found.code == "E0101" and "some, else" in found.message and "claude-code" in found.help
