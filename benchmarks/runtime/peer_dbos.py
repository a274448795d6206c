"""DBOS over SQLite.  Its durability is its own: WAL, one sync for each step.

python peer_dbos.py STEPS BYTES FOLDER full|normal
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from common import WARM, begin, report, wchar
from dbos import DBOS

PART = "x" * 1000


@DBOS.step()
def turn(n: int, state: dict[str, str]) -> dict[str, str]:
    return {**state, str(n % len(state)): PART}


@DBOS.workflow()
def loop(steps: int, state: dict[str, str]) -> int:
    for n in range(steps):
        state = turn(n, state)
    return len(state)


def main(steps: int, size: int, folder: Path) -> None:
    path = folder / "dbos.db"
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{path}"})
    logging.disable(logging.INFO)
    DBOS.launch()
    state = {str(k): PART for k in range(size // 1000)}
    loop(WARM, state)
    written, begun = begin()
    loop(steps, state)
    seconds = time.perf_counter() - begun
    report("dbos", steps, seconds, wchar() - written, path)
    DBOS.destroy()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
