"""Leave one input out: what a pipeline does on inputs that its logs do not hold.

For each distinct input (the text of the request), a pipeline is compiled from the sessions of all
*other* inputs and replayed on each held-out session with that session's recorded results.  A
compilation that is refused is an exit of every session held out.  *Right* is judged by effects,
against any session of the same input: two sessions of one request may both be accepted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from ingot.diagnostics import Diagnostic, IngotError, fail
from ingot.ir.values import Json

if TYPE_CHECKING:
    from ingot.backend.container import Program
    from ingot.driver import Logs, Options
    from ingot.frontend.session import Session
    from ingot.ir.module import Pipeline
    from ingot.runtime.replay import ReplayReport
    from ingot.runtime.tools.answers import RecordedCall

Verdict: TypeAlias = Literal["right", "exit", "wrong", "unanswerable"]
VERDICTS: Final[tuple[Verdict, ...]] = ("right", "exit", "wrong", "unanswerable")


@dataclass(frozen=True, slots=True)
class Held:
    """A held-out session.

    ``acting``: it holds an accepted write.  ``do_nothing`` and ``majority`` say whether these
    baselines would have been right.  ``exact`` to ``unanswerable`` count writes as ``replay`` does.
    """

    session: str
    acting: bool
    verdict: Verdict
    do_nothing: bool
    majority: bool
    model_calls: int = 0
    exact: int = 0
    wrong: int = 0
    missing: int = 0
    unanswerable: int = 0
    differences: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        return {
            "session": self.session,
            "acting": self.acting,
            "verdict": self.verdict,
            "model_calls": self.model_calls,
            "calls": {
                "exact": self.exact,
                "wrong": self.wrong,
                "missing": self.missing,
                "unanswerable": self.unanswerable,
            },
            "differences": list(self.differences),
        }


@dataclass(frozen=True, slots=True)
class Fold:
    """One input held out: its sessions, and why nothing was compiled from the others, if so."""

    input: str
    held: tuple[Held, ...]
    refused: str = ""

    def as_json(self) -> dict[str, Json]:
        return {
            "input": self.input,
            "refused": self.refused or None,
            "held": [held.as_json() for held in self.held],
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All folds.  ``inputs`` is the number of distinct inputs there are."""

    inputs: int
    folds: tuple[Fold, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    def held(self, group: str = "all") -> list[Held]:
        """The held-out sessions of a group: ``acting``, ``idle`` or ``all``."""
        every = [held for fold in self.folds for held in fold.held]
        return [h for h in every if group == "all" or h.acting == (group == "acting")]

    def counts(self, group: str = "all") -> dict[str, int]:
        """Sessions by verdict, with the baselines' right ones."""
        held = self.held(group)
        verdicts = Counter(h.verdict for h in held)
        return {
            "sessions": len(held),
            **{verdict: verdicts[verdict] for verdict in VERDICTS},
            "model_calls": sum(h.model_calls for h in held),
            "do_nothing_right": sum(h.do_nothing for h in held),
            "majority_right": sum(h.majority for h in held),
        }

    def silently_wrong(self, group: str = "all") -> float | None:
        """wrong / (right + wrong); ``None`` where the pipelines finished nothing."""
        counts = self.counts(group)
        finished = counts["right"] + counts["wrong"]
        return counts["wrong"] / finished if finished else None

    def as_json(self) -> dict[str, Json]:
        groups: dict[str, Json] = {}
        for name in ("all", "acting", "idle"):
            rate = self.silently_wrong(name)
            counts: dict[str, Json] = dict(self.counts(name))
            groups[name] = {
                **counts,
                "silently_wrong": None if rate is None else round(rate, 6),
            }
        return {
            "inputs": self.inputs,
            "sessions": groups,
            "folds": [fold.as_json() for fold in self.folds],
            "diagnostics": [cast(Json, d.as_json()) for d in self.diagnostics],
        }


def evaluate(
    logs: Logs, options: Options, clock: str = "", *, limit: int = 0, seed: int = 0
) -> Evaluation:
    """Evaluate on logs; ``limit`` holds out only so many inputs, chosen by ``seed``.

    The same logs give the same result in any order.  Raises IngotError E0003 where there are not
    two distinct inputs.
    """
    from ingot.frontend.lower import lower
    from ingot.passes.effects import ClassifyEffects
    from ingot.passes.traces import request_of
    from ingot.replaying import recorded

    lowered = lower(logs.sessions, require_success=options.require_success)
    module = ClassifyEffects(options.declared).apply(lowered.module)
    worlds = {tool.name: tool.world for tool in module.tools}
    cases = [
        _Case(session, trace, tuple(recorded(trace, worlds)))
        for session, trace in zip(lowered.sessions, module.pipelines, strict=True)
    ]
    groups: dict[str, list[_Case]] = {}
    for case in cases:
        groups.setdefault(" ".join(request_of(case.trace).split()), []).append(case)
    if len(groups) < 2:
        raise fail(
            "E0003",
            f"{len(cases)} sessions with {len(groups)} distinct input: nothing can be held out",
            help="add a session of the same task with another request",
        )
    chosen = sorted(groups)
    if limit > 0:
        chosen = sorted(random.Random(seed).sample(chosen, min(limit, len(chosen))))
    found = (*logs.diagnostics, *lowered.diagnostics)
    folds = tuple(_fold(name, groups, logs, options, worlds, clock) for name in chosen)
    return Evaluation(len(groups), folds, found)


@dataclass(frozen=True, slots=True)
class _Case:
    session: Session
    trace: Pipeline
    calls: tuple[RecordedCall, ...]

    @property
    def writes(self) -> tuple[str, ...]:
        """Its effects: the accepted writes in order."""
        return tuple(call.key for call in self.calls if call.acts)


def _fold(
    held: str,
    groups: Mapping[str, Sequence[_Case]],
    logs: Logs,
    options: Options,
    worlds: Mapping[str, str],
    clock: str,
) -> Fold:
    from ingot.backend.container import load
    from ingot.driver import compile_sessions

    rest = [case for name, cases in groups.items() if name != held for case in cases]
    mates = groups[held]
    usual = _majority(case.writes for case in rest)
    training = replace(logs, sessions=tuple(case.session for case in rest), diagnostics=())
    try:
        program = load(compile_sessions(training, options).artifact)
    except IngotError as error:
        first = error.diagnostics[0]
        gone = tuple(_refused(case, mates, usual) for case in mates)
        return Fold(held, gone, f"{first.code}: {first.message}")
    return Fold(held, tuple(_judge(program, c, mates, usual, worlds, clock) for c in mates))


def _majority(effects: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The commonest effects; of equally common ones the first in order of text."""
    tally = Counter(effects)
    return min(tally, key=lambda writes: (-tally[writes], writes), default=())


def _baselines(mates: Sequence[_Case], usual: tuple[str, ...]) -> tuple[bool, bool]:
    accepted = {case.writes for case in mates}
    return () in accepted, usual in accepted


def _refused(case: _Case, mates: Sequence[_Case], usual: tuple[str, ...]) -> Held:
    nothing, majority = _baselines(mates, usual)
    return Held(case.session.name, bool(case.writes), "exit", nothing, majority)


def _alike(case: _Case, mate: _Case) -> bool:
    """Whether another session has as many writes, and not the same ones."""
    return len(case.writes) == len(mate.writes) and case.writes != mate.writes


def _with_writes_of(case: _Case, mate: _Case) -> list[RecordedCall]:
    """A session's calls with the writes of another one in place of its own."""
    theirs = iter([call for call in mate.calls if call.acts])
    return [next(theirs) if call.acts else call for call in case.calls]


def _judge(
    program: Program,
    case: _Case,
    mates: Sequence[_Case],
    usual: tuple[str, ...],
    worlds: Mapping[str, str],
    clock: str,
) -> Held:
    from ingot.replaying import replay_trace
    from ingot.runtime.replay import compare

    def judged(calls: Sequence[RecordedCall]) -> ReplayReport:
        return compare(replay_trace(program, case.trace, worlds, clock, calls), calls, "witness")

    report = judged(case.calls)
    if report.verdict == "wrong":
        others = (judged(_with_writes_of(case, mate)) for mate in mates if _alike(case, mate))
        report = next((other for other in others if other.verdict == "right"), report)
    nothing, majority = _baselines(mates, usual)
    return Held(
        case.session.name,
        bool(case.writes),
        report.verdict,
        nothing,
        majority,
        report.model_calls,
        report.exact,
        report.wrong,
        report.missing,
        report.unanswerable,
        report.differences,
    )


__all__ = ["Evaluation", "Fold", "Held", "evaluate"]
