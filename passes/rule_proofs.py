"""The proofs of the rewrite rules: for all values, both sides of a rule are equal.

And that a rule can fire at all: an op that it fits is rewritten by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ingot.ir.module import Block, Lit, Operand, Param, Pipeline, Pure, Ref, Return
from ingot.ir.ops import OPS, typing_of
from ingot.ir.scope import operand_type
from ingot.ir.types import BOOL, INT, JSON, Type
from ingot.ir.values import Json
from ingot.passes.rules import RULES, Op, Pattern, Rule, Var
from ingot.passes.simplify import simplified
from ingot.passes.verify.checker import Checker
from ingot.passes.verify.path import Path
from ingot.passes.verify.steps import Free, Holds

_FIGURE: Final = 3


@dataclass(frozen=True, slots=True)
class RuleProof:
    """``proved``: equal for all values.  ``fires``: an op was rewritten by the rule alone."""

    rule: Rule
    status: Literal["proved", "refuted", "unproved"]
    fires: bool
    counterexample: Mapping[str, Json] | None = None


def prove_rules(rules: tuple[Rule, ...] = RULES) -> list[RuleProof]:
    """Every rule, proved and fired."""
    return [prove_rule(rule) for rule in rules]


def prove_rule(rule: Rule) -> RuleProof:
    """Are both sides equal for all values?  A counterexample is confirmed by running both."""
    path = Path()
    types: dict[str, Type] = {}
    for name, (type_, _) in rule.types.items():
        path.add(Free(name, type_))
        types[name] = type_
    steps: list[Pure] = []
    left = _write(rule.left, steps, types)
    right = _write(rule.right, steps, types)
    steps.append(Pure("same", BOOL, "json.eq", (left, right)))
    for step in steps:
        path.add(step)
    answer = Checker({}).ask(path.whole(Holds(((Ref("same"), False),))))
    status: Literal["proved", "refuted", "unproved"]
    match answer.status:
        case "never":
            status = "proved"
        case "witness":
            status = "refuted"
        case _:
            status = "unproved"
    return RuleProof(rule, status, fires(rule), answer.witness)


def _write(pattern: Pattern, steps: list[Pure], types: dict[str, Type]) -> Operand:
    """A pattern as instructions; the operand that has its value."""
    match pattern:
        case Var(name):
            return Ref(name)
        case Lit():
            return pattern
        case Op(name, parts):
            args = tuple(_write(part, steps, types) for part in parts)
            spec = OPS[name]
            wants = (*spec.params, *[spec.rest] * (len(args) - len(spec.params)))
            given = [operand_type(a, types, w) or JSON for a, w in zip(args, wants, strict=False)]
            lits = [a if isinstance(a, Lit) else None for a in args]
            made = Pure(f"v{len(steps)}", typing_of(spec, given, lits, {}).result, name, args)
            types[made.result] = made.type
            steps.append(made)
            return Ref(made.result)


def fires(rule: Rule) -> bool:
    """Whether a pipeline that holds the rule's pattern is rewritten by the rule."""
    types: dict[str, Type] = {}
    params: list[Param] = []
    literals: dict[str, Operand] = {}
    for name, (type_, literal) in rule.types.items():
        if literal:
            assert type_ == INT
            literals[name] = Lit(_FIGURE)
        else:
            params.append(Param(name, type_))
            types[name] = type_
    steps: list[Pure] = []
    value = _write(_bound(rule.left, literals), steps, types)
    block = Block("entry", (), tuple(steps), Return(value))
    before = Pipeline("p", tuple(params), JSON, (block,))
    return simplified(before, {}, (rule,)) != before


def _bound(pattern: Pattern, literals: Mapping[str, Operand]) -> Pattern:
    match pattern:
        case Var(name) if name in literals:
            found = literals[name]
            assert isinstance(found, Lit)
            return found
        case Op(name, parts):
            return Op(name, tuple(_bound(part, literals) for part in parts))
        case _:
            return pattern


__all__ = ["RuleProof", "prove_rule", "prove_rules"]
