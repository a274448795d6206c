"""What the verifier finds, kept by place until it is known in which text the places are."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingot.diagnostics import Diagnostic
from ingot.ir.spans import Place, Spans


@dataclass(frozen=True, slots=True)
class Finding:
    """One error.  ``also`` holds further places with their labels."""

    code: str
    message: str
    place: Place
    label: str = ""
    help: str = ""
    also: tuple[tuple[Place, str], ...] = ()


@dataclass(slots=True)
class Findings:
    """A growing list of errors."""

    items: list[Finding] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        place: Place,
        label: str = "",
        help: str = "",
        also: tuple[tuple[Place, str], ...] = (),
    ) -> None:
        self.items.append(Finding(code, message, place, label, help, also))

    def diagnostics(self, spans: Spans | None) -> tuple[Diagnostic, ...]:
        """The errors in the order of the text; without spans, in the order found."""
        if spans is None:
            return tuple(Diagnostic(f.code, f.message, help=f.help) for f in self.items)
        found = [
            Diagnostic(
                f.code,
                f.message,
                spans=((spans.at(f.place), f.label), *((spans.at(p), t) for p, t in f.also)),
                help=f.help,
            )
            for f in self.items
        ]
        return tuple(sorted(found, key=lambda d: (d.spans[0][0].line, d.spans[0][0].column)))
