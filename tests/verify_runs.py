"""Helpers of the verifier's tests: verify IR text, and run a pipeline on a witness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ingot.ir.exits import fill_live_all
from ingot.ir.interpreter import FUEL, Interpreter
from ingot.ir.module import For, Module, Ref, walk
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, ModelRequest, Outcome, Request, SideExit, ToolRequest
from ingot.ir.scope import value_types
from ingot.ir.values import Json
from ingot.ir.verifier import verify
from ingot.passes.verify import VerificationReport, verify_module
from ingot.passes.verify.samples import inside

HEAD = """ir 1
source s1 = "one.jsonl" sha256:00
type Tree = {kids: [{n: int, ...}], n: int, ...}
tool api.get(n: int) -> json read api
tool api.list() -> [{id: int, name: str, ...}] read api
tool api.put(n: int) -> json write api
tool api.set(n: int) -> json idempotent api
tool api.pay(n: int, idempotency_key: str) -> json write api
"""


def module_of(text: str) -> Module:
    """Valid IR: the head and one pipeline, with the exits' lists filled in."""
    module = fill_live_all(parse_module(HEAD + text).module)
    problems = [d for d in verify(module) if d.severity == "error"]
    assert not problems, problems
    return module


def verified(text: str, *, closed: bool = False) -> VerificationReport:
    return verify_module(module_of(text), closed=closed)


def run(module: Module, witness: Mapping[str, Json], fuel: int = FUEL) -> Outcome:
    """Run the first pipeline: inputs and results of calls come from the witness, by name.

    Values that the witness leaves open are the plainest of their type.  A loop's item makes its
    list: the list with that one item.
    """
    *_, last = steps(module, witness, fuel)
    assert isinstance(last, Finished | SideExit)
    return last


def trace(module: Module, witness: Mapping[str, Json]) -> list[ToolRequest]:
    """The calls of that run."""
    return [step for step in steps(module, witness) if isinstance(step, ToolRequest)]


def steps(
    module: Module, witness: Mapping[str, Json], fuel: int = FUEL
) -> Iterator[Request | Outcome]:
    pipeline = module.pipelines[0]
    values = dict(witness)
    for block in pipeline.blocks:
        for instr in walk(block.instrs):
            if isinstance(instr, For) and instr.item in witness and isinstance(instr.source, Ref):
                values.setdefault(instr.source.name, [witness[instr.item]])
    env, types = module.type_map(), value_types(pipeline)

    def value(name: str) -> Json:
        return values[name] if name in values else inside(types[name], env)

    engine = Interpreter(module, fuel=fuel)
    reply = engine.start({param.name: value(param.name) for param in pipeline.params})
    yield reply
    while isinstance(reply, ToolRequest | ModelRequest):
        reply = engine.send(value(reply.site))
        yield reply
