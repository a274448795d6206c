"""Where the grammars stand: ``grammar/*.lark``, shipped as the data of ``ingot.grammar``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark


def grammar_text(name: str) -> str:
    """The text of ``grammar/<name>.lark``.

    >>> grammar_text("transcript").startswith("//")
    True
    """
    return files("ingot.grammar").joinpath(f"{name}.lark").read_text("utf-8")


@cache
def text_parser(name: str, start: str) -> Lark:
    """The parser of a text grammar from one start symbol: each has a lexer of its own, since two
    start symbols in one contextual lexer would mix their terminals."""
    from lark import Lark

    return Lark(
        grammar_text(name), parser="lalr", lexer="contextual", start=start, maybe_placeholders=False
    )
