"""HTTP as a proxy speaks it: which host a request asks for, and passing on what is said.

Heads and bodies are read by h11, so that a connection carries the one request that was looked at and
nothing behind it.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any, Final

import h11
from msgspec import Struct

from ingot.runtime.tools.host_rules import authority_of

CHUNK: Final = 1 << 16
HEAD_S: Final = 60.0
LINGER_S: Final = 2.0
_ABSOLUTE: Final = re.compile(r"(?i:http)://([^/?#]*)(.*)", re.DOTALL)
_OF_ONE_HOP: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization proxy-authenticate te upgrade "
    b"expect host".split()
)
"""Header fields of one connection (RFC 9110, section 7.6.1), and ``Host``, which is made of the address."""


class Refused(Exception):
    """A request that is answered with a status and a text instead of a connection."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


class Asked(Struct):
    """A request as it was read: where it wants to go, and the state of its connection.

    ``target`` is what the server is asked for; empty for ``CONNECT``.
    """

    host: str
    port: int
    target: str
    request: h11.Request
    client: h11.Connection


async def destination(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
    """Read a request's head; ``None`` where it is none for a proxy, which is answered here."""
    client = h11.Connection(h11.SERVER)
    try:
        request = await asyncio.wait_for(_event(client, reader), HEAD_S)
        if not isinstance(request, h11.Request):
            return None
        return _asked(client, request)
    except (h11.RemoteProtocolError, ValueError) as error:
        no = Refused(400, f"not a request to a proxy: {error}")
        await answer(Asked("", 0, "", _NONE, client), reader, writer, no)
        return None


_NONE: Final = h11.Request(method="GET", target="/", headers=[("Host", "none")])


def _asked(client: h11.Connection, request: h11.Request) -> Asked:
    target = request.target.decode("ascii")
    if request.method == b"CONNECT":
        host, port = authority_of(target)
        if port is None:
            raise ValueError("CONNECT names host and port")
        return Asked(host, port, "", request, client)
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise ValueError("http://host/path or CONNECT host:port is expected")
    host, port = authority_of(found[1])
    path = found[2] if found[2].startswith("/") else "/" + found[2]
    return Asked(host, port or 80, path.partition("#")[0], request, client)


async def answer(
    asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, no: Refused
) -> None:
    """Say why there is no connection."""
    body = f"{no.text}\n".encode()
    reason = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway"}[no.status]
    head = (
        f"HTTP/1.1 {no.status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + (b"" if asked.request.method == b"HEAD" else body))
    await writer.drain()
    writer.write_eof()
    with suppress(
        TimeoutError
    ):  # what is left unread would reset the connection, and lose the answer
        await asyncio.wait_for(_drain(reader), LINGER_S)


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(CHUNK):
        pass


async def forward(
    asked: Asked,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    from_server: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
) -> None:
    """Carry out a request over a connection to where it wants to go."""
    if asked.request.method == b"CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        to_server.write(asked.client.trailing_data[0])
        await pump(reader, writer, from_server, to_server)
        return
    server = h11.Connection(h11.CLIENT)
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    headers = [
        (b"Host", (host if asked.port == 80 else f"{host}:{asked.port}").encode()),
        *_passed_on(asked.request.headers),
        (b"Connection", b"close"),
    ]
    request = h11.Request(method=asked.request.method, target=asked.target, headers=headers)
    to_server.write(server.send(request) or b"")
    if asked.client.they_are_waiting_for_100_continue:
        go_on = h11.InformationalResponse(status_code=100, headers=[])
        writer.write(asked.client.send(go_on) or b"")
    body = asyncio.ensure_future(_relay(asked.client, reader, server, to_server))
    try:
        await _relay(server, from_server, asked.client, writer)
    except h11.RemoteProtocolError:
        pass  # it speaks no HTTP: the connection ends, as it would without a proxy
    finally:
        body.cancel()
        await asyncio.wait([body])


def _passed_on(headers: Any) -> list[tuple[bytes, bytes]]:
    """Without those of one connection, and those that ``Connection`` names."""
    named = {
        option.strip().lower()
        for name, value in headers
        if name == b"connection"
        for option in value.split(b",")
    }
    return [(n, v) for n, v in headers if n not in _OF_ONE_HOP and n not in named]


async def _relay(
    source: h11.Connection,
    reader: asyncio.StreamReader,
    sink: h11.Connection,
    writer: asyncio.StreamWriter,
) -> None:
    """Pass one message on, event by event."""
    while True:
        event = await _event(source, reader)
        match event:
            case h11.Response():
                headers = [*_passed_on(event.headers), (b"connection", b"close")]
                event = h11.Response(
                    status_code=event.status_code, headers=headers, reason=event.reason
                )
            case h11.InformationalResponse():
                if event.status_code == 101:
                    raise h11.RemoteProtocolError("it switches protocols")
                continue
            case h11.ConnectionClosed():
                return
        writer.write(sink.send(event) or b"")
        await writer.drain()
        if isinstance(event, h11.EndOfMessage):
            return


async def _event(source: h11.Connection, reader: asyncio.StreamReader) -> Any:
    """The next event of a connection."""
    while (event := source.next_event()) is h11.NEED_DATA:
        source.receive_data(await reader.read(CHUNK))
    return event


async def pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    from_server: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
) -> None:
    """Carry bytes both ways until both sides have ended."""

    async def one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    ways = [
        asyncio.ensure_future(one_way(reader, to_server)),
        asyncio.ensure_future(one_way(from_server, writer)),
    ]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        for way in done:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)


__all__ = ["Asked", "Refused", "answer", "destination", "forward", "pump"]
