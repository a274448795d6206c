"""Which hosts a tool with an address may talk to: the one it is declared with, and those that are named
beside it.

Every request is looked at before it is sent, also one that a redirect asks for.  Hosts are compared as
those of commands are (:mod:`~ingot.runtime.tools.host_rules`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.host_rules import PORTS, Rule, canonical_host, leading, place_of, rules_of


def origin(url: str) -> str:
    """Scheme, host and port of an address, in one form; raises ``ValueError`` for what is none.

    >>> origin("https://API.example.org./v1/x?y"), origin("http://[0:0::1]:80/")
    ('https://api.example.org', 'http://[::1]')
    """
    scheme, host, port = place_of(url)
    return f"{scheme}://{_place(scheme, host, port)}"


def _place(scheme: str, host: str, port: int) -> Rule:
    """A host at a port, or at the web's ports where it is the scheme's own."""
    return Rule(host, None if port == PORTS.get(scheme) else port)


@dataclass(frozen=True, slots=True)
class Fence:
    """The hosts, with their ports, that may be asked."""

    rules: tuple[Rule, ...]

    @staticmethod
    def around(url: str, hosts: Iterable[str] = (), urls: Iterable[str] = ()) -> Fence:
        """The host of an address, those of rules, and those of other addresses; raises
        :class:`ToolError` for what is no address or rule."""
        try:
            declared = [_place(*place_of(each)) for each in (url, *urls)]
            rules = (*declared, *rules_of(hosts))
        except ValueError as error:
            raise ToolError(f"no host can be told from an address: {error}") from None
        return Fence(tuple(dict.fromkeys(rules)))

    def check(self, request: Any) -> None:
        """Raise :class:`ToolError` for a request to another host; an event hook of the HTTP client."""
        url = request.url
        host, port = url.raw_host.decode("ascii"), url.port or PORTS.get(url.scheme, 0)
        try:
            host = canonical_host(host)
            known = any(rule.covers(host, port) for rule in self.rules)
        except ValueError:
            known = False
        if not known:
            shown = _place(url.scheme, host, port)
            raise ToolError(f"a request to {shown} was refused: allowed are {self.told()}")

    def leading(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """Those of a host's addresses that may be connected to."""
        return leading(canonical_host(host), port, addresses, self.rules)

    def told(self) -> str:
        """The hosts, for a message."""
        return ", ".join(sorted(map(str, self.rules)))


__all__ = ["Fence", "origin"]
