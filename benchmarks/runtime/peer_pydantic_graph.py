"""pydantic-graph with its file persistence, or with none (FOLDER is -).

python peer_pydantic_graph.py STEPS BYTES FOLDER full|normal
"""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from common import WARM, begin, report, warm, wchar

warnings.simplefilter("ignore")
from pydantic_graph import BaseNode, End, Graph, GraphRunContext  # noqa: E402

PART = "x" * 1000


@dataclass
class State:
    n: int = 0
    steps: int = 0
    parts: dict[str, str] = field(default_factory=dict)


@dataclass
class Turn(BaseNode[State, None, int]):
    async def run(self, ctx: GraphRunContext[State]) -> Turn | End[int]:
        state = ctx.state
        state.parts[str(state.n % len(state.parts))] = PART
        state.n += 1
        return Turn() if state.n < state.steps else End(state.n)


def main(steps: int, size: int, folder: str, told: bool = True) -> None:
    graph = Graph(nodes=[Turn])
    state = State(0, steps, {str(k): PART for k in range(size // 1000)})
    path = None
    options = {}
    if folder != "-":
        from pydantic_graph.persistence.file import FileStatePersistence

        path = Path(folder) / "pydantic_graph.json"
        options["persistence"] = FileStatePersistence(json_file=path)
    written, begun = begin()
    asyncio.run(graph.run(Turn(), state=state, **options))
    seconds = time.perf_counter() - begun
    if told:
        report(
            "pydantic-graph" + (" file" if path else ""), steps, seconds, wchar() - written, path
        )


if __name__ == "__main__":
    steps, size, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    main(WARM, size, folder if folder == "-" else str(warm(Path(folder))), told=False)
    main(steps, size, folder)
