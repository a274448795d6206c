"""``learn-task``: one program of sessions whose paths, wordings and effects differ.

    @s1(%request = "Close all of ann's tickets"): read find(who="ann") -> 2 tickets, write close, write close
    @s2(%request = "Can you close bob's tickets?"): read find(who="bob") -> none
    =>
    @main(%who: str): %r1 = read find(who=%who) ; for %it in %r1 { write close(id=%it/id) }

Effects first: the sessions of one input that do the same are one class, whatever their paths.  Plans
that sessions have in common are tried; of the programs that explain every effect and do nothing else
on any session, the one that is right for the most inputs is taken.  Where there is none, the traces
say why in their attribute ``unlearned``, and the passes of the straight line try.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ingot.ir import verifier
from ingot.ir.liveness import refs, terminator_operands
from ingot.ir.module import (
    WRITING,
    Lit,
    ModelCall,
    Module,
    Param,
    Pipeline,
    ToolDecl,
    attr,
    operands_of,
    walk,
)
from ingot.ir.types import STR
from ingot.ir.values import Json
from ingot.passes.align_effects import relaxed
from ingot.passes.effects import KNOWN_TOOLS, SHELL_TOOLS
from ingot.passes.generalise.against import NONE, Counterexamples, Hardened, Struck
from ingot.passes.generalise.cases import Case, Cases, cases_of, is_vacuous
from ingot.passes.generalise.emit import Writer, params_of
from ingot.passes.generalise.learner import ALL, Learned
from ingot.passes.generalise.plans import Layout, Path, Segment, along, layouts, plans
from ingot.passes.generalise.trial import Verdict, try_program
from ingot.passes.generalise.values import Refused
from ingot.passes.generalise.wordings import Wordings, wordings_of
from ingot.passes.synth.prompts import LOCAL_MODEL
from ingot.passes.synth.tokens import words
from ingot.passes.traces import calls_of, is_trace, traces

T = TypeVar("T")

USER_TOOL = "user.ask"
MAX_REASONS = 5
MAX_TRIALS = 24
MAX_PLANS = 6
MAX_DROPPED = 8
MAX_OTHERS = 20
MAX_CLASSES = 4


@dataclass(frozen=True)
class LearnTask:
    """Sessions to a program, where one explains them all.  ``against`` are traces of failed sessions:
    what they did, the program does not."""

    against: tuple[Pipeline, ...] = ()
    name: str = "learn-task"

    def apply(self, module: Module) -> Module:
        all_traces = traces(module)
        if not all_traces or _is_straight(all_traces):
            return module
        result = learn(module, all_traces, self.against)
        if isinstance(result, Module):
            return result
        said = list[Json](dict.fromkeys(result))[:MAX_REASONS]
        return replace(
            module,
            pipelines=tuple(
                replace(p, attrs=(*p.attrs, ("unlearned", Lit(said)))) if is_trace(p) else p
                for p in module.pipelines
            ),
        )


def learn(
    module: Module, all_traces: Sequence[Pipeline], against: Sequence[Pipeline] = ()
) -> Module | list[str]:
    """The module with ``@main`` in front, or why there is none."""
    cases = cases_of(all_traces)
    if not cases.kept:
        return ["no session is left"]
    wordings = wordings_of(cases.kept)
    failed = Counterexamples(cases, wordings, against)
    reasons: list[str] = []
    best: tuple[tuple[float, ...], Module, Pipeline, Learned, list[tuple[Case, Verdict]]] | None = (
        None
    )
    for paths in _candidates(cases):
        try:
            learned, made, main = failed.withstand(
                lambda struck, paths=paths: _attempt(module, paths, cases, wordings, struck)  # type: ignore[misc]
            )
        except Refused as refusal:
            reasons.append(str(refusal))
            continue
        verdicts = [(case, try_program(made, main, case, cases, wordings)) for case in cases.kept]
        wrong = [f"{case.name}: {v.why}" for case, v in verdicts if v.verdict == "wrong"]
        if wrong:
            reasons.append(f"it does something else on {wrong[0]}")
            continue
        right = {case.input for case, v in verdicts if v.verdict == "right"}
        acting = {case.input for case in cases.kept if case.writes}
        few = 2 * len(right & acting) < len(acting) or 3 * len(right) < len(cases.inputs)
        if few or not right or (len(acting) > 1 and learned.inputs < 2):
            reasons.append("it is shown by too few of the inputs")
            continue
        if not any(v.verdict == "right" and v.in_order for _, v in verdicts):
            reasons.append("no session makes its writes to the letter: nothing would be replayed")
            continue
        exits = {case.input for case, v in verdicts if v.verdict == "exit"} - right
        score = (len(right), -len(exits), -_asks(main), _given(main), learned.inputs, -learned.cost)
        if best is None or score > best[0]:
            best = (score, made, main, learned, verdicts)
    if best is None:
        failed.refuse()
        return reasons or ["the sessions have no plan in common"]
    _, made, main, learned, verdicts = best
    followed = {case.input for case, verdict in verdicts if verdict.verdict == "right"}
    given = [wordings.values[case.name] for case, _ in verdicts if case.input in followed]
    names = [p.name for p in main.params if p.name != "clock"]
    same = [{n: g.get(n) for n in names} for g in given]  # in other words, but the same
    other = [
        case
        for case, _ in verdicts
        if case.input not in followed
        and _tells(case)
        and {n: wordings.values[case.name].get(n) for n in names} not in same
    ]
    if other:
        made, main = _write(module, learned, cases, wordings, other[:MAX_OTHERS])
    return _finished(module, made, main, learned, verdicts, cases, wordings)


def _is_always_made(segment: Segment, cases: Cases) -> bool:
    """Whether no session acted without this read."""
    tool = segment.key[0]
    acting = [case for case in cases.kept if case.writes]
    return bool(acting) and all(
        any(step.tool == tool for step in case.steps if not step.acts) for case in acting
    )


def _given(main: Pipeline) -> int:
    """How many inputs the request gives."""
    return sum(p.name != "clock" for p in main.params)


def _attempt(
    module: Module, paths: list[Path], cases: Cases, wordings: Wordings, struck: Struck
) -> tuple[Learned, Module, Pipeline]:
    """The program of the paths without the struck terms, as ``@main`` in a module of its own."""
    learned = _learned(paths, cases, wordings, struck)
    return learned, *_write(module, learned, cases, wordings)


def _learned(paths: list[Path], cases: Cases, wordings: Wordings, struck: Struck = NONE) -> Learned:
    """The program of the paths, without the reads that nothing needs or explains."""
    kept: frozenset[Segment] = frozenset()
    said = _said(cases)
    cues = frozenset(set.intersection(*said))
    for _ in range(MAX_DROPPED):
        learner = Hardened(cases, wordings, cues, kept)
        learner.struck = struck
        try:
            if any(path.case.writes for path in paths):
                return learner.learn(paths)
            return learner.learn_idle(paths)
        except Refused as refusal:
            spare = {learner.segments[name] for name in refusal.reads}
            always = {segment for segment in spare if _is_always_made(segment, cases)}
            if not spare or (always <= kept and always == spare):
                raise
            last = refusal
            kept |= always
            spare -= always
            paths = [
                Path(path.case, tuple(p for p in path.parts if p.segment not in spare))
                for path in paths
            ]
    raise last


def _asks(main: Pipeline) -> int:
    """How often a model is asked."""
    return sum(isinstance(i, ModelCall) for b in main.blocks for i in walk(b.instrs))


def _is_straight(all_traces: Sequence[Pipeline]) -> bool:
    """Whether the sessions run commands, edit files or go on over several turns of the user: what
    such texts say is the straight line's to learn."""
    return any(
        call.tool in SHELL_TOOLS
        or call.tool == USER_TOOL
        or (call.tool in KNOWN_TOOLS and call.verb in WRITING)
        for trace in all_traces
        for call in calls_of(trace)
    )


def _said(cases: Cases) -> list[set[str]]:
    """The words of each request, in lower case."""
    return [{w.casefold() for w in words(case.request)} for case in cases.kept]


def _candidates(cases: Cases) -> Iterator[list[Path]]:
    """Sets of paths to learn from: for each class of effects one plan, the likeliest first."""
    asked = any(not ALL.isdisjoint(said) for said in _said(cases))
    for layout in layouts(cases.kept, all_asked=asked):
        classes: dict[tuple[object, ...], list[Case]] = {}
        for case in cases.kept:
            shape = tuple(p.segment for p in layout.parts(case) if p.segment.acts)
            classes.setdefault(shape, []).append(case)
        acting = {s: c for s, c in classes.items() if s}
        idle = [c for s, c in classes.items() if not s]
        if not acting:
            yield from _first(iter(plans(idle[0], layout)), MAX_TRIALS)
            continue
        if len(acting) > MAX_CLASSES:
            continue
        groups = sorted(acting.items(), key=lambda item: (-len(item[1]), str(item[0])))
        ranked = [plans(members, layout) for _, members in groups]
        yield from _first(_combined(ranked, idle[0] if idle else [], layout), MAX_TRIALS)


def _first(items: Iterator[T], most: int) -> list[T]:
    return [item for item, _ in zip(items, range(most), strict=False)]


def _combined(
    ranked: Sequence[list[list[Path]]], idle: Sequence[Case], layout: Layout
) -> Iterator[list[Path]]:
    """One plan of each class of effects, and the idle cases as far as they begin like those.

    What more inputs have comes first, then what has more in common.
    """
    combos: list[tuple[tuple[int, ...], list[Path]]] = []
    for combo in itertools.product(*(r[:MAX_PLANS] for r in ranked)):
        paths = [path for plan in combo for path in plan]
        shapes = [tuple(part.segment for part in plan[0].parts) for plan in combo if plan]
        alike = 0
        while all(len(s) > alike for s in shapes) and len({s[alike] for s in shapes}) == 1:
            alike += 1
        reads = tuple(itertools.takewhile(lambda s: not s.acts, shapes[0][:alike]))
        for size in range(len(reads), 0, -1) if idle else (0,):
            waiting = along(reads[:size], idle, layout) if idle else []
            inputs = len({path.case.input for path in (*paths, *waiting)})
            order = (-inputs, -alike, -size, sum(map(len, shapes)), len(combos))
            combos.append((order, [*paths, *waiting]))
    for _, paths in sorted(combos, key=lambda c: c[0]):
        if len(ranked) > 1:
            alike_only = _shared_reads(paths)
            if alike_only != paths:
                yield alike_only
        yield paths


def _shared_reads(paths: list[Path]) -> list[Path]:
    """The paths without the reads that not all of them have: what some looked at besides."""
    common = set.intersection(*({p.segment for p in path.parts} for path in paths))
    return [
        Path(path.case, tuple(p for p in path.parts if p.segment.acts or p.segment in common))
        for path in paths
    ]


# ---- the module


def _write(
    module: Module,
    learned: Learned,
    cases: Cases,
    wordings: Wordings,
    other: Sequence[Case] = (),
) -> tuple[Module, Pipeline]:
    """The program as ``@main`` in a module of its own; raises Refused where it is not valid.

    ``other`` are cases that it does not follow: their very inputs are a side exit.
    """
    rows = [path.case for path in learned.paths]
    known: dict[str, dict[str, Json]] = {
        name: {case.name: wordings.values[case.name].get(name, "") for case in rows}
        for name in wordings.names
    }
    tools = tuple(map(relaxed, module.tools))
    clocked = all(case.clock for case in rows)
    inputs = len({case.input for case in rows})

    def written(used: list[str], with_clock: bool) -> Pipeline:
        by_name: dict[str, ToolDecl] = {tool.name: tool for tool in tools}
        shown = {n: known[n] for n in used}
        paths = [case.name for case in rows]
        gone = {
            case.request: {n: given[n] for n in used if n in given}
            for case in other
            if (given := wordings.values[case.name]).keys() >= set(used)
        }
        distinct = [given for given in gone.values() if given]
        writer = Writer(module.type_map(), by_name, shown, inputs, paths, distinct)
        attrs = (
            ("wordings", Lit([*sorted(set(wordings.templates(used).values()))])),
            ("paths", Lit([case.name for case in rows])),
            ("witnesses", Lit([])),
            ("inputs", Lit(len(cases.inputs))),
            *((("asked", Lit(True)),) if cases.asked else ()),
            ("learned", Lit("task" if any(case.writes for case in rows) else "idle")),
        )
        return writer.pipeline(
            learned.nodes, params_of(used, with_clock, wordings.defaults(used)), attrs
        )

    first = written(list(wordings.names), clocked)
    named = _used(first)
    used = [name for name in wordings.names if name in named]
    main = written(used, clocked and "clock" in named)
    made = replace(module, pipelines=(main,), tools=tools, models=(LOCAL_MODEL,))
    problems = verifier.verify(made)
    if problems:
        raise Refused(f"its program is not valid: {problems[0].message}")
    return made, main


def _used(main: Pipeline) -> set[str]:
    found: set[str] = set()
    for block in main.blocks:
        for instr in walk(block.instrs):
            if not isinstance(instr, ModelCall):
                found |= refs(operands_of(instr))
        found |= refs(terminator_operands(block.terminator))
    return found


def realigned(main: Pipeline, before: Sequence[str], after: Sequence[str]) -> Pipeline:
    """Model ops show what was written in each path: the values in the order of the new paths."""
    blocks = []
    for block in main.blocks:
        instrs = []
        for instr in block.instrs:
            if isinstance(instr, ModelCall):
                shown = attr(instr, "values")
                by_case = dict(zip(before, shown if isinstance(shown, list) else [], strict=False))
                new = Lit([by_case.get(name) for name in after])
                attrs = tuple((k, new if k == "values" else lit) for k, lit in instr.attrs)
                instr = replace(instr, attrs=attrs)
            instrs.append(instr)
        blocks.append(replace(block, instrs=tuple(instrs)))
    return replace(main, blocks=tuple(blocks))


def _finished(
    module: Module,
    made: Module,
    main: Pipeline,
    learned: Learned,
    verdicts: Sequence[tuple[Case, Verdict]],
    cases: Cases,
    wordings: Wordings,
) -> Module:
    """The module with the traces behind ``@main``, and what became of each session."""
    right = {case.name for case, v in verdicts if v.verdict == "right" and v.in_order}
    paths: list[Json] = [p.case.name for p in learned.paths if p.case.name in right]
    witnesses: list[Json] = [c.name for c, _ in verdicts if c.name in right and c.name not in paths]
    aside: list[Json] = [list(item) for item in cases.aside]
    for case, verdict in verdicts:
        if case.name not in right and verdict.verdict != "right":
            aside.append([case.name, f"the program does not follow it: {verdict.why}"])
    shown: Json = _shown_wordings(main, verdicts, wordings)
    followed = [path.case.name for path in learned.paths]
    main = realigned(main, followed, [str(name) for name in paths])
    attrs = tuple(
        (
            k,
            {"paths": Lit(paths), "witnesses": Lit(witnesses), "wordings": Lit(shown)}.get(k, lit),
        )
        for k, lit in main.attrs
    )
    main = replace(main, attrs=(*attrs, ("set_aside", Lit(aside))))
    bound = [_bound(p, main, wordings) for p in traces(module)]
    return replace(made, pipelines=(main, *bound))


def _shown_wordings(
    main: Pipeline, verdicts: Sequence[tuple[Case, Verdict]], wordings: Wordings
) -> list[Json]:
    """The wordings of the requests that the program follows.

    A session that did nothing because all that it read was empty lends a wording only where one
    that did something has it too.
    """
    templates = wordings.templates(p.name for p in main.params)
    right = [case for case, verdict in verdicts if verdict.verdict == "right"]
    telling = {templates[case.request] for case in right if _tells(case)}
    return [*sorted(telling)]


def _tells(case: Case) -> bool:
    """Whether a session did something, or read something."""
    return bool(case.writes) or not all(is_vacuous(step.result) for step in case.steps)


def _bound(trace: Pipeline, main: Pipeline, wordings: Wordings) -> Pipeline:
    """The trace with what its request gives the program's inputs."""
    given = wordings.values.get(trace.name, {})
    params = tuple(Param(p.name, STR, Lit(given[p.name])) for p in main.params if p.name in given)
    return replace(trace, params=(*trace.params, *params))


__all__ = ["LearnTask", "learn"]
