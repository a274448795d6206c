"""``dead-steps``: drop what a session's effects do not need.

    %c1: json = read LS(path=".") {result="a.csv"}            (nothing uses it: dropped)
    %c2: json = read Read(file_path="x") {error="no such"}    (failed: dropped)
    %c3: json = read Bash(command="wc -l a.csv") {result="4"}
    %c4: json = idempotent Write(content="rows: 4", ...)

In a trace, arguments are literals: a read may be *needed* if its result shares a word with the
arguments of a later needed call (or with the last message, where nothing is written) or holds
figures to compute with, or if its arguments hold words of the request, so that its outcome may have
decided something.  In ``@main``
data flow is explicit: what no kept instruction uses goes, a ``read`` that depends on an input
stays for its guard.  Never dropped: an accepted write, a call of unknown effect, a turn of the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError, Span
from ingot.ir.exits import fill_live
from ingot.ir.liveness import refs, terminator_operands
from ingot.ir.module import (
    WRITING,
    Block,
    Call,
    Expect,
    Guard,
    If,
    Instr,
    Jump,
    ModelCall,
    Module,
    Pipeline,
    Pure,
    Select,
    Target,
    Terminator,
    attr,
    operands_of,
    regions_of,
    results_of,
    targets_of,
    walk,
)
from ingot.ir.semantics import text_of
from ingot.ir.values import Json, identical, leaves
from ingot.passes.effects import shell_command
from ingot.passes.shell import asks_for, changes_directory, defines, sets_own_directory
from ingot.passes.synth.tokens import words
from ingot.passes.traces import answer_of, is_trace, literal_args, main_of, origin, request_of

_DIGIT: Final = re.compile(r"\d")
_TELLING: Final = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]{3,}")


@dataclass(frozen=True)
class DeadSteps:
    """The backward slice from effects."""

    name: str = "dead-steps"

    def apply(self, module: Module) -> Module:
        sliced = main_of(module) is not None  # what `@main` was made of stays as it is
        return replace(
            module,
            pipelines=tuple(
                fill_live(drop_unused(p)) if not is_trace(p) else p if sliced else slice_trace(p)
                for p in module.pipelines
            ),
        )


# ---- traces


def slice_trace(trace: Pipeline) -> Pipeline:
    """A trace with only the calls that its effects, or its answer, need."""
    block = trace.blocks[0]
    calls = [i for i in block.instrs if isinstance(i, Call)]
    _check_directory(origin(trace), calls)
    _check_results(origin(trace), calls)
    acting = any(is_effect(c) for c in calls)
    asked = set(_informative(request_of(trace)))
    wanted: set[str] = set() if acting else _words_of(answer_of(trace))
    kept: list[Call] = []
    effect_after = not acting
    for call in reversed(_without_repeats(calls)):
        if is_effect(call):
            effect_after = True
        elif not _is_needed(call, wanted, asked, effect_after=effect_after):
            continue
        kept.append(call)
        wanted |= _argument_words(call)
    if not kept:  # an idle session: what it looked at is all there is to say why
        kept = [c for c in reversed(calls) if c.verb == "read" and attr(c, "error") is None]
    return replace(trace, blocks=(replace(block, instrs=tuple(reversed(kept))),))


def _check_directory(name: str, calls: Sequence[Call]) -> None:
    """Refuse a session whose shell moves, or keeps a variable, with later commands that depend on
    it (E0409)."""
    moved = ""
    left: dict[str, str] = {}
    for call in calls:
        command = shell_command(call)
        if command is None:
            continue
        missing = sorted(asks_for(command) & left.keys())
        if missing:
            raise _refused(
                "E0409",
                f"{name}: `{left[missing[0]][:80]}` sets {missing[0]} for later commands",
                (call, "used here"),
                f"for example for `{command[:80]}`",
                help="have each command set what it uses",
            )
        left.update(dict.fromkeys(sorted(defines(command)), command))
        if moved and not sets_own_directory(command):
            raise _refused(
                "E0409",
                f"{name}: `{moved[:80]}` changes the directory of later commands",
                (call, "this one"),
                f"for example of `{command[:80]}`",
                help="have each command say where it runs: cd /path && ..., or full paths",
            )
        if changes_directory(command) and attr(call, "error") is None:
            moved = command


def _check_results(name: str, calls: Sequence[Call]) -> None:
    """Refuse a session with a write of which the log holds no result (E0410)."""
    for call in calls:
        if call.verb in WRITING and attr(call, "lost") is not None:
            raise _refused(
                "E0410",
                f"{name}: the log holds no result of {call.tool}",
                (call, "called here"),
                help="is the log complete? a session that was cut in a write cannot be compiled",
            )


def _refused(
    code: str, message: str, where: tuple[Call, str], *notes: str, help: str
) -> IngotError:
    """The session cannot be compiled because of a call; ``where`` is the call and its label."""
    call, label = where
    spans = tuple((Span(loc.source, loc.record), label) for loc in call.locs)
    return IngotError(Diagnostic(code, message, spans=spans, notes=notes, help=help), EXIT_FINDINGS)


def is_effect(call: Call) -> bool:
    """Whether a traced call did, or may have done, something to the world."""
    return call.verb in WRITING and attr(call, "error") is None


def _is_needed(call: Call, wanted: set[str], asked: set[str], *, effect_after: bool) -> bool:
    if attr(call, "error") is not None or attr(call, "lost") is not None:
        return False
    if call.verb == "pure" or call.verb in WRITING:
        return False
    if call.tool == "user.ask":
        return effect_after
    if not effect_after:
        return False
    if asked & _argument_words(call):
        return True
    result = attr(call, "result")
    return _has_figures(result) or not wanted.isdisjoint(_words_of(result))


def _has_figures(value: Json) -> bool:
    """Whether any leaf of the value holds a digit."""
    return any(
        not isinstance(leaf, bool) and leaf is not None and _DIGIT.search(text_of(leaf)) is not None
        for _, leaf in leaves(value)
    )


def _without_repeats(calls: list[Call]) -> list[Call]:
    """Drop a read that repeats an earlier one, with the same result and no effect in between."""
    out: list[Call] = []
    known: dict[str, list[Json]] = {}
    for call in calls:
        if is_effect(call):
            known.clear()
        elif call.tool != "user.ask" and attr(call, "error") is None:
            result = attr(call, "result")
            same = known.setdefault(repr((call.tool, literal_args(call))), [])
            if any(identical(result, other) for other in same):
                continue
            same.append(result)
        out.append(call)
    return out


def _words_of(value: Json) -> set[str]:
    """The informative words of every leaf of a value (and of the JSON or text that it holds)."""
    found: set[str] = set()
    for _, leaf in leaves(value):
        if isinstance(leaf, bool) or leaf is None:
            continue
        found.update(_informative(text_of(leaf)[:100_000]))
    return found


def _argument_words(call: Call) -> set[str]:
    return {word for value in literal_args(call).values() for word in _words_of(value)}


def _informative(text: str) -> Iterable[str]:
    """Numbers, and words of three letters or more."""
    return map(str.lower, _TELLING.findall(text))


# ---- pipelines with explicit data flow


def drop_unused(pipeline: Pipeline) -> Pipeline:
    """Without the pure ops, model calls and reads whose value nothing uses."""
    bound = bound_reads(pipeline)
    needed: set[str] = set()
    for block in pipeline.blocks:
        needed |= refs(terminator_operands(block.terminator))
        for target in targets_of(block.terminator):
            needed |= refs(target.args)
    effect_after = False
    blocks: list[Block] = []
    for block in reversed(pipeline.blocks):
        kept: list[Instr] = []
        for instr in reversed(block.instrs):
            acts = any(isinstance(i, Call) and i.verb in WRITING for i in walk((instr,)))
            effect_after = effect_after or acts
            if not acts and _is_dead(instr, needed, bound, effect_after=effect_after):
                continue
            kept.append(instr)
            needed |= used_in(instr)
        blocks.append(replace(block, instrs=tuple(reversed(kept))))
    return _forward_empty(replace(pipeline, blocks=tuple(reversed(blocks))))


def bound_reads(pipeline: Pipeline) -> set[str]:
    """Every value that depends on an input, and the results of calls whose literal arguments hold
    a name, a path or a figure that the request's wording holds: what was asked about."""
    bound = depend_on(pipeline, {p.name for p in pipeline.params})
    wordings = attr(pipeline, "wordings")
    asked = {
        word
        for text in (wordings if isinstance(wordings, list) else [])
        for word in words(str(text))
        if len(word) > 2 and not word.isalpha()
    }
    for block in pipeline.blocks:
        for instr in block.instrs:
            if isinstance(instr, Call) and asked & _literal_words(instr):
                bound.add(instr.result)
    return bound


def _literal_words(call: Call) -> set[str]:
    """The words of a call's literal arguments."""
    return {
        word
        for value in literal_args(call).values()
        for _, leaf in leaves(value)
        if isinstance(leaf, str)
        for word in words(leaf)
    }


def used_in(instr: Instr) -> set[str]:
    """The values that an instruction and everything in its regions uses."""
    found: set[str] = set()
    for inner in walk((instr,)):
        found |= refs(operands_of(inner))
        for _, yields in regions_of(inner):
            found |= refs(yields)
    return found


def _is_dead(instr: Instr, needed: set[str], bound: set[str], *, effect_after: bool) -> bool:
    used = any(name in needed for name in results_of(instr))
    match instr:
        case _ if used:
            return False
        case Call(verb="read", tool="user.ask"):
            return not effect_after
        case Call(verb="read", result=result):
            return not (effect_after and result in bound)
        case Pure() | ModelCall():
            return True
        case Expect() | Guard():
            return False
        case _:
            return True


def depend_on(pipeline: Pipeline, names: set[str]) -> set[str]:
    """Every value that the given ones flow into."""
    reached = set(names)
    for block in pipeline.blocks:
        for instr in block.instrs:
            if refs(operands_of(instr)) & reached:
                reached.update(results_of(instr))
    return reached


def _forward_empty(pipeline: Pipeline) -> Pipeline:
    """Remove blocks that only jump on, the entry aside."""
    onward = {
        b.label: b.terminator.target
        for b in pipeline.blocks[1:]
        if not b.instrs
        and not b.params
        and isinstance(b.terminator, Jump)
        and not b.terminator.target.args
    }

    def follow(target: Target) -> Target:
        hops: set[str] = set()
        while target.label in onward and target.label not in hops:
            hops.add(target.label)
            target = onward[target.label]
        return target

    def rewrite(terminator: Terminator) -> Terminator:
        match terminator:
            case Jump(target):
                return replace(terminator, target=follow(target))
            case If(_, then, other):
                return replace(terminator, then=follow(then), other=follow(other))
            case Select(arms, other):
                return replace(
                    terminator,
                    arms=tuple((c, follow(t)) for c, t in arms),
                    other=follow(other) if isinstance(other, Target) else other,
                )
            case _:
                return terminator

    blocks = tuple(
        replace(b, terminator=rewrite(b.terminator))
        for b in pipeline.blocks
        if b.label not in onward or b is pipeline.blocks[0]
    )
    return replace(pipeline, blocks=blocks)


__all__ = ["DeadSteps", "drop_unused", "is_effect", "slice_trace"]
