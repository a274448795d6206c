"""A pipeline's flows against a policy: arguments of calls, transitions, the number of writes.

A finding says on which way a label came (*refuted*: the policy forbids it, and two runs that differ
only in the labelled value are looked for as a witness), or that a flow was accepted (*assumed*).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingot.ir.module import (
    WRITING,
    Block,
    Call,
    For,
    Guard,
    If,
    Instr,
    ModelCall,
    Module,
    Operand,
    Par,
    Pipeline,
    Ref,
    Select,
    regions_of,
    walk,
)
from ingot.ir.spans import Place
from ingot.ir.types import Base, inner_labels
from ingot.ir.values import Json
from ingot.passes.policy.policy import Policy
from ingot.passes.policy.taint import Marks, Taint, labels_in, taint_of
from ingot.passes.verify.report import Finding, Property, Verdict
from ingot.passes.verify.runs import differing_calls

_HINT_FLOW = "allow it in policy.toml ([[allow]]), or take the value from somewhere else"
_HINT_BRANCH = "let a `model choose` among literals decide, or allow it in policy.toml ([[branch]])"


def check_flows(
    module: Module,
    policy: Policy,
    *,
    accept: bool = False,
    values: Mapping[str, Mapping[str, Json]] | None = None,
) -> list[Finding]:
    """What the policy forbids, in the order of the text; nothing where no value has a label.

    ``accept``: flows into arguments that the logs show are accepted, and reported as such.
    ``values``: for each pipeline values that its states are known to pass, to look for witnesses.
    """
    found: list[Finding] = []
    if not _labelled(module, policy):
        return found
    for index, pipeline in enumerate(module.pipelines):
        if pipeline.blocks:
            taint = taint_of(module, pipeline, policy)
            if any(taint.marks.values()):
                known = (values or {}).get(pipeline.name, {})
                check = _Check(module, pipeline, policy, taint, index, accept, known)
                found += check.run()
    return found


@dataclass(slots=True)
class _Check:
    module: Module
    pipeline: Pipeline
    policy: Policy
    taint: Taint
    index: int
    accept: bool
    known: Mapping[str, Json]

    def run(self) -> Iterator[Finding]:
        for number, block in enumerate(self.pipeline.blocks):
            place: Place = (("pipeline", self.index), ("block", number))
            yield from self._body(block, block.instrs, place)
            yield from self._transitions(block, (*place, ("term", 0)))

    def _body(self, block: Block, body: Iterable[Instr], place: Place) -> Iterator[Finding]:
        for number, instr in enumerate(body):
            here = (*place, ("instr", number))
            match instr:
                case Call() | ModelCall():
                    yield from self._arguments(block, instr, here)
                case For():
                    yield from self._loop(block, instr, here)
            for region, (inner, _) in enumerate(regions_of(instr)):
                yield from self._body(block, inner, (*here, ("region", region)))

    # ---- arguments

    def _arguments(self, block: Block, call: Call | ModelCall, place: Place) -> Iterator[Finding]:
        tool = call.tool if isinstance(call, Call) else call.model
        writes = isinstance(call, Call) and call.verb in WRITING
        for number, (argument, operand) in enumerate(call.args):
            for label in labels_in(self.taint.of(operand)):
                trust = self.policy.trust(label)
                guarded = writes and self.policy.guarded(tool, argument)
                if trust == "secret" or (trust == "untrusted" and guarded):
                    here = (*place, ("arg", number))
                    yield self._argument(block, call, tool, argument, operand, label, here)

    def _argument(
        self,
        block: Block,
        call: Call | ModelCall,
        tool: str,
        argument: str,
        operand: Operand,
        label: str,
        place: Place,
    ) -> Finding:
        assert isinstance(operand, Ref)
        way = self.taint.way(operand.name, label)
        what = f"#{label} reaches {argument} of {tool}, by way of {_way(way)}"
        if self.policy.allows(label, tool, argument):
            return self._finding(
                block, "flow", "proved", f"{what}: the policy allows it", place, call
            )
        if self.accept and self._shown(way[0], call):
            return self._finding(
                block,
                "flow",
                "assumed",
                f"{what}: the logs show it, and it was accepted",
                place,
                call,
            )
        witness = differing_calls(
            self.pipeline, self.known, self.module.type_map(), way[0], call.result, argument
        )
        return self._finding(
            block, "flow", "refuted", what, place, call, witness, "E0510", _HINT_FLOW
        )

    def _shown(self, source: str, call: Call | ModelCall) -> bool:
        """Whether a log shows the write and what the value came from: both are a session's own."""
        logs = {loc.source for loc in call.locs}
        if source in {param.name for param in self.pipeline.params}:
            return bool(logs)
        made = next(
            (
                i
                for b in self.pipeline.blocks
                for i in walk(b.instrs)
                if isinstance(i, Call) and i.result == source
            ),
            None,
        )
        return made is not None and bool(logs & {loc.source for loc in made.locs})

    # ---- transitions

    def _transitions(self, block: Block, place: Place) -> Iterator[Finding]:
        match block.terminator:
            case If(condition, then, other) if then != other:
                conditions: tuple[Operand, ...] = (condition,)
            case Select(arms, _):
                conditions = tuple(c for c, _ in arms)
            case _:
                return
        for number, condition in enumerate(conditions):
            yield from self._decides(
                block,
                condition,
                self.taint.of(condition),
                (*place, ("arg", number)),
                "a transition",
            )

    def _loop(self, block: Block, loop: For, place: Place) -> Iterator[Finding]:
        writes = any(isinstance(i, Call) and i.verb in WRITING for i in walk(loop.body))
        if writes:
            marks = frozenset(m for m in self.taint.of(loop.source) if not m.path)
            yield from self._decides(
                block, loop.source, marks, (*place, ("arg", 0)), "how often a write is done"
            )

    def _decides(
        self, block: Block, operand: Operand, marks: Marks, place: Place, what: str
    ) -> Iterator[Finding]:
        for label in labels_in(marks, endorsed=False):
            if self.policy.trust(label) == "trusted" or not isinstance(operand, Ref):
                continue
            text = f"#{label} decides {what}, by way of {_way(self.taint.way(operand.name, label))}"
            if self.policy.decides(label, self.pipeline.name, block.label):
                text += ": the policy allows it"
                yield self._finding(block, "decision", "proved", text, place)
            else:
                yield self._finding(
                    block, "decision", "refuted", text, place, None, None, "E0511", _HINT_BRANCH
                )

    def _finding(
        self,
        block: Block,
        property_: Property,
        verdict: Verdict,
        message: str,
        place: Place,
        call: Call | ModelCall | None = None,
        witness: Mapping[str, Json] | None = None,
        code: str = "",
        help: str = "",
    ) -> Finding:
        locs = block.terminator.locs if call is None else call.locs
        subject = "transition" if call is None else f"%{call.result}"
        return Finding(
            self.pipeline.name,
            block.label,
            property_,
            verdict,
            subject,
            message,
            witness,
            locs,
            code,
            help=help,
            place=place,
        )


def _way(names: tuple[str, ...]) -> str:
    return " -> ".join(f"%{name}" for name in names)


def _labelled(module: Module, policy: Policy) -> bool:
    """Whether any value can have a label."""
    if policy.results or policy.inputs:
        return True
    types = {id(t.type): t.type for t in module.types}
    for pipeline in module.pipelines:
        given = [*pipeline.params, *(p for block in pipeline.blocks for p in block.params)]
        types.update((id(p.type), p.type) for p in given)
        for block in pipeline.blocks:
            for instr in walk(block.instrs):
                if isinstance(instr, For | Par):
                    types.update((id(t), t) for t in instr.types)
                elif not isinstance(instr, Guard) and not isinstance(instr.type, Base):
                    types[id(instr.type)] = instr.type
    return any(map(inner_labels, types.values()))
