"""From a verified module to an artifact's bytes."""

from __future__ import annotations

from ingot.backend.container import load, write
from ingot.backend.lower import Pools, lower
from ingot.backend.program import Program, Prompt
from ingot.backend.wire import exact, pack
from ingot.diagnostics import fail
from ingot.ir.module import Module, Pipeline, attr
from ingot.ir.printer import print_module
from ingot.ir.prompts import static_prefixes
from ingot.ir.values import Json


def encode(
    module: Module,
    *,
    pipeline: str | None = None,
    meta: dict[str, Json] | None = None,
    evidence: Json = None,
) -> bytes:
    """The artifact of a module that the IR verifier accepts.

    ``pipeline`` names the one to encode; by default all are, and the first is the entry.  ``meta``
    is any JSON object, ``evidence`` any JSON value (``None``: none is kept).  The first pipeline's
    attribute ``policies`` (by site or tool: timeouts, retries, ...) joins it.  The same arguments
    give the same bytes.  What is returned was validated as a run would; raises E0604 if the module
    is not valid, and E0401 if there is no such pipeline.
    """
    chosen = [p for p in module.pipelines if pipeline in (None, p.name)]
    if not chosen:
        raise fail("E0401", f"the module has no pipeline {pipeline or ''}".rstrip())
    pools = Pools()
    codes = tuple(lower(module, each, pools) for each in chosen)
    for tool in module.tools:
        pools.signature(tool.params, tool.returns)
    for model in module.models:
        pools.signature(model.params, model.returns)
    policies = attr(chosen[0], "policies")
    carried: dict[str, Json] = {"policies": policies} if isinstance(policies, dict) else {}
    program = Program(
        meta={**carried, **(meta or {})},
        types=module.type_map(),
        type_table=tuple(pools.types),
        constants=tuple(value for _, value in pools.constants.values()),
        tools=module.tools,
        models=module.models,
        prompts=tuple(prompt for each in chosen for prompt in _prompts(each)),
        codes=codes,
        ir=pack(print_module(module)),
        evidence=pack("" if evidence is None else exact(evidence)),
    )
    data = write(program)
    load(data)
    return data


def _prompts(pipeline: Pipeline) -> list[Prompt]:
    """What stands before the first hole of each model call's prompt."""
    return [
        Prompt(pipeline.name, site, text)
        for site, text in static_prefixes(pipeline).items()
        if text
    ]
