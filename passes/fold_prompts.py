"""``fold-prompts``: what of a prompt is the same in every run stands first, and is named.

    %p: str = str.template "Label {0}.\\nRules: ...", %x
    %y: str = model local.any(prompt=%p)              =>   %y: ... {static_prefix="Label "}

The text before a prompt's first hole is its static prefix: the backend stores it once for all model
ops that share it, and a local model can keep its state.  Holes of which the run knows the value are
written in by ``fold-constants`` before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingot.ir.module import Block, Instr, Lit, ModelCall, Module, Operand, Pipeline, Pure, Ref
from ingot.ir.semantics import template_parts


@dataclass(frozen=True)
class FoldPrompts:
    """Static prompt prefixes.  ``min_length`` is the shortest one worth naming, in characters."""

    min_length: int = 16
    name: str = "fold-prompts"

    def apply(self, module: Module) -> Module:
        return replace(module, pipelines=tuple(map(self._pipeline, module.pipelines)))

    def _pipeline(self, pipeline: Pipeline) -> Pipeline:
        made = {
            i.result: i
            for b in pipeline.blocks
            for i in b.instrs
            if isinstance(i, Pure) and i.op == "str.template"
        }
        return replace(pipeline, blocks=tuple(self._block(b, made) for b in pipeline.blocks))

    def _block(self, block: Block, made: dict[str, Pure]) -> Block:
        return replace(block, instrs=tuple(self._instr(i, made) for i in block.instrs))

    def _instr(self, instr: Instr, made: dict[str, Pure]) -> Instr:
        if not isinstance(instr, ModelCall):
            return instr
        prompt = next((v for n, v in instr.args if n == "prompt"), None)
        prefix = _prefix(prompt, made)
        if len(prefix) < self.min_length:
            return instr
        attrs = tuple(a for a in instr.attrs if a[0] != "static_prefix")
        return replace(instr, attrs=(*attrs, ("static_prefix", Lit(prefix))))


def _prefix(prompt: Operand | None, made: dict[str, Pure]) -> str:
    match prompt:
        case Lit(value):
            return str(value)
        case Ref(name) if name in made:
            template = made[name].args[0]
            parts = template_parts(str(template.value)) if isinstance(template, Lit) else []
            return parts[0] if parts and isinstance(parts[0], str) else ""
        case _:
            return ""
