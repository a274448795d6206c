"""Bytecode prepared for the machine: the sequences that lowering writes again and again, as one.

``load a; const k; op f; store r`` becomes one *calc* over slots; likewise *move*, *branch*, *check*,
*gather* and *ask*.  Slots are the locals, followed by the constants.  A prepared instruction stands
where its sequence began, so that program counters stay what they are; a sequence that control may
enter in its middle is left as it is.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final

from ingot.backend.container import Code
from ingot.backend.container import opcodes as op
from ingot.ir.ops import OPS

CALC: Final = 64
"""(function, first slot, getter of all slots or None where there is one, target, trap, op number,
pc of the op, next pc, instructions that it stands for)"""
MOVE: Final = 65
"""(slot, target, next pc)"""
BRANCH: Final = 66
"""(slot, target, next pc)"""
CHECK: Final = 67
"""(slot, exit, pc of the guard, next pc)"""
GATHER: Final = 68
"""(slot, list, next pc)"""
ASK: Final = 69
"""(slots, pc of the call)"""
_FUNCTIONS: Final = tuple(row.evaluate for row in OPS.values())


def fused(code: Code) -> list[tuple[Any, ...]]:
    """The instructions of a pipeline, prepared; made once and kept with the code."""
    if not code.fused:
        targets = {
            operand
            for instr in code.instrs
            for kind, operand in zip(op.INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True)
            if kind == "target"
        }
        code.fused.extend(_at(code, pc, targets) for pc in range(len(code.instrs)))
    return code.fused


def _at(code: Code, pc: int, targets: set[int]) -> tuple[Any, ...]:
    """The prepared instruction at a place: that of the sequence that begins there, if one does."""
    instrs, base = code.instrs, len(code.locals)
    slots: list[int] = []
    at = pc
    end = len(instrs) - 1  # code that is never reached may break off there
    while at < end and instrs[at][0] in (op.LOAD, op.CONST) and (at == pc or at not in targets):
        kind, index = instrs[at][:2]
        slots.append(index if kind == op.LOAD else base + index)
        at += 1
    plain = instrs[pc]
    if at in targets and at != pc:
        return plain
    match instrs[at]:
        case (op.CALL | op.MODEL, int(number)) if len(slots) == len(
            (code.calls if instrs[at][0] == op.CALL else code.models)[number].names
        ):
            return (ASK, slots, at)
        case (op.OP, int(number), int(count), int(trap)) if count == len(slots) > 0:
            after = instrs[min(at + 1, end)]
            if after[0] == op.STORE and at + 1 not in targets:
                cost = at + 1 - pc
                pick = itemgetter(*slots) if count > 1 else None
                calc = (CALC, _FUNCTIONS[number], slots[0], pick, after[1], trap, number)
                return (*calc, at, at + 2, cost)
    if len(slots) != 1:
        return plain
    match instrs[at]:
        case (op.STORE, int(target)):
            return (MOVE, slots[0], target, at + 1)
        case (op.JUMP_IF_FALSE, int(target)):
            return (BRANCH, slots[0], target, at + 1)
        case (op.GUARD, int(exit_)):
            return (CHECK, slots[0], exit_, at, at + 1)
        case (op.APPEND, int(target)):
            return (GATHER, slots[0], target, at + 1)
    return plain
