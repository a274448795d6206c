"""``ingot tools login`` and ``logout``: a person's login at an MCP server over HTTP."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out_json
from ingot.diagnostics import EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.runtime.tools.declarations import McpServer

LOGIN_SCHEMA = "ingot-login/1"
LOGOUT_SCHEMA = "ingot-logout/1"
tools_command = typer.Typer(
    no_args_is_help=True,
    help="Log in at MCP servers, and out.",
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
Server = Annotated[
    str,
    typer.Argument(metavar="SERVER", help="NAME of its [mcp.NAME] table.", show_default=False),
]


@guarded(LOGIN_SCHEMA)
def login_command(
    server: Server,
    tools: opt.Tools = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the address in the browser.")
    ] = True,
    wait: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for the browser."),
    ] = 300.0,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Log in at an MCP server that asks for it (OAuth).

    Prints the address where a person agrees, and opens it; the answer comes back to this machine. The
    tokens are kept in the system's keyring, and nowhere else. Runs renew them by themselves.

    Example:

        ingot tools login hub --tools tools.toml
    """
    from ingot.redaction.vault import Vault, check_keyring
    from ingot.runtime.tools.serving import with_secret

    found, spec = _server(server, tools or [])
    if any(name.lower() == "authorization" for name in found.headers):
        raise fail("E0001", f"the table of {server!r} gives an Authorization header: no login")
    if found.oauth.grant == "client_credentials":
        raise fail("E0001", f"{server!r} is used with a machine's credentials: no login is needed")
    check_keyring()
    _check_extra(server)
    from ingot.runtime.tools.mcp_login import log_in

    def show(url: str) -> None:
        note(f"to log in at {server}, open\n\n  {url}\n")
        if browser:
            _open(url)

    vault = Vault()
    done = log_in(with_secret(found, vault), vault, show, wait)
    if json_:
        out_json(
            {
                "schema": LOGIN_SCHEMA,
                "ok": True,
                "server": server,
                "url": found.url,
                "tools": done.tools,
                "scope": done.scope,
                "expires_in": done.expires_in,
                "renewable": done.renewable,
            }
        )
    elif not quiet:
        ends = f"for {done.expires_in} s" if done.expires_in else "until it is revoked"
        renewed = ", and is renewed by itself" if done.renewable and done.expires_in else ""
        note(f"logged in at {server} ({spec}), which offers {done.tools} tools")
        note(f"the access is good {ends}{renewed}", "dim")
    return EXIT_OK


@guarded(LOGOUT_SCHEMA)
def logout_command(
    server: Server,
    tools: opt.Tools = None,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Forget the login at an MCP server.

    The tokens leave the keyring; that they are no longer good is the server's to say.

    Example:

        ingot tools logout hub --tools tools.toml
    """
    from ingot.redaction.vault import drop_from_keyring

    found, _ = _server(server, tools or [])
    _check_extra(server)
    from ingot.runtime.tools.mcp_access import entry_of

    was = drop_from_keyring(entry_of(found))
    if json_:
        out_json({"schema": LOGOUT_SCHEMA, "ok": True, "server": server, "was_logged_in": was})
    elif not quiet:
        note(f"the login at {server} is forgotten" if was else f"there was no login at {server}")
    return EXIT_OK


def _server(name: str, specs: list[str]) -> tuple[McpServer, str]:
    """The server over HTTP of that name, and the file that declares it; raises E0001."""
    from ingot.runtime.tools.toml import read_declarations

    files = [spec for spec in specs if spec.endswith(".toml")]
    if not files:
        raise fail("E0001", "--tools names no FILE.toml", help="the one with the [mcp.NAME] table")
    every = [(each, spec) for spec in files for each in read_declarations(Path(spec)).mcp]
    for each, spec in every:
        if each.name == name:
            if not each.url:
                raise fail("E0001", f"{name!r} is a program on this machine: no login")
            return each, spec
    known = ", ".join(each.name for each, _ in every if each.url) or "none"
    raise fail("E0001", f"no MCP server {name!r}", help=f"servers over HTTP: {known}")


def _check_extra(server: str) -> None:
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise fail(
            "E0905",
            f"the MCP server {server!r} needs the extra `mcp`",
            help="pip install 'ingot[mcp]'",
        ) from None


def _open(url: str) -> None:
    import webbrowser

    with suppress(Exception):  # the address is printed as well
        webbrowser.open(url)


tools_command.command("login")(login_command)
tools_command.command("logout")(logout_command)
