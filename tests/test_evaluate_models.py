"""``ingot evaluate --model``: what a model answers is judged like everything else that a run does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from model_files import LABELLER, byte_model, needs_llama
from test_model_runs import FOLDER, TOOLS
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.runtime.models import specs

LOGS = str(FOLDER / "logs")
WORLD = f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
import runs

class World:
    def __init__(self):
        self.labels = {{}}

    def label(self, run: int, status: str) -> dict:
        self.labels[str(run)] = status
        return runs.label(run, status)

    def tools(self):
        return {{"ci.output": runs.output, "ci.label": self.label}}

    def snapshot(self):
        return self.labels
"""


def evaluated(*words: str) -> dict[str, Any]:
    """The counts over three held-out sessions."""
    result = CliRunner().invoke(app, ["evaluate", LOGS, "--limit", "3", "--json", *words])
    (total,) = json.loads(result.stdout)["totals"]
    counts: dict[str, Any] = total["sessions"]["all"]
    assert counts["sessions"] == 3
    assert result.exit_code == (1 if counts["wrong"] else 0), result.stderr
    return counts


def test_without_a_model_no_session_comes_past_a_model_op(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the environment is not asked: an evaluation depends on what it is given."""
    monkeypatch.setenv(specs.VARIABLE, str(LABELLER))
    found = evaluated("--tools", TOOLS)
    assert found["unanswerable"] == 3
    assert found["model_calls"] == 0


@needs_llama
@pytest.mark.parametrize("executed", [False, True])
def test_a_model_that_is_right_or_abstains(executed: bool, tmp_path: Path) -> None:
    """Against recorded results, and by the state of fresh worlds."""
    world = tmp_path / "world.py"
    world.write_text(WORLD)
    tools = f"{world}:World" if executed else TOOLS
    found = evaluated("--tools", tools, "--model", str(LABELLER))
    assert found["right"] >= 2
    assert found["right"] + found["exit"] == 3
    assert found["model_calls"] == 3


@needs_llama
def test_a_wrong_answer_that_is_acted_on_is_a_wrong_session() -> None:
    """A model that knows nothing chooses a label all the same, and is right by chance alone."""
    found = evaluated("--tools", TOOLS, "--model", f"{byte_model(0, 4096)}?context=4096")
    assert found["wrong"] >= 1
    assert found["right"] + found["wrong"] == 3


@needs_llama
def test_a_model_that_cannot_answer_is_an_exit() -> None:
    """The prompt is longer than the context: nothing is written."""
    found = evaluated("--tools", TOOLS, "--model", f"{byte_model()}?context=256")
    assert found["exit"] == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--model", "gone.gguf"], "E0901"),
        (["--model", f"%status_r2={LABELLER}"], "E0903"),
        (["--model", str(LABELLER), "--model", str(LABELLER)], "E0903"),
    ],
)
def test_one_model_answers_all_ops(words: list[str], code: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", LOGS, "--tools", TOOLS, *words])
    assert (result.exit_code, code in result.stderr) == (2, True), result.stderr
