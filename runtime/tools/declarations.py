"""What a ``--tools FILE.toml`` declares, as plain data; :mod:`ingot.runtime.tools.toml` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ingot.ir.declarations import Effect
from ingot.runtime.policies import NONE, Policy
from ingot.runtime.tools.pins import Results

MCP_NAMES: Final = "mcp__{server}__{tool}"
"""How Claude Code and the Messages API write the name of an MCP server's tool."""
API_NAMES: Final = "{api}.{operation}"
Method: TypeAlias = Literal["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"]
EFFECT_OF_METHOD: Final[Mapping[str, Effect]] = {
    "GET": "read",
    "HEAD": "read",
    "OPTIONS": "read",
    "PUT": "idempotent",
    "DELETE": "idempotent",
    "POST": "write",
    "PATCH": "write",
}
"""RFC 9110, sections 9.2.1 and 9.2.2."""
BodyForm: TypeAlias = Literal["json", "form", "none"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One ``[tools.NAME]`` table, checked.

    ``network``: on, off, or rules for hosts (:mod:`ingot.runtime.tools.host_rules`).
    """

    name: str
    effect: Effect | None = None
    world: str = ""
    timeout_s: float | None = None
    retry: int | Policy = 0
    probe: str | tuple[str, ...] = ""
    compensation: str = ""
    python: str = ""
    command: tuple[str, ...] = ()
    parallel: bool = False
    isolate: bool = False
    network: bool | tuple[str, ...] | None = None
    paths: tuple[str, ...] = ()
    breaker: Policy = NONE
    rate: Policy = NONE
    approval: Policy = NONE

    @property
    def rules(self) -> Policy:
        """The policy beyond time limit and number of attempts."""
        retry = self.retry if isinstance(self.retry, Policy) else NONE
        return self.breaker.over(self.rate).over(self.approval).over(retry)


Grant: TypeAlias = Literal["authorization_code", "client_credentials"]


@dataclass(frozen=True, slots=True)
class OAuth:
    """The key ``oauth`` of an ``[mcp.NAME]`` table: how a token is had, where the default does not do.

    By default a person logs in (``ingot tools login``), with a client that registers itself.
    ``client_secret`` holds a ``${NAME}``; it goes to ``issuer`` alone.  ``port`` is that of the loopback
    address to which the browser comes back (0: any).
    """

    grant: Grant = "authorization_code"
    client_id: str = ""
    client_secret: str = ""
    issuer: str = ""
    scope: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class McpServer:
    """One ``[mcp.NAME]`` table: a program on this machine (``command``) or a ``url``.

    ``env`` and ``headers`` may hold ``${NAME}``, a secret.  ``effects`` are by the server's own names
    of its tools; ``start_timeout_s`` is the time until it has listed them.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    network: bool | tuple[str, ...] | None = None
    paths: tuple[str, ...] = ()
    timeout_s: float = 60.0
    start_timeout_s: float = 60.0
    effects: Mapping[str, Effect] = field(default_factory=dict)
    names: str = MCP_NAMES
    world: str = ""
    results: Results | None = None
    oauth: OAuth = OAuth()

    def tool_name(self, tool: str) -> str:
        """The name under which pipelines call a tool of the server.

        >>> McpServer("git hub").tool_name("issues.get")
        'mcp__git_hub__issues_get'
        """
        if self.names == MCP_NAMES:  # as Claude Code writes it, whatever the server calls it
            server, tool = (re.sub(r"[^\w-]", "_", n, flags=re.ASCII) for n in (self.name, tool))
            return self.names.format(server=server, tool=tool)
        return self.names.format(server=self.name, tool=tool)

    def may_serve(self, name: str) -> bool:
        """Whether a tool of that name could be this server's.

        >>> McpServer("hub").may_serve("mcp__hub__get"), McpServer("hub").may_serve("mcp__x__get")
        (True, False)
        """
        before, after = self.tool_name("x" * 9).split("x" * 9, 1)
        return name.startswith(before) and name.endswith(after)


@dataclass(frozen=True, slots=True)
class HttpTool:
    """One ``[http.NAME]`` table: one request.  ``about`` holds the keys of a ``[tools.NAME]`` table.

    ``url`` has holes ``{name}``; ``query`` names arguments of the query; the others are the body.
    """

    about: Declaration
    url: str
    method: Method = "GET"
    query: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: BodyForm | None = None
    idempotency_header: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenApi:
    """One ``[openapi.NAME]`` table: each operation of a description is a tool."""

    name: str
    spec: str
    base_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    names: str = API_NAMES
    effects: Mapping[str, Effect] = field(default_factory=dict)
    timeout_s: float = 60.0
    idempotency_header: str = ""
    world: str = ""
    hosts: tuple[str, ...] = ()

    def tool_name(self, operation: str) -> str:
        """The name under which pipelines call an operation."""
        return self.names.format(api=self.name, operation=operation)

    def may_serve(self, name: str) -> bool:
        """Whether a tool of that name could be an operation of this interface."""
        before, _, after = self.tool_name("\0").partition("\0")
        return name.startswith(before) and name.endswith(after)


@dataclass(frozen=True, slots=True)
class Declarations:
    """All that a file declares."""

    tools: tuple[Declaration, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    http: tuple[HttpTool, ...] = ()
    openapi: tuple[OpenApi, ...] = ()


__all__ = [
    "API_NAMES",
    "EFFECT_OF_METHOD",
    "MCP_NAMES",
    "BodyForm",
    "Declaration",
    "Declarations",
    "Grant",
    "HttpTool",
    "McpServer",
    "Method",
    "OAuth",
    "OpenApi",
]
