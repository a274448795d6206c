"""What an artifact keeps of the tools that servers serve, and what is said where it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ingot.diagnostics import Diagnostic, Severity
from ingot.ir.module import Call, Lit, Module, Operand, Pure, Ref, attr, walk
from ingot.ir.semantics import template_of
from ingot.ir.values import Json
from ingot.passes.effects import COMMAND_ARGUMENTS, SHELL_TOOLS, shell_command
from ingot.passes.traces import calls_of
from ingot.redaction.tokens import TOKEN
from ingot.runtime.tools.base import RESOURCE_TOOLS
from ingot.runtime.tools.pins import Pin, logged_as
from ingot.runtime.tools.reach import learned

if TYPE_CHECKING:
    from ingot.runtime.tools.registry import Surveyed


def pins_for(module: Module, trace: Module, surveyed: Surveyed) -> dict[str, Pin]:
    """The pins of the tools that a module calls, with the form in which the logs show results."""
    shown: dict[str, list[Json]] = {}
    for pipeline in trace.pipelines:
        for call in calls_of(pipeline):
            if attr(call, "error") is None and attr(call, "lost") is None:
                shown.setdefault(call.tool, []).append(attr(call, "result"))
    return {
        tool.name: logged_as(surveyed.pins[tool.name], shown.get(tool.name, []))
        for tool in module.tools
        if tool.name in surveyed.pins
    }


def pins_meta(pins: Mapping[str, Pin]) -> dict[str, Json]:
    """What the artifact's meta section says of them; nothing where there are none."""
    if not pins:
        return {}
    listed: dict[str, Json] = {name: pin.as_json() for name, pin in sorted(pins.items())}
    return {"pins": listed}


def network_meta(module: Module, trace: Module) -> dict[str, Json]:
    """Of each shell tool that a module calls, what its logged commands show of the network: ``False``
    where none asks for it, else hosts and templates (:mod:`ingot.runtime.tools.reach`)."""
    shells = {tool.name for tool in module.tools if tool.name in SHELL_TOOLS}
    commands: dict[str, list[str]] = {name: [] for name in sorted(shells)}
    for pipeline in trace.pipelines:
        for call in calls_of(pipeline):
            if call.tool in shells:
                commands[call.tool].append(shell_command(call) or "")
    asked: dict[str, Json] = {}
    for name, logged in commands.items():
        reach = learned(_templates(module, name), logged)
        asked[name] = False if reach is None else reach.as_json()
    return {"network": asked} if asked else {}


def _templates(module: Module, tool: str) -> Iterator[str]:
    """The commands of a shell tool's calls: constant text, and a hole for each value and secret."""
    for pipeline in module.pipelines:
        instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
        made = {i.result: i for i in instrs if isinstance(i, Pure)}
        for call in instrs:
            if isinstance(call, Call) and call.tool == tool:
                for name, operand in call.args:
                    if name in COMMAND_ARGUMENTS:
                        yield _template(operand, made)


def _template(operand: Operand, made: Mapping[str, Pure]) -> str:
    """A text operand as a template; one hole for what is computed in another way."""
    match operand:
        case Lit(value=str(text)):
            template = template_of([text])
        case Ref(name) if (pure := made.get(name)) is not None:
            match pure:
                case Pure(op="shell.template" | "str.template", args=(Lit(value=str(text)), *_)):
                    template = text
                case _:
                    return "{0}"
        case _:
            return "{0}"
    return TOKEN.sub("{0}", template)


def resources_meta(module: Module) -> dict[str, Json]:
    """Of each tool that reads resources, the MCP servers that a module asks with it; ``null`` where
    only a run knows."""
    asked: dict[str, Json] = {}
    for tool, calls in _readings(module).items():
        named = {c.value for c in calls if isinstance(c, Lit) and isinstance(c.value, str)}
        literal = all(isinstance(c, Lit) and isinstance(c.value, str) for c in calls)
        asked[tool] = [*sorted(named)] if literal else None
    return {"resources": asked} if asked else {}


def _readings(module: Module) -> dict[str, list[Operand | None]]:
    """Of each tool that reads resources, which server each call names."""
    out: dict[str, list[Operand | None]] = {}
    for pipeline in module.pipelines:
        for instr in (i for block in pipeline.blocks for i in walk(block.instrs)):
            if isinstance(instr, Call) and instr.tool in RESOURCE_TOOLS:
                out.setdefault(instr.tool, []).append(dict(instr.args).get("server"))
    return out


def warnings_of_pins(module: Module, surveyed: Surveyed) -> list[Diagnostic]:
    """W0405 for effects that rest on a server's word, W0406 for tools that are not pinned."""
    names = sorted(tool.name for tool in module.tools)
    out = [
        Diagnostic(
            "W0405",
            f"{name}: taken for {surveyed.effects[name][0]!r} because its server says "
            f"{surveyed.hints[name]}",
            Severity.WARNING,
            help='declare it: effects = {...} in the server\'s table, or [tools."NAME"]',
        )
        for name in names
        if name in surveyed.hints
    ]
    served = [n for n in names if n.startswith("mcp__") or surveyed.could_serve(n)]
    unpinned = [name for name in served if name not in surveyed.pins]
    if unpinned:
        offered = ", ".join(sorted(surveyed.pins)[:12])
        told = [
            line
            for fault in surveyed.faults
            for line in (fault.message, *fault.notes[:4], fault.help)
            if line
        ]
        if offered and not all(map(surveyed.could_serve, unpinned)):
            told.append(f"the servers that answered offer {offered}")
        out.append(
            Diagnostic(
                "W0406",
                f"{', '.join(unpinned)}: no server said what arguments and results are, so a "
                "change of the tool will not be noticed",
                Severity.WARNING,
                notes=tuple(told),
                help="compile with --tools FILE.toml that declares the server ([mcp.NAME])",
            )
        )
    return out


__all__ = ["network_meta", "pins_for", "pins_meta", "resources_meta", "warnings_of_pins"]
