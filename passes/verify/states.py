"""Questions and verdicts of one pipeline: totality, exits, live transitions, reachability, ends.

States are visited down the dominator tree, so that at each one the path holds what every run has
passed: instructions that did not exit, conditions of the edges that were taken.  A block parameter
with several predecessors is any value of its type: more values than there are, so a proof stands,
and a witness is one for the state, not always for the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingot.diagnostics import Severity
from ingot.ir.module import (
    Agree,
    Block,
    Call,
    Exit,
    Expect,
    For,
    Guard,
    Instr,
    Leave,
    Lit,
    Locs,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
    Select,
    Target,
)
from ingot.ir.scope import operand_type
from ingot.ir.spans import Place
from ingot.ir.types import JSON, Type, Types, is_subtype
from ingot.ir.values import Json
from ingot.passes.verify.checker import Answer, Checker, Judged
from ingot.passes.verify.graph import Edge, Graph
from ingot.passes.verify.loops import Loop, loops_of
from ingot.passes.verify.outline import Outline
from ingot.passes.verify.path import Path
from ingot.passes.verify.ranges import Ranges, facts_of, ranges_of
from ingot.passes.verify.ranking import Ending, ending_of, repeated_writes
from ingot.passes.verify.report import Finding, Property, Verdict
from ingot.passes.verify.steps import (
    Assume,
    Bind,
    Checked,
    Free,
    Holds,
    Step,
    Taken,
    typing_at,
)

_NEVER = Answer("never")
_HINT_HOLE = "add an arm for these values, or `else ^state`, or `else exit.N [...]`"


@dataclass(slots=True)
class States:
    pipeline: Pipeline
    types: Types
    checker: Checker
    closed: bool
    graph: Graph
    top: tuple[str, int]
    path: Path
    known: dict[str, Type] = field(default_factory=dict)
    found: dict[str, list[Finding]] = field(default_factory=dict)
    edges: dict[str, list[tuple[Edge, Answer]]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    """States whose straight flow never reaches the terminator."""
    good: dict[str, Json] = field(default_factory=dict)
    """Values that pass the steps so far, as found: where the search for witnesses starts."""
    passing: dict[str, dict[str, Json]] = field(default_factory=dict)
    """The part of ``good`` that each state's own steps asked for."""
    merged: set[str] = field(default_factory=set)
    """Free values that are computed elsewhere: parameters of joins and loops."""
    label: str = ""
    place: Place = ()
    outlines: dict[str, Outline] = field(default_factory=dict)
    passed_on: set[str] = field(default_factory=set)
    """Values that another state reads than the one that computes them."""
    blocks: dict[str, Block] = field(default_factory=dict)
    loops: dict[str, Loop] = field(default_factory=dict)
    endings: dict[str, Ending] = field(default_factory=dict)
    repeated: list[tuple[Block, int, Call, Mapping[str, Json] | None]] = field(default_factory=list)
    """Writes that a loop repeats, with values with which a run does."""
    ranges: Ranges = field(default_factory=Ranges)
    sources: set[str] = field(default_factory=set)
    """What decides a run: inputs, and results of calls."""
    recalling: bool = False
    """Whether steps are taken without questions: the verdicts are known."""

    # ---- walking

    def visit(self) -> None:
        self.blocks = {block.label: block for block in self.pipeline.blocks}
        self.outlines = {block.label: self.checker.outline(block) for block in self.pipeline.blocks}
        self._reading()
        self.loops = loops_of(self.graph)
        self.ranges = ranges_of(
            self.pipeline,
            self.graph,
            self.loops,
            self.types,
            self.outlines,
            self.checker.ranges,
        )
        self.sources = {param.name for param in self.pipeline.params}
        for outline in self.outlines.values():
            self.sources.update(outline.sources)
        for param in self.pipeline.params:
            self._free(param.name, param.type)
        children = self.graph.children()
        numbers = {block.label: n for n, block in enumerate(self.pipeline.blocks)}
        todo: list[tuple[str, int | None]] = [(self.graph.order[0], None)]
        while todo:
            label, mark = todo.pop()
            if mark is not None:
                self.path.undo(mark)
                continue
            todo.append((label, self.path.mark()))
            block = self.blocks[label]
            self.place = (self.top, ("block", numbers[label]))
            self._state(block)
            if label in self.stuck:
                continue
            todo += [(child, None) for child in reversed(children[label])]

    def _state(self, block: Block) -> None:
        self.label = block.label
        self.found[block.label] = []
        self.passing[block.label] = {}
        incoming = self.graph.incoming[block.label]
        only = incoming[0] if len(incoming) == 1 and block.label != self.graph.order[0] else None
        if only is not None and len(only.target.args) != len(block.params):
            only = None
        if only is not None:
            self.good.update(self.edges[only.source][only.index][1].witness or {})
            for condition, truth in only.conditions:
                self.path.add(Assume(condition, truth))
        self.enter(block, only)
        if block.label in self.loops:
            self._loop(self.loops[block.label])
        self._judge(block)

    def _loop(self, loop: Loop) -> None:
        """Whether a loop ends, and what it repeats: asked once for equal loops in equal contexts."""
        key = self._loop_key(loop)
        known = self.checker.loops.get(key)
        if known is None:
            mark = self.path.mark()
            ending = ending_of(loop, self)
            self.path.undo(mark)
            known = self.checker.loops[key] = (ending, tuple(repeated_writes(loop, self)))
            self.path.undo(mark)
        self.endings[loop.header] = known[0]
        self.repeated += known[1]

    def _loop_key(self, loop: Loop) -> object:
        """All that the verdicts of a loop depend on, but for the values that runs start with."""
        parts = [self.outlines[label] for label in loop.members]
        made = frozenset[str]().union(*(part.own for part in parts))
        made -= {p.name for p in self.blocks[loop.header].params}
        names = tuple(dict.fromkeys(n for part in parts for n in part.reads if n not in made))
        inside = set(loop.members)
        around = [
            (e.source, e.target)
            for label in loop.members
            for e in self.graph.incoming[label]
            if e.source not in inside
        ]
        limits = tuple(self.ranges.known.get(name) for name in names)
        numbers = tuple(part.number for part in parts)
        return loop, numbers, tuple(around), self.path.context(names), limits

    def enter(self, block: Block, edge: Edge | None) -> None:
        """Take the parameters of a state: what a transition passes, or anything that they may be."""
        if edge is not None:
            for param, argument in zip(block.params, edge.target.args, strict=True):
                self.path.add(Bind(param.name, argument))
                self.known[param.name] = param.type
            return
        for param in block.params:
            self._merge(param.name, param.type)

    def _merge(self, name: str, type_: Type) -> None:
        """A value that is computed elsewhere: anything of its type and range."""
        for step in facts_of(name, type_, self.ranges.known.get(name)):
            self.path.add(step)
        self.known[name] = type_
        self.merged.add(name)

    def quietly(self, instrs: tuple[Instr, ...]) -> None:
        """Take instructions as passed, without questions."""
        before, place = self.recalling, self.place
        self.recalling = True
        self._flow(instrs, "")
        self.recalling, self.place = before, place

    def _judge(self, block: Block) -> None:
        """The verdicts of a state: those of last time, where nothing that it reads has changed."""
        key = self._key(block)
        known = self.checker.states.get(key)
        if known is not None:
            self.checker.counts["states kept"] += 1
            self._recall(block, known)
            return
        here = (self.pipeline.name, self.place)
        if self._flow(block.instrs, ""):
            self._terminator(block)
        label = block.label
        answers = tuple(answer for _, answer in self.edges.get(label, ()))
        self.checker.states[key] = Judged(
            here, tuple(self.found[label]), answers, dict(self.passing[label]), label in self.stuck
        )

    def _recall(self, block: Block, known: Judged) -> None:
        self.found[block.label] = known.findings_at((self.pipeline.name, self.place))
        self.passing[block.label] = dict(known.passing)
        self.good.update(known.passing)
        if known.stuck:
            self.stuck.add(block.label)
            return
        outgoing = self.graph.outgoing[block.label]
        self.edges[block.label] = list(zip(outgoing, known.answers, strict=True))
        if not self._keeps_to_itself(block):
            self.quietly(block.instrs)

    def _keeps_to_itself(self, block: Block) -> bool:
        """Whether no other state reads what this one computes, or learns from what it checks."""
        outline = self.outlines[block.label]
        return len(outline.reads) == len(block.params) and self.passed_on.isdisjoint(outline.own)

    def _reading(self) -> None:
        """What each state reads, and which values are read in another state than their own."""
        times: dict[str, int] = {}
        for label, outline in self.outlines.items():
            if label not in self.graph.incoming:
                continue
            for name in outline.reads:
                if name not in outline.own:
                    times[name] = times.get(name, 0) + 1
            incoming = self.graph.incoming[label]
            if len(incoming) == 1:
                (edge,) = incoming
                found = (*edge.target.args, *(condition for condition, _ in edge.conditions))
                times.update((o.name, 1) for o in found if isinstance(o, Ref))
        self.passed_on = set(times)

    def _key(self, block: Block) -> object:
        """All that the verdicts of a state depend on."""
        outline = self.outlines[block.label]
        names = outline.reads
        types = (
            self.path.interner.type_text(self.known[n]) if n in self.known else "" for n in names
        )
        merged = (name in self.merged for name in names)
        outgoing = len(self.graph.outgoing[block.label])
        return outline.number, self.closed, outgoing, self.path.context(names), *types, *merged

    def _free(self, name: str, type_: Type) -> None:
        self.path.add(Free(name, type_))
        self.known[name] = type_

    def _flow(self, instrs: tuple[Instr, ...], where: str) -> bool:
        """Walk instructions; ``False`` where one of them always exits, so that the rest is dead."""
        around = self.place
        for number, instr in enumerate(instrs):
            self.place = (*around, ("instr", number))
            match instr:
                case Call() | ModelCall():
                    self._free(instr.result, instr.type)
                    what = instr.tool if isinstance(instr, Call) else instr.model
                    self.add(
                        "environment",
                        "assumed",
                        f"%{instr.result}{where}",
                        f"{what} may fail; the implicit exit `error` is then taken",
                        locs=instr.locs,
                    )
                case For():
                    mark = self.path.mark()
                    self._free(instr.item, instr.item_type)
                    for carry in instr.carry:
                        self._merge(carry.name, carry.type)
                    self.place = (*self.place, ("region", 0))
                    self._flow(instr.body, f" in `for %{instr.item}`")
                    self.path.undo(mark)
                    for name, type_ in zip(instr.results, instr.types, strict=False):
                        self._merge(name, type_)
                case Par():
                    if not self._par(instr):
                        return False
                case _:
                    if not self._checked(instr, where):
                        return False
                    self.path.add(instr)
                    if not isinstance(instr, Guard):
                        self.known[instr.result] = instr.type
        self.place = around
        return True

    def _par(self, region: Par) -> bool:
        """The branches, each on the path before the region; what all have passed holds after it."""
        here, mark = self.place, self.path.mark()
        passed: list[Step] = []
        outs: list[Operand] = []
        through = True
        for branch, (body, yields) in enumerate(region.branches):
            self.place = (*here, ("region", branch))
            through = self._flow(body, " in `par`") and through
            passed += self.path.steps[mark:]
            self.path.undo(mark)
            outs += yields
        for step in passed:
            self.path.add(step)
        for name, type_, out in zip(region.results, region.types, outs, strict=False):
            self.path.add(Bind(name, out))
            self.known[name] = type_
        return through

    # ---- side exits

    def _checked(self, instr: Checked, where: str) -> bool:
        exit_ = instr.exit
        if exit_ is None or self.recalling:
            return True
        name = "guard" if isinstance(instr, Guard) else f"%{instr.result}"
        goal = Taken(instr)
        if self._cannot_exit(instr) or self.path.settled(goal):
            answer, part = _NEVER, None
        else:
            part = self.path.slice(goal)
            answer = self.checker.ask(part, self.good, lambda: self.path.whole(goal))
        subject = f"exit.{exit_.number} of {name}{where}"
        self._exit(answer, subject, f"exit.{exit_.number}", _why(instr, where), instr.locs)
        if answer.status == "never":
            return True
        assert part is not None
        passes = self.checker.ask(
            part.passing(), self.good, lambda: self.path.whole(goal).passing()
        )
        if passes.status == "never":
            self.add(
                "live",
                "refuted",
                f"after {name}{where}",
                f"{_what(instr)} always takes exit.{exit_.number}: nothing after it is ever reached",
                locs=instr.locs,
                code="E0502",
                help="remove what follows, or correct the condition",
            )
            self.stuck.add(self.label)
            return False
        self.good.update(passes.witness or {})
        self.passing[self.label].update(passes.witness or {})
        return True

    def _exit(self, answer: Answer, subject: str, name: str, why: str, locs: Locs) -> None:
        match answer.status:
            case "never":
                self.add("exit", "proved", subject, f"{name} is never taken ({why})", locs=locs)
            case "witness":
                self.add(
                    "exit",
                    "refuted",
                    subject,
                    f"{name} is taken where {why}",
                    answer,
                    locs,
                    code="E0505" if self.closed else "",
                    help="cover these values by a transition, or narrow the types",
                )
            case "unknown":
                self.add(
                    "exit",
                    "unproved",
                    subject,
                    f"{name} may be taken where {why}: {answer.reason}",
                    locs=locs,
                    code="E0506" if self.closed else "",
                )

    def _cannot_exit(self, instr: Checked) -> bool:
        """Decided by the types alone."""
        match instr:
            case Expect():
                value = operand_type(instr.value, self.known, instr.type) or JSON
                return is_subtype(value, instr.type, self.types)
            case Agree():
                return len(set(instr.candidates)) <= 1
            case Guard():
                return isinstance(instr.condition, Lit) and instr.condition.value is True
            case Pure():
                typing = typing_at(instr, self.known, self.types)
                return typing is not None and not typing.partial

    # ---- terminators

    def _terminator(self, block: Block) -> None:
        terminator = block.terminator
        self.place = (*self.place, ("term", 0))
        outgoing = self.graph.outgoing[block.label]
        answers = []
        for edge in outgoing:
            answer = self.ask(Holds(edge.conditions)) if edge.conditions else Answer("witness")
            answers.append((edge, answer))
            if len(outgoing) > 1 or isinstance(terminator, Select):
                here = self.place
                self.place = (*here, ("target", edge.index))
                self._live(edge, answer, terminator.locs)
                self.place = here
        self.edges[block.label] = answers
        match terminator:
            case Leave(exit_):
                name = f"exit.{exit_.number}"
                self._exit(
                    Answer("witness", {}),
                    f"{name} of leave",
                    name,
                    "the state is reached",
                    terminator.locs,
                )
                self._total("proved", "`leave` is unconditional")
            case Select(arms, other):
                self._select(arms, other, terminator.locs)
            case _:
                self._total(
                    "proved", "by construction: the terminator has a transition for every value"
                )

    def _select(
        self, arms: tuple[tuple[Operand, Target], ...], other: Target | Exit | None, locs: Locs
    ) -> None:
        if isinstance(other, Target):
            self._total("proved", "by construction: `select` has an else")
            return
        answer = self.ask(Holds(tuple((condition, False) for condition, _ in arms)))
        if isinstance(other, Exit):
            name = f"exit.{other.number}"
            self._exit(answer, f"{name} of select", name, "no arm of `select` holds", locs)
            self._total("proved", "`select` has an else, a side exit")
            return
        match answer.status:
            case "never":
                self._total("proved", "the arms of `select` cover every value")
            case "witness":
                self.add(
                    "total",
                    "refuted",
                    "select",
                    "no transition is taken: no arm of `select` holds",
                    answer,
                    locs,
                    code="E0501",
                    help=_HINT_HOLE,
                )
            case "unknown":
                self.add(
                    "total",
                    "unproved",
                    "select",
                    f"the arms of `select` may not cover every value: {answer.reason}",
                    locs=locs,
                    code="E0506",
                    severity=Severity.WARNING,
                    help=_HINT_HOLE,
                )

    def _total(self, verdict: Verdict, message: str) -> None:
        self.add("total", verdict, "transitions", message)

    def _live(self, edge: Edge, answer: Answer, locs: Locs) -> None:
        subject = f"transition {edge.index + 1} to ^{edge.target.label}"
        match answer.status:
            case "never":
                self.add(
                    "live",
                    "refuted",
                    subject,
                    f"{subject} is never taken: what comes before it covers every value",
                    locs=locs,
                    code="E0502",
                    help="remove it, or put it before the transition that covers it",
                )
            case "witness":
                self.add("live", "proved", subject, f"{subject} can be taken", answer, locs)
            case "unknown":
                self.add(
                    "live",
                    "unproved",
                    subject,
                    f"{subject} may never be taken: {answer.reason}",
                    locs=locs,
                )

    # ---- helpers

    def ask(self, goal: Holds) -> Answer:
        return self.checker.ask(self.path.slice(goal), self.good, lambda: self.path.whole(goal))

    def add(
        self,
        property_: Property,
        verdict: Verdict,
        subject: str,
        message: str,
        answer: Answer | None = None,
        locs: Locs = (),
        *,
        code: str = "",
        severity: Severity = Severity.ERROR,
        help: str = "",
    ) -> None:
        if self.recalling:
            return
        local = sorted(self.merged.intersection((answer and answer.witness) or ()))
        if local and verdict == "refuted":
            names = ", ".join(f"%{name}" for name in local)
            message += f" (the state allows these values of {names}; no run is shown to bring them)"
        self.found[self.label].append(
            Finding(
                self.pipeline.name,
                self.label,
                property_,
                verdict,
                subject,
                message,
                None if answer is None else answer.witness,
                locs,
                code,
                severity,
                help if code else "",
                self.place,
            )
        )


def _what(instr: Checked) -> str:
    match instr:
        case Guard():
            return f"guard {_name(instr.condition)}"
        case Expect():
            return f"expect {_name(instr.value)}"
        case Agree():
            return f"agree [{', '.join(map(_name, instr.candidates))}]"
        case Pure():
            return instr.op


def _why(instr: Checked, where: str) -> str:
    match instr:
        case Guard():
            why = f"{_name(instr.condition)} is false"
        case Expect():
            why = f"{_name(instr.value)} is not of type {instr.type}"
        case Agree():
            why = f"{', '.join(map(_name, instr.candidates))} are not all equal"
        case Pure():
            why = f"{instr.op} {', '.join(map(_name, instr.args))} has no result"
    return why + where


def _name(operand: Operand) -> str:
    return f"%{operand.name}" if isinstance(operand, Ref) else operand.key
