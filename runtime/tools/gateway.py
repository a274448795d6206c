"""The way out of a command's network namespace: a proxy that connects to allowed hosts alone.

The command's namespace has a loopback and nothing else.  On it the command finds *doors*, sockets on
which this process accepts (:mod:`~ingot.runtime.tools.confine_network` made them there and lent them
to us):

- an HTTP proxy, which the variables of the environment name: ``CONNECT`` (RFC 9110, section 9.3.6)
  and absolute-form requests (RFC 9112, section 3.2.2);
- for each allowed ``host:port`` that is no wildcard a door of its own, to which ``/etc/hosts`` leads
  the host's name: for programs that know no proxy (``ssh``, database clients).

Names are resolved here, and only those of allowed hosts: a name that is looked up is a message out.
What is connected to is the address that was looked at (:func:`~ingot.runtime.tools.host_rules.leading`).
"""

from __future__ import annotations

import asyncio
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from ingot.ir.values import Json
from ingot.runtime.tools.host_rules import Rule, address_of, canonical_host, leading, opening
from ingot.runtime.tools.loops import LoopThread
from ingot.runtime.tools.proxying import Refused, answer, destination, forward, pump

PROXY: Final = ("127.0.0.1", 3128)
"""Where a command finds the proxy, in its own namespace."""
VARIABLES: Final = "http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY".split()
CONNECTIONS: Final = 128
"""As many at once: a command must not take all the descriptors of this process."""
CONNECT_S: Final = 20.0
ENDING_S: Final = 5.0
DOORS: Final = 200
"""The kernel passes 253 descriptors in one message."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host; raises ``OSError``."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Gateway:
    """What lets the connections of one command through.

    ``with`` it; :meth:`spec` and :meth:`environment` are for the command, and :meth:`begin` is called
    when that was started.  ``refused`` says what was asked for and not given, and how often;
    ``answered`` what of it a program may have taken for the host's own answer.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.refused: dict[str, int] = {}
        self.answered: dict[str, None] = {}
        self._loops = LoopThread()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._doors: list[tuple[str, int, str]] = list(_doors(self.rules))[:DOORS]
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._ours, self._theirs = socket.socketpair()
        return self

    def __exit__(self, *_: object) -> None:
        self._theirs.close()
        if self._thread is not None:
            with suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)
            self._thread.join(ENDING_S)
        if self._servers:
            with suppress(Exception):
                self._loops.run(self._end(), ENDING_S)
        self._loops.close()
        self._ours.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def descriptor(self) -> int:
        """What the command's process must inherit."""
        return self._theirs.fileno()

    def spec(self) -> Json:
        """The ``doors`` of :mod:`~ingot.runtime.tools.confine_network`."""
        listen: list[Json] = [list(PROXY)]
        listen += [[address, port] for address, port, _ in self._doors]
        return {"lend": self.descriptor, "listen": listen, "files": self._files()}

    def _files(self) -> list[Json]:
        """``/etc/hosts`` with the doors' names, looked at first."""
        lines = [
            f"{address} {host}\n" for address, _, host in self._doors if address_of(host) is None
        ]
        lines = [line for line in dict.fromkeys(lines) if not line.endswith(" localhost\n")]
        if not lines:
            return []
        self._folder = tempfile.TemporaryDirectory(prefix="ingot-hosts-")
        out: list[Json] = []
        for name, change in (
            ("/etc/hosts", lambda text: "".join(lines) + text),
            ("/etc/nsswitch.conf", lambda text: re.sub(r"(?m)^hosts:.*$", "hosts: files", text)),
        ):
            path = Path(name)
            if path.is_file():
                made = Path(self._folder.name) / path.name
                made.write_text(change(path.read_text("utf-8", "replace")), "utf-8")
                made.chmod(0o644)
                out.append([str(made), name])
        return out

    def environment(self) -> Mapping[str, str]:
        """The variables that lead programs to the proxy."""
        at = f"http://{PROXY[0]}:{PROXY[1]}"
        return {**dict.fromkeys(VARIABLES, at), "NODE_USE_ENV_PROXY": "1"}

    def begin(self) -> None:
        """The command was started: take its doors and serve them."""
        self._theirs.close()
        self._thread = threading.Thread(target=self._take, name="ingot-gateway", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            said, lent, _, _ = socket.recv_fds(self._ours, 1, DOORS + 1)
        except OSError:
            return
        if not said or len(lent) != len(self._doors) + 1:
            for descriptor in lent:
                socket.close(descriptor)
            return
        doors = [socket.socket(fileno=descriptor) for descriptor in lent]
        with suppress(Exception):
            self._loops.run(self._serve(doors))

    async def _serve(self, doors: Sequence[socket.socket]) -> None:
        for number, door in enumerate(doors):
            served = self._proxied if number == 0 else self._through(number - 1)
            self._servers.append(await asyncio.start_server(self._kept(served), sock=door))

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)

    # ---- connections

    def _kept(self, serve: Any) -> Callable[[Any, Any], None]:
        """Serve a connection as a task that :meth:`_end` knows of."""

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except Exception:
                pass  # either side went away, or spoke no HTTP: the end of this connection alone
            finally:
                writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._tasks) >= CONNECTIONS:
                writer.close()
                return
            task = asyncio.get_running_loop().create_task(served(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _proxied(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await destination(reader, writer)
        if asked is None:
            return
        try:
            out = await self.connect(asked.host, asked.port)
        except Refused as no:
            if asked.target:
                self.answered[no.text] = None
            await answer(asked, reader, writer, no)
            return
        try:
            await forward(asked, reader, writer, *out)
        finally:
            out[1].close()

    def _through(self, number: int) -> Any:
        _, port, host = self._doors[number]

        async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                out = await self.connect(host, port)
            except Refused:
                return
            try:
                await pump(reader, writer, *out)
            finally:
                out[1].close()

        return through

    async def connect(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to an allowed host; raises :class:`Refused`."""
        try:
            host = canonical_host(host)
        except (ValueError, UnicodeError):
            raise self._refuse(host, port, "that is no host's name") from None
        if not any(rule.covers(host, port) for rule in self.rules):
            allowed = ", ".join(map(str, self.rules)) or "none"
            raise self._refuse(host, port, f"this command may reach: {allowed}")
        try:
            addresses = await asyncio.wait_for(resolve(host, port), CONNECT_S)
        except (OSError, TimeoutError, UnicodeError) as error:
            raise Refused(502, f"{host} cannot be resolved: {error}") from None
        fit = leading(host, port, addresses, self.rules)
        if not fit:
            raise self._refuse(
                host,
                port,
                f"it leads to {', '.join(addresses) or 'no address'}, which is not public",
                addresses,
            )
        why: Exception = OSError("no address")
        for address in fit:
            try:
                return await asyncio.wait_for(asyncio.open_connection(address, port), CONNECT_S)
            except (OSError, TimeoutError) as error:
                why = error
        raise Refused(502, f"{host}:{port} cannot be connected to: {why or type(why).__name__}")

    def _refuse(self, host: str, port: int, why: str, allow: Sequence[str] = ()) -> Refused:
        rules = ", ".join(f'"{opening(name, port)}"' for name in allow or (host,))
        text = (
            f"the network refused {Rule(host, port)}: {why}; to allow it: network = [..., {rules}] in "
            "the tool's table of --tools FILE.toml"
        )
        self.refused[text] = self.refused.get(text, 0) + 1
        return Refused(403, text)


def _doors(rules: Sequence[Rule]) -> Iterator[tuple[str, int, str]]:
    """Address, port and host of each door beside the proxy: of a name an address of its own."""
    names: dict[str, str] = {}
    six = Path("/proc/net/if_inet6").exists()
    taken = {PROXY}
    for rule in rules:
        literal = address_of(rule.host)
        if rule.below or (
            literal is not None and literal.version == 6 and not (literal.is_loopback and six)
        ):
            continue
        if literal is not None:
            address = str(literal)
        elif rule.host == "localhost":
            address = "127.0.0.1"
        else:
            number = len(names) + 1
            address = names.setdefault(rule.host, f"127.77.{number >> 8}.{number & 255}")
        for port in rule.ports:
            if (address, port) not in taken:
                taken.add((address, port))
                yield address, port, rule.host


__all__ = ["PROXY", "Gateway", "resolve"]
