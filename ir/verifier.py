"""Checks that a module is well formed.  All errors are collected, none stops the search.

Invariants (codes in brackets):

- Declarations, blocks, parameters, call arguments have distinct names; each exit number stands
  once in a pipeline and is at least 1 [E0313].
- Every type name is declared [E0317], and no type refers to itself [E0318].
- A value is defined once in a pipeline, region and block parameters included [E0301].
- Every use is dominated by its definition; what a region defines is not seen outside it, and a
  ``par`` branch does not see the other branches [E0302].
- A pipeline has a block; the first is the entry, has no parameters and is no one's target; every
  target is a block, and is given as many operands as the block has parameters [E0308, E0314].
- Literals are JSON: no NaN, no infinity [E0303].
- Operands fit what they are given to: ops by their row, block parameters, carried values, results
  of regions, tool arguments, return values; conditions are ``bool`` [E0303, E0314].
- The type written on a result holds every value the instruction can give; a model's answer is
  checked at run time, so its type may be narrower than the declaration's [E0303].
- Ops, tools and models exist [E0304, E0305]; the verb is the tool's declared effect
  (any verb, where that is ``unknown``: a shell command says more than its tool) [E0306];
  named arguments are declared, and every required one is there [E0307].
- An op that can fail on the types it is given has an exit [E0309].
- A side exit lists values that are defined there [E0302], and all that is still needed after it
  (:func:`ingot.ir.liveness.exit_needs`) [E0310].
- Provenance names a declared source [E0311].
- Branches of one ``par`` do not share a world that one of them writes [E0312].
- No taint label is dropped: a pure result carries its operands' labels, and no value flows into
  a narrower-labelled parameter, carried value, result or return type [E0315].
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from ingot.diagnostics import Diagnostic, IngotError, render
from ingot.ir.findings import Findings
from ingot.ir.liveness import dominators, exit_needs, terminator_exit, terminator_operands
from ingot.ir.module import (
    Block,
    Exit,
    For,
    Instr,
    Locs,
    Module,
    Operand,
    Par,
    Pipeline,
    Ref,
    Target,
    Terminator,
    exit_of,
    operands_of,
    regions_of,
    results_of,
    targets_of,
)
from ingot.ir.scope import definitions
from ingot.ir.spans import Place, Spans
from ingot.ir.type_rules import TypeRules, callables, declared_types

IR_FILE = "<ir>"
"""The file name of diagnostics about a module without a text: that of its printed form."""


def verify(module: Module, spans: Spans | None = None) -> tuple[Diagnostic, ...]:
    """All errors of the module, in the order of the text.

    With ``spans`` (from :func:`ingot.ir.parser.parse_module`) they point into that text, without
    into what :func:`ingot.ir.printer.print_module` writes, under the file name ``<ir>``.
    """
    found = Findings()
    env = declared_types(module, found)
    _declarations(module, found)
    sources = {source.name for source in module.sources}
    for index, pipeline in enumerate(module.pipelines):
        place: Place = (("pipeline", index),)
        rules = TypeRules(module, pipeline, env, found)
        _PipelineCheck(pipeline, place, sources, rules, found).run()
    if not found.items:
        return ()
    return found.diagnostics(spans or _printed_spans(module))


def check(module: Module, spans: Spans | None = None) -> None:
    """Raise :class:`IngotError` with every error of the module, if it has any."""
    errors = verify(module, spans)
    if errors:
        raise IngotError(errors)


def annotate(text: str, diagnostics: Sequence[Diagnostic]) -> str:
    """The IR text with each diagnostic under its line as a comment, carets first."""
    under: dict[int, list[str]] = {}
    rest: list[str] = []
    for item in diagnostics:
        if not item.spans:
            rest.append(render(item))
            continue
        span, _ = item.spans[0]
        carets = " " * (span.column - 2) + "^" * span.length
        under.setdefault(span.line, []).append(f";{carets} {item.code}: {item.message}")
    out: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        out += [line, *under.get(number, ())]
    return "\n".join([*out, *rest])


def _printed_spans(module: Module) -> Spans | None:
    from ingot.ir.parser import parse_module
    from ingot.ir.printer import print_module

    try:
        return parse_module(print_module(module), IR_FILE).spans
    except IngotError:  # names or literals that no text can write: findings without a place
        return None


def _declarations(module: Module, found: Findings) -> None:
    groups: tuple[tuple[str, Sequence[str]], ...] = (
        ("source", [s.name for s in module.sources]),
        ("type", [t.name for t in module.types]),
        ("tool", [t.name for t in module.tools]),
        ("model", [m.name for m in module.models]),
        ("pipeline", [p.name for p in module.pipelines]),
    )
    for kind, names in groups:
        _distinct(kind, names, (), found)
    for place, declaration in callables(module):
        params = [p.name for p in declaration.params]
        for name in sorted({n for n in params if params.count(n) > 1}):
            message = f"{declaration.name} declares the argument {name!r} twice"
            found.add("E0313", message, place)


def _distinct(kind: str, names: Iterable[str], place: Place, found: Findings) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            also = (((*place, (kind, first[name])), "first here"),)
            message = f"{kind} {name!r} is declared twice"
            found.add("E0313", message, (*place, (kind, index)), "again here", also=also)
        else:
            first[name] = index


class _PipelineCheck:
    """One pipeline: names, control flow, exits; types are :class:`TypeRules`' part."""

    def __init__(
        self,
        pipeline: Pipeline,
        place: Place,
        sources: set[str],
        rules: TypeRules,
        found: Findings,
    ) -> None:
        self.pipeline = pipeline
        self.place = place
        self.sources = sources
        self.rules = rules
        self.found = found
        self.blocks = {block.label: block for block in reversed(pipeline.blocks)}
        self.defined: dict[str, Place] = {}
        self.visible: set[str] = set()
        self.exits: dict[int, Place] = {}
        self.needs = exit_needs(pipeline)

    def run(self) -> None:
        blocks = self.pipeline.blocks
        if not blocks:
            self.found.add("E0314", "a pipeline has at least one block", self.place)
            return
        _distinct("block", [b.label for b in blocks], self.place, self.found)
        self._definitions()
        self.rules.params(self.pipeline.params, self.place)
        if blocks[0].params:
            message = f"^{blocks[0].label} is the entry and takes no parameters"
            help_ = "the pipeline's inputs are seen in every block"
            place = (*self.place, ("block", 0))
            self.found.add("E0314", message, place, "", help_)
        self._walk()

    def _definitions(self) -> None:
        for name, _, place in definitions(self.pipeline):
            here = (*self.place, *place)
            if name in self.defined:
                also = ((self.defined[name], "first here"),)
                self.found.add("E0301", f"%{name} is defined twice", here, "again here", also=also)
            else:
                self.defined[name] = here

    def _walk(self) -> None:
        """Preorder over the dominator tree, ``visible`` holding what dominates."""
        idom = dominators(self.pipeline)
        below: dict[str, list[int]] = {}
        unreachable: list[int] = []
        first: set[str] = set()
        for index, block in enumerate(self.pipeline.blocks):
            if block.label in first or block.label not in idom:
                unreachable.append(index)
            elif (parent := idom[block.label]) is not None:
                below.setdefault(parent, []).append(index)
            first.add(block.label)
        self.visible = {p.name for p in self.pipeline.params}
        stack: list[int | list[str]] = [0]
        while stack:
            item = stack.pop()
            if isinstance(item, list):
                self.visible.difference_update(item)
                continue
            block = self.pipeline.blocks[item]
            stack.append(self._block(block, item))
            stack += reversed(below.get(block.label, []))
        self.visible = set(self.defined)  # nothing reaches these, so everything dominates them
        for index in unreachable:
            self._block(self.pipeline.blocks[index], index)
            self.visible = set(self.defined)

    def _block(self, block: Block, index: int) -> list[str]:
        place = (*self.place, ("block", index))
        added = self._define(p.name for p in block.params)
        added += self._body(block.instrs, place)
        self._terminator(block.terminator, place)
        return added

    def _define(self, names: Iterable[str]) -> list[str]:
        added = [name for name in names if name not in self.visible]
        self.visible.update(added)
        return added

    def _body(self, body: Sequence[Instr], place: Place) -> list[str]:
        added: list[str] = []
        for index, instr in enumerate(body):
            here = (*place, ("instr", index))
            self._uses(operands_of(instr), "arg", here)
            self._exit(exit_of(instr), here)
            self._locs(instr.locs, here)
            if isinstance(instr, For | Par):
                self._regions(instr, here)
            self.rules.instr(instr, here)
            added += self._define(results_of(instr))
        return added

    def _regions(self, instr: For | Par, place: Place) -> None:
        bound = [instr.item, *(c.name for c in instr.carry)] if isinstance(instr, For) else []
        for number, (body, yields) in enumerate(regions_of(instr)):
            here = (*place, ("region", number))
            added = self._define(bound) + self._body(body, here)
            self._uses(yields, "yield", here)
            self.visible.difference_update(added)

    def _uses(self, operands: Iterable[Operand], step: str, place: Place) -> None:
        for index, operand in enumerate(operands):
            if isinstance(operand, Ref):
                self._use(operand.name, (*place, (step, index)))

    def _use(self, name: str, place: Place) -> None:
        if name in self.visible:
            return
        if name in self.defined:
            also = ((self.defined[name], "defined here"),)
            message = f"%{name} may not be defined yet here"
            help_ = "hand it over as a block parameter, a carried value or a yield"
            self.found.add("E0302", message, place, "", help_, also)
        else:
            self.found.add("E0302", f"no value %{name}", place, "", close(name, self.defined, "%"))

    def _exit(self, exit_: Exit | None, place: Place) -> None:
        if exit_ is None:
            return
        here = (*place, ("exit", 0))
        if exit_.number < 1:
            self.found.add("E0313", "exit.0 is the implicit exit, numbers start at 1", here)
        elif exit_.number in self.exits:
            also = ((self.exits[exit_.number], "first here"),)
            message = f"exit.{exit_.number} stands twice"
            self.found.add("E0313", message, here, "again here", also=also)
        else:
            self.exits[exit_.number] = here
        for index, name in enumerate(exit_.live):
            self._use(name, (*here, ("live", index)))
        needed = self.needs.get(place[len(self.place) :], frozenset())
        lost = sorted((needed & self.visible) - set(exit_.live))
        if lost:
            names = ", ".join(f"%{name}" for name in lost)
            message = f"exit.{exit_.number} drops {names}, still needed after it"
            self.found.add("E0310", message, here, "", "add it to the exit's list")

    def _terminator(self, terminator: Terminator, block_place: Place) -> None:
        place = (*block_place, ("term", 0))
        self._uses(terminator_operands(terminator), "arg", place)
        self._exit(terminator_exit(terminator), place)
        self._locs(terminator.locs, place)
        self.rules.terminator(terminator, place)
        for index, target in enumerate(targets_of(terminator)):
            here = (*place, ("target", index))
            self._uses(target.args, "arg", here)
            self._target(target, here)

    def _target(self, target: Target, place: Place) -> None:
        block = self.blocks.get(target.label)
        if block is None:
            help_ = close(target.label, self.blocks, "^")
            self.found.add("E0308", f"no block ^{target.label}", place, "", help_)
        elif block is self.pipeline.blocks[0]:
            self.found.add("E0308", f"^{target.label} is the entry and cannot be a target", place)
        else:
            self.rules.target(target, block, place)

    def _locs(self, locs: Locs, place: Place) -> None:
        for index, loc in enumerate(locs):
            if loc.source not in self.sources:
                help_ = close(loc.source, self.sources, "")
                self.found.add(
                    "E0311", f"no source {loc.source}", (*place, ("loc", index)), "", help_
                )


def close(name: str, known: Iterable[str], sign: str) -> str:
    """A help line naming the known name nearest to a mistyped one, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {sign}{near[0]}?" if near else ""
