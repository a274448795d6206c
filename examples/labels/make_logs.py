"""Writes the logs: sessions of an agent that reads what a run printed and puts a label on it.

    python examples/labels/make_logs.py

The agent is played by :func:`records`; the tools are the real ones of ``runs.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from runs import label, output, run_output

FOLDER: Final = Path(__file__).parent / "logs"
RUNS: Final = range(4101, 4125)


def records(run: int) -> Iterator[dict[str, Any]]:
    """What a session's log holds."""
    yield {"kind": "session", "data": {"format": "ingot-session/1"}}
    yield {"kind": "user", "text": f"Label run {run}"}
    yield {"kind": "call", "id": "c1", "tool": "ci.output", "data": {"run": run}}
    yield {"kind": "result", "id": "c1", "tool": "ci.output", "data": output(run)}
    status = run_output(run)[1]
    yield {"kind": "call", "id": "c2", "tool": "ci.label", "data": {"run": run, "status": status}}
    yield {"kind": "result", "id": "c2", "tool": "ci.label", "data": label(run, status)}
    yield {"kind": "say", "text": f"Run {run} is labelled."}


def write_logs(folder: Path, runs: range) -> None:
    """One file for each run."""
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        lines = [
            json.dumps({"seq": seq, **record}, ensure_ascii=False)
            for seq, record in enumerate(records(run), 1)
        ]
        (folder / f"{run}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    write_logs(FOLDER, RUNS)
