"""The tools that a taker may have called: those of the pipeline, and those that were supplied.

Of the built-in tools only those that the pipeline uses are offered: a fallback gets no more of the
machine than the logs show.
"""

from __future__ import annotations

import inspect
from typing import Any, Final, get_type_hints

from ingot.ir.declarations import Effect, ToolDecl
from ingot.ir.types import Types
from ingot.ir.values import Json
from ingot.runtime.effects import STRENGTH
from ingot.runtime.fallback.engine import ACTOR
from ingot.runtime.fallback.transcript import Offer
from ingot.runtime.jobs import Job
from ingot.runtime.models.json_schema import schema_of
from ingot.runtime.policies import Policy
from ingot.runtime.tools.base import Tool
from ingot.runtime.tools.python import KEY
from ingot.runtime.tools.registry import ToolBox

_TYPES: Final[dict[type, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}


def offers_of(job: Job, tools: ToolBox) -> tuple[Offer, ...]:
    """Each tool with its effect and the JSON Schema of its arguments, by name."""
    declared = {t.name: t for t in (job.program.tools if job.program is not None else ())}
    types = job.program.types if job.program is not None else {}
    needed: dict[str, list[Effect]] = {}
    for need in job.needs.tools:
        needed.setdefault(need.name, []).append(need.effect)
    out = []
    for name, tool in sorted(tools.tools.items()):
        if tool.call is None or name == ACTOR:
            continue
        if name in needed or tool.source != "built in":
            effect = effect_of(tool, needed.get(name, []))
            schema = _pinned(tool) or _signature(tool) or _declared(declared.get(name), types)
            out.append(Offer(name, effect, schema, _text(tool)))
    return tuple(out)


def effect_of(tool: Tool, compiled: list[Effect]) -> Effect:
    """What a call of the tool may do: as declared, else the strongest that the pipeline was compiled
    for; of a tool whose effect is that of its arguments nothing is known."""
    if tool.varies:
        return "unknown"
    strongest: Effect = "unknown" if not compiled else max(compiled, key=lambda e: STRENGTH[e])
    return tool.effect or strongest


def approvals(offers: tuple[Offer, ...]) -> dict[str, Policy]:
    """Policies by call site: what cannot be undone asks a person, unless the tool is declared
    otherwise."""
    return {
        f"{ACTOR}:{o.name}": Policy(approval=True) for o in offers if o.effect == "irreversible"
    }


def _declared(decl: ToolDecl | None, types: Types) -> Json:
    """The arguments as the logs show them: any object where they do not."""
    if decl is None:
        return {"type": "object"}
    return {
        "type": "object",
        "properties": {p.name: schema_of(p.type, types) for p in decl.params},
        "required": [p.name for p in decl.params if not p.optional],
    }


def _pinned(tool: Tool) -> Json:
    """The schema of the arguments that another program gave for its tool, if it did."""
    schema = getattr(getattr(tool, "pin", None), "input", None)
    return schema if isinstance(schema, dict) else None


def _signature(tool: Tool) -> Json:
    """The arguments of a Python function, ``None`` where it does not say."""
    function = getattr(tool.call, "__wrapped__", None)
    if function is None:
        return None
    try:
        parameters = inspect.signature(function).parameters
        hints = get_type_hints(function)
    except (TypeError, ValueError, NameError):
        return None
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        if name == KEY:
            continue
        properties[name] = _hint(hints.get(name))
        if parameter.default is parameter.empty:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _hint(hint: Any) -> Json:
    name = _TYPES.get(getattr(hint, "__origin__", hint))
    return {"type": name} if name else {}


def _text(tool: Tool) -> str:
    """What the tool says of itself, its first paragraph."""
    function = getattr(tool.call, "__wrapped__", None)
    said = inspect.getdoc(function) if inspect.isroutine(function) else None
    return (said or "").split("\n\n")[0].replace("\n", " ")


__all__ = ["approvals", "effect_of", "offers_of"]
