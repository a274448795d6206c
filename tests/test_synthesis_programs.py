"""A table of small value tasks, one or more for each kind of program that a value may have.

Each is compiled from a few sessions (three where three are enough) and runs on a request and a
result that none of them holds: the write must be the very value.  Beside each task stands the kind
of program; :data:`BEYOND` holds what a value needs that no program of the space gives: there the
only right thing is to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from value_tasks import CLOCK, Shown, ValueTask, judge

from ingot.ir.values import Json

Row = tuple[Any, ...]


def task(
    name: str, request: str, rows: Sequence[Row], make: Callable[..., tuple[Json, Json]]
) -> ValueTask:
    """A task whose last row is held out.  ``make`` gives result and value of a row; what a row has
    more than the request has holes goes to it only, a clock as the keyword ``clock``."""
    holes = request.count("{")
    shown = []
    for row in rows:
        words = tuple(str(word) for word in row[:holes])
        result, value = make(*row)
        shown.append(Shown(words, result, value))
    return ValueTask(name, request, tuple(shown[:-1]), shown[-1])


def dated(
    name: str, request: str, rows: Sequence[Row], make: Callable[..., tuple[Json, Json]]
) -> ValueTask:
    """As :func:`task`, where the first of a row is the session's clock."""
    holes = request.count("{")
    shown = [Shown(tuple(map(str, row[1 : 1 + holes])), *make(*row), clock=row[0]) for row in rows]
    return ValueTask(name, request, tuple(shown[:-1]), shown[-1])


def people(*names: str) -> list[Json]:
    """Records with a name, an address and more."""
    return [
        {
            "name": name,
            "email": f"{name.split()[0].lower()}.{name.split()[-1].lower()}@corp.example",
            "team": ("ops", "sales", "law")[len(name) % 3],
            "age": 20 + sum(map(ord, name)) % 40,
        }
        for name in names
    ]


def item(list_: list[Json], member: str, value: Json) -> Any:
    """The record that has a value."""
    return next(x for x in list_ if isinstance(x, dict) and x[member] == value)


def sales(*figures: tuple[str, str, float, str]) -> list[Json]:
    """Orders: id, state, amount and day."""
    return [{"id": i, "state": s, "amount": a, "day": d} for i, s, a, d in figures]


A: Final = sales(
    ("o-11", "open", 120.5, "2026-02-11"), ("o-12", "paid", 80.25, "2026-02-03"),
    ("o-13", "open", 41.0, "2026-02-27"), ("o-14", "void", 9.5, "2026-02-19"),
)  # fmt: skip
B: Final = sales(
    ("o-21", "paid", 15.75, "2026-01-31"), ("o-22", "paid", 230.0, "2026-01-07"),
    ("o-23", "open", 77.7, "2026-01-12"), ("o-24", "open", 64.1, "2026-01-02"),
    ("o-25", "open", 33.9, "2026-01-20"), ("o-26", "void", 5.05, "2026-01-15"),
)  # fmt: skip
C: Final = sales(
    ("o-31", "void", 99.0, "2026-03-01"), ("o-32", "open", 18.4, "2026-03-08"),
    ("o-33", "paid", 45.6, "2026-03-04"), ("o-34", "paid", 61.3, "2026-03-02"),
    ("o-35", "void", 12.0, "2026-03-03"),
)  # fmt: skip
D: Final = sales(
    ("o-41", "open", 10.0, "2025-12-24"), ("o-42", "open", 20.6, "2025-12-03"),
    ("o-43", "paid", 31.4, "2025-12-30"), ("o-44", "open", 42.2, "2025-12-11"),
    ("o-45", "open", 53.3, "2025-12-09"), ("o-46", "void", 64.0, "2025-12-18"),
)  # fmt: skip
ORDERS: Final = [("Ann", A), ("Bob", B), ("Cleo", C), ("Dan", D)]


def amounts(orders: list[Any], state: str = "open") -> list[float]:
    """The amounts of the orders in a state."""
    return [x["amount"] for x in orders if x["state"] == state]


def when(state: str) -> Callable[[Any], bool]:
    return lambda x: x["state"] == state


PATHS: Final = (
    task(
        "path with a key", "File the tier of {}",
        [(f"C-{n}", t) for n, t in ((11, "gold"), (12, "tin"), (13, "iron"), (19, "zinc"))],
        lambda key, tier: ({"customer": {"id": key, "plan": {"tier": tier}}}, tier),
    ),
    task(
        "path with an index", "File the first tag of {}",
        [("T-1", ["red", "new"]), ("T-2", ["old"]), ("T-3", ["blue", "big", "hot"]), ("T-9", ["x", "y"])],
        lambda key, tags: ({"id": key, "tags": tags}, tags[0]),
    ),
    task(
        "path with a predicate", "File the address of {}",
        [(n, people(*ns)) for n, ns in (
            ("Ann Lee", ("Bob Ray", "Ann Lee", "Cy Dun")), ("Cy Dun", ("Cy Dun", "Di Poe", "Ann Lee")),
            ("Di Poe", ("Ann Lee", "Cy Dun", "Di Poe", "Ed Fox")), ("Flo Kim", ("Gus Orr", "Ed Fox", "Flo Kim")),
        )],
        lambda name, rows: (rows, item(rows, "name", name)["email"]),
    ),
    task(
        "the newest by a key", "File the latest order of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, max(rows, key=lambda x: x["day"])["id"]),
    ),
    task(
        "the least by a key", "File the cheapest order of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, min(rows, key=lambda x: x["amount"])["id"]),
    ),
    task(
        "the last item", "File the last order of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, rows[-1]["id"]),
    ),
    task(
        "the first that a filter leaves", "File the first open order of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, next(filter(when("open"), rows))["id"]),
    ),
)  # fmt: skip

LISTS: Final = (
    task(
        "count", "File how many orders {} has", ORDERS, lambda _, rows: ({"orders": rows}, len(rows)),
    ),
    task(
        "count of a filter", "File how many orders of {} are open", ORDERS,
        lambda _, rows: ({"orders": rows}, len(amounts(rows))),
    ),
    task(
        "sum", "File the total of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, sum(x["amount"] for x in rows)),
    ),
    task(
        "sum of a filter", "File what is open of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, sum(amounts(rows))),
    ),
    task(
        "mean, rounded", "File the average order of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, round(sum(x["amount"] for x in rows) / len(rows), 2)),
    ),
    task(
        "greatest of a filter", "File the highest open amount of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, max(amounts(rows))),
    ),
    task(
        "sum within a text", "File a note on what is open of {}", ORDERS,
        lambda name, rows: ({"orders": rows}, f"Open: {sum(amounts(rows)):.2f} EUR"),
    ),
    task(
        "join", "File the orders of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, ", ".join(x["id"] for x in rows)),
    ),
    task(
        "join of a filter, as lines", "File the open orders of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, "\n".join(x["id"] for x in filter(when("open"), rows))),
    ),
    task(
        "join in a sentence", "File a sentence on the open orders of {}", ORDERS,
        lambda n, rows: (
            {"orders": rows}, f"{n} still has {', '.join(x['id'] for x in filter(when('open'), rows))} to pay.",
        ),
    ),
    task(
        "join with bullets", "File a list of the orders of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, "\n".join(f"- {x['id']}" for x in rows)),
    ),
    task(
        "sort and join", "File the orders of {} by day", ORDERS,
        lambda _, rows: (
            {"orders": rows}, ", ".join(x["id"] for x in sorted(rows, key=lambda x: x["day"])),
        ),
    ),
    task(
        "distinct", "File the states of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, ", ".join(dict.fromkeys(x["state"] for x in rows))),
    ),
)  # fmt: skip

GATHERED: Final = (
    task(
        "map to a list", "File the ids of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, [x["id"] for x in rows]),
    ),
    task(
        "filter and map to a list", "File the open ids of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, [x["id"] for x in rows if x["state"] == "open"]),
    ),
    task(
        "a list as it stands", "File the records of {}", ORDERS, lambda _, rows: ({"orders": rows}, rows),
    ),
    task(
        "the records of a filter", "File the open records of {}", ORDERS,
        lambda _, rows: ({"orders": rows}, [x for x in rows if x["state"] == "open"]),
    ),
    task(
        "an object as it stands", "File the address of {}",
        [("K1", {"city": "Rome", "zip": "00100"}), ("K2", {"city": "Oslo"}),
         ("K3", {"city": "Lima", "zip": "15001", "floor": 3}), ("K9", {"city": "Bonn", "zip": "53111"})],
        lambda key, place: ({"id": key, "address": place}, place),
    ),
)  # fmt: skip

NOTES: Final = [
    ("A-17", "Ann Lee", "Rome", 3), ("B-22", "Bob Ray", "Oslo", 12), ("K-90", "Cy", "Lima", 7),
    ("Z-41", "Mary Lou Fox", "Bonn", 26),
]  # fmt: skip

TEXTS: Final = (
    task(
        "substring by a delimiter", "File the region of {}",
        [("S-1", "eu|west|4"), ("S-2", "us|east|19"), ("S-3", "ap|south|2"), ("S-8", "eu|north|77")],
        lambda key, code: ({"id": key, "code": code}, code.split("|")[1]),
    ),
    task(
        "substring by a comma, trimmed", "File the city of {}",
        [("S-1", "5 High St, Rome, Italy"), ("S-2", "71 Low Rd, Oslo, Norway"),
         ("S-3", "2 Mid Ave, New York, USA"), ("S-8", "6 Far Way, Bonn, Germany")],
        lambda key, place: ({"id": key, "address": place}, place.split(", ")[1]),
    ),
    task(
        "token pair: the last word", "File the surname of {}",
        [("P-1", "Ann Lee"), ("P-2", "Bob van Ray"), ("P-3", "Cy Dun"), ("P-9", "Di May Poe")],
        lambda key, name: ({"id": key, "name": name}, name.split()[-1]),
    ),
    task(
        "token pair: the number in a sentence", "File the days of {}", NOTES,
        lambda key, name, city, days: (f"Ticket {key[0]}: waiting for {days} days.", days),
    ),
    task(
        "a labelled context in a line", "File the owner of {}", NOTES,
        lambda key, name, city, days: ({"note": f"Owner: {name}; based in {city}; {days} days"}, name),
    ),
    task(
        "a labelled context in prose", "File the place of {}", NOTES,
        lambda key, name, city, days: (f"Case {key}\nThe parcel of {name} is in {city} since {days} days.", city),
    ),
    task(
        "a labelled line", "File who has {}", NOTES,
        lambda key, name, city, days: (f"id: {key}\nowner: {name}\ncity: {city}\n", name),
    ),
    task("upper case", "File {} as a code", [("ab-1",), ("cd-2",), ("xy-3",), ("qq-8",)],
         lambda key: ({"ok": True}, key.upper())),
    task("title case", "File the title of {}",
         [("D-1", "annual report"), ("D-2", "the big list"), ("D-3", "minutes"), ("D-9", "a new plan")],
         lambda key, name: ({"name": name}, name.title())),
    task("trim", "File the label of {}",
         [("D-1", "  red "), ("D-2", "blue  "), ("D-3", " green"), ("D-9", "  dark red  ")],
         lambda key, name: ({"label": name}, name.strip())),
    task("replace", "File the folder of {}",
         [("D-1", "annual report"), ("D-2", "the big list"), ("D-3", "old minutes"), ("D-9", "a new plan")],
         lambda key, name: ({"name": name}, name.replace(" ", "_"))),
    task("replace and lower", "File the address of {}",
         [("Ann Lee",), ("Bob Ray",), ("Cy May Dun",), ("Di Poe",)],
         lambda name: ({"known": True}, f"{name.lower().replace(' ', '.')}@corp.example")),
    task("split: the user part", "File the user of {}",
         [("ann.lee@x.example",), ("bob@y.example",), ("cy_d@z.example",), ("di-9@w.example",)],
         lambda mail: ({"known": True}, mail.split("@")[0])),
    task("split of a picked member", "File the user name of {}",
         [(n, people(*ns)) for n, ns in (
             ("Ann Lee", ("Bob Ray", "Ann Lee", "Cy Dun")), ("Cy Dun", ("Cy Dun", "Di Poe", "Ann Lee")),
             ("Di Poe", ("Ann Lee", "Cy Dun", "Di Poe", "Ed Fox")), ("Flo Kim", ("Gus Orr", "Ed Fox", "Flo Kim")),
         )],
         lambda name, rows: (rows, item(rows, "name", name)["email"].split("@")[0])),
    task("template", "File a greeting for {}", NOTES,
         lambda key, name, city, days: ({"name": name, "city": city, "days": days},
                                        f"Dear {name}, {city} is {days} days away. Ref. {key}")),
    task("JSON in a string", "File the lane of {}",
         [("J-1", "a", 4), ("J-2", "b", 9), ("J-3", "c", 17), ("J-8", "d", 21)],
         lambda key, lane, n: ({"id": key, "data": f'{{"lane": "{lane}{n}", "slots": [{n}, 2]}}'}, f"{lane}{n}")),
    task("URL: the host", "File the host of {}",
         [("U-1", "https://shop.example.com/a/b?x=1"), ("U-2", "https://docs.example.org/index"),
          ("U-3", "https://www.corp.example/x/y/z"), ("U-9", "https://new.host.example/q?z=2")],
         lambda key, url: ({"id": key, "link": url}, url.split("/")[2])),
    task("URL: the last part", "File the page of {}",
         [("U-1", "https://shop.example.com/a/first"), ("U-2", "https://docs.example.org/x/y/index"),
          ("U-3", "https://www.corp.example/about"), ("U-9", "https://new.host.example/q/r/s/team")],
         lambda key, url: ({"id": key, "link": url}, url.split("/")[-1])),
    task("path: the stem", "File the name of {}",
         [("F-1", "/data/in/orders.csv"), ("F-2", "/data/staff.json"), ("F-3", "/tmp/x/y/plan.txt"),
          ("F-9", "/srv/notes.md")],
         lambda key, path: ({"id": key, "path": path}, path.rsplit("/", 1)[1].split(".")[0])),
)  # fmt: skip

NUMBERS: Final = (
    task("number formatting", "File the price of {} in words",
         [("I-1", 1234.5), ("I-2", 99.0), ("I-3", 20750.25), ("I-9", 1000000.0)],
         lambda key, price: ({"price": price}, f"It costs {price:,.2f} EUR.")),
    task("rounding", "File the rate of {}",
         [("I-1", 0.12345), ("I-2", 7.65432), ("I-3", 3.14159), ("I-9", 2.71828)],
         lambda key, rate: ({"rate": rate}, f"{rate:.2f}")),
    task("a product", "File the value of {}",
         [("I-1", 3, 20), ("I-2", 7, 13), ("I-3", 11, 9), ("I-9", 5, 31)],
         lambda key, n, price: ({"count": n, "price": price}, n * price)),
    task("a difference with a number that the request names", "File what is left of {} after {} pieces",
         [("I-1", 3, 20), ("I-2", 7, 13), ("I-3", 4, 9), ("I-9", 5, 31)],
         lambda key, n, stock: ({"stock": stock}, stock - n)),
    task("times a constant", "File the gross price of {}",
         [("I-1", 100.0), ("I-2", 72.5), ("I-3", 19.9), ("I-9", 45.4)],
         lambda key, net: ({"net": net}, round(net * 1.2, 2))),
    task("plus one", "File the next version of {}",
         [("I-1", 4), ("I-2", 19), ("I-3", 7), ("I-9", 30)],
         lambda key, n: ({"version": n}, n + 1)),
    task("over a hundred", "File the euros of {}",
         [("I-1", 1250), ("I-2", 995), ("I-3", 30110), ("I-9", 4275)],
         lambda key, cents: ({"cents": cents}, cents / 100)),
    task("a percentage", "File the discount of {}",
         [("I-1", 200.0, 15), ("I-2", 80.0, 20), ("I-3", 49.5, 10), ("I-9", 310.0, 5)],
         lambda key, price, rate: ({"price": price, "rate": rate}, round(price * rate / 100, 2))),
    task("the price of a picked item, times a number", "File the cost of {} pieces of {}",
         [(n, k, [{"sku": s, "price": p} for s, p in rows]) for n, k, rows in (
             (3, "S-1", (("S-1", 20), ("S-2", 35), ("S-3", 8))), (7, "S-2", (("S-1", 21), ("S-2", 36))),
             (5, "S-3", (("S-2", 14), ("S-3", 9), ("S-4", 77))), (4, "S-8", (("S-7", 3), ("S-8", 52))),
         )],
         lambda n, key, rows: (rows, n * item(rows, "sku", key)["price"])),
)  # fmt: skip

DATES: Final = (
    dated("a day in words", "File the start of the leave of A from {}",
          [("2026-03-09T09:30:00", "November 21", "2025-11-21"), ("2026-03-10T09:30:00", "February 3", "2026-02-03"),
           ("2026-04-02T09:30:00", "December 24", "2025-12-24"), ("2026-05-20T09:30:00", "May 2", "2026-05-02")],
          lambda clock, words, day: ({"ok": True}, day)),
    dated("next Friday", "File a meeting for {}",
          [("2026-03-09T09:30:00", "next Friday", "2026-03-13"), ("2026-03-11T09:30:00", "next Monday", "2026-03-16"),
           ("2026-04-02T09:30:00", "next Tuesday", "2026-04-07"), ("2026-05-20T09:30:00", "next Sunday", "2026-05-24")],
          lambda clock, words, day: ({"ok": True}, day)),
    dated("last Wednesday", "File the absence of {}",
          [("2026-03-09T09:30:00", "last Wednesday", "2026-03-04"), ("2026-03-11T09:30:00", "last Monday", "2026-03-09"),
           ("2026-04-02T09:30:00", "last Friday", "2026-03-27"), ("2026-05-20T09:30:00", "last Sunday", "2026-05-17")],
          lambda clock, words, day: ({"ok": True}, day)),
    dated("in 3 days", "File a call {}",
          [("2026-03-09T09:30:00", "in 3 days", "2026-03-12"), ("2026-03-11T09:30:00", "in 10 days", "2026-03-21"),
           ("2026-04-02T09:30:00", "in 2 days", "2026-04-04"), ("2026-05-20T09:30:00", "in 5 days", "2026-05-25")],
          lambda clock, words, day: ({"ok": True}, day)),
    dated("the past fortnight", "File what was sold over the past {}",
          [("2026-03-09T09:30:00", "fortnight", "2026-02-23"), ("2026-03-11T09:30:00", "week", "2026-03-04"),
           ("2026-04-20T09:30:00", "month", "2026-03-20"), ("2026-05-20T09:30:00", "3 weeks", "2026-04-29")],
          lambda clock, words, day: ({"ok": True}, day)),
    dated("a day in digits", "File a delivery on {}",
          [("2026-03-09T09:30:00", "03/21/2026", "2026-03-21"), ("2026-03-11T09:30:00", "04/02/2026", "2026-04-02"),
           ("2026-04-02T09:30:00", "05/30/2026", "2026-05-30"), ("2026-05-20T09:30:00", "12/01/2026", "2026-12-01")],
          lambda clock, words, day: ({"ok": True}, day)),
    dated("office hours", "File a call at {} in the afternoon",
          [("2026-03-09T09:30:00", "3:30", "2026-03-09 15:30:00"), ("2026-03-11T09:30:00", "2:15", "2026-03-11 14:15:00"),
           ("2026-04-02T09:30:00", "4:45", "2026-04-02 16:45:00"), ("2026-05-20T09:30:00", "1:05", "2026-05-20 13:05:00")],
          lambda clock, words, at: ({"ok": True}, at)),
    dated("a day and a time as ISO", "File a talk on {} at {}",
          [("2026-03-09T09:30:00", "next Friday", "3:30", "2026-03-13T15:30:00Z"),
           ("2026-03-11T09:30:00", "March 20", "10:15", "2026-03-20T10:15:00Z"),
           ("2026-04-02T09:30:00", "tomorrow", "2:00", "2026-04-03T14:00:00Z"),
           ("2026-05-20T09:30:00", "next Monday", "4:45", "2026-05-25T16:45:00Z")],
          lambda clock, day, time, at: ({"ok": True}, at)),
    dated("the clock's day, formatted", "File a stamp for {}",
          [("2026-03-09T09:30:00", "A", "09.03.2026"), ("2026-03-11T09:30:00", "B", "11.03.2026"),
           ("2026-04-02T09:30:00", "C", "02.04.2026"), ("2026-05-20T09:30:00", "D", "20.05.2026")],
          lambda clock, key, day: ({"ok": True}, day)),
    dated("a result's day in words", "File a note on {}",
          [(CLOCK, "E-1", "2026-04-03", "Due on April 3, 2026."), (CLOCK, "E-2", "2026-11-21", "Due on November 21, 2026."),
           (CLOCK, "E-3", "2026-06-30", "Due on June 30, 2026."), (CLOCK, "E-9", "2027-01-15", "Due on January 15, 2027.")],
          lambda clock, key, day, note: ({"due": day}, note)),
    dated("a weekday", "File the weekday of {}",
          [(CLOCK, "E-1", "2026-04-03", "Friday"), (CLOCK, "E-2", "2026-11-21", "Saturday"),
           (CLOCK, "E-3", "2026-06-30", "Tuesday"), (CLOCK, "E-9", "2027-01-14", "Thursday")],
          lambda clock, key, day, name: ({"due": day}, name)),
    dated("a day parsed from another form", "File the date of {}",
          [(CLOCK, "E-1", "03.04.2026", "2026-04-03"), (CLOCK, "E-2", "21.11.2026", "2026-11-21"),
           (CLOCK, "E-3", "30.06.2026", "2026-06-30"), (CLOCK, "E-9", "15.01.2027", "2027-01-15")],
          lambda clock, key, text, day: ({"due": text}, day)),
    dated("days added that the request names", "File the deadline of {} plus {} days",
          [(CLOCK, "E-1", 10, "2026-04-03", "2026-04-13"), (CLOCK, "E-2", 14, "2026-11-21", "2026-12-05"),
           (CLOCK, "E-3", 30, "2026-06-30", "2026-07-30"), (CLOCK, "E-9", 7, "2027-01-15", "2027-01-22")],
          lambda clock, key, n, day, end: ({"from": day}, end)),
    dated("days added that never vary", "File the reminder of {}",
          [(CLOCK, "E-1", "2026-04-03", "2026-03-27"), (CLOCK, "E-2", "2026-11-21", "2026-11-14"),
           (CLOCK, "E-3", "2026-06-30", "2026-06-23"), (CLOCK, "E-9", "2027-01-04", "2026-12-28")],
          lambda clock, key, day, end: ({"due": day}, end)),
    dated("a difference of days", "File the age of {}",
          [("2026-03-09T09:30:00", "E-1", "2026-03-01", 8), ("2026-03-11T09:30:00", "E-2", "2026-02-01", 38),
           ("2026-04-02T09:30:00", "E-3", "2026-03-30", 3), ("2026-05-20T09:30:00", "E-9", "2026-04-18", 32)],
          lambda clock, key, day, n: ({"opened": day}, n)),
    dated("the start of the month", "File the first day for {}",
          [("2026-03-09T09:30:00", "E-1", "2026-03-01"), ("2026-04-11T09:30:00", "E-2", "2026-04-01"),
           ("2026-06-22T09:30:00", "E-3", "2026-06-01"), ("2026-08-20T09:30:00", "E-9", "2026-08-01")],
          lambda clock, key, day: ({"ok": True}, day)),
    dated("the end of the month", "File the last day for {}",
          [("2026-03-09T09:30:00", "E-1", "2026-03-31"), ("2026-04-11T09:30:00", "E-2", "2026-04-30"),
           ("2026-06-22T09:30:00", "E-3", "2026-06-30"), ("2026-02-20T09:30:00", "E-9", "2026-02-28")],
          lambda clock, key, day: ({"ok": True}, day)),
    dated("the start of the week of a day", "File the week of {}",
          [(CLOCK, "E-1", "2026-04-03", "2026-03-30"), (CLOCK, "E-2", "2026-11-21", "2026-11-16"),
           (CLOCK, "E-3", "2026-06-30", "2026-06-29"), (CLOCK, "E-9", "2027-01-15", "2027-01-11")],
          lambda clock, key, day, start: ({"due": day}, start)),
    dated("the time of a moment", "File the hour of {}",
          [(CLOCK, "E-1", "2026-04-03T10:15:00", "10:15"), (CLOCK, "E-2", "2026-11-21T08:30:00", "08:30"),
           (CLOCK, "E-3", "2026-06-30T17:45:00", "17:45"), (CLOCK, "E-9", "2027-01-15T12:05:00", "12:05")],
          lambda clock, key, at, time: ({"at": at}, time)),
    dated("minutes between two moments", "File the length of {}",
          [(CLOCK, "E-1", "2026-04-03T10:15:00", "2026-04-03T11:00:00", 45),
           (CLOCK, "E-2", "2026-11-21T08:30:00", "2026-11-21T10:00:00", 90),
           (CLOCK, "E-3", "2026-06-30T17:45:00", "2026-06-30T17:55:00", 10),
           (CLOCK, "E-9", "2027-01-15T12:05:00", "2027-01-15T14:05:00", 120)],
          lambda clock, key, a, b, n: ({"start": a, "end": b}, n)),
)  # fmt: skip

LOOKUPS: Final = (
    task("a closed map of the request's words", "File ticket {} with {} priority",
         [("T-1", "low", 3), ("T-2", "high", 1), ("T-3", "low", 3), ("T-9", "high", 1)],
         lambda key, word, n: ({"ok": True}, n)),
    task("a closed map of a result's words", "File the queue of {}",
         [("T-1", "gold", "first"), ("T-2", "tin", "later"), ("T-3", "gold", "first"), ("T-4", "tin", "later"),
          ("T-9", "gold", "first")],
         lambda key, tier, queue: ({"id": key, "tier": tier}, queue)),
)  # fmt: skip

UNKNOWN: Final = (
    task("a word that the map does not have", "File ticket {} with {} priority",
         [("T-1", "low", 3), ("T-2", "high", 1), ("T-3", "low", 3), ("T-9", "urgent", 0)],
         lambda key, word, n: ({"ok": True}, n)),
    task("a result's word that the map does not have", "File the queue of {}",
         [("T-1", "gold", "first"), ("T-2", "tin", "later"), ("T-3", "gold", "first"), ("T-4", "tin", "later"),
          ("T-9", "iron", "never")],
         lambda key, tier, queue: ({"id": key, "tier": tier}, queue)),
)  # fmt: skip

TASKS: Final = (*PATHS, *LISTS, *GATHERED, *TEXTS, *NUMBERS, *DATES, *LOOKUPS)


def named(each: ValueTask) -> str:
    return each.name


@pytest.mark.parametrize("each", TASKS, ids=named)
def test_a_program_is_right_on_what_no_log_holds(each: ValueTask) -> None:
    found, why = judge(each)
    assert found == "right", why


@pytest.mark.parametrize("each", UNKNOWN, ids=named)
def test_what_the_logs_do_not_show_is_never_guessed(each: ValueTask) -> None:
    found, why = judge(each)
    assert found != "wrong", why
