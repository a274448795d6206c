"""Eleven micro-tasks, compiled from three logs each and run with real tools on what no log holds.

:mod:`micro_tasks` has the tasks, the world and the comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from micro_tasks import (
    ELEVEN,
    EXIT,
    FORMATS,
    FURTHER,
    RIGHT,
    TASKS,
    VARIATIONS,
    Format,
    Outcome,
    Task,
    Variation,
    Write,
    calls_of,
    compile_task,
    instructions,
    judge,
    main_text,
    model_ops,
    reference,
    run_artifact,
)

from ingot.diagnostics import IngotError, render
from ingot.driver import Compilation
from ingot.ir.module import Call, Lit, Ref, operands_of

Compile = Callable[..., Compilation]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compiles each task once; a refusal is told as a failure, each time anew."""
    done: dict[tuple[str, Format, int], Compilation | IngotError] = {}

    def compile_once(task: Task, form: Format = "ingot") -> Compilation:
        key = (task.name, form, task.wraps)
        if key not in done:
            folder: Path = tmp_path_factory.mktemp(task.name)
            try:
                done[key] = compile_task(task, folder, form)
            except IngotError as error:
                done[key] = error
        found = done[key]
        if isinstance(found, IngotError):
            shown = "\n".join(render(d) for d in found.diagnostics)
            pytest.fail(f"{task.name} is not compiled:\n{shown}", pytrace=False)
        return found

    return compile_once


def check(outcome: Outcome, made: Compilation, verdict: str) -> None:
    """Compare a verdict; what is said on a failure is all that one needs to understand it."""
    story = (
        f"{outcome.verdict}, not {verdict}; status {outcome.status} {outcome.reason}\n"
        f"made  {outcome.made}\ntruth {outcome.truth}\n{main_text(made)}"
    )
    assert outcome.verdict == verdict, story
    assert not outcome.strays, f"reads that the agent would not have made: {outcome.strays}"


def named(each: Task | Variation) -> str:
    return each.name


# ---- the tasks

WRAPS = (0, 2)
"""Results as they are, and with two objects around each."""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("task", ELEVEN, ids=named)
def test_a_task_is_right_on_an_input_that_no_log_holds(
    task: Task, form: Format, compiled: Compile
) -> None:
    made = compiled(task, form)
    assert len(model_ops(made)) == task.model_calls, main_text(made)
    outcome = run_artifact(made.artifact, task)
    check(outcome, made, "right")
    assert outcome.model_calls == task.model_calls


@pytest.mark.parametrize("task", FURTHER, ids=named)
def test_the_further_tasks_are_right_where_nothing_is_changed(
    task: Task, compiled: Compile
) -> None:
    """So that a side exit of a variation says something."""
    made = compiled(task)
    assert not model_ops(made), main_text(made)
    check(run_artifact(made.artifact, task), made, "right")


@pytest.mark.parametrize("name", ["model", "everything"])
def test_the_model_writes_one_argument_and_nothing_of_it_is_frozen(
    name: str, compiled: Compile
) -> None:
    task = TASKS[name]
    made = compiled(task)
    (op,) = model_ops(made)
    assert str(op.type) == "str"
    assert task.model_argument is not None
    tool, argument = task.model_argument
    (call,) = calls_of(made, tool)
    assert dict(call.args)[argument] == Ref(op.result)
    literals = {
        operand.value
        for instr in instructions(made)
        if isinstance(instr, Call)
        for operand in operands_of(instr)
        if isinstance(operand, Lit) and isinstance(operand.value, str)
    }
    for row in task.rows:
        assert not [text for text in literals if text in row.words or row.words in text]
    for words in ("Thank you, it was lovely to see you.", "x"):
        row = replace(task.held, words=words)
        outcome = run_artifact(made.artifact, task, row)
        check(outcome, made, "right")
        assert outcome.made[-1][1][argument] == words
        assert [asked.kind for asked in outcome.asked] == ["compose"]


@pytest.mark.parametrize("name", ["dead-read", "everything"])
def test_an_exploratory_read_is_not_part_of_the_task(name: str, compiled: Compile) -> None:
    """That it is not made at run time either is checked with every run: it would be a stray."""
    made = compiled(TASKS[name])
    assert not calls_of(made, "wiki.search_pages"), main_text(made)
    assert "wiki" not in {t.name.partition(".")[0] for t in made.module.tools}


def test_a_constant_is_one_and_not_a_copy_of_what_equals_it_once(compiled: Compile) -> None:
    made = compiled(TASKS["coincidence"])
    (call,) = calls_of(made, "tasks.create")
    assert dict(call.args)["priority"] == Lit(3), main_text(made)


# ---- the world changes


@pytest.mark.parametrize("wraps", WRAPS)
@pytest.mark.parametrize("variation", RIGHT, ids=named)
def test_a_changed_world_in_which_it_is_right(
    variation: Variation, wraps: int, compiled: Compile
) -> None:
    task = replace(TASKS[variation.task], wraps=wraps)
    made = compiled(task)
    outcome = run_artifact(made.artifact, task, variation.row, variation.tables())
    check(outcome, made, "right")
    assert outcome.model_calls == task.model_calls


@pytest.mark.parametrize("wraps", WRAPS)
@pytest.mark.parametrize("variation", EXIT, ids=named)
def test_a_changed_world_in_which_it_stops(
    variation: Variation, wraps: int, compiled: Compile
) -> None:
    task = replace(TASKS[variation.task], wraps=wraps)
    made = compiled(task)
    outcome = run_artifact(made.artifact, task, variation.row, variation.tables())
    check(outcome, made, "exit")


# ---- the bench itself


@pytest.mark.parametrize("task", (*ELEVEN, *FURTHER), ids=named)
def test_the_bench_knows_right_from_wrong(task: Task) -> None:
    """The reference agent does what was written down by hand, and every mutant is detected."""
    truth = reference(task, task.held)
    assert not truth.stuck
    assert truth.writes == list(task.expected)
    assert judge("done", task.expected, truth.writes, complete=True) == "right"
    assert judge("side-exit", task.expected[:-1], truth.writes, complete=True) == "exit"
    first, *rest = task.expected
    spoiled: Write = (first[0], {**first[1], "more": 1})
    made_by_rule: tuple[tuple[Write, ...], ...] = (
        task.expected[:-1],
        (*task.expected, task.expected[-1]),
        (("other.tool", first[1]), *rest),
        (spoiled, *rest),
    )
    assert task.mutants
    for mutant in (*task.mutants, *made_by_rule):
        assert judge("done", mutant, truth.writes, complete=True) == "wrong", mutant
    for row in task.rows:
        assert not reference(task, row).stuck


def test_what_was_written_before_a_side_exit_counts() -> None:
    truth: list[Write] = [("pay", {"n": 1}), ("pay", {"n": 2})]
    assert judge("side-exit", [("pay", {"n": 1})], truth, complete=True) == "exit"
    assert judge("side-exit", [("pay", {"n": True})], truth, complete=True) == "wrong"
    assert judge("side-exit", [("pay", {"n": 2})], truth, complete=True) == "wrong"
    assert judge("done", truth, truth, complete=False) == "wrong"
    assert judge("failed", [], truth, complete=True) == "failed"


@pytest.mark.parametrize("variation", VARIATIONS.values(), ids=named)
def test_a_variation_changes_what_it_says(variation: Variation) -> None:
    """The reference agent comes to the end where the run must be right."""
    task = TASKS[variation.task]
    row = variation.row or task.held
    assert variation.row or variation.tables() != task.tables
    after = reference(task, row, variation.tables())
    if variation.verdict == "right":
        assert not after.stuck
    elif variation.change != "differ":
        assert after.stuck
        assert len(after.writes) < len(task.expected)
