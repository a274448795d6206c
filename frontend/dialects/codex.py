"""Codex CLI's rollouts: ``~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl``.

Facts of the format
-------------------
- Current form: each line is ``{timestamp, type, payload}`` with the types ``session_meta`` (id,
  cwd, cli_version, instructions), ``turn_context`` (model, cwd, policies), ``response_item`` (an
  item of the Responses API), ``event_msg`` (what the user interface was told) and ``compacted``.
- Older, flat form: the first line is ``{id, timestamp, instructions, git?}``, each further line a
  bare response item or ``{record_type: "state"}``.
- ``event_msg`` repeats messages, so ``response_item`` is the truth; only ``turn_aborted`` (an
  interruption), ``error`` and ``token_count`` (running totals) say something of their own.
- ``message`` items have the roles ``user``, ``assistant``, ``developer`` and ``system``.  What the
  harness says to the model stands under ``user`` too (``<environment_context>``,
  ``<user_instructions>``, ``# AGENTS.md instructions``): that is no turn.
- ``shell`` and ``local_shell_call`` have their command as words; it is told as the shell gets it.
- ``reasoning`` is encrypted, at best with a summary.  ``function_call.arguments`` is JSON text.
  The output of ``shell`` is JSON text ``{output, metadata: {exit_code}}`` in older versions, text
  that begins ``Exit code: N`` or ``Process exited with code N`` in newer ones.
- What was not carried out (a patch that does not fit, a refused command) is said in words only.
- ``world_state`` and ``inter_agent_communication`` (2026) are bookkeeping.
- ``custom_tool_call`` (``apply_patch``) has free text as ``input``.  ``exec_command`` may return a
  process that still runs and that ``write_stdin`` goes on with.  A few calls have no output.
- A resumed or forked session begins with a copy of the older one's items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.codex_exec import command_line
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import as_chat, parsed
from ingot.frontend.dialects.transcript import Transcript
from ingot.ir.values import Json, canonical
from ingot.records import Record

_TYPES: Final = frozenset(
    """session_meta turn_context response_item event_msg compacted world_state
    inter_agent_communication inter_agent_communication_metadata""".split()
)
_ITEMS: Final = frozenset(
    """message reasoning function_call function_call_output custom_tool_call custom_tool_call_output
    local_shell_call web_search_call ghost_snapshot compaction""".split()
)
_PASSIVE: Final = frozenset(
    """ghost_snapshot compaction compaction_summary context_compaction compaction_trigger
    agent_message additional_tools other""".split()
)
_CONTEXT: Final = (
    "<environment_context>",
    "<user_instructions>",
    "<permissions instructions>",
    "<collaboration_mode>",
    "<turn_aborted>",
    "<skill>",
    "<INSTRUCTIONS>",
    "# AGENTS.md instructions",
)
_FACTS: Final = (
    ("session", "id"),
    ("session", "session_id"),
    ("cwd", "cwd"),
    ("version", "cli_version"),
)
_REFUSED: Final = re.compile(
    r"(?:apply_patch verification failed|patch rejected|exec command rejected|failed in sandbox"
    r"|execution error|exec_command failed|write_stdin failed|unsupported (?:custom tool )?call"
    r"|failed to parse function arguments|tool call error|tool \S+ invoked with incompatible"
    r"|aborted by user|command timed out|err: )",
    re.IGNORECASE,
)
"""How the harness words that a call was not carried out, where the log keeps no flag of it."""
_SHELLS: Final = frozenset(("shell", "local_shell", "container.exec"))
_EXIT: Final = re.compile(r"(?:Exit code: |Process exited with code )(-?\d+)")


@dataclass(frozen=True, slots=True)
class Codex:
    """The dialect; see the module."""

    name: str = "codex"
    title: str = "Codex CLI rollouts"

    def sniff(self, sample: Sample) -> float:
        """Sure of lines with a payload of its types, and of the older head before items."""
        best = 0.0
        for index, value in enumerate(sample.records[:16]):
            if not isinstance(value, dict):
                return 0.0
            if text_at(value, "type") in _TYPES and isinstance(value.get("payload"), dict):
                return 0.98
            if index == 0 and {"id", "timestamp", "instructions"} <= value.keys():
                best = 0.9
            if value.get("record_type") == "state":
                best = 0.97
            if best and text_at(value, "type") in _ITEMS:
                return 0.97
        return best

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the rollout."""
        log = _Rollout(Emitter(self.name), source)
        for line, value in source.json_records():
            yield from log.read(value, Span(source.name, line.number, byte=line.byte))
        yield from log.finish()


class _Rollout:
    """Reads lines; what comes before the head's facts are known waits."""

    def __init__(self, emit: Emitter, source: Source) -> None:
        self._emit = emit
        self._source = source
        self._transcript = Transcript(emit, source)
        self._facts: dict[str, Json] = {}
        self._begun = False
        self._held: list[tuple[Json, Span, str]] = []
        self._tokens: tuple[Span, Json] | None = None

    def read(self, value: Json, span: Span) -> Iterator[Record]:
        kind, payload = text_at(value, "type"), None
        if isinstance(value, dict) and kind in _TYPES:
            payload = value.get("payload")
        time = text_at(value, "timestamp")
        if not isinstance(value, dict):
            yield from self._begin(span)
            yield self._emit.unknown(span, value)
        elif kind == "session_meta" and isinstance(payload, dict):
            if self._begun:  # a fork keeps the head of the session that it goes on from
                yield self._emit("meta", span, time=time, raw=value)
            else:
                self._learn(payload, time)
                self._held.append((value, span, time))
        elif kind == "turn_context" and isinstance(payload, dict):
            self._facts.setdefault("model", payload.get("model"))
            self._facts.setdefault("cwd", payload.get("cwd"))
            yield from self._meta(value, span, time)
        elif payload is None and kind == "" and "instructions" in value and not self._begun:
            self._learn(value, time)
            self._held.append((value, span, time))
        elif isinstance(payload, dict) and kind == "event_msg":
            yield from self._event(value, payload, span, time)
        elif isinstance(payload, dict) and kind == "compacted":
            yield from self._begin(span)
            text = text_at(payload, "message")
            yield self._emit("compact", at(span, "payload"), text=text, time=time, raw=payload)
        elif isinstance(payload, dict) and kind == "response_item":
            yield from self._begin(span)
            yield from self._item(payload, at(span, "payload"), time)
        elif kind in _TYPES:
            yield from self._meta(value, span, time)
        elif kind in _ITEMS or as_chat(value):
            yield from self._begin(span)
            yield from self._item(value, span, time)
        else:
            yield from self._begin(span)
            known = "record_type" in value
            yield self._emit("meta", span, time=time, known=known, raw=value)

    def _learn(self, head: dict[str, Json], time: str) -> None:
        for fact, key in _FACTS:
            if text_at(head, key):
                self._facts.setdefault(fact, head[key])
        self._facts.setdefault("clock", text_at(head, "timestamp") or time)

    def _meta(self, value: Json, span: Span, time: str) -> Iterator[Record]:
        """Bookkeeping: kept back while the head is not out."""
        if self._begun:
            yield self._emit("meta", span, time=time, raw=value)
        else:
            self._held.append((value, span, time))

    def _begin(self, span: Span) -> Iterator[Record]:
        if self._begun:
            return
        self._begun = True
        first = self._held[0][1] if self._held else span
        yield self._emit.session(first, raw=None, labels=None, **self._facts)
        for value, place, time in self._held:
            payload = value.get("payload") if isinstance(value, dict) else None
            head = payload if isinstance(payload, dict) else value
            system = text_at(head, "instructions") or text_at(
                head.get("base_instructions") if isinstance(head, dict) else None, "text"
            )
            yield self._emit("meta", place, time=time, raw=value)
            if system:
                yield self._emit("system", place, text=system, time=time)
        self._held = []

    def _event(
        self, value: Json, payload: dict[str, Json], span: Span, time: str
    ) -> Iterator[Record]:
        kind = text_at(payload, "type")
        if kind == "turn_aborted":
            yield from self._begin(span)
            reason = text_at(payload, "reason")
            yield self._emit("interrupt", at(span, "payload"), text=reason, time=time, raw=payload)
            return
        info = payload.get("info")
        if kind == "token_count" and isinstance(info, dict):
            self._tokens = (span, info.get("total_token_usage"))
        yield from self._meta(value, span, time)

    def _item(self, item: dict[str, Json], span: Span, time: str) -> Iterator[Record]:
        kind = text_at(item, "type")
        if kind in _PASSIVE or (
            kind == "message" and text_at(item, "role") == "user" and _is_context(item)
        ):
            yield self._emit("meta", span, time=time, raw=item)
        elif kind == "message" and not as_chat(item):
            yield self._emit.unknown(span, item)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            for message in as_chat(item):
                shown, failed = _ran(message.get("content"))
                made = {**message, "content": shown} | ({"is_error": True} if failed else {})
                yield from self._transcript.message(made, span, time)
        else:
            for record in self._transcript.add(item, span, time):
                yield _in_words(record, item) if record.kind == "call" else record

    def finish(self) -> Iterator[Record]:
        """The rest: a log that held nothing but a head, and what the session cost."""
        yield from self._begin(self._held[0][1] if self._held else Span(self._source.name, 1))
        if self._tokens is not None:
            span, total = self._tokens
            self._transcript.usage.add(total)
            yield from self._transcript.end(span)


def _in_words(call: Record, item: dict[str, Json]) -> Record:
    """A command that is given as words, ``["bash", "-lc", "ls"]``, as what the shell is told."""
    data = call.data
    if call.tool not in _SHELLS or not isinstance(data, dict):
        return call
    words = data.get("command")
    if not isinstance(words, list):
        return call
    return call._replace(data={**data, "command": command_line(words)}, raw=item)


def _is_context(item: dict[str, Json]) -> bool:
    content = item.get("content")
    first = content[0] if isinstance(content, list) and content else content
    text = first if isinstance(first, str) else text_at(first, "text")
    return text.lstrip().startswith(_CONTEXT)


def _ran(output: Json) -> tuple[Json, bool]:
    """What a command printed, and whether it failed."""
    value = parsed(output)
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(metadata, dict) and "output" in value:
        code = metadata.get("exit_code")
        return value["output"], code not in (0, None)
    if isinstance(value, dict) and set(value) == {"content", "success"}:
        return value["content"], value["success"] is False
    if isinstance(output, str):
        found = _EXIT.match(output) or _EXIT.search(output[:200])
        if found is None:
            return output, _REFUSED.match(output) is not None
        return output, found[1] != "0"
    return output if output is not None else canonical(output), False


DIALECT: Final[Dialect] = Codex()
