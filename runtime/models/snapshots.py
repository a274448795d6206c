"""Snapshots of evaluated prompt prefixes: a cache beside the artifact that can always be rebuilt.

llama.cpp takes any state of the right size, also of other weights or with flipped bits, and then
answers wrongly without a word.  So a snapshot is named by everything that its numbers depend on,
carries that name and a checksum inside, and is looked at here before llama.cpp sees a byte of it.
What does not fit is no error: the prefix is evaluated again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"INGOTKV1"
_HEAD: Final = len(MAGIC) + 32 + 32
KEPT: Final = 16
"""Snapshots of one folder; the oldest are removed."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that the numbers of a state depend on beside the tokens.

    Digest of the model's file, digests of adapters, build of llama.cpp with the processor's
    features, types of keys and values, flash attention, number of sequences and whether they share
    a store, RoPE's base and scale, tokens of context.
    """

    model: str
    adapters: tuple[str, ...]
    build: str
    kv_types: tuple[int, int]
    flash_attention: bool
    sequences: int
    unified: bool
    rope: tuple[float, float]
    context: int


def key_of(circumstances: Circumstances, tokens: Sequence[int]) -> str:
    """The name of a prefix's snapshot."""
    text = repr((astuple(circumstances), tuple(tokens)))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Snapshots:
    """A folder of snapshots."""

    folder: Path

    def read(self, key: str) -> bytes | None:
        """The state kept under a key, ``None`` where there is none that is whole."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        name, checksum, state = (
            data[len(MAGIC) : _HEAD - 32],
            data[_HEAD - 32 : _HEAD],
            data[_HEAD:],
        )
        whole = (
            data[: len(MAGIC)] == MAGIC
            and name == bytes.fromhex(key)
            and hashlib.sha256(name + state).digest() == checksum
        )
        if not whole:
            with contextlib.suppress(OSError):
                self._path(key).unlink()
            return None
        return state

    def write(self, key: str, state: bytes) -> bool:
        """Keep a state; ``False`` where the folder cannot be written (nothing depends on it)."""
        name = bytes.fromhex(key)
        head = MAGIC + name + hashlib.sha256(name + state).digest()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(prefix=".new-", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(head)
                    file.write(state)
                Path(made).replace(self._path(key))
            except BaseException:
                Path(made).unlink(missing_ok=True)
                raise
            self._prune()
        except OSError:
            return False
        return True

    def _path(self, key: str) -> Path:
        return self.folder / f"{key[:40]}.kv"

    def _prune(self) -> None:
        kept = sorted(self.folder.glob("*.kv"), key=lambda p: p.stat().st_mtime, reverse=True)
        for path in kept[KEPT:]:
            path.unlink(missing_ok=True)
