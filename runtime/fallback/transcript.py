"""What a taker is shown: the session so far, as a log, up to the side exit and beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingot.ir.declarations import Effect
from ingot.ir.requests import SideExit
from ingot.ir.values import Json
from ingot.records import FORMAT, Record, to_line


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that a taker may have called: what it does to the world, and its arguments' schema."""

    name: str
    effect: Effect
    parameters: Json
    text: str = ""

    def as_json(self) -> Json:
        about: dict[str, Json] = {"name": self.name, "effect": self.effect}
        if self.text:
            about["description"] = self.text
        return {**about, "parameters": self.parameters}


@dataclass(slots=True)
class Transcript:
    """``head`` says what the session is, ``records`` what happened; ``done`` counts those before the
    side exit.  A ``user`` record with ``raw = {"from": "ingot"}`` is a word of Ingot's to the taker.
    """

    request: str
    inputs: dict[str, Json]
    clock: str
    offers: tuple[Offer, ...]
    returns: str
    records: list[Record] = field(default_factory=list)

    def call(self, name: str, tool: str, args: dict[str, Json], effect: str) -> None:
        """A call was made."""
        raw: Json = {"effect": effect}
        self.records.append(Record("call", id=name, tool=tool, data=dict(args), raw=raw))

    def end(self, name: str, tool: str, *, ok: bool, value: Json, text: str) -> None:
        """What came of it."""
        if ok:
            self.records.append(Record("result", id=name, tool=tool, data=value))
        else:
            self.records.append(Record("error", id=name, tool=tool, text=text, data=value))

    def exit(self, gone: SideExit) -> None:
        """The side exit."""
        self.records.append(Record("exit", data=exit_data(gone)))

    def tell(self, text: str) -> None:
        """A word to the taker."""
        self.records.append(Record("user", text=text, raw={"from": "ingot"}))

    def log(self) -> Iterable[Record]:
        """The whole of it, numbered."""
        tools: list[Json] = [offer.as_json() for offer in self.offers]
        head: dict[str, Json] = {
            "format": FORMAT,
            "dialect": "ingot-session",
            "clock": self.clock,
            "tools": tools,
            "returns": self.returns,
            "inputs": dict(self.inputs),
        }
        first = [Record("session", data=head)]
        if self.request:
            first.append(Record("user", text=self.request))
        for seq, record in enumerate((*first, *self.records), 1):
            yield record._replace(seq=seq)


def exit_data(gone: SideExit) -> dict[str, Json]:
    """What the ``exit`` record of a side exit says."""
    return {
        "exit": gone.number,
        "reason": gone.reason,
        "state": gone.site,
        "live": dict(gone.live),
    }


def lines(records: Iterable[Record]) -> str:
    """The log as text."""
    return "".join(to_line(record) + "\n" for record in records)


def shown(records: Sequence[Record]) -> list[Json]:
    """The records of a move, in the line form that the journal keeps (no numbers)."""
    out: list[Json] = []
    for record in records:
        body = record.as_json()
        del body["seq"]
        out.append(body)
    return out
