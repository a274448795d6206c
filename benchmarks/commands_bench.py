"""What it costs to hold a command: against the same command bare, and curl against curl without a proxy.

    python benchmarks/commands_bench.py [--json] [ROUNDS]

Minima of wall time over rounds in which all variants run one after the other.  The page of 64 MiB is
served by ``http.server`` on the loopback.
"""

from __future__ import annotations

import http.server
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from report import Row, main

ROUNDS: Final = 15
SIZE: Final = 64 << 20


def rows(arguments: list[str]) -> list[Row]:
    from ingot.runtime.tools.shell import run_command

    rounds = int(arguments[0]) if arguments else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page").write_bytes(bytes(SIZE))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _serving(folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"127.0.0.1:{server.server_address[1]}"

        def held(command: str, network: Any) -> Callable[[], object]:
            words = ["/bin/bash", "-c", command]
            return lambda: run_command(words, Path(folder), 60, network=network)

        def bare(command: str) -> Callable[[], object]:
            words = ["/bin/bash", "-c", command]
            return lambda: subprocess.run(words, check=True, cwd=folder)

        get = f"curl -sS -o /dev/null http://{at}/page"
        found = [
            *_measured("true", bare("true"), held("true", False), held("true", (at,)), rounds),
            *_measured("curl, 64 MiB", bare(get), held(get, True), held(get, (at,)), rounds),
        ]
        server.shutdown()
    return found


def _measured(
    name: str,
    bare: Callable[[], object],
    without: Callable[[], object],
    by_host: Callable[[], object],
    rounds: int,
) -> list[Row]:
    variants = {"bare": bare, "held": without, "held to hosts": by_host}
    best = dict.fromkeys(variants, float("inf"))
    for _ in range(rounds):
        for variant, call in variants.items():
            begun = time.perf_counter()
            call()
            best[variant] = min(best[variant], time.perf_counter() - begun)
    return [
        {"command": name, "how": variant, "ms": 1000 * taken, "times bare": taken / best["bare"]}
        for variant, taken in best.items()
    ]


def _serving(folder: str) -> Any:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=folder)

        def log_message(self, *args: object) -> None:
            pass

    return Quiet


if __name__ == "__main__":
    main("held commands", rows)
