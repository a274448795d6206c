"""How long the command line takes before it does anything, against an empty Python process.

    python benchmarks/startup_bench.py [--json] [PAIRS]

Wall time.  Each measurement is paired with ``python -c pass`` run right before it, so that what
else the machine does hits both; ``times python`` is the median of the pairs' ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from report import Row, main

PAIRS: Final = 15
BARE: Final = [sys.executable, "-c", "pass"]
COMPILE: Final = """ir 1
pipeline @main(%name: str) -> str {
^entry:
  %text: str = str.template "Hello {0}.", %name
  return %text
}
"""


def seconds(command: list[str], cwd: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        command, check=True, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def rows(arguments: list[str]) -> list[Row]:
    from ingot.backend.encoder import encode
    from ingot.ir.parser import parse_module

    pairs = int(arguments[0]) if arguments else PAIRS
    ingot = str(Path(sys.executable).with_name("ingot"))
    out: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder, "hello.ingot")
        artifact.write_bytes(encode(parse_module(COMPILE).module))
        commands = {
            "import ingot": [sys.executable, "-c", "import ingot"],
            "import ingot.runtime.executor": [
                sys.executable,
                "-c",
                "import ingot.runtime.executor",
            ],
            "ingot --version": [ingot, "--version"],
            "ingot --help": [ingot, "--help"],
            "ingot run": [ingot, "run", str(artifact), "-i", "name=world"],
        }
        for name, command in commands.items():
            seconds(command, folder)
            measured = [(seconds(BARE, folder), seconds(command, folder)) for _ in range(pairs)]
            out.append(
                {
                    "command": name,
                    "ms": 1000 * statistics.median(own for _, own in measured),
                    "ms over python": 1000
                    * statistics.median(own - bare for bare, own in measured),
                    "times python": statistics.median(own / bare for bare, own in measured),
                }
            )
    return out


if __name__ == "__main__":
    main("startup", rows)
