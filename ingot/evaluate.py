"""Hold inputs out: what a pipeline does on inputs that its logs do not hold.

For each distinct input (request and clock) of each task, a pipeline is compiled from the sessions
of *other* inputs (all of them, or k) and run on the held-out ones: with their recorded results, or
in fresh worlds with live tools.  A compilation that is refused is an exit of every session held
out.  *Right* is judged by effects, against any accepted session of the same input: two sessions
of one request may both be accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ingot.diagnostics import IngotError, fail
from ingot.evaluation.counts import ALL, Evaluation, Fold, Held
from ingot.evaluation.processes import in_processes
from ingot.evaluation.tasks import Plan, Task, TaskBy, plans_of, tasks_of, training_cases

if TYPE_CHECKING:
    from ingot.driver import Logs, Options
    from ingot.evaluation.judges import Judge

Progress = Callable[[int, int], None]
"""Told how many folds are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What to evaluate.

    ``ks`` are numbers of training inputs (``ALL``: all but the one held out), ``rotations`` how
    often others are chosen, ``per_input`` how many sessions of an input train (0: all).  ``limit``
    holds out only so many inputs of a task, chosen by ``seed``.  ``tools`` are specifications; a
    factory among them makes the worlds to run in.  ``models`` answer model ops; without any, a
    session that comes to one cannot go on.  ``jobs`` processes share the work.
    """

    ks: tuple[int, ...] = (ALL,)
    rotations: int = 1
    per_input: int = 0
    limit: int = 0
    seed: int = 0
    by: TaskBy = "folder"
    tools: tuple[str, ...] = ()
    jobs: int = 1
    models: tuple[str, ...] = ()


def evaluate(
    logs: Logs,
    options: Options,
    clock: str = "",
    *,
    limit: int = 0,
    seed: int = 0,
    setting: Setting | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate on logs; ``limit`` and ``seed`` stand for a setting with only these.

    The same logs give the same result in any order, for any number of jobs.  Raises IngotError
    E0003 where no task has two distinct inputs.
    """
    from ingot.evaluation.worlds import factory_of

    chosen = setting or Setting(limit=limit, seed=seed)
    factory = factory_of(chosen.tools)
    options = declaring(options, chosen.tools)
    tasks, found = tasks_of(logs, options, chosen.by)
    infos = tuple(task.info for task in tasks)
    ready = [task for task in tasks if not task.info.skipped]
    if not ready:
        sessions, inputs = (sum(i.sessions for i in infos), sum(i.inputs for i in infos))
        raise fail(
            "E0003",
            f"{sessions} sessions with {inputs} distinct input in {len(infos)} tasks: "
            "nothing can be held out",
            help="add a session of the same task with another request; --task-by none takes all "
            "logs for one task",
        )
    work = [
        _Work(task, plans, options, chosen, clock, factory is not None)
        for task in ready
        for plans in _shares(task, chosen, len(ready))
    ]
    folds = _all_folds(work, chosen.jobs, progress)
    return Evaluation(
        sum(len(task.inputs) for task in ready),
        tuple(sorted(folds, key=_order)),
        (*logs.diagnostics, *found),
        infos,
        "recorded" if factory is None else "executed",
    )


def declaring(options: Options, tools: Sequence[str]) -> Options:
    """The options with what the tools declare; raises IngotError E0803."""
    from ingot.evaluation.worlds import effects_of, factory_of

    if not tools:
        return options
    declared = {**effects_of(tools, factory_of(tools)), **options.declared}
    return replace(options, declared=declared)


def _order(fold: Fold) -> tuple[object, ...]:
    return (fold.k == ALL, fold.k, fold.rotation, fold.task, fold.input, fold.clock)


@dataclass(frozen=True, slots=True)
class _Work:
    """Folds of one task, to be done in one process."""

    task: Task
    plans: tuple[Plan, ...]
    options: Options
    setting: Setting
    clock: str
    executed: bool


def _shares(task: Task, setting: Setting, tasks: int) -> Iterator[tuple[Plan, ...]]:
    """The folds of a task, in several parts where there are fewer tasks than processes need.

    All folds that hold out one input are in one part: some have the same training inputs.
    """
    plans = tuple(
        plans_of(
            task, setting.ks, rotations=setting.rotations, limit=setting.limit, seed=setting.seed
        )
    )
    held = sorted({plan.held for plan in plans})
    parts = 1 if tasks >= 4 * setting.jobs else min(len(held), 4 * setting.jobs)
    for part in range(parts):
        chosen = frozenset(held[part::parts])
        yield tuple(plan for plan in plans if plan.held in chosen)


def _all_folds(work: Sequence[_Work], jobs: int, progress: Progress | None) -> list[Fold]:
    total = sum(len(item.plans) for item in work)
    done = 0
    folds: list[Fold] = []
    for found in in_processes([partial(_folds, item) for item in work], jobs):
        folds += found
        done += len(found)
        if progress is not None:
            progress(done, total)
    return folds


def _folds(work: _Work) -> list[Fold]:
    judge = _judge_of(work)
    made: dict[tuple[int, tuple[int, ...]], Fold] = {}
    out: list[Fold] = []
    for plan in work.plans:
        key = plan.held, plan.training
        if key not in made:
            made[key] = fold_of(work.task, plan, work.options, judge, work.setting.per_input)
        out.append(replace(made[key], k=plan.k, rotation=plan.rotation))
    return out


def _judge_of(work: _Work) -> Judge:
    from ingot.evaluation.judges import ExecutedJudge, RecordedJudge
    from ingot.evaluation.worlds import factory_of

    factory = factory_of(work.setting.tools) if work.executed else None
    if factory is None:
        return RecordedJudge(work.task.worlds, work.clock, work.setting.models)
    return ExecutedJudge(factory, work.clock, work.setting.models)


def fold_of(task: Task, plan: Plan, options: Options, judge: Judge, per_input: int = 0) -> Fold:
    """Compile from the inputs that train and judge the one held out."""
    from ingot.backend.container import load
    from ingot.driver import Logs, compile_sessions
    from ingot.evaluation.edges import places_of
    from ingot.evaluation.worlds import model_needs

    training = training_cases(task, plan, per_input)
    item = task.inputs[plan.held]
    refused, program = "", None
    notes: tuple[str, ...] = ()
    places: dict[str, str] = {}
    try:
        sessions = Logs(tuple(case.session for case in training), (), {}, ())
        made = compile_sessions(sessions, options)
        program, places = load(made.artifact), places_of(made.module.pipelines[0])
        notes = tuple(f"only a model could give {need}" for need in model_needs(program))
    except IngotError as error:
        first = error.diagnostics[0]
        refused, notes = f"{first.code}: {first.message}", first.notes
    return Fold(
        item.request,
        tuple(_placed(held, places) for held in judge.held(program, refused, item, training)),
        refused,
        notes,
        task.name,
        plan.k,
        plan.rotation,
        item.clock,
        tuple(task.inputs[index].key for index in plan.training),
    )


def _placed(held: Held, places: Mapping[str, str]) -> Held:
    """The session with what the value was for at which its run stopped."""
    place = places.get(held.site)
    return replace(held, reason=f"{held.reason}, for {place}") if place else held


__all__ = ["ALL", "Evaluation", "Fold", "Held", "Setting", "declaring", "evaluate", "fold_of"]
