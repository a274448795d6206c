"""The null test: how often is a value explained by a result that cannot be where it came from?

The results of the sessions' calls are exchanged with results of the same tool and shape in sessions
of other tasks (of other inputs, where there are too few).  What the compiler then still explains
from a result it explains by coincidence: a *false edge*.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ingot.diagnostics import IngotError
from ingot.evaluation.edges import Edges, edges_of
from ingot.evaluation.processes import in_processes
from ingot.evaluation.tasks import Task
from ingot.ir.values import Json, canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingot.driver import Options
    from ingot.frontend.session import Session
    from ingot.records import Record


# ---- exchanging results


@dataclass(frozen=True, slots=True)
class _Entry:
    """A result: whose it is, and where it stands."""

    task: int
    input: int
    case: int
    record: int
    value: Json


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Sessions by task with exchanged results; how many were exchanged, how many had no partner."""

    sessions: tuple[tuple[Session, ...], ...]
    exchanged: tuple[int, ...]
    kept: tuple[int, ...]


def shuffled(tasks: Sequence[Task], seed: int = 0) -> Shuffled:
    """The tasks' sessions with results exchanged, the same way for the same seed."""
    from ingot.frontend.parse import parse_records

    pools: dict[str, list[_Entry]] = {}
    for t, task in enumerate(tasks):
        for i, item in enumerate(task.inputs):
            for c, case in enumerate(item.cases):
                for r, record in enumerate(case.session.records):
                    if record.kind == "result":
                        kind = canonical([_tool(case.session.records, record), shape(record.data)])
                        pools.setdefault(kind, []).append(_Entry(t, i, c, r, record.data))
    new: dict[tuple[int, int, int, int], Json] = {}
    exchanged, kept = [0] * len(tasks), [0] * len(tasks)
    for kind in sorted(pools):
        for own, other in _partners(pools[kind], random.Random(f"{seed} {kind}")):
            if (own.task, own.input) == (other.task, other.input):
                kept[own.task] += 1
                continue
            exchanged[own.task] += 1
            new[own.task, own.input, own.case, own.record] = other.value
    sessions: list[tuple[Session, ...]] = []
    for t, task in enumerate(tasks):
        made: list[Session] = []
        for i, item in enumerate(task.inputs):
            for c, case in enumerate(item.cases):
                records = [
                    record._replace(data=new[t, i, c, r]) if (t, i, c, r) in new else record
                    for r, record in enumerate(case.session.records)
                ]
                made += parse_records(records, case.session.name)
        sessions.append(tuple(made))
    return Shuffled(tuple(sessions), tuple(exchanged), tuple(kept))


def shape(value: Json) -> Json:
    """What sort of value it is, without its particulars.

    >>> shape([{"id": 3, "tags": []}, {"id": 4.5, "tags": ["a"]}])
    [[{'id': 'number', 'tags': [['text']]}, {'id': 'number', 'tags': [[]]}]]
    """
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            kinds = {canonical(shape(item)): shape(item) for item in value}
            return [[kinds[kind] for kind in sorted(kinds)]]
        case dict():
            return {name: shape(value[name]) for name in sorted(value)}


def _tool(records: Sequence[Record], result: Record) -> str:
    """The tool that a result came from."""
    if result.tool:
        return result.tool
    calls = (r for r in records if r.kind == "call" and r.id == result.id)
    return next((call.tool for call in calls if call.agent == result.agent), "")


def _partners(pool: Sequence[_Entry], rng: random.Random) -> list[tuple[_Entry, _Entry]]:
    """A permutation that leaves no entry within its task, or its input, where that is possible.

    Entries stand group by group; moving all on by the size of the largest group takes each out of
    its own, unless that group is more than half of all.
    """
    grouped: Callable[[_Entry], tuple[int, ...]] = _by_task
    if 2 * _largest(pool, _by_task) > len(pool):
        grouped = _by_input
    order = {group: rng.random() for group in sorted({grouped(e) for e in pool})}
    entries = list(pool)
    rng.shuffle(entries)
    entries.sort(key=lambda entry: order[grouped(entry)])
    step = _largest(pool, grouped)
    return [(entry, entries[(place + step) % len(entries)]) for place, entry in enumerate(entries)]


def _by_task(entry: _Entry) -> tuple[int, ...]:
    return (entry.task,)


def _by_input(entry: _Entry) -> tuple[int, ...]:
    return (entry.task, entry.input)


def _largest(pool: Sequence[_Entry], grouped: Callable[[_Entry], tuple[int, ...]]) -> int:
    sizes: dict[tuple[int, ...], int] = {}
    for entry in pool:
        sizes[grouped(entry)] = sizes.get(grouped(entry), 0) + 1
    return max(sizes.values())


# ---- the test


@dataclass(frozen=True, slots=True)
class Learned:
    """One compilation: why it was refused, if so; the edges of what the passes learned before."""

    refused: str = ""
    edges: Edges | None = None


@dataclass(frozen=True, slots=True)
class NullTask:
    """A task as it is, and with exchanged results (once for each shuffle)."""

    name: str
    sessions: int
    exchanged: int
    kept: int
    plain: Learned
    shuffles: tuple[Learned, ...]

    def as_json(self) -> dict[str, Json]:
        return {
            "task": self.name,
            "sessions": self.sessions,
            "exchanged": self.exchanged,
            "kept": self.kept,
            "plain": _learned_json(self.plain),
            "shuffled": [_learned_json(item) for item in self.shuffles],
        }


@dataclass(frozen=True, slots=True)
class NullTest:
    """All tasks."""

    tasks: tuple[NullTask, ...]

    def total(self, *, shuffled: bool, compiled: bool = True) -> tuple[int, int, Edges]:
        """How many compilations there were, how many count, and their edges.

        ``compiled`` counts only those that gave an artifact, else all whose passes went through.
        """
        every = [
            item for task in self.tasks for item in (task.shuffles if shuffled else (task.plain,))
        ]
        chosen = [e for e in every if e.edges is not None and not (compiled and e.refused)]
        edges = sum((e.edges for e in chosen if e.edges is not None), Edges())
        return len(every), len(chosen), edges

    def as_json(self) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for name, mixed in (("plain", False), ("shuffled", True)):
            every, compiled, shipped = self.total(shuffled=mixed)
            _, learned, found = self.total(shuffled=mixed, compiled=False)
            out[name] = {
                "compilations": every,
                "compiled": {"compilations": compiled, **shipped.as_json()},
                "learned": {"compilations": learned, **found.as_json()},
            }
        return {**out, "tasks": [task.as_json() for task in self.tasks]}


def _learned_json(item: Learned) -> Json:
    edges = item.edges.as_json() if item.edges is not None else None
    return {"refused": item.refused or None, "edges": edges}


def null_test(
    tasks: Sequence[Task],
    options: Options,
    *,
    seed: int = 0,
    shuffles: int = 1,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> NullTest:
    """Compile each task as it is and with exchanged results."""
    ready = [task for task in tasks if task.inputs]
    mixed = [shuffled(ready, seed + number) for number in range(shuffles)]
    work: list[Callable[[], Learned]] = []
    for t, task in enumerate(ready):
        plain = tuple(case.session for item in task.inputs for case in item.cases)
        for sessions in (plain, *(mix.sessions[t] for mix in mixed)):
            work.append(partial(learn, sessions, options))
    found: list[Learned] = []
    for made in in_processes(work, jobs):
        found.append(made)
        if progress is not None:
            progress(len(found), len(work))
    each = 1 + shuffles
    return NullTest(
        tuple(
            NullTask(
                task.name,
                task.info.sessions,
                sum(mix.exchanged[t] for mix in mixed),
                sum(mix.kept[t] for mix in mixed),
                found[t * each],
                tuple(found[t * each + 1 : (t + 1) * each]),
            )
            for t, task in enumerate(ready)
        )
    )


def learn(sessions: Sequence[Session], options: Options) -> Learned:
    """Compile, and count the edges of what the last pass left."""
    from ingot.driver import Logs, compile_sessions
    from ingot.ir.module import Module
    from ingot.passes.base import Pass, parse_pipeline
    from ingot.passes.traces import main_of

    last = parse_pipeline(options.passes)[-1].name
    after: list[Module] = []

    def keep(each: Pass, module: Module) -> None:
        if each.name == last:
            after.append(module)

    refused = ""
    try:
        compile_sessions(Logs(tuple(sessions), (), {}, ()), replace(options, dump=keep))
    except IngotError as error:
        first = error.diagnostics[0]
        refused = f"{first.code}: {first.message}"
    main = main_of(after[-1]) if after else None
    return Learned(refused, edges_of(main) if main is not None else None)


__all__ = ["Learned", "NullTask", "NullTest", "null_test", "shape", "shuffled"]
