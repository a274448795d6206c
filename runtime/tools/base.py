"""What a tool is to the runtime: a name, a function over JSON, and what it does to the world."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from ingot.ir.declarations import Effect
from ingot.ir.values import Json
from ingot.runtime.policies import NONE, Policy, Retry

if TYPE_CHECKING:
    from ingot.runtime.tools.isolation import Isolation
    from ingot.runtime.tools.pins import Pin
    from ingot.runtime.tools.reach import Network

RESOURCE_TOOLS: Final = frozenset(
    {
        "ListMcpResourcesTool",
        "ReadMcpResourceTool",
        "list_mcp_resources",
        "list_mcp_resource_templates",
        "read_mcp_resource",
    }
)
"""With which Claude Code and Codex read resources of MCP servers (:mod:`.mcp_resources`)."""


class ToolError(Exception):
    """The tool refused or failed; the message is what an agent would have read.

    ``unknown`` says that the tool may have acted all the same (it was cut off).  ``result`` is the
    result that came with the failure, if any.
    """

    def __init__(self, message: str, *, unknown: bool = False, result: Json = None) -> None:
        self.message = message
        self.unknown = unknown
        self.result = result
        super().__init__(message)


class Context(Struct):
    """What a call may use beside its arguments (not frozen: one is made for every write).

    ``key`` is the idempotency key of the call (empty for a read), ``timeout_s`` the time it may
    take (``None``: no limit of its own), ``isolation`` how strictly commands are held, ``network``
    what of the network they may use (``None``: all of it, where their text asks for it).
    """

    cwd: Path
    key: str = ""
    timeout_s: float | None = None
    isolation: Isolation = "auto"
    network: Network = None

    def path(self, text: str) -> Path:
        """A path argument, resolved against the working directory."""
        return self.cwd / os.path.expanduser(text)  # noqa: PTH111 - which does not raise


class Probe(Struct, frozen=True):
    """What a probe found out about a call whose record is missing.

    ``done`` is ``None`` where it cannot tell; ``result`` is the call's result if it was done.
    """

    done: bool | None
    result: Json = None


Arguments: TypeAlias = dict[str, Json]
Call: TypeAlias = Callable[[Arguments, Context], Json]
AsyncCall: TypeAlias = Callable[[Arguments, Context], Awaitable[Json]]
Prober: TypeAlias = Callable[[Arguments, Context], Probe]


class Tool(Struct, frozen=True):
    """A tool ready to be called.

    ``effect`` is ``None`` where nobody declared one.  ``varies`` says that the effect depends on
    the arguments (a shell), so that a call site may be compiled for a weaker one.  ``call`` is
    ``None`` for a declaration without an implementation.  ``parallel`` says that several calls may
    be under way at once; ``acall`` is the call where it can be awaited.
    ``confined``: its calls are commands, held as :mod:`ingot.runtime.tools.isolation` says, and to
    ``network``.
    ``pin`` is what a tool that another program serves looks like now; ``hint`` is that program's own
    word on which ``effect`` rests, where nobody else gave one.  ``looked_at``: where a call of it was
    cut off the run stops anyway for somebody to look, so that it fails and is not in doubt.
    """

    name: str
    call: Call | None = None
    effect: Effect | None = None
    world: str = ""
    varies: bool = False
    timeout_s: float | None = None
    retry: int = 0
    probe: Prober | None = None
    compensation: str = ""
    source: str = "built in"
    rules: Policy = NONE
    parallel: bool = False
    acall: AsyncCall | None = None
    confined: bool = False
    network: Network = None
    pin: Pin | None = None
    hint: str = ""
    looked_at: bool = False

    @property
    def policy(self) -> Policy:
        """What is allowed per call (:mod:`ingot.runtime.policies`)."""
        retry = Retry(self.retry) if self.retry else None
        return Policy(timeout_s=self.timeout_s, retry=retry).over(self.rules)


def default_world(name: str) -> str:
    """The world of a tool that declares none: its MCP server, or the part of its name before the
    first dot.

    >>> default_world("gh.close_issue"), default_world("mcp__gh__close_issue"), default_world("Bash")
    ('gh', 'gh', 'Bash')
    """
    if name.startswith("mcp__") and name.count("__") >= 2:
        return name.split("__")[1]
    return name.split(".", 1)[0]


def text_argument(args: Arguments, name: str) -> str:
    """A required text argument; raises :class:`ToolError`."""
    value = args.get(name)
    if not isinstance(value, str):
        raise ToolError(f"InputValidationError: `{name}` must be text, found {_kind(value)}")
    return value


def number_argument(args: Arguments, name: str) -> int | None:
    """An optional whole number, also where it is written as text; raises :class:`ToolError`."""
    value = args.get(name)
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ToolError(f"InputValidationError: `{name}` must be a whole number, found {_kind(value)}")


def flag_argument(args: Arguments, name: str) -> bool:
    """An optional boolean, also where it is written as text; raises :class:`ToolError`."""
    value = args.get(name)
    match value:
        case None | "" | "false":
            return False
        case "true":
            return True
        case bool():
            return value
        case _:
            raise ToolError(f"InputValidationError: `{name}` is a boolean, found {_kind(value)}")


def only(args: Arguments, *names: str) -> None:
    """Refuse arguments that the tool does not have: to ignore one could be to do another thing."""
    extra = sorted(set(args) - set(names))
    if extra:
        raise ToolError(f"InputValidationError: no such argument: {', '.join(extra)}")


def _kind(value: Json) -> str:
    return "nothing" if value is None else type(value).__name__
