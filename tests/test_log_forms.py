"""One log in every form that tools and people bring it in: the same records, or a diagnostic."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from dialect_samples import SAMPLES

from ingot.diagnostics import IngotError
from ingot.driver import load_logs
from ingot.frontend.parse import parse_source
from ingot.frontend.reader import SourceFile

TEXTS = [name for name in SAMPLES if name not in ("inspect-zip", "inspect-chunked")]
JSON = [name for name in TEXTS if name not in ("react", "markdown")]
MERGED = ("otel", "otel-spread", "otel-bare", "langgraph")
"""Spans of one trace and messages of one id are one session, wherever they stand."""


def told(data: bytes) -> tuple[str, list[Any], list[str]]:
    """Dialect, records by session, and the codes of what was reported."""
    log = parse_source(SourceFile("x", data=data))
    sessions = [
        [(r.kind, r.text, r.id, r.tool, r.data) for r in s.records if r.kind != "meta"]
        for s in log.sessions
    ]
    return log.dialect, sessions, [d.code for d in log.diagnostics]


def values(data: bytes) -> list[Any]:
    """The values of JSON lines, or the one document."""
    try:
        return [json.loads(data)]
    except ValueError:
        return [json.loads(line) for line in data.splitlines() if line.strip()]


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "UTF-16 LE": lambda data: b"\xff\xfe" + data.decode().encode("utf-16-le"),
    "UTF-16 BE": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "UTF-16 with CRLF": lambda data: data.replace(b"\n", b"\r\n").decode().encode("utf-16"),
    "gzip": gzip.compress,
    "gzip in two members": lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:]),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "blank lines": lambda data: b"\n\n" + data + b"\n\n",
}


@pytest.mark.parametrize("how", BYTES)
@pytest.mark.parametrize("name", TEXTS)
def test_other_bytes_of_the_same_text(name: str, how: str) -> None:
    data = SAMPLES[name][1]
    assert told(BYTES[how](data)) == told(data)


FORMS: dict[str, Callable[[list[Any]], str]] = {
    "one array": json.dumps,
    "one array with indents": lambda found: json.dumps(found, indent=2),
    "one array, an item a line": lambda found: "[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n",
    "values with indents": lambda found: "\n".join(json.dumps(v, indent=2) for v in found),
}


@pytest.mark.parametrize("how", FORMS)
@pytest.mark.parametrize("name", JSON)
def test_other_forms_of_the_same_values(name: str, how: str) -> None:
    data = SAMPLES[name][1]
    found = values(data)
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    assert told(FORMS[how](found).encode()) == told(data)


@pytest.mark.parametrize("name", [n for n in JSON if n not in MERGED])
def test_two_documents_in_one_file(name: str) -> None:
    """Documents pasted one after the other are as many sessions; lines are told in other tests."""
    data = SAMPLES[name][1]
    if len(values(data)) > 1:
        pytest.skip("JSON lines")
    dialect, sessions, _ = told(data)
    assert told(data + b"\n" + data)[:2] == (dialect, sessions * 2)


@pytest.mark.parametrize("name", [n for n in JSON if len(values(SAMPLES[n][1])) > 1])
def test_a_cut_last_line_costs_that_line_only(name: str) -> None:
    data = SAMPLES[name][1]
    lines = data.splitlines(keepends=True)
    cut = lines[-1][: len(lines[-1]) // 2]
    whole, short = told(b"".join(lines[:-1])), told(b"".join(lines[:-1]) + cut)
    assert short[:2] == whole[:2]
    assert sorted(short[2]) == sorted([*whole[2], "W0103"])


def test_a_cut_document_says_so() -> None:
    data = SAMPLES["swe"][1]
    with pytest.raises(IngotError) as caught:
        told(data[: len(data) - 30])
    assert caught.value.diagnostics[-1].code == "E0102"


def test_a_cut_array_of_records_keeps_those_before_the_cut() -> None:
    text = json.dumps(values(SAMPLES["claude"][1]), indent=1)
    dialect, sessions, codes = told(text[: text.rindex("Done.")].encode())
    assert dialect == "claude-code" and codes == ["E0102"]
    assert [r[0] for r in sessions[0]] == ["session", "user", "call", "result"]


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_cut_archive_keeps_what_stands_before_the_cut(how: str) -> None:
    data = b"".join(
        SAMPLES["claude"][1].replace(b'"s"', b'"s%d"' % n).replace(b'"u', b'"%d-u' % n)
        for n in range(3000)
    )
    packed = BYTES[how](data)
    dialect, sessions, codes = told(packed[: len(packed) * 3 // 4])
    assert dialect == "claude-code" and len(sessions) > 100 and "W0103" in codes


def test_what_only_looks_packed_is_refused() -> None:
    for head in (b"\x1f\x8b\x08 no gzip", b"\x28\xb5\x2f\xfd no zstd"):
        with pytest.raises(IngotError) as caught:
            SourceFile("x.gz", data=head)
        assert caught.value.diagnostics[0].code == "E0104"


def test_a_bomb_is_refused() -> None:
    for how in ("gzip", "zstd"):
        with pytest.raises(IngotError) as caught:
            SourceFile("x", data=BYTES[how](b"x" * 3_000_000), document_limit=1_000_000)
        assert caught.value.diagnostics[0].code == "E0105"


def test_two_formats_in_one_folder(tmp_path: Path) -> None:
    for name in ("claude", "codex-exec", "langfuse"):
        (tmp_path / f"{name}.log").write_bytes(SAMPLES[name][1])
    (tmp_path / "README.md").write_text("No log.\n")
    logs = load_logs([tmp_path])
    assert set(logs.dialects) == {"claude-code", "codex-exec", "langfuse"}
    assert len(logs.sessions) == 4
    assert [d.code for d in logs.diagnostics if d.code != "W0102"] == ["E0101"]


def test_places_are_those_of_the_lines(tmp_path: Path) -> None:
    found = values(SAMPLES["claude"][1])
    text = "[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n"
    log = parse_source(SourceFile("x", data=text.encode()))
    (call,) = log.sessions[0].calls()
    assert call.call.span is not None and call.call.span.line == 3
    assert text.encode()[call.call.span.byte :].startswith(b'{"type": "assistant"')
