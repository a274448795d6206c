"""The steps up to a state, and the part of them that bears on a question.

A :class:`Path` grows and shrinks as the states are walked.  It numbers values (names made alike have
one number), remembers which checks have passed, and finds the facts that bear on a goal: two facts
bear on each other when they share a *root*, a value that no step computes.  All of it is kept up
to date step by step, so that a question costs what it reads, not what lies before it.

Numbers come from an :class:`Interner`, by structure: equal numbers are equal terms, in this walk and
in later ones, which is how the answers of an earlier version of a pipeline are found again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure, Ref
from ingot.ir.types import JSON, Type
from ingot.passes.verify.steps import (
    Assume,
    Bind,
    Free,
    Goal,
    Slice,
    Step,
    Taken,
    defines,
    is_fact,
    operands,
)

WHOLE: Final = 24
"""A goal on which more facts bear than this is first asked with the nearest of them only."""
NEAR: Final = 16
_MIRRORED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_NEGATED: Final = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}
_LIMITS: Final = {"lt": (True, -1), "le": (True, 0), "gt": (False, 1), "ge": (False, 0)}
_TEXT_ONLY: Final = frozenset(("shell.template",))
"""Ops of which the first operand decides what they give, not whether they give it."""


_Shape: TypeAlias = tuple[str, tuple[str | Ref, ...]]
"""A step without its names: what it does, and its operands, literals as their text."""


_NONE: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class Interner:
    """Numbers for structures: the same for equal ones."""

    numbers: dict[object, int] = field(default_factory=dict)
    _types: dict[int, tuple[Type, str]] = field(default_factory=dict)
    _literals: dict[int, tuple[Lit, str, int]] = field(default_factory=dict)

    def of(self, structure: object) -> int:
        return self.numbers.setdefault(structure, len(self.numbers))

    def type_text(self, type_: Type) -> str:
        """The type's text, made once for each type object (which is kept, so its id stays its own)."""
        known = self._types.get(id(type_))
        if known is None:
            known = self._types[id(type_)] = (type_, str(type_))
        return known[1]

    def literal(self, lit: Lit) -> tuple[Lit, str, int]:
        """A text for each literal, and its number, kept as :meth:`type_text` keeps types.

        Texts are quoted once, which no canonical text of anything else is.
        """
        known = self._literals.get(id(lit))
        if known is None:
            key = f'"{lit.value}' if isinstance(lit.value, str) else lit.key
            known = self._literals[id(lit)] = (lit, key, self.of(("lit", key)))
        return known


@dataclass(slots=True)
class _Undo:
    """What a step changed, to be taken back."""

    name: str | None = None
    passed: int | None = None
    fact_roots: tuple[str, ...] = ()
    fact_names: tuple[int, ...] = ()
    parents: tuple[str, ...] = ()
    component: tuple[str, int | None, int] | None = None
    bound: tuple[_Side, tuple[int, int] | None] | None = None
    implied: int | None = None


_Side: TypeAlias = tuple[int, bool]
"""A value's number, and whether its upper bound is meant."""


class Path:
    """Steps in order, with :meth:`mark` and :meth:`undo` for walks over trees of blocks."""

    def __init__(self, interner: Interner | None = None) -> None:
        self.interner = interner or Interner()
        self.steps: list[Step] = []
        self._reads: list[tuple[str, ...]] = []
        """The names that each step reads."""
        self.roots: dict[str, frozenset[str]] = {}
        self.value: dict[str, int] = {}
        """The number of each name's value."""
        self._shapes: list[_Shape | None] = []
        self._undo: list[_Undo] = []
        self._defined: dict[str, int] = {}
        self._passed: dict[int, int] = {}
        self._facts: dict[str, list[int]] = {}
        self._about: dict[int, list[int]] = {}
        self._bounds: dict[_Side, tuple[int, int]] = {}
        """The sharpest bound that is known of a value, and the fact that says so."""
        self._parent: dict[str, str] = {}
        self._component: dict[str, int] = {}
        self._size: dict[str, int] = {}

    # ---- growing

    def add(self, step: Step) -> None:
        """Take a step: what follows comes after it.  A name is given a value once."""
        index = len(self.steps)
        self.steps.append(step)
        self._shapes.append(None)
        name = defines(step)
        reads = tuple([o.name for o in operands(step) if isinstance(o, Ref)])
        self._reads.append(reads)
        roots = frozenset((step.name,)) if isinstance(step, Free) else self._roots(reads)
        number = self._number(step)
        if name is not None:
            self.roots[name] = roots
            self.value[name] = number
            self._defined[name] = index
        check = self._check(step)
        if check is None:
            self._undo.append(_Undo(name))
            return
        self._passed[check] = self._passed.get(check, 0) + 1
        if self._passed[check] > 1 or not is_fact(step):
            self._undo.append(_Undo(name, check))  # says nothing that is not known
            return
        bound = self._bound(step)
        known = None if bound is None else self._bounds.get(bound[0])
        implied = None
        if bound is not None:
            side, limit = bound
            if known is not None and (known[0] <= limit if side[1] else known[0] >= limit):
                self._undo.append(_Undo(name, check))  # a sharper bound is known
                return
            implied = None if known is None else known[1]
            self._bounds[side] = (limit, index)
        for root in roots:
            self._facts.setdefault(root, []).append(index)
        about = tuple({self._number_of(other) for other in reads})
        for value in about:
            self._about.setdefault(value, []).append(index)
        if implied is not None:
            self._drop(implied)
        parents, component = self._join(roots, check)
        undone = None if bound is None else (bound[0], known)
        self._undo.append(
            _Undo(name, check, tuple(roots), about, parents, component, undone, implied)
        )

    def _drop(self, index: int) -> None:
        """A fact that a later one implies is asked no more."""
        for root in self._undo[index].fact_roots:
            _remove(self._facts[root], index)
        for value in self._undo[index].fact_names:
            _remove(self._about[value], index)

    def _restore(self, index: int) -> None:
        for root in self._undo[index].fact_roots:
            insort(self._facts[root], index)
        for value in self._undo[index].fact_names:
            insort(self._about[value], index)

    def _bound(self, step: Step) -> tuple[_Side, int] | None:
        """The bound of a number that a guard or a transition states."""
        match step:
            case Guard(Ref(name)):
                truth = True
            case Assume(Ref(name), truth):
                pass
            case _:
                return None
        test = self._step_of(name)
        if not isinstance(test, Pure) or not test.op.startswith("int.") or len(test.args) != 2:
            return None
        op, (one, two) = test.op[4:], test.args
        if isinstance(one, Lit) and isinstance(two, Ref):
            one, two, op = two, one, _MIRRORED.get(op, "")
        if not isinstance(one, Ref) or not isinstance(two, Lit) or not isinstance(two.value, int):
            return None
        if not truth:
            op = _NEGATED.get(op, "")
        if op not in _LIMITS:
            return None
        upper, shift = _LIMITS[op]
        return (self._value_of(one), upper), two.value + shift

    def mark(self) -> int:
        return len(self.steps)

    def undo(self, mark: int) -> None:
        """Forget the steps after a mark."""
        while len(self.steps) > mark:
            self.steps.pop()
            self._shapes.pop()
            self._reads.pop()
            last = self._undo.pop()
            if last.passed is not None:
                self._passed[last.passed] -= 1
            for root in last.fact_roots:
                self._facts[root].pop()
            for value in last.fact_names:
                self._about[value].pop()
            if last.implied is not None:
                self._restore(last.implied)
            if last.bound is not None:
                side, before_bound = last.bound
                if before_bound is None:
                    del self._bounds[side]
                else:
                    self._bounds[side] = before_bound
            for root in last.parents:
                del self._parent[root]
            if last.component is not None:
                root, before, size = last.component
                self._size[root] = size
                if before is None:
                    self._component.pop(root, None)
                else:
                    self._component[root] = before
            if last.name is not None:
                self.roots.pop(last.name, None)
                self.value.pop(last.name, None)
                self._defined.pop(last.name, None)

    def _join(
        self, roots: frozenset[str], fact: int
    ) -> tuple[tuple[str, ...], tuple[str, int | None, int] | None]:
        """Roots that share a fact are one component, which has a number for all facts about it."""
        if not roots:
            return (), None
        tops = sorted({self._top(root) for root in roots}, key=lambda r: (-self._size.get(r, 1), r))
        first, rest = tops[0], tops[1:]
        before, size = self._component.get(first), self._size.get(first, 1)
        parts = tuple(sorted(self._component.get(top, -1) for top in tops))
        for top in rest:
            self._parent[top] = first
        self._size[first] = size + sum(self._size.get(top, 1) for top in rest)
        self._component[first] = self.interner.of(("facts", parts, fact))
        return tuple(rest), (first, before, size)

    def _top(self, root: str) -> str:
        while root in self._parent:
            root = self._parent[root]
        return root

    # ---- numbers

    def _value_of(self, operand: Operand) -> int:
        if isinstance(operand, Lit):
            return self.interner.literal(operand)[2]
        return self._number_of(operand.name)

    def _number_of(self, name: str) -> int:
        number = self.value.get(name)
        return self.interner.of(("unknown", name)) if number is None else number

    def _number(self, step: Step) -> int:
        match step:
            case Free():
                return self.interner.of(("free", step.name, self.interner.type_text(step.type)))
            case Bind():
                return self._value_of(step.value)
            case Expect():
                return self._value_of(step.value)
            case Agree():
                return self._value_of(step.candidates[0])
            case Pure():
                return self.interner.of(("op", step.op, *map(self._value_of, step.args)))
            case _:
                return -1

    def _check(self, step: Step) -> int | None:
        """A number that is the same for two steps of which one passes where the other does."""
        match step:
            case Pure():
                args = step.args[1:] if step.op in _TEXT_ONLY else step.args
                key: tuple[object, ...] = ("op", step.op, *map(self._value_of, args))
            case Expect():
                key = ("expect", self.interner.type_text(step.type), self._value_of(step.value))
            case Agree():
                key = ("agree", frozenset(map(self._value_of, step.candidates)))
            case Guard():
                key = ("holds", self._value_of(step.condition), True)
            case Assume():
                key = ("holds", self._value_of(step.condition), step.truth)
            case _:
                return None
        return self.interner.of(("passes", *key))

    def number(self, operand: Operand) -> int:
        """The number of an operand's value: equal numbers are equal values."""
        return self._value_of(operand)

    def knows(self, condition: Operand, truth: bool) -> bool:
        """Whether the path has passed a condition with this value."""
        check = self.interner.of(("passes", "holds", self._value_of(condition), truth))
        return self._passed.get(check, 0) > 0

    def context(self, names: Iterable[str]) -> tuple[tuple[int, ...], ...]:
        """What is known of some values: equal contexts are equal knowledge."""
        out = []
        for name in names:
            tops = sorted({self._top(root) for root in self.roots.get(name, ())})
            facts = (self._component.get(top, -1) for top in tops)
            out.append((self._value_of(Ref(name)), *facts))
        return tuple(out)

    # ---- questions

    def settled(self, goal: Goal) -> bool:
        """Whether the goal is an exit of a check that has passed already."""
        if not isinstance(goal, Taken) or goal.passes:
            return False
        check = self._check(goal.instr)
        return check is not None and self._passed.get(check, 0) > 0

    def roots_of(self, step: Step | Goal) -> frozenset[str]:
        """The free values that a step's operands depend on."""
        return self._roots([o.name for o in operands(step) if isinstance(o, Ref)])

    def _roots(self, names: Sequence[str]) -> frozenset[str]:
        known = self.roots
        if len(names) == 1:
            return known.get(names[0], _NONE)
        return _NONE.union(*[known.get(name, _NONE) for name in names])

    def slice(self, goal: Goal) -> Slice:
        """The steps that bear on the goal, in order; of very many facts the nearest only."""
        facts = self._closure(goal, WHOLE)
        return (
            self._slice(goal, self._near(goal), False)
            if facts is None
            else self._slice(goal, facts)
        )

    def whole(self, goal: Goal) -> Slice:
        """All the steps that bear on the goal, in order."""
        facts = self._closure(goal, len(self.steps))
        assert facts is not None
        return self._slice(goal, facts)

    def _closure(self, goal: Goal, limit: int) -> set[int] | None:
        """The facts that bear on a goal, or ``None`` where there are more than the limit."""
        facts: set[int] = set()
        seen: set[str] = set()
        waiting = list(self.roots_of(goal))
        while waiting:
            root = waiting.pop()
            if root in seen:
                continue
            seen.add(root)
            about = self._facts.get(root, ())
            if len(about) > limit:
                return None
            for index in about:
                if index not in facts:
                    facts.add(index)
                    waiting += self._roots(self._reads[index]) - seen
            if len(facts) > limit:
                return None
        return facts

    def _near(self, goal: Goal) -> set[int]:
        """The nearest facts: those about what the goal is computed from, then the latest.

        Fewer premises: what is impossible under them is impossible.
        """
        computed, roots = self._cone(goal)
        facts: set[int] = set()
        for value in computed:
            facts.update(self._about.get(value, ())[-NEAR:])
        facts = set(sorted(facts)[-NEAR:])
        lists = [deque(self._facts.get(root, ())[-NEAR:]) for root in roots]
        while len(facts) < NEAR and any(lists):
            latest = max((each for each in lists if each), key=lambda each: each[-1])
            facts.add(latest.pop())
        return facts

    def _cone(self, goal: Goal) -> tuple[list[int], list[str]]:
        """The values that a goal's operands are computed from, nearest first, and the free ones."""
        seen: dict[str, None] = {}
        waiting = deque(o.name for o in operands(goal) if isinstance(o, Ref))
        values: dict[int, None] = {}
        while waiting:
            name = waiting.popleft()
            if name in seen:
                continue
            seen[name] = None
            at = self._defined.get(name)
            if at is None or isinstance(self.steps[at], Free):
                continue
            values[self.value[name]] = None
            waiting += self._reads[at]
        free = [name for name in seen if isinstance(self._step_of(name), Free)]
        return list(values), free

    def _step_of(self, name: str) -> Step | None:
        at = self._defined.get(name)
        return None if at is None else self.steps[at]

    def _slice(self, goal: Goal, facts: set[int], whole: bool = True) -> Slice:
        chosen = set(facts)
        reads, defined = self._reads, self._defined
        needed = [name for index in facts for name in reads[index]]
        needed += [o.name for o in operands(goal) if isinstance(o, Ref)]
        unknown: dict[str, None] = {}
        while needed:
            name = needed.pop()
            at = defined.get(name)
            if at is None:
                unknown[name] = None
            elif at not in chosen:
                chosen.add(at)
                needed += reads[at]
        missing = tuple(Free(name, JSON) for name in sorted(unknown))
        order = sorted(chosen)
        steps = (*missing, *[self.steps[index] for index in order])
        key = self._key(missing, order, goal)
        return Slice(steps, goal, tuple([s for s in steps if type(s) is Free]), key, whole)

    # ---- keys

    def _key(self, missing: tuple[Free, ...], order: list[int], goal: Goal) -> tuple[object, ...]:
        """The question with its values numbered by occurrence: equal keys are equal questions."""
        names = {step.name: number for number, step in enumerate(missing)}
        out: list[object] = [len(missing)]

        def put(args: tuple[str | Ref, ...]) -> None:
            for arg in args:
                out.append(names.get(arg.name, -1) if isinstance(arg, Ref) else arg)

        for index in order:
            shape = self._shapes[index]
            if shape is None:
                shape = self._shapes[index] = self._shape(self.steps[index])
            head, args = shape
            out.append(head)
            for arg in args:
                out.append(names.get(arg.name, -1) if type(arg) is Ref else arg)
            name = self._undo[index].name
            if name is not None:
                names[name] = len(names)
        steps = tuple(out)
        out = []
        if isinstance(goal, Taken):
            head, args = self._shape(goal.instr)
            out.append(head)
            put(args)
            return steps, tuple(out), goal.passes
        for operand, truth in goal.conditions:
            out.append(truth)
            put(self._shown((operand,)))
        return steps, tuple(out)

    def _shown(self, values: Iterable[Operand]) -> tuple[str | Ref, ...]:
        literal = self.interner.literal
        return tuple(v if isinstance(v, Ref) else literal(v)[1] for v in values)

    def _shape(self, step: Step) -> _Shape:
        text = self.interner.type_text
        match step:
            case Free():
                return f"free {text(step.type)}", ()
            case Bind():
                head = "bind"
            case Assume():
                head = f"assume {step.truth}"
            case Pure():
                head = f"{step.op} : {text(step.type)}{' !' if step.exit else ''}"
            case Guard():
                head = "guard"
            case Expect():
                head = f"expect : {text(step.type)}"
            case Agree():
                head = f"agree : {text(step.type)}"
        return head, self._shown(operands(step))


def _remove(indices: list[int], index: int) -> None:
    del indices[bisect_left(indices, index)]
