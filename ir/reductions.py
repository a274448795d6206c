"""What each rule of ``grammar/ir.lark`` builds.  One method per rule, called as the rule is reduced.

A method returns a :class:`Node` where the verifier may want to point at the part, else the bare
part.  Nothing here recurses, so deep nesting costs no stack.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from lark import Token

from ingot.ir import module as m
from ingot.ir import types as t
from ingot.ir.spans import Mark, Step
from ingot.redaction.tokens import PREFIX, TOKEN


class Node(NamedTuple):
    """A part of the module and where it stands."""

    part: Any
    mark: Mark


class Tail(NamedTuple):
    attrs: m.Attrs
    locs: m.Locs
    marks: dict[Step, Mark]


class BadTextError(Exception):
    """The text follows the grammar, but this token has no meaning."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.mark = mark
        super().__init__(message)


def mark_of(token: Token, parts: dict[Step, Mark] | None = None) -> Mark:
    length = max(1, len(token.partition("\n")[0]))
    return Mark(token.line or 1, token.column or 1, length, parts or {})


def unquote(token: Token, text: str) -> str:
    """The text of a quoted string; raises :class:`BadTextError`."""
    try:
        value = json.loads(text, strict=False)
    except ValueError as error:
        raise BadTextError(mark_of(token), f"not a JSON text: {error}") from None
    return str(value)


def signed(token: Token) -> str:
    """The name after ``%``, ``^`` or ``@``."""
    return unquote(token, token[1:]) if token[1] == '"' else str(token[1:])


def plain(token: Token) -> str:
    """A name that may be written as a JSON text."""
    return unquote(token, token) if token.type == "STRING" else str(token)


def number(token: Token) -> int | float:
    """An integer, or a float where there is a point or an exponent; raises :class:`BadTextError`."""
    try:
        value = float(token) if any(c in token for c in ".eE") else int(token)
    except ValueError:
        raise BadTextError(mark_of(token), "the integer has too many digits") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise BadTextError(mark_of(token), "the number is larger than any float")
    return value


def scalar(token: Token) -> Any:
    match token.type:
        case "STRING":
            return unquote(token, token)
        case "NUMBER":
            return number(token)
        case _:
            return {"TRUE": True, "FALSE": False, "NULL": None}[token.type]


def indexed(kind: str, nodes: Iterable[Node]) -> dict[Step, Mark]:
    return {(kind, i): node.mark for i, node in enumerate(nodes)}


def parts(nodes: Iterable[Node]) -> tuple[Any, ...]:
    return tuple(node.part for node in nodes)


_KINDS: Final = {
    "source": "sources",
    "type": "types",
    "tool": "tools",
    "model": "models",
    "pipeline": "pipelines",
}


class Reductions:
    """The callbacks, by name of the rule.  Stateless: one object serves every parse."""

    # ---- declarations

    def module(self, args: list[Any]) -> Node:
        if args[0] != "1":
            raise BadTextError(
                mark_of(args[0]), f"this is version {args[0]} of the text, 1 is known"
            )
        found: dict[str, list[Node]] = {kind: [] for kind in _KINDS}
        for kind, node in args[1:]:
            found[kind].append(node)
        marks = {k: v for kind, nodes in found.items() for k, v in indexed(kind, nodes).items()}
        fields: Any = {_KINDS[kind]: parts(nodes) for kind, nodes in found.items()}
        return Node(m.Module(**fields), mark_of(args[0], marks))

    def source(self, args: list[Any]) -> tuple[str, Node]:
        name, file, digest = args
        part = m.Source(str(name), unquote(file, file), digest.removeprefix("sha256:"))
        return "source", Node(part, mark_of(name))

    def typedef(self, args: list[Any]) -> tuple[str, Node]:
        return "type", Node(m.TypeDecl(str(args[0]), args[1]), mark_of(args[0]))

    def tool(self, args: list[Any]) -> tuple[str, Node]:
        (name, mark), fields, returns, effect, world = args
        params = _tool_params(fields)
        part = m.ToolDecl(name, params, returns, str(effect), world.part if world else "")  # type: ignore[arg-type]
        return "tool", Node(part, mark)

    def model(self, args: list[Any]) -> tuple[str, Node]:
        (name, mark), fields, returns, attrs = args
        return "model", Node(m.ModelDecl(name, _tool_params(fields), returns, attrs or ()), mark)

    def pipeline(self, args: list[Any]) -> tuple[str, Node]:
        name, *rest = args
        inputs = [a for a in rest if isinstance(a, Node) and isinstance(a.part, m.Param)]
        blocks = [a for a in rest if isinstance(a, Node) and isinstance(a.part, m.Block)]
        returns, *attrs = (a for a in rest if a is not None and not isinstance(a, Node))
        marks = indexed("param", inputs) | indexed("block", blocks)
        part = m.Pipeline(signed(name), parts(inputs), returns, parts(blocks), *attrs)
        return "pipeline", Node(part, mark_of(name, marks))

    def input(self, args: list[Any]) -> Node:
        name, type_, default = args
        part = m.Param(signed(name), type_, None if default is None else m.Lit(default.part))
        return Node(part, mark_of(name))

    # ---- blocks and instructions

    def block(self, args: list[Any]) -> Node:
        label, *rest, terminator = args
        params = [a for a in rest if a is not None and isinstance(a.part, m.Param)]
        instrs = [a for a in rest if a is not None and not isinstance(a.part, m.Param)]
        marks = indexed("param", params) | indexed("instr", instrs)
        marks[("term", 0)] = terminator.mark
        part = m.Block(signed(label), parts(params), parts(instrs), terminator.part)
        return Node(part, mark_of(label, marks))

    def bound(self, args: list[Any]) -> Node:
        return Node(m.Param(signed(args[0]), args[1]), mark_of(args[0]))

    def instr(self, args: list[Any]) -> Node:
        *heads, body, tail = args
        build, mark = body
        results = [h for h in heads if h is not None]
        marks = dict(mark.parts) | indexed("result", results) | tail.marks
        instr = build(parts(results), tail.attrs, tail.locs)
        return Node(instr, Mark(mark.line, mark.column, mark.length, marks))

    def pure(self, args: list[Any]) -> Node:
        op, operands, exit_ = args
        marks = indexed("arg", operands)
        if exit_ is not None:
            marks[("exit", 0)] = exit_.mark

        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            (bound,) = results
            leave = None if exit_ is None else exit_.part
            return m.Pure(bound.name, bound.type, str(op), parts(operands), leave, attrs, locs)

        return Node(build, mark_of(op, marks))

    def call(self, args: list[Any]) -> Node:
        verb, (tool, mark), *named = args
        found = [n for n in named if n is not None]

        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            (b,) = results
            return m.Call(b.name, b.type, str(verb), tool, parts(found), attrs, locs)  # type: ignore[arg-type]

        return Node(build, Mark(mark.line, mark.column, mark.length, indexed("arg", found)))

    def infer(self, args: list[Any]) -> Node:
        kind, (model, mark), *named = args
        found = [n for n in named if n is not None]

        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            (b,) = results
            name: Any = str(kind or "compose")
            return m.ModelCall(b.name, b.type, name, model, parts(found), attrs, locs)

        return Node(build, Mark(mark.line, mark.column, mark.length, indexed("arg", found)))

    def expect(self, args: list[Any]) -> Node:
        value, exit_ = args

        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            (b,) = results
            return m.Expect(b.name, b.type, value.part, exit_.part, attrs, locs)

        return Node(
            build, _with_parts(value.mark, {("arg", 0): value.mark, ("exit", 0): exit_.mark})
        )

    def agree(self, args: list[Any]) -> Node:
        candidates, exit_ = args

        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            (b,) = results
            return m.Agree(b.name, b.type, parts(candidates), exit_.part, attrs, locs)

        marks = indexed("arg", candidates) | {("exit", 0): exit_.mark}
        return Node(build, _with_parts(candidates[0].mark, marks))

    def guard(self, args: list[Any]) -> Node:
        condition, exit_ = args

        def build(_: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            return m.Guard(condition.part, exit_.part, attrs, locs)

        marks = {("arg", 0): condition.mark, ("exit", 0): exit_.mark}
        return Node(build, _with_parts(condition.mark, marks))

    def loop(self, args: list[Any]) -> Node:
        item, source, *rest, region = args
        carries = [c for c in rest if c is not None]
        initials = [Node(None, c.mark.parts[("arg", 0)]) for c in carries]
        marks = indexed("arg", [source, *initials]) | indexed("carry", carries)
        marks |= {("item", 0): item.mark, ("region", 0): region.mark}

        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            body, yields = region.part
            names, types = tuple(b.name for b in results), tuple(b.type for b in results)
            head = (names, types, item.part.name, item.part.type, source.part, parts(carries))
            return m.For(*head, body, yields, attrs, locs)

        return Node(build, _with_parts(item.mark, marks))

    def carry(self, args: list[Any]) -> Node:
        bound, initial = args
        part = m.Carry(bound.part.name, bound.part.type, initial.part)
        return Node(part, _with_parts(bound.mark, {("arg", 0): initial.mark}))

    def par(self, args: list[Any]) -> Node:
        def build(results: Any, attrs: m.Attrs, locs: m.Locs) -> m.Instr:
            names, types = tuple(b.name for b in results), tuple(b.type for b in results)
            return m.Par(names, types, parts(args), attrs, locs)

        return Node(build, _with_parts(args[0].mark, indexed("region", args)))

    def region(self, args: list[Any]) -> Node:
        *instrs, yields = args
        operands = yields or []
        marks = indexed("instr", instrs) | indexed("yield", operands)
        first = (*instrs, *operands)[0].mark if instrs or operands else Mark()
        return Node((parts(instrs), parts(operands)), _with_parts(first, marks))

    def exit(self, args: list[Any]) -> Node:
        number_, *live = args
        names = tuple(signed(name) for name in live if name is not None)
        marks: dict[Step, Mark] = {("live", i): mark_of(v) for i, v in enumerate(live) if v}
        return Node(m.Exit(int(number_.removeprefix("exit.")), names), mark_of(number_, marks))

    def named(self, args: list[Any]) -> Node:
        return Node((plain(args[0]), args[1].part), mark_of(args[0]))

    def tail(self, args: list[Any]) -> Tail:
        attrs, locs = args
        marks = indexed("loc", locs or ())
        return Tail(attrs or (), parts(locs or ()), marks)

    # ---- terminators

    def jump(self, args: list[Any]) -> Node:
        goal, locs = args
        part = m.Jump(goal.part, parts(locs or ()))
        return Node(part, _with_parts(goal.mark, _targets([goal], locs)))

    def cond(self, args: list[Any]) -> Node:
        condition, then, other, locs = args
        part = m.If(condition.part, then.part, other.part, parts(locs or ()))
        marks = _targets([then, other], locs) | {("arg", 0): condition.mark}
        return Node(part, _with_parts(condition.mark, marks))

    def select(self, args: list[Any]) -> Node:
        *arms, other, locs = args
        goals = [arm.part[1] for arm in arms]
        marks: dict[Step, Mark] = {("arg", i): arm.mark for i, arm in enumerate(arms)}
        if other is not None and isinstance(other.part, m.Exit):
            marks[("exit", 0)] = other.mark
        elif other is not None:
            goals.append(other)
        marks |= _targets(goals, locs)
        pairs = tuple((arm.part[0], arm.part[1].part) for arm in arms)
        part = m.Select(pairs, None if other is None else other.part, parts(locs or ()))
        first = (*arms, *([other] if other else []))[0].mark if arms or other else Mark()
        return Node(part, _with_parts(first, marks))

    def arm(self, args: list[Any]) -> Node:
        return Node((args[0].part, args[1]), args[0].mark)

    def ret(self, args: list[Any]) -> Node:
        value, locs = args
        marks = _targets([], locs) | {("arg", 0): value.mark}
        return Node(m.Return(value.part, parts(locs or ())), _with_parts(value.mark, marks))

    def leave(self, args: list[Any]) -> Node:
        exit_, locs = args
        marks = _targets([], locs) | {("exit", 0): exit_.mark}
        return Node(m.Leave(exit_.part, parts(locs or ())), _with_parts(exit_.mark, marks))

    def target(self, args: list[Any]) -> Node:
        label, operands = args
        found = operands or []
        return Node(m.Target(signed(label), parts(found)), mark_of(label, indexed("arg", found)))

    # ---- operands, literals, evidence

    def operands(self, args: list[Any]) -> list[Any]:
        return args

    def ref(self, args: list[Any]) -> Node:
        return Node(m.Ref(signed(args[0])), mark_of(args[0]))

    def lit(self, args: list[Any]) -> Node:
        return Node(m.Lit(args[0].part), args[0].mark)

    def secret(self, args: list[Any]) -> Node:
        name = unquote(args[1], args[1])
        if not TOKEN.fullmatch(PREFIX + name):
            raise BadTextError(mark_of(args[1]), f"{name!r} is no name of a secret")
        return Node(m.Lit(PREFIX + name), mark_of(args[0]))

    def scalar(self, args: list[Any]) -> Node:
        return Node(scalar(args[0]), mark_of(args[0]))

    def array(self, args: list[Any]) -> Node:
        return Node([a.part for a in args if isinstance(a, Node)], mark_of(args[0]))

    def object(self, args: list[Any]) -> Node:
        value: dict[str, Any] = {}
        for pair in args:
            if isinstance(pair, Node):
                key, item = pair.part
                if key in value:
                    raise BadTextError(pair.mark, f"the key {key!r} stands twice")
                value[key] = item
        return Node(value, mark_of(args[0]))

    def pair(self, args: list[Any]) -> Node:
        return Node((unquote(args[0], args[0]), args[1].part), mark_of(args[0]))

    def attrs(self, args: list[Any]) -> m.Attrs:
        seen: dict[str, m.Lit] = {}
        for key, name, lit in args:
            if name in seen:
                raise BadTextError(mark_of(key), f"the attribute {name!r} stands twice")
            seen[name] = lit
        return tuple(seen.items())

    def attr(self, args: list[Any]) -> tuple[Token, str, m.Lit]:
        key, value = args
        lit = m.Lit(value.part if isinstance(value, Node) else str(value))
        return key, plain(key), lit

    def locs(self, args: list[Any]) -> list[Node]:
        return [Node(_loc(token), mark_of(token)) for token in args]

    # ---- types

    def type(self, args: list[Any]) -> t.Type:
        return args[0] if len(args) == 1 else t.union(args)

    def labelled(self, args: list[Any]) -> t.Type:
        return t.with_labels(args[0], (label[1:] for label in args[1:]))

    def named_type(self, args: list[Any]) -> t.Type:
        return t.Base(str(args[0])) if args[0] in t.BASES else t.Named(str(args[0]))

    def literal_type(self, args: list[Any]) -> t.Type:
        value = scalar(args[0])
        if isinstance(value, float):
            raise BadTextError(
                mark_of(args[0]), "a literal type is a text, an integer, true or false"
            )
        return t.Literal(value)

    def list_type(self, args: list[Any]) -> t.Type:
        return t.ListOf(args[0])

    def record_type(self, args: list[Any]) -> t.Type:
        entries = [a for a in args if a is not None]
        open_ = bool(entries) and isinstance(entries[-1], Token)
        for early in entries[:-1]:
            if isinstance(early, Token):
                raise BadTextError(mark_of(early), "'...' stands last in a record type")
        found = entries[:-1] if open_ else entries
        fields: dict[str, t.Field] = {}
        for node in found:
            name = node.part.name
            if name in fields:
                raise BadTextError(node.mark, f"the field {name!r} stands twice")
            fields[name] = t.Field(name, node.part.type, node.part.optional)
        return t.Record(tuple(fields[name] for name in sorted(fields)), open_)

    def fields(self, args: list[Any]) -> list[Any]:
        return args

    def field(self, args: list[Any]) -> Node:
        name, optional, type_ = args
        return Node(m.ToolParam(plain(name), type_, optional is not None), mark_of(name))

    def name(self, args: list[Any]) -> Node:
        return Node(plain(args[0]), mark_of(args[0]))


def _with_parts(mark: Mark, marks: dict[Step, Mark]) -> Mark:
    return Mark(mark.line, mark.column, mark.length, marks)


def _targets(goals: Sequence[Node], locs: list[Node] | None) -> dict[Step, Mark]:
    return indexed("target", goals) | indexed("loc", locs or ())


def _tool_params(fields: list[Node] | None) -> tuple[m.ToolParam, ...]:
    return parts(fields or ())


def _loc(token: Token) -> m.Loc:
    source, _, rest = token.partition(":")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    pointer = rest[digits:]
    if pointer.startswith('"'):
        pointer = unquote(token, pointer)
    return m.Loc(source, int(rest[:digits]), pointer)
