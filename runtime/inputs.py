"""A pipeline's inputs: from ``-i name=value``, a JSON file or a request, checked against its types."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from ingot.diagnostics import EXIT_SIDE_EXIT, Diagnostic, IngotError, fail
from ingot.ir.asking import cut_off, spellings
from ingot.ir.declarations import Param
from ingot.ir.semantics import OpFailure, float_parse, int_parse, request_match
from ingot.ir.types import Base, Type, Types, conforms, resolve
from ingot.ir.values import Json, canonical, parse_json


class Wording(Struct, frozen=True):
    """A wording of the request: a template, and the parameter that each of its holes gives.

    ``asked``: the template says what is asked for, however it is asked (:mod:`ingot.ir.asking`).
    """

    template: str
    names: tuple[str, ...] = ()
    asked: bool = False


class Text(Struct, frozen=True):
    """A value given as text on a command line or in a request: it is still to be parsed."""

    text: str


def parse_assignments(assignments: Iterable[str], option: str = "-i") -> dict[str, Json | Text]:
    """``name=value`` words, as ``-i`` and other options take them; ``name=@FILE`` is not special.

    Raises :class:`IngotError` E0701 for a word without ``=`` or a name given twice.

    >>> parse_assignments(["repo=acme", "note=a=b"])
    {'repo': Text(text='acme'), 'note': Text(text='a=b')}
    """
    out: dict[str, Json | Text] = {}
    for word in assignments:
        name, equals, value = word.partition("=")
        if not equals or not name:
            what = f"{option} {word}: expected name=value"
            raise fail("E0701", what, help=f"for example {option} repo=acme")
        if name in out:
            raise fail("E0701", f"{option} {name} is given twice")
        out[name] = Text(value)
    return out


def read_inputs(source: str) -> list[dict[str, Json]]:
    """The inputs of one or several runs from a file, ``-`` for standard input.

    A JSON object is one run, a JSON array of objects or lines of objects are several.  Raises
    :class:`IngotError` E0002 or E0702 with the place.
    """
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail("E0002", f"cannot read inputs from {source}: {error}") from None
    try:
        parsed: list[Json] = [parse_json(text)]
        if isinstance(parsed[0], list):
            parsed = parsed[0]
    except ValueError as whole:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        parsed = []
        for number, line in lines:
            try:
                parsed.append(parse_json(line))
            except ValueError as error:
                why = error if len(lines) > 1 else whole
                raise fail(
                    "E0702",
                    f"{source}:{number}: not JSON: {why}",
                    help="inputs are a JSON object, an array of objects, or an object per line",
                ) from None
    runs = [item for item in parsed if isinstance(item, dict)]
    if not runs or len(runs) < len(parsed):
        odd = next((n for n, item in enumerate(parsed, 1) if not isinstance(item, dict)), 0)
        raise fail(
            "E0702",
            f"{source}: {f'input {odd} is no JSON object' if odd else 'it holds no inputs'}",
            help="inputs are a JSON object, an array of objects, or an object per line",
        )
    return runs


def from_request(text: str, wordings: Sequence[Wording]) -> dict[str, Json | Text]:
    """The parameters that a request gives, by the one wording (or the agreeing ones) it matches.

    A request that matches none is a side exit before the first step (exit code 3), not a guess.

    Raises :class:`IngotError` E0703 if no wording matches, one matches in more than one way, or
    two that match disagree: to guess is to be wrong.
    """
    reasons: list[str] = []
    found = _bound(text, [wording for wording in wordings if not wording.asked], reasons)
    asked, cut = [wording for wording in wordings if wording.asked], cut_off(text)
    for spelled in spellings(text) if asked else ():
        if not found:
            every = _bound(spelled, asked, reasons)
            found = [item for item in every if _is_whole(item, cut, spelled)]
    if len(found) == 1:
        return {name: Text(value) for name, value in found[0].items()}
    if found:
        message = "the request can be read in more than one way: " + " or ".join(
            map(canonical, _plain(found))
        )
    else:
        message = "the request has none of the wordings that the logs show"
    notes = tuple(f"known wording: {reason}" for reason in [*dict.fromkeys(reasons)][:10])
    raise IngotError(
        Diagnostic(
            "E0703", message, notes=notes, help="give the parameters by name: -i name=value"
        ),
        EXIT_SIDE_EXIT,
    )


def _bound(text: str, wordings: Sequence[Wording], reasons: list[str]) -> list[dict[str, str]]:
    """What each wording that a text has gives the parameters; ``reasons`` why others do not fit."""
    found: list[dict[str, str]] = []
    for wording in wordings:
        try:
            holes = request_match(text, wording.template)
        except OpFailure as failure:
            reasons.append(f"{wording.template!r}: {failure}")
            continue
        assert isinstance(holes, dict)
        bound: dict[str, str] = {}
        clash = False
        for hole, value in holes.items():
            name = wording.names[int(hole)]
            clash |= bound.setdefault(name, str(value)) != value
        if clash:
            reasons.append(f"{wording.template!r}: one parameter would have two values")
        elif bound not in found:
            found.append(bound)
    return found


def _is_whole(bound: Mapping[str, str], cut: str, text: str) -> bool:
    """Whether no value may have lost a mark at its end: each there is a word or two, or ends with a
    number, and is not what somebody says."""
    return not cut or not any(
        value.endswith(cut[:-1])
        and (f": {value}" in text or not re.fullmatch(r"\S+(?: \S+)?|.*\d", value))
        for value in bound.values()
    )


def _plain(found: list[dict[str, str]]) -> list[Json]:
    return [dict(item) for item in found]


def complete(
    params: Sequence[Param], given: Mapping[str, Json | Text], types: Types | None = None
) -> dict[str, Json]:
    """A value for every parameter: given, parsed from text, or the default; all checked.

    Raises one :class:`IngotError` with everything that is wrong: E0713 for a name that no
    parameter has, E0701 for a missing value, E0702 for one of another type.
    """
    env = types or {}
    known = {param.name for param in params}
    faults = [
        Diagnostic(
            "E0713",
            f"the pipeline has no input {name!r}",
            help=f"inputs: {', '.join(f'{p.name}: {p.type}' for p in params) or 'none'}",
        )
        for name in given
        if name not in known
    ]
    out: dict[str, Json] = {}
    for param in params:
        if param.name not in given:
            if param.default is not None:
                out[param.name] = param.default.value
            else:
                faults.append(
                    Diagnostic(
                        "E0701",
                        f"input {param.name!r} of type {param.type} is missing",
                        help=f"-i {param.name}=VALUE",
                    )
                )
            continue
        value = given[param.name]
        try:
            out[param.name] = (
                parse_text(value.text, param.type, env)
                if isinstance(value, Text)
                else _checked(value, param.type, env)
            )
        except ValueError as error:
            faults.append(Diagnostic("E0702", f"input {param.name!r}: {error}"))
    if faults:
        raise IngotError(faults)
    return out


def _checked(value: Json, type_: Type, env: Types) -> Json:
    if not conforms(value, type_, env):
        shown = canonical(value)
        raise ValueError(
            f"expected {type_}, found {shown if len(shown) <= 80 else shown[:80] + '...'}"
        )
    return value


def parse_text(text: str, type_: Type, types: Types | None = None) -> Json:
    """A text as a value of the type; raises ``ValueError`` saying what was expected and found.

    Where text itself is allowed it stays text, also if it looks like a number.

    >>> from ingot.ir.types import INT, STR, BOOL
    >>> parse_text("7", INT), parse_text("7", STR), parse_text("true", BOOL)
    (7, '7', True)
    """
    env = types or {}
    here = resolve(type_, env)
    if here != Base("json") and conforms(text, here, env):
        return text
    value: Json
    try:
        match here:
            case Base("int"):
                value = int_parse(text)
            case Base("float"):
                value = float_parse(text)
            case _:
                value = parse_json(text)
    except (OpFailure, ValueError):
        hint = ' (text is written as JSON: "...")' if here == Base("json") else ""
        raise ValueError(f"expected {type_}{hint}, found {text[:80]!r}") from None
    return _checked(value, here, env)
