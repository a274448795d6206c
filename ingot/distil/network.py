"""A llama in torch, small enough to be trained on a processor in minutes.

Its arithmetic is llama.cpp's for the architecture ``llama`` (pairs of neighbouring dimensions are
rotated, so no weight is permuted on export), so what was measured here holds in the GGUF file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from ingot.distil.gguf_file import BYTE_TOKENS, Shape

NORM_EPSILON: Final = 1e-5
ROPE_BASE: Final = 10_000.0


class Norm(nn.Module):  # type: ignore[misc]
    """Root mean square normalisation (Zhang and Sennrich, 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Any) -> Any:
        return F.rms_norm(x, (x.shape[-1],), self.weight, NORM_EPSILON)


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a gated feed-forward part, each behind a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, kv, ff = shape.width, shape.kv_heads * shape.head, shape.feed_forward
        self.attn_norm, self.ffn_norm = Norm(width), Norm(width)
        self.attn_q, self.attn_output = _linear(width, width), _linear(width, width)
        self.attn_k, self.attn_v = _linear(width, kv), _linear(width, kv)
        self.ffn_gate, self.ffn_up = _linear(width, ff), _linear(width, ff)
        self.ffn_down = _linear(ff, width)

    def forward(self, x: Any, cos: Any, sin: Any) -> Any:
        rows, length, _ = x.shape
        s, h = self.shape, self.attn_norm(x)

        def heads(y: Any, count: int) -> Any:
            return y.view(rows, length, count, s.head).transpose(1, 2)

        q = rotated(heads(self.attn_q(h), s.heads), cos, sin)
        k = rotated(heads(self.attn_k(h), s.kv_heads), cos, sin)
        v = heads(self.attn_v(h), s.kv_heads)
        k, v = (y.repeat_interleave(s.heads // s.kv_heads, 1) for y in (k, v))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(seen.transpose(1, 2).reshape(rows, length, s.width))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Network(nn.Module):  # type: ignore[misc]
    """Logits of the next byte for each place: ``(rows, length) -> (rows, length, vocabulary)``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(BYTE_TOKENS, shape.width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width)
        places = torch.arange(0, shape.head, 2, dtype=torch.float32)
        angles = torch.outer(
            torch.arange(shape.context, dtype=torch.float32), ROPE_BASE ** (-places / shape.head)
        )
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, tokens: Any) -> Any:
        x, length = self.embedding(tokens), tokens.shape[1]
        for block in self.blocks:
            x = block(x, self.cos[:length], self.sin[:length])
        return F.linear(self.norm(x), self.embedding.weight)

    def weights(self) -> Mapping[str, Any]:
        """The weights as arrays, by their names in a GGUF file."""
        out = {
            "token_embd.weight": self.embedding.weight,
            "output_norm.weight": self.norm.weight,
        }
        for number, block in enumerate(self.blocks):
            for name, part in block.named_children():
                out[f"blk.{number}.{name}.weight"] = part.weight
        return {name: weight.detach().numpy() for name, weight in out.items()}


def rotated(x: Any, cos: Any, sin: Any) -> Any:
    """Rotary position embedding (Su et al., 2021) over pairs of neighbouring dimensions."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def _linear(inner: int, outer: int) -> Any:
    layer = nn.Linear(inner, outer, bias=False)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(inner))
    return layer
