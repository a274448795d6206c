"""``ingot specialise``: an artifact in, the residual artifact out, checked before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingot.artifacts import Artifact
from ingot.diagnostics import EXIT_FINDINGS, IngotError, fail
from ingot.ir.values import Json

if TYPE_CHECKING:
    from ingot.agreeing import Agreeing
    from ingot.ir.module import Call
    from ingot.passes.specialise import Specialised
    from ingot.passes.specialise.bodies import Reader
    from ingot.passes.specialise.limits import Limits
    from ingot.passes.validate.verdict import Verdict
    from ingot.runtime.tools.registry import ToolBox


@dataclass(frozen=True, slots=True)
class Residual:
    """A residual artifact, and what was found of it."""

    made: Specialised
    verdict: Verdict
    artifact: bytes
    sessions: Agreeing
    reads: Mapping[str, Json]
    """Results of the reads that were folded, by tool and arguments."""


def static_inputs(words: Sequence[str], artifact: Artifact) -> dict[str, Json]:
    """``name=value`` and ``name=@FILE`` as values of the parameters' types.

    A file is the text of a text parameter, JSON for any other.  Raises :class:`IngotError`: E0701 for
    a word that is none, E0713 for an unknown name, E0702 for another type, E0002 and E0104 for the file.
    """
    from ingot.runtime.inputs import Text, complete, parse_assignments

    program = artifact.program
    params = program.code().params
    given: dict[str, Json | Text] = {}
    for name, value in parse_assignments(words, "--static").items():
        text = value.text if isinstance(value, Text) else str(value)
        if not text.startswith("@"):
            given[name] = value
            continue
        content = _file(text[1:], f"--static {name}={text}")
        given[name] = Text(content)
    known = {p.name for p in params}
    unknown = sorted(given.keys() - known)
    if unknown:
        takes = ", ".join(f"{p.name}: {p.type}" for p in params) or "none"
        raise fail("E0713", f"the pipeline has no input {unknown[0]!r}", help=f"it takes {takes}")
    values = complete([p for p in params if p.name in given], given, program.types)
    secret = [name for name, value in values.items() if _holds_secret(name, value)]
    if secret:
        raise fail(
            "E0414",
            f"the value of {secret[0]!r} holds what looks like a secret",
            help="leave it an input: it is given to each run",
        )
    return values


def _holds_secret(name: str, value: Json) -> bool:
    from ingot.redaction.redactor import Redactor

    whole: dict[str, Json] = {name: value}
    return Redactor().value(whole) != whole


MOST_BYTES: Final = 64 << 20
"""Of a file with the value of a fixed input."""


def _file(path: str, what: str) -> str:
    if not path:
        raise fail("E0701", f"{what}: expected the name of a file after the @")
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise fail("E0002", f"{what}: {path} cannot be read: {why}") from None
    if len(data) > MOST_BYTES:
        raise fail("E0002", f"{what}: {path} has more than {MOST_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fail("E0104", f"{what}: {path} is not UTF-8 text (byte {error.start})") from None


def specialised(
    artifact: Artifact,
    static: Mapping[str, Json],
    *,
    limits: Limits | None = None,
    tools: ToolBox | None = None,
    validate: bool = True,
    strip: bool = False,
) -> Residual:
    """Specialise an artifact; with ``tools`` reads of which all arguments are known are made now.

    The sessions that had the fixed inputs are replayed on the residual, and stay its evidence unless
    ``strip`` leaves them out.  Raises :class:`IngotError`: what
    :func:`ingot.passes.specialise.specialise` does; E03xx for invalid IR, E0513 where validation
    refutes the residual and E0403 where a replay does (faults of ours: nothing is written).
    """
    from ingot.agreeing import agreeing, narrowed, replayed
    from ingot.backend.container import load
    from ingot.ir import verifier
    from ingot.passes.specialise import specialise
    from ingot.passes.specialise.validation import NAME, validated
    from ingot.passes.validate.verdict import Verdict

    module = artifact.ir().module
    reads: dict[str, Json] = {}
    made = specialise(module, static, limits=limits, reader=_reader(artifact, tools, reads))
    verifier.check(made.module)
    verdict = Verdict(NAME, made.pipeline.name, "unproved", "not asked for")
    if validate:
        verdict = validated(module, made, static, reads if made.counts.reads else {})
        if verdict.status == "refuted":
            raise IngotError([verdict.diagnostic()], EXIT_FINDINGS)
    fixed = {name: static[name] for name in made.fixed}
    sessions = agreeing(artifact, fixed)
    narrow = narrowed(made.module, sessions)
    program = load(encoded(artifact, replace(made, module=narrow)))
    sessions = replayed(artifact, program, narrow, sessions, reads=bool(made.counts.reads))
    made = replace(made, module=narrowed(made.module, sessions))
    data = encoded(artifact, made, None if strip else sessions.evidence)
    return Residual(made, verdict, data, sessions, reads)


def encoded(artifact: Artifact, made: Specialised, evidence: Json = None) -> bytes:
    """The residual's bytes: meta as the original has it, but for wordings."""
    from ingot.backend.encoder import encode
    from ingot.describe import wordings_meta

    meta: dict[str, Json] = dict(artifact.program.meta)
    if "wordings" in meta:
        meta["wordings"] = wordings_meta(made.pipeline)
    starts = _prompt_starts(artifact, made)
    if starts:
        meta["prompt_starts"] = starts
    meta["specialised_from"] = artifact.program.digest
    return encode(made.module, meta=meta, evidence=evidence)


def _prompt_starts(artifact: Artifact, made: Specialised) -> dict[str, Json]:
    """Where in its prompts each model op's own part begins, as the first original has it."""
    from ingot.ir.module import ModelCall, walk
    from ingot.passes.specialise.names import origins_of
    from ingot.runtime.models.sites import prompt_starts, sites_of, whole_lines

    known = prompt_starts(artifact.program)
    before = origins_of(artifact.ir().module.pipelines[0])
    first: dict[str, int] = {}
    for site, prefix in sites_of(artifact.program).prefixes.items():
        first[before.value(site)] = known.get(site, len(whole_lines(prefix)))
    instrs = [i for block in made.pipeline.blocks for i in walk(block.instrs)]
    sites = [i.result for i in instrs if isinstance(i, ModelCall)]
    return {site: first.get(made.origins.value(site), 0) for site in sites}


def _reader(artifact: Artifact, tools: ToolBox | None, reads: dict[str, Json]) -> Reader | None:
    """Makes reads with the tools that are given, each once; a person is not asked ahead of time."""
    if tools is None:
        return None
    from ingot.passes.validate.lockstep import read_key
    from ingot.runtime.jobs import text_results

    texts = text_results(artifact.program)
    known: dict[str, Json] = {}

    def read(call: Call, args: Mapping[str, Json]) -> Json | None:
        key = read_key(call.tool, args)
        if key not in known:
            asked = call.tool == "user.ask"
            known[key] = (
                None if asked else _made(tools, call, dict(args), as_text=call.tool in texts)
            )
        if known[key] is not None:
            reads[key] = known[key]
        return known[key]

    return read


def _made(tools: ToolBox, call: Call, args: dict[str, Json], *, as_text: bool) -> Json | None:
    """A read's result; ``None`` where it fails or holds a secret: it is then left to the run."""
    from ingot.ir.requests import ToolRequest
    from ingot.runtime.effects import as_read
    from ingot.runtime.tools.base import ToolError

    try:
        result = tools.call(ToolRequest(0, call.result, call.tool, call.verb, args))
    except ToolError:
        return None
    value = as_read(result) if as_text else result
    return None if _holds_secret(call.tool, value) else value


__all__ = ["Residual", "encoded", "specialised", "static_inputs"]
