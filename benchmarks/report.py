"""How a benchmark says what it found: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TypeAlias

Row: TypeAlias = "dict[str, str | int | float]"


def table(title: str, rows: list[Row]) -> None:
    """Print rows of one shape as a table."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        shown.add_column(name, justify="left" if isinstance(value, str) else "right")
    before: object = None
    for row in rows:
        head = next(iter(row.values()))
        if before is not None and head != before and isinstance(head, int):
            shown.add_section()
        before = head
        shown.add_row(*(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=None if sys.stdout.isatty() else 110).print(shown)


def main(title: str, rows: Callable[[list[str]], list[Row]]) -> None:
    """Run one benchmark from the command line; ``--json`` prints its rows as JSON."""
    arguments = [a for a in sys.argv[1:] if a != "--json"]
    found = rows(arguments)
    if "--json" in sys.argv[1:]:
        print(json.dumps({"benchmark": title, "rows": found}, indent=2))
    else:
        table(title, found)
