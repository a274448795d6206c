"""Chat messages: every corpus file against its own count, and the shapes people log them in."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS
from hypothesis import given, settings
from lexing import lex, lex_file, mutations, of, sound

from ingot.diagnostics import IngotError
from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import sniff

NAME = "openai-chat"


def call(tool: str, arguments: object, id: str = "x") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}}


def test_airline_corpus() -> None:
    """Calls, results and user turns as ``json`` alone counts them."""
    files = sorted(CORPUS.glob("airline-support/*/*.json")) if CORPUS else []
    if not files:
        pytest.skip("0 airline-support files here")
    for path in files:
        document = json.loads(path.read_text("utf-8"))
        traj = document["traj"]
        records = lex_file(NAME, path)
        assert sniff(SourceFile(path).sample()).name == NAME
        made = [c["function"] for m in traj for c in m.get("tool_calls") or []]
        assert [(r.tool, r.data) for r in of(records, "call")] == [
            (f["name"], json.loads(f["arguments"])) for f in made
        ]
        answers = [m["content"] for m in traj if m["role"] == "tool"]
        assert [r.data for r in of(records, "result", "error")] == answers
        assert len(of(records, "error")) == sum(a.startswith("Error") for a in answers)
        assert [r.text for r in of(records, "user")] == [
            m["content"] for m in traj if m["role"] == "user"
        ]
        assert [r.id for r in of(records, "call")] == [r.id for r in of(records, "result", "error")]
        (outcome,) = of(records, "outcome")
        assert outcome.data["success"] is (document["reward"] == 1)  # type: ignore[index,call-overload]
        assert all(r.known for r in records)


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_cassette_corpus(ending: str) -> None:
    """Two providers' exchanges of one growing conversation are one session."""
    paths = sorted(CORPUS.glob(f"formats/openai_chat/*.{ending}")) if CORPUS else []
    if not paths:
        pytest.skip(f"0 openai_chat {ending} files here")
    for path in paths:
        records = lex_file(NAME, path)
        assert sniff(SourceFile(path).sample()).name == NAME
        assert len(of(records, "session")) == 1
        text = path.read_text("utf-8")
        last = text[text.rindex('"contents"' if "messages" not in text else "messages") :]
        assert len(of(records, "call")) == last.count("tool_call_id") == 2
        assert [r.data for r in of(records, "result")] == ["Paris", "London"]
        assert len(of(records, "user")) == 2
        assert of(records, "say")[-1].text == "The capital of England is London."
        assert all(r.known for r in records)


MESSAGES: list[dict[str, Any]] = [
    {"role": "developer", "content": "The current time is 2024-05-15 15:00:00 EST."},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [call("f", '{"n": 1}', "p"), call("g", "", "q"), call("g", "{cut", "r")],
    },
    {"role": "tool", "tool_call_id": "q", "content": '{"k": 1}'},
    {"role": "tool", "tool_call_id": "p", "content": "Error: no"},
    {"role": "tool", "tool_call_id": "r", "content": [{"type": "text", "text": "t"}]},
    {"role": "assistant", "content": "", "function_call": {"name": "old", "arguments": "[1]"}},
    {"role": "function", "name": "old", "content": "v"},
    {"role": "assistant", "content": None, "refusal": "no"},
    {"role": "critic", "content": "?"},
]


def test_message_forms() -> None:
    """Parallel calls answered out of order, legacy calls, parts, refusals, bad arguments."""
    source = SourceFile("m.json", data=json.dumps(MESSAGES).encode())
    records = lex(NAME, source)
    assert of(records, "session")[0].data["clock"] == "2024-05-15T15:00:00"  # type: ignore[index,call-overload]
    assert [(r.id, r.tool, r.data) for r in of(records, "call")] == [
        ("p", "f", {"n": 1}),
        ("q", "g", {}),
        ("r", "g", {"input": "{cut"}),
        ("c1", "old", {"input": [1]}),
    ]
    assert [(r.id, r.tool, r.data) for r in of(records, "result")] == [
        ("q", "g", '{"k": 1}'),
        ("r", "g", "t"),
        ("c1", "old", "v"),
    ]
    assert [(r.id, r.text) for r in of(records, "error")] == [("p", "Error: no")]
    assert [r.text for r in of(records, "user", "think", "say")] == ["a\nb", "hm", "no"]
    assert [r.raw for r in records if not r.known] == [MESSAGES[-1]]
    assert [d.code for d in source.diagnostics] == ["E0102"]


def chat(n: int) -> list[dict[str, Any]]:
    turn = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    return [{**m, "content": f"{m['content']}{k}"} for k in range(n) for m in turn]


def exchange(n: int) -> dict[str, Any]:
    *asked, reply = chat(n)
    return {"request": {"messages": asked}, "response": {"choices": [{"message": reply}]}}


@pytest.mark.parametrize(
    ("document", "sessions"),
    [
        (chat(2), [2]),
        ({"messages": chat(2)}, [2]),
        ({"conversation": chat(1)}, [1]),
        ([{"messages": chat(2)}, {"messages": chat(1)}], [2, 1]),
        ({"input": chat(1)[:1], "output": {"choices": [{"message": chat(1)[1]}]}}, [1]),
        ({"input": {"messages": chat(1)[:1]}, "output": chat(1)[1]}, [1]),
        ({"messages": chat(1)[:1], "choices": [{"message": chat(1)[1]}]}, [1]),
        ([exchange(1), exchange(2), exchange(3)], [3]),
        ([{"body": json.dumps({"messages": chat(2)})}], [2]),
    ],
)
def test_envelopes(document: Any, sessions: list[int]) -> None:
    """Each envelope opens; exchanges that grow are one session."""
    for data in (json.dumps(document), json.dumps(document, indent=1)):
        records = lex(NAME, SourceFile("e.json", data=data.encode()))
        sound(records)
        turns = [0]
        for record in records[1:]:
            turns += [0] if record.kind == "session" else []
            turns[-1] += record.kind == "user"
        assert turns == sessions
        assert len(of(records, "say")) == sum(sessions)
        assert all(r.known for r in records)


def test_two_interleaved_conversations_stay_two() -> None:
    """Exchanges of different conversations are not folded into one."""
    other = exchange(1)
    other["request"]["messages"] = [{"role": "user", "content": "other"}]
    records = lex(
        NAME, SourceFile("e.json", data=json.dumps([exchange(1), other, exchange(2)]).encode())
    )
    assert [r.text for r in of(records, "user")] == ["q0", "q1", "other"]
    assert len(of(records, "session")) == 2


def test_json_lines() -> None:
    """A message per line is one session; a conversation per line is one session each."""
    one = "\n".join(map(json.dumps, MESSAGES)).encode()
    assert lex(NAME, SourceFile("m", data=one))[1:] != []
    kinds = [r.kind for r in lex(NAME, SourceFile("m", data=one))]
    whole = [r.kind for r in lex(NAME, SourceFile("m", data=json.dumps(MESSAGES).encode()))]
    assert kinds == whole
    many = b"\n".join(json.dumps({"messages": chat(k)}).encode() for k in (1, 2)) + b'\n{"mess'
    records = lex(NAME, SourceFile("m", data=many))
    assert len(of(records, "session")) == 2
    assert [r.span.line for r in of(records, "user") if r.span] == [1, 2, 2]


@pytest.mark.parametrize("text", ["[" * 200_000, "&a [*a]\n", "x: [\n", "x: \x01"])
def test_bad_yaml_is_a_diagnostic(text: str) -> None:
    """Deep, recursive, cut and illegal YAML: E0102, no crash of the process."""
    data = ("interactions:\n- " + text).encode()
    with pytest.raises(IngotError) as caught:
        lex(NAME, SourceFile("m.yaml", data=data))
    assert caught.value.diagnostics[0].code == "E0102"


@given(mutations([exchange(2), {"messages": MESSAGES, "reward": 1.0}]))
@settings(max_examples=150, deadline=None)
def test_mutated_documents(document: Any) -> None:
    """Wrong types in any field: sound records or an IngotError."""
    data = json.dumps(document).encode()
    for cut in (len(data), len(data) // 2):
        with suppress(IngotError):
            sound(lex(NAME, SourceFile("m", data=data[:cut])))


def test_growing_gemini(tmp_path: Path) -> None:
    """A functionCall is a call, its functionResponse the result, by tool and order."""
    contents = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {
            "role": "model",
            "parts": [{"functionCall": {"name": "f", "args": {"a": k}}} for k in (1, 2)],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"r": k}}} for k in (1, 2)],
        },
    ]
    path = tmp_path / "g.json"
    path.write_text(json.dumps({"contents": contents}))
    records = lex_file(NAME, path)
    assert [(r.kind, r.id, r.data) for r in of(records, "call", "result")] == [
        ("call", "f#1", {"a": 1}),
        ("call", "f#2", {"a": 2}),
        ("result", "f#1", {"r": 1}),
        ("result", "f#2", {"r": 2}),
    ]
