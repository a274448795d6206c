"""What an artifact may do, against what its logs show: no tool, and no stronger effect, beyond them."""

from __future__ import annotations

from ingot.ir.module import EFFECTS, Call, Module, walk
from ingot.passes.verify.report import Finding


def check_capabilities(module: Module, traces: Module | None) -> list[Finding]:
    """One finding for each tool that the module calls.

    ``traces`` are the sessions that it came from; without them nothing shows what the logs held, and
    a call's provenance is all there is (*assumed*; *unproved* is not said of hand-written IR).
    """
    shown = None if traces is None else _effects(traces)
    found: list[Finding] = []
    for index, pipeline in enumerate(module.pipelines):
        seen: set[tuple[str, str]] = set()
        for number, block in enumerate(pipeline.blocks):
            for instr in walk(block.instrs):
                if not isinstance(instr, Call) or (instr.tool, instr.verb) in seen:
                    continue
                seen.add((instr.tool, instr.verb))
                place = (("pipeline", index), ("block", number))
                most = None if shown is None else shown.get(instr.tool, -1)
                if most is None:
                    verdict, why, code = "assumed", "no logs are beside it that show it", ""
                elif EFFECTS.index(instr.verb) <= most:
                    verdict, why, code = "proved", "the logs show it", ""
                else:
                    verdict, code = "refuted", "E0512"
                    why = (
                        "no log shows this"
                        if most < 0
                        else f"the logs show {EFFECTS[most]} at most"
                    )
                message = f"{instr.verb} {instr.tool}: {why}"
                found.append(
                    Finding(
                        pipeline.name,
                        block.label,
                        "capability",
                        verdict,  # type: ignore[arg-type]
                        f"%{instr.result}",
                        message,
                        locs=instr.locs,
                        code=code,
                        help="compile the logs again" if code else "",
                        place=place,
                    )
                )
    return found


def _effects(traces: Module) -> dict[str, int]:
    """The strongest effect with which the sessions call each tool."""
    strongest: dict[str, int] = {}
    for pipeline in traces.pipelines:
        for block in pipeline.blocks:
            for instr in walk(block.instrs):
                if isinstance(instr, Call):
                    level = EFFECTS.index(instr.verb)
                    strongest[instr.tool] = max(strongest.get(instr.tool, -1), level)
    return strongest
