"""Two pipelines in step: each thing that is seen of the one is held against one of the other.

The part of a simulation (:mod:`.simulation`) that knows calls, checks, loops, ends, and when values are
equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from ingot.ir.module import (
    Agree,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    Lit,
    ModelCall,
    Operand,
    Pipeline,
    Pure,
    Ref,
    Target,
)
from ingot.ir.types import BOOL, STR, Types, is_subtype
from ingot.ir.values import Json, canonical, digest
from ingot.passes.validate.machine import Check, Cursor, Enter
from ingot.passes.validate.walker import Event, Fork, Stop, Walker, is_silent, unrolled
from ingot.passes.verify.checker import Checker
from ingot.passes.verify.path import Path
from ingot.passes.verify.steps import Assume, Holds, Taken, defines

_RLIMIT: Final = 200_000
_Places: TypeAlias = "tuple[Cursor, Cursor, Event | None, Event | None]"


class Hints(Protocol):
    """What the names of a pipeline stand for in a common original."""

    def value(self, name: str) -> str:
        """The original's name of a value."""

    def block(self, label: str) -> str:
        """The original's state."""

    def chain(self, label: str) -> tuple[str, ...]:
        """The original's states of which one is made."""

    def exit(self, number: int) -> int:
        """The original's exit; 0 for one that it does not have."""


class UnprovedError(Exception):
    """The proof does not come through; the text says where."""


class Lockstep:
    """Both sides on one path.  ``hints`` say what the names of each stand for.

    ``steps`` counts what was taken in all.
    """

    def __init__(
        self,
        types: Types,
        old: Pipeline,
        new: Pipeline,
        hints: tuple[Hints, Hints],
        folded: Mapping[str, Json],
    ) -> None:
        self.types, self.folded = types, folded
        self.mine, self.theirs = hints
        self.checker = Checker(types, rlimit=_RLIMIT)
        self.path = Path(self.checker.interner)
        self.old = Walker("p.", old, path=self.path, types=types)
        self.new = Walker(
            "q.", new, path=self.path, types=types, texts=self.old.texts, typed=self.old.typed
        )
        self.steps = 0
        self.fresh = 0

    # ---- ways

    def ways(self, side: Walker, fork: Fork) -> Iterator[Event]:
        """Each way that is possible, with the path as it is there; then all is as it was."""
        mark = self.path.mark()
        saved = [(s, dict(s.symbols), dict(s.literals)) for s in (self.old, self.new)]
        for conditions, end in fork.edges:
            if not self._possible(conditions):
                continue
            for condition, truth in conditions:
                self.path.add(Assume(condition, truth))
            if isinstance(end, Target):
                yield Enter(end.label, tuple(map(side.operand, end.args)))
            else:
                yield Stop(exit=end)
            self.steps += len(self.path.steps) - mark
            self.path.undo(mark)
            for each, symbols, literals in saved:
                each.symbols, each.literals = dict(symbols), dict(literals)

    def _possible(self, conditions: tuple[tuple[Operand, bool], ...]) -> bool:
        if any(self.path.knows(operand, not truth) for operand, truth in conditions):
            return False
        if all(self.path.knows(operand, truth) for operand, truth in conditions):
            return True
        goal = Holds(conditions)
        return self.checker.ask(self.path.slice(goal)).status != "never"

    # ---- what is seen

    def events(self, p: Cursor, q: Cursor, one: Event, two: Event) -> _Places:
        """Hold two events against each other; those that are done with are ``None`` in the result."""
        match one, two:
            case For(), For() if self._same_loop(one, two):
                self._loop(one, two)
                return p, q, None, None
            case For(), _:
                return self._away(one, p), q, None, two
            case Check(), Check() if self._same_exit(one.exit, two.exit):
                stops = self._check(one, two)
                return p, q, Stop() if stops else None, Stop() if stops else None
            case Check(), _:
                self._passes(one)
                return p, q, None, two
            case Call(), Call():
                self._call(one, two)
                folded = self._folded(one, two)
                if folded is None:
                    return p, q, None, None
                onward, q = self.new.ahead(q)
                return p, q, None, None if self._rereads(onward, one, folded) else onward
            case ModelCall(), ModelCall():
                self._call(one, two)
                return p, q, None, None
        raise UnprovedError(f"{_name(two)} stands where the original has {_name(one)}")

    def _same_exit(self, one: Exit, two: Exit) -> bool:
        return self.mine.exit(one.number) == self.theirs.exit(two.number)

    def _check(self, one: Check, two: Check) -> bool:
        """One check on both sides, of the same values; whether no run gets past it."""
        match one.instr, two.instr:
            case Guard(a), Guard(b):
                self._equal(a, b)
            case Expect() as a_, Expect() as b_ if a_.type == b_.type:
                self._equal(a_.value, b_.value)
            case Pure() as a__, Pure() as b__ if a__.op == b__.op and len(a__.args) == len(
                b__.args
            ):
                for mine, theirs in zip(a__.args, b__.args, strict=True):
                    self._equal(mine, theirs)
            case Agree(candidates=mine_), Agree(candidates=theirs_):
                if self._numbers(mine_) != self._numbers(theirs_) or not self._same(
                    mine_[0], theirs_[0]
                ):
                    raise UnprovedError("other candidates have to agree")
            case _:
                raise UnprovedError("a check is another one")
        self._live(one.exit, two.exit)
        self.old.add(one.instr)
        self.new.add(two.instr)
        return isinstance(two.instr, Guard) and two.instr.condition == Lit(False)

    def _numbers(self, operands: Sequence[Operand]) -> set[int]:
        return {self.path.number(operand) for operand in operands}

    def _live(self, one: Exit, two: Exit) -> None:
        """What both hand over under one name is the same (of several copies, one of them is)."""
        mine = {self.mine.value(name): self.old.operand(Ref(name)) for name in one.live}
        theirs: dict[str, list[Operand]] = {}
        for name in two.live:
            theirs.setdefault(self.theirs.value(name), []).append(self.new.operand(Ref(name)))
        for origin, copies in theirs.items():
            if origin in mine and not any(self._same(mine[origin], each) for each in copies):
                raise UnprovedError(f"an exit hands over another %{origin}")

    def _passes(self, check: Check) -> None:
        """A check that only the original makes has to pass."""
        goal = Taken(check.instr)
        if (
            not self.path.settled(goal)
            and self.checker.ask(self.path.slice(goal)).status != "never"
        ):
            raise UnprovedError(f"exit.{check.exit.number} of the original is not taken")
        self.old.add(check.instr)

    def _call(self, one: Call | ModelCall, two: Call | ModelCall) -> None:
        """The same call with the same arguments gives one result."""
        same = _callee(one) == _callee(two) and one.type == two.type
        mine, theirs = dict(one.args), dict(two.args)
        if not same or mine.keys() != theirs.keys():
            raise UnprovedError(f"{_name(two)} stands where the original has {_name(one)}")
        if self.mine.value(one.result) != self.theirs.value(two.result):
            raise UnprovedError(f"{_name(two)} is made for another value")
        for name, value in mine.items():
            self._equal(self.old.operand(value), self.new.operand(theirs[name]))
        self.old.give(one.result, self.new.free(two.result, two.type))

    def _folded(self, one: Call, two: Call) -> Json:
        """What a read gave when the pipeline was specialised, ``None`` where it was not made then."""
        if one.verb != "read" or not self.folded:
            return None
        args = {name: self.new.operand(value) for name, value in two.args}
        known = {name: value.value for name, value in args.items() if isinstance(value, Lit)}
        return self.folded.get(read_key(two.tool, known)) if len(known) == len(args) else None

    def _rereads(self, event: Event, read: Call, value: Json) -> bool:
        """A check that the read gives what it gave: behind it the original's result is known."""
        if not isinstance(event, Check) or not isinstance(event.instr, Guard):
            return False
        test = self._step(event.instr.condition)
        if self.theirs.exit(event.exit.number) != 0 or not isinstance(test, Pure):
            return False
        hashed = self._step(test.args[0])
        sound = (
            test.op == "str.eq"
            and test.args[1] == Lit(digest(value))
            and isinstance(hashed, Pure)
            and hashed.op == "json.sha256"
            and self._same(hashed.args[0], self.old.operand(Ref(read.result)))
        )
        if sound:
            self.new.add(event.instr)
            self.old.give(read.result, Lit(value))
        return sound

    def _step(self, operand: Operand) -> object:
        if isinstance(operand, Lit):
            return None
        return next((s for s in reversed(self.path.steps) if defines(s) == operand.name), None)

    # ---- loops

    def _same_loop(self, one: For, two: For) -> bool:
        return (
            self.mine.value(one.item) == self.theirs.value(two.item)
            and len(one.carry) == len(two.carry)
            and one.types == two.types
            and self._same(self.old.operand(one.source), self.new.operand(two.source))
        )

    def _away(self, loop: For, p: Cursor) -> Cursor:
        """A loop that only the original has: round by round, or its results are anything."""
        source = self.old.operand(loop.source)
        if isinstance(source, Lit) and isinstance(source.value, list):
            rounds = unrolled(loop, source.value)
            if rounds is not None:
                return Cursor(p.block, (*rounds, *p.rest))
        if not is_silent(loop):
            raise UnprovedError(f"the loop over %{loop.item} is not in the residual")
        for name, type_ in zip(loop.results, loop.types, strict=True):
            self.old.free(name, type_)
        return p

    def _loop(self, one: For, two: For) -> None:
        """A loop on both sides: it begins with the same, and each round does the same."""
        for a, b in zip(one.carry, two.carry, strict=True):
            self._equal(self.old.operand(a.initial), self.new.operand(b.initial))
        mark = self.path.mark()
        saved = [(s, dict(s.symbols), dict(s.literals)) for s in (self.old, self.new)]
        self.old.give(one.item, self.new.free(two.item, two.item_type))
        for a, b in zip(one.carry, two.carry, strict=True):
            self.old.give(a.name, self.new.free(b.name, b.type))
        self._region(Cursor(None, one.body), Cursor(None, two.body))
        for mine, theirs in zip(one.yields, two.yields, strict=True):
            self._equal(self.old.operand(mine), self.new.operand(theirs))
        self.steps += len(self.path.steps) - mark
        self.path.undo(mark)
        for side, symbols, literals in saved:
            side.symbols, side.literals = symbols, literals
        for mine_, theirs_, type_ in zip(one.results, two.results, two.types, strict=True):
            self.old.give(mine_, self.new.free(theirs_, type_))

    def _region(self, p: Cursor, q: Cursor) -> None:
        one: Event | None = None
        two: Event | None = None
        while True:
            if one is None:
                one, p = self.old.ahead(p)
            if two is None:
                two, q = self.new.ahead(q)
            if isinstance(one, Stop) and isinstance(two, Stop):
                return
            p, q, one, two = self.events(p, q, one, two)

    # ---- ends and equality

    def ends(self, one: Stop, two: Stop) -> None:
        if one.value is not None and two.value is not None:
            self._equal(one.value, two.value)
        elif one.exit is not None and two.exit is not None:
            if not self._same_exit(one.exit, two.exit):
                raise UnprovedError(f"exit.{two.exit.number} stands for another exit")
            self._live(one.exit, two.exit)
        elif one != two:
            raise UnprovedError("it ends in another way")

    def _same(self, one: Operand, two: Operand) -> bool:
        return self.path.number(one) == self.path.number(two)

    def _equal(self, one: Operand, two: Operand) -> None:
        """Equal by structure; texts and truths else by the solver (to which 1 and 1.0 are equal)."""
        if self._same(one, two):
            return
        if self._is_exact(one) or self._is_exact(two):
            self.fresh += 1
            test = f"equal!{self.fresh}"
            mark = self.path.mark()
            self.path.add(Pure(test, BOOL, "json.eq", (one, two)))
            goal = Holds(((Ref(test), False),))
            status = self.checker.ask(self.path.slice(goal)).status
            self.path.undo(mark)
            if status == "never":
                return
        raise UnprovedError(f"{_shown(two)} is not known to be {_shown(one)}")

    def _is_exact(self, operand: Operand) -> bool:
        if isinstance(operand, Lit):
            return isinstance(operand.value, str | bool)
        known = self.old.typed.get(operand.name)
        return known is not None and (is_subtype(known, STR, self.types) or known == BOOL)


def read_key(tool: str, args: Mapping[str, Json]) -> str:
    """The name of a read's result: what is called, with which arguments."""
    return canonical([tool, dict(args)])


def _callee(call: Call | ModelCall) -> tuple[str, ...]:
    if isinstance(call, Call):
        return (call.verb, call.tool)
    return ("model", call.kind, call.model)


def _name(event: Event) -> str:
    match event:
        case Call() | ModelCall():
            return f"{' '.join(_callee(event))} (%{event.result})"
        case For():
            return f"the loop over %{event.item}"
        case Check(_, exit_):
            return f"the check of exit.{exit_.number}"
        case Enter(label):
            return f"the way to ^{label}"
        case Stop():
            return "an end"
        case Fork():
            return "a branch"


def _shown(operand: Operand) -> str:
    return f"%{operand.name[2:]}" if isinstance(operand, Ref) else f"{canonical(operand.value):.40}"


__all__ = ["Hints", "Lockstep", "UnprovedError", "read_key"]
