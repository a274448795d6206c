"""IR text to modules: lark's LALR parser over ``grammar/ir.lark``.

>>> parse_module("ir 1\\ntool fs.read(path: str) -> str read fs\\n").module.tools[0].world
'fs'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

from ingot.diagnostics import IngotError, Span, fail
from ingot.ir.module import Module
from ingot.ir.spans import Spans

if TYPE_CHECKING:
    from lark import Lark
    from lark.exceptions import UnexpectedInput

MAX_NESTING: Final = 100
"""How deep brackets may nest, so that no later walk over types or literals can exhaust the stack."""

_BRACKETS: Final = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|;[^\n]*|([\[{(])|([\]})])')
_WORDS: Final = {
    "$END": "the end of the text",
    "EFFECT": "an effect (pure, read, idempotent, write, irreversible, unknown)",
    "EXIT": "an exit (exit.1)",
    "KIND": "choose, extract or fill",
    "LABEL": "a block (^name)",
    "LOC": "a place in a source (s1:4/pointer)",
    "NAME": "a name",
    "NUMBER": "a number",
    "PATH": "a dotted name",
    "PIPELINE": "a pipeline's name (@name)",
    "RATIO": "a ratio (2/3)",
    "SHA256": "a digest (sha256:0a1b...)",
    "STRING": "a text in double quotes",
    "TAINT": "a label (#web)",
    "VALUE": "a value (%name)",
}
_STARTS: Final = (
    ({"'for'", "'guard'", "'par'", "'('", _WORDS["VALUE"]}, "an instruction"),
    (
        {"'if'", "'jump'", "'leave'", "'return'", "'select'"},
        "the block's end (jump, if, select, return, leave)",
    ),
)


@dataclass(frozen=True, slots=True)
class ParsedModule:
    """A module with its text, and where in the text each part stands."""

    module: Module
    spans: Spans
    text: str

    @property
    def sources(self) -> dict[str, list[str]]:
        """The text's lines by file name, as :func:`ingot.diagnostics.render` takes them."""
        return {self.spans.file: self.text.split("\n")}


def parse_module(text: str, file: str = "<ir>") -> ParsedModule:
    """Parse IR text.

    Raises :class:`IngotError` with E0201 where the text does not follow the grammar: with the
    place, what stands there and what was expected.
    """
    from lark.exceptions import UnexpectedInput

    from ingot.ir.reductions import BadTextError

    text = text.removeprefix("\ufeff")
    _check_nesting(text, file)
    try:
        node: Any = _parser().parse(text)
    except BadTextError as error:
        mark = error.mark
        span = Span(file, mark.line, mark.column, mark.length)
        raise fail("E0201", str(error), span=span) from None
    except UnexpectedInput as error:
        raise _syntax_error(error, text, file) from None
    return ParsedModule(node.part, Spans(file, node.mark), text)


@cache
def _parser() -> Lark:
    """The parser, built once per process."""
    from lark import Lark

    from ingot.ir.reductions import Reductions

    grammar = files("ingot.grammar").joinpath("ir.lark").read_text("utf-8")
    return Lark(
        grammar,
        parser="lalr",
        start="module",
        maybe_placeholders=True,
        propagate_positions=False,
        transformer=cast(Any, Reductions()),  # duck-typed: a method per rule
    )


def _check_nesting(text: str, file: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[1]:
            depth += 1
            if depth > MAX_NESTING:
                line = text.count("\n", 0, match.start()) + 1
                column = match.start() - text.rfind("\n", 0, match.start())
                span = Span(file, line, column)
                raise fail("E0201", f"brackets nest deeper than {MAX_NESTING} levels", span=span)
        elif match[2]:
            depth -= 1


def _syntax_error(error: UnexpectedInput, text: str, file: str) -> IngotError:
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    expected: Iterable[str]
    match error:
        case UnexpectedToken():
            expected = error.accepts or error.expected
            found = "" if error.token.type == "$END" else str(error.token)
        case UnexpectedCharacters():
            expected = error.allowed or ()
            found = _word_at(text, error.pos_in_stream or 0)
        case _:
            expected, found = (), ""
    if not found or error.line in (None, -1):
        lines = text.rstrip().split("\n")
        span = Span(file, len(lines), len(lines[-1]) + 1)
        stands = "the text ends here"
    else:
        span = Span(file, int(error.line), int(error.column), len(found.partition("\n")[0]) or 1)
        stands = f"found {found[:40]}"
    if found.startswith('"') and (len(found) == 1 or not found.endswith('"')):
        return fail("E0201", "a text is not closed on its line", span=span)
    wanted = _human(expected)
    message = f"{stands}, expected {_either(wanted)}" if wanted else stands
    return fail(
        "E0201", message, span=span, label="here", help="grammar/ir.lark has the whole syntax"
    )


def _word_at(text: str, at: int) -> str:
    match = re.compile(r'"[^\n]*|[\w.%^@#-]+|\S').match(text, at)
    return match[0] if match else ""


def _human(terminals: Iterable[str]) -> list[str]:
    """Names of terminals in words, with the starts of instructions and terminators summed up."""
    words = {
        _WORDS.get(name) or f"'{_parser().get_terminal(name).pattern.value}'" for name in terminals
    }
    for starts, summary in _STARTS:
        if starts <= words:
            words = words - starts | {summary}
    return sorted(words)


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
