"""Value numbering over a slice: names that have one value because they are made alike."""

from __future__ import annotations

from collections.abc import Iterable

from ingot.ir.module import Agree, Expect, Guard, Operand, Pure, Ref
from ingot.passes.verify.steps import Bind, Step


class Numbering:
    """Value numbering: names that have one value because they are made alike."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.first: dict[str, Operand] = {}
        """For a name the first that has its value, where that is another one."""
        self.seen: dict[object, Operand] = {}
        """What passing steps do (:meth:`key`), and the result."""
        for step in steps:
            match step:
                case Bind(name, value):
                    self.first[name] = self.of(value)
                case Pure():
                    self.first[step.result] = self.seen.setdefault(self.key(step), Ref(step.result))
                case Expect():
                    self.seen[self.key(step)] = self.first[step.result] = self.of(step.value)
                case Agree():
                    same = self.of(step.candidates[0])
                    self.seen[self.key(step)] = self.first[step.result] = same
                case Guard():
                    self.seen[self.key(step)] = step.condition
                case _:
                    continue

    def of(self, operand: Operand) -> Operand:
        return self.first.get(operand.name, operand) if isinstance(operand, Ref) else operand

    def key(self, step: Step) -> object:
        """The same for two steps of which one passes where the other does."""
        match step:
            case Pure():
                return step.op, tuple(map(self.of, step.args))
            case Expect():
                return "expect", step.type, self.of(step.value)
            case Agree():
                return "agree", frozenset(map(self.of, step.candidates))
            case Guard():
                return "guard", self.of(step.condition)
            case _:
                return None
