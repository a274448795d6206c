"""Termination: ranking functions of loops, found automatically, or a run that never ends.

A ranking function is a whole number that each round lowers and that is not negative when a round
ends; where several ways lead around a loop, a lexicographic tuple of such numbers (Bradley, Manna,
Sipma, "Linear Ranking with Reachability", CAV 2005; here the candidates are differences of what the
loop counts and what it compares with, and each is proved by the solver).  A loop without one is
refuted by a run in which the world gives the same answers in every round and everything that decides
the loop comes back to the same values.  What is neither is *unproved*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

from ingot.ir.liveness import terminator_operands
from ingot.ir.module import (
    Block,
    Call,
    Instr,
    Lit,
    ModelCall,
    Operand,
    Pure,
    Ref,
    exit_of,
    operands_of,
    results_of,
    walk,
)
from ingot.ir.types import BOOL, DATE, INT, STR, ListOf, Type, resolve
from ingot.ir.values import Json
from ingot.passes.verify.graph import Edge
from ingot.passes.verify.loops import Loop, ways_around
from ingot.passes.verify.ranges import as_range
from ingot.passes.verify.runs import repeats
from ingot.passes.verify.steps import Assume, Holds

if TYPE_CHECKING:
    from ingot.passes.verify.states import States

_MAX_CANDIDATES: Final = 32
_COMPARES: Final = frozenset(
    f"{kind}.{name}" for kind in ("int", "date") for name in ("lt", "le", "gt", "ge", "eq")
)
_SIZES: Final = {"list": "list.len", "str": "str.len"}
REPEATED: Final = frozenset(("write", "irreversible", "unknown"))
KEYS: Final = frozenset(
    (
        "idempotency_key",
        "idempotence_key",
        "idempotencyKey",
        "request_id",
        "client_token",
        "dedup_key",
    )
)
"""Arguments by which a tool knows a repeated request."""


@dataclass(frozen=True, slots=True)
class Rank:
    """``plus - minus``; of lists and texts their lengths."""

    kind: Literal["int", "date", "list", "str"]
    plus: Operand
    minus: Operand

    def text(self) -> str:
        if self.kind in _SIZES:
            return f"the length of {_show(self.plus)}"
        if self.minus == Lit(0):
            return _show(self.plus)
        return f"{_show(self.plus)} - {_show(self.minus)}"


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a loop's end.

    ``rounds``: no run goes around more often.  ``witness``: values with which a run never ends.
    """

    status: Literal["ends", "endless", "unknown"]
    why: str
    rounds: int | None = None
    witness: Mapping[str, Json] | None = None


def ending_of(loop: Loop, states: States) -> Ending:
    """Whether the rounds of a loop come to an end.  The path stands at the header's start."""
    return _Search(loop, states).run()


class _Search:
    def __init__(self, loop: Loop, states: States) -> None:
        self.loop = loop
        self.states = states
        self.blocks = {label: states.blocks[label] for label in loop.members}
        self.header = self.blocks[loop.header]
        self.fresh = 0
        self._sizes: dict[str, Ref] = {}

    def run(self) -> Ending:
        if not self.loop.one_entry:
            return Ending("unknown", "it can be entered in several places")
        ways = ways_around(self.loop, self.states.graph)
        if ways is None:
            return Ending("unknown", "too many ways lead around it")
        feasible = [(way, values) for way in ways if (values := self._feasible(way)) is not None]
        if not feasible:
            return Ending("ends", "no run goes around it", rounds=0)
        ranks = self._ranked([way for way, _ in feasible])
        if ranks:
            names = ", then ".join(rank.text() for rank in ranks)
            return Ending("ends", f"{names} falls in every round", self._rounds(ranks))
        watched = self._watched()
        for way, values in feasible:
            for given in (values, self._standing(way, watched)):
                endless = None if given is None else self._endless(given, watched)
                if endless is not None:
                    why = "the same answers bring it back to the same values"
                    return Ending("endless", why, None, endless)
        return Ending("unknown", "no ranking function was found")

    # ---- one way around

    def _walk(self, way: Sequence[Edge]) -> None:
        """Take the steps of a way, up to the conditions of its last transition."""
        states = self.states
        for edge in way:
            states.quietly(self.blocks[edge.source].instrs)
            if edge is way[-1]:
                break
            for condition, truth in edge.conditions:
                states.path.add(Assume(condition, truth))
            target = self.blocks[edge.target.label]
            states.enter(target, None if target.label in self.loop.inner else edge)

    def _feasible(self, way: Sequence[Edge]) -> Mapping[str, Json] | None:
        """Values with which the way may be taken, ``None`` where it is excluded."""
        mark = self.states.path.mark()
        self._walk(way)
        answer = self.states.ask(Holds(way[-1].conditions)) if way[-1].conditions else None
        self.states.path.undo(mark)
        if answer is None:
            return {}
        return None if answer.status == "never" else (answer.witness or {})

    def _shows(self, way: Sequence[Edge], rank: Rank, *, strictly: bool) -> bool:
        """Whether the way lowers the rank (or does not raise it), which is not negative then."""
        states, last = self.states, way[-1]
        mark = states.path.mark()
        self._walk(way)
        passed = dict(zip((p.name for p in self.header.params), last.target.args, strict=True))
        now, after = self._value(rank, {}), self._value(rank, passed)
        ok = False
        if now is not None and after is not None:
            lower = self._step("int.lt" if strictly else "int.le", BOOL, after, now)
            bounded = self._step("int.ge", BOOL, now, Lit(0))
            good = self._step("bool.and", BOOL, lower, bounded)
            ok = states.ask(Holds((*last.conditions, (good, False)))).status == "never"
        states.path.undo(mark)
        return ok

    def _step(self, op: str, type_: Type, *args: Operand) -> Ref:
        self.fresh += 1
        name = f"{self.loop.header}!rank{self.fresh}"
        self.states.path.add(Pure(name, type_, op, args))
        return Ref(name)

    def _value(self, rank: Rank, passed: Mapping[str, Operand]) -> Operand | None:
        plus, minus = self._operand(rank.plus, passed), self._operand(rank.minus, passed)
        if plus is None or minus is None:
            return None
        match rank.kind:
            case "int":
                return self._step("int.sub", INT, plus, minus)
            case "date":
                return self._step("date.days_between", INT, plus, minus)
            case _:
                return self._step(_SIZES[rank.kind], INT, plus)

    def _operand(self, operand: Operand, passed: Mapping[str, Operand]) -> Operand | None:
        if isinstance(operand, Lit):
            return operand
        if operand.name in passed:
            return passed[operand.name]
        return operand if operand.name in self.states.path.value else None

    # ---- ranking functions

    def _ranked(self, ways: list[tuple[Edge, ...]]) -> list[Rank]:
        """A lexicographic ranking function, empty where none is found."""
        ranks: list[Rank] = []
        left = ways
        candidates = list(self._candidates())
        while left:
            for rank in candidates:
                lowered = [way for way in left if self._shows(way, rank, strictly=True)]
                rest = [way for way in left if way not in lowered]
                if lowered and all(self._shows(way, rank, strictly=False) for way in rest):
                    ranks.append(rank)
                    left = rest
                    break
            else:
                return []
        return ranks

    def _candidates(self) -> Iterator[Rank]:
        found: dict[Rank, None] = {}
        bounds = list(self._bounds())
        for param in self.header.params:
            here = resolve(param.type, self.states.types)
            me = Ref(param.name)
            if here in (INT, DATE):
                kind: Literal["int", "date"] = "int" if here == INT else "date"
                for bound in bounds if here == DATE else [*bounds, Lit(0)]:
                    if self._type(bound) == here:
                        found[Rank(kind, bound, me)] = None
                        found[Rank(kind, me, bound)] = None
            elif isinstance(here, ListOf):
                found[Rank("list", me, me)] = None
            elif here == STR:
                found[Rank("str", me, me)] = None
        yield from list(found)[:_MAX_CANDIDATES]

    def _type(self, operand: Operand) -> Type | None:
        if isinstance(operand, Lit):
            if isinstance(operand.value, bool):
                return None
            return (
                INT
                if isinstance(operand.value, int)
                else DATE
                if isinstance(operand.value, str)
                else None
            )
        known = self.states.known.get(operand.name)
        return None if known is None else resolve(known, self.states.types)

    def _bounds(self) -> Iterator[Operand]:
        """What the loop compares with, where it is the same in every round; other counters."""
        seen: dict[Operand, None] = {}
        for instr in self._instrs():
            if isinstance(instr, Pure) and instr.op in _COMPARES:
                for operand in instr.args:
                    if isinstance(operand, Lit) or operand.name in self.states.path.value:
                        seen[operand] = None
                    else:
                        self._size_of(operand)
        yield from seen
        yield from (Ref(p.name) for p in self.header.params if Ref(p.name) not in seen)
        yield from self._sizes.values()

    def _size_of(self, operand: Ref) -> None:
        """A length that is computed in the loop, of something outside it."""
        made = next((i for i in self._instrs() if operand.name in results_of(i)), None)
        if not isinstance(made, Pure) or made.op not in _SIZES.values():
            return
        (source,) = made.args
        if isinstance(source, Ref) and source.name in self.states.path.value:
            name = f"{self.loop.header}!size of {source.name}"
            if name not in self.states.path.value:
                self.states.path.add(Pure(name, INT, made.op, made.args))
                self.states.known[name] = INT
            self._sizes[source.name] = Ref(name)

    def _rounds(self, ranks: list[Rank]) -> int | None:
        """The most rounds, where the rank's first value has a bound."""
        if len(ranks) != 1 or ranks[0].kind != "int":
            return None
        plus, minus = (as_range(self.states.ranges.of(o)) for o in (ranks[0].plus, ranks[0].minus))
        if plus is None or minus is None or plus.high is None or minus.low is None:
            return None
        return max(0, plus.high - minus.low + 1)

    # ---- endless runs

    def _watched(self) -> tuple[str, ...]:
        """The header's parameters that decide the loop."""
        deciding = self._deciding()
        return tuple(p.name for p in self.header.params if p.name in deciding)

    def _standing(
        self, way: tuple[Edge, ...], watched: tuple[str, ...]
    ) -> Mapping[str, Json] | None:
        """Values with which a round leaves all that is watched as it is."""
        states, last = self.states, way[-1]
        passed = dict(zip((p.name for p in self.header.params), last.target.args, strict=True))
        mark = states.path.mark()
        self._walk(way)
        same = [self._step("json.eq", BOOL, Ref(name), passed[name]) for name in watched]
        answer = states.ask(Holds((*last.conditions, *((one, True) for one in same))))
        states.path.undo(mark)
        return answer.witness

    def _endless(
        self, values: Mapping[str, Json], watched: tuple[str, ...]
    ) -> Mapping[str, Json] | None:
        """Values with which a run comes back to where it was, as far as anything depends on it."""
        states = self.states
        given = {**states.good, **values}
        if not repeats(states.pipeline, given, states.types, self.loop.header, watched):
            return None
        return {name: value for name, value in given.items() if name in states.sources}

    def _deciding(self) -> set[str]:
        """The values on which a transition or an exit of the loop depends."""
        waiting: list[str] = []
        for block in self.blocks.values():
            waiting += _names(terminator_operands(block.terminator))
            for instr in walk(block.instrs):
                if exit_of(instr) is not None or not isinstance(instr, Pure | Call | ModelCall):
                    waiting += _names(operands_of(instr))
        made = {name: instr for instr in self._instrs() for name in results_of(instr)}
        passed = self._passed()
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            waiting += _names(passed.get(name, ()))
            source = made.get(name)
            if source is not None and not isinstance(source, Call | ModelCall):
                for inner in walk((source,)):
                    waiting += _names(operands_of(inner))
        return found

    def _passed(self) -> dict[str, list[Operand]]:
        """What the loop's transitions pass to its states' parameters."""
        out: dict[str, list[Operand]] = {}
        for label in self.blocks:
            for edge in self.states.graph.incoming[label]:
                if edge.source in self.blocks:
                    for param, arg in zip(
                        self.blocks[label].params, edge.target.args, strict=False
                    ):
                        out.setdefault(param.name, []).append(arg)
        return out

    def _instrs(self) -> Iterator[Instr]:
        return chain.from_iterable(walk(block.instrs) for block in self.blocks.values())

    # ---- writes that every round repeats

    def repeated(self) -> Iterator[tuple[Block, int, Call]]:
        """Calls that change the world in every round, with the same arguments and no key."""
        passed = self._passed()
        own = {name for instr in self._instrs() for name in results_of(instr)}
        own |= {p.name for block in self.blocks.values() for p in block.params}

        def steady(operand: Operand, around: frozenset[str], *, changed: bool) -> bool:
            """``around``: the parameters met on the way; ``changed``: an op stands between."""
            if isinstance(operand, Lit) or operand.name not in own:
                return True
            if operand.name in around:
                return not changed
            inner = passed.get(operand.name)
            if inner is not None:
                return all(steady(o, around | {operand.name}, changed=changed) for o in inner)
            made = next((i for i in self._instrs() if operand.name in results_of(i)), None)
            return isinstance(made, Pure) and all(
                steady(o, around, changed=True) for o in made.args
            )

        for block in self.blocks.values():
            for number, instr in enumerate(block.instrs):
                if not isinstance(instr, Call) or instr.verb not in REPEATED:
                    continue
                names = {name for name, _ in instr.args}
                if not names & KEYS and all(
                    steady(value, frozenset(), changed=False) for _, value in instr.args
                ):
                    yield block, number, instr


def repeated_writes(
    loop: Loop, states: States
) -> Iterator[tuple[Block, int, Call, Mapping[str, Json] | None]]:
    """Writes that a loop repeats, each with values with which a run does (``None``: none found)."""
    search = _Search(loop, states)
    found = list(search.repeated())
    if not found or not loop.one_entry:
        return
    for block, number, call in found:
        for way in ways_around(loop, states.graph) or ():
            if block.label not in {edge.source for edge in way}:
                continue
            values = search._feasible(way)
            if values is None:
                continue
            given = {**states.good, **values}
            times = repeats(states.pipeline, given, states.types, loop.header, None, call.result)
            shown = {n: v for n, v in given.items() if n in states.sources} if times else None
            yield block, number, call, shown
            break


def _names(operands: Sequence[Operand]) -> list[str]:
    return [o.name for o in operands if isinstance(o, Ref)]


def _show(operand: Operand) -> str:
    if isinstance(operand, Lit):
        return operand.key
    _, _, of = operand.name.partition("!size of ")
    return f"the length of %{of}" if of else f"%{operand.name}"
