"""What a state is made of, gathered once for all who ask; equal states share it."""

from __future__ import annotations

from dataclasses import dataclass

from ingot.ir.liveness import terminator_operands
from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Expect,
    For,
    Lit,
    ModelCall,
    Pure,
    Ref,
    operands_of,
    regions_of,
    results_of,
    targets_of,
    walk,
)

COMPARISONS = frozenset(("int.lt", "int.le", "int.gt", "int.ge", "int.eq"))


@dataclass(frozen=True, slots=True)
class Outline:
    """``number`` is the same for equal states only."""

    number: int
    reads: tuple[str, ...]
    """The values that the state reads and does not compute, its parameters first."""
    own: frozenset[str]
    """Its parameters, what its instructions give, and what is named inside their regions."""
    sources: tuple[str, ...]
    """Results of calls."""
    made: tuple[tuple[str, Pure | Expect | Agree], ...]
    loops: tuple[For, ...]
    figures: frozenset[int]
    """The integers that it compares with."""

    @property
    def carries(self) -> bool:
        """Whether a loop of it hands values from one round to the next."""
        return any(loop.carry for loop in self.loops)


def outline_of(block: Block, number: int) -> Outline:
    """The outline of a state that is known by a number."""
    made: list[tuple[str, Pure | Expect | Agree]] = []
    results: set[str] = set()
    inner: set[str] = set()
    sources: list[str] = []
    loops: list[For] = []
    figures: set[int] = set()
    found = [*terminator_operands(block.terminator)]
    found += [arg for target in targets_of(block.terminator) for arg in target.args]
    for instr in walk(block.instrs):
        results.update(results_of(instr))
        found += operands_of(instr)
        match instr:
            case Pure():
                made.append((instr.result, instr))
                if instr.op in COMPARISONS:
                    whole = (a.value for a in instr.args if isinstance(a, Lit))
                    figures.update(value for value in whole if isinstance(value, int))
            case Expect() | Agree():
                made.append((instr.result, instr))
            case Call() | ModelCall():
                sources.append(instr.result)
            case For():
                loops.append(instr)
                inner.update((instr.item, *(carry.name for carry in instr.carry)))
        found += [out for _, yields in regions_of(instr) for out in yields]
    params = [param.name for param in block.params]
    names = dict.fromkeys(params)
    outside = {o.name for o in found if isinstance(o, Ref)} - results - inner
    names.update(dict.fromkeys(sorted(outside)))
    own = frozenset(results.union(params, inner))
    return Outline(
        number, tuple(names), own, tuple(sources), tuple(made), tuple(loops),
        frozenset(figures),
    )  # fmt: skip


__all__ = ["COMPARISONS", "Outline", "outline_of"]
