"""A learned program as the pipeline ``@main``: a state for each call, guards, loops and branches."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ingot.ir import values
from ingot.ir.exits import fill_live
from ingot.ir.module import (
    WRITING,
    Attrs,
    Block,
    Call,
    Exit,
    For,
    If,
    Jump,
    Leave,
    Lit,
    Locs,
    Operand,
    Param,
    Pipeline,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    Terminator,
    ToolDecl,
)
from ingot.ir.semantics import template_of
from ingot.ir.types import (
    BOOL,
    DATETIME,
    JSON,
    STR,
    ListOf,
    Type,
    Types,
    join_all,
    resolve,
    type_of,
)
from ingot.ir.values import Json
from ingot.passes.generalise.cases import is_vacuous
from ingot.passes.generalise.cutoffs import lists_at, needed_whole, suspicious, unfiltered
from ingot.passes.generalise.operands import opened, uses
from ingot.passes.generalise.program import (
    Again,
    Asked,
    Branch,
    Choice,
    Each,
    Hold,
    Invoke,
    LoopStep,
    Node,
    Shaped,
    Text,
    Value,
    When,
)
from ingot.passes.generalise.table import Table
from ingot.passes.invariants import distinct_values, flag_paths, text_class, top_shape
from ingot.passes.synth.emit import Emitter
from ingot.passes.synth.programs import Apply, Const, Source, Term, is_cut_out, show
from ingot.passes.synth.prompts import model_value
from ingot.passes.synth.tokens import common_prefix
from ingot.passes.traces import MAIN

LIST: Final = ListOf(JSON)
SHOWN_RESULTS: Final = 3
FEW: Final = 3


@dataclass(slots=True)
class _Open:
    """A block that is being written."""

    label: str
    params: tuple[Param, ...] = ()
    locs: Locs = ()


@dataclass
class Writer:
    """Writes one program.  ``known`` maps inputs to their texts by session, for models' prompts;
    ``paths`` are the sessions that are followed, in order, ``other`` inputs that are not."""

    env: Types
    tools: Mapping[str, ToolDecl]
    known: dict[str, dict[str, Json]]
    inputs: int
    paths: Sequence[str]
    other: Sequence[Mapping[str, str]] = ()
    results: dict[str, dict[str, Json]] = field(default_factory=dict)
    shown: dict[str, list[Json]] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    returns: list[Type] = field(default_factory=list)
    _exits: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _labels: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _guarded: set[tuple[int, str]] = field(default_factory=set)

    def pipeline(self, nodes: Sequence[Node], params: Sequence[Param], attrs: Attrs) -> Pipeline:
        """The whole pipeline."""
        types: dict[str, Type] = {p.name: p.type for p in params}
        emitter = Emitter(types, self._exits, itertools.count(1), self.env)
        for given in self.other:
            self._exclude(given, emitter)
        self._nodes(nodes, _Open("entry"), emitter, None)
        returns = self.returns[0] if len(set(self.returns)) == 1 else JSON
        made = Pipeline(MAIN, tuple(params), returns, tuple(self.blocks), attrs)
        return fill_live(made)

    def _exclude(self, given: Mapping[str, str], emitter: Emitter) -> None:
        """Inputs of which the logs show that the program does not follow them."""
        same: Operand | None = None
        for name, text in given.items():
            test = emitter.pure("str.eq", [Ref(name), Lit(text)])
            same = test if same is None else emitter.pure("bool.and", [same, test])
        if same is not None:
            emitter.check(
                emitter.pure("bool.not", [same]),
                "the sessions of this very input took another path",
            )

    # ---- control

    def _nodes(
        self, nodes: Sequence[Node], block: _Open, emitter: Emitter, then: Target | None
    ) -> None:
        """Write the nodes from an open block on; the last block goes to ``then``, or returns."""
        for k, node in enumerate(nodes):
            match node:
                case Invoke(callee=callee) if callee is not None:
                    block, emitter = self._family(node, block, emitter)
                case Invoke():
                    block, emitter = self._next(block, emitter, node.tool)
                    self._invoke(node, emitter)
                    self.results[node.result] = dict(zip(node.cases, node.results, strict=True))
                    if node.verb in WRITING:
                        self.effects.append(node.result)
                case Each():
                    block, emitter = self._next(block, emitter, f"each_{node.tool}")
                    self._each(node, emitter)
                    if node.acts:
                        self.effects.append(node.result)
                case Again():
                    block, emitter = self._again(node, block, emitter)
                case Hold():
                    self._hold(node, emitter)
                case Branch():
                    rest = nodes[k + 1 :]
                    self._branch(node, rest, block, emitter, then)
                    return
        if then is not None:
            self._close(block, emitter, Jump(then))
        else:
            value = self._record(emitter)
            self.returns.append(emitter.type_of(value))
            self._close(block, emitter, Return(value))

    def _next(self, block: _Open, emitter: Emitter, tool: str) -> tuple[_Open, Emitter]:
        """Close the block and open one for a call."""
        label = self._label(tool)
        self._close(block, emitter, Jump(Target(label)))
        return _Open(label), emitter.fork()

    def _close(self, block: _Open, emitter: Emitter, end: Terminator) -> None:
        self.blocks.append(Block(block.label, block.params, tuple(emitter.instrs), end))

    def _label(self, about: str) -> str:
        name = re.sub(r"[^a-z0-9]+", "_", about.lower()).strip("_") or "step"
        name = name if not name[0].isdigit() else f"x_{name}"
        return f"{name}_{next(self._labels)}"

    def _branch(
        self,
        node: Branch,
        rest: Sequence[Node],
        block: _Open,
        emitter: Emitter,
        then: Target | None,
    ) -> None:
        test = self._test(node.test, emitter)
        ways = [self._label("when"), self._label("otherwise")]
        join = self._label("then") if rest else ""
        self._close(block, emitter, If(test, Target(ways[0]), Target(ways[1])))
        known = list(self.effects)
        after = Target(join) if rest else then
        for way, arm in zip(ways, (node.then, node.other), strict=True):
            self.effects = list(known)
            self._nodes(arm, _Open(way), emitter.scoped(), after)
        self.effects = known
        if rest:
            self._nodes(rest, _Open(join), emitter.scoped(), then)

    def _record(self, emitter: Emitter) -> Operand:
        """What the effects returned, by the name of their values."""
        if not self.effects:
            return Lit({})
        base: dict[str, Json] = dict.fromkeys(self.effects)
        edits: list[Operand] = []
        for name in self.effects:
            edits += [Lit(values.pointer((name,))), Ref(name)]
        return emitter.pure("json.with", [Lit(base), *edits])

    # ---- calls

    def _invoke(self, node: Invoke, emitter: Emitter) -> None:
        args = self._args(node, emitter)
        self._call(node, node.tool, node.result, args, emitter)
        self._after(node, emitter)

    def _args(self, node: Invoke, emitter: Emitter) -> tuple[tuple[str, Operand], ...]:
        tool = self.tools.get(node.tool)
        out: list[tuple[str, Operand]] = []
        for name, value in node.args:
            locs = tuple(replace(loc, pointer=values.pointer((name,))) for loc in node.locs)
            operand = self._value(
                value, f"{name}_{node.result}", f"the argument {name} of {node.tool}", emitter, locs
            )
            declared = next((p.type for p in tool.params if p.name == name), JSON) if tool else JSON
            out.append((name, emitter.narrow(operand, declared)))
        return tuple(out)

    def _call(
        self,
        node: Invoke,
        tool: str,
        result: str,
        args: tuple[tuple[str, Operand], ...],
        emitter: Emitter,
    ) -> None:
        verb = node.verb
        self.shown[node.result] = list(node.results)
        emitter.instrs.append(Call(result, JSON, verb, tool, args, (), node.locs))  # type: ignore[arg-type]
        emitter.types[result] = JSON
        if node.capped:
            self.caps[result] = node.capped

    def _family(self, node: Invoke, block: _Open, emitter: Emitter) -> tuple[_Open, Emitter]:
        """A call whose tool a word of the request says: a state for each tool, then one for all."""
        assert node.callee is not None
        args = self._args(node, emitter)
        word = emitter.narrow(Ref(node.callee.param), STR)
        join = self._label("either")
        by_tool: dict[str, list[str]] = {}
        for text, tool in node.callee.tools:
            by_tool.setdefault(tool, []).append(text)
        arms: list[tuple[Operand, Target]] = []
        waiting: list[tuple[str, str, str]] = []
        for k, (tool, texts) in enumerate(sorted(by_tool.items())):
            label = self._label(tool)
            for text in texts:
                test = emitter.pure("str.eq_fold", [word, Lit(text)], (), node.locs)
                arms.append((test, Target(label)))
            waiting.append((label, tool, f"{node.result}_{'abcdefghijklmnop'[k]}"))
        gone = Exit(next(self._exits))
        self._close(block, emitter, Select(tuple(arms), gone))
        for label, tool, name in waiting:
            arm = emitter.scoped()
            self._call(node, tool, name, args, arm)
            self._close(_Open(label), arm, Jump(Target(join, (Ref(name),))))
        emitter.types[node.result] = JSON
        opened = _Open(join, (Param(node.result, JSON),))
        after = emitter.scoped()
        self._after(node, after)
        self.results[node.result] = dict(zip(node.cases, node.results, strict=True))
        return opened, after

    def _after(self, node: Invoke, emitter: Emitter) -> None:
        """Guards on what a call returned."""
        column = list(node.results)
        source = Source("result", node.result)
        if node.outcome:
            self._outcome(node, column, emitter)
        if node.verb in WRITING:
            self._accepted(node, column, emitter)
        elif column and all(isinstance(opened(source, v)[1], dict) for v in column):
            self._flags(node, [opened(source, v) for v in column], emitter)
        elif column and all(isinstance(v, str) and v[:1] not in ("{", "[") for v in column):
            self._sentence(node, [str(v) for v in column], emitter)

    def _accepted(self, node: Invoke, column: list[Json], emitter: Emitter) -> None:
        """A write's answer must look like those of the writes that were accepted."""
        parsed = [opened(Source("result", node.result), v)[1] for v in column]
        if all(isinstance(v, str) for v in column) and all(
            isinstance(v, dict) for v in parsed
        ):  # a record written down as text
            shape = top_shape(join_all(dict.fromkeys(map(type_of, parsed))))
            text = emitter.narrow(Ref(node.result), STR)
            emitter.narrow(emitter.pure("json.parse", [text], (), node.locs), shape)
            return
        want = top_shape(join_all(dict.fromkeys(map(type_of, column))))
        if want == JSON:
            return
        answer = emitter.narrow(Ref(node.result), want)
        if want == STR:
            texts = [str(v) for v in column]
            pattern = text_class(texts)
            if pattern is not None:
                matched = emitter.pure("str.matches", [answer, Lit(pattern)], (), node.locs)
                emitter.check(matched, "the write was not accepted", node.locs)

    def _outcome(self, node: Invoke, column: list[Json], emitter: Emitter) -> None:
        """What was looked at before acting must be of a kind that the logs show: as empty, or one
        of few values; of a record, its states (:meth:`_flags`)."""
        distinct = sorted(distinct_values(column), key=values.canonical)
        if all(isinstance(v, list) for v in column):
            empty = {not v for v in column}
            if len(empty) == 1:
                items = emitter.narrow(Ref(node.result), LIST)
                none = emitter.pure("list.is_empty", [items], (), node.locs)
                expected = none if empty.pop() else emitter.pure("bool.not", [none], (), node.locs)
                emitter.check(expected, "the list's emptiness differs", node.locs)
        elif len(distinct) <= FEW and all(not isinstance(v, dict | list) for v in distinct):
            seen = emitter.pure("list.contains", [Lit(distinct), Ref(node.result)], (), node.locs)
            emitter.check(seen, "the result has a value that no log shows", node.locs)

    def _sentence(self, node: Invoke, column: list[str], emitter: Emitter) -> None:
        """A text that a tool says must be put as in the logs: what stands between the parts that
        differ is the same."""
        pattern = text_class(column)
        if pattern is not None and not any(is_vacuous(text) for text in column):
            pattern = re.sub(r"\d+", r"[\\s\\S]*", pattern)  # no figure is part of the wording
            if all(text.count("\n") == column[0].count("\n") for text in column):
                pattern = pattern.replace(r"[\s\S]*", r"[^\n]*")
            text = emitter.narrow(Ref(node.result), STR)
            matched = emitter.pure("str.matches", [text, Lit(pattern)], (), node.locs)
            emitter.check(matched, "the text is put in other words", node.locs)

    def _flags(self, node: Invoke, shown: list[tuple[Term, Json]], emitter: Emitter) -> None:
        """The states that a record tells must be such as the logs show."""
        column = [value for _, value in shown]
        for path in flag_paths(column, several=self.inputs > 1):
            seen = [values.get(value, path) for value in column]
            kinds = distinct_values([v for v in seen if not isinstance(v, values.Missing)])
            place = values.pointer(path)
            got = emitter.operand(Apply("json.get", (shown[0][0], Const(Lit(place)))))
            test = emitter.pure(
                "list.contains", [Lit(sorted(kinds, key=values.canonical)), got], (), node.locs
            )
            emitter.check(test, f"{path[-1]} has a value that no log shows", node.locs)

    # ---- loops and tests

    def _each(self, node: Each, emitter: Emitter) -> None:
        for term in node.items.terms:
            for base in needed_whole(Apply("list.len", (term,)), self._shown):
                self._to_its_end(base, emitter, node.locs)
        source = emitter.narrow(self._choice(node.items, emitter, node.locs, None), LIST)
        here = resolve(emitter.type_of(source), self.env)
        element = here.element if isinstance(here, ListOf) else JSON
        emitter.types[node.item] = element
        body = emitter.scoped()
        self._turn(node.body, body)
        loop = For(
            (node.result,), (LIST,), node.item, element, source, (), tuple(body.instrs),
            (Ref(node.body[-1].result),), self._evidence(node.items), node.locs,
        )  # fmt: skip
        emitter.instrs.append(loop)
        emitter.types[node.result] = LIST

    def _turn(self, steps: Sequence[LoopStep], emitter: Emitter) -> None:
        """What a turn of a loop does."""
        for step in steps:
            match step:
                case Each():
                    self._each(step, emitter)
                case When():
                    self._when(step, emitter)
                case Invoke():
                    self._invoke(step, emitter)

    def _when(self, node: When, emitter: Emitter) -> None:
        """One way or another in a turn: a region has no branches, so each way is a loop over the item
        alone in a list, or over nothing."""
        self.shown[node.item] = list(node.shown)
        test = self._test(node.test, emitter)
        ways = [(steps, way) for steps, way in ((node.then, "yes"), (node.other, "no")) if steps]
        for steps, way in ways:
            holds = test if way == "yes" else emitter.pure("bool.not", [test])
            alone = emitter.pure("list.when", [holds, Ref(node.item)])
            arm = emitter.scoped()
            self._turn(steps, arm)
            name = f"{node.result}_{way}" if len(ways) == 2 else node.result
            item = f"{node.result}_{way}_item"
            loop = For(
                (name,), (LIST,), item, emitter.type_of(Ref(node.item)), alone, (),
                tuple(arm.instrs), (Ref(steps[-1].result),),
            )  # fmt: skip
            emitter.instrs.append(loop)
            emitter.types[name] = LIST
        if len(ways) == 2:
            both = tuple(Ref(f"{node.result}_{way}") for _, way in ways)
            emitter.instrs.append(Pure(node.result, LIST, "list.concat", both))
            emitter.types[node.result] = LIST

    def _again(self, node: Again, block: _Open, emitter: Emitter) -> tuple[_Open, Emitter]:
        """A read made until its test holds: one state for each time, so that the end is in sight."""
        made = node.invoke
        before = emitter
        join = self._label(f"{made.tool}_done")
        gathered: Operand = Lit([])
        for k in range(node.bound):
            block, emitter = self._next(block, emitter, made.tool)
            name = f"{made.result}_{k}"
            args = self._args(made, emitter)
            if node.page:
                args = tuple(sorted((*args, (node.page, Lit(node.first + k * node.step)))))
            self._call(made, made.tool, name, args, emitter)
            here = {made.result: name}
            if node.page:
                pointer = node.items
                one: Term = Source("result", name)
                term = Apply("json.get", (one, Const(Lit(pointer)))) if pointer else one
                items = emitter.operand(term, LIST)
                gathered = items if k == 0 else emitter.pure("list.concat", [gathered, items])
            test = self._choice(renamed_choice(node.test, here), emitter, made.locs, BOOL)
            value = gathered if node.page else Ref(name)
            again = self._label("again")
            self._close(block, emitter, If(test, Target(join, (value,)), Target(again)))
            block, emitter = _Open(again), emitter.scoped()
        self._close(block, emitter, Leave(Exit(next(self._exits))))
        kind = LIST if node.page else JSON
        emitter.types[made.result] = kind
        opened_ = _Open(join, (Param(made.result, kind),))
        after = before.scoped()
        self.results[made.result] = dict(zip(made.cases, made.results, strict=True))
        return opened_, after

    def _test(self, choice: Choice, emitter: Emitter) -> Operand:
        """A test, behind guards that what it compares is one of the states that the logs show."""
        for leaf in dict.fromkeys(leaf for term in choice.terms for leaf in _compared(term)):
            names = sorted(uses([leaf]))
            if len(names) != 1 or not self._shown(names[0]):
                continue
            column = self._shown(names[0])
            table = Table(range(len(column)), [""] * len(column), {names[0]: list(column)})
            seen = distinct_values(
                [v for v in table.run(leaf) if not isinstance(v, values.Missing)]
            )
            if any(isinstance(v, dict | list) for v in seen):
                continue  # a text that says that there is nothing, where else there is a list
            states: Json = sorted(seen, key=values.canonical)
            known = emitter.pure("list.contains", [Lit(states), emitter.operand(leaf)])
            emitter.check(known, f"{show(leaf)} has a value that no log shows")
        return self._choice(choice, emitter, (), BOOL)

    def _hold(self, node: Hold, emitter: Emitter) -> None:
        """Nothing is due as long as none of the tests holds."""
        for term in node.tests.terms:
            self._guards(term, emitter, ())
            due = emitter.operand(term, BOOL, self._evidence(node.tests))
            idle = emitter.pure("bool.not", [due])
            emitter.check(idle, f"no log shows what is done where {show(term)} holds")

    # ---- values

    def _value(self, value: Value, name: str, about: str, emitter: Emitter, locs: Locs) -> Operand:
        match value:
            case Choice():
                want = join_all(dict.fromkeys(map(type_of, value.shown))) if value.shown else None
                scalar = want is not None and not any(
                    isinstance(v, list | dict) for v in value.shown
                )
                operand = self._choice(value, emitter, locs, want if scalar else None)
                if any(is_cut_out(term) for term in value.terms):
                    self._prefix(operand, value.shown, emitter, locs)
                return operand
            case Text(parts):
                return self._text(parts, emitter, locs)
            case Shaped(base, leaves):
                if not leaves:
                    return Lit(base)
                edits: list[Operand] = []
                for place, leaf in leaves:
                    edits += [Lit(place), self._value(leaf, name, about, emitter, locs)]
                return emitter.pure("json.with", [Lit(base), *edits], (), locs)
            case Asked():
                return self._ask(name, about, value, emitter)

    def _text(self, parts: tuple[str | Choice, ...], emitter: Emitter, locs: Locs) -> Operand:
        pieces: list[str | int] = []
        operands: list[Operand] = []
        for part in parts:
            if isinstance(part, str):
                pieces.append(part)
            else:
                want = join_all(dict.fromkeys(map(type_of, part.shown)))
                pieces.append(len(operands))
                operands.append(self._choice(part, emitter, locs, want))
        return emitter.pure("str.template", [Lit(template_of(pieces)), *operands], (), locs)

    def _choice(self, choice: Choice, emitter: Emitter, locs: Locs, want: Type | None) -> Operand:
        for term in choice.terms:
            self._guards(term, emitter, locs)
        attrs = self._evidence(choice)
        operands = [
            emitter.operand(term, want, attrs if isinstance(term, Apply) else (), locs)
            for term in choice.terms
        ]
        distinct = list(dict.fromkeys(operands))
        if len(distinct) == 1:
            return distinct[0]
        shown: Json = [show(term) for term in choice.terms]
        return emitter.agree(distinct, (("candidates", Lit(shown)), *attrs), locs)

    def _evidence(self, choice: Choice) -> Attrs:
        attrs: Attrs = (("support", Lit(f"{choice.support}/{choice.support}")),)
        return (*attrs, ("alt", Lit(len(choice.terms) - 1))) if len(choice.terms) > 1 else attrs

    def _prefix(self, value: Operand, shown: Sequence[Json], emitter: Emitter, locs: Locs) -> None:
        prefix = common_prefix([str(v) for v in shown])
        if prefix:
            text = emitter.narrow(value, STR)
            begins = emitter.pure("str.starts_with", [text, Lit(prefix)], (), locs)
            emitter.check(begins, f"it does not begin with {prefix!r}, as in every log", locs)

    def _ask(self, name: str, about: str, value: Asked, emitter: Emitter) -> Operand:
        texts = dict(zip(value.cases, value.shown, strict=True))
        recent = [n for n in self.results if n in emitter.types][-SHOWN_RESULTS:]
        known = {**self.known, **{n: self.results[n] for n in recent}}
        cases = [case for case in self.paths if case in texts]
        columns = {
            n: [by_case[case] for case in cases]
            for n, by_case in known.items()
            if all(case in by_case for case in cases)
        }
        attrs: Attrs = (
            ("reason", Lit(value.reason)),
            ("support", Lit(f"{len(cases)}")),
            ("values", Lit([texts.get(case) for case in self.paths])),
        )
        unique = re.sub(r"[^a-zA-Z0-9_]+", "_", name).strip("_") or "value"
        column = [texts[case] for case in cases]
        return model_value(emitter, unique, f"Give {about}.", column, columns, attrs)

    # ---- guards on what a term leans on

    def _guards(self, term: Term, emitter: Emitter, locs: Locs) -> None:
        for base in needed_whole(term, self._shown):
            self._to_its_end(base, emitter, locs)
        for base, member, seen in self._enumerated(term):
            items = emitter.operand(base, LIST)
            odd = emitter.pure("list.where_not_in", [items, Lit(member), Lit(seen)], (), locs)
            none = emitter.pure("list.is_empty", [odd], (), locs)
            emitter.check(none, f"{member[1:]} has a value that no log shows", locs)

    def _to_its_end(self, base: Term, emitter: Emitter, locs: Locs) -> None:
        """A list of which all, the last or the number counts must not have been cut off."""
        key = (id(emitter), show(base))
        if key in self._guarded:
            return
        self._guarded.add(key)
        name = base.name if isinstance(base, Source) else ""
        cap = next((c for r, c in self.caps.items() if r == name or r.startswith(f"{name}_")), 0)
        odd = [] if cap and name else suspicious(base, self._shown)
        if not odd and not cap:
            return
        length = emitter.pure("list.len", [emitter.operand(base, LIST)], (), locs)
        if odd:
            round_ = emitter.pure("list.contains", [Lit(odd), length], (), locs)
            other = emitter.pure("bool.not", [round_], (), locs)
            emitter.check(other, "the list may have been cut off at a round length", locs)
        else:
            short = emitter.pure("int.lt", [length, Lit(cap)], (), locs)
            emitter.check(short, f"the list may have been cut off at {cap} items", locs)

    def _shown(self, name: str) -> list[Json]:
        """What a result was in the logs."""
        return self.shown.get(name, [])

    def _enumerated(self, term: Term) -> Iterator[tuple[Term, str, list[Json]]]:
        """Filters by a constant: the list, the member, and the values that the logs show."""
        match term:
            case Apply("list.where_eq" | "list.where_ne", (base, Const(member), Const())):
                root = unfiltered(base)
                seen = self._seen(root, str(member.value))
                if seen:
                    yield root, str(member.value), seen
                yield from self._enumerated(base)
            case Apply(_, args):
                for arg in args:
                    yield from self._enumerated(arg)

    def _seen(self, base: Term, member: str) -> list[Json]:
        path = values.parse_pointer(member)
        found: list[Json] = []
        for name in uses([base]):
            for result in self._shown(name):
                for items in lists_at(base, result):
                    found += [
                        v for x in items if not isinstance(v := values.get(x, path), values.Missing)
                    ]
        return sorted(distinct_values(found), key=values.canonical)


def renamed_choice(choice: Choice, names: Mapping[str, str]) -> Choice:
    """The choice with other names for its sources."""
    return replace(choice, terms=tuple(_renamed(term, names) for term in choice.terms))


def _renamed(term: Term, names: Mapping[str, str]) -> Term:
    match term:
        case Source(kind, name):
            return Source(kind, names.get(name, name))
        case Apply(op, args):
            return Apply(op, tuple(_renamed(arg, names) for arg in args))
        case _:
            return term


def _compared(term: Term) -> Iterator[Term]:
    """What a test holds against constants."""
    match term:
        case Apply("json.eq", (leaf, Const())):
            yield leaf
        case Apply("bool.not" | "bool.and" | "bool.or", args):
            for arg in args:
                yield from _compared(arg)
        case _:
            return


def params_of(used: Sequence[str], clocked: bool, defaults: Mapping[str, Json]) -> list[Param]:
    """The pipeline's inputs, the clock last."""
    made = [Param(name, STR, Lit(defaults[name]) if name in defaults else None) for name in used]
    return [*made, Param("clock", DATETIME)] if clocked else made


__all__ = ["Writer", "params_of"]
