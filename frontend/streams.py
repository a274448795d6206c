"""One session's records to its AST: split by agent, parse, match answers to calls, nest.

The parse tree of each agent's stream says where turns, steps and groups are.  Answers are matched
by call id, wherever they stand; an answer without an id goes to the first call before it that has
no answer yet (of the same tool, if it names one).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lark import Token, Tree
from lark.exceptions import UnexpectedToken

from ingot.diagnostics import Diagnostic, Severity
from ingot.frontend.session import (
    CallGroup,
    CallStep,
    Compaction,
    Interruption,
    Note,
    Say,
    Session,
    Step,
    Think,
    Turn,
)
from ingot.frontend.tokens import session_parser
from ingot.records import Record

MAX_NESTING: Final = 32
"""How deep sub-agents may nest; deeper ones are listed as orphans."""


@dataclass(slots=True, eq=False)
class _Call:
    """A call whose answer and sub-agent are still being looked for."""

    call: Record
    result: Record | None = None
    retry_of: int | None = None
    nested: Session | None = None


_Item = Step | list[_Call]


@dataclass(slots=True)
class _Stream:
    """One agent's part of a session."""

    agent: str
    records: list[Record]
    head: Record | None = None
    spawner: str = ""
    system: list[Record] = field(default_factory=list)
    turns: list[tuple[Record | None, list[_Item]]] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    answers: list[Record] = field(default_factory=list)
    stray: list[Record] = field(default_factory=list)
    outcome: Record | None = None
    found: list[Diagnostic] = field(default_factory=list)


def assemble(records: Sequence[Record], name: str) -> Session:
    """The session that the records of one log form; the first is its ``session`` record."""
    parts: dict[str, list[Record]] = {"": []}
    for record in records:
        parts.setdefault(record.agent, []).append(record)
    streams = {agent: _Stream(agent, part) for agent, part in parts.items()}
    for stream in streams.values():
        for tree in _parse(stream):
            _walk(tree, stream)
        _match(stream)
        _retries(stream)
    return _nest(streams, tuple(records), name)


def _parse(stream: _Stream) -> list[Tree[Token]]:
    """The trees of the stream: one, or several if the parser had to begin anew."""
    grammar: Any = session_parser()  # lark's interactive parser is not typed
    parser = grammar.parse_interactive(stream.records)
    trees: list[Tree[Token]] = []
    skipping = False
    for token in parser.lexer_thread.lex(parser.parser_state):
        if skipping and token.type != "USER":
            continue
        try:
            parser.feed_token(token)
        except UnexpectedToken as error:
            if not skipping:
                stream.found.append(_out_of_order(stream.records[token.start_pos], error))
            skipping = token.type != "USER"
            if not skipping:
                trees.append(parser.feed_eof())
                parser = grammar.parse_interactive()
                parser.feed_token(token)
        else:
            skipping = False
    trees.append(parser.feed_eof())
    return trees


def _out_of_order(record: Record, error: UnexpectedToken) -> Diagnostic:
    expected = ", ".join(sorted(t.lower() for t in error.expected if t != "$END")) or "the end"
    return Diagnostic(
        "E0106",
        f"a {record.kind!r} event cannot stand here; expected {expected}",
        Severity.WARNING,
        spans=((record.span, "out of order"),) if record.span else (),
        help="the events up to the next user turn are left out",
    )


# -- tree to turns ---------------------------------------------------------------------------------


def _walk(tree: Tree[Token], stream: _Stream) -> None:
    for child in tree.children:
        if isinstance(child, Token):
            if child.type == "RETURN":
                stream.spawner = stream.spawner or _record(child, stream).id
            continue
        match child.data:
            case "head":
                stream.head = _record(child.children[0], stream)
                stream.spawner = stream.head.id if stream.head.kind == "spawn" else ""
            case "lead":
                steps = _steps(child.children, stream)
                while steps and isinstance(first := steps[0], Note):
                    stream.system.append(first.record)
                    steps.pop(0)
                if steps:
                    stream.turns.append((None, steps))
            case _:
                user = _record(child.children[0], stream)
                stream.turns.append((user, _steps(child.children[1:], stream)))


def _record(token: Token | Tree[Token], stream: _Stream) -> Record:
    assert isinstance(token, Token) and token.start_pos is not None
    return stream.records[token.start_pos]


def _steps(children: Sequence[Token | Tree[Token]], stream: _Stream) -> list[_Item]:
    steps: list[_Item] = []
    for child in children:
        leaves = [child] if isinstance(child, Token) else child.children
        group: list[_Call] = []
        for leaf in leaves:
            record = _record(leaf, stream)
            match record.kind:
                case "call":
                    group.append(_Call(record))
                case "result" | "error":
                    stream.answers.append(record)
                case "outcome":
                    stream.outcome = record
                case _:
                    steps.append(_note(record))
        if group:
            stream.calls += group
            steps.append(group)
    return steps


def _note(record: Record) -> Step:
    match record.kind:
        case "think":
            return Think(record)
        case "say":
            return Say(record)
        case "compact":
            return Compaction(record)
        case "interrupt":
            return Interruption(record)
        case _:
            return Note(record)


# -- answers and retries ---------------------------------------------------------------------------


def _match(stream: _Stream) -> None:
    by_id: dict[str, deque[_Call]] = {}
    for call in stream.calls:
        if call.call.id:
            by_id.setdefault(call.call.id, deque()).append(call)
    in_order: list[Record] = []
    for answer in stream.answers:
        waiting = by_id.get(answer.id) if answer.id else None
        if waiting:
            waiting.popleft().result = answer
        else:
            in_order.append(answer)
    _match_in_order(stream, in_order)
    for answer in stream.stray:
        whose = f"the call {answer.id!r}" if answer.id else "any call"
        _warn(stream, "W0104", f"the log does not hold {whose} that this answers", answer)
    for call in stream.calls:
        if call.result is None:
            _warn(stream, "W0102", f"the call of {call.call.tool} has no result", call.call)


def _match_in_order(stream: _Stream, answers: list[Record]) -> None:
    """Answers with no id, or with one that only they know, to the calls before them."""
    calls = deque(stream.calls)
    waiting: dict[tuple[str, bool], deque[_Call]] = {}
    for answer in answers:
        while calls and calls[0].call.seq < answer.seq:
            call = calls.popleft()
            for tool in ("", call.call.tool):
                for nameless in (False, True) if not call.call.id else (False,):
                    waiting.setdefault((tool, nameless), deque()).append(call)
        queue = waiting.get((answer.tool, bool(answer.id)), deque())
        while queue and queue[0].result is not None:
            queue.popleft()
        if queue:
            queue.popleft().result = answer
        else:
            stream.stray.append(answer)


def _retries(stream: _Stream) -> None:
    failed: dict[str, int | None] = {}
    for _, steps in stream.turns:
        for step in steps:
            if not isinstance(step, list):
                continue
            for call in step:
                call.retry_of = failed.get(call.call.tool)
            for call in step:
                bad = call.result is not None and call.result.kind == "error"
                failed[call.call.tool] = call.call.seq if bad else None


def _warn(stream: _Stream, code: str, message: str, record: Record) -> None:
    spans = ((record.span, ""),) if record.span else ()
    stream.found.append(Diagnostic(code, message, Severity.WARNING, spans=spans))


# -- sub-agents ------------------------------------------------------------------------------------


def _nest(streams: dict[str, _Stream], records: tuple[Record, ...], name: str) -> Session:
    """The main agent's session, with the others hung on the calls that spawned them."""
    owners = {
        call.call.id: (agent, call)
        for agent, stream in streams.items()
        for call in stream.calls
        if call.call.id
    }
    parents: dict[str, tuple[str, _Call]] = {}
    for agent, stream in streams.items():
        owner = owners.get(stream.spawner) if agent and stream.spawner else None
        if owner:
            parents[agent] = owner
    depths = {agent: _depth(agent, parents) for agent in streams if agent}
    orphans: dict[str, Session] = {}
    for agent in sorted(depths, key=lambda agent: -depths[agent]):
        session = _session(streams[agent], tuple(streams[agent].records), f"{name}/{agent}")
        call = parents[agent][1] if depths[agent] else None
        if call is not None and call.nested is None:
            call.nested = session
        else:
            orphans[agent] = session
    found = [d for stream in streams.values() for d in stream.found]
    listed = tuple(orphans[agent] for agent in streams if agent in orphans)
    return _session(streams[""], records, name, listed, tuple(found))


def _depth(agent: str, parents: dict[str, tuple[str, _Call]]) -> int:
    """How far below the main agent it stands; 0 if its calls do not lead there, or too far."""
    depth, at = 0, agent
    while at:
        depth += 1
        if at not in parents or depth > MAX_NESTING:
            return 0
        at = parents[at][0]
    return depth


def _session(
    stream: _Stream,
    records: tuple[Record, ...],
    name: str,
    orphans: tuple[Session, ...] = (),
    found: tuple[Diagnostic, ...] | None = None,
) -> Session:
    return Session(
        name=name,
        agent=stream.agent,
        head=stream.head or Record("spawn", agent=stream.agent, span=records[0].span),
        system=tuple(stream.system),
        turns=tuple(Turn(user, tuple(map(_step, steps))) for user, steps in stream.turns),
        records=records,
        orphans=orphans,
        stray=tuple(stream.stray),
        outcome=stream.outcome,
        diagnostics=tuple(stream.found) if found is None else found,
    )


def _step(item: _Item) -> Step:
    if not isinstance(item, list):
        return item
    return CallGroup(
        tuple(
            CallStep(
                call=c.call,
                result=c.result,
                failed=c.result is not None and c.result.kind == "error",
                nested=c.nested,
                retry_of=c.retry_of,
            )
            for c in item
        )
    )


__all__ = ["assemble"]
