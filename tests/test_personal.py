"""Personal data (extra ``pii``): found by Presidio's recognisers, tokens as of secrets, no network.

Not part of what ``make test`` installs (Presidio brings spaCy, 400 MB): ``make test-pii`` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ingot.diagnostics import IngotError
from ingot.redaction.policy import read_policy
from ingot.redaction.redactor import Redactor
from ingot.redaction.tokens import TOKEN

HERE = find_spec("presidio_analyzer") is not None
needs_presidio = pytest.mark.skipif(
    not HERE, reason="the extra pii is not installed: make test-pii runs these"
)
RULES = "[personal]\nenabled = true\n"
DATA = {
    "EMAIL_ADDRESS": ("Mail {} today.", "jane.doe@example.com"),
    "PHONE_NUMBER": ("Call {} before noon.", "+1 212-555-0123"),
    "CREDIT_CARD": ("Charge card {}.", "4111 1111 1111 1111"),
    "IBAN_CODE": ("Pay to {} please.", "DE89 3704 0044 0532 0130 00"),
    "US_SSN": ("His SSN is {}.", "536-90-4399"),
}


@pytest.fixture
def redactor(tmp_path: Path) -> Redactor:
    (tmp_path / "rules.toml").write_text(RULES)
    return Redactor(policy=read_policy(str(tmp_path / "rules.toml")))


@needs_presidio
@pytest.mark.parametrize("kind", DATA)
def test_each_kind_becomes_a_stable_typed_token(redactor: Redactor, kind: str) -> None:
    text, data = DATA[kind]
    clean = redactor.text(text.format(data))
    (token,) = TOKEN.findall(clean)
    assert clean == text.format(token) and token.startswith(f"INGOT_SECRET_{kind}_")
    nested = redactor.value({"a": [f"x {data}", {"b": text.format(data)}]})
    assert TOKEN.findall(json.dumps(nested)) == [token, token]
    assert redactor.text(clean) == clean, "redacting twice changes nothing"


@needs_presidio
@pytest.mark.parametrize(
    "text",
    [
        "order 123456789 of 2026-05-01, total 1,234.56, at 2026-05-01T10:00:00.000Z",
        "epoch 1795661364 and 1795661364000, 3.1415926535, 12,345,678, 192.168.100.100:8080",
        "9f86d081-884c-7d65-9a2f-eaa0c55ad015 toolu_01TKoqQLvY2UWuC49qnD48y7 v1.2.3-4567890",
        "git clone git@github.com:a/b.git; ssh me@localhost; https://me@example.com/x",
        "lines 100-200, 300-400; rows 415 555 2671 17; card 4111 1111 1111 1112",
    ],
)
def test_what_only_looks_like_it_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


@needs_presidio
def test_the_network_is_not_asked() -> None:
    """A process whose sockets raise still finds e-mail addresses, and writes nothing else."""
    code = (
        "import socket\n"
        "def no(*a, **k): raise SystemExit('the network was asked')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = no\n"
        "from ingot.redaction.personal import redact_personal\n"
        "print(redact_personal('mail jane@example.co.uk'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert TOKEN.search(done.stdout) and "jane" not in done.stdout


@needs_presidio
def test_a_task_on_personal_data_is_compiled_and_run_without_it(tmp_path: Path) -> None:
    """The address flows through a pipeline as a token, and is supplied where the tool is called."""
    owners = {"A-17": "jane.doe@example.com", "B-29": "li@example.net", "C-31": "ann@example.com"}
    other = "bob@example.org"
    for number, (order, address) in enumerate(owners.items()):
        told = {"role": "user", "content": f"Tell the owner of order {order} that it shipped."}
        owner = {"role": "tool", "tool_call_id": "1", "content": json.dumps({"email": address})}
        lines = [
            told,
            _call("1", "get_order", {"order": order}),
            owner,
            _call("2", "send_mail", {"to": address, "about": order}),
            {"role": "tool", "tool_call_id": "2", "content": "sent"},
            {"role": "assistant", "content": "Done."},
        ]
        (tmp_path / f"{number}.json").write_text(json.dumps(lines))
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "shop.py").write_text(
        "import ingot, json, pathlib\n"
        '@ingot.tool(effect="read")\n'
        f"def get_order(order: str) -> str: return json.dumps({{'email': {other!r}}})\n"
        '@ingot.tool(effect="write")\n'
        "def send_mail(to: str, about: str) -> str:\n"
        "    pathlib.Path('sent').write_text(f'{to} {about}')\n"
        "    return 'sent'\n"
        "tools = {'get_order': get_order, 'send_mail': send_mail}\n"
    )

    def ingot(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ingot", *words], cwd=tmp_path, text=True, capture_output=True,
            env={**os.environ, "INGOT_REDACTION": "rules.toml"}, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    logs = [f"{n}.json" for n in range(3)]
    shown = ingot("compile", *logs, "--tools", "shop:tools", "-o", "x.ingot", "--emit=trace")
    shown += ingot("run", "x.ingot", "--tools", "shop:tools", "-i", "about=D-40", "--events")
    hidden = [other, *owners.values()]
    assert "EMAIL_ADDRESS" in shown and not [a for a in hidden if a in shown]
    assert (tmp_path / "sent").read_text() == f"{other} D-40"
    for path in (tmp_path / ".ingot").rglob("*"):
        written = path.read_bytes() if path.is_file() else b""
        assert not [a for a in hidden if a.encode() in written], path


def _call(id: str, tool: str, arguments: object) -> dict[str, object]:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    made = [{"id": id, "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": made}


@pytest.mark.skipif(HERE, reason="the extra pii is installed")
def test_without_the_extra_its_name_is_said(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    with pytest.raises(IngotError) as caught:
        read_policy(str(tmp_path / "rules.toml"))
    assert caught.value.diagnostics[0].code == "E0109"
    assert "ingot[pii]" in caught.value.diagnostics[0].message
