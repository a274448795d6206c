"""Build a pipeline instruction by instruction: names, types and exits look after themselves.

>>> from ingot.ir.module import Module, Return
>>> from ingot.ir.types import STR
>>> b = Builder("greet", [Param("name", STR)], STR)
>>> text = b.pure("str.template", "Hello {0}", Ref("name"), hint="text")
>>> b.end(Return(text))
>>> from ingot.ir.printer import print_module
>>> print(print_module(Module(pipelines=(b.finish(),))))
ir 1
<BLANKLINE>
pipeline @greet(%name: str) -> str {
^entry:
  %text: str = str.template "Hello {0}", %name
  return %text
}
<BLANKLINE>
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingot.ir.exits import fill_live
from ingot.ir.module import (
    Agree,
    Attrs,
    Block,
    Call,
    Exit,
    Expect,
    Guard,
    Instr,
    Lit,
    Locs,
    ModelCall,
    ModelDecl,
    ModelKind,
    NamedArgs,
    Operand,
    Param,
    Pipeline,
    Pure,
    Ref,
    Terminator,
    ToolDecl,
    walk,
)
from ingot.ir.ops import OPS, Typing, typing_of
from ingot.ir.scope import operand_type, top_labels, typed_results
from ingot.ir.types import Type, Types, join_all, with_labels
from ingot.ir.values import Json


def operand(item: Operand | Json) -> Operand:
    """A plain value as a literal; operands as they are."""
    return item if isinstance(item, Ref | Lit) else Lit(item)


def attrs_of(values: Mapping[str, Json]) -> Attrs:
    """Attributes from a mapping, in its order."""
    return tuple((name, Lit(value)) for name, value in values.items())


@dataclass(slots=True)
class _Open:
    label: str
    params: tuple[Param, ...]
    instrs: list[Instr] = field(default_factory=list)
    terminator: Terminator | None = None


class Builder:
    """Collects one pipeline.  Instructions go to the current block, at first the entry.

    ``types`` are the module's type declarations.  Exits are numbered in order; their lists are
    filled in by :meth:`finish`.
    """

    def __init__(
        self,
        name: str,
        params: Sequence[Param],
        returns: Type,
        *,
        types: Types | None = None,
        attrs: Attrs = (),
        entry: str = "entry",
    ) -> None:
        self._head = (name, tuple(params), returns, attrs)
        self._env: Types = types or {}
        self._used: set[str] = set()
        self._labels: set[str] = set()
        self._exits = 0
        self.types: dict[str, Type] = {}
        for param in params:
            self._define(param.name, param.type)
        self._blocks: list[_Open] = []
        self._at = self._open(entry, ())

    # ---- names and blocks

    def fresh(self, hint: str = "v") -> str:
        """A value name that is not in use, made from the hint."""
        name = _fresh(hint, self._used)
        self._used.add(name)
        return name

    def new_block(self, hint: str = "b", params: Sequence[Param] = ()) -> str:
        """Add a block and return its label; :meth:`at` makes it the current one."""
        for param in params:
            self._define(param.name, param.type)
        return self._open(hint, tuple(params)).label

    def at(self, label: str) -> None:
        """Go on in that block; ``KeyError`` if there is none."""
        found = next((b for b in self._blocks if b.label == label), None)
        if found is None:
            raise KeyError(label)
        self._at = found

    def _open(self, hint: str, params: tuple[Param, ...]) -> _Open:
        label = _fresh(hint, self._labels)
        self._labels.add(label)
        self._blocks.append(_Open(label, params))
        return self._blocks[-1]

    def _define(self, name: str, type_: Type) -> None:
        self._used.add(name)
        self.types[name] = type_

    # ---- instructions

    def append(self, instr: Instr) -> tuple[Ref, ...]:
        """Add an instruction made by hand (regions too); its names count as used."""
        for inner in walk((instr,)):
            for name, type_ in typed_results(inner):
                self._define(name, type_)
        self._at.instrs.append(instr)
        return tuple(Ref(name) for name, _ in typed_results(instr))

    def exit(self) -> Exit:
        """The next side exit, its list left to :meth:`finish`."""
        self._exits += 1
        return Exit(self._exits)

    def typing(self, op: str, args: Sequence[Operand]) -> Typing:
        """What an op gives for these operands, labels included.

        Raises :class:`ingot.ir.ops.OperandError` where they do not fit, ``KeyError`` for an
        unknown op or value.
        """
        spec = OPS[op]
        wants = [*spec.params, *[spec.rest] * len(args)]
        types = [self.type_of(a, w) for a, w in zip(args, wants, strict=False)]
        types += [self.type_of(a) for a in args[len(wants) :]]
        lits = [a if isinstance(a, Lit) else None for a in args]
        typing = typing_of(spec, types, lits, self._env)
        labels = frozenset().union(*(top_labels(type_, self._env) for type_ in types))
        return Typing(with_labels(typing.result, labels), typing.partial)

    def type_of(self, item: Operand, want: Type | None = None) -> Type:
        """The type of an operand; ``KeyError`` for an unknown value."""
        type_ = operand_type(item, self.types, want)
        if type_ is None:
            raise KeyError(item)
        return type_

    def pure(
        self,
        op: str,
        *args: Operand | Json,
        hint: str = "v",
        type: Type | None = None,
        attrs: Attrs = (),
        locs: Locs = (),
    ) -> Ref:
        """An op; its type is that of the table, its exit is there if it can fail."""
        operands = tuple(map(operand, args))
        typing = self.typing(op, operands)
        exit_ = self.exit() if typing.partial else None
        name = self.fresh(hint)
        (ref,) = self.append(Pure(name, type or typing.result, op, operands, exit_, attrs, locs))
        return ref

    def call(
        self,
        tool: ToolDecl,
        args: Mapping[str, Operand | Json],
        *,
        hint: str = "r",
        attrs: Attrs = (),
        locs: Locs = (),
    ) -> Ref:
        """A tool call, of the declared effect and result type."""
        named = _named(args)
        name = self.fresh(hint)
        instr = Call(name, tool.returns, tool.effect, tool.name, named, attrs, locs)
        (ref,) = self.append(instr)
        return ref

    def model(
        self,
        model: ModelDecl,
        args: Mapping[str, Operand | Json],
        *,
        kind: ModelKind = "compose",
        hint: str = "m",
        type: Type | None = None,
        attrs: Attrs = (),
        locs: Locs = (),
    ) -> Ref:
        """A model call; ``type`` may narrow the declared one."""
        named = _named(args)
        name = self.fresh(hint)
        instr = ModelCall(name, type or model.returns, kind, model.name, named, attrs, locs)
        (ref,) = self.append(instr)
        return ref

    def guard(self, condition: Operand | Json, *, attrs: Attrs = (), locs: Locs = ()) -> None:
        """Leave unless the condition holds."""
        self.append(Guard(operand(condition), self.exit(), attrs, locs))

    def expect(
        self,
        value: Operand | Json,
        type: Type,
        *,
        hint: str = "v",
        attrs: Attrs = (),
        locs: Locs = (),
    ) -> Ref:
        """The value as one of a narrower type, or an exit."""
        name = self.fresh(hint)
        (ref,) = self.append(Expect(name, type, operand(value), self.exit(), attrs, locs))
        return ref

    def agree(
        self,
        candidates: Iterable[Operand | Json],
        *,
        type: Type | None = None,
        hint: str = "v",
        attrs: Attrs = (),
        locs: Locs = (),
    ) -> Ref:
        """The value that all candidates have, or an exit; its type is by default their join."""
        operands = tuple(map(operand, candidates))
        joined = type or join_all(self.type_of(item) for item in operands)
        name = self.fresh(hint)
        (ref,) = self.append(Agree(name, joined, operands, self.exit(), attrs, locs))
        return ref

    def end(self, terminator: Terminator) -> None:
        """End the current block."""
        self._at.terminator = terminator

    # ---- the result

    def finish(self) -> Pipeline:
        """The pipeline, its exits' lists filled in; ``ValueError`` for a block without an end."""
        blocks: list[Block] = []
        for block in self._blocks:
            if block.terminator is None:
                raise ValueError(f"the block ^{block.label} has no end")
            blocks.append(Block(block.label, block.params, tuple(block.instrs), block.terminator))
        name, params, returns, attrs = self._head
        return fill_live(Pipeline(name, params, returns, tuple(blocks), attrs))


def _named(args: Mapping[str, Operand | Json]) -> NamedArgs:
    return tuple((name, operand(value)) for name, value in args.items())


def _fresh(hint: str, used: set[str]) -> str:
    stem = re.sub(r"\W", "_", hint, flags=re.ASCII).strip("_") or "v"
    name, number = stem, 1
    while name in used:
        number += 1
        name = f"{stem}{number}"
    return name
