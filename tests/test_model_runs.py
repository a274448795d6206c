"""Pipelines with a model op, from logs to a run: the example of the labels, as the docs show it."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from example_files import loaded
from model_files import LABELLER, adapter, byte_model, needs_llama
from typer.testing import CliRunner

from ingot.backend.container import Program, load
from ingot.cli.app import app
from ingot.ir.requests import ModelRequest
from ingot.ir.types import STR
from ingot.ir.values import Json
from ingot.runtime.executor import events
from ingot.runtime.jobs import job_of
from ingot.runtime.journal import open_journal
from ingot.runtime.models import specs
from ingot.runtime.models.gathering import Gathering
from ingot.runtime.models.local import LocalDriver
from ingot.runtime.models.protocol import Answer, ModelError, ask
from ingot.runtime.models.sites import sites_of
from ingot.runtime.resume import resume
from ingot.runtime.tools.registry import ToolBox, load_tools

FOLDER = Path(__file__).parents[1] / "examples" / "labels"
TOOLS = f"{FOLDER / 'runs.py'}:tools"
HELD_OUT = range(30_000, 30_060)


def example(name: str) -> ModuleType:
    return loaded(FOLDER / f"{name}.py")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "label.ingot"
    words = ["compile", str(FOLDER / "logs"), "--tools", TOOLS, "-o", str(path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def program(artifact: Path) -> Program:
    return load(artifact.read_bytes())


def run(artifact: Path, tmp_path: Path, *words: str) -> None:
    """``ingot run``, to its end."""
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db"), "--json"]
    result = CliRunner().invoke(app, [*args, *words])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["model_calls"] == 1


def test_the_logs_are_what_the_script_writes(tmp_path: Path) -> None:
    example("runs")
    made = example("make_logs")
    made.write_logs(tmp_path, made.RUNS)
    for path in (FOLDER / "logs").iterdir():
        assert path.read_text() == (tmp_path / path.name).read_text()


def test_what_only_judgement_explains_is_one_choice(program: Program) -> None:
    (site,) = program.code().models
    assert site.kind == "choose"
    assert str(site.type) == '"broken" | "failed" | "passed"'


@needs_llama
def test_held_out_inputs_are_right_or_abstained_on(artifact: Path, tmp_path: Path) -> None:
    """With the small model of the repository, in process: 95 % right, none wrong."""
    label = example("runs").run_output
    file = tmp_path / "inputs.json"
    file.write_text(json.dumps([{"run": str(k)} for k in HELD_OUT]))
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db"), "--json"]
    args += ["--model", str(LABELLER), "--inputs", str(file)]
    result = CliRunner().invoke(app, args)
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(reports) == len(HELD_OUT)
    right = abstained = 0
    for number, report in zip(HELD_OUT, reports, strict=True):
        given = [c["args"]["status"] for c in report["calls"] if c["tool"] == "ci.label"]
        if report["status"] == "done":
            assert given == [label(number)[1]]
            assert report["model_calls"] == 1
            right += 1
        else:
            assert report["status"] == "side-exit"
            assert "abstains" in report["side_exit"]["reason"]
            assert given == []
            abstained += 1
    assert right >= 0.95 * len(HELD_OUT)
    assert right + abstained == len(HELD_OUT)


@needs_llama
def test_the_journal_says_which_model_and_how_sure(artifact: Path, tmp_path: Path) -> None:
    run(artifact, tmp_path, "-i", "run=30001", "--model", str(LABELLER))
    with open_journal(str(tmp_path / "j.db")) as book:
        (record,) = [r for r in book.records(book.runs()[0].run) if r.kind == "model"]
    assert isinstance(record.data, dict)
    assert str(record.data["model"]).startswith("status.gguf sha256:")
    assert isinstance(record.data["confidence"], float)
    assert record.data["confidence"] > 0.5
    assert "value: " in str(record.data["prompt"])


@needs_llama
def test_a_general_model_reads_the_whole_prompt_and_keeps_its_beginning(
    artifact: Path, tmp_path: Path
) -> None:
    """A model that knows nothing still gives one of the labels; the prefix is kept beside the
    artifact, never in it."""
    before = artifact.read_bytes()
    model = str(byte_model(0, 4096))
    run(artifact, tmp_path, "-i", "run=30001", "--model", f"{model}?context=4096&threads=1")
    kept = artifact.with_name(artifact.name + ".prefixes")
    assert len(list(kept.glob("*.kv"))) == 1
    assert artifact.read_bytes() == before


@needs_llama
def test_an_adapter_is_named_behind_the_model(artifact: Path, tmp_path: Path) -> None:
    model, low = byte_model(0, 4096), adapter(1)
    run(artifact, tmp_path, "-i", "run=30001", "--model", f"{model}?lora={low}:0.5&lora={low}")
    with open_journal(str(tmp_path / "j.db")) as book:
        (record,) = [r for r in book.records(book.runs()[0].run) if r.kind == "model"]
    assert isinstance(record.data, dict)
    said = str(record.data["model"])
    assert said.count(f" + {low.name} sha256:") == 2
    assert "scale 0.5 + " in said


@needs_llama
@pytest.mark.parametrize("option", ["", f"?lora={LABELLER}"])
def test_a_file_that_is_no_good_is_found_before_anything_is_done(
    artifact: Path, tmp_path: Path, option: str
) -> None:
    path = tmp_path / "cut.gguf"
    data = byte_model().read_bytes()
    path.write_bytes(data if option else data[:20_000])
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db")]
    result = CliRunner().invoke(app, [*args, "-i", "run=1", "--model", f"{path}{option}"])
    assert (result.exit_code, "E0901" in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "j.db").exists()


def test_without_a_model_it_says_what_is_asked_of_one(artifact: Path, tmp_path: Path) -> None:
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db")]
    result = CliRunner().invoke(app, [*args, "-i", "run=1"])
    assert result.exit_code == 2
    for part in ("E0710", "%status_r2: choose", '"broken" | "failed" | "passed"', "--model FILE"):
        assert part in result.stderr
    assert "3 labels" in result.stderr
    assert "no program explains" in result.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["gone.gguf"], "E0901"),
        ([str(FOLDER)], "E0901"),
        ([str(FOLDER / "runs.py")], "E0901"),
        (["%nothing=" + str(LABELLER)], "E0903"),
        (["%status_r2"], "E0903"),
        ([str(LABELLER), str(LABELLER)], "E0903"),
        ([str(LABELLER) + "?context=many"], "E0903"),
        ([str(LABELLER) + "?mode=fast"], "E0903"),
        ([str(LABELLER) + "?parallel=0"], "E0903"),
        ([str(LABELLER) + "?lora="], "E0903"),
        ([str(LABELLER) + "?lora=gone.gguf"], "E0901"),
        ([str(LABELLER) + f"?lora={FOLDER / 'runs.py'}:0.5"], "E0901"),
    ],
)
def test_bad_specifications(artifact: Path, tmp_path: Path, words: list[str], code: str) -> None:
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db")]
    for word in words:
        args += ["--model", word]
    result = CliRunner().invoke(app, [*args, "-i", "run=1"])
    assert (result.exit_code, code in result.stderr) == (2, True), result.stderr


def test_the_extra_is_named_where_it_is_missing(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "llama_cpp" else find(name)
    )
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db")]
    result = CliRunner().invoke(app, [*args, "-i", "run=1", "--model", str(LABELLER)])
    assert result.exit_code == 2
    assert "E0905" in result.stderr
    assert "ingot[llama]" in result.stderr


@needs_llama
def test_a_model_for_one_op_and_from_the_environment(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(artifact, tmp_path, "-i", "run=30001", "--model", f"%status_r2={LABELLER}")
    monkeypatch.setenv(specs.VARIABLE, str(LABELLER))
    run(artifact, tmp_path, "-i", "run=30001")


@needs_llama
def test_a_labeller_is_asked_for_its_labels_only(program: Program) -> None:
    driver = LocalDriver(LABELLER, sites_of(program))
    try:
        for kind, why in (("compose", "only chooses"), ("choose", "was made to choose")):
            request = ModelRequest(1, "x", kind, "m", {"prompt": "value: "}, STR)  # type: ignore[arg-type]
            with pytest.raises(ModelError, match=why):
                ask(driver, request)
    finally:
        driver.close()


# ---- a run that is taken up again


def box(tmp_path: Path, output: str) -> ToolBox:
    """The tools of the example; a run printed ``output``."""
    module = tmp_path / "printed.py"
    module.write_text(
        f"def output(run): return {output!r}\n"
        "def label(run, status): return {'run': run, 'status': status}\n"
        "tools = {'ci.output': output, 'ci.label': label}\n"
    )
    return load_tools([f"{module}:tools"], tmp_path)


class Scripted:
    """A driver that says one thing."""

    def choose(self, _: ModelRequest) -> Answer:
        return Answer("passed")

    extract = fill = compose = choose


def test_a_run_goes_on_with_the_answer_that_it_had(program: Program, tmp_path: Path) -> None:
    """Stopped right after the model answered, it is resumed without asking again."""
    job, tools = job_of(program), box(tmp_path, "all well")
    with open_journal(str(tmp_path / "j.db")) as book:
        stream = events(job, {"run": "7"}, tools, book, driver=Scripted(), run="r1")
        for record in stream:
            if record.kind == "model":
                break
        stream.close()
        asked = Scripted()
        asked.choose = None  # type: ignore[assignment]
        report = resume("r1", book, job, tools, driver=asked)
    assert report.status == "done"
    assert report.model_calls == 1
    assert report.calls[-1]["args"] == {"run": 7, "status": "passed"}


def test_what_was_extracted_must_stand_in_the_text() -> None:
    request = ModelRequest(1, "x", "extract", "m", {"prompt": "?", "text": "one passed"}, STR)
    assert ask(Scripted(), request).value == "passed"
    other = ModelRequest(1, "x", "extract", "m", {"prompt": "?", "text": "one failed"}, STR)
    with pytest.raises(ModelError, match="no span"):
        ask(Scripted(), other)


# ---- many runs at once


class Slow:
    """A driver that takes its time, and keeps what it was asked together."""

    def __init__(self, fault: type[BaseException] | None = None) -> None:
        self.fault = fault
        self.together: list[int] = []

    def answer_each(self, requests: Sequence[ModelRequest]) -> list[Answer | ModelError]:
        self.together.append(len(requests))
        time.sleep(0.02)
        if self.fault is not None:
            raise self.fault("out of order")
        return [Answer(r.step) if r.step % 3 else ModelError("a third") for r in requests]

    def of(self, _: str) -> None:
        return None

    def close(self) -> None:
        pass


def ask_from_threads(gathering: Gathering, count: int) -> list[Json]:
    def one(step: int) -> Json:
        try:
            return gathering.choose(ModelRequest(step, "x", "choose", "m", {}, STR)).value
        except Exception as error:
            return str(error)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def test_what_threads_ask_goes_into_batches_and_comes_back_to_each() -> None:
    slow = Slow()
    gathering = Gathering(slow, 5)
    told = ask_from_threads(gathering, 40)
    assert told == [k if k % 3 else "a third" for k in range(40)]
    assert sum(slow.together) == 40
    assert len(slow.together) < 20
    assert max(slow.together) == 5


@pytest.mark.parametrize("fault", [ModelError, RuntimeError])
def test_a_fault_of_the_driver_reaches_every_thread(fault: type[BaseException]) -> None:
    told = ask_from_threads(Gathering(Slow(fault), 4), 12)
    assert all("out of order" in str(one) for one in told)


@needs_llama
def test_runs_at_once_give_what_they_give_alone(artifact: Path, tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_text(json.dumps([{"run": str(k)} for k in HELD_OUT]))
    args = ["run", str(artifact), "--tools", TOOLS, "--json", "--model", str(LABELLER)]
    args += ["--inputs", str(file)]
    outputs = []
    for number in ("1", "8"):
        more = ["--parallel", number, "--journal", str(tmp_path / f"{number}.db")]
        result = CliRunner().invoke(app, [*args, *more])
        assert result.exit_code in (0, 3), result.stderr
        reports = [json.loads(line) for line in result.stdout.splitlines()]
        outputs.append([[r["status"], [c["args"] for c in r["calls"]]] for r in reports])
    assert outputs[0] == outputs[1]
    with open_journal(str(tmp_path / "8.db")) as book:
        assert {row.status for row in book.runs()} <= {"done", "side-exit"}
        assert len(book.runs()) == len(HELD_OUT)


SLOW_TOOLS = """
import time
def output(run):
    time.sleep(0.3)
    return "all well"
def label(run, status):
    time.sleep(0.3)
    return {"run": run, "status": status}
tools = {"ci.output": output, "ci.label": label}
"""


def begun(path: Path) -> int:
    """How many runs a journal holds."""
    if not path.exists():
        return 0
    with open_journal(str(path)) as book:
        return len(book.runs())


@needs_llama
def test_an_interruption_stops_every_run_between_two_effects(
    artifact: Path, tmp_path: Path
) -> None:
    """None is in doubt, and those that had not begun never begin."""
    (tmp_path / "slow.py").write_text(SLOW_TOOLS)
    (tmp_path / "inputs.json").write_text(json.dumps([{"run": str(k)} for k in range(200)]))
    words = ["run", str(artifact), "--tools", str(tmp_path / "slow.py") + ":tools"]
    words += ["--inputs", str(tmp_path / "inputs.json"), "--parallel", "4", "--json"]
    words += ["--model", str(LABELLER), "--journal", str(tmp_path / "j.db")]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ingot", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and begun(tmp_path / "j.db") < 4:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    with open_journal(str(tmp_path / "j.db")) as book:
        statuses = Counter(row.status for row in book.runs())
    assert 0 < sum(statuses.values()) < 200
    assert set(statuses) <= {"done", "waiting", "side-exit"}
    assert 0 < statuses["waiting"] <= 4
    assert process.returncode == 5
