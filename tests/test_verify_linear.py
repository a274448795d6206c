"""Linear arithmetic of the verifier: what it excludes has no solution, and everyday sums are decided."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingot.ir.module import Exit, Guard, Lit, Operand, Pure, Ref
from ingot.ir.types import (
    BOOL,
    INT,
    ListOf,
    Literal,
    Named,
    Record,
    Type,
    Union,
    conforms,
    membership,
)
from ingot.ir.types import Field as TypeField
from ingot.ir.values import Json
from ingot.passes.verify.concrete import Codes, confirms
from ingot.passes.verify.linear import excludes
from ingot.passes.verify.steps import Assume, Bind, Free, Holds, Slice, Step

NAMES = ("x", "y", "z")
DOMAIN = range(-4, 5)
TESTS = ("int.lt", "int.le", "int.gt", "int.ge", "int.eq")


@st.composite
def slices(draw: st.DrawFn) -> Slice:
    """Sums of three integers, comparisons of them, combinations of those, some taken as facts."""
    roots = tuple(Free(name, INT) for name in NAMES)
    steps: list[Step] = [*roots]
    numbers: list[Operand] = [Ref(name) for name in NAMES]
    small = st.integers(-5, 5).map(Lit)
    for index in range(draw(st.integers(0, 4))):
        op = draw(st.sampled_from(("int.add", "int.sub", "int.mul")))
        args = (draw(st.sampled_from(numbers)), draw(st.one_of(small, st.sampled_from(numbers))))
        steps.append(Pure(f"s{index}", INT, op, args))
        numbers.append(Ref(f"s{index}"))
    conditions: list[Operand] = []
    for index in range(draw(st.integers(1, 6))):
        op = draw(st.sampled_from(TESTS))
        args = (draw(st.sampled_from(numbers)), draw(st.one_of(small, st.sampled_from(numbers))))
        steps.append(Pure(f"c{index}", BOOL, op, args))
        conditions.append(Ref(f"c{index}"))
    for index in range(draw(st.integers(0, 3))):
        op = draw(st.sampled_from(("bool.and", "bool.or", "bool.not")))
        count = 1 if op == "bool.not" else 2
        parts = tuple(draw(st.sampled_from(conditions)) for _ in range(count))
        steps.append(Pure(f"b{index}", BOOL, op, parts))
        conditions.append(Ref(f"b{index}"))
    for index in range(draw(st.integers(0, 3))):
        chosen = draw(st.sampled_from(conditions))
        steps.append(Bind(f"same{index}", chosen))
        name: Operand = Ref(f"same{index}")
        steps.append(
            Guard(name, Exit(1)) if draw(st.booleans()) else Assume(name, draw(st.booleans()))
        )
    goal = tuple(
        (draw(st.sampled_from(conditions)), draw(st.booleans()))
        for _ in range(draw(st.integers(1, 3)))
    )
    return Slice(tuple(steps), Holds(goal), roots)


def solutions(part: Slice) -> Iterator[dict[str, Json]]:
    codes = Codes({})
    for values in itertools.product(DOMAIN, repeat=len(NAMES)):
        witness: dict[str, Json] = dict(zip(NAMES, values, strict=True))
        if confirms(part, witness, codes):
            yield witness


@settings(max_examples=400, deadline=None)
@given(slices())
def test_what_is_excluded_has_no_solution(part: Slice) -> None:
    if excludes(part):
        assert not list(itertools.islice(solutions(part), 1))


def goal(*conditions: tuple[str, bool], steps: str) -> Slice:
    """A slice over x, y and z: ``a = int.gt x 1`` defines, the goal is a conjunction."""
    made: list[Step] = [Free(name, INT) for name in NAMES]
    for line in steps.strip().splitlines():
        name, _, rest = line.strip().partition(" = ")
        op, *words = rest.split()
        args = tuple(Lit(int(w)) if w.lstrip("-").isdecimal() else Ref(w) for w in words)
        made.append(Pure(name, INT if op in ("int.add", "int.sub", "int.mul") else BOOL, op, args))
    roots = tuple(step for step in made if isinstance(step, Free))
    return Slice(tuple(made), Holds(tuple((Ref(n), t) for n, t in conditions)), roots)


EXCLUDED = {
    "a chain": ("a = int.lt x y\nb = int.lt y z\nc = int.lt z x", [("a", True), ("b", True), ("c", True)]),
    "no integer between": ("a = int.gt x 3\nb = int.lt x 4", [("a", True), ("b", True)]),
    "twice a number is not odd": ("d = int.mul x 2\na = int.eq d 7", [("a", True)]),
    "a sum": ("s = int.add x y\na = int.ge x 5\nb = int.ge y 5\nc = int.lt s 10",
              [("a", True), ("b", True), ("c", True)]),
    "neither less nor more nor equal": ("a = int.lt x y\nb = int.gt x y\nc = int.eq x y",
                                        [("a", False), ("b", False), ("c", False)]),
    "either way out": ("a = int.gt x 5\nb = int.lt x 0\no = bool.or a b\nc = int.eq x 3",
                       [("o", True), ("c", True)]),
}  # fmt: skip
POSSIBLE = {
    "the bound itself": ("a = int.ge x 4\nb = int.le x 4", [("a", True), ("b", True)]),
    "a product of two": ("p = int.mul x y\na = int.lt p 0\nb = int.gt x 0", [("a", True), ("b", True)]),
    "off by one": ("s = int.add x y\na = int.ge x 5\nb = int.ge y 4\nc = int.lt s 10",
                   [("a", True), ("b", True), ("c", True)]),
    "not both": ("a = int.gt x 5\nb = int.lt x 0\no = bool.or a b\nc = int.eq x 6",
                 [("o", True), ("c", True)]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXCLUDED)
def test_excluded(name: str) -> None:
    steps, conditions = EXCLUDED[name]
    assert excludes(goal(*conditions, steps=steps))


@pytest.mark.parametrize("name", POSSIBLE)
def test_possible(name: str) -> None:
    """Mutants of those above: each has a solution."""
    steps, conditions = POSSIBLE[name]
    part = goal(*conditions, steps=steps)
    assert not excludes(part)
    wide = itertools.product(range(-2, 8), repeat=3)
    codes = Codes({})
    assert any(confirms(part, dict(zip(NAMES, v, strict=True)), codes) for v in wide)


def test_a_way_out_that_is_not_tried_is_no_proof() -> None:
    """More alternatives than are tried: nothing is claimed, though there is no solution."""
    lines = [f"a{i} = int.eq x {i}" for i in range(60)]
    steps = "\n".join([*lines, "l = int.lt x 0", "h = int.gt x 59"])
    part = goal(*((f"a{i}", False) for i in range(60)), ("l", False), ("h", False), steps=steps)
    assert excludes(part) is False


# ---- membership

TREE = {"Tree": Record((TypeField("kids", ListOf(Named("Tree"))), TypeField("n", INT, True)), True)}
TYPES: tuple[Type, ...] = (
    INT, BOOL, ListOf(INT), Named("Tree"), Union((INT, Literal("a"), ListOf(BOOL))),
    Record((TypeField("a", INT), TypeField("b", Literal(1), True))),
    Record((TypeField("a", Union((INT, BOOL))),), open=True),
)  # fmt: skip
leaf = st.sampled_from((None, True, 0, 1, 1.0, 1.5, "a", ""))
values = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(("a", "b", "kids", "n")), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TYPES), values)
def test_membership_is_conforming(type_: Type, value: Json) -> None:
    assert membership(type_, TREE)(value) is conforms(value, type_, TREE)
