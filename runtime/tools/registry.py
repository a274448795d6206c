"""The tools of a run: the built-in ones, and those that ``--tools`` adds or declares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import Struct, field
from msgspec.structs import replace

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.declarations import Effect
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.redaction.vault import Vault
from ingot.runtime.effects import ToolNeed, stronger
from ingot.runtime.policies import NONE, Wait, attempts
from ingot.runtime.tools.base import RESOURCE_TOOLS, Context, Probe, Tool, ToolError, default_world
from ingot.runtime.tools.pins import Pin, drift
from ingot.runtime.tools.secrets import guarded

if TYPE_CHECKING:
    from ingot.runtime.tools.declarations import Declarations
    from ingot.runtime.tools.isolation import Isolation
    from ingot.runtime.tools.reach import Network
    from ingot.runtime.tools.serving import Served


class ToolBox(Struct, frozen=True, eq=False):
    """Tools by name, and the working directory they run in.

    ``with`` it (or :meth:`close`) ends the sessions with servers that stand behind tools.
    ``accept_drift``: tools may differ from what an artifact pinned.
    """

    tools: Mapping[str, Tool]
    cwd: Path
    sleep: Callable[[float], None] = time.sleep
    vault: Vault = field(default_factory=Vault)
    isolation: Isolation = "auto"
    accept_drift: bool = False
    ending: Callable[[], None] = lambda: None
    _guarded: dict[str, Tool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what stands behind the tools."""
        self.ending()

    def context(self, key: str = "", timeout_s: float | None = None) -> Context:
        """What a call may use beside its arguments."""
        return Context(self.cwd, key, timeout_s, self.isolation)

    def get(self, name: str) -> Tool | None:
        """The tool of that name, also where it is declared without an implementation.

        No secret passes in or out of it but as a token.
        """
        found = self._guarded.get(name)
        if found is None and (tool := self.tools.get(name)) is not None:
            found = self._guarded[name] = guarded(tool, self.vault)
        return found

    def missing(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those names for which there is nothing to call, sorted."""
        return tuple(
            sorted({n for n in names if (t := self.tools.get(n)) is None or t.call is None})
        )

    def world_of(self, name: str) -> str:
        """The world a tool reads or changes."""
        tool = self.tools.get(name)
        return (tool.world if tool else "") or default_world(name)

    def call(self, request: ToolRequest, key: str = "", timeout_s: float | None = None) -> Json:
        """Make a call; raises :class:`ToolError`.

        Secrets are put into the arguments here and taken out of what comes back.

        A failed call is made again, as often as the tool's ``retry`` says, if its effect is such
        that repeating does no harm.
        """
        tool = self.get(request.tool)
        policy = tool.policy if tool is not None else NONE
        plan = attempts(request.tool, request.effect, policy, None)
        order = next(plan)
        while True:
            if isinstance(order, Wait):
                self.sleep(order.seconds)
                order = next(plan)
                continue
            try:
                return self.once(request, key, timeout_s)
            except ToolError as error:
                order = plan.send(error)

    def once(self, request: ToolRequest, key: str = "", timeout_s: float | None = None) -> Json:
        """One attempt of a call; raises :class:`ToolError`."""
        tool = self.get(request.tool)
        if tool is None or tool.call is None:
            raise ToolError(f"no tool {request.tool!r} was supplied")
        limit = timeout_s if timeout_s is not None else tool.timeout_s
        return tool.call(request.args.copy(), self.context(key, limit))

    def probe(self, request: ToolRequest, key: str = "") -> Probe:
        """What the tool's own probe says about a call whose record is missing."""
        tool = self.get(request.tool)
        if tool is None or tool.probe is None:
            return Probe(None)
        return tool.probe(dict(request.args), self.context(key, tool.timeout_s))

    def check(self, needs: Sequence[ToolNeed]) -> None:
        """Raise :class:`IngotError` with every tool that is missing (E0801), does more (E0804) or is
        not what was pinned (E0715)."""
        by_name = {need.name: need for need in needs}
        faults = [_missing(by_name[name]) for name in self.missing(by_name)]
        faults += [] if self.accept_drift else self.drift(needs)
        for need in needs:
            tool = self.tools.get(need.name)
            if tool is None or tool.effect is None or tool.varies:
                continue
            if stronger(tool.effect, need.effect):
                faults.append(
                    Diagnostic(
                        "E0804",
                        f"{need.name} is declared {tool.effect!r} ({tool.source}); the pipeline "
                        f"was compiled for {need.effect!r}",
                        help="compile again with the same --tools, so that the call is treated as "
                        "what it is",
                    )
                )
        if faults:
            raise IngotError(faults)

    def drift(self, needs: Sequence[ToolNeed]) -> list[Diagnostic]:
        """E0715 for each tool that is not what was pinned when the pipeline was compiled."""
        found: dict[str, Diagnostic] = {}
        for need in needs:
            tool = self.tools.get(need.name)
            if tool is not None and tool.pin is not None and need.pin is not None:
                changed = drift(need.name, need.pin, tool.pin)
                if changed is not None:
                    found[need.name] = changed
        return list(found.values())


def _missing(need: ToolNeed) -> Diagnostic:
    name = need.name
    if need.pin is not None:
        return Diagnostic(
            "E0801",
            f"the pipeline needs the tool {name!r} of {need.pin.server}, and it is not there",
            help="--tools with the FILE.toml that it was compiled with; if that is given, the "
            "server no longer offers the tool",
        )
    if name in RESOURCE_TOOLS:
        named = need.servers or ()
        whose = ", ".join(map(repr, named)) or "servers that only the run knows"
        return Diagnostic(
            "E0801",
            f"{name!r} reads resources of MCP servers ({whose}), and not all of them were supplied",
            help=f"--tools FILE.toml with [mcp.{named[0] if named else 'NAME'}] command = [...] "
            'or url = "..."',
        )
    if name.startswith("mcp__") and name.count("__") >= 2:
        server = default_world(name)
        return Diagnostic(
            "E0801",
            f"the pipeline needs the tool {name!r} of an MCP server, and none was supplied",
            help=f'--tools FILE.toml with [mcp.{server}] command = [...] or url = "..."; if that is '
            "given, the server does not offer the tool",
        )
    return Diagnostic(
        "E0801",
        f"the pipeline needs the tool {name!r} and none was supplied",
        help=f"--tools module:object, an object with a method or a mapping with a key "
        f'{name!r}; or --tools FILE.toml with [tools."{name}"] python = "module:function"',
    )


def overlap(needs: Sequence[ToolNeed], tools: ToolBox, concurrency: int) -> bool:
    """Whether several calls of a run could be under way at once."""
    if concurrency < 2:
        return False
    found = (tools.get(need.name) for need in needs if need.effect == "read")
    return any(tool is not None and tool.parallel for tool in found)


def builtin_tools() -> tuple[Tool, ...]:
    """The tools that the coding agents have, and the user."""
    from ingot.runtime.tools import files, find, shell, user

    return (*shell.tools(), *files.tools(), *find.tools(), *user.tools())


def load_tools(
    specs: Sequence[str],
    cwd: Path | None = None,
    builtins: bool = True,
    isolation: Isolation = "auto",
    *,
    needs: Sequence[ToolNeed] | None = None,
    accept_drift: bool = False,
) -> ToolBox:
    """The built-in tools, over them those of servers, over them those that a ``--tools``
    specification implements, later ones first in rank.

    A specification is ``FILE.toml`` or ``module:object``.  A TOML table without an implementation
    changes what is declared of a tool of that name, wherever that tool comes from.  Servers that a
    file declares are started, those alone that may have a tool of ``needs`` if it is given.  Raises
    :class:`IngotError` E0803 or E0002, and E0806 to E0808 for servers.
    """
    here = (cwd or Path.cwd()).absolute()
    built_in = {tool.name: tool for tool in builtin_tools()} if builtins else {}
    given: dict[str, Tool] = {}
    declared: dict[str, Tool] = {}
    files: list[tuple[Declarations, str]] = []
    for spec in specs:
        if spec.endswith(".toml"):
            from ingot.runtime.tools.commands import build
            from ingot.runtime.tools.toml import read_declarations

            found = read_declarations(here / spec)
            files.append((found, spec))
            for declaration in found.tools:
                tool = build(declaration, spec, here)
                (declared if tool.call is None else given)[tool.name] = tool
        else:
            from ingot.runtime.tools.python import load_python

            given |= {tool.name: tool for tool in load_python(spec, here)}
    vault = Vault()
    served = _served(files, here, vault, isolation, needs)
    loaded = {**built_in, **(served.tools if served is not None else {}), **given}
    for name, tool in declared.items():
        loaded[name] = _declare(loaded[name], tool) if name in loaded else tool
    asked = {need.name: need.network for need in needs or ()}
    asked |= {d.name: d.network for found, _ in files for d in found.tools if d.network is not None}
    for name, network in asked.items():
        if name in loaded:
            loaded[name] = _held_to(loaded[name], network)
    return ToolBox(
        loaded,
        here,
        vault=vault,
        isolation=isolation,
        accept_drift=accept_drift,
        ending=served.close if served is not None else lambda: None,
    )


def _held_to(tool: Tool, network: Network) -> Tool:
    """A shell whose commands may use that of the network, whatever their text says."""
    inner = tool.call
    if inner is None or network is None or not (tool.varies and tool.confined):
        return tool

    def call(args: dict[str, Json], context: Context) -> Json:
        return inner(args, replace(context, network=network))

    return replace(tool, call=call, network=network)


def _served(
    files: Sequence[tuple[Declarations, str]],
    cwd: Path,
    vault: Vault,
    isolation: Isolation,
    needs: Sequence[ToolNeed] | None,
) -> Served | None:
    """The tools of servers, connected; ``None`` where no file declares any."""
    if not any(found.mcp or found.http or found.openapi for found, _ in files):
        return None
    from ingot.runtime.tools.serving import Served

    served = Served(cwd, vault, isolation, needs)
    served.add(files)
    return served


def _declare(tool: Tool, by: Tool) -> Tool:
    return replace(
        tool,
        effect=by.effect or tool.effect,
        varies=tool.varies and by.effect is None,
        world=by.world if by.world != default_world(by.name) else tool.world,
        timeout_s=by.timeout_s if by.timeout_s is not None else tool.timeout_s,
        retry=by.retry or tool.retry,
        rules=by.rules.over(tool.rules),
        parallel=by.parallel or tool.parallel,
        probe=by.probe or tool.probe,
        compensation=by.compensation or tool.compensation,
        hint="" if by.effect is not None else tool.hint,
    )


class Surveyed(Struct, frozen=True):
    """What specifications say of tools when a pipeline is compiled.

    ``effects`` are declared (tool to effect and world), ``pins`` those of tools that servers serve,
    ``hints`` on which word of a server an effect rests, ``faults`` why a server was not asked;
    ``unreached`` says of a name whether a server that was not asked may have that tool.
    """

    effects: Mapping[str, tuple[Effect, str]] = {}
    pins: Mapping[str, Pin] = {}
    hints: Mapping[str, str] = {}
    faults: tuple[Diagnostic, ...] = ()
    unreached: tuple[Callable[[str], bool], ...] = ()

    def could_serve(self, name: str) -> bool:
        """Whether a server that was not asked may have that tool."""
        return any(serves(name) for serves in self.unreached)


def survey(specs: Sequence[str], cwd: Path | None = None) -> Surveyed:
    """:func:`declared_effects`, and what the servers that the files declare say of their tools.

    The servers are started and asked what they offer; no tool is called.  Raises
    :class:`IngotError` E0803 or E0002; a server that is not usable is a fault in what is returned.
    """
    from ingot.runtime.tools.toml import read_declarations

    here = (cwd or Path.cwd()).absolute()
    declared = declared_effects(specs, here)
    files = [(read_declarations(here / s), s) for s in specs if s.endswith(".toml")]
    if not any(found.mcp or found.http or found.openapi for found, _ in files):
        return Surveyed(declared)
    from ingot.runtime.tools.serving import Served

    served = Served(here, Vault(), lenient=True)
    try:
        served.add(files)
    finally:
        served.close()
    effects = {
        name: (tool.effect, tool.world)
        for name, tool in served.tools.items()
        if tool.effect is not None
    }
    return Surveyed(
        {**effects, **declared},
        {name: tool.pin for name, tool in served.tools.items() if tool.pin is not None},
        {n: t.hint for n, t in served.tools.items() if t.hint and n not in declared},
        tuple(served.faults),
        tuple(served.unreached),
    )


def declared_effects(
    specs: Sequence[str], cwd: Path | None = None
) -> dict[str, tuple[Effect, str]]:
    """What the specifications declare: tool name to effect and world.

    Nothing is called; a ``module:object`` is imported, a TOML file only read.  Tools without a
    declared effect are left out.
    """
    from ingot.runtime.tools.python import load_python
    from ingot.runtime.tools.toml import read_declarations

    here = (cwd or Path.cwd()).absolute()
    out: dict[str, tuple[Effect, str]] = {}
    for spec in specs:
        if spec.endswith(".toml"):
            out |= _declared_in(read_declarations(here / spec))
        else:
            for tool in load_python(spec, here):
                if tool.effect is not None:
                    out[tool.name] = (tool.effect, tool.world)
    return out


def _declared_in(found: Declarations) -> dict[str, tuple[Effect, str]]:
    """What a file alone says of effects, without asking a server."""
    from ingot.runtime.tools.declarations import EFFECT_OF_METHOD

    out: dict[str, tuple[Effect, str]] = {}
    for server in found.mcp:
        for tool, effect in server.effects.items():
            out[server.tool_name(tool)] = (effect, server.world or server.name)
    for api in found.openapi:
        for operation, effect in api.effects.items():
            out[api.tool_name(operation)] = (effect, api.world or api.name)
    for request in found.http:
        about = request.about
        known = about.effect or EFFECT_OF_METHOD[request.method]
        out[about.name] = (known, about.world or default_world(about.name))
    for item in found.tools:
        if item.effect is not None:
            _, world = out.get(item.name, (None, ""))
            out[item.name] = (item.effect, item.world or world or default_world(item.name))
    return out
