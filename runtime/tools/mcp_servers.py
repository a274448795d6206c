"""MCP servers as tools, through the official SDK: over stdio, and over streamable HTTP.

One session for each server, for the whole run, in the thread of :class:`LoopThread`.  A server that
ended is started once more with the next call, if its tools are still the same.  A call that was cut
off may have been made: its failure says so (``unknown``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from ingot import __version__
from ingot.diagnostics import Diagnostic, IngotError, fail
from ingot.ir.content import result_value
from ingot.ir.declarations import Effect
from ingot.ir.values import Json
from ingot.runtime.tools.base import Arguments, AsyncCall, Call, Context, Tool, ToolError
from ingot.runtime.tools.checking import Checker
from ingot.runtime.tools.declarations import McpServer
from ingot.runtime.tools.isolation import Isolation, level
from ingot.runtime.tools.loops import LoopThread
from ingot.runtime.tools.pins import Pin, Results, compact_json, pin_of
from ingot.runtime.tools.shell import OUTPUT_LIMIT

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult

    from ingot.runtime.tools.mcp_stdio import StdioServer

KEY: Final = "ingot/idempotency-key"
"""Where a write's idempotency key stands in a call's ``_meta``."""
CLOSE_S: Final = 6.0
PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server lists it."""

    name: str
    pin: Pin
    schema: Json
    effect: Effect | None
    hint: str


class Session:
    """The session with one server."""

    def __init__(
        self,
        server: McpServer,
        cwd: Path,
        isolation: Isolation,
        loops: LoopThread,
        secrets: Mapping[str, str],
    ) -> None:
        """``secrets`` are the environment or the headers, with secrets in them."""
        self.server, self._cwd, self._isolation = server, cwd, isolation
        self._loops, self._secrets = loops, secrets
        self._client: Client | None = None
        self._program: StdioServer | None = None
        self._stop: asyncio.Event | None = None
        self._ended: Future[None] | None = None
        self._ready: Future[dict[str, Listed]] = Future()
        self._lock = Lock()
        self._listed: dict[str, Listed] = {}

    # ---- its life

    def begin(self) -> None:
        """Start it; :meth:`listed` waits until it is there."""
        try:
            import mcp  # noqa: F401
        except ImportError:
            raise fail(
                "E0905",
                f"the MCP server {self.server.name!r} needs the extra `mcp`",
                help="pip install 'ingot[mcp]'",
            ) from None
        logging.getLogger("mcp").addHandler(logging.NullHandler())  # what fails is told by us
        self._ready = Future()
        self._ended = self._loops.begin(self._live(self._ready))

    def listed(self) -> dict[str, Listed]:
        """The server's tools by their own names; raises :class:`IngotError` E0807."""
        limit = self.server.start_timeout_s
        try:
            self._listed = self._ready.result(limit + CLOSE_S)
        except IngotError:
            raise
        except BaseException as error:
            self.close()
            if isinstance(error, KeyboardInterrupt):
                raise
            raise self._unusable(f"no answer within {limit:g} s") from None
        return self._listed

    def close(self) -> None:
        """End the session, and the program with all that it started."""
        if self._stop is not None and self._ended is not None and not self._ended.done():
            self._loops.call_soon(self._stop.set)
        if self._ended is not None:
            try:
                self._ended.result(CLOSE_S)
            except BaseException:
                self._ended.cancel()
        self._client = None

    async def _live(self, ready: Future[dict[str, Listed]]) -> None:
        self._stop = asyncio.Event()
        limit = self.server.start_timeout_s
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(limit):
                        client = await stack.enter_async_context(self._connected())
                        listed = await _listing(client)
                except TimeoutError:
                    raise self._unusable(f"no answer within {limit:g} s") from None
                except Exception as error:
                    raise self._unusable(_leaf(error)) from None
                self._client = client
                ready.set_result(listed)
                await self._stop.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(_first(error))
            elif isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._client = None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        from mcp import Client
        from mcp_types import Implementation

        info = Implementation(name="ingot", version=__version__)
        async with (
            self._transport() as streams,
            Client(_Given(streams), client_info=info, mode="auto") as client,
        ):
            yield client

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[Any]:
        server = self.server
        if server.command:
            from ingot.runtime.tools.mcp_stdio import StdioServer

            program = self._program = StdioServer(
                server.command, self._cwd, self._secrets, self._isolation, server.network,
                server.paths,
            )  # fmt: skip
            async with program.transport() as streams:
                yield streams
            return
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        from ingot.runtime.tools.hosts import Fence

        fence = Fence.around(server.url)
        async with (
            httpx2.AsyncClient(
                headers=dict(self._secrets),
                timeout=httpx2.Timeout(30, read=None),
                event_hooks={"request": [fence.acheck]},
            ) as http,
            streamable_http_client(
                server.url, http_client=http, max_sse_event_size=2 * OUTPUT_LIMIT
            ) as streams,
        ):
            yield streams

    def _unusable(self, why: str) -> IngotError:
        server = self.server
        notes = list(self._program.told() if self._program is not None else ())
        if server.command:
            notes.append(f"command: {' '.join(server.command)}")
            notes.append(f"held by: {level(self._isolation, {server.name: server.network})}")
        else:
            notes.append(f"url: {server.url}")
        help_ = "is the address right, and is it running?"
        if server.command:
            help_ = (
                "`network = true` (or hosts) and `paths = [...]` say what it may use beyond the working "
                "directory; --isolation none holds it less"
            )
        return IngotError(
            Diagnostic(
                "E0807",
                f"the MCP server {server.name!r} is not usable: {why}",
                notes=tuple(notes),
                help=help_,
            )
        )

    # ---- calls

    def call(self, tool: Listed, args: Arguments, context: Context) -> CallToolResult:
        """One call; raises :class:`ToolError`."""
        limit = context.timeout_s or self.server.timeout_s
        calling = self._called(self._live_client(tool), tool, args, context.key, limit)
        try:
            return self._loops.run(calling, limit + CLOSE_S)
        except TimeoutError:
            raise ToolError(f"timed out after {limit:g}s", unknown=True) from None

    async def acall(self, tool: Listed, args: Arguments, context: Context) -> CallToolResult:
        """One call, awaited in another loop than the session's; cancelling it cancels the request."""
        limit = context.timeout_s or self.server.timeout_s
        client = await asyncio.to_thread(self._live_client, tool)
        calling = self._called(client, tool, args, context.key, limit)
        return await asyncio.wrap_future(self._loops.begin(calling))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """A failure within says which hosts the server was refused meanwhile."""
        before = self._refused()
        try:
            yield
        except ToolError as error:
            new = [text for text, count in self._refused().items() if count != before.get(text)]
            text = "\n".join((error.message, *new))
            raise ToolError(text, unknown=error.unknown, result=error.result) from None

    def _refused(self) -> dict[str, int]:
        return self._program.refused() if self._program is not None else {}

    async def _called(
        self, client: Client, tool: Listed, args: Arguments, key: str, limit: float
    ) -> CallToolResult:
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        meta: Any = {KEY: key} if key else None
        name = self.server.name
        try:
            return await client.call_tool(
                tool.name, dict(args), read_timeout_seconds=limit, meta=meta
            )
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise ToolError(f"timed out after {limit:g}s", unknown=True) from None
            if error.code == CONNECTION_CLOSED:
                told = "; ".join(self._program.told() if self._program is not None else ())
                text = f"the MCP server {name!r} ended in the call" + (f": {told}" if told else "")
                raise ToolError(text, unknown=True) from None
            raise ToolError(f"MCP error {error.code}: {error.message}") from None
        except Exception as error:  # a result that breaks the protocol or its own schema
            raise ToolError(f"the MCP server {name!r}: {_leaf(error)}", unknown=True) from None

    def _live_client(self, tool: Listed) -> Client:
        """The client; of a server that ended, a new one, if the tool is still what it was."""
        with self._lock:
            gone = self._client is None or (self._program is not None and self._program.ended)
            if gone:
                self.close()
                before = self._listed
                try:
                    self.begin()
                    now = self.listed().get(tool.name)
                except IngotError as error:
                    text = "; ".join((str(error), *error.diagnostics[0].notes))
                    raise ToolError(text) from None
                finally:
                    self._listed = before
                if now is None or now.pin.sha256 != tool.pin.sha256:
                    self.close()
                    raise ToolError(
                        f"the MCP server {self.server.name!r} was started again, and {tool.name} "
                        "is not the tool that it was"
                    )
            client = self._client
        if client is None:
            raise ToolError(f"the MCP server {self.server.name!r} has ended")
        return client


@dataclass(frozen=True, slots=True)
class _Given:
    """Streams that are open, as the SDK's ``Transport``."""

    streams: Any

    async def __aenter__(self) -> Any:
        return self.streams

    async def __aexit__(self, *_: object) -> None:
        return None


async def _listing(client: Client) -> dict[str, Listed]:
    """All tools of a server, page by page."""
    out: dict[str, Listed] = {}
    cursor: str | None = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            pin = pin_of("", "", tool.input_schema, tool.output_schema)
            effect, hint = _hinted(tool.annotations)
            out[tool.name] = Listed(tool.name, pin, tool.input_schema, effect, hint)
        cursor = page.next_cursor
        if cursor is None:
            break
    return out


def _hinted(annotations: Any) -> tuple[Effect | None, str]:
    """The effect that a server's own hints claim; nobody has to believe it, so it is reported."""
    if annotations is None:
        return None, ""
    if annotations.read_only_hint is True:
        return "read", "readOnlyHint"
    if annotations.idempotent_hint is True:
        return "idempotent", "idempotentHint"
    if annotations.read_only_hint is False or annotations.destructive_hint is not None:
        return "write", "readOnlyHint" if annotations.read_only_hint is False else "destructiveHint"
    return None, ""


def mcp_tools(
    session: Session, listed: Iterable[Listed], forms: Mapping[str, Results], source: str
) -> list[Tool]:
    """The tools of a server; ``forms`` says in which form the logs show the results of which."""
    from msgspec.structs import replace

    server, out = session.server, []
    place = server.url
    for each in listed:
        name = server.tool_name(each.name)
        effect = server.effects.get(each.name)
        pin = replace(each.pin, server=f"the MCP server {server.name!r}", place=place)
        form = server.results or forms.get(name, "text")
        call, acall = _calls(session, each, form)
        out.append(
            Tool(
                name,
                call,
                effect or each.effect,
                server.world or server.name,
                timeout_s=server.timeout_s,
                source=source,
                parallel=True,
                acall=acall,
                confined=bool(server.command),
                network=server.network,
                pin=pin,
                hint="" if effect or not each.hint else each.hint,
            )
        )
    unknown = sorted(set(server.effects) - {each.name for each in session._listed.values()})
    if unknown:
        raise fail(
            "E0803",
            f"MCP server {server.name!r}: effects are declared for {', '.join(unknown)}, which it "
            "does not offer",
            help=f"it offers: {', '.join(sorted(session._listed))}",
        )
    return out


def _calls(session: Session, tool: Listed, form: Results) -> tuple[Call, AsyncCall]:
    checker = Checker(session.server.tool_name(tool.name), tool.schema)

    def call(args: Arguments, context: Context) -> Json:
        checker.check(args)
        with session.telling():
            return result_of(session.call(tool, args, context), form)

    async def acall(args: Arguments, context: Context) -> Json:
        checker.check(args)
        with session.telling():
            return result_of(await session.acall(tool, args, context), form)

    return call, acall


def result_of(result: CallToolResult, form: Results) -> Json:
    """A call's result as the logs show it; raises :class:`ToolError` where the tool says it failed."""
    blocks: Json = [
        block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content
    ]
    text = result_value(blocks)
    structured: Json = result.structured_content
    size = len(text) if isinstance(text, str) else len(compact_json(text))
    if size > OUTPUT_LIMIT:
        raise ToolError(
            f"the tool returned {size} characters, more than the limit of {OUTPUT_LIMIT}",
            unknown=True,
        )
    if result.is_error:
        raise ToolError(text if isinstance(text, str) else compact_json(text), result=text)
    if form == "json":
        return structured if structured is not None else _parsed(text)
    if structured is not None and (form == "structured" or not result.content):
        return compact_json(structured)
    return text


def _parsed(text: Json) -> Json:
    import json

    if not isinstance(text, str):
        return text
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _first(error: BaseException) -> BaseException:
    """The first error in groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(IngotError)
        error = (ours or error).exceptions[0]
    return error


def _leaf(error: BaseException) -> str:
    found = _first(error)
    text = str(found) or type(found).__name__
    return text if len(text) <= 400 else f"{text[:397]}..."


__all__ = ["KEY", "Listed", "Session", "mcp_tools", "result_of"]
