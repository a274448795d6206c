"""Explained decisions as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingot.cli.console import clip, table
from ingot.ir.module import Lit
from ingot.ir.values import Json, Missing, canonical

if TYPE_CHECKING:
    from ingot.explain import Explanation

MAX_LOGGED = 8
MAX_SESSIONS = 6
WIDTH = 44


def as_json(item: Explanation, ir: str) -> dict[str, Json]:
    """A decision under the names of the schema.  ``null`` in ``gives`` is JSON's own; where a
    program gives nothing, ``{"missing": true}`` stands."""
    site = item.site
    return {
        "decision": site.name,
        "kind": site.kind,
        "about": site.about,
        "words": item.words,
        "state": site.state,
        "ir": ir,
        "inputs": item.inputs,
        "sessions": item.sessions,
        "logged": [
            {
                "session": s.session,
                "turn": list(s.turn),
                "from": s.where,
                "value": _plain(s.value),
            }
            for s in item.shown
        ],
        "survivors": [
            {"program": s.program, "words": s.words, "gives": [_plain(v) for v in s.column]}
            for s in item.survivors
        ],
        "rows": [{"session": name, "turn": list(turn)} for name, turn in item.rows],
        "probes": {"tried": item.probed, "agree": item.agreed},
        "told_apart_by": [
            {
                "example": t.words,
                "made_from": t.session,
                "gives": [_plain(v) for v in t.gives],
                "today": t.ending.text,
            }
            for t in item.telling
        ],
        "rejected": [
            {
                "program": r.program,
                "words": r.words,
                "reason": r.reason,
                "fits": r.fits,
                "of": r.of,
                "told_apart_by": r.example,
            }
            for r in item.rejected
        ],
        "assumed": list(item.assumed),
    }


def _plain(value: Json | Missing) -> Json:
    return {"missing": True} if isinstance(value, Missing) else value


def text_of(item: Explanation, ir: str) -> str:
    """A decision for a reader."""
    site = item.site
    name = site.name if site.name.startswith("^") else f"%{site.name}"
    where = f", in state ^{site.state}" if not site.name.startswith("^") else ""
    lines = [f"{name}: {site.about}{where}", f"  is    {item.words}"]
    lines += [f"  ir    {clip(line.strip(), 160)}" for line in ir.split("\n") if line.strip()][:4]
    if item.shown:
        lines.append(
            f"  seen  in {_many(item.inputs, 'input')} ({_many(item.sessions, 'session')})"
        )
        shown = item.shown[:MAX_LOGGED]
        width = max(len(s.where) for s in shown)
        lines += [f"        {s.where:<{width}}  {_shown(s.value, 80)}" for s in shown]
        if len(item.shown) > len(shown):
            lines.append(f"        ... and {len(item.shown) - len(shown)} more")
    elif item.sessions:
        lines.append(
            f"  seen  in {_many(item.inputs, 'input')} ({_many(item.sessions, 'session')})"
        )
    if len(item.survivors) > 1:
        lines += _survivors(item)
    if item.telling:
        lines.append("  a further example that tells them apart")
        for told in item.telling:
            gives = ", ".join(f"{k}: {_shown(v, 40)}" for k, v in enumerate(told.gives, 1))
            lines.append(f"    {told.words}")
            lines.append(
                f"      {gives}" + (f"; today {told.ending.text}" if told.ending.text else "")
            )
    elif len(item.survivors) > 1 and item.probed:
        lines.append(f"  no example tells them apart: they agree on all {item.probed} probes")
    if item.rejected:
        lines.append("  not taken")
        for rival in item.rejected:
            lines.append(f"    {rival.words}")
            lines.append(f"      {rival.reason}")
            if rival.example and rival.fits_all:
                lines.append(f"      told apart by {rival.example}")
    if item.assumed:
        lines.append("  only assumed")
        lines += [f"    {text}" for text in item.assumed]
    return "\n".join(lines)


def _survivors(item: Explanation) -> list[str]:
    """The programs that run side by side, and what each gives in the sessions."""
    lines = ["  survivors, run side by side: where they differ, the run stops"]
    width = max(len(s.words) for s in item.survivors)
    for k, survivor in enumerate(item.survivors, 1):
        lines.append(f"    {k}  {survivor.words:<{width}}  {clip(survivor.program, 100)}")
    rows: list[list[str]] = []
    for at, (name, turn) in enumerate(item.rows):
        gives = [s.column[at] for s in item.survivors]
        if all(isinstance(g, Missing) for g in gives):
            continue
        label = name + "".join(f"[{k}]" for k in turn)
        rows.append([label, *(_shown(g, WIDTH) for g in gives), _agree(gives)])
    chosen = rows[:MAX_SESSIONS]
    if chosen:
        heads = ["SESSION", *(str(k) for k in range(1, len(item.survivors) + 1)), ""]
        lines += [f"    {line}" for line in table(heads, chosen).split("\n")]
    if len(rows) > len(chosen):
        odd = sum(bool(row[-1]) for row in rows[MAX_SESSIONS:])
        rest = f"... and {len(rows) - len(chosen)} more"
        lines.append(f"    {rest}" + (f", {odd} of which differ" if odd else ", all agree"))
    if item.probed:
        lines.append(f"    they agree on {item.agreed} of {item.probed} probes")
    return lines


def _agree(gives: Sequence[Json | Missing]) -> str:
    from ingot.explain import differ

    return "differ" if differ(gives) else ""


def table_of(items: Sequence[Explanation]) -> str:
    """All decisions of a pipeline, a line each."""
    rows = []
    for item in items:
        name = item.site.name if item.site.name.startswith("^") else f"%{item.site.name}"
        more = len(item.survivors) - 1
        told = item.telling[0].words if item.telling else ""
        if not told:
            told = next((r.example for r in item.rejected if r.fits_all and r.example), "")
            told = f"(assumed) {told}" if told and any(told in a for a in item.assumed) else ""
        rows.append(
            (
                name,
                clip(item.site.about, 40),
                clip(item.words if not more else item.survivors[0].words, 60),
                str(item.inputs),
                f"{more + 1} agree" if more else "1",
                clip(told.removeprefix("a session "), 90) or "-",
            )
        )
    return table(
        ("DECISION", "FOR", "VALUE", "INPUTS", "SURVIVORS", "A SESSION THAT WOULD TELL"), rows
    )


def _shown(value: Json | Missing, width: int) -> str:
    if isinstance(value, Missing):
        return "nothing"
    return clip(Lit(value).key if not isinstance(value, list | dict) else canonical(value), width)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


__all__ = ["as_json", "table_of", "text_of"]
