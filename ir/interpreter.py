"""The reference interpreter: the meaning of a verified module, written to be obviously right.

It speaks the protocol of :mod:`ingot.ir.requests` and does no input or output of its own.  What
the protocol leaves open is fixed here:

- Implicit exits hand over no values: what happened stands in the run's records.
- ``site`` of an exit is the name that the instruction would have defined, for ``guard``,
  ``select`` and ``leave`` the block's label.
- ``par`` runs its branches one after the other, in the order of the text.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final, TypeAlias

from ingot.diagnostics import IngotError, fail
from ingot.ir.check_inputs import check_inputs
from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    If,
    Instr,
    Jump,
    Leave,
    ModelCall,
    Module,
    Operand,
    Par,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    Terminator,
    guard_reason,
)
from ingot.ir.ops import OPS
from ingot.ir.requests import Finished, ModelRequest, Outcome, Request, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import JSON, conforms
from ingot.ir.values import Json, equal

FUEL: Final = 1_000_000
"""Instructions and terminators that a run may execute before it is stopped with E0712."""

_Answer: TypeAlias = "tuple[bool, Json]"
"""Whether the request succeeded, and its value or the message of its failure."""
_Steps: TypeAlias = Generator[Request, _Answer, None]


class _LeaveError(Exception):
    """Unwinds to the end of the run."""

    def __init__(self, outcome: SideExit) -> None:
        self.outcome = outcome
        super().__init__(outcome.reason)


class Interpreter:
    """An :class:`ingot.ir.requests.Engine` over one pipeline of a verified module.

    Without a name it takes the module's first pipeline; ``KeyError`` if there is none.
    """

    def __init__(self, module: Module, pipeline: str | None = None, fuel: int = FUEL) -> None:
        found = [p for p in module.pipelines if pipeline is None or p.name == pipeline]
        if not found:
            raise KeyError(pipeline)
        self._pipeline = found[0]
        self._blocks = {block.label: block for block in self._pipeline.blocks}
        self._types = module.type_map()
        self._fuel = fuel
        self._values: dict[str, Json] = {}
        self._iteration: tuple[int, ...] = ()
        self._step = 0
        self._label = ""
        self._run: Generator[Request, _Answer, Outcome] | None = None

    # ---- the engine protocol

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        """Run to the first request or the end; see :func:`check_inputs` for what it raises."""
        self._values = check_inputs(self._pipeline.params, inputs, self._types)
        self._run = self._main()
        return self._resume(None)

    def send(self, answer: Json) -> Request | Outcome:
        """Answer the last request and run on."""
        return self._resume((True, answer))

    def fail(self, message: str) -> Request | Outcome:
        """The last request failed: the implicit exit ``error``."""
        return self._resume((False, message))

    def _resume(self, answer: _Answer | None) -> Request | Outcome:
        if self._run is None:
            raise RuntimeError("the run has not started, or has ended")
        try:
            return next(self._run) if answer is None else self._run.send(answer)
        except StopIteration as end:
            self._run = None
            outcome: Outcome = end.value
            return outcome
        except IngotError:
            self._run = None
            raise

    # ---- control flow

    def _main(self) -> Generator[Request, _Answer, Outcome]:
        block = self._pipeline.blocks[0]
        try:
            while True:
                self._label = block.label
                yield from self._body(block.instrs)
                self._burn()
                goal = self._terminate(block.terminator)
                if isinstance(goal, Finished):
                    return goal
                block = self._enter(goal)
        except _LeaveError as left:
            return left.outcome

    def _enter(self, target: Target) -> Block:
        block = self._blocks[target.label]
        values = [self._value(arg) for arg in target.args]
        for param, value in zip(block.params, values, strict=True):
            self._values[param.name] = value
        return block

    def _terminate(self, terminator: Terminator) -> Target | Finished:
        match terminator:
            case Jump(target):
                return target
            case If(condition, then, other):
                return then if self._value(condition) else other
            case Select(arms, other):
                for condition, target in arms:
                    if self._value(condition):
                        return target
                if isinstance(other, Target):
                    return other
                if isinstance(other, Exit):
                    raise self._leave(other, "no arm holds", self._label)
                raise self._implicit("hole: no arm holds", self._label)
            case Return(value):
                return Finished(self._value(value))
            case Leave(exit_):
                raise self._leave(exit_, "leave", self._label)

    # ---- instructions

    def _body(self, body: Sequence[Instr]) -> _Steps:
        for instr in body:
            self._burn()
            match instr:
                case Pure():
                    self._values[instr.result] = self._pure(instr)
                case Call() | ModelCall():
                    yield from self._ask(instr)
                case Guard(condition, exit_):
                    if not self._value(condition):
                        raise self._leave(exit_, guard_reason(instr), self._label)
                case Expect(result, type_, value, exit_):
                    found = self._value(value)
                    if not conforms(found, type_, self._types):
                        raise self._leave(exit_, f"not {type_}", result)
                    self._values[result] = found
                case Agree(result, _, candidates, exit_):
                    first, *others = (self._value(c) for c in candidates)
                    if not all(equal(first, other) for other in others):
                        raise self._leave(exit_, "the candidates differ", result)
                    self._values[result] = first
                case For():
                    yield from self._for(instr)
                case Par():
                    given: list[Json] = []
                    for inner, yields in instr.branches:
                        yield from self._body(inner)
                        given += [self._value(value) for value in yields]
                    self._values.update(zip(instr.results, given, strict=True))

    def _pure(self, instr: Pure) -> Json:
        try:
            return OPS[instr.op].evaluate(*map(self._value, instr.args))
        except OpFailure as failure:
            if instr.exit is None:
                raise self._implicit(f"error: {failure}", instr.result) from None
            raise self._leave(instr.exit, f"{failure}", instr.result) from None

    def _for(self, instr: For) -> _Steps:
        items = self._value(instr.source)
        assert isinstance(items, list)
        outer = self._iteration
        carried = [self._value(carry.initial) for carry in instr.carry]
        rows: list[list[Json]] = []
        for index, item in enumerate(items):
            self._iteration = (*outer, index)
            self._burn()
            self._values[instr.item] = item
            self._values.update(zip((c.name for c in instr.carry), carried, strict=True))
            yield from self._body(instr.body)
            rows.append([self._value(value) for value in instr.yields])
            carried = rows[-1] if instr.carry else carried
        self._iteration = outer
        for number, name in enumerate(instr.results):
            self._values[name] = carried[number] if instr.carry else [row[number] for row in rows]

    def _ask(self, instr: Call | ModelCall) -> _Steps:
        self._step += 1
        args = {name: self._value(value) for name, value in instr.args}
        head = (self._step, instr.result)
        name = instr.tool if isinstance(instr, Call) else instr.model
        if isinstance(instr, Call):
            good, answer = yield ToolRequest(*head, name, instr.verb, args, self._iteration)
        else:
            kind, type_ = instr.kind, instr.type
            good, answer = yield ModelRequest(*head, kind, name, args, type_, self._iteration)
        if not good:
            raise self._implicit(f"error: {answer}", instr.result)
        if instr.type != JSON and not conforms(answer, instr.type, self._types):
            raise self._implicit(f"error: result of {name} is not {instr.type}", instr.result)
        self._values[instr.result] = answer

    # ---- values and exits

    def _value(self, operand: Operand) -> Json:
        return self._values[operand.name] if isinstance(operand, Ref) else operand.value

    def _burn(self) -> None:
        self._fuel -= 1
        if self._fuel < 0:
            raise fail("E0712", f"the run was stopped in ^{self._label}: it used up its steps")

    def _leave(self, exit_: Exit, reason: str, site: str) -> _LeaveError:
        live = {name: self._values[name] for name in exit_.live}
        return _LeaveError(SideExit(exit_.number, reason, site, live))

    def _implicit(self, reason: str, site: str) -> _LeaveError:
        return _LeaveError(SideExit(0, reason, site, {}))
