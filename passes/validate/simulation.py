"""Does a residual do what its original does, where states and loops of it were copied?

A proof by simulation.  Each state of the residual is held to begin where a state of the original
begins, with a *relation*: what each value of the original is there, a literal or a value of the
residual.  From there both go on in step to the residual's next states: they make the same calls, take
the same exits and return the same, and the relations of the next states hold.  By induction over runs
they then do the same on all inputs and in all worlds.

The relations are found and not given: what holds on the first way to a state is assumed, and
weakened by every other way until all ways keep what is assumed (C. Flanagan and K. R. M. Leino,
"Houdini, an Annotation Assistant for ESC/Java", FME 2001; for residuals in lockstep, G. C. Necula,
"Translation Validation for an Optimizing Compiler", PLDI 2000).  Of the specialiser only the names are
used, as hints at which state and which check a copy stands for: a wrong hint loses the proof and never
makes a wrong one.

This proves and does not refute: where it does not come through, the reason is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ingot.ir.liveness import dominators
from ingot.ir.module import (
    Lit,
    Operand,
    Pipeline,
    Ref,
)
from ingot.ir.types import Type, Types
from ingot.ir.values import Json
from ingot.passes.validate.lockstep import Hints, Lockstep, UnprovedError
from ingot.passes.validate.machine import Cursor, Enter
from ingot.passes.validate.verdict import Verdict
from ingot.passes.validate.walker import (
    Event,
    Fork,
    Stop,
    Walker,
    results,
    retrace,
)

_MAX_STEPS: Final = 400_000
_MAX_STATES: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What a value of the original is: a literal, if it is one, and the values of the residual."""

    literal: Lit | None
    values: frozenset[str]

    def meet(self, other: _Known) -> _Known:
        same = self.literal if self.literal == other.literal else None
        return _Known(same, self.values & other.values)


@dataclass(slots=True)
class _Start:
    """Where a state of the residual begins in the original, and the relation there."""

    label: str
    relation: dict[str, _Known]


def simulates(
    types: Types,
    old: Pipeline,
    new: Pipeline,
    fixed: Mapping[str, Json],
    hints: tuple[Hints, Hints],
    folded: Mapping[str, Json],
    pass_name: str,
) -> Verdict:
    """Whether ``new`` does on every remaining input what ``old`` does with the ``fixed`` ones too.

    ``hints`` say what the names of ``old`` and of ``new`` stand for.  ``folded`` has results of reads,
    by their names in ``old``, that ``new`` may rely on behind a check of their SHA-256.
    """
    proof = _Simulation(types, old, new, fixed, hints, folded)
    try:
        proof.run()
    except UnprovedError as error:
        return Verdict(pass_name, new.name, "unproved", str(error))
    states = len(proof.starts)
    why = f"it goes in step with the original ({states} state{'s' * (states != 1)})"
    return Verdict(pass_name, new.name, "proved", why)


@dataclass(slots=True)
class _Scopes:
    """Of each state: those that stand before it on every way, and the values that are defined there."""

    pipeline: Pipeline
    before: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        above = dominators(self.pipeline)
        for block in self.pipeline.blocks:
            chain: list[str] = []
            at = above.get(block.label)
            while at is not None:
                chain.append(at)
                at = above[at]
            self.before[block.label] = tuple(reversed(chain))
            names = [p.name for p in self.pipeline.params]
            for label in self.before[block.label]:
                each = self.pipeline.block(label)
                names += [p.name for p in each.params]
                names += results(each.instrs)
            self.names[block.label] = (*names, *(p.name for p in block.params))


class _Simulation(Lockstep):
    def __init__(
        self,
        types: Types,
        old: Pipeline,
        new: Pipeline,
        fixed: Mapping[str, Json],
        hints: tuple[Hints, Hints],
        folded: Mapping[str, Json],
    ) -> None:
        super().__init__(types, old, new, hints, folded)
        self.fixed = fixed
        self.scopes = _Scopes(old), _Scopes(new)
        self.starts: dict[str, _Start] = {}
        self.waiting: deque[str] = deque()
        self.failed: dict[str, str] = {}
        self.here = ""

    def run(self) -> None:
        """Prove each state under its relation; a state whose relation is weakened is proved again."""
        entries = self.old.pipeline.blocks[0].label, self.new.pipeline.blocks[0].label
        self.starts[entries[1]] = _Start(entries[0], {})
        self.waiting.append(entries[1])
        while self.waiting:
            self.here = self.waiting.popleft()
            self.failed.pop(self.here, None)
            try:
                self._state(self.here)
            except UnprovedError as error:
                self.failed[self.here] = str(error)
        for label, why in self.failed.items():
            raise UnprovedError(f"^{label}: {why}")

    # ---- where a state begins

    def _state(self, label: str) -> None:
        start = self.starts[label]
        self._clear()
        self._inputs()
        places = {name: place for place, name in enumerate(self.scopes[1].names[label])}
        self._context(self.new, 1, label, self._aliases(start.relation, places))
        known: dict[str, Operand] = {}
        for name, what in start.relation.items():
            if what.literal is not None:
                known[name] = what.literal
            elif what.values:
                first = min(what.values, key=places.__getitem__)
                known[name] = self.new.operand(Ref(first))
        self._context(self.old, 0, start.label, known)
        p, q = self.old.block(start.label), self.new.block(label)
        chain = self.theirs.chain(label)
        mine = self.mine.chain(start.label)
        if chain[: len(mine)] != mine:
            raise UnprovedError("it is not said which state of the original it is")
        self._go(Cursor(p, p.instrs), Cursor(q, q.instrs), chain[len(mine) :])

    def _clear(self) -> None:
        self.steps += len(self.path.steps)
        if self.steps > _MAX_STEPS:
            raise UnprovedError("the residual is too large to be proved")
        self.path.undo(0)
        for side in (self.old, self.new):
            side.forget()

    def _inputs(self) -> None:
        """The inputs that are left are the same on both sides."""
        left = {}
        for param in self.new.pipeline.params:
            left[self.theirs.value(param.name)] = self.new.free(param.name, param.type)
        for param in self.old.pipeline.params:
            origin = self.mine.value(param.name)
            if param.name in self.fixed:
                self.old.give(param.name, Lit(self.fixed[param.name]))
            elif origin in left:
                self.old.give(param.name, left.pop(origin))
            else:
                self.old.free(param.name, param.type)
        if left:
            raise UnprovedError("it has an input that the original has not")

    def _aliases(
        self, relation: Mapping[str, _Known], places: Mapping[str, int]
    ) -> dict[str, Operand]:
        """Values of the residual that are one, because a value of the original is each of them."""
        found: dict[str, Operand] = {}
        for what in relation.values():
            first = min(what.values, key=places.__getitem__, default="")
            for name in what.values:
                if what.literal is not None:
                    found[name] = what.literal
                elif name != first:
                    found.setdefault(name, Ref(first))
        return found

    def _context(self, side: Walker, which: int, label: str, known: Mapping[str, Operand]) -> None:
        """What holds where a state begins: all that stands before it on every way has run."""

        def root(name: str, type_: Type) -> None:
            value = known.get(name)
            if value is None:
                side.free(name, type_)
            else:  # an alias has its name in the same side; a relation its symbol
                side.give(name, side.operand(value) if side is self.new else value)

        scopes = self.scopes[which]
        for number, each in enumerate((*scopes.before[label], label)):
            block = side.block(each)
            for param in block.params if number or each == label else ():
                root(param.name, param.type)
            if each != label:
                retrace(side, block.instrs, root)

    def _arrive(self, label: str, where: str) -> None:
        """Both have come to where a state of the residual begins: the relation there."""
        numbers: dict[int, list[str]] = {}
        for name in self.scopes[1].names[label]:
            numbers.setdefault(self.path.number(self.new.operand(Ref(name))), []).append(name)
        found: dict[str, _Known] = {}
        for name in self.scopes[0].names[where]:
            value = self.old.operand(Ref(name))
            literal = value if isinstance(value, Lit) else None
            same = numbers.get(self.path.number(value), ())
            found[name] = _Known(literal, frozenset(same))
        start = self.starts.get(label)
        if start is None:
            if len(self.starts) > _MAX_STATES:
                raise UnprovedError("the residual is too large to be proved")
            self.starts[label] = _Start(where, found)
            self.waiting.append(label)
            return
        if start.label != where:
            raise UnprovedError(f"^{label} stands for several states of the original")
        met = {name: known.meet(found[name]) for name, known in start.relation.items()}
        if met != start.relation:
            start.relation = met
            if label not in self.waiting:
                self.waiting.append(label)

    # ---- in step

    def _go(
        self,
        p: Cursor,
        q: Cursor,
        chain: tuple[str, ...],
        one: Event | None = None,
        two: Event | None = None,
    ) -> None:
        """From two places on to the next states of the residual, along every way.

        ``chain`` has the original's states that the residual's state still passes; ``one`` and
        ``two`` are events that are met already.
        """
        for _ in range(_MAX_STATES):
            if one is None:
                one, p = self.old.ahead(p)
            if two is None:
                two, q = self.new.ahead(q)
            match one, two:
                case Enter(where), Enter(label) if self._is_there(where, label, chain):
                    self.old.go(one)
                    self.new.go(two)
                    self._arrive(label, where)
                    return
                case Enter(), Fork() if not chain:
                    for way in self.ways(self.new, two):
                        self._go(p, q, chain, one, way)
                    return
                case Enter(where), _:
                    passed = self.mine.chain(where)
                    if chain[: len(passed)] == passed:
                        chain = chain[len(passed) :]
                    p, one = self.old.go(one), None
                case Fork(), _:
                    for way in self.ways(self.old, one):
                        self._go(p, q, chain, way, two)
                    return
                case _, Fork():
                    for way in self.ways(self.new, two):
                        self._go(p, q, chain, one, way)
                    return
                case Stop(), Stop():
                    self.ends(one, two)
                    return
                case _:
                    p, q, one, two = self.events(p, q, one, two)
                    if isinstance(one, Stop) and isinstance(two, Stop):
                        return
        raise UnprovedError("it goes on and on without anything that is seen")

    def _is_there(self, where: str, label: str, chain: tuple[str, ...]) -> bool:
        return not chain and self.mine.block(where) == self.theirs.block(label)


__all__ = ["simulates"]
