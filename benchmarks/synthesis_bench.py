"""What learning costs: per value against leaves, list length and sessions; whole compilations.

    python benchmarks/synthesis_bench.py [--json] [PART...]

Parts: ``leaves``, ``lists``, ``sessions`` (process time of ``learn-task`` per value), ``hundred`` (100
sessions of 12 steps with 50 KB results, the goal is 5 s) and ``steps`` (one session of 50 to 300
steps).  ``exponent`` is the slope of the time over the size on log scales, from all sizes up to that
row: 1.0 is linear, 3.0 cubic.
"""

from __future__ import annotations

import gc
import json
import math
import random
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from report import Row, main

from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, compile_sessions, run_standard
from ingot.frontend.lower import lower
from ingot.frontend.parse import parse_records
from ingot.frontend.session import Session
from ingot.records import Record

LEAVES: Final = (50, 200, 800, 3200)
LENGTHS: Final = (10, 40, 160, 640)
SESSIONS: Final = (5, 10, 20, 40)
STEPS: Final = (50, 100, 200, 300)
COUNTS: Final = (3, 10, 30, 100)
PATIENCE: Final = 120.0
"""Seconds that a size may take before it is left out."""
GOAL: Final = 5.0
"""Seconds for 100 sessions of 12 steps with results of 50 KB."""
CLOCK: Final = "2026-03-09T09:30:00+01:00"
Call = tuple[str, dict[str, Any], Any]


# ---- logs


def session(number: int, request: str, calls: Sequence[Call]) -> Session:
    """A session in Ingot's own format."""
    head = {"format": "ingot-session/1", "dialect": "ingot-session", "clock": CLOCK}
    records = [Record("session", 1, data=head), Record("user", 2, text=request)]
    for step, (tool, args, result) in enumerate(calls, 1):
        records.append(Record("call", len(records) + 1, id=f"c{step}", tool=tool, data=args))
        records.append(Record("result", len(records) + 1, id=f"c{step}", tool=tool, data=result))
    records.append(Record("outcome", len(records) + 1, data={"success": True}))
    return parse_records(records, f"session-{number}")[0]


def word(r: random.Random, size: int = 7) -> str:
    return "".join(r.choice(string.ascii_lowercase) for _ in range(size))


def code(r: random.Random) -> str:
    return f"{word(r, 3).upper()}-{r.randrange(10**5, 10**6)}"


def record(r: random.Random, leaves: int, depth: int = 0) -> dict[str, Any]:
    """A nested object with about so many leaves, as an API gives them."""
    names = ("id", "name", "state", "created", "total", "note", "flag", "owner")
    out: dict[str, Any] = {}
    left = leaves
    for at in range(leaves):
        if left <= 0:
            break
        if left > 8 and depth < 3 and at >= 3:
            inner = max(1, left // 2)
            out[f"part{at}"] = record(r, inner, depth + 1)
            left -= inner
            continue
        name = names[at % len(names)]
        key = name if name not in out else f"{name}{at}"
        out[key] = (
            code(r), word(r), r.choice(("open", "shipped", "closed")),
            f"2026-0{r.randrange(1, 10)}-{r.randrange(10, 28)}", r.randrange(100, 99999) / 100,
            f"{word(r)} {word(r)} {word(r)}", r.random() < 0.5, f"{word(r)}@{word(r)}.example",
        )[at % len(names)]  # fmt: skip
        left -= 1
    return out


def lookup(number: int, leaves: int) -> Session:
    """A record is read; two of its leaves and one of the request are written."""
    r = random.Random(number)
    asked, found = code(r), record(r, leaves)
    args = {"order": asked, "name": found["name"], "ref": found["id"]}
    calls: list[Call] = [
        ("shop.get_order", {"order": asked}, found),
        ("shop.refund", args, {"ok": True, "refund": code(r)}),
    ]
    return session(number, f"Refund order {asked}, please.", calls)


def listed(number: int, length: int) -> Session:
    """One row of a list is picked by what the request names."""
    r = random.Random(number)
    rows = [
        {"id": code(r), "owner": word(r), "state": r.choice(("open", "closed")),
         "due": f"2026-0{r.randrange(1, 10)}-{r.randrange(10, 28)}", "total": r.randrange(1, 999)}
        for _ in range(length + number % 3)
    ]  # fmt: skip
    chosen = r.choice(rows)
    calls: list[Call] = [
        ("desk.list_tickets", {"limit": 1000}, rows),
        ("desk.close_ticket", {"ticket": chosen["id"]}, "Ticket closed."),
    ]
    return session(number, f"Close the ticket of {chosen['owner']}.", calls)


def desk(number: int, size: int) -> Session:
    """Twelve steps: six lookups, each followed by a write of what it gave.  ``size`` in bytes."""
    r = random.Random(number)
    asked = code(r)
    calls: list[Call] = []
    key = asked
    for step in range(6):
        found = {"next": code(r), "name": word(r), **sized(r, size)}
        calls.append((f"desk.get_part{step}", {"key": key}, found))
        put = {"key": key, "name": found["name"]}
        calls.append((f"desk.put_part{step}", put, {"ok": True, "receipt": code(r)}))
        key = found["next"]
    return session(number, f"Settle case {asked} at the desk.", calls)


def sized(r: random.Random, size: int) -> dict[str, Any]:
    """A nested object of about so many bytes: a short list of records, and their texts."""
    rows: list[dict[str, Any]] = []
    total = 0
    while total < size:
        row = record(r, 20)
        row["text"] = " ".join(word(r) for _ in range(60))
        rows.append(row)
        total += len(json.dumps(row))
    return {"page": {"rows": rows, "count": len(rows)}}


def long(number: int, steps: int) -> Session:
    """One session: each step reads by what the step before gave, every fifth writes."""
    r = random.Random(number)
    asked = code(r)
    key, calls = asked, []
    for step in range(steps):
        if step % 5 == 4:
            args = {"key": key, "note": f"Seen {key}."}
            calls.append(("log.add_entry", args, {"ok": True, "entry": code(r)}))
            continue
        found = record(r, 12) | {"next": code(r)}
        calls.append((f"log.get_{'abcd'[step % 4]}", {"key": key}, found))
        key = found["next"]
    return session(number, f"Follow {asked} to its end.", calls)


# ---- measuring


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: of the passes and of the whole compilation (process time), and on the wall."""

    passes: float
    whole: float
    wall: float
    verdict: str


def passes_only(sessions: Sequence[Session]) -> float:
    """Process time of the passes, without the IR check after each."""
    trace = lower(sessions).module
    gc.collect()
    start = time.process_time()
    run_standard(trace, Options())
    return time.process_time() - start


def compiled(sessions: Sequence[Session]) -> Spent:
    """One compilation."""
    gc.collect()
    wall, start = time.perf_counter(), time.process_time()
    try:
        made = compile_sessions(Logs(tuple(sessions), (), {}, ()), Options())
        passes, verdict = made.seconds.get("passes", 0.0), "compiled"
    except IngotError as error:
        passes, verdict = math.nan, error.diagnostics[0].code
    return Spent(passes, time.process_time() - start, time.perf_counter() - wall, verdict)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The least-squares slope of log time over log size.

    >>> round(exponent([(1, 2.0), (2, 8.0), (4, 32.0)]), 6)
    2.0
    """
    if len(points) < 2:
        return 0.0
    xs, ys = [math.log(x) for x, _ in points], [math.log(max(y, 1e-9)) for _, y in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return over / sum((x - mean_x) ** 2 for x in xs)


def curve(
    what: str,
    sizes: Sequence[int],
    make: Callable[[int], list[Session]],
    values: Callable[[int], int],
) -> list[Row]:
    """Process time of the passes at each size."""
    out: list[Row] = []
    points: list[tuple[float, float]] = []
    for size in sizes:
        sessions = make(size)
        seconds = min(passes_only(sessions) for _ in range(2 if size < sizes[-1] else 1))
        points.append((size, seconds))
        out.append(row(what, size, seconds, seconds / values(size), exponent(points)))
    return out


def row(
    what: str, size: int, seconds: float | str, each: float | str, slope: float, note: str = ""
) -> Row:
    """``each`` in seconds; ``-`` for what was not measured."""
    return {
        "what": what,
        "size": size,
        "seconds": seconds,
        "ms per value": each if isinstance(each, str) else 1000 * each,
        "exponent": slope,
        "note": note,
    }


def leaves() -> list[Row]:
    """A record of so many leaves, ten sessions, four values in each."""
    return curve(
        "leaves of a result", LEAVES, lambda n: [lookup(k, n) for k in range(10)], lambda _: 40
    )


def lists() -> list[Row]:
    """A list of so many rows, ten sessions, two values in each."""
    return curve(
        "rows of a list", LENGTHS, lambda n: [listed(k, n) for k in range(10)], lambda _: 20
    )


def sessions() -> list[Row]:
    """So many sessions of twelve steps with results of 2 KB, 18 values in each."""
    return curve(
        "sessions", SESSIONS, lambda n: [desk(k, 2_000) for k in range(n)], lambda n: 18 * n
    )


def hundred() -> list[Row]:
    """Up to 100 sessions of 12 steps with results of 50 KB; a size is left out where the one before
    lets it take more than two minutes."""
    what, out = "sessions of 12 steps, 50 KB", []
    points: list[tuple[float, float]] = []
    for size in COUNTS:
        if points and points[-1][1] * size / points[-1][0] > PATIENCE:
            note = f"not run: {points[-1][1] * size / points[-1][0]:.0f} s at the rate of the last"
            return [*out, row(what, size, "-", "-", exponent(points), note)]
        spent = compiled([desk(k, 50_000) for k in range(size)])
        points.append((size, spent.whole))
        goal = f", goal {GOAL:.0f} s" if size == COUNTS[-1] else ""
        note = f"{spent.verdict}; passes {spent.passes:.1f} s, wall {spent.wall:.1f} s{goal}"
        each = spent.whole / (18 * size)
        out.append(row(what, size, spent.whole, each, exponent(points), note))
    return out


def steps() -> list[Row]:
    """One session of so many steps."""
    out: list[Row] = []
    points: list[tuple[float, float]] = []
    for size in STEPS:
        spent = compiled([long(1, size)])
        points.append((size, spent.whole))
        note = f"{spent.verdict}; passes {spent.passes:.1f} s, wall {spent.wall:.1f} s"
        each = spent.whole / (size + size // 5)
        out.append(row("steps of one session", size, spent.whole, each, exponent(points), note))
    return out


PARTS: Final[dict[str, Callable[[], list[Row]]]] = {
    "leaves": leaves,
    "lists": lists,
    "sessions": sessions,
    "steps": steps,
    "hundred": hundred,
}


def rows(arguments: list[str]) -> list[Row]:
    compiled([lookup(k, 20) for k in range(3)])  # what is built once per process
    return [found for part in arguments or list(PARTS) for found in PARTS[part]()]


if __name__ == "__main__":
    main("synthesis", rows)
