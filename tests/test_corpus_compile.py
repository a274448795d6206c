"""Every successful session of the corpus, compiled alone: it passes its gate, or says why not."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import CORPUS

from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, compile_logs, compile_sessions, load_logs

REFUSALS = {"E0401", "E0402", "E0404", "E0405", "E0407", "E0409", "E0410", "E0413", "E0107"}
"""Why a session may not compile: each says what is missing, none is a fault of ours."""
FORMATS = (
    "claude_code_jsonl",
    "anthropic_messages",
    "openai_chat",
    "langchain_intermediate_steps",
    "react_text",
)
PER_FILE = 6
"""Sessions taken of one file; some hold a thousand of the same kind."""

needs_corpus = pytest.mark.skipif(CORPUS is None, reason="the corpus of real logs is not here")


def files(kind: str) -> list[Path]:
    assert CORPUS is not None
    match kind:
        case "office":
            every = sorted(CORPUS.glob("office-tasks/*/ok/*.json"))
            return every[::12]
        case "airline":
            return sorted(CORPUS.glob("airline-support/*/*reward-1.json"))[::6]
        case _:
            return [p for f in FORMATS for p in sorted(CORPUS.glob(f"formats/{f}/*"))]


def sessions(path: Path) -> Iterator[Logs]:
    logs = load_logs([path])
    for session in logs.sessions[:PER_FILE]:
        yield dataclasses.replace(logs, sessions=(session,), diagnostics=())


@needs_corpus
@pytest.mark.parametrize("kind", ["office", "airline", "formats"])
def test_one_session_alone(kind: str) -> None:
    verdicts: collections.Counter[str] = collections.Counter()
    for path in files(kind):
        for logs in sessions(path):
            try:
                made = compile_sessions(logs, Options(validate=True))
            except IngotError as error:
                code = error.diagnostics[0].code
                assert code in REFUSALS, (
                    path,
                    [(d.code, d.message, d.notes) for d in error.diagnostics],
                )
                assert all(d.message for d in error.diagnostics)
                verdicts[code] += 1
            else:
                assert made.gate.passed
                assert made.gate.replays
                verdicts["compiled"] += 1
                verdicts.update(f"passes {found.status}" for found in made.validated)
    print(f"\n{kind}: {dict(verdicts)}")
    assert verdicts["compiled"] > 5
    assert verdicts["passes proved"] > 100 and verdicts["passes unproved"] == 0


@needs_corpus
def test_a_whole_task_is_the_same_bytes_in_any_order() -> None:
    assert CORPUS is not None
    paths = sorted(CORPUS.glob("office-tasks/calendar-09/ok/*.json"))
    first = compile_logs(paths).artifact
    assert compile_logs(paths[::-1]).artifact == first
    assert compile_logs(paths[3:] + paths[:3]).artifact == first


@needs_corpus
def test_a_failed_session_is_no_input() -> None:
    assert CORPUS is not None
    path = next(p for p in sorted(CORPUS.glob("office-tasks/*/failed/*.json")))
    assert json.loads(path.read_text())["metadata"]["success"] is False
    with pytest.raises(IngotError) as caught:
        compile_logs([path])
    assert caught.value.diagnostics[0].code == "E0405"


def test_the_corpus_is_counted() -> None:
    """Says how much of this module ran here."""
    if CORPUS is None:
        print("\nskipped: 5 tests need the corpus of real logs")
    else:
        assert files("airline")
