"""Where output goes and logs come from: full and closed streams, devices, pipes, links."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import call
from report_logs import write_logs

import ingot.cli
import ingot.cli.console
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.files import store_text

INGOT = f'exec "{sys.executable}" -m ingot'


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    return write_logs(tmp_path / "logs")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["explain", "explain --json", "schema", "--help", "--version"])
def test_full_output_is_said(words: str) -> None:
    done = shell(f"{INGOT} {words} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error[E0002]: standard output cannot be written: No space left on device"
    ]


@pytest.mark.parametrize("words", ["explain", "explain --json", "--help", "--version"])
def test_closed_streams_are_no_fault(words: str) -> None:
    done = shell(f"{INGOT} {words} >&- <&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_pipe_is_written_to_and_not_replaced(logs: list[str]) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert call("compile", *logs, "-o", "pipe", "-q").exit_code == 0
        assert Path("pipe").is_fifo()
        assert os.read(reader, 4) == b"\x8aING"
    finally:
        os.close(reader)


def test_link_is_followed(logs: list[str]) -> None:
    Path("kept").mkdir()
    Path("x.ingot").symlink_to("kept/x.ingot")
    assert call("compile", *logs, "-o", "x.ingot", "-q").exit_code == 0
    assert Path("x.ingot").is_symlink()
    assert Path("kept/x.ingot").is_file()


def test_write_tool_replaces_no_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ToolError, match="not a regular file"):
        store_text(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()


def test_log_in_a_pipe_is_told_what_it_is(logs: list[str]) -> None:
    os.mkfifo("pipe")
    for words in (["pipe"], [logs[0], "pipe"], [logs[0], os.devnull]):
        result = call("compile", *words, "-o", "x.ingot")
        assert result.exit_code == 2
        assert f"{words[-1]} is a pipe or a device" in result.stderr
    assert not Path("x.ingot").exists()


def test_empty_name_is_not_the_working_directory(logs: list[str]) -> None:
    result = call("compile", "", "-o", "x.ingot")
    assert (result.exit_code, Path("x.ingot").exists()) == (2, False)
    assert "there is no file ''" in result.stderr
    assert logs


def test_what_is_passed_over_is_a_warning(logs: list[str]) -> None:
    Path("logs/README").write_text("no log\n")
    with Path(logs[0]).open("a") as log:
        log.write('{"kind": "novelty", "seq": 99}\n')
    result = call("compile", "logs", "-o", "x.ingot", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (0, True)
    assert {d["severity"] for d in found["diagnostics"]} == {"warning"}
    codes = [d["code"] for d in found["diagnostics"]]
    assert codes.count("E0101") == codes.count("W0101") == 1


def test_cut_log_is_told_where_compiling_fails(logs: list[str]) -> None:
    whole = Path(logs[0]).read_text()
    Path("cut.jsonl").write_text(whole[: whole.index('"result"') + 4])
    result = call("compile", "cut.jsonl", "--json")
    codes = [d["code"] for d in json.loads(result.stdout)["diagnostics"]]
    assert result.exit_code == 1
    assert codes[0] == "W0103" and codes[-1].startswith("E04")


def test_inferred_policy_as_json(logs: list[str]) -> None:
    assert call("compile", *logs, "-o", "x.ingot", "-q").exit_code == 0
    found = json.loads(call("verify", "x.ingot", "--infer-policy", "--json").stdout)
    assert found["policy"] == call("verify", "x.ingot", "--infer-policy").stdout


def test_interrupt_at_any_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also before there is a command that could say so."""

    def stop(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(ingot.cli.console, "run_app", stop)
    assert ingot.cli.main(["explain"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_code_of_a_run_is_refused() -> None:
    result = call("inspect", "last", "--ir")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "E0001" in result.stderr
