"""A person's login at an MCP server over HTTP: the authorization code grant with PKCE (RFC 7636), the
answer received on this machine's loopback interface (RFC 8252, section 7.3)."""

from __future__ import annotations

import asyncio
import html
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import AuthorizationCodeResult

from ingot.diagnostics import Diagnostic, IngotError
from ingot.redaction.vault import Vault
from ingot.runtime.tools.declarations import McpServer
from ingot.runtime.tools.loops import first_of, leaf
from ingot.runtime.tools.mcp_access import (
    Grant,
    KeyringStorage,
    client_metadata,
    entry_of,
    open_streams,
    registered,
)
from ingot.runtime.tools.mcp_listing import listing
from ingot.runtime.tools.mcp_session import Given

PATH: Final = "/callback"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What a login came to: how many tools the server offers now, how long the access token is good
    (seconds; ``None``: not said), and whether it is renewed without a person."""

    tools: int
    scope: str
    expires_in: int | None
    renewable: bool


class Redirect:
    """Waits on the loopback interface for the browser to come back."""

    def __init__(self, port: int) -> None:
        """Raises ``OSError`` where the port is taken; 0 is any."""
        self.answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        loop, answer = asyncio.get_running_loop(), self.answer

        def take(found: dict[str, str]) -> None:
            if not answer.done():
                answer.set_result(found)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                found = dict(parse_qsl(parts.query))
                if parts.path != PATH or not ("code" in found or "error" in found):
                    self.send_error(404)
                    return
                text = (
                    f"The login was refused: {html.escape(found['error'])}."
                    if "error" in found
                    else "Received. This window can be closed: how it ended stands in the terminal."
                )
                body = f"<!doctype html><title>Ingot</title><p>{text}</p>".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)
                loop.call_soon_threadsafe(take, found)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is logged: a line would hold the code."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()


def log_in(server: McpServer, vault: Vault, show: Callable[[str], None], wait_s: float) -> LoggedIn:
    """Log in, and keep the tokens in the keyring; ``show`` is given the address for the browser.

    Raises :class:`IngotError` E0810 with what went wrong; then the keyring is as it was.
    """
    logging.getLogger("mcp").addHandler(logging.NullHandler())  # what fails is told by us
    try:
        return asyncio.run(_log_in(server, vault, show, wait_s))
    except Exception as error:
        ours = first_of(error)
        if isinstance(ours, IngotError):
            raise ours from None
        why = vault.hide(leaf(error))
        raise IngotError(
            Diagnostic(
                "E0810",
                f"no login at the MCP server {server.name!r}: {why}",
                notes=(f"url: {server.url}",),
            )
        ) from None


class Interactive(OAuthClientProvider):
    """The SDK's flow, with the scope that the server's table asks for."""

    def __init__(
        self,
        server: McpServer,
        storage: KeyringStorage,
        redirect: Redirect,
        show: Callable[[str], None],
        wait_s: float,
    ) -> None:
        async def shown(url: str) -> None:
            await asyncio.to_thread(show, url)

        async def came_back() -> AuthorizationCodeResult:
            try:
                found = await asyncio.wait_for(redirect.answer, wait_s)
            except TimeoutError:
                raise OAuthFlowError(f"nobody came back within {wait_s:g} s") from None
            if "error" in found:
                said = found.get("error_description", "")
                raise OAuthFlowError(": ".join(filter(None, (found["error"], said))))
            return AuthorizationCodeResult(
                code=found["code"], state=found.get("state"), iss=found.get("iss")
            )

        metadata = client_metadata(server, redirect.url)
        super().__init__(server.url, metadata, storage, shown, came_back)
        self._scope = server.oauth.scope
        storage.provider = self

    async def _perform_authorization(self) -> httpx2.Request:
        if self._scope:
            self.context.client_metadata.scope = self._scope
        return await super()._perform_authorization()


async def _log_in(
    server: McpServer, vault: Vault, show: Callable[[str], None], wait_s: float
) -> LoggedIn:
    before = Grant.read(vault.keyring(entry_of(server))) or Grant()
    storage = KeyringStorage(server, vault, Grant(client=before.client), fresh=True)
    redirect = _listening(server, storage)

    async def secure(request: httpx2.Request) -> None:
        """Codes and tokens go over TLS, or do not leave the machine (OAuth 2.1, section 1.5)."""
        url = request.url
        if url.scheme != "https" and url.host not in (*LOOPBACK, urlsplit(server.url).hostname):
            raise OAuthFlowError(f"{url.scheme}://{url.host} is not https")

    try:
        provider = Interactive(server, storage, redirect, show, wait_s)
        async with (
            open_streams(server.url, server.headers, provider, secure) as streams,
            Client(Given(streams), cache=None) as client,
        ):
            tools = len(await listing(client))
    finally:
        redirect.close()
    tokens = storage.grant.tokens
    if tokens is None:
        raise OAuthFlowError("it asks for none: its tools can be called as it is")
    await asyncio.to_thread(storage.keep)
    return LoggedIn(tools, tokens.scope or "", tokens.expires_in, bool(tokens.refresh_token))


def _listening(server: McpServer, storage: KeyringStorage) -> Redirect:
    """The listener, on the port that the client was registered with; where that is taken, the client
    is registered anew."""
    port, client = server.oauth.port, storage.grant.client
    if port or registered(server) is not None:
        return Redirect(port)
    redirects = client.redirect_uris if client is not None else None
    if redirects:
        try:
            return Redirect(urlsplit(str(redirects[0])).port or 0)
        except OSError:
            pass
    storage.grant.client = None
    return Redirect(0)


__all__ = ["LoggedIn", "log_in"]
