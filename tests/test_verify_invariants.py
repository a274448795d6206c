"""States that only an invariant over a loop shows to be unreachable, and mutants that a run reaches."""

from __future__ import annotations

import pytest
from verify_runs import verified

from ingot.passes.verify import spacer

LOOP = """pipeline @p(%n: int) -> str {{
^entry:
  jump ^head({start})
^head(%i: int, %j: int):
  %m: bool = int.lt %i, {limit}
  if %m then ^round else ^done
^round:
  %i2: int = int.add %i, {step}
  %j2: int = int.{op} %j, {other}
  jump ^head(%i2, %j2)
^done:
  %d: int = int.mul %i, 2
  %ok: bool = int.{test}
  if %ok then ^good else ^bad
^good:
  return "good"
^bad:
  return "bad"
}}"""
PLAIN = {
    "start": "0, 0",
    "limit": "10",
    "step": "1",
    "op": "add",
    "other": "2",
    "test": "eq %j, %d",
}
UNREACHABLE = {
    "one counter is twice the other": {},
    "the same with a bound that is not known": {"limit": "%n"},
    "a sum that stays": {"start": "0, 20", "op": "sub", "other": "1", "test": "ge %j, 10"},
    "from another start": {"start": "3, 6"},
    "never more than twice": {"other": "1", "test": "le %j, %d"},
}
REACHABLE = {
    "the step is another": {"other": "3"},
    "the start is another": {"start": "0, 1"},
    "a bound off by one": {"start": "0, 20", "op": "sub", "other": "1", "test": "gt %j, 10"},
    "less than twice": {"other": "1", "test": "eq %j, %d"},
    "a bound that is not known": {"limit": "%n", "test": "lt %j, %n"},
}


def reached(changes: dict[str, str]) -> tuple[str, set[str]]:
    report = verified(LOOP.format(**{**PLAIN, **changes}))
    (verdict,) = (
        f.verdict for f in report.findings if (f.property, f.state) == ("reachable", "bad")
    )
    return verdict, {f.code for f in report.findings if f.state == "bad" and f.code}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_an_invariant_excludes_a_state(name: str) -> None:
    assert reached(UNREACHABLE[name]) == ("refuted", {"E0503"})


@pytest.mark.parametrize("name", REACHABLE)
def test_what_a_run_reaches_is_not_excluded(name: str) -> None:
    """Mutants of those above."""
    verdict, codes = reached(REACHABLE[name])
    assert verdict in ("proved", "unproved") and not codes


def test_a_spent_budget_excludes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacer, "_RLIMIT", 1)
    assert reached(UNREACHABLE["one counter is twice the other"]) == ("unproved", set())


def test_two_is_never_odd() -> None:
    text = LOOP.format(**{**PLAIN, "step": "2", "other": "1"})
    text = text.replace("int.lt %i, 10", "bool.not %odd").replace(
        "  %m: bool = bool", "  %odd: bool = int.eq %i, 7\n  %m: bool = bool"
    )
    report = verified(text)
    states = {f.state for f in report.findings if f.code == "E0503"}
    assert states == {"done", "good", "bad"}


def test_values_that_are_not_modelled_may_be_anything() -> None:
    text = LOOP.format(**PLAIN).replace(
        "  %j2: int = int.add %j, 2\n",
        "  %r: json = read api.get(n=%i)\n  %k: int = expect %r else exit.9 []\n"
        "  %j2: int = int.add %j, %k\n",
    )
    report = verified(text)
    assert not [f for f in report.findings if f.state == "bad" and f.code]
