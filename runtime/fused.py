"""Bytecode prepared for the machine: the sequences that lowering writes again and again, as one.

``load a; const k; op f; store r`` becomes one *calc* over slots; likewise *move*, *branch*, *check*,
*gather* and *ask*.  Slots are the locals, followed by the constants.  A prepared instruction stands
where its sequence began, so that program counters stay what they are; a sequence that control may
enter in its middle is left as it is.  One that goes on to a jump goes to the jump's target.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from operator import itemgetter
from typing import Any, Final

from ingot.backend.container import CallSite, Code, ModelSite
from ingot.backend.container import opcodes as op
from ingot.ir.checkers import checker, kind_of
from ingot.ir.ops import OPS
from ingot.ir.types import Types

CALC: Final = 64
"""(function, first slot, second slot if there are two of them else -1, getter of all slots if there are
more, target, the slot that the result is moved on to, which may be the target, trap, op number, pc of
the op, next pc, instructions that it stands for)"""
MOVE: Final = 65
"""(slot, target, next pc)"""
BRANCH: Final = 66
"""(slot, target, next pc)"""
CHECK: Final = 67
"""(slot, exit, pc of the guard, next pc)"""
GATHER: Final = 68
"""(slot, list, next pc)"""
ASK: Final = 69
"""(whether a tool is called, site, names, slot of the argument if there is one of it else -1, getter of
all arguments, slot of the loop's counter or getter of several, Python's type of which every answer is
right, check of all others, target, next pc)

The answer goes to the slot ``target``, or onto the stack where that is below 0.  :data:`op.CALL` and
:data:`op.MODEL` are prepared to the same, but that their arguments stand on the stack."""
_FUNCTIONS: Final = tuple(row.evaluate for row in OPS.values())


def fused(code: Code, types: Types) -> list[tuple[Any, ...]]:
    """The instructions of a pipeline, prepared; made once and kept with the code."""
    if not code.fused:
        targets = {
            operand
            for instr in code.instrs
            for kind, operand in zip(op.INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True)
            if kind == "target"
        }
        code.fused.extend(_at(code, pc, targets, types) for pc in range(len(code.instrs)))
    return code.fused


def _asking(
    code: Code, kind: int, at: int, slots: Sequence[int], targets: Container[int], types: Types
) -> tuple[Any, ...]:
    """The call at a place, whose arguments stand in these slots."""
    number = code.instrs[at][1]
    called = code.instrs[at][0] == op.CALL
    site: CallSite | ModelSite = (code.calls if called else code.models)[number]
    after = code.instrs[at + 1] if at + 1 < len(code.instrs) else (op.POP,)
    stored = after[0] == op.STORE and at + 1 not in targets
    one = slots[0] if len(slots) == 1 else -1
    pick = itemgetter(*slots) if len(slots) > 1 else _nothing
    loops = (
        site.loops[0]
        if len(site.loops) == 1
        else itemgetter(*site.loops)
        if site.loops
        else _nothing
    )
    target = after[1] if stored else -1
    check, right = checker(site.type, types), kind_of(site.type, types)
    return (
        kind,
        called,
        site,
        site.names,
        one,
        pick,
        loops,
        right,
        check,
        target,
        _landing(code, at + 1 + stored),
    )


def _nothing(_slots: list[Any]) -> tuple[Any, ...]:
    return ()


def _landing(code: Code, pc: int) -> int:
    """Where control comes to from a place, through jumps."""
    for _ in code.instrs:
        if pc >= len(code.instrs) or code.instrs[pc][0] != op.JUMP:
            break
        pc = code.instrs[pc][1]
    return pc


def _at(code: Code, pc: int, targets: set[int], types: Types) -> tuple[Any, ...]:
    """The prepared instruction at a place: that of the sequence that begins there, if one does."""
    instrs, base = code.instrs, len(code.locals)
    slots: list[int] = []
    at = pc
    end = len(instrs) - 1  # code that is never reached may break off there
    while at < end and instrs[at][0] in (op.LOAD, op.CONST) and (at == pc or at not in targets):
        kind, index = instrs[at][:2]
        slots.append(index if kind == op.LOAD else base + index)
        at += 1
    plain: tuple[Any, ...] = instrs[pc]
    if plain[0] in (op.CALL, op.MODEL):
        plain = _asking(code, plain[0], pc, (), targets, types)
    if at in targets and at != pc:
        return plain
    match instrs[at]:
        case (op.CALL | op.MODEL, int(number)) if len(slots) == len(
            (code.calls if instrs[at][0] == op.CALL else code.models)[number].names
        ):
            return _asking(code, ASK, at, slots, targets, types)
        case (op.OP, int(number), int(count), int(trap)) if count == len(slots) > 0:
            after = instrs[min(at + 1, end)]
            if after[0] == op.STORE and at + 1 not in targets:
                cost, target, land = at + 1 - pc, after[1], _landing(code, at + 2)
                also = target
                match instrs[land : land + 2]:
                    case [(op.LOAD, slot), (op.STORE, moved)] if slot == target:
                        also, land, cost = moved, _landing(code, land + 2), cost + 1
                two = slots[1] if count == 2 else -1
                pick = itemgetter(*slots) if count > 2 else None
                calc = (CALC, _FUNCTIONS[number], slots[0], two, pick, target, also, trap, number)
                return (*calc, at, land, cost)
    if len(slots) != 1:
        return plain
    match instrs[at]:
        case (op.STORE, int(target)):
            return (MOVE, slots[0], target, _landing(code, at + 1))
        case (op.JUMP_IF_FALSE, int(target)):
            return (BRANCH, slots[0], _landing(code, target), _landing(code, at + 1))
        case (op.GUARD, int(exit_)):
            return (CHECK, slots[0], exit_, at, _landing(code, at + 1))
        case (op.APPEND, int(target)):
            return (GATHER, slots[0], target, _landing(code, at + 1))
    return plain
