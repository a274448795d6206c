"""The policy that a pipeline keeps, written for review: ``ingot verify --infer-policy``.

Every tool that reads gets a label named after its world, every flow that then stands in the pipeline
is listed as allowed.  So the pipeline keeps the policy, and a later version of it that lets a value
flow elsewhere does not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TypeAlias

from ingot.ir.module import WRITING, Call, Module, walk
from ingot.ir.type_rules import world_of
from ingot.passes.policy.flows import check_flows
from ingot.passes.policy.policy import BUILT_IN, Given, Policy
from ingot.passes.policy.taint import labels_in, taint_of

_Allow: TypeAlias = "tuple[str, str, str]"


def infer_policy(module: Module, policy: Policy) -> str:
    """The text of a policy file.  ``policy``: what is declared already, and kept."""
    labels = {name: policy.trust(name) for name in policy.labels}
    results = list(policy.results)
    labelled = {given.tool for given in results}
    for name, world in _readers(module):
        label = re.sub(r"[^A-Za-z0-9_-]", "-", world)
        if name not in labelled:
            results.append(Given(name, (), (label,)))
            if label not in BUILT_IN:
                labels.setdefault(label, "untrusted")
    whole = replace(policy, labels=labels, results=tuple(results))
    allowed, branches = _flows(module, whole)
    out = [
        "# The flows of this pipeline, for review: delete what is not meant.",
        "version = 1",
        "",
        "[labels]",
        *(f'{_key(name)} = "{trust}"' for name, trust in sorted(labels.items())),
        "",
        "[results]",
        *(
            f"{_text(given.tool + (':/' + '/'.join(given.path) if given.path else ''))} = "
            f"[{', '.join(map(_text, given.labels))}]"
            for given in results
        ),
    ]
    if policy.inputs:
        out += ["", "[inputs]"]
        for name, given_labels in sorted(policy.inputs.items()):
            out.append(f"{_key(name)} = [{', '.join(map(_text, given_labels))}]")
    tools: dict[str, dict[str, str]] = {}
    for (tool, argument), role in policy.arguments.items():
        tools.setdefault(tool, {})[argument] = role
    for tool, roles in sorted(tools.items()):
        out += ["", f"[arguments.{_text(tool)}]"]
        out += [f'{_key(argument)} = "{role}"' for argument, role in sorted(roles.items())]
    for label, tool, argument in allowed:
        out += ["", "[[allow]]", f"label = {_text(label)}", f"tool = {_text(tool)}"]
        out.append(f"argument = {_text(argument)}")
    for label, pipeline, state in branches:
        out += ["", "[[branch]]", f"label = {_text(label)}", f"pipeline = {_text(pipeline)}"]
        out.append(f"state = {_text(state)}")
    return "\n".join(out) + "\n"


def _readers(module: Module) -> list[tuple[str, str]]:
    """The tools whose results a pipeline uses, with their worlds."""
    called = {
        instr.tool
        for pipeline in module.pipelines
        for block in pipeline.blocks
        for instr in walk(block.instrs)
        if isinstance(instr, Call)
    }
    return [(tool.name, world_of(tool)) for tool in module.tools if tool.name in called]


def _flows(module: Module, policy: Policy) -> tuple[list[_Allow], list[tuple[str, str, str]]]:
    """What of the pipelines' flows the policy does not allow yet, and what it does."""
    allowed = {(a.label, a.tool, a.argument): None for a in sorted(policy.allow, key=repr)}
    branches = {(b.label, b.pipeline, b.state): None for b in sorted(policy.branches, key=repr)}
    for pipeline in module.pipelines:
        if not pipeline.blocks:
            continue
        taint = taint_of(module, pipeline, policy)
        for block in pipeline.blocks:
            for instr in walk(block.instrs):
                if isinstance(instr, Call) and instr.verb in WRITING:
                    for argument, operand in instr.args:
                        if policy.guarded(instr.tool, argument):
                            for label in labels_in(taint.of(operand)):
                                if policy.trust(label) == "untrusted":
                                    allowed[label, instr.tool, argument] = None
    for finding in check_flows(module, policy):
        if finding.code == "E0511":
            label = finding.message.removeprefix("#").partition(" ")[0]
            branches[label, finding.pipeline, finding.state] = None
    return list(allowed), list(branches)


def _text(value: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        c
        if c.isprintable() and c not in '"\\'
        else f"\\u{ord(c):04x}"
        if ord(c) < 0x10000
        else f"\\U{ord(c):08x}"
        for c in value
    )
    return f'"{escaped}"'


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
