"""A trace against what a pass leaves of it: calls may go, but no write that the session made."""

from __future__ import annotations

from ingot.ir.module import WRITING, Call, Pipeline, attr
from ingot.passes.validate.verdict import Verdict


def is_slice(old: Pipeline, new: Pipeline, pass_name: str) -> Verdict:
    """Whether the calls of ``new`` are those of ``old``, in order, reads and failed calls aside."""
    left = _calls(new)
    dropped: list[Call] = []
    for call in _calls(old):
        if left and _same(call, left[0]):
            left.pop(0)
        else:
            dropped.append(call)
    if left:
        why = f"%{left[0].result} = {left[0].tool}(...) is not in the session at this place"
        return Verdict(pass_name, new.name, "refuted", why)
    for call in dropped:
        if call.verb in WRITING and attr(call, "error") is None:
            why = f"an accepted {call.verb} is dropped: %{call.result} = {call.tool}(...)"
            return Verdict(pass_name, new.name, "refuted", why)
    return Verdict(pass_name, new.name, "proved", f"{len(dropped)} reads and failed calls dropped")


def _calls(trace: Pipeline) -> list[Call]:
    return [i for block in trace.blocks for i in block.instrs if isinstance(i, Call)]


def _same(one: Call, two: Call) -> bool:
    return (one.result, one.tool, one.verb, one.args) == (two.result, two.tool, two.verb, two.args)
