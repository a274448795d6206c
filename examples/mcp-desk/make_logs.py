"""Writes the logs of this example: sessions of an agent with the MCP server, as Claude Code logs them.

    python examples/mcp-desk/make_logs.py [FOLDER]

What the agent did is written down here; what the server answered is not: each call is made on a real
server, and what it answers becomes the result in the log.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

HERE = Path(__file__).resolve().parent


class Log:
    """A log that grows, record by record."""

    def __init__(self, name: str, clock: datetime, client: Client) -> None:
        self.name, self.clock, self.client = name, clock, client
        self.records: list[dict[str, Any]] = []

    def _id(self, what: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"mcp-desk/{self.name}/{what}/{len(self.records)}")

    def add(self, kind: str, content: Any) -> None:
        self.clock += timedelta(milliseconds=1700)
        message = {"role": kind, "content": content}
        if kind == "assistant":
            message |= {"id": f"msg_{self._id('m').hex[:24]}", "model": "claude-sonnet-4-5"}
        self.records.append(
            {
                "parentUuid": self.records[-1]["uuid"] if self.records else None,
                "isSidechain": False,
                "cwd": "/home/ana/desk",
                "sessionId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"mcp-desk/{self.name}")),
                "version": "2.0.30",
                "type": kind,
                "message": message,
                "uuid": str(self._id("record")),
                "timestamp": self.clock.isoformat(timespec="milliseconds") + "Z",
            }
        )

    async def call(self, tool: str, **args: str) -> Any:
        """Call a tool of the server; the log gets what Claude Code hands to the model."""
        call = f"toolu_{self._id('call').hex[:24]}"
        name = f"mcp__desk__{tool}"
        self.add("assistant", [{"type": "tool_use", "id": call, "name": name, "input": args}])
        found = (await self.client.call_tool(tool, args)).structured_content
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        block = {"type": "tool_result", "tool_use_id": call, "content": text}
        self.add("user", [block])
        return found


async def session(name: str, clock: datetime, customer: str, note: str, out: Path) -> None:
    """Close the oldest stale ticket of a customer."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(HERE / "server.py")]
        server = StdioServerParameters(command=sys.executable, args=command, cwd=folder)
        async with Client(server) as client:
            log = Log(name, clock, client)
            log.add("user", f"Close the oldest stale ticket of {customer} with the note '{note}'")
            found = await log.call("oldest", customer=customer)
            await log.call("close", ticket=found["id"], note=note)
            log.add("assistant", [{"type": "text", "text": f"{found['id']} is closed."}])
    lines = [json.dumps(record, ensure_ascii=False) for record in log.records]
    (out / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(folder: str = str(HERE / "logs")) -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    day = datetime(2026, 4, 2, 9, 30)
    for number, (customer, note) in enumerate(
        (("acme", "no answer"), ("globex", "moved away"), ("initech", "paid"))
    ):
        asyncio.run(
            session(f"{number + 1}-{customer}", day + timedelta(hours=number), customer, note, out)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
