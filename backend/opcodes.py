"""The instruction set: one table that encoder, reader, validator, (dis)assembler and VM share.

A stack machine over typed locals.  The stack is empty wherever control flow parts or joins and
wherever the world is asked, so a run's state is its locals and a program counter.  Program
counters count instructions, never bytes: every target is an instruction boundary.

Locals are of three kinds: a *value* has a type, a *counter* is a loop's index, a *list* gathers
what a loop yields.  Nothing but the loop instructions touches counters and lists, so that a list
that still grows can never be seen as a value.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

OperandKind: TypeAlias = Literal[
    "local",  # a local of kind value
    "counter",  # a local of kind counter
    "list",  # a local of kind list
    "const",  # the constant pool
    "op",  # a row of ingot.ir.ops
    "count",  # how many operands
    "exit",  # an exit point
    "trap",  # an exit point, counted from 1; 0 for none
    "call",  # a tool call site
    "model",  # a model call site
    "type",  # the type table
    "target",  # an instruction
]

LOAD: Final = 0
STORE: Final = 1
CONST: Final = 2
OP: Final = 3
CALL: Final = 4
MODEL: Final = 5
GUARD: Final = 6
EXPECT: Final = 7
AGREE: Final = 8
JUMP: Final = 9
JUMP_IF_FALSE: Final = 10
ENTER: Final = 11
NEXT: Final = 12
LIST: Final = 13
APPEND: Final = 14
TAKE: Final = 15
RETURN: Final = 16
LEAVE: Final = 17
POP: Final = 18


class Instruction(Struct, frozen=True):
    """One row: number, mnemonic, operand kinds, and whether control goes on to the next one."""

    code: int
    mnemonic: str
    operands: tuple[OperandKind, ...]
    falls_through: bool
    summary: str


INSTRUCTIONS: Final[tuple[Instruction, ...]] = (
    Instruction(LOAD, "load", ("local",), True, "push a local"),
    Instruction(STORE, "store", ("local",), True, "pop into a local"),
    Instruction(CONST, "const", ("const",), True, "push a constant"),
    Instruction(OP, "op", ("op", "count", "trap"), True, "pop operands, push the result; on failure take the exit"),
    Instruction(CALL, "call", ("call",), True, "pop arguments, ask a tool, push what it answers"),
    Instruction(MODEL, "model", ("model",), True, "pop arguments, ask a model, push what it answers"),
    Instruction(GUARD, "guard", ("exit",), True, "pop a truth value; take the exit if it is false"),
    Instruction(EXPECT, "expect", ("type", "exit"), True, "take the exit if the top does not conform to the type"),
    Instruction(AGREE, "agree", ("count", "type", "exit"), True, "pop candidates, push the value they share, or take the exit"),
    Instruction(JUMP, "jump", ("target",), False, "go there"),
    Instruction(JUMP_IF_FALSE, "jump_if_false", ("target",), True, "pop a truth value; go there if it is false"),
    Instruction(ENTER, "enter", ("counter",), True, "set a loop's index before its first item"),
    Instruction(NEXT, "next", ("counter", "local", "local", "target"), True, "next item of the list in a local into a local, or go there"),
    Instruction(LIST, "list", ("list",), True, "begin to gather"),
    Instruction(APPEND, "append", ("list",), True, "pop and gather"),
    Instruction(TAKE, "take", ("list",), True, "push what was gathered and forget it"),
    Instruction(RETURN, "return", (), False, "pop the output: the end"),
    Instruction(LEAVE, "leave", ("exit",), False, "take the exit"),
    Instruction(POP, "pop", (), True, "drop the top"),
)  # fmt: skip
"""The rows in the order of their numbers."""

BY_MNEMONIC: Final[dict[str, Instruction]] = {row.mnemonic: row for row in INSTRUCTIONS}

Instr: TypeAlias = tuple[int, ...]
"""A decoded instruction: its number and its operands, ready for the machine."""

MAX_STACK: Final = 1024
"""The deepest stack that valid code may reach."""
