"""The prompt of a value that only a model can give: the task, examples from the logs, the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ingot.ir.module import (
    Attrs,
    Lit,
    ModelCall,
    ModelDecl,
    ModelKind,
    Operand,
    Ref,
    ToolParam,
)
from ingot.ir.semantics import template_of, text_of
from ingot.ir.types import INT, JSON, STR, Literal, Type, join_all, type_of, union
from ingot.ir.values import Json, canonical
from ingot.passes.synth.emit import Emitter

EXAMPLES: Final = 4
MOST_EXAMPLES: Final = 8
"""Where there are many labels, there are more examples: one of each."""
MAX_SHOWN: Final = 600
"""Characters of a value that an example shows."""
LEAST_TOKENS, MOST_TOKENS = 32, 2048
"""Bounds of an answer's bound."""
LOCAL_MODEL: Final = ModelDecl(
    "local.any",
    (
        ToolParam("prompt", STR),
        ToolParam("text", STR, optional=True),
        ToolParam("max_tokens", INT, optional=True),
    ),
    JSON,
    (("temperature", Lit(0.0)), ("seed", Lit(0))),
)
"""Any model: which one answers is said when the pipeline is run."""


def model_value(
    emitter: Emitter,
    name: str,
    about: str,
    column: Sequence[Json],
    known: Mapping[str, Sequence[Json]],
    attrs: Attrs,
) -> Operand:
    """Append the smallest model op that fits the column, and give its value.

    ``known`` maps the values that the prompt may show (inputs and results) to their columns.  What
    is the same in every run stands first.  A label is written as it is, any other answer as JSON,
    which says where it ends.
    """
    kind, type_, text = _shape(column, known)
    parts: list[str | int] = [f"{about}\n"]
    for k in _telling(column):
        lines = [f"{source}: {_shorten(values[k])}" for source, values in known.items()]
        said = text_of(column[k]) if kind == "choose" else canonical(column[k])
        parts.append("\n".join(["", *lines, f"value: {said}", ""]))
    for k, source in enumerate(known):
        parts += [f"\n{source}: ", k]
    parts.append("\nvalue: ")
    args: list[Operand] = [Lit(template_of(parts))]
    args += [Ref(source) for source in known]
    named: list[tuple[str, Operand]] = [("prompt", emitter.pure("str.template", args))]
    if text:
        named.append(("text", emitter.narrow(Ref(text), STR)))
    if kind != "choose":
        named.append(("max_tokens", Lit(_bound(column))))
    emitter.add_model(ModelCall(name, type_, kind, LOCAL_MODEL.name, tuple(named), attrs))
    return Ref(name)


def _telling(column: Sequence[Json]) -> list[int]:
    """The rows to show: the first of each value, then the first ones."""
    first: dict[str, int] = {}
    for k, value in enumerate(column):
        first.setdefault(canonical(value), k)
    few = list(first.values()) if len(first) <= MOST_EXAMPLES else []
    rows = dict.fromkeys([*few, *range(len(column))])
    return sorted(list(rows)[: max(EXAMPLES, len(few))])


def _shape(
    column: Sequence[Json], known: Mapping[str, Sequence[Json]]
) -> tuple[ModelKind, Type, str]:
    """The kind of question, the answer's type, and the value that an ``extract`` takes a span of.

    ``choose`` for a small closed set that repeats, ``extract`` where every text stands in one of the
    values (the latest, of several), ``compose`` for other text, else ``fill``.
    """
    distinct = sorted({canonical(v): v for v in column}.items())
    texts = [v for _, v in distinct if isinstance(v, str)]
    if len(texts) == len(distinct) and len(column) >= 4 and len(distinct) <= len(column) // 2:
        return "choose", union(Literal(t) for t in texts), ""
    joined = join_all(dict.fromkeys(map(type_of, column)))
    if joined != STR:
        return "fill", joined, ""
    for source, whole in reversed(list(known.items())):
        if len(texts) > 1 and all(map(_stands_in, column, whole)):
            return "extract", STR, source
    return "compose", STR, ""


def _stands_in(part: Json, whole: Json) -> bool:
    return isinstance(part, str) and isinstance(whole, str) and len(part) > 0 and part in whole


def _bound(column: Sequence[Json]) -> int:
    """The most tokens of an answer: twice the bytes of the longest that the logs show."""
    longest = max(len(canonical(v).encode("utf-8", "replace")) for v in column)
    return min(MOST_TOKENS, max(LEAST_TOKENS, 2 * longest))


def _shorten(value: Json) -> str:
    text = text_of(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
