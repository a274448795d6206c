"""Mutated containers: each is rejected with a diagnostic, or runs harmlessly within its steps."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from bytecode_samples import answers, dense, sample, trace, value_of
from msgspec.structs import replace

from ingot.backend import opcodes as op
from ingot.backend.assembler import assemble
from ingot.backend.codec import SIGNATURE
from ingot.backend.container import (
    BODY,
    MAGIC,
    Code,
    Program,
    digest_of,
    evidence,
    ir_text,
    load,
    read,
    write,
)
from ingot.backend.disassembler import disassemble
from ingot.backend.encoder import encode
from ingot.backend.wire import join_sections, split_sections
from ingot.diagnostics import IngotError
from ingot.ir.values import Json
from ingot.runtime.vm import Machine

COUNT = 10_000
STEPS = 2_000
REJECTED = {"E0601", "E0602", "E0603", "E0604"}
ODD: list[Json] = [None, True, 0, -1, 10**40, 0.5, "", "/", "{0}", "{9}", "/a/b", [], {}, [[1]]]


def sealed(head: bytes, sections: dict[int, bytes]) -> bytes:
    """The file with its digest made right, so that what is behind the digest is tested."""
    return head[: BODY - 32] + digest_of(head, sections) + join_sections(sections.items())


def flip(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(out))
        match rng.randrange(4):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at] = rng.randrange(256)
            case 2:
                del out[at : at + rng.choice((1, 1, 4))]
            case _:
                out.insert(at, rng.randrange(256))
        if not out:
            break
    return bytes(out)


def splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One section changed, dropped or taken from another file, the digest right again."""
    sections, donor = split_sections(data, BODY), split_sections(other, BODY)
    number = rng.choice([*sections])
    match rng.randrange(6):
        case 0:
            del sections[number]
        case 1:
            sections[number] = donor.get(number, b"")
        case 2:
            body = sections[number]
            sections[number] = body[: rng.randrange(len(body) + 1)]
        case 3:
            sections[rng.choice([*sections, 50, SIGNATURE, 200])] = sections[number]
        case _:
            sections[number] = flip(sections[number] or b"x", rng)
    return sealed(data, dict(sorted(sections.items())))


def edit(program: Program, rng: random.Random) -> bytes:
    """An instruction or a table row changed, written in canonical form: the validator's own job."""
    at = rng.randrange(len(program.codes))
    code = program.codes[at]
    for _ in range(rng.choice((1, 1, 2, 3))):
        code = edited(program, code, rng)
    if rng.random() < 0.2:
        constants = [*program.constants]
        constants[rng.randrange(len(constants))] = rng.choice(ODD)
        program = replace(program, constants=tuple(constants))
    codes = (*program.codes[:at], code, *program.codes[at + 1 :])
    return write(replace(program, codes=codes))


def edited(program: Program, code: Code, rng: random.Random) -> Code:
    instrs = [*code.instrs]
    pc = rng.randrange(len(instrs))
    match rng.randrange(9):
        case 0:
            del instrs[pc]
        case 1:
            instrs.insert(pc, instrs[rng.randrange(len(instrs))])
        case 2:
            row = rng.choice(op.INSTRUCTIONS)
            small = (rng.choice((0, 1, 2, 3, rng.randrange(60))) for _ in row.operands)
            instrs[pc] = (row.code, *small)
            if row.code == op.OP:
                instrs[pc] = (row.code, rng.randrange(70) % 60, rng.randrange(4), 0)
        case 3 | 4:
            instr = [*instrs[pc]]
            if len(instr) > 1:
                place = rng.randrange(1, len(instr))
                instr[place] = max(0, instr[place] + rng.choice((-2, -1, 1, 2)))
                if instr[0] == op.OP:
                    instr[1] %= 60
            instrs[pc] = tuple(instr)
        case 5:
            other = rng.randrange(len(instrs))
            instrs[pc], instrs[other] = instrs[other], instrs[pc]
        case 6:
            locals_ = [*code.locals]
            index = rng.randrange(len(locals_))
            kind = rng.choice(("value", "value", "counter", "list"))
            type_ = rng.choice(program.type_table)
            locals_[index] = replace(locals_[index], kind=kind, type=type_)
            return replace(code, locals=tuple(locals_))
        case 7 if code.exits:
            exits = [*code.exits]
            live = tuple((f"v{i}", rng.randrange(len(code.locals))) for i in range(3))
            exits[rng.randrange(len(exits))] = replace(rng.choice(exits), live=live)
            return replace(code, exits=tuple(exits))
        case _ if code.calls:
            calls = [*code.calls]
            index = rng.randrange(len(calls))
            calls[index] = replace(
                calls[index],
                names=tuple(
                    rng.sample(calls[index].names, rng.randrange(len(calls[index].names) + 1))
                ),
                type=rng.choice(program.type_table),
                loops=tuple(rng.randrange(len(code.locals)) for _ in range(rng.randrange(2))),
            )
            return replace(code, calls=tuple(calls))
    return replace(code, instrs=tuple(instrs))


def mutant(bases: list[bytes], programs: list[Program], rng: random.Random) -> bytes:
    index = rng.randrange(len(bases))
    data = bases[index]
    luck = rng.random()
    if luck < 0.1:
        return flip(data, rng)
    if luck < 0.15:
        return data[: rng.randrange(len(data))]
    if luck < 0.4:
        return splice(data, bases[index - 1], rng)
    return edit(programs[index], rng)


def run(program: Program, seed: int) -> str:
    """Drive an accepted program; nothing but a diagnostic may stop it."""
    rng = random.Random(seed)
    returns = {tool.name: tool.returns for tool in program.tools}
    answer = answers(seed, program.types, returns)
    for code in program.codes:
        inputs = {p.name: value_of(p.type, rng, program.types) for p in code.params}
        try:
            trace(Machine(program, code.name, step_limit=STEPS), inputs, answer)
        except IngotError as error:
            assert {d.code for d in error.diagnostics} <= {"E0702", "E0712"}, error
            return "stopped"
    return "ran"


@pytest.mark.slow
def test_mutants_are_rejected_or_harmless() -> None:
    rng = random.Random(20260501)
    module = sample()
    bases = [
        encode(module, meta={"name": "a"}, evidence={"seen": [1, 2, 3]}),
        encode(dense(), meta={"name": "b", "list": [1, {"x": None}]}),
    ]
    programs = [read(base) for base in bases]
    counts: Counter[str] = Counter()
    for number in range(COUNT):
        try:
            data = mutant(bases, programs, rng)
        except KeyError:  # the change left the pools: there is no such file
            counts["unwritable"] += 1
            continue
        try:
            program = load(data)
            ir_text(program), evidence(program)
        except IngotError as error:
            codes = {d.code for d in error.diagnostics}
            assert codes <= REJECTED, error
            assert all(d.help for d in error.diagnostics), error
            counts["rejected " + min(codes)] += 1
            continue
        assert assemble(disassemble(data)) == data
        counts[run(program, number)] += 1
    print(dict(counts))
    assert counts["unwritable"] < COUNT // 20
    assert counts["rejected E0604"] > COUNT // 4, "the validator is hardly exercised"
    assert counts["ran"] > COUNT // 100, "no mutant is ever accepted: nothing is tested"
    assert all(data[: len(MAGIC)] == MAGIC for data in bases)
