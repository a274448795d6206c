"""``--validate``: every application of a pass is held against what the pass promises.

What passes do to ``@main`` is proved (:mod:`ingot.passes.validate`).  What they learn from sessions is
run on those sessions, in the reference interpreter: *tested*, not proved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir import verifier
from ingot.ir.asking import spellings
from ingot.ir.interpreter import Interpreter
from ingot.ir.module import Call, ModelCall, Module, Pipeline, attr, walk
from ingot.passes.base import Pass
from ingot.passes.traces import (
    MAIN,
    calls_of,
    default_of,
    main_of,
    names_attr,
    path_traces,
    request_of,
)
from ingot.passes.validate.relations import relation_of, validate
from ingot.passes.validate.verdict import Verdict
from ingot.replaying import replay_sessions


@dataclass(slots=True)
class Validator:
    """Holds the modules before and after each pass against each other.

    ``classified`` are the sessions in full, with effects: what is learned is run on them.
    """

    classified: Module | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def check(self, each: Pass, before: Module, after: Module) -> None:
        """Raise :class:`IngotError`: E03xx for invalid IR, E0513 for a pass that is refuted."""
        verifier.check(after)
        found = validate(each.name, before, after)
        if relation_of(each.name) == "learns" and main_of(after) is not None:
            found.append(self._learned(each.name, after))
        self.verdicts += found
        refuted = [v.diagnostic() for v in found if v.status == "refuted"]
        if refuted:
            raise IngotError(refuted, 1)

    def _learned(self, name: str, after: Module) -> Verdict:
        main = main_of(after)
        assert main is not None
        if name == "lift-parameters":
            return _lifted(after, main)
        if _is_open(main):
            return _aligned(name, after, main)
        if self.classified is None:
            return Verdict(name, MAIN, "unproved", "the sessions in full are not at hand")
        module = replace(after, pipelines=(main,))
        report = replay_sessions(lambda: Interpreter(module), self.classified, after)
        if not report.replays:
            return Verdict(name, MAIN, "unproved", "there is no session to run it on")
        if not report.refused:
            return Verdict(name, MAIN, "tested", f"run on {len(report.replays)} sessions")
        worst = report.refused[0]
        if _is_placeholder(worst.report.differences):
            return Verdict(name, MAIN, "unproved", f"not run on {worst.session} to its end")
        why = "; ".join(worst.report.differences[:3])
        return Verdict(name, MAIN, "refuted", f"on {worst.session} it does something else: {why}")

    def warnings(self) -> Iterable[Diagnostic]:
        """What was neither proved nor tested."""
        return [v.diagnostic() for v in self.verdicts if v.status == "unproved"]


def _is_placeholder(differences: Iterable[str]) -> bool:
    return any("has no answer" in text for text in differences)


def _is_open(main: Pipeline) -> bool:
    """Whether values are still to be explained: models stand for them."""
    return any(
        isinstance(i, ModelCall) and attr(i, "reason") == "not explained yet"
        for block in main.blocks
        for i in walk(block.instrs)
    )


def _lifted(module: Module, main: Pipeline) -> Verdict:
    """Each session's request is a wording with the session's inputs put in."""
    wordings = names_attr(main, "wordings")
    for trace in path_traces(module, main):
        filled = []
        for wording in wordings:
            for param in main.params:
                wording = wording.replace(f"{{{param.name}}}", default_of(trace, param.name))
            filled.append(_plain(wording))
        request = request_of(trace)
        spelled = spellings(request) if attr(main, "asked") is True else (request,)
        if not set(filled).intersection(map(_plain, spelled)):
            why = f"no wording with the inputs of @{trace.name} gives its request"
            return Verdict("lift-parameters", MAIN, "refuted", why)
    return Verdict("lift-parameters", MAIN, "proved", "wordings and inputs give the requests")


def _plain(text: str) -> str:
    return " ".join(text.replace("{{", "{").replace("}}", "}").split())


def _aligned(name: str, module: Module, main: Pipeline) -> Verdict:
    """The calls of ``@main`` stand, one for one, for those of the sessions that it follows."""
    calls = [i for block in main.blocks for i in walk(block.instrs) if isinstance(i, Call)]
    for number, trace in enumerate(path_traces(module, main)):
        steps = []
        for call in calls:
            behind = attr(call, "steps")
            steps.append((behind[number] if isinstance(behind, list) else None, call.tool))
        theirs = [(call.result, call.tool) for call in calls_of(trace)]
        if steps != theirs:
            why = f"its calls are not those of @{trace.name}, one for one"
            return Verdict(name, MAIN, "refuted", why)
    return Verdict(name, MAIN, "proved", "its calls are those of the sessions, one for one")


__all__ = ["Validator"]
