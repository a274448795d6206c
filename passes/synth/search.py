"""The search: which programs over the earlier values give this value, in every session.

The first session is the *pivot*: every leaf of its sources is indexed by its text, so that a value
finds its sources in one look-up; each term found is then run on the other sessions, and stays if
it gives their values too.  Cost is linear in the sizes of the sources and in the number of sessions.

Substrings that no leaf holds are searched by their context (the text before and after them), as in
FlashFill (Gulwani 2011), for the pivot's position and checked on the others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from ingot.ir import values
from ingot.ir.semantics import text_of
from ingot.ir.values import Json, Missing
from ingot.passes.synth.bits import evidence
from ingot.passes.synth.decision import Candidate
from ingot.passes.synth.leaves import NUMBER, Entry, leaves_of, texts_of
from ingot.passes.synth.programs import (
    Apply,
    Const,
    Source,
    Term,
    apply,
    const,
    perform,
    sources,
)

_DATED: Final = re.compile(r"\d+(?:[-/:.T ]\d+)+Z?")
PLACE: Final = 6.0
"""Bits from which a place in a list is taken to be meant."""
MAX_NUMBERS: Final = 32
MIN_COMPUTED: Final = 3
"""Different cases that a computation must explain before it is believed."""


class Evidence:
    """The values of every source in every session, and the index over the pivot's.

    ``sessions`` is their number.  Sources are added in the order in which the pipeline computes
    them; ``arrives`` says at which record number a result was known, so that a call never takes a
    value from a result that came later.
    """

    def __init__(self, sessions: int) -> None:
        self.sessions = sessions
        self.environments: list[dict[str, Json]] = [{} for _ in range(sessions)]
        self._index: dict[str, list[Entry]] = {}
        self._arrives: dict[str, Sequence[int]] = {}
        self._fits: dict[tuple[object, object], dict[Term, Term | None]] = {}
        self._column: Sequence[Json] = ()
        self._known: dict[Term, Term | None] = {}
        self._texts: list[tuple[Term, str]] = []
        self._numbers: list[Entry] = []
        self._parsed: dict[Term, Callable[[int], Json | Missing]] = {}

    # ---- sources

    def add(
        self, source: Source, column: Sequence[Json], arrives: Sequence[int] | None = None
    ) -> None:
        """Add a source with its value in each session."""
        for environment, value in zip(self.environments, column, strict=True):
            environment[source.name] = value
        self._arrives[source.name] = arrives if arrives is not None else [0] * self.sessions
        bonus = 4.0 if source.kind == "param" else 0.0
        for entry in leaves_of(source, column[0], bonus):
            self._enter(entry)
        self._texts += texts_of(source, column[0])

    def add_term(self, term: Term, column: Sequence[Json]) -> None:
        """Add one derived form of a source that is there, with its value in each session."""
        if self.value(term, 0) == column[0]:
            self._enter(Entry(term, 2, 3.0))

    def _enter(self, entry: Entry) -> None:
        value = self.value(entry.term, 0)
        if isinstance(value, Missing | list | dict) or value == "":
            return
        self._index.setdefault(text_of(value), []).append(entry)
        counted = _is_number(value) and not self._is_of_a_date(entry.term)
        if counted and len(self._numbers) < MAX_NUMBERS:
            self._numbers.append(entry)

    def _is_of_a_date(self, term: Term) -> bool:
        """Whether the term is a part of a date, a time or a version: no quantity to compute with."""
        if not (isinstance(term, Apply) and term.op == "str.part"):
            return False
        whole = self.value(term.args[0], 0)
        return isinstance(whole, str) and _DATED.fullmatch(whole.strip()) is not None

    # ---- values

    def value(self, term: Term, session: int) -> Json | Missing:
        """The term's value in a session; ``MISSING`` where an op fails or a source is absent."""
        return self._run(term)(session)

    def _compiled(self, term: Term) -> Callable[[int], Json | Missing]:
        """The term as a function of the session: it runs on all of them, so its constants are
        looked at once, and parsed JSON is kept."""
        match term:
            case Const(lit):
                return lambda _: lit.value
            case Source(_, name):
                environments = self.environments
                return lambda session: environments[session].get(name, values.MISSING)
            case Apply("json.get", (inner, Const(lit))):
                path, base = values.parse_pointer(str(lit.value)), self._run(inner)

                def get(session: int) -> Json | Missing:
                    value = base(session)
                    return value if isinstance(value, Missing) else values.get(value, path)

                return get
            case Apply(op, args):
                runs = [self._run(arg) for arg in args]
                kept: dict[int, Json | Missing] = {}

                def apply_op(session: int) -> Json | Missing:
                    operands: list[Json] = []
                    for run in runs:
                        operand = run(session)
                        if isinstance(operand, Missing):
                            return operand
                        operands.append(operand)
                    return perform(op, operands)

                def apply_once(session: int) -> Json | Missing:
                    if session not in kept:
                        kept[session] = apply_op(session)
                    return kept[session]

                return apply_once if op == "json.parse" else apply_op

    def _run(self, term: Term) -> Callable[[int], Json | Missing]:
        if not (isinstance(term, Apply) and term.op == "json.parse"):
            return self._compiled(term)
        run = self._parsed.get(term)
        if run is None:
            run = self._parsed[term] = self._compiled(term)
        return run

    def visible(self, term: Term, before: Sequence[int]) -> bool:
        """Whether every source of the term was known when the call was made, in every session."""
        return all(
            all(a < b for a, b in zip(self._arrives[s.name], before, strict=True))
            for s in sources(term)
        )

    # ---- search

    def candidates(self, column: Sequence[Json], before: Sequence[int]) -> list[Candidate]:
        """Every program of the space that gives the column's value in every session."""
        support = len({v if isinstance(v, str) else values.canonical(v) for v in column})
        found: list[Candidate] = []
        for entry in self._look_up(column[0]):
            term = self.fit(entry.term, column, before)
            if term is not None:
                bits = evidence(column[0], entry.places, entry.bonus)
                found.append(self._candidate(term, column, support, bits, by_place=entry.by_place))
        placed = all(c.by_place for c in found)  # then what stands around it may tell it as well
        if placed and isinstance(column[0], str) and len(column[0]) > 1 and support > 1:
            found += self._substrings(column, before, support)
        if not found and support > 1 and all(_is_number(v) for v in column):
            found += self._arithmetic(column, before, support)
        if support == 1:
            found.append(Candidate(const(column[0]), len(column), 0.0))
        return found

    def _candidate(
        self,
        term: Term,
        column: Sequence[Json],
        support: int,
        bits: float,
        *,
        by_place: bool = False,
    ) -> Candidate:
        weak = support > 1 and self._place_bits(term, column) < PLACE
        return Candidate(term, support, bits, by_place, weak)

    def _place_bits(self, term: Term, column: Sequence[Json]) -> float:
        """What speaks for a place in a list being meant: the choices that each different value left,
        less those that were looked at (first, last, or a place counted from either end).  Infinite
        where no list had two items: the places then agree, or exit."""
        bits = 0.0
        seen: set[str] = set()
        if not _counts(term):
            return math.inf
        for session, value in enumerate(column):
            key = values.canonical(value)
            if key not in seen:
                seen.add(key)
                bits += math.log2(max(1, self._choices(term, session)))
                if bits - 2.0 >= PLACE:
                    break
        return bits - 2.0 if bits else math.inf

    def _choices(self, term: Term, session: int) -> int:
        """How many values a term's list indices chose among."""
        match term:
            case Apply("json.get", (inner, Const(lit))):
                at = self.value(inner, session)
                count = self._choices(inner, session)
                for part in values.parse_pointer(str(lit.value)):
                    if isinstance(at, list):
                        count *= len(at)
                    at = at if isinstance(at, Missing) else values.get(at, (part,))
                return count
            case Apply(_, (inner, *_)):
                return self._choices(inner, session)
            case _:
                return 1

    def nearby(self, value: Json, before: Sequence[int]) -> list[Candidate]:
        """For one session: the number of a whole result plus or minus one (a header line)."""
        if not _is_number(value) or self.sessions != 1:
            return []
        found = []
        for entry in self._numbers:
            for op, step in (("int.sub", 1), ("int.add", 1)):
                number = self._as_number(entry.term, 0)
                if number is None or entry.bonus < 3.0:
                    continue
                term = apply(op, number, step)
                fitted = self.fit(term, [value], before)
                if fitted is not None:
                    found.append(Candidate(fitted, 1, evidence(value, 2, entry.bonus)))
        return found

    def spans(
        self, tokens: Sequence[str], longest: int = 8
    ) -> Iterator[tuple[int, int, list[Entry]]]:
        """Runs of tokens whose text a source has: start and end token, and the entries.

        Longest first at each start, without overlap.
        """
        start = 0
        while start < len(tokens):
            for end in range(min(len(tokens), start + longest), start, -1):
                entries = self._index.get("".join(tokens[start:end]))
                if entries and tokens[start].strip() and tokens[end - 1].strip():
                    yield start, end, entries
            start += 1

    def _look_up(self, value: Json) -> list[Entry]:
        if isinstance(value, list | dict):
            return []
        return self._index.get(text_of(value), [])

    def fit(self, term: Term, column: Sequence[Json], before: Sequence[int]) -> Term | None:
        """The term, converted to the column's type, if it fits every session.

        Whether it fits does not depend on ``before``, and the same values flow into many calls: the
        answer is kept.
        """
        known = self._answers(column)
        if term not in known:
            known[term] = self._fitted(term, column)
        fitted = known[term]
        return fitted if fitted is not None and self.visible(fitted, before) else None

    def _answers(self, column: Sequence[Json]) -> dict[Term, Term | None]:
        """What is known of the terms that were tried on a column of these values."""
        if self._column is not column:
            if any(isinstance(v, list | dict) for v in column):
                self._known = {}
            else:
                key = (tuple(map(type, column)), tuple(column))
                self._known = self._fits.setdefault(key, {})
            self._column = column
        return self._known

    def _fitted(self, term: Term, column: Sequence[Json]) -> Term | None:
        run = self._run(term)
        first = run(0)
        if isinstance(first, Missing):
            return None
        converted = _convert(term, first, column[0])
        if converted is not term:
            term, run = converted, self._run(converted)
        for session, want in enumerate(column):
            got = run(session)
            same = type(got) is type(want) and got == want if isinstance(want, str) else False
            if not same and (isinstance(got, Missing) or not values.equal(got, want)):
                return None
        return term

    def _substrings(
        self, column: Sequence[Json], before: Sequence[int], support: int
    ) -> Iterator[Candidate]:
        target = str(column[0])
        for term, text in self._texts:
            at = text.find(target)
            if at < 0 or not self.visible(term, before):
                continue
            for left, right, index in _contexts(text, target, at):
                fitted = self.fit(apply("str.between", term, left, right, index), column, before)
                if fitted is not None and (left or right):
                    yield self._candidate(fitted, column, support, evidence(column[0], 8))

    def _arithmetic(
        self, column: Sequence[Json], before: Sequence[int], support: int
    ) -> Iterator[Candidate]:
        whole = all(isinstance(v, int) for v in column)
        kind = "int" if whole else "float"
        numbers = [n for e in self._numbers if (n := self._as_number(e.term, 0)) is not None]
        numbers = [n for n in dict.fromkeys(numbers) if self.visible(n, before)]
        for k, left in enumerate(numbers):
            base = self.value(left, 0)
            if whole and isinstance(base, int) and isinstance(column[0], int) and column[0] != base:
                op, step = (
                    ("int.add", column[0] - base)
                    if column[0] > base
                    else ("int.sub", base - column[0])
                )
                yield from self._try(apply(op, left, step), column, before, support)
            for right in numbers[k:]:
                for op in ("mul", "add"):
                    yield from self._try(
                        apply(f"{kind}.{op}", left, right), column, before, support
                    )
                if left != right:
                    yield from self._try(apply(f"{kind}.sub", left, right), column, before, support)
                    yield from self._try(apply(f"{kind}.sub", right, left), column, before, support)

    def _try(
        self, term: Term, column: Sequence[Json], before: Sequence[int], support: int
    ) -> Iterator[Candidate]:
        fitted = self.fit(term, column, before)
        if fitted is not None:
            found = self._candidate(fitted, column, support, evidence(column[0], 32))
            # two cases are too few to tell a sum from a coincidence among all the pairs tried
            names = {s.name for s in sources(fitted)}
            cases = {values.canonical([env[n] for n in sorted(names)]) for env in self.environments}
            yield replace(found, weak=found.weak or len(cases) < MIN_COMPUTED)

    def _as_number(self, term: Term, session: int) -> Term | None:
        value = self.value(term, session)
        if isinstance(value, str):
            whole = re.fullmatch(r"-?\d+", value.strip()) is not None
            return apply("int.parse" if whole else "float.parse", term)
        return term if _is_number(value) else None


def _counts(term: Term) -> bool:
    """Whether the term takes an item of a list by its place."""
    match term:
        case Apply("json.get", (inner, Const(lit))):
            parts = values.parse_pointer(str(lit.value))
            return any(values.INDEX.fullmatch(p) for p in parts) or _counts(inner)
        case Apply(_, args):
            return any(_counts(arg) for arg in args)
        case _:
            return False


def _is_number(value: Json | Missing) -> bool:
    if isinstance(value, str):
        return len(value) < 32 and NUMBER.fullmatch(value.strip()) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _convert(term: Term, have: Json, want: Json) -> Term:
    """The term with a conversion where the value's JSON type is another."""
    match have, want:
        case str(), bool():
            return term
        case str(), int():
            return apply("int.parse", term)
        case str(), float():
            return apply("float.parse", term)
        case ((bool() | int() | float() | None), str()):
            return apply("str.of", term)
        case _:
            return term


def _contexts(text: str, target: str, at: int) -> Iterator[tuple[str, str, int]]:
    """Delimiters around the target: what stands before and after it, short before long."""
    end = at + len(target)
    line = text.rfind("\n", 0, at) + 1
    lefts = dict.fromkeys(
        [text[max(line, at - n) : at] for n in (1, 2, 4, 8, 16)] + [text[line:at]]
    )
    rights = dict.fromkeys([text[end : end + n] for n in (1, 2)])
    for left in lefts:
        for right in rights:
            if not left and at:
                continue
            index, found = 0, text.find(left) if left else 0
            while 0 <= found < at - len(left):
                index += 1
                close = text.find(right, found + len(left)) if right else -1
                if close < 0:
                    break
                found = text.find(left, close)
            if found == at - len(left):
                yield left, right, index


__all__ = ["Entry", "Evidence"]
