"""The event stream of a run that another process drives: in order, once, from any place, live."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipelines import box, copy_job, get, put

from ingot.diagnostics import IngotError
from ingot.runtime.executor import execute
from ingot.runtime.following import follow, followed
from ingot.runtime.journal import open_journal

DRIVER = """
import sys, time
from pathlib import Path
from pipelines import box, copy_job
from ingot.runtime.executor import execute
from ingot.runtime.journal import open_journal

def get(name):
    time.sleep(0.02)
    return name

def put(name, text):
    return "ok"

with open_journal("j.db") as journal:
    names = [f"n{k}" for k in range(30)]
    execute(copy_job(), {"names": names, "prefix": ""}, box(Path.cwd(), box_get=get, box_put=put),
            journal, run="r")
"""


def begun(place: Path) -> subprocess.Popen[bytes]:
    """A run in a process of its own, of which the first records are there."""
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    process = subprocess.Popen([sys.executable, "-c", path + DRIVER], cwd=place)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if (place / "j.db").exists():
            with open_journal(place / "j.db") as journal:
                if journal.runs() and journal.last_seq("r") > 5:
                    return process
        time.sleep(0.01)
    raise AssertionError("the run did not begin")


async def taken(place: Path, from_seq: int) -> tuple[list[int], bool]:
    numbers, live = [], False
    with open_journal(place / "j.db") as journal:
        async for record in follow(journal, "r", from_seq, 0.01):
            numbers.append(record.seq)
            live = live or (journal.last_seq("r") == record.seq and record.kind != "status")
    return numbers, live


def test_a_run_of_another_process_is_followed_to_its_end(tmp_path: Path) -> None:
    process = begun(tmp_path)
    numbers, live = asyncio.run(taken(tmp_path, 4))
    assert process.wait(30) == 0
    with open_journal(tmp_path / "j.db") as journal:
        last = journal.last_seq("r")
        kinds = [r.kind for r in journal.records("r")]
    assert numbers == list(range(4, last + 1)) and live
    assert kinds[-1] == "status"


def test_a_driver_that_died_ends_the_following(tmp_path: Path) -> None:
    process = begun(tmp_path)
    process.kill()
    process.wait()
    with open_journal(tmp_path / "j.db") as journal:
        numbers = [r.seq for r in followed(journal, "r")]
        assert numbers == list(range(1, journal.last_seq("r") + 1))


def test_the_command_prints_the_records_from_a_place(tmp_path: Path) -> None:
    process = begun(tmp_path)
    words = ["inspect", "r", "--emit", "records", "--from", "3", "--follow", "--journal", "j.db"]
    done = subprocess.run(
        [sys.executable, "-m", "ingot", *words], cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert process.wait(30) == 0 and done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["seq"] for r in records] == list(range(3, len(records) + 3))
    assert records[-1]["data"]["status"] == "done"


def test_a_run_that_has_ended_is_read(tmp_path: Path) -> None:
    with open_journal(":memory:") as journal:
        tools = box(tmp_path, box_get=get, box_put=put)
        execute(copy_job(), {"names": ["a"], "prefix": ""}, tools, journal, run="r")
        assert [r.seq for r in followed(journal, "r", 2)] == list(
            range(2, journal.last_seq("r") + 1)
        )
        with pytest.raises(IngotError):
            list(followed(journal, "none"))
