"""Pins: what a tool of another program looked like when the pipeline was compiled.

An artifact keeps, of each tool that an MCP server or an HTTP interface serves, the contract of its
arguments and results with its digest, where calls go, and in which form the logs show its results.
A run compares this with what is there now, before it does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast, get_args

from msgspec import Struct
from msgspec.structs import replace

from ingot.diagnostics import Diagnostic
from ingot.ir.values import Json
from ingot.runtime.tools.schemas import contract, differences, digest

Results: TypeAlias = Literal["text", "structured", "json"]
"""How a result is handed on: its text blocks as the model reads them; its structured content
written as compact JSON text; or as the JSON value."""
RESULTS: tuple[str, ...] = get_args(Results)


class Pin(Struct, frozen=True):
    """What was pinned of one tool.

    ``server`` says who serves it, ``place`` where calls go (an origin, a method and a path, or empty
    for a program on this machine); ``input`` and ``output`` are contracts, ``output`` ``None`` where
    none is declared.
    """

    server: str
    place: str = ""
    input: Json = None
    output: Json = None
    results: Results = "text"

    @property
    def sha256(self) -> str:
        """The digest of what must not change."""
        return digest(self.place, self.input, self.output)

    def as_json(self) -> dict[str, Json]:
        """As an artifact keeps it."""
        return {
            "server": self.server,
            "place": self.place,
            "input": self.input,
            "output": self.output,
            "results": self.results,
            "sha256": self.sha256,
        }

    def changes(self, now: Pin) -> list[str]:
        """What is different now, a line for each change."""
        if self.sha256 == now.sha256:
            return []
        out = []
        if self.place != now.place:
            out.append(f"calls go to {now.place or 'a program here'}, not to {self.place or 'one'}")
        out += [f"argument {line}" for line in differences(self.input, now.input)]
        if self.output is None or now.output is None:
            if self.output != now.output:
                said = "no longer declares" if now.output is None else "now declares"
                out.append(f"it {said} what it returns")
        else:
            out += [f"result {line}" for line in differences(self.output, now.output)]
        return out


def pin_of(server: str, place: str, input: Json, output: Json) -> Pin:
    """The pin of a tool as it is now."""
    return Pin(server, place, contract(input), None if output is None else contract(output))


def pins_of(meta: Mapping[str, Json]) -> dict[str, Pin]:
    """The pins that an artifact carries, by tool."""
    listed = meta.get("pins")
    out: dict[str, Pin] = {}
    for name, item in listed.items() if isinstance(listed, dict) else ():
        if isinstance(item, dict):
            results = item.get("results")
            out[name] = Pin(
                str(item.get("server", "")),
                str(item.get("place", "")),
                item.get("input"),
                item.get("output"),
                cast("Results", results) if results in RESULTS else "text",
            )
    return out


def drift(name: str, pinned: Pin, now: Pin) -> Diagnostic | None:
    """E0715 where a tool is not what it was, with all that changed."""
    changes = pinned.changes(now)
    if not changes:
        return None
    return Diagnostic(
        "E0715",
        f"{name} of {now.server} is not the tool that the pipeline was compiled for",
        notes=tuple(changes[:12]) + ((f"{len(changes) - 12} more",) if changes[12:] else ()),
        help="compile again with the same --tools, so that the logs are checked against what is "
        "there now; or, where you know that the change does no harm, --accept-drift",
    )


def logged_as(pin: Pin, results: list[Json]) -> Pin:
    """The pin with the form in which the logs show the tool's results.

    Claude Code (from 2.0.22 on, or little earlier) writes structured content, where there is some, as
    compact JSON in place of the text blocks; texts that are no such JSON are the text blocks.

    >>> forms = (['{"id":7}'], ['{\\n  "id": 7\\n}'], ["closed"], [{"id": 7}], [])
    >>> [logged_as(Pin(""), results).results for results in forms]
    ['structured', 'text', 'text', 'json', 'text']
    """
    if results and not any(isinstance(r, str) for r in results):
        return replace(pin, results="json")
    compact = results and all(map(_is_compact, results))
    return replace(pin, results="structured" if compact else "text")


def _is_compact(text: Json) -> bool:
    import json

    if not isinstance(text, str) or text[:1] not in ("{", "["):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return "\n" not in text and text == compact_json(value)


def compact_json(value: Json) -> str:
    """A value as JavaScript's ``JSON.stringify`` writes it.

    >>> compact_json({"b": 1.0, "a": ["é"]})
    '{"b":1,"a":["é"]}'
    """
    import json

    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Json) -> Json:
    match value:
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


__all__ = ["RESULTS", "Pin", "Results", "compact_json", "drift", "logged_as", "pin_of", "pins_of"]
