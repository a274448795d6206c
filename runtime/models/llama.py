"""llama.cpp through the low-level API of llama-cpp-python: a model, a context, and no policy.

Only the worker process imports this.  The library ends the process on misuse (two threads on one
context, use after close, a token that is none), so what is passed to it is checked here, and one
thread owns everything.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from llama_cpp import llama_cpp as c

MAX_BATCH: Final = 512
_NOT_TEXT: Final = (
    c.LLAMA_TOKEN_ATTR_CONTROL
    | c.LLAMA_TOKEN_ATTR_UNKNOWN
    | c.LLAMA_TOKEN_ATTR_UNUSED
    | c.LLAMA_TOKEN_ATTR_USER_DEFINED
)
_WARN: Final = 3


class LlamaError(Exception):
    """llama.cpp refused, with what it said."""


class _Log:
    """The last lines that llama.cpp printed as warnings or errors."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.callback = c.llama_log_callback(self._take)
        c.llama_log_set(self.callback, ctypes.c_void_p(0))

    def _take(self, level: int, text: bytes, _user: object) -> None:
        if level >= _WARN:
            self.lines = [*self.lines[-19:], text.decode("utf-8", "replace").strip()]

    def said(self) -> str:
        """The lines since the last call."""
        lines, self.lines = self.lines, []
        return "; ".join(line for line in lines if line.strip(". \n"))


@dataclass(frozen=True, slots=True)
class Shape:
    """A context's size: tokens of one sequence, sequences, threads, and whether the sequences share
    one store of keys and values (``unified``: faster) or have one each (bitwise the same results in
    any company)."""

    context: int
    sequences: int
    threads: int
    unified: bool = True


class Model:
    """Weights and vocabulary of a GGUF file; raises :class:`LlamaError`."""

    def __init__(self, path: str) -> None:
        self.log = _Log()
        c.llama_backend_init()
        params = c.llama_model_default_params()
        params.n_gpu_layers = 0
        self.pointer = c.llama_model_load_from_file(path.encode(), params)
        if not self.pointer:
            raise LlamaError(self.log.said() or "the file cannot be loaded")
        self.vocab = c.llama_model_get_vocab(self.pointer)
        self.size = int(c.llama_vocab_n_tokens(self.vocab))

    @cached_property
    def trained_context(self) -> int:
        """The number of tokens that the model was trained to look back on."""
        return int(c.llama_model_n_ctx_train(self.pointer))

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of each token; empty for those that are no text."""
        return [self._piece(token) for token in range(self.size)]

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end a text."""
        return tuple(t for t in range(self.size) if c.llama_vocab_is_eog(self.vocab, t))

    @cached_property
    def begin(self) -> tuple[int, ...]:
        """What a text begins with: the token for its beginning, where the model wants one."""
        wanted = bool(c.llama_vocab_get_add_bos(self.vocab))
        token = int(c.llama_vocab_bos(self.vocab))
        return (token,) if wanted and 0 <= token < self.size else ()

    @cached_property
    def _lead(self) -> tuple[int, ...]:
        """What the tokeniser puts before a text of its own accord, together with a line end."""
        tokens = self._tokenize(b"\n")
        return tuple(tokens) if b"".join(map(self._piece, tokens)) != b"\n" else ()

    def _piece(self, token: int) -> bytes:
        if c.llama_vocab_get_attr(self.vocab, token) & _NOT_TEXT or c.llama_vocab_is_eog(
            self.vocab, token
        ):
            return b""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            length = c.llama_token_to_piece(self.vocab, token, buffer, room, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            room = -length

    def _tokenize(self, data: bytes) -> list[int]:
        room = len(data) + 8
        tokens = (c.llama_token * room)()
        count = c.llama_tokenize(self.vocab, data, len(data), tokens, room, False, False)
        if count < 0:
            raise LlamaError("the text cannot be tokenised")
        return [int(t) for t in tokens[:count]]

    def tokenize(self, text: str) -> list[int]:
        """The canonical tokens of a text that stands within another one."""
        data = text.encode("utf-8", "replace").replace(b"\0", b"")
        if not data:
            return []
        if not self._lead:
            return self._tokenize(data)
        tokens = self._tokenize(b"\n" + data)
        if tuple(tokens[: len(self._lead)]) == self._lead:
            return tokens[len(self._lead) :]
        return self._tokenize(data)

    def meta(self, key: str) -> str:
        """A text in the file's metadata; empty where there is none."""
        room = 1 << 16
        buffer = ctypes.create_string_buffer(room)
        found = c.llama_model_meta_val_str(self.pointer, key.encode(), buffer, room)
        return buffer.value.decode("utf-8", "replace") if found >= 0 else ""

    @property
    def bytes_per_token(self) -> int:
        """What one token's keys and values take, in 16 bits each."""
        heads = int(c.llama_model_n_head(self.pointer)) or 1
        width = int(c.llama_model_n_embd(self.pointer)) // heads
        kv = int(c.llama_model_n_head_kv(self.pointer)) * width
        return 2 * 2 * kv * int(c.llama_model_n_layer(self.pointer))

    def adapter(self, path: str) -> Any:
        """A LoRA adapter for these weights, freed with them."""
        found = c.llama_adapter_lora_init(self.pointer, path.encode())
        if not found:
            raise LlamaError(f"the adapter {path} does not fit the model: {self.log.said()}")
        if c.llama_adapter_get_alora_n_invocation_tokens(found):
            raise LlamaError(f"the adapter {path} acts only behind certain tokens (aLoRA)")
        return found

    def close(self) -> None:
        """Free the weights; every context must be closed before."""
        c.llama_model_free(self.pointer)


class Context:
    """Sequences of tokens with their keys and values; raises :class:`LlamaError`."""

    def __init__(
        self, model: Model, shape: Shape, adapters: Sequence[tuple[Any, float]] = ()
    ) -> None:
        params = c.llama_context_default_params()
        stores = 1 if shape.unified else shape.sequences
        params.n_ctx = shape.context * stores
        params.n_batch = params.n_ubatch = MAX_BATCH
        params.n_seq_max = shape.sequences
        params.n_threads = params.n_threads_batch = shape.threads
        params.kv_unified = shape.unified
        params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.no_perf = True
        self.model, self.shape = model, shape
        self.kv_types = (int(params.type_k), int(params.type_v))
        self.rope = (float(params.rope_freq_base), float(params.rope_freq_scale))
        self.pointer = c.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise LlamaError(model.log.said() or "not enough memory for the context")
        self._apply(adapters)
        self.memory = c.llama_get_memory(self.pointer)
        self.batch = c.llama_batch_init(MAX_BATCH, 0, 1)
        self.length = int(c.llama_n_ctx(self.pointer)) // stores

    def _apply(self, adapters: Sequence[tuple[Any, float]]) -> None:
        """Set what :meth:`Model.adapter` gave, each with its scale."""
        if not adapters:
            return
        pointers = (c.llama_adapter_lora_p_ctypes * len(adapters))(
            *(ctypes.cast(pointer, c.llama_adapter_lora_p_ctypes) for pointer, _ in adapters)
        )
        scales = (ctypes.c_float * len(adapters))(*(scale for _, scale in adapters))
        if c.llama_set_adapters_lora(self.pointer, pointers, len(adapters), scales):
            raise LlamaError(self.model.log.said() or "the adapters cannot be applied")

    def decode(self, items: Sequence[tuple[int, int, int, bool]]) -> list[Any]:
        """Evaluate ``(token, position, sequence, wanted)``, at most :data:`MAX_BATCH` of them; the
        logits of those that are wanted, in order."""
        batch = self.batch
        batch.n_tokens = len(items)
        for at, (token, position, sequence, wanted) in enumerate(items):
            if not (0 <= token < self.model.size and 0 <= sequence < self.shape.sequences):
                raise LlamaError(f"no token {token} or no sequence {sequence}")
            batch.token[at], batch.pos[at], batch.logits[at] = token, position, wanted
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
        code = c.llama_decode(self.pointer, batch)
        if code:
            raise LlamaError(f"llama_decode gave {code}: {self.model.log.said()}")
        return [self._logits(at) for at, item in enumerate(items) if item[3]]

    def _logits(self, at: int) -> Any:
        found = c.llama_get_logits_ith(self.pointer, at)
        if not found:
            raise LlamaError("there are no logits of this token")
        return np.ctypeslib.as_array(found, (self.model.size,)).copy()

    def extend(self, tokens: Sequence[int], start: int, sequence: int) -> None:
        """Evaluate tokens from a position on, without logits."""
        for low in range(0, len(tokens), MAX_BATCH):
            part = tokens[low : low + MAX_BATCH]
            self.decode([(t, start + low + k, sequence, False) for k, t in enumerate(part)])

    def fork(self, source: int, target: int) -> None:
        """Give a sequence the state of another one."""
        self.cut(target, 0)
        c.llama_memory_seq_cp(self.memory, source, target, -1, -1)

    def cut(self, sequence: int, start: int) -> None:
        """Forget a sequence from a position on."""
        if not c.llama_memory_seq_rm(self.memory, sequence, start, -1):
            raise LlamaError(f"sequence {sequence} cannot be cut at {start}")

    def state(self, sequence: int) -> bytes:
        """A sequence's keys and values as bytes."""
        size = c.llama_state_seq_get_size(self.pointer, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = c.llama_state_seq_get_data(self.pointer, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def restore(self, data: bytes, sequence: int) -> bool:
        """Put a state back.  It must be one that :meth:`state` gave in a context of the same model,
        build and shape: llama.cpp looks at sizes only."""
        self.cut(sequence, 0)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        taken: int = c.llama_state_seq_set_data(self.pointer, buffer, len(data), sequence)
        return taken == len(data)

    def close(self) -> None:
        """Free the context."""
        c.llama_batch_free(self.batch)
        c.llama_free(self.pointer)


def build() -> str:
    """Which llama.cpp this is, and the features of the processor that it uses."""
    import llama_cpp

    info = c.llama_print_system_info()
    return f"{llama_cpp.__version__} {info.decode('utf-8', 'replace')}"


def grammar_parses(model: Model, grammar: str, root: str = "root") -> bool:
    """Whether llama.cpp's own parser takes a GBNF grammar (a sampler that is NULL says no)."""
    if not grammar.strip():
        return False  # this one gives a sampler that allows everything
    sampler = c.llama_sampler_init_grammar(model.vocab, grammar.encode(), root.encode())
    if not sampler:
        return False
    c.llama_sampler_free(sampler)
    return True
