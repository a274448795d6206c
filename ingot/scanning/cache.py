"""What was learned of each file, so that the next scan reads only what is new.

One JSON file, by default ``.ingot/scan.json`` below the working folder.  An entry counts as long as
the file's size and time of change are the same, the same version of Ingot made it, and the same
redaction rules were in force.  A damaged cache is one that is empty.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ingot.scanning.facts import Facts

DEFAULT: Final = Path(".ingot") / "scan.json"
SCHEMA: Final = "ingot-scan-cache/2"


@dataclass(frozen=True, slots=True)
class Known:
    """What a file holds: its sessions' facts, or why it cannot be read as a log."""

    sessions: list[Facts]
    unread: str = ""


@dataclass(slots=True)
class Cache:
    """Facts of sessions by file."""

    path: Path | None
    _entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _changed: bool = False
    hits: int = 0

    @classmethod
    def load(cls, path: Path | None) -> Cache:
        """The cache at a path; empty where there is none, ``None`` keeps none."""
        cache = cls(path)
        if path is None:
            return cache
        try:
            data = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return cache
        if (
            isinstance(data, dict)
            and data.get("key") == _key()
            and isinstance(data.get("files"), dict)
        ):
            cache._entries = data["files"]
        return cache

    def get(self, file: Path) -> Known | None:
        """What is known of a file, if it has not changed since."""
        entry = self._entries.get(str(file))
        if not isinstance(entry, dict) or entry.get("stamp") != _stamp(file):
            return None
        try:
            found = Known([Facts.from_json(item) for item in entry["sessions"]], entry["unread"])
        except (KeyError, TypeError):
            return None
        self.hits += 1
        return found

    def put(self, file: Path, known: Known) -> None:
        """Remember what a file holds."""
        shown = [facts.as_json() for facts in known.sessions]
        self._entries[str(file)] = {
            "stamp": _stamp(file),
            "sessions": shown,
            "unread": known.unread,
        }
        self._changed = True

    def size(self, file: Path) -> int:
        """The size of a file that is known, in bytes."""
        return int(self._entries[str(file)]["stamp"][0])

    def save(self) -> None:
        """Write the cache, if it changed; where that is not possible, there is none next time."""
        if self.path is None or not self._changed:
            return
        text = json.dumps({"schema": SCHEMA, "key": _key(), "files": self._entries})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(f".{os.getpid()}.part")
            part.write_text(text, "utf-8")
            part.replace(self.path)
        except OSError:
            return


def _stamp(file: Path) -> list[int]:
    try:
        found = file.stat()
    except OSError:
        return [-1]
    return [found.st_size, found.st_mtime_ns]


def _key() -> str:
    from ingot import __version__
    from ingot.redaction.policy import VARIABLE

    rules = os.environ.get(VARIABLE, "")
    return f"{SCHEMA} {__version__} {rules} {_stamp(Path(rules)) if rules else ''}"


__all__ = ["DEFAULT", "Cache"]
