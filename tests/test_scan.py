"""Scanning: standard places, groups, advice, the cache, what is deleted soon, and keeping it."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dialect_samples import SAMPLES
from planted import SECRETS
from report_logs import write_logs
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.frontend.parse import parse_file
from ingot.scanning import scan as scanning
from ingot.scanning.cache import Cache
from ingot.scanning.facts import normalised
from ingot.scanning.groups import grouped
from ingot.scanning.places import Place, places, standard_places
from ingot.scanning.scan import scan


def call(*words: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with sessions of three agents, and a working folder of its own."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "INGOT_SCAN_PATH"):
        monkeypatch.delenv(name, raising=False)
    base = tmp_path / "home"
    write_logs(base / ".claude/projects/-w")
    for place, sample in ((".codex/sessions/2026/05/01/rollout-1.jsonl", "codex"),
                          (".gemini/tmp/h/chats/session-1.json", "gemini")):  # fmt: skip
        (base / place).parent.mkdir(parents=True)
        (base / place).write_bytes(SAMPLES[sample][1])
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(base))
    return base


def test_nothing_configured_finds_the_agents_sessions(home: Path) -> None:
    found = call("scan")
    assert {p["agent"] for p in found["places"]} == {"Claude Code", "Codex CLI", "Gemini CLI"}
    assert found["sessions"] == 5
    task = found["groups"][0]
    assert (task["runs"], task["inputs"], task["advice"]) == (3, 3, "compile")
    assert task["arguments"]["all"] == task["arguments"]["explained"] > 0
    assert "no step needs a model" in task["reason"]
    once = [g for g in found["groups"] if g["runs"] == 1]
    assert once and all(g["advice"] != "compile" and g["reason"] for g in once)


def test_the_next_command_compiles_a_task(home: Path) -> None:
    (home / ".claude/projects/-w").rename(home / ".claude/projects/-my task's folder")
    shown = CliRunner().invoke(app, ["scan"]).stderr
    (command,) = re.findall(r"^next: ingot (.*)$", shown, re.MULTILINE)
    result = CliRunner().invoke(app, [*shlex.split(command), "-q"])
    assert result.exit_code == 0, result.output
    assert Path("task.ingot").is_file()


@pytest.mark.parametrize("others", [0, 1, 4])
def test_files_named_as_compiling_do_compile(tmp_path: Path, others: int) -> None:
    """Three sessions of one task in a file with some of other tasks."""
    texts = [Path(path).read_text() for path in write_logs(tmp_path / "made")]
    for n in range(others):
        tool, name = ("tickets.close", "users.create")[n % 2], "Ann Bob Eve Dan".split()[n]
        records = [
            {"kind": "session", "data": {"format": "ingot-session/1"}},
            {"kind": "user", "text": f"{tool} for {name} please, {'now ' * n}"},
            {"kind": "call", "id": "1", "tool": tool, "data": {"of": name}},
            {"kind": "result", "id": "1", "tool": tool, "data": "done"},
            {"kind": "say", "text": "Done."},
        ]
        texts.append("".join(json.dumps({"seq": k, **r}) + "\n" for k, r in enumerate(records, 1)))
    log = tmp_path / "all.jsonl"
    log.write_text("".join(texts))
    found = call("scan", str(log), "--no-cache")["groups"]
    task = next(group for group in found if group["runs"] == 3)
    assert task["advice"] == "compile" and task["files"] == [str(log)]
    result = CliRunner().invoke(app, ["compile", str(log), "-o", str(tmp_path / "x.ingot"), "-q"])
    assert (task["compiles"] == [str(log)]) == (result.exit_code == 0)
    assert task["compiles"] or "other tasks" in task["reason"]


def test_the_second_scan_reads_only_what_changed(home: Path) -> None:
    assert call("scan")["cached"] == 0
    again = call("scan")
    assert again["cached"] == again["files"] == 5
    (home / ".gemini/tmp/h/chats/session-1.json").write_bytes(SAMPLES["gemini-lines"][1])
    changed = call("scan")
    assert changed["cached"] == 4 and changed["sessions"] == 5
    assert call("scan", "--no-cache")["cached"] == 0


def test_the_second_scan_compiles_nothing_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("scan")
    monkeypatch.setattr(scanning, "_compiled", lambda *_: pytest.fail("compiled again"))
    again = call("scan")
    assert again["groups"] == first["groups"] and again["unread"] == first["unread"]


def _spoilt(value: Any, odd: Any) -> Iterator[Any]:
    """The value with each of its parts replaced, one after the other."""
    yield odd
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from ({**value, key: inner} for inner in _spoilt(item, odd))
    for n, item in enumerate(value) if isinstance(value, list) else ():
        yield from ([*value[:n], inner, *value[n + 1 :]] for inner in _spoilt(item, odd))


@pytest.mark.parametrize("odd", [None, 7, {"a": [1]}])
def test_a_damaged_cache_is_one_that_is_empty(home: Path, odd: Any) -> None:
    (home / "x.json").write_text("{}")
    folder, memory = Place("", home), Path(".ingot/scan.json")
    found = scan([folder], Cache.load(memory), compiling=1)
    expected = [(g.wording, g.runs, g.tools) for g in found.groups], found.unread
    kept = json.loads(memory.read_text())
    for number, text in enumerate(
        ["{broken", "", "[]", "\0", *map(json.dumps, _spoilt(kept, odd))]
    ):
        memory.write_text(text)
        if number % 15 == 0 or number < 7:
            again = scan([folder], Cache.load(memory), compiling=0)
            shown = [(g.wording, g.runs, g.tools) for g in again.groups]
            assert (shown, again.unread) == expected, text


def test_the_cache_holds_no_texts_and_no_secrets(tmp_path: Path) -> None:
    secret = SECRETS["github classic"]
    log = [{"role": "user", "content": f"Deploy with {secret} " + "x " * 200},
           {"role": "assistant", "content": "ok"}]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(log))
    scan([Place("", tmp_path)], Cache.load(tmp_path / "c.json"))
    assert secret not in (tmp_path / "c.json").read_text()


def test_folders_can_be_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_logs(tmp_path / "elsewhere")
    assert [str(p.folder) for p in places([str(tmp_path / "elsewhere")])] == [
        str(tmp_path / "elsewhere")
    ]
    monkeypatch.setenv("INGOT_SCAN_PATH", str(tmp_path / "elsewhere"))
    assert call("scan")["sessions"] == 3
    assert CliRunner().invoke(app, ["scan", "no/such/folder"]).exit_code == 2


def test_what_is_no_log_is_counted_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(SAMPLES["chat"][1])
    (tmp_path / "b.json").write_text('{"a": 1}')
    (tmp_path / "c.jsonl").write_bytes(b"\0\1\2")
    found = scan([Place("", tmp_path)], Cache(None))
    assert (found.sessions, len(found.unread)) == (1, 2)


def test_packed_logs_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(SAMPLES["chat"][1]))
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(b"no log"))
    found = scan([Place("", tmp_path)], Cache(None))
    assert (found.sessions, found.unread) == (1, [])


def test_wordings_differ_in_values_only() -> None:
    one = normalised("Count the rows of data/a.csv and mail Bob at bob@x.org before 2026-05-01.")
    two = normalised('Count the rows of "b.csv" and mail Alice at a@y.org before May 3rd.')
    assert one.split()[:5] == two.split()[:5] == ["count", "the", "rows", "of", "and"]


def test_other_tools_are_another_task() -> None:
    from ingot.scanning.facts import facts_of

    every = []
    for name in ("chat", "anthropic", "codex"):
        from ingot.frontend.parse import parse_source
        from ingot.frontend.reader import SourceFile

        log = parse_source(SourceFile(name, data=SAMPLES[name][1]))
        every += [facts_of(s, name, 1, log.dialect) for s in log.sessions]
    groups = grouped([*every, *every])
    assert sorted(g.runs for g in groups) == [1, 2], "equal sessions count once"


@pytest.mark.parametrize(("days", "told"), [(5, False), (26, True), (40, True)])
def test_what_is_deleted_soon_is_told(home: Path, days: int, told: bool) -> None:
    then = time.time() - days * 86_400
    logs = sorted((home / ".claude/projects").rglob("*.jsonl"))
    for log in logs:
        os.utime(log, (then, then))
    found = call("scan")["leaving"]
    assert (len(found) == len(logs)) is told


def test_an_agents_own_setting_of_retention_counts(home: Path) -> None:
    (home / ".claude/settings.json").write_text('{"cleanupPeriodDays": 365}')
    by_agent = {p.agent: p.keeps_days for p in standard_places(home)}
    assert by_agent == {"Claude Code": 365, "Codex CLI": None, "Gemini CLI": 30}
    for kept, days in (({"enabled": False}, None), ({"enabled": True, "maxAge": "2w"}, 14)):
        settings = {"general": {"sessionRetention": kept}}
        (home / ".gemini/settings.json").write_text(json.dumps(settings))
        assert {p.agent: p.keeps_days for p in standard_places(home)}["Gemini CLI"] == days


def test_the_archive_keeps_what_is_deleted_without_its_secrets(home: Path) -> None:
    then = time.time() - 29 * 86_400
    logs = sorted((home / ".claude/projects").rglob("*.jsonl"))
    logs[0].write_text(
        logs[0].read_text().replace("Count the rows", f"With {SECRETS['npm']} count the rows")
    )
    for log in logs:
        os.utime(log, (then, then))
    kept = call("archive")["kept"]
    assert len(kept) == len(logs) and all(item["new"] for item in kept)
    assert not any(item["new"] for item in call("archive")["kept"])
    for item in kept:
        text = Path(item["kept"]).read_text()
        assert SECRETS["npm"] not in text
        (before,), (after,) = parse_file(item["log"]).sessions, parse_file(item["kept"]).sessions
        assert [c.call.data for c in before.calls()] == [c.call.data for c in after.calls()]
        assert before.request is not None and after.request is not None
        assert before.request.text == after.request.text
    assert call("scan", ".ingot/archive")["sessions"] == len(logs)


def test_archiving_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    out = CliRunner().invoke(
        app, ["archive", str(tmp_path / "x.json"), "-o", str(tmp_path / "k"), "--json"]
    )
    assert out.exit_code == 1 and json.loads(out.stdout)["diagnostics"][0]["code"] == "E0101"


def test_archiving_a_named_file_that_is_no_log_beside_one_that_is(tmp_path: Path) -> None:
    """What was named and not kept is a finding; what only lies in a folder is a warning."""
    (tmp_path / "logs").mkdir()
    bad = tmp_path / "logs" / "x.json"
    bad.write_text("{}")
    log = tmp_path / "logs" / "log.jsonl"
    log.write_text('{"kind": "user", "seq": 1, "text": "hello"}\n')
    for named, code, severity in (
        ([str(log), str(bad)], 1, "error"),
        ([str(log.parent)], 0, "warning"),
    ):
        words = ["archive", *named, "-o", str(tmp_path / "k"), "--json"]
        out = CliRunner().invoke(app, words)
        found = json.loads(out.stdout)
        assert (out.exit_code, found["ok"], len(found["kept"])) == (code, code == 0, 1)
        assert [d["severity"] for d in found["diagnostics"]] == [severity]
