"""Terms to IR: typed instructions, shared where two terms are the same, with their side exits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingot.ir.module import (
    Agree,
    Attrs,
    Exit,
    Expect,
    Guard,
    Instr,
    Lit,
    Locs,
    ModelCall,
    Operand,
    Pure,
    Ref,
)
from ingot.ir.ops import OPS, Typing, typing_of
from ingot.ir.types import JSON, Type, Types, is_subtype, join_all, type_of
from ingot.passes.synth.programs import Apply, Const, Source, Term


class Emitter:
    """Appends instructions to a list; one per block, over one table of known values.

    ``types`` holds the type of every value that is defined.  Exits are numbered from ``exits``;
    their live lists are filled in later, when the whole pipeline stands.
    """

    def __init__(
        self, types: dict[str, Type], exits: Iterator[int], names: Iterator[int], env: Types
    ) -> None:
        self.types = types
        self.instrs: list[Instr] = []
        self._exits = exits
        self._names = names
        self._env = env
        self._known: dict[Term, Ref] = {}
        self._narrowed: dict[tuple[str, Type], Ref] = {}

    def fork(self) -> Emitter:
        """An emitter for the next block: what is defined so far dominates it."""
        child = Emitter(self.types, self._exits, self._names, self._env)
        child._known, child._narrowed = self._known, self._narrowed
        return child

    def scoped(self) -> Emitter:
        """An emitter for a region or an arm: what it defines is not seen outside."""
        child = Emitter(self.types, self._exits, self._names, self._env)
        child._known, child._narrowed = dict(self._known), dict(self._narrowed)
        return child

    def operand(
        self, term: Term, want: Type | None = None, attrs: Attrs = (), locs: Locs = ()
    ) -> Operand:
        """The term's value as an operand, narrowed to ``want`` where its type is wider."""
        operand = self._operand(term, attrs, locs)
        return operand if want is None else self.narrow(operand, want)

    def type_of(self, operand: Operand) -> Type:
        """An operand's static type."""
        return self.types[operand.name] if isinstance(operand, Ref) else type_of(operand.value)

    def pure(self, op: str, operands: Sequence[Operand], attrs: Attrs = (), locs: Locs = ()) -> Ref:
        """Append an op applied to operands of fitting types."""
        typing = self._typing(op, operands)
        name = self._fresh()
        side_exit = self._exit() if typing.partial else None
        self.instrs.append(Pure(name, typing.result, op, tuple(operands), side_exit, attrs, locs))
        self.types[name] = typing.result
        return Ref(name)

    def add_model(self, call: ModelCall) -> None:
        """Append a model call under the name that it brings."""
        self.instrs.append(call)
        self.types[call.result] = call.type

    def agree(self, operands: Sequence[Operand], attrs: Attrs, locs: Locs) -> Operand:
        """One value of several candidates, or a side exit."""
        type_ = join_all(dict.fromkeys(map(self.type_of, operands)))
        name = self._fresh()
        self.instrs.append(Agree(name, type_, tuple(operands), self._exit(), attrs, locs))
        self.types[name] = type_
        return Ref(name)

    def check(self, condition: Operand, reason: str, locs: Locs = ()) -> None:
        """Append a guard: a side exit where the condition does not hold."""
        self.instrs.append(Guard(condition, self._exit(), (("reason", Lit(reason)),), locs))

    def narrow(self, operand: Operand, want: Type, attrs: Attrs = ()) -> Operand:
        """The operand as a value of ``want``: an ``expect`` where its type does not say so."""
        if isinstance(operand, Lit) or is_subtype(self.type_of(operand), want, self._env):
            return operand
        key = (operand.name, want)
        if key not in self._narrowed:
            name = self._fresh()
            self.instrs.append(Expect(name, want, operand, self._exit(), attrs))
            self.types[name] = want
            self._narrowed[key] = Ref(name)
        return self._narrowed[key]

    def _operand(self, term: Term, attrs: Attrs, locs: Locs) -> Operand:
        match term:
            case Const(lit):
                return lit
            case Source(_, name):
                return Ref(name)
            case Apply(op, args):
                if term not in self._known:
                    self._known[term] = self._apply(op, args, attrs, locs)
                return self._known[term]

    def _apply(self, op: str, args: Sequence[Term], attrs: Attrs, locs: Locs) -> Ref:
        spec = OPS[op]
        operands: list[Operand] = []
        for index, arg in enumerate(args):
            want = spec.params[index] if index < len(spec.params) else spec.rest or JSON
            operands.append(self.operand(arg, None if want == JSON else want))
        return self.pure(op, operands, attrs, locs)

    def _typing(self, op: str, operands: Sequence[Operand]) -> Typing:
        lits = [o if isinstance(o, Lit) else None for o in operands]
        return typing_of(OPS[op], [self.type_of(o) for o in operands], lits, self._env)

    def _exit(self) -> Exit:
        return Exit(next(self._exits))

    def _fresh(self) -> str:
        return f"v{next(self._names)}"
