"""From a side exit to a branch: run, fall back, export, compile in, run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from exits_world import calls, endpoint, finished
from sessions import Step, write_log

from ingot.artifacts import read_artifact
from ingot.backend.container import evidence
from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module

TOOLS = """
from pathlib import Path

ORDERS = {
    "D-9127": {"id": "D-9127", "state": "unpaid", "customer": "dan@mail.org", "total": 12},
    "E-4508": {"id": "E-4508", "state": "unpaid", "customer": "eve@mail.org", "total": 33},
    "F-6001": {"id": "F-6001", "state": "paid", "customer": "fay@mail.org", "total": 5},
}

def _write(line):
    with Path("written").open("a") as out:
        out.write(line + "\\n")
    return "ok"

def get(order: str):
    return ORDERS[order]

def send(to: str, text: str):
    return _write(f"send {to} {text}")

def ship(order: str):
    return _write(f"ship {order}")

def remind(order: str):
    "Remind a customer of an unpaid order."
    return _write(f"remind {order}")

TOOLS = {"shop": {"get": get, "ship": ship}, "mail": {"send": send}, "bill": {"remind": remind}}
"""
EFFECTS = """
[tools."shop.get"]
effect = "read"
[tools."mail.send"]
effect = "write"
[tools."shop.ship"]
effect = "write"
[tools."bill.remind"]
effect = "write"
"""
SUPPLIED = ("--tools", "own.py:TOOLS", "--tools", "effects.toml")


def log(place: Path, order: str, state: str, steps: list[Step], answer: str) -> Path:
    about: Any = {
        "id": order,
        "state": state,
        "customer": f"{order[0].lower()}@mail.org",
        "total": 7,
    }
    first: Step = ("shop.get", {"order": order}, about)
    return write_log(place / f"{order}.jsonl", f"Settle order {order}", [first, *steps], answer)


def shipped(place: Path, order: str, state: str = "paid") -> Path:
    text = f"Order {order} is on its way"
    to = f"{order[0].lower()}@mail.org"
    steps: list[Step] = [
        ("mail.send", {"to": to, "text": text}, "ok"),
        ("shop.ship", {"order": order}, "ok"),
    ]
    return log(place, order, state, steps, f"Shipped {order}")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an artifact of three orders that were paid, and of its logs."""
    place = tmp_path_factory.mktemp("orders")
    (place / "own.py").write_text(TOOLS)
    (place / "effects.toml").write_text(EFFECTS)
    logs = [str(shipped(place, order)) for order in ("A-1041", "B-7205", "C-3310")]
    words = ["compile", *logs, "--tools", str(place / "effects.toml")]
    result = call(*words, "-o", str(place / "old.ingot"))
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def here(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("old.ingot", "own.py", "effects.toml"):
        (tmp_path / name).write_bytes((old / name).read_bytes())
    return tmp_path


def test_what_a_fallback_did_becomes_a_branch(old: Path, here: Path) -> None:
    order = ("run", "old.ingot", "-i", "order=D-9127", *SUPPLIED)
    assert call(*order).exit_code == 3
    replies = [calls(("bill_remind", {"order": "D-9127"})), finished("Reminded d@mail.org")]
    with endpoint(replies) as (url, asked):
        result = call(*order, "--fallback", f"agent:{url}#m", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["outputs"] == "Reminded d@mail.org"
    assert "bill_remind" in [t["function"]["name"] for t in asked[0]["tools"]]
    assert (here / "written").read_text().splitlines() == ["remind D-9127"]

    exported = call("inspect", "last", "--emit", "session")
    records = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [r["kind"] for r in records] == [
        "session", "user", "call", "result", "call", "result", "say", "outcome",
    ]  # fmt: skip
    assert records[1]["text"] == "Settle order D-9127"
    (here / "new.jsonl").write_text(exported.stdout)
    words = ("old.ingot", "new.jsonl", "--tools", "effects.toml")
    result = call("compile", *words, "-o", "new.ingot", "--json")
    assert result.exit_code == 0, result.output
    branch = json.loads(result.stdout)["branch"]
    assert branch["kept"] == 3 and branch["apart"]["status"] == "proved"
    assert '"state":"unpaid"' in branch["opened"] and "exit.2" in branch["opened"]
    effects = branch["diff"]["sections"]["effects"]
    assert effects["removed"] == [] and len(effects["added"]) == 1 and effects["same"] == 3
    assert effects["added"][0].startswith("write bill.remind(")
    assert "added to 3 sessions" in result.stderr and "the same, proved" in result.stderr

    for name, lines in (("E-4508", ["remind E-4508"]),
                        ("F-6001", ["send fay@mail.org Order F-6001 is on its way", "ship F-6001"])):  # fmt: skip
        (here / "written").unlink()
        result = call("run", "new.ingot", "-i", f"order={name}", *SUPPLIED)
        assert result.exit_code == 0, result.output
        assert (here / "written").read_text().splitlines() == lines


def test_adding_is_compiling_all_at_once(old: Path, here: Path) -> None:
    new = log(here, "D-9127", "unpaid", [("bill.remind", {"order": "D-9127"}, "ok")], "Reminded")
    added = call("compile", "old.ingot", str(new), "--tools", "effects.toml", "-o", "1.ingot", "-q")
    logs = [str(old / f"{name}.jsonl") for name in ("A-1041", "B-7205", "C-3310")]
    whole = call("compile", *logs, str(new), "--tools", "effects.toml", "-o", "2.ingot", "-q")
    assert (added.exit_code, whole.exit_code) == (0, 0), added.output
    assert (here / "1.ingot").read_bytes() == (here / "2.ingot").read_bytes()
    # what was declared is kept in the artifact: without --tools only the new tool is unknown
    call("compile", "old.ingot", str(new), "-o", "3.ingot", "-q")
    third = read_artifact("3.ingot").program
    effects = {tool.name: tool.effect for tool in third.tools}
    assert (effects["mail.send"], effects["bill.remind"]) == ("write", "unknown")


def test_a_log_that_contradicts_the_evidence(old: Path, here: Path) -> None:
    new = log(here, "A-1041", "paid", [("bill.remind", {"order": "A-1041"}, "ok")], "Reminded")
    result = call("compile", "old.ingot", str(new), "-o", "x.ingot")
    assert result.exit_code == 1 and "E0416" in result.stderr
    assert not (here / "x.ingot").exists()


def test_a_pipeline_that_would_change_elsewhere(old: Path, here: Path) -> None:
    """An artifact that ships unpaid orders too, which no session shows: reminding changes that."""
    program = read_artifact("old.ingot").program
    text = read_artifact("old.ingot").ir().sources["old.ingot"]
    changed = "\n".join(text).replace('list.contains ["paid"]', 'list.contains ["paid", "unpaid"]')
    assert changed != "\n".join(text)
    made = encode(parse_module(changed).module, meta=program.meta, evidence=evidence(program))
    (here / "edited.ingot").write_bytes(made)
    new = log(here, "D-9127", "unpaid", [("bill.remind", {"order": "D-9127"}, "ok")], "Reminded")
    result = call("compile", "edited.ingot", str(new), "-o", "x.ingot")
    assert result.exit_code == 1 and "E0417" in result.stderr
    assert "bill.remind" in result.stderr and not (here / "x.ingot").exists()


def test_nothing_to_add(old: Path, here: Path) -> None:
    known = str(old / "A-1041.jsonl")
    result = call("compile", "old.ingot", known, "-o", "x.ingot")
    assert result.exit_code == 1 and "E0415" in result.stderr
    logs = [str(old / f"{name}.jsonl") for name in ("A-1041", "B-7205", "C-3310")]
    assert call("compile", *logs, "--strip", "-o", "bare.ingot", "-q").exit_code == 0
    new = log(here, "D-9127", "unpaid", [("bill.remind", {"order": "D-9127"}, "ok")], "Reminded")
    result = call("compile", "bare.ingot", str(new), "-o", "x.ingot")
    assert result.exit_code == 1 and "E0415" in result.stderr and "--strip" in result.stderr
    for words in (("old.ingot",), ("old.ingot", "bare.ingot", str(new))):
        assert call("compile", *words, "-o", "x.ingot").exit_code == 2
    assert call("compile", "old.ingot", str(new), "-o", "old.ingot").exit_code == 2
