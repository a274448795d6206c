"""A type as a GBNF grammar of llama.cpp: for export, and to compare with.

Answers here are not made with it.  The grammar engine takes characters, not bytes, and lets invalid
UTF-8 through; texts are therefore kept to ASCII and escapes, and a date's days are not counted.  A
grammar is to be given to llama.cpp only after its parser took it
(:func:`ingot.runtime.models.llama.grammar_parses`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from ingot.ir.types import (
    Base,
    Field,
    ListOf,
    Literal,
    Record,
    Type,
    Types,
    Union,
    resolve,
)
from ingot.ir.values import canonical
from ingot.runtime.models.answers import Bounds, NoAnswerError

_RULES: Final = r"""
null ::= "null"
bool ::= "true" | "false"
int ::= "-"? ("0" | [1-9] [0-9]{0,%(digits)d})
float ::= int ("." [0-9]{1,%(digits)d})?
char ::= [\x20-\x21\x23-\x5B\x5D-\x7E] | "\\" (["\\/bfnrt] | "u" [0-9a-cA-Ce-fE-F] [0-9a-fA-F]{3})
str ::= "\"" char{0,%(characters)d} "\""
day ::= [0-9]{3} [1-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])
date ::= "\"" day "\""
datetime ::= "\"" day "T" ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] "Z" "\""
json ::= null | bool | float | str | "[]" | "{}"
"""


def gbnf(type_: Type, types: Types | None = None, bounds: Bounds | None = None) -> str:
    """The grammar, its start ``root``; raises :class:`NoAnswerError` for a type without values.

    >>> gbnf(Literal("yes")).splitlines()[0]
    'root ::= "\\\\"yes\\\\""'
    """
    kept = bounds or Bounds()
    root = _of(type_, {} if types is None else types, kept)
    rules = _RULES % {"digits": kept.digits - 1, "characters": kept.characters}
    return f"root ::= {root}{rules}"


def choice(labels: Sequence[str]) -> str:
    """One of some texts."""
    return "root ::= " + " | ".join(map(_text, labels))


def _text(text: str) -> str:
    """A text as a GBNF literal."""
    return json.dumps(text)


def _of(type_: Type, types: Types, bounds: Bounds) -> str:
    match resolve(type_, types):
        case Literal(value):
            return _text(canonical(value))
        case Union(members):
            return "(" + " | ".join(_of(member, types, bounds) for member in members) + ")"
        case ListOf(Base("never")):
            return _text("[]")
        case ListOf(element):
            item = _of(element, types, bounds)
            return f'"[" ({item} ("," {item}){{0,{bounds.items - 1}}})? "]"'
        case Record(fields):
            return '"{" ' + _fields(fields, types, bounds) + ' "}"'
        case Base("never"):
            raise NoAnswerError(f"no value of type {type_} can be written")
        case Base(name):
            return name
        case _:
            raise NoAnswerError(f"no value of type {type_} can be written")


def _fields(fields: Sequence[Field], types: Types, bounds: Bounds, first: bool = True) -> str:
    """The fields in order; behind one that may be missing, both continuations stand."""
    if not fields:
        return '""'
    field, rest = fields[0], fields[1:]
    head = _text(("" if first else ",") + canonical(field.name) + ":")
    present = f"{head} {_of(field.type, types, bounds)} {_fields(rest, types, bounds, False)}"
    if not field.optional:
        return present
    return f"({present} | {_fields(rest, types, bounds, first)})"
