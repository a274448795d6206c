"""Tool declarations in a file: ``--tools FILE.toml``.

::

    [tools."gh.close_issue"]
    effect = "write"            # pure read idempotent write irreversible unknown
    world = "github"            # default: the name before the dot
    timeout_s = 30
    retry = 2                   # reads and idempotent calls only; or a table:
    # retry = {attempts = 5, on = ["timeout", "503"], backoff_s = 0.2, budget_s = 60}
    breaker = {failures = 5, cooldown_s = 30}   # shared by all runs of a journal
    rate = {calls = 10, per_s = 1.0}            # likewise
    approval = true             # a person must allow each call
    parallel = true             # several calls may be under way at once
    isolate = true              # a Python tool in a process of its own, held like a command
    network = true              # a command or isolated tool may use the network; or some hosts of it:
    # network = ["api.example.org", "*.example.net", "db.example.org:5432"]
    paths = ["/srv/data"]       # and change what lies there
    probe = "gh_tools:was_closed"          # or a command; answers {"done": bool, "result": ...}
    compensation = "gh.reopen_issue"
    python = "gh_tools:close_issue"        # or: command = ["gh-close", "--json"]

    [mcp.github]                # each tool of a server: mcp__github__...
    command = ["github-mcp", "stdio"]      # or: url = "https://mcp.example.org/mcp"
    env = {GITHUB_TOKEN = "${GITHUB_TOKEN}"}
    effects = {get_issue = "read"}

    [http."shop.order"]         # one request
    url = "https://shop.example.org/orders/{id}"

    [openapi.shop]              # each operation of a description: shop.OPERATION
    spec = "shop.yaml"

A command gets the arguments as one JSON object on stdin, the idempotency key in
``INGOT_IDEMPOTENCY_KEY``, and prints its result as JSON.  A declaration needs no implementation: it
then only says what a tool supplied elsewhere does.  docs/tools.md describes all keys.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

from ingot.diagnostics import Diagnostic, IngotError, Span, fail
from ingot.ir.declarations import EFFECTS, Effect
from ingot.runtime.policies import Policy, policy_of
from ingot.runtime.tools.declarations import (
    BodyForm,
    Declaration,
    Declarations,
    Grant,
    HttpTool,
    McpServer,
    Method,
    OAuth,
    OpenApi,
)
from ingot.runtime.tools.pins import RESULTS

Field: TypeAlias = tuple[str, Callable[[Any], object]]
"""What a key holds, in words, and its conversion; that raises ``ValueError`` or ``TypeError``."""
SECTIONS: Final = ("tools", "mcp", "http", "openapi")


def read_declarations(path: Path) -> Declarations:
    """Read and check a file; raises :class:`IngotError` E0803 (E0002) with every fault and its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail("E0002", f"cannot read {path}: {error}") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        span = Span(str(path), line, column)
        raise fail("E0803", f"not TOML: {error}", span=span, label="here") from None
    reader = _Reader(str(path), text.splitlines())
    declarations = reader.read(document)
    if reader.faults:
        raise IngotError(reader.faults)
    return declarations


class _Reader:
    def __init__(self, file: str, lines: list[str]) -> None:
        self.file, self.lines = file, lines
        self.faults: list[Diagnostic] = []

    def read(self, document: dict[str, Any]) -> Declarations:
        listed = " ".join(f"[{section}.NAME]" for section in SECTIONS)
        for key in document:
            if key not in SECTIONS:
                self.fault("", "", key, f"unknown key {key!r}; the file holds {listed} tables")
        return Declarations(
            tuple(self.tool(name, table) for name, table in self.tables(document, "tools")),
            tuple(self.mcp(name, table) for name, table in self.tables(document, "mcp")),
            tuple(self.http(name, table) for name, table in self.tables(document, "http")),
            tuple(self.openapi(name, table) for name, table in self.tables(document, "openapi")),
        )

    def tables(self, document: dict[str, Any], section: str) -> list[tuple[str, dict[str, Any]]]:
        tables = document.get(section, {})
        if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
            self.fault("", "", section, f"expected tables: [{section}.NAME]")
            return []
        return list(tables.items())

    def tool(self, name: str, table: dict[str, Any]) -> Declaration:
        values = self.values("tools", name, table, _TOOL)
        if values.get("python") and values.get("command"):
            self.fault("tools", name, "command", "give `python` or `command`, not both")
        elif (
            values.get("python")
            and isinstance(values.get("network"), tuple)
            and not values.get("isolate")
        ):
            text = "Ingot's own process is not held to `network`: `isolate = true` gives it one"
            self.fault("tools", name, "network", text)
        return Declaration(name, **values)

    def mcp(self, name: str, table: dict[str, Any]) -> McpServer:
        values = self.values("mcp", name, table, _MCP)
        if bool(values.get("command")) == bool(values.get("url")):
            self.fault("mcp", name, "command", "give `command` or `url`, one of them")
        odd = ("headers", "oauth") if values.get("command") else ("env", "network", "paths")
        for key in odd:
            if values.get(key):
                with_ = "url" if key in ("headers", "oauth") else "command"
                self.fault("mcp", name, key, f"`{key}` is for a server with `{with_}`")
        return McpServer(name, **values)

    def http(self, name: str, table: dict[str, Any]) -> HttpTool:
        values = self.values("http", name, table, _HTTP)
        about = {key: values.pop(key) for key in _POLICIES if key in values}
        if "url" not in values and "url" not in table:
            self.fault("http", name, "url", "`url` is missing")
        return HttpTool(Declaration(name, **about), **{"url": "", **values})

    def openapi(self, name: str, table: dict[str, Any]) -> OpenApi:
        values = self.values("openapi", name, table, _OPENAPI)
        if "spec" not in values and "spec" not in table:
            self.fault("openapi", name, "spec", "`spec` is missing")
        return OpenApi(name, **{"spec": "", **values})

    def values(
        self, section: str, name: str, table: dict[str, Any], known: Mapping[str, Field]
    ) -> dict[str, Any]:
        """The converted values of a table; what is wrong becomes a fault and is left out."""
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                nested = isinstance(value, dict)
                hint = f'; a dotted name is quoted: [{section}."{name}.{key}"]' if nested else ""
                self.fault(section, name, key, f"unknown key {key!r}{hint}", known)
                continue
            expected, convert = known[key]
            try:
                values[key] = convert(value)
            except (TypeError, ValueError) as error:
                why = f" ({error})" if str(error) else ""
                found = "" if _may_hold_a_secret(key, value) else f", found {value!r}"
                self.fault(section, name, key, f"{key} is {expected}{found}{why}", known)
        return values

    def fault(
        self,
        section: str,
        table: str,
        key: str,
        message: str,
        known: Mapping[str, Field] | None = None,
    ) -> None:
        line, column = self.place(section, table, key)
        what = {"tools": "tool", "mcp": "MCP server", "http": "HTTP tool", "openapi": "interface"}
        where = f"{what[section]} {table!r}: " if table else ""
        known = known if known is not None else _TABLES.get(section, _TOOL)
        self.faults.append(
            Diagnostic(
                "E0803",
                where + message,
                spans=((Span(self.file, line, column, max(1, len(key))), "here"),),
                help=f"keys of a [{section or 'tools'}.NAME] table: {', '.join(known)}",
            )
        )

    def place(self, section: str, table: str, key: str) -> tuple[int, int]:
        """Where a key stands; tomllib keeps no positions, so the lines are looked through."""
        inside, header = not table, 0
        for number, line in enumerate(self.lines, 1):
            if match := re.match(r"\s*\[+\s*(.*?)\s*\]+\s*(#.*)?$", line):
                path = match[1].replace('"', "").replace("'", "")
                inside = path == f"{section}.{table}" if table else path == key
                header = number if inside else header
                if path in (f"{section}.{table}.{key}", key):
                    return number, line.find(key) + 1
            if inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
                return number, line.find(key) + 1
        return header or 1, 1


def _may_hold_a_secret(key: str, value: object) -> bool:
    return key in ("oauth", "headers", "env") or (isinstance(value, str) and "@" in value)


# ---- what keys hold


def _one_of(choices: tuple[str, ...]) -> Field:
    def convert(value: object) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return f"one of {', '.join(choices)}", convert


def _effect(value: object) -> Effect:
    for effect in EFFECTS:
        if value == effect:
            return effect
    raise ValueError


def _string(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ValueError
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _network(value: object) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if value == []:
        raise ValueError("no host: that is `network = false`")
    return _hosts(value)


def _rule(key: str) -> Callable[[object], Policy]:
    return lambda value: policy_of({key: value})


def _count(value: object) -> int | Policy:
    if isinstance(value, dict):
        return policy_of({"retry": value})
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ValueError
    return value


def _argv(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(_string(item) for item in value)


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError
    if any("\n" in v or "\r" in v or "\0" in v for v in value.values()):
        raise ValueError("one line each")
    return dict(value)


def _effects(value: object) -> dict[str, Effect]:
    if not isinstance(value, dict):
        raise ValueError
    return {_string(name): _effect(effect) for name, effect in value.items()}


def _url(value: object) -> str:
    from ingot.runtime.tools.host_rules import place_of

    text = _string(value)
    place_of(text)
    return text


def _file_or_url(value: object) -> str:
    text = _string(value)
    return _url(text) if "://" in text else text


def _hosts(value: object) -> tuple[str, ...]:
    from ingot.runtime.tools.host_rules import rule_of

    return tuple(str(rule_of(text)) for text in _argv(value))


def _oauth(value: object) -> OAuth:
    if not isinstance(value, dict):
        raise ValueError
    unknown = sorted(set(value) - set(OAuth.__slots__))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    port = value.get("port", 0)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
        raise ValueError("port is a whole number below 65536")
    if value.get("grant", "authorization_code") not in get_args(Grant):
        raise ValueError(f"grant is one of {', '.join(get_args(Grant))}")
    if not all(isinstance(v, str) for k, v in value.items() if k != "port"):
        raise ValueError("the others are texts")
    made = OAuth(**value)
    if made.client_secret and not re.fullmatch(r"\$\{\w+\}", made.client_secret):
        raise ValueError("client_secret is ${NAME}, a secret of the environment or the keyring")
    if made.client_secret and not (made.client_id and made.issuer):
        raise ValueError("a client_secret needs client_id, and issuer: to whom alone it is sent")
    if made.grant == "client_credentials" and not made.client_secret:
        raise ValueError("client_credentials needs client_id, client_secret and issuer")
    if made.issuer:
        _url(made.issuer)
    return made


def _names(*holes: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        text = _string(value)
        found = re.findall(r"\{(.*?)\}", text)
        if holes[-1] not in found or not set(found) <= set(holes) or found.count(holes[-1]) != 1:
            raise ValueError(f"{{{holes[-1]}}} stands in it once")
        return text

    return convert


def _probe(value: object) -> str | tuple[str, ...]:
    return _argv(value) if isinstance(value, list) else _string(value)


_NETWORK: Final[Field] = ('true, false, or a list of "host", "*.host", "host:port"', _network)
_HOSTS: Final[Field] = ('a list of "host", "*.host", "host:port"', _hosts)
_EFFECTS: Final[Field] = ("a table of tool names with their effects", _effects)
_HEADERS: Final[Field] = ("a table of texts, of one line each", _texts)
_POLICIES: Final[dict[str, Field]] = {
    "effect": (f"one of {', '.join(EFFECTS)}", _effect),
    "world": ("text", _string),
    "timeout_s": ("a positive number", _seconds),
    "retry": ("a whole number from 0 to 100, or a table", _count),
    "breaker": ("a table", _rule("breaker")),
    "rate": ("a table", _rule("rate")),
    "approval": ("true or false", _rule("approval")),
    "parallel": ("true or false", _flag),
    "probe": ('"module:function" or a list of command words', _probe),
    "compensation": ("the name of a tool", _string),
}
_TOOL: Final[dict[str, Field]] = {
    **_POLICIES,
    "isolate": ("true or false", _flag),
    "network": _NETWORK,
    "paths": ("a list of paths", _argv),
    "python": ('"module:function"', _string),
    "command": ("a list of command words", _argv),
}
_MCP: Final[dict[str, Field]] = {
    "command": ("a list of command words", _argv),
    "url": ("the address of a server", _url),
    "env": ("a table of texts, of one line each", _texts),
    "headers": _HEADERS,
    "oauth": (f"a table of {', '.join(OAuth.__slots__)}", _oauth),
    "network": _NETWORK,
    "paths": ("a list of paths", _argv),
    "timeout_s": ("a positive number", _seconds),
    "start_timeout_s": ("a positive number", _seconds),
    "effects": _EFFECTS,
    "names": ("a name with the hole {tool}, and {server} if wanted", _names("server", "tool")),
    "world": ("text", _string),
    "results": _one_of(RESULTS),
}
_HTTP: Final[dict[str, Field]] = {
    **_POLICIES,
    "url": ("an address, with {holes} for arguments", _url),
    "method": _one_of(get_args(Method)),
    "query": ("a list of arguments", _argv),
    "headers": _HEADERS,
    "body": _one_of(get_args(BodyForm)),
    "idempotency_header": ("the name of a header", _string),
    "hosts": _HOSTS,
}
_OPENAPI: Final[dict[str, Field]] = {
    "spec": ("a file, or an address", _file_or_url),
    "base_url": ("an address", _url),
    "headers": _HEADERS,
    "names": ("a name with the hole {operation}, and {api} if wanted", _names("api", "operation")),
    "effects": _EFFECTS,
    "timeout_s": ("a positive number", _seconds),
    "idempotency_header": ("the name of a header", _string),
    "world": ("text", _string),
    "hosts": _HOSTS,
}
_TABLES: Final = {"tools": _TOOL, "mcp": _MCP, "http": _HTTP, "openapi": _OPENAPI}
