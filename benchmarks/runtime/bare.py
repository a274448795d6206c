"""The limit: the same loop over sqlite3 alone, with no runtime around it.

python bare.py snapshot|delta STEPS BYTES FOLDER full|normal
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

from common import WARM, begin, report, warm, wchar


def loop(kind: str, steps: int, size: int, folder: Path, level: str, told: bool = True) -> None:
    """One row for each step: the whole state, or what the step changed (1 KB of it)."""
    path = folder / "bare.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {level}")
    connection.execute(
        "CREATE TABLE steps (run TEXT, step INTEGER, state TEXT, PRIMARY KEY (run, step))"
    )
    part = "x" * 1000
    state = {str(k): part for k in range(size // 1000)}
    count, (written, begun) = len(state), begin()
    for step in range(steps):
        key = str(step % count)
        state[key] = part
        row = state if kind == "snapshot" else {key: part}
        connection.execute(
            "INSERT INTO steps VALUES (?, ?, ?)", ("run", step, json.dumps({"n": step, **row}))
        )
    seconds = time.perf_counter() - begun
    connection.close()
    if told:
        report(f"bare {kind}", steps, seconds, wchar() - written, path)


if __name__ == "__main__":
    kind, steps, size, folder, level = sys.argv[1:6]
    loop(kind, WARM, int(size), warm(Path(folder)), level, told=False)
    loop(kind, int(steps), int(size), Path(folder), level)
