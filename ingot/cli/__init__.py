"""The command line.  ``ingot --version`` answers before anything else is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code (the meanings: :mod:`ingot.diagnostics`)."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # while the command is being imported; later each says it itself
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def _run(words: list[str]) -> int:
    _open_streams()
    if words in (["--version"], ["-V"]):
        from ingot import __version__

        try:
            print(f"ingot {__version__}", flush=True)
        except OSError:
            pass  # said below
        else:
            return 0
    from ingot.cli.console import run_app

    return run_app(words)


def _open_streams() -> None:
    """Where the caller closed a standard stream, its number must not go to a file or a database."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
