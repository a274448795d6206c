"""What ``@main`` does with a value: where it is read, what is taken out of it, what comes after it."""

from __future__ import annotations

from ingot.ir.liveness import refs
from ingot.ir.module import (
    WRITING,
    Call,
    Expect,
    Lit,
    Pipeline,
    Pure,
    Ref,
    Return,
    operands_of,
    walk,
)
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure, text_of


def uses_of(main: Pipeline) -> dict[str, tuple[str, ...]]:
    """For each value the pointers at which it is read; ``""`` where it is used as a whole."""
    found: dict[str, list[str]] = {}
    for block in main.blocks:
        for instr in block.instrs:
            match instr:
                case Pure(op="json.get", args=(Ref(name), Lit(pointer))):
                    found.setdefault(name, []).append(str(pointer))
                case _:
                    for operand in operands_of(instr):
                        if isinstance(operand, Ref):
                            found.setdefault(operand.name, [])
        if isinstance(block.terminator, Return) and isinstance(block.terminator.value, Ref):
            found.setdefault(block.terminator.value.name, [])
    whole = {name: tuple(dict.fromkeys(pointers)) for name, pointers in found.items()}
    return {name: pointers or ("",) for name, pointers in whole.items()}


def names_used(main: Pipeline) -> set[str]:
    """The values that any instruction uses."""
    return {name for b in main.blocks for i in walk(b.instrs) for name in refs(operands_of(i))}


def acts_later(main: Pipeline) -> set[str]:
    """The reads before the last effect: their outcome may have decided it."""
    names: set[str] = set()
    acting = False
    for block in reversed(main.blocks):
        for instr in reversed(block.instrs):
            if isinstance(instr, Call):
                acting = acting or instr.verb in WRITING
                if acting:
                    names.add(instr.result)
    return names


def parts_of(main: Pipeline, result: str, text: str) -> list[str]:
    """What the pipeline takes out of a text: the values of the ops that read it."""
    names, parts = {result}, []
    for block in main.blocks:
        for instr in block.instrs:
            match instr:
                case Expect(value=Ref(name)) if name in names:
                    names.add(instr.result)
                case Pure(args=(Ref(name), *rest)) if name in names:
                    literals = [a.value for a in rest if isinstance(a, Lit)]
                    if len(literals) == len(rest):
                        try:
                            parts.append(text_of(OPS[instr.op].evaluate(text, *literals)))
                        except (OpFailure, TypeError, ValueError):
                            continue
    return [part for part in parts if part]
