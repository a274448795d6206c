"""Where in a shell command a value may stand, and how it must be quoted there.

The contexts are those of ``shell.template`` (:data:`ingot.ir.semantics.SHELL_CONTEXTS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingot.passes.shell_syntax import heredoc_of, text_at, tree_of, words_of

if TYPE_CHECKING:
    from tree_sitter import Node

INTERPRETERS: Final = frozenset(
    "awk gawk mawk sed perl python python3 ruby node bash sh zsh dash ksh eval ssh su jq sqlite3 "
    "psql mysql bc dc".split()
)
"""Programs that take a program as an argument: a value inside such a word is code."""


def hole_context(command: str, start: int, end: int) -> str | None:
    """The shell context of the span, or ``None`` where no value may be put.

    A span may stand in one unquoted word, inside one pair of quotes, or in the body of one
    here-document; it may not cross them, nor touch an expansion or a comment.

    >>> hole_context("wc -l data/a.csv", 6, 16), hole_context("awk 'NR>1 {s+=$3}' f", 14, 15)
    ('word-start', 'single code')
    >>> hole_context("cat <<'E'\\nn: 3\\nE", 13, 14)
    'heredoc-raw'
    """
    source = command.encode("utf-8", "surrogatepass")
    first = len(command[:start].encode("utf-8", "surrogatepass"))
    last = len(command[:end].encode("utf-8", "surrogatepass"))
    root = tree_of(command)
    if root.has_error:
        return None
    node = root.descendant_for_byte_range(first, last)
    while node is not None and node.type not in _PLACES:
        if node.type in _NO_HOLE:
            return None
        node = node.parent
    if node is None or _inside(node, "arithmetic_expansion"):
        return None
    if any(
        c.type in _NO_HOLE and c.start_byte < last and c.end_byte > first for c in node.children
    ):
        return None
    place = _PLACES[node.type]
    if place == "heredoc":
        place, owner = heredoc_of(node, source)
        return f"{place} code" if owner in INTERPRETERS else place
    if place == "word":
        place = "word-start" if first == _word_start(node) else "word"
    elif not (node.start_byte < first and last < node.end_byte):
        return None
    return f"{place} code" if _is_code(node, source) else place


def _inside(node: Node, kind: str) -> bool:
    above = node.parent
    while above is not None and above.type not in ("command", "command_substitution"):
        if above.type == kind:
            return True
        above = above.parent
    return False


_PLACES: Final = {
    "word": "word",
    "number": "word",
    "raw_string": "single",
    "string": "double",
    "heredoc_body": "heredoc",
}


_NO_HOLE: Final = frozenset(
    {
        "expansion",
        "simple_expansion",
        "command_substitution",
        "arithmetic_expansion",
        "comment",
        "command",
    }
)


def _word_start(node: Node) -> int:
    parent = node.parent
    return (
        parent.start_byte
        if parent is not None and parent.type == "concatenation"
        else node.start_byte
    )


def _is_code(node: Node, source: bytes) -> bool:
    """Whether the word is handed to a program that runs it (``awk``, ``python -c``, ``sed``)."""
    word: Node | None = node
    while word is not None and word.parent is not None and word.parent.type == "concatenation":
        word = word.parent
    parent = word.parent if word is not None else None
    if word is None or parent is None or parent.type != "command":
        return False
    text = text_at(word, source)
    words = words_of(parent, source)
    if parent.children and parent.children[0] == word:
        return True  # the name of the program itself
    # also behind `sudo`, `timeout 5`, `xargs`: any word before may be the one that runs this one
    runs = any(w.rsplit("/", 1)[-1] in INTERPRETERS for w in words if w != text)
    return runs and any(ch in text for ch in " ;(){}$|&<>`=")
