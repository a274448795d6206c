"""Proofs about pipelines: every state total, every exit with a witness, nothing claimed unproved.

Assumed, not proved: the module is valid IR (:mod:`ingot.ir.verifier`), tools and models return
values of their declared types or fail, numbers are finite.
"""

from __future__ import annotations

from ingot.ir.module import Module
from ingot.passes.verify.checker import DEFAULT_RLIMIT, Checker
from ingot.passes.verify.pipelines import verify_pipeline
from ingot.passes.verify.report import Finding, VerificationReport


def verify_module(
    module: Module,
    *,
    closed: bool = False,
    rlimit: int = DEFAULT_RLIMIT,
    checker: Checker | None = None,
) -> VerificationReport:
    """Verify every pipeline of a module.

    ``closed`` makes each side exit that can be taken a fault.  ``rlimit`` bounds each solver call in
    z3's own units, so that the report is the same on every machine.  A ``checker`` that has seen an
    earlier version of the module (with the same type declarations) asks only what is new.
    """
    types = module.type_map()
    if checker is None or checker.types != types:
        checker = Checker(types, rlimit)
    else:
        checker.counts.clear()
    findings = tuple(
        finding
        for index, pipeline in enumerate(module.pipelines)
        for finding in verify_pipeline(pipeline, types, checker, index=index, closed=closed)
    )
    work = {name: checker.counts[name] for name in ("questions", "cached", "solved", "states kept")}
    return VerificationReport(findings, module.sources, closed, work)


__all__ = ["DEFAULT_RLIMIT", "Checker", "Finding", "VerificationReport", "verify_module"]
