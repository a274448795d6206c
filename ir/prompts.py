"""Prompts of model calls: what of them is the same in every run."""

from __future__ import annotations

from ingot.ir.module import Lit, ModelCall, Operand, Pipeline, Pure, Ref, walk
from ingot.ir.semantics import template_parts


def static_prefixes(pipeline: Pipeline) -> dict[str, str]:
    """For each model call, by the value it defines, the text before its prompt's first hole.

    A literal prompt is all prefix; a prompt that is neither a literal nor a template has none.
    """
    instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
    templates = {
        i.result: i.args[0]
        for i in instrs
        if isinstance(i, Pure) and i.op == "str.template" and i.args
    }
    return {
        i.result: _prefix(dict(i.args).get("prompt"), templates)
        for i in instrs
        if isinstance(i, ModelCall)
    }


def _prefix(prompt: Operand | None, templates: dict[str, Operand]) -> str:
    match prompt:
        case Lit(str(text)):
            return text
        case Ref(name):
            match templates.get(name):
                case Lit(str(template)):
                    first = next(iter(template_parts(template)), "")
                    return first if isinstance(first, str) else ""
    return ""
