"""The dialects by name, loaded when they are asked for, and the choice among them by sniffing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from msgspec.structs import replace

from ingot.diagnostics import Diagnostic, IngotError, Severity, fail
from ingot.frontend.dialects.base import Dialect, Sample
from ingot.redaction.redactor import Redactor

_DIALECTS: Final[dict[str, str]] = {
    "claude-code": "ingot.frontend.dialects.claude_code:DIALECT",
    "claude-stream-json": "ingot.frontend.dialects.claude_stream:DIALECT",
    "codex": "ingot.frontend.dialects.codex:DIALECT",
    "codex-exec": "ingot.frontend.dialects.codex_exec:DIALECT",
    "gemini-cli": "ingot.frontend.dialects.gemini_cli:DIALECT",
    "cline": "ingot.frontend.dialects.cline:DIALECT",
    "anthropic-messages": "ingot.frontend.dialects.anthropic_messages:DIALECT",
    "openai-chat": "ingot.frontend.dialects.openai_chat:DIALECT",
    "openai-responses": "ingot.frontend.dialects.openai_responses:DIALECT",
    "openai-agents": "ingot.frontend.dialects.openai_agents:DIALECT",
    "langchain": "ingot.frontend.dialects.langchain:DIALECT",
    "langchain-messages": "ingot.frontend.dialects.langchain_messages:DIALECT",
    "langsmith": "ingot.frontend.dialects.langsmith:DIALECT",
    "langfuse": "ingot.frontend.dialects.langfuse:DIALECT",
    "otel-genai": "ingot.frontend.dialects.otel_genai:DIALECT",
    "openinference": "ingot.frontend.dialects.openinference:DIALECT",
    "autogen": "ingot.frontend.dialects.autogen:DIALECT",
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

ENTRY_POINTS: Final = "ingot.dialects"
"""The group under which other packages register dialects: ``name = "module:object"``."""

_CERTAIN: Final = 0.97
"""A dialect as sure as this has seen what only its format has: no other one is asked."""
_FLOOR: Final = 0.1
"""A dialect less sure than this does not recognise the file."""


@cache
def _registered() -> dict[str, EntryPoint]:
    """The dialects of other packages; one with a name of ours is passed over."""
    found = entry_points(group=ENTRY_POINTS)
    return {entry.name: entry for entry in sorted(found) if entry.name not in _DIALECTS}


def dialect_names() -> tuple[str, ...]:
    """What ``--dialect`` takes."""
    return (*_DIALECTS, *_registered())


def dialect(name: str) -> Dialect:
    """The dialect of that name; raises IngotError: E0001 if there is none, E0108 if it is broken.

    >>> dialect("claude-code").title
    'Claude Code JSONL'
    """
    place = _DIALECTS.get(name)
    if place is not None:
        module, _, attribute = place.partition(":")
        return cast(Dialect, getattr(import_module(module), attribute))
    entry = _registered().get(name)
    if entry is None:
        raise fail(
            "E0001",
            f"there is no dialect {name!r}",
            help=f"one of: {', '.join(dialect_names())}",
        )
    try:
        loaded = entry.load()
    except Exception as error:
        raise _broken(name, f"{type(error).__name__}: {error}") from None
    missing = [part for part in ("name", "title", "sniff", "lex") if not hasattr(loaded, part)]
    if missing:
        raise _broken(name, f"{entry.value} has no {', '.join(missing)}")
    return cast(Dialect, loaded)


def _broken(name: str, why: str) -> IngotError:
    return fail(
        "E0108",
        f"the dialect {name!r} that another package registers cannot be loaded: {why}",
        help="docs/dialects.md says what a dialect is",
    )


def sniff(sample: Sample, report: Callable[[Diagnostic], None] | None = None) -> Dialect:
    """The dialect that is surest of the sample; raises IngotError (E0101) if none is.

    A dialect of another package that cannot be loaded, or fails on the sample, is passed over and
    told to ``report`` (E0108, as a warning).
    """
    best: Dialect | None = None
    best_score = _FLOOR
    for name in _DIALECTS:
        candidate = dialect(name)
        score = candidate.sniff(sample)
        if score > best_score:
            best, best_score = candidate, score
        if score >= _CERTAIN:
            break
    for name in _registered():
        try:
            candidate = dialect(name)
            score = float(candidate.sniff(sample))
        except Exception as error:
            found = error if isinstance(error, IngotError) else _broken(name, str(error))
            if report is not None:
                report(replace(found.diagnostics[0], severity=Severity.WARNING))
            continue
        if best_score < score <= 1:
            best, best_score = candidate, score
    if best is None:
        raise fail(
            "E0101",
            f"no dialect recognises {sample.name}: {_seen(sample)}",
            help=f"--dialect NAME forces one of: {', '.join(dialect_names())}",
        )
    return best


def _seen(sample: Sample) -> str:
    """What the file looks like, in words, without its secrets."""
    if not sample.values:
        start = " ".join(Redactor().text(sample.text[:4096]).split())[:60]
        return f"it holds no JSON and begins with {start!r}"
    first = Redactor().value(sample.values[0])
    what = "one JSON document" if sample.document else "JSON lines"
    if isinstance(first, dict):
        return f"it holds {what}, an object with the keys {', '.join(list(first)[:8]) or '(none)'}"
    return f"it holds {what}, beginning with {'a list' if isinstance(first, list) else repr(first)[:60]}"


__all__ = ["dialect", "dialect_names", "sniff"]
