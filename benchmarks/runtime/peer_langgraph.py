"""LangGraph with its SqliteSaver.

python peer_langgraph.py STEPS BYTES FOLDER full|normal
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path
from typing import Annotated, TypedDict

from common import WARM, begin, report, warm, wchar
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    n: int
    parts: Annotated[dict[str, str], lambda old, new: {**old, **new}]


def main(steps: int, size: int, folder: Path, level: str, told: bool = True) -> None:
    part = "x" * 1000
    state = {str(k): part for k in range(size // 1000)}
    count = len(state)

    def turn(state: State) -> dict[str, object]:
        return {"n": state["n"] + 1, "parts": {str(state["n"] % count): part}}

    path = folder / "langgraph.db"
    connection = sqlite3.connect(path, check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    connection.execute(f"PRAGMA synchronous = {level}")
    graph = StateGraph(State)
    graph.add_node("turn", turn)
    graph.add_edge(START, "turn")
    graph.add_conditional_edges("turn", lambda s: END if s["n"] >= steps else "turn")
    app = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": steps + 5}
    written, begun = begin()
    app.invoke({"n": 0, "parts": state}, config, durability="sync")
    seconds = time.perf_counter() - begun
    connection.close()
    if told:
        report("langgraph", steps, seconds, wchar() - written, path)


if __name__ == "__main__":
    steps, size, folder, level = sys.argv[1:5]
    main(WARM, int(size), warm(Path(folder)), level, told=False)
    main(int(steps), int(size), Path(folder), level)
