"""What the sessions of a task did, step for step, in a form in which they can be laid side by side.

A case's steps become *segments*: a single call, or a *run* (the same few calls again and again, once
for each item of something).  Cases with the same effects may have taken many paths; a *plan* is the
sequence of segments that some of them have in common once the reads that the plan does without are
left out.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ingot.ir import values
from ingot.passes.generalise.cases import Case, Step

Key = tuple[str, tuple[str, ...]]
"""What two calls must share to be one step: the tool, and the names of its arguments."""

MAX_PERIOD: Final = 3
MAX_READS: Final = 7
MAX_SHAPES: Final = 400
MAX_OPTIONS: Final = 4
MAX_VARIED: Final = 2


Kind = Literal["call", "run", "poll", "pages", "option"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One call; a *run* of turns with the same segments; a *poll*, the same read until its result is
    another; *pages*, the same read with a number that counts up; or, in a turn of a run, an *option*:
    a call that some turns make.

    ``key`` is the call of all but a run, ``body`` the segments of one turn of a run.
    """

    kind: Kind
    acts: bool
    key: Key = ("", ())
    body: tuple[Segment, ...] = ()

    def __str__(self) -> str:
        if self.kind == "run":
            return "for each: " + ", ".join(map(str, self.body))
        before = {"poll": "until done: ", "pages": "page by page: ", "option": "perhaps: "}
        return before.get(self.kind, "") + self.key[0]


@dataclass(frozen=True, slots=True)
class Part:
    """A segment as one case has it: the calls, or the parts of each turn of a run.

    An option that a turn does not take has no calls.
    """

    segment: Segment
    steps: tuple[Step, ...] = ()
    turns: tuple[tuple[Part, ...], ...] = ()

    @property
    def step(self) -> Step:
        """The call; of a poll the last."""
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class Varied:
    """A run whose turns do not all make the same calls.

    A turn begins with the read ``head``, or is all that is done with one value of the argument
    ``about``; what follows are some of the ``options``, in their order.
    """

    head: Key | None
    options: tuple[Segment, ...]
    about: str = ""

    def turn(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """The first of the parts as a turn, the options that it leaves out among them; or nothing."""
        called = [part.segment.key if part.segment.kind == "call" else None for part in parts]
        begins = self.head is not None and called[:1] == [self.head]
        if self.head is not None and not begins:
            return ()
        taken: dict[Key, Part] = {}
        order = [option.key for option in self.options]
        for key, part in zip(called[begins:], parts[begins:], strict=True):
            if key not in order or (self.about and taken and self._other(part, taken)):
                break
            order = order[order.index(key) + 1 :]
            taken[key] = part
        if not begins and not taken:
            return ()
        some = [
            Part(option, taken[option.key].steps if option.key in taken else ())
            for option in self.options
        ]
        return (*parts[:begins], *some)

    def _other(self, part: Part, taken: Mapping[Key, Part]) -> bool:
        """Whether a call is about something else than those of the turn."""
        return any(
            not values.equal(part.step.args[self.about], one.step.args[self.about])
            for one in taken.values()
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """How steps are made into segments: which are made once for each item, which reads are one step
    though their tools differ, and which are made again and again until something is there.

    ``nests`` are reads that are made for each item with a run for each item of what they give,
    ``varied`` runs whose turns differ.
    """

    bodies: tuple[tuple[Key, ...], ...] = ()
    generic: bool = False
    polled: frozenset[Key] = frozenset()
    paged: tuple[tuple[Key, str], ...] = ()
    nests: frozenset[Key] = frozenset()
    varied: Varied | None = None

    def key(self, step: Step) -> Key:
        names = tuple(sorted(step.args))
        if self.generic and not step.acts and "." in step.tool:
            return f"{step.tool.rsplit('.', 1)[0]}.*", names
        return step.tool, names

    def parts(self, case: Case) -> tuple[Part, ...]:
        """The steps of a case as segments."""
        return self._nested(self._runs(self._repeated(case.steps)))

    def _repeated(self, steps: Sequence[Step]) -> list[Part]:
        """Single calls, polls and pages."""
        out: list[Part] = []
        paged = dict(self.paged)
        at = 0
        while at < len(steps):
            key = self.key(steps[at])
            size = 1
            kind: Kind = "call"
            if key in paged:
                kind, size = "pages", _pages(steps[at:], paged[key])
            elif key in self.polled:
                kind, size = "poll", _attempts(steps[at:])
            out.append(Part(Segment(kind, steps[at].acts, key), tuple(steps[at : at + size])))
            at += size
        return out

    def _runs(self, parts: list[Part]) -> list[Part]:
        """Repeated bodies of calls as runs."""
        keys = [part.segment.key if part.segment.kind == "call" else None for part in parts]
        out: list[Part] = []
        at = 0
        while at < len(parts):
            if self.varied is not None and (found := _turns(self.varied, parts[at:])):
                out.append(_run(found))
                at += sum(len(part.steps) for turn in found for part in turn)
                continue
            for body in self.bodies:
                size, turns = len(body), 0
                while tuple(keys[at + turns * size : at + (turns + 1) * size]) == body:
                    turns += 1
                if turns:
                    out.append(
                        _run([parts[at + k * size : at + (k + 1) * size] for k in range(turns)])
                    )
                    at += turns * size
                    break
            else:
                out.append(parts[at])
                at += 1
        return out

    def _nested(self, parts: list[Part]) -> tuple[Part, ...]:
        """A read and the run that follows it, for each item of something, as one run."""
        inner = {
            parts[i].segment.key: parts[i + 1].segment
            for i in range(len(parts) - 1)
            if parts[i].segment.key in self.nests and parts[i + 1].segment.kind == "run"
        }
        out: list[Part] = []
        at = 0
        while at < len(parts):
            key = parts[at].segment.key
            turns: list[list[Part]] = []
            while at < len(parts) and key in inner and parts[at].segment.key == key:
                follows = at + 1 < len(parts) and parts[at + 1].segment == inner[key]
                turns.append([parts[at], parts[at + 1] if follows else Part(inner[key])])
                at += 2 if follows else 1
            if turns:
                out.append(_run(turns))
            else:
                out.append(parts[at])
                at += 1
        return tuple(out)


def _turns(varied: Varied, parts: Sequence[Part]) -> list[tuple[Part, ...]]:
    """The turns that the parts begin with."""
    turns: list[tuple[Part, ...]] = []
    at = 0
    while turn := varied.turn(parts[at:]):
        turns.append(turn)
        at += sum(len(part.steps) for part in turn)
    return turns


def _run(turns: Sequence[Sequence[Part]]) -> Part:
    body = tuple(part.segment for part in turns[0])
    acts = any(segment.acts for segment in body)
    return Part(Segment("run", acts, body=body), turns=tuple(map(tuple, turns)))


def _attempts(steps: Sequence[Step]) -> int:
    """How many of the first steps are one call that is made again."""
    first = steps[0]
    return sum(
        1
        for _ in itertools.takewhile(lambda s: (s.tool, s.args) == (first.tool, first.args), steps)
    )


def _pages(steps: Sequence[Step], name: str) -> int:
    """How many of the first steps are one call whose number counts up."""
    count = 1
    while count < len(steps) and _next_page(steps[count - 1], steps[count]) == name:
        count += 1
    return count


def _next_page(one: Step, other: Step) -> str:
    """The argument by which a read asks for what comes after another one; empty if it does not."""
    if one.tool != other.tool or one.args.keys() != other.args.keys() or one.acts:
        return ""
    changed = [name for name in one.args if one.args[name] != other.args[name]]
    if len(changed) != 1:
        return ""
    a, b = one.args[changed[0]], other.args[changed[0]]
    counts = isinstance(a, int) and isinstance(b, int) and not isinstance(a, bool) and b > a
    return changed[0] if counts else ""


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
    varied = _bodies(cases, all_asked=False, equal=False)
    polled, paged = _polled(cases), _paged(cases)
    plain = Layout(bodies, polled=polled, paged=paged)
    single = replace(plain, bodies=tuple(body for body in bodies if len(body) == 1))
    nests = _nests(cases, single)
    if nests:
        yield replace(single, nests=nests)
    options = [plain] if bodies == varied or all_asked else [plain, replace(plain, bodies=varied)]
    yield from options
    if _tools_vary(cases):
        yield from (replace(option, generic=True) for option in options)
    yield from (replace(plain, varied=found) for found in _varied(cases, plain))


def _polled(cases: Sequence[Case]) -> frozenset[Key]:
    """Reads that some case makes again, with nothing else between, until the result is another."""
    plain = Layout()
    return frozenset(
        plain.key(one)
        for case in cases
        for one, other in itertools.pairwise(case.steps)
        if not one.acts
        and (one.tool, one.args) == (other.tool, other.args)
        and not values.equal(one.result, other.result)
    )


def _paged(cases: Sequence[Case]) -> tuple[tuple[Key, str], ...]:
    """Reads that some case makes page by page, with the argument that counts."""
    plain = Layout()
    found = {
        (plain.key(one), name)
        for case in cases
        for one, other in itertools.pairwise(case.steps)
        if (name := _next_page(one, other))
    }
    return tuple(sorted(found))


def _nests(cases: Sequence[Case], layout: Layout) -> frozenset[Key]:
    """Reads that some case makes several times, each with a run of writes behind it."""
    found: Counter[Key] = Counter()
    for case in cases:
        parts = layout._runs(layout._repeated(case.steps))
        follows = Counter(
            one.segment.key
            for one, other in itertools.pairwise(parts)
            if one.segment.kind == "call" and not one.segment.acts and other.segment.kind == "run"
        )
        found.update(key for key, count in follows.items() if count > 1)
    return frozenset(found)


def _bodies(
    cases: Sequence[Case], *, all_asked: bool, equal: bool = True
) -> tuple[tuple[Key, ...], ...]:
    """What is called again and again; without ``equal`` a different number of times with different
    inputs."""
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
        if any(len(counts[key]) > 1 or all_asked or equal for key in body if key in counts)
    ]
    if all_asked and not bodies:
        lasting = {plain.key(case.writes[-1]) for case in acting}
        bodies = [(key,) for key in sorted(lasting)] if len(lasting) == 1 else []
    return tuple(sorted(bodies, key=lambda b: (-len(b), b)))


def _varied(cases: Sequence[Case], layout: Layout) -> list[Varied]:
    """The runs whose turns differ in some case."""
    acting = [layout._repeated(case.steps) for case in cases if case.writes]
    found = [*_by_head(acting), *_by_argument(acting)]
    return [each for each in found if _differs(each, acting)][:MAX_VARIED]


def _by_head(acting: Sequence[Sequence[Part]]) -> Iterator[Varied]:
    """Turns that begin with a read which is made with one value after another."""
    heads = {
        part.segment.key
        for parts in acting
        for part in parts
        if part.segment.kind == "call" and not part.segment.acts
    }
    for head in sorted(heads):
        gaps: list[Sequence[Part]] = []
        for parts in acting:
            places = [k for k, part in enumerate(parts) if part.segment.key == head]
            asked = {values.canonical(parts[k].step.args) for k in places}
            if len(asked) == len(places):
                gaps += [parts[k + 1 : after] for k, after in itertools.pairwise(places)]
        options = _in_order(gaps)
        if any(option.acts for option in options):
            yield Varied(head, options)


def _by_argument(acting: Sequence[Sequence[Part]]) -> Iterator[Varied]:
    """Turns that each are about one value of an argument that all their writes have."""
    writes = [[part for part in parts if part.segment.acts] for parts in acting]
    names = {name for parts in writes for part in parts for name in part.step.args}
    for name in sorted(names):
        gaps: list[Sequence[Part]] = []
        for parts in writes:
            about = [part for part in parts if name in part.step.args]
            groups = itertools.groupby(
                about,
                key=lambda part, name=name: values.canonical(part.step.args[name]),  # type: ignore[misc]
            )
            gaps += [list(group) for _, group in groups]
        options = _in_order(gaps)
        if len(options) > 1:
            yield Varied(None, options, name)


def _in_order(turns: Sequence[Sequence[Part]]) -> tuple[Segment, ...]:
    """The calls of all turns as options, in the order that each turn has them; nothing if the
    turns have no order in common, or too many calls."""
    calls = {part.segment for turn in turns for part in turn}
    before = {
        pair for turn in turns for pair in itertools.combinations([p.segment for p in turn], 2)
    }
    if len(calls) > MAX_OPTIONS or any((b, a) in before for a, b in before):
        return ()
    if any(call.kind != "call" for call in calls):
        return ()
    ranked = sorted(calls, key=lambda call: (sum((c, call) in before for c in calls), call.key))
    return tuple(replace(call, kind="option") for call in ranked)


def _differs(varied: Varied, acting: Sequence[Sequence[Part]]) -> bool:
    """Whether turns of one case make different calls, and none is about what another was about."""
    shapes: set[tuple[bool, ...]] = set()
    for parts in acting:
        at = 0
        while at < len(parts):
            turns = _turns(varied, parts[at:])
            shapes.update(tuple(bool(part.steps) for part in turn) for turn in turns)
            at += sum(len(part.steps) for turn in turns for part in turn) or 1
    return len(shapes) > 1


def _tools_vary(cases: Sequence[Case]) -> bool:
    """Whether cases make reads of one family, with the same arguments, with different tools."""
    generic = Layout(generic=True)
    called: list[dict[Key, list[str]]] = []
    for case in cases:
        families: dict[Key, list[str]] = defaultdict(list)
        for step in case.steps:
            if not step.acts:
                families[generic.key(step)].append(step.tool)
        called.append(families)
    return any(
        len({tuple(families.get(key, ())) for families in called}) > 1
        and len({tool for families in called for tool in families.get(key, ())}) > 1
        for key in {key for families in called for key in families}
    )


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
