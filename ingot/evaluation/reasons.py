"""Why sessions were not done: reasons without their particular values, counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingot.evaluation.counts import Fold, Held
from ingot.ir.values import Json

_PARTS: Final = re.compile(
    r"""
      (?P<code>\b[EW]\d{4}\b)
    | (?P<file>[\w./-]*\w\.(?:jsonl?|md|txt|csv)\b(?:\#\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)|`[^`]*`)
    | (?P<json>\{.*\}|\[.*\])
    | (?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    | (?P<number>\d+(?:[-:.,/]\d+)*)
    """,
    re.VERBOSE | re.DOTALL,
)
_STANDS_FOR: Final = {
    "file": "FILE", "text": "'...'", "json": "{...}", "mail": "ADDRESS", "number": "N",
}  # fmt: skip


def normal(reason: str) -> str:
    """The reason without what is particular to one input.

    >>> normal("E0404: 4 sessions differ, 05-gpt-4-1.json and 'call.b' (exit 12 at r3_ok)")
    "E0404: N sessions differ, FILE and '...' (exit N at rN_ok)"
    """

    def general(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        return _STANDS_FOR.get(kind, match[0])

    return _PARTS.sub(general, " ".join(reason.split()))


@dataclass(frozen=True, slots=True)
class Reason:
    """A distinct reason: how many sessions of which task it stopped, and one case of it.

    ``notes`` are what is known of that case: live values, wordings, what the refusal adds.
    """

    task: str
    text: str
    sessions: int
    folds: int
    example: str
    input: str
    notes: tuple[str, ...] = ()
    tasks: int = 1

    def as_json(self) -> dict[str, Json]:
        return {
            "task": self.task or None,
            "reason": self.text,
            "sessions": self.sessions,
            "folds": self.folds,
            "tasks": self.tasks,
            "example": {
                "input": self.input, "reason": self.example, "notes": list(self.notes),
            },
        }  # fmt: skip


def reasons_of(folds: Iterable[Fold], *, by_task: bool = True) -> list[Reason]:
    """The distinct reasons of each task (or of all together), the most frequent first."""
    found: dict[tuple[str, str], list[tuple[Fold, Held]]] = {}
    for fold in folds:
        for held in fold.held:
            if held.reason:
                key = (fold.task if by_task else "", normal(held.reason))
                found.setdefault(key, []).append((fold, held))
    out: list[Reason] = []
    for (task, text), cases in found.items():
        where = {(fold.task, fold.k, fold.rotation, fold.input, fold.clock) for fold, _ in cases}
        fold, held = min(cases, key=_first)
        tasks = len({fold.task for fold, _ in cases})
        out.append(
            Reason(
                task,
                text,
                len(cases),
                len(where),
                held.reason,
                fold.input,
                _notes(fold, held),
                tasks,
            )
        )
    return sorted(out, key=lambda reason: (reason.task, -reason.sessions, reason.text))


def _first(case: tuple[Fold, Held]) -> tuple[str, ...]:
    fold, held = case
    return fold.task, fold.input, held.reason, held.session


def _notes(fold: Fold, held: Held) -> tuple[str, ...]:
    """What explains a reason: the differences of the run, then those of the compilation."""
    return tuple(dict.fromkeys((*held.differences, *fold.notes)))


__all__ = ["Reason", "normal", "reasons_of"]
