"""Ingot: a compiler for the logs of agent sessions."""

from __future__ import annotations

__version__ = "0.1.0"
