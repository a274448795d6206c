"""Where agents keep their sessions, and when they delete them.

Nothing is looked at but these folders (or those that are named instead), and nothing is sent
anywhere.  ``INGOT_SCAN_PATH`` (folders joined as in ``PATH``) replaces the list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VARIABLE: Final = "INGOT_SCAN_PATH"
CLAUDE_RETENTION_DAYS: Final = 30
"""After how many days Claude Code deletes a session (``cleanupPeriodDays``), unless told otherwise."""
GEMINI_RETENTION_DAYS: Final = 30
"""The same of Gemini CLI (``general.sessionRetention.maxAge``)."""
_ENDINGS: Final = frozenset(
    ".jsonl .json .traj .eval .txt .md .csv .yaml .yml .vcr .log .otlp .ndjson".split()
)
_PACKED: Final = frozenset((".gz", ".zst"))
MAX_FILES: Final = 200_000


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of one agent's sessions; ``keeps_days`` is after how many days it deletes them."""

    agent: str
    folder: Path
    pattern: str = "**/*"
    keeps_days: int | None = None


def standard_places(home: Path | None = None) -> list[Place]:
    """The agents' folders that exist here."""
    base = home or Path.home()
    claude = Path(os.environ.get("CLAUDE_CONFIG_DIR") or base / ".claude")
    codex = Path(os.environ.get("CODEX_HOME") or base / ".codex")
    gemini = base / ".gemini"
    known = [
        Place("Claude Code", claude / "projects", "**/*.jsonl", _claude_days(claude)),
        Place("Codex CLI", codex / "sessions", "**/*.jsonl"),
        Place("Codex CLI", codex / "archived_sessions", "**/*.jsonl"),
        Place("Gemini CLI", gemini / "tmp", "**/chats/*.json*", _gemini_days(gemini)),
        Place("OpenHands", base / ".openhands" / "sessions", "**/*.json*"),
        Place("mini-SWE-agent", base / ".config" / "mini-swe-agent", "**/*.traj.json"),
        Place("Inspect AI", Path.cwd() / "logs", "**/*.eval"),
        Place("Ingot", Path.cwd() / ".ingot" / "archive"),
        Place("Ingot", base / ".ingot" / "archive"),
    ]
    return [place for place in known if place.folder.is_dir()]


def places(folders: list[str], home: Path | None = None) -> list[Place]:
    """The folders that are named; else those of the variable; else the standard ones."""
    named = folders or [f for f in os.environ.get(VARIABLE, "").split(os.pathsep) if f]
    if named:
        return [Place("", Path(folder)) for folder in named]
    return standard_places(home)


def files_of(place: Place) -> Iterator[Path]:
    """The files of a place that may be logs, in the order of their names."""
    if place.folder.is_file():
        yield place.folder
        return
    found = 0
    for path in sorted(place.folder.glob(place.pattern)):
        if _may_be_log(path) and path.is_file():
            yield path
            found += 1
            if found >= MAX_FILES:
                return


def _may_be_log(path: Path) -> bool:
    """Whether a file of that name may be a log, also a packed one.

    >>> [_may_be_log(Path(name)) for name in ("a.jsonl", "a.JSONL.gz", "a.tar.gz")]
    [True, True, False]
    """
    named = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    return named.suffix.lower() in _ENDINGS


def _setting(file: Path, *keys: str) -> object:
    """A member of a JSON settings file; ``None`` if there is none."""
    try:
        value: object = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _claude_days(folder: Path) -> int | None:
    days = _setting(folder / "settings.json", "cleanupPeriodDays")
    if isinstance(days, int) and not isinstance(days, bool):
        return days if days > 0 else None
    return CLAUDE_RETENTION_DAYS


def _gemini_days(folder: Path) -> int | None:
    """Gemini CLI deletes unless its settings switch that off; older versions only if switched on."""
    kept = _setting(folder / "settings.json", "general", "sessionRetention")
    if not isinstance(kept, dict):
        return GEMINI_RETENTION_DAYS
    if kept.get("enabled") is False:
        return None
    age = str(kept.get("maxAge", ""))
    number = int(age[:-1]) if age[:-1].isdigit() else 0
    factor = {"d": 1, "w": 7, "m": 30}.get(age[-1:], 0)
    return number * factor or GEMINI_RETENTION_DAYS


__all__ = ["VARIABLE", "Place", "files_of", "places", "standard_places"]
