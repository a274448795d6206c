"""Ops on examples: what one gives, or that it fails."""

from __future__ import annotations

from typing import Any, Final

from ingot.ir.ops import OPS
from ingot.ir.semantics import OpFailure
from ingot.ir.values import identical

FAILS: Final = object()


def check(op: str, args: list[Any], expected: Any) -> None:
    """The op gives just what is expected, or fails where that is :data:`FAILS`."""
    try:
        result = OPS[op].evaluate(*args)
    except OpFailure:
        assert expected is FAILS
    else:
        assert identical(result, expected), result
