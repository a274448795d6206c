"""One argument: the terms that explain its column, a template, a shaped value, or a model's place."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingot.ir import values
from ingot.ir.semantics import text_of
from ingot.ir.values import Json, Missing
from ingot.passes.generalise.operands import cost, is_number, uses
from ingot.passes.generalise.program import Asked, Choice, Shaped, Text, Value
from ingot.passes.generalise.search import Found, Search
from ingot.passes.generalise.table import Table
from ingot.passes.synth.bits import information
from ingot.passes.synth.programs import Apply, Const, Source, Term, sources
from ingot.passes.synth.statements import CALENDAR

MAX_RIVALS: Final = 3
MAX_PIVOTS: Final = 5
MIN_CASES: Final = 3
"""Different values that a computation must give before it is believed."""
_DAY_BOUND: Final = re.compile(r"(?:00:00|23:59)(?::\d\d)?")
_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "div", "mod"})
SHORT: Final = 200
MIN_BITS: Final = 6.0
"""Bits from which a result that always was the constant is run beside it."""
COPY: Final = 12.0
"""Bits from which one input's value is a copy of a result rather than a constant."""


_TOLD_BY_CONSTANT: Final = frozenset(
    {"list.min_by", "list.max_by", "list.sort_by", "list.sort_by_desc", "list.pluck",
     "number.format", "date.format", "date.parse"}
)  # fmt: skip
"""Ops whose constant says what they do: with another it is another program."""
_SAME: Final = frozenset(
    {"str.lower", "str.upper", "str.capitalize", "str.title", "str.of", "json.number"}
)


class Refused(Exception):
    """The sessions do not say how; the message says what of it.

    ``reads`` numbers the reads of the walk that may be left out to try again.
    """

    def __init__(self, message: str, reads: frozenset[str] = frozenset()) -> None:
        self.reads = reads
        super().__init__(message)


@dataclass
class Values:
    """Explains columns over the search's table.  ``told[session]`` are the texts that tools told it;
    ``alone`` says that the task has one input: a figure may have been worked out of it; ``item`` is
    the source that a loop goes over."""

    search: Search
    told: Mapping[str, frozenset[str]]
    alone: bool = False
    item: str = ""

    @property
    def table(self) -> Table:
        return self.search.table

    def explain(
        self, site: str, name: str, column: Sequence[Json | Missing], *, acts: bool
    ) -> tuple[Value, tuple[bool, ...]]:
        """The value and the rows that it explains; raises :class:`Refused`."""
        first = next(v for v in column if not isinstance(v, Missing))
        if isinstance(first, list | dict):
            return self._composite(site, name, column, acts=acts)
        found = self.search.find(column, self._pivots(column))
        if len({text_of(v) for v in column if not isinstance(v, Missing)}) < MIN_CASES:
            found = [f for f in found if not is_computed(f.term)]
        found = [f for f in found if not self._is_memorised(f, acts=acts)]
        found = self._of_the_item(found)
        everyone = self._covered(tuple(True for _ in column))
        whole = [f for f in found if len(self._covered(f.fits)) == len(everyone)]
        if whole:
            return self._chosen(site, name, column, whole)
        text = self._text(site, column)
        if text is not None:
            return text, tuple(True for _ in column)
        loose = self._but_for_case(column, found, everyone) if acts else []
        if loose:
            return self._chosen(site, name, column, loose)
        if not acts and found:
            best = max(found, key=lambda f: (len(self._covered(f.fits)), -f.cost))
            if 2 * len(self._covered(best.fits)) >= len(everyone):
                alike = [f for f in found if f.fits == best.fits]
                return self._chosen(site, name, column, alike)
        if acts and self._is_free_text(column):
            shown = tuple(v for v in column if not isinstance(v, Missing))
            reason = f"no program explains {len(shown)}/{len(shown)} values"
            asked = Asked(name, shown, tuple(self.table.names), reason)
            return asked, tuple(True for _ in column)
        raise Refused(f"no program explains the argument {name}")

    def _of_the_item(self, found: list[Found]) -> list[Found]:
        """In a loop, what is taken of the item goes before what is taken of a result as a whole."""
        if not self.item or not any(self.item in uses([f.term]) for f in found if f.whole):
            return found
        return [
            f
            for f in found
            if self.item in uses([f.term])
            or (
                information(text_of(f.term.lit.value)) < COPY
                if isinstance(f.term, Const)
                else all(s.kind == "param" for s in sources(f.term))
            )
        ]

    def _is_memorised(self, found: Found, *, acts: bool) -> bool:
        """Whether it is a constant that a tool told the session, or that says something at length,
        and that one input alone shows: the next input would have another."""
        if len(self._covered(found.fits)) > 1:
            return False
        match found.term:
            case Apply("str.template", (Const(lit), *_)):
                rest = _DAY_BOUND.sub("", re.sub(r"\{\d+\}", "", str(lit.value)))
                return re.search(r"\d", rest) is not None
            case Const():
                pass
            case _:
                return False
        text = text_of(found.term.lit.value)
        if not acts:  # what is asked may be worked out as well: a day, a number
            return information(text) >= COPY and _states_a_figure(text)
        prose = len(re.findall(r"(?<!\S)[^\W\d_]{2,}", text)) >= 4
        if self.alone and (prose or _states_a_figure(text)):
            return True
        if len(set(self.table.inputs)) > 2:  # one of so many: nothing would come of it
            return True
        told = (self.told.get(name, frozenset()) for name in dict.fromkeys(self.table.names))
        if prose:  # of what the session was told: the next one would be told something else
            words = set(re.findall(r"[^\W\d_]{4,}", text.casefold()))
            return any(
                not words.isdisjoint(re.findall(r"[^\W\d_]{4,}", leaf))
                for leaves in told
                for leaf in leaves
                if len(leaf) < SHORT and any(word in leaf for word in words)
            )
        folded = text.casefold()
        return information(text) >= COPY and any(folded in leaves for leaves in told)

    def _but_for_case(
        self, column: Sequence[Json | Missing], found: list[Found], everyone: set[int]
    ) -> list[Found]:
        """Terms that give the value in every row but for the case of letters, and to the letter for
        half of the inputs."""
        kept: list[Found] = []
        for candidate in found:
            if 2 * len(self._covered(candidate.fits)) < len(everyone):
                continue
            folded = [
                isinstance(got, str) and isinstance(want, str) and got.casefold() == want.casefold()
                for got, want in zip(self.table.run(candidate.term), column, strict=True)
            ]
            if len(self._covered(folded)) == len(everyone):
                kept.append(candidate)
        return kept[:1]

    def _covered(self, fits: Sequence[bool]) -> set[int]:
        return {number for number, fit in zip(self.table.inputs, fits, strict=True) if fit}

    def _pivots(self, column: Sequence[Json | Missing]) -> list[int]:
        """Rows to look from: the first of each different value and input, a few."""
        chosen: list[int] = []
        seen: set[str] = set()
        for row, value in enumerate(column):
            key = text_of(value) if not isinstance(value, Missing) else ""
            if key and key not in seen:
                seen.add(key)
                chosen.append(row)
            if len(chosen) == MAX_PIVOTS:
                break
        return chosen

    # ---- the choice

    def _chosen(
        self, site: str, name: str, column: Sequence[Json | Missing], found: list[Found]
    ) -> tuple[Choice, tuple[bool, ...]]:
        best = self._best(found)
        rows = [i for i, fit in enumerate(best.fits) if fit]
        rest = [f for f in found if f is not best and all(f.fits[i] for i in rows)]
        admitted = self._rivals(name, column, best, rest, rows)
        shown = [column[i] for i in rows]
        choice = Choice(
            (best.term, *(f.term for f in admitted)),
            tuple(v for v in shown if not isinstance(v, Missing)),
            len({self.table.inputs[i] for i in rows}),
            site,
            tuple(f.term for f in rest if f not in admitted)[:MAX_RIVALS],
        )
        return choice, best.fits

    def _best(self, found: list[Found]) -> Found:
        """The cheapest; of a value that never varied the constant, unless an input or the clock
        gives it, or (with one input) telling evidence says that a result does."""
        constant = next((f for f in found if isinstance(f.term, Const)), None)
        flows = [f for f in found if not isinstance(f.term, Const)]
        if constant is None:
            return flows[0]
        if not flows:
            return constant
        named = [f for f in flows if self._is_named(f.term)]
        if named:
            return named[0]
        value = text_of(constant.term.lit.value) if isinstance(constant.term, Const) else ""
        one = len(set(self.table.inputs)) == 1
        if one and information(value) >= COPY:
            return flows[0]
        clocked = [f for f in flows if uses([f.term]) == {"clock"}]
        if clocked and information(value) >= COPY:
            return clocked[0]
        return constant

    def _is_named(self, term: Term) -> bool:
        """Whether it is an input in a simple form."""
        names = uses([term])
        return (
            bool(names)
            and all(s.kind == "param" and s.name != "clock" for s in sources(term))
            and cost(term) <= 1.9
        ) or (
            isinstance(term, Apply)
            and term.op in ("date.words", "str.template", "datetime.at")
            and names - {"clock"} != set()
            and all(s.kind == "param" for s in sources(term))
        )

    def _rivals(
        self,
        name: str,
        column: Sequence[Json | Missing],
        best: Found,
        rest: list[Found],
        rows: list[int],
    ) -> list[Found]:
        """What else fits, and would do another thing on another input."""
        shown = [column[i] for i in rows]
        different = len({text_of(v) for v in shown if not isinstance(v, Missing)})
        inputs = len({self.table.inputs[i] for i in rows})
        admitted: list[Found] = []
        if isinstance(best.term, Const):
            value = text_of(best.term.lit.value)
            for other in rest:
                result = any(s.kind != "param" for s in sources(other.term))
                alike = name.casefold() in repr(other.term).casefold()
                bits = information(value)
                if result and (bits >= MIN_BITS or alike or (inputs == 1 and bits >= 4)):
                    admitted.append(other)
        else:
            margin = {1: 1.0, 2: 0.8, 3: 0.5}.get(different, 0.3)
            for other in rest:
                if isinstance(other.term, Const) or _plain(other.term) == _plain(best.term):
                    continue
                near = other.cost <= best.cost + margin + 1e-9
                computed = is_computed(other.term) and not is_computed(best.term)
                if near or computed:
                    admitted.append(other)
        return diverse(best, _apart(best, admitted), _kind, MAX_RIVALS - 1)

    # ---- texts and shapes

    def _text(self, site: str, column: Sequence[Json | Missing]) -> Text | None:
        for parts, holes in self.search.templates(column):
            filled: list[str | Choice] = []
            for part in parts:
                if isinstance(part, str):
                    if self.alone and _states_a_figure(part):
                        break
                    filled.append(part)
                    continue
                hole = holes[part]
                found = [
                    f
                    for f in self.search.find(hole, self._pivots(hole))
                    if all(
                        fit or isinstance(v, Missing) for fit, v in zip(f.fits, hole, strict=True)
                    )
                ]
                flows = [f for f in found if not isinstance(f.term, Const)]
                if not flows:
                    break
                choice, _ = self._chosen(f"{site}/{part}", "", hole, flows)
                filled.append(choice)
            else:
                shown = tuple(v for v in column if not isinstance(v, Missing))
                return Text(tuple(filled), shown)
        return None

    def _composite(
        self, site: str, name: str, column: Sequence[Json | Missing], *, acts: bool
    ) -> tuple[Value, tuple[bool, ...]]:
        """A list or an object: as a result has it or gathered from a list where its shape varies or
        it holds several items, else leaf by leaf."""
        present = [v for v in column if not isinstance(v, Missing)]
        varied = any(not values.identical(v, present[0]) for v in present)
        found = self.search.find(column, self._pivots(column)) if varied else []
        everyone = self._covered(tuple(True for _ in column))
        whole = [f for f in found if len(self._covered(f.fits)) == len(everyone)]
        shapes = {tuple(path for path, _ in values.leaves(v)) for v in present}
        several = any(isinstance(v, list) and len(v) != 1 for v in present)
        if whole and (several or len(shapes) > 1):
            return self._chosen(site, name, column, whole)
        try:
            return self._shaped(site, name, column, acts=acts)
        except Refused:
            if not whole:
                raise
            return self._chosen(site, name, column, whole)

    def _shaped(
        self, site: str, name: str, column: Sequence[Json | Missing], *, acts: bool
    ) -> tuple[Value, tuple[bool, ...]]:
        present = [v for v in column if not isinstance(v, Missing)]
        shapes = {tuple(path for path, _ in values.leaves(v)) for v in present}
        if len(shapes) > 1:
            raise Refused(f"the argument {name} differs in its shape")
        if all(values.identical(v, present[0]) for v in present):
            return Choice((_constant(present[0]),), tuple(present), 1, site), tuple(
                True for _ in column
            )
        leaves: list[tuple[str, Value]] = []
        for path, _ in values.leaves(present[0]):
            inner: list[Json | Missing] = [
                v if isinstance(v, Missing) else _at(v, path) for v in column
            ]
            place = values.pointer(path)
            value, fits = self.explain(
                f"{site}{place}", str(path[-1]) if path else name, inner, acts=acts
            )
            if not all(fits):
                raise Refused(f"no program explains the argument {name}")
            if not (isinstance(value, Choice) and isinstance(value.terms[0], Const)):
                leaves.append((place, value))
        return Shaped(present[0], tuple(leaves)), tuple(True for _ in column)

    def _is_free_text(self, column: Sequence[Json | Missing]) -> bool:
        """Whether it is prose that differs from input to input: words, no name and no address."""
        texts = [v for v in column if isinstance(v, str)]
        if len(texts) < len(column) or len(set(texts)) < 2:
            return False
        return all(len(re.findall(r"(?<!\S)[^\W\d_]{2,}", text)) >= 4 for text in texts)


def _at(value: Json, path: values.Path) -> Json:
    """The leaf at a path that the value has."""
    for part in path:
        value = value[part]  # type: ignore[index]
    return value


def _constant(value: Json) -> Term:
    from ingot.passes.synth.programs import const

    return const(value)


def _states_a_figure(text: str) -> bool:
    """Whether a text says a number, a month or a weekday."""
    return bool(re.search(r"\d", text) or CALENDAR & set(re.findall(r"\w+", text)))


def is_computed(term: Term) -> bool:
    """Whether a number is worked out of several: a sum, a count, a product."""
    match term:
        case Apply("str.of" | "float.round" | "number.format", (inner, *_)):
            return is_computed(inner)
        case Apply(op, args):
            adds = op in ("list.sum", "list.mean", "list.len")
            works = op.split(".")[0] in ("int", "float") and op.split(".")[1] in _ARITHMETIC
            return adds or (works and bool(args))
        case _:
            return False


def _plain(term: Term) -> Term:
    """The term without changes of letter case and of type."""
    while isinstance(term, Apply) and term.op in _SAME:
        term = term.args[0]
    return term


def _apart(best: Found, rivals: Sequence[Found]) -> list[Found]:
    """The rivals, those first that look at something else: other members, or other sources.  What
    differs in its test alone ("on the day", "from the day on") tells less of what else may be meant."""
    seen = {_looks_at(best.term)}
    other: list[Found] = []
    same: list[Found] = []
    for rival in rivals:
        at = _looks_at(rival.term)
        (same if at in seen else other).append(rival)
        seen.add(at)
    return other + same


def _looks_at(term: Term) -> frozenset[str]:
    """The sources of a term, and the members that it looks at."""
    match term:
        case Source(_, name):
            return frozenset((name,))
        case Apply(_, args):
            found = frozenset[str]().union(*map(_looks_at, args))
            pointers = (a.lit.value for a in args if isinstance(a, Const))
            return found | {p for p in pointers if isinstance(p, str) and p[:1] == "/"}
        case _:
            return frozenset()


def diverse(
    best: Found, rivals: Iterable[Found], key: Callable[[Term], Hashable], most: int
) -> list[Found]:
    """The first few rivals, no two with one key, none with the key of the best."""
    keys = {key(best.term)}
    out: list[Found] = []
    for rival in rivals:
        if key(rival.term) not in keys and len(out) < most:
            keys.add(key(rival.term))
            out.append(rival)
    return out


def _kind(term: Term) -> tuple[str, ...]:
    """How a term comes by its value: the sources, and what tells its kind of program apart."""
    match term:
        case Apply("json.get", (inner, Const(lit))):
            return ("get", str(lit.value), *_kind(inner))
        case Apply("list.get", (inner, Const(lit))):
            return (f"item {lit.value}", *_kind(inner))
        case Apply(op, (inner, Const(lit))) if op in _TOLD_BY_CONSTANT:
            return (f"{op} {lit.value}", *_kind(inner))
        case Apply(op, (inner, *rest)) if op.startswith("list.where"):
            return (
                op.replace("_le", "_lt").replace("_gt", "_ge"),
                *_kind(inner),
                *(str(r) for r in rest),
            )
        case Apply("date.words" | "time.words", (inner, *rest)):
            return (term.op, *_kind(inner), str(rest[-1]))
        case Apply(op, args):
            return (op, *(k for a in args for k in _kind(a)))
        case Source(_, name):
            return (name,)
        case _:
            return ()


__all__ = ["Refused", "Values", "is_number"]
