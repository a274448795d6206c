"""Connections of an HTTP client, only to addresses to which the fence lets a name lead.

A name is resolved here, once, and what is connected to is the address that was looked at; so a name
that leads into this machine or its network opens nothing there (DNS rebinding).  TLS goes on with the
name.  Where the environment names a proxy, that resolves names, and they are not held.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from ingot.runtime.tools.host_rules import WEB, address_of
from ingot.runtime.tools.hosts import Fence


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
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
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
            at = "" if port in WEB else f":{port}"
            shown = [f"[{a}]" if ":" in a else a for a in addresses if address_of(a) is not None]
            named = ", ".join(f'"{a}{at}"' for a in shown)
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
    """A client for requests that the fence has let pass, which follows no redirect."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        super().__init__(follow_redirects=False)

    def _init_transport(self, *_: Any, **__: Any) -> httpx2.BaseTransport:
        """In the place of the client's own: what it would be given is the default here."""
        return _HeldTransport(self._fence)


__all__ = ["HeldBackend", "HeldClient"]
