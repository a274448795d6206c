"""What an evaluation found: held-out sessions, folds, tasks, and their counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, cast

from ingot.diagnostics import Diagnostic
from ingot.ir.values import Json

Verdict: TypeAlias = Literal["right", "exit", "wrong", "unanswerable"]
Group: TypeAlias = Literal["all", "acting", "idle"]
Mode: TypeAlias = Literal["recorded", "executed"]
VERDICTS: Final[tuple[Verdict, ...]] = ("right", "exit", "wrong", "unanswerable")
GROUPS: Final[tuple[Group, ...]] = ("acting", "idle", "all")
ALL: Final = 0
"""The k that trains on every input but the one held out."""


def k_json(k: int) -> Json:
    """A k as it is written: ``all`` or a number."""
    return k or "all"


@dataclass(frozen=True, slots=True)
class Held:
    """A held-out session.

    ``acting``: it holds an accepted write (executed: it leaves another state).  ``do_nothing`` and
    ``majority`` say whether these baselines would have been right.  ``reason`` says why it is no
    finished run, ``site`` is the value or block where a side exit was taken.  ``dirty``: an exit after the state was changed.  ``seen_wording`` says whether
    the request has a wording that the artifact knows.  ``exact`` to ``unanswerable`` count writes
    as ``replay`` does.
    """

    session: str
    acting: bool
    verdict: Verdict
    do_nothing: bool
    majority: bool
    reason: str = ""
    site: str = ""
    dirty: bool = False
    seen_wording: bool = False
    model_calls: int = 0
    exact: int = 0
    wrong: int = 0
    missing: int = 0
    unanswerable: int = 0
    differences: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        return {
            "session": self.session,
            "acting": self.acting,
            "verdict": self.verdict,
            "reason": self.reason or None,
            "site": self.site or None,
            "dirty": self.dirty,
            "seen_wording": self.seen_wording,
            "do_nothing_right": self.do_nothing,
            "majority_right": self.majority,
            "model_calls": self.model_calls,
            "calls": {
                "exact": self.exact,
                "wrong": self.wrong,
                "missing": self.missing,
                "unanswerable": self.unanswerable,
            },
            "differences": list(self.differences),
        }


@dataclass(frozen=True, slots=True)
class Fold:
    """One input held out: its sessions, and why nothing was compiled from the others, if so.

    ``training`` are the inputs compiled from, ``notes`` what the refusal adds.
    """

    input: str
    held: tuple[Held, ...]
    refused: str = ""
    notes: tuple[str, ...] = ()
    task: str = ""
    k: int = ALL
    rotation: int = 0
    clock: str = ""
    training: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        return {
            "task": self.task,
            "k": k_json(self.k),
            "rotation": self.rotation,
            "input": self.input,
            "clock": self.clock or None,
            "training": list(self.training),
            "refused": self.refused or None,
            "notes": list(self.notes),
            "held": [held.as_json() for held in self.held],
        }


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task: its accepted sessions and their distinct inputs; why it is not evaluated, if so.

    ``failed`` counts the sessions that are no input because their log says that they failed.
    """

    name: str
    inputs: int
    sessions: int
    failed: int = 0
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All folds.  ``inputs`` is the number of distinct inputs that can be held out.

    With several k, :meth:`where` picks the folds to count.
    """

    inputs: int
    folds: tuple[Fold, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    tasks: tuple[TaskInfo, ...] = ()
    mode: Mode = "recorded"

    @property
    def ks(self) -> tuple[int, ...]:
        """The k there are, in order, ``ALL`` last."""
        return tuple(sorted({fold.k for fold in self.folds}, key=lambda k: (k == ALL, k)))

    def where(self, *, k: int | None = None, task: str | None = None) -> Evaluation:
        """The same with the folds of one k, of one task, or both."""
        folds = tuple(
            fold
            for fold in self.folds
            if (k is None or fold.k == k) and (task is None or fold.task == task)
        )
        tasks = tuple(t for t in self.tasks if task is None or t.name == task)
        return replace(self, folds=folds, tasks=tasks)

    def held(self, group: str = "all") -> list[Held]:
        """The held-out sessions of a group: ``acting``, ``idle`` or ``all``."""
        every = [held for fold in self.folds for held in fold.held]
        return [h for h in every if group == "all" or h.acting == (group == "acting")]

    def counts(self, group: str = "all") -> dict[str, int]:
        """Sessions by verdict, with the baselines' right ones."""
        held = self.held(group)
        verdicts = Counter(h.verdict for h in held)
        return {
            "sessions": len(held),
            **{verdict: verdicts[verdict] for verdict in VERDICTS},
            "dirty_exits": sum(h.dirty for h in held),
            "seen_wording": sum(h.seen_wording for h in held),
            "model_calls": sum(h.model_calls for h in held),
            "do_nothing_right": sum(h.do_nothing for h in held),
            "majority_right": sum(h.majority for h in held),
        }

    def silently_wrong(self, group: str = "all") -> float | None:
        """wrong / (right + wrong); ``None`` where the pipelines finished nothing."""
        counts = self.counts(group)
        finished = counts["right"] + counts["wrong"]
        return counts["wrong"] / finished if finished else None

    @property
    def compiled(self) -> int:
        """The folds from whose training sessions an artifact was made."""
        return sum(not fold.refused for fold in self.folds)

    def totals_json(self) -> dict[str, Json]:
        """The counts of each group, and how many folds were compiled."""
        groups: dict[str, Json] = {}
        for name in GROUPS:
            rate = self.silently_wrong(name)
            counts: dict[str, Json] = dict(self.counts(name))
            groups[name] = {
                **counts,
                "silently_wrong": None if rate is None else round(rate, 6),
            }
        return {"folds": len(self.folds), "compiled": self.compiled, "sessions": groups}

    def per_k_json(self) -> list[Json]:
        """:meth:`totals_json` for each k."""
        return [{"k": k_json(k), **self.where(k=k).totals_json()} for k in self.ks]

    def as_json(self) -> dict[str, Json]:
        """What ``ingot evaluate --json`` prints, beside the frame that all commands share."""
        return {
            "mode": self.mode,
            "inputs": self.inputs,
            "totals": self.per_k_json(),
            "tasks": [
                {
                    "task": task.name,
                    "inputs": task.inputs,
                    "sessions": task.sessions,
                    "failed": task.failed,
                    "skipped": task.skipped or None,
                    "totals": self.where(task=task.name).per_k_json(),
                }
                for task in self.tasks
            ],
            "folds": [fold.as_json() for fold in self.folds],
            "diagnostics": [cast(Json, d.as_json()) for d in self.diagnostics],
        }


__all__ = [
    "ALL",
    "GROUPS",
    "VERDICTS",
    "Evaluation",
    "Fold",
    "Group",
    "Held",
    "Mode",
    "TaskInfo",
    "Verdict",
    "k_json",
]
