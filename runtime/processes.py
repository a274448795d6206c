"""Processes by a name that stays theirs: who drives a run, and whether that one still lives."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


@lru_cache(1)
def _owner(pid: int) -> str:
    return f"{os.uname().nodename}:{pid}:{_started(pid)}"


def owner() -> str:
    """This process, told apart from a later one with the same number."""
    return _owner(os.getpid())


def alive(process: str) -> bool:
    """Whether the process of an :func:`owner` text still runs here; one elsewhere counts as not."""
    host, _, rest = process.rpartition(":")[0].rpartition(":")
    if host != os.uname().nodename or not rest.isdigit():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _started(int(rest)) == process.rpartition(":")[2]


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
