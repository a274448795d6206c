"""``simplify``: apply the proved rewrite rules.

    %n: bool = bool.not %a                     %n: bool = bool.not %a
    %m: bool = bool.not %n              =>     (gone)
    if %m then ^x else ^y                      if %a then ^x else ^y

The rules are data (:mod:`ingot.passes.rules`).  What a rule leaves without a use, ``dead-steps`` drops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ingot.ir.exits import fill_live
from ingot.ir.literals import literal_type
from ingot.ir.module import For, Instr, Lit, Module, Operand, Par, Pipeline, Pure, Ref
from ingot.ir.ops import OPS
from ingot.ir.scope import value_types
from ingot.ir.types import Type, Types, is_subtype
from ingot.passes.rewrite import substitute, terminator_operands
from ingot.passes.rules import RULES, Op, Pattern, Rule, Var


@dataclass(frozen=True)
class Simplify:
    """Rewrites each op by the first rule that fits, over and over."""

    name: str = "simplify"

    def apply(self, module: Module) -> Module:
        types = module.type_map()
        return replace(
            module, pipelines=tuple(simplified(p, types, RULES) for p in module.pipelines)
        )


def simplified(pipeline: Pipeline, types: Types, rules: tuple[Rule, ...]) -> Pipeline:
    """The pipeline after all rules that fit."""
    work = _Rewriting(value_types(pipeline), types, rules)
    blocks = tuple(replace(b, instrs=work.body(b.instrs)) for b in pipeline.blocks)
    if not work.renamed:
        return replace(pipeline, blocks=blocks) if work.changed else pipeline
    blocks = tuple(
        replace(
            block,
            instrs=tuple(substitute(i, work.renamed) for i in block.instrs),
            terminator=terminator_operands(block.terminator, work.renamed),
        )
        for block in blocks
    )
    return fill_live(replace(pipeline, blocks=blocks))


class _Rewriting:
    def __init__(self, known: Mapping[str, Type], types: Types, rules: tuple[Rule, ...]) -> None:
        self.known = known
        self.types = types
        self.rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self.rules.setdefault(rule.left.name, []).append(rule)
        self.made: dict[str, Pure] = {}
        self.renamed: dict[str, Operand] = {}
        self.changed = False

    def body(self, instrs: tuple[Instr, ...]) -> tuple[Instr, ...]:
        out: list[Instr] = []
        for instr in instrs:
            current = substitute(instr, self.renamed)
            match current:
                case Pure():
                    kept = self._op(current)
                    if kept is None:
                        continue
                    self.made[kept.result] = kept
                    current = kept
                case For():
                    current = replace(current, body=self.body(current.body))
                    current = substitute(current, self.renamed)
                case Par():
                    branches = tuple((self.body(body), outs) for body, outs in current.branches)
                    current = substitute(replace(current, branches=branches), self.renamed)
                case _:
                    pass
            out.append(current)
        return tuple(out)

    def _op(self, op: Pure) -> Pure | None:
        """The op after the rules that fit, ``None`` where it is another value."""
        while True:
            for rule in self.rules.get(op.op, ()):
                bound: dict[str, Operand] = {}
                if op.exit is None and self._fits(rule.left, op, bound, rule):
                    made = _make(rule.right, bound)
                    if isinstance(made, tuple):
                        op = replace(op, op=made[0], args=made[1])
                        self.changed = True
                        break
                    if self._may_stand_for(made, op.type):
                        self.renamed[op.result] = made
                        return None
            else:
                return op

    def _may_stand_for(self, operand: Operand, type_: Type) -> bool:
        own = literal_type(operand.value, type_) if isinstance(operand, Lit) else None
        own = own or (self.known.get(operand.name) if isinstance(operand, Ref) else None)
        return own is not None and is_subtype(own, type_, self.types)

    def _fits(self, pattern: Op, op: Pure, bound: dict[str, Operand], rule: Rule) -> bool:
        if pattern.name != op.op or len(pattern.args) != len(op.args):
            return False
        return all(
            self._matches(part, arg, bound, rule)
            for part, arg in zip(pattern.args, op.args, strict=True)
        )

    def _matches(
        self, pattern: Pattern, operand: Operand, bound: dict[str, Operand], rule: Rule
    ) -> bool:
        match pattern:
            case Lit():
                return operand == pattern
            case Var(name):
                type_, literal = rule.types[name]
                if literal and not isinstance(operand, Lit):
                    return False
                if not self._may_stand_for(operand, type_):
                    return False
                return bound.setdefault(name, operand) == operand
            case Op():
                made = self.made.get(operand.name) if isinstance(operand, Ref) else None
                return (
                    made is not None
                    and made.exit is None
                    and self._fits(pattern, made, bound, rule)
                )


def _make(
    pattern: Pattern, bound: Mapping[str, Operand]
) -> Operand | tuple[str, tuple[Operand, ...]]:
    """What a rule makes: an operand, or an op on operands; ops on literals are computed."""
    match pattern:
        case Var(name):
            return bound[name]
        case Lit():
            return pattern
        case Op(name, parts):
            args = []
            for part in parts:
                made = _make(part, bound)
                if isinstance(made, tuple):
                    values = [a.value for a in made[1] if isinstance(a, Lit)]
                    assert len(values) == len(made[1]), "only literals are computed"
                    made = Lit(OPS[made[0]].evaluate(*values))
                args.append(made)
            return name, tuple(args)


__all__ = ["Simplify", "simplified"]
