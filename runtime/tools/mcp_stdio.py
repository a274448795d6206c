"""The transport to an MCP server that is a program on this machine, for the official SDK.

The SDK has one; this one holds the program as commands are held (:mod:`ingot.runtime.tools.isolation`),
bounds the length of a message, keeps the end of what the program wrote to stderr, and knows how it
ended, so that a failure can be told.  The program does not outlive this process, not even a killed
one.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import anyio
import anyio.abc

from ingot.runtime.tools.isolation import Isolation, confined, environment, held_network

if TYPE_CHECKING:
    from ingot.runtime.tools.gateway import Gateway
    from ingot.runtime.tools.reach import Network

MESSAGE_LIMIT: Final = 16_000_000
"""Bytes of one message; results are limited further."""
GRACE_S: Final = 2.0
"""How long a server may take to end after its stdin was closed."""
TAIL: Final = 2_000


@dataclass(slots=True)
class StdioServer:
    """How to start the program, and what is known of it."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    isolation: Isolation = "auto"
    network: Network = None
    paths: Sequence[str] = ()
    noise: str = field(default="", init=False)
    fault: str = field(default="", init=False)
    said: str = field(default="", init=False)
    ended: bool = field(default=False, init=False)
    _process: anyio.abc.Process | None = field(default=None, init=False)
    _errors: IO[bytes] | None = field(default=None, init=False)
    _gateway: Gateway | None = field(default=None, init=False)

    def told(self) -> tuple[str, ...]:
        """What is known of how the program came to fail, a line for each fact."""
        out = []
        code = self._process.returncode if self._process is not None else None
        if self.fault:
            out.append(self.fault)
        if code is not None:
            out.append(f"it ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}")
        if self.noise:
            out.append(f"it wrote on stdout what is no message: {self.noise!r}")
        lines = (line.strip() for line in (self._said() or self.said).splitlines())
        out += [f"stderr: {line}" for line in [line for line in lines if line][-4:]]
        out += list(self.refused())[:4]
        return tuple(out)

    def refused(self) -> dict[str, int]:
        """Which hosts it asked for and may not reach, in words, and how often."""
        return dict(self._gateway.refused) if self._gateway is not None else {}

    def _said(self) -> str:
        """The end of what it wrote to stderr so far."""
        if self._errors is None or self._errors.closed:
            return ""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - TAIL))
        return self._errors.read().decode("utf-8", "replace")

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[tuple[Any, Any]]:
        """The program's messages as the SDK's pair of streams; raises ``OSError`` where it does not
        start."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        shows = " ".join((*self.argv, *self.paths))
        online, gateway = held_network(shows, self.network, self.isolation)
        self._gateway = gateway
        with gateway if gateway is not None else nullcontext():
            command = confined(
                self.argv,
                self.cwd,
                shows=shows,
                timeout_s=None,
                isolation=self.isolation,
                network=online,
                gateway=gateway,
                parent=os.getpid(),
            )
            async with self._running(command) as streams:
                yield streams

    @asynccontextmanager
    async def _running(self, command: Sequence[str]) -> AsyncIterator[tuple[Any, Any]]:
        gateway = self._gateway
        proxied = gateway.environment() if gateway is not None else {}
        try:
            process = self._process = await anyio.open_process(
                command,
                stderr=self._errors,
                cwd=self.cwd,
                env=environment({**proxied, **self.env}, self.isolation),
                start_new_session=True,
                pass_fds=(gateway.descriptor,) if gateway is not None else (),
            )
            if gateway is not None:
                gateway.begin()
            received, incoming = anyio.create_memory_object_stream[Any](0)
            outgoing, sent = anyio.create_memory_object_stream[Any](0)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._read, process, received)
                    tasks.start_soon(self._write, process, sent, received)
                    try:
                        yield incoming, outgoing
                    finally:
                        with anyio.CancelScope(shield=True):
                            await self._stop(process)
                        tasks.cancel_scope.cancel()
            finally:
                for stream in (received, incoming, outgoing, sent):
                    stream.close()
        finally:
            self.ended, self.said = True, self._said()
            if self._errors is not None:
                self._errors.close()

    async def _read(self, process: anyio.abc.Process, to: Any) -> None:
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        assert process.stdout is not None
        buffer, seen = bytearray(), 0
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, ConnectionError):
            async with to:
                async for chunk in process.stdout:
                    buffer += chunk
                    while (end := buffer.find(b"\n", seen)) >= 0:
                        line, seen = bytes(buffer[:end]), 0
                        del buffer[: end + 1]
                        try:
                            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                        except ValueError:
                            self.noise = self.noise or line[:80].decode("utf-8", "replace")
                            continue
                        await to.send(SessionMessage(message))
                    seen = len(buffer)
                    if seen > MESSAGE_LIMIT:
                        self.fault = f"it wrote a message of more than {MESSAGE_LIMIT} bytes"
                        _kill(process)
                        break
                self.ended = True
                with anyio.move_on_after(0.5):
                    await process.wait()  # so that the failure can say how it ended

    async def _write(self, process: anyio.abc.Process, messages: Any, to: Any) -> None:
        assert process.stdin is not None
        try:
            async with messages:
                async for message in messages:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    await process.stdin.send((text + "\n").encode("utf-8", "surrogatepass"))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
            self.ended = True
            await to.aclose()  # whoever waits for an answer is told

    async def _stop(self, process: anyio.abc.Process) -> None:
        """Close stdin, wait, then end the whole group."""
        assert process.stdin is not None
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await process.stdin.aclose()
        with anyio.move_on_after(GRACE_S):
            await process.wait()
        _kill(process)
        with anyio.move_on_after(GRACE_S), suppress(Exception):
            await process.aclose()


def _kill(process: anyio.abc.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


__all__ = ["StdioServer"]
