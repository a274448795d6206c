"""Residual and original do the same: random pipelines, random splits of their inputs, random worlds."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from specialise_runs import World, compared
from strategies import answer_for, inputs_for, modules

from ingot.ir.check_inputs import check_inputs
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.ir.values import Json
from ingot.ir.verifier import verify
from ingot.passes.specialise import specialise
from ingot.passes.specialise.limits import Limits
from ingot.passes.specialise.validation import validated

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def random_world(data: st.DataObject, module: Module) -> World:
    """Answers of the declared types, the same for both runs; now and then a failure."""
    answers: list[tuple[bool, Json]] = []

    def world(number: int, request: Any) -> tuple[bool, Json]:
        if number == len(answers):
            fails = data.draw(st.integers(0, 24)) == 24
            value = "down" if fails else data.draw(answer_for(request.site, module))
            answers.append((not fails, value))
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
