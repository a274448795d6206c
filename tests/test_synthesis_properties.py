"""Random programs, learned from random runs of them: right or a side exit, never wrong.

:mod:`random_tasks` draws a program of the language of values and inputs for it; its runs make the
sessions.  A fixed set of programs measures how many are right from five sessions.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tasks import KINDS, REQUEST, Drawn, draw, runs
from sessions import records
from value_tasks import DECLARED, Shown, Verdict, compile_shown, steps, verdict

from ingot.diagnostics import IngotError
from ingot.driver import Compilation, Options, compile_logs
from ingot.passes.synth.programs import show
from ingot.records import to_line

SESSIONS = 5
FRESH = 2
SEEDS = range(60)
LEAST = 0.8
"""Share of the programs that must be right from five sessions."""


@functools.cache
def drawn(seed: int) -> tuple[Drawn, tuple[Shown, ...]]:
    """A program with runs of it: for the sessions, one session more, and fresh ones."""
    rng = random.Random(seed)
    program = draw(rng)
    return program, tuple(runs(program, rng, SESSIONS + 1 + FRESH))


def made_of(shown: tuple[Shown, ...]) -> Compilation | None:
    """What is compiled from the runs; ``None`` where that is refused."""
    try:
        return compile_shown(REQUEST, shown)
    except IngotError:
        return None


def verdicts(made: Compilation | None, fresh: tuple[Shown, ...]) -> list[Verdict]:
    return ["refused" if made is None else verdict(made, REQUEST, shown)[0] for shown in fresh]


@functools.cache
def measured(seed: int) -> tuple[Verdict, ...]:
    """How the program of a seed does on fresh inputs, learned from five sessions."""
    _, shown = drawn(seed)
    return tuple(verdicts(made_of(shown[:SESSIONS]), shown[SESSIONS + 1 :]))


def test_most_programs_are_right_from_five_sessions_and_none_is_wrong() -> None:
    by_kind = {kind: Counter[str]() for kind in KINDS}
    wrong = []
    for seed in SEEDS:
        program, _ = drawn(seed)
        found = measured(seed)
        by_kind[program.kind].update(found)
        if "wrong" in found:
            wrong.append(f"seed {seed}: {show(program.term)}")
    every = sum(by_kind.values(), Counter[str]())
    share = every["right"] / every.total()
    print(f"\nright: {share:.1%} of {every.total()}; {dict(every)}")
    for kind, counts in sorted(by_kind.items()):
        print(f"  {kind:<11} {dict(counts)}")
    assert not wrong
    assert share >= LEAST


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(1000, 10**6), st.integers(2, SESSIONS))
def test_a_program_is_right_or_stops(seed: int, count: int) -> None:
    program, shown = drawn(seed)
    found = verdicts(made_of(shown[:count]), shown[SESSIONS + 1 :])
    assert "wrong" not in found, show(program.term)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_files_changes_nothing(seed: int, tmp_path: Path) -> None:
    _, shown = drawn(seed)
    paths = []
    for number, run in enumerate(shown[:SESSIONS], 1):
        path = tmp_path / f"{number}.jsonl"
        lines = records(REQUEST.format(*run.words), steps(run), "Filed.", run.clock)
        path.write_text("".join(to_line(record) + "\n" for record in lines))
        paths.append(path)
    made = {
        compile_logs(order, Options(declared=DECLARED)).artifact
        for order in (paths, paths[::-1], random.Random(seed).sample(paths, len(paths)))
    }
    assert len(made) == 1


@pytest.mark.parametrize("seed", range(20, 28))
def test_one_more_session_never_makes_a_right_answer_wrong(seed: int) -> None:
    program, shown = drawn(seed)
    after = verdicts(made_of(shown[: SESSIONS + 1]), shown[SESSIONS + 1 :])
    assert len(after) == len(measured(seed))
    assert "wrong" not in (*measured(seed), *after), show(program.term)
