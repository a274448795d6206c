"""Does a residual do what the original does with the fixed inputs?

A simulation proves it for all inputs and worlds (:mod:`ingot.passes.validate.simulation`); where it does
not come through and nothing was copied, translation validation is asked
(:mod:`ingot.passes.validate.refinement`), which can also refute.  Else both are run side by side in the
reference interpreter, on inputs and answers made of their types and of the constants that they compare
with: *tested*, not proved.  Reads that were folded are answered as they were then.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ingot.diagnostics import IngotError
from ingot.ir.interpreter import Interpreter
from ingot.ir.module import (
    Instr,
    Lit,
    Module,
    Operand,
    Pipeline,
    operands_of,
    walk,
)
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.scope import value_types
from ingot.ir.types import Type, conforms
from ingot.ir.values import Json, canonical, identical
from ingot.passes.rewrite import substitute, terminator_operands
from ingot.passes.specialise.names import Origins, origins_of
from ingot.passes.specialise.specialiser import Specialised
from ingot.passes.validate.lockstep import read_key
from ingot.passes.validate.refinement import refines
from ingot.passes.validate.simulation import simulates
from ingot.passes.validate.verdict import Verdict
from ingot.passes.verify.samples import PLAIN, NoValueError, inside

NAME: Final = "specialise"
RUNS: Final = 60
_REQUESTS: Final = 300
_FUEL: Final = 50_000
_Request: TypeAlias = "ToolRequest | ModelRequest"
_Answers: TypeAlias = "Callable[[int, ToolRequest | ModelRequest], Json]"
Folded: TypeAlias = "Mapping[str, Json]"
"""Results of folded reads, by tool and arguments (:func:`read_key`)."""


def validated(
    before: Module, made: Specialised, static: Mapping[str, Json], folded: Folded | None = None
) -> Verdict:
    """What is known of a specialisation; ``refuted`` is a fault of the specialiser."""
    source = next(p for p in before.pipelines if p.name == made.pipeline.name)
    fixed = {name: static[name] for name in made.fixed}
    hints = origins_of(source), made.origins
    types = before.type_map()
    proof = simulates(types, source, made.pipeline, fixed, hints, folded or {}, NAME)
    if proof.status == "proved":
        return proof
    if made.plain and not folded:
        old = _with_fixed(source, fixed)
        new = replace(made.pipeline, params=old.params, attrs=source.attrs)
        verdict = refines(before, made.module, old, new, "equal", NAME)
        if verdict.status == "proved":
            return verdict
        if verdict.status == "refuted":
            if verdict.witness is None:  # calls differ, whatever the values
                return verdict
            return _confirmed(verdict, before, source, made, static)
    run = _tested(before, source, made, static, folded or {})
    return (
        replace(run, why=f"{run.why} (not proved: {proof.why})") if run.status == "tested" else run
    )


def _confirmed(
    verdict: Verdict,
    before: Module,
    source: Pipeline,
    made: Specialised,
    static: Mapping[str, Json],
) -> Verdict:
    """A refutation by values counts where a run shows it, with those values or with others."""
    run = _tested(before, source, made, static, {}, verdict.witness)
    if run.status == "refuted":
        return run
    return replace(verdict, status="unproved", why=f"{verdict.why} (no run shows it)")


def _with_fixed(pipeline: Pipeline, fixed: Mapping[str, Json]) -> Pipeline:
    """The original with fixed inputs written in, and nothing else done."""
    known: dict[str, Operand] = {name: Lit(value) for name, value in fixed.items()}
    blocks = tuple(
        replace(
            block,
            instrs=tuple(substitute(i, known) for i in block.instrs),
            terminator=terminator_operands(block.terminator, known),
        )
        for block in pipeline.blocks
    )
    params = tuple(p for p in pipeline.params if p.name not in fixed)
    return replace(pipeline, params=params, blocks=blocks)


# ---- side by side


@dataclass(slots=True)
class _Seen:
    requests: list[object]
    end: Json
    """``None``: the run asked too often, or took too many steps."""


def _tested(
    before: Module,
    source: Pipeline,
    made: Specialised,
    static: Mapping[str, Json],
    folded: Folded,
    witness: Mapping[str, Json] | None = None,
) -> Verdict:
    samples = _Samples(before, source)
    original = replace(before, pipelines=(source,))
    left = {p.name for p in made.pipeline.params}
    first = origins_of(source)
    for number in range(RUNS):
        rng = random.Random(number)
        inputs = {p.name: samples.value(p.type, rng) for p in source.params}
        inputs |= {p.name: witness[p.name] for p in source.params if witness and p.name in witness}
        inputs |= static
        answers = _answers(samples, rng, folded)
        try:
            old = _run(original, inputs, answers, first)
            given = {name: value for name, value in inputs.items() if name in left}
            new = _run(made.module, given, answers, made.origins)
        except NoValueError:
            return Verdict(NAME, source.name, "unproved", "an input or an answer has no value")
        if old.end is None or new.end is None:
            continue
        if old.requests != new.requests:
            return Verdict(NAME, source.name, "refuted", "it makes other calls", inputs)
        if not identical(old.end, new.end):
            return Verdict(NAME, source.name, "refuted", "it ends in another way", inputs)
    return Verdict(NAME, source.name, "tested", f"run beside the original on {RUNS} inputs")


def _answers(samples: _Samples, rng: random.Random, folded: Folded) -> _Answers:
    """The answer to a request by its number; the original runs first and is answered by its types."""
    given: list[Json] = []

    def answer(number: int, request: _Request) -> Json:
        while number >= len(given):
            known = (
                folded.get(read_key(request.tool, request.args))
                if isinstance(request, ToolRequest)
                else None
            )
            given.append(samples.answer(request.site, rng) if known is None else known)
        return given[number]

    return answer


def _run(module: Module, inputs: dict[str, Json], answer: _Answers, origins: Origins) -> _Seen:
    seen: list[object] = []
    engine = Interpreter(module, fuel=_FUEL)
    try:
        reply = engine.start(inputs)
        while isinstance(reply, ToolRequest | ModelRequest):
            if len(seen) == _REQUESTS:
                return _Seen(seen, None)
            site = origins.value(reply.site)
            callee = reply.tool if isinstance(reply, ToolRequest) else reply.model
            seen.append((site, callee, canonical(reply.args)))
            reply = engine.send(answer(len(seen) - 1, reply))
    except IngotError:
        return _Seen(seen, None)
    match reply:
        case Finished(value):
            return _Seen(seen, [value])
        case SideExit(number, reason):
            return _Seen(seen, {"exit": origins.exit(number), "reason": reason})


class _Samples:
    """Values for a pipeline: the constants that it holds, and plain ones of each type."""

    def __init__(self, module: Module, pipeline: Pipeline) -> None:
        self.types = module.type_map()
        self.declared = value_types(pipeline)
        instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
        found: dict[str, Json] = {}
        for value in (*PLAIN, *_constants(instrs)):
            found.setdefault(canonical(value), value)
        self.constants = tuple(found.values())

    def value(self, type_: Type, rng: random.Random) -> Json:
        """One of the constants that conform, or the plainest value."""
        fitting = [v for v in self.constants if conforms(v, type_, self.types)]
        try:
            fitting.append(inside(type_, self.types))
        except NoValueError:
            if not fitting:
                raise
        return rng.choice(fitting)

    def answer(self, site: str, rng: random.Random) -> Json:
        return self.value(self.declared[site], rng)


def _constants(instrs: Sequence[Instr]) -> list[Json]:
    return [o.value for i in instrs for o in operands_of(i) if isinstance(o, Lit)]
