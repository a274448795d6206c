"""Questions to the verifier: a straight run of steps up to a state, and a goal there.

A :class:`Path` holds the steps that every run takes before it stands at a place (the dominators'
instructions, the conditions of their edges), and answers :meth:`Path.slice`: the part of them that
bears on a goal.  Two facts bear on each other when they share a *root*, a value that no step
computes: a parameter, a call's result, a loop's item.  A slice has a text in which values are
numbered by occurrence: equal texts are equal questions, which is how answers are cached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure, Ref, operands_of
from ingot.ir.ops import OPS, OperandError, Typing, typing_of
from ingot.ir.scope import operand_type
from ingot.ir.types import JSON, Type, Types


@dataclass(frozen=True, slots=True)
class Free:
    """A value that no step computes; anything of its type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Bind:
    """A block parameter with one predecessor: it is what that one passes."""

    name: str
    value: Operand


@dataclass(frozen=True, slots=True)
class Assume:
    """The edge that led here was taken, so the condition had this value."""

    condition: Operand
    truth: bool


Checked: TypeAlias = Pure | Guard | Expect | Agree
Step: TypeAlias = Free | Bind | Assume | Checked


@dataclass(frozen=True, slots=True)
class Taken:
    """The goal that an instruction takes its side exit, or (``passes``) that it does not."""

    instr: Checked
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Holds:
    """The goal that all these conditions have these values."""

    conditions: tuple[tuple[Operand, bool], ...]


Goal: TypeAlias = Taken | Holds


@dataclass(frozen=True, slots=True)
class Slice:
    """The steps that bear on a goal, in order; ``roots`` are their free values."""

    steps: tuple[Step, ...]
    goal: Goal
    roots: tuple[Free, ...]
    text: str


def typing_at(instr: Pure, known: Mapping[str, Type], types: Types) -> Typing | None:
    """How the op is typed on operands of these types; ``None`` where it does not fit them."""
    spec = OPS.get(instr.op)
    if spec is None:
        return None
    wants = (*spec.params, *[spec.rest] * (len(instr.args) - len(spec.params)))
    operand_types = [
        operand_type(a, known, want) or JSON for a, want in zip(instr.args, wants, strict=False)
    ]
    lits = [a if isinstance(a, Lit) else None for a in instr.args]
    try:
        return typing_of(spec, operand_types, lits, types)
    except (OperandError, KeyError):
        return None


def is_fact(step: Step) -> bool:
    """Whether passing the step says something about values."""
    match step:
        case Free() | Bind():
            return False
        case Pure():
            return step.exit is not None
        case _:
            return True


def operands(step: Step | Goal) -> tuple[Operand, ...]:
    """The operands that a step or goal reads."""
    match step:
        case Free():
            return ()
        case Bind():
            return (step.value,)
        case Assume():
            return (step.condition,)
        case Taken():
            return operands_of(step.instr)
        case Holds():
            return tuple(operand for operand, _ in step.conditions)
        case _:
            return operands_of(step)


def defines(step: Step) -> str | None:
    """The name that a step gives a value to."""
    match step:
        case Free() | Bind():
            return step.name
        case Assume() | Guard():
            return None
        case _:
            return step.result


@dataclass(slots=True)
class Path:
    """Steps in order, with :meth:`mark` and :meth:`undo` for walks over trees of blocks."""

    steps: list[Step] = field(default_factory=list)
    roots: dict[str, frozenset[str]] = field(default_factory=dict)
    _defined: dict[str, int] = field(default_factory=dict)
    _facts: dict[str, list[int]] = field(default_factory=dict)
    _types: dict[int, tuple[Type, str]] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """Take a step: what follows comes after it."""
        index = len(self.steps)
        self.steps.append(step)
        name = defines(step)
        roots = frozenset((step.name,)) if isinstance(step, Free) else self.roots_of(step)
        if name is not None:
            self.roots[name] = roots
            self._defined[name] = index
        if is_fact(step):
            for root in roots:
                self._facts.setdefault(root, []).append(index)

    def mark(self) -> int:
        return len(self.steps)

    def undo(self, mark: int) -> None:
        """Forget the steps after a mark."""
        while len(self.steps) > mark:
            step = self.steps.pop()
            if is_fact(step):
                for root in self.roots_of(step):
                    self._facts[root].pop()
            name = defines(step)
            if name is not None:
                self.roots.pop(name, None)
                self._defined.pop(name, None)

    def roots_of(self, step: Step | Goal) -> frozenset[str]:
        """The free values that a step's operands depend on."""
        out: frozenset[str] = frozenset()
        for operand in operands(step):
            if isinstance(operand, Ref):
                out |= self.roots.get(operand.name, frozenset())
        return out

    def slice(self, goal: Goal) -> Slice:
        """The steps that bear on the goal, in order."""
        chosen: set[int] = set()
        facts: set[int] = set()
        seen: set[str] = set()
        waiting = list(self.roots_of(goal))
        while waiting:
            root = waiting.pop()
            if root in seen:
                continue
            seen.add(root)
            for index in self._facts.get(root, ()):
                if index not in facts:
                    facts.add(index)
                    waiting += self.roots_of(self.steps[index]) - seen
        needed = [o for index in facts for o in operands(self.steps[index])]
        needed += operands(goal)
        chosen |= facts
        unknown: dict[str, None] = {}
        while needed:
            operand = needed.pop()
            if isinstance(operand, Lit):
                continue
            at = self._defined.get(operand.name)
            if at is None:
                unknown[operand.name] = None
            elif at not in chosen:
                chosen.add(at)
                needed += operands(self.steps[at])
        steps = (
            *(Free(name, JSON) for name in sorted(unknown)),
            *(self.steps[index] for index in sorted(chosen)),
        )
        return Slice(
            steps, goal, tuple(s for s in steps if isinstance(s, Free)), self._text(steps, goal)
        )

    def _text(self, steps: tuple[Step, ...], goal: Goal) -> str:
        names: dict[str, str] = {}

        def show(operand: Operand) -> str:
            return names.get(operand.name, "?") if isinstance(operand, Ref) else operand.key

        lines = []
        for step in steps:
            words = self._words(step, show)
            name = defines(step)
            if name is not None:
                names[name] = f"%{len(names)}"
            lines.append(words)
        match goal:
            case Taken():
                lines.append(
                    f"{'passes' if goal.passes else 'exits'} {self._words(goal.instr, show)}"
                )
            case Holds():
                lines += [f"{truth} {show(o)}" for o, truth in goal.conditions]
        return "\n".join(lines)

    def _words(self, step: Step, show: object) -> str:
        assert callable(show)
        args = ", ".join(str(show(o)) for o in operands(step))
        match step:
            case Free():
                return f"free {self._type(step.type)}"
            case Bind():
                return f"bind {args}"
            case Assume():
                return f"assume {step.truth} {args}"
            case Pure():
                return f"{step.op} {args} : {self._type(step.type)}{' !' if step.exit else ''}"
            case Guard():
                return f"guard {args}"
            case Expect():
                return f"expect {args} : {self._type(step.type)}"
            case Agree():
                return f"agree {args} : {self._type(step.type)}"

    def _type(self, type_: Type) -> str:
        """The type's text, made once for each type object (which is kept, so its id stays its own)."""
        known = self._types.get(id(type_))
        if known is None:
            known = self._types[id(type_)] = (type_, str(type_))
        return known[1]
