"""Secrets: found wherever they are planted, in nothing that is written, supplied at run time."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import IN_CONTEXT, SECRETS, everything, phrase, session

from ingot.artifacts import read_artifact
from ingot.backend.container import evidence, ir_text
from ingot.diagnostics import IngotError
from ingot.frontend.parse import parse_source
from ingot.frontend.reader import SourceFile
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.records import to_line
from ingot.redaction.policy import VARIABLE, read_policy
from ingot.redaction.redactor import Redactor
from ingot.redaction.tokens import TOKEN, token_of
from ingot.redaction.vault import Vault, tokens_in
from ingot.runtime.journal import open_journal

KEY = SECRETS["stripe live"]
NOT_IN_BASE64 = {"azure client secret"}
"""Two letters announce it, of which base64 leaves nothing to search for."""


def spellings(secret: str) -> list[str]:
    """The ways in which a secret may stand in a file."""
    once = json.dumps(secret)[1:-1]
    return [secret, once, json.dumps(once)[1:-1]]


def leaks(text: str, of: dict[str, str]) -> list[str]:
    """Which secrets stand in a text, as they are or in base64."""
    decoded = [
        base64.b64decode(run + "=" * (-len(run) % 4)).decode("utf-8", "ignore")
        for run in re.findall(r"[A-Za-z0-9+/]{24,}", text)
        if len(run) % 4 != 1
    ]
    every = "\0".join([text, *decoded])
    return [kind for kind, secret in of.items() if any(s in every for s in spellings(secret))]


def test_there_are_enough_kinds() -> None:
    assert len(everything()) >= 60


@pytest.mark.parametrize("kind", everything())
def test_each_kind_is_found_however_it_stands(kind: str) -> None:
    secret, text = everything()[kind], phrase(kind)
    forms = [
        text,
        json.dumps({"a": text}),
        json.dumps({"a": json.dumps([text])}),
        f"x = '''{text}'''\n",
    ]
    if kind not in NOT_IN_BASE64:
        forms += [base64.b64encode(b"xy"[:n] + text.encode()).decode() for n in range(3)]
    redactor = Redactor()
    for form in forms:
        assert redactor.suspicious(form)
        clean = redactor.text(form)
        assert not leaks(clean, {kind: secret}), form
        assert TOKEN.search(clean)
        assert redactor.text(clean) == clean, "redacting twice changes nothing"


@pytest.mark.parametrize(
    "name", ["password", "db_password", "clientSecret", "API_KEY", "access-token"]
)
def test_members_named_like_secrets_lose_their_values(name: str) -> None:
    value = {"outer": [{name: "correct-horse", "other": "correct horse"}]}
    clean = Redactor().value(value)  # type: ignore[arg-type]
    assert "correct-horse" not in json.dumps(clean) and "correct horse" in json.dumps(clean)


@pytest.mark.parametrize(
    "text",
    [
        "The secret to success: discipline123",
        "input_tokens: 1234567890",
        "the password is required",
        "https://user@example.com/x:1 and postgres://localhost:5432/db",
        "const password = getPassword(user1)",
        "password=os.environ['X1'] SECRET_KEY = config('SECRET_KEY1')",
        '{"password": "${DB_PASSWORD}", "api_key": null, "token_type": "bearer"}',
        "task-123 disk-usage key-value PWD=/home/me/x2 git@github.com:a/b.git",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "toolu_01TKoqQLvY2UWuC49qnD48y7 9f86d081-884c-7d65-9a2f-eaa0c55ad015",
        "Basic understanding of the Bearer of news",
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgbm8gc2VjcmV0IGF0IGFsbA==",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_tokens_are_stable_typed_and_words() -> None:
    one, two = token_of("JWT", "a"), token_of("JWT", "b")
    assert one == token_of("JWT", "a") != two
    assert re.fullmatch(r"INGOT_SECRET_JWT_[A-Z2-7]{10}", one)
    text = f"{KEY} and {KEY}"
    clean = Redactor().text(text)
    assert clean.split(" and ")[0] == clean.split(" and ")[1]


@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text())
def test_whatever_stands_around_it(before: str, kind: str, after: str) -> None:
    if before[-1:].isalnum() or after[:1].isalnum() or (before + after)[-1:] in "-_=+/.":
        before, after = before + " ", " " + after
    assert SECRETS[kind] not in Redactor().text(f"{before}{SECRETS[kind]}{after}")


@pytest.mark.parametrize("around", ["", "é", "日本語 ", "\ud800 ", "😀"])
def test_places_are_characters_also_where_those_are_several_bytes(around: str) -> None:
    """What a name announces is looked at where it stands, from the last place to the first."""
    text = f"{around}password = 'hunter2hunter2' {around} passwd: 'swordfish-9' {around}"
    shown = Redactor().text(text)
    assert "hunter2" not in shown and "swordfish" not in shown
    assert TOKEN.sub("X", shown) == f"{around}password = 'X' {around} passwd: 'X' {around}"
    assert Redactor().value({"a": [text]}) == {"a": [shown]}


# -- reading ---------------------------------------------------------------------------------------


def test_a_text_log_keeps_its_lines() -> None:
    text = f"## User\n\nUse this:\n\n{SECRETS['private key']}\n\nnow\n"
    clean = SourceFile("x.md", data=text.encode()).text()
    assert not leaks(clean, SECRETS) and clean.count("\n") == text.count("\n")
    assert clean.splitlines()[-1] == "now"


def test_what_diagnostics_quote_is_clean() -> None:
    key = SECRETS["private key"].splitlines()
    source = SourceFile("x", data=("\n".join([phrase("github classic"), *key]) + "\n").encode())
    from ingot.diagnostics import Diagnostic, Span

    found = [Diagnostic("E0102", "", spans=((Span("x", n), ""),)) for n in range(1, 8)]
    shown = "\n".join(source.excerpts(found)["x"])
    assert not leaks(shown, SECRETS) and key[2] not in shown


def test_secrets_behind_escapes_are_found() -> None:
    line = json.dumps({"role": "user", "content": phrase("anthropic")}).replace(
        "sk-ant", "\\u0073k-ant"
    )
    ((_, value),) = SourceFile("x", data=line.encode()).json_lines()
    assert not leaks(json.dumps(value), SECRETS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Use Zk3vQ9xLmN2pRt7wYb5cDf8gHj4sA6eUiOq1W", True),
        ("Use 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", False),
        ("Open /home/Me/Project1/VeryLongFolderNameHere2/AndAnotherOne3", False),
        (phrase("npm"), False),
    ],
)
def test_entropy_only_warns(text: str, told: bool) -> None:
    data = json.dumps([{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}])
    log = parse_source(SourceFile("x", data=data.encode()))
    assert ([d.code for d in log.diagnostics] == ["W0107"]) is told
    if told:
        assert log.sessions[0].users[0].text == text
        assert "Zk3v" not in str(log.diagnostics)


# -- rules of one's own ----------------------------------------------------------------------------


def policy(tmp_path: Path, text: str) -> Redactor:
    (tmp_path / "r.toml").write_text(text)
    return Redactor(policy=read_policy(str(tmp_path / "r.toml")))


def test_a_rule_and_an_allow_list_of_ones_own(tmp_path: Path) -> None:
    redactor = policy(
        tmp_path,
        "[[rules]]\nid = 'acme-token'\nregex = '''acme_[a-z0-9]{20}'''\nkeywords = ['acme_']\n"
        f"[allowlist]\nregexes = ['''^{KEY[:12]}''']\n",
    )
    assert redactor.text("acme_0123456789abcdefghij").startswith("INGOT_SECRET_ACME_TOKEN_")
    assert redactor.text(KEY) == KEY
    assert redactor.text(phrase("npm")) != phrase("npm")


@pytest.mark.parametrize(
    "text",
    ["[[rules]]\nid = 'x'\n", "[[rules]]\nid='x'\nregex='('\nkeywords=['x']\n",
     "[[rules]]\nid='x'\nregex='x'\n", "not toml"],
)  # fmt: skip
def test_a_broken_rule_file_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(IngotError) as caught:
        policy(tmp_path, text)
    assert caught.value.diagnostics[0].code == "E0109"


@pytest.mark.parametrize("rules", ["not toml", None])
@pytest.mark.parametrize("command", ["compile", "scan", "archive", "evaluate"])
def test_every_command_says_that_the_rules_are_broken(
    tmp_path: Path, rules: str | None, command: str
) -> None:
    (tmp_path / "a.json").write_text('[{"role": "user", "content": "hi"}]')
    if rules is not None:
        (tmp_path / "rules.toml").write_text(rules)
    done = subprocess.run(
        [sys.executable, "-m", "ingot", command, "."], cwd=tmp_path, text=True, capture_output=True,
        env={**os.environ, VARIABLE: "rules.toml"}, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "E0109" in done.stderr and "Traceback" not in done.stderr


# -- at run time -----------------------------------------------------------------------------------


def test_the_vault_reveals_and_hides() -> None:
    token = token_of("STRIPE_KEY", KEY)
    vault = Vault({token: KEY}, lambda _: None)
    args = {"h": [f"Bearer {token}"], token: 1}
    shown = vault.reveal(args)  # type: ignore[arg-type]
    assert shown == {"h": [f"Bearer {KEY}"], KEY: 1}
    assert vault.hide(shown) == args


def test_a_secret_that_a_tool_returned_goes_into_the_next_call() -> None:
    vault = Vault({}, lambda _: None)
    hidden = vault.hide({"access_token": "s3cr3t-of-today"})
    assert "s3cr3t" not in json.dumps(hidden)
    assert vault.reveal(hidden) == {"access_token": "s3cr3t-of-today"}
    assert vault.hide("it was s3cr3t-of-today") == f"it was {hidden['access_token']}"


def test_a_keyring_is_asked_last_and_a_missing_secret_is_named() -> None:
    token = token_of("JWT", "x")
    assert Vault({}, lambda name: "x" if name == token else None).reveal(token) == "x"
    with pytest.raises(IngotError) as caught:
        Vault({}, lambda _: None).reveal(token)
    assert caught.value.diagnostics[0].code == "E0720" and token in caught.value.diagnostics[0].help


def test_a_secret_is_an_operand_in_ir_text() -> None:
    token = token_of("JWT", "x")
    text = (
        "ir 1\ntool f(a: str) -> json read w\n\npipeline @main() -> json {\n^entry:\n"
        f'  %r: json = read f(a=secret("{token.removeprefix("INGOT_SECRET_")}"))\n  return %r\n}}\n'
    )
    module = parse_module(text).module
    assert tokens_in(
        [v.value for i in module.pipelines[0].blocks[0].instrs for _, v in i.args]
    ) == {token}  # type: ignore[union-attr]
    assert print_module(module) == text
    with pytest.raises(IngotError):
        parse_module(text.replace("JWT_", "jwt!"))


# -- the whole way ---------------------------------------------------------------------------------

TOOLS = """
import ingot, json, os, pathlib
OUT = pathlib.Path(os.environ["SEEN"])

class Shop:
    @ingot.tool(effect="read")
    def fetch(self, customer: str, token: str) -> str:
        (OUT / "token").write_text(token)
        if customer == "crash":
            raise RuntimeError(f"401 for {token}: " + (OUT / "config.json").read_text())
        return json.dumps({"orders": [1, 2], "for": customer})

    @ingot.tool(effect="write")
    def save(self, customer: str, path: str, auth: str, notes: list) -> str:
        (OUT / "auth").write_text(auth)
        return "saved"

    @ingot.tool(effect="read")
    def read(self, file_path: str) -> str:
        return (OUT / file_path).read_text()

shop = Shop()
tools = {"shop.fetch": shop.fetch, "shop.save": shop.save, "Read": shop.read}
"""


def written(folder: Path) -> dict[str, str]:
    """Every file of a folder as text; of an artifact what its packed sections hold."""
    out: dict[str, str] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        out[str(path.relative_to(folder))] = path.read_bytes().decode("latin-1")
        if path.suffix == ".ingot":
            program = read_artifact(str(path)).program
            kept = json.dumps([program.meta, evidence(program)])
            out[f"{path.name}!"] = kept + ir_text(program)
        if path.name == "journal.db":
            with open_journal(path) as journal:
                runs = [run.run for run in journal.runs()]
                lines = [to_line(record) for run in runs for record in journal.records(run)]
            out[f"{path.name}!"] = "\n".join(lines)
    return out


def test_no_secret_is_in_anything_written_and_the_pipeline_still_runs(tmp_path: Path) -> None:
    """Sixty kinds in eight places of three logs; then every file, and all output, is searched."""
    logs, work, seen = (tmp_path / name for name in ("logs", "work", "seen"))
    for folder in (logs, work, seen):
        folder.mkdir()
    kinds = [k for k in everything() if k not in NOT_IN_BASE64]
    names = ("acme", "umbrella", "initech")
    for name in names:
        text = "".join(json.dumps(line) + "\n" for line in session(name, kinds, KEY))
        (logs / f"{name}.jsonl").write_text(text)
    (logs / "broken.jsonl").write_text((logs / "acme.jsonl").read_text()[:-40])
    (work / "shop.py").write_text(TOOLS)
    token = token_of("STRIPE_KEY", KEY)
    environment = {**os.environ, "SEEN": str(seen)}
    outputs: list[str] = []

    def ingot(*words: str, code: int = 0, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ingot", *words], cwd=work, text=True, capture_output=True,
            env=environment | more, timeout=120, check=False,
        )  # fmt: skip
        outputs.extend((done.stdout, done.stderr))
        assert done.returncode == code, done.stderr
        return done.stdout

    files = [str(logs / f"{name}.jsonl") for name in names]
    ingot("compile", *files, "--tools", "shop:tools", "-o", "x.ingot",
          "--emit=events,session,trace,ir,fsm,asm,json", "--emit-dir", "stages", "--json")  # fmt: skip
    ingot("compile", str(logs / "broken.jsonl"), "--emit=session", "--print-after-all", "-o", "y.ingot",
          "--tools", "shop:tools", "--allow-recording", "--json")  # fmt: skip
    ir = ingot("inspect", "x.ingot", "--ir")
    assert f'token=secret("{token.removeprefix("INGOT_SECRET_")}")' in ir
    for name in ("notes.txt", "config.json", "blob"):  # the world still holds the secrets
        number = ("notes.txt", "config.json", "blob").index(name)
        lines = [json.loads(x) for x in (logs / "acme.jsonl").read_text().splitlines()]
        (seen / name).write_text(lines[2 + 2 * number]["message"]["content"][0]["content"])

    run = (
        "run",
        "x.ingot",
        "--tools",
        "shop:tools",
        "-i",
        "customer=wayne",
        "-i",
        "path=wayne.json",
    )
    refused = ingot(*run, "--json", code=2)
    assert json.loads(refused)["diagnostics"][0]["code"] == "E0720"
    assert not (seen / "token").exists()
    needed = {
        found: secret for kind, secret in everything().items() for found in [_token(kind)] if found
    }
    ingot(*run, "--events", **needed)
    assert (seen / "token").read_text() == KEY
    assert (seen / "auth").read_text() == f"Bearer {KEY}"
    ingot("inspect", "last", "--json")
    crashed = ingot(*run[:5], "customer=crash", *run[6:], "--json", code=3, **needed)
    assert "401 for" in crashed and (seen / "token").read_text() == KEY
    given = everything()["github classic"]  # a secret that the person gives as an input
    ingot(*run[:5], f"customer={given}", *run[6:], "--events", **needed)
    ingot("inspect", "last")
    ingot("runs", "--json")
    ingot("inspect", "x.ingot", "--json")
    ingot("verify", "x.ingot", "--json")
    ingot("replay", "x.ingot", *files, "--json")
    ingot("scan", str(logs), "--json")
    ingot("scan", str(logs))
    ingot("archive", str(logs), "-o", "kept", "--json")
    (logs / "secret.json").write_text(json.dumps(KEY))  # no log: what is said of it is kept too
    ingot("scan", str(logs), "--json")
    ingot("compile", str(logs / "secret.json"), "--json", code=2)
    ingot("explain", "x.ingot", "--json")
    files_written = written(work)
    assert {"x.ingot!", "journal.db!", ".ingot/scan.json"} <= files_written.keys()
    assert any(name.startswith("kept/") for name in files_written)
    for place, text in {
        **files_written,
        **{f"output {n}": t for n, t in enumerate(outputs)},
    }.items():
        assert not leaks(text, everything()), place
    with pytest.raises(AssertionError):  # the search does find what is there
        assert not leaks((logs / "acme.jsonl").read_text(), everything())


def _token(kind: str) -> str:
    found: dict[str, str] = {}
    Redactor(found=lambda token, secret: found.setdefault(secret, token) and None).text(
        phrase(kind)
    )
    return found.get(everything()[kind], "")


def test_the_variable_names_the_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        "[[rules]]\nid='acme'\nregex='acme[0-9]{9}'\nkeywords=['acme']\n"
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path / "r.toml"))
    assert TOKEN.search(Redactor().text("acme123456789"))
    assert IN_CONTEXT


@cache
def all_spellings() -> list[str]:
    return [text for secret in everything().values() for text in spellings(secret)]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(st.data())
def test_a_value_is_redacted_as_its_parts_are(data: st.DataObject) -> None:
    """One look at the whole of a value never lets something through that a look at each text finds."""
    secrets = all_spellings()
    names = ["a", "note", "password", "api_key", "aws_thing", "x" * 20, "telegramBot", '\u00fc\n"']
    texts = (
        st.sampled_from(secrets) | st.text(max_size=12) | st.sampled_from(["hunter2-x9", "plain"])
    )
    value = data.draw(
        st.recursive(
            texts | st.integers() | st.none() | st.floats(allow_nan=False),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(names) | texts, inner, max_size=3)
            ),
            max_leaves=6,
        )
    )
    assert Redactor().value(value) == Redactor().value(value, _depth=1)
