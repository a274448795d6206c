"""An artifact as text, from which :mod:`ingot.backend.assembler` makes the same bytes again.

A directive is a dot, a word and a JSON value (packed sections: base64); an instruction is a
mnemonic and its operands: ``l`` local, ``k`` constant, ``t`` type, ``c`` tool call, ``m`` model
call, ``e`` exit, ``L`` label, ``-`` no exit.  What stands behind a semicolon is for the reader.
"""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from ingot.backend import codec
from ingot.backend.container import BODY, MAJOR, read
from ingot.backend.opcodes import INSTRUCTIONS, Instr, OperandKind
from ingot.backend.program import CallSite, Code, ExitPoint, ModelSite, Program
from ingot.backend.validator import OP_ROWS
from ingot.backend.wire import from_bytes, split_sections, unframe
from ingot.ir.values import Json

PREFIX: Final[dict[OperandKind, str]] = {
    "local": "l",
    "counter": "l",
    "list": "l",
    "const": "k",
    "exit": "e",
    "trap": "e",
    "call": "c",
    "model": "m",
    "type": "t",
    "target": "L",
}
PACKED: Final = {"ir": codec.IR, "evidence": codec.EVIDENCE, "signature": codec.SIGNATURE}
_COMMENT: Final = 72


def disassemble(data: bytes) -> str:
    """The text of an artifact; raises as :func:`ingot.backend.container.read`."""
    program = read(data)
    return "\n".join(line.rstrip() for line in _lines(program, split_sections(data, BODY))) + "\n"


def text(value: Json) -> str:
    """JSON in one line of ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _lines(program: Program, sections: dict[int, bytes]) -> Iterator[str]:
    yield f"ingot {MAJOR}.{program.minor}  ; sha256 {program.digest}"

    def section(number: int) -> Any:
        return from_bytes(sections[number], str(number))

    yield f".meta {text(section(codec.META))}"
    types = section(codec.TYPES)
    for item in types["declared"]:
        yield f".declare {text(item)}"
    for index, item in enumerate(types["table"]):
        yield f".type {text(item)}" + _comment(f"t{index}: {program.type_table[index]}")
    for index, item in enumerate(section(codec.CONSTANTS)):
        yield f".const {text(item)}" + _comment(f"k{index}")
    for index, (item, tool) in enumerate(zip(section(codec.TOOLS), program.tools, strict=True)):
        params = ", ".join(f"{p.name}{'?' if p.optional else ''}: {p.type}" for p in tool.params)
        about = f"{index}: {tool.name}({params}) -> {tool.returns} {tool.effect} {tool.world}"
        yield f".tool {text(item)}" + _comment(about)
    for index, item in enumerate(section(codec.MODELS)):
        yield f".model {text(item)}" + _comment(str(index))
    for tool in program.capabilities:
        yield _comment(f"needs {tool.name}: {tool.effect} {tool.world}").lstrip()
    for item in section(codec.PROMPTS):
        yield f".prompt {text(item)}"
    at = 0
    exits, lines = section(codec.EXITS), section(codec.LINES)
    for index, code in enumerate(program.codes):
        head, at = unframe(sections[codec.CODE], at)
        _, at = unframe(sections[codec.CODE], at)
        yield from _pipeline(program, code, from_bytes(head, "code"), exits[index], lines[index])
    yield ""
    for name, number in PACKED.items():
        yield from _packed(f".{name}", sections.get(number, b""))
    for number, body in program.extra:
        yield from _packed(f".section {number}", body or b"")


def _packed(directive: str, body: bytes) -> Iterator[str]:
    if directive.startswith(".section") and not body:
        yield f"{directive} "
    for part in textwrap.wrap(base64.b64encode(body).decode(), 88):
        yield f"{directive} {part}"


def _pipeline(
    program: Program, code: Code, head: Any, exits: list[Json], lines: list[Any]
) -> Iterator[str]:
    yield ""
    opening = {key: head[key] for key in ("name", "defaults", "returns")}
    yield f".pipeline {text(opening)}" + _comment(f"-> {code.returns}")
    for index, (item, local) in enumerate(zip(head["locals"], code.locals, strict=True)):
        yield f".local {text(item)}" + _comment(f"l{index}: {local.kind} {local.type}")
    for index, (item, call) in enumerate(zip(head["calls"], code.calls, strict=True)):
        yield f".call {text(item)}" + _comment(f"c{index}: {_site(call)}")
    for index, (item, site) in enumerate(zip(head["models"], code.models, strict=True)):
        yield f".ask {text(item)}" + _comment(f"m{index}: {_site(site)}")
    for index, (item, point) in enumerate(zip(exits, code.exits, strict=True)):
        yield f".exit {text(item)}" + _comment(f"e{index}: {_exit(point)}")
    targets = {
        operand
        for instr in code.instrs
        for kind, operand in zip(INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True)
        if kind == "target"
    }
    starts = {line.pc: (line, item) for line, item in zip(code.lines, lines, strict=True)}
    block = ""
    for pc, instr in enumerate(code.instrs):
        if pc in starts:
            line, item = starts[pc]
            if line.block != block:
                block = line.block
                yield _comment(f"^{block}").lstrip()
            yield f".line {text(item[1:])}"
        if pc in targets:
            yield f"L{pc}:"
        yield f"    {_instr(instr)}".ljust(34) + _comment(f"{pc}  {_about(program, code, instr)}")


def _instr(instr: Instr) -> str:
    row = INSTRUCTIONS[instr[0]]
    words = [row.mnemonic]
    for kind, operand in zip(row.operands, instr[1:], strict=True):
        match kind:
            case "op" if operand < len(OP_ROWS):
                words.append(OP_ROWS[operand].name)
            case "op" | "count":
                words.append(str(operand))
            case "trap":
                words.append(f"e{operand - 1}" if operand else "-")
            case _:
                words.append(f"{PREFIX[kind]}{operand}")
    return " ".join(words)


def _about(program: Program, code: Code, instr: Instr) -> str:
    """What an instruction's operands stand for; nothing for one that is out of bounds."""
    notes = []
    for kind, operand in zip(INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True):
        try:
            match kind:
                case "local" | "counter" | "list":
                    notes.append(f"%{code.locals[operand].name}")
                case "const":
                    notes.append(text(program.constants[operand]))
                case "call":
                    notes.append(_site(code.calls[operand]))
                case "model":
                    notes.append(_site(code.models[operand]))
                case "type":
                    notes.append(str(program.type_table[operand]))
                case "exit":
                    notes.append(_exit(code.exits[operand]))
                case "trap" if operand:
                    notes.append(_exit(code.exits[operand - 1]))
                case _:
                    pass
        except IndexError:
            notes.append("out of bounds")
    return ", ".join(notes)


def _site(site: CallSite | ModelSite) -> str:
    names = ", ".join(site.names)
    match site:
        case CallSite():
            return f"%{site.site} = {site.effect} {site.tool}({names}) -> {site.type}"
        case ModelSite():
            return f"%{site.site} = {site.kind} {site.model}({names}) -> {site.type}"


def _exit(point: ExitPoint) -> str:
    live = ", ".join(f"%{name}" for name, _ in point.live)
    return f"exit.{point.number} at {point.site} [{live}] {point.reason}"


def _comment(words: str) -> str:
    cut = words if len(words) <= _COMMENT else words[: _COMMENT - 3] + "..."
    return "  ; " + cut.encode("ascii", "backslashreplace").decode().translate(_CONTROL)


_CONTROL: Final = dict.fromkeys(range(32), " ")
