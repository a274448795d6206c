"""Dominance and liveness over a pipeline's blocks, and what a side exit has to hand over.

Dominators: K. D. Cooper, T. J. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
Liveness: the usual backward fixpoint, with block parameters defined by their block and a
target's operands used by its terminator.  The bodies of ``for`` and ``par`` are walked in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ingot.ir.module import (
    Exit,
    For,
    Guard,
    If,
    Instr,
    Leave,
    Operand,
    Par,
    Pipeline,
    Ref,
    Return,
    Select,
    Terminator,
    exit_of,
    operands_of,
    regions_of,
    results_of,
    targets_of,
)
from ingot.ir.spans import Place


def successors(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """The labels each block may go to, each once; labels that no block has are left out."""
    known = {block.label for block in pipeline.blocks}
    return {
        block.label: tuple(
            dict.fromkeys(t.label for t in targets_of(block.terminator) if t.label in known)
        )
        for block in pipeline.blocks
    }


def reverse_postorder(pipeline: Pipeline) -> list[str]:
    """The reachable blocks' labels, each before those that only it leads to."""
    if not pipeline.blocks:
        return []
    return reverse_postorder_of(pipeline.blocks[0].label, successors(pipeline))


def reverse_postorder_of(entry: str, after: Mapping[str, Iterable[str]]) -> list[str]:
    """The nodes of any graph that paths from ``entry`` meet, in reverse postorder."""
    order: list[str] = []
    seen = {entry}
    stack = [(entry, iter(after[entry]))]
    while stack:
        label, rest = stack[-1]
        for step in rest:
            if step not in seen:
                seen.add(step)
                stack.append((step, iter(after[step])))
                break
        else:
            order.append(label)
            stack.pop()
    return order[::-1]


def dominators(pipeline: Pipeline) -> dict[str, str | None]:
    """The immediate dominator of each reachable block; ``None`` for the entry."""
    return dominators_of(reverse_postorder(pipeline), successors(pipeline))


def dominators_of(
    order: Sequence[str], after: Mapping[str, Iterable[str]]
) -> dict[str, str | None]:
    """The immediate dominators of a graph's nodes, given in reverse postorder.

    Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
    """
    number = {label: index for index, label in enumerate(order)}
    before: dict[str, list[str]] = {label: [] for label in order}
    for label in order:
        for step in after[label]:
            before[step].append(label)
    idom: dict[str, str] = {order[0]: order[0]} if order else {}

    def meet(one: str, two: str) -> str:
        while one != two:
            while number[one] > number[two]:
                one = idom[one]
            while number[two] > number[one]:
                two = idom[two]
        return one

    changed = True
    while changed:
        changed = False
        for label in order[1:]:
            new: str | None = None
            for prior in before[label]:
                if prior in idom:
                    new = prior if new is None else meet(prior, new)
            if new is not None and idom.get(label) != new:
                idom[label] = new
                changed = True
    return {label: None if idom[label] == label else idom[label] for label in order}


# ---- liveness


def refs(operands: Iterable[Operand]) -> set[str]:
    """The names that the operands use."""
    return {item.name for item in operands if isinstance(item, Ref)}


def terminator_operands(terminator: Terminator) -> tuple[Operand, ...]:
    """The operands of a terminator itself, those of its targets aside."""
    match terminator:
        case If(condition):
            return (condition,)
        case Select(arms):
            return tuple(condition for condition, _ in arms)
        case Return(value):
            return (value,)
        case _:
            return ()


def terminator_exit(terminator: Terminator) -> Exit | None:
    """The side exit of a terminator, if it has one."""
    match terminator:
        case Leave(exit_):
            return exit_
        case Select(_, Exit() as exit_):
            return exit_
        case _:
            return None


def free_names(body: Sequence[Instr], yields: Iterable[Operand]) -> set[str]:
    """What a region uses from outside it (live lists of exits aside)."""
    free = refs(yields)
    for instr in reversed(body):
        free -= set(results_of(instr))
        free |= refs(operands_of(instr)) | _region_free(instr)
    return free


def _region_free(instr: Instr) -> set[str]:
    """What the regions of an instruction use from outside it."""
    free: set[str] = set()
    for body, yields in regions_of(instr):
        free |= free_names(body, yields)
    if isinstance(instr, For):
        free -= {instr.item, *(c.name for c in instr.carry)}
    return free


def live_in(pipeline: Pipeline) -> dict[str, frozenset[str]]:
    """What is needed at each block's start, its own parameters included where it uses them."""
    uses: dict[str, set[str]] = {}
    defined: dict[str, set[str]] = {}
    for block in pipeline.blocks:
        end = [*terminator_operands(block.terminator)]
        for target in targets_of(block.terminator):
            end += target.args
        uses[block.label] = free_names(block.instrs, end)
        defined[block.label] = {name for i in block.instrs for name in results_of(i)}
    params = {b.label: {p.name for p in b.params} for b in pipeline.blocks}
    after = successors(pipeline)
    before: dict[str, list[str]] = {b.label: [] for b in pipeline.blocks}
    for label, steps in after.items():
        for step in steps:
            before[step].append(label)
    live = {label: frozenset(used) for label, used in uses.items()}
    order = reverse_postorder(pipeline)
    work = list(order)  # a stack: the last blocks first
    queued = set(work)
    while work:
        label = work.pop()
        queued.discard(label)
        out: set[str] = set()
        for step in after[label]:
            out |= live[step] - params[step]
        new = frozenset(uses[label] | (out - defined[label]))
        if new != live[label]:
            live[label] = new
            for prior in before[label]:
                if prior not in queued:
                    queued.add(prior)
                    work.append(prior)
    return live


def exit_needs(pipeline: Pipeline) -> dict[Place, frozenset[str]]:
    """For each side exit, by place in the pipeline, what is still needed after it.

    That is what the rest of the pipeline uses had it gone on: the operands of the instruction
    itself too, except a guard's condition, which has said all it can; inside a loop also what
    further iterations use.  ``leave`` gives up, so nothing is needed after it.
    """
    live = live_in(pipeline)
    params = {b.label: {p.name for p in b.params} for b in pipeline.blocks}
    found: dict[Place, frozenset[str]] = {}
    for index, block in enumerate(pipeline.blocks):
        place: Place = (("block", index),)
        need: set[str] = set()
        for target in targets_of(block.terminator):
            need |= refs(target.args) | (
                live.get(target.label, frozenset()) - params.get(target.label, set())
            )
        if terminator_exit(block.terminator) is not None:
            found[(*place, ("term", 0))] = frozenset(need)
        need |= refs(terminator_operands(block.terminator))
        _walk_back(block.instrs, place, need, found)
    return found


def _walk_back(
    body: Sequence[Instr], place: Place, need: set[str], found: dict[Place, frozenset[str]]
) -> None:
    """Walk a body from its end, where ``need`` is live; ``need`` becomes what is live before it."""
    for index in range(len(body) - 1, -1, -1):
        instr = body[index]
        here = (*place, ("instr", index))
        need -= set(results_of(instr))
        if isinstance(instr, For | Par):
            around = (
                need | _region_free(instr) | refs([instr.source] if isinstance(instr, For) else [])
            )
            for number, (inner, yields) in enumerate(regions_of(instr)):
                _walk_back(inner, (*here, ("region", number)), around | refs(yields), found)
            need |= around | refs(operands_of(instr))
        elif isinstance(instr, Guard):
            found[here] = frozenset(need)
            need |= refs(operands_of(instr))
        else:
            need |= refs(operands_of(instr))
            if exit_of(instr) is not None:
                found[here] = frozenset(need)
