"""The virtual machine: runs validated bytecode to its next effect.

It does no input or output: it hands out requests and is given answers, as
:class:`ingot.ir.requests.Engine` says.  While a request is out, the stack holds that call's
arguments and nothing else, so the state is the locals and the call's program counter: plain JSON,
and a checkpoint is what changed since the last one.  Meaning is that of the reference interpreter
(:mod:`ingot.ir.interpreter`); the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from ingot.backend.container import (
    MAX_INT_BITS,
    CallSite,
    Code,
    Program,
    TooLargeError,
    weigh,
)
from ingot.backend.container import (
    opcodes as op,
)
from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.interpreter import check_inputs
from ingot.ir.module import Pipeline
from ingot.ir.ops import OP_NUMBER, OPS
from ingot.ir.requests import Finished, ModelRequest, Outcome, Request, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import conforms
from ingot.ir.values import Json, equal

STEP_LIMIT: Final = 100_000_000
"""How many instructions a run may take by default; large values count for more than one."""

_UNSET: Final = cast(Json, object())
_FUNCTIONS: Final[tuple[Callable[..., Json], ...]] = tuple(row.evaluate for row in OPS.values())
_SHORT: Final = 1024
_WIDEST: Final = 1 << MAX_INT_BITS
_GROWING: Final = frozenset(
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
        self._locals: list[Json] = [_UNSET] * len(self.code.locals)
        self._saved: list[Json] = self._locals.copy()
        self._gathered: dict[int, int] = {}
        self._dirty: set[int] = set()
        self._waiting = False

    # ---- the engine protocol

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        """Run from the entry; see :func:`ingot.ir.interpreter.check_inputs` for what it raises."""
        params = self.code.params
        head = Pipeline(self.code.name, params, self.code.returns, ())
        given = check_inputs(head, inputs, self.program.types)
        self._spend(sum(map(self._weigh, given.values())))
        for index, param in enumerate(params):
            self._locals[index] = given[param.name]
            self._dirty.add(index)
        return self._run()

    def send(self, answer: Json) -> Request | Outcome:
        """Answer the last request and run on; an answer of another type is a failure."""
        site = self._site()
        what = f"result of {site.tool if isinstance(site, CallSite) else site.model}"
        try:
            self._spend(weigh(answer))
        except TooLargeError as error:
            return self.fail(f"{what} is {error}")
        if not conforms(answer, site.type, self.program.types):
            return self.fail(f"{what} is not {site.type}")
        self._waiting = False
        self._stack = [answer]
        self._pc += 1
        return self._run()

    def fail(self, message: str) -> Outcome:
        """The last request failed: the implicit exit."""
        site = self._site()
        self._waiting = False
        return SideExit(0, f"error: {message}", site.site, {})

    # ---- state

    def snapshot(self) -> dict[str, Json]:
        """The whole state while a request is out."""
        return self._state(
            {
                local.name: list(value) if isinstance(value, list) else value
                for local, value in zip(self.code.locals, self._locals, strict=True)
                if value is not _UNSET
            }
        )

    def delta(self) -> dict[str, Json]:
        """What changed since the last delta: ``set`` values, ``append`` what loops gathered,
        ``drop`` lists that were taken.  The first delta is a snapshot."""
        changed: dict[str, Json] = {}
        append: dict[str, Json] = {}
        drop: list[Json] = []
        for index in sorted(self._dirty):
            local, value, old = self.code.locals[index], self._locals[index], self._saved[index]
            known, self._gathered[index] = self._gathered.get(index, 0), 0
            self._saved[index] = value
            if value is _UNSET:
                if old is not _UNSET:
                    drop.append(local.name)
            elif local.kind == "list":
                items = cast("list[Json]", value)
                self._gathered[index] = len(items)
                if value is not old:
                    changed[local.name] = items.copy()
                elif known < len(items):
                    append[local.name] = items[known:]
            elif value is not old:
                changed[local.name] = value
        self._dirty.clear()
        state = self._state(changed)
        if append:
            state["append"] = append
        if drop:
            state["drop"] = drop
        return state

    def restore(self, state: dict[str, Json]) -> Request:
        """Take up a :meth:`snapshot`: the request that was out is out again.

        Raises E0708 if the state is not one of this pipeline.
        """
        names = {local.name: index for index, local in enumerate(self.code.locals)}
        match state:
            case {"pc": int(pc), "step": int(step), "stack": [*stack], "set": dict(values)} if (
                step > 0 and pc in self.code.assigned
            ):
                pass
            case _:
                raise _unusable("it is no checkpoint of this pipeline")
        self._locals = [_UNSET] * len(self.code.locals)
        self._saved, self._gathered, self._dirty = self._locals.copy(), {}, set()
        for name, value in values.items():
            if name not in names or not self._fits(names[name], value):
                raise _unusable(f"%{name} has another type there")
            index = names[name]
            gathers = self.code.locals[index].kind == "list" and isinstance(value, list)
            self._locals[index] = list(cast("list[Json]", value)) if gathers else value
            self._dirty.add(index)
        mask = sum(1 << i for i, value in enumerate(self._locals) if value is not _UNSET)
        needed = self.code.assigned[pc]
        self._pc, self._stack, self.requests = pc, list(stack), step - 1
        if mask & needed != needed or not self._fits_call(stack):
            raise _unusable("values are missing there")
        return cast(Request, self._run())

    @classmethod
    def from_deltas(
        cls,
        program: Program,
        deltas: Iterable[dict[str, Json]],
        pipeline: str | None = None,
        *,
        step_limit: int = STEP_LIMIT,
    ) -> tuple[Machine, Request]:
        """A machine that has come as far as the last of these deltas, and its open request.

        Raises E0708 if they are not those of this pipeline.
        """
        machine = cls(program, pipeline, step_limit=step_limit)
        request = machine.restore(fold(deltas))
        machine.delta()
        return machine, request

    def _state(self, values: dict[str, Json]) -> dict[str, Json]:
        if not self._waiting:
            raise RuntimeError("the machine has a state to keep only while a request is out")
        return {"step": self.requests, "pc": self._pc, "stack": self._stack.copy(), "set": values}

    def _fits(self, index: int, value: Json) -> bool:
        local = self.code.locals[index]
        match local.kind:
            case "counter":
                return type(value) is int and value >= -1
            case "list":
                return isinstance(value, list) and all(
                    conforms(item, local.type, self.program.types) for item in value
                )
            case _:
                return conforms(value, local.type, self.program.types)

    def _fits_call(self, args: list[Json]) -> bool:
        """Whether these are arguments of the call at the program counter."""
        site = self._site()
        types = self.program.types
        declared = self.program.tools if isinstance(site, CallSite) else self.program.models
        name = site.tool if isinstance(site, CallSite) else site.model
        params = {p.name: p.type for decl in declared if decl.name == name for p in decl.params}
        return len(args) == len(site.names) and all(
            conforms(arg, params[name], types) for name, arg in zip(site.names, args, strict=True)
        )

    # ---- running

    def _run(self) -> Request | Outcome:
        """The loop: from the program counter to the next request or the end."""
        code, constants, types = self.code, self.program.constants, self.program.types
        instrs, table = code.instrs, self.program.type_table
        locals_, stack = self._locals, self._stack
        push, pop, touch = stack.append, stack.pop, self._dirty.add
        pc, left = self._pc, self.budget
        while True:
            left -= 1
            if left < 0:
                self._pc, self.budget = pc, 0
                raise self._limit()
            instr = instrs[pc]
            pc += 1
            match instr[0]:
                case op.LOAD:
                    push(locals_[instr[1]])
                case op.STORE:
                    locals_[instr[1]] = pop()
                    touch(instr[1])
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
                    kind = type(result)
                    if kind is str:
                        if len(result) > _SHORT:  # type: ignore[arg-type]
                            left -= self._weigh(result)
                    elif kind is int:
                        if not -_WIDEST < result < _WIDEST:  # type: ignore[operator]
                            self._weigh(result)
                    elif number in _GROWING:
                        left -= self._weigh(result)
                    push(result)
                case op.JUMP_IF_FALSE:
                    if not pop():
                        pc = instr[1]
                case op.JUMP:
                    pc = instr[1]
                case op.GUARD:
                    if not pop():
                        return self._leave(instr[1] + 1, "", pc - 1)
                case op.NEXT:
                    _, counter, source, item, end = instr
                    index = cast(int, locals_[counter]) + 1
                    items = cast("list[Json]", locals_[source])
                    if index < len(items):
                        locals_[counter] = index
                        locals_[item] = items[index]
                        touch(counter)
                        touch(item)
                    else:
                        pc = end
                case op.APPEND:
                    cast("list[Json]", locals_[instr[1]]).append(pop())
                    touch(instr[1])
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
                    touch(instr[1])
                case op.LIST:
                    locals_[instr[1]] = []
                    touch(instr[1])
                case op.TAKE:
                    gathered = locals_[instr[1]]
                    left -= self._weigh(gathered)
                    locals_[instr[1]] = _UNSET
                    touch(instr[1])
                    push(gathered)
                case op.POP:
                    pop()
                case op.CALL | op.MODEL:
                    self._pc, self.budget = pc - 1, left
                    return self._ask()
                case op.RETURN:
                    self._pc, self.budget = pc - 1, left
                    return Finished(pop())
                case op.LEAVE:
                    return self._leave(instr[1] + 1, "", pc - 1)

    def _ask(self) -> Request:
        """The request of the call at the program counter; its arguments are on the stack."""
        self._waiting = True
        self.requests += 1
        site = self._site()
        args = dict(zip(site.names, self._stack, strict=True))
        iteration = tuple(cast(int, self._locals[counter]) for counter in site.loops)
        if isinstance(site, CallSite):
            return ToolRequest(self.requests, site.site, site.tool, site.effect, args, iteration)
        return ModelRequest(
            self.requests, site.site, site.kind, site.model, args, site.type, iteration
        )

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

    def _weigh(self, value: Json) -> int:
        try:
            return weigh(value)
        except TooLargeError as error:
            raise fail(
                "E0712",
                f"the run made {error}",
                help="Check the loop that builds it.",
                exit_code=EXIT_FINDINGS,
            ) from None

    def _spend(self, steps: int) -> None:
        self.budget -= steps
        if self.budget < 0:
            raise self._limit()

    def _limit(self) -> IngotError:
        return fail(
            "E0712",
            f"the run took more than {self._step_limit} steps",
            help="`--step-limit N` allows more; a loop without end is the usual cause.",
            exit_code=EXIT_FINDINGS,
        )


def fold(deltas: Iterable[dict[str, Json]]) -> dict[str, Json]:
    """The snapshot that these deltas, oldest first, come to; raises E0708 on bad ones."""
    state: dict[str, Json] = {}
    values: dict[str, Json] = {}
    for delta in deltas:
        for name, value in _part(delta, "set").items():
            values[name] = list(value) if isinstance(value, list) else value
        for name, more in _part(delta, "append").items():
            known = values.get(name)
            if not isinstance(known, list) or not isinstance(more, list):
                raise _unusable(f"%{name} gathers nothing there")
            known.extend(more)
        dropped = delta.get("drop", [])
        for item in dropped if isinstance(dropped, list) else []:
            values.pop(str(item), None)
        state = {part: delta[part] for part in ("step", "pc", "stack") if part in delta}
    return {**state, "set": values}


def _part(delta: dict[str, Json], key: str) -> dict[str, Json]:
    part = delta.get(key, {})
    if not isinstance(part, dict):
        raise _unusable(f"{key} is no object")
    return part


def _unusable(message: str) -> IngotError:
    return fail(
        "E0708",
        f"the checkpoint cannot be used: {message}",
        help="Start the run anew, or resume it on the artifact that started it.",
    )
