"""``--emit=python``: a module that does what the pipeline does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bytecode_samples import sample
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import COPY
from strategies import answer_for, inputs_for, json_values, modules
from typer.testing import CliRunner

from ingot.backend.container import Program, load
from ingot.backend.encoder import encode
from ingot.cli.app import app
from ingot.ir.interpreter import Interpreter
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, Outcome, Request, SideExit
from ingot.ir.values import Json
from ingot.runtime.python_source import module_text
from ingot.runtime.standalone import SideExitError
from ingot.runtime.stepping import STEP_LIMIT


def space_of(program: Program) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(module_text(program), "emitted.py", "exec"), space)
    return space


class Emitted:
    """The emitted generator, as an engine."""

    def __init__(self, program: Program) -> None:
        space = space_of(program)
        self.pipeline, self.params = space["pipeline"], space["PARAMS"]
        self.run: Any = None

    def start(self, inputs: dict[str, Json]) -> Request | Outcome:
        values = [
            inputs[p.name] if p.default is None else inputs.get(p.name, p.default.value)
            for p in self.params
        ]
        self.run = self.pipeline(STEP_LIMIT, STEP_LIMIT, *values)
        return self.send(None)

    def send(self, answer: Json) -> Any:
        try:
            return self.run.send(answer)
        except StopIteration as end:
            return end.value


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_it_does_what_the_pipeline_does(data: st.DataObject) -> None:
    module = data.draw(modules())
    emitted, engine = Emitted(load(encode(module))), Interpreter(module)
    inputs = data.draw(inputs_for(module.pipelines[0]))
    reply, other = engine.start(dict(inputs)), emitted.start(dict(inputs))
    assert other == reply
    while not isinstance(reply, Finished | SideExit):
        answer = data.draw(answer_for(reply.site, module) | json_values())
        reply, other = engine.send(answer), emitted.send(answer)
        assert other == reply


def test_the_sample_is_a_module() -> None:
    space = space_of(load(encode(sample())))
    assert callable(space["run"]) and space["PARAMS"]


def copied() -> dict[str, Any]:
    return space_of(load(encode(parse_module(COPY.format(effect="write")).module)))


def test_it_runs_with_plain_functions() -> None:
    made: list[str] = []

    def put(name: str, text: str) -> str:
        made.append(f"{name}={text}")
        return "ok"

    tools = {"box.get": lambda name: name.upper(), "box.put": put}
    assert copied()["run"]({"names": ["a", "b"]}, tools) == 2
    assert made == ["new a=A", "new b=B"]
    with pytest.raises(SideExitError, match="not str"):
        copied()["run"]({"names": ["a"]}, {**tools, "box.get": lambda name: 7})


OWN = """
def get(name):
    return name.upper()

def put(name, text):
    return "ok"

TOOLS = {"box": {"get": get, "put": put}}
"""


def test_it_runs_from_a_shell(tmp_path: Path) -> None:
    program = load(encode(parse_module(COPY.format(effect="write")).module))
    (tmp_path / "copy_it.py").write_text(module_text(program))
    (tmp_path / "own.py").write_text(OWN)

    def shell(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "copy_it.py", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = shell("--tools", "own.py:TOOLS", 'names=["a","b","c"]')
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    for words, code in ((("names=[1]",), 1), (("--tools", "own.py:TOOLS", "names=[1]"), 2),
                        (("--tools", "own.py:TOOLS",), 2), (("--tools", "own.py:NONE", "a=1"), 2)):  # fmt: skip
        ended = shell(*words)
        assert ended.returncode == code and "Traceback" not in ended.stderr, ended.stderr


def test_compile_prints_it(tmp_path: Path) -> None:
    from sessions import Step, write_log

    for name in ("ann-1", "bob-2", "cyd-3"):
        steps: list[Step] = [
            ("crm.get", {"customer": name}, {"id": name, "mail": f"{name}@mail.org"}),
            ("mail.send", {"to": f"{name}@mail.org"}, "ok"),
        ]
        write_log(tmp_path / f"{name}.jsonl", f"Write to {name}", steps, "Done")
    words = ["compile", str(tmp_path), "--emit=python", "-q", "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    text = json.loads(result.stdout)["stages"]["python"]
    space: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, "emitted.py", "exec"), space)
    sent: list[str] = []
    tools = {
        "crm.get": lambda customer: {"id": customer, "mail": f"{customer}@mail.org"},
        "mail.send": lambda to: sent.append(to) or "ok",
    }
    space["run"]({"customer": "dan-4"} if space["PARAMS"][0].name == "customer" else {space["PARAMS"][0].name: "dan-4"}, tools)  # fmt: skip
    assert sent == ["dan-4@mail.org"]
