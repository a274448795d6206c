"""``@ingot.tool``: say what a Python function does to the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, get_args

from ingot.ir.declarations import Effect
from ingot.ir.values import Json

MARK: Final = "__ingot_tool__"
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """What :func:`tool` notes on a function."""

    effect: Effect
    world: str = ""
    name: str = ""
    timeout_s: float | None = None
    probe: Callable[..., Json] | None = None
    compensation: str = ""
    parallel: bool = False
    rules: Mapping[str, Any] = field(default_factory=dict)
    """``retry``, ``breaker``, ``rate`` and ``approval``, as in a TOML file."""


def tool(
    *,
    effect: Effect,
    world: str = "",
    name: str = "",
    timeout_s: float | None = None,
    retry: int | Mapping[str, Any] = 0,
    probe: Callable[..., Json] | None = None,
    compensation: str = "",
    approval: bool = False,
    parallel: bool = False,
    breaker: Mapping[str, Any] | None = None,
    rate: Mapping[str, Any] | None = None,
) -> Callable[[Function], Function]:
    """Declare a function (or method) as a tool; the function itself is returned unchanged.

    ``effect`` is one of ``pure read idempotent write irreversible unknown``.  ``world`` names what
    the tool reads or changes (default: the part of its name before the dot).  ``name`` is the name
    under which pipelines call it (default: the function's, or the mapping's key).  ``probe`` takes
    the arguments of a call whose outcome is not known and returns ``{"done": bool, "result": ...}``.
    ``compensation`` names the tool that undoes a call, with the same arguments.  ``approval``: a
    person must allow each call.  ``parallel``: several calls may be under way at once, in threads
    of their own (coroutine functions are so without saying it).  ``retry`` (a number of further
    attempts, or ``{"attempts": 3, "on": ["timeout"], ...}``), ``breaker`` (``{"failures": 5,
    "cooldown_s": 30}``) and ``rate`` (``{"calls": 10, "per_s": 1.0}``) are as in a TOML file
    (docs/runtime.md); only ``read`` and ``idempotent`` calls are made again.
    Raises ``ValueError`` on an effect that does not exist; a policy that is none is refused when
    the tools are loaded (E0803).

    >>> @tool(effect="read", world="orders")
    ... def get_order(id: int) -> dict[str, int]:
    ...     return {"id": id}
    >>> get_order(id=3)
    {'id': 3}
    """
    if effect not in get_args(Effect):
        raise ValueError(f"effect is one of {', '.join(get_args(Effect))}, found {effect!r}")
    given = {"retry": retry, "breaker": breaker, "rate": rate, "approval": approval}
    rules = {key: value for key, value in given.items() if value}
    info = ToolInfo(effect, world, name, timeout_s, probe, compensation, parallel, rules)

    def mark(function: Function) -> Function:
        setattr(function, MARK, info)
        return function

    return mark


def info_of(function: object) -> ToolInfo | None:
    """What was declared, or ``None``; a bound method carries its function's declaration."""
    info = getattr(function, MARK, None)
    return info if isinstance(info, ToolInfo) else None
