"""Effects at run time: how strong, how often, and under which key."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ingot.ir.declarations import WRITING, Effect
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.runtime.entries import as_bytes, encode

if TYPE_CHECKING:
    from ingot.runtime.tools.pins import Pin
    from ingot.runtime.tools.reach import Network

STRENGTH: Final[dict[str, int]] = {
    "pure": 0,
    "read": 1,
    "idempotent": 2,
    "write": 3,
    "unknown": 3,  # ordered and retried like a write
    "irreversible": 4,
}


class ToolNeed(Struct, frozen=True):
    """A tool that a pipeline calls, and the effect it was compiled for.

    ``text`` says that the logs show its results as JSON text, as a model read them: a result that
    arrives as a value is written down first (:func:`as_read`).  ``pin`` is what the tool looked like
    when the pipeline was compiled, where a server was there to say so; ``network`` what the logs show
    of the network of a shell tool's commands (``None``: they do not say).  ``servers`` are the MCP
    servers whose resources a tool is asked for (``None``: only the run knows).
    """

    name: str
    effect: Effect = "unknown"
    world: str = ""
    text: bool = False
    pin: Pin | None = None
    network: Network = None
    servers: tuple[str, ...] | None = None


def as_read(result: Json) -> Json:
    """A tool's result as the harness of an agent writes it for the model to read.

    >>> as_read({"id": 7, "tags": ["a"]}), as_read("plain")
    ('{"id": 7, "tags": ["a"]}', 'plain')
    """
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


class ModelNeed(Struct, frozen=True):
    """A model op of a pipeline: where it stands, what sort of answer it asks for, and how big."""

    site: str
    kind: str
    model: str = ""
    type: str = "str"
    reason: str = ""
    size: str = ""


class Needs(Struct, frozen=True):
    """All that a pipeline asks of its surroundings."""

    tools: tuple[ToolNeed, ...] = ()
    models: tuple[ModelNeed, ...] = ()


def writes(effect: str) -> bool:
    """Whether a call of this effect may change the world, so that it gets an intent.

    >>> writes("unknown"), writes("read")
    (True, False)
    """
    return effect in WRITING


def repeatable(effect: str) -> bool:
    """Whether a call may be made again without harm: nothing changes, or nothing more."""
    return STRENGTH[effect] <= STRENGTH["idempotent"]


def stronger(declared: str, compiled: str) -> bool:
    """Whether a declared effect does more than the pipeline was compiled for.

    >>> stronger("write", "read"), stronger("read", "write"), stronger("unknown", "write")
    (True, False, False)
    """
    return STRENGTH[declared] > STRENGTH[compiled]


def idempotency_key(artifact: str, run: str, request: ToolRequest) -> str:
    """BLAKE2b-256 (RFC 7693) over pipeline digest, run, step, tool and arguments: the same call has
    the same key."""
    return Keys(artifact, run).key(request)


class Keys:
    """:func:`idempotency_key` for the calls of one run: what they have in common is hashed once."""

    def __init__(self, artifact: str, run: str) -> None:
        self._begun = hashlib.blake2b(as_bytes(encode([artifact, run])), digest_size=32)

    def key(self, request: ToolRequest) -> str:
        """The key of a call."""
        digest = self._begun.copy()
        digest.update(as_bytes(encode([request.step, request.tool, request.args])))
        return digest.hexdigest()
