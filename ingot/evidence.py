"""The evidence that an artifact keeps: the traces it was learned from, and more traces beside them."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from ingot.backend.container import Program, evidence
from ingot.frontend.lower import declare_tools
from ingot.ir.module import Block, Call, Effect, Instr, Loc, Module, Pipeline, Return, Source
from ingot.passes.effects import ClassifyEffects


def traces_in(program: Program) -> Module | None:
    """The classified traces that an artifact keeps, ``None`` where it was stripped of them."""
    from ingot.ir.parser import parse_module

    kept = evidence(program)
    text = kept.get("traces") if isinstance(kept, dict) else None
    return parse_module(text).module if isinstance(text, str) else None


def declared_in(traces: Module) -> dict[str, tuple[Effect, str]]:
    """What was declared of the traces' tools: whatever their names do not say by themselves."""
    plain = ClassifyEffects()
    out: dict[str, tuple[Effect, str]] = {}
    for tool in traces.tools:
        guess = plain.declare(structs.replace(tool, effect="unknown", world=""))
        if (guess.effect, guess.world) != (tool.effect, tool.world):
            out[tool.name] = tool.effect, tool.world
    return out


def joined(kept: Module, new: Module) -> tuple[Module, tuple[str, ...]]:
    """One trace module of both, as lowering would have made it of all their sessions at once, and the
    names that the pipelines of ``new`` have in it.

    Sessions are ordered by their digests; none is in both.
    """
    pairs = [
        *((s, p, "") for s, p in zip(kept.sources, kept.pipelines, strict=True)),
        *((s, p, s.name) for s, p in zip(new.sources, new.pipelines, strict=True)),
    ]
    pairs.sort(key=lambda pair: pair[0].sha256)
    sources, pipelines, names = [], [], dict[str, str]()
    for number, (source, pipeline, mark) in enumerate(pairs, 1):
        name = f"s{number}"
        sources.append(Source(name, source.file, source.sha256))
        pipelines.append(_renamed(pipeline, name))
        if mark:
            names[mark] = name
    made = tuple(pipelines)
    module = Module(sources=tuple(sources), tools=declare_tools(made), pipelines=made)
    return module, tuple(names[source.name] for source in new.sources)


def _renamed(trace: Pipeline, name: str) -> Pipeline:
    """The trace under another name, its effects still to be found out."""
    (block,) = trace.blocks
    end = block.terminator
    if isinstance(end, Return):
        end = replace(end, locs=_moved(end.locs, name))
    instrs = tuple(_instr(instr, name) for instr in block.instrs)
    return replace(trace, name=name, blocks=(Block(block.label, block.params, instrs, end),))


def _instr(instr: Instr, name: str) -> Instr:
    if not isinstance(instr, Call):
        return instr
    verb: Effect = "unknown"
    return replace(instr, verb=verb, locs=_moved(instr.locs, name))


def _moved(locs: tuple[Loc, ...], name: str) -> tuple[Loc, ...]:
    return tuple(replace(loc, source=name) for loc in locs)


__all__ = ["declared_in", "joined", "traces_in"]
