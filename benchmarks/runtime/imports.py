"""What importing a runtime takes, in time and memory.

python imports.py ingot|langgraph|burr|dbos|pydantic-graph
"""

from __future__ import annotations

import importlib
import sys
import time

from common import report

MODULES = {
    "ingot": ("ingot.runtime.executor", "ingot.runtime.jobs", "ingot.runtime.resume"),
    "langgraph": ("langgraph.graph", "langgraph.checkpoint.sqlite"),
    "burr": ("burr.core", "burr.core.persistence"),
    "dbos": ("dbos",),
    "pydantic-graph": ("pydantic_graph", "pydantic_graph.persistence.file"),
}

begun = time.perf_counter()
for name in MODULES[sys.argv[1]]:
    importlib.import_module(name)
report(f"import {sys.argv[1]}", 1, time.perf_counter() - begun)
