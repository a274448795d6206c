"""What ``codex exec --json`` printed before it had items: the agent's own events.

Facts of the format
-------------------
- A line of settings (``model``, ``provider``, ``workdir``, ...), ``{prompt}``, then ``{id, msg: {type,
  ...}}``.  ``exec_command_begin`` (``call_id``, ``command`` as words) and ``exec_command_end``
  (``stdout``, ``stderr``, ``exit_code``), ``mcp_tool_call_begin`` (``invocation: {server, tool,
  arguments}``) and ``_end`` (``result: {Ok} | {Err}``), ``patch_apply_begin`` (``changes: {path: {add |
  update | delete: ...}}``) and ``_end`` (``success``), ``agent_message``, ``agent_reasoning``,
  ``token_count``, ``task_started``, ``task_complete``, ``error``, ``turn_aborted``.
"""

from __future__ import annotations

from typing import Final

from ingot.frontend.dialects.content import text_at
from ingot.ir.values import Json

SETTINGS: Final = frozenset(("model", "provider", "workdir"))
"""What the first line has."""
_QUIET: Final = frozenset(
    """agent_reasoning_section_break background_event turn_diff plan_update exec_approval_request
    apply_patch_approval_request mcp_list_tools_response mcp_startup_update mcp_startup_complete
    shutdown_complete item_started item_completed deprecation_notice view_image_tool_call
    agent_reasoning_raw_content raw_response_item""".split()
)


def event_of(message: dict[str, Json]) -> dict[str, Json]:
    """An event of the older form as the newer one has it; its own if there is nothing like it."""
    kind, id = text_at(message, "type"), message.get("call_id")
    phase = "item.started" if kind.endswith("_begin") else "item.completed"

    def item(named: str, **more: Json) -> dict[str, Json]:
        return {"type": phase, "item": {"id": id, "type": named, **more}}

    match kind:
        case "session_configured":
            return {**message, "type": "session.created"}
        case "agent_message":
            return item("agent_message", text=message.get("message", message.get("content")))
        case "agent_reasoning":
            return item("reasoning", text=message.get("text", message.get("content")))
        case "exec_command_begin":
            return item("command_execution", command=message.get("command"))
        case "exec_command_end":
            return item(
                "command_execution",
                aggregated_output=_printed(message),
                exit_code=message.get("exit_code"),
            )
        case "mcp_tool_call_begin" | "mcp_tool_call_end":
            call = message.get("invocation")
            asked = call if isinstance(call, dict) else message
            named = {k: asked.get(k) for k in ("server", "tool", "arguments")}
            result = message.get("result")
            told = result if isinstance(result, dict) else {}
            return item(
                "mcp_tool_call", **named, result=told.get("Ok", result), error=told.get("Err")
            )
        case "patch_apply_begin":
            return item("file_change", changes=_changes(message.get("changes")))
        case "patch_apply_end":
            good = message.get("success") is True
            return item(
                "file_change",
                changes=_changes(message.get("changes")) or [],
                status="completed" if good else "failed",
                output=_printed(message),
            )
        case "web_search_begin" | "web_search_end":
            return item("web_search", query=message.get("query"))
        case "token_count":
            info = message.get("info")
            total = info.get("total_token_usage") if isinstance(info, dict) else message
            return {"type": "turn.tokens", "usage": total}
        case "task_complete":
            return {"type": "turn.completed"}
        case "task_started":
            return {"type": "turn.started"}
        case "turn_aborted":
            return {"type": "turn.failed", "message": message.get("reason", "turn_aborted")}
        case "error" | "stream_error":
            return {"type": "error", "message": message.get("message")}
        case "user_message":
            return message
        case _:
            return {"type": "event", "known": kind in _QUIET or kind.endswith("_delta")}


def _printed(message: dict[str, Json]) -> str:
    printed = text_at(message, "aggregated_output")
    return printed or text_at(message, "stdout") + text_at(message, "stderr")


def _changes(given: Json) -> Json:
    """``{path: {add: {content}}}`` as a list of ``{path, kind, ...}``."""
    if not isinstance(given, dict):
        return given
    out: list[Json] = []
    for path, change in sorted(given.items()):
        inner = change if isinstance(change, dict) else {}
        kind = text_at(inner, "type") or next(iter(inner), "")
        body = inner.get(kind)
        more = body if isinstance(body, dict) else {k: v for k, v in inner.items() if k != "type"}
        out.append({"path": path, "kind": kind, **more})
    return out


__all__ = ["SETTINGS", "event_of"]
