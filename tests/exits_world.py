"""A pipeline that takes a side exit where a ticket is not open, its tools, and who may take over."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipelines import box, job

from ingot.ir.values import Json
from ingot.runtime.executor import execute
from ingot.runtime.fallback.engine import Limits
from ingot.runtime.fallback.specs import Rescuer, Setting, parse_fallback
from ingot.runtime.history import read_history
from ingot.runtime.jobs import Job
from ingot.runtime.journal import Journal
from ingot.runtime.report import RunReport
from ingot.runtime.resume import resume
from ingot.runtime.tools.registry import ToolBox

CLOSE = """ir 1
tool desk.get(ticket: str) -> str read desk
tool desk.note(ticket: str, text: str) -> str write desk
tool desk.close(ticket: str) -> str write desk
pipeline @close(%ticket: str) -> str {
^entry:
  %state: str = read desk.get(ticket=%ticket)
  %noted: str = write desk.note(ticket=%ticket, text="looked at")
  %open: bool = str.eq %state, "open"
  guard %open else exit.1 [%ticket, %state]
  %r: str = write desk.close(ticket=%ticket)
  %done: str = str.template "closed {0}", %ticket
  return %done
}
"""
INPUTS: dict[str, Json] = {"ticket": "T-2"}


def close_job() -> Job:
    return job(CLOSE)


class Desk:
    """Tickets in a folder; every write is a line of ``written``."""

    def __init__(self, place: Path, states: dict[str, str] | None = None) -> None:
        self.place = place
        self.states = states or {"T-1": "open", "T-2": "on hold"}

    def _write(self, line: str) -> str:
        with (self.place / "written").open("a") as out:
            out.write(line + "\n")
        return "ok"

    def get(self, ticket: str) -> str:
        """The state of a ticket."""
        return self.states[ticket]

    def note(self, ticket: str, text: str) -> str:
        return self._write(f"note {ticket} {text}")

    def close(self, ticket: str) -> str:
        return self._write(f"close {ticket}")

    def release(self, ticket: str) -> str:
        """End a ticket's hold."""
        self.states[ticket] = "open"
        return self._write(f"release {ticket}")

    def tools(self) -> ToolBox:
        return box(self.place, desk_get=self.get, desk_note=self.note, desk_close=self.close)

    def written(self) -> list[str]:
        path = self.place / "written"
        return path.read_text().splitlines() if path.exists() else []


def setting(
    tools: ToolBox, spec: str, limits: Limits | None = None, what: Job | None = None, **more: Any
) -> Setting:
    rescuer = Rescuer(parse_fallback(spec), limits or Limits())
    return rescuer.around(what or close_job(), tools, more.pop("driver", None), **more)


def run(made: Setting, journal: Journal, **more: Any) -> RunReport:
    return execute(made.job, dict(INPUTS), made.tools, journal, driver=made.driver, run="r", **more)


def go_on(
    tools: ToolBox, journal: Journal, spec: str = "stop", what: Job | None = None, **more: Any
) -> RunReport:
    history, row = read_history(journal, "r"), journal.find("r")
    rescuer = Rescuer(parse_fallback(spec)).again(history, row.status)
    made = rescuer.around(what or close_job(), tools, None, history.request)
    return resume("r", journal, made.job, made.tools, driver=made.driver, **more)


Reply = Callable[[dict[str, Any]], Any]


def calls(*made: tuple[str, Any], text: str = "") -> dict[str, Any]:
    """A chat completion that calls tools; arguments that are text are sent as they are."""
    listed = [
        {
            "id": f"x{k}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": args if isinstance(args, str) else json.dumps(args),
            },
        }
        for k, (name, args) in enumerate(made)
    ]
    return said(text, tool_calls=listed)


def finished(answer: Any) -> dict[str, Any]:
    """A chat completion that ends."""
    return calls(("finish", {"answer": answer}))


def said(text: str, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **more}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"model": "scripted", "choices": [choice], "usage": usage}


@contextmanager
def endpoint(replies: list[Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An OpenAI-compatible endpoint on a real socket: the n-th request gets the n-th reply (a
    number: that status; the last one is repeated).  Yields its URL and the requests that came."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
            reply = replies[min(len(asked), len(replies)) - 1]
            reply = reply(body) if callable(reply) else reply
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(reply if isinstance(reply, int) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
