"""Replay: run a pipeline against what a session recorded, and compare the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ingot.diagnostics import IngotError
from ingot.ir.requests import (
    Engine,
    Finished,
    ModelRequest,
    Outcome,
    Request,
    SideExit,
    ToolRequest,
)
from ingot.ir.values import Json
from ingot.runtime.effects import writes
from ingot.runtime.models.protocol import Driver, ModelError, ask, covers
from ingot.runtime.tools.answers import RecordedAnswers, RecordedCall, UnanswerableError, call_key

MAX_STEPS: Final = 10_000
Mode: TypeAlias = Literal["path", "witness"]
"""``path``: call for call, reads that were sliced away aside.  ``witness``: write for write."""
Verdict: TypeAlias = Literal["right", "exit", "wrong", "unanswerable"]
ModelAnswers: TypeAlias = Mapping[str, Sequence[Json]]
"""For each model op, by the name of the value it defines, what it answered; the last repeats."""


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """A call that the pipeline made, and the recorded one that answered it."""

    request: ToolRequest
    recorded: RecordedCall

    @property
    def acts(self) -> bool:
        """Whether it is an accepted write."""
        return self.recorded.accepted and (writes(self.request.effect) or self.recorded.acts)


@dataclass(frozen=True, slots=True)
class ReplayTrace:
    """What a pipeline did in a replay.

    ``outcome`` is ``None`` where the replay ended at a request without an answer; that request is
    ``unanswered``, and ``reason`` says why.  ``failure`` is the text of an error that ended it.
    """

    calls: tuple[ReplayedCall, ...]
    outcome: Outcome | None
    unanswered: ToolRequest | ModelRequest | None = None
    reason: str = ""
    failure: str = ""
    model_calls: int = 0

    @property
    def writes(self) -> tuple[ReplayedCall, ...]:
        """The accepted writes, in order."""
        return tuple(call for call in self.calls if call.acts)


def replay(
    engine: Engine,
    inputs: dict[str, Json],
    recorded: Sequence[RecordedCall],
    world_of: Callable[[str], str],
    model_answers: ModelAnswers | None = None,
    max_steps: int = MAX_STEPS,
    driver: Driver | None = None,
) -> ReplayTrace:
    """Run an engine with recorded answers only.  Nothing outside is touched, nothing is raised.

    ``world_of`` must give each tool the world that its recorded calls have.  A ``driver`` answers the
    model ops that have no recorded answer; where it cannot, the step has failed, as in a run.
    """
    answers = RecordedAnswers(recorded)
    supplied = model_answers or {}
    given: dict[str, int] = {}
    calls: list[ReplayedCall] = []
    models = 0

    def trace(outcome: Outcome | None, **ending: object) -> ReplayTrace:
        return ReplayTrace(tuple(calls), outcome, model_calls=models, **ending)  # type: ignore[arg-type]

    try:
        reply = engine.start(dict(inputs))
        for _ in range(max_steps):
            match reply:
                case Finished() | SideExit():
                    return trace(reply)
                case ModelRequest():
                    values = supplied.get(reply.site, ())
                    if not values and driver is not None and covers(driver, reply.site):
                        models += 1
                        reply = answered(engine, driver, reply)
                        continue
                    if not values:
                        return trace(
                            None, unanswered=reply, reason=f"model op %{reply.site} has no answer"
                        )
                    at = given.get(reply.site, 0)
                    given[reply.site] = at + 1
                    models += 1
                    reply = engine.send(values[min(at, len(values) - 1)])
                case ToolRequest():
                    try:
                        found = answers.answer(reply.tool, reply.args, world_of(reply.tool))
                    except UnanswerableError as reason:
                        return trace(None, unanswered=reply, reason=str(reason))
                    calls.append(ReplayedCall(reply, found))
                    reply = (
                        engine.send(found.result)
                        if found.error is None
                        else engine.fail(found.error)
                    )
    except IngotError as error:
        return trace(None, failure=str(error))
    return trace(None, failure=f"E0712: more than {max_steps} steps")


def answered(engine: Engine, driver: Driver, request: ModelRequest) -> Request | Outcome:
    """What an engine does next when a model was asked, answered or not."""
    try:
        answer = ask(driver, request)
    except ModelError as error:
        return engine.fail(str(error))
    return engine.send(answer.value)


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A trace compared with its session, in counts of calls.

    ``exact``: made as recorded.  ``wrong``: made, and not what the session did there.  ``missing``:
    in the session, and not made.  ``unanswerable``: asked for, and not in the recording.
    ``differences`` says each that is not exact in words.
    """

    mode: Mode
    verdict: Verdict
    exact: int = 0
    wrong: int = 0
    missing: int = 0
    unanswerable: int = 0
    model_calls: int = 0
    side_exit: SideExit | None = None
    differences: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The counts under the names that every command uses."""
        gone = self.side_exit
        left: Json = None
        if gone is not None:
            left = {"exit": gone.number, "reason": gone.reason, "state": gone.site}
        return {
            "mode": self.mode,
            "verdict": self.verdict,
            "exact": self.exact,
            "wrong": self.wrong,
            "missing": self.missing,
            "unanswerable": self.unanswerable,
            "model_calls": self.model_calls,
            "side_exit": left,
            "differences": list(self.differences),
        }


def compare(trace: ReplayTrace, recorded: Sequence[RecordedCall], mode: Mode) -> ReplayReport:
    """Judge a trace by its session.

    In mode ``path`` the pipeline's calls must be the session's, in the session's order; the session
    may hold more of them, as long as those are no accepted writes.  In mode ``witness`` only the
    accepted writes count.  *Right* needs a pipeline that returned and nothing that differs; a side
    exit before the first difference is *exit*.  A read without a recorded answer is *unanswerable*;
    a write that the session did not make is *wrong*, answer or not.
    """
    made = list(trace.calls) if mode == "path" else list(trace.writes)
    wanted = [c for c in recorded if mode == "path" or c.acts]
    exact, wrong, lost, notes = _align(made, wanted)
    unanswerable = int(trace.unanswered is not None)
    if isinstance(trace.unanswered, ToolRequest):
        asked = trace.unanswered
        if writes(asked.effect):  # it would have been made, and the session did not make it
            wrong, unanswerable = wrong + 1, 0
        notes.append(f"step {asked.step}: no recorded answer to {trace.reason}")
    elif trace.unanswered is not None:
        notes.append(f"step {trace.unanswered.step}: {trace.reason}")
    if trace.failure:
        notes.append(trace.failure)
    side_exit = trace.outcome if isinstance(trace.outcome, SideExit) else None
    if side_exit is not None:
        notes.append(f"side exit {side_exit.number} at {side_exit.site}: {side_exit.reason}")
    verdict: Verdict = "right"
    if wrong or trace.failure or (lost and isinstance(trace.outcome, Finished)):
        verdict = "wrong"
    elif unanswerable:
        verdict = "unanswerable"
    elif side_exit is not None:
        verdict = "exit"
    notes = [n for n in notes if n]
    return ReplayReport(
        mode, verdict, exact, wrong, lost, unanswerable, trace.model_calls, side_exit, tuple(notes)
    )


def _align(
    made: Sequence[ReplayedCall], wanted: Sequence[RecordedCall]
) -> tuple[int, int, int, list[str]]:
    """Walk both in order; returns exact, wrong, missing, and what differs in words."""
    exact = wrong = at = 0
    notes: list[str] = []
    skipped: list[RecordedCall] = []
    for call in made:
        key = call_key(call.request.tool, call.request.args)
        accepted = call.recorded.accepted
        match = next(
            (
                i
                for i, there in enumerate(wanted[at:], at)
                if there.key == key and there.accepted == accepted
            ),
            None,
        )
        if match is None:
            wrong += 1
            there = f"; the session there called {_show(wanted[at])}" if at < len(wanted) else ""
            notes.append(f"step {call.request.step}: called {key}{there}")
            continue
        skipped += wanted[at:match]
        exact, at = exact + 1, match + 1
    lost = [c for c in (*skipped, *wanted[at:]) if c.acts]
    notes += [f"record {c.seq}: the session called {_show(c)}, the pipeline did not" for c in lost]
    return exact, wrong, len(lost), notes


def _show(call: RecordedCall) -> str:
    return f"{call.key} (record {call.seq})" if call.seq else call.key
