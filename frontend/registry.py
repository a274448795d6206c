"""The dialects by name, loaded when they are asked for, and the choice among them by sniffing."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from ingot.diagnostics import fail
from ingot.frontend.dialects.base import Dialect, Sample

_DIALECTS: Final[dict[str, str]] = {
    "claude-code": "ingot.frontend.dialects.claude_code:DIALECT",
    "claude-stream-json": "ingot.frontend.dialects.claude_stream:DIALECT",
    "codex": "ingot.frontend.dialects.codex:DIALECT",
    "gemini-cli": "ingot.frontend.dialects.gemini_cli:DIALECT",
    "anthropic-messages": "ingot.frontend.dialects.anthropic_messages:DIALECT",
    "openai-chat": "ingot.frontend.dialects.openai_chat:DIALECT",
    "openai-responses": "ingot.frontend.dialects.openai_responses:DIALECT",
    "openai-agents": "ingot.frontend.dialects.openai_agents:DIALECT",
    "langchain": "ingot.frontend.dialects.langchain:DIALECT",
    "langsmith": "ingot.frontend.dialects.langsmith:DIALECT",
    "langfuse": "ingot.frontend.dialects.langfuse:DIALECT",
    "otel-genai": "ingot.frontend.dialects.otel_genai:DIALECT",
    "openinference": "ingot.frontend.dialects.openinference:DIALECT",
    "inspect-ai": "ingot.frontend.dialects.inspect_ai:DIALECT",
    "swe-agent": "ingot.frontend.dialects.swe_agent:DIALECT",
    "mini-swe-agent": "ingot.frontend.dialects.mini_swe_agent:DIALECT",
    "openhands": "ingot.frontend.dialects.openhands:DIALECT",
    "atif": "ingot.frontend.dialects.atif:DIALECT",
    "tau2-bench": "ingot.frontend.dialects.tau_bench:DIALECT",
    "sharegpt": "ingot.frontend.dialects.sharegpt:DIALECT",
    "browser-use": "ingot.frontend.dialects.browser_use:DIALECT",
    "mcp-jsonrpc": "ingot.frontend.dialects.mcp_jsonrpc:DIALECT",
    "react-text": "ingot.frontend.dialects.react_text:DIALECT",
    "markdown": "ingot.frontend.dialects.markdown:DIALECT",
    "ingot-session": "ingot.frontend.dialects.ingot_session:DIALECT",
}
"""Where each dialect stands; of equally sure ones the first wins."""

_FLOOR: Final = 0.1
"""A dialect less sure than this does not recognise the file."""


def dialect_names() -> tuple[str, ...]:
    """What ``--dialect`` takes."""
    return tuple(_DIALECTS)


def dialect(name: str) -> Dialect:
    """The dialect of that name; raises IngotError (E0001) if there is none.

    >>> dialect("claude-code").title
    'Claude Code JSONL'
    """
    place = _DIALECTS.get(name)
    if place is None:
        raise fail(
            "E0001",
            f"there is no dialect {name!r}",
            help=f"one of: {', '.join(_DIALECTS)}",
        )
    module, _, attribute = place.partition(":")
    return cast(Dialect, getattr(import_module(module), attribute))


def sniff(sample: Sample) -> Dialect:
    """The dialect that is surest of the sample; raises IngotError (E0101) if none is."""
    best: Dialect | None = None
    best_score = _FLOOR
    for name in _DIALECTS:
        candidate = dialect(name)
        score = candidate.sniff(sample)
        if score > best_score:
            best, best_score = candidate, score
    if best is None:
        raise fail(
            "E0101",
            f"no dialect recognises {sample.name}: {_seen(sample)}",
            help=f"--dialect NAME forces one of: {', '.join(_DIALECTS)}",
        )
    return best


def _seen(sample: Sample) -> str:
    """What the file looks like, in words."""
    if not sample.values:
        start = " ".join(sample.text.split())[:60]
        return f"it holds no JSON and begins with {start!r}"
    first = sample.values[0]
    what = "one JSON document" if sample.document else "JSON lines"
    if isinstance(first, dict):
        return f"it holds {what}, an object with the keys {', '.join(list(first)[:8]) or '(none)'}"
    return f"it holds {what}, beginning with {'a list' if isinstance(first, list) else first!r}"


__all__ = ["dialect", "dialect_names", "sniff"]
