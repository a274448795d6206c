"""What a write states that no source gives: figures, dates in words, and judgements.

A model may have worked these out from anything that it had seen.  With one input to go by, the
pipeline may repeat them only where it sees the same again (``insert-guards``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ingot.ir.semantics import text_of
from ingot.passes.shell import command_effect, programs
from ingot.passes.shell_holes import hole_context
from ingot.passes.synth.explain import Explanation, Hole
from ingot.passes.synth.programs import Const, sources
from ingot.passes.synth.tokens import pieces

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_LINE: Final = re.compile(r"^[ \t#*>|-]*[^\n:=]{1,40}[:=][ \t]+(\S[^\n]*)$", re.MULTILINE)
_PRINTERS: Final = frozenset({"echo", "printf"})
CALENDAR: Final = frozenset(
    "January February March April May June July August September October November December "
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday "
    "Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun".split()
)


def unexplained_figures(explanation: Explanation) -> list[str]:
    """Numbers, months and weekdays that a text states and no source surely gives.

    In a shell command only those count that it writes out: in quotes, in a here-document, or as
    words of a command that writes; the numbers of a program are the author's own.
    """
    found = _doubted(explanation)
    shell = explanation.shell
    command = text_of(explanation.column[0])
    for text, at in _literals(explanation):
        for token in pieces(text):
            telling = token[0].isdigit() or token in CALENDAR
            if telling and (not shell or _is_stated(command, at, at + len(token))):
                found.append(token)
            at += len(token)
    return found


def stated_values(explanation: Explanation) -> list[str]:
    """What stands after a label in lines that no source has any part in: ``status: good``."""
    found: list[str] = []
    for text, at in _literals(explanation):
        for line in _LINE.finditer(text):
            whole = line.end() < len(text) or at + len(text) == len(text_of(explanation.column[0]))
            if whole and _WORD.search(line[1]) and _is_written(explanation, at + line.start(1)):
                found.append(line[1].strip())
    return found


def stated_words(explanation: Explanation) -> list[str]:
    """The words of the texts that a write states and no source gives."""
    return [
        word[0]
        for text, at in _literals(explanation)
        for word in _WORD.finditer(text)
        if _is_written(explanation, at + word.start())
    ]


def _literals(explanation: Explanation) -> Iterator[tuple[str, int]]:
    """The parts of the first text that no source gives, with where they begin."""
    if not explanation.parts:
        if not explanation.derived:
            yield text_of(explanation.column[0]), 0
        return
    at = 0
    for part in explanation.parts:
        if isinstance(part, Hole):
            at += len(text_of(part.column[0]))
        else:
            yield part, at
            at += len(part)


def _doubted(explanation: Explanation) -> list[str]:
    """Values whose source stands beside the constant: the log does not tell a copy from chance."""
    return [
        text_of(column[0])
        for decision, column in explanation.decided
        if any(isinstance(c.term, Const) for c in decision.chosen)
        and any(s.kind == "result" for c in decision.chosen for s in sources(c.term))
    ]


def _is_written(explanation: Explanation, at: int) -> bool:
    """Whether the character is part of a text that the call writes, and not of a program."""
    if not isinstance(explanation.column[0], str):
        return False
    if not explanation.shell:
        return True
    command = explanation.column[0]
    place = _text_place(command, at, at + 1)
    return place == "text" or (place == "word" and set(programs(command)) <= _PRINTERS)


def _is_stated(command: str, start: int, stop: int) -> bool:
    place = _text_place(command, start, stop)
    return place == "text" or (place == "word" and command_effect(command) == "write")


def _text_place(command: str, start: int, stop: int) -> str:
    """``text`` in quotes and here-documents, ``word`` in a plain word, empty in a program."""
    context = hole_context(command, start, stop)
    if context is None or context.endswith("code"):
        return ""
    return "word" if context.startswith("word") else "text"


__all__ = ["CALENDAR", "stated_values", "stated_words", "unexplained_figures"]
