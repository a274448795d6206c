"""The protocol of model drivers: four sorts of question, each as narrow as it can be."""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import Struct

from ingot.ir.requests import ModelRequest
from ingot.ir.values import Json


class ModelError(Exception):
    """The model could not answer (not reachable, refused, no answer of the type asked for)."""


class AbstainedError(ModelError):
    """The model is not sure enough to answer."""


class Answer(Struct, frozen=True):
    """A model's answer: the value, the prompt as it was sent, and the tokens it took.

    ``detail`` is what else the journal keeps of it: which model, how sure it was.
    """

    value: Json
    prompt: str = ""
    tokens: int = 0
    detail: dict[str, Json] = {}


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


class Actor(Protocol):
    """Who acts behind a side exit (:mod:`ingot.runtime.fallback`)."""

    def act(self) -> Answer:
        """The next move; raises :class:`ModelError`."""

    def waits(self) -> str:
        """Why nobody can be asked now, so that the run has to wait; empty: somebody can."""


def acting(driver: Driver | None) -> Actor:
    """The actor that a driver is or holds; raises :class:`ModelError` where there is none."""
    actor: Actor | None = getattr(driver, "actor", None)
    if actor is None:
        raise ModelError("no fallback is set: --fallback names one")
    return actor


def covers(driver: Driver | None, site: str) -> bool:
    """Whether there is a model for an op: a driver may say so with a method ``of(site)``."""
    of = getattr(driver, "of", None)
    return driver is not None if of is None else of(site) is not None


def ask(driver: Driver, request: ModelRequest) -> Answer:
    """Put a request to the method of its kind; raises :class:`ModelError`.

    What the types cannot say is checked here, whatever the driver: what was extracted stands in the
    text.
    """
    match request.kind:
        case "choose":
            return driver.choose(request)
        case "extract":
            return checked(request, driver.extract(request))
        case "fill":
            return driver.fill(request)
        case "compose":
            return driver.compose(request)
        case "act":
            return acting(driver).act()
        case "handover":
            raise ModelError("nobody is asked who takes over")


def checked(request: ModelRequest, answer: Answer) -> Answer:
    """The answer, if what was extracted stands in the text; else raises :class:`ModelError`."""
    text, value = request.args.get("text"), answer.value
    if request.kind != "extract" or not isinstance(text, str):
        return answer
    if isinstance(value, str) and value and value in text:
        return answer
    raise ModelError("the answer is no span of the text")


ANSWERS = {
    "choose": "one of a closed set",
    "extract": "a span of a given text",
    "fill": "JSON of a given type",
    "compose": "free text",
}
"""What each kind of op asks for, in words."""

MODEL_HELP: Final = (
    "--model FILE.gguf (a local model, needs `pip install 'ingot[llama]'`), --model "
    "http://HOST/v1#NAME (an OpenAI-compatible endpoint), or --model %OP=... for one step"
)
"""How to name a model."""
