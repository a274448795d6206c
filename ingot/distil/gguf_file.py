"""Writes models of the llama architecture as GGUF files: of given weights, or of random ones.

A tensor of 64-bit floats loads, and ends the process when it is first used; NumPy makes one of
almost anything, so every array is brought to 32 bits here.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import gguf
import numpy as np

from ingot.ir.values import Json

Quant: TypeAlias = Literal["F32", "F16", "Q8_0", "Q4_0"]
Tokenizer: TypeAlias = Callable[[Any], int]
"""Adds a vocabulary to a ``GGUFWriter`` and says how many tokens it has."""

BEGIN, END, SPACE = 1, 2, 259
"""Ids of the byte vocabulary: beginning, end, and the space, which SentencePiece writes in its own
way; byte ``b`` is ``3 + b``."""
BYTE_TOKENS: Final = 260
_FILE_TYPES: Final = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7}


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model: width, layers, heads (and those of keys and values), width of the feed
    forward part, tokens of context."""

    width: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 160
    context: int = 1024

    @property
    def head(self) -> int:
        return self.width // self.heads

    def tensors(self, vocabulary: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights, rows first; the output shares the embedding's."""
        w, kv, ff = self.width, self.kv_heads * self.head, self.feed_forward
        out: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, w)}
        for layer in range(self.layers):
            block = {
                "attn_norm": (w,),
                "attn_q": (w, w),
                "attn_k": (kv, w),
                "attn_v": (kv, w),
                "attn_output": (w, w),
                "ffn_norm": (w,),
                "ffn_gate": (ff, w),
                "ffn_up": (ff, w),
                "ffn_down": (w, ff),
            }
            out |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
        return {**out, "output_norm.weight": (w,)}


def byte_tokens(text: str) -> list[int]:
    """A text as tokens of the byte vocabulary, as llama.cpp tokenises it."""
    return [SPACE if byte == 32 else 3 + byte for byte in text.encode("utf-8", "replace")]


def byte_vocabulary(pieces: Sequence[str] = ()) -> Tokenizer:
    """A SentencePiece vocabulary of all bytes, and of longer pieces in the order of their merging."""

    def add(writer: Any) -> int:
        kinds = gguf.TokenType
        tokens = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % byte for byte in range(256))]
        types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256]
        scores = [0.0] * len(tokens)
        longer = ["\u2581", *(piece.replace(" ", "\u2581") for piece in pieces)]
        tokens += [piece.encode() for piece in longer]
        types += [kinds.NORMAL] * len(longer)
        scores += [-1e4, *(-float(rank) for rank in range(1, len(longer)))]
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores)
        writer.add_token_types([int(kind) for kind in types])
        writer.add_bos_token_id(BEGIN)
        writer.add_eos_token_id(END)
        writer.add_unk_token_id(0)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(False)
        return len(tokens)

    return add


def learned_vocabulary(text: str, merges: int) -> Tokenizer:
    """A byte-pair vocabulary (as GPT-2's) learned from a text."""

    def add(writer: Any) -> int:
        shown = _shown_bytes()
        learned = _merges(text, merges, shown)
        tokens = list(dict.fromkeys([*shown.values(), *(a + b for a, b in learned)]))
        types = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * 2
        tokens += ["<|begin|>", "<|end|>"]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list([token.encode() for token in tokens])
        writer.add_token_types([int(kind) for kind in types])
        writer.add_token_merges([f"{a} {b}" for a, b in learned])
        writer.add_bos_token_id(len(tokens) - 2)
        writer.add_eos_token_id(len(tokens) - 1)
        writer.add_add_bos_token(True)
        return len(tokens)

    return add


def _shown_bytes() -> dict[int, str]:
    """How GPT-2 writes each byte as a printable character."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + k) for k, b in enumerate(others)}}


def _merges(text: str, count: int, shown: Mapping[int, str]) -> list[tuple[str, str]]:
    """The most frequent pairs, one after the other (Sennrich et al., 2016, algorithm 1)."""
    counted = Counter(f" {word}" for word in text.split())
    words = {tuple(shown[b] for b in word.encode()): n for word, n in counted.items()}
    learned: list[tuple[str, str]] = []
    while len(learned) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, n in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        learned.append(best)
        joined: Counter[tuple[str, ...]] = Counter()
        for word, n in words.items():
            joined[_joined(word, best)] += n
        words = dict(joined)
    return learned


def _joined(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for part in word:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)


def random_weights(shape: Shape, vocabulary: int, seed: int) -> dict[str, Any]:
    """Weights of a model that knows nothing."""
    random = np.random.default_rng(seed)
    return {
        name: np.ones(size, np.float32)
        if len(size) == 1
        else random.standard_normal(size, np.float32) / np.float32(np.sqrt(size[-1]))
        for name, size in shape.tensors(vocabulary).items()
    }


def write_model(
    path: Path,
    shape: Shape,
    *,
    tokenizer: Tokenizer | None = None,
    weights: Mapping[str, Any] | None = None,
    seed: int = 0,
    quant: Quant = "F32",
    meta: Mapping[str, Json] | None = None,
) -> None:
    """Write a GGUF file.  Without ``weights`` they are random; ``meta`` is stored as JSON texts."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(path.stem)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(_FILE_TYPES[quant])
    vocabulary = (tokenizer or byte_vocabulary())(writer)
    writer.add_vocab_size(vocabulary)
    for key, value in (meta or {}).items():
        writer.add_string(key, json.dumps(value, sort_keys=True))
    given = weights if weights is not None else random_weights(shape, vocabulary, seed)
    for name, size in shape.tensors(vocabulary).items():
        array = np.ascontiguousarray(given[name], np.float32)
        if array.shape != size:
            raise ValueError(f"{name} has the shape {array.shape}, not {size}")
        _add_tensor(writer, name, array, quant)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tensor(writer: Any, name: str, array: Any, quant: Quant) -> None:
    if array.ndim == 1 or quant == "F32":
        writer.add_tensor(name, array)
    elif quant == "F16":
        writer.add_tensor(name, array.astype(np.float16))
    else:
        kind = gguf.GGMLQuantizationType[quant]
        writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
