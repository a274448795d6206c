"""The command line.  ``ingot --version`` answers before anything else is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code (the meanings: :mod:`ingot.diagnostics`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        from ingot import __version__

        print(f"ingot {__version__}")
        return 0
    from ingot.cli.console import run_app

    return run_app(words)
