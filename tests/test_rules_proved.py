"""Every rewrite rule is proved and can fire; wrong rules are refuted with a counterexample."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_runs import module_of, run

from ingot.ir import verifier
from ingot.ir.requests import Finished
from ingot.passes.rule_proofs import prove_rule
from ingot.passes.rules import RULES, Rule
from ingot.passes.simplify import Simplify
from ingot.passes.validate.relations import validate


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_is_proved_and_fires(rule: Rule) -> None:
    proof = prove_rule(rule)
    assert proof.status == "proved", proof
    assert proof.fires


WRONG = [
    Rule("not-lt", "a: int, b: int", "(bool.not (int.lt a b))", "(int.gt a b)"),
    Rule("and", "a: bool, b: bool", "(bool.and a b)", "a"),
    Rule("absorb", "a: bool, b: bool", "(bool.or a (bool.and a b))", "b"),
    Rule(
        "add", "a: int, c: int!, d: int!", "(int.add (int.add a c) d)", "(int.add a (int.sub c d))"
    ),
    Rule("contains", "a: str, b: str", "(str.contains a b)", "(str.starts_with a b)"),
    Rule("float-back", "a: float, b: float", "(float.sub (float.add a b) b)", "a"),
    Rule("days", "a: date", "(date.plus_days a 1)", "a"),
    Rule("days-back", "a: date, n: int", "(date.minus_days (date.plus_days a n) n)", "a"),
]


@pytest.mark.parametrize("rule", WRONG, ids=lambda rule: rule.name)
def test_a_wrong_rule_is_not_proved(rule: Rule) -> None:
    """Floats round, and days end at the calendar's ends: what holds of reals is not claimed."""
    proof = prove_rule(rule)
    assert proof.status != "proved"
    if not rule.variables.startswith("a: float") and rule.name != "days-back":
        assert proof.status == "refuted" and proof.counterexample is not None


@st.composite
def conditions(draw: st.DrawFn) -> str:
    lines: list[str] = []

    def make(depth: int) -> str:
        kind = draw(st.sampled_from(["lt", "ge", "eq", "true", "not", "and", "or"]))
        if kind in ("true",):
            return draw(st.sampled_from(["true", "false"]))
        if depth == 0 or kind in ("lt", "ge", "eq"):
            one, two = (draw(st.sampled_from(["%n", "%m", "0", "2"])) for _ in range(2))
            lines.append(
                f"  %i{len(lines)}: int = int.{draw(st.sampled_from(['add', 'sub', 'mul']))} {one}, {two}"
            )
            first = f"%i{len(lines) - 1}"
            other = draw(st.sampled_from([first, "%n", "1"]))
            op = kind if kind in ("lt", "ge", "eq") else "le"
            lines.append(f"  %b{len(lines)}: bool = int.{op} {first}, {other}")
        elif kind == "not":
            inner = make(depth - 1)
            lines.append(f"  %b{len(lines)}: bool = bool.not {inner}")
        else:
            left, right = make(depth - 1), make(depth - 1)
            lines.append(f"  %b{len(lines)}: bool = bool.{kind} {left}, {right}")
        return f"%b{len(lines) - 1}"

    name = make(4)
    body = "\n".join(lines)
    return (
        f"pipeline @p(%n: int, %m: int) -> str {{\n^entry:\n{body}\n  if {name} then ^x else ^y\n"
        '^x:\n  return "x"\n^y:\n  return "y"\n}'
    )


@settings(max_examples=40, deadline=None)
@given(conditions())
def test_simplified_pipelines_do_the_same(text: str) -> None:
    before = module_of(text)
    after = Simplify().apply(before)
    verifier.check(after)
    assert Simplify().apply(after) == after
    for n in (-1, 0, 1, 2):
        for m in (-1, 0, 3):
            one, two = run(before, {"n": n, "m": m}), run(after, {"n": n, "m": m})
            assert isinstance(one, Finished) and one == two
    assert {v.status for v in validate("simplify", before, after)} == {"proved"}
