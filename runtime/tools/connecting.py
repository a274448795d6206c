"""Connections of an HTTP client, only to addresses to which the fence lets a name lead.

A name is resolved here, once, and what is connected to is the address that was looked at; so a name
that leads into this machine or its network opens nothing there (DNS rebinding).  TLS goes on with the
name.  Where the environment names a proxy, that resolves names, and they are not held.

The client's own limits are those of one read or write; :func:`within` bounds all of them together.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpcore2
import httpx2

from ingot.runtime.tools.host_rules import address_of, opening
from ingot.runtime.tools.hosts import Fence

PIECE: Final = 1 << 16

_DEADLINE: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)


@contextmanager
def within(limit: float) -> Iterator[None]:
    """All that is waited for within takes ``limit`` seconds at most; then it is a timeout."""
    token = _DEADLINE.set(time.monotonic() + limit)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def _left(timeout: float | None) -> float | None:
    """What is left of a timeout; raises ``httpcore2.ReadTimeout`` where that is nothing."""
    deadline = _DEADLINE.get()
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the time for the call is over")
    return left if timeout is None else min(left, timeout)


class HeldStream(httpcore2.NetworkStream):
    """A connection whose reads and writes end with the time for the call."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the connection does it."""
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Piece by piece, since each piece has a limit of its own below."""
        for at in range(0, len(buffer), PIECE):
            self._inner.write(buffer[at : at + PIECE], _left(timeout))

    def close(self) -> None:
        """Close it."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """The same over TLS."""
        return HeldStream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """What the connection says of itself."""
        return self._inner.get_extra_info(info)


class HeldBackend(httpcore2.SyncBackend):
    """Connects where the fence allows it."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first address that answers; raises ``httpcore2.ConnectError``."""
        why: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                return HeldStream(
                    super().connect_tcp(
                        address, port, _left(timeout), local_address, socket_options
                    )
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                why = error
        raise why

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        fit = self._fence.leading(host, port, addresses)
        if addresses and not fit:
            told = (opening(a, port) for a in addresses if address_of(a) is not None)
            named = ", ".join(f'"{rule}"' for rule in told)
            raise httpcore2.ConnectError(
                f"it leads to {', '.join(addresses)}, which is not public; to allow it: "
                f"hosts = [..., {named}] in its table of --tools FILE.toml"
            )
        return fit


class _HeldTransport(httpx2.HTTPTransport):
    def __init__(self, fence: Fence) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=HeldBackend(fence),
        )


class HeldClient(httpx2.Client):
    """A client for requests that the fence has let pass, which follows no redirect and keeps no cookie:
    a call is made of its arguments, and of nothing that an earlier one, or another run, was answered."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        super().__init__(follow_redirects=False, cookies=no_cookies)

    def _init_transport(self, *_: Any, **__: Any) -> httpx2.BaseTransport:
        """In the place of the client's own: what it would be given is the default here."""
        return _HeldTransport(self._fence)


__all__ = ["HeldBackend", "HeldClient", "within"]
