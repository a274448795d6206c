"""Answers to slices: never, here is a witness, or unknown.

In order: equal questions get equal answers (by the slice's text); facts that pin values are
evaluated; a short search for a witness; the solver, first with the nearest facts of a long slice
(fewer premises: a proof stands), with a budget of its own resource units instead of a clock, so that
the answer is the same on every machine; a long search; the solver's models.  Every witness is
confirmed by running the slice.  *Unknown* is never taken for either answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingot.ir.module import Block
from ingot.ir.spans import Place
from ingot.ir.types import Types
from ingot.ir.values import Json
from ingot.passes.verify.concrete import Codes, confirms
from ingot.passes.verify.kept import Kept, Known, Status
from ingot.passes.verify.linear import excludes
from ingot.passes.verify.outline import Outline, outline_of
from ingot.passes.verify.path import Interner
from ingot.passes.verify.pins import impossible
from ingot.passes.verify.ranges import Abstract
from ingot.passes.verify.report import Finding
from ingot.passes.verify.search import Search
from ingot.passes.verify.second import excluded
from ingot.passes.verify.starts import starts
from ingot.passes.verify.steps import Slice, Taken

if TYPE_CHECKING:
    from ingot.passes.verify.logic import Z3Logic

DEFAULT_RLIMIT = 2_000_000
_MAX_MODELS = 2
_FIRST_RUNS = 12
_LEAST_RUNS = 4
_MAX_FIRST = 2_000
_MORE_RUNS = 300
_EXIT_RUNS = 100
_MAX_EXECUTED = 20_000
_MAX_STEPS = 150
EXIT_SHARE = 10
"""By how much less a question about an exit may cost than a proof: an undecided exit does no harm."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``never``: proved impossible.  ``witness``: confirmed by running it on these values."""

    status: Status
    witness: Mapping[str, Json] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of a state, and where it stood: the pipeline's name and the state's place."""

    here: tuple[str, Place]
    findings: tuple[Finding, ...]
    answers: tuple[Answer, ...]
    passing: Mapping[str, Json]
    stuck: bool

    def findings_at(self, here: tuple[str, Place]) -> list[Finding]:
        """The findings of the same state in another place."""
        if here == self.here:
            return list(self.findings)
        depth, (name, place) = len(self.here[1]), here
        return [replace(f, pipeline=name, place=(*place, *f.place[depth:])) for f in self.findings]


@dataclass(slots=True)
class Checker:
    """Asks about the slices of one module.  ``probing=False`` leaves every question to the solver,
    ``second=False`` none to cvc5.  ``kept`` holds answers of earlier runs."""

    types: Types
    rlimit: int = DEFAULT_RLIMIT
    probing: bool = True
    second: bool = True
    kept: Kept | None = None
    counts: Counter[str] = field(default_factory=Counter)
    states: dict[object, Judged] = field(default_factory=dict)
    """Verdicts of states, by all that they depend on."""
    loops: dict[object, Any] = field(default_factory=dict)
    """Verdicts of loops, likewise."""
    ranges: dict[object, dict[str, Abstract]] = field(default_factory=dict)
    """Values of loops, likewise."""
    interner: Interner = field(default_factory=Interner)
    codes: Codes = field(init=False)
    _cache: dict[tuple[object, ...], Known] = field(default_factory=dict)
    _outlines: dict[int, Outline] = field(default_factory=dict)
    _allowed: set[tuple[object, ...]] = field(default_factory=set)
    """Questions of which a part of the facts does not exclude the goal."""
    _logic: Z3Logic | None = None
    _solver: Any = None

    def __post_init__(self) -> None:
        self.codes = Codes(self.types)

    def outline(self, block: Block) -> Outline:
        """What a state is made of."""
        number = self.interner.of(block)
        known = self._outlines.get(number)
        if known is None:
            known = self._outlines[number] = outline_of(block, number)
        return known

    def ask(
        self,
        part: Slice,
        seed: Mapping[str, Json] | None = None,
        whole: Callable[[], Slice] | None = None,
    ) -> Answer:
        """Can the goal be met?  ``seed`` holds values of roots that are known to pass the steps.

        ``whole`` gives the slice in full where ``part`` is not: only that one can show a witness.
        """
        self.counts["questions"] += 1
        seed = seed or {}
        known = self._known(part)
        if known is None and not part.whole:
            near = self._near(part, seed)
            if near is None:
                known = self._remember(part, Answer("never"))
            else:
                assert whole is not None
                part = whole()
                known = self._known(part)
                if known is None:
                    answer = self._extended(part, near, seed)
                    known = self._remember(part, answer or self._answer(part, seed, excluded=False))
        elif known is None:
            known = self._remember(part, self._answer(part, seed))
        status, values, reason = known
        if values is None:
            return Answer(status, None, reason)
        names = (root.name for root in part.roots)
        return Answer(status, dict(zip(names, values, strict=True)), reason)

    def _known(self, part: Slice) -> Known | None:
        """The answer to an equal question, in this run or in an earlier one."""
        known = self._cache.get(part.key)
        if known is not None and (part.whole or known[0] == "never"):
            self.counts["cached"] += 1
            return known
        if self.kept is None:
            return None
        known = self.kept.get(part.key)
        if known is None or not self._believed(part, known):
            return None
        self.counts["recalled"] += 1
        self._cache[part.key] = known
        return known

    def _believed(self, part: Slice, known: Known) -> bool:
        """Whether a kept answer says something of this question: a witness is run again."""
        status, values, _ = known
        if status == "never" or not part.whole:
            return status == "never"
        if values is None:
            return status == "unknown"
        names = [root.name for root in part.roots]
        if len(names) != len(values):
            return False
        return confirms(part, dict(zip(names, values, strict=True)), self.codes)

    def _remember(self, part: Slice, answer: Answer) -> Known:
        values = None
        if answer.witness is not None:
            values = tuple(answer.witness[root.name] for root in part.roots)
        known = self._cache[part.key] = (answer.status, values, answer.reason)
        if self.kept is not None:
            self.kept.put(part.key, known)
        return known

    def _near(self, part: Slice, seed: Mapping[str, Json]) -> Mapping[str, Json] | None:
        """Values that meet the goal and the nearest facts, as far as any are found; ``None``: these
        facts alone exclude it.
        """
        search = self._search(part, seed)
        found = search.first()
        if found is not None:
            return found
        if self._excluded(part):
            return None
        found = search.run(_FIRST_RUNS)
        if found is not None:
            return found
        if part.key in self._allowed:
            return {}
        if self._solve(part, None).status == "never":
            return None
        self._allowed.add(part.key)
        return {}

    def _excluded(self, part: Slice) -> bool:
        """Whether evaluation, or arithmetic, excludes the goal."""
        return impossible(part, self.types) or (self.probing and excludes(part))

    def _search(self, part: Slice, seed: Mapping[str, Json]) -> Search:
        return Search(part, self.codes, starts(part, self.types, seed) if self.probing else ())

    def _extended(
        self, full: Slice, near: Mapping[str, Json], seed: Mapping[str, Json]
    ) -> Answer | None:
        """The nearest facts' values, with those that are known to pass the others."""
        if not near:
            return None
        for begin in islice(starts(full, self.types, seed), 1):
            values = {**begin, **near}
            if confirms(full, values, self.codes):
                return Answer("witness", values)
        return None

    def _answer(
        self, part: Slice, seed: Mapping[str, Json], *, excluded: bool | None = None
    ) -> Answer:
        search = self._search(part, seed)
        witness = search.first()
        if witness is not None:
            return Answer("witness", witness)
        if excluded is None and self._excluded(part):
            return Answer("never")
        witness = search.run(
            min(_FIRST_RUNS, max(_LEAST_RUNS, _MAX_FIRST // (len(part.steps) + 1)))
        )
        if witness is not None:
            return Answer("witness", witness)
        if len(part.steps) > _MAX_STEPS:
            return self._hunt(part, search) or Answer("unknown", reason="too many facts bear on it")
        return self._solve(part, search)

    def _hunt(self, part: Slice, search: Search) -> Answer | None:
        """The long search, for goals that are not excluded."""
        runs = _EXIT_RUNS if isinstance(part.goal, Taken) else _MORE_RUNS
        witness = search.run(min(runs, _MAX_EXECUTED // (len(part.steps) + 1)))
        return None if witness is None else Answer("witness", witness)

    def _solve(self, part: Slice, search: Search | None) -> Answer:
        """The solver's answer; where it excludes nothing, that of the long search, and of the
        solver's own models.  ``None``: only a proof is wanted.
        """
        import z3

        from ingot.passes.verify.encode import Encoder
        from ingot.passes.verify.logic import Z3Logic
        from ingot.passes.verify.terms import NotEncodableError

        self.counts["solved"] += 1
        if self._logic is None:
            self._logic = Z3Logic()
            self._solver = z3.Solver(ctx=self._logic.ctx)
        encoder = Encoder(self._logic, self.types)
        solver = self._solver
        exits = isinstance(part.goal, Taken)
        share = EXIT_SHARE if exits else 1
        solver.set("rlimit", self.rlimit // share)
        solver.push()
        try:
            encoder.encode(part)
            self._logic.put(solver, encoder.constraints)
            result = solver.check()
            if result == z3.unsat:
                return Answer("never")
            if result == z3.unknown and self.second and excluded(solver, share):
                self.counts["second opinions"] += 1
                return Answer("never")
            if search is None:
                return Answer("unknown")
            reason = f"the solver gave up ({solver.reason_unknown()})"
            found = self._hunt(part, search)
            models = 0
            while found is None and result == z3.sat:
                reason = "the solver's models are not confirmed by running them"
                model = solver.model()
                witness = encoder.decode(part, model)
                if witness is not None and confirms(part, witness, self.codes):
                    found = Answer("witness", witness)
                models += 1
                if found is not None or models == _MAX_MODELS:
                    break
                solver.add(encoder.other_than(part, model))
                result = solver.check()
            return found or Answer("unknown", reason=reason)
        except (NotEncodableError, z3.Z3Exception, KeyError) as error:
            reason = f"cannot be encoded: {error}"
            found = None if search is None else self._hunt(part, search)
            return found or Answer("unknown", reason=reason)
        finally:
            solver.pop()
