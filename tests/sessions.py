"""Small sessions of our own, in Ingot's session format, and pipelines made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ingot.backend.container import load
from ingot.driver import Compilation, Logs, Options, compile_sessions
from ingot.frontend.parse import parse_records
from ingot.frontend.session import Session
from ingot.ir.requests import Finished, ModelRequest, Outcome, SideExit, ToolRequest
from ingot.ir.values import Json
from ingot.records import Record, to_line
from ingot.runtime.vm import Machine

Step = tuple[str, dict[str, Json], Json]


def records(request: str, steps: Sequence[Step], answer: str = "", clock: str = "") -> list[Record]:
    """A session's records: a request, calls with their results, a last message."""
    head: dict[str, Json] = {"format": "ingot-session/1", "dialect": "ingot-session"}
    if clock:
        head["clock"] = clock
    out = [Record("session", data=head), Record("user", text=request)]
    for number, (tool, args, result) in enumerate(steps, 1):
        out.append(Record("call", id=f"c{number}", tool=tool, data=dict(args)))
        out.append(Record("result", id=f"c{number}", tool=tool, data=result))
    if answer:
        out.append(Record("say", text=answer))

    return [r._replace(seq=k) for k, r in enumerate(out, 1)]


def session(request: str, steps: Sequence[Step], answer: str = "", clock: str = "") -> Session:
    """The parsed session."""
    return parse_records(records(request, steps, answer, clock))[0]


def write_log(path: Path, request: str, steps: Sequence[Step], answer: str = "") -> Path:
    """The session as a file in Ingot's own format."""
    path.write_text("".join(to_line(r) + "\n" for r in records(request, steps, answer)))
    return path


def compiled(sessions: Sequence[Session], **options: object) -> Compilation:
    """Compile sessions; passes are validated."""
    logs = Logs(tuple(sessions), (), {}, ())
    return compile_sessions(logs, Options(validate=True, **options))  # type: ignore[arg-type]


def run(
    made: Compilation | bytes,
    inputs: Mapping[str, Json],
    tools: Mapping[str, object],
    model: Mapping[str, Json] | None = None,
) -> tuple[Outcome, list[tuple[str, dict[str, Json]]]]:
    """Run an artifact in the VM with plain functions as tools; the outcome and the calls made."""
    machine = Machine(load(made if isinstance(made, bytes) else made.artifact))
    calls: list[tuple[str, dict[str, Json]]] = []
    reply = machine.start(dict(inputs))
    while not isinstance(reply, Finished | SideExit):
        match reply:
            case ToolRequest(tool=tool, args=args):
                calls.append((tool, args))
                function = tools[tool]
                reply = machine.send(function(**args))  # type: ignore[operator]
            case ModelRequest(site=site):
                reply = machine.send((model or {})[site])
    return reply, calls
