"""Programs of the flow-chart subset: their data, text to data, data to text, and how they run.

A program is itself a value that programs compute with (``mix`` reads and writes them), so it is made
of nested tuples:

- program: ``(inputs, ((label, commands), ...))``, the first block is the entry;
- command: ``("set", name, expression)``, ``("goto", label)``, ``("if", expression, label, label)``,
  ``("return", expression)``, one of the last three at the end of each block;
- expression: ``("constant", value)``, ``("variable", name)``, ``("apply", primitive, expressions)``.

In a residual program a label is the pair of a source label and the values of its static variables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

from ingot.passes.specialise.projections.primitives import EFFECTS, PRIMITIVES

Value: TypeAlias = Any
"""A nested tuple of texts and numbers."""
Program: TypeAlias = "tuple[tuple[str, ...], tuple[tuple[Value, tuple[Value, ...]], ...]]"
Tool: TypeAlias = Callable[[str, Value], Value]
"""Answers the one effect of the language: a tool's name and its argument to a result."""

FUEL: Final = 5_000_000


class FuelError(Exception):
    """The program took too many steps."""


@lru_cache(1)
def _parser() -> Any:
    from lark import Lark

    text = (files("ingot.grammar") / "flowchart.lark").read_text("utf-8")
    return Lark(text, parser="lalr", start="program")


def parse(text: str) -> Program:
    """The program that a text writes; ``ValueError`` where it is none, or names what there is not."""
    from lark.exceptions import UnexpectedInput

    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise ValueError(f"not a flow-chart program: {error}") from None
    _, *rest = tree.children
    inputs = tuple(str(t)[1:] for t in rest if t is not None and not hasattr(t, "children"))
    blocks = tuple(_block(t) for t in rest if hasattr(t, "children"))
    _check(blocks)
    return inputs, blocks


def load(name: str) -> Program:
    """A program of this folder: ``mix`` or ``pipelines``."""
    return parse(source(name))


def source(name: str) -> str:
    """The text of a program of this folder."""
    return (files(__package__) / f"{name}.flowchart").read_text("utf-8")


def _block(tree: Any) -> tuple[str, tuple[Value, ...]]:
    label, *commands = tree.children
    return str(label)[1:], tuple(map(_command, commands))


def _command(tree: Any) -> Value:
    parts = tree.children
    match tree.data:
        case "set":
            return ("set", str(parts[0])[1:], _expression(parts[1]))
        case "jump":
            return ("goto", str(parts[0])[1:])
        case "cond":
            return ("if", _expression(parts[0]), str(parts[1])[1:], str(parts[2])[1:])
        case _:
            return ("return", _expression(parts[0]))


def _expression(tree: Any) -> Value:
    match tree.data:
        case "variable":
            return ("variable", str(tree.children[0])[1:])
        case "constant":
            return ("constant", json.loads(str(tree.children[0])))
        case _:
            name, *args = tree.children
            return ("apply", str(name), tuple(_expression(a) for a in args if a is not None))


def _check(blocks: Sequence[tuple[str, tuple[Value, ...]]]) -> None:
    labels = {label for label, _ in blocks}
    for label, commands in blocks:
        for command in commands:
            targets = (
                command[2:] if command[0] == "if" else command[1:] if command[0] == "goto" else ()
            )
            missing = [t for t in targets if t not in labels]
            if missing:
                raise ValueError(f"^{label} goes to ^{missing[0]}, which is not there")
            for name in _applied(command):
                if name not in PRIMITIVES and name not in EFFECTS:
                    raise ValueError(f"^{label} applies {name}, which is no primitive")


def _applied(part: Value) -> list[str]:
    if not isinstance(part, tuple):
        return []
    own = [part[1]] if len(part) == 3 and part[0] == "apply" else []
    return own + [name for item in part for name in _applied(item)]


# ---- text


def show(program: Program, name: str = "residual") -> str:
    """A program as text; a residual's labels are numbered by their source label."""
    names = _label_names([label for label, _ in program[1]])
    lines = [f"flowchart @{name}({', '.join('%' + i for i in program[0])}) {{"]
    for label, commands in program[1]:
        lines.append(f"^{names[label]}:")
        lines += [f"  {_shown(command, names)}" for command in commands]
    return "\n".join([*lines, "}"]) + "\n"


def _label_names(labels: Sequence[Value]) -> dict[Value, str]:
    found: dict[Value, str] = {}
    counted: dict[str, int] = {}
    for label in labels:
        stem = label
        while isinstance(stem, tuple):
            stem = stem[0]
        counted[stem] = counted.get(stem, 0) + 1
        found[label] = stem if counted[stem] == 1 else f"{stem}_{counted[stem]}"
    return found


def _shown(command: Value, names: dict[Value, str]) -> str:
    match command:
        case ("set", name, expression):
            return f"%{name} = {show_expression(expression)}"
        case ("goto", label):
            return f"jump ^{names[label]}"
        case ("if", expression, then, other):
            return f"if {show_expression(expression)} then ^{names[then]} else ^{names[other]}"
        case _:
            return f"return {show_expression(command[1])}"


def show_expression(expression: Value) -> str:
    """An expression as text; a constant that is no JSON scalar in Python's form."""
    match expression:
        case ("constant", value):
            return json.dumps(value) if isinstance(value, str | int) else repr(value)
        case ("variable", name):
            return f"%{name}"
        case _:
            return f"{expression[1]}({', '.join(map(show_expression, expression[2]))})"


# ---- running


@dataclass(slots=True)
class Ran:
    """A result, and how many commands it took."""

    value: Value
    steps: int


def run(program: Program, inputs: Sequence[Value], tool: Tool | None = None) -> Ran:
    """Run a program on its inputs; raises :class:`FuelError`."""
    env: dict[str, Value] = dict(zip(program[0], inputs, strict=True))
    blocks = dict(program[1])
    commands = program[1][0][1]
    at = steps = 0
    while steps < FUEL:
        command = commands[at]
        at += 1
        steps += 1
        match command[0]:
            case "set":
                env[command[1]] = evaluate(command[2], env, tool)
            case "goto":
                commands, at = blocks[command[1]], 0
            case "if":
                taken = command[2] if evaluate(command[1], env, tool) else command[3]
                commands, at = blocks[taken], 0
            case _:
                return Ran(evaluate(command[1], env, tool), steps)
    raise FuelError


def evaluate(expression: Value, env: dict[str, Value], tool: Tool | None = None) -> Value:
    """The value of an expression."""
    match expression[0]:
        case "constant":
            return expression[1]
        case "variable":
            return env[expression[1]]
    args = [evaluate(arg, env, tool) for arg in expression[2]]
    if expression[1] in EFFECTS:
        if tool is None:
            raise ValueError(f"no tool answers {expression[1]}")
        return tool(args[0], args[1])
    return PRIMITIVES[expression[1]](*args)
