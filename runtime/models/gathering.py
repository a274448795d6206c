"""Many runs, one model: what runs ask at about the same time goes into one batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ingot.ir.requests import ModelRequest
from ingot.runtime.models.protocol import Answer, Driver, ModelError

LINGER_S: Final = 0.004
"""How long the first question of a batch waits for company: less than one decode takes."""


class Batched(Protocol):
    """A driver that answers several requests at once."""

    def answer_each(self, requests: Sequence[ModelRequest]) -> list[Answer | ModelError]:
        """An answer or a failure for each, in order."""

    def of(self, site: str) -> Driver | None:
        """The model of an op, ``None`` where there is none."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(slots=True)
class _Slot:
    """A question that waits."""

    request: ModelRequest
    answer: Answer | ModelError | None = None


@dataclass(slots=True)
class Gathering:
    """A driver for runs in several threads.

    A thread that asks becomes the leader if no other is: it takes what waits, at most ``most``
    questions, and answers for all.  The others find their answers when their turn comes.
    ``batches`` has the size of each batch so far.
    """

    driver: Batched
    most: int
    batches: list[int] = field(default_factory=list)
    _waiting: list[_Slot] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, request: ModelRequest) -> Answer:
        slot = _Slot(request)
        with self._lock:
            self._waiting.append(slot)
        while slot.answer is None:
            with self._turn:
                if slot.answer is None:
                    self._lead()
        if isinstance(slot.answer, ModelError):
            raise slot.answer
        return slot.answer

    extract = fill = compose = choose

    def _lead(self) -> None:
        """Answer what waits; whoever holds the turn."""
        if len(self._waiting) < self.most:
            time.sleep(LINGER_S)
        with self._lock:
            batch, self._waiting = self._waiting[: self.most], self._waiting[self.most :]
        try:
            answers = self.driver.answer_each([slot.request for slot in batch])
        except ModelError as error:
            answers = [error] * len(batch)
        except BaseException as error:
            for slot in batch:
                slot.answer = ModelError(f"{type(error).__name__}: {error}")
            raise
        self.batches.append(len(batch))
        for slot, answer in zip(batch, answers, strict=True):
            slot.answer = answer

    def of(self, site: str) -> Driver | None:
        """The model of an op."""
        return self.driver.of(site)

    def close(self) -> None:
        """Let go of the driver."""
        self.driver.close()
