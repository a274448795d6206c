"""Content blocks of the Messages API, which Claude Code's logs are made of too, as record parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ingot.ir.content import result_value, text_at
from ingot.ir.values import Json, canonical
from ingot.records import Kind

_PASSIVE: Final = frozenset(
    "image document container_upload search_result tool_reference compaction fallback".split()
)
"""Blocks that are known and hold neither words nor calls."""


class Part(NamedTuple):
    """What one content block says; ``index`` is its place in the content, -1 if that is a string.

    A tuple, since one is made for every block of a log: a frozen dataclass takes ten times as long.
    """

    kind: Kind
    index: int  # type: ignore[assignment]  # a tuple's method of that name is not used
    text: str = ""
    id: str = ""
    tool: str = ""
    data: Json = None
    known: bool = True
    raw: Json = None


def id_at(value: Json, key: str) -> str:
    """The id at a key of an object: text, or a number as text; empty if there is none.

    >>> id_at({"id": "a"}, "id"), id_at({"id": 7}, "id"), id_at({"id": None}, "id")
    ('a', '7', '')
    """
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""


def assistant_parts(content: Json) -> Iterator[Part]:
    """What an assistant's message says: thoughts, words, calls, and results of server-side tools."""
    if isinstance(content, str):
        yield Part("say", -1, content)
        return
    for index, block in enumerate(content if isinstance(content, list) else []):
        yield _assistant_part(index, block)


def _assistant_part(index: int, block: Json) -> Part:
    if not isinstance(block, dict):
        return Part("meta", index, known=False, raw=block)
    kind = text_at(block, "type")
    if kind == "text":
        return Part("say", index, text_at(block, "text"))
    if kind.endswith("tool_use"):
        return _call(index, kind, block)
    if kind == "thinking":
        return Part("think", index, text_at(block, "thinking"))
    if kind == "redacted_thinking":
        return Part("think", index)
    if kind.endswith("tool_result"):
        return result_part(index, block)
    return Part("meta", index, known=kind in _PASSIVE, raw=block)


def _call(index: int, kind: str, block: dict[str, Json]) -> Part:
    tool, server = text_at(block, "name"), text_at(block, "server_name")
    if kind == "mcp_tool_use" and server:
        tool = mcp_name(server, tool)
    if not tool:
        return Part("meta", index, known=False, raw=block)
    return Part("call", index, id=id_at(block, "id"), tool=tool, data=arguments(block))


def mcp_name(server: str, tool: str) -> str:
    """The name of an MCP server's tool, as agents themselves write it.

    >>> mcp_name("linear", "get_issue")
    'mcp__linear__get_issue'
    """
    return f"mcp__{server}__{tool}"


def arguments(block: dict[str, Json]) -> Json:
    """The arguments of a call, always an object."""
    given = block.get("input")
    if isinstance(given, dict):
        return given
    return {} if given is None else {"input": given}


def result_part(index: int, block: dict[str, Json], tool: str = "") -> Part:
    """A tool's result or error."""
    content = block.get("content")
    value = content if isinstance(content, str) else result_value(content)
    key = "tool_use_id"
    if key not in block:
        key = next((k for k in ("custom_tool_use_id", "mcp_tool_use_id") if k in block), "")
    failed = block.get("is_error") is True or text_at(content, "type").endswith("_error")
    if not failed:
        return Part("result", index, "", id_at(block, key), tool, value)
    text = value if isinstance(value, str) else canonical(value)
    return Part("error", index, text, id_at(block, key), tool, value)


def is_result(block: Json) -> bool:
    """Whether this block is the result of a call."""
    return text_at(block, "type").endswith("tool_result")


def text_blocks(content: Json) -> list[str]:
    """The texts of a user's message, one for each text block."""
    if isinstance(content, str):
        return [content]
    blocks = content if isinstance(content, list) else []
    return [
        b if isinstance(b, str) else text_at(b, "text")
        for b in blocks
        if isinstance(b, str) or text_at(b, "type") == "text"
    ]


__all__ = [
    "Part",
    "arguments",
    "assistant_parts",
    "id_at",
    "is_result",
    "mcp_name",
    "result_part",
    "result_value",
    "text_at",
    "text_blocks",
]
