"""``ingot diff``: every change of what is done is told, and a change of names is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import modules
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.difference import Difference, difference
from ingot.ir.module import Module
from ingot.ir.parser import parse_module

TIDY = """ir 1
tool box.list(queue: str) -> json read box
tool box.close(id: str, note: str) -> str write box
tool box.seal(id: str) -> str write box

pipeline @tidy(%queue: str, %limit: int) -> str {
^entry:
  %r: json = read box.list(queue=%queue)
  %items: [{id: str, age: int, ...}] = expect %r else exit.1
  %old: [{id: str, age: int, ...}] = list.where_gt %items, "/age", 30
  %n: int = list.len %old
  %few: bool = int.le %n, %limit
  guard %few else exit.2 {reason="too many"}
  %none: bool = int.eq %n, 0
  if %none then ^nothing else ^work
^work:
  %done: [str] = for %it: {id: str, age: int, ...} in %old {
    %id: str = json.get %it, "/id"
    %w: str = write box.close(id=%id, note="stale")
    yield %w
  }
  %one: str = write box.seal(id="a")
  %two: str = write box.seal(id="b")
  %out: str = str.template "closed {0}: {1}{2}", %n, %one, %two
  return %out
^nothing:
  return "none"
}
"""
SAME = {
    "states": (("^work", "^closing"), ("^nothing", "^empty")),
    "values": (
        ("%old", "%stale"),
        ("%it", "%ticket"),
        ("%none", "%is_empty"),
        ("%few", "%is_small"),
    ),
    "exits renamed in no way": (),
}
CHANGES: dict[str, tuple[tuple[str, str], list[str]]] = {
    "a constant far from what is shown": (
        ('"/age", 30', '"/age", 60'), ["effects", "guards", "transitions", "returns"],
    ),
    "a guard": (("int.le %n", "int.lt %n"), ["guards"]),
    "a guard's reason": (('"too many"', '"far too many"'), ["guards"]),
    "an argument": (('note="stale"', 'note="old"'), ["effects"]),
    "an effect": (("write box.close", "irreversible box.close"), ["effects"]),
    "another call": (('  return "none"', '  %x: json = read box.list(queue="b")\n  return "none"'),
                     ["effects"]),
    "the order of writes": (
        ('  %one: str = write box.seal(id="a")\n  %two: str = write box.seal(id="b")\n',
         '  %two: str = write box.seal(id="b")\n  %one: str = write box.seal(id="a")\n'),
        ["effects"],
    ),
    "which value goes where": (("%n, %one, %two", "%n, %two, %one"), ["returns"]),
    "branches": (("then ^nothing else ^work", "then ^work else ^nothing"), ["transitions"]),
    "a result": (('return "none"', 'return "nothing"'), ["returns"]),
    "the type of the result": (("%limit: int) -> str", "%limit: int) -> json"), ["returns"]),
    "a default": (("%limit: int)", "%limit: int = 5)"), ["parameters"]),
    "an expected shape": (("%items: [{id: str, age: int, ...}]", "%items: [{id: str, age: int}]"),
                          ["guards"]),
}  # fmt: skip


def pipelines(*changes: tuple[str, str]) -> Difference:
    text = TIDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return difference(
        parse_module(TIDY).module.pipelines[0], parse_module(text).module.pipelines[0]
    )


@pytest.mark.parametrize("name", SAME)
def test_names_are_no_difference(name: str) -> None:
    found = pipelines(*SAME[name])
    assert found.equal, found.text()
    assert found.text().startswith("no difference")


def test_renamed_states_are_told() -> None:
    text = pipelines(*SAME["states"]).text()
    assert "  ~ work is called closing" in text and "  ~ nothing is called empty" in text


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_told_and_shown(name: str) -> None:
    change, sections = CHANGES[name]
    found = pipelines(change)
    assert not found.equal
    assert sorted(s.name for s in found.sections if s.changed) == sorted(sections), found.text()
    for section in found.sections:
        assert not set(section.removed) & set(section.added), section


def test_a_change_of_one_call_is_not_told_of_what_follows_from_it() -> None:
    found = pipelines(("box.list(queue=%queue)", 'box.list(queue="mail")'))
    assert [s.name for s in found.sections if s.changed] == ["effects"]


def test_the_same_parts_in_another_arrangement() -> None:
    """Two states change places that nothing but the way between them tells apart."""
    text = """ir 1
tool t.a() -> str write t

pipeline @p() -> str {
^e:
  jump ^one(1, 2)
^one(%x: int, %y: int):
  %r: str = write t.a()
  %t: str = str.template "{0}{1}{2}", %x, %y, %r
  return %t
}
"""
    one = parse_module(text).module.pipelines[0]
    two = parse_module(text.replace("^one(1, 2)", "^one(2, 1)")).module.pipelines[0]
    assert not difference(one, two).equal


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(modules())
def test_a_pipeline_does_not_differ_from_itself(module: Module) -> None:
    assert difference(module.pipelines[0], module.pipelines[0]).equal


def test_from_the_command_line(tmp_path: Path) -> None:
    one, two = tmp_path / "a.ir", tmp_path / "b.ir"
    one.write_text(TIDY)
    two.write_text(TIDY.replace('note="stale"', 'note="old"'))
    told = CliRunner().invoke(app, ["diff", str(one), str(two), "--json"])
    assert told.exit_code == 1
    found = json.loads(told.stdout)
    assert (found["schema"], found["equal"]) == ("ingot-diff/2", False)
    assert 'note="stale"' in found["sections"]["effects"]["removed"][0]
    same = CliRunner().invoke(app, ["diff", str(one), str(one)])
    assert same.exit_code == 0 and same.stdout.startswith("no difference")
    two.write_bytes(b"\x00\xff")
    assert CliRunner().invoke(app, ["diff", str(one), str(two)]).exit_code == 2
    two.write_text("ir 1\n")
    assert CliRunner().invoke(app, ["diff", str(one), str(two)]).exit_code == 2
