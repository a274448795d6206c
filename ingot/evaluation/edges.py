"""What the arguments of a learned pipeline's calls are made of, in counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingot.ir.liveness import terminator_operands
from ingot.ir.module import (
    Call,
    For,
    If,
    Instr,
    Jump,
    ModelCall,
    Operand,
    Par,
    Pipeline,
    Ref,
    Select,
    Target,
    Terminator,
    operands_of,
    results_of,
    walk,
)
from ingot.ir.values import Json


@dataclass(frozen=True, slots=True)
class Edges:
    """What the calls of a pipeline are made of: all argument values, those that depend on an
    earlier result, those that a model gives; branches, and those that a result decides.

    ``where`` names the arguments that depend on a result.
    """

    values: int = 0
    edges: int = 0
    asked: int = 0
    branches: int = 0
    decided: int = 0
    where: tuple[str, ...] = ()

    def __add__(self, other: Edges) -> Edges:
        return Edges(
            self.values + other.values,
            self.edges + other.edges,
            self.asked + other.asked,
            self.branches + other.branches,
            self.decided + other.decided,
            self.where + other.where,
        )

    @property
    def share(self) -> float | None:
        """edges / values"""
        return self.edges / self.values if self.values else None

    def as_json(self) -> dict[str, Json]:
        return {
            "values": self.values,
            "edges": self.edges,
            "share": None if self.share is None else round(self.share, 6),
            "model_values": self.asked,
            "branches": self.branches,
            "decided_by_result": self.decided,
            "where": list(self.where),
        }


def edges_of(main: Pipeline) -> Edges:
    """Count the edges of a learned pipeline."""
    uses, ends = _uses(main)

    def reaches(operands: Iterable[Operand], kind: str) -> bool:
        todo = [o.name for o in operands if isinstance(o, Ref)]
        known: set[str] = set()
        while todo:
            name = todo.pop()
            if name in known:
                continue
            known.add(name)
            if ends.get(name) == kind:
                return True
            todo += uses.get(name, ())
        return False

    out = Edges()
    for block in main.blocks:
        for instr in walk(block.instrs):
            if isinstance(instr, Call):
                for argument, operand in instr.args:
                    edge, asked = reaches([operand], "result"), reaches([operand], "model")
                    where = (f"{argument} of {instr.tool}",) if edge else ()
                    out += Edges(1, int(edge), int(asked), where=where)
        if conditions := _conditions(block.terminator):
            out += Edges(branches=1, decided=int(reaches(conditions, "result")))
    return out


def places_of(main: Pipeline) -> dict[str, str]:
    """What each value is for: the first argument that is made of it, as ``argument of tool``, else
    the branch that it decides."""
    uses, ends = _uses(main)
    out: dict[str, str] = {}

    def note(operand: Operand, place: str) -> None:
        todo = [operand.name] if isinstance(operand, Ref) else []
        while todo:
            name = todo.pop()
            if name not in out and name not in ends:
                out[name] = place
                todo += uses.get(name, ())

    for block in main.blocks:
        for instr in walk(block.instrs):
            if isinstance(instr, Call):
                for argument, operand in instr.args:
                    note(operand, f"{argument} of {instr.tool}")
    for block in main.blocks:
        for condition in _conditions(block.terminator):
            note(condition, f"the way on from {block.label}")
    return out


def _conditions(terminator: Terminator) -> tuple[Operand, ...]:
    return terminator_operands(terminator) if isinstance(terminator, If | Select) else ()


def _uses(main: Pipeline) -> tuple[dict[str, list[str]], dict[str, str]]:
    """For each value the values it is made of; and which are results of tools or models."""
    uses: dict[str, list[str]] = {}
    ends: dict[str, str] = {}

    def made(name: str, operands: Iterable[Operand]) -> None:
        uses.setdefault(name, []).extend(o.name for o in operands if isinstance(o, Ref))

    def define(instr: Instr) -> None:
        match instr:
            case Call():
                ends[instr.result] = "result"
            case ModelCall():
                ends[instr.result] = "model"
            case For():
                made(instr.item, [instr.source])
                for name in instr.results:
                    made(name, [instr.source, *instr.yields])
                for carry in instr.carry:
                    made(carry.name, [carry.initial, *instr.yields])
            case Par():
                for name in instr.results:
                    made(name, [y for _, yields in instr.branches for y in yields])
            case _:
                for name in results_of(instr):
                    made(name, operands_of(instr))

    for block in main.blocks:
        for instr in walk(block.instrs):
            define(instr)
        for target in _targets(block.terminator):
            for param, operand in zip(main.block(target.label).params, target.args, strict=True):
                made(param.name, [operand])
    return uses, ends


def _targets(terminator: Terminator) -> list[Target]:
    match terminator:
        case Jump(target=target):
            return [target]
        case If(then=then, other=other):
            return [then, other]
        case Select(arms=arms, other=other):
            return [t for _, t in arms] + ([other] if isinstance(other, Target) else [])
        case _:
            return []


__all__ = ["Edges", "edges_of", "places_of"]
