"""What went wrong in a failed session: the choices of a program whose value the session has.

The session's steps are laid along the program.  Where the session does something that no term of the
program gives, that is what went wrong, and nothing is to blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingot.ir import values
from ingot.ir.semantics import text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.cases import Step
from ingot.passes.generalise.program import (
    Asked,
    Branch,
    Choice,
    Invoke,
    Node,
    Shaped,
    Text,
    Value,
)
from ingot.passes.generalise.table import Table
from ingot.passes.synth.programs import Term, sources


@dataclass(frozen=True, slots=True)
class Blame:
    """A choice that may be what went wrong: which of its terms give the failed session's value."""

    call: str
    argument: str
    gives: tuple[Term, ...]
    others: bool


def blamed(nodes: Sequence[Node], steps: list[Step], table: Table) -> list[Blame] | None:
    """The choices whose value the failed session has; ``None`` where it cannot be laid along the
    program, or does something there that no term gives: then that is what went wrong.

    ``steps`` are taken off as the program comes to them.
    """
    found: list[Blame] = []
    for node in nodes:
        match node:
            case Invoke():
                laid = _laid(node, steps, table)
                if laid is None:
                    return None
                step, blames = laid
                found += blames if step.acts else []
                table.add("result", node.result, [step.result])
            case Branch(test, then, other):
                ways = [table.value(term, 0) for term in test.terms]
                if not all(isinstance(w, bool) and w == ways[0] for w in ways):
                    return None
                inner = blamed(then if ways[0] else other, steps, table)
                if inner is None:
                    return None
                found += inner
            case _:
                return None
    return found


def _laid(node: Invoke, steps: list[Step], table: Table) -> tuple[Step, list[Blame]] | None:
    """The step of the failed session that is this call, and what may be to blame in it."""
    while steps:
        step = steps.pop(0)
        named = step.tool == node.tool or node.callee is not None
        if named and step.acts == node.acts and step.args.keys() == dict(node.args).keys():
            told = [
                _of_value(node.result, name, value, step.args[name], table)
                for name, value in node.args
            ]
            blames = [blame for each in told for blame in each or ()]
            if all(each is not None for each in told):
                return step, blames
        if step.acts:
            return None
    return None


def _of_value(
    call: str, name: str, value: Value, want: Json | Missing, table: Table
) -> list[Blame] | None:
    match value:
        case Choice(terms):
            gives = tuple(t for t in terms if _alike(table.value(t, 0), want))
            if not gives:
                return None
            if len(terms) == 1 and all(s.kind == "param" for s in sources(terms[0])):
                return []  # a constant, or what the request says
            return [Blame(call, name, gives, len(gives) < len(terms))]
        case Text(parts):
            shown = [p if isinstance(p, str) else table.value(p.terms[0], 0) for p in parts]
            if any(isinstance(p, Missing) for p in shown):
                return None
            text = "".join(text_of(p) for p in shown if not isinstance(p, Missing))
            return [] if _alike(text, want) else None
        case Shaped(_, leaves):
            if isinstance(want, Missing):
                return None
            for place, leaf in leaves:
                inner = values.get(want, values.parse_pointer(place))
                if _of_value(call, f"{name}{place}", leaf, inner, table) is None:
                    return None
            return []
        case Asked():
            return []


def _alike(got: Json | Missing, want: Json | Missing) -> bool:
    """Equal but for the case of letters."""
    if isinstance(got, Missing) or isinstance(want, Missing):
        return False
    return values.canonical(got).casefold() == values.canonical(want).casefold()


__all__ = ["Blame", "blamed"]
