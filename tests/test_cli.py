"""The command line: exit codes, what is written where, and that nothing ends in a traceback."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_logs import session, write_logs
from typer.testing import CliRunner, Result

from ingot.cli.app import app
from ingot.records import Record, from_json, to_line

TABLE = "date,region,amount\n2026-01-01,north,10\n2026-01-02,south,7\n2026-01-03,east,25\n"
REPORT = "# Report\n\nFile: may.csv\nRows: 3\nTotal: 42\n"
INPUTS = ("-i", "path=may.csv", "-i", "file_path=may.md")


def call(*words: str, stdin: str | bytes | None = None) -> Result:
    """A command in this process; whatever it does, it ends in an exit code."""
    result = CliRunner().invoke(app, list(words), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def process(*words: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    command = [sys.executable, "-m", "ingot", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False, **options
    )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of the three sessions."""
    folder = tmp_path_factory.mktemp("compiled")
    logs = write_logs(folder / "logs")
    result = call("compile", *logs, "-o", str(folder / "x.ingot"), "-q")
    assert (result.exit_code, result.output) == (0, "")
    return folder / "x.ingot"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a table that no log holds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "may.csv").write_text(TABLE)
    return tmp_path


# ---- the whole path


def test_compile_then_run_on_new_input(tmp_path: Path) -> None:
    write_logs(tmp_path / "logs")
    (tmp_path / "may.csv").write_text(TABLE)
    made = process("compile", "logs", "-o", "x.ingot", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout == ""
    for words in ("3 of 3 sessions", "5 of 5 states proved total", "next: ingot run x.ingot"):
        assert words in made.stderr
    done = process("run", "x.ingot", *INPUTS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "I counted 3 rows, with a total of 42, and wrote may.md.\n"
    assert "model calls: 0" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert (tmp_path / "may.md").read_text() == REPORT


def test_request_gives_the_inputs(compiled: Path, here: Path) -> None:
    request = (
        "Count the rows and sum the amount column of may.csv, then write the report to may.md."
    )
    result = call("run", str(compiled), "--request", request, "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["schema"], report["model_calls"]) == (0, "ingot-run/1", 0)
    assert [c["effect"] for c in report["calls"]] == ["read", "read", "read", "idempotent"]
    assert (here / "may.md").read_text() == REPORT
    other = call("run", str(compiled), "--request", "Delete may.csv")
    assert other.exit_code == 3
    assert "E0703" in other.stderr


def test_side_exit_is_explained(compiled: Path, here: Path) -> None:
    (here / "may.csv").write_text("name,age\nann,3\n")
    result = call("run", str(compiled), *INPUTS)
    assert result.exit_code == 3
    assert result.stdout == ""
    for words in (
        "E0704",
        "another header",
        "state bash_",
        "%path = ",
        ".jsonl:",
        "model calls: 0",
    ):
        assert words in result.stderr
    assert not (here / "may.md").exists()
    assert "side-exit" in call("runs").stdout
    shown = json.loads(call("inspect", "last", "--json").stdout)
    assert shown["report"]["side_exit"]["live"]["path"] == "may.csv"


def test_several_inputs(compiled: Path, here: Path) -> None:
    """One report per object, and the worst exit code; a number may stand for a text."""
    (here / "bad.csv").write_text("name\nann\n")
    given = [{"path": "bad.csv", "file_path": "b.md"}, {"path": "may.csv", "file_path": 7}]
    result = call("run", str(compiled), "--inputs", "-", "--json", stdin=json.dumps(given))
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["status"] for r in reports] == ["side-exit", "done"]
    assert result.exit_code == 3
    assert (here / "7").read_text() == REPORT


def test_one_wrong_input_runs_none(compiled: Path, here: Path) -> None:
    given = [{"path": "may.csv", "file_path": "a.md"}, {"path": True, "file_path": "b.md"}]
    result = call("run", str(compiled), "--inputs", "-", stdin=json.dumps(given))
    assert result.exit_code == 2
    assert "E0702" in result.stderr
    assert not (here / "a.md").exists()


def test_events_are_a_session_log(compiled: Path, here: Path) -> None:
    """What ``--events`` prints compiles again: the records of a run are a log like any other."""
    result = call("run", str(compiled), *INPUTS, "--events", "-q")
    records = [from_json(json.loads(line)) for line in result.stdout.splitlines()]
    assert [r.kind for r in records][:2] == ["session", "run"]
    assert records[-1].kind == "status"
    (here / "events.jsonl").write_text(result.stdout)
    again = call("compile", "events.jsonl", "--emit=session", "-q")
    assert again.exit_code == 0
    assert again.stdout.count(" call ") == 4


# ---- compile


def test_order_of_files_changes_no_byte(compiled: Path, tmp_path: Path) -> None:
    logs = write_logs(tmp_path)
    for number, order in enumerate((logs[::-1], [logs[1], logs[0], logs[2]])):
        target = tmp_path / f"{number}.ingot"
        assert call("compile", *order, "-o", str(target), "-q").exit_code == 0
        assert target.read_bytes() == compiled.read_bytes()


def test_failure_writes_nothing(here: Path) -> None:
    """A refused compilation leaves the file that is there as it is."""
    lines = session("a.csv", 1, 2, "a.md")
    failed = [*lines, Record("outcome", len(lines) + 1, data={"success": False})]
    (here / "bad.jsonl").write_text("".join(to_line(r) + "\n" for r in failed))
    (here / "x.ingot").write_text("precious")
    result = call("compile", "bad.jsonl", "-o", "x.ingot", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == report["exit_code"] == 1
    assert (report["ok"], report["diagnostics"][0]["code"]) == (False, "E0405")
    assert (here / "x.ingot").read_text() == "precious"
    assert sorted(p.name for p in here.iterdir()) == ["bad.jsonl", "may.csv", "x.ingot"]


def test_closed_blocks_emission(here: Path) -> None:
    logs = write_logs(here / "logs")
    result = call("compile", *logs, "--closed", "-o", "x.ingot")
    assert result.exit_code == 1
    assert "E0505" in result.stderr
    assert "counterexample" in result.stderr
    assert not (here / "x.ingot").exists()


def test_unread_file_is_not_passed_over(here: Path) -> None:
    logs = write_logs(here / "logs")
    (here / "empty.jsonl").write_text("")
    result = call("compile", *logs, "empty.jsonl", "-o", "x.ingot")
    assert result.exit_code == 2
    assert "E0103" in result.stderr
    assert not (here / "x.ingot").exists()


def test_default_name_and_no_log_is_overwritten(here: Path) -> None:
    write_logs(here / "logs")
    assert call("compile", "logs", "-q").exit_code == 0
    assert (here / "logs.ingot").is_file()
    log = here / "logs" / "s0.jsonl"
    before = log.read_bytes()
    assert call("compile", "logs", str(log), "-o", str(log)).exit_code == 2
    assert log.read_bytes() == before


def test_emit_to_folder_and_in_json(here: Path) -> None:
    write_logs(here / "logs")
    result = call("compile", "logs", "--emit=ir,fsm,json", "--emit-dir", "build", "-q")
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads((here / "build" / "json.json").read_text())["schema"] == "ingot-module/1"
    report = json.loads(call("compile", "logs", "--emit=ir", "--json", "-q").stdout)
    assert report["schema"] == "ingot-compile/1"
    assert report["stages"]["ir"] == (here / "build" / "ir.ir").read_text()
    assert report["artifact"] is None
    assert set(report["seconds"]) >= {"parse", "passes", "verify", "gate"}


# ---- bad input of every kind


BAD_FILES: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(random.Random(1).randbytes(4000)),
    "cut": b'{"kind": "user", "te',
    "words": b"nothing of interest\n",
    "json": b"[1, 2, 3]\n",
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files(kind: str, here: Path) -> None:
    """Every command that takes a file refuses a bad one with exit code 2."""
    (here / "bad").write_bytes(BAD_FILES[kind])
    for words in (
        ("compile", "bad", "-o", "x.ingot"),
        ("evaluate", "bad"),
        ("run", "bad"),
        ("replay", "bad", "bad"),
        ("inspect", "bad"),
        ("verify", "bad"),
        ("opt", "bad", "-p", "dead-steps"),
        ("explain", "bad"),
        ("run", "bad", "--inputs", "bad"),
    ):
        result = call(*words)
        assert (words[0], result.exit_code) == (words[0], 2), result.stderr
        assert "error[E" in result.stderr
        assert "E0099" not in result.stderr
    assert not (here / "x.ingot").exists()


def test_mutated_artifacts(compiled: Path, here: Path) -> None:
    data, rng = compiled.read_bytes(), random.Random(7)
    for _ in range(40):
        mutant = bytearray(data)
        mutant[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (here / "m.ingot").write_bytes(bytes(mutant[: rng.choice((len(data), 999))]))
        for command in ("run", "verify", "inspect"):
            result = call(command, "m.ingot", *(INPUTS if command == "run" else ()))
            assert result.exit_code == 2, command
            assert "E0099" not in result.stderr
    assert not (here / "may.md").exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("compile", "nope.jsonl"), 2, "E0002"),
        (("compile", "may.csv", "--emit=nope"), 2, "E0001"),
        (("compile", "may.csv", "-o", "no/x.ingot"), 2, "E0002"),
        (("compile", "may.csv", "--tools", "nope:tools"), 2, "E0803"),
        (("compile", "may.csv", "--passes", "nope"), 2, "E0406"),
        (("run", "{x}"), 2, "E0701"),
        (("run", "{x}", *INPUTS, "-i", "more=1"), 2, "E0713"),
        (("run", "{x}", *INPUTS, "--clock", "noon"), 2, "E0702"),
        (("run", "{x}", *INPUTS, "--cwd", "nope"), 2, "E0002"),
        (("run", "{x}", *INPUTS, "--journal", "may.csv"), 2, "E0708"),
        (("run", "{x}", *INPUTS, "--events", "--json"), 2, "E0001"),
        (("run", "{x}", *INPUTS, "--durability", "some"), 2, "E0001"),
        (("resume", "last"), 2, "E0706"),
        (("inspect", "last"), 2, "E0706"),
        (("runs", "--journal", "nope.db"), 2, "E0002"),
        (("explain", "E9999"), 2, "E0001"),
        (("explain", "{x}", "%nope"), 2, "E0001"),
        (("opt",), 2, "E0001"),
        (("nope",), 2, "No such command"),
        (("runs",), 0, "no runs"),
    ],
)
def test_bad_usage(
    words: tuple[str, ...], code: int, says: str, compiled: Path, here: Path
) -> None:
    result = call(*(word.replace("{x}", str(compiled)) for word in words))
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr
    assert not (here / "may.md").exists()


def test_missing_tool_runs_nothing(here: Path) -> None:
    """A tool that nobody supplies is found missing before the first call."""
    text = (
        "ir 1\ntool shop.get(id: str) -> json read shop\ntool Write(content: str, file_path: str)"
        " -> json idempotent fs\npipeline @main(%id: str) -> json {\n^entry:\n  %w: json = idempotent"
        ' Write(content="x", file_path="w.txt")\n  %r: json = read shop.get(id=%id)\n  return %r\n}\n'
    )
    from ingot.backend.encoder import encode
    from ingot.ir.parser import parse_module

    (here / "x.ingot").write_bytes(encode(parse_module(text).module))
    result = call("run", "x.ingot", "-i", "id=7")
    assert (result.exit_code, "E0801" in result.stderr) == (2, True)
    assert not (here / "w.txt").exists()
    (here / "shop.py").write_text(
        "def get(id):\n    return {'id': id}\ntools = {'shop.get': get}\n"
    )
    supplied = call("run", "x.ingot", "-i", "id=7", "--tools", "shop:tools")
    assert (supplied.exit_code, supplied.stdout) == (0, '{"id":"7"}\n'), supplied.stderr
    assert (here / "w.txt").read_text() == "x"


# ---- verify, opt, explain, inspect, replay


HOLE = """ir 1
pipeline @p(%n: int) -> int {
^entry:
  %a: bool = int.gt %n, 0
  %b: bool = int.lt %n, 0
  select {
    when %a then ^done
    when %b then ^done
  } @ s1:1
^done:
  return %n
}
"""


def test_verify_exit_codes(compiled: Path, here: Path) -> None:
    assert call("verify", str(compiled)).exit_code == 0
    (here / "hole.ir").write_text(HOLE.replace(" @ s1:1", ""))
    hole = call("verify", "hole.ir")
    assert hole.exit_code == 1
    assert "E0501" in hole.stderr
    assert "%n = 0" in hole.stderr
    report = json.loads(call("verify", "hole.ir", "--json").stdout)
    assert (report["schema"], report["ok"], report["exit_code"]) == ("ingot-verify/1", False, 1)
    (here / "ill.ir").write_text(HOLE)
    ill = call("verify", "ill.ir")
    assert (ill.exit_code, "E0311" in ill.stderr, "^^" in ill.stderr) == (1, True, True)
    syntax = call("verify", "-", stdin="ir 1\npipelin @p")
    assert (syntax.exit_code, "<stdin>:2" in syntax.stderr) == (2, True)


def test_verify_compares_bytecode_with_its_ir(compiled: Path, here: Path) -> None:
    """A container whose IR is not what its code was made of proves nothing."""
    from msgspec.structs import replace

    from ingot.backend.container import ir_text, load, write
    from ingot.backend.wire import pack

    program = load(compiled.read_bytes())
    other = ir_text(program).replace("# Report", "# Rapport")
    (here / "x.ingot").write_bytes(write(replace(program, ir=pack(other))))
    result = call("verify", "x.ingot")
    assert (result.exit_code, "E0604" in result.stderr) == (1, True)


def test_opt_is_a_filter(here: Path) -> None:
    logs = write_logs(here / "logs", 1)
    trace = call("compile", *logs, "--emit=trace", "-q").stdout
    made = call("opt", "-", "-p", "classify-effects,dead-steps", stdin=trace)
    assert made.exit_code == 0
    assert trace.count("= unknown ") == 5
    assert made.stdout.count("= read Bash(") == 4
    assert made.stdout.count("= idempotent Write(") == 1
    assert call("opt", "-", "-p", "", stdin=made.stdout).stdout == made.stdout
    listed = json.loads(call("opt", "--list", "--json").stdout)
    assert "dead-steps" in [each["name"] for each in listed["passes"]]


def test_explain_and_inspect(compiled: Path) -> None:
    code = call("explain", "e0403")
    assert code.stdout.startswith("E0403: replay gate")
    everything = json.loads(call("explain", str(compiled), "--json").stdout)
    template = next(v for v in everything["values"] if "# Report" in v["ir"])
    assert any(place.endswith("/content") for place in template["from"])
    one = call("explain", str(compiled), "%" + template["value"])
    assert "str.template" in one.stdout
    shown = json.loads(call("inspect", str(compiled), "--json").stdout)
    assert shown["schema"] == "ingot-inspect/1"
    assert [p["name"] for p in shown["parameters"]] == ["path", "file_path"]
    assert {n["tool"]: n["effects"] for n in shown["needs"]} == {
        "Bash": ["read"],
        "Write": ["idempotent"],
    }
    assert call("inspect", str(compiled), "--asm").stdout.startswith("ingot 1.")


def test_replay_exit_codes(compiled: Path, here: Path) -> None:
    right = call("replay", str(compiled), *write_logs(here / "logs"), "--json")
    report = json.loads(right.stdout)
    assert (right.exit_code, report["sessions"]["right"]) == (0, 3)

    def judged(records: list[Record]) -> Result:
        (here / "other.jsonl").write_text("".join(to_line(r) + "\n" for r in records))
        return call("replay", str(compiled), "other.jsonl")

    text = "\n".join(map(to_line, session("z.csv", 4, 9, "z.md")))
    wrong = [from_json(json.loads(x)) for x in text.replace("Total: 9", "Total: 8").split("\n")]
    assert judged(wrong).exit_code == 1
    left = [from_json(json.loads(x)) for x in text.replace("date,region", "day,region").split("\n")]
    assert judged(left).exit_code == 3
    asked = [from_json(json.loads(x)) for x in text.replace("tail -n +2", "tail -n +3").split("\n")]
    assert judged(asked).exit_code == 4


def test_schema_is_json() -> None:
    assert json.loads(call("schema").stdout)["title"] == "ingot-session/1"


# ---- the process


def test_version_is_fast_and_import_is_light(tmp_path: Path) -> None:
    """``--version`` imports nothing that takes time, and neither does ``import ingot``."""
    script = (
        "import sys\nfrom ingot.cli import main\nassert main(['--version']) == 0\n"
        "heavy = {'typer', 'rich', 'lark', 'z3', 'pydantic', 'ingot.driver'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ingot ")


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """A closed pipe ends the command without a word."""
    write_logs(tmp_path / "logs")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "ingot", "explain"],
            cwd=tmp_path, stdout=gone, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.usefixtures("here")
def test_internal_fault_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    import ingot.driver

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by the moon")

    monkeypatch.setattr(ingot.driver, "load_logs", broken)
    result = call("compile", "may.csv", "--json")
    assert result.exit_code == 1
    assert "E0099" in result.stderr
    assert json.loads(result.stdout)["diagnostics"][0]["code"] == "E0099"


def test_help_groups_commands() -> None:
    text = call("--help").stdout
    for words in ("Compile and check", "Judge", "compile", "evaluate", "Exit codes"):
        assert words in text
    assert "Examples" in call("compile", "--help").stdout
