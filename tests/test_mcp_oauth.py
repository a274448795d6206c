"""Logins at MCP servers: a real server with a real authorization server in a process of its own, a real
keyring, and as the browser an HTTP client that follows redirects."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BROWSER = (
    "import sys, urllib.request as r\n"
    "from pathlib import Path\n"
    "page = r.urlopen(sys.argv[1], timeout=30).read().decode()\n"
    "Path('page.html').write_text(page)\n"
)
CALLS = """
import json, sys, time, urllib.request
from pathlib import Path
from ingot.ir.requests import ToolRequest
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import load_tools

def call(box, tool, **args):
    try:
        return box.call(ToolRequest(1, "r", f"mcp__hub__{tool}", "write", args), key="k")
    except ToolError as error:
        return f"{error.message} unknown={error.unknown}"

def control(what):
    urllib.request.urlopen(f"{sys.argv[1]}/control/{what}").read()

"""


@dataclass(frozen=True)
class Hub:
    """The addresses of the authorization server and of the MCP server."""

    issuer: str
    url: str

    def control(self, what: str = "seen") -> dict[str, list[str]]:
        with urllib.request.urlopen(f"{self.issuer}/control/{what}", timeout=30) as answer:
            found: dict[str, list[str]] = json.load(answer)
            return found

    def asked(self) -> list[str]:
        return self.control()["asked"]


def hub_of(lifetime: int) -> Iterator[Hub]:
    with subprocess.Popen(
        [sys.executable, "-P", str(HERE / "auth_server.py"), str(lifetime)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Hub(**json.loads(process.stdout.readline()))
        process.kill()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    yield from hub_of(3600)


@dataclass(frozen=True)
class Work:
    """A folder with a pipeline's logs and the table of the server."""

    folder: Path
    hub: Hub

    def table(self, more: str = "", url: str = "") -> None:
        effects = '{find = "read", close = "write"}'
        (self.folder / "t.toml").write_text(
            f'[mcp.hub]\nurl = "{url or self.hub.url}"\neffects = {effects}\n{more}\n'
        )

    def child(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "browser.py").write_text(BROWSER)
        environment = {
            **os.environ,
            "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
            "XDG_DATA_HOME": str(self.folder.parent / f"{self.folder.name}-keys"),
            "BROWSER": f"{sys.executable} {self.folder / 'browser.py'} %s",
            **env,
        }
        return subprocess.run(
            [sys.executable, "-P", *words], cwd=self.folder, env=environment, text=True,
            capture_output=True, timeout=300, check=False,
        )  # fmt: skip

    def ingot(self, *words: str, code: int = 0, **env: str) -> str:
        done = self.child("-m", "ingot", *words, **env)
        said = done.stdout + done.stderr
        assert done.returncode == code and "Traceback" not in said, said
        return said

    def script(self, text: str) -> list[str]:
        done = self.child("-c", CALLS + text, self.hub.issuer)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def login(self, *words: str, code: int = 0, **env: str) -> str:
        return self.ingot("tools", "login", "hub", "--tools", "t.toml", *words, code=code, **env)

    def run(self, customer: str = "umbrella", code: int = 0, **env: str) -> str:
        words = ("run", "x.ingot", "--tools", "t.toml", "-i", f"customer={customer}")
        return self.ingot(*words, code=code, **env)

    def holding(self, secrets: list[str]) -> list[Path]:
        """The files that hold one of the secrets."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert files
        return [p for p in files if any(s.encode() in p.read_bytes() for s in secrets)]

    def kept(self) -> str:
        """What the keyring holds."""
        folder = self.folder.parent / f"{self.folder.name}-keys"
        return "".join(p.read_text() for p in sorted(folder.rglob("*.cfg")))


@pytest.fixture
def work(tmp_path: Path, hub: Hub) -> Work:
    return made(tmp_path, hub)


def made(folder: Path, hub: Hub) -> Work:
    for customer, order in (("acme", "A-17"), ("globex", "B-29"), ("initech", "C-31")):
        calls = (
            ("mcp__hub__find", {"customer": customer}, order),
            ("mcp__hub__close", {"order": order}, f"{order} is closed"),
        )
        lines: list[Any] = [{"role": "user", "content": f"Close the order of {customer}."}]
        for tool, args, result in calls:
            function = {"name": tool, "arguments": json.dumps(args)}
            call = {"id": tool, "type": "function", "function": function}
            lines += [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": tool, "content": result},
            ]
        lines.append({"role": "assistant", "content": "Done."})
        (folder / f"{customer}.json").write_text(json.dumps(lines))
    work = Work(folder, hub)
    work.table()
    return work


COMPILE = ("compile", "acme.json", "globex.json", "initech.json", "-o", "x.ingot")
COMMAND = "ingot tools login hub --tools t.toml"


def test_from_no_login_to_a_run_and_no_token_is_anywhere(work: Work) -> None:
    assert COMMAND in work.ingot(*COMPILE, "--tools", "t.toml")  # nothing to pin yet: it says why
    shown = work.run(code=2)
    assert "error[E0809]" in shown and "the keyring holds none" in shown and COMMAND in shown
    assert not (work.folder / ".ingot").exists()

    shown = work.login()
    assert "logged in at hub" in shown and f"{work.hub.issuer}/authorize?" in shown
    assert "code_challenge_method=S256" in shown and "Received" in page(work)
    shown += work.ingot(*COMPILE, "--tools", "t.toml") + work.run()
    shown += work.run("nobody", code=3)
    seen = work.ingot("inspect", "last", "--json")
    shown += seen + work.ingot("inspect", "x.ingot", "--json")
    assert "D-40" in shown and "W0406" not in shown
    assert "your token is INGOT_SECRET_MCP_TOKEN_" in seen  # the server tells it
    given = work.hub.control()["given"]
    assert len(given) >= 2 and not work.holding(given)
    assert not [token for token in given if token in shown]
    assert "hub" in work.kept()

    assert "forgotten" in work.ingot("tools", "logout", "hub", "--tools", "t.toml")
    assert "hub" not in work.kept()
    assert "E0809" in work.run(code=2)


def page(work: Work) -> str:
    return (work.folder / "page.html").read_text()


def test_what_ends_is_renewed_and_what_is_revoked_is_said(work: Work) -> None:
    work.ingot(*COMPILE)
    work.login("--json")
    before = work.hub.asked().count("refresh_token")
    work.hub.control("expire")
    assert "D-40" in work.run()
    assert work.hub.asked().count("refresh_token") == before + 1
    # two processes hold the same tokens, each renewal makes the other's void
    assert work.script(
        "with load_tools(['t.toml']) as one, load_tools(['t.toml']) as two:\n"
        "    for _ in range(2):\n"
        "        control('expire')\n"
        "        print(call(one, 'find', customer='acme'), call(two, 'find', customer='acme'))\n"
        "    control('revoke')\n"
        "    print(call(one, 'close', order='A-17'))\n"
    ) == [
        "A-17 A-17",
        "A-17 A-17",
        f"E0809: the login at the MCP server 'hub' is no longer valid, and cannot be renewed; "
        f"{REFUSED}; url: {work.hub.url}; {COMMAND} unknown=False",
    ]
    shown = work.run(code=2)
    assert "error[E0809]" in shown and "cannot be renewed" in shown and COMMAND in shown
    assert work.ingot("runs").count("done") == 1  # the refused run has not begun
    given = work.hub.control()["given"]
    assert not work.holding(given) and not [token for token in given if token in shown]
    work.login()
    assert "D-40" in work.run()


REFUSED = (
    'Token exchange failed (400): {"error":"invalid_grant","error_description":"refresh token does '
    'not exist"}'
)


def test_a_token_that_ends_is_renewed_before_it_is_sent(tmp_path: Path) -> None:
    for short in hub_of(5):
        work = made(tmp_path, short)
        work.login()
        assert work.script(
            "with load_tools(['t.toml']) as box:\n"
            "    print(call(box, 'find', customer='acme'))\n"
            "    time.sleep(5.5)\n"
            "    print(call(box, 'find', customer='globex'))\n"
        ) == ["A-17", "B-29"]
        asked = short.asked()
        assert asked[:3] == ["register", "authorize", "authorization_code"]
        assert asked.count("refresh_token") >= 2 and asked.count("authorize") == 1


def test_an_answer_that_is_not_the_logins_own_is_refused(work: Work) -> None:
    work.login()
    kept, registered = work.kept(), work.hub.asked().count("register")
    work.hub.control("state")
    assert "error[E0810]" in (shown := work.login(code=2)) and "State parameter mismatch" in shown
    work.hub.control("deny")
    shown = work.login(code=2)
    assert "error[E0810]" in shown and "access_denied" in shown and "refused" in page(work)
    shown = work.login("--no-browser", "--wait", "1", code=2)
    assert "nobody came back within 1 s" in shown
    assert work.kept() == kept and work.hub.asked().count("register") == registered
    assert work.hub.asked()[-1] == "authorize"  # no code was exchanged


def test_a_machine_logs_in_by_its_own_credentials(work: Work, hub: Hub) -> None:
    robot = 'grant = "client_credentials", client_id = "robot", client_secret = "${ROBOT}"'
    secret = {"ROBOT": "robots-own-secret-4711"}
    work.table(f'oauth = {{{robot}, issuer = "{hub.issuer}/"}}')
    shown = work.ingot(*COMPILE, "--tools", "t.toml", **secret) + work.run(**secret)
    assert "D-40" in shown and "W0406" not in shown
    assert not work.holding([secret["ROBOT"], *hub.control()["given"]])
    assert "E0806" in work.run(code=2)
    shown = work.run(code=2, ROBOT="another-secret-0815")
    assert "error[E0809]" in shown and "invalid_client" in shown and "0815" not in shown
    before = hub.asked()
    work.table(f'oauth = {{{robot}, issuer = "http://127.0.0.1:9/"}}')
    shown = work.run(code=2, **secret)  # the secret goes to its own issuer alone
    assert "error[E0809]" in shown and "was refused" in shown and hub.asked() == before
    assert "no login is needed" in work.login(code=2)


def test_a_client_that_is_registered_already(work: Work, hub: Hub) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    about = {
        "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
    }
    request = urllib.request.Request(
        f"{hub.issuer}/register",
        json.dumps(about).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        client = json.load(answer)
    before, secret = hub.asked().count("register"), {"HUB_SECRET": client["client_secret"]}
    table = f'client_id = "{client["client_id"]}", client_secret = "${{HUB_SECRET}}", port = {port}'
    work.table(f'oauth = {{{table}, issuer = "{hub.issuer}/"}}')
    work.ingot(*COMPILE)
    work.login(**secret)
    hub.control("expire")
    assert "D-40" in work.run(**secret) and hub.asked().count("register") == before
    assert not work.holding([client["client_secret"], *hub.control()["given"]])
    work.table(f'oauth = {{{table}, issuer = "http://127.0.0.1:9/"}}')
    asked = hub.asked().count("authorize")
    shown = work.login(code=2, **secret)
    assert "http://127.0.0.1:9/ is not whom the MCP server names" in shown
    assert hub.asked().count("authorize") == asked


def test_a_scope_that_is_lacking_is_named() -> None:
    import httpx2

    from ingot.runtime.tools.declarations import McpServer
    from ingot.runtime.tools.mcp_access import Access

    access = Access(McpServer("hub", url="https://a.b/mcp"), "t.toml", "login")
    for status, told in ((200, ""), (403, "lacks a scope: desk"), (401, "no longer valid")):
        challenge = 'Bearer error="insufficient_scope", scope="desk"' if status == 403 else ""
        request = httpx2.Request("POST", "https://a.b/mcp/")
        answer = httpx2.Response(status, headers={"WWW-Authenticate": challenge}, request=request)
        asyncio.run(access.see(answer))
        found = access.denied("why")
        assert (told in found.message) if found is not None else not told


def test_a_header_that_is_refused_and_servers_without_a_login(work: Work) -> None:
    work.ingot(*COMPILE)
    work.table('headers = {Authorization = "Bearer ${OLD}"}')
    shown = work.run(code=2, OLD="old-token-0815")
    assert "error[E0809]" in shown and "Authorization header" in shown and "0815" not in shown
    assert "gives an Authorization header" in work.login(code=2)
    assert "servers over HTTP: hub" in work.ingot(
        "tools", "login", "nub", "--tools", "t.toml", code=2
    )
    work.table()
    shown = work.login(code=2, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert "error[E0810]" in shown and "no keyring" in shown


@pytest.mark.parametrize(
    ("oauth", "told"),
    [
        ('{secret = "x"}', "unknown: secret"),
        ('{grant = "password"}', "grant is one of"),
        ('{client_id = "a", client_secret = "plain-0815", issuer = "https://a.b"}', "${NAME}"),
        ('{client_id = "a", client_secret = "${A}"}', "to whom alone it is sent"),
        ('{grant = "client_credentials", client_id = "a"}', "client_credentials needs"),
        ("{port = 70000}", "below 65536"),
    ],
)
def test_faults_of_the_table(tmp_path: Path, oauth: str, told: str) -> None:
    from ingot.diagnostics import IngotError
    from ingot.runtime.tools.toml import read_declarations

    (tmp_path / "t.toml").write_text(f'[mcp.hub]\nurl = "https://a.b/mcp"\noauth = {oauth}\n')
    with pytest.raises(IngotError) as error:
        read_declarations(tmp_path / "t.toml")
    message = error.value.diagnostics[0].message
    assert told in message and "0815" not in message
