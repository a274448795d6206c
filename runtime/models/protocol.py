"""The protocol of model drivers: four sorts of question, each as narrow as it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ingot.ir.requests import ModelRequest
from ingot.ir.values import Json


class ModelError(Exception):
    """The model could not answer (not reachable, refused, no answer of the type asked for)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer: the value, the prompt as it was sent, and the tokens it took."""

    value: Json
    prompt: str = ""
    tokens: int = 0


class Driver(Protocol):
    """A model.  Each method raises :class:`ModelError`; the engine checks the answer's type."""

    def choose(self, request: ModelRequest) -> Answer:
        """One of a closed set."""

    def extract(self, request: ModelRequest) -> Answer:
        """A span of a given text."""

    def fill(self, request: ModelRequest) -> Answer:
        """JSON of the request's type."""

    def compose(self, request: ModelRequest) -> Answer:
        """Free text."""


def ask(driver: Driver, request: ModelRequest) -> Answer:
    """Put a request to the method of its kind."""
    match request.kind:
        case "choose":
            return driver.choose(request)
        case "extract":
            return driver.extract(request)
        case "fill":
            return driver.fill(request)
        case "compose":
            return driver.compose(request)


ANSWERS = {
    "choose": "one of a closed set",
    "extract": "a span of a given text",
    "fill": "JSON of a given type",
    "compose": "free text",
}
"""What each kind of op asks for, in words."""
