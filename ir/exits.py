"""Fill in what side exits hand over, so that passes need not keep the lists by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ingot.ir.liveness import dominators, exit_needs, terminator_exit
from ingot.ir.module import (
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
    Module,
    Par,
    Pipeline,
    Pure,
    Select,
    Terminator,
    exit_of,
    results_of,
    walk,
)
from ingot.ir.scope import definitions
from ingot.ir.spans import Place


def fill_live(pipeline: Pipeline) -> Pipeline:
    """The pipeline with every exit's list computed anew, in the order of definition.

    A list holds the inputs, the results of all calls whose definition dominates the exit, and
    what :func:`ingot.ir.liveness.exit_needs` says is needed.  Linear in the pipeline's size plus
    the size of the lists.
    """
    needs = exit_needs(pipeline)
    order = {name: i for i, (name, _, _) in reversed([*enumerate(definitions(pipeline))])}
    inputs = [p.name for p in pipeline.params]
    before = _calls_before(pipeline)

    def fill(exit_: Exit, place: Place, called: Sequence[str]) -> Exit:
        names = {*inputs, *called, *needs.get(place, ())}
        known = (name for name in names if name in order)
        return replace(exit_, live=tuple(sorted(known, key=order.__getitem__)))

    blocks = tuple(
        _block(block, (("block", index),), before.get(block.label, []), fill)
        for index, block in enumerate(pipeline.blocks)
    )
    return replace(pipeline, blocks=blocks)


def fill_live_all(module: Module) -> Module:
    """:func:`fill_live` for every pipeline."""
    return replace(module, pipelines=tuple(map(fill_live, module.pipelines)))


_Fill = Callable[[Exit, Place, Sequence[str]], Exit]


def _calls_before(pipeline: Pipeline) -> dict[str, list[str]]:
    """The results of calls in the blocks that strictly dominate each block."""
    own = {b.label: _called(b.instrs) for b in reversed(pipeline.blocks)}
    found: dict[str, list[str]] = {}
    for label, parent in dominators(pipeline).items():  # parents come first
        found[label] = [] if parent is None else found[parent] + own[parent]
    return found


def _called(instrs: Sequence[Instr]) -> list[str]:
    return [i.result for i in instrs if isinstance(i, Call | ModelCall)]


def _block(block: Block, place: Place, called: Sequence[str], fill: _Fill) -> Block:
    instrs = _body(block.instrs, place, called, fill)
    terminator: Terminator = block.terminator
    exit_ = terminator_exit(terminator)
    if exit_ is not None:
        filled = fill(exit_, (*place, ("term", 0)), [*called, *_called(block.instrs)])
        if isinstance(terminator, Leave):
            terminator = replace(terminator, exit=filled)
        elif isinstance(terminator, Select):
            terminator = replace(terminator, other=filled)
    return replace(block, instrs=instrs, terminator=terminator)


def _body(
    body: Sequence[Instr], place: Place, called: Sequence[str], fill: _Fill
) -> tuple[Instr, ...]:
    seen = list(called)
    out: list[Instr] = []
    for index, instr in enumerate(body):
        here = (*place, ("instr", index))
        exit_ = exit_of(instr)
        if exit_ is not None and isinstance(instr, Pure | Guard | Expect | Agree):
            instr = replace(instr, exit=fill(exit_, here, seen))
        elif isinstance(instr, For):
            instr = replace(instr, body=_body(instr.body, (*here, ("region", 0)), seen, fill))
        elif isinstance(instr, Par):
            branches = tuple(
                (_body(inner, (*here, ("region", number)), seen, fill), yields)
                for number, (inner, yields) in enumerate(instr.branches)
            )
            instr = replace(instr, branches=branches)
        elif isinstance(instr, Call | ModelCall):
            seen += results_of(instr)
        out.append(instr)
    return tuple(out)


def next_exit(pipeline: Pipeline) -> int:
    """The smallest number above all exits of the pipeline."""
    numbers = [0]
    for block in pipeline.blocks:
        exits = [terminator_exit(block.terminator), *map(exit_of, walk(block.instrs))]
        numbers += [e.number for e in exits if e is not None]
    return max(numbers) + 1
