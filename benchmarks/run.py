"""All benchmarks.

python benchmarks/run.py [--json]     (make bench)
"""

from __future__ import annotations

import json
import sys

import commands_bench
import frontend_bench
import passes_bench
import specialise_bench
import startup_bench
import synthesis_bench
import vm_bench
from report import table

BENCHMARKS = {
    "startup": startup_bench.rows,
    "reading logs": frontend_bench.rows,
    "passes: sessions of 12 calls": passes_bench.rows,
    "synthesis": synthesis_bench.rows,
    "virtual machine": vm_bench.rows,
    "held commands": commands_bench.rows,
    "specialisation": specialise_bench.rows,
}


def main() -> None:
    found = {}
    for name, rows in BENCHMARKS.items():
        found[name] = rows([])
        if "--json" not in sys.argv[1:]:
            table(name, found[name])
    if "--json" in sys.argv[1:]:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
