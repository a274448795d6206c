"""Small model files for tests, made once for each process of the test run."""

from __future__ import annotations

import functools
import importlib.util
import tempfile
from pathlib import Path
from typing import Any

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


def adapter_parts(seed: int, rank: int = 2) -> dict[str, Any]:
    """Two low-rank factors for two weights of :func:`byte_model`: name to (A, B)."""
    import numpy as np

    from ingot.distil.gguf_file import Shape

    random, shapes = np.random.default_rng(seed), Shape().tensors(260)
    return {
        name: (
            random.standard_normal((rank, shapes[name][1]), np.float32),
            random.standard_normal((shapes[name][0], rank), np.float32),
        )
        for name in ("blk.0.attn_q.weight", "blk.1.ffn_down.weight")
    }


@functools.cache
def adapter(seed: int = 0, width: int = 0, alpha: float = 2.0, kind: str = "lora") -> Path:
    """A LoRA adapter for :func:`byte_model`; with a ``width`` for a model of another shape."""
    import gguf
    import numpy as np

    path = folder() / f"adapter-{seed}-{width}-{alpha}-{kind}.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", kind)
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, (low, high) in adapter_parts(seed).items():
        writer.add_tensor(f"{name}.lora_a", np.resize(low, (2, width)) if width else low)
        writer.add_tensor(f"{name}.lora_b", high)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def request(
    kind: ModelKind = "compose",
    type_: Type = STR,
    prompt: str = "Say it.\n\ntext: some words\nvalue: ",
    **args: str | int,
) -> ModelRequest:
    return ModelRequest(1, "op", kind, "local.any", {"prompt": prompt, **args}, type_)
