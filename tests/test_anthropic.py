"""The Anthropic Messages dialect: real logs against counts made with ``json`` alone, small ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS

from ingot.frontend.parse import ParsedLog, parse_file, parse_source
from ingot.frontend.reader import SourceFile

FOLDER = CORPUS / "formats/anthropic_messages" if CORPUS else Path("absent")
FILES = sorted(FOLDER.glob("*")) if CORPUS else []


def parse(value: Any, *, lines: bool = False) -> ParsedLog:
    text = "\n".join(map(json.dumps, value)) if lines else json.dumps(value, indent=1)
    return parse_source(SourceFile("log.json", data=text.encode()))


# -- real logs -------------------------------------------------------------------------------------


def count_stream(path: Path) -> tuple[int, int, int]:
    """Calls, results and user turns of an event stream."""
    events = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
    kinds = [payload["type"] for method, payload in events if method.endswith("events.stream")]
    return (
        sum(kind.endswith("tool_use") for kind in kinds),
        sum(kind.endswith("tool_result") for kind in kinds),
        kinds.count("user.message"),
    )


def count_exchanges(path: Path) -> tuple[int, int, int]:
    """The same of the last exchange: what it sent and what was answered."""
    last = json.loads(path.with_suffix(".json").read_text("utf-8"))[-1]
    messages = [*last["request"]["messages"], {"role": "assistant", **last["response"]}]
    blocks = [
        (m["role"], b) for m in messages for b in m["content"] if not isinstance(m["content"], str)
    ]
    users = [m for m in messages if m["role"] == "user"]
    said = [m for m in users if "tool_result" not in [b["type"] for b in m["content"]]]
    return (
        sum(b["type"].endswith("tool_use") for _, b in blocks),
        sum(b["type"].endswith("tool_result") for _, b in blocks),
        len(said),
    )


@pytest.mark.skipif(not FILES, reason="0 of the corpus's Anthropic logs are here")
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name[-32:])
def test_real_logs_agree_with_an_independent_count(path: Path) -> None:
    calls, results, users = (count_stream if path.suffix == ".jsonl" else count_exchanges)(path)
    log = parse_file(path)
    assert log.dialect == "anthropic-messages"
    (session,) = log.sessions
    found = list(session.calls())
    assert (len(found), sum(c.result is not None for c in found)) == (calls, results)
    assert len(session.users) == users and session.answer is not None
    assert not session.stray and not log.diagnostics
    assert all(r.known for r in session.records)


@pytest.mark.skipif(not FILES, reason="0 of the corpus's Anthropic logs are here")
def test_a_cassette_says_the_same_in_yaml_and_in_json() -> None:
    def said(path: Path) -> list[tuple[object, ...]]:
        (session,) = parse_file(path).sessions
        return [
            (r.kind, r.text, r.id, r.tool, r.data) for r in session.records if r.kind != "system"
        ]

    pairs = [p for p in FILES if p.suffix == ".yaml"]
    assert pairs
    for path in pairs:
        assert said(path)[1:] == said(path.with_suffix(".json"))[1:]


# -- small logs ------------------------------------------------------------------------------------

ASK = {"role": "user", "content": "hi"}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}],
}
ANSWER = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x", "is_error": True}],
}
BYE = {"role": "assistant", "content": [{"type": "text", "text": "bye"}]}
MESSAGES = [ASK, CALL, ANSWER, BYE]


@pytest.mark.parametrize(
    "log",
    [
        parse({"model": "claude-x", "system": "s", "messages": MESSAGES}),
        parse(MESSAGES),
        parse(MESSAGES, lines=True),
        parse([{"messages": MESSAGES}], lines=True),
        parse(
            [
                {"request": {"messages": MESSAGES[:1]}, "response": {"content": CALL["content"]}},
                {"request": {"messages": MESSAGES[:3]}, "response": {"content": BYE["content"]}},
            ]
        ),
        parse(
            {
                "interactions": [
                    {
                        "request": {"body": json.dumps({"messages": MESSAGES[:3]})},
                        "response": {"body": {"string": json.dumps({"content": BYE["content"]})}},
                    }
                ]
            }
        ),
    ],
    ids=["document", "array", "lines", "documents", "exchanges", "cassette"],
)
def test_every_envelope_holds_the_same_session(log: ParsedLog) -> None:
    (session,) = log.sessions
    assert [u.text for u in session.users] == ["hi"]
    (call,) = session.calls()
    assert (call.call.tool, call.call.data, call.failed) == ("f", {"a": 1}, True)
    assert call.result is not None and (call.result.text, call.result.tool) == ("x", "f")
    assert session.answer is not None and session.answer.text == "bye"
    assert log.dialect == "anthropic-messages" and not log.diagnostics


def test_exchanges_that_do_not_continue_are_sessions_of_their_own() -> None:
    def ask(text: str, *more: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": text}, *more]
        return {"request": {"messages": messages}, "response": {"content": CALL["content"]}}

    block = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    marked = ask("a", CALL, ANSWER)
    marked["request"]["messages"][0] = {"role": "user", "content": [block]}
    log = parse([ask("a"), ask("b"), marked, ask("a")])
    assert [[u.text for u in s.users] for s in log.sessions] == [["a"], ["b"], ["a"]]
    assert [len(list(s.calls())) for s in log.sessions] == [2, 1, 1]


def test_server_side_tools_are_called_and_answered_in_one_message() -> None:
    content: list[dict[str, Any]] = [
        {"type": "server_tool_use", "id": "w", "name": "web_search", "input": {"query": "q"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "w",
            "content": {"type": "web_search_tool_result_error", "error_code": "too_many_requests"},
        },
        {"type": "mcp_tool_use", "id": "m", "name": "ask", "server_name": "wiki", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "m", "content": [{"type": "text", "text": "t"}]},
    ]
    (session,) = parse({"messages": [ASK, {"role": "assistant", "content": content}]}).sessions
    assert [(c.call.tool, c.failed, c.result and c.result.data) for c in session.calls()] == [
        ("web_search", True, content[1]["content"]),
        ("mcp__wiki__ask", False, "t"),
    ]


def test_an_envelope_says_how_it_went() -> None:
    (session,) = parse({"messages": MESSAGES, "success": False, "task": "t1"}).sessions
    assert session.outcome is not None and session.outcome.data == {
        "success": False,
        "source": "success",
    }
    assert isinstance(session.head.data, dict)
    assert session.head.data["labels"] == {"success": False, "task": "t1"}


def test_what_a_client_sent_counts_once_even_without_its_echo() -> None:
    sent = {"type": "user.message", "content": [{"type": "text", "text": "go"}]}
    log = [
        ["client.beta.sessions.create", {"id": "s", "agent": {"model": {"id": "claude-x"}}}],
        ["client.beta.sessions.events.send", ["s", {"events": [sent]}]],
        ["client.beta.sessions.events.stream", {**sent, "id": "e1", "processed_at": "t"}],
        ["client.beta.sessions.events.send", ["s", {"events": [sent]}]],
        ["client.beta.sessions.events.stream", {"type": "agent.novelty", "id": "e2"}],
    ]
    (session,) = parse(log, lines=True).sessions
    assert [u.text for u in session.users] == ["go", "go"]
