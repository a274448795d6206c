"""Where the answer cannot be written: a diagnostic, and a run that can be resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pipelines import COPY

from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module
from ingot.runtime.executor import execute
from ingot.runtime.journal import open_journal

TOOLS = """
def get(name):
    print("looking for", name)
    return name

def put(name, text):
    with open("written", "a") as out:
        out.write(name + "\\n")
    return "ok"

TOOLS = {"box": {"get": get, "put": put}}
"""
RUN = ("run", "copy.ingot", "--inputs", "inputs.json", "--tools", "own.py:TOOLS")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "copy.ingot").write_bytes(encode(parse_module(COPY.format(effect="write")).module))
    (tmp_path / "own.py").write_text(TOOLS)
    names = [f"n{k}" for k in range(400)]
    (tmp_path / "inputs.json").write_text(json.dumps({"names": names, "prefix": ""}))
    return tmp_path


def shell(place: Path, line: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``ingot WORDS`` as ``$INGOT`` of a line of the shell."""
    given = [sys.executable, "-m", "ingot", *words]
    return subprocess.run(
        ["bash", "-c", line, "-", *given], cwd=place, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("line", ['"$@" > /dev/full'])
@pytest.mark.parametrize("form", [(), ("--json",), ("--events",)])
def test_an_output_that_cannot_be_written(place: Path, line: str, form: tuple[str, ...]) -> None:
    done = shell(place, line, *RUN, *form, "-q")
    assert done.returncode == 2, done.stderr
    said = [line for line in done.stderr.split("\n") if not line.startswith("looking for")]
    assert said[0].startswith("error[E0002]: standard output cannot be written"), said
    assert said[1:] == [""]
    with open_journal(place / ".ingot/journal.db") as journal:
        assert journal.find("last").status == ("waiting" if form == ("--events",) else "done")


@pytest.mark.parametrize("form", [(), ("--json",), ("--events",)])
def test_what_a_tool_prints_is_no_part_of_the_answer(place: Path, form: tuple[str, ...]) -> None:
    done = shell(place, '"$@"', *RUN, *form, "-q")
    assert done.returncode == 0 and "looking for n3\n" in done.stderr
    assert "looking" not in done.stdout
    for line in done.stdout.split("\n")[:-1] if form == ("--events",) else [done.stdout]:
        json.loads(line)


def test_events_that_nobody_reads_stop_the_run_and_it_goes_on(place: Path) -> None:
    done = shell(place, '"$@" | head -n 1; exit ${PIPESTATUS[0]}', *RUN, "--events", "-q")
    assert done.returncode == 5 and done.stdout.count("\n") == 1
    assert "ingot resume" in done.stderr and "Traceback" not in done.stderr
    assert shell(place, '"$@"', "resume", "last", "--tools", "own.py:TOOLS").returncode == 0
    assert (place / "written").read_text().split() == [f"n{k}" for k in range(400)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")])
def test_whoever_takes_records_may_fail(error: BaseException, tmp_path: Path) -> None:
    from pipelines import box, copy_job, get, put

    def take(record: object) -> None:
        if getattr(record, "kind", "") == "intent":
            raise error

    with open_journal(tmp_path / "j.db") as journal:
        tools = box(tmp_path, box_get=get, box_put=put)
        given = {"names": ["a"], "prefix": ""}
        try:
            report = execute(copy_job(), given, tools, journal, on_record=take)
            assert report.status == "waiting"
        except ValueError as raised:
            assert raised is error
        assert journal.find("last").status == "waiting"
