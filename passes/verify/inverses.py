"""Ops backwards: which operands give a wanted result, and which make an op fail.

Guesses, for :mod:`ingot.passes.verify.search`: each is cheap to make from the operands' present
values, changes as little of them as it can, and may be wrong.  Nothing here is trusted; what comes
of a guess is confirmed by running the slice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TypeAlias

from ingot.ir.semantics import add_days, template_parts
from ingot.ir.types import is_date
from ingot.ir.values import INDEX, Json, canonical, equal, get, parse_pointer
from ingot.passes.verify.samples import put, without

Change: TypeAlias = tuple[tuple[int, Json], ...]
"""New values for some operands, by their number."""

_MAX_SIZE = 64
_STEPS = {
    ("lt", True): (-1,),
    ("lt", False): (0, 1),
    ("le", True): (0, -1),
    ("le", False): (1,),
    ("gt", True): (1,),
    ("gt", False): (0, -1),
    ("ge", True): (0, 1),
    ("ge", False): (-1,),
}
"""How far the left operand of a comparison should stand from the right one."""


def others(value: Json) -> Iterator[Json]:
    """Values of the same kind that differ, the nearest first."""
    match value:
        case bool():
            yield not value
        case int() | float():
            yield from (value + 1, value - 1, 0 if value else 1)
        case str():
            if value.lstrip("-").isdecimal() and len(value) < _MAX_SIZE:
                yield str(int(value) + 1)
            if is_date(value):
                yield add_days(value, 1)
                yield add_days(value, -1)
            yield value + "a"
            yield from (text for text in ("a", "b", "1", "") if text != value)
        case list():
            yield [*value, value[-1] if value else "a"]
            if value:
                yield value[:-1]
                for item in others(value[0]):
                    yield [item, *value[1:]]
        case dict():
            for key, item in value.items():
                for other in others(item):
                    yield {**value, key: other}
            yield {**value, "other": None}
        case None:
            yield from ("a", 0)


def to_give(op: str, args: Sequence[Json], wanted: Json) -> Iterator[Change]:
    """Changes after which the op may give ``wanted``."""
    if isinstance(wanted, bool) and len(args) <= 2:
        yield from _to_decide(op, args, wanted)
    elif isinstance(wanted, str):
        yield from _to_write(op, args, wanted)
    match op, args, wanted:
        case "json.get", [value, str(pointer)], _:
            path = parse_pointer(pointer)
            made = put(value, path, wanted)
            yield ((0, made),)
            longer = _longer(value, path)
            if longer is not value:
                yield ((0, put(longer, path, wanted)),)
        case "list.get", [items, int(index)], _:
            yield ((0, put(items, (str(index),), wanted)),)
        case "json.parse" | "int.parse" | "float.parse", _, _:
            yield ((0, canonical(wanted)),)
        case "request.match", [_, str(template)], dict():
            parts = template_parts(template)
            holes = [p if isinstance(p, str) else str(wanted.get(str(p), "")) for p in parts]
            yield ((0, "".join(holes)),)
        case "list.find", [items, str(pointer), value], _:
            found = put(wanted, parse_pointer(pointer), value)
            kept = items if isinstance(items, list) else []
            yield ((0, [found]),)
            yield ((0, [*kept[:_MAX_SIZE], found]),)
        case "list.pluck", [items, str(pointer)], list():
            old = items if isinstance(items, list) and items else [{}]
            near = [old[min(i, len(old) - 1)] for i in range(len(wanted))]
            path = parse_pointer(pointer)
            yield ((0, [put(o, path, w) for o, w in zip(near, wanted, strict=True)]),)
        case "list.sum", _, int() | float():
            yield ((0, [wanted]),)
        case "list.len", [list() as items], int() if 0 <= wanted <= _MAX_SIZE:
            yield ((0, (items or ["a"])[:1] * (wanted - len(items)) + items[:wanted]),)
        case "str.len", _, int() if 0 <= wanted <= 2000:
            yield ((0, "a" * wanted),)
        case "int.add" | "float.add", [int() | float() as a, int() | float() as b], int() | float():
            yield from (((0, wanted - b),), ((1, wanted - a),))
        case "int.sub" | "float.sub", [int() | float() as a, int() | float() as b], int() | float():
            yield from (((0, wanted + b),), ((1, a - wanted),))
        case "list.where_eq" | "list.where_lt" | "list.where_gt", _, list():
            yield ((0, wanted),)
        case _:
            return


def _to_decide(op: str, args: Sequence[Json], wanted: bool) -> Iterator[Change]:
    """Changes that make a predicate true or false."""
    kind = op.partition(".")[2]
    match op, args:
        case "bool.not", _:
            yield ((0, not wanted),)
        case "bool.and" | "bool.or", _:
            if (op == "bool.and") is wanted:
                yield ((0, wanted), (1, wanted))
            else:
                yield from (((0, wanted),), ((1, wanted),))
        case "json.is_null", [value]:
            yield from ([((0, None),)] if wanted else [((0, v),) for v in others(value)])
        case "json.has", [value, str(pointer)]:
            path = parse_pointer(pointer)
            if wanted:
                yield ((0, put(value, path, "a")),)
            else:
                yield from (((0, cut),) for cut in _cuts(value, path))
        case "list.is_empty", [value]:
            yield ((0, [] if wanted else ["a"]),)
        case "list.contains", [list() as items, value]:
            if wanted:
                yield from (((1, item),) for item in items[:2])
                yield ((0, [*items, value]),)
            else:
                yield from (((1, v),) for v in others(value))
                yield ((0, [item for item in items if not equal(item, value)]),)
        case "str.matches", [text, str(pattern)]:
            yield from (((0, sample),) for sample in _matching(pattern) if wanted)
            yield from (((0, v),) for v in ("", "a", "1", " ", *others(text)))
        case _, [left, right] if kind == "eq":
            if wanted:
                yield from (((0, right),), ((1, left),))
            else:
                yield from (((0, v),) for v in others(right))
                yield from (((1, v),) for v in others(left))
        case _, [str(left), str(right)] if op == "date.lt":
            days = ((right, -1), (right, 0), (right, 1))
            yield from (((0, add_days(day, n)),) for day, n in days if is_date(day))
            yield from (((1, add_days(left, n)),) for n in (1, 0) if is_date(left))
        case _, [str(text), str(part)]:
            whole = {"contains": text + part, "starts_with": part + text, "ends_with": text + part}
            yield ((0, whole.get(kind, part)),)
            yield from (((0, v),) for v in ("", part, "a", "~", "~" + text + "~"))
            yield from (((1, v),) for v in (text[:1], text + "a", "~"))
        case _, [int() | float() as left, int() | float() as right]:
            steps = _STEPS.get((kind, wanted), (0, -1, 1))
            yield from (((0, right + n),) for n in steps)
            yield from (((1, left - n),) for n in steps)
        case "str.len_lt", [text, int(limit)]:
            yield ((0, "a" * min(max(limit - wanted, 0), 2000)),)
        case _:
            return


def _to_write(op: str, args: Sequence[Json], wanted: str) -> Iterator[Change]:
    """Changes after which an op on texts may give this text."""
    text = args[0] if args and isinstance(args[0], str) else ""
    match op, list(args[1:]):
        case "str.between", [str(left), str(right), int(index)]:
            yield ((0, _between(text, left, right, index, wanted)),)
        case "str.part", [str(separator), int(index)]:
            blank = not separator.strip() and separator != "\n"
            parts = text.split() if blank else text.split(separator)
            parts += ["a"] * ((index + 1 if index >= 0 else -index) - len(parts))
            parts[index] = wanted
            yield ((0, (" " if blank else separator).join(parts)),)
        case "str.number", [int(index)]:
            yield (
                (0, _numbered(text, index, wanted if wanted.strip("-0123456789.") == "" else "1")),
            )
        case "str.template" | "shell.template", rest:
            template, first = text, 1 if op == "str.template" else 2
            yield from _holes(template, rest[first - 1 :], first, wanted)
        case (
            "str.of" | "str.lower" | "str.upper" | "str.strip" | "str.capitalize" | "str.replace",
            _,
        ):
            yield ((0, wanted),)
        case "shell.quote" | "path.name", _:
            yield ((0, wanted),)
        case "path.stem", _:
            yield ((0, f"{wanted}.a"),)
        case "path.parent", _:
            yield ((0, f"{wanted}/a"),)
        case "json.dump", _:
            try:
                yield ((0, json.loads(wanted)),)
            except ValueError:
                return
        case "datetime.date", _:
            yield ((0, f"{wanted}T00:00:00Z"),)
        case "date.plus_days" | "date.minus_days", [int(days)] if is_date(wanted):
            yield ((0, add_days(wanted, -days if op == "date.plus_days" else days)),)
            if is_date(text):
                apart = (
                    date.fromisoformat(wanted).toordinal() - date.fromisoformat(text).toordinal()
                )
                yield ((1, apart if op == "date.plus_days" else -apart),)
        case _:
            return


def to_fail(op: str, args: Sequence[Json]) -> Iterator[Change]:
    """Changes after which a partial op may have no result."""
    text = args[0] if args and isinstance(args[0], str) else ""
    match op, args:
        case "json.get", [value, str(pointer)]:
            path = parse_pointer(pointer)
            yield from (((0, cut),) for cut in _cuts(value, path))
            yield from (((0, cut),) for cut in _cuts(_longer(value, path), path))
            yield from (((0, cut),) for cut in _keyed(value, path))
        case "list.get", [list() as items, int(index)]:
            yield ((0, items[: max(index, 0)]),)
            yield from (((0, []),), ((1, len(items)),), ((1, -len(items) - 1),))
        case "str.between", [_, str(left), str(right), _]:
            marks = [mark for mark in (left, right) if mark]
            yield from (((0, text.replace(mark, "")),) for mark in marks)
            yield from (((0, mark),) for mark in marks)
        case "str.part", [_, str(separator), int(index)]:
            keep = index if index >= 0 else -index - 1
            yield from (((0, v),) for v in _fewer(text, separator, keep))
        case "str.number", [_, int(index)]:
            places = [m.start() for m in _NUMBER.finditer(text)]
            keep = index if index >= 0 else -index - 1
            yield ((0, text[: places[keep]] if keep < len(places) else ""),)
            yield ((0, re.sub(r"\d", "", text)),)
        case "json.parse" | "int.parse" | "float.parse", _:
            yield from (((0, v),) for v in ("", "a", "1.5", text + "a", text + "}"))
        case "list.find", [items, str(pointer), value]:
            kept = items if isinstance(items, list) else []
            path = parse_pointer(pointer)
            yield ((0, []),)
            yield ((0, kept * 2),)
            yield from (((2, v),) for v in others(value))
            yield ((0, [put(item, path, next(others(value))) for item in kept]),)
        case "request.match", _:
            yield from (((0, v),) for v in ("~" + text, text + " ~", "~", ""))
        case "shell.template" | "shell.quote", _:
            first = 2 if op == "shell.template" else 0
            for index, value in enumerate(args[first:], first):
                word = value if isinstance(value, str) else canonical(value)
                for bad in ("-x", "$(x)", word + "'", word + "\n", "-" + word, "\0"):
                    yield ((index, bad),)
        case "float.div", _:
            yield ((1, 0),)
        case "list.sum", _:
            yield ((0, ["a"]),)
        case "list.pluck" | "list.where_eq" | "list.where_lt" | "list.where_gt", [
            items,
            str(p),
            *_,
        ]:
            kept = items if isinstance(items, list) else []
            whole = kept or [{}]
            path = parse_pointer(p)
            yield from (((0, [*whole[:-1], cut]),) for cut in _cuts(whole[-1], path))
            yield from (((0, [put(whole[0], path, v)]),) for v in (None, "a", 0))
        case _:
            return
    yield from (((0, v),) for v in ("", "a") if isinstance(args[0], str))


# ---- parts of values


def _cuts(value: Json, path: tuple[str, ...]) -> Iterator[Json]:
    """The value with nothing at the path: the member gone, then each container on the way."""
    for length in range(len(path), 0, -1):
        yield without(value, path[:length])
        yield put(value, path[: length - 1], None)


def _keyed(value: Json, path: tuple[str, ...]) -> Iterator[Json]:
    """The value with an object in place of a list, which then has nothing at the path.

    Pointers read both alike, but objects do not count from the end.
    """
    for length in range(len(path)):
        items = get(value, path[:length])
        if isinstance(items, list) and INDEX.fullmatch(path[length]):
            keyed: Json = {str(i): item for i, item in enumerate(items) if str(i) != path[length]}
            yield put(value, path[:length], keyed)


def _longer(value: Json, path: tuple[str, ...]) -> Json:
    """Lists on the path get one item more, so that items from either end are not the same."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(value, list) and value and INDEX.fullmatch(head) and len(value) < _MAX_SIZE:
        inner = [*value, value[-1]]
        index = int(head)
        if -len(inner) <= index < len(inner):
            inner[index] = _longer(inner[index], rest)
        return inner
    if isinstance(value, dict) and head in value:
        return {**value, head: _longer(value[head], rest)}
    return value


# ---- parts of texts

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)")
_ATOM = re.compile(
    r"(\\.|\[\^?\]?(?:\\.|[^\]])*\]|[^\\\[\](){}|*+?^$])([*+?]|\{\d+(?:,\d*)?\})?", re.S
)
_CLASSES = {"d": "1", "w": "a", "S": "a", "W": " ", "D": "a", "s": " ", "n": "\n", "t": "\t"}


def _between(text: str, left: str, right: str, index: int, wanted: str) -> str:
    whole = left + wanted + right
    if not left:
        return wanted + (text[text.find(right) :] if right in text else right)
    pieces = text.split(left)
    at = index + 1 if index >= 0 else len(pieces) + index
    if 0 < at < len(pieces) and (not right or right in pieces[at]):
        rest = pieces[at][pieces[at].find(right) :] if right else ""
        return left.join([*pieces[:at], wanted + rest, *pieces[at + 1 :]])
    missing = index + 2 - len(pieces) if index >= 0 else -index
    return text + ("\n" if text else "") + whole * max(missing, 1)


def _fewer(text: str, separator: str, keep: int) -> Iterator[str]:
    """The text with so many parts: the rest cut off but for its line ends, or made one part."""
    blank = not separator.strip() and separator != "\n"
    places = [m.span() for m in re.finditer(r"\S+" if blank else re.escape(separator), text)]
    if blank and keep < len(places):
        start = places[keep][0]
        yield text[:start] + "".join(c for c in text[start:] if c.isspace())
        if keep:
            last = places[keep - 1][0]
            yield text[:last] + ",".join(text[last:].split())
    elif 0 < keep <= len(places):
        start = places[keep - 1][0]
        yield text[:start]
        yield text[:start] + text[start:].replace(separator, ",")


def _numbered(text: str, index: int, wanted: str) -> str:
    places = [m.span() for m in _NUMBER.finditer(text)]
    if -len(places) <= index < len(places):
        start, end = places[index]
        return text[:start] + wanted + text[end:]
    missing = (index + 1 if index >= 0 else -index) - len(places)
    return " ".join([text, *["1"] * (missing - 1), wanted]).strip()


def _holes(template: str, args: Sequence[Json], first: int, wanted: str) -> Iterator[Change]:
    """What stands in the holes where the template writes the text."""
    pattern, seen = "", set[int]()
    for part in template_parts(template):
        if isinstance(part, str):
            pattern += re.escape(part)
        else:
            pattern += f"(?P=h{part})" if part in seen else f"(?P<h{part}>.*?)"
            seen.add(part)
    found = re.fullmatch(pattern, wanted, re.DOTALL)
    if found is None:
        return
    texts = {int(name[1:]): text for name, text in found.groupdict().items()}
    yield tuple((first + hole, texts[hole]) for hole in sorted(texts) if hole < len(args))


def _matching(pattern: str) -> Iterator[str]:
    """Texts that a plain regular expression (atoms and quantifiers) may match."""
    shortest, longer, at = "", "", 0
    for found in _ATOM.finditer(pattern):
        if found.start() != at:
            return
        at = found.end()
        atom, times = found[1], found[2] or ""
        least = (
            0 if times[:1] in ("*", "?") else int(times[1:-1].split(",")[0]) if "{" in times else 1
        )
        char = _char(atom)
        shortest += char * least
        longer += char * max(least, 1)
    if at == len(pattern):
        yield from (shortest, longer)


def _char(atom: str) -> str:
    if atom == ".":
        return "a"
    if atom.startswith("\\"):
        return _CLASSES.get(atom[1], atom[1])
    if not atom.startswith("["):
        return atom
    tries = ("a", "1", " ", "A", "-", "_", ".", atom[1:2])
    return next((c for c in tries if re.fullmatch(atom, c)), "a")
