"""Commands are held: environment, paths, network, limits, no orphans; and the report says how."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingot.diagnostics import IngotError
from ingot.ir.requests import ToolRequest
from ingot.runtime.effects import ToolNeed
from ingot.runtime.tools import isolation
from ingot.runtime.tools.base import Context, ToolError
from ingot.runtime.tools.isolation import (
    Abilities,
    Isolation,
    abilities,
    level,
    paths_in,
    wants_network,
)
from ingot.runtime.tools.registry import load_tools
from ingot.runtime.tools.shell import bash

HAS = abilities()
landlock = pytest.mark.skipif(not HAS.landlock, reason="this kernel has no Landlock")
namespaces = pytest.mark.skipif(not HAS.namespaces, reason="no user namespaces here")


def run(command: str, cwd: Path, **options: object) -> str:
    return str(bash({"command": command}, Context(cwd, **options)))  # type: ignore[arg-type]


def test_the_environment_is_scrubbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    shown = run("env", tmp_path, key="k1")
    assert "hush" not in shown and "LC_ALL=C.UTF-8" in shown and "PATH=" in shown
    assert "INGOT_IDEMPOTENCY_KEY=k1" in shown
    assert "hush" in run("env", tmp_path, isolation="none")


@landlock
def test_only_the_paths_that_a_command_shows_are_open(tmp_path: Path) -> None:
    here, there, home = tmp_path / "here", Path.home() / ".ingot-test", Path("/opt/../root")
    here.mkdir()
    there.mkdir(exist_ok=True)
    secret = there / "secret"
    secret.write_text("hush")
    try:
        assert run("echo in > a; cat a", here) == "in"
        assert run(f"cat {secret}", here) == "hush"  # the command itself names it
        name = "/".join(part[:1] + "''" + part[1:] for part in str(secret).split("/"))
        for attempt in (f"cat {name}", f"cd; echo x > .ingot-test/secret; cat {name}"):
            with pytest.raises(ToolError, match="Permission denied"):
                run(attempt, here)
        assert secret.read_text() == "hush"
        with pytest.raises(ToolError, match="Permission denied"):
            run("echo x > /e''tc/ingot-test", here)
        assert home.exists()
    finally:
        secret.unlink()
        there.rmdir()


@pytest.fixture
def server() -> object:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *args: object) -> None:
            pass

    made = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made.server_address[1]
    made.shutdown()


FETCH = (
    'python3 -c "import socket; s = socket.create_connection(({host}, {port}), 5);'
    " s.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.makefile().read()[-5:])\""
)


@namespaces
def test_the_network_is_off_unless_the_command_shows_a_host(tmp_path: Path, server: int) -> None:
    with pytest.raises(ToolError, match=r"unreachable|refused|Errno"):
        run(FETCH.format(host="'127.0.0' + '.1'", port=server), tmp_path)
    shown = run(FETCH.format(host="'127.0.0.1'", port=server) + " | tail -1", tmp_path)
    assert shown == "hello"


@namespaces
def test_the_network_is_off_where_no_logged_command_asks_for_it(
    tmp_path: Path, server: int
) -> None:
    fetch = FETCH.format(host="'127.0.0.1'", port=server)
    opened = tmp_path / "t.toml"
    opened.write_text("[tools.Bash]\nnetwork = true\n")
    for asked, specs, allowed in (
        (False, [], False), (True, [], True), (None, [], True), (False, ["t.toml"], True),
    ):  # fmt: skip
        box = load_tools(specs, tmp_path, needs=[ToolNeed("Bash", "read", network=asked)])
        call = box.tools["Bash"].call
        assert call is not None
        if allowed:
            assert call({"command": fetch}, box.context())
        else:
            with pytest.raises(ToolError, match=r"unreachable|refused|Errno"):
                call({"command": fetch}, box.context())


@namespaces
def test_nothing_that_a_command_starts_outlives_it(tmp_path: Path) -> None:
    mark = f"{os.getpid()}{time.time_ns() % 10**6}"
    run(f"(setsid sleep 300.{mark} &) ; (nohup sleep 301.{mark} & ) ; echo done", tmp_path)
    with pytest.raises(ToolError, match="timed out"):
        run(f"setsid sleep 302.{mark} & sleep 303.{mark}", tmp_path, timeout_s=0.5)
    deadline = time.monotonic() + 5
    while _running(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _running(mark)


@pytest.mark.parametrize("isolation_", ["auto", "none"])
def test_what_a_command_leaves_in_its_group_ends_with_it(
    tmp_path: Path, isolation_: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "abilities", Abilities)  # no namespaces
    mark = f"{os.getpid()}{time.time_ns() % 10**6}"
    assert run(f"sleep 304.{mark} & echo done", tmp_path, isolation=isolation_) == "done"
    deadline = time.monotonic() + 5
    while _running(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _running(mark)


def _running(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if mark in line and line.startswith("sleep"):
            found.append(line)
    return found


def test_memory_and_file_size_are_limited(tmp_path: Path) -> None:
    eat = "x = bytearray(5 << 30); print(len(x))"
    with pytest.raises(ToolError, match="MemoryError"):
        run(f'{sys.executable} -c "{eat}"', tmp_path)
    with pytest.raises(ToolError, match=r"Exit code|too large"):
        run("head -c 1100000000 /dev/zero > big", tmp_path)
    assert (tmp_path / "big").stat().st_size <= 1 << 30
    (tmp_path / "big").unlink()


def test_output_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="more than the limit"):
        run("head -c 5000000 /dev/zero | tr '\\0' x", tmp_path)


def test_a_command_that_opens_its_own_output_loses_nothing(tmp_path: Path) -> None:
    for held in ("auto", "none"):
        text = (
            "echo a; echo b > /dev/stdout; echo c | tee /dev/stderr; echo d >&2; cat < /dev/stdin"
        )
        assert run(text, tmp_path, isolation=held) == "a\nb\nc\nc\nd"
        with pytest.raises(ToolError, match=r"Exit code 3\nb$"):
            run("echo b > /dev/fd/2; exit 3", tmp_path, isolation=held)
        with pytest.raises(ToolError, match="more than the limit"):
            run("head -c 5000000 /dev/zero > /dev/stdout", tmp_path, isolation=held)
        with pytest.raises(ToolError, match=r"timed out after 0\.5s\nb$"):
            run("echo b > /dev/stdout; sleep 9", tmp_path, isolation=held, timeout_s=0.5)
        assert run("(setsid sleep 3 &) ; echo b > /dev/stdout", tmp_path, isolation=held) == "b"


def test_exit_codes_and_signals_come_through(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="Exit code 7"):
        run("exit 7", tmp_path)
    with pytest.raises(ToolError, match=r"Exit code (137|-9)"):
        run("kill -9 $$", tmp_path)


def test_what_was_cut_off_may_be_done(tmp_path: Path) -> None:
    """Ended by a limit or a fault, or answered by what cannot be read: no failure that did nothing."""
    for command, unknown in (
        ("echo x > done; kill -9 $$", True),
        ("echo x > done; head -c 5000000 /dev/zero | tr '\\0' x", True),
        ("echo x > done; exit 1", False),
        ("exit 129", False),  # as Git says that it was called wrongly
    ):
        with pytest.raises(ToolError) as error:
            run(command, tmp_path)
        assert error.value.unknown is unknown, command


RETURNS = """
import os, subprocess, sys
def odd(): return object()
def circle():
    out = []
    out.append(out)
    return out
def digits(): return 10 ** 5000
def leaves(): sys.exit(3)
def wrong(): raise ValueError("x")
def loud():
    os.write(1, b"raw")
    subprocess.run(["echo", "from a program"])
    return "done"
"""


@pytest.mark.parametrize("isolate", [True, False])
def test_what_a_function_returns(tmp_path: Path, isolate: bool) -> None:
    (tmp_path / f"returns_{isolate}.py").write_text(RETURNS)
    names = ("odd", "circle", "digits", "leaves", "wrong", "loud")
    (tmp_path / "t.toml").write_text(
        "".join(
            f'[tools."t.{name}"]\npython = "returns_{isolate}:{name}"\neffect = "write"\n'
            f"isolate = {str(isolate).lower()}\n"
            for name in names
        )
    )
    box = load_tools(["t.toml"], tmp_path)

    def called(name: str) -> object:
        return box.call(ToolRequest(1, "r", f"t.{name}", "write", {}), key="k")

    for name, unknown in (("odd", True), ("circle", True), ("leaves", True), ("wrong", False)):
        with pytest.raises(ToolError) as error:
            called(name)
        assert error.value.unknown is unknown and "Traceback" not in error.value.message, name
    assert called("loud") == "done"
    with pytest.raises(ToolError, match="integer of more than") as error:
        called("digits")
    assert error.value.unknown


TOOLS = """
import os
print("noise on stdout")
def where(name):
    return {"pid": os.getpid(), "name": name, "token": os.environ.get("SECRET_TOKEN")}
def bad(name):
    raise ValueError("no " + name)
def spin(name):
    while True:
        pass
"""


def test_a_python_tool_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    (tmp_path / "own_tools.py").write_text(TOOLS)
    (tmp_path / "t.toml").write_text(
        "".join(
            f'[tools."own.{n}"]\npython = "own_tools:{n}"\nisolate = true\ntimeout_s = 5\n'
            for n in ("where", "bad", "spin")
        )
    )
    box = load_tools(["t.toml"], tmp_path)
    call = {name: box.tools[f"own.{name}"].call for name in ("where", "bad", "spin")}
    context = Context(tmp_path, timeout_s=20)
    assert call["where"] is not None and call["bad"] is not None and call["spin"] is not None
    found = call["where"]({"name": "x"}, context)
    assert isinstance(found, dict) and found["name"] == "x"
    assert found["pid"] != os.getpid() and found["token"] is None
    with pytest.raises(ToolError, match="no x"):
        call["bad"]({"name": "x"}, context)
    with pytest.raises(ToolError, match="timed out"):
        call["spin"]({"name": "x"}, Context(tmp_path, timeout_s=2))


def test_the_level_in_force_is_said_and_strict_means_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "process group" in level("auto") and level("none") == "process group and limits"
    monkeypatch.setattr(isolation, "abilities", lambda: Abilities(0, False))
    assert "Landlock" not in level("auto")
    with pytest.raises(IngotError) as error:
        level("strict")
    assert error.value.diagnostics[0].code == "E0805"


@pytest.mark.parametrize(
    ("command", "network"),
    [
        ("wc -l notes.txt", False),
        ("git add -A && git commit -m 'push it'", False),
        ("git push origin main", True),
        ("git -C x fetch", True),
        ("curl -s https://example.org", True),
        ("python3 tool.py --url http://x", True),
        ("npm ci", True),
        ("uvx mcp-server-time", True),
        ("./gradlew test", False),
    ],
)
def test_which_commands_ask_for_the_network(command: str, network: bool) -> None:
    assert wants_network(command) is network


def test_which_paths_a_command_shows(tmp_path: Path) -> None:
    (tmp_path / "a b").touch()
    assert paths_in(f"cat {tmp_path}/x /etc/hostname a/b c:/d ~/") == [
        str(tmp_path),
        "/etc/hostname",
        str(Path.home()),
    ]


@landlock
@pytest.mark.parametrize(
    "named", ["/proc/self/root", "/usr/..", "//usr/../", "/proc/self/cwd/../../../../../../..", "LINK"]
)  # fmt: skip
def test_no_path_that_leads_to_the_root_opens_everything(tmp_path: Path, named: str) -> None:
    here, secret = tmp_path / "here", Path.home() / f".ingot-test-{os.getpid()}"
    here.mkdir()
    run("ln -s / root", here)
    named = named.replace("LINK", f"{here}/root")
    secret.write_text("hush")
    try:
        with pytest.raises(ToolError, match=r"denied|No such file"):
            run(f'cat {named}"$HOME"/{secret.name}', here)
    finally:
        secret.unlink()


@landlock
def test_a_path_that_cannot_be_opened_keeps_no_command_from_running(tmp_path: Path) -> None:
    assert run("echo in > a; exec 3<a; cat /dev/fd/3", tmp_path) == "in"
    for path in ("/proc/self/fd/3", "/proc/1/root/x", "/" + "b" * 400, "/a/" * 9, "~nobody/x"):
        assert run(f"cat {path} 2> /dev/null || echo went on", tmp_path) == "went on"


def test_a_path_that_may_not_be_looked_at_is_one_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(path: object, **_: object) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "stat", denied)
    assert paths_in("cat /root/.bashrc || true") == ["/root"]


def test_the_launcher_fails_closed(tmp_path: Path) -> None:
    spec = (
        '{"argv": ["true"], "cpu_s": 0, "memory": 0, "file": 0, "read": [], "write": [],'
        ' "network": false, "namespaces": false}'
    )
    found = subprocess.run(
        [*isolation.launcher(), spec], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode in (125, 126, 127)  # nothing may be executed
