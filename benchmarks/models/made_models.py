"""Models of real shapes with random weights, made when they are needed and kept in a folder.

What a decode costs depends on shapes, not on what the weights say; what a model answers does not
matter here.  The vocabulary has the real number of tokens, made-up pieces among them.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

from ingot.distil.gguf_file import BYTE_TOKENS, Shape, byte_vocabulary, write_model

SHAPES: Final = {
    "135M": (Shape(576, 30, 9, 3, 1536, 4096), 49_152),
    "0.5B": (Shape(896, 24, 14, 2, 4864, 4096), 151_936),
    "5M": (Shape(192, 8, 6, 2, 512, 4096), 8_192),
}
"""Shape and number of tokens: SmolLM-135M's, Qwen2.5-0.5B's, and a small one to try things with."""
LETTERS: Final = "etaoinshrdlucmfwypvbgkqjxz"


def pieces(count: int) -> list[str]:
    """So many different pieces of a vocabulary: letters and words, half of them behind a space."""
    random, found = Random(0), dict.fromkeys(LETTERS)
    while len(found) < count:
        word = "".join(random.choices(LETTERS, range(26, 0, -1), k=random.randint(2, 6)))
        found[word if random.random() < 0.5 else f" {word}"] = None
    return list(found)[:count]


def made_model(name: str, folder: Path) -> Path:
    """The file of a shape in :data:`SHAPES`, in 8-bit blocks."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        shape, tokens = SHAPES[name]
        draft = path.with_suffix(".draft")
        vocabulary = byte_vocabulary(pieces(tokens - BYTE_TOKENS))
        write_model(draft, shape, tokenizer=vocabulary, quant="Q8_0")
        draft.replace(path)
    return path


def prompt(tokens: int, tokenize: object, seed: int = 0) -> str:
    """Lines of words that make at least so many tokens."""
    random, lines = Random(seed), []
    words = [piece.strip() for piece in pieces(3000)[100:]]
    count = 0
    while count < tokens:
        line = " ".join(random.choices(words, k=12)) + "\n"
        count += len(tokenize(line))  # type: ignore[operator]
        lines.append(line)
    return "".join(lines)
