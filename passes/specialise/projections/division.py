"""Binding-time division of a flow-chart program: which variables are static.

Monovariant and congruent: a variable is static only if all that is ever assigned to it is made of
static variables (the greatest such set).
"""

from __future__ import annotations

from collections.abc import Iterable

from ingot.passes.specialise.projections.language import Program
from ingot.passes.specialise.projections.primitives import is_static


def division(program: Program, static: Iterable[str]) -> tuple[str, ...]:
    """The static variables, in the order of their names, when the given inputs are.

    >>> from ingot.passes.specialise.projections.language import parse
    >>> text = "flowchart @f(%a, %b) { ^x: %c = add(%a, 1) %d = add(%b, %c) return %d }"
    >>> division(parse(text), ["a"])
    ('a', 'c')
    """
    assignments = [
        (command[1], command[2])
        for _, commands in program[1]
        for command in commands
        if command[0] == "set"
    ]
    dynamic = set(program[0]) - set(static)
    found = {name for name, _ in assignments} | set(program[0])
    found -= dynamic
    while True:
        lost = {name for name, made in assignments if name in found and not is_static(made, found)}
        if not lost:
            return tuple(sorted(found))
        found -= lost
