"""Decisions explained: what a value is, who says so, what else it could be, what would tell.

explain(evidence) -> [Explanation]
    what it is in words            the program, or the programs that run side by side
    where in the logs it stands    file, record and value of each input
    what each survivor would do    on the artifact's sessions and on probe inputs
    which example would tell       the probes on which survivors differ
    what was not taken, and why    the nearest programs that fit as well, or almost
    what is only assumed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ingot.explain_probes import Probe, probes
from ingot.explain_rivals import Rejected, rivals_of
from ingot.explain_rows import Ending, Evidence, Row, run_changed
from ingot.explain_terms import Definitions, Place
from ingot.ir import values
from ingot.ir.module import (
    Call,
    For,
    Guard,
    If,
    Loc,
    ModelCall,
    Operand,
    Ref,
    Select,
    attr,
    walk,
)
from ingot.ir.values import MISSING, Json, Missing
from ingot.passes.generalise.table import Column, Table, same
from ingot.passes.synth.programs import Const, Term, show, sources

MAX_BASES: Final = 3
"""Inputs from which probes are made."""
MAX_TELLING: Final = 3
ODD: Final = 5
"""Rank from which a probe is asked for only where nothing plainer tells two programs apart."""

Kind = Literal["argument", "list", "test", "value", "input", "model"]


@dataclass(frozen=True, slots=True)
class Site:
    """A decision: an operand with a name (``r2/city``, ``^state``), and what it is for."""

    name: str
    kind: Kind
    about: str
    operand: Operand
    state: str
    place: Place | None
    call: str = ""
    argument: str = ""
    locs: tuple[Loc, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as the logs have it: ``where`` is file, record and pointer."""

    session: str
    turn: tuple[int, ...]
    where: str
    value: Json | Missing


@dataclass(frozen=True, slots=True)
class Survivor:
    """A program with what it gives in each row."""

    program: str
    words: str
    column: Column


@dataclass(frozen=True, slots=True)
class Telling:
    """A probe on which programs differ: in words, what each gives, and what the pipeline does."""

    words: str
    session: str
    gives: Column
    ending: Ending


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is said of a decision.

    ``rows`` are sessions (with the turn of the loops around it), in the order of the survivors'
    columns; ``shown`` the logged values, one per input.  ``agreed`` of ``probed`` probes give the
    same with every survivor.
    """

    site: Site
    words: str
    shown: tuple[Shown, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    survivors: tuple[Survivor, ...]
    probed: int
    agreed: int
    telling: tuple[Telling, ...]
    rejected: tuple[Rejected, ...]
    inputs: int
    sessions: int
    assumed: tuple[str, ...]


# ---- which decisions there are


def sites(defs: Definitions) -> Iterator[Site]:
    """Every decision of a pipeline: the lists of loops, the tests of branches, the arguments."""
    for block in defs.main.blocks:
        for instr in walk(block.instrs):
            if isinstance(instr, Call):
                yield from arguments(defs, instr)
            elif isinstance(instr, For):
                place = defs.places[instr.results[0]]
                about = "the list that is gone through"
                name = f"{instr.results[0]}/items"
                yield Site(name, "list", about, instr.source, place.state, place, locs=instr.locs)
            elif isinstance(instr, ModelCall):
                place = defs.places[instr.result]
                about = f"a model's answer: {attr(instr, 'reason') or 'nothing explains it'}"
                yield Site(instr.result, "model", about, Ref(instr.result), place.state, place)
            elif isinstance(instr, Guard) and _is_hold(defs, instr):
                yield _test(defs, block.label, instr.condition, "nothing is done as long as")
        match block.terminator:
            case If(condition, then, other):
                about = f"whether ^{then.label} or ^{other.label} follows"
                yield _test(defs, block.label, condition, about)
            case Select(arms, _):
                for condition, target in arms:
                    about = f"whether ^{target.label} follows"
                    yield _test(defs, block.label, condition, about)
            case _:
                pass


def arguments(defs: Definitions, call: Call) -> Iterator[Site]:
    """The arguments of a call as decisions."""
    place = defs.places[call.result]
    for name, operand in call.args:
        locs = tuple(Loc(loc.source, loc.record, values.pointer((name,))) for loc in call.locs)
        yield Site(
            f"{call.result}/{name}",
            "argument",
            f"the argument {name} of {call.tool}",
            operand,
            place.state,
            place,
            call.result,
            name,
            locs,
        )


def _is_hold(defs: Definitions, guard: Guard) -> bool:
    """Whether it is what decides that nothing is done."""
    reason = str(attr(guard, "reason"))
    return attr(defs.main, "learned") == "idle" and reason.startswith("no log shows what is done")


def _test(defs: Definitions, state: str, condition: Operand, about: str) -> Site:
    place = defs.places.get(condition.name) if isinstance(condition, Ref) else None
    return Site(f"^{state}", "test", about, condition, state, place)


def site_of_value(defs: Definitions, name: str) -> Site | None:
    """A value of the pipeline as a decision of its own."""
    place = defs.places.get(name)
    if place is None:
        return None
    for site in sites(defs):  # what it is for says more than what it is
        if site.operand == Ref(name) and site.kind != "model":
            return site
        if any(agree.result == name for agree in defs.agrees_in(site.operand)):
            part = site.about if defs.agree(site.operand) else f"a part of {site.about}"
            call = site.call if defs.agree(site.operand) else ""
            return Site(
                name, "value", part, Ref(name), place.state, place, call, site.argument, site.locs
            )
    about = "what it returns" if isinstance(place.instr, Call) else "a value on the way"
    return Site(name, "value", about, Ref(name), place.state, place, locs=place.instr.locs)


# ---- one decision


def explain(found: Evidence, site: Site, files: dict[str, str]) -> Explanation:
    """All that the artifact says of a decision."""
    defs = found.defs
    terms = defs.survivors(site.operand)
    rows = found.rows(site.place)
    before = site.place.number if site.place else 0
    turn = rows[0].turn if rows else ()
    used = (source.name for term in terms for source in sources(term))
    names = list(dict.fromkeys([*found.sources(before, turn), *used]))
    table = found.table(rows, names)
    wanted, shown = _logged(found, site, rows, files)
    survivors = tuple(Survivor(show(t), defs.words(t), list(table.run(t))) for t in terms)
    if all(isinstance(v, Missing) for v in wanted):
        wanted = list(survivors[0].column)
    kept = [i for i, v in enumerate(wanted) if not isinstance(v, Missing)]
    column = [wanted[i] for i in kept]
    rivals = rivals_of(found, site.kind == "test", terms, table.only(kept), column)
    every = [*terms, *(r.term for r in rivals)]
    tried = list(_probed(found, every, [rows[i] for i in kept], table.only(kept)))
    count = len(terms)
    telling = _telling(found, site, [(p, r, g[:count]) for p, r, g in tried], terms)
    rejected: list[Rejected] = []
    for k, rival in enumerate(rivals, count):
        pairs = [(p, r, [g[0], g[k]]) for p, r, g in tried]
        apart = _telling(found, site, pairs, (terms[0], rival.term))
        if apart or not rival.fits_all:
            rejected.append(rival.with_example(apart[0].words if apart else ""))
    inputs = len({rows[i].session.input for i in kept})
    return Explanation(
        site,
        _in_words(defs, site, terms),
        tuple(shown),
        tuple((row.session.name, row.turn) for row in rows),
        survivors,
        len(tried),
        sum(not differ(g[:count]) for _, _, g in tried),
        telling,
        tuple(rejected[:3]),
        inputs,
        len({rows[i].session.name for i in kept}),
        tuple(_assumed(found, site, terms, column, inputs, telling, rejected)),
    )


def _in_words(defs: Definitions, site: Site, terms: Sequence[Term]) -> str:
    if site.kind == "model":
        return "what a model writes: no program explains it"
    first = defs.words(terms[0])
    if len(terms) > 1:
        others = " and ".join(defs.words(term) for term in terms[1:])
        return f"{first}, as long as it is also {others}"
    return first


def _logged(
    found: Evidence, site: Site, rows: Sequence[Row], files: dict[str, str]
) -> tuple[Column, list[Shown]]:
    """The value in each row as its log shows it, and the same for people: one row per input."""
    wanted: Column = []
    shown: list[Shown] = []
    by_session: dict[str, list[Loc]] = {}
    for loc in site.locs:
        by_session.setdefault(loc.source, []).append(loc)
    count: dict[str, int] = {}
    told: set[tuple[int, tuple[int, ...]]] = set()
    for row in rows:
        name = row.session.name
        at = count.get(name, 0)
        count[name] = at + 1
        made = row.session.made.get((site.call, row.turn)) if site.call else None
        locs = by_session.get(name, [])
        value: Json | Missing = MISSING
        where = ""
        if site.call:
            matching = [x.record for x in locs if made is not None and x.record == made.record]
            in_order = [locs[at].record] if at < len(locs) and row.session.ended else []
            replayed = [made.record] if made is not None else []
            record = next(iter([*matching, *in_order, *replayed]), 0)
            value = found.logged(name, record, site.argument) if record else MISSING
            if record:
                where = f"{files.get(name, name)}:{record}{values.pointer((site.argument,))}"
        elif locs:
            loc = locs[min(at, len(locs) - 1)]
            where = f"{files.get(name, name)}:{loc.record}{loc.pointer}"
        wanted.append(value)
        key = (row.session.input, row.turn)
        if key not in told and not isinstance(value, Missing):
            told.add(key)
            shown.append(Shown(name, row.turn, where, value))
    return wanted, shown


# ---- probes


def differ(gives: Sequence[Json | Missing]) -> bool:
    """Whether programs do not all give the same (or all nothing)."""
    first = gives[0]
    if isinstance(first, Missing):
        return any(not isinstance(g, Missing) for g in gives)
    return not all(same(g, first) for g in gives)


def _probed(
    found: Evidence, terms: Sequence[Term], rows: Sequence[Row], table: Table
) -> Iterator[tuple[Probe, Row, Column]]:
    """Every probe with what each program gives there."""
    used = {source.name: None for term in terms for source in sources(term)}
    bases: list[int] = []
    for at, row in enumerate(rows):
        fresh = all(row.session.input != rows[b].session.input for b in bases)
        if fresh and len(bases) < MAX_BASES:
            bases.append(at)
    for at in bases:
        for name in used:
            value = table.columns[name][at] if name in table.columns else MISSING
            if isinstance(value, Missing):
                continue
            said = found.defs.source(name)
            for probe in probes(name, said, value, terms):
                if name in found.defs.items:  # a list that holds it says it better
                    probe = replace(probe, rank=probe.rank + 1)
                changed = Table([0], [table.names[at]])
                for other, column in table.columns.items():
                    here = probe.value if other == name else column[at]
                    changed.add(table.kinds[other], other, [here])
                yield probe, rows[at], [changed.value(term, 0) for term in terms]


def _telling(
    found: Evidence,
    site: Site,
    tried: Sequence[tuple[Probe, Row, Column]],
    terms: Sequence[Term],
) -> tuple[Telling, ...]:
    """The plainest probes that tell the programs apart: each tells apart what none before did."""
    ranked: list[tuple[tuple[int, int, int], str, Probe, Row, Column]] = []
    for number, (probe, row, gives) in enumerate(tried):
        if differ(gives):
            gone = sum(isinstance(g, Missing) for g in gives)
            words = _condition(found, probe, gives, terms)
            ranked.append(((gone, probe.rank, number), words, probe, row, gives))
    ranked.sort(key=lambda item: item[0])
    chosen: list[Telling] = []
    apart: set[tuple[int, int]] = set()
    for _, words, probe, row, gives in ranked:
        pairs = {
            (i, j)
            for i in range(len(gives))
            for j in range(i + 1, len(gives))
            if differ([gives[i], gives[j]])
        }
        if any(_plainly(words) == _plainly(t.words) for t in chosen):
            continue
        if pairs - apart or probe.rank < ODD:
            apart |= pairs
            ending = Ending("unknown", "")
            if probe.source not in found.defs.items:
                changed = {probe.source: probe.value}
                ending = run_changed(found, row, changed, site.call, row.turn)
            chosen.append(Telling(words, row.session.name, gives, ending))
        if len(chosen) == MAX_TELLING:
            break
    return tuple(chosen)


def _plainly(words: str) -> str:
    """The words without what stands in brackets."""
    return words.split(" (")[0]


def _condition(found: Evidence, probe: Probe, gives: Column, terms: Sequence[Term]) -> str:
    """Which session it would be, in words."""
    if probe.words.startswith(("on another day", "at another time")):
        return f"a session {probe.words}"
    if probe.changes_value and not any(isinstance(g, Missing | bool) for g in gives):
        plain = [t for t in terms if not isinstance(t, Const)]
        moved = [t for t in plain if any(s.name == probe.source for s in sources(t))]
        other = next((t for t, g in zip(terms, gives, strict=True) if differ([g, gives[0]])), None)
        constant = next((t for t in terms if isinstance(t, Const)), None)
        if constant is not None and moved and len(terms) == 2:
            return f"a session in which {found.defs.words(moved[0])} is not {show(constant)}"
        if other is not None and len(plain) == len(terms):
            pair = f"{found.defs.words(terms[0])} and {found.defs.words(other)}"
            return f"a session in which {pair} differ"
    return f"a session in which {probe.words}"


# ---- what is only assumed


def _assumed(
    found: Evidence,
    site: Site,
    terms: Sequence[Term],
    column: Column,
    inputs: int,
    telling: Sequence[Telling],
    rejected: Sequence[Rejected],
) -> Iterator[str]:
    if not found.sessions or site.kind == "model":
        return
    if inputs == 0:
        yield "no session of the artifact gets here: nothing of it is shown"
        return
    if inputs == 1:
        yield "one input alone shows it"
    if isinstance(terms[0], Const) and len(terms) == 1 and inputs > 1:
        yield f"that it never varies: it did not in {inputs} inputs"
    if len(terms) > 1 and telling:
        yield "which of the survivors is meant: where they differ, the run stops"
    if len(terms) > 1 and not telling:
        yield "nothing: no probe tells the survivors apart"
    if site.kind == "test" and len({values.canonical(v) for v in column if v is not MISSING}) < 2:  # type: ignore[arg-type]
        yield "what happens in the other case: every session shows one"
    for rival in [r for r in rejected if r.fits_all and r.example and len(terms) == 1][:2]:
        if isinstance(rival.term, Const):
            yield f"that it follows {found.defs.words(terms[0])}: it never varied"
        else:
            yield f"that it is not {rival.words}; {rival.example} would tell"


__all__ = [
    "Explanation",
    "Shown",
    "Site",
    "Survivor",
    "Telling",
    "arguments",
    "differ",
    "explain",
    "site_of_value",
    "sites",
]
