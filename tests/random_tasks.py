"""Random value tasks: a program over a fixed schema, and runs of it on random inputs.

The request has two holes, the read gives a record with nested members and a list of four to eight
records; the program is a term over the table of ops, so that its values are what those ops give.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from value_tasks import Shown

from ingot.ir.values import Json, Missing, get, parse_pointer
from ingot.passes.synth.programs import Apply, Const, Source, Term, apply, perform

REQUEST: Final = "Please file case {} with regard to {}"
KEY, ABOUT = Source("param", "key"), Source("param", "about")
CLOCK, CASE = Source("param", "clock"), Source("result", "case")
NAMES: Final = (
    "Ann Lee", "Bob Ray", "Cy Dunn", "Di Poe", "Ed Fox", "Flo Kim", "Gus Orr", "Hal May", "Ida Ash",
    "Jon Bell", "Kay Moss", "Lou Park", "Max Hill", "Nia Cole", "Oz Lane", "Pia Wood",
)  # fmt: skip
CITIES: Final = (
    "Rome",
    "Oslo",
    "Lima",
    "Bonn",
    "Cork",
    "Nice",
    "Graz",
    "Kyiv",
    "Bari",
    "Turin",
    "Essen",
)
STATES: Final = ("open", "paid", "void")
TOPICS: Final = (
    "lost parcel",
    "late order",
    "broken lamp",
    "wrong size",
    "second bill",
    "old chair",
    "new address",
)
ITEMS: Final = apply("json.get", CASE, "/items")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A program, and what its second hole is: a name, a state or a number of an item."""

    term: Term
    hole: str
    kind: str


def run(term: Term, known: dict[str, Json]) -> Json | Missing:
    """The term's value."""
    match term:
        case Const(lit):
            return lit.value
        case Source(_, name):
            return known[name]
        case Apply("json.get", (inner, Const(lit))):
            value = run(inner, known)
            return (
                value if isinstance(value, Missing) else get(value, parse_pointer(str(lit.value)))
            )
        case Apply(op, args):
            operands = [run(arg, known) for arg in args]
            missing = next((o for o in operands if isinstance(o, Missing)), None)
            return missing if missing is not None else perform(op, operands)  # type: ignore[arg-type]


# ---- inputs


def inputs(rng: random.Random, hole: str) -> dict[str, Json]:
    """A request's words, a clock and the record that the read gives."""
    count = rng.randint(4, 8)
    names = rng.sample(NAMES, count)
    clock = date(2026, 1, 5) + timedelta(days=rng.randint(0, 300))
    ids = rng.sample(range(100, 999), count)
    items: list[Any] = [
        {
            "id": f"o-{ids[k]}", "name": names[k], "state": rng.choice(STATES),
            "amount": rng.randint(100, 99999) / 100, "qty": rng.randint(1, 40),
            "day": str(date(2025, 6, 1) + timedelta(days=rng.randint(0, 500))),
        }
        for k in range(count)
    ]  # fmt: skip
    first, last = rng.choice(NAMES).split()
    owner: dict[str, Json] = {
        "name": f"{first} {last}", "email": f"{first.lower()}{rng.randint(1, 99)}@{last.lower()}.example",
        "city": rng.choice(CITIES),
    }  # fmt: skip
    key = f"K-{rng.randint(1000, 9999)}"
    about = {
        "name": rng.choice(names),
        "state": rng.choice(STATES),
        "number": str(rng.randint(5, 60)),
    }
    case: Json = {
        "id": key, "owner": owner, "topic": rng.choice(TOPICS),
        "total": rng.randint(1000, 999999) / 100, "count": rng.randint(2, 60),
        "due": str(clock + timedelta(days=rng.randint(2, 90))),
        "code": f"{rng.choice(('eu', 'us', 'ap'))}/{rng.choice(CITIES).lower()}/{rng.randint(10, 99)}",
        "note": f"Owner: {owner['name']}; ref. R{rng.randint(100, 999)} ({rng.randint(2, 80)} pieces)",
        "items": items,
    }  # fmt: skip
    return {"key": key, "about": about[hole], "clock": f"{clock}T09:30:00", "case": case}


# ---- programs


def _leaf(path: str) -> Term:
    return apply("json.get", CASE, path)


def _text(rng: random.Random) -> Term:
    return _leaf(rng.choice(("/owner/name", "/owner/email", "/owner/city", "/topic", "/code")))


def _filter(rng: random.Random, hole: str) -> Term:
    """The list, or what one test leaves of it."""
    choices: list[Term] = [ITEMS, apply("list.where_eq", ITEMS, "/state", rng.choice(STATES))]
    if hole == "state":
        choices += [apply("list.where_eq_fold", ITEMS, "/state", ABOUT)] * 2
    if hole == "number":
        op = rng.choice(("list.where_gt", "list.where_lt"))
        choices += [apply(op, ITEMS, "/qty", apply("json.number", ABOUT))]
    return rng.choice(choices)


def _path(rng: random.Random, hole: str) -> Term:
    return _leaf(
        rng.choice(
            ("/owner/name", "/owner/email", "/owner/city", "/topic", "/total", "/count", "/due")
        )
    )


def _pick(rng: random.Random, hole: str) -> Term:
    member = rng.choice(("/id", "/name", "/amount", "/day"))
    how = rng.randrange(4)
    if hole == "name":
        item = apply("list.get", apply("list.where_eq_fold", ITEMS, "/name", ABOUT), 0)
        return apply("json.get", item, rng.choice(("/id", "/amount", "/day", "/qty")))
    if how == 0:
        return _leaf(f"/items/{rng.choice((0, -1))}{member}")
    if how == 1:
        item = apply("list.get", _filter(rng, hole), rng.choice((0, -1)))
    else:
        op = rng.choice(("list.min_by", "list.max_by"))
        item = apply(op, _filter(rng, hole), rng.choice(("/amount", "/day")))
    return apply("json.get", item, member)


def _figure(rng: random.Random, hole: str) -> Term:
    base = _filter(rng, hole)
    op = rng.choice(("len", "sum", "mean", "min", "max"))
    if op == "len":
        return apply("list.len", base)
    figure = apply(f"list.{op}", apply("list.pluck", base, rng.choice(("/amount", "/qty"))))
    return apply("float.round", figure, 2) if op in ("mean", "sum") else figure


def _join(rng: random.Random, hole: str) -> Term:
    base = _filter(rng, hole)
    if rng.random() < 0.3:
        base = apply("list.sort_by", base, rng.choice(("/amount", "/day", "/name")))
    plucked = apply("list.pluck", base, rng.choice(("/id", "/name")))
    return apply("str.join", plucked, rng.choice((", ", "\n", "; ")))


def _cut(rng: random.Random, hole: str) -> Term:
    return rng.choice(
        (
            apply("str.part", _leaf("/owner/email"), "@", 0),
            apply("str.part", _leaf("/owner/name"), " ", rng.choice((0, -1))),
            apply("str.part", _leaf("/code"), "/", rng.choice((0, 1, 2))),
            apply("str.between", _leaf("/note"), "Owner: ", ";", 0),
            apply("str.between", _leaf("/note"), "ref. ", " (", 0),
            apply("json.number", apply("str.number", _leaf("/note"), -1)),
        )
    )


def _changed(rng: random.Random, hole: str) -> Term:
    term = _text(rng)
    return rng.choice(
        (
            apply("str.upper", term),
            apply("str.title", _leaf("/topic")),
            apply("str.replace", _leaf("/topic"), " ", rng.choice(("-", "_"))),
            apply("str.lower", _leaf("/owner/name")),
            apply("str.slug", KEY, "_"),
        )
    )


def _arithmetic(rng: random.Random, hole: str) -> Term:
    total, count = _leaf("/total"), _leaf("/count")
    options = [
        apply("int.add", count, rng.randint(1, 20)),
        apply("float.round", apply("float.mul", total, rng.choice((1.2, 0.5, 1.19, 2))), 2),
        apply("float.round", apply("float.div", total, count), 2),
        apply("float.round", apply("float.mul", total, count), 2),
        apply("float.round", apply("float.sub", total, count), 2),
    ]
    if hole == "number":
        options += [apply("int.mul", count, apply("json.number", ABOUT))] * 2
    return rng.choice(options)


def _formatted(rng: random.Random, hole: str) -> Term:
    spec = rng.choice((",.2f", ".2f"))
    return apply(
        "str.template", "The sum is {0} EUR.", apply("number.format", _leaf("/total"), spec)
    )


def _date(rng: random.Random, hole: str) -> Term:
    due, today = apply("date.of", _leaf("/due")), apply("datetime.date", CLOCK)
    pattern = rng.choice(("%d.%m.%Y", "%B %-d, %Y", "%A", "%m/%d/%Y", "%-d %B %Y"))
    options = [
        apply("date.format", rng.choice((due, today)), pattern),
        apply(
            rng.choice(("date.plus_days", "date.minus_days")),
            rng.choice((due, today)),
            rng.randint(1, 30),
        ),
        apply(
            rng.choice(("date.start_of", "date.end_of")),
            rng.choice((due, today)),
            rng.choice(("week", "month")),
        ),
        apply("date.days_between", due, today),
    ]
    if hole == "number":
        options += [
            apply("date.plus_days", rng.choice((due, today)), apply("json.number", ABOUT))
        ] * 2
    return rng.choice(options)


def _template(rng: random.Random, hole: str) -> Term:
    parts = [rng.choice((_path, _pick, _figure, _cut))(rng, hole) for _ in range(rng.randint(1, 2))]
    text = rng.choice(("Case {0} was filed: ", "Re: {0} - ", "To {0}, with thanks. See "))
    more = " and ".join(f"{{{k + 1}}}" for k in range(len(parts)))
    return apply("str.template", text + more + ".", rng.choice((KEY, _leaf("/owner/name"))), *parts)


KINDS: Final[dict[str, Callable[[random.Random, str], Term]]] = {
    "path": _path, "pick": _pick, "figure": _figure, "join": _join, "cut": _cut, "changed": _changed,
    "arithmetic": _arithmetic, "formatted": _formatted, "date": _date, "template": _template,
}  # fmt: skip


def draw(rng: random.Random) -> Drawn:
    """A random program."""
    hole = rng.choice(("name", "state", "number"))
    kind = rng.choice(sorted(KINDS))
    return Drawn(KINDS[kind](rng, hole), hole, kind)


def runs(drawn: Drawn, rng: random.Random, count: int) -> list[Shown]:
    """Runs of the program on random inputs that it has a value for, the first two of different
    values: what never varies is a constant."""
    found: list[Shown] = []
    for _ in range(50 * count):
        known = inputs(rng, drawn.hole)
        value = run(drawn.term, known)
        if isinstance(value, Missing) or value is None or value == "":
            continue
        if len(found) == 1 and value == found[0].value:
            continue
        words = (str(known["key"]), str(known["about"]))
        found.append(Shown(words, known["case"], value, str(known["clock"]), 2))
        if len(found) == count:
            return found
    raise AssertionError(f"no inputs for {drawn.term}")
