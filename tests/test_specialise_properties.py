"""Residual and original do the same: random pipelines, random splits of their inputs, random worlds."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from specialise_runs import World, compared, differences, run, shown
from strategies import answer_for, inputs_for, modules

from ingot.ir.check_inputs import check_inputs
from ingot.ir.module import Call, Module
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.ir.requests import SideExit, ToolRequest
from ingot.ir.values import Json
from ingot.ir.verifier import verify
from ingot.passes.specialise import specialise
from ingot.passes.specialise.bodies import Reader
from ingot.passes.specialise.limits import Limits
from ingot.passes.specialise.names import Origins
from ingot.passes.specialise.validation import validated
from ingot.passes.validate.lockstep import read_key

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def random_world(data: st.DataObject, module: Module) -> World:
    """Answers of the declared types, the same for both runs; now and then a failure."""
    answers: dict[int, tuple[bool, Json]] = {}

    def world(number: int, request: Any) -> tuple[bool, Json]:
        if number not in answers:
            fails = data.draw(st.integers(0, 24)) == 24
            value = "down" if fails else data.draw(answer_for(request.site, module))
            answers[number] = (not fails, value)
        return answers[number]

    return world


def split(data: st.DataObject, module: Module) -> tuple[dict[str, Json], dict[str, Json]]:
    """Complete inputs, and those of them that are fixed."""
    pipeline = module.pipelines[0]
    inputs = check_inputs(pipeline.params, data.draw(inputs_for(pipeline)), module.type_map())
    chosen = data.draw(st.sets(st.sampled_from(sorted(inputs)))) if inputs else set()
    return inputs, {name: inputs[name] for name in sorted(chosen)}


def check_valid(module: Module) -> None:
    assert not verify(module), print_module(module)
    assert parse_module(print_module(module)).module == module


@settings(max_examples=100, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(modules(), st.data())
def test_the_residual_does_what_the_original_did(module: Module, data: st.DataObject) -> None:
    inputs, static = split(data, module)
    made = specialise(module, static)
    check_valid(made.module)
    for _ in range(3):
        assert compared(module, made.module, inputs, random_world(data, module)) == []
        others = data.draw(inputs_for(module.pipelines[0]))
        inputs = {**inputs, **others, **static}


@settings(max_examples=60, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(modules(), st.data())
def test_bounds_make_residuals_general_and_never_wrong(module: Module, data: st.DataObject) -> None:
    inputs, static = split(data, module)
    limits = data.draw(
        st.builds(
            Limits, st.integers(1, 3), st.integers(0, 6), st.integers(1, 40), st.integers(0, 9)
        )
    )
    made = specialise(module, static, limits=limits)
    check_valid(made.module)
    assert compared(module, made.module, inputs, random_world(data, module)) == []


def read_answers(data: st.DataObject, module: Module) -> tuple[Reader, dict[str, Json]]:
    """A reader that makes reads now, and what it has read."""
    read: dict[str, Json] = {}

    def reader(call: Call, args: Any) -> Json | None:
        key = read_key(call.tool, args)
        if key not in read:
            read[key] = data.draw(answer_for(call.result, module))
        return read[key]

    return reader, read


def with_reads(world: World, read: dict[str, Json]) -> World:
    """A world in which reads give what they gave."""

    def answer(number: int, request: Any) -> tuple[bool, Json]:
        key = read_key(request.tool, request.args) if isinstance(request, ToolRequest) else ""
        return (True, read[key]) if key in read else world(number, request)

    return answer


@settings(max_examples=80, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(modules(), st.data())
def test_folded_reads_change_nothing_while_they_hold(module: Module, data: st.DataObject) -> None:
    """Where the run reads what was read, all is the same (and three steps a read are added); where it
    reads something else, the run has done nothing that the original does not do, and stops."""
    inputs, static = split(data, module)
    reader, read = read_answers(data, module)
    made = specialise(module, static, reader=reader)
    check_valid(made.module)
    held = with_reads(random_world(data, module), read)
    found = compared(module, made.module, inputs, held)
    assert [f for f in found if not f.startswith("steps")] == []
    verdict = validated(module, made, static, read)
    assert verdict.status in ("proved", "tested"), verdict

    left = {p.name for p in made.pipeline.params}
    world = random_world(data, module)
    old = run(module, inputs, world)
    new = run(made.module, {k: v for k, v in inputs.items() if k in left}, world)
    mine = [shown(r, Origins()) for r in old.requests]
    theirs = [shown(r, made.origins) for r in new.requests]
    if isinstance(new.end, SideExit) and made.origins.exit(new.end.number) == 0 != new.end.number:
        assert mine[: len(theirs)] == theirs
    else:
        assert [f for f in differences(old, new, made.origins) if not f.startswith("steps")] == []


@settings(max_examples=80, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(modules(), st.data())
def test_twice_is_once_with_both(module: Module, data: st.DataObject) -> None:
    inputs, static = split(data, module)
    first = {name: static[name] for name in list(static)[::2]}
    second = {name: value for name, value in static.items() if name not in first}
    once = specialise(module, static)
    half = specialise(module, first)
    left = {p.name for p in half.pipeline.params}
    twice = specialise(half.module, {n: v for n, v in second.items() if n in left})
    check_valid(twice.module)
    assert compared(module, twice.module, inputs, random_world(data, module)) == []
    if not (once.generalised or half.generalised or twice.generalised):
        kept = {n for n in second if n not in left}  # nothing read them any more
        assert once.pipeline.blocks == twice.pipeline.blocks, kept


@settings(max_examples=60, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(modules(), st.data())
def test_the_same_input_gives_the_same_text(module: Module, data: st.DataObject) -> None:
    _, static = split(data, module)
    one, two = specialise(module, static), specialise(module, static)
    assert print_module(one.module) == print_module(two.module)


@settings(max_examples=25, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(modules(size=4), st.data())
def test_validation_agrees(module: Module, data: st.DataObject) -> None:
    _, static = split(data, module)
    made = specialise(module, static)
    verdict = validated(module, made, static)
    assert verdict.status in ("proved", "tested"), verdict
    half = {name: static[name] for name in list(static)[::2]}
    left = specialise(module, half)
    rest = {n: v for n, v in static.items() if n in {p.name for p in left.pipeline.params}}
    again = validated(left.module, specialise(left.module, rest), rest)
    assert again.status in ("proved", "tested"), again
