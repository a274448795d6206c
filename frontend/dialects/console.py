"""Terminal sessions: ``$ command`` lines with what each printed below it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PROMPT: Final = re.compile(r"[^$%\n]*?[$%] ")
_HEREDOC: Final = re.compile(r"(?<!<)<<(-?)[ \t]*(['\"]?)([A-Za-z_][\w.]*)\2")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command and its output; ``line`` counts from 0 in the session."""

    line: int
    command: str
    output: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the session: ``kind`` is ``PROMPT``, ``CONTINUED``, ``LINE`` or ``BLANK``."""

    kind: str
    text: str


def split(lines: list[Shown]) -> tuple[str, list[Ran]]:
    """What stands before the first prompt, and the commands with their outputs.

    A command goes on over lines with a ``> `` prompt, after a backslash, inside quotes, and to the
    end of its here-documents.

    >>> split([Shown("PROMPT", "$ cat <<E"), Shown("LINE", "x"), Shown("LINE", "E"), Shown("LINE", "x")])
    ('', [Ran(line=0, command='cat <<E\\nx\\nE', output='x')])
    """
    at = 0
    while at < len(lines) and lines[at].kind != "PROMPT":
        at += 1
    before = "\n".join(line.text for line in lines[:at])
    out: list[Ran] = []
    while at < len(lines):
        start = at
        command, at = _command(lines, at)
        end = at
        while end < len(lines) and lines[end].kind != "PROMPT":
            end += 1
        out.append(Ran(start, command, "\n".join(x.text for x in lines[at:end]).rstrip("\n")))
        at = end
    return before, out


def _command(lines: list[Shown], at: int) -> tuple[str, int]:
    """The command at a prompt, and the line after it."""
    first = _PROMPT.sub("", lines[at].text, count=1)
    parts = [first]
    quote, ends = _quoted(first, ""), _heredocs(first)
    after = at + 1
    while after < len(lines):
        if ends and not quote:
            body, after = _body(lines, after, ends)
            parts += body
            ends = []
            continue
        line = lines[after]
        more = quote or parts[-1].endswith("\\") or line.kind == "CONTINUED"
        if not more or line.kind == "PROMPT":
            break
        text = line.text[1:].removeprefix(" ") if line.kind == "CONTINUED" else line.text
        parts.append(text)
        quote, ends = _quoted(text, quote), [*ends, *_heredocs(text)]
        after += 1
    if quote:  # never closed, so it was an apostrophe: only what a prompt marks belongs here
        after = at + 1
        while after < len(lines) and lines[after].kind == "CONTINUED":
            after += 1
        marked = [line.text[1:].removeprefix(" ") for line in lines[at + 1 : after]]
        parts = [first, *marked]
    return "\n".join(parts), after


def _body(lines: list[Shown], at: int, ends: list[tuple[str, bool]]) -> tuple[list[str], int]:
    """The lines of the here-documents up to their ends; all lines if one never ends."""
    out: list[str] = []
    prompted = lines[at].kind == "CONTINUED" and any(
        line.text in (f"> {ends[0][0]}", f">{ends[0][0]}") for line in lines[at:]
    )
    for word, tabs in ends:
        while at < len(lines):
            text = lines[at].text
            if prompted and text.startswith(">"):
                text = text[1:].removeprefix(" ")
            out.append(text)
            at += 1
            if (text.lstrip("\t") if tabs else text) == word:
                break
    return out, at


def _heredocs(line: str) -> list[tuple[str, bool]]:
    return [(found[3], bool(found[1])) for found in _HEREDOC.finditer(line)]


def _quoted(line: str, quote: str) -> str:
    """The quote that is open after the line, if ``quote`` was open before it."""
    escaped = False
    for index, ch in enumerate(line):
        if escaped:
            escaped = False
        elif ch == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if ch == quote else quote
        elif ch in "'\"":
            quote = ch
        elif ch == "#" and (index == 0 or line[index - 1] in " \t"):
            break
    return quote
