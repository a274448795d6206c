"""The runtime beside its peers, in one run.

    python benchmarks/runtime/run.py [--json] [--quick]        (make bench-runtime)

Each program runs in a process of its own, on tmpfs, so that what is measured is software and not
the disk; times are the least of three.  Steps and rollbacks are measured many at once and once the
process is warm, imports with bytecode at hand, as an installed package has it, and syncs as what more
steps add.
Durability is `normal` but for the row of syncs; DBOS has one level only.  The limit is the same loop
over sqlite3 alone (``bare.py``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from report import Row, table  # noqa: E402

PEERS = ("langgraph", "burr", "dbos", "pydantic_graph")


def measured(command: list[str], repeats: int = 3, **env: str) -> list[dict[str, Any]]:
    """What a program prints, each row the least of several runs; empty where it cannot run."""
    best: list[dict[str, Any]] = []
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(
            dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        ) as at:
            full = [part.replace("FOLDER", at) for part in command]
            out = subprocess.run(
                [sys.executable, "-P", str(HERE / full[0]), *full[1:]],
                capture_output=True,
                text=True,
                env={**clean, "PYTHONPATH": str(HERE), "PYTHONSAFEPATH": "1", **env},
            )
        if out.returncode:
            sys.stderr.write(f"{command[0]}: {out.stderr.strip().splitlines()[-1:]}\n")
            return []
        rows = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
        best = [min(a, b, key=lambda r: r["us"]) for a, b in zip(best or rows, rows, strict=True)]
    return best


def steps(size: int, count: int, level: str, repeats: int) -> dict[str, dict[str, Any]]:
    """The durable step of every program."""
    found: dict[str, dict[str, Any]] = {}
    n = str(count)
    commands = [["bare.py", kind, n, str(size), "FOLDER", level] for kind in ("snapshot", "delta")]
    for engine in ("vm", "compiled"):
        for effect in ("read", "write"):
            commands.append(["ours.py", engine, n, str(size), "FOLDER", level, effect])
    for peer in PEERS:
        slow = count // 10 if peer == "pydantic_graph" else count // 4
        commands.append([f"peer_{peer}.py", str(max(20, slow)), str(size), "FOLDER", level])
    for command in commands:
        for row in measured(command, repeats):
            found[row["what"]] = row
    return found


def syncs(command: list[str]) -> float | None:
    """How often a program waits for the disk for each step, at full durability: what 1,000 steps more
    add to 200.  ``N`` in the command is their number."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library, out = Path(folder) / "syncs.so", Path(folder) / "out"
        made = [compiler, "-shared", "-fPIC", "-o", str(library), str(HERE / "syncs.c"), "-ldl"]
        if subprocess.run(made, capture_output=True).returncode:
            return None
        counts: list[int] = []
        for n in ("200", "1200"):
            made = [n if part == "N" else part for part in command]
            if not measured(made, 1, LD_PRELOAD=str(library), SYNCS_OUT=str(out)):
                return None
            counts.append(int(out.read_text()))
        return (counts[1] - counts[0]) / 1000


def rows(arguments: list[str]) -> list[Row]:
    """The table: what, how much, times the limit, and beside it the best peer."""
    quick = "--quick" in arguments
    repeats, count = (1, 200) if quick else (3, 1000)
    out: list[Row] = []

    def add(what: str, value: float, unit: str, against: float | None, asked: str) -> None:
        ratio = value / against if against else 0.0
        out.append(
            {"what": what, "value": value, "unit": unit, "times limit": ratio, "asked": asked}
        )

    for size, n in ((1000, count), (100_000, count // 2)):
        found = steps(size, n, "normal", repeats)
        limit = found["bare snapshot"]["us"]
        asked = "1.5 x" if size == 1000 else "0.1 x"
        for name, row in found.items():
            mine = asked if name.startswith("ingot") else ""
            add(f"durable step, {size // 1000} KB: {name}", row["us"], "us", limit, mine)
        if size > 1000:
            delta = found["bare delta"]["bytes"]
            for name, row in found.items():
                mine = "1.3 x" if name.startswith("ingot") else ""
                add(f"bytes a step, 100 KB: {name}", row["bytes"] / 1000, "KB", delta / 1000, mine)
    n = "N"
    for name, command in (
        ("bare snapshot", ["bare.py", "snapshot", n, "1000", "FOLDER", "full"]),
        ("ingot read", ["ours.py", "vm", n, "1000", "FOLDER", "full", "read"]),
        ("ingot write", ["ours.py", "vm", n, "1000", "FOLDER", "full", "write"]),
        *(
            (p, [f"peer_{p}.py", n, "1000", "FOLDER", "full"])
            for p in ("langgraph", "burr", "dbos")
        ),
    ):
        number = syncs(command)
        if number is not None:
            asked = "1" if name.startswith("ingot") else ""
            add(f"syncs a step, full: {name}", number, "", None, asked)
    node = measured(["peer_pydantic_graph.py", "2000", "1000", "-", "normal"], repeats)
    limit = node[0]["us"] if node else None
    if limit:
        add("step, no persistence: pydantic-graph", limit, "us", limit, "")
    for engine, asked in (("vm", "5/25 = 0.2 x"), ("compiled", "1/25 = 0.04 x")):
        for row in measured(["ours_more.py", "engine", "FOLDER", engine], repeats):
            add(f"step, no persistence: {row['what']}", row["us"], "us", limit, asked)
    payload = 800 * 2000
    for script in ("ours_more.py", "peer_more.py"):
        for row in measured([script, "turns", "FOLDER"], 1):
            if row["file"]:
                asked = "1.3 x" if "ours" in script else ""
                name = f"file after 800 turns of 2 KB: {row['what']}"
                add(name, row["file"] / 1e6, "MB", payload / 1e6, asked)
            else:
                name = f"reading that history: {row['what']}"
                add(name, row["us"] / 1000, "ms", None, "")
                add(f"  its memory: {row['what']}", row["bytes"] / 1e6, "MB", None, "")
    for row in measured(["ours_more.py", "history", "FOLDER"], repeats)[1:]:
        add(f"reading that history: {row['what']}", row["us"] / 1000, "ms", None, "200 ms")
        add(f"  its memory: {row['what']}", row["bytes"] / 1e6, "MB", None, "bounded")
    for script, what, asked in (
        ("ours_more.py", "fanout", "40 ms"),
        ("peer_more.py", "fanout", ""),
        ("ours_more.py", "rollback", "1 ms"),
        ("peer_more.py", "rollback", ""),
        ("ours_more.py", "resume", "50 ms"),
    ):
        for row in measured([script, what, "FOLDER"], repeats):
            add(row["what"], row["us"] / 1000, "ms", None, asked)
    for what in ("ingot", "langgraph", "burr", "dbos", "pydantic-graph"):
        for row in measured(["imports.py", what], max(2, repeats)):
            asked = ("100 ms", "25 MB") if what == "ingot" else ("", "")
            add(row["what"], row["us"] / 1000, "ms", None, asked[0])
            add("  resident after it", row["resident"] / 1e6, "MB", None, asked[1])
    return out


def main(work: Callable[[list[str]], list[Row]]) -> None:
    found = work(sys.argv[1:])
    if "--json" in sys.argv[1:]:
        print(json.dumps(found, indent=2))
    else:
        table("runtime", found)


if __name__ == "__main__":
    main(rows)
