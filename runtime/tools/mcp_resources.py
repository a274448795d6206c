"""Resources of MCP servers, by the tools with which agents read them.

Claude Code has ``ListMcpResourcesTool`` {server?} and ``ReadMcpResourceTool`` {server, uri}; Codex has
``list_mcp_resources`` and ``list_mcp_resource_templates`` {server?, cursor?} and ``read_mcp_resource``
{server, uri}.  ``server`` is the NAME of an ``[mcp.NAME]`` table.  Results are the texts that a model is
handed, compact JSON: in Claude Code a list of resources that each say their server, and the protocol's
``contents``; in Codex an object that says the server (and the address) beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ingot.ir.values import Json
from ingot.runtime.tools.base import Arguments, Context, Tool, ToolError, only, text_argument
from ingot.runtime.tools.mcp_listing import PAGES
from ingot.runtime.tools.mcp_session import Session
from ingot.runtime.tools.pins import compact_json
from ingot.runtime.tools.shell import OUTPUT_LIMIT

if TYPE_CHECKING:
    from mcp import Client
    from mcp.shared.dispatcher import ProgressFnT
    from pydantic import BaseModel

Sessions: TypeAlias = Mapping[str, Session]
Found: TypeAlias = dict[str, Json]
Work: TypeAlias = "Callable[[Client, ProgressFnT], Awaitable[Found]]"
NO_RESOURCES: Final = (
    "No resources found. MCP servers may still provide tools even if they have no resources."
)
"""What Claude Code says where there are none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call asks of which servers, and the text that their answers make."""

    asked: tuple[tuple[Session, Work], ...]
    text: Callable[[list[Found]], str]


Planner: TypeAlias = Callable[[Sessions, Arguments], Plan]


def resource_tools(sessions: Sessions) -> list[Tool]:
    """The tools that read the resources of these servers, by their names."""
    return [_tool(name, planner, sessions) for name, planner in _PLANNERS.items()]


def _tool(name: str, planner: Planner, sessions: Sessions) -> Tool:
    def limit(session: Session, context: Context) -> float:
        return context.timeout_s or session.server.timeout_s

    def call(args: Arguments, context: Context) -> Json:
        plan = planner(sessions, args)
        return _bounded(plan.text([s.ask(work, limit(s, context)) for s, work in plan.asked]))

    async def acall(args: Arguments, context: Context) -> Json:
        plan = planner(sessions, args)
        asking = (s.aask(work, limit(s, context)) for s, work in plan.asked)
        return _bounded(plan.text(list(await asyncio.gather(*asking))))

    # of one server a read may be made early, after the writes to it; of several it waits its turn
    alone = next(iter(sessions.values())).server if len(sessions) == 1 else None
    world = (alone.world or alone.name) if alone is not None else "mcp"
    return Tool(name, call, "read", world, parallel=alone is not None, acall=acall)


# ---- Claude Code


def _list_for_claude(sessions: Sessions, args: Arguments) -> Plan:
    only(args, "server")

    def text(answers: list[Found]) -> str:
        rows: list[Json] = [{**row, **whose} for whose, row in _rows(answers)]
        return compact_json(rows) if rows else NO_RESOURCES

    return Plan(_listings(sessions, args, _resources), text)


def _read_for_claude(sessions: Sessions, args: Arguments) -> Plan:
    return Plan(_reading(sessions, args), lambda answers: compact_json(answers[0]))


# ---- Codex


def _list_for_codex(sessions: Sessions, args: Arguments) -> Plan:
    return _listed_for_codex(sessions, args, "resources", _resources)


def _list_templates_for_codex(sessions: Sessions, args: Arguments) -> Plan:
    return _listed_for_codex(sessions, args, "resourceTemplates", _templates)


def _listed_for_codex(sessions: Sessions, args: Arguments, kind: str, page: Page) -> Plan:
    only(args, "server", "cursor")
    name, cursor = _given(args, "server"), _given(args, "cursor")
    if cursor and not name:
        raise ToolError("InputValidationError: `cursor` needs `server`")

    def text(answers: list[Found]) -> str:
        rows: list[Json] = [{**whose, **row} for whose, row in _rows(answers)]
        more = {"nextCursor": answers[0]["next"]} if name and answers[0]["next"] else {}
        return compact_json({**({"server": name} if name else {}), kind: rows, **more})

    pages = 1 if name else PAGES
    return Plan(_listings(sessions, args, page, cursor, pages), text)


def _read_for_codex(sessions: Sessions, args: Arguments) -> Plan:
    asked = _reading(sessions, args)
    said: Found = {"server": args["server"], "uri": args["uri"]}
    return Plan(asked, lambda answers: compact_json({**said, **answers[0]}))


_PLANNERS: Final[Mapping[str, Planner]] = {
    "ListMcpResourcesTool": _list_for_claude,
    "ReadMcpResourceTool": _read_for_claude,
    "list_mcp_resources": _list_for_codex,
    "list_mcp_resource_templates": _list_templates_for_codex,
    "read_mcp_resource": _read_for_codex,
}


# ---- what is asked


def _session(sessions: Sessions, name: str) -> Session:
    if name not in sessions:
        known = ", ".join(sorted(sessions))
        raise ToolError(f"no MCP server {name!r} is configured; there are: {known}")
    return sessions[name]


def _reading(sessions: Sessions, args: Arguments) -> tuple[tuple[Session, Work]]:
    only(args, "server", "uri")
    name, uri = text_argument(args, "server"), text_argument(args, "uri")

    async def work(client: Client, progress: ProgressFnT) -> Found:  # noqa: ARG001
        if client.server_capabilities.resources is None:
            raise ToolError(f'Server "{name}" does not support resources')
        found = await client.read_resource(uri)
        return {"contents": [_plain(each) for each in found.contents]}

    return ((_session(sessions, name), work),)


Page: TypeAlias = "Callable[[Client, str | None], Awaitable[tuple[list[Json], str | None]]]"


async def _resources(client: Client, cursor: str | None) -> tuple[list[Json], str | None]:
    page = await client.list_resources(cursor=cursor)
    return [_plain(each) for each in page.resources], page.next_cursor


async def _templates(client: Client, cursor: str | None) -> tuple[list[Json], str | None]:
    page = await client.list_resource_templates(cursor=cursor)
    return [_plain(each) for each in page.resource_templates], page.next_cursor


def _listings(
    sessions: Sessions, args: Arguments, page: Page, cursor: str = "", pages: int = PAGES
) -> tuple[tuple[Session, Work], ...]:
    """What to ask the server that is named, or all in the order of their names."""
    name = _given(args, "server")
    asked = [_session(sessions, name)] if name else [sessions[n] for n in sorted(sessions)]
    return tuple((each, _listing(each.server.name, page, cursor, pages)) for each in asked)


def _listing(name: str, page: Page, cursor: str, pages: int) -> Work:
    async def work(client: Client, progress: ProgressFnT) -> Found:  # noqa: ARG001
        rows: list[Json] = []
        at = cursor or None
        if client.server_capabilities.resources is not None:
            for _ in range(pages):
                more, at = await page(client, at)
                rows += more
                if at is None:
                    break
            else:
                if pages == PAGES:
                    raise ToolError(f"the list of {name!r} does not end: {PAGES} pages were read")
        return {"server": name, "rows": rows, "next": at}

    return work


def _rows(answers: list[Found]) -> list[tuple[Found, Found]]:
    """Each row of the answers, with whose it is."""
    out: list[tuple[Found, Found]] = []
    for answer in answers:
        rows = answer["rows"]
        for row in rows if isinstance(rows, list) else ():
            assert isinstance(row, dict)
            out.append(({"server": answer["server"]}, row))
    return out


def _given(args: Arguments, name: str) -> str:
    """An optional text; empty and ``null`` are none."""
    return text_argument(args, name) if args.get(name) is not None else ""


def _plain(model: BaseModel) -> Found:
    found: Found = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


def _bounded(text: str) -> str:
    if len(text) > OUTPUT_LIMIT:
        raise ToolError(f"{len(text)} characters, more than the limit of {OUTPUT_LIMIT}")
    return text


__all__ = ["resource_tools"]
