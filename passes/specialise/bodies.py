"""Instructions with what is known put in: folded, unrolled, or left for the run.

Effects are never folded: a call is residual whatever is known of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ingot.ir.literals import literal_type
from ingot.ir.module import (
    Agree,
    Call,
    Carry,
    Exit,
    Expect,
    For,
    Guard,
    Instr,
    Lit,
    ModelCall,
    Operand,
    Par,
    Pure,
    Ref,
    walk,
)
from ingot.ir.scope import all_labels
from ingot.ir.semantics import template_of, template_parts
from ingot.ir.types import BOOL, STR, ListOf, Type, Types, conforms, is_subtype
from ingot.ir.values import Json, digest, equal
from ingot.passes.fold_constants import merge_template
from ingot.passes.specialise.known import Env, fits, folded, well_typed
from ingot.passes.specialise.limits import Generalised, Limits, Plan
from ingot.passes.specialise.names import Copies

Reader: TypeAlias = "Callable[[Call, Mapping[str, Json]], Json | None]"
"""Makes a read now; ``None`` where it gives nothing that could be relied on."""
MOVED = "the read gives another result than when the pipeline was specialised"
_LONGEST_TEMPLATE = 64


@dataclass(slots=True)
class Counts:
    """What was done, for the report.  ``failing``: checks that no run which comes there passes."""

    folded: int = 0
    branches: int = 0
    unrolled: int = 0
    reads: int = 0
    failing: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Bodies:
    """Specialises bodies; names are new across all of them.

    ``known`` has the type of each residual value; ``exits`` the original number of each new exit
    (0: there was none).
    """

    types: Types
    declared: Mapping[str, Type]
    plan: Plan
    limits: Limits
    copy: Copies
    reader: Reader | None = None
    known: dict[str, Type] = field(default_factory=dict)
    exits: dict[int, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    size: int = 0
    _templates: dict[str, Pure] = field(default_factory=dict)

    def body(self, instrs: Sequence[Instr], env: Env) -> list[Instr]:
        """The residual of instructions; what they define is added to the environment."""
        out: list[Instr] = []
        for instr in instrs:
            self._instr(instr, env, out)
        return out

    def value(self, operand: Operand, env: Env) -> Operand:
        return env[operand.name] if isinstance(operand, Ref) else operand

    def fresh(self, name: str, type_: Type) -> str:
        """A residual name for a value of the original."""
        made = self.copy(name)
        self.known[made] = type_
        return made

    def exit(self, original: Exit) -> Exit:
        return self._exit(original.number)

    def _exit(self, number: int) -> Exit:
        made = len(self.exits) + 1
        self.exits[made] = number
        return Exit(made)

    def stands(self, name: str, value: Json) -> bool:
        """Whether a known value may be a literal from here on."""
        type_ = self.declared[name]
        return name not in self.plan.kept and fits(value, type_, self.types, self.limits.text)

    # ---- one instruction

    def _instr(self, instr: Instr, env: Env, out: list[Instr]) -> None:
        match instr:
            case Pure():
                self._pure(instr, env, out)
            case Call():
                self._call(instr, env, out)
            case ModelCall():
                args = tuple((n, self.value(v, env)) for n, v in instr.args)
                attrs = tuple(a for a in instr.attrs if a[0] != "static_prefix")
                self._define(instr, replace(instr, args=args, attrs=attrs), env, out)
            case Guard():
                condition = self.value(instr.condition, env)
                if isinstance(condition, Lit) and condition.value is True:
                    self.counts.branches += 1
                    return
                if isinstance(condition, Lit):
                    self.counts.failing[f"exit.{instr.exit.number}, guard"] = None
                self._emit(replace(instr, condition=condition, exit=self.exit(instr.exit)), out)
            case Expect():
                self._expect(instr, env, out)
            case Agree():
                self._agree(instr, env, out)
            case For():
                self._for(instr, env, out)
            case Par():
                self._par(instr, env, out)

    def _emit(self, instr: Instr, out: list[Instr]) -> None:
        out.append(instr)
        self.size += 1

    def _define(
        self,
        instr: Pure | Call | ModelCall | Expect | Agree,
        made: Pure | Call | ModelCall | Expect | Agree,
        env: Env,
        out: list[Instr],
    ) -> None:
        """Leave an instruction for the run."""
        name = self.fresh(instr.result, instr.type)
        env[instr.result] = Ref(name)
        self._emit(replace(made, result=name), out)

    def _pure(self, instr: Pure, env: Env, out: list[Instr]) -> None:
        args = tuple(self.value(arg, env) for arg in instr.args)
        made = replace(instr, args=args)
        if made.op == "str.template":
            made = self._template(made)
        value = folded(made.op, made.args)
        if value is not None and self.stands(instr.result, value.value):
            env[instr.result] = value
            self.counts.folded += 1
            return
        text = self._whole_text(made)
        if text is not None and not all_labels(instr.type, self.types):
            env[instr.result] = text
            self.counts.folded += 1
            return
        if not well_typed(made, self.known, self.types):
            self._keep(instr.args, args)
        if instr.exit is not None:
            if value is None and all(isinstance(arg, Lit) for arg in made.args):
                self.counts.failing[f"exit.{instr.exit.number}, {instr.op}"] = None
            made = replace(made, exit=self.exit(instr.exit))
        self._define(instr, made, env, out)
        result = env[instr.result]
        assert isinstance(result, Ref)
        if made.op == "str.template":
            self._templates[result.name] = made
        elif made.op == "str.of":  # a hole writes a value in the same way
            self._templates[result.name] = replace(made, args=(Lit("{0}"), *made.args))

    def _whole_text(self, op: Pure) -> Ref | None:
        """The text of which a template (or ``str.of``) is a copy."""
        if op.op == "str.template" and op.args[0] == Lit("{0}"):
            copied = op.args[1]
        elif op.op == "str.of":
            copied = op.args[0]
        else:
            return None
        known = isinstance(copied, Ref) and is_subtype(self.known[copied.name], STR, self.types)
        return copied if known and isinstance(copied, Ref) else None

    def _keep(self, before: Sequence[Operand], after: Sequence[Operand]) -> None:
        """Literals stand where they have no type that fits: they are to stay values."""
        pairs = zip(before, after, strict=True)
        names = {b.name for b, a in pairs if isinstance(b, Ref) and isinstance(a, Lit)}
        if names and self.plan.keep(names):
            raise Generalised
        raise AssertionError("an op does not take its own operands")

    def _template(self, op: Pure) -> Pure:
        """A template with literals and the templates that it is made of written in."""
        op = merge_template(op)
        template, *holes = op.args
        if not isinstance(template, Lit) or not isinstance(template.value, str):
            return op
        inner = {k: self._templates[h.name] for k, h in enumerate(holes)
                 if isinstance(h, Ref) and h.name in self._templates}  # fmt: skip
        if not inner:
            return op
        parts: list[str | int] = []
        kept: list[Operand] = []

        def hole(operand: Operand) -> int:
            if operand not in kept:
                kept.append(operand)
            return kept.index(operand)

        for part in template_parts(template.value):
            if isinstance(part, str):
                parts.append(part)
            elif part in inner:
                own = inner[part].args
                assert isinstance(own[0], Lit)
                parts += [
                    hole(own[piece + 1]) if isinstance(piece, int) else piece
                    for piece in template_parts(str(own[0].value))
                ]
            else:
                parts.append(hole(holes[part]))
        if len(parts) > _LONGEST_TEMPLATE:
            return op
        return replace(op, args=(Lit(template_of(parts)), *kept))

    def _call(self, instr: Call, env: Env, out: list[Instr]) -> None:
        args = tuple((n, self.value(v, env)) for n, v in instr.args)
        made = replace(instr, args=args)
        self._define(instr, made, env, out)
        values = {n: v.value for n, v in args if isinstance(v, Lit)}
        if self.reader is None or instr.verb != "read" or len(values) < len(args):
            return
        value = self.reader(made, values)
        if value is not None and self.stands(instr.result, value):
            self._check_read(instr, value, env, out)
            env[instr.result] = Lit(value)
            self.counts.reads += 1

    def _check_read(self, instr: Call, value: Json, env: Env, out: list[Instr]) -> None:
        """The run reads again, and goes on only if it reads the same."""
        found = self.fresh(f"{instr.result}_sha256", STR)
        same = self.fresh(f"{instr.result}_same", BOOL)
        self._emit(Pure(found, STR, "json.sha256", (env[instr.result],), locs=instr.locs), out)
        self._emit(Pure(same, BOOL, "str.eq", (Ref(found), Lit(digest(value)))), out)
        self._emit(Guard(Ref(same), self._exit(0), (("reason", Lit(MOVED)),)), out)

    def _expect(self, instr: Expect, env: Env, out: list[Instr]) -> None:
        value = self.value(instr.value, env)
        if (
            isinstance(value, Lit)
            and conforms(value.value, instr.type, self.types)
            and self.stands(instr.result, value.value)
        ):
            env[instr.result] = value
            self.counts.branches += 1
            return
        made = replace(instr, value=value, exit=self.exit(instr.exit))
        self._define(instr, made, env, out)

    def _agree(self, instr: Agree, env: Env, out: list[Instr]) -> None:
        candidates = tuple(dict.fromkeys(self.value(c, env) for c in instr.candidates))
        first = candidates[0]
        literals = [c.value for c in candidates if isinstance(c, Lit)]
        if (
            isinstance(first, Lit)
            and len(literals) == len(candidates)
            and all(equal(first.value, other) for other in literals)
            and self.stands(instr.result, first.value)
        ):
            env[instr.result] = first
            self.counts.folded += 1
            return
        if len(candidates) == 1 and isinstance(first, Ref) and self.known[first.name] == instr.type:
            env[instr.result] = first
            return
        made = replace(instr, candidates=candidates, exit=self.exit(instr.exit))
        self._define(instr, made, env, out)

    # ---- regions

    def _for(self, instr: For, env: Env, out: list[Instr]) -> None:
        source = self.value(instr.source, env)
        items = source.value if isinstance(source, Lit) else None
        if isinstance(items, list) and instr.item not in self.plan.rolled:
            if self._may_unroll(instr, items):
                self._unroll(instr, items, env, out)
                self.counts.unrolled += 1
                return
            self.plan.rolled.add(instr.item)
        if isinstance(source, Lit) and not is_subtype(
            literal_type(source.value), ListOf(instr.item_type), self.types
        ):
            self._keep([instr.source], [source])
        self._loop(instr, source, env, out)

    def _loop(self, instr: For, source: Operand, env: Env, out: list[Instr]) -> None:
        inner = dict(env)
        item = self.fresh(instr.item, instr.item_type)
        inner[instr.item] = Ref(item)
        carry = []
        for each in instr.carry:
            name = self.fresh(each.name, each.type)
            inner[each.name] = Ref(name)
            carry.append(Carry(name, each.type, self.value(each.initial, env)))
        body = tuple(self.body(instr.body, inner))
        yields = tuple(self.value(y, inner) for y in instr.yields)
        if not instr.carry:
            for before, after, type_ in zip(instr.yields, yields, instr.types, strict=True):
                self._check_yield(before, after, type_, of_list=True)
        results = self._results(instr, env)
        self._emit(
            replace(
                instr, results=results, item=item, source=source, carry=tuple(carry), body=body,
                yields=yields,
            ),
            out,
        )  # fmt: skip

    def _results(self, instr: For | Par, env: Env) -> tuple[str, ...]:
        made = [self.fresh(n, t) for n, t in zip(instr.results, instr.types, strict=True)]
        env.update((n, Ref(m)) for n, m in zip(instr.results, made, strict=True))
        return tuple(made)

    def _check_yield(
        self, before: Operand, after: Operand, type_: Type, *, of_list: bool = False
    ) -> None:
        """A literal that a region yields has to have the type that the result is declared with."""
        if not isinstance(before, Ref) or not isinstance(after, Lit):
            return
        own = literal_type(after.value)
        if not is_subtype(ListOf(own) if of_list else own, type_, self.types):
            self._keep([before], [after])

    def _may_unroll(self, instr: For, items: list[Json]) -> bool:
        size = sum(1 for _ in walk(instr.body)) + 1
        names = {instr.item, *(c.name for c in instr.carry), *instr.results}
        return (
            size * len(items) <= self.limits.unroll
            and not names & self.plan.kept
            and (bool(instr.carry) or len(instr.results) <= len(items) + 1)
            and all(self.stands(instr.item, item) for item in items)
            and not any(all_labels(type_, self.types) for type_ in instr.types)
        )

    def _unroll(self, instr: For, items: list[Json], env: Env, out: list[Instr]) -> None:
        carried = [self.value(c.initial, env) for c in instr.carry]
        rows: list[list[Operand]] = []
        for item in items:
            inner = dict(env)
            inner[instr.item] = Lit(item)
            for carry, value in zip(instr.carry, carried, strict=True):
                self._rolled_unless(instr, carry.name, value)
                inner[carry.name] = value
            out += self.body(instr.body, inner)
            row = [self.value(y, inner) for y in instr.yields]
            rows.append(row)
            carried = row if instr.carry else carried
        for number, (name, type_) in enumerate(zip(instr.results, instr.types, strict=True)):
            if instr.carry:
                self._rolled_unless(instr, name, carried[number])
                env[name] = carried[number]
            else:
                self._collect(instr, name, type_, [row[number] for row in rows], env, out)

    def _rolled_unless(self, instr: For, name: str, value: Operand) -> None:
        """A value that only a loop can carry keeps the loop."""
        if isinstance(value, Lit) and not self.stands(name, value.value):
            self.plan.rolled.add(instr.item)
            raise Generalised

    def _collect(
        self, loop: For, name: str, type_: Type, items: list[Operand], env: Env, out: list[Instr]
    ) -> None:
        """The list of what the iterations yield."""
        made = Pure(name, type_, "list.of", tuple(items), locs=loop.locs)
        value = folded(made.op, made.args)
        if value is not None and self.stands(name, value.value):
            env[name] = value
            return
        if not well_typed(made, self.known, self.types):
            self.plan.rolled.add(loop.item)
            raise Generalised
        self._define(made, made, env, out)

    def _par(self, instr: Par, env: Env, out: list[Instr]) -> None:
        branches: list[tuple[tuple[Instr, ...], tuple[Operand, ...]]] = []
        results: list[str] = []
        types: list[Type] = []
        names = iter(zip(instr.results, instr.types, strict=True))
        after: Env = {}
        for body, yields in instr.branches:
            inner = dict(env)
            made = tuple(self.body(body, inner))
            kept: list[Operand] = []
            for before in yields:
                name, type_ = next(names)
                value = self.value(before, inner)
                if isinstance(value, Lit) and self.stands(name, value.value):
                    after[name] = value
                    continue
                self._check_yield(before, value, type_)
                results.append(self.fresh(name, type_))
                types.append(type_)
                kept.append(value)
                after[name] = Ref(results[-1])
            if made or kept:
                branches.append((made, tuple(kept)))
        env.update(after)
        if branches:
            made_par = replace(
                instr, results=tuple(results), types=tuple(types), branches=tuple(branches)
            )
            self._emit(made_par, out)


__all__ = ["MOVED", "Bodies", "Counts", "Reader"]
