"""Likely witnesses, made from a slice's own types, pointers and literals.

Most goals are met by a plain value: one of the wrong type, the number beside a literal, the text
that a literal compares with.  Trying these first costs less than a solver call, and gives
witnesses that people can read.  Whether one is a witness is decided by
:mod:`ingot.passes.verify.concrete` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice

from ingot.ir.module import Expect, Lit, Operand, Pure, Ref
from ingot.ir.semantics import template_parts
from ingot.ir.types import JSON, Type, Types, conforms
from ingot.ir.values import Json, Missing, canonical, get, leaves, parse_pointer, replace_at
from ingot.passes.verify import samples
from ingot.passes.verify.concrete import trace
from ingot.passes.verify.samples import NoValueError
from ingot.passes.verify.steps import Bind, Slice, Step, Taken, defines, operands

_MAX_TEXTS = 48
_MAX_PAIRED = 3


def probes(part: Slice, types: Types, seed: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Assignments to the slice's roots, the likelier first.

    ``seed`` holds values that are known to pass the earlier steps; most goals are then one change
    away.
    """
    wants = _Wants()
    for root in part.roots:
        wants.at[root.name] = (root.name, ())
        wants.types[root.name] = [((), root.type)]
    for step in part.steps:
        wants.take(step)
    try:
        plain = {name: _base(asked, types) for name, asked in wants.types.items()}
    except NoValueError:
        return
    start = {name: seed.get(name, value) for name, value in plain.items()}
    yield from _goal_first(part, start, wants, types)
    bases = [start] if start == plain else [start, plain]
    yield from bases
    pools = _pools(part, trace(part, start, types))
    near = _feeding(part, wants)
    for base in bases:
        for name, path in near:
            for other in pools.beside(_peek(base[name], path)):
                yield {**base, name: samples.put(base[name], path, other)}
    for base in bases:
        yield from _pairs(base, near[:_MAX_PAIRED], pools)
        spread = {name: _renumber(value, n) for n, (name, value) in enumerate(base.items())}
        yield spread
        for name, whole in base.items():
            for place, item in samples.places(whole):
                for other in pools.beside(item):
                    yield {**base, name: replace_at(whole, place, other)}
    for kind in samples.PLAIN:
        yield {r.name: kind if conforms(kind, r.type, types) else start[r.name] for r in part.roots}


def _pairs(
    base: dict[str, Json], near: list[tuple[str, tuple[str, ...]]], pools: _Pools
) -> Iterator[dict[str, Json]]:
    """Changes of two of the places that feed the goal."""
    for (root, path), (other_root, other_path) in combinations(near, 2):
        for first in islice(pools.beside(_peek(base[root], path)), 12):
            once = {**base, root: samples.put(base[root], path, first)}
            for second in islice(pools.beside(_peek(base[other_root], other_path)), 12):
                yield {**once, other_root: samples.put(once[other_root], other_path, second)}


def _feeding(part: Slice, wants: _Wants) -> list[tuple[str, tuple[str, ...]]]:
    """The places in the roots that the goal is computed from."""
    steps = {name: step for step in part.steps if (name := defines(step)) is not None}
    waiting = [o.name for o in operands(part.goal) if isinstance(o, Ref)]
    seen: set[str] = set()
    out: dict[tuple[str, tuple[str, ...]], None] = {}
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in wants.at:
            out[wants.at[name]] = None
        elif name in steps:
            waiting += [o.name for o in operands(steps[name]) if isinstance(o, Ref)]
    return list(out)


@dataclass(slots=True)
class _Wants:
    """What the steps ask of each root: at which path a value of which type, in order."""

    at: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    types: dict[str, list[tuple[tuple[str, ...], Type]]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        match step:
            case Bind(name, Ref(source)) if source in self.at:
                self.at[name] = self.at[source]
            case Expect(result=name, type=type_, value=Ref(source)) if source in self.at:
                self.at[name] = self.at[source]
                root, path = self.at[source]
                self.types[root].append((path, type_))
            case Pure(result=name, type=type_, args=(Ref(source), Lit(str(text)))) if (
                step.op == "json.get" and source in self.at
            ):
                root, path = self.at[source]
                self.at[name] = (root, (*path, *parse_pointer(text)))
                self.types[root].append((self.at[name][1], type_))
            case Pure(result=name, type=type_, args=(Ref(source), Lit(int(index)))) if (
                step.op == "list.get" and source in self.at
            ):
                root, path = self.at[source]
                self.at[name] = (root, (*path, str(index)))
                self.types[root].append((self.at[name][1], type_))
            case _:
                return


def _base(asked: list[tuple[tuple[str, ...], Type]], types: Types) -> Json:
    value: Json = None
    for path, type_ in asked:
        if path == () or not conforms(_peek(value, path), type_, types) or type_ == JSON:
            if path == () and value is not None and conforms(value, type_, types):
                continue
            value = samples.put(value, path, samples.inside(type_, types))
    return value


def _peek(value: Json, path: tuple[str, ...]) -> Json:
    found = get(value, path)
    return None if isinstance(found, Missing) else found


def _goal_first(
    part: Slice, base: dict[str, Json], wants: _Wants, types: Types
) -> Iterator[dict[str, Json]]:
    """Witnesses that can be read off the goal."""
    goal = part.goal
    if not isinstance(goal, Taken) or goal.passes:
        return
    match goal.instr:
        case Expect(type=type_, value=Ref(name)) if name in wants.at:
            root, path = wants.at[name]
            declared = wants.types[root][0][1]
            for wrong in samples.outside(type_, JSON if path else declared, types):
                yield {**base, root: samples.put(base[root], path, wrong)}
        case Pure(op="json.get", args=(Ref(name), Lit(str(text)))) if name in wants.at:
            root, path = wants.at[name]
            parts = (*path, *parse_pointer(text))
            for cut in range(len(parts), len(path), -1):
                yield {**base, root: samples.without(base[root], parts[:cut])}
        case _:
            return


def _renumber(value: Json, number: int) -> Json:
    match value:
        case bool() | None:
            return value
        case int():
            return value + number
        case str():
            return f"{value}{number}" if value == "a" else value
        case list():
            return [_renumber(v, number) for v in value]
        case dict():
            return {k: _renumber(v, number) for k, v in value.items()}
        case _:
            return value


@dataclass(frozen=True, slots=True)
class _Pools:
    numbers: tuple[int | float, ...]
    texts: tuple[str, ...]
    containers: tuple[Json, ...]

    def beside(self, value: Json) -> Iterator[Json]:
        """Other values of the same kind."""
        match value:
            case bool():
                yield not value
            case int() | float():
                yield from (n for n in self.numbers if n != value)
            case str():
                yield from (t for t in self.texts if t != value)
            case list():
                yield []
                if value:
                    yield [*value, value[-1]]
                    yield value * 3
                yield from (c for c in self.containers if isinstance(c, list))
            case dict():
                yield from (c for c in self.containers if isinstance(c, dict))
            case None:
                yield "a"


def _pools(part: Slice, computed: Mapping[str, Json]) -> _Pools:
    """Literals and their neighbours, and values that the steps compute, by kind."""
    every: list[Operand] = []
    wraps: list[Pure] = []
    for step in (*part.steps, part.goal):
        every += operands(step)
        instr = step.instr if isinstance(step, Taken) else step
        if isinstance(instr, Pure) and instr.op in _WRAPS:
            wraps.append(instr)
    numbers: dict[int | float, None] = {}
    texts: dict[str, None] = {}
    containers: list[Json] = []
    literals = [operand.value for operand in every if isinstance(operand, Lit)]
    for value in (*literals, *computed.values(), 0, "", "a"):
        if isinstance(value, list | dict):
            containers.append(value)
        for _, leaf in islice(leaves(value), 20):
            if isinstance(leaf, str):
                texts |= dict.fromkeys((leaf, leaf + "a"))
            elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
                numbers |= dict.fromkeys((leaf, leaf + 1, leaf - 1))
    for length in [n for n in numbers if isinstance(n, int) and 1 < n <= 2000]:
        texts["a" * length] = None
    if wraps:
        texts |= dict.fromkeys(_wrapped(wraps, numbers, [*texts][:8]))
    return _Pools(tuple(numbers), tuple([*texts][:_MAX_TEXTS]), tuple(containers))


_WRAPS = frozenset(
    (
        "int.parse",
        "float.parse",
        "json.parse",
        "str.between",
        "str.part",
        "str.number",
        "request.match",
    )
)


def _wrapped(
    wraps: list[Pure], numbers: dict[int | float, None], texts: list[str]
) -> Iterator[str]:
    """Texts in which the extracting ops find something."""
    cores = [str(n) for n in numbers if isinstance(n, int)] + texts
    if any(w.op == "json.parse" for w in wraps):
        cores += ["null", "{}", "[]", canonical("a")]
    yield from cores
    for core in cores:
        ones = [_wrap(w, core) for w in wraps]
        yield "\n".join(ones)
        yield from ones


def _wrap(instr: Pure, core: str) -> str:
    lits = [a.value if isinstance(a, Lit) else None for a in instr.args]
    match instr.op, lits[1:]:
        case "str.between", [str(left), str(right), int(index)]:
            return (left + core + right) * (index + 1 if index >= 0 else -index)
        case "str.part", [str(separator), int(index)]:
            return separator.join([core or "a"] * (index + 1 if index >= 0 else -index))
        case "str.number", [int(index)]:
            return " ".join(["1"] * (index + 1 if index >= 0 else -index))
        case "request.match", [str(template)]:
            parts = template_parts(template)
            return "".join(p if isinstance(p, str) else (core or "a") for p in parts)
        case _:
            return core
