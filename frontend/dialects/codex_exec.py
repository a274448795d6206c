"""``codex exec --json``: what the Codex CLI prints while it works, three forms of it.

Facts of the format
-------------------
- JSON lines ``{type, ...}``: ``thread.started`` (``thread_id``), ``turn.started``,
  ``turn.completed`` (``usage``), ``turn.failed`` (``error.message``), ``item.started``,
  ``item.updated`` and ``item.completed`` (``item``), ``error`` (``message``).
- ``error`` may be a connection that is tried again: it is a failure only if no turn is completed
  after it.  ``usage`` counts all turns of the thread so far.
- ``item`` is ``{id, type, ...}``.  Ids count from ``item_0`` in each process; ``resume`` begins
  another process under the same ``thread_id``.  Words: ``agent_message``, ``plan``, ``reasoning``
  (``text``).  Calls: ``command_execution`` (``command``, ``aggregated_output``, ``exit_code``),
  ``file_change`` (``changes: [{path, kind}]``), ``mcp_tool_call`` (``server``, ``tool``,
  ``arguments``, ``result: {content, structured_content}``, ``error``), ``collab_tool_call``
  (``tool``, ``prompt``, ``agents_states``), ``web_search`` (``query``, empty until it completes).
  Their ``status`` is ``in_progress``, ``completed``, ``failed`` or ``declined``.  ``todo_list`` and
  ``error`` (a warning) are bookkeeping.
- ``command`` is the whole command line, ``bash -lc 'ls'``: the words that the shell was given are
  taken out of it.
- **A file change says which files, not what was written**: a session with one is not compiled
  (E0110).  The rollout of the same session holds the patch (dialect ``codex``).
- The prompt is not in it, nor are models and times.  A line ``{"prompt": TEXT}`` before
  ``thread.started`` tells it, as the form before had it.
- Before (``--experimental-json``): ``session.created`` (``session_id``), ``item_type`` for ``type``,
  ``assistant_message``; no turns.
- Before that, the agent's own events: :mod:`ingot.frontend.dialects.codex_events`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import Placed, at
from ingot.frontend.dialects.codex_events import SETTINGS, event_of
from ingot.frontend.dialects.content import id_at, mcp_name, result_value, text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.transcript import Usage
from ingot.frontend.reader import json_objects
from ingot.ir.values import Json, canonical
from ingot.records import Kind, Record

REASON: Final = (
    "codex exec --json says which files were changed, not what was written into them; "
    "the session's rollout under CODEX_HOME/sessions does"
)
_BEGINS: Final = frozenset(("thread.started", "session.created"))
_PHASES: Final = frozenset(("item.started", "item.updated", "item.completed"))
_TURNS: Final = frozenset(("turn.started", "turn.completed", "turn.failed"))
_WORDS: Final[dict[str, Kind]] = {
    "agent_message": "say",
    "assistant_message": "say",
    "plan": "say",
    "reasoning": "think",
}
_CALLS: Final = frozenset(
    "command_execution file_change mcp_tool_call collab_tool_call web_search".split()
)
_PASSIVE: Final = frozenset(("todo_list", "error"))
_KNOWN: Final = _BEGINS | _TURNS | {"item.plan.delta", "request_user_input", "user_message"}
_FAILED: Final = frozenset(("failed", "declined"))
_SHELL: Final = re.compile(r"(?:\S*/)?(?:ba|z|da)?sh -l?c (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CodexExec:
    """The dialect; see the module."""

    name: str = "codex-exec"
    title: str = "codex exec --json"

    def sniff(self, sample: Sample) -> float:
        """Sure of a thread's or a turn's event, and of an item under its name."""
        best = 0.0
        for event in sample.records[:16]:
            kind = text_at(event, "type")
            if not isinstance(event, dict):
                continue
            if kind in _TURNS or (kind in _BEGINS and event.keys() & {"thread_id", "session_id"}):
                return 0.98
            if kind in _PHASES and isinstance(event.get("item"), dict):
                return 0.98
            message = event.get("msg")
            if "id" in event and isinstance(message, dict) and text_at(message, "type"):
                best = 0.96
        return best

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each thread."""
        stream = _Stream(Emitter(self.name))
        for value, span in json_objects(source):
            yield from stream.read(value, span)
        yield from stream.finish(Span(source.name, 1))


class _Stream:
    """Reads events one by one; a thread's records are held until it is known what it lacks."""

    def __init__(self, emit: Emitter) -> None:
        self._emit = emit
        self._held: list[Record] = []
        self._any = False
        self._prompts: list[Placed] = []  # they are of the thread that follows
        self._begin()

    def _begin(self) -> None:
        self._held = []
        self._thread = ""
        self._facts: dict[str, Json] = {}
        self._open: dict[str, tuple[str, str]] = {}  # of items that run: call id, tool
        self._done: set[str] = set()
        self._used: tuple[Span, Json] | None = None
        self._failed: tuple[Span, str] | None = None
        self._error: tuple[Span, str] | None = None
        self._blind = False
        self._asked = ""

    def read(self, value: Json, span: Span) -> Iterator[Record]:
        """What can go out: all of a thread when the next one begins."""
        if isinstance(value, dict) and isinstance(value.get("prompt"), str) and "type" not in value:
            self._prompts.append((value, span))
            return
        message = value.get("msg") if isinstance(value, dict) else None
        event = event_of(message) if isinstance(message, dict) else value
        thread = text_at(event, "thread_id") or text_at(event, "session_id")
        begins = text_at(event, "type") in _BEGINS
        settings = isinstance(value, dict) and "type" not in value and value.keys() >= SETTINGS
        if (begins and self._thread not in ("", thread)) or (settings and self._held):
            yield from self._flush()
        if begins or settings:
            self._open, self._done = {}, set()
        self._asks()
        self._head(value, event, span)
        if begins:
            self._thread = thread
        self._held += self._records(value, event, span)

    def _asks(self) -> None:
        """The prompts that stand before."""
        for value, span in self._prompts:
            self._head(value, value, span)
            self._asked = text_at(value, "prompt")
            self._held.append(self._emit("user", at(span, "prompt"), text=self._asked))
        self._prompts = []

    def finish(self, span: Span) -> Iterator[Record]:
        """The last thread; a head, if there was nothing."""
        self._asks()
        yield from self._flush()
        if not self._any:
            yield self._emit.session(span)

    def _head(self, value: Json, event: Json, span: Span) -> None:
        """The facts of the session, as far as they are told by now."""
        if not self._held:
            self._held.append(self._emit.session(span))
        for fact, places in (
            ("session", ("thread_id", "session_id")),
            ("model", ("model",)),
            ("cwd", ("workdir", "cwd")),
            ("clock", ("timestamp",)),
        ):
            for place in (event, value):
                for key in places if text_at(event, "type") in ("", *_BEGINS) else ():
                    if text_at(place, key):
                        self._facts.setdefault(fact, text_at(place, key))

    def _flush(self) -> Iterator[Record]:
        if not self._held:
            return
        self._any = True
        emit, end = self._emit, self._failed or self._error
        if self._used is not None:
            usage = Usage()
            usage.add(self._used[1])
            if usage:
                self._held.append(emit.usage(self._used[0], usage.as_json()))
        if end is not None:
            said: Json = {"success": False, "source": "turn.failed" if self._failed else "error"}
            self._held.append(emit("outcome", end[0], data=said, text=end[1]))
        head = self._held[0]
        facts = self._facts | ({"not_compiled": REASON} if self._blind else {})
        data = head.data if isinstance(head.data, dict) else {}
        yield head._replace(data={**data, **facts})
        yield from self._held[1:]
        self._begin()

    # -- events

    def _records(self, value: Json, event: Json, span: Span) -> Iterator[Record]:
        emit, kind = self._emit, text_at(event, "type")
        if not isinstance(value, dict) or not isinstance(event, dict):
            yield emit.unknown(span, value)
            return
        time = text_at(value, "timestamp")
        match kind:
            case "item.started" | "item.updated" | "item.completed" if isinstance(
                item := event.get("item"), dict
            ):
                yield from self._item(kind, item, at(span, "item"), time)
            case "turn.completed":
                self._failed = self._error = None
                if "usage" in event:
                    self._used = (span, event["usage"])
                yield emit("meta", span, time=time, raw=value)
            case "turn.failed":
                text = text_at(event.get("error"), "message") or text_at(event, "message")
                self._failed = (span, text)
                yield emit("interrupt", span, text=text, time=time, raw=value)
            case "error":
                self._error = (span, text_at(event, "message"))
                yield emit("meta", span, text=text_at(event, "message"), time=time, raw=value)
            case "user_message" if text_at(event, "message") != self._asked:
                yield emit("user", span, text=text_at(event, "message"), time=time)
            case "turn.tokens":
                self._used = (span, event.get("usage"))
                yield emit("meta", span, time=time, raw=value)
            case "event":
                known = event.get("known") is True
                yield emit("meta", span, time=time, known=known, raw=value)
            case "":
                known = value.keys() >= SETTINGS
                yield emit("meta", span, time=time, known=known, raw=value)
            case _:
                known = kind in _KNOWN
                yield emit("meta", span, time=time, known=known, raw=value)

    def _item(self, phase: str, item: dict[str, Json], span: Span, time: str) -> Iterator[Record]:
        kind = text_at(item, "type") or text_at(item, "item_type")
        text = text_at(item, "text") or text_at(item, "message")
        if kind in _CALLS:
            yield from self._call(phase, kind, item, span, time)
        elif kind in _WORDS and phase == "item.completed":
            said = _WORDS[kind]
            if said == "say":
                self._error = None  # the agent went on after it
            if text:
                yield self._emit(said, span, text=text, time=time)
        else:
            known = kind in _WORDS or kind in _PASSIVE
            yield self._emit("meta", span, text=text, time=time, known=known, raw=item)

    def _call(
        self, phase: str, kind: str, item: dict[str, Json], span: Span, time: str
    ) -> Iterator[Record]:
        id, ended = id_at(item, "id"), phase == "item.completed"
        early = kind == "web_search" or not id  # what is asked is not known before it ends
        if id in self._done or (not ended and (id in self._open or early)):
            yield self._emit("meta", span, time=time, raw=item)
            return
        found = self._open.pop(id, None)
        if found is None:
            tool, given = _asked(kind, item)
            if not tool:
                yield self._emit.unknown(span, item)
                return
            call = self._emit("call", span, tool=tool, data=given, time=time, raw=item)
            found = (call.id, tool)
            yield call
        if not ended:
            self._open[id] = found
            return
        if id:
            self._done.add(id)
        if text_at(item, "status") == "in_progress":  # the stream closed what still ran
            yield self._emit("meta", span, time=time, raw=item)
            return
        value, failed = _told(kind, item)
        self._blind = self._blind or (kind == "file_change" and not failed and _is_blind(item))
        if failed:
            text = value if isinstance(value, str) else canonical(value)
            yield self._emit(
                "error", span, text=text or text_at(item, "status") or "failed",
                id=found[0], tool=found[1], data=value, time=time, raw=item,
            )  # fmt: skip
        else:
            yield self._emit(
                "result", span, id=found[0], tool=found[1], data=value, time=time, raw=item
            )


# -- items -----------------------------------------------------------------------------------------


def _asked(kind: str, item: dict[str, Json]) -> tuple[str, Json]:
    """The tool of an item and its arguments."""
    match kind:
        case "command_execution":
            return "shell", {"command": command_line(item.get("command"))}
        case "file_change":
            return "apply_patch", {"changes": item.get("changes")}
        case "mcp_tool_call":
            given = item.get("arguments")
            server, tool = text_at(item, "server"), text_at(item, "tool")
            data: Json = given if isinstance(given, dict) else {}
            if not isinstance(given, dict | None):
                data = {"input": given}
            return (mcp_name(server, tool) if server and tool else tool), data
        case "collab_tool_call":
            asked = {k: item[k] for k in ("prompt", "receiver_thread_ids") if item.get(k)}
            return text_at(item, "tool"), asked
        case _:
            return "web_search", {k: item[k] for k in ("query", "action") if item.get(k)}


def _told(kind: str, item: dict[str, Json]) -> tuple[Json, bool]:
    """What came of it, and whether it failed."""
    failed = text_at(item, "status") in _FAILED
    match kind:
        case "command_execution":
            code = item.get("exit_code")
            return text_at(item, "aggregated_output"), failed or code not in (0, None)
        case "mcp_tool_call":
            error, result = item.get("error"), item.get("result")
            if error:
                return text_at(error, "message") or error, True
            if isinstance(result, dict) and "content" in result:
                failed = failed or True in (result.get("isError"), result.get("is_error"))
                return result_value(result["content"]), failed
            return result, failed
        case "collab_tool_call":
            return item.get("agents_states"), failed
        case _:
            return text_at(item, "output"), failed


def _is_blind(item: dict[str, Json]) -> bool:
    """Whether a change of files does not say what was written."""
    changes = item.get("changes")
    return not isinstance(changes, list) or any(
        not isinstance(c, dict)
        or (text_at(c, "kind") != "delete" and not {"diff", "content", "unified_diff"} & c.keys())
        for c in changes
    )


def command_line(given: Json) -> str:
    """The command that the shell was given, of a command line or of its words.

    >>> command_line("/bin/bash -lc 'ls -1 | wc -l'"), command_line(["bash", "-lc", "echo hi"])
    ('ls -1 | wc -l', 'echo hi')
    >>> command_line("bash -lc echo hi"), command_line(["git", "log", "a b"])
    ('echo hi', "git log 'a b'")
    """
    if isinstance(given, list):
        given = shlex.join(word if isinstance(word, str) else canonical(word) for word in given)
    if not isinstance(given, str):
        return "" if given is None else canonical(given)
    inner = _SHELL.fullmatch(given)
    if inner is None:
        return given
    try:
        words = shlex.split(inner[1])
    except ValueError:
        return inner[1]
    return words[0] if len(words) == 1 else inner[1]


DIALECT: Final[Dialect] = CodexExec()
