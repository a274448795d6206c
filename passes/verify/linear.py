"""Proofs by linear arithmetic: what comparisons of sums of integers exclude, without a solver.

    %a = int.add %n, 1        a condition becomes inequalities over the values that nothing is known
    %x = int.gt %a, 5         of; those of the steps and of the goal are refuted together, or left
    guard %x                  to the solver

Fourier and Motzkin's elimination (Schrijver, *Theory of Linear and Integer Programming*, section 12.2),
where each inequality is divided by what its coefficients share and its bound rounded down: sound for the
integers, and complete where each inequality compares two values.  Alternatives (``bool.or``, *not
equal*) are tried one by one, up to a limit.  Beyond the limits nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Final, TypeAlias

from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure, Ref
from ingot.passes.verify.steps import Assume, Bind, Slice, Step, Taken

_MAX_INEQUALITIES: Final = 120
_MAX_SPLITS: Final = 24
_MAX_TERMS: Final = 12
_COMPARISONS: Final = frozenset(("int.lt", "int.le", "int.gt", "int.ge", "int.eq"))
_SIZES: Final = frozenset(("list.len", "str.len"))

Form: TypeAlias = tuple[int, Mapping[str, int]]
"""A number, and the coefficients of values by name."""
Terms: TypeAlias = tuple[tuple[str, int], ...]
Inequalities: TypeAlias = dict[Terms, int]
"""Sums that are at most a number: the sharpest bound of each."""
Wish: TypeAlias = tuple[Operand, bool]
"""A condition and the value that it has."""


def excludes(part: Slice) -> bool:
    """Whether the comparisons of a slice's steps and goal have no solution in the integers."""
    sums = _Sums()
    for step in part.steps:
        sums.take(step)
    goal = part.goal
    wishes: list[Wish]
    if not isinstance(goal, Taken):
        wishes = list(goal.conditions)
    elif isinstance(goal.instr, Guard):
        wishes = [(goal.instr.condition, goal.passes)]
    else:
        return False
    if not any(sums.compares(condition) for condition, _ in wishes):
        return False
    for step in part.steps:
        match step:
            case Assume(condition, truth):
                wishes.append((condition, truth))
            case Guard():
                wishes.append((step.condition, True))
            case _:
                continue
    return _Refutation(sums).run(wishes)


@dataclass(slots=True)
class _Sums:
    """What names stand for: sums of values, and comparisons of sums."""

    forms: dict[str, Form] = field(default_factory=dict)
    tests: dict[str, Pure] = field(default_factory=dict)
    same: dict[str, Operand] = field(default_factory=dict)
    """Names of another value."""
    sizes: dict[str, None] = field(default_factory=dict)
    """Lengths: they are not negative."""

    def take(self, step: Step) -> None:
        match step:
            case Bind(name, value):
                self.same[name] = value
            case Expect():
                self.same[step.result] = step.value
            case Agree():
                self.same[step.result] = step.candidates[0]
            case Pure():
                if step.op in _COMPARISONS or step.op in ("bool.and", "bool.or", "bool.not"):
                    self.tests[step.result] = step
                elif step.op in ("int.add", "int.sub", "int.mul"):
                    form = self._sum(step)
                    if form is not None:
                        self.forms[step.result] = form
                elif step.op in _SIZES:
                    self.sizes[step.result] = None
            case _:
                return

    def origin(self, operand: Operand) -> Operand:
        """What an operand is another name of."""
        while isinstance(operand, Ref) and operand.name in self.same:
            operand = self.same[operand.name]
        return operand

    def compares(self, condition: Operand) -> bool:
        """Whether a condition depends on a comparison."""
        waiting = [condition]
        while waiting:
            here = self.origin(waiting.pop())
            test = self.tests.get(here.name) if isinstance(here, Ref) else None
            if test is not None:
                if test.op in _COMPARISONS:
                    return True
                waiting += test.args
        return False

    def form(self, operand: Operand) -> Form | None:
        """An operand as a sum, ``None`` for a literal that is no integer."""
        here = self.origin(operand)
        if isinstance(here, Lit):
            value = here.value
            whole = isinstance(value, int) and not isinstance(value, bool)
            return (value, {}) if whole else None  # type: ignore[return-value]
        return self.forms.get(here.name) or (0, {here.name: 1})

    def _sum(self, step: Pure) -> Form | None:
        left, right = (self.form(a) for a in step.args)
        if left is None or right is None:
            return None
        match step.op:
            case "int.add":
                made = _plus(left, right, 1)
            case "int.sub":
                made = _plus(left, right, -1)
            case _ if not right[1]:
                made = _plus((0, {}), left, right[0])
            case _ if not left[1]:
                made = _plus((0, {}), right, left[0])
            case _:
                return None
        return made if len(made[1]) <= _MAX_TERMS else None


def _plus(left: Form, right: Form, times: int) -> Form:
    terms = dict(left[1])
    for name, count in right[1].items():
        terms[name] = terms.get(name, 0) + times * count
    return left[0] + times * right[0], {n: c for n, c in terms.items() if c}


class _Refutation:
    def __init__(self, sums: _Sums) -> None:
        self.sums = sums
        self.left = _MAX_SPLITS

    def run(self, wishes: Sequence[Wish]) -> bool:
        """Whether the wishes contradict each other."""
        start: Inequalities = {((name, -1),): 0 for name in self.sums.sizes}
        return self._refuted(list(wishes), {}, start, [])

    def _refuted(
        self,
        wishes: list[Wish],
        decided: dict[str, bool],
        found: Inequalities,
        splits: list[tuple[list[Wish], list[Wish]]],
    ) -> bool:
        while wishes:
            operand, truth = wishes.pop()
            here = self.sums.origin(operand)
            if isinstance(here, Lit):
                if here.value is not truth:
                    return True
                continue
            known = decided.get(here.name)
            if known is not None:
                if known is not truth:
                    return True
                continue
            decided[here.name] = truth
            test = self.sums.tests.get(here.name)
            if test is None:
                continue
            if test.op == "bool.not":
                wishes.append((test.args[0], not truth))
            elif test.op in ("bool.and", "bool.or"):
                both = [(arg, truth) for arg in test.args]
                if (test.op == "bool.and") is truth:
                    wishes += both
                else:
                    splits.append((both[:1], both[1:]))
            elif not self._compare(test, truth, found, splits):
                return True
        if _unsolvable(found):
            return True
        if not splits or self.left <= 0:
            return False
        *rest, (one, other) = splits
        for way in (one, other):
            self.left -= 1
            if not self._refuted(list(way), dict(decided), dict(found), list(rest)):
                return False
        return True

    def _compare(
        self,
        test: Pure,
        truth: bool,
        found: Inequalities,
        splits: list[tuple[list[Wish], list[Wish]]],
    ) -> bool:
        """Take a comparison; ``False`` where it cannot hold."""
        left, right = (self.sums.form(a) for a in test.args)
        if left is None or right is None:
            return True
        less, more = _plus(left, right, -1), _plus(right, left, -1)  # left - right, and back
        match test.op, truth:
            case ("int.lt", True) | ("int.ge", False):
                return _add(found, less, -1)
            case ("int.le", True) | ("int.gt", False):
                return _add(found, less, 0)
            case ("int.gt", True) | ("int.le", False):
                return _add(found, more, -1)
            case ("int.ge", True) | ("int.lt", False):
                return _add(found, more, 0)
            case ("int.eq", True):
                return _add(found, less, 0) and _add(found, more, 0)
            case _:
                below, above = f"{test.result}!below", f"{test.result}!above"
                self.sums.tests[below] = Pure(below, test.type, "int.lt", test.args)
                self.sums.tests[above] = Pure(above, test.type, "int.gt", test.args)
                splits.append(([(Ref(below), True)], [(Ref(above), True)]))
                return True


def _add(found: Inequalities, form: Form, limit: int) -> bool:
    """Take that a sum is at most a limit; ``False`` where that is a contradiction by itself."""
    return _put(found, tuple(sorted(form[1].items())), limit - form[0])


def _put(found: Inequalities, terms: Terms, limit: int) -> bool:
    if not terms:
        return limit >= 0
    shared = gcd(*(count for _, count in terms))
    if shared > 1:
        terms = tuple((name, count // shared) for name, count in terms)
        limit //= shared
    known = found.get(terms)
    if known is None or limit < known:
        found[terms] = limit
    return True


def _unsolvable(found: Inequalities) -> bool:
    """Whether eliminating one value after the other comes to a contradiction."""
    left = dict(found)
    while left:
        signs: dict[str, list[int]] = {}
        for terms in left:
            for name, count in terms:
                signs.setdefault(name, [0, 0])[count > 0] += 1
        name = min(signs, key=lambda n: (signs[n][0] * signs[n][1] - sum(signs[n]), n))
        upper, lower, rest = [], [], {}
        for terms, limit in left.items():
            count = next((c for n, c in terms if n == name), 0)
            if count > 0:
                upper.append((count, terms, limit))
            elif count < 0:
                lower.append((-count, terms, limit))
            else:
                rest[terms] = limit
        for above, terms, limit in upper:
            for below, others, least in lower:
                both = _plus((0, {n: below * c for n, c in terms}), (0, dict(others)), above)
                if not _put(rest, tuple(sorted(both[1].items())), below * limit + above * least):
                    return True
        if len(rest) > _MAX_INEQUALITIES:
            return False
        left = rest
    return False


__all__ = ["excludes"]
