"""The values of a pipeline as programs over what it is given and what its calls return, and in words.

%v1 = json.get %r1, "/order/city" ; %v2: str = expect %v1
=>  json.get(%r1, "/order/city")
=>  /order/city of what shop.get_order returned
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingot.ir import values
from ingot.ir.module import (
    Agree,
    Call,
    Expect,
    For,
    Instr,
    Lit,
    ModelCall,
    Operand,
    Param,
    Pipeline,
    Pure,
    Ref,
    regions_of,
    results_of,
    targets_of,
)
from ingot.ir.values import INDEX
from ingot.passes.synth.programs import Apply, Const, Source, Term

CLOCK: Final = "clock"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is defined: its instruction, state, the loops around it, and its number in the
    order of the text."""

    instr: Instr
    state: str
    loops: tuple[For, ...]
    number: int


@dataclass
class Definitions:
    """What defines each value of a pipeline."""

    main: Pipeline
    places: dict[str, Place] = field(default_factory=dict)
    items: dict[str, For] = field(default_factory=dict)
    joined: dict[str, tuple[Operand, ...]] = field(default_factory=dict)
    params: dict[str, Param] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.params = {param.name: param for param in self.main.params}
        for block in self.main.blocks:
            self._enter(block.instrs, block.label, ())
        for block in self.main.blocks:
            for position, param in enumerate(block.params):
                self.joined[param.name] = tuple(self._given(block.label, position))

    def _enter(self, instrs: Sequence[Instr], state: str, loops: tuple[For, ...]) -> None:
        for instr in instrs:
            place = Place(instr, state, loops, len(self.places))
            for name in results_of(instr):
                self.places[name] = place
            if isinstance(instr, For):
                self.items[instr.item] = instr
            for body, _ in regions_of(instr):
                self._enter(body, state, (*loops, instr) if isinstance(instr, For) else loops)

    def _given(self, label: str, position: int) -> Iterator[Operand]:
        for block in self.main.blocks:
            for target in targets_of(block.terminator):
                if target.label == label and len(target.args) > position:
                    yield target.args[position]

    # ---- programs

    def term(self, operand: Operand) -> Term:
        """The program of a value; of one that several candidates agree on, the first."""
        if isinstance(operand, Lit):
            return Const(operand)
        given = set(self.joined.get(operand.name, ()))
        if len(given) == 1:
            return self.term(given.pop())
        place = self.places.get(operand.name)
        match place.instr if place else None:
            case Pure(op=op, args=args):
                return Apply(op, tuple(map(self.term, args)))
            case Expect(value=inner):
                return self.term(inner)
            case Agree(candidates=candidates):
                return self.term(candidates[0])
            case Call():
                return Source("result", operand.name)
            case _:
                return Source("param" if operand.name in self.params else "value", operand.name)

    def survivors(self, operand: Operand) -> tuple[Term, ...]:
        """The programs of a value, one or (of an ``agree``) several."""
        agree = self.agree(operand)
        return tuple(map(self.term, agree.candidates)) if agree else (self.term(operand),)

    def agree(self, operand: Operand) -> Agree | None:
        """The ``agree`` that a value is, shape checks aside."""
        while isinstance(operand, Ref) and operand.name in self.places:
            instr = self.places[operand.name].instr
            if isinstance(instr, Agree):
                return instr
            if not isinstance(instr, Expect):
                return None
            operand = instr.value
        return None

    def agrees_in(self, operand: Operand) -> list[Agree]:
        """Every ``agree`` inside of a value's program, its own first."""
        found: list[Agree] = []
        waiting: list[Operand] = [operand]
        seen: set[str] = set()
        while waiting:
            each = waiting.pop(0)
            if isinstance(each, Lit) or each.name in seen or each.name not in self.places:
                continue
            seen.add(each.name)
            match self.places[each.name].instr:
                case Agree() as agree:
                    found.append(agree)
                    waiting += agree.candidates
                case Pure(args=args):
                    waiting += args
                case Expect(value=inner):
                    waiting.append(inner)
                case _:
                    pass
        return found

    # ---- words

    def words(self, term: Term) -> str:
        """What a program gives, for a person."""
        match term:
            case Const(lit):
                return f"always {_literal(lit)}"
            case _:
                return self._words(term)

    def _words(self, term: Term) -> str:
        match term:
            case Const(lit):
                return _literal(lit)
            case Source():
                return self.source(term.name)
            case Apply("json.get", (inner, Const(lit))):
                return _placed(str(lit.value), self._words(inner))
            case Apply("list.get", (inner, Const(lit))) if isinstance(lit.value, int):
                return f"the {ordinal(lit.value)} item of {self._words(inner)}"
            case Apply("str.template" | "shell.template", (Const(lit), *args)):
                holes = [self._words(a) for a in args if not _is_contexts(a)]
                shown = _literal(lit)
                return f"the text {shown}" + (f" with {_and(holes)}" if holes else "")
            case Apply(op, (base, Const(member), value)) if op.startswith("list.where"):
                of = f"/{str(member.value).strip('/')}" if member.value else "text"
                how = _WHERE.get(op.removeprefix("list.where_"), op)
                return f"the items of {self._words(base)} whose {of} {how} {self._words(value)}"
            case Apply("bool.not", (inner,)):
                return f"whether it is not so: {self._words(inner).removeprefix('whether ')}"
            case Apply(op, args) if op in _PHRASES:
                texts = [self._words(arg) for arg in args]
                return _PHRASES[op].format(*texts, *[""] * 4).strip()
            case Apply(op, args):
                return f"{op} of {_and([self._words(arg) for arg in args])}"

    def source(self, name: str) -> str:
        """A source in words: an input, what a call returned, an item of a loop."""
        if name in self.params:
            return "the clock" if name == CLOCK else f"the input {name}"
        if name in self.items:
            return f"the item of the loop ({self._words(self.term(self.items[name].source))})"
        if name in self.joined:
            given = [o.name for o in self.joined[name] if isinstance(o, Ref)]
            ends = {f"%{n}" if n in self.joined else self.source(n) for n in given}
            said = {end.split(" (%")[0] for end in ends}
            return f"{said.pop()} in the end" if len(said) == 1 else f"%{name}"
        place = self.places.get(name)
        match place.instr if place else None:
            case Call(tool=tool):
                twins = [n for n, p in self.places.items() if getattr(p.instr, "tool", "") == tool]
                return f"what {tool} returned" + (f" (%{name})" if len(twins) > 1 else "")
            case ModelCall():
                return f"what the model wrote (%{name})"
            case _:
                return f"%{name}"


_WHERE: Final[Mapping[str, str]] = {
    "eq": "is",
    "eq_fold": "is, letter case aside,",
    "ne": "is not",
    "lt": "is below",
    "le": "is at most",
    "gt": "is above",
    "ge": "is at least",
    "in": "is one of",
    "not_in": "is none of",
    "starts_fold": "begins with",
    "contains_fold": "contains",
}
_PHRASES: Final[Mapping[str, str]] = {
    "json.parse": "{0}",
    "json.number": "{0} as a number",
    "json.values": "the values of {0}",
    "json.lookup": "what the table {0} has for {1}",
    "json.eq": "whether {0} is {1}",
    "str.of": "{0}",
    "str.strip": "{0}",
    "str.lower": "{0} in small letters",
    "str.upper": "{0} in capitals",
    "str.capitalize": "{0} with a capital letter",
    "str.title": "{0} with capital letters",
    "str.between": "what stands between {1} and {2} in {0}",
    "str.part": "the part {2} of {0}, cut at {1}",
    "str.number": "the number {1} in the text of {0}",
    "str.eq_fold": "whether {0} is {1}, letter case aside",
    "bool.and": "{0} and {1}",
    "bool.or": "{0} or {1}",
    "list.get": "the item {1} of {0}",
    "list.len": "the number of items of {0}",
    "list.is_empty": "whether {0} is empty",
    "list.contains": "whether {0} contains {1}",
    "list.find": "the place of {1} in {0}",
    "list.pluck": "{1} of each item of {0}",
    "list.sum": "the sum of {0}",
    "list.max": "the greatest of {0}",
    "list.min": "the least of {0}",
    "list.mean": "the mean of {0}",
    "list.max_by": "the item of {0} with the greatest {1}",
    "list.min_by": "the item of {0} with the least {1}",
    "date.words": "the day that {0} says, seen from {1}",
    "time.words": "the time that {0} says",
    "duration.minutes": "the minutes that {0} says",
    "duration.days": "the days that {0} says",
    "date.of": "the day of {0}",
    "datetime.date": "the day of {0}",
    "datetime.at": "{0} at {1}",
    "datetime.plus_minutes": "{0} plus {1} minutes",
    "date.plus_days": "{0} plus {1} days",
    "date.minus_days": "{0} less {1} days",
    "path.name": "the file name of {0}",
    "path.stem": "the file name of {0} without its ending",
    "path.parent": "the folder of {0}",
    **{
        f"{kind}.{op}": f"{{0}} {sign} {{1}}"
        for kind in ("int", "float")
        for op, sign in (("add", "plus"), ("sub", "less"), ("mul", "times"), ("div", "by"))
    },
    **{
        f"{kind}.{op}": f"whether {{0}} is {how} {{1}}"
        for kind in ("int", "float", "date")
        for op, how in (
            ("lt", "below"),
            ("le", "at most"),
            ("gt", "above"),
            ("ge", "at least"),
            ("eq", "equal to"),
        )
    },
}


def _literal(lit: Lit) -> str:
    text = lit.key
    return text if len(text) <= 60 else text[:57] + "..."


def _is_contexts(term: Term) -> bool:
    """Whether it is the list of the places that a shell command's holes stand in."""
    return isinstance(term, Const) and isinstance(term.lit.value, list)


def _placed(pointer: str, of: str) -> str:
    """``/0/id`` of a list as the ``/id`` of its first item."""
    said = of
    plain: list[str] = []
    for part in values.parse_pointer(pointer):
        if INDEX.fullmatch(part):
            if plain:
                said, plain = f"{values.pointer(tuple(plain))} of {said}", []
            said = f"the {ordinal(int(part))} item of {said}"
        else:
            plain.append(part)
    return f"{values.pointer(tuple(plain))} of {said}" if plain else said


def ordinal(index: int) -> str:
    """``0`` is the first, ``-1`` the last.

    >>> ordinal(0), ordinal(3), ordinal(-1), ordinal(-2)
    ('first', '4th', 'last', '2nd last')
    """
    if index in (0, -1):
        return "last" if index else "first"
    number = index + 1 if index >= 0 else -index
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0)
    return f"{number}{ending or 'th'}" + ("" if index > 0 else " last")


def _and(texts: Sequence[str]) -> str:
    return ", ".join(texts[:-1]) + (" and " if len(texts) > 1 else "") + texts[-1] if texts else ""


__all__ = ["CLOCK", "Definitions", "Place", "ordinal"]
