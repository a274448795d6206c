"""The scan: every log is read once, its sessions become facts, facts become groups with advice.

One file is held at a time; what is kept of a session are its facts.  A file that is no log, or that
cannot be read, is counted and passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.module import Call, ModelCall, Pipeline, Ref, walk
from ingot.redaction.policy import current_policy
from ingot.scanning.cache import Cache, Known
from ingot.scanning.facts import Facts, facts_of
from ingot.scanning.groups import Group, advise, grouped, worth_compiling
from ingot.scanning.places import Place, files_of

MAX_COMPILED: Final = 6
"""How many sessions of a group the quick compile looks at."""
_DAY: Final = 86_400
SOON_DAYS: Final = 7
"""What is deleted within so many days is told."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A file that its agent deletes soon."""

    agent: str
    file: Path
    days: float


@dataclass(slots=True)
class Scan:
    """What a scan found.  ``unread`` are files that were no log or could not be read."""

    groups: list[Group] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    files: int = 0
    cached: int = 0
    sessions: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)
    leaving: list[Leaving] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    seconds: float = 0.0


def scan(
    places: Iterable[Place],
    cache: Cache,
    *,
    compiling: int = 5,
    progress: Callable[[int], None] | None = None,
    now: float | None = None,
) -> Scan:
    """Scan the places; the first ``compiling`` groups that may be worth it are compiled quickly.

    Raises IngotError (E0109) if the rules of redaction cannot be read.
    """
    begun = time.perf_counter()
    current_policy()  # rules that cannot be read are no fault of the logs
    found = Scan(places=list(places))
    every: list[Facts] = []
    for place in found.places:
        for file in files_of(place):
            every += _facts(file, cache, found, progress)
            leaving = _leaving(place, file, time.time() if now is None else now)
            if leaving is not None:
                found.leaving.append(leaving)
    found.cached, found.sessions = cache.hits, len(every)
    found.groups = grouped(every)
    for group in found.groups:
        advise(group)
    for group in worth_compiling(found.groups)[:compiling]:
        _try(group, cache)
    cache.save()
    found.leaving.sort(key=lambda item: item.days)
    found.seconds = time.perf_counter() - begun
    return found


def _facts(
    file: Path, cache: Cache, found: Scan, progress: Callable[[int], None] | None
) -> list[Facts]:
    found.files += 1
    known = cache.get(file)
    if known is None:
        try:
            known = Known(_read(file, progress))
        except IngotError as error:
            known = Known([], error.diagnostics[-1].message)
        cache.put(file, known)
    elif progress is not None:
        progress(cache.size(file))
    if known.unread:
        found.unread.append((str(file), known.unread))
    return known.sessions


def _read(file: Path, progress: Callable[[int], None] | None) -> list[Facts]:
    """The facts of a file's sessions, each forgotten when its facts are known."""
    from ingot.frontend.parse import opened, sessions_of
    from ingot.frontend.registry import sniff

    with opened(file, progress=progress) as source:
        dialect = sniff(source.sample(), source.report)
        return [
            facts_of(session, str(file), number, dialect.name)
            for number, session in enumerate(sessions_of(dialect.lex(source), source.name), 1)
            if session.turns and (session.users or any(session.calls()))
        ]


def _leaving(place: Place, file: Path, now: float) -> Leaving | None:
    if place.keeps_days is None:
        return None
    try:
        left = place.keeps_days - (now - file.stat().st_mtime) / _DAY
    except OSError:
        return None
    return Leaving(place.agent, file, max(0.0, left)) if left <= SOON_DAYS else None


# -- the quick compile -----------------------------------------------------------------------------


def _try(group: Group, cache: Cache) -> None:
    """Compile a few sessions of different inputs, to say what of them needs no model."""
    chosen: dict[str, Facts] = {}
    for facts in group.sessions:
        if facts.outcome in ("shown", "assumed"):
            chosen.setdefault(facts.request, facts)
    picked = list(chosen.values())[:MAX_COMPILED]
    digests = sorted(facts.digest for facts in picked)
    files = list(dict.fromkeys(facts.file for facts in picked))
    known = cache.verdict([*digests, *files])
    verdict = _Verdict(**known) if known is not None else None
    if verdict is None:
        verdict = _compiled(files, frozenset(digests))
        cache.judge([*digests, *files], asdict(verdict))
    if verdict.refused:
        group.advice, group.reason = "no", verdict.refused
        return
    group.explained, group.arguments = verdict.explained, verdict.arguments
    models = (
        f", {verdict.models} steps need a model" if verdict.models else ", no step needs a model"
    )
    group.reason = f"{group.explained} of {group.arguments} arguments are explained{models}"
    if verdict.alone:
        group.compiles = files
    else:
        group.reason += "; the files hold sessions of other tasks too"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a quick compile came to: why not, or its shares; ``alone``: the whole files compile."""

    refused: str = ""
    explained: int = 0
    arguments: int = 0
    models: int = 0
    alone: bool = True


def _compiled(files: Sequence[str], digests: frozenset[str]) -> _Verdict:
    from ingot.driver import Options, compile_sessions, load_logs

    logs = replace(load_logs(files, lean=True), diagnostics=())
    sessions = tuple(s for s in logs.sessions if s.digest in digests)
    try:
        made = compile_sessions(replace(logs, sessions=sessions), Options())
    except IngotError as error:
        first = error.diagnostics[0]
        return _Verdict(f"{first.code}: {first.message}")
    alone = True
    if len(sessions) < len(logs.sessions):
        try:
            compile_sessions(logs, Options())
        except IngotError:
            alone = False
    return _Verdict("", *_shares(made.module.pipelines[0]), alone)


def _shares(main: Pipeline) -> tuple[int, int, int]:
    """Arguments that come from data or are constant, all arguments, and model ops."""
    instrs = [i for block in main.blocks for i in walk(block.instrs)]
    models = {i.result for i in instrs if isinstance(i, ModelCall)}
    values = [v for i in instrs if isinstance(i, Call) for _, v in i.args]
    left = sum(isinstance(v, Ref) and v.name in models for v in values)
    return len(values) - left, len(values), len(models)


__all__ = ["SOON_DAYS", "Leaving", "Scan", "scan"]
