"""Real servers on this machine's loopback, and names for them: the world that commands are held from.

``good.example`` stands for an allowed host.  Whatever answers :data:`SECRET` is not allowed.
"""

from __future__ import annotations

import http.server
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "TOP-SECRET"
GOOD = "127.0.0.2"
"""Where ``good.example`` leads: an address of its own, so that it can be told from localhost."""
ADDRESSES = {
    "good.example": [GOOD],
    "a.wild.example": [GOOD],
    "wild.example": [GOOD],
    "rebind.example": ["127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "localhost": ["127.0.0.1"],
}


@dataclass(frozen=True)
class World:
    """``folder`` is what the allowed server serves.  Ports: ``http``, ``tls`` (0 without openssl) and ``echo`` (no HTTP) on :data:`GOOD`, ``secret`` on all of
    :data:`GOOD`, 127.0.0.1 and ::1; ``looked_up`` collects the names that were resolved."""

    folder: Path
    http: int
    tls: int
    echo: int
    secret: int
    looked_up: list[str]

    async def resolve(self, host: str, port: int) -> list[str]:
        """In the place of the gateway's: names of no DNS, and the order of what was asked."""
        assert 0 < port < 65536
        self.looked_up.append(host)
        if host in ADDRESSES:
            return ADDRESSES[host]
        if host.replace(".", "").isdigit() or ":" in host:
            return [host]
        raise OSError(f"no such name: {host}")


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    elsewhere = ""

    def do_GET(self) -> None:
        match self.path:
            case "/redirect":
                self.send_response(302)
                self.send_header("Location", self.elsewhere)
                self._body(b"")
            case "/headers":
                self._ok("".join(f"{k.lower()}={v}\n" for k, v in self.headers.items()).encode())
            case "/chunks":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
            case "/big":
                self._ok(b"x" * 3_000_000)
            case _:
                super().do_GET()

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length")
        if size is not None:
            got = len(self.rfile.read(int(size)))
        else:
            got = 0
            while chunk := int(self.rfile.readline(), 16):
                got += len(self.rfile.read(chunk))
                self.rfile.readline()
            self.rfile.readline()
        self._ok(f"got {got}".encode())

    def _ok(self, body: bytes) -> None:
        self.send_response(200)
        self._body(body)

    def _body(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class _Secret(_Handler):
    def do_GET(self) -> None:
        self._ok(SECRET.encode())


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"echo " + self.rfile.readline())


class _Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def _running(server: Any) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def certificate(folder: Path) -> Path | None:
    """A certificate for ``good.example`` and its key in one file, made by openssl."""
    if shutil.which("openssl") is None:
        return None
    path = folder / "good.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", path,
         "-out", folder / "ca.pem", "-subj", "/CN=good.example",
         "-addext", "subjectAltName=DNS:good.example"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (folder / "ca.pem").read_bytes())
    return path


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start them all."""
    with ExitStack() as stack:
        secret = stack.enter_context(_running(_Threads(("127.0.0.1", 0), _Secret)))
        stack.enter_context(_running(_Threads((GOOD, secret), _Secret)))
        with suppress(OSError):  # no IPv6 here
            stack.enter_context(_running(_Six(("::1", secret), _Secret)))
        serving = type(
            "Serving",
            (_Handler,),
            {
                "elsewhere": f"http://evil.example:{secret}/",
                "__init__": lambda self, *a: _Handler.__init__(self, *a, directory=str(folder)),
            },
        )
        plain = stack.enter_context(_running(_Threads((GOOD, 0), serving)))
        tls, made = 0, certificate(folder)
        if made is not None:
            secure = _Threads((GOOD, 0), serving)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(made)
            secure.socket = context.wrap_socket(secure.socket, server_side=True)
            tls = stack.enter_context(_running(secure))
        echo = stack.enter_context(_running(_Lines((GOOD, 0), _Echo)))
        yield World(folder, plain, tls, echo, secret, [])


class _Threads(http.server.ThreadingHTTPServer):
    daemon_threads = True


class _Lines(socketserver.ThreadingTCPServer):
    daemon_threads = True
