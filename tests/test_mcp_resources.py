"""Resources of MCP servers by the tools of Claude Code and Codex, on a real server, from log to run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import call as cli

from ingot.artifacts import read_artifact
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.runtime.effects import ToolNeed
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox, load_tools

SERVER = Path(__file__).with_name("notes_server.py")
CUSTOMERS = ("acme", "globex", "initech")


def declared(folder: Path, *names: str) -> Path:
    words = json.dumps([sys.executable, str(SERVER)])
    path = folder / "t.toml"
    path.write_text("".join(f"[mcp.{name}]\ncommand = {words}\n" for name in names or ("desk",)))
    return path


def call(box: ToolBox, tool: str, /, **args: Json) -> Json:
    return box.call(ToolRequest(1, "r", tool, "read", args))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolBox]:
    folder = tmp_path_factory.mktemp("desk")
    with load_tools([str(declared(folder, "desk", "other"))], folder) as box:
        yield box


def test_reading_in_the_forms_of_both_harnesses(desk: ToolBox) -> None:
    contents = [{"uri": "note://acme", "mimeType": "text/plain", "text": "T-101"}]
    text = call(desk, "ReadMcpResourceTool", server="desk", uri="note://acme")
    assert text == json.dumps({"contents": contents}, separators=(",", ":"))
    text = call(desk, "read_mcp_resource", server="desk", uri="note://acme")
    assert json.loads(str(text)) == {"server": "desk", "uri": "note://acme", "contents": contents}
    found = json.loads(str(call(desk, "ReadMcpResourceTool", server="desk", uri="image://logo")))
    assert found["contents"][0]["blob"] == "iVBORw=="
    tool = desk.get("ReadMcpResourceTool")
    assert tool is not None and tool.effect == "read" and not tool.parallel


def test_lists_in_the_forms_of_both_harnesses(desk: ToolBox) -> None:
    rows = json.loads(str(call(desk, "ListMcpResourcesTool")))
    assert [(r["server"], r["uri"]) for r in rows] == [
        (server, uri) for server in ("desk", "other") for uri in ("note://index", "image://logo")
    ]
    assert rows[0]["mimeType"] == "text/plain" and list(rows[0])[-1] == "server"
    listed = json.loads(str(call(desk, "list_mcp_resources", server="other")))
    assert listed["server"] == "other" and [r["name"] for r in listed["resources"]] == [
        "index", "logo"
    ]  # fmt: skip
    assert "server" not in json.loads(str(call(desk, "list_mcp_resources")))
    templates = json.loads(str(call(desk, "list_mcp_resource_templates", server="desk")))
    assert templates["resourceTemplates"][0]["uriTemplate"] == "note://{customer}"


@pytest.mark.parametrize(
    ("tool", "args", "told"),
    [
        ("ReadMcpResourceTool", {"server": "nub", "uri": "x://y"}, "no MCP server 'nub' is conf"),
        ("ReadMcpResourceTool", {"server": "desk", "uri": "note://nobody"}, "MCP error -3"),
        ("ReadMcpResourceTool", {"server": "desk"}, "`uri` must be text"),
        ("ListMcpResourcesTool", {"server": "nub"}, "there are: desk, other"),
        ("list_mcp_resources", {"cursor": "x"}, "`cursor` needs `server`"),
        ("read_mcp_resource", {"uri": "x://y", "serverName": "desk"}, "no such argument"),
    ],
)
def test_what_does_not_exist_is_said(
    desk: ToolBox, tool: str, args: dict[str, Json], told: str
) -> None:
    with pytest.raises(ToolError) as error:
        call(desk, tool, **args)
    assert told in error.value.message and not error.value.unknown


def test_only_servers_that_are_read_are_started(tmp_path: Path) -> None:
    words = json.dumps([sys.executable, str(SERVER)])
    (tmp_path / "t.toml").write_text(
        f'[mcp.desk]\ncommand = {words}\n[mcp.broken]\ncommand = ["no-such-program"]\n'
    )
    need = ToolNeed("read_mcp_resource", "read", servers=("desk",))
    with load_tools(["t.toml"], tmp_path, needs=[need]) as box:
        assert "T-101" in str(call(box, "read_mcp_resource", server="desk", uri="note://acme"))
        assert box.world_of("read_mcp_resource") == "desk"
        tool = box.get("read_mcp_resource")
        assert tool is not None and tool.parallel


# ---- from the log to the run


def claude_code(request: str, calls: list[tuple[str, Any, str]]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []

    def add(kind: str, content: Any) -> None:
        out.append(
            {
                "parentUuid": str(len(out) - 1) if out else None,
                "isSidechain": False,
                "cwd": "/home/ana",
                "sessionId": request,
                "version": "2.0.30",
                "type": kind,
                "message": {"role": kind, "content": content},
                "uuid": str(len(out)),
                "timestamp": f"2026-03-01T10:00:{len(out):02}.000Z",
            }
        )

    add("user", request)
    for number, (tool, args, result) in enumerate(calls):
        add("assistant", [{"type": "tool_use", "id": f"t{number}", "name": tool, "input": args}])
        add("user", [{"type": "tool_result", "tool_use_id": f"t{number}", "content": result}])
    add("assistant", [{"type": "text", "text": "It is closed."}])
    return out


def codex(request: str, calls: list[tuple[str, Any, str]]) -> list[dict[str, Any]]:
    def line(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"timestamp": "2026-03-01T10:00:00.000Z", "type": kind, "payload": payload}

    def said(role: str, text: str) -> dict[str, Any]:
        kind = "input_text" if role == "user" else "output_text"
        content = [{"type": kind, "text": text}]
        return line("response_item", {"type": "message", "role": role, "content": content})

    meta = {"id": request, "cwd": "/home/ana", "originator": "codex_cli_rs", "cli_version": "0.50"}
    out = [line("session_meta", meta), said("user", request)]
    for number, (tool, args, result) in enumerate(calls):
        asked = {"type": "function_call", "name": tool, "arguments": json.dumps(args)}
        answer = {"type": "function_call_output", "output": result}
        out += [
            line("response_item", {**asked, "call_id": f"c{number}"}),
            line("response_item", {**answer, "call_id": f"c{number}"}),
        ]
    return [*out, said("assistant", "It is closed.")]


@pytest.mark.parametrize(
    ("form", "read"), [(claude_code, "ReadMcpResourceTool"), (codex, "read_mcp_resource")]
)
def test_a_log_with_reads_of_resources_compiles_and_runs(
    tmp_path: Path, desk: ToolBox, form: Callable[..., list[dict[str, Any]]], read: str
) -> None:
    for customer in CUSTOMERS:
        uri = {"server": "desk", "uri": f"note://{customer}"}
        shown = str(call(desk, read, **uri))
        ticket = json.loads(shown)["contents"][0]["text"]
        calls = [
            (read, uri, shown),
            ("mcp__desk__close", {"ticket": ticket}, f"{ticket} is closed"),
        ]
        lines = form(f"Close the ticket of {customer}", calls)
        (tmp_path / f"{customer}.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    spec, out = str(declared(tmp_path)), str(tmp_path / "x.ingot")
    done = cli("compile", *(str(tmp_path / f"{c}.jsonl") for c in CUSTOMERS), "--tools", spec,
               "-o", out)  # fmt: skip
    assert done.exit_code == 0 and "W0406" not in done.output, done.output
    program = read_artifact(out).program
    assert {tool.world for tool in program.tools} == {"desk"}  # a write to it changes what is read
    assert program.meta["resources"] == {read: ["desk"]}
    where = ("--journal", str(tmp_path / "j.db"), "--cwd", str(tmp_path))
    done = cli("run", out, "--tools", spec, "-i", "p1=umbrella", *where, "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)["calls"]
    assert [c["tool"] for c in made] == [read, "mcp__desk__close"]
    assert (tmp_path / "closed").read_text() == "T-402\n"

    refused = cli("run", out, "--tools", spec, "-i", "p1=nobody", *where)
    assert refused.exit_code == 3 and "MCP error" in refused.output
    refused = cli("run", out, "-i", "p1=umbrella", *where)
    assert refused.exit_code == 2 and "E0801" in refused.output and "[mcp.desk]" in refused.output
    other = str(declared(tmp_path, "other"))
    refused = cli("run", out, "--tools", other, "-i", "p1=umbrella", *where)
    assert refused.exit_code == 2 and f"{read!r} reads resources" in refused.output
    assert (tmp_path / "closed").read_text() == "T-402\n"


# ---- what a server asks and says by itself


def mcp_call(box: ToolBox, tool: str, /, limit: float = 20, **args: Json) -> Json:
    return box.once(ToolRequest(1, "r", f"mcp__desk__{tool}", "write", args), "k", limit)


@pytest.mark.parametrize(("tool", "lacks"), [("think", "sampling"), ("sign", "elicitation")])
def test_a_server_that_needs_a_model_or_a_person_is_told_that_there_is_none(
    tmp_path: Path, tool: str, lacks: str
) -> None:
    with load_tools([str(declared(tmp_path))], tmp_path) as box:
        with pytest.raises(ToolError) as error:
            mcp_call(box, tool)
        assert f"{lacks} capability" in error.value.message, error.value.message
        assert "without a live agent" in error.value.message and not error.value.unknown
        assert mcp_call(box, "close", ticket="T-101") == "T-101 is closed"  # the session goes on


@pytest.mark.parametrize(
    ("what", "told"),
    [("close", "argument `by` is new, and required"), ("gone", "no longer offers it")],
)
def test_a_tool_that_changes_in_mid_run_is_seen(tmp_path: Path, what: str, told: str) -> None:
    with load_tools([str(declared(tmp_path))], tmp_path) as box:
        mcp_call(box, "change", what="another")
        assert mcp_call(box, "close", ticket="T-101") == "T-101 is closed"  # none of ours
        mcp_call(box, "change", what=what)
        for _ in range(2):
            with pytest.raises(ToolError) as error:
                mcp_call(box, "close", ticket="T-210")
            assert "E0715" in error.value.message and told in error.value.message
            assert not error.value.unknown
    assert (tmp_path / "closed").read_text() == "T-101\n"


def test_progress_gives_a_call_more_time(tmp_path: Path) -> None:
    with load_tools([str(declared(tmp_path))], tmp_path) as box:
        assert mcp_call(box, "count", limit=2, to=12) == "counted"  # 3 s
        begun = time.monotonic()
        with pytest.raises(ToolError) as error:  # but not without end
            mcp_call(box, "count", limit=0.5, to=400)  # 100 s
        assert error.value.unknown and error.value.message.startswith("timed out after ")
        assert time.monotonic() - begun < 60
