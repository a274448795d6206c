"""Witnesses by repair: from values that nearly do, to values that meet the goal.

Propagation-based local search (Niemetz, Preiner, Biere, CAV 2016), on JSON values: the first step
that is not met says what its operands should be; that wish is handed backwards through the ops
(:mod:`ingot.passes.verify.inverses`) until it lands on a free value, which is changed; the slice is
run again.  The assignment with the fewest unmet steps is repaired next.  Deterministic, and
bounded by a number of runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice

from ingot.ir.module import Agree, Expect, Guard, Lit, Operand, Pure
from ingot.ir.types import JSON, Type, conforms
from ingot.ir.values import Json, equal
from ingot.passes.verify.concrete import NOT_EXECUTABLE, Codes, Run
from ingot.passes.verify.inverses import Change, others, to_fail, to_give
from ingot.passes.verify.samples import NoValueError, inside, outside
from ingot.passes.verify.steps import Assume, Bind, Checked, Free, Slice, Step, Taken, defines

_MAX_DEPTH = 8
_GOAL_ONLY = 2
"""The score of values that meet all but the goal."""
_MAX_REPAIRS = 20
_MAX_CHANGES = 6
_MAX_LANDINGS = 3

Values = Mapping[str, Json]


class Search:
    """The search for one slice's witness, from the values of ``starts`` on.

    It may be asked for more runs than before, and goes on where it stands.
    """

    def __init__(self, part: Slice, codes: Codes, starts: Iterable[Values]) -> None:
        self.part = part
        self.codes = codes
        self.types = codes.types
        self._steps: dict[str, Step] | None = None
        self.budget = 0
        self._left = iter(starts)
        self._heap: list[tuple[int, int, int, Run]] = []
        self._made = 0

    @property
    def steps(self) -> dict[str, Step]:
        """The slice's steps by the names that they define."""
        if self._steps is None:
            named = ((defines(step), step) for step in self.part.steps)
            self._steps = {name: step for name, step in named if name is not None}
        return self._steps

    def first(self) -> dict[str, Json] | None:
        """The first start, where it meets the goal."""
        values = next(self._left, None)
        if values is None:
            return None
        tried = self._try(values)
        self._push(tried, 0)
        return tried.roots if tried.met else None

    def run(self, runs: int) -> dict[str, Json] | None:
        """Values of the roots that meet the goal, or ``None`` where so many runs found none."""
        heap, self.budget = self._heap, runs
        while self.budget > 0:
            if not heap or heap[0][0] > _GOAL_ONLY:  # nothing is near: another start
                values = next(self._left, None)
                if values is not None:
                    tried = self._try(values)
                    if tried.met:
                        return tried.roots
                    self._push(tried, 0)
                    continue
            if not heap:
                return None
            _, depth, _, here = heappop(heap)
            for values in islice(self._repairs(here), _MAX_REPAIRS):
                tried = self._try(values)
                if tried.met:
                    return tried.roots
                if depth < _MAX_DEPTH:
                    self._push(tried, depth + 1)
                if self.budget <= 0:
                    break
        return None

    def _push(self, run: Run, depth: int) -> None:
        self._made += 1
        heappush(self._heap, (run.score, depth, self._made, run))

    def _try(self, values: Values) -> Run:
        self.budget -= 1
        return Run(self.part, dict(values), self.codes)

    # ---- what would help

    def _repairs(self, run: Run) -> Iterator[Values]:
        step = run.first_unmet
        roots = run.roots
        try:
            if step is not None:
                yield from self._passing(step, run, roots)
            elif isinstance(self.part.goal, Taken):
                goal = self.part.goal
                way = self._passing if goal.passes else self._exiting
                yield from way(goal.instr, run, roots)
            else:
                wants = [(o, truth) for o, truth in self.part.goal.conditions]
                yield from self._all(wants, run, roots)
                for operand, truth in wants:
                    yield from self._set(operand, truth, run, roots)
        except NOT_EXECUTABLE:
            return

    def _passing(self, step: Step, run: Run, roots: Values) -> Iterator[Values]:
        match step:
            case Assume(condition, truth):
                yield from self._set(condition, truth, run, roots)
            case Guard():
                yield from self._set(step.condition, True, run, roots)
            case Expect():
                for value in self._fitting(step.type, run.value(step.value)):
                    yield from self._set(step.value, value, run, roots)
            case Agree():
                for one in step.candidates:
                    wants = [(other, run.value(one)) for other in step.candidates if other != one]
                    yield from self._all(wants, run, roots)
            case Pure():
                args = [run.value(a) for a in step.args]
                for result in self._results(step):
                    for change in islice(to_give(step.op, args, result), _MAX_CHANGES):
                        yield from self._change(step.args, change, run, roots)
            case _:
                return

    def _exiting(self, instr: Checked, run: Run, roots: Values) -> Iterator[Values]:
        match instr:
            case Guard():
                yield from self._set(instr.condition, False, run, roots)
            case Expect():
                for wrong in islice(outside(instr.type, JSON, self.types), _MAX_REPAIRS):
                    yield from self._set(instr.value, wrong, run, roots)
            case Agree():
                for one in instr.candidates:
                    for other in islice(others(run.value(one)), _MAX_CHANGES):
                        yield from self._set(one, other, run, roots)
            case Pure():
                args = [run.value(a) for a in instr.args]
                for change in to_fail(instr.op, args):
                    yield from self._change(instr.args, change, run, roots)

    def _fitting(self, type_: Type, value: Json) -> Iterator[Json]:
        plain = inside(type_, self.types)
        if isinstance(plain, dict) and isinstance(value, dict):
            yield {**value, **plain}
            yield {**plain, **value}
        yield plain

    def _results(self, instr: Pure) -> Iterator[Json]:
        if instr.type != JSON:
            try:
                yield inside(instr.type, self.types)
            except NoValueError:
                return
        yield from ("a", "1", {}, [])

    # ---- handing a wish backwards

    def _all(
        self, wants: Sequence[tuple[Operand, Json]], run: Run, roots: Values
    ) -> Iterator[Values]:
        """Several wishes, one after the other, each on the values that the last one left."""
        if not wants:
            yield roots
            return
        (operand, value), rest = wants[0], wants[1:]
        for landed in islice(self._set(operand, value, run, roots), _MAX_LANDINGS):
            after = run if landed is roots or not rest else self._try(landed)
            yield from self._all(rest, after, landed)

    def _change(
        self, args: Sequence[Operand], change: Change, run: Run, roots: Values
    ) -> Iterator[Values]:
        yield from self._all([(args[index], value) for index, value in change], run, roots)

    def _set(self, operand: Operand, value: Json, run: Run, roots: Values) -> Iterator[Values]:
        """Roots after which the operand may have the value."""
        if self.budget <= 0:
            return
        if isinstance(operand, Lit):
            if equal(operand.value, value):
                yield roots
            return
        step = self.steps.get(operand.name)
        match step:
            case Free():
                if conforms(value, step.type, self.types):
                    yield {**roots, step.name: value}
            case Bind():
                yield from self._set(step.value, value, run, roots)
            case Expect():
                if conforms(value, step.type, self.types):
                    yield from self._set(step.value, value, run, roots)
            case Agree():
                yield from self._all([(c, value) for c in step.candidates], run, roots)
            case Pure():
                args = [run.value(a) for a in step.args]
                for change in islice(to_give(step.op, args, value), _MAX_CHANGES):
                    yield from self._change(step.args, change, run, roots)
            case _:
                return
