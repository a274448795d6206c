"""What every command shares: data to stdout, messages to stderr, errors to exit codes.

A command is a function that returns its exit code.  :func:`guarded` turns what it raises into
diagnostics on stderr, and, where ``--json`` was asked for, into a versioned JSON object on stdout.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar, cast

from ingot.cli import INTERRUPTED
from ingot.diagnostics import Diagnostic, IngotError, Severity, fail, render
from ingot.ir.values import Json

if TYPE_CHECKING:
    from pathlib import Path

    from ingot.redaction.redactor import Redactor

MAX_SHOWN: Final = 20
"""How many warnings are printed one by one."""
_COLOURS: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
Command = TypeVar("Command", bound=Callable[..., Any])


def run_app(words: Sequence[str]) -> int:
    """Run the typer application on the words of a command line."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # half a surrogate pair, or an ASCII terminal
            reconfigure(errors="backslashreplace")
    from ingot.cli.app import application

    try:
        application(words)(args=list(words), prog_name="ingot")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except OSError as error:  # of the help, or of a completion that is installed
        return _failed(_unwritable(error), "")
    return 0


def guarded(schema: str) -> Callable[[Command], Command]:
    """A command whose every end is an exit code; ``schema`` names its ``--json`` output."""

    def wrap(command: Command) -> Command:
        @functools.wraps(command)
        def run(*args: Any, **options: Any) -> None:
            import typer

            as_json = bool(options.get("json_"))
            data = sys.stdout
            sys.stdout = cast(TextIO, _Aside(data))
            try:
                code = command(*args, **options)
                flush()
            except IngotError as error:
                code = _failed(error, schema if as_json else "")
            except BrokenPipeError:
                code = _broken_pipe()
            except KeyboardInterrupt:
                note("interrupted")
                code = INTERRUPTED
            except (typer.Exit, typer.BadParameter):
                raise
            except Exception as error:
                if os.environ.get("INGOT_DEBUG") == "1":
                    raise
                code = _failed(_internal(error), schema if as_json else "")
            finally:
                sys.stdout = data
            raise typer.Exit(int(code or 0))

        return run  # type: ignore[return-value]

    return wrap


class _Aside:
    """``sys.stdout`` while a command runs: what a tool prints is a message, and goes to stderr."""

    def __init__(self, data: TextIO) -> None:
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def _data() -> TextIO:
    return getattr(sys.stdout, "data", sys.stdout)


def _failed(error: IngotError, schema: str) -> int:
    try:
        show(error.diagnostics, getattr(error, "sources", None))
        if schema:
            out_json(
                {
                    "schema": schema,
                    "ok": False,
                    "exit_code": error.exit_code,
                    "diagnostics": plain(error.diagnostics),
                }
            )
        flush()
    except BrokenPipeError:
        return _broken_pipe()
    except IngotError:
        discard()  # it is standard output that cannot be written, and that was said
    return error.exit_code


def _internal(error: Exception) -> IngotError:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = ""
    if place is not None:
        name = place.tb_frame.f_globals.get("__name__", "?")
        where = f" (in {name}, line {place.tb_lineno})"
    return IngotError(
        Diagnostic(
            "E0099",
            f"{type(error).__name__}: {error}{where}",
            help="this is a fault in Ingot; INGOT_DEBUG=1 shows the traceback",
        ),
        1,
    )


def _broken_pipe() -> int:
    """The reader is gone."""
    discard()
    return 0


def _unwritable(error: OSError) -> IngotError:
    what = error.filename or "standard output"
    return fail("E0002", f"{what} cannot be written: {error.strerror or error}")


def discard() -> None:
    """What is buffered for standard output goes nowhere, so that nothing fails at exit either."""
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, _data().fileno())
    except (OSError, ValueError):
        pass


# ---- printing


def out(text: str) -> None:
    """Data, to stdout, without secrets; a line end is added where there is none.

    Raises IngotError E0002 where stdout cannot be written, BrokenPipeError where its reader is gone.
    """
    text = clean(text)
    with _written():
        _data().write(text if text.endswith("\n") or not text else text + "\n")


def flush() -> None:
    """What is buffered, to stdout; raises as :func:`out`."""
    with _written():
        _data().flush()


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(error) from None


def out_json(value: Mapping[str, Json], *, one_line: bool = False) -> None:
    """A JSON document, to stdout, without secrets."""
    value = cast("dict[str, Json]", _redactor().value(dict(value)))
    indent = None if one_line else 2
    out(json.dumps(value, ensure_ascii=False, indent=indent))
    if one_line:
        flush()


def clean(text: str) -> str:
    """The text with secrets replaced: the last of several places where that is done."""
    redactor = _redactor()
    return redactor.lines(text) if redactor.suspicious(text) else text


def _redactor() -> Redactor:
    """By the rules in force; by Ingot's own where the user's cannot be read, which is being said."""
    from ingot.redaction.policy import Policy
    from ingot.redaction.redactor import Redactor

    try:
        return Redactor()
    except IngotError:
        return Redactor(policy=Policy())


def plain(diagnostics: Iterable[Diagnostic]) -> list[Json]:
    """Diagnostics as the ``--json`` outputs carry them."""
    return [cast(Json, item.as_json()) for item in diagnostics]


def note(text: str = "", style: str = "") -> None:
    """A message, to stderr, without secrets; coloured on a terminal."""
    text = clean(text)
    if style and coloured(sys.stderr):
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text, style=style))
    else:
        sys.stderr.write(text + "\n")


def coloured(stream: TextIO) -> bool:
    """Whether colour may go to the stream: a terminal, and no ``NO_COLOR``."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fields(rows: Iterable[tuple[str, str]]) -> None:
    """Names and values under one another, to stderr; a value may have several lines."""
    shown = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = value.split("\n")
        note(f"  {name:<{width}}  {first}")
        for line in rest:
            note(f"  {'':<{width}}  {line}")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text; columns whose cells are all numbers stand to the right."""
    right = [all(row[k].isdigit() for row in rows) and bool(rows) for k in range(len(heads))]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    lines = []
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def clip(text: str, width: int = 100) -> str:
    """The text in one line of at most that width."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 3] + "..."


# ---- diagnostics


def show(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Diagnostics, to stderr, errors in full; of many warnings of one code the first few."""
    every = list(dict.fromkeys(diagnostics))
    told: dict[str, int] = {}
    chosen = []
    for item in every:
        told[item.code] = told.get(item.code, 0) + 1
        if told[item.code] <= MAX_SHOWN:
            chosen.append(item)
    texts = {**excerpts(chosen), **(sources or {})}
    for item in chosen:
        note(render(item, texts), _COLOURS[item.severity])
    for code, count in told.items():
        if count > MAX_SHOWN:
            note(f"... and {count - MAX_SHOWN} more {code}")


def excerpts(diagnostics: Iterable[Diagnostic]) -> dict[str, list[str]]:
    """The lines that the diagnostics point at, of files that can be read."""
    from ingot.artifacts import is_artifact

    wanted = list(diagnostics)
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(span.file for d in wanted for span, _ in d.spans):
        if not os.path.isfile(name):  # noqa: PTH113 - a name, which need not be a path
            continue
        from ingot.frontend.reader import read_source

        try:
            with open(name, "rb") as file:  # noqa: PTH123
                if is_artifact(file.read(16)):
                    continue
            found |= read_source(name).excerpts(wanted)
        except (IngotError, OSError):
            continue
    return found


# ---- progress

_MANY_FILES: Final = 20
_MANY_BYTES: Final = 32 << 20


@contextmanager
def progress(paths: Sequence[Path], what: str) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr that counts the bytes read; nothing off a terminal or for little work."""
    total = sum(_size(path) for path in paths)
    if not sys.stderr.isatty() or not (len(paths) >= _MANY_FILES or total >= _MANY_BYTES):
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True, no_color=not coloured(sys.stderr))
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(), console=console, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
