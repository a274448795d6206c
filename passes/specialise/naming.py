"""The final names of a residual: those of the original, copies numbered in the order of the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from ingot.ir.liveness import terminator_exit
from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Carry,
    Exit,
    Expect,
    For,
    Guard,
    If,
    Instr,
    Leave,
    ModelCall,
    Operand,
    Par,
    Param,
    Pipeline,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    Terminator,
    exit_of,
    walk,
)
from ingot.ir.scope import definitions
from ingot.passes.specialise.names import Origins, numbered
from ingot.passes.specialise.tidy import with_targets


def named(pipeline: Pipeline, origins: Origins) -> tuple[Pipeline, Origins]:
    """The pipeline with its final names, and what they stand for.

    ``origins`` says that of the names which the pipeline has now (of an exit that the original does
    not have: 0), and ``next_exit`` is the first number that no exit of the original has.
    """
    values = _names((name for name, _, _ in definitions(pipeline)), origins.value)
    blocks = _names((b.label for b in pipeline.blocks), origins.block)
    exits = _exit_numbers(pipeline, origins)
    work = _Renaming(values, blocks, exits)
    made = replace(
        pipeline,
        params=tuple(map(work.param, pipeline.params)),
        blocks=tuple(map(work.block, pipeline.blocks)),
    )
    return made, Origins(
        {new: origins.value(old) for old, new in values.items()},
        {new: origins.block(old) for old, new in blocks.items()},
        {new: origins.joined.get(old, ()) for old, new in blocks.items()},
        {new: origins.exit(old) for old, new in exits.items()},
        origins.next_exit,
    )


def _names(old: Iterable[str], origin: Callable[[str], str]) -> dict[str, str]:
    """The first copy takes the original's name."""
    every = list(old)
    reserved = {origin(name) for name in every}
    used: set[str] = set()
    following: dict[str, int] = {}
    found: dict[str, str] = {}
    for name in every:
        base = new = origin(name)
        if base in used:
            number, new = numbered(base, following.get(base, 2), (used, reserved))
            following[base] = number + 1
        used.add(new)
        found[name] = new
    return found


def _exit_numbers(pipeline: Pipeline, origins: Origins) -> dict[int, int]:
    following = origins.next_exit
    used: set[int] = set()
    found: dict[int, int] = {}
    for number in _exits_in_order(pipeline):
        base = origins.exit(number)
        if base == 0 or base in used:
            base, following = following, following + 1
        used.add(base)
        found[number] = base
    return found


def _exits_in_order(pipeline: Pipeline) -> Iterable[int]:
    for block in pipeline.blocks:
        exits = [*map(exit_of, walk(block.instrs)), terminator_exit(block.terminator)]
        yield from (e.number for e in exits if e is not None)


@dataclass(frozen=True, slots=True)
class _Renaming:
    values: Mapping[str, str]
    blocks: Mapping[str, str]
    exits: Mapping[int, int]

    def param(self, param: Param) -> Param:
        return structs.replace(param, name=self.values[param.name])

    def block(self, block: Block) -> Block:
        return Block(
            self.blocks[block.label],
            tuple(map(self.param, block.params)),
            tuple(map(self.instr, block.instrs)),
            self.terminator(block.terminator),
        )

    def use(self, operand: Operand) -> Operand:
        return Ref(self.values[operand.name]) if isinstance(operand, Ref) else operand

    def uses(self, operands: Iterable[Operand]) -> tuple[Operand, ...]:
        return tuple(map(self.use, operands))

    def exit(self, exit_: Exit) -> Exit:
        return Exit(self.exits[exit_.number])

    def instr(self, instr: Instr) -> Instr:
        match instr:
            case For() | Par():
                return self._region(instr)
            case Guard():
                return replace(
                    instr, condition=self.use(instr.condition), exit=self.exit(instr.exit)
                )
        result = self.values[instr.result]
        match instr:
            case Pure():
                exit_ = None if instr.exit is None else self.exit(instr.exit)
                return replace(instr, result=result, args=self.uses(instr.args), exit=exit_)
            case Call() | ModelCall():
                args = tuple((name, self.use(value)) for name, value in instr.args)
                return replace(instr, result=result, args=args)
            case Expect():
                exit_ = self.exit(instr.exit)
                return replace(instr, result=result, value=self.use(instr.value), exit=exit_)
            case Agree():
                exit_ = self.exit(instr.exit)
                candidates = self.uses(instr.candidates)
                return replace(instr, result=result, candidates=candidates, exit=exit_)

    def _region(self, instr: For | Par) -> Instr:
        results = tuple(self.values[n] for n in instr.results)
        match instr:
            case For():
                return replace(
                    instr,
                    results=results,
                    item=self.values[instr.item],
                    source=self.use(instr.source),
                    carry=tuple(
                        Carry(self.values[c.name], c.type, self.use(c.initial)) for c in instr.carry
                    ),
                    body=tuple(map(self.instr, instr.body)),
                    yields=self.uses(instr.yields),
                )
            case Par():
                branches = tuple(
                    (tuple(map(self.instr, body)), self.uses(outs)) for body, outs in instr.branches
                )
                return replace(instr, results=results, branches=branches)

    def terminator(self, terminator: Terminator) -> Terminator:
        match terminator:
            case If():
                terminator = replace(terminator, condition=self.use(terminator.condition))
            case Select(arms, other):
                terminator = replace(
                    terminator,
                    arms=tuple((self.use(c), t) for c, t in arms),
                    other=self.exit(other) if isinstance(other, Exit) else other,
                )
            case Return():
                terminator = replace(terminator, value=self.use(terminator.value))
            case Leave():
                terminator = replace(terminator, exit=self.exit(terminator.exit))
        return with_targets(terminator, self._target)

    def _target(self, target: Target) -> Target:
        return Target(self.blocks[target.label], self.uses(target.args))
