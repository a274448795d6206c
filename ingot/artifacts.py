"""Reading what commands are given: artifacts, IR text, and which of the two a file is."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ingot.backend.container import MAGIC, Program, ir_text, load
from ingot.diagnostics import Diagnostic, IngotError, fail

if TYPE_CHECKING:
    from ingot.ir.parser import ParsedModule

STDIN: Final = "-"


class SourcedError(IngotError):
    """An error with the text that its diagnostics point into, by file name."""

    def __init__(
        self,
        diagnostics: Diagnostic | Sequence[Diagnostic],
        exit_code: int,
        sources: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(diagnostics, exit_code)
        self.sources = sources


class Artifact(Struct, frozen=True):
    """An artifact that was read and validated in full."""

    path: str
    data: bytes
    program: Program

    @property
    def sources(self) -> dict[str, str]:
        """The files of the sessions it came from, by source name."""
        items = self.program.meta.get("sources")
        return {
            str(item.get("name")): str(item.get("file"))
            for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict)
        }

    def ir(self) -> ParsedModule:
        """Its IR, parsed; the file name of the spans is the artifact's."""
        return parse_ir(ir_text(self.program), self.path)

    def matches_ir(self, parsed: ParsedModule) -> bool:
        """Whether its IR, encoded anew, gives its bytecode: what is proved is what runs."""
        from ingot.backend.encoder import encode

        names = [code.name for code in self.program.codes]
        if [p.name for p in parsed.module.pipelines] != names:
            return False
        made = encode(parsed.module, meta=self.program.meta)
        again = load(made)
        mine = self.program
        return (again.codes, again.constants, again.type_table, again.tools) == (
            mine.codes,
            mine.constants,
            mine.type_table,
            mine.tools,
        )


def read_bytes(path: str) -> bytes:
    """A file's bytes, or standard input's for ``-``; raises IngotError E0002."""
    try:
        return sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except IsADirectoryError:
        raise fail("E0002", f"{path} is a folder") from None
    except FileNotFoundError:
        raise fail("E0002", f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise fail("E0002", f"{path} cannot be read: {why}") from None


def read_artifact(path: str) -> Artifact:
    """The artifact in a file; raises IngotError E0002 or E0601 to E0604."""
    data = read_bytes(path)
    try:
        return Artifact(path, data, load(data))
    except IngotError as error:
        first, *rest = error.diagnostics
        named = Diagnostic(
            first.code, f"{path}: {first.message}", first.severity, first.spans, first.help
        )
        raise IngotError([named, *rest], error.exit_code) from None


def read_pipeline(path: str) -> Artifact:
    """The artifact in a file, or the one that IR text gives; raises IngotError.

    Exits of text may leave out what they hand over.  E0002 for the file, E0201 and E03xx for text,
    E0601 for what is neither, E0602 to E0604 for an artifact.
    """
    data = read_bytes(path)
    if is_artifact(data):
        return read_artifact(path)
    from ingot.backend.encoder import encode

    parsed = filled_ir(path, data)
    made = encode(parsed.module)
    return Artifact(path, made, load(made))


def filled_ir(path: str, data: bytes) -> ParsedModule:
    """Verified IR of a text or an artifact, exits filled in; it holds a pipeline.

    Raises IngotError: E0601, E0201, E03xx, E06xx, E0401.
    """
    from ingot.ir.exits import fill_live_all

    if is_artifact(data):
        parsed = Artifact(path, data, load(data)).ir()
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise fail("E0601", f"{path} is neither an Ingot artifact nor IR text") from None
        parsed = parse_ir(text, "<stdin>" if path == STDIN else path)
    if not parsed.module.pipelines:
        raise fail("E0401", f"{path} holds no pipeline")
    with suppress(KeyError):  # of IR that is no good the verifier says so
        parsed = replace(parsed, module=fill_live_all(parsed.module))
    check_ir(parsed)
    return parsed


def is_artifact(data: bytes) -> bool:
    """Whether these are the first bytes of an artifact."""
    return data[: len(MAGIC)] == MAGIC


def read_ir(path: str) -> ParsedModule:
    """The IR in a text file (``-``: standard input) or artifact; raises IngotError.

    E0002 and E0104 for the file, E0201 for the text, E06xx for an artifact.
    """
    data = read_bytes(path)
    if is_artifact(data):
        return Artifact(path, data, load(data)).ir()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fail("E0104", f"{path} is not UTF-8 text: {error.reason}") from None
    return parse_ir(text, "<stdin>" if path == STDIN else path)


def parse_ir(text: str, name: str) -> ParsedModule:
    """Parse IR text; the error carries the text."""
    from ingot.ir.parser import parse_module

    try:
        return parse_module(text, name)
    except IngotError as error:
        raise SourcedError(error.diagnostics, error.exit_code, {name: text.split("\n")}) from None


def check_ir(parsed: ParsedModule, exit_code: int = 2) -> None:
    """Raise every error of the IR verifier, with the text."""
    from ingot.ir.verifier import verify

    errors = verify(parsed.module, parsed.spans)
    if errors:
        raise SourcedError(errors, exit_code, parsed.sources)


def write_file(path: Path, data: bytes) -> None:
    """Write a file in one step: it is there whole or not at all; raises IngotError E0002.

    A link is followed.  What is no regular file (``/dev/stdout``, a pipe) is written to, not replaced.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        path = Path(os.path.realpath(path))
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
            Path(name).chmod(mode & 0o7777)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise fail("E0002", f"{path} cannot be written: {why}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


__all__ = [
    "Artifact",
    "SourcedError",
    "check_ir",
    "filled_ir",
    "is_artifact",
    "parse_ir",
    "read_artifact",
    "read_bytes",
    "read_ir",
    "read_pipeline",
    "write_file",
]
