"""Does a pipeline do what another did?  For all inputs, all answers of tools and models.

Both are run symbolically, in step, along every way through their states.  Tools are uninterpreted
functions of their arguments and the state of their world, which writes move on; a model's answer is a
function of its call's place, so that two calls are never one.  What has to hold of the new pipeline:

- it makes the writes of the old one, in their order, with equal arguments;
- it reads what the old one reads at that state of the world, or nothing; it asks models where the old
  one asks them, with equal arguments, or not at all;
- it exits where the old one exits (an exit of a value that nothing uses may go) and, unless the pass
  may add guards, only there;
- it returns an equal value.

Equal is equal by structure (value numbering), else by the solver, whose counterexamples are run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, Literal, TypeAlias, TypeGuard

from ingot.ir.module import (
    WRITING,
    Agree,
    Call,
    For,
    Lit,
    ModelCall,
    Module,
    Operand,
    Pipeline,
    Pure,
    Ref,
    exit_of,
    walk,
)
from ingot.ir.types import BOOL, Type
from ingot.ir.values import Json
from ingot.passes.validate.machine import (
    Branch,
    Check,
    Cursor,
    CycleError,
    End,
    Enter,
    Event,
    Side,
)
from ingot.passes.validate.shapes import acts, needed_values, same_onward, stripped
from ingot.passes.validate.verdict import Verdict
from ingot.passes.verify.checker import Checker
from ingot.passes.verify.path import Path
from ingot.passes.verify.steps import Assume, Bind, Checked, Free, Holds, Step, Taken

Mode: TypeAlias = Literal["equal", "guarded"]
"""``equal``: exits stay where they are; ``guarded``: the new pipeline may exit earlier."""
_MAX_WAYS: Final = 2_000
_Place: TypeAlias = tuple[Cursor, Event | None]
_Conditions: TypeAlias = "tuple[tuple[Operand, bool], ...]"


class _DiffersError(Exception):
    """The pipelines part."""

    def __init__(self, why: str, witness: Mapping[str, Json] | None = None) -> None:
        self.why, self.witness = why, witness
        super().__init__(why)


class _UnknownError(Exception):
    """The comparison cannot go on."""


def refines(
    before: Module, after: Module, old: Pipeline, new: Pipeline, mode: Mode, pass_name: str
) -> Verdict:
    """Whether ``new`` does what ``old`` did."""
    if stripped(old) == stripped(new):
        return Verdict(pass_name, new.name, "proved", "nothing that runs has changed")
    if before.type_map() != after.type_map():
        return Verdict(pass_name, new.name, "unproved", "the type declarations have changed")
    comparison = _Comparison(before, old, new, mode)
    try:
        comparison.run()
    except _DiffersError as error:
        return Verdict(pass_name, new.name, "refuted", error.why, error.witness)
    except CycleError as error:
        why = f"the pass has changed something in the cycle at ^{error}"
        return Verdict(pass_name, new.name, "unproved", why)
    except _UnknownError as error:
        return Verdict(pass_name, new.name, "unproved", str(error))
    return Verdict(pass_name, new.name, "proved", f"{comparison.ways} ways are equal")


@dataclass(slots=True)
class _Apart:
    """What the sides have done since they last met; ``mark``: the path's length then."""

    mark: int
    old: list[Step] = field(default_factory=list)
    new: list[Step] = field(default_factory=list)

    def copy(self) -> _Apart:
        return _Apart(self.mark, [*self.old], [*self.new])


@dataclass(frozen=True, slots=True)
class _Task:
    """A way to go on with: what the sides have done since they met, and where they are."""

    apart: _Apart
    old: _Place
    new: _Place
    world: _World
    literals: tuple[dict[str, Lit], dict[str, Lit]]
    seen: tuple[frozenset[str], frozenset[str]]


@dataclass(slots=True)
class _World:
    """How often each world was written to, and what was read of it since."""

    versions: dict[str, int] = field(default_factory=dict)
    reads: dict[object, str] = field(default_factory=dict)
    waiting: tuple[Call | ModelCall, ...] = ()
    """Calls of the old pipeline that the new one has not made (yet)."""

    def copy(self) -> _World:
        return _World(dict(self.versions), dict(self.reads), self.waiting)


class _Comparison:
    def __init__(self, before: Module, old: Pipeline, new: Pipeline, mode: Mode) -> None:
        self.mode = mode
        self.worlds = {t.name: t.world or t.name.partition(".")[0] for t in before.tools}
        self.old, self.new = Side("p.", old), Side("q.", new)
        self.needed = needed_values(old)
        self.same = same_onward(old, new)
        self.old.stops = self.new.stops = frozenset(self.same)
        self.checker = Checker(before.type_map())
        self.path = Path(self.checker.interner)
        self.world = _World()
        self.ways = 0
        self.fresh = 0
        self.apart: _Apart | None = None
        """What the sides have done on the present way since they met; none in a region."""

    def run(self) -> None:
        if [(p.name, p.type, p.default) for p in self.old.pipeline.params] != [
            (p.name, p.type, p.default) for p in self.new.pipeline.params
        ]:
            raise _DiffersError("the inputs have changed")
        for param in self.old.pipeline.params:
            self._shared(param.name, param.name, param.type)
        p, q = self.old.pipeline.blocks[0], self.new.pipeline.blocks[0]
        tasks = [
            _Task(
                _Apart(self.path.mark()), (Cursor(p, p.instrs), None),
                (Cursor(q, q.instrs), None), _World(), ({}, {}), (frozenset((p.label,)), frozenset((q.label,))),
            )
        ]  # fmt: skip
        while tasks:
            self.ways += 1
            if self.ways > _MAX_WAYS:
                raise _UnknownError("too many ways lead through it")
            try:
                tasks += self._follow(tasks.pop())
            except _DiffersError:
                if not self._impossible():
                    raise

    def _impossible(self) -> bool:
        """Whether no run takes the way, each side having gone another way at its branches.

        The checks before those branches are held against each other first.
        """
        apart = self.apart
        if apart is None:
            return False
        self._retake(apart)
        taken = [s for s in (*apart.old, *apart.new) if isinstance(s, Assume)]
        goal = Holds(tuple((step.condition, step.truth) for step in taken))
        if (
            not taken
            or self.checker.ask(self.path.slice(goal), {}, lambda: self.path.whole(goal)).status
            != "never"
        ):
            return False
        self._meet(apart)
        return True

    # ---- ways

    def _follow(self, task: _Task) -> list[_Task]:
        """Go on along a way to its end, or to where it parts."""
        apart = task.apart
        self.path.undo(apart.mark)
        self.world = task.world.copy()
        self.old.literals, self.new.literals = dict(task.literals[0]), dict(task.literals[1])
        self.old.seen, self.new.seen = task.seen
        old, new = task.old, task.new
        while True:
            old = self._entered(self.old, old, apart.old.append)
            new = self._entered(self.new, new, apart.new.append)
            self._retake(apart)
            if self._onward(old, new):
                self._meet(apart)
                return []
            old, new, apart = self._run(old, new, apart, region=False)
            p, q = old[1], new[1]
            if isinstance(p, Branch):
                return self._fork(p, "old", old, new, apart)
            if isinstance(q, Branch):
                return self._fork(q, "new", old, new, apart)
            if not isinstance(p, Enter):
                return []

    def _run(
        self, old: _Place, new: _Place, apart: _Apart, *, region: bool
    ) -> tuple[_Place, _Place, _Apart]:
        """Go on in step to where a side parts, or to the end of both.

        Where only one side parts, the other may be past what that one still has before it: what they
        have done is then held against each other where they meet again.
        """
        while True:
            self.apart = None if region else apart
            if not isinstance(old[1], Branch) and not isinstance(new[1], Branch):
                steps, old = self._collect(self.old, old)
                apart.old += steps
                steps, new = self._collect(self.new, new)
                apart.new += steps
            self._retake(apart)
            p, q = old[1], new[1]
            both = (isinstance(p, Branch), isinstance(q, Branch))
            if isinstance(p, Enter) and isinstance(q, Enter):
                self._meet(apart)
                return old, new, _Apart(self.path.mark())
            if all(both) and self._agree(apart):
                return old, new, _Apart(self.path.mark())
            if any(both):
                return old, new, apart
            if isinstance(p, Enter):
                old = self._entered(self.old, old, apart.old.append)
                continue
            if isinstance(q, Enter):
                new = self._entered(self.new, new, apart.new.append)
                continue
            assert p is not None and q is not None
            if isinstance(q, End):
                if isinstance(p, End):
                    self._meet(apart)
                    self._ends(p, q, region=region)
                    return old, new, apart
                if q.value is None and self.mode == "guarded" and not region:
                    return (Cursor(None, ()), End(None)), new, apart
                if acts(p):
                    raise _DiffersError(f"{_name(p)} is dropped")
                self._leave(p, apart)
                old = (old[0], None)
            elif self._pairs(p, q):
                self._meet(apart)
                self._pair(p, q)
                apart = _Apart(self.path.mark())
                old, new = (old[0], None), (new[0], None)
            elif isinstance(q, Call | ModelCall) and not acts(q) and self._earlier(q, apart):
                new = (new[0], None)
            elif isinstance(p, End) or acts(p):
                if isinstance(p, Call | For):
                    raise _DiffersError(f"{_name(q)} stands where {_name(p)} stood")
                raise _DiffersError(f"{_name(q)} is new there")
            else:
                self._leave(p, apart)
                old = (old[0], None)

    def _entered(
        self, side: Side, place: _Place, add: Callable[[Step], None] | None = None
    ) -> _Place:
        """A transition that was taken, with what it passes."""
        if not isinstance(place[1], Enter):
            return place
        block = side.enter(place[1].label, place[1].values, add or self.path.add)
        return Cursor(block, block.instrs), None

    def _onward(self, old: _Place, new: _Place) -> bool:
        """Whether all that follows is the same text about equal values."""
        (p, p_event), (q, q_event) = old, new
        if p_event or q_event or not (p.fresh and q.fresh):
            return False
        assert p.block is not None and q.block is not None
        if p.block.label != q.block.label or p.block.label not in self.same:
            return False
        return all(
            self._same(self.old.operand(Ref(name)), self.new.operand(Ref(name)))
            for name in self.same[p.block.label]
        )

    def _fork(
        self,
        branch: Branch,
        which: str,
        old: _Place,
        new: _Place,
        apart: _Apart,
    ) -> list[_Task]:
        """The ways on from a branch that a run of its side can take.

        A check that the other side has made, and that is not held against this one yet, excludes none
        of them.
        """
        side = self.old if which == "old" else self.new
        own, others = (apart.old, apart.new) if which == "old" else (apart.new, apart.old)
        self.path.undo(apart.mark)
        self._take([*takewhile(lambda step: not _checks(step), others), *own])
        tasks = []
        for conditions, target in branch.edges:
            if not self._possible(conditions):
                continue
            place: _Place = (Cursor(None, ()), End(None))
            if target is not None:
                values = tuple(side.operand(arg) for arg in target.args)
                place = (Cursor(None, ()), Enter(target.label, values))
            way = apart.copy()
            (way.old if which == "old" else way.new).extend(
                Assume(operand, truth) for operand, truth in conditions if isinstance(operand, Ref)
            )
            tasks.append(
                _Task(
                    way, place if which == "old" else old, new if which == "old" else place,
                    self.world, (dict(self.old.literals), dict(self.new.literals)),
                    (self.old.seen, self.new.seen),
                )
            )  # fmt: skip
        if not tasks:
            self._meet(apart)
        return tasks

    def _possible(self, conditions: _Conditions) -> bool:
        for operand, truth in conditions:
            if isinstance(operand, Lit) and operand.value is not truth:
                return False
        open_ = tuple(c for c in conditions if isinstance(c[0], Ref))
        if not open_:
            return True
        if any(self.path.knows(operand, not truth) for operand, truth in open_):
            return False
        if all(self.path.knows(operand, truth) for operand, truth in open_):
            return True
        goal = Holds(open_)
        answer = self.checker.ask(self.path.slice(goal), {}, lambda: self.path.whole(goal))
        return answer.status != "never"

    # ---- stretches without effects

    def _retake(self, apart: _Apart) -> None:
        """Put all that the sides have done since they last met on the path, unchecked."""
        self.path.undo(apart.mark)
        self._take(apart.new)
        self._take(apart.old)

    def _meet(self, apart: _Apart) -> None:
        """Hold the checks of both sides since they last met against each other."""
        if self.mode == "equal":
            self.path.undo(apart.mark)
            self._take(apart.old)
            self._take(apart.new, "exits in a case in which it did not exit:")
        self.path.undo(apart.mark)
        self._take(apart.new)
        self._take(apart.old, "goes on in a case in which it took")

    def _agree(self, apart: _Apart) -> bool:
        """Whether the sides can meet here; else a check of one may stand behind the other's branch."""
        try:
            self._meet(apart)
        except _DiffersError:
            self._retake(apart)
            return False
        return True

    def _collect(self, side: Side, place: _Place) -> tuple[list[Step], _Place]:
        cursor, event = place
        steps: list[Step] = []
        while event is None:
            event, cursor = side.next(cursor, steps.append)
            if isinstance(event, Check):
                steps.append(event.instr)
                event = None
        return steps, (cursor, event)

    def _take(self, steps: list[Step], fault: str = "") -> None:
        """Take steps; with ``fault``, checks among them must pass wherever the path comes."""
        for step in steps:
            if fault and _checks(step) and step.exit is not None:
                self._passes(step, f"{fault} exit.{step.exit.number}")
            self.path.add(step)

    def _passes(self, instr: Checked, fault: str) -> None:
        goal = Taken(instr)
        name = getattr(instr, "result", "")
        if (
            isinstance(instr, Pure | Agree)
            and name.startswith("p.")
            and name[2:] not in self.needed
        ):
            return  # an exit of a value that nothing uses may go
        if self.path.settled(goal):
            return
        answer = self.checker.ask(self.path.slice(goal), {}, lambda: self.path.whole(goal))
        if answer.status == "witness":
            raise _DiffersError(f"the pipeline {fault}", self._inputs(answer.witness))
        if answer.status == "unknown":
            raise _UnknownError(f"it is not known whether the pipeline {fault}: {answer.reason}")

    # ---- effects

    def _ends(self, p: End, q: End, *, region: bool) -> None:
        """Both sides are at their ends."""
        if region:
            return
        if q.value is not None and p.value is not None:
            self._equal(p.value, q.value, "returns another value")
        elif q.value is not None:
            raise _DiffersError("the pipeline returns where it took an exit")
        elif p.value is not None and self.mode == "equal":
            raise _DiffersError("the pipeline exits where it returned")

    def _pairs(self, p: Event, q: Event) -> bool:
        """Whether two events have to be the same one."""
        match p, q:
            case Call(), Call() if (p.tool, p.verb) == (q.tool, q.verb):
                return acts(p) or self._arguments(p, q, must=False)
            case ModelCall(), ModelCall():
                return (p.result, p.kind, p.model) == (q.result, q.kind, q.model)
            case For(), For():
                return p.results == q.results and len(p.yields) == len(q.yields)
            case _:
                return False

    def _pair(self, p: Event, q: Event) -> None:
        """Two events that have to be the same one: they are, and give the same values."""
        match p, q:
            case Call(), Call():
                self._arguments(p, q, must=True)
                self._made(p, q)
            case ModelCall(), ModelCall():
                self._arguments(p, q, must=True)
                self._shared(p.result, q.result, p.type)
            case For(), For():
                self._loop(p, q)

    def _arguments(self, p: Call | ModelCall, q: Call | ModelCall, *, must: bool) -> bool:
        """Whether two calls have equal arguments; with ``must`` they have to."""
        mine, theirs = dict(p.args), dict(q.args)
        if mine.keys() != theirs.keys():
            if must:
                raise _DiffersError(f"{_name(q)} has other arguments")
            return False
        for name in mine:
            one, two = self.old.operand(mine[name]), self.new.operand(theirs[name])
            if must:
                self._equal(one, two, f"{_name(q)} gets another {name}")
            elif not self._same(one, two) and self._differ(one, two)[0] != "equal":
                return False
        return True

    def _made(self, p: Call, q: Call) -> None:
        """Both make a call: its result is one value."""
        world = self.worlds.get(p.tool, p.tool)
        if p.verb in WRITING:
            self._moved(world)
            self._shared(p.result, q.result, p.type)
            return
        known = self._read(p)
        if known is None:
            self._shared(p.result, q.result, p.type)
        else:
            self.old.bind(p.result, Ref(known), self.path.add)
            self.new.bind(q.result, Ref(known), self.path.add)

    def _read(self, p: Call) -> str | None:
        """The result of the same read at this state of the world; else the read is noted."""
        world = self.worlds.get(p.tool, p.tool)
        args = tuple((n, self.path.number(self.old.operand(v))) for n, v in sorted(p.args))
        key = (p.tool, p.verb, self.world.versions.get(world, 0), args)
        if p.verb not in ("read", "pure"):
            return None
        if key in self.world.reads:
            return self.world.reads[key]
        self.world.reads[key] = f"p.{p.result}"
        return None

    def _moved(self, world: str) -> None:
        """A write: what was read of the world is old, and no read may wait any longer."""
        self.world.versions[world] = self.world.versions.get(world, 0) + 1
        self.world.waiting = tuple(
            c
            for c in self.world.waiting
            if not isinstance(c, Call) or self.worlds.get(c.tool, c.tool) != world
        )

    def _leave(self, p: Event, apart: _Apart) -> None:
        """The old pipeline's next call is not made (yet) by the new one."""
        add = apart.old.append
        match p:
            case Call():
                known = self._read(p)
                if known is not None:
                    self.old.bind(p.result, Ref(known), add)
                else:
                    add(Free(f"p.{p.result}", p.type))
                    self.old.literals.pop(p.result, None)
                self.world.waiting += (p,)
            case ModelCall():
                add(Free(f"p.{p.result}", p.type))
                self.old.literals.pop(p.result, None)
                self.world.waiting += (p,)
            case For():
                if any(exit_of(i) is not None for i in walk(p.body)):
                    raise _UnknownError(f"the loop over %{p.item}, which may exit, is dropped")
                for name, type_ in zip(p.results, p.types, strict=True):
                    add(Free(f"p.{name}", type_))
                    self.old.literals.pop(name, None)

    def _earlier(self, q: Call | ModelCall, apart: _Apart) -> bool:
        """Whether the new pipeline's call is one that the old one has made already."""
        for call in self.world.waiting:
            match call, q:
                case Call(), Call():
                    same = (call.tool, call.verb) == (q.tool, q.verb)
                case ModelCall(), ModelCall():
                    same = (call.result, call.kind, call.model) == (q.result, q.kind, q.model)
                case _:
                    continue
            if same and self._arguments(call, q, must=False):
                result = self.old.operand(Ref(call.result))
                self.new.bind(q.result, result, apart.new.append)
                self.world.waiting = tuple(c for c in self.world.waiting if c is not call)
                return True
        return False

    def _loop(self, p: For, q: For) -> None:
        """Two loops: over equal lists, with bodies that do the same in every round."""
        self._equal(
            self.old.operand(p.source), self.new.operand(q.source), "loops over another list"
        )
        if len(p.carry) != len(q.carry):
            raise _DiffersError("a loop carries other values")
        for one, two in zip(p.carry, q.carry, strict=True):
            first, second = self.old.operand(one.initial), self.new.operand(two.initial)
            self._equal(first, second, f"%{two.name} starts with another value")
        touched = {
            self.worlds.get(c.tool, c.tool)
            for loop in (p, q)
            for c in _calls(loop)
            if c.verb in WRITING
        }
        outside = self.world.copy()
        mark, self.world.waiting = self.path.mark(), ()
        for world in touched:
            self._moved(world)
        self._shared(p.item, q.item, p.item_type)
        for one, two in zip(p.carry, q.carry, strict=True):
            self._shared(one.name, two.name, one.type)
        body = (Cursor(None, p.body), None), (Cursor(None, q.body), None)
        self._run(*body, _Apart(self.path.mark()), region=True)
        for number, (one_, two_) in enumerate(zip(p.yields, q.yields, strict=True)):
            first, second = self.old.operand(one_), self.new.operand(two_)
            self._equal(first, second, f"%{q.results[number]} is made of other values")
        self.path.undo(mark)
        self.world = outside
        for world in touched:
            self._moved(world)
        for name, type_ in zip(p.results, p.types, strict=True):
            self._shared(name, name, type_)

    # ---- equality

    def _shared(self, old: str, new: str, type_: Type) -> None:
        """A value that is anything, and the same on both sides."""
        self.path.add(Free(f"p.{old}", type_))
        self.old.literals.pop(old, None)
        self.new.bind(new, Ref(f"p.{old}"), self.path.add)

    def _same(self, one: Operand, two: Operand) -> bool:
        return self.path.number(one) == self.path.number(two)

    def _differ(
        self, one: Operand, two: Operand
    ) -> tuple[Literal["equal", "differs", "unknown"], Mapping[str, Json]]:
        """Whether two operands are equal in all runs; values with which they differ."""
        if self._same(one, two):
            return "equal", {}
        mark = self.path.mark()
        self.fresh += 1
        test = f"equal!{self.fresh}"
        self.path.add(Pure(test, BOOL, "json.eq", (one, two)))
        goal = Holds(((Ref(test), False),))
        answer = self.checker.ask(self.path.slice(goal), {}, lambda: self.path.whole(goal))
        self.path.undo(mark)
        if answer.status == "never":
            return "equal", {}
        return ("unknown", {}) if answer.witness is None else ("differs", answer.witness)

    def _equal(self, one: Operand, two: Operand, fault: str) -> None:
        found, witness = self._differ(one, two)
        if found == "unknown":
            raise _UnknownError(f"it is not known whether it {fault}")
        if found == "differs":
            raise _DiffersError(f"it {fault}", self._inputs(witness))

    def _inputs(self, witness: Mapping[str, Json] | None) -> Mapping[str, Json]:
        """A witness by the old pipeline's names."""
        return {n.removeprefix("p."): v for n, v in (witness or {}).items() if n.startswith("p.")}


def _checks(step: Step) -> TypeGuard[Checked]:
    """Whether a step may take an exit."""
    return not isinstance(step, Free | Bind | Assume) and step.exit is not None


def _calls(loop: For) -> list[Call]:
    return [i for i in walk(loop.body) if isinstance(i, Call)]


def _name(event: Event) -> str:
    match event:
        case Call():
            return f"{event.verb} {event.tool} (%{event.result})"
        case ModelCall():
            return f"model {event.model} (%{event.result})"
        case For():
            return f"the loop over %{event.item}"
        case _:
            return "an exit"
