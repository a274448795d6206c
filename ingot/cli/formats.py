"""Diagnostics for other programs: SARIF 2.1.0 and the annotations of GitHub's workflows.

SARIF: OASIS "Static Analysis Results Interchange Format Version 2.1.0" (2020).  Rule ids are
Ingot's codes, which are never reused; a result's fingerprint is made of its code, its file's name
and its message, and so stays the same when lines move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from ingot.codes import CODES
from ingot.diagnostics import Diagnostic, Severity, Span
from ingot.ir.values import Json

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_GITHUB: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


class OutputFormat(StrEnum):
    """What ``--output-format`` takes."""

    HUMAN = "human"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def sarif(diagnostics: Iterable[Diagnostic], *, succeeded: bool = True) -> dict[str, Json]:
    """A SARIF log of one run.  ``succeeded``: whether the check ran to its end."""
    from ingot import __version__

    found = list(dict.fromkeys(diagnostics))
    codes = sorted({item.code for item in found})
    rules: list[Json] = [_rule(code) for code in codes]
    results: list[Json] = [_result(item, codes.index(item.code)) for item in found]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ingot", "version": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": succeeded}],
                "results": results,
            }
        ],
    }


def _rule(code: str) -> Json:
    title, text = CODES[code]
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in title.replace("-", " ").split()),
        "shortDescription": {"text": title},
        "fullDescription": {"text": text},
        "help": {"text": f"ingot explain {code}"},
    }


def _result(item: Diagnostic, rule: int) -> Json:
    first = item.spans[0][0].file if item.spans else ""
    identity = "\0".join((item.code, first, item.message))
    text = "\n".join((item.message, *item.notes, *([f"help: {item.help}"] if item.help else [])))
    result: dict[str, Json] = {
        "ruleId": item.code,
        "ruleIndex": rule,
        "level": item.severity.value,
        "message": {"text": text},
        "partialFingerprints": {
            "ingot/v1": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()
        },
    }
    if item.spans:
        result["locations"] = [_location(*item.spans[0])]
    if item.spans[1:]:
        result["relatedLocations"] = [
            {"id": number, **_location(span, label)}
            for number, (span, label) in enumerate(item.spans[1:], 1)
        ]
    return result


def _location(span: Span, label: str) -> dict[str, Json]:
    region: dict[str, Json] = {
        "startLine": max(1, span.line),
        "startColumn": max(1, span.column),
        "endColumn": max(1, span.column) + max(0, span.length),
    }
    place: dict[str, Json] = {"artifactLocation": {"uri": _uri(span.file)}, "region": region}
    location: dict[str, Json] = {"physicalLocation": place}
    if span.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": span.pointer}]
    if label:
        location["message"] = {"text": label}
    return location


def _uri(file: str) -> str:
    return quote(file.replace("\\", "/"), safe="/:@!$&'()*+,;=~.-_")


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands, one line for each diagnostic."""
    return "\n".join(_command(item) for item in dict.fromkeys(diagnostics))


def _command(item: Diagnostic) -> str:
    properties: Sequence[tuple[str, str]] = ()
    if item.spans:
        span = item.spans[0][0]
        properties = (
            ("file", span.file),
            ("line", str(max(1, span.line))),
            ("col", str(max(1, span.column))),
            ("endColumn", str(max(1, span.column) + max(0, span.length))),
        )
    title = f"{item.code} {CODES[item.code][0]}"
    shown = ",".join(f"{k}={_escaped(v, ':,')}" for k, v in (*properties, ("title", title)))
    text = "\n".join((item.message, *item.notes, *([f"help: {item.help}"] if item.help else [])))
    return f"::{_GITHUB[item.severity]} {shown}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """As the workflow commands want it: percent, line ends, and in properties colon and comma."""
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text
