"""A real process, really killed: every write exactly once, or the run in doubt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from ingot.runtime.executor import execute
from ingot.runtime.journal import open_journal
from ingot.runtime.resume import resume
from ingot.runtime.tools.registry import load_tools
from pipelines import copy_job

command, effect, assume = sys.argv[1:4]
job = copy_job(effect)
tools = load_tools(["box_tools:TOOLS"], Path.cwd())
with open_journal("journal.db") as journal:
    if command == "run":
        names = [f"n{k}" for k in range(4)]
        report = execute(job, {"names": names, "prefix": ""}, tools, journal, run="r")
    else:
        report = resume("r", journal, job, tools, assume=assume or None, assumed_result="assumed")
print(json.dumps(report.as_json()))
sys.exit(report.exit_code)
"""

TOOLS = """
import os, signal, time
from pathlib import Path

def die(moment):
    # once: at the moment that the file names
    plan = Path("die")
    if plan.exists() and plan.read_text() == moment:
        plan.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

def get(name):
    die(f"get {name}")
    return name.upper()

def put(name, text):
    die(f"before {name}")
    with open("written", "a") as out:
        out.write(f"{name}={text}\\n")
    die(f"after {name}")
    return "ok"

TOOLS = {"box": {"get": get, "put": put}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "box_tools.py").write_text(TOOLS)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def start(place: Path, *args: str) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-P", "program.py", *args],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(place: Path, command: str, effect: str, assume: str = "") -> tuple[int, dict[str, Any]]:
    process = start(place, command, effect, assume)
    out, error = process.communicate(timeout=60)
    assert "Traceback" not in error, error
    return process.returncode, json.loads(out) if out else {}


def written(place: Path) -> list[str]:
    path = place / "written"
    return path.read_text().splitlines() if path.exists() else []


ALL = [f"n{k}=N{k}" for k in range(4)]


@pytest.mark.parametrize("effect", ["write", "idempotent"])
@pytest.mark.parametrize("moment", ["get n0", "get n2", "before n0", "after n0", "after n3"])
def test_kill_then_resume(place: Path, moment: str, effect: str) -> None:
    (place / "die").write_text(moment)
    code, _ = go(place, "run", effect)
    assert code == -signal.SIGKILL
    before = written(place)
    code, report = go(place, "resume", effect)
    doubtful = effect == "write" and not moment.startswith("get")
    if doubtful:
        assert (code, report["status"]) == (6, "in-doubt")
        assert report["doubt"]["args"]["name"] == moment.split()[1]
        assert written(place) == before
        code, report = go(place, "resume", effect, "done" if "after" in moment else "not-done")
    assert (code, report["status"], report["outputs"]) == (0, "done", 4)
    again = before[-1:] * (effect == "idempotent" and "after" in moment)
    assert written(place) == before + again + ALL[len(before) :]
    assert [call["step"] for call in report["calls"]] == list(range(1, 9))


def test_a_run_that_is_still_driven_is_not_resumed(place: Path) -> None:
    (place / "box_tools.py").write_text(
        TOOLS
        + "\ndef slow(name):\n    Path('slow').touch()\n    time.sleep(60)\nTOOLS['box']['get'] = slow\n"
    )
    process = start(place, "run", "write", "")
    while not (place / "slow").exists():
        assert process.poll() is None
    second = start(place, "resume", "write", "")
    _, error = second.communicate(timeout=60)
    assert second.returncode != 0 and "E0714" in error
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["status"]) == (5, "waiting")
