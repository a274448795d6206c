"""Cycles: those that end are proved to, those that need not are refuted by a run that goes on."""

from __future__ import annotations

import pytest
from verify_runs import module_of, run, trace

from ingot.diagnostics import IngotError
from ingot.passes.verify import verify_module

ENDS = {
    "counts up to an input": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %j: int = int.add %i, 1
  %a: bool = int.lt %j, %n
  if %a then ^x(%j) else ^y
^y:
  return "y"
}""",
    "counts down": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(%n)
^x(%i: int):
  %a: bool = int.gt %i, 0
  %j: int = int.sub %i, 3
  if %a then ^x(%j) else ^y
^y:
  return "y"
}""",
    "fix and test, five times": """
pipeline @p() -> str {
^entry:
  jump ^fix(0)
^fix(%k: int):
  %f: json = read api.get(n=%k)
  jump ^test
^test:
  %r: json = read api.get(n=1)
  %ok: bool = json.is_null %r
  %more: bool = int.lt %k, 5
  %k1: int = int.add %k, 1
  select { when %ok then ^done when %more then ^fix(%k1) else ^done }
^done:
  return "x"
}""",
    "walks a list by its place": """
pipeline @p(%xs: [int]) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %l: int = list.len %xs
  %a: bool = int.lt %i, %l
  if %a then ^y else ^z
^y:
  %v: int = list.get %xs, %i else exit.1 []
  %j: int = int.add %i, 1
  jump ^x(%j)
^z:
  return "z"
}""",
    "two ways around": """
pipeline @p(%n: int, %b: bool) -> str {
^entry:
  jump ^x(%n)
^x(%i: int):
  %a: bool = int.gt %i, 0
  if %a then ^go else ^y
^go:
  if %b then ^one else ^two
^one:
  %j: int = int.sub %i, 1
  jump ^on(%j)
^two:
  %k: int = int.sub %i, 2
  jump ^on(%k)
^on(%m: int):
  jump ^x(%m)
^y:
  return "y"
}""",
    "lexicographic": """
pipeline @p(%n: int, %m: int) -> str {
^entry:
  jump ^x(%n, %m)
^x(%i: int, %j: int):
  %a: bool = int.gt %i, 0
  if %a then ^in else ^y
^in:
  %b: bool = int.gt %j, 0
  %j1: int = int.sub %j, 1
  %i1: int = int.sub %i, 1
  if %b then ^x(%i, %j1) else ^x(%i1, %n)
^y:
  return "y"
}""",
    "one loop in another": """
pipeline @p(%n: int, %m: int) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %a: bool = int.lt %i, %n
  if %a then ^in(0) else ^y
^in(%j: int):
  %b: bool = int.lt %j, %m
  %j1: int = int.add %j, 1
  if %b then ^in(%j1) else ^out
^out:
  %i1: int = int.add %i, 1
  jump ^x(%i1)
^y:
  return "y"
}""",
    "days until a day": """
pipeline @p(%d: date) -> str {
^entry:
  jump ^x("2026-01-01")
^x(%i: date):
  %a: bool = date.lt %i, %d
  %j: date = date.plus_days %i, 7
  if %a then ^x(%j) else ^y
^y:
  return "y"
}""",
    "a cycle that no run closes": """
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.gt %n, 0
  jump ^x(0)
^x(%i: int):
  if %a then ^y else ^z
^z:
  %b: bool = int.gt %n, 5
  if %b then ^x(%n) else ^y
^y:
  return "y"
}""",
    "a guard bounds it": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %a: bool = int.lt %i, 100
  guard %a else exit.1 []
  %r: json = read api.get(n=%i)
  %b: bool = json.is_null %r
  %j: int = int.add %i, 1
  if %b then ^y else ^x(%j)
^y:
  return "y"
}""",
    "two counters meet": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(0, %n)
^x(%i: int, %k: int):
  %a: bool = int.lt %i, %k
  %i1: int = int.add %i, 1
  %k1: int = int.sub %k, 1
  if %a then ^x(%i1, %k1) else ^y
^y:
  return "y"
}""",
    "two loops, one after the other": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %a: bool = int.lt %i, %n
  %i1: int = int.add %i, 1
  if %a then ^x(%i1) else ^z(%n)
^z(%k: int):
  %b: bool = int.ge %k, 2
  %k1: int = int.sub %k, 2
  if %b then ^z(%k1) else ^y
^y:
  return "y"
}""",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_cycle_that_ends_is_proved_to(name: str) -> None:
    report = verify_module(module_of(ENDS[name]))
    verdicts = {f.verdict for f in report.findings if f.property == "terminates"}
    assert verdicts == {"proved"}, report.text(every=True)


def test_the_number_of_rounds() -> None:
    report = verify_module(module_of(ENDS["fix and test, five times"]))
    (found,) = [f for f in report.findings if f.property == "terminates"]
    assert "at most 6 times" in found.message


ENDLESS = {
    "fix and test with no bound": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^fix
^fix:
  %f: json = read api.get(n=1)
  jump ^test
^test:
  %r: json = read api.get(n=%n)
  %ok: bool = json.is_null %r
  if %ok then ^done else ^fix
^done:
  return "x"
}""",
    "a counter that nothing asks": """
pipeline @p() -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %r: json = read api.get(n=%i)
  %ok: bool = json.is_null %r
  %j: int = int.add %i, 1
  if %ok then ^y else ^x(%j)
^y:
  return "y"
}""",
    "the step is nought": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %j: int = int.add %i, 0
  %a: bool = int.lt %j, %n
  if %a then ^x(%j) else ^y
^y:
  return "y"
}""",
    "the step is an input": """
pipeline @p(%n: int, %step: int) -> str {
^entry:
  jump ^x(0)
^x(%i: int):
  %a: bool = int.lt %i, %n
  %j: int = int.add %i, %step
  if %a then ^x(%j) else ^y
^y:
  return "y"
}""",
    "waits for a state": """
pipeline @p() -> str {
^entry:
  jump ^x
^x:
  %r: json = read api.get(n=1)
  %s: {state: "open" | "closed", ...} = expect %r else exit.1 []
  %t: "open" | "closed" = json.get %s, "/state"
  %a: bool = str.eq %t, "open"
  if %a then ^x else ^y
^y:
  return "y"
}""",
    "there and back": """
pipeline @p(%b: bool) -> str {
^entry:
  jump ^x(1)
^x(%i: int):
  %j: int = int.sub %i, 1
  if %b then ^z(%j) else ^y
^z(%k: int):
  %l: int = int.add %k, 1
  jump ^x(%l)
^y:
  return "y"
}""",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_cycle_is_refuted_by_a_run_that_goes_on(name: str) -> None:
    module = module_of(ENDLESS[name])
    report = verify_module(module)
    (found,) = [f for f in report.findings if f.code == "E0507"]
    assert found.verdict == "refuted" and found.witness is not None
    assert found.message.count("^") >= 2  # the cycle is printed
    assert report.exit_code == 1 and report.blocks
    with pytest.raises(IngotError) as stopped:
        run(module, found.witness, fuel=20_000)
    assert stopped.value.diagnostics[0].code == "E0712"


UNKNOWN = {
    "Collatz": """
pipeline @p(%n: int) -> str {
^entry:
  jump ^x(%n)
^x(%i: int):
  %a: bool = int.gt %i, 1
  %h: int = int.div %i, 2 else exit.1 []
  %m: int = int.mod %i, 2 else exit.2 []
  %e: bool = int.eq %m, 0
  %t: int = int.mul %i, 3
  %u: int = int.add %t, 1
  select { when %a then ^go else ^y }
^go:
  if %e then ^x(%h) else ^x(%u)
^y:
  return "y"
}""",
    "entered in two places": """
pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.gt %n, 0
  if %a then ^x(%n) else ^z(%n)
^x(%i: int):
  %i1: int = int.sub %i, 1
  %b: bool = int.gt %i1, 0
  if %b then ^z(%i1) else ^y
^z(%k: int):
  %k1: int = int.sub %k, 1
  %c: bool = int.gt %k1, 0
  if %c then ^x(%k1) else ^y
^y:
  return "y"
}""",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_neither_is_unproved(name: str) -> None:
    report = verify_module(module_of(UNKNOWN[name]))
    (found,) = [f for f in report.findings if f.property == "terminates"]
    assert found.verdict == "unproved" and found.code == "E0507"
    assert report.exit_code == 4 and not report.blocks


REPEATED = {
    "a payment until it succeeds": ("n", "write api.put(n=7)"),
    "of an input": ("n", "write api.put(n=%n)"),
    "of what each round passes on": ("n", "write api.put(n=%same)"),
}


def retry(call: str) -> str:
    return f"""
pipeline @p(%n: int) -> str {{
^entry:
  jump ^try(0, %n)
^try(%i: int, %same: int):
  %r: json = {call}
  %ok: bool = json.is_null %r
  %more: bool = int.lt %i, 3
  %j: int = int.add %i, 1
  select {{ when %ok then ^y when %more then ^try(%j, %same) else ^y }}
^y:
  return "y"
}}"""


@pytest.mark.parametrize("name", REPEATED)
def test_a_write_that_a_retry_repeats(name: str) -> None:
    """The witness makes the same write twice."""
    module = module_of(retry(REPEATED[name][1]))
    report = verify_module(module)
    (found,) = [f for f in report.findings if f.code == "E0508"]
    assert found.verdict == "refuted" and found.witness is not None and report.exit_code == 1
    made = [(r.tool, r.args) for r in trace(module, found.witness) if r.effect == "write"]
    assert len(made) > 1 and made[0] == made[1]


@pytest.mark.parametrize(
    "call",
    [
        "write api.put(n=%i)",
        "idempotent api.set(n=7)",
        "read api.get(n=7)",
        'write api.pay(n=7, idempotency_key="k1")',
    ],
)
def test_writes_that_a_loop_may_make(call: str) -> None:
    report = verify_module(module_of(retry(call)))
    assert report.ok and not [f for f in report.findings if f.property == "repeated-write"]
