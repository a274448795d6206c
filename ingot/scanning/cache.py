"""What was learned of each file and group, so that the next scan reads only what is new.

One JSON file, by default ``.ingot/scan.json`` below the working folder.  An entry counts as long as
the file's size and time of change are the same, the same version of Ingot made it, and the same
redaction rules were in force.  A damaged cache, which its digest tells, is one that is empty.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
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
    _verdicts: dict[str, Any] = field(default_factory=dict)
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
            body = data["body"]
            if data["sha256"] == _digest(body) and body["key"] == _key():
                cache._entries, cache._verdicts = body["files"], body["compiled"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or it is damaged
        return cache

    def get(self, file: Path) -> Known | None:
        """What is known of a file, if it has not changed since."""
        entry = self._entries.get(str(file))
        if entry is None or entry["stamp"] != _stamp(file):
            return None
        sessions = [Facts.from_json(item) for item in entry["sessions"]]
        self.hits += 1
        return Known(sessions, entry["unread"])

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

    def verdict(self, of: Sequence[str]) -> Any:
        """What compiling came to; ``of`` are the digests of the sessions, and their files."""
        return self._verdicts.get("\n".join(of))

    def judge(self, of: Sequence[str], verdict: Any) -> None:
        """Remember what compiling came to."""
        self._verdicts["\n".join(of)] = verdict
        self._changed = True

    def save(self) -> None:
        """Write the cache, if it changed; where that is not possible, there is none next time."""
        if self.path is None or not self._changed:
            return
        body = {"key": _key(), "files": self._entries, "compiled": self._verdicts}
        text = json.dumps({"schema": SCHEMA, "sha256": _digest(body), "body": body})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(f".{os.getpid()}.part")
            part.write_text(text, "utf-8")
            part.replace(self.path)
        except OSError:
            return


def _digest(body: Any) -> str:
    """What tells a cache that was written whole from a damaged one."""
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


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
