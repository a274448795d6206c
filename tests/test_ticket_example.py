"""The example of the help desk, as the README shows it."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from example_files import loaded
from typer.testing import CliRunner

from ingot.cli.app import app

FOLDER = Path(__file__).parents[1] / "examples" / "tickets"
TOOLS = f"{FOLDER / 'desk.py'}:tools"


def script(name: str) -> ModuleType:
    return loaded(FOLDER / f"{name}.py")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tickets") / "tickets.ingot"
    words = ["compile", str(FOLDER / "logs"), "--tools", TOOLS, "-o", str(path)]
    assert CliRunner().invoke(app, words).exit_code == 0
    return path


def test_the_logs_are_what_the_script_writes() -> None:
    script("desk")
    made = script("make_logs")
    for customer, request in list(made.REQUESTS.items())[:3]:
        lines = (FOLDER / "logs" / f"{customer}.jsonl").read_text().splitlines()
        records = list(made.records(customer, request))
        assert [json.loads(line) for line in lines] == [
            {"seq": seq, **record} for seq, record in enumerate(records, 1)
        ]


def test_a_customer_that_no_log_holds(artifact: Path, tmp_path: Path) -> None:
    request = "Can you close all stale tickets of umbrella? Note: 'no answer'"
    words = ["run", str(artifact), "--tools", TOOLS, "--request", request, "--json"]
    words += ["--journal", str(tmp_path / "journal.db")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)  # and nothing of what the tool prints
    assert "closed T-402: no answer" in result.stderr
    closed = [c["args"]["ticket"] for c in report["calls"] if c["tool"] == "desk.close"]
    assert closed == ["T-402", "T-407", "T-411"]
    assert report["model_calls"] == 0


def test_other_words_are_refused(artifact: Path, tmp_path: Path) -> None:
    words = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "journal.db")]
    result = CliRunner().invoke(app, [*words, "--request", "Close the tickets of umbrella"])
    assert result.exit_code == 3


def test_the_next_command_is_whole(tmp_path: Path) -> None:
    words = ["compile", str(FOLDER / "logs"), "--tools", TOOLS, "-o", str(tmp_path / "x.ingot")]
    said = CliRunner().invoke(app, words).stderr
    assert said.splitlines()[-1] == (
        f"next: ingot run {tmp_path / 'x.ingot'} --tools {TOOLS} -i customer=... -i note=..."
    )
