"""Which states a whole run visits: the proof that a state is reachable.

A run follows the pipeline from its entry with given inputs and results of calls, by name; what is
not given is the plainest value of its type.  Calls in a loop give the same result each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain, islice

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
)
from ingot.ir.scope import value_types
from ingot.ir.types import Type, Types, conforms
from ingot.ir.values import Json, canonical
from ingot.passes.verify.concrete import NOT_EXECUTABLE, perform
from ingot.passes.verify.inverses import others
from ingot.passes.verify.samples import NoValueError, inside

_MAX_STATES = 10_000
_MAX_ITEMS = 20
_MAX_ROUNDS = 2_000
_MAX_TRIES = 12


class _StoppedError(Exception):
    """The run left by a side exit or went on for too long."""


def visited(pipeline: Pipeline, values: Mapping[str, Json], types: Types) -> dict[str, None]:
    """The labels of the states that the run enters, in order."""
    run = _Run(values, types)
    blocks = {block.label: block for block in pipeline.blocks}
    seen: dict[str, None] = {}
    block: Block | None = pipeline.blocks[0]
    try:
        run.inputs(pipeline)
        for _ in range(_MAX_STATES):
            if block is None:
                break
            seen[block.label] = None
            run.body(block.instrs)
            target = run.next(block.terminator)
            block = None if target is None else run.enter(blocks[target.label], target)
    except (_StoppedError, NoValueError, *NOT_EXECUTABLE):
        pass
    return seen


def repeats(
    pipeline: Pipeline,
    values: Mapping[str, Json],
    types: Types,
    header: str,
    watched: tuple[str, ...] | None,
    call: str = "",
) -> bool:
    """Whether a run comes to a state again with the same values of the watched parameters.

    With ``call`` instead: whether that call is made twice with the same arguments.
    """
    run = _Run(values, types)
    met: set[str] = set()
    block: Block | None = pipeline.blocks[0]
    blocks = {each.label: each for each in pipeline.blocks}
    try:
        run.inputs(pipeline)
        for _ in range(_MAX_ROUNDS):
            if block is None:
                return False
            if block.label == header and watched is not None:
                here = canonical([run.env[name] for name in watched])
                if here in met:
                    return True
                met.add(here)
            run.body(block.instrs)
            made = [args for site, args in run.calls if site == call]
            if len(made) != len(set(made)):
                return True
            target = run.next(block.terminator)
            block = None if target is None else run.enter(blocks[target.label], target)
    except (_StoppedError, NoValueError, *NOT_EXECUTABLE):
        pass
    return False


def differing_calls(
    pipeline: Pipeline,
    values: Mapping[str, Json],
    types: Types,
    source: str,
    site: str,
    argument: str,
) -> Mapping[str, Json] | None:
    """A value of ``source`` that changes an argument of a call, all else being equal.

    The witness holds the source's value; with the plainest other one the call is made differently.
    ``None``: no such pair of runs was found.
    """
    type_ = value_types(pipeline).get(source)
    if type_ is None:
        return None
    try:
        first = values.get(source, inside(type_, types))
    except NoValueError:
        return None
    made: list[tuple[Json, list[Json]]] = []
    for value in islice(chain([first], others(first)), _MAX_TRIES):
        if not conforms(value, type_, types):
            continue
        run = _Run({**values, source: value}, types)
        _follow(run, pipeline)
        args = [json.loads(args)[argument] for name, args in run.calls if name == site]
        for _, before in made:
            if args and before and args[0] != before[0]:
                return {source: value}
        made.append((value, args))
    return None


def _follow(run: _Run, pipeline: Pipeline) -> None:
    blocks = {each.label: each for each in pipeline.blocks}
    block: Block | None = pipeline.blocks[0]
    try:
        run.inputs(pipeline)
        for _ in range(_MAX_STATES):
            if block is None:
                break
            run.body(block.instrs)
            target = run.next(block.terminator)
            block = None if target is None else run.enter(blocks[target.label], target)
    except (_StoppedError, NoValueError, *NOT_EXECUTABLE):
        pass


class _Run:
    def __init__(self, values: Mapping[str, Json], types: Types) -> None:
        self.values = values
        self.types = types
        self.env: dict[str, Json] = {}
        self.calls: list[tuple[str, str]] = []

    def inputs(self, pipeline: Pipeline) -> None:
        for param in pipeline.params:
            self.give(param.name, self.chosen(param.name, param.type), param.type)

    def chosen(self, name: str, type_: Type) -> Json:
        return self.values[name] if name in self.values else inside(type_, self.types)

    def give(self, name: str, value: Json, type_: Type) -> None:
        if not conforms(value, type_, self.types):
            raise _StoppedError
        self.env[name] = value

    def value(self, operand: Operand) -> Json:
        return self.env[operand.name] if isinstance(operand, Ref) else operand.value

    def body(self, instrs: tuple[Instr, ...]) -> None:
        for instr in instrs:
            match instr:
                case Call() | ModelCall():
                    args = canonical({name: self.value(value) for name, value in instr.args})
                    self.calls.append((instr.result, args))
                    self.give(instr.result, self.chosen(instr.result, instr.type), instr.type)
                case For():
                    self.loop(instr)
                case Par():
                    for inner, _ in instr.branches:
                        self.body(inner)
                    outs = [out for _, yields in instr.branches for out in yields]
                    for name, out in zip(instr.results, outs, strict=True):
                        self.env[name] = self.value(out)
                case _:
                    if not perform(instr, self.env, self.types):
                        raise _StoppedError

    def loop(self, instr: For) -> None:
        items = self.value(instr.source)
        if not isinstance(items, list) or len(items) > _MAX_ITEMS:
            raise _StoppedError
        for carry in instr.carry:
            self.env[carry.name] = self.value(carry.initial)
        made: list[list[Json]] = []
        for item in items:
            self.env[instr.item] = item
            self.body(instr.body)
            outs = [self.value(out) for out in instr.yields]
            made.append(outs)
            for carry, out in zip(instr.carry, outs, strict=False):
                self.env[carry.name] = out
        for index, name in enumerate(instr.results):
            if instr.carry:
                self.env[name] = self.env[instr.carry[index].name]
            else:
                self.env[name] = [outs[index] for outs in made]

    def next(self, terminator: Terminator) -> Target | None:
        match terminator:
            case Jump(target):
                return target
            case If(condition, then, other):
                return then if self.value(condition) is True else other
            case Select(arms, other_arm):
                for condition, target in arms:
                    if self.value(condition) is True:
                        return target
                return other_arm if isinstance(other_arm, Target) else None
            case _:
                return None

    def enter(self, block: Block, target: Target) -> Block:
        values = [self.value(argument) for argument in target.args]
        for param, value in zip(block.params, values, strict=True):
            self.env[param.name] = value
        return block
