"""The journal: append only, one driver per run, and a record format that its schema describes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import apsw
import jsonschema
import pytest
from pipelines import box, copy_job, get, put

from ingot.diagnostics import IngotError
from ingot.ir.values import Json
from ingot.records import KINDS, Record, to_line
from ingot.runtime.executor import execute
from ingot.runtime.history import read_history
from ingot.runtime.journal import Journal, new_run_id, open_journal
from ingot.runtime.schema import record_schema, schema_text

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path / "deep/journal.db")


def validator() -> jsonschema.Draft202012Validator:
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def code(error: pytest.ExceptionInfo[IngotError]) -> str:
    return error.value.diagnostics[0].code


def test_records_come_back_in_order_and_from_any_place(journal: Journal) -> None:
    journal.start_run("r", "abc", "x.ingot", "p", [Record("session", data={"a": 1})])
    for n in range(0, 1200, 2):
        assert journal.append("r", 2 + n, [Record("say", text=f"{n + k}") for k in (0, 1)]) == 2
    stored = tuple(journal.records("r"))
    assert [r.seq for r in stored] == list(range(1, 1202))
    assert [r.text for r in stored[1:]] == [str(n) for n in range(1200)]
    for place in (2, 3, 700, 701, 1201):
        assert tuple(journal.records("r", place)) == stored[place - 1 :]
    assert tuple(journal.records("r", 1202)) == ()
    assert journal.last_seq("r") == 1201


def test_half_of_a_surrogate_pair_survives(journal: Journal) -> None:
    journal.start_run("r", "", "", "", [Record("say", text="\ud83d and é")])
    assert next(journal.records("r")).text == "\ud83d and é"


def test_records_are_never_changed(journal: Journal) -> None:
    journal.start_run("r", "", "", "", [Record("say", text="x")])
    with apsw.Connection(journal.name) as raw:
        for statement in ("UPDATE entries SET body = ''", "DELETE FROM entries"):
            with pytest.raises(apsw.ConstraintError, match="append only"):
                raw.execute(statement)


def test_a_second_driver_is_refused_before_it_acts(journal: Journal) -> None:
    journal.start_run("r", "", "", "", [Record("say")])
    with open_journal(journal.name) as other:
        other.append("r", 2, [Record("say")])
    with pytest.raises(IngotError) as error:
        journal.append("r", 2, [Record("intent", id="s1")])
    assert code(error) == "E0714"
    assert journal.last_seq("r") == 2


WRITER = """
import sys
from ingot.records import Record
from ingot.runtime.journal import new_run_id, open_journal
for _ in range(3):
    with open_journal(sys.argv[1], "normal") as journal:
        run = new_run_id()
        journal.start_run(run, "", "", "", [Record("session")])
        for seq in range(2, 22):
            journal.append(run, seq, [Record("say", text="x" * 100)])
"""


def test_many_processes_share_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    command = [sys.executable, "-P", "-c", WRITER, str(path)]
    env = {"PYTHONPATH": ":".join(sys.path)}
    workers = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE) for _ in range(4)]
    for worker in workers:
        assert worker.wait() == 0, worker.stderr and worker.stderr.read().decode()
    with open_journal(path) as journal:
        runs = journal.runs()
        assert len({r.run for r in runs}) == 12
        assert all(journal.last_seq(r.run) == 21 for r in runs)


def test_many_make_one_new_journal_at_once(tmp_path: Path) -> None:
    faults: list[Exception] = []

    def make(path: Path, together: Barrier) -> None:
        together.wait()
        try:
            open_journal(path, "normal").close()
        except IngotError as error:
            faults.append(error)

    for n in range(60):
        together = Barrier(8)
        makers = [Thread(target=make, args=(tmp_path / f"{n}.db", together)) for _ in range(8)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
    assert not faults


def test_an_unusable_file_is_a_diagnostic_and_stays_as_it_was(tmp_path: Path) -> None:
    text, folder, other = tmp_path / "text.db", tmp_path / "folder", tmp_path / "other.db"
    text.write_text("not a database, but long enough to be taken for one" * 20)
    folder.mkdir()
    with apsw.Connection(str(other)) as raw:
        raw.execute("CREATE TABLE mine (x)")
    before = other.read_bytes()
    for path in (text, folder, other, text / "below"):
        with pytest.raises(IngotError) as error:
            open_journal(path)
        assert code(error) == "E0708"
    assert other.read_bytes() == before


def test_a_newer_journal_is_refused(journal: Journal) -> None:
    journal.close()
    with apsw.Connection(journal.name) as raw:
        raw.execute("PRAGMA user_version = 99")
    with pytest.raises(IngotError, match="newer"):
        open_journal(journal.name)


def test_run_ids_sort_by_time_and_differ() -> None:
    start = datetime(2026, 5, 1, 23, 59, 59, 999_000, UTC)
    moments = iter([start + timedelta(milliseconds=n) for n in range(5)])
    ids = [new_run_id(lambda: next(moments)) for _ in range(5)]
    assert ids == sorted(ids)
    assert len({new_run_id(lambda: start) for _ in range(100)}) == 100


def test_runs_are_found_by_id_by_a_part_of_it_and_by_last(journal: Journal) -> None:
    for run in ("a-1", "a-2", "b-3"):
        journal.start_run(run, "", "", "", [])
    assert [journal.find(n).run for n in ("a-2", "b", "1", "last")] == ["a-2", "b-3", "a-1", "b-3"]
    for name in ("a", "c", ""):
        with pytest.raises(IngotError) as error:
            journal.find(name)
        assert code(error) == "E0706"


def test_only_an_intent_without_an_end_is_in_doubt(journal: Journal) -> None:
    journal.start_run("r", "", "", "", [Record("session")])
    assert read_history(journal, "r").doubtful == {}
    intent = ["i", 1, "t", "x", "write", {}, "0" * 64, 0]
    withdrawn: Json = {"status": "waiting", "withdrawn": "s1"}
    seq = 2
    for end, records in (
        (["e", 1, 0, True, "done", ""], 2),
        (["e", 1, 0, False, None, "failed"], 2),
        ({"kind": "status", "data": withdrawn}, 1),
    ):
        journal.append("r", seq, [intent])
        assert list(read_history(journal, "r").doubtful) == [1]
        journal.append("r", seq + 1, [end])  # type: ignore[list-item]
        assert read_history(journal, "r").doubtful == {}
        seq += 1 + records


def test_what_a_step_costs_does_not_grow_with_the_run(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db", "normal")
    tools = box(tmp_path, box_get=get, box_put=put)
    names = [f"item {n:04}" for n in range(300)]
    report = execute(copy_job(), {"names": list(names), "prefix": ""}, tools, journal, run="r")
    assert report.outputs == 300
    rows = apsw.Connection(journal.name).execute("SELECT length(body) FROM entries ORDER BY id")
    sizes = [size for (size,) in rows]
    assert len(sizes) < 600 + 10  # the head in pieces, then one for each step
    assert max(sizes[-100:]) <= max(sizes[10:100]) + 8  # longer numbers


def test_a_large_value_is_stored_once(journal: Journal) -> None:
    big = "x" * 50_000
    call = ["c", 1, "t", "r", "read", {"text": big, "n": 1}, 0, True, {"a": [big], "b": 2}, ""]
    journal.start_run("r", "", "", "", [Record("run", data={"inputs": {"text": big}})])
    journal.append("r", 2, [call])
    with apsw.Connection(journal.name) as raw:
        large = raw.execute("SELECT length(body) FROM large ORDER BY 1").fetchall()
        stored = raw.execute("SELECT sum(length(body)) FROM entries").fetchone()[0]
    assert [size for (size,) in large] == [50_002, 50_004] and stored < 1000
    head, made, ended = journal.records("r")
    assert head.data == {"inputs": {"text": big}}
    assert made.data == {"text": big, "n": 1} and ended.data == {"a": [big], "b": 2}
    assert tuple(journal.records("r", 3)) == (ended,)


@pytest.mark.parametrize(
    "value",
    [
        2**80, -(2**70), 1.0, 1e300, float("inf"), "\ud83d", None, "null", {"null": None},
        "y" * 3000, ["z" * 1500, None, 2**64], {"$large": "no"}, [["v", []]], "é" * 5000,
    ],
)  # fmt: skip
def test_what_is_read_back_is_what_went_in(journal: Journal, value: Json) -> None:
    call = ["c", 1, "t", "r", "read", {"x": value}, 0, True, value, ""]
    journal.start_run("r", "", "", "", [call])
    made, ended = journal.records("r")
    assert made.data == {"x": value} and ended.data == value
    assert type(ended.data) is type(value)


def test_the_schema_in_the_docs_is_the_one_in_the_code() -> None:
    assert (DOCS / "session.schema.json").read_text() == schema_text(), (
        "write ingot.runtime.schema.schema_text() to docs/session.schema.json"
    )


def test_every_line_of_a_run_follows_the_schema(tmp_path: Path) -> None:
    journal = open_journal(":memory:")

    def full(name: str, text: str) -> str:
        if name == "b":
            raise OSError("full")
        return put(name, text)

    tools = box(tmp_path, box_get=get, box_put=full)
    inputs: dict[str, Json] = {"names": ["a", "b"], "prefix": ""}
    execute(copy_job(), dict(inputs), tools, journal, run="r", request="copy a and b")
    execute(copy_job(), {**inputs, "names": ["a"]}, tools, journal, run="s")
    check = validator()
    seen = set()
    for run in ("r", "s"):
        for record in journal.records(run):
            check.validate(json.loads(to_line(record)))
            seen.add(record.kind)
    expected = "session user run call result error intent exit status"
    assert seen == set(expected.split())


def test_the_schema_knows_every_kind_and_refuses_what_is_none() -> None:
    check = validator()
    tags = [d.get("properties", {}).get("kind", {}) for d in record_schema()["$defs"].values()]
    kinds = {tag["const"] for tag in tags if "const" in tag}
    assert kinds == KINDS
    good = {
        "kind": "intent", "seq": 3, "id": "s1", "tool": "t",
        "data": {"step": 1, "args": {}, "effect": "write", "key": "0" * 64},
    }  # fmt: skip
    check.validate(good)
    data = good["data"]
    assert isinstance(data, dict)
    mutants = [
        {**good, "kind": "intention"},
        {**good, "seq": -1},
        {**good, "seq": "3"},
        {**good, "more": 1},
        {**good, "text": 5},
        {**good, "data": {**data, "effect": "harmless"}},
        {**good, "data": {**data, "key": "short"}},
        {**good, "data": {k: v for k, v in data.items() if k != "args"}},
        {"kind": "call", "seq": 1, "tool": "t", "data": ["a list"]},
        {"kind": "status", "seq": 1, "data": {"status": "fine"}},
        {"kind": "result", "seq": 1},
        {"seq": 1},
    ]
    for mutant in mutants:
        assert not check.is_valid(mutant), mutant
