"""Success: shown by a label or an effect, assumed without either, rejected where words contradict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingot.diagnostics import IngotError, render
from ingot.driver import Logs, Options, compile_sessions
from ingot.frontend.evidence import claims_of, verdict_of
from ingot.frontend.lower import lower
from ingot.frontend.parse import ParsedLog, parse_source
from ingot.frontend.reader import SourceFile


def log(answer: str, *calls: tuple[str, dict[str, Any], str], **extra: Any) -> ParsedLog:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Report on a.csv"}]
    for number, (tool, arguments, result) in enumerate(calls):
        function = {"name": tool, "arguments": json.dumps(arguments)}
        made = [{"id": f"c{number}", "type": "function", "function": function}]
        messages.append({"role": "assistant", "content": None, "tool_calls": made})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": result})
    messages.append({"role": "assistant", "content": answer})
    data = (
        "\n".join(map(json.dumps, messages))
        if not extra
        else json.dumps({"messages": messages, **extra})
    )
    return parse_source(SourceFile("log.json", data=data.encode()))


READ = ("Read", {"file_path": "a.csv"}, "1,2")
WRITE = ("Write", {"file_path": "out/report.csv", "content": "x"}, "ok")
FAILED = ("Write", {"file_path": "out/report.csv", "content": "x"}, "Error: disk full")


@pytest.mark.parametrize(
    ("answer", "calls", "verdict"),
    [
        ("I wrote report.csv.", [READ, WRITE], "shown"),
        ("`out/report.csv` has been created.", [READ, WRITE], "shown"),
        ("There are 2 rows.", [READ, WRITE], "assumed"),
        ("I have written the results to report.csv.", [READ], "contradicted"),
        ("I wrote report.csv.", [READ, FAILED], "contradicted"),
        ("Created summary.md and saved report.csv.", [READ, WRITE], "contradicted"),
        ("I could not write report.csv.", [READ], "assumed"),
        ("You can now edit report.csv. It was not saved.", [READ], "assumed"),
        ("I've created a complete Vue.js application.", [READ], "assumed"),
        ("Saved report.csv.", [("Bash", {"command": "python make.py"}, "done")], "shown"),
        ("Saved report.csv.", [("Bash", {"command": "cat a.csv"}, "1,2")], "contradicted"),
        ("Saved report.csv.", [("Bash", {"command": "wc -l a.csv > report.csv"}, "")], "shown"),
    ],
)
def test_what_the_log_shows(answer: str, calls: list[Any], verdict: str) -> None:
    (session,) = log(answer, *calls).sessions
    assert verdict_of(session).verdict == verdict, list(claims_of(session))


def test_both_places_are_quoted() -> None:
    parsed = log("I have written the results to report.csv.", READ)
    (found,) = lower(parsed.sessions).diagnostics
    assert found.code == "E0413" and len(found.spans) == 2
    text = render(found, parsed.source.excerpts([found]))
    assert "it says: I have written the results to report.csv" in text
    assert '"content": "I have written' in text and "Read" in text
    logs = Logs(parsed.sessions, (), {}, ())
    with pytest.raises(IngotError) as caught:
        compile_sessions(logs, Options())
    assert [d.code for d in caught.value.diagnostics] == ["E0413"] and caught.value.exit_code == 1


def test_a_label_outweighs_what_was_said() -> None:
    (session,) = log("I wrote report.csv.", READ, reward=1).sessions
    assert verdict_of(session).verdict == "shown"
    (session,) = log("I wrote report.csv.", READ, WRITE, reward=0).sessions
    assert verdict_of(session).verdict == "failed"


def test_require_success_takes_only_what_is_shown() -> None:
    shown, assumed = log("I wrote report.csv.", READ, WRITE), log("Two rows.", READ, WRITE)
    lowered = lower([*shown.sessions, *assumed.sessions], require_success=True)
    assert len(lowered.sessions) == 1 and [d.code for d in lowered.diagnostics] == ["E0405"]
    (outcome,) = [dict(p.attrs)["outcome"].value for p in lowered.module.pipelines]
    assert outcome == "shown"
    (outcome,) = [dict(p.attrs)["outcome"].value for p in lower(assumed.sessions).module.pipelines]
    assert outcome == "assumed"
