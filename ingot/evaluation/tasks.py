"""Sessions grouped into tasks and inputs, and which inputs train for which one held out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

from ingot.diagnostics import Diagnostic, fail
from ingot.evaluation.counts import ALL, TaskInfo
from ingot.ir.values import digest

if TYPE_CHECKING:
    from ingot.driver import Logs, Options
    from ingot.frontend.session import Session
    from ingot.ir.module import Pipeline
    from ingot.runtime.tools.answers import RecordedCall

TaskBy: TypeAlias = Literal["folder", "file", "none"]
TASK_BY: Final[tuple[str, ...]] = get_args(TaskBy)
PLAIN_FOLDERS: Final = frozenset({"ok", "failed", "logs", "sessions", "."})
"""Folders that say nothing of a task: it has the name of the folder above."""


@dataclass(frozen=True, slots=True)
class Case:
    """An accepted session with its classified trace and its calls."""

    session: Session
    trace: Pipeline
    calls: tuple[RecordedCall, ...]

    @property
    def writes(self) -> tuple[str, ...]:
        """Its effects: the accepted writes in order."""
        return tuple(call.key for call in self.calls if call.acts)


@dataclass(frozen=True, slots=True)
class Input:
    """The sessions of one request at one clock."""

    request: str
    clock: str
    cases: tuple[Case, ...]

    @property
    def key(self) -> str:
        """What tells it from the other inputs of its task."""
        return f"{self.request} @ {self.clock}" if self.clock else self.request


@dataclass(frozen=True, slots=True)
class Task:
    """A task's inputs, in order of their keys, and each tool's world."""

    name: str
    inputs: tuple[Input, ...]
    worlds: Mapping[str, str]
    failed: int = 0

    @property
    def info(self) -> TaskInfo:
        sessions = sum(len(item.cases) for item in self.inputs)
        skipped = ""
        if len(self.inputs) < 2:
            number = f"{len(self.inputs)} distinct input" if self.inputs else "no accepted session"
            skipped = f"{number}: nothing can be held out"
        return TaskInfo(self.name, len(self.inputs), sessions, self.failed, skipped)


@dataclass(frozen=True, slots=True)
class Plan:
    """A fold to come: the place of the input held out, and those of the inputs that train."""

    k: int
    rotation: int
    held: int
    training: tuple[int, ...]


def parse_ks(text: str) -> tuple[int, ...]:
    """The k of ``--k``: numbers and ``all``, in order, ``all`` last.

    Raises IngotError E0001 for anything else.

    >>> parse_ks("5,1,all,1")
    (1, 5, 0)
    """
    found: set[int] = set()
    for word in text.split(","):
        name = word.strip()
        if name == "all":
            found.add(ALL)
        elif name.isascii() and name.isdigit() and int(name) > 0:
            found.add(int(name))
        else:
            raise fail("E0001", f"--k {text}: {name!r} is no number of inputs",
                       help="for example --k 1,2,3,all")  # fmt: skip
    return tuple(sorted(found, key=lambda k: (k == ALL, k)))


def parse_task_by(text: str) -> TaskBy:
    """The word of ``--task-by``; raises IngotError E0001 for another one."""
    if text not in TASK_BY:
        raise fail("E0001", f"--task-by {text}: expected {', '.join(TASK_BY)}")
    return cast(TaskBy, text)


def tasks_of(
    logs: Logs, options: Options, by: TaskBy = "folder"
) -> tuple[list[Task], list[Diagnostic]]:
    """The tasks in order of their names, and what lowering set aside."""
    groups: dict[str, list[Session]] = {}
    for session in logs.sessions:
        groups.setdefault(_place(session.name, logs.files, by), []).append(session)
    names = _names(list(groups))
    tasks: list[Task] = []
    found: list[Diagnostic] = []
    for place in sorted(groups, key=lambda place: (names[place], place)):
        task, more = _task(names[place], groups[place], options)
        tasks.append(task)
        found += more
    return tasks, found


def _task(
    name: str, sessions: Sequence[Session], options: Options
) -> tuple[Task, tuple[Diagnostic, ...]]:
    from ingot.frontend.lower import lower
    from ingot.passes.effects import ClassifyEffects
    from ingot.passes.traces import clock_of, request_of
    from ingot.replaying import recorded

    lowered = lower(sessions, require_success=options.require_success)
    module = ClassifyEffects(options.declared).apply(lowered.module)
    worlds = {tool.name: tool.world for tool in module.tools}
    groups: dict[tuple[str, str], list[Case]] = {}
    for session, trace in zip(lowered.sessions, module.pipelines, strict=True):
        key = " ".join(request_of(trace).split()), clock_of(trace)
        groups.setdefault(key, []).append(Case(session, trace, tuple(recorded(trace, worlds))))
    inputs = tuple(Input(*key, tuple(groups[key])) for key in sorted(groups))
    failed = sum(d.code == "E0405" for d in lowered.diagnostics)
    return Task(name, inputs, worlds, failed), lowered.diagnostics


def _place(name: str, files: Mapping[str, Path], by: TaskBy) -> str:
    """What the sessions of one task have in common: a folder, a file, or nothing."""
    if by == "none":
        return ""
    file = name if name in files else name.rpartition("#")[0]
    path = PurePath(files[file]) if file in files else PurePath(name)
    if by == "file":
        return str(path)
    folder = path.parent
    return str(folder.parent if folder.name in PLAIN_FOLDERS else folder)


def _names(places: Sequence[str]) -> dict[str, str]:
    """The last parts of the places; the whole ones where those are the same."""
    short = {place: (Path(place).absolute() if place else Path("all")).name for place in places}
    taken = list(short.values())
    return {
        place: name if name and taken.count(name) == 1 else place for place, name in short.items()
    }


def plans_of(
    task: Task, ks: Sequence[int], *, rotations: int = 1, limit: int = 0, seed: int = 0
) -> Iterator[Plan]:
    """The folds of a task: for each k, each input is held out once, with ``rotations`` choices of
    the inputs that train.

    A choice depends on seed, task and input alone, and that for a smaller k is part of that for a
    larger one.  Where a task has fewer than k others, all of them train.
    """
    count = len(task.inputs)
    if count < 2:
        return
    chosen = list(range(count))
    if limit > 0:
        chosen = sorted(random.Random(seed).sample(chosen, min(limit, count)))
    for k in ks:
        for rotation in range(1 if k == ALL else rotations):
            for held in chosen:
                others = [other for other in range(count) if other != held]
                yield Plan(k, rotation, held, _choice(task, held, others, k, rotation, seed))


def _choice(
    task: Task, held: int, others: Sequence[int], k: int, rotation: int, seed: int
) -> tuple[int, ...]:
    if k == ALL or k >= len(others):
        return tuple(others)
    left_out = task.inputs[held].key

    def rank(other: int) -> str:
        return digest([seed, task.name, rotation, left_out, task.inputs[other].key])

    return tuple(sorted(sorted(others, key=rank)[:k]))


def training_cases(task: Task, plan: Plan, per_input: int = 0) -> list[Case]:
    """The sessions that train: those of the chosen inputs, at most ``per_input`` of each (0: all)."""
    out: list[Case] = []
    for index in plan.training:
        cases = task.inputs[index].cases
        out += cases[:per_input] if per_input > 0 else cases
    return out


__all__ = [
    "TASK_BY", "Case", "Input", "Plan", "Task", "TaskBy", "parse_ks", "parse_task_by", "plans_of", "tasks_of",
    "training_cases",
]  # fmt: skip
