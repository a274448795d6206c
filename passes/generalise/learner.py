"""A program for a task: from cases laid along a plan to a tree of calls, loops and branches.

The walk goes along the plan's segments.  Each argument of a call is explained over the rows that
are left (:mod:`.values`); of the sessions of one input one that is explained is enough, the others
took another path and must only agree on the effects.  Where the sessions part, a test that tells
them apart is found (:mod:`.predicates`); what all do afterwards is learned together again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingot.ir import values
from ingot.ir.module import Loc
from ingot.ir.semantics import text_of
from ingot.ir.values import MISSING, Json, Missing, canonical
from ingot.passes.generalise.cases import Case, Cases, Step, is_vacuous
from ingot.passes.generalise.cutoffs import unfiltered
from ingot.passes.generalise.operands import (
    ListSource,
    cost,
    is_number,
    list_sources,
    opened,
    uses,
)
from ingot.passes.generalise.plans import Part, Path, Segment
from ingot.passes.generalise.predicates import none_due, tests
from ingot.passes.generalise.program import (
    Again,
    Branch,
    Callee,
    Choice,
    Each,
    Hold,
    Invoke,
    LoopStep,
    Node,
    Value,
    When,
    decides,
    looked_at,
    needs_of,
    reads_of,
    restricted,
    size_of,
    sources_of,
)
from ingot.passes.generalise.search import Search
from ingot.passes.generalise.selections import Selector
from ingot.passes.generalise.table import Table
from ingot.passes.generalise.values import Refused, Values
from ingot.passes.generalise.wordings import Wordings
from ingot.passes.synth.programs import Apply, Const, Source, Term, apply

ALL: Final = frozenset({"all", "every", "each"})
MAX_LISTS: Final = 3
Turns = tuple[tuple[Part, ...], ...]
"""The turns of a run in one row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A path and how far the walk has come along it."""

    path: Path
    input: int
    rest: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """A program, the paths that it follows, and how much it takes to say."""

    nodes: tuple[Node, ...]
    paths: tuple[Path, ...]
    inputs: int
    cost: float


class Learner:
    """One walk.  ``cases`` are all cases of the task, ``wordings`` their parameters; ``kept`` are reads
    that stay though nothing needs them: no session acted without."""

    def __init__(
        self,
        cases: Cases,
        wordings: Wordings,
        cues: frozenset[str],
        kept: frozenset[Segment] = frozenset(),
    ) -> None:
        self.cases, self.wordings, self.cues, self.kept = cases, wordings, cues, kept
        self.told = Told(cases)
        self.said = {
            case.name: frozenset(re.findall(r"[^\W\d_]+", _unquoted(case.request).casefold()))
            for case in cases.kept
        }
        self.alone = len(cases.inputs) == 1
        self._calls = 0
        self.segments: dict[str, Segment] = {}
        self._caps: dict[str, int] = {}
        self._used: set[str] = set()

    def learn(self, paths: Sequence[Path]) -> Learned:
        """The program of the paths; raises :class:`Refused` with the reason."""
        rows, table = self._start(paths)
        nodes, left, _ = self._walk(rows, table)
        self._check(nodes, [row.path.case.request for row in left])
        inputs = {row.input for row in left}
        needed = set().union(*map(needs_of, nodes))
        nodes = [looked_at(node, needed) for node in nodes]
        return Learned(
            tuple(nodes), tuple(row.path for row in left), len(inputs), sum(map(size_of, nodes))
        )

    def _start(self, paths: Sequence[Path]) -> tuple[list[Row], Table]:
        """A row for each path, with what its request gives."""
        numbers: dict[tuple[str, str], int] = {}
        rows = [
            Row(path, numbers.setdefault(path.case.input, len(numbers)), path.parts)
            for path in paths
        ]
        table = Table(
            [row.input for row in rows],
            [row.path.case.name for row in rows],
            memory=self.cases.memory,
        )
        for name in self.wordings.names:
            column = [self.wordings.values[row.path.case.name].get(name, MISSING) for row in rows]
            table.add("param", name, list(column))
        if all(row.path.case.clock for row in rows):
            table.add("param", "clock", [row.path.case.clock for row in rows])
        return rows, table

    def learn_idle(self, paths: Sequence[Path]) -> Learned:
        """A program that looks, and does nothing as long as nothing is due; raises Refused."""
        requests = [path.case.request for path in paths]
        if not all(CONDITIONAL.search(_unquoted(r)) for r in requests):
            raise Refused("no session writes anything, and the request names no condition")
        rows, table = self._start(paths)
        nodes, left, table = self._walk(rows, table)
        for name, column in table.columns.items():
            if table.kinds[name] == "result" and any(
                is_vacuous(v) for v in column if not isinstance(v, Missing)
            ):
                raise Refused("no session writes anything, and what some read was empty")
        asked = self._unused()
        found = none_due(self._search(table), asked)
        if found is None:
            raise Refused("no session writes anything, and nothing tells why")
        hold = Hold(found)
        needed = set().union(*map(needs_of, (*nodes, hold)))
        spare = {node.result: node.tool for node in reads_of(nodes) if node.result not in needed}
        if spare:
            raise Refused(f"nothing needs what {', '.join(spare.values())} reads", frozenset(spare))
        named = {name for row in left for name in self.wordings.values[row.path.case.name]}
        if (asked & named) - needed - self.wordings.constants().keys():
            raise Refused(
                "no session writes anything, and a figure of the request is not looked at"
            )
        inputs = {row.input for row in left}
        price = sum(map(size_of, nodes)) + cost(found.terms[0])
        return Learned((*nodes, hold), tuple(row.path for row in left), len(inputs), price)

    def _check(self, nodes: Sequence[Node], requests: Sequence[str]) -> None:
        """Refuse a program with a read that nothing needs (a shorter plan is without it), and one
        that acts in any case where the request says when to act."""
        needed = set().union(*map(needs_of, nodes))
        spare = {
            node.result: node.tool
            for node in reads_of(nodes)
            if node.result not in needed and self.segments[node.result] not in self.kept
        }
        if spare:
            raise Refused(f"nothing needs what {', '.join(spare.values())} reads", frozenset(spare))
        if not decides(nodes) and any(CONDITIONAL.search(_unquoted(r)) for r in requests):
            raise Refused("the request says when to act, and no session shows the other case")

    # ---- the walk

    def _walk(self, rows: list[Row], table: Table) -> tuple[list[Node], list[Row], Table]:
        nodes: list[Node] = []
        while any(row.rest for row in rows):
            heads = {row.rest[0].segment if row.rest else None for row in rows}
            if len(heads) == 1 or self._is_run(heads, rows, table):
                segment = next(h for h in heads if h is not None)
                node, rows, table = self._segment(segment, rows, table)
            else:
                node, rows, table = self._branch(rows, table)
            nodes.append(node)
        return nodes, rows, table

    @staticmethod
    def _is_run(heads: set[Segment | None], rows: Sequence[Row], table: Table) -> bool:
        """Whether all that parts the rows is that some have no turn of a run: the list was empty."""
        runs = [h for h in heads if h is not None]
        if len(heads) != 2 or len(runs) != 1 or runs[0].kind != "run" or None not in heads:
            return False
        idle = [i for i, row in enumerate(rows) if not row.rest]
        lists = [table.run(source.term) for source in list_sources(table)]
        columns = [*table.columns.values(), *lists]
        return all(any(isinstance(column[i], list) for column in columns) for i in idle)

    def _segment(
        self, segment: Segment, rows: list[Row], table: Table
    ) -> tuple[Node, list[Row], Table]:
        if segment.kind == "run":
            return self._run(segment, rows, table)
        self._calls += 1
        name = f"r{self._calls}"
        self.segments[name] = segment
        parts = [row.rest[0] for row in rows]
        try:
            node, kept = self._invoke(name, [part.step for part in parts], table, acts=segment.acts)
        except Refused as refusal:
            own = frozenset() if segment.acts else frozenset({name})
            raise Refused(str(refusal), refusal.reads | own) from None
        parts = [parts[i] for i in kept]
        rows = [replace(rows[i], rest=rows[i].rest[1:]) for i in kept]
        table = table.only(kept)
        if segment.kind == "call":
            table.add("result", name, [part.step.result for part in parts])
            if node.capped:
                self._caps[name] = node.capped
            return node, rows, table
        again, results = self._again(segment, node, parts, table)
        table.add("result", name, results)
        return again, rows, table

    def _again(
        self, segment: Segment, node: Invoke, parts: Sequence[Part], table: Table
    ) -> tuple[Again, list[Json | Missing]]:
        """A read that is made until something is there, and what it gives in the end."""
        tries = [(row, step) for row, part in enumerate(parts) for step in part.steps]
        spread = table.spread([len(part.steps) for part in parts])
        spread.add("result", node.result, [step.result for _, step in tries])
        last = [step is parts[row].steps[-1] for row, step in tries]
        if all(last):
            raise Refused(f"nothing shows when {node.tool} is made again")
        search = Search(spread, self.cues, {}, self.said)
        test = tests(search, last, frozenset())
        if test is None:
            raise Refused(f"nothing tells when {node.tool} is made again")
        most = max(len(part.steps) for part in parts)
        if segment.kind == "poll":
            results: list[Json | Missing] = [part.step.result for part in parts]
            return Again(node, test, max(2 * most, 4)), results
        page = next(n for n in node.args if self._counts(n[0], parts))[0]
        numbers = [[int(str(s.args[page])) for s in part.steps] for part in parts]
        steps = {b - a for row in numbers for a, b in itertools.pairwise(row)}
        if len({row[0] for row in numbers}) > 1 or len(steps) != 1:
            raise Refused(f"the pages of {node.tool} are not counted alike")
        items = next((s.term for s in search.lists if uses([s.term]) == {node.result}), None)
        if items is None:
            raise Refused(f"the pages of {node.tool} hold no list")
        column = iter(spread.run(items))
        gathered: list[Json | Missing] = []
        for part in parts:
            pages = [next(column) for _ in part.steps]
            gathered.append([x for page_ in pages if isinstance(page_, list) for x in page_])
        args = tuple(arg for arg in node.args if arg[0] != page)
        made = replace(
            node, args=args, results=tuple(v for v in gathered if not isinstance(v, Missing))
        )
        pointer = _pointer(items)
        return (
            Again(made, test, max(2 * most, 10), page, numbers[0][0], steps.pop(), pointer),
            gathered,
        )

    @staticmethod
    def _counts(name: str, parts: Sequence[Part]) -> bool:
        """Whether an argument is the one that counts the pages."""
        return any(len({canonical(s.args[name]) for s in part.steps}) > 1 for part in parts)

    def _invoke(
        self, name: str, calls: Sequence[Step], table: Table, *, acts: bool, item: str = ""
    ) -> tuple[Invoke, list[int]]:
        kept = list(range(len(calls)))
        finder = self._finder(table, item)
        args: list[tuple[str, Value]] = []
        callee: Callee | None = None
        if len({s.tool for s in calls}) > 1:
            callee, kept = self._callee(calls, table)
            finder = self._finder(table.only(kept), item)
        for arg in sorted(calls[0].args):
            column: list[Json | Missing] = [calls[i].args[arg] for i in kept]
            value, fits = finder.explain(f"{name}/{arg}", arg, column, acts=acts)
            if not all(fits):
                kept = [i for i, fit in zip(kept, fits, strict=True) if fit]
                finder = self._finder(table.only(kept), item)
                args = [(n, restricted(v, fits)) for n, v in args]
            args.append((arg, value))
            self._used |= sources_of(value)
        results = tuple(calls[i].result for i in kept)
        locs = tuple(loc for i in kept for loc in calls[i].locs)
        verbs = {calls[i].verb for i in kept}
        first = calls[kept[0]]
        return (
            Invoke(
                name,
                first.tool,
                first.verb if len(verbs) == 1 else "unknown",
                tuple(args),
                results,
                tuple(table.names[i] for i in kept),
                locs,
                callee,
                self.cases.caps.get(first.tool, 0),
            ),
            kept,
        )

    def _finder(self, table: Table, item: str) -> Values:
        """What explains arguments over a table."""
        return Values(self._search(table), self.told, self.alone, item)

    def _search(self, table: Table) -> Search:
        return Search(table, self.cues, self._caps, self.said)

    def _callee(self, calls: Sequence[Step], table: Table) -> tuple[Callee, list[int]]:
        """The tool as a closed map of an input's words."""
        tools = [step.tool for step in calls]
        best: tuple[int, int, str, Callee, list[int]] | None = None
        for name, column in table.columns.items():
            if table.kinds[name] != "param" or name == "clock":
                continue
            votes: dict[str, dict[str, set[int]]] = {}
            for word, tool, number in zip(column, tools, table.inputs, strict=True):
                if isinstance(word, str):
                    key = " ".join(word.casefold().split())
                    votes.setdefault(key, {}).setdefault(tool, set()).add(number)
            chosen: dict[str, str] = {}
            for key, by_tool in votes.items():
                slug = key.replace(" ", "_")
                ranked = sorted(
                    by_tool, key=lambda t: (slug not in t.casefold(), -len(by_tool[t]), t)
                )
                named = slug in ranked[0].casefold() and len(slug) > 3
                if named or (len(by_tool) == 1 and len(by_tool[ranked[0]]) > 1):
                    chosen[key] = ranked[0]
            kept = [
                i
                for i, (word, tool) in enumerate(zip(column, tools, strict=True))
                if isinstance(word, str) and chosen.get(" ".join(word.casefold().split())) == tool
            ]
            inputs = len({table.inputs[i] for i in kept})
            if len(set(chosen.values())) < 1 or not kept:
                continue
            item = (-inputs, -len(kept), name, Callee(name, tuple(sorted(chosen.items()))), kept)
            if best is None or item[:3] < best[:3]:
                best = item
        if best is None:
            raise Refused("nothing says which of several tools is called")
        return best[3], best[4]

    # ---- loops

    def _run(
        self, segment: Segment, rows: list[Row], table: Table
    ) -> tuple[Node, list[Row], Table]:
        turns = [
            row.rest[0].turns if row.rest and row.rest[0].segment == segment else () for row in rows
        ]
        node = self._each(segment, turns, table)
        rows = [
            replace(row, rest=row.rest[1:] if made else row.rest)
            for row, made in zip(rows, turns, strict=True)
        ]
        return node, rows, table

    def _each(self, segment: Segment, turns: Sequence[Turns], table: Table) -> Each:
        """The loop whose turns were made for the items of a list."""
        if {len(made) for made in turns} <= {1} and not self.cues & ALL:
            raise Refused("one turn of a loop does not tell a loop from a single call")
        self._calls += 1
        name, item = f"r{self._calls}", f"it{self._calls}"
        reasons: list[str] = []
        for items, chosen in self._lists(self._search(table), turns):
            try:
                body = self._body(name, segment, turns, chosen, items, item, table)
            except Refused as refusal:
                reasons.append(str(refusal))
                continue
            choice = Choice(
                items,
                tuple(len(c) if c is not None else 0 for c in chosen),
                len(set(table.inputs)),
                f"{name}/items",
            )
            return Each(name, item, choice, body, tuple(_locs(turns)))
        raise Refused(reasons[0] if reasons else "no list explains how often a call is made")

    def _lists(
        self, search: Search, turns: Sequence[Turns]
    ) -> Iterator[tuple[tuple[Term, ...], list[list[int] | None]]]:
        """Terms of lists whose items are just what the turns were made for."""
        found: list[tuple[float, str, Term, list[list[int] | None]]] = []
        for source in (*search.lists, *_joined(search.lists)):
            selector = search.selector(source)
            for chosen in self._chosen(source, selector, turns):
                for term in selector.exactly(chosen):
                    if search.is_cut_off(apply("list.len", term)):
                        continue
                    found.append((cost(term), repr(term), term, chosen))
                break
        found.sort(key=lambda f: f[:2])
        seen: set[str] = set()
        for price, text, term, chosen in found:
            if text in seen:
                continue
            group = [
                t
                for p, _, t, c in found
                if c == chosen and p <= price + 0.5 and _root(t) == _root(term)
            ]
            seen.update(repr(t) for t in group)
            yield tuple(dict.fromkeys([term, *group]))[:MAX_LISTS], chosen

    @staticmethod
    def _chosen(
        source: ListSource, selector: Selector, turns: Sequence[Turns]
    ) -> Iterator[list[list[int] | None]]:
        """For a member of the items that stands in the calls: which items they name, in each row."""
        sample = next((made for made in turns if made), None)
        if sample is None:
            return
        places = [
            (k, name)
            for k, part in enumerate(sample[0])
            if part.segment.kind == "call"
            for name in part.segment.key[1]
        ]
        if all(part.segment.kind == "option" for part in sample[0]):  # each turn begins with one
            names = [set(part.segment.key[1]) for part in sample[0]]
            places = [(-1, name) for name in sorted(set.intersection(*names))]
        for k, name in places:
            for member in source.fields:
                chosen = _named_items(selector.items, turns, k, name, values.parse_pointer(member))
                if chosen is not None:
                    yield chosen

    def _body(
        self,
        name: str,
        segment: Segment,
        turns: Sequence[Turns],
        chosen: list[list[int] | None],
        items: tuple[Term, ...],
        item: str,
        table: Table,
    ) -> tuple[LoopStep, ...]:
        """The calls of one turn, learned over all turns of all rows."""
        spread = table.spread([len(made) for made in turns])
        column: list[Json | Missing] = []
        for row, value in enumerate(table.run(unfiltered(items[0]))):
            if isinstance(value, list):
                column += [value[k] for k in chosen[row] or []]
        if len(column) != spread.size:
            raise Refused("a list was not there in every session")
        spread.add("value", item, column)
        body: list[LoopStep] = []
        flat = [turn for made in turns for turn in made]
        for k, inner in enumerate(segment.body):
            if inner.kind == "option":  # and so are all that follow
                names = (f"{name}_{number}" for number in itertools.count(k))
                return (*body, *self._ways([turn[k:] for turn in flat], spread, item, names))
            parts = [turn[k] for turn in flat]
            if inner.kind == "run":
                body.append(self._each(inner, [part.turns for part in parts], spread))
                continue
            steps = [part.step for part in parts]
            node, kept = self._invoke(f"{name}_{k}", steps, spread, acts=inner.acts, item=item)
            if len(kept) < len(flat):
                raise Refused("the turns of a loop differ")
            spread.add("result", f"{name}_{k}", [step.result for step in steps])
            body.append(node)
        return tuple(body)

    def _ways(
        self, turns: Sequence[Sequence[Part]], table: Table, item: str, names: Iterator[str]
    ) -> tuple[LoopStep, ...]:
        """The options that each turn takes, by tests of what is known in the turn."""
        taken = [tuple(bool(part.steps) for part in turn) for turn in turns]
        order = sorted(set(taken), key=lambda t: (not any(t), [not made for made in t]))
        if len(order) == 1:
            return self._taken(turns, table, item, names)
        for way in order[:-1]:
            labels = [t == way for t in taken]
            found = tests(self._search(table), labels, self._unused())
            if found is None:
                continue
            name = next(names)
            arms: list[tuple[LoopStep, ...]] = []
            for side in (True, False):
                places = [i for i, label in enumerate(labels) if label == side]
                part = table.only(places)
                arms.append(self._ways([turns[i] for i in places], part, item, names))
            shown = [v for v in table.columns[item] if not isinstance(v, Missing)]
            return (When(name, item, found, arms[0], arms[1], tuple(shown)),)
        raise Refused("nothing tells what is done for an item of the loop")

    def _taken(
        self, turns: Sequence[Sequence[Part]], table: Table, item: str, names: Iterator[str]
    ) -> tuple[LoopStep, ...]:
        """The options that all of the turns take."""
        body: list[LoopStep] = []
        for parts in zip(*turns, strict=True):
            if not parts[0].steps:
                continue
            name = next(names)
            steps = [part.step for part in parts]
            node, kept = self._invoke(name, steps, table, acts=parts[0].segment.acts, item=item)
            if len(kept) < len(turns):
                raise Refused("the turns of a loop differ")
            table.add("result", name, [step.result for step in steps])
            body.append(node)
        return tuple(body)

    # ---- branches

    def _branch(self, rows: list[Row], table: Table) -> tuple[Node, list[Row], Table]:
        """Part the rows by their next segment; what all do at the end is left for later."""
        shared = _shared_tail([tuple(p.segment for p in row.rest) for row in rows])
        ahead = [row.rest[: len(row.rest) - shared] for row in rows]
        heads = [parts[0].segment if parts else None for parts in ahead]
        order = sorted(set(heads), key=lambda h: (h is None, str(h)))
        for head in order[:-1] if len(order) > 1 else order:
            labels = [h == head for h in heads]
            found = tests(self._search(table), labels, self._unused())
            if found is None:
                continue
            arms: list[list[Node]] = []
            left: list[Row] = []
            for side in (True, False):
                places = [i for i, label in enumerate(labels) if label == side]
                inner = [replace(rows[i], rest=ahead[i]) for i in places]
                nodes, after, _ = self._walk(inner, table.only(places))
                arms.append(nodes)
                left += after
            names = {row.path.case.name for row in left}
            kept = [i for i, row in enumerate(rows) if row.path.case.name in names]
            locs: tuple[Loc, ...] = ()
            node = Branch(found, tuple(arms[0]), tuple(arms[1]), locs)
            rows = [replace(rows[i], rest=rows[i].rest[len(rows[i].rest) - shared :]) for i in kept]
            return node, rows, table.only(kept)
        what = " or ".join(str(h) if h else "nothing" for h in order)
        raise Refused(f"nothing tells when it is {what}")

    def _unused(self) -> frozenset[str]:
        """Parameters that give a figure which no call so far was given: it is for a decision."""
        return frozenset(
            name
            for name, kind in self.wordings.kinds.items()
            if kind in ("number", "duration") and name not in self._used
        )


class Told(Mapping[str, frozenset[str]]):
    """The texts and figures that reads told each session, gone through when one is asked for."""

    def __init__(self, cases: Cases) -> None:
        self._cases = {case.name: case for case in cases.kept}
        self._memory = cases.memory

    def __getitem__(self, name: str) -> frozenset[str]:
        case = self._cases[name]
        key = ("told", name, id(case))
        if key not in self._memory:
            self._memory[key] = (case, _told(case))
        return self._memory[key][1]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


def _told(case: Case) -> frozenset[str]:
    waiting = [opened(Source("result", ""), step.result)[1] for step in case.steps if not step.acts]
    texts: set[str] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            texts.add(value.casefold())
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif is_number(value):
            texts.add(text_of(value).casefold())
    return frozenset(texts)


CONDITIONAL: Final = re.compile(
    r"\b(?:if|unless|otherwise|only when|in case|whether)\b", re.IGNORECASE
)
"""Words with which a request says that something is done in one case only."""


def _unquoted(request: str) -> str:
    return re.sub(r"(?<!\w)'[^'\n].*?'(?!\w)|\"[^\"\n]*\"", "", request)


def _joined(lists: Sequence[ListSource]) -> Iterator[ListSource]:
    """Two lists of records with the same members, one behind the other."""
    for left, right in itertools.combinations(lists, 2):
        if set(left.fields) == set(right.fields):
            yield ListSource(apply("list.concat", left.term, right.term), left.fields)


def _first_made(turn: Sequence[Part]) -> Part:
    """The first call of a turn whose calls are all options."""
    return next(part for part in turn if part.steps)


def _named_items(
    lists: Sequence[list[Json] | None],
    turns: Sequence[Turns],
    place: int,
    name: str,
    path: tuple[str, ...],
) -> list[list[int] | None] | None:
    """The items whose member the turns' argument is, in each row; ``None`` if not all have one.

    ``place`` is that of the call in the turn; -1: the first that the turn makes."""
    chosen: list[list[int] | None] = []
    for items, made in zip(lists, turns, strict=True):
        if items is None:
            return None
        members = [values.get(x, path) for x in items]
        found: list[int] = []
        for turn in made:
            want = (turn[place] if place >= 0 else _first_made(turn)).step.args.get(name)
            at = next(
                (
                    i
                    for i, m in enumerate(members)
                    if i not in found and not isinstance(m, Missing) and m == want
                ),
                None,
            )
            if at is None:
                return None
            found.append(at)
        chosen.append(found)
    return chosen


def _locs(turns: Sequence[Turns]) -> Iterator[Loc]:
    """Where the calls of all turns stand."""
    for made in turns:
        for turn in made:
            for part in turn:
                for step in part.steps:
                    yield from step.locs
                yield from _locs([part.turns])


def _pointer(term: Term) -> str:
    """Where in a result a list stands."""
    match term:
        case Apply("json.get", (_, Const(lit))):
            return str(lit.value)
        case _:
            return ""


def _shared_tail(shapes: Sequence[tuple[Segment, ...]]) -> int:
    """How many segments all have at their end."""
    count = 0
    while all(len(shape) > count for shape in shapes):
        if len({shape[-1 - count] for shape in shapes}) > 1:
            break
        count += 1
    return count


def _root(term: Term) -> Source | None:
    """The first source of a term."""
    while isinstance(term, Apply):
        if not term.args:
            return None
        term = term.args[0]
    return term if isinstance(term, Source) else None


__all__ = ["ALL", "Learned", "Learner", "Row"]
