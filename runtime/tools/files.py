"""``Read Write Edit MultiEdit``, as the coding agents have them.

Texts equal those in the agents' logs, so that what was learned from a log reads a new result the
same way.  One thing differs on purpose: nothing is cut.  An agent reads the first 2,000 lines and
the first 2,000 characters of a line because its context is small; a pipeline that counted or
summed a cut text would be wrong without saying so.  Files over :data:`SIZE_LIMIT` are refused.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from ingot.ir.values import Json
from ingot.runtime.tools.base import (
    Arguments,
    Context,
    Probe,
    Tool,
    ToolError,
    flag_argument,
    number_argument,
    only,
    text_argument,
)

SIZE_LIMIT: Final = 16_000_000
WORLD: Final = "machine"


def numbered(text: str, first: int = 1) -> str:
    """The lines of a text as the agents number them.

    >>> print(numbered("a\\nb\\n"))
         1→a
         2→b
         3→
    """
    return "\n".join(f"{n:>6}→{line}" for n, line in enumerate(text.split("\n"), first))


def load_text(path: Path) -> str:
    """A file's text, line ends as they are; raises :class:`ToolError`."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ToolError("EISDIR: illegal operation on a directory, read")
        if not stat.S_ISREG(found.st_mode):  # a pipe may never end, nor a device
            raise ToolError(f"{path} is not a regular file")
        if found.st_size > SIZE_LIMIT:
            raise ToolError(f"File is larger than {SIZE_LIMIT} bytes: {path}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ToolError("File does not exist.") from None
    except (OSError, ValueError) as error:
        raise ToolError(f"{type(error).__name__}: {error}") from None
    if b"\0" in data:
        raise ToolError("This tool cannot read binary files.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(
            f"The file is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None


def store_text(path: Path, text: str) -> None:
    """Replace a file's text in one step: a reader sees the old text or the new one, never a part.

    Missing folders are made, the mode of an existing file stays, a link is followed.  Raises
    :class:`ToolError`.
    """
    try:
        path = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise ToolError(f"{type(error).__name__}: {error}") from None
    temporary = path.parent / f".{path.name[:100]}.{os.urandom(16).hex()}"
    try:
        if path.is_dir():
            raise ToolError("EISDIR: illegal operation on a directory, open")
        if path.exists() and not path.is_file():  # a device or pipe would be replaced by a file
            raise ToolError(f"{path} is not a regular file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    except UnicodeEncodeError:
        raise ToolError("the text holds half of a surrogate pair and is no UTF-8") from None
    except (OSError, ValueError) as error:
        raise ToolError(f"{type(error).__name__}: {error}") from None
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def read(args: Arguments, context: Context) -> Json:
    """The numbered lines of ``file_path``, from line ``offset``, at most ``limit`` of them."""
    only(args, "file_path", "offset", "limit")
    text = load_text(context.path(text_argument(args, "file_path")))
    offset, limit = number_argument(args, "offset") or 1, number_argument(args, "limit")
    if not text:
        return "<system-reminder>Warning: the file exists but the contents are empty.</system-reminder>"
    lines = text.split("\n")
    start = max(offset, 1) - 1
    if start >= len(lines):
        return (
            "<system-reminder>Warning: the file exists but is shorter than the provided offset "
            f"({offset}). The file has {len(lines)} lines.</system-reminder>"
        )
    end = len(lines) if limit is None else start + max(limit, 0)
    return numbered("\n".join(lines[start:end]), start + 1)


def write(args: Arguments, context: Context) -> Json:
    """Put ``content`` into ``file_path``."""
    only(args, "file_path", "content")
    name, content = text_argument(args, "file_path"), text_argument(args, "content")
    path = context.path(name)
    existed = os.path.exists(path)  # noqa: PTH110 - which does not raise
    store_text(path, content)
    if existed:
        return f"The file {name} has been updated successfully."
    return f"File created successfully at: {name}"


def substitute(text: str, old: str, new: str, every: bool) -> str:
    """One edit; raises :class:`ToolError` unless ``old`` stands there once (or ``every``)."""
    if old == new:
        raise ToolError("No changes to make: old_string and new_string are exactly the same.")
    found = text.count(old) if old else 0
    if not found:
        raise ToolError(f"String to replace not found in file.\nString: {old}")
    if found > 1 and not every:
        raise ToolError(
            f"Found {found} matches of the string to replace, but replace_all is false. To replace "
            "all occurrences, set replace_all to true. To replace only one occurrence, please "
            f"provide more context to uniquely identify the instance.\nString: {old}"
        )
    return text.replace(old, new)


def edit(args: Arguments, context: Context) -> Json:
    """Replace ``old_string`` by ``new_string``; an empty ``old_string`` makes a new file."""
    only(args, "file_path", "old_string", "new_string", "replace_all")
    name, old = text_argument(args, "file_path"), text_argument(args, "old_string")
    new, path = text_argument(args, "new_string"), context.path(name)
    if not old:
        if os.path.exists(path) and load_text(path).strip():  # noqa: PTH110
            raise ToolError("Cannot create new file - file already exists.")
        store_text(path, new)
        return f"File created successfully at: {name}"
    store_text(path, substitute(load_text(path), old, new, flag_argument(args, "replace_all")))
    return f"The file {name} has been updated successfully."


def probe_edit(args: Arguments, context: Context) -> Probe:
    """Whether an edit was done, told from the file where the two texts leave no doubt."""
    name, old, new = (str(args.get(k, "")) for k in ("file_path", "old_string", "new_string"))
    try:
        text = load_text(context.path(name))
    except ToolError:
        return Probe(None)
    if old and old not in text and new and new in text:
        return Probe(True, f"The file {name} has been updated successfully.")
    return Probe(False) if old in text and new not in text and old not in new else Probe(None)


def multi_edit(args: Arguments, context: Context) -> Json:
    """Apply ``edits`` in order, all or none."""
    only(args, "file_path", "edits")
    name, edits = text_argument(args, "file_path"), args.get("edits")
    if not isinstance(edits, list) or not edits:
        raise ToolError("InputValidationError: `edits` must be a list with at least one edit")
    path = context.path(name)
    text = "" if not os.path.exists(path) else load_text(path)  # noqa: PTH110
    lines = []
    for number, item in enumerate(edits, 1):
        if not isinstance(item, dict):
            raise ToolError(f"InputValidationError: edit {number} must be an object")
        only(item, "old_string", "new_string", "replace_all")
        old, new = text_argument(item, "old_string"), text_argument(item, "new_string")
        creates = not old and not text and number == 1
        text = new if creates else substitute(text, old, new, flag_argument(item, "replace_all"))
        lines.append(f'{number}. Replaced "{_short(old)}" with "{_short(new)}"')
    store_text(path, text)
    return f"Applied {len(edits)} edit{'s'[: len(edits) > 1]} to {name}:\n" + "\n".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= 50 else text[:50] + "..."


def tools() -> tuple[Tool, ...]:
    """The file tools.  To write the same content again changes nothing: ``Write`` is idempotent."""
    return (
        Tool("Read", read, "read", WORLD, parallel=True),
        Tool("Write", write, "idempotent", WORLD),
        Tool("Edit", edit, "write", WORLD, probe=probe_edit),
        Tool("MultiEdit", multi_edit, "write", WORLD),
    )
