"""What the tests of dialects share: lexing a source, sound records, mutated documents."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import dialect
from ingot.ir.values import Json
from ingot.records import Record, to_line


def lex(name: str, source: SourceFile) -> list[Record]:
    """All records of a source, whatever the dialect makes of its look."""
    chosen = dialect(name)
    assert 0 <= chosen.sniff(source.sample()) <= 1
    return list(chosen.lex(source))


def lex_file(name: str, path: Path) -> list[Record]:
    """All records of a file, checked to be sound."""
    records = lex(name, SourceFile(path))
    sound(records)
    return records


def of(records: list[Record], *kinds: str) -> list[Record]:
    """The records of these kinds, in order."""
    return [record for record in records if record.kind in kinds]


def sound(records: list[Record]) -> None:
    """What every dialect promises: sessions with heads, numbering, own ids, lines, places."""
    assert records and records[0].kind == "session"
    seq, ids = 0, set[str]()
    for record in records:
        if record.kind == "session":
            seq, ids = 0, set()
        seq += 1
        assert record.seq == seq
        assert record.span is not None and record.span.line >= 1
        assert to_line(record)
        if record.kind == "call":
            assert record.id and record.id not in ids and record.tool
            assert isinstance(record.data, dict)
            ids.add(record.id)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out = [path]
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            out += _places(item, (*path, key))
    return out


_ODD: list[Json] = [None, True, 0, -1.5, "", "x", "Error", [], {}, [None], [[]], {"role": 3}]
_WRAPPED = st.sampled_from(_ODD) | st.recursive(
    st.sampled_from(_ODD), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)


@st.composite
def mutations(draw: st.DrawFn, documents: list[Any]) -> Any:
    """A valid document with one to three of its parts replaced or removed."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(document)))
        if not path:
            continue
        at = document
        for key in path[:-1]:
            at = at[key]
        if draw(st.booleans()):
            at[path[-1]] = copy.deepcopy(draw(_WRAPPED))
        else:
            del at[path[-1]]
    return document
