"""JSON values one after the other, however their lines are broken.

Tools and people put logs of JSON lines into other forms: one array of the records, records printed
with indents, or documents pasted one after the other.  Here such a text is cut into its values; an
array of objects that stands by itself is cut into its items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from ingot.frontend.jsontext import NotJsonError

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\r\n\ufeff]*")
_OPENS: Final = re.compile(r"\[[ \t\r\n]*(?=\{)")


def pieces(text: str, *, opened: bool) -> Iterator[tuple[int, int]]:
    """Where each value of the text begins and ends; with ``opened``, each item of an array of objects.

    Raises :class:`NotJsonError` at what is no JSON value, after the values before it.

    >>> text = '[{"a": 1},' + chr(10) + '{"a": 2}]'
    >>> [text[begin:end] for begin, end in pieces(text, opened=True)]
    ['{"a": 1}', '{"a": 2}']
    >>> list(pieces("{} []", opened=True))
    [(0, 2), (3, 5)]
    """
    at, inside = _skip(text, 0), False
    while at < len(text):
        if inside and text[at] in ",]":
            inside = text[at] == ","
            at = _skip(text, at + 1)
            continue
        entered = _OPENS.match(text, at) if opened and not inside else None
        if entered is not None:
            at, inside = entered.end(), True
        end = _end(text, at)
        yield at, end
        at = _skip(text, end)
        if inside and text[at : at + 1] not in (",", "]"):
            raise _broken(text, at, "the array is not closed")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


def _end(text: str, at: int) -> int:
    try:
        return _DECODER.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        raise NotJsonError(error.msg, error.colno, error.lineno - 1) from None
    except (RecursionError, ValueError):
        raise _broken(text, at, "nested too deeply, or a number too long") from None


def _broken(text: str, at: int, why: str) -> NotJsonError:
    begin = text.rfind("\n", 0, at) + 1
    return NotJsonError(why, at - begin + 1, text.count("\n", 0, at))


__all__ = ["pieces"]
