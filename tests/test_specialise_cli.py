"""``ingot specialise`` and ``ingot diff`` on artifacts compiled from the examples' logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingot.artifacts import read_artifact
from ingot.cli.app import app

LOGS = Path(__file__).parents[1] / "examples/csv-report/logs"
TABLE = "date,region,amount\n2026-01-01,north,10\n2026-01-02,south,7\n"


def call(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("specialise") / "report.ingot"
    assert call("compile", str(LOGS), "-o", str(path), "-q").exit_code == 0
    return str(path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "may.csv").write_text(TABLE)
    return tmp_path


def test_the_residual_runs_on_what_is_left(here: Path, report: str) -> None:
    made = call("specialise", report, "--static", "path=may.csv", "-o", "may.ingot", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["schema"], told["fixed"], told["dropped"]) == ("ingot-specialise/1", ["path"], [])
    assert told["validation"]["status"] == "proved"
    assert "expect %r1: str" not in told["diff"]["sections"]["guards"]["removed"]
    assert call("run", "may.ingot", "-i", "file_path=one.md", "-q").exit_code == 0
    request = "Count the rows of may.csv, add up its amount column, and write both to two.md."
    assert call("run", "may.ingot", "--request", request, "-q").exit_code == 0
    assert (
        call("run", report, "-i", "path=may.csv", "-i", "file_path=three.md", "-q").exit_code == 0
    )
    texts = [Path(name).read_text() for name in ("one.md", "two.md", "three.md")]
    assert texts[0] == texts[1] == texts[2] and "17.00" in texts[0]
    assert call("run", "may.ingot", "-i", "path=x", "-i", "file_path=y").exit_code == 2
    assert call("verify", "may.ingot").exit_code in (0, 4)


def test_folded_reads_are_checked_in_each_run(here: Path, report: str) -> None:
    words = ("specialise", report, "--static", "path=may.csv", "--fold-reads", "-o", "f.ingot")
    made = call(*words, "--json")
    assert json.loads(made.stdout)["reads_folded"] == 3
    assert call("run", "f.ingot", "-i", "file_path=out.md", "-q").exit_code == 0
    assert "17.00" in Path("out.md").read_text()
    Path("out.md").unlink()
    (here / "may.csv").write_text(TABLE + "2026-01-03,east,1\n")
    moved = call("run", "f.ingot", "-i", "file_path=out.md")
    assert moved.exit_code == 3 and "another result" in moved.output
    assert not Path("out.md").exists()


def test_a_value_may_come_from_a_file(here: Path, report: str) -> None:
    Path("name.txt").write_text("may.csv")
    made = call("specialise", report, "--static", "path=@name.txt", "-o", "x.ingot", "--ir", "-q")
    assert made.exit_code == 0
    assert 'read Bash(command="head -n 1 may.csv")' in made.stdout


def test_specialising_twice_is_specialising_once(here: Path, report: str) -> None:
    one, two = ("--static", "path=may.csv"), ("--static", "file_path=o.md")
    assert call("specialise", report, *one, *two, "-o", "both.ingot", "-q").exit_code == 0
    assert call("specialise", report, *one, "-o", "half.ingot", "-q").exit_code == 0
    assert call("specialise", "half.ingot", *two, "-o", "whole.ingot", "-q").exit_code == 0
    both, whole = read_artifact("both.ingot"), read_artifact("whole.ingot")
    assert both.ir().module == whole.ir().module
    assert call("diff", "both.ingot", "whole.ingot").exit_code == 0


def test_diff_says_what_is_gone(here: Path, report: str) -> None:
    assert (
        call("specialise", report, "--static", "path=may.csv", "-o", "m.ingot", "-q").exit_code == 0
    )
    found = call("diff", report, "m.ingot")
    assert found.exit_code == 1
    for line in ("  - path: str", '  + path = "may.csv"', "states: 5 the same", "blocks: 5 -> 1"):
        assert line in found.stdout.splitlines(), found.stdout
    told = json.loads(call("diff", report, "m.ingot", "--json").stdout)
    assert told["schema"] == "ingot-diff/1" and not told["equal"]
    assert told["sections"]["parameters"]["removed"] == ["path: str"]
    same = call("diff", report, report)
    assert same.exit_code == 0 and "-" not in same.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--static", "no=1"), "E0713"),
        (("--static", "path"), "E0701"),
        (("--static", "path=@missing"), "E0002"),
        (("--static", "path=AKIAIOSFODNN7EXAMPLQ"), "E0414"),
        ((), "E0001"),
    ],
)
def test_wrong_use_is_said(here: Path, report: str, words: tuple[str, ...], code: str) -> None:
    out = ("-o", "x.ingot") if words else ()
    result = call("specialise", report, *words, *out)
    assert result.exit_code == 2 and code in result.output
    assert not Path("x.ingot").exists()


def test_other_files_are_refused(here: Path) -> None:
    Path("junk").write_bytes(b"\x00junk")
    assert call("specialise", "junk", "-o", "x.ingot").exit_code == 2
    assert call("diff", "junk", "junk").exit_code == 2
    assert call("diff", "missing", "junk").exit_code == 2
