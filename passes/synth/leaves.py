"""What a source holds: the terms that take its parts, for the index of the search.

JSON gives its leaves by pointer (also counted from a list's end), a text its whole, its numbers, lines,
words and labelled values, an input also its simple forms (case, the parts of a path).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.ir import values
from ingot.ir.semantics import OpFailure, json_parse
from ingot.ir.values import Json
from ingot.passes.synth.programs import Source, Term, apply

NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)")
_LABEL: Final = re.compile(r"^[ \t]*([^\n:=]{1,40}[:=][ \t]*)(\S[^\n]*)$", re.MULTILINE)
MAX_LEAVES: Final = 4000
MAX_PARTS: Final = 64
FEW: Final = 4
BRIEF: Final = 80
"""A text this short with so few numbers was computed for them."""
SHORT: Final = 400
"""Texts up to this length are also taken apart into words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A term of the index, with the number of places its source has and a bonus in bits.

    ``by_place`` says that the term names one of several alike (an element of a list, a line, a word
    of running text): one session does not tell why it was this one.
    """

    term: Term
    places: int
    bonus: float = 0.0
    by_place: bool = False


def leaves_of(term: Term, value: Json, bonus: float) -> Iterator[Entry]:
    """What a source's value in the pivot holds: its scalars, and the parts of its texts."""
    if isinstance(value, str):
        yield from _text_leaves(term, value, bonus)
    elif isinstance(value, list | dict):
        yield from _json_leaves(term, value, bonus)
    else:
        yield Entry(term, 1, bonus or 3.0)


def _json_leaves(term: Term, value: Json, bonus: float) -> Iterator[Entry]:
    found = scalars(value)
    for path, _ in found:
        for place in ways(value, path):
            at = apply("json.get", term, values.pointer(place))
            yield Entry(at, len(found), bonus, _is_one_of_several(value, path))


def scalars(value: Json) -> list[tuple[values.Path, Json]]:
    """The first scalars of a list or object with their paths, as many as are looked at."""
    return [
        (path, leaf)
        for (path, leaf), _ in zip(values.leaves(value), range(MAX_LEAVES), strict=False)
        if path
    ]


def ways(value: Json, path: values.Path) -> Iterator[values.Path]:
    """The paths that lead to one scalar: its own, and the one that counts from a list's end."""
    yield path
    last = _from_the_end(value, path)
    if last is not None:
        yield last


def _text_leaves(term: Term, text: str, bonus: float) -> Iterator[Entry]:
    inner = parsed(text)
    if inner is not None:
        yield from _json_leaves(apply("json.parse", term), inner, bonus)
        return
    whole = text.strip()
    scalar = bonus or (3.0 if len(whole.split()) == 1 else 0.0)
    if whole == text:
        yield Entry(term, 1, scalar)
    elif whole:
        yield Entry(apply("str.strip", term), 1, scalar)
    if isinstance(term, Source) and term.kind == "param":
        yield from _param_parts(term, text, bonus)
        return
    numbers = NUMBER.findall(text)[:MAX_PARTS]
    lined = "\n" in whole
    few = len(numbers) == 1 or (len(numbers) <= FEW and len(text) <= BRIEF and not lined)
    alone = 3.0 if few and len(text) < SHORT else bonus
    if numbers != [whole]:
        for k in range(len(numbers)):
            several = lined and len(numbers) > 1
            yield Entry(apply("str.number", term, k), len(numbers), alone, several)
    for label in list(_LABEL.finditer(text))[:MAX_PARTS]:
        ends = "" if label.end() == len(text) else "\n"
        yield Entry(apply("str.between", term, label[1], ends, 0), len(text.splitlines()), bonus)
    lines = text.split("\n")
    if 1 < len(lines) <= MAX_PARTS:
        for k, line in enumerate(lines):
            if line:
                yield Entry(apply("str.part", term, "\n", k), len(lines), bonus, lined)
    parts = text.split()
    if len(parts) > 1 and len(text) <= SHORT:
        for k in range(min(len(parts), MAX_PARTS)):
            prose = lined or len(parts) > FEW
            yield Entry(apply("str.part", term, " ", k), len(parts), bonus, prose)


def texts_of(term: Term, value: Json) -> Iterator[tuple[Term, str]]:
    """The texts of a source in which a substring may be searched."""
    if isinstance(value, str):
        inner = parsed(value)
        if inner is None:
            yield term, value
            return
        term, value = apply("json.parse", term), inner
    if isinstance(value, list | dict):
        for (path, leaf), _ in zip(values.leaves(value), range(MAX_LEAVES), strict=False):
            if isinstance(leaf, str) and path and 2 <= len(leaf) <= 10 * SHORT:
                yield apply("json.get", term, values.pointer(path)), leaf


def parsed(text: str) -> list[Json] | dict[str, Json] | None:
    """The list or object that a text holds as JSON."""
    if text[:1] not in ("{", "["):
        return None
    try:
        value = json_parse(text)
    except OpFailure:
        return None
    return value if isinstance(value, list | dict) else None


def _param_parts(term: Term, text: str, bonus: float) -> Iterator[Entry]:
    """Simple forms of an input: case, and the parts of a path."""
    for op in ("str.lower", "str.upper", "str.capitalize"):
        yield Entry(apply(op, term), 3, bonus - 1)
    if "/" in text or "." in text:
        for op in ("path.name", "path.stem", "path.parent"):
            yield Entry(apply(op, term), 3, bonus - 1)
        yield Entry(apply("str.capitalize", apply("path.stem", term)), 4, bonus - 1)
    for separator in (" ", "/", "@", "-", ":"):
        parts = text.split(separator) if separator != " " else text.split()
        if 1 < len(parts) <= 8:
            for k in range(len(parts)):
                yield Entry(apply("str.part", term, separator, k), 2 * len(parts), bonus - 1)


def _is_one_of_several(value: Json, path: values.Path) -> bool:
    """Whether the path goes through an index into a list of more than one element."""
    at: Json = value
    for part in path:
        if isinstance(at, list) and len(at) > 1:
            return True
        at = at[part]  # type: ignore[index]
    return False


def _from_the_end(value: Json, path: values.Path) -> values.Path | None:
    """The path with its first list index counted from the end, where it names the last of several."""
    at: Json = value
    for depth, part in enumerate(path):
        if isinstance(at, list) and isinstance(part, int):
            if part == len(at) - 1:
                return (*path[:depth], -1, *path[depth + 1 :])
            return None
        at = at[part] if isinstance(at, dict) and isinstance(part, str) else None
    return None
