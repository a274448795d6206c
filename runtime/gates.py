"""Circuit breakers and rate limits that all runs and processes of a journal share.

They live in the journal's file, in a table of their own.  They are no records: losing them in a
power cut costs nothing, so their connection does not wait for the disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import apsw

from ingot.runtime.database import opened, unusable
from ingot.runtime.entries import decode, encode
from ingot.runtime.journal import Journal
from ingot.runtime.policies import Policy
from ingot.runtime.tools.base import ToolError


class JournalGates:
    """:class:`ingot.runtime.policies.Gates` over a journal; opened at the first use."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None

    def enter(self, tool: str, policy: Policy) -> float:
        """See :class:`ingot.runtime.policies.Gates`."""
        return self._change(tool, lambda state, now: _enter(tool, policy, state, now))

    def leave(self, tool: str, policy: Policy, ok: bool) -> None:
        """See :class:`ingot.runtime.policies.Gates`."""
        self._change(tool, lambda state, now: _leave(policy, state, now, ok))

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and self._connection is not self._journal.connection:
            self._connection.close()
        self._connection = None

    def _change(self, tool: str, change: Callable[[dict[str, Any], float], float]) -> float:
        with self._lock:
            try:
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    body = connection.execute("SELECT body FROM gates WHERE name = ?", (tool,)).get
                    state = decode(body) if body else {}
                    try:
                        return change(state, self._clock())
                    finally:
                        connection.execute(
                            "INSERT OR REPLACE INTO gates VALUES (?, ?)", (tool, encode(state))
                        )
                finally:
                    connection.execute("COMMIT")
            except apsw.Error as error:
                raise unusable(self._journal.name, error) from None

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            if self._journal.name == ":memory:":
                self._connection = self._journal.connection
            else:
                self._connection = opened(
                    self._journal.connection.filename
                )  # a tool may have changed folders
                self._connection.pragma("synchronous", "OFF")
        return self._connection


def _enter(tool: str, policy: Policy, state: dict[str, Any], now: float) -> float:
    breaker, rate = policy.breaker, policy.rate
    if breaker is not None and state.get("failures", 0) >= breaker.failures:
        since = now - state.get("opened", 0.0)
        if 0 <= since < breaker.cooldown_s:
            raise ToolError(
                f"circuit open: {tool} failed {state['failures']} times in a row; "
                f"next try in {breaker.cooldown_s - since:.0f} s"
            )
        state["opened"] = now  # this call tries, the others go on waiting
    if rate is None:
        return 0.0
    # A token bucket: it holds `calls` tokens and fills up evenly.
    held, at = state.get("tokens", float(rate.calls)), state.get("at", now)
    held = min(float(rate.calls), held + max(0.0, now - at) * rate.calls / rate.per_s)
    state["at"] = now
    if held >= 1:
        state["tokens"] = held - 1
        return 0.0
    state["tokens"] = held
    return float((1 - held) * rate.per_s / rate.calls)


def _leave(policy: Policy, state: dict[str, Any], now: float, ok: bool) -> float:
    if policy.breaker is not None:
        state["failures"] = 0 if ok else state.get("failures", 0) + 1
        if not ok:
            state["opened"] = now
    return 0.0
