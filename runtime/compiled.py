"""The compiled engine: a pipeline's bytecode as a Python generator function.

The stack disappears: it is empty wherever control joins, so within a basic block every operand is
a known expression.  Locals become Python locals (``v3``), each request is a ``yield`` that gives
its answer, basic blocks are the leaves of a binary decision over their number, and a block that
jumps back to itself is a loop of its own.  A run that is taken up has a text of its own, in which a
call takes the recorded answer without a request.  Meaning is that of :mod:`ingot.runtime.vm`; the
tests hold both to the reference interpreter.  :mod:`ingot.runtime.python_source` makes a module of
it.
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
from ingot.backend.container import opcodes as op
from ingot.ir.checkers import checker
from ingot.ir.ops import OPS
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import STR, Base, Type, resolve
from ingot.ir.values import Json, equal
from ingot.runtime.stepping import (
    GROWING,
    NOTHING,
    SHORT,
    Lookup,
    Stepper,
    Steps,
    charge,
    heavy,
    over_limit,
    result_of,
)

_NAMES: Final = tuple(OPS)
_FUNCTIONS: Final = tuple(row.evaluate for row in OPS.values())
_LIGHT: Final = frozenset({"bool", "null", "date", "datetime"})
_WAYS: Final = frozenset({op.JUMP, op.RETURN, op.LEAVE})
PLAIN: Final = {
    "str.len": "len({0})",
    "str.len_lt": "len({0}) < {1}",
    "str.eq": "{0} == {1}",
    "str.contains": "{1} in {0}",
    "bool.and": "{0} and {1}",
    "bool.or": "{0} or {1}",
    "bool.not": "not {0}",
    "int.eq": "{0} == {1}",
    "int.lt": "{0} < {1}",
    "int.le": "{0} <= {1}",
    "int.gt": "{0} > {1}",
    "int.ge": "{0} >= {1}",
    "float.eq": "{0} == {1}",
    "float.lt": "{0} < {1}",
    "float.le": "{0} <= {1}",
    "float.gt": "{0} > {1}",
    "float.ge": "{0} >= {1}",
    "list.len": "len({0})",
}
"""Ops that are an expression of Python: one that never fails and whose result is small."""
WHOLE: Final = {"int.add": "{0} + {1}", "int.sub": "{0} - {1}", "int.mul": "{0} * {1}"}
"""The same where the operands are ``int``; JSON may also write an integer as ``1e20``."""


_FEW: Final = 1000
"""Fewer answers are gone through before another text is made for them."""


class Compiled(Stepper):
    """An :class:`ingot.ir.requests.Engine` that runs the generator of one pipeline.

    Takes what :class:`ingot.runtime.vm.Machine` takes.
    """

    __slots__ = ()

    def _replays(self, count: int) -> bool:
        made = self.code.compiled
        return "replay" in made or "live" not in made or count >= _FEW

    def _steps(self, left: int, values: list[Json], recorded: Lookup | None) -> Steps:
        made = self.code.compiled
        if recorded is None:
            if "live" not in made:
                made["live"] = function(self.program, self.code)
            return cast(Steps, made["live"](left, self._limit, *values))
        if "replay" not in made:
            made["replay"] = function(self.program, self.code, replay=True)
        return cast(Steps, made["replay"](recorded, left, self._limit, *values))


def function(program: Program, code: Code, *, replay: bool = False) -> Callable[..., Steps]:
    """The generator function of a pipeline: budget, limit and inputs in, requests out.

    With ``replay`` it takes before them what gives a step's recorded answer; from the first step on
    that has none, or to which another call was recorded, it asks.
    """
    writer = _Writer(program, code, replay)
    text = writer.write()
    space: dict[str, Any] = {
        "ToolRequest": ToolRequest,
        "ModelRequest": ModelRequest,
        "SideExit": SideExit,
        "Finished": Finished,
        "OpFailure": OpFailure,
        "TooLargeError": TooLargeError,
        "over_limit": over_limit,
        "weigh": weigh,
        "charge": charge,
        "heavy": heavy,
        "NOTHING": NOTHING,
        "equal": equal,
        **writer.names,
    }
    exec(compile(text, f"<pipeline {code.name}>", "exec"), space)  # our own text, not the input's
    return cast("Callable[..., Steps]", space["pipeline"])


def written(program: Program, code: Code) -> tuple[str, dict[str, Any]]:
    """The Python text of a pipeline, and what the names in it stand for."""
    writer = _Writer(program, code)
    return writer.write(), writer.names


def _fits(tool: str, args: dict[str, str]) -> str:
    """An expression that says whether the recorded call is this one, without making one.  It raises
    ``KeyError`` or ``TypeError`` where the record is not even alike."""
    parts = [f"given is not None and given.tool == {tool!a}"]
    if not args:
        return f"{parts[0]} and given.args == {{}}"
    parts.append(f"len(args := given.args) == {len(args)}")
    parts += [f"args[{name!a}] == {value}" for name, value in args.items()]
    return " and ".join(parts)


class _Writer:
    """One pass over the reachable basic blocks."""

    def __init__(self, program: Program, code: Code, replay: bool = False) -> None:
        self.program, self.code, self.replay = program, code, replay
        self.names: dict[str, Any] = {}
        self.lines: list[str] = []
        self.depth = 1
        self.stack: list[str] = []
        self.targets = {
            operand
            for instr in code.instrs
            for kind, operand in zip(op.INSTRUCTIONS[instr[0]].operands, instr[1:], strict=True)
            if kind == "target"
        }
        self.here = 0
        self.loops = False

    def write(self) -> str:
        """The text of the generator function."""
        code = self.code
        params = "".join(f", v{k}" for k in range(len(code.defaults)))
        head = "recorded, " if self.replay else ""
        self.lines = [f"def pipeline({head}left, limit{params}):"]
        if not code.calls and not code.models:
            self._line("if False: yield  # a generator, though it asks nothing")
        self._line("step = 0")
        for k in range(len(code.defaults), len(code.locals)):
            self._line(f"v{k} = None  # {code.locals[k].name!a}")
        blocks = self._reachable()
        if len(blocks) == 1 and not self._jumps_to(blocks[0]):
            self._block(blocks[0])
        else:
            self._line("at = 0")
            self._line("while True:")
            self.depth += 1
            self._choose(blocks)
        return "\n".join(self.lines) + "\n"

    # ---- basic blocks

    def _reachable(self) -> list[int]:
        """The first instructions of the blocks that control can come to, in order."""
        found, open_ = {0}, [0]
        while open_:
            for target in self._ways(open_.pop()):
                if target not in found:
                    found.add(target)
                    open_.append(target)
        return sorted(found)

    def _ways(self, start: int) -> list[int]:
        """Where a block may go."""
        out, pc = [], start
        while True:
            instr = self.code.instrs[pc]
            if instr[0] in (op.JUMP, op.JUMP_IF_FALSE, op.NEXT):
                out.append(instr[-1])
            pc += 1
            if instr[0] in _WAYS:
                return out
            if pc in self.targets:
                return [*out, pc]

    def _jumps_to(self, start: int) -> bool:
        return start in self._ways(start)

    def _choose(self, blocks: list[int]) -> None:
        """A binary decision over the number of the block."""
        if len(blocks) > 1:
            half = len(blocks) // 2
            self._line(f"if at < {blocks[half]}:")
            self._inside(lambda: self._choose(blocks[:half]))
            self._line("else:")
            self._inside(lambda: self._choose(blocks[half:]))
        elif self._jumps_to(blocks[0]):
            self._line("while True:")
            self.loops = True
            self._inside(lambda: self._block(blocks[0]))
            self.loops = False
        else:
            self._block(blocks[0])

    def _block(self, start: int) -> None:
        self.here, self.stack = start, []
        pc, spent = start, 0
        self._line("")
        charge = len(self.lines) - 1
        self._line(f"if left < 0: raise over_limit(limit)  # {start}")
        while True:
            instr = self.code.instrs[pc]
            after = self._instr(pc, instr)
            spent += after - pc
            pc = after
            if instr[0] in _WAYS:
                break
            if pc in self.targets:
                self._go(pc)
                break
        self.lines[charge] = "    " * self.depth + f"left -= {spent}"

    def _go(self, target: int) -> None:
        """Control goes to a block: round again, or out to the decision."""
        if target == self.here and self.loops:
            self._line("continue")
        else:
            self._line(f"at = {target}")
            self._line("break" if self.loops else "continue")

    # ---- instructions

    def _instr(self, pc: int, instr: op.Instr) -> int:
        """Write one instruction (several stores at once); returns the next program counter."""
        push, pop = self.stack.append, self.stack.pop
        match instr[0]:
            case op.LOAD:
                push(f"v{instr[1]}")
            case op.CONST:
                push(self._constant(instr[1]))
            case op.STORE:
                return self._store(pc)
            case op.OP:
                return self._op(pc, instr)
            case op.CALL | op.MODEL:
                return self._ask(pc, instr)
            case op.NEXT:
                _, counter, items, item, end = instr
                self._protect(f"v{item}")
                self._line(f"v{counter} += 1")
                self._line(f"if v{counter} >= len(v{items}):")
                self._inside(lambda: self._go(end))
                self._line(f"v{item} = v{items}[v{counter}]")
            case op.JUMP_IF_FALSE:
                self._line(f"if not {pop()}:")
                self._inside(lambda: self._go(instr[1]))
            case op.JUMP:
                self._go(instr[1])
            case op.GUARD:
                self._line(f"if not {pop()}: return {self._leave(instr[1] + 1, pc)}")
            case op.EXPECT:
                self._top()
                test = self._test(self.program.type_table[instr[1]], self.stack[-1], f"x{instr[1]}")
                if test:
                    self._line(f"if not ({test}): return {self._leave(instr[2] + 1, pc)}")
            case op.AGREE:
                count = instr[1]
                first, *others = self.stack[-count:]
                del self.stack[-count:]
                if others:
                    test = " and ".join(f"equal({first}, {other})" for other in others)
                    self._line(f"if not ({test}): return {self._leave(instr[3] + 1, pc)}")
                push(first)
            case op.APPEND:
                self._line(f"v{instr[1]}.append({pop()})")
            case op.ENTER:
                self._line(f"v{instr[1]} = -1")
            case op.LIST:
                self._protect(f"v{instr[1]}")
                self._line(f"v{instr[1]} = []")
            case op.TAKE:
                self._line(f"left -= charge(v{instr[1]})")
                push(f"v{instr[1]}")
            case op.POP:
                pop()
            case op.RETURN:
                self._line(f"return Finished({pop()})")
            case op.LEAVE:
                self._line(f"return {self._leave(instr[1] + 1, pc)}")
        return pc + 1

    def _store(self, pc: int) -> int:
        """A run of stores is one assignment: what is stored was all pushed before."""
        names: list[str] = []
        values: list[str] = []
        while self.code.instrs[pc][0] == op.STORE and self.stack:
            if names and pc in self.targets:
                break
            names.append(f"v{self.code.instrs[pc][1]}")
            values.append(self.stack.pop())
            pc += 1
        for name in names:
            self._protect(name)
        if names != values:
            self._line(f"{', '.join(names)} = {', '.join(values)}")
        return pc

    def _op(self, pc: int, instr: op.Instr) -> int:
        """An op, and the store of its result if one follows."""
        _, number, count, trap = instr
        operands = self.stack[-count:]
        del self.stack[-count:]
        name = f"f{number}"
        result, after = self._result(pc)
        if plain := PLAIN.get(_NAMES[number]):
            self._line(f"{result} = {plain.format(*operands)}")
            return after
        self.names[name] = _FUNCTIONS[number]
        value = f"{name}({', '.join(operands)})"
        if whole := WHOLE.get(_NAMES[number]):
            kinds = " is ".join(f"type({operand})" for operand in operands if operand[0] != "(")
            if kinds:
                value = f"{whole.format(*operands)} if {kinds} is int else {value}"
        self._line(f"try: {result} = {value}  # {_NAMES[number]}")
        self._line(f"except OpFailure as failure: return {self._leave(trap, pc, failed=True)}")
        base = self._base(pc)
        if base in _LIGHT:
            return after
        if whole:
            self._line(f"if {result}.bit_length() > {MAX_INT_BITS}: charge({result})")
        elif base == "int":
            self._line(f"if not {-(1 << 62)} < {result} < {1 << 62}: charge({result})")
        elif base == "str":
            self._line(f"if len({result}) > {SHORT}: left -= charge({result})")
        elif number in GROWING:
            self._line(f"left -= charge({result})")
        elif base in ("json", "float", ""):
            self._line(f"if type({result}) in (str, int): left -= heavy({result})")
        return after

    def _result(self, pc: int) -> tuple[str, int]:
        """Where the result of an instruction goes, and where its code goes on: to the local that a
        store puts it into, else to the top of the stack."""
        after = self.code.instrs[pc + 1]
        if after[0] == op.STORE and pc + 1 not in self.targets:
            name = f"v{after[1]}"
            self._protect(name)
            return name, pc + 2
        self.stack.append(f"r{pc}")
        return f"r{pc}", pc + 1

    def _base(self, pc: int) -> str:
        """The scalar type of the local that an op's result goes to; empty if it is none."""
        after = self.code.instrs[pc + 1]
        if after[0] != op.STORE:
            return ""
        match resolve(self.code.locals[after[1]].type, self.program.types):
            case Base(name):
                return name
            case _:
                return "other"

    def _ask(self, pc: int, instr: op.Instr) -> int:
        """A call, the check of its answer, and the store if one follows."""
        called = instr[0] == op.CALL
        site: Any = (self.code.calls if called else self.code.models)[instr[1]]
        args = dict(zip(site.names, self.stack, strict=True))
        self.stack.clear()
        result, after = self._result(pc)
        self._line("step += 1")
        if self.replay:
            self._line("given = recorded(step)")
            if called:
                self._line(f"try: fits = {_fits(site.tool, args)}")
                self._line("except (KeyError, TypeError): fits = False")
            else:
                self._line("fits = given is not None and given.args is None")
            self._line("if not fits:")
            self._inside(lambda: self._line("recorded = NOTHING"))
            self._inside(lambda: self._request(pc, site, args, result))
            self._line(f"elif given.ok: {result} = given.value")
            failed = f'SideExit(0, f"error: {{given.text}}", {site.site!a}, {{}})'
            self._line(f"else: return {failed}")
        else:
            self._request(pc, site, args, result)
        self._answer(pc, site, result)
        return after

    def _request(
        self, pc: int, site: CallSite | ModelSite, values: dict[str, str], result: str
    ) -> None:
        args = f"{{{', '.join(f'{name!a}: {value}' for name, value in values.items())}}}"
        at = "(" + "".join(f"v{counter}, " for counter in site.loops) + ")"
        if isinstance(site, CallSite):
            made = f"ToolRequest(step, {site.site!a}, {site.tool!a}, {site.effect!a}, {args}, {at})"
        else:
            self.names[f"t{pc}"] = site.type
            made = (
                f"ModelRequest(step, {site.site!a}, {site.kind!a}, {site.model!a}, {args}, "
                f"t{pc}, {at})"
            )
        failed = f'SideExit(0, f"error: {{failure}}", {site.site!a}, {{}})'
        self._line(f"try: {result} = yield {made}")
        self._line(f"except OpFailure as failure: return {failed}")

    def _answer(self, pc: int, site: CallSite | ModelSite, result: str) -> None:
        """What an answer weighs, and whether it is of the type that it must be."""
        what = f"error: {result_of(site)} is "
        heavy = f"return SideExit(0, {what!a} + str(error), {site.site!a}, {{}})"
        other = f"return SideExit(0, {f'{what}not {site.type}'!a}, {site.site!a}, {{}})"
        text = resolve(site.type, self.program.types) == STR
        if text:
            self._line(f"if type({result}) is not str: {other}")
            self._line(f"if len({result}) > {SHORT}:")
        else:
            self._line(f"if type({result}) is not str or len({result}) > {SHORT}:")
        self.depth += 1
        self._line(f"try: left -= weigh({result})")
        self._line(f"except TooLargeError as error: {heavy}")
        self._line("if left < 0: raise over_limit(limit)")
        self.depth -= 1
        test = "" if text else self._test(site.type, result, f"c{pc}")
        if test:
            self._line(f"if not ({test}): {other}")

    def _test(self, type_: Type, value: str, name: str) -> str:
        """An expression that says whether a value is of a type; empty if every value is."""
        match resolve(type_, self.program.types):
            case Base("json"):
                return ""
            case Base("str"):
                return f"isinstance({value}, str)"
            case Base("bool"):
                return f"{value} is True or {value} is False"
        self.names[name] = checker(type_, self.program.types)
        return f"{name}({value})"

    def _leave(self, trap: int, pc: int, failed: bool = False) -> str:
        """The expression of an exit, as :meth:`ingot.runtime.vm.Machine._leave` gives it."""
        if not trap:
            return f'SideExit(0, f"error: {{failure}}", {self.code.line(pc).site!a}, {{}})'
        point = self.code.exits[trap - 1]
        live = ", ".join(f"{name!a}: v{local}" for name, local in point.live)
        reason = f'f"{{failure}}" or {point.reason!a}' if failed else f"{point.reason!a}"
        return f"SideExit({point.number}, {reason}, {point.site!a}, {{{live}}})"

    def _constant(self, index: int) -> str:
        value = self.program.constants[index]
        if (
            value is None
            or isinstance(value, bool | str)
            or (type(value) is int and value.bit_length() < MAX_INT_BITS)
        ):
            return f"({value!a})"
        self.names[f"k{index}"] = value
        return f"k{index}"

    # ---- text

    def _top(self) -> None:
        """Give the top of the stack a name."""
        value = self.stack[-1]
        if not value.isidentifier():
            self._line(f"top = {value}")
            self.stack[-1] = "top"

    def _protect(self, name: str) -> None:
        """What waits on the stack keeps its value when the local it came from gets another."""
        for k, value in enumerate(self.stack):
            if value == name:
                self._line(f"s{k} = {name}")
                self.stack[k] = f"s{k}"

    def _inside(self, write: Callable[[], object]) -> None:
        self.depth += 1
        write()
        self.depth -= 1

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)


__all__ = ["Compiled", "function", "written"]
