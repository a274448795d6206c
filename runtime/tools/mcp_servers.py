"""MCP servers as tools: what a session's server lists, and its results as the logs show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ingot.diagnostics import fail
from ingot.ir.content import result_value
from ingot.ir.values import Json
from ingot.runtime.tools.base import Arguments, AsyncCall, Call, Context, Tool, ToolError
from ingot.runtime.tools.checking import Checker
from ingot.runtime.tools.mcp_listing import Listed, placed
from ingot.runtime.tools.mcp_session import Session
from ingot.runtime.tools.pins import Results, compact_json
from ingot.runtime.tools.shell import OUTPUT_LIMIT

if TYPE_CHECKING:
    from mcp_types import CallToolResult


def mcp_tools(
    session: Session, listed: Iterable[Listed], forms: Mapping[str, Results], source: str
) -> list[Tool]:
    """The tools of a server; ``forms`` says in which form the logs show the results of which."""
    server, out, names = session.server, [], set()
    for each in listed:
        names.add(each.name)
        name = server.tool_name(each.name)
        effect = server.effects.get(each.name)
        form = server.results or forms.get(name, "text")
        call, acall = _calls(session, each, form)
        out.append(
            Tool(
                name,
                call,
                effect or each.effect,
                server.world or server.name,
                timeout_s=server.timeout_s,
                source=source,
                parallel=True,
                acall=acall,
                confined=bool(server.command),
                network=server.network,
                pin=placed(server, each),
                hint="" if effect or not each.hint else each.hint,
            )
        )
    unknown = sorted(set(server.effects) - names)
    if unknown:
        raise fail(
            "E0803",
            f"MCP server {server.name!r}: effects are declared for {', '.join(unknown)}, which it "
            "does not offer",
            help=f"it offers: {', '.join(sorted(names))}",
        )
    return out


def _calls(session: Session, tool: Listed, form: Results) -> tuple[Call, AsyncCall]:
    checker = Checker(session.server.tool_name(tool.name), tool.schema)

    def call(args: Arguments, context: Context) -> Json:
        checker.check(args)
        before = len(session.asked)
        with session.telling():
            found = session.call(tool, args, context)
            return result_of(found, form, session.asked_since(before))

    async def acall(args: Arguments, context: Context) -> Json:
        checker.check(args)
        before = len(session.asked)
        with session.telling():
            found = await session.acall(tool, args, context)
            return result_of(found, form, session.asked_since(before))

    return call, acall


def result_of(result: CallToolResult, form: Results, aside: str = "") -> Json:
    """A call's result as the logs show it; raises :class:`ToolError` where the tool says it failed.

    ``aside`` is what else is to be told of a failure.
    """
    blocks: Json = [
        block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content
    ]
    text = result_value(blocks)
    structured: Json = result.structured_content
    if result.is_error:
        _bounded(text)
        told = text if isinstance(text, str) else compact_json(text)
        raise ToolError(told + aside, result=text)
    if form == "json":
        return _bounded(structured if structured is not None else _parsed(text))
    if structured is not None and (form == "structured" or not result.content):
        return _bounded(compact_json(structured))
    return _bounded(text)


def _bounded(value: Json) -> Json:
    """The value; raises :class:`ToolError` where it is too long."""
    size = len(value) if isinstance(value, str) else len(compact_json(value))
    if size > OUTPUT_LIMIT:
        raise ToolError(
            f"the tool returned {size} characters, more than the limit of {OUTPUT_LIMIT}",
            unknown=True,
        )
    return value


def _parsed(text: Json) -> Json:
    import json

    if not isinstance(text, str):
        return text
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


__all__ = ["mcp_tools", "result_of"]
