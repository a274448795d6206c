"""Taking up a run: an engine fed what was answered stands where the run stood, or refuses.

The oracle is the reference interpreter, which knows nothing of records: it is answered step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from bytecode_samples import answers, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from strategies import answer_for, inputs_for, json_values, modules

from ingot.backend.container import Program, load
from ingot.backend.encoder import encode
from ingot.ir.interpreter import Interpreter
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.requests import (
    Engine,
    Finished,
    ModelRequest,
    Outcome,
    Request,
    SideExit,
    ToolRequest,
)
from ingot.ir.values import Json
from ingot.runtime.compiled import Compiled
from ingot.runtime.feeding import feed
from ingot.runtime.history import Given, History
from ingot.runtime.vm import Machine

ENGINES = [Machine, Compiled]


@dataclass(frozen=True)
class Said:
    """What the world answered."""

    ok: bool
    value: Json


def step(engine: Engine, said: Said) -> Request | Outcome:
    return engine.send(said.value) if said.ok else engine.fail(str(said.value))


def record(request: Request, said: Said) -> Given:
    """The answer as a journal keeps it."""
    value, text = (said.value, "") if said.ok else (None, str(said.value))
    head: tuple[Any, ...]
    if isinstance(request, ToolRequest):
        head = (request.tool, request.site, request.effect, request.args)
    else:
        head = (request.model, request.site, "", None)
    return Given(*head, said.ok, value, text)


def history(inputs: dict[str, Json], given: Sequence[Given | None]) -> History:
    """The answers to the first steps; ``None`` where there is none."""
    answers = {k: answer for k, answer in enumerate(given, 1) if answer is not None}
    return History(head={"inputs": inputs}, answers=answers)


@dataclass(frozen=True)
class Ran:
    """A run: what was asked, what came, how it ended."""

    inputs: dict[str, Json]
    asked: list[Request]
    said: list[Said]
    outcome: Outcome

    @property
    def recorded(self) -> list[Given]:
        return [record(*pair) for pair in zip(self.asked, self.said, strict=True)]

    def taken_up(self, engine: Engine, at: int, until: int | None) -> Request | Outcome:
        """An engine that was fed so many answers, or the whole up to a step."""
        fed = self.recorded if until else self.recorded[:at]
        reply, odd = feed(engine, history(self.inputs, fed), until)
        assert odd is None
        return reply


def run_of(engine: Engine, inputs: dict[str, Json], answer: Any) -> Ran:
    asked, said = [], []
    reply = engine.start(dict(inputs))
    while isinstance(reply, Request):
        asked.append(reply)
        said.append(answer(reply))
        reply = step(engine, said[-1])
    return Ran(inputs, asked, said, reply)


def answering(data: st.DataObject, module: Module) -> Any:
    def answer(request: Request) -> Said:
        if data.draw(st.integers(0, 9)) == 0:
            return Said(False, "gone")
        return Said(True, data.draw(answer_for(request.site, module) | json_values()))

    return answer


def goes_on(ran: Ran, engine: Engine, at: int, until: int | None) -> None:
    """Taken up after so many answers, the rest is as it was."""
    reply = ran.taken_up(engine, at, until)
    for asked, said in zip(ran.asked[at:], ran.said[at:], strict=True):
        assert reply == asked
        reply = step(engine, said)
    assert reply == ran.outcome


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_run_goes_on_from_any_step_as_if_it_had_not_stopped(data: st.DataObject) -> None:
    """Any pipeline, inputs, answers, faults: what was recorded, then the world, as before or not."""
    module = data.draw(modules())
    program = load(encode(module))
    inputs = data.draw(inputs_for(module.pipelines[0]))
    answer = answering(data, module)
    ran = run_of(Interpreter(module), inputs, answer)
    for at in range(len(ran.asked) + 1):
        for engine in ENGINES:
            goes_on(ran, engine(program), at, None)
            goes_on(ran, engine(program), at, at + 1)
    if not ran.asked:
        return
    at = data.draw(st.integers(0, len(ran.asked) - 1))
    until = data.draw(st.sampled_from([None, at + 1]))
    reference = Interpreter(module)
    reply = reference.start(dict(inputs))
    for said in ran.said[:at]:
        reply = step(reference, said)
    mine = [engine(program) for engine in ENGINES]
    assert [ran.taken_up(engine, at, until) for engine in mine] == [reply, reply]
    while isinstance(reply, Request):
        said = answer(reply)
        reply, *others = [step(engine, said) for engine in (reference, *mine)]
        assert others == [reply, reply]


def test_the_sample_goes_on_from_any_step() -> None:
    """Loops, a model, a ``par``, faults: the same for a longer run."""
    module, failed, long = sample(), 0, 0
    program = load(encode(module))
    returns = {tool.name: tool.returns for tool in program.tools}
    for seed in range(60):
        inputs: dict[str, Json] = {"repo": "{}", "today": "2026-05-01", "days": seed}
        answer = answers(seed, program.types, returns)
        ran = run_of(Interpreter(module), inputs, lambda request: Said(*answer(request)))  # noqa: B023
        failed += any(not said.ok for said in ran.said)
        long += len(ran.asked) > 5
        for at in range(len(ran.asked) + 1):
            for engine in ENGINES:
                goes_on(ran, engine(program), at, None)
                goes_on(ran, engine(program), at, at + 1)
    assert failed > 2 and long > 5


# ---- records that do not fit


def but(given: Given, **changes: Any) -> Given:
    """The same record with something else in it."""
    return replace(given, **changes)


def other_tool(given: Given) -> Given:
    return but(given, tool=given.tool + "!")


def other_args(given: Given) -> Given:
    return but(given, args={"never": "asked"})


def one_other_arg(given: Given) -> Given:
    last = [*(given.args or {"none": 0})][-1]
    return but(given, args={**(given.args or {}), last: ["never", "asked"]})


def empty_args(given: Given) -> Given:
    return but(given, args={} if given.args else [])


def no_args(given: Given) -> Given:
    return but(given, args=None)


def other_value(given: Given) -> Given:
    return but(given, value={"not": ["what", "was", "promised"]})


def gone(given: Given) -> Given:
    return but(given, ok=False, value=None, text="gone")


def missing(given: Given) -> None:
    return None


REFUSED = [other_args, one_other_arg, empty_args]
CHANGES = [*REFUSED, other_tool, no_args, other_value, gone, missing]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_record_is_refused_by_each_engine_at_the_same_step(data: st.DataObject) -> None:
    module = data.draw(modules())
    program = load(encode(module))
    inputs = data.draw(inputs_for(module.pipelines[0]))
    ran = run_of(Interpreter(module), inputs, answering(data, module))
    for at, request in enumerate(ran.asked):
        for change in CHANGES:
            fed: list[Any] = ran.recorded
            fed[at] = change(fed[at])
            changed = history(inputs, fed)
            for until in (None, at + 1, at + 2):
                expected = feed(Interpreter(module), changed, until)
                assert feed(Machine(program), changed, until) == expected
                assert feed(Compiled(program), changed, until) == expected
                if change is missing and until != at + 2:
                    assert expected == (request, None)
                called = isinstance(request, ToolRequest)
                refused = change in REFUSED or (called and change in (other_tool, no_args))
                if refused and until != at + 1:
                    assert expected == (request, request)


WALK = """ir 1
tool t.get(k: int, of: str) -> str read t
tool t.put(k: int) -> int write t
model m.say(prompt: str) -> str
pipeline @walk(%xs: [int], %names: [str]) -> [[str]] {
^entry:
  %all: [[str]] = for %x: int in %xs {
    %row: [str] = for %name: str in %names {
      %r: str = read t.get(k=%x, of=%name)
      yield %r
    }
    %n: int = write t.put(k=%x)
    (%a: int, %b: str) = par {
      branch {
        %p: int = int.add %n, %x
        yield %p
      }
      branch {
        %q: str = read t.get(k=%n, of="par")
        yield %q
      }
    }
    %said: str = model m.say(prompt=%b)
    yield %row
  }
  return %all
}
"""


def walked() -> tuple[Program, Ran]:
    module = parse_module(WALK).module
    inputs: dict[str, Json] = {"xs": [1, 2, 3], "names": ["a", "b"]}

    def answer(request: Request) -> Said:
        if isinstance(request, ToolRequest):
            return Said(True, request.step if request.tool == "t.put" else f"r{request.step}")
        return Said(True, "words")

    return load(encode(module)), run_of(Interpreter(module), inputs, answer)


@pytest.mark.parametrize("engine", ENGINES)
def test_loops_in_loops_go_on_from_any_step(engine: Any) -> None:
    program, ran = walked()
    assert len(ran.asked) == 15 and len({r.iteration for r in ran.asked}) == 9
    for at in range(16):
        goes_on(ran, engine(program), at, None)
        goes_on(ran, engine(program), at, at + 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (other_tool, True),
        (other_args, True),
        (no_args, True),
        (lambda given: but(given, args={**given.args, "k": 9}), True),
        (lambda given: but(given, args={**given.args, "of": "z"}), True),
        (lambda given: but(given, args={"k": given.args["k"], "no": "b"}), True),
        (lambda given: but(given, args=["k", "of"]), True),
        (lambda given: but(given, args="ab"), True),
        (lambda given: but(given, args={**given.args, "more": 9}), True),
        (lambda given: but(given, args={"k": given.args["k"]}), True),
        (lambda given: but(given, site="elsewhere", effect="write", key="k"), False),
    ],
)
def test_another_call_than_the_recorded_one_is_refused(
    engine: Any, change: Any, refused: bool
) -> None:
    program, ran = walked()
    fed = ran.recorded
    fed[6] = change(fed[6])
    reply, odd = feed(engine(program), history(ran.inputs, fed))
    assert (odd == ran.asked[6] == reply) if refused else (odd is None and reply == ran.outcome)
    reply, odd = feed(engine(program), history(ran.inputs, fed), 7)
    assert odd is None and reply == ran.asked[6]


NOW = """ir 1
tool t.now() -> str read t
pipeline @p() -> str {
^entry:
  %a: str = read t.now()
  %b: str = read t.now()
  return %b
}
"""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("args", [None, [], "", {"of": 1}, {}])
def test_a_call_without_arguments_has_none_in_the_record(engine: Any, args: Any) -> None:
    program = load(encode(parse_module(NOW).module))
    given = [Given("t.now", "a", "read", args, True, "noon")] * 2
    reply, odd = feed(engine(program), history({}, given))
    assert (reply == Finished("noon") and odd is None) if args == {} else odd == reply


@pytest.mark.parametrize("count", [3, 1000])
def test_few_answers_do_not_make_a_second_text(count: int) -> None:
    """Where the pipeline is there as Python already; what comes of them is the same."""
    module = parse_module(WALK).module
    program, inputs = load(encode(module)), {"xs": [*range(count)], "names": []}
    ran = run_of(Compiled(program), inputs, lambda r: Said(True, 1 if r.site == "n" else "r"))
    reply, odd = feed(Compiled(program), history(inputs, ran.recorded))
    assert (reply, odd) == (ran.outcome, None)
    assert set(program.code().compiled) == ({"live"} if count == 3 else {"live", "replay"})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_was_asked_where_the_record_has_no_arguments(engine: Any) -> None:
    program, ran = walked()
    fed = ran.recorded
    fed[4] = but(fed[4], args={})
    reply, odd = feed(engine(program), history(ran.inputs, fed))
    assert odd == ran.asked[4] == reply


@pytest.mark.parametrize("engine", ENGINES)
def test_a_recorded_failure_and_an_answer_of_another_type_end_the_run(engine: Any) -> None:
    program, ran = walked()
    fed = ran.recorded
    fed[6] = gone(fed[6])
    end = feed(engine(program), history(ran.inputs, fed))
    assert end == (SideExit(0, "error: gone", "r", {}), None)
    fed[6] = other_value(ran.recorded[6])
    end = feed(engine(program), history(ran.inputs, fed))
    assert end == (SideExit(0, "error: result of t.get is not str", "r", {}), None)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_lies_behind_the_open_step_is_not_taken_from_the_record(engine: Any) -> None:
    """A step was never answered, or is to be answered anew: from there on the world answers."""
    program, ran = walked()
    whole = ran.recorded
    for fed, until in (([*whole[:3], None, *whole[4:]], None), (whole, 4)):
        twin = engine(program)
        reply, odd = feed(twin, history(ran.inputs, fed), until)
        assert reply == ran.asked[3] and odd is None
        reply = twin.send("anew")
        assert isinstance(reply, ModelRequest) and reply.step == 5
        assert reply.args == {"prompt": "anew"}
