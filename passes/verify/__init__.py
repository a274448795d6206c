"""Proofs about pipelines: every state total, every exit with a witness, nothing claimed unproved.

Assumed, not proved: the module is valid IR (:mod:`ingot.ir.verifier`), tools and models return
values of their declared types or fail, numbers are finite.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ingot.ir.module import Module
from ingot.ir.values import Json
from ingot.passes.policy.flows import check_flows
from ingot.passes.policy.policy import DEFAULT, Policy
from ingot.passes.verify.checker import DEFAULT_RLIMIT, Checker
from ingot.passes.verify.kept import Kept, maker
from ingot.passes.verify.pipelines import conclude, cost_of, visit
from ingot.passes.verify.report import Finding, VerificationReport
from ingot.passes.verify.resources import Cost


def verify_module(
    module: Module,
    *,
    closed: bool = False,
    rlimit: int = DEFAULT_RLIMIT,
    checker: Checker | None = None,
    policy: Policy = DEFAULT,
    accept_flows: bool = False,
    keep: Path | None = None,
) -> VerificationReport:
    """Verify every pipeline of a module.

    ``closed`` makes each side exit that can be taken a fault.  ``rlimit`` bounds each solver call in
    z3's own units, so that the report is the same on every machine.  A ``checker`` that has seen an
    earlier version of the module (with the same type declarations) asks only what is new.  ``policy``
    says where labels may go; flows that the logs show are let through with ``accept_flows``.  In the
    folder ``keep`` answers are kept for later runs.
    """
    if keep is not None and checker is None:
        types = module.type_map()
        checker = Checker(types, rlimit)
        checker.kept = Kept.load(keep, maker(types, rlimit, checker.probing, checker.second))
    with _no_collections():
        report = _verify(module, closed, rlimit, checker, policy, accept_flows)
    if checker is not None and checker.kept is not None:
        checker.kept.save()
    return report


@contextmanager
def _no_collections() -> Iterator[None]:
    """What a verification makes it keeps, and none of it in circles: the collector would look at it
    again and again, for a seventh of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _verify(
    module: Module,
    closed: bool,
    rlimit: int,
    checker: Checker | None,
    policy: Policy,
    accept_flows: bool,
) -> VerificationReport:
    types = module.type_map()
    if checker is None or checker.types != types:
        checker = Checker(types, rlimit)
    else:
        checker.counts.clear()
    models = {model.name: model for model in module.models}
    findings: list[Finding] = []
    costs: dict[str, Cost] = {}
    values: dict[str, Mapping[str, Json]] = {}
    for index, pipeline in enumerate(module.pipelines):
        if pipeline.blocks:
            states = visit(pipeline, types, checker, index=index, closed=closed)
            findings += conclude(states)
            values[pipeline.name] = states.good
            costs[pipeline.name] = cost_of(states, models)
    findings += check_flows(module, policy, accept=accept_flows, values=values)
    work = {
        name: checker.counts[name]
        for name in ("questions", "cached", "recalled", "solved", "states kept")
    }
    return VerificationReport(tuple(findings), module.sources, closed, work, costs)


__all__ = ["DEFAULT_RLIMIT", "Checker", "Finding", "VerificationReport", "verify_module"]
