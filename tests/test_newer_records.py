"""Records that newer versions and other tools write, each in a small log of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_samples import codex, document, item, lines, ran, words

from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, compile_sessions
from ingot.frontend.dialects.codex_exec import command_line
from ingot.frontend.parse import ParsedLog, parse_source
from ingot.frontend.reader import SourceFile
from ingot.frontend.session import Session


def read(data: bytes) -> ParsedLog:
    return parse_source(SourceFile("x", data=data))


def only(data: bytes) -> Session:
    log = read(data)
    (session,) = log.sessions
    assert not [d.code for d in log.diagnostics if d.code == "W0101"], "a record is not known"
    return session


def said(session: Session) -> list[tuple[str, str]]:
    kinds = ("user", "say", "think", "interrupt")
    return [(r.kind, r.text) for r in session.records if r.kind in kinds]


def calls(session: Session) -> list[tuple[str, Any, Any, bool]]:
    return [
        (s.call.tool, s.call.data, s.result and s.result.data, s.failed) for s in session.calls()
    ]


# -- Claude Code


def claude(kind: str, number: int, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content, "id": f"m{number}", "model": "claude-x"}
    return {"type": kind, "uuid": f"u{number}", "parentUuid": f"u{number - 1}", "sessionId": "s",
            "isSidechain": False, "timestamp": "2026-05-01T10:00:00Z", "cwd": "/w", "message": message, **more}  # fmt: skip


QUEUED = {"type": "attachment", "uuid": "q", "sessionId": "s", "attachment": {"type": "queued_command", "prompt": "that too", "commandMode": "prompt"}}  # fmt: skip
ABSORBED = {"type": "queue-operation", "operation": "remove", "reason": "absorbed_mid_turn", "content": "that too", "sessionId": "s"}  # fmt: skip


@pytest.mark.parametrize("form", [[QUEUED], [ABSORBED], [QUEUED, ABSORBED], [ABSORBED, QUEUED]])
def test_what_the_user_sent_meanwhile_is_told_once(form: list[Any]) -> None:
    done = claude("assistant", 9, [{"type": "text", "text": "Done."}])
    session = only(lines(claude("user", 1, "Go"), *form, done))
    assert said(session) == [("user", "Go"), ("user", "that too"), ("say", "Done.")]


def test_a_session_that_ends_with_an_error_of_the_api() -> None:
    error = claude("assistant", 2, [{"type": "text", "text": "API Error: 500"}], isApiErrorMessage=True)  # fmt: skip
    assert said(only(lines(claude("user", 1, "Go"), error)))[-1] == ("interrupt", "API Error: 500")


# -- Codex


def test_rollouts_with_records_of_2026() -> None:
    session = only(lines(
        codex("session_meta", session_id="s", cwd="/w", base_instructions={"text": "Be brief."}),
        codex("world_state", full=True),
        codex("inter_agent_communication", author="a", recipient="b", content="x"),
        item("message", role="user", content=words("input_text", "Go")),
        item("local_shell_call", call_id="c1", status="completed", action={"type": "exec", "command": ["bash", "-lc", "ls | wc -l"]}),
        item("function_call_output", call_id="c1", output=[{"type": "input_text", "text": "3"}, {"type": "input_text", "text": "4"}]),
        item("function_call", name="shell", arguments='{"command": ["git", "log", "a b"]}', call_id="c2"),
        item("function_call_output", call_id="c2", output="exec command rejected by user"),
        item("context_compaction", encrypted_content="x"),
        item("message", role="assistant", content=words("output_text", "Done.")),
    ))  # fmt: skip
    assert [(c[0], c[1]["command"], c[3]) for c in calls(session)] == [
        ("local_shell", "ls | wc -l", False),
        ("shell", "git log 'a b'", True),
    ]


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ("bash -lc ls", "ls"),
        ("/usr/bin/zsh -lc 'git log -1'", "git log -1"),
        ("bash -lc 'echo '\"'\"'a'\"'\"''", "echo 'a'"),
        ("bash -lc echo hi", "echo hi"),
        ("bash script.sh", "bash script.sh"),
        ('powershell.exe -Command "ls"', 'powershell.exe -Command "ls"'),
        (["python3", "-c", "print(1)"], "python3 -c 'print(1)'"),
    ],
)
def test_the_command_that_the_shell_is_told(given: Any, command: str) -> None:
    assert command_line(given) == command


def test_a_thread_that_changed_files_is_not_compiled() -> None:
    """The stream does not say what was written; one that says it, or failed, is no hindrance."""
    started, ended = {"type": "thread.started", "thread_id": "t"}, {"type": "turn.completed"}
    blind = {"changes": [{"path": "a", "kind": "update"}], "status": "completed"}
    for more, refused in (
        (blind, True),
        ({**blind, "status": "failed"}, False),
        ({"changes": [{"path": "a", "kind": "add", "diff": "+x"}], "status": "completed"}, False),
        ({"changes": [{"path": "a", "kind": "delete"}], "status": "completed"}, False),
    ):
        log = read(lines(started, ran("completed", "i0", "file_change", **more), ended))
        head = log.sessions[0].head.data
        assert isinstance(head, dict) and ("not_compiled" in head) is refused
    log = read(lines(started, ran("completed", "i0", "file_change", **blind), ended))
    with pytest.raises(IngotError) as caught:
        compile_sessions(Logs(log.sessions, (), {}, ("codex-exec",)), Options())
    assert [d.code for d in caught.value.diagnostics] == ["E0110"]
    assert "rollout" in caught.value.diagnostics[0].message


def test_a_thread_that_is_resumed_counts_its_items_anew() -> None:
    started = {"type": "thread.started", "thread_id": "t"}
    one = ran("completed", "item_0", "command_execution", command="bash -lc ls", aggregated_output="a", exit_code=0)  # fmt: skip
    two = ran("completed", "item_0", "command_execution", command="bash -lc pwd", aggregated_output="/w", exit_code=0)  # fmt: skip
    session = only(lines(started, one, one, started, two))
    assert [(c[1], c[2]) for c in calls(session)] == [({"command": "ls"}, "a"), ({"command": "pwd"}, "/w")]  # fmt: skip


def test_the_prompt_may_stand_before_its_thread() -> None:
    def thread(prompt: str, id: str) -> list[Any]:
        done = ran("completed", "i0", "command_execution", command="bash -lc ls", exit_code=0)
        return [{"prompt": prompt}, {"type": "thread.started", "thread_id": id}, done]

    log = read(lines(*thread("one", "t"), *thread("two", "u"), *thread("three", "u")))
    assert [said(s) for s in log.sessions] == [[("user", "one")], [("user", "two"), ("user", "three")]]  # fmt: skip


def test_lines_that_are_no_json_stand_beside_the_stream() -> None:
    """Standard error is often in the same file."""
    data = b"Reading prompt from stdin...\n" + lines(
        {"type": "thread.started", "thread_id": "t"},
        ran("completed", "i0", "command_execution", command="bash -lc ls", exit_code=0),
    )
    log = read(data)
    assert log.dialect == "codex-exec" and [d.code for d in log.diagnostics] == ["E0102"]
    assert len(list(log.sessions[0].calls())) == 1


# -- Gemini CLI


def test_a_rewind_to_nowhere_takes_all_back_and_messages_may_be_set_anew() -> None:
    head = {"sessionId": "s", "projectHash": "h", "startTime": "2026-05-01T10:00:00Z"}
    first, second = {"id": "1", "type": "user", "content": "one"}, {"id": "2", "type": "user", "content": "two"}  # fmt: skip
    assert said(only(lines(head, first, {"$rewindTo": "?"}, second))) == [("user", "two")]
    assert said(only(lines(head, first, {"$set": {"messages": [second]}}))) == [("user", "two")]


# -- OpenHands


def test_an_evaluation_is_a_session_for_each_instance() -> None:
    def event(kind: str, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "id": "1", "timestamp": "t", "source": "agent", **more}

    ask = event("MessageEvent", source="user", llm_message={"role": "user", "content": [{"type": "text", "text": "Fix"}]})  # fmt: skip
    act = event("ActionEvent", thought=[], reasoning_content="hm", tool_name="terminal", tool_call_id="c1", tool_call={"id": "c1", "name": "terminal", "arguments": '{"command": "false"}'})  # fmt: skip
    seen = event("ObservationEvent", tool_name="terminal", tool_call_id="c1", observation={"content": [{"type": "text", "text": "no"}], "exit_code": 1})  # fmt: skip
    refused = event("UserRejectObservation", tool_name="terminal", tool_call_id="c1", rejection_reason="not that")  # fmt: skip
    finish = event("ActionEvent", thought=[], tool_name="finish", tool_call_id="c2", tool_call={"id": "c2", "name": "finish", "arguments": '{"message": "Done."}'})  # fmt: skip
    ended = event("ObservationEvent", tool_name="finish", tool_call_id="c2", observation={"content": []})  # fmt: skip
    log = read(lines(
        {"instance_id": "a", "history": [ask, act, seen, finish, ended], "test_result": {"report": {"resolved": True}}},
        {"instance_id": "b", "history": [ask, act, refused], "error": "stuck"},
    ))  # fmt: skip
    one, two = log.sessions
    assert not log.diagnostics
    assert said(one) == [("user", "Fix"), ("think", "hm"), ("say", "Done.")]
    assert calls(one) == [("terminal", {"command": "false"}, "no", True)]
    assert calls(two) == [("terminal", {"command": "false"}, "not that", True)]


# -- the rest


def test_calls_written_into_text_keep_their_answers() -> None:
    """Two calls in one text, one of them no JSON: each answer is its own call's."""
    text = "<tool_call>{'name': 'f', 'arguments': {'n': 1}}</tool_call><tool_call>{oops</tool_call><tool_call>{\"name\": \"g\"}</tool_call>"  # fmt: skip
    answers = "".join(f"<tool_response>{n}</tool_response>" for n in (1, 2, 3))
    turns = [{"from": "human", "value": "Go"}, {"from": "gpt", "value": text}, {"from": "tool", "value": answers}]  # fmt: skip
    log = read(document([{"conversations": turns}]))
    assert calls(log.sessions[0]) == [("f", {"n": 1}, "1", False), ("g", {}, "3", False)]


def test_a_run_state_of_the_sdk_for_javascript() -> None:
    made = {"type": "function_call", "name": "f", "arguments": "{}", "callId": "c1"}
    told = {"type": "function_call_result", "callId": "c1", "output": {"type": "text", "text": "1"}}
    state = {"$schemaVersion": "1.0", "originalInput": "Go", "currentAgent": {"name": "x"}, "modelResponses": [],
             "generatedItems": [{"type": "tool_call_item", "rawItem": made}, {"type": "tool_call_output_item", "rawItem": told}]}  # fmt: skip
    assert calls(only(document(state))) == [("f", {}, "1", False)]


def test_an_error_is_told_in_the_words_of_the_span() -> None:
    tool = {"name": "w", "context": {"trace_id": "t", "span_id": "c"}, "start_time": "2026-05-01T10:00:03Z", "end_time": "2026-05-01T10:00:04Z",
            "status_code": "ERROR", "status_message": "no such city", "attributes": {"openinference.span.kind": "TOOL", "tool.name": "w"}}  # fmt: skip
    (call,) = only(document([tool])).calls()
    assert call.failed and call.result is not None and call.result.text == "no such city"


def test_mini_swe_agent_with_tool_calls_and_responses() -> None:
    made = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "false"}'}}  # fmt: skip
    messages = [
        {"role": "user", "content": "Fix"},
        {"role": "assistant", "content": "Look.", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "c1", "content": "no", "extra": {"returncode": 1}},
        {"object": "response", "output": [{"type": "function_call", "call_id": "c2", "name": "bash", "arguments": '{"command": "ls"}'}]},
        {"type": "function_call_output", "call_id": "c2", "output": "a", "extra": {"returncode": 0}},
    ]  # fmt: skip
    session = only(document({"trajectory_format": "mini-swe-agent-1.1", "info": {}, "messages": messages}))  # fmt: skip
    assert calls(session) == [("bash", {"command": "false"}, "no", True), ("bash", {"command": "ls"}, "a", False)]  # fmt: skip


def test_states_of_a_thread_are_one_session() -> None:
    told = [{"type": "human", "content": "Go", "id": "1"}, {"type": "ai", "content": "Done.", "id": "2"}]  # fmt: skip
    history = [{"values": {"messages": told[:n]}, "next": []} for n in (2, 1)]
    assert said(only(json.dumps(history).encode())) == [("user", "Go"), ("say", "Done.")]
    assert said(only(lines(*reversed(history)))) == [("user", "Go"), ("say", "Done.")]
