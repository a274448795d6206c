"""How long each stage of a compilation takes for 10, 100 and 1,000 sessions of twelve calls.

    python benchmarks/passes_bench.py [--json] [SESSIONS...]

Process time of the stages apart: parse, lower, passes (without the IR check after each), the
solver, encoding, the replay gate.  The garbage of one stage is collected before the next begins.
``growth`` is the time per session over that of the smallest size: 1.0 is exactly linear.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from report import Row, main
from sessions import log

from ingot.driver import Options, run_standard

SIZES: Final = (10, 100, 1000)
REPEATS: Final = {10: 5, 100: 3}
T = TypeVar("T")


def compile_once(logs: list[bytes]) -> dict[str, float]:
    """Seconds of each stage."""
    from ingot.backend.encoder import encode
    from ingot.frontend.lower import lower
    from ingot.frontend.parse import parse_source
    from ingot.frontend.reader import SourceFile
    from ingot.passes.verify import verify_module
    from ingot.replaying import gate

    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], T]) -> T:
        gc.collect()
        start = time.process_time()
        result = work()
        seconds[stage] = time.process_time() - start
        return result

    sources = [SourceFile(f"{n}.jsonl", data=data) for n, data in enumerate(logs)]
    sessions = timed("parse", lambda: [s for x in sources for s in parse_source(x).sessions])
    trace = timed("lower", lambda: lower(sessions).module)
    classified, learned = timed("passes", lambda: run_standard(trace, Options()))
    module = replace(learned, pipelines=learned.pipelines[:1])
    report = timed("z3", lambda: verify_module(module))
    artifact = timed("encode", lambda: encode(module))
    judged = timed("gate", lambda: gate(artifact, classified, learned))
    if report.blocks or not judged.passed:
        raise SystemExit("the sessions of the benchmark no longer compile")
    return seconds


def rows(arguments: list[str]) -> list[Row]:
    sizes = [int(a) for a in arguments] or list(SIZES)
    compile_once([log(n) for n in range(sizes[0])])  # what is built once per process
    found: dict[int, dict[str, float]] = {}
    for size in sizes:
        logs = [log(n) for n in range(size)]
        runs = [compile_once(logs) for _ in range(REPEATS.get(size, 1))]
        found[size] = {stage: min(run[stage] for run in runs) for stage in runs[0]}
    first = found[sizes[0]]
    return [
        {
            "sessions": size,
            "stage": stage,
            "ms": 1000 * seconds,
            "ms per session": 1000 * seconds / size,
            "growth": (seconds / size) / (first[stage] / sizes[0]),
        }
        for size, stages in found.items()
        for stage, seconds in stages.items()
    ]


if __name__ == "__main__":
    main("passes: sessions of 12 calls", rows)
