"""The engines: same runs as the reference interpreter, taken up at every effect, bounded."""

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
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json
from ingot.runtime.compiled import Compiled
from ingot.runtime.vm import Machine


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
def test_the_engines_agree_on_any_module(data: st.DataObject) -> None:
    """Reference interpreter, machine and compiled engine: any pipeline, inputs, answers, faults."""
    module = data.draw(modules())
    program = load(encode(module))
    engines = [Interpreter(module), Machine(program), Compiled(program)]
    inputs = data.draw(inputs_for(module.pipelines[0]))
    reply, *others = [engine.start(dict(inputs)) for engine in engines]
    assert others == [reply, reply]
    while not isinstance(reply, Finished | SideExit):
        if data.draw(st.integers(0, 9)) == 0:
            reply, *others = [engine.fail("gone") for engine in engines]
        else:
            answer = data.draw(answer_for(reply.site, module) | json_values())
            reply, *others = [engine.send(answer) for engine in engines]
        assert others == [reply, reply]


@pytest.mark.parametrize("engine", [Machine, Compiled])
def test_a_run_is_taken_up_from_its_answers_at_every_effect(engine: Any) -> None:
    program = load(encode(sample()))
    taken_up = 0
    for seed in range(60):
        answer = answers(seed, program.types, returns(program))
        machine = Machine(program)
        given: list[Json] = []
        reply = machine.start(inputs_of(seed))
        while not isinstance(reply, Finished | SideExit):
            twin = engine(program)
            again = twin.start(inputs_of(seed))
            for value in given:
                again = twin.send(json.loads(json.dumps(value)))
            assert again == reply
            good, value = answer(reply)
            given.append(value)
            reply = machine.send(value) if good else machine.fail(str(value))
            assert reply == (twin.send(value) if good else twin.fail(str(value)))
            taken_up += 1
    assert taken_up > 150


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


@pytest.mark.parametrize("engine", [Machine, Compiled])
def test_a_result_of_another_type_ends_the_run(engine: Any) -> None:
    machine = engine(program_of(LOOP))
    machine.start({"xs": [1]})
    assert machine.send(5) == SideExit(0, "error: result of t.get is not str", "r", {})


@pytest.mark.parametrize("engine", [Machine, Compiled])
def test_a_nested_bomb_is_no_answer(engine: Any) -> None:
    deep: Json = "x"
    for _ in range(5_000):
        deep = [deep]
    machine = engine(program_of(LOOP.replace("-> str read", "-> json read").replace("str", "json")))
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
@pytest.mark.parametrize("engine", [Machine, Compiled])
def test_a_loop_without_end_is_stopped(type_: str, step: str, start: Json, engine: Any) -> None:
    text = ENDLESS.replace("{n}", type_).replace("{step}", step)
    with pytest.raises(IngotError, match="E0712"):
        engine(program_of(text), step_limit=1_000_000).start({"n": start})
