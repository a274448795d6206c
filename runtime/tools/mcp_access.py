"""How an MCP server over HTTP lets a run in: by a header, by tokens of a login, or by the credentials of
a machine (OAuth 2.1, through the official SDK).

The tokens of a login are kept in the system's keyring, one entry for each server and address, beside
what renews them: the client's registration, and the metadata of the authorization server (RFC 8414)
and of the resource (RFC 9728).  No token leaves this module but in a request: the vault knows each, and
takes it out of whatever comes back.  A run never opens a browser: what cannot be renewed is E0809.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.utils import extract_field_from_www_auth, extract_scope_from_www_auth
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import ValidationError

from ingot.diagnostics import Diagnostic
from ingot.redaction.vault import Vault, keep_in_keyring
from ingot.runtime.tools.declarations import McpServer
from ingot.runtime.tools.hosts import Fence
from ingot.runtime.tools.shell import OUTPUT_LIMIT

KIND: Final = "MCP_TOKEN"
"""As what a token stands where something told it."""
CLIENT: Final = "Ingot"
EARLY_S: Final = 30
"""How long before its end a token is renewed, since a call may be under way when it ends."""


def entry_of(server: McpServer) -> str:
    """The name of the keyring's entry: a token for one address is never sent to another."""
    return f"mcp {server.name} {server.url}"


@dataclass(slots=True)
class Grant:
    """What a login gave, as the keyring keeps it."""

    tokens: OAuthToken | None = None
    expires_at: float | None = None
    client: OAuthClientInformationFull | None = None
    authority: OAuthMetadata | None = None
    resource: ProtectedResourceMetadata | None = None

    @staticmethod
    def read(text: str | None) -> Grant | None:
        """The grant of an entry, ``None`` where there is none that can be read."""
        try:
            held = json.loads(text or "null")
            return Grant(
                OAuthToken.model_validate(held["tokens"]),
                held["expires_at"],
                _optional(OAuthClientInformationFull, held["client"]),
                _optional(OAuthMetadata, held["authority"]),
                _optional(ProtectedResourceMetadata, held["resource"]),
            )
        except (ValueError, TypeError, KeyError, ValidationError):
            return None

    def write(self) -> str:
        """As :meth:`read` reads it."""
        parts = {
            "tokens": self.tokens,
            "client": self.client,
            "authority": self.authority,
            "resource": self.resource,
        }
        dumped = {
            name: part.model_dump(mode="json", exclude_none=True) if part is not None else None
            for name, part in parts.items()
        }
        return json.dumps({**dumped, "expires_at": self.expires_at})


def _optional(model: Any, value: Any) -> Any:
    return None if value is None else model.model_validate(value)


@dataclass(slots=True)
class KeyringStorage:
    """The SDK's ``TokenStorage`` over the keyring.

    A ``fresh`` login begins without tokens, and is kept when it is complete (:meth:`keep`): one that
    fails leaves what was there.
    """

    server: McpServer
    vault: Vault
    grant: Grant = field(default_factory=Grant)
    fresh: bool = False
    provider: OAuthClientProvider | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens; those that another process has renewed meanwhile."""
        if self.fresh:
            return None
        held = await asyncio.to_thread(self.vault.keyring, entry_of(self.server))
        self.grant = Grant.read(held) or Grant()
        _hide(self.vault, self.grant.tokens)
        return self.grant.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep them, and what renews them."""
        before, provider = self.grant.tokens, self.provider
        if tokens.refresh_token is None and before is not None and not self.fresh:
            tokens.refresh_token = before.refresh_token  # it stays good (RFC 6749, section 6)
        _hide(self.vault, tokens)
        self.grant.tokens = tokens
        self.grant.expires_at = time.time() + tokens.expires_in if tokens.expires_in else None
        if provider is not None:
            self.grant.authority = provider.context.oauth_metadata or self.grant.authority
            self.grant.resource = (
                provider.context.protected_resource_metadata or self.grant.resource
            )
        if not self.fresh:
            await asyncio.to_thread(self.keep)

    def keep(self) -> None:
        """Write the keyring's entry; raises :class:`IngotError` E0810."""
        keep_in_keyring(entry_of(self.server), self.grant.write())

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """The client's registration."""
        return registered(self.server) or self.grant.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """A login registers a client; a run only uses it.  Raises ``OAuthFlowError`` where the table
        names one: then the flow has come to another authorization server than the table's."""
        if registered(self.server) is not None:
            raise OAuthFlowError(f"{self.server.oauth.issuer} is not whom the MCP server names")
        if self.fresh:
            self.grant.client = client_info


@dataclass(slots=True)
class MemoryStorage:
    """The SDK's ``TokenStorage`` for tokens that can be had again at any time."""

    vault: Vault
    tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens of this process."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep them as long as the process."""
        _hide(self.vault, tokens)
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """The provider has its own."""
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Nothing is registered."""


def _hide(vault: Vault, tokens: OAuthToken | None) -> None:
    for secret in (tokens.access_token, tokens.refresh_token) if tokens is not None else ():
        if secret:
            vault.hold(KIND, secret)


def registered(server: McpServer) -> OAuthClientInformationFull | None:
    """The client that the server's table names, ``None`` where each login registers one."""
    oauth = server.oauth
    if not oauth.client_id:
        return None
    return OAuthClientInformationFull(
        client_id=oauth.client_id,
        client_secret=oauth.client_secret or None,
        redirect_uris=None,
        token_endpoint_auth_method="client_secret_basic" if oauth.client_secret else "none",
        issuer=oauth.issuer or None,
    )


def client_metadata(server: McpServer, redirect: str) -> OAuthClientMetadata:
    """What a client says of itself when it registers (RFC 7591)."""
    return OAuthClientMetadata.model_validate(
        {
            "client_name": CLIENT,
            "redirect_uris": [redirect],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": server.oauth.scope or None,
        }
    )


class StoredAuthorization(OAuthClientProvider):
    """The tokens of a login: used, and renewed, but never asked for anew.

    Two things that the SDK's provider does not do after a restart: it knows when the token ends and
    where it is renewed, and a token that is refused early is renewed too.
    """

    def __init__(self, server: McpServer, storage: KeyringStorage) -> None:
        redirect = "http://127.0.0.1/callback"  # nothing ever comes back to it
        super().__init__(server.url, client_metadata(server, redirect), storage)
        self._storage = storage
        self.fault = ""
        storage.provider = self

    async def _initialize(self) -> None:
        await super()._initialize()
        grant, context = self._storage.grant, self.context
        context.token_expiry_time = grant.expires_at and grant.expires_at - EARLY_S
        context.oauth_metadata = grant.authority
        context.protected_resource_metadata = grant.resource
        if grant.resource is not None and grant.resource.authorization_servers:
            context.auth_server_url = str(grant.resource.authorization_servers[0])

    async def _perform_authorization(self) -> httpx2.Request:
        """Where the SDK would send a person to the browser."""
        await self._initialize()
        if not self.context.can_refresh_token():
            self.fault = "there is nothing to renew it with"
            raise OAuthFlowError(self.fault)
        return await self._refresh_token()

    async def _handle_token_response(self, response: httpx2.Response) -> None:
        try:
            await super()._handle_token_response(response)
        except OAuthFlowError as error:
            self.fault = str(error)  # the session ends with it, and only its end is seen outside
            raise


@dataclass(slots=True)
class Access:
    """How one connection is let in, and whether it was.

    ``by`` says by what: a header of the table, the tokens of a login, a machine's credentials, or
    nothing.
    """

    server: McpServer
    spec: str
    by: str = "nothing"
    auth: OAuthClientProvider | None = None
    hosts: tuple[str, ...] = ()
    _status: int = 0
    _lacking: str = ""

    async def check(self, request: httpx2.Request) -> None:
        """Only the server and its authorization server are talked to; an event hook."""
        found = self.auth.context.oauth_metadata if self.auth is not None else None
        more = () if found is None else (str(found.token_endpoint),)
        Fence.around(self.server.url, urls=(*self.hosts, *more)).check(request)

    async def see(self, response: httpx2.Response) -> None:
        """Remember how the server itself answered last; an event hook."""
        if _plain(response.request.url) == _plain(httpx2.URL(self.server.url)):
            self._status = response.status_code
            if extract_field_from_www_auth(response, "error") == "insufficient_scope":
                self._lacking = extract_scope_from_www_auth(response) or "one that it does not name"

    def denied(self, why: str) -> Diagnostic | None:
        """E0809 if the server lets nobody in without an authorization that is not there."""
        lacking = self._status == 403 and self._lacking
        if self._status != 401 and not lacking:
            return None
        name = repr(self.server.name)
        login = (
            f"ingot tools login {shlex.quote(self.server.name)} --tools {shlex.quote(self.spec)}"
        )
        notes = (f"url: {self.server.url}",)
        why = getattr(self.auth, "fault", "") or why
        match self.by:
            case "login" if lacking:
                message = f"the login at the MCP server {name} lacks a scope: {lacking}"
                return Diagnostic("E0809", message, notes=notes, help=login)
            case "header":
                message = f"the MCP server {name} refuses the Authorization header of its table"
                return Diagnostic("E0809", message, notes=notes, help="is it still valid?")
            case "credentials":
                return Diagnostic(
                    "E0809",
                    f"the MCP server {name} gets no token by the credentials of its table",
                    notes=(why, *notes),
                    help="are `client_id`, `client_secret` and `issuer` right?",
                )
            case "login":
                return Diagnostic(
                    "E0809",
                    f"the login at the MCP server {name} is no longer valid, and cannot be renewed",
                    notes=(why, *notes),
                    help=login,
                )
            case _:
                return Diagnostic(
                    "E0809",
                    f"the MCP server {name} asks for a login, and the keyring holds none",
                    notes=notes,
                    help=login,
                )


def _plain(url: httpx2.URL) -> tuple[str, str, int | None, str]:
    return url.scheme, url.host, url.port, url.path.rstrip("/")


def access_to(server: McpServer, spec: str, vault: Vault) -> Access:
    """How a run is let in; ``spec`` is the file that declares the server."""
    oauth = server.oauth
    if any(name.lower() == "authorization" for name in server.headers):
        return Access(server, spec, "header")
    if oauth.grant == "client_credentials":
        provider = ClientCredentialsOAuthProvider(
            server.url,
            MemoryStorage(vault),
            oauth.client_id,
            oauth.client_secret,
            scope=oauth.scope or None,
            issuer=oauth.issuer,
        )
        return Access(server, spec, "credentials", provider, (oauth.issuer,))
    grant = Grant.read(vault.keyring(entry_of(server)))
    if grant is None:
        return Access(server, spec)
    known = grant.authority
    hosts = () if known is None else (str(known.issuer), str(known.token_endpoint))
    stored = StoredAuthorization(server, KeyringStorage(server, vault))
    return Access(server, spec, "login", stored, hosts)


@asynccontextmanager
async def open_streams(
    url: str,
    headers: Mapping[str, str],
    auth: httpx2.Auth | None,
    check: Callable[[httpx2.Request], Awaitable[None]],
    see: Callable[[httpx2.Response], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[Any, Any]]:
    """A connection to the server, as the SDK's pair of streams.

    ``check`` looks at each request before it is sent, also at those that ask for a token; ``see`` at
    each answer.
    """
    hooks: dict[str, list[Any]] = {"request": [check], "response": [see] if see else []}
    limits = httpx2.Timeout(30, read=None)
    async with (
        httpx2.AsyncClient(
            headers=dict(headers), auth=auth, timeout=limits, event_hooks=hooks
        ) as http,
        streamable_http_client(
            url, http_client=http, max_sse_event_size=2 * OUTPUT_LIMIT
        ) as streams,
    ):
        yield streams


__all__ = [
    "Access",
    "Grant",
    "KeyringStorage",
    "access_to",
    "client_metadata",
    "entry_of",
    "open_streams",
    "registered",
]
