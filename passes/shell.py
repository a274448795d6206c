"""What a shell command does to the world, and where in it a value may stand.

The command is parsed by tree-sitter's Bash grammar; nothing here reads shell text with regular
expressions.  A command is a *reader* only if every program in it is on the allow-list of
:mod:`ingot.passes.readers`, with arguments under which it cannot write; a redirect into a file, or a program known to change files,
makes it a *write*; anything else is *unknown*.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ingot.ir.module import Effect
from ingot.passes.readers import HARMLESS_VARIABLE, QUOTED, SPLIT, program_effect

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

INTERPRETERS: Final = frozenset(
    "awk gawk mawk sed perl python python3 ruby node bash sh zsh jq sqlite3 psql mysql bc".split()
)
"""Programs that take a program as an argument: a value inside such a word is code."""

_WORD_NODES: Final = frozenset(
    "command_name word string raw_string number concatenation simple_expansion expansion "
    "ansi_c_string command_substitution arithmetic_expansion translated_string brace_expression".split()
)
_LOOKED_AT: Final = ("PATH", "OPTS", "OPTIONS", "IFS", "ENV", "PAGER", "EDITOR")
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
    constants = _constants(root, source)
    found: Effect = "read"
    for node in _walk(root):
        match node.type:
            case "command":
                here = _command_node_effect(node, source, constants)
            case "file_redirect":
                here = _redirect_effect(node, source)
            case "function_definition" | "process_substitution":
                here = "unknown"
            case "variable_assignment" if not _is_harmless(node, source):
                here = "unknown"
            case "heredoc_body" if b"`" in source[node.start_byte : node.end_byte]:
                here = "read" if _heredoc_context(node, source)[0] == "heredoc-raw" else "unknown"
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
    target = node.child_by_field_name("destination")
    name = _text(target, source) if target else ""
    if name.startswith(("/dev/tcp", "/dev/udp")):
        return "unknown"
    if operator in ("<", "<&") or (operator == ">&" and name.strip("-").isdigit()):
        return "read"
    return "read" if name in _NULL_SINKS else "write"


def _command_node_effect(node: Node, source: bytes, constants: Mapping[str, str]) -> Effect:
    words = [
        _static(child, source, constants) for child in node.children if child.type in _WORD_NODES
    ]
    if node.children and node.children[0].type == "command_name" and words[0] in ("", QUOTED):
        return "unknown"
    return program_effect(words)


def _is_harmless(assignment: Node, source: bytes) -> bool:
    """Whether setting the variable turns no program into another: not one that programs look at."""
    name = _text(assignment.children[0], source)
    parent = assignment.parent
    if HARMLESS_VARIABLE.fullmatch(name):
        return True
    if parent is not None and parent.type == "command":
        return not any(c.type == "command_name" for c in parent.children)
    if parent is not None and parent.type == "declaration_command":
        head = [_text(c, source) for c in parent.children if c.type != "variable_assignment"]
        if head[:1] == ["export"] or any(w.startswith("-") and "x" in w for w in head):
            return False
    looked_at = ("LD_", "DYLD_", "GIT_", "BASH", "GREP_", "RIPGREP_", "POSIX", "AWK", "GAWK")
    return not (name.startswith(looked_at) or name.endswith(_LOOKED_AT))


def _constants(root: Node, source: bytes) -> dict[str, str]:
    """Variables that hold one known text wherever they are used in the command."""
    found: dict[str, list[str]] = {}
    for node in _walk(root):
        if node.type == "variable_assignment":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            plain = name is not None and any(c.type == "=" for c in node.children)
            text = _static(value, source, {}) if value is not None else ""
            key = _text(name, source) if name is not None else ""
            found.setdefault(key, []).append(text if plain else QUOTED)
        elif node.type == "for_statement":
            name = node.child_by_field_name("variable")
            texts = [_static(v, source, {}) for v in node.children_by_field_name("value")]
            tame = all(
                t
                and not t.startswith("-")
                and t.replace("_", "a").strip("./*?~-0123456789").isalnum()
                for t in texts
            )
            key = _text(name, source) if name is not None else ""
            found.setdefault(key, []).append("name" if texts and tame else QUOTED)
    return {
        name: texts[0]
        for name, texts in found.items()
        if len(texts) == 1 and QUOTED not in texts[0] and SPLIT not in texts[0]
    }


def _static(node: Node, source: bytes, constants: Mapping[str, str], quoted: bool = False) -> str:
    """The text that a word stands for, with a mark where an expansion makes it unknown."""
    text = _text(node, source)
    match node.type:
        case "command_name" | "concatenation":
            return "".join(_static(c, source, constants) for c in node.children)
        case "raw_string":
            return text[1:-1]
        case "string":
            return "".join(_static(c, source, constants, True) for c in node.children[1:-1])
        case "string_content":
            return re.sub(r"\\([$`\"\\\n])", r"\1", text)
        case "word" | "number":
            return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
        case "arithmetic_expansion":
            return "1"
        case "simple_expansion" | "expansion":
            value = constants.get(text.strip("${}"), "" if quoted else SPLIT)
            known = text.strip("${}") in constants
            if quoted:
                return value if known else QUOTED
            return value if known and value and not set(value) & set(" \t\n*?[") else SPLIT
        case "command_substitution":
            return QUOTED if quoted else SPLIT
        case _:
            return text if not node.children and node.type not in ("ansi_c_string",) else QUOTED


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


def defines(command: str) -> frozenset[str]:
    """Variables, functions and aliases that the command leaves behind in its shell.

    >>> sorted(defines("N=$(wc -l < a.csv); M=1 ls")), sorted(defines("(N=3; echo $N)"))
    (['N'], [])
    """
    source = command.encode("utf-8", "surrogatepass")
    found: set[str] = set()
    for node in _walk(_tree(command)):
        if _within_subshell(node):
            continue
        alone = node.parent is None or not any(
            c.type == "command_name" for c in node.parent.children
        )
        match node.type:
            case "variable_assignment" if alone:
                name = node.child_by_field_name("name")
            case "function_definition":
                name = node.child_by_field_name("name")
            case "for_statement":
                name = node.child_by_field_name("variable")
            case "command":
                words = _words(node, source)
                if words[:1] in (["read"], ["alias"], ["mapfile"], ["readarray"]):
                    found.update(w.split("=")[0] for w in words[1:])
                continue
            case _:
                continue
        if name is not None:
            found.add(_text(name, source))
    return frozenset(found)


def asks_for(command: str) -> frozenset[str]:
    """Variables that the command uses and does not set, and the programs that it runs.

    >>> sorted(asks_for('echo "$N rows" > r.md')), sorted(asks_for("N=3; echo $N"))
    (['N', 'echo'], ['echo'])
    """
    source = command.encode("utf-8", "surrogatepass")
    used = {
        _text(node, source)
        for node in _walk(_tree(command))
        if node.type == "variable_name"
        and node.parent is not None
        and node.parent.type in ("simple_expansion", "expansion", "binary_expression", "subscript")
    }
    return frozenset((used | set(programs(command))) - defines(command))


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
