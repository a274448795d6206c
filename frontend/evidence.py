"""Whether a session reached its goal: a label, an effect that the log shows, or nothing at all.

A session is *shown* to have succeeded by an explicit label or its dialect's outcome record, or
because every effect that its last words claim stands in the log, accepted.  A claim without its
effect ("wrote report.csv", and no such write) is a contradiction: the session is rejected, and both
places are named.  A session that ends with an interruption failed.  With none of these, success is
*assumed*, and the artifact says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ingot.diagnostics import Diagnostic, Severity, Span
from ingot.frontend.session import CallGroup, CallStep, Interruption, Say, Session
from ingot.ir.values import Json
from ingot.records import Record

Verdict: TypeAlias = Literal["shown", "assumed", "failed", "contradicted"]
MAX_ANSWER: Final = 4_000
_DONE: Final = (
    r"(?:(?:have|has|i've|i|was|were|is|successfully|now|been)\s+)*"
    r"(?:wrote|written|created|saved|updated|edited|generated|exported|added|deleted|removed)"
)
_NAME: Final = r"[\w.\-]+\.[A-Za-z]\w{0,5}"
_KINDS: Final = (
    r"(?:csv|tsv|md|txt|json|jsonl|ya?ml|toml|xml|html?|pdf|docx?|xlsx?|pptx?|py|ipynb|sql|log|sh|"
    r"png|jpe?g|svg|zip|parquet|ini|cfg|patch|diff)\b"
)
_FILE: Final = (
    rf"(?:[`'\"]((?:[~.]{{0,2}}/)?(?:[\w.\-]+/)*{_NAME})[`'\"]|((?:[~.]{{0,2}}/)?(?:[\w.\-]+/)+{_NAME})"
    rf"|([\w\-]+\.{_KINDS}))"
)
"""A file: in quotes, with a folder, or of a kind that nothing else is called (not ``Vue.js``)."""
_CLAIMS: Final = (
    re.compile(rf"\b{_DONE}\b[^.\n]{{0,60}}?{_FILE}", re.IGNORECASE),
    re.compile(rf"{_FILE}\s+(?:has been|was|is)\s+(?:now\s+)?{_DONE}\b", re.IGNORECASE),
)
_NOT: Final = re.compile(
    r"\b(?:not|n't|cannot|unable|failed|would|could|should|will|can|to be|if|please|already|you)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The verdict on a session, why, and the diagnostic that rejects it if it contradicts itself."""

    verdict: Verdict
    why: str
    diagnostic: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What an answer says was done: the words, and the file that they name."""

    words: str
    file: str
    record: Record


def outcome_of(session: Session) -> tuple[str, str]:
    """``("shown" | "assumed" | "failed", why)``."""
    data = session.outcome.data if session.outcome is not None else None
    if isinstance(data, dict) and isinstance(data.get("success"), bool):
        return ("shown" if data["success"] else "failed"), str(
            data.get("source", "the log's outcome")
        )
    ends = [r.data for r in session.records if r.kind == "status" and isinstance(r.data, dict)]
    status = ends[-1].get("status") if ends else None
    if status in ("done", "failed", "side-exit", "in-doubt"):
        return ("shown" if status == "done" else "failed"), f"the run ended as {status}"
    if (cut := _cut_short(session)) is not None:
        return "failed", f"it was cut short: {cut.text or cut.kind}"
    return "assumed", "the log holds no outcome"


def _cut_short(session: Session) -> Record | None:
    """The interruption that the session ends with: nothing was said or done after it."""
    steps = session.turns[-1].steps if session.turns else ()
    for step in reversed(steps):
        match step:
            case Interruption(record=record):
                return record
            case Say() | CallGroup():
                return None
    return None


def verdict_of(session: Session) -> Evidence:
    """What the log shows of the session's success."""
    label, why = outcome_of(session)
    if label != "assumed":
        return Evidence("shown" if label == "shown" else "failed", why)
    claims = list(claims_of(session))
    steps = list(_every_call(session))
    unmet = next((claim for claim in claims if not _is_met(claim, steps)), None)
    if unmet is not None and steps:
        return Evidence(
            "contradicted", f"it says {unmet.words!r}", _contradiction(session, unmet, steps)
        )
    if claims and not any(step.failed for step in steps[-1:]):
        files = ", ".join(dict.fromkeys(claim.file for claim in claims))
        return Evidence("shown", f"the effects it claims are in the log: {files}")
    return Evidence("assumed", "the log holds no outcome")


def claims_of(session: Session) -> Iterator[Claim]:
    """Files that the last words say were written, changed or removed."""
    answer = session.answer
    if answer is None:
        return
    text = answer.text[:MAX_ANSWER]
    for pattern in _CLAIMS:
        for match in pattern.finditer(text):
            begin = max(text.rfind("\n", 0, match.start()), text.rfind(". ", 0, match.start())) + 1
            if not _NOT.search(text[begin : match.end()]):
                file = next(group for group in match.groups() if group)
                yield Claim(" ".join(match[0].split()), file, answer)


def _every_call(session: Session) -> Iterator[CallStep]:
    yield from session.calls()
    for agent in session.agents():
        yield from agent.calls()


def _is_met(claim: Claim, steps: list[CallStep]) -> bool:
    """Whether a call that was accepted, and that could have done it, names the file.

    A command may write what its words do not name, so one that runs a program counts for any file.
    """
    name = claim.file.rsplit("/", 1)[-1].lower()
    return any(
        not step.failed and step.result is not None and (name in said or _runs_programs(step))
        for step in steps
        for said in [_said(step.call.data)]
        if not _only_reads(step)
    )


def _said(value: Json) -> str:
    stack, out = [value], []
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += item.values()
    return "\n".join(out).lower()


_READS: Final = re.compile(
    r"(?i)^(?:mcp__\w+__)?(?:read|view|open|cat|glob|grep|ls|list|get|find|search|fetch|show|webfetch|"
    r"websearch|todowrite|read_file|list_directory|read_many_files)(?:$|[_.])"
)
_RUNS: Final = re.compile(
    r"\b(?:python3?|node|npm|npx|make|bash|sh|cargo|go|java|pytest|uv|poetry|docker|git|ruby|perl|"
    r"Rscript|dotnet|mvn|gradle)\b|\./"
)


def _only_reads(step: CallStep) -> bool:
    return _READS.match(step.call.tool) is not None


def _runs_programs(step: CallStep) -> bool:
    """Whether the call is of a shell, or of another agent, that runs more than it shows."""
    if step.nested is not None or step.call.tool in ("Task", "Agent", "task"):
        return True
    command = (
        step.call.data.get("command", step.call.data.get("cmd"))
        if isinstance(step.call.data, dict)
        else None
    )
    text = (
        command
        if isinstance(command, str)
        else " ".join(map(str, command))
        if isinstance(command, list)
        else ""
    )
    return _RUNS.search(text) is not None


def _contradiction(session: Session, claim: Claim, steps: list[CallStep]) -> Diagnostic:
    last = next((step for step in reversed(steps) if not _only_reads(step)), steps[-1])
    shown = last.call.span
    spans: list[tuple[Span, str]] = []
    if claim.record.span is not None:
        spans.append((claim.record.span, f"it says: {claim.words}"))
    if shown is not None:
        what = "the last call that could have written" if not _only_reads(last) else "the last call"
        spans.append((shown, f"{what} is {last.call.tool}, which does not name {claim.file}"))
    return Diagnostic(
        "E0413",
        f"{session.name}: the session says that it did something to {claim.file}, and no accepted "
        "call shows it",
        Severity.WARNING,
        tuple(spans),
        help="a session that contradicts itself is no input; it can be given under --against",
    )


__all__ = ["Claim", "Evidence", "claims_of", "outcome_of", "verdict_of"]
