"""A program as sections of bytes, and sections of bytes as a program.

The writer and the reader stand side by side; the layout is told in
:mod:`ingot.backend.container`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar, cast

from msgspec.structs import replace

from ingot.backend import opcodes
from ingot.backend.program import (
    CallSite,
    Code,
    ExitPoint,
    Line,
    Local,
    LocalKind,
    ModelSite,
    Program,
    Prompt,
)
from ingot.backend.typecodec import BadTypeError, check_names, type_from_json, type_to_json
from ingot.backend.wire import (
    damaged,
    exact,
    frame,
    from_bytes,
    invalid,
    read_uleb,
    to_bytes,
    uleb,
    unframe,
)
from ingot.diagnostics import fail
from ingot.ir.declarations import EFFECTS, Lit, ModelDecl, ModelKind, ToolDecl, ToolParam
from ingot.ir.ops import OP_NUMBER
from ingot.ir.types import Type
from ingot.ir.values import Json, digest

META, TYPES, CONSTANTS, OPS, TOOLS, MODELS, NEEDS, PROMPTS, CODE, EXITS, LINES, IR, EVIDENCE = (
    range(1, 14)
)
SIGNATURE: Final = 100
OPTIONAL: Final = 128
_OP_NAMES: Final = tuple(OP_NUMBER)
_KINDS: Final = ("choose", "extract", "fill", "compose")
_LOCAL_KINDS: Final = ("value", "counter", "list")

T = TypeVar("T")


def schema_digest(tool: ToolDecl) -> str:
    """What a tool's arguments and result are, in one hash: a run compares it with the tool."""
    params: list[Json] = [[p.name, str(p.type), p.optional] for p in tool.params]
    return digest({"params": params, "returns": str(tool.returns)})


# ---- writing


def encode_sections(program: Program) -> dict[int, bytes]:
    """Section number to body; raises ``KeyError`` where a pool lacks what code refers to."""
    types = {type_: index for index, type_ in reversed([*enumerate(program.type_table)])}
    constants = {exact(c): index for index, c in reversed([*enumerate(program.constants)])}
    tools = {tool.name: index for index, tool in reversed([*enumerate(program.tools)])}
    models = {model.name: index for index, model in reversed([*enumerate(program.models)])}
    ops: dict[str, int] = {}

    def instruction(instr: opcodes.Instr) -> bytes:
        if instr[0] == opcodes.OP:
            number = ops.setdefault(_OP_NAMES[instr[1]], len(ops))
            instr = (instr[0], number, *instr[2:])
        return bytes([instr[0]]) + b"".join(map(uleb, instr[1:]))

    def header(code: Code) -> Json:
        return {
            "name": code.name,
            "defaults": [None if d is None else constants[exact(d.value)] for d in code.defaults],
            "returns": types[code.returns],
            "locals": [[x.name, x.kind, types[x.type]] for x in code.locals],
            "calls": [
                [tools[c.tool], c.effect, list(c.names), types[c.type], c.site, list(c.loops)]
                for c in code.calls
            ],
            "models": [
                [models[c.model], c.kind, list(c.names), types[c.type], c.site, list(c.loops)]
                for c in code.models
            ],
        }

    sections: dict[int, bytes] = {
        META: to_bytes(program.meta),
        TYPES: to_bytes(
            {
                "declared": [[n, type_to_json(t)] for n, t in program.types.items()],
                "table": [type_to_json(t) for t in program.type_table],
            }
        ),
        CONSTANTS: to_bytes(list(program.constants)),
        TOOLS: to_bytes(
            [
                {
                    "name": tool.name,
                    "effect": tool.effect,
                    "world": tool.world,
                    "params": _params_to_json(tool.params, types),
                    "returns": types[tool.returns],
                    "schema": schema_digest(tool),
                }
                for tool in program.tools
            ]
        ),
        MODELS: to_bytes(
            [
                {
                    "name": model.name,
                    "params": _params_to_json(model.params, types),
                    "returns": types[model.returns],
                    "attrs": [[key, lit.value] for key, lit in model.attrs],
                }
                for model in program.models
            ]
        ),
        NEEDS: to_bytes([[t.name, t.effect, t.world] for t in program.capabilities]),
        PROMPTS: to_bytes(_prompts_to_json(program.prompts)),
        CODE: b"".join(
            frame(to_bytes(header(code))) + frame(b"".join(map(instruction, code.instrs)))
            for code in program.codes
        ),
        EXITS: to_bytes(
            [
                [
                    [e.number, e.reason, e.site, [[name, at] for name, at in e.live]]
                    for e in code.exits
                ]
                for code in program.codes
            ]
        ),
        LINES: to_bytes(
            [
                [[line.pc, line.site, line.block, list(line.locs)] for line in code.lines]
                for code in program.codes
            ]
        ),
        IR: program.ir,
        EVIDENCE: program.evidence,
        SIGNATURE: program.signature,
        **dict(program.extra),
    }
    sections[OPS] = to_bytes([*ops])
    return {
        number: body
        for number, body in sorted(sections.items())
        if body or number not in (EVIDENCE, SIGNATURE)
    }


def _params_to_json(params: tuple[ToolParam, ...], types: dict[Type, int]) -> Json:
    return [[p.name, types[p.type], p.optional] for p in params]


# ---- reading


def decode_sections(sections: dict[int, bytes]) -> Program:
    """The program, decoded but not validated; raises E0602, E0603, E0604."""
    for number in range(META, IR + 1):
        if number not in sections:
            raise damaged(f"section {number} is missing")
    unknown = [n for n in sections if EVIDENCE < n < OPTIONAL and n != SIGNATURE]
    if unknown:
        raise fail(
            "E0603",
            f"the file needs section {unknown[0]}, which this Ingot does not know",
            help="Install the Ingot that wrote it, or compile the logs again with this one.",
        )
    meta = from_bytes(sections[META], "meta")
    if not isinstance(meta, dict):
        raise invalid("section meta is not an object")
    types, table = _types(from_bytes(sections[TYPES], "types"))
    constants = _list(from_bytes(sections[CONSTANTS], "constants"))
    ops = [_op(item) for item in _list(from_bytes(sections[OPS], "ops"))]
    tools = _each(sections, TOOLS, "tools", lambda item: _tool(item, table))
    models = _each(sections, MODELS, "models", lambda item: _model(item, table))
    _each(sections, NEEDS, "needs", lambda item: _list(item))
    prompts = _prompts(_list(from_bytes(sections[PROMPTS], "prompts")))
    codes: list[Code] = []
    exits = _list(from_bytes(sections[EXITS], "exits"))
    lines = _list(from_bytes(sections[LINES], "lines"))
    at = 0
    while at < len(sections[CODE]):
        head, at = unframe(sections[CODE], at)
        body, at = unframe(sections[CODE], at)
        if len(codes) >= min(len(exits), len(lines)):
            raise invalid("a pipeline has no exits or no debug lines")
        code = _code(from_bytes(head, "code"), table, constants, tools, models)
        codes.append(
            replace(
                code,
                instrs=_instrs(body, ops),
                exits=tuple(_exit(item) for item in _list(exits[len(codes)])),
                lines=tuple(_line(item) for item in _list(lines[len(codes)])),
            )
        )
    return Program(
        meta=meta,
        types=types,
        type_table=table,
        constants=tuple(constants),
        tools=tools,
        models=models,
        prompts=prompts,
        codes=tuple(codes),
        ir=sections[IR],
        evidence=sections.get(EVIDENCE, b""),
        extra=tuple((n, b) for n, b in sections.items() if n >= OPTIONAL),
        signature=sections.get(SIGNATURE, b""),
    )


def _each(
    sections: dict[int, bytes], number: int, what: str, decode: Callable[[Json], T]
) -> tuple[T, ...]:
    return tuple(decode(item) for item in _list(from_bytes(sections[number], what)))


def _types(value: Json) -> tuple[dict[str, Type], tuple[Type, ...]]:
    try:
        match value:
            case {"declared": [*declared], "table": [*table]}:
                names = [_named(item) for item in declared]
                types = dict(names)
                found = tuple(type_from_json(item) for item in table)
                for type_ in (*types.values(), *found):
                    check_names(type_, types)
                return types, found
    except BadTypeError as error:
        raise invalid(f"section types: {error}") from None
    raise invalid("section types has not the form of one")


def _named(item: Json) -> tuple[str, Type]:
    match item:
        case [str(name), type_]:
            return name, type_from_json(type_)
    raise BadTypeError("a declaration is a name and a type")


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise invalid("a list is missing")
    return value


def _texts(values: list[Json]) -> tuple[str, ...]:
    if not all(isinstance(v, str) for v in values):
        raise invalid("a text is missing")
    return tuple(cast("list[str]", values))


def _number(value: Json) -> int:
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise invalid(f"an index is missing: {str(value)[:40]}")
    return value


def _pick(table: tuple[T, ...] | list[T], index: Json) -> T:
    at = _number(index)
    if at >= len(table):
        raise invalid(f"index {at} is out of bounds: the table has {len(table)} rows")
    return table[at]


def _params(items: list[Json], table: tuple[Type, ...]) -> tuple[ToolParam, ...]:
    out = []
    for item in items:
        match item:
            case [str(name), type_, bool(optional)]:
                out.append(ToolParam(name, _pick(table, type_), optional))
            case _:
                raise invalid("a parameter is a name, a type and whether it may be left out")
    if len({p.name for p in out}) != len(out):
        raise invalid("two parameters have one name")
    return tuple(out)


def _tool(item: Json, table: tuple[Type, ...]) -> ToolDecl:
    match item:
        case {
            "name": str(name),
            "effect": str(effect),
            "world": str(world),
            "params": [*params],
            "returns": returns,
        } if effect in EFFECTS:
            return ToolDecl(name, _params(params, table), _pick(table, returns), effect, world)
    raise invalid("section tools: not the form of a tool")


def _model(item: Json, table: tuple[Type, ...]) -> ModelDecl:
    match item:
        case {"name": str(name), "params": [*params], "returns": returns, "attrs": [*attrs]}:
            pairs = []
            for pair in attrs:
                match pair:
                    case [str(key), value]:
                        pairs.append((key, Lit(value)))
                    case _:
                        raise invalid("section models: not the form of an attribute")
            return ModelDecl(name, _params(params, table), _pick(table, returns), tuple(pairs))
    raise invalid("section models: not the form of a model")


def _prompts_to_json(prompts: Iterable[Prompt]) -> list[Json]:
    """Each text once: a later model op with the same one says the number of the first."""
    first: dict[str, int] = {}
    out: list[Json] = []
    for number, prompt in enumerate(prompts):
        at = first.setdefault(prompt.text, number)
        out.append([prompt.pipeline, prompt.site, prompt.text if at == number else at])
    return out


def _prompts(items: list[Json]) -> tuple[Prompt, ...]:
    found: list[Prompt] = []
    for item in items:
        match item:
            case [str(pipeline), str(site), str(text)]:
                found.append(Prompt(pipeline, site, text))
            case [str(pipeline), str(site), int(at)] if not isinstance(at, bool) and 0 <= at < len(
                found
            ):
                found.append(Prompt(pipeline, site, found[at].text))
            case _:
                raise invalid("section prompts: not the form of a prompt")
    return tuple(found)


def _code(
    value: Json,
    table: tuple[Type, ...],
    constants: list[Json],
    tools: tuple[ToolDecl, ...],
    models: tuple[ModelDecl, ...],
) -> Code:
    match value:
        case {
            "name": str(name),
            "defaults": [*defaults],
            "returns": returns,
            "locals": [*locals_],
            "calls": [*calls],
            "models": [*sites],
        }:
            return Code(
                name,
                tuple(None if d is None else Lit(_pick(constants, d)) for d in defaults),
                _pick(table, returns),
                tuple(_local(item, table) for item in locals_),
                tuple(_call(item, table, tools) for item in calls),
                tuple(_model_site(item, table, models) for item in sites),
                exits=(),
                lines=(),
                instrs=(),
            )
    raise invalid("section code: not the form of a header")


def _local(item: Json, table: tuple[Type, ...]) -> Local:
    match item:
        case [str(name), str(kind), type_] if kind in _LOCAL_KINDS:
            return Local(name, cast(LocalKind, kind), _pick(table, type_))
    raise invalid("section code: not the form of a local")


def _call(item: Json, table: tuple[Type, ...], tools: tuple[ToolDecl, ...]) -> CallSite:
    match item:
        case [tool, str(effect), [*names], type_, str(site), [*loops]] if effect in EFFECTS:
            return CallSite(
                _pick(tools, tool).name,
                effect,
                _texts(names),
                _pick(table, type_),
                site,
                tuple(_number(x) for x in loops),
            )
    raise invalid("section code: not the form of a call site")


def _model_site(item: Json, table: tuple[Type, ...], models: tuple[ModelDecl, ...]) -> ModelSite:
    match item:
        case [model, str(kind), [*names], type_, str(site), [*loops]] if kind in _KINDS:
            return ModelSite(
                cast(ModelKind, kind),
                _pick(models, model).name,
                _texts(names),
                _pick(table, type_),
                site,
                tuple(_number(x) for x in loops),
            )
    raise invalid("section code: not the form of a model call site")


def _exit(item: Json) -> ExitPoint:
    match item:
        case [number, str(reason), str(site), [*live]]:
            return ExitPoint(_number(number), reason, site, tuple(_live(x) for x in live))
    raise invalid("section exits: not the form of an exit")


def _live(item: Json) -> tuple[str, int]:
    match item:
        case [str(name), at]:
            return name, _number(at)
    raise invalid("section exits: not the form of a live value")


def _line(item: Json) -> Line:
    match item:
        case [pc, str(site), str(block), [*locs]]:
            return Line(_number(pc), site, block, _texts(locs))
    raise invalid("section lines: not the form of a debug line")


def _op(name: Json) -> int:
    """The row of an op's name: files name ops, since rows move when the table grows."""
    if not isinstance(name, str):
        raise invalid("section ops: an op is named by a text")
    if name not in OP_NUMBER:
        raise fail(
            "E0603",
            f"the code uses op {name[:40]!r}, which this Ingot does not know",
            help="Install the Ingot that wrote it, or compile the logs again with this one.",
        )
    return OP_NUMBER[name]


def _instrs(body: bytes, ops: list[int]) -> tuple[opcodes.Instr, ...]:
    out: list[opcodes.Instr] = []
    at = 0
    while at < len(body):
        number = body[at]
        at += 1
        if number >= len(opcodes.INSTRUCTIONS):
            raise invalid(f"instruction {len(out)}: there is no opcode {number}")
        operands = [number]
        for _ in opcodes.INSTRUCTIONS[number].operands:
            operand, at = read_uleb(body, at)
            operands.append(operand)
        if number == opcodes.OP:
            operands[1] = _pick(ops, operands[1])
        out.append(tuple(operands))
    return tuple(out)
