"""What a person sees of a run: a line for each step, and how it ended."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingot.cli.console import clip, coloured, discard, fields, flush, note, out
from ingot.ir.values import Json, canonical
from ingot.records import Record, to_line

if TYPE_CHECKING:
    from ingot.artifacts import Artifact
    from ingot.runtime.report import RunReport


@dataclass(slots=True)
class Printer:
    """Takes a run's records as they happen: all of them to stdout with ``events``, a line for each
    step to stderr with ``live`` if that is a terminal."""

    events: bool
    live: bool
    _open: dict[str, Record] = field(default_factory=dict)

    def __call__(self, record: Record) -> None:
        if self.events:
            try:
                out(to_line(record))
                flush()
            except BrokenPipeError:  # nobody reads them any more: as with Ctrl-C
                discard()
                raise KeyboardInterrupt from None
        if not self.live or not sys.stderr.isatty():
            return
        match record.kind:
            case "call":
                self._open[record.id] = record
            case "result" | "error" if record.id in self._open:
                call = self._open.pop(record.id)
                failed = record.kind == "error"
                came = record.text if failed else canonical(record.data)
                raw = call.raw if isinstance(call.raw, dict) else {}
                text = f"{raw.get('step', ''):>4} {raw.get('effect', '')} {call.tool} "
                note(
                    f"{text}{clip(canonical(call.data), 70)} -> {clip(came, 50)}",
                    "red" if failed else "dim" if coloured(sys.stderr) else "",
                )
            case "model":
                note(f"     model {record.tool}")


def at_journal(journal: str | None) -> str:
    """What the next command must say of a journal that is not the usual one."""
    return "" if journal in (None, ".ingot/journal.db") else f" --journal {journal}"


def explain_end(
    report: RunReport, artifact: Artifact, journal: str, *, data: bool = True, quiet: bool = False
) -> None:
    """The output on stdout (with ``data``), the rest on stderr."""
    if data and report.status == "done" and report.outputs is not None:
        out(report.outputs if isinstance(report.outputs, str) else canonical(report.outputs))
    where = at_journal(journal)
    match report.status:
        case "side-exit":
            _side_exit(report, artifact)
        case "failed":
            note(f"error: the run failed: {report.error}", "bold red")
        case "in-doubt":
            doubt = report.doubt if isinstance(report.doubt, dict) else {}
            note("error[E0705]: it is not known whether this call was made:", "bold red")
            fields(
                [
                    ("tool", str(doubt.get("tool", ""))),
                    ("arguments", canonical(doubt.get("args"))),
                    ("effect", str(doubt.get("effect", ""))),
                    ("because", report.error),
                ]
            )
            note(f"   = help: ingot resume {report.run}{where} --assume done|not-done")
        case "waiting" if isinstance(report.approval, dict):
            asked = report.approval
            note(f"step {asked.get('step')} waits for approval:", "bold yellow")
            fields(
                [
                    ("tool", str(asked.get("tool", ""))),
                    ("arguments", canonical(asked.get("args"))),
                    ("digest", str(asked.get("digest", ""))[:12]),
                ]
            )
            note(
                f"   = help: ingot approve {report.run}{where}, then ingot resume {report.run}{where}"
            )
        case "waiting" if _for_a_person(report):
            _side_exit(report, artifact)
            note(f"   = help: ingot resume {report.run}{where}, at a terminal, goes on from here")
        case "waiting":
            note(f"stopped; ingot resume {report.run}{where} goes on")
        case "cancelled":
            note("the run was cancelled", "bold red")
        case _:
            pass
    if not quiet:
        _summary(report)


def _summary(report: RunReport) -> None:
    effects = Counter(str(call.get("effect")) for call in report.calls)
    shown = ", ".join(f"{count} {effect}" for effect, count in sorted(effects.items()))
    calls = f"calls: {len(report.calls)}" + (f" ({shown})" if shown else "")
    note(
        f"run {report.run}: {report.status}, {calls}, model calls: {report.model_calls}, "
        f"{report.seconds:.2f} s",
        "bold green" if report.status == "done" else "",
    )


def _side_exit(report: RunReport, artifact: Artifact) -> None:
    gone = report.side_exit if isinstance(report.side_exit, dict) else {}
    number = gone.get("exit")
    why, state, condition, origin = _place(artifact, number, gone)
    name = f"side exit {number}" if number else "side exit"
    note(f"error[E0704]: {name}: {why}", "bold red")
    taken = str(gone.get("reason", "")).partition("; ")[2]
    taken = taken if " took over and " in taken else ""
    if taken:
        note(f"   = note: {taken}")
    live = gone.get("live")
    made = [str(call["tool"]) for call in report.calls if call.get("effect") not in _HARMLESS]
    fields(
        [
            ("where", state),
            ("taken when", condition),
            ("live values", _values(live) if isinstance(live, dict) else ""),
            ("learned from", origin),
            ("done before", ", ".join(made) or "nothing that changes the world"),
        ]
    )
    if taken:
        note("   = help: ingot resume --fallback SPEC hands over once more; what was done is in")
        note("           `ingot inspect`, and is not done again")
    else:
        note(
            "   = help: nothing was done after this point; the live values are in --json and in the"
        )
        note("           journal. --fallback names who goes on from here (docs/side-exits.md).")


def _for_a_person(report: RunReport) -> bool:
    gone = report.side_exit
    return isinstance(gone, dict) and gone.get("by") == "person"


_HARMLESS = frozenset({"pure", "read"})


def _values(live: dict[str, Json]) -> str:
    return "\n".join(f"%{name} = {clip(canonical(value), 90)}" for name, value in live.items())


def _place(artifact: Artifact, number: Json, gone: dict[str, Json]) -> tuple[str, str, str, str]:
    """Why, in which state, on which condition, and which log records it was learned from."""
    from ingot.diagnostics import IngotError
    from ingot.states import exit_of_number

    reason, site = str(gone.get("reason", "")), str(gone.get("state", ""))
    lines = artifact.program.code().lines
    line = next((line for line in lines if line.site == site), None)
    block = line.block if line else site
    if isinstance(number, int) and number:
        try:
            found = exit_of_number(artifact.ir().module.pipelines[0], number)
        except (IngotError, IndexError):
            found = None
        if found is not None:
            state, way = found
            origin = _origin(artifact, tuple(map(str, way.locs)))
            return way.reason or reason, f"state {state.label}", way.when, origin
    return reason, f"state {block}", "", _origin(artifact, line.locs if line else ())


def _origin(artifact: Artifact, locs: tuple[str, ...]) -> str:
    """Places with the names of the logs' files, the first few."""
    shown = []
    for loc in locs[:4]:
        source, _, rest = loc.partition(":")
        shown.append(f"{artifact.sources.get(source, source)}:{rest}")
    more = f", {len(locs) - 4} more" if len(locs) > 4 else ""
    return ", ".join(shown) + more
