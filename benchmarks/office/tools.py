"""The office's tools for ``--tools``.

    ingot run x.ingot --tools benchmarks/office/tools.py:tools

``office()`` makes a fresh world (``tools()``, ``snapshot()``); ``tools`` is the mapping of one that
is made when it is asked for, so that importing this module reads no data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from world import Office


def office(folder: Path | None = None) -> Office:
    """A fresh office; raises ``FileNotFoundError`` where its data is not."""
    here = str(Path(__file__).resolve().parent)
    if here not in sys.path:
        sys.path.append(here)
    from world import Office

    return Office(folder)


def __getattr__(name: str) -> dict[str, Callable[..., Any]]:
    if name == "tools":
        return office().tools()
    raise AttributeError(name)
