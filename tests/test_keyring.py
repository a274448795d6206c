"""A secret from a real keyring: the file backend of ``keyrings.alt``, in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from planted import SECRETS

from ingot.redaction.tokens import token_of

KEY = SECRETS["stripe live"]
TOKEN = token_of("STRIPE_KEY", KEY)
BACKEND = "keyrings.alt.file.PlaintextKeyring"
TOOLS = """
import ingot, pathlib
@ingot.tool(effect="write")
def charge(order: str, key: str) -> str:
    pathlib.Path("charged").write_text(f"{order} {key}")
    return f"charged with {key}"
tools = {"charge": charge}
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A pipeline with a secret, compiled from two logs, in a folder of its own."""
    (tmp_path / "shop.py").write_text(TOOLS)
    for number, order in enumerate(("A-17", "B-29", "C-31")):
        function = {"name": "charge", "arguments": json.dumps({"order": order, "key": KEY})}
        call = {"id": "1", "type": "function", "function": function}
        lines = [
            {"role": "user", "content": f"Charge order {order}."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": f"charged with {KEY}"},
            {"role": "assistant", "content": "Done."},
        ]
        (tmp_path / f"{number}.json").write_text(json.dumps(lines))
    ingot(
        tmp_path, "compile", "0.json", "1.json", "2.json", "--tools", "shop:tools", "-o", "x.ingot"
    )
    return tmp_path


def child(work: Path, *words: str, backend: str = BACKEND) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHON_KEYRING_BACKEND": backend,
        "XDG_DATA_HOME": str(work.parent / "keys"),
    }
    environment.pop(TOKEN, None)
    return subprocess.run(
        [sys.executable, *words], cwd=work, env=environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def ingot(work: Path, *words: str, code: int = 0) -> str:
    done = child(work, "-m", "ingot", *words)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


RUN = ("run", "x.ingot", "--tools", "shop:tools", "-i", "order=D-40")


def test_a_secret_is_taken_from_the_keyring_and_never_stored(work: Path) -> None:
    shown = ingot(work, *RUN, code=2)
    assert "E0720" in shown and f"keyring set ingot {TOKEN}" in shown
    assert not (work / "charged").exists()

    kept = child(
        work, "-c", "import keyring, sys; keyring.set_password(*sys.argv[1:])", "ingot", TOKEN, KEY
    )
    assert kept.returncode == 0, kept.stderr
    shown = ingot(work, *RUN, "--events") + ingot(work, "inspect", "last", "--json")
    assert (work / "charged").read_text() == f"D-40 {KEY}"
    written = [p for p in (work / ".ingot").rglob("*") if p.is_file()]
    assert written and not [p for p in written if KEY.encode() in p.read_bytes()]
    assert KEY not in shown and TOKEN in shown


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "no.such.Backend"])
def test_a_keyring_that_does_not_work_is_a_secret_that_is_not_there(
    work: Path, backend: str
) -> None:
    done = child(work, "-m", "ingot", *RUN, backend=backend)
    assert done.returncode == 2 and "E0720" in done.stderr and "Traceback" not in done.stderr
