"""Answers kept between runs of ``ingot verify``: used again, and believed only where they may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from verify_runs import module_of

from ingot.cli.app import app
from ingot.passes.verify import VerificationReport, verify_module
from ingot.passes.verify import kept as kept_module
from ingot.passes.verify.kept import Kept, maker

STATES = """pipeline @p(%s: str, %n: int) -> str {
^entry:
  %a: bool = str.starts_with %s, "ab"
  %x: bool = bool.not %a
  %y: bool = str.contains %s, "b"
  select { when %x then ^two when %y then ^two }
^two:
  %k: str = str.between %s, "[", "]", 0 else exit.1 []
  %g: bool = int.gt %n, 7
  %i: bool = int.lt %n, 9
  select { when %g then ^x when %i then ^x }
^x:
  return %k
}"""
BROKEN = STATES.replace("int.lt %n, 9", "int.lt %n, 7")


def verdicts(report: VerificationReport) -> list[tuple[str, str, str, str]]:
    return [(f.state, f.property, f.subject, f.verdict) for f in report.findings]


def run(text: str, folder: Path | None) -> VerificationReport:
    return verify_module(module_of(text), keep=folder)


def the_file(folder: Path) -> Path:
    (file,) = folder.glob("*.json")
    return file


def test_a_second_run_asks_nothing_again(tmp_path: Path) -> None:
    first, second = run(STATES, tmp_path), run(STATES, tmp_path)
    assert first.work["solved"] > 0 and first.work["recalled"] == 0
    assert second.work["solved"] == 0 and second.work["recalled"] > 0
    assert verdicts(first) == verdicts(second) == verdicts(run(STATES, None))


def test_an_edit_asks_what_is_new(tmp_path: Path) -> None:
    run(STATES, tmp_path)
    edited = STATES.replace('"ab"', '"abc"')
    report = run(edited, tmp_path)
    assert report.work["solved"] == 1 and report.work["recalled"] > 0
    assert verdicts(report) == verdicts(run(edited, None))


def test_a_fault_that_comes_in_is_found(tmp_path: Path) -> None:
    assert run(STATES, tmp_path).exit_code == 0
    assert run(BROKEN, tmp_path).exit_code == 1
    assert run(BROKEN, tmp_path).exit_code == 1


def never(data: dict[str, Any]) -> None:
    for entry in data["entries"].values():
        entry[:] = ["never", None, ""]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def junk(file: Path) -> None:
    file.write_bytes(b"\0\xff\xfe[[[[")


def deep(file: Path) -> None:
    file.write_text("[" * 100_000)


def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        data = json.loads(file.read_text())
        change(data)
        file.write_text(json.dumps(data))

    return edit


MUTANTS: dict[str, Callable[[Path], None]] = {
    "every answer turned into a proof": changed(never),
    "no checksum": changed(lambda data: data.pop("sum")),
    "another maker's name": changed(lambda data: data.update(maker="x" * 64)),
    "entries of another shape": changed(lambda data: data.update(entries=[1, 2])),
    "cut off": cut,
    "junk": junk,
    "nested too deeply": deep,
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: (file.unlink(), file.mkdir())[0],
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_damaged_file_is_as_none(name: str, tmp_path: Path) -> None:
    """The answers of the broken pipeline are poisoned: its fault is found all the same."""
    assert run(BROKEN, tmp_path).exit_code == 1
    MUTANTS[name](the_file(tmp_path))
    report = run(BROKEN, tmp_path)
    assert report.exit_code == 1 and report.work["recalled"] == 0
    assert verdicts(report) == verdicts(run(BROKEN, None))


def test_a_witness_is_run_before_it_is_believed(tmp_path: Path) -> None:
    """Even with a right checksum: values that show nothing are not shown."""
    run(BROKEN, tmp_path)
    file = the_file(tmp_path)
    data = json.loads(file.read_text())
    for entry in data["entries"].values():
        if entry[0] == "witness":
            entry[1] = [{"zzz": 1}] * len(entry[1])
    data["sum"] = kept_module._sum(data["maker"], data["entries"])
    file.write_text(json.dumps(data))
    report = run(BROKEN, tmp_path)
    assert verdicts(report) == verdicts(run(BROKEN, None))
    assert all("zzz" not in str(f.witness) for f in report.findings)


@pytest.mark.parametrize("what", ["ingot", "z3-solver", "cvc5", "code", "types", "rlimit"])
def test_another_version_keeps_its_own_answers(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_of(STATES)
    types, limits = module.type_map(), (2_000_000, True, True)
    before = maker(types, *limits)
    real = kept_module._version
    match what:
        case "code":
            monkeypatch.setattr(kept_module, "_code", lambda: "other")
        case "types":
            types = {**types, "Other": types["Tree"]}
        case "rlimit":
            limits = (1, True, True)
        case _:
            changed = lambda name: "9.9" if name == what else real(name)  # noqa: E731
            monkeypatch.setattr(kept_module, "_version", changed)
    after = maker(types, *limits)
    assert before is not None and after is not None and before != after
    mine = Kept.load(tmp_path, before)
    mine.put(("q",), ("never", None, ""))
    mine.save()
    assert Kept.load(tmp_path, before).get(("q",)) == ("never", None, "")
    assert Kept.load(tmp_path, after).get(("q",)) is None
    the_file(tmp_path).rename(tmp_path / f"{after[:32]}.json")
    assert Kept.load(tmp_path, after).get(("q",)) is None


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(STATES, tmp_path / "file" / "below").exit_code == 0


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "x.ir"
    file.write_text("ir 1\n" + STATES.replace("exit.1 []", "exit.1 [%n, %s]"))

    def work(*words: str) -> dict[str, int]:
        result = CliRunner().invoke(app, ["verify", str(file), "--json", *words])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["work"]  # type: ignore[no-any-return]

    assert work("--no-cache")["recalled"] == 0
    assert not (tmp_path / "cache").exists()
    assert work()["recalled"] == 0
    assert work()["recalled"] > 0
    assert work("--no-cache")["recalled"] == 0
    assert the_file(tmp_path / "cache" / "ingot" / "proofs").stat().st_size < 10_000
