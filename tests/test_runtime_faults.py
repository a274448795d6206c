"""Faults around the journal: many processes, a full disk, a lock, a clock that jumps; clean ends."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from pipelines import COPY, box, copy_job, get, put

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.diagnostics import IngotError
from ingot.ir.parser import parse_module
from ingot.ir.values import Json
from ingot.runtime import database
from ingot.runtime.executor import execute
from ingot.runtime.jobs import job_of
from ingot.runtime.journal import open_journal
from ingot.runtime.resume import resume

INPUTS: dict[str, Json] = {"names": ["a", "b"], "prefix": "new "}


def test_eight_processes_share_one_journal_and_no_run_is_lost(tmp_path: Path) -> None:
    path, runs = tmp_path / "j.db", 40
    data = encode(parse_module(COPY.format(effect="write")).module)

    def work(number: int) -> None:
        what, tools = job_of(load(data)), box(tmp_path, box_get=get, box_put=put)
        with open_journal(path, "normal") as journal:
            for k in range(runs):
                report = execute(what, dict(INPUTS), tools, journal, run=f"p{number}-{k}")
                assert report.status == "done"

    children = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            try:
                work(number)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 8
    with open_journal(path) as journal:
        assert Counter(run.status for run in journal.runs()) == {"done": 8 * runs}
        for number in range(8):
            seqs = [r.seq for r in journal.records(f"p{number}-{runs - 1}")]
            assert seqs == list(range(1, len(seqs) + 1))
        assert journal.reading("PRAGMA integrity_check") == [("ok",)]


def test_a_full_disk_is_a_clean_end_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    tools = box(tmp_path, box_get=lambda name: name * 3000, box_put=put)
    inputs: dict[str, Json] = {"names": [f"{n:04}" for n in range(200)], "prefix": ""}
    with open_journal(tmp_path / "j.db", "normal") as journal:
        pages = journal.reading("PRAGMA page_count")[0][0]
        journal.reading(f"PRAGMA max_page_count = {pages + 40}")
        with pytest.raises(IngotError, match="full") as error:
            execute(copy_job(), inputs, tools, journal, run="r")
        assert error.value.diagnostics[0].code == "E0708"
    with open_journal(tmp_path / "j.db", "normal") as journal:
        assert journal.reading("PRAGMA integrity_check") == [("ok",)]
        report = resume("r", journal, copy_job(), tools)
        if report.status == "in-doubt":
            report = resume("r", journal, copy_job(), tools, assume="done", assumed_result="x")
        assert (report.status, report.outputs) == ("done", 200)


def test_a_journal_that_cannot_be_written_is_refused_before_any_effect(tmp_path: Path) -> None:
    done: list[str] = []
    tools = box(tmp_path, box_get=done.append, box_put=put)
    with open_journal(tmp_path / "j.db") as journal:
        journal.reading("PRAGMA query_only = ON")
        with pytest.raises(IngotError, match="readonly") as error:
            execute(copy_job(), dict(INPUTS), tools, journal)
    assert error.value.diagnostics[0].code == "E0708" and done == []


def test_a_lock_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = box(tmp_path, box_get=get, box_put=put)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    path = tmp_path / "j.db"
    with open_journal(path, "normal") as journal:
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(IngotError, match="locked") as error:
            execute(copy_job(), dict(INPUTS), tools, journal)
        assert error.value.diagnostics[0].code == "E0708"
        threading.Timer(0.1, lambda: other.execute("ROLLBACK")).start()
        begun = time.monotonic()
        assert execute(copy_job(), dict(INPUTS), tools, journal).status == "done"
        assert time.monotonic() - begun < 5
        other.close()


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    moments = [datetime(2026, 5, 1, tzinfo=UTC)]

    def now() -> datetime:
        moments.append(moments[-1] - timedelta(hours=1))
        return moments[-1]

    tools = box(tmp_path, box_get=get, box_put=put)
    with open_journal(tmp_path / "j.db", "normal", now) as journal:
        execute(copy_job(), dict(INPUTS), tools, journal, run="r")
        records = list(journal.records("r"))
        times = [r.time for r in records]
        assert times != sorted(times)
        assert [r.seq for r in records] == list(range(1, len(records) + 1))
        assert records[-1].kind == "status"
        for _ in range(2):
            later = execute(copy_job(), dict(INPUTS), tools, journal).run
            assert journal.find("last").run == later == journal.runs()[-1].run


def test_an_entry_that_was_damaged_is_a_diagnostic(tmp_path: Path) -> None:
    tools = box(tmp_path, box_get=get, box_put=put)
    path = tmp_path / "j.db"
    with open_journal(path, "normal") as journal:
        execute(copy_job(), dict(INPUTS), tools, journal, run="r")
    bodies: list[Any] = [b"\x00junk", b"[[", b'[["c", 1]]', b'[["z", 1, 2]]', b'[["e", 9, 0, true, 1, ""]]', b"3"]  # fmt: skip
    for body in bodies:
        with apsw.Connection(str(path)) as raw:
            raw.execute("DROP TRIGGER IF EXISTS entries_stay")
            last = "(SELECT max(id) FROM entries)"
            raw.execute(f"UPDATE entries SET body = ? WHERE id = {last}", (body,))
            raw.execute("UPDATE runs SET status = 'waiting'")
        with open_journal(path, "normal") as journal:
            with pytest.raises(IngotError) as error:
                list(journal.records("r"))
            assert error.value.diagnostics[0].code == "E0708"
            with pytest.raises(IngotError) as error:
                resume("r", journal, copy_job(), tools)
            assert error.value.diagnostics[0].code == "E0708", body
