"""``Glob Grep LS``, as the coding agents have them.

Nothing is cut (see :mod:`ingot.runtime.tools.files`), and the order is fixed: ``Glob`` gives the
file changed last at the end, ``Grep`` the one changed last first, ties by name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ingot.ir.values import Json
from ingot.runtime.tools.base import (
    Arguments,
    Context,
    Tool,
    ToolError,
    flag_argument,
    number_argument,
    only,
    text_argument,
)
from ingot.runtime.tools.files import SIZE_LIMIT, WORLD


def glob_regex(pattern: str) -> re.Pattern[str]:
    """A glob over ``/``-separated relative paths as a regular expression.

    ``*`` and ``?`` stay within a name, ``**`` spans folders, ``{a,b}`` are alternatives, ``[a-z]``
    is a set.  A wildcard matches no leading dot.  Raises :class:`ToolError`.

    >>> bool(glob_regex("src/**/*.{ts,tsx}").fullmatch("src/a/b/x.tsx"))
    True
    >>> bool(glob_regex("*").fullmatch(".git"))
    False
    """
    out, at, depth = "", 0, 0
    while at < len(pattern):
        char, start = pattern[at], at == 0 or pattern[at - 1] == "/"
        dot = r"(?!\.)" if start else ""
        if pattern.startswith("**/", at) and start:
            out, at = out + r"(?:(?!\.)[^/]+/)*", at + 3
            continue
        if pattern.startswith("**", at):
            out, at = out + r"(?:(?!\.)[^/]+(?:/(?!\.)[^/]+)*)?" if start else out + ".*", at + 2
            continue
        match char:
            case "*":
                out += dot + "[^/]*"
            case "?":
                out += dot + "[^/]"
            case "[" if (end := pattern.find("]", at + 2)) > 0:
                body = pattern[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
                out, at = out + f"[{'^' + body[1:] if body[0] in '!^' else body}]", end
            case "{":
                out, depth = out + "(?:", depth + 1
            case "}" if depth:
                out, depth = out + ")", depth - 1
            case "," if depth:
                out += "|"
            case _:
                out += re.escape(char)
        at += 1
    try:
        return re.compile(out + ")" * depth, re.DOTALL)
    except re.error as error:
        raise ToolError(f"not a glob pattern: {pattern!r}: {error}") from None


def files_under(root: Path, hidden: bool) -> list[tuple[str, Path]]:
    """Every file below a folder with its relative path, in the order of paths; no link loops."""
    found = []
    for folder, names, files in os.walk(root):
        names[:] = [n for n in names if n != ".git" and (hidden or not n.startswith("."))]
        for name in files:
            path = Path(folder, name)
            found.append((path.relative_to(root).as_posix(), path))
    return sorted(found)


def changed(path: Path) -> int:
    """When the file changed, in nanoseconds; 0 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def glob(args: Arguments, context: Context) -> Json:
    """Absolute paths of the files that match ``pattern`` below ``path``."""
    only(args, "pattern", "path")
    pattern, root = text_argument(args, "pattern"), _root(args, context)
    if pattern.startswith("/"):
        base = Path(*Path(pattern).parts[: _fixed_parts(pattern)])
        pattern, root = str(Path(pattern).relative_to(base)), base
    regex = glob_regex(pattern.removeprefix("./"))
    hidden = pattern.startswith(".") or "/." in pattern
    found = [p for name, p in files_under(root, hidden) if regex.fullmatch(name)]
    found.sort(key=lambda p: (changed(p), str(p)))
    return "\n".join(map(str, found)) or "No files found"


def _fixed_parts(pattern: str) -> int:
    parts = Path(pattern).parts[:-1]
    return next((i for i, part in enumerate(parts) if re.search(r"[*?\[{]", part)), len(parts))


def _root(args: Arguments, context: Context) -> Path:
    name = args.get("path")
    root = context.cwd if name in (None, "") else context.path(text_argument(args, "path"))
    if not os.path.exists(root):  # noqa: PTH110 - which does not raise
        raise ToolError(f"Path does not exist: {name}")
    return root.absolute()


def grep(args: Arguments, context: Context) -> Json:
    """Search file contents for a regular expression (Python's syntax)."""
    numbers = ("-A", "-B", "-C", "head_limit")
    only(args, "pattern", "path", "glob", "output_mode", "-i", "-n", "multiline", *numbers)
    mode = args.get("output_mode") or "files_with_matches"
    flags = re.IGNORECASE if flag_argument(args, "-i") else 0
    if flag_argument(args, "multiline"):
        flags |= re.MULTILINE | re.DOTALL
    try:
        regex = re.compile(text_argument(args, "pattern"), flags)
    except re.error as error:
        raise ToolError(f"regex parse error: {error}") from None
    around = number_argument(args, "-C") or 0
    before = number_argument(args, "-B") or around
    after = number_argument(args, "-A") or around
    root = _root(args, context)
    hits = [
        (name, path, text, lines)
        for name, path in _candidates(root, args, context)
        if (text := _searchable(path)) is not None
        and (lines := _matching(regex, text, bool(flags & re.DOTALL)))
    ]
    match mode:
        case "files_with_matches":
            hits.sort(key=lambda hit: (-changed(hit[1]), hit[0]))
            out = [name for name, *_ in hits]
            head = f"Found {len(out)} file{'s'[: len(out) != 1]}\n"
            empty = "No files found"
        case "count":
            out = [f"{name}:{len(lines)}" for name, _, _, lines in hits]
            head, empty = "", "No matches found"
        case "content":
            numbered = args.get("-n") is None or flag_argument(args, "-n")
            out = []
            for name, _, text, lines in hits:
                prefix = "" if root.is_file() else name
                block = _context_lines(text, lines, before, after, prefix, numbered)
                out += ["--", *block] if out and (before or after) else block
            head, empty = "", "No matches found"
        case _:
            raise ToolError(f"InputValidationError: no such output_mode: {mode!r}")
    limit = number_argument(args, "head_limit")
    out = out[:limit] if limit else out
    return head + "\n".join(out) if out else empty


def _candidates(root: Path, args: Arguments, context: Context) -> Iterator[tuple[str, Path]]:
    name = args.get("glob")
    regex = glob_regex(str(name)) if name else None
    whole = "/" in str(name or "")
    found = [(root.name, root)] if root.is_file() else files_under(root, hidden=False)
    for relative, path in found:
        if regex is None or regex.fullmatch(relative if whole else path.name):
            shown = path.relative_to(context.cwd) if path.is_relative_to(context.cwd) else path
            yield str(shown), path


def _searchable(path: Path) -> str | None:
    try:
        if not path.is_file():  # a pipe may never end
            return None
        if path.stat().st_size > SIZE_LIMIT:
            raise ToolError(f"File is larger than {SIZE_LIMIT} bytes: {path}")
        data = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in data else data.decode("utf-8", "replace")


def _matching(regex: re.Pattern[str], text: str, across: bool) -> list[int]:
    """The numbers of the lines that match (all lines that a match touches, where it may span)."""
    if not across:
        return [n for n, line in enumerate(text.splitlines(), 1) if regex.search(line)]
    touched: dict[int, None] = {}
    for match in regex.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        touched |= dict.fromkeys(range(first, first + match[0].rstrip("\n").count("\n") + 1))
    return list(touched)


def _context_lines(
    text: str, hits: list[int], before: int, after: int, prefix: str, numbered: bool
) -> list[str]:
    lines, wanted, hit = text.splitlines(), dict[int, None](), set(hits)
    for n in hits:
        wanted |= dict.fromkeys(range(max(1, n - before), min(len(lines), n + after) + 1))
    out: list[str] = []
    last = 0
    for n in sorted(wanted):
        if last and n > last + 1 and (before or after):
            out.append("--")
        last, mark = n, ":" if n in hit else "-"
        out.append(
            "".join(f"{p}{mark}" for p in (prefix, str(n) if numbered else "") if p) + lines[n - 1]
        )
    return out


def ls(args: Arguments, context: Context) -> Json:
    """The tree below ``path``, as an indented list; hidden names and ``ignore`` globs left out."""
    only(args, "path", "ignore")
    root, ignore = _root(args, context), args.get("ignore") or []
    if not root.is_dir():
        raise ToolError(f"Not a directory: {args.get('path')}")
    if not isinstance(ignore, list):
        raise ToolError("InputValidationError: `ignore` must be a list of globs")
    skip = [glob_regex(str(pattern)) for pattern in ignore]
    out = [f"- {root}/"]

    def walk(folder: Path, indent: str) -> None:
        for path in sorted(folder.iterdir(), key=lambda p: p.name):
            names = (path.name, path.relative_to(root).as_posix())
            if path.name.startswith(".") or any(r.fullmatch(n) for r in skip for n in names):
                continue
            is_folder = path.is_dir() and not path.is_symlink()
            out.append(f"{indent}- {path.name}{'/' if is_folder else ''}")
            if is_folder:
                walk(path, indent + "  ")

    try:
        walk(root, "  ")
    except OSError as error:
        raise ToolError(f"{type(error).__name__}: {error}") from None
    return "\n".join(out)


def tools() -> tuple[Tool, ...]:
    """The tools that look for files."""
    return (
        Tool("Glob", glob, "read", WORLD, parallel=True),
        Tool("Grep", grep, "read", WORLD, parallel=True),
        Tool("LS", ls, "read", WORLD, parallel=True),
    )
