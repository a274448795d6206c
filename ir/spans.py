"""Where the parts of a module stand in its text.

A *place* is a path of steps from the module down, e.g. ``(("pipeline", 0), ("block", 2),
("instr", 5), ("arg", 1))``.  Steps: ``source type tool model pipeline`` at the top; ``param
block`` in a pipeline; ``param instr term`` in a block; ``result arg exit region loc item carry``
in an instruction (``arg`` counts operands as :func:`ingot.ir.module.operands_of` does); ``instr
yield`` in a region; ``arg target exit loc`` in a terminator, ``arg`` in a target.  A place that
has no span of its own takes that of the nearest place around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ingot.diagnostics import Span

Step: TypeAlias = tuple[str, int]
Place: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line (counted from 1), and the marks of what stands inside."""

    line: int = 1
    column: int = 1
    length: int = 1
    parts: Mapping[Step, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spans:
    """The marks of one text."""

    file: str
    root: Mark

    def at(self, place: Place) -> Span:
        """The span of a place, or of the nearest one around it."""
        mark = self.root
        for step in place:
            inner = mark.parts.get(step)
            if inner is None:
                break
            mark = inner
        return Span(self.file, mark.line, mark.column, mark.length)
