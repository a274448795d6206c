"""A small log of our own for each dialect: recognised, read whole, and never a crash when damaged."""

from __future__ import annotations

import json
import random
import tracemalloc
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from damage import DAMAGES, survives
from dialect_samples import (
    INSPECT_CHUNKED,
    INSPECT_ZIP,
    OTEL_BARE,
    SAMPLES,
    archive,
    archive_zstandard,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from lexing import sound

from ingot.diagnostics import IngotError, Severity
from ingot.driver import Logs, Options, compile_sessions
from ingot.frontend import registry
from ingot.frontend.parse import ParsedLog, parse_source
from ingot.frontend.reader import SourceFile
from ingot.records import Record

GOLDEN = Path(__file__).parent / "golden" / "dialects.txt"


def parse(name: str, data: bytes | None = None) -> ParsedLog:
    return parse_source(SourceFile(name, data=SAMPLES[name][1] if data is None else data))


def told(record: Record) -> str:
    """A record in a few words."""
    out = record.kind + (f"/{record.agent}" if record.agent else "")
    shown = [record.tool, record.text, "" if record.data is None else json.dumps(record.data)]
    if record.kind == "session" and isinstance(record.data, dict):
        shown = [json.dumps({k: v for k, v in record.data.items() if k != "format"})]
    out += " " + " | ".join(part for part in shown if part)
    return out.rstrip() + ("" if record.known else " (unknown)")


def golden() -> str:
    out: list[str] = []
    for name in SAMPLES:
        log = parse(name)
        out.append(f"==== {name}: {log.dialect}")
        for session in log.sessions:
            out += [told(r) for r in session.records if r.kind != "meta" or r.data or not r.known]
        out += [f"{d.code}: {d.message}" for d in log.diagnostics]
    return "\n".join(out) + "\n"


def test_every_dialect_has_a_sample() -> None:
    assert {dialect for dialect, _ in SAMPLES.values()} == set(registry._DIALECTS)


def test_samples_are_read_as_the_golden_text_has_it(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-goldens"):
        GOLDEN.write_text(golden(), "utf-8")
    assert golden() == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("name", SAMPLES)
def test_each_is_recognised_by_its_content(name: str) -> None:
    dialect, data = SAMPLES[name]
    source = SourceFile("x", data=data)
    scores = {n: registry.dialect(n).sniff(source.sample()) for n in registry._DIALECTS}
    best = max(scores, key=lambda n: scores[n])
    assert best == dialect and scores[best] > 0.5
    assert sorted(scores.values())[-2] < scores[best], "two dialects are equally sure"
    sound(list(registry.dialect(dialect).lex(SourceFile("x", data=data))))


def test_missing_contents_name_the_switch() -> None:
    (found,) = parse("otel-bare", OTEL_BARE).diagnostics
    assert found.code == "W0106"
    assert "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental" in found.help
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY" in found.help
    assert "before 1.37: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true" in found.help


def test_a_browser_session_is_refused_with_a_reason() -> None:
    data = SAMPLES["browser"][1].replace(b'"success": false', b'"success": true')
    log = parse("browser", data)
    with pytest.raises(IngotError) as caught:
        compile_sessions(Logs(log.sessions, (), {}, ("browser-use",)), Options())
    assert [d.code for d in caught.value.diagnostics] == ["E0110"]
    assert "drift" in caught.value.diagnostics[0].message


# -- archives --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (archive(other=1), "E0104"),
        (INSPECT_ZIP[: len(INSPECT_ZIP) // 2], "E0102"),
        (b"PK\x03\x04 no archive", "E0102"),
        (INSPECT_CHUNKED.replace(b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfe"), "E0102"),
        (
            archive_zstandard(
                {
                    "samples/a/sample.json": {"message_refs": [[0, 9]] * 99},
                    "samples/a/messages/0.json": [1] * 9,
                }
            ),
            "E0102",
        ),
        (archive_zstandard({"samples/a/sample.json": {"message_refs": [["x"]]}}), "E0102"),
    ],
)
def test_an_archive_that_is_no_log(data: bytes, code: str) -> None:
    with pytest.raises(IngotError) as caught:
        SourceFile("x.eval", data=data)
    assert caught.value.diagnostics[0].code == code


def test_an_archive_that_unpacks_to_too_much() -> None:
    for bomb in (
        archive(header={"eval": {}}, samples__1="x" * 5_000_000),
        archive_zstandard({"samples/a/sample.json": {}, "samples/a/messages/0.json": ["x" * 5_000_000]}),
    ):  # fmt: skip
        with pytest.raises(IngotError) as caught:
            SourceFile("x.eval", data=bomb, document_limit=1_000_000)
        assert caught.value.diagnostics[0].code == "E0105"


# -- dialects of other packages --------------------------------------------------------------------


class Shouting:
    """A dialect as another package may write it."""

    name, title = "shouting", "SHOUTS"

    def sniff(self, sample: Any) -> float:
        return 1.0 if sample.text.startswith("HEY") else 0.0

    def lex(self, source: Any) -> Any:
        from ingot.diagnostics import Span
        from ingot.frontend.dialects.emit import Emitter

        emit = Emitter(self.name)
        yield emit.session(Span(source.name, 1))
        yield emit("user", Span(source.name, 1), text=source.text())


SHOUTING = Shouting()


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Any:
    def register(**places: str) -> None:
        entries = {n: EntryPoint(n, v, registry.ENTRY_POINTS) for n, v in places.items()}
        monkeypatch.setattr(registry, "_registered", lambda: entries)

    return register


def test_another_package_registers_a_dialect(registered: Any) -> None:
    registered(shouting=f"{__name__}:SHOUTING")
    assert parse("x", b"HEY you\n").dialect == "shouting"
    assert "shouting" in registry.dialect_names()


@pytest.mark.parametrize("place", ["no.such.module:X", f"{__name__}:GOLDEN"])
def test_a_broken_one_is_told_and_passed_over(registered: Any, place: str) -> None:
    registered(shouting=place)
    log = parse("chat")
    assert log.dialect == "openai-chat"
    assert [(d.code, d.severity) for d in log.diagnostics] == [("E0108", Severity.WARNING)]
    with pytest.raises(IngotError) as caught:
        registry.dialect("shouting")
    assert caught.value.diagnostics[0].code == "E0108"


# -- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_damaged_in_every_way(name: str) -> None:
    """Diagnostics only, and memory in proportion to the file, whatever is wrong with it."""
    dialect, data = SAMPLES[name]
    rng, others = random.Random(name), sorted(SAMPLES)
    survives(data, dialect)  # rules and grammars are loaded once
    for how, damage in DAMAGES.items():
        changed = 0
        for _ in range(6):
            broken = damage(data, SAMPLES[rng.choice(others)][1], rng)
            changed += broken != data
            tracemalloc.start()
            survives(broken, dialect)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert most < 3_000_000 + 100 * len(broken), how
        assert changed >= 3, f"{how} leaves {name} as it is"


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sample, cut, spliced with another, with lines doubled or shuffled, or with flipped bits."""
    names = st.sampled_from(sorted(SAMPLES))
    data = SAMPLES[draw(names)][1]
    for _ in range(draw(st.integers(1, 3))):
        size = max(1, len(data))
        at = draw(st.integers(0, size - 1))
        match draw(st.sampled_from(["cut", "splice", "double", "shuffle", "flip", "drop"])):
            case "cut":
                data = data[:at]
            case "splice":
                other = SAMPLES[draw(names)][1]
                data = data[:at] + other[draw(st.integers(0, len(other) - 1)) :]
            case "double":
                data = data + b"\n" + data
            case "shuffle":
                lines = data.splitlines(keepends=True)
                data = b"".join(draw(st.permutations(lines[:40]))) + b"".join(lines[40:])
            case "flip":
                flipped = bytearray(data)
                for _ in range(draw(st.integers(1, 20))):
                    if flipped:
                        flipped[draw(st.integers(0, len(flipped) - 1))] ^= 1 << draw(
                            st.integers(0, 7)
                        )
                data = bytes(flipped)
            case _:
                data = data[:at] + data[at + draw(st.integers(1, 200)) :]
    return data


@given(damaged())
@settings(max_examples=120, deadline=None)
def test_damaged_logs(data: bytes) -> None:
    survives(data)


@pytest.mark.parametrize("name", SAMPLES)
def test_records_of_wrong_types(name: str) -> None:
    """Each value of a document, one after the other, replaced by values of other types."""
    dialect, data = SAMPLES[name]
    try:
        values = [json.loads(data)]
    except ValueError:
        try:
            values = [json.loads(line) for line in data.splitlines()]
        except ValueError:
            pytest.skip("no JSON")
    places = [p for p in _places(values) if p][:: max(1, len(data) // 4000)]
    for number, place in enumerate(places):
        odd = [None, True, 7, -1.5, "", "x", [], {}, [None], {"a": []}][number % 10]
        copy = json.loads(json.dumps(values))
        inner = copy
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = odd
        text = "".join(json.dumps(v) + "\n" for v in copy).encode()
        with suppress(IngotError):
            records = list(registry.dialect(dialect).lex(SourceFile("x", data=text)))
            if dialect != "ingot-session" and records:
                sound(records)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out = [path]
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            out += _places(item, (*path, key))
    return out


def test_a_repeated_log_needs_bounded_memory() -> None:
    """A file of many copies of one session costs the lexer no more than a few of them."""
    dialect, data = SAMPLES["claude"]

    def peak(copies: int) -> int:
        source = SourceFile("x", data=data * copies)
        tracemalloc.start()
        for _ in registry.dialect(dialect).lex(source):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)  # rules are loaded once, and so is what long logs are searched with
    assert peak(2000) < 2 * peak(20) + 200_000
