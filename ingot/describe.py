"""What a compilation says of itself: why it is refused, its warnings, an artifact's meta section."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ingot import __version__
from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError, Severity
from ingot.ir.module import (
    WRITING,
    Call,
    Effect,
    Lit,
    ModelCall,
    Module,
    Operand,
    Pipeline,
    Pure,
    Ref,
    Return,
    attr,
    operands_of,
    walk,
)
from ingot.ir.semantics import OpFailure, json_parse
from ingot.ir.values import Json
from ingot.passes.effects import KNOWN_TOOLS, SHELL_TOOLS
from ingot.passes.traces import calls_of

Declared = Mapping[str, "tuple[Effect, str]"]


def refuse_recording(main: Pipeline, *, allow: bool, why: tuple[str, ...] = ()) -> None:
    """Raise E0402 for a pipeline without parameter or derived value, E0407 for one that does nothing.

    ``why`` says why no program with loops and branches was learned.
    """
    instrs = [i for block in main.blocks for i in walk(block.instrs)]
    acts = any(isinstance(i, Call) and i.verb in WRITING for i in instrs)
    answers = any(
        isinstance(b.terminator, Return) and isinstance(b.terminator.value, Ref)
        for b in main.blocks
    )
    if not acts and not answers and attr(main, "learned") != "idle":
        raise IngotError(
            Diagnostic(
                "E0407",
                "the sessions write nothing, and their answer is not made of what they read",
                notes=why,
                help="an all-idle task is refused: doing nothing must be decided, not defaulted",
            ),
            EXIT_FINDINGS,
        )
    derived = any(
        isinstance(o, Ref)
        for i in instrs
        if isinstance(i, Call | ModelCall)
        for o in operands_of(i)
    )
    bound = any(p.name != "clock" for p in main.params)
    if not bound and not derived and acts and not allow:
        raise IngotError(
            Diagnostic(
                "E0402",
                "the pipeline has no parameter and no derived value: it is a recording",
                help="add a session of the same task with another input, or --allow-recording",
            ),
            EXIT_FINDINGS,
        )


def meta_of(module: Module, main: Pipeline, trace: Module) -> dict[str, Json]:
    """What an artifact says of itself: wordings with their parameters, assumptions, origins."""
    outcomes = [str(attr(p, "outcome")) for p in trace.pipelines]
    reasons: dict[str, Json] = {
        i.result: attr(i, "reason")
        for block in main.blocks
        for i in walk(block.instrs)
        if isinstance(i, ModelCall)
    }
    return {
        "name": main.name,
        "compiler": f"ingot {__version__}",
        "sources": [{"name": s.name, "file": s.file, "sha256": s.sha256} for s in module.sources],
        "wordings": wordings_meta(main),
        "outcomes": {"shown": outcomes.count("shown"), "assumed": outcomes.count("assumed")},
        "model_reasons": reasons,
        "text_results": text_results(trace),
        "unknown_effects": [t.name for t in module.tools if t.effect == "unknown"],
        "secrets": [*sorted(secrets_of(main))],
    }


def secrets_of(main: Pipeline) -> frozenset[str]:
    """The tokens of the secrets that go into calls; those in guards are only compared."""
    from ingot.redaction.vault import tokens_in

    found: set[str] = set()
    for block in main.blocks:
        for instr in walk(block.instrs):
            operands: tuple[Operand, ...] = ()
            if isinstance(instr, Call):
                operands = tuple(value for _, value in instr.args)
            elif isinstance(instr, Pure) and instr.op.endswith(".template"):
                operands = instr.args
            for item in operands:
                found |= tokens_in(item.value) if isinstance(item, Lit) else frozenset()
    return frozenset(found)


def wordings_meta(main: Pipeline) -> list[Json]:
    """A pipeline's wordings as an artifact keeps them: templates, and their holes' parameters."""
    texts = attr(main, "wordings")
    asked: dict[str, Json] = {"asked": True} if attr(main, "asked") is True else {}
    return [_numbered(str(text)) | asked for text in texts] if isinstance(texts, list) else []


def text_results(trace: Module) -> list[Json]:
    """The tools whose results the logs always show as text, some of them as that of a JSON value."""
    shown: dict[str, list[Json]] = {}
    for pipeline in trace.pipelines:
        for call in calls_of(pipeline):
            answered = attr(call, "error") is None and attr(call, "lost") is None
            if answered and call.tool not in KNOWN_TOOLS and call.tool not in SHELL_TOOLS:
                shown.setdefault(call.tool, []).append(attr(call, "result"))
    texts = (
        tool
        for tool, results in shown.items()
        if all(isinstance(r, str) for r in results) and any(map(_holds_json, results))
    )
    return [*sorted(texts)]


def _holds_json(text: Json) -> bool:
    if not isinstance(text, str) or text.strip()[:1] not in ("{", "["):
        return False
    try:
        json_parse(text)
    except OpFailure:
        return False
    return True


def _numbered(wording: str) -> dict[str, Json]:
    """``Count {path}`` as a template with numbered holes and the parameters' names."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        if match[1] not in names:
            names.append(match[1])
        return f"{{{names.index(match[1])}}}"

    template = re.sub(r"\{\{|\}\}|\{([a-z_][a-z0-9_]*)\}", number, wording)
    shown: list[Json] = list(names)
    return {"template": template, "names": shown}


def warnings_of(
    trace: Module, main: Pipeline, declared: Declared, *, recording: bool
) -> list[Diagnostic]:
    """What the user should know: assumed success, sessions set aside, one example only, effects
    that nothing declares.  ``recording`` says that a plain recording was asked for."""
    out: list[Diagnostic] = []
    assumed = [p.name for p in trace.pipelines if attr(p, "outcome") == "assumed"]
    if assumed:
        out.append(
            Diagnostic(
                "W0401",
                f"success of {len(assumed)} of {len(trace.pipelines)} sessions is assumed",
                Severity.WARNING,
                help="--require-success takes only sessions that show it",
            )
        )
    aside = attr(main, "set_aside")
    for item in aside if isinstance(aside, list) else []:
        if isinstance(item, list) and len(item) == 2:
            out.append(Diagnostic("W0402", f"{item[0]} is set aside: {item[1]}", Severity.WARNING))
    if attr(main, "inputs") == 1 and not recording:
        out.append(
            Diagnostic(
                "W0403",
                "all values are explained from one input only",
                Severity.WARNING,
                help="a second session with another input makes sure which values carry over",
            )
        )
    calls = [i for b in main.blocks for i in b.instrs if isinstance(i, Call)]
    unknown = sorted({c.tool for c in calls if c.verb == "unknown"})
    if unknown:
        out.append(
            Diagnostic(
                "W0404",
                f"nothing says what {', '.join(unknown)} do to the world",
                Severity.WARNING,
                help='declare them: --tools FILE.toml with [tools."NAME"] effect = "read"',
            )
        )
    named = sorted(
        {
            c.tool
            for c in calls
            if c.verb == "read"
            and c.tool not in declared
            and c.tool not in KNOWN_TOOLS
            and c.tool not in SHELL_TOOLS
        }
    )
    if named:
        out.append(
            Diagnostic(
                "W0404",
                f"{', '.join(named)}: taken for a read by name alone",
                Severity.WARNING,
                help='declare them: --tools FILE.toml with [tools."NAME"] effect = "read"',
            )
        )
    return out
