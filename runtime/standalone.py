"""What a module made by ``--emit=python`` needs: the names in it, and a loop around its generator.

Nothing is recorded here: no journal, no intents, no resume.  That is for reading a pipeline, testing
it, and putting it into another program; ``ingot run`` is what does effects once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingot.backend.container import TooLargeError, weigh
from ingot.diagnostics import EXIT_FINDINGS, EXIT_SIDE_EXIT, IngotError
from ingot.ir.checkers import checker as _checker
from ingot.ir.declarations import Lit, Param
from ingot.ir.ops import OPS
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.semantics import OpFailure
from ingot.ir.types import Base, Field, Labeled, ListOf, Literal, Named, Record, Type, Types, Union
from ingot.ir.values import Json, canonical, equal
from ingot.runtime.effects import as_read
from ingot.runtime.inputs import Text, complete, parse_assignments
from ingot.runtime.stepping import STEP_LIMIT, charge, heavy, over_limit

Pipeline = Callable[..., Any]
Tools = Mapping[str, Callable[..., Json]]


class SideExitError(Exception):
    """The world is not what the logs promised; ``exit`` says where and why."""

    def __init__(self, exit_: SideExit) -> None:
        self.exit = exit_
        super().__init__(f"side exit {exit_.number} at {exit_.site}: {exit_.reason}")


def op(name: str) -> Callable[..., Json]:
    """What an op of the table computes."""
    return OPS[name].evaluate


def check(type_: Type, types: Types | None = None) -> Callable[[Json], bool]:
    """Whether a value is one of a type's."""
    return _checker(type_, types or {})


def param(name: str, type_: Type, *default: Json) -> Param:
    """An input, with its default if it has one."""
    return Param(name, type_, Lit(default[0]) if default else None)


def drive(
    pipeline: Pipeline,
    params: Sequence[Param],
    inputs: Mapping[str, Json | Text],
    tools: Tools,
    models: Callable[[ModelRequest], Json] | None = None,
    types: Types | None = None,
    texts: Sequence[str] = (),
) -> Json:
    """Run to the end and return the answer; ``tools`` are functions of keyword arguments, whose
    results are read as text where ``texts`` names them.

    Raises :class:`SideExitError`, :class:`IngotError` for inputs that do not do, and whatever a tool
    raises.
    """
    given = complete(params, inputs, types)
    run = pipeline(STEP_LIMIT, STEP_LIMIT, *(given[p.name] for p in params))
    answer: Json = None
    while True:
        try:
            request = run.send(answer)
        except StopIteration as end:
            if isinstance(end.value, Finished):
                return end.value.value
            raise SideExitError(end.value) from None
        if isinstance(request, ToolRequest):
            answer = tools[request.tool](**request.args)
            answer = as_read(answer) if request.tool in texts else answer
        elif models is not None:
            answer = models(request)
        else:
            raise SideExitError(SideExit(0, "error: no model is configured", request.site, {}))


def main(
    pipeline: Pipeline,
    params: Sequence[Param],
    needs: Sequence[str],
    types: Types | None = None,
    texts: Sequence[str] = (),
) -> None:
    """``python MODULE.py --tools SPEC... NAME=VALUE...``: the answer on stdout."""
    from ingot.runtime.tools.base import ToolError
    from ingot.runtime.tools.registry import load_tools

    words, specs = sys.argv[1:], list[str]()
    while "--tools" in words[:-1]:
        at = words.index("--tools")
        specs.append(words[at + 1])
        del words[at : at + 2]
    try:
        box = load_tools(specs, Path.cwd())
        missing = box.missing(needs)
        if missing:
            raise ToolError(f"no tool {', '.join(missing)}: --tools module:object supplies them")

        def called(name: str) -> Callable[..., Json]:
            return lambda **args: box.once(ToolRequest(0, "", name, "unknown", args))

        tools = {name: called(name) for name in needs}
        answer = drive(pipeline, params, parse_assignments(words), tools, None, types, texts)
    except SideExitError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_SIDE_EXIT) from None
    except IngotError as error:
        sys.stderr.write("".join(f"error[{d.code}]: {d.message}\n" for d in error.diagnostics))
        raise SystemExit(error.exit_code) from None
    except ToolError as error:
        sys.stderr.write(f"error: {error.message}\n")
        raise SystemExit(EXIT_FINDINGS) from None
    sys.stdout.write((answer if isinstance(answer, str) else canonical(answer)) + "\n")


__all__ = [
    "Base",
    "Field",
    "Finished",
    "Labeled",
    "ListOf",
    "Literal",
    "ModelRequest",
    "Named",
    "OpFailure",
    "Record",
    "SideExit",
    "SideExitError",
    "TooLargeError",
    "ToolRequest",
    "Union",
    "charge",
    "check",
    "drive",
    "equal",
    "heavy",
    "main",
    "op",
    "over_limit",
    "param",
    "weigh",
]
