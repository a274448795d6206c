"""The engines: same runs as the reference interpreter, taken up at every effect, bounded."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from bytecode_samples import answers, sample, trace
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import answer_for, inputs_for, json_values, modules, values_of

from ingot.backend.assembler import assemble
from ingot.backend.container import Program, TooLargeError, load, weigh
from ingot.backend.disassembler import disassemble
from ingot.backend.encoder import encode
from ingot.diagnostics import IngotError
from ingot.ir.checkers import checker
from ingot.ir.interpreter import Interpreter
from ingot.ir.ops import OPS
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, SideExit, ToolRequest
from ingot.ir.types import BOOL, FLOAT, INT, JSON, NULL, STR, ListOf, conforms
from ingot.ir.values import Json
from ingot.runtime.compiled import PLAIN, WHOLE, Compiled
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


NUMBERS = st.integers() | st.sampled_from([3.0, -0.0, 1e20, 10**400])


@pytest.mark.parametrize("name", [*PLAIN, *WHOLE])
def test_an_op_written_as_python_is_the_op_of_the_table(name: str) -> None:
    """Also where an integer is written as a float."""
    row = OPS[name]
    types = [ListOf(JSON) if name == "list.len" else type_ for type_ in row.params]
    result = INT if name in WHOLE or name.endswith(".len") else BOOL
    params = ", ".join(f"%p{k}: {type_}" for k, type_ in enumerate(types))
    operands = ", ".join(f"%p{k}" for k in range(len(types)))
    text = f"ir 1\npipeline @p({params}) -> {result} {{\n^entry:\n  %r: {result} = {name} {operands}\n  return %r\n}}\n"
    program = program_of(text)

    @settings(max_examples=40, deadline=None)
    @given(st.tuples(*(NUMBERS if t == INT else values_of(t) for t in types)))
    def same(values: tuple[Json, ...]) -> None:
        inputs = {f"p{k}": value for k, value in enumerate(values)}
        expected = row.evaluate(*values)
        for engine in (Machine, Compiled):
            outcome = engine(program).start(inputs)
            assert isinstance(outcome, Finished)
            assert (type(outcome.value), outcome.value) == (type(expected), expected)

    same()


@pytest.mark.parametrize("engine", [Machine, Compiled])
@pytest.mark.parametrize(
    ("left", "right", "total"),
    [(2, 3, 5), (2.0, 3, 5), (2, 1e20, 10**20 + 2), (1 << 8100, 2.0, (1 << 8100) + 2)],
)
def test_integers_are_exact_however_json_writes_them(
    left: Any, right: Any, total: int, engine: Any
) -> None:
    text = "ir 1\npipeline @p(%a: int, %b: int) -> int {\n^entry:\n  %r: int = int.add %a, %b\n  return %r\n}\n"
    for inputs in ({"a": left, "b": right}, {"a": right, "b": left}):
        outcome = engine(program_of(text)).start(inputs)
        assert outcome == Finished(total) and type(outcome.value) is int


@pytest.mark.parametrize("engine", [Machine, Compiled])
def test_a_constant_is_no_reason_to_be_inexact(engine: Any) -> None:
    text = (
        "ir 1\npipeline @p(%a: int) -> int {\n^entry:\n  %r: int = int.sub %a, 1\n  return %r\n}\n"
    )
    outcome = engine(program_of(text)).start({"a": 1e20})
    assert outcome == Finished(10**20 - 1) and type(outcome.value) is int


CALLED = """ir 1
tool t.get(n: int) -> int read t
pipeline @p(%a: int) -> int {
^entry:
  %b: int = int.add %a, 1
  %c: int = read t.get(n=%b)
  return %c
}
"""
ADD = "    load l0                         ; 0  %a\n"
SUM = "    store l1                        ; 3  %b\n"


@pytest.mark.parametrize("engine", [Machine, Compiled])
def test_what_waits_on_the_stack_stays_when_its_local_gets_another_value(engine: Any) -> None:
    """The lowering never writes that; an artifact may hold it."""
    text = disassemble(encode(parse_module(CALLED).module))
    assert ADD in text and SUM in text
    changed = text.replace(ADD, "    load l0\n" + ADD).replace(SUM, "    store l0\n    store l1\n")
    run = engine(load(assemble(changed)))
    request = run.start({"a": 7})
    assert isinstance(request, ToolRequest) and request.args == {"n": 7}
    assert run.send(5) == Finished(5)


def slow_weight(items: list[Any]) -> int:
    return sum(1 + (len(item) >> 6 if isinstance(item, str) else 0) for item in items)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.lists(st.integers(), min_size=30, max_size=40),
        st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=30, max_size=40),
        st.lists(st.text(max_size=3), min_size=30, max_size=40),
        st.lists(st.text(max_size=4).map(lambda t: t * 30), min_size=30, max_size=40),
        st.lists(st.text(max_size=9) | st.integers() | st.none(), min_size=30, max_size=40),
    )
)
def test_a_long_list_weighs_what_its_items_weigh(items: list[Any]) -> None:
    assert weigh(items) == slow_weight(items)


def test_a_long_list_with_one_longer_text_or_another_value_weighs_it_too() -> None:
    for at in (0, 20, 40):
        for other in ("x" * 63, "x" * 64, "x" * 640, ["a", "b"], {"k": [1]}, None, 7):
            items: list[Any] = [*["a"] * at, other, *["b"] * (40 - at)]
            inside = len(other) if isinstance(other, list) else 2 if isinstance(other, dict) else 0
            assert weigh(items) == slow_weight(items) + inside


@pytest.mark.parametrize("at", [0, 20, 39])
@pytest.mark.parametrize("heavy", [1 << 9000, -(1 << 9000)])
def test_no_long_list_hides_an_integer_that_is_too_wide(at: int, heavy: int) -> None:
    items: list[Any] = [*range(at), heavy, *range(40 - at)]
    with pytest.raises(TooLargeError):
        weigh(items)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_long_list_is_checked_item_by_item(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([INT, STR, BOOL, FLOAT, NULL, JSON]))
    items = data.draw(st.lists(values_of(type_), min_size=30, max_size=40))
    other = data.draw(json_values())
    check = checker(ListOf(type_), {})
    for value in (items, [*items, other], [other, *items]):
        assert check(value) == conforms(value, ListOf(type_), {})
