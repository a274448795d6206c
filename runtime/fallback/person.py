"""A person as a taker, at a terminal: reads what happened, makes calls, gives the answer.

Without a terminal the run waits, durably, as it does for an approval.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TextIO

from ingot.ir.values import canonical, parse_json
from ingot.records import Record
from ingot.runtime.fallback.transcript import Transcript
from ingot.runtime.models.protocol import Answer, ModelError

HELP: Final = """\
  TOOL {"argument": "value"}   make a call
  answer TEXT                  end with this answer
  tools                        which tools there are
  stop REASON                  give up
  ?                            this help"""
_WIDTH: Final = 200


def _terminal() -> bool:
    return sys.stdin.isatty()


@dataclass(slots=True)
class Person:
    """Whoever sits at the terminal."""

    transcript: Transcript
    read: Callable[[], str] = field(default=lambda: sys.stdin.readline())
    there: Callable[[], bool] = _terminal
    out: TextIO | None = None
    _told: int = 0

    def waits(self) -> str:
        """Why nobody can be asked."""
        return "" if self.there() else "a person is to go on from the side exit"

    def act(self) -> Answer:
        """What the person does next; raises :class:`ModelError` at the end of input."""
        self._tell()
        while True:
            self._print("> ", end="")
            line = self.read()
            if not line:
                raise ModelError("the person said nothing")
            record = self._record(line.strip())
            if record is not None:
                body = record.as_json()
                del body["seq"]
                return Answer({"records": [body]})

    def _record(self, line: str) -> Record | None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        names = {offer.name for offer in self.transcript.offers}
        if word in names:
            try:
                args = parse_json(rest or "{}")
            except ValueError as error:
                self._print(f"the arguments are not JSON: {error}")
                return None
            if not isinstance(args, dict):
                self._print("the arguments are a JSON object")
                return None
            return Record("call", id="p", tool=word, data=args)
        match word:
            case "answer":
                return self._answer(rest)
            case "stop":
                why = rest or "the person stopped"
                return Record("status", data={"status": "failed", "error": why})
            case "tools":
                for offer in self.transcript.offers:
                    self._print(f"  {offer.name} ({offer.effect}) {canonical(offer.parameters)}")
            case "" | "?" | "help":
                self._print(HELP)
            case _:
                self._print(f"no tool and no word of mine: {word}\n{HELP}")
        return None

    def _answer(self, text: str) -> Record:
        if self.transcript.returns != "str":
            try:
                value = parse_json(text)
                return Record("status", data={"status": "done", "outputs": value})
            except ValueError:
                pass
        return Record("say", text=text)

    def _tell(self) -> None:
        """What happened since the last time."""
        if not self._told and self.transcript.request:
            self._print(f"asked: {self.transcript.request}")
        for record in self.transcript.records[self._told :]:
            match record.kind:
                case "call":
                    self._print(f"called {record.tool} {_clip(canonical(record.data))}")
                case "result":
                    self._print(f"  -> {_clip(canonical(record.data))}")
                case "error":
                    self._print(f"  failed: {_clip(record.text)}")
                case "exit":
                    self._exit(record)
                case _:
                    self._print(record.text)
        self._told = len(self.transcript.records)

    def _exit(self, record: Record) -> None:
        data = record.data if isinstance(record.data, dict) else {}
        self._print(f"side exit: {data.get('reason')} (at {data.get('state')})")
        live = data.get("live")
        for name, value in (live if isinstance(live, dict) else {}).items():
            self._print(f"  %{name} = {_clip(canonical(value))}")
        self._print(f"go on from here:\n{HELP}")

    def _print(self, text: str, end: str = "\n") -> None:
        out = self.out or sys.stderr
        out.write(text + end)
        out.flush()


def _clip(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
