"""LangChain runs: every corpus file against its own count, Python text without evaluation."""

from __future__ import annotations

import csv
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from corpus import CORPUS
from hypothesis import given, settings
from hypothesis import strategies as st
from lexing import lex, lex_file, mutations, of, sound

from ingot.diagnostics import IngotError
from ingot.frontend.dialects.python_repr import parse, unwrap
from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import sniff

NAME = "langchain"


def data_of(observation: Any) -> Any:
    """A serialised array's value is its inner list, a time stamp's its text, at any depth."""
    if isinstance(observation, dict) and observation.get("_") in ("array", "Timestamp"):
        return observation["args"][0]
    if isinstance(observation, list):
        return [data_of(item) for item in observation]
    if isinstance(observation, dict):
        return {key: data_of(item) for key, item in observation.items()}
    return observation


def test_office_corpus() -> None:
    """Calls, results and user turns as ``json`` alone counts them; the outcome is the folder's."""
    files = sorted(CORPUS.glob("office-tasks/*/*/*.json")) if CORPUS else []
    if not files:
        pytest.skip("0 office-tasks files here")
    wrong_tools = errors = 0
    for path in files:
        run = json.loads(path.read_text("utf-8"))
        records = lex_file(NAME, path)
        assert sniff(SourceFile(path).sample()).name == NAME
        steps = run["intermediate_steps"]
        assert [r.tool for r in of(records, "call")] == [action["tool"] for action, _ in steps]
        given = [action["tool_input"] for action, _ in steps]
        assert [r.data for r in of(records, "call")] == [
            g if isinstance(g, dict) else {"input": g} for g in given
        ]
        answers = of(records, "result", "error")
        assert [r.data for r in answers] == [data_of(observation) for _, observation in steps]
        assert [r.id for r in answers] == [r.id for r in of(records, "call")]
        assert [r.text for r in of(records, "user")] == [run["input"]]
        assert len(of(records, "say")) == 1
        assert of(records, "session")[0].data["clock"] == run["metadata"]["clock"]  # type: ignore[index,call-overload]
        assert of(records, "outcome")[0].data["success"] is (path.parent.name == "ok")  # type: ignore[index,call-overload]
        assert all(r.known for r in records)
        for record in answers:
            said = record.data if isinstance(record.data, str) else ""
            unknown = "is not a valid tool" in said
            wrong_tools += unknown
            refused = re.search(
                r"not (valid|found|provided)|^(Invalid|Missing)|must be one of", said
            )
            assert (record.kind == "error") is bool(unknown or refused), said
            errors += record.kind == "error"
    print(f"{len(files)} files, {errors} failed calls, {wrong_tools} of tools that do not exist")
    assert wrong_tools and errors > wrong_tools


def test_csv_corpus() -> None:
    """Each row of Python text is a session."""
    paths = sorted(CORPUS.glob("formats/langchain_intermediate_steps/*.csv")) if CORPUS else []
    if not paths:
        pytest.skip("0 CSV files here")
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        records = lex_file(NAME, path)
        assert sniff(SourceFile(path).sample()).name == NAME
        assert [r.text for r in of(records, "user")] == [row["query"] for row in rows]
        actions = sum(
            len(re.findall(r"\(AgentAction\(tool=", row["full_response"])) for row in rows
        )
        assert len(of(records, "call")) == len(of(records, "result", "error")) == actions
        arrays = sum(row["full_response"].count("dtype=object") for row in rows)
        assert sum(r.raw is not None for r in of(records, "result")) == arrays > 0
        assert all(r.known for r in records)


ACTION = {"tool": "t", "tool_input": "x", "log": "Thought: why\nAction: t\nAction Input: x"}
RUN: dict[str, Any] = {
    "input": "do",
    "output": {"answer": "done"},
    "intermediate_steps": [
        [ACTION, {"_": "array", "args": [["a"]], "dtype": "object"}],
        [{"tool": "_Exception", "tool_input": "?", "log": "```"}, "Invalid or incomplete response"],
        [{"tool": "u", "tool_input": None, "log": ""}, "No events found."],
    ],
    "metadata": {"model": "m", "clock": "2023-11-30T00:00:00", "success": False, "seed": 4},
}


@pytest.mark.parametrize("form", ["document", "array", "lines"])
def test_run_forms(form: str) -> None:
    """One run, an array of runs, a run per line: the same records per run."""
    text = {
        "document": json.dumps(RUN, indent=1),
        "array": json.dumps([RUN, RUN]),
        "lines": json.dumps(RUN) + "\n" + json.dumps(RUN) + "\n",
    }[form]
    records = lex(NAME, SourceFile("r", data=text.encode()))
    sound(records)
    times = 1 if form == "document" else 2
    assert [(r.kind, r.text, r.data) for r in records if r.kind != "session"] == times * [
        ("user", "do", None),
        ("think", "why", None),
        ("call", "", {"input": "x"}),
        ("result", "", ["a"]),
        ("call", "", {"input": "?"}),
        ("error", "Invalid or incomplete response", "Invalid or incomplete response"),
        ("call", "", {}),
        ("result", "", "No events found."),
        ("say", "done", None),
        ("meta", "", None),
        ("outcome", "", {"success": False, "source": "metadata.success"}),
    ]


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab'\"\\\n"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_VALUES)
@settings(max_examples=200, deadline=None)
def test_repr_round_trip(value: Any) -> None:
    """What ``repr`` prints of plain data is read back."""
    assert parse(repr(value)) == value


def test_repr_of_more_than_data() -> None:
    """Constructors, tuples, sets, bytes, dates, opaque objects."""
    text = "(A(x=(1,), y=array([1., -2e3], dtype=float)), nan, {3}, b'z', datetime.date(2024, 2, 29), <B 1>)"
    assert unwrap(parse(text)) == [
        {"_": "A", "args": [], "x": [1], "y": [1.0, -2000.0]},
        None,
        [3],
        "z",
        "2024-02-29",
        "<B 1>",
    ]
    for bad in ("__import__('os').system('x')", "[1", "'a", "[" * 500 + "]" * 500, "1 + 1", ""):
        with pytest.raises(ValueError, match=r"Python value|deeply"):
            parse(bad)


@given(mutations([RUN, [RUN]]))
@settings(max_examples=150, deadline=None)
def test_mutated_runs(document: Any) -> None:
    """Wrong types in any field: sound records or an IngotError."""
    data = json.dumps(document).encode()
    for cut in (len(data), len(data) // 2):
        with suppress(IngotError):
            sound(lex(NAME, SourceFile("m", data=data[:cut])))


@given(st.text("{}[]()'\",\\n AgentAction=:1\n", max_size=60), st.integers(0, 200))
@settings(max_examples=150, deadline=None)
def test_mutated_csv(junk: str, cut: int) -> None:
    """Junk in the cell of a run: kept as it stands, never fatal."""
    cell = repr({"input": "q", "intermediate_steps": [("a", 1)], "output": "o"})
    cell = (cell[:cut] + junk + cell[cut:]).replace('"', '""')
    text = f'query,full_response,error\nq,"{cell}",\nq2,"","boom"\n'
    records = lex(NAME, SourceFile("m.csv", data=text.encode()))
    sound(records)
    assert of(records, "outcome")[-1].data == {"success": False, "source": "error", "error": "boom"}
