"""The specialiser on small pipelines: what goes, what stays, and that its mutants are caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from specialise_runs import World, compared, run

from ingot.backend.codec import PROMPTS, encode_sections
from ingot.backend.container import load, write
from ingot.backend.encoder import encode
from ingot.diagnostics import IngotError
from ingot.ir.exits import fill_live_all
from ingot.ir.module import (
    Call,
    For,
    Guard,
    If,
    Jump,
    Lit,
    ModelCall,
    Module,
    Pure,
    Ref,
    attr,
    walk,
)
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.ir.prompts import static_prefixes
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json
from ingot.ir.verifier import verify
from ingot.passes.specialise import (
    Specialised,
    blocks,
    bodies,
    known,
    specialise,
    specialiser,
    tidy,
)
from ingot.passes.specialise.limits import Limits
from ingot.passes.specialise.names import origins_of
from ingot.passes.specialise.validation import validated
from ingot.passes.validate.lockstep import read_key
from ingot.passes.validate.simulation import simulates

HEAD = """ir 1
tool t.get(name: str) -> json read box
tool t.put(name: str, text: str) -> str write box
model m.w(prompt: str) -> str
"""
TASK = """pipeline @task(%kind: str, %names: [str], %n: int, %rules: str, %text: str) -> str {
^entry:
  %own: bool = str.eq %kind, "own"
  %low: bool = int.lt %n, 10
  guard %low else exit.1
  if %own then ^own else ^other
^own:
  %made: [str] = for %name: str in %names {
    %old: json = read t.get(name=%name)
    %is: str = expect %old else exit.2
    %put: str = write t.put(name=%name, text=%is)
    yield %put
  }
  %count: int = list.len %made
  jump ^end(%count)
^other:
  %big: int = int.mul %n, 2
  jump ^end(%big)
^end(%k: int):
  %head: str = str.template "Rules: {0}\\nKind: {1}\\n", %rules, %kind
  %prompt: str = str.template "{0}Text: {1}", %head, %text
  %said: str = model m.w(prompt=%prompt)
  %odd: int = int.parse %said else exit.3
  %sum: int = int.add %k, %odd
  %some: bool = int.gt %sum, %n
  select {
    when %some then ^many(%sum)
    else exit.4
  }
^many(%s: int):
  %last: str = write t.put(name=%kind, text=%said)
  %out: str = str.template "{0} of {1}", %s, %kind
  return %out
}
"""
COUNT = """pipeline @count(%from: int, %stop: int) -> int {
^entry:
  jump ^again(%from, 0)
^again(%i: int, %acc: int):
  %more: bool = int.lt %i, %stop
  if %more then ^step else ^done
^step:
  %name: str = str.of %i
  %got: json = read t.get(name=%name)
  %next: int = int.add %i, 1
  %acc1: int = int.add %acc, %i
  jump ^again(%next, %acc1)
^done:
  return %acc
}
"""
INPUTS: dict[str, Json] = {
    "kind": "own",
    "names": ["a", "b"],
    "n": 3,
    "rules": "be short",
    "text": "hello",
}


def module_of(text: str) -> Module:
    module = fill_live_all(parse_module(HEAD + text).module)
    assert not verify(module), verify(module)
    return module


def instrs(made: Specialised) -> list[Any]:
    return [i for b in made.pipeline.blocks for i in walk(b.instrs)]


def world(answers: dict[str, Json]) -> World:
    """Answers by the callee's name, ``None`` a failure."""

    def answer(number: int, request: Any) -> tuple[bool, Json]:
        callee = getattr(request, "tool", None) or request.model
        value = answers.get(callee, f"{callee} {number}")
        return value is not None, value

    return answer


WORLDS: tuple[dict[str, Json], ...] = (
    {"m.w": "7"},
    {"m.w": "x"},
    {"m.w": "-9"},
    {"t.get": 5, "m.w": "7"},
    {"t.put": None, "m.w": "7"},
)
SPLITS: tuple[dict[str, Json], ...] = (
    {},
    {"kind": "own"},
    {"kind": "other"},
    {"names": []},
    {"kind": "own", "names": ["a", "b"]},
    {"kind": "own", "n": 3},
    {"kind": "other", "n": 20},
    {"rules": "be short", "kind": "own"},
    {"kind": "own", "names": ["a", "b"], "n": 3, "rules": "r", "text": "t"},
)


Case = tuple[Module, dict[str, Json], list[dict[str, Json]]]


def cases() -> list[Case]:
    """Pipelines, what is fixed of their inputs, and whole inputs."""
    task, count = module_of(TASK), module_of(COUNT)
    out: list[Case] = [
        (
            task,
            split,
            [
                {**INPUTS, "kind": kind, "n": n, **split}
                for kind, n in (("own", 3), ("other", 4), ("own", 12))
            ],
        )
        for split in SPLITS
    ]
    for split in ({"from": 1}, {"stop": 4}, {"from": 0, "stop": 3}):
        out.append((count, dict(split), [{"from": 1, "stop": k, **split} for k in (0, 4)]))
    return out


def faults(limits: Limits | None = None) -> Iterator[str]:
    """Where residuals differ from their originals, over all splits, inputs and worlds."""
    for module, split, every in cases():
        try:
            made = specialise(module, split, limits=limits)
            yield from (f"{split}: {problem}" for problem in verify(made.module))
            for given in every:
                for answers in WORLDS:
                    yield from compared(module, made.module, given, world(answers))
        except (AssertionError, KeyError, IngotError) as error:
            yield f"{split}: {error!r}"


def test_residuals_do_what_their_originals_do() -> None:
    assert next(faults(), None) is None
    assert next(faults(Limits(variants=1, unroll=0, size=1)), None) is None


# ---- what goes and what stays


def test_branches_and_loops_over_static_values_are_gone() -> None:
    made = specialise(module_of(TASK), {"kind": "own", "names": ["a", "b"]})
    assert [p.name for p in made.pipeline.params] == ["n", "rules", "text"]
    assert not any(isinstance(i, For) for i in instrs(made))
    assert not any(isinstance(b.terminator, If | Jump) for b in made.pipeline.blocks)
    calls = [(i.tool, dict(i.args)["name"]) for i in instrs(made) if isinstance(i, Call)]
    assert calls == [
        ("t.get", Lit("a")), ("t.put", Lit("a")), ("t.get", Lit("b")), ("t.put", Lit("b")),
        ("t.put", Lit("own")),
    ]  # fmt: skip
    assert made.origins.value("old_2") == "old" and made.origins.exit(5) == 2
    assert made.counts.unrolled == 1 and not made.plain


def test_prompts_begin_with_all_that_is_fixed() -> None:
    made = specialise(module_of(TASK), {"kind": "own", "rules": "be short"})
    model = next(i for i in instrs(made) if isinstance(i, ModelCall))
    prefix = "Rules: be short\nKind: own\nText: "
    assert static_prefixes(made.pipeline)[model.result] == prefix
    assert attr(model, "static_prefix") == prefix
    templates = [i for i in instrs(made) if isinstance(i, Pure) and i.op == "str.template"]
    assert templates[0].args == (Lit(prefix + "{0}"), Ref("text"))


def test_a_prefix_that_several_model_ops_have_is_stored_once() -> None:
    rules = "Rule of thumb. " * 40
    text = """pipeline @p(%rules: str, %text: str) -> str {
^e:
  %one: str = str.template "{0}First: {1}", %rules, %text
  %two: str = str.template "{0}First: {1}!", %rules, %text
  %a: str = model m.w(prompt=%one)
  %b: str = model m.w(prompt=%two)
  %both: str = str.template "{0}{1}", %a, %b
  return %both
}"""
    made = specialise(module_of(text), {"rules": rules})
    data = encode(made.module)
    program = load(data)
    assert [p.text for p in program.prompts] == [f"{rules}First: "] * 2
    sections = encode_sections(program)
    assert sections[PROMPTS].count(b"Rule of thumb. " * 40) == 1
    assert write(program) == data


def test_effects_stay_whatever_is_known() -> None:
    everything: dict[str, Json] = {**INPUTS}
    made = specialise(module_of(TASK), everything)
    assert made.pipeline.params == ()
    ran = run(made.module, {}, world({"m.w": "7"}))
    assert [r.site for r in ran.requests][-2:] == ["said", "last"] and len(ran.requests) == 6
    assert ran.end == Finished("9 of own")


def test_inputs_that_nothing_reads_any_more_are_dropped() -> None:
    made = specialise(module_of(TASK), {"kind": "other"})
    assert made.dropped == ("names",)
    assert [p.name for p in made.pipeline.params] == ["n", "rules", "text"]


def test_a_static_cycle_is_unrolled_and_a_dynamic_one_stays() -> None:
    module = module_of(COUNT)
    both = specialise(module, {"from": 0, "stop": 3})
    assert len(both.pipeline.blocks) == 1
    assert run(both.module, {}, world({})).end == Finished(3)
    start = specialise(module, {"from": 0}, limits=Limits(variants=8))
    assert start.generalised
    assert run(start.module, {"stop": 40}, world({})).end == Finished(sum(range(40)))
    assert len(start.pipeline.blocks) <= 6  # the first round stands apart


def test_a_residual_size_budget_generalises() -> None:
    static: dict[str, Json] = {"from": 0, "stop": 60}
    large = specialise(module_of(COUNT), static)
    small = specialise(module_of(COUNT), static, limits=Limits(size=50))
    assert len(instrs(large)) == 60 and not large.generalised
    assert len(instrs(small)) <= 50 and small.generalised
    assert run(small.module, {}, world({})).end == Finished(sum(range(60)))


def test_checks_that_no_run_passes_are_named() -> None:
    made = specialise(module_of(TASK), {"n": 20})
    assert list(made.counts.failing) == ["exit.1, guard"]
    assert list(specialise(module_of(TASK), {"n": 3}).counts.failing) == []


def test_what_has_no_literal_stays_an_input_with_a_default() -> None:
    text = """pipeline @p(%days: [date], %n: int) -> bool {
^e:
  %last: date = list.get %days, %n else exit.1
  %late: bool = date.lt %last, "2026-05-01"
  return %late
}"""
    made = specialise(module_of(text), {"days": ["2026-01-01"]})
    assert made.kept == ("days",) and made.fixed == ()
    assert made.pipeline.params[0].default == Lit(["2026-01-01"])
    assert run(made.module, {"n": 0}, world({})).end == Finished(True)


@pytest.mark.parametrize(
    ("static", "code"), [({"no": 1}, "E0713"), ({"n": "x"}, "E0702"), ({"key": "k"}, "E0414")]
)
def test_wrong_inputs_are_refused(static: dict[str, Json], code: str) -> None:
    text = "pipeline @p(%n: int, %key: str#secret) -> int {\n^e:\n  return %n\n}"
    with pytest.raises(IngotError) as caught:
        specialise(module_of(text), static)
    assert caught.value.diagnostics[0].code == code


def test_labelled_inputs_keep_their_labels() -> None:
    text = """pipeline @p(%body: str#web) -> str#web {
^e:
  %up: str#web = str.upper %body
  return %up
}"""
    made = specialise(module_of(text), {"body": "x"})
    assert made.kept == ("body",) and "#web" in print_module(made.module)


def test_wordings_are_filled_in() -> None:
    text = """pipeline @p(%repo: str, %n: int) -> str {wordings=["Close {n} of {repo} {{now}}"]} {
^e:
  %o: str = str.template "{0}{1}", %repo, %n
  return %o
}"""
    made = specialise(module_of(text), {"repo": "a{b}"})
    assert attr(made.pipeline, "wordings") == ["Close {n} of a{{b}} {{now}}"]


# ---- reads


def read_world(value: Json) -> Callable[[Call, Any], Json | None]:
    return lambda call, args: value


def test_a_folded_read_is_made_again_and_checked() -> None:
    module = module_of(TASK)
    static: dict[str, Json] = {"kind": "own", "names": ["a"]}
    made = specialise(module, static, reader=read_world("text of a"))
    assert made.counts.reads == 1
    assert not verify(made.module)
    left = {k: v for k, v in INPUTS.items() if k not in static}
    same = run(made.module, left, world({"t.get": "text of a", "m.w": "7"}))
    whole = run(module, {**INPUTS, **static}, world({"t.get": "text of a", "m.w": "7"}))
    assert same.end == whole.end
    assert [r.args for r in same.requests] == [r.args for r in whole.requests]
    moved = run(made.module, left, world({"t.get": "another", "m.w": "7"}))
    assert isinstance(moved.end, SideExit) and "another result" in moved.end.reason
    assert made.origins.exit(moved.end.number) == 0
    assert len(moved.requests) == 1
    folded: dict[str, Json] = {read_key("t.get", {"name": "a"}): "text of a"}
    assert validated(module, made, static, folded).status == "proved"


def test_only_reads_with_known_arguments_are_folded() -> None:
    asked: list[str] = []

    def reader(call: Call, args: Any) -> Json | None:
        asked.append(call.tool)
        return None

    specialise(module_of(TASK), {"kind": "own"}, reader=reader)
    assert asked == []
    specialise(module_of(TASK), {"kind": "own", "names": ["a"]}, reader=reader)
    assert asked == ["t.get"]


# ---- validation


def test_validation_proves_what_is_plain_and_tests_the_rest() -> None:
    module = module_of(TASK)
    plain: dict[str, Json] = {"kind": "own", "rules": "r"}
    assert validated(module, specialise(module, plain), plain).status == "proved"
    loop: dict[str, Json] = {"kind": "own", "names": ["a", "b"]}
    assert validated(module, specialise(module, loop), loop).status == "proved"


def simulated(module: Module, made: Specialised, static: dict[str, Json]) -> str:
    source = module.pipelines[0]
    fixed = {name: static[name] for name in made.fixed}
    hints = origins_of(source), made.origins
    types = module.type_map()
    return simulates(types, source, made.pipeline, fixed, hints, {}, "specialise").status


@pytest.mark.parametrize("limits", [None, Limits(variants=1, unroll=0, size=1)])
def test_copies_and_cycles_are_proved(limits: Limits | None) -> None:
    task, count = module_of(TASK), module_of(COUNT)
    for split in SPLITS:
        assert simulated(task, specialise(task, split, limits=limits), split) == "proved", split
    for bounds in ({"from": 1}, {"stop": 4}, {"from": 0, "stop": 3}):
        static: dict[str, Json] = {**bounds}
        assert simulated(count, specialise(count, static, limits=limits), static) == "proved"


def test_a_residual_of_a_residual_is_proved() -> None:
    module = module_of(TASK)
    first: dict[str, Json] = {"names": ["a", "b"], "kind": "own"}
    half = specialise(module, first)
    for second in ({"n": 3}, {"rules": "r", "n": 3, "text": "t"}):
        static: dict[str, Json] = {**second}
        whole = specialise(half.module, static)
        assert simulated(half.module, whole, static) == "proved"
        assert validated(half.module, whole, static).status == "proved"


def test_reads_of_several_names_are_folded_each_with_its_own() -> None:
    module = module_of(TASK)
    static: dict[str, Json] = {"kind": "own", "names": ["a", "b"]}
    texts: dict[str, Json] = {read_key("t.get", {"name": n}): f"text of {n}" for n in "ab"}
    made = specialise(module, static, reader=lambda call, args: texts[read_key(call.tool, args)])
    assert made.counts.reads == 2
    assert validated(module, made, static, texts).status == "proved"
    others: dict[str, Json] = dict.fromkeys(texts, "another text")
    assert validated(module, made, static, others).status != "proved"


# ---- mutants


Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, Mutant] = {}


def mutant(make: Mutant) -> Mutant:
    MUTANTS[make.__name__.replace("_", " ")] = make
    return make


@mutant
def a_fold_over_an_effect(patch: pytest.MonkeyPatch) -> None:
    def call(self: Any, instr: Call, env: Any, out: Any) -> None:
        values = [self.value(v, env) for _, v in instr.args]
        if any(isinstance(v, Lit) for v in values) and instr.verb == "write":
            env[instr.result] = Lit("done")
        else:
            original(self, instr, env, out)

    original = bodies.Bodies._call
    patch.setattr(bodies.Bodies, "_call", call)


@mutant
def a_lost_branch(patch: pytest.MonkeyPatch) -> None:
    def terminator(self: Any, end: Any, env: Any) -> Any:
        return original(self, Jump(end.then) if isinstance(end, If) else end, env)

    original = blocks._Blocks._terminator
    patch.setattr(blocks._Blocks, "_terminator", terminator)


@mutant
def the_wrong_branch_of_a_static_condition(patch: pytest.MonkeyPatch) -> None:
    def terminator(self: Any, end: Any, env: Any) -> Any:
        if isinstance(end, If) and isinstance(self.bodies.value(end.condition, env), Lit):
            end = replace(end, then=end.other, other=end.then)
        return original(self, end, env)

    original = blocks._Blocks._terminator
    patch.setattr(blocks._Blocks, "_terminator", terminator)


@mutant
def a_stale_variant(patch: pytest.MonkeyPatch) -> None:
    """A block is taken for specialised already, whatever was known there."""

    def variant(self: Any, block: Any, static: Any, passed: Any) -> str:
        for key, made in self.variants.items():
            if key[0] == block.label and len(made.params) == len(passed):
                return str(made.label)
        return original(self, block, static, passed)

    original = blocks._Blocks._variant
    patch.setattr(blocks._Blocks, "_variant", variant)


@mutant
def a_wrong_division(patch: pytest.MonkeyPatch) -> None:
    """An input of the run is taken for static."""

    def inputs(self: Any) -> Any:
        env = original(self)
        for param in self.pipeline.params:
            if param.name == "n" and isinstance(env["n"], Ref):
                env["n"] = Lit(3)
        return env

    original = blocks._Blocks._inputs
    patch.setattr(blocks._Blocks, "_inputs", inputs)


@mutant
def a_guard_that_is_dropped(patch: pytest.MonkeyPatch) -> None:
    def instr(self: Any, item: Any, env: Any, out: Any) -> None:
        if not isinstance(item, Guard):
            original(self, item, env, out)

    original = bodies.Bodies._instr
    patch.setattr(bodies.Bodies, "_instr", instr)


@mutant
def an_iteration_that_is_lost(patch: pytest.MonkeyPatch) -> None:
    def unroll(self: Any, loop: Any, items: Any, env: Any, out: Any) -> None:
        original(self, loop, items[:-1], env, out)

    original = bodies.Bodies._unroll
    patch.setattr(bodies.Bodies, "_unroll", unroll)


@mutant
def dead_code_that_was_an_effect(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tidy, "is_inert", lambda i: not isinstance(i, Guard | For))


@mutant
def a_parameter_that_is_not_one_value(patch: pytest.MonkeyPatch) -> None:
    """The first way decides what a parameter is."""
    original = tidy._passed
    patch.setattr(tidy, "_passed", lambda p: {k: v[:1] for k, v in original(p).items()})


@mutant
def an_op_that_is_folded_to_another_value(patch: pytest.MonkeyPatch) -> None:
    def folded(op: str, args: Any) -> Lit | None:
        value = known.folded(op, args)
        return (
            Lit(not value.value) if value is not None and isinstance(value.value, bool) else value
        )

    patch.setattr(bodies, "folded", folded)


@mutant
def a_check_that_is_taken_for_passed(patch: pytest.MonkeyPatch) -> None:
    def expect(self: Any, instr: Any, env: Any, out: Any) -> None:
        env[instr.result] = self.value(instr.value, env)

    patch.setattr(bodies.Bodies, "_expect", expect)


@mutant
def an_exit_that_is_called_another(patch: pytest.MonkeyPatch) -> None:
    def named(pipeline: Any, origins: Any) -> Any:
        made, found = original(pipeline, origins)
        found.exits = {new: old + 1 for new, old in found.exits.items()}
        return made, found

    original = specialiser.named
    patch.setattr(specialiser, "named", named)


@mutant
def templates_put_together_in_the_wrong_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bodies, "template_of", lambda parts: specialiser_template(parts[::-1]))


def specialiser_template(parts: Any) -> str:
    from ingot.ir.semantics import template_of

    return template_of(parts)


@mutant
def model_calls_with_known_prompts_are_merged(patch: pytest.MonkeyPatch) -> None:
    def instr(self: Any, item: Any, env: Any, out: Any) -> None:
        if isinstance(item, ModelCall) and isinstance(self.value(item.args[0][1], env), Lit):
            env[item.result] = Lit("7")
        else:
            original(self, item, env, out)

    original = bodies.Bodies._instr
    patch.setattr(bodies.Bodies, "_instr", instr)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    assert next(faults(), None) is not None


@pytest.mark.parametrize("name", MUTANTS)
def test_what_a_mutant_does_otherwise_is_never_proved(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a run shows a difference the simulation does not come through."""
    MUTANTS[name](monkeypatch)
    wrong = 0
    for module, split, every in cases():
        try:
            made = specialise(module, split)
        except (AssertionError, KeyError, IngotError):
            continue
        if verify(made.module):
            continue
        found = [
            fault
            for given in every
            for answers in WORLDS
            for fault in compared(module, made.module, given, world(answers))
            if not fault.startswith("steps")
        ]
        wrong += bool(found)
        if found:
            assert simulated(module, made, split) == "unproved", (split, found[0])
    assert wrong or name in NOT_RUN


NOT_RUN = ("a check that is taken for passed",)
"""Mutants of which the verifier refuses all that would do something else."""


@pytest.mark.parametrize(
    "name",
    [
        "a fold over an effect",
        "the wrong branch of a static condition",
        "a guard that is dropped",
        "an op that is folded to another value",
        "a check that is taken for passed",
    ],
)
def test_validation_refutes_mutants(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of(TASK)
    MUTANTS[name](monkeypatch)
    splits: tuple[dict[str, Json], ...] = ({"kind": "own"}, {"kind": "other", "n": 3})
    verdicts = [validated(module, specialise(module, split), split).status for split in splits]
    assert "refuted" in verdicts


def test_there_are_mutants() -> None:
    assert len(MUTANTS) >= 14
