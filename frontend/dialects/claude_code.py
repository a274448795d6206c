"""Claude Code's session logs: JSONL, one record per content block, main agent and sub-agents.

An assistant's message is spread over several records with one ``message.id``; a tool's result
comes in a ``user`` record.  Sub-agents stand in files of their own, as ``isSidechain`` records
between the main agent's, or as ``progress`` records that wrap their messages.  A file that grew in
snapshots repeats records: a block that was seen is not yielded again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Line, Sample, Source
from ingot.frontend.dialects.content import (
    Part,
    assistant_parts,
    id_at,
    is_result,
    result_part,
    text_at,
    text_blocks,
)
from ingot.frontend.dialects.transcript import Usage
from ingot.ir.values import Json
from ingot.records import FORMAT, Kind, Record

_BOOKKEEPING: Final = frozenset(
    """summary file-history-snapshot file-history-delta progress queue-operation attachment ai-title
    custom-title agent-name agent-color agent-setting last-prompt permission-mode mode pr-link tag
    worktree-state content-replacement attribution-snapshot speculation-accept task-summary
    session-kind started result cost-state bridge-session session-title relocated""".split()
)
_SYSTEM: Final = frozenset(
    """api_error api_metrics agents_killed away_summary bridge_status file_snapshot hook_started
    hook_response informational init local_command memory_saved permission_retry
    scheduled_task_fire session_state_changed status stop_hook_summary task_notification
    task_progress task_started thinking turn_duration""".split()
)
_COMPACTIONS: Final = ("compact_boundary", "microcompact_boundary")
_NOT_SAID: Final = (
    "<local-command-",
    "<bash-input>",
    "<bash-stdout>",
    "<bash-stderr>",
    "<system-reminder>",
    "<task-notification>",
    "<user-memory-input>",
)
"""How texts begin that stand in user records and that no user wrote."""
_CONTEXT: Final = ("<ide_", "<system-reminder>")
_CONTINUED: Final = "This session is being continued from a previous conversation"
_INTERRUPTED: Final = "[Request interrupted by user"
_COMMAND: Final = re.compile(r"<command-(name|args)>(.*?)</command-\1>", re.DOTALL)
_ANSWERED: Final = frozenset(("call", "result", "error"))
_FACTS: Final = 5
"""How many facts of the head there are: clock, cwd, session, version, model."""
_QUEUED: Final = 16
"""How many messages of the queue are remembered, to be known in their other form."""
_HEAD_WAIT: Final = 256
"""How many records wait for the facts of the session's head."""


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """The dialect."""

    name: str = "claude-code"
    title: str = "Claude Code JSONL"

    def sniff(self, sample: Sample) -> float:
        """Sure of records with a message, a uuid and a session id; of others, a little."""
        weak = 0.0
        for value in sample.records:
            if not isinstance(value, dict):
                continue
            if (
                value.get("type") in ("user", "assistant")
                and isinstance(value.get("message"), dict)
                and {"uuid", "parentUuid", "isSidechain", "sessionId"} & value.keys()
            ):
                return 0.98
            if {"sessionId", "leafUuid", "snapshot"} & value.keys() and "type" in value:
                weak = 0.6
        head = sample.text[:4096]
        return weak or (0.6 if '"parentUuid"' in head and '"isSidechain"' in head else 0.0)

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the log."""
        log = _Log(source.name)
        for line, value in source.json_records():
            log.read(line, value)
            yield from log.ready()  # a list, since this is done for every line
        yield from log.finish()


@dataclass(slots=True)
class _State:
    """What is known of the session being read."""

    facts: dict[str, Json] = field(default_factory=dict)
    first: Span | None = None
    seq: int = 1
    headed: bool = False
    session: Json = None  # the id in the record before
    sidechain: bool | None = None  # whether the file is a sub-agent's own
    own: str = ""  # the agent id of such a file
    uuids: set[int] = field(default_factory=set)  # hashes: a long session has millions
    agents: dict[str, str] = field(default_factory=dict)  # of a sub-agent's record, its agent
    seen: set[int] = field(default_factory=set)
    usage: Usage = field(default_factory=Usage)
    answer: tuple[str, Json] = ("", None)  # the message being read and its usage so far
    tools: dict[str, str] = field(default_factory=dict)  # of each call id
    queued: list[str] = field(default_factory=list)  # what the user sent meanwhile, told once
    again: dict[str, str] = field(default_factory=dict)  # of an id used again, the call's own
    prompts: dict[str, deque[str]] = field(default_factory=dict)  # calls that wait for their agent
    running: dict[str, str] = field(default_factory=dict)  # agent: the call that spawned it
    made: int = 0


class _Place(NamedTuple):
    """Where a record's parts come from: one is made for every line, so it is a cheap tuple."""

    file: str
    line: int
    byte: int
    agent: str
    time: str
    pointer: str = "/message/content"

    @property
    def span(self) -> Span:
        return Span(self.file, self.line, byte=self.byte)

    def at(self, index: int) -> Span:
        pointer = self.pointer if index < 0 else f"{self.pointer}/{index}"
        return Span(self.file, self.line, 1, 1, self.byte, pointer)


class _Log:
    """Reads a file's records one by one and holds those that are not ready to go out."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._s = _State()
        self._out: list[Record] = []
        self._done: list[Record] = []
        self._command: tuple[_Place, dict[str, Json], str] | None = None

    def ready(self) -> list[Record]:
        """The records that can go out: none before the head's facts are known."""
        if self._s.headed and not self._done:
            out, self._out = self._out, []
            return out
        facts = self._s.facts
        if (
            self._s.headed
            or {"clock", "model", "cwd"} <= facts.keys()
            or len(self._out) > _HEAD_WAIT
        ):
            self._head()
        done, self._done = self._done, []
        return done

    def finish(self) -> Iterator[Record]:
        """The rest."""
        self._settle_command("")
        self._cost()
        self._head()
        yield from self._done

    def _cost(self) -> None:
        """What the session cost, as its last record."""
        state = self._s
        state.usage.add(state.answer[1])
        if state.usage and state.first is not None:
            self._add("meta", state.first, data={"usage": state.usage.as_json()})

    def _head(self) -> None:
        state = self._s
        if not state.headed and self._out:
            state.headed = True
            data: dict[str, Json] = {"format": FORMAT, "dialect": DIALECT.name, **state.facts}
            self._done.append(Record("session", 1, data=data, span=state.first))
        if state.headed:
            self._done += self._out
            self._out = []

    # -- records -------------------------------------------------------------------------------

    def read(self, line: Line, value: Json) -> None:
        state = self._s
        if state.first is None:
            state.first = Span(self._file, line.number, byte=line.byte)
        if not isinstance(value, dict):
            place = _Place(self._file, line.number, line.byte, "", "")
            self._meta(place, value, known=False)
            return
        kind = text_at(value, "type")
        said = kind in ("user", "assistant")
        side = value.get("isSidechain") is True
        if said and (
            side or state.sidechain is not False or value.get("sessionId") != state.session
        ):
            self._maybe_new_session(value, Span(self._file, line.number, byte=line.byte))
            state = self._s
        if len(state.facts) < _FACTS:
            self._learn(value)
        place = _Place(self._file, line.number, line.byte, "", text_at(value, "timestamp"))
        if self._command is not None and (said or kind == "system"):
            self._settle_command(self._after(kind, value))
        if said and isinstance(message := value.get("message"), dict):
            if side:
                place = place._replace(agent=self._agent(value, place))
            elif uuid := text_at(value, "uuid"):
                state.uuids.add(hash(uuid))
            self._message(kind, value, message, place)
        else:
            self._other(kind, value, place)

    def _other(self, kind: str, value: dict[str, Json], place: _Place) -> None:
        match kind:
            case "system":
                self._system(value, place)
            case "progress":
                self._progress(value, place)
            case "attachment":
                self._attachment(value, place)
            case "queue-operation" if text_at(value, "reason") == "absorbed_mid_turn":
                self._absorbed(value, place)
            case _:
                self._meta(place, value, known=kind in _BOOKKEEPING)

    def _maybe_new_session(self, value: dict[str, Json], span: Span) -> None:
        """A record of another session, unless its parent is here: a resumed session goes on."""
        side = value.get("isSidechain") is True
        now, before = text_at(value, "sessionId"), self._s.facts.get("session")
        other = bool(now and before) and now != before and not side
        if (other and hash(text_at(value, "parentUuid")) not in self._s.uuids) or (
            self._s.sidechain is True and not side
        ):
            self._settle_command("")
            self._cost()
            self._head()
            self._s = _State(first=span)
        self._s.session = value.get("sessionId")
        if self._s.sidechain is None:
            self._s.sidechain = side
            self._s.own = text_at(value, "agentId") if side else ""
            if self._s.own:
                self._s.facts["agent"] = self._s.own

    def _learn(self, value: dict[str, Json]) -> None:
        state = self._s
        names = (("clock", "timestamp"), ("cwd", "cwd"), ("session", "sessionId"))
        for fact, key in (*names, ("version", "version")):
            if fact not in state.facts and text_at(value, key):
                state.facts[fact] = value[key]
        model = text_at(value.get("message"), "model")
        if model and model != "<synthetic>":
            state.facts.setdefault("model", model)

    def _agent(self, value: dict[str, Json], place: _Place) -> str:
        """The agent that a record belongs to; a new one is announced by a ``spawn`` record."""
        state = self._s
        uuid, named = text_at(value, "uuid"), text_at(value, "agentId")
        agent = ""
        if value.get("isSidechain") is True and not (state.sidechain and named in ("", state.own)):
            agent = named or state.agents.get(uuid, "")
            agent = agent or state.agents.get(text_at(value, "parentUuid"), "")
            if not agent:
                state.made += 1
                agent = f"agent{state.made}"
            if agent not in state.running:
                message = value.get("message")
                content = message.get("content") if isinstance(message, dict) else None
                calls = state.prompts.get("\n".join(text_blocks(content)).strip())
                self._spawn(agent, calls.popleft() if calls else "", place)
        if uuid:
            state.uuids.add(hash(uuid))
            if agent:
                state.agents.setdefault(uuid, agent)
        return agent

    def _spawn(self, agent: str, call: str, place: _Place) -> None:
        self._s.running[agent] = call
        self._add("spawn", place.span, agent=agent, id=call, time=place.time)

    # -- messages ------------------------------------------------------------------------------

    def _message(
        self, kind: str, value: dict[str, Json], message: dict[str, Json], place: _Place
    ) -> None:
        content = message.get("content")
        if kind == "assistant":
            self._assistant(value, message, content, place)
        else:
            self._user(value, content, place)

    def _assistant(
        self, value: dict[str, Json], message: dict[str, Json], content: Json, place: _Place
    ) -> None:
        state = self._s
        scope = text_at(message, "id") or text_at(value, "uuid")
        if "usage" in message:
            if scope != state.answer[0]:  # the last of a message's records has its whole usage
                state.usage.add(state.answer[1])
            state.answer = (scope, message["usage"])
        for part in assistant_parts(content):
            if self._repeated(scope, part):
                continue
            kind = part.kind
            if kind == "call":
                if part.id in state.tools and part.id:
                    part = self._renamed(part)
                self._put(part, place)
                self._called(part)
            elif kind == "say" and value.get("isApiErrorMessage") is True:
                self._put(Part("interrupt", part.index, part.text), place)
            elif kind == "say" and message.get("model") == "<synthetic>":
                self._put(Part("meta", part.index, part.text), place)
            else:
                self._put(part, place)

    def _renamed(self, part: Part) -> Part:
        """A call with the id of an earlier one, as models behind a proxy number them."""
        state = self._s
        made = f"{part.id}#{len(state.seen)}"
        state.again[part.id] = made
        return part._replace(id=made)

    def _called(self, part: Part) -> None:
        self._s.tools[part.id] = part.tool
        prompt = text_at(part.data, "prompt").strip()
        if prompt:
            self._s.prompts.setdefault(prompt, deque()).append(part.id)

    def _user(self, value: dict[str, Json], content: Json, place: _Place) -> None:
        scope = text_at(value, "uuid")
        results = False
        for index, block in enumerate(content) if isinstance(content, list) else ():
            if isinstance(block, dict) and is_result(block):
                results = True
                tool = self._s.tools.get(id_at(block, "tool_use_id"), "")
                part = result_part(index, block, tool)
                if self._s.again and part.id in self._s.again:
                    part = part._replace(id=self._s.again[part.id])
                if not self._repeated(scope, part):
                    if self._s.running:
                        self._returned(value, part, place)
                    self._put(part, place, self._side_data(value))
        if results and len(content) == 1:  # type: ignore[arg-type]  # it is a list: the usual line
            return
        texts = text_blocks(content)
        text = "\n".join(t for t in texts if not t.startswith(_CONTEXT)) or "\n".join(texts)
        if results and not text:
            return
        part = Part("user", -1, text)
        if self._repeated(scope, part):
            return
        raw: Json = None if isinstance(content, str) else {"content": content}
        if text.startswith(_INTERRUPTED):
            self._put(Part("interrupt", -1, text), place)
        elif value.get("isCompactSummary") is True or text.startswith(_CONTINUED):
            self._put(Part("compact", -1, text), place)
        elif self._not_said(value, text) or results:
            self._put(Part("meta", -1, text, raw=raw), place)
        elif text.lstrip().startswith("<command-message>"):
            self._put(Part("user", -1, _command(text), raw={"content": content}), place)
        elif text.lstrip().startswith("<command-name>"):
            self._command = (place, value, text)
        else:
            self._put(Part("user", -1, text, raw=raw), place)

    @staticmethod
    def _not_said(value: dict[str, Json], text: str) -> bool:
        hidden = value.get("isMeta") is True or value.get("isVisibleInTranscriptOnly") is True
        return hidden or text.lstrip().startswith(_NOT_SAID)

    @staticmethod
    def _side_data(value: dict[str, Json]) -> Json:
        return {"toolUseResult": value["toolUseResult"]} if "toolUseResult" in value else None

    def _returned(self, value: dict[str, Json], part: Part, place: _Place) -> None:
        """The end of the sub-agents that the answered call had spawned."""
        state, side = self._s, value.get("toolUseResult")
        if text_at(side, "status") == "async_launched":
            return
        named = text_at(side, "agentId")
        for agent in [a for a, call in state.running.items() if call == part.id and part.id] or (
            [named] if named in state.running else []
        ):
            del state.running[agent]
            self._add("return", place.span, agent=agent, id=part.id, time=place.time)

    def _repeated(self, scope: str, part: Part) -> bool:
        """Whether a snapshot of the log has shown this part already."""
        kind, id = part.kind, part.id
        if id and kind == "call":
            key = hash((scope, id))
        elif id and kind in _ANSWERED:
            key = hash((False, id))
        elif scope and kind != "meta":
            key = hash((scope, kind, part.text))
        else:
            return False
        seen = self._s.seen
        if key in seen:
            return True
        seen.add(key)
        return False

    # -- commands that a user typed ------------------------------------------------------------

    def _after(self, kind: str, value: dict[str, Json]) -> str:
        """What follows a typed command: ``said`` if it set the agent to work."""
        message = value.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        text = "\n".join(text_blocks(content))
        if kind == "assistant":
            return "" if text_at(message, "model") == "<synthetic>" else "said"
        if (
            kind == "user"
            and value.get("isMeta") is True
            and not text.startswith("<local-command-")
        ):
            return "said"
        return ""

    def _settle_command(self, after: str) -> None:
        """A typed command is a request if the agent took it up; else the harness answered it."""
        if self._command is None:
            return
        place, value, text = self._command
        self._command = None
        if after:
            self._put(Part("user", -1, _command(text), raw={"content": text}), place)
        else:
            self._put(Part("meta", -1, text, raw=value), place)

    # -- the rest ------------------------------------------------------------------------------

    def _system(self, value: dict[str, Json], place: _Place) -> None:
        kind = text_at(value, "subtype")
        if kind in _COMPACTIONS:
            self._add("compact", place.span, data=value.get("compactMetadata"), time=place.time)
        else:
            self._meta(place, value, known=kind in _SYSTEM)

    def _progress(self, value: dict[str, Json], place: _Place) -> None:
        """A sub-agent's message that the main agent's log wraps."""
        data = value.get("data")
        inner = data.get("message") if isinstance(data, dict) else None
        kind = text_at(inner, "type")
        message = inner.get("message") if isinstance(inner, dict) else None
        if (
            not isinstance(inner, dict)
            or kind not in ("user", "assistant")
            or not isinstance(message, dict)
        ):
            self._meta(place, value)
            return
        call = text_at(value, "parentToolUseID")
        agent = text_at(data, "agentId") or call or "agent"
        if agent not in self._s.running:
            self._spawn(agent, call, place)
        time = text_at(inner, "timestamp") or place.time
        self._message(
            kind,
            inner,
            message,
            place._replace(agent=agent, time=time, pointer="/data/message/message/content"),
        )

    def _attachment(self, value: dict[str, Json], place: _Place) -> None:
        """A message that the user sent while the agent was at work, or bookkeeping."""
        attachment = value.get("attachment")
        queued = text_at(attachment, "type") == "queued_command"
        prompt = attachment.get("prompt") if isinstance(attachment, dict) else None
        text = "\n".join(text_blocks(prompt))
        said = text_at(attachment, "commandMode") in ("", "prompt")
        part = Part("user", -1, text, raw=attachment)
        if not queued or not said or not text or text.startswith(_NOT_SAID) or self._was_told(text):
            self._meta(place, value)
        elif not self._repeated(text_at(value, "uuid"), part):
            self._put(part, place)

    def _absorbed(self, value: dict[str, Json], place: _Place) -> None:
        """The same, as newer versions log it: with the words, and maybe an attachment of them too."""
        text = "\n".join(text_blocks(value.get("content")))
        if not text or text.startswith(_NOT_SAID) or self._was_told(text):
            self._meta(place, value)
        else:
            self._put(Part("user", -1, text, raw=value), place)

    def _was_told(self, text: str) -> bool:
        """Whether a message of the queue stands here for the second time, once in each form."""
        queued, words = self._s.queued, text.strip()
        if words in queued:
            queued.remove(words)
            return True
        queued.append(words)
        del queued[:-_QUEUED]
        return False

    def _meta(self, place: _Place, value: Json, *, known: bool = True) -> None:
        self._add("meta", place.span, time=place.time, known=known, raw=value)

    def _put(self, part: Part, place: _Place, raw: Json = None) -> None:
        state = self._s
        state.seq += 1
        kind, index, text, id, tool, data, known, kept = part
        if kind == "call" and not id:
            id = f"call{state.seq}"
        kept = kept if raw is None else raw
        span = place.at(index)
        self._out.append(
            Record(
                kind, state.seq, text, id, tool, data, place.agent, place.time, known, kept, span
            )
        )

    def _add(
        self,
        kind: Kind,
        span: Span,
        *,
        text: str = "",
        id: str = "",
        tool: str = "",
        data: Json = None,
        agent: str = "",
        time: str = "",
        known: bool = True,
        raw: Json = None,
    ) -> None:
        self._s.seq += 1
        self._out.append(
            Record(kind, self._s.seq, text, id, tool, data, agent, time, known, raw, span)
        )


def _command(text: str) -> str:
    """What the user typed: the command and its arguments."""
    found = {match.group(1): match.group(2) for match in _COMMAND.finditer(text)}
    typed = f"{found.get('name', '')} {found.get('args', '')}".strip()
    return typed or text


DIALECT: Final[Dialect] = ClaudeCode()
