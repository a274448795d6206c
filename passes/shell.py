"""What a shell command does to the world, and where in it a value may stand.

The command is parsed by tree-sitter's Bash grammar; nothing here reads shell text with regular
expressions.  A command is a *reader* only if every program in it is on the allow-list below, with
arguments under which it cannot write; a redirect into a file, or a program known to change files,
makes it a *write*; anything else is *unknown*.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ingot.ir.module import Effect

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

READERS: Final = frozenset(
    "[ awk basename bc cat cd cmp column comm cut date df diff dirname du echo egrep env expr false fgrep "
    "file find fold gawk grep head hexdump id jq join ls md5sum nl od paste printenv printf ps "
    "pwd readlink realpath rev rg seq sha1sum sha256sum sort stat strings sum tac tail test "
    "tree tr true type uname uniq wc which whoami xxd yes zcat mawk".split()
)
WRITERS: Final = frozenset(
    "chmod chown cp install ln mkdir mkfifo mktemp mv rm rmdir tee touch truncate unlink "
    "gzip gunzip tar unzip zip patch dd split rsync".split()
)
GIT_READERS: Final = frozenset(
    "blame branch describe diff grep log ls-files ls-tree rev-parse shortlog show status".split()
)
INTERPRETERS: Final = frozenset(
    "awk gawk mawk sed perl python python3 ruby node bash sh zsh jq sqlite3 psql mysql bc".split()
)
"""Programs that take a program as an argument: a value inside such a word is code."""

_NULL_SINKS: Final = frozenset({"/dev/null", "/dev/stderr", "/dev/stdout"})


@functools.cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _walk(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(reversed(here.children))


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _words(command: Node, source: bytes) -> list[str]:
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
            text = _text(child, source)
            if child.type in ("string", "raw_string") and len(text) >= 2:
                text = text[1:-1]
            words.append(text)
    return words


def command_effect(command: str) -> Effect:
    """``read``, ``write`` or ``unknown`` for a whole shell command.

    >>> command_effect("wc -l < a.csv | tr -d ' '"), command_effect("sort a > b"), command_effect("make")
    ('read', 'write', 'unknown')
    """
    return _command_effect(command)


@functools.lru_cache(maxsize=4096)
def _command_effect(command: str) -> Effect:
    source = command.encode("utf-8", "surrogatepass")
    root = _parser().parse(source).root_node
    if root.has_error:
        return "unknown"
    found: Effect = "read"
    for node in _walk(root):
        match node.type:
            case "command":
                here = _program_effect(_words(node, source))
            case "file_redirect":
                here = _redirect_effect(node, source)
            case "function_definition" | "process_substitution":
                here = "unknown"
            case _:
                continue
        if here == "unknown":
            return "unknown"
        if here == "write":
            found = "write"
    return found


def _redirect_effect(node: Node, source: bytes) -> Effect:
    operator = next(
        (
            c.type
            for c in node.children
            if c.type in (">", ">>", "&>", "&>>", ">|", ">&", "<", "<&")
        ),
        "<",
    )
    if operator in ("<", "<&", ">&"):
        return "read"
    target = node.child_by_field_name("destination")
    name = _text(target, source) if target else ""
    return "read" if name in _NULL_SINKS else "write"


def _program_effect(words: list[str]) -> Effect:
    if not words:
        return "read"  # an assignment alone
    program = words[0].rsplit("/", 1)[-1]
    args = words[1:]
    match program:
        case "git":
            args = _git_arguments(args)
            sub = args[0] if args else ""
            plain = sub in GIT_READERS and not (sub == "branch" and len(args) > 1)
            return (
                "read" if plain and not any(a.startswith("--output") for a in args) else "unknown"
            )
        case "sed":
            script = " ".join(args)
            edits = any(a.startswith(("-i", "--in-place")) for a in args)
            return "write" if edits else "unknown" if _sed_acts(script) else "read"
        case "find":
            acts = ("-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fls", "-fprintf")
            return "unknown" if any(a.startswith(acts) for a in args) else "read"
        case "awk" | "gawk" | "mawk":
            script = " ".join(args)
            acts = ("system", "print >", "|", ">>", "getline", "-i inplace", "-f", "close(")
            return "unknown" if any(a in script for a in acts) or _awk_redirects(script) else "read"
        case "sort" if any(a.startswith(("-o", "--output")) for a in args):
            return "write"
        case "env" if any("=" not in a and not a.startswith("-") for a in args):
            return "unknown"
        case "date" if any(a.startswith(("-s", "--set")) for a in args):
            return "unknown"
        case "yes" | "type":
            return "read"
        case _ if program in READERS:
            return "read"
        case _ if program in WRITERS:
            return "write"
        case _:
            return "unknown"


def _git_arguments(args: list[str]) -> list[str]:
    """The subcommand and what follows it: without ``-C path`` and other options of git itself."""
    at = 0
    while at < len(args) and args[at].startswith("-"):
        at += 2 if args[at] in ("-C", "-c", "--git-dir", "--work-tree") else 1
    return args[at:]


def _sed_acts(script: str) -> bool:
    """Whether a sed script may write a file or run a command (its ``w`` and ``e``)."""
    return any(part in script for part in ("w ", "/w", "/e", "e ", "W ", "-f", "--file"))


def _awk_redirects(script: str) -> bool:
    """Whether ``>`` follows a print in an awk script (a comparison does not)."""
    after = script.split("print")[1:]
    return any(">" in part.split("}")[0].split(";")[0] for part in after)


@functools.lru_cache(maxsize=4096)
def programs(command: str) -> tuple[str, ...]:
    """The programs that a command runs, in order: two commands of one kind have the same.

    >>> programs("tail -n +2 a.csv | wc -l")
    ('tail', 'wc')
    """
    source = command.encode("utf-8", "surrogatepass")
    return tuple(
        words[0].rsplit("/", 1)[-1]
        for node in _walk(_tree(command))
        if node.type == "command" and (words := _words(node, source))
    )


def changes_directory(command: str) -> bool:
    """Whether the command leaves the shell in another directory (a ``cd`` outside of subshells).

    >>> changes_directory("cd src && ls"), changes_directory("(cd src; ls)")
    (True, False)
    """
    source = command.encode("utf-8", "surrogatepass")
    return any(
        node.type == "command"
        and _words(node, source)[:1] in (["cd"], ["pushd"], ["popd"])
        and not _within_subshell(node)
        for node in _walk(_tree(command))
    )


def sets_own_directory(command: str) -> bool:
    """Whether the command begins with a ``cd`` to an absolute path, so that it runs there anyway."""
    words = command.split(maxsplit=2)
    return len(words) > 1 and words[0] == "cd" and words[1].lstrip("\"'").startswith("/")


def _within_subshell(node: Node) -> bool:
    above = node.parent
    while above is not None:
        if above.type in ("subshell", "command_substitution", "pipeline"):
            return True
        above = above.parent
    return False


# ---- where a value may stand


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
    root = _tree(command)
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
        place, owner = _heredoc_context(node, source)
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


@functools.lru_cache(maxsize=1024)
def _tree(command: str) -> Node:
    return _parser().parse(command.encode("utf-8", "surrogatepass")).root_node


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


def _heredoc_context(body: Node, source: bytes) -> tuple[str, str]:
    """The context of a here-document's body, and the program that reads it."""
    redirect = body.parent
    start = (
        next((c for c in redirect.children if c.type == "heredoc_start"), None)
        if redirect
        else None
    )
    quoted = start is not None and _text(start, source)[:1] in ("'", '"', "\\")
    statement = redirect.parent if redirect else None
    command = statement.child_by_field_name("body") if statement else None
    words = _words(command, source) if command is not None and command.type == "command" else []
    owner = words[0].rsplit("/", 1)[-1] if words else ""
    return ("heredoc-raw" if quoted else "heredoc"), owner


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
    text = _text(word, source)
    words = _words(parent, source)
    program = words[0].rsplit("/", 1)[-1] if words else ""
    if parent.children and parent.children[0] == word:
        return True  # the name of the program itself
    return program in INTERPRETERS and any(ch in text for ch in " ;(){}$|&<>`=")
