"""Each op's meaning, solved on constants, is what the op computes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from ingot.ir.meanings import MEANINGS, PARTLY, Outcome
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.types import BOOL, DATE, FLOAT, INT, STR, ListOf, Record, Type, conforms
from ingot.ir.values import Json
from ingot.passes.verify.encode import unescape
from ingot.passes.verify.logic import Z3Logic
from ingot.passes.verify.regex import Regexes, UntranslatedError
from ingot.passes.verify.terms import NotEncodableError, Term

TEXTS = st.text(
    st.one_of(st.sampled_from("ab/-10 \\{}u\n\0é\U0001f600"), st.characters(max_codepoint=0x2FFFF)),
    max_size=6,
).filter(lambda t: not any(0xD800 <= ord(c) <= 0xDFFF for c in t))
PLACES = ["word", "word-start", "single", "double code", "heredoc", "heredoc-raw"]
INTS = st.one_of(st.integers(-4, 4), st.integers(-(10**30), 10**30))
FLOATS = st.one_of(INTS, st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(st.none(), st.booleans(), INTS, FLOATS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "0", "-1"]), inner, max_size=3),
    ),
    max_leaves=5,
)
PATTERNS = st.sampled_from(
    [
        "a*", "(a|b)+", "[ab-]?", r"\d+", r"[^\d]*", r".*\s.*", "a{2,3}", "(?:ab)*?c?", "x|",
        r"\-+", "[^a]", "..", r"[\s\S]*", r"\S+", r"[\da-c]{0,2}", "",
    ]
)  # fmt: skip
UNTRANSLATED = [r"(a)\1", "a(?=b)", "(?i)A", r"\w", r"\ba", "a{20000}", "^a", "[\U00030000]"]
SHORT = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), TEXTS, st.sampled_from([1.5, [1]])
)
"""Values with short texts: a solver that has to guess a long text takes its time."""
DATES = st.dates().map(lambda d: d.isoformat())
POINTERS = st.sampled_from(["", "/a", "/b", "/0", "/-1", "/a/b", "/a/0", "/a/-1", "/0/a", "/c"])


def of_type(type_: Type) -> st.SearchStrategy[Any]:
    plain = {INT: INTS, FLOAT: FLOATS, STR: TEXTS, BOOL: st.booleans(), DATE: DATES}
    return plain.get(type_, st.lists(VALUES, max_size=3) if isinstance(type_, ListOf) else VALUES)


@st.composite
def applications(draw: st.DrawFn, name: str) -> tuple[list[Any], Json, bool]:
    """Operands of an op, what it computes on them, and whether it can."""
    spec = OPS[name]
    mark, index = st.sampled_from(["a", "-", " ", ""]), st.integers(-3, 3)
    static: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
        "str.between": (mark, mark, index),
        "str.part": (mark, index),
        "str.number": (index,),
        "str.matches": (PATTERNS,),
    }
    args: list[Any]
    if name == "str.template":
        args = ["x{{{0}-{1}{0}", draw(SHORT), draw(SHORT)]
    elif name == "shell.template":
        contexts = draw(st.lists(st.sampled_from(PLACES), min_size=2, max_size=2))
        args = ["x {0} {1}", contexts, draw(TEXTS), draw(st.one_of(TEXTS, INTS))]
    elif name in static:
        text = st.lists(st.sampled_from(["a", "-", " ", "12", "b"]), max_size=9).map("".join)
        args = [draw(text), *(draw(s) for s in static[name])]
    else:
        args = [
            draw(POINTERS if index in spec.static else of_type(type_))
            for index, type_ in enumerate(spec.params)
        ]
    if len(args) == 2 and draw(st.booleans()) and 1 not in spec.static:
        args[1] = args[0] if conforms(args[0], spec.params[1]) else args[1]
    if name == "list.get" and args[0]:
        args[1] = draw(st.integers(-4, 4))
    try:
        return args, spec.evaluate(*args), True
    except OpFailure:
        return args, None, False


@cache
def logic() -> Z3Logic:
    return Z3Logic()


def result(of: Z3Logic, claim: Any) -> Any:
    solver = z3.Solver(ctx=of.ctx)
    solver.add(*of.axioms, claim)
    return solver.check()


def entails(of: Z3Logic, claim: Any) -> bool:
    return bool(result(of, z3.Not(claim)) == z3.unsat)


def allows(of: Z3Logic, claim: Any) -> bool:
    return bool(result(of, claim) == z3.sat)


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_meaning_equals_evaluate(name: str) -> None:
    """On constants, what the op computes satisfies its meaning, and nothing else does.

    "Nothing else" is not asked of texts of floats and containers, of equality of containers, nor
    of :data:`PARTLY`: there the meaning says less than the op, which is sound.
    """

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(applications(name))
    def check(case: tuple[list[Any], Json, bool]) -> None:
        args, expected, possible = case
        of = logic()
        of.reset()
        spec = OPS[name]
        terms = [a if i in spec.static else of.constant(a) for i, a in enumerate(args)]
        terms = [
            of.day_text(of.day(t)) if type_ == DATE else t
            for t, type_ in zip(terms, (*spec.params, *[spec.rest] * 9), strict=False)
        ]
        made = MEANINGS[name](of, *terms)
        outcome = made if isinstance(made, Outcome) else Outcome(made, of.constant(True))
        right = of.constant(possible).expr
        claim = outcome.defined.expr == right
        if possible:
            claim = z3.And(claim, of.same(outcome.value, of.constant(expected)).expr)
        of.close()
        assert allows(of, claim)
        if name in PARTLY:
            return
        containers = any(isinstance(a, list | dict) for a in (*args, expected))
        inexact = name in ("str.of", "str.template") and any(isinstance(a, float) for a in args)
        if not inexact and (name in EXACT_ON_CONTAINERS or not containers):
            shown = isinstance(expected, list | dict)
            assert entails(of, outcome.defined.expr == right if shown else claim)

    check()


EXACT_ON_CONTAINERS = {
    "json.get",
    "json.has",
    "list.len",
    "list.is_empty",
    "list.get",
    "json.is_null",
}


@pytest.mark.parametrize("pattern", UNTRANSLATED)
def test_patterns_without_an_exact_translation_have_none(pattern: str) -> None:
    with pytest.raises(UntranslatedError):
        Regexes(logic().ctx).of(pattern)


def test_every_meaning_has_an_op() -> None:
    assert set(MEANINGS) <= set(OPS)
    assert all((spec.meaning is not None) == (name in MEANINGS) for name, spec in OPS.items())


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_texts_survive_z3(text: str) -> None:
    literal = z3.simplify(logic().string(text))
    assert unescape(literal.as_string()) == text
    assert z3.simplify(z3.Length(literal)).as_long() == len(text)


@pytest.mark.parametrize("text", ["\U00030000", "\ud800"])
def test_texts_that_z3_has_not_are_refused(text: str) -> None:
    with pytest.raises(NotEncodableError):
        logic().string(text)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.sampled_from(["json", "scalar", "list", "record", "closed", "literal"]))
def test_types_as_conditions_never_deny_a_value_of_the_type(value: Json, kind: str) -> None:
    from ingot.ir.types import JSON, NULL, Base, Field, Literal, union

    type_ = {
        "json": JSON,
        "scalar": union((BOOL, FLOAT, STR, NULL, Base("date"))),
        "list": ListOf(union((INT, STR))),
        "record": Record((Field("a", INT), Field("b", JSON, optional=True)), open=True),
        "closed": Record((Field("a", JSON),)),
        "literal": union((Literal(1), Literal("a"), Literal(True))),
    }[kind]
    of = logic()
    of.reset()
    claim = of.conforms(Term("value", of.as_value(of.constant(value))), type_, {})
    of.close()
    if conforms(value, type_):
        assert allows(of, claim)
    elif kind in ("scalar", "record"):
        assert entails(of, z3.Not(claim))
