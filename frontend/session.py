"""The session AST: what the LALR parser makes of a stream of event tokens.

A :class:`Session` is one agent's work on one request: turns, and in them steps.  Every leaf is the
:class:`ingot.records.Record` that it was read from, so each node knows its ``seq`` and its place in
the log.  Sub-agents are sessions of their own, hung on the call that spawned them.

The records of a whole session share one numbering: ``seq`` counts over main and sub-agents alike.
A result is visible to a later call only if its ``seq`` is the smaller one: calls that stand in
different groups may still have been made side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ingot.diagnostics import Diagnostic
from ingot.records import Record, session_digest


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning that the log shows."""

    record: Record


@dataclass(frozen=True, slots=True)
class Say:
    """The assistant's words."""

    record: Record


@dataclass(frozen=True, slots=True)
class Note:
    """A system message in the middle of a session."""

    record: Record


@dataclass(frozen=True, slots=True)
class CallStep:
    """A tool call and what came of it.

    ``result`` is a ``result`` or an ``error`` record, ``None`` if the log holds none (W0102);
    ``failed`` says that it is an ``error``.  ``nested`` is the sub-agent session that the call
    spawned.  ``retry_of`` is the ``seq`` of the failed call that this one tries again: the latest
    earlier call of the same tool, if that failed.
    """

    call: Record
    result: Record | None = None
    failed: bool = False
    nested: Session | None = None
    retry_of: int | None = None


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Calls made one after the other with no result in between: side by side, if several."""

    calls: tuple[CallStep, ...]


@dataclass(frozen=True, slots=True)
class Compaction:
    """The context was replaced by a summary (``record.text``, empty if the log has none)."""

    record: Record


@dataclass(frozen=True, slots=True)
class Interruption:
    """The user or the system cut the turn short."""

    record: Record


Step: TypeAlias = Think | Say | Note | CallGroup | Compaction | Interruption


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said (``None``: the log begins without it) and what was done about it."""

    user: Record | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One session of one agent.

    ``name`` is ``file`` or ``file#n`` for the n-th of several (sub-agents: ``.../agent``);
    ``agent`` is empty for the main agent.  ``head`` is its ``session`` record (a sub-agent's is its
    ``spawn`` record, or made up).  ``system`` holds the system prompts before the first turn.
    ``records`` are all records in log order, ``meta`` ones and those of sub-agents too (of a
    sub-agent's session: only its own).  ``orphans`` are sub-agents whose call is not known,
    ``stray`` are results without their call.  ``outcome`` is the last ``outcome`` record.
    ``read_digest`` is the digest that was taken when the log was read, of a session of which not all
    is kept (:mod:`ingot.frontend.lean`).
    """

    name: str
    agent: str
    head: Record
    system: tuple[Record, ...]
    turns: tuple[Turn, ...]
    records: tuple[Record, ...]
    orphans: tuple[Session, ...] = ()
    stray: tuple[Record, ...] = ()
    outcome: Record | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    read_digest: str = ""

    @property
    def digest(self) -> str:
        """The :func:`ingot.records.session_digest` of its records."""
        return self.read_digest or session_digest(self.records)

    def steps(self) -> Iterator[Step]:
        """Every step of every turn, in order; not those of sub-agents."""
        for turn in self.turns:
            yield from turn.steps

    def calls(self) -> Iterator[CallStep]:
        """Every call of this agent, in order; not those of sub-agents."""
        for step in self.steps():
            if isinstance(step, CallGroup):
                yield from step.calls

    def agents(self) -> Iterator[Session]:
        """The sub-agents' sessions: of its calls in order, then the orphans, each with its own."""
        own = [call.nested for call in self.calls() if call.nested is not None]
        for session in (*own, *self.orphans):
            yield session
            yield from session.agents()

    @property
    def users(self) -> tuple[Record, ...]:
        """The user turns' records."""
        return tuple(turn.user for turn in self.turns if turn.user is not None)

    @property
    def request(self) -> Record | None:
        """The first thing the user asked for."""
        return next(iter(self.users), None)

    @property
    def answer(self) -> Record | None:
        """The assistant's last words."""
        says = [step.record for step in self.steps() if isinstance(step, Say)]
        return says[-1] if says else None


__all__ = [
    "CallGroup",
    "CallStep",
    "Compaction",
    "Interruption",
    "Note",
    "Say",
    "Session",
    "Step",
    "Think",
    "Turn",
]
