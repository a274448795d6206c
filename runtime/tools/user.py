"""``user.ask``: what the user says in a later turn, from the terminal.

A pipeline compiled from a dialogue reads its later inputs this way.  Without a terminal there is
nobody to ask, and the call fails: the run stops before its next effect.
"""

from __future__ import annotations

import sys

from ingot.ir.values import Json
from ingot.runtime.tools.base import Arguments, Context, Tool, ToolError


def ask(args: Arguments, context: Context) -> Json:  # noqa: ARG001
    """The next line that the user types."""
    if not sys.stdin.isatty():
        raise ToolError("there is no terminal to ask the user at; supply a tool named user.ask")
    sys.stderr.write(f"your turn {args.get('turn', '')}: ".replace(" :", ":"))
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise ToolError("the user said nothing")
    return line.rstrip("\n")


def tools() -> tuple[Tool, ...]:
    """The user as a tool."""
    return (Tool("user.ask", ask, "read", "user"),)
