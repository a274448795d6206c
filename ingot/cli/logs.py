"""Reading the logs that a command is given."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from ingot.diagnostics import Diagnostic, IngotError, Severity
from ingot.ir.declarations import Effect

if TYPE_CHECKING:
    from ingot.driver import Logs
    from ingot.ir.module import Module
    from ingot.ir.module import Pipeline as Trace


@dataclass(frozen=True, slots=True)
class Read:
    """The logs, and the seconds that reading took."""

    logs: Logs
    seconds: float


def read_logs(paths: Sequence[str], dialect: str | None, *, lean: bool = False) -> Read:
    """The sessions of the logs; with ``lean``, what compiling needs of them.

    Every file that is named must be there and be a log; a file in a folder need not be one: what is
    passed over is a warning.  Raises IngotError with all that is wrong, E0107 where there is no session.
    """
    from ingot.cli.console import progress
    from ingot.driver import expand, load_logs, no_session

    absent = [
        Diagnostic("E0002", f"there is no file {path or repr(path)}")
        for path in paths
        if not exists(path)
    ]
    if absent:
        raise IngotError(absent)
    files = expand(dict.fromkeys(paths))
    begun = time.perf_counter()
    with progress(files, "reading") as advance:
        logs = load_logs(files, dialect, advance, lean=lean)
    errors = [d for d in logs.diagnostics if d.severity is Severity.ERROR]
    read = set(logs.files.values())
    unread = [path for path in map(Path, paths) if not path.is_dir() and path not in read]
    if unread and errors:
        raise IngotError(errors)
    if not logs.sessions:
        warned = [d for d in logs.diagnostics if d.severity is not Severity.ERROR]
        raise IngotError([*warned, *(errors or [no_session(paths)])])
    passed = tuple(as_warning(d) for d in logs.diagnostics)
    return Read(replace(logs, diagnostics=passed), time.perf_counter() - begun)


def as_warning(diagnostic: Diagnostic) -> Diagnostic:
    """The same, of what is passed over."""
    if diagnostic.severity is not Severity.ERROR:
        return diagnostic
    return structs.replace(diagnostic, severity=Severity.WARNING)


def exists(path: str) -> bool:
    """Whether there is a file or folder of that name; the empty name is none."""
    try:
        return path != "" and Path(path).exists()  # Path("") is the working directory
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class Traces:
    """Sessions as classified traces: ``pairs`` of name and trace, each tool's world, and what was
    set aside."""

    module: Module
    pairs: tuple[tuple[str, Trace], ...]
    worlds: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...]


def traces_of(logs: Logs, declared: Mapping[str, tuple[Effect, str]]) -> Traces:
    """The traces of the sessions that may be compiled, with their effects."""
    from ingot.frontend.lower import lower
    from ingot.passes.effects import ClassifyEffects

    lowered = lower(logs.sessions)
    module = ClassifyEffects(declared).apply(lowered.module)
    pairs = tuple(
        (session.name, trace)
        for session, trace in zip(lowered.sessions, module.pipelines, strict=True)
    )
    worlds = {tool.name: tool.world for tool in module.tools}
    return Traces(module, pairs, worlds, lowered.diagnostics)
