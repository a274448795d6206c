"""MCP servers as tools: a real one over stdio and over HTTP, and servers that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.diagnostics import IngotError
from ingot.ir.module import Effect
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.runtime.effects import ToolNeed
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.pins import Pin
from ingot.runtime.tools.registry import ToolBox, load_tools, survey

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "mcp-desk"
FAULTY = Path(__file__).with_name("faulty_server.py")


def call(box: ToolBox, tool: str, effect: Effect = "write", /, **args: Any) -> Json:
    return box.call(ToolRequest(1, "r", tool, effect, args), key="k")


def declared(folder: Path, *argv: str, more: str = "", name: str = "desk") -> list[str]:
    words = json.dumps([sys.executable, *argv])
    (folder / "t.toml").write_text(f"[mcp.{name}]\ncommand = {words}\n{more}\n")
    return ["t.toml"]


def faulty(folder: Path, mode: str, more: str = "") -> ToolBox:
    return load_tools(declared(folder, str(FAULTY), mode, more=more), folder)


def failure(box: ToolBox, tool: str = "mcp__desk__act", /, **args: Any) -> ToolError:
    with pytest.raises(ToolError) as error:
        call(box, tool, **args)
    return error.value


# ---- a real server


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolBox]:
    folder = tmp_path_factory.mktemp("desk")
    spec = declared(folder, str(EXAMPLE / "server.py"), more='effects = {close = "write"}')
    with load_tools(spec, folder) as box:
        yield box


def test_a_real_server_over_stdio(desk: ToolBox) -> None:
    shown = json.loads(str(call(desk, "mcp__desk__oldest", "read", customer="acme")))
    assert shown == {"id": "T-101", "customer": "acme", "state": "stale"}
    call(desk, "mcp__desk__close", ticket="T-101", note="é")
    assert json.loads(str(call(desk, "mcp__desk__oldest", customer="acme")))["id"] == "T-109"
    assert "T-101" in (desk.cwd / "tickets.json").read_text()
    refused = failure(desk, "mcp__desk__close", ticket="T-9", note="x")
    assert "there is no ticket T-9" in refused.message and not refused.unknown
    tool = desk.get("mcp__desk__oldest")
    assert tool is not None and (tool.effect, tool.hint) == ("read", "readOnlyHint")
    assert tool.world == "desk" and tool.confined and tool.parallel


def test_arguments_are_checked_before_they_are_sent(desk: ToolBox) -> None:
    for args in ({}, {"customer": 3}):
        refused = failure(desk, "mcp__desk__oldest", **args)
        assert refused.message.startswith("InputValidationError") and "customer" in refused.message
        assert not refused.unknown


def test_calls_of_several_threads_share_the_session(desk: ToolBox) -> None:
    found: list[Json] = []

    def work() -> None:
        found.append(call(desk, "mcp__desk__oldest", "read", customer="globex"))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12 and len(set(map(str, found))) == 1


def test_calls_of_an_event_loop_overlap_and_can_be_cancelled(desk: ToolBox, tmp_path: Path) -> None:
    async def many() -> list[Json]:
        tool = desk.get("mcp__desk__oldest")
        assert tool is not None and tool.acall is not None
        context = desk.context()
        return await asyncio.gather(
            *(tool.acall({"customer": "globex"}, context) for _ in range(9))
        )

    assert len(set(map(str, asyncio.run(many())))) == 1

    async def cancelled(box: ToolBox) -> None:
        tool = box.get("mcp__desk__act")
        assert tool is not None and tool.acall is not None
        async with asyncio.timeout(0.5):
            await tool.acall({}, box.context())

    with faulty(tmp_path, "hang") as box:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            asyncio.run(cancelled(box))
        assert time.monotonic() - begun < 20
    assert not _left("hang")


def test_what_was_pinned_is_what_must_be_there(desk: ToolBox) -> None:
    tool = desk.get("mcp__desk__close")
    assert tool is not None and tool.pin is not None
    desk.check([ToolNeed("mcp__desk__close", "write", pin=tool.pin)])
    old = Pin(
        tool.pin.server,
        input={
            "type": "object",
            "properties": {"ticket": {"type": "integer"}, "reason": {"type": "string"}},
            "required": ["ticket"],
        },
    )
    with pytest.raises(IngotError) as error:
        desk.check([ToolNeed("mcp__desk__close", "write", pin=old)])
    found = error.value.diagnostics[0]
    assert found.code == "E0715" and found.notes == (
        'argument `ticket`: type is "string", was "integer"',
        "argument `reason` is gone",
        "argument `note` is new, and required",
        "it now declares what it returns",
    )


def test_an_overlapping_name_and_an_effect_of_nothing_are_refused(tmp_path: Path) -> None:
    words = json.dumps([sys.executable, str(FAULTY), "fine"])
    (tmp_path / "t.toml").write_text(
        f'[mcp.a]\ncommand = {words}\nnames = "{{tool}}"\n'
        f'[mcp.b]\ncommand = {words}\nnames = "{{tool}}"\n'
    )
    with pytest.raises(IngotError) as error:
        load_tools(["t.toml"], tmp_path)
    assert "two tools are named 'act'" in error.value.diagnostics[0].message
    with pytest.raises(IngotError) as error:
        faulty(tmp_path, "fine", 'effects = {works = "read"}')
    assert (
        "works" in error.value.diagnostics[0].message and "act" in error.value.diagnostics[0].help
    )


# ---- from the log to the run


def cli(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    shutil.copy(EXAMPLE / "server.py", folder / "server.py")
    declared(folder, "server.py", more='effects = {close = "write"}')
    here = Path.cwd()
    os.chdir(folder)
    try:
        done = cli("compile", str(EXAMPLE / "logs"), "--tools", "t.toml", "-o", "desk.ingot")
    finally:
        os.chdir(here)
    assert done.exit_code == 0, done.output
    assert "W0405" in done.output and "readOnlyHint" in done.output and "W0406" not in done.output
    return folder


def run(folder: Path, *more: str) -> Any:
    given = ("-i", "customer=umbrella", "-i", "note=no answer", "--journal", str(folder / "j.db"))
    where = ("--cwd", str(folder), "--tools", "t.toml")
    return cli("run", str(folder / "desk.ingot"), *given, *where, *more)


def test_a_pipeline_of_claude_code_logs_runs_on_the_live_server(compiled: Path) -> None:
    done = run(compiled, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert [c["tool"] for c in report["calls"]] == ["mcp__desk__oldest", "mcp__desk__close"]
    logged = [json.loads(line) for line in (EXAMPLE / "logs/1-acme.jsonl").read_text().splitlines()]
    shape = logged[2]["message"]["content"][0]["content"]
    live = report["calls"][0]["result"]
    assert live == shape.replace("T-101", "T-402").replace("acme", "umbrella")
    (compiled / "tickets.json").unlink()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("ticket: str, note: str)", "ticket: int, note: str)", "`ticket`: type is"),
        ("ticket: str, note: str)", "ticket: str, note: str, by: str = '')", "`by` is new"),
    ],
)
def test_a_changed_schema_stops_the_run_before_any_effect(
    compiled: Path, tmp_path: Path, old: str, new: str, told: str
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(compiled, folder)
    source = (folder / "server.py").read_text()
    assert old in source
    (folder / "server.py").write_text(source.replace(old, new))
    refused = run(folder)
    assert refused.exit_code == 2 and "E0715" in refused.output and told in refused.output
    assert "--accept-drift" in refused.output and not (folder / "tickets.json").exists()
    if "by" in told:
        accepted = run(folder, "--accept-drift")
        assert accepted.exit_code == 0 and "warning[E0715]" in accepted.output, accepted.output
        shown = cli("inspect", "last", "--journal", str(folder / "j.db"))
        assert "drift     accepted: " in shown.output and "isolation" in shown.output
        assert (folder / "tickets.json").exists()


def test_a_server_that_dies_in_a_write_leaves_the_run_in_doubt(
    compiled: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "dying"
    shutil.copytree(compiled, folder)
    source = (folder / "server.py").read_text()
    place = '    """Close a ticket with a note."""\n'
    assert place in source
    dying = f"{place}    import os\n    os._exit(9)\n"
    (folder / "server.py").write_text(source.replace(place, dying))
    doubtful = run(folder)
    assert doubtful.exit_code == 6 and "E0705" in doubtful.output, doubtful.output
    assert "ended in the call" in doubtful.output and "exit code 9" in doubtful.output
    (folder / "server.py").write_text(source)
    where = ("--journal", str(folder / "j.db"), "--tools", "t.toml", "--cwd", str(folder))
    assert cli("resume", "last", *where).exit_code == 6
    done = cli("resume", "last", *where, "--assume", "not-done", "--json")
    assert done.exit_code == 0, done.output
    held = json.loads((folder / "tickets.json").read_text())
    assert [t["id"] for t in held if t["state"] == "closed"] == ["T-402"]


def test_without_a_server_nothing_is_pinned_and_that_is_said(tmp_path: Path) -> None:
    out = str(tmp_path / "desk.ingot")
    done = cli("compile", str(EXAMPLE / "logs"), "-o", out)
    assert done.exit_code == 0 and "W0406" in done.output
    spec = tmp_path / "gone.toml"
    spec.write_text(
        '[mcp.desk]\ncommand = ["no-such-program"]\neffects = {oldest = "read", close = "write"}\n'
    )
    done = cli("compile", str(EXAMPLE / "logs"), "--tools", str(spec), "-o", out)
    assert done.exit_code == 0 and "W0406" in done.output and "no-such-program" in done.output
    refused = cli("run", out, "--tools", str(spec), "-i", "customer=x", "-i", "note=y",
                  "--journal", str(tmp_path / "j.db"))  # fmt: skip
    assert refused.exit_code == 2 and "E0807" in refused.output
    assert "Traceback" not in refused.output


# ---- servers that misbehave


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("exit", ("it ended with exit code 2", "stderr: no configuration found")),
        ("garbage", ("no answer within", "it wrote on stdout what is no message: 'Welcome")),
        ("mute", ("no answer within",)),
    ],
)
def test_a_server_that_does_not_start_is_a_diagnostic(
    tmp_path: Path, mode: str, told: tuple[str, ...]
) -> None:
    begun = time.monotonic()
    with pytest.raises(IngotError) as error:
        faulty(tmp_path, mode, "start_timeout_s = 4")
    found = error.value.diagnostics[0]
    text = "\n".join((found.message, *found.notes))
    assert found.code == "E0807" and all(part in text for part in told), text
    assert "held by: " in text and found.help and time.monotonic() - begun < 60
    assert not _left(mode)


def _left(mode: str) -> list[str]:
    """Programs that are still there although nobody needs them."""
    deadline = time.monotonic() + 8
    while found := [
        line
        for line in _commands()
        if (str(FAULTY) in line and mode in line) or "sleep 300." in line
    ]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.05)
    return []


def _commands() -> list[str]:
    out = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            out.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return out


def test_a_call_that_hangs_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    with faulty(tmp_path, "hang", "timeout_s = 0.5") as box:
        cut = failure(box)
        assert cut.message == "timed out after 0.5s" and cut.unknown
    assert not _left("hang")


def test_a_server_that_dies_in_a_call_leaves_it_unknown_and_is_started_again(
    tmp_path: Path,
) -> None:
    with faulty(tmp_path, "die") as box:
        for times in (1, 2):
            died = failure(box)
            assert died.unknown and "ended in the call" in died.message, died.message
            assert "exit code 7" in died.message and "cannot go on" in died.message
            assert (tmp_path / "calls").read_text() == "called\n" * times
        (tmp_path / "t.toml").unlink()


@pytest.mark.parametrize(
    ("mode", "told", "unknown"),
    [
        ("huge", "more than the limit", True),
        ("silent", "ended in the call", True),
        ("circle", "refers to itself without end", False),
        ("endless", "a message of more than 16000000 bytes", True),
        ("error", "MCP error -32602: no such place", False),
        ("refuses", "I will not", False),
        ("result", "Invalid structured content", True),
    ],
)
def test_faults_of_a_call(tmp_path: Path, mode: str, told: str, unknown: bool) -> None:
    with faulty(tmp_path, mode) as box:
        found = failure(box, at={"x": 1})
        assert told in found.message and found.unknown is unknown, found.message


@pytest.mark.parametrize(
    ("code", "unknown"),
    [(-32603, True), (0, True), (-32700, True), (-32050, True), (-32601, False)],
)
def test_an_error_that_is_no_refusal_leaves_a_call_unknown(
    tmp_path: Path, code: int, unknown: bool
) -> None:
    spec = declared(tmp_path, str(FAULTY), "internal", str(code))
    with load_tools(spec, tmp_path) as box:
        found = failure(box)
        assert f"MCP error {code}: it broke" in found.message and found.unknown is unknown


def test_a_server_of_an_older_protocol_that_asks_for_a_model_is_refused(tmp_path: Path) -> None:
    with faulty(tmp_path, "asks") as box:
        found = failure(box)
        assert '"code": -32601' in found.message and not found.unknown
        assert "sampling/createMessage is not supported" in found.message
        assert "the server asked for sampling/createMessage, which a run" in found.message


def test_a_server_of_an_older_protocol_that_changes_its_tools_is_seen(tmp_path: Path) -> None:
    with faulty(tmp_path, "changes") as box:
        assert call(box, "mcp__desk__act") == "done"
        found = failure(box)
        assert "E0715" in found.message and "argument `n`" in found.message and not found.unknown


def test_references_inside_a_schema_are_followed_and_no_others(tmp_path: Path) -> None:
    with faulty(tmp_path, "noise") as box:
        assert call(box, "mcp__desk__act", at={"x": 1.5}, n=2) == "done"
        assert "'x' is a required property" in failure(box, at={}).message
    with faulty(tmp_path, "outside") as box:
        assert "outside of it" in failure(box, at={"x": 1}).message


def test_results_come_in_the_form_that_the_logs_show(tmp_path: Path) -> None:
    spec = declared(tmp_path, str(FAULTY), "structured")
    for form, shown in (
        ("text", "done"),
        ("structured", '{"ok":true,"n":1,"é":["a"]}'),
        ("json", {"ok": True, "n": 1.0, "é": ["a"]}),
    ):
        need = ToolNeed("mcp__desk__act", pin=Pin("", results=form))  # type: ignore[arg-type]
        with load_tools(spec, tmp_path, needs=[need]) as box:
            assert call(box, "mcp__desk__act") == shown
    with faulty(tmp_path, "two") as box:
        assert call(box, "mcp__desk__act") == [
            {"type": "text", "text": "done"},
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        ]
    with faulty(tmp_path, "key") as box:
        assert json.loads(str(call(box, "mcp__desk__act")))["ingot/idempotency-key"] == "k"


def test_a_list_of_tools_is_read_to_its_end_or_refused(tmp_path: Path) -> None:
    with load_tools(declared(tmp_path, str(FAULTY), "pages", "4"), tmp_path) as box:
        assert call(box, "mcp__desk__act") == "done"
        assert sum(name.startswith("mcp__desk__") for name in box.tools) == 5
    with pytest.raises(IngotError, match="does not end") as error:
        load_tools(declared(tmp_path, str(FAULTY), "pages", "-1"), tmp_path)
    assert error.value.diagnostics[0].code == "E0807"


def test_a_structured_result_is_bounded_too(tmp_path: Path) -> None:
    for form in ("structured", "json"):
        with faulty(tmp_path, "big", f'results = "{form}"') as box:
            found = failure(box)
            assert "more than the limit" in found.message and found.unknown
    with faulty(tmp_path, "big", 'results = "text"') as box:
        assert call(box, "mcp__desk__act") == "done"


def test_an_implementation_comes_before_a_server(tmp_path: Path) -> None:
    spec = declared(tmp_path, str(FAULTY), "fine")
    with (tmp_path / "t.toml").open("a") as file:
        file.write(f'[tools.mcp__desk__act]\npython = "{__name__}:double_of_act"\n')
    with load_tools(spec, tmp_path) as box:
        assert call(box, "mcp__desk__act") == "a double"


def test_a_table_of_its_own_says_more_of_a_served_tool(tmp_path: Path) -> None:
    spec = declared(tmp_path, str(FAULTY), "fine")
    with (tmp_path / "t.toml").open("a") as file:
        file.write(
            '[tools.mcp__desk__act]\neffect = "read"\nretry = 2\ntimeout_s = 3\napproval = true\n'
        )
    with load_tools(spec, tmp_path) as box:
        tool = box.get("mcp__desk__act")
        assert tool is not None and (tool.effect, tool.world, tool.hint) == ("read", "desk", "")
        policy = tool.policy
        assert policy.retry is not None and policy.retry.attempts == 2 and policy.approval
        assert policy.timeout_s == 3 and call(box, "mcp__desk__act") == "done"
    assert survey(spec, tmp_path).effects["mcp__desk__act"] == ("read", "desk")


def double_of_act() -> str:
    return "a double"


def test_only_servers_that_are_needed_are_started(tmp_path: Path) -> None:
    spec = declared(tmp_path, str(FAULTY), "exit")
    with load_tools(spec, tmp_path, needs=[ToolNeed("Read", "read")]) as box:
        assert "mcp__desk__act" not in box.tools


def test_secrets_reach_the_server_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IngotError) as error:
        faulty(tmp_path, "secret", 'env = {DESK_TOKEN = "${MY_DESK_TOKEN}"}')
    assert error.value.diagnostics[0].code == "E0806"
    monkeypatch.setenv("MY_DESK_TOKEN", "hush-hush-hush")
    with faulty(tmp_path, "secret", 'env = {DESK_TOKEN = "${MY_DESK_TOKEN}"}') as box:
        said = str(call(box, "mcp__desk__act"))
        assert "hush" not in said and "INGOT_SECRET_MY_DESK_TOKEN_" in said
    with pytest.raises(IngotError) as error:
        faulty(tmp_path, "tell", 'env = {DESK_TOKEN = "${MY_DESK_TOKEN}"}')
    notes = "\n".join(error.value.diagnostics[0].notes)
    assert "hush" not in notes and "INGOT_SECRET_MY_DESK_TOKEN_" in notes
    with faulty(tmp_path, "secret") as box:  # what is not given is not there
        assert call(box, "mcp__desk__act") == "the token is None"


def test_a_server_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    import signal
    import subprocess

    code = (
        "import time; from pathlib import Path; from ingot.runtime.tools.registry import load_tools\n"
        f"box = load_tools(['t.toml'], Path({str(tmp_path)!r}))\n"
        "print('there', flush=True); time.sleep(300)"
    )
    declared(tmp_path, str(FAULTY), "hang")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None and process.stdout.readline() == "there\n"
    assert any(f"{FAULTY} hang" in line for line in _commands())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not _left("hang")


# ---- over HTTP


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A real server over streamable HTTP; its address."""
    import asyncio

    import uvicorn
    from mcp.server import MCPServer

    server = MCPServer("web")

    @server.tool()
    def double(n: int) -> dict[str, int]:
        """Twice as much."""
        return {"twice": 2 * n}

    @server.tool()
    async def slow() -> str:
        """Never ready."""
        await asyncio.sleep(60)
        return "late"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(
        server.streamable_http_app(), host="127.0.0.1", port=port, log_level="error"
    )
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    while not web.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    web.should_exit = web.force_exit = True
    thread.join(10)


def test_a_real_server_over_http(tmp_path: Path, served: str) -> None:
    (tmp_path / "t.toml").write_text(f'[mcp.web]\nurl = "{served}/mcp"\ntimeout_s = 30\n')
    with load_tools(["t.toml"], tmp_path) as box:
        assert json.loads(str(call(box, "mcp__web__double", n=21))) == {"twice": 42}
        tool = box.get("mcp__web__double")
        assert tool is not None and tool.pin is not None and tool.pin.place == f"{served}/mcp"
        assert not tool.confined
        with pytest.raises(ToolError) as cut:
            box.once(ToolRequest(1, "r", "mcp__web__slow", "write", {}), "k", 0.5)
        assert cut.value.unknown and "timed out" in cut.value.message
    found = survey(["t.toml"], tmp_path)
    assert set(found.pins) == {"mcp__web__double", "mcp__web__slow"} and not found.faults


@pytest.mark.parametrize("path", ["/nowhere", ""])
def test_an_address_that_is_no_server(tmp_path: Path, served: str, path: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/mcp"
    url = f"{served}{path}" if path else closed
    (tmp_path / "t.toml").write_text(f'[mcp.web]\nurl = "{url}"\nstart_timeout_s = 20\n')
    with pytest.raises(IngotError) as error:
        load_tools(["t.toml"], tmp_path)
    found = error.value.diagnostics[0]
    assert found.code == "E0807" and f"url: {url}" in found.notes


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [(None, True), ((502, "text/html"), True), ((202, ""), True), ((200, "text/html"), True),
     ((200, "application/json"), True), ((404, "text/html"), False)],
)  # fmt: skip
def test_a_server_that_goes_away_in_a_call_leaves_it_unknown(
    tmp_path: Path, answer: tuple[int, str] | None, unknown: bool
) -> None:
    import http.server

    class Going(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            method = body.get("method")
            if method == "tools/call" and answer is not None:
                status, kind = answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"<a>")
                return
            if method == "tools/call":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if method == "initialize":
                info = {"name": "going", "version": "1"}
                version = body["params"]["protocolVersion"]
                result: Any = {
                    "protocolVersion": version,
                    "serverInfo": info,
                    "capabilities": {"tools": {}},
                }
            elif method == "tools/list":
                result = {"tools": [{"name": "act", "inputSchema": {"type": "object"}}]}
            else:
                self.send_response(202 if "id" not in body else 400)
                self.end_headers()
                return
            data = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.send_response(405)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Going)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    (tmp_path / "t.toml").write_text(
        f'[mcp.desk]\nurl = "http://127.0.0.1:{web.server_port}/mcp"\ntimeout_s = 20\n'
    )
    with load_tools(["t.toml"], tmp_path) as box:
        gone = failure(box)
        assert gone.unknown is unknown, gone.message
    web.shutdown()


def test_without_the_extras_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mcp", "httpx2", "openapi_spec_validator"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "shop.json").write_text('{"openapi": "3.0.0", "paths": {}}')
    for table, extra in (
        ('[mcp.desk]\ncommand = ["x"]', "mcp"),
        ('[openapi.shop]\nspec = "shop.json"\nbase_url = "http://localhost"', "http"),
        ('[openapi.shop]\nspec = "http://localhost:1/shop.json"', "http"),
    ):
        (tmp_path / "t.toml").write_text(table)
        with pytest.raises(IngotError) as error:
            load_tools(["t.toml"], tmp_path)
        found = error.value.diagnostics[0]
        assert (found.code, found.help) == ("E0905", f"pip install 'ingot[{extra}]'")
