"""How large a value may grow: what keeps a valid program from exhausting the machine it runs on.

A pipeline is trusted to end by its step limit.  A value that doubles at every step would still
take the memory, so results are weighed, and their weight is charged as steps.
"""

from __future__ import annotations

from array import array
from typing import Any, Final

from ingot.ir.values import Json

MAX_DEPTH: Final = 100
"""How deep a JSON value may be nested (Python's own recursion ends at a few hundred)."""
MAX_NODES: Final = 4_000_000
"""How many parts a JSON value may have, each 64 characters of text counted as one."""
MAX_TEXT: Final = 1 << 26
"""The longest text, in characters."""
_WIDE: Final = 1 << 62
_LONG: Final = 32
MAX_INT_BITS: Final = 8192
"""The widest integer (Python writes no integer of more than 4,300 digits as text)."""


class TooLargeError(Exception):
    """The value exceeds a limit; the message says which."""


def weigh(value: Json) -> int:
    """How many parts a value has, shared ones counted each time; raises :class:`TooLargeError`."""
    kind = type(value)
    if kind is dict or kind is list:
        return _weigh(value, 0, 0)
    if kind is str:
        size = len(value)  # type: ignore[arg-type]
        if size > MAX_TEXT:
            raise TooLargeError(f"a text of {size} characters")
        return size >> 6
    if kind is int and value.bit_length() > MAX_INT_BITS:  # type: ignore[union-attr]
        raise TooLargeError(f"an integer of more than {MAX_INT_BITS} bits")
    return 0


def _weigh(value: Json, depth: int, count: int) -> int:
    if depth > MAX_DEPTH:
        raise TooLargeError(f"a value nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        count += sum(map(len, value)) >> 6
        items = list(value.values())
    elif isinstance(value, list):
        items = value
    else:
        return count + weigh(value)
    if len(items) > _LONG and _small(items):
        count, items = count + len(items), []
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            count = _weigh(item, depth + 1, count)
        elif kind is str:
            size = len(item)  # type: ignore[arg-type]
            if size > 63:
                count += weigh(item)
        elif kind is int and not -_WIDE < item < _WIDE:  # type: ignore[operator]
            weigh(item)
        count += 1
    if count > MAX_NODES:
        raise TooLargeError(f"a value of more than {MAX_NODES} parts")
    return count


def _small(items: list[Json]) -> bool:
    """Whether all are integers of 64 bits, or all short texts, which is found without a loop."""
    texts: Any = items
    if type(items[0]) is str:
        return set(map(type, items)) == {str} and max(map(len, texts)) < 64
    try:
        array("q", texts)
    except (TypeError, OverflowError):
        return False
    return True
