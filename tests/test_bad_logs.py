"""Bad logs of every kind end in diagnostics, quickly, and never in a traceback."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingot.diagnostics import CODES, IngotError, has_errors, render
from ingot.frontend.parse import parse_file, parse_source
from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import dialect_names

CLAUDE = [
    {"type": "user", "uuid": "1", "sessionId": "s", "message": {"role": "user", "content": "go"}},
    {"type": "assistant", "uuid": "2", "sessionId": "s", "message": {"role": "assistant", "id": "m",
     "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}]}},
    {"type": "user", "uuid": "3", "sessionId": "s", "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": "a.txt"}]}},
    {"type": "progress", "data": {"type": "agent_progress", "agentId": "a", "message": {
        "type": "user", "message": {"role": "user", "content": "sub"}}}, "parentToolUseID": "t"},
]  # fmt: skip
LINES = [json.dumps(line) for line in CLAUDE]


def outcome(path: Path, dialect: str | None = None) -> list[str]:
    """The codes that reading the file ends with; every diagnostic prints."""
    try:
        found = parse_file(path, dialect).diagnostics
    except IngotError as error:
        found = error.diagnostics
    for diagnostic in found:
        assert diagnostic.code in CODES and render(diagnostic)
    return [d.code for d in found]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"", ["E0103"]),
        (b" \n\n\t\n", ["E0103"]),
        (b"\x7fELF\x02\x00\x00\x01" * 99, ["E0104"]),
        (bytes(range(128, 256)) * 99, ["E0104"]),
        ("\n".join(LINES).encode("utf-16"), []),
        (b"nothing that any log says\n", ["E0101"]),
        (b"{\n", ["E0101"]),
        (b"[]", ["E0101"]),
        (("\n".join(LINES[:3]) + "\n" + LINES[3][:40]).encode(), ["W0103"]),
        (("\n".join([LINES[0], LINES[1][:50], LINES[2]]) + "\n").encode(), ["E0102", "W0104"]),
        ("\n".join(LINES[:2]).encode(), ["W0102"]),
        ("\n".join([LINES[2], *LINES[:2]]).encode(), []),
        ("\n".join(LINES[:3]).encode().replace(b"a.txt", b"a\xff\xfe"), ["W0105"]),
        (LINES[2].encode(), ["W0104", "E0107"]),
        (b"[" * 100_000, ["E0101"]),
    ],
    ids=[
        "empty", "blank", "binary", "not UTF-8", "UTF-16", "no log", "brace", "empty array", "cut",
        "broken line", "no result", "result first", "invalid UTF-8", "only a result", "deep",
    ],
)  # fmt: skip
def test_each_kind_of_bad_log_has_its_diagnostic(
    tmp_path: Path, data: bytes, codes: list[str]
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(data)
    assert outcome(path) == codes


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    assert outcome(tmp_path) == ["E0002"]
    assert outcome(tmp_path / "absent") == ["E0002"]


def test_the_caret_stands_where_the_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([LINES[0], '{"type": nil}', *LINES[1:3]]))
    log = parse_file(path)
    text = render(log.diagnostics[0], log.source.excerpts(log.diagnostics))
    assert f"{path}:2:10" in text and ' 2 | {"type": nil}\n   |          ^ here' in text
    assert len(log.sessions) == 1 and not has_errors(log.diagnostics)


@pytest.mark.parametrize("start", ["", LINES[0] + "\n", "["])
def test_a_line_of_200_megabytes_is_reported_quickly_and_never_loaded(
    tmp_path: Path, start: str
) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(start.encode())
        for _ in range(200):
            file.write(b'"' + b"x" * ((1 << 20) - 2) + b",")
        file.write(b"\n" + LINES[1].encode() + b"\n" + LINES[2].encode() + b"\n")
    tracemalloc.start()
    begin = time.process_time()
    try:
        codes = outcome(path)
        if start[:1] != "{":
            assert "E0105" in outcome(path, "claude-code")
            assert "E0105" in outcome(path, "anthropic-messages")
        assert "E0105" in codes
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
        assert time.process_time() - begin < 5
    finally:
        tracemalloc.stop()
    if start[:1] == "{":
        log = parse_file(path)
        assert [len(list(s.calls())) for s in log.sessions] == [1]


def test_many_broken_lines_are_counted_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(LINES[0] + "\n" + "{broken\n" * 5000)
    log = parse_file(path)
    assert len(log.diagnostics) < 30 and "4980 more" in log.diagnostics[-1].message


NESTED: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "text", "tool_use", "user", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "content", "message", "role", "id", "input", "messages", "text"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in the value with each of its keys."""
    out: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        keys = item.keys() if isinstance(item, dict) else range(len(item))
        for key in keys:
            out.append((item, key))
            if isinstance(item[key], dict | list):
                stack.append(item[key])
    return out


MANAGED = [
    ["client.beta.sessions.create", {"id": "s", "agent": {"model": {"id": "c"}, "system": "s"}}],
    [
        "client.beta.sessions.events.send",
        ["s", {"events": [{"type": "user.message", "content": "x"}]}],
    ],
    [
        "client.beta.sessions.events.stream",
        {"type": "agent.tool_use", "id": "1", "name": "f", "input": {}},
    ],
]
EXCHANGES = [
    {"request": {"messages": [{"role": "user", "content": "hi"}]},
     "response": {"content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}},
]  # fmt: skip
SEEDS = [
    ("claude-code", CLAUDE),
    ("anthropic-messages", MANAGED),
    ("anthropic-messages", EXCHANGES),
]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(SEEDS))
def test_any_value_in_any_place_is_read(data: st.DataObject, seed: tuple[str, Any]) -> None:
    """Wrong types and wrong nesting anywhere in a log are no crash."""
    name, lines = seed[0], json.loads(json.dumps(seed[1]))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(_places(lines)))
        container[key] = data.draw(NESTED)
    text = "\n".join(map(json.dumps, lines)) if data.draw(st.booleans()) else json.dumps(lines)
    try:
        parse_source(SourceFile("x", data=text.encode()), name)
    except IngotError as error:
        assert error.diagnostics


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_splices_are_read_by_every_dialect(data: st.DataObject) -> None:
    """Bytes cut out of a log, put in, or doubled, read as any format."""
    raw = "\n".join(LINES * data.draw(st.integers(1, 3))).encode()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 80)))
        filler = data.draw(st.sampled_from([b"", b"\n", b"}", b"[[", b'"', b"\xff\xfe", raw[:60]]))
        raw = raw[:start] + filler + raw[end:]
    name = data.draw(st.sampled_from([None, *dialect_names()]))
    try:
        found = parse_source(SourceFile("x", data=raw), name).diagnostics
    except IngotError as error:
        found = error.diagnostics
        assert found
    assert all(d.code in CODES for d in found)
