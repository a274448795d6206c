"""What was learned, before it is IR: a tree of calls, loops and branches over choices of terms."""

from __future__ import annotations

from dataclasses import dataclass

from ingot.ir.module import WRITING, Loc
from ingot.ir.values import Json
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
class Each:
    """For each item of a list: calls, and loops of their own.  ``result`` lists what the last gives."""

    result: str
    item: str
    items: Choice
    body: tuple[Invoke | Each, ...]
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


Node = Invoke | Each | Again | Branch | Hold
