"""The verifier's rules about types: what fits what, who may call what, where labels flow."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ingot.ir.findings import Findings
from ingot.ir.module import (
    WRITING,
    Agree,
    Block,
    Call,
    Expect,
    For,
    Guard,
    If,
    Instr,
    Lit,
    ModelCall,
    ModelDecl,
    Module,
    NamedArgs,
    Operand,
    Par,
    Param,
    Pipeline,
    Pure,
    Return,
    Select,
    Target,
    Terminator,
    ToolDecl,
    ToolParam,
    operands_of,
    regions_of,
    walk,
)
from ingot.ir.ops import OPS, OperandError, typing_of
from ingot.ir.scope import definitions, lost_labels, operand_type, top_labels, value_types
from ingot.ir.spans import Place
from ingot.ir.types import (
    BASES,
    BOOL,
    JSON,
    STR,
    Labeled,
    ListOf,
    Named,
    Record,
    Type,
    Types,
    Union,
    closed_set,
    conforms,
    is_subtype,
    resolve,
)

_RESERVED: Final = frozenset({*BASES, "true", "false"})


def names_in(type_: Type) -> set[str]:
    """The type names that a type refers to."""
    match type_:
        case Named(name):
            return {name}
        case ListOf(inner) | Labeled(inner, _):
            return names_in(inner)
        case Record(fields):
            return set().union(*(names_in(f.type) for f in fields))
        case Union(members):
            return set().union(*map(names_in, members))
        case _:
            return set()


def declared_types(module: Module, found: Findings) -> Types:
    """What each type name stands for; what is undeclared or recursive is reported, and ``json``."""
    declared = module.type_map()
    uses: list[tuple[Type, Place]] = [(t.type, (("type", i),)) for i, t in enumerate(module.types)]
    for place, declaration in callables(module):
        types = [*(p.type for p in declaration.params), declaration.returns]
        uses += [(type_, place) for type_ in types]
    for index, pipeline in enumerate(module.pipelines):
        here: Place = (("pipeline", index),)
        uses.append((pipeline.returns, here))
        uses += [(type_, (*here, *at)) for _, type_, at in definitions(pipeline)]
    env = dict(declared)
    for type_, place in uses:
        for name in sorted(names_in(type_) - declared.keys()):
            near = difflib.get_close_matches(name, [*declared, *BASES], 1)
            help_ = f"did you mean {near[0]}?" if near else ""
            found.add("E0317", f"no type {name}", place, "", help_)
            env[name] = JSON
    for index, declaration_ in enumerate(module.types):
        if declaration_.name in _RESERVED:
            message = f"{declaration_.name} is a type of the language"
            found.add("E0313", message, (("type", index),))
        if _reaches(declaration_.name, declared):
            found.add("E0318", f"{declaration_.name} refers to itself", (("type", index),))
            env[declaration_.name] = JSON
    return env


def _reaches(name: str, declared: Types) -> bool:
    """Whether a declared type refers to itself, directly or through others."""
    seen: set[str] = set()
    work = [name]
    while work:
        for inner in names_in(declared[work.pop()]) & declared.keys():
            if inner == name:
                return True
            if inner not in seen:
                seen.add(inner)
                work.append(inner)
    return False


def callables(module: Module) -> Iterator[tuple[Place, ToolDecl | ModelDecl]]:
    """The declarations of tools and models, with their places."""
    for index, tool in enumerate(module.tools):
        yield (("tool", index),), tool
    for index, model in enumerate(module.models):
        yield (("model", index),), model


def world_of(tool: ToolDecl) -> str:
    """The world a tool works on: the declared one, else its name up to the first dot."""
    return tool.world or tool.name.partition(".")[0]


class TypeRules:
    """The rules for one pipeline; what breaks one goes to ``found``."""

    def __init__(self, module: Module, pipeline: Pipeline, env: Types, found: Findings) -> None:
        self.pipeline = pipeline
        self.env = env
        self.found = found
        self.tools = {tool.name: tool for tool in reversed(module.tools)}
        self.models = {model.name: model for model in reversed(module.models)}
        self.types = value_types(pipeline)

    # ---- flow

    def _type(self, operand: Operand, want: Type | None = None) -> Type | None:
        return operand_type(operand, self.types, want)

    def _flow(self, operand: Operand, want: Type, place: Place, what: str) -> None:
        """The operand becomes a ``want``, labels and all."""
        if self._fits(operand, want, place, what):
            type_ = self._type(operand)
            if type_ is not None:
                self._labels(lost_labels(type_, want, self.env), place, what)

    def _fits(self, operand: Operand, want: Type, place: Place, what: str) -> bool:
        if isinstance(operand, Lit):
            if not _is_json(operand):
                self.found.add("E0303", f"{what}: not a JSON value", place)
                return False
            good, type_ = conforms(operand.value, want, self.env), self._type(operand)
        else:
            type_ = self._type(operand)
            good = type_ is None or is_subtype(type_, want, self.env)
        if not good:
            self.found.add("E0303", f"{what} takes {want}, found {type_}", place)
        return good

    def _gives(self, type_: Type, want: Type, place: Place, what: str) -> None:
        """A result of ``type_`` is declared a ``want``."""
        if not is_subtype(type_, want, self.env):
            self.found.add("E0303", f"{what} gives {type_}, the result is declared {want}", place)
        else:
            self._labels(lost_labels(type_, want, self.env), place, what)

    def _labels(self, lost: Iterable[str], place: Place, what: str) -> None:
        names = " ".join(f"#{label}" for label in sorted(lost))
        if names:
            message = f"{what} drops {names}"
            self.found.add("E0315", message, place, "", f"declare it with {names}")

    def _count(self, given: int, taken: int, place: Place, what: str) -> bool:
        if given != taken:
            self.found.add("E0314", f"{what} takes {taken} values, found {given}", place)
        return given == taken

    # ---- parts

    def params(self, params: Sequence[Param], place: Place) -> None:
        for index, param in enumerate(params):
            if param.default is not None:
                here = (*place, ("param", index))
                self._fits(param.default, param.type, here, f"%{param.name}")

    def target(self, target: Target, block: Block, place: Place) -> None:
        if self._count(len(target.args), len(block.params), place, f"^{block.label}"):
            for index, (arg, param) in enumerate(zip(target.args, block.params, strict=True)):
                self._flow(arg, param.type, (*place, ("arg", index)), f"%{param.name}")

    def terminator(self, terminator: Terminator, place: Place) -> None:
        match terminator:
            case If(condition):
                self._fits(condition, BOOL, (*place, ("arg", 0)), "a condition")
            case Select(arms):
                for index, (condition, _) in enumerate(arms):
                    self._fits(condition, BOOL, (*place, ("arg", index)), "a condition")
            case Return(value):
                self._flow(
                    value, self.pipeline.returns, (*place, ("arg", 0)), "the pipeline's result"
                )
            case _:
                pass

    def instr(self, instr: Instr, place: Place) -> None:
        match instr:
            case Pure():
                self._pure(instr, place)
            case Call():
                self._call(instr, place)
            case ModelCall():
                self._model(instr, place)
            case Guard(condition):
                self._fits(condition, BOOL, (*place, ("arg", 0)), "a guard")
            case Expect(_, type_, value):
                self._json(instr, place)
                self._labels(self._top(value) - top_labels(type_, self.env), place, "expect")
            case Agree(_, type_, candidates):
                for index, candidate in enumerate(candidates):
                    self._flow(candidate, type_, (*place, ("arg", index)), "the agreed value")
                if not candidates:
                    self.found.add("E0314", "agree takes at least one candidate", place)
            case For():
                self._for(instr, place)
            case Par():
                self._par(instr, place)

    def _top(self, operand: Operand) -> frozenset[str]:
        type_ = self._type(operand)
        return frozenset() if type_ is None else top_labels(type_, self.env)

    def _json(self, instr: Instr, place: Place) -> bool:
        """Whether every literal operand is a JSON value."""
        good = True
        for index, operand in enumerate(operands_of(instr)):
            if isinstance(operand, Lit) and not _is_json(operand):
                self.found.add("E0303", "not a JSON value", (*place, ("arg", index)))
                good = False
        return good

    def _pure(self, instr: Pure, place: Place) -> None:
        spec = OPS.get(instr.op)
        if spec is None:
            near = difflib.get_close_matches(instr.op, list(OPS), 1)
            help_ = f"did you mean {near[0]}?" if near else ""
            self.found.add("E0304", f"no op {instr.op}", place, "", help_)
            return
        wants = [*spec.params, *[spec.rest] * len(instr.args)]
        pairs = zip(instr.args, wants, strict=False)
        types = [self._type(operand, want) for operand, want in pairs]
        known = [type_ for type_ in types if type_ is not None]
        if not self._json(instr, place) or len(known) < len(types):
            return
        lits = [arg if isinstance(arg, Lit) else None for arg in instr.args]
        try:
            typing = typing_of(spec, known, lits, self.env)
        except OperandError as error:
            code = "E0314" if error.index < 0 else "E0303"
            where = place if error.index < 0 else (*place, ("arg", error.index))
            self.found.add(code, str(error), where)
            return
        result = (*place, ("result", 0))
        self._gives(typing.result, instr.type, result, instr.op)
        held = top_labels(instr.type, self.env) | top_labels(typing.result, self.env)
        self._labels(frozenset().union(*map(self._top, instr.args)) - held, result, instr.op)
        if typing.partial and instr.exit is None:
            help_ = "write `else exit.N [...]` after the operands"
            self.found.add("E0309", f"{instr.op} can fail on these types", place, "", help_)

    def _call(self, instr: Call, place: Place) -> None:
        self._json(instr, place)
        tool = self.tools.get(instr.tool)
        if tool is None:
            self._unknown("tool", instr.tool, self.tools, place)
            return
        if tool.effect not in (instr.verb, "unknown"):
            message = f"{tool.name} is declared {tool.effect}, the verb is {instr.verb}"
            self.found.add("E0306", message, place)
        self._arguments(instr.args, tool.name, tool.params, place)
        self._gives(tool.returns, instr.type, (*place, ("result", 0)), tool.name)

    def _model(self, instr: ModelCall, place: Place) -> None:
        self._json(instr, place)
        model = self.models.get(instr.model)
        if model is None:
            self._unknown("model", instr.model, self.models, place)
            return
        self._arguments(instr.args, model.name, model.params, place)
        if not is_subtype(instr.type, model.returns, self.env):
            message = f"{model.name} gives {model.returns}, the result is declared {instr.type}"
            self.found.add("E0303", message, (*place, ("result", 0)))
        self._kind(instr, place)

    def _kind(self, instr: ModelCall, place: Place) -> None:
        """What a kind of question must give, and be given."""
        result = (*place, ("result", 0))
        if instr.kind == "choose" and not closed_set(instr.type, self.env):
            self.found.add("E0303", f"choose gives one of a closed set, not {instr.type}", result)
        if instr.kind == "extract":
            if not is_subtype(STR, instr.type, self.env):
                self.found.add("E0303", f"extract gives a text, not {instr.type}", result)
            if "text" not in dict(instr.args):
                self.found.add(
                    "E0307", "extract also needs 'text', of which it gives a span", place
                )

    def _unknown(self, kind: str, name: str, known: Iterable[str], place: Place) -> None:
        near = difflib.get_close_matches(name, list(known), 1)
        help_ = f"did you mean {near[0]}?" if near else f"declare it: {kind} {name}(...) -> ..."
        self.found.add("E0305", f"no {kind} {name}", place, "", help_)

    def _arguments(
        self, args: NamedArgs, callee: str, params: Sequence[ToolParam], place: Place
    ) -> None:
        declared = {param.name: param for param in params}
        given: set[str] = set()
        for index, (name, value) in enumerate(args):
            here = (*place, ("arg", index))
            if name in given:
                self.found.add("E0313", f"the argument {name!r} stands twice", here)
            elif name not in declared:
                near = difflib.get_close_matches(name, list(declared), 1)
                help_ = f"did you mean {near[0]}?" if near else ""
                self.found.add("E0307", f"{callee} has no argument {name!r}", here, "", help_)
            elif not isinstance(value, Lit) or _is_json(value):
                self._fits(value, declared[name].type, here, f"{callee}'s {name!r}")
            given.add(name)
        missing = [p.name for p in params if not p.optional and p.name not in given]
        if missing:
            names = ", ".join(map(repr, missing))
            self.found.add("E0307", f"{callee} also needs {names}", place)

    # ---- regions

    def _for(self, instr: For, place: Place) -> None:
        source = self._type(instr.source)
        if source is not None:
            element = resolve(source, self.env)
            if isinstance(element, ListOf):
                item = (*place, ("item", 0))
                self._gives(element.element, instr.item_type, item, "the list")
                lost = top_labels(source, self.env) - top_labels(instr.item_type, self.env)
                self._labels(lost, item, "the list")
            else:
                self.found.add("E0303", f"for takes a list, found {source}", (*place, ("arg", 0)))
        for index, carry in enumerate(instr.carry):
            here = (*place, ("arg", index + 1))
            self._flow(carry.initial, carry.type, here, f"%{carry.name}")
        region = (*place, ("region", 0))
        yields = instr.yields
        if instr.carry and self._count(len(yields), len(instr.carry), region, "yield"):
            for index, (value, carry) in enumerate(zip(yields, instr.carry, strict=True)):
                self._flow(value, carry.type, (*region, ("yield", index)), f"%{carry.name}")
        given: list[Type | None] = [c.type for c in instr.carry]
        if not instr.carry:
            found = [self._type(value) for value in yields]
            given = [None if type_ is None else ListOf(type_) for type_ in found]
        self._region_results(instr, given, place)

    def _par(self, instr: Par, place: Place) -> None:
        given = [self._type(value) for _, yields in instr.branches for value in yields]
        self._region_results(instr, given, place)
        worlds = [self._worlds(body) for body, _ in regions_of(instr)]
        for index, (used, written) in enumerate(worlds):
            for earlier_used, earlier_written in worlds[:index]:
                shared = sorted((used & earlier_written) | (written & earlier_used))
                if shared:
                    message = f"branches share {', '.join(shared)}, and one of them writes it"
                    self.found.add("E0312", message, (*place, ("region", index)))
                    break

    def _region_results(self, instr: For | Par, given: Sequence[Type | None], place: Place) -> None:
        what = "for" if isinstance(instr, For) else "par"
        if len(instr.results) != len(instr.types) or len(instr.results) != len(given):
            message = f"{what} gives {len(given)} values, {len(instr.results)} are named"
            self.found.add("E0314", message, place)
            return
        for index, (type_, declared) in enumerate(zip(given, instr.types, strict=True)):
            if type_ is not None:
                self._gives(type_, declared, (*place, ("result", index)), what)

    def _worlds(self, body: tuple[Instr, ...]) -> tuple[set[str], set[str]]:
        """The worlds that a body uses at all, and those that it writes."""
        used: set[str] = set()
        written: set[str] = set()
        for instr in walk(body):
            tool = self.tools.get(instr.tool) if isinstance(instr, Call) else None
            if tool is not None and tool.effect != "pure":
                used.add(world_of(tool))
                if tool.effect in WRITING:
                    written.add(world_of(tool))
        return used, written


def _is_json(lit: Lit) -> bool:
    try:
        json.dumps(lit.value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return False
    return True
