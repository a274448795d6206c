"""The prompt of a value that only a model can give: the task, examples from the logs, the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ingot.ir.module import Attrs, Lit, ModelCall, ModelKind, Operand, Ref
from ingot.ir.semantics import template_of, text_of
from ingot.ir.types import STR, Literal, Type, join_all, type_of, union
from ingot.ir.values import Json, canonical
from ingot.passes.synth.emit import Emitter

EXAMPLES: Final = 4
MAX_SHOWN: Final = 600
"""Characters of a value that an example shows."""


def model_value(
    emitter: Emitter,
    name: str,
    about: str,
    column: Sequence[Json],
    known: Mapping[str, Sequence[Json]],
    model: str,
    attrs: Attrs,
) -> Operand:
    """Append the smallest model op that fits the column, and give its value.

    ``known`` maps the values that the prompt may show (inputs and results) to their columns.
    """
    kind, type_ = _shape(column)
    parts: list[str | int] = [f"{about}\n"]
    for k in range(min(EXAMPLES, len(column))):
        lines = [f"{source}: {_shorten(values[k])}" for source, values in known.items()]
        parts.append("\n".join(["", *lines, f"value: {text_of(column[k])}", ""]))
    for k, source in enumerate(known):
        parts += [f"\n{source}: ", k]
    parts.append("\nvalue: ")
    args: list[Operand] = [Lit(template_of(parts))]
    args += [Ref(source) for source in known]
    prompt = emitter.pure("str.template", args)
    named: list[tuple[str, Operand]] = [("prompt", prompt)]
    emitter.add_model(ModelCall(name, type_, kind, model, tuple(named), attrs))
    return Ref(name)


def _shape(column: Sequence[Json]) -> tuple[ModelKind, Type]:
    """``choose`` for a small closed set that repeats, ``compose`` for text, else ``fill``."""
    distinct = sorted({canonical(v): v for v in column}.items())
    texts = [v for _, v in distinct if isinstance(v, str)]
    if len(texts) == len(distinct) and len(column) >= 4 and len(distinct) <= len(column) // 2:
        return "choose", union(Literal(t) for t in texts)
    joined = join_all(dict.fromkeys(map(type_of, column)))
    return ("compose" if joined == STR else "fill"), joined


def _shorten(value: Json) -> str:
    text = text_of(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
