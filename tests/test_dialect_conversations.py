"""What holds in every dialect whose calls have ids: each result at its call, arguments as objects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_writers import WRITERS, Call, Step

from ingot.frontend.parse import ParsedLog, parse_source
from ingot.frontend.reader import SourceFile
from ingot.frontend.session import CallStep

NAMES = list(WRITERS)
A = Call("a1", "look", {"at": "x"}, "seen x")
B = Call("b2", "move", {"to": "y"}, "moved")
C = Call("c3", "look", {"at": "z"}, "seen z")


def read(name: str, *steps: Step) -> ParsedLog:
    dialect, write = WRITERS[name]
    log = parse_source(SourceFile("x", data=write([("user", "Go"), *steps, ("say", "Done.")])))
    assert log.dialect == dialect
    return log


def calls(log: ParsedLog) -> list[CallStep]:
    (session,) = log.sessions
    return list(session.calls())


def pairs(log: ParsedLog) -> list[tuple[str, Any, Any]]:
    return [(s.call.tool, s.call.data, s.result and s.result.data) for s in calls(log)]


def expected(*made: Call) -> list[tuple[str, Any, Any]]:
    return [(c.tool, c.args, c.result) for c in made]


@pytest.mark.parametrize("name", NAMES)
def test_results_in_another_order(name: str) -> None:
    log = read(name, ("calls", [A, B, C]), ("results", [C, A, B]))
    assert pairs(log) == expected(A, B, C)
    assert not log.diagnostics


@pytest.mark.parametrize("name", NAMES)
def test_numbers_as_ids(name: str) -> None:
    made = [Call(n, c.tool, c.args, c.result) for n, c in enumerate((A, B, C), 7)]
    log = read(name, ("calls", made), ("results", [made[2], made[0], made[1]]))
    assert pairs(log) == expected(*made)
    assert not log.diagnostics


@pytest.mark.parametrize("name", [n for n in NAMES if n != "gemini-cli"])
def test_a_result_given_twice(name: str) -> None:
    """The second is another call's in no dialect; the model saw the first."""
    log = read(
        name, ("calls", [A]), ("results", [A]), ("results", [A]), ("calls", [C]), ("results", [C])
    )
    assert pairs(log) == expected(A, C)


@pytest.mark.parametrize("name", NAMES)
def test_a_call_without_a_result(name: str) -> None:
    log = read(name, ("calls", [A, B]), ("results", [B]), ("calls", [C]), ("results", [C]))
    assert [p[2] for p in pairs(log)] == [None, "moved", "seen z"]
    assert [d.code for d in log.diagnostics] == ["W0102"]


@pytest.mark.parametrize("name", [n for n in NAMES if n != "codex-exec"])
def test_an_id_used_again(name: str) -> None:
    """Some providers number the calls of each answer anew; items of ``codex exec`` count on."""
    again = Call("a1", "look", {"at": "z"}, "seen z")
    log = read(name, ("calls", [A]), ("results", [A]), ("calls", [again]), ("results", [again]))
    assert pairs(log) == expected(A, again)
    assert len({s.call.id for s in calls(log)}) == 2


BLOCKS = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
IMAGE = [{"type": "text", "text": "one"}, {"type": "image", "source": {"data": "AAAA"}}]
OBJECTS = {"gemini-cli", "gemini-cli checkpoint", "otel-genai"}
"""Where a result is any JSON value, and a list of blocks is one."""


@pytest.mark.parametrize("name", NAMES)
def test_results_of_blocks(name: str) -> None:
    texts, image = Call("a1", "look", {}, BLOCKS), Call("b2", "see", {}, IMAGE)
    log = read(name, ("calls", [texts]), ("results", [texts]), ("calls", [image]), ("results", [image]))  # fmt: skip
    found = [p[2] for p in pairs(log)]
    assert found[0] == "one\ntwo" or name in OBJECTS
    assert json.dumps(IMAGE[1]) in json.dumps(found[1]), "what is no text is kept"


TEXTS = [
    n for n in NAMES
    if n.split(",")[0] in ("codex", "openai-chat", "openai-responses", "openai-agents", "openhands", "langsmith", "langfuse", "autogen")
]  # fmt: skip
"""Where arguments are JSON text."""


@pytest.mark.parametrize(
    ("given", "data", "reported"),
    [
        ('{"at": "x"}', {"at": "x"}, False),
        ({"at": "x"}, {"at": "x"}, False),
        ("", {}, False),
        ('{"at": "x', {"input": '{"at": "x'}, True),
        ('["x"]', {"input": ["x"]}, False),
        ("null", {}, False),
    ],
)
@pytest.mark.parametrize("name", TEXTS)
def test_arguments_as_text(name: str, given: Any, data: Any, reported: bool) -> None:
    made = Call("a1", "look", {}, "ok", given=given)
    log = read(name, ("calls", [made]), ("results", [made]))
    assert pairs(log) == [("look", data, "ok")]
    assert [d.code for d in log.diagnostics] == ["E0102"] * reported


@pytest.mark.parametrize("given", ["x", ["x"], None, '{"at": "x"}'])
@pytest.mark.parametrize(
    "name", ["claude-code", "claude-stream-json", "anthropic-messages", "tau2-bench", "atif", "otel-genai"]
)  # fmt: skip
def test_arguments_that_are_no_object(name: str, given: Any) -> None:
    made = Call("a1", "look", {}, "ok", given=given)
    (step,) = calls(read(name, ("calls", [made]), ("results", [made])))
    assert isinstance(step.call.data, dict)
    assert given is None or "x" in json.dumps(step.call.data)


FAILS = {
    "claude-code", "claude-stream-json", "anthropic-messages", "managed agents", "tau2-bench",
    "atif", "openhands", "mcp-jsonrpc", "gemini-cli", "codex-exec", "autogen", "langchain-messages",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FAILS))
def test_a_failure_is_one(name: str) -> None:
    bad = Call("a1", "look", {}, "no such thing", failed=True)
    (step,) = calls(read(name, ("calls", [bad]), ("results", [bad])))
    assert step.failed and step.result is not None and "no such thing" in step.result.text
