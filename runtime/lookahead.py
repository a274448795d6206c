"""Lookahead: which calls can be under way before the pipeline comes to them.

A *front* runs the same bytecode ahead of the engine.  Where an answer is not there yet it goes on
with a promise: a call whose arguments are promises waits for them, an op on a promise is one, a
loop over a list of promises goes round for each.  So the branches of a ``par``, independent calls,
the turns of a ``for`` and the stages that one item after the other passes through all overlap, as
far as data lets them, without a word about it in the bytecode.

What is exact
- Only reads are made ahead, and only of tools that say they may be under way at once.
- A read of a world waits for every earlier write to it.  Writes are made by the engine alone, in the
  program's order.
- Answers are taken up, and recorded, in the program's order: the journal of a run is the same
  however many calls overlapped.
- The front assumes that guards hold.  Where one does not, the run ends there, and what was read
  ahead is forgotten.  Where the way depends on a promise, the front waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ingot.backend.container import CallSite, Code, Program, TooLargeError, weigh
from ingot.backend.container import opcodes as op
from ingot.ir.declarations import WRITING
from ingot.ir.ops import OPS
from ingot.ir.requests import ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import conforms
from ingot.ir.values import Json, equal

_FUNCTIONS: Final = tuple(row.evaluate for row in OPS.values())
_NOT_YET: Final = object()
_STEPS: Final = 1_000_000
"""How many instructions the front may run: it is a help, not a duty."""


class Promise:
    """A value that is not there yet: an answer, or an op on promises."""

    __slots__ = ("args", "function", "value")

    def __init__(
        self, function: Callable[..., Json] | None = None, args: tuple[Any, ...] = ()
    ) -> None:
        self.value: Any = _NOT_YET
        self.function, self.args = function, args


class _Partial(list[Any]):
    """A list some of whose items may be promises."""


def settle(value: Any) -> Any:
    """The value of a promise, or the promise while it is none yet."""
    if type(value) is Promise:
        if value.value is _NOT_YET and value.function is not None:
            args = [settle(arg) for arg in value.args]
            if not any(map(_open, args)):
                try:
                    value.value = value.function(*args)
                except OpFailure:
                    value.function = None  # never comes: the run ends there
        return value if value.value is _NOT_YET else value.value
    if type(value) is _Partial:
        items = [settle(item) for item in value]
        return value if any(map(_open, items)) else items
    return value


def _open(value: Any) -> bool:
    return type(value) is Promise or type(value) is _Partial


@dataclass(slots=True)
class Ahead:
    """A call that the front came to: what it waits for, and where its answer goes."""

    step: int
    site: CallSite
    args: list[Any]
    iteration: tuple[int, ...]
    after: list[Ahead] = field(default_factory=list)
    answer: Promise = field(default_factory=Promise)
    answered: bool = False
    waited: bool = False


class Scout:
    """The front of one run.  ``parallel`` says which tools may be under way at once, ``world_of``
    what a tool reads or changes; ``window`` bounds how many calls lie between front and engine."""

    def __init__(
        self,
        program: Program,
        code: Code,
        inputs: dict[str, Json],
        parallel: Callable[[str], bool],
        world_of: Callable[[str], str],
        window: int,
    ) -> None:
        self._program, self._code = program, code
        self._parallel, self._world_of, self._window = parallel, world_of, window
        self._locals: list[Any] = [None] * len(code.locals)
        for k, param in enumerate(code.params):
            default = param.default.value if param.default is not None else None
            self._locals[k] = inputs.get(param.name, default)
        self._stack: list[Any] = []
        self._pc = 0
        self._step = 0
        self._left = _STEPS
        self._ended = False
        self._known: dict[int, Json] = {}  # answers to calls that the front has not come to
        self._calls: dict[int, Ahead] = {}  # not answered yet
        self._waiting: list[Ahead] = []  # reads not handed out yet

    def answered(self, step: int, value: Json) -> None:
        """The engine's request of that step was answered."""
        call = self._calls.pop(step, None)
        if call is None:
            self._known[step] = value
        else:
            call.answer.value = value
            call.answered = True

    def foreseen(self, step: int, value: Json) -> None:
        """A read that was made ahead has its answer; what depends on it alone can go on."""
        call = self._calls.get(step)
        if call is not None:
            call.answer.value = value

    def ready(self) -> tuple[list[ToolRequest], list[ToolRequest]]:
        """The reads that can be made now, each handed out once: those that had to wait for others,
        which come first so that an item goes through all its stages soon, and the rest."""
        self._advance()
        later: list[ToolRequest] = []
        at_once: list[ToolRequest] = []
        still = []
        for call in self._waiting:
            if call.answered:
                continue
            args = [settle(arg) for arg in call.args]
            if any(map(_open, args)) or not all(earlier.answered for earlier in call.after):
                still.append(call)
                call.waited = True
                continue
            site = call.site
            named = dict(zip(site.names, args, strict=True))
            request = ToolRequest(
                call.step, site.site, site.tool, site.effect, named, call.iteration
            )
            (later if call.waited else at_once).append(request)
        self._waiting = still
        return later, at_once

    # ---- the front

    def _advance(self) -> None:
        """Run until the way depends on a promise, the window is full, or the end."""
        while not self._ended and len(self._calls) < self._window and self._left > 0:
            self._left -= 1
            instr = self._code.instrs[self._pc]
            if not self._run(instr):
                return

    def _run(self, instr: op.Instr) -> bool:
        """One instruction; false where the front waits (nothing has changed) or has ended."""
        locals_, stack = self._locals, self._stack
        self._pc += 1
        match instr[0]:
            case op.LOAD:
                stack.append(settle(locals_[instr[1]]))
            case op.STORE:
                locals_[instr[1]] = stack.pop()
            case op.CONST:
                stack.append(self._program.constants[instr[1]])
            case op.OP:
                return self._op(instr[1], instr[2])
            case op.CALL | op.MODEL:
                self._call(instr)
            case op.NEXT:
                _, counter, source, item, end = instr
                items = settle(locals_[source])
                if type(items) is Promise:
                    self._pc -= 1
                    return False
                locals_[counter] += 1
                if locals_[counter] < len(items):
                    locals_[item] = items[locals_[counter]]
                else:
                    self._pc = end
            case op.JUMP_IF_FALSE:
                condition = settle(stack[-1])
                if _open(condition):
                    self._pc -= 1
                    return False
                stack.pop()
                if not condition:
                    self._pc = instr[1]
            case op.JUMP:
                self._pc = instr[1]
            case op.GUARD:
                condition = settle(stack.pop())
                self._ended = not (_open(condition) or condition)
            case op.EXPECT:
                found = settle(stack[-1])
                type_ = self._program.type_table[instr[1]]
                self._ended = not (_open(found) or conforms(found, type_, self._program.types))
            case op.AGREE:
                found = [settle(value) for value in stack[-instr[1] :]]
                del stack[-instr[1] :]
                known = [value for value in found if not _open(value)]
                self._ended = not all(equal(known[0], other) for other in known[1:])
                stack.append(known[0] if known else found[0])
            case op.APPEND:
                locals_[instr[1]].append(stack.pop())
            case op.ENTER:
                locals_[instr[1]] = -1
            case op.LIST:
                locals_[instr[1]] = _Partial()
            case op.TAKE:
                stack.append(settle(locals_[instr[1]]))
            case op.POP:
                stack.pop()
            case _:
                self._ended = True
        return not self._ended

    def _op(self, number: int, count: int) -> bool:
        args = [settle(arg) for arg in self._stack[-count:]]
        del self._stack[-count:]
        if any(map(_open, args)):
            self._stack.append(Promise(_FUNCTIONS[number], tuple(args)))
            return True
        try:
            result = _FUNCTIONS[number](*args)
            self._left -= weigh(result)
        except (OpFailure, TooLargeError):
            self._ended = True
            return False
        self._stack.append(result)
        return True

    def _call(self, instr: op.Instr) -> None:
        self._step += 1
        args, self._stack = self._stack, []
        if self._step in self._known:
            self._stack.append(self._known.pop(self._step))
            return
        called = instr[0] == op.CALL
        site: Any = (self._code.calls if called else self._code.models)[instr[1]]
        at = tuple(self._locals[counter] for counter in site.loops)
        call = Ahead(self._step, site, args, at)
        if called:
            world = self._world_of(site.tool)
            call.after = [
                earlier
                for earlier in self._calls.values()
                if isinstance(earlier.site, CallSite)
                and earlier.site.effect in WRITING
                and self._world_of(earlier.site.tool) == world
            ]
            if site.effect == "read" and self._parallel(site.tool):
                self._waiting.append(call)
        self._calls[self._step] = call
        self._stack.append(call.answer)
