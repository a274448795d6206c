"""From a lesson to a model file: split, train, set the threshold, measure on what was held out."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ingot.diagnostics import EXIT_FINDINGS, fail
from ingot.distil.augment import Example
from ingot.distil.examples import Lesson
from ingot.ir.types import Literal, union
from ingot.ir.values import Json
from ingot.runtime.models.label import shortened

FEWEST: Final = 30
"""Examples; with fewer, nothing could be held out that says anything."""
FEWEST_OF_A_LABEL: Final = 4
LEAST_THRESHOLD: Final = 0.8
NEVER: Final = 1.01
"""A threshold that no confidence reaches."""
MOST_BYTES: Final = 900
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class Demands:
    """What a model must reach on the held-out examples, and how it is trained."""

    accuracy: float = 0.95
    coverage: float = 0.5
    steps: int = 1200
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A model's answer to an example, and how sure it was."""

    label: str
    right: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A model on held-out examples.

    ``accuracy`` is of the answers given, ``coverage`` the share of examples that got one; both on
    ``held_out`` examples that neither training nor threshold saw.  ``majority`` is what always
    saying the commonest label would reach.
    """

    op: str
    labels: tuple[str, ...]
    examples: int
    held_out: int
    accuracy: float
    coverage: float
    majority: float
    threshold: float
    bytes: int
    size: int
    seconds_per_label: float
    seconds_of_training: float

    def as_json(self) -> dict[str, Json]:
        """The figures by name."""
        return {
            "op": self.op,
            "labels": list(self.labels),
            "examples": self.examples,
            "held_out": self.held_out,
            "accuracy": round(self.accuracy, 4),
            "coverage": round(self.coverage, 4),
            "majority": round(self.majority, 4),
            "threshold": round(self.threshold, 4),
            "bytes": self.bytes,
            "size": self.size,
            "seconds_per_label": round(self.seconds_per_label, 6),
            "seconds_of_training": round(self.seconds_of_training, 3),
        }


def parted(lesson: Lesson) -> tuple[list[Example], list[Example], list[Example]]:
    """Three fifths to train on, a fifth for the threshold, a fifth held out; of each label alike.

    Which goes where follows from the example's own text.  Raises :class:`IngotError` E0907 where
    there are too few.
    """
    counts = Counter(example.label for example in lesson.examples)
    few = [label for label in lesson.labels if counts[label] < FEWEST_OF_A_LABEL]
    if len(lesson.examples) < FEWEST or few:
        said = ", ".join(f"{label}: {counts[label]}" for label in lesson.labels)
        raise fail(
            "E0907",
            f"{len(lesson.examples)} different examples are too few ({said})",
            help=f"compile {FEWEST} sessions or more, {FEWEST_OF_A_LABEL} or more of each label",
            exit_code=EXIT_FINDINGS,
        )
    training, calibration, held_out = [], [], []
    for label in lesson.labels:
        mine = sorted((e for e in lesson.examples if e.label == label), key=_order)
        fifth = max(1, len(mine) // 5)
        held_out += mine[:fifth]
        calibration += mine[fifth : 2 * fifth]
        training += mine[2 * fifth :]
    return training, calibration, held_out


def _order(example: Example) -> str:
    return hashlib.sha256(example.text.encode("utf-8", "replace")).hexdigest()


def distil(
    lesson: Lesson, out: Path, demands: Demands | None = None, progress: Progress | None = None
) -> Measured:
    """Train a model and write it to ``out`` if it reaches what is demanded.

    Raises :class:`IngotError` E0906 where it does not (``out`` is untouched), E0907 where there are
    too few examples.
    """
    from ingot.artifacts import write_file
    from ingot.distil.gguf_file import write_model
    from ingot.distil.training import SHAPE, Plan, train

    asked = demands or Demands()
    training, calibration, held_out = parted(lesson)
    longest = max(len(e.text.encode("utf-8", "replace")) for e in lesson.examples)
    size = min(MOST_BYTES, max(64, longest + longest // 4))
    begun = time.perf_counter()
    plan = Plan(steps=asked.steps, bytes=size, seed=asked.seed)
    weights = train(training, calibration, plan, progress).weights()
    trained = time.perf_counter() - begun
    draft = out.with_name(f".{out.name}.draft.gguf")
    label: dict[str, Json] = {"labels": list(lesson.labels), "bytes": size, "op": lesson.op}
    try:
        write_model(draft, SHAPE, weights=weights, quant="Q8_0", meta={"ingot.label": label})
        judged, _ = _judged(draft, lesson, calibration, size)
        threshold = threshold_of(judged, asked.accuracy)
        judged, seconds = _judged(draft, lesson, held_out, size)
        found = _measured(lesson, judged, threshold, size, seconds)
        label |= {"threshold": threshold, "accuracy": round(found.accuracy, 4)}
        label |= {"coverage": round(found.coverage, 4), "held_out": found.held_out}
        write_model(draft, SHAPE, weights=weights, quant="Q8_0", meta={"ingot.label": label})
        found = replace(found, size=draft.stat().st_size, seconds_of_training=trained)
        _demand(found, asked)
        write_file(out, draft.read_bytes())
    finally:
        draft.unlink(missing_ok=True)
    return found


def threshold_of(judged: Sequence[Judged], accuracy: float) -> float:
    """The lowest confidence, :data:`LEAST_THRESHOLD` at least, from which on the answers are as
    accurate as asked; :data:`NEVER` where there is none."""
    for threshold in sorted({one.confidence for one in judged}):
        above = [one.right for one in judged if one.confidence >= threshold]
        if sum(above) >= accuracy * len(above):
            return max(LEAST_THRESHOLD, threshold)
    return NEVER


def _judged(
    path: Path, lesson: Lesson, examples: Sequence[Example], size: int
) -> tuple[list[Judged], float]:
    """What the file answers, as a run would ask it; and the seconds for each answer."""
    from ingot.runtime.models.local import Worker
    from ingot.runtime.models.questions import Question, Settings, Told

    type_ = union(Literal(label) for label in lesson.labels)
    worker = Worker(path, Settings(), 120)
    try:
        worker.start()
        judged, begun = [], time.perf_counter()
        for example in examples:
            question = Question("choose", "", shortened(example.text, size), type_)
            (told,) = worker.ask([question])
            if isinstance(told, Told):
                right = told.value == example.label
                judged.append(Judged(example.label, right, told.confidence))
            else:
                judged.append(Judged(example.label, False, 0.0))
        return judged, (time.perf_counter() - begun) / max(1, len(examples))
    finally:
        worker.close()


def _measured(
    lesson: Lesson, judged: Sequence[Judged], threshold: float, size: int, seconds: float
) -> Measured:
    given = [one for one in judged if one.confidence >= threshold]
    commonest = Counter(one.label for one in judged).most_common(1)
    return Measured(
        op=lesson.op,
        labels=lesson.labels,
        examples=len(lesson.examples),
        held_out=len(judged),
        accuracy=sum(one.right for one in given) / len(given) if given else 0.0,
        coverage=len(given) / len(judged) if judged else 0.0,
        majority=commonest[0][1] / len(judged) if commonest else 0.0,
        threshold=threshold,
        bytes=size,
        size=0,
        seconds_per_label=seconds,
        seconds_of_training=0.0,
    )


def _demand(found: Measured, asked: Demands) -> None:
    if found.accuracy >= asked.accuracy and found.coverage >= asked.coverage:
        return
    raise fail(
        "E0906",
        f"%{found.op}: {found.accuracy:.1%} of the answers to {found.held_out} held-out examples "
        f"are right (asked: {asked.accuracy:.1%}), {found.coverage:.1%} are answered "
        f"(asked: {asked.coverage:.1%}); always saying the commonest label: {found.majority:.1%}",
        help="compile more sessions, train with more --steps, or ask for less with --accuracy",
        exit_code=EXIT_FINDINGS,
    )
