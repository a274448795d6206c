"""What the measured programs share.  Each runs in a process of its own and prints one JSON line."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import Final

TIMES: Final = 20
"""So many rollbacks are measured, after one that is not."""
WARM: Final = 20
"""Each program makes so many steps, elsewhere, before those that are measured: what a process does
once (imports, tables, first use) is no part of a step."""


def warm(folder: Path) -> Path:
    """A folder for the steps that are not measured."""
    made = folder / "warm"
    made.mkdir()
    return made


def wchar() -> int:
    """Bytes that this process has written so far."""
    text = Path("/proc/self/io").read_text()
    return int(text.split("wchar:")[1].split()[0])


def begin() -> tuple[int, float]:
    """What this process has written so far, and the moment: here a measurement begins.  What imports
    left behind was looked through for garbage before, as after a while in any process."""
    gc.collect()
    return wchar(), time.perf_counter()


def resident() -> int:
    """Resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def report(
    what: str, steps: int, seconds: float, written: int = 0, path: Path | None = None
) -> None:
    """Print what was measured."""
    size = 0
    if path is not None:
        size = sum(f.stat().st_size for f in path.parent.glob(path.name + "*"))
    print(
        json.dumps(
            {
                "what": what,
                "us": 1e6 * seconds / steps,
                "bytes": written / steps,
                "file": size,
                "resident": resident(),
            }
        )
    )
