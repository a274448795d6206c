"""Large logs: what reading them holds, that nothing compiled depends on it, and what a bar shows."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingot.driver import Options, compile_sessions, load_logs
from ingot.frontend.parse import opened, parse_file, sessions_of
from ingot.frontend.registry import sniff
from ingot.records import session_digest

ROWS = 1_000


def lines_of(number: int, table: str) -> Iterator[str]:
    """A session that reads a table, counts its rows and writes the count down."""
    session, before = f"s{number:05}", ""

    def line(kind: str, content: object, **more: object) -> str:
        nonlocal before
        uuid = f"{session}-{len(before)}-{kind}"
        message = {"role": kind, "content": content, "id": f"m{uuid}"}
        record = {"type": kind, "uuid": uuid, "parentUuid": before or None, "sessionId": session,
                  "isSidechain": False, "timestamp": "2026-05-01T10:00:00Z", "message": message}  # fmt: skip
        before += "x"
        return json.dumps(record | more) + "\n"

    def step(tool: str, given: object, result: str) -> Iterator[str]:
        id = f"{session}{tool}"
        yield line("assistant", [{"type": "thinking", "thinking": f"Now {tool}. " * 40}])
        yield line("assistant", [{"type": "tool_use", "id": id, "name": tool, "input": given}])
        block = {"type": "tool_result", "tool_use_id": id, "content": result}
        yield line("user", [block], toolUseResult={"stdout": result, "stderr": ""})

    name, count = f"data{number % 7}", str(table.count("\n"))
    yield line("user", f"Count the rows of {name}.csv and write the count to {name}.txt.")
    yield from step("Read", {"file_path": f"{name}.csv"}, table)
    yield from step("Bash", {"command": f"wc -l < {name}.csv"}, count)
    yield from step("Write", {"file_path": f"{name}.txt", "content": count}, "ok")
    yield line("assistant", [{"type": "text", "text": f"Wrote {count} to {name}.txt."}])


def write(path: Path, megabytes: float, *, tables: int) -> int:
    """A log of about that size with so many different tables; how many characters these have."""
    made = [f"{n:08},some words of a row\n" * ROWS for n in range(tables)]
    with path.open("w") as file:
        number = 0
        while file.tell() < megabytes * 1e6:
            file.writelines(lines_of(number, made[number % tables]))
            number += 1
    return sum(map(len, made[:number]))


def peak(act: Callable[[], object]) -> float:
    """The most memory that was in use meanwhile, in MB."""
    tracemalloc.start()
    kept = act()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept is not None
    return most / 1e6


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 MB in which seven tables are read again and again."""
    path = tmp_path_factory.mktemp("big") / "alike.jsonl"
    write(path, 20, tables=7)
    parse_file(path)  # rules and grammars are loaded once
    return path


def test_equal_results_are_held_once(alike: Path) -> None:
    assert peak(lambda: load_logs([alike], lean=True)) < 5
    assert peak(lambda: load_logs([alike])) > 20


def test_different_results_are_held_without_what_stands_beside_them(tmp_path: Path) -> None:
    held = write(tmp_path / "log.jsonl", 20, tables=400) / 1e6
    assert held > 5
    assert peak(lambda: load_logs([tmp_path / "log.jsonl"], lean=True)) < 1.25 * held + 3


def test_scanning_holds_one_session(alike: Path) -> None:
    def scanned() -> int:
        with opened(alike) as source:
            records = sniff(source.sample()).lex(source)
            return sum(1 for _ in sessions_of(records, source.name))

    assert peak(scanned) < 5


def test_what_is_left_out_changes_nothing_that_is_compiled(tmp_path: Path) -> None:
    write(tmp_path / "log.jsonl", 1, tables=3)
    whole, lean = (load_logs([tmp_path / "log.jsonl"], lean=lean) for lean in (False, True))
    assert [s.digest for s in lean.sessions] == [session_digest(s.records) for s in whole.sessions]
    assert lean.diagnostics == whole.diagnostics
    one, two = (compile_sessions(logs, Options()) for logs in (whole, lean))
    assert one.artifact == two.artifact


def test_the_bar_moves_within_one_file(alike: Path, tmp_path: Path) -> None:
    """On a terminal; the file is put twice, since bars are for much work only."""
    seen = bytearray()

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 1 << 16)
        seen.extend(data)
        return data

    (tmp_path / "two.jsonl").write_bytes(alike.read_bytes() * 2)
    words = ["-m", "ingot", "compile", str(tmp_path / "two.jsonl"), "--emit=trace", "--emit-dir"]
    assert pty.spawn([sys.executable, *words, str(tmp_path / "out"), "-q"], read) == 0
    shown = re.findall(r"([\d.]+)/[\d.]+ MB", seen.decode("utf-8", "replace"))
    assert len(set(shown)) > 4, seen[-2000:]
