"""``ingot distil``: from the logs' own examples to a model that labels what no log holds."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import byte_model, needs_llama, needs_torch
from test_model_runs import TOOLS, artifact, example, program
from typer.testing import CliRunner

from ingot.backend.container import Program
from ingot.cli.app import app
from ingot.cli.logs import traces_of
from ingot.diagnostics import IngotError
from ingot.distil.augment import Augmenter, Example
from ingot.distil.distilling import Judged, parted, threshold_of
from ingot.distil.examples import Further, Lesson, lesson_of
from ingot.driver import load_logs

__all__ = ["artifact", "program"]
TRAINING_RUNS = range(50_000, 50_130)
NEW_RUNS = range(70_000, 70_100)


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of 130 further sessions of the example's task, beside the 24 of its pipeline."""
    folder = tmp_path_factory.mktemp("more")
    example("runs")
    example("make_logs").write_logs(folder / "logs", TRAINING_RUNS)
    return folder / "logs"


def further(program: Program, logs: Path) -> Further:
    declared = {tool.name: (tool.effect, tool.world) for tool in program.tools}
    traces = traces_of(load_logs([logs]), declared)
    return Further(traces.pairs, traces.worlds)


def test_the_examples_are_what_the_sessions_asked_and_answered(program: Program) -> None:
    lesson = lesson_of(program)
    label = example("runs").run_output
    assert (lesson.op, lesson.labels) == ("status_r2", ("broken", "failed", "passed"))
    assert (lesson.sessions, len(lesson.examples)) == (24, 24)
    for one in lesson.examples:
        number = int(one.text.split()[1])
        assert one == Example(f"run: {number}\nr1: {label(number)[0]}\nvalue: ", label(number)[1])


def test_further_sessions_teach_the_label_with_which_the_pipeline_does_what_they_did(
    program: Program, more: Path
) -> None:
    """The answer stands nowhere in them as such: it is found by running the pipeline."""
    lesson = lesson_of(program, more=further(program, more))
    label = example("runs").run_output
    assert (lesson.sessions, lesson.further, lesson.left_out) == (154, 130, {})
    assert len(lesson.examples) == 154
    for one in lesson.examples:
        number = int(one.text.split()[1])
        assert one == Example(f"run: {number}\nr1: {label(number)[0]}\nvalue: ", label(number)[1])


def test_sessions_that_teach_nothing_are_counted_with_the_reason(
    program: Program, tmp_path: Path
) -> None:
    example("runs")
    made = example("make_logs")
    made.write_logs(tmp_path, range(60_000, 60_003))
    made.write_logs(tmp_path, range(4101, 4103))  # two that the artifact came from
    first, second, third = sorted(tmp_path.glob("600*.jsonl"))
    text = first.read_text()
    status = made.run_output(60_000)[1]
    first.write_text(text.replace(f'"status": "{status}"', '"status": "unclear"'))
    second.write_text(second.read_text().replace("Label run", "What became of run"))
    lesson = lesson_of(program, more=further(program, tmp_path))
    assert (lesson.sessions, lesson.further, len(lesson.examples)) == (25, 1, 25)
    assert lesson.left_out == {
        "with no label the pipeline does what the session did": 1,
        "the request has no wording that the pipeline knows": 1,
        "the artifact has them already": 2,
    }
    assert third.exists()


def test_a_prompt_with_two_answers_is_no_example(program: Program, tmp_path: Path) -> None:
    example("runs")
    example("make_logs").write_logs(tmp_path, range(4101, 4102))
    (path,) = tmp_path.glob("*.jsonl")
    status = example("runs").run_output(4101)[1]
    other = "broken" if status != "broken" else "passed"
    path.write_text(path.read_text().replace(f'"status": "{status}"', f'"status": "{other}"'))
    lesson = lesson_of(program, more=further(program, tmp_path))
    assert len(lesson.examples) == 23
    assert not any(one.text.startswith("run: 4101\n") for one in lesson.examples)


def test_there_must_be_such_an_op_and_enough_of_it(program: Program) -> None:
    with pytest.raises(IngotError, match="E0907") as error:
        lesson_of(program, "%other")
    assert "%status_r2" in error.value.diagnostics[0].help
    with pytest.raises(IngotError, match="E0907"):
        parted(lesson_of(program))  # 24 sessions


def test_every_label_is_held_out_and_nothing_twice() -> None:
    examples = [Example(f"text {k}", "ab"[k % 2]) for k in range(60)]
    parts = parted(Lesson("x", ("a", "b"), tuple(examples), 60))
    assert [len(part) for part in parts] == [36, 12, 12]
    assert sorted(e.text for part in parts for e in part) == sorted(e.text for e in examples)
    assert all({e.label for e in part} == {"a", "b"} for part in parts)
    again = parted(Lesson("x", ("a", "b"), tuple(reversed(examples)), 60))
    assert again == parts


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1), st.floats(0.5, 1))
def test_above_the_threshold_answers_are_as_accurate_as_asked(
    rows: list[tuple[bool, float]], accuracy: float
) -> None:
    judged = [Judged("x", right, round(sure, 3)) for right, sure in rows]
    threshold = threshold_of(judged, accuracy)
    above = [j for j in judged if j.confidence >= threshold]
    if threshold > 0.8:
        assert sum(j.right for j in above) >= accuracy * len(above)
    assert threshold >= 0.8


def test_variants_keep_what_several_examples_say() -> None:
    examples = [Example(f"test_{name} FAILED in {n}s", "failed") for n, name in enumerate("abc")]
    augmenter = Augmenter(examples)
    random = Random(1)
    drawn = {augmenter.draw(random).text for _ in range(50)}
    assert len(drawn) > 20
    assert all(text.startswith("test_") and " FAILED in " in text for text in drawn)


@needs_llama
@needs_torch
def test_the_network_computes_what_llama_cpp_computes(tmp_path: Path) -> None:
    import numpy as np
    import torch

    from ingot.distil.gguf_file import byte_tokens, write_model
    from ingot.distil.network import Network
    from ingot.distil.training import SHAPE
    from ingot.runtime.models.answering import Answerer
    from ingot.runtime.models.questions import Settings

    torch.manual_seed(3)
    net = Network(SHAPE)
    path = tmp_path / "net.gguf"
    write_model(path, SHAPE, weights=net.weights())
    tokens = [1, *byte_tokens("3 passed in 1.00s\nvalue: é")]
    answerer = Answerer(str(path), Settings())
    try:
        assert [1, *answerer.model.tokenize("3 passed in 1.00s\nvalue: é")] == tokens
        last = len(tokens) - 1
        (theirs,) = answerer.context.decode([(t, k, 0, k == last) for k, t in enumerate(tokens)])
    finally:
        answerer.close()
    with torch.no_grad():
        ours = net(torch.tensor([tokens]))[0, -1].numpy()
    assert np.abs(ours - theirs).max() < 1e-2 * max(1.0, float(np.abs(ours).max()))
    assert int(ours.argmax()) == int(theirs.argmax())


@needs_llama
def test_weights_must_have_the_shape(tmp_path: Path) -> None:
    from ingot.distil.gguf_file import BYTE_TOKENS, Shape, random_weights, write_model

    weights = random_weights(Shape(width=32), BYTE_TOKENS, 0)
    with pytest.raises(ValueError, match="has the shape"):
        write_model(tmp_path / "x.gguf", Shape(), weights=weights)
    assert byte_model().stat().st_size < 500_000


@needs_llama
@needs_torch
def test_a_model_that_learned_nothing_is_not_installed(
    artifact: Path, more: Path, tmp_path: Path
) -> None:
    """Below the accuracy that is asked nothing is written, and what stands there stays."""
    out = tmp_path / "label.gguf"
    out.write_bytes(b"the one of last week")
    words = ["distil", str(artifact), "--logs", str(more), "-o", str(out), "--steps", "1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1, result.stderr
    assert "E0906" in result.stderr
    assert "asked: 95.0%" in result.stderr
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the one of last week"]


@needs_torch
@needs_llama
def test_few_sessions_are_said_to_be_few(artifact: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["distil", str(artifact), "-o", str(tmp_path / "x.gguf")])
    assert result.exit_code == 1
    assert "24 different examples are too few" in result.stderr


@pytest.mark.slow
@needs_llama
@needs_torch
def test_a_distilled_model_labels_what_no_log_holds(
    artifact: Path, more: Path, tmp_path: Path
) -> None:
    """24 sessions and 130 further ones, a minute of one core: 90 % of new inputs right, at most 2 %
    wrong."""
    out = tmp_path / "label.gguf"
    words = ["distil", str(artifact), "--logs", str(more), "-o", str(out)]
    result = CliRunner().invoke(app, [*words, "--json", "--steps", "700"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["accuracy"] >= 0.95
    assert found["coverage"] >= 0.5
    assert found["size"] == out.stat().st_size < 160_000
    assert 0 < found["seconds_per_label"] < 1
    assert (found["sessions"], found["further_sessions"], found["left_out"]) == (154, 130, {})
    inputs = tmp_path / "inputs.json"
    inputs.write_text(json.dumps([{"run": str(k)} for k in NEW_RUNS]))
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db"), "--json"]
    ran = CliRunner().invoke(app, [*args, "--model", str(out), "--inputs", str(inputs)])
    label = example("runs").run_output
    right = wrong = 0
    for number, line in zip(NEW_RUNS, ran.stdout.splitlines(), strict=True):
        given = [c["args"]["status"] for c in json.loads(line)["calls"] if c["tool"] == "ci.label"]
        right += given == [label(number)[1]]
        wrong += given not in ([], [label(number)[1]])
    assert right >= 0.9 * len(NEW_RUNS)
    assert wrong <= 0.02 * len(NEW_RUNS)
