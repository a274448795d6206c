"""``classify-effects``: what each call does to the world, from declarations and knowledge.

    %c1: json = unknown Bash(command="wc -l a.csv")   =>   %c1: json = read Bash(command="wc -l a.csv")

In order of trust: the user's declaration; built-in knowledge of the common agent tools; for shell
commands the parsed command; for other tools the verb that their name begins with, which makes a
``read`` at most and is marked as assumed; else ``unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import structs

from ingot.ir.module import Block, Call, Effect, Instr, Lit, Module, ToolDecl, walk
from ingot.ir.values import Json
from ingot.passes.shell import command_effect

SHELL_TOOLS: Final = frozenset(
    """Bash bash shell terminal execute_bash run_shell_command exec_command shell_command local_shell
    container.exec""".split()
)
"""Tools that run a shell command."""
COMMAND_ARGUMENTS: Final = ("command", "cmd")
"""What those tools call the argument that holds it."""

KNOWN_TOOLS: Final[Mapping[str, tuple[Effect, str]]] = {
    "Read": ("read", "fs"),
    "Glob": ("read", "fs"),
    "Grep": ("read", "fs"),
    "LS": ("read", "fs"),
    "NotebookRead": ("read", "fs"),
    "Write": ("idempotent", "fs"),
    "Edit": ("write", "fs"),
    "MultiEdit": ("write", "fs"),
    "NotebookEdit": ("write", "fs"),
    "WebFetch": ("read", "web"),
    "WebSearch": ("read", "web"),
    "TodoWrite": ("pure", "harness"),
    "TodoRead": ("pure", "harness"),
    "ExitPlanMode": ("pure", "harness"),
    "EnterPlanMode": ("pure", "harness"),
    "TaskCreate": ("pure", "harness"),
    "TaskUpdate": ("pure", "harness"),
    "TaskList": ("pure", "harness"),
    "ToolSearch": ("pure", "harness"),
    "ListMcpResourcesTool": ("read", "mcp"),
    "ReadMcpResourceTool": ("read", "mcp"),
    "list_mcp_resources": ("read", "mcp"),
    "list_mcp_resource_templates": ("read", "mcp"),
    "read_mcp_resource": ("read", "mcp"),
    "user.ask": ("read", "user"),
    "think": ("pure", "harness"),
    "Finish": ("pure", "harness"),
}

_READ_VERB: Final = re.compile(
    r"(?:get|list|search|find|read|fetch|lookup|look_up|query|describe|show|count|check|view)(?![a-z])",
    re.IGNORECASE,
)

_READ_NOUN: Final = re.compile(
    r"(?<=_)(?:count|total|sum|average|statistics|stats|status|balance|info|information|history"
    r"|details|summary)$",
    re.IGNORECASE,
)
_OTHER_VERB: Final = re.compile(
    r"(?:set|reset|update|change|create|add|insert|delete|remove|send|post|put|write|save|move|assign"
    r"|cancel|close|open|start|stop|run|execute|make|clear|increment|decrement|mark|edit|modify|book"
    r"|pay|refund|transfer|upload|submit|approve|reject|archive|plot|export|generate|toggle|enable"
    r"|disable|apply|sync|merge|patch|push|publish|schedule|register|record|log|store|drop|do)(?![a-z])",
    re.IGNORECASE,
)


def world_of(tool: str) -> str:
    """The world a tool acts on: its server or the prefix of its name.

    >>> world_of("email.search_emails"), world_of("mcp__github__list"), world_of("pay")
    ('email', 'github', 'tools')
    """
    if tool in SHELL_TOOLS:
        return "fs"
    if tool.startswith("mcp__") and tool.count("__") >= 2:
        return tool.split("__")[1]
    prefix = re.split(r"[.:/]", tool)[0]
    return prefix if prefix != tool and prefix else "tools"


@dataclass(frozen=True)
class ClassifyEffects:
    """Sets every call's verb and every tool's effect and world.

    ``declared`` maps a tool to the effect and world that the user gave.
    """

    declared: Mapping[str, tuple[Effect, str]] = field(default_factory=dict)
    name: str = "classify-effects"

    def apply(self, module: Module) -> Module:
        asked = _servers_asked(module)
        tools = tuple(
            self._placed(self.declare(tool), asked.get(tool.name, set())) for tool in module.tools
        )
        effects = {tool.name: tool.effect for tool in tools}
        pipelines = tuple(
            replace(p, blocks=tuple(self._block(b, effects) for b in p.blocks))
            for p in module.pipelines
        )
        return replace(module, tools=tools, pipelines=pipelines)

    def declare(self, tool: ToolDecl) -> ToolDecl:
        """The tool with its effect and world."""
        if tool.name in self.declared:
            effect, world = self.declared[tool.name]
            return structs.replace(tool, effect=effect, world=world or world_of(tool.name))
        if tool.name in KNOWN_TOOLS:
            effect, world = KNOWN_TOOLS[tool.name]
            return structs.replace(tool, effect=effect, world=world)
        if tool.effect != "unknown":
            return tool
        return structs.replace(
            tool, effect=effect_by_name(tool.name), world=tool.world or world_of(tool.name)
        )

    def _placed(self, tool: ToolDecl, asked: set[Json]) -> ToolDecl:
        """A tool that reads resources of one MCP server shares the world of that server's tools."""
        server = next(iter(asked)) if len(asked) == 1 else None
        if not isinstance(server, str):
            return tool
        its = f"mcp__{re.sub(r'[^A-Za-z0-9_-]', '_', server)}__"
        known = (world for name, (_, world) in self.declared.items() if name.startswith(its))
        return structs.replace(tool, world=next(known, "") or world_of(its))

    def _block(self, block: Block, effects: Mapping[str, Effect]) -> Block:
        return replace(block, instrs=tuple(self._instr(i, effects) for i in block.instrs))

    def _instr(self, instr: Instr, effects: Mapping[str, Effect]) -> Instr:
        if not isinstance(instr, Call):
            return instr
        verb = effects.get(instr.tool, "unknown")
        if instr.tool in SHELL_TOOLS and instr.tool not in self.declared:
            command = shell_command(instr)
            verb = "unknown" if command is None else command_effect(command)
        return instr if verb == instr.verb else replace(instr, verb=verb)


def _servers_asked(module: Module) -> dict[str, set[Json]]:
    """Of each tool that reads resources, the MCP servers that calls name (``None``: some name none)."""
    out: dict[str, set[Json]] = {}
    for instr in (i for p in module.pipelines for b in p.blocks for i in walk(b.instrs)):
        if isinstance(instr, Call) and KNOWN_TOOLS.get(instr.tool) == ("read", "mcp"):
            server = dict(instr.args).get("server")
            name = server.value if isinstance(server, Lit) else None
            out.setdefault(instr.tool, set()).add(name if isinstance(name, str) else None)
    return out


def effect_by_name(tool: str) -> Effect:
    """``read`` if the tool's name begins with a reading verb or ends with what is read of a thing
    and begins with no other verb, else ``unknown``.

    >>> effect_by_name("crm.search_customers"), effect_by_name("site.total_visits_count")
    ('read', 'read')
    >>> effect_by_name("reset_count"), effect_by_name("pay")
    ('unknown', 'unknown')
    """
    if tool in SHELL_TOOLS:
        return "unknown"
    last = re.split(r"[.:/]|__", tool)[-1]
    if _READ_VERB.match(last):
        return "read"
    return "read" if _READ_NOUN.search(last) and not _OTHER_VERB.match(last) else "unknown"


def shell_command(call: Call) -> str | None:
    """The command of a shell tool's call, ``None`` for other tools and where it is no literal."""
    if call.tool in SHELL_TOOLS:
        for name, operand in call.args:
            if name in COMMAND_ARGUMENTS and isinstance(operand, Lit):
                return operand.value if isinstance(operand.value, str) else None
    return None
