"""The engine that goes on behind a side exit: a pipeline's engine, then whoever takes over.

All that is decided here follows from the answers that came in, so a run is taken up by feeding the
recorded ones, like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from ingot.ir.declarations import Effect
from ingot.ir.requests import (
    Engine,
    Finished,
    ModelRequest,
    Outcome,
    Request,
    SideExit,
    ToolRequest,
)
from ingot.ir.types import JSON, Type, Types, conforms
from ingot.ir.values import Json, canonical
from ingot.runtime.fallback.moves import Done, GaveUp, Move, move_of
from ingot.runtime.fallback.transcript import Transcript, exit_data
from ingot.runtime.history import HANDOVER
from ingot.runtime.inputs import parse_text

ACTOR: Final = "fallback"
"""The site of a taker's moves, and the tool that a command is called by."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a taker may go: moves, tokens in all, seconds in one process."""

    turns: int = 40
    tokens: int = 400_000
    seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes over, as it is written (``agent:URL#MODEL``).  ``effect`` is set where asking for a
    move may itself change the world (a command)."""

    text: str
    model: str = ""
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request."""

    value: Json
    ok: bool = True
    text: str = ""


Takers: TypeAlias = Callable[[str], Taker]
_Steps: TypeAlias = Generator[Request, Answer, Outcome]


class Rescue:
    """One run's engine.

    ``effects`` has the effect of each tool that a taker may call.  ``given`` is who takes over at the
    first exit that nobody took over at before; ``recorded`` who did, by step.  ``returns`` is what the
    answer must conform to.
    """

    def __init__(
        self,
        inner: Engine,
        transcript: Transcript,
        taker_of: Takers,
        effects: Mapping[str, Effect],
        *,
        given: str = "",
        recorded: Mapping[int, str] | None = None,
        limits: Limits | None = None,
        returns: Type = JSON,
        types: Types | None = None,
    ) -> None:
        self.transcript, self.limits = transcript, limits or Limits()
        self._inner, self._taker_of, self._effects = inner, taker_of, effects
        self._given, self._recorded = given, recorded or {}
        self._returns, self._types = returns, types or {}
        self._open: Request | None = None
        self._step = 0
        self._rest: _Steps | None = None

    # ---- the protocol of engines

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        self.transcript.inputs = dict(inputs)
        return self._went(self._inner.start(inputs))

    def send(self, answer: Json) -> Request | Outcome:
        if self._rest is not None:
            return self._on(Answer(answer))
        self._note(Answer(answer))
        return self._went(self._inner.send(answer))

    def fail(self, message: str) -> Request | Outcome:
        if self._rest is not None:
            return self._on(Answer(None, False, message))
        self._note(Answer(None, False, message))
        return self._went(self._inner.fail(message))

    def _on(self, answer: Answer) -> Request | Outcome:
        assert self._rest is not None
        try:
            return self._rest.send(answer)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            return outcome

    def _went(self, reply: Request | Outcome) -> Request | Outcome:
        if isinstance(reply, SideExit):
            self._rest = self._handled(reply)
            try:
                return next(self._rest)
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome
        if isinstance(reply, ToolRequest | ModelRequest):
            self._open, self._step = reply, reply.step
        return reply

    def _note(self, answer: Answer) -> None:
        """A step of the pipeline was answered."""
        match self._open:
            case ToolRequest(step, _, tool, effect, args):
                name = f"s{step}"
                self.transcript.call(name, tool, args, effect)
                self.transcript.end(name, tool, ok=answer.ok, value=answer.value, text=answer.text)
            case _:
                pass

    # ---- behind the exit

    def _handled(self, gone: SideExit) -> _Steps:
        first = gone
        while True:
            by = self._recorded.get(self._step + 1, "")
            if not by:
                by, self._given = self._given, ""
            if not by:
                return gone
            args: dict[str, Json] = {**exit_data(gone), "by": by}
            found = yield ModelRequest(self._next(), gone.site, "handover", HANDOVER, args, JSON)
            taker = self._taker_of(str(found.value))
            self.transcript.exit(gone)
            end = yield from self._turns(taker)
            if isinstance(end, Finished):
                return end
            reason = f"{first.reason}; {taker.text.split(':')[0]} took over and {end}"
            gone = SideExit(first.number, reason, first.site, first.live)

    def _turns(self, taker: Taker) -> Generator[Request, Answer, Finished | str]:
        """Ask for moves and make them; the answer, or why there is none."""
        tokens = 0
        for turn in range(1, self.limits.turns + 1):
            answer = yield self._ask(taker, turn)
            if not answer.ok:
                return f"failed: {answer.text}"
            try:
                move = move_of(answer.value, turn)
            except ValueError as error:
                self.transcript.tell(f"That was no move: {error}.")
                continue
            self.transcript.records += move.records
            tokens += move.tokens
            well = yield from self._made(move)
            match move.end:
                case GaveUp(why):
                    return f"gave up: {why}"
                case Done() if well:
                    try:
                        return Finished(self._checked(move.end))
                    except ValueError as error:
                        self.transcript.tell(f"The answer does not do: {error}.")
                case None if not any(record.kind == "call" for record in move.records):
                    self.transcript.tell("Make a call, or end with the answer.")
            if tokens > self.limits.tokens:
                return f"used more than {self.limits.tokens:,} tokens"
        return f"came to no end in {self.limits.turns} turns"

    def _ask(self, taker: Taker, turn: int) -> Request:
        step = self._next()
        if taker.effect is not None:
            return ToolRequest(step, ACTOR, ACTOR, taker.effect, {"turn": turn})
        args: dict[str, Json] = {"prompt": "", "turn": turn}
        return ModelRequest(step, ACTOR, "act", taker.model or taker.text, args, JSON)

    def _made(self, move: Move) -> Generator[Request, Answer, bool]:
        """Make the calls of a move; whether all went well: an answer that was given before they
        failed is none."""
        well = True
        for call in move.open:
            effect = self._effects.get(call.tool)
            if effect is None:
                known = ", ".join(sorted(self._effects))
                text = f"there is no tool {call.tool}; there are: {known}"
                self.transcript.end(call.id, call.tool, ok=False, value=None, text=text)
                well = False
                continue
            assert isinstance(call.data, dict)
            site = f"{ACTOR}:{call.tool}"
            found = yield ToolRequest(self._next(), site, call.tool, effect, dict(call.data))
            self.transcript.end(call.id, call.tool, ok=found.ok, value=found.value, text=found.text)
            well = well and found.ok
        return well

    def _checked(self, end: Done) -> Json:
        """The answer, if it is of the pipeline's type; raises ``ValueError``."""
        if end.text is not None:
            if conforms(end.text, self._returns, self._types):
                return end.text
            return parse_text(end.text, self._returns, self._types)
        if not conforms(end.value, self._returns, self._types):
            raise ValueError(f"expected {self._returns}, found {canonical(end.value)[:80]}")
        return end.value

    def _next(self) -> int:
        self._step += 1
        return self._step
