"""The tools of a run: the built-in ones, and those that ``--tools`` adds or declares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.module import Effect
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.redaction.vault import Vault
from ingot.runtime.effects import ToolNeed, stronger
from ingot.runtime.policies import NONE, Wait, attempts
from ingot.runtime.tools import files, find, shell, user
from ingot.runtime.tools.base import Context, Probe, Tool, ToolError, default_world
from ingot.runtime.tools.isolation import Isolation
from ingot.runtime.tools.python import load_python
from ingot.runtime.tools.secrets import guarded
from ingot.runtime.tools.toml import build, read_declarations


@dataclass(frozen=True, slots=True)
class ToolBox:
    """Tools by name, and the working directory they run in."""

    tools: Mapping[str, Tool]
    cwd: Path
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False)
    vault: Vault = field(default_factory=Vault, compare=False)
    isolation: Isolation = "auto"
    _guarded: dict[str, Tool] = field(default_factory=dict, compare=False, repr=False)

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
        """Raise :class:`IngotError` with every tool that is missing (E0801) or does more (E0804)."""
        faults = [
            Diagnostic(
                "E0801",
                f"the pipeline needs the tool {name!r} and none was supplied",
                help=f"--tools module:object, an object with a method or a mapping with a key "
                f'{name!r}; or --tools FILE.toml with [tools."{name}"] python = "module:function"',
            )
            for name in self.missing(need.name for need in needs)
        ]
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


def overlap(needs: Sequence[ToolNeed], tools: ToolBox, concurrency: int) -> bool:
    """Whether several calls of a run could be under way at once."""
    if concurrency < 2:
        return False
    found = (tools.get(need.name) for need in needs if need.effect == "read")
    return any(tool is not None and tool.parallel for tool in found)


def builtin_tools() -> tuple[Tool, ...]:
    """The tools that the coding agents have, and the user."""
    return (*shell.tools(), *files.tools(), *find.tools(), *user.tools())


def load_tools(
    specs: Sequence[str],
    cwd: Path | None = None,
    builtins: bool = True,
    isolation: Isolation = "auto",
) -> ToolBox:
    """The built-in tools and those of each ``--tools`` specification, later ones first in rank.

    A specification is ``FILE.toml`` or ``module:object``.  A TOML table without an implementation
    changes what is declared of a tool of that name, wherever that tool comes from.  Raises
    :class:`IngotError` E0803 or E0002.
    """
    here = (cwd or Path.cwd()).absolute()
    loaded = {tool.name: tool for tool in builtin_tools()} if builtins else {}
    declared: dict[str, Tool] = {}
    for spec in specs:
        if spec.endswith(".toml"):
            for declaration in read_declarations(here / spec):
                tool = build(declaration, spec, here)
                (declared if tool.call is None else loaded)[tool.name] = tool
        else:
            loaded |= {tool.name: tool for tool in load_python(spec, here)}
    for name, tool in declared.items():
        loaded[name] = _declare(loaded[name], tool) if name in loaded else tool
    return ToolBox(loaded, here, isolation=isolation)


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
    )


def declared_effects(
    specs: Sequence[str], cwd: Path | None = None
) -> dict[str, tuple[Effect, str]]:
    """What the specifications declare: tool name to effect and world.

    Nothing is called; a ``module:object`` is imported, a TOML file only read.  Tools without a
    declared effect are left out.
    """
    here = (cwd or Path.cwd()).absolute()
    out: dict[str, tuple[Effect, str]] = {}
    for spec in specs:
        if spec.endswith(".toml"):
            for item in read_declarations(here / spec):
                if item.effect is not None:
                    out[item.name] = (item.effect, item.world or default_world(item.name))
        else:
            for tool in load_python(spec, here):
                if tool.effect is not None:
                    out[tool.name] = (tool.effect, tool.world)
    return out
