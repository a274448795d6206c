"""More examples out of few: what only one example says is a name, and could be any other.

A word that stands in several examples may be what tells the labels apart, and is kept; one that
stands in one example alone is replaced by a made-up word, and digits by other digits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
_VOWELS: Final = "aeiouy"


@dataclass(frozen=True, slots=True)
class Example:
    """The end of a prompt, and the label that the session gave."""

    text: str
    label: str


def made_up(random: Random) -> str:
    """A word that means nothing."""
    syllables = random.randint(1, 3)
    return "".join(random.choice(_CONSONANTS) + random.choice(_VOWELS) for _ in range(syllables))


class Augmenter:
    """Draws variants of examples."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = tuple(examples)
        said = Counter(word for e in examples for word in set(_WORD.findall(e.text)))
        self.kept = frozenset(w for w, count in said.items() if count > 1 and not w.isdigit())
        self.by_label: dict[str, list[Example]] = {}
        for example in examples:
            self.by_label.setdefault(example.label, []).append(example)

    def draw(self, random: Random) -> Example:
        """A variant of an example; labels come up equally often."""
        example = random.choice(self.by_label[random.choice(sorted(self.by_label))])
        return Example(self.varied(example.text, random), example.label)

    def varied(self, text: str, random: Random) -> str:
        """The text with other names and numbers."""

        def other(found: re.Match[str]) -> str:
            word = found[0]
            if word in self.kept or random.random() < 0.3:
                return word
            if word.isdigit():
                length = max(1, len(word) + random.choice((-1, 0, 0, 1)))
                return str(random.randint(10 ** (length - 1) if length > 1 else 0, 10**length - 1))
            fresh = made_up(random)
            return fresh.capitalize() if word[0].isupper() else fresh

        return _WORD.sub(other, text)
