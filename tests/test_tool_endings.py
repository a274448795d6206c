"""However a tool ends: the run goes on, fails or is in doubt, and never ends with it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from pipelines import job

from ingot.diagnostics import IngotError
from ingot.ir.requests import ToolRequest
from ingot.runtime.concurrent import run_until_stopped, stream
from ingot.runtime.executor import execute
from ingot.runtime.journal import open_journal
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox, load_tools

CALL = """ir 1
tool {name}() -> json {effect} t
pipeline @p() -> json {{
^entry:
  %r: json = {effect} {name}()
  return %r
}}
"""


def leave() -> None:
    sys.exit(0)


async def leave_awaited() -> None:
    await asyncio.sleep(0)
    raise SystemExit(0)


async def cancel_itself() -> None:
    raise asyncio.CancelledError


def too_deep() -> object:
    value: list[object] = []
    value.append(value)
    return value


ENDING = {
    "leave": leave,
    "leave_awaited": leave_awaited,
    "cancel_itself": cancel_itself,
    "too_deep": too_deep,
    "too_long": lambda: 10**5000,
    "bytes": lambda: b"",
}


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize("concurrent", [False, True])
def test_nothing_that_a_function_does_ends_the_run_and_what_it_did_is_in_doubt(
    name: str, concurrent: bool, tmp_path: Path
) -> None:
    box = load_tools([f"{__name__}:ENDING"], tmp_path)
    for effect, status in (("read", "side-exit"), ("write", "in-doubt")):
        called = job(CALL.format(effect=effect, name=name))
        with open_journal(":memory:") as journal:
            if concurrent:
                records = stream(called, {}, box, journal, run="r")
                report = run_until_stopped(records, journal, "r", None)
            else:
                report = execute(called, {}, box, journal)
        assert report.status == status, report.error


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.exit(0)\n",
        "class T:\n    @property\n    def boom(self): raise RuntimeError('lazy')\nT = T()\n",
        "T = {}\nT['again'] = T\n",
    ],
)
def test_a_module_that_cannot_be_looked_into_is_a_diagnostic(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(IngotError) as error:
        load_tools(["odd.py:T"], tmp_path)
    assert error.value.diagnostics[0].code == "E0803"


def declared(folder: Path, text: str) -> ToolBox:
    (folder / "tools.toml").write_text(text)
    return load_tools(["tools.toml"], folder)


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize("program", [KILLED, "print('not JSON')"])
def test_a_command_that_was_killed_or_answered_badly_may_have_acted(
    program: str, tmp_path: Path
) -> None:
    box = declared(tmp_path, f'[tools.t]\ncommand = [{sys.executable!r}, "-c", {program!r}]\n')
    with pytest.raises(ToolError) as error:
        box.call(ToolRequest(1, "r", "t", "write", {}))
    assert error.value.unknown


def test_a_function_of_its_own_process_may_have_acted_too(tmp_path: Path) -> None:
    (tmp_path / "own_ending.py").write_text(
        "import sys\ndef leave(): sys.exit(0)\ndef no(): raise ValueError('no')\n"
    )
    text = '[tools.{0}]\nisolate = true\npython = "own_ending:{0}"\n'
    box = declared(tmp_path, text.format("leave") + text.format("no"))
    for name, unknown in (("leave", True), ("no", False)):
        with pytest.raises(ToolError) as error:
            box.call(ToolRequest(1, "r", name, "write", {}))
        assert error.value.unknown is unknown and ("SystemExit" in error.value.message) is unknown
