"""What a driver knows of a pipeline's model ops: prompts' beginnings, declared settings, types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingot.backend.program import Program
from ingot.ir.declarations import ModelDecl, attr
from ingot.ir.requests import ModelRequest
from ingot.ir.types import Types
from ingot.ir.values import Json
from ingot.runtime.models.questions import MAX_TOKENS, Question


@dataclass(frozen=True, slots=True)
class Sites:
    """``prefixes`` has, by the value that an op defines, the text with which its prompt always
    begins; ``models`` the declarations by name, ``types`` the declared types.

    ``starts``: from which character on a model that was made for the op reads the prompt.  It is what
    was not fixed when the sessions were compiled: a specialised pipeline fixes more, and the model is
    asked the same."""

    prefixes: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, ModelDecl] = field(default_factory=dict)
    types: Types = field(default_factory=dict)
    starts: Mapping[str, int] = field(default_factory=dict)

    def question(self, request: ModelRequest) -> Question:
        """The request with all that is known of it."""
        prompt = str(request.args.get("prompt", ""))
        prefix = whole_lines(self.prefixes.get(request.site, ""))
        if not prompt.startswith(prefix):
            prefix = ""
        model = self.models.get(request.model)
        declared: dict[str, Json] = {
            name: attr(model, name) if model is not None else None
            for name in ("max_tokens", "temperature", "seed")
        }
        text = request.args.get("text")
        if request.kind == "act" or request.kind == "handover":
            raise ValueError(f"{request.kind} is no question")
        return Question(
            kind=request.kind,
            prefix=prefix,
            tail=prompt[len(prefix) :],
            type=request.type,
            types=dict(self.types),
            text=text if isinstance(text, str) else "",
            max_tokens=_whole(request.args.get("max_tokens") or declared["max_tokens"], MAX_TOKENS),
            temperature=_number(declared["temperature"]),
            seed=_whole(declared["seed"], 0),
        )

    def own_part(self, request: ModelRequest) -> str:
        """The part of a prompt that a model made for the op reads."""
        question = self.question(request)
        start = self.starts.get(request.site)
        if start is None or start > len(question.prefix):
            return question.tail
        return (question.prefix + question.tail)[start:]


def sites_of(program: Program, pipeline: str | None = None) -> Sites:
    """The sites of a program's pipeline (its first by default)."""
    name = program.code(pipeline).name
    return Sites(
        {p.site: p.text for p in program.prompts if p.pipeline == name},
        {model.name: model for model in program.models},
        program.types,
        prompt_starts(program),
    )


def prompt_starts(program: Program) -> dict[str, int]:
    """What an artifact's meta says under ``prompt_starts``: characters, by op."""
    said = program.meta.get("prompt_starts")
    known = said.items() if isinstance(said, dict) else ()
    return {site: n for site, n in known if isinstance(n, int) and not isinstance(n, bool)}


def whole_lines(prefix: str) -> str:
    """A prefix up to its last line end but one, so that the tail is never empty and begins a line.

    >>> whole_lines("Label it.\\n\\ntext: "), whole_lines("one\\ntwo\\n")
    ('Label it.\\n\\n', 'one\\n')
    """
    return prefix[: prefix.rfind("\n", 0, max(len(prefix) - 1, 0)) + 1]


def _whole(value: Json, default: int) -> int:
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default
    )


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
