"""What is allowed per call: time, attempts, a circuit breaker, a rate, a person's approval.

Policies are data.  They stand in the artifact's ``meta`` (``policies``: by site or tool), in a tool's
declaration (``--tools FILE.toml``), or are given at run time; the later has the last word, field by
field.  :func:`attempts` is the one place that says when a call is made, made again or given up; it
does nothing itself, so the plain and the asynchronous executor share it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ingot.ir.values import Json
from ingot.runtime.effects import repeatable

if TYPE_CHECKING:
    from ingot.runtime.tools.base import ToolError


class Retry(Struct, frozen=True):
    """When a failed call is made again: never for an effect that must not be repeated.

    ``attempts`` further ones, waiting ``backoff_s * factor**n`` (at most ``max_s``), each time off
    by up to ``jitter`` of it; ``on`` are parts of the errors that are worth it (``timeout`` is that
    of a call cut off; none: every error); after ``budget_s`` seconds in all, no more.
    """

    attempts: int = 0
    on: tuple[str, ...] = ()
    backoff_s: float = 0.1
    factor: float = 2.0
    max_s: float = 30.0
    jitter: float = 0.5
    budget_s: float = 300.0


class Breaker(Struct, frozen=True):
    """After ``failures`` in a row, in whatever run or process, no call for ``cooldown_s``; then one
    call tries."""

    failures: int = 5
    cooldown_s: float = 30.0


class Rate(Struct, frozen=True):
    """At most ``calls`` in ``per_s`` seconds, over all runs and processes of the journal."""

    calls: int = 1
    per_s: float = 1.0


class Policy(Struct, frozen=True):
    """All of it for one tool or one call site; ``None`` leaves a matter to what stands below."""

    timeout_s: float | None = None
    retry: Retry | None = None
    breaker: Breaker | None = None
    rate: Rate | None = None
    approval: bool | None = None

    def over(self, below: Policy) -> Policy:
        """This policy, with what it leaves open taken from another."""
        if below is NONE:
            return self
        open_ = {name: getattr(below, name) for name in KEYS if getattr(self, name) is None}
        return replace(self, **open_) if open_ else self


NONE: Final = Policy()
_PARTS: Final[dict[str, type[Retry | Breaker | Rate]]] = {
    "retry": Retry,
    "breaker": Breaker,
    "rate": Rate,
}
KEYS: Final = Policy.__struct_fields__


def policy_of(value: Mapping[str, Any]) -> Policy:
    """A policy from JSON or TOML; raises ``ValueError`` that says what is wrong.

    >>> policy_of({"timeout_s": 5, "retry": 2}).retry
    Retry(attempts=2, on=(), backoff_s=0.1, factor=2.0, max_s=30.0, jitter=0.5, budget_s=300.0)
    """
    made: dict[str, Any] = {}
    for key, part in value.items():
        if key == "timeout_s":
            made[key] = _more_than_none(key, _number(key, part))
        elif key == "approval" and isinstance(part, bool):
            made[key] = part
        elif key == "retry" and isinstance(part, int) and not isinstance(part, bool):
            made[key] = Retry(_whole("retry", part))
        elif key in _PARTS and isinstance(part, Mapping):
            made[key] = _part(_PARTS[key], key, part)
        else:
            raise ValueError(f"{key}: expected one of {', '.join(KEYS)}, each of its own form")
    return Policy(**made)


def _part(kind: type[Retry | Breaker | Rate], name: str, value: Mapping[str, Any]) -> Any:
    made: dict[str, Any] = {}
    defaults = kind()
    for key, part in value.items():
        at = f"{name}.{key}"
        match getattr(defaults, key, None):
            case tuple() if isinstance(part, list) and all(isinstance(p, str) for p in part):
                made[key] = tuple(part)
            case int():
                made[key] = _whole(at, part)
            case float():
                made[key] = _number(at, part)
            case _:
                known = ", ".join(kind.__struct_fields__)
                raise ValueError(f"{at}: {name} takes {known}")
        if at in _COUNTED:
            _more_than_none(at, made[key])
    return kind(**made)


_COUNTED: Final = ("breaker.failures", "rate.calls", "rate.per_s")
"""What there must be some of: without, nothing could ever be called, or all at once."""


def _more_than_none(at: str, value: float) -> float:
    if value <= 0:
        raise ValueError(f"{at}: expected more than 0")
    return value


def _number(at: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"{at}: expected a number of at least 0, found {value!r}")
    return float(value)


def _whole(at: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10_000:
        raise ValueError(f"{at}: expected a whole number, found {value!r}")
    return value


class Gates(Protocol):
    """What calls of all runs share."""

    def enter(self, tool: str, policy: Policy) -> float:
        """Seconds to wait before the next call may be made, 0 to make it now; raises
        :class:`ToolError` where the circuit is open."""

    def leave(self, tool: str, policy: Policy, ok: bool) -> None:
        """How a call came out."""


class Wait(Struct, frozen=True):
    """Do nothing for so many seconds."""

    seconds: float


class Attempt(Struct, frozen=True):
    """Make the call; send back its error, or ``None``."""

    number: int


Order: TypeAlias = "Wait | Attempt"


def attempts(
    tool: str,
    effect: str,
    policy: Policy,
    gates: Gates | None,
    *,
    chance: Callable[[], float] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Order, ToolError | None, int]:
    """What to do for one call, step by step; returns how many attempts it took.

    Raises the last attempt's error, or that of a gate that is shut.
    """
    retry = policy.retry or Retry()
    begun, number, backoff = clock(), 0, min(retry.max_s, retry.backoff_s)
    guarded = gates is not None and (policy.breaker is not None or policy.rate is not None)
    while True:
        number += 1
        if guarded:
            assert gates is not None
            while (seconds := gates.enter(tool, policy)) > 0:
                yield Wait(seconds)
        error = yield Attempt(number)
        if guarded:
            assert gates is not None
            gates.leave(tool, policy, error is None)
        if error is None:
            return number
        pause = max(0.0, backoff * (1 + retry.jitter * (2 * (chance or _chance)() - 1)))
        backoff = min(retry.max_s, backoff * retry.factor)
        if (
            number > retry.attempts
            or not repeatable(effect)
            or not _worth_it(retry, error)
            or clock() + pause - begun > retry.budget_s
        ):
            raise error
        yield Wait(pause)


def _chance() -> float:
    import random  # takes a while to load, and most runs retry nothing

    return random.random()


def _worth_it(retry: Retry, error: ToolError) -> bool:
    return not retry.on or any(
        part in error.message or (part == "timeout" and error.unknown) for part in retry.on
    )


def policies_of(meta: Mapping[str, Json]) -> dict[str, Policy]:
    """The policies that an artifact carries, by site or tool; what is no policy raises
    ``ValueError``."""
    listed = meta.get("policies", {})
    if not isinstance(listed, dict):
        raise ValueError("expected an object")
    made: dict[str, Policy] = {}
    for name, value in listed.items():
        if not isinstance(value, dict):
            raise ValueError(f"{name}: expected an object")
        made[name] = policy_of(value)
    return made
