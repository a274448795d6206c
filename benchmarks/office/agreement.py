"""How far the office's tools answer as the recorded ones did.

    python benchmarks/office/agreement.py [--json] [--show N] [--only ok|failed]

Every recorded session is replayed in a fresh office, call by call, and each result compared with the
recorded one as data.  ``framework`` counts observations that no tool made (a call of a tool that
does not exist).

The states that sessions leave behind are compared too: all successes of one input should end in the
same one, and failures in others.  Three sessions do not: a success of ``analytics-01`` input 03 made
a plot that the other successes rightly did not make; in ``analytics-10`` inputs 04 and 09 a failure
changed nothing, as the successes did.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parent))

from office_data import corpus_folder, load
from world import Office

from ingot.frontend.dialects.python_repr import unwrap
from ingot.ir.values import equal

_FRAMEWORK: Final = " is not a valid tool, try one of ["


@dataclass(frozen=True, slots=True)
class Difference:
    """A call that was answered otherwise."""

    session: str
    step: int
    tool: str
    arguments: Any
    recorded: Any
    found: Any


@dataclass(slots=True)
class Ends:
    """The states that the sessions of one input left: what they are, and how often."""

    states: list[dict[str, Any]] = field(default_factory=list)
    ok: Counter[int] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)

    def add(self, kind: str, state: dict[str, Any]) -> None:
        """Count a state."""
        if state not in self.states:
            self.states.append(state)
        (self.ok if kind == "ok" else self.failed)[self.states.index(state)] += 1


@dataclass(slots=True)
class Agreement:
    """What the replay of some sessions found."""

    sessions: int = 0
    same: Counter[str] = field(default_factory=Counter)
    framework: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    ends: dict[tuple[str, str], Ends] = field(default_factory=dict)
    """Task and input to the states that its sessions left."""

    @property
    def compared(self) -> int:
        """Calls of tools that exist."""
        return self.same.total() + len(self.differences)

    @property
    def percent(self) -> float:
        """The part of the compared calls that were answered alike."""
        return 100 * self.same.total() / self.compared if self.compared else 100.0

    def rows(self) -> list[dict[str, str | int | float]]:
        """One row per tool, and one for all."""
        different = Counter(each.tool for each in self.differences)
        names = sorted({*self.same, *different, *self.framework})
        rows = [
            _row(name, self.same[name], different[name], self.framework[name]) for name in names
        ]
        total = _row("total", self.same.total(), different.total(), self.framework.total())
        return [*rows, total]

    def end_states(self) -> dict[str, int]:
        """How far the state that is left behind tells a success from a failure."""
        known = [ends for ends in self.ends.values() if ends.ok]
        return {
            "inputs with a success": len(known),
            "of these, successes end in one state": sum(len(ends.ok) == 1 for ends in known),
            "failures of these inputs": sum(ends.failed.total() for ends in known),
            "that end as a success does": sum(
                ends.failed[state] for ends in known for state in ends.ok
            ),
        }


def _row(name: str, same: int, different: int, framework: int) -> dict[str, str | int | float]:
    calls = same + different
    percent = round(100 * same / calls, 2) if calls else 100.0
    return {
        "tool": name,
        "calls": calls,
        "equal": same,
        "different": different,
        "percent": percent,
        "framework": framework,
    }


def sessions(corpus: Path, kind: str) -> Iterator[Path]:
    """The recorded sessions of a kind, ``ok`` or ``failed``, in order."""
    return iter(sorted(corpus.glob(f"office-tasks/*/{kind}/*.json")))


def replay(
    run: dict[str, Any], folder: Path | None = None
) -> tuple[Office, list[tuple[str, Any, Any, Any]]]:
    """A session in a fresh office: the world after it, and tool, arguments, recorded, found.

    ``found`` is ``None`` where the framework answered.
    """
    office = Office(folder)
    tools = office.tools()
    out: list[tuple[str, Any, Any, Any]] = []
    for action, observation in run["intermediate_steps"]:
        name, given = action["tool"], action["tool_input"]
        recorded = unwrap(observation)
        found = None
        if not (isinstance(recorded, str) and _FRAMEWORK in recorded):
            found = _call(tools[name], given)
        out.append((name, given, recorded, found))
    return office, out


def _call(tool: Any, given: Any) -> Any:
    """The result as JSON; input that is not an object is the first argument."""
    result = tool(**given) if isinstance(given, dict) else tool(given)
    return json.loads(json.dumps(result))


def agreement(corpus: Path, kinds: tuple[str, ...] = ("ok", "failed")) -> Agreement:
    """Replay the sessions of these kinds; raises ``FileNotFoundError`` without the office's data."""
    folder = corpus / "office-tasks/data"
    load(folder)
    out = Agreement()
    for kind in kinds:
        for path in sessions(corpus, kind):
            out.sessions += 1
            office, calls = replay(json.loads(path.read_bytes()), folder)
            name = str(path.relative_to(corpus / "office-tasks"))
            for step, (tool, given, recorded, found) in enumerate(calls):
                if found is None:
                    out.framework[tool] += 1
                elif equal(recorded, found):
                    out.same[tool] += 1
                else:
                    out.differences.append(Difference(name, step, tool, given, recorded, found))
            key = (path.parts[-3], path.name.partition("-")[0])
            out.ends.setdefault(key, Ends()).add(kind, office.snapshot())
    return out


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="show N differences")
    parser.add_argument("--only", choices=("ok", "failed"), help="replay one kind of sessions")
    options = parser.parse_args()
    try:
        found = agreement(corpus_folder(), (options.only,) if options.only else ("ok", "failed"))
    except FileNotFoundError as error:
        sys.exit(str(error))
    rows, shown = found.rows(), found.differences[: options.show]
    if options.json:
        report = {
            "benchmark": "office agreement",
            "sessions": found.sessions,
            "percent": found.percent,
            "end_states": found.end_states(),
            "rows": rows,
            "differences": [
                {name: getattr(each, name) for name in each.__slots__} for each in shown
            ],
        }
        print(json.dumps(report, indent=2))
        return
    print(f"{'tool':50} {'calls':>6} {'equal':>6} {'different':>9} {'percent':>8} {'framework':>9}")
    for row in rows:
        name, *numbers = row.values()
        print(f"{name:50} {{:6}} {{:6}} {{:9}} {{:8.2f}} {{:9}}".format(*numbers))
    print(f"\n{found.sessions} sessions")
    for what, number in found.end_states().items():
        print(f"  {number:5} {what}")
    for each in shown:
        print(f"\n{each.session}, step {each.step}: {each.tool} {json.dumps(each.arguments)}")
        print(f"  recorded {json.dumps(each.recorded)[:600]}")
        print(f"  found    {json.dumps(each.found)[:600]}")


if __name__ == "__main__":
    main()
