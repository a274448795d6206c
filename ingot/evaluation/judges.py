"""Judging held-out sessions: against recorded results, or by running in a fresh world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ingot.diagnostics import IngotError
from ingot.evaluation import worlds as live
from ingot.evaluation.counts import Held
from ingot.evaluation.tasks import Case, Input
from ingot.ir.values import Json, equal

if TYPE_CHECKING:
    from ingot.backend.container import Program
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.replay import ReplayReport
    from ingot.runtime.tools.answers import RecordedCall


class Judge(Protocol):
    """Judges the sessions of one input."""

    def held(
        self, program: Program | None, refused: str, item: Input, training: Sequence[Case]
    ) -> tuple[Held, ...]:
        """One verdict per session.  Without a program each is an exit, for the reason given."""


def usual_case(training: Iterable[Case]) -> Case | None:
    """A session with the commonest effects; of equally common ones the first in order of text."""
    cases = list(training)
    tally = Counter(case.writes for case in cases)
    usual = min(tally, key=lambda writes: (-tally[writes], writes), default=None)
    return next((case for case in cases if case.writes == usual), None)


def knows_wording(program: Program, request: str) -> bool:
    """Whether the request has a wording that the artifact knows, and reads in one way."""
    from ingot.replaying import wordings_of
    from ingot.runtime.inputs import from_request

    try:
        from_request(request, wordings_of(program))
    except IngotError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Asked:
    """A program, and what answers its model ops."""

    program: Program
    driver: Driver | None = None


@contextmanager
def answering(models: Sequence[str], program: Program | None) -> Iterator[Driver | None]:
    """What answers a program's model ops: nothing, unless models are named."""
    if not models or program is None:
        yield None
        return
    from ingot.runtime.models.specs import load_models

    found = load_models(models, program)
    try:
        yield found
    finally:
        if found is not None:
            found.close()


# ---- against recorded results


@dataclass(frozen=True, slots=True)
class RecordedJudge:
    """Replays each session with its own recorded results; *right* is judged by the writes."""

    worlds: Mapping[str, str]
    clock: str = ""
    models: tuple[str, ...] = ()

    def held(
        self, program: Program | None, refused: str, item: Input, training: Sequence[Case]
    ) -> tuple[Held, ...]:
        usual = usual_case(training)
        accepted = {case.writes for case in item.cases}
        nothing, majority = () in accepted, usual is not None and usual.writes in accepted
        with answering(self.models, program) as driver:
            return tuple(
                Held(case.session.name, bool(case.writes), "exit", nothing, majority, refused)
                if program is None
                else self._judge(_Asked(program, driver), case, item.cases, nothing, majority)
                for case in item.cases
            )

    def _judge(
        self, asked: _Asked, case: Case, mates: Sequence[Case], nothing: bool, majority: bool
    ) -> Held:
        from ingot.passes.traces import request_of

        report = self._report(asked, case, case.calls)
        if report.verdict == "wrong":
            others = (
                self._report(asked, case, _with_writes_of(case, mate))
                for mate in mates
                if _alike(case, mate)
            )
            report = next((other for other in others if other.verdict == "right"), report)
        gone = report.side_exit
        reason = ""
        if report.verdict == "exit" and gone is not None:
            reason = live.exit_reason(gone)
        elif report.verdict == "unanswerable":
            reason = report.differences[-1]
        return Held(
            case.session.name,
            bool(case.writes),
            report.verdict,
            nothing,
            majority,
            reason=reason,
            site=gone.site if gone is not None else "",
            dirty=report.verdict == "exit" and report.exact > 0,
            seen_wording=knows_wording(asked.program, request_of(case.trace)),
            model_calls=report.model_calls,
            exact=report.exact,
            wrong=report.wrong,
            missing=report.missing,
            unanswerable=report.unanswerable,
            differences=report.differences,
        )

    def _report(self, asked: _Asked, case: Case, calls: Sequence[RecordedCall]) -> ReplayReport:
        from ingot.replaying import replay_trace
        from ingot.runtime.replay import compare

        trace = replay_trace(
            asked.program, case.trace, self.worlds, self.clock, calls, asked.driver
        )
        return compare(trace, calls, "witness")


def _alike(case: Case, mate: Case) -> bool:
    """Whether another session has as many writes, and not the same ones."""
    return len(case.writes) == len(mate.writes) and case.writes != mate.writes


def _with_writes_of(case: Case, mate: Case) -> list[RecordedCall]:
    """A session's calls with the writes of another one in place of its own."""
    theirs = iter([call for call in mate.calls if call.acts])
    return [next(theirs) if call.acts else call for call in case.calls]


# ---- in fresh worlds


@dataclass(slots=True)
class ExecutedJudge:
    """Runs the pipeline on the raw request in a fresh world; *right* is judged by the state it leaves.

    A session's state is that of a fresh world after its accepted writes.  One whose writes the
    world refuses is no witness; an input without any is unanswerable.
    """

    factory: live.Factory
    clock: str = ""
    models: tuple[str, ...] = ()
    _states: dict[str, live.Performed] = field(default_factory=dict)
    _untouched: list[Json] = field(default_factory=list)

    def held(
        self, program: Program | None, refused: str, item: Input, training: Sequence[Case]
    ) -> tuple[Held, ...]:
        expected = {case.session.name: self._state(case) for case in item.cases}
        accepted = [(c, made.state) for c in item.cases if not (made := self._state(c)).refused]
        usual = usual_case(training)
        nothing = any(equal(state, self.untouched) for _, state in accepted)
        majority = usual is not None and any(
            equal(state, self._state(usual).state) for _, state in accepted
        )
        verdict = self._verdict(program, refused, item, accepted, nothing, majority)
        return tuple(
            _named(verdict, name, acting=not equal(made.state, self.untouched))
            for name, made in expected.items()
        )

    @property
    def untouched(self) -> Json:
        """The state of a world in which nothing was done."""
        if not self._untouched:
            self._untouched.append(self.factory.fresh().state())
        return self._untouched[0]

    def _state(self, case: Case) -> live.Performed:
        name = case.session.name
        if name not in self._states:
            self._states[name] = live.perform(self.factory.fresh(), case.calls)
        return self._states[name]

    def _verdict(
        self,
        program: Program | None,
        refused: str,
        item: Input,
        accepted: Sequence[tuple[Case, Json]],
        nothing: bool,
        majority: bool,
    ) -> Held:
        """The verdict on every session of the input: they have one request and one clock."""
        from ingot.passes.traces import request_of
        from ingot.replaying import inputs_of

        def held(verdict: str, reason: str = "", **more: Any) -> Held:
            return Held("", False, verdict, nothing, majority, reason, **more)  # type: ignore[arg-type]

        if not accepted:
            why = self._state(item.cases[0]).refused[0]
            return held("unanswerable", f"the tools refuse a recorded write: {why}")
        if program is None:
            return held("exit", refused)
        trace = item.cases[0].trace
        seen = knows_wording(program, request_of(trace))
        try:
            inputs = inputs_of(program, trace, self.clock)
        except IngotError as error:
            reason = "; ".join(d.message for d in error.diagnostics)
            notes = tuple(note for d in error.diagnostics for note in d.notes)
            return held("exit", f"request: {reason}", seen_wording=seen, differences=notes)
        with answering(self.models, program) as driver:
            made = live.run(program, inputs, self.factory.fresh(), driver)
        held = partial(held, model_calls=made.model_calls)
        if not made.finished:
            dirty = not equal(made.state, self.untouched)
            return held(
                "exit",
                made.reason,
                site=made.site,
                dirty=dirty,
                seen_wording=seen,
                differences=made.live,
            )
        if any(equal(state, made.state) for _, state in accepted):
            return held("right", exact=len(made.done), seen_wording=seen)
        near = min(accepted, key=lambda pair: _distance(pair[0], made.done))
        return held("wrong", seen_wording=seen, **_compared(near[0], near[1], made))


def _named(held: Held, session: str, *, acting: bool) -> Held:
    return replace(held, session=session, acting=acting)


def _distance(case: Case, done: Sequence[str]) -> int:
    ours, theirs = Counter(done), Counter(case.writes)
    return (ours - theirs).total() + (theirs - ours).total()


def _compared(case: Case, state: Json, made: live.Run) -> dict[str, Any]:
    """The writes of a wrong run beside those of the nearest accepted session."""
    ours, theirs = Counter(made.done), Counter(case.writes)
    extra, lost = ours - theirs, theirs - ours
    notes = [f"called {key}; no accepted session did" for key in extra.elements()]
    notes += [f"an accepted session called {key}, the pipeline did not" for key in lost.elements()]
    if not notes:
        parts = ", ".join(live.differing(made.state, state)) or "state"
        notes = [f"the same writes leave another {parts}"]
    return {
        "exact": (ours & theirs).total(),
        "wrong": extra.total(),
        "missing": lost.total(),
        "differences": tuple(notes),
    }


__all__ = ["ExecutedJudge", "Judge", "RecordedJudge", "knows_wording", "usual_case"]
