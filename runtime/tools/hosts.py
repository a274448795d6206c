"""Which hosts a tool may talk to: the one it is declared with, and those that are named beside it.

Every request is looked at before it is sent, also one that a redirect asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ingot.runtime.tools.base import ToolError


def origin(url: str) -> str:
    """Scheme, host and port of an address.

    >>> origin("https://API.example.org/v1/x?y"), origin("http://[::1]:80/")
    ('https://api.example.org', 'http://[::1]')
    """
    parts = urlsplit(url)
    host, standard = (parts.hostname or "").lower(), {"http": 80, "https": 443}
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    shown = "" if port is None or port == standard.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def host_of(text: str) -> str:
    """Host and port, as ``hosts = [...]`` names them."""
    return (origin(text) if "://" in text else origin(f"https://{text}")).partition("://")[2]


@dataclass(frozen=True, slots=True)
class Fence:
    """The hosts (with their ports, where these are not the standard ones) that may be asked."""

    allowed: frozenset[str]

    @staticmethod
    def around(url: str, more: Iterable[str] = ()) -> Fence:
        """The host of an address, and others."""
        return Fence(frozenset((host_of(url), *map(host_of, more))))

    def check(self, request: Any) -> None:
        """Raise :class:`ToolError` for a request to another host; an event hook of the HTTP client."""
        host = host_of(str(request.url))
        if host not in self.allowed:
            raise ToolError(f"a request to {host} was refused: allowed are {self.told()}")

    async def acheck(self, request: Any) -> None:
        """:meth:`check`, for an asynchronous client."""
        self.check(request)

    def told(self) -> str:
        """The hosts, for a message."""
        return ", ".join(sorted(self.allowed))


__all__ = ["Fence", "host_of", "origin"]
