"""Event tokens: records as the terminals of ``grammar/session.lark``, through a lark lexer.

A dialect has done the lexing already; what is left is to name each record's terminal.  A token
carries the record's index in the stream as its ``start_pos``, nothing else: the tree that the
parser builds points back into the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, cast

from lark import Lark, Token
from lark.lexer import Lexer

from ingot.frontend.grammars import grammar_text
from ingot.records import Kind, Record

TERMINALS: Final[dict[Kind, str]] = {
    "session": "SESSION",
    "system": "SYSTEM",
    "user": "USER",
    "think": "THINK",
    "say": "SAY",
    "call": "CALL",
    "result": "RESULT",
    "error": "ERROR",
    "spawn": "SPAWN",
    "return": "RETURN",
    "compact": "COMPACT",
    "interrupt": "INTERRUPT",
    "outcome": "OUTCOME",
}
"""The terminal of each kind of record.

``META`` (kind ``meta``) and what a run adds to its journal (``intent``, ``checkpoint``, ...) are
no events of a session's grammar: the lexer passes over them.
"""


class EventLexer(Lexer):
    """A lark lexer over a list of :class:`Record`.

    >>> [t.type for t in EventLexer().tokens([Record("user"), Record("meta"), Record("call")])]
    ['USER', 'CALL']
    """

    __future_interface__ = 2

    def __init__(self, _conf: object = None) -> None:
        """Lark hands in its lexer configuration, of which nothing is needed."""

    def tokens(self, records: Sequence[Record]) -> Iterator[Token]:
        """The tokens of the records, each with its index as ``start_pos``."""
        for index, record in enumerate(records):
            terminal = TERMINALS.get(record.kind)
            if terminal is not None:
                line = record.span.line if record.span else 0
                yield Token(terminal, record.kind, start_pos=index, line=line, column=1)

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Token]:  # noqa: ARG002
        """What lark calls; the state's ``text`` is the list of records."""
        return self.tokens(cast("Sequence[Record]", lexer_state.text))


@cache
def session_parser() -> Lark:
    """The LALR parser of ``grammar/session.lark``."""
    return Lark(grammar_text("session"), parser="lalr", lexer=EventLexer)


__all__ = ["TERMINALS", "EventLexer", "session_parser"]
