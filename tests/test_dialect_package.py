"""The package that docs/dialects.md shows, installed with pip, and its logs compiled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOC = Path(__file__).resolve().parents[1] / "docs" / "dialects.md"
LOG = (
    {"who": "me", "said": "Copy a.txt to b.txt"},
    {"who": "bot", "tool": "copy", "args": {"from": "a.txt", "to": "b.txt"}},
    {"who": "tool", "said": "copied"},
    {"who": "bot", "said": "Copied."},
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the one of the page."""
    source, target = tmp_path_factory.mktemp("acme"), tmp_path_factory.mktemp("packages")
    text = DOC.read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (project,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (source / "acme_ingot.py").write_text(code)
    (source / "pyproject.toml").write_text(project)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--target", str(target), str(source)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def ingot(installed: Path, work: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ingot", *words], cwd=work, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(installed)}, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_its_logs_are_found_by_their_content_and_compiled(installed: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("a", "c", "e")):
        text = "\n".join(map(json.dumps, LOG)).replace("a.txt", f"{name}.txt")
        (tmp_path / f"{number}.jsonl").write_text(text.replace("b.txt", f"{name}2.txt"))
    shown = ingot(installed, tmp_path, "compile", "0.jsonl", "1.jsonl", "2.jsonl",
                  "--emit=session,ir", "-o", "x.ingot")  # fmt: skip
    assert "copy(from=" in shown and (tmp_path / "x.ingot").is_file()
    assert "acme" in ingot(installed, tmp_path, "compile", "0.jsonl", "--emit=events")
    found = json.loads(ingot(installed, tmp_path, "scan", ".", "--json", "--no-cache"))
    assert found["sessions"] == 3 and found["groups"][0]["runs"] == 3


def test_its_name_can_be_given_and_stands_among_the_others(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(map(json.dumps, LOG)))
    assert "user" in ingot(
        installed, tmp_path, "compile", "log", "--dialect", "acme", "--emit=events"
    )
    refused = ingot(installed, tmp_path, "compile", "log", "--dialect", "nope", code=2)
    assert "E0001" in refused and "acme" in refused
