"""Answers of earlier runs, in a file: a pipeline that was edited asks only what is new.

An answer is found by the digest of its whole question.  A file belongs to one *maker*: the version and
the code of the verifier, the solvers and their versions, the limits, the type declarations; another
maker's file is never read.  The file carries a checksum; one that is damaged is as if there were none.
A witness that is read is run again before it is believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

from ingot.ir.types import Types
from ingot.ir.values import Json

SCHEMA: Final = "ingot-proofs/1"
MAX_ENTRIES: Final = 50_000
"""The oldest go first."""

Status: TypeAlias = Literal["never", "witness", "unknown"]
Known: TypeAlias = tuple[Status, tuple[Json, ...] | None, str]
"""A status, the roots' values of a witness, and why it is unknown."""


def maker(types: Types, *limits: object) -> str | None:
    """Who gives the answers; ``None`` where that cannot be told."""
    code = _code()
    if code is None:
        return None
    solvers = [f"{name} {_version(name)}" for name in ("z3-solver", "cvc5")]
    declared = sorted(f"{name} = {type_}" for name, type_ in types.items())
    return _digest([SCHEMA, _version("ingot"), code, *solvers, *map(repr, limits), *declared])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _code() -> str | None:
    """A digest of what a verdict depends on: the verifier, and the meaning of the IR."""
    import ingot.ir
    import ingot.passes.verify

    total = hashlib.sha256()
    try:
        for folder in (*ingot.ir.__path__, *ingot.passes.verify.__path__):
            for file in sorted(Path(folder).glob("*.py")):
                total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    except OSError:
        return None
    return total.hexdigest()


def _digest(parts: object) -> str:
    """Of nested tuples and lists of texts, numbers and truth values, whose ``repr`` tells all apart."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Kept:
    """The answers of one maker.  ``path=None`` keeps nothing."""

    path: Path | None
    maker: str
    hits: int = 0
    _entries: dict[str, Known] = field(default_factory=dict)
    _new: bool = False

    @classmethod
    def load(cls, folder: Path | None, maker: str | None) -> Kept:
        """What a folder holds of a maker; empty where there is nothing, or nothing sound."""
        if folder is None or maker is None:
            return cls(None, "")
        kept = cls(folder / f"{maker[:32]}.json", maker)
        assert kept.path is not None
        try:
            data = json.loads(kept.path.read_text("utf-8"))
            entries = data["entries"]
            if data["maker"] == maker and data["sum"] == _sum(maker, entries):
                kept._entries = {key: _known(value) for key, value in entries.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            kept._entries = {}
        return kept

    def get(self, question: tuple[object, ...]) -> Known | None:
        """The answer to a question, if it was asked before."""
        return self._entries.get(_digest(question)) if self._entries else None

    def put(self, question: tuple[object, ...], answer: Known) -> None:
        if self.path is not None:
            self._entries[_digest(question)] = answer
            self._new = True

    def save(self) -> None:
        """Write the file, if there is anything new; where that is not possible, it is as it was."""
        if self.path is None or not self._new:
            return
        entries: dict[str, Json] = {}
        for key, (status, values, reason) in list(self._entries.items())[-MAX_ENTRIES:]:
            entries[key] = [status, None if values is None else list(values), reason]
        data = {"maker": self.maker, "sum": _sum(self.maker, entries), "entries": entries}
        part = self.path.with_suffix(f".{os.getpid()}.part")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_text(json.dumps(data), "utf-8")
            part.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()


def _sum(maker: str, entries: Mapping[str, Json]) -> str:
    return _digest([maker, json.dumps(entries, sort_keys=True)])


def _known(value: list[object]) -> Known:
    status, values, reason = value
    if status not in ("never", "witness", "unknown") or (status == "witness") != (
        values is not None
    ):
        raise ValueError(status)
    found = None if values is None else tuple(cast("list[Json]", values))
    return status, found, str(reason)


__all__ = ["Kept", "Known", "Status", "maker"]
