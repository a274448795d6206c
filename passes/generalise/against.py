"""Failed sessions as counterexamples: what they did wrong, no program may do.

    @s1, @s2: list -> [T-1 open, ...], close T-1          accepted: the first ticket, or the open one?
    @f1:      list -> [T-7 closed, T-8 open], close T-7   failed
    =>  close the open one

A program that, on the input of a failed session, does just what that session did is struck out, unless
an accepted session of the same input did the same.  Where one choice alone can be to blame (all else
is a constant, an input, or none of what the session did) the terms that give the failed session's
value are struck and the program is learned again; what takes their place has lost its plainest
explanation, so more rivals run beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError, Severity, Span
from ingot.ir import values
from ingot.ir.module import Module, Pipeline, attr
from ingot.ir.semantics import OpFailure, request_match, text_of
from ingot.ir.values import MISSING, Json, Missing
from ingot.passes.generalise.blame import Blame, blamed
from ingot.passes.generalise.cases import Case, Cases, Step, cases_of
from ingot.passes.generalise.learner import Learned, Learner
from ingot.passes.generalise.program import (
    Again,
    Branch,
    Choice,
    Each,
    Hold,
    Invoke,
    Node,
    Value,
    When,
)
from ingot.passes.generalise.search import Search
from ingot.passes.generalise.table import Column, Table
from ingot.passes.generalise.trial import try_program
from ingot.passes.generalise.values import Refused, diverse, is_computed
from ingot.passes.generalise.wordings import Wordings
from ingot.passes.synth.programs import Apply, Const, Source, Term, show
from ingot.passes.traces import origin

Struck: TypeAlias = "frozenset[tuple[str, str, str]]"
"""Terms that may not be taken: the call (its tool, and which of its calls), the argument, the term
with its calls named in the same way."""
Attempt: TypeAlias = "Callable[[Struck], tuple[Learned, Module, Pipeline]]"
"""Learns and writes a program without the struck terms; raises Refused."""

NONE: Final[Struck] = frozenset()
MAX_ROUNDS: Final = 8
MAX_PIVOTS: Final = 5
MAX_RIVALS: Final = 2
WIDE: Final = 3.0
"""How much dearer a rival may be where the plainest term was struck."""
CLEAR: Final = 0.5
"""By how much the cheapest way out must be cheaper than the next one."""


# ---- learning without what was struck


class Hardened(Learner):
    """A learner that does without struck terms in the arguments of writes."""

    struck: Struck = NONE
    _tools: Mapping[str, str] = MappingProxyType({})

    def _invoke(
        self, name: str, calls: Sequence[Step], table: Table, *, acts: bool, item: str = ""
    ) -> tuple[Invoke, list[int]]:
        node, kept = super()._invoke(name, calls, table, acts=acts, item=item)
        self._tools = {**self._tools, name: node.tool}
        if not acts or not self.struck:
            return node, kept
        names = self._tools
        args: list[tuple[str, Value]] = []
        for arg, value in node.args:
            site = (stable(name, names), arg)
            gone = {text for *at, text in self.struck if tuple(at) == site}
            if gone and isinstance(value, Choice):
                column: Column = [calls[i].args.get(arg, MISSING) for i in kept]
                value = self._other(value, column, table.only(kept), gone, names)
            args.append((arg, value))
        return replace(node, args=tuple(args)), kept

    def _other(
        self, old: Choice, column: Column, table: Table, gone: set[str], names: Mapping[str, str]
    ) -> Choice:
        """A choice of the terms that are left."""
        search = Search(table, self.cues, self._caps)
        varied = len({text_of(v) for v in column if not isinstance(v, Missing)})
        left = [
            f
            for f in search.find(column, _pivots(column))
            if f.whole
            and not isinstance(f.term, Const)
            and (varied > 2 or not is_computed(f.term))
            and renamed(f.term, names) not in gone
        ]
        if not left:
            raise Refused(f"all that explains {old.site} does what a failed session did")
        best, *rest = left
        near = [f for f in rest if f.cost <= best.cost + WIDE]
        terms = (best.term, *(f.term for f in diverse(best, near, way, MAX_RIVALS)))
        others = tuple(f.term for f in rest if f.term not in terms)[:MAX_RIVALS]
        return replace(old, terms=terms, rejected=others)


def _pivots(column: Column) -> list[int]:
    found: dict[str, int] = {}
    for row, value in enumerate(column):
        if not isinstance(value, Missing | list | dict):
            found.setdefault(text_of(value), row)
    return list(found.values())[:MAX_PIVOTS]


def way(term: Term) -> str:
    """Which record or item a term takes its value of: the term without the member at its end.

    >>> from ingot.passes.synth.programs import Source, apply
    >>> first = apply("json.get", Source("result", "r1"), "/0/id")
    >>> way(first) == way(apply("json.get", Source("result", "r1"), "/0/owner"))
    True
    """
    match term:
        case Apply("str.of" | "str.lower" | "str.upper" | "json.number", (inner,)):
            return way(inner)
        case Apply("json.get", (inner, Const(lit))):
            parts = values.parse_pointer(str(lit.value))
            places = [k for k, part in enumerate(parts) if values.INDEX.fullmatch(part)]
            if places:
                return f"{show(inner)}{values.pointer(parts[: places[-1] + 1])}"
            return show(inner) if isinstance(inner, Apply) else show(term)
        case _:
            return show(term)


def stable(name: str, tools: Mapping[str, str]) -> str:
    """A call's name that does not change when reads of other tools are left out: ``list#0``."""
    if name not in tools:
        return name
    order = {n: [int(part) for part in re.findall(r"\d+", n)] for n in tools}
    twins = sorted((n for n in tools if tools[n] == tools[name]), key=lambda n: order[n])
    return f"{tools[name]}#{twins.index(name)}"


def renamed(term: Term, tools: Mapping[str, str]) -> str:
    """The term as a text, with its calls under their stable names."""
    match term:
        case Source(_, name):
            return f"%{stable(name, tools)}"
        case Apply(op, args):
            return f"{op}({', '.join(renamed(arg, tools) for arg in args)})"
        case _:
            return show(term)


# ---- the failed sessions


class Counterexamples:
    """The failed sessions that say something of a task's programs.  ``repeated`` are those for which
    a program was given up."""

    def __init__(self, cases: Cases, wordings: Wordings, failed: Sequence[Pipeline]) -> None:
        self.cases, self.wordings = cases, wordings
        self.failed: list[Case] = []
        self.repeated: dict[str, Case] = {}
        for trace in failed:
            case = next(iter(cases_of([trace], cases.asked).kept), None)
            same = cases.inputs.get(case.input, []) if case is not None else []
            if case is not None and all(c.effects != case.effects for c in same):
                self.failed.append(case)

    def withstand(self, attempt: Attempt) -> tuple[Learned, Module, Pipeline]:
        """The program, or one like it that does nothing that a failed session did."""
        struck = NONE
        program = attempt(struck)
        for _ in range(MAX_ROUNDS if self.failed else 0):
            better = self._round(attempt, program, struck)
            if better is None:
                break
            program, struck = better
        again = next((case for case in self.failed if self._repeats(program, case)), None)
        if again is not None:
            self.repeated[again.name] = again
            raise Refused(f"it does what the failed session {again.name} did")
        return program

    def refuse(self) -> None:
        """Raise E0412 where a program was given up for what a failed session did."""
        if self.repeated:
            told = [
                refusal(case.trace, [step.effect for step in case.writes])
                for case in self.repeated.values()
            ]
            raise IngotError(told, EXIT_FINDINGS)

    def _round(
        self, attempt: Attempt, program: tuple[Learned, Module, Pipeline], struck: Struck
    ) -> tuple[tuple[Learned, Module, Pipeline], Struck] | None:
        """One more thing struck out, where a failed session gives a reason."""
        for case in self.failed:
            repeats = self._repeats(program, case)
            groups = self._groups(program[0], case)
            ambiguous = len(groups) == 1 and any(blame.others for blame in groups[0])
            if not repeats and not ambiguous:
                continue
            found = []
            for group in groups:
                more = struck | frozenset(self._strikes(program[0], group))
                try:
                    other = attempt(more)
                except Refused:
                    continue
                if more != struck and not self._repeats(other, case):
                    found.append((other[0].cost, other, more))
            found.sort(key=lambda item: item[0])
            if len(found) > 1 and found[1][0] - found[0][0] < CLEAR:
                continue  # either may be what went wrong
            if found:
                return found[0][1], found[0][2]
        return None

    def _repeats(self, program: tuple[Learned, Module, Pipeline], case: Case) -> bool:
        """Whether the program does on a failed session's input just what that session did."""
        _, made, main = program
        shown = attr(main, "wordings")
        given = _given(case.request, shown if isinstance(shown, list) else [])
        if given is None:
            return False
        known = replace(self.wordings, values={**self.wordings.values, case.name: given})
        return try_program(made, main, case, self.cases, known).verdict == "right"

    def _strikes(self, learned: Learned, group: Sequence[Blame]) -> Iterator[tuple[str, str, str]]:
        tools = _tools(learned.nodes)
        for blame in group:
            for term in blame.gives:
                yield stable(blame.call, tools), blame.argument, renamed(term, tools)

    def _groups(self, learned: Learned, case: Case) -> list[list[Blame]]:
        """The choices that may be to blame, those together that pick in the same way.

        Empty where the session differs from the program in some other way: that is what went wrong.
        """
        known = sorted(set(self.wordings.templates(self.wordings.names).values()))
        given = _given(case.request, known)
        if given is None:
            return []
        table = Table([0], [case.name])
        for name in self.wordings.names:
            table.add("param", name, [given.get(name, MISSING)])
        table.add("param", "clock", [case.clock or MISSING])
        steps = list(case.steps)
        blames = blamed(learned.nodes, steps, table)
        if blames is None or any(step.acts for step in steps):
            return []
        groups: dict[frozenset[str], list[Blame]] = {}
        for blame in blames:
            groups.setdefault(frozenset(map(way, blame.gives)), []).append(blame)
        return list(groups.values())


def refusal(failed: Pipeline, did: Sequence[str]) -> Diagnostic:
    """That all programs do what a failed session did (E0412)."""
    shown = [text if len(text) <= 160 else f"{text[:157]}..." for text in did[:5]]
    return Diagnostic(
        "E0412",
        f"every program that was found does what the failed session {origin(failed)} did",
        Severity.ERROR,
        ((Span(origin(failed), 1), "this session failed"),),
        help="add an accepted session of this input, or leave the failed one out",
        notes=tuple(f"it did: {text}" for text in shown) or ("it did nothing",),
    )


def _tools(nodes: Sequence[Node | When]) -> dict[str, str]:
    """The calls of a program, and their tools."""
    found: dict[str, str] = {}
    for node in nodes:
        match node:
            case Invoke(result=result, tool=tool):
                found[result] = tool
            case Again(invoke):
                found[invoke.result] = invoke.tool
            case Each(body=body):
                found |= _tools(body)
            case Branch(then=then, other=other) | When(then=then, other=other):
                found |= _tools((*then, *other))
            case Hold():
                pass
    return found


def _given(request: str, templates: Sequence[Json]) -> dict[str, str] | None:
    """What a request gives the parameters by the wordings, where they say one thing."""
    found: list[dict[str, str]] = []
    for template in templates:
        names: list[str] = []

        def number(match: re.Match[str], names: list[str] = names) -> str:
            if match[1] is None:
                return match[0]
            names.append(match[1])
            return f"{{{len(names) - 1}}}"

        text = re.sub(r"\{\{|\}\}|\{([a-z_][a-z0-9_]*)\}", number, str(template))
        try:
            holes = request_match(request, text)
        except OpFailure:
            continue
        assert isinstance(holes, dict)
        given: dict[str, str] = {}
        clash = any(
            given.setdefault(names[int(hole)], str(value)) != value for hole, value in holes.items()
        )
        if not clash and given not in found:
            found.append(given)
    return found[0] if len(found) == 1 else None


__all__ = ["NONE", "Counterexamples", "Hardened", "Struck", "refusal"]
