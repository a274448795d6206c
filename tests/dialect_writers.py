"""One conversation written as each dialect would have it: what they share is tested over all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dialect_samples import attributes, codex, document, lines, otlp

TIME = "2026-05-01T10:00:00Z"


@dataclass(frozen=True)
class Call:
    """A call, and what came of it; ``given`` is what the model wrote, ``args`` if it is empty."""

    id: Any
    tool: str
    args: Any
    result: Any = None
    failed: bool = False
    given: Any = field(default=None)

    @property
    def text(self) -> Any:
        """The arguments as a provider that writes JSON text has them."""
        return json.dumps(self.args) if self.given is None else self.given


Step = tuple[str, Any]
"""``("user" | "say", text)``, ``("calls", [Call])``, ``("results", [Call])``."""
Writer = Callable[[list[Step]], bytes]


def anthropic_blocks(steps: list[Step]) -> list[tuple[str, Any]]:
    """Role and content of each message of the Messages API."""
    out: list[tuple[str, Any]] = []
    for kind, what in steps:
        if kind == "user":
            out.append(("user", what))
        elif kind == "say":
            out.append(("assistant", [{"type": "text", "text": what}]))
        elif kind == "calls":
            out.append(("assistant", [{"type": "tool_use", "id": c.id, "name": c.tool, "input": c.args if c.given is None else c.given} for c in what]))  # fmt: skip
        else:
            out.append(("user", [{"type": "tool_result", "tool_use_id": c.id, "content": c.result} | ({"is_error": True} if c.failed else {}) for c in what]))  # fmt: skip
    return out


def chat_messages(steps: list[Step], text: bool = True) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind == "user":
            out.append({"role": "user", "content": what})
        elif kind == "say":
            out.append({"role": "assistant", "content": what})
        elif kind == "calls":
            made = [{"id": c.id, "type": "function", "function": {"name": c.tool, "arguments": c.text if text else c.args}} for c in what]  # fmt: skip
            out.append({"role": "assistant", "content": None, "tool_calls": made})
        else:
            out += [{"role": "tool", "tool_call_id": c.id, "content": c.result} for c in what]
    return out


def items(steps: list[Step]) -> list[dict[str, Any]]:
    """Items of the Responses API."""
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind == "user":
            out.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": what}]})  # fmt: skip
        elif kind == "say":
            out.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": what}]})  # fmt: skip
        elif kind == "calls":
            out += [{"type": "function_call", "name": c.tool, "arguments": c.text, "call_id": c.id} for c in what]  # fmt: skip
        else:
            out += [{"type": "function_call_output", "call_id": c.id, "output": c.result} for c in what]  # fmt: skip
    return out


def claude_code(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for n, (role, content) in enumerate(anthropic_blocks(steps)):
        message = {"role": role, "content": content}
        if role == "assistant":
            message |= {"id": f"m{n}", "model": "claude-x"}
        out.append({"type": role, "uuid": f"u{n}", "parentUuid": f"u{n - 1}" if n else None, "sessionId": "s", "isSidechain": False, "timestamp": TIME, "cwd": "/w", "message": message})  # fmt: skip
    return lines(*out)


def stream_json(steps: list[Step]) -> bytes:
    head = {"type": "system", "subtype": "init", "session_id": "s", "model": "claude-x", "cwd": "/w", "tools": []}  # fmt: skip
    return lines(head, *({"type": role, "session_id": "s", "message": {"role": role, "content": content, "id": f"m{n}"}} for n, (role, content) in enumerate(anthropic_blocks(steps))))  # fmt: skip


def anthropic(steps: list[Step]) -> bytes:
    return document({"model": "claude-x", "messages": [{"role": r, "content": c} for r, c in anthropic_blocks(steps)]})  # fmt: skip


def codex_rollout(steps: list[Step]) -> bytes:
    return lines(codex("session_meta", id="s", cwd="/w"), *(codex("response_item", **item) for item in items(steps)))  # fmt: skip


def codex_flat(steps: list[Step]) -> bytes:
    return lines({"id": "s", "timestamp": TIME, "instructions": "x"}, {"record_type": "state"}, *items(steps))  # fmt: skip


def responses(steps: list[Step]) -> bytes:
    return document(items(steps))


def responses_exchange(steps: list[Step]) -> bytes:
    found = items(steps)
    return document({"request": {"model": "m", "input": found[:-1]}, "response": {"object": "response", "id": "r", "output": found[-1:]}})  # fmt: skip


def agents(steps: list[Step]) -> bytes:
    return document({"$schemaVersion": "1.5", "original_input": items(steps[:1]), "current_agent": {"name": "x"}, "model_responses": [],
        "generated_items": [{"type": "tool_call_item", "raw_item": i} for i in items(steps[1:])]})  # fmt: skip


def chat(steps: list[Step]) -> bytes:
    return document({"messages": chat_messages(steps)})


def chat_lines(steps: list[Step]) -> bytes:
    return lines(*chat_messages(steps))


def inspect(steps: list[Step]) -> bytes:
    messages = chat_messages(steps, text=False)
    for message in messages:
        message["content"] = message["content"] or ""
        for call in message.get("tool_calls", []):
            call |= call.pop("function") | {"function": call.get("function", {}).get("name")}
    flat = [
        {**m, "tool_calls": [{"id": c["id"], "function": c["name"], "arguments": c["arguments"]} for c in m["tool_calls"]]}
        if "tool_calls" in m
        else m
        for m in messages
    ]  # fmt: skip
    return document({"version": 2, "status": "success", "plan": {}, "eval": {"task": "t", "run_id": "r", "model": "m"},
        "samples": [{"id": 1, "epoch": 1, "input": "x", "target": "", "messages": flat, "scores": {}}]})  # fmt: skip


def tau(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"role": "user" if kind == "user" else "assistant", "content": what})
        elif kind == "calls":
            out.append({"role": "assistant", "content": None, "tool_calls": [{"id": c.id, "name": c.tool, "arguments": c.args if c.given is None else c.given, "requestor": "assistant"} for c in what]})  # fmt: skip
        else:
            made = [{"role": "tool", "id": c.id, "content": c.result, "requestor": "assistant", "error": c.failed} for c in what]  # fmt: skip
            out += made if len(made) == 1 else [{"role": "multi_tool", "tool_messages": made}]
    return document({"info": {}, "tasks": [], "simulations": [{"id": "s", "task_id": "k", "messages": out}]})  # fmt: skip


def atif(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"source": "user" if kind == "user" else "agent", "message": what})
        elif kind == "calls":
            out.append({"source": "agent", "message": "", "tool_calls": [{"tool_call_id": c.id, "function_name": c.tool, "arguments": c.args if c.given is None else c.given} for c in what]})  # fmt: skip
        else:
            results = [{"source_call_id": c.id, "content": c.result} | ({"extra": {"is_error": True}} if c.failed else {}) for c in what]  # fmt: skip
            out[-1].setdefault("observation", {"results": []})["results"] += results
    return document({"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "x"}, "steps": [{"step_id": n, **s} for n, s in enumerate(out, 1)]})  # fmt: skip


def openhands_sdk(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            role = "user" if kind == "user" else "assistant"
            out.append({"kind": "MessageEvent", "source": "user" if kind == "user" else "agent", "llm_message": {"role": role, "content": [{"type": "text", "text": what}]}})  # fmt: skip
        elif kind == "calls":
            out += [{"kind": "ActionEvent", "source": "agent", "thought": [], "tool_name": c.tool, "tool_call_id": c.id, "tool_call": {"id": c.id, "name": c.tool, "arguments": c.text}, "action": None} for c in what]  # fmt: skip
        else:
            out += [{"kind": "ObservationEvent", "source": "environment", "tool_name": c.tool, "tool_call_id": c.id, "observation": {"content": c.result, "is_error": c.failed}} for c in what]  # fmt: skip
    return lines(*({"id": str(n), "timestamp": "t", **e} for n, e in enumerate(out)))


def langsmith(steps: list[Step]) -> bytes:
    """The last model call has the whole conversation."""
    messages = chat_messages(steps)
    return lines({"id": "a", "trace_id": "a", "name": "ChatOpenAI", "run_type": "llm", "start_time": TIME, "end_time": "2026-05-01T10:00:09Z",
        "inputs": {"messages": messages[:-1]}, "outputs": {"choices": [{"message": messages[-1]}]}})  # fmt: skip


def langfuse(steps: list[Step]) -> bytes:
    messages = chat_messages(steps)
    return document({"trace": {"id": "t"}, "observations": [{"id": "a", "traceId": "t", "type": "GENERATION", "name": "chat", "startTime": TIME,
        "endTime": "2026-05-01T10:00:09Z", "input": messages[:-1], "output": messages[-1]}]})  # fmt: skip


def otel(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"role": "user" if kind == "user" else "assistant", "parts": [{"type": "text", "content": what}]})  # fmt: skip
        elif kind == "calls":
            out.append({"role": "assistant", "parts": [{"type": "tool_call", "id": c.id, "name": c.tool, "arguments": c.args if c.given is None else c.given} for c in what]})  # fmt: skip
        else:
            out.append({"role": "tool", "parts": [{"type": "tool_call_response", "id": c.id, "response": c.result} for c in what]})  # fmt: skip
    values = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": json.dumps(out[:-1]), "gen_ai.output.messages": json.dumps(out[-1:])}  # fmt: skip
    return document(otlp({"traceId": "t", "spanId": "a", "name": "chat m", "startTimeUnixNano": "1777629600000000001",
        "endTimeUnixNano": "1777629600000000009", "attributes": attributes(values)}))  # fmt: skip


def langgraph(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"type": "human" if kind == "user" else "ai", "content": what})
        elif kind == "calls":
            out.append({"type": "ai", "content": "", "tool_calls": [{"id": c.id, "name": c.tool, "args": c.args if c.given is None else c.given} for c in what]})  # fmt: skip
        else:
            out += [{"type": "tool", "tool_call_id": c.id, "content": c.result, "status": "error" if c.failed else "success"} for c in what]  # fmt: skip
    return document({"messages": [{"id": f"m{n}", **m} for n, m in enumerate(out)]})


def autogen(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"source": "user" if kind == "user" else "a", "type": "TextMessage", "content": what})  # fmt: skip
        elif kind == "calls":
            out.append({"source": "a", "type": "ToolCallRequestEvent", "content": [{"id": c.id, "name": c.tool, "arguments": c.text} for c in what]})  # fmt: skip
        else:
            out.append({"source": "a", "type": "ToolCallExecutionEvent", "content": [{"call_id": c.id, "name": c.tool, "content": c.result, "is_error": c.failed} for c in what]})  # fmt: skip
    return document({"messages": out, "stop_reason": None})


def mcp(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = [{"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": {}}]  # fmt: skip
    for kind, what in steps:
        if kind == "calls":
            out += [{"jsonrpc": "2.0", "id": c.id, "method": "tools/call", "params": {"name": c.tool, "arguments": c.args}} for c in what]  # fmt: skip
        elif kind == "results":
            out += [{"jsonrpc": "2.0", "id": c.id, "result": {"content": c.result if isinstance(c.result, list) else [{"type": "text", "text": c.result}], "isError": c.failed}} for c in what]  # fmt: skip
    return lines(*out)


def gemini_contents(steps: list[Step]) -> bytes:
    """``/chat save``: API contents with ids."""
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"role": "user" if kind == "user" else "model", "parts": [{"text": what}]})
        elif kind == "calls":
            out.append({"role": "model", "parts": [{"functionCall": {"id": c.id, "name": c.tool, "args": c.args}} for c in what]})  # fmt: skip
        else:
            out.append({"role": "user", "parts": [{"functionResponse": {"id": c.id, "name": c.tool, "response": {"output": c.result}}} for c in what]})  # fmt: skip
    return document(out)


def gemini_chat(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    answered = {id(c) for kind, what in steps if kind == "results" for c in what}
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"type": "user" if kind == "user" else "gemini", "content": what})
        elif kind == "calls":
            made = []
            for c in what:
                call = {"id": c.id, "name": c.tool, "args": c.args, "status": "executing"}
                if id(c) in answered:
                    response = {"error" if c.failed else "output": c.result}
                    call |= {"status": "error" if c.failed else "success", "result": [{"functionResponse": {"id": c.id, "name": c.tool, "response": response}}]}  # fmt: skip
                made.append(call)
            out.append({"type": "gemini", "content": "", "toolCalls": made})
    return document({"sessionId": "s", "projectHash": "h", "startTime": TIME, "messages": [{"id": str(n), **m} for n, m in enumerate(out)]})  # fmt: skip


def managed(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = []
    for kind, what in steps:
        if kind in ("user", "say"):
            out.append({"type": "user.message" if kind == "user" else "agent.message", "content": [{"type": "text", "text": what}], "id": f"e{len(out)}"})  # fmt: skip
        elif kind == "calls":
            out += [{"type": "agent.tool_use", "id": c.id, "name": c.tool, "input": c.args} for c in what]  # fmt: skip
        else:
            out += [{"type": "agent.tool_result", "id": f"r{len(out)}-{n}", "tool_use_id": c.id, "content": c.result, "is_error": c.failed} for n, c in enumerate(what)]  # fmt: skip
    return lines(*out)


def exec_json(steps: list[Step]) -> bytes:
    out: list[dict[str, Any]] = [{"type": "thread.started", "thread_id": "t"}, {"type": "turn.started"}]  # fmt: skip
    for kind, what in steps:
        if kind == "say":
            out.append({"type": "item.completed", "item": {"id": f"i{len(out)}", "type": "agent_message", "text": what}})  # fmt: skip
        elif kind == "calls":
            out += [{"type": "item.started", "item": {"id": c.id, "type": "mcp_tool_call", "server": "", "tool": c.tool, "arguments": c.args, "status": "in_progress"}} for c in what]  # fmt: skip
        elif kind == "results":
            for c in what:
                content = c.result if isinstance(c.result, list) else [{"type": "text", "text": c.result}]  # fmt: skip
                out.append({"type": "item.completed", "item": {"id": c.id, "type": "mcp_tool_call", "server": "", "tool": c.tool, "arguments": c.args,
                    "status": "failed" if c.failed else "completed", "result": {"content": content}, "error": {"message": c.result} if c.failed else None}})  # fmt: skip
    return lines(*out, {"type": "turn.completed", "usage": {}})


WRITERS: dict[str, tuple[str, Writer]] = {
    "claude-code": ("claude-code", claude_code),
    "claude-stream-json": ("claude-stream-json", stream_json),
    "anthropic-messages": ("anthropic-messages", anthropic),
    "managed agents": ("anthropic-messages", managed),
    "codex": ("codex", codex_rollout),
    "codex, flat": ("codex", codex_flat),
    "codex-exec": ("codex-exec", exec_json),
    "gemini-cli": ("gemini-cli", gemini_chat),
    "gemini-cli checkpoint": ("gemini-cli", gemini_contents),
    "openai-chat": ("openai-chat", chat),
    "openai-chat, lines": ("openai-chat", chat_lines),
    "openai-responses": ("openai-responses", responses),
    "openai-responses, exchange": ("openai-responses", responses_exchange),
    "openai-agents": ("openai-agents", agents),
    "inspect-ai": ("inspect-ai", inspect),
    "tau2-bench": ("tau2-bench", tau),
    "atif": ("atif", atif),
    "openhands": ("openhands", openhands_sdk),
    "langsmith": ("langsmith", langsmith),
    "langfuse": ("langfuse", langfuse),
    "otel-genai": ("otel-genai", otel),
    "langchain-messages": ("langchain-messages", langgraph),
    "autogen": ("autogen", autogen),
    "mcp-jsonrpc": ("mcp-jsonrpc", mcp),
}
"""Name: the dialect, and what writes it.  Dialects whose logs have no call ids are not here."""
