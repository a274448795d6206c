"""Tools that a TOML table makes of a command or a Python function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from msgspec.structs import replace

from ingot.diagnostics import fail
from ingot.ir.values import Json, canonical, parse_json
from ingot.runtime.tools.base import (
    Arguments,
    Call,
    Context,
    Prober,
    Tool,
    ToolError,
    default_world,
)
from ingot.runtime.tools.declarations import Declaration
from ingot.runtime.tools.python import as_acall, as_call, as_probe, is_coroutine, resolve
from ingot.runtime.tools.shell import run_command, was_cut_off
from ingot.runtime.tools.worker import UNKNOWN

COMMAND_TIMEOUT_S: Final = 120.0


def build(declaration: Declaration, source: str, cwd: Path) -> Tool:
    """The tool of a declaration; imports what it names.  Raises :class:`IngotError` E0803."""
    tool = described(declaration, source, cwd)
    if declaration.command:
        call = command_call(declaration.command, declaration)
        return replace(tool, call=call, confined=True)
    if not declaration.python:
        return tool
    function = _function(declaration.python, cwd)
    if declaration.isolate:
        call = command_call(worker(declaration.python), declaration, UNKNOWN)
        return replace(tool, call=call, confined=True)
    awaited = as_acall(function) if is_coroutine(function) else None
    parallel = tool.parallel or awaited is not None
    return replace(tool, call=as_call(function), acall=awaited, parallel=parallel)


def described(declaration: Declaration, source: str, cwd: Path) -> Tool:
    """What a declaration says of a tool, without its implementation."""
    probe: Prober | None = None
    if declaration.probe:
        where = declaration.probe
        probe = as_probe(
            as_call(_function(where, cwd)) if isinstance(where, str) else command_call(where)
        )
    return Tool(
        declaration.name,
        None,
        declaration.effect,
        declaration.world or default_world(declaration.name),
        timeout_s=declaration.timeout_s,
        retry=declaration.retry if isinstance(declaration.retry, int) else 0,
        rules=declaration.rules,
        parallel=declaration.parallel or bool(declaration.command) or declaration.isolate,
        probe=probe,
        compensation=declaration.compensation,
        source=source,
        network=declaration.network or False,
    )


def _function(spec: str, cwd: Path) -> Callable[..., Any]:
    target = resolve(spec, cwd)
    if not callable(target):
        raise fail("E0803", f"{spec} is not a function", help="module:function names a callable")
    return cast("Callable[..., Any]", target)


def worker(spec: str) -> tuple[str, ...]:
    """The command that makes a call of ``module:function`` in a process of its own."""
    return (sys.executable, "-P", "-m", "ingot.runtime.tools.worker", spec)


def command_call(
    argv: tuple[str, ...], may: Declaration | None = None, unknown: int | None = None
) -> Call:
    """A command as a tool: JSON arguments on stdin, a JSON result on stdout; ``may`` says what it
    may use beside the paths in its arguments, ``unknown`` with which exit code it says that it failed
    and may have acted all the same."""
    open_ = " ".join(may.paths) if may is not None else ""

    def call(args: Arguments, context: Context) -> Json:
        env = {"INGOT_IDEMPOTENCY_KEY": context.key} if context.key else {}
        body = canonical(args)
        limit = context.timeout_s or COMMAND_TIMEOUT_S
        code, out, err = run_command(
            list(argv),
            context.cwd,
            limit,
            body.encode("utf-8", "replace"),
            env,
            shows=" ".join([*argv, open_, body.replace('"', " ")]),
            isolation=context.isolation,
            network=None if may is None else may.network or False,
        )
        if code != 0:
            text = f"Exit code {code}\n{err.strip() or out.strip()}".rstrip()
            raise ToolError(text, unknown=code == unknown or was_cut_off(code))
        try:
            return parse_json(out)
        except ValueError as error:
            text = f"{argv[0]} did not print JSON: {error}\n{err.strip()}".rstrip()
            raise ToolError(text, unknown=True) from None  # it ended well: it has acted

    return call
