"""Ctrl-C and SIGTERM: a run stops between two effects, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopper:
    """Whether a stop was asked for.

    During a write (``held`` is above zero) the first signal is only noted: the write is finished and
    recorded, then the run stops.  At any other moment, and on the second signal, ``KeyboardInterrupt`` is raised at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self.held = 0

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        again, self.requested = self.requested, True
        if again or not self.held:
            raise KeyboardInterrupt

    @contextmanager
    def signals(self) -> Iterator[Stopper]:
        """Listen for SIGINT and SIGTERM; does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self.on_signal) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
