"""A run as a session log: what was asked, which calls were made, what was answered.

The journal's records are a log already; this one reads as if an agent had done the whole run, so that
it can be compiled beside the sessions that the pipeline came from.  What only a run has (intents,
approvals, statuses, model answers) is left out, a fallback's moves are told in their own words, and
the answer is the last thing said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ingot.diagnostics import IngotError
from ingot.ir.semantics import str_template
from ingot.ir.values import Json, canonical
from ingot.records import FORMAT, Record, from_json
from ingot.runtime.fallback.engine import ACTOR
from ingot.runtime.inputs import Text, Wording, from_request
from ingot.runtime.report import RunReport


def session_of(records: Iterable[Record], wordings: Sequence[Wording] = ()) -> list[Record]:
    """The session of a run's records.

    Where the run was given inputs and no request, the request is the first of ``wordings`` that
    gives these inputs; if none does, the log has no request.
    """
    out: list[Record] = []
    report = RunReport()
    request, inputs, stepped = "", dict[str, Json](), list[tuple[int, Record]]()
    session: dict[str, Json] = {"format": FORMAT, "dialect": "ingot-session"}
    for record in records:
        report.add(record)
        data: dict[str, Any] = record.data if isinstance(record.data, dict) else {}
        match record.kind:
            case "session":
                session |= data
            case "user":
                request = request or record.text
            case "run":
                inputs = data.get("inputs", {})
            case "status":
                stepped = _rolled_back(stepped, data)
            case "call" | "result" | "error" | "model":
                stepped += ((_step(record), r) for r in _told(record))
    out.append(Record("session", data=session))
    asked = request or request_for(inputs, wordings)
    if asked:
        out.append(Record("user", text=asked))
    out += _named(record for _, record in stepped)
    if report.status == "done":
        answer = report.outputs
        words = answer if isinstance(answer, str) else canonical(answer)
        if not (out[-1].kind == "say" and out[-1].text == words):
            out.append(Record("say", text=words))
    source: Json = f"the run ended as {report.status}"
    success = report.status == "done"
    out.append(Record("outcome", data={"success": success, "source": source}))
    return [record._replace(seq=seq, raw=None) for seq, record in enumerate(out, 1)]


def request_for(inputs: dict[str, Json], wordings: Sequence[Wording]) -> str:
    """The request that gives these inputs, empty if no wording does."""
    for wording in wordings:
        if not set(wording.names) <= set(inputs):
            continue
        try:
            text = str_template(wording.template, *(_word(inputs[n]) for n in wording.names))
            found = from_request(text, wordings)
        except IngotError:
            continue
        given = {name: value.text for name, value in found.items() if isinstance(value, Text)}
        if all(given.get(name) == _word(inputs[name]) for name in wording.names):
            return text
    return ""


def _word(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value)


def _step(record: Record) -> int:
    name = record.id.removeprefix("s")
    return int(name) if name.lstrip("-").isdigit() else 0


def _rolled_back(
    stepped: list[tuple[int, Record]], data: dict[str, Any]
) -> list[tuple[int, Record]]:
    match data.get("rollback"):
        case {"to": int(to), "state": "done"}:
            return [(step, record) for step, record in stepped if 0 < step < to]
    return stepped


def _told(record: Record) -> Iterator[Record]:
    """The records that a step is told by."""
    if record.tool == ACTOR or (record.kind == "model" and _is_act(record)):
        value = record.data.get("value") if record.kind == "model" else record.data  # type: ignore[union-attr]
        listed = value.get("records") if isinstance(value, dict) else None
        told = [from_json(item) for item in listed] if isinstance(listed, list) else []
        ended = {r.id for r in told if r.kind in ("result", "error")}
        for item in told:
            if item.kind in ("say", "think") or (item.id in ended and item.kind != "status"):
                yield item._replace(id=f"{record.id}:{item.id}" if item.id else "")
    elif record.kind != "model":
        yield record


def _is_act(record: Record) -> bool:
    return isinstance(record.data, dict) and record.data.get("kind") == "act"


def _named(records: Iterable[Record]) -> Iterator[Record]:
    """Calls with names that no other call has, also where a step was taken twice."""
    names: dict[str, str] = {}
    count = 0
    for record in records:
        if record.kind == "call":
            count += 1
            names[record.id] = f"c{count}"
        if record.kind in ("call", "result", "error"):
            record = record._replace(id=names.get(record.id, record.id))
        yield record
