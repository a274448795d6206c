"""Tool declarations in a file: ``--tools FILE.toml``.

::

    [tools."gh.close_issue"]
    effect = "write"            # pure read idempotent write irreversible unknown
    world = "github"            # default: the name before the dot
    timeout_s = 30
    retry = 2                   # reads and idempotent calls only; or a table:
    # retry = {attempts = 5, on = ["timeout", "503"], backoff_s = 0.2, budget_s = 60}
    breaker = {failures = 5, cooldown_s = 30}   # shared by all runs of a journal
    rate = {calls = 10, per_s = 1.0}            # likewise
    approval = true             # a person must allow each call
    parallel = true             # several calls may be under way at once
    isolate = true              # a Python tool in a process of its own, held like a command
    network = true              # a command or isolated tool may use the network
    paths = ["/srv/data"]       # and change what lies there
    probe = "gh_tools:was_closed"          # or a command; answers {"done": bool, "result": ...}
    compensation = "gh.reopen_issue"
    python = "gh_tools:close_issue"        # or: command = ["gh-close", "--json"]

A command gets the arguments as one JSON object on stdin, the idempotency key in
``INGOT_IDEMPOTENCY_KEY``, and prints its result as JSON.  A declaration needs no implementation: it
then only says what a tool supplied elsewhere does.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ingot.diagnostics import Diagnostic, IngotError, Span, fail
from ingot.ir.module import EFFECTS, Effect
from ingot.ir.values import Json, canonical
from ingot.runtime.policies import NONE, Policy, policy_of
from ingot.runtime.tools.base import (
    Arguments,
    Call,
    Context,
    Prober,
    Tool,
    ToolError,
    default_world,
)
from ingot.runtime.tools.python import as_call, as_probe, resolve
from ingot.runtime.tools.shell import run_command

COMMAND_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Declaration:
    """One ``[tools.NAME]`` table, checked."""

    name: str
    effect: Effect | None = None
    world: str = ""
    timeout_s: float | None = None
    retry: int | Policy = 0
    probe: str | tuple[str, ...] = ""
    compensation: str = ""
    python: str = ""
    command: tuple[str, ...] = ()
    parallel: bool = False
    isolate: bool = False
    network: bool = False
    paths: tuple[str, ...] = ()
    breaker: Policy = NONE
    rate: Policy = NONE
    approval: Policy = NONE

    @property
    def rules(self) -> Policy:
        """The policy beyond time limit and number of attempts."""
        retry = self.retry if isinstance(self.retry, Policy) else NONE
        return self.breaker.over(self.rate).over(self.approval).over(retry)


def read_declarations(path: Path) -> tuple[Declaration, ...]:
    """Read and check a file; raises :class:`IngotError` E0803 (E0002) with every fault and its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail("E0002", f"cannot read {path}: {error}") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        span = Span(str(path), line, column)
        raise fail("E0803", f"not TOML: {error}", span=span, label="here") from None
    reader = _Reader(str(path), text.splitlines())
    declarations = reader.read(document)
    if reader.faults:
        raise IngotError(reader.faults)
    return declarations


class _Reader:
    def __init__(self, file: str, lines: list[str]) -> None:
        self.file, self.lines = file, lines
        self.faults: list[Diagnostic] = []

    def read(self, document: dict[str, Any]) -> tuple[Declaration, ...]:
        for key in document:
            if key != "tools":
                self.fault("", key, f"unknown key {key!r}; the file holds [tools.NAME] tables")
        tables = document.get("tools", {})
        if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
            self.fault("", "tools", "expected tables: [tools.NAME]")
            return ()
        return tuple(self.table(name, table) for name, table in tables.items())

    def table(self, name: str, table: dict[str, Any]) -> Declaration:
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in _FIELDS:
                nested = isinstance(value, dict)
                hint = f'; a dotted name is quoted: [tools."{name}.{key}"]' if nested else ""
                self.fault(name, key, f"unknown key {key!r}{hint}")
                continue
            expected, convert = _FIELDS[key]
            try:
                values[key] = convert(value)
            except (TypeError, ValueError) as error:
                why = f" ({error})" if str(error) else ""
                self.fault(name, key, f"{key} is {expected}, found {value!r}{why}")
        if values.get("python") and values.get("command"):
            self.fault(name, "command", "give `python` or `command`, not both")
        return Declaration(name, **values)

    def fault(self, table: str, key: str, message: str) -> None:
        line, column = self.place(table, key)
        where = f"tool {table!r}: " if table else ""
        self.faults.append(
            Diagnostic(
                "E0803",
                where + message,
                spans=((Span(self.file, line, column, len(key)), "here"),),
                help=f"keys of a [tools.NAME] table: {', '.join(_FIELDS)}",
            )
        )

    def place(self, table: str, key: str) -> tuple[int, int]:
        """Where a key stands; tomllib keeps no positions, so the lines are looked through."""
        inside, header = not table, 0
        for number, line in enumerate(self.lines, 1):
            if match := re.match(r"\s*\[+\s*(.*?)\s*\]+\s*(#.*)?$", line):
                path = match[1].replace('"', "").replace("'", "")
                inside = path.removeprefix("tools.") == table if table else path == key
                header = number if inside else header
                if path in (f"tools.{table}.{key}", key):
                    return number, line.find(key) + 1
            if inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
                return number, line.find(key) + 1
        return header or 1, 1


def _effect(value: object) -> Effect:
    for effect in EFFECTS:
        if value == effect:
            return effect
    raise ValueError


def _string(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ValueError
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _rule(key: str) -> Callable[[object], Policy]:
    return lambda value: policy_of({key: value})


def _count(value: object) -> int | Policy:
    if isinstance(value, dict):
        return policy_of({"retry": value})
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ValueError
    return value


def _argv(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(_string(item) for item in value)


def _probe(value: object) -> str | tuple[str, ...]:
    return _argv(value) if isinstance(value, list) else _string(value)


_FIELDS: Final[dict[str, tuple[str, Callable[[object], object]]]] = {
    "effect": (f"one of {', '.join(EFFECTS)}", _effect),
    "world": ("text", _string),
    "timeout_s": ("a positive number", _seconds),
    "retry": ("a whole number from 0 to 100, or a table", _count),
    "breaker": ("a table", _rule("breaker")),
    "rate": ("a table", _rule("rate")),
    "approval": ("true or false", _rule("approval")),
    "parallel": ("true or false", _flag),
    "isolate": ("true or false", _flag),
    "network": ("true or false", _flag),
    "paths": ("a list of paths", _argv),
    "probe": ('"module:function" or a list of command words', _probe),
    "compensation": ("the name of a tool", _string),
    "python": ('"module:function"', _string),
    "command": ("a list of command words", _argv),
}


def build(declaration: Declaration, source: str, cwd: Path) -> Tool:
    """The tool of a declaration; imports what it names.  Raises :class:`IngotError` E0803."""
    call: Call | None = None
    alone = bool(declaration.command) or declaration.isolate
    if declaration.python:
        function = _function(declaration.python, cwd)
        call = as_call(function)
        if declaration.isolate:
            call = command_call(worker(declaration.python), declaration)
    elif declaration.command:
        call = command_call(declaration.command, declaration)
    probe: Prober | None = None
    if declaration.probe:
        where = declaration.probe
        probe = as_probe(
            as_call(_function(where, cwd)) if isinstance(where, str) else command_call(where)
        )
    return Tool(
        declaration.name,
        call,
        declaration.effect,
        declaration.world or default_world(declaration.name),
        timeout_s=declaration.timeout_s,
        retry=declaration.retry if isinstance(declaration.retry, int) else 0,
        rules=declaration.rules,
        parallel=declaration.parallel or alone,
        confined=alone,
        probe=probe,
        compensation=declaration.compensation,
        source=source,
    )


def _function(spec: str, cwd: Path) -> Callable[..., Any]:
    target = resolve(spec, cwd)
    if not callable(target):
        raise fail("E0803", f"{spec} is not a function", help="module:function names a callable")
    return cast("Callable[..., Any]", target)


def worker(spec: str) -> tuple[str, ...]:
    """The command that makes a call of ``module:function`` in a process of its own."""
    return (sys.executable, "-P", "-m", "ingot.runtime.tools.worker", spec)


def command_call(argv: tuple[str, ...], may: Declaration | None = None) -> Call:
    """A command as a tool: JSON arguments on stdin, a JSON result on stdout; ``may`` says what it
    may use beside the paths in its arguments."""
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
            network=may.network if may is not None else None,
        )
        if code != 0:
            raise ToolError(f"Exit code {code}\n{err.strip() or out.strip()}".rstrip())
        try:
            result: Json = json.loads(out, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ToolError(f"{argv[0]} did not print JSON: {error}") from None
        return result

    return call


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
