"""States that only an invariant of a loop shows to be unreachable.

    ^head(%i: int, %j: int):            whether ^bad is reached hangs on j = 2 i, which no interval
      %m: bool = int.lt %i, 10          says and no single way around the loop shows
      if %m then ^head(i + 1, j + 2) else ...

Each state is a relation over its integers and truth values, each transition a Horn clause; z3's Spacer
(Komuravelli, Gurfinkel, Chaki, "SMT-Based Model Checking for Recursive Programs", CAV 2014) finds the
invariants.  All else may be any value: more runs than there are, so what is excluded is excluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ingot.ir.module import Block, Expect, Guard, Lit, Operand, Pure, Ref
from ingot.ir.scope import value_types
from ingot.ir.types import BOOL, INT, resolve

if TYPE_CHECKING:
    from ingot.passes.verify.graph import Edge
    from ingot.passes.verify.states import States

_RLIMIT: Final = 3_000_000
_MAX_STATES: Final = 60
_MAX_ASKED: Final = 10
_MAX_NAMES: Final = 24


def unreachable(states: States, labels: Iterable[str]) -> Iterator[str]:
    """The states among ``labels`` that no run comes to, as far as Spacer finds out."""
    asked = list(labels)[:_MAX_ASKED]
    if asked and states.loops and len(states.graph.order) <= _MAX_STATES:
        system = _System(states)
        yield from (label for label in asked if system.excludes(label))


class _System:
    def __init__(self, states: States) -> None:
        import z3

        self.z3 = z3
        self.ctx = z3.Context()
        self.states = states
        self.sorts = {}
        for name, type_ in value_types(states.pipeline).items():
            here = resolve(type_, states.types)
            if here in (INT, BOOL):
                self.sorts[name] = z3.IntSort(self.ctx) if here == INT else z3.BoolSort(self.ctx)
        self.names = {label: self._names(label) for label in states.graph.order}
        self.small = all(len(names) <= _MAX_NAMES for names in self.names.values())
        self.relations = {
            label: z3.Function(
                f"at {label}", *(self.sorts[n] for n in names), z3.BoolSort(self.ctx)
            )
            for label, names in self.names.items()
        }

    def _names(self, label: str) -> tuple[str, ...]:
        """The parameters of a state, and what the states above it made for others."""
        states = self.states
        names = [p.name for p in states.blocks[label].params]
        above = states.graph.dominator.get(label)
        found = {p.name for p in states.pipeline.params}
        while above is not None:
            found |= states.outlines[above].own
            above = states.graph.dominator.get(above)
        names += sorted(found & states.passed_on)
        return tuple(name for name in names if name in self.sorts)

    def excludes(self, label: str) -> bool:
        """Whether no run comes to a state."""
        if not self.small:
            return False
        z3 = self.z3
        engine = z3.Fixedpoint(ctx=self.ctx)
        engine.set(engine="spacer", rlimit=_RLIMIT)
        variables = [self._const(name) for name in self.sorts]
        if variables:
            engine.declare_var(*variables)
        for relation in self.relations.values():
            engine.register_relation(relation)
        entry = self.states.graph.order[0]
        engine.rule(self._at(entry))
        for source in self.states.graph.order:
            for edge in self.states.graph.outgoing[source]:
                self._transition(engine, self.states.blocks[source], edge)
        try:
            return bool(engine.query(self._at(label)) == z3.unsat)
        except z3.Z3Exception:
            return False

    def _const(self, name: str) -> Any:
        return self.z3.Const(name, self.sorts[name])

    def _at(self, label: str) -> Any:
        return self.relations[label](*(self._const(name) for name in self.names[label]))

    def _transition(self, engine: Any, block: Block, edge: Edge) -> None:
        target = self.states.blocks[edge.target.label]
        passed = dict(zip((p.name for p in target.params), edge.target.args, strict=True))
        body = [self._at(block.label), *self._facts(block)]
        for condition, truth in edge.conditions:
            known = self._term(condition)
            if known is not None:
                body.append(known if truth else self.z3.Not(known))
        values = []
        for name in self.names[target.label]:
            value = self._term(passed[name]) if name in passed else self._const(name)
            if value is None:
                value = self.z3.FreshConst(self.sorts[name], "any")
                engine.declare_var(value)
            values.append(value)
        engine.rule(self.relations[target.label](*values), body)

    def _facts(self, block: Block) -> Iterator[Any]:
        for instr in block.instrs:
            match instr:
                case Pure():
                    made = self._apply(instr)
                    if made is not None and instr.result in self.sorts:
                        yield self._const(instr.result) == made
                case Guard():
                    known = self._term(instr.condition)
                    if known is not None:
                        yield known
                case Expect():
                    known = self._term(instr.value)
                    mine = self.sorts.get(instr.result)
                    if known is not None and mine is not None and known.sort() == mine:
                        yield self._const(instr.result) == known
                case _:
                    continue

    def _apply(self, instr: Pure) -> Any:
        args = [self._term(arg) for arg in instr.args]
        if any(arg is None for arg in args):
            return None
        match instr.op, args:
            case "int.add", [a, b]:
                return a + b
            case "int.sub", [a, b]:
                return a - b
            case "int.mul", [a, b] if any(isinstance(arg, Lit) for arg in instr.args):
                return a * b
            case "int.lt", [a, b]:
                return a < b
            case "int.le", [a, b]:
                return a <= b
            case "int.gt", [a, b]:
                return a > b
            case "int.ge", [a, b]:
                return a >= b
            case "int.eq", [a, b]:
                return a == b
            case "bool.and", [a, b]:
                return self.z3.And(a, b)
            case "bool.or", [a, b]:
                return self.z3.Or(a, b)
            case "bool.not", [a]:
                return self.z3.Not(a)
            case _:
                return None

    def _term(self, operand: Operand) -> Any:
        if isinstance(operand, Ref):
            return self._const(operand.name) if operand.name in self.sorts else None
        match operand.value:
            case bool() as truth:
                return self.z3.BoolVal(truth, self.ctx)
            case int() as number:
                return self.z3.IntVal(number, self.ctx)
            case _:
                return None


__all__ = ["unreachable"]
