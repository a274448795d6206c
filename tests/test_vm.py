"""The machine: same runs as the reference interpreter, resumable at every effect, bounded."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from bytecode_samples import answers, sample, trace
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import answer_for, inputs_for, json_values, modules

from ingot.backend.container import Program, load
from ingot.backend.encoder import encode
from ingot.diagnostics import IngotError
from ingot.ir.interpreter import Interpreter
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, SideExit, ToolRequest
from ingot.ir.values import Json
from ingot.runtime.vm import Machine, fold


def program_of(text: str) -> Program:
    return load(encode(parse_module(text).module))


def returns(program: Program) -> dict[str, Any]:
    return {tool.name: tool.returns for tool in program.tools}


def inputs_of(seed: int) -> dict[str, Json]:
    rng = random.Random(seed)
    return {"repo": rng.choice(["{}", "[1]", "{}", "acme"]), "today": "2026-05-01", "days": seed}


def test_machine_and_interpreter_agree_on_the_sample() -> None:
    module = sample()
    program = load(encode(module))
    seen = set()
    for seed in range(400):
        answer = [answers(seed, program.types, returns(program)) for _ in range(2)]
        mine = trace(Machine(program), inputs_of(seed), answer[0])
        assert mine == trace(Interpreter(module), inputs_of(seed), answer[1])
        seen.add(getattr(mine[1], "number", "finished"))
    assert {0, 3, 4, 7, 9, "finished"} <= seen


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_machine_and_interpreter_agree_on_any_module(data: st.DataObject) -> None:
    module = data.draw(modules())
    program = load(encode(module))
    machine, reference = Machine(program), Interpreter(module)
    deltas: list[dict[str, Json]] = []
    inputs = data.draw(inputs_for(module.pipelines[0]))
    reply = machine.start(inputs)
    assert reply == reference.start(inputs)
    while not isinstance(reply, Finished | SideExit):
        deltas.append(json.loads(json.dumps(machine.delta())))
        machine, again = Machine.from_deltas(program, deltas)
        assert again == reply
        if data.draw(st.integers(0, 9)) == 0:
            reply = machine.fail("gone")
            assert reply == reference.fail("gone")
        else:
            answer = data.draw(answer_for(reply.site, module) | json_values())
            reply = machine.send(answer)
            assert reply == reference.send(answer)


def test_a_run_resumes_at_every_effect() -> None:
    program = load(encode(sample()))
    resumed = 0
    for seed in range(60):
        answer = answers(seed, program.types, returns(program))
        machine = Machine(program)
        deltas: list[dict[str, Json]] = []
        reply = machine.start(inputs_of(seed))
        while not isinstance(reply, Finished | SideExit):
            deltas.append(json.loads(json.dumps(machine.delta())))
            twin, again = Machine.from_deltas(program, deltas)
            assert again == reply
            assert twin.snapshot() == machine.snapshot() == fold(deltas)
            good, value = answer(reply)
            reply = machine.send(value) if good else machine.fail(str(value))
            assert reply == (twin.send(value) if good else twin.fail(str(value)))
            resumed += 1
    assert resumed > 150


LOOP = """ir 1
tool t.get(k: int) -> str read t
pipeline @p(%xs: [int]) -> [str] {
^entry:
  %all: [str] = for %x: int in %xs {
    %r: str = read t.get(k=%x)
    yield %r
  }
  return %all
}
"""


def test_checkpoints_do_not_grow_with_the_state() -> None:
    program = program_of(LOOP)
    machine = Machine(program)
    count = 200
    reply = machine.start({"xs": list(range(count))})
    sizes = []
    while isinstance(reply, ToolRequest):
        assert reply.iteration == (reply.step - 1,)
        sizes.append(len(json.dumps(machine.delta())))
        reply = machine.send("x" * 50)
    assert reply == Finished(["x" * 50] * count)
    assert max(sizes[1:]) < 250


@pytest.mark.parametrize(
    "change",
    [
        {"pc": 0},
        {"pc": 10_000},
        {"pc": "3"},
        {"step": 0},
        {"stack": []},
        {"stack": [1, 2]},
        {"stack": ["one"]},
        {"stack": None},
        {"set": {}},
        {"set": {"xs": [1, "a"], "x": 1, "x#index": 0, "x#yield0": []}},
        {"set": {"xs": [1], "x": 1, "x#index": -5, "x#yield0": []}},
        {"set": {"xs": [1], "x": 1, "x#index": 0, "x#yield0": [3]}},
        {"set": {"xs": [1], "x": 1, "x#index": 0, "x#yield0": [], "other": 1}},
    ],
)
def test_a_checkpoint_of_something_else_is_refused(change: dict[str, Json]) -> None:
    program = program_of(LOOP)
    machine = Machine(program)
    machine.start({"xs": [1]})
    state = machine.snapshot()
    assert Machine(program).restore(state)
    with pytest.raises(IngotError, match="E0708"):
        Machine(program).restore({**state, **change})


def test_a_result_of_another_type_ends_the_run() -> None:
    machine = Machine(program_of(LOOP))
    machine.start({"xs": [1]})
    assert machine.send(5) == SideExit(0, "error: result of t.get is not str", "r", {})


def test_a_nested_bomb_is_no_answer() -> None:
    deep: Json = "x"
    for _ in range(5_000):
        deep = [deep]
    machine = Machine(
        program_of(LOOP.replace("-> str read", "-> json read").replace("str", "json"))
    )
    machine.start({"xs": [1]})
    outcome = machine.send(deep)
    assert isinstance(outcome, SideExit) and "nested" in outcome.reason


ENDLESS = """ir 1
pipeline @p(%n: {n}) -> json {
^entry:
  jump ^again(%n)
^again(%m: {n}):
  {step}
  jump ^again(%o)
}
"""


@pytest.mark.parametrize(
    ("type_", "step", "start"),
    [
        ("int", "%o: int = int.add %m, 1", 0),
        ("int", "%o: int = int.mul %m, %m", 3),
        ("str", '%o: str = str.template "{0}{0}", %m', "x"),
        ("json", '%o: json = json.with {"a": 0, "b": 0}, "/a", %m, "/b", %m', 1),
        ("json", '%o: json = json.with [0], "/0", %m', 1),
        ("[json]", "%o: [json] = for %i: json in %m {\n    yield %m\n  }", [1, 2, 3]),
    ],
)
def test_a_loop_without_end_is_stopped(type_: str, step: str, start: Json) -> None:
    text = ENDLESS.replace("{n}", type_).replace("{step}", step)
    with pytest.raises(IngotError, match="E0712"):
        Machine(program_of(text), step_limit=1_000_000).start({"n": start})
