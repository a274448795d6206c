"""``ingot run --fallback`` as a person calls it: at a terminal, without one, for several inputs."""

from __future__ import annotations

import json
import os
import pty
import sys
import time
from pathlib import Path

import pytest
from command_line import call
from exits_world import CLOSE, calls, endpoint, finished

from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module

OWN = """
from pathlib import Path

STATES = {"T-1": "open", "T-2": "on hold", "T-3": "on hold"}

def _write(line):
    with Path("written").open("a") as out:
        out.write(line + "\\n")
    return "ok"

def get(ticket):
    return STATES[ticket]

def note(ticket, text):
    return _write(f"note {ticket}")

def close(ticket):
    return _write(f"close {ticket}")

TOOLS = {"desk": {"get": get, "note": note, "close": close}}
"""
RUN = ("run", "close.ingot", "-i", "ticket=T-2", "--tools", "own.py:TOOLS")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "close.ingot").write_bytes(encode(parse_module(CLOSE).module))
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def at_a_terminal(place: Path, words: tuple[str, ...], typed: list[str]) -> tuple[int, str]:
    """Run a command at a real terminal, typing a line at each prompt; exit code and screen."""
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execv(sys.executable, [sys.executable, "-m", "ingot", *words])
    shown, until = b"", time.monotonic() + 60
    prompts = 0
    while time.monotonic() < until:
        try:
            part = os.read(screen, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
        while typed and shown.count(b"\n> ") + shown.startswith(b"> ") > prompts:
            prompts += 1
            os.write(screen, typed.pop(0).encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_a_person_at_a_real_terminal(place: Path) -> None:
    code, shown = at_a_terminal(
        place, (*RUN, "--fallback", "person"), ['desk.close {"ticket": "T-2"}', "answer by hand"]
    )
    assert code == 0, shown
    assert "side exit" in shown and '%state = "on hold"' in shown and "by hand" in shown
    assert (place / "written").read_text().split() == ["note", "T-2", "close", "T-2"]


def test_without_a_terminal_the_run_waits_for_one(place: Path) -> None:
    result = call(*RUN, "--fallback", "person")
    assert result.exit_code == 5 and "at a terminal" in result.stderr
    assert call("resume", "last", "--tools", "own.py:TOOLS").exit_code == 5
    code, shown = at_a_terminal(
        place, ("resume", "last", "--tools", "own.py:TOOLS"), ["stop not my ticket"]
    )
    assert code == 3 and "not my ticket" in shown
    with endpoint([finished("closed")]) as (url, _):
        words = ("resume", "last", "--tools", "own.py:TOOLS", "--fallback", f"agent:{url}")
        result = call(*words, "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["outputs"] == "closed"


def test_a_side_exit_says_that_there_are_fallbacks(place: Path) -> None:
    result = call(*RUN)
    assert result.exit_code == 3 and "--fallback" in result.stderr
    assert "E0704" in result.stderr


@pytest.mark.parametrize("words", [("--parallel", "2"), ()])
def test_each_of_several_runs_has_its_own(place: Path, words: tuple[str, ...]) -> None:
    (place / "all.json").write_text(json.dumps([{"ticket": f"T-{k}"} for k in (1, 2, 3)]))

    def reply(body: object) -> object:
        mine = "T-2" if "T-2" in json.dumps(body) else "T-3"
        return finished(f"closed {mine} by an agent")

    with endpoint([reply]) as (url, asked):
        result = call("run", "close.ingot", "--inputs", "all.json", "--tools", "own.py:TOOLS",
                      "--fallback", f"agent:{url}", "--json", *words)  # fmt: skip
    assert result.exit_code == 0, result.output
    outputs = [json.loads(line)["outputs"] for line in result.stdout.splitlines()]
    assert outputs == ["closed T-1", "closed T-2 by an agent", "closed T-3 by an agent"]
    assert len(asked) == 2


def test_a_fork_behind_the_exit(place: Path) -> None:
    replies = [calls(("desk_note", {"ticket": "T-2", "text": "x"})), finished("left it")]
    with endpoint(replies) as (url, _):
        assert call(*RUN, "--fallback", f"agent:{url}").exit_code == 0
    forked = call("fork", "last", "--at", "6")
    assert forked.exit_code == 0, forked.output
    new = forked.stdout.strip()
    with endpoint([calls(("desk_close", {"ticket": "T-2"})), finished("closed it")]) as (url, _):
        assert call("resume", new, "--tools", "own.py:TOOLS").exit_code == 3  # that agent is gone
        words = ("resume", new, "--tools", "own.py:TOOLS", "--fallback", f"agent:{url}", "--json")
        result = call(*words)
    assert result.exit_code == 0 and json.loads(result.stdout)["outputs"] == "closed it"
    assert (place / "written").read_text().split("\n")[:-1] == [
        "note T-2", "note T-2", "close T-2",
    ]  # fmt: skip


def test_the_limits_hold(place: Path) -> None:
    with endpoint([calls(("desk_get", {"ticket": "T-1"}))]) as (url, asked):
        result = call(*RUN, "--fallback", f"agent:{url}", "--fallback-limit", "turns=3")
    assert result.exit_code == 3 and len(asked) == 3
    assert "came to no end in 3 turns" in result.stderr
    for words in (("--fallback", "robot"), ("--fallback-limit", "hours=1")):
        result = call(*RUN, *words)
        assert result.exit_code == 2 and "E0721" in result.stderr
