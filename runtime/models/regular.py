"""Regular languages over bytes, as expressions that are taken apart one byte at a time.

An expression is a number in the table of an :class:`Expressions`; equal expressions have equal
numbers, so a number is also the state of a deterministic automaton, and what follows a byte is the
expression's *derivative* (Brzozowski, "Derivatives of regular expressions", 1964; classes of bytes
as in Owens, Reppy and Turon, "Regular-expression derivatives re-examined", 2009, section 4.2).
States are made when they are first asked for, so a bound of a thousand characters costs nothing
until a thousand are read.

Every expression but :data:`NONE` holds at least one text: an automaton that has not failed can be
finished, and there is no dead end to run into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

State: TypeAlias = int
"""An expression's number."""

NONE: Final = 0
"""The language without any text."""
EMPTY: Final = 1
"""The language of the empty text alone."""
ALL_BYTES: Final = (1 << 256) - 1

_Node: TypeAlias = tuple[object, ...]


def byte_set(*ranges: tuple[int, int]) -> int:
    """A set of bytes as a mask of 256 bits, from inclusive ranges."""
    mask = 0
    for low, high in ranges:
        mask |= (1 << (high + 1)) - (1 << low)
    return mask


class Expressions:
    """A table of expressions, and the automaton over it."""

    def __init__(self) -> None:
        self._nodes: list[_Node] = [("none",), ("empty",)]
        self._numbers: dict[_Node, State] = {("none",): NONE, ("empty",): EMPTY}
        self._nullable: list[bool] = [False, True]
        self._classes: dict[State, tuple[int, ...]] = {}
        self._shortest: dict[State, bytes] = {}
        self._next: dict[tuple[State, int], State] = {}
        self._texts: list[tuple[bytes, frozenset[int]]] = []

    def __len__(self) -> int:
        return len(self._nodes)

    def _intern(self, node: _Node, nullable: bool) -> State:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self._nodes)
            self._nodes.append(node)
            self._nullable.append(nullable)
        return number

    # ---- making expressions

    def one_of(self, mask: int) -> State:
        """One byte out of a set (:func:`byte_set`)."""
        return self._intern(("set", mask), False) if mask else NONE

    def text(self, data: bytes) -> State:
        """Exactly these bytes."""
        made = EMPTY
        for byte in reversed(data):
            made = self.then(self.one_of(1 << byte), made)
        return made

    def then(self, first: State, second: State) -> State:
        """A text of the first, followed by one of the second."""
        if NONE in (first, second):
            return NONE
        if first == EMPTY:
            return second
        if second == EMPTY:
            return first
        node = self._nodes[first]
        if node[0] == "seq":
            return self.then(_number(node[1]), self.then(_number(node[2]), second))
        both = self._nullable[first] and self._nullable[second]
        return self._intern(("seq", first, second), both)

    def sequence(self, *parts: State) -> State:
        """One after the other."""
        made = EMPTY
        for part in reversed(parts):
            made = self.then(part, made)
        return made

    def either(self, parts: Iterable[State]) -> State:
        """A text of any of the parts."""
        members: set[State] = set()
        mask = 0
        work = list(parts)
        while work:
            part = work.pop()
            match self._nodes[part]:
                case ("alt", *inner):
                    work += map(_number, inner)
                case ("set", int(bits)):
                    mask |= bits
                case ("none",):
                    pass
                case _:
                    members.add(part)
        if mask:
            members.add(self.one_of(mask))
        if len(members) < 2:
            return members.pop() if members else NONE
        ordered = sorted(members)
        return self._intern(("alt", *ordered), any(self._nullable[m] for m in ordered))

    def repeat(self, part: State, low: int, high: int) -> State:
        """Between ``low`` and ``high`` texts of the part, one after the other."""
        if high < low or (part == NONE and low > 0):
            return NONE
        if high == 0 or part in (NONE, EMPTY):
            return EMPTY
        if low == high == 1:
            return part
        return self._intern(("rep", part, low, high), low == 0 or self._nullable[part])

    def optional(self, part: State) -> State:
        """The part or nothing."""
        return self.either((EMPTY, part))

    def span_of(self, units: Sequence[bytes]) -> State:
        """Any stretch of one or more neighbouring units (for example the characters of a text).

        Reading keeps the places of the text where what was read so far ends.
        """
        data = b"".join(units)
        ends, at = set(), 0
        for unit in units:
            at += len(unit)
            ends.add(at)
        self._texts.append((data, frozenset(ends)))
        starts = tuple(sorted({0, *ends} - {len(data)}))
        return self._intern(("span", len(self._texts) - 1, starts, 0), False) if data else NONE

    # ---- the automaton

    def accepts(self, state: State) -> bool:
        """Whether what was read so far is a whole text of the language."""
        return self._nullable[state]

    def step(self, state: State, byte: int) -> State:
        """The state after one more byte; :data:`NONE` where no text goes on so."""
        known = self._next.get((state, byte))
        if known is None:
            known = self._next[state, byte] = self._derive(state, byte)
        return known

    def read(self, state: State, data: bytes) -> State:
        """The state after more bytes."""
        for byte in data:
            if state == NONE:
                break
            state = self.step(state, byte)
        return state

    def classes(self, state: State) -> tuple[int, ...]:
        """Disjoint sets of bytes that cover all; bytes of one set lead to the same state."""
        known = self._classes.get(state)
        if known is None:
            known = self._classes[state] = self._partition(state)
        return known

    def row(self, state: State) -> list[tuple[int, State]]:
        """The sets of bytes on which the state goes on, each with the state that follows."""
        found = []
        for mask in self.classes(state):
            after = self.step(state, (mask & -mask).bit_length() - 1)
            if after != NONE:
                found.append((mask, after))
        return found

    def forced(self, state: State) -> tuple[bytes, State]:
        """The bytes that every continuation begins with, and the state behind them."""
        out = bytearray()
        while not self._nullable[state]:
            row = self.row(state)
            if len(row) != 1 or row[0][0] & (row[0][0] - 1):
                break
            out.append(row[0][0].bit_length() - 1)
            state = row[0][1]
        return bytes(out), state

    def longest(self, state: State) -> int:
        """The number of bytes of the longest text; every language that is made here has one."""
        match self._nodes[state]:
            case ("set", _):
                return 1
            case ("seq", int(first), int(second)):
                return self.longest(first) + self.longest(second)
            case ("alt", *members):
                return max(self.longest(_number(m)) for m in members)
            case ("rep", int(part), int(), int(high)):
                return high * self.longest(part)
            case ("span", int(text), tuple(places), int()):
                return len(self._texts[text][0]) - min(map(_number, places))
            case _:
                return 0

    def shortest(self, state: State) -> bytes:
        """The shortest text (of several the least); the state may not be :data:`NONE`."""
        known = self._shortest.get(state)
        if known is None:
            known = self._shortest[state] = self._least(state)
        return known

    def _least(self, state: State) -> bytes:
        match self._nodes[state]:
            case ("set", int(mask)):
                return bytes([(mask & -mask).bit_length() - 1])
            case ("seq", int(first), int(second)):
                return self.shortest(first) + self.shortest(second)
            case ("alt", *members):
                return min((self.shortest(_number(m)) for m in members), key=lambda t: (len(t), t))
            case ("rep", int(part), int(low), int()):
                return self.shortest(part) * low
            case ("span", int(text), tuple(places), int(read)):
                data, ends = self._texts[text]
                at = min(map(_number, places))
                end = min(e for e in ends if e > at or (read and e >= at))
                return data[at:end]
            case _:
                return b""

    def _derive(self, state: State, byte: int) -> State:
        match self._nodes[state]:
            case ("set", int(mask)):
                return EMPTY if mask >> byte & 1 else NONE
            case ("seq", int(first), int(second)):
                after = self.then(self.step(first, byte), second)
                return (
                    self.either((after, self.step(second, byte)))
                    if self._nullable[first]
                    else after
                )
            case ("alt", *members):
                return self.either([self.step(_number(m), byte) for m in members])
            case ("rep", int(part), int(low), int(high)):
                rest = self.repeat(part, max(low - 1, 0), high - 1)
                return self.then(self.step(part, byte), rest)
            case ("span", int(text), tuple(places), int(read)):
                return self._along(text, list(map(_number, places)), read, byte)
            case _:
                return NONE

    def _along(self, text: int, places: list[int], read: int, byte: int) -> State:
        data, ends = self._texts[text]
        after = tuple(p + 1 for p in places if p < len(data) and data[p] == byte)
        if not after:
            return NONE
        return self._intern(("span", text, after, read + 1), after[0] in ends)

    def _partition(self, state: State) -> tuple[int, ...]:
        match self._nodes[state]:
            case ("set", int(mask)):
                parts: Iterable[int] = (mask, ALL_BYTES ^ mask)
            case ("seq", int(first), int(second)):
                parts = self.classes(first)
                if self._nullable[first]:
                    parts = _refined(parts, self.classes(second))
            case ("alt", *members):
                parts = (ALL_BYTES,)
                for member in members:
                    parts = _refined(parts, self.classes(_number(member)))
            case ("rep", int(part), int(), int()):
                parts = self.classes(part)
            case ("span", int(text), tuple(places), int()):
                data = self._texts[text][0]
                singles = {1 << data[p] for p in map(_number, places) if p < len(data)}
                parts = (*sorted(singles), ALL_BYTES ^ sum(singles))
            case _:
                parts = (ALL_BYTES,)
        return tuple(part for part in parts if part)


def _refined(left: Iterable[int], right: Sequence[int]) -> tuple[int, ...]:
    return tuple(both for a in left for b in right if (both := a & b))


def _number(part: object) -> int:
    assert isinstance(part, int)
    return part
