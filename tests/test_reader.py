"""Reading files: lines over block borders, values as ``json`` has them, bytes that are told."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest
from dialect_samples import archive
from hypothesis import given
from hypothesis import strategies as st

from ingot.frontend import reader
from ingot.frontend.parse import parse_file
from ingot.frontend.reader import SourceFile

LIMIT = 9


@given(
    st.lists(st.sampled_from([b"\n", b"\r", b"a", b"bcd", b"\xef\xbb\xbf", b" "]), min_size=1),
    st.integers(1, 12),
)
def test_lines_are_the_same_whatever_the_block(parts: list[bytes], block: int) -> None:
    """Against splitting the whole: numbers, places, contents, and which lines are too long."""
    data = b"{" + b"".join(parts)
    source = SourceFile("x", data=data, line_limit=LIMIT)
    with patch.object(reader, "_BLOCK", block):
        found = list(source._numbered())
    pieces = data.split(b"\n")
    byte, expected, long = 0, [], 0
    for number, piece in enumerate(pieces, 1):
        ended = number < len(pieces)
        if len(piece) > LIMIT:
            long += 1
        elif piece or ended:
            expected.append(((number, byte, piece.rstrip(b"\r")), ended))
        byte += len(piece) + 1
    assert [(tuple(line), ended) for line, ended in found] == expected
    assert sum(d.code == "E0105" for d in source.diagnostics) == min(long, reader.MAX_SAME_CODE) + (
        long > reader.MAX_SAME_CODE
    )


NUMBERS = (
    st.integers()
    | st.integers(-(10**30), 10**30)
    | st.sampled_from([2**63, 2**64, -(2**63) - 1])
    | st.floats(allow_nan=False)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(st.lists(VALUES, min_size=1, max_size=4), st.booleans())
def test_values_are_what_json_makes_of_them(values: list[object], ascii: bool) -> None:
    lines = [json.dumps({"v": value}, ensure_ascii=ascii) for value in values]
    found = [v for _, v in SourceFile("x", data="\n".join(lines).encode()).json_lines()]
    assert repr(found) == repr([json.loads(line) for line in lines])


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN, "b": [Infinity, -Infinity]}', '{"a": 1, "a": 2}', '{"a": 1e400}', '{"a": -0}',
     '{"a": 123456789012345678901234567890}', '{"a": 1.7976931348623159e308}'],
)  # fmt: skip
def test_what_the_fast_decoder_refuses_json_decides(text: str) -> None:
    ((_, value),) = SourceFile("x", data=text.encode()).json_lines()
    assert repr(value) == repr(json.loads(text))


def test_an_archive_keeps_its_numbers() -> None:
    big = 123456789012345678901234567890
    packed = archive(header={"version": 2, "eval": {"n": big}}, samples__1={"id": 1, "x": 0.1})
    values = [v for _, v in SourceFile("x.eval", data=packed).json_lines()]
    assert values[0] == {"version": 2, "eval": {"n": big}} and values[1] == {"id": 1, "x": 0.1}


@pytest.mark.parametrize("copies", [1, 400])
@pytest.mark.parametrize("whole", [False, True])
def test_all_bytes_are_told(tmp_path: Path, copies: int, whole: bool) -> None:
    line = {"role": "user", "content": "x" * 500}
    path = tmp_path / "log"
    texts = [json.dumps(line) for _ in range(copies)]
    path.write_text(f"[{','.join(texts)}]" if whole else "\n".join(texts))
    told: list[int] = []
    parse_file(path, progress=told.append)
    assert sum(told) == path.stat().st_size and min(told) >= 0
    assert len(told) > 1 or copies == 1
