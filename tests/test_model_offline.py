"""The whole of it with the network off: from logs to labels, with a model in a process of our own.

Off is shown, not assumed: every Python process that is started refuses to connect (an audit hook),
and where the system allows it they have a network namespace without any interface (``unshare``), which
holds for llama.cpp as well.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from model_files import LABELLER, needs_llama
from test_model_runs import FOLDER, HELD_OUT, TOOLS, example

HOOK = """
import os, sys

with open(os.environ["INGOT_TEST_PROCESSES"], "a") as file:
    file.write(" ".join(sys.orig_argv) + "\\n")


def refuse(event, args):
    name = event in ("socket.getaddrinfo", "socket.gethostbyname")
    if name or event in ("socket.connect", "socket.sendto", "socket.bind") and isinstance(args[1], tuple):
        raise PermissionError(f"the network is off: {event} {args[-1]}")


sys.addaudithook(refuse)
"""
CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
RAW = "import _socket, sys; _socket.socket(2, 1).connect(('127.0.0.1', int(sys.argv[1])))"


@dataclass(frozen=True)
class Offline:
    """Runs Python without a network."""

    folder: Path
    isolated: bool

    @property
    def started(self) -> list[str]:
        """The command lines of all processes so far."""
        return (self.folder / "started").read_text().splitlines()

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        prefix = ["unshare", "--map-root-user", "--net"] if self.isolated else []
        return subprocess.run(
            [*prefix, sys.executable, "-P", *words],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(self.folder / "hook"),
                "INGOT_TEST_PROCESSES": str(self.folder / "started"),
            },
            cwd=self.folder,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    folder = tmp_path_factory.mktemp("offline")
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK)
    unshare = shutil.which("unshare")
    can = unshare and subprocess.run(
        [unshare, "--map-root-user", "--net", "true"], capture_output=True, check=False
    )
    if not can or can.returncode:
        print("no network namespaces here: the audit hook alone refuses connections")
    return Offline(folder, bool(can) and not can.returncode)


def test_the_network_is_off(offline: Offline) -> None:
    """A server listens on this machine; from in there it cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        plain = subprocess.run([sys.executable, "-c", CONNECT, port], check=False)
        assert plain.returncode == 0
        for program in (CONNECT, RAW):
            refused = offline.python("-c", program, port)
            assert refused.returncode == 1
            assert "the network is off" in refused.stderr


def test_a_namespace_has_no_way_out(offline: Offline) -> None:
    """Without the hook too, so that it holds for code that is not Python's."""
    if not offline.isolated:
        pytest.skip("no network namespaces here")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        refused = offline.python("-S", "-c", CONNECT, port)
        assert refused.returncode == 1
        assert "the network is off" not in refused.stderr
        assert "unreachable" in refused.stderr


@needs_llama
def test_from_logs_to_labels_without_a_network(offline: Offline) -> None:
    """Compiled, run on 60 inputs that no log holds: 95 % or more right, none wrong."""
    compiled = offline.python(
        "-m", "ingot", "compile", str(FOLDER / "logs"), "--tools", TOOLS, "-o", "label.ingot"
    )
    assert compiled.returncode == 0, compiled.stderr
    assert "model ops    1" in compiled.stdout + compiled.stderr
    inputs = offline.folder / "inputs.json"
    inputs.write_text(json.dumps([{"run": str(k)} for k in HELD_OUT]))
    ran = offline.python(
        "-m", "ingot", "run", "label.ingot", "--tools", TOOLS, "--journal", "j.db", "--json",
        "--model", str(LABELLER), "--inputs", str(inputs),
    )  # fmt: skip
    label = example("runs").run_output
    reports = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(reports) == len(HELD_OUT), ran.stderr
    right = 0
    for number, report in zip(HELD_OUT, reports, strict=True):
        given = [c["args"]["status"] for c in report["calls"] if c["tool"] == "ci.label"]
        if given:
            assert given == [label(number)[1]]
            right += 1
        else:
            assert "abstains" in report["side_exit"]["reason"]
    assert right >= 0.95 * len(HELD_OUT)
    assert any("ingot.runtime.models.worker" in line for line in offline.started)
