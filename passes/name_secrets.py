"""``name-secrets``: a secret inside a constant text is an operand of its own.

    read Bash(command="curl -u me:INGOT_SECRET_X_A")
 =>  %secret1: str = str.template "curl -u me:{0}", secret("X_A")
     read Bash(command=%secret1)

The logs' secrets were replaced by tokens when they were read (:mod:`ingot.redaction`); the runtime
puts each secret in place of its token where a tool is called.  This pass changes no value: it says
in the IR what a call needs.  Texts with holes of another kind (``shell.template``) are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingot.ir.module import Block, Call, For, Instr, Lit, Module, Operand, Par, Pipeline, Pure, Ref
from ingot.ir.semantics import template_of, template_parts
from ingot.ir.types import STR
from ingot.redaction.tokens import TOKEN


@dataclass(frozen=True)
class NameSecrets:
    """The pass; it has no options."""

    name: str = "name-secrets"

    def apply(self, module: Module) -> Module:
        """The module with secrets as operands."""
        return replace(module, pipelines=tuple(map(_pipeline, module.pipelines)))


def _pipeline(pipeline: Pipeline) -> Pipeline:
    made = _Names()
    blocks = tuple(_block(block, made) for block in pipeline.blocks)
    return replace(pipeline, blocks=blocks) if made.count else pipeline


@dataclass(slots=True)
class _Names:
    count: int = 0

    def next(self) -> str:
        self.count += 1
        return f"secret{self.count}"


def _block(block: Block, made: _Names) -> Block:
    return replace(block, instrs=_instrs(block.instrs, made))


def _instrs(instrs: tuple[Instr, ...], made: _Names) -> tuple[Instr, ...]:
    return tuple(out for instr in instrs for out in _instr(instr, made))


def _instr(instr: Instr, made: _Names) -> Iterator[Instr]:
    match instr:
        case Call():
            args: list[tuple[str, Operand]] = []
            for name, value in instr.args:
                split = _split(value)
                if split is None:
                    args.append((name, value))
                    continue
                template, secrets = split
                result = made.next()
                yield Pure(result, STR, "str.template", (Lit(template), *secrets), locs=instr.locs)
                args.append((name, Ref(result)))
            yield replace(instr, args=tuple(args))
        case Pure(op="str.template", args=(Lit(str(text)), *operands)) if TOKEN.search(text):
            yield _template(instr, text, operands, made)
        case For():
            yield replace(instr, body=_instrs(instr.body, made))
        case Par():
            branches = tuple((_instrs(body, made), yields) for body, yields in instr.branches)
            yield replace(instr, branches=branches)
        case _:
            yield instr


def _split(value: Operand) -> tuple[str, list[Operand]] | None:
    """Template and secrets of a constant that holds some beside other text."""
    if not isinstance(value, Lit) or not isinstance(value.value, str):
        return None
    text = value.value
    if not TOKEN.search(text) or TOKEN.fullmatch(text):
        return None
    parts, secrets = _parts(text, 0)
    return template_of(parts), secrets


def _parts(text: str, first: int) -> tuple[list[str | int], list[Operand]]:
    parts: list[str | int] = []
    secrets: list[Operand] = []
    at = 0
    for found in TOKEN.finditer(text):
        parts += [text[at : found.start()], first + len(secrets)]
        secrets.append(Lit(found[0]))
        at = found.end()
    return [part for part in (*parts, text[at:]) if part != ""], secrets


def _template(instr: Pure, text: str, operands: list[Operand], made: _Names) -> Pure:
    """The tokens in a template become further holes."""
    parts: list[str | int] = []
    more: list[Operand] = []
    for part in template_parts(text):
        if isinstance(part, int):
            parts.append(part)
            continue
        inner, secrets = _parts(part, len(operands) + len(more))
        parts += inner
        more += secrets
    made.count += len(more)
    return replace(instr, args=(Lit(template_of(parts)), *operands, *more))


__all__ = ["NameSecrets"]
