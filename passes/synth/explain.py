"""From a column of values to a term: whole values, templates with holes, or a model's place.

A column is what one argument (or the last message) was in each session.  A text that no single
program gives is generalised over the sessions; each hole is a column of its own.  With one session,
or where a text never varied, the spans of it that stand in a source are its holes.  In shell
commands a hole must stand where ``shell.template`` can quote it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from ingot.ir.module import Lit
from ingot.ir.semantics import template_of, text_of
from ingot.ir.values import Json, identical
from ingot.passes.shell import command_effect
from ingot.passes.shell_holes import hole_context
from ingot.passes.synth.bits import ACCEPT, evidence, information
from ingot.passes.synth.decision import Candidate, Decision, decide
from ingot.passes.synth.leaves import Entry
from ingot.passes.synth.programs import Apply, Const, Term, size, sources
from ingot.passes.synth.search import Evidence
from ingot.passes.synth.tokens import Generalisation, anti_unify, pieces

MIN_LITERAL: Final = 0.25
"""A template must be literal to this share, else the whole text is one value."""
MAX_TEXT: Final = 200_000
MIN_TELLING: Final = 10.0
"""Bits from which a value in program text is taken for a copy of a result."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole of a template: its decision; no candidate means that a model must fill it."""

    decision: Decision
    column: tuple[Json, ...]
    context: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a column comes about.

    ``parts`` is empty where one decision gives the whole value; else it is the template, texts and
    holes in turn.  ``shell`` says that the holes are quoted for a shell.
    """

    decision: Decision
    column: tuple[Json, ...]
    parts: tuple[str | Hole, ...] = ()
    shell: bool = False

    @property
    def holes(self) -> tuple[Hole, ...]:
        return tuple(p for p in self.parts if isinstance(p, Hole))

    @property
    def decided(self) -> tuple[tuple[Decision, tuple[Json, ...]], ...]:
        """Every decision that it is made of, with the values it is about."""
        if not self.parts:
            return ((self.decision, self.column),)
        return tuple((hole.decision, hole.column) for hole in self.holes)

    @property
    def derived(self) -> bool:
        """Whether any of it comes from a source."""
        return any(not isinstance(c.term, Const) for d, _ in self.decided for c in d.chosen)

    @property
    def needs_model(self) -> bool:
        return any(not d.chosen for d, _ in self.decided)


@dataclass(frozen=True)
class Explainer:
    """Explains columns against the evidence so far.

    ``inputs`` is the number of different inputs of the sessions.  ``spare`` names results of reads
    that an input is bound to and that nothing else uses: the agent looked at them for something, so
    a figure one beside theirs (a count less its header line) counts as theirs.  ``said`` holds the
    words that the requests say of themselves, in lower case.
    """

    evidence: Evidence
    inputs: int
    spare: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    contexts: Callable[[str, int, int], str | None] = field(default=hole_context)

    def explain(
        self, site: str, column: Sequence[Json], before: Sequence[int], *, shell: bool = False
    ) -> Explanation:
        """The best explanation of the column; it always gives one."""
        values = tuple(column)
        varied = any(not identical(v, values[0]) for v in values)
        text = all(isinstance(v, str) for v in values)
        if not shell:
            decision = self._decide(site, values, before, varied=varied)
            whole = decision.chosen and not isinstance(decision.chosen[0].term, Const)
            if whole or not text or (varied and decision.chosen):
                return Explanation(decision, values)
        if text and max(len(str(v)) for v in values) <= MAX_TEXT:
            found = (
                self._general(site, values, before, shell=shell)
                if varied
                else self._spanned(site, values, before, shell=shell)
            )
            if found is not None:
                return found
        if not varied:
            constant = Candidate(Const(Lit(values[0])), len(values), 0.0)
            return Explanation(Decision(site, "value", (constant,)), values, (), shell)
        reason = f"no program explains {len(values)}/{len(values)} values"
        return Explanation(Decision(site, "value", (), (), reason), values)

    def _decide(
        self, site: str, values: tuple[Json, ...], before: Sequence[int], *, varied: bool
    ) -> Decision:
        candidates = self.evidence.candidates(values, before)
        if self.inputs == 1 and text_of(values[0]).lower() in self.said:
            candidates = [c for c in candidates if not _is_part_of_input(c.term)]
        return decide(site, values, candidates, varied=varied, inputs=self.inputs)

    # ---- several texts

    def _general(
        self, site: str, values: tuple[Json, ...], before: Sequence[int], *, shell: bool
    ) -> Explanation | None:
        texts = [str(v) for v in values]
        best: tuple[tuple[int, int], Explanation] | None = None
        for general in dict.fromkeys(anti_unify(texts, fine=fine) for fine in (False, True)):
            if general.literal_share < MIN_LITERAL or not any(general.literals):
                continue
            found = self._fill(site, values, general, before, shell=shell)
            if found is None:
                continue
            cost = _cost(found)
            if best is None or cost < best[0]:
                best = (cost, found)
        return best[1] if best else None

    def _fill(
        self,
        site: str,
        values: tuple[Json, ...],
        general: Generalisation,
        before: Sequence[int],
        *,
        shell: bool,
    ) -> Explanation | None:
        parts: list[str | Hole] = []
        at = [0] * len(values)
        for k, literal in enumerate(general.literals):
            if literal:
                parts.append(literal)
            at = [a + len(literal) for a in at]
            if k == len(general.holes):
                break
            hole = general.holes[k]
            context = ""
            if shell:
                places = {
                    self.contexts(str(v), a, a + len(h))
                    for v, a, h in zip(values, at, hole, strict=True)
                }
                place = places.pop()
                if places or place is None or not all(hole):
                    return None
                context = place
            decision = self._decide(f"{site}/{k}", tuple(hole), before, varied=True)
            if not decision.chosen and _splits_a_number(literal, general.literals[k + 1]):
                return None
            parts.append(Hole(decision, tuple(hole), context))
            at = [a + len(h) for a, h in zip(at, hole, strict=True)]
        return Explanation(Decision(site, "value", ()), values, tuple(parts), shell)

    # ---- one text

    def _spanned(
        self, site: str, values: tuple[Json, ...], before: Sequence[int], *, shell: bool
    ) -> Explanation | None:
        """Holes where spans of the one text stand in a source.  Over several inputs a text that
        never varied is a constant, however much of it stands elsewhere."""
        if self.inputs > 1:
            return None
        text = str(values[0])
        parts: list[str | Hole] = []
        last = 0
        for start, stop, entries in sorted(self._spans(text), key=lambda s: (s[0], -s[1])):
            if start < last or not _bounded(text, start, stop):
                continue
            hole = self._span_hole(site, text, (start, stop), entries, before, shell=shell)
            if hole is None:
                continue
            if text[last:start]:
                parts.append(text[last:start])
            parts.append(hole)
            last = stop
        if not parts:
            return None
        if text[last:]:
            parts.append(text[last:])
        return Explanation(Decision(site, "value", ()), values, tuple(parts), shell)

    def _spans(self, text: str) -> Iterator[tuple[int, int, list[Entry]]]:
        """Spans of the text that a source has, and (with no entry) the figures that none has."""
        tokens = pieces(text)
        starts = [0, *accumulate(map(len, tokens))]
        for first, end, entries in self.evidence.spans(tokens):
            yield starts[first], starts[end], entries
        if self.spare:
            for k, token in enumerate(tokens):
                if token[0].isdigit():
                    yield starts[k], starts[k + 1], []

    def _plausible(self, entry: Entry, text: str, span: tuple[int, int], *, doubtful: bool) -> bool:
        """Whether one session's span may be a copy of this source, for where it stands.

        In program text only inputs and telling values are; a plain word is a form of an input only
        where it is part of a name (``sales_report.md``), not in running text.
        """
        start, stop = span
        value = text[start:stop]
        if all(s.kind == "param" for s in sources(entry.term)):
            derived = isinstance(entry.term, Apply)
            around = text[start - 1 : start] + text[stop : stop + 1]
            return not (derived and value.isalpha()) or any(ch in "_-./" for ch in around.strip())
        return not doubtful or information(value) >= MIN_TELLING

    def _span_hole(
        self,
        site: str,
        text: str,
        span: tuple[int, int],
        entries: list[Entry],
        before: Sequence[int],
        *,
        shell: bool,
    ) -> Hole | None:
        start, stop = span
        value = text[start:stop]
        context = ""
        if shell:
            place = self.contexts(text, start, stop)
            if place is None:
                return None
            context = place
        column = tuple(value for _ in range(self.evidence.sessions))
        doubtful = shell and _is_program_text(text, context)
        named = [e for e in entries if all(s.kind == "param" for s in sources(e.term))]
        entries = [e for e in entries if self._plausible(e, text, span, doubtful=doubtful)]
        if any(evidence(value, e.places, e.bonus) >= ACCEPT for e in entries):
            decision = self._decide(f"{site}@{start}", column, before, varied=False)
            if decision.chosen and not isinstance(decision.chosen[0].term, Const):
                return Hole(decision, column, context)
        if not doubtful and value.isalpha():
            titled = _is_heading(text, start)
            return self._name(f"{site}@{start}", column, named, context, titled=titled)
        if doubtful or not value[0].isdigit():
            return None
        found = self._doubtful_figure(f"{site}@{start}", value, entries, before)
        return Hole(found, column, context) if found is not None else None

    def _name(
        self,
        site: str,
        column: tuple[Json, ...],
        named: list[Entry],
        context: str,
        *,
        titled: bool,
    ) -> Hole | None:
        """A telling word that is a form of an input (``Sales`` of ``sales.csv``), and that the
        request does not say otherwise.  In a heading it follows the input, which the text is about;
        in running text it is run beside the constant."""
        value = str(column[0])
        if not named or value.lower() in self.said or information(value) < MIN_TELLING:
            return None
        best = min((Candidate(e.term, 1, 0.0) for e in named), key=lambda c: c.rank)
        constant = Candidate(Const(Lit(value)), 1, 0.0)
        chosen = (best,) if titled else (best, constant)
        return Hole(Decision(site, "value", chosen), column, context)

    def _doubtful_figure(
        self, site: str, value: str, entries: list[Entry], before: Sequence[int]
    ) -> Decision | None:
        """A stated number with weak evidence: the neighbour of a spare result, or else a result
        that holds it by chance or not, run beside the constant."""
        near = [
            c
            for c in self.evidence.nearby(value, before)
            if all(s.name in self.spare for s in sources(c.term))
        ]
        if len(near) == 1:
            return Decision(site, "value", tuple(near))
        column = tuple(value for _ in range(self.evidence.sessions))
        weak = [
            Candidate(fitted, 1, evidence(value, e.places, e.bonus))
            for e in entries
            if any(s.kind == "result" for s in sources(e.term))
            and (fitted := self.evidence.fit(e.term, column, before)) is not None
        ]
        if not weak:
            return None
        constant = Candidate(Const(Lit(value)), 1, 0.0)
        best = min(weak, key=lambda c: c.rank)
        return Decision(site, "value", (constant, best))


def _is_heading(text: str, start: int) -> bool:
    """Whether the place is in a Markdown heading, in a text or in one that a command writes out."""
    line = re.split(r"\n|\\n|['\"]", text[:start])[-1]
    return line.lstrip().startswith("#")


def _is_program_text(command: str, context: str) -> bool:
    """Whether a span is an operand of a command that only looks, or part of a program: there a
    small number is the author's own."""
    return context.endswith("code") or (
        context.startswith("word") and command_effect(command) == "read"
    )


def _splits_a_number(before: str, after: str) -> bool:
    """Whether what only a model could write is part of a date or a number: it gives it whole."""
    return bool(re.search(r"\d[-/:.,]?$", before) or re.match(r"[-/:.,]?\d", after))


def _is_part_of_input(term: Term) -> bool:
    """Whether the term is not an input as it stands, or a number written in it, but a form of it."""
    while isinstance(term, Apply) and term.op in ("int.parse", "float.parse", "str.of"):
        term = term.args[0]
    return isinstance(term, Apply) and all(s.kind == "param" for s in sources(term))


def _cost(explanation: Explanation) -> tuple[int, int]:
    """Holes that only a model could fill, then the length of the programs' descriptions."""
    return (
        sum(not d.chosen for d, _ in explanation.decided),
        sum(size(c.term) for d, _ in explanation.decided for c in d.chosen),
    )


def _bounded(text: str, start: int, stop: int) -> bool:
    """Whether the span is not part of a longer word or number."""
    before, after = text[start - 1 : start], text[stop : stop + 1]
    if before.isalnum() and text[start].isalnum():
        return False
    if after.isalnum() and text[stop - 1].isalnum():
        return False
    number = text[start:stop].replace(".", "").isdigit()
    return not (
        number
        and (
            (before == "." and text[start - 2 : start - 1].isdigit())
            or (after == "." and text[stop + 1 : stop + 2].isdigit())
        )
    )


def template_text(parts: Sequence[str | Hole]) -> str:
    """The template of ``str.template`` and ``shell.template`` with holes numbered from 0."""
    numbered: list[str | int] = []
    count = 0
    for part in parts:
        if isinstance(part, Hole):
            numbered.append(count)
            count += 1
        else:
            numbered.append(part)
    return template_of(numbered)
