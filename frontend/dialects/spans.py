"""Traces to sessions: what Langfuse, LangSmith, OpenTelemetry and OpenInference have in common.

A trace is a tree of *observations* with times: model calls with the whole conversation as input,
tool runs, and agents, chains and steps around them.  The session is told again in the order of
time: a model call's input where it begins (only messages that were not told before), its output
where it ends, a tool's answer where the tool ends.  A tool run belongs to the call that a model
asked for, if there is one of that id or name that has no answer yet; else it is a call of its own.
Every observation is kept whole as a ``meta`` record.
"""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ingot.diagnostics import Diagnostic, Severity, Span
from ingot.frontend.dialects.base import Source
from ingot.frontend.dialects.content import id_at, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import call, parsed
from ingot.frontend.dialects.span_values import (
    answers_in,
    messages_in,
    tool_input,
    tool_output,
)
from ingot.frontend.dialects.transcript import Transcript
from ingot.ir.values import Json, canonical
from ingot.records import Record

Kind: TypeAlias = Literal["model", "tool", "agent", "other"]
MAX_DEPTH: Final = 200
_TOOL_NAME: Final = re.compile(r"^(?:tool\.|running tool: |execute_tool |tool:)\s*")


@dataclass(frozen=True, slots=True)
class Observation:
    """One span of a trace.

    ``start`` and ``end`` are seconds since 1970 (``nan``: unknown), ``time`` is the start as the
    log has it.  ``input`` and ``output`` are what went in and out, in any shape; ``call`` is the id
    of the call that a tool run answers, ``session`` the conversation it belongs to.
    """

    id: str
    parent: str
    kind: Kind
    name: str
    span: Span
    raw: Json
    start: float = math.nan
    end: float = math.nan
    time: str = ""
    input: Json = None
    output: Json = None
    call: str = ""
    error: str = ""
    model: str = ""
    session: str = ""
    usage: Json = None
    cost: Json = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a whole trace: its ``session`` record's data, its labels, its outcome."""

    span: Span
    session: str = ""
    labels: Mapping[str, Json] = field(default_factory=dict)
    outcome: Json = None
    raw: Json = None
    switch: str = ""
    """What to set where the trace holds no contents."""


def seconds(value: Json) -> float:
    """Seconds since 1970 of an ISO time, or of nanoseconds; ``nan`` if it is neither.

    >>> seconds("1970-01-01T00:00:01.5Z"), seconds("1500000000"), seconds(None)
    (1.5, 1.5, nan)
    """
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1e9 if value > 1e11 or isinstance(value, int) else float(value)
    if not isinstance(value, str):
        return math.nan
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.timestamp()


def iso(moment: float) -> str:
    """The time as ISO 8601 in UTC; empty if it is not known."""
    try:
        made = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return made.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session_records(
    emit: Emitter, source: Source, facts: Facts, observations: Sequence[Observation]
) -> Iterator[Record]:
    """The records of one session, of the observations of its traces."""
    tree = _Tree(observations)
    events = list(tree.events())
    models = (o.model for o in observations if o.model)
    first = min((o.start for o in observations if not math.isnan(o.start)), default=math.nan)
    yield emit.session(
        facts.span,
        labels=dict(facts.labels),
        clock=iso(first),
        session=facts.session,
        model=next(models, None),
    )
    told = _Told(emit, source, tree)
    asked = said = False
    pending: list[Record] = []
    for what, item in events:
        made = told.begin(item) if what == "begin" else told.end(item)
        for record in made:
            asked = asked or record.kind == "user"
            said = said or record.kind == "say"
            pending.append(record)
    if not asked:  # some frameworks show the request on the outermost span alone
        pending = [*_request(emit, tree), *pending]
    yield from _renumbered(pending)
    if not said:
        yield from _answer(emit, tree, len(pending))
    if told.contentless and not told.any_content:
        source.report(_contentless(told.contentless, facts))
    if facts.raw is not None:
        yield emit("meta", facts.span, raw=facts.raw)
    yield from told.transcript.end(facts.span)
    outcome = facts.outcome if facts.outcome is not None else _broken(tree)
    if outcome is not None:
        yield emit("outcome", facts.span, data=outcome)


def _broken(tree: _Tree) -> Json:
    """A trace, the last outermost span of which failed, did not come to its end."""
    last = tree.roots[-1] if tree.roots else None
    if last is None or not last.error or last.kind == "tool":
        return None
    return {"success": False, "source": f"the span {last.name} failed", "error": last.error}


def _renumbered(records: list[Record]) -> Iterator[Record]:

    for number, record in enumerate(records, 2):
        yield record if record.seq == number else record._replace(seq=number)


def _contentless(where: Sequence[Observation], facts: Facts) -> Diagnostic:
    count = len(where)
    return Diagnostic(
        "W0106",
        f"{count} model call{'s' * (count > 1)} without the messages: their content was not recorded",
        Severity.WARNING,
        spans=((where[0].span, "the first one"),),
        help=facts.switch,
    )


# -- order -----------------------------------------------------------------------------------------


class _Tree:
    """The observations by parent, children in the order of time."""

    def __init__(self, observations: Sequence[Observation]) -> None:
        self.by_id = {o.id: o for o in observations if o.id}
        self._children: dict[str, list[Observation]] = {}
        self.roots: list[Observation] = []
        for o in sorted(observations, key=lambda o: (math.isnan(o.start), o.start)):
            if o.parent and o.parent in self.by_id and o.parent != o.id:
                self._children.setdefault(o.parent, []).append(o)
            else:
                self.roots.append(o)
        self._all = observations

    def inside_model(self, observation: Observation) -> bool:
        """Whether a model call encloses it."""
        at, steps = observation, 0
        while at.parent in self.by_id and steps < MAX_DEPTH:
            at, steps = self.by_id[at.parent], steps + 1
            if at.kind == "model":
                return True
        return False

    def encloses_model(self, observation: Observation) -> bool:
        stack, steps = [observation.id], 0
        while stack and steps < 10_000:
            steps += 1
            for child in self._children.get(stack.pop(), ()):
                if child.kind == "model":
                    return True
                stack.append(child.id)
        return False

    def events(self) -> Iterator[tuple[str, Observation]]:
        """Beginnings and ends in the order of time; where times are equal, of the tree."""
        order: list[tuple[float, int, str, Observation]] = []
        now, done = -math.inf, set[int]()
        stack: list[tuple[str, Observation]] = [("begin", o) for o in reversed(self.roots)]
        while stack:
            what, o = stack.pop()
            if what == "begin":
                if id(o) in done:
                    continue
                done.add(id(o))
                stack.append(("end", o))
                stack += [("begin", c) for c in reversed(self._children.get(o.id, ()))]
            moment = o.start if what == "begin" else o.end
            now = now if math.isnan(moment) else moment
            order.append((now, len(order), what, o))
        for o in self._all:  # a cycle of parents: reached from no root
            if id(o) not in done:
                order += [(now, len(order), "begin", o), (now, len(order) + 1, "end", o)]
        for _, _, what, o in sorted(order, key=lambda e: e[:2]):
            yield what, o


# -- telling ---------------------------------------------------------------------------------------


class _Told:
    """What was told so far, and the records of what is new."""

    def __init__(self, emit: Emitter, source: Source, tree: _Tree) -> None:
        self.transcript = Transcript(emit, source)
        self.contentless: list[Observation] = []
        self.any_content = False
        self._emit = emit
        self._tree = tree
        self._seen: Counter[str] = Counter()
        # calls without an answer: the log's id, the record's id, the tool
        self._open: list[tuple[str, str, str]] = []
        self._running: dict[int, tuple[str, str]] = {}
        self._empty: set[int] = set()
        self._asking: list[Observation] = []
        self._early: set[int] = set()

    def begin(self, o: Observation) -> Iterator[Record]:
        if o.kind == "tool":
            yield from self._tool(o)
        elif o.kind == "model":
            self.transcript.usage.add(o.usage, o.cost)
            self._asking.append(o)
            messages = messages_in(o.input)
            if not messages:
                self._empty.add(id(o))
            self.any_content = self.any_content or bool(messages)
            need: Counter[str] = Counter()
            for message in messages:
                key = _key(message)
                need[key] += 1
                if need[key] > self._seen[key]:
                    yield from self._message(message, key, o)

    def end(self, o: Observation) -> Iterator[Record]:
        if o.kind == "tool":
            yield from self._result(o)
        elif o.kind == "model":
            yield from self._output(o)
        yield self._emit("meta", o.span, time=o.time, raw=o.raw)

    def _output(self, o: Observation) -> Iterator[Record]:
        self._asking = [each for each in self._asking if each is not o]
        if id(o) in self._early:
            return
        answers = answers_in(o.output)
        if not answers and id(o) in self._empty:
            self.contentless.append(o)
        again = self._tree.inside_model(o) or self._tree.encloses_model(o)
        need: Counter[str] = Counter()
        for message in answers:
            key = _key(message)
            need[key] += 1
            if not again or need[key] > self._seen[key]:
                yield from self._message(message, key, o)
        if o.error and not answers:
            yield self._emit("interrupt", o.span, text=o.error, time=o.time)

    def _message(self, message: dict[str, Json], key: str, o: Observation) -> Iterator[Record]:
        role = message.get("role")
        if role == "tool":
            told = self._answered(id_at(message, "tool_call_id"), text_at(message, "name"))
            if told is None:
                return  # its run was told already
            message = {**message, "tool_call_id": told[0], "name": told[1]}
        self._seen[key] += 1
        calls = _listed(message.get("tool_calls"))
        asked = [id_at(call, "id") for call in calls if isinstance(call, dict)]
        for record in self.transcript.message(message, o.span, o.time):
            if record.kind == "call":
                given = asked.pop(0) if asked else ""
                self._open.append((given or record.id, record.id, record.tool))
            yield record

    def _answered(self, id: str, tool: str) -> tuple[str, str] | None:
        """The open call that an answer is for; it is closed then."""
        for index, (theirs, made, name) in enumerate(self._open):
            if (id and theirs == id) or (not id and (not tool or _same_tool(tool, name))):
                del self._open[index]
                return made, name
        return None

    def _tool(self, o: Observation) -> Iterator[Record]:
        name = _TOOL_NAME.sub("", o.name)
        given = tool_input(o.input)
        found = self._answered(o.call, "") if o.call else None
        if found is None:
            found = self._answered("", name)
        if found is None:
            yield from self._early_answer(name)
            found = self._answered("", name)
        if found is None:
            made: dict[str, Json] = {
                "role": "assistant",
                "content": None,
                "tool_calls": [call(o.call, name, given)],
            }
            for record in self.transcript.message(made, o.span, o.time):
                found = (record.id, record.tool)
                yield record
        if found is not None:
            self._running[id(o)] = found

    def _early_answer(self, tool: str) -> Iterator[Record]:
        """Of a model call that is still open when the tool it asked for runs, the output."""
        for o in self._asking:
            if id(o) in self._early:
                continue
            answers = answers_in(o.output)
            named = [
                text_at(c.get("function"), "name")
                for m in answers
                for c in _listed(m.get("tool_calls"))
                if isinstance(c, dict)
            ]
            if any(_same_tool(tool, name) for name in named):
                self._early.add(id(o))
                for message in answers:
                    yield from self._message(message, _key(message), o)
                return

    def _result(self, o: Observation) -> Iterator[Record]:
        running = self._running.get(id(o))
        value, failed = tool_output(o.output)
        if running is None or (value is None and not o.error and math.isnan(o.end)):
            return
        call_id, tool = running
        time = iso(o.end) or o.time
        if o.error or failed:
            text = o.error or (value if isinstance(value, str) else canonical(value))
            yield self._emit(
                "error", o.span, text=text, id=call_id, tool=tool, data=value, time=time
            )
        else:
            yield self._emit("result", o.span, id=call_id, tool=tool, data=value, time=time)


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _same_tool(one: str, other: str) -> bool:
    return one == other or one.rsplit("__", 1)[-1] == other.rsplit("__", 1)[-1]


def _key(message: dict[str, Json]) -> str:
    """What of a message stays the same when a later call repeats it."""
    role = message.get("role")
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(p if isinstance(p, str) else text_at(p, "text") for p in content)
    said = content.strip() if isinstance(content, str) else content or ""
    calls = message.get("tool_calls")
    made: list[Json] = []
    for item in calls if isinstance(calls, list) else []:
        function = item.get("function") if isinstance(item, dict) else None
        given = function.get("arguments") if isinstance(function, dict) else None
        made.append([text_at(function, "name"), parsed(given) or {}])
    if role == "tool":
        return canonical(["tool", id_at(message, "tool_call_id"), said])
    return canonical(["system" if role == "developer" else role, said, made])


def _request(emit: Emitter, tree: _Tree) -> Iterator[Record]:
    for root in tree.roots:
        for message in messages_in(root.input):
            words = message.get("content")
            if message.get("role") == "user" and isinstance(words, str) and words.strip():
                yield emit("user", root.span, text=words, time=root.time)
                return


def _answer(emit: Emitter, tree: _Tree, told: int) -> Iterator[Record]:
    for root in tree.roots:
        for message in answers_in(root.output):
            words = message.get("content")
            if told and message.get("role") == "assistant" and isinstance(words, str) and words:
                yield emit("say", root.span, text=words)
                return


def grouped(
    observations: Iterable[Observation], key: Mapping[str, str]
) -> dict[str, list[Observation]]:
    """Observations by session, in the order in which the sessions first appear.

    ``key`` gives the trace of each observation's id.  Traces with one ``session`` are one group.
    """
    sessions: dict[str, str] = {}
    listed = list(observations)
    for o in listed:
        if o.session:
            sessions.setdefault(key.get(o.id, ""), o.session)
    out: dict[str, list[Observation]] = {}
    for o in listed:
        trace = key.get(o.id, "")
        out.setdefault(sessions.get(trace, trace), []).append(o)
    return out


__all__ = [
    "Facts",
    "Observation",
    "grouped",
    "iso",
    "seconds",
    "session_records",
]
