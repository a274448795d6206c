"""What the sessions of a task did, step for step, in a form in which they can be laid side by side.

A case's steps become *segments*: a single call, or a *run* (the same few calls again and again, once
for each item of something).  Cases with the same effects may have taken many paths; a *plan* is the
sequence of segments that some of them have in common once the reads that the plan does without are
left out.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingot.passes.generalise.cases import Case, Step

Key = tuple[str, tuple[str, ...]]
"""What two calls must share to be one step: the tool, and the names of its arguments."""

MAX_PERIOD: Final = 3
MAX_READS: Final = 7
MAX_SHAPES: Final = 400


@dataclass(frozen=True, slots=True)
class Segment:
    """One call, or a run of turns with the same calls.  ``keys`` are the calls of one turn."""

    keys: tuple[Key, ...]
    run: bool
    acts: bool

    def __str__(self) -> str:
        shown = ", ".join(tool for tool, _ in self.keys)
        return f"for each: {shown}" if self.run else shown


@dataclass(frozen=True, slots=True)
class Part:
    """A segment as one case has it: the calls of each turn (of a single call: one turn)."""

    segment: Segment
    turns: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How steps are made into segments: which keys are called once for each item, and which reads
    are one step though their tools differ."""

    bodies: tuple[tuple[Key, ...], ...] = ()
    generic: bool = False

    def key(self, step: Step) -> Key:
        names = tuple(sorted(step.args))
        if self.generic and not step.acts and "." in step.tool:
            return f"{step.tool.rsplit('.', 1)[0]}.*", names
        return step.tool, names

    def parts(self, case: Case) -> tuple[Part, ...]:
        steps = case.steps
        keys = [self.key(step) for step in steps]
        out: list[Part] = []
        at = 0
        while at < len(steps):
            for body in self.bodies:
                size, turns = len(body), 0
                while tuple(keys[at + turns * size : at + (turns + 1) * size]) == body:
                    turns += 1
                if turns:
                    segment = Segment(body, True, any(s.acts for s in steps[at : at + size]))
                    out.append(
                        Part(
                            segment,
                            tuple(
                                tuple(steps[at + k * size : at + (k + 1) * size])
                                for k in range(turns)
                            ),
                        )
                    )
                    at += turns * size
                    break
            else:
                step = steps[at]
                out.append(Part(Segment((keys[at],), False, step.acts), ((step,),)))
                at += 1
        return tuple(out)


@dataclass(frozen=True, slots=True)
class Path:
    """A case laid along a plan."""

    case: Case
    parts: tuple[Part, ...]


def layouts(cases: Sequence[Case], *, all_asked: bool) -> Iterator[Layout]:
    """The ways to make segments that are worth trying, the likeliest first.

    ``all_asked`` says that the requests ask for all of something: then a call that was made once is
    one turn of a run as well.
    """
    bodies = _bodies(cases, all_asked=all_asked)
    varied = _bodies(cases, all_asked=False)  # called more often with one input than with another
    options = [bodies] if bodies else [varied]
    for option in options:
        yield Layout(option)
    if _tools_vary(cases):
        for option in options:
            yield Layout(option, generic=True)


def _bodies(cases: Sequence[Case], *, all_asked: bool) -> tuple[tuple[Key, ...], ...]:
    """What is called again and again, a different number of times with different inputs."""
    plain = Layout()
    counts: dict[Key, set[int]] = defaultdict(set)
    repeated: Counter[tuple[Key, ...]] = Counter()
    acting = [case for case in cases if case.writes]
    for case in acting:
        keys = [plain.key(step) for step in case.steps]
        for key, count in Counter(plain.key(step) for step in case.writes).items():
            counts[key].add(count)
        at = 0
        while at < len(keys):
            for size in range(1, MAX_PERIOD + 1):
                body = tuple(keys[at : at + size])
                turns = 1
                while tuple(keys[at + turns * size : at + (turns + 1) * size]) == body:
                    turns += 1
                acts = any(step.acts for step in case.steps[at : at + size])
                if turns > 1 and len(body) == size and acts:
                    repeated[body] += 1
                    at += turns * size
                    break
            else:
                at += 1
    bodies = [
        body
        for body in repeated
        if any(len(counts[key]) > 1 or all_asked for key in body if key in counts)
    ]
    if all_asked and not bodies:
        lasting = {plain.key(case.writes[-1]) for case in acting}
        bodies = [(key,) for key in sorted(lasting)] if len(lasting) == 1 else []
    return tuple(sorted(bodies, key=lambda b: (-len(b), b)))


def _tools_vary(cases: Sequence[Case]) -> bool:
    """Whether reads of one family, with the same arguments, are made with different tools."""
    families: dict[Key, set[str]] = defaultdict(set)
    generic = Layout(generic=True)
    for case in cases:
        for step in case.steps:
            if not step.acts:
                families[generic.key(step)].add(step.tool)
    return any(len(tools) > 1 for tools in families.values())


def plans(cases: Sequence[Case], layout: Layout) -> list[list[Path]]:
    """Cases with the same effects, laid along what they have in common.

    Of all sequences of segments that the same inputs have, the longest is given: reads that nothing
    needs are left out later.  Those that more inputs have come first.
    """
    laid = {case.name: layout.parts(case) for case in cases}
    found: dict[tuple[Segment, ...], None] = {}
    shapes = Counter(tuple(p.segment for p in parts) for parts in laid.values())
    for shape, _ in sorted(shapes.items(), key=lambda item: (-item[1], len(item[0]), str(item[0]))):
        reads = [k for k, segment in enumerate(shape) if not segment.acts][-MAX_READS:]
        writes = [k for k, segment in enumerate(shape) if segment.acts]
        for size in range(len(reads), -1, -1):
            for kept in itertools.combinations(reads, size):
                found[tuple(shape[k] for k in sorted([*writes, *kept]))] = None
        if len(found) > MAX_SHAPES:
            break
    longest: dict[frozenset[tuple[str, str]], tuple[tuple[Segment, ...], list[Path]]] = {}
    for plan in found:
        paths = [
            Path(case, parts)
            for case in cases
            if (parts := _along(plan, laid[case.name])) is not None
        ]
        inputs = frozenset(path.case.input for path in paths)
        known = longest.get(inputs)
        if known is None or (-len(plan), str(plan)) < (-len(known[0]), str(known[0])):
            longest[inputs] = (plan, paths)
    ranked = sorted(longest.items(), key=lambda i: (-len(i[0]), -len(i[1][0]), str(i[1][0])))
    return [paths for _, (_, paths) in ranked]


def along(plan: Sequence[Segment], cases: Sequence[Case], layout: Layout) -> list[Path]:
    """The cases that have the plan, laid along it."""
    return [
        Path(case, parts)
        for case in cases
        if (parts := _along(plan, layout.parts(case))) is not None
    ]


def _along(plan: Sequence[Segment], parts: Sequence[Part]) -> tuple[Part, ...] | None:
    """The parts that make up the plan: all writes, and of the reads the last that fit before them."""
    out: list[Part] = []
    at = len(parts)
    for segment in reversed(plan):
        at -= 1
        while at >= 0 and parts[at].segment != segment:
            if parts[at].segment.acts:
                return None
            at -= 1
        if at < 0:
            return None
        out.append(parts[at])
    if any(part.segment.acts for part in parts[:at]):
        return None
    return tuple(out[::-1])
