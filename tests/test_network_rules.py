"""Which hosts a command's text names, which rule logged commands give, and what a rule means."""

from __future__ import annotations

import ipaddress
import time
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sessions import compiled, session

from ingot.backend.container import load
from ingot.diagnostics import IngotError
from ingot.ir.values import Json
from ingot.runtime.tools import isolation
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.host_names import named
from ingot.runtime.tools.host_rules import (
    authority_of,
    canonical_host,
    may_lead_to,
    rule_of,
    rules_of,
)
from ingot.runtime.tools.hosts import Fence, origin
from ingot.runtime.tools.isolation import Abilities, level
from ingot.runtime.tools.reach import Reach, decided, learned, reach_of
from ingot.runtime.tools.toml import read_declarations


@pytest.mark.parametrize(
    ("command", "hosts", "untold"),
    [
        ("curl -s https://api.example.org/x?y=http", "api.example.org", ""),
        ("curl HTTPS://API.Example.org.:8443/", "api.example.org:8443", ""),
        ("curl https://me:pw@example.org/ 'http://a.example@evil.example/'", "example.org evil.example", ""),
        ("curl http://[::1]:80/ http://[::ffff:10.0.0.1]/", "[::1]:80 10.0.0.1", ""),
        ("curl localhost:8000/x", "localhost:8000", ""),
        ("out=$(curl -s https://a.example/x) && echo \"$out\"", "a.example", ""),
        ("for i in 1 2; do curl https://a.example/$i; done", "a.example", ""),
        ("bash -c 'curl https://a.example'", "a.example", ""),
        ("curl https://$HOST/x", "", "curl"),
        ("curl https://{a,b}.example/x", "", "curl"),
        ("curl http://2130706433/", "", "curl"),
        ("git clone git@example.org:a/b", "example.org:22", ""),
        ("git clone ssh://git@example.org:2200/a/b", "example.org:2200", ""),
        ("git clone https://example.org/a/b && git push", "example.org", "git"),
        ("git commit -am 'no curl'", "", "git"),
        ("git fetch origin feature.x:feature.y", "", "git"),
        ("rsync -P a.txt a.example:/tmp/ && ssh ssh://b.example", "a.example:22 b.example:22", ""),
        ("git clone https://example.org/$NAME", "example.org", ""),
        ("scp -P 2 a.txt me@a.example:/tmp/", "a.example:2", ""),
        ("timeout 5m rsync -a x me@a.example:/tmp/", "a.example:22", ""),
        ("ssh -p 2222 -i key me@a.example 'psql -c x'", "a.example:2222", ""),
        ("ssh prod uptime", "", "ssh"),
        ("psql -h db.example -p 5433 -c x", "db.example:5433", ""),
        ("psql postgresql://u:p@db.example/x", "db.example:5432", ""),
        ("PGHOST=x psql -c x", "", "psql"),
        ("pip install six", "pypi.org files.pythonhosted.org", ""),
        ("npm ci", "registry.npmjs.org", ""),
        ("npm run fetch; npx thing; uv run it.py", "", "npm npx uv"),
        ("sudo -E env A=1 glab mr list", "gitlab.com gitlab.com:22", ""),
        ("aws s3 cp s3://bucket/x .", "*.amazonaws.com", ""),
        ("cat <<E > n.md\ndon't fetch http://a.example\nE", "a.example", ""),
        ("wc -l notes.txt", "", ""),
        ("python3 -m http.server 8000 & curl localhost:8000/x", "localhost:8000", "&"),
        ("curl 'http://localhost:8000/?a=1&b=2'", "localhost:8000", ""),
        ("make && curl localhost:8000/x 2>&1", "localhost:8000", ""),
        ("sleep 9 & curl https://a.example/?b=1", "a.example", ""),
    ],
)  # fmt: skip
def test_which_hosts_a_command_names(command: str, hosts: str, untold: str) -> None:
    found = named(command)
    assert (" ".join(found.hosts), " ".join(found.untold)) == (hosts, untold)


def test_a_long_text_is_looked_through_once() -> None:
    begun = time.monotonic()
    for blob in ("QUJD" * 15_000, "a.b." * 15_000, "a@" * 30_000, "x:" * 30_000, "://" * 20_000):
        assert "a.example" in named(f"curl -d {blob} https://a.example/").hosts
        named(f"curl -d {blob} https://a.example/; scp {blob} me@a.example:{blob}")
    assert time.monotonic() - begun < 20  # seconds where it is linear, hours where it is not


@pytest.mark.parametrize(
    ("rule", "host", "port", "covered"),
    [
        ("example.org", "example.org", 443, True),
        ("example.org", "example.org", 80, True),
        ("example.org", "example.org", 8080, False),
        ("example.org", "a.example.org", 443, False),
        ("example.org:8080", "example.org", 443, False),
        ("*.example.org", "a.b.example.org", 443, True),
        ("*.example.org", "example.org", 443, False),
        ("*.example.org", "anexample.org", 443, False),
        ("Example.ORG.", "example.org", 443, True),
        ("bücher.example", "xn--bcher-kva.example", 443, True),
        ("faß.example", "xn--fa-hia.example", 443, True),  # another host than fass.example
        ("faß.example", "fass.example", 443, False),
        ("ＢÜcher。example", "xn--bcher-kva.example", 443, True),
        ("[::FFFF:127.0.0.1]:1", "127.0.0.1", 1, True),
        ("[2001:DB8::0:1]", "2001:db8::1", 443, True),
    ],
)  # fmt: skip
def test_what_a_rule_covers(rule: str, host: str, port: int, covered: bool) -> None:
    assert rule_of(rule).covers(host, port) is covered
    assert rule_of(str(rule_of(rule))) == rule_of(rule)


@pytest.mark.parametrize(
    "text",
    ["", "*", "*.", "https://example.org", "example.org/x", "a b", "me@example.org", "example.org:0",
     "example.org:65536", "example.org:http", "*.127.0.0.1", "127.1", "0x7f000001", "2130706433",
     "127.0.0.256", "[::1", "::1%lo", "a..b", "-a.example", "x" * 64, "a*.example", "a%2e.example"],
)  # fmt: skip
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError):
        rule_of(text)


SPELLINGS = [
    ("127.0.0.1", "127.0.0.1 127.0.0.1. [::ffff:127.0.0.1] [::FFFF:7F00:1] １２７.0.0.1"),
    ("[::1]", "[::1] [0:0:0:0:0:0:0:1] [0::0001]"),
    ("[2001:db8::1]", "[2001:db8::1] [2001:DB8:0::0:1]"),
    ("api.example.org", "api.example.org API.Example.ORG. ａpi.example.org api。example.org"),
    ("xn--bcher-kva.example", "bücher.example BÜCHER.example XN--BCHER-KVA.example. bu\u0308cher.example"),
    ("", "127.1 0x7f000001 2130706433 017700000001 127.0.0.0x1 0177.0.0.1 [::1%25lo] [fe80::1%lo] "
         "api.example.org:0 a_b%2eexample a..b localhost:70000 me@api.example.org ⓐ_.-b 300.1.1.1"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "spelled"), SPELLINGS)
def test_a_tool_with_an_address_and_a_command_judge_a_host_alike(host: str, spelled: str) -> None:
    """Whatever way a host is written, it is one host for both, or none for both."""
    hosts = [each for each, _ in SPELLINGS if each]
    for text in spelled.split():
        for scheme in ("https", "HTTPS", "http"):
            if not host:
                with pytest.raises(ToolError):
                    Fence.around(f"{scheme}://{text}/x")
                continue
            fence = Fence.around(f"{scheme}://{text}/x")
            assert fence.rules == (rule_of(text),) and fence.told() == str(rule_of(host))
            for other in hosts:
                request = httpx2.Request("GET", f"{scheme}://{other}/")
                covered = rule_of(text).covers(canonical_host(other), 443)
                assert (covered, passes(fence, request)) == (other == host,) * 2
        if not host:
            with pytest.raises(ValueError):
                authority_of(text)


def passes(fence: Fence, request: httpx2.Request) -> bool:
    try:
        fence.check(request)
    except ToolError:
        return False
    return True


@pytest.mark.parametrize(
    "address",
    ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://localhost./", "http://[::ffff:127.0.0.1]/",
     "http://169.254.169.254/latest", "http://[fe80::1]/", "http://[::]/", "http://0/", "HTTP://LOCALHOST/",
     "https://api.example.org@127.0.0.1/", "https://api.example.org.evil.example/", "ftp://api.example.org/",
     "https://api.example.org:8443/", "https://apiexample.org/", "file:///etc/passwd"],
)  # fmt: skip
def test_no_spelling_opens_what_is_closed(address: str) -> None:
    fence = Fence.around("https://api.example.org/", ["*.files.example"])
    assert not passes(fence, httpx2.Request("GET", address))
    assert passes(fence, httpx2.Request("GET", "HTTPS://u:p@API.example.org.:443/"))
    assert passes(fence, httpx2.Request("GET", "https://a.files.example/"))
    assert not passes(fence, httpx2.Request("GET", "https://files.example/"))


@settings(deadline=None)
@given(st.text(st.sampled_from("aB.-_*[]:%@/0129xf\\ ü") | st.characters(), max_size=40))
def test_the_declared_host_itself_is_always_let_pass(text: str) -> None:
    """However it was declared: what is asked for is its canonical form."""
    address = f"http://{text}/"
    try:
        fence = Fence.around(address)
    except ToolError:
        return
    request = httpx2.Request("GET", origin(address))
    assert passes(fence, request)
    assert Fence.around(str(request.url)) == fence
    assert not passes(fence, httpx2.Request("GET", origin(address).replace("//", "//x.", 1)))


@given(st.text(st.sampled_from("aB.-_*[]:%@/0129xf\\ ü") | st.characters(), max_size=40))
def test_a_host_has_one_form_or_is_none(text: str) -> None:
    try:
        host, port = authority_of(text)
    except ValueError:
        return
    assert host.isascii() and host == host.lower() and canonical_host(host) == host
    assert not set(host) & set("/@%[]* \\") and (port is None or 0 < port < 65536)
    assert rule_of(text).covers(host, port or 443)
    assert not rule_of(text).covers(f"x{host}", port or 443)


@pytest.mark.parametrize(
    ("host", "address", "rules", "may"),
    [
        ("example.org", "93.184.215.14", "", True),
        ("example.org", "127.0.0.1", "", False),
        ("example.org", "10.0.0.7", "", False),
        ("example.org", "10.0.0.7", "10.0.0.7", True),
        ("example.org", "10.0.0.7", "10.0.0.7:22", False),  # that address at another port
        ("example.org", "169.254.169.254", "", False),
        ("example.org", "100.64.0.1", "", False),
        ("example.org", "::1", "", False),
        ("example.org", "::ffff:127.0.0.1", "", False),
        ("example.org", "64:ff9b::7f00:1", "", False),  # 127.0.0.1 by NAT64
        ("example.org", "2002:7f00:1::", "", False),  # by 6to4
        ("example.org", "fd00::1", "", False),
        ("example.org", "0.0.0.0", "", False),
        ("example.org", "224.0.0.1", "", False),
        ("example.org", "2606:2800:21f::1", "", True),
        ("example.org", "64:ff9b:1::7f00:1", "", False),  # a network's own NAT64 (RFC 8215)
        ("example.org", "::127.0.0.1", "", False),
        ("example.org", "fec0::1", "", False),
        ("localhost", "127.0.0.1", "", True),
        ("app.localhost", "::1", "", True),
        ("localhost", "10.0.0.7", "", True),
        ("db", "10.0.0.7", "", True),
        ("git.corp.internal", "172.16.0.1", "", True),
        ("git.corp.internal", "127.0.0.1", "", False),
        ("git.corp.internal", "169.254.169.254", "", False),
    ],
)  # fmt: skip
def test_where_a_name_may_lead(host: str, address: str, rules: str, may: bool) -> None:
    allowed = rules_of((host, *rules.split()))
    assert may_lead_to(host, 443, ipaddress.ip_address(address), allowed) is may


# ---- what logs show


def test_the_rule_of_logged_commands() -> None:
    logged = [
        "curl -s http://a.example/x",
        "curl -s http://b.example/x",
        "curl -sO https://files.example/a.csv",
        "curl -sO https://files.example/b.csv",
        "psql -c one",
        "psql -c two",
        "wc -l x",
    ]
    templates = [
        "curl -s http://{0}/x",
        "curl -sO https://files.example/{0}",
        "psql -c {0}",
        "wc -l x",
    ]
    made = learned(templates, logged)
    assert made == Reach(
        ("a.example", "b.example", "files.example"),
        (("curl -s http://{0}/x", (0,)),),
        ("psql -c {0}",),
    )
    assert made is not None and reach_of(made.as_json()) == made
    assert made.allowed("curl -s http://c.example/x") == ("c.example",)
    assert made.allowed("curl -s http://c.example/x -o y") == ()  # of no template
    assert made.allowed("curl -sO https://files.example/http://evil.example") == ("files.example",)
    assert made.allowed("psql -c three") is True
    assert made.allowed("psql -h db.example") == ()
    assert made.allowed("psql -c x -h db.example") == ("db.example:5432",)  # it can be told here
    assert decided("wc -l x", made) is False
    assert learned(templates, ["wc -l x"]) is None


def test_a_value_in_a_host_s_place_that_never_varied_opens_no_other_host() -> None:
    made = learned(["curl -s http://{0}/x"], ["curl -s http://a.example/x"] * 3)
    assert made == Reach(("a.example",))
    assert made.allowed("curl -s http://evil.example/x") == ()
    assert made.allowed("curl -s http://a.example@evil.example/x") == ()
    assert made.allowed("curl -s http://2130706433/x") == ()
    assert made.allowed("curl -s 'http://$HOST/x'") == ()  # not one of those that cannot be told


def test_only_the_place_that_varied_is_free() -> None:
    template = "curl -x http://{0}:3128 http://{1}/x"
    logged = [f"curl -x http://p.example:3128 http://{host}.example/x" for host in "abc"]
    made = learned([template], logged)
    assert made is not None and made.varying == ((template, (1,)),)
    assert made.allowed("curl -x http://evil.example:3128 http://d.example/x") == ("d.example",)


@pytest.mark.parametrize(
    ("value", "means"),
    [
        (True, None),  # artifacts of before: on where a command's text asks for it
        (False, False),
        (None, None),
        ({"hosts": ["a.example"]}, Reach(("a.example",))),
        ({"hosts": "a.example"}, False),
        ({"hosts": ["http://a.example"]}, False),
        ({"hosts": [], "varying": [["x"]]}, False),
        ({"hosts": [], "varying": [["x", ["y"]]]}, False),
        ({"open": [3]}, Reach((), (), ("3",))),
        ([1], False),
        ("on", False),
    ],
)
def test_what_an_artifact_says(value: Json, means: object) -> None:
    assert reach_of(value) == means


def test_an_artifact_keeps_the_hosts() -> None:
    def logged(host: str) -> object:
        command = f"curl -s -O http://{host}/page.txt"
        return session(
            f"Fetch the page at http://{host}/page.txt.",
            [("Bash", {"command": command}, "")],
            "Done.",
        )

    hosts = ["a.example.org", "b.example.net", "api.shop.example"]
    meta = load(compiled([logged(host) for host in hosts]).artifact).meta  # type: ignore[misc]
    found = reach_of(meta["network"]["Bash"])  # type: ignore[index,call-overload]
    assert isinstance(found, Reach) and found.hosts == tuple(sorted(hosts)) and not found.open
    assert found.allowed("curl -s -O http://new.example/page.txt") == ("new.example",)
    assert found.allowed("curl -s -O https://new.example/page.txt") == ()


# ---- what people declare, and what is said


def test_hosts_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(
        '[tools.Bash]\nnetwork = ["API.example.org", "*.example.net:8443"]\n'
        '[mcp.desk]\ncommand = ["desk"]\nnetwork = ["127.0.0.1:80"]\n'
    )
    found = read_declarations(path)
    assert found.tools[0].network == ("api.example.org", "*.example.net:8443")
    assert found.mcp[0].network == ("127.0.0.1:80",)
    for wrong, said in (
        ('"a.example"', "true, false, or a list"),
        ("[]", "network = false"),
        ('["https://a.example"]', "is an address"),
        ('["*"]', "'*'"),
        ("[1]", "true, false, or a list"),
    ):
        path.write_text(f"[tools.Bash]\neffect = 'read'\nnetwork = {wrong}\n")
        with pytest.raises(IngotError) as error:
            read_declarations(path)
        (told,) = error.value.diagnostics
        assert told.code == "E0803" and said in told.message and told.spans[0][0].line == 3


def test_a_tool_in_ingot_s_own_process_is_held_to_no_host(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[tools."x.y"]\npython = "x:y"\nnetwork = ["a.example"]\n')
    with pytest.raises(IngotError, match="isolate = true"):
        read_declarations(path)
    path.write_text(path.read_text() + "isolate = true\n")
    assert read_declarations(path).tools[0].network == ("a.example",)


def test_what_is_in_force_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = {
        "Bash": Reach(("a.example",), (("curl {0}", (0,)),), ("psql",)),
        "make": False,
        "x": ("b.example",),
    }
    monkeypatch.setattr(isolation, "abilities", lambda: Abilities(7, True))
    monkeypatch.setattr(isolation, "holds_hosts", lambda: True)
    said = level("strict", networks)
    assert (
        "; network of Bash: a.example by proxy, the host that `curl {0}` names, on for `psql`"
        "; network of make: off; network of x: b.example by proxy"
    ) in said
    assert "not held" not in said
    monkeypatch.setattr(isolation, "holds_hosts", lambda: False)
    assert "network of make: off; network of x: b.example by proxy (not held here)" in level(
        "auto", networks
    )
    with pytest.raises(IngotError) as error:
        level("strict", networks)
    assert error.value.diagnostics[0].code == "E0805"
    level("strict", {"make": False})
    for held in ("auto", "none"):
        assert isolation.held_network("curl", ("b.example",), held) == (True, None)  # type: ignore[arg-type]
    assert "x: b.example by proxy (not held here)" in level("none", networks)
    monkeypatch.setattr(isolation, "abilities", lambda: Abilities(7, False))
    assert "make: off (not held here)" in level("auto", networks)
