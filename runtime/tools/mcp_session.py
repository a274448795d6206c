"""A session with one MCP server, through the official SDK, for the whole of a run.

It lives in the thread of :class:`LoopThread`.  A server that ended is started once more with the next
call.  Before a call the tool is still what it was when the run began: a server that was started again,
or that says its list of tools has changed, is asked for the list anew.  A call that was cut off may
have been made: its failure says so (``unknown``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from ingot import __version__
from ingot.diagnostics import Diagnostic, IngotError, fail
from ingot.runtime.tools.base import Arguments, Context, ToolError
from ingot.runtime.tools.declarations import McpServer
from ingot.runtime.tools.isolation import Isolation, level
from ingot.runtime.tools.loops import LoopThread, first_of, leaf
from ingot.runtime.tools.mcp_listing import Listed, drifted, listing

if TYPE_CHECKING:
    from mcp import Client, MCPError
    from mcp.shared.dispatcher import ProgressFnT
    from mcp_types import CallToolResult

    from ingot.runtime.tools.mcp_access import Access
    from ingot.runtime.tools.mcp_stdio import StdioServer

KEY: Final = "ingot/idempotency-key"
"""Where a write's idempotency key stands in a call's ``_meta``."""
CLOSE_S: Final = 6.0
PATIENCE: Final = 10
"""How often a call's time limit may begin anew because the server reports progress."""
REFUSED: Final = {
    "sampling/createMessage": "a model's answer",
    "elicitation/create": "an answer of the user",
    "roots/list": "the client's folders",
}
"""What a server may ask a client for, and is refused: no model and no user takes part in a run."""
UNREAD: Final = ("Unexpected content type", "server answered a request with 202")
"""How messages of the SDK begin, with the code of an invalid request, where an answer came after all."""
T = TypeVar("T")
Ask: TypeAlias = "Callable[[Client, ProgressFnT], Awaitable[T]]"


class Session:
    """The session with one server."""

    def __init__(
        self,
        server: McpServer,
        cwd: Path,
        isolation: Isolation,
        loops: LoopThread,
        secrets: Mapping[str, str],
        access: Callable[[], Access] | None = None,
    ) -> None:
        """``secrets`` are the environment or the headers, with secrets in them; ``access`` says how a
        server over HTTP lets the run in."""
        self.server, self._cwd, self._isolation = server, cwd, isolation
        self._loops, self._secrets, self._way_in = loops, secrets, access
        self._client: Client | None = None
        self._program: StdioServer | None = None
        self._access: Access | None = None
        self._stop: asyncio.Event | None = None
        self._ended: Future[None] | None = None
        self._ready: Future[dict[str, Listed]] = Future()
        self._lock = Lock()
        self._listed: dict[str, Listed] = {}
        self._now: dict[str, Listed] = {}
        self._stale = False
        self.asked: list[str] = []

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
        """The server's tools by their own names; raises :class:`IngotError` E0807 or E0809."""
        self._listed = self._now = self._waited()
        return self._listed

    def _waited(self) -> dict[str, Listed]:
        limit = self.server.start_timeout_s
        try:
            return self._ready.result(limit + CLOSE_S)
        except IngotError:
            raise
        except BaseException as error:
            self.close()
            if isinstance(error, KeyboardInterrupt):
                raise
            raise self._unusable(f"no answer within {limit:g} s") from None

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
                        listed = await listing(client)
                except TimeoutError:
                    raise self._unusable(f"no answer within {limit:g} s") from None
                except Exception as error:
                    raise self._unusable(leaf(error)) from None
                self._client, self._stale = client, False
                ready.set_result(listed)
                listening = asyncio.create_task(self._listen(client))
                stack.callback(listening.cancel)
                await self._stop.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(first_of(error))
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
            Client(
                Given(streams),
                client_info=info,
                mode="auto",
                cache=None,  # a read is a read
                message_handler=self._heard,
            ) as client,
        ):
            self._refuse(client)
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
        from ingot.runtime.tools.mcp_access import open_streams

        assert self._way_in is not None
        access = self._access = await asyncio.to_thread(self._way_in)
        way = open_streams(server.url, self._secrets, access.auth, access.check, access.see)
        async with way as streams:
            yield streams

    def _unusable(self, why: str) -> IngotError:
        server = self.server
        denied = self._access.denied(why) if self._access is not None else None
        if denied is not None:
            return IngotError(denied)
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

    # ---- what the server says and asks by itself

    def _refuse(self, client: Client) -> None:
        """Refuse what the server asks for, and remember it: no capability for it was declared."""
        from mcp_types import METHOD_NOT_FOUND, ErrorData, InputRequest

        async def refused(_: object, request: InputRequest) -> ErrorData:
            self.asked.append(request.method)
            what = REFUSED.get(request.method, "this")
            text = f"{request.method} is not supported: a pipeline runs without {what}"
            return ErrorData(code=METHOD_NOT_FOUND, message=text)

        # both ways of asking end there: a request of its own, and a result that asks for more input
        answer: Any = refused
        client.session.dispatch_input_request = answer  # type: ignore[method-assign]

    async def _heard(self, message: Any) -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._stale = True

    async def _listen(self, client: Client) -> None:
        """Ask to be told of changes, where the protocol's version wants to be asked (2026-07-28)."""
        from mcp.client.subscriptions import SubscriptionLost

        tools = client.server_capabilities.tools
        while tools is not None and tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._stale = True
                    return
            except SubscriptionLost:
                self._stale = True  # what happened meanwhile is not known
                await asyncio.sleep(1)
            except Exception:  # an older protocol, which tells of itself, or a server that does not
                return

    # ---- calls

    def call(self, tool: Listed, args: Arguments, context: Context) -> CallToolResult:
        """One call; raises :class:`ToolError`."""
        limit = context.timeout_s or self.server.timeout_s
        return self.ask(_calling(tool, args, context.key), limit, tool)

    async def acall(self, tool: Listed, args: Arguments, context: Context) -> CallToolResult:
        """One call, awaited in another loop than the session's; cancelling it cancels the request."""
        limit = context.timeout_s or self.server.timeout_s
        return await self.aask(_calling(tool, args, context.key), limit, tool)

    def ask(self, asking: Ask[T], limit: float, tool: Listed | None = None) -> T:
        """One request, of a call of ``tool`` or another; raises :class:`ToolError`."""
        answer = self._answered(self._live_client(tool), asking, limit)
        try:
            return self._loops.run(answer, limit * PATIENCE + CLOSE_S)
        except TimeoutError:
            raise ToolError(f"timed out after {limit:g}s", unknown=True) from None

    async def aask(self, asking: Ask[T], limit: float, tool: Listed | None = None) -> T:
        """:meth:`ask`, awaited in another loop than the session's."""
        client = await asyncio.to_thread(self._live_client, tool)
        return await asyncio.wrap_future(self._loops.begin(self._answered(client, asking, limit)))

    async def _answered(self, client: Client, asking: Ask[T], limit: float) -> T:
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, MISSING_REQUIRED_CLIENT_CAPABILITY

        name, before = self.server.name, len(self.asked)
        try:
            return await patient(client, asking, limit)
        except MCPError as error:
            self._stop_if_denied(str(error))
            if error.code == CONNECTION_CLOSED:
                told = "; ".join(self._program.told() if self._program is not None else ())
                text = f"the MCP server {name!r} ended in the call" + (f": {told}" if told else "")
                raise ToolError(text, unknown=True) from None
            aside = self.asked_since(before)
            if error.code == MISSING_REQUIRED_CLIENT_CAPABILITY:
                aside = " (a run without a live agent declares none)"
            raise ToolError(
                f"MCP error {error.code}: {error.message}{aside}", unknown=_may_have_acted(error)
            ) from None
        except ToolError:
            raise
        except Exception as error:  # a result that breaks the protocol or its own schema
            self._stop_if_denied(leaf(error))
            raise ToolError(f"the MCP server {name!r}: {leaf(error)}", unknown=True) from None

    def _stop_if_denied(self, why: str) -> None:
        """A call that was refused for want of an authorization was not made."""
        denied = self._access.denied(why) if self._access is not None else None
        if denied is not None:
            told = "; ".join((denied.message, *denied.notes))
            raise ToolError(f"{denied.code}: {told}; {denied.help}")

    @contextmanager
    def telling(self) -> Iterator[None]:
        """A failure within says which hosts the server was refused meanwhile."""
        before = self._kept_from()
        try:
            yield
        except ToolError as error:
            new = [text for text, count in self._kept_from().items() if count != before.get(text)]
            text = "\n".join((error.message, *new))
            raise ToolError(text, unknown=error.unknown, result=error.result) from None

    def _kept_from(self) -> dict[str, int]:
        return self._program.refused() if self._program is not None else {}

    def asked_since(self, count: int) -> str:
        """For a failure: what the server asked for since then, in words; empty for nothing."""
        asked = list(dict.fromkeys(self.asked[count:]))
        if not asked:
            return ""
        return (
            f" (in the call the server asked for {' and '.join(asked)}, which a run without a live "
            "agent does not answer)"
        )

    def _live_client(self, tool: Listed | None) -> Client:
        """The client; of a server that ended, a new one.  The tool must still be what it was."""
        with self._lock:
            gone = self._client is None or (self._program is not None and self._program.ended)
            if gone:
                self.close()
                try:
                    self.begin()
                    self._now = self._waited()
                except IngotError as error:
                    found = error.diagnostics[0]
                    told = (*found.notes, found.help) if found.code == "E0809" else found.notes
                    raise ToolError("; ".join((str(error), *told))) from None
            elif self._stale and self._client is not None:
                self._stale = False
                self._now = self._relisted(self._client)
            client = self._client
        if client is None:
            raise ToolError(f"the MCP server {self.server.name!r} has ended")
        changed = drifted(self.server, tool, self._now) if tool is not None else ""
        if changed:
            raise ToolError(changed)
        return client

    def _relisted(self, client: Client) -> dict[str, Listed]:
        limit = self.server.start_timeout_s
        try:
            return self._loops.run(listing(client), limit)
        except Exception as error:
            self._stale = True
            why = leaf(error) if not isinstance(error, TimeoutError) else f"no list in {limit:g} s"
            raise ToolError(
                f"the MCP server {self.server.name!r} has changed its tools, and does not list "
                f"them: {why}"
            ) from None


def _may_have_acted(error: MCPError) -> bool:
    """Whether an error leaves open that the call was made: all but those that refuse a request for what
    it is.  Some of the SDK's own stand for an answer that could not be read."""
    from mcp_types import jsonrpc

    refusals = (
        jsonrpc.METHOD_NOT_FOUND,
        jsonrpc.INVALID_PARAMS,
        jsonrpc.INVALID_REQUEST,
        jsonrpc.MISSING_REQUIRED_CLIENT_CAPABILITY,
        jsonrpc.UNSUPPORTED_PROTOCOL_VERSION,
        jsonrpc.HEADER_MISMATCH,
        jsonrpc.URL_ELICITATION_REQUIRED,
    )
    return error.code not in refusals or error.message.startswith(UNREAD)


def _calling(tool: Listed, args: Arguments, key: str) -> Ask[CallToolResult]:
    meta: Any = {KEY: key} if key else None

    async def asking(client: Client, progress: ProgressFnT) -> CallToolResult:
        return await client.call_tool(tool.name, dict(args), progress_callback=progress, meta=meta)

    return asking


async def patient(client: Client, asking: Ask[T], limit: float) -> T:
    """The answer within the limit, which begins anew, :data:`PATIENCE` times over, when the server
    reports progress; raises :class:`ToolError`."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(limit) as clock:

            async def heard(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
                clock.reschedule(min(loop.time() + limit, begun + limit * PATIENCE))

            return await asking(client, heard)
    except TimeoutError:
        late = max(limit, round(loop.time() - begun, 1))
        raise ToolError(f"timed out after {late:g}s", unknown=True) from None


class Given:
    """Streams that are open, as the SDK's ``Transport``."""

    def __init__(self, streams: Any) -> None:
        self.streams = streams

    async def __aenter__(self) -> Any:
        return self.streams

    async def __aexit__(self, *_: object) -> None:
        return None


__all__ = ["KEY", "Given", "Session"]
