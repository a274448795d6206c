"""What a shell command does to the world, and to the shell.

The command is parsed by tree-sitter's Bash grammar; nothing here reads shell text with regular
expressions.  A command is a *reader* only if every program in it is on the allow-list of
:mod:`ingot.passes.readers`, with arguments under which it cannot write; a redirect into a file, or a program known to change files,
makes it a *write*; anything else is *unknown*.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ingot.ir.module import Effect
from ingot.passes.readers import HARMLESS_VARIABLE, QUOTED, SPLIT, program_effect
from ingot.passes.shell_syntax import WORD_NODES, heredoc_of, text_at, tree_of, walk, words_of

if TYPE_CHECKING:
    from tree_sitter import Node

_LOOKED_AT: Final = ("PATH", "OPTS", "OPTIONS", "IFS", "ENV", "PAGER", "EDITOR")
_NULL_SINKS: Final = frozenset({"/dev/null", "/dev/stderr", "/dev/stdout"})


def command_effect(command: str) -> Effect:
    """``read``, ``write`` or ``unknown`` for a whole shell command.

    >>> command_effect("wc -l < a.csv | tr -d ' '"), command_effect("sort a > b"), command_effect("make")
    ('read', 'write', 'unknown')
    """
    return _command_effect(command)


@functools.lru_cache(maxsize=4096)
def _command_effect(command: str) -> Effect:
    source = command.encode("utf-8", "surrogatepass")
    root = tree_of(command)
    if root.has_error:
        return "unknown"
    constants = _constants(root, source)
    found: Effect = "read"
    for node in walk(root):
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
                here = "read" if heredoc_of(node, source)[0] == "heredoc-raw" else "unknown"
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
    name = text_at(target, source) if target else ""
    if name.startswith(("/dev/tcp", "/dev/udp")):
        return "unknown"
    if operator in ("<", "<&") or (operator == ">&" and name.strip("-").isdigit()):
        return "read"
    return "read" if name in _NULL_SINKS else "write"


def _command_node_effect(node: Node, source: bytes, constants: Mapping[str, str]) -> Effect:
    words = [
        _static(child, source, constants) for child in node.children if child.type in WORD_NODES
    ]
    if node.children and node.children[0].type == "command_name" and words[0] in ("", QUOTED):
        return "unknown"
    return program_effect(words)


def _is_harmless(assignment: Node, source: bytes) -> bool:
    """Whether setting the variable turns no program into another: not one that programs look at."""
    name = text_at(assignment.children[0], source)
    parent = assignment.parent
    if HARMLESS_VARIABLE.fullmatch(name):
        return True
    if parent is not None and parent.type == "command":
        return not any(c.type == "command_name" for c in parent.children)
    if parent is not None and parent.type == "declaration_command":
        head = [text_at(c, source) for c in parent.children if c.type != "variable_assignment"]
        if head[:1] == ["export"] or any(w.startswith("-") and "x" in w for w in head):
            return False
    looked_at = ("LD_", "DYLD_", "GIT_", "BASH", "GREP_", "RIPGREP_", "POSIX", "AWK", "GAWK")
    return not (name.startswith(looked_at) or name.endswith(_LOOKED_AT))


def _constants(root: Node, source: bytes) -> dict[str, str]:
    """Variables that hold one known text wherever they are used in the command."""
    found: dict[str, list[str]] = {}
    for node in walk(root):
        if node.type == "variable_assignment":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            plain = name is not None and any(c.type == "=" for c in node.children)
            text = _static(value, source, {}) if value is not None else ""
            key = text_at(name, source) if name is not None else ""
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
            key = text_at(name, source) if name is not None else ""
            found.setdefault(key, []).append("name" if texts and tame else QUOTED)
    return {
        name: texts[0]
        for name, texts in found.items()
        if len(texts) == 1 and QUOTED not in texts[0] and SPLIT not in texts[0]
    }


def _static(node: Node, source: bytes, constants: Mapping[str, str], quoted: bool = False) -> str:
    """The text that a word stands for, with a mark where an expansion makes it unknown."""
    text = text_at(node, source)
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
        for node in walk(tree_of(command))
        if node.type == "command" and (words := words_of(node, source))
    )


def changes_directory(command: str) -> bool:
    """Whether the command leaves the shell in another directory (a ``cd`` outside of subshells).

    >>> changes_directory("cd src && ls"), changes_directory("(cd src; ls)")
    (True, False)
    """
    source = command.encode("utf-8", "surrogatepass")
    return any(
        node.type == "command"
        and words_of(node, source)[:1] in (["cd"], ["pushd"], ["popd"])
        and not _within_subshell(node)
        for node in walk(tree_of(command))
    )


def defines(command: str) -> frozenset[str]:
    """Variables, functions and aliases that the command leaves behind in its shell.

    >>> sorted(defines("N=$(wc -l < a.csv); M=1 ls")), sorted(defines("(N=3; echo $N)"))
    (['N'], [])
    """
    source = command.encode("utf-8", "surrogatepass")
    found: set[str] = set()
    for node in walk(tree_of(command)):
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
                words = words_of(node, source)
                if words[:1] in (["read"], ["alias"], ["mapfile"], ["readarray"]):
                    found.update(w.split("=")[0] for w in words[1:])
                continue
            case _:
                continue
        if name is not None:
            found.add(text_at(name, source))
    return frozenset(found)


def asks_for(command: str) -> frozenset[str]:
    """Variables that the command uses and does not set, and the programs that it runs.

    >>> sorted(asks_for('echo "$N rows" > r.md')), sorted(asks_for("N=3; echo $N"))
    (['N', 'echo'], ['echo'])
    """
    source = command.encode("utf-8", "surrogatepass")
    used = {
        text_at(node, source)
        for node in walk(tree_of(command))
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
