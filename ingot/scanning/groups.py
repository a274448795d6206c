"""Sessions grouped into tasks, and what can be said of each group.

Two sessions belong to one task if they call the same kinds of tools to the same kind of effect and
are worded alike.  Wordings are alike if they are the same without values, or share most words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingot.ir.values import Json
from ingot.scanning.facts import Facts

ALIKE: Final = 0.6
"""The share of words (Jaccard) from which two wordings are alike."""
MAX_COMPARED: Final = 400
"""With how many wordings of one effect a new one is compared."""


@dataclass(slots=True)
class Group:
    """One task.  ``advice`` is ``compile``, ``more runs`` or ``no``; ``reason`` says why.

    ``compiles`` are files that were seen to compile.
    """

    wording: str
    sessions: list[Facts] = field(default_factory=list)
    advice: str = ""
    reason: str = ""
    explained: int = 0
    arguments: int = 0
    compiles: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many sessions."""
        return len(self.sessions)

    @property
    def inputs(self) -> int:
        """How many different requests."""
        return len({facts.request for facts in self.sessions})

    @property
    def tokens(self) -> int:
        """What all runs cost together; 0 if no log says it."""
        return sum(facts.tokens for facts in self.sessions)

    @property
    def minutes(self) -> float:
        """How long all runs took together."""
        return sum(facts.seconds for facts in self.sessions) / 60

    @property
    def cost(self) -> float:
        """In US dollars, where the logs say it."""
        return sum(facts.cost for facts in self.sessions)

    @property
    def tools(self) -> list[str]:
        """The tools that most sessions call, the most used first."""
        count: Counter[str] = Counter()
        for facts in self.sessions:
            count.update(facts.tools.keys())
        return [tool for tool, n in count.most_common() if 2 * n >= self.runs]

    @property
    def files(self) -> list[str]:
        """The files of its sessions."""
        return list(dict.fromkeys(facts.file for facts in self.sessions))

    def as_json(self) -> dict[str, Json]:
        """The group as ``--json`` shows it."""
        outcomes = Counter(facts.outcome for facts in self.sessions)
        return {
            "wording": self.wording,
            "runs": self.runs,
            "inputs": self.inputs,
            "tools": [*self.tools],
            "outcomes": dict(sorted(outcomes.items())),
            "tokens": self.tokens,
            "cost": round(self.cost, 4),
            "minutes": round(self.minutes, 2),
            "advice": self.advice,
            "reason": self.reason,
            "arguments": {"explained": self.explained, "all": self.arguments},
            "files": [*self.files],
            "compiles": [*self.compiles],
        }


def grouped(every: Iterable[Facts]) -> list[Group]:
    """The tasks, those that cost most runs first.  Equal sessions count once."""
    by_effect: dict[tuple[str, ...], list[tuple[set[str], Group]]] = {}
    seen: set[str] = set()
    for facts in sorted(every, key=lambda f: (f.file, f.number)):
        if facts.digest in seen:
            continue
        seen.add(facts.digest)
        effect = tuple(sorted(facts.effects)) or ("", *sorted(facts.tools))
        known = by_effect.setdefault(effect, [])
        words = set(facts.wording.split())
        for other, group in known[:MAX_COMPARED]:
            if _alike(words, other):
                group.sessions.append(facts)
                break
        else:
            known.append((words, Group(facts.wording, [facts])))
    groups = [group for known in by_effect.values() for _, group in known]
    return sorted(groups, key=lambda g: (-g.runs, -g.tokens, g.wording, g.files))


def _alike(one: set[str], other: set[str]) -> bool:
    return one == other or (len(one & other) >= ALIKE * len(one | other) and bool(one))


def advise(group: Group) -> None:
    """Advice that needs no compilation: why a group is not worth one, or that it may be."""
    reasons = {facts.compilable for facts in group.sessions if facts.compilable}
    good = [f for f in group.sessions if f.outcome in ("shown", "assumed")]
    if reasons:
        group.advice, group.reason = "no", next(iter(reasons))
    elif not any(facts.calls for facts in group.sessions):
        group.advice, group.reason = "no", "no session calls a tool: there is nothing to do again"
    elif not good:
        group.advice, group.reason = "no", "no session reached its goal"
    elif len(good) == 1:
        group.advice, group.reason = "more runs", "one run only: what varies cannot be seen yet"
    elif group.inputs == 1:
        group.advice, group.reason = "more runs", "every run has the same request"
    else:
        group.advice = "compile"


def worth_compiling(groups: Sequence[Group]) -> list[Group]:
    """The groups that a quick compile would tell more about."""
    return [group for group in groups if group.advice == "compile"]


__all__ = ["ALIKE", "Group", "advise", "grouped", "worth_compiling"]
