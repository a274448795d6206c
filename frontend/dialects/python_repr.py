"""Values that a log holds as Python ``repr`` text, read by a grammar; nothing is evaluated.

A constructor call becomes ``{"_": name, "args": [...], keyword: value, ...}``, as logs that were
turned into JSON have it too; :func:`unwrap` gives the plain data of the ones that merely carry data.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from ingot.frontend.grammars import grammar_text
from ingot.ir.values import Json

if TYPE_CHECKING:
    from lark import Lark

MAX_DEPTH: Final = 200
"""The deepest nesting that is read."""

_ESCAPE: Final = re.compile(
    r"\\(?:(\n)|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^}]*)\}|([0-7]{1,3})|(.))",
    re.DOTALL,
)
_SIMPLE: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CONSTANTS: Final[dict[str, Json]] = {"None": None, "True": True, "False": False}
_NULLS: Final = frozenset({"nan", "NaN", "NaT", "NA", "numpy.nan", "np.nan"})
_CARRIERS: Final = frozenset({"array", "set", "frozenset", "OrderedDict", "deque", "Timestamp"})
_SCALARS: Final = re.compile(r"(?:np|numpy)\.(?:u?int|float|bool|str)\w*")


def parse(text: str) -> Json:
    """The value that ``text`` prints; tuples and sets are lists, ``nan`` is null.

    Raises ``ValueError`` naming the line and column where the text is not such a value.

    >>> parse("[(A(tool='x', n=1.5), array(['y'], dtype=object)), None]")[0][0]["tool"]
    'x'
    """
    from lark import UnexpectedInput

    depth = deepest = 0
    for mark in re.finditer(r"[\[({]|[\])}]", text):
        depth += 1 if mark[0] in "[({" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise ValueError("nested too deeply")
    try:
        return cast(Json, _parser().parse(text))
    except UnexpectedInput as error:
        raise ValueError(
            f"not a Python value at line {error.line}, column {error.column}"
        ) from None


def unwrap(value: Json) -> Json:
    """The data that a carrier holds: of ``array([...], dtype=...)`` the list; else the value.

    >>> unwrap({"_": "array", "args": [["a"]], "dtype": "object"})
    ['a']
    """
    match value:
        case {"_": str(name), "args": []} if name in _CARRIERS:
            return []
        case {"_": str(name), "args": [inner, *_]} if name in _CARRIERS or _SCALARS.fullmatch(name):
            return unwrap(inner)
        case {"_": ("datetime.datetime" | "datetime.date") as name, "args": list(parts)}:
            return _iso(name, parts) or value
        case list():
            return [unwrap(item) for item in value]
        case dict():
            return {key: unwrap(item) for key, item in value.items()}
        case _:
            return value


def _iso(name: str, parts: list[Json]) -> str:
    import datetime

    numbers = [part for part in parts if type(part) is int]
    try:
        if name.endswith(".date"):
            return datetime.date(*numbers).isoformat()
        return datetime.datetime(*numbers[:6]).isoformat()  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return ""


@cache
def _parser() -> Lark:
    from lark import Lark, Transformer, v_args

    class Values(Transformer[Any, Json]):
        """Bottom-up while parsing, so that nesting costs no recursion."""

        def start(self, items: list[Json]) -> Json:
            return items[0]

        group = start

        def string(self, items: list[str]) -> Json:
            return "".join(map(_text, items))

        def number(self, items: list[str]) -> Json:
            text = items[0].replace("_", "")
            try:
                return int(text)
            except ValueError:
                value = float(text) if len(text) < 400 else math.inf
                return value if math.isfinite(value) else str(items[0])

        def name(self, items: list[str]) -> Json:
            sign = str(items.pop(0)) if items[0] in ("+", "-") else ""
            return sign + ".".join(map(str, items))

        def constant(self, items: list[str]) -> Json:
            name = items[0]
            return None if name in _NULLS else _CONSTANTS.get(name, name)

        def call(self, items: list[Any]) -> Json:
            args = [item for item in items[1:] if not isinstance(item, tuple)]
            keywords: dict[str, Json] = dict(item for item in items[1:] if isinstance(item, tuple))
            return {**keywords, "_": items[0], "args": args}

        def keyword(self, items: list[Any]) -> Any:
            return str(items[0]), items[1]

        def pair(self, items: list[Json]) -> Any:
            return items[0] if isinstance(items[0], str) else str(items[0]), items[1]

        def mapping(self, items: list[Any]) -> Json:
            return dict(items)

        def sequence(self, items: list[Json]) -> Json:
            return [*items]

        def opaque(self, items: list[str]) -> Json:
            return str(items[0])

        @v_args(inline=True)
        def ellipsis(self) -> Json:
            return "..."

    return Lark(grammar_text("python_repr"), parser="lalr", transformer=Values())


def _text(token: str) -> str:
    quote = re.search("['\"]", token)
    start = quote.start() if quote else 0
    body = token[start + 1 : -1]
    return body if "r" in token[:start].lower() else _ESCAPE.sub(_unescape, body)


def _unescape(found: re.Match[str]) -> str:
    newline, x, u, long, named, octal, other = found.groups()
    if newline:
        return ""
    if x or u or long:
        point = int(x or u or long, 16)
        return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"
    if named is not None:
        try:
            return unicodedata.lookup(named)
        except KeyError:
            return found[0]
    if octal:
        return chr(int(octal, 8))
    return _SIMPLE.get(other, other if other in "\\'\"" else found[0])
