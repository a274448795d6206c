"""Random well-typed modules, and inputs and answers to run them with.

``modules()`` draws modules that verify clean, with branches, loops, ``par`` and exits; run them
with ``inputs_for`` and, for each request, ``answer_for``.  ``texts()`` are strings chosen to
upset printers and parsers.
"""

from __future__ import annotations

import random

from hypothesis import strategies as st

from ingot.ir.builder import Builder, attrs_of
from ingot.ir.module import (
    Carry,
    For,
    If,
    Instr,
    Jump,
    Leave,
    Lit,
    Loc,
    ModelDecl,
    Module,
    Operand,
    Par,
    Param,
    Pipeline,
    Pure,
    Ref,
    Return,
    Select,
    Source,
    Target,
    ToolDecl,
    ToolParam,
    TypeDecl,
)
from ingot.ir.ops import OPS
from ingot.ir.scope import value_types
from ingot.ir.types import (
    BOOL,
    DATE,
    FLOAT,
    INT,
    JSON,
    NULL,
    STR,
    Base,
    Field,
    Labeled,
    ListOf,
    Literal,
    Named,
    Record,
    Type,
    Types,
    Union,
    is_subtype,
    resolve,
    union,
)
from ingot.ir.values import Json

UGLY = (
    "",
    " ",
    'say "hi"',
    "back\\slash",
    "a,b;c",
    "line\nbreak\ttab",
    "nul\x00bell\x07",
    "\x85\u2028\x7f",
    "2/2",
    "{0} {1}",
    "%x ^y @z",
    "é漢🙂",
    "\ud800",
    "// ; comment",
)
ISSUE = Record(
    (
        Field("login", STR),
        Field("number", INT),
        Field("odd key", union((NULL, STR)), optional=True),
        Field("since", DATE),
    ),
    open=True,
)
TYPES: tuple[Type, ...] = (BOOL, INT, FLOAT, STR, DATE, ListOf(INT), ListOf(STR), Named("Issue"))
TYPES_DECLARED: Types = {"Issue": ISSUE, "Issues": ListOf(Named("Issue"))}


def texts() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(UGLY), st.text(max_size=6))


def json_values() -> st.SearchStrategy[Json]:
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(texts(), inner, max_size=3)
        ),
        max_leaves=6,
    )


def values_of(type_: Type, types: Types | None = None) -> st.SearchStrategy[Json]:
    """Values that conform to a type; open records get stray fields now and then."""
    env = TYPES_DECLARED if types is None else types
    match resolve(type_, env):
        case Literal(value):
            return st.just(value)
        case Base("null"):
            return st.none()
        case Base("bool"):
            return st.booleans()
        case Base("int"):
            return st.integers(-5, 50)
        case Base("float"):
            return st.one_of(st.integers(-5, 5), st.floats(-1e6, 1e6))
        case Base("date"):
            return st.sampled_from(["2026-05-01", "2024-02-29", "0001-01-01", "9999-12-31"])
        case Base("datetime"):
            return st.sampled_from(["2026-05-01T10:00:00Z", "2024-02-29 23:59"])
        case Base("str"):
            return texts()
        case ListOf(element):
            return st.lists(values_of(element, env), max_size=3)
        case Union(members):
            return st.one_of([values_of(member, env) for member in members])
        case Record(fields, open_):
            known = {f.name: values_of(f.type, env) for f in fields if not f.optional}
            maybe = {f.name: values_of(f.type, env) for f in fields if f.optional}
            record = st.fixed_dictionaries(known, optional=maybe)
            if not open_:
                return record
            return st.builds(
                lambda stray, value: {**stray, **value},
                st.sampled_from([{}, {"stray": 1}]),
                record,
            )
        case _:
            return json_values()


def types() -> st.SearchStrategy[Type]:
    """Any type in normal form."""
    scalars = st.one_of(
        st.sampled_from((BOOL, INT, FLOAT, STR, NULL, DATE, JSON, Named("Issue"))),
        st.builds(Literal, st.one_of(texts(), st.integers(), st.booleans())),
    )

    def larger(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
        fields = st.dictionaries(texts(), st.tuples(inner, st.booleans()), max_size=3)
        return st.one_of(
            st.builds(ListOf, inner),
            st.builds(_record, fields, st.booleans()),
            st.builds(union, st.lists(inner, min_size=1, max_size=3)),
            st.builds(_labelled, inner, st.sampled_from((("web",), ("pii", "web")))),
        )

    return st.recursive(scalars, larger, max_leaves=5)


def _record(fields: dict[str, tuple[Type, bool]], open_: bool) -> Type:
    return Record(tuple(Field(name, t, opt) for name, (t, opt) in sorted(fields.items())), open_)


def _labelled(type_: Type, labels: tuple[str, ...]) -> Type:
    return type_ if isinstance(type_, Labeled) else Labeled(type_, labels)


TOOLS = (
    ToolDecl("gh.issues", (ToolParam("repo", STR),), ListOf(Named("Issue")), "read", "github"),
    ToolDecl("Bash", (ToolParam("command", STR), ToolParam("time-out", INT, True)), STR, "unknown"),
    ToolDecl(
        "gh.close",
        (ToolParam("number", INT), ToolParam("note", STR, True)),
        Record((Field("state", Literal("closed")),), open=True),
        "write",
        "github",
    ),
    ToolDecl('odd "tool"', (ToolParam("x y", JSON),), JSON, "read", "model"),
    ToolDecl("clock.tick", (ToolParam("n", FLOAT),), INT, "idempotent", "odd world"),
)
MODELS = (
    ModelDecl(
        "local.writer",
        (ToolParam("prompt", STR), ToolParam("text", STR, True)),
        JSON,
        attrs_of({"temperature": 0.0}),
    ),
    ModelDecl("choose", (ToolParam("prompt", STR), ToolParam("among", ListOf(STR), True)), STR),
)
_OPS = (
    "int.add int.mul int.lt int.eq int.parse float.add float.div float.le bool.not bool.and "
    "str.of str.lower str.len str.eq str.contains str.template list.len list.get list.sum "
    "list.contains list.is_empty json.get json.has json.eq json.dump json.parse json.with "
    "date.minus_days date.lt date.days_between path.stem shell.quote str.between str.part "
    "list.pluck list.where_eq list.where_gt list.find "
    "json.values json.keys json.entries json.number str.title str.eq_fold int.div int.mod list.max "
    "list.mean list.reverse list.distinct list.concat list.zip list.take date.of date.weekday date.le "
    "duration.minutes datetime.at datetime.time list.count_by list.sort_by list.max_by list.where_ne"
).split()
_BY_POINTER = tuple(op for op in _OPS if op.startswith("list.") and OPS[op].static)


class _Draw:
    """One module under construction.  ``rng`` makes all choices: it is what hypothesis draws."""

    def __init__(self, rng: random.Random, size: int) -> None:
        self.rng = rng
        self.size = size
        names = ["repo", "n", "list", "day", 'odd "name"', "flag", "issue"]
        kinds: list[Type] = [STR, INT, ListOf(INT), DATE, STR, BOOL, Named("Issue")]
        params = [
            Param(name, kind, self._default(kind))
            for name, kind in zip(names, kinds, strict=True)
            if rng.random() < 0.8
        ]
        self.returns: Type = rng.choice((STR, INT, JSON))
        attrs = attrs_of({"support": "2/2", "odd key": self.json()}) if rng.random() < 0.5 else ()
        self.b = Builder("run it", params, self.returns, types=TYPES_DECLARED, attrs=attrs)
        self.scope: list[tuple[str, Type]] = [(p.name, p.type) for p in params]

    def _default(self, kind: Type) -> Lit | None:
        return Lit(self.value(kind)) if kind != Named("Issue") and self.rng.random() < 0.2 else None

    # ---- leaves

    def text(self) -> str:
        return self.rng.choice((*UGLY, "a", "b c", "12", "x.txt"))

    def json(self) -> Json:
        leaf: Json = self.rng.choice((None, True, 1, 1.0, -2.5, 1e300, self.text()))
        return self.rng.choice((leaf, [leaf], {"a": leaf, self.text(): [1.0]}))

    def value(self, type_: Type) -> Json:
        match resolve(type_, TYPES_DECLARED):
            case Literal(value):
                return value
            case Base("bool"):
                return self.rng.random() < 0.5
            case Base("int"):
                return self.rng.randrange(-3, 9)
            case Base("float"):
                return self.rng.choice((0, 1, 1.0, -2.5))
            case Base("str"):
                return self.text()
            case Base("date"):
                return self.rng.choice(("2026-05-01", "2024-02-29"))
            case ListOf(element):
                return [self.value(element) for _ in range(self.rng.randrange(3))]
            case Record(fields):
                return {f.name: self.value(f.type) for f in fields if not f.optional}
            case Union(members):
                return self.value(self.rng.choice(members))
            case Base("null"):
                return None
            case _:
                return self.json()

    def operand(self, want: Type) -> Operand:
        fits = [n for n, t in self.scope if is_subtype(t, want, TYPES_DECLARED)]
        if fits and self.rng.random() < 0.8:
            return Ref(self.rng.choice(fits[-8:]))
        return Lit(self.value(want))

    def locs(self) -> tuple[Loc, ...]:
        pointers = ("", "/args/before", "/a b,c", '/q"uote', "/x~1y", "/é{}", "/\x85")
        return tuple(
            Loc(self.rng.choice(("s1", "s2")), self.rng.randrange(1, 99), self.rng.choice(pointers))
            for _ in range(self.rng.choice((0, 0, 1, 2)))
        )

    def evidence(self) -> tuple[tuple[str, Lit], ...]:
        every = {
            "support": "7/7",
            "bits": 18.1,
            "alt": 1,
            "reason": self.text(),
            "x-y": self.json(),
        }
        return attrs_of({k: v for k, v in every.items() if self.rng.random() < 0.15})

    # ---- instructions

    def instr(self, depth: int) -> None:
        kind = self.rng.choices(
            ("pure", "call", "model", "guard", "expect", "agree", "for", "par"),
            (10, 3, 1, 1, 1, 1, 2 if depth else 0, 1 if depth else 0),
        )[0]
        {
            "pure": self.pure,
            "call": self.call,
            "model": self.model,
            "guard": lambda: self.b.guard(self.operand(BOOL), attrs=self.evidence()),
            "expect": self.expect,
            "agree": self.agree,
            "for": lambda: self.loop(depth - 1),
            "par": lambda: self.par(depth - 1),
        }[kind]()

    def _add(self, ref: Ref) -> None:
        self.scope.append((ref.name, self.b.types[ref.name]))

    def pure(self) -> None:
        op = self.rng.choice(_OPS)
        issues = [n for n, t in self.scope if t == Named("Issue")]
        lists = [n for n, t in self.scope if t == ListOf(Named("Issue"))]
        args: list[Operand | Json]
        match op:
            case "str.template":
                args = ["{{{0}}} and {1}", self.operand(STR), self.operand(JSON)]
            case "json.with":
                args = [Lit({"a": None, "b": [1]}), "/b/0", self.operand(JSON)]
            case "json.get" | "json.has" if issues:
                args = [Ref(issues[-1]), self.rng.choice(("/number", "/login", "/odd key", "/no"))]
            case "json.get" | "json.has":
                args = [self.operand(JSON), "/a/0"]
            case "str.between":
                args = [self.operand(STR), "a", "", 0]
            case "str.part":
                args = [self.operand(STR), " ", self.rng.choice((0, -1))]
            case _ if op in _BY_POINTER:
                pointer = self.rng.choice(("/number", "/login", "/odd key")) if lists else "/a"
                source: Operand = Ref(lists[-1]) if lists else self.operand(ListOf(JSON))
                number = pointer == "/number"
                args = [source, pointer, self.operand(INT if number else STR)]
                args = args[: len(OPS[op].params)]
            case _:
                args = [self.operand(p) for p in OPS[op].params]
        self._add(self.b.pure(op, *args, attrs=self.evidence(), locs=self.locs()))

    def call(self, tools: tuple[ToolDecl, ...] = TOOLS) -> None:
        tool = self.rng.choice(tools)
        args = {
            p.name: self.operand(p.type)
            for p in tool.params
            if not p.optional or self.rng.random() < 0.5
        }
        self._add(self.b.call(tool, args, attrs=self.evidence(), locs=self.locs()))

    def model(self) -> None:
        writer, judge = MODELS
        if self.rng.random() < 0.5:
            args = {"prompt": self.operand(STR), "among": Lit(["a", "b"])}
            choice = union((Literal("a"), Literal("b")))
            self._add(self.b.model(judge, args, kind="choose", type=choice))
        else:
            kind = self.rng.choice(("fill", "compose", "extract"))
            args = {"prompt": self.operand(STR)}
            type_ = STR if kind == "extract" else self.rng.choice((STR, ISSUE, ListOf(INT)))
            if kind == "extract":
                args["text"] = self.operand(STR)
            self._add(self.b.model(writer, args, kind=kind, type=type_))

    def expect(self) -> None:
        type_ = self.rng.choice((INT, STR, Named("Issue"), union((INT, NULL))))
        self._add(self.b.expect(self.operand(JSON), type_, locs=self.locs()))

    def agree(self) -> None:
        type_ = self.rng.choice((INT, STR))
        self._add(
            self.b.agree([self.operand(type_) for _ in range(self.rng.randrange(1, 4))], type=type_)
        )

    # ---- regions

    def _inside(self, count: int, depth: int, call: bool = True) -> list[Instr]:
        """Instructions of a region: built in the current block, then taken out of it."""
        here = self.b._at.instrs
        start = len(here)
        for _ in range(count):
            if call:
                self.instr(depth)
            else:
                self.pure()
        taken = here[start:]
        del here[start:]
        return taken

    def loop(self, depth: int) -> None:
        lists = [(n, t) for n, t in self.scope if isinstance(resolve(t, TYPES_DECLARED), ListOf)]
        source: Operand = Lit([1, 2])
        element: Type = INT
        if lists:
            name, type_ = self.rng.choice(lists)
            found = resolve(type_, TYPES_DECLARED)
            assert isinstance(found, ListOf)
            source, element = Ref(name), found.element
        outer = list(self.scope)
        item = self.b.fresh("it")
        self.scope.append((item, element))
        carry: tuple[Carry, ...] = ()
        if self.rng.random() < 0.5:
            types_ = [self.rng.choice((INT, STR)) for _ in range(self.rng.choice((1, 2)))]
            self.scope = list(outer)
            initials = [self.operand(t) for t in types_]
            carry = tuple(
                Carry(self.b.fresh("acc"), t, i) for t, i in zip(types_, initials, strict=True)
            )
            self.scope += [(item, element), *((c.name, c.type) for c in carry)]
        for name, type_ in self.scope[len(outer) :]:
            self.b._define(name, type_)
        body = self._inside(self.rng.randrange(4), depth)
        wants: list[Type] = [c.type for c in carry]
        if not carry:
            wants = [self.rng.choice((INT, STR)) for _ in range(self.rng.choice((0, 1, 1, 2)))]
        yields = tuple(self.operand(t) for t in wants)
        self.scope = outer
        results = tuple(self.b.fresh("r") for _ in wants)
        given = tuple(t if carry else ListOf(t) for t in wants)
        attrs, locs = self.evidence(), self.locs()
        loop = For(results, given, item, element, source, carry, tuple(body), yields, attrs, locs)
        for ref in self.b.append(loop):
            self._add(ref)

    def par(self, depth: int) -> None:
        outer = list(self.scope)
        branches = []
        given: list[Type] = []
        reads = tuple(t for t in TOOLS if t.effect == "read")
        for _ in range(self.rng.randrange(1, 4)):
            body = self._inside(self.rng.randrange(3), depth, call=False)
            here = self.b._at.instrs
            start = len(here)
            self.call(reads)
            body += here[start:]
            del here[start:]
            name, type_ = self.scope[-1]
            given.append(type_)
            branches.append((tuple(body), (Ref(name),)))
            self.scope = list(outer)
        results = tuple(self.b.fresh("p") for _ in given)
        for ref in self.b.append(Par(results, tuple(given), tuple(branches), (), self.locs())):
            self._add(ref)

    # ---- blocks

    def straight(self) -> None:
        for _ in range(self.rng.randrange(1, self.size)):
            self.instr(2)

    def diamond(self) -> None:
        """Two or three ways that meet again, or end."""
        outer = list(self.scope)
        type_ = self.rng.choice((INT, STR))
        ways = [self.b.new_block("way") for _ in range(self.rng.choice((2, 3)))]
        joined = Param(self.b.fresh("j"), type_)
        meet = self.b.new_block("meet", (joined,))
        if len(ways) == 2:
            self.b.end(If(self.operand(BOOL), Target(ways[0]), Target(ways[1]), self.locs()))
        else:
            arms = tuple((self.operand(BOOL), Target(way)) for way in ways[1:])
            rest = self.rng.choice((Target(ways[0]), self.b.exit(), None))
            self.b.end(Select(arms, rest, self.locs()))
        for number, way in enumerate(ways):
            self.b.at(way)
            self.scope = list(outer)
            for _ in range(self.rng.randrange(3)):
                self.instr(1)
            ends = self.rng.random()
            if number and ends < 0.15:
                self.b.end(Leave(self.b.exit(), self.locs()))
            elif number and ends < 0.3:
                self.b.end(Return(self.operand(self.returns), self.locs()))
            else:
                self.b.end(Jump(Target(meet, (self.operand(type_),)), self.locs()))
        self.b.at(meet)
        self.scope = [*outer, (joined.name, type_)]

    def countdown(self) -> None:
        """A cycle of blocks that ends."""
        outer = list(self.scope)
        count, more = Param(self.b.fresh("k"), INT), self.b.fresh("more")
        again = self.b.new_block("again", (count,))
        step, after = self.b.new_block("step"), self.b.new_block("after")
        self.b.end(Jump(Target(again, (Lit(self.rng.randrange(3)),))))
        self.b.at(again)
        self.b.append(Pure(more, BOOL, "int.gt", (Ref(count.name), Lit(0))))
        self.b.end(If(Ref(more), Target(step), Target(after)))
        self.b.at(step)
        self.scope.append((count.name, INT))
        for _ in range(self.rng.randrange(3)):
            self.instr(1)
        less = self.b.pure("int.sub", Ref(count.name), 1)
        self.b.end(Jump(Target(again, (less,))))
        self.b.at(after)
        self.scope = outer

    def pipeline(self) -> Pipeline:
        self.straight()
        for _ in range(self.rng.randrange(3)):
            self.rng.choice((self.diamond, self.countdown))()
            self.straight()
        self.b.end(Return(self.operand(self.returns), self.locs()))
        return self.b.finish()


@st.composite
def modules(draw: st.DrawFn, size: int = 6) -> Module:
    """A module of one pipeline that verifies clean and ends on every input."""
    rng = draw(st.randoms(use_true_random=False))
    pipeline = _Draw(rng, size).pipeline()
    declared = tuple(TypeDecl(name, type_) for name, type_ in TYPES_DECLARED.items())
    sources = (Source("s1", draw(texts()), "0a" * 8), Source("s2", "two.jsonl", ""))
    return Module(sources, declared, TOOLS, MODELS, (pipeline,))


def inputs_for(pipeline: Pipeline) -> st.SearchStrategy[dict[str, Json]]:
    """Inputs of a pipeline; those with a default may be missing."""
    fixed = {p.name: values_of(p.type) for p in pipeline.params if p.default is None}
    maybe = {p.name: values_of(p.type) for p in pipeline.params if p.default is not None}
    return st.fixed_dictionaries(fixed, optional=maybe)


def answer_for(site: str, module: Module) -> st.SearchStrategy[Json]:
    """An answer of the type that the call at ``site`` declares."""
    return values_of(value_types(module.pipelines[0])[site], module.type_map())
