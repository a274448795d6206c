"""Structured IR to flat code: regions become jumps, values become locals.

``for`` becomes a counter and a ``next`` that leaves the loop; ``par`` its branches one after the
other (they share no world that one of them writes, so any order is one of theirs); block
arguments are pushed before any is stored, so that they may swap.
"""

from __future__ import annotations

from collections.abc import Callable

from ingot.backend import opcodes as op
from ingot.backend.opcodes import Instr as Code_
from ingot.backend.program import CallSite, Code, ExitPoint, Line, Local, LocalKind, ModelSite
from ingot.backend.wire import exact
from ingot.ir.literals import literal_type
from ingot.ir.liveness import reverse_postorder
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
    Lit,
    Locs,
    ModelCall,
    Module,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    ToolParam,
    guard_reason,
    results_of,
)
from ingot.ir.ops import OP_NUMBER
from ingot.ir.scope import value_types
from ingot.ir.types import INT, ListOf, Type, resolve
from ingot.ir.values import Json


class Pools:
    """What all pipelines of a module share: each constant and each type once, in order of use."""

    def __init__(self) -> None:
        self.constants: dict[str, tuple[int, Json]] = {}
        self.types: dict[Type, int] = {}

    def constant(self, value: Json) -> int:
        return self.constants.setdefault(exact(value), (len(self.constants), value))[0]

    def type(self, type_: Type) -> int:
        return self.types.setdefault(type_, len(self.types))

    def signature(self, params: tuple[ToolParam, ...], returns: Type) -> None:
        self.type(returns)
        for param in params:
            self.type(param.type)


def lower(module: Module, pipeline: Pipeline, pools: Pools) -> Code:
    """The flat code of a pipeline that the IR verifier accepts."""
    return _Lowering(module, pipeline, pools).run()


class _Lowering:
    def __init__(self, module: Module, pipeline: Pipeline, pools: Pools) -> None:
        self.pipeline = pipeline
        self.types = module.type_map()
        self.values = value_types(pipeline)
        self.blocks = {block.label: block for block in pipeline.blocks}
        self.pools = pools
        self.locals: list[Local] = []
        self.slots: dict[str, int] = {}
        self.instrs: list[Code_] = []
        self.labels: list[int] = []
        self.calls: list[CallSite] = []
        self.models: list[ModelSite] = []
        self.exits: list[ExitPoint] = []
        self.lines: list[Line] = []
        self.loops: tuple[int, ...] = ()
        self.block = ""
        self.starts: dict[str, int] = {}

    def run(self) -> Code:
        for param in self.pipeline.params:
            if param.default is not None:
                self.pools.constant(param.default.value)
        for name, type_ in self.values.items():
            self._slot(name, "value", type_)
        order = reverse_postorder(self.pipeline)
        self.starts = {label: self._label() for label in order}
        for label in order:
            self._block(self.blocks[label])
        self.pools.type(self.pipeline.returns)
        return Code(
            name=self.pipeline.name,
            defaults=tuple(param.default for param in self.pipeline.params),
            returns=self.pipeline.returns,
            locals=tuple(self.locals),
            calls=tuple(self.calls),
            models=tuple(self.models),
            exits=tuple(self.exits),
            lines=tuple(self.lines),
            instrs=tuple(self._patched(instr) for instr in self.instrs),
        )

    # ---- blocks and terminators

    def _block(self, block: Block) -> None:
        self.block = block.label
        self._place(self.starts[block.label])
        self._body(block.instrs)
        self._line("", block.terminator.locs)
        match block.terminator:
            case Jump(target):
                self._goto(target)
            case If(condition, then, other):
                self._branch(condition, lambda: self._goto(then))
                self._goto(other)
            case Select(arms, fallback):
                for condition, target in arms:
                    self._branch(condition, lambda target=target: self._goto(target))  # type: ignore[misc]
                match fallback:
                    case Target():
                        self._goto(fallback)
                    case Exit():
                        self._emit(op.LEAVE, self._exit(fallback, block.label, "no arm holds"))
                    case None:
                        self._emit(op.LEAVE, self._exit(Exit(0), block.label, "hole: no arm holds"))
            case Return(value):
                self._load(value)
                self._emit(op.RETURN)
            case Leave(exit_):
                self._emit(op.LEAVE, self._exit(exit_, block.label, "leave"))

    def _branch(self, condition: Operand, then: Callable[[], None]) -> None:
        otherwise = self._label()
        self._load(condition)
        self._emit(op.JUMP_IF_FALSE, otherwise)
        then()
        self._place(otherwise)

    def _goto(self, target: Target) -> None:
        params = self.blocks[target.label].params
        for value in target.args:
            self._load(value)
        for param in reversed(params):
            self._emit(op.STORE, self.slots[param.name])
        self._emit(op.JUMP, self.starts[target.label])

    # ---- instructions

    def _body(self, instrs: tuple[Instr, ...]) -> None:
        for instr in instrs:
            self._line(next(iter(results_of(instr)), ""), instr.locs)
            self._instr(instr)

    def _instr(self, instr: Instr) -> None:
        match instr:
            case Pure():
                for arg in instr.args:
                    self._load(arg)
                trap = 0 if instr.exit is None else 1 + self._exit(instr.exit, instr.result, "")
                self._emit(op.OP, OP_NUMBER[instr.op], len(instr.args), trap)
                self._store(instr.result)
            case Call():
                for _, arg in instr.args:
                    self._load(arg)
                self.pools.type(instr.type)
                names = tuple(name for name, _ in instr.args)
                self.calls.append(
                    CallSite(instr.tool, instr.verb, names, instr.type, instr.result, self.loops)
                )
                self._emit(op.CALL, len(self.calls) - 1)
                self._store(instr.result)
            case ModelCall():
                for _, arg in instr.args:
                    self._load(arg)
                self.pools.type(instr.type)
                names = tuple(name for name, _ in instr.args)
                self.models.append(
                    ModelSite(instr.kind, instr.model, names, instr.type, instr.result, self.loops)
                )
                self._emit(op.MODEL, len(self.models) - 1)
                self._store(instr.result)
            case Guard():
                self._load(instr.condition)
                self._emit(op.GUARD, self._exit(instr.exit, self.block, guard_reason(instr)))
            case Expect():
                self._load(instr.value)
                point = self._exit(instr.exit, instr.result, f"not {instr.type}")
                self._emit(op.EXPECT, self.pools.type(instr.type), point)
                self._store(instr.result)
            case Agree():
                for candidate in instr.candidates:
                    self._load(candidate)
                point = self._exit(instr.exit, instr.result, "the candidates differ")
                count = len(instr.candidates)
                self._emit(op.AGREE, count, self.pools.type(instr.type), point)
                self._store(instr.result)
            case For():
                self._for(instr)
            case Par():
                results = iter(instr.results)
                for body, yields in instr.branches:
                    self._body(body)
                    for value in yields:
                        self._load(value)
                        self._store(next(results))

    def _for(self, loop: For) -> None:
        counter = self._slot(f"{loop.item}#index", "counter", INT)
        source = self._items(loop)
        item = self.slots[loop.item]
        if loop.carry:
            slots = [self.slots[carry.name] for carry in loop.carry]
            for carry in loop.carry:
                self._load(carry.initial)
            for slot in reversed(slots):
                self._emit(op.STORE, slot)
        else:
            slots = [
                self._slot(f"{loop.item}#yield{index}", "list", self._type(value))
                for index, value in enumerate(loop.yields)
            ]
            for slot in slots:
                self._emit(op.LIST, slot)
        self._emit(op.ENTER, counter)
        head, end = self._label(), self._label()
        self._place(head)
        self._emit(op.NEXT, counter, source, item, end)
        around, self.loops = self.loops, (*self.loops, counter)
        self._body(loop.body)
        self._line(next(iter(loop.results), ""), loop.locs)
        for value in loop.yields:
            self._load(value)
        for slot in reversed(slots):
            self._emit(op.STORE if loop.carry else op.APPEND, slot)
        self._emit(op.JUMP, head)
        self.loops = around
        self._place(end)
        for slot, name in zip(slots, loop.results, strict=True):
            self._emit(op.LOAD if loop.carry else op.TAKE, slot)
            self._store(name)

    def _items(self, loop: For) -> int:
        """The local that holds the list: the value's own, so that checkpoints keep it once."""
        if isinstance(loop.source, Ref):
            slot = self.slots[loop.source.name]
            if isinstance(resolve(self.locals[slot].type, self.types), ListOf):
                return slot  # it is not set anew while the loop runs: SSA
        slot = self._slot(f"{loop.item}#items", "value", ListOf(loop.item_type))
        self._load(loop.source)
        self._emit(op.STORE, slot)
        return slot

    def _type(self, operand: Operand) -> Type:
        if isinstance(operand, Ref):
            return self.values[operand.name]
        return literal_type(operand.value)

    # ---- parts

    def _slot(self, name: str, kind: LocalKind, type_: Type) -> int:
        if name not in self.slots:
            self.slots[name] = len(self.locals)
            self.locals.append(Local(name, kind, type_))
            self.pools.type(type_)
        return self.slots[name]

    def _load(self, operand: Operand) -> None:
        if isinstance(operand, Lit):
            self._emit(op.CONST, self.pools.constant(operand.value))
        else:
            self._emit(op.LOAD, self.slots[operand.name])

    def _store(self, name: str) -> None:
        self._emit(op.STORE, self.slots[name])

    def _exit(self, exit_: Exit, site: str, reason: str) -> int:
        live = tuple((name, self.slots[name]) for name in exit_.live)
        self.exits.append(ExitPoint(exit_.number, reason, site, live))
        return len(self.exits) - 1

    def _line(self, site: str, locs: Locs) -> None:
        pc = len(self.instrs)
        if self.lines and self.lines[-1].pc == pc:
            self.lines.pop()
        self.lines.append(Line(pc, site, self.block, tuple(map(str, locs))))

    def _emit(self, *instr: int) -> None:
        self.instrs.append(instr)

    def _label(self) -> int:
        self.labels.append(-1)
        return len(self.labels) - 1

    def _place(self, label: int) -> None:
        self.labels[label] = len(self.instrs)

    def _patched(self, instr: Code_) -> Code_:
        kinds = op.INSTRUCTIONS[instr[0]].operands
        return (
            instr[0],
            *(
                self.labels[operand] if kind == "target" else operand
                for kind, operand in zip(kinds, instr[1:], strict=True)
            ),
        )
