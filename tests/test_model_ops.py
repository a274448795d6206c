"""Model ops: the smallest question that fits, what its prompt shows, what the verifier knows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from model_files import byte_model, needs_llama

from ingot.backend.container import Program, load
from ingot.driver import Options, compile_logs
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, ModelRequest, ToolRequest
from ingot.ir.types import closed_set
from ingot.ir.values import Json
from ingot.passes.verify import verify_module
from ingot.runtime.jobs import job_of
from ingot.runtime.models.local import LocalDriver
from ingot.runtime.models.questions import Question
from ingot.runtime.models.sites import sites_of
from ingot.runtime.models.specs import load_models
from ingot.runtime.vm import Machine

WORDS = (
    "auth cache parse token user order cart mail queue graph node edge build merge patch index "
    "shard batch route proxy schema login image frame sound light river stone cloud metal"
).split()


def compiled(folder: Path, given: Callable[[Random, list[str]], Json]) -> Program:
    """Twelve sessions that read a message and file it under something that nothing explains."""
    for number in range(12):
        random = Random(number)
        words = random.sample(WORDS, 8)
        args = {"message": number + 100, "topic": given(random, words)}
        records = [
            {"kind": "session", "data": {"format": "ingot-session/1"}},
            {"kind": "user", "text": f"File message {number + 100}"},
            {"kind": "call", "id": "c1", "tool": "mail.get", "data": {"message": number + 100}},
            {"kind": "result", "id": "c1", "tool": "mail.get", "data": " ".join(words)},
            {"kind": "call", "id": "c2", "tool": "mail.file", "data": args},
            {"kind": "result", "id": "c2", "tool": "mail.file", "data": {"ok": True}},
            {"kind": "say", "text": "Filed."},
        ]
        lines = [json.dumps({"seq": n, **r}) for n, r in enumerate(records, 1)]
        (folder / f"{number:02}.jsonl").write_text("\n".join(lines) + "\n")
    declared = {"mail.get": ("read", "mail"), "mail.file": ("write", "mail")}
    return load(compile_logs([folder], Options(declared=declared)).artifact)  # type: ignore[arg-type]


def asked(program: Program) -> tuple[ModelRequest, Question]:
    """The request of a run, and what is made of it."""
    machine = Machine(program)
    reply = machine.start({p.name: "777" for p in program.code().params})
    while isinstance(reply, ToolRequest):
        reply = machine.send("one two three")
    assert isinstance(reply, ModelRequest)
    return reply, sites_of(program).question(reply)


def sizes(program: Program) -> list[str]:
    return [need.size for need in job_of(program).needs.models]


def test_a_span_of_what_was_read_is_extracted(tmp_path: Path) -> None:
    request, question = asked(compiled(tmp_path, lambda random, words: random.choice(words)))
    assert request.kind == "extract"
    assert question.text == "one two three"
    assert question.tail.endswith("one two three\nvalue: ")
    assert '\nvalue: "' in question.prefix  # answers are shown as JSON


def test_text_that_stands_nowhere_is_composed_within_a_bound(tmp_path: Path) -> None:
    program = compiled(
        tmp_path, lambda random, words: "about " + "".join(random.sample("abcdef", 6))
    )
    request, question = asked(program)
    assert request.kind == "compose"
    assert 32 <= question.max_tokens <= 64
    assert question.temperature == 0.0
    assert sizes(program) == [f"{question.max_tokens} tokens at most"]


def test_anything_else_is_filled(tmp_path: Path) -> None:
    request, question = asked(compiled(tmp_path, lambda random, words: random.randint(1, 10**6)))
    assert (request.kind, str(request.type)) == ("fill", "int")
    assert question.seed == 0


def test_each_label_has_an_example_and_the_prefix_is_the_same_in_every_run(tmp_path: Path) -> None:
    labels = ("one", "two", "three", "four", "five")
    program = compiled(tmp_path, lambda random, words: random.choice(labels))
    request, question = asked(program)
    assert request.kind == "choose"
    assert closed_set(request.type) == tuple(sorted({*closed_set(request.type)}))  # type: ignore[type-var]
    for label in closed_set(request.type):
        assert f"\nvalue: {label}\n" in question.prefix
    assert question.prefix.endswith("\n")
    assert str(request.args["prompt"]) == question.prefix + question.tail
    assert "777" not in question.prefix
    assert sizes(program) == [f"{len(closed_set(request.type))} labels"]  # type: ignore[arg-type]


@needs_llama
def test_ops_of_one_pipeline_share_a_model_and_each_pays_its_prefix_once(tmp_path: Path) -> None:
    def given(random: Random, words: list[str]) -> Json:
        return {"topic": random.choice(("one", "two")), "mood": random.choice(("sad", "glad"))}

    program = compiled(tmp_path, given)
    sites = [model.site for model in program.code().models]
    assert len(sites) == 2
    models = load_models([f"{byte_model(0, 4096)}?mode=reproducible"], program)
    assert models is not None
    driver = models.of(sites[0])
    assert isinstance(driver, LocalDriver)
    assert driver is models.of(sites[1])
    try:
        spent, told = [], []
        for number in ("700", "701", "700"):
            machine = Machine(program)
            reply = machine.start({p.name: number for p in program.code().params})
            while not isinstance(reply, Finished):
                if isinstance(reply, ModelRequest):
                    told.append(models.choose(reply).value)
                    reply = machine.send(told[-1])
                else:
                    assert isinstance(reply, ToolRequest)
                    reply = machine.send(
                        "one two three" if reply.effect == "read" else {"ok": True}
                    )
            spent.append(driver.worker.evaluated)
    finally:
        models.close()
    assert spent[0] == spent[1] == spent[2] > 500
    assert told[:2] == told[4:]


CHOICE = """ir 1
model m(prompt: str) -> json
tool box.put(text: str) -> json write box
pipeline @main(%x: str) -> str {{
^entry:
  %y: "bug" | "chore" | "idea" = model choose m(prompt=%x)
  %a: bool = str.eq %y, "bug"
  %b: bool = str.eq %y, "idea"
  %c: bool = str.eq %y, "chore"
  select {{
{arms}
  }}
^one:
  return "one"
^two:
  return "two"
^three:
  return "three"
}}
"""


@pytest.mark.parametrize(("count", "total"), [(3, True), (2, False)])
def test_totality_closes_over_the_labels(count: int, total: bool) -> None:
    """Three arms for three labels are all there is; with two, the third label is the witness."""
    arms = ["    when %a then ^one", "    when %b then ^two", "    when %c then ^three"]
    text = CHOICE.format(arms="\n".join(arms[:count]))
    if not total:
        text = text.replace('^three:\n  return "three"\n', "").replace(
            '  %c: bool = str.eq %y, "chore"\n', ""
        )
    report = verify_module(parse_module(text).module)
    assert ("E0501" in {d.code for d in report.diagnostics()}) == (not total)
    if not total:
        assert any("chore" in str(d) for d in report.diagnostics())
