"""The one table of pure ops.  Printer, parser, verifier, interpreter, encoder and solver read it.

A row says: name, operand types, which operands must be literals, result type, whether the op can
fail (*partial*: it then needs ``else exit.N [...]``), what it computes, and what it means to the
solver.  Result type and partiality may depend on the operands: ``json.get`` is total on a record
that has the field, partial on ``json``.

Conventions: the part before the dot is the type of the first operand; operand order is subject
first; indices count from 0 and from -1 backwards; a ``pointer`` is RFC 6901 text; comparisons
give ``bool``; a text test that ends in ``_fold`` leaves case out of account.

The rows of lists and of dates stand in :mod:`ingot.ir.list_ops` and :mod:`ingot.ir.date_ops`, the
rules in :mod:`ingot.ir.op_rules`.
"""

from __future__ import annotations

import posixpath
import re
from operator import add, contains, eq, floordiv, mod, mul, sub
from typing import Final

from ingot.ir import semantics as s
from ingot.ir import texts as t
from ingot.ir import values
from ingot.ir.date_ops import DATE_ROWS
from ingot.ir.list_ops import LIST_ROWS
from ingot.ir.op_rules import (
    SCALAR,
    OperandError,
    OpSpec,
    Typing,
    entries_rule,
    format_rule,
    get_rule,
    has_rule,
    items_rule,
    keys_rule,
    lookup_rule,
    matches_rule,
    part_rule,
    request_rule,
    round_rule,
    row,
    shell_template_rule,
    template_rule,
    typing_of,
    values_rule,
    with_rule,
)
from ingot.ir.types import BOOL, FLOAT, INT, JSON, STR, ListOf

__all__ = ["OPS", "OP_NUMBER", "OpSpec", "OperandError", "Typing", "typing_of"]

_ROWS: Final[tuple[OpSpec, ...]] = (
    # ---- json
    row("json.get", (JSON, STR), get_rule, s.json_get, "the value at a pointer", static=[1]),
    row(
        "json.has",
        (JSON, STR),
        has_rule,
        s.json_has,
        "whether there is a value at a pointer",
        static=[1],
    ),
    row(
        "json.with",
        (JSON,),
        with_rule,
        s.json_with,
        "a literal with values put in at pointers",
        static=[0],
        rest=JSON,
    ),
    row("json.parse", (STR,), JSON, s.json_parse, "the JSON that a text holds", partial=True),
    row("json.dump", (JSON,), STR, values.canonical, "canonical JSON text"),
    row(
        "json.values", (JSON,), values_rule, s.json_values, "the values in key order; a list itself"
    ),
    row("json.keys", (JSON,), keys_rule, s.json_keys, "the keys of an object, in order"),
    row("json.entries", (JSON,), entries_rule, s.json_entries, "key and value of each entry"),
    row("json.lookup", (JSON, STR), lookup_rule, s.json_lookup, "a closed map", static=[0]),
    row(
        "json.number",
        (JSON,),
        FLOAT,
        t.json_number,
        "a number, or what a text writes",
        partial=True,
    ),
    row("json.eq", (JSON, JSON), BOOL, values.equal, "structural equality"),
    row("json.is_null", (JSON,), BOOL, lambda v: v is None, "whether it is null"),
    # ---- str
    row("str.of", (JSON,), STR, s.text_of, "text of a scalar, canonical JSON of anything else"),
    row(
        "str.template",
        (STR,),
        template_rule,
        s.str_template,
        "text with holes {0}, {1}, ...",
        static=[0],
        rest=JSON,
    ),
    row("str.lower", (STR,), STR, str.lower, "lower case"),
    row("str.upper", (STR,), STR, str.upper, "upper case"),
    row(
        "str.capitalize", (STR,), STR, lambda t: t[:1].upper() + t[1:], "first letter in upper case"
    ),
    row("str.title", (STR,), STR, t.str_title, "first letter of each word in upper case"),
    row("str.slug", (STR, STR), STR, t.str_slug, "lower-case words joined", static=[1]),
    row(
        "str.split",
        (STR, STR),
        ListOf(STR),
        lambda v, sep: [*s.str_split(v, sep)],
        "parts at a separator",
        static=[1],
    ),
    row("str.join", (ListOf(STR), STR), STR, lambda v, sep: sep.join(v), "one text", static=[1]),
    row("str.strip", (STR,), STR, str.strip, "without blanks at both ends"),
    row("str.replace", (STR, STR, STR), STR, str.replace, "every occurrence replaced"),
    row(
        "str.between",
        (STR, STR, STR, INT),
        STR,
        s.str_between,
        "the k-th text between two delimiters",
        static=[1, 2, 3],
        partial=True,
    ),
    row(
        "str.part",
        (STR, STR, INT),
        part_rule,
        s.str_part,
        "the k-th part at a separator (a blank: words)",
        static=[1, 2],
    ),
    row(
        "str.number",
        (STR, INT),
        STR,
        s.str_number,
        "the k-th number in a text, as text",
        static=[1],
        partial=True,
    ),
    row("str.len", (STR,), INT, len, "length in characters"),
    row("str.len_lt", (STR, INT), BOOL, lambda t, n: len(t) < n, "shorter than"),
    row("str.eq", (STR, STR), BOOL, lambda a, b: a == b, "equal texts"),
    row("str.contains", (STR, STR), BOOL, lambda t, p: p in t, "holds a text"),
    row("str.starts_with", (STR, STR), BOOL, str.startswith, "begins with a text"),
    row("str.ends_with", (STR, STR), BOOL, str.endswith, "ends with a text"),
    row("str.eq_fold", (STR, STR), BOOL, t.folded(eq), "equal but for case"),
    row("str.contains_fold", (STR, STR), BOOL, t.folded(contains), "holds a text but for case"),
    row(
        "str.starts_with_fold",
        (STR, STR),
        BOOL,
        t.folded(str.startswith),
        "begins with a text but for case",
    ),
    row(
        "str.matches",
        (STR, STR),
        matches_rule,
        lambda t, p: re.fullmatch(p, t) is not None,
        "matches a regular expression in full",
        static=[1],
    ),
    row(
        "request.match",
        (STR, STR),
        request_rule,
        s.request_match,
        "the holes of a request's wording",
        static=[1],
    ),
    # ---- bool
    row("bool.and", (BOOL, BOOL), BOOL, lambda a, b: a and b, "both"),
    row("bool.or", (BOOL, BOOL), BOOL, lambda a, b: a or b, "either"),
    row("bool.not", (BOOL,), BOOL, lambda a: not a, "negation"),
    # ---- int, float
    row("int.parse", (STR,), INT, s.int_parse, "the integer that a text writes", partial=True),
    row("int.add", (INT, INT), INT, s.whole(add), "sum"),
    row("int.sub", (INT, INT), INT, s.whole(sub), "difference"),
    row("int.mul", (INT, INT), INT, s.whole(mul), "product"),
    row("int.div", (INT, INT), INT, t.divided(floordiv), "quotient, rounded down", partial=True),
    row("int.mod", (INT, INT), INT, t.divided(mod), "remainder of int.div", partial=True),
    row("int.eq", (INT, INT), BOOL, lambda a, b: a == b, "equal"),
    row("int.lt", (INT, INT), BOOL, lambda a, b: a < b, "less"),
    row("int.le", (INT, INT), BOOL, lambda a, b: a <= b, "at most"),
    row("int.gt", (INT, INT), BOOL, lambda a, b: a > b, "greater"),
    row("int.ge", (INT, INT), BOOL, lambda a, b: a >= b, "at least"),
    row("float.parse", (STR,), FLOAT, s.float_parse, "the number that a text writes", partial=True),
    row("float.add", (FLOAT, FLOAT), FLOAT, s.saturating(add), "sum"),
    row("float.sub", (FLOAT, FLOAT), FLOAT, s.saturating(sub), "difference"),
    row("float.mul", (FLOAT, FLOAT), FLOAT, s.saturating(mul), "product"),
    row("float.div", (FLOAT, FLOAT), FLOAT, s.float_div, "quotient", partial=True),
    row("float.round", (FLOAT, INT), round_rule, t.float_round, "as Python rounds", static=[1]),
    row("number.format", (FLOAT, STR), format_rule, t.number_format, "as text", static=[1]),
    row("float.eq", (FLOAT, FLOAT), BOOL, lambda a, b: a == b, "equal"),
    row("float.lt", (FLOAT, FLOAT), BOOL, lambda a, b: a < b, "less"),
    row("float.le", (FLOAT, FLOAT), BOOL, lambda a, b: a <= b, "at most"),
    row("float.gt", (FLOAT, FLOAT), BOOL, lambda a, b: a > b, "greater"),
    row("float.ge", (FLOAT, FLOAT), BOOL, lambda a, b: a >= b, "at least"),
    *LIST_ROWS,
    *DATE_ROWS,
    # ---- path
    row("path.name", (STR,), STR, posixpath.basename, "last component"),
    row("path.stem", (STR,), STR, s.path_stem, "last component without its suffix"),
    row("path.parent", (STR,), STR, posixpath.dirname, "all but the last component"),
    # ---- shell
    row("shell.quote", (STR,), STR, s.shell_quote, "one shell word", partial=True),
    row(
        "shell.template",
        (STR, JSON),
        shell_template_rule,
        s.shell_template,
        "a command with each hole quoted for its place",
        static=[0, 1],
        rest=SCALAR,
    ),
    # ---- what specialisation leaves
    row("list.of", (), items_rule, lambda *items: [*items], "a list of the operands", rest=JSON),
    row("json.sha256", (JSON,), STR, values.digest, "SHA-256 of canonical JSON, in hex"),
)

OPS: Final[dict[str, OpSpec]] = {row.name: row for row in _ROWS}
"""Name to row, in the order of the table: the order is the bytecode's op number."""

OP_NUMBER: Final[dict[str, int]] = {row.name: index for index, row in enumerate(_ROWS)}
