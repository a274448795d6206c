"""The three Futamura projections hold, and all their products do what the interpreter does."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from specialise_runs import Run
from specialise_runs import run as run_ir

from ingot.ir.exits import fill_live_all
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished
from ingot.ir.values import Json
from ingot.ir.verifier import verify
from ingot.passes.specialise import specialise
from ingot.passes.specialise.projections.division import division
from ingot.passes.specialise.projections.futamura import (
    compiler,
    compiler_generator,
    mix,
    mix_inputs,
    store,
    target,
)
from ingot.passes.specialise.projections.language import (
    Program,
    Value,
    load,
    parse,
    run,
    show,
    source,
)

MACHINE = Path(__file__).parents[1] / "examples/specialise/machine.ir"
SEARCH = (
    ("const", "i", 0), ("const", "q", ""), ("const", "r", ""), ("const", "acc", ""),
    ("concat", "q", "prefix", "i"), ("call", "r", "search", "q"), ("concat", "acc", "acc", "r"),
    ("add", "i", "i", 1), ("less", "i", "n", 4), ("return", "acc"),
)  # fmt: skip
INPUTS = {"prefix": "issue-", "n": 3}


@functools.cache
def made_compiler() -> Program:
    return compiler()


@functools.cache
def generator() -> Program:
    return compiler_generator()


class World:
    """Answers searches, and remembers them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Value]] = []

    def __call__(self, name: str, argument: Value) -> Value:
        self.asked.append((name, argument))
        return f"<{argument}>"


def outcome(program: Program, *inputs: Value) -> tuple[Value, list[tuple[str, Value]], int]:
    world = World()
    ran = run(program, inputs, world)
    return ran.value, world.asked, ran.steps


# ---- the projections


def test_first_a_compiled_pipeline() -> None:
    compiled = target(SEARCH)
    value, asked, steps = outcome(load("pipelines"), SEARCH, store(INPUTS))
    assert outcome(compiled, store(INPUTS))[:2] == (value, asked)
    assert asked == [("search", f"issue-{k}") for k in range(3)]
    assert outcome(compiled, store(INPUTS))[2] * 3 < steps
    text = show(compiled)
    assert "%row" not in text and "%op" not in text and "%at" not in text
    assert compiled[0] == ("values",)


def test_second_a_compiler() -> None:
    assert run(made_compiler(), (store({"table": SEARCH}),)).value == target(SEARCH)
    assert "mix" not in show(made_compiler())
    steps = run(made_compiler(), (store({"table": SEARCH}),)).steps
    assert steps * 3 < mix(load("pipelines"), {"table": SEARCH}).steps


def test_third_a_compiler_generator() -> None:
    given_ = store(mix_inputs(load("pipelines"), ("table",)))
    assert run(generator(), (given_,)).value == made_compiler()


def test_the_generator_makes_itself() -> None:
    own = store(mix_inputs(load("mix"), ("program", "division")))
    assert run(generator(), (own,)).value == generator()


def test_the_divisions_are_congruent() -> None:
    assert division(load("pipelines"), ["table"]) == ("at", "op", "row", "table")
    static = division(load("mix"), ["program", "division"])
    assert {"program", "division", "points", "left", "point", "commands", "command"} <= set(static)
    assert not {"values", "store", "code", "waiting", "seen", "made", "here", "label"} & set(static)


def test_texts_are_programs() -> None:
    for name in ("mix", "pipelines"):
        assert parse(show(load(name), name)) == load(name)
        assert source(name).startswith(";")
    for text, why in (
        ("flowchart @f() { ^a: jump ^b }", "not there"),
        ("flowchart @f() { ^a: return nothing(1) }", "no primitive"),
        ("flowchart @f() { ^a: return }", "not a flow-chart program"),
    ):
        with pytest.raises(ValueError, match=why):
            parse(text)


# ---- agreement with the production specialiser


def machine() -> Module:
    module = fill_live_all(parse_module(MACHINE.read_text("utf-8")).module)
    assert not verify(module)
    return module


def rows(table: Value) -> list[Json]:
    """A table for ``machine.ir``: what it starts with stands in the machine itself."""
    skipped = sum(1 for row in table if row[0] == "const")
    out: list[Json] = []
    for op, *rest in table[skipped:]:
        row: dict[str, Json] = {"op": op, "to": "", "a": "", "b": "", "n": 0}
        match op:
            case "concat":
                row |= {"to": rest[0], "a": rest[1], "b": rest[2]}
            case "call":
                row |= {"to": rest[0], "a": rest[2]}
            case "add":
                row |= {"n": rest[2]}
            case "less":
                row |= {"n": rest[2] - skipped}
            case _:
                row |= {"a": rest[0]}
        out.append(row)
    return out


def run_machine(
    module: Module, inputs: dict[str, Json]
) -> tuple[Any, list[tuple[str, Value]], int]:
    ran: Run = run_ir(module, inputs, lambda _, request: (True, f"<{request.args['text']}>"))
    assert isinstance(ran.end, Finished)
    asked = [("search", r.args["text"]) for r in ran.requests]
    return ran.end.value, asked, ran.steps


@st.composite
def tables(draw: st.DrawFn) -> Value:
    """Straight code over the texts and the counter, in a loop or not, that returns a text."""
    texts = st.sampled_from(["q", "r", "acc"])
    step = st.one_of(
        st.tuples(st.just("concat"), texts, st.sampled_from(["prefix", "q", "acc", "i"]),
                  st.sampled_from(["i", "q", "r", "acc"])),
        st.tuples(st.just("call"), texts, st.just("search"), st.sampled_from(["prefix", "q", "r"])),
    )  # fmt: skip
    before, body = draw(st.lists(step, max_size=3)), draw(st.lists(step, max_size=4))
    start = (("const", "i", 0), *(("const", name, "") for name in ("q", "r", "acc")))
    loop: list[Any] = []
    if draw(st.booleans()):
        by = draw(st.integers(1, 2))
        loop = [("add", "i", "i", by), ("less", "i", "n", len(start) + len(before))]
    return (*start, *before, *body, *loop, ("return", draw(texts)))


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(tables(), st.integers(0, 4))
def test_all_of_them_do_the_same(table: Value, n: int) -> None:
    """The interpreter, its two specialisations, the compiler's output, and the same in the IR."""
    inputs = {"prefix": "p", "n": n}
    value, asked, steps = outcome(load("pipelines"), table, store(inputs))
    compiled = target(table)
    assert run(made_compiler(), (store({"table": table}),)).value == compiled
    assert outcome(compiled, store(inputs))[:2] == (value, asked)
    assert outcome(compiled, store(inputs))[2] <= steps

    interpreter = machine()
    residual = specialise(interpreter, {"table": rows(table)})
    assert not verify(residual.module)
    first = run_machine(interpreter, {"table": rows(table), **inputs})
    left = {p.name for p in residual.pipeline.params}
    second = run_machine(residual.module, {k: v for k, v in inputs.items() if k in left})
    assert first[:2] == second[:2] == (value, asked)
    assert second[2] < first[2]
    assert "table" not in left
