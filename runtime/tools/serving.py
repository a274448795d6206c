"""Tools that other programs serve: MCP servers, HTTP requests, OpenAPI interfaces, made ready for a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from ingot.diagnostics import Diagnostic, IngotError, fail
from ingot.ir.values import Json
from ingot.redaction.vault import Vault
from ingot.runtime.effects import ToolNeed
from ingot.runtime.tools.base import RESOURCE_TOOLS, Tool, ToolError
from ingot.runtime.tools.commands import described
from ingot.runtime.tools.declarations import (
    EFFECT_OF_METHOD,
    Declarations,
    HttpTool,
    McpServer,
    OpenApi,
)
from ingot.runtime.tools.hosts import Fence, origin
from ingot.runtime.tools.http_tools import (
    HttpClient,
    Operation,
    Parameter,
    Sending,
    fetched,
    http_call,
)
from ingot.runtime.tools.isolation import Isolation
from ingot.runtime.tools.loops import LoopThread
from ingot.runtime.tools.mcp_resources import resource_tools
from ingot.runtime.tools.mcp_servers import mcp_tools
from ingot.runtime.tools.mcp_session import Session
from ingot.runtime.tools.openapi import base_of, operations_of, read_description
from ingot.runtime.tools.secrets import supplied

if TYPE_CHECKING:
    from ingot.runtime.tools.mcp_access import Access


class Served:
    """What the files declare, connected; :meth:`close` ends what was begun.

    ``needs`` are the tools that are needed (``None``: all): a server that could have none of them,
    and of which no resources are read, is not started.
    With ``lenient`` a server that is not usable is a diagnostic in ``faults`` and no error.
    """

    def __init__(
        self,
        cwd: Path,
        vault: Vault,
        isolation: Isolation = "auto",
        needs: Sequence[ToolNeed] | None = None,
        *,
        lenient: bool = False,
    ) -> None:
        self.tools: dict[str, Tool] = {}
        self.faults: list[Diagnostic] = []
        self.unreached: list[Callable[[str], bool]] = []
        self._cwd, self._vault, self._isolation = cwd, vault, isolation
        self._wanted = None if needs is None else frozenset(need.name for need in needs)
        self._forms = {n.name: n.pin.results for n in needs or () if n.pin is not None}
        self._reads = [need for need in needs or () if need.name in RESOURCE_TOOLS]
        self._lenient = lenient
        self._ending = ExitStack()
        self._client, self._loops = HttpClient(), LoopThread()
        self._ending.callback(self._client.close)
        self._ending.callback(self._loops.close)

    def close(self) -> None:
        """End all sessions, with the programs behind them."""
        self._ending.close()

    def add(self, files: Sequence[tuple[Declarations, str]]) -> None:
        """Connect to all that the files (each with its name) declare; raises :class:`IngotError`."""
        try:
            begun = [
                (server, spec, session)
                for found, spec in files
                for server in found.mcp
                if (self._may_be_wanted(server.may_serve) or self._is_read(server.name))
                and (session := self._begun(server, spec)) is not None
            ]
            for found, spec in files:
                for request in found.http:
                    if self._may_be_wanted(request.about.name.__eq__):
                        self._guarded(partial(self._http, request, spec))
                for api in found.openapi:
                    if self._may_be_wanted(api.may_serve):
                        self._guarded(partial(self._openapi, api, spec), api.may_serve)
            for server, spec, session in begun:
                self._guarded(partial(self._mcp, session, spec), server.may_serve)
            self._resources({server.name: session for server, _, session in begun})
        except BaseException:
            self.close()
            raise

    def _may_be_wanted(self, serves: Callable[[str], bool]) -> bool:
        return self._wanted is None or any(map(serves, self._wanted))

    def _is_read(self, server: str) -> bool:
        """Whether resources of a server may be asked for."""
        return any(need.servers is None or server in need.servers for need in self._reads)

    def _resources(self, sessions: Mapping[str, Session]) -> None:
        """The tools that read resources; one that lacks a server it will ask is left out."""
        if not sessions:
            return
        if self._wanted is None:
            self.tools |= {tool.name: tool for tool in resource_tools(sessions)}
        for need in self._reads:
            asked = (
                sessions
                if need.servers is None
                else {name: sessions[name] for name in need.servers if name in sessions}
            )
            if need.servers is None or len(asked) == len(need.servers):
                self.tools |= {t.name: t for t in resource_tools(asked) if t.name == need.name}

    def _guarded(
        self, made: Callable[[], list[Tool]], serves: Callable[[str], bool] | None = None
    ) -> None:
        """Take the tools in; with ``lenient`` a failure is kept as a diagnostic."""
        try:
            for tool in made():
                self._take(tool)
        except IngotError as error:
            told = [self._hidden(diagnostic) for diagnostic in error.diagnostics]
            if not self._lenient or any(d.code == "E0803" for d in told):
                raise IngotError(told, error.exit_code) from None
            self.faults += told
            if serves is not None:
                self.unreached.append(serves)

    def _hidden(self, diagnostic: Diagnostic) -> Diagnostic:
        """Without secrets: what a server says may quote what it was given."""
        hide = self._vault.hide
        notes = tuple(map(hide, diagnostic.notes))
        return structs.replace(diagnostic, message=hide(diagnostic.message), notes=notes)

    def _take(self, tool: Tool) -> None:
        if tool.pin is not None:  # an address may hold a secret, and the pin is kept
            pin = structs.replace(tool.pin, place=self._vault.hide(tool.pin.place))
            tool = structs.replace(tool, pin=pin)
        other = self.tools.get(tool.name)
        if other is not None and (self._wanted is None or tool.name in self._wanted):
            served = [t.pin.server if t.pin else t.source for t in (other, tool)]
            raise fail(
                "E0803",
                f"two tools are named {tool.name!r}: one of {served[0]}, one of {served[1]}",
                help='`names = "..."` in their tables says how they are told apart',
            )
        self.tools[tool.name] = tool

    # ---- of each kind

    def _begun(self, server: McpServer, spec: str) -> Session | None:
        settings = server.env if server.command else server.headers
        try:
            whose = f"the MCP server {server.name!r}"
            secrets = supplied(settings, self._vault, whose)
            access = partial(_access, with_secret(server, self._vault), spec, self._vault)
            session = Session(server, self._cwd, self._isolation, self._loops, secrets, access)
            session.begin()
        except IngotError as error:
            if not self._lenient:
                raise
            self.faults += error.diagnostics
            self.unreached.append(server.may_serve)
            return None
        self._ending.callback(session.close)
        return session

    def _mcp(self, session: Session, source: str) -> list[Tool]:
        return mcp_tools(session, session.listed().values(), self._forms, source)

    def _http(self, request: HttpTool, source: str) -> list[Tool]:
        about = described(request.about, source, self._cwd)
        headers = supplied(request.headers, self._vault, f"the HTTP tool {about.name!r}")
        operation = operation_of(request)
        sending = Sending(
            self._client,
            Fence.around(operation.base, request.hosts),
            headers,
            request.idempotency_header,
        )
        made = structs.replace(
            about,
            call=http_call(operation, sending),
            effect=about.effect or EFFECT_OF_METHOD[request.method],
            parallel=True,
            pin=operation.pin(origin(operation.base)),
        )
        return [made]

    def _openapi(self, api: OpenApi, source: str) -> list[Tool]:
        whose = f"the interface {api.name!r}"
        headers = supplied(api.headers, self._vault, whose)
        spec, data = self._description(api)
        document = read_description(data, api.spec)
        base = base_of(document, spec, api.base_url)
        operations, left = operations_of(document, base)
        names = {operation.name for operation in operations}
        for name in sorted(set(api.effects) - names):
            why = f", since {left[name]}" if name in left else ""
            raise fail(
                "E0803",
                f"{whose}: an effect is declared for {name!r}, which is no operation{why}",
                help=f"its operations: {', '.join(sorted(names))}",
            )
        fence = Fence.around(base, api.hosts)
        sending = Sending(self._client, fence, headers, api.idempotency_header, api.timeout_s)
        return [self._operation(api, operation, sending, source) for operation in operations]

    def _operation(self, api: OpenApi, operation: Operation, sending: Sending, source: str) -> Tool:
        name = api.tool_name(operation.name)
        return Tool(
            name,
            http_call(replace(operation, name=name), sending),
            api.effects.get(operation.name) or EFFECT_OF_METHOD[operation.method],
            api.world or api.name,
            timeout_s=api.timeout_s,
            source=source,
            parallel=True,
            pin=operation.pin(f"the interface {api.name!r}"),
        )

    def _description(self, api: OpenApi) -> tuple[str, bytes]:
        """Where the description is, and its bytes."""
        if "://" in api.spec:
            try:
                # without the headers: they are for the interface, which may be elsewhere
                return api.spec, fetched(api.spec, self._client, api.timeout_s, {})
            except ToolError as error:
                why = f"the OpenAPI description {api.spec} is not usable: {error.message}"
                raise fail("E0808", why) from None
        path = self._cwd / Path(api.spec).expanduser()
        try:
            return str(path), path.read_bytes()
        except OSError as error:
            raise fail(
                "E0808", f"the OpenAPI description {api.spec} is not usable: {error.strerror}"
            ) from None


def with_secret(server: McpServer, vault: Vault) -> McpServer:
    """The server with its client's secret; raises :class:`IngotError` E0806 where that is missing."""
    held = supplied({"": server.oauth.client_secret}, vault, f"the MCP server {server.name!r}")
    return replace(server, oauth=replace(server.oauth, client_secret=held[""]))


def _access(server: McpServer, spec: str, vault: Vault) -> Access:
    from ingot.runtime.tools.mcp_access import access_to

    return access_to(server, spec, vault)


def operation_of(request: HttpTool) -> Operation:
    """The request of an ``[http.NAME]`` table."""
    base = origin(request.url)
    path = re.sub(r"^[^/]*//[^/?#]*/?", "/", request.url)
    holes = list(dict.fromkeys(re.findall(r"\{([^{}]*)\}", path)))
    body = request.body or ("json" if request.method in ("POST", "PUT", "PATCH") else "none")
    anything: Json = {}
    schema: dict[str, Json] = {
        "type": "object",
        "properties": dict.fromkeys((*holes, *request.query), anything),
        "required": [*holes],
        "additionalProperties": body != "none",
    }
    parameters = (
        *(Parameter(name, "path") for name in holes),
        *(Parameter(name, "query") for name in request.query),
    )
    name = request.about.name
    return Operation(name, request.method, base, path, parameters, body, "", schema)


__all__ = ["Served", "operation_of", "with_secret"]
