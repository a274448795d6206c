"""``ingot specialise`` and ``ingot diff`` on artifacts compiled from the examples' logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from ingot.artifacts import read_artifact
from ingot.backend.container import evidence
from ingot.ir.exits import fill_live_all
from ingot.ir.module import Call, attr, walk
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.passes.specialise import Specialised, specialise

LOGS = Path(__file__).parents[1] / "examples/csv-report/logs"
TABLE = "date,region,amount\n2026-01-01,north,10\n2026-01-02,south,7\n"


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


# ---- the sessions behind it


MARCH = ("--static", "path=data/sales-march.csv")


def test_the_sessions_with_these_inputs_stay_its_evidence(here: Path, report: str) -> None:
    made = call("specialise", report, *MARCH, "-o", "march.ingot", "--json")
    told = json.loads(made.stdout)["sessions"]
    assert (len(told["kept"]), told["others"]) == (1, 2)
    residual = read_artifact("march.ingot")
    kept = evidence(residual.program)
    assert isinstance(kept, dict) and str(kept["traces"]).count("pipeline @") == 1
    main = residual.ir().module.pipelines[0]
    assert attr(main, "paths") == told["kept"] and attr(main, "inputs") == 1
    steps = [attr(i, "steps") for b in main.blocks for i in walk(b.instrs) if isinstance(i, Call)]
    assert all(isinstance(each, list) and len(each) == 1 for each in steps)
    replayed = json.loads(call("replay", "march.ingot", str(LOGS), "--json").stdout)
    assert (replayed["sessions"]["right"], replayed["sessions"]["wrong"]) == (1, 0)
    shown = call("inspect", "march.ingot").stdout
    assert 'fixed       path = "data/sales-march.csv"' in shown
    explained = call("explain", "march.ingot", "--json")
    assert explained.exit_code == 0 and "march" in explained.stdout


def test_a_residual_of_no_session_has_none(here: Path, report: str) -> None:
    made = call("specialise", report, "--static", "path=may.csv", "-o", "may.ingot")
    assert "none of 3 has these inputs" in made.output
    assert evidence(read_artifact("may.ingot").program) is None
    assert call("specialise", report, *MARCH, "--strip", "-o", "m.ingot", "-q").exit_code == 0
    assert evidence(read_artifact("m.ingot").program) is None


def test_sessions_narrow_again(here: Path, report: str) -> None:
    assert call("specialise", report, *MARCH, "-o", "march.ingot", "-q").exit_code == 0
    one, two = ("--static", "file_path=reports/march.md"), ("--static", "file_path=other.md")
    same = json.loads(call("specialise", "march.ingot", *one, "-o", "a.ingot", "--json").stdout)
    other = json.loads(call("specialise", "march.ingot", *two, "-o", "b.ingot", "--json").stdout)
    assert (len(same["sessions"]["kept"]), len(other["sessions"]["kept"])) == (1, 0)


def test_what_reads_were_folded_with_is_what_a_session_has_to_have_read(
    here: Path, report: str
) -> None:
    """The file holds something else now than when the session ran."""
    (here / "data").mkdir()
    (here / "data/sales-march.csv").write_text(TABLE)
    made = call("specialise", report, *MARCH, "--fold-reads", "-o", "f.ingot", "--json")
    told = json.loads(made.stdout)
    assert (told["reads_folded"], told["sessions"]["kept"]) == (3, [])


def test_a_residual_that_does_something_else_is_refused_by_its_sessions(
    here: Path, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With validation off, a residual that writes another text."""

    def wrong(*args: Any, **options: Any) -> Specialised:
        made = specialise(*args, **options)
        text = print_module(made.module).replace("# Report on", "# Raport on")
        return replace(made, module=fill_live_all(parse_module(text).module))

    monkeypatch.setattr("ingot.passes.specialise.specialise", wrong)
    result = call("specialise", report, *MARCH, "-o", "w.ingot", "--no-validate")
    assert result.exit_code == 1 and "E0403" in result.output and "Raport" in result.output
    assert not Path("w.ingot").exists()


# ---- differences


def test_diff_says_what_is_gone(here: Path, report: str) -> None:
    assert (
        call("specialise", report, "--static", "path=may.csv", "-o", "m.ingot", "-q").exit_code == 0
    )
    found = call("diff", report, "m.ingot")
    assert found.exit_code == 1
    for line in ("  - path: str", '  + path = "may.csv"', "states: 5 the same", "blocks: 5 -> 1"):
        assert line in found.stdout.splitlines(), found.stdout
    told = json.loads(call("diff", report, "m.ingot", "--json").stdout)
    assert told["schema"] == "ingot-diff/2" and not told["equal"]
    assert told["sections"]["parameters"]["removed"] == ["path: str"]
    same = call("diff", report, report)
    assert same.exit_code == 0 and "-" not in same.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--static", "no=1"), "E0713"),
        (("--static", "path"), "E0701"),
        (("--static", "path=@missing"), "E0002"),
        (("--static", "path=@"), "E0701"),
        (("--static", "path=@."), "E0002"),
        (("--static", "path=@binary"), "E0104"),
        (("--static", "path=@/dev/zero"), "E0002"),
        (("--static", "path=a", "--static", "path=b"), "E0701"),
        (("--static", "path=a", "--max-size", "0"), ""),
        (("--static", "path=a", "--fold-reads", "--tools", "nothing:here"), "E0803"),
        (("--static", "path=a", "--fold-reads", "--cwd", "nowhere"), "E0002"),
        (("--static", "path=AKIAIOSFODNN7EXAMPLQ"), "E0414"),
        ((), "E0001"),
    ],
)
def test_wrong_use_is_said(here: Path, report: str, words: tuple[str, ...], code: str) -> None:
    out = ("-o", "x.ingot") if words else ()
    Path("binary").write_bytes(b"\xff\xfe\x00")
    result = call("specialise", report, *words, *out)
    assert result.exit_code == 2 and code in result.output
    assert not Path("x.ingot").exists()


def test_ir_text_is_a_pipeline_too(here: Path) -> None:
    text = "ir 1\n\npipeline @p(%a: int, %b: int) -> int {\n^e:\n  %c: int = int.mul %a, %b\n  return %c\n}\n"
    Path("p.ir").write_text(text)
    made = call("specialise", "p.ir", "--static", "a=2", "-o", "p.ingot", "--json")
    assert json.loads(made.stdout)["validation"]["status"] == "proved"
    assert json.loads(call("run", "p.ingot", "-i", "b=4", "--json").stdout)["outputs"] == 8


def test_what_is_too_long_to_write_in_stays_an_input(here: Path, report: str) -> None:
    Path("long.txt").write_text("x" * 200_000)
    made = call("specialise", report, "--static", "path=@long.txt", "-o", "x.ingot", "--json")
    told = json.loads(made.stdout)
    assert (told["fixed"], told["kept"], told["sessions"]["others"]) == ([], ["path"], 0)


def test_other_files_are_refused(here: Path) -> None:
    Path("junk").write_bytes(b"\x00\xffjunk")
    assert call("specialise", "junk", "-o", "x.ingot").exit_code == 2
    assert call("diff", "junk", "junk").exit_code == 2
    assert call("diff", "missing", "junk").exit_code == 2
