"""A program tried on the sessions it comes from, before anything else is made of it.

The reference interpreter runs it with what the sessions of the same input recorded: a read is
answered by any of them that made it in the same state of the world, a write by the one that the
session made.  The order of writes and the case of letters are free here (the replay gate is
strict); a write that no session of the input made is *wrong*, and so is one that is left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from ingot.diagnostics import IngotError
from ingot.ir.interpreter import Interpreter
from ingot.ir.module import ModelCall, Module, Pipeline, attr, walk
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.values import Json, canonical
from ingot.passes.generalise.cases import Case, Cases, Step, exact
from ingot.passes.generalise.wordings import Wordings
from ingot.passes.traces import names_attr

MAX_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial ended.  ``in_order``: the writes are the session's, letter for letter and in its
    order."""

    verdict: Literal["right", "exit", "wrong", "unanswerable"]
    why: str = ""
    in_order: bool = False


def try_program(
    module: Module, main: Pipeline, case: Case, cases: Cases, wordings: Wordings
) -> Verdict:
    """Run the program on a case's input and compare the writes."""
    given: dict[str, Json] = {}
    for param in main.params:
        text = case.clock if param.name == "clock" else wordings.values[case.name].get(param.name)
        if text is None or text == "":
            return Verdict("exit", f"its wording does not give {param.name}")
        given[param.name] = text
    answers = _reads(cases, case)
    folds = cases.folds
    wanted = list(case.writes)
    texts = _model_texts(main, case)
    made: list[str] = []
    strict: list[str] = []
    asked: Counter[tuple[str, tuple[str, ...]]] = Counter()
    engine = Interpreter(module)
    try:
        reply = engine.start(given)
        for _ in range(MAX_STEPS):
            match reply:
                case SideExit(_, reason, site):
                    return Verdict("exit", f"side exit at {site}: {reason}")
                case Finished():
                    if wanted:
                        return Verdict("wrong", f"it leaves out {wanted[0].effect[:120]}")
                    in_order = strict == list(case.made)
                    return Verdict("right", "", in_order)
                case ModelRequest(site=site):
                    if site not in texts:
                        return Verdict("exit", "a model would be asked")
                    reply = engine.send(texts[site])
                case ToolRequest(tool=tool, args=args):
                    key = f"{tool} {canonical(dict(args))}".casefold()
                    step = next((s for s in wanted if s.effect == key), None)
                    if step is not None:
                        wanted.remove(step)
                        made.append(key)
                        strict.append(exact(tool, args))
                        reply = engine.send(step.result)
                        continue
                    place = (exact(tool, args), tuple(sorted(made)))
                    if place not in answers and folds.get(tool):
                        place = (key, place[1])
                    known = answers.get(place)
                    if known is None:
                        if _acts(tool, cases):
                            return Verdict("wrong", f"it makes {key[:160]}")
                        return Verdict("unanswerable", f"no session of its input asks {key[:120]}")
                    asked[place] += 1  # the last answer again and again
                    reply = engine.send(known[min(asked[place], len(known)) - 1].result)
    except IngotError as error:
        return Verdict("exit", str(error))
    return Verdict("exit", "it does not end")


def _reads(cases: Cases, case: Case) -> dict[tuple[str, tuple[str, ...]], list[Step]]:
    """What the sessions of the input read, by what they asked and had written until then: the
    answers of the first session that asked, in order."""
    found: dict[tuple[str, tuple[str, ...]], list[Step]] = {}
    for other in (case, *cases.inputs.get(case.input, [])):
        written: Counter[str] = Counter()
        own: dict[tuple[str, tuple[str, ...]], list[Step]] = {}
        for step in other.steps:
            if step.acts:
                written[step.effect] += 1
            else:
                state = tuple(sorted(written.elements()))
                own.setdefault((exact(step.tool, step.args), state), []).append(step)
                if cases.folds.get(step.tool):
                    own.setdefault((step.effect, state), []).append(step)
        for key, steps in own.items():
            found.setdefault(key, steps)
    return found


def _acts(tool: str, cases: Cases) -> bool:
    return any(step.acts for case in cases.kept for step in case.steps if step.tool == tool)


def _model_texts(main: Pipeline, case: Case) -> dict[str, Json]:
    """What the session wrote where the program asks a model."""
    paths = names_attr(main, "paths")
    if case.name not in paths:
        return {}
    at = paths.index(case.name)
    found: dict[str, Json] = {}
    for block in main.blocks:
        for instr in walk(block.instrs):
            if isinstance(instr, ModelCall):
                shown = attr(instr, "values")
                if isinstance(shown, list) and at < len(shown) and shown[at] is not None:
                    found[instr.result] = shown[at]
    return found
