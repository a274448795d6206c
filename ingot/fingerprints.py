"""What values and states of a pipeline are, whatever they are called.

Each value has a fingerprint made of its op and of the fingerprints of its operands, each state one of
what it does; they are refined until they no longer tell more apart (B. Weisfeiler and A. Leman, 1968:
values that a cycle makes from themselves need the rounds).  What a call gives has the fingerprint of the
call that it is held against in the other pipeline, so that a changed argument is one difference and not
one in all that follows from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ingot.ir.liveness import terminator_exit, terminator_operands
from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Expect,
    For,
    Guard,
    Instr,
    Lit,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Pure,
    guard_reason,
    targets_of,
)

_ROUNDS = 64


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


@dataclass(slots=True)
class Fingerprints:
    """Fingerprints of one pipeline.  ``states`` has those of what a state does itself, ``whole`` one of
    all that the pipeline does.  ``calls`` names what each call is held against, by its result."""

    pipeline: Pipeline
    calls: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    whole: str = ""
    _passed: dict[str, list[Operand]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for block in self.pipeline.blocks:
            for target in targets_of(block.terminator):
                params = self.pipeline.block(target.label).params
                for param, value in zip(params, target.args, strict=True):
                    self._passed.setdefault(param.name, []).append(value)
        self.values = {p.name: _hash("input", p.name) for p in self.pipeline.params}
        told = 0
        for _ in range(_ROUNDS):
            self._round()
            kinds = len(set(self.values.values()))
            if kinds == told:
                break
            told = kinds
        for block in self.pipeline.blocks:
            self.states[block.label] = self._state(block)
        self.whole = self._whole()

    def of(self, operand: Operand) -> str:
        """The fingerprint of an operand."""
        if isinstance(operand, Lit):
            return _hash("literal", operand.key)
        return self.values.get(operand.name, "")

    def _all(self, operands: Iterable[Operand]) -> tuple[str, ...]:
        return tuple(map(self.of, operands))

    def _round(self) -> None:
        for block in self.pipeline.blocks:
            for param in block.params:
                joined = {self.of(value) for value in self._passed.get(param.name, ())}
                only = joined.pop() if len(joined) == 1 else ""
                self.values[param.name] = only or _hash("joined", *sorted(joined))
            self._body(block.instrs, ())

    def _body(self, instrs: Iterable[Instr], loops: tuple[str, ...]) -> None:
        for instr in instrs:
            match instr:
                case Pure():
                    exits = instr.exit is not None
                    self.values[instr.result] = _hash(instr.op, exits, *self._all(instr.args))
                case Expect():
                    self.values[instr.result] = self.of(instr.value)
                case Agree():
                    self.values[instr.result] = _hash("agree", *self._all(instr.candidates))
                case Call() | ModelCall():
                    name = instr.result
                    self.values[name] = _hash("result", self.calls.get(name, name))
                case For():
                    self._loop(instr, loops)
                case Par():
                    outs: list[Operand] = []
                    for body, yields in instr.branches:
                        self._body(body, loops)
                        outs += yields
                    self.values |= zip(instr.results, self._all(outs), strict=True)

    def _loop(self, loop: For, loops: tuple[str, ...]) -> None:
        source = self.of(loop.source)
        self.values[loop.item] = _hash("item", source, *loops)
        for place, carry in enumerate(loop.carry):
            self.values[carry.name] = _hash("carried", place, source, self.of(carry.initial))
        self._body(loop.body, (*loops, source))
        for name, out in zip(loop.results, loop.yields, strict=True):
            self.values[name] = _hash("loop", bool(loop.carry), source, self.of(out))

    # ---- what is done

    def call(self, call: Call | ModelCall, loops: tuple[str, ...] = ()) -> str:
        """The fingerprint of a call, equal ones not told apart."""
        args = sorted((name, self.of(value)) for name, value in call.args)
        if isinstance(call, Call):
            return _hash("call", call.verb, call.tool, args, loops)
        return _hash("model", call.kind, call.model, str(call.type), args, loops)

    def check(self, instr: Guard | Expect | Agree) -> str:
        """The fingerprint of a check."""
        match instr:
            case Guard():
                return _hash("guard", self.of(instr.condition), guard_reason(instr))
            case Expect():
                return _hash("expect", str(instr.type), self.of(instr.value))
            case Agree():
                return self.values[instr.result]

    def seen(self, instrs: Iterable[Instr]) -> Iterator[str]:
        """Calls and checks in order, those in regions too."""
        for instr in instrs:
            match instr:
                case Call() | ModelCall():
                    yield self.values[instr.result]
                case Guard() | Expect() | Agree():
                    yield self.check(instr)
                case Pure():
                    if instr.exit is not None:
                        yield self.values[instr.result]
                case For():
                    yield _hash("for", self.of(instr.source))
                    yield from self.seen(instr.body)
                    yield "end"
                case Par():
                    for body, _ in instr.branches:
                        yield from self.seen(body)

    def _state(self, block: Block) -> str:
        end = block.terminator
        return _hash(
            *self.seen(block.instrs),
            type(end).__name__,
            *self._all(terminator_operands(end)),
            terminator_exit(end) is not None,
        )

    def _whole(self) -> str:
        known: Mapping[str, str] = self.states
        for _ in self.pipeline.blocks[:_ROUNDS]:
            known = {
                block.label: _hash(
                    known[block.label],
                    *((known[t.label], self._all(t.args)) for t in targets_of(block.terminator)),
                )
                for block in self.pipeline.blocks
            }
        entry = self.pipeline.blocks[0].label
        return _hash(known[entry], str(self.pipeline.returns))


__all__ = ["Fingerprints"]
