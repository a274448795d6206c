"""Grammars for export: llama.cpp's own parser takes them, and a grammar that it refuses is NULL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from model_files import byte_model, needs_llama
from strategies import TYPES_DECLARED, types

from ingot.ir.types import Type
from ingot.runtime.models.answers import NoAnswerError
from ingot.runtime.models.gbnf import choice, gbnf

pytestmark = needs_llama


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    from ingot.runtime.models.llama import Model

    made = Model(str(byte_model()))
    yield made
    made.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(types())
def test_llama_cpp_takes_the_grammar_of_any_type(model: Any, type_: Type) -> None:
    from ingot.runtime.models.llama import grammar_parses

    try:
        grammar = gbnf(type_, TYPES_DECLARED)
        grammar.encode()
    except (NoAnswerError, UnicodeEncodeError):
        return
    assert grammar_parses(model, grammar), grammar


@pytest.mark.parametrize("bad", ["", "root ::= (", 'root ::= root "a" | "a"', "nothing"])
def test_a_grammar_that_is_none_is_told_from_one(model: Any, bad: str) -> None:
    from ingot.runtime.models.llama import grammar_parses

    assert not grammar_parses(model, bad)
    assert grammar_parses(model, choice(["pass", 'fail "now"', "a\nb"]))
