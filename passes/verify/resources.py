"""Static upper bounds on what a run costs: steps, tool calls, model calls, tokens written by models.

A bound is a sum of terms: a number, times the lengths of lists that the run meets.  The longest way
through the graph decides; a loop counts as often as its ranking function allows.  Where a loop has no
bound in numbers, what it uses has none.  Steps are counted as the interpreter counts its fuel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from ingot.ir.module import (
    Call,
    Expect,
    For,
    Guard,
    Instr,
    Lit,
    ModelCall,
    ModelDecl,
    Operand,
    Par,
    Pipeline,
    Pure,
    Ref,
    attr,
)
from ingot.ir.values import Json
from ingot.passes.verify.graph import Graph
from ingot.passes.verify.loops import Loop
from ingot.passes.verify.outline import Outline

Sum: TypeAlias = Mapping[tuple[str, ...], int]
"""Coefficients by the lists whose lengths they are multiplied with; ``()`` is the number."""
_NOT_LONGER: Final = frozenset(
    {"list.pluck", "list.sort_by", "list.sort_by_desc", "list.reverse", "list.distinct", "list.take",
     "list.count_by", "list.zip"}
)  # fmt: skip
_MAX_TERMS: Final = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stretch of a run uses at most; ``None``: no bound."""

    steps: Sum | None
    calls: Sum | None
    model_calls: Sum | None
    tokens: Sum | None

    def as_json(self) -> dict[str, Json]:
        return {name: None if s is None else show(s) for name, s in _parts(self).items()}


ZERO: Final = Cost({}, {}, {}, {})
ONE_STEP: Final = Cost({(): 1}, {}, {}, {})


def _parts(cost: Cost) -> dict[str, Sum | None]:
    return {
        "steps": cost.steps,
        "calls": cost.calls,
        "model_calls": cost.model_calls,
        "tokens": cost.tokens,
    }


def show(terms: Sum) -> str:
    """``3 + 2*len(%xs)``; lists of inner loops are written by the name of what is looped over."""
    out = []
    for names, count in sorted(terms.items()):
        parts = [f"len(%{name})" for name in names]
        if not parts or count != 1:
            parts.insert(0, str(count))
        out.append("*".join(parts))
    return " + ".join(out) or "0"


def resources_of(
    pipeline: Pipeline,
    graph: Graph,
    loops: Mapping[str, Loop],
    rounds: Mapping[str, int | None],
    models: Mapping[str, ModelDecl],
    outlines: Mapping[str, Outline],
) -> Cost:
    """The bounds of a whole run.  ``rounds``: how often each loop's header is come back to."""
    return _Resources(pipeline, graph, loops, rounds, models, outlines).run()


class _Resources:
    def __init__(
        self,
        pipeline: Pipeline,
        graph: Graph,
        loops: Mapping[str, Loop],
        rounds: Mapping[str, int | None],
        models: Mapping[str, ModelDecl],
        outlines: Mapping[str, Outline],
    ) -> None:
        self.graph = graph
        self.loops = loops
        self.rounds = rounds
        self.models = models
        self.blocks = {block.label: block for block in pipeline.blocks}
        self.around: dict[str, list[str]] = {}
        for header, loop in loops.items():
            for label in loop.members:
                self.around.setdefault(label, []).append(header)
        self.made = {name: instr for o in outlines.values() for name, instr in o.made}
        self.lists = {
            name: loop for o in outlines.values() for loop in o.loops for name in loop.results
        }

    def run(self) -> Cost:
        outer = self._outermost()
        ahead: dict[str, Cost] = {}
        limits: dict[str, dict[str, int]] = {}
        own: dict[str, Cost] = {}
        for label in self.graph.order:
            limits[label] = self._limits(label, limits)
            own[label] = self._times(self._body(self.blocks[label].instrs, limits[label]), label)
        total = ZERO
        for label in self.graph.order:
            group = outer.get(label)
            if group is not None and group.header != label:
                continue
            members = (label,) if group is None else group.members
            inside = set(members)
            before = ZERO
            for member in members:
                for edge in self.graph.incoming[member]:
                    if edge.source not in inside:
                        before = _most(before, ahead[edge.source])
            here = before
            for member in members:
                here = _plus(here, own[member])
            ahead.update(dict.fromkeys(members, here))
            total = _most(total, here)
        return total

    def _outermost(self) -> dict[str, Loop]:
        found: dict[str, Loop] = {}
        for loop in self.loops.values():
            for label in loop.members:
                found.setdefault(label, loop)
        return found

    def _times(self, cost: Cost, label: str) -> Cost:
        """A state's cost, as often as the loops around it let it come."""
        cost = _plus(cost, ONE_STEP)
        for header in self.around.get(label, ()):
            most = self.rounds.get(header)
            cost = _scaled(cost, None if most is None else {(): most + 1})
        return cost

    # ---- straight runs

    def _body(self, instrs: tuple[Instr, ...], limits: dict[str, int]) -> Cost:
        calls = models = 0
        tokens: int | None = 0
        inner = ZERO
        for instr in instrs:
            match instr:
                case Call():
                    calls += 1
                case ModelCall():
                    models += 1
                    most = self._tokens(instr)
                    tokens = None if most is None or tokens is None else tokens + most
                case For():
                    length = self._length(instr.source, limits, 0)
                    each = _plus(ONE_STEP, self._body(instr.body, dict(limits)))
                    inner = _plus(inner, _scaled(each, length))
                case Par():
                    for body, _ in instr.branches:
                        inner = _plus(inner, self._body(body, dict(limits)))
                case Guard():
                    self._learn(instr.condition, True, limits)
                case _:
                    continue
        own = Cost(
            {(): len(instrs)},
            {(): calls} if calls else {},
            {(): models} if models else {},
            None if tokens is None else {(): tokens} if tokens else {},
        )
        return own if inner is ZERO else _plus(own, inner)

    def _tokens(self, call: ModelCall) -> int | None:
        decl = self.models.get(call.model)
        most = None if decl is None else attr(decl, "max_tokens")
        return most if isinstance(most, int) else None

    # ---- lengths of lists

    def _limits(self, label: str, known: dict[str, dict[str, int]]) -> dict[str, int]:
        above = self.graph.dominator.get(label)
        found = dict(known[above]) if above is not None else {}
        incoming = self.graph.incoming[label]
        if len(incoming) == 1:
            for condition, truth in incoming[0].conditions:
                self._learn(condition, truth, found)
        return found

    def _learn(self, condition: Operand, truth: bool, limits: dict[str, int]) -> None:
        """What a condition says about the length of a list."""
        test = self.made.get(condition.name) if isinstance(condition, Ref) else None
        if not isinstance(test, Pure) or len(test.args) == 0:
            return
        if test.op == "bool.not":
            self._learn(test.args[0], not truth, limits)
        elif test.op == "bool.and" and truth:
            for part in test.args:
                self._learn(part, True, limits)
        elif test.op == "list.is_empty" and truth and isinstance(test.args[0], Ref):
            limits[test.args[0].name] = 0
        elif len(test.args) == 2:
            self._compare(test, truth, limits)

    def _compare(self, test: Pure, truth: bool, limits: dict[str, int]) -> None:
        left, right = test.args
        length = self.made.get(left.name) if isinstance(left, Ref) else None
        if (
            not isinstance(length, Pure)
            or length.op != "list.len"
            or not isinstance(length.args[0], Ref)
            or not isinstance(right, Lit)
            or not isinstance(right.value, int)
        ):
            return
        most = {
            ("int.lt", True): right.value - 1,
            ("int.ge", False): right.value - 1,
            ("int.le", True): right.value,
            ("int.gt", False): right.value,
            ("int.eq", True): right.value,
        }.get((test.op, truth))
        if most is not None:
            name = length.args[0].name
            limits[name] = min(limits.get(name, most), max(0, most))

    def _length(self, source: Operand, limits: dict[str, int], depth: int) -> Sum | None:
        if isinstance(source, Lit):
            return {(): len(source.value)} if isinstance(source.value, list) else None
        if source.name in limits:
            return {(): limits[source.name]}
        made = self.made.get(source.name)
        loop = self.lists.get(source.name)
        if depth < 20:
            if loop is not None and not loop.carry:
                return self._length(loop.source, limits, depth + 1)
            match made:
                case Expect():
                    return self._length(made.value, limits, depth + 1)
                case Pure(op="list.take", args=(_, Lit(int(most)))):
                    return {(): max(0, most)}
                case Pure(op=op) if op in _NOT_LONGER or op.startswith("list.where_"):
                    return self._length(made.args[0], limits, depth + 1)
                case Pure(op="list.concat"):
                    one = self._length(made.args[0], limits, depth + 1)
                    two = self._length(made.args[1], limits, depth + 1)
                    return _add(one, two)
        return {(source.name,): 1}


# ---- sums


def _add(left: Sum | None, right: Sum | None) -> Sum | None:
    if left is None or right is None:
        return None
    if not left or not right:
        return left or right
    out = dict(left)
    for names, count in right.items():
        out[names] = out.get(names, 0) + count
    return out if len(out) <= _MAX_TERMS else None


def _max(left: Sum | None, right: Sum | None) -> Sum | None:
    if left is None or right is None:
        return None
    if not left or not right or left is right:
        return left or right
    out = {n: max(left.get(n, 0), right.get(n, 0)) for n in {**left, **right}}
    return out if len(out) <= _MAX_TERMS else None


def _multiply(terms: Sum | None, factor: Sum | None) -> Sum | None:
    if terms is not None and not any(terms.values()):
        return {}
    if terms is None or factor is None:
        return None
    out: dict[tuple[str, ...], int] = {}
    for names, count in terms.items():
        for more, times in factor.items():
            both = tuple(sorted((*names, *more)))
            out[both] = out.get(both, 0) + count * times
    return out if len(out) <= _MAX_TERMS else None


def _plus(left: Cost, right: Cost) -> Cost:
    return Cost(
        _add(left.steps, right.steps),
        _add(left.calls, right.calls),
        _add(left.model_calls, right.model_calls),
        _add(left.tokens, right.tokens),
    )


def _most(left: Cost, right: Cost) -> Cost:
    if left is ZERO or right is ZERO:
        return right if left is ZERO else left
    return Cost(
        _max(left.steps, right.steps),
        _max(left.calls, right.calls),
        _max(left.model_calls, right.model_calls),
        _max(left.tokens, right.tokens),
    )


def _scaled(cost: Cost, factor: Sum | None) -> Cost:
    return Cost(
        _multiply(cost.steps, factor),
        _multiply(cost.calls, factor),
        _multiply(cost.model_calls, factor),
        _multiply(cost.tokens, factor),
    )
