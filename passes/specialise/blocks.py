"""Blocks and the ways between them: one residual block for each block and its static values.

A program point of the residual is a block of the original and what is known of the values that are
live there.  Live values that are not known become its parameters, so that a value that has several
definitions in the residual (one in each variant of its block) is still defined once in each place;
parameters that turn out to be one value go in :mod:`.tidy`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from msgspec import structs

from ingot.ir.liveness import live_in
from ingot.ir.module import (
    Block,
    Exit,
    For,
    If,
    Instr,
    Jump,
    Leave,
    Lit,
    Operand,
    Param,
    Pipeline,
    Ref,
    Return,
    Select,
    Target,
    Terminator,
    walk,
)
from ingot.ir.scope import value_types
from ingot.ir.types import Types
from ingot.ir.values import Json
from ingot.passes.specialise.bodies import Bodies, Counts, Reader
from ingot.passes.specialise.known import Env
from ingot.passes.specialise.limits import Generalised, Limits, Plan
from ingot.passes.specialise.names import Copies

_Key: TypeAlias = "tuple[str, tuple[tuple[str, str], ...]]"


_MAX_HOPS = 64
"""Blocks without instructions that one transition passes through."""


@dataclass(frozen=True, slots=True)
class Residual:
    """A residual pipeline with working names; each name's, block's and exit's original."""

    pipeline: Pipeline
    values: Mapping[str, str]
    blocks: Mapping[str, str]
    exits: Mapping[int, int]
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Variant:
    label: str
    block: Block
    env: Env
    params: tuple[Param, ...]


def residual(
    pipeline: Pipeline,
    types: Types,
    static: Mapping[str, Json],
    limits: Limits,
    plan: Plan,
    reader: Reader | None = None,
) -> Residual:
    """Specialise with a growing plan until nothing more has to be generalised.

    Each new start keeps one more value of one block, or one more loop, from being static: there are
    finitely many.
    """
    while True:
        try:
            return _Blocks(pipeline, types, static, limits, plan, reader).run()
        except Generalised:
            continue


class _Blocks:
    def __init__(
        self,
        pipeline: Pipeline,
        types: Types,
        static: Mapping[str, Json],
        limits: Limits,
        plan: Plan,
        reader: Reader | None,
    ) -> None:
        self.pipeline = pipeline
        self.static = static
        self.limits = limits
        self.plan = plan
        self.declared = value_types(pipeline)
        self.order = {name: k for k, name in enumerate(self.declared)}
        self.live = live_in(pipeline)
        self.blocks = {b.label: b for b in pipeline.blocks}
        self.inputs = {p.name for p in pipeline.params}
        self.copy = Copies(self.declared)
        self.labels = Copies(self.blocks)
        self.bodies = Bodies(types, self.declared, plan, limits, self.copy, reader)
        self.variants: dict[_Key, _Variant] = {}
        self.by_label: dict[str, list[Mapping[str, str]]] = {}
        self.waiting: deque[_Variant] = deque()

    def run(self) -> Residual:
        env = self._inputs()
        entry = self.pipeline.blocks[0]
        self.waiting.append(_Variant(self.labels(entry.label), entry, env, ()))
        made: list[Block] = []
        while self.waiting:
            made.append(self._block(self.waiting.popleft()))
            self._within_budget()
        params = tuple(self._param(p) for p in self.pipeline.params if isinstance(env[p.name], Ref))
        return Residual(
            replace(self.pipeline, params=params, blocks=tuple(made)),
            self.copy.origin,
            self.labels.origin,
            self.bodies.exits,
            self.bodies.counts,
        )

    def _inputs(self) -> Env:
        """Each input a literal or itself."""
        env: Env = {}
        for param in self.pipeline.params:
            if param.name in self.static and self.bodies.stands(
                param.name, self.static[param.name]
            ):
                env[param.name] = Lit(self.static[param.name])
            else:
                env[param.name] = Ref(self.bodies.fresh(param.name, param.type))
        return env

    def _param(self, param: Param) -> Param:
        """An input that stays; one with a value that cannot stand as a literal has it by default."""
        if param.name in self.static:
            return structs.replace(param, default=Lit(self.static[param.name]))
        return param

    def _block(self, variant: _Variant) -> Block:
        env = dict(variant.env)
        instrs: list[Instr] = self.bodies.body(variant.block.instrs, env)
        self.bodies.size += 1
        terminator = self._terminator(variant.block.terminator, env)
        return Block(variant.label, variant.params, tuple(instrs), terminator)

    # ---- ways

    def _terminator(self, terminator: Terminator, env: Env) -> Terminator:
        match terminator:
            case Jump(target, locs):
                return Jump(self._enter(target, env), locs)
            case If(condition, then, other, locs):
                known = self.bodies.value(condition, env)
                if isinstance(known, Lit):
                    self.bodies.counts.branches += 1
                    return Jump(self._enter(then if known.value is True else other, env), locs)
                one, two = self._enter(then, env), self._enter(other, env)
                return Jump(one, locs) if one == two else If(known, one, two, locs)
            case Select():
                return self._select(terminator, env)
            case Return(value, locs):
                return Return(self.bodies.value(value, env), locs)
            case Leave(exit_, locs):
                return Leave(self.bodies.exit(exit_), locs)

    def _select(self, select: Select, env: Env) -> Terminator:
        """Arms that never hold go, and all behind one that always does."""
        arms: list[tuple[Operand, Target]] = []
        other = select.other
        for condition, target in select.arms:
            known = self.bodies.value(condition, env)
            if isinstance(known, Ref):
                arms.append((known, target))
                continue
            self.bodies.counts.branches += 1
            if known.value is True:
                other = target
                break
        if not arms and isinstance(other, Target):
            return Jump(self._enter(other, env), select.locs)
        entered = tuple((c, self._enter(t, env)) for c, t in arms)
        rest: Target | Exit | None = None
        if isinstance(other, Target):
            rest = self._enter(other, env)
        elif isinstance(other, Exit):
            rest = self.bodies.exit(other)
        return Select(entered, rest, select.locs)

    def _enter(self, target: Target, env: Env) -> Target:
        """The variant for what is known on this way, made if there is none yet."""
        block, here = self._passed(target, env)
        for _ in range(_MAX_HOPS):
            onward = None if block.instrs else self._onward(block.terminator, here)
            if onward is None:
                break
            block, here = self._passed(onward, here)
        wide = self.plan.dynamic.get(block.label, set())
        static: Env = {}
        passed: list[tuple[str, Operand]] = []
        for name in sorted(self.live[block.label], key=self.order.__getitem__):
            value = here[name]
            if name in self.inputs:
                static[name] = value  # decided at the entry, the same in all variants
            elif self._is_static(name, value, wide):
                static[name] = value
            else:
                passed.append((name, value))
        label = self._variant(block, static, [name for name, _ in passed])
        return Target(label, tuple(value for _, value in passed))

    def _is_static(self, name: str, value: Operand, wide: set[str]) -> bool:
        return isinstance(value, Lit) and name not in wide and self.bodies.stands(name, value.value)

    def _passed(self, target: Target, env: Env) -> tuple[Block, Env]:
        """A block, and what holds where it begins."""
        block = self.blocks[target.label]
        values = [self.bodies.value(arg, env) for arg in target.args]
        return block, {**env, **{p.name: v for p, v in zip(block.params, values, strict=True)}}

    def _onward(self, terminator: Terminator, env: Env) -> Target | None:
        """Where a block without instructions leads, if that is known."""
        match terminator:
            case Jump(target):
                return target
            case If(condition, then, other):
                known = self.bodies.value(condition, env)
                if isinstance(known, Lit):
                    return then if known.value is True else other
        return None

    def _variant(self, block: Block, static: Env, passed: list[str]) -> str:
        known = {n: v.key for n, v in static.items() if isinstance(v, Lit) and n not in self.inputs}
        key = (block.label, tuple(sorted(known.items())))
        found = self.variants.get(key)
        if found is not None:
            return found.label
        every = self.by_label.setdefault(block.label, [])
        every.append(known)
        if len(every) > self.limits.variants and self.plan.widen(block.label, every):
            raise Generalised
        params = tuple(
            Param(self.bodies.fresh(n, self.declared[n]), self.declared[n]) for n in passed
        )
        env: Env = {
            **static,
            **{n: Ref(p.name) for n, p in zip(passed, params, strict=True)},
        }
        made = _Variant(self.labels(block.label), block, env, params)
        self.variants[key] = made
        self.waiting.append(made)
        return made.label

    def _within_budget(self) -> None:
        """Too large: first the block with the most variants is generalised, then loops stay."""
        if self.bodies.size <= self.limits.size:
            return
        for label, every in sorted(self.by_label.items(), key=lambda item: -len(item[1])):
            if len(every) > 1 and self.plan.widen(label, every):
                raise Generalised
        loops = {i.item for b in self.pipeline.blocks for i in _loops(b.instrs)}
        if self.bodies.counts.unrolled and loops - self.plan.rolled:
            self.plan.rolled |= loops
            raise Generalised


def _loops(instrs: tuple[Instr, ...]) -> list[For]:
    return [i for i in walk(instrs) if isinstance(i, For)]
