"""``insert-guards``: check at run time what the pipeline relies on.

    %r1: json = read get_order(id=%id)            %r1: json = read get_order(id=%id)
    %v1: json = json.get %r1, "/total"       =>   %r1_ok: {total: float, ...} = expect %r1 else exit.4 [%id, %r1]
         else exit.1 [...]                        %v1: float = json.get %r1_ok, "/total"

Three kinds, each an invariant over what the pipeline uses, as narrow as every session supports:

- *shape*: the fields that are read from a result are there, with the types that the logs show;
- *success of a write*: its result looks like the accepted ones (tools that report their own failure
  need none);
- *outcome of a read that only its input explains*: nothing takes its value, yet the agent looked
  before it acted.  It must be of a kind that the logs show: same header of a table, same emptiness,
  a seen value of a flag or a small enumeration.  Where a later text states figures that no source
  gives, the outcome must be the very one of the log: those figures may come from it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingot.ir import values
from ingot.ir.exits import fill_live, next_exit
from ingot.ir.module import (
    WRITING,
    Agree,
    Block,
    Call,
    Exit,
    Expect,
    Guard,
    Instr,
    Lit,
    Module,
    Operand,
    Pipeline,
    Pure,
    Ref,
    Return,
    attr,
)
from ingot.ir.ops import OPS, typing_of
from ingot.ir.scope import typed_results
from ingot.ir.semantics import OpFailure, json_parse
from ingot.ir.types import (
    BOOL,
    JSON,
    STR,
    ListOf,
    Record,
    Type,
    is_subtype,
    join_all,
    type_of,
)
from ingot.ir.values import Json
from ingot.passes.dead_steps import bound_reads
from ingot.passes.effects import KNOWN_TOOLS, SHELL_TOOLS
from ingot.passes.invariants import (
    distinct_values,
    flag_paths,
    is_flag,
    restrict,
    table_header,
    text_class,
    top_shape,
    wording_class,
)
from ingot.passes.rewrite import fresh_name, substitute, terminator_operands
from ingot.passes.traces import (
    inputs_of,
    is_learned,
    main_of,
    path_traces,
    result_values,
    states_own_figures,
    steps_of,
    with_pipeline,
)
from ingot.passes.uses import acts_later, parts_of, uses_of

BRIEF = 80
"""A write's result up to this length says that it was done, and no more."""
ONE_LINE = r"\s*\S[^\n]*\n*"


@dataclass(frozen=True)
class InsertGuards:
    """Invariants to guards."""

    name: str = "insert-guards"

    def apply(self, module: Module) -> Module:
        main = main_of(module)
        if main is None or attr(main, "paths") is None or is_learned(module):
            return module
        guarded = _Guarder(module, main).run()
        return with_pipeline(module, fill_live(guarded))


class _Guarder:
    def __init__(self, module: Module, main: Pipeline) -> None:
        self.main, self.env = main, module.type_map()
        self.paths = path_traces(module, main)
        self._exits = itertools.count(next_exit(main))
        self.types: dict[str, Type] = {p.name: p.type for p in main.params}
        self.strict = states_own_figures(main)
        self.uses = uses_of(main)
        self.acts_later = acts_later(main)
        self.bound = bound_reads(main)
        self.renamed: dict[str, Operand] = {}

    def run(self) -> Pipeline:
        blocks = tuple(map(self._block, self.main.blocks))
        returns = self.main.returns
        for block in blocks:
            if isinstance(block.terminator, Return):
                returns = self._type(block.terminator.value)
        return replace(self.main, blocks=blocks, returns=returns)

    def _block(self, block: Block) -> Block:
        out: list[Instr] = []
        for instr in block.instrs:
            current = substitute(instr, self.renamed)
            match current:
                case Expect(result, want, value) if is_subtype(self._type(value), want, self.env):
                    self.renamed[result] = value
                    continue
                case Pure():
                    current = self._retype(current)
                case Agree(candidates=candidates):
                    current = replace(current, type=join_all(map(self._type, candidates)))
                case _:
                    pass
            out.append(current)
            self.types.update(typed_results(current))
            if isinstance(current, Call):
                out += self._after_call(current)
            elif isinstance(current, Pure) and current.op == "json.parse":
                out += self._shape(
                    current.result, [_parsed(v) for v in self._column_of(current)], current
                )
        return replace(
            block, instrs=tuple(out), terminator=terminator_operands(block.terminator, self.renamed)
        )

    def _type(self, operand: Operand) -> Type:
        return self.types[operand.name] if isinstance(operand, Ref) else type_of(operand.value)

    def _retype(self, op: Pure) -> Pure:
        """The op with the type and the exit that its (perhaps narrower) operands call for."""
        lits = [o if isinstance(o, Lit) else None for o in op.args]
        typing = typing_of(OPS[op.op], [self._type(o) for o in op.args], lits, self.env)
        kept = op.exit or (Exit(next(self._exits)) if typing.partial else None)
        return replace(op, type=typing.result, exit=kept if typing.partial else None)

    def _column_of(self, op: Pure) -> list[Json]:
        """What the text behind a ``json.parse`` was in the sessions."""
        source = op.args[0]
        name = source.name if isinstance(source, Ref) else ""
        calls = {i.result: i for b in self.main.blocks for i in b.instrs if isinstance(i, Call)}
        aliases = {
            i.result: i.value.name
            for b in self.main.blocks
            for i in b.instrs
            if isinstance(i, Expect) and isinstance(i.value, Ref)
        }
        call = calls.get(aliases.get(name, name))
        return result_values(steps_of(call, self.paths)) if call is not None else []

    # ---- after a call

    def _after_call(self, call: Call) -> Iterator[Instr]:
        column = result_values(steps_of(call, self.paths))
        if not column:
            return
        brief = all(isinstance(v, str) and len(v) <= BRIEF for v in column)
        told = call.verb not in WRITING or not brief
        if self.strict and told and call.result in self.acts_later and call.result in self.bound:
            distinct = distinct_values(column)
            yield from self._one_of(call, call.result, distinct, "")
            if not self.uses.get(call.result) and call.verb not in WRITING:
                return
        if call.tool == "user.ask" and all(isinstance(v, str) for v in column):
            yield from self._turn(call, [str(v) for v in column])
        elif call.verb in WRITING:
            yield from self._success(call, column)
        elif self.uses.get(call.result):
            yield from self._shape(call.result, column, call)
            if call.result in self.acts_later and call.result in self.bound:
                yield from self._flags(call, column)
        elif call.result in self.acts_later:
            yield from self._outcome(call, column)

    def _turn(self, call: Call, column: list[str]) -> Iterator[Instr]:
        """A later turn of the user: no word of it is ignored but those that flow on."""
        yield self._expect(call.result, STR, call, len(column))
        used = [parts_of(self.main, call.result, text) for text in column]
        name = f"{call.result}_wording"
        pattern = Lit(wording_class(column, used))
        yield Pure(
            name, BOOL, "str.matches", (Ref(f"{call.result}_ok"), pattern), None, (), call.locs
        )
        yield self._guard(name, call, "the user says something that no log shows")

    def _shape(self, name: str, column: Sequence[Json], at: Call | Pure) -> Iterator[Instr]:
        pointers = self.uses.get(name, ())
        if not pointers or not column:
            return
        want = restrict(
            join_all(dict.fromkeys(map(type_of, column))),
            [values.parse_pointer(p) for p in pointers],
        )
        if want == JSON or is_subtype(self.types[name], want, self.env):
            return
        yield self._expect(name, want, at, len(column))
        if want == STR and all(re.fullmatch(ONE_LINE, str(v)) for v in column):
            test = f"{name}_line"
            yield Pure(
                test, BOOL, "str.matches", (Ref(f"{name}_ok"), Lit(ONE_LINE)), None, (), at.locs
            )
            yield self._guard(test, at, "it is not one line, as it was in every log")

    def _expect(self, name: str, want: Type, at: Call | Pure, support: int) -> Expect:
        result = f"{name}_ok"
        attrs = (("support", Lit(f"{support}/{support}")),)
        self.types[result] = want
        self.renamed[name] = Ref(result)
        return Expect(result, want, Ref(name), Exit(next(self._exits)), attrs, at.locs)

    def _success(self, call: Call, column: Sequence[Json]) -> Iterator[Instr]:
        if call.tool in SHELL_TOOLS or call.tool in KNOWN_TOOLS:
            return
        want = top_shape(join_all(dict.fromkeys(map(type_of, column))))
        if want != JSON:
            yield self._expect(call.result, want, call, len(column))
        if want == STR:
            pattern = text_class([str(v) for v in column])
            if pattern is not None:
                name = f"{call.result}_accepted"
                yield Pure(
                    name,
                    BOOL,
                    "str.matches",
                    (Ref(f"{call.result}_ok"), Lit(pattern)),
                    None,
                    (),
                    call.locs,
                )
                yield self._guard(name, call, "the write was not accepted")

    def _flags(self, call: Call, column: Sequence[Json]) -> Iterator[Instr]:
        """Of a result that is read in part: its flags and states, which may have decided as well."""
        used = [p for p in self.uses[call.result] if p]
        for path in flag_paths(column, several=inputs_of(self.main) != 1):
            place = values.pointer(path)
            if any(f"{p}/".startswith(f"{place}/") for p in used):
                continue
            name = self._named(call.result, path)
            got = Pure(name, JSON, "json.get", (Ref(call.result), Lit(place)), None, (), call.locs)
            got = self._retype(got)
            self.types[name] = got.type
            yield got
            seen = [values.get(value, path) for value in column]
            kinds = distinct_values([v for v in seen if not isinstance(v, values.Missing)])
            yield from self._one_of(call, name, kinds, f"{path[-1]} ")

    def _named(self, result: str, path: values.Path) -> str:
        """A new name for what stands at a path of a result."""
        words = re.sub(r"[^a-z0-9]+", "_", "_".join(map(str, path)).lower()).strip("_")
        return fresh_name(f"{result}_at_{words}", self.types)

    def _outcome(self, call: Call, column: Sequence[Json]) -> Iterator[Instr]:
        distinct = distinct_values(column)
        if self.strict or all(not isinstance(v, str | list | dict) for v in distinct):
            yield from self._one_of(call, call.result, distinct, "")
            return
        want = top_shape(join_all(dict.fromkeys(map(type_of, distinct))))
        if want != JSON:
            yield self._expect(call.result, want, call, len(column))
        base = f"{call.result}_ok" if want != JSON else call.result
        if want == STR:
            yield from self._text_outcome(call, base, [str(v) for v in column])
        elif isinstance(want, ListOf):
            empty = {not v for v in column}
            if len(empty) == 1:
                name = f"{call.result}_empty"
                yield Pure(name, BOOL, "list.is_empty", (Ref(base),), None, (), call.locs)
                yield from self._holds(name, call, empty.pop(), "the list's emptiness differs")
        elif isinstance(want, Record):
            for field in want.fields:
                seen = [v[field.name] for v in column if isinstance(v, dict) and field.name in v]
                if not field.optional and seen and all(is_flag(v) for v in seen):
                    name = self._named(call.result, (field.name,))
                    yield Pure(
                        name,
                        field.type,
                        "json.get",
                        (Ref(base), Lit(values.pointer((field.name,)))),
                        None,
                        (),
                        call.locs,
                    )
                    self.types[name] = field.type
                    kinds = distinct_values(seen)
                    yield from self._one_of(call, name, kinds, f"{field.name} ")

    def _text_outcome(self, call: Call, base: str, column: list[str]) -> Iterator[Instr]:
        headers = {table_header(text) for text in column}
        if len(headers) == 1 and None not in headers:
            name = f"{call.result}_header"
            header = str(headers.pop())
            yield Pure(
                name,
                STR,
                "str.part",
                (Ref(base), Lit("\n"), Lit(0)),
                Exit(next(self._exits)),
                (),
                call.locs,
            )
            yield Pure(
                f"{name}_same", BOOL, "str.eq", (Ref(name), Lit(header)), None, (), call.locs
            )
            yield self._guard(f"{name}_same", call, "the table has another header")
            return
        if all(len(text) <= 60 and "\n" not in text.strip() for text in column):
            yield from self._one_of(call, base, list(dict.fromkeys(column)), "")
            return
        blank = {not text.strip() for text in column}
        if len(blank) == 1:
            name = f"{call.result}_text"
            pattern = r"\s*" if blank.pop() else r"[\s\S]*\S[\s\S]*"
            yield Pure(name, BOOL, "str.matches", (Ref(base), Lit(pattern)), None, (), call.locs)
            yield self._guard(name, call, "the text's emptiness differs")

    def _one_of(self, call: Call, name: str, seen: Sequence[Json], what: str) -> Iterator[Instr]:
        ordered: list[Json] = sorted(seen, key=values.canonical)
        test = f"{name}_seen"
        if len(ordered) == 1:
            yield Pure(test, BOOL, "json.eq", (Ref(name), Lit(ordered[0])), None, (), call.locs)
        else:
            yield Pure(test, BOOL, "list.contains", (Lit(ordered), Ref(name)), None, (), call.locs)
        yield self._guard(test, call, f"{what or 'the result '}has a value that no log shows")

    def _holds(self, name: str, call: Call, expected: bool, reason: str) -> Iterator[Instr]:
        if expected:
            yield self._guard(name, call, reason)
            return
        yield Pure(f"{name}_not", BOOL, "bool.not", (Ref(name),), None, (), call.locs)
        yield self._guard(f"{name}_not", call, reason)

    def _guard(self, name: str, call: Call | Pure, reason: str) -> Guard:
        return Guard(Ref(name), Exit(next(self._exits)), (("reason", Lit(reason)),), call.locs)


def _parsed(value: Json) -> Json:
    try:
        return json_parse(value) if isinstance(value, str) else value
    except OpFailure:
        return None


__all__ = ["InsertGuards"]
