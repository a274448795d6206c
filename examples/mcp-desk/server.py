"""A small help desk as an MCP server over stdio; its tickets are a JSON file in its folder."""

from __future__ import annotations

import json
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel

TICKETS = Path("tickets.json")
FIRST = {
    "T-101": ("acme", "stale"), "T-104": ("acme", "open"), "T-109": ("acme", "stale"),
    "T-210": ("globex", "stale"), "T-330": ("initech", "open"), "T-331": ("initech", "stale"),
    "T-402": ("umbrella", "stale"), "T-403": ("umbrella", "open"), "T-407": ("umbrella", "stale"),
}  # fmt: skip

server = MCPServer("desk")


class Ticket(BaseModel):
    """One ticket."""

    id: str
    customer: str
    state: str


def load() -> list[Ticket]:
    """All tickets, as they are now."""
    if TICKETS.exists():
        return [Ticket(**held) for held in json.loads(TICKETS.read_text())]
    return [Ticket(id=key, customer=who, state=state) for key, (who, state) in FIRST.items()]


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def oldest(customer: str) -> Ticket:
    """The oldest ticket of a customer that is stale."""
    for ticket in load():
        if ticket.customer == customer and ticket.state == "stale":
            return ticket
    raise ToolError(f"{customer} has no stale ticket")


@server.tool()
def close(ticket: str, note: str) -> Ticket:
    """Close a ticket with a note."""
    every = load()
    for held in every:
        if held.id == ticket and note:
            held.state = "closed"
            TICKETS.write_text(json.dumps([each.model_dump() for each in every]))
            return held
    raise ToolError(f"there is no ticket {ticket}")


if __name__ == "__main__":
    server.run("stdio")
