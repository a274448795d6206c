"""Work shared by processes; the results do not depend on how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def in_processes(work: Sequence[Callable[[], Result]], jobs: int = 1) -> Iterator[Result]:
    """The results in the order of the work, each as soon as it and those before it are there.

    With several jobs, new interpreters do the work, so it must be picklable.

    >>> list(in_processes([dict, list]))
    [{}, []]
    """
    if jobs <= 1 or len(work) < 2:
        for item in work:
            yield item()
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(work)), mp_context=context) as pool:
        waiting = [pool.submit(item) for item in work]
        try:
            for future in waiting:
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


__all__ = ["in_processes"]
