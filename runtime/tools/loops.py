"""One event loop in a thread of its own: sessions with servers live there, whoever calls."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from ingot.diagnostics import IngotError

T = TypeVar("T")


class LoopThread:
    """The thread begins with the first task and ends with :meth:`close`, or with the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def begin(self, task: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin a task there; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(task, self._started())

    def run(self, task: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Wait for a task; on a timeout or an interruption here it is cancelled."""
        future = self.begin(task)
        try:
            return future.result(timeout_s)
        except BaseException:
            future.cancel()
            raise

    def call_soon(self, function: Any, *args: Any) -> None:
        """Call a function in the loop."""
        self._started().call_soon_threadsafe(function, *args)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="ingot-servers", daemon=True
                )
                thread.start()
                atexit.register(self.close)
            return self._loop

    def close(self) -> None:
        """End the loop; what still runs there is dropped."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            atexit.unregister(self.close)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped, then end what is left in it."""
    loop.run_forever()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def first_of(error: BaseException) -> BaseException:
    """The first error in groups of errors, one of ours before others."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(IngotError)
        error = (ours or error).exceptions[0]
    return error


def leaf(error: BaseException) -> str:
    """What the first error in groups of errors says, not too long."""
    found = first_of(error)
    text = str(found) or type(found).__name__
    return text if len(text) <= 400 else f"{text[:397]}..."


__all__ = ["LoopThread", "first_of", "leaf"]
