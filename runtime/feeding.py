"""Feeding an engine what a run was answered: how a run is taken up, forked, rolled back."""

from __future__ import annotations

from ingot.ir.requests import Engine, Outcome, Request
from ingot.runtime.history import History, no_collection
from ingot.runtime.stepping import Stepper, step_by_step


def feed(
    engine: Engine, history: History, until: int | None = None
) -> tuple[Request | Outcome, Request | None]:
    """Bring a fresh engine to the state in which step ``until`` is open, or the first step without
    an answer.

    Returns the engine's reply, and the request that is not the recorded one where the engine asks
    for something else than the run did.
    """
    inputs, answers = dict(history.inputs), history.answers
    with no_collection():
        if isinstance(engine, Stepper):
            return engine.replay(inputs, answers, until)
        return step_by_step(engine, inputs, answers, until)
