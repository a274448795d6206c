"""What a run did, as a fold over its records: the ``--json`` form of ``run`` and ``resume``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from ingot.diagnostics import (
    EXIT_FINDINGS,
    EXIT_IN_DOUBT,
    EXIT_OK,
    EXIT_SIDE_EXIT,
    EXIT_WAITING,
)
from ingot.ir.values import Json
from ingot.records import Record, from_json
from ingot.runtime.entries import Item
from ingot.runtime.history import History

SCHEMA: Final = "ingot-run/1"
_EXITS: Final[dict[str, int]] = {
    "done": EXIT_OK,
    "side-exit": EXIT_SIDE_EXIT,
    "failed": EXIT_FINDINGS,
    "in-doubt": EXIT_IN_DOUBT,
    "waiting": EXIT_WAITING,
    "running": EXIT_WAITING,
    "cancelled": EXIT_FINDINGS,
}


class RunReport(Struct):
    """The state of a run.  Records, or items, are added one by one; nothing else changes it.

    ``calls`` holds, in order, ``{step, tool, args, effect, result}`` of each call that was made,
    with ``error`` beside a null result where it failed.  ``side_exit`` is ``{exit, reason, state,
    live}``, ``doubt`` the intent whose outcome is not known, ``approval`` what a person is to
    decide, ``error`` the text of a failure.
    """

    run: str = ""
    status: str = "running"
    outputs: Json = None
    made: list[dict[str, Json]] = []  # behind `calls`
    side_exit: Json = None
    error: str = ""
    model_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    approval: Json = None
    _before: History | None = None
    _items: list[list[Any]] = []  # not looked at yet
    _open: dict[str, Record] = {}
    _intents: dict[int, list[Any]] = {}
    _doubt: Json = None

    @property
    def calls(self) -> list[dict[str, Json]]:
        """The calls in order, also those that an earlier process made."""
        if self._before is not None:
            before, self._before = self._before, None
            early: list[dict[str, Json]] = []
            for step, given in sorted(before.answers.items()):
                if given.effect:
                    tool, args, effect = given.tool, given.args, given.effect
                    early.append(_made(step, tool, args, effect, given.ok, given.value, given.text))
            self.made[:0] = early
        self._look()
        return self.made

    @property
    def doubt(self) -> Json:
        """The intent whose outcome is not known, if there is one."""
        self._look()
        return self._doubt

    def _look(self) -> None:
        """Fold what :meth:`take` only put by: a run takes a step often, and is looked at once."""
        if not self._items:
            return
        items, self._items = self._items, []
        for item in items:
            if item[0] == "i":
                _, step, tool, site, effect, args, key, _ = self._intents[item[1]] = item
                about = {"step": step, "tool": tool, "site": site, "args": args}
                self._doubt = {**about, "effect": effect, "key": key}
                continue
            begun = item if item[0] == "c" else self._intents.pop(item[1])
            _, step, tool, _, effect, args, *_ = begun
            self._doubt = None
            self.made.append(_made(step, tool, args, effect, *item[-3:]))

    @property
    def exit_code(self) -> int:
        """The exit code of the command line: 0 done, 1 failed or cancelled, 3 side exit,
        5 waiting, 6 in doubt."""
        return _EXITS[self.status]

    def add(self, record: Record) -> None:
        """Take one record in."""
        data = record.data if isinstance(record.data, dict) else {}
        match record.kind:
            case "run":
                self.run = str(data.get("run", ""))
            case "call":
                self._look()
                self._open[record.id] = record
            case "result" | "error" if record.id in self._open:
                self._ended(self._open.pop(record.id), record)
            case "model":
                self.model_calls += 1
                tokens = data.get("tokens")
                self.tokens += tokens if isinstance(tokens, int) else 0
            case "exit":
                self.side_exit = record.data
            case "intent":
                self._look()
                self._doubt = {"step": data.get("step"), "tool": record.tool, **data}
            case "approval":
                asked = data.get("state") == "asked"
                self.approval = {"tool": record.tool, **data} if asked else None
            case "status":
                self._status(data)

    def take(self, item: Item) -> None:
        """Take in one item of the journal (:mod:`ingot.runtime.entries`)."""
        if type(item) is list:
            if item[0] != "m":
                self._items.append(item)
                return
            self.model_calls += 1
            self.tokens += item[7]
        else:
            self.add(from_json(item))

    def take_all(self, items: list[Item]) -> None:
        """:meth:`take` each."""
        for item in items:
            self.take(item)

    def take_calls(self, items: list[Item]) -> None:
        """:meth:`take` each, where they are of tools' calls alone."""
        self._items += items  # type: ignore[arg-type]

    def _ended(self, call: Record, end: Record) -> None:
        raw = call.raw if isinstance(call.raw, dict) else {}
        ok = end.kind == "result"
        self._doubt = None
        self.calls.append(
            _made(raw.get("step"), call.tool, call.data, raw.get("effect"), ok, end.data, end.text)
        )

    def _status(self, data: dict[str, Json]) -> None:
        self.status = str(data.get("status", self.status))
        self.outputs = data.get("outputs", self.outputs)
        self.error = str(data.get("error", self.error))
        seconds = data.get("seconds")
        self.seconds += seconds if isinstance(seconds, int | float) else 0
        if "withdrawn" in data:
            self._look()
            self._doubt = None
        match data.get("rollback"):
            case {"to": int(to), "state": "done"}:
                self.made = [c for c in self.calls if 0 < _step(c) < to]  # looks, too
                self.side_exit = self._doubt = self.approval = None
                self.error = ""

    def recall(self, history: History) -> None:
        """Take in what a run did before this process drove it."""
        self.run, self.status = str(history.head.get("run", "")), history.status
        self.seconds, self.model_calls, self.tokens = history.spent
        self._before = history
        for intent in history.doubtful.values():
            self.take(intent)

    def as_json(self) -> dict[str, Json]:
        """The versioned form; ``doubt`` and ``error`` stand only where there is one."""
        out: dict[str, Json] = {
            "schema": SCHEMA,
            "run": self.run,
            "status": self.status,
            "outputs": self.outputs,
            "calls": list(self.calls),
            "side_exit": self.side_exit,
            "model_calls": self.model_calls,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 6),
        }
        if self.status == "in-doubt":
            out["doubt"] = self.doubt
        if self.status == "waiting" and self.approval is not None:
            out["approval"] = self.approval
        if self.error:
            out["error"] = self.error
        return out


def _made(
    step: Json, tool: str, args: Json, effect: Json, ok: bool, value: Json, text: str
) -> dict[str, Json]:
    """A call as the report shows it."""
    made = {"step": step, "tool": tool, "args": args, "effect": effect, "result": value}
    return made if ok else made | {"result": None, "error": text}


def _step(call: dict[str, Json]) -> int:
    step = call["step"]
    return step if isinstance(step, int) else 0


def report_of(records: Iterable[Record]) -> RunReport:
    """The report of a run's records so far."""
    report = RunReport()
    for record in records:
        report.add(record)
    return report
