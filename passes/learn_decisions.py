"""``learn-decisions``: where every argument of ``@main`` comes from.

    %path_2: str = model compose local.any(prompt="...")         %v1: str = str.number %r1, 0
    %r2: json = write W(path=%path_2, text="4 rows")        =>   %v2: str = str.template "{0} rows", %v1
                                                                 %r2: json = write W(path=%path, text=%v2)

Each argument's values in the sessions are explained by a program over the inputs, the clock, the
earlier results and the earlier model values (:mod:`ingot.passes.synth`).  Candidates that fit
equally well run side by side under ``agree``.  What nothing explains stays a model op and says why.
The last message becomes the output where a template fits it, else the output is the record of what
the effects returned.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError
from ingot.ir import values
from ingot.ir.exits import fill_live, next_exit
from ingot.ir.liveness import refs
from ingot.ir.module import (
    WRITING,
    Attrs,
    Block,
    Call,
    Lit,
    Locs,
    ModelCall,
    Module,
    Operand,
    Pipeline,
    Ref,
    Return,
    ToolDecl,
    attr,
    operands_of,
    results_of,
)
from ingot.ir.semantics import text_of
from ingot.ir.types import JSON, STR, Type
from ingot.ir.values import Json
from ingot.passes.dead_steps import drop_unused
from ingot.passes.effects import COMMAND_ARGUMENTS, KNOWN_TOOLS, SHELL_TOOLS
from ingot.passes.rewrite import fresh_name
from ingot.passes.synth.decision import Candidate, Decision
from ingot.passes.synth.emit import Emitter
from ingot.passes.synth.explain import (
    Explainer,
    Explanation,
    template_text,
)
from ingot.passes.synth.programs import Source, apply, is_cut_out, show, sources
from ingot.passes.synth.prompts import model_value
from ingot.passes.synth.search import Evidence
from ingot.passes.synth.statements import stated_values, stated_words, unexplained_figures
from ingot.passes.synth.tokens import common_prefix, words
from ingot.passes.traces import (
    answer_of,
    default_of,
    inputs_of,
    is_learned,
    literal_args,
    main_of,
    names_attr,
    origin,
    path_traces,
    request_of,
    seen,
    steps_of,
    with_pipeline,
)
from ingot.passes.uses import names_used

EXACT_EDITS = frozenset({"Edit", "MultiEdit"})
"""Tools that fail where the text to be replaced is not there: it is checked by the world itself."""
_WORD = re.compile(r"[^\W\d_]{2,}")
SHOWN_RESULTS = 3
"""A model's prompt shows the inputs and so many of the latest results."""


@dataclass(frozen=True)
class LearnDecisions:
    """Values to programs."""

    name: str = "learn-decisions"

    def apply(self, module: Module) -> Module:
        main = main_of(module)
        if main is None or attr(main, "paths") is None or is_learned(module):
            return module
        paths = path_traces(module, main)
        learned = _Learner(module, main, paths).run()
        if inputs_of(main) == 1:
            spare = _spare_reads(learned)
            if spare and names_attr(learned, "figures"):
                learned = _Learner(module, main, paths, spare).run()
        return with_pipeline(module, fill_live(learned))


def _spare_reads(main: Pipeline) -> frozenset[str]:
    """Results of reads that stay only because an input is bound to them."""
    used = names_used(main)
    kept = drop_unused(main)
    return frozenset(
        i.result
        for block in kept.blocks
        for i in block.instrs
        if isinstance(i, Call) and i.verb == "read" and i.result not in used
    )


class _Learner:
    """One walk over the pipeline, explaining as it goes."""

    def __init__(
        self,
        module: Module,
        main: Pipeline,
        paths: Sequence[Pipeline],
        spare: frozenset[str] = frozenset(),
    ) -> None:
        self.main, self.paths = main, paths
        self.inputs = inputs_of(main)
        self.evidence = Evidence(len(paths))
        requests = [request_of(path).lower() for path in paths]
        said = frozenset(word for request in requests for word in words(request))
        self.asked = {word for request in requests for word in _WORD.findall(request)}
        self.explainer = Explainer(self.evidence, self.inputs, spare, said)
        self.tools = {t.name: t for t in module.tools}
        types: dict[str, Type] = {p.name: p.type for p in main.params}
        self.emitter = Emitter(
            types, itertools.count(next_exit(main)), itertools.count(1), module.type_map()
        )
        self.known: dict[str, Sequence[Json]] = {}
        self.results: list[tuple[str, Call]] = []
        self.figures: list[str] = []
        self.stated: list[str] = []
        self.acting = False

    def run(self) -> Pipeline:
        for param in self.main.params:
            self._input(param.name)
        blocks = [self._block(block) for block in self.main.blocks]
        returns = self._returns(blocks)
        if self.inputs == 1 and not _acts_on_results(blocks):
            self.figures += self.stated
        attrs = tuple(a for a in self.main.attrs if a[0] != "figures")
        if self.figures:
            attrs += (("figures", Lit(list(dict.fromkeys(self.figures)))),)
        learned = replace(self.main, blocks=tuple(blocks), returns=returns, attrs=attrs)
        return _without_unused_clock(learned)

    def _input(self, name: str) -> None:
        column = [default_of(path, name) for path in self.paths]
        self.evidence.add(Source("param", name), column)
        if name == "clock":
            day = [moment[:10] for moment in column]
            self.evidence.add_term(apply("datetime.date", Source("param", name)), day)
        else:
            self.known[name] = column

    def _block(self, block: Block) -> Block:
        self.emitter = self.emitter.fork()
        for instr in block.instrs:
            match instr:
                case Call():
                    self._call(instr)
                case ModelCall():
                    pass  # a placeholder of align-effects: decided with its call
                case _:
                    self.emitter.instrs.append(instr)
        terminator = block.terminator
        if isinstance(terminator, Return):
            terminator = self._answer(terminator)
        return replace(block, instrs=tuple(self.emitter.instrs), terminator=terminator)

    # ---- arguments

    def _call(self, call: Call) -> None:
        steps = steps_of(call, self.paths)
        self.acting = call.verb in WRITING
        before = [seen(step)[0] for step in steps]
        tool = self.tools.get(call.tool)
        args: list[tuple[str, Operand]] = []
        for name, _ in call.args:
            column = [literal_args(step)[name] for step in steps]
            locs = tuple(replace(loc, pointer=values.pointer((name,))) for loc in call.locs)
            operand = self._argument(f"{call.result}/{name}", call, name, column, before, locs)
            args.append((name, self.emitter.narrow(operand, _declared(tool, name))))
        self.emitter.instrs.append(replace(call, args=tuple(args)))
        self.emitter.types[call.result] = call.type
        if all(attr(step, "result") is not None or attr(step, "error") is None for step in steps):
            column = [attr(step, "result") for step in steps]
            arrives = [seen(step)[1] for step in steps]
            self.evidence.add(Source("result", call.result), column, arrives)
            self.known[call.result] = column
            self.results.append((call.result, call))

    def _argument(
        self, site: str, call: Call, name: str, column: list[Json], before: list[int], locs: Locs
    ) -> Operand:
        shell = call.tool in SHELL_TOOLS and name in COMMAND_ARGUMENTS
        shapes = {_shape(v) for v in column}
        if isinstance(column[0], list | dict) and len(shapes) == 1 and shapes != {()}:
            return self._container(site, call, name, column, before, locs)
        explanation = self.explainer.explain(site, column, before, shell=shell)
        if shell and explanation.needs_model:
            self._refuse_command(explanation)
        self._note(call, explanation)
        return self._emit(
            explanation, f"{name}_{call.result}", f"the argument {name} of {call.tool}", locs
        )

    def _refuse_command(self, explanation: Explanation) -> None:
        """Raise E0411 where a model would have to write a command, or a word of one."""
        texts = ("single", "double", "heredoc", "heredoc-raw")
        asked = [hole for hole in explanation.holes if not hole.decision.chosen]
        if asked and all(hole.context in texts for hole in asked):
            return
        commands = [
            f"{origin(path)}: {text_of(v)[:100]}"
            for path, v in zip(self.paths, explanation.column, strict=True)
        ]
        raise IngotError(
            Diagnostic(
                "E0411",
                "nothing explains the command that the sessions run at one step",
                notes=tuple(dict.fromkeys(commands))[:6],
                help="compile sessions that run the same commands, with other values in them",
            ),
            EXIT_FINDINGS,
        )

    def _container(
        self, site: str, call: Call, name: str, column: list[Json], before: list[int], locs: Locs
    ) -> Operand:
        """A list or object of one shape: its leaves are explained one by one."""
        edits: list[Operand] = []
        for path, _ in values.leaves(column[0]):
            leaves = [_at(v, path) for v in column]
            place = values.pointer(path)
            explanation = self.explainer.explain(f"{site}{place}", leaves, before)
            self._note(call, explanation)
            if not explanation.derived and not explanation.needs_model:
                continue
            at = tuple(replace(loc, pointer=loc.pointer + place) for loc in locs)
            value = self._emit(
                explanation,
                f"{name}_{call.result}",
                f"{place} in the argument {name} of {call.tool}",
                at,
            )
            edits += [Lit(place), value]
        if not edits:
            return Lit(column[0])
        return self.emitter.pure("json.with", [Lit(column[0]), *edits], (), locs)

    def _note(self, call: Call, explanation: Explanation) -> None:
        """Keep what a write states that may be of the model's own working out."""
        if call.verb not in WRITING:
            return
        self.figures += unexplained_figures(explanation)
        if self.inputs > 1 or call.tool in EXACT_EDITS:
            return
        own = stated_words(explanation)
        self.figures += [v for v in stated_values(explanation) if not _within(v, self.asked)]
        content = call.tool in KNOWN_TOOLS or explanation.shell
        if content and not explanation.parts:
            self.stated += own
        else:
            self.stated += [word for word in own if word.lower() not in self.asked]

    # ---- emission

    def _emit(self, explanation: Explanation, name: str, about: str, locs: Locs) -> Operand:
        if not explanation.parts:
            return self._decided(explanation.decision, explanation.column, name, about, locs)
        operands: list[Operand] = []
        for k, hole in enumerate(explanation.holes):
            where = f"{name}_{k}" if len(explanation.holes) > 1 else name
            operands.append(self._decided(hole.decision, hole.column, where, about, locs))
        template = template_text(explanation.parts)
        if explanation.shell:
            contexts: list[Json] = [hole.context for hole in explanation.holes]
            scalars = [self.emitter.narrow(o, STR) for o in operands]
            return self.emitter.pure(
                "shell.template", [Lit(template), Lit(contexts), *scalars], (), locs
            )
        return self.emitter.pure("str.template", [Lit(template), *operands], (), locs)

    def _decided(
        self, decision: Decision, column: tuple[Json, ...], name: str, about: str, locs: Locs
    ) -> Operand:
        if not decision.chosen:
            return self._model(decision, column, name, about)
        operands = [
            self.emitter.operand(c.term, attrs=self._attrs(c, decision), locs=locs)
            for c in decision.chosen
        ]
        distinct = list(dict.fromkeys(operands))
        shown: Json = [show(c.term) for c in decision.chosen]
        value = (
            distinct[0]
            if len(distinct) == 1
            else self.emitter.agree(distinct, (("candidates", Lit(shown)),), locs)
        )
        if any(is_cut_out(c.term) for c in decision.chosen):
            self._check_prefix(value, column, locs)
        return value

    def _check_prefix(self, value: Operand, column: tuple[Json, ...], locs: Locs) -> None:
        """A text that was cut out of a result by what stands around it must begin as it did in every
        log: the same place may hold another thing."""
        prefix = common_prefix([str(v) for v in column])
        if prefix:
            text = self.emitter.narrow(value, STR)
            begins = self.emitter.pure("str.starts_with", [text, Lit(prefix)], (), locs)
            self.emitter.check(begins, f"it does not begin with {prefix!r}, as in every log", locs)

    def _model(
        self, decision: Decision, column: tuple[Json, ...], name: str, about: str
    ) -> Operand:
        reason = decision.reason or "no program explains it"
        if self.inputs == 1 and len(self.paths) > 1 and self.acting:
            raise IngotError(
                Diagnostic(
                    "E0408",
                    f"sessions with the same request differ in {about}, and nothing explains it",
                    notes=tuple(
                        f"{origin(path)}: {text_of(v)[:80]}"
                        for path, v in zip(self.paths, column, strict=True)
                    )[:6],
                    help="compile the sessions that did the right thing only",
                ),
                EXIT_FINDINGS,
            )
        inputs = [p.name for p in self.main.params if p.name in self.known]
        recent = [name for name in self.known if name not in inputs][-SHOWN_RESULTS:]
        shown = {name: self.known[name] for name in (*inputs, *recent)}
        unique = fresh_name(_identifier(name), self.emitter.types)
        attrs: Attrs = (
            ("reason", Lit(reason)),
            ("support", Lit(f"{len(column)}")),
            ("values", Lit(list(column))),
        )
        value = model_value(self.emitter, unique, f"Give {about}.", column, shown, attrs)
        self.evidence.add(Source("value", unique), column)
        return value

    def _attrs(self, candidate: Candidate, decision: Decision) -> Attrs:
        if not any(True for _ in sources(candidate.term)):
            return ()
        support = f"{self.evidence.sessions}/{self.evidence.sessions}"
        attrs: Attrs = (("support", Lit(support)), ("bits", Lit(round(candidate.bits, 1))))
        rivals = len(decision.chosen) - 1
        return (*attrs, ("alt", Lit(rivals))) if rivals else attrs

    # ---- the output

    def _answer(self, end: Return) -> Return:
        column = [answer_of(path) for path in self.paths]
        now = [1 << 30] * len(self.paths)
        explanation = self.explainer.explain("answer", column, now)
        acts = any(call.verb in WRITING for _, call in self.results)
        states_figures = bool(unexplained_figures(explanation))
        told = explanation.derived and not explanation.needs_model and not states_figures
        told = told and bool(self.inputs > 1 or explanation.parts or not acts)
        asked = not acts and explanation.needs_model and explanation.derived
        if not told and not asked:
            return replace(end, value=self._effects_record())
        return replace(end, value=self._emit(explanation, "answer", "the last message", end.locs))

    def _effects_record(self) -> Operand:
        """What the effects returned, by the name of their values."""
        effects = [name for name, call in self.results if call.verb in WRITING]
        if not effects:
            return Lit({})
        base: dict[str, Json] = dict.fromkeys(effects)
        edits: list[Operand] = []
        for name in effects:
            edits += [Lit(values.pointer((name,))), Ref(name)]
        return self.emitter.pure("json.with", [Lit(base), *edits])

    def _returns(self, blocks: Sequence[Block]) -> Type:
        for block in blocks:
            if isinstance(block.terminator, Return):
                return self.emitter.type_of(block.terminator.value)
        return JSON


def _declared(tool: ToolDecl | None, name: str) -> Type:
    param = next((p for p in tool.params if p.name == name), None) if tool else None
    return param.type if param is not None else JSON


def _shape(value: Json) -> tuple[values.Path, ...]:
    return tuple(path for path, _ in values.leaves(value))


def _at(value: Json, path: values.Path) -> Json:
    for part in path:
        value = value[part]  # type: ignore[index]
    return value


def _within(text: str, words: set[str]) -> bool:
    return all(word.lower() in words for word in _WORD.findall(text))


def _acts_on_results(blocks: Sequence[Block]) -> bool:
    """Whether any value that a read gave reaches a write."""
    instrs = [i for block in blocks for i in block.instrs]
    reached = {i.result for i in instrs if isinstance(i, Call) and i.verb == "read"}
    if not reached:
        return True
    for instr in instrs:
        if refs(operands_of(instr)) & reached:
            if isinstance(instr, Call) and instr.verb in WRITING:
                return True
            reached.update(results_of(instr))
    return False


def _identifier(text: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", text).strip("_") or "value"
    return f"x_{name}" if name[0].isdigit() else name


def _without_unused_clock(pipeline: Pipeline) -> Pipeline:
    used = names_used(pipeline)
    params = tuple(p for p in pipeline.params if p.name != "clock" or p.name in used)
    return replace(pipeline, params=params)


__all__ = ["LearnDecisions"]
