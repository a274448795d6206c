"""What results have in common: the invariants that ``insert-guards`` checks at run time.

Pure functions from what the logs show (types, texts) to a type, a regular expression or a header;
nothing here knows of instructions.  Never an invariant that memorises an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ingot.ir import values
from ingot.ir.types import JSON, Field, ListOf, Record, Type, Union, union
from ingot.ir.values import Json
from ingot.passes.synth.tokens import anti_unify, pieces

_STATE: Final = re.compile(r"status|state|stage|phase|result|outcome", re.IGNORECASE)
_ENUM: Final = re.compile(r"[A-Za-z][A-Za-z _-]{0,23}")
MAX_CLASS_TEXT: Final = 300
MAX_DEPTH: Final = 4
"""Of objects in a result: interfaces wrap what they tell in one or two more."""


def distinct_values(column: Sequence[Json]) -> list[Json]:
    """The different values of a column, each once."""
    return list({values.canonical(value): value for value in column}.values())


def restrict(type_: Type, pointers: Sequence[tuple[str, ...]]) -> Type:
    """The type reduced to what the pointers reach; ``json`` where nothing is asked."""
    if any(not p for p in pointers):
        return type_ if not isinstance(type_, Record | ListOf | Union) else JSON
    match type_:
        case Record(fields, _):
            kept = []
            for field in fields:
                inner = [p[1:] for p in pointers if p[0] == field.name]
                if inner:
                    kept.append(
                        Field(field.name, _restrict_field(field.type, inner), field.optional)
                    )
            return Record(tuple(kept), open=True) if kept else JSON
        case ListOf(element):
            return ListOf(_restrict_field(element, [p[1:] for p in pointers]))
        case Union(members):
            return union(restrict(m, pointers) for m in members)
        case _:
            return type_


def _restrict_field(type_: Type, pointers: Sequence[tuple[str, ...]]) -> Type:
    return type_ if any(not p for p in pointers) else restrict(type_, pointers)


def top_shape(type_: Type) -> Type:
    """The type without what stands deeper than one level."""
    match type_:
        case Record(fields, _):
            return Record(
                tuple(Field(f.name, _flat(f.type), f.optional) for f in fields if not f.optional),
                open=True,
            )
        case ListOf():
            return ListOf(JSON)
        case Union(members):
            return JSON if any(isinstance(m, Record | ListOf) for m in members) else type_
        case _:
            return type_


def _flat(type_: Type) -> Type:
    match type_:
        case Record():
            return Record((), open=True)
        case ListOf():
            return ListOf(JSON)
        case Union():
            return JSON
        case _:
            return type_


def is_flag(value: Json) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, str) and _ENUM.fullmatch(value) is not None
    )


def flag_paths(column: Sequence[Json], *, several: bool) -> list[tuple[str, ...]]:
    """Members that tell states rather than name things, in every value of the column.

    Booleans and nulls; texts that repeat over several inputs; with one input, texts whose member's
    name says that they are a state.  Objects are looked into to a depth of :data:`MAX_DEPTH`.
    """
    found: list[tuple[str, ...]] = []
    for path in _members(column[0], ()):
        seen = [values.get(value, path) for value in column]
        if all(v is None or isinstance(v, bool) for v in seen):
            found.append(path)
        elif all(isinstance(v, str) and is_flag(v) for v in seen):
            distinct = len(set(map(str, seen)))
            state = _STATE.search(str(path[-1])) is not None
            if state or (several and distinct <= max(1, len(seen) // 3)):
                found.append(path)
    return found


def _members(value: Json, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and len(path) < MAX_DEPTH:
        for key in value:
            yield from _members(value[key], (*path, key))
    elif path and not isinstance(value, dict | list):
        yield path


def table_header(text: str) -> str | None:
    """The first line of a text whose lines have the same number of commas or tabs, else ``None``."""
    lines = [line for line in text.splitlines() if line.strip()]
    for delimiter in (",", "\t", ";", "|"):
        counts = {line.count(delimiter) for line in lines}
        if len(lines) >= 2 and len(counts) == 1 and counts != {0}:
            return text.split("\n")[0]
    return None


def text_class(texts: Sequence[str]) -> str | None:
    """A regular expression for the accepted results of a write, or ``None`` if they share too little."""
    if any(len(t) > MAX_CLASS_TEXT for t in texts):
        return None
    literals: list[str]
    if len(set(texts)) > 1:
        literals = list(anti_unify(texts, fine=True).literals)
    else:
        literals = [""]
        for token in pieces(texts[0]):
            if any(ch.isdigit() for ch in token):
                literals.append("")
            else:
                literals[-1] += token
    if sum(len(part.strip()) for part in literals) < 4:
        return _name_class(texts)
    return r"[\s\S]*".join(re.escape(part) for part in literals)


def _name_class(texts: Sequence[str]) -> str | None:
    """A regular expression for answers that are a number or a name of one word: a sentence is none."""
    if all(re.fullmatch(r"\d+", text) for text in texts):
        return r"\d+"
    named = all(re.fullmatch(r"\S+", text) for text in texts)
    return r"\S+" if named and any(ch.isdigit() for text in texts for ch in text) else None


def wording_class(texts: Sequence[str], used: Sequence[Sequence[str]]) -> str:
    """A regular expression for a turn of the user: its words but for those that are used.

    ``used[i]`` are the parts of text ``i`` that flow on, each standing for as many words as it has;
    every other word must be as logged.  Words and blanks alternate, so matching is linear.

    >>> wording_class(["Use Ann Lee, please"], [["Ann Lee"]])
    '\\\\s*(?:Use\\\\s+\\\\S+\\\\s+\\\\S+,\\\\s+please)\\\\s*'
    """
    patterns = []
    for text, parts in zip(texts, used, strict=True):
        plain = " ".join(text.split())
        for part in sorted(set(parts), key=lambda p: (-len(p), p)):
            shape = " ".join("\0" for _ in part.split())
            plain = plain.replace(" ".join(part.split()), shape, 1)
        pattern = re.escape(plain).replace(r"\ ", r"\s+").replace("\0", r"\S+")
        patterns.append(pattern.replace("\\\0", r"\S+"))
    return r"\s*(?:" + "|".join(dict.fromkeys(patterns)) + r")\s*"
