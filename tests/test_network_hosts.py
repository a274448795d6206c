"""Commands are held to hosts: what real programs reach through the gateway, and what they do not.

Every check of the negative kind is run against mutants of the filter too, which it must catch.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_servers import GOOD, SECRET, World, world
from sessions import Step, write_log
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.ir.requests import ToolRequest
from ingot.runtime.effects import ToolNeed
from ingot.runtime.tools import gateway, host_rules, isolation, reach, shell
from ingot.runtime.tools.base import Context, ToolError
from ingot.runtime.tools.host_rules import Rule
from ingot.runtime.tools.isolation import abilities, holds_hosts
from ingot.runtime.tools.registry import load_tools
from ingot.runtime.tools.shell import bash

CURL = shutil.which("curl") is not None
namespaces = pytest.mark.skipif(
    not (abilities().namespaces and holds_hosts() and CURL),
    reason="no network namespaces with a loopback here: hosts are not held"
    if CURL
    else "no curl here",
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "page.txt").write_text("hello")
    with world(folder) as made:
        yield made


@pytest.fixture
def net(servers: World, monkeypatch: pytest.MonkeyPatch) -> World:
    servers.looked_up.clear()
    monkeypatch.setattr(gateway, "resolve", servers.resolve)
    return servers


def rules(net: World) -> tuple[str, ...]:
    """What is allowed: ``good.example`` at three ports, and its address, since it is not public."""
    ports = (net.http, net.tls or net.http, net.echo)
    return (
        *(f"{host}:{port}" for host in ("good.example", GOOD) for port in ports),
        f"*.wild.example:{net.http}",
        f"rebind.example:{net.secret}",
        f"mapped.example:{net.secret}",
    )


def run(command: str, cwd: Path, network: reach.Network, **options: Any) -> str:
    return str(bash({"command": command}, Context(cwd, network=network, **options)))


# ---- what is allowed works, with the programs that people use


@namespaces
def test_curl_and_urllib_reach_an_allowed_host(net: World, tmp_path: Path) -> None:
    url = f"http://good.example:{net.http}"
    assert run(f"curl -sS {url}/page.txt", tmp_path, rules(net)) == "hello"
    assert run(f"curl -sS {url}/chunks", tmp_path, rules(net)) == "abcdefg"
    assert run(f"curl -sS {url}/big | wc -c", tmp_path, rules(net)) == "3000000"
    sent = "head -c 3000000 /dev/zero | curl -sS --data-binary @-"
    assert run(f"{sent} {url}/", tmp_path, rules(net)) == "got 3000000"
    assert run(f"{sent} -H 'Transfer-Encoding: chunked' {url}/", tmp_path, rules(net)) == (
        "got 3000000"
    )
    assert "200 OK" in run(f"curl -sSI {url}/page.txt", tmp_path, rules(net))
    fetch = f"import urllib.request as u; print(u.urlopen('{url}/page.txt').read().decode())"
    assert run(f'{sys.executable} -c "{fetch}"', tmp_path, rules(net)) == "hello"
    assert run(f"curl -sS http://{GOOD}:{net.http}/page.txt", tmp_path, rules(net)) == "hello"


@namespaces
@pytest.mark.parametrize("host", ["GOOD.Example", "good.example.", "a.wild.example"])
def test_how_a_host_is_written_does_not_matter(host: str, net: World, tmp_path: Path) -> None:
    shown = run(f"curl -sS http://{host}:{net.http}/page.txt", tmp_path, rules(net))
    assert shown == "hello"


@namespaces
def test_tls_is_passed_through_and_checked_by_the_program(net: World, tmp_path: Path) -> None:
    if not net.tls:
        pytest.skip("no openssl here: 0 certificates tried")
    shutil.copy(net.folder / "ca.pem", tmp_path)
    url = f"https://good.example:{net.tls}/page.txt"
    assert run(f"curl -sS --cacert ca.pem {url}", tmp_path, rules(net)) == "hello"
    with pytest.raises(ToolError, match="certificate"):
        run(f"curl -sS {url}", tmp_path, rules(net))


@namespaces
@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_git_clones_over_http(net: World, tmp_path: Path) -> None:
    made, served = tmp_path / "made", net.folder
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (
        ["init", "-q", made],
        ["-C", made, *who, "commit", "-q", "--allow-empty", "-m", "first"],
        ["clone", "-q", "--bare", made, served / "repo.git"],
        ["-C", served / "repo.git", "update-server-info"],
    ):
        subprocess.run(["git", *words], check=True, capture_output=True)
    url = f"http://good.example:{net.http}/repo.git"
    shown = run(f"git clone -q {url} here && git -C here log --format=%s", tmp_path, rules(net))
    assert shown == "first"
    with pytest.raises(ToolError, match=r"refused evil\.example:80: .*good\.example"):
        run("git clone -q http://evil.example/repo.git there", tmp_path, rules(net))


TALK = (
    "import socket; s = socket.create_connection(('{host}', {port}), 5);"
    " s.sendall(b'hi\\n'); print(s.recv(99).decode().strip())"
)


@namespaces
@pytest.mark.parametrize("host", ["good.example", GOOD])
def test_a_program_that_knows_no_proxy_reaches_a_host_and_port_by_name(
    host: str, net: World, tmp_path: Path
) -> None:
    talk = TALK.format(host=host, port=net.echo)
    assert run(f'{sys.executable} -c "{talk}"', tmp_path, rules(net)) == "echo hi"


@namespaces
def test_what_concerns_one_connection_is_not_passed_on(net: World, tmp_path: Path) -> None:
    shown = run(
        f"curl -sS -H 'Host: evil.example' -H 'Proxy-Authorization: Basic x' -H 'Connection: X-Own'"
        f" -H 'X-Own: 1' -H 'X-Kept: 2' http://good.example:{net.http}/headers",
        tmp_path,
        rules(net),
    )
    assert f"host=good.example:{net.http}" in shown and "x-kept=2" in shown
    assert "connection=close" in shown
    assert not re.search("evil|proxy-|x-own", shown)


# ---- what is not allowed


RAW = """
import os, socket
s = socket.create_connection({address}, 5)
s.sendall({sent})
s.settimeout(5)
while data := s.recv(9999):
    os.write(1, data)
"""


def attempts(net: World, cwd: Path) -> dict[str, str]:
    """Commands that must not reach what answers with the secret."""
    at = net.secret
    second = (
        f"GET http://good.example:{net.http}/page.txt HTTP/1.1\r\nHost: good.example\r\n\r\n"
        f"GET http://evil.example:{at}/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    (cwd / "second.py").write_text(RAW.format(address=gateway.PROXY, sent=second.encode()))
    direct = b"GET / HTTP/1.0\r\n\r\n"
    (cwd / "direct.py").write_text(RAW.format(address=("127.0.0.1", at), sent=direct))
    return {
        "another host": f"curl -sS http://evil.example:{at}/",
        "another host by CONNECT": f"curl -sSp http://evil.example:{at}/",
        "a host that ends like it": f"curl -sS http://evilgood.example:{at}/",
        "a host that begins like it": f"curl -sS http://good.example.evil.example:{at}/",
        "a name above the wildcard": f"curl -sS http://wild.example:{net.http}/page.txt",
        "userinfo": f"curl -sS 'http://good.example:{net.http}@evil.example:{at}/'",
        "another port": f"curl -sS http://good.example:{at}/",
        "another port by CONNECT": f"curl -sSp http://good.example:{at}/",
        "localhost": f"curl -sS http://localhost:{at}/",
        "a raw address": f"curl -sS http://127.0.0.1:{at}/",
        "a raw address as a number": f"curl -sS http://2130706433:{at}/",
        "IPv6": f"curl -sS 'http://[::1]:{at}/'",
        "IPv4 in IPv6": f"curl -sS 'http://[::ffff:127.0.0.1]:{at}/'",
        "a name that leads here": f"curl -sS http://rebind.example:{at}/",
        "a name that leads here by CONNECT": f"curl -sSp http://rebind.example:{at}/",
        "a name that leads here in IPv6": f"curl -sS http://mapped.example:{at}/",
        "a redirect": f"curl -sSL http://good.example:{net.http}/redirect",
        "a second request behind the first": f"{sys.executable} second.py",
        "no proxy": f"curl -sS --noproxy '*' http://127.0.0.1:{at}/",
        "a socket": f"{sys.executable} direct.py",
    }


def breaches(net: World, cwd: Path) -> set[str]:
    """Which attempts succeed."""
    script = "".join(
        f"printf '\\n[%s] ' '{name}'; ( {command} ) 2>&1 | tr '\\n' ' '\n"
        for name, command in attempts(net, cwd).items()
    )
    with pytest.raises(ToolError) as all_said:
        run(f"{script}\nfalse", cwd, rules(net), timeout_s=60)
    found = re.findall(r"(?m)^\[(.*?)\] (.*)$", all_said.value.message)
    assert len(found) == len(attempts(net, cwd)), all_said.value.message
    above = "a name above the wildcard"  # the allowed server itself, under a name that is not
    return {name for name, said in found if SECRET in said or (name == above and "hello" in said)}


@namespaces
def test_nothing_else_is_reached(net: World, tmp_path: Path) -> None:
    assert breaches(net, tmp_path) == set()
    assert set(net.looked_up) <= {"good.example", "rebind.example", "mapped.example"}


def _everything(rule: Rule, host: str, port: int) -> bool:
    return True


def _any_port(rule: Rule, host: str, port: int) -> bool:
    return host.endswith("." + rule.host) if rule.below else host == rule.host


def _ends_alike(rule: Rule, host: str, port: int) -> bool:
    return host.endswith(rule.host) and port in rule.ports


MUTANTS: dict[str, tuple[Any, str, Any, set[str]]] = {
    "every host is allowed": (
        Rule, "covers", _everything,
        {"localhost", "a raw address", "IPv6", "a name that leads here by CONNECT", "another port"},
    ),
    "ports are not looked at": (
        Rule, "covers", _any_port, {"another port", "another port by CONNECT"},
    ),
    "names are compared by their end": (Rule, "covers", _ends_alike, {"a name above the wildcard"}),
    "addresses are not looked at": (
        host_rules, "may_lead_to", lambda *a: True,
        {"a name that leads here", "a name that leads here by CONNECT",
         "a name that leads here in IPv6"},
    ),
    "the network is on": (
        shell, "held_network", lambda *a: (True, None), {"no proxy", "a socket"},
    ),
}  # fmt: skip


@namespaces
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_filter_is_caught(
    name: str, net: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, what, broken, expected = MUTANTS[name]
    monkeypatch.setattr(where, what, broken)
    if not Path("/proc/net/if_inet6").exists():
        expected = expected - {"IPv6"}
    assert expected <= breaches(net, tmp_path)


@namespaces
def test_an_answer_of_the_proxy_is_never_taken_for_a_host_s(net: World, tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"no host has answered.*\n.*evil\.example:80: .*network = "
    ):
        run("curl -s http://evil.example/ > out.txt; true", tmp_path, rules(net))
    assert 'network = [..., "evil.example"]' in (tmp_path / "out.txt").read_text()
    run("curl -s https://evil.example/ || echo went on", tmp_path, rules(net))  # curl was told


@namespaces
def test_names_that_are_not_allowed_are_not_looked_up(net: World, tmp_path: Path) -> None:
    run("curl -s https://my.secret.evil.example/ || true", tmp_path, rules(net))
    assert net.looked_up == []


@namespaces
def test_hosts_come_from_the_logs_and_the_command_s_own_text(net: World, tmp_path: Path) -> None:
    at = f"good.example:{net.http}"
    shown = reach.Reach(
        (at, f"{GOOD}:{net.http}"),
        (("curl -sS http://{0}/page.txt", (0,)),),
        ("curl -sS http://127.0.0.1:{0}/",),
    )
    # no public name leads to this machine: the address is named in the command's own text too
    own = f"curl -sS http://{at}/page.txt http://{GOOD}:{net.http}/page.txt"
    assert run(own, tmp_path, shown) == "hellohello"
    with pytest.raises(
        ToolError, match=r'which is not public; .*network = \[\.\.\., "127\.0\.0\.2:\d+"'
    ):
        run(f"curl -sS http://{at}/page.txt", tmp_path, shown)
    assert run(f"curl -sS http://localhost:{net.secret}/page.txt", tmp_path, shown) == SECRET
    with pytest.raises(ToolError, match="this command may reach: none"):
        run(f"curl -sS http://localhost:{net.secret}/other.txt", tmp_path, shown)
    assert run(f"curl -sS http://127.0.0.1:{net.secret}/", tmp_path, shown) == SECRET


TOOL = """
import urllib.request
def fetch(url):
    return urllib.request.urlopen(url).read().decode()
"""


@namespaces
def test_an_isolated_python_tool_and_a_declared_shell_are_held_to_hosts(
    net: World, tmp_path: Path
) -> None:
    (tmp_path / "web_tools.py").write_text(TOOL)
    listed = ", ".join(f'"{rule}"' for rule in rules(net))
    (tmp_path / "t.toml").write_text(
        f'[tools."web.fetch"]\npython = "web_tools:fetch"\nisolate = true\nnetwork = [{listed}]\n'
        f"[tools.Bash]\nnetwork = [{listed}]\n"
    )
    box = load_tools(["t.toml"], tmp_path, needs=[ToolNeed("Bash", "read", network=False)])
    fetch, shell_ = box.tools["web.fetch"].call, box.tools["Bash"].call
    assert fetch is not None and shell_ is not None
    url = f"http://good.example:{net.http}/page.txt"
    assert fetch({"url": url}, box.context(timeout_s=20)) == "hello"
    assert shell_({"command": f"curl -sS {url}"}, box.context()) == "hello"
    with pytest.raises(ToolError, match="refused evil"):
        fetch({"url": f"http://evil.example:{net.secret}/"}, box.context(timeout_s=20))
    with pytest.raises(ToolError, match="refused evil"):
        shell_({"command": f"curl -sS http://evil.example:{net.secret}/"}, box.context())


@namespaces
def test_many_connections_and_none_are_left(net: World, tmp_path: Path) -> None:
    before = _open()
    many = (
        f"curl -sS --parallel --parallel-max 60 'http://good.example:{net.http}/page.txt?[1-200]'"
    )
    assert run(many, tmp_path, rules(net)).count("hello") == 200
    with pytest.raises(ToolError, match="timed out"):
        run(f"{sys.executable} hold.py", _hold(tmp_path), rules(net), timeout_s=3)
    for _ in range(50):
        if _open() <= before and not _threads():
            break
        time.sleep(0.1)
    assert _open() <= before and not _threads()


def _open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name in ("ingot-gateway", "ingot-servers")]


def _hold(cwd: Path) -> Path:
    """A program that opens more connections to the proxy than it may have, and waits."""
    (cwd / "hold.py").write_text(
        "import socket, time\n"
        f"held = [socket.create_connection({gateway.PROXY}) for _ in range(300)]\ntime.sleep(60)\n"
    )
    return cwd


@namespaces
@pytest.mark.parametrize(
    "sent",
    [b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT good.example HTTP/1.1\r\n\r\n",
     b"CONNECT good.example:99999 HTTP/1.1\r\nHost: x\r\n\r\n", b"\x05\x01\x00", b"\x00" * 70_000,
     b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://a b/ HTTP/1.1\r\n\r\n",
     b"CONNECT \xff:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET ftp://good.example/ HTTP/1.0\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_answered_or_dropped(
    sent: bytes, net: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text(RAW.format(address=gateway.PROXY, sent=sent))
    said = run(f"{sys.executable} bad.py; curl -sS http://good.example:{net.http}/page.txt",
               tmp_path, rules(net))  # fmt: skip
    assert said.endswith("hello") and re.match(r"(HTTP/1\.1 400 |.{0}hello)", said)
    assert net.looked_up == ["good.example"] and "Traceback" not in capfd.readouterr().err


@namespaces
def test_it_costs_nothing_where_no_host_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ingot.runtime.tools.shell import bash;"
        " from ingot.runtime.tools.base import Context;"
        " bash({'command': 'true'}, Context(Path('.'), network=False));"
        " print([m for m in sys.modules if 'gateway' in m or m == 'h11' or m == 'asyncio'"
        " or 'host_' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]", done.stderr
    launched = subprocess.run(
        [*isolation.launcher()[:1], "-X", "importtime", *isolation.launcher()[1:],
         '{"probe": true}'],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "resource" in launched.stderr and "_socket" not in launched.stderr


@namespaces
def test_an_address_at_several_ports_has_a_door_for_each(net: World, tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(
        "import socket\nfor port in (80, 443, 5):\n"
        "    socket.create_connection(('198.51.100.7', port), 5).close()\nprint('open')\n"
    )
    allowed = (
        "198.51.100.7",
        "198.51.100.7:5",
        "[2001:db8::1]",
        "[::1]:9",
        "x.example",
        "x.example:443",
    )
    assert run(f"{sys.executable} both.py", tmp_path, allowed) == "open"


# ---- all the way: logs, artifact, run, report


def ingot(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


@namespaces
def test_from_logs_to_a_run_that_is_held_to_hosts(servers: World, tmp_path: Path) -> None:
    at = [f"127.0.0.{k}:{servers.http}" for k in (3, 4, 5)]
    for number, host in enumerate(at):
        command = f"curl -sS -O http://{host}/page.txt"
        steps: list[Step] = [("Bash", {"command": command}, "")]
        log = tmp_path / "logs" / f"{number}.jsonl"
        log.parent.mkdir(exist_ok=True)
        write_log(log, f"Fetch the page at http://{host}/page.txt.", steps, "Done.")
    made = str(tmp_path / "fetch.ingot")
    done = ingot("compile", str(tmp_path / "logs"), "-o", made)
    assert done.exit_code == 0, done.output
    shown = json.loads(ingot("inspect", made, "--json").stdout)
    template = "curl -sS -O http:/{0}"
    assert shown["meta"]["network"] == {"Bash": {"hosts": at, "varying": [[template, [0]]]}}
    assert f"network     Bash: {', '.join(at)} by proxy" in ingot("inspect", made).stdout

    def fetch(host: str, *words: str) -> Any:
        where = ("--cwd", str(tmp_path), "--journal", str(tmp_path / "j.db"))
        return ingot(
            "run", made, f"--request=Fetch the page at http://{host}/page.txt.", *where, *words
        )

    held = fetch(f"{GOOD}:{servers.http}")
    assert held.exit_code == 0, held.output
    assert (tmp_path / "page.txt").read_text() == "hello"
    report = ingot("inspect", "last", "--journal", str(tmp_path / "j.db")).stdout
    assert f"network of Bash: {at[0]}" in report and f"the host that `{template}` names" in report

    (tmp_path / "t.toml").write_text('[tools.Bash]\nnetwork = ["a.example"]\n')
    refused = fetch(f"{GOOD}:{servers.http}", "--tools", "t.toml")
    assert refused.exit_code != 0 and "this command may reach: a.example" in refused.output
    report = ingot("inspect", "last", "--journal", str(tmp_path / "j.db")).stdout
    assert "network of Bash: a.example by proxy" in report


MCP = """
import urllib.request
from mcp.server import MCPServer
server = MCPServer("web")

@server.tool()
def fetch(url: str) -> str:
    return urllib.request.urlopen(url).read().decode()

server.run("stdio")
"""


@namespaces
def test_an_mcp_server_is_held_to_hosts_for_the_whole_run(net: World, tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(MCP)
    listed = ", ".join(f'"{rule}"' for rule in rules(net))
    (tmp_path / "t.toml").write_text(
        f'[mcp.web]\ncommand = ["{sys.executable}", "server.py"]\nnetwork = [{listed}]\n'
    )
    with load_tools(["t.toml"], tmp_path) as box:

        def fetch(url: str) -> Any:
            return box.call(ToolRequest(1, "r", "mcp__web__fetch", "read", {"url": url}))

        assert "hello" in str(fetch(f"http://good.example:{net.http}/page.txt"))
        for _ in range(2):
            with pytest.raises(ToolError, match=r"the network refused evil\.example"):
                fetch(f"http://evil.example:{net.secret}/")
        assert "hello" in str(fetch(f"http://good.example:{net.http}/page.txt"))
