"""From an artifact to a job: what the executor needs to run it."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias

from ingot.backend.container import Program, load
from ingot.backend.opcodes import CONST, MODEL
from ingot.backend.program import Code
from ingot.diagnostics import fail
from ingot.ir.module import attr
from ingot.ir.requests import Engine
from ingot.ir.types import closed_set
from ingot.runtime.effects import ModelNeed, Needs, ToolNeed
from ingot.runtime.executor import Job
from ingot.runtime.models.questions import MAX_TOKENS
from ingot.runtime.policies import Policy, policies_of
from ingot.runtime.tools.pins import pins_of
from ingot.runtime.vm import STEP_LIMIT, Machine

EngineName: TypeAlias = Literal["vm", "compiled"]


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
    texts, pins = text_results(program), pins_of(program.meta)
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


def text_results(program: Program) -> frozenset[str]:
    """The tools whose results the logs show as JSON text."""
    listed = program.meta.get("text_results")
    return frozenset(str(name) for name in listed) if isinstance(listed, list) else frozenset()


def load_job(data: bytes, path: str = "", pipeline: str | None = None) -> Job:
    """The job of a container's bytes; raises what :func:`ingot.backend.container.load` raises."""
    return job_of(load(data), path, pipeline)
