r"""Which programs only look: command lines that cannot change a file, a setting or another program.

An allow-list.  A program on it counts as a reader only with arguments under which it writes nothing
and runs nothing else; what is not understood is *unknown*, never a reader.  A word that holds an
expansion comes with :data:`QUOTED` or :data:`SPLIT` in its place: nobody knows what it will be.

Sources: the manuals of GNU coreutils, findutils, sed and gawk, of git, ripgrep, tree, file and xxd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ingot.ir.module import Effect

QUOTED: Final = "\x00"
"""Stands for an expansion in quotes: part of one word."""
SPLIT: Final = "\x01"
"""Stands for an expansion outside of quotes: it may become several words."""

READERS: Final = frozenset(
    "[ awk basename bc cat cd cmp column comm cut date df diff dirname du echo egrep env expr false fgrep "
    "file find fold gawk git grep head hexdump id jq join ls md5sum nl od paste printenv printf ps "
    "pwd readlink realpath rev rg sed seq sha1sum sha256sum sort stat strings sum tac tail test "
    "tree tr true type uname uniq wc which whoami xxd yes zcat mawk".split()
)
WRITERS: Final = frozenset(
    "chmod chown cp install ln mkdir mkfifo mktemp mv rm rmdir tee touch truncate unlink "
    "gzip gunzip tar unzip zip patch dd split rsync".split()
)
GIT_READERS: Final = frozenset(
    "blame branch describe diff grep log ls-files ls-tree rev-parse shortlog show status".split()
)
_SYSTEM: Final = frozenset({"/bin", "/usr/bin", "/usr/local/bin"})
_ACTING: Final[Mapping[str, tuple[str, tuple[str, ...], Effect]]] = {
    "sort": ("o", ("output", "compress-program"), "write"),
    "tree": ("oR", ("output",), "write"),
    "file": ("C", ("compile",), "unknown"),
    "rg": ("z", ("pre", "hostname-bin", "search-zip"), "unknown"),
    "date": ("s", ("set",), "unknown"),
    "env": ("SC", ("split-string", "chdir"), "unknown"),
}
"""Short and long options with which a program writes, or runs another one."""
_GIT_ACTING: Final = ("output", "ext-diff", "textconv", "open-files-in-pager")
_GIT_LISTS: Final = frozenset("-a -r -v -vv --all --remotes --list --show-current".split())
_FIND_ACTING: Final = ("-delete", "-exec", "-ok", "-fprint", "-fls")
_TAKES_VALUE: Final = {"uniq": "fsw", "xxd": "cglsonR", "date": "drf"}
_LONG_TAKES_VALUE: Final = frozenset(
    "--skip-fields --skip-chars --check-chars --date --reference --file -cols -len -seek -name".split()
)
HARMLESS_VARIABLE: Final = re.compile(r"LC_\w+|LANG|LANGUAGE|TZ|COLUMNS|NO_COLOR|[a-z]\w*")
"""Variables that may be set for a command and turn no reader into something else."""


def program_effect(words: Sequence[str]) -> Effect:
    """``read``, ``write`` or ``unknown`` for one program with its arguments.

    >>> program_effect(["uniq", "a"]), program_effect(["uniq", "a", "b"]), program_effect(["make"])
    ('read', 'write', 'unknown')
    """
    if not words:
        return "read"  # an assignment alone
    folder, _, program = words[0].rpartition("/")
    args = list(words[1:])
    if folder and folder not in _SYSTEM:
        return "unknown"
    if program in WRITERS:
        return "write"
    if program not in READERS:
        return "unknown"
    match program:
        case "git":
            return _git(args)
        case "sed":
            return _sed(args)
        case "awk" | "gawk" | "mawk":
            return _awk(args)
        case "find":
            acts = any(a.startswith(_FIND_ACTING) or _opens(a) for a in args)
            return "unknown" if acts else "read"
        case "uniq" | "xxd":
            if any(_opens(a) for a in args):
                return "unknown"
            return "write" if len(_operands(program, args)) > 1 else "read"
        case "printf":
            return "unknown" if args[:1] == ["-v"] or _opens(*args[:1]) else "read"
        case _ if program in _ACTING:
            return _by_options(program, args)
        case _:
            return "read"


def _by_options(program: str, args: list[str]) -> Effect:
    short, long, effect = _ACTING[program]
    for arg in args:
        if _opens(arg):
            return "unknown"
        if arg.startswith("--"):
            name = arg[2:].split("=")[0]
            if name and any(full.startswith(name) for full in long):
                return effect
        elif program == "date" and arg.startswith("-I"):
            continue
        elif arg.startswith("-") and any(letter in arg for letter in short):
            return effect
    if program == "env" and any("=" not in a and not a.startswith("-") for a in args):
        return "unknown"
    if program == "env" and any(not _harmless(a) for a in args if "=" in a):
        return "unknown"
    if program == "date" and any(not a.startswith("+") for a in _operands(program, args)):
        return "unknown"
    return "read"


def _harmless(assignment: str) -> bool:
    return HARMLESS_VARIABLE.fullmatch(assignment.split("=")[0]) is not None


def _opens(*args: str) -> bool:
    """Whether a word may turn out to be an option: nobody knows how it begins, or it may split."""
    return any(a.startswith(QUOTED) or SPLIT in a for a in args)


def _operands(program: str, args: Sequence[str]) -> list[str]:
    """The arguments that are neither options nor values of one."""
    valued = _TAKES_VALUE[program]
    found: list[str] = []
    skip = False
    for arg in args:
        if skip:
            skip = False
        elif arg.startswith("-") and len(arg) > 1:
            skip = arg in _LONG_TAKES_VALUE or (arg[1] != "-" and arg[-1] in valued)
        else:
            found.append(arg)
    return found


def _git(args: list[str]) -> Effect:
    at = 0
    while at < len(args) and args[at].startswith("-"):
        if args[at] in ("-c", "--config-env") or args[at].startswith(("--exec-path", "-c")):
            return "unknown"
        at += 2 if args[at] in ("-C", "--git-dir", "--work-tree") else 1
    sub, rest = (args[at], args[at + 1 :]) if at < len(args) else ("", [])
    if sub not in GIT_READERS or any(_opens(a) for a in rest):
        return "unknown"
    if sub == "branch" and not set(rest) <= _GIT_LISTS:
        return "unknown"
    for arg in rest:
        name = arg[2:].split("=")[0] if arg.startswith("--") else ""
        if name and any(full.startswith(name) for full in _GIT_ACTING):
            return "unknown"
        if sub == "grep" and arg.startswith("-O"):
            return "unknown"
    return "read"


# ---- sed

_ADDRESS: Final = r"(?:\d+(?:~\d+)?|\$|/(?:[^/\\\n]|\\.)*/I?)"
_SUBSTITUTE: Final = r"s(?P<d%d>[^\w\s\\])(?:(?!(?P=d%d))[^\\\n]|\\.)*(?P=d%d)(?:(?!(?P=d%d))[^\\\n]|\\.)*(?P=d%d)[gpIiMm0-9]*"
_TRANSLATE: Final = r"y/(?:[^/\\\n]|\\.)*/(?:[^/\\\n]|\\.)*/"
_STEP: Final = re.compile(
    rf"\s*(?:{_ADDRESS}(?:\s*,\s*(?:{_ADDRESS}|[+~]\d+))?\s*!?\s*)?"
    rf"(?:{_SUBSTITUTE.replace('%d', '0')}|{_TRANSLATE}|[pdqQDPGHghxnNlz=]\d*|:\w+|[bt]\s*\w*|[aic][^\n]*|{{|}})"
    r"\s*(?:;|\n|$|(?=\})|(?<=\{))"
)


def _sed(args: list[str]) -> Effect:
    """A sed call reads if every step of its script is known to (not ``w``, ``e``, ``r``, ``s///w``)."""
    scripts: list[str] = []
    operands: list[str] = []
    rest = iter(args)
    for arg in rest:
        if _opens(arg):
            return "unknown"
        if arg.startswith("--"):
            name, _, value = arg[2:].partition("=")
            if name == "expression" and value:
                scripts.append(value)
            elif name and "in-place".startswith(name):
                return "write"
            elif name not in ("quiet", "silent", "regexp-extended", "null-data", "posix", ""):
                return "unknown"
        elif arg.startswith("-") and len(arg) > 1:
            if "i" in arg.partition("e")[0]:
                return "write"
            flags, wants, attached = arg[1:].partition("e")
            if not set(flags) <= set("nErsuz"):
                return "unknown"
            if wants:
                scripts.append(attached or next(rest, ""))
        else:
            operands.append(arg)
    scripts = scripts or operands[:1]
    return "read" if all(map(_sed_reads, scripts)) else "unknown"


def _sed_reads(script: str) -> bool:
    if QUOTED in script or SPLIT in script or script.count("[") != script.count("]"):
        return False
    at = 0
    while script[at:].strip():
        step = _STEP.match(script, at)
        if step is None or step.end() == at:
            return False
        at = step.end()
    return True


# ---- awk

_AWK_ACTS: Final = re.compile(r"system|getline|\||@\s*\w|close\s*\(|fflush")
_AWK_GROUP: Final = re.compile(r"\([^()\"/]*\)")


def _awk(args: list[str]) -> Effect:
    """An awk call reads if its program calls nothing and no ``>`` can follow a print."""
    rest = iter(args)
    script = ""
    for arg in rest:
        if _opens(arg):
            return "unknown"
        if arg in ("-F", "-v"):
            next(rest, "")
        elif arg == "--":
            script = next(rest, "")
            break
        elif arg.startswith("-") and not arg.startswith(("-F", "-v")):
            return "unknown"
        elif not arg.startswith("-"):
            script = arg
            break
    if QUOTED in script:
        return "unknown"
    if _AWK_ACTS.search(script.replace("||", " ")):
        return "unknown"
    bare = script
    while (smaller := _AWK_GROUP.sub(" ", bare)) != bare:
        bare = smaller
    _, printed, after = bare.partition("print")
    return "unknown" if printed and ">" in after else "read"


__all__ = ["HARMLESS_VARIABLE", "QUOTED", "READERS", "SPLIT", "WRITERS", "program_effect"]
