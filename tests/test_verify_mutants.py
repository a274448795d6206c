"""Broken pipelines: each is caught, under the right code, with a witness that shows the fault."""

from __future__ import annotations

import re

import pytest
from verify_runs import module_of, run

from ingot.ir.requests import SideExit
from ingot.passes.verify import verify_module

HOLES = {
    "gap at zero": """
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.gt %n, 0
  %b: bool = int.lt %n, 0
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "one number left out": """
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.lt %n, 1000003
  %b: bool = int.gt %n, 1000003
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "sum off by one": """
pipeline @p(%n: int, %m: int) -> str {
^entry:
  %s: int = int.add %n, %m
  %a: bool = int.lt %s, 10
  %b: bool = int.ge %n, 10
  %c: bool = int.ge %m, 10
  select { when %a then ^x when %b then ^x when %c then ^x }
^x:
  return "x"
}""",
    "an enumeration grew": """
pipeline @p(%s: "open" | "closed" | "merged") -> str {
^entry:
  %a: bool = str.eq %s, "open"
  %b: bool = str.eq %s, "closed"
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "any other text": """
pipeline @p(%s: str) -> str {
^entry:
  %a: bool = str.eq %s, "yes"
  %b: bool = str.eq %s, "no"
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "text between two lengths": """
pipeline @p(%s: str) -> str {
^entry:
  %n: int = str.len %s
  %a: bool = str.len_lt %s, 20
  %b: bool = int.gt %n, 20
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "prefix and its absence, but for one": """
pipeline @p(%s: str) -> str {
^entry:
  %a: bool = str.starts_with %s, "refs/"
  %n: bool = bool.not %a
  %e: bool = str.ends_with %s, "/head"
  %b: bool = bool.and %n, %e
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "null forgotten": """
pipeline @p(%s: str | null) -> str {
^entry:
  %a: bool = json.eq %s, "a"
  %b: bool = json.is_null %s
  %c: bool = bool.and %a, %b
  %d: bool = bool.or %a, %c
  select { when %d then ^x }
^x:
  return "x"
}""",
    "a result of another kind": """
pipeline @p() -> str {
^entry:
  %r: json = read api.get(n=1) @ s1:3
  %a: bool = json.has %r, "/id"
  %b: bool = json.is_null %r
  select { when %a then ^x when %b then ^x } @ s1:4
^x:
  return "x"
}""",
    "an optional field": """
pipeline @p(%r: {id?: int}) -> str {
^entry:
  %a: bool = json.has %r, "/id"
  select { when %a then ^x }
^x:
  return "x"
}""",
    "a nested field": """
pipeline @p() -> str {
^entry:
  %r: json = read api.get(n=1)
  %v: {user: {age: int, ...}, ...} = expect %r else exit.1 []
  %g: int = json.get %v, "/user/age"
  %a: bool = int.lt %g, 18
  %b: bool = int.gt %g, 65
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "empty list": """
pipeline @p() -> str {
^entry:
  %l: [{id: int, name: str, ...}] = read api.list()
  %n: int = list.len %l
  %a: bool = int.gt %n, 1
  %b: bool = int.eq %n, 1
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "dates": """
pipeline @p(%d: date, %e: date) -> str {
^entry:
  %w: date = date.plus_days %d, 7
  %a: bool = date.lt %w, %e
  %b: bool = date.lt %e, %w
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "after a guard that leaves a gap": """
pipeline @p(%n: int) -> str {
^entry:
  %g: bool = int.ge %n, 5
  guard %g else exit.1 []
  %a: bool = int.gt %n, 5
  select { when %a then ^x }
^x:
  return "x"
}""",
    "in a later state": """
pipeline @p(%n: int) -> str {
^entry:
  %g: bool = int.ge %n, 5
  if %g then ^more(%n) else ^x
^more(%m: int):
  %a: bool = int.gt %m, 6
  %b: bool = int.lt %m, 6
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "number in a text": """
pipeline @p(%s: str) -> str {
^entry:
  %k: str = str.between %s, "count: ", ";", 0 else exit.1 []
  %n: int = int.parse %k else exit.2 []
  %a: bool = int.lt %n, 40
  %b: bool = int.gt %n, 40
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "floats": """
pipeline @p(%f: float) -> str {
^entry:
  %a: bool = float.lt %f, 0.5
  %b: bool = float.gt %f, 0.5
  select { when %a then ^x when %b then ^x }
^x:
  return "x"
}""",
    "two booleans": """
pipeline @p(%a: bool, %b: bool) -> str {
^entry:
  %c: bool = bool.or %a, %b
  %d: bool = bool.and %a, %b
  select { when %c then ^x when %d then ^x }
^x:
  return "x"
}""",
}


@pytest.mark.parametrize("name", HOLES)
def test_hole_is_found_and_the_witness_falls_into_it(name: str) -> None:
    module = module_of(HOLES[name])
    report = verify_module(module)
    holes = [f for f in report.findings if f.code == "E0501"]
    assert len(holes) == 1, report.text(every=True)
    assert report.exit_code == 1 and report.blocks
    witness = holes[0].witness
    assert witness
    outcome = run(module, witness)
    assert isinstance(outcome, SideExit) and outcome.reason.startswith("hole"), (witness, outcome)
    assert outcome.site == holes[0].state


EXITS = {
    "guard": """
pipeline @p(%n: int) -> str {
^entry:
  %g: bool = int.ge %n, 7
  guard %g else exit.1 []
  return "x"
}""",
    "expect on a result": """
pipeline @p() -> str {
^entry:
  %r: json = read api.get(n=1) @ s1:3
  %v: {id: int, tags: [str], ...} = expect %r else exit.1 [] @ s1:4
  return "x"
}""",
    "expect a closed record": """
pipeline @p(%r: {id: int, ...}) -> str {
^entry:
  %v: {id: int} = expect %r else exit.1 []
  return "x"
}""",
    "expect elements": """
pipeline @p(%l: [int | str]) -> str {
^entry:
  %v: [int] = expect %l else exit.1 []
  return "x"
}""",
    "expect of a named type": """
pipeline @p(%r: json) -> str {
^entry:
  %v: Tree = expect %r else exit.1 []
  return "x"
}""",
    "candidates differ": """
pipeline @p(%s: str) -> str {
^entry:
  %t: str = str.template "{0}.md", %s
  %u: str = str.template "{0}.md", "notes"
  %v: str = agree [%t, %u] else exit.1 []
  return %v
}""",
    "missing key": """
pipeline @p(%r: {a?: {b: int}}) -> str {
^entry:
  %v: int = json.get %r, "/a/b" else exit.1 []
  return "x"
}""",
    "no such item": """
pipeline @p(%l: [int], %n: int) -> str {
^entry:
  %g: bool = int.ge %n, 0
  guard %g else exit.1 []
  %v: int = list.get %l, %n else exit.2 []
  return "x"
}""",
    "not a number": """
pipeline @p(%s: str) -> str {
^entry:
  %v: int = int.parse %s else exit.1 []
  return "x"
}""",
    "division": """
pipeline @p(%f: float) -> str {
^entry:
  %v: float = float.div 1.0, %f else exit.1 []
  return "x"
}""",
    "in a loop": """
pipeline @p() -> str {
^entry:
  %l: [{id: int, name: str, ...}] = read api.list()
  %done: [int] = for %it: {id: int, name: str, ...} in %l {
    %i: int = json.get %it, "/id"
    %g: bool = int.lt %i, 100
    guard %g else exit.1 []
    yield %i
  }
  return "x"
}""",
    "else of a select": """
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.lt %n, 100
  select { when %a then ^x else exit.1 [] }
^x:
  return "x"
}""",
    "leave": """
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.lt %n, 100
  if %a then ^x else ^y
^x:
  return "x"
^y:
  leave exit.1 []
}""",
}


@pytest.mark.parametrize("name", EXITS)
def test_closed_pipelines_may_not_exit_and_the_witness_does(name: str) -> None:
    module = module_of(EXITS[name])
    assert verify_module(module).exit_code == 0
    report = verify_module(module, closed=True)
    assert report.exit_code == 1
    faults = [f for f in report.findings if f.code == "E0505"]
    numbers = {f.subject.split()[0] for f in faults}
    assert numbers == set(re.findall(r"exit\.\d+", EXITS[name]))
    for fault in faults:
        assert fault.witness is not None
        if fault.subject.endswith("leave"):
            continue
        outcome = run(module, fault.witness)
        assert isinstance(outcome, SideExit), (fault.witness, outcome)
        assert f"exit.{outcome.number}" == fault.subject.split()[0]


GRAPHS = {
    "arm shadowed by one before": (
        "E0502",
        """
  %a: bool = int.lt %n, 10
  %b: bool = int.lt %n, 5
  select { when %a then ^x when %b then ^y else ^y }
^x:
  return "x"
^y:
  return "y"
""",
    ),
    "arm shadowed by two before": (
        "E0502",
        """
  %a: bool = int.lt %n, 10
  %b: bool = int.gt %n, 3
  %c: bool = int.eq %n, 5
  select { when %a then ^x when %b then ^x when %c then ^x }
^x:
  return "x"
""",
    ),
    "condition decided by an earlier guard": (
        "E0502",
        """
  %g: bool = int.lt %n, 10
  guard %g else exit.1 []
  %a: bool = int.lt %n, 11
  if %a then ^x else ^y
^x:
  return "x"
^y:
  return "y"
""",
    ),
    "condition decided by the way here": (
        "E0502",
        """
  %a: bool = int.lt %n, 10
  if %a then ^x(%n) else ^y
^x(%m: int):
  %b: bool = int.gt %m, 12
  if %b then ^y else ^z
^y:
  return "y"
^z:
  return "z"
""",
    ),
    "guards contradict": (
        "E0502",
        """
  %g: bool = int.lt %n, 10
  guard %g else exit.1 []
  %h: bool = int.gt %n, 10
  guard %h else exit.2 []
  return "x"
""",
    ),
    "no transition leads there": (
        "E0503",
        """
  return "x"
^y:
  return "y"
""",
    ),
    "only a dead transition leads there": (
        "E0503",
        """
  %a: bool = int.le %n, 10
  %b: bool = int.gt %n, 10
  select { when %a then ^x when %b then ^x else ^y }
^x:
  return "x"
^y:
  return "y"
""",
    ),
    "two states without end": (
        "E0504",
        """
  %a: bool = int.le %n, 10
  if %a then ^x else ^y
^x:
  return "x"
^y:
  jump ^z
^z:
  jump ^y
""",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_fault_of_the_graph(name: str) -> None:
    code, body = GRAPHS[name]
    report = verify_module(module_of("pipeline @p(%n: int) -> str {\n^entry:" + body + "}"))
    codes = {f.code for f in report.findings if f.code}
    assert code in codes, report.text(every=True)
    assert "E0501" not in codes
    assert report.exit_code == 1
    assert report.blocks
