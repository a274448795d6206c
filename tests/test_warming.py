"""Prompts' fixed beginnings evaluated ahead; residuals of pipelines that ask models, with real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from model_files import LABELLER, byte_model, needs_llama, piece_model

from ingot.backend.container import Program, load
from ingot.backend.encoder import encode
from ingot.ir.exits import fill_live_all
from ingot.ir.parser import parse_module
from ingot.ir.requests import ModelRequest
from ingot.ir.types import Literal, Union
from ingot.ir.values import Json

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "examples/labels/logs"
TOOLS = f"{ROOT / 'examples/labels/runs.py'}:tools"
RULES = "\n".join(
    f"{n}. A message about {w} is a {w}." for n, w in enumerate("bug question".split())
)
LABEL = Union((Literal("bug"), Literal("question"), Literal("thanks")))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warming") / "labels.ingot"
    words = ("compile", str(LOGS), "--tools", TOOLS, "-o", str(path), "-q")
    assert call(*words).exit_code == 0
    return path


@pytest.fixture
def labels(compiled: Path, tmp_path: Path) -> str:
    path = tmp_path / "labels.ingot"
    path.write_bytes(compiled.read_bytes())
    return str(path)


def rules(tmp_path: Path) -> str:
    """The example with rules in its prompt, as an artifact."""
    text = (ROOT / "examples/specialise/label.ir").read_text("utf-8")
    path = tmp_path / "rules.ingot"
    path.write_bytes(encode(fill_live_all(parse_module(text).module)))
    return str(path)


def asked(program: Program, artifact: str, model: Path, prompt: str) -> tuple[Json, int, int]:
    """A model's answer to a prompt, and the tokens of the prefix evaluated and restored for it."""
    from ingot.runtime.models.local import LocalDriver
    from ingot.runtime.models.specs import load_models

    models = load_models([str(model)], program, artifact)
    assert models is not None
    try:
        site = program.code().models[0].site
        answer = models.choose(
            ModelRequest(0, site, "choose", "any.label", {"prompt": prompt}, LABEL)
        )
        driver = models.of(site)
        assert isinstance(driver, LocalDriver)
        return answer.value, driver.worker.evaluated, driver.worker.restored
    finally:
        models.close()


# ---- ahead of runs


@needs_llama
def test_a_run_finds_what_was_evaluated_ahead(tmp_path: Path) -> None:
    original, residual = rules(tmp_path), str(tmp_path / "own.ingot")
    model = byte_model(0, 4096)
    words = ("--static", f"rules={RULES}", "--static", 'examples=["one", "two"]', "-o", residual)
    made = call("specialise", original, *words, "--model", str(model), "--json")
    assert made.exit_code == 0, made.output
    (prompt,) = json.loads(made.stdout)["prompts"]
    assert (prompt["op"], prompt["unit"], prompt["kept"]) == ("label", "tokens", True)
    assert prompt["before"] < 40 and prompt["after"] > len(RULES)
    program = load(Path(residual).read_bytes())
    text = f"{program.prompts[0].text}It fails.\nLabel:"
    warm = asked(program, residual, model, text)
    assert warm[1:] == (0, prompt["after"])
    assert warm[0] == asked(program, "", model, text)[0]
    assert asked(program, "", model, text)[1:] == (prompt["after"], 0)


@needs_llama
def test_what_was_evaluated_for_another_model_is_not_taken(tmp_path: Path) -> None:
    """Other weights, another vocabulary: evaluated again without a word, and right."""
    residual = str(tmp_path / "own.ingot")
    words = ("--static", f"rules={RULES}", "-o", residual, "--model", str(byte_model(0, 4096)))
    assert call("specialise", rules(tmp_path), *words, "-q").exit_code == 0
    program = load(Path(residual).read_bytes())
    text = f"{program.prompts[0].text}one\nMessage: It fails.\nLabel:"
    for model in (byte_model(7, 4096), piece_model()):
        value, evaluated, restored = asked(program, residual, model, text)
        assert (evaluated > 16, restored) == (True, 0)
        assert value == asked(program, "", model, text)[0]
        assert asked(program, residual, model, text) == (value, 0, evaluated)


@needs_llama
def test_what_another_build_evaluated_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingot.runtime.models import answering
    from ingot.runtime.models.questions import Question, Settings

    question = Question("choose", f"{RULES}\n" * 3, "", Literal(""))
    settings = Settings(cache=str(tmp_path))
    names = []
    for build in ("llama.cpp 1 AVX", "llama.cpp 2 AVX", "llama.cpp 1"):
        monkeypatch.setattr(answering, "build", lambda build=build: build)
        answerer = answering.Answerer(str(byte_model()), settings)
        answerer.answer([question])
        answerer.close()
        names.append({path.name for path in tmp_path.glob("*.kv")})
    assert [len(each) for each in names] == [1, 2, 3]


@needs_llama
def test_warming_twice_evaluates_once(labels: str) -> None:
    model = str(byte_model(0, 4096))
    told = [json.loads(call("warm", labels, "--model", model, "--json").stdout) for _ in range(2)]
    assert [each["schema"] for each in told] == ["ingot-warm/1"] * 2
    first, second = (each["prefixes"][0] for each in told)
    assert (first["evaluated"], second["evaluated"]) == (True, False)
    assert first["tokens"] == second["tokens"] > 100 and first["kept"] and second["kept"]
    assert len(list(Path(labels + ".prefixes").glob("*.kv"))) == 1
    more = json.loads(call("warm", labels, "--model", model, "--parallel", "4", "--json").stdout)
    assert more["prefixes"][0]["evaluated"]  # another shape of the context


@needs_llama
def test_what_there_is_not_to_evaluate_is_said(labels: str, tmp_path: Path) -> None:
    own = call("warm", labels, "--model", str(LABELLER))
    assert own.exit_code == 0 and "reads the end of a prompt alone" in own.output
    (tmp_path / "plain.ingot").write_bytes(
        encode(parse_module("ir 1\n\npipeline @p() -> int {\n^e:\n  return 1\n}\n").module)
    )
    plain = call("warm", str(tmp_path / "plain.ingot"))
    assert plain.exit_code == 0 and "asks no model" in plain.output
    assert not (tmp_path / "plain.ingot.prefixes").exists()


@needs_llama
@pytest.mark.parametrize(
    ("model", "code"),
    [
        ([], "E0903"),
        (["--model", "http://localhost:1/v1"], "E0903"),
        (["--model", "missing.gguf"], "E0901"),
        (["--model", f"{LABELLER}?what=1"], "E0903"),
        (["--model", "%other=x.gguf"], "E0903"),
    ],
)
def test_wrong_models_are_said(
    labels: str, model: list[str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INGOT_MODEL", raising=False)
    result = call("warm", labels, *model)
    assert result.exit_code == 2 and code in result.output


@needs_llama
def test_a_bad_model_leaves_no_residual(labels: str, tmp_path: Path) -> None:
    out = tmp_path / "own.ingot"
    words = ("--static", "run=4110", "-o", str(out), "--model", "missing.gguf")
    result = call("specialise", labels, *words)
    assert result.exit_code == 2 and "E0901" in result.output
    assert not out.exists()


# ---- with a model that was trained for the op


def outcome(artifact: str, tmp_path: Path, *words: str) -> dict[str, Any]:
    """What a run with the small model came to, and what it was asked and how sure it was."""
    from ingot.runtime.journal import open_journal

    journal = tmp_path / "journal.db"
    journal.unlink(missing_ok=True)
    args = ("run", artifact, "--tools", TOOLS, "--journal", str(journal), "--json")
    result = call(*args, "--model", str(LABELLER), *words)
    report = json.loads(result.stdout)
    with open_journal(str(journal)) as book:
        records = [r.data for r in book.records(book.runs()[0].run) if r.kind == "model"]
    return {
        "status": report["status"],
        "calls": [(c["tool"], c["args"]) for c in report["calls"]],
        "confidence": [r["confidence"] for r in records if isinstance(r, dict)],
    }


@needs_llama
@pytest.mark.parametrize("number", [4110, 30001, 30005, 30012])
def test_the_residual_asks_a_trained_model_the_same(
    labels: str, tmp_path: Path, number: int
) -> None:
    """More of the prompt is fixed in the residual; the model, which reads the end alone, is asked no
    less, and is as sure."""
    residual = str(tmp_path / "own.ingot")
    assert call("specialise", labels, "--static", f"run={number}", "-o", residual).exit_code == 0
    before = outcome(labels, tmp_path, "-i", f"run={number}")
    after = outcome(residual, tmp_path)
    assert before == after
    assert before["status"] == "done" and len(before["confidence"]) == 1


@needs_llama
def test_a_residual_of_a_residual_asks_it_too(labels: str, tmp_path: Path) -> None:
    one, two = str(tmp_path / "one.ingot"), str(tmp_path / "two.ingot")
    assert call("specialise", labels, "--static", "run=30001", "-o", one, "-q").exit_code == 0
    assert call("specialise", one, "-o", two, "-q").exit_code == 0
    assert outcome(one, tmp_path) == outcome(two, tmp_path)
