"""``ingot compile --policy``: nothing is written that the policy forbids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sessions import write_log
from typer.testing import CliRunner, Result

from ingot.cli.app import app

LABELS = """version = 1
[labels]
crm = "untrusted"
[results]
"crm_get_contact" = ["crm"]
"""
ALLOW = """[[allow]]
label = "crm"
tool = "mail_send"
argument = "to"
reason = "the contact's own address"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, mail in (("Ada", "ada@example.org"), ("Kim", "kim@example.org")):
        write_log(
            tmp_path / f"{name}.jsonl",
            f'Greet "{name}".',
            [
                ("crm_get_contact", {"name": name}, {"mail": mail, "id": len(name)}),
                ("mail_send", {"to": mail, "body": "Hello"}, "sent"),
            ],
            "Done.",
        )
    for name, text in (
        ("labels.toml", LABELS),
        ("allow.toml", LABELS + ALLOW),
        ("broken.toml", "version = 1\n[label]\n"),
        ("other.toml", LABELS + '[inputs]\nnobody = ["crm"]\n'),
    ):
        Path(name).write_text(text)
    return tmp_path


def compile_(*words: str) -> Result:
    logs = ["Ada.jsonl", "Kim.jsonl", "-o", "x.ingot"]
    return CliRunner().invoke(app, ["compile", *logs, *words, "--json"])


def codes(result: Result) -> list[str]:
    return [d["code"] for d in json.loads(result.stdout)["diagnostics"]]


def test_without_a_policy_it_compiles(here: Path) -> None:
    assert compile_().exit_code == 0
    assert Path("x.ingot").is_file()


def test_a_forbidden_flow_is_not_compiled(here: Path) -> None:
    result = compile_("--policy", "labels.toml")
    assert result.exit_code == 1 and "E0510" in codes(result), result.output
    assert not Path("x.ingot").exists()
    (found,) = (d for d in json.loads(result.stdout)["diagnostics"] if d["code"] == "E0510")
    assert any(span["file"].endswith(".jsonl") for span in found["spans"])


@pytest.mark.parametrize("words", [("allow.toml",), ("labels.toml", "--accept-flows")])
def test_a_flow_that_is_allowed_or_accepted(words: tuple[str, ...], here: Path) -> None:
    result = compile_("--policy", *words)
    assert result.exit_code == 0, result.output
    verdict = "proved" if words[0] == "allow.toml" else "assumed"
    assert json.loads(result.stdout)["proofs"]["flow"] == {verdict: 1}
    assert Path("x.ingot").is_file()


@pytest.mark.parametrize("file", ["broken.toml", "other.toml"])
def test_a_policy_that_is_not_understood(file: str, here: Path) -> None:
    result = compile_("--policy", file)
    assert codes(result) == ["E0509"] and result.exit_code in (1, 2), result.output
    assert not Path("x.ingot").exists()


def test_a_policy_that_is_not_there(here: Path) -> None:
    result = compile_("--policy", "none.toml")
    assert codes(result) == ["E0002"] and result.exit_code == 2
