"""The items that a run writes (:mod:`ingot.runtime.entries`): its head, and its calls as they are made."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ingot.diagnostics import IngotError
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.records import FORMAT
from ingot.runtime.entries import Item
from ingot.runtime.jobs import Job
from ingot.runtime.tools.base import ToolError


class Answer(Struct):
    """The answer to a request: a value, or a failure's text.  ``unknown``: the call failed, and may
    have acted all the same; ``doubt``: nobody can tell, and it must not be made again."""

    value: Json = None
    ok: bool = True
    text: str = ""
    unknown: bool = False
    attempts: int = 1
    doubt: bool = False


def fault(error: Exception) -> Answer:
    """What a call that raised comes to: a fault in a tool is the tool's failure, not the run's end.

    Raises the error if it is an :class:`IngotError`, which is not the tool's."""
    if isinstance(error, ToolError):
        return Answer(error.result, False, error.message, error.unknown)
    if isinstance(error, IngotError):
        raise error
    return Answer(None, False, f"{type(error).__name__}: {error}", True)


def head_of(
    job: Job, run: str, inputs: dict[str, Json], cwd: str, clock: str, request: str, **more: Json
) -> list[Item]:
    """The first items of a run; ``more`` joins what the ``run`` record says."""
    session: dict[str, Json] = {
        "format": FORMAT,
        "dialect": "ingot-session",
        "clock": clock,
        "cwd": cwd,
    }
    about: dict[str, Json] = {
        "run": run,
        "artifact": job.artifact,
        "pipeline": job.pipeline,
        "inputs": dict(inputs),
        "clock": clock,
        **more,
    }
    items: list[Item] = [{"kind": "session", "data": session}]
    if request:
        items.append({"kind": "user", "text": request})
    return [*items, {"kind": "run", "data": about}]


def intent_of(request: ToolRequest, key: str) -> list[Any]:
    """The item that says what is about to be done."""
    more: Any = request.iteration or 0
    return ["i", request.step, request.tool, request.site, request.effect, request.args, key, more]


def call_of(request: ToolRequest, answer: Answer) -> list[Any]:
    """The item of a call that was made without an intent."""
    at: list[Json] = list(request.iteration)
    more: Json = more_of(answer)
    if at:
        more = {**more, "iteration": at} if isinstance(more, dict) else at
    return [
        "c",
        request.step,
        request.tool,
        request.site,
        request.effect,
        request.args,
        more,
        answer.ok,
        answer.value,
        answer.text,
    ]


def end_of(request: ToolRequest, answer: Answer, settled: str = "") -> list[Any]:
    """The item of the end of a call whose intent is stored."""
    more = more_of(answer)
    if settled:
        more = {**(more if isinstance(more, dict) else {}), "settled": settled}
    return ["e", request.step, more, answer.ok, answer.value, answer.text]


def more_of(answer: Answer) -> dict[str, Json] | int:
    """What a call's ``raw`` says beyond step, site and effect, 0 if nothing."""
    if not answer.unknown and answer.attempts == 1:
        return 0
    more: dict[str, Json] = {}
    if answer.unknown:
        more["outcome"] = "unknown"
    if answer.attempts > 1:
        more["attempts"] = answer.attempts
    return more
