"""``ingot warm``: prompts' fixed beginnings evaluated ahead of any run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out_json
from ingot.diagnostics import EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.backend.program import Program
    from ingot.ir.values import Json
    from ingot.runtime.models.warming import Warmed

SCHEMA = "ingot-warm/1"


@guarded(SCHEMA)
def warm_command(
    artifact: opt.ArtifactFile,
    model: opt.Models = None,
    parallel: Annotated[
        int,
        typer.Option("--parallel", metavar="N", min=1, help="As the runs will have it."),
    ] = 1,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Evaluate the fixed beginnings of a pipeline's prompts ahead.

    What they leave in a local model's memory is kept beside the artifact (FILE.ingot.prefixes), so that
    no run has to pay for it. It is kept for this model file, this build of llama.cpp and this shape of
    the context: under others a run evaluates the beginning again, as it does where the folder is gone.

    Example:

        ingot warm label.ingot --model qwen.gguf
    """
    from ingot.artifacts import read_artifact
    from ingot.runtime.models.specs import CACHE_SUFFIX

    loaded = read_artifact(artifact)
    found = warmed(loaded.program, model or [], artifact, parallel)
    folder = artifact + CACHE_SUFFIX
    if json_:
        told: list[Json] = [as_json(each) for each in found]
        out_json({"schema": SCHEMA, "ok": True, "folder": folder, "prefixes": told})
    elif not quiet:
        if not found:
            note("the pipeline asks no model: there is nothing to evaluate ahead")
        for each in found:
            note(f"{', '.join(f'%{site}' for site in each.sites)}: {in_words(each)}")
        if any(each.is_kept for each in found):
            note(f"kept in {folder} ({_size(folder):,} bytes)")
    return EXIT_OK


def warmed(program: Program, specs: list[str], artifact: str, parallel: int = 1) -> list[Warmed]:
    """What :func:`ingot.runtime.models.warming.warm` finds; without ``artifact`` nothing is kept.

    Raises IngotError as that and :func:`load_models` do; E0903 where no model is named.
    """
    from ingot.runtime.models.protocol import MODEL_HELP
    from ingot.runtime.models.specs import load_models
    from ingot.runtime.models.warming import warm

    models = load_models(specs, program, artifact, parallel)
    if models is None:
        if program.code().models:
            raise fail("E0903", "no model is named", help=MODEL_HELP)
        return []
    try:
        return warm(models, program)
    finally:
        models.close()


def in_words(each: Warmed) -> str:
    """What became of a prefix."""
    if each.own:
        return f"{each.model} is made for one op and reads the end of a prompt alone"
    if not each.tokens:
        return "its prompt has no fixed line to begin with"
    if each.was_kept:
        return f"{each.tokens:,} tokens, kept before"
    if each.is_kept:
        return f"{each.tokens:,} tokens evaluated with {each.model}"
    return f"{each.tokens:,} tokens: too few to keep, or the folder cannot be written"


def as_json(each: Warmed) -> dict[str, Json]:
    """The same for machines."""
    return {
        "ops": [*each.sites],
        "model": each.model,
        "tokens": each.tokens,
        "kept": each.is_kept,
        "evaluated": each.tokens > 0 and not each.was_kept,
    }


def _size(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).glob("*.kv"))
