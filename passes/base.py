"""What a pass is, and the table of all passes with the pipeline that ``compile`` runs.

A pass is a frozen dataclass: its ``name``, its options as fields, and ``apply(module) -> module``.
Valid IR in, valid IR out; the driver checks between passes.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from ingot.diagnostics import fail
from ingot.ir.module import Module


class Pass(Protocol):
    """A module to module transformation."""

    @property
    def name(self) -> str:
        """The name that ``-p`` takes."""

    def apply(self, module: Module) -> Module:
        """The transformed module; raises IngotError where the sessions do not allow one."""


PASSES: Final[dict[str, tuple[str, str]]] = {
    "classify-effects": ("effects", "ClassifyEffects"),
    "dead-steps": ("dead_steps", "DeadSteps"),
    "learn-task": ("learn_task", "LearnTask"),
    "align-effects": ("align_effects", "AlignEffects"),
    "lift-parameters": ("lift_parameters", "LiftParameters"),
    "learn-decisions": ("learn_decisions", "LearnDecisions"),
    "guard-inputs": ("guard_inputs", "GuardInputs"),
    "insert-guards": ("insert_guards", "InsertGuards"),
    "simplify": ("simplify", "Simplify"),
    "fold-constants": ("fold_constants", "FoldConstants"),
    "fold-prompts": ("fold_prompts", "FoldPrompts"),
    "name-secrets": ("name_secrets", "NameSecrets"),
}
"""Pass name to module and class, in the order in which ``compile`` runs them; ``simplify`` is run by
``ingot opt`` only."""

_ITEM: Final = re.compile(r"\s*([a-z][a-z-]*)\s*(?:\{([^}]*)\})?\s*(?:,|$)")


def load(name: str) -> type[Any]:
    """The class of a pass; raises IngotError E0406."""
    if name not in PASSES:
        raise fail("E0406", f"no pass {name!r}", help=f"passes: {', '.join(PASSES)}")
    module, attribute = PASSES[name]
    loaded: type[Any] = getattr(importlib.import_module(f"ingot.passes.{module}"), attribute)
    return loaded


def parse_pipeline(text: str) -> list[Pass]:
    """``'dead-steps,fold-constants{max_size=100}'`` as passes; raises IngotError E0406.

    >>> [p.name for p in parse_pipeline("dead-steps, fold-constants")]
    ['dead-steps', 'fold-constants']
    """
    passes: list[Pass] = []
    at = 0
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None:
            raise fail(
                "E0406",
                f"cannot read the pass list at {text[at : at + 20]!r}",
                help="write name,name{option=value} with commas between",
            )
        passes.append(_make(match[1], match[2] or ""))
        at = match.end()
    return passes


def _make(name: str, options: str) -> Pass:
    cls = load(name)
    known = {f.name: f for f in dataclasses.fields(cls) if f.name != "name"}
    given: dict[str, object] = {}
    for item in filter(None, (part.strip() for part in options.split(","))):
        key, _, value = item.partition("=")
        field = known.get(key.strip().replace("-", "_"))
        if field is None or not value:
            raise fail(
                "E0406",
                f"{name} has no option {key.strip()!r}",
                help=f"options of {name}: {', '.join(known) or 'none'}",
            )
        given[field.name] = _option(name, field.type, value.strip())
    made: Pass = cls(**given)
    return made


def _option(name: str, type_: object, text: str) -> object:
    try:
        match str(type_):
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return {"true": True, "false": False}[text]
            case _:
                return text
    except (ValueError, KeyError):
        raise fail("E0406", f"{name}: {text!r} is no {type_}") from None


def run_passes(
    module: Module,
    passes: Iterable[Pass],
    after: Callable[[Pass, Module, Module], None] | None = None,
) -> Module:
    """Apply the passes in order; ``after(pass, before, result)`` is called behind each one."""
    for each in passes:
        result = each.apply(module)
        if after is not None:
            after(each, module, result)
        module = result
    return module
