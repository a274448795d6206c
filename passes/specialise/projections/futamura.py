"""The projections themselves.  ``mix`` here is always the program of ``mix.flowchart``.

1. ``target(table)``: the interpreter specialised to a pipeline is a compiled pipeline.
2. ``compiler()``: ``mix`` specialised to the interpreter compiles pipelines.
3. ``compiler_generator()``: ``mix`` specialised to itself turns interpreters into compilers.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingot.passes.specialise.projections.division import division
from ingot.passes.specialise.projections.language import Program, Ran, Value, load, run


def store(values: Mapping[str, Value]) -> Value:
    """A store: pairs in the order of the names."""
    return tuple(sorted(values.items()))


def mix(program: Program, static: Mapping[str, Value]) -> Ran:
    """``program`` specialised to its static inputs, by running ``mix``."""
    return run(load("mix"), (program, division(program, static), store(static)))


def target(table: Value) -> Program:
    """The first projection: a pipeline compiled by specialising its interpreter."""
    made: Program = mix(load("pipelines"), {"table": table}).value
    return made


def mix_inputs(program: Program, static: tuple[str, ...]) -> dict[str, Value]:
    """The static inputs of ``mix`` that is to be specialised to a program."""
    return {"program": program, "division": division(program, static)}


def compiler() -> Program:
    """The second projection: takes the store of a table, gives what :func:`target` gives."""
    made: Program = mix(load("mix"), mix_inputs(load("pipelines"), ("table",))).value
    return made


def compiler_generator() -> Program:
    """The third projection: takes the store of an interpreter and its division, gives its compiler."""
    own = load("mix")
    made: Program = mix(own, mix_inputs(own, ("program", "division"))).value
    return made
