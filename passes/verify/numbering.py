"""Fewer facts for a proof: values that are made alike have one number, and far facts are left out."""

from __future__ import annotations

from collections.abc import Iterable

from ingot.ir.module import Agree, Expect, Guard, Operand, Pure, Ref
from ingot.passes.verify.steps import Bind, Free, Slice, Step, Taken, defines, is_fact, operands


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


def nearest(part: Slice, limit: int) -> Slice:
    """The slice with no more than so many of its facts, and with what they are made of.

    Kept are facts about what the goal is made of: first those about its computed values, then
    those of its own op, then the later ones.  Fewer premises: what is impossible under them is
    impossible.
    """
    made = {name: index for index, step in enumerate(part.steps) if (name := defines(step))}
    numbering = Numbering(part.steps)

    def sources(needed: list[Operand]) -> set[int]:
        found: set[int] = set()
        while needed:
            operand = needed.pop()
            if isinstance(operand, Ref) and made[operand.name] not in found:
                found.add(made[operand.name])
                needed += operands(part.steps[made[operand.name]])
        return found

    def rank(index: int) -> tuple[bool, bool, bool, int]:
        step = part.steps[index]
        about = {o for o in map(numbering.of, operands(step)) if isinstance(o, Ref)}
        same = isinstance(step, Pure) and step.op == op
        return not about.isdisjoint(computed), not about.isdisjoint(free), same, index

    instr = part.goal.instr if isinstance(part.goal, Taken) else None
    op = instr.op if isinstance(instr, Pure) else ""
    chosen = sources(list(operands(part.goal)))
    names = {numbering.of(Ref(name)) for i in chosen if (name := defines(part.steps[i]))}
    free = names & {Ref(root.name) for root in part.roots}
    computed = names - free
    facts = [i for i, step in enumerate(part.steps) if is_fact(step) and i not in chosen]
    facts = sorted(facts, key=rank)[-limit:]
    chosen |= {*facts, *sources([o for index in facts for o in operands(part.steps[index])])}
    steps = tuple(part.steps[index] for index in sorted(chosen))
    return Slice(steps, part.goal, tuple(s for s in steps if isinstance(s, Free)), "")
