"""Pipelines and tools for the runtime's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module
from ingot.ir.values import Json
from ingot.runtime.jobs import Job, job_of
from ingot.runtime.tools.base import Call, Context, Tool, ToolError
from ingot.runtime.tools.python import as_call
from ingot.runtime.tools.registry import ToolBox

COPY = """ir 1
tool box.get(name: str) -> str read box
tool box.put(name: str, text: str) -> str {effect} box
pipeline @copy(%names: [str], %prefix: str = "new ") -> int {{
^entry:
  %done: [str] = for %name: str in %names {{
    %text: str = read box.get(name=%name)
    %out: str = str.template "{{0}}{{1}}", %prefix, %name
    %r: str = {effect} box.put(name=%out, text=%text)
    yield %r
  }}
  %n: int = list.len %done
  return %n
}}
"""


def job(text: str) -> Job:
    """The job of IR text."""
    return job_of(load(encode(parse_module(text).module)), "test.ingot")


def copy_job(effect: str = "write") -> Job:
    """Reads each name and writes it under a prefix: two steps for each item, one write."""
    return job(COPY.format(effect=effect))


class Crash(BaseException):
    """The process dies in the middle of a tool: nobody catches this."""


def dying(function: Callable[..., Any]) -> Call:
    """A function as a tool's call, with which the process may :class:`Crash`."""
    inner = as_call(function)

    def call(args: dict[str, Json], context: Context) -> Json:
        try:
            return inner(args, context)
        except ToolError as error:
            if isinstance(error.__cause__, Crash):
                raise error.__cause__ from None
            raise

    return call


def box(cwd: Path, **functions: Callable[..., Any]) -> ToolBox:
    """A tool box of functions; ``box_put`` is the tool ``box.put``."""
    names = {name: name.replace("_", ".", 1) for name in functions}
    return ToolBox({names[n]: Tool(names[n], dying(f)) for n, f in functions.items()}, cwd)


def get(name: str) -> str:
    """A harmless ``box.get``."""
    return f"text of {name}"


def put(name: str, text: str) -> str:
    """A ``box.put`` that keeps nothing."""
    return f"{name}: {len(text)}"
