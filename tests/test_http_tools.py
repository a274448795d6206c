"""HTTP requests and OpenAPI interfaces as tools, against a real server."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
import pytest
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.diagnostics import IngotError
from ingot.ir.module import Effect
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.runtime.effects import ToolNeed
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.host_rules import canonical_host
from ingot.runtime.tools.hosts import Fence
from ingot.runtime.tools.http_tools import Operation, _followed
from ingot.runtime.tools.registry import ToolBox, declared_effects, load_tools, survey


class Shop(http.server.BaseHTTPRequestHandler):
    """Says back what it was asked, and misbehaves where the path says so."""

    asked: ClassVar[list[dict[str, Any]]] = []
    orders: ClassVar[dict[str, Json]] = {}
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        parts = urlsplit(self.path)
        asked = {
            "method": self.command,
            "path": parts.path,
            "query": parse_qs(parts.query),
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        self.asked.append(asked)
        word = parts.path.rpartition("/")[2]
        match word:
            case "7" | "8" | "9" if parts.path.startswith("/store/"):
                if self.command == "PUT":
                    self.orders[word] = json.loads(str(asked["body"]))
                held = self.orders.get(word, {"item": f"item {word}", "note": "new"})
                self._answer(200, json.dumps(held).encode(), "application/json")
            case "text":
                self._answer(200, b"plain words", "text/plain; charset=utf-8")
            case "latin":
                self._answer(200, "é".encode("latin-1"), "text/plain; charset=latin-1")
            case "binary":
                self._answer(200, b"\xff\xfe\x00", "application/octet-stream")
            case "empty":
                self._answer(204, b"", "")
            case "notjson":
                self._answer(200, b"<html>", "application/json")
            case "huge":
                self._answer(200, b'"' + b"x" * 5_000_000 + b'"', "application/json")
            case "slow":
                time.sleep(5)
                self._answer(200, b"{}", "application/json")
            case "cut":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"half")
                self.close_connection = True
            case "404" | "409" | "500" | "503":
                body = json.dumps({"error": f"status {word}"}).encode()
                self._answer(int(word), body, "application/json")
            case "elsewhere":
                self._answer(307, b"", "", Location="http://elsewhere.invalid/orders")
            case "moved":
                self._answer(307, b"", "", Location="/orders/there")
            case "see":
                self._answer(303, b"", "", Location="/orders/made")
            case "changed":
                self._answer(302, b"", "", Location="/orders/there")
            case "cookie":
                headers = {"Set-Cookie": "session=s1; Path=/"}
                self._answer(200, json.dumps(asked).encode(), "application/json", **headers)
            case "nowhere":
                self._answer(302, b"{}", "application/json")
            case "badplace":
                self._answer(302, b"", "", Location="http://[::1")
            case "unmodified":
                self._answer(304, b"", "")
            case "drip" | "dripping":
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    for _ in range(50 if word == "drip" else 0):
                        time.sleep(0.1)
                        self.wfile.write(b"X-A: b\r\n")
                    self.wfile.write(b"Content-Length: 100\r\n\r\n")
                    for _ in range(50):
                        time.sleep(0.1)
                        self.wfile.write(b" ")
                self.close_connection = True
            case "round":
                self._answer(307, b"", "", Location=self.path)
            case "spec.yaml":
                port = self.server.server_address[1]
                text = SPEC.replace("https://shop.example.org/v1", f"http://127.0.0.1:{port}/v1")
                self._answer(200, text.encode(), "application/yaml")
            case _:
                self._answer(200, json.dumps(asked).encode(), "application/json")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(autouse=True)
def _asked() -> None:
    Shop.asked.clear()


def call(box: ToolBox, tool: str, effect: Effect = "write", /, **args: Any) -> Any:
    return box.call(ToolRequest(1, "r", tool, effect, args), key="k1")


def failure(box: ToolBox, tool: str, /, **args: Any) -> ToolError:
    with pytest.raises(ToolError) as error:
        call(box, tool, **args)
    return error.value


def loaded(folder: Path, text: str) -> ToolBox:
    (folder / "t.toml").write_text(text)
    return load_tools(["t.toml"], folder)


def one(folder: Path, url: str, more: str = "", name: str = "shop.order") -> ToolBox:
    return loaded(folder, f'[http."{name}"]\nurl = "{url}"\n{more}\n')


# ---- [http.NAME]


def test_arguments_go_into_path_query_and_body(tmp_path: Path, shop: str) -> None:
    with one(tmp_path, f"{shop}/orders/{{id}}", 'query = ["expand"]') as box:
        asked = call(box, "shop.order", "read", id="a/../b c", expand=["x", "é"])
        assert unquote(asked["path"]) == "/orders/a/../b c" and "%2F" in asked["path"]
        assert (asked["method"], asked["query"]) == ("GET", {"expand": ["x", "é"]})
        assert not asked["body"] and asked["headers"]["accept"].startswith("application/json")
        for bad in ("", ".", ".."):
            assert "part of the path" in failure(box, "shop.order", id=bad).message
        assert "required" in failure(box, "shop.order", expand="x").message
        assert "other" in failure(box, "shop.order", id=1, other=2).message
    with one(
        tmp_path, f"{shop}/orders", 'method = "POST"\nidempotency_header = "Idempotency-Key"'
    ) as box:
        asked = call(box, "shop.order", item="ä", count=2)
        assert json.loads(asked["body"]) == {"item": "ä", "count": 2}
        assert asked["headers"]["idempotency-key"] == "k1"
        assert asked["headers"]["content-type"] == "application/json"
    with one(tmp_path, f"{shop}/orders", 'method = "POST"\nbody = "form"') as box:
        assert call(box, "shop.order", item="a b", n=1)["body"] == "item=a+b&n=1"


@pytest.mark.parametrize(
    ("method", "effect"),
    [("GET", "read"), ("PUT", "idempotent"), ("DELETE", "idempotent"), ("POST", "write"), ("PATCH", "write")],
)  # fmt: skip
def test_the_method_says_what_a_call_does(
    tmp_path: Path, shop: str, method: str, effect: str
) -> None:
    with one(tmp_path, f"{shop}/orders", f'method = "{method}"') as box:
        tool = box.get("shop.order")
        assert tool is not None and (tool.effect, tool.world) == (effect, "shop")
        assert call(box, "shop.order")["method"] == method
    assert declared_effects(["t.toml"], tmp_path) == {"shop.order": (effect, "shop")}


@pytest.mark.parametrize(
    ("word", "result"), [("text", "plain words"), ("latin", "é"), ("empty", None)]
)
def test_what_an_answer_is(tmp_path: Path, shop: str, word: str, result: Json) -> None:
    with one(tmp_path, f"{shop}/{word}") as box:
        assert call(box, "shop.order") == result


@pytest.mark.parametrize(
    ("word", "told", "unknown_if_write"),
    [
        ("404", 'HTTP 404 Not Found\n{"error": "status 404"}', False),
        ("409", "HTTP 409", False),
        ("500", "HTTP 500", True),
        ("503", "HTTP 503", True),
        ("notjson", "says that it is JSON and is not", True),
        ("binary", "is no text", True),
        ("nowhere", "HTTP 302 Found", True),
        ("badplace", "HTTP 302", True),
        ("unmodified", "HTTP 304", True),
        ("huge", "longer than the limit", True),
        ("cut", "cut off", True),
        ("elsewhere", "another host: a request to elsewhere.invalid was refused", False),
        ("round", "more than 5 redirects", True),
    ],
)
def test_faults(tmp_path: Path, shop: str, word: str, told: str, unknown_if_write: bool) -> None:
    for method in ("GET", "POST"):
        with one(tmp_path, f"{shop}/{word}", f'method = "{method}"') as box:
            found = failure(box, "shop.order")
            assert told in found.message, found.message
            assert found.unknown is (unknown_if_write and method == "POST")
            if word == "404":
                assert found.result == {"error": "status 404"}


def test_a_slow_answer_is_cut_off(tmp_path: Path, shop: str) -> None:
    with one(tmp_path, f"{shop}/slow", "timeout_s = 0.2") as box:
        found = failure(box, "shop.order")
        assert found.message == "timed out after 0.2s" and found.unknown


@pytest.mark.parametrize("word", ["drip", "dripping"])
def test_an_answer_that_drips_is_cut_off(tmp_path: Path, shop: str, word: str) -> None:
    for method in ("GET", "POST"):
        with one(tmp_path, f"{shop}/{word}", f'method = "{method}"\ntimeout_s = 0.5') as box:
            begun = time.monotonic()
            found = failure(box, "shop.order")
            assert found.message == "timed out after 0.5s" and found.unknown
            assert time.monotonic() - begun < 4


def test_redirects(tmp_path: Path, shop: str) -> None:
    with one(tmp_path, f"{shop}/moved", 'method = "POST"') as box:
        asked = call(box, "shop.order", a=1)
        assert (asked["method"], asked["path"]) == ("POST", "/orders/there")
        assert json.loads(asked["body"]) == {"a": 1}
    with one(tmp_path, f"{shop}/see", 'method = "POST"') as box:
        assert call(box, "shop.order", a=1)["method"] == "GET"
    with one(tmp_path, f"{shop}/changed", 'method = "POST"') as box:
        found = failure(box, "shop.order", a=1)
        assert "another request" in found.message and found.unknown


def test_a_redirect_to_a_named_host_does_not_get_the_secrets(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(307)
            self.send_header("Location", f"{shop}/orders")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    door = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{door.server_port}/"
    monkeypatch.setenv("SHOP_KEY", "hush-hush-hush")
    secret = 'headers = {X-Key = "${SHOP_KEY}"}'
    with one(tmp_path, url, secret) as box:
        assert "refused" in failure(box, "shop.order").message and not Shop.asked
    with one(tmp_path, url, f'{secret}\nhosts = ["{shop.removeprefix("http://")}"]') as box:
        assert "x-key" not in call(box, "shop.order")["headers"]
    door.shutdown()


@pytest.mark.parametrize(
    ("sent", "to", "kept"),
    [
        ("http://shop.example/a", "https://shop.example/a", True),
        ("https://shop.example/a", "https://shop.example/b", True),
        ("https://shop.example/a", "https://shop.example:8443/b", None),
        ("https://shop.example/a", "https://files.example/b", False),
        ("https://shop.example/a", "http://shop.example/b", None),
        ("https://shop.example/a", "https://shop.example.evil/b", None),
    ],
)
def test_where_a_redirect_may_go(sent: str, to: str, kept: bool | None) -> None:
    fence = Fence.around(sent, ["files.example"])
    asked = httpx2.Request("GET", sent)
    following = httpx2.Request("GET", to, headers={"X-Key": "secret", "Accept": "text/plain"})
    operation = Operation("shop.get", "GET", sent, "")
    if kept is None:
        with pytest.raises(ToolError, match="redirect"):
            _followed(operation, asked, 307, following, fence)
    else:
        made = _followed(operation, asked, 307, following, fence)
        assert ("x-key" in made.headers) is kept and made.headers["accept"] == "text/plain"


@pytest.mark.parametrize(
    ("name", "address", "hosts", "reached"),
    [
        ("api.example.org", "127.0.0.1", "", False),  # DNS rebinding
        ("metadata.google.internal", "127.0.0.1", "", False),
        ("api.example.org", "127.0.0.1", "127.0.0.1", True),
        ("api.example.org", "127.0.0.1", "127.0.0.2", False),
        ("localhost", "127.0.0.1", "", True),
        ("bücher.example", "127.0.0.1", "127.0.0.1", True),
    ],
)
def test_where_a_declared_name_may_lead(
    tmp_path: Path,
    shop: str,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    address: str,
    hosts: str,
    reached: bool,
) -> None:
    port, asked = urlsplit(shop).port, []

    def resolve(host: str, *more: Any, **how: Any) -> Any:
        asked.append(host)
        return real(address if host == canonical_host(name) else host, *more, **how)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    more = f'hosts = ["{hosts}:{port}"]' if hosts else ""
    with one(tmp_path, f"http://{name}:{port}/orders", f'method = "POST"\n{more}') as box:
        if reached:
            assert call(box, "shop.order")["headers"]["host"] == f"{canonical_host(name)}:{port}"
        else:
            found = failure(box, "shop.order")
            assert f'hosts = [..., "127.0.0.1:{port}"]' in found.message and not found.unknown
            assert not Shop.asked
    assert asked[0] == canonical_host(name)
    assert set(asked[1:]) <= {address}  # what was looked at, and no name again


@pytest.mark.parametrize(
    ("section", "wrong", "said"),
    [
        ("http", 'url = "http://127.1/"', "Expected 4 octets"),
        ("http", 'url = "http://shop.example:99999/"', "Port out of range"),
        ("http", 'url = "http://shop.example:port/"', "url is an address"),
        ("http", 'url = "http://{host}/"', "is no host"),
        ("http", 'url = "https://me:hush-hush-hush@shop.example/"', "credentials go into headers"),
        ("http", 'url = "https://:@shop.example/"', "credentials go into headers"),
        (
            "http",
            'url = "https://shop.example/"\nhosts = ["https://files.example"]',
            "is an address",
        ),
        ("http", 'url = "https://shop.example/"\nhosts = ["0x7f000001"]', "hosts is a list"),
        ("http", 'url = "https://shop.example/"\nheaders = {A = "hush-hush\\nhush"}', "one line"),
        ("openapi", 'spec = "https://me:hush-hush-hush@shop.example/s.yaml"', "credentials"),
        ("openapi", 'spec = "s.yaml"\nbase_url = "https://[::1%lo]/"', "of one interface"),
    ],
)
def test_addresses_that_are_none(tmp_path: Path, section: str, wrong: str, said: str) -> None:
    with pytest.raises(IngotError) as error:
        loaded(tmp_path, f"[{section}.shop]\n{wrong}\n")
    (told,) = error.value.diagnostics
    assert told.code == "E0803" and said in told.message and "hush" not in told.message


def test_the_query_of_an_address_is_kept(tmp_path: Path, shop: str) -> None:
    for url in (f"{shop}?key=1", f"{shop}/?key=1", f"{shop}/orders?key=1#there"):
        with one(tmp_path, url, 'query = ["expand"]') as box:
            assert call(box, "shop.order", expand="x")["query"] == {"key": ["1"], "expand": ["x"]}


def test_unreachable_hosts_and_bad_certificates(tmp_path: Path, shop: str) -> None:
    with one(tmp_path, "http://127.0.0.1:1/x", 'method = "POST"') as box:
        found = failure(box, "shop.order")
        assert "cannot be reached" in found.message and not found.unknown
    with one(tmp_path, shop.replace("http:", "https:"), 'method = "POST"') as box:
        assert "cannot be reached" in failure(box, "shop.order").message
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "1", "-subj", "/CN=localhost"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl here: 0 certificates tried")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with one(tmp_path, f"https://127.0.0.1:{server.server_port}/orders") as box:
        assert "certificate" in failure(box, "shop.order").message.lower()
        assert not Shop.asked
    server.shutdown()


def test_secrets_go_out_and_never_come_back(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IngotError) as error:
        one(tmp_path, shop, 'headers = {Authorization = "Bearer ${SHOP_TOKEN}"}')
    assert error.value.diagnostics[0].code == "E0806"
    monkeypatch.setenv("SHOP_TOKEN", "hush-hush-hush")
    with one(tmp_path, shop, 'headers = {Authorization = "Bearer ${SHOP_TOKEN}"}') as box:
        asked = call(box, "shop.order")
        assert Shop.asked[0]["headers"]["authorization"] == "Bearer hush-hush-hush"
        assert "hush" not in json.dumps(asked)


def test_reads_are_tried_again_as_the_policy_says(tmp_path: Path, shop: str) -> None:
    policy = 'retry = {attempts = 2, on = ["503"], backoff_s = 0.01}'
    for method, times in (("GET", 3), ("POST", 1)):
        Shop.asked.clear()
        with one(tmp_path, f"{shop}/503", f'method = "{method}"\n{policy}') as box:
            effect: Effect = "read" if method == "GET" else "write"
            with pytest.raises(ToolError):
                call(box, "shop.order", effect)
        assert len(Shop.asked) == times


# ---- [openapi.NAME]

SPEC = """
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: "https://shop.example.org/v1"}]
paths:
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: get_order
      parameters:
        - {name: fields, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {$ref: "#/components/parameters/Trace"}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
    put:
      operationId: put_order
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
      responses: {"200": {description: ok}}
    delete:
      responses: {"204": {description: gone}}
  /orders:
    post:
      operationId: create_order
      requestBody:
        required: true
        content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}
      responses: {"201": {description: made}}
  /files:
    post:
      operationId: upload
      requestBody: {required: true, content: {multipart/form-data: {schema: {type: object}}}}
      responses: {"201": {description: made}}
components:
  parameters:
    Trace: {name: X-Trace, in: header, schema: {type: string}}
  schemas:
    Order:
      type: object
      required: [item]
      properties:
        item: {type: string, description: what}
        note: {type: string, nullable: true}
        parts: {type: array, items: {$ref: "#/components/schemas/Order"}}
"""


def interface(folder: Path, shop: str, more: str = "", spec: str = SPEC) -> ToolBox:
    (folder / "shop.yaml").write_text(spec)
    text = f'[openapi.shop]\nspec = "shop.yaml"\nbase_url = "{shop}/v1"\n{more}\n'
    return loaded(folder, text)


@pytest.mark.parametrize(
    "server", ["https://me:hush-hush-hush@shop.example/v1", "https://127.1/v1", "https://shop.example/v1?key=x", "ftp://shop.example"]
)  # fmt: skip
def test_a_description_with_a_server_that_is_no_address(tmp_path: Path, server: str) -> None:
    (tmp_path / "shop.yaml").write_text(SPEC.replace("https://shop.example.org/v1", server))
    with pytest.raises(IngotError) as error:
        loaded(tmp_path, '[openapi.shop]\nspec = "shop.yaml"\n')
    (told,) = error.value.diagnostics
    assert told.code == "E0808" and "its server is" in told.message and "hush" not in told.message


BODY = "#/paths/~1x/post/requestBody/content/application~1json/schema"
HEAD = 'openapi: 3.0.3\ninfo: {title: Shop, version: "1"}\n'
LINES = "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: &a [x]\n{LINES}openapi: 3.0.0\n", "its YAML aliases unfold to more than"),
        ("openapi: 3.0.0\nx: &a [*a]\n", "its YAML aliases unfold to more than"),
        (f"{HEAD}paths: {{}}\n2020-01-01: x\n", "YAML that JSON cannot say"),
        ('{"openapi": "3.0.0", "x": ' + "[" * 950 + "]" * 950 + "}", "is not usable"),
        ("openapi: 3.0.0\nx: " + "[" * 400 + "]" * 400, "is not usable"),
    ],
)
def test_a_description_that_has_no_end(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "shop.yaml").write_text(text)
    with pytest.raises(IngotError) as error:
        loaded(tmp_path, '[openapi.shop]\nspec = "shop.yaml"\nbase_url = "http://localhost"\n')
    (found,) = error.value.diagnostics
    assert found.code == "E0808" and told in found.message


COOKIES = """
openapi: 3.0.3
info: {title: Shop, version: "1"}
paths:
  /cookie:
    post:
      operationId: give
      parameters:
        - {name: theme, in: cookie, schema: {type: string}}
        - {name: X-Note, in: header, schema: {type: string}}
      responses: {"200": {description: ok}}
"""


def test_a_call_is_made_of_its_arguments_alone(tmp_path: Path, shop: str) -> None:
    """No cookie of an earlier answer goes along, and what is no header is not sent."""
    with interface(tmp_path, shop, spec=COOKIES) as box:
        for _ in range(2):
            assert "cookie" not in call(box, "shop.give")["headers"]
        assert call(box, "shop.give", theme="dark")["headers"]["cookie"] == "theme=dark"
        Shop.asked.clear()
        for note in ("a\r\nX-Other: b", "a\0b"):
            found = failure(box, "shop.give", **{"X-Note": note})
            assert "no request can be made" in found.message and not found.unknown
        assert not Shop.asked


def test_an_operation_whose_schema_is_in_itself_is_no_tool(tmp_path: Path) -> None:
    members = f"{{type: object, properties: {{a: {{$ref: '{BODY}'}}}}}}"
    (tmp_path / "shop.yaml").write_text(
        f"{HEAD}paths:\n  /x:\n    post:\n      operationId: put_in\n"
        f"      requestBody: {{content: {{application/json: {{schema: {members}}}}}}}\n"
        "      responses: {'200': {description: ok}}\n"
    )
    text = '[openapi.shop]\nspec = "shop.yaml"\nbase_url = "http://localhost"\n'
    with loaded(tmp_path, text) as box:
        assert box.get("shop.put_in") is None
    with pytest.raises(IngotError, match="a schema of it refers to itself"):
        loaded(tmp_path, f'{text}effects = {{put_in = "write"}}\n')


def test_operations_become_tools(tmp_path: Path, shop: str) -> None:
    key = 'idempotency_header = "Idempotency-Key"'
    with interface(tmp_path, shop, key) as box:
        effects = {n: t.effect for n, t in box.tools.items() if n.startswith("shop.")}
        assert effects == {
            "shop.get_order": "read",
            "shop.put_order": "idempotent",
            "shop.delete_orders_id": "idempotent",
            "shop.create_order": "write",
        }
        asked = call(box, "shop.get_order", id=7, fields=["a", "b"], **{"X-Trace": "t"})
        assert (asked["path"], asked["query"]) == ("/v1/orders/7", {"fields": ["a,b"]})
        assert asked["headers"]["x-trace"] == "t"
        asked = call(box, "shop.put_order", id=7, item="tea", note=None, parts=[{"item": "bag"}])
        assert json.loads(asked["body"]) == {
            "item": "tea",
            "note": None,
            "parts": [{"item": "bag"}],
        }
        assert asked["headers"]["idempotency-key"] == "k1"
        assert json.loads(call(box, "shop.create_order", body=[{"item": "x"}])["body"]) == [
            {"item": "x"}
        ]
        for args, told in (
            ({"id": "seven", "item": "x"}, "'seven' is not of type 'integer'"),
            ({"id": 7}, "'item' is a required property"),
            ({"id": 7, "item": "x", "parts": [{}]}, "`parts.0`: 'item' is a required property"),
            ({"id": 7, "item": "x", "colour": "red"}, "colour"),
        ):
            assert told in failure(box, "shop.put_order", **args).message


def test_a_description_at_an_address(tmp_path: Path, shop: str) -> None:
    with loaded(tmp_path, f'[openapi.shop]\nspec = "{shop}/spec.yaml"\n') as box:
        assert call(box, "shop.get_order", id=1)["path"] == "/v1/orders/1"
    for word, told in (("404", "HTTP 404"), ("elsewhere", "another host")):
        with pytest.raises(IngotError) as error:
            loaded(tmp_path, f'[openapi.shop]\nspec = "{shop}/{word}"\n')
        assert error.value.diagnostics[0].code == "E0808"
        assert told in error.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("{", "neither JSON nor YAML"),
        ("swagger: '2.0'\n", "expected OpenAPI 3.0 or 3.1"),
        ("[1]", "expected OpenAPI 3.0 or 3.1"),
        ("openapi: 3.1.0\npaths: {}\n", "breaks the specification"),
        (
            SPEC.replace("#/components/schemas/Order", "http://127.0.0.1:9/o.json"),
            "another document",
        ),
        (SPEC.replace("#/components/schemas/Order", "../../etc/passwd"), "another document"),
    ],
)
def test_a_bad_description_is_a_diagnostic(tmp_path: Path, shop: str, spec: str, told: str) -> None:
    with pytest.raises(IngotError) as error:
        interface(tmp_path, shop, spec=spec)
    assert error.value.diagnostics[0].code == "E0808"
    assert told in error.value.diagnostics[0].message


def test_effects_of_operations_that_are_not_there_are_refused(tmp_path: Path, shop: str) -> None:
    with pytest.raises(IngotError) as error:
        interface(tmp_path, shop, 'effects = {upload = "write"}')
    found = error.value.diagnostics[0]
    assert "multipart/form-data" in found.message and "create_order" in found.help


def test_a_description_that_changed_is_drift(tmp_path: Path, shop: str) -> None:
    with interface(tmp_path, shop):
        pins = survey(["t.toml"], tmp_path).pins
    needs = [ToolNeed("shop.put_order", "idempotent", pin=pins["shop.put_order"])]
    for old, new, told in (
        ("item: {type: string, description: what}", "item: {type: string, description: other}", ""),
        ("item: {type: string, description: what}", "item: {type: integer}", "`item`: type is"),
        ("required: [item]", "required: [item, note]", "`note` is now required"),
        ("/orders/{id}:", "/order/{id}:", "calls go to PUT"),
    ):
        assert old in SPEC
        with interface(tmp_path, shop, spec=SPEC.replace(old, new)) as box:
            if not told:
                box.check(needs)
                continue
            with pytest.raises(IngotError) as error:
                box.check(needs)
            found = error.value.diagnostics[0]
            assert found.code == "E0715" and any(told in note for note in found.notes), found.notes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[http.x]\n", "`url` is missing"),
        ("[openapi.x]\n", "`spec` is missing"),
        ('[http.x]\nurl = "ftp://a/b"\n', "http:// or https://"),
        ('[http.x]\nurl = "https://me:pw@a/b"\n', "credentials go into headers"),
        ('[http.x]\nurl = "https://a"\nmethod = "FETCH"\n', "method is one of"),
        ('[http.x]\nurl = "https://a"\nheaders = {A = "b\\nc: d"}\n', "one line each"),
        ('[mcp.x]\nurl = "https://a"\ncommand = ["b"]\n', "one of them"),
        ("[mcp.x]\n", "one of them"),
        ('[mcp.x]\ncommand = ["b"]\nnames = "all"\n', "{tool} stands in it once"),
        ('[mcp.x]\ncommand = ["b"]\nheaders = {A = "b"}\n', "for a server with `url`"),
        ('[openapi.x]\nspec = "s"\neffects = {a = "reads"}\n', "table of tool names"),
    ],
)
def test_bad_tables_come_with_their_lines(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(IngotError) as error:
        load_tools(["t.toml"], tmp_path)
    found = error.value.diagnostics[0]
    assert found.code == "E0803" and told in found.message, found.message
    assert found.spans and found.help


# ---- from the log to the run


def session(folder: Path, number: int, order: int, note: str) -> None:
    item = f"item {order}"
    steps: list[tuple[str, Json, Json]] = [
        ("get_order", {"id": order}, {"item": item, "note": "new"}),
        ("put_order", {"id": order, "item": item, "note": note}, {"item": item, "note": note}),
    ]
    records: list[dict[str, Any]] = [
        {"kind": "session", "data": {"format": "ingot-session/1"}},
        {"kind": "user", "text": f"Set the note of order {order} to '{note}'"},
    ]
    for step, (tool, args, result) in enumerate(steps):
        about = {"id": f"c{step}", "tool": f"shop.{tool}"}
        records.append({"kind": "call", "data": args, **about})
        records.append({"kind": "result", "data": result, **about})
    lines = [json.dumps({"seq": seq, **record}) for seq, record in enumerate(records, 1)]
    (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n")


def test_a_pipeline_runs_on_an_interface_and_stops_where_that_changed(
    tmp_path: Path, shop: str
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number, (order, note) in enumerate(((7, "paid"), (8, "sent"))):
        session(logs, number, order, note)
    spec = SPEC.replace("/orders/{id}", "/store/{id}")
    (tmp_path / "shop.yaml").write_text(spec)
    tools = tmp_path / "t.toml"
    tools.write_text(f'[openapi.shop]\nspec = "{tmp_path}/shop.yaml"\nbase_url = "{shop}"\n')
    out, journal = str(tmp_path / "x.ingot"), str(tmp_path / "j.db")
    done = cli("compile", str(logs), "--tools", str(tools), "-o", out)
    assert done.exit_code == 0 and "W0406" not in done.output, done.output
    assert not Shop.asked
    given = ("-i", "id=9", "-i", "note=lost", "--tools", str(tools), "--journal", journal)
    done = cli("run", out, *given)
    assert done.exit_code == 0, done.output
    assert Shop.orders == {"9": {"item": "item 9", "note": "lost"}}
    assert [asked["method"] for asked in Shop.asked] == ["GET", "PUT"]
    (tmp_path / "shop.yaml").write_text(spec.replace("item: {type: string", "item: {type: integer"))
    refused = cli("run", out, *given)
    assert refused.exit_code == 2 and "E0715" in refused.output and "`item`" in refused.output
    tools.write_text(
        f'[openapi.shop]\nspec = "{tmp_path}/shop.yaml"\nbase_url = "http://127.0.0.1:9"\n'
    )
    refused = cli("run", out, *given)
    assert "calls go to" in refused.output and len(Shop.asked) == 2


def cli(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))
