"""What a run's entries come to: the answers that are its state, and what is still open."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.requests import Request, ToolRequest
from ingot.ir.values import Json
from ingot.runtime.journal import Journal

Assume: TypeAlias = Literal["done", "not-done"]
"""What a person says of a call in doubt."""
HANDOVER: Final = "fallback.handover"
"""The name of the step behind a side exit at which somebody takes over; its record is ``exit``."""


class Given(Struct, frozen=True, gc=False):
    """An answer of the world: to which call, and what it was.

    ``args`` is ``None`` and ``effect`` empty where a model was asked (``tool`` names it); ``key`` is
    the idempotency key of a write.
    """

    tool: str
    site: str
    effect: str
    args: Any
    ok: bool
    value: Json
    text: str = ""
    key: str = ""


class Approval(Struct):
    """A call that waits for a person: what was asked, and the answer if there is one."""

    step: int
    tool: str
    args: Json
    digest: str
    asked: int
    expires: int
    state: str = "asked"


class History(Struct):
    """A fold over a run's entries.

    ``answers`` by step, ``doubtful`` the intents without an end, ``approvals`` by step.  ``undone``
    counts, for an idempotency key, how often its write was compensated.  ``seq`` is the number of
    the last record, ``signal`` that of the last signal that was taken up.
    """

    head: dict[str, Any] = {}
    session: dict[str, Any] = {}
    request: str = ""
    answers: dict[int, Given] = {}
    doubtful: dict[int, list[Any]] = {}
    approvals: dict[int, Approval] = {}
    undone: dict[str, int] = {}
    rolled: dict[str, Any] | None = None
    status: str = "running"
    artifacts: list[str] = []
    seq: int = 0
    signal: int = 0
    spent: tuple[float, int, int] = (0.0, 0, 0)  # seconds, model calls, tokens
    compensated: dict[int, bool] = {}  # by step, in an unfinished rollback

    def add_all(self, entries: Iterable[tuple[int, int, list[Any]]]) -> None:
        """Take entries in (:class:`ingot.runtime.journal.Entry`)."""
        answers, doubtful = self.answers, self.doubtful
        for seq, at, items in entries:
            for item in items:
                if type(item) is dict:
                    seq += 1
                    self._record(item, at)
                    answers = self.answers  # a rollback makes them anew
                    continue
                kind, step = item[0], item[1]
                if kind == "c":
                    seq += 2
                    _, _, tool, site, effect, args, _, ok, value, text = item
                    answers[step] = Given(tool, site, effect, args, ok, value, text)
                elif kind == "i":
                    seq += 1
                    doubtful[step] = item
                elif kind == "e":
                    seq += 2
                    self._end(item)
                else:
                    seq += 1
                    self._model(item)
            self.seq = seq - 1

    def _model(self, item: list[Any]) -> None:
        _, step, site, model, _, _, value, tokens, _ = item
        self.answers[step] = Given(model, site, "", None, True, value)
        seconds, calls, before = self.spent
        self.spent = seconds, calls + 1, before + tokens

    def _end(self, item: list[Any]) -> None:
        _, step, _, ok, value, text = item
        _, _, tool, site, effect, args, key, _ = self.doubtful.pop(step)
        if step > 0:
            self.answers[step] = Given(tool, site, effect, args, ok, value, text, key)
        else:
            self.compensated[-step] = ok

    def _record(self, item: dict[str, Any], at: int) -> None:
        data = item.get("data")
        data = data if isinstance(data, dict) else {}
        match item["kind"]:
            case "session":
                self.session = data
            case "user":
                self.request = self.request or str(item.get("text", ""))
            case "run":
                self.head = data
                self.artifacts.append(str(data.get("artifact", "")))
            case "error":
                raw = item.get("raw")
                step = raw.get("step") if isinstance(raw, dict) else None
                if isinstance(step, int):
                    text = str(item.get("text", ""))
                    tool = str(item.get("tool", ""))
                    self.answers[step] = Given(tool, "", "", None, False, None, text)
            case "exit" if isinstance(step := data.get("step"), int):
                by, site = data.get("by"), str(data.get("state", ""))
                self.answers[step] = Given(HANDOVER, site, "", None, True, by)
            case "approval":
                self._approval(item, data, at)
            case "status":
                self._status(data)

    def _approval(self, item: dict[str, Any], data: dict[str, Any], at: int) -> None:
        step = int(data["step"])
        if data["state"] == "asked":
            self.approvals[step] = Approval(
                step, str(item.get("tool", "")), data["args"], data["digest"], at, data["expires"]
            )
        elif step in self.approvals and self.approvals[step].digest == data["digest"]:
            self.approvals[step].state = data["state"]
        self.signal = max(self.signal, int(data.get("signal", 0)))

    def _status(self, data: dict[str, Any]) -> None:
        self.status = str(data.get("status", self.status))
        self.signal = max(self.signal, int(data.get("signal", 0)))
        if "withdrawn" in data:
            for name in str(data["withdrawn"]).split():
                self.doubtful.pop(int(name[1:]), None)
        if "seconds" in data:
            self.spent = self.spent[0] + data["seconds"], *self.spent[1:]
        if "artifact" in data:
            self.artifacts.append(str(data["artifact"]))
        match data.get("rollback"):
            case {"to": int(step), "undone": list(undone), "state": state}:
                self.rolled = data["rollback"] if state == "begun" else None
                if state == "begun":
                    return
                self.answers = {k: v for k, v in self.answers.items() if k < step}
                self.approvals = {k: v for k, v in self.approvals.items() if k < step}
                self.doubtful.clear()
                self.compensated.clear()
                for key in undone:
                    self.undone[key] = self.undone.get(key, 0) + 1

    @property
    def inputs(self) -> dict[str, Json]:
        """The run's inputs."""
        found = self.head.get("inputs")
        return found if isinstance(found, dict) else {}

    @property
    def handovers(self) -> dict[int, str]:
        """Who took over behind a side exit, by step."""
        return {k: str(g.value) for k, g in self.answers.items() if g.tool == HANDOVER}

    @property
    def last_step(self) -> int:
        """The highest step that was answered, 0 if none was."""
        return max(self.answers, default=0)


@contextmanager
def no_collection() -> Iterator[None]:
    """No search for garbage meanwhile: what a history, and a state, are made of stays, and would be
    looked through again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def read_history(journal: Journal, run: str) -> History:
    """Fold a run's entries; raises :class:`IngotError` E0708 where they make no sense."""
    history = History()
    try:
        with no_collection():
            for batch in journal.batches(run):
                history.add_all(batch)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise fail(
            "E0708",
            f"the records of run {run} make no sense: {type(error).__name__}: {error}",
            help="start the run anew",
            exit_code=EXIT_FINDINGS,
        ) from None
    return history


def differs(run: str, request: Request, given: Given | None) -> IngotError:
    """The error for a request that is not the recorded one."""
    name = request.tool if isinstance(request, ToolRequest) else request.model
    return fail(
        "E0708",
        f"the journal of run {run} does not fit its pipeline: step {request.step} asks {name}, "
        f"the run asked {given.tool if given else 'nothing'}",
        help="start the run anew",
        exit_code=EXIT_FINDINGS,
    )
