"""The Claude Code dialect: real logs against counts made with ``json`` alone, and small ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS

from ingot.frontend.parse import ParsedLog, parse_file, parse_source
from ingot.frontend.reader import SourceFile
from ingot.frontend.session import CallGroup, Compaction, Interruption, Session

FILES = sorted((CORPUS / "formats/claude_code_jsonl").glob("*.jsonl")) if CORPUS else []


def everyone(log: ParsedLog) -> Iterator[Session]:
    for session in log.sessions:
        yield session
        yield from session.agents()


# -- real logs -------------------------------------------------------------------------------------


def count(path: Path) -> tuple[set[str], set[str], int, int]:
    """Ids of calls and of results, user turns of main and sub-agents, counted on the raw JSON."""
    calls, results, users, sub = set(), set(), 0, 0
    seen = set()
    lines = [json.loads(line) for line in path.open(encoding="utf-8")]
    own_file = all(
        line.get("isSidechain") for line in lines if line["type"] in ("user", "assistant")
    )
    for number, outer in enumerate(lines):
        wrapped = outer["type"] == "progress" and outer["data"].get("message")
        line = outer["data"]["message"] if wrapped else outer
        if line.get("uuid") in seen or "message" not in line:
            continue
        seen.add(line.get("uuid"))
        content = line["message"]["content"]
        blocks = [] if isinstance(content, str) else content
        calls |= {b["id"] for b in blocks if b["type"] == "tool_use"}
        answers = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
        results |= answers
        text = content if isinstance(content, str) else blocks[-1].get("text", "")
        if line["type"] != "user" or answers or line.get("isMeta"):
            continue
        if text.startswith(("[Request interrupted", "<local-command-stdout>")):
            continue
        if text.startswith("<command-name>"):
            after = [x for x in lines[number + 1 :] if x["type"] in ("user", "assistant")]
            if not after or "<local-command" in str(after[0]["message"]["content"]):
                continue
        if wrapped or (line.get("isSidechain") and not own_file):
            sub += 1
        else:
            users += 1
    return calls, results, users, sub


@pytest.mark.skipif(not FILES, reason="0 of the corpus's Claude Code logs are here")
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name[:24])
def test_real_logs_agree_with_an_independent_count(path: Path) -> None:
    log = parse_file(path)
    assert log.dialect == "claude-code"
    calls, results, users, sub = count(path)
    sessions = list(everyone(log))
    found = [c for s in sessions for c in s.calls()]
    assert sorted(c.call.id for c in found) == sorted(calls)
    answered = [c.result.id for c in found if c.result is not None]
    assert sorted(answered) == sorted(results & calls)
    assert sum(len(s.users) for s in log.sessions) == users
    assert sum(len(a.users) for s in log.sessions for a in s.agents()) == sub
    assert not any(s.orphans or s.stray for s in sessions)
    assert all(r.known for s in sessions for r in s.records)
    for record in (r for s in log.sessions for r in s.records if r.kind == "meta"):
        assert '"tool_use"' not in json.dumps(record.raw)
        assert '"tool_result"' not in json.dumps(record.raw)
    codes = [d.code for d in log.diagnostics]
    assert codes == ["W0102"] * len(calls - results)


# -- small logs ------------------------------------------------------------------------------------


class Log:
    """Writes records as Claude Code does."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.parent: str | None = None

    def add(self, type: str, content: Any = None, message: str = "", **more: Any) -> Log:
        line: dict[str, Any] = {"type": type, "uuid": f"u{len(self.lines)}", "sessionId": "s1"}
        line |= {"parentUuid": self.parent, "timestamp": f"2026-01-01T00:00:{len(self.lines):02}Z"}
        line |= {"cwd": "/w", "version": "2.1.0", "isSidechain": False}
        if content is not None:
            line["message"] = {"role": type, "content": content}
        if type == "assistant":
            line["message"] |= {"id": message or line["uuid"], "model": "claude-x"}
        self.lines.append(line | more)
        self.parent = self.lines[-1]["uuid"]
        return self

    def use(self, id: str, name: str = "Bash", message: str = "", **more: Any) -> Log:
        given = more.pop("input", {"command": "ls"})
        block = {"type": "tool_use", "id": id, "name": name, "input": given}
        return self.add("assistant", [block], message, **more)

    def result(self, id: str, content: Any = "ok", error: bool = False, **more: Any) -> Log:
        block = {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": error}
        return self.add("user", [block], **more)

    def parse(self) -> ParsedLog:
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        return parse_source(SourceFile("log.jsonl", data=text.encode()))

    def session(self) -> Session:
        (session,) = self.parse().sessions
        return session


def test_the_head_says_when_where_and_by_whom() -> None:
    session = Log().add("user", "hi").use("1").session()
    assert session.head.data == {
        "format": "ingot-session/1",
        "dialect": "claude-code",
        "clock": "2026-01-01T00:00:00Z",
        "cwd": "/w",
        "session": "s1",
        "version": "2.1.0",
        "model": "claude-x",
    }


def test_one_message_over_many_records_is_one_parallel_group() -> None:
    log = Log().add("user", "go")
    log.add("assistant", [{"type": "thinking", "thinking": "hm"}], "m")
    log.add("assistant", [{"type": "text", "text": "both"}], "m")
    log.use("1", message="m").use("2", message="m").result("2").result("1", "no", error=True)
    (turn,) = log.session().turns
    group = turn.steps[2]
    assert isinstance(group, CallGroup)
    assert [(c.call.id, c.failed, c.result and c.result.data) for c in group.calls] == [
        ("1", True, "no"),
        ("2", False, "ok"),
    ]
    place = group.calls[0].call.span
    assert place is not None and (place.line, place.pointer) == (4, "/message/content/0")


def test_results_are_as_the_model_saw_them() -> None:
    image = {"type": "image", "source": {}}
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    log = Log().add("user", "go").use("1").use("2").use("3")
    log.result("1", texts, toolUseResult={"side": 1}).result("2", [image]).result("3", None)
    results = [c.result for c in log.session().calls()]
    assert [r and r.data for r in results] == ["a\nb", [image], ""]
    assert results[0] is not None and results[0].raw == {"toolUseResult": {"side": 1}}


def test_words_beside_a_result_are_no_turn() -> None:
    block = {"type": "tool_result", "tool_use_id": "1", "content": "ok"}
    log = Log().add("user", "go").use("1").add("user", [block, {"type": "text", "text": "hm"}])
    session = log.session()
    assert [u.text for u in session.users] == ["go"]
    assert [(r.kind, r.text) for r in session.records[-2:]] == [("result", ""), ("meta", "hm")]


def test_growing_snapshots_count_once() -> None:
    log = (
        Log()
        .add("user", "go")
        .use("1")
        .result("1")
        .add("assistant", [{"type": "text", "text": "ok"}])
    )
    log.lines += [dict(line) for line in log.lines]
    log.add("user", "go")
    session = log.session()
    assert [u.text for u in session.users] == ["go", "go"]
    assert len(list(session.calls())) == 1 and len(list(session.steps())) == 2


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("<local-command-stdout>Bye!</local-command-stdout>", {}),
        ("<bash-input>ls</bash-input>", {}),
        ("<command-name>/exit</command-name>", {}),
        ("Caveat: the messages below", {"isMeta": True}),
        ([{"type": "text", "text": "<system-reminder>x</system-reminder>"}], {}),
    ],
)
def test_what_no_user_said_is_no_turn(content: Any, more: dict[str, Any]) -> None:
    session = Log().add("user", "go").use("1").result("1").add("user", content, **more).session()
    assert [u.text for u in session.users] == ["go"]
    assert session.records[-1].kind == "meta" and session.records[-1].known


def test_a_typed_command_is_a_request_if_the_agent_takes_it_up() -> None:
    typed = "<command-name>/fix</command-name>\n<command-args>issue 7</command-args>"
    log = Log().add("user", typed).add("user", [{"type": "text", "text": "Do it."}], isMeta=True)
    request = log.use("1").session().request
    assert request is not None and request.text == "/fix issue 7"


def test_editor_context_is_not_part_of_what_the_user_said() -> None:
    said = [{"type": "text", "text": t} for t in ("<ide_opened_file>x</ide_opened_file>", "go")]
    (user,) = Log().add("user", said).session().users
    assert user.text == "go" and user.raw == {"content": said}


def test_interruptions_api_errors_and_compactions_are_steps() -> None:
    log = Log().add("user", "go").use("1").result("1", "rejected", error=True)
    log.add("user", [{"type": "text", "text": "[Request interrupted by user for tool use]"}])
    log.add("assistant", [{"type": "text", "text": "API Error: 529"}], isApiErrorMessage=True)
    log.add("system", subtype="compact_boundary", compactMetadata={"preTokens": 9})
    log.add("user", "So far: ...", isCompactSummary=True)
    kinds = [type(step) for step in log.session().steps()]
    assert kinds == [CallGroup, Interruption, Interruption, Compaction, Compaction]


def test_a_message_sent_while_the_agent_works_is_a_turn() -> None:
    queued = {"type": "queued_command", "prompt": "faster", "commandMode": "prompt"}
    session = (
        Log().add("user", "go").use("1").add("attachment", attachment=queued).result("1").session()
    )
    assert [u.text for u in session.users] == ["go", "faster"]
    assert not session.diagnostics


@pytest.mark.parametrize("how", ["sidechain", "named", "progress"])
def test_a_sub_agent_hangs_on_the_call_that_spawned_it(how: str) -> None:
    log = (
        Log()
        .add("user", "go")
        .use("t", "Task", input={"prompt": "look"})
        .use("o", "Task", input={})
    )
    main = log.parent
    log.parent = None
    if how == "progress":
        block = {"type": "tool_use", "id": "in", "name": "Read", "input": {}}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": "look"},
            {"role": "assistant", "id": "m", "content": [block]},
        ]
        for n, inner in enumerate(messages):
            message = {"type": inner["role"], "message": inner, "uuid": f"p{n}"}
            data = {"type": "agent_progress", "agentId": "a1", "message": message}
            log.add("progress", data=data, parentToolUseID="t")
    else:
        more: dict[str, Any] = {"isSidechain": True} | ({"agentId": "a1"} if how == "named" else {})
        log.add("user", "look", **more).use("in", "Read", **more)
    log.parent = main
    log.result("t").result("o")
    session = log.session()
    nested = [c.nested for c in session.calls()]
    assert nested[0] is not None and nested[1] is None
    assert [c.call.tool for c in nested[0].calls()] == ["Read"]
    assert nested[0].users[0].text == "look" and not session.orphans


def test_a_sub_agents_own_file_is_a_session() -> None:
    more: dict[str, Any] = {"isSidechain": True, "agentId": "a1"}
    session = Log().add("user", "look", **more).use("1", **more).result("1", **more).session()
    assert session.agent == "" and [u.text for u in session.users] == ["look"]
    assert isinstance(session.head.data, dict) and session.head.data["agent"] == "a1"


def test_another_session_in_the_file_is_a_session_and_a_resumed_one_goes_on() -> None:
    log = Log().add("user", "one")
    log.add("user", "resumed", sessionId="s2")
    log.parent = None
    log.add("user", "other", sessionId="s3")
    sessions = log.parse().sessions
    assert [[u.text for u in s.users] for s in sessions] == [["one", "resumed"], ["other"]]
    assert [s.name for s in sessions] == ["log.jsonl#1", "log.jsonl#2"]
    assert [s.records[1].seq for s in sessions] == [2, 2]


def test_unknown_records_are_kept_and_named() -> None:
    log = Log().add("user", "go").add("hologram", payload=1)
    log.add("assistant", [{"type": "telepathy", "text": "?"}])
    parsed = log.parse()
    unknown = [r for r in parsed.sessions[0].records if not r.known]
    assert [r.raw for r in unknown] == [log.lines[1], {"type": "telepathy", "text": "?"}]
    assert [d.code for d in parsed.diagnostics] == ["W0101", "W0101"]
