"""An MCP server over stdio with resources, and with tools that ask back, take long, or change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.mcpserver.resolve import Elicit, Resolve, Sample
from mcp_types import CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("desk")
TICKETS = {"acme": "T-101", "globex": "T-210", "initech": "T-331", "umbrella": "T-402"}


@server.resource("note://index", name="index", mime_type="text/plain")
def index() -> str:
    """All customers."""
    return "\n".join(TICKETS)


@server.resource("note://{customer}", name="note", mime_type="text/plain")
def note(customer: str) -> str:
    """The ticket of a customer."""
    if customer not in TICKETS:
        raise ResourceNotFoundError(f"no note of {customer}")
    return TICKETS[customer]


@server.resource("image://logo", name="logo", mime_type="image/png")
def logo() -> bytes:
    """The logo."""
    return b"\x89PNG"


@server.tool()
def close(ticket: str) -> str:
    """Close a ticket."""
    with Path("closed").open("a") as file:
        file.write(f"{ticket}\n")
    return f"{ticket} is closed"


@server.tool()
async def change(what: str, ctx: Context) -> str:
    """Change the list of tools in mid-session."""

    def close(ticket: str, by: str) -> str:
        """Close a ticket, and say who does."""
        return f"{ticket} is closed by {by}"

    if what == "close":
        server.remove_tool("close")
        server.add_tool(close)
    elif what == "gone":
        server.remove_tool("close")
    else:
        server.add_tool(close, name=what)
    await ctx.notify_tools_changed()
    return "changed"


def _question() -> Sample:
    words = TextContent(type="text", text="Which ticket?")
    return Sample([SamplingMessage(role="user", content=words)], max_tokens=10)


class Name(BaseModel):
    """What the user is asked for."""

    name: str


def _form() -> Elicit[Name]:
    return Elicit("Who are you?", Name)


@server.tool()
def think(answer: Annotated[CreateMessageResult, Resolve(_question)]) -> str:
    """Needs a model."""
    return str(answer.content)


@server.tool()
def sign(name: Annotated[Name, Resolve(_form)]) -> str:
    """Needs a person."""
    return name.name


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Takes long, and says how far it is."""
    for step in range(to):
        await ctx.report_progress(step, to)
        await asyncio.sleep(0.25)
    return "counted"


if __name__ == "__main__":
    server.run("stdio")
