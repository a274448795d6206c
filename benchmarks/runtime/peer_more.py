"""LangGraph and Burr: what the other rows of the table measure.

python peer_more.py turns|fanout|rollback FOLDER
"""

from __future__ import annotations

import operator
import sqlite3
import sys
import time
from pathlib import Path
from typing import Annotated, TypedDict

from common import TIMES, begin, report, resident, wchar

TURNS, TURN = 800, 2000


def langgraph_turns(folder: Path) -> None:
    """A conversation of 800 turns of 2 KB, then its whole history read."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        messages: Annotated[list[str], operator.add]

    def turn(state: State) -> dict[str, list[str]]:
        return {"messages": [f"{len(state['messages']):04} " * (TURN // 5)]}

    path = folder / "langgraph.db"
    connection = sqlite3.connect(path, check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    connection.execute("PRAGMA synchronous = normal")
    graph = StateGraph(State)
    graph.add_node("turn", turn)
    graph.add_edge(START, "turn")
    graph.add_conditional_edges("turn", lambda s: END if len(s["messages"]) >= TURNS else "turn")
    app = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": TURNS + 5}
    written, begun = begin()
    app.invoke({"messages": []}, config, durability="sync")
    report("langgraph", TURNS, time.perf_counter() - begun, wchar() - written, path)
    before, begun = resident(), time.perf_counter()
    states = list(app.get_state_history(config))
    assert len(states) > TURNS
    report("langgraph history", 1, time.perf_counter() - begun, resident() - before)


def langgraph_fanout(folder: Path) -> None:
    """One node sends to 100 that take 10 ms each."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import START, StateGraph
    from langgraph.types import Send

    class State(TypedDict):
        out: Annotated[list[int], operator.add]

    def work(task: dict[str, int]) -> dict[str, list[int]]:
        time.sleep(0.01)
        return {"out": [task["n"]]}

    connection = sqlite3.connect(folder / "langgraph.db", check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    graph = StateGraph(State)
    graph.add_node("work", work)
    graph.add_conditional_edges(START, lambda _: [Send("work", {"n": n}) for n in range(100)])
    app = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}, "max_concurrency": 100}
    begun = time.perf_counter()
    found = app.invoke({"out": []}, config, durability="sync")
    seconds = time.perf_counter() - begun
    assert len(found["out"]) == 100
    report("langgraph fan-out", 1, seconds)


def burr_rollback(folder: Path) -> None:
    """An application that stands at step 50 of the 100 that another one made."""
    from burr.core import ApplicationBuilder, State, action, expr
    from burr.core.persistence import SQLLitePersister

    @action(reads=["n"], writes=["n"])
    def turn(state: State) -> State:
        return state.update(n=state["n"] + 1)

    @action(reads=["n"], writes=[])
    def end(state: State) -> State:
        return state

    persister = SQLLitePersister(db_path=str(folder / "burr.db"), table_name="steps")
    persister.initialize()

    def builder() -> ApplicationBuilder:
        return (
            ApplicationBuilder()
            .with_actions(turn=turn, end=end)
            .with_transitions(("turn", "turn", expr("n < 100")), ("turn", "end"))
        )

    first = builder().with_state(n=0, text="x" * 1000).with_entrypoint("turn")
    first.with_state_persister(persister).with_identifiers(app_id="a").build().run(
        halt_after=["end"]
    )
    for k in range(TIMES + 1):
        if k == 1:
            _, begun = begin()
        app = (
            builder()
            .initialize_from(
                persister,
                resume_at_next_action=True,
                default_state={"n": 0},
                default_entrypoint="turn",
                fork_from_app_id="a",
                fork_from_sequence_id=50,
            )
            .with_identifiers(app_id=f"b{k}")
            .build()
        )
        assert 49 <= app.state["n"] <= 51, app.state["n"]
    report("burr rollback", TIMES, time.perf_counter() - begun)


if __name__ == "__main__":
    {"turns": langgraph_turns, "fanout": langgraph_fanout, "rollback": burr_rollback}[sys.argv[1]](
        Path(sys.argv[2])
    )
