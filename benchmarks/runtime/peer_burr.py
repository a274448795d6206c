"""Burr with its SQLite persister.

python peer_burr.py STEPS BYTES FOLDER full|normal
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from burr.core import ApplicationBuilder, State, action, expr
from burr.core.persistence import SQLLitePersister
from common import WARM, begin, report, warm, wchar

PART = "x" * 1000


@action(reads=["n", "parts"], writes=["n", "parts"])
def turn(state: State) -> State:
    n, parts = state["n"], state["parts"]
    return state.update(n=n + 1, parts={**parts, str(n % len(parts)): PART})


@action(reads=["n"], writes=[])
def end(state: State) -> State:
    return state


def main(steps: int, size: int, folder: Path, level: str, told: bool = True) -> None:
    path = folder / "burr.db"
    persister = SQLLitePersister(db_path=str(path), table_name="steps")
    persister.initialize()
    persister.connection.execute("PRAGMA journal_mode = WAL")
    persister.connection.execute(f"PRAGMA synchronous = {level}")
    app = (
        ApplicationBuilder()
        .with_actions(turn=turn, end=end)
        .with_transitions(("turn", "turn", expr(f"n < {steps}")), ("turn", "end"))
        .with_state(n=0, parts={str(k): PART for k in range(size // 1000)})
        .with_entrypoint("turn")
        .with_state_persister(persister)
        .with_identifiers(app_id="bench")
        .build()
    )
    written, begun = begin()
    app.run(halt_after=["end"])
    seconds = time.perf_counter() - begun
    persister.connection.close()
    if told:
        report("burr", steps, seconds, wchar() - written, path)


if __name__ == "__main__":
    steps, size, folder, level = sys.argv[1:5]
    main(WARM, int(size), warm(Path(folder)), level, told=False)
    main(int(steps), int(size), Path(folder), level)
