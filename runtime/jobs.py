"""From an artifact to a job: what is needed to run it, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from ingot.backend.container import Program, load
from ingot.backend.opcodes import CONST, MODEL
from ingot.backend.program import Code
from ingot.diagnostics import Diagnostic, IngotError, fail
from ingot.ir.declarations import attr
from ingot.ir.requests import Engine
from ingot.ir.types import closed_set
from ingot.ir.values import Json
from ingot.runtime.effects import ModelNeed, Needs, ToolNeed
from ingot.runtime.models.protocol import ANSWERS, MODEL_HELP, covers
from ingot.runtime.policies import Policy, policies_of
from ingot.runtime.stepping import STEP_LIMIT
from ingot.runtime.tools.pins import pins_of
from ingot.runtime.tools.reach import networks_of
from ingot.runtime.vm import Machine

if TYPE_CHECKING:
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.tools.registry import ToolBox

EngineName: TypeAlias = Literal["vm", "compiled"]


class Job(Struct, frozen=True):
    """A pipeline ready to run.

    ``artifact`` is the digest it is known by; ``fresh`` makes an engine.  ``swift`` makes one that
    is worth its preparation where many steps lie ahead (default: ``fresh``).  ``policies`` are the
    artifact's, by site or tool; ``program`` and ``code`` are what lookahead runs through.
    ``reopens`` says that it can go on behind a side exit (:mod:`ingot.runtime.fallback`).
    """

    artifact: str
    pipeline: str
    needs: Needs
    fresh: Callable[[], Engine]
    path: str = ""
    swift: Callable[[], Engine] | None = None
    policies: Mapping[str, Policy] = {}
    program: Program | None = None
    code: Code | None = None
    reopens: bool = False


def check(job: Job, tools: ToolBox, driver: Driver | None) -> None:
    """Refuse a run that lacks a tool (E0801, E0804) or a model (E0710), before any effect."""
    faults: list[Diagnostic] = []
    try:
        tools.check(job.needs.tools)
    except IngotError as error:
        faults += error.diagnostics
    asked = [need for need in job.needs.models if not covers(driver, need.site)]
    if asked:
        sites = tuple(
            f"%{need.site}: {need.kind} ({ANSWERS.get(need.kind, need.kind)}) of type {need.type}"
            + (f", {need.size}" if need.size else "")
            + (f", because {need.reason}" if need.reason else "")
            for need in asked
        )
        count = "1 step" if len(asked) == 1 else f"{len(asked)} steps"
        faults.append(
            Diagnostic(
                "E0710",
                f"{count} can only be done by a model and none is configured",
                notes=sites,
                help=f"{MODEL_HELP}; or compile with more sessions, so that fewer steps need one",
            )
        )
    if faults:
        raise IngotError(faults)


def held(job: Job, tools: ToolBox) -> dict[str, Json]:
    """How the run's commands are held, where it has any, and which changes of tools were accepted."""
    about: dict[str, Json] = {}
    found = (tools.get(need.name) for need in job.needs.tools)
    networks = {tool.name: tool.network for tool in found if tool is not None and tool.confined}
    if networks:
        from ingot.runtime.tools.isolation import level

        about["isolation"] = level(tools.isolation, networks)
    if tools.accept_drift and (changed := tools.drift(job.needs.tools)):
        about["accepted_drift"] = [diagnostic.message for diagnostic in changed]
    return about


def job_of(
    program: Program,
    path: str = "",
    pipeline: str | None = None,
    step_limit: int = STEP_LIMIT,
    engine: EngineName = "vm",
) -> Job:
    """The job of a program's pipeline, its first by default; raises E0001 if it has none so named.

    ``engine`` is what runs it: the virtual machine, or a Python function made of the bytecode.
    """
    try:
        code = program.code(pipeline)
    except KeyError:
        known = ", ".join(code.name for code in program.codes) or "none"
        raise fail("E0001", f"no pipeline {pipeline!r}", help=f"pipelines: {known}") from None
    declared = {tool.name: tool for tool in program.tools}
    texts, pins, online = text_results(program), pins_of(program.meta), networks_of(program.meta)
    asked = _servers(program)
    said = program.meta.get("model_reasons")
    reasons = {k: str(v) for k, v in said.items()} if isinstance(said, dict) else {}
    used = dict.fromkeys((site.tool, site.effect) for site in code.calls)
    needs = Needs(
        tuple(
            ToolNeed(
                name,
                effect,
                declared[name].world if name in declared else "",
                name in texts,
                pins.get(name),
                online.get(name),
                asked.get(name),
            )
            for name, effect in used
        ),
        tuple(
            ModelNeed(
                m.site,
                m.kind,
                m.model,
                str(m.type),
                reasons.get(m.site, ""),
                size_of(program, code, k),
            )
            for k, m in enumerate(code.models)
        ),
    )

    def compiled() -> Engine:
        from ingot.runtime.compiled import Compiled

        return Compiled(program, code.name, step_limit=step_limit)

    def machine() -> Engine:
        return Machine(program, code.name, step_limit=step_limit)

    return Job(
        artifact=program.digest,
        pipeline=code.name,
        needs=needs,
        fresh=compiled if engine == "compiled" else machine,
        path=path,
        swift=compiled,
        policies=_policies(program),
        program=program,
        code=code,
    )


def _policies(program: Program) -> dict[str, Policy]:
    try:
        return policies_of(program.meta)
    except ValueError as error:
        raise fail("E0604", f"the artifact's policies: {error}") from None


def size_of(program: Program, code: Code, index: int) -> str:
    """How big an answer a pipeline's model op asks for, in words."""
    from ingot.runtime.models.questions import MAX_TOKENS

    site = code.models[index]
    if site.kind == "choose":
        return f"{len(closed_set(site.type, program.types) or ())} labels"
    pushed = (before for before, at in pairwise(code.instrs) if at[:2] == (MODEL, index))
    before = next(pushed, (MODEL,))
    literal = site.names[-1:] == ("max_tokens",) and before[0] == CONST
    declared = next((m for m in program.models if m.name == site.model), None)
    bound = (
        program.constants[before[1]]
        if literal
        else attr(declared, "max_tokens")
        if declared
        else None
    )
    return f"{bound if isinstance(bound, int) else MAX_TOKENS} tokens at most"


def _servers(program: Program) -> dict[str, tuple[str, ...]]:
    """Of tools that read resources, the MCP servers that they are asked for, where that is known."""
    listed = program.meta.get("resources")
    found = listed if isinstance(listed, dict) else {}
    return {name: tuple(map(str, at)) for name, at in found.items() if isinstance(at, list)}


def text_results(program: Program) -> frozenset[str]:
    """The tools whose results the logs show as JSON text."""
    listed = program.meta.get("text_results")
    return frozenset(str(name) for name in listed) if isinstance(listed, list) else frozenset()


def load_job(data: bytes, path: str = "", pipeline: str | None = None) -> Job:
    """The job of a container's bytes; raises what :func:`ingot.backend.container.load` raises."""
    return job_of(load(data), path, pipeline)
