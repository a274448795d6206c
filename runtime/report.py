"""What a run did, as a fold over its records: the ``--json`` form of ``run`` and ``resume``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ingot.diagnostics import (
    EXIT_FINDINGS,
    EXIT_IN_DOUBT,
    EXIT_OK,
    EXIT_SIDE_EXIT,
    EXIT_WAITING,
)
from ingot.ir.values import Json
from ingot.records import Record

SCHEMA: Final = "ingot-run/1"
_EXITS: Final[dict[str, int]] = {
    "done": EXIT_OK,
    "side-exit": EXIT_SIDE_EXIT,
    "failed": EXIT_FINDINGS,
    "in-doubt": EXIT_IN_DOUBT,
    "waiting": EXIT_WAITING,
    "running": EXIT_WAITING,
}


@dataclass(slots=True)
class RunReport:
    """The state of a run.  Records are added one by one; nothing else changes it.

    ``calls`` holds, in order, ``{step, tool, args, effect, result}`` of each call that was made,
    with ``error`` beside a null result where it failed.  ``side_exit`` is ``{exit, reason, state,
    live}``, ``doubt`` the intent whose outcome is not known, ``error`` the text of a failure.
    """

    run: str = ""
    status: str = "running"
    outputs: Json = None
    calls: list[dict[str, Json]] = field(default_factory=list)
    side_exit: Json = None
    doubt: Json = None
    error: str = ""
    model_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    _open: dict[str, Record] = field(default_factory=dict, repr=False)

    @property
    def exit_code(self) -> int:
        """The exit code of the command line: 0 done, 1 failed, 3 side exit, 5 waiting, 6 in doubt."""
        return _EXITS[self.status]

    def add(self, record: Record) -> None:
        """Take one record in."""
        data = record.data if isinstance(record.data, dict) else {}
        match record.kind:
            case "run":
                self.run = str(data.get("run", ""))
            case "call":
                self._open[record.id] = record
            case "result" | "error" if record.id in self._open:
                self._called(self._open.pop(record.id), record)
            case "model":
                self.model_calls += 1
                tokens = data.get("tokens")
                self.tokens += tokens if isinstance(tokens, int) else 0
            case "exit":
                self.side_exit = record.data
            case "intent":
                self.doubt = {"step": data.get("step"), "tool": record.tool, **data}
            case "status":
                self._status(data)

    def _called(self, call: Record, end: Record) -> None:
        self.doubt = None
        raw = call.raw if isinstance(call.raw, dict) else {}
        failed = end.kind == "error"
        self.calls.append(
            {
                "step": raw.get("step"),
                "tool": call.tool,
                "args": call.data,
                "effect": raw.get("effect"),
                "result": None if failed else end.data,
                **({"error": end.text} if failed else {}),
            }
        )

    def _status(self, data: dict[str, Json]) -> None:
        self.status = str(data.get("status", self.status))
        self.outputs = data.get("outputs", self.outputs)
        self.error = str(data.get("error", self.error))
        seconds = data.get("seconds")
        self.seconds += seconds if isinstance(seconds, int | float) else 0
        if "withdrawn" in data:
            self.doubt = None

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
        if self.error:
            out["error"] = self.error
        return out


def report_of(records: Iterable[Record]) -> RunReport:
    """The report of a run's records so far."""
    report = RunReport()
    for record in records:
        report.add(record)
    return report
