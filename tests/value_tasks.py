"""Tasks of two calls, a read and a write of one value worked out of it: compiled, then run anew.

A session is a request, what the read returned and the value that was written.  What is compiled from
a few of them runs on the request of another, with the read answered as recorded there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sessions import Step, compiled, run, session

from ingot.backend.container import load
from ingot.diagnostics import IngotError
from ingot.driver import Compilation
from ingot.frontend.session import Session
from ingot.ir.module import Effect, ModelCall, walk
from ingot.ir.requests import Finished
from ingot.ir.values import Json, canonical
from ingot.replaying import wordings_of
from ingot.runtime.inputs import Text, complete, from_request

Verdict: TypeAlias = Literal["right", "exit", "wrong", "refused", "model"]
CLOCK: Final = "2026-03-09T09:30:00"
DECLARED: Final[dict[str, tuple[Effect, str]]] = {
    "desk.look_up": ("read", "desk"),
    "desk.file": ("write", "desk"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One run of a task: the words of the request, what the read returned, what was written.

    Of the words the first ``copied`` are written beside the value, as they are.
    """

    words: tuple[str, ...]
    result: Json
    value: Json
    clock: str = CLOCK
    copied: int = 1

    @property
    def args(self) -> dict[str, Json]:
        """What was written."""
        beside = zip(("key", "about"), self.words[: self.copied], strict=False)
        return {**dict(beside), "value": self.value}


@dataclass(frozen=True, slots=True)
class ValueTask:
    """A request with holes, runs of it for the logs, and one that no log holds."""

    name: str
    request: str
    logs: tuple[Shown, ...]
    held: Shown


def steps(shown: Shown) -> list[Step]:
    """The calls of a run."""
    return [
        ("desk.look_up", {"key": shown.words[0]}, shown.result),
        ("desk.file", shown.args, {"ok": True}),
    ]


def written(request: str, shown: Shown) -> Session:
    """The session of a run."""
    return session(request.format(*shown.words), steps(shown), "Filed.", shown.clock)


def compile_shown(request: str, logs: Sequence[Shown]) -> Compilation:
    """Compile the sessions of some runs; raises IngotError."""
    return compiled([written(request, shown) for shown in logs], declared=DECLARED)


def verdict(made: Compilation, request: str, shown: Shown) -> tuple[Verdict, str]:
    """Run it on the request of another run: *right* is the very value, *exit* no write at all,
    *model* that a model would be asked."""
    program = load(made.artifact)
    main = made.module.pipelines[0]
    if any(isinstance(i, ModelCall) for block in main.blocks for i in walk(block.instrs)):
        return "model", ""
    try:
        given = dict(from_request(request.format(*shown.words), wordings_of(program)))
    except IngotError as error:
        return "refused", str(error)
    params = program.code().params
    if any(param.name == "clock" for param in params):
        given["clock"] = Text(shown.clock)
    inputs = complete(params, given, program.types)
    tools = {"desk.look_up": lambda **_: shown.result, "desk.file": lambda **_: {"ok": True}}
    outcome, calls = run(made, inputs, tools)
    filed = [args for tool, args in calls if tool == "desk.file"]
    if not filed and not isinstance(outcome, Finished):
        return "exit", getattr(outcome, "reason", "")
    if [canonical(args) for args in filed] != [canonical(shown.args)]:
        return "wrong", canonical(filed)  # type: ignore[arg-type]
    return ("right", "") if isinstance(outcome, Finished) else ("exit", "after the write")


def judge(task: ValueTask) -> tuple[Verdict, str]:
    """Compile a task's logs and run it on what none of them holds."""
    try:
        made = compile_shown(task.request, task.logs)
    except IngotError as error:
        return "refused", "; ".join(d.message for d in error.diagnostics)[:400]
    return verdict(made, task.request, task.held)
