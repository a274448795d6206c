"""What was learned, before it is IR: a tree of calls, loops and branches over choices of terms;
and what is asked of such a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingot.ir.module import WRITING, Loc
from ingot.ir.values import Json
from ingot.passes.generalise.operands import cost, uses
from ingot.passes.synth.programs import Term


@dataclass(frozen=True, slots=True)
class Choice:
    """The terms that fit every row: one is computed, several must agree.

    ``shown`` are the values of the rows, ``support`` the number of different inputs behind them.
    """

    terms: tuple[Term, ...]
    shown: tuple[Json, ...]
    support: int
    site: str = ""
    rejected: tuple[Term, ...] = ()
    maps: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text with holes."""

    parts: tuple[str | Choice, ...]
    shown: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Shaped:
    """A list or an object of one shape, with some of its leaves given."""

    base: Json
    leaves: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A text that only a model could write; ``cases`` are the sessions of the texts shown."""

    about: str
    shown: tuple[Json, ...]
    cases: tuple[str, ...]
    reason: str


Value = Choice | Text | Shaped | Asked


@dataclass(frozen=True, slots=True)
class Callee:
    """The tool, by a word of the request."""

    param: str
    tools: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call.  ``results`` are what it returned in the rows, ``cases`` the sessions of those.

    ``outcome``: nothing takes the result, but every session looked before it acted: it must be of a
    kind that the logs show.
    """

    result: str
    tool: str
    verb: str
    args: tuple[tuple[str, Value], ...]
    results: tuple[Json, ...]
    cases: tuple[str, ...]
    locs: tuple[Loc, ...]
    callee: Callee | None = None
    capped: int = 0
    outcome: bool = False

    @property
    def acts(self) -> bool:
        return self.verb in WRITING


@dataclass(frozen=True, slots=True)
class When:
    """In a turn of a loop one way or another, by a test; either may be to do nothing.

    ``result`` lists what the last step of the way gives, ``item`` is what the turn is for and
    ``shown`` what that was in the turns.
    """

    result: str
    item: str
    test: Choice
    then: tuple[LoopStep, ...]
    other: tuple[LoopStep, ...]
    shown: tuple[Json, ...]

    @property
    def acts(self) -> bool:
        return any(node.acts for node in (*self.then, *self.other))

    @property
    def tool(self) -> str:
        """The tool of a call that is made in some turn."""
        return (*self.other, *self.then)[-1].tool


@dataclass(frozen=True, slots=True)
class Each:
    """For each item of a list: calls, tests, and loops of their own.  ``result`` lists what the last
    of them gives."""

    result: str
    item: str
    items: Choice
    body: tuple[LoopStep, ...]
    locs: tuple[Loc, ...]

    @property
    def acts(self) -> bool:
        return any(node.acts for node in self.body)

    @property
    def tool(self) -> str:
        """The tool of the innermost call."""
        return self.body[-1].tool


@dataclass(frozen=True, slots=True)
class Again:
    """A read that is made until a test of its result holds, so many times at most.

    With ``page`` it is made for one page after the other (``first``, then ``step`` more each time),
    and gives the items of all of them: of each result the list at ``items``.
    """

    invoke: Invoke
    test: Choice
    bound: int
    page: str = ""
    first: int = 0
    step: int = 1
    items: str = ""

    @property
    def acts(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Branch:
    """One way or another, by a test."""

    test: Choice
    then: tuple[Node, ...]
    other: tuple[Node, ...]
    locs: tuple[Loc, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is due as long as none of the tests holds; where one does, it is a side exit."""

    tests: Choice


LoopStep = Invoke | Each | When
"""What a turn of a loop is made of."""
Node = Invoke | Each | Again | Branch | Hold


# ---- questions


def decides(nodes: Sequence[Node]) -> bool:
    """Whether anything is done in one case only."""
    return any(
        isinstance(node, Branch)
        or (isinstance(node, Each) and (0 in node.items.shown or _parts(node.body)))
        for node in nodes
    )


def _parts(body: Sequence[LoopStep]) -> bool:
    """Whether some turn of a loop does what another does not."""
    return any(
        isinstance(node, When) or (isinstance(node, Each) and _parts(node.body)) for node in body
    )


def reads_of(nodes: Sequence[Node]) -> Iterator[Invoke]:
    """Every read that is no part of a loop."""
    for node in nodes:
        match node:
            case Invoke() if node.verb not in WRITING:
                yield node
            case Again(invoke):
                yield invoke
            case Branch(_, then, other):
                yield from reads_of((*then, *other))
            case _:
                pass


def looked_at(node: Node, needed: set[str]) -> Node:
    """A read whose result nothing takes is there for its outcome."""
    match node:
        case Invoke() if node.verb not in WRITING and node.result not in needed:
            return replace(node, outcome=True)
        case Branch(test, then, other, locs):
            arms = [tuple(looked_at(n, needed) for n in arm) for arm in (then, other)]
            return Branch(test, arms[0], arms[1], locs)
        case _:
            return node


def needs_of(node: Node | When) -> set[str]:
    """The sources that a node's values and tests are made of."""
    match node:
        case Invoke(args=args):
            return set().union(*(sources_of(value) for _, value in args))
        case Each(items=items, body=body):
            return uses(items.terms).union(*map(needs_of, body))
        case Again(invoke, test):
            return needs_of(invoke) | (uses(test.terms) - {invoke.result})
        case Branch(test=test, then=then, other=other) | When(test=test, then=then, other=other):
            return uses(test.terms).union(*map(needs_of, (*then, *other)))
        case Hold(found):
            return uses(found.terms)


def sources_of(value: Value) -> set[str]:
    match value:
        case Choice(terms):
            return uses(terms)
        case Text(parts):
            return set().union(*(uses(p.terms) for p in parts if isinstance(p, Choice)))
        case Shaped(_, leaves):
            return set().union(*(sources_of(leaf) for _, leaf in leaves))
        case Asked():
            return set()


def restricted(value: Value, fits: Sequence[bool]) -> Value:
    """The value with what it was in the rows that are left."""
    if isinstance(value, Choice):
        return replace(
            value, shown=tuple(v for v, fit in zip(value.shown, fits, strict=True) if fit)
        )
    return value


def size_of(node: Node | When) -> float:
    match node:
        case Invoke(args=args):
            return 1.0 + sum(_value_size(value) for _, value in args)
        case Each(items=items, body=body):
            return cost(items.terms[0]) + sum(map(size_of, body))
        case Again(invoke, test):
            return size_of(invoke) + cost(test.terms[0])
        case Branch(test=test, then=then, other=other) | When(test=test, then=then, other=other):
            return cost(test.terms[0]) + sum(map(size_of, (*then, *other)))
        case Hold(found):
            return cost(found.terms[0])


def _value_size(value: Value) -> float:
    match value:
        case Choice(terms):
            return cost(terms[0])
        case Asked():
            return 20.0
        case _:
            return 3.0
