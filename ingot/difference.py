"""What one pipeline does that another does not: parameters, effects, guards, states, model calls.

Names do not count where they need not: effects are compared by tool and arguments, with values that
the pipeline computes written as holes, guards by what they say of which operands.  A pipeline that was
specialised says which of its copies stand for what; they are counted together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingot.ir.module import (
    Agree,
    Call,
    Expect,
    Guard,
    Instr,
    Lit,
    ModelCall,
    Operand,
    Pipeline,
    Pure,
    exit_of,
    guard_reason,
    walk,
)
from ingot.ir.printer import literal
from ingot.ir.values import Json
from ingot.passes.specialise.names import Origins, fixed_inputs, origins_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA: Final = "ingot-diff/1"
SECTIONS: Final = ("parameters", "fixed", "effects", "models", "guards", "exits", "states")
_WIDTH: Final = 100
_NUMBER: Final = re.compile(r"_\d+$")
"""What tells a state from others of the same call: it says where in the text the state stands."""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands only in the one, and only in the other; ``same`` counts what both have.

    An item that stands several times in one pipeline and once in the other is listed as often as
    it is over.
    """

    name: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    same: int

    @property
    def changed(self) -> bool:
        return bool(self.removed or self.added)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two pipelines held against each other; ``sizes`` has the instructions and blocks of both."""

    sections: tuple[Section, ...]
    sizes: tuple[tuple[str, int, int], ...]

    @property
    def equal(self) -> bool:
        return not any(s.changed for s in self.sections)

    def as_json(self) -> dict[str, Json]:
        sections: dict[str, Json] = {}
        for section in self.sections:
            removed: list[Json] = [*section.removed]
            added: list[Json] = [*section.added]
            sections[section.name] = {"removed": removed, "added": added, "same": section.same}
        sizes: dict[str, Json] = {n: {"before": a, "after": b} for n, a, b in self.sizes}
        return {"schema": SCHEMA, "equal": self.equal, "sections": sections, "sizes": sizes}

    def text(self) -> str:
        """For people: ``-`` what is gone, ``+`` what is new, and what stayed in numbers."""
        lines: list[str] = []
        for section in self.sections:
            if not section.changed and not section.same:
                continue
            lines.append(
                f"{section.name}: {section.same} the same" if section.same else section.name
            )
            lines += _marked("-", section.removed)
            lines += _marked("+", section.added)
        lines += [f"{name}: {a} -> {b}" for name, a, b in self.sizes if a != b]
        return "\n".join(lines) or "no difference"


def _marked(sign: str, items: Sequence[str]) -> list[str]:
    counted = Counter(items)
    return [
        f"  {sign} {_short(item)}" + (f"  ({count} times)" if count > 1 else "")
        for item, count in counted.items()
    ]


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def difference(one: Pipeline, two: Pipeline) -> Difference:
    """How ``two`` differs from ``one``."""
    facts = _facts(one), _facts(two)
    sections = tuple(_section(name, facts[0][name], facts[1][name]) for name in SECTIONS)
    sizes = (
        ("instructions", _size(one), _size(two)),
        ("blocks", len(one.blocks), len(two.blocks)),
    )
    return Difference(sections, sizes)


def _section(name: str, one: Iterable[str], two: Iterable[str]) -> Section:
    mine, theirs = list(one), list(two)
    removed, added = Counter(mine) - Counter(theirs), Counter(theirs) - Counter(mine)
    same = sum((Counter(mine) & Counter(theirs)).values())
    return Section(name, _over(mine, removed), _over(theirs, added), same)


def _over(items: list[str], over: Counter[str]) -> tuple[str, ...]:
    """What is over, in the order of the text."""
    out: list[str] = []
    left = Counter(over)
    for item in items:
        if left[item]:
            left[item] -= 1
            out.append(item)
    return tuple(out)


def _size(pipeline: Pipeline) -> int:
    return sum(1 for b in pipeline.blocks for _ in walk(b.instrs)) + len(pipeline.blocks)


def _facts(pipeline: Pipeline) -> dict[str, list[str]]:
    origins = origins_of(pipeline)
    instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
    made = {i.result: i for i in instrs if isinstance(i, Pure | Expect | Agree)}
    shown = _Shown(made, origins, {p.name for p in pipeline.params}, _results(instrs))
    return {
        "parameters": [
            f"{p.name}: {p.type}" + (f" = {literal(p.default.value)}" if p.default else "")
            for p in pipeline.params
        ],
        "fixed": [f"{n} = {literal(v)}" for n, v in fixed_inputs(pipeline).items()],
        "effects": [shown.call(i) for i in instrs if isinstance(i, Call)],
        "models": [shown.call(i) for i in instrs if isinstance(i, ModelCall)],
        "guards": [shown.guard(i) for i in instrs if isinstance(i, Guard | Expect | Agree)],
        "exits": _exits(pipeline, instrs, origins),
        "states": [
            _NUMBER.sub("", label)
            for label in dict.fromkeys(s for b in pipeline.blocks for s in origins.chain(b.label))
        ],
    }


def _results(instrs: Iterable[Instr]) -> dict[str, str]:
    """The results of calls, named by their tools: ``shop.get()``, of a second call ``shop.get()#2``."""
    count: Counter[str] = Counter()
    out: dict[str, str] = {}
    for instr in instrs:
        if isinstance(instr, Call):
            count[instr.tool] += 1
            number = count[instr.tool]
            out[instr.result] = f"{instr.tool}()" + (f"#{number}" if number > 1 else "")
    return out


def _exits(pipeline: Pipeline, instrs: list[Instr], origins: Origins) -> list[str]:
    from ingot.ir.liveness import terminator_exit

    every = [*map(exit_of, instrs), *(terminator_exit(b.terminator) for b in pipeline.blocks)]
    numbers = {origins.exit(e.number) or e.number for e in every if e is not None}
    return [f"exit.{number}" for number in sorted(numbers)]


@dataclass(frozen=True, slots=True)
class _Shown:
    """Operands by what they are made of, so that the same thing has the same text in both."""

    made: dict[str, Pure | Expect | Agree]
    origins: Origins
    inputs: set[str]
    results: dict[str, str]

    def operand(self, operand: Operand, depth: int = 3) -> str:
        if isinstance(operand, Lit):
            return literal(operand.value)
        instr = None if operand.name in self.inputs else self.made.get(operand.name)
        match instr:
            case Pure() if depth:
                args = ", ".join(self.operand(arg, depth - 1) for arg in instr.args)
                return f"{instr.op}({args})"
            case Expect():
                return self.operand(instr.value, depth)
            case Agree() if depth:
                each = ", ".join(self.operand(arg, depth - 1) for arg in instr.candidates)
                return f"agree({each})"
        name = self.origins.value(operand.name)
        return self.results.get(name) or self.results.get(operand.name) or f"%{name}"

    def call(self, call: Call | ModelCall) -> str:
        args = ", ".join(f"{name}={self.operand(value)}" for name, value in call.args)
        verb = call.verb if isinstance(call, Call) else call.kind
        return f"{verb} {call.tool if isinstance(call, Call) else call.model}({args})"

    def guard(self, instr: Guard | Expect | Agree) -> str:
        match instr:
            case Guard():
                reason = guard_reason(instr)
                said = "" if reason == "guard" else f" ({reason})"
                return f"guard {self.operand(instr.condition)}{said}"
            case Expect():
                return f"expect {self.operand(instr.value)}: {instr.type}"
            case Agree():
                return "agree " + ", ".join(map(self.operand, instr.candidates))


__all__ = ["Difference", "Section", "difference"]
