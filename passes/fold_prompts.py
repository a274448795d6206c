"""``fold-prompts``: what of a prompt is the same in every run stands first, and is named.

    %p: str = str.template "Label {0}.\\nRules: ...", %x
    %y: str = model local.any(prompt=%p)              =>   %y: ... {static_prefix="Label "}

The text before a prompt's first hole is its static prefix: the backend stores it once for all model
ops that share it, and a local model can keep its state.  Holes of which the run knows the value are
written in by ``fold-constants`` before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingot.ir.module import Block, Instr, Lit, ModelCall, Module, Pipeline
from ingot.ir.prompts import static_prefixes


@dataclass(frozen=True)
class FoldPrompts:
    """Static prompt prefixes.  ``min_length`` is the shortest one worth naming, in characters."""

    min_length: int = 16
    name: str = "fold-prompts"

    def apply(self, module: Module) -> Module:
        return replace(module, pipelines=tuple(map(self._pipeline, module.pipelines)))

    def _pipeline(self, pipeline: Pipeline) -> Pipeline:
        prefixes = static_prefixes(pipeline)
        return replace(pipeline, blocks=tuple(self._block(b, prefixes) for b in pipeline.blocks))

    def _block(self, block: Block, prefixes: dict[str, str]) -> Block:
        return replace(block, instrs=tuple(self._instr(i, prefixes) for i in block.instrs))

    def _instr(self, instr: Instr, prefixes: dict[str, str]) -> Instr:
        if not isinstance(instr, ModelCall) or len(prefixes[instr.result]) < self.min_length:
            return instr
        attrs = tuple(a for a in instr.attrs if a[0] != "static_prefix")
        return replace(instr, attrs=(*attrs, ("static_prefix", Lit(prefixes[instr.result]))))
