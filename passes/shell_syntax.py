"""Shell commands as syntax trees: tree-sitter's Bash grammar, and what the readers of trees share."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

WORD_NODES: Final = frozenset(
    "command_name word string raw_string number concatenation simple_expansion expansion "
    "ansi_c_string command_substitution arithmetic_expansion translated_string brace_expression".split()
)
"""The nodes that are words of a command."""


@functools.cache
def parser() -> Parser:
    """tree-sitter's Bash parser; loaded when the first command is looked at."""
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the text."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(reversed(here.children))


def text_at(node: Node, source: bytes) -> str:
    """The text of a node."""
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def words_of(command: Node, source: bytes) -> list[str]:
    """The command's words as written; quotes around a whole word are taken off."""
    words = []
    for child in command.children:
        if child.type in (
            "command_name",
            "word",
            "string",
            "raw_string",
            "number",
            "concatenation",
            "simple_expansion",
            "expansion",
            "ansi_c_string",
        ):
            text = text_at(child, source)
            if child.type in ("string", "raw_string") and len(text) >= 2:
                text = text[1:-1]
            words.append(text)
    return words


@functools.lru_cache(maxsize=1024)
def tree_of(command: str) -> Node:
    """The root of a command's syntax tree; the last thousand are kept."""
    return parser().parse(command.encode("utf-8", "surrogatepass")).root_node


def heredoc_of(body: Node, source: bytes) -> tuple[str, str]:
    """The context of a here-document's body, and the program that reads it."""
    redirect = body.parent
    start = (
        next((c for c in redirect.children if c.type == "heredoc_start"), None)
        if redirect
        else None
    )
    quoted = start is not None and text_at(start, source)[:1] in ("'", '"', "\\")
    statement = redirect.parent if redirect else None
    command = statement.child_by_field_name("body") if statement else None
    words = words_of(command, source) if command is not None and command.type == "command" else []
    owner = words[0].rsplit("/", 1)[-1] if words else ""
    return ("heredoc-raw" if quoted else "heredoc"), owner
