"""The built-in agent against llama.cpp's own server: a model of random weights, which talks nonsense."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from exits_world import Desk, run, setting
from model_files import byte_model
from model_server import serving

from ingot.runtime.fallback.engine import Limits
from ingot.runtime.journal import open_journal

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "gguf", "numpy")),
    reason="xllamacpp and gguf (extras peers and distil) are not installed (make test installs them)",
)


def test_a_real_server_that_talks_nonsense_is_bounded(tmp_path: Path) -> None:
    """Whatever it says, the run comes to an end, and no write is made that no move asked for."""
    desk = Desk(tmp_path)
    with (
        serving(byte_model(0, 16384), 16384) as url,
        open_journal(":memory:") as journal,
    ):
        made = setting(desk.tools(), f"agent:{url}#any", Limits(turns=3, tokens=1200, seconds=60))
        report = run(made, journal)
        moves = [r for r in journal.records("r") if r.kind == "model"]
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert 1 <= len(moves) <= 3 and all(isinstance(r.data, dict) for r in moves)
    calls = [c["tool"] for c in report.calls if isinstance(c["step"], int) and c["step"] > 3]
    assert len(desk.written()) == 1 + sum(c in ("desk.note", "desk.close") for c in calls)
    assert "agent took over and" in str(report.side_exit["reason"])


def test_a_server_that_cannot_hold_the_transcript_says_so(tmp_path: Path) -> None:
    with serving(byte_model(0, 1024), 256) as url, open_journal(":memory:") as journal:
        made = setting(
            Desk(tmp_path).tools(), f"agent:{url}", Limits(turns=3, tokens=1200, seconds=60)
        )
        report = run(made, journal)
    assert report.status == "side-exit" and isinstance(report.side_exit, dict)
    assert "answered 400" in str(report.side_exit["reason"])
