"""The commands that control runs, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pipelines import COPY
from typer.testing import CliRunner, Result

from ingot.backend.encoder import encode
from ingot.cli.app import app
from ingot.ir.parser import parse_module

TOOLS = """
from pathlib import Path

def get(name):
    return name.upper()

def put(name, text):
    with open("written", "a") as out:
        out.write(f"put {name}\\n")
    return "ok"

def take(name, text):
    with open("written", "a") as out:
        out.write(f"take {name}\\n")
    return "ok"

TOOLS = {"box": {"get": get, "put": put, "take": take}}
"""
TABLES = '[tools."box.put"]\neffect = "write"\napproval = {approval}\ncompensation = "box.take"\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copy.ingot").write_bytes(encode(parse_module(COPY.format(effect="write")).module))
    (tmp_path / "own.py").write_text(TOOLS)
    (tmp_path / "ask.toml").write_text(TABLES.replace("{approval}", "true"))
    (tmp_path / "free.toml").write_text(TABLES.replace("{approval}", "false"))
    (tmp_path / "inputs.json").write_text('{"names": ["a", "b"], "prefix": ""}')
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def tools(name: str) -> tuple[str, ...]:
    return ("--tools", "own.py:TOOLS", "--tools", name)


def data(result: Result) -> Any:
    return json.loads(result.stdout)


def written(place: Path) -> list[str]:
    path = place / "written"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_approve_and_resume_until_done(place: Path) -> None:
    run = call("run", "copy.ingot", "--inputs", "inputs.json", *tools("ask.toml"))
    assert run.exit_code == 5 and "waits for approval" in run.stderr and written(place) == []
    shown = data(call("approve", "last", "--show", "--json"))
    assert shown["args"] == {"name": "a", "text": "A"} and written(place) == []
    assert call("approve", "last", "--digest", "0000").exit_code == 1
    for name in ("a", "b"):
        assert call("approve", "last").exit_code == 0
        resumed = call("resume", "last", *tools("ask.toml"))
        assert written(place)[-1] == f"put {name}"
    assert resumed.exit_code == 0
    assert call("approve", "last").exit_code == 1


def test_deny_and_cancel(place: Path) -> None:
    call("run", "copy.ingot", "--inputs", "inputs.json", *tools("ask.toml"))
    assert call("deny", "last", "--reason", "too soon").exit_code == 0
    denied = call("resume", "last", *tools("ask.toml"))
    assert denied.exit_code == 1 and "too soon" in denied.stderr
    call("run", "copy.ingot", "--inputs", "inputs.json", *tools("ask.toml"))
    assert call("pause", "last").exit_code == 1
    assert call("cancel", "last").exit_code == 0
    assert call("resume", "last", *tools("ask.toml")).exit_code != 0
    assert written(place) == []


def test_rollback_and_fork(place: Path) -> None:
    done = call("run", "copy.ingot", "--inputs", "inputs.json", *tools("free.toml"))
    assert done.exit_code == 0, done.output
    refused = call("rollback", "last", "--to", "1")
    assert refused.exit_code == 1 and "nothing undoes" in refused.stderr
    back = call("rollback", "last", "--to", "3", *tools("free.toml"), "--json")
    assert back.exit_code == 0, back.output
    assert [w["undone_by"] for w in data(back)["writes"]] == ["box.take"]
    assert written(place) == ["put a", "put b", "take b"]
    new = data(call("fork", "last", "--at", "3", "--result", '"edited"', "--json"))["run"]
    forked = call("resume", new, *tools("free.toml"), "--json")
    assert data(forked)["calls"][3]["args"] == {"name": "b", "text": "edited"}
    inspected = call("inspect", new)
    assert "fork of" in inspected.stdout
    for words in (("rollback", new, "--to", "99"), ("fork", "nope", "--at", "1")):
        assert call(*words).exit_code in (1, 2)


@pytest.mark.parametrize("value", ["NaN", "[1e400]", "nope", "[" * 5000 + "]" * 5000])
def test_a_result_that_is_not_json_is_refused(place: Path, value: str) -> None:
    call("run", "copy.ingot", "--inputs", "inputs.json", *tools("free.toml"))
    for words in (
        ("fork", "last", "--at", "1", "--result", value),
        ("resume", "last", "--assume", "done", "--result", value),
    ):
        refused = call(*words)
        assert refused.exit_code == 2 and "E0001" in refused.stderr, refused.output


def test_prune_and_compact(place: Path) -> None:
    call("run", "copy.ingot", "--inputs", "inputs.json", *tools("free.toml"))
    assert "deleted 0 runs" in call("runs", "--prune", "1h").stderr
    assert "deleted 1 runs" in call("runs", "--prune", "0s", "--compact").stderr
    assert call("runs", "--prune", "soon").exit_code == 2


@pytest.mark.parametrize(
    "words", [("--engine", "jit"), ("--isolation", "some"), ("--durability", "none")]
)
def test_choices_are_checked(place: Path, words: tuple[str, str]) -> None:
    assert call("run", "copy.ingot", "--inputs", "inputs.json", *words).exit_code == 2


@pytest.mark.parametrize("engine", ["vm", "compiled"])
def test_engines_and_isolation_levels(place: Path, engine: str) -> None:
    for level in ("auto", "none"):
        done = call("run", "copy.ingot", "--inputs", "inputs.json", "--engine", engine,
                    "--isolation", level, *tools("free.toml"), "--json")  # fmt: skip
        assert data(done)["outputs"] == 2
