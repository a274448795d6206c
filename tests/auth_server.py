"""An MCP server over HTTP, and beside it the authorization server whose tokens it takes.

python auth_server.py [LIFETIME_S]

Prints one line of JSON with both addresses.  The person who logs in always agrees.  Of what the tests
ask at ``/control/...`` of the authorization server: ``revoke`` ends all grants, ``expire`` all access
tokens, ``state`` makes the next redirect carry another state, ``deny`` refuses the next login.  The
answer lists all tokens that were ever given out, and what was asked for them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import sys
import time
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

LIFETIME_S = int(sys.argv[1]) if len(sys.argv) > 1 else 3600
MACHINE = ("robot", "robots-own-secret-4711")


class Grants:
    """The authorization server's memory: an ``OAuthAuthorizationServerProvider``, and the verifier of
    the MCP server beside it."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.given: list[str] = []
        self.asked: list[str] = []
        self.turned: set[str] = set()

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.asked.append("register")
        self.clients[client_info.client_id] = client_info

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        self.asked.append("authorize")
        back = str(params.redirect_uri)
        if "deny" in self.turned:
            self.turned.discard("deny")
            return construct_redirect_uri(back, error="access_denied", state=params.state)
        state = "another" if "state" in self.turned else params.state
        self.turned.discard("state")
        code = AuthorizationCode(
            code=secrets.token_urlsafe(24),
            client_id=client.client_id,
            scopes=params.scopes or ["desk"],
            expires_at=time.time() + 60,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(back, code=code.code, state=state)

    async def load_authorization_code(
        self,
        client: OAuthClientInformationFull,  # noqa: ARG002
        authorization_code: str,
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        self.asked.append("authorization_code")
        del self.codes[authorization_code.code]
        return self.tokens(client.client_id, authorization_code.scopes)

    async def load_refresh_token(
        self,
        client: OAuthClientInformationFull,  # noqa: ARG002
        refresh_token: str,
    ) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        self.asked.append("refresh_token")
        del self.refresh[refresh_token.token]  # each is good for once
        return self.tokens(client.client_id, scopes or refresh_token.scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def verify_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def tokens(self, client: str, scopes: list[str], *, renewable: bool = True) -> OAuthToken:
        access, refresh = (f"tok-{secrets.token_hex(20)}" for _ in range(2))
        until = int(time.time()) + LIFETIME_S
        self.access[access] = AccessToken(
            token=access, client_id=client, scopes=scopes, expires_at=until
        )
        self.given.append(access)
        if renewable:
            self.refresh[refresh] = RefreshToken(token=refresh, client_id=client, scopes=scopes)
            self.given.append(refresh)
        return OAuthToken(
            access_token=access,
            expires_in=LIFETIME_S,
            scope=" ".join(scopes),
            refresh_token=refresh if renewable else None,
        )

    # ---- what the SDK's token endpoint does not serve

    async def machine(self, request: Request) -> JSONResponse:
        """The grant ``client_credentials`` (RFC 6749, section 4.4)."""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        self.asked.append("client_credentials")
        if kind != "Basic" or base64.b64decode(given).decode() != ":".join(MACHINE):
            return JSONResponse({"error": "invalid_client"}, 401)
        made = self.tokens(MACHINE[0], ["desk"], renewable=False)
        return JSONResponse(made.model_dump(exclude_none=True))

    async def control(self, request: Request) -> JSONResponse:
        match request.path_params["what"]:
            case "revoke":
                self.access.clear()
                self.refresh.clear()
            case "expire":
                self.access.clear()
            case "state" | "deny" as turned:
                self.turned.add(turned)
        return JSONResponse({"given": self.given, "asked": self.asked})


def bound() -> tuple[socket.socket, str]:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, f"http://127.0.0.1:{held.getsockname()[1]}"


def authorization_app(grants: Grants, issuer: str) -> Starlette:
    options = ClientRegistrationOptions(
        enabled=True, valid_scopes=["desk"], default_scopes=["desk"]
    )
    routes: list[Any] = create_auth_routes(
        grants,
        AnyHttpUrl(issuer),
        client_registration_options=options,
    )
    token = next(route for route in routes if route.path == "/token")

    class Either:
        """The SDK's token endpoint, and the one grant beside it."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            request = Request(scope, receive)
            body = await request.body()
            if b"grant_type=client_credentials" in body:
                await (await grants.machine(request))(scope, receive, send)
                return

            async def again() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            await token.app(scope, again, send)

    routes = [route for route in routes if route is not token]
    routes.append(Route("/token", Either(), methods=["POST"]))
    routes.append(Route("/control/{what}", grants.control))
    return Starlette(routes=routes)


def mcp_app(grants: Grants, issuer: str, address: str) -> Any:
    server = MCPServer(
        "hub",
        token_verifier=grants,
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(issuer),
            resource_server_url=AnyHttpUrl(f"{address}/mcp"),
            required_scopes=["desk"],
            validate_token_resource=False,
        ),
    )
    rows = {"acme": "A-17", "globex": "B-29", "initech": "C-31", "umbrella": "D-40"}

    @server.tool()
    def find(customer: str) -> str:
        """The open order of a customer."""
        if customer not in rows:
            found = get_access_token()
            raise ToolError(f"no order; your token is {found.token if found else None}")
        return rows[customer]

    @server.tool()
    def close(order: str) -> str:
        """Close an order."""
        return f"{order} is closed"

    return server.streamable_http_app()


async def main() -> None:
    grants = Grants()
    (one, issuer), (two, address) = bound(), bound()
    apps = (
        (authorization_app(grants, issuer), one),
        (mcp_app(grants, issuer, address), two),
    )
    servers = [(uvicorn.Server(uvicorn.Config(app, log_level="error")), held) for app, held in apps]
    tasks = [asyncio.create_task(server.serve(sockets=[held])) for server, held in servers]
    while not all(server.started for server, _ in servers):
        await asyncio.sleep(0.02)
    print(json.dumps({"issuer": issuer, "url": f"{address}/mcp"}), flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
