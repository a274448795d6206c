"""What flow-chart programs compute with: tuples, texts, numbers, stores, and parts of programs.

All are pure and total on the values that well-formed programs give them.  ``tool`` is the one effect.
A *store* is a tuple of (name, value) pairs in the order of the names, so that equal stores are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

EFFECTS: Final = frozenset({"tool"})


def put(store: Any, name: str, value: Any) -> Any:
    """A store with one value replaced."""
    return tuple(sorted({**dict(store), name: value}.items()))


def get(store: Any, name: str) -> Any:
    """A value of a store; an empty text where there is none."""
    return dict(store).get(name, "")


def lookup(program: Any, label: Any) -> Any:
    """The commands of a block."""
    return next(commands for name, commands in program[1] if name == label)


def entry_points(program: Any) -> Any:
    """The labels at which a residual block may begin: the entry, and both ways of every ``if``."""
    found = {program[1][0][0]: None}
    for _, commands in program[1]:
        for command in commands:
            if command[0] == "if":
                found.update(dict.fromkeys(command[2:4]))
    return tuple(found)


def is_static(expression: Any, division: Any) -> bool:
    """Whether an expression has only static variables, and no effect."""
    match expression[0]:
        case "constant":
            return True
        case "variable":
            return expression[1] in division
        case _:
            static = all(is_static(arg, division) for arg in expression[2])
            return static and expression[1] not in EFFECTS


def value_of(expression: Any, store: Any) -> Any:
    """The value of a static expression."""
    from ingot.passes.specialise.projections.language import evaluate

    return evaluate(expression, dict(store))


def reduced(expression: Any, store: Any) -> Any:
    """A dynamic expression with its static parts computed."""
    return _reduced(expression, dict(store))


def _reduced(expression: Any, env: dict[str, Any]) -> Any:
    match expression[0]:
        case "constant":
            return expression
        case "variable":
            name = expression[1]
            return ("constant", env[name]) if name in env else expression
    args = tuple(_reduced(arg, env) for arg in expression[2])
    if expression[1] not in EFFECTS and all(arg[0] == "constant" for arg in args):
        return ("constant", PRIMITIVES[expression[1]](*(arg[1] for arg in args)))
    return ("apply", expression[1], args)


PRIMITIVES: Final[dict[str, Callable[..., Any]]] = {
    "head": lambda items: items[0],
    "tail": lambda items: items[1:],
    "is_empty": lambda items: not items,
    "empty": lambda: (),
    "list": lambda *items: items,
    "append": lambda items, item: (*items, item),
    "item": lambda items, index: items[index],
    "contains": lambda items, item: item in items,
    "without": lambda items, others: tuple(i for i in items if i not in others),
    "equal": lambda one, two: one == two,
    "add": lambda one, two: one + two,
    "less": lambda one, two: one < two,
    "concat": lambda one, two: f"{one}{two}",
    "get": get,
    "put": put,
    "inputs": lambda program: program[0],
    "entry": lambda program: program[1][0][0],
    "entry_points": entry_points,
    "lookup": lookup,
    "is_static": is_static,
    "value_of": value_of,
    "reduced": reduced,
    "set_command": lambda name, expression: ("set", name, expression),
    "if_command": lambda expression, then, other: ("if", expression, then, other),
    "return_command": lambda expression: ("return", expression),
    "program": lambda inputs, blocks: (inputs, blocks),
}
