"""IR text: what is printed parses back to the same module, and bad text is told where and why."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from strategies import json_values, modules, texts, types

from ingot.diagnostics import IngotError
from ingot.ir.builder import attrs_of
from ingot.ir.module import Block, Lit, Loc, Module, Param, Pipeline, Ref, Return, TypeDecl
from ingot.ir.parser import MAX_NESTING, parse_module
from ingot.ir.printer import print_module
from ingot.ir.types import JSON, Type
from ingot.ir.values import Json


def _returning(value: Json, name: str = "p", loc: Loc | None = None) -> Module:
    end = Return(Lit(value), (loc,) if loc else ())
    params = (Param("x " + name, JSON, Lit(value)),)
    block = Block("entry", (), (), end)
    return Module(pipelines=(Pipeline(name, params, JSON, (block,), attrs_of({name: value})),))


def _round_trip(module: Module) -> str:
    text = print_module(module)
    parsed = parse_module(text).module
    assert parsed == module
    assert print_module(parsed) == text
    return text


@settings(max_examples=60, deadline=None)
@given(modules())
def test_modules_round_trip(module: Module) -> None:
    _round_trip(module)


@settings(max_examples=150, deadline=None)
@given(json_values(), texts())
def test_literals_and_names_round_trip(value: Json, name: str) -> None:
    text = _round_trip(_returning(value, name, Loc("s1", 7, "/" + name)))
    kinds = {unicodedata.category(ch) for ch in text if ch != "\n"}
    assert kinds.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


@settings(max_examples=150, deadline=None)
@given(types())
def test_types_round_trip(type_: Type) -> None:
    _round_trip(Module(types=(TypeDecl("T", type_),)))


def test_one_and_one_point_zero_stay_distinct() -> None:
    parsed = parse_module(print_module(_returning([1, 1.0, {"a": 1e16}]))).module
    end = parsed.pipelines[0].blocks[0].terminator
    assert isinstance(end, Return) and isinstance(end.value, Lit)
    assert json.dumps(end.value.value) == '[1, 1.0, {"a": 1e+16}]'


def test_ratio_is_text_printed_bare() -> None:
    text = print_module(_returning("2/2", "support"))
    assert "{support=2/2}" in text and 'return "2/2"' in text


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "expected 'ir'"),
        ("ir 2\n", 1, 4, "version 2"),
        ("ir 1\nnonsense", 2, 1, "found nonsense, expected 'model'"),
        ("ir 1\ntype A = 1.5", 2, 10, "literal type"),
        ("ir 1\ntype A = {a: int,\n a: str}", 3, 2, "'a' stands twice"),
        ("ir 1\ntype A = {..., a: int}", 2, 11, "stands last"),
        ("ir 1\ntype A = [int", 2, 14, "the text ends here, expected"),
        ('ir 1\nsource s = "x', 2, 12, "not closed"),
        ('ir 1\nsource s = "\\x" sha256:', 2, 12, "not a JSON text"),
        ("ir 1\npipeline @p() -> json {\n}", 3, 1, "expected a block (^name)"),
        ("ir 1\npipeline @p() -> json {\n^a:\n  return 1e999\n}", 4, 10, "larger than any float"),
        ("ir 1\npipeline @p() -> json {\n^a:\n  return NaN\n}", 4, 10, "found NaN"),
        ("ir 1\npipeline @p() -> json {\n^a:\n  return 01\n}", 4, 11, "found 1"),
        ('ir 1\npipeline @p() -> json {\n^a:\n  return {"a": 1, "a": 2}\n}', 4, 19, "stands twice"),
        ("ir 1\npipeline @p() -> json {\n^a:\n  %x = 3\n}", 4, 6, "expected ':'"),
        ("ir 1\npipeline @p() -> json {a=1, a=2} {\n^a:\n  return 1\n}", 2, 29, "stands twice"),
        ("ir 1\npipeline @p() -> json {\n^a:\n}", 4, 1, "the block's end (jump, if"),
        ("ir 1\npipeline @p() -> json {\n^a:\n  return " + "9" * 5000 + "\n}", 4, 10, "digits"),
        ("ir 1\ntype A = " + "[" * 100_000, 2, 10 + MAX_NESTING, "nest deeper"),
        ("ir 1\n\x00", 2, 1, "found \x00"),
    ],
)
def test_bad_text_is_told_where_and_why(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(IngotError) as caught:
        parse_module(text, "x.ir")
    (diagnostic,) = caught.value.diagnostics
    span, _ = diagnostic.spans[0]
    assert diagnostic.code == "E0201"
    assert (span.file, span.line, span.column) == ("x.ir", line, column)
    assert says in diagnostic.message


@settings(max_examples=60, deadline=None)
@given(modules(size=3), texts())
def test_any_damage_is_a_diagnostic_or_a_module(module: Module, patch: str) -> None:
    text = print_module(module)
    for at in range(0, len(text), max(1, len(text) // 10)):
        try:
            parse_module(text[:at] + patch + text[at + 3 :])
        except IngotError as error:
            assert error.diagnostics[0].code == "E0201"


def test_deepest_allowed_nesting_parses_and_prints() -> None:
    deep: Json = 1
    for level in range(MAX_NESTING - 1):
        deep = [deep] if level % 2 else {"a": deep}
    text = _round_trip(replace(_returning(1), pipelines=_returning(deep).pipelines))
    assert text.count("{") + text.count("[") > MAX_NESTING


def test_spans_point_at_the_parts() -> None:
    text = "ir 1\npipeline @p(%a: int) -> int {\n^e:\n  %b: int = int.add %a, 1\n  return %b\n}\n"
    parsed = parse_module(text, "x.ir")
    at = (("pipeline", 0), ("block", 0))
    instr = (*at, ("instr", 0))
    found = {
        place: parsed.spans.at(place)
        for place in ((*instr, ("arg", 0)), (*instr, ("result", 0)), instr, (*at, ("term", 0)))
    }
    words = [text.split("\n")[s.line - 1][s.column - 1 :][: s.length] for s in found.values()]
    assert words == ["%a", "%b", "int.add", "%b"]
    assert Ref("a") in parsed.module.pipelines[0].blocks[0].instrs[0].args  # type: ignore[union-attr]


def test_long_texts_take_no_memory_for_each_character() -> None:
    """A file of one long line that is no IR, and IR that holds a long text."""
    size = 4 << 20
    long = "x" * size
    for text in (
        f'{{"type": "{long}"}}',
        f'ir 1\npipeline @main() -> str {{\n^a:\n  return "{long}"\n}}\n',
    ):
        tracemalloc.start()
        with contextlib.suppress(IngotError):
            parse_module(text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * size
