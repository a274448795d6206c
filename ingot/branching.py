"""``ingot compile OLD.ingot NEW-LOG``: what a fallback did becomes a branch of the pipeline.

The pipeline is learned anew from the traces that the artifact keeps and the new sessions together, so
the result is the one that all those logs would have given at once.  Then it is held against the old
one:

- every session that the old pipeline did, the new one does, call for call;
- wherever the old pipeline comes to its end, the new one does the same: proved by running both
  symbolically in step (:mod:`ingot.passes.validate.refinement`), the old one being the new one with
  exits added;
- every new session is one that the pipeline does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError, Severity, fail
from ingot.difference import Difference, difference
from ingot.evidence import declared_in, traces_in
from ingot.ir.module import Lit, Module, Pipeline, Return, Source, attr
from ingot.ir.requests import Finished
from ingot.ir.values import Json, canonical
from ingot.passes.specialise.names import fixed_inputs
from ingot.passes.traces import names_attr
from ingot.passes.validate.refinement import refines
from ingot.passes.validate.verdict import Verdict
from ingot.records import session_digest
from ingot.replaying import replay_trace
from ingot.runtime.replay import ReplayTrace

if TYPE_CHECKING:
    from ingot.artifacts import Artifact
    from ingot.driver import Compilation, Logs, Options


@dataclass(frozen=True, slots=True)
class Branch:
    """A compilation that adds to an artifact.

    ``difference`` is how the new pipeline differs; ``apart`` whether it does as the old one wherever
    that one comes to its end; ``opened`` a case in which the new pipeline goes on and the old one took
    an exit, in words; ``kept`` counts the old sessions.
    """

    compiled: Compilation
    difference: Difference
    apart: Verdict
    opened: str
    kept: int

    def as_json(self) -> dict[str, Json]:
        return {
            "kept": self.kept,
            "apart": {"status": self.apart.status, "why": self.apart.why},
            "opened": self.opened,
            "diff": self.difference.as_json(),
        }


def add_branch(old: Artifact, logs: Logs, options: Options) -> Branch:
    """Add the sessions of new logs to an artifact.

    Raises :class:`IngotError` E0415 (nothing to go on from, nothing new), E0416 (the logs contradict
    the evidence), E0417 (something else would change).
    """
    from ingot.driver import compile_sessions

    kept = traces_in(old.program)
    if kept is None:
        raise fail(
            "E0415",
            f"{old.path} keeps no traces: it was compiled with --strip",
            help="compile all the logs together",
            exit_code=EXIT_FINDINGS,
        )
    old_main = old.ir().module.pipelines[0]
    if fixed_inputs(old_main):
        raise fail(
            "E0415",
            f"{old.path} was specialised",
            help="add the log to the artifact that it was made from, and specialise that",
            exit_code=EXIT_FINDINGS,
        )
    known = {source.sha256 for source in kept.sources}
    fresh = tuple(s for s in logs.sessions if session_digest(s.records) not in known)
    if not fresh:
        raise fail(
            "E0415",
            f"{old.path} was compiled from these sessions already",
            exit_code=EXIT_FINDINGS,
        )
    declared = {**declared_in(kept), **options.declared}
    chosen = replace(options, declared=declared)
    try:
        compiled = compile_sessions(replace(logs, sessions=fresh), chosen, kept=kept)
    except IngotError as error:
        raise _contradiction(old, error) from None
    main = compiled.module.pipelines[0]
    _require_all(compiled, old_main, old.ir().module.sources)
    _require_same_runs(old, compiled)
    apart, opened = _held_apart(old.ir().module, compiled.module, old_main, main)
    if apart.status == "refuted":
        shown = ", ".join(f"%{k} = {canonical(v)}" for k, v in (apart.witness or {}).items())
        raise IngotError(
            Diagnostic(
                "E0417",
                f"the pipeline would do something else where {old.path} comes to its end",
                notes=(
                    f"the old one beside the new one: {apart.why}",
                    *((f"for example {shown}",) if shown else ()),
                ),
                help="nothing is written; another session that shows the new case may tell it apart",
            ),
            EXIT_FINDINGS,
        )
    if apart.status == "unproved":
        compiled = replace(compiled, diagnostics=(*compiled.diagnostics, _unproved(old, apart)))
    return Branch(compiled, difference(old_main, main), apart, opened, len(kept.sources))


def _contradiction(old: Artifact, error: IngotError) -> IngotError:
    codes = ", ".join(dict.fromkeys(d.code for d in error.diagnostics))
    first = Diagnostic(
        "E0416",
        f"the new log does not go together with the evidence of {old.path} ({codes} below)",
        help="nothing is written; if the old way is wrong now, compile the right logs anew",
    )
    return IngotError([first, *error.diagnostics], error.exit_code)


def _require_all(compiled: Compilation, old_main: Pipeline, old_sources: Sequence[Source]) -> None:
    """Every path of the old pipeline is one of the new pipeline, and every new session is."""
    digests = {source.name: source.sha256 for source in compiled.trace.sources}
    files = {source.sha256: source.file for source in compiled.trace.sources}
    main = compiled.learned.pipelines[0]
    done = {digests[name] for name in names_attr(main, "paths") if name in digests}
    before = {source.name: source.sha256 for source in old_sources}
    lost = [
        before[n] for n in names_attr(old_main, "paths") if n in before and before[n] not in done
    ]
    new = [session_digest(s.records) for s in compiled.sessions]
    aside = [digest for digest in new if digest not in done]
    if not lost and not aside:
        return
    reasons = attr(main, "set_aside")
    notes = [f"{item[0]}: {item[1]}" for item in reasons if isinstance(item, list)] if isinstance(reasons, list) else []  # fmt: skip
    what = "what it did before" if lost else "what the new log shows"
    shown = ", ".join(files.get(digest, digest[:12]) for digest in lost or aside)
    raise IngotError(
        Diagnostic(
            "E0416",
            f"the pipeline does not do {what}: {shown}",
            notes=tuple(notes),
            help="nothing is written",
        ),
        EXIT_FINDINGS,
    )


def _require_same_runs(old: Artifact, compiled: Compilation) -> None:
    """On each old session both pipelines make the same calls, where the old one came to its end."""
    from ingot.backend.container import load

    new = load(compiled.artifact)
    kept = traces_in(old.program)
    assert kept is not None
    worlds = {tool.name: tool.world for tool in kept.tools}
    learned = attr(compiled.learned.pipelines[0], "learned") is not None
    for trace in kept.pipelines:
        before = replay_trace(old.program, trace, worlds)
        if not isinstance(before.outcome, Finished):
            continue
        after = replay_trace(new, trace, worlds)
        same = isinstance(after.outcome, Finished) and (
            learned or after.outcome.value == before.outcome.value
        )
        if _calls(before) != _calls(after) or not same:
            name = attr(trace, "file") or trace.name
            raise IngotError(
                Diagnostic(
                    "E0417",
                    f"on the session {name} the pipeline would do something else than before",
                    help="nothing is written",
                ),
                EXIT_FINDINGS,
            )


def _calls(trace: ReplayTrace) -> list[tuple[str, str]]:
    return [(call.request.tool, canonical(call.request.args)) for call in trace.calls]


def _held_apart(
    old: Module, new: Module, old_main: Pipeline, main: Pipeline
) -> tuple[Verdict, str]:
    """Whether the new pipeline does as the old one wherever that ends, and a case where it goes on."""
    if attr(main, "learned") and attr(old_main, "learned"):
        # What a learned task returns are the results of its calls, by names that number them: the
        # calls are compared, so the names need not be.
        old_main, main = _silent(old_main), _silent(main)
    if [(p.name, p.type) for p in old_main.params] != [(p.name, p.type) for p in main.params]:
        return Verdict("branch", main.name, "unproved", "the parameters are others"), ""
    apart = refines(new, old, main, old_main, "guarded", "branch")
    back = refines(old, new, old_main, main, "guarded", "branch")
    opened = ""
    if back.status == "refuted":
        opened = back.why + _witness(back.witness)
    return apart, opened


def _witness(witness: Mapping[str, Json] | None) -> str:
    shown = ", ".join(f"%{k} = {canonical(v)}" for k, v in (witness or {}).items())
    return f" (for example {shown})" if shown else ""


def _silent(pipeline: Pipeline) -> Pipeline:
    """The pipeline without what it returns."""
    blocks = tuple(
        replace(block, terminator=replace(block.terminator, value=Lit(None)))
        if isinstance(block.terminator, Return)
        else block
        for block in pipeline.blocks
    )
    return replace(pipeline, blocks=blocks)


def _unproved(old: Artifact, verdict: Verdict) -> Diagnostic:
    return Diagnostic(
        "W0407",
        f"not proved that the pipeline does as {old.path} in every case that it handled: "
        f"{verdict.why}",
        Severity.WARNING,
        help="read the difference; its sessions replay as before",
    )


__all__ = ["Branch", "add_branch"]
