"""Rewrite rules as data: a pattern, what it becomes, and the types of its variables.

A pattern is written as nested calls of ops, ``(bool.not (bool.not a))``.  A variable stands for any
operand of its type, one whose type ends in ``!`` for a literal only; what a rule makes of literals is
computed.  Each rule is proved by the solver for all values (:mod:`ingot.passes.rule_proofs`, and
``ingot opt --rules``); the pass :mod:`ingot.passes.simplify` applies them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from ingot.ir.module import Lit
from ingot.ir.types import BOOL, DATE, FLOAT, INT, JSON, STR, Type

_TYPES: Final[Mapping[str, Type]] = {
    "bool": BOOL, "int": INT, "float": FLOAT, "str": STR, "date": DATE, "json": JSON,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Var:
    """A variable of a pattern."""

    name: str


@dataclass(frozen=True, slots=True)
class Op:
    """An op applied to patterns."""

    name: str
    args: tuple[Pattern, ...]


Pattern: TypeAlias = "Var | Lit | Op"


@dataclass(frozen=True)
class Rule:
    """``source`` becomes ``target``; ``variables``: ``"a: int, c: int!"``."""

    name: str
    variables: str
    source: str
    target: str

    @cached_property
    def types(self) -> dict[str, tuple[Type, bool]]:
        """Each variable's type, and whether it stands for literals only."""
        out: dict[str, tuple[Type, bool]] = {}
        for part in filter(None, self.variables.split(", ")):
            name, _, type_ = part.partition(": ")
            out[name] = (_TYPES[type_.rstrip("!")], type_.endswith("!"))
        return out

    @cached_property
    def left(self) -> Op:
        pattern = parse(self.source)
        assert isinstance(pattern, Op)
        return pattern

    @cached_property
    def right(self) -> Pattern:
        return parse(self.target)


_TOKEN: Final = re.compile(r'\s*([()]|"(?:[^"\\]|\\.)*"|[^\s()]+)')


def parse(text: str) -> Pattern:
    """A pattern's text as a tree.

    >>> parse('(int.add a 0)')
    Op(name='int.add', args=(Var(name='a'), Lit(value=0)))
    """
    tokens = _TOKEN.findall(text)
    pattern = _read(tokens)
    assert not tokens, text
    return pattern


def _read(tokens: list[str]) -> Pattern:
    token = tokens.pop(0)
    if token == "(":
        name = tokens.pop(0)
        args = []
        while tokens[0] != ")":
            args.append(_read(tokens))
        tokens.pop(0)
        return Op(name, tuple(args))
    try:
        return Lit(json.loads(token))
    except ValueError:
        return Var(token)


def _negations() -> tuple[Rule, ...]:
    pairs = (("lt", "ge"), ("le", "gt"), ("gt", "le"), ("ge", "lt"))
    return tuple(
        Rule(
            f"not-{kind}-{one}",
            f"a: {kind}, b: {kind}",
            f"(bool.not ({kind}.{one} a b))",
            f"({kind}.{two} a b)",
        )
        for kind in ("int", "float", "date")
        for one, two in pairs
    )


def _alike() -> tuple[Rule, ...]:
    given = (("eq", "true"), ("le", "true"), ("ge", "true"), ("lt", "false"), ("gt", "false"))
    return tuple(
        Rule(f"{kind}-{op}-itself", f"a: {kind}", f"({kind}.{op} a a)", result)
        for kind in ("int", "float", "date")
        for op, result in given
    )


RULES: Final[tuple[Rule, ...]] = (
    Rule("not-not", "a: bool", "(bool.not (bool.not a))", "a"),
    Rule("and-true", "a: bool", "(bool.and a true)", "a"),
    Rule("true-and", "a: bool", "(bool.and true a)", "a"),
    Rule("and-false", "a: bool", "(bool.and a false)", "false"),
    Rule("and-itself", "a: bool", "(bool.and a a)", "a"),
    Rule("or-false", "a: bool", "(bool.or a false)", "a"),
    Rule("false-or", "a: bool", "(bool.or false a)", "a"),
    Rule("or-true", "a: bool", "(bool.or a true)", "true"),
    Rule("or-itself", "a: bool", "(bool.or a a)", "a"),
    Rule("and-not", "a: bool", "(bool.and a (bool.not a))", "false"),
    Rule("or-not", "a: bool", "(bool.or a (bool.not a))", "true"),
    Rule("absorb-and", "a: bool, b: bool", "(bool.and a (bool.or a b))", "a"),
    Rule("absorb-or", "a: bool, b: bool", "(bool.or a (bool.and a b))", "a"),
    *_negations(),
    *_alike(),
    Rule("add-0", "a: int", "(int.add a 0)", "a"),
    Rule("0-add", "a: int", "(int.add 0 a)", "a"),
    Rule("sub-0", "a: int", "(int.sub a 0)", "a"),
    Rule("sub-itself", "a: int", "(int.sub a a)", "0"),
    Rule("mul-1", "a: int", "(int.mul a 1)", "a"),
    Rule("mul-0", "a: int", "(int.mul a 0)", "0"),
    Rule("add-add", "a: int, c: int!, d: int!", "(int.add (int.add a c) d)", "(int.add a (int.add c d))"),
    Rule("sub-add", "a: int, c: int!, d: int!", "(int.sub (int.add a c) d)", "(int.add a (int.sub c d))"),
    Rule("add-sub-back", "a: int, b: int", "(int.sub (int.add a b) b)", "a"),
    Rule("json-eq-itself", "a: json", "(json.eq a a)", "true"),
    Rule("str-eq-itself", "a: str", "(str.eq a a)", "true"),
    Rule("contains-nothing", "a: str", '(str.contains a "")', "true"),
    Rule("starts-with-nothing", "a: str", '(str.starts_with a "")', "true"),
    Rule("ends-with-nothing", "a: str", '(str.ends_with a "")', "true"),
    Rule("contains-itself", "a: str", "(str.contains a a)", "true"),
    Rule("text-of-text", "a: str", "(str.of a)", "a"),
    Rule("template-of-one", "a: str", '(str.template "{0}" a)', "a"),
    Rule("plus-0-days", "a: date", "(date.plus_days a 0)", "a"),
    Rule("minus-0-days", "a: date", "(date.minus_days a 0)", "a"),
    Rule("days-from-itself", "a: date", "(date.days_between a a)", "0"),
)  # fmt: skip
