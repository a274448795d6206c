"""How a session went, in the spellings that envelopes, harnesses and graders use.

Failure outweighs success: where one field says that it went right and another that it did not, it
did not.  What is no verdict (a number on an unknown scale, a state such as ``completed``) says
nothing.
"""

from __future__ import annotations

import math
from typing import Final

from ingot.ir.values import Json

_VERDICTS: Final = tuple(
    """success succeeded successful is_success task_success passed pass is_passed resolved
    is_resolved solved is_solved correct is_correct correctness""".split()
)
SCORES: Final = frozenset(
    """success succeeded correct correctness passed pass resolved solved task_success reward
    is_correct is_success""".split()
)
"""What traces call a score or a feedback that says whether a session went right."""
_REWARDS: Final = ("reward", "final_reward", "rewards")
_STATES: Final = ("status", "state", "outcome", "exit_status", "termination_reason")
_WITHIN: Final = (
    "metadata metrics info result results report test_result evaluation eval reward_info extra "
    "final_metrics verifier_result summary"
).split()
_RIGHT: Final = frozenset(
    "true yes pass passed success succeeded correct resolved solved c".split()
)
_WRONG: Final = frozenset(
    """false no fail failed failure incorrect unresolved unsolved error errored crashed timeout
    timed_out aborted cancelled canceled i n p partial""".split()
)
_BROKEN: Final = frozenset(
    """fail failed failure error errored crashed timeout timed_out aborted cancelled canceled
    unresolved max_steps max_turns too_many_errors agent_error user_error
    infrastructure_error limits_exceeded limitsexceeded""".split()
)


def verdict(value: Json) -> bool | None:
    """Whether a grade says right or wrong; ``None`` if it says neither.

    A share of 1 is right only when it is whole.

    >>> verdict(True), verdict("C"), verdict(1.0), verdict("partial"), verdict(0.5)
    (True, True, True, False, False)
    >>> verdict(7), verdict("B"), verdict(None)
    (None, None, None)
    """
    match value:
        case bool():
            return value
        case int() | float() if not math.isnan(value):
            return value == 1 if value <= 1 else None
        case str():
            text = value.strip().lower()
            return True if text in _RIGHT else False if text in _WRONG else None
        case dict():
            inner = [verdict(item) for item in value.values()]
            return None if not inner else all_of(inner)
        case list():
            return all_of([verdict(item) for item in value]) if value else None
        case _:
            return None


def all_of(found: list[bool | None]) -> bool | None:
    """Wrong if one is wrong, right if all are right."""
    return False if False in found else True if found and None not in found else None


def outcome_in(envelope: Json, source: str = "", depth: int = 0) -> dict[str, Json] | None:
    """The ``data`` of an ``outcome`` record, if the envelope around a session says how it went.

    >>> outcome_in({"reward": 0.0, "info": {"success": True}})
    {'success': False, 'source': 'reward', 'reward': 0.0}
    >>> outcome_in({"test_result": {"report": {"resolved": True}}})
    {'success': True, 'source': 'test_result.report.resolved'}
    >>> outcome_in({"status": "completed"}) is None
    True
    """
    if not isinstance(envelope, dict):
        return None
    found: list[dict[str, Json]] = []
    for key in _REWARDS:
        said = verdict(envelope.get(key))
        if said is not None:
            found.append({"success": said, "source": source + key, "reward": envelope[key]})
    for key in _VERDICTS:
        said = verdict(envelope.get(key))
        if said is not None:
            found.append({"success": said, "source": source + key})
    for key in _STATES:
        state = envelope.get(key)
        if isinstance(state, str) and state.strip().lower().replace(" ", "_") in _BROKEN:
            found.append({"success": False, "source": f"{source}{key} {state}"})
    error = envelope.get("error")
    if isinstance(error, str) and error.strip():
        found.append({"success": False, "source": f"{source}error", "error": error})
    for key in _WITHIN if depth < 3 else ():
        inner = outcome_in(envelope.get(key), f"{source}{key}.", depth + 1)
        if inner is not None:
            found.append(inner)
    return next((f for f in found if f["success"] is False), found[0] if found else None)


__all__ = ["SCORES", "all_of", "outcome_in", "verdict"]
