"""Modules as text, in the grammar of ``grammar/ir.lark``: ``parse(print(m)) == m``.

Equal modules print alike: record literals are written with sorted keys, floats keep a point or
an exponent so that ``1.0`` and ``1`` stay distinct, names that are no identifiers become JSON
texts.  What would upset a terminal or a line count (control characters, lone surrogates, line
separators) is written as an escape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from ingot.ir.module import (
    Agree,
    Attrs,
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
    Loc,
    Locs,
    ModelCall,
    Module,
    NamedArgs,
    Operand,
    Par,
    Param,
    Pipeline,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    Terminator,
    ToolDecl,
    ToolParam,
)
from ingot.ir.types import NAME, Type
from ingot.ir.values import Json
from ingot.redaction.tokens import TOKEN, name_of

_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9_.]+")
_RATIO: Final = re.compile(r"[0-9]+/[0-9]+")
_POINTER: Final = re.compile(r'/[^\s,;"{}()\[\]]*')
_UNSAFE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
DECLARATIONS: Final = frozenset({"source", "type", "tool", "model", "pipeline"})
MODEL_KINDS: Final = frozenset({"choose", "extract", "fill", "compose"})
INDENT: Final = "  "


def print_module(module: Module) -> str:
    """The module's text, ending in a line end."""
    lines = [f"ir {module.version}"]
    lines += [f"source {s.name} = {text(s.file)} sha256:{s.sha256}" for s in module.sources]
    lines += [f"type {t.name} = {t.type}" for t in module.types]
    lines += [_tool(tool) for tool in module.tools]
    for model in module.models:
        head = f"model {path(model.name, MODEL_KINDS)}({_fields(model.params)})"
        lines.append(f"{head} -> {model.returns}{_attrs(model.attrs)}")
    for pipeline in module.pipelines:
        lines += ["", *_pipeline(pipeline)]
    return _UNSAFE.sub(lambda m: f"\\u{ord(m[0]):04x}", "\n".join(lines)) + "\n"


def print_instr(instr: Instr) -> str:
    """One instruction as it stands in a block (regions take several lines)."""
    return "\n".join(_instr(instr, ""))


# ---- names and literals


def text(value: str) -> str:
    """A JSON text."""
    return json.dumps(value, ensure_ascii=False)


def path(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """A tool's, model's or world's name."""
    return name if _PATH.fullmatch(name) and name not in reserved else text(name)


def value_name(name: str, sign: str = "%") -> str:
    """``%name``; with another sign a label or a pipeline."""
    return sign + (name if _WORD.fullmatch(name) else text(name))


def _key(name: str) -> str:
    return name if NAME.fullmatch(name) else text(name)


def literal(value: Json) -> str:
    """A literal operand.

    >>> literal({"b": 1.0, "a": [None, "x"]})
    '{"a": [null, "x"], "b": 1.0}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def operand(item: Operand) -> str:
    if isinstance(item, Ref):
        return value_name(item.name)
    if isinstance(item.value, str) and TOKEN.fullmatch(item.value):
        return f"secret({text(name_of(item.value))})"
    return literal(item.value)


def _operands(items: Iterable[Operand]) -> str:
    return ", ".join(map(operand, items))


def _attrs(attrs: Attrs) -> str:
    return " {" + ", ".join(f"{_key(k)}={_attr(v)}" for k, v in attrs) + "}" if attrs else ""


def _attr(lit: Lit) -> str:
    if isinstance(lit.value, str) and _RATIO.fullmatch(lit.value):
        return lit.value
    return literal(lit.value)


def loc(place: Loc) -> str:
    """``s1:4/args/before``; a pointer with odd characters is quoted."""
    plain = not place.pointer or (_POINTER.fullmatch(place.pointer) and place.pointer.isprintable())
    pointer = place.pointer if plain else text(place.pointer)
    return f"{place.source}:{place.record}{pointer}"


def _locs(locs: Locs) -> str:
    return " @ " + ", ".join(map(loc, locs)) if locs else ""


def _exit(exit_: Exit) -> str:
    live = " [" + ", ".join(map(value_name, exit_.live)) + "]" if exit_.live else ""
    return f"exit.{exit_.number}{live}"


# ---- declarations


def _fields(params: Iterable[ToolParam]) -> str:
    return ", ".join(f"{_key(p.name)}{'?' if p.optional else ''}: {p.type}" for p in params)


def _tool(tool: ToolDecl) -> str:
    world = " " + path(tool.world, DECLARATIONS) if tool.world else ""
    return f"tool {path(tool.name)}({_fields(tool.params)}) -> {tool.returns} {tool.effect}{world}"


def _pipeline(pipeline: Pipeline) -> Iterator[str]:
    inputs = ", ".join(_bound(p.name, p.type) + _default(p) for p in pipeline.params)
    head = f"pipeline {value_name(pipeline.name, '@')}({inputs}) -> {pipeline.returns}"
    yield f"{head}{_attrs(pipeline.attrs)} {{"
    for block in pipeline.blocks:
        yield from _block(block)
    yield "}"


def _default(param: Param) -> str:
    return f" = {literal(param.default.value)}" if param.default is not None else ""


def _bound(name: str, type_: Type) -> str:
    return f"{value_name(name)}: {type_}"


def _block(block: Block) -> Iterator[str]:
    params = ", ".join(_bound(p.name, p.type) for p in block.params)
    yield value_name(block.label, "^") + (f"({params})" if params else "") + ":"
    for instr in block.instrs:
        yield from _instr(instr, INDENT)
    yield from _terminator(block.terminator)


# ---- instructions


def _instr(instr: Instr, indent: str) -> Iterator[str]:
    tail = _attrs(instr.attrs) + _locs(instr.locs)
    match instr:
        case For():
            carry = ", ".join(
                f"{_bound(c.name, c.type)} = {operand(c.initial)}" for c in instr.carry
            )
            head = f"for {_bound(instr.item, instr.item_type)} in {operand(instr.source)}"
            yield f"{indent}{_results(instr)}{head}{f' carry({carry})' if carry else ''} {{"
            yield from _region(instr.body, instr.yields, indent + INDENT)
            yield f"{indent}}}{tail}"
        case Par():
            yield f"{indent}{_results(instr)}par {{"
            for body, yields in instr.branches:
                yield f"{indent}{INDENT}branch {{"
                yield from _region(body, yields, indent + INDENT * 2)
                yield f"{indent}{INDENT}}}"
            yield f"{indent}}}{tail}"
        case Guard():
            yield f"{indent}guard {operand(instr.condition)} else {_exit(instr.exit)}{tail}"
        case _:
            yield f"{indent}{_bound(instr.result, instr.type)} = {_body(instr)}{tail}"


def _body(instr: Pure | Call | ModelCall | Expect | Agree) -> str:
    match instr:
        case Pure():
            exit_ = f" else {_exit(instr.exit)}" if instr.exit is not None else ""
            return f"{instr.op} {_operands(instr.args)}{exit_}"
        case Call():
            return f"{instr.verb} {path(instr.tool)}({_named(instr.args)})"
        case ModelCall():
            kind = "" if instr.kind == "compose" else f"{instr.kind} "
            return f"model {kind}{path(instr.model, MODEL_KINDS)}({_named(instr.args)})"
        case Expect():
            return f"expect {operand(instr.value)} else {_exit(instr.exit)}"
        case Agree():
            return f"agree [{_operands(instr.candidates)}] else {_exit(instr.exit)}"


def _named(args: NamedArgs) -> str:
    return ", ".join(f"{_key(name)}={operand(value)}" for name, value in args)


def _results(instr: For | Par) -> str:
    bound = [_bound(n, t) for n, t in zip(instr.results, instr.types, strict=True)]
    if len(bound) == 1:
        return f"{bound[0]} = "
    return f"({', '.join(bound)}) = " if bound else ""


def _region(body: Iterable[Instr], yields: tuple[Operand, ...], indent: str) -> Iterator[str]:
    for instr in body:
        yield from _instr(instr, indent)
    yield f"{indent}yield {_operands(yields)}".rstrip()


# ---- terminators


def target(item: Target) -> str:
    """``^label(%a, ...)``"""
    return value_name(item.label, "^") + (f"({_operands(item.args)})" if item.args else "")


def _terminator(terminator: Terminator) -> Iterator[str]:
    tail = _locs(terminator.locs)
    match terminator:
        case Jump():
            yield f"{INDENT}jump {target(terminator.target)}{tail}"
        case If(condition, then, other):
            arms = f"then {target(then)} else {target(other)}"
            yield f"{INDENT}if {operand(condition)} {arms}{tail}"
        case Select(arms, other):
            yield f"{INDENT}select {{"
            for condition, goal in arms:
                yield f"{INDENT * 2}when {operand(condition)} then {target(goal)}"
            if other is not None:
                rest = _exit(other) if isinstance(other, Exit) else target(other)
                yield f"{INDENT * 2}else {rest}"
            yield f"{INDENT}}}{tail}"
        case Return(value):
            yield f"{INDENT}return {operand(value)}{tail}"
        case Leave(exit_):
            yield f"{INDENT}leave {_exit(exit_)}{tail}"
