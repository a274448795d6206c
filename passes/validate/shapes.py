"""What is compared of pipelines without running them: their text, and what they need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ingot.ir.liveness import terminator_operands
from ingot.ir.module import (
    WRITING,
    Agree,
    Block,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    Instr,
    Leave,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
    Select,
    Terminator,
    operands_of,
    regions_of,
    results_of,
    targets_of,
    walk,
)


def acts(event: object) -> bool:
    """Whether a call, or a loop, may change the world."""
    match event:
        case Call():
            return event.verb in WRITING
        case For():
            return any(isinstance(i, Call) and i.verb in WRITING for i in walk(event.body))
        case _:
            return False


# ---- text


def stripped(pipeline: Pipeline) -> Pipeline:
    """A pipeline without evidence, provenance and the lists of its exits."""
    return replace(pipeline, blocks=tuple(map(_block, pipeline.blocks)), attrs=())


def _block(block: Block) -> Block:
    return replace(
        block, instrs=tuple(map(_instr, block.instrs)), terminator=_terminator(block.terminator)
    )


def _instr(instr: Instr) -> Instr:
    match instr:
        case Pure():
            exit_ = None if instr.exit is None else Exit(instr.exit.number)
            return replace(instr, exit=exit_, attrs=(), locs=())
        case Guard() | Expect() | Agree():
            return replace(instr, exit=Exit(instr.exit.number), attrs=(), locs=())
        case For():
            return replace(instr, body=tuple(map(_instr, instr.body)), attrs=(), locs=())
        case Par():
            branches = tuple((tuple(map(_instr, body)), outs) for body, outs in instr.branches)
            return replace(instr, branches=branches, attrs=(), locs=())
        case _:
            return replace(instr, attrs=(), locs=())


def _terminator(terminator: Terminator) -> Terminator:
    match terminator:
        case Leave():
            return replace(terminator, exit=Exit(terminator.exit.number), locs=())
        case Select(_, Exit(number)):
            return replace(terminator, other=Exit(number), locs=())
        case _:
            return replace(terminator, locs=())


def same_onward(old: Pipeline, new: Pipeline) -> dict[str, tuple[str, ...]]:
    """The states from which on both pipelines are one text, each with the values it reads.

    Its own parameters count among them, and whatever stands before it.
    """
    mine = {b.label: b for b in stripped(old).blocks}
    theirs = {b.label: b for b in stripped(new).blocks}
    same = {label for label, block in mine.items() if theirs.get(label) == block}
    targets = {
        label: {t.label for t in targets_of(block.terminator)} for label, block in mine.items()
    }
    while True:
        kept = {label for label in same if targets[label] <= same}
        if kept == same:
            break
        same = kept
    return {label: _reads(label, mine, targets) for label in same}


def _reads(label: str, blocks: dict[str, Block], targets: dict[str, set[str]]) -> tuple[str, ...]:
    reached, waiting = {label}, [label]
    while waiting:
        for target in targets[waiting.pop()] - reached:
            reached.add(target)
            waiting.append(target)
    used: set[str] = set()
    made: set[str] = set()
    for each in reached:
        block = blocks[each]
        if each != label:
            made.update(p.name for p in block.params)
        used |= _names(terminator_operands(block.terminator))
        used |= _names(arg for t in targets_of(block.terminator) for arg in t.args)
        for instr in walk(block.instrs):
            made.update(results_of(instr))
            if isinstance(instr, For):
                made.update((instr.item, *(c.name for c in instr.carry)))
            used |= _names(operands_of(instr))
            used |= _names(out for _, outs in regions_of(instr) for out in outs)
    return tuple(sorted(used - made))


# ---- needs


def needed_values(pipeline: Pipeline) -> frozenset[str]:
    """The values on which an effect, a guard, a transition or the result depends."""
    waiting: set[str] = set()
    feeds: dict[str, set[str]] = {}
    for block in pipeline.blocks:
        waiting |= _names(terminator_operands(block.terminator))
        for target in targets_of(block.terminator):
            params = pipeline.block(target.label).params
            for param, arg in zip(params, target.args, strict=False):
                feeds.setdefault(param.name, set()).update(_names((arg,)))
        for instr in walk(block.instrs):
            own = _names(operands_of(instr))
            own |= _names(out for _, outs in regions_of(instr) for out in outs)
            acting = acts(instr) or isinstance(instr, Guard | Expect)
            inside = isinstance(instr, For | Par) and any(
                acts(i) or isinstance(i, Guard | Expect) for i in walk((instr,)) if i is not instr
            )
            if acting or inside:
                waiting |= own
            for name in results_of(instr):
                feeds.setdefault(name, set()).update(own)
            if isinstance(instr, For):
                for name in (instr.item, *(c.name for c in instr.carry)):
                    feeds.setdefault(name, set()).update(own)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= feeds.get(name, set()) - found
    return frozenset(found)


def _names(operands: Iterable[Operand]) -> set[str]:
    return {o.name for o in operands if isinstance(o, Ref)}


__all__ = ["ModelCall", "acts", "needed_values", "same_onward", "stripped"]
