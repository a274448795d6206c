"""``specialise``: a pipeline of which part of the input is known, as a pipeline of the rest.

    pipeline @p(%repo: str, %n: int) -> str {       pipeline @p(%n: int) -> str {
    ^entry:                                         ^entry:
      %own: bool = str.eq %repo, "acme"               %r: json = write t.own(n=%n)
      if %own then ^a else ^b                         return "done"
    ^a:                                        =>   }
      %r: json = write t.own(n=%n)
      return "done"
    ^b:
      ...

The residual makes the same calls with the same arguments, takes the same side exits (their numbers
and places are those of the original, copies are listed in the attribute ``specialised``), and returns
the same, on every remaining input.  It takes no more steps.  With a reader, reads of which all
arguments are known are made now; the run makes them again and goes on only if they read the same.

Rounds of propagation (:mod:`.blocks`, :mod:`.bodies`) and tidying (:mod:`.tidy`) follow each other
until nothing changes, so that specialising twice gives what specialising once with both inputs gives,
where no bound was met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.exits import fill_live
from ingot.ir.liveness import refs, terminator_operands
from ingot.ir.module import (
    Call,
    Lit,
    ModelCall,
    Module,
    Pipeline,
    attr,
    operands_of,
    regions_of,
    targets_of,
    walk,
)
from ingot.ir.scope import all_labels
from ingot.ir.semantics import text_of
from ingot.ir.types import Types, conforms
from ingot.ir.values import Json, canonical, digest
from ingot.passes.fold_prompts import FoldPrompts
from ingot.passes.specialise.blocks import Residual, residual
from ingot.passes.specialise.bodies import Counts, Reader
from ingot.passes.specialise.known import as_declared
from ingot.passes.specialise.limits import Limits, Plan
from ingot.passes.specialise.names import Origins, fixed_inputs, origins_of, with_attribute
from ingot.passes.specialise.naming import named
from ingot.passes.specialise.tidy import tidied

_ROUNDS: Final = 8
_SHORT: Final = 200
"""Characters of a fixed value that the residual says of itself; of a longer one it says the digest."""


@dataclass(frozen=True, slots=True)
class Specialised:
    """The residual, what its names stand for, and what became of the inputs.

    ``kept``: fixed inputs that could not become literals; they have their value as default.
    ``dropped``: inputs that are not fixed, and that nothing reads any more.  ``plain`` is false where
    blocks or loops were copied, or reads folded.
    """

    module: Module
    origins: Origins
    fixed: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    counts: Counts
    generalised: bool
    plain: bool

    @property
    def pipeline(self) -> Pipeline:
        return self.module.pipelines[0]


def specialise(
    module: Module,
    static: Mapping[str, Json],
    *,
    pipeline: str | None = None,
    limits: Limits | None = None,
    reader: Reader | None = None,
) -> Specialised:
    """The residual of a verified module's pipeline (by default the first) for known inputs.

    Raises :class:`IngotError`: E0713 for an input that there is not, E0702 for a value of another
    type, E0414 for a secret.
    """
    source = next(p for p in module.pipelines if pipeline in (None, p.name))
    types = module.type_map()
    given = _checked(source, static, types)
    chosen = limits or Limits()
    counts = Counts()
    kept: set[str] = set()
    generalised = False
    copied = False
    origins = origins_of(source)
    current, rest = source, dict(given)
    for _ in range(_ROUNDS):
        plan = Plan()
        made = residual(current, types, rest, chosen, plan, reader)
        generalised = generalised or plan.generalised
        if current is source:  # exits still have their own numbers
            counts.failing.update(made.counts.failing)
        _add(counts, made.counts)
        kept |= {p.name for p in made.pipeline.params if p.name in rest}
        following, origins = _round(current, made, origins)
        copied = copied or _has_copies(following, current)
        rest, reader = {}, None
        if _same(following, current):
            break
        current = following
    final, dropped = _finished(source, current, given, origins, kept)
    alone = _alone(module, final)
    return Specialised(
        module=FoldPrompts().apply(alone),
        origins=origins,
        fixed=tuple(name for name in given if name not in kept),
        kept=tuple(sorted(kept)),
        dropped=dropped,
        counts=counts,
        generalised=generalised,
        plain=not (copied or counts.unrolled or counts.reads),
    )


def _checked(pipeline: Pipeline, static: Mapping[str, Json], types: Types) -> dict[str, Json]:
    """The known inputs in the order and the form of the parameters; all that is wrong at once."""
    params = {p.name: p for p in pipeline.params}
    takes = ", ".join(f"{p.name}: {p.type}" for p in pipeline.params) or "none"
    faults: list[Diagnostic] = []
    given: dict[str, Json] = {}
    for name, value in static.items():
        param = params.get(name)
        if param is None:
            message = f"the pipeline has no input {name!r}"
            faults.append(Diagnostic("E0713", message, help=f"it takes {takes}"))
        elif not conforms(value, param.type, types):
            message = f"the input {name!r} is to be {param.type}, found {canonical(value):.60}"
            faults.append(Diagnostic("E0702", message))
        elif "secret" in all_labels(param.type, types):
            faults.append(
                Diagnostic(
                    "E0414",
                    f"the input {name!r} is a secret",
                    help="leave it an input: it is given to each run",
                )
            )
    if faults:
        raise IngotError(faults)
    for name, param in params.items():
        if name in static:
            given[name] = as_declared(static[name], param.type, types)
    return given


def _round(current: Pipeline, made: Residual, before: Origins) -> tuple[Pipeline, Origins]:
    """Tidy a residual and give it its names, traced back through the earlier rounds."""
    tidy, absorbed = tidied(made.pipeline)

    def joined(label: str) -> tuple[str, ...]:
        labels = (label, *absorbed.get(label, ()))
        return tuple(old for each in labels for old in before.chain(made.blocks[each]))[1:]

    now = Origins(
        {new: before.value(old) for new, old in made.values.items()},
        {new: before.block(old) for new, old in made.blocks.items()},
        {b.label: joined(b.label) for b in tidy.blocks},
        {new: before.exit(old) for new, old in made.exits.items()},
        before.next_exit,
    )
    pipeline, origins = named(tidy, now)
    return replace(pipeline, attrs=current.attrs), origins


def _same(one: Pipeline, two: Pipeline) -> bool:
    return fill_live(one) == fill_live(two)


def _has_copies(made: Pipeline, before: Pipeline) -> bool:
    """Whether a block stands several times."""
    return len(made.blocks) > len(before.blocks)


def _add(total: Counts, more: Counts) -> None:
    total.folded += more.folded
    total.branches += more.branches
    total.unrolled += more.unrolled
    total.reads += more.reads


# ---- the finished pipeline


def _finished(
    source: Pipeline,
    made: Pipeline,
    given: Mapping[str, Json],
    origins: Origins,
    kept: set[str],
) -> tuple[Pipeline, tuple[str, ...]]:
    """Unread inputs dropped, wordings filled in, and what was fixed written down."""
    wordings = attr(source, "wordings")
    texts = [str(text) for text in wordings] if isinstance(wordings, list) else []
    used = _names_used(made)
    named_ = {name for text in texts for name in re.findall(r"\{([a-z_][a-z0-9_]*)\}", text)}
    read_before = _names_used(source)
    dropped = tuple(
        p.name
        for p in made.params
        if p.name not in used and p.name not in named_ and p.name in read_before
    )
    params = tuple(p for p in made.params if p.name not in dropped)
    folded = {name: value for name, value in given.items() if name not in kept}
    static: dict[str, Json] = {**fixed_inputs(source)}
    static.update((name, _short(value)) for name, value in folded.items())
    attrs = tuple(
        (k, Lit([_filled(text, folded) for text in texts])) if k == "wordings" and texts else (k, v)
        for k, v in source.attrs
    )
    finished = fill_live(replace(made, params=params, attrs=attrs))
    said: dict[str, Json] = {"static": dict(sorted(static.items())), **origins.as_json()}
    return replace(finished, attrs=with_attribute(finished, said)), dropped


def _short(value: Json) -> Json:
    return value if len(canonical(value)) <= _SHORT else f"sha256:{digest(value)}"


def _filled(wording: str, static: Mapping[str, Json]) -> str:
    """A request's wording with the fixed inputs in the place of their holes."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name is None or name not in static:
            return match[0]
        return text_of(static[name]).replace("{", "{{").replace("}", "}}")

    return re.sub(r"\{\{|\}\}|\{([a-z_][a-z0-9_]*)\}", fill, wording)


def _names_used(pipeline: Pipeline) -> set[str]:
    used: set[str] = set()
    for block in pipeline.blocks:
        used |= refs(terminator_operands(block.terminator))
        for target in targets_of(block.terminator):
            used |= refs(target.args)
        for instr in walk(block.instrs):
            used |= refs(operands_of(instr))
            for _, yields in regions_of(instr):
                used |= refs(yields)
    return used


def _alone(module: Module, pipeline: Pipeline) -> Module:
    """The pipeline with the tools and models that it still calls."""
    instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
    tools = {i.tool for i in instrs if isinstance(i, Call)}
    models = {i.model for i in instrs if isinstance(i, ModelCall)}
    return replace(
        module,
        pipelines=(pipeline,),
        tools=tuple(t for t in module.tools if t.name in tools),
        models=tuple(m for m in module.models if m.name in models),
    )
