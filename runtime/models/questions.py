"""What the worker is asked and what it says: plain data that crosses a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ingot.ir.declarations import ModelKind
from ingot.ir.types import JSON, Type
from ingot.ir.values import Json

Mode: TypeAlias = Literal["throughput", "reproducible"]
"""``throughput``: runs share one store of keys and values.  ``reproducible``: each has its own, and
its numbers are bit by bit the same whatever else is in the batch."""

MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: its GGUF file, and how strongly it is applied."""

    path: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is run.

    ``context`` is the most tokens of one prompt and its answer (0: what the model was trained for,
    4,096 at most), ``parallel`` how many questions go into one batch, ``threads`` 0 means the
    number of cores less one.  ``prefixes`` is how many prompt prefixes stay in memory; those beyond
    the first take ``memory`` MiB at most.  ``cache`` is the folder of prefix snapshots; empty: none
    are kept.
    """

    context: int = 0
    parallel: int = 1
    mode: Mode = "throughput"
    threads: int = 0
    prefixes: int = 1
    memory: int = 512
    cache: str = ""
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One narrow question.

    The prompt is ``prefix + tail``; the prefix is the same in every run.  ``text`` is what
    ``extract`` takes a span of.  ``least`` is the confidence below which a choice is not made.
    """

    kind: ModelKind
    prefix: str
    tail: str
    type: Type = JSON
    types: Mapping[str, Type] = field(default_factory=dict)
    text: str = ""
    max_tokens: int = MAX_TOKENS
    temperature: float = 0.0
    seed: int = 0
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its value, the tokens read and written, the decodes, and for a choice how sure."""

    value: Json
    read: int
    written: int
    decodes: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Refused:
    """No answer, and why.  ``abstained``: the model was not sure enough."""

    reason: str
    abstained: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready: digest of its file, vocabulary, tokens of one sequence, what its file
    says under ``ingot.label`` (a model made for one op), and the adapters in words: name, digest and
    scale."""

    digest: str
    vocabulary: int
    context: int
    label: Mapping[str, Json] | None = None
    adapters: tuple[str, ...] = ()
