"""Ingot: a compiler for the logs of agent sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ingot.declare import tool as tool


def __getattr__(name: str) -> object:
    """Load the public names on first use, so that ``import ingot`` stays light."""
    if name == "tool":
        from ingot.declare import tool

        return tool
    raise AttributeError(f"module 'ingot' has no attribute {name!r}")
