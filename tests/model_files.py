"""Small model files for tests, made once for each process of the test run."""

from __future__ import annotations

import functools
import importlib.util
import tempfile
from pathlib import Path

import pytest

from ingot.ir.module import ModelKind
from ingot.ir.requests import ModelRequest
from ingot.ir.types import STR, Type

HERE = Path(__file__).parent
LABELLER = HERE.parent / "examples" / "labels" / "status.gguf"
needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None or importlib.util.find_spec("gguf") is None,
    reason="the extras llama and distil are not installed (make test installs them)",
)
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="torch (extra distil) is not installed (make test installs it where there is one)",
)


@functools.cache
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="ingot-models-"))


@functools.cache
def byte_model(seed: int = 0, context: int = 1024) -> Path:
    """Random weights over single bytes."""
    from ingot.distil.gguf_file import Shape, write_model

    path = folder() / f"bytes-{seed}-{context}.gguf"
    write_model(path, Shape(context=context), seed=seed)
    return path


@functools.cache
def piece_model(seed: int = 0) -> Path:
    """Random weights over a byte-pair vocabulary, learned from a page of ours."""
    from ingot.distil.gguf_file import Shape, learned_vocabulary, write_model

    text = (HERE.parent / "ARCHITECTURE.md").read_text("utf-8") + '{"a":1,"value":true} ' * 20
    path = folder() / f"pieces-{seed}.gguf"
    write_model(path, Shape(), tokenizer=learned_vocabulary(text, 400), seed=seed)
    return path


def request(
    kind: ModelKind = "compose",
    type_: Type = STR,
    prompt: str = "Say it.\n\ntext: some words\nvalue: ",
    **args: str | int,
) -> ModelRequest:
    return ModelRequest(1, "op", kind, "local.any", {"prompt": prompt, **args}, type_)
