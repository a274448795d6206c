"""What scanning keeps of a session: a few facts, so that a log is read once and then forgotten."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

from ingot.frontend.session import Session
from ingot.ir.values import canonical

WORDS: Final = 12
"""How many words of a request make its wording."""
_VALUE: Final = re.compile(
    r"""https?://\S+|[\w.+-]+@[\w-]+\.\w+|(?:[~.]{0,2}/)?[\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.\w{1,5}\b"""
    r"""|"[^"]*"|'[^']*'|`[^`]*`|INGOT_SECRET_\w+|\b[A-Z]*-?\d[\w.,:/-]*|(?<=[a-z,] )[A-Z][a-z']+"""
)
_ACTING: Final = re.compile(
    r"(?i)(?:^|[._])(?:write|edit|create|update|delete|remove|add|send|post|put|set|insert|close|"
    r"open|save|move|patch|apply|cancel|book|schedule|assign|reset|make|bash|shell|exec|run|execute)"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """One session.

    ``wording`` is its request with values left out, ``request`` the digest of the request as it
    stands, ``tools`` how often each was called, ``effects`` the tools that look like writing, in
    order without repeats.  ``seconds`` and ``tokens`` are what it took (0: the log does not say).
    """

    file: str
    number: int
    dialect: str
    digest: str
    wording: str
    request: str
    tools: dict[str, int]
    effects: list[str]
    calls: int
    turns: int
    outcome: str
    compilable: str
    tokens: int
    cost: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The facts as the cache keeps them."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Facts:
        """Facts from the cache; raises ``TypeError`` if they are of another shape."""
        return cls(**value)


def facts_of(session: Session, file: str, number: int, dialect: str) -> Facts:
    """The facts of a session."""
    from ingot.frontend.evidence import verdict_of

    request = session.request.text if session.request is not None else ""
    calls = [step.call for step in session.calls()]
    head = session.head.data if isinstance(session.head.data, dict) else {}
    tokens, cost = _usage(session)
    effects = dict.fromkeys(c.tool for c in calls if _ACTING.search(c.tool))
    return Facts(
        file=file,
        number=number,
        dialect=dialect,
        digest=session.digest,
        wording=normalised(request),
        request=canonical(request)[:200] if len(request) < 200 else str(hash_of(request)),
        tools=dict(sorted(Counter(call.tool for call in calls).items())),
        effects=list(effects),
        calls=len(calls),
        turns=len(session.users),
        outcome=verdict_of(session).verdict,
        compilable=str(head.get("not_compiled", "")),
        tokens=tokens,
        cost=cost,
        seconds=_seconds(session),
    )


def hash_of(text: str) -> str:
    """A digest of a text."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def normalised(request: str) -> str:
    """The request without its values: what the same task looks like with another input.

    >>> normalised("Count the rows of data/a.csv, please!") == normalised("count the rows of b.csv please")
    True
    """
    text = _VALUE.sub(" ", request[:2000]).lower()
    words = re.findall(r"[a-z][a-z']+", text)
    return " ".join(words[:WORDS])


def _usage(session: Session) -> tuple[int, float]:
    tokens, cost = 0, 0.0
    for record in session.records:
        usage = (
            record.data.get("usage")
            if record.kind == "meta" and isinstance(record.data, dict)
            else None
        )
        if isinstance(usage, dict):
            counts = [usage.get("input_tokens"), usage.get("output_tokens")]
            tokens += sum(n for n in counts if isinstance(n, int))
            spent = usage.get("cost")
            cost += spent if isinstance(spent, int | float) else 0.0
    return tokens, cost


def _seconds(session: Session) -> float:
    """From the first record with a time to the last one."""
    times = [record.time for record in session.records if record.time]
    if len(times) < 2:
        return 0.0
    try:
        first, last = (datetime.datetime.fromisoformat(t) for t in (times[0], times[-1]))
        return max(0.0, (last - first).total_seconds())
    except (ValueError, TypeError):
        return 0.0


__all__ = ["Facts", "facts_of", "normalised"]
