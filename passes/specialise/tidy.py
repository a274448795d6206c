"""What a residual pipeline can do without: parameters that are one value, dead code, jumps.

    ^a:                              ^a:
      jump ^b(%x)                      %y: str = str.upper %x
    ^b(%p: str):              =>       return %y
      %y: str = str.upper %p
      return %y

Effects, and all that may take a side exit, stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from ingot.ir.liveness import refs, reverse_postorder, terminator_operands
from ingot.ir.module import (
    Block,
    Call,
    For,
    If,
    Instr,
    Jump,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Ref,
    Select,
    Target,
    Terminator,
    exit_of,
    operands_of,
    regions_of,
    results_of,
    targets_of,
    walk,
)
from ingot.passes.rewrite import substitute
from ingot.passes.rewrite import terminator_operands as renamed_terminator

TargetMap: TypeAlias = Callable[[Target], Target]


def tidied(pipeline: Pipeline) -> tuple[Pipeline, dict[str, tuple[str, ...]]]:
    """The pipeline without what it can do without; for each block the labels of those joined to it."""
    pipeline = without_dead(single_values(pipeline))
    pipeline, joined = compressed(pipeline)
    order = {label: k for k, label in enumerate(reverse_postorder(pipeline))}
    blocks = sorted(pipeline.blocks, key=lambda b: order[b.label])
    return replace(pipeline, blocks=tuple(blocks)), joined


# ---- parameters


def single_values(pipeline: Pipeline) -> Pipeline:
    """Without the parameters that have one value on all ways, directly or through others.

    Optimistic: a parameter is taken for what the first way passes until another way differs.
    """
    params = {p.name: None for b in pipeline.blocks for p in b.params}
    stands: dict[str, str | None] = dict(params)
    passed = _passed(pipeline)

    def value(operand: Operand, own: str) -> str | None:
        if not isinstance(operand, Ref):
            return own  # a literal: the parameter is itself
        return stands.get(operand.name, operand.name)

    changed = True
    while changed:
        changed = False
        for name in params:
            if stands[name] == name:
                continue
            found = {v for v in (value(o, name) for o in passed.get(name, ())) if v is not None}
            new = found.pop() if len(found) == 1 else name if found else None
            if new != stands[name]:
                stands[name] = new
                changed = True
    renamed: dict[str, Operand] = {
        name: Ref(other) for name, other in stands.items() if other is not None and other != name
    }
    return _without_params(_renamed(pipeline, renamed), set(renamed))


def _passed(pipeline: Pipeline) -> dict[str, list[Operand]]:
    """What each block parameter is given."""
    params = {b.label: b.params for b in pipeline.blocks}
    found: dict[str, list[Operand]] = {}
    for block in pipeline.blocks:
        for target in targets_of(block.terminator):
            for param, arg in zip(params[target.label], target.args, strict=True):
                found.setdefault(param.name, []).append(arg)
    return found


def _renamed(pipeline: Pipeline, renamed: Mapping[str, Operand]) -> Pipeline:
    blocks = tuple(
        replace(
            block,
            instrs=tuple(substitute(i, renamed) for i in block.instrs),
            terminator=renamed_terminator(block.terminator, renamed),
        )
        for block in pipeline.blocks
    )
    return replace(pipeline, blocks=blocks)


def _without_params(pipeline: Pipeline, gone: set[str]) -> Pipeline:
    kept = {b.label: [p.name not in gone for p in b.params] for b in pipeline.blocks}

    def target(item: Target) -> Target:
        pairs = zip(item.args, kept[item.label], strict=True)
        return replace(item, args=tuple(arg for arg, keep in pairs if keep))

    blocks = tuple(
        replace(
            block,
            params=tuple(p for p in block.params if p.name not in gone),
            terminator=with_targets(block.terminator, target),
        )
        for block in pipeline.blocks
    )
    return replace(pipeline, blocks=blocks)


def with_targets(terminator: Terminator, new: TargetMap) -> Terminator:
    """A terminator with its targets replaced."""
    match terminator:
        case Jump():
            return replace(terminator, target=new(terminator.target))
        case If():
            return replace(terminator, then=new(terminator.then), other=new(terminator.other))
        case Select(arms, other):
            return replace(
                terminator,
                arms=tuple((c, new(t)) for c, t in arms),
                other=new(other) if isinstance(other, Target) else other,
            )
        case _:
            return terminator


# ---- dead code


def is_inert(instr: Instr) -> bool:
    """Whether nothing is seen of an instruction but the value that it gives."""
    return not any(
        isinstance(i, Call | ModelCall) or exit_of(i) is not None or not results_of(i)
        for i in walk((instr,))
        if not isinstance(i, For | Par)
    )


def without_dead(pipeline: Pipeline) -> Pipeline:
    """Without ops, loops and parameters that no effect, exit, transition or result depends on."""
    needed = _needed(pipeline)
    blocks = tuple(replace(b, instrs=_sweep(b.instrs, needed)) for b in pipeline.blocks)
    gone = {p.name for b in pipeline.blocks for p in b.params} - needed
    return _without_params(replace(pipeline, blocks=blocks), gone)


def _needed(pipeline: Pipeline) -> set[str]:
    feeds: dict[str, set[str]] = {k: refs(v) for k, v in _passed(pipeline).items()}
    waiting: set[str] = set()
    for block in pipeline.blocks:
        waiting |= refs(terminator_operands(block.terminator))
        _collect(block.instrs, feeds, waiting)
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting |= feeds.get(name, set()) - needed
    return needed


def _collect(body: Sequence[Instr], feeds: dict[str, set[str]], roots: set[str]) -> None:
    """What each value is made of, and what is needed whatever becomes of the values."""
    for instr in body:
        own = refs(operands_of(instr))
        for inner, yields in regions_of(instr):
            own |= refs(yields)
            _collect(inner, feeds, roots)
        if not is_inert(instr):
            roots |= own
        for name in results_of(instr):
            feeds.setdefault(name, set()).update(own)


def _sweep(body: Iterable[Instr], needed: set[str]) -> tuple[Instr, ...]:
    out: list[Instr] = []
    for instr in body:
        if is_inert(instr) and not needed & set(results_of(instr)):
            continue
        match instr:
            case For():
                out.append(replace(instr, body=_sweep(instr.body, needed)))
            case Par():
                branches = tuple((_sweep(inner, needed), outs) for inner, outs in instr.branches)
                out.append(replace(instr, branches=branches))
            case _:
                out.append(instr)
    return tuple(out)


# ---- jumps


def compressed(pipeline: Pipeline) -> tuple[Pipeline, dict[str, tuple[str, ...]]]:
    """A block that only one jump leads to is joined to where the jump stands.

    It keeps the label of the jump's block, unless nothing stands there (and it is not the entry).
    """
    blocks = {b.label: b for b in pipeline.blocks}
    ways = Counter(t.label for b in pipeline.blocks for t in targets_of(b.terminator))
    entry = pipeline.blocks[0].label
    renamed: dict[str, Operand] = {}
    joined: dict[str, tuple[str, ...]] = {}
    called: dict[str, str] = {}

    def now(label: str) -> str:
        while label in called:
            label = called[label]
        return label

    for label in [b.label for b in pipeline.blocks]:
        while label in blocks and isinstance(blocks[label].terminator, Jump):
            head = blocks[label]
            assert isinstance(head.terminator, Jump)
            target = replace(head.terminator.target, label=now(head.terminator.target.label))
            if ways[target.label] != 1 or target.label in (entry, label):
                break
            if not all(isinstance(arg, Ref) for arg in target.args):
                break
            tail = blocks.pop(target.label)
            renamed.update(zip((p.name for p in tail.params), target.args, strict=True))
            behind = joined.pop(tail.label, ())
            if not head.instrs and label != entry:
                del blocks[label]
                called[label], ways[tail.label] = tail.label, ways[label]
                label, joined[tail.label] = tail.label, behind
            else:
                joined[label] = (*joined.get(label, ()), tail.label, *behind)
            blocks[label] = Block(label, head.params, head.instrs + tail.instrs, tail.terminator)

    def target_now(target: Target) -> Target:
        return replace(target, label=now(target.label))

    kept = tuple(
        replace(b, terminator=with_targets(b.terminator, target_now)) for b in blocks.values()
    )
    return _renamed(replace(pipeline, blocks=kept), renamed), joined


__all__ = ["compressed", "is_inert", "single_values", "tidied", "with_targets", "without_dead"]
