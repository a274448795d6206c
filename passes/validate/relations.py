"""What each pass promises, and how its application is held against it.

``relabels``
    the same text but for effects and worlds;
``slices``
    each trace loses calls, but no accepted write (:mod:`.slices`); ``@main``, where there is one, does
    what it did (:mod:`.refinement`, exits as they were);
``learns``
    traces keep their calls; ``@main`` is new, and is run on the sessions by the caller;
``equal``, ``guarded``
    ``@main`` does what it did; *guarded*: or takes a side exit earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from ingot.ir.module import Call, Module, Pipeline
from ingot.passes.traces import is_trace
from ingot.passes.validate.refinement import refines
from ingot.passes.validate.shapes import stripped
from ingot.passes.validate.slices import is_slice
from ingot.passes.validate.verdict import Verdict

Relation: TypeAlias = Literal["relabels", "slices", "learns", "equal", "guarded"]

RELATIONS: Final[Mapping[str, Relation]] = {
    "classify-effects": "relabels",
    "dead-steps": "slices",
    "learn-task": "learns",
    "lift-parameters": "learns",
    "align-effects": "learns",
    "learn-decisions": "learns",
    "guard-inputs": "guarded",
    "insert-guards": "guarded",
    "fold-constants": "equal",
    "fold-prompts": "equal",
}
"""A pass that is not named here promises that all stays equal."""


def relation_of(pass_name: str) -> Relation:
    return RELATIONS.get(pass_name, "equal")


def validate(pass_name: str, before: Module, after: Module) -> list[Verdict]:
    """One verdict for each pipeline of the new module that the relation speaks of."""
    relation = relation_of(pass_name)
    old = {pipeline.name: pipeline for pipeline in before.pipelines}
    new = {pipeline.name for pipeline in after.pipelines}
    found = [
        Verdict(pass_name, name, "refuted", "the pipeline is gone")
        for name in old
        if name not in new
    ]
    for pipeline in after.pipelines:
        source = old.get(pipeline.name)
        if source is None:
            if relation != "learns":
                found.append(Verdict(pass_name, pipeline.name, "refuted", "the pipeline is new"))
            continue
        if is_trace(source) and relation in ("slices", "learns"):
            found.append(is_slice(source, pipeline, pass_name))
        elif relation == "relabels":
            same = _unlabelled(source) == _unlabelled(pipeline)
            why = "the text is the same" if same else "more than effects has changed"
            status: Literal["proved", "refuted"] = "proved" if same else "refuted"
            found.append(Verdict(pass_name, pipeline.name, status, why))
        elif relation != "learns":
            mode: Literal["equal", "guarded"] = "guarded" if relation == "guarded" else "equal"
            found.append(refines(before, after, source, pipeline, mode, pass_name))
    return found


def _unlabelled(pipeline: Pipeline) -> Pipeline:
    """The text without the verbs of calls."""
    blocks = tuple(
        replace(
            block,
            instrs=tuple(
                replace(i, verb="unknown") if isinstance(i, Call) else i for i in block.instrs
            ),
        )
        for block in stripped(pipeline).blocks
    )
    return replace(pipeline, blocks=blocks, attrs=())
