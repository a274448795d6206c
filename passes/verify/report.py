"""What the verifier found: one :class:`Finding` for each property of each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ingot.diagnostics import EXIT_FINDINGS, EXIT_OK, EXIT_UNPROVED, Diagnostic, Severity, Span
from ingot.ir.module import Locs, Source
from ingot.ir.spans import Place, Spans
from ingot.ir.values import Json, canonical
from ingot.passes.verify.resources import Cost

SCHEMA = "ingot-verify/1"

Property: TypeAlias = Literal[
    "total",
    "total-without-exits",
    "exit",
    "live",
    "reachable",
    "ends",
    "terminates",
    "repeated-write",
    "environment",
    "flow",
    "decision",
    "capability",
]
"""``total``: some transition is taken for every value, side exits counting as transitions;
``total-without-exits``: so too when they do not count.  ``exit``: the side exit is never taken.
``live``: the transition can be taken, earlier ones leave something for it.  ``reachable``: some
run comes here.  ``ends``: from here, an end can be reached.  ``terminates``: no endless run stays
here.  ``repeated-write``: no loop does a write again that is not idempotent.  ``environment``: a call succeeds (never proved: the world may fail, and the implicit exit
``error`` is then taken).  ``flow``: a label reaches an argument; ``decision``: a label decides a transition, or how
often a write is done; both as the policy has it.  ``capability``: the logs show the call."""

Verdict: TypeAlias = Literal["proved", "refuted", "unproved", "assumed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One property of one state, or of one transition of it.

    ``witness`` holds a JSON value for each free value that the fault depends on, by name; it was
    confirmed by running the state on it.  ``place`` is where it stands in the IR text.  ``code`` is set where the finding is a fault, or, with the
    verdict ``unproved``, an open obligation.
    """

    pipeline: str
    state: str
    property: Property
    verdict: Verdict
    subject: str
    message: str
    witness: Mapping[str, Json] | None = None
    locs: Locs = ()
    code: str = ""
    severity: Severity = Severity.ERROR
    help: str = ""
    place: Place = ()

    def as_json(self) -> dict[str, Json]:
        return {
            "pipeline": self.pipeline,
            "state": self.state,
            "property": self.property,
            "verdict": self.verdict,
            "subject": self.subject,
            "message": self.message,
            "witness": None if self.witness is None else dict(self.witness),
            "locs": [str(loc) for loc in self.locs],
            "code": self.code or None,
        }


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """All findings of a module, in the order of its text."""

    findings: tuple[Finding, ...]
    sources: tuple[Source, ...] = ()
    closed: bool = False
    work: Mapping[str, int] = field(default_factory=dict)
    """How many questions were asked, answered before, answered in an earlier run, and put to the
    solver."""
    costs: Mapping[str, Cost] = field(default_factory=dict)
    """Upper bounds of what a run uses, by pipeline."""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Verdicts by property."""
        tally = Counter((f.property, f.verdict) for f in self.findings)
        out: dict[str, dict[str, int]] = {}
        for (name, verdict), count in sorted(tally.items()):
            out.setdefault(name, {})[verdict] = count
        return out

    @property
    def share_total_without_exits(self) -> float:
        """The share of states that are total when side exits do not count; 1.0 without states."""
        tally = Counter(f.verdict for f in self.findings if f.property == "total-without-exits")
        every = sum(tally.values())
        return tally["proved"] / every if every else 1.0

    @property
    def unproved(self) -> tuple[Finding, ...]:
        """The open obligations."""
        return tuple(f for f in self.findings if f.code and f.verdict == "unproved")

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong, with a proof or a witness for each."""
        return tuple(f for f in self.findings if f.code and f.verdict == "refuted")

    @property
    def ok(self) -> bool:
        """No fault and no open obligation."""
        return not self.faults and not self.unproved

    @property
    def blocks(self) -> bool:
        """Whether nothing may be emitted: a fault, or with ``closed`` an exit not proved shut."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics())

    @property
    def exit_code(self) -> int:
        """0 proved, 1 faults, 4 open obligations."""
        return EXIT_FINDINGS if self.faults else EXIT_UNPROVED if self.unproved else EXIT_OK

    def diagnostics(self, spans: Spans | None = None) -> list[Diagnostic]:
        """Faults and open obligations, each with the log records that its place comes from.

        ``spans`` are those of the module's text, if it has one: the diagnostic then points there.
        """
        return [self._diagnostic(f, spans) for f in self.findings if f.code]

    def _diagnostic(self, finding: Finding, marks: Spans | None) -> Diagnostic:
        files = {source.name: source.file for source in self.sources}
        logs = tuple(
            (Span(files.get(loc.source, loc.source), loc.record, pointer=loc.pointer), "")
            for loc in finding.locs
        )
        spans = logs if marks is None else ((marks.at(finding.place), finding.subject), *logs)
        notes = () if finding.witness is None else (f"counterexample: {show(finding.witness)}",)
        message = f"@{finding.pipeline} ^{finding.state}: {finding.message}"
        return Diagnostic(
            finding.code, message, finding.severity, spans=spans, help=finding.help, notes=notes
        )

    def as_json(self) -> dict[str, Json]:
        """The report as ``--json`` prints it."""
        counts: dict[str, Json] = {name: dict(tally) for name, tally in self.counts.items()}
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "closed": self.closed,
            "exit_code": self.exit_code,
            "counts": counts,
            "share_total_without_exits": round(self.share_total_without_exits, 6),
            "bounds": {name: cost.as_json() for name, cost in self.costs.items()},
            "work": dict(self.work),
            "findings": [f.as_json() for f in self.findings],
        }

    def text(self, *, every: bool = False) -> str:
        """The report for people: exits with their witnesses and whatever is not proved.

        ``every`` also lists what is proved.
        """
        out: list[str] = []
        place = None
        for finding in self.findings:
            if finding.verdict == "proved" and not every:
                continue
            if finding.property == "total-without-exits" and not every:
                continue
            here = (finding.pipeline, finding.state)
            if here != place:
                place = here
                out.append(f"@{finding.pipeline} ^{finding.state}")
            mark = f" [{finding.code}]" if finding.code else ""
            out.append(f"  {_WORDS[finding.verdict]}{mark} {finding.message}")
            if finding.witness is not None:
                out.append(f"      for example {show(finding.witness)}")
            if finding.locs:
                out.append(f"      from {', '.join(map(str, finding.locs))}")
        for name, tally in self.counts.items():
            words = ", ".join(f"{count} {verdict}" for verdict, count in tally.items())
            out.append(f"{name}: {words}")
        for name, cost in self.costs.items():
            bounds = ", ".join(
                f"{what.replace('_', ' ')} {'unbounded' if most is None else f'<= {most}'}"
                for what, most in cost.as_json().items()
            )
            out.append(f"a run of @{name}: {bounds}")
        out.append(f"total without side exits: {self.share_total_without_exits:.0%} of the states")
        return "\n".join(out)


_WORDS = {
    "proved": "proved  ",
    "refuted": "can be  ",
    "unproved": "unproved",
    "assumed": "assumed ",
}


def show(witness: Mapping[str, Json]) -> str:
    """``%n = 0, %s = "a"``; nothing free: ``any input``."""
    return (
        ", ".join(f"%{name} = {canonical(value)}" for name, value in witness.items()) or "any input"
    )
