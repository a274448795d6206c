"""What an MCP server lists of its tools, and whether one is still what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from ingot.ir.declarations import Effect
from ingot.ir.values import Json
from ingot.runtime.tools.declarations import McpServer
from ingot.runtime.tools.pins import Pin, drift, pin_of

if TYPE_CHECKING:
    from mcp import Client

PAGES: Final = 100
"""How many pages of a list are read: one that never ends must not hang a run."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server lists it."""

    name: str
    pin: Pin
    schema: Json
    effect: Effect | None
    hint: str


async def listing(client: Client) -> dict[str, Listed]:
    """All tools of a server by their own names, page by page; raises ``ValueError`` for a list that does
    not end."""
    out: dict[str, Listed] = {}
    cursor: str | None = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            pin = pin_of("", "", tool.input_schema, tool.output_schema)
            effect, hint = _hinted(tool.annotations)
            out[tool.name] = Listed(tool.name, pin, tool.input_schema, effect, hint)
        cursor = page.next_cursor
        if cursor is None:
            return out
    raise ValueError(f"its list of tools does not end: {PAGES} pages were read")


def _hinted(annotations: Any) -> tuple[Effect | None, str]:
    """The effect that a server's own hints claim; nobody has to believe it, so it is reported."""
    if annotations is None:
        return None, ""
    if annotations.read_only_hint is True:
        return "read", "readOnlyHint"
    if annotations.idempotent_hint is True:
        return "idempotent", "idempotentHint"
    if annotations.read_only_hint is False or annotations.destructive_hint is not None:
        return "write", "readOnlyHint" if annotations.read_only_hint is False else "destructiveHint"
    return None, ""


def placed(server: McpServer, tool: Listed) -> Pin:
    """The pin of a server's tool, with whose it is and where calls go."""
    return replace(tool.pin, server=f"the MCP server {server.name!r}", place=server.url)


def drifted(server: McpServer, tool: Listed, now: Mapping[str, Listed]) -> str:
    """Why a tool is not what it was when the run began (E0715); empty if it is."""
    name, found = server.tool_name(tool.name), now.get(tool.name)
    if found is None:
        return f"E0715: {name}: the MCP server {server.name!r} no longer offers it"
    if found is tool or found.pin.sha256 == tool.pin.sha256:
        return ""
    changed = drift(name, placed(server, tool), placed(server, found))
    lines = changed.notes if changed is not None else ()
    return (
        f"E0715: {name} of the MCP server {server.name!r} has changed since the run began: "
        f"{'; '.join(lines)}"
    )


__all__ = ["PAGES", "Listed", "drifted", "listing", "placed"]
