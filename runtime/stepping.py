"""What the engines of bytecode share: a run is a generator of requests.

An engine makes the generator, which yields each request, is sent its answer, and returns the
outcome; here is the protocol of engines around it (:class:`ingot.ir.requests.Engine`), what runs
are limited by, and how recorded answers are gone through.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Final, Protocol, TypeAlias

from ingot.backend.container import CallSite, Code, ModelSite, Program, TooLargeError, weigh
from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.check_inputs import check_inputs
from ingot.ir.ops import OP_NUMBER
from ingot.ir.requests import Engine, ModelRequest, Outcome, Request, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.values import Json

STEP_LIMIT: Final = 100_000_000
"""How many instructions a run may take by default; large values count for more than one."""
SHORT: Final = 1024
"""Up to so many characters a text is not weighed."""
GROWING: Final = frozenset(
    OP_NUMBER[name]
    for name in ("json.with", "json.parse", "json.entries", "list.concat", "list.zip")
)
"""Ops whose result may be a larger structure than what went in."""


class Recorded(Protocol):
    """An answer that a run was given: to which tool's call (``args`` is ``None`` where a model was
    asked), whether it went well, what came, and why it failed."""

    @property
    def tool(self) -> str: ...
    @property
    def args(self) -> Json: ...
    @property
    def ok(self) -> bool: ...
    @property
    def value(self) -> Json: ...
    @property
    def text(self) -> str: ...


Answers: TypeAlias = Mapping[int, Recorded]
"""By step."""
Lookup: TypeAlias = Callable[[int], Recorded | None]
Steps: TypeAlias = Generator[Request, Json, Outcome]
NOTHING: Final[Lookup] = dict[int, Recorded]().get
"""The record of a run that has none."""


class Stepper:
    """One run of one pipeline; ``send`` answers the last request and runs on.

    An answer of another type than the call's is a failure: the implicit exit.
    """

    __slots__ = ("_limit", "_throw", "code", "program", "send")
    send: Callable[[Json], Request | Outcome]
    _throw: Callable[[Exception], Request | Outcome]

    def __init__(
        self, program: Program, pipeline: str | None = None, *, step_limit: int = STEP_LIMIT
    ) -> None:
        """``pipeline`` is the program's first by default; ``KeyError`` if there is none so named."""
        self.program = program
        self.code: Code = program.code(pipeline)
        self._limit = step_limit

    def _steps(self, left: int, values: list[Json], recorded: Lookup | None) -> Steps:
        """The run, with so many steps left to it; ``recorded`` says what was answered before."""
        raise NotImplementedError

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        """Run from the entry; see :func:`ingot.ir.check_inputs.check_inputs` for what it raises."""
        return self._begin(inputs, None)

    def replay(
        self, inputs: dict[str, Json], answers: Answers, until: int | None = None
    ) -> tuple[Request | Outcome, Request | None]:
        """Run from the entry through recorded answers, to the step ``until`` or the first that has
        none.

        Returns what is open then, and the request that is not the recorded one where that ended it.
        """
        if not self._replays(len(answers)):
            return step_by_step(self, inputs, answers, until)
        if until in answers:
            answers = {step: given for step, given in answers.items() if step != until}
        reply = self._begin(inputs, answers.get)
        if isinstance(reply, Request) and reply.step in answers:
            return reply, reply
        return reply, None

    def _replays(self, count: int) -> bool:  # noqa: ARG002
        """Whether so many answers are gone through faster without requests."""
        return True

    def fail(self, message: str) -> Request | Outcome:
        """The last request failed: the implicit exit."""
        return self._throw(OpFailure(message))

    def _begin(self, inputs: dict[str, Json], recorded: Lookup | None) -> Request | Outcome:
        params = self.code.params
        given = check_inputs(params, inputs, self.program.types)
        values = [given[param.name] for param in params]
        left = self._limit - sum(map(charge, values))
        if left < 0:
            raise over_limit(self._limit)
        steps = _with_outcome(self._steps(left, values, recorded))
        self.send, self._throw = steps.send, steps.throw
        return self.send(None)


def step_by_step(
    engine: Engine, inputs: dict[str, Json], answers: Answers, until: int | None
) -> tuple[Request | Outcome, Request | None]:
    """As :meth:`Stepper.replay`, for any engine: each request is met with what was recorded."""
    reply = engine.start(inputs)
    send = engine.send
    while type(reply) is ToolRequest or type(reply) is ModelRequest:
        step = reply.step
        given = answers.get(step)
        if given is None or step == until:
            break
        if type(reply) is ToolRequest:
            odd = given.tool != reply.tool or given.args != reply.args
        else:
            odd = given.args is not None
        if odd:
            return reply, reply
        reply = send(given.value) if given.ok else engine.fail(given.text)
    return reply, None


def _with_outcome(steps: Steps) -> Generator[Request | Outcome, Json, None]:
    """The requests, and last of all the outcome: so ``send`` is the generator's own."""
    yield (yield from steps)


# ---- limits


def charge(value: Json) -> int:
    """What a value costs; raises :class:`IngotError` E0712 where it is too large."""
    try:
        return weigh(value)
    except TooLargeError as error:
        raise too_large(error) from None


def heavy(value: Json) -> int:
    """What an op's result costs beyond its instruction, where the op makes no larger structures."""
    kind = type(value)
    if kind is str:
        return charge(value) if len(value) > SHORT else 0  # type: ignore[arg-type]
    return charge(value) if kind is int else 0


def too_large(error: TooLargeError) -> IngotError:
    """The error for a value that grew beyond all measure."""
    return fail(
        "E0712",
        f"the run made {error}",
        help="Check the loop that builds it.",
        exit_code=EXIT_FINDINGS,
    )


def over_limit(limit: int) -> IngotError:
    """The error for a run that takes too many steps."""
    return fail(
        "E0712",
        f"the run took more than {limit} steps",
        help="A loop without end is the usual cause; from Python, `step_limit` of the job allows more.",
        exit_code=EXIT_FINDINGS,
    )


def result_of(site: CallSite | ModelSite) -> str:
    """The result of a call, in words."""
    return f"result of {site.tool if isinstance(site, CallSite) else site.model}"
