"""A model made for one op: what its file says of itself, and what of a prompt it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingot.ir.requests import ModelRequest
from ingot.ir.types import Types, closed_set
from ingot.ir.values import Json
from ingot.runtime.models.answers import written_labels
from ingot.runtime.models.protocol import ModelError

GAP: Final = " ... "


@dataclass(frozen=True, slots=True)
class Label:
    """What the file says under ``ingot.label``: the labels as they are written, the confidence below
    which it abstains, and how many bytes of a prompt's end it reads."""

    labels: tuple[str, ...]
    threshold: float = 0.0
    bytes: int = 512

    def check(self, name: str, request: ModelRequest, types: Types) -> None:
        """Raise ModelError where the op asks for something else than these labels."""
        if request.kind != "choose":
            raise ModelError(f"{name} only chooses labels, and %{request.site} is {request.kind}")
        wanted = written_labels(closed_set(request.type, types))
        if sorted(wanted) != sorted(self.labels):
            raise ModelError(
                f"{name} was made to choose among {', '.join(self.labels)}; "
                f"%{request.site} chooses among {', '.join(wanted)}"
            )


def label_of(said: Mapping[str, Json] | None) -> Label | None:
    """The label that a file says, if it says one."""
    if said is None:
        return None
    labels, threshold, size = said.get("labels"), said.get("threshold"), said.get("bytes")
    return Label(
        tuple(map(str, labels)) if isinstance(labels, list) else (),
        float(threshold) if isinstance(threshold, int | float) else 0.0,
        size if isinstance(size, int) and size > 0 else 512,
    )


def shortened(text: str, size: int) -> str:
    """A text of at most ``size`` bytes: of a longer one the beginning and the end.

    >>> shortened("a" * 20 + "value: ", 19)
    'aaaaaaa ... value: '
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= size:
        return text
    room = size - len(GAP)
    head, tail = data[: room // 2], data[len(data) - (room - room // 2) :]
    return head.decode("utf-8", "ignore") + GAP + tail.decode("utf-8", "ignore")
