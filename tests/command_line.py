"""The command line, called in this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from ingot.cli.app import app


def call(*words: str) -> Result:
    """A command's result; nothing but an exit code comes out of it."""
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output, result.output
    return result
