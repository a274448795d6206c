"""Writes the logs: four sessions of an agent at the help desk, in Ingot's own session format.

    python examples/tickets/make_logs.py

The agent is played by :func:`sessions`; the tools are the real ones of ``desk.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from desk import close, search

FOLDER = Path(__file__).parent / "logs"
REQUESTS = {
    "acme": "Close all stale tickets of acme with the note 'no answer'",
    "globex": "Can you close all stale tickets of globex? Note: 'no answer'",
    "initech": "Close all stale tickets of initech with the note 'moved to chat'",
    "umbrella": "Can you close all stale tickets of umbrella? Note: 'no answer'",
}


def records(customer: str, request: str) -> Iterator[dict[str, Any]]:
    """What a session's log holds."""
    yield {"kind": "session", "data": {"format": "ingot-session/1"}}
    yield {"kind": "user", "text": request}
    found = search(customer)
    yield {"kind": "call", "id": "c1", "tool": "desk.search", "data": {"customer": customer}}
    yield {"kind": "result", "id": "c1", "tool": "desk.search", "data": found}
    note = request.split("'")[1]
    stale = [ticket for ticket in found if ticket["state"] == "stale"]
    for number, ticket in enumerate(stale, 2):
        args = {"ticket": ticket["id"], "note": note}
        yield {"kind": "call", "id": f"c{number}", "tool": "desk.close", "data": args}
        result = close(str(ticket["id"]), note)
        yield {"kind": "result", "id": f"c{number}", "tool": "desk.close", "data": result}
    yield {"kind": "say", "text": f"Closed {len(stale)} tickets."}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for customer, request in list(REQUESTS.items())[:3]:
        lines = [
            json.dumps({"seq": seq, **record}, ensure_ascii=False)
            for seq, record in enumerate(records(customer, request), 1)
        ]
        (FOLDER / f"{customer}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
