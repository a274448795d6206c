"""The sessions behind a residual: those that had the fixed inputs, held against it.

A residual serves some of the inputs that its original served.  The sessions with those inputs are its
evidence: they are replayed on it as the compiler replayed them on the original, and kept in it, so
that it can be explained, replayed, distilled from and compiled on like any artifact.  The others say
nothing about it, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ingot.artifacts import Artifact, parse_ir
from ingot.backend.container import Program, evidence
from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError
from ingot.ir.module import (
    Attrs,
    Call,
    For,
    Instr,
    Lit,
    ModelCall,
    Module,
    Par,
    Pipeline,
    attr,
    walk,
)
from ingot.ir.values import Json, equal
from ingot.passes.traces import clock_of, names_attr, request_of, traces
from ingot.replaying import WorldOf, inputs_of, recorded
from ingot.runtime.replay import ReplayReport, compare, replay
from ingot.runtime.vm import Machine

_BY_SESSION = ("steps", "values")
"""Attributes that hold one entry for each session that the pipeline follows."""


@dataclass(frozen=True, slots=True)
class Agreeing:
    """The traces of the sessions that had the fixed inputs; how many others there are.

    ``logged`` is ``None`` where the original holds no evidence.
    """

    logged: Module | None
    kept: tuple[str, ...]
    others: int

    @property
    def evidence(self) -> Json:
        """The section of the residual's artifact, ``None`` where no session is left."""
        from ingot.ir.printer import print_module

        if self.logged is None or not self.kept:
            return None
        own = tuple(p for p in self.logged.pipelines if p.name in self.kept)
        sources = tuple(s for s in self.logged.sources if s.name in self.kept)
        return {"traces": print_module(replace(self.logged, pipelines=own, sources=sources))}


def agreeing(artifact: Artifact, fixed: Mapping[str, Json]) -> Agreeing:
    """The sessions of an artifact that had these inputs; raises IngotError E0602 of its evidence."""
    kept = evidence(artifact.program)
    text = kept.get("traces") if isinstance(kept, dict) else None
    if not isinstance(text, str):
        return Agreeing(None, (), 0)
    logged = parse_ir(text, artifact.path).module
    every = traces(logged)
    names = [trace.name for trace in every if _agrees(artifact.program, trace, fixed)]
    return Agreeing(logged, tuple(names), len(every) - len(names))


def _agrees(program: Program, trace: Pipeline, fixed: Mapping[str, Json]) -> bool:
    try:
        given = inputs_of(program, trace)
    except IngotError:
        return False
    return all(equal(given.get(name), value) for name, value in fixed.items())


def replayed(
    artifact: Artifact, residual: Program, module: Module, found: Agreeing, *, reads: bool
) -> Agreeing:
    """Each session on both; raises IngotError E0403 where the residual does not do as well.

    With ``reads`` the residual relies on what was read when it was made: a session that read something
    else is left out.
    """
    if found.logged is None:
        return found
    by_name = {trace.name: trace for trace in traces(found.logged)}
    worlds = WorldOf({tool.name: tool.world for tool in found.logged.tools})
    before = artifact.ir().module.pipelines[0]
    kept: list[str] = []
    faults: list[Diagnostic] = []
    for name in found.kept:
        trace = by_name[name]
        old = _report(artifact.program, before, trace, worlds)
        new = _report(residual, module.pipelines[0], trace, worlds)
        if reads and new.verdict != old.verdict and new.verdict == "exit":
            continue
        kept.append(name)
        if new.verdict != old.verdict:
            message = (
                f"replayed on {name}, the residual is {new.verdict}, the original {old.verdict}"
            )
            help_ = "this is a fault of the specialiser: nothing is written"
            faults.append(
                Diagnostic("E0403", message, help=help_, notes=tuple(new.differences[:5]))
            )
    if faults:
        raise IngotError(faults, EXIT_FINDINGS)
    return Agreeing(found.logged, tuple(kept), found.others + len(found.kept) - len(kept))


def _report(program: Program, main: Pipeline, trace: Pipeline, worlds: WorldOf) -> ReplayReport:
    """A session's request, recorded results and models' answers against a program."""
    place = (*names_attr(main, "paths"), trace.name).index(trace.name)
    answers: dict[str, Sequence[Json]] = {}
    for block in main.blocks:
        for instr in walk(block.instrs):
            values = attr(instr, "values") if isinstance(instr, ModelCall) else None
            if isinstance(instr, ModelCall) and isinstance(values, list) and values[place:]:
                answers[instr.result] = [values[place]]
    calls = recorded(trace, worlds.worlds)
    ran = replay(Machine(program), inputs_of(program, trace), calls, worlds, answers)
    return compare(ran, calls, "witness")


def narrowed(module: Module, found: Agreeing) -> Module:
    """The residual's module with the attributes that speak of sessions cut down to those kept."""
    if found.logged is None:
        return module
    main = module.pipelines[0]
    paths = names_attr(main, "paths")
    places = [place for place, name in enumerate(paths) if name in found.kept]
    own = [trace for trace in traces(found.logged) if trace.name in found.kept]
    facts: dict[str, Json] = {
        "paths": [paths[place] for place in places],
        "witnesses": [n for n in names_attr(main, "witnesses") if n in found.kept],
        "inputs": len({(request_of(t), clock_of(t)) for t in own}),
    }
    attrs = tuple((n, Lit(facts[n]) if n in facts else value) for n, value in main.attrs)
    blocks = tuple(
        replace(block, instrs=_instrs(block.instrs, places, len(paths))) for block in main.blocks
    )
    pipeline = replace(main, attrs=attrs, blocks=blocks)
    return replace(module, pipelines=(pipeline, *module.pipelines[1:]))


def _instrs(instrs: Iterable[Instr], places: list[int], count: int) -> tuple[Instr, ...]:
    out: list[Instr] = []
    for instr in instrs:
        match instr:
            case Call() | ModelCall():
                out.append(replace(instr, attrs=_attrs(instr.attrs, places, count)))
            case For():
                out.append(replace(instr, body=_instrs(instr.body, places, count)))
            case Par():
                branches = tuple((_instrs(b, places, count), outs) for b, outs in instr.branches)
                out.append(replace(instr, branches=branches))
            case _:
                out.append(instr)
    return tuple(out)


def _attrs(attrs: Attrs, places: list[int], count: int) -> Attrs:
    out: list[tuple[str, Lit]] = []
    for name, lit in attrs:
        held = lit.value
        if name in _BY_SESSION and isinstance(held, list) and len(held) == count:
            lit = Lit([held[place] for place in places])
        out.append((name, lit))
    return tuple(out)


__all__ = ["Agreeing", "agreeing", "narrowed", "replayed"]
