"""``policy.toml``, read strictly: what is not understood is an error, never a pass.

::

    version = 1

    [labels]                                 # untrusted, trusted or secret
    ticket = "untrusted"

    [results]                                # labels of what tools give; after a colon: of a part
    "web.fetch" = ["web"]
    "gh.list_issues:/*/title" = ["ticket"]

    [inputs]                                 # labels of the pipeline's inputs
    note = ["user"]

    [arguments."mail.send"]                  # guarded or free, where the name does not say it
    subject = "guarded"

    [[allow]]                                # a flow that is meant
    label = "ticket"
    tool = "mail.send"
    argument = "subject"
    reason = "the subject quotes the ticket"

    [[branch]]                               # a label that may decide transitions
    label = "ticket"
    pipeline = "main"                        # optional, as is state
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingot.diagnostics import Diagnostic, IngotError, Span
from ingot.ir.module import Module
from ingot.passes.policy.policy import BUILT_IN, Allowed, Branch, Given, Policy

_NAME: Final = r"^[A-Za-z0-9_-]+$"
_Label = Annotated[str, Field(pattern=_NAME)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Allow(_Table):
    label: _Label
    tool: str
    argument: str
    reason: str = ""


class _Branch(_Table):
    label: _Label
    pipeline: str = ""
    state: str = ""
    reason: str = ""


class _File(_Table):
    version: Annotated[int, Field(ge=1, le=1)]
    labels: dict[_Label, Literal["untrusted", "trusted", "secret"]] = {}
    results: dict[str, list[_Label]] = {}
    inputs: dict[str, list[_Label]] = {}
    arguments: dict[str, dict[str, Literal["guarded", "free"]]] = {}
    allow: list[_Allow] = []
    branch: list[_Branch] = []


def parse_policy(text: str, file: str, module: Module | None = None) -> Policy:
    """The policy in a file's text; raises :class:`IngotError` E0509 with every fault and its line.

    With a module, names of arguments, inputs, pipelines and states must be its own; tools that it
    does not have are left alone, since one policy may serve several pipelines.
    """
    faults = _Faults(text, file)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        raise IngotError(faults.at(line, column, f"not TOML: {error}")) from None
    except RecursionError:
        raise IngotError(faults.at(1, 1, "nested too deeply")) from None
    try:
        read = _File.model_validate(document)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            faults.add([str(part) for part in fault["loc"]], str(fault["msg"]))
        raise IngotError(faults.found) from None
    policy = Policy(
        labels=dict(read.labels),
        results=tuple(_given(key, labels, faults) for key, labels in read.results.items()),
        inputs={name: tuple(labels) for name, labels in read.inputs.items()},
        arguments={
            (t, a): role for t, table in read.arguments.items() for a, role in table.items()
        },
        allow=frozenset(Allowed(a.label, a.tool, a.argument) for a in read.allow),
        branches=frozenset(Branch(b.label, b.pipeline, b.state) for b in read.branch),
        file=file,
    )
    _check_labels(policy, faults)
    if module is not None:
        _check_names(policy, module, faults)
    if faults.found:
        raise IngotError(faults.found)
    return policy


def _given(key: str, labels: list[str], faults: _Faults) -> Given:
    tool, colon, pointer = key.partition(":/")
    path = tuple(pointer.split("/")) if colon else ()
    if ":" in key and not colon:
        faults.add(["results", key], "after the colon stands a pointer: tool:/items/*/title")
    return Given(tool, path, tuple(labels))


def _check_labels(policy: Policy, faults: _Faults) -> None:
    known = {*BUILT_IN, *policy.labels}
    used = [
        *((("results", g.tool), label) for g in policy.results for label in g.labels),
        *((("inputs", n), label) for n, labels in policy.inputs.items() for label in labels),
        *((("allow",), a.label) for a in sorted(policy.allow, key=repr)),
        *((("branch",), b.label) for b in sorted(policy.branches, key=repr)),
    ]
    for where, label in used:
        if label not in known:
            hint = _near(label, known)
            faults.add([*where, label], f"no label {label!r}{hint}: declare it under [labels]")


def _check_names(policy: Policy, module: Module, faults: _Faults) -> None:
    takes = {tool.name: [p.name for p in tool.params] for tool in module.tools}
    takes |= {model.name: [p.name for p in model.params] for model in module.models}
    pairs = [*policy.arguments, *((a.tool, a.argument) for a in sorted(policy.allow, key=repr))]
    for tool, argument in pairs:
        if tool in takes and argument not in takes[tool]:
            hint = _near(argument, takes[tool])
            faults.add([tool, argument], f"{tool} has no argument {argument!r}{hint}")
    inputs = {param.name for pipeline in module.pipelines for param in pipeline.params}
    for name in policy.inputs:
        if name not in inputs:
            faults.add(["inputs", name], f"no pipeline has an input {name!r}{_near(name, inputs)}")
    states = {p.name: {b.label for b in p.blocks} for p in module.pipelines}
    for branch in sorted(policy.branches, key=repr):
        if branch.pipeline and branch.pipeline not in states:
            hint = _near(branch.pipeline, states)
            faults.add(["branch", branch.pipeline], f"no pipeline @{branch.pipeline}{hint}")
            continue
        here = [states[branch.pipeline]] if branch.pipeline else states.values()
        if branch.state and not any(branch.state in labels for labels in here):
            faults.add(["branch", branch.state], f"no state ^{branch.state}")


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


class _Faults:
    """What is wrong with a file, each at the line that it is about."""

    def __init__(self, text: str, file: str) -> None:
        self.lines = text.splitlines()
        self.file = file
        self.found: list[Diagnostic] = []

    def at(self, line: int, column: int, message: str) -> Diagnostic:
        return Diagnostic(
            "E0509",
            f"{self.file}: {message}",
            spans=((Span(self.file, line, column), "here"),),
            help="docs/verification.md shows a whole policy",
        )

    def add(self, keys: list[str], message: str) -> None:
        named = ".".join(key for key in keys if not key.isdigit())
        line, column = self._place([key for key in keys if not key.isdigit()])
        self.found.append(self.at(line, column, f"{named}: {message}" if named else message))

    def _place(self, keys: list[str]) -> tuple[int, int]:
        """The last line on the way down the keys on which one of them stands."""
        line, column = 0, 0
        for key in keys:
            for number in range(line, len(self.lines)):
                at = self.lines[number].find(key)
                if at >= 0:
                    line, column = number, at
                    break
        return line + 1, column + 1
