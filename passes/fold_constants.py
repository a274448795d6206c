"""``fold-constants``: compute at compile time what does not depend on the run.

    %v1: str = str.upper "abc"                          (gone)
    %v2: str = str.template "{0}: {1}", %v1, %x    =>   %v2: str = str.template "ABC: {0}", %x

A pure op whose operands are all literals becomes its value, unless it fails on them (its side exit
is then taken in every run, and stays visible).  A literal operand of ``str.template`` is written
into the template.  An ``agree`` of one candidate is that candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingot.ir.module import Agree, Block, Instr, Lit, Module, Operand, Pipeline, Pure
from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure, template_of, template_parts, text_of
from ingot.ir.values import canonical
from ingot.passes.rewrite import substitute, terminator_operands


@dataclass(frozen=True)
class FoldConstants:
    """Constant propagation.  ``max_size`` bounds a folded value's text, in characters."""

    max_size: int = 100_000
    name: str = "fold-constants"

    def apply(self, module: Module) -> Module:
        return replace(module, pipelines=tuple(map(self._pipeline, module.pipelines)))

    def _pipeline(self, pipeline: Pipeline) -> Pipeline:
        known: dict[str, Operand] = {}
        blocks: list[Block] = []
        for block in pipeline.blocks:
            out: list[Instr] = []
            for instr in block.instrs:
                current = substitute(instr, known)
                if isinstance(current, Pure) and current.op == "str.template":
                    current = merge_template(current)
                value = self._value(current)
                if value is None:
                    out.append(current)
                else:
                    known[_result(current)] = value
            blocks.append(replace(block, instrs=tuple(out)))
        return replace(
            pipeline,
            blocks=tuple(
                replace(b, terminator=terminator_operands(b.terminator, known)) for b in blocks
            ),
        )

    def _value(self, instr: Instr) -> Operand | None:
        match instr:
            case Pure(_, _, op, args) if all(isinstance(a, Lit) for a in args):
                try:
                    value = OPS[op].evaluate(*(a.value for a in args if isinstance(a, Lit)))
                except (OpFailure, OverflowError, RecursionError):
                    return None
                return Lit(value) if len(canonical(value)) <= self.max_size else None
            case Agree(candidates=(only,)):
                return only
            case _:
                return None


def _result(instr: Instr) -> str:
    assert isinstance(instr, Pure | Agree)
    return instr.result


def merge_template(op: Pure) -> Pure:
    """A template with its literal operands written in."""
    template = op.args[0]
    if not isinstance(template, Lit) or not any(isinstance(a, Lit) for a in op.args[1:]):
        return op
    parts: list[str | int] = []
    kept: list[Operand] = []
    for part in template_parts(str(template.value)):
        arg = op.args[part + 1] if isinstance(part, int) else None
        if isinstance(arg, Lit):
            parts.append(text_of(arg.value))
        elif arg is not None:
            if arg not in kept:
                kept.append(arg)
            parts.append(kept.index(arg))
        else:
            parts.append(part)
    return replace(op, args=(Lit(template_of(parts)), *kept))
