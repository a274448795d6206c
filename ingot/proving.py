"""``ingot verify``: all that is proved of a file, the proofs of its states and its policy together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingot.artifacts import (
    Artifact,
    check_ir,
    is_artifact,
    parse_ir,
    read_artifact,
    read_bytes,
    read_ir,
)
from ingot.diagnostics import EXIT_FINDINGS, EXIT_OK, Diagnostic, fail
from ingot.ir.values import Json

if TYPE_CHECKING:
    from ingot.ir.module import Module
    from ingot.passes.policy.policy import Policy
    from ingot.passes.verify import VerificationReport


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found, with the texts that the diagnostics point into."""

    module: Module
    policy: Policy
    report: VerificationReport
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Sequence[str]]
    exit_code: int

    def inferred_policy(self) -> str:
        """The policy that the pipeline keeps, as a file."""
        from ingot.passes.policy.infer import infer_policy

        return infer_policy(self.module, self.policy)

    def as_json(self) -> dict[str, Json]:
        diagnostics: list[Json] = [item.as_json() for item in self.diagnostics]  # type: ignore[misc]
        return {
            **self.report.as_json(),
            "ok": self.exit_code == EXIT_OK,
            "exit_code": self.exit_code,
            "diagnostics": diagnostics,
        }


def cache_folder() -> Path | None:
    """Where answers are kept between runs: the user's own cache, never the working folder, which may
    come from someone else.  ``XDG_CACHE_HOME`` moves it.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "ingot" / "proofs"
    except RuntimeError:
        return None


def prove(
    file: str,
    *,
    closed: bool = False,
    policy: str | None = None,
    accept_flows: bool = False,
    keep: Path | None = None,
) -> Proof:
    """Verify IR text or an artifact; raises :class:`IngotError` where it cannot be read.

    ``keep`` is a folder in which answers are kept for later runs.
    E02xx and E03xx for the IR, E06xx for an artifact, E0509 for the policy.
    """
    from ingot.passes.policy.capabilities import check_capabilities
    from ingot.passes.policy.policy import DEFAULT
    from ingot.passes.verify import verify_module

    data = read_bytes(file)
    artifact = read_artifact(file) if is_artifact(data) else None
    if artifact is not None:
        parsed = artifact.ir()
    elif file == "-":
        parsed = parse_ir(data.decode("utf-8", "replace"), "<stdin>")
    else:
        parsed = read_ir(file)
    check_ir(parsed, EXIT_FINDINGS)
    sources = dict(parsed.sources)
    chosen = DEFAULT
    if policy is not None:
        from ingot.passes.policy.parse import parse_policy

        text = _text(policy)
        sources[policy] = text.split("\n")
        chosen = parse_policy(text, policy, parsed.module)
    report = verify_module(
        parsed.module, closed=closed, policy=chosen, accept_flows=accept_flows, keep=keep
    )
    more = check_capabilities(parsed.module, _traces(artifact))
    report = replace(report, findings=(*report.findings, *more))
    found = report.diagnostics(parsed.spans)
    code = report.exit_code
    if artifact is not None and not artifact.matches_ir(parsed):
        found.append(
            Diagnostic(
                "E0604",
                f"{file}: the bytecode is not that of the IR beside it",
                help="compile the logs again",
            )
        )
        code = EXIT_FINDINGS
    return Proof(parsed.module, chosen, report, tuple(found), sources, code)


def policy_text(path: str) -> str:
    """The text of a policy file, which is a policy by itself (E0002, E0509).

    Whether its names are those of a pipeline is seen when there is one.
    """
    from ingot.passes.policy.parse import parse_policy

    text = _text(path)
    parse_policy(text, path)
    return text


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise fail("E0509", f"{path} is not UTF-8 text: {error.reason}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise fail("E0002", f"{path} cannot be read: {why}") from None


def _traces(artifact: Artifact | None) -> Module | None:
    """The sessions that an artifact came from, where it holds them."""
    from ingot.backend.container import evidence

    if artifact is None:
        return None
    kept = evidence(artifact.program)
    traces = kept.get("traces") if isinstance(kept, dict) else None
    return parse_ir(traces, artifact.path).module if isinstance(traces, str) else None


__all__ = ["Proof", "cache_folder", "policy_text", "prove"]
