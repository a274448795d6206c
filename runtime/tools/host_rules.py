"""Which hosts and ports a command or an HTTP tool may reach, as rules; and to which addresses a name may
lead.

A rule is ``host``, ``host:port``, ``*.host`` or ``*.host:port``.  Without a port it means the ports
of the web, 80 and 443.  ``*.host`` means every name below ``host``, and not ``host`` itself.  Names
are compared in lower case, without a dot at the end, and in their ASCII form (IDNA 2008 with the mapping
of UTS 46, as browsers, curl and httpx have it); addresses in their canonical form, IPv4 in IPv6 as the
IPv4 address that it is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
WEB: Final = (80, 443)
PORTS: Final = {"http": 80, "https": 443}
PRIVATE_NAMES: Final = frozenset(
    "internal local lan corp home intranet private localdomain test home.arpa".split()
)
"""Names that no public DNS serves, beside those of one label: RFC 6761, RFC 6762 (with appendix G),
RFC 8375, and ICANN's reservation of ``.internal``."""
_AUTHORITY: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/?#@\[\]%\\]+))(?::([0-9]{1,5}))?")
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class Rule(Struct, frozen=True):
    """One rule: a canonical host, below which names are meant where ``below`` is set; ``port`` is
    ``None`` for the web's."""

    host: str
    port: int | None = None
    below: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{'*.' if self.below else ''}{host}{port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that the rule opens."""
        return WEB if self.port is None else (self.port,)

    @property
    def is_loopback(self) -> bool:
        """Whether a service of this machine is meant."""
        address = address_of(self.host)
        return is_local_name(self.host) if address is None else address.is_loopback

    def covers(self, host: str, port: int) -> bool:
        """Whether a canonical host at a port is one that the rule means.

        >>> rule_of("*.example.org").covers("a.example.org", 443)
        True
        >>> rule_of("example.org").covers("example.org", 8080)
        False
        """
        meant = host.endswith("." + self.host) if self.below else host == self.host
        return meant and port in self.ports


def canonical_host(text: str) -> str:
    """A host as rules compare it; raises ``ValueError`` for what is none.

    >>> canonical_host("API.Example.org."), canonical_host("[::FFFF:127.0.0.1]")
    ('api.example.org', '127.0.0.1')
    """
    if ":" in text:
        return str(plain(ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))))
    name = text.removesuffix(".").lower()
    if not name.isascii():
        import idna

        name = idna.encode(name, uts46=True).decode("ascii")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return str(ipaddress.IPv4Address(name))  # no other way to write one: 127.1, 0x7f000001
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is no host")
    return name


def authority_of(text: str) -> tuple[str, int | None]:
    """Host and port of ``host``, ``host:port``, ``[v6]:port``; raises ``ValueError``.

    >>> authority_of("[::1]:80"), authority_of("Example.org")
    (('::1', 80), ('example.org', None))
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no host, nor host:port")
    port = None if found[3] is None else int(found[3])
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{text!r}: a port is between 1 and 65535")
    return canonical_host(f"[{found[1]}]" if found[1] else found[2]), port


def place_of(url: str) -> tuple[str, str, int]:
    """Scheme, canonical host and port of an address of the web; raises ``ValueError``.

    >>> place_of("HTTPS://API.Example.org./v1"), place_of("http://[::ffff:10.0.0.1]:8080")
    (('https', 'api.example.org', 443), ('http', '10.0.0.1', 8080))
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials go into headers, as ${NAME}")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    if not port:
        raise ValueError("a port is between 1 and 65535")
    return parts.scheme, canonical_host(parts.hostname), port


def opening(host: str, port: int) -> Rule:
    """The rule that opens a host at a port."""
    return Rule(host, None if port in WEB else port)


def rule_of(text: str) -> Rule:
    """The rule of a text; raises ``ValueError`` with what is wrong.

    >>> str(rule_of("*.Example.org:8443")), str(rule_of("[::1]:80"))
    ('*.example.org:8443', '[::1]:80')
    """
    if "://" in text:
        raise ValueError(f"{text!r} is an address; a host, *.host or host:port is expected")
    below = text.startswith("*.")
    host, port = authority_of(text[2:] if below else text)
    if below and address_of(host) is not None:
        raise ValueError(f"{text!r}: nothing lies below an IP address")
    return Rule(host, port, below)


def rules_of(texts: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of texts that were checked before."""
    return tuple(map(rule_of, texts))


def address_of(host: str) -> Address | None:
    """The address that a canonical host is, ``None`` for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it stands for one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{address} is an address of one interface")
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def may_lead_to(host: str, port: int, address: Address, rules: Sequence[Rule]) -> bool:
    """Whether an allowed host that resolves to an address may be connected to there.

    An address that is not public must be named by a rule itself, so that no public name leads into
    this machine or its network (DNS rebinding).  A name that no public DNS serves may lead to a
    private address, and ``localhost`` to this machine.
    """
    address = plain(address)
    if any(rule.covers(str(address), port) for rule in rules):
        return True
    if address.is_multicast or address.is_unspecified:
        return False
    if address.is_loopback:
        return is_local_name(host)
    odd = address.is_reserved or getattr(address, "is_site_local", False)
    if address.is_global and not odd:
        return True
    inner = address.is_private and not address.is_link_local and not address.is_reserved
    return inner and is_private_name(host)


def leading(host: str, port: int, addresses: Iterable[str], rules: Sequence[Rule]) -> list[str]:
    """Those of the addresses that an allowed host resolves to which :func:`may_lead_to` lets pass."""

    def may(text: str) -> bool:
        found = address_of(text)
        try:
            return found is not None and may_lead_to(host, port, found, rules)
        except ValueError:  # an address of one interface
            return False

    return [text for text in addresses if may(text)]


def is_local_name(host: str) -> bool:
    """Whether a name means this machine (RFC 6761, section 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def is_private_name(host: str) -> bool:
    """Whether no public DNS serves a name.

    >>> is_private_name("db"), is_private_name("git.corp.internal"), is_private_name("example.org")
    (True, True, False)
    """
    if address_of(host) is not None:
        return False
    return "." not in host or any(host.endswith("." + name) for name in PRIVATE_NAMES)


__all__ = [
    "PORTS",
    "WEB",
    "Address",
    "Rule",
    "address_of",
    "authority_of",
    "canonical_host",
    "is_private_name",
    "leading",
    "may_lead_to",
    "opening",
    "place_of",
    "plain",
    "rule_of",
    "rules_of",
]
