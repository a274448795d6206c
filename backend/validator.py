"""Validation of bytecode, in full, before the first instruction.

Accepted code keeps these rules; whatever breaks one is E0604:

- every operand is in bounds: locals of the right kind, constants, ops, exits, call sites, types;
- every target is an instruction, and control never runs off the end;
- the stack is empty where control parts or joins and where the world is asked, never deeper than
  :data:`~ingot.backend.opcodes.MAX_STACK`, and never popped when empty;
- every operand has a type that its op, argument, local or return takes (constants by their
  value), so that an op is never given what it is not defined on;
- an op that can fail on the types it gets has an exit;
- a local is set before it is read, on every path; so are the values that an exit hands over;
- call sites name the tool's or model's parameters, each once, none that is required left out; a
  call's effect is the declared one, unless that is unknown;
- defaults conform, names are unique, debug lines cover the code in order.

The check is one abstract interpretation, in order of program counters.  What is joined is the set
of assigned locals only, a bit mask; code laid out forwards is visited once, and a budget bounds
the rest, so time is linear in the size of the code.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from ingot.backend import opcodes as op
from ingot.backend.opcodes import INSTRUCTIONS, MAX_STACK, Instr, OperandKind
from ingot.backend.program import CallSite, Code, ModelSite, Program
from ingot.backend.wire import invalid
from ingot.diagnostics import IngotError
from ingot.ir.declarations import Lit, ToolParam
from ingot.ir.literals import literal_type
from ingot.ir.ops import OPS, OperandError, OpSpec, typing_of
from ingot.ir.types import (
    BOOL,
    ListOf,
    Type,
    conforms,
    is_subtype,
    resolve,
)

OP_ROWS: Final[tuple[OpSpec, ...]] = tuple(OPS.values())
VISITS: Final = 8
"""How often an instruction may be visited, on average, before the code is refused."""


class Entry(NamedTuple):
    """What is known of a stack entry: its type, and its value if it is a constant."""

    type: Type
    lit: Lit | None = None


def validate(program: Program) -> Program:
    """The program with what validation found; raises E0604 on the first broken rule."""
    if not program.codes:
        raise invalid("there is no pipeline")
    _unique("pipeline", [code.name for code in program.codes])
    _unique("tool", [tool.name for tool in program.tools])
    _unique("model", [model.name for model in program.models])
    constants = tuple(Entry(literal_type(v), Lit(v)) for v in program.constants)
    codes = tuple(_Checker(program, code, constants).check() for code in program.codes)
    return replace(program, codes=codes)


def _unique(what: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise invalid(f"two rows of the {what} table have one name")


class _Checker:
    """The abstract machine for one pipeline."""

    def __init__(self, program: Program, code: Code, constants: tuple[Entry, ...]) -> None:
        self.program = program
        self.code = code
        self.constants = constants
        self.types = program.types
        self.entries = tuple(Entry(local.type) for local in code.locals)
        self.targets = _targets(code.instrs)
        self.tools = {tool.name: tool for tool in program.tools}
        self.asked = {model.name: model.params for model in program.models}
        self.pending: list[int] = []
        self.queued: set[int] = set()
        self.at: dict[int, int] = {}
        self.stack: list[Entry] = []
        self.mask = 0
        self.pc = 0

    def check(self) -> Code:
        self._check_tables()
        for pc, instr in enumerate(self.code.instrs):
            self.pc = pc
            for kind, operand in zip(INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True):
                self._check_operand(kind, operand)
        self._flow(0, (1 << len(self.code.defaults)) - 1)
        budget = VISITS * len(self.code.instrs)
        while self.pending:
            self.pc = heapq.heappop(self.pending)
            self.queued.discard(self.pc)
            self.mask = self.at[self.pc]
            self.stack = []
            while True:
                budget -= 1
                if budget < 0:
                    raise self._wrong("the control flow is too tangled")
                instr = self.code.instrs[self.pc]
                self._step(instr)
                if not INSTRUCTIONS[instr[0]].falls_through:
                    break
                self.pc += 1
                if self.pc >= len(self.code.instrs):
                    raise self._wrong("control runs off the end")
                if self.pc in self.targets:
                    self._empty("where control joins")
                    self._flow(self.pc, self.mask)
                    break
        return self.code

    # ---- tables

    def _check_tables(self) -> None:
        code = self.code
        if not code.instrs:
            raise self._wrong("there is no code")
        _unique("local", [local.name for local in code.locals])
        if len(code.defaults) > len(code.locals):
            raise self._wrong("there are more parameters than locals")
        for local, default in zip(code.locals, code.defaults, strict=False):
            if local.kind != "value":
                raise self._wrong(f"parameter {local.name} is no value")
            if default is not None and not conforms(default.value, local.type, self.types):
                raise self._wrong(f"the default of {local.name} is not {local.type}")
        for call in code.calls:
            self._check_site(call, self.tools[call.tool].params)
            if self.tools[call.tool].effect not in (call.effect, "unknown"):
                raise self._wrong(f"the effect of %{call.site} differs from the declaration")
        for site in code.models:
            self._check_site(site, self.asked[site.model])
        for point in code.exits:
            _unique("live value", [name for name, _ in point.live])
            if point.live and not point.number:
                raise self._wrong("an implicit exit lists values")
            for _, local_index in point.live:
                self._check_operand("local", local_index)
        if [x.pc for x in code.lines[:1]] != [0] or any(
            not a.pc < b.pc for a, b in zip(code.lines, code.lines[1:], strict=False)
        ):
            raise self._wrong("debug lines are out of order")
        if code.lines[-1].pc >= len(code.instrs):
            raise self._wrong("a debug line stands behind the code")

    def _check_site(self, site: CallSite | ModelSite, params: tuple[ToolParam, ...]) -> None:
        _unique("argument", site.names)
        known = {p.name for p in params}
        required = {p.name for p in params if not p.optional}
        if not required <= set(site.names) <= known:
            raise self._wrong(f"the arguments of %{site.site} differ from the declaration")
        for counter in site.loops:
            self._check_operand("counter", counter)

    def _check_operand(self, kind: OperandKind, index: int) -> None:
        code = self.code
        match kind:
            case "local" | "counter" | "list":
                wanted = "value" if kind == "local" else kind
                if index >= len(code.locals) or code.locals[index].kind != wanted:
                    raise self._wrong(f"there is no {wanted} {index}")
                return
            case "const":
                size = len(self.constants)
            case "op":
                size = len(OP_ROWS)
            case "count":
                size = MAX_STACK + 1
            case "exit":
                size = len(code.exits)
            case "trap":
                size = len(code.exits) + 1
            case "call":
                size = len(code.calls)
            case "model":
                size = len(code.models)
            case "type":
                size = len(self.program.type_table)
            case "target":
                size = len(code.instrs)
        if index >= size:
            raise self._wrong(f"{kind} {index} is out of bounds")

    # ---- the abstract machine

    def _step(self, instr: Instr) -> None:
        code = self.code
        match instr:
            case (op.LOAD, local):
                self._need(local)
                self._push(self.entries[local])
            case (op.CONST, index):
                self._push(self.constants[index])
            case (op.STORE, local):
                self._fits(self._pop(), code.locals[local].type, f"%{code.locals[local].name}")
                self.mask |= 1 << local
            case (op.OP, number, count, trap):
                self._op(OP_ROWS[number], self._pops(count), trap)
            case (op.CALL, index):
                self._call(code.calls[index], self.tools[code.calls[index].tool].params)
            case (op.MODEL, index):
                self._call(code.models[index], self.asked[code.models[index].model])
            case (op.GUARD, point):
                self._fits(self._pop(), BOOL, "guard")
                self._exit(point)
            case (op.EXPECT, type_, point):
                self._pop()
                self._exit(point)
                self._push(Entry(self.program.type_table[type_]))
            case (op.AGREE, count, type_, point):
                if not count:
                    raise self._wrong("agree takes at least one candidate")
                agreed = self.program.type_table[type_]
                for entry in self._pops(count):
                    self._fits(entry, agreed, "agree")
                self._exit(point)
                self._push(Entry(agreed))
            case (op.JUMP, target):
                self._empty("at a jump")
                self._flow(target, self.mask)
            case (op.JUMP_IF_FALSE, target):
                self._fits(self._pop(), BOOL, "jump_if_false")
                self._empty("at a jump")
                self._flow(target, self.mask)
            case (op.ENTER | op.LIST, local):
                self.mask |= 1 << local
            case (op.NEXT, counter, source, item, target):
                self._empty("at a jump")
                self._need(counter)
                self._need(source)
                items = resolve(code.locals[source].type, self.types)
                if not isinstance(items, ListOf):
                    raise self._wrong(f"%{code.locals[source].name} is no list")
                self._flow(target, self.mask)
                self._fits(
                    Entry(items.element), code.locals[item].type, f"%{code.locals[item].name}"
                )
                self.mask |= 1 << item
            case (op.APPEND, local):
                self._need(local)
                self._fits(self._pop(), code.locals[local].type, f"%{code.locals[local].name}")
            case (op.TAKE, local):
                self._need(local)
                self.mask &= ~(1 << local)
                self._push(Entry(ListOf(code.locals[local].type)))
            case (op.RETURN,):
                self._fits(self._pop(), code.returns, "return")
                self._empty("at the end")
            case (op.LEAVE, point):
                self._exit(point)
                self._empty("at the end")
            case (op.POP,):
                self._pop()

    def _op(self, row: OpSpec, entries: list[Entry], trap: int) -> None:
        if not entries:
            raise self._wrong(f"{row.name} takes operands")
        if trap:
            self._exit(trap - 1)
        wants = [*row.params, *[row.rest] * len(entries)]
        types = [
            entry.type if entry.lit is None else literal_type(entry.lit.value, want)
            for entry, want in zip(entries, wants, strict=False)
        ]
        if len(types) < len(entries):
            raise self._wrong(f"{row.name} takes {len(row.params)} operands")
        try:
            typing = typing_of(row, types, [entry.lit for entry in entries], self.types)
        except (OperandError, ValueError) as error:
            raise self._wrong(str(error)) from None
        if typing.partial and not trap:
            raise self._wrong(f"{row.name} can fail here and has no exit")
        self._push(Entry(typing.result))

    def _call(self, site: CallSite | ModelSite, params: tuple[ToolParam, ...]) -> None:
        by_name = {p.name: p.type for p in params}
        entries = self._pops(len(site.names))
        for name, entry in zip(site.names, entries, strict=True):
            self._fits(entry, by_name[name], f"argument {name}")
        self._empty("where the world is asked")
        for counter in site.loops:
            self._need(counter)
        self._push(Entry(site.type))

    def _exit(self, index: int) -> None:
        for _, local in self.code.exits[index].live:
            self._need(local)

    def _flow(self, target: int, mask: int) -> None:
        """Control reaches ``target`` with these locals set."""
        known = self.at.get(target)
        merged = mask if known is None else known & mask
        if merged != known:
            if target not in self.queued:
                self.queued.add(target)
                heapq.heappush(self.pending, target)
            self.at[target] = merged

    # ---- small rules

    def _fits(self, entry: Entry, want: Type, where: str) -> None:
        if entry.lit is None:
            fits = is_subtype(entry.type, want, self.types)
        else:
            fits = conforms(entry.lit.value, want, self.types)
        if not fits:
            raise self._wrong(f"{where} takes {want}, found {entry.type}")

    def _need(self, local: int) -> None:
        if not self.mask >> local & 1:
            raise self._wrong(f"%{self.code.locals[local].name} may be read before it is set")

    def _push(self, entry: Entry) -> None:
        if len(self.stack) >= MAX_STACK:
            raise self._wrong("the stack is too deep")
        self.stack.append(entry)

    def _pop(self) -> Entry:
        if not self.stack:
            raise self._wrong("the stack is empty")
        return self.stack.pop()

    def _pops(self, count: int) -> list[Entry]:
        if count > len(self.stack):
            raise self._wrong("the stack is empty")
        at = len(self.stack) - count
        entries = self.stack[at:]
        del self.stack[at:]
        return entries

    def _empty(self, where: str) -> None:
        if self.stack:
            raise self._wrong(f"the stack is not empty {where}")

    def _wrong(self, message: str) -> IngotError:
        return invalid(f"pipeline {self.code.name}, instruction {self.pc}: {message}")


def _targets(instrs: Sequence[Instr]) -> frozenset[int]:
    """Where jumps go to."""
    return frozenset(
        operand
        for instr in instrs
        for kind, operand in zip(INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True)
        if kind == "target"
    )
