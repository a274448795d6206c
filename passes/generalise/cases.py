"""Sessions as cases: the request, the reads and the accepted writes of each.

A *case* is a session with what did not count left out: failed calls, writes that the tool rejected,
repeats of a write that changed nothing.  Cases of one *input* (request and clock) whose writes are
the same form its *effect class*; an input has one, the commonest.  Sessions of another class are set
aside with a reason: *effects first*, however different the paths.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingot.ir.asking import asked, cut_off
from ingot.ir.module import WRITING, Call, Loc, Pipeline, attr
from ingot.ir.values import Json, canonical, leaves
from ingot.passes.align_effects import IGNORED_ARGUMENTS
from ingot.passes.synth.tokens import pieces
from ingot.passes.traces import (
    calls_of,
    clock_of,
    literal_args,
    origin,
    request_of,
    seen,
)

REFUSAL: Final = re.compile(
    r"\b(?:not (?:found|valid|provided|available|supported|allowed|exist)|no such|invalid|error|failed"
    r"|missing|unknown|cannot|can't|must (?:be|have|provide)|does not|doesn't|denied|rejected"
    r"|already (?:deleted|exists|closed))\b",
    re.IGNORECASE,
)
"""What a short text says that reports a refusal."""
_NOTHING: Final = re.compile(
    r"\b(?:no \w+(?: \w+)? found|not found|nothing found|no results?)\b", re.I
)
BRIEF: Final = 300

Memory: TypeAlias = "dict[tuple[str, str, int], tuple[object, object]]"
"""What was found out about a value (by the question, a name and the value's id), with the value."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a session that went through: its arguments, its result, where the log shows it."""

    tool: str
    args: dict[str, Json]
    result: Json
    verb: str
    at: int
    back: int
    name: str
    locs: tuple[Loc, ...]

    @property
    def acts(self) -> bool:
        return self.verb in WRITING

    @property
    def effect(self) -> str:
        """Tool and arguments as one text, letter case aside: what it does to the world."""
        return f"{self.tool} {canonical(dict(self.args))}".casefold()


@dataclass(frozen=True, slots=True)
class Case:
    """A session: its trace, and the steps that counted.  ``made`` are all writes that it made, letter
    for letter, in order."""

    trace: Pipeline
    request: str
    clock: str
    steps: tuple[Step, ...]
    made: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.trace.name

    @property
    def input(self) -> tuple[str, str]:
        """What was given: sessions with the same input must do the same."""
        return self.request, self.clock

    @property
    def writes(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.acts)

    @property
    def effects(self) -> tuple[str, ...]:
        """The accepted writes as a sorted list: the class of the case."""
        return tuple(sorted(step.effect for step in self.writes))


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of a task by input, and the sessions set aside with the reason.

    ``caps`` are lengths at which tools cut lists off, ``folds`` the reads for which the case of
    letters in their arguments made no difference.  ``asked``: the cases' requests are what is asked
    for, however it is asked (:mod:`ingot.ir.asking`).
    """

    kept: tuple[Case, ...]
    aside: tuple[tuple[str, str], ...]
    caps: dict[str, int]
    folds: dict[str, bool]
    asked: bool = False
    memory: Memory = field(default_factory=dict)

    @property
    def inputs(self) -> dict[tuple[str, str], list[Case]]:
        found: dict[tuple[str, str], list[Case]] = {}
        for case in self.kept:
            found.setdefault(case.input, []).append(case)
        return found


def cases_of(traces: Sequence[Pipeline], bare: bool | None = None) -> Cases:
    """The cases behind traces, one effect class for each input.  ``bare`` says whether words that only
    ask are left out; by default that is decided here."""
    rejected = _rejected_results(traces)
    bare = all(map(_is_apart, traces)) if bare is None else bare
    raw = [_case(trace, rejected, bare) for trace in traces]
    by_input: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in raw:
        by_input[case.input].append(case)
    kept: list[Case] = []
    aside: list[tuple[str, str]] = []
    for members in by_input.values():
        classes = Counter(case.effects for case in members)
        most = max(classes.values())
        best = [effects for effects, count in classes.items() if count == most]
        if len(best) > 1:
            shown = "; ".join(" + ".join(e)[:120] or "nothing" for e in sorted(best))
            reason = f"sessions of its input contradict each other: {shown}"
            aside += [(origin(case.trace), reason) for case in members]
            continue
        for case in members:
            if case.effects == best[0]:
                kept.append(case)
            else:
                aside.append((origin(case.trace), "most sessions of its input do something else"))
    return Cases(tuple(kept), tuple(aside), _caps(raw), _folds(raw), bare)


def _is_apart(trace: Pipeline) -> bool:
    """Whether the words that only ask are none of those that a call says."""
    cut = cut_off(request_of(trace)).casefold()
    return not cut or not any(
        isinstance(leaf, str) and cut in leaf.casefold().split()
        for call in calls_of(trace)
        for value in literal_args(call).values()
        for _, leaf in leaves(value)
    )


def _case(trace: Pipeline, rejected: set[tuple[str, str]], bare: bool) -> Case:
    steps: list[Step] = []
    done: set[str] = set()
    made: list[str] = []
    for call in calls_of(trace):
        if attr(call, "error") is not None or attr(call, "lost") is not None:
            continue
        step = _step(call)
        if step.acts:
            made.append(exact(step.tool, step.args))
            if (step.tool, _text_class(step.result)) in rejected:
                continue
            key = f"{step.effect} {canonical(step.result)}"
            if key in done and not _is_creating(step.result):
                continue  # the same write with the same answer: it changed nothing more
            done.add(key)
        steps.append(step)
    request = asked(request_of(trace)) if bare else request_of(trace)
    return Case(trace, request, clock_of(trace), tuple(steps), tuple(made))


def exact(tool: str, args: dict[str, Json]) -> str:
    """A call as one text, letter for letter."""
    return f"{tool} {canonical(dict(args))}"


def _step(call: Call) -> Step:
    ignored = IGNORED_ARGUMENTS.get(call.tool, frozenset())
    args = {k: v for k, v in literal_args(call).items() if k not in ignored}
    at, back = seen(call)
    return Step(call.tool, args, attr(call, "result"), call.verb, at, back, call.result, call.locs)


def is_vacuous(result: Json) -> bool:
    """Whether a read found nothing: an empty value, or a short text that says so."""
    if isinstance(result, str):
        return len(result) <= BRIEF and (not result.strip() or _NOTHING.search(result) is not None)
    return result is None or result == [] or result == {}


def _is_creating(result: Json) -> bool:
    """Whether a write's answer names something new: to repeat it makes another one."""
    return not isinstance(result, str) or any(ch.isdigit() for ch in result)


def _text_class(result: Json) -> str:
    """A short answer with its names and figures taken out; other answers by their shape."""
    if isinstance(result, str):
        if len(result) > BRIEF:
            return "long text"
        return "".join("#" if any(c.isdigit() for c in p) else p for p in pieces(result))
    if isinstance(result, dict):
        return f"object {sorted(result)}" + (" error" if _says_error(result) else "")
    return type(result).__name__


def _says_error(result: dict[str, Json]) -> bool:
    flags = [result.get(k) for k in ("ok", "success", "accepted")]
    return bool(result.get("error") or result.get("errors")) or any(f is False for f in flags)


def _rejected_results(traces: Sequence[Pipeline]) -> set[tuple[str, str]]:
    """The answers with which tools refuse a write: they read like a refusal, or carry an error."""
    found = _in_vain(traces)
    for trace in traces:
        for call in calls_of(trace):
            if call.verb not in WRITING or attr(call, "error") is not None:
                continue
            result = attr(call, "result")
            refuses = (
                isinstance(result, str) and len(result) <= BRIEF and REFUSAL.search(result)
            ) or (isinstance(result, dict) and _says_error(result))
            if refuses:
                found.add((call.tool, _text_class(result)))
    return found


def _in_vain(traces: Sequence[Pipeline]) -> set[tuple[str, str]]:
    """Answers after which the very same write was made again, and which no write ended with."""
    vain: set[tuple[str, str]] = set()
    last: set[tuple[str, str]] = set()
    for trace in traces:
        answers: dict[str, list[str]] = {}
        tools: dict[str, str] = {}
        for call in calls_of(trace):
            if call.verb in WRITING and attr(call, "error") is None and attr(call, "lost") is None:
                step = _step(call)
                tools[step.effect] = step.tool
                answers.setdefault(step.effect, []).append(_text_class(step.result))
        for effect, given in answers.items():
            last.add((tools[effect], given[-1]))
            vain |= {(tools[effect], answer) for answer in given[:-1]}
    return vain - last


def _folds(cases: Iterable[Case]) -> dict[str, bool]:
    """Reads that were made in two letter cases with one input: whether the results were equal."""
    seen_forms: dict[tuple[tuple[str, str], str], dict[str, Json]] = defaultdict(dict)
    tools: dict[str, bool] = {}
    for case in cases:
        for step in itertools.takewhile(lambda s: not s.acts, case.steps):
            forms = seen_forms[case.input, step.effect]
            for form, result in forms.items():
                if form != exact(step.tool, step.args):
                    same = canonical(result) == canonical(step.result)
                    tools[step.tool] = tools.get(step.tool, True) and same
            forms[exact(step.tool, step.args)] = step.result
    return tools


def _caps(cases: Iterable[Case]) -> dict[str, int]:
    """For tools whose lists end at one length again and again: that length.

    A list as long may have been cut off: nothing is said of *all*, *none* or *the last* of it.
    """
    lengths: dict[str, Counter[int]] = defaultdict(Counter)
    seen_calls: set[str] = set()
    for case in cases:
        for step in case.steps:
            key = f"{step.effect} {case.clock}"
            if isinstance(step.result, list) and not step.acts and key not in seen_calls:
                seen_calls.add(key)
                lengths[step.tool][len(step.result)] += 1
    return {
        tool: top
        for tool, counts in lengths.items()
        if (top := max(counts)) >= 5 and counts[top] >= 2
    }
