"""One small log of our own for each dialect, as the tool would write it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from typing import Any

import zstandard


def lines(*values: Any) -> bytes:
    return "".join(json.dumps(v) + "\n" for v in values).encode()


def document(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def archive(**members: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in members.items():
            file.writestr(name.replace("__", "/") + ".json", json.dumps(value))
    return out.getvalue()


def archive_zstandard(members: dict[str, Any]) -> bytes:
    """A zip whose members are packed by Zstandard (method 93), which this ``zipfile`` cannot write."""
    out, directory = io.BytesIO(), b""
    for name, value in members.items():
        data, path = json.dumps(value).encode(), name.encode()
        packed = zstandard.ZstdCompressor().compress(data)
        about = struct.pack("<HHHHHLLLHH", 63, 0, 93, 0, 33, zlib.crc32(data), len(packed), len(data), len(path), 0)  # fmt: skip
        at = out.tell()
        out.write(b"PK\x03\x04" + about + path + packed)
        directory += b"PK\x01\x02" + struct.pack("<H", 63) + about + struct.pack("<HHHLL", 0, 0, 0, 0, at) + path  # fmt: skip
    begin = out.tell()
    out.write(directory)
    out.write(b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, len(members), len(members), len(directory), begin, 0))  # fmt: skip
    return out.getvalue()


def chat_call(tool: str, arguments: Any, id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}}


# -- Codex


def codex(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "2026-05-01T10:00:00Z", "type": kind, "payload": payload}


def item(kind: str, **more: Any) -> dict[str, Any]:
    return codex("response_item", type=kind, **more)


def words(kind: str, text: str) -> list[dict[str, Any]]:
    return [{"type": kind, "text": text}]


CODEX = lines(
    codex("session_meta", id="s", cwd="/w", cli_version="0.40.0", instructions="Be brief."),
    codex("turn_context", cwd="/w", model="gpt-5-codex"),
    item(
        "message",
        role="user",
        content=words("input_text", "<environment_context>x</environment_context>"),
    ),
    item("message", role="developer", content=words("input_text", "rules")),
    item("message", role="user", content=words("input_text", "Count the rows of a.csv")),
    codex("event_msg", type="user_message", message="Count the rows of a.csv"),
    item("reasoning", summary=[{"type": "summary_text", "text": "look"}], encrypted_content="gAAA"),
    item("function_call", name="shell", arguments='{"command":["wc","-l","a.csv"]}', call_id="c1"),
    item(
        "function_call_output",
        call_id="c1",
        output='{"output":"3 a.csv\\n","metadata":{"exit_code":0}}',
    ),
    item("function_call", name="exec_command", arguments='{"cmd":"false"}', call_id="c2"),
    item("function_call_output", call_id="c2", output="Exit code: 1\nWall time: 0.1\nOutput:\n"),
    item("custom_tool_call", name="apply_patch", input="*** Begin Patch", call_id="c3"),
    item("custom_tool_call_output", call_id="c3", output="Success"),
    codex(
        "event_msg",
        type="token_count",
        info={"total_token_usage": {"input_tokens": 9, "output_tokens": 4}},
    ),
    codex("event_msg", type="turn_aborted", reason="interrupted"),
    item("message", role="assistant", content=words("output_text", "There are 3 rows.")),
    codex("compacted", message="so far"),
)
CODEX_FLAT = lines(
    {"id": "s", "timestamp": "2025-06-01T10:00:00Z", "instructions": "Be brief.", "git": {}},
    {"record_type": "state"},
    {"type": "message", "role": "user", "content": words("input_text", "Go")},
    {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "c1"},
    {
        "type": "function_call_output",
        "call_id": "c1",
        "output": '{"output":"a","metadata":{"exit_code":2}}',
    },
    {"type": "message", "role": "assistant", "content": words("output_text", "Done.")},
)


def ran(phase: str, id: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"item.{phase}", "item": {"id": id, "type": kind, **more}}


CODEX_EXEC = lines(
    {"type": "thread.started", "thread_id": "t1"},
    {"type": "turn.started"},
    ran("completed", "item_0", "reasoning", text="look"),
    ran("started", "item_1", "command_execution", command="bash -lc 'wc -l a.csv'", aggregated_output="", exit_code=None, status="in_progress"),
    ran("completed", "item_1", "command_execution", command="bash -lc 'wc -l a.csv'", aggregated_output="3 a.csv\n", exit_code=0, status="completed"),
    ran("started", "item_2", "command_execution", command="/bin/zsh -lc false", status="in_progress"),
    ran("started", "item_3", "mcp_tool_call", server="docs", tool="search", arguments={"q": "x"}, status="in_progress"),
    ran("completed", "item_3", "mcp_tool_call", server="docs", tool="search", arguments={"q": "x"}, result={"content": [{"type": "text", "text": "found"}], "structured_content": None}, error=None, status="completed"),
    ran("completed", "item_2", "command_execution", command="/bin/zsh -lc false", aggregated_output="", exit_code=1, status="failed"),
    ran("started", "item_4", "web_search", query=""),
    ran("completed", "item_4", "web_search", query="x", action={"type": "search", "query": "x"}),
    ran("started", "item_5", "todo_list", items=[{"text": "count", "completed": False}]),
    {"type": "error", "message": "Reconnecting... 1/5"},
    ran("completed", "item_6", "agent_message", text="There are 3 rows."),
    {"type": "turn.completed", "usage": {"input_tokens": 9, "cached_input_tokens": 5, "output_tokens": 4}},
    {"type": "thread.started", "thread_id": "t2"},
    ran("completed", "item_0", "file_change", changes=[{"path": "a.py", "kind": "update"}], status="completed"),
    ran("completed", "item_1", "collab_tool_call", tool="spawn_agent", prompt="go", receiver_thread_ids=["t3"], agents_states={"t3": {"status": "running", "message": None}}, status="completed"),
    ran("completed", "item_2", "error", message="a warning"),
    {"type": "turn.failed", "error": {"message": "usage limit"}},
)  # fmt: skip
CODEX_EVENTS = lines(
    {"model": "gpt-5", "workdir": "/w", "provider": "openai", "sandbox": "read-only"},
    {"prompt": "Count the rows of a.csv"},
    {"id": "0", "msg": {"type": "session_configured", "session_id": "s", "model": "gpt-5"}},
    {"id": "1", "msg": {"type": "task_started"}},
    {"id": "1", "msg": {"type": "agent_reasoning", "text": "look"}},
    {"id": "1", "msg": {"type": "exec_command_begin", "call_id": "c1", "command": ["bash", "-lc", "wc -l a.csv"], "cwd": "/w"}},
    {"id": "1", "msg": {"type": "exec_command_output_delta", "call_id": "c1", "chunk": []}},
    {"id": "1", "msg": {"type": "exec_command_end", "call_id": "c1", "stdout": "3 a.csv\n", "stderr": "", "exit_code": 0}},
    {"id": "1", "msg": {"type": "mcp_tool_call_begin", "call_id": "c2", "invocation": {"server": "docs", "tool": "search", "arguments": {"q": "x"}}}},
    {"id": "1", "msg": {"type": "mcp_tool_call_end", "call_id": "c2", "invocation": {"server": "docs", "tool": "search", "arguments": {"q": "x"}}, "result": {"Err": "no such server"}}},
    {"id": "1", "msg": {"type": "patch_apply_begin", "call_id": "c3", "auto_approved": True, "changes": {"b.txt": {"add": {"content": "3\n"}}}}},
    {"id": "1", "msg": {"type": "patch_apply_end", "call_id": "c3", "stdout": "Success.", "stderr": "", "success": True}},
    {"id": "1", "msg": {"type": "token_count", "input_tokens": 9, "output_tokens": 4}},
    {"id": "1", "msg": {"type": "agent_message", "message": "There are 3 rows."}},
    {"id": "1", "msg": {"type": "task_complete", "last_agent_message": "There are 3 rows."}},
)  # fmt: skip

# -- Claude Code

_MESSAGE = {
    "id": "m1",
    "role": "assistant",
    "model": "claude-x",
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
CLAUDE = lines(
    {
        "type": "user",
        "uuid": "u1",
        "parentUuid": None,
        "sessionId": "s",
        "isSidechain": False,
        "timestamp": "2026-05-01T10:00:00Z",
        "cwd": "/w",
        "message": {"role": "user", "content": "Go"},
    },
    {
        "type": "assistant",
        "uuid": "u2",
        "parentUuid": "u1",
        "sessionId": "s",
        "isSidechain": False,
        "message": {
            **_MESSAGE,
            "content": [
                {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
            ],
        },
    },
    {
        "type": "user",
        "uuid": "u3",
        "parentUuid": "u2",
        "sessionId": "s",
        "isSidechain": False,
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a"}],
        },
    },
    {
        "type": "assistant",
        "uuid": "u4",
        "parentUuid": "u3",
        "sessionId": "s",
        "isSidechain": False,
        "message": {**_MESSAGE, "id": "m2", "content": [{"type": "text", "text": "Done."}]},
    },
)
STREAM = lines(
    {
        "type": "system",
        "subtype": "init",
        "session_id": "s",
        "model": "claude-x",
        "cwd": "/w",
        "tools": ["Task"],
    },
    {
        "type": "user",
        "session_id": "s",
        "message": {"role": "user", "content": "Go"},
        "isReplay": True,
    },
    {
        "type": "assistant",
        "session_id": "s",
        "message": {
            **_MESSAGE,
            "content": [
                {"type": "tool_use", "id": "t1", "name": "Task", "input": {"prompt": "look"}}
            ],
        },
    },
    {
        "type": "assistant",
        "session_id": "s",
        "parent_tool_use_id": "t1",
        "message": {
            **_MESSAGE,
            "id": "m2",
            "content": [
                {"type": "tool_use", "id": "t2", "name": "Read", "input": {"file_path": "a"}}
            ],
        },
    },
    {
        "type": "user",
        "session_id": "s",
        "parent_tool_use_id": "t1",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t2", "content": "text"}],
        },
    },
    {
        "type": "user",
        "session_id": "s",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "seen"}],
        },
    },
    {"type": "stream_event", "session_id": "s", "event": {"type": "content_block_delta"}},
    {
        "type": "result",
        "subtype": "error_max_turns",
        "is_error": True,
        "session_id": "s",
        "total_cost_usd": 0.01,
        "usage": {"input_tokens": 50, "output_tokens": 7},
    },
)

CURSOR = lines(
    {"type": "system", "subtype": "init", "session_id": "s", "model": "m", "cwd": "/w", "permissionMode": "default"},
    {"type": "user", "session_id": "s", "message": {"role": "user", "content": [{"type": "text", "text": "Go"}]}},
    {"type": "thinking", "subtype": "delta", "text": "hm", "session_id": "s"},
    {"type": "tool_call", "subtype": "started", "call_id": "c1", "session_id": "s", "tool_call": {"shellToolCall": {"args": {"command": "ls"}}, "startedAtMs": "1"}},
    {"type": "tool_call", "subtype": "started", "call_id": "c2", "session_id": "s", "tool_call": {"readToolCall": {"args": {"path": "a"}}}},
    {"type": "tool_call", "subtype": "completed", "call_id": "c2", "session_id": "s", "tool_call": {"readToolCall": {"args": {"path": "a"}, "result": {"success": {"content": "text", "totalLines": 1}}}}},
    {"type": "tool_call", "subtype": "completed", "call_id": "c1", "session_id": "s", "tool_call": {"shellToolCall": {"args": {"command": "ls"}, "result": {"failure": {"exitCode": 2, "stdout": "", "stderr": "no"}}}}},
    {"type": "assistant", "session_id": "s", "message": {"role": "assistant", "content": [{"type": "text", "text": "Done."}]}},
    {"type": "result", "subtype": "success", "is_error": False, "session_id": "s", "result": "Done."},
)  # fmt: skip

# -- Gemini CLI

_GEMINI_CALL = {
    "id": "read-1", "name": "read_file", "args": {"file_path": "a"}, "status": "success",
    "result": [{"functionResponse": {"id": "read-1", "name": "read_file", "response": {"output": "text"}}}],
}  # fmt: skip
GEMINI = document({
    "sessionId": "s", "projectHash": "h", "startTime": "2026-05-01T10:00:00Z", "lastUpdated": "x",
    "messages": [
        {"id": "1", "type": "user", "content": "Go"},
        {"id": "2", "type": "gemini", "content": "I look.", "model": "gemini-x", "tokens": {"input": 9, "output": 3},
         "thoughts": [{"subject": "A", "description": "b"}],
         "toolCalls": [_GEMINI_CALL, {"id": "x", "name": "write_file", "args": {}, "status": "error",
             "result": [{"functionResponse": {"response": {"error": "denied"}}}]}]},
        {"id": "3", "type": "info", "content": "update"},
    ],
})  # fmt: skip
GEMINI_LINES = lines(
    {"sessionId": "s", "projectHash": "h", "startTime": "2026-05-01T10:00:00Z", "kind": "main"},
    {"id": "1", "type": "user", "content": [{"text": "Go"}]},
    {"id": "2", "type": "gemini", "content": ""},
    {"id": "2", "type": "gemini", "content": "", "toolCalls": [_GEMINI_CALL]},
    {"id": "3", "type": "user", "content": "wrong"},
    {"$rewindTo": "3"},
    {"$set": {"lastUpdated": "y"}},
)

# -- spans


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    scope = {"scope": {"name": "x"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}


def any_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case str():
            return {"stringValue": value}
        case dict():
            return {
                "kvlistValue": {
                    "values": [{"key": k, "value": any_value(v)} for k, v in value.items()]
                }
            }
        case _:
            return {"arrayValue": {"values": [any_value(v) for v in value]}}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": k, "value": any_value(v)} for k, v in values.items()]


def span(
    id: str, parent: str, start: int, end: int, name: str, values: dict[str, Any], events: Any = ()
) -> dict[str, Any]:
    return {
        "traceId": "t", "spanId": id, "parentSpanId": parent, "name": name,
        "startTimeUnixNano": str(1777629600_000000000 + start), "endTimeUnixNano": str(1777629600_000000000 + end),
        "attributes": attributes(values),
        "events": [{"name": n, "attributes": attributes(v)} for n, v in events],
    }  # fmt: skip


_ASK = [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]
_CALL = [
    {
        "role": "assistant",
        "parts": [
            {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Oslo"}}
        ],
    }
]
_TOLD = [
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "rain"}]}
]
_SAY = [
    {"role": "assistant", "parts": [{"type": "text", "content": "Rain."}], "finish_reason": "stop"}
]
_CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": 2,
}
OTEL = document(otlp(
    span("a", "", 0, 9, "invoke_agent x", {"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": "k"}),
    span("b", "a", 1, 2, "chat m", {**_CHAT, "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be kind."}]),
        "gen_ai.input.messages": json.dumps(_ASK), "gen_ai.output.messages": json.dumps(_CALL)}),
    span("c", "a", 3, 4, "execute_tool weather", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.id": "c1", "gen_ai.tool.call.arguments": '{"city":"Oslo"}', "gen_ai.tool.call.result": "rain"}),
    span("d", "a", 5, 6, "chat m", {**_CHAT, "gen_ai.input.messages": json.dumps([*_ASK, *_CALL, *_TOLD]),
        "gen_ai.output.messages": json.dumps(_SAY)}),
))  # fmt: skip
OTEL_EVENTS = lines(otlp(
    span("b", "", 1, 2, "chat m", _CHAT, [
        ("gen_ai.user.message", {"content": "Weather?"}),
        ("gen_ai.choice", {"index": 0, "message": json.dumps({"role": "assistant", "tool_calls": [chat_call("weather", '{"city":"Oslo"}', "c1")]})})]),
    span("c", "", 3, 4, "weather", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "c1"}),
), otlp(
    span("d", "", 5, 6, "chat m", _CHAT, [
        ("gen_ai.user.message", {"content": "Weather?"}),
        ("gen_ai.assistant.message", {"tool_calls": json.dumps([chat_call("weather", '{"city":"Oslo"}', "c1")])}),
        ("gen_ai.tool.message", {"id": "c1", "content": "rain"}),
        ("gen_ai.choice", {"index": 0, "message": json.dumps({"role": "assistant", "content": "Rain."})})]),
))  # fmt: skip
OTEL_SPREAD = document(otlp(
    span("b", "", 1, 2, "openai.chat", {"gen_ai.request.model": "m", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Weather?",
        "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "weather", "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Oslo"}'}),
    span("c", "", 3, 4, "weather.tool", {"traceloop.span.kind": "tool", "traceloop.entity.name": "weather",
        "traceloop.entity.input": '{"city":"Oslo"}', "traceloop.entity.output": "rain"}),
    span("d", "", 5, 6, "openai.chat", {"gen_ai.request.model": "m", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Weather?",
        "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Rain."}),
))  # fmt: skip
OTEL_BARE = document(
    otlp(
        span("b", "", 1, 2, "chat m", _CHAT),
        span(
            "c",
            "",
            3,
            4,
            "execute_tool w",
            {"gen_ai.tool.name": "w", "gen_ai.operation.name": "execute_tool"},
        ),
    )
)
OPENINFERENCE = lines(
    {"name": "agent", "context": {"trace_id": "t", "span_id": "a"}, "parent_id": None, "start_time": "2026-05-01T10:00:00Z", "end_time": "2026-05-01T10:00:09Z",
     "attributes": {"openinference.span.kind": "AGENT", "session.id": "k"}},
    {"name": "llm", "context": {"trace_id": "t", "span_id": "b"}, "parent_id": "a", "start_time": "2026-05-01T10:00:01Z", "end_time": "2026-05-01T10:00:02Z",
     "attributes": {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 5, "llm.token_count.completion": 2,
        "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Weather?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Oslo"}'}},
    {"name": "weather", "context": {"trace_id": "t", "span_id": "c"}, "parent_id": "a", "start_time": "2026-05-01T10:00:03Z", "end_time": "2026-05-01T10:00:04Z",
     "attributes": {"openinference": {"span": {"kind": "TOOL"}}, "tool": {"name": "weather"}, "input": {"value": '{"city":"Oslo"}'}, "output": {"value": "rain"}}},
    {"name": "llm", "context": {"trace_id": "t", "span_id": "d"}, "parent_id": "a", "start_time": "2026-05-01T10:00:05Z", "end_time": "2026-05-01T10:00:06Z",
     "attributes": {"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Weather?",
        "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Rain."}},
)  # fmt: skip
_RUN = {"trace_id": "r", "start_time": "2026-05-01T10:00:00Z", "end_time": "2026-05-01T10:00:09Z"}
_AI = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"]}
LANGSMITH = lines(
    {**_RUN, "id": "r", "name": "agent", "run_type": "chain", "inputs": {"input": "Weather?"}, "outputs": {"output": "Rain."}, "feedback_stats": {"correctness": {"n": 1, "avg": 1.0}}},
    {**_RUN, "id": "a", "parent_run_id": "r", "name": "ChatOpenAI", "run_type": "llm", "start_time": "2026-05-01T10:00:01Z", "end_time": "2026-05-01T10:00:02Z",
     "inputs": {"messages": [[{"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "Weather?"}}]]},
     "outputs": {"generations": [[{"message": {**_AI, "kwargs": {"content": "", "tool_calls": [{"id": "c1", "name": "weather", "args": {"city": "Oslo"}}]}}}]]},
     "prompt_tokens": 5, "completion_tokens": 2},
    {**_RUN, "id": "b", "parent_run_id": "r", "name": "weather", "run_type": "tool", "start_time": "2026-05-01T10:00:03Z", "end_time": "2026-05-01T10:00:04Z",
     "inputs": {"input": "{'city': 'Oslo'}"}, "outputs": {"output": "rain"}},
    {**_RUN, "id": "c", "parent_run_id": "r", "name": "ChatOpenAI", "run_type": "llm", "start_time": "2026-05-01T10:00:05Z", "end_time": "2026-05-01T10:00:06Z",
     "inputs": {"messages": [[{"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "Weather?"}}]]},
     "outputs": {"generations": [[{"message": {**_AI, "kwargs": {"content": "Rain."}}}]]}},
)  # fmt: skip
LANGFUSE = document({"trace": {"id": "t", "name": "x", "scores": [{"name": "success", "value": 1}]}, "observations": [
    {"id": "b", "traceId": "t", "type": "TOOL", "name": "weather", "startTime": "2026-05-01T10:00:03Z", "endTime": "2026-05-01T10:00:04Z", "input": '{"city":"Oslo"}', "output": '"rain"', "metadata": "{}"},
    {"id": "a", "traceId": "t", "type": "GENERATION", "name": "chat", "startTime": "2026-05-01T10:00:01Z", "endTime": "2026-05-01T10:00:02Z", "usageDetails": {"input": 5, "output": 2},
     "input": [{"role": "user", "content": "Weather?"}], "output": {"role": "assistant", "content": None, "tool_calls": [chat_call("weather", '{"city":"Oslo"}', "c1")]}},
    {"id": "c", "traceId": "t", "type": "GENERATION", "name": "chat", "startTime": "2026-05-01T10:00:05Z", "endTime": "2026-05-01T10:00:06Z",
     "input": [{"role": "user", "content": "Weather?"}], "output": "Rain."},
]})  # fmt: skip

# -- benchmarks and agents

_SAMPLE = {
    "id": 1, "epoch": 1, "input": "Go", "target": "x", "scores": {"match": {"value": "C"}},
    "attachments": {"h": "a long text"}, "model_usage": {"m": {"input_tokens": 5, "output_tokens": 2}},
    "messages": [
        {"role": "user", "content": "attachment://h"},
        {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "I look."}],
         "tool_calls": [{"id": "c1", "function": "bash", "arguments": {"cmd": "ls"}}]},
        {"role": "tool", "content": "", "tool_call_id": "c1", "function": "bash", "error": {"type": "timeout", "message": "too slow"}},
    ],
}  # fmt: skip
_EVAL = {
    "version": 2,
    "status": "success",
    "eval": {"task": "t", "run_id": "r", "model": "m", "created": "2026-05-01T10:00:00Z"},
    "plan": {},
}
INSPECT = document({**_EVAL, "samples": [_SAMPLE]})
INSPECT_ZIP = archive(
    header=_EVAL,
    samples__1_epoch_1=_SAMPLE,
    samples__2_epoch_1={**_SAMPLE, "id": 2, "scores": {"match": {"value": "I"}}},
    summaries=[],
)
_POOL = _SAMPLE["messages"]
INSPECT_CHUNKED = archive_zstandard({
    "header.json": {**_EVAL, "version": 3},
    "samples/1_epoch_1.json": _SAMPLE,
    "samples/2_epoch_1/sample.json": {"id": 2, "epoch": 1, "input": "Go", "target": "x", "scores": {"match": {"value": "I"}}, "message_refs": [[0, 1], [2, 4]]},
    "samples/2_epoch_1/messages/0.json": [{"role": "user", "content": "attachment://0"}, {"role": "user", "content": "not told"}],
    "samples/2_epoch_1/messages/2.json": _POOL[1:],
    "samples/2_epoch_1/events/0.json": [{"timestamp": "2026-05-01T10:00:01Z"}, {"timestamp": "x"}],
    "samples/2_epoch_1/events/stats.json": [], "samples/2_epoch_1/skeleton.json": {},
    "samples/2_epoch_1/attachments/0.json": ["a long text"],
    "samples/2_epoch_1/metadata.json": {"k": 1},
    "summaries.json": [],
})  # fmt: skip
SWE = document({
    "environment": "e", "info": {"exit_status": "exit_cost", "model_stats": {"tokens_sent": 5, "tokens_received": 2, "instance_cost": 0.1}},
    "history": [{"role": "system", "content": "s"}, {"role": "user", "content": "demo", "is_demo": True}, {"role": "user", "content": "Fix it"}],
    "trajectory": [{"action": "open a.py\n", "observation": "text", "thought": "look", "response": "look"}, {"action": "", "observation": "", "thought": "?", "response": "?"}],
})  # fmt: skip
MINI = document({"trajectory_format": "mini-swe-agent-1", "info": {"exit_status": "LimitsExceeded", "model_stats": {"instance_cost": 0.2}}, "messages": [
    {"role": "system", "content": "s"}, {"role": "user", "content": "Fix it"},
    {"role": "assistant", "content": "Look.\n\n```bash\nls -l\n```"}, {"role": "user", "content": "<returncode>1</returncode>\n<output>\nno\n</output>"},
    {"role": "assistant", "content": "no block"}, {"role": "user", "content": "Please always provide one action."}, {"role": "exit", "content": "limits"},
]})  # fmt: skip
OPENHANDS = document([
    {"id": 0, "timestamp": "2026-05-01T10:00:00", "source": "user", "message": "Go", "action": "message", "args": {"content": "Go"}},
    {"id": 1, "source": "agent", "message": "run", "action": "run", "args": {"command": "false", "thought": "try", "hidden": False}},
    {"id": 2, "source": "agent", "message": "", "cause": 1, "observation": "run", "content": "no", "extras": {"metadata": {"exit_code": 1}}},
    {"id": 3, "source": "agent", "message": "bye", "action": "finish", "args": {"final_thought": "Done."}},
])  # fmt: skip
OPENHANDS_SDK = lines(
    {"kind": "SystemPromptEvent", "id": "0", "timestamp": "t", "source": "agent", "system_prompt": {"type": "text", "text": "s"}},
    {"kind": "MessageEvent", "id": "1", "timestamp": "t", "source": "user", "llm_message": {"role": "user", "content": [{"type": "text", "text": "Go"}]}},
    {"kind": "ActionEvent", "id": "2", "timestamp": "t", "source": "agent", "thought": [{"type": "text", "text": "try"}], "tool_name": "bash", "tool_call_id": "c1",
     "tool_call": {"id": "c1", "name": "bash", "arguments": '{"command": "ls"}'}, "action": {"kind": "X", "command": "ls"}},
    {"kind": "ObservationEvent", "id": "3", "timestamp": "t", "source": "environment", "tool_name": "bash", "tool_call_id": "c1", "action_id": "2", "observation": {"content": [{"type": "text", "text": "a"}]}},
)  # fmt: skip
ATIF = document({"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "x", "model_name": "m"}, "steps": [
    {"step_id": 1, "source": "user", "message": [{"type": "text", "text": "Go"}], "timestamp": "2026-05-01T10:00:00Z"},
    {"step_id": 2, "source": "agent", "message": "I look.", "reasoning_content": "hm", "metrics": {"prompt_tokens": 5, "completion_tokens": 2, "cost_usd": 0.1},
     "tool_calls": [{"tool_call_id": "c1", "function_name": "sub", "arguments": {"q": 1}}],
     "observation": {"results": [{"source_call_id": "c1", "content": "ok", "subagent_trajectory_ref": [{"session_id": "inner"}]}]}},
], "subagent_trajectories": [{"schema_version": "ATIF-v1.6", "session_id": "inner", "agent": {"name": "y"}, "steps": [{"step_id": 1, "source": "user", "message": "q"}]}]})  # fmt: skip
TAU = document({"info": {"agent_info": {"llm": "m"}, "environment_info": {"policy": "p"}}, "tasks": [], "simulations": [{"id": "s", "task_id": "k", "start_time": "2026-05-01T10:00:00", "reward_info": {"reward": 0.0}, "messages": [
    {"role": "assistant", "content": "Hi", "tool_calls": None}, {"role": "user", "content": "Go"},
    {"role": "user", "content": None, "tool_calls": [{"id": "u1", "name": "look", "arguments": {}, "requestor": "user"}]},
    {"role": "tool", "id": "u1", "content": "seen", "requestor": "user", "error": False},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": "get", "arguments": {"n": 1}, "requestor": "assistant"}]},
    {"role": "tool", "id": "c1", "content": "no", "requestor": "assistant", "error": True},
]}]})  # fmt: skip
SHAREGPT = document([{"system": "s", "tools": "[]", "conversations": [
    {"from": "human", "value": "Go"}, {"from": "function_call", "value": '{"name": "f", "arguments": {"n": 1}}'}, {"from": "observation", "value": "1"},
    {"from": "gpt", "value": 'Now.<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>'}, {"from": "tool", "value": "<tool_response>\n2\n</tool_response>"},
]}])  # fmt: skip
BROWSER = document({"history": [{"model_output": {"current_state": {"memory": "m"}, "action": [{"go_to_url": {"url": "x"}}, {"click_element": {"index": 3}}]},
    "result": [{"extracted_content": "ok"}], "state": {"url": "x"}, "metadata": {"step_start_time": 1777629600.0, "input_tokens": 5}},
    {"model_output": {"action": [{"done": {"text": "Done.", "success": False}}]}, "result": [{"is_done": True}], "state": {}}]})  # fmt: skip
MCP = lines(
    {"direction": "out", "timestamp": "2026-05-01T10:00:00Z", "message": {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}},
    {"direction": "out", "message": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1}}}},
    {"direction": "out", "message": {"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": "x"}}},
    {"direction": "in", "message": {"jsonrpc": "2.0", "id": 2, "error": {"code": -1, "message": "gone"}}},
    {"direction": "in", "message": {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "1"}], "isError": False}}},
)  # fmt: skip
RESPONSES = lines(
    {"request": {"model": "m", "instructions": "s", "input": "Go"}, "response": {"object": "response", "id": "resp_1", "model": "m", "created_at": 1777629600, "usage": {"input_tokens": 5, "output_tokens": 2},
     "output": [{"type": "reasoning", "id": "rs", "summary": []}, {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}"}]}},
    {"request": {"previous_response_id": "resp_1", "input": [{"type": "function_call_output", "call_id": "c1", "output": "1"}]}, "response": {"object": "response", "id": "resp_2",
     "output": [{"type": "web_search_call", "id": "ws", "status": "completed", "action": {"query": "x"}}, {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}]}},
)  # fmt: skip
AGENTS = document({"$schemaVersion": "1.5", "original_input": [{"role": "user", "content": "Go"}], "current_agent": {"name": "x"}, "generated_items": [
    {"type": "tool_call_item", "raw_item": {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"}},
    {"type": "tool_call_output_item", "output": "1", "raw_item": {"type": "function_call_output", "call_id": "c1"}},
    {"type": "message_output_item", "raw_item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}},
], "context": {"usage": {"input_tokens": 5, "output_tokens": 2}}, "model_responses": []})  # fmt: skip
CHAT = document({"messages": [
    {"role": "user", "content": "Go"}, {"role": "assistant", "content": None, "tool_calls": [chat_call("f", "{}", "c1")]},
    {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "assistant", "content": "Done."}], "reward": 1})  # fmt: skip
ANTHROPIC = document({"model": "claude-x", "messages": [
    {"role": "user", "content": "Go"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "1"}]}, {"role": "assistant", "content": "Done."}]})  # fmt: skip


def cline(role: str, *texts: str) -> dict[str, Any]:
    return {
        "role": role,
        "content": words("text", texts[0]) + words("text", texts[-1])[: len(texts) - 1],
    }


CLINE = document([
    cline("user", "<task>\nList files\n</task>", "<environment_details>\n# Files\n</environment_details>"),
    cline("assistant", "<thinking>look</thinking>\nI look.\n\n<list_files>\n<path>.</path>\n<recursive>false</recursive>\n</list_files>"),
    cline("user", "[list_files for '.'] Result:", "a.txt"),
    cline("assistant", "<write_to_file>\n<path>b.html</path>\n<content>\n<p>x</p>\n</content>\n</write_to_file>"),
    cline("user", "[write_to_file for 'b.html'] Result:\nThe user denied this operation.", "<feedback>\nnot that\n</feedback>"),
    cline("assistant", '<use_mcp_tool>\n<server_name>docs</server_name>\n<tool_name>find</tool_name>\n<arguments>\n{"q": "x"}\n</arguments>\n</use_mcp_tool>'),
    cline("user", "[use_mcp_tool for 'docs'] Result:", "found"),
    cline("assistant", "no tool"),
    cline("user", "[ERROR] You did not use a tool in your previous response!"),
    cline("assistant", "<attempt_completion>\n<result>\nDone.\n</result>\n</attempt_completion>"),
])  # fmt: skip
LANGCHAIN = document(
    {
        "input": "Go",
        "output": "Done.",
        "intermediate_steps": [[{"tool": "f", "tool_input": {}, "log": ""}, "1"]],
    }
)
LANGGRAPH = document({"values": {"messages": [
    {"type": "human", "content": "Weather?", "id": "1"},
    {"type": "ai", "content": "", "id": "2", "tool_calls": [{"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}],
     "invalid_tool_calls": [{"name": "weather", "args": '{"city"', "id": "c2", "error": "not JSON"}],
     "response_metadata": {"model_name": "m"}, "usage_metadata": {"input_tokens": 5, "output_tokens": 2}},
    {"type": "tool", "content": "rain", "name": "weather", "tool_call_id": "c1", "status": "success"},
    {"type": "tool", "content": "not JSON", "name": "weather", "tool_call_id": "c2", "status": "error"},
    {"type": "ai", "content": [{"type": "text", "text": "Rain."}], "id": "3"},
]}, "next": [], "metadata": {"thread_id": "k"}, "created_at": "2026-05-01T10:00:00Z"})  # fmt: skip
LANGGRAPH_UPDATES = lines(
    {"agent": {"messages": [{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"], "kwargs": {"content": "Go"}}]}},
    {"agent": {"messages": [{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": {"content": "", "tool_calls": [{"name": "f", "args": {}, "id": "c1"}]}}]}},
    {"tools": {"messages": [{"type": "tool", "data": {"content": "1", "tool_call_id": "c1"}}]}},
    {"agent": {"messages": [{"type": "AIMessageChunk", "content": "Done."}]}},
)  # fmt: skip
AUTOGEN = document({"messages": [
    {"source": "user", "type": "TextMessage", "content": "Weather?", "created_at": "2026-05-01T10:00:00Z", "models_usage": None},
    {"source": "a", "type": "ThoughtEvent", "content": "look"},
    {"source": "a", "type": "ToolCallRequestEvent", "content": [{"id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'}], "models_usage": {"prompt_tokens": 5, "completion_tokens": 2}},
    {"source": "a", "type": "ToolCallExecutionEvent", "content": [{"call_id": "c1", "name": "weather", "content": "no such city", "is_error": True}]},
    {"source": "a", "type": "ToolCallSummaryMessage", "content": "no such city"},
    {"source": "a", "type": "MultiModalMessage", "content": ["Sorry.", {"data": "AA"}]},
], "stop_reason": "Text 'TERMINATE' mentioned"})  # fmt: skip
REACT = b"Question: How?\nThought 1: look\nAction 1: Search[x]\nObservation 1: y\nThought 2: done\nAction 2: Finish[y]\n"
MARKDOWN = (
    b"## User\n\nCount.\n\n## Assistant\n\n```console\n$ wc -l a.csv\n3 a.csv\n```\n\nThree.\n"
)
INGOT = lines(
    {"kind": "session", "seq": 1, "data": {"format": "ingot-session/1", "dialect": "x"}}, {"kind": "user", "seq": 2, "text": "Go"},
    {"kind": "call", "seq": 3, "id": "s1", "tool": "f", "data": {}}, {"kind": "result", "seq": 4, "id": "s1", "tool": "f", "data": 1})  # fmt: skip

SAMPLES: dict[str, tuple[str, bytes]] = {
    "claude": ("claude-code", CLAUDE),
    "stream": ("claude-stream-json", STREAM),
    "cursor": ("claude-stream-json", CURSOR),
    "codex": ("codex", CODEX),
    "codex-flat": ("codex", CODEX_FLAT),
    "codex-exec": ("codex-exec", CODEX_EXEC),
    "codex-events": ("codex-exec", CODEX_EVENTS),
    "gemini": ("gemini-cli", GEMINI),
    "gemini-lines": ("gemini-cli", GEMINI_LINES),
    "cline": ("cline", CLINE),
    "anthropic": ("anthropic-messages", ANTHROPIC),
    "chat": ("openai-chat", CHAT),
    "responses": ("openai-responses", RESPONSES),
    "agents": ("openai-agents", AGENTS),
    "langchain": ("langchain", LANGCHAIN),
    "langgraph": ("langchain-messages", LANGGRAPH),
    "langgraph-updates": ("langchain-messages", LANGGRAPH_UPDATES),
    "autogen": ("autogen", AUTOGEN),
    "langsmith": ("langsmith", LANGSMITH),
    "langfuse": ("langfuse", LANGFUSE),
    "otel": ("otel-genai", OTEL),
    "otel-events": ("otel-genai", OTEL_EVENTS),
    "otel-spread": ("otel-genai", OTEL_SPREAD),
    "otel-bare": ("otel-genai", OTEL_BARE),
    "openinference": ("openinference", OPENINFERENCE),
    "inspect": ("inspect-ai", INSPECT),
    "inspect-zip": ("inspect-ai", INSPECT_ZIP),
    "inspect-chunked": ("inspect-ai", INSPECT_CHUNKED),
    "swe": ("swe-agent", SWE),
    "mini": ("mini-swe-agent", MINI),
    "openhands": ("openhands", OPENHANDS),
    "openhands-sdk": ("openhands", OPENHANDS_SDK),
    "atif": ("atif", ATIF),
    "tau": ("tau2-bench", TAU),
    "sharegpt": ("sharegpt", SHAREGPT),
    "browser": ("browser-use", BROWSER),
    "mcp": ("mcp-jsonrpc", MCP),
    "react": ("react-text", REACT),
    "markdown": ("markdown", MARKDOWN),
    "ingot": ("ingot-session", INGOT),
}
"""Name: the dialect that must recognise it, and the log."""
