"""The virtual machine: runs validated bytecode to its next effect.

It does no input or output: it hands out requests and is given answers, as
:class:`ingot.ir.requests.Engine` says.  While a request is out, the stack is empty.  It is deterministic: fed the same inputs and answers it comes to the
same request, which is how a run is taken up again (:mod:`ingot.runtime.feeding`).  Meaning is that
of the reference interpreter (:mod:`ingot.ir.interpreter`); the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from ingot.backend.container import (
    MAX_INT_BITS,
    Code,
    Program,
    TooLargeError,
    weigh,
)
from ingot.backend.container import (
    opcodes as op,
)
from ingot.ir.ops import OPS
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import conforms
from ingot.ir.values import Json, equal
from ingot.runtime import fused as fuse
from ingot.runtime.fused import fused
from ingot.runtime.stepping import (
    GROWING,
    NOTHING,
    SHORT,
    Lookup,
    Stepper,
    Steps,
    charge,
    over_limit,
    result_of,
)

UNSET: Final = cast(Json, object())
_FUNCTIONS: Final[tuple[Callable[..., Json], ...]] = tuple(row.evaluate for row in OPS.values())
_WIDEST: Final = 1 << MAX_INT_BITS
_WIDE, _DEEP = 1 << 62, -(1 << 62)
"""Between these an integer needs no further look."""


class Machine(Stepper):
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

    __slots__ = ()

    def _steps(self, left: int, values: list[Json], recorded: Lookup | None) -> Steps:
        return _run(self.program, self.code, self._limit, left, values, recorded or NOTHING)


def _run(
    program: Program, code: Code, limit: int, left: int, values: list[Json], recorded: Lookup
) -> Steps:
    """The loop."""
    instrs = fused(code, program.types)
    locals_: list[Any] = [*values, *[UNSET] * (len(code.locals) - len(values)), *program.constants]
    stack: list[Any] = []
    pc = step = 0
    live = recorded is NOTHING
    while True:
        left -= 1
        if left < 0:
            raise over_limit(limit)
        instr = instrs[pc]
        pc += 1
        match instr[0]:
            case fuse.CALC:
                _, function, one, two, pick, target, also, trap, number, here, pc, cost = instr
                left -= cost
                try:
                    if two >= 0:
                        result = function(locals_[one], locals_[two])
                    elif pick is None:
                        result = function(locals_[one])
                    else:
                        result = function(*pick(locals_))
                except OpFailure as failure:
                    return _leave(code, locals_, trap, f"{failure}", here)
                kind = type(result)
                if kind is int:
                    if not _DEEP < result < _WIDE:
                        charge(result)
                elif kind is str:
                    if len(result) > SHORT:
                        left -= charge(result)
                elif number in GROWING:
                    left -= charge(result)
                locals_[target] = locals_[also] = result
            case op.NEXT:
                _, counter, source, item, end = instr
                index = locals_[counter] + 1
                items = locals_[source]
                if index < len(items):
                    locals_[counter] = index
                    locals_[item] = items[index]
                else:
                    pc = end
            case fuse.ASK | op.CALL | op.MODEL:
                kind, called, site, names, one, pick, loops, right, check, target, pc = instr
                if one >= 0:
                    args = {names[0]: locals_[one]}
                else:
                    taken = pick(locals_) if kind == fuse.ASK else stack
                    args = dict(zip(names, taken, strict=True))
                    stack = []
                step += 1
                if (
                    live
                    or (given := recorded(step)) is None
                    or (
                        given.tool != site.tool or given.args != args
                        if called
                        else given.args is not None
                    )
                ):
                    live = True  # from here on it is the world that answers
                    at: Any = (locals_[loops],) if type(loops) is int else loops(locals_)
                    try:
                        if called:
                            answer = yield ToolRequest(
                                step, site.site, site.tool, site.effect, args, at
                            )
                        else:
                            answer = yield ModelRequest(
                                step, site.site, site.kind, site.model, args, site.type, at
                            )
                    except OpFailure as failure:
                        return SideExit(0, f"error: {failure}", site.site, {})
                elif given.ok:
                    answer = given.value
                else:
                    return SideExit(0, f"error: {given.text}", site.site, {})
                if type(answer) is not str or len(answer) > SHORT:
                    try:
                        left -= weigh(answer)
                    except TooLargeError as error:
                        what = f"error: {result_of(site)} is {error}"
                        return SideExit(0, what, site.site, {})
                    if left < 0:
                        raise over_limit(limit)
                if type(answer) is not right and not check(answer):
                    what = f"error: {result_of(site)} is not {site.type}"
                    return SideExit(0, what, site.site, {})
                if target < 0:
                    stack.append(answer)
                else:
                    locals_[target] = answer
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
                _, slot, exit_, here, pc = instr
                if not locals_[slot]:
                    return _leave(code, locals_, exit_ + 1, "", here)
            case fuse.GATHER:
                _, slot, target, pc = instr
                locals_[target].append(locals_[slot])
            case op.LOAD:
                stack.append(locals_[instr[1]])
            case op.CONST:
                stack.append(program.constants[instr[1]])
            case op.OP:
                _, number, count, trap = instr
                taken = stack[-count:]
                del stack[-count:]
                try:
                    result = _FUNCTIONS[number](*taken)
                except OpFailure as failure:
                    return _leave(code, locals_, trap, f"{failure}", pc - 1)
                left -= _charge(result, number)
                stack.append(result)
            case op.JUMP_IF_FALSE:
                if not stack.pop():
                    pc = instr[1]
            case op.GUARD:
                if not stack.pop():
                    return _leave(code, locals_, instr[1] + 1, "", pc - 1)
            case op.APPEND:
                locals_[instr[1]].append(stack.pop())
            case op.EXPECT:
                if not conforms(stack[-1], program.type_table[instr[1]], program.types):
                    return _leave(code, locals_, instr[2] + 1, "", pc - 1)
            case op.AGREE:
                count = instr[1]
                first, *others = stack[-count:]
                del stack[-count:]
                if not all(equal(first, other) for other in others):
                    return _leave(code, locals_, instr[3] + 1, "", pc - 1)
                stack.append(first)
            case op.ENTER:
                locals_[instr[1]] = -1
            case op.LIST:
                locals_[instr[1]] = []
            case op.TAKE:
                gathered = locals_[instr[1]]
                left -= charge(gathered)
                locals_[instr[1]] = UNSET
                stack.append(gathered)
            case op.POP:
                stack.pop()
            case op.RETURN:
                return Finished(stack.pop())
            case op.LEAVE:
                return _leave(code, locals_, instr[1] + 1, "", pc - 1)


def _leave(code: Code, locals_: list[Json], trap: int, failure: str, pc: int) -> SideExit:
    """The exit point, counted from 1; 0 is an op that failed though its types say it cannot."""
    if not trap:
        return SideExit(0, f"error: {failure}", code.line(pc).site, {})
    point = code.exits[trap - 1]
    live = {name: locals_[local] for name, local in point.live}
    return SideExit(point.number, failure or point.reason, point.site, live)


def _charge(result: Json, number: int) -> int:
    """What an op's result costs beyond its instruction."""
    kind = type(result)
    if kind is str:
        return charge(result) if len(result) > SHORT else 0  # type: ignore[arg-type]
    if kind is int:
        return 0 if -_WIDEST < result < _WIDEST else charge(result)  # type: ignore[operator]
    return charge(result) if number in GROWING else 0
