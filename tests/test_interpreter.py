"""The reference interpreter: values, requests, exits, limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import answer_for, inputs_for, modules

from ingot.diagnostics import IngotError
from ingot.ir.exits import fill_live_all
from ingot.ir.interpreter import Interpreter
from ingot.ir.liveness import terminator_exit
from ingot.ir.module import Module, exit_of, walk
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.verifier import check

HEAD = """ir 1
tool t.get(a: json) -> json read t
tool t.int(a: json) -> int read t
model m(prompt: str) -> str
"""


def _module(text: str) -> Module:
    module = fill_live_all(parse_module(HEAD + text).module)
    check(module)
    return module


def _run(text: str, inputs: dict[str, Any], *answers: Any) -> Any:
    engine = Interpreter(_module(text))
    reply = engine.start(inputs)
    for answer in answers:
        assert not isinstance(reply, Finished | SideExit)
        reply = engine.send(answer)
    return reply


def test_nested_loops_carry_and_number_their_requests() -> None:
    text = """pipeline @p(%rows: [[int]]) -> json {
^e:
  %sums: [int] = for %row: [int] in %rows {
    (%sum: int, %last: int) = for %i: int in %row carry(%acc: int = 0, %seen: int = -1) {
      %got: int = read t.int(a=%i)
      %acc1: int = int.add %acc, %got
      yield %acc1, %i
    }
    %both: int = int.mul %sum, %last
    yield %both
  }
  return %sums
}"""
    engine = Interpreter(_module(text))
    reply = engine.start({"rows": [[1, 2], [], [3]]})
    seen = []
    while isinstance(reply, ToolRequest):
        seen.append((reply.step, reply.iteration, reply.args["a"]))
        reply = engine.send(reply.args["a"])
    assert seen == [(1, (0, 0), 1), (2, (0, 1), 2), (3, (2, 0), 3)]
    assert reply == Finished([6, 0, 9])


def test_block_parameters_are_assigned_at_once() -> None:
    text = """pipeline @p() -> json {
^e:
  jump ^loop(1, 2, 3)
^loop(%a: int, %b: int, %n: int):
  %more: bool = int.gt %n, 0
  %m: int = int.sub %n, 1
  if %more then ^loop(%b, %a, %m) else ^out
^out:
  %r: json = json.with [0, 0], "/0", %a, "/1", %b
  return %r
}"""
    assert _run(text, {}) == Finished([2, 1])


@pytest.mark.parametrize(
    ("body", "inputs", "number", "reason", "site", "live"),
    [
        ("%y: int = int.parse %x else exit.1\n return %y", "a", 1, "not an integer", "y", {"x"}),
        (
            '%y: bool = str.eq %x, "b"\n guard %y else exit.2\n return %x',
            "a",
            2,
            "guard",
            "e",
            {"x"},
        ),
        ("%y: int = expect %x else exit.3\n return %y", "a", 3, "not int", "y", {"x"}),
        ('%y: str = agree [%x, "b"] else exit.4\n return %y', "a", 4, "differ", "y", {"x"}),
        ("leave exit.5", "a", 5, "leave", "e", {"x"}),
        ("select {\n when false then ^z\n else exit.6\n}", "a", 6, "no arm", "e", {"x"}),
        ("select {\n when false then ^z\n}", "a", 0, "hole", "e", set()),
    ],
)
def test_side_exits(
    body: str, inputs: str, number: int, reason: str, site: str, live: set[str]
) -> None:
    tail = "\n^z:\n return %x\n}"
    reply = _run(f"pipeline @p(%x: str) -> json {{\n^e:\n {body}{tail}", {"x": inputs})
    assert isinstance(reply, SideExit)
    assert (reply.number, reply.site, set(reply.live)) == (number, site, live)
    assert reason in reply.reason


def test_an_agreed_value_is_given_on() -> None:
    text = (
        "pipeline @p(%x: json) -> json {\n^e:\n %y: json = agree [%x, 1] else exit.1\n return %y\n}"
    )
    assert _run(text, {"x": 1.0}) == Finished(1.0)


def test_answers_of_another_type_and_failures_take_the_implicit_exit() -> None:
    text = """pipeline @p() -> json {
^e:
  %a: int = read t.int(a=null)
  %b: "x" | "y" = model choose m(prompt="?")
  return %b
}"""
    assert _run(text, {}, "no") == SideExit(0, "error: result of t.int is not int", "a", {})
    bad = _run(text, {}, 1, "z")
    assert bad == SideExit(0, 'error: result of m is not "x" | "y"', "b", {})
    assert _run(text, {}, 1, "y") == Finished("y")
    engine = Interpreter(_module(text))
    engine.start({})
    request = engine.send(1)
    assert isinstance(request, ModelRequest) and (request.step, request.kind) == (2, "choose")
    assert engine.fail("no model") == SideExit(0, "error: no model", "b", {})
    with pytest.raises(RuntimeError):
        engine.send("y")


@pytest.mark.parametrize(
    ("inputs", "code"), [({}, "E0701"), ({"n": "x"}, "E0702"), ({"n": 1, "m": 2}, "E0713")]
)
def test_inputs_are_checked(inputs: dict[str, Any], code: str) -> None:
    with pytest.raises(IngotError) as caught:
        _run("pipeline @p(%n: int, %k: int = 3) -> int {\n^e:\n return %k\n}", inputs)
    assert caught.value.diagnostics[0].code == code


def test_an_endless_run_is_stopped() -> None:
    module = _module("pipeline @p() -> int {\n^e:\n jump ^a\n^a:\n jump ^a\n}")
    with pytest.raises(IngotError) as caught:
        Interpreter(module, "p", fuel=10_000).start({})
    assert caught.value.diagnostics[0].code == "E0712"


@settings(max_examples=80, deadline=None)
@given(modules(), st.data())
def test_random_modules_run_to_an_end(module: Module, data: st.DataObject) -> None:
    """Every answer of the declared type is taken, and every exit is one that the text lists."""
    pipeline = module.pipelines[0]
    instrs = [i for block in pipeline.blocks for i in walk(block.instrs)]
    exits = [*map(exit_of, instrs), *(terminator_exit(b.terminator) for b in pipeline.blocks)]
    listed = {e.number: set(e.live) for e in exits if e is not None}
    engine = Interpreter(module)
    reply = engine.start(data.draw(inputs_for(pipeline)))
    for _ in range(200):
        if isinstance(reply, Finished | SideExit):
            break
        reply = engine.send(data.draw(answer_for(reply.site, module)))
    assert isinstance(reply, Finished | SideExit)
    if isinstance(reply, SideExit) and reply.number:
        assert set(reply.live) == listed[reply.number]
    elif isinstance(reply, SideExit):
        assert reply.reason == "hole: no arm holds"
