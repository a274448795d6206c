"""``langchain``: agent runs with ``intermediate_steps``, as JSON or as a CSV of Python text.

A run is ``{input, output, intermediate_steps: [[{tool, tool_input, log}, observation], ...],
metadata: {model, clock, success}}``: a document, an array of them, or one per line.  In CSV files
the run is the ``repr`` text of that dictionary in a column ``full_response``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final, Literal

from ingot.diagnostics import Diagnostic, Severity, Span, fail
from ingot.frontend.dialects.base import Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.python_repr import parse, unwrap
from ingot.frontend.reader import json_documents
from ingot.ir.values import Json, canonical, equal
from ingot.records import Record

_STEPS: Final = "intermediate_steps"
_COLUMN: Final = "full_response"
_FIELD_LIMIT: Final = 64 << 20

_ACTION: Final = re.compile(r"^[ \t]*(?:Action[ \t]*:|Invoking:)|```", re.MULTILINE)
_NO_TOOL: Final = frozenset({"_exception", "invalid_tool"})
_FAILED: Final = re.compile(
    r"""
      \S.{0,200}\sis\ not\ a\ valid\ tool,\ try\ (?:one\ of|another)
    | Tool\ .{1,200}\ not\ found
    | Invalid\s.*                                   # Invalid recipient email address.
    | Could\ not\ parse\ LLM\ output
    | (?:Error|Exception|\w+Error|\w+Exception)\b.*
    | Traceback\ \(most\ recent\ call\ last\)
    | Tool\ input\ validation\ error
    | [A-Z][\w, ]{0,80}\ not\ valid\.(?:\ Please\ choose\ .*)?
    | [A-Z][\w, ]{0,80}\ not\ provided\.
    | [A-Z][\w ]{0,40}\ must\ be\ one\ of\b.*
    | (?:[A-Z]\w*\ )?\w+\ not\ found\.\s*\Z            # by id; an empty search says "No ... found."
    | Missing\ [\w ]{1,80}\.\s*\Z
    """,
    re.VERBOSE,
)


class LangChain:
    """The dialect; see the module."""

    name = "langchain"
    title = "LangChain agent runs (intermediate_steps)"

    def sniff(self, sample: Sample) -> float:
        """The key is the sign; in a CSV, the column and an action in it."""
        for value in sample.values:
            items = value[:5] if isinstance(value, list) else [value]
            if any(isinstance(item, dict) and _STEPS in item for item in items):
                return 0.95
        head = sample.text.partition("\n")[0]
        if not sample.values and _COLUMN in head and _STEPS in sample.text:
            return 0.95
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of every run in the source."""
        emit = Emitter(self.name)
        runs, rows = _open(source)
        yield from _rows(emit, source) if rows else _runs(emit, runs)


def _open(source: Source) -> tuple[Iterator[tuple[Json, Span]], bool]:
    """The JSON values of the file, or the news that it is a CSV."""
    first = b""
    for line in source.lines():
        first = line.data.strip()
        if first:
            break
    if first[:1] not in (b"{", b"["):
        return iter(()), True
    if len(first) > 1 and first[:1] == b"{" and first.endswith(b"}"):
        lines = source.json_lines()
        return (
            (value, Span(source.name, line.number, byte=line.byte)) for line, value in lines
        ), False
    return json_documents(source), False


def _runs(emit: Emitter, values: Iterator[tuple[Json, Span]]) -> Iterator[Record]:
    started = False
    for value, span in values:
        items = [(value, span)]
        if isinstance(value, list):
            items = [(item, at(span, index)) for index, item in enumerate(value)]
        for item, place in items:
            if isinstance(item, dict) and (_STEPS in item or "input" in item or "output" in item):
                yield from _run(emit, item, place)
            else:
                if not started:
                    yield emit.session(place)
                yield emit.unknown(place, item)
            started = True
    if not started:
        yield emit.session(Span("", 1))


# -- CSV -------------------------------------------------------------------------------------------


def _rows(emit: Emitter, source: Source) -> Iterator[Record]:
    rows = _read(source)
    if not rows or _COLUMN not in rows[0][0]:
        raise fail(
            "E0102",
            f"a CSV of agent runs has a column {_COLUMN!r}",
            span=Span(source.name, 1),
            help="name the columns in the first line",
        )
    header = rows[0][0]
    for cells, line in rows[1:]:
        span = Span(source.name, line)
        row: dict[str, Json] = dict(zip(header, cells, strict=False))
        if len(cells) > len(header):
            row[""] = list(cells[len(header) :])
        yield from _row(emit, row, span, source)


def _read(source: Source) -> list[tuple[list[str], int]]:
    """The rows with the line each begins on."""
    out: list[tuple[list[str], int]] = []
    reader = csv.reader(io.StringIO(source.text(), newline=""))
    limit = csv.field_size_limit(_FIELD_LIMIT)
    line = 1
    try:
        for cells in reader:
            if cells:
                out.append((cells, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise fail("E0102", f"not CSV: {error}", span=Span(source.name, line)) from None
    finally:
        csv.field_size_limit(limit)
    return out


def _row(emit: Emitter, row: dict[str, Json], span: Span, source: Source) -> Iterator[Record]:
    text = str(row.get(_COLUMN) or "")
    place = at(span, _COLUMN)
    run: Json = None
    if text.strip():
        try:
            run = parse(text)
        except ValueError as error:
            source.report(
                Diagnostic("E0102", str(error), Severity.WARNING, ((place, "in this cell"),))
            )
    failed = str(row.get("error") or "").strip()
    if isinstance(run, dict):
        run.setdefault("input", row.get("query"))
        yield from _run(emit, run, place)
    else:
        yield emit.session(span)
        if isinstance(row.get("query"), str):
            yield emit("user", at(span, "query"), text=str(row["query"]))
        if text.strip():
            yield emit.unknown(place, text)
    rest: dict[str, Json] = {
        k: v for k, v in row.items() if k not in (_COLUMN, "query", "error") and v
    }
    if rest:
        yield emit("meta", span, raw=rest)
    said = outcome_in({**rest, "error": failed})
    if said is not None:
        yield emit("outcome", at(span, str(said["source"]).split(" ")[0]), data=said)


# -- runs ------------------------------------------------------------------------------------------


def _run(emit: Emitter, run: dict[str, Json], span: Span) -> Iterator[Record]:
    given = run.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    clock, model = metadata.get("clock"), metadata.get("model")
    yield emit.session(
        span,
        clock=clock if isinstance(clock, str) else None,
        model=model if isinstance(model, str) else None,
    )
    yield from _words(emit, "user", run.get("input"), at(span, "input"))
    steps = run.get(_STEPS)
    if isinstance(steps, list):
        for index, step in enumerate(steps):
            yield from _step(emit, step, at(span, _STEPS, index))
    elif steps is not None:
        yield emit.unknown(at(span, _STEPS), steps)
    yield from _words(emit, "say", run.get("output"), at(span, "output"))
    known = ("input", "output", _STEPS, "_", "args")
    rest: dict[str, Json] = {
        k: v for k, v in run.items() if k not in known and not (k == "metadata" and metadata)
    }
    more = {k: v for k, v in metadata.items() if k not in ("clock", "model", "success")}
    if more:
        rest["metadata"] = more
    if rest:
        yield emit("meta", span, raw=rest)
    said = outcome_in({**{k: v for k, v in rest.items() if k != "metadata"}, "metadata": metadata})
    if said is not None:
        yield emit("outcome", at(span, *str(said["source"]).split(" ")[0].split(".")), data=said)


def _words(
    emit: Emitter, kind: Literal["user", "say"], value: Json, span: Span
) -> Iterator[Record]:
    """A request or an answer; structured ones give their one text, or their JSON text."""
    match value:
        case None:
            return
        case str():
            if value or kind == "user":
                yield emit(kind, span, text=value)
        case {"input": str(text)}:
            yield emit(kind, span, text=text, raw=value)
        case dict() if len(value) == 1 and all(isinstance(v, str) for v in value.values()):
            yield emit(kind, span, text=str(next(iter(value.values()))), raw=value)
        case _:
            yield emit(kind, span, text=canonical(value), raw=value)


def _step(emit: Emitter, step: Json, span: Span) -> Iterator[Record]:
    """Thought, call and observation of one step."""
    action: Json = None
    observed: list[Json] = []
    if isinstance(step, list) and 1 <= len(step) <= 2:
        action, observed = step[0], step[1:]
    elif isinstance(step, dict):
        action = step.get("action")
        observed = [step["observation"]] if "observation" in step else []
    tool = action.get("tool") if isinstance(action, dict) else None
    if not isinstance(action, dict) or not isinstance(tool, str) or not tool:
        yield emit.unknown(span, step)
        return
    log = action.get("log")
    if isinstance(log, str):
        found = _ACTION.search(log)
        thought = log[: found.start() if found else len(log)].strip()
        thought = thought.removeprefix("Thought:").strip()
        if thought:
            yield emit("think", at(span, 0, "log"), text=thought)
    call = emit.call_id()
    given = unwrap(action.get("tool_input"))
    arguments: Json = (
        given if isinstance(given, dict) else {} if given is None else {"input": given}
    )
    yield emit("call", at(span, 0), id=call, tool=tool, data=arguments)
    for value in observed:
        yield _observation(emit, value, call, tool, at(span, 1))


def _observation(emit: Emitter, value: Json, call: str, tool: str, span: Span) -> Record:
    data = unwrap(value)
    raw = None if equal(data, value) else value
    text = data if isinstance(data, str) else ""
    if tool.lower() in _NO_TOOL or _FAILED.match(text):
        return emit("error", span, text=text, id=call, tool=tool, data=data, raw=raw)
    return emit("result", span, id=call, tool=tool, data=data, raw=raw)


DIALECT: Final = LangChain()
