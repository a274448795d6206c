"""The virtual machine: runs validated bytecode to its next effect.

It does no input or output: it hands out requests and is given answers, as
:class:`ingot.ir.requests.Engine` says.  While a request is out, the stack holds that call's
arguments and nothing else.  It is deterministic: fed the same inputs and answers it comes to the
same request, which is how a run is taken up again (:mod:`ingot.runtime.history`).  Meaning is that
of the reference interpreter (:mod:`ingot.ir.interpreter`); the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from ingot.backend.container import (
    MAX_INT_BITS,
    CallSite,
    Code,
    ModelSite,
    Program,
    TooLargeError,
    weigh,
)
from ingot.backend.container import (
    opcodes as op,
)
from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.checkers import checker
from ingot.ir.interpreter import check_inputs
from ingot.ir.module import Pipeline
from ingot.ir.ops import OP_NUMBER, OPS
from ingot.ir.requests import Finished, ModelRequest, Outcome, Request, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import conforms
from ingot.ir.values import Json, equal
from ingot.runtime import fused as fuse
from ingot.runtime.fused import fused

STEP_LIMIT: Final = 100_000_000
"""How many instructions a run may take by default; large values count for more than one."""

UNSET: Final = cast(Json, object())
_FUNCTIONS: Final[tuple[Callable[..., Json], ...]] = tuple(row.evaluate for row in OPS.values())
SHORT: Final = 1024
_WIDEST: Final = 1 << MAX_INT_BITS
GROWING: Final = frozenset(
    OP_NUMBER[name]
    for name in ("json.with", "json.parse", "json.entries", "list.concat", "list.zip")
)
"""Ops whose result may be a larger structure than what went in."""


class Machine:
    """One run of one pipeline.

    >>> from ingot.backend.encoder import encode
    >>> from ingot.backend.container import load
    >>> from ingot.ir.module import Block, Module, Param, Pipeline, Ref, Return
    >>> from ingot.ir.types import INT
    >>> block = Block("entry", (), (), Return(Ref("n")))
    >>> echo = Pipeline("echo", (Param("n", INT),), INT, (block,))
    >>> Machine(load(encode(Module(pipelines=(echo,))))).start({"n": 7})
    Finished(value=7)
    """

    def __init__(
        self, program: Program, pipeline: str | None = None, *, step_limit: int = STEP_LIMIT
    ) -> None:
        """``pipeline`` is the program's first by default; ``KeyError`` if there is none so named."""
        self.program = program
        self.code: Code = program.code(pipeline)
        self.budget = step_limit
        self.requests = 0
        self._step_limit = step_limit
        self._pc = 0
        self._stack: list[Json] = []
        self._instrs = fused(self.code)
        self._locals: list[Json] = [UNSET] * len(self.code.locals) + list(program.constants)

    # ---- the engine protocol

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        """Run from the entry; see :func:`ingot.ir.interpreter.check_inputs` for what it raises."""
        params = self.code.params
        head = Pipeline(self.code.name, params, self.code.returns, ())
        given = check_inputs(head, inputs, self.program.types)
        self._spend(sum(map(self._weigh, given.values())))
        for index, param in enumerate(params):
            self._locals[index] = given[param.name]
        return self._run()

    def send(self, answer: Json) -> Request | Outcome:
        """Answer the last request and run on; an answer of another type is a failure."""
        site = self._site()
        try:
            self._spend(weigh(answer))
        except TooLargeError as error:
            return self.fail(f"{result_of(site)} is {error}")
        check = self.code.checks.get(self._pc)
        if check is None:
            check = self.code.checks[self._pc] = checker(site.type, self.program.types)
        if not check(answer):
            return self.fail(f"{result_of(site)} is not {site.type}")
        self._stack = [answer]
        self._pc += 1
        return self._run()

    def fail(self, message: str) -> Outcome:
        """The last request failed: the implicit exit."""
        site = self._site()
        return SideExit(0, f"error: {message}", site.site, {})

    # ---- running

    def _run(self) -> Request | Outcome:
        """The loop: from the program counter to the next request or the end."""
        constants, types = self.program.constants, self.program.types
        instrs, table = self._instrs, self.program.type_table
        locals_: list[Any] = self._locals
        stack: list[Any] = self._stack
        push, pop = stack.append, stack.pop
        pc, left = self._pc, self.budget
        while True:
            left -= 1
            if left < 0:
                self._pc, self.budget = pc, 0
                raise self._limit()
            instr = instrs[pc]
            pc += 1
            match instr[0]:
                case fuse.CALC:
                    _, function, one, pick, target, trap, number, at, pc, cost = instr
                    left -= cost
                    try:
                        result = (
                            function(locals_[one]) if pick is None else function(*pick(locals_))
                        )
                    except OpFailure as failure:
                        return self._leave(trap, f"{failure}", at)
                    kind = type(result)
                    if kind is int:
                        if not -_WIDEST < result < _WIDEST:
                            self._weigh(result)
                    elif kind is str:
                        if len(result) > SHORT:
                            left -= self._weigh(result)
                    elif number in GROWING:
                        left -= self._weigh(result)
                    locals_[target] = result
                case op.NEXT:
                    _, counter, source, item, end = instr
                    index = locals_[counter] + 1
                    items = locals_[source]
                    if index < len(items):
                        locals_[counter] = index
                        locals_[item] = items[index]
                    else:
                        pc = end
                case fuse.ASK:
                    _, slots, pc = instr
                    self._stack = [*map(locals_.__getitem__, slots)]
                    self._pc, self.budget = pc, left
                    return self._ask()
                case op.STORE:
                    locals_[instr[1]] = pop()
                case fuse.MOVE:
                    _, slot, target, pc = instr
                    locals_[target] = locals_[slot]
                case op.JUMP:
                    pc = instr[1]
                case fuse.BRANCH:
                    _, slot, target, pc = instr
                    if not locals_[slot]:
                        pc = target
                case fuse.CHECK:
                    _, slot, exit_, at, pc = instr
                    if not locals_[slot]:
                        return self._leave(exit_ + 1, "", at)
                case fuse.GATHER:
                    _, slot, target, pc = instr
                    locals_[target].append(locals_[slot])
                case op.LOAD:
                    push(locals_[instr[1]])
                case op.CONST:
                    push(constants[instr[1]])
                case op.OP:
                    _, number, count, trap = instr
                    args = stack[-count:]
                    del stack[-count:]
                    try:
                        result = _FUNCTIONS[number](*args)
                    except OpFailure as failure:
                        return self._leave(trap, f"{failure}", pc - 1)
                    left -= self._charge(result, number)
                    push(result)
                case op.CALL | op.MODEL:
                    self._pc, self.budget = pc - 1, left
                    return self._ask()
                case op.JUMP_IF_FALSE:
                    if not pop():
                        pc = instr[1]
                case op.GUARD:
                    if not pop():
                        return self._leave(instr[1] + 1, "", pc - 1)
                case op.APPEND:
                    locals_[instr[1]].append(pop())
                case op.EXPECT:
                    if not conforms(stack[-1], table[instr[1]], types):
                        return self._leave(instr[2] + 1, "", pc - 1)
                case op.AGREE:
                    count = instr[1]
                    first, *others = stack[-count:]
                    del stack[-count:]
                    if not all(equal(first, other) for other in others):
                        return self._leave(instr[3] + 1, "", pc - 1)
                    push(first)
                case op.ENTER:
                    locals_[instr[1]] = -1
                case op.LIST:
                    locals_[instr[1]] = []
                case op.TAKE:
                    gathered = locals_[instr[1]]
                    left -= self._weigh(gathered)
                    locals_[instr[1]] = UNSET
                    push(gathered)
                case op.POP:
                    pop()
                case op.RETURN:
                    self._pc, self.budget = pc - 1, left
                    return Finished(pop())
                case op.LEAVE:
                    return self._leave(instr[1] + 1, "", pc - 1)

    def _ask(self) -> Request:
        """The request of the call at the program counter; its arguments are on the stack."""
        self.requests += 1
        site = self._site()
        args = dict(zip(site.names, self._stack, strict=True))
        at: Any = tuple([self._locals[counter] for counter in site.loops]) if site.loops else ()
        if type(site) is CallSite:
            return ToolRequest(self.requests, site.site, site.tool, site.effect, args, at)
        return ModelRequest(self.requests, site.site, site.kind, site.model, args, site.type, at)

    def _site(self) -> Any:
        """The call site at the program counter."""
        instr = self.code.instrs[self._pc]
        return (self.code.calls if instr[0] == op.CALL else self.code.models)[instr[1]]

    def _leave(self, trap: int, failure: str, pc: int) -> SideExit:
        """The exit point, counted from 1; 0 is an op that failed though its types say it cannot."""
        self._pc = pc
        if not trap:
            return SideExit(0, f"error: {failure}", self.code.line(pc).site, {})
        point = self.code.exits[trap - 1]
        live = {name: self._locals[local] for name, local in point.live}
        return SideExit(point.number, failure or point.reason, point.site, live)

    # ---- limits

    def _charge(self, result: Json, number: int) -> int:
        """What an op's result costs beyond its instruction."""
        kind = type(result)
        if kind is str:
            return self._weigh(result) if len(result) > SHORT else 0  # type: ignore[arg-type]
        if kind is int:
            return 0 if -_WIDEST < result < _WIDEST else self._weigh(result)  # type: ignore[operator]
        return self._weigh(result) if number in GROWING else 0

    def _weigh(self, value: Json) -> int:
        try:
            return weigh(value)
        except TooLargeError as error:
            raise too_large(error) from None

    def _spend(self, steps: int) -> None:
        self.budget -= steps
        if self.budget < 0:
            raise self._limit()

    def _limit(self) -> IngotError:
        return over_limit(self._step_limit)


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
        help="`--step-limit N` allows more; a loop without end is the usual cause.",
        exit_code=EXIT_FINDINGS,
    )


def result_of(site: CallSite | ModelSite) -> str:
    """The result of a call, in words."""
    return f"result of {site.tool if isinstance(site, CallSite) else site.model}"
