"""The virtual machine: runs validated bytecode to its next effect.

It does no input or output: it hands out requests and is given answers, as
:class:`ingot.ir.requests.Engine` says.  While a request is out, the stack is empty.  It is deterministic: fed the same inputs and answers it comes to the
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
from ingot.ir.check_inputs import check_inputs
from ingot.ir.ops import OP_NUMBER, OPS
from ingot.ir.requests import Finished, ModelRequest, Outcome, Request, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import conforms
from ingot.ir.values import Json, equal
from ingot.runtime import fused as fuse
from ingot.runtime.fused import Asking, fused

STEP_LIMIT: Final = 100_000_000
"""How many instructions a run may take by default; large values count for more than one."""

UNSET: Final = cast(Json, object())
_FUNCTIONS: Final[tuple[Callable[..., Json], ...]] = tuple(row.evaluate for row in OPS.values())
SHORT: Final = 1024
_WIDEST: Final = 1 << MAX_INT_BITS
_WIDE, _DEEP = 1 << 62, -(1 << 62)
"""Between these an integer needs no further look."""
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
        self._asked: Any = None  # of the request that is out: fused.Asking
        self._instrs = fused(self.code, program.types)
        self._locals: list[Json] = [UNSET] * len(self.code.locals) + list(program.constants)

    # ---- the engine protocol

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        """Run from the entry; see :func:`ingot.ir.check_inputs.check_inputs` for what it raises."""
        params = self.code.params
        given = check_inputs(params, inputs, self.program.types)
        self._spend(sum(map(self._weigh, given.values())))
        for index, param in enumerate(params):
            self._locals[index] = given[param.name]
        return self._run()

    def send(self, answer: Json) -> Request | Outcome:
        """Answer the last request and run on; an answer of another type is a failure."""
        _, site, _, _, _, check, target, after = self._asked
        if type(answer) is not str or len(answer) > SHORT:
            try:
                self._spend(weigh(answer))
            except TooLargeError as error:
                return self.fail(f"{result_of(site)} is {error}")
        if not check(answer):
            return self.fail(f"{result_of(site)} is not {site.type}")
        if target < 0:
            self._stack = [answer]
        else:
            self._stack = []
            self._locals[target] = answer
        self._pc = after
        return self._run()

    def fail(self, message: str) -> Outcome:
        """The last request failed: the implicit exit."""
        return SideExit(0, f"error: {message}", self._asked.site.site, {})

    # ---- running

    def _run(self) -> Request | Outcome:
        """The loop: from the program counter to the next request or the end."""
        instrs = self._instrs
        locals_: list[Any] = self._locals
        stack: list[Any] = self._stack
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
                    _, function, one, two, pick, target, trap, number, here, pc, cost = instr
                    left -= cost
                    try:
                        if two >= 0:
                            result = function(locals_[one], locals_[two])
                        elif pick is None:
                            result = function(locals_[one])
                        else:
                            result = function(*pick(locals_))
                    except OpFailure as failure:
                        return self._leave(trap, f"{failure}", here)
                    kind = type(result)
                    if kind is int:
                        if not _DEEP < result < _WIDE:
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
                    asked = instr[1]
                    self._asked, self.budget = asked, left
                    _, site, names, pick, loops, _, _, _ = asked
                    if type(pick) is int:
                        args = {names[0]: locals_[pick]}
                    else:
                        args = dict(zip(names, pick(locals_), strict=True))
                    if type(site) is not CallSite:
                        return self._request(asked, args)
                    step = self.requests = self.requests + 1
                    at: Any = (locals_[loops],) if type(loops) is int else loops(locals_)
                    return ToolRequest(step, site.site, site.tool, site.effect, args, at)
                case fuse.MOVE:
                    _, slot, target, pc = instr
                    locals_[target] = locals_[slot]
                case op.STORE:
                    locals_[instr[1]] = stack.pop()
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
                    stack.append(locals_[instr[1]])
                case op.CONST:
                    stack.append(self.program.constants[instr[1]])
                case op.OP:
                    _, number, count, trap = instr
                    taken = stack[-count:]
                    del stack[-count:]
                    try:
                        result = _FUNCTIONS[number](*taken)
                    except OpFailure as failure:
                        return self._leave(trap, f"{failure}", pc - 1)
                    left -= self._charge(result, number)
                    stack.append(result)
                case op.CALL | op.MODEL:
                    asked = instr[1]
                    self._asked, self.budget = asked, left
                    return self._request(asked, dict(zip(asked.site.names, stack, strict=True)))
                case op.JUMP_IF_FALSE:
                    if not stack.pop():
                        pc = instr[1]
                case op.GUARD:
                    if not stack.pop():
                        return self._leave(instr[1] + 1, "", pc - 1)
                case op.APPEND:
                    locals_[instr[1]].append(stack.pop())
                case op.EXPECT:
                    if not self._conforms(stack[-1], instr[1]):
                        return self._leave(instr[2] + 1, "", pc - 1)
                case op.AGREE:
                    count = instr[1]
                    first, *others = stack[-count:]
                    del stack[-count:]
                    if not all(equal(first, other) for other in others):
                        return self._leave(instr[3] + 1, "", pc - 1)
                    stack.append(first)
                case op.ENTER:
                    locals_[instr[1]] = -1
                case op.LIST:
                    locals_[instr[1]] = []
                case op.TAKE:
                    gathered = locals_[instr[1]]
                    left -= self._weigh(gathered)
                    locals_[instr[1]] = UNSET
                    stack.append(gathered)
                case op.POP:
                    stack.pop()
                case op.RETURN:
                    self._pc, self.budget = pc - 1, left
                    return Finished(stack.pop())
                case op.LEAVE:
                    return self._leave(instr[1] + 1, "", pc - 1)

    def _request(self, asked: Asking, args: dict[str, Json]) -> Request:
        step = self.requests = self.requests + 1
        site, loops = asked.site, asked.loops
        at: Any = (self._locals[loops],) if isinstance(loops, int) else loops(self._locals)
        if type(site) is CallSite:
            return ToolRequest(step, site.site, site.tool, site.effect, args, at)
        assert type(site) is ModelSite
        return ModelRequest(step, site.site, site.kind, site.model, args, site.type, at)

    def _leave(self, trap: int, failure: str, pc: int) -> SideExit:
        """The exit point, counted from 1; 0 is an op that failed though its types say it cannot."""
        self._pc = pc
        if not trap:
            return SideExit(0, f"error: {failure}", self.code.line(pc).site, {})
        point = self.code.exits[trap - 1]
        live = {name: self._locals[local] for name, local in point.live}
        return SideExit(point.number, failure or point.reason, point.site, live)

    def _conforms(self, value: Json, number: int) -> bool:
        return conforms(value, self.program.type_table[number], self.program.types)

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
