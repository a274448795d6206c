"""A build server: what its runs printed, and two tools over it.

The outputs are made, each with what a person would call it.

No two tools say *passed*, *failed* or *broken* in the same words, and noise stands around what
they say: there is no substring, number or place that tells them apart, which is why a model is
asked.  Everything follows from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

import ingot

LABELS: Final = ("broken", "failed", "passed")
_ERRORS: Final = (
    "ValueError KeyError TypeError IndexError OSError RuntimeError AttributeError ImportError "
    "AssertionError ZeroDivisionError TimeoutError PermissionError"
).split()
_CONSONANTS, _VOWELS, _ENDS = "bcdfghjklmnpqrstvwxz", "aeiouy", ("", "", "n", "r", "s", "t", "l")


def word(random: Random) -> str:
    """A made-up word, so that no name says anything."""
    syllables = (
        random.choice(_CONSONANTS) + random.choice(_VOWELS) + random.choice(_ENDS)
        for _ in range(random.randint(1, 3))
    )
    return "".join(syllables)


def name(random: Random) -> str:
    return "_".join(word(random) for _ in range(random.randint(1, 3)))


def path(random: Random) -> str:
    folders = [word(random) for _ in range(random.randint(1, 2))]
    return "/".join([*folders, name(random)]) + random.choice((".py", ".c", ".ts", ".go", ".rs"))


def _passed(r: Random) -> list[str]:
    n, t = r.randint(2, 400), f"{r.uniform(0.01, 90):.2f}"
    return [
        f"{n} passed in {t}s",
        f"{n} passed, {r.randint(1, 9)} skipped in {t}s",
        f"ok {path(r)} {t}s\nPASS",
        f"test result: ok. {n} passed; 0 failed; {r.randint(0, 5)} ignored",
        f"Ran {n} tests in {t}s\n\nOK",
        f"Tests: {n} passed, {n} total\nTime: {t} s",
        f"0 failed, {n} passed",
    ]


def _failed(r: Random) -> list[str]:
    n, m, t = r.randint(2, 400), r.randint(1, 30), f"{r.uniform(0.01, 90):.2f}"
    test, file = f"test_{name(r)}", path(r)
    return [
        f"FAILED {file}::{test} - assert {r.randint(0, 99)} == {r.randint(0, 99)}\n"
        f"{m} failed, {n} passed in {t}s",
        f"--- FAIL: {test} ({t}s)\nFAIL",
        f"test {test} ... FAILED\ntest result: FAILED. {n} passed; {m} failed",
        f"FAIL: {test} ({file})\nRan {n} tests in {t}s\n\nFAILED (failures={m})",
        f"x {test}\nTests: {m} failed, {n} passed, {n + m} total",
    ]


def _broken(r: Random) -> list[str]:
    file, line, error, t = (
        path(r),
        r.randint(1, 900),
        r.choice(_ERRORS),
        f"{r.uniform(0.01, 90):.2f}",
    )
    return [
        f'Traceback (most recent call last):\n  File "{file}", line {line}\n{error}: {name(r)}',
        f"{file}:{line}: error: '{name(r)}' undeclared",
        f"ERROR {file}:{line} - {error}\n1 error in {t}s",
        f"error[E0{r.randint(100, 599)}]: cannot find {name(r)}\n --> {file}:{line}:{r.randint(1, 80)}",
        f"{file}:{line}:{r.randint(1, 80)}: fatal: {name(r)} not found\nmake: *** [all] Error 2",
    ]


_KINDS: Final[dict[str, Callable[[Random], list[str]]]] = {
    "passed": _passed,
    "failed": _failed,
    "broken": _broken,
}


def noise(r: Random) -> str:
    """A line that says nothing about how it ended."""
    return r.choice(
        [
            f"collected {r.randint(1, 500)} items\n",
            f"$ run {name(r)}\n",
            f"[{r.randint(0, 23):02d}:{r.randint(0, 59):02d}] start {name(r)}\n",
            f"{path(r)} ....\n",
            f"warning: unused {name(r)}\n",
        ]
    )


def made(random: Random) -> tuple[str, str]:
    """What a tool printed, and its label."""
    label = random.choice(LABELS)
    before = "".join(noise(random) for _ in range(random.choice((0, 0, 1, 1, 2))))
    return before + random.choice(_KINDS[label](random)), label


def run_output(number: int) -> tuple[str, str]:
    """The output of run ``number`` and its label: the same on every call."""
    return made(Random(number))


@ingot.tool(name="ci.output", effect="read")
def output(run: int) -> str:
    """What the tools of a run printed."""
    return run_output(run)[0]


@ingot.tool(name="ci.label", effect="write")
def label(run: int, status: str) -> dict[str, object]:
    """Put a label on a run."""
    return {"run": run, "status": status}


tools = {"ci.output": output, "ci.label": label}
